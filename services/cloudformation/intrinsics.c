/* Evaluation of intrinsic functions; intrinsics.h says what holds.
 *
 * One table maps function names to their code. Every function evaluates its own arguments, so that Fn::If leaves the
 * branch that is not taken alone. Work is bounded by budget (nodes) and depth. */
#include "intrinsics.h"

#include "base/enc.h"
#include "template.h"

static struct json no_value = {.type = JSON_NULL};

bool intrinsics_is_no_value(const struct json *value) { return value == &no_value; }

void intrinsics_init(struct intrinsics *x, struct arena *a, const struct json *template)
{
	ASSERT(a != NULL && template != NULL);
	*x = (struct intrinsics){.a = a, .template = template, .budget = 4 * TEMPLATE_NODES_MAX, .error = STR_NONE};
	map_init(&x->conditions, a);
}

struct json *intrinsics_fail(struct intrinsics *x, const char *fmt, ...)
{
	va_list ap;
	if (str_present(x->error))
		return NULL;
	va_start(ap, fmt);
	x->error = arena_vprintf(x->a, fmt, ap);
	va_end(ap);
	ASSERT(str_present(x->error));
	return NULL;
}

struct str intrinsics_scalar(const struct json *value)
{
	if (value == NULL)
		return STR_NONE;
	switch (value->type) {
	case JSON_STRING: case JSON_NUMBER: return value->text;
	case JSON_TRUE: return S("true");
	case JSON_FALSE: return S("false");
	default: return STR_NONE;
	}
}

bool intrinsics_function(const struct json *node, struct str *name, const struct json **argument)
{
	if (!json_is(node, JSON_OBJECT) || node->n != 1)
		return false;
	*name = node->members[0].key;
	*argument = &node->members[0].value;
	return str_eq(*name, S("Ref")) || str_starts(*name, S("Fn::"));
}

struct str intrinsics_text(struct intrinsics *x, const struct json *node)
{
	struct json *v = intrinsics_eval(x, node);
	struct str s = intrinsics_scalar(v);
	if (v != NULL && !str_present(s))
		intrinsics_fail(x, "Template error: a function that must give a string gives another type");
	return s;
}

/* ---- conditions ---- */

static struct json *boolean(struct intrinsics *x, bool v) { return json_new_bool(x->a, v); }

/* A boolean function's value: {"Condition": name}, another function, or "true"/"false". */
static bool truth(struct intrinsics *x, const struct json *node)
{
	if (json_is(node, JSON_OBJECT) && node->n == 1 && str_eq(node->members[0].key, S("Condition")))
		return intrinsics_condition(x, json_str(&node->members[0].value));
	struct json *v = intrinsics_eval(x, node);
	struct str s = intrinsics_scalar(v);
	if (str_eq(s, S("true")))
		return true;
	if (!str_eq(s, S("false")))
		intrinsics_fail(x, "Template format error: Conditions can only be boolean operations on parameters and other conditions");
	return false;
}

bool intrinsics_condition(struct intrinsics *x, struct str name)
{
	int *state = str_present(name) ? map_get(&x->conditions, name) : NULL;
	if (state != NULL && *state == 0) {
		intrinsics_fail(x, "Template error: Found circular condition dependency with condition %.*s", STR_ARG(name));
		return false;
	}
	if (state != NULL)
		return *state == 2;
	const struct json *definition = str_present(name) ? json_get(json_get(x->template, S("Conditions")), name) : NULL;
	if (definition == NULL) {
		intrinsics_fail(x, "Template format error: Unresolved condition dependency %.*s in the Conditions block of the template", STR_ARG(name));
		return false;
	}
	state = arena_new_of(x->a, int);
	map_put(&x->conditions, name, state);
	bool v = truth(x, definition);
	*state = v ? 2 : 1;
	return v && !str_present(x->error);
}

bool intrinsics_present(struct intrinsics *x, const struct json *thing)
{
	struct str name = json_get_str(thing, "Condition");
	return !str_present(name) || intrinsics_condition(x, name);
}

