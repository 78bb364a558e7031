/* Large bodies in files of their own: writing, claiming, reading. See blob.h; removing is in blob_sweep.c.
 *
 * Claims are counted under a key of the store itself, in the transaction that writes the record.
 *
 * What always holds: a sealed blob never changes; its name is on disk before any record can name it; an id is 32
 * lower-case hex digits, so that no path can be made with one. */
#include "store/inside.h"

#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOB_MAGIC = 0x626c6f62, FILE_MODE = 0600, DIR_MODE = 0700, WRITE_BEHIND = 4 << 20 };

struct blob_writer {
	unsigned magic;
	struct store *store;
	struct blob_id id;
	int fd;
	off_t n, behind; /* written; handed to the disk early */
};

/* ---- paths ---- */

bool blob_id_valid(struct str s)
{
	if (s.n != BLOB_ID_DIGITS)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return false;
	return true;
}

void blob_path_new(const struct store *s, const struct blob_id *id, char out[PATH_MAX])
{
	ASSERT(blob_id_valid(str_c(id->hex)));
	int n = snprintf(out, PATH_MAX, "%s/blobs/new/%s", s->dir, id->hex);
	ASSERT(n > 0 && n < PATH_MAX);
}

static void path_dir(const struct store *s, const struct blob_id *id, char out[PATH_MAX])
{
	int n = snprintf(out, PATH_MAX, "%s/blobs/%.2s", s->dir, id->hex);
	ASSERT(n > 0 && n < PATH_MAX);
}

void blob_path_sealed(const struct store *s, const struct blob_id *id, char out[PATH_MAX])
{
	ASSERT(blob_id_valid(str_c(id->hex)));
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
	random_hex(w->id.hex, BLOB_ID_DIGITS);
	w->id.hex[BLOB_ID_DIGITS] = '\0';
	blob_note_young(s, &w->id);
	char path[PATH_MAX];
	blob_path_new(s, &w->id, path);
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
	if (!os_write_all(w->fd, bytes, w->n))
		return false;
	w->n += (off_t)bytes.n;
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
	blob_path_new(w->store, &w->id, path);
	close(w->fd);
	(void)os.unlink(path); /* what stays goes at the next start */
	w->magic = 0;
	free(w);
}

/* The file under its final name, name and contents on disk. */
static bool move_into_place(struct blob_writer *w)
{
	char from[PATH_MAX], dir[PATH_MAX], to[PATH_MAX];
	blob_path_new(w->store, &w->id, from);
	path_dir(w->store, &w->id, dir);
	blob_path_sealed(w->store, &w->id, to);
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
	ASSERT(id != NULL);
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

void blob_discard(struct store *s, struct blob_id id)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	char path[PATH_MAX];
	blob_path_sealed(s, &id, path);
	(void)os.unlink(path); /* what stays goes at the next start */
}

/* ---- claims ---- */

struct blob_claim_key blob_claim_key(const struct blob_id *id)
{
	ASSERT(blob_id_valid(str_c(id->hex)));
	struct blob_claim_key k = {{'\0', 'b'}}; /* BLOB_KEY_PREFIX */
	memcpy(k.b + 2, id->hex, BLOB_ID_DIGITS);
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
	ASSERT(key.n == 2 + BLOB_ID_DIGITS);
	char value[8];
	put_be64(value, n);
	txn_write(t, key, str_of(value, sizeof value), n == 0);
}

void blob_claim(struct txn *t, struct blob_id id)
{
	struct blob_claim_key k = blob_claim_key(&id);
	struct str key = str_of(k.b, sizeof k.b);
	set_claims(t, key, claims(t, key) + 1);
}

void blob_release(struct txn *t, struct blob_id id)
{
	struct blob_claim_key k = blob_claim_key(&id);
	struct str key = str_of(k.b, sizeof k.b);
	uint64_t n = claims(t, key);
	ASSERT(n > 0); /* only what was claimed is released */
	set_claims(t, key, n - 1);
}

/* ---- reading ---- */

int blob_open(struct store *s, struct blob_id id)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	char path[PATH_MAX];
	blob_path_sealed(s, &id, path);
	return os.open(path, O_RDONLY | O_CLOEXEC, 0);
}

int blob_open_cached(struct store *s, struct blob_id id)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	char path[PATH_MAX];
	blob_path_sealed(s, &id, path);
	return os_open_cached(path);
}

const char *blob_path(struct store *s, struct arena *a, struct blob_id id)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	char path[PATH_MAX];
	blob_path_sealed(s, &id, path);
	return arena_cstr(a, str_c(path));
}
