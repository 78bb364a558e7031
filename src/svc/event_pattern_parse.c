/* Event patterns from text to structure, with the reasons that PutRule and TestEventPattern give.
 *
 * What always holds: a pattern that was parsed is within the bounds of the language, so that matching checks none
 * of them again. */
#include "svc/event_pattern_internal.h"

#include <arpa/inet.h>

enum { DEPTH_MAX = 64 };

struct compiler {
	struct arena *a;
	struct str why;
};

static bool bad(struct compiler *k, const char *fmt, ...) PRINTF_LIKE(2, 3);

static bool bad(struct compiler *k, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	if (!str_present(k->why))
		k->why = arena_vprintf(k->a, fmt, ap);
	va_end(ap);
	return false;
}

unsigned address_parse(struct str text, unsigned char out[16])
{
	ASSERT(out != NULL);
	char c[64];
	if (text.n == 0 || text.n >= sizeof c)
		return 0;
	memcpy(c, text.p, text.n);
	c[text.n] = '\0';
	if (inet_pton(AF_INET, c, out) == 1)
		return 4;
	return inet_pton(AF_INET6, c, out) == 1 ? 16 : 0;
}

/* ---- one match expression ---- */

static bool parse_cidr(struct compiler *k, const struct json *v, struct test *t)
{
	ASSERT(t != NULL && v != NULL);
	if (!json_is(v, JSON_STRING))
		return bad(k, "prefix match pattern must be a string");
	ptrdiff_t slash = str_find(v->text, '/');
	if (slash < 0 || slash != str_rfind(v->text, '/'))
		return bad(k, "Malformed CIDR, one '/' required");
	struct str address = str_slice(v->text, 0, (size_t)slash), mask = str_slice(v->text, (size_t)slash + 1, v->text.n);
	uint64_t bits;
	if (!str_to_u64(mask, &bits))
		return bad(k, "Malformed CIDR, mask bits must be an integer");
	t->kind = TEST_CIDR;
	t->address_size = address_parse(address, t->address);
	if (t->address_size == 0)
		return bad(k, "Nonstandard IP address: %.*s", STR_ARG(address));
	if (bits > t->address_size * 8)
		return bad(k, "Malformed CIDR, mask bits must be an integer between 0 and %u", t->address_size * 8);
	t->bits = (unsigned)bits;
	return true;
}

static bool parse_wildcard(struct compiler *k, const struct json *v, struct test *t)
{
	ASSERT(t != NULL && v != NULL);
	if (!json_is(v, JSON_STRING))
		return bad(k, "wildcard match pattern must be a string");
	struct str s = v->text;
	struct str *parts = arena_array(k->a, struct str, s.n + 1);
	size_t n = 0;
	struct buf part;
	buf_init(&part, k->a, s.n + 1);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\') {
			if (i + 1 == s.n || (s.p[i + 1] != '*' && s.p[i + 1] != '\\'))
				return bad(k, "Invalid escape character at pos %zu", i);
			buf_putc(&part, s.p[++i]);
		} else if (s.p[i] == '*') {
			if (i + 1 < s.n && s.p[i + 1] == '*')
				return bad(k, "Consecutive wildcard characters at pos %zu", i + 1);
			parts[n++] = arena_dup(k->a, buf_view(&part));
			buf_clear(&part);
		} else {
			buf_putc(&part, s.p[i]);
		}
	}
	parts[n++] = arena_dup(k->a, buf_view(&part));
	t->kind = TEST_WILDCARD;
	t->parts = parts;
	t->n_parts = n;
	return true;
}

static bool number_after(struct compiler *k, const struct json *v, size_t i, struct str op, double *out)
{
	ASSERT(json_is(v, JSON_ARRAY) && out != NULL);
	const struct json *n = json_at(v, i);
	if (!json_is(n, JSON_NUMBER) || !json_to_f64(n, out))
		return bad(k, "Value of %.*s must be numeric", STR_ARG(str_eq(op, S("=")) ? S("equals") : op));
	return true;
}

