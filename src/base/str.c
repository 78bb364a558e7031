/* Strings as pointer and length: see str.h. Nothing here allocates.
 *
 * What always holds: nothing is read beyond p + n, and nothing is written; an absent string counts as an empty one
 * wherever bytes are compared. */
#include "base/str.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/random.h>

static inline unsigned char lower(char c)
{
	unsigned char u = (unsigned char)c;
	return (u >= 'A' && u <= 'Z') ? (unsigned char)(u + 32) : u;
}

int str_cmp(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int d = n > 0 ? memcmp(a.p, b.p, n) : 0;
	if (d != 0)
		return d;
	return a.n < b.n ? -1 : a.n > b.n;
}

/* Eight bytes at a time: bytes that differ in more than the case bit end it at once, which is how most header names
 * of one length are told apart. */
bool str_eq_nocase(struct str a, struct str b)
{
	if (a.n != b.n)
		return false;
	size_t i = 0;
	for (; i + 8 <= a.n; i += 8) {
		uint64_t x, y;
		memcpy(&x, a.p + i, 8);
		memcpy(&y, b.p + i, 8);
		if (x == y)
			continue;
		if (((x ^ y) & ~0x2020202020202020u) != 0)
			return false;
		for (size_t k = i; k < i + 8; k++)
			if (lower(a.p[k]) != lower(b.p[k]))
				return false;
	}
	for (; i < a.n; i++)
		if (a.p[i] != b.p[i] && lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n && (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

bool str_starts_nocase(struct str s, struct str prefix)
{
	return s.n >= prefix.n && str_eq_nocase(str_of(s.p, prefix.n), prefix);
}

struct str str_slice(struct str s, size_t from, size_t to)
{
	if (to > s.n)
		to = s.n;
	if (from > to)
		from = to;
	return s.p == NULL ? s : str_of(s.p + from, to - from);
}

ptrdiff_t str_find(struct str s, char c)
{
	const char *at = s.n > 0 ? memchr(s.p, c, s.n) : NULL;
	return at != NULL ? at - s.p : -1;
}

ptrdiff_t str_rfind(struct str s, char c)
{
	const char *at = s.n > 0 ? memrchr(s.p, c, s.n) : NULL;
	return at != NULL ? at - s.p : -1;
}

/* An empty needle is found at the start, as in memmem; the guard is for its null pointer. */
ptrdiff_t str_find_str(struct str s, struct str needle)
{
	if (needle.n == 0)
		return 0;
	const char *at = s.n > 0 ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
	return at != NULL ? at - s.p : -1;
}

static inline bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

struct str str_trim(struct str s)
{
	while (s.n > 0 && is_space(s.p[0]))
		s = str_of(s.p + 1, s.n - 1);
	while (s.n > 0 && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

struct str str_cut(struct str *rest, char sep)
{
	ASSERT(rest != NULL);
	struct str all = *rest;
	ptrdiff_t at = str_find(all, sep);
	if (at < 0) {
		*rest = STR_NONE;
		return all;
	}
	*rest = str_of(all.p + at + 1, all.n - (size_t)at - 1);
	return str_of(all.p, (size_t)at);
}

bool str_to_u64(struct str s, uint64_t *out)
{
	uint64_t v = 0;
	if (s.n == 0 || s.n > 20)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
			return false;
	}
	*out = v;
	return true;
}

bool str_to_i64(struct str s, int64_t *out)
{
	bool negative = s.n > 0 && s.p[0] == '-';
	uint64_t v;
	if (!str_to_u64(negative ? str_slice(s, 1, s.n) : s, &v))
		return false;
	if (v > (uint64_t)INT64_MAX + (negative ? 1u : 0u))
		return false;
	*out = negative ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

/* strtod takes more than we want (hex, "inf", white space) and needs a NUL: so the alphabet is checked and the
 * text copied. The program never calls setlocale, so the point is a point. */
bool str_to_f64(struct str s, double *out)
{
	char text[400];
	if (s.n == 0 || s.n >= sizeof text)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (memchr("0123456789+-.eE", s.p[i], 15) == NULL)
			return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	char *end;
	double v = strtod(text, &end);
	if (end != text + s.n)
		return false;
	*out = v;
	return true;
}

/* The upper half of a product is folded into the lower: unlike with a product cut to 64 bits, which bits of the result a
 * changed bit of the input reaches depends on the seed. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* 8-byte words, each mixed into a state that starts from the seed, which keeps clients from choosing collisions. */
uint64_t str_hash(struct str s)
{
	static uint64_t seed;
	uint64_t h = __atomic_load_n(&seed, __ATOMIC_RELAXED);
	if (UNLIKELY(h == 0)) {
		uint64_t fresh = 0, none = 0;
		if (getrandom(&fresh, sizeof fresh, 0) != (ssize_t)sizeof fresh || fresh == 0)
			fresh = 0x9e3779b97f4a7c15u;
		if (!__atomic_compare_exchange_n(&seed, &none, fresh, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			fresh = none;
		h = fresh;
	}
	size_t i = 0;
	for (; i + 8 <= s.n; i += 8) {
		uint64_t w;
		memcpy(&w, s.p + i, 8);
		h = fold(h ^ w, 0x9fb21c651e98df25u);
	}
	if (i < s.n) { /* up to seven bytes more, and how many */
		uint64_t w = 0;
		memcpy(&w, s.p + i, s.n - i);
		h = fold(h ^ w, 0xd6e8feb86659fd93u);
	}
	h = fold(h ^ s.n, 0xff51afd7ed558ccdu);
	return h ^ (h >> 29);
}
