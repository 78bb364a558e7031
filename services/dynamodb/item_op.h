/* One write of one item, apart from how it was asked for: PutItem, UpdateItem, DeleteItem, the parts of a
 * transaction, of a batch, and PartiQL statements all become an item_op.
 *
 * First item_op_prepare (reads, condition, computing the new item; writes nothing), then item_op_commit. */
#ifndef DYNAMODB_ITEM_OP_H
#define DYNAMODB_ITEM_OP_H

#include "request.h"
#include "write.h"

enum item_op_kind { ITEM_PUT, ITEM_UPDATE, ITEM_DELETE, ITEM_CHECK };
enum item_op_result { ITEM_READY, ITEM_CONDITION_FAILED, ITEM_INVALID };

struct item_op {
	enum item_op_kind kind;
	const struct table *t;
	struct av input;             /* PUT: the item; else the key */
	struct condition condition;
	struct changes changes;      /* UPDATE */
	/* made by prepare */
	struct str key;
	struct stored old;
	struct av fresh;
	bool has_fresh;              /* there is an item afterwards */
};

/* The parameters of one write, by whatever operation they came; what an operation does not have is absent. */
struct item_input {
	enum item_op_kind kind;
	struct json *item;           /* PUT: the item; else the key */
	struct str table, condition, update, conditional_operator;
	struct map_of names, expected, updates; /* updates: AttributeUpdates */
	struct json *values;
	struct str return_values, on_failure, capacity, collection;
	bool in_transaction;         /* there, placeholders without an expression are passed over */
};

/* Read the parameters into a new op, all but its table, in DynamoDB's order of checks. false: r has a fault. */
bool item_op_read(struct request *r, const struct item_input *in, struct item_op *op);
/* Check the input against the table's schema, load, check the condition. ITEM_INVALID: a fault is set. */
enum item_op_result item_op_prepare(struct call *c, struct item_op *op, struct fault *f);
void item_op_commit(struct call *c, const struct item_op *op, struct consumed *used);

void ddb_put_item(struct call *c);
void ddb_get_item(struct call *c);
void ddb_update_item(struct call *c);
void ddb_delete_item(struct call *c);

/* GetItem's core, for TransactGetItems and BatchGetItem too: the projected document, or NULL. Adds what it read. */
struct json *item_read(struct call *c, const struct table *t, const struct av *key, const struct projection *p, size_t *bytes);

#endif