/* [">", 0, "<=", 5], ["=", 3], ["<", 10] */
static bool parse_numeric(struct compiler *k, const struct json *v, struct test *t)
{
	ASSERT(v != NULL && t != NULL);
	if (!json_is(v, JSON_ARRAY))
		return bad(k, "Value of numeric must be an array.");
	t->kind = TEST_NUMERIC;
	t->low = -__builtin_inf();
	t->high = __builtin_inf();
	const struct json *first = json_at(v, 0);
	if (!json_is(first, JSON_STRING))
		return bad(k, "Invalid member in numeric match: %.*s", STR_ARG(first != NULL ? json_text(k->a, first) : S("]")));
	struct str op = first->text;
	double value;
	bool below = str_eq(op, S("<")) || str_eq(op, S("<=")), above = str_eq(op, S(">")) || str_eq(op, S(">="));
	if (!below && !above && !str_eq(op, S("=")))
		return bad(k, "Unrecognized numeric range operator: %.*s", STR_ARG(op));
	if (!number_after(k, v, 1, op, &value))
		return false;
	if (!above)
		t->high = value;
	if (!below)
		t->low = value;
	t->high_open = str_eq(op, S("<"));
	t->low_open = str_eq(op, S(">"));
	if (v->n == 2)
		return true;
	if (!above)
		return bad(k, "Too many elements in numeric expression");
	const struct json *second = json_at(v, 2);
	if (!json_is(second, JSON_STRING))
		return bad(k, "Bad value in numeric range: %.*s", STR_ARG(json_text(k->a, second)));
	op = second->text;
	if (!str_eq(op, S("<")) && !str_eq(op, S("<=")))
		return bad(k, "Bad numeric range operator: %.*s", STR_ARG(op));
	if (!number_after(k, v, 3, op, &t->high))
		return false;
	t->high_open = str_eq(op, S("<"));
	if (t->high <= t->low)
		return bad(k, "Bottom must be less than top");
	return v->n == 4 || bad(k, "Too many terms in numeric range expression");
}

/* prefix and suffix: a string, or {"equals-ignore-case": string}. */
static bool parse_affix(struct compiler *k, struct str op, const struct json *v, struct test *t)
{
	ASSERT(op.n > 0 && v != NULL);
	bool prefix = str_eq(op, S("prefix")), nocase = json_is(v, JSON_OBJECT);
	if (nocase) {
		struct str inner = v->n > 0 ? v->members[0].key : S("");
		if (v->n != 1 || !str_eq(inner, S("equals-ignore-case")))
			return bad(k, "Unsupported anything-but pattern: %.*s", STR_ARG(inner));
		v = &v->members[0].value;
	}
	if (!json_is(v, JSON_STRING))
		return bad(k, "%.*s match pattern must be a string", STR_ARG(nocase ? S("equals-ignore-case") : op));
	t->kind = prefix ? (nocase ? TEST_PREFIX_NOCASE : TEST_PREFIX) : (nocase ? TEST_SUFFIX_NOCASE : TEST_SUFFIX);
	t->text = v->text;
	return true;
}

static void scalar(const struct json *v, struct test *t)
{
	static const enum test_kind kinds[] = {
		[JSON_NULL] = TEST_NULL, [JSON_TRUE] = TEST_TRUE, [JSON_FALSE] = TEST_FALSE, [JSON_NUMBER] = TEST_NUMBER, [JSON_STRING] = TEST_STRING};
	t->kind = kinds[v->type];
	t->text = v->type == JSON_NUMBER || v->type == JSON_STRING ? v->text : S("");
	if (v->type == JSON_NUMBER && !json_to_f64(v, &t->number))
		t->number = __builtin_nan("");
}

/* One value inside anything-but: op is absent for a plain list, else the operator whose operands these are. */
static bool parse_but_one(struct compiler *k, struct str op, const struct json *v, struct test *t)
{
	ASSERT(v != NULL && t != NULL);
	bool string = json_is(v, JSON_STRING);
	if (!str_present(op)) {
		if (!string && !json_is(v, JSON_NUMBER))
			return bad(k, "Inside anything but list, start|null|boolean is not supported.");
		scalar(v, t);
		return true;
	}
	if (str_eq(op, S("wildcard")))
		return parse_wildcard(k, v, t);
	if (str_eq(op, S("equals-ignore-case"))) {
		if (!string)
			return bad(k, "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.");
		t->kind = TEST_EQUALS_NOCASE;
		t->text = v->text;
		return true;
	}
	if (json_is(v, JSON_OBJECT))
		return bad(k, "Value of anything-but must be an array or single string/number value.");
	if (!string)
		return bad(k, "prefix/suffix match pattern must be a string");
	if (v->text.n == 0)
		return bad(k, "Null prefix/suffix not allowed");
	t->kind = str_eq(op, S("prefix")) ? TEST_PREFIX : TEST_SUFFIX;
	t->text = v->text;
	return true;
}

