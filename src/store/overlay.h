/* What the running group has written so far: sorted, with every version kept until the group ends.
 *
 * A skip list of keys; each key has a chain of versions, newest first, and each version a stamp. Taking writes back
 * pops versions (one step a write, nothing is rebuilt); keys stay in the list without a version. So a cursor
 * into the list stays valid whatever is written while it is open, and a scan reads the versions as of its own start.
 * One thread only, the store's writer. Nothing here touches the disk. */
#ifndef TSUBO_STORE_OVERLAY_H
#define TSUBO_STORE_OVERLAY_H

#include "base/arena.h"

enum { OVERLAY_HEIGHT = 12 };

struct version {
	struct version *older;
	uint64_t stamp;   /* the group's writes are numbered from 1 */
	bool deleted, apart; /* apart: see pack.h */
	struct str value; /* in the overlay's arena */
};

struct node {
	struct str key; /* in the overlay's arena */
	struct version *newest; /* NULL: all of its writes were taken back */
	struct node *prev; /* on the lowest level; the head for the first */
	struct node *next[]; /* height pointers */
};

struct overlay {
	struct arena *arena;
	struct node *head; /* holds no key */
	struct node *last; /* NULL when empty */
	struct node **undo; /* the keys written, in order: one entry for each live version */
	size_t n_undo, cap_undo;
	uint64_t stamp; /* of the newest write */
	bool any_apart; /* some version was, though it may have been taken back */
	uint64_t seed;
	int height;
};

void overlay_init(struct overlay *o);
void overlay_free(struct overlay *o);
/* Forget everything: the group is over. */
void overlay_clear(struct overlay *o);
/* Key and value are copied. `deleted` writes a tombstone (value is ignored). */
void overlay_write(struct overlay *o, struct str key, struct str value, bool deleted);
/* The same, of a value apart; room for its n bytes, to be filled by the caller. */
char *overlay_write_apart(struct overlay *o, struct str key, size_t n, bool deleted);
/* A mark to come back to, and coming back: the writes since then vanish. */
static inline size_t overlay_mark(const struct overlay *o) { return o->n_undo; }
void overlay_rollback(struct overlay *o, size_t mark);
/* The newest version of a key; NULL when the group did not write it. */
const struct version *overlay_find(const struct overlay *o, struct str key);
/* First key >= / last key < the given one; an absent key means first of all / last of all. NULL: none. */
const struct node *overlay_at_least(const struct overlay *o, struct str key);
const struct node *overlay_before(const struct overlay *o, struct str key);
static inline const struct node *overlay_next(const struct node *n) { return n->next[0]; }
static inline const struct node *overlay_prev(const struct overlay *o, const struct node *n)
{
	return n->prev == o->head ? NULL : n->prev;
}
/* What a scan started at `stamp` sees of a key: NULL for what lies below the overlay. A key deleted since is
 * given as deleted: it must not be seen again. */
const struct version *overlay_as_of(const struct node *n, uint64_t stamp);

#endif
