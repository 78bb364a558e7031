/* PutItem, GetItem, UpdateItem, DeleteItem. */
#include "insights.h"
#include "item_op.h"
#include "seal.h"
#include "throttle.h"

/* ConditionalCheckFailedException, with the item when it was asked for. */
static void fail_condition(struct call *c, const struct item_op *op, struct str return_values)
{
	ASSERT(op->t != NULL);
	struct dynamodb_ConditionalCheckFailedException *e =
		call_fail(c, &dynamodb_err_ConditionalCheckFailedException, "The conditional request failed");
	if (op->old.found && str_eq(return_values, S("ALL_OLD")))
		e->Item = item_document(c, &op->old.item);
	count_metric(c, op->t->name, "ConditionalCheckFailedRequests", 1);
}

/* Prepare and commit one write; false when c has failed. */
static bool write_one(struct call *c, struct request *r, struct item_op *op, struct str on_failure, struct consumed *used)
{
	ASSERT(op->t != NULL && txn_writable(c->txn));
	if (!throttle_admit(c, op->t, NULL, false)) {
		if (insights_kept(op->t))
			insights_throttle(c, op->t, NULL, &op->input, true);
		return false;
	}
	switch (item_op_prepare(c, op, &r->fault)) {
	case ITEM_INVALID:
		request_failed(r);
		return false;
	case ITEM_CONDITION_FAILED:
		fail_condition(c, op, on_failure);
		return false;
	case ITEM_READY:
		break;
	}
	consumed_init(c, op->t, used, false);
	item_op_commit(c, op, used);
	return true;
}

/* What the three writing operations answer. */
struct write_answer {
	struct json *attributes;
	struct dynamodb_ConsumedCapacity *capacity;
	struct dynamodb_ItemCollectionMetrics *collection;
};

/* The attributes that the request touches, as they are in an item. */
static struct json *touched(struct call *c, const struct changes *u, const struct av *item)
{
	ASSERT(item != NULL);
	struct arena *a = c->arena;
	struct projection p = {.paths = arena_array(a, struct path, u->update.n + u->n_legacy)};
	for (uint32_t i = 0; i < u->update.n; i++)
		p.paths[p.n++] = u->update.actions[i].path;
	for (uint32_t i = 0; i < u->n_legacy; i++) {
		struct path_part *part = arena_new_of(a, struct path_part);
		part->name = u->legacy[i].name;
		p.paths[p.n++] = (struct path){part, 1};
	}
	struct av picked = projection_apply(a, &p, item);
	return picked.n > 0 ? item_document(c, &picked) : NULL;
}

static struct json *updated_attributes(struct call *c, const struct item_op *op, struct str asked)
{
	ASSERT(op->kind == ITEM_UPDATE);
	const struct av *fresh = op->has_fresh ? &op->fresh : NULL, *old = op->old.found ? &op->old.item : NULL;
	if (str_eq(asked, S("ALL_OLD")))
		return old != NULL ? item_document(c, old) : NULL;
	if (str_eq(asked, S("ALL_NEW")))
		return fresh != NULL ? item_document(c, fresh) : NULL;
	if (str_eq(asked, S("UPDATED_OLD")))
		return old != NULL ? touched(c, &op->changes, old) : NULL;
	if (str_eq(asked, S("UPDATED_NEW")))
		return fresh != NULL ? touched(c, &op->changes, fresh) : NULL;
	return NULL;
}

/* PutItem, UpdateItem and DeleteItem, from the parameters to the answer; false when c has failed. */
static bool write_item(struct call *c, const struct item_input *in, const char *operation, struct write_answer *out)
{
	ASSERT(txn_writable(c->txn) && operation != NULL);
	struct item_op op;
	struct request r;
	request_init(&r, c);
	if (!item_op_read(&r, in, &op)) {
		request_failed(&r);
		return false;
	}
	op.t = table_open(c, in->table);
	struct consumed used;
	if (op.t == NULL || !write_one(c, &r, &op, in->on_failure, &used))
		return false;
	if (op.kind == ITEM_UPDATE)
		out->attributes = updated_attributes(c, &op, in->return_values);
	else if (op.old.found && str_eq(in->return_values, S("ALL_OLD")))
		out->attributes = item_document_of_bytes(c, op.old.bytes);
	out->capacity = consumed_answer(c, op.t, &used, in->capacity);
	out->collection = collection_metrics(c, op.t, &op.input, in->collection);
	count_metrics(c, op.t, &used, operation, -1);
	return true;
}

/* The members that the three inputs have in common, by the same names in three types. */
#define ITEM_INPUT(kind_, item_, in) \
	{.kind = (kind_), .item = (item_), .table = (in)->TableName, .condition = (in)->ConditionExpression, .expected = (in)->Expected, \
	 .conditional_operator = (in)->ConditionalOperator, .names = (in)->ExpressionAttributeNames, .values = (in)->ExpressionAttributeValues, \
	 .return_values = (in)->ReturnValues, .on_failure = (in)->ReturnValuesOnConditionCheckFailure, .capacity = (in)->ReturnConsumedCapacity, \
	 .collection = (in)->ReturnItemCollectionMetrics}
