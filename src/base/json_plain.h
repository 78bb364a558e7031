/* Texts that go into JSON as they are, which nearly all do: looked at and copied in one pass. For what writes JSON in a loop that
 * counts; others call json_write_str. */
#ifndef TSUBO_JSON_PLAIN_H
#define TSUBO_JSON_PLAIN_H

#include "base/str.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static inline bool json_plain_byte(char c) { return (unsigned char)c >= 0x20 && c != '"' && c != '\\'; }

/* How many bytes at the front need no escape. */
static inline size_t json_plain_run(const char *s, size_t n)
{
	size_t i = 0;
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1f);
	for (; n - i >= 16; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(s + i));
		__m128i stop = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
		stop = _mm_or_si128(stop, _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
		unsigned stops = (unsigned)_mm_movemask_epi8(stop);
		if (stops != 0)
			return i + (unsigned)__builtin_ctz(stops);
	}
#endif
	while (i < n && json_plain_byte(s[i]))
		i++;
	return i;
}

/* Eight bytes: does none need an escape? The well-known tests for a byte that is zero, or less than another. */
static inline bool json_plain_word(uint64_t w)
{
	const uint64_t ones = 0x0101010101010101u, highs = ones << 7;
	uint64_t quote = w ^ ones * '"', slash = w ^ ones * '\\';
	return ((((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & highs) == 0;
}

/* Copies 16 bytes; what of them needs an escape is not zero. */
#ifdef __SSE2__
static inline __m128i json_copy_block(char *at, const char *from)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)from);
	__m128i stop = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
	_mm_storeu_si128((__m128i *)(void *)at, v);
	return _mm_or_si128(stop, _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v));
}

/* At least 16 bytes; where the last block is not whole it overlaps the one before. */
static inline bool json_copy_long(char *at, struct str s)
{
	__m128i stop = json_copy_block(at + s.n - 16, s.p + s.n - 16);
	size_t i = 0;
	for (; i + 64 < s.n; i += 64) {
		__m128i a = _mm_or_si128(json_copy_block(at + i, s.p + i), json_copy_block(at + i + 16, s.p + i + 16));
		__m128i b = _mm_or_si128(json_copy_block(at + i + 32, s.p + i + 32), json_copy_block(at + i + 48, s.p + i + 48));
		stop = _mm_or_si128(stop, _mm_or_si128(a, b));
	}
	for (; i + 16 < s.n; i += 16)
		stop = _mm_or_si128(stop, json_copy_block(at + i, s.p + i));
	return _mm_movemask_epi8(stop) == 0;
}
#else
static inline bool json_copy_long(char *at, struct str s)
{
	memcpy(at, s.p, s.n);
	return json_plain_run(s.p, s.n) == s.n;
}
#endif

/* Copy s to `at`, which has room for it, when no byte of it needs an escape; else false, and what is there is nothing. */
static inline bool json_copy_plain(char *at, struct str s)
{
	uint64_t first, last;
	uint32_t head = 0x78787878u, tail = head; /* "xxxx" */
	if (s.n >= 16)
		return json_copy_long(at, s);
	if (s.n >= 8) {
		memcpy(&first, s.p, 8);
		memcpy(&last, s.p + s.n - 8, 8);
		memcpy(at, &first, 8);
		memcpy(at + s.n - 8, &last, 8);
		return json_plain_word(first) && json_plain_word(last);
	}
	if (s.n >= 4) {
		memcpy(&head, s.p, 4);
		memcpy(&tail, s.p + s.n - 4, 4);
		memcpy(at, &head, 4);
		memcpy(at + s.n - 4, &tail, 4);
		return json_plain_word((uint64_t)tail << 32 | head);
	}
	bool ok = true;
	for (size_t i = 0; i < s.n; i++) {
		at[i] = s.p[i];
		ok &= json_plain_byte(s.p[i]);
	}
	return ok;
}

#endif
