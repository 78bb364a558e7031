/* What rules have counted, minute by minute: feeding it, and forgetting it.
 *
 * What always holds: a minute's contributors are the largest that are known, the largest first, at most CONTRIBUTORS_KEPT; its totals are
 * of all. Where some were left out its sketch has the hashes of all that were seen. */
#include "insight.h"

#include "base/map.h"

#include <stdlib.h>

/* ---- how many different ones ---- */

/* The same on every run, for it lies on the disk: FNV-1a, its bits mixed so that its order says nothing about the text. */
uint64_t contributor_hash(const struct list *keys)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (uint32_t i = 0; i < keys->n; i++) {
		struct str s = *LIST_AT(*keys, struct str, i);
		for (size_t k = 0; k < s.n; k++)
			h = (h ^ (unsigned char)s.p[k]) * 0x100000001b3u;
		h = (h ^ s.n) * 0x100000001b3u;
	}
	h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
	return h ^ h >> 33;
}

void sketch_add(struct sketch *s, uint64_t hash)
{
	uint32_t low = 0, high = s->n;
	ASSERT(s->n <= SKETCH);
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (s->v[mid] < hash)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == SKETCH || (low < s->n && s->v[low] == hash))
		return;
	s->n += s->n < SKETCH;
	memmove(s->v + low + 1, s->v + low, (s->n - low - 1) * sizeof *s->v);
	s->v[low] = hash;
}

void sketch_add_all(struct sketch *s, struct str stored)
{
	ASSERT(stored.n % sizeof(uint64_t) == 0);
	for (size_t at = 0; at < stored.n; at += sizeof(uint64_t)) {
		uint64_t h;
		memcpy(&h, stored.p + at, sizeof h);
		sketch_add(s, h);
	}
}

/* The more there are, the closer they lie: Bar-Yossef et al., "Counting distinct elements in a data stream" (2002). */
double sketch_count(const struct sketch *s)
{
	if (s->n < SKETCH)
		return s->n;
	double count = (SKETCH - 1) / ((double)s->v[SKETCH - 1] / 0x1p64);
	return (double)(int64_t)(count + 0.5);
}

/* ---- feeding ---- */

static struct key *minute_key(struct call *c, int64_t id, int64_t ms) { return key_i64(key_i64(call_key(c, "minute"), id), ms); }

static int by_sum(const void *x, const void *y)
{
	const struct cloudwatch_ContributorRecord *a = x, *b = y;
	return a->Sum.v < b->Sum.v ? 1 : a->Sum.v > b->Sum.v ? -1 : 0;
}

/* The contributors of one minute while they are being added to. */
struct crowd {
	struct cloudwatch_ContributorRecord *v;
	uint32_t n, cap;
	struct map by_keys; /* their place + 1 */
};

static struct str text_of_keys(struct arena *a, const struct list *keys)
{
	struct key k = key_new(a);
	for (uint32_t i = 0; i < keys->n; i++)
		key_str(&k, *LIST_AT(*keys, struct str, i));
	return key_bytes(&k);
}

static void add_to_crowd(struct call *c, struct crowd *w, const struct cloudwatch_ContributorRecord *x)
{
	ASSERT(x->Keys.n > 0 && x->Keys.n <= INSIGHT_KEYS_MAX);
	struct str text = text_of_keys(c->arena, &x->Keys);
	uintptr_t place = (uintptr_t)map_get(&w->by_keys, text);
	if (place > 0) {
		struct cloudwatch_ContributorRecord *there = &w->v[place - 1];
		there->Count = SOME_F64(there->Count.v + x->Count.v);
		there->Sum = SOME_F64(there->Sum.v + x->Sum.v);
		return;
	}
	if (w->n == w->cap) {
		w->v = arena_grow(c->arena, w->v, sizeof *w->v, w->cap, w->cap > 0 ? w->cap * 2 : 64);
		w->cap = w->cap > 0 ? w->cap * 2 : 64;
	}
	w->v[w->n++] = *x;
	(void)map_put(&w->by_keys, text, (void *)(uintptr_t)w->n);
}

/* The largest stay. When some go, the hashes of all are kept. */
static void keep_largest(struct call *c, struct cloudwatch_MinuteRecord *m, struct crowd *w)
{
	if (w->n > CONTRIBUTORS_KEPT || str_present(m->Hashes)) {
		struct sketch *s = arena_new_of(c->arena, struct sketch);
		sketch_add_all(s, m->Hashes);
		for (uint32_t i = 0; i < w->n; i++)
			sketch_add(s, contributor_hash(&w->v[i].Keys));
		m->Hashes = str_of((const char *)s->v, s->n * sizeof *s->v);
	}
	if (w->n > 1)
		qsort(w->v, w->n, sizeof *w->v, by_sum);
	m->Contributors = (struct list){w->v, w->n > CONTRIBUTORS_KEPT ? CONTRIBUTORS_KEPT : w->n, true};
}