bool intrinsics_conditions(struct intrinsics *x)
{
	const struct json *all = json_get(x->template, S("Conditions"));
	for (uint32_t i = 0; all != NULL && i < all->n; i++)
		intrinsics_condition(x, all->members[i].key);
	return !str_present(x->error);
}

static struct json *fn_equals(struct intrinsics *x, const struct json *arg)
{
	if (!json_is(arg, JSON_ARRAY) || arg->n != 2)
		return intrinsics_fail(x, "Template error: every Fn::Equals object requires a list of 2 string parameters.");
	struct json *l = intrinsics_eval(x, &arg->items[0]), *r = intrinsics_eval(x, &arg->items[1]);
	if (l == NULL || r == NULL)
		return NULL;
	struct str a = intrinsics_scalar(l), b = intrinsics_scalar(r);
	return boolean(x, str_present(a) && str_present(b) ? str_eq(a, b) : json_equal(l, r));
}

static struct json *and_or(struct intrinsics *x, const struct json *arg, bool all, const char *name)
{
	ASSERT(name != NULL && x->a != NULL);
	if (!json_is(arg, JSON_ARRAY) || arg->n < 2 || arg->n > 10)
		return intrinsics_fail(x, "Template error: every %s object requires a list of at least 2 and at most 10 boolean parameters.", name);
	bool result = all;
	for (uint32_t i = 0; i < arg->n && !str_present(x->error); i++) {
		bool v = truth(x, &arg->items[i]);
		result = all ? result && v : result || v;
	}
	return str_present(x->error) ? NULL : boolean(x, result);
}

static struct json *fn_and(struct intrinsics *x, const struct json *arg) { return and_or(x, arg, true, "Fn::And"); }
static struct json *fn_or(struct intrinsics *x, const struct json *arg) { return and_or(x, arg, false, "Fn::Or"); }

static struct json *fn_not(struct intrinsics *x, const struct json *arg)
{
	if (!json_is(arg, JSON_ARRAY) || arg->n != 1)
		return intrinsics_fail(x, "Template error: every Fn::Not object requires one boolean parameter.");
	bool v = truth(x, &arg->items[0]);
	return str_present(x->error) ? NULL : boolean(x, !v);
}

static struct json *fn_if(struct intrinsics *x, const struct json *arg)
{
	if (!json_is(arg, JSON_ARRAY) || arg->n != 3 || arg->items[0].type != JSON_STRING)
		return intrinsics_fail(x, "Template error: Fn::If requires a list argument with three elements");
	bool v = intrinsics_condition(x, arg->items[0].text);
	return str_present(x->error) ? NULL : intrinsics_eval(x, &arg->items[v ? 1 : 2]);
}

/* ---- references ---- */

static struct json *text(struct intrinsics *x, struct str s) { return json_new_str(x->a, s); }

static struct json *pseudo(struct intrinsics *x, struct str name)
{
	if (str_eq(name, S("AWS::AccountId")))
		return text(x, x->account);
	if (str_eq(name, S("AWS::Region")))
		return text(x, x->region);
	if (str_eq(name, S("AWS::Partition")))
		return text(x, S("aws"));
	if (str_eq(name, S("AWS::URLSuffix")))
		return text(x, S("amazonaws.com"));
	if (str_eq(name, S("AWS::StackName")))
		return text(x, x->stack_name);
	if (str_eq(name, S("AWS::StackId")))
		return text(x, x->stack_id);
	if (str_eq(name, S("AWS::NotificationARNs")))
		return x->notification_arns != NULL ? json_copy(x->a, x->notification_arns) : json_new_array(x->a);
	if (str_eq(name, S("AWS::NoValue")))
		return &no_value;
	return intrinsics_fail(x, "Template format error: Unresolved resource dependencies [%.*s] in the Resources block of the template", STR_ARG(name));
}

static struct json *resource_value(struct intrinsics *x, struct str id, struct str attribute)
{
	ASSERT(str_present(attribute));
	const struct json *r = json_get(json_get(x->template, S("Resources")), id);
	if (r == NULL || !intrinsics_present(x, r))
		return intrinsics_fail(x, "Template format error: Unresolved resource dependencies [%.*s] in the Resources block of the template",
			STR_ARG(id));
	if (x->resource == NULL)
		return text(x, S(CFN_LATER));
	struct json *v = x->resource(x, id, attribute);
	if (v == NULL)
		return intrinsics_fail(x, "Template error: resource %.*s does not support attribute type %.*s in Fn::GetAtt", STR_ARG(id),
			STR_ARG(attribute));
	return v;
}

