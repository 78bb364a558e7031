/* JSON trees: readers, comparison and builders. Parsing is in json_parse.c, writing in json_write.c; see json.h.
 *
 * Invariants: a container's n <= cap, and its elements are NULL only when cap is 0. Numbers are compared and converted
 * as decimals, never through double, so 38 digits stay 38 digits. */
#include "base/json.h"
#include "base/map.h"

#include <math.h>

/* From the back: of two members of one name the last counts, as in JavaScript and in AWS's parsers. */
struct json *json_get(const struct json *j, struct str key)
{
	if (!json_is(j, JSON_OBJECT))
		return NULL;
	ASSERT(j->n <= j->cap);
	for (uint32_t i = j->n; i-- > 0;)
		if (str_eq(j->members[i].key, key))
			return &j->members[i].value;
	return NULL;
}

struct json *json_at(const struct json *j, size_t i)
{
	return json_is(j, JSON_ARRAY) && i < j->n ? &j->items[i] : NULL;
}

struct json *json_path(const struct json *j, const char *path)
{
	struct str rest = str_c(path);
	ASSERT(str_present(rest));
	struct json *at = NULL;
	while (str_present(rest)) {
		at = json_get(j, str_cut(&rest, '.'));
		if (at == NULL)
			return NULL;
		j = at;
	}
	return at;
}

struct str json_str(const struct json *j) { return json_is(j, JSON_STRING) ? j->text : STR_NONE; }
struct str json_get_str(const struct json *j, const char *key) { return json_str(json_get(j, str_c(key))); }

bool json_get_bool(const struct json *j, const char *key, bool otherwise)
{
	bool v;
	return json_to_bool(json_get(j, str_c(key)), &v) ? v : otherwise;
}

int64_t json_get_i64(const struct json *j, const char *key, int64_t otherwise)
{
	const struct json *m = json_get(j, str_c(key));
	int64_t v;
	if (json_to_i64(m, &v) || (json_is(m, JSON_STRING) && str_to_i64(m->text, &v)))
		return v;
	return otherwise;
}

bool json_to_bool(const struct json *j, bool *out)
{
	if (!json_is(j, JSON_TRUE) && !json_is(j, JSON_FALSE))
		return false;
	*out = j->type == JSON_TRUE;
	return true;
}

/* A number's value: 0.d1 d2 d3 ... * 10^exponent, d1 and the last digit not 0. Zero has no digits. */
struct decimal {
	const char *from, *to; /* the digits, with perhaps a '.' among them */
	int64_t digits, exponent;
	bool negative;
};

static int64_t exponent_of(const char *at, const char *end)
{
	bool negative = at < end && *at == '-';
	if (at < end && (*at == '-' || *at == '+'))
		at++;
	int64_t v = 0;
	for (; at < end && v < (1 << 30); at++) /* beyond this all are equally far away */
		v = v * 10 + (*at - '0');
	return negative ? -v : v;
}

static struct decimal decimal_of(struct str text)
{
	ASSERT(text.n > 0 && text.p != NULL); /* a number's text, by the grammar */
	struct decimal d = {0};
	const char *at = text.p, *end = text.p + text.n;
	if (at < end && *at == '-') {
		d.negative = true;
		at++;
	}
	const char *mantissa_end = at;
	while (mantissa_end < end && *mantissa_end != 'e' && *mantissa_end != 'E')
		mantissa_end++;
	int64_t exponent = mantissa_end < end ? exponent_of(mantissa_end + 1, end) : 0;
	const char *point = memchr(at, '.', (size_t)(mantissa_end - at));
	const char *first = at, *last = mantissa_end;
	while (first < last && (*first == '0' || *first == '.'))
		first++;
	while (last > first && (last[-1] == '0' || last[-1] == '.'))
		last--;
	if (first == last)
		return (struct decimal){0}; /* zero has no sign either */
	const char *whole_end = point != NULL ? point : mantissa_end;
	d.exponent = exponent + (first < whole_end ? whole_end - first : whole_end - first + 1);
	d.from = first;
	d.to = last;
	d.digits = last - first - (point != NULL && point > first && point < last ? 1 : 0);
	ASSERT(d.digits > 0);
	return d;
}