static bool parse_anything_but(struct compiler *k, const struct json *v, struct test *t)
{
	ASSERT(v != NULL && t != NULL);
	struct str op = STR_NONE;
	if (json_is(v, JSON_OBJECT)) {
		if (v->n != 1)
			return bad(k, "Only one key allowed in match expression");
		op = v->members[0].key;
		v = &v->members[0].value;
		if (!str_eq(op, S("prefix")) && !str_eq(op, S("suffix")) && !str_eq(op, S("equals-ignore-case")) && !str_eq(op, S("wildcard")))
			return bad(k, "Unsupported anything-but pattern: %.*s", STR_ARG(op));
	} else if (!json_is(v, JSON_ARRAY) && !json_is(v, JSON_STRING) && !json_is(v, JSON_NUMBER)) {
		return bad(k, "Value of anything-but must be an array or single string/number value.");
	}
	size_t n = json_is(v, JSON_ARRAY) ? v->n : 1;
	if (n == 0)
		return bad(k, "Empty arrays are not allowed");
	struct test *all = arena_array(k->a, struct test, n);
	for (size_t i = 0; i < n; i++)
		if (!parse_but_one(k, op, json_is(v, JSON_ARRAY) ? json_at(v, i) : v, &all[i]))
			return false;
	t->kind = TEST_ANYTHING_BUT;
	t->but = all;
	t->n_but = n;
	return true;
}

static bool parse_operator(struct compiler *k, struct str op, const struct json *v, struct test *t)
{
	ASSERT(v != NULL && t != NULL);
	if (str_eq(op, S("prefix")) || str_eq(op, S("suffix")))
		return parse_affix(k, op, v, t);
	if (str_eq(op, S("anything-but")))
		return parse_anything_but(k, v, t);
	if (str_eq(op, S("numeric")))
		return parse_numeric(k, v, t);
	if (str_eq(op, S("cidr")))
		return parse_cidr(k, v, t);
	if (str_eq(op, S("wildcard")))
		return parse_wildcard(k, v, t);
	if (str_eq(op, S("exists"))) {
		if (!json_is(v, JSON_TRUE) && !json_is(v, JSON_FALSE))
			return bad(k, "exists match pattern must be either true or false.");
		t->kind = json_is(v, JSON_TRUE) ? TEST_EXISTS : TEST_ABSENT;
		return true;
	}
	if (!str_eq(op, S("equals-ignore-case")))
		return bad(k, "Unrecognized match type %.*s", STR_ARG(op));
	if (!json_is(v, JSON_STRING))
		return bad(k, "equals-ignore-case match pattern must be a string");
	t->kind = TEST_EQUALS_NOCASE;
	t->text = v->text;
	return true;
}

static bool parse_test(struct compiler *k, const struct json *v, struct test *t)
{
	ASSERT(v != NULL && t != NULL);
	if (json_is(v, JSON_ARRAY))
		return bad(k, "Match value must be String, number, true, false, or null");
	if (!json_is(v, JSON_OBJECT)) {
		scalar(v, t);
		return true;
	}
	if (v->n == 0)
		return bad(k, "Empty objects are not allowed");
	if (!parse_operator(k, v->members[0].key, &v->members[0].value, t))
		return false;
	return v->n == 1 || bad(k, "Only one key allowed in match expression");
}

/* ---- objects ---- */

static struct field *field_of(struct compiler *k, struct event_pattern *p, struct str key)
{
	ASSERT(str_present(key));
	for (size_t i = 0; i < p->n_fields; i++)
		if (str_eq(p->fields[i].key, key))
			return &p->fields[i];
	if (p->n_fields == p->cap_fields) {
		size_t cap = p->cap_fields > 0 ? p->cap_fields * 2 : 4;
		p->fields = arena_grow(k->a, p->fields, sizeof *p->fields, p->cap_fields, cap);
		p->cap_fields = cap;
	}
	p->fields[p->n_fields] = (struct field){.key = key};
	return &p->fields[p->n_fields++];
}

