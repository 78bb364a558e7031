/* Finding tables and making keys: see table.h. */
#include "table.h"

#include "ops_table.h"
#include "seal.h"
#include "vector.h"
#include "write.h"

#include "svc/arn.h"

void fail_fault(struct call *c, const struct fault *f)
{
	ASSERT(f->code != FAULT_NONE);
	count_metric(c, STR_NONE, "UserErrors", 1);
	call_fail_code(c, 400, f->code == FAULT_SERIALIZATION ? "SerializationException" : "ValidationException", "%.*s",
	               STR_ARG(f->message));
}

void fail_validation(struct call *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str message = arena_vprintf(c->arena, fmt, ap);
	va_end(ap);
	count_metric(c, STR_NONE, "UserErrors", 1);
	call_fail_code(c, 400, "ValidationException", "%.*s", STR_ARG(message));
}

/* The wire writes a number's text as it stands, which is what ready-made JSON needs; a service that invokes us wants
 * to look inside. */
static struct json *ready(struct call *c, const struct buf *b)
{
	if (c->parent == NULL)
		return json_new_number(c->arena, buf_view(b));
	struct json *tree = json_parse(c->arena, buf_view(b), NULL);
	ASSERT(tree != NULL);
	return tree;
}

struct json *item_document(struct call *c, const struct av *item)
{
	struct buf b;
	buf_init(&b, c->arena, 0);
	item_write_json(&b, item);
	return ready(c, &b);
}

struct json *item_document_weighed(struct call *c, struct str bytes, size_t *size)
{
	struct buf b;
	buf_init(&b, c->arena, 0);
	(void)buf_reserve(&b, bytes.n + bytes.n / 4 + 256);
	bool ok = item_bytes_write_weighed(&b, bytes, size);
	ASSERT(ok);
	return ready(c, &b);
}

struct json *item_document_of_bytes(struct call *c, struct str bytes)
{
	size_t size;
	return item_document_weighed(c, bytes, &size);
}

/* ---- names ---- */

struct str table_arn(struct call *c, struct str name)
{
	return arn_make(c->arena, "dynamodb", c->region, c->account, arena_join(c->arena, S("table/"), name));
}

struct str index_arn(struct call *c, struct str table, struct str index)
{
	return arena_join(c->arena, table_arn(c, table), S("/index/"), index);
}

struct str table_name_of(struct call *c, struct str name_or_arn)
{
	struct arn arn;
	if (!str_starts(name_or_arn, S("arn:")))
		return name_or_arn;
	if (!arn_parse(name_or_arn, &arn) || !str_eq(arn.service, S("dynamodb")) || !str_starts(arn.resource, S("table/"))) {
		fail_validation(c, "Invalid TableArn: Invalid ResourceArn provided as input %.*s", STR_ARG(name_or_arn));
		return STR_NONE;
	}
	if (!str_eq(arn.account, c->account) || !str_eq(arn.region, c->region)) {
		fail_validation(c, "1 validation error detected: Invalid AWS %s in '%.*s'", str_eq(arn.region, c->region) ? "account" : "region",
		                STR_ARG(name_or_arn));
		return STR_NONE;
	}
	struct str rest = str_slice(arn.resource, 6, arn.resource.n);
	return str_cut(&rest, '/');
}

bool resource_arn_check(struct call *c, struct str text)
{
	struct arn arn;
	if (!str_starts(text, S("arn:")))
		fail_validation(c, "One or more parameter values were invalid: ARNs must start with 'arn:': %.*s", STR_ARG(text));
	else if (!arn_parse(text, &arn) || !str_eq(arn.service, S("dynamodb")))
		fail_validation(c, "One or more parameter values were invalid: Provided Arn is not a DynamoDB resource arn: %.*s", STR_ARG(text));
	else if (!str_starts(arn.resource, S("table/")) || str_find_str(arn.resource, S("/index/")) >= 0)
		fail_validation(c, "One or more parameter values were invalid: Invalid resource arn provided, only table or stream is accepted. Provided "
		                   "resource arn: %.*s", STR_ARG(text));
	else if (!str_eq(arn.region, c->region) || !str_eq(arn.account, c->account))
		fail_validation(c, "Invalid TableArn: Invalid ResourceArn provided as input %.*s", STR_ARG(text));
	return !c->failed;
}

