/* Compiled patterns against events.
 *
 * An array in an event stands for each of its elements: one that passes is enough, and an object in an array must pass a
 * nested pattern as a whole. A field is absent when no leaf is there: an object or an empty array is no leaf. */
#include "svc/event_pattern_internal.h"

static bool ends_nocase(struct str s, struct str suffix)
{
	return s.n >= suffix.n && str_eq_nocase(str_slice(s, s.n - suffix.n, s.n), suffix);
}

/* The parts between asterisks in their order, the first at the start, the last at the end: linear in the text. */
static bool wildcard(const struct test *t, struct str s)
{
	ASSERT(t->n_parts > 0);
	struct str first = t->parts[0], last = t->parts[t->n_parts - 1];
	if (t->n_parts == 1)
		return str_eq(s, first);
	if (s.n < first.n + last.n || !str_starts(s, first) || !str_ends(s, last))
		return false;
	s = str_slice(s, first.n, s.n - last.n);
	for (size_t i = 1; i + 1 < t->n_parts; i++) {
		if (t->parts[i].n == 0)
			continue;
		const char *at = s.n >= t->parts[i].n ? memmem(s.p, s.n, t->parts[i].p, t->parts[i].n) : NULL;
		if (at == NULL)
			return false;
		s = str_slice(s, (size_t)(at - s.p) + t->parts[i].n, s.n);
	}
	return true;
}

