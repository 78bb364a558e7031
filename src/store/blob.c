/* Large bodies in files of their own. See blob.h.
 *
 * Claims are counted under a key of the store itself, in the transaction that writes the record. When a group drops the
 * last claim, the file is noted with the group's number and removed once no reader can stand on an older view: a
 * reader that sees the record can open the blob. */
#include "store/inside.h"

#include "os/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOB_MAGIC = 0x626c6f62, ID_DIGITS = 32, FILE_MODE = 0600, DIR_MODE = 0700, WRITE_BEHIND = 4 << 20 };

struct blob_writer {
	unsigned magic;
	struct store *store;
	struct blob_id id;
	int fd;
	off_t n, behind; /* written; handed to the disk early */
};

struct released {
	struct released *next;
	uint64_t sequence;
	struct blob_id id;
};

/* ---- paths ---- */

static bool id_valid(struct str s)
{
	if (s.n != ID_DIGITS)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return false;
	return true;
}

static void path_new(const struct store *s, const struct blob_id *id, char out[PATH_MAX])
{
	int n = snprintf(out, PATH_MAX, "%s/blobs/new/%s", s->dir, id->hex);
	ASSERT(n > 0 && n < PATH_MAX);
}

static void path_dir(const struct store *s, const struct blob_id *id, char out[PATH_MAX])
{
	int n = snprintf(out, PATH_MAX, "%s/blobs/%.2s", s->dir, id->hex);
	ASSERT(n > 0 && n < PATH_MAX);
}

static void path_sealed(const struct store *s, const struct blob_id *id, char out[PATH_MAX])
{
	ASSERT(id_valid(str_c(id->hex)));
	int n = snprintf(out, PATH_MAX, "%s/blobs/%.2s/%s", s->dir, id->hex, id->hex);
	ASSERT(n > 0 && n < PATH_MAX);
}

/* ---- writing ---- */

struct blob_writer *blob_create(struct store *s)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	struct blob_writer *w = calloc(1, sizeof *w);
	if (w == NULL)
		die("out of memory");
	w->magic = BLOB_MAGIC;
	w->store = s;
	random_hex(w->id.hex, ID_DIGITS);
	w->id.hex[ID_DIGITS] = '\0';
	char path[PATH_MAX];
	path_new(s, &w->id, path);
	w->fd = os.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	if (w->fd < 0 && errno == ENOENT) {
		char dir[PATH_MAX];
		int n = snprintf(dir, sizeof dir, "%s/blobs/new", s->dir);
		ASSERT(n > 0 && (size_t)n < sizeof dir);
		if (dir_make(dir))
			w->fd = os.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	}
	if (w->fd >= 0)
		return w;
	int error = errno;
	free(w);
	errno = error;
	return NULL;
}

bool blob_write(struct blob_writer *w, struct str bytes)
{
	CHECK_MAGIC(w, BLOB_MAGIC);
	while (bytes.n > 0) {
		ssize_t n = os.pwrite(w->fd, bytes.p, bytes.n, w->n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0)
				errno = EIO;
			return false;
		}
		bytes = str_slice(bytes, (size_t)n, bytes.n);
		w->n += n;
	}
	/* Start writing back while more comes in, so that sealing does not wait for all of it. A hint: errors show at
	 * the sync. */
	if (w->n - w->behind >= WRITE_BEHIND) {
		(void)sync_file_range(w->fd, w->behind, w->n - w->behind, SYNC_FILE_RANGE_WRITE);
		w->behind = w->n;
	}
	return true;
}

void blob_abandon(struct blob_writer *w)
{
	CHECK_MAGIC(w, BLOB_MAGIC);
	char path[PATH_MAX];
	path_new(w->store, &w->id, path);
	close(w->fd);
	(void)os.unlink(path); /* what stays goes at the next start */
	w->magic = 0;
	free(w);
}

