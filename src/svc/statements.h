/* Statements of a resource's policy by their Sid: what AddPermission, PutPermission and their opposites edit. The policy is a tree
 * that the caller parsed from its text and writes again. Source: "IAM JSON policy elements: Sid". */
#ifndef TSUBO_SVC_STATEMENTS_H
#define TSUBO_SVC_STATEMENTS_H

#include "base/json.h"

/* The policy's statements as an array in it: a policy may have one without an array around it, or none. */
struct json *statements_in(struct arena *a, struct json *policy);
/* Where the statement of this Sid is; -1: none. */
ptrdiff_t statement_find(const struct json *statements, struct str sid);
/* Take the i-th away. */
void statement_drop(struct json *statements, size_t i);

#endif
