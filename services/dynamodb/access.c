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

/* ---- an input's parameters, found by their names in the model: requests, parts of transactions and of batches call the
 * same things by the same names ---- */

struct parameters { const struct shape *shape; const char *v; };

static const void *parameter(struct parameters p, const char *name)
{
	ASSERT(p.v != NULL);
	const struct member *m = shape_member(p.shape, str_c(name));
	return m != NULL ? p.v + m->offset : NULL;
}

static struct str text_of(struct parameters p, const char *name)
{
	const struct str *s = parameter(p, name);
	return s != NULL ? *s : STR_NONE;
}

static struct json *document_of(struct parameters p, const char *name)
{
	struct json *const *j = parameter(p, name);
	return j != NULL ? *j : NULL;
}

static struct map_of map_of_name(struct parameters p, const char *name)
{
	const struct map_of *m = parameter(p, name);
	return m != NULL ? *m : (struct map_of){0};
}

static struct list list_of_name(struct parameters p, const char *name)
{
	const struct list *l = parameter(p, name);
	return l != NULL ? *l : (struct list){0};
}

static struct parameters input_of(struct call *c)
{
	ASSERT(c->op != NULL && model_op_input(c->op->model) != NULL);
	return (struct parameters){model_op_input(c->op->model), c->in};
}

/* The names in the keys of Expected, AttributeUpdates and the legacy filters. */
static void touch_map_names(struct touch *t, struct parameters p, const char *name)
{
	const struct member *m = shape_member(p.shape, str_c(name));
	struct map_of map = map_of_name(p, name);
	for (uint32_t i = 0; i < map.n; i++)
		touch_name(t, *(const struct str *)((const char *)map.v + (size_t)i * member_shape(m)->size));
}

/* Select as it works out when it is not given. */
static struct str select_of(struct parameters p, struct str index)
{
	struct str asked = text_of(p, "Select");
	if (str_present(asked))
		return asked;
	if (list_of_name(p, "AttributesToGet").set || str_present(text_of(p, "ProjectionExpression")))
		return S("SPECIFIC_ATTRIBUTES");
	return str_present(index) ? S("ALL_PROJECTED_ATTRIBUTES") : S("ALL_ATTRIBUTES");
}

/* All that one set of parameters touches in its table. */
static void touch_parameters(struct touch *t, struct parameters p, const struct table *table)
{
	ASSERT(p.v != NULL && t->c != NULL);
	static const char *const items[] = {"Key", "Item"};
	static const char *const maps[] = {"Expected", "AttributeUpdates", "QueryFilter", "ScanFilter", "KeyConditions"};
	const struct str conditions[] = {text_of(p, "ConditionExpression"), text_of(p, "FilterExpression"), text_of(p, "KeyConditionExpression")};
	for (size_t i = 0; i < COUNT_OF(items); i++)
		if (document_of(p, items[i]) != NULL)
			touch_item(t, table, document_of(p, items[i]));
	struct list keys = list_of_name(p, "Keys");
	for (uint32_t i = 0; i < keys.n; i++)
		touch_item(t, table, *LIST_AT(keys, struct json *, i));
	touch_expressions(t, map_of_name(p, "ExpressionAttributeNames"), document_of(p, "ExpressionAttributeValues"), conditions,
	                  COUNT_OF(conditions), text_of(p, "UpdateExpression"), text_of(p, "ProjectionExpression"));
	touch_names(t, list_of_name(p, "AttributesToGet"));
	for (size_t i = 0; i < COUNT_OF(maps); i++)
		touch_map_names(t, p, maps[i]);
	t->return_capacity = text_of(p, "ReturnConsumedCapacity");
	if (parameter(p, "ReturnValues") != NULL)
		t->return_values = str_present(text_of(p, "ReturnValues")) ? text_of(p, "ReturnValues") : S("NONE");
	if (parameter(p, "ProjectionExpression") != NULL) /* what reads */
		t->select = select_of(p, text_of(p, "IndexName"));
}

