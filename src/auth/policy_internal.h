/* A parsed policy, and what the files of policy evaluation share. Only src/auth/ includes this. */
#ifndef TSUBO_POLICY_INTERNAL_H
#define TSUBO_POLICY_INTERNAL_H

#include "auth/policy.h"

enum condition_operator {
	OP_STRING_EQUALS, OP_STRING_EQUALS_IGNORE_CASE, OP_STRING_LIKE,
	OP_NUMERIC_EQUALS, OP_NUMERIC_LESS, OP_NUMERIC_LESS_EQUALS, OP_NUMERIC_GREATER, OP_NUMERIC_GREATER_EQUALS,
	OP_DATE_EQUALS, OP_DATE_LESS, OP_DATE_LESS_EQUALS, OP_DATE_GREATER, OP_DATE_GREATER_EQUALS,
	OP_BOOL, OP_BINARY_EQUALS, OP_IP_ADDRESS, OP_ARN_LIKE, OP_NULL
};
enum condition_set { SET_NONE, SET_FOR_ALL_VALUES, SET_FOR_ANY_VALUE };

struct texts { struct str *v; size_t n; };

struct condition {
	enum condition_operator op;
	enum condition_set set;
	bool negated, if_exists;
	struct str key;
	struct texts values;
};

struct principals {
	bool present, negated, everyone; /* "Principal": "*" */
	struct texts aws, service, federated, canonical;
};

struct statement {
	bool allow;
	struct str sid;
	struct principals principals;
	struct texts actions, resources;
	bool not_action, not_resource, has_resource;
	struct condition *conditions;
	size_t n_conditions;
};

struct policy {
	unsigned magic;
	bool variables; /* Version 2012-10-17 */
	struct statement *v;
	size_t n;
};
enum { POLICY_MAGIC = 0x504f4c49 };

/* What a request is matched against: the request and everything made from its principal. */
struct match {
	struct arena *arena;
	const struct policy_request *r;
	bool variables;
};

struct key_values { const struct str *v; size_t n; bool present; };
/* A condition key's values: those sent with the request first, then the global ones made from the principal. */
struct key_values match_key(const struct match *m, struct str name);

/* Does a pattern with '*', '?' and (2012-10-17) variables match? A variable without value matches nothing. */
bool match_glob(const struct match *m, struct str pattern, struct str s, bool ignore_case);
/* The same with ARNs compared part by part. */
bool match_arn(const struct match *m, struct str pattern, struct str s);
/* Variables replaced, wildcards as text. Absent when a variable has no value. */
struct str match_expand(const struct match *m, struct str text);

bool condition_holds(const struct match *m, const struct condition *c);
/* "ForAnyValue:StringNotLikeIfExists" taken apart; false when there is no such operator. */
bool condition_parse_operator(struct str name, struct condition *c);

#endif
