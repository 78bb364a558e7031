/* PutItem, GetItem, UpdateItem, DeleteItem. */
#include "item_op.h"
#include "throttle.h"

/* What PutItem and DeleteItem can return. */
static bool check_return_values(struct request *r, struct str asked)
{
	if (!str_present(asked) || str_eq(asked, S("NONE")) || str_eq(asked, S("ALL_OLD")))
		return true;
	return fault(&r->fault, "ReturnValues can only be ALL_OLD or NONE");
}

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
	if (!throttle_admit(c, op->t, NULL, false))
		return false;
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

/* The parameters that PutItem and DeleteItem share. */
static bool read_conditions(struct request *r, struct str expression, struct map_of expected, struct str conditional_operator,
                            struct map_of names, const struct json *values, struct condition *out)
{
	if (expected.set && !request_expected(r, expected, conditional_operator, out))
		return false;
	return request_placeholders(r, names, values) && request_condition(r, "ConditionExpression", expression, out) &&
	       expr_check_unused(&r->x);
}

static bool read_put(struct request *r, const struct dynamodb_PutItemInput *in, struct item_op *op)
{
	const struct given expressions[] = {{"ConditionExpression", str_present(in->ConditionExpression)}};
	const struct given legacy[] = {{"Expected", in->Expected.set}, {"ConditionalOperator", str_present(in->ConditionalOperator)}};
	if (!request_check_given(r, expressions, 1, legacy, 2, in->ExpressionAttributeNames, in->ExpressionAttributeValues) ||
	    !item_from_json(in->Item, &op->input, &r->fault))
		return false;
	if (!check_return_values(r, in->ReturnValues))
		return false;
	if (item_size(&op->input) > ITEM_SIZE_MAX)
		return fault(&r->fault, "Item size has exceeded the maximum allowed size");
	return read_conditions(r, in->ConditionExpression, in->Expected, in->ConditionalOperator, in->ExpressionAttributeNames,
	                       in->ExpressionAttributeValues, &op->condition);
}

void ddb_put_item(struct call *c)
{
	const struct dynamodb_PutItemInput *in = c->in;
	struct dynamodb_PutItemOutput *out = c->out;
	struct item_op op = {.kind = ITEM_PUT};
	struct request r;
	request_init(&r, c);
	if (!read_put(&r, in, &op)) {
		request_failed(&r);
		return;
	}
	op.t = table_open(c, in->TableName);
	struct consumed used;
	if (op.t == NULL || !write_one(c, &r, &op, in->ReturnValuesOnConditionCheckFailure, &used))
		return;
	if (op.old.found && str_eq(in->ReturnValues, S("ALL_OLD")))
		out->Attributes = item_document_of_bytes(c, op.old.bytes);
	out->ConsumedCapacity = consumed_answer(c, op.t, &used, in->ReturnConsumedCapacity);
	out->ItemCollectionMetrics = collection_metrics(c, op.t, &op.input, in->ReturnItemCollectionMetrics);
	count_metrics(c, op.t, &used, "PutItem", -1);
}

static bool read_delete(struct request *r, const struct dynamodb_DeleteItemInput *in, struct item_op *op)
{
	const struct given expressions[] = {{"ConditionExpression", str_present(in->ConditionExpression)}};
	const struct given legacy[] = {{"Expected", in->Expected.set}, {"ConditionalOperator", str_present(in->ConditionalOperator)}};
	if (!request_check_given(r, expressions, 1, legacy, 2, in->ExpressionAttributeNames, in->ExpressionAttributeValues) ||
	    !item_from_json(in->Key, &op->input, &r->fault))
		return false;
	if (!check_return_values(r, in->ReturnValues))
		return false;
	return read_conditions(r, in->ConditionExpression, in->Expected, in->ConditionalOperator, in->ExpressionAttributeNames,
	                       in->ExpressionAttributeValues, &op->condition);
}

