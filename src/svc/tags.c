/* Tags: see tags.h. Pure but for tags_conditions, which reads the call's input by its shapes.
 *
 * What always holds: a set that tags_put has made has each key once (in any case, where the rules say so) and at most
 * rules->max of them. */
#include "svc/tags.h"

#include "svc/service.h"

static bool same_key(struct str a, struct str b, bool nocase) { return nocase ? str_eq_nocase(a, b) : str_eq(a, b); }

static struct tag *find(const struct tags *in, struct str key, bool nocase)
{
	for (uint32_t i = 0; i < in->n; i++)
		if (same_key(in->v[i].key, key, nocase))
			return &in->v[i];
	return NULL;
}

static enum tags_fault fault_of(struct tags more, const struct tags_rules *rules, struct str *culprit)
{
	for (uint32_t i = 0; i < more.n; i++) {
		const struct tags before = {more.v, i};
		*culprit = more.v[i].key;
		if (!rules->reserved && str_starts_nocase(*culprit, S("aws:")))
			return TAGS_RESERVED;
		if (find(&before, *culprit, rules->nocase) != NULL)
			return TAGS_TWICE;
	}
	*culprit = STR_NONE;
	return TAGS_OK;
}

struct str tags_culprit(struct tags more, const struct tags_rules *rules)
{
	struct str key;
	(void)fault_of(more, rules, &key);
	return key;
}

enum tags_fault tags_put(struct arena *a, struct tags *have, struct tags more, const struct tags_rules *rules)
{
	struct str key;
	enum tags_fault fault = fault_of(more, rules, &key);
	ASSERT(rules->max > 0 && (have->n == 0 || have->v != NULL));
	if (fault != TAGS_OK)
		return fault;
	struct tags all = {arena_array(a, struct tag, have->n + more.n), have->n};
	if (have->n > 0)
		memcpy(all.v, have->v, have->n * sizeof *all.v);
	for (uint32_t i = 0; i < more.n; i++) {
		struct tag *there = find(&all, more.v[i].key, rules->nocase);
		*(there != NULL ? there : &all.v[all.n++]) = more.v[i];
	}
	ASSERT(all.n >= have->n && all.n <= have->n + more.n);
	if (all.n > rules->max)
		return TAGS_TOO_MANY;
	*have = all;
	return TAGS_OK;
}

void tags_drop(struct tags *have, const struct list *keys, bool nocase)
{
	ASSERT(have != NULL && keys != NULL);
	uint32_t n = 0;
	ASSERT(have->n == 0 || have->v != NULL);
	for (uint32_t i = 0; i < have->n; i++) {
		bool gone = false;
		for (uint32_t k = 0; k < keys->n && !gone; k++)
			gone = same_key(have->v[i].key, *LIST_AT(*keys, struct str, k), nocase);
		if (!gone)
			have->v[n++] = have->v[i];
	}
	ASSERT(n <= have->n);
	have->n = n;
}

/* ---- condition keys ---- */

/* Is it a structure of two texts, the first of them first in memory? */
static bool is_pair(const struct shape *s)
{
	if (s->type != SHAPE_STRUCT || s->n_members != 2)
		return false;
	for (uint16_t i = 0; i < 2; i++)
		if (s->members[i].shape->type != SHAPE_STRING || s->members[i].offset != (str_eq_nocase(str_c(s->members[i].name), S("key"))
			? offsetof(struct tag, key) : offsetof(struct tag, value)))
			return false;
	return true;
}

/* What the input says: tags to put, and names of tags to take away. */
static void input_tags(struct call *c, struct tags *put, struct list *gone)
{
	const struct shape *s = c->op != NULL && c->op->model != NULL ? c->op->model->input : NULL;
	*put = (struct tags){0};
	*gone = (struct list){0};
	for (uint16_t i = 0; s != NULL && i < s->n_members; i++) {
		const struct member *m = &s->members[i];
		if (!str_eq_nocase(str_c(m->name), S("tags")) && !str_eq_nocase(str_c(m->name), S("tagkeys")))
			continue;
		const void *at = (const char *)c->in + m->offset;
		if (m->shape->type == SHAPE_LIST && m->shape->item->shape->type == SHAPE_STRING)
			*gone = *(const struct list *)at;
		else if (m->shape->type == SHAPE_LIST && is_pair(m->shape->item->shape))
			*put = (struct tags){((const struct list *)at)->v, ((const struct list *)at)->n};
		else if (m->shape->type == SHAPE_MAP && m->shape->item->shape->type == SHAPE_STRING)
			*put = (struct tags){((const struct map_of *)at)->v, ((const struct map_of *)at)->n};
	}
}

static size_t add_keys(struct arena *a, struct condition_key *keys, size_t n, const char *prefix, struct tags tags)
{
	ASSERT(keys != NULL && prefix != NULL);
	for (uint32_t i = 0; i < tags.n; i++)
		keys[n++] = (struct condition_key){arena_printf(a, "%s/%.*s", prefix, STR_ARG(tags.v[i].key)), &tags.v[i].value, 1};
	return n;
}

void tags_conditions(struct call *c, struct access_extra *x, struct tags resource)
{
	struct tags put;
	struct list gone;
	if (c->who->type == PRINCIPAL_ROOT && x->resource_policy.n == 0)
		return;
	input_tags(c, &put, &gone);
	size_t names = put.n + gone.n, n = x->n_keys;
	if (names + resource.n == 0)
		return;
	struct condition_key *keys = arena_array(c->arena, struct condition_key, n + put.n + resource.n + 1);
	if (n > 0)
		memcpy(keys, x->keys, n * sizeof *keys);
	n = add_keys(c->arena, keys, n, "aws:RequestTag", put);
	n = add_keys(c->arena, keys, n, "aws:ResourceTag", resource);
	if (names > 0) {
		struct str *all = arena_array(c->arena, struct str, names);
		for (uint32_t i = 0; i < names; i++)
			all[i] = i < put.n ? put.v[i].key : *LIST_AT(gone, struct str, i - put.n);
		keys[n++] = (struct condition_key){S("aws:TagKeys"), all, names};
	}
	ASSERT(n <= x->n_keys + put.n + resource.n + 1);
	x->keys = keys;
	x->n_keys = n;
}
