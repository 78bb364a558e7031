/* A hash map from strings to pointers. Keys are not copied: they must outlive their entry.
 *
 * Heap memory (arena NULL) or an arena's. Iteration order is the order of insertion, deletions aside. */
#ifndef TSUBO_MAP_H
#define TSUBO_MAP_H

#include "base/arena.h"

struct map_entry {
	struct str key;
	void *value; /* NULL: deleted */
};

struct map {
	struct arena *arena;
	struct map_entry *entries; /* in order of insertion, with holes */
	uint32_t *index;           /* open addressing: entry number + 1, 0 empty, UINT32_MAX deleted */
	size_t n, used, cap, slots;
};

void map_init(struct map *m, struct arena *arena);
void map_free(struct map *m);
/* The value, or NULL. */
void *map_get(const struct map *m, struct str key);
/* Set key to value (not NULL). Returns the value that was there, or NULL. The old key's bytes are kept. */
void *map_put(struct map *m, struct str key, void *value);
/* Remove; returns the value that was there, or NULL. */
void *map_del(struct map *m, struct str key);
static inline size_t map_count(const struct map *m) { return m->n; }
/* Iterate: size_t at = 0; while ((e = map_next(&m, &at)) != NULL). Deleting the current entry is allowed. */
struct map_entry *map_next(const struct map *m, size_t *at);

#endif
