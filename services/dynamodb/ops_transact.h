/* TransactWriteItems and TransactGetItems, and what PartiQL's transactions share with them. */
#ifndef DYNAMODB_OPS_TRANSACT_H
#define DYNAMODB_OPS_TRANSACT_H

#include "item_op.h"

enum { TRANSACT_MAX = 100 };

void ddb_transact_write_items(struct call *c);
void ddb_transact_get_items(struct call *c);

/* One part of a transaction of writes. */
struct transact_part {
	struct item_op op;
	struct str on_failure;
	size_t values; /* bytes of ExpressionAttributeValues */
	bool insert;   /* PartiQL's */
};
/* All or nothing. false: c failed (TransactionCanceledException with a reason for each part, in order). */
bool transact_write(struct call *c, struct transact_part *parts, uint32_t n, struct str asked_capacity, struct list *capacity);

/* What a client token says: go on, the request was done already, or c failed (mismatch). */
enum token_state { TOKEN_FRESH, TOKEN_DONE, TOKEN_MISMATCH };
enum token_state transact_token(struct call *c, struct str token, const struct shape *shape, const void *in);

#endif
