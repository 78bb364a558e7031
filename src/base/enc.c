/* Text encodings: base64, hex, percent-encoding, query strings; UTF-8 checks. See enc.h; digests are in digest.c, CRCs
 * in crc.c.
 *
 * Decoders write to the arena and give the absent string when they refuse; a decoded result is never a view. */
#include "base/enc.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static const char standard[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Writes the text of n bytes, returns its end. */
static char *encode64(const char alphabet[64], bool pad, const unsigned char *p, size_t n, char *to)
{
	ASSERT(n == 0 || p != NULL);
	for (; n >= 3; n -= 3, p += 3) {
		unsigned v = (unsigned)p[0] << 16 | (unsigned)p[1] << 8 | p[2];
		*to++ = alphabet[v >> 18];
		*to++ = alphabet[v >> 12 & 63];
		*to++ = alphabet[v >> 6 & 63];
		*to++ = alphabet[v & 63];
	}
	if (n == 0)
		return to;
	unsigned v = (unsigned)p[0] << 16 | (n == 2 ? (unsigned)p[1] << 8 : 0);
	*to++ = alphabet[v >> 18];
	*to++ = alphabet[v >> 12 & 63];
	if (n == 2)
		*to++ = alphabet[v >> 6 & 63];
	for (size_t i = n; pad && i < 3; i++)
		*to++ = '=';
	return to;
}

static const unsigned char *bytes_of(struct str s) { return (const unsigned char *)s.p; }

void base64_write(struct buf *b, struct str bytes)
{
	size_t size = (bytes.n + 2) / 3 * 4;
	if (size == 0 || !buf_reserve(b, size))
		return;
	char *end = encode64(standard, true, bytes_of(bytes), bytes.n, b->p + b->n);
	ASSERT(end == b->p + b->n + size);
	b->n += size;
}

static struct str encode64_new(struct arena *a, struct str bytes, const char alphabet[64], bool pad)
{
	char *p = arena_bytes(a, (bytes.n + 2) / 3 * 4 + 1);
	char *end = encode64(alphabet, pad, bytes_of(bytes), bytes.n, p);
	*end = '\0';
	return str_of(p, (size_t)(end - p));
}

struct str base64_encode(struct arena *a, struct str bytes) { return encode64_new(a, bytes, standard, true); }
struct str base64url_encode(struct arena *a, struct str bytes) { return encode64_new(a, bytes, url_safe, false); }

/* -1 for what is not in the alphabet. */
static inline int digit64(char c, bool url)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == (url ? '-' : '+'))
		return 62;
	return c == (url ? '_' : '/') ? 63 : -1;
}

/* The digits without padding. strict: bits left over must be zero. */
static struct str decode64(struct arena *a, struct str text, bool url, bool strict)
{
	ASSERT(text.p != NULL);
	if (text.n % 4 == 1)
		return STR_NONE;
	char *p = arena_bytes(a, text.n / 4 * 3 + 3), *to = p;
	uint32_t v = 0;
	unsigned bits = 0;
	for (size_t i = 0; i < text.n; i++) {
		int d = digit64(text.p[i], url);
		if (d < 0)
			return STR_NONE;
		v = v << 6 | (unsigned)d;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			*to++ = (char)(v >> bits);
		}
	}
	if (strict && (v & ((1u << bits) - 1)) != 0)
		return STR_NONE;
	*to = '\0';
	ASSERT((size_t)(to - p) < text.n / 4 * 3 + 3);
	return str_of(p, (size_t)(to - p));
}

/* "=" may stand only at the end, at most twice, and the length with them is a multiple of four: what AWS takes. */
static struct str decode_padded(struct arena *a, struct str text, bool exact)
{
	ASSERT(a != NULL);
	if (text.p == NULL || text.n % 4 != 0)
		return STR_NONE;
	for (int i = 0; i < 2 && text.n > 0 && text.p[text.n - 1] == '='; i++)
		text.n--;
	return decode64(a, text, false, exact);
}

struct str base64_decode(struct arena *a, struct str text) { return decode_padded(a, text, false); }
struct str base64_decode_exact(struct arena *a, struct str text) { return decode_padded(a, text, true); }

struct str base64url_decode(struct arena *a, struct str text)
{
	return text.p == NULL ? STR_NONE : decode64(a, text, true, true);
}

static const char lower_hex[16] = "0123456789abcdef", upper_hex[16] = "0123456789ABCDEF";

static void encode_hex(struct str bytes, char *to)
{
	for (size_t i = 0; i < bytes.n; i++) {
		unsigned char c = (unsigned char)bytes.p[i];
		to[2 * i] = lower_hex[c >> 4];
		to[2 * i + 1] = lower_hex[c & 15];
	}
}

void hex_write(struct buf *b, struct str bytes)
{
	if (bytes.n == 0 || !buf_reserve(b, bytes.n * 2))
		return;
	encode_hex(bytes, b->p + b->n);
	b->n += bytes.n * 2;
}

struct str hex_encode(struct arena *a, struct str bytes)
{
	char *p = arena_bytes(a, bytes.n * 2 + 1);
	encode_hex(bytes, p);
	p[bytes.n * 2] = '\0';
	return str_of(p, bytes.n * 2);
}

struct str hex_decode(struct arena *a, struct str text)
{
	ASSERT(a != NULL);
	if (text.p == NULL || text.n % 2 != 0)
		return STR_NONE;
	char *p = arena_bytes(a, text.n / 2 + 1);
	for (size_t i = 0; i < text.n; i += 2) {
		int high = hex_digit(text.p[i]), low = hex_digit(text.p[i + 1]);
		if (high < 0 || low < 0)
			return STR_NONE;
		p[i / 2] = (char)(high << 4 | low);
	}
	p[text.n / 2] = '\0';
	return str_of(p, text.n / 2);
}

