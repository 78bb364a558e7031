/* A growing byte buffer with a maximum.
 *
 * Past the maximum nothing more is stored and `overflow` stays set: check it once, at the end. The bytes
 * belong to the arena given at start, or to the heap (then buf_free). */
#ifndef TSUBO_BUF_H
#define TSUBO_BUF_H

#include "base/arena.h"

struct buf {
	char *p;
	size_t n, cap, max;
	struct arena *arena; /* NULL: heap */
	bool overflow;
};

/* An empty buffer of at most max bytes (0: no bound but memory; only for output of known size). */
void buf_init(struct buf *b, struct arena *arena, size_t max);
/* Free a heap buffer's bytes and make it empty; on an arena's only makes it empty. */
void buf_free(struct buf *b);
static inline void buf_clear(struct buf *b) { b->n = 0; b->overflow = false; }
/* Make room for n more bytes: false (and overflow) when the maximum forbids it. */
bool buf_reserve(struct buf *b, size_t n);
bool buf_put_slow(struct buf *b, const void *p, size_t n);
/* As memcpy. A few bytes, which most names and values are, go in two moves that may overlap: a call costs more than that. */
static inline void copy_bytes(char *to, const char *from, size_t n)
{
	uint64_t first, last;
	if (n > 2 * sizeof first) {
		memcpy(to, from, n);
	} else if (n >= 8) {
		memcpy(&first, from, 8);
		memcpy(&last, from + n - 8, 8);
		memcpy(to, &first, 8);
		memcpy(to + n - 8, &last, 8);
	} else if (n >= 4) {
		memcpy(&first, from, 4);
		memcpy(&last, from + n - 4, 4);
		memcpy(to, &first, 4);
		memcpy(to + n - 4, &last, 4);
	} else {
		for (size_t i = 0; i < n; i++)
			to[i] = from[i];
	}
}
static inline void buf_put(struct buf *b, const void *p, size_t n)
{
	if (LIKELY(n <= b->cap - b->n)) {
		if (n > 0)
			memcpy(b->p + b->n, p, n);
		b->n += n;
	} else {
		(void)buf_put_slow(b, p, n);
	}
}
static inline void buf_putc(struct buf *b, char c) { buf_put(b, &c, 1); }
static inline void buf_str(struct buf *b, struct str s)
{
	if (s.n == 0)
		return;
	if (LIKELY(s.n <= b->cap - b->n)) {
		copy_bytes(b->p + b->n, s.p, s.n);
		b->n += s.n;
	} else {
		(void)buf_put_slow(b, s.p, s.n);
	}
}
#define buf_lit(b, lit) buf_put((b), (lit), sizeof(lit) - 1)
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_u64(struct buf *b, uint64_t v);
void buf_be32(struct buf *b, uint32_t v); /* four bytes, the highest first */
void buf_i64(struct buf *b, int64_t v);
/* A text with its length before it, in four bytes as the machine has them: for what only this program reads. */
static inline void buf_counted(struct buf *b, struct str s)
{
	uint32_t n = (uint32_t)s.n;
	ASSERT(n == s.n);
	buf_put(b, &n, sizeof n);
	buf_str(b, s);
}
/* The same taken from the front of *rest, as a view into it. Bytes that are none are an ASSERT. */
struct str counted_take(struct str *rest);
/* Drop n bytes from the front. */
void buf_consume(struct buf *b, size_t n);
static inline struct str buf_view(const struct buf *b) { return (struct str){b->p != NULL ? b->p : "", b->n}; }

#endif
