/* Transactions and groups.
 *
 * A writer's transaction is a mark in the group's overlay: keeping it does nothing, dropping it rolls back to the mark,
 * and save points are marks too. Committing writes the overlay, in key order, into one batch: to the log first
 * (synced), then to the database's memory, then a new view lets readers see it.
 *
 * A group begins on the newest view or, while another is being committed, on that one's overlay too, which stays as it is
 * until this group is sealed; the database may take that one's writes meanwhile, they are covered by the same. When that one
 * is refused this one goes with it, for it may have read what is not there.
 * Invariants: one writer's transaction at a time, inside a group; one group runs and one is sealed at most; a group is sealed
 * when none is; numbers have no gaps, and a refused one is given again. */
#include "store/inside.h"
#include "store/pack.h"

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
	return t->view != NULL ? t->view->sequence : t->store->number;
}

uint64_t txn_base(const struct txn *t)
{
	CHECK_MAGIC(t, TXN_MAGIC);
	return t->view != NULL ? t->view->sequence : t->store->number - 1;
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
	ASSERT(!s->in_group && s->group->n_undo == 0);
	pthread_mutex_lock(&s->lock);
	ASSERT(s->below == NULL && s->sealed != s->group);
	s->below = s->sealed;
	s->below_refused = 0;
	s->number = (s->sealed != NULL ? s->sealed_number : s->newest->sequence) + 1;
	pthread_mutex_unlock(&s->lock);
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
	t->start = overlay_mark(s->group);
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
	overlay_rollback(t->store->group, t->start);
}

/* No earlier: numbers of refused groups are given again, and what was seen of those must not pass for known. */
static void note_changed(struct store *s, struct str key, uint64_t number)
{
	_Atomic uint64_t *slot = &s->changed[str_hash(key) % CHANGED_SLOTS];
	if (atomic_load_explicit(slot, memory_order_relaxed) < number)
		atomic_store_explicit(slot, number, memory_order_relaxed);
}

/* The group goes with the one it stood on: records decoded on the way have that one's bytes, and know its number. */
static void forget_refused(struct store *s, const struct overlay *below)
{
	for (const struct node *n = overlay_at_least(below, STR_NONE); n != NULL; n = overlay_next(n))
		note_changed(s, n->key, s->number);
	overlay_clear(s->group);
}

bool store_group_seal(struct store *s)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	ASSERT(s->in_group && !s->txn_open);
	pthread_mutex_lock(&s->lock);
	ASSERT(s->sealed == NULL);
	int refused = s->below_refused;
	struct overlay *below = &s->overlays[s->group == &s->overlays[0]];
	bool stood = s->below != NULL;
	ASSERT(!stood || s->below == below);
	s->below = NULL;
	if (refused == 0) {
		s->sealed = s->group;
		s->sealed_number = s->number - (s->group->n_undo == 0);
	}
	pthread_mutex_unlock(&s->lock);
	s->in_group = false;
	if (refused != 0)
		forget_refused(s, below);
	if (stood)
		overlay_clear(below);
	ASSERT(below->n_undo == 0);
	if (refused != 0) {
		errno = refused;
		return false;
	}
	s->group = below;
	return true;
}

/* The overlay as a batch; `section` is what follows it in the log. */
static void fill_batch(struct store *s, const struct overlay *writes, uint64_t number, struct str section)
{
	char applied[16], pointer[PACK_POINTER_BYTES];
	put_be64(applied, number);
	put_be64(applied + 8, section.n);
	rocksdb_writebatch_put(s->batch, APPLIED_KEY.p, APPLIED_KEY.n, applied, section.n > 0 ? 16 : 8);
	pack_rows(s, s->batch);
	for (const struct node *n = overlay_at_least(writes, STR_NONE); n != NULL; n = overlay_next(n)) {
		const struct version *v = n->newest;
		if (v == NULL)
			continue;
		if (v->deleted) {
			rocksdb_writebatch_delete(s->batch, n->key.p, n->key.n);
		} else if (v->apart) {
			pack_pointer(s, n, pointer);
			rocksdb_writebatch_put(s->batch, n->key.p, n->key.n, pointer, sizeof pointer);
		} else {
			rocksdb_writebatch_put(s->batch, n->key.p, n->key.n, v->value.p, v->value.n);
		}
	}
}

static bool commit_batch(struct store *s, uint64_t number, struct str section)
{
	size_t n;
	const char *p = rocksdb_writebatch_data(s->batch, &n);
	if (!rocks_ready(s) || !wal_append(s->wal, number, str_of(p, n), section))
		return false;
	if (rocks_apply(s, s->batch, NULL))
		return true;
	int error = errno;
	(void)wal_retract(s->wal, number);
	errno = error;
	return false;
}

/* Blobs whose last claim the group dropped. Claims sort before everything else. */
static void note_released(struct store *s, const struct overlay *writes, uint64_t number)
{
	for (const struct node *n = overlay_at_least(writes, BLOB_KEY_PREFIX); n != NULL; n = overlay_next(n)) {
		if (!str_starts(n->key, BLOB_KEY_PREFIX))
			return;
		if (n->newest != NULL && n->newest->deleted)
			blob_note_released(s, n->key, number);
	}
}

static void batch_clear(struct store *s)
{
	size_t n;
	(void)rocksdb_writebatch_data(s->batch, &n);
	if (n > BATCH_KEPT) {
		rocksdb_writebatch_destroy(s->batch);
		s->batch = rocksdb_writebatch_create();
	} else {
		rocksdb_writebatch_clear(s->batch);
	}
}