static inline bool unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	       c == '~';
}

void uri_write(struct buf *b, struct str s, bool keep_slash)
{
	size_t from = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (unreserved(c) || (keep_slash && c == '/'))
			continue;
		buf_put(b, s.p + from, i - from);
		const char text[3] = {'%', upper_hex[(unsigned char)c >> 4], upper_hex[c & 15]};
		buf_put(b, text, sizeof text);
		from = i + 1;
	}
	buf_put(b, s.p + from, s.n - from);
}

/* A half more than the input is what most texts need; a text of nothing but escapes grows once more. */
struct str uri_encode(struct arena *a, struct str s, bool keep_slash)
{
	struct buf b;
	buf_init(&b, a, 0);
	(void)buf_reserve(&b, s.n + s.n / 2 + 1);
	uri_write(&b, s, keep_slash);
	return buf_view(&b);
}

struct str uri_decode(struct arena *a, struct str s, bool plus_is_space)
{
	char *p = arena_bytes(a, s.n + 1), *to = p;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '%') {
			int high = s.n - i > 2 ? hex_digit(s.p[i + 1]) : -1, low = high >= 0 ? hex_digit(s.p[i + 2]) : -1;
			if (low < 0)
				return STR_NONE;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && plus_is_space) {
			c = ' ';
		}
		*to++ = c;
	}
	*to = '\0';
	ASSERT((size_t)(to - p) <= s.n); /* decoding never makes longer */
	return str_of(p, (size_t)(to - p));
}

/* The array is made for as many pairs as there are ampersands, but never for more than max: a query string of them
 * alone must not cost 48 bytes each. */
bool params_parse(struct arena *a, struct str query, size_t max, struct params *out)
{
	*out = (struct params){0};
	size_t count = query.n > 0;
	for (size_t i = 0; i < query.n; i++)
		count += query.p[i] == '&';
	out->v = arena_array(a, struct param, count < max ? count : max);
	struct str rest = query;
	while (str_present(rest)) {
		struct str pair = str_cut(&rest, '&');
		if (pair.n == 0)
			continue;
		if (out->n == max)
			return false;
		struct param *p = &out->v[out->n++];
		struct str value = pair, name = str_cut(&value, '=');
		p->has_value = str_present(value);
		p->name = uri_decode(a, name, true);
		p->value = p->has_value ? uri_decode(a, value, true) : S("");
		if (!str_present(p->name) || !str_present(p->value))
			return false;
	}
	ASSERT(out->n <= count && out->n <= max);
	return true;
}

struct str params_get(const struct params *p, struct str name)
{
	ASSERT(p->n == 0 || p->v != NULL);
	for (size_t i = 0; i < p->n; i++)
		if (str_eq(p->v[i].name, name))
			return p->v[i].value;
	return STR_NONE;
}

/* All bytes are looked at whatever the first ones say; volatile keeps the compiler from stopping early. The length
 * is no secret. */
bool secret_eq(struct str a, struct str b)
{
	if (a.n != b.n)
		return false;
	volatile unsigned char differ = 0;
	for (size_t i = 0; i < a.n; i++)
		differ = (unsigned char)(differ | (a.p[i] ^ b.p[i]));
	return differ == 0;
}

/* How many bytes of plain ASCII are at the front, at least in steps of sixteen. */
static inline size_t ascii_run(const unsigned char *p, size_t n)
{
	size_t i = 0;
#ifdef __SSE2__
	while (n - i >= 16 && _mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)(p + i))) == 0)
		i += 16;
#endif
	while (i < n && p[i] < 0x80)
		i++;
	return i;
}

/* Table 3-7 of the Unicode standard: no overlong forms, no surrogates, nothing over U+10FFFF. */
bool utf8_valid(struct str s)
{
	const unsigned char *p = bytes_of(s), *end = p + s.n;
	while (p < end) {
		p += ascii_run(p, (size_t)(end - p));
		if (p == end)
			return true;
		unsigned char c = *p;
		size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
		if (c < 0xc2 || c > 0xf4 || (size_t)(end - p) <= more)
			return false;
		unsigned char least = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80, most = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
		if (p[1] < least || p[1] > most)
			return false;
		for (size_t i = 2; i <= more; i++)
			if ((p[i] & 0xc0) != 0x80)
				return false;
		p += more + 1;
		ASSERT(p <= end);
	}
	return true;
}

char *utf8_put(char *to, uint32_t cp)
{
	ASSERT(cp <= 0x10ffff);
	if (cp < 0x80) {
		*to++ = (char)cp;
		return to;
	}
	static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
	int more = cp < 0x800 ? 1 : cp < 0x10000 ? 2 : 3;
	*to++ = (char)(lead[more] | cp >> (6 * more));
	while (more-- > 0)
		*to++ = (char)(0x80 | (cp >> (6 * more) & 0x3f));
	return to;
}

size_t utf8_length(struct str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += (s.p[i] & 0xc0) != 0x80;
	return n;
}

size_t utf16_length(struct str s)
{
	size_t n = utf8_length(s);
	for (size_t i = 0; i < s.n; i++)
		n += (unsigned char)s.p[i] >= 0xf0; /* four bytes: a pair of surrogates */
	ASSERT(n <= s.n);
	return n;
}
