/* Transactions and groups.
 *
 * A writer's transaction is a mark in the group's overlay: keeping it does nothing, dropping it rolls back to the mark,
 * and save points are marks too. Committing writes the overlay, in key order, into one batch: to the log first
 * (synced), then to the database's memory, then a new view lets readers see it.
 * Invariants: one writer's transaction at a time, inside a group; the group's number is the newest view's plus one. */
#include "store/inside.h"

#include <errno.h>
#include <stdlib.h>

enum { BATCH_KEPT = 1 << 20 };

void put_be64(char out[8], uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(out, &v, 8);
}

uint64_t get_be64(const char *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
	return __builtin_bswap64(v);
}

uint64_t store_sequence(const struct store *s)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	return atomic_load(&s->sequence);
}

uint64_t txn_sequence(const struct txn *t)
{
	CHECK_MAGIC(t, TXN_MAGIC);
	return t->view != NULL ? t->view->sequence : t->store->newest->sequence + 1; /* only the writer changes newest */
}

uint64_t txn_base(const struct txn *t)
{
	CHECK_MAGIC(t, TXN_MAGIC);
	return t->view != NULL ? t->view->sequence : t->store->newest->sequence;
}

bool txn_unchanged(const struct txn *t, struct str key, uint64_t since)
{
	uint64_t base = txn_base(t);
	uint64_t last = atomic_load_explicit(&t->store->changed[str_hash(key) % CHANGED_SLOTS], memory_order_relaxed);
	return since > 0 && last <= since && last <= base;
}

/* ---- groups ---- */

void store_group_begin(struct store *s)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	ASSERT(!s->in_group && s->group.n_undo == 0);
	s->in_group = true;
}

struct txn *store_group_txn(struct store *s)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	ASSERT(s->in_group && !s->txn_open);
	struct txn *t = &s->writer;
	s->txn_open = true;
	t->magic = TXN_MAGIC;
	t->store = s;
	t->view = NULL;
	t->read = s->read_newest;
	t->memory_only = t->incomplete = false;
	t->start = overlay_mark(&s->group);
	t->n_saves = 0;
	return t;
}

static void writer_end(struct txn *t)
{
	CHECK_MAGIC(t, TXN_MAGIC);
	ASSERT(t->view == NULL && t->store->txn_open);
	scans_close(t);
	t->magic = 0;
	t->store->txn_open = false;
}

void txn_keep(struct txn *t)
{
	ASSERT(t->n_saves == 0);
	writer_end(t);
}

void txn_drop(struct txn *t)
{
	writer_end(t);
	overlay_rollback(&t->store->group, t->start);
}

/* The overlay as a batch. false when nothing is left of the group. */
static bool fill_batch(struct store *s, uint64_t number)
{
	char applied[8];
	put_be64(applied, number);
	rocksdb_writebatch_put(s->batch, APPLIED_KEY.p, APPLIED_KEY.n, applied, sizeof applied);
	for (const struct node *n = overlay_at_least(&s->group, STR_NONE); n != NULL; n = overlay_next(n)) {
		const struct version *v = n->newest;
		if (v == NULL)
			continue;
		if (v->deleted)
			rocksdb_writebatch_delete(s->batch, n->key.p, n->key.n);
		else
			rocksdb_writebatch_put(s->batch, n->key.p, n->key.n, v->value.p, v->value.n);
	}
	return s->group.n_undo > 0;
}

static bool commit_batch(struct store *s, uint64_t number)
{
	size_t n;
	const char *p = rocksdb_writebatch_data(s->batch, &n);
	if (!rocks_ready(s) || !wal_append(s->wal, number, str_of(p, n)))
		return false;
	if (rocks_apply(s, s->batch, NULL))
		return true;
	int error = errno;
	(void)wal_retract(s->wal, number);
	errno = error;
	return false;
}

/* Blobs whose last claim the group dropped. Claims sort before everything else. */
static void note_released(struct store *s, uint64_t number)
{
	for (const struct node *n = overlay_at_least(&s->group, BLOB_KEY_PREFIX); n != NULL; n = overlay_next(n)) {
		if (!str_starts(n->key, BLOB_KEY_PREFIX))
			return;
		if (n->newest != NULL && n->newest->deleted)
			blob_note_released(s, n->key, number);
	}
}

