/* An arena: memory of one request, freed at once.
 *
 * Not shared between threads at the same time. Allocation cannot fail (the program dies when the
 * machine has no memory): limits are enforced before, where input comes in. */
#ifndef TSUBO_ARENA_H
#define TSUBO_ARENA_H

#include "base/base.h"
#include "base/str.h"

#include <stdarg.h>

struct arena;

/* A new arena; size_hint is the first block's size in bytes (0: 4 KiB). */
struct arena *arena_new(size_t size_hint);
/* Run the deferred clean-ups, newest first, and free everything. NULL is allowed. */
void arena_free(struct arena *a);
/* As free and new, but keeps the first block. */
void arena_reset(struct arena *a);
/* size zeroed bytes, aligned for any type. size 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t size);
/* As arena_alloc without zeroing, byte-aligned: for text. */
char *arena_bytes(struct arena *a, size_t size);
#define arena_new_of(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_array(a, type, n) ((type *)arena_alloc_array((a), sizeof(type), (n)))
/* n zeroed elements of size bytes each; dies on overflow. */
void *arena_alloc_array(struct arena *a, size_t size, size_t n);
/* Grow an array from old_n to new_n elements: copies, zeroes the rest; in place when it is the last allocation. */
void *arena_grow(struct arena *a, void *old, size_t size, size_t old_n, size_t new_n);
/* A copy of s, followed by a NUL that is not counted. The absent string stays absent. */
struct str arena_dup(struct arena *a, struct str s);
/* The same as a C string. The absent string gives "". */
const char *arena_cstr(struct arena *a, struct str s);
/* A copy with A-Z as a-z, other bytes as they are: for names that are one in any case. */
struct str arena_lower(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
struct str arena_vprintf(struct arena *a, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
/* The concatenation of n strings. arena_join(a, x, y, z) through the macro. */
struct str arena_concat(struct arena *a, const struct str *parts, size_t n);
#define arena_join(a, ...) \
	arena_concat((a), (const struct str[]){__VA_ARGS__}, sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str))
/* Spare arenas for work that comes again and again, of one thread: taken with at least `block` bytes of first block,
 * given back empty. A zeroed pool with block set is ready. */
enum { ARENA_POOL_MAX = 64 };
struct arena_pool {
	size_t block, n;
	struct arena *spare[ARENA_POOL_MAX];
};
struct arena *arena_pool_take(struct arena_pool *p);
void arena_pool_give(struct arena_pool *p, struct arena *a);
void arena_pool_free(struct arena_pool *p);
/* Run fn(arg) when the arena is freed or reset. */
void arena_defer(struct arena *a, void (*fn)(void *arg), void *arg);
/* Bytes handed out so far, for limits. */
size_t arena_used(const struct arena *a);

#endif
