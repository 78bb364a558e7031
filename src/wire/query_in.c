/* Forms of the query and EC2 protocols into typed values: "Entries.member.1.Id=a".
 *
 * The pairs are sorted by name once; what lies below a prefix is then one range, found by halving. Lists take their
 * elements by number, gaps allowed; "List=" is an empty list. Unknown pairs are ignored.
 * Source: awsQuery and ec2Query in the Smithy specification.
 *
 * What always holds: `prefix` is the name of what is being decoded and is the same again when a function returns;
 * every element of a list is there. */
#include "wire/codec.h"

#include <stdlib.h>

struct qin {
	const struct param *v; /* sorted by name */
	size_t n;
	struct arena *a;
	struct wire_error *err;
	bool ec2;
	struct buf prefix;     /* the name so far, without a dot at the end */
	int depth;
};

static bool value(struct qin *q, const struct member *m, void *v);

static int by_name(const void *x, const void *y)
{
	return str_cmp(((const struct param *)x)->name, ((const struct param *)y)->name);
}

/* The first pair whose name is not before s. */
static size_t lower(const struct qin *q, struct str s)
{
	size_t lo = 0, hi = q->n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (str_cmp(q->v[mid].name, s) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The pair that has exactly the prefix as its name. */
static const struct param *exact(const struct qin *q)
{
	size_t at = lower(q, buf_view(&q->prefix));
	return at < q->n && str_eq(q->v[at].name, buf_view(&q->prefix)) ? &q->v[at] : NULL;
}

/* The first pair below "prefix.", or n. */
static size_t below(struct qin *q)
{
	ASSERT(q->prefix.n > 0);
	buf_putc(&q->prefix, '.');
	size_t at = lower(q, buf_view(&q->prefix));
	bool found = at < q->n && str_starts(q->v[at].name, buf_view(&q->prefix));
	q->prefix.n--;
	return found ? at : q->n;
}

/* EC2 capitalises member names that the model gives no query name of their own. */
static void enter(struct qin *q, struct str name, bool upper)
{
	ASSERT(name.n > 0);
	if (q->prefix.n > 0)
		buf_putc(&q->prefix, '.');
	size_t at = q->prefix.n;
	buf_str(&q->prefix, name);
	char *first = q->prefix.p + at;
	if (upper && name.n > 0 && *first >= 'a' && *first <= 'z')
		*first = (char)(*first - 32);
}

static bool structure(struct qin *q, const struct shape *s, void *v)
{
	size_t was = q->prefix.n;
	ASSERT(v != NULL);
	for (size_t i = 0; i < s->n_members; i++) {
		const struct member *m = &shape_members(s)[i];
		bool named = q->ec2 && member_rare(m) != NULL && member_rare_query_name(member_rare(m)) != NULL;
		if (m->streaming)
			continue;
		enter(q, str_c(named ? member_rare_query_name(member_rare(m)) : member_wire_name(m)), q->ec2 && !named);
		bool there = exact(q) != NULL || below(q) < q->n;
		bool ok = !there || value(q, m, member_put(q->a, m, v));
		q->prefix.n = was;
		if (!ok)
			return false;
	}
	return true;
}

static int by_number(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
	return a < b ? -1 : a > b;
}

/* The distinct numbers after "prefix.", in order; *out in the arena. */
static size_t numbers(struct qin *q, int64_t **out)
{
	size_t from = below(q), skip = q->prefix.n + 1, n = 0;
	size_t to = from;
	while (to < q->n && q->v[to].name.n > skip && q->v[to].name.p[skip - 1] == '.' &&
	       memcmp(q->v[to].name.p, q->prefix.p, skip - 1) == 0)
		to++;
	int64_t *v = arena_array(q->a, int64_t, to - from), one;
	for (size_t i = from; i < to; i++) {
		struct str rest = str_slice(q->v[i].name, skip, q->v[i].name.n);
		if (str_to_i64(str_cut(&rest, '.'), &one) && one >= 0)
			v[n++] = one;
	}
	if (n > 1)
		qsort(v, n, sizeof(v[0]), by_number);
	size_t distinct = 0;
	for (size_t i = 0; i < n; i++)
		if (i == 0 || v[i] != v[i - 1])
			v[distinct++] = v[i];
	ASSERT(distinct <= n && n <= to - from);
	*out = v;
	return distinct;
}

static void enter_number(struct qin *q, int64_t n)
{
	ASSERT(n >= 0);
	buf_putc(&q->prefix, '.');
	buf_i64(&q->prefix, n);
}

/* Flattened lists number their elements at once; others have "member" (or the name the model gives) in between. */
static bool list(struct qin *q, const struct member *m, struct list *l)
{
	ASSERT(member_shape(m)->type == SHAPE_LIST);
	const struct shape *s = member_shape(m);
	size_t was = q->prefix.n;
	uint32_t cap = 0;
	int64_t *at;
	*l = (struct list){.set = true};
	if (!m->flattened && !q->ec2)
		enter(q, str_c(member_wire_name(shape_item(s))), false);
	size_t n = numbers(q, &at), base = q->prefix.n;
	bool ok = true;
	for (size_t i = 0; i < n && ok; i++) {
		enter_number(q, at[i]);
		if (list_too_large(q->a, l->n, cap)) {
			ok = wire_fail(q->err, "MalformedInput", 400, S("The request has too many elements"));
			break;
		}
		void *v = list_push(q->a, l, &cap, value_size(item_shape(s)));
		ok = value(q, shape_item(s), v);
		/* "List.member.1.x=" and "List.member.01=" give a list of scalars nothing at "List.member.1": like any unknown pair
		 * it is passed over, for handlers count on the elements being there. */
		if (!value_present(item_shape(s), v))
			l->n--;
		q->prefix.n = base;
	}
	q->prefix.n = was;
	return ok;
}

/* The entry is made only when it has a key: a value alone says nothing. */
static bool map_entry(struct qin *q, const struct shape *s, struct map_of *m, uint32_t *cap)
{
	ASSERT(s->type == SHAPE_MAP && s->key_at != 0);
	size_t was = q->prefix.n;
	enter(q, str_c(member_wire_name(shape_key(s))), false);
	const struct param *key = exact(q);
	q->prefix.n = was;
	if (key == NULL)
		return true;
	if (!utf8_valid(key->value))
		return wire_fail(q->err, "MalformedInput", 400, arena_printf(q->a, "The value of %.*s is not UTF-8", STR_ARG(key->name)));
	if (list_too_large(q->a, m->n, *cap))
		return wire_fail(q->err, "MalformedInput", 400, S("The request has too many elements"));
	void *v = map_push(q->a, s, m, cap, key->value.p != NULL ? key->value : S(""));
	enter(q, str_c(member_wire_name(shape_item(s))), false);
	bool ok = value(q, shape_item(s), v);
	if (ok && !value_present(item_shape(s), v))
		ok = wire_fail(q->err, "MissingParameter", 400,
		               arena_printf(q->a, "The request must contain the parameter %.*s.", STR_ARG(buf_view(&q->prefix))));
	q->prefix.n = was;
	return ok;
}

static bool map(struct qin *q, const struct member *m, struct map_of *out)
{
	ASSERT(member_shape(m)->type == SHAPE_MAP);
	size_t was = q->prefix.n;
	uint32_t cap = 0;
	int64_t *at;
	*out = (struct map_of){.set = true};
	if (!m->flattened && !q->ec2)
		enter(q, S("entry"), false);
	size_t n = numbers(q, &at), base = q->prefix.n;
	bool ok = true;
	for (size_t i = 0; i < n && ok; i++) {
		enter_number(q, at[i]);
		ok = map_entry(q, member_shape(m), out, &cap);
		q->prefix.n = base;
	}
	q->prefix.n = was;
	return ok;
}

/* An empty value is an empty string, but no number and no time: some clients send "MaxItems=" for a limit they
 * have not set. */
static bool scalar(struct qin *q, const struct member *m, void *v)
{
	const struct param *p = exact(q);
	if (p == NULL)
		return true; /* something lies below a scalar: ignored like any unknown pair */
	struct str text = p->value.p != NULL ? p->value : S("");
	if (text.n == 0 && member_shape(m)->type != SHAPE_STRING && member_shape(m)->type != SHAPE_BLOB)
		return true;
	if (scalar_from_text(q->a, member_shape(m), member_time_format(m, TIME_ISO8601), text, v))
		return true;
	return wire_fail(q->err, "MalformedInput", 400, utf8_valid(text)
		? arena_printf(q->a, "Invalid value for %.*s: %.*s", STR_ARG(p->name), STR_ARG(text))
		: arena_printf(q->a, "The value of %.*s is not UTF-8", STR_ARG(p->name)));
}

static bool value(struct qin *q, const struct member *m, void *v)
{
	const struct shape *s = member_shape(m);
	if (++q->depth > WIRE_DEPTH_MAX)
		return wire_fail(q->err, "MalformedInput", 400, S("The request is nested too deeply"));
	bool ok;
	switch (s->type) {
	case SHAPE_STRUCT:
	case SHAPE_UNION: ok = structure(q, s, v); break;
	case SHAPE_LIST: ok = list(q, m, v); break;
	case SHAPE_MAP: ok = map(q, m, v); break;
	case SHAPE_DOCUMENT: ok = true; break; /* these protocols have no documents */
	default: ok = scalar(q, m, v); break;
	}
	q->depth--;
	return ok;
}

bool query_decode(struct arena *a, const struct shape *s, const struct params *form, bool ec2, void *v, struct wire_error *err)
{
	struct qin q = {.n = form->n, .a = a, .err = err, .ec2 = ec2};
	struct param *sorted = arena_array(a, struct param, form->n);
	ASSERT(shape_is_struct(s) && v != NULL);
	if (form->n > 0) {
		memcpy(sorted, form->v, form->n * sizeof(sorted[0]));
		qsort(sorted, form->n, sizeof(sorted[0]), by_name);
	}
	q.v = sorted;
	buf_init(&q.prefix, a, 0);
	bool ok = structure(&q, s, v);
	ASSERT(!ok || (q.prefix.n == 0 && q.depth == 0));
	return ok;
}
