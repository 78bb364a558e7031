/* Hash map from strings to pointers: see map.h.
 *
 * Invariants: `used` entries are filled, `n` of them live; every filled entry took exactly one slot of `index`, slots
 * are never taken twice, and slots >= 2 * cap, so a probe always meets an empty slot. Entries move only in grow(). */
#include "base/map.h"

#include <stdlib.h>

enum { FIRST_CAP = 8 };

void map_init(struct map *m, struct arena *arena)
{
	*m = (struct map){.arena = arena};
}

void map_free(struct map *m)
{
	ASSERT(m->n <= m->used && m->used <= m->cap);
	if (m->arena == NULL) {
		free(m->entries);
		free(m->index);
	}
	*m = (struct map){.arena = m->arena};
}

static void *take(struct map *m, size_t size, size_t n)
{
	ASSERT(size > 0 && n > 0);
	if (m->arena != NULL)
		return arena_alloc_array(m->arena, size, n);
	void *p = calloc(n, size);
	if (p == NULL)
		die("out of memory (%zu bytes)", size * n);
	return p;
}

/* Never reuses a slot that held a deleted entry: a probe for a key that came later must still pass it. grow()
 * clears them. */
static void index_add(struct map *m, size_t entry)
{
	ASSERT(m->slots > 0 && (m->slots & (m->slots - 1)) == 0 && entry < m->cap);
	size_t mask = m->slots - 1, at = str_hash(m->entries[entry].key) & mask;
	while (m->index[at] != 0)
		at = (at + 1) & mask;
	m->index[at] = (uint32_t)(entry + 1);
}

/* Close the holes, double when at least half is live, and build the index again. */
static void grow(struct map *m)
{
	struct map_entry *old = m->entries;
	ASSERT(m->used == m->cap && m->n <= m->used);
	if (m->n * 2 >= m->cap) {
		size_t cap = m->cap > 0 ? m->cap * 2 : FIRST_CAP;
		if (cap >= UINT32_MAX / 4)
			die("a map of %zu entries", m->n);
		m->entries = take(m, sizeof *m->entries, cap);
		if (m->arena == NULL)
			free(m->index);
		m->index = take(m, sizeof *m->index, cap * 2);
		m->cap = cap;
		m->slots = cap * 2;
	} else {
		memset(m->index, 0, m->slots * sizeof *m->index);
	}
	size_t live = 0;
	for (size_t i = 0; i < m->used; i++)
		if (old[i].value != NULL)
			m->entries[live++] = old[i];
	ASSERT(live == m->n && live < m->cap);
	if (old != m->entries && m->arena == NULL)
		free(old);
	m->used = live;
	for (size_t i = 0; i < live; i++)
		index_add(m, i);
}

/* The slot that points at the entry of this key, or SIZE_MAX. */
static size_t slot_of(const struct map *m, struct str key)
{
	if (m->n == 0)
		return SIZE_MAX;
	size_t mask = m->slots - 1;
	for (size_t at = str_hash(key) & mask; m->index[at] != 0; at = (at + 1) & mask) {
		if (m->index[at] == UINT32_MAX)
			continue;
		ASSERT(m->index[at] <= m->used);
		if (str_eq(m->entries[m->index[at] - 1].key, key))
			return at;
	}
	return SIZE_MAX;
}

void *map_get(const struct map *m, struct str key)
{
	ASSERT(m->n <= m->used);
	size_t slot = slot_of(m, key);
	return slot == SIZE_MAX ? NULL : m->entries[m->index[slot] - 1].value;
}

void *map_put(struct map *m, struct str key, void *value)
{
	ASSERT(value != NULL);
	size_t slot = slot_of(m, key);
	if (slot != SIZE_MAX) {
		struct map_entry *e = &m->entries[m->index[slot] - 1];
		void *was = e->value;
		e->value = value;
		return was;
	}
	if (m->used == m->cap)
		grow(m);
	ASSERT(m->n <= m->used && m->used < m->cap && m->slots >= 2 * m->cap);
	m->entries[m->used] = (struct map_entry){key, value};
	index_add(m, m->used);
	m->used++;
	m->n++;
	return NULL;
}

/* The entry stays as a hole, so that those behind it keep their numbers and an iteration its place. */
void *map_del(struct map *m, struct str key)
{
	size_t slot = slot_of(m, key);
	if (slot == SIZE_MAX)
		return NULL;
	struct map_entry *e = &m->entries[m->index[slot] - 1];
	void *was = e->value;
	ASSERT(was != NULL && m->n > 0);
	*e = (struct map_entry){STR_NONE, NULL};
	m->index[slot] = UINT32_MAX;
	m->n--;
	return was;
}

struct map_entry *map_next(const struct map *m, size_t *at)
{
	ASSERT(m->n <= m->used && m->used <= m->cap);
	while (*at < m->used) {
		struct map_entry *e = &m->entries[(*at)++];
		if (e->value != NULL)
			return e;
	}
	return NULL;
}
