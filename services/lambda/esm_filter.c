/* Event filter patterns: a tree of names whose leaves are lists of alternatives. */
#include "esm.h"

static bool number_compare(double v, struct str op, double with)
{
	if (str_eq(op, S("=")))
		return v == with;
	if (str_eq(op, S("<")))
		return v < with;
	if (str_eq(op, S("<=")))
		return v <= with;
	if (str_eq(op, S(">")))
		return v > with;
	return str_eq(op, S(">=")) && v >= with;
}

/* {"numeric": [">", 0, "<=", 5]} */
static bool numeric(const struct json *rule, const struct json *v)
{
	double value, with;
	if (!json_is(v, JSON_NUMBER) || !json_to_f64(v, &value))
		return false;
	for (size_t i = 0; i + 1 < rule->n; i += 2) {
		if (!json_to_f64(json_at(rule, i + 1), &with) || !number_compare(value, json_str(json_at(rule, i)), with))
			return false;
	}
	return rule->n > 0;
}

static bool any_equal(const struct json *list, const struct json *v)
{
	if (!json_is(list, JSON_ARRAY))
		return json_equal(list, v);
	for (size_t i = 0; i < list->n; i++) {
		if (json_equal(json_at(list, i), v))
			return true;
	}
	return false;
}

/* One alternative against one present value (not an array). */
static bool alternative(const struct json *alt, const struct json *v)
{
	if (!json_is(alt, JSON_OBJECT))
		return json_equal(alt, v);
	struct str text = json_str(v);
	const struct json *rule;
	if ((rule = json_get(alt, S("prefix"))) != NULL)
		return str_present(text) && str_starts(text, json_str(rule));
	if ((rule = json_get(alt, S("suffix"))) != NULL)
		return str_present(text) && str_ends(text, json_str(rule));
	if ((rule = json_get(alt, S("equals-ignore-case"))) != NULL)
		return str_present(text) && str_eq_nocase(text, json_str(rule));
	if ((rule = json_get(alt, S("numeric"))) != NULL)
		return json_is(rule, JSON_ARRAY) && numeric(rule, v);
	if ((rule = json_get(alt, S("anything-but"))) != NULL) {
		struct str prefix = json_get_str(rule, "prefix");
		return str_present(prefix) ? !(str_present(text) && str_starts(text, prefix)) : !any_equal(rule, v);
	}
	return false;
}

static bool leaf(const struct json *alternatives, const struct json *v)
{
	for (size_t i = 0; i < alternatives->n; i++) {
		const struct json *alt = json_at(alternatives, i);
		const struct json *exists = json_is(alt, JSON_OBJECT) ? json_get(alt, S("exists")) : NULL;
		bool wanted;
		if (exists != NULL && json_to_bool(exists, &wanted) && wanted == (v != NULL && v->type != JSON_OBJECT))
			return true;
		if (exists != NULL || v == NULL)
			continue;
		if (!json_is(v, JSON_ARRAY) && alternative(alt, v))
			return true;
		for (size_t k = 0; json_is(v, JSON_ARRAY) && k < v->n; k++) {
			if (alternative(alt, json_at(v, k)))
				return true;
		}
	}
	return false;
}

static bool matches(const struct json *pattern, const struct json *v, int depth)
{
	if (depth > 32)
		return false;
	if (json_is(pattern, JSON_ARRAY))
		return leaf(pattern, v);
	for (size_t i = 0; json_is(pattern, JSON_OBJECT) && i < pattern->n; i++) {
		const struct json_member *m = &pattern->members[i];
		if (str_eq(m->key, S("$or"))) {
			bool any = false;
			for (size_t k = 0; k < m->value.n && !any; k++)
				any = matches(json_at(&m->value, k), v, depth + 1);
			if (!any)
				return false;
		} else if (!matches(&m->value, json_get(v, m->key), depth + 1)) {
			return false;
		}
	}
	return true;
}

/* A string body that is JSON is looked into where the pattern does. */
static const struct json *unwrapped(struct arena *a, const struct json *pattern, const struct json *record)
{
	const struct json *wanted = json_get(pattern, S("body"));
	struct str text = json_get_str(record, "body");
	if (!json_is(wanted, JSON_OBJECT) || !str_present(text))
		return record;
	struct json *body = json_parse(a, text, NULL), *copy = json_copy(a, record);
	if (body != NULL)
		json_set(a, copy, S("body"), body);
	return copy;
}

bool filters_pass(struct arena *a, const struct list *filters, const struct json *record)
{
	if (filters->n == 0)
		return true;
	for (uint32_t i = 0; i < filters->n; i++) {
		struct json *pattern = json_parse(a, LIST_AT(*filters, struct lambda_Filter, i)->Pattern, NULL);
		if (pattern != NULL && matches(pattern, unwrapped(a, pattern, record), 0))
			return true;
	}
	return false;
}

static const char *check_tree(const struct json *p, int depth)
{
	if (depth > 32)
		return "it is nested too deeply";
	for (size_t i = 0; i < p->n; i++) {
		const struct json_member *m = &p->members[i];
		if (m->value.type != JSON_OBJECT && m->value.type != JSON_ARRAY)
			return "a name must have an object or an array";
		const char *wrong = m->value.type == JSON_OBJECT ? check_tree(&m->value, depth + 1) : m->value.n == 0 ? "an array is empty" : NULL;
		if (wrong != NULL)
			return wrong;
	}
	return NULL;
}

const char *filter_check(struct arena *a, struct str pattern)
{
	struct json *p = json_parse(a, pattern, NULL);
	return json_is(p, JSON_OBJECT) ? check_tree(p, 0) : "it is not a JSON object";
}
