/* What item operations have in common: parameters checked in DynamoDB's order, expressions or their legacy forms
 * made into one kind of condition, update and projection. */
#ifndef DYNAMODB_REQUEST_H
#define DYNAMODB_REQUEST_H

#include "expr.h"
#include "table.h"

/* A parameter and whether the request has it, for the rules on which may stand together. */
struct given { const char *name; bool is; };

/* A legacy condition on one attribute (Expected, QueryFilter, ScanFilter, KeyConditions). */
enum legacy_operator {
	LEGACY_EQ, LEGACY_NE, LEGACY_LE, LEGACY_LT, LEGACY_GE, LEGACY_GT, LEGACY_NOT_NULL, LEGACY_NULL, LEGACY_CONTAINS,
	LEGACY_NOT_CONTAINS, LEGACY_BEGINS_WITH, LEGACY_IN, LEGACY_BETWEEN
};
struct legacy_condition { struct str name; enum legacy_operator op; struct av *values; uint32_t n; };
struct legacy_filter { struct legacy_condition *v; uint32_t n; bool any; /* ConditionalOperator OR */ };

/* A condition of either kind; neither: always true. */
struct condition { const struct expr *expr; struct legacy_filter legacy; };
bool item_condition_holds(const struct condition *c, const struct av *item, struct arena *a);

/* One attribute of AttributeUpdates. */
struct legacy_update { struct str name; enum { LEGACY_PUT, LEGACY_ADD, LEGACY_DELETE } action; struct av value; bool has_value; };
struct changes { struct update update; struct legacy_update *legacy; uint32_t n_legacy; };
bool changes_apply(const struct changes *u, struct av *item, struct fault *f);

/* Everything read of one request (or of one item of a transaction). */
struct request {
	struct call *c;
	struct fault fault;
	struct expr_context x;
};

void request_init(struct request *r, struct call *c);
/* Expressions and legacy parameters exclude one another; names and values need expressions. */
bool request_check_given(struct request *r, const struct given *expressions, size_t n, const struct given *legacy, size_t n_legacy,
                         struct map_of names, const struct json *values);
/* A ConditionalOperator joins two conditions or more. */
bool request_check_joined(struct request *r, struct str conditional_operator, struct map_of conditions);
/* Read the placeholders. */
bool request_placeholders(struct request *r, struct map_of names, const struct json *values);
/* Answer c with the fault; for `return request_failed(&r)` in void handlers. */
void request_failed(struct request *r);

bool request_condition(struct request *r, const char *what, struct str expression, struct condition *out);
bool request_expected(struct request *r, struct map_of expected, struct str conditional_operator, struct condition *out);
bool request_filter(struct request *r, struct map_of filter, struct str conditional_operator, struct condition *out);
bool request_key_conditions(struct request *r, struct map_of conditions, struct key_conditions *out);
bool request_attribute_updates(struct request *r, struct map_of updates, struct changes *out);
bool request_attributes_to_get(struct request *r, struct list names, struct projection *out);
bool request_update(struct request *r, struct str expression, struct changes *out);
bool request_projection(struct request *r, struct str expression, struct projection *out);

/* Paths of expressions must not go into key attributes. */
bool check_key_paths(const struct table *t, const struct path *paths, uint32_t n, struct fault *f);
bool check_condition_paths(const struct table *t, const struct expr *e, struct fault *f);
/* Updates must not name keys. */
bool check_changes_keys(const struct table *t, const struct changes *u, struct fault *f);
/* Does a condition name this attribute at the top? */
bool item_condition_names(const struct condition *c, struct str name);

#endif
