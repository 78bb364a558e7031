/* Bodies in blobs, read through their encryption. See body.h.
 *
 * What always holds: offsets are the file's, so that decryption can start anywhere; a descriptor opened here is
 * closed here. */
#include "svc/body.h"

#include "base/enc.h"
#include "os/os.h"

#include <errno.h>
#include <unistd.h>

enum { BLOCK = 128 << 10 };

void body_cipher(const unsigned char key[32], int64_t at, struct str in, char *out)
{
	ASSERT(at >= 0);
	aes256_ctr(key, (uint64_t)at, in, out);
}

void body_part_decrypt(const struct body_part *p, int64_t at, char *bytes, size_t n)
{
	ASSERT(p->encrypted || !p->twice);
	if (p->twice)
		body_cipher(p->outer, at, str_of(bytes, n), bytes);
	if (p->encrypted)
		body_cipher(p->key, at, str_of(bytes, n), bytes);
}

/* A body in one piece is a list of one, so that readers have one way to go. */
const struct body_part *body_parts(struct arena *a, const struct body *b, size_t *n)
{
	ASSERT(b->n_parts == 0 || b->parts != NULL);
	if (b->parts != NULL) {
		*n = b->n_parts;
		return b->parts;
	}
	struct body_part *p = arena_new_of(a, struct body_part);
	p->bytes = b->bytes;
	p->offset = b->offset;
	p->length = b->blob[0] != '\0' ? b->length : (int64_t)b->bytes.n;
	memcpy(p->blob, b->blob, sizeof p->blob);
	p->encrypted = b->encrypted;
	memcpy(p->key, b->key, sizeof p->key);
	*n = 1;
	return p;
}

typedef bool (*sink)(void *arg, struct str bytes);

static bool read_blob(struct store *s, const struct body_part *p, sink put, void *arg)
{
	ASSERT(p->offset >= 0 && p->length >= 0);
	struct blob_id id;
	memcpy(id.hex, p->blob, sizeof id.hex);
	int fd = blob_open(s, id);
	if (fd < 0)
		return false;
	struct arena *a = arena_new(BLOCK + 1024);
	char *block = arena_bytes(a, BLOCK);
	bool ok = true;
	for (int64_t at = p->offset, end = p->offset + p->length; ok && at < end;) {
		size_t want = end - at < BLOCK ? (size_t)(end - at) : BLOCK;
		ssize_t n = os.pread(fd, block, want, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? EIO : errno;
			ok = false;
			break;
		}
		ASSERT((size_t)n <= want);
		body_part_decrypt(p, at, block, (size_t)n);
		ok = put(arg, str_of(block, (size_t)n));
		at += n;
	}
	int error = errno;
	close(fd);
	arena_free(a);
	errno = error;
	return ok;
}

/* The arena is for the list of one; parts are the caller's. */
static bool each(struct store *s, const struct body *b, sink put, void *arg)
{
	ASSERT(b != NULL && put != NULL);
	struct arena *a = arena_new(512);
	size_t n;
	const struct body_part *parts = body_parts(a, b, &n);
	bool ok = true;
	for (size_t i = 0; i < n && ok; i++)
		ok = parts[i].blob[0] != '\0' ? read_blob(s, &parts[i], put, arg) : put(arg, parts[i].bytes);
	arena_free(a);
	return ok;
}

static bool to_buf(void *arg, struct str bytes)
{
	buf_str(arg, bytes);
	return !((struct buf *)arg)->overflow;
}

bool body_load(struct store *s, const struct body *b, struct buf *out) { return each(s, b, to_buf, out); }

static bool to_fd(void *arg, struct str bytes)
{
	ASSERT(*(const int *)arg >= 0);
	while (bytes.n > 0) {
		ssize_t n = write(*(const int *)arg, bytes.p, bytes.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes = str_slice(bytes, (size_t)n, bytes.n);
	}
	return true;
}

bool body_save(struct store *s, const struct body *b, int fd) { return each(s, b, to_fd, &fd); }

/* Everything needed to read it later, the key included: this JSON never leaves the program. */
struct json *body_to_json(struct arena *a, const struct body *b)
{
	ASSERT(b->length >= 0);
	size_t n;
	const struct body_part *parts = body_parts(a, b, &n);
	struct json *o = json_new_object(a), *list = json_new_array(a);
	for (size_t i = 0; i < n; i++) {
		struct json *p = json_new_object(a);
		if (parts[i].blob[0] != '\0')
			json_set_str(a, p, "Blob", arena_dup(a, str_c(parts[i].blob)));
		else
			json_set_str(a, p, "Bytes", parts[i].bytes);
		json_set_i64(a, p, "Offset", parts[i].offset);
		json_set_i64(a, p, "Length", parts[i].length);
		if (parts[i].encrypted)
			json_set_str(a, p, "Key", hex_encode(a, str_of((const char *)parts[i].key, sizeof parts[i].key)));
		if (parts[i].twice)
			json_set_str(a, p, "Outer", hex_encode(a, str_of((const char *)parts[i].outer, sizeof parts[i].outer)));
		json_push(a, list, p);
	}
	json_set_i64(a, o, "Length", b->length);
	json_set(a, o, S("Parts"), list);
	return o;
}

/* Absent: there is none, and that is well. */
static bool key_from(struct arena *a, struct str hex, bool *there, unsigned char key[32])
{
	struct str raw = str_present(hex) ? hex_decode(a, hex) : STR_NONE;
	*there = str_present(hex);
	if (*there && raw.n != 32)
		return false;
	if (*there)
		memcpy(key, raw.p, raw.n);
	return true;
}

static bool part_from(struct arena *a, const struct json *j, struct body_part *p)
{
	ASSERT(p->blob[0] == '\0');
	struct str blob = json_get_str(j, "Blob");
	p->offset = json_get_i64(j, "Offset", 0);
	p->length = json_get_i64(j, "Length", 0);
	p->bytes = json_get_str(j, "Bytes");
	if (!str_present(blob))
		return str_present(p->bytes);
	if (blob.n != sizeof p->blob - 1)
		return false;
	memcpy(p->blob, blob.p, blob.n);
	return key_from(a, json_get_str(j, "Key"), &p->encrypted, p->key) && key_from(a, json_get_str(j, "Outer"), &p->twice, p->outer);
}

struct body *body_from_json(struct arena *a, const struct json *j)
{
	struct body *b = arena_new_of(a, struct body);
	if (json_is(j, JSON_STRING)) {
		b->bytes = j->text;
		b->length = (int64_t)j->text.n;
		return b;
	}
	const struct json *list = json_get(j, S("Parts"));
	if (!json_is(list, JSON_ARRAY))
		return NULL;
	struct body_part *parts = arena_array(a, struct body_part, list->n);
	for (uint32_t i = 0; i < list->n; i++)
		if (!part_from(a, &list->items[i], &parts[i]))
			return NULL;
	b->parts = parts;
	b->n_parts = list->n;
	b->length = json_get_i64(j, "Length", 0);
	return b;
}
