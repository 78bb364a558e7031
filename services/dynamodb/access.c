/* See access.h. Sources: "Actions, resources, and condition keys for Amazon DynamoDB" (Service Authorization
 * Reference) and "Using IAM policy conditions for fine-grained access control" (DynamoDB Developer Guide). */
#include "access.h"

#include "access_keys.h"

enum { KEYS_MAX = 8 };

static struct dynamodb_ResourcePolicyRecord *policy_of(struct call *c, struct str name)
{
	const struct table *t = table_lookup(c, name);
	if (t == NULL || !t->record->HasPolicy.v)
		return NULL;
	return call_get(c, key_str(call_key(c, "policy"), name), &dynamodb_shape_ResourcePolicyRecord);
}

/* The condition keys cost a second reading of the parameters: only when a policy can ask for them. */
static bool keys_matter(struct call *c, struct str name_or_arn)
{
	if (c->who->type != PRINCIPAL_ROOT)
		return true;
	struct str name = str_starts(name_or_arn, S("arn:")) ? STR_NONE : name_or_arn;
	return !str_present(name) || policy_of(c, name) != NULL;
}

bool ddb_access_one(struct call *c, const char *action, struct str name_or_arn, struct str index, const struct condition_key *keys, size_t n)
{
	ASSERT(keys != NULL || n == 0);
	struct str name = table_name_of(c, name_or_arn);
	if (!str_present(name))
		return false;
	struct access_extra x = {.keys = keys, .n_keys = n};
	struct dynamodb_ResourcePolicyRecord *policy = policy_of(c, name);
	if (policy != NULL)
		x.resource_policy = policy->Policy;
	struct str arn = str_present(index) ? index_arn(c, name, index) : table_arn(c, name);
	return authorize(c, action, arn, &x);
}

static bool access_touched(struct call *c, const char *action, struct str table, struct str index, const struct touch *t)
{
	struct condition_key *keys = arena_array(c->arena, struct condition_key, KEYS_MAX);
	return ddb_access_one(c, action, table, index, keys, touch_keys(t, keys));
}

/* For the condition keys only: NULL when the table is not there. */
static const struct table *table_for_keys(struct call *c, struct str name_or_arn)
{
	struct str name = table_name_of(c, name_or_arn);
	return str_present(name) ? table_lookup(c, name) : NULL;
}

/* The members that many inputs have, found by the tables of the model. */
static struct str input_member(struct call *c, const char *name)
{
	ASSERT(c->op != NULL && c->op->model->input != NULL);
	const struct member *m = shape_member(c->op->model->input, str_c(name));
	if (m == NULL || m->shape->type != SHAPE_STRING)
		return STR_NONE;
	return *(const struct str *)((const char *)c->in + m->offset);
}

void ddb_access_table(struct call *c)
{
	static const char *const members[] = {"TableName", "TableArn", "SourceTableArn", "SourceTableName"};
	struct str name = STR_NONE;
	for (size_t i = 0; i < COUNT_OF(members) && !str_present(name); i++)
		name = input_member(c, members[i]);
	ddb_access_one(c, NULL, name, STR_NONE, NULL, 0);
}

void ddb_access_resource(struct call *c)
{
	ddb_access_one(c, NULL, input_member(c, "ResourceArn"), STR_NONE, NULL, 0);
}

/* ---- single items ---- */

void ddb_access_get(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_GetItem);
	const struct dynamodb_GetItemInput *in = c->in;
	struct touch t;
	touch_init(&t, c);
	if (keys_matter(c, in->TableName)) {
		touch_item(&t, table_for_keys(c, in->TableName), in->Key);
		touch_expressions(&t, in->ExpressionAttributeNames, NULL, NULL, 0, STR_NONE, in->ProjectionExpression);
		touch_names(&t, in->AttributesToGet);
		t.select = in->AttributesToGet.set || str_present(in->ProjectionExpression) ? S("SPECIFIC_ATTRIBUTES") : S("ALL_ATTRIBUTES");
		t.return_capacity = in->ReturnConsumedCapacity;
	}
	access_touched(c, NULL, in->TableName, STR_NONE, &t);
}

void ddb_access_put(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_PutItem);
	const struct dynamodb_PutItemInput *in = c->in;
	struct touch t;
	touch_init(&t, c);
	if (keys_matter(c, in->TableName)) {
		touch_item(&t, table_for_keys(c, in->TableName), in->Item);
		touch_expressions(&t, in->ExpressionAttributeNames, in->ExpressionAttributeValues, &in->ConditionExpression, 1, STR_NONE, STR_NONE);
		const struct dynamodb_ExpectedAttributeMap_entry *e = in->Expected.v;
		for (uint32_t i = 0; i < in->Expected.n; i++)
			touch_name(&t, e[i].key);
		t.return_values = str_present(in->ReturnValues) ? in->ReturnValues : S("NONE");
		t.return_capacity = in->ReturnConsumedCapacity;
	}
	access_touched(c, NULL, in->TableName, STR_NONE, &t);
}