static struct json *reference(struct intrinsics *x, struct str name)
{
	ASSERT(str_present(name) && x->template != NULL);
	struct json *p = json_get(x->parameters, name);
	if (p != NULL)
		return json_copy(x->a, p);
	if (str_starts(name, S("AWS::")))
		return pseudo(x, name);
	return resource_value(x, name, S("Ref"));
}

static struct json *fn_ref(struct intrinsics *x, const struct json *arg)
{
	if (json_is(arg, JSON_STRING))
		return reference(x, arg->text);
	if (x->language_extensions && json_is(arg, JSON_OBJECT)) {
		struct str name = intrinsics_text(x, arg);
		return str_present(name) ? reference(x, name) : NULL;
	}
	return intrinsics_fail(x, "Template format error: Every Ref object must have a single String value.");
}

static struct json *fn_get_att(struct intrinsics *x, const struct json *arg)
{
	struct str id = STR_NONE, attribute = STR_NONE;
	if (json_is(arg, JSON_STRING)) {
		attribute = arg->text;
		id = str_cut(&attribute, '.');
	} else if (json_is(arg, JSON_ARRAY) && arg->n >= 2 && arg->items[0].type == JSON_STRING) {
		id = arg->items[0].text;
		attribute = intrinsics_text(x, &arg->items[1]);
		for (uint32_t i = 2; i < arg->n && str_present(attribute); i++)
			attribute = arena_join(x->a, attribute, S("."), json_str(&arg->items[i]));
	}
	if (str_present(x->error))
		return NULL;
	if (str_empty(id) || str_empty(attribute))
		return intrinsics_fail(x, "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the "
			"resource attribute");
	if (json_get(json_get(x->template, S("Resources")), id) == NULL)
		return intrinsics_fail(x, "Template error: instance of Fn::GetAtt references undefined resource %.*s", STR_ARG(id));
	return resource_value(x, id, attribute);
}

/* ---- text ---- */

bool intrinsics_sub_next(struct str *text, struct str *before, struct str *name)
{
	ptrdiff_t at = str_find_str(*text, S("${"));
	ptrdiff_t end = at < 0 ? -1 : str_find(str_slice(*text, (size_t)at, text->n), '}');
	if (end < 0)
		return false;
	ASSERT(end >= 2);
	*before = str_slice(*text, 0, (size_t)at);
	*name = str_slice(*text, (size_t)at + 2, (size_t)(at + end));
	*text = str_slice(*text, (size_t)(at + end) + 1, text->n);
	return true;
}

static struct str sub_variable(struct intrinsics *x, struct str name, const struct json *variables)
{
	const struct json *own = json_get(variables, name);
	struct json *v = NULL;
	if (own != NULL) {
		v = intrinsics_eval(x, own);
	} else if (str_find(name, '.') >= 0 && json_get(x->parameters, name) == NULL) {
		struct json as = {.type = JSON_STRING, .text = name};
		v = fn_get_att(x, &as);
	} else {
		v = reference(x, name);
	}
	struct str s = intrinsics_scalar(v);
	if (!str_present(s))
		intrinsics_fail(x, "Template error: variable %.*s in Fn::Sub expression does not resolve to a string", STR_ARG(name));
	return s;
}

