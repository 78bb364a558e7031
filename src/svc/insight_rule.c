/* See insight_rule.h. What always holds of a rule that parsed: it has one to four keys, a field to sum exactly when it sums, and its
 * lists hold texts only. */
#include "svc/insight_rule.h"

#include "base/pattern.h"

enum { GROUPS_MAX = 50, WORDS_MAX = 1000 };

/* "$.a", "$.a.b[0]": JSON property notation. */
static bool property(struct str s)
{
	if (!str_starts(s, S("$.")) || s.n == 2)
		return false;
	for (size_t i = 2; i < s.n; i++)
		if ((s.p[i] == '.' && (s.p[i - 1] == '.' || i + 1 == s.n)) || s.p[i] <= ' ')
			return false;
	return true;
}

static bool texts(const struct json *list, uint32_t max)
{
	if (!json_is(list, JSON_ARRAY) || list->n == 0 || list->n > max)
		return false;
	for (uint32_t i = 0; i < list->n; i++)
		if (!json_is(&list->items[i], JSON_STRING) || list->items[i].text.n == 0)
			return false;
	return true;
}

static const char *check_field(const struct insight_rule *r, struct str field)
{
	if (!str_present(field) || field.n == 0)
		return "a field's name is missing";
	if (r->clf)
		return insight_rule_word(r, field) > 0 ? NULL : "a field of a CLF rule must be a position or an alias of Fields";
	return property(field) ? NULL : "a field must be in JSON property format: $.name";
}

/* ---- filters ---- */

static const char *read_operand(const struct json *v, struct insight_filter *f)
{
	if (f->test <= INSIGHT_STARTS_WITH) {
		if (!texts(v, INSIGHT_VALUES_MAX))
			return "In, NotIn and StartsWith take an array of one to ten strings";
		for (f->n_values = 0; f->n_values < v->n; f->n_values++)
			f->values[f->n_values] = v->items[f->n_values].text;
		return NULL;
	}
	if (f->test == INSIGHT_PRESENT)
		return json_to_bool(v, &f->present) ? NULL : "IsPresent takes true or false";
	return json_is(v, JSON_NUMBER) && json_to_f64(v, &f->number) ? NULL : "GreaterThan, LessThan, EqualTo and NotEqualTo take a number";
}

static const char *read_filter(const struct insight_rule *r, const struct json *j, struct insight_filter *f)
{
	static const struct { struct str name; enum insight_test test; } tests[] = {
		{STR_INIT("In"), INSIGHT_IN}, {STR_INIT("NotIn"), INSIGHT_NOT_IN}, {STR_INIT("StartsWith"), INSIGHT_STARTS_WITH},
		{STR_INIT("GreaterThan"), INSIGHT_GREATER}, {STR_INIT("LessThan"), INSIGHT_LESS}, {STR_INIT("EqualTo"), INSIGHT_EQUAL},
		{STR_INIT("NotEqualTo"), INSIGHT_NOT_EQUAL}, {STR_INIT("IsPresent"), INSIGHT_PRESENT}};
	if (!json_is(j, JSON_OBJECT) || j->n != 2 || json_get(j, S("Match")) == NULL)
		return "a filter has a Match and one operator";
	f->field = json_get_str(j, "Match");
	const char *why = check_field(r, f->field);
	for (size_t i = 0; why == NULL && i < COUNT_OF(tests); i++) {
		const struct json *v = json_get(j, tests[i].name);
		f->test = tests[i].test;
		if (v != NULL)
			return read_operand(v, f);
	}
	return why != NULL ? why : "a filter's operator must be In, NotIn, StartsWith, GreaterThan, LessThan, EqualTo, NotEqualTo or IsPresent";
}

/* ---- the rule ---- */

static const char *read_keys(const struct json *contribution, struct insight_rule *r)
{
	const struct json *keys = json_get(contribution, S("Keys"));
	const char *why = texts(keys, INSIGHT_KEYS_MAX) ? NULL : "Contribution.Keys must be an array of one to four fields";
	for (uint32_t i = 0; why == NULL && i < keys->n; i++) {
		r->keys[r->n_keys++] = keys->items[i].text;
		why = r->managed ? NULL : check_field(r, keys->items[i].text);
	}
	return why;
}