static bool decimal_equal(const struct decimal *a, const struct decimal *b)
{
	ASSERT(a->digits >= 0 && b->digits >= 0);
	if (a->digits != b->digits || a->exponent != b->exponent || a->negative != b->negative)
		return false;
	const char *x = a->from, *y = b->from;
	for (int64_t i = 0; i < a->digits; i++, x++, y++) {
		x += *x == '.';
		y += *y == '.';
		ASSERT(x < a->to && y < b->to);
		if (*x != *y)
			return false;
	}
	return true;
}

/* The plain digits are the common case; 1e3 and 5.0 go through the decimal, never through a double, which has 53
 * bits. */
bool json_to_i64(const struct json *j, int64_t *out)
{
	if (!json_is(j, JSON_NUMBER))
		return false;
	if (str_to_i64(j->text, out))
		return true;
	struct decimal d = decimal_of(j->text);
	if (d.digits > d.exponent || d.exponent > 19)
		return false;
	uint64_t v = 0;
	const char *at = d.from;
	for (int64_t i = 0; i < d.exponent; i++) {
		uint64_t digit = 0;
		if (i < d.digits) {
			at += *at == '.';
			digit = (uint64_t)(*at++ - '0');
		}
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v))
			return false;
	}
	if (v > (uint64_t)INT64_MAX + (d.negative ? 1u : 0u))
		return false;
	*out = d.negative ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

bool json_to_f64(const struct json *j, double *out)
{
	double v;
	if (!json_is(j, JSON_NUMBER) || !str_to_f64(j->text, &v) || !isfinite(v))
		return false;
	*out = v;
	return true;
}

enum { LINEAR_MAX = 32 };

static void map_members(struct map *m, const struct json *j)
{
	ASSERT(j->type == JSON_OBJECT && j->n <= j->cap);
	map_init(m, NULL);
	for (uint32_t i = 0; i < j->n; i++)
		(void)map_put(m, j->members[i].key, &j->members[i].value);
}

/* Hashed, so that two large objects do not cost the product of their sizes. */
static bool large_objects_equal(const struct json *a, const struct json *b)
{
	struct map ma, mb;
	map_members(&ma, a);
	map_members(&mb, b);
	bool equal = map_count(&ma) == map_count(&mb);
	size_t at = 0;
	struct map_entry *e;
	while (equal && (e = map_next(&ma, &at)) != NULL) {
		const struct json *other = map_get(&mb, e->key);
		equal = other != NULL && json_equal(e->value, other);
	}
	map_free(&ma);
	map_free(&mb);
	return equal;
}

static bool objects_equal(const struct json *a, const struct json *b)
{
	ASSERT(a->type == JSON_OBJECT && b->type == JSON_OBJECT);
	if (a->n > LINEAR_MAX || b->n > LINEAR_MAX)
		return large_objects_equal(a, b);
	for (uint32_t i = 0; i < a->n; i++) {
		const struct json *other = json_get(b, a->members[i].key);
		if (other == NULL || !json_equal(json_get(a, a->members[i].key), other))
			return false;
	}
	for (uint32_t i = 0; i < b->n; i++)
		if (json_get(a, b->members[i].key) == NULL)
			return false;
	return true;
}

/* Numbers by value: DynamoDB and the event patterns compare 1 with 1.0. */
bool json_equal(const struct json *a, const struct json *b)
{
	if (a == NULL || b == NULL || a == b)
		return a == b;
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case JSON_STRING: return str_eq(a->text, b->text);
	case JSON_NUMBER: {
		if (str_eq(a->text, b->text))
			return true;
		struct decimal x = decimal_of(a->text), y = decimal_of(b->text);
		return decimal_equal(&x, &y);
	}
	case JSON_ARRAY:
		if (a->n != b->n)
			return false;
		for (uint32_t i = 0; i < a->n; i++)
			if (!json_equal(&a->items[i], &b->items[i]))
				return false;
		return true;
	case JSON_OBJECT: return objects_equal(a, b);
	case JSON_NULL: case JSON_FALSE: case JSON_TRUE: return true;
	}
	ASSERT(false);
	return false;
}

static struct json *new_of(struct arena *a, enum json_type type)
{
	struct json *j = arena_new_of(a, struct json);
	j->type = type;
	return j;
}

struct json *json_new_object(struct arena *a) { return new_of(a, JSON_OBJECT); }
struct json *json_new_array(struct arena *a) { return new_of(a, JSON_ARRAY); }
struct json *json_new_null(struct arena *a) { return new_of(a, JSON_NULL); }
struct json *json_new_bool(struct arena *a, bool v) { return new_of(a, v ? JSON_TRUE : JSON_FALSE); }

