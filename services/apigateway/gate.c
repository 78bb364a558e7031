/* The gate's state, all of it owned by the loop thread: token buckets, and what each key has used of its quota.
 *
 * What a key has used lives here once it was seen, starting from what the store says; increments are written to the store
 * behind the answers, one write at a time for a key and day. Source: "Throttle requests to your REST APIs" (developer guide). */
#include "gate.h"

#include "base/map.h"
#include "base/time.h"
#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>

enum { DAY_MS = 86400000, BUCKETS_MAX = 100000, USAGES_KEPT = 10000 };

struct bucket { double tokens; int64_t at_ms; };

struct used {
	char *text;             /* the map's key, account, region, plan and key point into it */
	struct str account, region, plan, key;
	int64_t period, total;  /* of the period */
	int64_t day, unwritten; /* of the day */
	int64_t writing;        /* on its way to the store */
};

static struct map buckets, usages;

/* ---- days and periods ---- */

int64_t quota_period(const struct apigateway_QuotaSettings *q, int64_t day)
{
	if (q == NULL || str_eq(q->period, S("DAY")))
		return day;
	if (str_eq(q->period, S("WEEK"))) /* the first of January 1970 was a Thursday */
		return day - ((day + 4) % 7 - q->offset.v + 7) % 7;
	struct civil t = civil_of(day * DAY_MS);
	if (t.day < 1 + (int)q->offset.v)
		t.month--;
	const struct civil start = {.year = t.year, .month = t.month, .day = 1 + (int)q->offset.v};
	return civil_ms(start) / DAY_MS;
}

static struct key *day_key(struct call *c, struct str plan, struct str key, int64_t day)
{
	return key_i64(key_str(key_str(call_key(c, "usage"), plan), key), day);
}

static int64_t number_at(struct call *c, const struct key *k)
{
	struct str value;
	int64_t n = 0;
	if (txn_get(c->txn, key_bytes(k), c->arena, &value) && value.n == sizeof n)
		memcpy(&n, value.p, sizeof n);
	return n;
}

int64_t usage_of_day(struct call *c, struct str plan, struct str key, int64_t day) { return number_at(c, day_key(c, plan, key, day)); }

static struct key *extra_key(struct call *c, struct str plan, struct str key, int64_t period)
{
	return key_i64(key_str(key_str(call_key(c, "extra"), plan), key), period);
}

int64_t usage_extra(struct call *c, struct str plan, struct str key, int64_t period) { return number_at(c, extra_key(c, plan, key, period)); }

void usage_set_extra(struct call *c, struct str plan, struct str key, int64_t period, int64_t extra)
{
	txn_put(c->txn, key_bytes(extra_key(c, plan, key, period)), str_of((const char *)&extra, sizeof extra));
}

/* ---- writing behind ---- */

static void write_usage(struct call *c)
{
	const struct used *u = c->user;
	ASSERT(u->writing > 0);
	int64_t n = usage_of_day(c, u->plan, u->key, u->day) + u->writing;
	txn_put(c->txn, key_bytes(day_key(c, u->plan, u->key, u->day)), str_of((const char *)&n, sizeof n));
}

static void flush(struct used *u);

static void written(void *arg, const struct wire_error *error)
{
	struct used *u = arg;
	if (error != NULL)
		u->unwritten += u->writing;
	u->writing = 0;
	if (error == NULL && u->unwritten > 0)
		flush(u);
}

/* u->day stays as it is while a write is on its way. */
static void flush(struct used *u)
{
	ASSERT(u->unwritten >= 0 && u->writing >= 0);
	if (u->writing > 0 || u->unwritten == 0)
		return;
	u->writing = u->unwritten;
	u->unwritten = 0;
	const struct submit s = {.service = service_find(S("apigateway")), .account = u->account, .region = u->region, .run = write_usage,
		.write = true, .arg = u, .done = written};
	call_submit(&s);
}

/* ---- the gate ---- */

static char *put_text(char *at, struct str from, struct str *to)
{
	memcpy(at, from.p, from.n);
	*to = str_of(at, from.n);
	return at + from.n;
}

/* What is in the store to the last one is found there again. */
static void forget_written(void)
{
	size_t at = 0;
	for (struct map_entry *e; (e = map_next(&usages, &at)) != NULL;) {
		struct used *u = e->value;
		if (u->unwritten > 0 || u->writing > 0)
			continue;
		char *text = u->text; /* with the map's key */
		free(map_del(&usages, e->key));
		free(text);
	}
}

