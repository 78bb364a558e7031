/* Records that many calls read and few change (a table, a role, a function): decoded once, and shared by the calls that
 * find the same bytes.
 *
 * Each executor thread has its own few, the writers have theirs together, for they never run handlers side by side. What is
 * found there is used only when the store knows that nothing was written under the key since its bytes were compared, or when
 * they are the same still. A record lives as long as its place or any run that
 * was given it, whichever ends last: a run's arena may be freed on another thread, hence the atomic count. */
#include "svc/task.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { PLACES = 64, VALUE_MAX = 16 << 10 };

struct shared {
	atomic_uint refs; /* its place and the runs that use it */
	struct arena *arena; /* holds this too */
	const struct shape *shape;
	struct str key, value;
	const void *record; /* without a shape: the value */
	uint64_t compared; /* the commit on which the bytes were compared; 0: inside a group that writes it */
};

static struct shared *of_writers[PLACES];
static _Thread_local struct shared *of_thread[PLACES];
static _Thread_local bool is_writer;

static struct shared **place_of(struct str key)
{
	return &(is_writer ? of_writers : of_thread)[str_hash(key) % PLACES];
}

static void unref(void *arg)
{
	struct shared *s = arg;
	unsigned before = atomic_fetch_sub(&s->refs, 1);
	ASSERT(before > 0);
	if (before == 1)
		arena_free(s->arena);
}

static const void *use(struct call *c, struct shared *s)
{
	ASSERT(s->record != NULL);
	atomic_fetch_add(&s->refs, 1);
	arena_defer(c->arena, unref, s);
	return s->record;
}

static struct shared *make(const struct shape *shape, struct str key, struct str value)
{
	struct arena *a = arena_new(value.n * 4 + 1024);
	struct shared *s = arena_new_of(a, struct shared);
	s->arena = a;
	s->shape = shape;
	s->key = arena_dup(a, key);
	s->value = arena_dup(a, value);
	s->record = shape != NULL ? typed_from_cbor(a, shape, s->value) : &s->value;
	ASSERT(s->record != NULL);
	atomic_init(&s->refs, 1);
	return s;
}

static const void *get_shared(struct call *c, const struct key *k, const struct shape *shape)
{
	struct str key = key_bytes(k), value;
	struct shared **place = place_of(key), *s = *place;
	bool found = s != NULL && s->shape == shape && str_eq(s->key, key);
	if (found && txn_unchanged(c->txn, key, s->compared))
		return use(c, s);
	if (!txn_get(c->txn, key, c->arena, &value))
		return NULL;
	if (value.n > VALUE_MAX)
		return shape != NULL ? record_decode(c, shape, value) : memcpy(arena_alloc(c->arena, sizeof value), &value, sizeof value);
	if (!found || !str_eq(s->value, value)) {
		if (s != NULL)
			unref(s);
		s = *place = make(shape, key, value);
	}
	uint64_t base = txn_base(c->txn);
	s->compared = txn_unchanged(c->txn, key, base) ? base : 0;
	return use(c, s);
}

const void *call_get_shared(struct call *c, const struct key *k, const struct shape *shape)
{
	ASSERT(shape != NULL);
	return get_shared(c, k, shape);
}

struct str call_get_shared_bytes(struct call *c, const struct key *k)
{
	const struct str *value = get_shared(c, k, NULL);
	return value != NULL ? *value : STR_NONE;
}

static void forget(struct shared **places)
{
	for (size_t i = 0; i < PLACES; i++)
		if (places[i] != NULL) {
			unref(places[i]);
			places[i] = NULL;
		}
}

void shared_of_writers(void) { is_writer = true; }
void shared_forget(void) { forget(of_thread); }
void shared_forget_writers(void) { forget(of_writers); }
