/* CBOR (RFC 8949) reader and writer: see cbor.h.
 *
 * Invariants: `at` never passes in.n; a head is taken whole or not at all. A count of items is never trusted for
 * memory: at least one byte must follow for each. */
#include "base/cbor.h"
#include "base/enc.h"

#include <math.h>

enum { DEPTH_MAX = 64, MAJOR_UINT = 0, MAJOR_NINT, MAJOR_BYTES, MAJOR_TEXT, MAJOR_ARRAY, MAJOR_MAP, MAJOR_TAG, MAJOR_OTHER };
enum { INFO_INDEFINITE = 31 };

static struct cbor_item broken(void) { return (struct cbor_item){.type = CBOR_ERROR}; }

static uint64_t big_endian(const char *p, size_t n)
{
	ASSERT(n <= 8);
	uint64_t v = 0;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | (unsigned char)p[i];
	return v;
}

/* The argument that goes with a head's low five bits (0..27); false when cut short or reserved. */
static bool take_argument(struct cbor_reader *r, unsigned info, uint64_t *out)
{
	ASSERT(r->at <= r->in.n && info < 32);
	if (info < 24) {
		*out = info;
		return true;
	}
	if (info > 27)
		return false;
	size_t n = (size_t)1 << (info - 24);
	if (r->in.n - r->at < n)
		return false;
	*out = big_endian(r->in.p + r->at, n);
	r->at += n;
	return true;
}

/* RFC 8949, appendix D. */
static double half_to_double(unsigned half)
{
	ASSERT(half <= 0xffff);
	unsigned exponent = half >> 10 & 0x1f, mantissa = half & 0x3ff;
	double v;
	if (exponent == 0)
		v = ldexp(mantissa, -24);
	else if (exponent < 31)
		v = ldexp(mantissa + 1024, (int)exponent - 25);
	else
		v = mantissa == 0 ? INFINITY : NAN;
	return (half & 0x8000) != 0 ? -v : v;
}

/* Floats, booleans and null; false and true are what AWS sends, undefined counts as null for its readers. */
static struct cbor_item take_other(struct cbor_reader *r, unsigned info)
{
	uint64_t bits = 0;
	if (info == INFO_INDEFINITE)
		return (struct cbor_item){.type = CBOR_BREAK};
	if (!take_argument(r, info, &bits))
		return broken();
	struct cbor_item item = {.type = CBOR_FLOAT};
	switch (info) {
	case 20: return (struct cbor_item){.type = CBOR_FALSE};
	case 21: return (struct cbor_item){.type = CBOR_TRUE};
	case 22: return (struct cbor_item){.type = CBOR_NULL};
	case 23: return (struct cbor_item){.type = CBOR_UNDEFINED};
	case 25:
		item.f = half_to_double((unsigned)bits);
		return item;
	case 26: {
		uint32_t single = (uint32_t)bits;
		float f;
		memcpy(&f, &single, sizeof f);
		item.f = f;
		return item;
	}
	case 27:
		memcpy(&item.f, &bits, sizeof item.f);
		return item;
	default: return broken(); /* simple values nobody has defined */
	}
}

static bool take_bytes(struct cbor_reader *r, uint64_t n, struct str *out)
{
	ASSERT(r->at <= r->in.n);
	if (n > r->in.n - r->at)
		return false;
	*out = str_of(r->in.p + r->at, (size_t)n);
	r->at += (size_t)n;
	return true;
}

/* The chunks up to the break, joined; each chunk is a definite string of the same major type. */
static bool take_chunks(struct cbor_reader *r, unsigned major, struct str *out)
{
	ASSERT(major == MAJOR_BYTES || major == MAJOR_TEXT);
	struct buf b;
	buf_init(&b, r->arena, 0);
	for (;;) {
		if (r->at == r->in.n)
			return false;
		unsigned char head = (unsigned char)r->in.p[r->at++];
		if (head == 0xff)
			break;
		uint64_t n;
		struct str chunk;
		if (head >> 5 != major || !take_argument(r, head & 31, &n) || !take_bytes(r, n, &chunk))
			return false;
		if (major == MAJOR_TEXT && !utf8_valid(chunk))
			return false;
		buf_str(&b, chunk);
	}
	*out = buf_view(&b);
	return true;
}

/* UTF-8 is checked here, once, so that nobody behind has to. */
static struct cbor_item take_string(struct cbor_reader *r, unsigned major, unsigned info)
{
	struct cbor_item item = {.type = major == MAJOR_TEXT ? CBOR_TEXT : CBOR_BYTES};
	if (info == INFO_INDEFINITE)
		return take_chunks(r, major, &item.s) ? item : broken();
	uint64_t n;
	if (!take_argument(r, info, &n) || !take_bytes(r, n, &item.s))
		return broken();
	return major != MAJOR_TEXT || utf8_valid(item.s) ? item : broken();
}