struct key *table_record_key(struct call *c, struct str name)
{
	return key_str(call_key(c, "table"), name);
}

struct dynamodb_Table *table_record(struct call *c, struct str name)
{
	return call_get(c, table_record_key(c, name), &dynamodb_shape_Table);
}

void table_save(struct call *c, const struct dynamodb_Table *record)
{
	call_put(c, table_record_key(c, record->Description->TableName), &dynamodb_shape_Table, record);
}

/* ---- schema ---- */

enum av_type table_attribute_type(const struct dynamodb_TableDescription *d, struct str name)
{
	for (uint32_t i = 0; i < d->AttributeDefinitions.n; i++) {
		const struct dynamodb_AttributeDefinition *def = LIST_AT(d->AttributeDefinitions, struct dynamodb_AttributeDefinition, i);
		if (str_eq(def->AttributeName, name))
			return av_type_of_name(def->AttributeType);
	}
	return AV_NONE;
}

static struct key_schema schema_of(struct arena *a, const struct dynamodb_TableDescription *d, struct list elements)
{
	ASSERT(elements.n > 0 && elements.n <= KEY_PARTS_MAX);
	struct key_part *parts = arena_array(a, struct key_part, elements.n);
	struct key_schema s = {.parts = parts, .n = elements.n};
	for (uint32_t i = 0; i < s.n; i++) {
		const struct dynamodb_KeySchemaElement *e = LIST_AT(elements, struct dynamodb_KeySchemaElement, i);
		parts[i] = (struct key_part){e->AttributeName, table_attribute_type(d, e->AttributeName)};
		ASSERT(parts[i].type != AV_NONE);
		s.n_hash += str_eq(e->KeyType, S("HASH"));
	}
	ASSERT(s.n_hash > 0);
	s.hash = parts[0].name;
	s.hash_type = parts[0].type;
	if (s.n > s.n_hash) {
		s.range = parts[s.n_hash].name;
		s.range_type = parts[s.n_hash].type;
	}
	return s;
}

bool key_has(const struct key_schema *s, struct str name)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (str_eq(s->parts[i].name, name))
			return true;
	return false;
}

void table_index_projection(struct table_index *x, const struct dynamodb_Projection *p)
{
	x->projection = str_eq(p->ProjectionType, S("ALL")) ? PROJECT_ALL :
	                str_eq(p->ProjectionType, S("INCLUDE")) ? PROJECT_INCLUDE : PROJECT_KEYS_ONLY;
	x->include = p->NonKeyAttributes.v;
	x->n_include = p->NonKeyAttributes.n;
}

uint64_t table_index_space(const struct dynamodb_Table *r, struct str name)
{
	for (uint32_t i = 0; i < r->IndexSpaces.n; i++) {
		const struct dynamodb_IndexSpace *s = LIST_AT(r->IndexSpaces, struct dynamodb_IndexSpace, i);
		if (str_eq(s->IndexName, name))
			return (uint64_t)s->Space.v;
	}
	ASSERT(false); /* every index has a space from its first commit on */
	return 0;
}

