/* The condition keys of fine-grained access control, from a request's parameters. */
#ifndef DYNAMODB_ACCESS_KEYS_H
#define DYNAMODB_ACCESS_KEYS_H

#include "request.h"

/* What one request (or one part of one) touches. Collected only when a policy may ask. */
struct touch {
	struct call *c;
	struct str *leading, *attributes;
	uint32_t n_leading, n_attributes;
	struct str select, return_values, return_capacity;
};

void touch_init(struct touch *t, struct call *c);
/* Names and values of an item or key: attribute names, and the partition key's value. */
void touch_item(struct touch *t, const struct table *table, const struct json *item);
/* What expressions name; texts may be absent. Expressions that do not parse add nothing: the operation will refuse. */
void touch_expressions(struct touch *t, struct map_of names, struct json *values, const struct str *conditions, size_t n,
                       struct str update, struct str projection);
void touch_names(struct touch *t, struct list attributes);
void touch_name(struct touch *t, struct str name);
/* The partition that a key condition asks for. */
void touch_query(struct touch *t, const struct key_schema *schema, const struct dynamodb_QueryInput *in);
/* The condition keys; at most 5. */
size_t touch_keys(const struct touch *t, struct condition_key *out);

#endif