bool store_group_commit(struct store *s)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	ASSERT(s->in_group && !s->txn_open);
	s->in_group = false;
	uint64_t number = s->newest->sequence + 1;
	bool ok = true;
	if (fill_batch(s, number)) {
		ok = commit_batch(s, number);
		if (ok) {
			note_released(s, number);
			view_publish(s, number);
		}
	}
	int error = errno;
	size_t n;
	(void)rocksdb_writebatch_data(s->batch, &n);
	if (n > BATCH_KEPT) {
		rocksdb_writebatch_destroy(s->batch);
		s->batch = rocksdb_writebatch_create();
	} else {
		rocksdb_writebatch_clear(s->batch);
	}
	overlay_clear(&s->group);
	errno = error;
	return ok;
}

/* ---- save points ---- */

void txn_save(struct txn *t)
{
	CHECK_MAGIC(t, TXN_MAGIC);
	ASSERT(t->view == NULL && t->n_saves < SAVES_MAX);
	t->saves[t->n_saves++] = overlay_mark(&t->store->group);
}

void txn_restore(struct txn *t)
{
	CHECK_MAGIC(t, TXN_MAGIC);
	ASSERT(t->view == NULL && t->n_saves > 0);
	overlay_rollback(&t->store->group, t->saves[--t->n_saves]);
}

void txn_release(struct txn *t)
{
	CHECK_MAGIC(t, TXN_MAGIC);
	ASSERT(t->view == NULL && t->n_saves > 0);
	t->n_saves--;
}

/* ---- reading and writing ---- */

bool txn_writable(const struct txn *t)
{
	CHECK_MAGIC(t, TXN_MAGIC);
	return t->view == NULL;
}

bool txn_wrote(const struct txn *t)
{
	return txn_writable(t) && t->store->group.n_undo > t->start;
}

/* The value in the database, pinned; NULL when there is none. */
static rocksdb_pinnableslice_t *get_pinned(struct txn *t, struct str key)
{
	char *error = NULL;
	rocksdb_pinnableslice_t *p = rocksdb_get_pinned(t->store->db, t->read, key.p, key.n, &error);
	if (LIKELY(error == NULL))
		return p;
	if (!t->memory_only) /* "not there" would be a wrong answer */
		die("the store cannot be read: %s", error);
	t->incomplete = true; /* an error that is one will be seen by who reads in earnest */
	rocksdb_free(error);
	return NULL;
}

bool txn_get(struct txn *t, struct str key, struct arena *a, struct str *value)
{
	CHECK_MAGIC(t, TXN_MAGIC);
	ASSERT(key.n > 0);
	if (UNLIKELY(key.n > STORE_KEY_MAX))
		return false;
	const struct version *v = t->view == NULL ? overlay_find(&t->store->group, key) : NULL;
	if (v != NULL) {
		if (!v->deleted)
			*value = arena_dup(a, v->value);
		return !v->deleted;
	}
	rocksdb_pinnableslice_t *p = get_pinned(t, key);
	if (p == NULL)
		return false;
	size_t n;
	const char *bytes = rocksdb_pinnableslice_value(p, &n);
	*value = arena_dup(a, str_of(bytes, n));
	rocksdb_pinnableslice_destroy(p);
	return true;
}

bool txn_has(struct txn *t, struct str key)
{
	CHECK_MAGIC(t, TXN_MAGIC);
	ASSERT(key.n > 0);
	if (UNLIKELY(key.n > STORE_KEY_MAX))
		return false;
	const struct version *v = t->view == NULL ? overlay_find(&t->store->group, key) : NULL;
	if (v != NULL)
		return !v->deleted;
	rocksdb_pinnableslice_t *p = get_pinned(t, key);
	if (p == NULL)
		return false;
	rocksdb_pinnableslice_destroy(p);
	return true;
}

void txn_write(struct txn *t, struct str key, struct str value, bool deleted)
{
	CHECK_MAGIC(t, TXN_MAGIC);
	ASSERT(t->view == NULL && t->store->txn_open);
	ASSERT(key.n > 0 && key.n <= STORE_KEY_MAX);
	ASSERT(value.n <= VALUE_BYTES_MAX);
	atomic_store_explicit(&t->store->changed[str_hash(key) % CHANGED_SLOTS], txn_sequence(t), memory_order_relaxed);
	overlay_write(&t->store->group, key, value, deleted);
}

void txn_put(struct txn *t, struct str key, struct str value)
{
	ASSERT(key.n > 0 && key.p[0] != '\0');
	txn_write(t, key, str_present(value) ? value : S(""), false);
}

void txn_del(struct txn *t, struct str key)
{
	ASSERT(key.n > 0 && key.p[0] != '\0');
	if (LIKELY(key.n <= STORE_KEY_MAX))
		txn_write(t, key, STR_NONE, true);
}
