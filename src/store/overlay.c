/* The group's writes in memory. See overlay.h.
 *
 * Invariants: the list is in byte order without doubles; stamps fall along each version chain; n_undo is the number
 * of versions that exist; nothing is freed before overlay_clear. */
#include "store/overlay.h"

#include <stdlib.h>

enum { ARENA_FIRST = 64 << 10, UNDO_FIRST = 64, UNDO_KEPT = 1 << 16 };

static struct node *node_new(struct overlay *o, struct str key, int height)
{
	ASSERT(height > 0 && height <= OVERLAY_HEIGHT);
	struct node *n = arena_alloc(o->arena, sizeof *n + (size_t)height * sizeof n->next[0]);
	n->key = arena_dup(o->arena, key);
	return n;
}

static void start(struct overlay *o)
{
	o->head = node_new(o, STR_NONE, OVERLAY_HEIGHT);
	o->last = NULL;
	o->n_undo = 0;
	o->stamp = 0;
	o->any_apart = false;
	o->height = 1;
}

void overlay_init(struct overlay *o)
{
	memset(o, 0, sizeof *o);
	o->arena = arena_new(ARENA_FIRST);
	o->seed = 0x9e3779b97f4a7c15u;
	start(o);
}

void overlay_free(struct overlay *o)
{
	arena_free(o->arena);
	free(o->undo);
	memset(o, 0, sizeof *o);
}

void overlay_clear(struct overlay *o)
{
	if (o->stamp == 0)
		return;
	if (o->cap_undo > UNDO_KEPT) {
		free(o->undo);
		o->undo = NULL;
		o->cap_undo = 0;
	}
	arena_reset(o->arena);
	start(o);
}

/* Each level holds a quarter of the one below. */
static int random_height(struct overlay *o)
{
	o->seed ^= o->seed << 13;
	o->seed ^= o->seed >> 7;
	o->seed ^= o->seed << 17;
	int height = 1;
	for (uint64_t bits = o->seed; height < OVERLAY_HEIGHT && (bits & 3) == 0; bits >>= 2)
		height++;
	return height;
}

/* The last node before `key` on each level. Returns the first node at or after it. */
static struct node *descend(const struct overlay *o, struct str key, struct node **before)
{
	struct node *n = o->head;
	for (int level = o->height - 1; level >= 0; level--) {
		while (n->next[level] != NULL && str_cmp(n->next[level]->key, key) < 0)
			n = n->next[level];
		if (before != NULL)
			before[level] = n;
	}
	return n->next[0];
}

static struct node *insert(struct overlay *o, struct str key, struct node **before)
{
	int height = random_height(o);
	for (; o->height < height; o->height++)
		before[o->height] = o->head;
	struct node *n = node_new(o, key, height);
	for (int level = 0; level < height; level++) {
		n->next[level] = before[level]->next[level];
		before[level]->next[level] = n;
	}
	n->prev = before[0];
	if (n->next[0] != NULL)
		n->next[0]->prev = n;
	else
		o->last = n;
	return n;
}

static struct version *version_new(struct overlay *o, struct str key, bool deleted)
{
	ASSERT(key.p != NULL);
	struct node *before[OVERLAY_HEIGHT];
	struct node *n = descend(o, key, before);
	if (n == NULL || !str_eq(n->key, key))
		n = insert(o, key, before);
	struct version *v = arena_new_of(o->arena, struct version);
	v->older = n->newest;
	v->stamp = ++o->stamp;
	v->deleted = deleted;
	v->apart = false;
	v->value = STR_NONE;
	ASSERT(v->older == NULL || v->older->stamp < v->stamp);
	n->newest = v;
	if (o->n_undo == o->cap_undo) {
		o->cap_undo = o->cap_undo > 0 ? o->cap_undo * 2 : UNDO_FIRST;
		o->undo = realloc(o->undo, o->cap_undo * sizeof(struct node *));
		if (o->undo == NULL)
			die("out of memory");
	}
	o->undo[o->n_undo++] = n;
	return v;
}

void overlay_write(struct overlay *o, struct str key, struct str value, bool deleted)
{
	struct version *v = version_new(o, key, deleted);
	if (!deleted)
		v->value = arena_dup(o->arena, value);
}

char *overlay_write_apart(struct overlay *o, struct str key, size_t n, bool deleted)
{
	struct version *v = version_new(o, key, deleted);
	ASSERT(!deleted || n == 0);
	v->apart = o->any_apart = true;
	if (deleted)
		return NULL;
	char *room = arena_bytes(o->arena, n);
	v->value = str_of(room, n);
	return room;
}

void overlay_rollback(struct overlay *o, size_t mark)
{
	ASSERT(mark <= o->n_undo);
	while (o->n_undo > mark) {
		struct node *n = o->undo[--o->n_undo];
		ASSERT(n->newest != NULL);
		n->newest = n->newest->older;
	}
}

const struct version *overlay_find(const struct overlay *o, struct str key)
{
	if (o->last == NULL)
		return NULL;
	struct node *n = descend(o, key, NULL);
	return n != NULL && str_eq(n->key, key) ? n->newest : NULL;
}

const struct node *overlay_at_least(const struct overlay *o, struct str key)
{
	return str_present(key) ? descend(o, key, NULL) : o->head->next[0];
}

const struct node *overlay_before(const struct overlay *o, struct str key)
{
	struct node *after = str_present(key) ? descend(o, key, NULL) : NULL;
	return after != NULL ? overlay_prev(o, after) : o->last;
}

const struct version *overlay_as_of(const struct node *n, uint64_t stamp)
{
	const struct version *v = n->newest;
	if (v == NULL || v->deleted)
		return v;
	while (v != NULL && v->stamp > stamp)
		v = v->older;
	return v;
}
