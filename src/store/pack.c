/* Packs: appending, reading, and putting back what a crash may have lost. See pack.h; giving space back is in pack_sweep.c.
 *
 * Invariants: the table is sorted by id; a pack's row exists exactly while something in it is alive or it is the current one;
 * `end` and `live` change only when a group is through; below `end` a pack never changes, but for what is punched out of it.
 * The table and all fields but `next_*` are under `lock`; `next_*` and what is said to be so are the committing thread's. */
#include "store/pack_inside.h"

#include "base/enc.h"
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	PACK_BYTES = 32 << 20, /* then the next one begins */
	FILE_MODE = 0600,
	IMAGE_KEPT = 1 << 20,
	WRITE_BEHIND = 1 << 20, /* so that settling does not wait for all of it */
	OPEN_MAX_FDS = 128,
};

/* ---- the table ---- */

struct packs *packs_new(void)
{
	struct packs *p = calloc(1, sizeof *p);
	if (p == NULL)
		die("out of memory");
	pthread_mutex_init(&p->lock, NULL);
	return p;
}

static void pack_free(struct pack *k)
{
	ASSERT(k->pins == 0);
	if (k->fd >= 0)
		close(k->fd);
	free(k);
}

void packs_free(struct packs *p)
{
	if (p->current != NULL)
		p->current->pins--;
	if (p->again_fd > 0)
		close(p->again_fd);
	for (size_t i = 0; i < p->n; i++)
		pack_free(p->v[i]);
	pthread_mutex_destroy(&p->lock);
	free(p->v);
	free(p->changed);
	free(p->image);
	free(p);
}

