/* Entries of vector indexes: see vector.h.
 *
 *   entry = 0x03, u32 what the entry weighs, 3 zero bytes, f64 the vector's squares, the vector's floats,
 *           then the inline filters' values as an item, when there are any
 * The first bytes tell the weight to item_bytes_size (item_codec.c), so an index is counted like a table. */
#include "vector.h"

#include "seal.h"

#include <math.h>

enum { ENTRY_MARK = 3, ENTRY_HEAD = 16 };

/* ---- an index as operations use it ---- */

static enum vector_distance distance_of(struct str name)
{
	if (str_eq(name, S("COSINE")))
		return VECTOR_COSINE;
	ASSERT(str_eq(name, S("EUCLIDEAN")) || str_eq(name, S("DOT_PRODUCT")));
	return str_eq(name, S("EUCLIDEAN")) ? VECTOR_EUCLIDEAN : VECTOR_DOT_PRODUCT;
}

static struct key_schema search_schema(struct arena *a, const struct dynamodb_TableDescription *d, struct list schema)
{
	ASSERT(schema.n <= VECTOR_FILTERS_MAX + 1);
	struct key_part *parts = arena_array(a, struct key_part, schema.n);
	struct key_schema s = {.parts = parts, .n = schema.n};
	uint32_t at = 0;
	for (int hash = 1; hash >= 0; hash--)
		for (uint32_t i = 0; i < schema.n; i++) {
			const struct dynamodb_SearchSchemaElement *e = LIST_AT(schema, struct dynamodb_SearchSchemaElement, i);
			if (str_eq(e->SearchSchemaElementType, S("HASH")) != (hash == 1))
				continue;
			parts[at++] = (struct key_part){e->AttributeName, table_attribute_type(d, e->AttributeName)};
			s.n_hash += (uint32_t)hash;
		}
	ASSERT(at == s.n && s.n_hash <= 1);
	return s;
}

void vectors_of_record(struct arena *a, struct table *t)
{
	struct list l = t->description->VectorIndexes;
	ASSERT(l.n > 0 && l.n <= VECTOR_INDEXES_MAX);
	t->vectors = arena_array(a, struct vector_index, l.n);
	t->n_vectors = l.n;
	for (uint32_t i = 0; i < l.n; i++) {
		const struct dynamodb_VectorIndexDescription *d = LIST_AT(l, struct dynamodb_VectorIndexDescription, i);
		t->vectors[i] = (struct vector_index){.attribute = d->VectorAttribute->AttributeName, .dimensions = (uint32_t)d->Dimensions.v,
			.distance = distance_of(d->DistanceFunction),
			.x = {.name = d->IndexName, .space = table_index_space(t->record, d->IndexName), .active = str_eq(d->IndexStatus, S("ACTIVE")),
			      .key = search_schema(a, t->description, d->SearchSchema)}};
		table_index_projection(&t->vectors[i].x, d->Projection);
	}
}

const struct vector_index *vector_index(const struct table *t, struct str name)
{
	for (uint32_t i = 0; i < t->n_vectors; i++)
		if (str_eq(t->vectors[i].x.name, name))
			return &t->vectors[i];
	return NULL;
}

/* ---- what an index wants of an item ---- */

static bool out_of_range(const struct av *element)
{
	/* Fewer digits than a float can have in front of the point; most are this short. */
	return (element->s.n > 38 || memchr(element->s.p, 'E', element->s.n) != NULL) && !isfinite(vector_float(element->s));
}

static bool check_vector(const struct vector_index *v, const struct av *list, struct fault *f)
{
	struct str name = v->attribute, index = v->x.name;
	if (list == NULL)
		return true;
	if (list->type != AV_L)
		return fault(f, "One or more parameter values were invalid. Invalid type for parameter %.*s, Expected: 32-bit floating point number "
		                "list IndexName: %.*s", STR_ARG(name), STR_ARG(index));
	if (list->n != v->dimensions)
		return fault(f, "One or more parameter values were invalid. Invalid size for parameter %.*s, Expected: %u, Actual: %u IndexName: %.*s",
		             STR_ARG(name), v->dimensions, list->n, STR_ARG(index));
	for (uint32_t i = 0; i < list->n; i++) {
		const struct av *e = &list->items[i];
		if (e->type != AV_N)
			return fault(f, "One or more parameter values were invalid. Invalid type for parameter %.*s[%u], Expected: 32-bit floating point "
			                "number, Actual: %s. IndexName: %.*s", STR_ARG(name), i, av_type_name(e->type), STR_ARG(index));
		if (out_of_range(e))
			return fault(f, "One or more parameter values were invalid. Invalid value for parameter %.*s[%u], Value: %.*s is outside valid range "
			                "[-3.4028235E38, 3.4028235E38]. IndexName: %.*s", STR_ARG(name), i, STR_ARG(e->s), STR_ARG(index));
	}
	return true;
}