struct table *table_of_record(struct call *c, const struct dynamodb_Table *r)
{
	struct table *t = arena_new_of(c->arena, struct table);
	const struct dynamodb_TableDescription *d = r->Description;
	*t = (struct table){.record = r, .description = d, .name = d->TableName, .arn = d->TableArn,
	                    .space = (uint64_t)r->Space.v, .stream = (uint64_t)r->StreamNumber.v};
	t->key = schema_of(c->arena, d, d->KeySchema);
	uint32_t n = d->LocalSecondaryIndexes.n + d->GlobalSecondaryIndexes.n;
	t->indexes = arena_array(c->arena, struct table_index, n);
	for (uint32_t i = 0; i < d->LocalSecondaryIndexes.n; i++) {
		const struct dynamodb_LocalSecondaryIndexDescription *l =
			LIST_AT(d->LocalSecondaryIndexes, struct dynamodb_LocalSecondaryIndexDescription, i);
		struct table_index *x = &t->indexes[t->n_indexes++];
		*x = (struct table_index){.name = l->IndexName, .space = table_index_space(r, l->IndexName), .local = true, .active = true};
		x->key = schema_of(c->arena, d, l->KeySchema);
		table_index_projection(x, l->Projection);
	}
	for (uint32_t i = 0; i < d->GlobalSecondaryIndexes.n; i++) {
		const struct dynamodb_GlobalSecondaryIndexDescription *g =
			LIST_AT(d->GlobalSecondaryIndexes, struct dynamodb_GlobalSecondaryIndexDescription, i);
		struct table_index *x = &t->indexes[t->n_indexes++];
		*x = (struct table_index){.name = g->IndexName, .space = table_index_space(r, g->IndexName)};
		x->active = !str_eq(g->IndexStatus, S("CREATING")) && !str_eq(g->IndexStatus, S("DELETING"));
		x->key = schema_of(c->arena, d, g->KeySchema);
		table_index_projection(x, g->Projection);
	}
	ASSERT(t->n_indexes == n);
	if (d->VectorIndexes.n > 0)
		vectors_of_record(c->arena, t);
	if (r->Regions.n > 0)
		t->replicas = arena_array(c->arena, struct table *, r->Regions.n);
	return t;
}

struct table *table_lookup(struct call *c, struct str name)
{
	struct table *t = c->memo;
	if (t != NULL && str_eq(t->name, name))
		return t;
	const struct dynamodb_Table *r = call_get_shared(c, table_record_key(c, name), &dynamodb_shape_Table);
	if (r == NULL)
		return NULL;
	t = table_of_record(c, r);
	c->memo = t;
	return t;
}

struct table *table_open(struct call *c, struct str name_or_arn)
{
	struct str name = table_name_of(c, name_or_arn);
	if (!str_present(name))
		return NULL;
	struct table *t = table_lookup(c, name);
	if (t == NULL && !ddb_check_name_form(c, name))
		return NULL;
	if (t == NULL || str_eq(t->description->TableStatus, S("CREATING"))) {
		count_metric(c, STR_NONE, "UserErrors", 1);
		call_fail(c, &dynamodb_err_ResourceNotFoundException, "Requested resource not found");
		return NULL;
	}
	return t->record->Seal == NULL || table_unseal(c, t) ? t : NULL;
}

const struct table_index *table_index(const struct table *t, struct str name)
{
	for (uint32_t i = 0; i < t->n_indexes; i++)
		if (str_eq(t->indexes[i].name, name))
			return &t->indexes[i];
	return NULL;
}

/* ---- keys in the store ---- */

void space_key(struct call *c, struct buf *b, uint64_t space)
{
	struct key *k = key_u64(call_key(c, "item"), space);
	*b = k->b;
}

bool space_is_empty(struct call *c, uint64_t space)
{
	ASSERT(space != 0);
	struct buf b;
	space_key(c, &b, space);
	struct str key, value;
	struct scan *s = scan_open(c->txn, buf_view(&b), key_after(c->arena, buf_view(&b)), false);
	bool any = scan_next(s, &key, &value);
	scan_close(s);
	return !any;
}

/* FNV-1a, then mixed: kept for ever, since it is part of what lies on disk. */
uint32_t partition_hash(const struct av *hash)
{
	ASSERT(hash->type == AV_S || hash->type == AV_N || hash->type == AV_B);
	uint64_t h = 0xcbf29ce484222325u ^ hash->type;
	for (size_t i = 0; i < hash->s.n; i++)
		h = (h ^ (unsigned char)hash->s.p[i]) * 0x100000001b3u;
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdu;
	h ^= h >> 33;
	return (uint32_t)(h >> 32);
}

void put_key_element(struct buf *b, const struct av *v)
{
	if (v->type == AV_N) {
		struct number n = av_to_number(v);
		number_write_key(b, &n);
		return;
	}
	ASSERT(v->type == AV_S || v->type == AV_B);
	struct key k = {*b};
	key_str(&k, v->s);
	*b = k.b;
}

