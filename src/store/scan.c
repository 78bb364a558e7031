/* Scans: RocksDB's iterator, and for a writer its group's writes, and those of the group below, laid over it.
 *
 * Invariants: all cursors stand on the next key to give, except that with `step` the base stands on a key that was
 * given out (its bytes are the caller's until the next call). An overlay's cursor never meets freed memory: nodes live
 * as long as the running group. */
#include "store/inside.h"

#include <stdlib.h>

enum {
	SKIPPED_MAX = 1000, /* deleted keys that a reader which shall be quick passes over */
	STEP_BYTES = 256,   /* what a step takes of its time, as bytes of values */
};

static struct scan *scan_take(struct txn *t)
{
	struct scan *s = t->spare;
	if (s != NULL) {
		t->spare = s->next;
	} else {
		s = calloc(1, sizeof *s);
		if (s == NULL)
			die("out of memory");
		s->read = rocksdb_readoptions_create();
		s->txn = t;
	}
	s->magic = SCAN_MAGIC;
	s->next = t->scans;
	t->scans = s;
	return s;
}

static void keep_bounds(struct scan *s, struct str from, struct str to)
{
	if (s->bounds_cap < from.n + to.n) {
		free(s->bounds);
		s->bounds_cap = from.n + to.n + 128;
		s->bounds = malloc(s->bounds_cap);
		if (s->bounds == NULL)
			die("out of memory");
	}
	ASSERT(from.n > 0 && s->bounds != NULL);
	memcpy(s->bounds, from.p, from.n);
	if (to.n > 0)
		memcpy(s->bounds + from.n, to.p, to.n);
	s->from = str_of(s->bounds, from.n);
	s->to = str_present(to) ? str_of(s->bounds + from.n, to.n) : STR_NONE;
}

static void open_base(struct scan *s)
{
	rocksdb_readoptions_set_snapshot(s->read, s->txn->view != NULL ? s->txn->view->snapshot : NULL);
	rocksdb_readoptions_set_iterate_lower_bound(s->read, s->from.p, s->from.n);
	rocksdb_readoptions_set_iterate_upper_bound(s->read, s->to.p, s->to.n);
	rocksdb_readoptions_set_read_tier(s->read, s->txn->memory_only); /* 1: "block cache tier" */
	rocksdb_readoptions_set_max_skippable_internal_keys(s->read, s->txn->memory_only ? SKIPPED_MAX : 0);
	s->base = rocksdb_create_iterator(s->txn->store->db, s->read);
	if (s->reverse)
		rocksdb_iter_seek_to_last(s->base); /* the last below the upper bound */
	else
		rocksdb_iter_seek(s->base, s->from.p, s->from.n);
}

static void open_over(struct scan *s)
{
	s->n_over = 0;
	if (s->txn->view != NULL)
		return;
	const struct overlay *layers[OVERS_MAX] = {s->txn->store->group, s->txn->store->below};
	for (size_t i = 0; i < OVERS_MAX; i++) {
		const struct overlay *o = layers[i];
		if (o != NULL && o->last != NULL)
			s->over[s->n_over++] = (struct over){o, s->reverse ? overlay_before(o, s->to) : overlay_at_least(o, s->from), o->stamp};
	}
	s->stamp = layers[0]->stamp;
}

struct scan *scan_open(struct txn *t, struct str from, struct str to, bool reverse)
{
	CHECK_MAGIC(t, TXN_MAGIC);
	/* The store's own keys are below every key of its users. */
	if (from.n == 0 || from.p[0] == '\0')
		from = S("\x01");
	if (str_present(to) && str_cmp(to, from) < 0)
		to = from;
	struct scan *s = scan_take(t);
	keep_bounds(s, from, to);
	s->reverse = reverse;
	s->step = false;
	s->given = 0;
	open_base(s);
	open_over(s);
	return s;
}

/* The base's next key: absent at its end. */
static struct str base_key(struct scan *s)
{
	if (s->base == NULL)
		return STR_NONE;
	if (s->step) {
		s->step = false;
		(s->reverse ? rocksdb_iter_prev : rocksdb_iter_next)(s->base);
	}
	if (UNLIKELY(!rocksdb_iter_valid(s->base))) {
		char *error = NULL;
		rocksdb_iter_get_error(s->base, &error);
		if (error != NULL && !s->txn->memory_only) /* an end that is none would be a wrong answer */
			die("the store cannot be read: %s", error);
		s->txn->incomplete |= error != NULL;
		rocksdb_free(error);
		return STR_NONE;
	}
	size_t n;
	const char *p = rocksdb_iter_key(s->base, &n);
	return str_of(p, n);
}