void ddb_access_delete(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_DeleteItem);
	const struct dynamodb_DeleteItemInput *in = c->in;
	struct touch t;
	touch_init(&t, c);
	if (keys_matter(c, in->TableName)) {
		touch_item(&t, table_for_keys(c, in->TableName), in->Key);
		touch_expressions(&t, in->ExpressionAttributeNames, in->ExpressionAttributeValues, &in->ConditionExpression, 1, STR_NONE, STR_NONE);
		const struct dynamodb_ExpectedAttributeMap_entry *e = in->Expected.v;
		for (uint32_t i = 0; i < in->Expected.n; i++)
			touch_name(&t, e[i].key);
		t.return_values = str_present(in->ReturnValues) ? in->ReturnValues : S("NONE");
		t.return_capacity = in->ReturnConsumedCapacity;
	}
	access_touched(c, NULL, in->TableName, STR_NONE, &t);
}

void ddb_access_update(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_UpdateItem);
	const struct dynamodb_UpdateItemInput *in = c->in;
	struct touch t;
	touch_init(&t, c);
	if (keys_matter(c, in->TableName)) {
		touch_item(&t, table_for_keys(c, in->TableName), in->Key);
		touch_expressions(&t, in->ExpressionAttributeNames, in->ExpressionAttributeValues, &in->ConditionExpression, 1,
		                  in->UpdateExpression, STR_NONE);
		const struct dynamodb_AttributeUpdates_entry *u = in->AttributeUpdates.v;
		for (uint32_t i = 0; i < in->AttributeUpdates.n; i++)
			touch_name(&t, u[i].key);
		const struct dynamodb_ExpectedAttributeMap_entry *e = in->Expected.v;
		for (uint32_t i = 0; i < in->Expected.n; i++)
			touch_name(&t, e[i].key);
		t.return_values = str_present(in->ReturnValues) ? in->ReturnValues : S("NONE");
		t.return_capacity = in->ReturnConsumedCapacity;
	}
	access_touched(c, NULL, in->TableName, STR_NONE, &t);
}

/* ---- searches ---- */

static struct str select_of(struct str asked, bool picks, struct str index)
{
	if (str_present(asked))
		return asked;
	return picks ? S("SPECIFIC_ATTRIBUTES") : str_present(index) ? S("ALL_PROJECTED_ATTRIBUTES") : S("ALL_ATTRIBUTES");
}

void ddb_access_query(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_Query);
	const struct dynamodb_QueryInput *in = c->in;
	struct touch t;
	touch_init(&t, c);
	const struct table *r = keys_matter(c, in->TableName) ? table_for_keys(c, in->TableName) : NULL;
	if (r != NULL) {
		const struct table_index *x = str_present(in->IndexName) ? table_index(r, in->IndexName) : NULL;
		const struct str conditions[] = {in->KeyConditionExpression, in->FilterExpression};
		touch_query(&t, x != NULL ? &x->key : &r->key, in);
		touch_expressions(&t, in->ExpressionAttributeNames, in->ExpressionAttributeValues, conditions, 2, STR_NONE, in->ProjectionExpression);
		touch_names(&t, in->AttributesToGet);
		t.select = select_of(in->Select, in->AttributesToGet.set || str_present(in->ProjectionExpression), in->IndexName);
		t.return_capacity = in->ReturnConsumedCapacity;
	}
	access_touched(c, NULL, in->TableName, in->IndexName, &t);
}

void ddb_access_scan(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_Scan);
	const struct dynamodb_ScanInput *in = c->in;
	struct touch t;
	touch_init(&t, c);
	if (keys_matter(c, in->TableName)) {
		touch_expressions(&t, in->ExpressionAttributeNames, in->ExpressionAttributeValues, &in->FilterExpression, 1, STR_NONE,
		                  in->ProjectionExpression);
		touch_names(&t, in->AttributesToGet);
		t.select = select_of(in->Select, in->AttributesToGet.set || str_present(in->ProjectionExpression), in->IndexName);
		t.return_capacity = in->ReturnConsumedCapacity;
	}
	access_touched(c, NULL, in->TableName, in->IndexName, &t);
}

/* ---- many items ---- */

