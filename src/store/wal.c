/* The write-ahead log. See wal.h for what it promises.
 *
 * A segment: a 64-byte header, then records {checksum, length, number, bytes, padding to 8}. `image` holds the file's
 * bytes from the page boundary image_at up to `end`, so every write covers whole pages and never has to read one.
 * Invariants: end >= SEGMENT_HEAD when there is a current segment; everything below `end` is synced between calls;
 * `last` is the number of the newest synced record; segments hold disjoint runs of numbers. */
#include "store/wal.h"

#include "base/enc.h"
#include "os/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	SEGMENT_BYTES = 16 << 20, /* a larger group gets a longer segment */
	SEGMENT_HEAD = 64,
	EXTEND_BYTES = 256 << 10, /* zeros written ahead in one step */
	IMAGE_KEPT = 1 << 20,
	READ_STEP = 1 << 20,
	SEGMENTS_KEPT = 2,
	SEGMENTS_MAX = 4096,
	WAL_VERSION = 1,
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the log is written little-endian");

struct head {
	char magic[8];
	uint32_t version, checksum; /* of the rest */
	uint64_t first, salt;
	char unused[32];
};
_Static_assert(sizeof(struct head) == SEGMENT_HEAD, "the head's size is part of the format");

struct record {
	uint32_t checksum, unused;
	uint64_t number, length;
};

struct segment {
	int fd;
	unsigned name;         /* wal/<name> */
	uint64_t first, last;  /* last < first: no record */
	uint64_t salt;
	off_t extent;          /* bytes of the file that are written, zeros included */
};

struct wal {
	unsigned magic;
	struct wal_callbacks cb;
	bool no_sync;
	char *dir; /* <dir>/wal */
	struct segment *seg;
	size_t n_seg, current; /* current: index or NONE */
	bool dirty; /* a refused record may still be in the file: it goes before anything else is written */
	uint64_t last;
	char *image;
	size_t image_cap;
	off_t image_at, end;
	char before[PAGE]; /* the page of `before_end`, as it was before the newest record */
	off_t before_end;
};

enum { WAL_MAGIC = 0x57414c31 };
#define NONE SIZE_MAX
static const char head_magic[8] = {'t', 's', 'u', 'b', 'o', 'w', 'a', 'l'};
static _Alignas(PAGE) const char zeros[EXTEND_BYTES]; /* aligned as every write here, see write_straight */

static off_t page_floor(off_t n) { return n & ~(off_t)(PAGE - 1); }
static off_t page_ceil(off_t n) { return page_floor(n + PAGE - 1); }

static uint32_t head_checksum(const struct head *h)
{
	return crc32c(0, str_of((const char *)&h->first, sizeof *h - offsetof(struct head, first)));
}

static uint32_t record_checksum(uint64_t salt, const struct record *r, struct str bytes, struct str more)
{
	uint32_t crc = crc32c(0, str_of((const char *)&salt, sizeof salt));
	crc = crc32c(crc, str_of((const char *)&r->number, sizeof *r - offsetof(struct record, number)));
	crc = crc32c(crc, bytes);
	return more.n > 0 ? crc32c(crc, more) : crc;
}

static bool sync_file(const struct wal *w, int fd) { return w->no_sync || os.datasync(fd) == 0; }

static void segment_path(const struct wal *w, unsigned name, char *out, size_t n)
{
	int len = snprintf(out, n, "%s/%06u", w->dir, name);
	ASSERT(len > 0 && (size_t)len < n);
}

static void image_reserve(struct wal *w, size_t n)
{
	if (n <= w->image_cap)
		return;
	size_t cap = (size_t)page_ceil((off_t)n);
	char *fresh = aligned_alloc(PAGE, cap);
	if (fresh == NULL)
		die("out of memory");
	if (w->image != NULL)
		memcpy(fresh, w->image, (size_t)(w->end - w->image_at));
	free(w->image);
	w->image = fresh;
	w->image_cap = cap;
}

/* ---- opening ---- */

/* A file read from its start, as far as it is asked for. */
struct reading {
	int fd;
	char *p;
	size_t n, cap;
	bool failed;
};