struct json *json_new_str(struct arena *a, struct str s)
{
	struct json *j = new_of(a, JSON_STRING);
	j->text = s.p != NULL ? s : S("");
	return j;
}

struct json *json_new_number(struct arena *a, struct str text)
{
	ASSERT(text.n > 0);
	struct json *j = new_of(a, JSON_NUMBER);
	j->text = text;
	return j;
}

struct json *json_new_i64(struct arena *a, int64_t v)
{
	struct buf b;
	buf_init(&b, a, 20);
	buf_i64(&b, v);
	return json_new_number(a, buf_view(&b));
}

struct json *json_new_f64(struct arena *a, double v)
{
	struct buf b;
	struct jw w;
	buf_init(&b, a, 40);
	jw_init(&w, &b);
	jw_f64(&w, v);
	struct str text = buf_view(&b);
	if (text.p[0] == '"') /* not a number, or without bound: a string, as on the wire */
		return json_new_str(a, str_slice(text, 1, text.n - 1));
	return json_new_number(a, text);
}

static uint32_t grown(uint32_t cap)
{
	if (cap > UINT32_MAX / 2)
		die("a JSON container of %u elements", cap);
	return cap > 0 ? cap * 2 : 4;
}

struct json *json_add(struct arena *a, struct json *object, struct str key, const struct json *v)
{
	ASSERT(json_is(object, JSON_OBJECT) && v != NULL && str_present(key) && object->n <= object->cap);
	struct json copy = *v; /* it may lie in the array that grows */
	if (object->n == object->cap) {
		uint32_t cap = grown(object->cap);
		object->members = arena_grow(a, object->members, sizeof *object->members, object->n, cap);
		object->cap = cap;
	}
	struct json_member *m = &object->members[object->n++];
	*m = (struct json_member){key, copy};
	return &m->value;
}

struct json *json_set(struct arena *a, struct json *object, struct str key, const struct json *v)
{
	ASSERT(json_is(object, JSON_OBJECT) && v != NULL && str_present(key));
	struct json *place = json_get(object, key);
	if (place == NULL)
		return json_add(a, object, key, v);
	struct json copy = *v;
	*place = copy;
	return place;
}

struct json *json_push(struct arena *a, struct json *array, const struct json *v)
{
	ASSERT(json_is(array, JSON_ARRAY) && v != NULL);
	struct json copy = *v;
	if (array->n == array->cap) {
		uint32_t cap = grown(array->cap);
		array->items = arena_grow(a, array->items, sizeof *array->items, array->n, cap);
		array->cap = cap;
	}
	struct json *place = &array->items[array->n++];
	*place = copy;
	return place;
}

bool json_unset(struct json *object, struct str key)
{
	ASSERT(object == NULL || object->n <= object->cap);
	ASSERT(json_is(object, JSON_OBJECT));
	uint32_t kept = 0;
	for (uint32_t i = 0; i < object->n; i++)
		if (!str_eq(object->members[i].key, key))
			object->members[kept++] = object->members[i];
	bool found = kept < object->n;
	object->n = kept;
	return found;
}

static void copy_into(struct arena *a, struct json *to, const struct json *from)
{
	ASSERT(from->type <= JSON_OBJECT);
	*to = *from;
	switch (from->type) {
	case JSON_STRING: case JSON_NUMBER:
		to->text = arena_dup(a, from->text);
		break;
	case JSON_ARRAY:
		to->cap = from->n;
		to->items = arena_array(a, struct json, from->n);
		for (uint32_t i = 0; i < from->n; i++)
			copy_into(a, &to->items[i], &from->items[i]);
		break;
	case JSON_OBJECT:
		to->cap = from->n;
		to->members = arena_array(a, struct json_member, from->n);
		for (uint32_t i = 0; i < from->n; i++) {
			to->members[i].key = arena_dup(a, from->members[i].key);
			copy_into(a, &to->members[i].value, &from->members[i].value);
		}
		break;
	case JSON_NULL: case JSON_FALSE: case JSON_TRUE: break;
	}
}

/* Strings are copied too: the copy outlives the text that was parsed. */
struct json *json_copy(struct arena *a, const struct json *j)
{
	if (j == NULL)
		return NULL;
	struct json *copy = arena_new_of(a, struct json);
	copy_into(a, copy, j);
	return copy;
}