/* A count is believed only as far as the bytes left could hold so many items: nobody allocates for a number. */
static struct cbor_item take_container(struct cbor_reader *r, unsigned major, unsigned info)
{
	ASSERT(major == MAJOR_ARRAY || major == MAJOR_MAP);
	struct cbor_item item = {.type = major == MAJOR_MAP ? CBOR_MAP : CBOR_ARRAY};
	if (info == INFO_INDEFINITE) {
		item.indefinite = true;
		return item;
	}
	if (!take_argument(r, info, &item.u))
		return broken();
	uint64_t least = major == MAJOR_MAP ? 2 : 1;
	return item.u <= (r->in.n - r->at) / least ? item : broken();
}

struct cbor_item cbor_next(struct cbor_reader *r)
{
	ASSERT(r->at <= r->in.n);
	if (r->at == r->in.n)
		return (struct cbor_item){.type = CBOR_END};
	unsigned char head = (unsigned char)r->in.p[r->at++];
	unsigned major = head >> 5, info = head & 31;
	struct cbor_item item = {0};
	switch (major) {
	case MAJOR_UINT: item.type = CBOR_UINT; break;
	case MAJOR_NINT: item.type = CBOR_NINT; break;
	case MAJOR_TAG: item.type = CBOR_TAG; break;
	case MAJOR_BYTES: case MAJOR_TEXT: return take_string(r, major, info);
	case MAJOR_ARRAY: case MAJOR_MAP: return take_container(r, major, info);
	default: return take_other(r, info);
	}
	return take_argument(r, info, &item.u) ? item : broken();
}

static bool skip(struct cbor_reader *r, struct cbor_item head, unsigned depth);

/* One item below an open container or tag. */
static bool skip_next(struct cbor_reader *r, unsigned depth)
{
	struct cbor_item item = cbor_next(r);
	return item.type != CBOR_BREAK && skip(r, item, depth);
}

static bool skip_indefinite(struct cbor_reader *r, bool pairs, unsigned depth)
{
	ASSERT(depth > 0);
	for (;;) {
		struct cbor_item item = cbor_next(r);
		if (item.type == CBOR_BREAK)
			return true;
		if (!skip(r, item, depth))
			return false;
		if (pairs && !skip_next(r, depth))
			return false;
	}
}

static bool skip(struct cbor_reader *r, struct cbor_item head, unsigned depth)
{
	ASSERT(depth <= DEPTH_MAX);
	switch (head.type) {
	case CBOR_ERROR: case CBOR_END: case CBOR_BREAK: return false;
	case CBOR_ARRAY: case CBOR_MAP: case CBOR_TAG: break;
	default: return true;
	}
	if (depth == DEPTH_MAX)
		return false;
	if (head.indefinite)
		return skip_indefinite(r, head.type == CBOR_MAP, depth + 1);
	uint64_t n = head.type == CBOR_TAG ? 1 : head.type == CBOR_MAP ? head.u * 2 : head.u;
	for (uint64_t i = 0; i < n; i++)
		if (!skip_next(r, depth + 1))
			return false;
	return true;
}

bool cbor_skip(struct cbor_reader *r, struct cbor_item head) { return skip(r, head, 0); }

/* The shortest head that holds the number (RFC 8949, 4.2): equal values have equal bytes. */
static void put_head(struct buf *b, unsigned major, uint64_t v)
{
	ASSERT(major <= MAJOR_OTHER);
	unsigned info = v < 24 ? (unsigned)v : v <= UINT8_MAX ? 24 : v <= UINT16_MAX ? 25 : v <= UINT32_MAX ? 26 : 27;
	size_t n = info < 24 ? 0 : (size_t)1 << (info - 24);
	char text[9] = {(char)(major << 5 | info)};
	for (size_t i = 0; i < n; i++)
		text[1 + i] = (char)(v >> (8 * (n - 1 - i)));
	buf_put(b, text, 1 + n);
}

void cbor_uint(struct buf *b, uint64_t v) { put_head(b, MAJOR_UINT, v); }
void cbor_int(struct buf *b, int64_t v) { put_head(b, v < 0 ? MAJOR_NINT : MAJOR_UINT, v < 0 ? ~(uint64_t)v : (uint64_t)v); }
void cbor_array(struct buf *b, uint64_t count) { put_head(b, MAJOR_ARRAY, count); }
void cbor_map(struct buf *b, uint64_t count) { put_head(b, MAJOR_MAP, count); }
void cbor_tag(struct buf *b, uint64_t tag) { put_head(b, MAJOR_TAG, tag); }
void cbor_bool(struct buf *b, bool v) { buf_putc(b, (char)(v ? 0xf5 : 0xf4)); }
void cbor_null(struct buf *b) { buf_putc(b, (char)0xf6); }

void cbor_bytes(struct buf *b, struct str s)
{
	put_head(b, MAJOR_BYTES, s.n);
	buf_str(b, s);
}

void cbor_text(struct buf *b, struct str s)
{
	put_head(b, MAJOR_TEXT, s.n);
	buf_str(b, s);
}

/* Always eight bytes: every decoder of AWS's SDKs takes them, and a reader need not widen. */
void cbor_f64(struct buf *b, double v)
{
	uint64_t bits;
	memcpy(&bits, &v, sizeof bits);
	bits = __builtin_bswap64(bits);
	buf_putc(b, (char)(MAJOR_OTHER << 5 | 27));
	buf_put(b, &bits, sizeof bits);
}