/* The place of an id, or where it would be. The lock is held. */
static size_t place_of(const struct packs *p, uint64_t id)
{
	size_t low = 0, high = p->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (p->v[mid]->id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct pack *pack_find(const struct packs *p, uint64_t id)
{
	size_t at = place_of(p, id);
	return at < p->n && p->v[at]->id == id ? p->v[at] : NULL;
}

static struct pack *pack_add(struct packs *p, uint64_t id)
{
	struct pack *k = calloc(1, sizeof *k);
	pthread_mutex_lock(&p->lock);
	if (p->n == p->cap) {
		p->cap = p->cap > 0 ? p->cap * 2 : 16;
		p->v = realloc(p->v, p->cap * sizeof(struct pack *));
	}
	if (k == NULL || p->v == NULL)
		die("out of memory");
	*k = (struct pack){.id = id, .fd = -1};
	size_t at = place_of(p, id);
	ASSERT(at == p->n || p->v[at]->id != id);
	memmove(p->v + at + 1, p->v + at, (p->n - at) * sizeof(struct pack *));
	p->v[at] = k;
	p->n++;
	pthread_mutex_unlock(&p->lock);
	return k;
}

/* The lock is held. */
void pack_drop(struct packs *p, struct pack *k)
{
	size_t at = place_of(p, k->id);
	ASSERT(at < p->n && p->v[at] == k && k != p->current);
	memmove(p->v + at, p->v + at + 1, (p->n - at - 1) * sizeof(struct pack *));
	p->n--;
	p->n_open -= k->fd >= 0;
	pack_free(k);
}

void pack_path(const struct store *s, uint64_t id, char out[PATH_MAX])
{
	int n = snprintf(out, PATH_MAX, "%s/packs/%016llx", s->dir, (unsigned long long)id);
	ASSERT(n > 0 && n < PATH_MAX);
}

static bool make_folder(const struct store *s, char out[PATH_MAX])
{
	int n = snprintf(out, PATH_MAX, "%s/packs", s->dir);
	ASSERT(n > 0 && n < PATH_MAX);
	return dir_make(out);
}

static struct pack_row_key row_key(uint64_t id)
{
	struct pack_row_key k = {{'\0', 'p'}};
	put_be64(k.b + 2, id);
	return k;
}

void packs_load(struct store *s)
{
	struct packs *p = s->packs;
	p->opened_at = store_sequence(s);
	rocksdb_iterator_t *at = rocksdb_create_iterator(s->db, s->read_newest);
	size_t n, m;
	for (rocksdb_iter_seek(at, PACK_KEY_PREFIX.p, PACK_KEY_PREFIX.n); rocksdb_iter_valid(at); rocksdb_iter_next(at)) {
		const char *key = rocksdb_iter_key(at, &n), *value = rocksdb_iter_value(at, &m);
		if (!str_starts(str_of(key, n), PACK_KEY_PREFIX))
			break;
		ASSERT(n == sizeof(struct pack_row_key) && m == 16);
		struct pack *k = pack_add(p, get_be64(key + PACK_KEY_PREFIX.n));
		k->end = k->kept = (int64_t)get_be64(value);
		k->live = (int64_t)get_be64(value + 8);
		k->row = true;
		p->sweep |= k->live * 2 < k->kept;
	}
	char *error = NULL;
	rocksdb_iter_get_error(at, &error);
	if (error != NULL)
		die("the store cannot be read: %s", error);
	rocksdb_iter_destroy(at);
}

/* ---- appending: the committing thread ---- */

bool pack_settle(struct store *s)
{
	struct packs *p = s->packs;
	if (p->broken) {
		errno = EIO;
		return false;
	}
	if (p->current == NULL || !p->dirty)
		return true;
	if (!s->no_sync && os.datasync(p->current->fd) != 0) {
		p->broken = true;
		return false;
	}
	p->dirty = false;
	return true;
}

/* An empty pack under the group's number, which no other has: no group that went through had it. */
static struct pack *begin_pack(struct store *s, uint64_t number)
{
	char path[PATH_MAX], folder[PATH_MAX];
	struct packs *p = s->packs;
	if (!make_folder(s, folder))
		return NULL;
	pack_path(s, number, path);
	(void)os.unlink(path); /* a refused group's */
	int fd = os.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	if (fd < 0)
		return NULL;
	if (!s->no_sync && os.sync_dir(folder) != 0) {
		int error = errno;
		close(fd);
		errno = error;
		return NULL;
	}
	struct pack *k = pack_add(p, number);
	pthread_mutex_lock(&p->lock);
	k->fd = fd;
	k->pins = 1; /* until the next one begins */
	p->n_open++;
	pthread_mutex_unlock(&p->lock);
	return k;
}

static void change(struct packs *p, struct pack *k)
{
	if (k->changing)
		return;
	k->changing = true;
	k->next_end = k->end;
	k->next_live = k->live;
	if (p->n_changed == p->cap_changed) {
		p->cap_changed = p->cap_changed > 0 ? p->cap_changed * 2 : 16;
		p->changed = realloc(p->changed, p->cap_changed * sizeof(struct pack *));
		if (p->changed == NULL)
			die("out of memory");
	}
	p->changed[p->n_changed++] = k;
}

/* Have a current pack with room. The one before gives up its row, if nothing in it is alive; so do others that were left with one. */
static bool have_current(struct store *s, uint64_t number)
{
	struct packs *p = s->packs;
	if (p->current != NULL && p->current->end < PACK_BYTES)
		return true;
	if (!pack_settle(s))
		return false;
	struct pack *k = begin_pack(s, number);
	if (k == NULL)
		return false;
	pthread_mutex_lock(&p->lock);
	if (p->current != NULL)
		p->current->pins--;
	p->current = k;
	p->behind = 0;
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i]->row && p->v[i]->live == 0)
			change(p, p->v[i]);
	pthread_mutex_unlock(&p->lock);
	return true;
}

static char *image_room(struct packs *p, size_t n)
{
	if (p->image_n + n > p->image_cap) {
		p->image_cap = (p->image_n + n) * 2;
		p->image = realloc(p->image, p->image_cap);
		if (p->image == NULL)
			die("out of memory");
	}
	p->image_n += n;
	return p->image + p->image_n - n;
}