/* The file under its final name, name and contents on disk. */
static bool move_into_place(struct blob_writer *w)
{
	char from[PATH_MAX], dir[PATH_MAX], to[PATH_MAX];
	path_new(w->store, &w->id, from);
	path_dir(w->store, &w->id, dir);
	path_sealed(w->store, &w->id, to);
	if (!w->store->no_sync && os.datasync(w->fd) != 0)
		return false;
	if (os.rename(from, to) != 0 && (errno != ENOENT || !dir_make(dir) || os.rename(from, to) != 0))
		return false;
	if (w->store->no_sync || os.sync_dir(dir) == 0)
		return true;
	int error = errno;
	(void)os.rename(to, from); /* blob_abandon removes it there */
	errno = error;
	return false;
}

bool blob_seal(struct blob_writer *w, struct blob_id *id)
{
	CHECK_MAGIC(w, BLOB_MAGIC);
	if (!move_into_place(w)) {
		int error = errno;
		blob_abandon(w);
		errno = error;
		return false;
	}
	*id = w->id;
	close(w->fd);
	w->magic = 0;
	free(w);
	return true;
}

static void remove_file(struct store *s, const struct blob_id *id)
{
	char path[PATH_MAX];
	path_sealed(s, id, path);
	(void)os.unlink(path); /* what stays goes at the next start */
}

void blob_discard(struct store *s, struct blob_id id)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	remove_file(s, &id);
}

/* ---- claims ---- */

struct claim_key { char b[2 + ID_DIGITS]; };

static struct claim_key claim_key(const struct blob_id *id)
{
	ASSERT(id_valid(str_c(id->hex)));
	struct claim_key k = {{'\0', 'b'}}; /* BLOB_KEY_PREFIX */
	memcpy(k.b + 2, id->hex, ID_DIGITS);
	return k;
}

static uint64_t claims(struct txn *t, struct str key)
{
	struct arena *a = arena_new(256);
	struct str value;
	uint64_t n = 0;
	if (txn_get(t, key, a, &value)) {
		ASSERT(value.n == 8);
		n = get_be64(value.p);
		ASSERT(n > 0);
	}
	arena_free(a);
	return n;
}

static void set_claims(struct txn *t, struct str key, uint64_t n)
{
	char value[8];
	put_be64(value, n);
	txn_write(t, key, str_of(value, sizeof value), n == 0);
}

void blob_claim(struct txn *t, struct blob_id id)
{
	struct claim_key k = claim_key(&id);
	struct str key = str_of(k.b, sizeof k.b);
	set_claims(t, key, claims(t, key) + 1);
}

void blob_release(struct txn *t, struct blob_id id)
{
	struct claim_key k = claim_key(&id);
	struct str key = str_of(k.b, sizeof k.b);
	uint64_t n = claims(t, key);
	ASSERT(n > 0); /* only what was claimed is released */
	set_claims(t, key, n - 1);
}

/* ---- removing ---- */

void blob_note_released(struct store *s, struct str key, uint64_t sequence)
{
	ASSERT(key.n == 2 + ID_DIGITS);
	struct released *r = calloc(1, sizeof *r);
	if (r == NULL)
		die("out of memory");
	r->sequence = sequence;
	memcpy(r->id.hex, key.p + 2, ID_DIGITS);
	pthread_mutex_lock(&s->lock);
	r->next = s->released;
	s->released = r;
	pthread_mutex_unlock(&s->lock);
}

void blob_free_released(struct store *s)
{
	while (s->released != NULL) {
		struct released *r = s->released;
		s->released = r->next;
		free(r);
	}
}

/* Take the released blobs that no reader can see any more. */
static struct released *take_unseen(struct store *s)
{
	uint64_t oldest = view_oldest_sequence(s);
	struct released *unseen = NULL;
	pthread_mutex_lock(&s->lock);
	for (struct released **at = &s->released; *at != NULL;) {
		struct released *r = *at;
		if (r->sequence > oldest) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		r->next = unseen;
		unseen = r;
	}
	pthread_mutex_unlock(&s->lock);
	return unseen;
}

void blob_sweep_released(struct store *s)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	pthread_mutex_lock(&s->blob_lock);
	struct released *r = take_unseen(s);
	struct txn *t = r != NULL ? store_read(s) : NULL;
	while (r != NULL) {
		struct released *next = r->next;
		struct claim_key k = claim_key(&r->id);
		if (!txn_has(t, str_of(k.b, sizeof k.b))) /* not claimed anew since */
			remove_file(s, &r->id);
		free(r);
		r = next;
	}
	if (t != NULL)
		txn_end(t);
	pthread_mutex_unlock(&s->blob_lock);
}