void put_key_prefix(struct buf *b, const struct av *v)
{
	ASSERT(v->type == AV_S || v->type == AV_B);
	put_key_element(b, v);
	b->n -= 2; /* the string's end */
}

void put_partition(struct buf *b, const struct av *hash)
{
	uint32_t h = __builtin_bswap32(partition_hash(hash));
	buf_put(b, &h, sizeof h);
	put_key_element(b, hash);
}

void put_partition_of(struct buf *b, const struct key_schema *s, const struct av *const *values)
{
	ASSERT(s->n_hash > 0);
	uint32_t hash = partition_hash(values[0]);
	for (uint32_t i = 1; i < s->n_hash; i++)
		hash = (hash ^ partition_hash(values[i])) * 0x9e3779b1u; /* of one attribute: put_partition's */
	hash = __builtin_bswap32(hash);
	buf_put(b, &hash, sizeof hash);
	for (uint32_t i = 0; i < s->n_hash; i++)
		put_key_element(b, values[i]);
}

struct str item_key(struct call *c, const struct table *t, const struct av *item)
{
	ASSERT(item->type == AV_M);
	struct buf b;
	space_key(c, &b, t->space);
	put_partition(&b, av_get(item, t->key.hash));
	if (str_present(t->key.range))
		put_key_element(&b, av_get(item, t->key.range));
	return buf_view(&b);
}


struct str index_key(struct call *c, const struct table *t, const struct table_index *x, const struct av *item)
{
	ASSERT(x->space != 0);
	const struct av *values[KEY_PARTS_MAX];
	for (uint32_t i = 0; i < x->key.n; i++) {
		values[i] = av_get(item, x->key.parts[i].name);
		if (values[i] == NULL || values[i]->type != x->key.parts[i].type)
			return STR_NONE; /* without one of them, or with another type, an item is not in the index */
	}
	struct buf b;
	space_key(c, &b, x->space);
	put_partition_of(&b, &x->key, values);
	for (uint32_t i = x->key.n_hash; i < x->key.n; i++)
		put_key_element(&b, values[i]);
	put_key_element(&b, av_get(item, t->key.hash));
	if (str_present(t->key.range))
		put_key_element(&b, av_get(item, t->key.range));
	return buf_view(&b);
}

static void copy_member(struct arena *a, struct av *to, const struct av *from, struct str name)
{
	const struct av *v = str_present(name) ? av_get(from, name) : NULL;
	if (v != NULL)
		av_set(a, to, name, v);
}

struct av key_of_item(struct arena *a, const struct key_schema *s, const struct av *item)
{
	struct av key = {.type = AV_M};
	for (uint32_t i = 0; i < s->n; i++)
		copy_member(a, &key, item, s->parts[i].name);
	return key;
}

struct av index_project(struct arena *a, const struct table *t, const struct table_index *x, const struct av *item)
{
	if (x->projection == PROJECT_ALL)
		return *item;
	struct av out = key_of_item(a, &t->key, item);
	for (uint32_t i = 0; i < x->key.n; i++)
		copy_member(a, &out, item, x->key.parts[i].name);
	for (uint32_t i = 0; x->projection == PROJECT_INCLUDE && i < x->n_include; i++)
		copy_member(a, &out, item, x->include[i]);
	return out;
}

/* ---- checks ---- */

static bool check_sum(size_t hash, size_t range, struct fault *f)
{
	if (hash > KEY_HASH_MAX)
		return fault(f, "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 "
		                "bytes");
	if (range > KEY_RANGE_MAX)
		return fault(f, "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size "
		                "limit of 1024 bytes");
	return true;
}

static bool check_size(const struct av *v, bool hash, struct fault *f)
{
	return v->type == AV_N || check_sum(hash ? v->s.n : 0, hash ? 0 : v->s.n, f);
}

static bool check_filled(const struct av *v, struct str name, enum av_type type, struct fault *f)
{
	return type == AV_N || v->s.n > 0 ||
	       fault(f, "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty %s value. Key: "
	                "%.*s", type == AV_S ? "string" : "binary", STR_ARG(name));
}

