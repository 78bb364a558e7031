/* Arenas: a chain of blocks, bump allocation, clean-ups run in reverse. See arena.h.
 *
 * Large blocks go round among all arenas, the one freed last first: memory that went back to the system with each large
 * answer would be paid for, page by page, at the next, which takes longer than making the answer.
 *
 * Invariants: `block` is the newest block; its free space is [used, size). Only the newest allocation of the
 * newest block can grow in place. Large requests get a block of their own behind the newest one. */
#include "base/arena.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct block {
	struct block *next; /* older */
	size_t size, used;
	_Alignas(16) char data[];
};

struct cleanup {
	struct cleanup *next;
	void (*fn)(void *);
	void *arg;
};

struct arena {
	struct block *block, *first;
	struct cleanup *cleanups;
	size_t total;
};

enum {
	FIRST_BLOCK = 4096, MAX_BLOCK = 1 << 20, ALIGN = 16,
	SPARE_MIN_BITS = 16, SPARE_KINDS = 5, /* of 64 KB, 128 KB, ... 1 MB, in all */
	SPARE_BYTES_MAX = 8 << 20,            /* all of them together */
};

static struct {
	pthread_mutex_t lock;
	struct block *free[SPARE_KINDS];
	size_t bytes;
} spare = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t spare_size(unsigned kind) { return ((size_t)1 << (SPARE_MIN_BITS + kind)) - sizeof(struct block); }

/* Which of the sizes that go round a block of so many bytes is made in; SPARE_KINDS: in none. */
static unsigned kind_of(size_t size)
{
#ifdef __SANITIZE_ADDRESS__
	return SPARE_KINDS; /* freed, so that a late use is seen */
#endif
	unsigned kind = 0;
	if (size <= spare_size(0) / 2)
		return SPARE_KINDS;
	while (kind < SPARE_KINDS && size > spare_size(kind))
		kind++;
	return kind;
}

static struct block *spare_take(unsigned kind)
{
	ASSERT(kind < SPARE_KINDS);
	pthread_mutex_lock(&spare.lock);
	struct block *b = spare.free[kind];
	if (b != NULL) {
		spare.free[kind] = b->next;
		spare.bytes -= b->size;
	}
	pthread_mutex_unlock(&spare.lock);
	return b;
}

static bool spare_give(struct block *b, unsigned kind)
{
	ASSERT(kind < SPARE_KINDS && b->size == spare_size(kind));
	pthread_mutex_lock(&spare.lock);
	bool room = spare.bytes + b->size <= SPARE_BYTES_MAX;
	if (room) {
		b->next = spare.free[kind];
		spare.free[kind] = b;
		spare.bytes += b->size;
	}
	pthread_mutex_unlock(&spare.lock);
	return room;
}

/* A block from the heap. Running out of memory is the end: what may come in is bounded long before, so here it
 * says that the bounds are wrong or the machine is too small, and half a request is worth nothing. */
static struct block *block_new(size_t size)
{
	ASSERT(size > 0 && size <= SIZE_MAX - sizeof(struct block));
	unsigned kind = kind_of(size);
	if (kind < SPARE_KINDS)
		size = spare_size(kind);
	struct block *b = kind < SPARE_KINDS ? spare_take(kind) : NULL;
	if (b == NULL)
		b = malloc(sizeof *b + size);
	if (b == NULL)
		die("out of memory (%zu bytes)", size);
	b->next = NULL;
	b->size = size;
	b->used = 0;
	return b;
}

static void block_free(struct block *b)
{
	ASSERT(b->used <= b->size);
	unsigned kind = kind_of(b->size);
	if (kind >= SPARE_KINDS || b->size != spare_size(kind) || !spare_give(b, kind))
		free(b);
}

struct arena *arena_new(size_t size_hint)
{
	size_t size = size_hint > 0 ? size_hint : FIRST_BLOCK;
	struct arena *a = malloc(sizeof *a);
	if (a == NULL)
		die("out of memory");
	a->block = a->first = block_new(size);
	a->cleanups = NULL;
	a->total = 0;
	return a;
}

/* Newest first, and taken off the list before it is run: a clean-up may defer another. */
static void run_cleanups(struct arena *a)
{
	while (a->cleanups != NULL) {
		struct cleanup *c = a->cleanups;
		a->cleanups = c->next;
		c->fn(c->arg);
	}
}

static void free_blocks_except(struct arena *a, struct block *keep)
{
	ASSERT(a->block != NULL && a->first != NULL);
	struct block *b = a->block;
	while (b != NULL) {
		struct block *next = b->next;
		if (b != keep)
			block_free(b);
		b = next;
	}
}

void arena_free(struct arena *a)
{
	ASSERT(a == NULL || a->first != NULL);
	if (a == NULL)
		return;
	run_cleanups(a);
	free_blocks_except(a, NULL);
	free(a);
}

void arena_reset(struct arena *a)
{
	run_cleanups(a);
	free_blocks_except(a, a->first);
	a->block = a->first;
	a->first->next = NULL;
	a->first->used = 0;
	a->total = 0;
	ASSERT(a->cleanups == NULL && a->block == a->first); /* a clean-up that defers another would be lost */
}

/* The one way bytes leave an arena. A request that is large against the blocks gets one of its own behind the
 * newest, so that the room left in the newest is not given up for it. */