static struct used *used_of(const struct gate *g)
{
	char name[512];
	int n = snprintf(name, sizeof name, "%.*s/%.*s/%lld", STR_ARG(g->plan), STR_ARG(g->key), (long long)g->today);
	ASSERT(n > 0 && (size_t)n < sizeof name);
	struct used *u = map_get(&usages, str_of(name, (size_t)n));
	if (u != NULL)
		return u;
	if (map_count(&usages) >= USAGES_KEPT)
		forget_written();
	u = calloc(1, sizeof *u);
	char *text = malloc((size_t)n + g->account.n + g->region.n + g->plan.n + g->key.n);
	if (u == NULL || text == NULL)
		die("out of memory");
	struct str own;
	char *at = put_text(text, str_of(name, (size_t)n), &own);
	at = put_text(put_text(at, g->account, &u->account), g->region, &u->region);
	put_text(put_text(at, g->plan, &u->plan), g->key, &u->key);
	u->text = text;
	u->period = g->period;
	u->total = g->used;
	u->day = g->today;
	map_put(&usages, own, u);
	return u;
}

static struct bucket *bucket_of(struct str name, double burst)
{
	struct bucket *b = map_get(&buckets, name);
	if (b != NULL)
		return b;
	if (map_count(&buckets) >= BUCKETS_MAX) { /* forget all: every one starts full again */
		size_t at = 0;
		for (struct map_entry *e; (e = map_next(&buckets, &at)) != NULL;) {
			struct str key = e->key;
			free(map_del(&buckets, key));
			free((char *)(uintptr_t)key.p);
		}
	}
	b = malloc(sizeof *b);
	char *key = malloc(name.n + 1);
	if (b == NULL || key == NULL)
		die("out of memory");
	memcpy(key, name.p, name.n);
	*b = (struct bucket){burst, clock_now_ms()};
	map_put(&buckets, str_of(key, name.n), b);
	return b;
}

/* Fill by the time that went by, and look whether there is one; taking it is the caller's. */
static bool bucket_has(struct bucket *b, double rate, double burst)
{
	ASSERT(rate >= 0 && burst >= 0);
	int64_t now = clock_now_ms();
	if (now > b->at_ms)
		b->tokens += (double)(now - b->at_ms) / 1000.0 * rate;
	b->at_ms = now;
	if (b->tokens > burst)
		b->tokens = burst;
	return b->tokens >= 1;
}

static enum gate_answer pass(const struct gate *g)
{
	ASSERT(!str_present(g->plan) || str_present(g->key)); /* a quota is a key's */
	struct bucket *taken[GATE_BUCKETS] = {0};
	for (size_t i = 0; i < GATE_BUCKETS; i++) {
		if (!str_present(g->buckets[i].name))
			continue;
		taken[i] = bucket_of(g->buckets[i].name, g->buckets[i].burst);
		if (!bucket_has(taken[i], g->buckets[i].rate, g->buckets[i].burst))
			return GATE_THROTTLED;
	}
	struct used *u = str_present(g->plan) ? used_of(g) : NULL;
	if (u != NULL && g->limited && u->total >= g->limit)
		return GATE_EXHAUSTED;
	for (size_t i = 0; i < GATE_BUCKETS; i++)
		if (taken[i] != NULL)
			taken[i]->tokens -= 1;
	if (u != NULL) {
		u->total++;
		u->unwritten++;
		flush(u);
	}
	return GATE_OPEN;
}

static void start(struct ticket t, void *arg)
{
	unsigned char code = (unsigned char)pass(arg);
	const struct answer a = {.ok = true, .bytes = str_of((const char *)&code, 1)};
	ticket_answer(t, &a);
}

enum gate_answer gate_pass(struct call *c, const struct gate *g)
{
	struct gate kept = *g;
	struct arena *k = call_keep(c);
	for (size_t i = 0; i < GATE_BUCKETS; i++)
		kept.buckets[i].name = arena_dup(k, g->buckets[i].name);
	kept.plan = arena_dup(k, g->plan);
	kept.key = arena_dup(k, g->key);
	kept.account = arena_dup(k, g->account);
	kept.region = arena_dup(k, g->region);
	const struct answer *a = call_await(c, start, &kept, sizeof kept, INT64_MAX);
	if (a == NULL)
		return GATE_PARKED;
	ASSERT(a->ok && a->bytes.n == 1);
	return (enum gate_answer)(unsigned char)a->bytes.p[0];
}