/* The pattern that holds the last part of a key with dots, made on the way; *key becomes that part. */
static struct event_pattern *descend(struct compiler *k, struct event_pattern *p, struct str *key)
{
	struct str rest = *key;
	while (str_find(rest, '.') >= 0) {
		struct field *f = field_of(k, p, str_cut(&rest, '.'));
		if (f->below == NULL)
			f->below = arena_new_of(k->a, struct event_pattern);
		p = f->below;
	}
	*key = rest;
	return p;
}

static bool is_operator(struct str key)
{
	static const struct str words[] = {STR_INIT("prefix"), STR_INIT("suffix"), STR_INIT("anything-but"), STR_INIT("numeric"), STR_INIT("cidr"),
		STR_INIT("wildcard"), STR_INIT("exists"), STR_INIT("equals-ignore-case")};
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (str_eq(words[i], key))
			return true;
	return false;
}

/* "$or" is one when it is a list of two objects or more, none of them a match expression; else it is a field's name. */
static bool is_or(struct str key, const struct json *v)
{
	if (!str_eq(key, S("$or")) || !json_is(v, JSON_ARRAY) || v->n < 2)
		return false;
	for (uint32_t i = 0; i < v->n; i++) {
		const struct json *one = json_at(v, i);
		if (!json_is(one, JSON_OBJECT) || (one->n > 0 && is_operator(one->members[0].key)))
			return false;
	}
	return true;
}

static bool parse_object(struct compiler *k, const struct json *o, struct event_pattern *p, int depth);

static bool parse_or(struct compiler *k, const struct json *v, struct event_pattern *p, int depth)
{
	ASSERT(v != NULL && p != NULL && depth >= 0);
	p->ors = arena_grow(k->a, p->ors, sizeof *p->ors, p->n_ors, p->n_ors + 1);
	struct alternatives *alt = &p->ors[p->n_ors++];
	alt->v = arena_array(k->a, struct event_pattern *, v->n);
	for (uint32_t i = 0; i < v->n; i++) {
		alt->v[i] = arena_new_of(k->a, struct event_pattern);
		alt->n++;
		if (!parse_object(k, json_at(v, i), alt->v[i], depth + 1))
			return false;
	}
	return true;
}

static bool parse_field(struct compiler *k, struct str key, const struct json *v, struct event_pattern *p, int depth)
{
	ASSERT(v != NULL && p != NULL);
	struct str name = key;
	p = descend(k, p, &name);
	struct field *f = field_of(k, p, name);
	if (json_is(v, JSON_OBJECT)) {
		if (f->below == NULL)
			f->below = arena_new_of(k->a, struct event_pattern);
		return parse_object(k, v, f->below, depth + 1);
	}
	if (!json_is(v, JSON_ARRAY))
		return bad(k, "\"%.*s\" must be an object or an array", STR_ARG(key));
	if (v->n == 0)
		return bad(k, "Empty arrays are not allowed");
	struct test *tests = arena_array(k->a, struct test, v->n);
	for (uint32_t i = 0; i < v->n; i++)
		if (!parse_test(k, json_at(v, i), &tests[i]))
			return false;
	f->tests = tests;
	f->n_tests = v->n;
	return true;
}

static bool parse_object(struct compiler *k, const struct json *o, struct event_pattern *p, int depth)
{
	ASSERT(o != NULL && p != NULL && depth >= 0);
	if (depth > DEPTH_MAX)
		return bad(k, "Event pattern is nested too deeply");
	if (o->n == 0)
		return bad(k, "Empty objects are not allowed");
	for (uint32_t i = 0; i < o->n; i++) {
		struct str key = o->members[i].key;
		const struct json *v = &o->members[i].value;
		if (is_or(key, v) ? !parse_or(k, v, p, depth) : !parse_field(k, key, v, p, depth))
			return false;
	}
	return true;
}

struct event_pattern *event_pattern_parse(struct arena *a, struct str text, struct str *why)
{
	ASSERT(a != NULL && why != NULL);
	struct compiler k = {a, STR_NONE};
	struct json_error e = {0};
	const struct json *root = json_parse(a, text, &e);
	struct event_pattern *p = arena_new_of(a, struct event_pattern);
	if (root == NULL)
		bad(&k, "Filter is not valid JSON: %s at position %zu", e.what != NULL ? e.what : "syntax error", e.at);
	else if (!json_is(root, JSON_OBJECT))
		bad(&k, "Filter is not an object");
	else
		(void)parse_object(&k, root, p, 0);
	*why = k.why;
	return str_present(k.why) ? NULL : p;
}
