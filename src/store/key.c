/* Ordered tuple keys: see key.h for the encoding.
 *
 * The order holds because a string's end (0x00 0x01) sorts below every byte that may follow in a longer string (0x00 is
 * written 0x00 0xff), and because integers are big-endian with the sign flipped. */
#include "store/key.h"

enum { TAG_STR = 0x02, TAG_U64 = 0x03, TAG_I64 = 0x04, STR_END = 0x01, STR_NUL = 0xff };

struct key key_new(struct arena *a)
{
	struct key k;
	buf_init(&k.b, a, 0);
	return k;
}

struct key *key_str(struct key *k, struct str s)
{
	ASSERT(s.n == 0 || s.p != NULL);
	buf_putc(&k->b, TAG_STR);
	while (s.n > 0) {
		ptrdiff_t nul = str_find(s, '\0');
		size_t plain = nul < 0 ? s.n : (size_t)nul;
		buf_put(&k->b, s.p, plain);
		if (nul >= 0)
			buf_put(&k->b, (const char[2]){0, (char)STR_NUL}, 2);
		s = str_slice(s, plain + (nul >= 0), s.n);
	}
	buf_put(&k->b, (const char[2]){0, STR_END}, 2);
	ASSERT(!k->b.overflow);
	return k;
}

static void put_be64(struct key *k, char tag, uint64_t v)
{
	char text[9] = {tag};
	v = __builtin_bswap64(v);
	memcpy(text + 1, &v, sizeof v);
	buf_put(&k->b, text, sizeof text);
	ASSERT(!k->b.overflow);
}

struct key *key_u64(struct key *k, uint64_t v)
{
	put_be64(k, TAG_U64, v);
	return k;
}

struct key *key_i64(struct key *k, int64_t v)
{
	put_be64(k, TAG_I64, (uint64_t)v ^ (uint64_t)1 << 63);
	return k;
}

struct key *key_raw(struct key *k, struct str ordered)
{
	buf_str(&k->b, ordered);
	ASSERT(!k->b.overflow);
	return k;
}

struct str key_after(struct arena *a, struct str prefix)
{
	ASSERT(prefix.n == 0 || prefix.p != NULL);
	while (prefix.n > 0 && (unsigned char)prefix.p[prefix.n - 1] == 0xff)
		prefix.n--;
	if (prefix.n == 0)
		return STR_NONE;
	char *p = arena_bytes(a, prefix.n);
	memcpy(p, prefix.p, prefix.n);
	p[prefix.n - 1] = (char)(p[prefix.n - 1] + 1);
	return str_of(p, prefix.n);
}

bool key_read_str(struct key_reader *r, struct arena *a, struct str *out)
{
	struct str in = r->rest;
	if (in.n == 0 || in.p[0] != TAG_STR)
		return false;
	in = str_slice(in, 1, in.n);
	char *p = arena_bytes(a, in.n + 1);
	size_t n = 0;
	for (;;) {
		ptrdiff_t nul = str_find(in, '\0');
		if (nul < 0 || (size_t)nul + 1 >= in.n)
			return false;
		memcpy(p + n, in.p, (size_t)nul);
		n += (size_t)nul;
		unsigned char next = (unsigned char)in.p[nul + 1];
		in = str_slice(in, (size_t)nul + 2, in.n);
		if (next == STR_END)
			break;
		if (next != STR_NUL)
			return false;
		p[n++] = '\0';
	}
	ASSERT(n <= r->rest.n);
	p[n] = '\0';
	r->rest = in;
	*out = str_of(p, n);
	return true;
}

static bool read_be64(struct key_reader *r, char tag, uint64_t *out)
{
	if (r->rest.n < 9 || r->rest.p[0] != tag)
		return false;
	uint64_t v;
	memcpy(&v, r->rest.p + 1, sizeof v);
	*out = __builtin_bswap64(v);
	r->rest = str_slice(r->rest, 9, r->rest.n);
	return true;
}

bool key_read_u64(struct key_reader *r, uint64_t *out) { return read_be64(r, TAG_U64, out); }

bool key_read_i64(struct key_reader *r, int64_t *out)
{
	uint64_t v;
	if (!read_be64(r, TAG_I64, &v))
		return false;
	*out = (int64_t)(v ^ (uint64_t)1 << 63);
	return true;
}