static struct json *fn_sub(struct intrinsics *x, const struct json *arg)
{
	static const char usage[] = "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a "
		"string as first argument, and an optional second argument to specify a mapping of values to replace in the string";
	const struct json *variables = NULL;
	struct buf b;
	if (json_is(arg, JSON_ARRAY)) {
		if (arg->n != 2 || arg->items[0].type != JSON_STRING || arg->items[1].type != JSON_OBJECT)
			return intrinsics_fail(x, usage);
		variables = &arg->items[1];
		arg = &arg->items[0];
	}
	if (!json_is(arg, JSON_STRING))
		return intrinsics_fail(x, usage);
	struct str s = arg->text, before, name;
	buf_init(&b, x->a, 4 * TEMPLATE_URL_MAX);
	while (intrinsics_sub_next(&s, &before, &name)) {
		buf_str(&b, before);
		if (name.n > 0 && name.p[0] == '!') {
			buf_lit(&b, "${");
			buf_str(&b, str_slice(name, 1, name.n));
			buf_putc(&b, '}');
			continue;
		}
		struct str v = sub_variable(x, str_trim(name), variables);
		if (!str_present(v))
			return NULL;
		buf_str(&b, v);
	}
	buf_str(&b, s);
	if (b.overflow)
		return intrinsics_fail(x, "Template error: the result of Fn::Sub is too long");
	return text(x, buf_view(&b));
}

static struct json *list_of(struct intrinsics *x, const struct json *node)
{
	struct json *v = intrinsics_eval(x, node);
	return json_is(v, JSON_ARRAY) ? v : NULL;
}

static struct json *fn_join(struct intrinsics *x, const struct json *arg)
{
	static const char usage[] = "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list "
		"of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.";
	struct buf b;
	if (!json_is(arg, JSON_ARRAY) || arg->n != 2 || !str_present(intrinsics_scalar(&arg->items[0])))
		return intrinsics_fail(x, usage);
	const struct json *list = list_of(x, &arg->items[1]);
	if (list == NULL) {
		const struct json *v = intrinsics_eval(x, &arg->items[1]);
		if (v != NULL && str_eq(intrinsics_scalar(v), S(CFN_LATER)))
			return text(x, S(CFN_LATER));
		return intrinsics_fail(x, usage);
	}
	buf_init(&b, x->a, 4 * TEMPLATE_URL_MAX);
	for (uint32_t i = 0; i < list->n; i++) {
		struct str s = intrinsics_scalar(&list->items[i]);
		if (!str_present(s))
			return intrinsics_fail(x, usage);
		if (i > 0)
			buf_str(&b, intrinsics_scalar(&arg->items[0]));
		buf_str(&b, s);
	}
	return b.overflow ? intrinsics_fail(x, "Template error: the result of Fn::Join is too long") : text(x, buf_view(&b));
}

static struct json *fn_split(struct intrinsics *x, const struct json *arg)
{
	static const char usage[] = "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a "
		"string to be split or a function that returns a string to be split.";
	if (!json_is(arg, JSON_ARRAY) || arg->n != 2 || arg->items[0].type != JSON_STRING || arg->items[0].text.n == 0)
		return intrinsics_fail(x, usage);
	struct str s = intrinsics_text(x, &arg->items[1]), sep = arg->items[0].text;
	struct json *list = json_new_array(x->a);
	if (!str_present(s))
		return NULL;
	if (str_find_str(s, S(CFN_LATER)) >= 0)
		return text(x, S(CFN_LATER)); /* its parts are not known either */
	for (;;) {
		ptrdiff_t at = str_find_str(s, sep);
		if (at < 0 || list->n >= TEMPLATE_MEMBERS_MAX)
			break;
		json_push(x->a, list, text(x, str_slice(s, 0, (size_t)at)));
		s = str_slice(s, (size_t)at + sep.n, s.n);
	}
	json_push(x->a, list, text(x, s));
	return list;
}

static struct json *fn_select(struct intrinsics *x, const struct json *arg)
{
	int64_t i = 0;
	if (!json_is(arg, JSON_ARRAY) || arg->n != 2)
		return intrinsics_fail(x, "Template error: Fn::Select requires a list argument with two elements: an integer index and a list");
	struct str index = intrinsics_text(x, &arg->items[0]);
	if (!str_present(index))
		return NULL;
	if (!str_to_i64(index, &i))
		return intrinsics_fail(x, "Template error: Fn::Select requires a list argument with two elements: an integer index and a list");
	struct json *list = intrinsics_eval(x, &arg->items[1]);
	if (list == NULL)
		return NULL;
	if (str_eq(json_str(list), S(CFN_LATER)))
		return list;
	if (list->type != JSON_ARRAY)
		return intrinsics_fail(x, "Template error: Fn::Select requires a list argument with two elements: an integer index and a list");
	if (i < 0 || i >= (int64_t)list->n)
		return intrinsics_fail(x, "Template error: Fn::Select cannot select nonexistent value at index %lld", (long long)i);
	return json_at(list, (size_t)i);
}