static bool have(struct reading *r, size_t n)
{
	while (r->n < n) {
		if (r->cap < n) {
			r->cap = n + READ_STEP;
			r->p = realloc(r->p, r->cap);
			if (r->p == NULL)
				die("out of memory");
		}
		ssize_t got = os.pread(r->fd, r->p + r->n, r->cap - r->n, (off_t)r->n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			r->failed = true;
		if (got <= 0)
			return false;
		r->n += (size_t)got;
	}
	return true;
}

/* The record at *at, which moves behind it. false at the end of what was written. */
static bool read_record(struct reading *r, const struct segment *s, uint64_t number, off_t size, size_t *at, struct str *group)
{
	struct record rec;
	if (!have(r, *at + sizeof rec))
		return false;
	memcpy(&rec, r->p + *at, sizeof rec);
	if (rec.number != number || rec.length > (uint64_t)size || !have(r, *at + sizeof rec + rec.length))
		return false;
	*group = str_of(r->p + *at + sizeof rec, rec.length);
	if (rec.checksum != record_checksum(s->salt, &rec, *group, STR_NONE))
		return false;
	*at += (sizeof rec + rec.length + 7) & ~(size_t)7;
	return true;
}

static bool replay_segment(struct wal *w, struct segment *s, char **why)
{
	if (s->first == 0)
		return true;
	if (s->first > w->last + 1) {
		if (asprintf(why, "%s: groups %llu to %llu are missing from the log", w->dir,
			     (unsigned long long)w->last + 1, (unsigned long long)s->first - 1) < 0)
			die("out of memory");
		return false;
	}
	struct reading r = {.fd = s->fd};
	size_t at = SEGMENT_HEAD;
	struct str group;
	bool ok = true;
	bool newest = s->first == w->seg[w->n_seg - 1].first;
	while (ok && read_record(&r, s, s->last + 1, s->extent, &at, &group)) {
		s->last++;
		if (s->last <= w->last) {
			ok = !newest || w->cb.again(w->cb.arg, group, why);
			continue;
		}
		ok = w->cb.replay(w->cb.arg, s->last, group, why);
		w->last = s->last;
	}
	if (ok && r.failed) {
		if (asprintf(why, "%s: %s", w->dir, strerror(errno)) < 0)
			die("out of memory");
		ok = false;
	}
	free(r.p);
	return ok;
}

static struct segment *segment_open(struct wal *w, unsigned name)
{
	char path[PATH_MAX];
	segment_path(w, name, path, sizeof path);
	int fd = os.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) != 0) {
		close(fd);
		return NULL;
	}
	w->seg = realloc(w->seg, (w->n_seg + 1) * sizeof *w->seg);
	if (w->seg == NULL)
		die("out of memory");
	struct segment *s = &w->seg[w->n_seg++];
	*s = (struct segment){.fd = fd, .name = name, .extent = st.st_size};
	return s;
}

/* A head that is torn or zero belongs to a segment in which nothing was acknowledged yet. */
static bool read_head(struct segment *s)
{
	struct head h;
	ssize_t got = os.pread(s->fd, &h, sizeof h, 0);
	if (got < 0)
		return false;
	if (got == sizeof h && memcmp(h.magic, head_magic, sizeof h.magic) == 0 && h.version == WAL_VERSION &&
	    h.first > 0 && h.checksum == head_checksum(&h)) {
		s->first = h.first;
		s->last = h.first - 1;
		s->salt = h.salt;
	}
	return true;
}

static int by_first(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->name < y->name ? -1 : 1;
}

static bool find_segments(struct wal *w)
{
	DIR *d = opendir(w->dir);
	if (d == NULL)
		return false;
	bool ok = true;
	for (struct dirent *e; ok && (e = readdir(d)) != NULL;) {
		uint64_t name;
		if (!str_to_u64(str_c(e->d_name), &name) || name >= SEGMENTS_MAX)
			continue;
		struct segment *s = segment_open(w, (unsigned)name);
		ok = s != NULL && read_head(s);
	}
	closedir(d);
	if (w->n_seg > 0)
		qsort(w->seg, w->n_seg, sizeof *w->seg, by_first);
	return ok;
}

/* Is everything in the segment in the database? Seen by where the next one begins; two may begin at the same number
 * when the first try to use one failed. */
