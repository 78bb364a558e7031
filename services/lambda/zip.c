/* Zip archives (APPNOTE.TXT 6.3): reading by the central directory, stored and deflated entries, no encryption.
 *
 * Nothing is written outside the given directory: names are checked component by component, and links are made last,
 * so that no entry is written through one. Sizes are bounded before they are believed. Runs on a worker. */
#include "lambda.h"

#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { END_SIZE = 22, ENTRY_SIZE = 46, LOCAL_SIZE = 30, ENTRIES_MAX = 200000, NAME_MAX_BYTES = 1024 };

static uint32_t u16(const char *p) { return (uint32_t)((unsigned char)p[0] | (unsigned char)p[1] << 8); }
static uint32_t u32(const char *p) { return u16(p) | u16(p + 2) << 16; }

struct zip_entry {
	struct str name, packed;
	uint32_t method, mode;
	size_t size;
	uint32_t crc;
};

struct unpack {
	struct str zip;
	int dir;
	struct libdeflate_decompressor *inflate;
	size_t total;
	char *why;
	size_t why_n;
};

static bool fail(struct unpack *u, const char *text, struct str name)
{
	snprintf(u->why, u->why_n, "%s%s%.*s", text, name.n > 0 ? ": " : "", (int)(name.n < 100 ? name.n : 100), name.p != NULL ? name.p : "");
	return false;
}

/* The end record; its comment may be up to 64 KiB long. -1: none. */
static ptrdiff_t find_end(struct str z)
{
	if (z.n < END_SIZE)
		return -1;
	size_t last = z.n - END_SIZE, least = last > 65535 ? last - 65535 : 0;
	for (size_t at = last + 1; at-- > least;) {
		if (u32(z.p + at) == 0x06054b50)
			return (ptrdiff_t)at;
	}
	return -1;
}

/* The entry at *at of the central directory; moves *at on. */
static bool entry_read(struct unpack *u, size_t *at, size_t end, struct zip_entry *e)
{
	const char *p = u->zip.p + *at;
	if (end - *at < ENTRY_SIZE || u32(p) != 0x02014b50)
		return fail(u, "the central directory is broken", STR_NONE);
	size_t name_n = u16(p + 28), total = ENTRY_SIZE + name_n + u16(p + 30) + u16(p + 32), local = u32(p + 42);
	size_t packed_n = u32(p + 20);
	if (end - *at < total)
		return fail(u, "the central directory is broken", STR_NONE);
	*e = (struct zip_entry){.name = str_of(p + ENTRY_SIZE, name_n), .method = u16(p + 10), .size = u32(p + 24), .crc = u32(p + 16),
	                        .mode = u16(p + 4) >> 8 == 3 ? u32(p + 38) >> 16 : 0};
	if ((u16(p + 8) & 1) != 0)
		return fail(u, "an entry is encrypted", e->name);
	if (packed_n == UINT32_MAX || e->size == UINT32_MAX || local == UINT32_MAX)
		return fail(u, "zip64 entries are not supported", e->name);
	if (u->zip.n < LOCAL_SIZE || local > u->zip.n - LOCAL_SIZE || u32(u->zip.p + local) != 0x04034b50)
		return fail(u, "a local header is broken", e->name);
	size_t data = local + LOCAL_SIZE + u16(u->zip.p + local + 26) + u16(u->zip.p + local + 28);
	if (data > u->zip.n || packed_n > u->zip.n - data)
		return fail(u, "an entry is cut off", e->name);
	e->packed = str_of(u->zip.p + data, packed_n);
	*at += total;
	return true;
}

/* Below the directory, whatever it says? */
static bool name_is_safe(struct str name)
{
	if (name.n == 0 || name.n > NAME_MAX_BYTES || name.p[0] == '/' || memchr(name.p, '\0', name.n) != NULL)
		return false;
	struct str rest = name;
	while (str_present(rest)) {
		struct str part = str_cut(&rest, '/');
		if (str_eq(part, S("..")) || (str_eq(part, S(".")) && str_present(rest)) || part.n > 255)
			return false;
	}
	return true;
}

/* Make the directories above (and, for a name that ends in '/', the directory). */
static bool make_parents(struct unpack *u, struct str name)
{
	ASSERT(name.n <= NAME_MAX_BYTES); /* name_is_safe has seen it */
	char path[NAME_MAX_BYTES + 1];
	memcpy(path, name.p, name.n);
	path[name.n] = '\0';
	for (size_t i = 1; i < name.n; i++) {
		if (path[i] != '/')
			continue;
		path[i] = '\0';
		struct stat st;
		if (mkdirat(u->dir, path, 0755) != 0 && (errno != EEXIST || fstatat(u->dir, path, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode)))
			return fail(u, "a directory cannot be made", name);
		path[i] = '/';
	}
	return true;
}