void ddb_delete_item(struct call *c)
{
	const struct dynamodb_DeleteItemInput *in = c->in;
	struct dynamodb_DeleteItemOutput *out = c->out;
	struct item_op op = {.kind = ITEM_DELETE};
	struct request r;
	request_init(&r, c);
	if (!read_delete(&r, in, &op)) {
		request_failed(&r);
		return;
	}
	op.t = table_open(c, in->TableName);
	struct consumed used;
	if (op.t == NULL || !write_one(c, &r, &op, in->ReturnValuesOnConditionCheckFailure, &used))
		return;
	if (op.old.found && str_eq(in->ReturnValues, S("ALL_OLD")))
		out->Attributes = item_document_of_bytes(c, op.old.bytes);
	out->ConsumedCapacity = consumed_answer(c, op.t, &used, in->ReturnConsumedCapacity);
	out->ItemCollectionMetrics = collection_metrics(c, op.t, &op.input, in->ReturnItemCollectionMetrics);
	count_metrics(c, op.t, &used, "DeleteItem", -1);
}

static bool read_update(struct request *r, const struct dynamodb_UpdateItemInput *in, struct item_op *op)
{
	const struct given expressions[] = {{"UpdateExpression", str_present(in->UpdateExpression)},
	                                    {"ConditionExpression", str_present(in->ConditionExpression)}};
	const struct given legacy[] = {{"AttributeUpdates", in->AttributeUpdates.set}, {"Expected", in->Expected.set},
	                               {"ConditionalOperator", str_present(in->ConditionalOperator)}};
	if (!request_check_given(r, expressions, 2, legacy, 3, in->ExpressionAttributeNames, in->ExpressionAttributeValues) ||
	    !item_from_json(in->Key, &op->input, &r->fault))
		return false;
	if (in->AttributeUpdates.set && !request_attribute_updates(r, in->AttributeUpdates, &op->changes))
		return false;
	if (in->Expected.set && !request_expected(r, in->Expected, in->ConditionalOperator, &op->condition))
		return false;
	return request_placeholders(r, in->ExpressionAttributeNames, in->ExpressionAttributeValues) &&
	       request_update(r, in->UpdateExpression, &op->changes) &&
	       request_condition(r, "ConditionExpression", in->ConditionExpression, &op->condition) && expr_check_unused(&r->x);
}

/* The attributes that the request touches, as they are in an item. */
static struct json *touched(struct call *c, const struct changes *u, const struct av *item)
{
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

void ddb_update_item(struct call *c)
{
	const struct dynamodb_UpdateItemInput *in = c->in;
	struct dynamodb_UpdateItemOutput *out = c->out;
	struct item_op op = {.kind = ITEM_UPDATE};
	struct request r;
	request_init(&r, c);
	if (!read_update(&r, in, &op)) {
		request_failed(&r);
		return;
	}
	op.t = table_open(c, in->TableName);
	struct consumed used;
	if (op.t == NULL || !write_one(c, &r, &op, in->ReturnValuesOnConditionCheckFailure, &used))
		return;
	out->Attributes = updated_attributes(c, &op, in->ReturnValues);
	out->ConsumedCapacity = consumed_answer(c, op.t, &used, in->ReturnConsumedCapacity);
	out->ItemCollectionMetrics = collection_metrics(c, op.t, &op.input, in->ReturnItemCollectionMetrics);
	count_metrics(c, op.t, &used, "UpdateItem", -1);
}

struct json *item_read(struct call *c, const struct table *t, const struct av *key, const struct projection *p, size_t *bytes)
{
	ASSERT(bytes != NULL);
	struct str stored;
	if (!txn_get(c->txn, item_key(c, t, key), c->arena, &stored))
		return NULL;
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
	if (!throttle_admit(c, t, NULL, true))
		return;
	size_t bytes = 0;
	out->Item = item_read(c, t, &key, &p, &bytes);
	if (txn_incomplete(c->txn))
		return; /* comes again, and is counted then */
	struct consumed used;
	consumed_init(c, t, &used, true);
	used.table = read_units(bytes, in->ConsistentRead.v);
	out->ConsumedCapacity = consumed_answer(c, t, &used, in->ReturnConsumedCapacity);
	count_metrics(c, t, &used, "GetItem", -1);
}
