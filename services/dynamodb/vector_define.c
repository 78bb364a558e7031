/* Definitions of vector indexes: CreateTable's and UpdateTable's rules, in DynamoDB's words. See vector.h. */
#include "vector.h"

#include "ops_table.h"

#define INVALID "One or more parameter values were invalid: "

static bool refuse(struct call *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static bool refuse(struct call *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str message = arena_vprintf(c->arena, fmt, ap);
	va_end(ap);
	fail_validation(c, INVALID "%.*s", STR_ARG(message));
	return false;
}

static const struct dynamodb_VectorIndex *at(struct list indexes, uint32_t i)
{
	return LIST_AT(indexes, struct dynamodb_VectorIndex, i);
}

static const struct dynamodb_SearchSchemaElement *element(struct list schema, uint32_t i)
{
	return LIST_AT(schema, struct dynamodb_SearchSchemaElement, i);
}

static bool defined(struct list attributes, struct str name)
{
	for (uint32_t i = 0; i < attributes.n; i++)
		if (str_eq(LIST_AT(attributes, struct dynamodb_AttributeDefinition, i)->AttributeName, name))
			return true;
	return false;
}

bool vector_schema_names(struct list indexes, struct str attribute)
{
	for (uint32_t i = 0; i < indexes.n; i++)
		for (uint32_t j = 0; j < at(indexes, i)->SearchSchema.n; j++)
			if (str_eq(element(at(indexes, i)->SearchSchema, j)->AttributeName, attribute))
				return true;
	return false;
}

static bool check_search_schema(struct call *c, struct list attributes, struct list schema)
{
	uint32_t hashes = 0;
	for (uint32_t i = 0; i < schema.n; i++) {
		hashes += str_eq(element(schema, i)->SearchSchemaElementType, S("HASH"));
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(element(schema, i)->AttributeName, element(schema, j)->AttributeName))
				return refuse(c, "SearchSchema contains a duplicate AttributeName");
		if (!defined(attributes, element(schema, i)->AttributeName))
			return refuse(c, "One element in SearchSchema is not defined in attribute definitions");
	}
	if (hashes > 1)
		return refuse(c, "Value '%u' at 'SearchSchema' failed to satisfy constraint: Member must have HASH count less than or equal to 1", hashes);
	return schema.n - hashes <= VECTOR_FILTERS_MAX ||
	       refuse(c, "Value '%u' at 'SearchSchema' failed to satisfy constraint: Member must have INLINE_FILTER count less than or equal to %d",
	              schema.n - hashes, VECTOR_FILTERS_MAX);
}

/* One index beside those that come before it in the list. */
static bool check_one(struct call *c, struct list attributes, struct list indexes, uint32_t i)
{
	const struct dynamodb_VectorIndex *x = at(indexes, i);
	struct str attribute = x->VectorAttribute->AttributeName;
	if (x->Dimensions.v < 1 || x->Dimensions.v > VECTOR_DIMENSIONS_MAX)
		return refuse(c, "Number of dimensions must be between 1 and %d inclusive.", VECTOR_DIMENSIONS_MAX);
	if (defined(attributes, attribute))
		return refuse(c, "Conflicting attribute definition for '%.*s'. An attribute cannot be defined in AttributeDefinitions when used as a "
		                 "VectorAttribute.", STR_ARG(attribute));
	for (uint32_t j = 0; j < i; j++)
		if (str_eq(at(indexes, j)->VectorAttribute->AttributeName, attribute) && at(indexes, j)->Dimensions.v != x->Dimensions.v)
			return refuse(c, "Conflicting attribute definition for '%.*s'. All VectorIndexes on the same vector attribute must use the same "
			                 "dimensions.", STR_ARG(attribute));
	return check_search_schema(c, attributes, x->SearchSchema) && ddb_check_projection(c, x->Projection);
}

static bool check_all(struct call *c, struct list attributes, struct list indexes, bool on_demand)
{
	if (indexes.n > VECTOR_INDEXES_MAX)
		return refuse(c, "VectorIndex count exceeds the per-table limit of %d", VECTOR_INDEXES_MAX);
	if (!on_demand)
		return refuse(c, "Vector indexes are only supported for PAY_PER_REQUEST tables");
	for (uint32_t i = 0; i < indexes.n; i++)
		if (!check_one(c, attributes, indexes, i))
			return false;
	return true;
}

bool vector_check_definition(struct call *c, const struct table_definition *d)
{
	ASSERT(d->vector_indexes.set);
	if (d->vector_indexes.n == 0)
		return refuse(c, "List of VectorIndexes is empty");
	return check_all(c, d->attributes, d->vector_indexes, str_eq(d->billing_mode, S("PAY_PER_REQUEST")));
}