/* Call fn for each entry of <dir>/blobs/<name> that is a blob's. false when fn says so or the folder cannot be read. */
static bool each_in(const struct store *s, const char *name, bool (*fn)(const struct store *, const struct blob_id *, void *), void *arg)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s/blobs/%s", s->dir, name);
	ASSERT(n > 0 && (size_t)n < sizeof path);
	DIR *d = opendir(path);
	if (d == NULL)
		return errno == ENOENT;
	bool ok = true;
	for (struct dirent *e; ok && (e = readdir(d)) != NULL;) {
		if (!id_valid(str_c(e->d_name)))
			continue;
		struct blob_id id;
		memcpy(id.hex, e->d_name, sizeof id.hex);
		ok = fn(s, &id, arg);
	}
	closedir(d);
	return ok;
}

static bool each_sealed(const struct store *s, bool (*fn)(const struct store *, const struct blob_id *, void *), void *arg)
{
	for (unsigned i = 0; i < 256; i++) {
		char name[3];
		(void)snprintf(name, sizeof name, "%02x", i);
		if (!each_in(s, name, fn, arg))
			return false;
	}
	return true;
}

struct sweep {
	struct txn *txn;
	size_t removed;
};

static bool remove_unfinished(const struct store *s, const struct blob_id *id, void *arg)
{
	struct sweep *sweep = arg;
	char path[PATH_MAX];
	path_new(s, id, path);
	sweep->removed += os.unlink(path) == 0;
	return true;
}

static bool remove_unclaimed(const struct store *s, const struct blob_id *id, void *arg)
{
	struct sweep *sweep = arg;
	struct claim_key k = claim_key(id);
	if (txn_has(sweep->txn, str_of(k.b, sizeof k.b)))
		return true;
	char path[PATH_MAX];
	path_sealed(s, id, path);
	sweep->removed += os.unlink(path) == 0;
	return true;
}

size_t blob_sweep_orphans(struct store *s)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s/blobs", s->dir);
	ASSERT(n > 0 && (size_t)n < sizeof path);
	if (access(path, F_OK) != 0)
		return 0;
	struct sweep sweep = {.txn = store_read(s)};
	(void)each_in(s, "new", remove_unfinished, &sweep);
	(void)each_sealed(s, remove_unclaimed, &sweep);
	txn_end(sweep.txn);
	return sweep.removed;
}

/* ---- reading ---- */

int blob_open(struct store *s, struct blob_id id)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	char path[PATH_MAX];
	path_sealed(s, &id, path);
	return os.open(path, O_RDONLY | O_CLOEXEC, 0);
}

const char *blob_path(struct store *s, struct arena *a, struct blob_id id)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	char path[PATH_MAX];
	path_sealed(s, &id, path);
	return arena_cstr(a, str_c(path));
}

/* ---- checkpoints ---- */

static bool link_one(const struct store *s, const struct blob_id *id, void *arg)
{
	const char *to_dir = arg;
	char from[PATH_MAX], dir[PATH_MAX], to[PATH_MAX];
	path_sealed(s, id, from);
	int n = snprintf(dir, sizeof dir, "%s/blobs/%.2s", to_dir, id->hex);
	int m = snprintf(to, sizeof to, "%s/blobs/%.2s/%s", to_dir, id->hex, id->hex);
	if (n < 0 || m < 0 || (size_t)m >= sizeof to) {
		errno = ENAMETOOLONG;
		return false;
	}
	return dir_make(dir) && (link(from, to) == 0 || errno == ENOENT); /* discarded meanwhile: never claimed */
}

bool blob_link_all(struct store *s, const char *dir, char **why)
{
	if (!each_sealed(s, link_one, (void *)dir))
		return fail_with(why, "%s/blobs: %m", dir);
	for (unsigned i = 0; i < 256; i++) {
		char path[PATH_MAX];
		int n = snprintf(path, sizeof path, "%s/blobs/%02x", dir, i);
		ASSERT(n > 0 && (size_t)n < sizeof path);
		if (os.sync_dir(path) != 0 && errno != ENOENT)
			return fail_with(why, "%s: %m", path);
	}
	return true;
}