static bool check_schema_part(const struct vector_index *v, uint32_t at, const struct av *item, struct fault *f)
{
	ASSERT(at < v->x.key.n);
	const struct key_part *p = &v->x.key.parts[at];
	const struct av *value = av_get(item, p->name);
	if (value == NULL)
		return true;
	if (value->type != p->type)
		return fault(f, "One or more parameter values were invalid. Attribute '%.*s' type mismatch. Expected: %s, Actual: %s. IndexName: %.*s",
		             STR_ARG(p->name), av_type_name(p->type), av_type_name(value->type), STR_ARG(v->x.name));
	if (at < v->x.key.n_hash && p->type != AV_N && value->s.n == 0)
		return fault(f, "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The "
		                "AttributeValue for a key attribute cannot contain an empty %s value. IndexName: %.*s, IndexKey: %.*s",
		             p->type == AV_S ? "string" : "binary", STR_ARG(v->x.name), STR_ARG(p->name));
	if (at < v->x.key.n_hash && p->type != AV_N && value->s.n > KEY_HASH_MAX)
		return fault(f, "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes");
	return true;
}

bool check_vectors(const struct table *t, const struct av *item, struct fault *f)
{
	ASSERT(item->type == AV_M);
	for (uint32_t i = 0; i < t->n_vectors; i++) {
		const struct vector_index *v = &t->vectors[i];
		if (!check_vector(v, av_get(item, v->attribute), f))
			return false;
		for (uint32_t j = 0; j < v->x.key.n; j++)
			if (!check_schema_part(v, j, item, f))
				return false;
	}
	return true;
}

/* ---- entries ---- */

struct str vector_prefix(struct call *c, const struct vector_index *v, const struct av *hash)
{
	ASSERT((hash != NULL) == (v->x.key.n_hash == 1));
	struct buf b;
	space_key(c, &b, v->x.space);
	if (hash != NULL)
		put_partition(&b, hash);
	return buf_view(&b);
}

/* Where the item's entry lies; absent: it is not in the index. What lay in the table before the index may be any value. */
static struct str entry_key(struct call *c, const struct table *t, const struct vector_index *v, const struct av *item)
{
	struct fault ignored = {.arena = c->arena};
	const struct av *hash = NULL, *vector = item != NULL ? av_get(item, v->attribute) : NULL;
	if (vector == NULL || !check_vector(v, vector, &ignored))
		return STR_NONE;
	for (uint32_t i = 0; i < v->x.key.n; i++)
		if (!check_schema_part(v, i, item, &ignored))
			return STR_NONE;
	if (v->x.key.n_hash == 1 && (hash = av_get(item, v->x.key.parts[0].name)) == NULL)
		return STR_NONE;
	struct str prefix = vector_prefix(c, v, hash), own = item_key(c, t, item);
	struct buf space;
	space_key(c, &space, t->space);
	return arena_join(c->arena, prefix, str_slice(own, space.n, own.n));
}

static struct av filters_of(struct arena *a, const struct vector_index *v, const struct av *item)
{
	struct av filters = {.type = AV_M};
	for (uint32_t i = v->x.key.n_hash; i < v->x.key.n; i++) {
		const struct av *value = av_get(item, v->x.key.parts[i].name);
		if (value != NULL)
			av_set(a, &filters, v->x.key.parts[i].name, value);
	}
	return filters;
}

/* The vector as floats, its attribute's name, and what else the index projects. */
static size_t weight_of(const struct vector_index *v, const struct av *projected)
{
	const struct av *vector = av_get(projected, v->attribute);
	size_t rest = item_size(projected) - (vector != NULL ? v->attribute.n + av_size(vector) : 0);
	return sizeof(float) * v->dimensions + v->attribute.n + rest;
}

