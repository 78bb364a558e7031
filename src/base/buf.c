/* Bounded growing buffers: see buf.h.
 *
 * Invariants: n <= cap <= max; bytes beyond n are nobody's; once `overflow` is set nothing grows any more, and a
 * buffer that has overflowed is only good for being cleared or freed. */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

void buf_init(struct buf *b, struct arena *arena, size_t max)
{
	*b = (struct buf){.arena = arena, .max = max > 0 ? max : SIZE_MAX / 2};
}

void buf_free(struct buf *b)
{
	ASSERT(b->n <= b->cap);
	if (b->arena == NULL)
		free(b->p);
	b->p = NULL;
	b->n = b->cap = 0;
}

bool buf_reserve(struct buf *b, size_t n)
{
	ASSERT(b->n <= b->cap && b->cap <= b->max);
	if (n <= b->cap - b->n)
		return true;
	if (b->overflow || n > b->max - b->n) {
		b->overflow = true;
		return false;
	}
	size_t want = b->cap * 2 > 256 ? b->cap * 2 : 256;
	if (want < b->n + n)
		want = b->n + n;
	if (want > b->max)
		want = b->max;
	if (b->arena != NULL) {
		char *fresh = arena_bytes(b->arena, want);
		if (b->n > 0)
			memcpy(fresh, b->p, b->n);
		b->p = fresh;
	} else {
		char *fresh = realloc(b->p, want);
		if (fresh == NULL)
			die("out of memory (%zu bytes)", want);
		b->p = fresh;
	}
	b->cap = want;
	ASSERT(n <= b->cap - b->n && b->cap <= b->max);
	return true;
}

/* Out of line, so that the inlined buf_put is a compare and a copy. */
bool buf_put_slow(struct buf *b, const void *p, size_t n)
{
	if (!buf_reserve(b, n))
		return false;
	memcpy(b->p + b->n, p, n);
	b->n += n;
	return true;
}

/* Most texts fit the small array and are copied once; a long one is formatted again, straight into the buffer. */
void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char small[256];
	va_start(ap, fmt);
	int n = vsnprintf(small, sizeof small, fmt, ap);
	va_end(ap);
	ASSERT(n >= 0);
	if ((size_t)n < sizeof small) {
		buf_put(b, small, (size_t)n);
		return;
	}
	if (!buf_reserve(b, (size_t)n + 1))
		return;
	va_start(ap, fmt);
	vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)n;
}

void buf_u64(struct buf *b, uint64_t v)
{
	char text[20];
	size_t at = sizeof text;
	do {
		text[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	buf_put(b, text + at, sizeof text - at);
}

void buf_be32(struct buf *b, uint32_t v)
{
	const unsigned char bytes[4] = {(unsigned char)(v >> 24), (unsigned char)(v >> 16), (unsigned char)(v >> 8), (unsigned char)v};
	buf_put(b, bytes, sizeof bytes);
}

struct str counted_take(struct str *rest)
{
	uint32_t n;
	ASSERT(rest->n >= sizeof n);
	memcpy(&n, rest->p, sizeof n);
	ASSERT(n <= rest->n - sizeof n);
	struct str s = str_of(rest->p + sizeof n, n);
	*rest = str_of(s.p + n, rest->n - sizeof n - n);
	return s;
}

void buf_i64(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_putc(b, '-');
	buf_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void buf_consume(struct buf *b, size_t n)
{
	ASSERT(n <= b->n && b->n <= b->cap);
	if (n == 0) /* also a buffer that never had memory */
		return;
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}
