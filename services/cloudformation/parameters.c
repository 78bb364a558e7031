/* Parameters: values against types and constraints; rules and their assertions.
 *
 * Pure. Sources: "Parameters" and "Rules" (CloudFormation User Guide). */
#include "intrinsics.h"

#include "base/pattern.h"

static struct json *fail(struct str *why, struct str message)
{
	*why = message;
	return NULL;
}

static bool truthy(const struct json *j)
{
	struct str s = intrinsics_scalar(j);
	return str_eq_nocase(s, S("true"));
}

bool parameters_no_echo(const struct json *template, struct str name)
{
	return truthy(json_get(json_get(json_get(template, S("Parameters")), name), S("NoEcho")));
}

/* Types of AWS's own ids ("AWS::EC2::VPC::Id", "List<AWS::EC2::Subnet::Id>") hold text. */
static bool type_known(struct str type)
{
	return str_eq(type, S("String")) || str_eq(type, S("Number")) || str_eq(type, S("CommaDelimitedList"))
	       || str_eq(type, S("List<Number>")) || str_eq(type, S("List<String>"))
	       || (str_starts(type, S("AWS::EC2::")) && !str_ends(type, S(">"))) || str_starts(type, S("List<AWS::EC2::"))
	       || str_eq(type, S("AWS::Route53::HostedZone::Id")) || str_eq(type, S("List<AWS::Route53::HostedZone::Id>"))
	       || str_eq(type, S("AWS::SSM::Parameter::Name"));
}

static bool is_list(struct str type) { return str_eq(type, S("CommaDelimitedList")) || str_starts(type, S("List<")); }

/* "failed to satisfy constraint" with the author's own words when the parameter has them. */
static struct json *violated(struct arena *a, struct str name, const struct json *p, struct str otherwise, struct str *why)
{
	ASSERT(str_present(name) && p != NULL && why != NULL);
	struct str own = json_get_str(p, "ConstraintDescription");
	if (str_present(own))
		return fail(why, arena_printf(a, "Parameter %.*s failed to satisfy constraint: %.*s", STR_ARG(name), STR_ARG(own)));
	return fail(why, arena_printf(a, "Parameter '%.*s' %.*s", STR_ARG(name), STR_ARG(otherwise)));
}

static bool limit(const struct json *p, const char *member, double *out)
{
	struct str s = intrinsics_scalar(json_get(p, str_c(member)));
	return str_present(s) && str_to_f64(s, out);
}

static bool check_number(struct arena *a, struct str name, const struct json *p, struct str value, struct str *why)
{
	double v, bound;
	if (!str_to_f64(value, &v))
		return fail(why, arena_printf(a, "Parameter '%.*s' must be a number.", STR_ARG(name))) != NULL;
	if (limit(p, "MinValue", &bound) && v < bound)
		return violated(a, name, p, arena_printf(a, "must be a number not less than %.*s",
		                STR_ARG(intrinsics_scalar(json_get(p, S("MinValue"))))), why) != NULL;
	if (limit(p, "MaxValue", &bound) && v > bound)
		return violated(a, name, p, arena_printf(a, "must be a number not greater than %.*s",
		                STR_ARG(intrinsics_scalar(json_get(p, S("MaxValue"))))), why) != NULL;
	return true;
}

static bool allowed(const struct json *values, struct str value)
{
	if (!json_is(values, JSON_ARRAY))
		return true;
	for (uint32_t i = 0; i < values->n; i++)
		if (str_eq(intrinsics_scalar(&values->items[i]), value))
			return true;
	return false;
}

/* One text (an item, for lists) against all constraints but the lengths of the whole. */
static bool check_value(struct arena *a, struct str name, const struct json *p, struct str value, struct str *why)
{
	struct str type = json_get_str(p, "Type"), pattern = json_get_str(p, "AllowedPattern");
	double bound;
	if ((str_eq(type, S("Number")) || str_eq(type, S("List<Number>"))) && !check_number(a, name, p, value, why))
		return false;
	if (!allowed(json_get(p, S("AllowedValues")), value))
		return violated(a, name, p, S("must be one of AllowedValues"), why) != NULL;
	if (limit(p, "MinLength", &bound) && (double)value.n < bound)
		return violated(a, name, p, arena_printf(a, "must contain at least %.0f characters", bound), why) != NULL;
	if (limit(p, "MaxLength", &bound) && (double)value.n > bound)
		return violated(a, name, p, arena_printf(a, "must contain at most %.0f characters", bound), why) != NULL;
	if (str_present(pattern)) {
		const struct pattern *compiled = pattern_of_client(a, pattern);
		if (compiled == NULL)
			return fail(why, arena_printf(a, "Template error: AllowedPattern of parameter %.*s is not a valid regular expression",
				STR_ARG(name))) != NULL;
		if (!pattern_matches(compiled, value))
			return violated(a, name, p, arena_printf(a, "must match pattern %.*s", STR_ARG(pattern)), why) != NULL;
	}
	return true;
}

static struct json *value_of(struct arena *a, struct str name, const struct json *p, struct str text, struct str *why)
{
	ASSERT(str_present(name) && str_present(text));
	struct str type = json_get_str(p, "Type");
	if (!is_list(type))
		return check_value(a, name, p, text, why) ? json_new_str(a, text) : NULL;
	struct json *list = json_new_array(a);
	struct str rest = text;
	while (text.n > 0 && str_present(rest)) {
		struct str item = str_trim(str_cut(&rest, ','));
		if (!check_value(a, name, p, item, why))
			return NULL;
		json_push(a, list, json_new_str(a, item));
	}
	return list;
}