static bool all_applied(const struct wal *w, size_t i, uint64_t applied)
{
	return i + 1 < w->n_seg && w->seg[i + 1].first > w->seg[i].first && w->seg[i + 1].first <= applied + 1;
}

struct wal *wal_open(const char *dir, uint64_t applied, bool no_sync, struct wal_callbacks cb, char **why)
{
	struct wal *w = calloc(1, sizeof *w);
	if (w == NULL || asprintf(&w->dir, "%s/wal", dir) < 0)
		die("out of memory");
	w->magic = WAL_MAGIC;
	w->cb = cb;
	w->no_sync = no_sync;
	w->last = applied;
	w->current = NONE;
	*why = NULL;
	bool made = mkdir(w->dir, 0700) == 0;
	bool ok = (made || errno == EEXIST) && (!made || os.sync_dir(dir) == 0) && find_segments(w);
	for (size_t i = 0; ok && i < w->n_seg; i++)
		if (all_applied(w, i, applied))
			w->seg[i].last = w->seg[i + 1].first - 1;
		else
			ok = replay_segment(w, &w->seg[i], why);
	if (ok)
		return w; /* no segment is continued: a fresh salt fences off what lies behind the end of an old one */
	if (*why == NULL && asprintf(why, "%s: %s", w->dir, strerror(errno)) < 0)
		die("out of memory");
	w->last = UINT64_MAX; /* nothing is known to be persisted */
	wal_close(w);
	return NULL;
}

void wal_close(struct wal *w)
{
	CHECK_MAGIC(w, WAL_MAGIC);
	bool clean = w->last != UINT64_MAX && w->cb.persisted(w->cb.arg) == w->last && w->cb.settle(w->cb.arg);
	for (size_t i = 0; i < w->n_seg; i++) {
		char path[PATH_MAX];
		segment_path(w, w->seg[i].name, path, sizeof path);
		/* Not synced: should it be lost, its records are passed over as old ones. */
		if (clean && w->seg[i].name >= SEGMENTS_KEPT)
			(void)os.unlink(path);
		else if (clean)
			(void)os_write_all(w->seg[i].fd, str_of(zeros, PAGE), 0);
		close(w->seg[i].fd);
	}
	free(w->seg);
	free(w->image);
	free(w->dir);
	w->magic = 0;
	free(w);
}

/* ---- appending ---- */

static struct segment *segment_new(struct wal *w)
{
	unsigned name = 0;
	for (size_t i = 0; i < w->n_seg; i++)
		if (w->seg[i].name >= name)
			name = w->seg[i].name + 1;
	ASSERT(name < SEGMENTS_MAX);
	if (segment_open(w, name) == NULL)
		return NULL;
	if (w->no_sync || os.sync_dir(w->dir) == 0)
		return &w->seg[w->n_seg - 1];
	int error = errno;
	close(w->seg[--w->n_seg].fd); /* found again by the next try */
	errno = error;
	return NULL;
}

/* Past the page cache, where the file system can: the log is written once and not read again, and a sync is a fifth cheaper
 * without a page to look for, mark and write back. */
static void write_straight(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	ASSERT(flags >= 0);
	(void)fcntl(fd, F_SETFL, flags | O_DIRECT);
}

/* Begin a segment with group `first`: one whose groups the database has on disk, or a new one. */
static bool rotate(struct wal *w, uint64_t first)
{
	if (!w->cb.settle(w->cb.arg))
		return false;
	uint64_t persisted = w->cb.persisted(w->cb.arg);
	struct segment *s = NULL;
	for (size_t i = 0; s == NULL && i < w->n_seg; i++)
		if (i != w->current && w->seg[i].last <= persisted) /* also the never used */
			s = &w->seg[i];
	if (s == NULL)
		s = segment_new(w);
	if (s == NULL)
		return false;
	struct head h = {.version = WAL_VERSION, .first = first};
	memcpy(h.magic, head_magic, sizeof h.magic);
	os.random(&h.salt, sizeof h.salt);
	h.checksum = head_checksum(&h);
	s->first = first;
	s->last = first - 1;
	s->salt = h.salt;
	w->end = w->image_at = 0;
	image_reserve(w, PAGE);
	memcpy(w->image, &h, sizeof h);
	w->end = SEGMENT_HEAD;
	w->current = (size_t)(s - w->seg);
	write_straight(s->fd);
	return true;
}