static struct json *fn_base64(struct intrinsics *x, const struct json *arg)
{
	struct str s = intrinsics_text(x, arg);
	return str_present(s) ? text(x, base64_encode(x->a, s)) : NULL;
}

/* ---- look-ups ---- */

static struct json *map_value(struct intrinsics *x, const struct json *arg, struct str map, struct str top, struct str second)
{
	ASSERT(str_present(map) && str_present(top) && str_present(second) && arg->n <= 4);
	const struct json *m = json_get(json_get(x->template, S("Mappings")), map);
	struct json *v = json_get(json_get(m, top), second);
	if (v != NULL)
		return json_copy(x->a, v);
	const struct json *otherwise = arg->n == 4 ? json_get(&arg->items[3], S("DefaultValue")) : NULL;
	if (otherwise != NULL && x->language_extensions)
		return intrinsics_eval(x, otherwise);
	if (m == NULL)
		return intrinsics_fail(x, "Template error: Mapping named '%.*s' is not present in the 'Mappings' section of template.", STR_ARG(map));
	return intrinsics_fail(x, "Template error: Unable to get mapping for %.*s::%.*s::%.*s", STR_ARG(map), STR_ARG(top), STR_ARG(second));
}

static struct json *fn_find_in_map(struct intrinsics *x, const struct json *arg)
{
	if (!json_is(arg, JSON_ARRAY) || arg->n < 3 || arg->n > (x->language_extensions ? 4u : 3u))
		return intrinsics_fail(x, "Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the "
			"attribute for return value");
	struct str map = intrinsics_text(x, &arg->items[0]);
	struct str top = str_present(map) ? intrinsics_text(x, &arg->items[1]) : STR_NONE;
	struct str second = str_present(top) ? intrinsics_text(x, &arg->items[2]) : STR_NONE;
	return str_present(second) ? map_value(x, arg, map, top, second) : NULL;
}

static struct json *fn_get_azs(struct intrinsics *x, const struct json *arg)
{
	struct str region = intrinsics_text(x, arg);
	if (!str_present(region))
		return NULL;
	if (region.n == 0)
		region = x->region;
	struct json *list = json_new_array(x->a);
	for (const char *c = "abc"; *c != '\0'; c++)
		json_push(x->a, list, text(x, arena_printf(x->a, "%.*s%c", STR_ARG(region), *c)));
	return list;
}

static struct json *fn_import_value(struct intrinsics *x, const struct json *arg)
{
	struct str name = intrinsics_text(x, arg);
	if (!str_present(name))
		return NULL;
	if (x->export_value == NULL || str_find_str(name, S(CFN_LATER)) >= 0)
		return text(x, S(CFN_LATER));
	struct json *v = x->export_value(x, name);
	return v != NULL ? v : intrinsics_fail(x, "No export named %.*s found", STR_ARG(name));
}

static struct json *fn_cidr(struct intrinsics *x, const struct json *arg)
{
	int64_t count = 0, bits = 8;
	if (!json_is(arg, JSON_ARRAY) || arg->n < 2 || arg->n > 3)
		return intrinsics_fail(x, "Template error: every Fn::Cidr object requires two parameters, (1) an ipBlock and (2) a count, and an "
			"optional cidrBits");
	struct str block = intrinsics_text(x, &arg->items[0]);
	struct str n = str_present(block) ? intrinsics_text(x, &arg->items[1]) : STR_NONE;
	struct str b = str_present(n) && arg->n == 3 ? intrinsics_text(x, &arg->items[2]) : STR_NONE;
	if (str_present(x->error))
		return NULL;
	if (str_eq(block, S(CFN_LATER)))
		return text(x, block);
	if (!str_to_i64(n, &count) || (str_present(b) && !str_to_i64(b, &bits)))
		return intrinsics_fail(x, "Template error: Fn::Cidr count and cidrBits must be numbers");
	return intrinsics_cidr(x, block, count, bits);
}