static void add_sample(struct call *c, struct cloudwatch_MinuteRecord *m, struct crowd *w, const struct metric_sample *x)
{
	bool first = !m->Count.set;
	m->Count = SOME_F64(m->Count.v + x->count);
	m->Sum = SOME_F64(m->Sum.v + x->sum);
	m->Min = SOME_F64(first || x->min < m->Min.v ? x->min : m->Min.v);
	m->Max = SOME_F64(first || x->max > m->Max.v ? x->max : m->Max.v);
	ASSERT(m->Count.v > 0 && m->Min.v <= m->Max.v);
	struct cloudwatch_ContributorRecord one = {LIST_OF(c->arena, struct str, x->n_dims), SOME_F64(x->count), SOME_F64(x->sum)};
	for (uint32_t i = 0; i < one.Keys.n; i++)
		*LIST_AT(one.Keys, struct str, i) = x->dims[i].value;
	if (one.Keys.n > 0) /* none: more contributors than could be told apart on the way */
		add_to_crowd(c, w, &one);
}

/* Samples of one rule and one minute. */
static void feed_minute(struct call *c, struct metric_sample *const *x, size_t n)
{
	c->account = x[0]->account;
	c->region = x[0]->region;
	const struct cloudwatch_InsightRecord *r = insight_get(c, x[0]->name);
	if (r == NULL || !str_eq(r->Rule->State, S("ENABLED")))
		return; /* deleted or disabled since */
	struct key *k = minute_key(c, r->Id.v, x[0]->minute_ms);
	struct cloudwatch_MinuteRecord *m = call_get(c, k, &cloudwatch_shape_MinuteRecord);
	if (m == NULL) {
		m = arena_new_of(c->arena, struct cloudwatch_MinuteRecord);
		trim_daily(c);
	}
	struct crowd w = {0};
	map_init(&w.by_keys, c->arena);
	for (uint32_t i = 0; i < m->Contributors.n; i++)
		add_to_crowd(c, &w, LIST_AT(m->Contributors, struct cloudwatch_ContributorRecord, i));
	for (size_t i = 0; i < n; i++)
		add_sample(c, m, &w, x[i]);
	keep_largest(c, m, &w);
	ASSERT(m->Contributors.n <= CONTRIBUTORS_KEPT);
	call_put(c, k, &cloudwatch_shape_MinuteRecord, m);
}

/* By rule, then by minute. */
static int by_place(const void *p, const void *q)
{
	const struct metric_sample *a = *(struct metric_sample *const *)p, *b = *(struct metric_sample *const *)q;
	int d = str_cmp(a->account, b->account);
	d = d != 0 ? d : str_cmp(a->region, b->region);
	d = d != 0 ? d : str_cmp(a->name, b->name);
	return d != 0 ? d : a->minute_ms < b->minute_ms ? -1 : a->minute_ms > b->minute_ms;
}

void insight_feed(struct call *c, struct metric_sample **x, size_t n)
{
	if (n > 1)
		qsort(x, n, sizeof *x, by_place);
	for (size_t from = 0, to; from < n; from = to) {
		for (to = from + 1; to < n && by_place(&x[from], &x[to]) == 0; to++)
			ASSERT(str_empty(x[to]->ns));
		feed_minute(c, x + from, to - from);
	}
}

/* ---- reading and forgetting ---- */

struct scan *insight_minutes(struct call *c, const struct cloudwatch_InsightRecord *r, int64_t from_ms, int64_t to_ms)
{
	ASSERT(r->Id.set && from_ms <= to_ms);
	return scan_open(c->txn, key_bytes(minute_key(c, r->Id.v, from_ms)), key_bytes(minute_key(c, r->Id.v, to_ms)), false);
}

void insight_forget(struct call *c, const struct cloudwatch_InsightRecord *r, int64_t before_ms)
{
	struct str key, value;
	struct scan *s = insight_minutes(c, r, INT64_MIN, before_ms);
	while (scan_next(s, &key, &value))
		txn_del(c->txn, key);
	scan_close(s);
}

void insight_trim(struct call *c, int64_t before_ms)
{
	struct str key, value;
	struct scan *s = call_scan(c, call_key(c, "insight"), STR_NONE, false);
	while (scan_next(s, &key, &value))
		insight_forget(c, record_decode(c, &cloudwatch_shape_InsightRecord, value), before_ms);
	scan_close(s);
}
