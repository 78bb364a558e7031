/* The tags that a request brings, as condition keys for every service: aws:RequestTag/<key> and aws:TagKeys.
 *
 * Read from the typed input by its shape: a member "Tags" that is a map of strings or a list of keys and values, or a member
 * "TagKeys" that is a list of strings, in whatever case the model writes them. Source: "AWS global condition context keys". */
#include "svc/task.h"

enum { TAGS_MAX = 200 };

static const struct member *member_named(const struct shape *s, const char *name)
{
	for (size_t i = 0; i < s->n_members; i++)
		if (str_eq_nocase(str_c(member_name(&shape_members(s)[i])), str_c(name)))
			return &shape_members(s)[i];
	return NULL;
}

/* Where a string member lies in a struct; NULL: it has none of that name. */
static const struct str *text_in(const struct shape *s, const void *v, const char *name)
{
	const struct member *m = member_named(s, name);
	return m != NULL && member_shape(m)->type == SHAPE_STRING ? (const struct str *)((const char *)v + m->offset) : NULL;
}

/* The i-th tag of a map or list. false: no such thing. */
static bool tag_at(const struct shape *s, const struct list *l, uint32_t i, const struct str **key, const struct str **value)
{
	if (s->type == SHAPE_MAP) {
		const char *entry = (const char *)l->v + (size_t)i * s->size;
		*key = (const struct str *)entry;
		*value = (const struct str *)(entry + s->value_offset);
		return true;
	}
	const char *item = (const char *)l->v + (size_t)i * item_shape(s)->size;
	*key = text_in(item_shape(s), item, "Key");
	*value = text_in(item_shape(s), item, "Value");
	if (*key == NULL) { /* KMS */
		*key = text_in(item_shape(s), item, "TagKey");
		*value = text_in(item_shape(s), item, "TagValue");
	}
	return *key != NULL && *value != NULL;
}

static bool holds_tags(const struct shape *s)
{
	if (s->type == SHAPE_MAP)
		return item_shape(s)->type == SHAPE_STRING;
	return s->type == SHAPE_LIST && item_shape(s)->type == SHAPE_STRUCT;
}

size_t request_tags(struct call *c, struct condition_key **keys)
{
	const struct shape *in = c->op != NULL && c->op->model != NULL ? model_op_input(c->op->model) : NULL;
	*keys = NULL;
	if (in == NULL || c->in == NULL)
		return 0;
	const struct member *tags = member_named(in, "Tags"), *names = member_named(in, "TagKeys");
	if (names != NULL && member_shape(names)->type == SHAPE_LIST && item_shape(member_shape(names))->type == SHAPE_STRING) {
		const struct list *l = (const struct list *)((const char *)c->in + names->offset);
		*keys = arena_new_of(c->arena, struct condition_key);
		**keys = (struct condition_key){S("aws:TagKeys"), l->v, l->n};
		return l->n > 0;
	}
	if (tags == NULL || !holds_tags(member_shape(tags)))
		return 0;
	const struct list *l = (const struct list *)((const char *)c->in + tags->offset);
	uint32_t n = l->n < TAGS_MAX ? l->n : TAGS_MAX;
	struct condition_key *v = arena_array(c->arena, struct condition_key, n + 1);
	struct str *all = arena_array(c->arena, struct str, n + 1);
	for (uint32_t i = 0; i < n; i++) {
		const struct str *key, *value;
		if (!tag_at(member_shape(tags), l, i, &key, &value) || !str_present(*key))
			return 0;
		v[i] = (struct condition_key){arena_join(c->arena, S("aws:RequestTag/"), *key), value, 1};
		all[i] = *key;
	}
	v[n] = (struct condition_key){S("aws:TagKeys"), all, n};
	*keys = v;
	return n > 0 ? n + 1 : 0;
}