static struct json *fn_transform(struct intrinsics *x, const struct json *arg)
{
	struct str name = json_get_str(arg, "Name");
	return intrinsics_fail(x, "Template error: transform %.*s is not supported here", STR_ARG(name));
}

static struct json *fn_length(struct intrinsics *x, const struct json *arg)
{
	struct json *list = x->language_extensions ? list_of(x, arg) : NULL;
	if (list == NULL)
		return intrinsics_fail(x, "Template error: Fn::Length requires the AWS::LanguageExtensions transform and an array");
	return json_new_i64(x->a, list->n);
}

static struct json *fn_to_json_string(struct intrinsics *x, const struct json *arg)
{
	struct json *v = x->language_extensions ? intrinsics_eval(x, arg) : NULL;
	if (v == NULL)
		return intrinsics_fail(x, "Template error: Fn::ToJsonString requires the AWS::LanguageExtensions transform and an object or array");
	return text(x, json_text(x->a, v));
}

/* ---- the table ---- */

static const struct function {
	const char *name;
	struct json *(*run)(struct intrinsics *x, const struct json *arg);
} functions[] = {
	{"Ref", fn_ref}, {"Fn::GetAtt", fn_get_att}, {"Fn::Sub", fn_sub}, {"Fn::Join", fn_join}, {"Fn::Select", fn_select},
	{"Fn::Split", fn_split}, {"Fn::If", fn_if}, {"Fn::Equals", fn_equals}, {"Fn::And", fn_and}, {"Fn::Or", fn_or},
	{"Fn::Not", fn_not}, {"Fn::Base64", fn_base64}, {"Fn::FindInMap", fn_find_in_map}, {"Fn::GetAZs", fn_get_azs},
	{"Fn::ImportValue", fn_import_value}, {"Fn::Cidr", fn_cidr}, {"Fn::Transform", fn_transform},
	{"Fn::Length", fn_length}, {"Fn::ToJsonString", fn_to_json_string},
};

static struct json *eval_object(struct intrinsics *x, const struct json *node)
{
	ASSERT(json_is(node, JSON_OBJECT) && x->depth > 0);
	struct json *o = json_new_object(x->a);
	for (uint32_t i = 0; i < node->n; i++) {
		struct json *v = intrinsics_eval(x, &node->members[i].value);
		if (v == NULL)
			return NULL;
		if (!intrinsics_is_no_value(v))
			json_set(x->a, o, node->members[i].key, v);
	}
	return o;
}

static struct json *eval_array(struct intrinsics *x, const struct json *node)
{
	ASSERT(json_is(node, JSON_ARRAY) && x->depth > 0);
	struct json *array = json_new_array(x->a);
	for (uint32_t i = 0; i < node->n; i++) {
		struct json *v = intrinsics_eval(x, &node->items[i]);
		if (v == NULL)
			return NULL;
		if (!intrinsics_is_no_value(v))
			json_push(x->a, array, v);
	}
	return array;
}

static struct json *eval_function(struct intrinsics *x, struct str name, const struct json *argument)
{
	ASSERT(str_present(name) && argument != NULL && x->depth > 0);
	for (size_t i = 0; i < COUNT_OF(functions); i++)
		if (str_eq(name, str_c(functions[i].name)))
			return functions[i].run(x, argument);
	return intrinsics_fail(x, "Template error: unresolved function %.*s", STR_ARG(name));
}

struct json *intrinsics_eval(struct intrinsics *x, const struct json *node)
{
	struct str name;
	const struct json *argument;
	if (str_present(x->error) || node == NULL)
		return NULL;
	if (x->budget == 0 || x->depth > TEMPLATE_DEPTH_MAX)
		return intrinsics_fail(x, "Template error: the template is too large");
	x->budget--;
	x->depth++;
	struct json *v;
	if (intrinsics_function(node, &name, &argument))
		v = eval_function(x, name, argument);
	else if (node->type == JSON_OBJECT)
		v = eval_object(x, node);
	else if (node->type == JSON_ARRAY)
		v = eval_array(x, node);
	else
		v = json_copy(x->a, node);
	x->depth--;
	ASSERT(v != NULL || str_present(x->error));
	return v;
}