void ddb_access_batch_get(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_BatchGetItem);
	const struct dynamodb_BatchGetItemInput *in = c->in;
	const struct dynamodb_BatchGetRequestMap_entry *e = in->RequestItems.v;
	for (uint32_t i = 0; i < in->RequestItems.n && !c->failed; i++) {
		const struct dynamodb_KeysAndAttributes *k = &e[i].value;
		struct touch t;
		touch_init(&t, c);
		const struct table *r = keys_matter(c, e[i].key) ? table_for_keys(c, e[i].key) : NULL;
		for (uint32_t j = 0; r != NULL && j < k->Keys.n; j++)
			touch_item(&t, r, *LIST_AT(k->Keys, struct json *, j));
		if (r != NULL) {
			touch_expressions(&t, k->ExpressionAttributeNames, NULL, NULL, 0, STR_NONE, k->ProjectionExpression);
			touch_names(&t, k->AttributesToGet);
			t.select = select_of(STR_NONE, k->AttributesToGet.set || str_present(k->ProjectionExpression), STR_NONE);
		}
		access_touched(c, NULL, e[i].key, STR_NONE, &t);
	}
}

void ddb_access_batch_write(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_BatchWriteItem);
	const struct dynamodb_BatchWriteItemInput *in = c->in;
	const struct dynamodb_BatchWriteItemRequestMap_entry *e = in->RequestItems.v;
	for (uint32_t i = 0; i < in->RequestItems.n && !c->failed; i++) {
		struct touch t;
		touch_init(&t, c);
		const struct table *r = keys_matter(c, e[i].key) ? table_for_keys(c, e[i].key) : NULL;
		for (uint32_t j = 0; r != NULL && j < e[i].value.n; j++) {
			const struct dynamodb_WriteRequest *w = LIST_AT(e[i].value, struct dynamodb_WriteRequest, j);
			touch_item(&t, r, w->PutRequest != NULL ? w->PutRequest->Item : w->DeleteRequest != NULL ? w->DeleteRequest->Key : NULL);
		}
		access_touched(c, NULL, e[i].key, STR_NONE, &t);
	}
}

/* Each part needs the permission of the operation it is. */
static bool access_part(struct call *c, const char *action, struct str table, const struct json *item, struct map_of names, struct json *values,
                        struct str condition, struct str update, struct str projection)
{
	ASSERT(action != NULL);
	struct touch t;
	touch_init(&t, c);
	if (keys_matter(c, table)) {
		touch_item(&t, table_for_keys(c, table), item);
		touch_expressions(&t, names, values, &condition, 1, update, projection);
	}
	return access_touched(c, action, table, STR_NONE, &t);
}

void ddb_access_transact_write(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_TransactWriteItems);
	const struct dynamodb_TransactWriteItemsInput *in = c->in;
	for (uint32_t i = 0; i < in->TransactItems.n && !c->failed; i++) {
		const struct dynamodb_TransactWriteItem *t = LIST_AT(in->TransactItems, struct dynamodb_TransactWriteItem, i);
		if (t->ConditionCheck != NULL)
			access_part(c, "dynamodb:ConditionCheckItem", t->ConditionCheck->TableName, t->ConditionCheck->Key,
			            t->ConditionCheck->ExpressionAttributeNames, t->ConditionCheck->ExpressionAttributeValues,
			            t->ConditionCheck->ConditionExpression, STR_NONE, STR_NONE);
		else if (t->Put != NULL)
			access_part(c, "dynamodb:PutItem", t->Put->TableName, t->Put->Item, t->Put->ExpressionAttributeNames,
			            t->Put->ExpressionAttributeValues, t->Put->ConditionExpression, STR_NONE, STR_NONE);
		else if (t->Delete != NULL)
			access_part(c, "dynamodb:DeleteItem", t->Delete->TableName, t->Delete->Key, t->Delete->ExpressionAttributeNames,
			            t->Delete->ExpressionAttributeValues, t->Delete->ConditionExpression, STR_NONE, STR_NONE);
		else if (t->Update != NULL)
			access_part(c, "dynamodb:UpdateItem", t->Update->TableName, t->Update->Key, t->Update->ExpressionAttributeNames,
			            t->Update->ExpressionAttributeValues, t->Update->ConditionExpression, t->Update->UpdateExpression, STR_NONE);
	}
}

void ddb_access_transact_get(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_TransactGetItems);
	const struct dynamodb_TransactGetItemsInput *in = c->in;
	for (uint32_t i = 0; i < in->TransactItems.n && !c->failed; i++) {
		const struct dynamodb_TransactGetItem *t = LIST_AT(in->TransactItems, struct dynamodb_TransactGetItem, i);
		if (t->Get != NULL)
			access_part(c, "dynamodb:GetItem", t->Get->TableName, t->Get->Key, t->Get->ExpressionAttributeNames, NULL, STR_NONE, STR_NONE,
			            t->Get->ProjectionExpression);
	}
}
