/* Views: committed states that readers stand on. See inside.h.
 *
 * Invariants: the newest view always exists and the store holds one reference to it; the list is ordered by
 * sequence; a view without references is in no list but the free one. All under the store's lock. */
#include "store/inside.h"

#include <stdlib.h>

enum { FREE_TXNS_MAX = 64, MEMORY_TIER = 1 /* rocksdb's ReadTier */ };

static struct view *view_take_free(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	struct view *v = s->free_views;
	if (v != NULL)
		s->free_views = v->older;
	pthread_mutex_unlock(&s->lock);
	if (v != NULL)
		return v;
	v = calloc(1, sizeof *v);
	if (v == NULL)
		die("out of memory");
	v->read = rocksdb_readoptions_create();
	v->read_memory = rocksdb_readoptions_create();
	rocksdb_readoptions_set_read_tier(v->read_memory, MEMORY_TIER);
	return v;
}

/* Drop a reference, under the lock. Returns the snapshot to release outside of it, or NULL. */
static const rocksdb_snapshot_t *unref(struct store *s, struct view *v)
{
	ASSERT(v->refs > 0);
	if (--v->refs > 0)
		return NULL;
	ASSERT(v != s->newest);
	*(v->newer != NULL ? &v->newer->older : &s->newest) = v->older;
	*(v->older != NULL ? &v->older->newer : &s->oldest) = v->newer;
	const rocksdb_snapshot_t *snapshot = v->snapshot;
	v->snapshot = NULL;
	v->older = s->free_views;
	s->free_views = v;
	return snapshot;
}

void view_publish(struct store *s, uint64_t sequence)
{
	struct view *v = view_take_free(s);
	v->snapshot = rocksdb_create_snapshot(s->db);
	v->sequence = sequence;
	v->refs = 1;
	rocksdb_readoptions_set_snapshot(v->read, v->snapshot);
	rocksdb_readoptions_set_snapshot(v->read_memory, v->snapshot);

	pthread_mutex_lock(&s->lock);
	struct view *before = s->newest;
	ASSERT(before == NULL || before->sequence < sequence);
	v->newer = NULL;
	v->older = before;
	s->newest = v;
	if (before != NULL)
		before->newer = v;
	else
		s->oldest = v;
	atomic_store(&s->sequence, sequence);
	const rocksdb_snapshot_t *gone = before != NULL ? unref(s, before) : NULL;
	pthread_mutex_unlock(&s->lock);
	if (gone != NULL)
		rocksdb_release_snapshot(s->db, gone);
}

uint64_t view_oldest_sequence(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	uint64_t sequence = s->oldest->sequence;
	pthread_mutex_unlock(&s->lock);
	return sequence;
}

void views_free(struct store *s)
{
	if (s->newest != NULL) {
		ASSERT(s->newest == s->oldest && s->newest->refs == 1); /* no reader is left */
		rocksdb_release_snapshot(s->db, s->newest->snapshot);
		s->newest->older = s->free_views;
		s->free_views = s->newest;
		s->newest = s->oldest = NULL;
	}
	while (s->free_views != NULL) {
		struct view *v = s->free_views;
		s->free_views = v->older;
		rocksdb_readoptions_destroy(v->read);
		rocksdb_readoptions_destroy(v->read_memory);
		free(v);
	}
	while (s->free_txns != NULL) {
		struct txn *t = s->free_txns;
		s->free_txns = t->next;
		scans_free(t);
		free(t);
	}
}

/* A reader on a view; NULL: the newest. */
static struct txn *read_on(struct store *s, struct view *v)
{
	pthread_mutex_lock(&s->lock);
	if (v == NULL)
		v = s->newest;
	v->refs++;
	struct txn *t = s->free_txns;
	if (t != NULL) {
		s->free_txns = t->next;
		s->n_free_txns--;
	}
	pthread_mutex_unlock(&s->lock);
	if (t == NULL) {
		t = calloc(1, sizeof *t);
		if (t == NULL)
			die("out of memory");
		t->store = s;
	}
	t->magic = TXN_MAGIC;
	t->next = NULL;
	t->view = v;
	t->read = v->read;
	t->memory_only = t->incomplete = false;
	ASSERT(t->scans == NULL);
	return t;
}

struct txn *store_read(struct store *s)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	return read_on(s, NULL);
}

struct txn *store_read_memory(struct store *s)
{
	struct txn *t = store_read(s);
	t->memory_only = true;
	t->read = t->view->read_memory;
	return t;
}

bool txn_incomplete(const struct txn *t)
{
	CHECK_MAGIC(t, TXN_MAGIC);
	ASSERT(t->memory_only || !t->incomplete);
	return t->incomplete;
}

bool txn_needs_disk(struct txn *t)
{
	CHECK_MAGIC(t, TXN_MAGIC);
	t->incomplete |= t->memory_only;
	return t->memory_only;
}

struct txn *txn_again(struct txn *t)
{
	CHECK_MAGIC(t, TXN_MAGIC);
	return read_on(t->store, t->view); /* a writer has no view: the newest */
}

void txn_end(struct txn *t)
{
	CHECK_MAGIC(t, TXN_MAGIC);
	ASSERT(t->view != NULL);
	struct store *s = t->store;
	scans_close(t);
	struct view *v = t->view;
	t->view = NULL;
	t->magic = 0;
	pthread_mutex_lock(&s->lock);
	const rocksdb_snapshot_t *gone = unref(s, v);
	bool keep = s->n_free_txns < FREE_TXNS_MAX;
	if (keep) {
		t->next = s->free_txns;
		s->free_txns = t;
		s->n_free_txns++;
	}
	pthread_mutex_unlock(&s->lock);
	if (gone != NULL)
		rocksdb_release_snapshot(s->db, gone);
	if (!keep) {
		scans_free(t);
		free(t);
	}
}