bool vector_check_key(struct call *c, const struct dynamodb_TableDescription *d, struct list attributes, struct list key_schema)
{
	for (uint32_t i = 0; i < d->VectorIndexes.n; i++) {
		const struct dynamodb_VectorIndexDescription *x = LIST_AT(d->VectorIndexes, struct dynamodb_VectorIndexDescription, i);
		struct str name = x->VectorAttribute->AttributeName;
		for (uint32_t j = 0; j < key_schema.n; j++) {
			const struct dynamodb_KeySchemaElement *e = LIST_AT(key_schema, struct dynamodb_KeySchemaElement, j);
			for (uint32_t k = 0; str_eq(e->AttributeName, name) && k < attributes.n; k++) {
				const struct dynamodb_AttributeDefinition *a = LIST_AT(attributes, struct dynamodb_AttributeDefinition, k);
				if (str_eq(a->AttributeName, name))
					return refuse(c, "Attributes cannot be redefined. Please check that your attribute has the same type as previously defined. "
					                 "Existing schema: VectorIndexSchema:[VectorAttribute: key{%.*s:L:%lld}] New schema: "
					                 "Schema:[SchemaElement: key{%.*s:%.*s:%.*s}]", STR_ARG(name), (long long)x->Dimensions.v, STR_ARG(name),
					              STR_ARG(a->AttributeType), STR_ARG(e->KeyType));
			}
		}
	}
	return true;
}

/* ---- as they are described ---- */

struct dynamodb_VectorIndexDescription *vector_described(const struct dynamodb_Table *r, struct str name)
{
	struct list l = r->Description->VectorIndexes;
	for (uint32_t i = 0; i < l.n; i++)
		if (str_eq(LIST_AT(l, struct dynamodb_VectorIndexDescription, i)->IndexName, name))
			return LIST_AT(l, struct dynamodb_VectorIndexDescription, i);
	return NULL;
}

static struct dynamodb_VectorIndexDescription *add(struct call *c, struct dynamodb_Table *r, const struct dynamodb_VectorIndex *x, struct str status)
{
	ASSERT(txn_writable(c->txn) && vector_described(r, x->IndexName) == NULL);
	struct list *l = &r->Description->VectorIndexes;
	struct dynamodb_VectorIndexDescription *all = arena_grow(c->arena, l->v, sizeof *all, l->n, (size_t)l->n + 1), *fresh = &all[l->n];
	*fresh = (struct dynamodb_VectorIndexDescription){.IndexName = x->IndexName, .SearchSchema = x->SearchSchema, .Projection = x->Projection,
		.VectorAttribute = x->VectorAttribute, .Dimensions = x->Dimensions, .DistanceFunction = x->DistanceFunction, .IndexStatus = status,
		.IndexArn = index_arn(c, r->Description->TableName, x->IndexName)};
	*l = (struct list){all, l->n + 1, true};
	add_index_space(c, r, x->IndexName);
	return fresh;
}

void vector_make(struct call *c, struct dynamodb_Table *r, struct list indexes)
{
	ASSERT(r->Description->VectorIndexes.n == 0);
	for (uint32_t i = 0; i < indexes.n; i++)
		add(c, r, at(indexes, i), S("ACTIVE"));
}

static struct dynamodb_VectorIndex definition_of(const struct dynamodb_VectorIndexDescription *d)
{
	return (struct dynamodb_VectorIndex){.IndexName = d->IndexName, .VectorAttribute = d->VectorAttribute, .SearchSchema = d->SearchSchema,
		.Projection = d->Projection, .Dimensions = d->Dimensions, .DistanceFunction = d->DistanceFunction};
}

/* With room for one more. */
static struct list definitions(struct call *c, const struct dynamodb_TableDescription *d)
{
	struct list l = d->VectorIndexes, out = LIST_OF(c->arena, struct dynamodb_VectorIndex, l.n + 1);
	for (uint32_t i = 0; i < l.n; i++)
		*LIST_AT(out, struct dynamodb_VectorIndex, i) = definition_of(LIST_AT(l, struct dynamodb_VectorIndexDescription, i));
	out.n = l.n;
	return out;
}

struct list vector_definitions(struct call *c, const struct dynamodb_TableDescription *d)
{
	return d->VectorIndexes.n > 0 ? definitions(c, d) : (struct list){0};
}

/* ---- changing ---- */

/* The index is written to from this commit on; a job fills in what is there already. */
static void add_later(struct call *c, struct dynamodb_Table *r, const struct dynamodb_VectorIndex *x)
{
	add(c, r, x, S("CREATING"))->Backfilling = SOME_BOOL(true);
	job_put(c, "backfill", arena_join(c->arena, r->Description->TableName, S("/"), x->IndexName), c->now_ms, S(""));
}

static void drop(struct call *c, struct dynamodb_Table *r, struct dynamodb_VectorIndexDescription *x)
{
	struct list *l = &r->Description->VectorIndexes;
	struct dynamodb_VectorIndexDescription *all = l->v;
	struct str name = x->IndexName;
	size_t after = (size_t)(all + l->n - x) - 1;
	ASSERT(x >= all && x < all + l->n);
	memmove(x, x + 1, after * sizeof *x);
	if (--l->n == 0)
		*l = (struct list){0};
	index_space_drop(c, r, name);
}

static bool creating(struct str status) { return str_eq(status, S("CREATING")); }

