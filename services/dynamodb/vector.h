/* Vector indexes: what they hold of an item, how that is kept in step with it, and how they are defined.
 *
 * An entry lies in a space of the index's own, under the HASH attribute of its search schema (when it has one) and the item's
 * own key, and holds the vector as packed floats with the values of its inline filters; what a search gives back is read from
 * the item itself, which the same transaction wrote. An item without the vector, or without the HASH attribute, is not in the
 * index. Source: "Vector search" (DynamoDB Developer Guide) and its pages on creating, searching and troubleshooting. */
#ifndef DYNAMODB_VECTOR_H
#define DYNAMODB_VECTOR_H

#include "table.h"
#include "vector_score.h"
#include "write.h"

enum { VECTOR_INDEXES_MAX = 5, VECTOR_FILTERS_MAX = 18, VECTOR_TOP_MAX = 100, VECTOR_BYTES_MIN = 1024 };

struct vector_index {
	struct table_index x; /* name, space, projection; its key is the search schema, the HASH attribute (n_hash 0 or 1) first */
	struct str attribute;
	uint32_t dimensions;
	enum vector_distance distance;
};

/* Fill in t's vector indexes from its record. */
void vectors_of_record(struct arena *a, struct table *t);
const struct vector_index *vector_index(const struct table *t, struct str name);

/* ---- entries ---- */

/* Is what the item has of the indexes' attributes as they want it? false with a fault, in DynamoDB's words. */
bool check_vectors(const struct table *t, const struct av *item, struct fault *f);
/* Bring an index in step with a change of an item. Returns VectorWriteRequestBytes: 0 when nothing of the index changes. */
double vector_write(struct call *c, const struct table *t, const struct vector_index *v, const struct stored *old, const struct av *fresh);
/* The entry of an item that was there before the index. */
void vector_fill(struct call *c, const struct table *t, const struct vector_index *v, const struct av *item);
/* The beginning of the entries' keys: of a HASH attribute's value, NULL when the index has none. What follows is the item's key
 * behind its space. */
struct str vector_prefix(struct call *c, const struct vector_index *v, const struct av *hash);

/* An entry read back. Views into the bytes. */
struct vector_entry { const char *packed; double squares; struct str filters; /* for item_decode; empty: none */ };
struct vector_entry vector_entry_read(const struct vector_index *v, struct str bytes);

/* ---- definitions (vector_define.c); false with c failed ---- */

struct table_definition;
/* Those of a new table. */
bool vector_check_definition(struct call *c, const struct table_definition *d);
/* Put them into the description of r, which is being made. */
void vector_make(struct call *c, struct dynamodb_Table *r, struct list indexes);
/* A table's as a definition's list. */
struct list vector_definitions(struct call *c, const struct dynamodb_TableDescription *d);
/* A global index must not have a vector among its keys. */
bool vector_check_key(struct call *c, const struct dynamodb_TableDescription *d, struct list attributes, struct list key_schema);
/* UpdateTable's VectorIndexUpdates; r is not saved. */
bool vector_updates(struct call *c, struct dynamodb_Table *r, struct list updates, bool on_demand);
/* The member of a global table gets the indexes that another has. */
void vector_follow(struct call *c, struct dynamodb_Table *r, const struct dynamodb_Table *now);
/* VectorIndexOverride of a restore: some of the source's. */
bool vector_override(struct call *c, struct list asked, const struct dynamodb_TableDescription *source, struct list *out);
struct dynamodb_VectorIndexDescription *vector_described(const struct dynamodb_Table *r, struct str name); /* NULL: not there */
/* Is the attribute in the search schema of one of them? */
bool vector_schema_names(struct list indexes, struct str attribute);

#endif