struct pack_head pack_head(uint64_t id, int64_t at, uint32_t key_n, uint32_t value_n)
{
	struct pack_head h = {.key_n = key_n, .value_n = value_n};
	const uint64_t covered[3] = {id, (uint64_t)at, (uint64_t)key_n << 32 | value_n};
	h.checksum = crc32c(0, str_of((const char *)covered, sizeof covered));
	return h;
}

static void append(struct packs *p, struct str key, struct str value)
{
	size_t n = pack_entry_bytes(key.n, value.n);
	int64_t place = p->current->end + (int64_t)(p->image_n - PACK_SECTION_HEAD);
	char *at = image_room(p, n);
	struct pack_head head = pack_head(p->current->id, place, (uint32_t)key.n, (uint32_t)value.n);
	memcpy(at, &head, sizeof head);
	memcpy(at + sizeof head, key.p, key.n);
	memcpy(at + sizeof head + key.n, value.p, value.n);
	memset(at + sizeof head + key.n + value.n, 0, n - sizeof head - key.n - value.n);
	p->current->next_live += (int64_t)n;
}

/* A value of an earlier group is given up: it counts as dead in its pack. */
static void give_up(struct store *s, struct str key)
{
	struct packs *p = s->packs;
	char *error = NULL;
	rocksdb_pinnableslice_t *pin = rocksdb_get_pinned(s->db, s->read_newest, key.p, key.n, &error);
	if (error != NULL)
		die("the store cannot be read: %s", error);
	if (pin == NULL)
		return; /* its own group had it only */
	struct pointer at;
	size_t n;
	const char *bytes = rocksdb_pinnableslice_value(pin, &n);
	ASSERT(n == PACK_POINTER_BYTES);
	at = pointer_of(str_of(bytes, n));
	rocksdb_pinnableslice_destroy(pin);
	pthread_mutex_lock(&p->lock);
	struct pack *k = pack_find(p, at.pack);
	ASSERT(k != NULL);
	change(p, k);
	k->next_live -= (int64_t)pack_entry_bytes(key.n, at.n);
	ASSERT(k->next_live >= 0);
	pthread_mutex_unlock(&p->lock);
}

static void undo(struct packs *p)
{
	for (size_t i = 0; i < p->n_changed; i++)
		p->changed[i]->changing = false;
	p->n_changed = 0;
}

bool pack_gather(struct store *s, const struct overlay *writes, uint64_t number, struct str *section)
{
	struct packs *p = s->packs;
	ASSERT(p->n_changed == 0 && section != NULL);
	*section = STR_NONE;
	p->image_n = p->cursor = 0;
	if (!writes->any_apart)
		return true;
	bool some = false;
	for (const struct node *n = overlay_at_least(writes, STR_NONE); n != NULL; n = overlay_next(n)) {
		const struct version *v = n->newest;
		if (v == NULL || !v->apart)
			continue;
		if (v->deleted) {
			give_up(s, n->key);
			continue;
		}
		if (!some) {
			if (!have_current(s, number)) {
				undo(p);
				return false;
			}
			change(p, p->current);
			(void)image_room(p, PACK_SECTION_HEAD);
			some = true;
		}
		append(p, n->key, v->value);
	}
	if (!some)
		return true;
	struct pack *k = p->current;
	struct str bytes = str_of(p->image + PACK_SECTION_HEAD, p->image_n - PACK_SECTION_HEAD);
	put_be64(p->image, k->id);
	put_be64(p->image + 8, (uint64_t)k->end);
	k->next_end = k->end + (int64_t)bytes.n;
	p->dirty = true;
	if (!os_write_all(k->fd, bytes, k->end)) {
		undo(p);
		return false;
	}
	*section = str_of(p->image, p->image_n);
	return true;
}