static void *take(struct arena *a, size_t size, size_t align)
{
	struct block *b = a->block;
	size_t at = (b->used + align - 1) & ~(align - 1);
	if (LIKELY(at <= b->size && size <= b->size - at)) {
		b->used = at + size;
		a->total += size;
		return b->data + at;
	}
	if (size > (SIZE_MAX >> 2))
		die("allocation of %zu bytes", size);
	size_t next = b->size * 2 < MAX_BLOCK ? b->size * 2 : MAX_BLOCK;
	struct block *fresh = block_new(size > next / 2 ? size : next);
	if (size > next / 2) { /* a block of its own, behind the newest, which keeps its room */
		fresh->next = b->next;
		b->next = fresh;
	} else {
		fresh->next = b;
		a->block = fresh;
	}
	fresh->used = size;
	a->total += size;
	return fresh->data;
}

void *arena_alloc(struct arena *a, size_t size)
{
	void *p = take(a, size, ALIGN);
	memset(p, 0, size);
	return p;
}

char *arena_bytes(struct arena *a, size_t size) { return take(a, size, 1); }

void *arena_alloc_array(struct arena *a, size_t size, size_t n)
{
	size_t bytes;
	if (__builtin_mul_overflow(size, n, &bytes))
		die("allocation of %zu elements of %zu bytes", n, size);
	return arena_alloc(a, bytes);
}

/* In place only for the newest allocation, which is what arrays that grow in a loop mostly are; else the old bytes
 * stay until the arena goes. */
void *arena_grow(struct arena *a, void *old, size_t size, size_t old_n, size_t new_n)
{
	ASSERT(a != NULL && size > 0 && (old != NULL || old_n == 0));
	ASSERT(new_n >= old_n);
	size_t old_bytes = size * old_n, new_bytes;
	if (__builtin_mul_overflow(size, new_n, &new_bytes))
		die("allocation of %zu elements of %zu bytes", new_n, size);
	struct block *b = a->block;
	char *at = old;
	if (at != NULL && at >= b->data && at + old_bytes == b->data + b->used &&
	    new_bytes - old_bytes <= b->size - b->used) {
		memset(at + old_bytes, 0, new_bytes - old_bytes);
		b->used += new_bytes - old_bytes;
		a->total += new_bytes - old_bytes;
		return old;
	}
	char *fresh = take(a, new_bytes, ALIGN);
	if (old_bytes > 0)
		memcpy(fresh, old, old_bytes);
	memset(fresh + old_bytes, 0, new_bytes - old_bytes);
	return fresh;
}

struct str arena_lower(struct arena *a, struct str s)
{
	char *p = arena_bytes(a, s.n + 1);
	for (size_t i = 0; i < s.n; i++)
		p[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + 32 : s.p[i]);
	return str_of(p, s.n);
}

struct str arena_dup(struct arena *a, struct str s)
{
	if (s.p == NULL)
		return s;
	char *p = arena_bytes(a, s.n + 1);
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return str_of(p, s.n);
}

const char *arena_cstr(struct arena *a, struct str s)
{
	return s.p == NULL ? "" : arena_dup(a, s).p;
}

/* Measured first, then written: va_list is used up by the first pass, hence the copy. */
struct str arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	ASSERT(a != NULL && fmt != NULL);
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	ASSERT(n >= 0);
	char *p = arena_bytes(a, (size_t)n + 1);
	vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return str_of(p, (size_t)n);
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str s = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return s;
}

struct str arena_concat(struct arena *a, const struct str *parts, size_t n)
{
	ASSERT(n == 0 || parts != NULL);
	size_t total = 0;
	for (size_t i = 0; i < n; i++)
		total += parts[i].n;
	char *p = arena_bytes(a, total + 1), *at = p;
	for (size_t i = 0; i < n; i++) {
		if (parts[i].n > 0)
			memcpy(at, parts[i].p, parts[i].n);
		at += parts[i].n;
	}
	*at = '\0';
	ASSERT(at == p + total);
	return str_of(p, total);
}

void arena_defer(struct arena *a, void (*fn)(void *arg), void *arg)
{
	ASSERT(fn != NULL);
	struct cleanup *c = arena_new_of(a, struct cleanup);
	c->fn = fn;
	c->arg = arg;
	c->next = a->cleanups;
	a->cleanups = c;
}

struct arena *arena_pool_take(struct arena_pool *p)
{
	ASSERT(p->block > 0 && p->n <= ARENA_POOL_MAX);
	return p->n > 0 ? p->spare[--p->n] : arena_new(p->block);
}

void arena_pool_give(struct arena_pool *p, struct arena *a)
{
	ASSERT(a != NULL && a->first->size >= p->block);
#ifdef __SANITIZE_ADDRESS__
	bool full = true; /* freed, so that a late use is seen */
#else
	bool full = p->n == ARENA_POOL_MAX;
#endif
	if (full) {
		arena_free(a);
		return;
	}
	arena_reset(a);
	p->spare[p->n++] = a;
}

void arena_pool_free(struct arena_pool *p)
{
	while (p->n > 0)
		arena_free(p->spare[--p->n]);
}

size_t arena_used(const struct arena *a) { return a->total; }
