/* JSON schema, draft 4 (draft-zyp-json-schema-04, draft-fge-json-schema-validation-00): the checks of schema.h.
 *
 * Depth and steps are bounded: schemas that refer to themselves end. */
#include "schema.h"

#include "base/enc.h"
#include "base/map.h"
#include "base/pattern.h"

#include <math.h>

enum { STEPS_MAX = 200000, DEPTH_MAX = 64 };

struct at { struct schema_check *s; const struct json *root; int depth; bool quiet; };

static bool valid(struct at t, const struct json *schema, const struct json *v);

static bool fault(const struct at *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
static bool fault(const struct at *t, const char *fmt, ...)
{
	if (t->quiet)
		return false;
	va_list ap;
	va_start(ap, fmt);
	struct str text = arena_vprintf(t->s->a, fmt, ap);
	va_end(ap);
	if (t->s->faults.n > 0)
		buf_lit(&t->s->faults, ", ");
	buf_str(&t->s->faults, text);
	return false;
}

static const char *type_name(const struct json *v)
{
	int64_t whole;
	switch (v->type) {
	case JSON_NULL: return "null";
	case JSON_FALSE: case JSON_TRUE: return "boolean";
	case JSON_NUMBER: return json_to_i64(v, &whole) && str_find(v->text, '.') < 0 ? "integer" : "number";
	case JSON_STRING: return "string";
	case JSON_ARRAY: return "array";
	case JSON_OBJECT: break;
	}
	return "object";
}

static bool type_is(struct str want, const struct json *v)
{
	struct str have = str_c(type_name(v));
	return str_eq(want, have) || (str_eq(want, S("number")) && str_eq(have, S("integer")));
}

static bool check_type(const struct at *t, const struct json *type, const struct json *v)
{
	bool ok = json_is(type, JSON_STRING) && type_is(type->text, v);
	for (uint32_t i = 0; json_is(type, JSON_ARRAY) && i < type->n; i++)
		ok = ok || type_is(json_str(&type->items[i]), v);
	if (ok || type == NULL)
		return true;
	struct str allowed = json_is(type, JSON_ARRAY) ? json_text(t->s->a, type) : arena_printf(t->s->a, "[\"%.*s\"]", STR_ARG(json_str(type)));
	return fault(t, "instance type (%s) does not match any allowed primitive type (allowed: %.*s)", type_name(v), STR_ARG(allowed));
}

static bool check_enum(const struct at *t, const struct json *all, const struct json *v)
{
	for (uint32_t i = 0; json_is(all, JSON_ARRAY) && i < all->n; i++)
		if (json_equal(&all->items[i], v))
			return true;
	if (!json_is(all, JSON_ARRAY))
		return true;
	return fault(t, "instance value (%.*s) not found in enum (possible values: %.*s)", STR_ARG(json_text(t->s->a, v)),
		STR_ARG(json_text(t->s->a, all)));
}

static bool check_number(const struct at *t, const struct json *schema, const struct json *v)
{
	double value, limit;
	bool ok = true;
	if (v->type != JSON_NUMBER || !json_to_f64(v, &value))
		return true;
	if (json_to_f64(json_get(schema, S("minimum")), &limit)) {
		bool strict = json_get_bool(schema, "exclusiveMinimum", false);
		if (value < limit || (strict && value == limit))
			ok = fault(t, "numeric instance is lower than the required minimum (minimum: %g, found: %g)", limit, value);
	}
	if (json_to_f64(json_get(schema, S("maximum")), &limit)) {
		bool strict = json_get_bool(schema, "exclusiveMaximum", false);
		if (value > limit || (strict && value == limit))
			ok = fault(t, "numeric instance is greater than the required maximum (maximum: %g, found: %g)", limit, value);
	}
	if (json_to_f64(json_get(schema, S("multipleOf")), &limit) && limit > 0 && fabs(remainder(value, limit)) > 1e-9 * fabs(limit))
		ok = fault(t, "remainder of division is not zero (%g / %g)", value, limit);
	return ok;
}

static bool check_string(const struct at *t, const struct json *schema, const struct json *v)
{
	int64_t limit;
	bool ok = true;
	if (v->type != JSON_STRING)
		return true;
	int64_t n = (int64_t)utf8_length(v->text);
	if (json_to_i64(json_get(schema, S("minLength")), &limit) && n < limit)
		ok = fault(t, "string \"%.*s\" is too short (length: %lld, required minimum: %lld)", STR_ARG(v->text), (long long)n, (long long)limit);
	if (json_to_i64(json_get(schema, S("maxLength")), &limit) && n > limit)
		ok = fault(t, "string \"%.*s\" is too long (length: %lld, maximum allowed: %lld)", STR_ARG(v->text), (long long)n, (long long)limit);
	struct str regex = json_get_str(schema, "pattern");
	const struct pattern *p = str_present(regex) ? pattern_of_client(t->s->a, regex) : NULL;
	if (p != NULL && !pattern_search(p, v->text))
		ok = fault(t, "ECMA 262 regex \"%.*s\" does not match input string \"%.*s\"", STR_ARG(regex), STR_ARG(v->text));
	return ok;
}

/* By a text that equal values share: a client's array may be so long that each cannot be compared with each. */
static bool has_duplicates(const struct at *t, const struct json *v)
{
	struct map seen;
	double number;
	bool found = false;
	map_init(&seen, NULL);
	for (uint32_t i = 0; i < v->n && !found; i++) {
		const struct json *one = &v->items[i];
		struct str text = json_is(one, JSON_NUMBER) && json_to_f64(one, &number) ? arena_printf(t->s->a, "%.17g", number)
		                                                                         : json_text_sorted(t->s->a, one);
		found = map_put(&seen, text, (void *)(uintptr_t)one) != NULL;
	}
	map_free(&seen);
	return found;
}

static bool check_items(const struct at *t, const struct json *schema, const struct json *v)
{
	int64_t limit;
	bool ok = true;
	if (v->type != JSON_ARRAY)
		return true;
	if (json_to_i64(json_get(schema, S("minItems")), &limit) && v->n < limit)
		ok = fault(t, "array is too short: must have at least %lld elements but instance has %u elements", (long long)limit, v->n);
	if (json_to_i64(json_get(schema, S("maxItems")), &limit) && v->n > limit)
		ok = fault(t, "array is too long: must have at most %lld elements but instance has %u elements", (long long)limit, v->n);
	if (json_get_bool(schema, "uniqueItems", false) && has_duplicates(t, v))
		return fault(t, "array must not contain duplicate elements");
	const struct json *items = json_get(schema, S("items")), *more = json_get(schema, S("additionalItems"));
	for (uint32_t i = 0; i < v->n; i++) {
		const struct json *one = json_is(items, JSON_ARRAY) ? (i < items->n ? &items->items[i] : more) : items;
		if (json_is(items, JSON_ARRAY) && i >= items->n && json_is(more, JSON_FALSE))
			return fault(t, "array only allows %u elements but has %u", items->n, v->n);
		if (json_is(one, JSON_OBJECT) && !valid(*t, one, &v->items[i]))
			ok = false;
	}
	return ok;
}

static bool check_required(const struct at *t, const struct json *required, const struct json *v)
{
	ASSERT(v != NULL);
	struct json *missing = json_new_array(t->s->a);
	for (uint32_t i = 0; json_is(required, JSON_ARRAY) && i < required->n; i++)
		if (json_get(v, json_str(&required->items[i])) == NULL)
			json_push(t->s->a, missing, &required->items[i]);
	return missing->n == 0 || fault(t, "object has missing required properties (%.*s)", STR_ARG(json_text(t->s->a, missing)));
}

/* One member against what names it: properties, patternProperties, else additionalProperties. */
static bool check_member(const struct at *t, const struct json *schema, const struct json_member *m, struct json *unwanted)
{
	ASSERT(json_is(unwanted, JSON_ARRAY));
	const struct json *own = json_get(json_get(schema, S("properties")), m->key), *patterns = json_get(schema, S("patternProperties"));
	bool named = own != NULL, ok = own == NULL || valid(*t, own, &m->value);
	for (uint32_t i = 0; json_is(patterns, JSON_OBJECT) && i < patterns->n; i++) {
		const struct pattern *p = pattern_of_client(t->s->a, patterns->members[i].key);
		if (p == NULL || !pattern_search(p, m->key))
			continue;
		named = true;
		if (!valid(*t, &patterns->members[i].value, &m->value))
			ok = false;
	}
	const struct json *more = json_get(schema, S("additionalProperties"));
	if (!named && json_is(more, JSON_FALSE))
		json_push(t->s->a, unwanted, json_new_str(t->s->a, m->key));
	if (!named && json_is(more, JSON_OBJECT) && !valid(*t, more, &m->value))
		ok = false;
	return ok;
}

static bool check_dependencies(const struct at *t, const struct json *all, const struct json *v)
{
	bool ok = true;
	for (uint32_t i = 0; json_is(all, JSON_OBJECT) && i < all->n; i++) {
		const struct json *d = &all->members[i].value;
		if (json_get(v, all->members[i].key) == NULL)
			continue;
		if (json_is(d, JSON_OBJECT) ? !valid(*t, d, v) : !check_required(t, d, v))
			ok = false;
	}
	return ok;
}

static bool check_object(const struct at *t, const struct json *schema, const struct json *v)
{
	int64_t limit;
	if (v->type != JSON_OBJECT)
		return true;
	bool ok = check_required(t, json_get(schema, S("required")), v);
	if (json_to_i64(json_get(schema, S("minProperties")), &limit) && v->n < limit)
		ok = fault(t, "object has too few properties (found %u but schema requires at least %lld)", v->n, (long long)limit);
	if (json_to_i64(json_get(schema, S("maxProperties")), &limit) && v->n > limit)
		ok = fault(t, "object has too many properties (found %u but schema requires at most %lld)", v->n, (long long)limit);
	struct json *unwanted = json_new_array(t->s->a);
	for (uint32_t i = 0; i < v->n; i++)
		if (!check_member(t, schema, &v->members[i], unwanted))
			ok = false;
	if (unwanted->n > 0)
		ok = fault(t, "object instance has properties which are not allowed by the schema: %.*s", STR_ARG(json_text(t->s->a, unwanted)));
	return check_dependencies(t, json_get(schema, S("dependencies")), v) && ok;
}

static uint32_t matching(struct at t, const struct json *list, const struct json *v)
{
	ASSERT(json_is(list, JSON_ARRAY));
	uint32_t n = 0;
	t.quiet = true;
	for (uint32_t i = 0; i < list->n; i++)
		n += valid(t, &list->items[i], v);
	return n;
}

static bool check_combined(const struct at *t, const struct json *schema, const struct json *v)
{
	const struct json *all = json_get(schema, S("allOf")), *any = json_get(schema, S("anyOf")), *one = json_get(schema, S("oneOf")),
		*not = json_get(schema, S("not"));
	bool ok = true;
	for (uint32_t i = 0; json_is(all, JSON_ARRAY) && i < all->n; i++)
		if (!valid(*t, &all->items[i], v))
			ok = false;
	if (json_is(any, JSON_ARRAY) && matching(*t, any, v) == 0)
		ok = fault(t, "instance failed to match at least one required schema among %u", any->n);
	uint32_t n = json_is(one, JSON_ARRAY) ? matching(*t, one, v) : 1;
	if (n != 1)
		ok = fault(t, "instance failed to match exactly one schema (matched %u out of %u)", n, one->n);
	struct at quiet = *t;
	quiet.quiet = true;
	if (json_is(not, JSON_OBJECT) && valid(quiet, not, v))
		ok = fault(t, "instance matched a schema which it should not have");
	return ok;
}

/* A $ref: inside the schema, or to a model by its URL. Another model brings its own root. */
static bool follow(struct at t, struct str ref, const struct json *v)
{
	if (str_starts(ref, S("#"))) {
		const struct json *to = t.root;
		struct str rest = str_slice(ref, 1, ref.n);
		if (str_starts(rest, S("/")))
			rest = str_slice(rest, 1, rest.n);
		while (str_present(rest) && rest.n > 0)
			to = json_get(to, str_cut(&rest, '/'));
		return to != NULL ? valid(t, to, v) : fault(&t, "the reference %.*s leads nowhere", STR_ARG(ref));
	}
	ptrdiff_t at = str_find_str(ref, S("/models/"));
	const struct json *model = at >= 0 && t.s->model != NULL ? t.s->model(t.s, str_slice(ref, (size_t)at + 8, ref.n)) : NULL;
	if (model == NULL)
		return fault(&t, "the reference %.*s leads nowhere", STR_ARG(ref));
	t.root = model;
	return valid(t, model, v);
}

static bool valid(struct at t, const struct json *schema, const struct json *v)
{
	if (++t.s->steps > STEPS_MAX || ++t.depth > DEPTH_MAX)
		return fault(&t, "the schema is too deep");
	struct str ref = json_get_str(schema, "$ref");
	if (str_present(ref))
		return follow(t, ref, v);
	if (!check_type(&t, json_get(schema, S("type")), v))
		return false;
	bool ok = check_enum(&t, json_get(schema, S("enum")), v);
	ok = check_number(&t, schema, v) && ok;
	ok = check_string(&t, schema, v) && ok;
	ok = check_items(&t, schema, v) && ok;
	ok = check_object(&t, schema, v) && ok;
	return check_combined(&t, schema, v) && ok;
}

bool schema_valid(struct schema_check *s, const struct json *schema, const struct json *root, const struct json *v)
{
	ASSERT(s->a != NULL && schema != NULL && v != NULL);
	return valid((struct at){s, root, 0, false}, schema, v);
}
