/* Tags: see tags.h.
 *
 * What always holds: a set that tags_put has made has each key once (in any case, where the rules say so) and at most
 * rules->max of them. */
#include "svc/tags.h"

#include "svc/service.h"

static bool same_key(struct str a, struct str b, bool nocase) { return nocase ? str_eq_nocase(a, b) : str_eq(a, b); }

static struct tag *find(const struct tags *in, struct str key, bool nocase)
{
	ASSERT(in->n == 0 || in->v != NULL);
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

void tags_conditions(struct call *c, struct access_extra *x, struct tags resource)
{
	if (resource.n == 0 || (c->who->type == PRINCIPAL_ROOT && x->resource_policy.n == 0))
		return;
	struct condition_key *keys = arena_array(c->arena, struct condition_key, x->n_keys + resource.n);
	if (x->n_keys > 0)
		memcpy(keys, x->keys, x->n_keys * sizeof *keys);
	for (uint32_t i = 0; i < resource.n; i++)
		keys[x->n_keys++] = (struct condition_key){arena_join(c->arena, S("aws:ResourceTag/"), resource.v[i].key), &resource.v[i].value, 1};
	x->keys = keys;
}
