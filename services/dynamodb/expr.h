/* Expressions: condition, filter, key condition, projection and update; text to trees, and trees on items.
 *
 * Source: "Condition and filter expressions, operators, and functions", "Update expressions", "Projection
 * expressions" (DynamoDB Developer Guide); sentences and their order of precedence as the service gives them.
 * Trees live in the context's arena; names and values are those of the request. */
#ifndef DYNAMODB_EXPR_H
#define DYNAMODB_EXPR_H

#include "value.h"

enum { EXPR_LENGTH_MAX = 4096, EXPR_OPERATORS_MAX = 300, EXPR_IN_MAX = 100 };

/* ---- placeholders ---- */

struct expr_name { struct str key, name; bool used; };
struct expr_value { struct str key; struct av value; bool used; };

/* What one request's expressions share. */
struct expr_context {
	struct arena *arena;
	struct fault *fault;
	struct expr_name *names;
	size_t n_names;
	struct expr_value *values;
	size_t n_values;
};

/* ---- trees ---- */

struct path_part { struct str name; uint32_t index; bool is_index; };
struct path { const struct path_part *parts; uint32_t n; };

enum expr_kind {
	EXPR_OR, EXPR_AND, EXPR_NOT, EXPR_EQ, EXPR_NE, EXPR_LT, EXPR_LE, EXPR_GT, EXPR_GE, EXPR_BETWEEN, EXPR_IN,
	EXPR_FUNCTION, EXPR_PLUS, EXPR_MINUS, EXPR_PATH, EXPR_VALUE
};
enum expr_function {
	FN_UNKNOWN, FN_ATTRIBUTE_EXISTS, FN_ATTRIBUTE_NOT_EXISTS, FN_ATTRIBUTE_TYPE, FN_BEGINS_WITH, FN_CONTAINS, FN_SIZE,
	FN_IF_NOT_EXISTS, FN_LIST_APPEND
};

struct expr {
	enum expr_kind kind;
	enum expr_function function;
	struct str name;          /* FUNCTION: as written */
	struct expr **args;
	uint32_t n;
	struct path path;         /* PATH */
	const struct av *value;   /* VALUE; NULL only when its placeholder is not defined (then there is a fault) */
};

enum update_kind { UPDATE_SET, UPDATE_REMOVE, UPDATE_ADD, UPDATE_DELETE };
struct update_action {
	enum update_kind kind;
	struct path path;
	struct expr *value;       /* SET: an operand; ADD, DELETE: VALUE; REMOVE: NULL */
};
struct update { struct update_action *actions; uint32_t n; };
struct projection { struct path *paths; uint32_t n; };

/* NONE: one that no key can have, which is said when the keys are known; it has no values. */
enum key_operator { KEY_EQ, KEY_LT, KEY_LE, KEY_GT, KEY_GE, KEY_BETWEEN, KEY_BEGINS_WITH, KEY_NONE };
/* One condition on a key attribute. */
struct key_condition { struct str name; enum key_operator op; const struct av *low, *high; /* high: BETWEEN only */ };
struct key_conditions { struct key_condition v[8]; uint32_t n; };

/* ---- parsing: false with a fault ---- */

/* `what` is "ConditionExpression", "FilterExpression"...: it begins the fault's sentence. */
struct expr *expr_parse_condition(struct expr_context *x, const char *what, struct str text);
bool expr_parse_update(struct expr_context *x, struct str text, struct update *out);
bool expr_parse_projection(struct expr_context *x, struct str text, struct projection *out);
/* KeyConditionExpression: at most eight conditions, in the order written; how many a key can have is known to who knows the
 * key. Operators that no key can have are faults. */
bool expr_parse_key(struct expr_context *x, struct str text, struct key_conditions *out);
/* The second half of it: what a tree of the grammar of conditions asks of keys. */
bool expr_read_key(struct expr_context *x, const struct expr *e, struct key_conditions *out);
/* After all expressions: a fault when a placeholder was not used. */
bool expr_check_unused(struct expr_context *x);
bool expr_is_reserved(struct str word);
/* The type of a placeholder's value; of a function's result when `results`; AV_NONE: not known before the item is. */
enum av_type expr_type(const struct expr *e, bool results);

/* ---- evaluation ---- */

bool expr_matches(const struct expr *e, const struct av *item, struct arena *a);
/* The value at a path, or NULL. */
struct av *path_resolve(const struct path *p, const struct av *item);
/* The attributes (and parts of them) that the paths name. */
struct av projection_apply(struct arena *a, const struct projection *p, const struct av *item);
/* Apply to item (changed in place; it must not share containers with others). false with a fault. */
bool update_apply(const struct update *u, struct av *item, struct fault *f);
/* "[a, [1], b]": how the service shows a path. */
struct str path_show(struct arena *a, const struct path *p);

/* Comparison shared with the legacy parameters. */
bool value_contains(const struct av *container, const struct av *element);
bool value_begins_with(const struct av *v, const struct av *prefix);
/* x op y for LT, LE, GT, GE: false unless both are of one type S, N or B. */
bool value_ordered(enum expr_kind op, const struct av *x, const struct av *y);

#endif