static struct str entry_bytes(struct call *c, const struct vector_index *v, const struct av *item, size_t weight)
{
	const struct av *vector = av_get(item, v->attribute);
	ASSERT(vector->type == AV_L && vector->n == v->dimensions && weight < UINT32_MAX);
	struct buf b;
	char head[ENTRY_HEAD] = {ENTRY_MARK};
	uint32_t told = (uint32_t)weight;
	memcpy(head + 1, &told, sizeof told);
	buf_init(&b, c->arena, 0);
	(void)buf_reserve(&b, ENTRY_HEAD + sizeof(float) * v->dimensions);
	buf_put(&b, head, sizeof head);
	for (uint32_t i = 0; i < vector->n; i++) {
		float f = vector_float(vector->items[i].s);
		buf_put(&b, &f, sizeof f);
	}
	double squares = vector_squares(b.p + ENTRY_HEAD, v->dimensions);
	memcpy(b.p + ENTRY_HEAD - sizeof squares, &squares, sizeof squares);
	struct av filters = filters_of(c->arena, v, item);
	if (filters.n > 0)
		item_encode(&b, &filters);
	return buf_view(&b);
}

struct vector_entry vector_entry_read(const struct vector_index *v, struct str bytes)
{
	size_t end = ENTRY_HEAD + sizeof(float) * v->dimensions;
	ASSERT(bytes.n >= end && bytes.p[0] == ENTRY_MARK);
	struct vector_entry e = {.packed = bytes.p + ENTRY_HEAD, .filters = str_slice(bytes, end, bytes.n)};
	memcpy(&e.squares, bytes.p + ENTRY_HEAD - sizeof e.squares, sizeof e.squares);
	return e;
}

static void put_entry(struct call *c, const struct table *t, const struct vector_index *v, struct str key, const struct av *item, size_t weight)
{
	txn_put(c->txn, key, seal_value(c, t, key, entry_bytes(c, v, item, weight)));
}

static double billed(size_t weight)
{
	return weight < VECTOR_BYTES_MIN ? VECTOR_BYTES_MIN : (double)weight;
}

/* Is what the entry itself holds of them the same? */
static bool same_filters(const struct vector_index *v, const struct av *was, const struct av *fresh)
{
	for (uint32_t i = v->x.key.n_hash; i < v->x.key.n; i++) {
		const struct av *a = av_get(was, v->x.key.parts[i].name), *b = av_get(fresh, v->x.key.parts[i].name);
		if ((a == NULL) != (b == NULL) || (a != NULL && !av_equal(a, b)))
			return false;
	}
	return true;
}

double vector_write(struct call *c, const struct table *t, const struct vector_index *v, const struct stored *old, const struct av *fresh)
{
	ASSERT(txn_writable(c->txn) && v->x.space != 0);
	const struct av *was = old->found ? &old->item : NULL;
	struct str before = entry_key(c, t, v, was), after = entry_key(c, t, v, fresh);
	struct av none = {.type = AV_M};
	struct av from = str_present(before) ? index_project(c->arena, t, &v->x, was) : none;
	struct av to = str_present(after) ? index_project(c->arena, t, &v->x, fresh) : none;
	bool same_key = str_present(before) && str_present(after) && str_eq(before, after);
	bool same_vector = same_key && av_equal(av_get(was, v->attribute), av_get(fresh, v->attribute));
	if (same_vector && av_equal(&from, &to))
		return 0;
	double bytes = 0;
	if (str_present(before) && !same_key) {
		txn_del(c->txn, before);
		bytes += billed(weight_of(v, &from));
	}
	if (str_present(after)) {
		size_t weight = weight_of(v, &to);
		if (!same_vector || weight != weight_of(v, &from) || !same_filters(v, was, fresh))
			put_entry(c, t, v, after, fresh, weight);
		bytes += billed(weight);
	}
	return bytes;
}

void vector_fill(struct call *c, const struct table *t, const struct vector_index *v, const struct av *item)
{
	ASSERT(txn_writable(c->txn));
	struct str key = entry_key(c, t, v, item);
	if (!str_present(key))
		return;
	struct av projected = index_project(c->arena, t, &v->x, item);
	put_entry(c, t, v, key, item, weight_of(v, &projected));
}