/* The sealed group is over; whoever stands on it keeps its overlay until it is sealed itself. */
static void unseal(struct store *s, int refused)
{
	pthread_mutex_lock(&s->lock);
	struct overlay *writes = s->sealed;
	ASSERT(writes != NULL);
	s->sealed = NULL;
	bool stood_on = s->below == writes;
	if (stood_on)
		s->below_refused = refused;
	pthread_mutex_unlock(&s->lock);
	if (!stood_on)
		overlay_clear(writes);
}

bool store_group_finish(struct store *s)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	const struct overlay *writes = s->sealed;
	ASSERT(writes != NULL);
	uint64_t number = s->sealed_number;
	bool ok = true;
	if (writes->n_undo > 0) {
		struct str section;
		ok = pack_gather(s, writes, number, &section);
		if (ok) {
			fill_batch(s, writes, number, section);
			ok = commit_batch(s, number, section);
			int error = errno;
			pack_done(s, number, ok);
			errno = error;
		}
		if (ok) {
			note_released(s, writes, number);
			view_publish(s, number);
		}
	}
	int error = ok ? 0 : errno;
	ASSERT(ok || error != 0);
	batch_clear(s);
	unseal(s, error);
	errno = error;
	return ok;
}

bool store_group_commit(struct store *s)
{
	return store_group_seal(s) && store_group_finish(s);
}

/* ---- save points ---- */

void txn_save(struct txn *t)
{
	CHECK_MAGIC(t, TXN_MAGIC);
	ASSERT(t->view == NULL && t->n_saves < SAVES_MAX);
	t->saves[t->n_saves++] = overlay_mark(t->store->group);
}

void txn_restore(struct txn *t)
{
	CHECK_MAGIC(t, TXN_MAGIC);
	ASSERT(t->view == NULL && t->n_saves > 0);
	overlay_rollback(t->store->group, t->saves[--t->n_saves]);
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
	return txn_writable(t) && t->store->group->n_undo > t->start;
}

const struct version *txn_find_over(const struct txn *t, struct str key)
{
	if (t->view != NULL)
		return NULL;
	const struct version *v = overlay_find(t->store->group, key);
	return v != NULL || t->store->below == NULL ? v : overlay_find(t->store->below, key);
}

/* The value in the database, pinned; NULL when there is none. */
static rocksdb_pinnableslice_t *get_pinned(struct txn *t, struct str key)
{
	char *error = NULL;
	rocksdb_pinnableslice_t *p = rocksdb_get_pinned(t->store->db, t->read, key.p, key.n, &error);
	if (LIKELY(error == NULL)) {
		size_t n;
		/* Asked not to touch the disk, RocksDB says of a key whose file is not open that it is there, and empty. */
		if (t->memory_only && p != NULL && (rocksdb_pinnableslice_value(p, &n), n == 0)) {
			t->incomplete = true;
			rocksdb_pinnableslice_destroy(p);
			return NULL;
		}
		return p;
	}
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
	const struct version *v = txn_find_over(t, key);
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
	const struct version *v = txn_find_over(t, key);
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
	note_changed(t->store, key, t->store->number);
	overlay_write(t->store->group, key, value, deleted);
}

void txn_put(struct txn *t, struct str key, struct str value)
{
	ASSERT(key.n > 0 && key.p[0] != '\0');
	txn_write(t, key, str_present(value) ? value : S(""), false);
}

/* The value behind a pointer of the database. */
static bool read_apart(struct txn *t, rocksdb_pinnableslice_t *p, struct arena *a, struct str *value)
{
	size_t n;
	const char *bytes = rocksdb_pinnableslice_value(p, &n);
	struct str pointer = str_of(bytes, n);
	char *out = arena_bytes(a, pack_length(pointer));
	bool there = pack_read(t->store, pointer, !t->memory_only, out);
	*value = str_of(out, pack_length(pointer));
	t->incomplete |= !there;
	return there;
}

bool txn_get_apart(struct txn *t, struct str key, struct arena *a, struct str *value)
{
	CHECK_MAGIC(t, TXN_MAGIC);
	ASSERT(key.n > 0 && key.n <= STORE_KEY_MAX);
	const struct version *v = txn_find_over(t, key);
	if (v != NULL) {
		ASSERT(v->apart);
		if (!v->deleted)
			*value = arena_dup(a, v->value);
		return !v->deleted;
	}
	rocksdb_pinnableslice_t *p = get_pinned(t, key);
	if (p == NULL)
		return false;
	bool there = read_apart(t, p, a, value);
	rocksdb_pinnableslice_destroy(p);
	return there;
}

static char *write_apart(struct txn *t, struct str key, size_t n, bool deleted)
{
	CHECK_MAGIC(t, TXN_MAGIC);
	ASSERT(t->view == NULL && t->store->txn_open);
	ASSERT(key.n > 0 && key.n <= STORE_KEY_MAX && key.p[0] != '\0');
	note_changed(t->store, key, t->store->number);
	return overlay_write_apart(t->store->group, key, n, deleted);
}

char *txn_put_apart(struct txn *t, struct str key, size_t n)
{
	ASSERT(n > 0 && n <= APART_BYTES_MAX);
	return write_apart(t, key, n, false);
}

void txn_del_apart(struct txn *t, struct str key) { (void)write_apart(t, key, 0, true); }

void txn_del(struct txn *t, struct str key)
{
	ASSERT(key.n > 0 && key.p[0] != '\0');
	if (LIKELY(key.n <= STORE_KEY_MAX))
		txn_write(t, key, STR_NONE, true);
}