void ddb_access_table(struct call *c)
{
	static const char *const members[] = {"TableName", "TableArn", "SourceTableArn", "SourceTableName"};
	struct str name = STR_NONE;
	for (size_t i = 0; i < COUNT_OF(members) && !str_present(name); i++)
		name = text_of(input_of(c), members[i]);
	if (!str_present(name) && parameter(input_of(c), "TableName") != NULL) { /* said in words of their own, so not in the model's (codec.json) */
		fail_validation(c, "The parameter 'TableName' is required but was not present in the request");
		return;
	}
	ddb_access_one(c, NULL, name, text_of(input_of(c), "IndexName"), NULL, 0);
}

void ddb_access_resource(struct call *c)
{
	struct str arn = text_of(input_of(c), "ResourceArn");
	if (resource_arn_check(c, arn))
		ddb_access_one(c, NULL, arn, STR_NONE, NULL, 0);
}

/* ---- one table ---- */

/* Each part of a transaction needs the permission of the operation it is; action NULL: the call's. */
static bool access_parameters(struct call *c, const char *action, struct parameters p)
{
	ASSERT(p.shape != NULL);
	struct touch t;
	touch_init(&t, c);
	struct str name = text_of(p, "TableName");
	if (keys_matter(c, name))
		touch_parameters(&t, p, table_for_keys(c, name));
	return access_touched(c, action, name, text_of(p, "IndexName"), &t);
}

void ddb_access_items(struct call *c)
{
	access_parameters(c, NULL, input_of(c));
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
		touch_query(&t, x != NULL ? &x->key : &r->key, in);
		touch_parameters(&t, input_of(c), r);
	}
	access_touched(c, NULL, in->TableName, in->IndexName, &t);
}

/* ---- several ---- */

void ddb_access_batch_get(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_BatchGetItem);
	const struct dynamodb_BatchGetItemInput *in = c->in;
	const struct dynamodb_BatchGetRequestMap_entry *e = in->RequestItems.v;
	for (uint32_t i = 0; i < in->RequestItems.n && !c->failed; i++) {
		struct parameters p = {&dynamodb_shape_KeysAndAttributes, (const char *)&e[i].value};
		struct touch t;
		touch_init(&t, c);
		if (keys_matter(c, e[i].key))
			touch_parameters(&t, p, table_for_keys(c, e[i].key));
		t.return_capacity = in->ReturnConsumedCapacity;
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
		t.return_capacity = in->ReturnConsumedCapacity;
		access_touched(c, NULL, e[i].key, STR_NONE, &t);
	}
}

void ddb_access_transact_write(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_TransactWriteItems);
	const struct dynamodb_TransactWriteItemsInput *in = c->in;
	for (uint32_t i = 0; i < in->TransactItems.n && !c->failed; i++) {
		const struct dynamodb_TransactWriteItem *t = LIST_AT(in->TransactItems, struct dynamodb_TransactWriteItem, i);
		const struct { const char *action; struct parameters p; } parts[] = {
			{"dynamodb:ConditionCheckItem", {&dynamodb_shape_ConditionCheck, (const char *)t->ConditionCheck}},
			{"dynamodb:PutItem", {&dynamodb_shape_Put, (const char *)t->Put}},
			{"dynamodb:DeleteItem", {&dynamodb_shape_Delete, (const char *)t->Delete}},
			{"dynamodb:UpdateItem", {&dynamodb_shape_Update, (const char *)t->Update}},
		};
		for (size_t j = 0; j < COUNT_OF(parts) && !c->failed; j++)
			if (parts[j].p.v != NULL)
				access_parameters(c, parts[j].action, parts[j].p);
	}
}

void ddb_access_transact_get(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_TransactGetItems);
	const struct dynamodb_TransactGetItemsInput *in = c->in;
	for (uint32_t i = 0; i < in->TransactItems.n && !c->failed; i++) {
		const struct dynamodb_TransactGetItem *t = LIST_AT(in->TransactItems, struct dynamodb_TransactGetItem, i);
		if (t->Get != NULL)
			access_parameters(c, "dynamodb:GetItem", (struct parameters){&dynamodb_shape_Get, (const char *)t->Get});
	}
}
