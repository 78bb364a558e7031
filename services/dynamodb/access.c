/* See access.h. Sources: "Actions, resources, and condition keys for Amazon DynamoDB" (Service Authorization
 * Reference) and "Using IAM policy conditions for fine-grained access control" (DynamoDB Developer Guide). */
#include "access.h"

bool ddb_access_one(struct call *c, const char *action, struct str name_or_arn, struct str index, const struct condition_key *keys, size_t n)
{
	struct str name = table_name_of(c, name_or_arn);
	if (!str_present(name))
		return false;
	struct access_extra x = {.keys = keys, .n_keys = n};
	struct dynamodb_ResourcePolicyRecord *policy =
		call_get(c, key_str(call_key(c, "policy"), name), &dynamodb_shape_ResourcePolicyRecord);
	if (policy != NULL)
		x.resource_policy = policy->Policy;
	struct str arn = str_present(index) ? index_arn(c, name, index) : table_arn(c, name);
	return authorize(c, action, arn, &x);
}

/* The members that many inputs have, found by the tables of the model. */
static struct str input_member(struct call *c, const char *name)
{
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

void ddb_access_query(struct call *c)
{
	const struct dynamodb_QueryInput *in = c->in;
	ddb_access_one(c, NULL, in->TableName, in->IndexName, NULL, 0);
}

void ddb_access_scan(struct call *c)
{
	const struct dynamodb_ScanInput *in = c->in;
	ddb_access_one(c, NULL, in->TableName, in->IndexName, NULL, 0);
}

void ddb_access_resource(struct call *c)
{
	ddb_access_one(c, NULL, input_member(c, "ResourceArn"), STR_NONE, NULL, 0);
}

void ddb_access_batch_get(struct call *c)
{
	const struct dynamodb_BatchGetItemInput *in = c->in;
	const struct dynamodb_BatchGetRequestMap_entry *e = in->RequestItems.v;
	for (uint32_t i = 0; i < in->RequestItems.n; i++)
		if (!ddb_access_one(c, NULL, e[i].key, STR_NONE, NULL, 0))
			return;
}

void ddb_access_batch_write(struct call *c)
{
	const struct dynamodb_BatchWriteItemInput *in = c->in;
	const struct dynamodb_BatchWriteItemRequestMap_entry *e = in->RequestItems.v;
	for (uint32_t i = 0; i < in->RequestItems.n; i++)
		if (!ddb_access_one(c, NULL, e[i].key, STR_NONE, NULL, 0))
			return;
}

/* Each part needs the permission of the operation it is. */
void ddb_access_transact_write(struct call *c)
{
	const struct dynamodb_TransactWriteItemsInput *in = c->in;
	for (uint32_t i = 0; i < in->TransactItems.n && !c->failed; i++) {
		const struct dynamodb_TransactWriteItem *t = LIST_AT(in->TransactItems, struct dynamodb_TransactWriteItem, i);
		if (t->ConditionCheck != NULL)
			ddb_access_one(c, "dynamodb:ConditionCheckItem", t->ConditionCheck->TableName, STR_NONE, NULL, 0);
		else if (t->Put != NULL)
			ddb_access_one(c, "dynamodb:PutItem", t->Put->TableName, STR_NONE, NULL, 0);
		else if (t->Delete != NULL)
			ddb_access_one(c, "dynamodb:DeleteItem", t->Delete->TableName, STR_NONE, NULL, 0);
		else if (t->Update != NULL)
			ddb_access_one(c, "dynamodb:UpdateItem", t->Update->TableName, STR_NONE, NULL, 0);
	}
}

void ddb_access_transact_get(struct call *c)
{
	const struct dynamodb_TransactGetItemsInput *in = c->in;
	for (uint32_t i = 0; i < in->TransactItems.n && !c->failed; i++) {
		const struct dynamodb_TransactGetItem *t = LIST_AT(in->TransactItems, struct dynamodb_TransactGetItem, i);
		if (t->Get != NULL)
			ddb_access_one(c, "dynamodb:GetItem", t->Get->TableName, STR_NONE, NULL, 0);
	}
}