bool check_key_filled(const struct key_schema *k, const struct av *item, struct fault *f)
{
	for (uint32_t i = 0; i < k->n; i++) {
		const struct key_part *p = &k->parts[i];
		const struct av *v = av_get(item, p->name);
		if (v != NULL && v->type == p->type && !check_filled(v, p->name, p->type, f))
			return false;
	}
	return true;
}

static bool check_key_part(const struct av *key, struct str name, enum av_type type, bool hash, struct fault *f)
{
	const struct av *v = av_get(key, name);
	if (v == NULL || v->type != type)
		return fault(f, "The provided key element does not match the schema");
	return check_filled(v, name, type, f) && check_size(v, hash, f);
}

bool check_key(const struct table *t, const struct av *key, struct fault *f)
{
	bool ranged = str_present(t->key.range);
	if (key->n != 1u + ranged)
		return fault(f, "The provided key element does not match the schema");
	return check_key_part(key, t->key.hash, t->key.hash_type, true, f) &&
	       (!ranged || check_key_part(key, t->key.range, t->key.range_type, false, f));
}

static bool check_item_part(const struct av *item, struct str name, enum av_type type, bool hash, struct fault *f)
{
	const struct av *v = av_get(item, name);
	if (v == NULL)
		return fault(f, "One or more parameter values were invalid: Missing the key %.*s in the item", STR_ARG(name));
	if (v->type != type)
		return fault(f, "One or more parameter values were invalid: Type mismatch for key %.*s expected: %s actual: %s",
		             STR_ARG(name), av_type_name(type), av_type_name(v->type));
	return check_filled(v, name, type, f) && check_size(v, hash, f);
}

bool fault_index_type(struct fault *f, const struct table_index *x, const struct key_part *part, enum av_type is)
{
	return fault(f, "One or more parameter values were invalid: Type mismatch for Index Key %.*s Expected: %s Actual: %s "
	                "IndexName: %.*s", STR_ARG(part->name), av_type_name(part->type), av_type_name(is), STR_ARG(x->name));
}

static bool check_index_part(const struct table_index *x, const struct av *item, struct str name, enum av_type type, bool hash,
                             bool update, struct fault *f)
{
	const struct av *v = str_present(name) ? av_get(item, name) : NULL;
	if (v == NULL)
		return true;
	if (v->type != type && update)
		return fault(f, "The update expression attempted to update the secondary index key to unsupported type");
	if (v->type != type)
		return fault_index_type(f, x, &(struct key_part){.name = name, .type = type}, v->type);
	if (type != AV_N && v->s.n == 0)
		return fault(f, "One or more parameter values are not valid. A value specified for a secondary index key is not "
		                "supported. The AttributeValue for a key attribute cannot contain an empty %s value. IndexName: %.*s, "
		                "IndexKey: %.*s", type == AV_S ? "string" : "binary", STR_ARG(x->name), STR_ARG(name));
	return check_size(v, hash, f);
}

bool check_index_key(const struct table_index *x, const struct av *item, bool update, struct fault *f)
{
	size_t sizes[2] = {0, 0};
	for (uint32_t j = 0; j < x->key.n; j++) {
		bool hash = j < x->key.n_hash;
		const struct av *v = av_get(item, x->key.parts[j].name);
		if (!check_index_part(x, item, x->key.parts[j].name, x->key.parts[j].type, hash, update, f))
			return false;
		sizes[hash] += v != NULL && v->type != AV_N ? v->s.n : 0;
	}
	return x->key.n <= 2 || check_sum(sizes[1], sizes[0], f);
}

bool check_index_keys(const struct table *t, const struct av *item, bool update, struct fault *f)
{
	for (uint32_t i = 0; i < t->n_indexes; i++)
		if (!check_index_key(&t->indexes[i], item, update, f))
			return false;
	return t->n_vectors == 0 || check_vectors(t, item, f);
}

bool check_item_keys(const struct table *t, const struct av *item, struct fault *f)
{
	return check_item_part(item, t->key.hash, t->key.hash_type, true, f) &&
	       (!str_present(t->key.range) || check_item_part(item, t->key.range, t->key.range_type, false, f)) &&
	       check_index_keys(t, item, false, f);
}