#define ITEM_OUTPUT(answer) \
	{.Attributes = (answer).attributes, .ConsumedCapacity = (answer).capacity, .ItemCollectionMetrics = (answer).collection}

void ddb_put_item(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_PutItem);
	const struct dynamodb_PutItemInput *in = c->in;
	const struct item_input read = ITEM_INPUT(ITEM_PUT, in->Item, in);
	struct write_answer answer = {0};
	if (write_item(c, &read, "PutItem", &answer))
		*(struct dynamodb_PutItemOutput *)c->out = (struct dynamodb_PutItemOutput)ITEM_OUTPUT(answer);
}

void ddb_delete_item(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_DeleteItem);
	const struct dynamodb_DeleteItemInput *in = c->in;
	const struct item_input read = ITEM_INPUT(ITEM_DELETE, in->Key, in);
	struct write_answer answer = {0};
	if (write_item(c, &read, "DeleteItem", &answer))
		*(struct dynamodb_DeleteItemOutput *)c->out = (struct dynamodb_DeleteItemOutput)ITEM_OUTPUT(answer);
}

void ddb_update_item(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_UpdateItem);
	const struct dynamodb_UpdateItemInput *in = c->in;
	struct item_input read = ITEM_INPUT(ITEM_UPDATE, in->Key, in);
	struct write_answer answer = {0};
	read.update = in->UpdateExpression;
	read.updates = in->AttributeUpdates;
	if (write_item(c, &read, "UpdateItem", &answer))
		*(struct dynamodb_UpdateItemOutput *)c->out = (struct dynamodb_UpdateItemOutput)ITEM_OUTPUT(answer);
}

struct json *item_read(struct call *c, const struct table *t, const struct av *key, const struct projection *p, size_t *bytes)
{
	ASSERT(bytes != NULL);
	struct str stored, k = item_key(c, t, key);
	if (!txn_get(c->txn, k, c->arena, &stored))
		return NULL;
	stored = open_value(c, t, k, stored);
	size_t size;
	if (p->n == 0) {
		struct json *whole = item_document_weighed(c, stored, &size);
		*bytes += size;
		return whole;
	}
	bool ok = item_bytes_size(stored, &size);
	ASSERT(ok);
	*bytes += size;
	struct av item;
	ok = item_decode(c->arena, stored, &item);
	ASSERT(ok);
	struct av picked = projection_apply(c->arena, p, &item);
	return item_document(c, &picked);
}

static bool read_get(struct request *r, const struct dynamodb_GetItemInput *in, struct av *key, struct projection *p)
{
	const struct given expressions[] = {{"ProjectionExpression", str_present(in->ProjectionExpression)}};
	const struct given legacy[] = {{"AttributesToGet", in->AttributesToGet.set}};
	return request_check_given(r, expressions, 1, legacy, 1, in->ExpressionAttributeNames, NULL) &&
	       item_from_json(in->Key, key, &r->fault) &&
	       (!in->AttributesToGet.set || request_attributes_to_get(r, in->AttributesToGet, p)) &&
	       request_placeholders(r, in->ExpressionAttributeNames, NULL) &&
	       request_projection(r, in->ProjectionExpression, p) && expr_check_unused(&r->x);
}

void ddb_get_item(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_GetItem);
	const struct dynamodb_GetItemInput *in = c->in;
	struct dynamodb_GetItemOutput *out = c->out;
	struct projection p = {0};
	struct av key;
	struct request r;
	request_init(&r, c);
	if (!read_get(&r, in, &key, &p)) {
		request_failed(&r);
		return;
	}
	struct table *t = table_open(c, in->TableName);
	if (t == NULL)
		return;
	if (!check_key(t, &key, &r.fault) || !check_key_paths(t, p.paths, p.n, &r.fault)) {
		request_failed(&r);
		return;
	}
	if (!throttle_admit(c, t, NULL, true)) {
		if (insights_kept(t))
			insights_throttle(c, t, NULL, &key, true);
		return;
	}
	size_t bytes = 0;
	out->Item = item_read(c, t, &key, &p, &bytes);
	if (txn_incomplete(c->txn))
		return; /* comes again, and is counted then */
	struct consumed used;
	consumed_init(c, t, &used, true);
	used.table = read_units(bytes, in->ConsistentRead.v);
	out->ConsumedCapacity = consumed_answer(c, t, &used, in->ReturnConsumedCapacity);
	count_metrics(c, t, &used, "GetItem", -1);
	if (insights_kept(t))
		insights_read(c, t, NULL, &key, true, used.table);
}