struct json *parameters_resolve(struct arena *a, const struct json *template, const struct json *given, struct str *why)
{
	ASSERT(template != NULL && why != NULL);
	const struct json *declared = json_get(template, S("Parameters"));
	struct json *out = json_new_object(a);
	struct buf missing, strange;
	buf_init(&missing, a, 8192);
	buf_init(&strange, a, 8192);
	for (uint32_t i = 0; given != NULL && i < given->n; i++) {
		if (json_get(declared, given->members[i].key) != NULL)
			continue;
		buf_printf(&strange, "%s%.*s", strange.n > 0 ? ", " : "", STR_ARG(given->members[i].key));
	}
	if (strange.n > 0)
		return fail(why, arena_printf(a, "Parameters: [%.*s] do not exist in the template", STR_ARG(buf_view(&strange))));
	for (uint32_t i = 0; declared != NULL && i < declared->n; i++) {
		struct str name = declared->members[i].key;
		const struct json *p = &declared->members[i].value;
		struct str type = json_get_str(p, "Type");
		if (!type_known(type))
			return fail(why, arena_printf(a, "Template format error: parameter %.*s is of type %.*s, which is not supported",
				STR_ARG(name), STR_ARG(type)));
		struct str text = intrinsics_scalar(json_get(given, name));
		if (!str_present(text))
			text = intrinsics_scalar(json_get(p, S("Default")));
		if (!str_present(text)) {
			buf_printf(&missing, "%s%.*s", missing.n > 0 ? ", " : "", STR_ARG(name));
			continue;
		}
		struct json *v = value_of(a, name, p, text, why);
		if (v == NULL)
			return NULL;
		json_set(a, out, name, v);
	}
	if (missing.n > 0)
		return fail(why, arena_printf(a, "Parameters: [%.*s] must have values", STR_ARG(buf_view(&missing))));
	return out;
}

/* ---- rules ---- */

static bool list_has(const struct json *list, const struct json *value)
{
	for (uint32_t i = 0; json_is(list, JSON_ARRAY) && i < list->n; i++)
		if (json_equal(&list->items[i], value))
			return true;
	return false;
}

/* Rule functions work on lists: Contains, EachMemberEquals, EachMemberIn; the rest is as in conditions. */
static bool rule_truth(struct intrinsics *x, const struct json *node)
{
	struct str name;
	const struct json *arg;
	if (!intrinsics_function(node, &name, &arg)) {
		intrinsics_fail(x, "Template error: a rule's assertion must be a rule function");
		return false;
	}
	bool contains = str_eq(name, S("Fn::Contains")), equals = str_eq(name, S("Fn::EachMemberEquals")), in = str_eq(name, S("Fn::EachMemberIn"));
	if (str_eq(name, S("Fn::And")) || str_eq(name, S("Fn::Or"))) {
		bool all = str_eq(name, S("Fn::And")), result = all;
		for (uint32_t i = 0; json_is(arg, JSON_ARRAY) && i < arg->n; i++)
			result = all ? rule_truth(x, &arg->items[i]) && result : rule_truth(x, &arg->items[i]) || result;
		return result;
	}
	if (str_eq(name, S("Fn::Not")) && json_is(arg, JSON_ARRAY) && arg->n == 1)
		return !rule_truth(x, &arg->items[0]);
	if (!contains && !equals && !in)
		return json_is(intrinsics_eval(x, node), JSON_TRUE);
	if (!json_is(arg, JSON_ARRAY) || arg->n != 2) {
		intrinsics_fail(x, "Template error: %.*s requires two parameters", STR_ARG(name));
		return false;
	}
	struct json *l = intrinsics_eval(x, &arg->items[0]), *r = intrinsics_eval(x, &arg->items[1]);
	if (l == NULL || r == NULL)
		return false;
	if (contains)
		return list_has(l, r);
	for (uint32_t i = 0; json_is(l, JSON_ARRAY) && i < l->n; i++)
		if (equals ? !json_equal(&l->items[i], r) : !list_has(r, &l->items[i]))
			return false;
	return true;
}

bool parameters_rules(struct intrinsics *x)
{
	ASSERT(x->template != NULL && x->parameters != NULL);
	const struct json *rules = json_get(x->template, S("Rules"));
	for (uint32_t i = 0; rules != NULL && i < rules->n; i++) {
		const struct json *rule = &rules->members[i].value, *when = json_get(rule, S("RuleCondition"));
		const struct json *assertions = json_get(rule, S("Assertions"));
		if (when != NULL && !rule_truth(x, when))
			continue;
		for (uint32_t k = 0; json_is(assertions, JSON_ARRAY) && k < assertions->n && !str_present(x->error); k++) {
			const struct json *one = &assertions->items[k];
			struct str words = json_get_str(one, "AssertDescription");
			if (!rule_truth(x, json_get(one, S("Assert"))))
				intrinsics_fail(x, "Template error: Rule %.*s failed: %.*s", STR_ARG(rules->members[i].key),
				                STR_ARG(str_present(words) ? words : S("an assertion is false")));
		}
	}
	return !str_present(x->error);
}