static bool in_network(const struct test *t, struct str s)
{
	unsigned char a[16];
	if (address_parse(s, a) != t->address_size)
		return false;
	unsigned whole = t->bits / 8, rest = t->bits % 8;
	ASSERT(whole <= t->address_size);
	if (memcmp(a, t->address, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ t->address[whole]) >> (8 - rest) == 0;
}

static bool in_range(const struct test *t, double v)
{
	return (t->low_open ? v > t->low : v >= t->low) && (t->high_open ? v < t->high : v <= t->high);
}

static bool string_passes(const struct test *t, struct str s)
{
	ASSERT(str_present(s));
	switch (t->kind) {
	case TEST_STRING: return str_eq(t->text, s);
	case TEST_PREFIX: return str_starts(s, t->text);
	case TEST_PREFIX_NOCASE: return str_starts_nocase(s, t->text);
	case TEST_SUFFIX: return str_ends(s, t->text);
	case TEST_SUFFIX_NOCASE: return ends_nocase(s, t->text);
	case TEST_EQUALS_NOCASE: return str_eq_nocase(s, t->text);
	case TEST_WILDCARD: return wildcard(t, s);
	case TEST_CIDR: return in_network(t, s);
	default: return false;
	}
}

static bool number_passes(const struct test *t, const struct json *v)
{
	ASSERT(json_is(v, JSON_NUMBER));
	double d;
	if (t->kind == TEST_NUMBER && str_eq(t->text, v->text))
		return true;
	if ((t->kind != TEST_NUMBER && t->kind != TEST_NUMERIC) || !json_to_f64(v, &d))
		return false;
	return t->kind == TEST_NUMBER ? t->number == d : in_range(t, d);
}

static bool leaf_passes(const struct test *t, const struct json *v)
{
	ASSERT(t != NULL && v != NULL);
	if (t->kind == TEST_EXISTS)
		return true;
	if (t->kind == TEST_ANYTHING_BUT) {
		for (size_t i = 0; i < t->n_but; i++)
			if (leaf_passes(&t->but[i], v))
				return false;
		return true;
	}
	switch (v->type) {
	case JSON_STRING: return string_passes(t, v->text);
	case JSON_NUMBER: return number_passes(t, v);
	case JSON_TRUE: return t->kind == TEST_TRUE;
	case JSON_FALSE: return t->kind == TEST_FALSE;
	case JSON_NULL: return t->kind == TEST_NULL;
	default: return false;
	}
}

static bool has_leaf(const struct json *v)
{
	if (v == NULL || v->type == JSON_OBJECT)
		return false;
	if (v->type != JSON_ARRAY)
		return true;
	for (uint32_t i = 0; i < v->n; i++)
		if (has_leaf(json_at(v, i)))
			return true;
	return false;
}

static bool any_leaf_passes(const struct field *f, const struct json *v)
{
	ASSERT(f != NULL);
	if (v->type == JSON_ARRAY) {
		for (uint32_t i = 0; i < v->n; i++)
			if (any_leaf_passes(f, json_at(v, i)))
				return true;
		return false;
	}
	if (v->type == JSON_OBJECT)
		return false;
	for (size_t i = 0; i < f->n_tests; i++)
		if (leaf_passes(&f->tests[i], v))
			return true;
	return false;
}

static bool tests_pass(const struct field *f, const struct json *v)
{
	ASSERT(f->n_tests > 0);
	if (v != NULL && any_leaf_passes(f, v))
		return true;
	for (size_t i = 0; i < f->n_tests; i++)
		if (f->tests[i].kind == TEST_ABSENT)
			return !has_leaf(v);
	return false;
}

static bool object_passes(const struct event_pattern *p, const struct json *o)
{
	ASSERT(p != NULL);
	for (size_t i = 0; i < p->n_fields; i++) {
		const struct field *f = &p->fields[i];
		const struct json *v = json_get(o, f->key);
		if (f->n_tests > 0 && !tests_pass(f, v))
			return false;
		if (f->below != NULL && !event_pattern_matches(f->below, v))
			return false;
	}
	for (size_t i = 0; i < p->n_ors; i++) {
		size_t k = 0;
		while (k < p->ors[i].n && !object_passes(p->ors[i].v[k], o))
			k++;
		if (k == p->ors[i].n)
			return false;
	}
	return true;
}

bool event_pattern_matches(const struct event_pattern *p, const struct json *event)
{
	if (!json_is(event, JSON_ARRAY) || event->n == 0)
		return object_passes(p, json_is(event, JSON_OBJECT) ? event : NULL);
	for (uint32_t i = 0; i < event->n; i++)
		if (event_pattern_matches(p, json_at(event, i)))
			return true;
	return false;
}

/* ---- events with dots in their keys ---- */

static bool has_dots(const struct json *v)
{
	if (v->type != JSON_OBJECT && v->type != JSON_ARRAY)
		return false;
	for (uint32_t i = 0; i < v->n; i++)
		if (v->type == JSON_OBJECT ? str_find(v->members[i].key, '.') >= 0 || has_dots(&v->members[i].value) : has_dots(&v->items[i]))
			return true;
	return false;
}

static const struct json *normal(struct arena *a, const struct json *event, int depth);

/* A client writes one dot a level, so the levels are counted: below JSON_DEPTH_MAX, deeper than any pattern, names stay whole. */
static void spread(struct arena *a, struct json *to, struct str key, const struct json *v, int depth)
{
	ASSERT(json_is(to, JSON_OBJECT) && str_present(key) && v != NULL && depth <= JSON_DEPTH_MAX);
	struct str rest = STR_NONE, first = key;
	if (depth < JSON_DEPTH_MAX) {
		rest = key;
		first = str_cut(&rest, '.');
	}
	struct json *at = json_get(to, first);
	if (str_present(rest)) {
		if (!json_is(at, JSON_OBJECT))
			at = json_set(a, to, first, json_new_object(a));
		spread(a, at, rest, v, depth + 1);
		return;
	}
	if (v->type == JSON_OBJECT && depth < JSON_DEPTH_MAX) {
		if (!json_is(at, JSON_OBJECT))
			at = json_set(a, to, first, json_new_object(a));
		for (uint32_t i = 0; i < v->n; i++)
			spread(a, at, v->members[i].key, &v->members[i].value, depth + 1);
		return;
	}
	json_set(a, to, first, normal(a, v, depth));
}

static const struct json *normal(struct arena *a, const struct json *event, int depth)
{
	if (depth >= JSON_DEPTH_MAX || !has_dots(event))
		return event;
	struct json *out = event->type == JSON_OBJECT ? json_new_object(a) : json_new_array(a);
	for (uint32_t i = 0; i < event->n; i++) {
		if (event->type == JSON_OBJECT)
			spread(a, out, event->members[i].key, &event->members[i].value, depth + 1);
		else
			json_push(a, out, normal(a, &event->items[i], depth + 1));
	}
	return out;
}

const struct json *event_normal(struct arena *a, const struct json *event)
{
	ASSERT(a != NULL && event != NULL);
	return normal(a, event, 0);
}

/* ---- what an index needs ---- */

static bool all_strings(const struct field *f)
{
	for (size_t i = 0; i < f->n_tests; i++)
		if (f->tests[i].kind != TEST_STRING)
			return false;
	return f->n_tests > 0;
}

/* The field further inside is the rarer one mostly: a key of the detail before the detail-type, that before the source. */
static const struct field *find_anchor(struct arena *a, const struct event_pattern *p, struct str above, struct str *path)
{
	const struct field *best = NULL;
	for (size_t i = 0; i < p->n_fields; i++) {
		const struct field *f = &p->fields[i];
		struct str here = above.n > 0 ? arena_join(a, above, S("."), f->key) : f->key;
		const struct field *inner = f->below != NULL ? find_anchor(a, f->below, here, path) : NULL;
		if (inner != NULL)
			return inner;
		if (all_strings(f) && (best == NULL || f->key.n > best->key.n)) {
			best = f;
			*path = here;
		}
	}
	return best;
}

bool event_pattern_anchor(struct arena *a, const struct event_pattern *p, struct pattern_anchor *out)
{
	ASSERT(p != NULL && out != NULL);
	const struct field *f = find_anchor(a, p, S(""), &out->path);
	if (f == NULL)
		return false;
	struct str *values = arena_array(a, struct str, f->n_tests);
	for (size_t i = 0; i < f->n_tests; i++)
		values[i] = f->tests[i].text;
	out->values = values;
	out->n = f->n_tests;
	return true;
}

void event_strings_at(const struct json *event, struct str path, void (*fn)(void *arg, struct str value), void *arg)
{
	ASSERT(fn != NULL);
	if (event == NULL)
		return;
	if (event->type == JSON_ARRAY) {
		for (uint32_t i = 0; i < event->n; i++)
			event_strings_at(json_at(event, i), path, fn, arg);
		return;
	}
	if (!str_present(path)) {
		if (event->type == JSON_STRING)
			fn(arg, event->text);
		return;
	}
	struct str rest = path, first = str_cut(&rest, '.');
	event_strings_at(json_get(event, first), rest, fn, arg);
}