void pack_rows(struct store *s, rocksdb_writebatch_t *batch)
{
	struct packs *p = s->packs;
	for (size_t i = 0; i < p->n_changed; i++) {
		const struct pack *k = p->changed[i];
		struct pack_row_key key = row_key(k->id);
		char value[16];
		put_be64(value, (uint64_t)k->next_end);
		put_be64(value + 8, (uint64_t)k->next_live);
		if (k->next_live == 0 && k != p->current)
			rocksdb_writebatch_delete(batch, key.b, sizeof key.b);
		else
			rocksdb_writebatch_put(batch, key.b, sizeof key.b, value, sizeof value);
	}
}

void pack_pointer(struct store *s, const struct node *n, char out[PACK_POINTER_BYTES])
{
	struct packs *p = s->packs;
	struct str value = n->newest->value;
	ASSERT(n->newest->apart && p->current != NULL);
	int64_t at = p->current->end + (int64_t)(p->cursor + sizeof(struct pack_head) + n->key.n);
	put_be64(out, p->current->id);
	put_be64(out + 8, (uint64_t)at << 32 | value.n); /* a pack ends soon after PACK_BYTES: its last group begins below */
	put_be64(out + 16, crc32c(0, value));
	p->cursor += pack_entry_bytes(n->key.n, value.n);
	ASSERT(p->cursor <= p->image_n - PACK_SECTION_HEAD);
}

void pack_done(struct store *s, uint64_t number, bool ok)
{
	struct packs *p = s->packs;
	if (!ok) {
		undo(p);
		return;
	}
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->n_changed; i++) {
		struct pack *k = p->changed[i];
		k->kept += k->next_end - k->end;
		k->end = k->next_end;
		k->live = k->next_live;
		k->changing = false;
		k->row = k->live > 0 || k == p->current;
		if (!k->row)
			k->dead_since = number;
		p->sweep |= !k->row || (k != p->current && k->live * 2 < k->kept);
	}
	p->n_changed = 0;
	pthread_mutex_unlock(&p->lock);
	if (p->current != NULL && p->current->end - p->behind >= WRITE_BEHIND) {
		(void)sync_file_range(p->current->fd, p->behind, p->current->end - p->behind, SYNC_FILE_RANGE_WRITE);
		p->behind = p->current->end;
	}
	if (p->image_cap > IMAGE_KEPT) {
		free(p->image);
		p->image = NULL;
		p->image_cap = 0;
	}
}

/* ---- reading ---- */

struct pointer pointer_of(struct str bytes)
{
	ASSERT(bytes.n == PACK_POINTER_BYTES);
	uint64_t where = get_be64(bytes.p + 8);
	return (struct pointer){.pack = get_be64(bytes.p), .at = (int64_t)(where >> 32), .n = (uint32_t)where,
		.checksum = (uint32_t)get_be64(bytes.p + 16)};
}

/* Room for one more open file: the next that nobody reads is closed. The lock is held. */
static void close_one(struct packs *p)
{
	for (size_t tries = 0; tries < p->n && p->n_open >= OPEN_MAX_FDS; tries++) {
		struct pack *k = p->v[p->hand++ % p->n];
		if (k->fd < 0 || k->pins > 0)
			continue;
		close(k->fd);
		k->fd = -1;
		p->n_open--;
	}
}

/* NULL, only when asked not to wait: another has the table, or the file is not open. */
static struct pack *pin(struct store *s, uint64_t id, bool wait)
{
	struct packs *p = s->packs;
	char path[PATH_MAX];
	if (pthread_mutex_trylock(&p->lock) != 0) {
		if (!wait)
			return NULL;
		pthread_mutex_lock(&p->lock);
	}
	struct pack *k = pack_find(p, id);
	if (k == NULL)
		die("the store cannot be read: pack %016llx is not there", (unsigned long long)id);
	if (k->fd < 0 && !wait) {
		pthread_mutex_unlock(&p->lock);
		return NULL;
	}
	if (k->fd < 0) {
		close_one(p);
		pack_path(s, id, path);
		k->fd = os.open(path, O_RDONLY | O_CLOEXEC, 0);
		if (k->fd < 0)
			die("the store cannot be read: %s: %s", path, strerror(errno));
		p->n_open++;
	}
	k->pins++;
	pthread_mutex_unlock(&p->lock);
	return k;
}