/* Write the image up to its end, in whole pages, and zeros behind it when the file must grow. */
static bool write_image(struct wal *w, struct segment *s)
{
	off_t stop = page_ceil(w->end);
	memset(w->image + (w->end - w->image_at), 0, (size_t)(stop - w->end));
	if (!os_write_all(s->fd, str_of(w->image, (size_t)(stop - w->image_at)), w->image_at))
		return false;
	if (stop > s->extent) {
		off_t ahead = (stop + EXTEND_BYTES - 1) / EXTEND_BYTES * EXTEND_BYTES;
		bool room = ahead == stop || os_write_all(s->fd, str_of(zeros, (size_t)(ahead - stop)), stop);
		s->extent = room ? ahead : stop; /* zeros are a convenience: the record stands without them */
	}
	return sync_file(w, s->fd);
}

/* Put the page where the newest record began back to what it was. */
static bool erase_newest(struct wal *w)
{
	const struct segment *s = &w->seg[w->current];
	w->end = w->before_end;
	w->image_at = page_floor(w->end);
	memcpy(w->image, w->before, PAGE);
	memset(w->image + (w->end - w->image_at), 0, PAGE - (size_t)(w->end - w->image_at));
	w->dirty = !os_write_all(s->fd, str_of(w->image, PAGE), w->image_at) || !sync_file(w, s->fd);
	return !w->dirty;
}

static void forget_image_head(struct wal *w)
{
	off_t keep = page_floor(w->end);
	memmove(w->image, w->image + (keep - w->image_at), (size_t)(w->end - keep));
	w->image_at = keep;
	if (w->image_cap <= IMAGE_KEPT)
		return;
	char *small = aligned_alloc(PAGE, PAGE);
	if (small == NULL)
		die("out of memory");
	memcpy(small, w->image, (size_t)(w->end - keep));
	free(w->image);
	w->image = small;
	w->image_cap = PAGE;
}

bool wal_append(struct wal *w, uint64_t number, struct str group, struct str more)
{
	CHECK_MAGIC(w, WAL_MAGIC);
	ASSERT(number == w->last + 1);
	size_t need = (sizeof(struct record) + group.n + more.n + 7) & ~(size_t)7;
	if (w->dirty && !erase_newest(w))
		return false;
	bool full = w->current != NONE && w->end > SEGMENT_HEAD && (size_t)w->end + need > SEGMENT_BYTES;
	if ((full || w->current == NONE) && !rotate(w, number))
		return false;
	struct segment *s = &w->seg[w->current];
	ASSERT(w->end >= SEGMENT_HEAD && w->image_at == page_floor(w->end));
	w->before_end = w->end;
	memcpy(w->before, w->image, (size_t)(w->end - w->image_at));

	image_reserve(w, (size_t)(w->end - w->image_at) + need + PAGE);
	char *at = w->image + (w->end - w->image_at);
	struct record rec = {.number = number, .length = group.n + more.n};
	rec.checksum = record_checksum(s->salt, &rec, group, more);
	memcpy(at, &rec, sizeof rec);
	memcpy(at + sizeof rec, group.p, group.n);
	if (more.n > 0)
		memcpy(at + sizeof rec + group.n, more.p, more.n);
	memset(at + sizeof rec + rec.length, 0, need - sizeof rec - rec.length);
	w->end += (off_t)need;

	if (!write_image(w, s)) {
		int error = errno;
		/* Should this fail too, the group may come back if the machine stops before the next commit. */
		(void)erase_newest(w);
		errno = error;
		return false;
	}
	forget_image_head(w);
	w->last = s->last = number;
	return true;
}

bool wal_retract(struct wal *w, uint64_t number)
{
	CHECK_MAGIC(w, WAL_MAGIC);
	ASSERT(number == w->last && w->current != NONE);
	struct segment *s = &w->seg[w->current];
	ASSERT(s->last == number);
	w->last = --s->last;
	return erase_newest(w);
}

uint64_t wal_last(const struct wal *w) { return w->last; }
size_t wal_segments(const struct wal *w) { return w->n_seg; }
