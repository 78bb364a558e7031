/* Looking things up in the tables, and reaching typed values through them.
 *
 * The tables are constant and agree with the C structures (modelc writes both), so what does not fit is an ASSERT.
 *
 * What always holds: a value pointer fits the shape it is used with; lists and maps have n elements, all of them
 * initialised. */
#include "wire/codec.h"

const struct model_op *model_op_find(const struct model *m, struct str name)
{
	ASSERT(m != NULL);
	size_t lo = 0, hi = m->n_ops;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int r = str_cmp(str_c(model_op_name(&model_ops(m)[mid])), name);
		if (r == 0)
			return &model_ops(m)[mid];
		if (r < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const struct member *shape_member(const struct shape *s, struct str name)
{
	ASSERT(shape_is_struct(s));
	size_t lo = 0, hi = s->n_members;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int r = str_cmp(str_c(member_name(&shape_members(s)[mid])), name);
		if (r == 0)
			return &shape_members(s)[mid];
		if (r < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* Most wire names are the model's own, which are sorted; the few others are looked for one by one. */
const struct member *shape_member_wire(const struct shape *s, struct str wire_name)
{
	ASSERT(shape_is_struct(s) && wire_name.p != NULL);
	const struct member *m = shape_member(s, wire_name);
	if (m != NULL && strcmp(member_name(m), member_wire_name(m)) == 0)
		return m;
	for (size_t i = 0; i < s->n_members; i++)
		if (str_eq(str_c(member_wire_name(&shape_members(s)[i])), wire_name))
			return &shape_members(s)[i];
	return NULL;
}

/* Models spell it "message" and "Message"; XML protocols want it under either. */
const struct member *error_message_member(const struct shape *s)
{
	if (s == NULL || !shape_is_struct(s))
		return NULL;
	for (size_t i = 0; i < s->n_members; i++)
		if (member_shape(&shape_members(s)[i])->type == SHAPE_STRING && str_eq_nocase(str_c(member_name(&shape_members(s)[i])), S("message")))
			return &shape_members(s)[i];
	return NULL;
}

size_t value_size(const struct shape *s)
{
	switch (s->type) {
	case SHAPE_STRUCT:
	case SHAPE_UNION: return s->size;
	case SHAPE_LIST: return sizeof(struct list);
	case SHAPE_MAP: return sizeof(struct map_of);
	case SHAPE_STRING:
	case SHAPE_BLOB:
	case SHAPE_BIG: return sizeof(struct str);
	case SHAPE_BOOL: return sizeof(struct opt_bool);
	case SHAPE_INT: return sizeof(struct opt_i64);
	case SHAPE_FLOAT: return sizeof(struct opt_f64);
	case SHAPE_TIME: return sizeof(struct opt_time);
	case SHAPE_DOCUMENT: return sizeof(struct json *);
	}
	assert_failed("a shape type", __FILE__, __LINE__);
}

bool value_present(const struct shape *s, const void *v)
{
	ASSERT(v != NULL);
	switch (s->type) {
	case SHAPE_STRUCT:
	case SHAPE_UNION: return true;
	case SHAPE_LIST: return ((const struct list *)v)->set;
	case SHAPE_MAP: return ((const struct map_of *)v)->set;
	case SHAPE_STRING:
	case SHAPE_BLOB:
	case SHAPE_BIG: return ((const struct str *)v)->p != NULL;
	case SHAPE_BOOL: return ((const struct opt_bool *)v)->set;
	case SHAPE_INT: return ((const struct opt_i64 *)v)->set;
	case SHAPE_FLOAT: return ((const struct opt_f64 *)v)->set;
	case SHAPE_TIME: return ((const struct opt_time *)v)->set;
	case SHAPE_DOCUMENT: return *(struct json *const *)v != NULL;
	}
	assert_failed("a shape type", __FILE__, __LINE__);
}

/* What is absent is NULL for every type, so that codecs need not know how each says so. */
const void *member_get(const struct member *m, const void *base)
{
	ASSERT(!m->streaming);
	const char *field = (const char *)base + m->offset;
	if (shape_is_struct(member_shape(m)))
		return *(void *const *)(const void *)field;
	return value_present(member_shape(m), field) ? field : NULL;
}

void *member_put(struct arena *a, const struct member *m, void *base)
{
	ASSERT(!m->streaming);
	char *field = (char *)base + m->offset;
	if (!shape_is_struct(member_shape(m)))
		return field;
	void **slot = (void **)(void *)field;
	if (*slot == NULL)
		*slot = arena_alloc(a, member_shape(m)->size);
	return *slot;
}

static uint32_t grown(uint32_t cap)
{
	ASSERT(cap <= UINT32_MAX / 2);
	return cap == 0 ? 4 : cap * 2;
}

/* The old array stays in the arena when it moves; doubling keeps that below the size of the final one. */
void *list_push(struct arena *a, struct list *l, uint32_t *cap, size_t size)
{
	ASSERT(l->n <= *cap && size > 0);
	if (l->n == *cap) {
		uint32_t to = grown(*cap);
		l->v = arena_grow(a, l->v, size, *cap, to);
		*cap = to;
	}
	l->set = true;
	return (char *)l->v + size * l->n++;
}

void *map_push(struct arena *a, const struct shape *s, struct map_of *m, uint32_t *cap, struct str key)
{
	ASSERT(s->type == SHAPE_MAP && s->size > 0 && m->n <= *cap && key.p != NULL);
	if (m->n == *cap) {
		uint32_t to = grown(*cap);
		m->v = arena_grow(a, m->v, s->size, *cap, to);
		*cap = to;
	}
	m->set = true;
	char *entry = (char *)m->v + (size_t)s->size * m->n++;
	*(struct str *)(void *)entry = key;
	return entry + s->value_offset;
}