/* The entry's bytes: a view, or heap memory in *heap. */
static bool entry_bytes(struct unpack *u, const struct zip_entry *e, struct str *out, char **heap)
{
	ASSERT(u->total <= UNZIPPED_MAX);
	*heap = NULL;
	if (e->size > UNZIPPED_MAX || u->total + e->size > UNZIPPED_MAX)
		return fail(u, "Unzipped size must be smaller than 262144000 bytes", STR_NONE);
	u->total += e->size;
	if (e->method == 0) {
		*out = e->packed;
		return e->packed.n == e->size || fail(u, "a stored entry has a wrong size", e->name);
	}
	if (e->method != 8)
		return fail(u, "an entry has an unknown compression", e->name);
	*heap = malloc(e->size + 1);
	size_t got = 0;
	if (*heap == NULL)
		die("out of memory");
	if (libdeflate_deflate_decompress(u->inflate, e->packed.p, e->packed.n, *heap, e->size, &got) != LIBDEFLATE_SUCCESS || got != e->size)
		return fail(u, "an entry does not decompress", e->name);
	*out = str_of(*heap, got);
	return true;
}

static bool write_file(struct unpack *u, const char *path, struct str bytes, mode_t mode)
{
	ASSERT(path[0] != '/' && u->dir >= 0);
	(void)unlinkat(u->dir, path, 0); /* a layer over another one */
	int fd = openat(u->dir, path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return fail(u, "a file cannot be made", str_c(path));
	while (bytes.n > 0) {
		ssize_t n = write(fd, bytes.p, bytes.n);
		if (n < 0) {
			close(fd);
			return fail(u, "the disk refused a file", str_c(path));
		}
		bytes = str_slice(bytes, (size_t)n, bytes.n);
	}
	(void)fchmod(fd, mode);
	close(fd);
	return true;
}

/* links: only links in this pass; otherwise only files and directories. */
static bool entry_unpack(struct unpack *u, const struct zip_entry *e, bool links)
{
	bool is_link = (e->mode & S_IFMT) == S_IFLNK, is_dir = e->name.n > 0 && e->name.p[e->name.n - 1] == '/';
	if (!name_is_safe(e->name))
		return fail(u, "an entry would leave the directory", e->name);
	if (is_link != links)
		return true;
	if (!make_parents(u, e->name) || is_dir)
		return is_dir && u->why[0] == '\0';
	struct str bytes;
	char *heap;
	bool ok = entry_bytes(u, e, &bytes, &heap);
	char path[NAME_MAX_BYTES + 1], target[NAME_MAX_BYTES + 1];
	memcpy(path, e->name.p, e->name.n);
	path[e->name.n] = '\0';
	if (ok && crc32_ieee(0, bytes) != e->crc)
		ok = fail(u, "an entry has a wrong checksum", e->name);
	if (ok && !links) {
		mode_t mode = e->mode != 0 ? (e->mode & 0755) | 0444 : 0644; /* readable by the function's user */
		ok = write_file(u, path, bytes, mode);
	} else if (ok) {
		if (!name_is_safe(bytes))
			ok = fail(u, "a link leaves the directory", e->name);
		if (ok) {
			memcpy(target, bytes.p, bytes.n);
			target[bytes.n] = '\0';
			(void)unlinkat(u->dir, path, 0);
			ok = symlinkat(target, u->dir, path) == 0 || fail(u, "a link cannot be made", e->name);
		}
	}
	free(heap);
	return ok;
}

static bool unpack_all(struct unpack *u, bool links)
{
	ptrdiff_t end = find_end(u->zip);
	if (end < 0)
		return fail(u, "Could not unzip uploaded file. Please check your file, then try to upload again.", STR_NONE);
	const char *p = u->zip.p + end;
	size_t n = u16(p + 10), size = u32(p + 12), at = u32(p + 16);
	if (n == 0xffff || at > (size_t)end || size > (size_t)end - at)
		return fail(u, "Could not unzip uploaded file. Please check your file, then try to upload again.", STR_NONE);
	size_t limit = at + size;
	for (size_t i = 0; i < n && i < ENTRIES_MAX; i++) {
		struct zip_entry e;
		if (!entry_read(u, &at, limit, &e) || !entry_unpack(u, &e, links))
			return false;
	}
	return true;
}

bool zip_unpack(struct str zip, const char *dir, char *why, size_t why_n)
{
	struct unpack u = {.zip = zip, .why = why, .why_n = why_n, .dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	why[0] = '\0';
	if (u.dir < 0)
		return fail(&u, "the directory cannot be opened", STR_NONE);
	u.inflate = libdeflate_alloc_decompressor();
	bool ok = unpack_all(&u, false) && unpack_all(&u, true);
	libdeflate_free_decompressor(u.inflate);
	close(u.dir);
	return ok;
}