static struct str base_value(const struct scan *s)
{
	size_t n;
	const char *p = rocksdb_iter_value(s->base, &n);
	return str_of(p, n);
}

/* < 0: the scan comes to a before b. An absent key is behind all. */
static int order(const struct scan *s, struct str a, struct str b)
{
	if (!str_present(a) || !str_present(b))
		return (int)str_present(b) - (int)str_present(a);
	return s->reverse ? str_cmp(b, a) : str_cmp(a, b);
}

static void over_step(const struct scan *s, struct over *o)
{
	o->at = s->reverse ? overlay_prev(o->writes, o->at) : overlay_next(o->at);
}

/* The layer's next key that it has something to say about: absent at its end. */
static struct str over_key(const struct scan *s, struct over *o)
{
	while (o->at != NULL && overlay_as_of(o->at, o->stamp) == NULL)
		over_step(s, o);
	if (o->at == NULL)
		return STR_NONE;
	bool inside = s->reverse ? str_cmp(o->at->key, s->from) >= 0 : !str_present(s->to) || str_cmp(o->at->key, s->to) < 0;
	return inside ? o->at->key : STR_NONE;
}

/* The running group's cursor may have passed where a key that was deleted after the scan began now lies. */
static bool deleted_since(const struct scan *s, struct str key)
{
	if (LIKELY(s->txn->view != NULL))
		return false; /* a reader's: the group is not its to look at */
	const struct overlay *o = s->txn->store->group;
	if (LIKELY(o->stamp == s->stamp))
		return false;
	const struct version *v = overlay_find(o, key);
	return v != NULL && v->deleted;
}

/* What the layers say of a key, the upper one first; their cursors leave it. NULL: nothing. */
static const struct version *over_take(struct scan *s, struct str key)
{
	const struct version *found = NULL;
	for (size_t i = 0; i < s->n_over; i++) {
		struct over *o = &s->over[i];
		if (o->at == NULL || !str_eq(o->at->key, key))
			continue;
		if (found == NULL)
			found = overlay_as_of(o->at, o->stamp);
		over_step(s, o);
	}
	return found;
}

/* A reader that shall not wait for the disk shall not keep its thread for long either. */
static bool in_budget(struct scan *s, size_t bytes)
{
	s->given += bytes + STEP_BYTES;
	s->txn->incomplete |= s->given > STORE_SCAN_MEMORY_MAX;
	return !s->txn->incomplete;
}

bool scan_next(struct scan *s, struct str *key, struct str *value)
{
	CHECK_MAGIC(s, SCAN_MAGIC);
	for (;;) {
		struct str base = base_key(s), first = base;
		for (size_t i = 0; i < s->n_over; i++) {
			struct str k = over_key(s, &s->over[i]);
			if (order(s, k, first) < 0)
				first = k;
		}
		if (!str_present(first))
			return false;
		s->step = str_present(base) && str_eq(base, first); /* given out, or covered */
		const struct version *v = s->n_over > 0 ? over_take(s, first) : NULL;
		if (deleted_since(s, first) || (v != NULL && v->deleted))
			continue;
		*key = first;
		*value = v != NULL ? v->value : base_value(s);
		if (s->txn->memory_only && !in_budget(s, value->n))
			return false;
		return true;
	}
}

static void close_one(struct scan *s)
{
	if (s->base != NULL)
		rocksdb_iter_destroy(s->base);
	s->base = NULL;
	s->n_over = 0;
	s->magic = 0;
}

void scan_close(struct scan *s)
{
	CHECK_MAGIC(s, SCAN_MAGIC);
	struct scan **at = &s->txn->scans;
	while (*at != s) {
		ASSERT(*at != NULL);
		at = &(*at)->next;
	}
	*at = s->next;
	close_one(s);
	s->next = s->txn->spare;
	s->txn->spare = s;
}

void scans_close(struct txn *t)
{
	while (t->scans != NULL)
		scan_close(t->scans);
}

void scans_free(struct txn *t)
{
	ASSERT(t->scans == NULL);
	while (t->spare != NULL) {
		struct scan *s = t->spare;
		t->spare = s->next;
		rocksdb_readoptions_destroy(s->read);
		free(s->bounds);
		free(s);
	}
}