static const char *read_contribution(const struct json *j, struct insight_rule *r)
{
	static const char *const known[] = {"Keys", "ValueOf", "Filters"};
	if (!json_is(j, JSON_OBJECT))
		return "Contribution is missing";
	for (uint32_t i = 0; i < j->n; i++) {
		size_t k = 0;
		while (k < COUNT_OF(known) && !str_eq(j->members[i].key, str_c(known[k])))
			k++;
		if (k == COUNT_OF(known))
			return "Contribution has a member that is not known";
	}
	const char *why = read_keys(j, r);
	const struct json *value_of = json_get(j, S("ValueOf")), *filters = json_get(j, S("Filters"));
	if (why == NULL && (value_of != NULL) != r->sum)
		why = "ValueOf goes with AggregateOn Sum, and Sum needs it";
	r->value_of = json_str(value_of);
	if (why == NULL && r->sum && !r->managed)
		why = check_field(r, r->value_of);
	if (why == NULL && filters != NULL && (!json_is(filters, JSON_ARRAY) || filters->n > INSIGHT_FILTERS_MAX))
		why = "Contribution.Filters must be an array of at most four filters";
	for (uint32_t i = 0; why == NULL && filters != NULL && i < filters->n; i++)
		why = read_filter(r, &filters->items[i], &r->filters[r->n_filters++]);
	return why;
}

static const char *read_logs(const struct json *j, struct insight_rule *r)
{
	struct str format = json_get_str(j, "LogFormat");
	r->names = json_get(j, S("LogGroupNames"));
	r->arns = json_get(j, S("LogGroupARNs"));
	r->fields = json_get(j, S("Fields"));
	r->clf = str_eq(format, S("CLF"));
	if ((r->names != NULL) == (r->arns != NULL))
		return "exactly one of LogGroupNames and LogGroupARNs must be given";
	if (!texts(r->names != NULL ? r->names : r->arns, GROUPS_MAX))
		return "the log groups must be an array of strings";
	if (!r->clf && !str_eq(format, S("JSON")))
		return "LogFormat must be JSON or CLF";
	if (r->fields == NULL)
		return NULL;
	if (!r->clf || !json_is(r->fields, JSON_OBJECT))
		return "Fields is an object, for LogFormat CLF only";
	for (uint32_t i = 0; i < r->fields->n; i++) {
		uint64_t at;
		if (!str_to_u64(r->fields->members[i].key, &at) || at == 0 || at > WORDS_MAX || !json_is(&r->fields->members[i].value, JSON_STRING))
			return "Fields names positions, from \"1\", by strings";
	}
	return NULL;
}

static const char *read_rule(const struct json *j, struct insight_rule *r)
{
	const struct json *schema = json_get(j, S("Schema"));
	struct str name = json_get_str(schema, "Name"), aggregate = json_get_str(j, "AggregateOn");
	if (!json_is(j, JSON_OBJECT))
		return "it is not a JSON object";
	r->managed = str_eq(name, S("ServiceLogRule"));
	if ((!r->managed && !str_eq(name, S("CloudWatchLogRule"))) || json_get_i64(schema, "Version", 0) != 1)
		return "Schema must be {\"Name\": \"CloudWatchLogRule\", \"Version\": 1}";
	r->sum = str_eq(aggregate, S("Sum"));
	if (!r->sum && !str_eq(aggregate, S("Count")))
		return "AggregateOn must be Count or Sum";
	const char *why = r->managed ? NULL : read_logs(j, r);
	return why != NULL ? why : read_contribution(json_get(j, S("Contribution")), r);
}

bool insight_rule_parse(struct arena *a, struct str definition, struct insight_rule *out, const char **why)
{
	*out = (struct insight_rule){0};
	const struct json *j = json_parse(a, definition, NULL);
	*why = j != NULL ? read_rule(j, out) : "it is not JSON";
	ASSERT(*why != NULL || (out->n_keys > 0 && out->sum == str_present(out->value_of)));
	return *why == NULL;
}

/* ---- using it ---- */

/* A '*' at the end stands for anything; elsewhere it is a character as others. */
static bool name_matches(struct str pattern, struct str group)
{
	if (str_ends(pattern, S("*")))
		return str_starts(group, str_slice(pattern, 0, pattern.n - 1));
	return str_eq(pattern, group);
}

bool insight_rule_watches(const struct insight_rule *r, struct str group, struct str group_arn)
{
	ASSERT(str_present(group) && str_present(group_arn));
	const struct json *list = r->names != NULL ? r->names : r->arns;
	for (uint32_t i = 0; list != NULL && i < list->n; i++)
		if (r->names != NULL ? name_matches(list->items[i].text, group) : glob_match(list->items[i].text, group_arn))
			return true;
	return false;
}

size_t insight_rule_word(const struct insight_rule *r, struct str field)
{
	uint64_t at;
	ASSERT(r->clf);
	for (uint32_t i = 0; r->fields != NULL && i < r->fields->n; i++)
		if (str_eq(r->fields->members[i].value.text, field))
			return str_to_u64(r->fields->members[i].key, &at) ? (size_t)at : 0;
	return str_to_u64(field, &at) && at > 0 && at <= WORDS_MAX ? (size_t)at : 0;
}
