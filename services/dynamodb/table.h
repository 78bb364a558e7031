/* Tables as the operations use them: found by name or ARN, with their keys and indexes at hand; and the keys under
 * which items lie in the store.
 *
 * An item lies under   (dynamodb, account, region, "item") u64 space, 4 bytes of the partition key's hash, partition
 * key, sort key        with its bytes as the item codec writes them. A table and each of its indexes has a space of
 * its own, a number that is never used again: what is left of a deleted one is unreachable at once. An index entry
 * lies under its own keys followed by the table's, and holds the projected attributes. */
#ifndef DYNAMODB_TABLE_H
#define DYNAMODB_TABLE_H

#include "dynamodb.model.h"
#include "value.h"

#include "svc/service.h"

enum { TABLES_MAX = 2500, GSI_MAX = 20, LSI_MAX = 5, KEY_PARTS_MAX = 8 };

struct key_part { struct str name; enum av_type type; };

/* Global indexes may have up to four attributes of each kind; tables and local indexes have one hash and at most one range. */
struct key_schema {
	struct str hash, range; /* the first of each; range absent: none */
	enum av_type hash_type, range_type;
	const struct key_part *parts; /* all, the hash attributes first */
	uint32_t n_hash, n;
};

enum projection_type { PROJECT_ALL, PROJECT_KEYS_ONLY, PROJECT_INCLUDE };

struct table_index {
	struct str name;
	uint64_t space;
	struct key_schema key;
	enum projection_type projection;
	const struct str *include;
	uint32_t n_include;
	bool local, active;      /* not active: written to, not read from yet */
};

struct vector_index; /* vector.h */

struct table {
	const struct dynamodb_Table *record;
	const struct dynamodb_TableDescription *description;
	struct str name, arn;
	uint64_t space;
	struct key_schema key;
	struct table_index *indexes; /* local ones first */
	uint32_t n_indexes;
	struct vector_index *vectors;
	uint32_t n_vectors;
	uint64_t stream;         /* 0: none */
	const unsigned char *seal; /* the data key, once asked for; NULL: plain (seal.h) */
	struct table **replicas; /* by position in record->Regions; filled when first written to (replica.c) */
};

struct str table_arn(struct call *c, struct str name);
struct str index_arn(struct call *c, struct str table, struct str index);
/* The name in a TableName that may be an ARN; absent with c failed when the ARN is not one of a table here. */
struct str table_name_of(struct call *c, struct str name_or_arn);
/* A ResourceArn: of a table here, or of its stream. false: c failed. */
bool resource_arn_check(struct call *c, struct str arn);
struct key *table_record_key(struct call *c, struct str name);
/* NULL: not there. */
struct dynamodb_Table *table_record(struct call *c, struct str name);
void table_save(struct call *c, const struct dynamodb_Table *record);
/* As a table, read once in a call (permissions and operation ask for the same), its record shared with other calls; NULL:
 * not there. */
struct table *table_lookup(struct call *c, struct str name);
/* For item operations: NULL with ResourceNotFoundException unless the table is there and not being made or deleted. */
struct table *table_open(struct call *c, struct str name_or_arn);
struct table *table_of_record(struct call *c, const struct dynamodb_Table *record);
const struct table_index *table_index(const struct table *t, struct str name);
/* Parts of a record, for who makes an index of it: an attribute's type (AV_NONE: not defined), an index's space, a projection. */
enum av_type table_attribute_type(const struct dynamodb_TableDescription *d, struct str name);
uint64_t table_index_space(const struct dynamodb_Table *r, struct str index);
void table_index_projection(struct table_index *x, const struct dynamodb_Projection *p);

/* ---- keys ---- */

void space_key(struct call *c, struct buf *b, uint64_t space);
bool space_is_empty(struct call *c, uint64_t space);
/* The 4 bytes that spread partitions, and the elements. */
uint32_t partition_hash(const struct av *hash);
void put_partition(struct buf *b, const struct av *hash);
/* The same of an index whose partition key has several attributes: from an item, or from conditions that hold one for each. */
void put_partition_of(struct buf *b, const struct key_schema *s, const struct av *const *values);
/* Is the attribute in the key? */
bool key_has(const struct key_schema *s, struct str name);
void put_key_element(struct buf *b, const struct av *v);
/* All but the end of a string element: keys that begin with it. */
void put_key_prefix(struct buf *b, const struct av *v);
/* The item's key in the table; item holds the key attributes. */
struct str item_key(struct call *c, const struct table *t, const struct av *item);
/* The entry's key in an index; absent when the item is not in it. */
struct str index_key(struct call *c, const struct table *t, const struct table_index *x, const struct av *item);
/* What an index holds of an item. */
struct av index_project(struct arena *a, const struct table *t, const struct table_index *x, const struct av *item);

/* ---- checks of keys, in DynamoDB's words; false with a fault ---- */

/* A Key parameter: exactly the key attributes, of the right types and sizes. */
bool check_key(const struct table *t, const struct av *key, struct fault *f);
/* An item to be put: its key attributes, and types of index keys. */
bool check_item_keys(const struct table *t, const struct av *item, struct fault *f);
/* A value of another type than the index's key has: always false. */
bool fault_index_type(struct fault *f, const struct table_index *x, const struct key_part *part, enum av_type is);
/* Of an updated item: index keys only. */
bool check_index_keys(const struct table *t, const struct av *item, bool update, struct fault *f);
bool check_index_key(const struct table_index *x, const struct av *item, bool update, struct fault *f);
/* No key attribute that is there, of the right type, is empty. */
bool check_key_filled(const struct key_schema *k, const struct av *item, struct fault *f);

/* Just the key attributes. */
struct av key_of_item(struct arena *a, const struct key_schema *s, const struct av *item);
/* Fail c as the fault says. */
void fail_fault(struct call *c, const struct fault *f);
void fail_validation(struct call *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* An item as the model's document: text made at once, or a tree when another service asks. */
struct json *item_document(struct call *c, const struct av *item);
struct json *item_document_of_bytes(struct call *c, struct str bytes);
struct json *item_document_weighed(struct call *c, struct str bytes, size_t *size); /* with item_size */

#endif