/* Is an index of any kind being filled, other than this one? */
static bool busy_with_other(const struct dynamodb_TableDescription *d, struct str name)
{
	for (uint32_t i = 0; i < d->GlobalSecondaryIndexes.n; i++)
		if (creating(LIST_AT(d->GlobalSecondaryIndexes, struct dynamodb_GlobalSecondaryIndexDescription, i)->IndexStatus))
			return true;
	for (uint32_t i = 0; i < d->VectorIndexes.n; i++) {
		const struct dynamodb_VectorIndexDescription *x = LIST_AT(d->VectorIndexes, struct dynamodb_VectorIndexDescription, i);
		if (creating(x->IndexStatus) && !str_eq(x->IndexName, name))
			return true;
	}
	return false;
}

static bool one_at_a_time(struct call *c)
{
	call_fail(c, &dynamodb_err_LimitExceededException,
	          "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table");
	return false;
}

static bool create(struct call *c, struct dynamodb_Table *r, const struct dynamodb_CreateVectorIndexAction *a, bool on_demand)
{
	ASSERT(r->Description != NULL);
	struct table *t = table_of_record(c, r);
	if (table_index(t, a->IndexName) != NULL || vector_index(t, a->IndexName) != NULL) {
		fail_validation(c, "Attempting to create an index which already exists");
		return false;
	}
	struct list all = definitions(c, r->Description);
	struct dynamodb_VectorIndex fresh = {.IndexName = a->IndexName, .VectorAttribute = a->VectorAttribute, .SearchSchema = a->SearchSchema,
		.Projection = a->Projection, .Dimensions = a->Dimensions, .DistanceFunction = a->DistanceFunction};
	((struct dynamodb_VectorIndex *)all.v)[all.n++] = fresh;
	if (!check_all(c, r->Description->AttributeDefinitions, all, on_demand))
		return false;
	if (busy_with_other(r->Description, a->IndexName))
		return one_at_a_time(c);
	add_later(c, r, &fresh);
	return true;
}

static bool delete(struct call *c, struct dynamodb_Table *r, struct str name)
{
	struct dynamodb_VectorIndexDescription *x = vector_described(r, name);
	if (x == NULL) {
		call_fail(c, &dynamodb_err_ResourceNotFoundException, "Requested resource not found: Index %.*s for table %.*s", STR_ARG(name),
		          STR_ARG(r->Description->TableName));
		return false;
	}
	if (busy_with_other(r->Description, name))
		return one_at_a_time(c);
	drop(c, r, x);
	return true;
}

bool vector_updates(struct call *c, struct dynamodb_Table *r, struct list updates, bool on_demand)
{
	ASSERT(updates.n > 0);
	for (uint32_t i = 0; i < updates.n; i++) {
		const struct dynamodb_VectorIndexUpdate *u = LIST_AT(updates, struct dynamodb_VectorIndexUpdate, i);
		if (u->Create != NULL && u->Delete != NULL)
			return refuse(c, "Only one vector index action is allowed per VectorIndexUpdate object");
		if (u->Create == NULL && u->Delete == NULL)
			return refuse(c, "One of VectorIndexUpdate.Create, VectorIndexUpdate.Delete must not be null");
	}
	if (updates.n > 1)
		return one_at_a_time(c);
	const struct dynamodb_VectorIndexUpdate *u = LIST_AT(updates, struct dynamodb_VectorIndexUpdate, 0);
	return u->Create != NULL ? create(c, r, u->Create, on_demand) : delete(c, r, u->Delete->IndexName);
}

void vector_follow(struct call *c, struct dynamodb_Table *r, const struct dynamodb_Table *now)
{
	ASSERT(r != now);
	struct list *mine = &r->Description->VectorIndexes, theirs = now->Description->VectorIndexes;
	for (uint32_t i = mine->n; i > 0; i--) {
		struct dynamodb_VectorIndexDescription *x = LIST_AT(*mine, struct dynamodb_VectorIndexDescription, i - 1);
		if (vector_described(now, x->IndexName) == NULL)
			drop(c, r, x);
	}
	for (uint32_t i = 0; i < theirs.n; i++) {
		struct dynamodb_VectorIndex x = definition_of(LIST_AT(theirs, struct dynamodb_VectorIndexDescription, i));
		if (vector_described(r, x.IndexName) == NULL)
			add_later(c, r, &x);
	}
}

/* ---- restores ---- */

static bool same(struct call *c, const struct dynamodb_VectorIndex *a, const struct dynamodb_VectorIndex *b)
{
	return json_equal(typed_to_json(c->arena, &dynamodb_shape_VectorIndex, a), typed_to_json(c->arena, &dynamodb_shape_VectorIndex, b));
}

bool vector_override(struct call *c, struct list asked, const struct dynamodb_TableDescription *source, struct list *out)
{
	ASSERT(asked.set);
	struct list there = definitions(c, source);
	for (uint32_t i = 0; i < asked.n; i++) {
		bool found = false;
		for (uint32_t j = 0; j < there.n; j++)
			found = found || same(c, at(asked, i), at(there, j));
		if (!found)
			return refuse(c, "VectorIndexOverride: %.*s is not a vector index of the source", STR_ARG(at(asked, i)->IndexName));
	}
	*out = asked.n > 0 ? asked : (struct list){0};
	return true;
}