static void unpin(struct store *s, struct pack *k)
{
	pthread_mutex_lock(&s->packs->lock);
	ASSERT(k->pins > 0);
	k->pins--;
	pthread_mutex_unlock(&s->packs->lock);
}

size_t pack_length(struct str pointer) { return pointer_of(pointer).n; }

/* n bytes if they are in memory. */
static bool read_now(int fd, char *out, size_t n, int64_t at)
{
	struct iovec v = {out, n};
	return os.pread == pread && preadv2(fd, &v, 1, at, RWF_NOWAIT) == (ssize_t)n;
}

static bool read_all(int fd, char *out, size_t n, int64_t at)
{
	while (n > 0) {
		ssize_t got = os.pread(fd, out, n, at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		out += got;
		n -= (size_t)got;
		at += got;
	}
	return true;
}

bool pack_read(struct store *s, struct str pointer, bool wait, char *out)
{
	struct pointer at = pointer_of(pointer);
	struct pack *k = pin(s, at.pack, wait);
	if (k == NULL)
		return false;
	bool ok = wait ? read_all(k->fd, out, at.n, at.at) : read_now(k->fd, out, at.n, at.at);
	int error = errno;
	unpin(s, k);
	if (!ok && wait)
		die("the store cannot be read: pack %016llx: %s", (unsigned long long)at.pack, strerror(error));
	if (ok && crc32c(0, str_of(out, at.n)) != at.checksum)
		die("the store cannot be read: pack %016llx is damaged at %lld", (unsigned long long)at.pack, (long long)at.at);
	return ok;
}

/* ---- after a crash ---- */

static bool end_one(struct store *s, char **why)
{
	struct packs *p = s->packs;
	int fd = p->again_fd;
	if (fd <= 0)
		return true;
	bool ok = s->no_sync || os.datasync(fd) == 0;
	if (!ok)
		(void)tell_why(why, "%s/packs: %m", s->dir);
	close(fd);
	p->again_fd = 0;
	return ok;
}

bool pack_again(struct store *s, struct str section, char **why)
{
	struct packs *p = s->packs;
	char path[PATH_MAX];
	if (section.n < PACK_SECTION_HEAD)
		return tell_why(why, "%s: a group of the log is malformed", s->dir);
	uint64_t id = get_be64(section.p), at = get_be64(section.p + 8);
	if (at > (uint64_t)INT64_MAX - section.n)
		return tell_why(why, "%s: a group of the log is malformed", s->dir);
	if (p->again_fd <= 0 || p->again_id != id) {
		if (!end_one(s, why))
			return false;
		if (!make_folder(s, path))
			return tell_why(why, "%s: %m", path);
		pack_path(s, id, path);
		p->again_fd = os.open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
		p->again_id = id;
		if (p->again_fd < 0)
			return tell_why(why, "%s: %m", path);
	}
	struct str bytes = str_slice(section, PACK_SECTION_HEAD, section.n);
	if (!os_write_all(p->again_fd, bytes, (int64_t)at))
		return tell_why(why, "%s/packs/%016llx: %m", s->dir, (unsigned long long)id);
	p->again = true;
	return true;
}

bool pack_again_end(struct store *s, char **why)
{
	char folder[PATH_MAX];
	if (!s->packs->again)
		return true;
	if (!end_one(s, why) || !make_folder(s, folder))
		return *why != NULL ? false : tell_why(why, "%s/packs: %m", s->dir);
	if (!s->no_sync && os.sync_dir(folder) != 0)
		return tell_why(why, "%s: %m", folder);
	return true;
}
