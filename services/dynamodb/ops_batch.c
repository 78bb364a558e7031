/* BatchGetItem and BatchWriteItem: many single operations, checked as one, each on its own. */
#include "ops_batch.h"
#include "insights.h"
#include "throttle.h"

enum { GETS_MAX = 100, WRITES_MAX = 25, ANSWER_BYTES_MAX = 16 * 1024 * 1024 };

#define SAME_KEYS "Provided list of item keys contains duplicates"

/* Key bytes seen in one request. */
struct seen { struct str *v; uint32_t n; };

static bool see(struct seen *s, struct str key, struct fault *f)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (str_eq(s->v[i], key))
			return fault(f, SAME_KEYS);
	s->v[s->n++] = key;
	return true;
}

static bool wants_capacity(struct str asked)
{
	return str_eq(asked, S("TOTAL")) || str_eq(asked, S("INDEXES"));
}

/* ---- BatchGetItem ---- */

struct get_batch {
	const struct dynamodb_BatchGetRequestMap_entry *in;
	struct table *t;
	struct projection projection;
	struct av *keys;
	uint32_t n;
};

static bool read_get_batch(struct call *c, struct get_batch *b)
{
	ASSERT(b->t == NULL && b->in != NULL);
	const struct dynamodb_KeysAndAttributes *in = &b->in->value;
	const struct given expressions[] = {{"ProjectionExpression", str_present(in->ProjectionExpression)}};
	const struct given legacy[] = {{"AttributesToGet", in->AttributesToGet.set}};
	struct request r;
	request_init(&r, c);
	bool ok = request_check_given(&r, expressions, 1, legacy, 1, in->ExpressionAttributeNames, NULL) &&
	          (!in->AttributesToGet.set || request_attributes_to_get(&r, in->AttributesToGet, &b->projection)) &&
	          request_placeholders(&r, in->ExpressionAttributeNames, NULL) &&
	          request_projection(&r, in->ProjectionExpression, &b->projection) && expr_check_unused(&r.x);
	b->n = in->Keys.n;
	b->keys = arena_array(c->arena, struct av, b->n);
	for (uint32_t i = 0; ok && i < b->n; i++)
		ok = item_from_json(*LIST_AT(in->Keys, struct json *, i), &b->keys[i], &r.fault);
	if (!ok)
		request_failed(&r);
	return ok;
}

/* Keys as they were sent. */
static bool check_distinct_keys(struct call *c, const struct get_batch *b)
{
	ASSERT(b->n <= GETS_MAX);
	for (uint32_t i = 0; i < b->n; i++)
		for (uint32_t j = 0; j < i; j++)
			if (av_equal(&b->keys[i], &b->keys[j])) {
				fail_validation(c, SAME_KEYS);
				return false;
			}
	return true;
}

static bool check_get_batch(struct call *c, struct get_batch *b, struct seen *seen)
{
	ASSERT(b->t == NULL && b->keys != NULL);
	struct fault f = {.arena = c->arena};
	/* Equal keys are the greater mistake than a table that is not there; of one that is they are compared as bytes, below. */
	if (table_lookup(c, b->in->key) == NULL && !check_distinct_keys(c, b))
		return false;
	b->t = table_open(c, b->in->key);
	if (b->t == NULL)
		return false;
	bool ok = check_key_paths(b->t, b->projection.paths, b->projection.n, &f);
	for (uint32_t i = 0; ok && i < b->n; i++)
		ok = check_key(b->t, &b->keys[i], &f) && see(seen, item_key(c, b->t, &b->keys[i]), &f);
	if (!ok)
		fail_fault(c, &f);
	return ok;
}

/* The keys from `from` on come back as not processed. */
static void leave_unprocessed(struct dynamodb_BatchGetItemOutput *out, const struct get_batch *b, uint32_t from)
{
	ASSERT(from < b->n);
	struct dynamodb_BatchGetRequestMap_entry *e = (struct dynamodb_BatchGetRequestMap_entry *)out->UnprocessedKeys.v + out->UnprocessedKeys.n++;
	*e = *b->in;
	e->value.Keys.v = LIST_AT(b->in->value.Keys, struct json *, from);
	e->value.Keys.n -= from;
}

static void run_get_batch(struct call *c, struct get_batch *b, size_t *bytes, struct dynamodb_BatchGetItemOutput *out)
{
	ASSERT(b->t != NULL);
	const struct dynamodb_BatchGetItemInput *in = c->in;
	struct consumed used;
	consumed_init(c, b->t, &used, true);
	struct dynamodb_BatchGetResponseMap_entry *e = (struct dynamodb_BatchGetResponseMap_entry *)out->Responses.v + out->Responses.n++;
	struct json **items = arena_array(c->arena, struct json *, b->n);
	e->key = b->in->key;
	e->value = (struct list){items, 0, true};
	double left = throttle_left(c, b->t, NULL, true);
	for (uint32_t i = 0; i < b->n; i++) {
		if (*bytes > ANSWER_BYTES_MAX || used.table >= left) {
			leave_unprocessed(out, b, i);
			for (uint32_t k = i; used.table >= left && insights_kept(b->t) && k < b->n; k++)
				insights_throttle(c, b->t, NULL, &b->keys[k], true);
			break;
		}
		size_t size = 0;
		struct json *item = item_read(c, b->t, &b->keys[i], &b->projection, &size);
		double units = read_units(size, b->in->value.ConsistentRead.v);
		used.table += units;
		if (insights_kept(b->t))
			insights_read(c, b->t, NULL, &b->keys[i], true, units);
		*bytes += size;
		if (item != NULL)
			items[e->value.n++] = item;
	}
	if (wants_capacity(in->ReturnConsumedCapacity))
		consumed_fill(c, b->t, &used, in->ReturnConsumedCapacity, false,
		              (struct dynamodb_ConsumedCapacity *)out->ConsumedCapacity.v + out->ConsumedCapacity.n++);
	count_metrics(c, b->t, &used, "BatchGetItem", e->value.n);
}

void ddb_batch_get_item(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_BatchGetItem);
	const struct dynamodb_BatchGetItemInput *in = c->in;
	struct dynamodb_BatchGetItemOutput *out = c->out;
	const struct dynamodb_BatchGetRequestMap_entry *entries = in->RequestItems.v;
	uint32_t n = in->RequestItems.n, total = 0;
	struct get_batch *batches = arena_array(c->arena, struct get_batch, n);
	for (uint32_t i = 0; i < n; i++) {
		batches[i].in = &entries[i];
		if (!read_get_batch(c, &batches[i]))
			return;
		total += batches[i].n;
	}
	if (total > GETS_MAX) {
		fail_validation(c, "Too many items requested for the BatchGetItem call");
		return;
	}
	struct seen seen = {arena_array(c->arena, struct str, total), 0};
	for (uint32_t i = 0; i < n; i++)
		if (!check_get_batch(c, &batches[i], &seen))
			return;
	out->Responses = MAP_OF(c->arena, struct dynamodb_BatchGetResponseMap_entry, n);
	out->UnprocessedKeys = MAP_OF(c->arena, struct dynamodb_BatchGetRequestMap_entry, n);
	out->Responses.n = out->UnprocessedKeys.n = 0;
	if (wants_capacity(in->ReturnConsumedCapacity)) {
		out->ConsumedCapacity = LIST_OF(c->arena, struct dynamodb_ConsumedCapacity, n);
		out->ConsumedCapacity.n = 0;
	}
	size_t bytes = 0;
	for (uint32_t i = 0; i < n; i++)
		run_get_batch(c, &batches[i], &bytes, out);
	uint32_t left = 0;
	for (uint32_t i = 0; i < out->UnprocessedKeys.n; i++)
		left += ((struct dynamodb_BatchGetRequestMap_entry *)out->UnprocessedKeys.v)[i].value.Keys.n;
	if (left == total) /* nothing could be done at all */
		call_fail(c, &dynamodb_err_ProvisionedThroughputExceededException, "%s", throttle_message);
}

/* ---- BatchWriteItem ---- */

struct write_batch {
	const struct dynamodb_BatchWriteItemRequestMap_entry *in;
	struct str name;
	struct table *t;
	struct item_op *ops;
	uint32_t n;
};

static bool read_write(struct call *c, const struct dynamodb_WriteRequest *in, struct item_op *op)
{
	struct fault f = {.arena = c->arena};
	*op = (struct item_op){.kind = in->PutRequest != NULL ? ITEM_PUT : ITEM_DELETE};
	bool ok = true;
	if ((in->PutRequest != NULL) == (in->DeleteRequest != NULL))
		ok = fault(&f, "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes");
	else if (in->PutRequest != NULL)
		ok = item_from_json(in->PutRequest->Item, &op->input, &f);
	else
		ok = item_from_json(in->DeleteRequest->Key, &op->input, &f);
	if (!ok)
		fail_fault(c, &f);
	return ok;
}

static bool read_write_batch(struct call *c, const struct dynamodb_BatchWriteItemRequestMap_entry *e, struct write_batch *b)
{
	*b = (struct write_batch){.in = e, .name = e->key, .ops = arena_array(c->arena, struct item_op, e->value.n)};
	for (uint32_t i = 0; i < e->value.n; i++)
		if (!read_write(c, LIST_AT(e->value, struct dynamodb_WriteRequest, i), &b->ops[b->n++]))
			return false;
	return true;
}

/* An item without its keys is told of as a key would be. */
static bool check_put_key(const struct table *t, const struct item_op *op, struct fault *f)
{
	for (uint32_t i = 0; op->kind == ITEM_PUT && i < t->key.n; i++) {
		const struct av *v = av_get(&op->input, t->key.parts[i].name);
		if (v == NULL || v->type != t->key.parts[i].type)
			return fault(f, "The provided key element does not match the schema");
	}
	return true;
}

static bool prepare_write_batch(struct call *c, struct write_batch *b, struct seen *seen)
{
	ASSERT(b->t == NULL);
	struct fault f = {.arena = c->arena};
	b->t = table_open(c, b->name);
	if (b->t == NULL)
		return false;
	for (uint32_t i = 0; i < b->n; i++) {
		b->ops[i].t = b->t;
		if (check_put_key(b->t, &b->ops[i], &f) && item_op_prepare(c, &b->ops[i], &f) == ITEM_READY && see(seen, b->ops[i].key, &f))
			continue;
		fail_fault(c, &f);
		return false;
	}
	return true;
}

static void leave_unwritten(struct dynamodb_BatchWriteItemOutput *out, const struct write_batch *b, uint32_t from)
{
	ASSERT(from < b->n);
	struct dynamodb_BatchWriteItemRequestMap_entry *e =
		(struct dynamodb_BatchWriteItemRequestMap_entry *)out->UnprocessedItems.v + out->UnprocessedItems.n++;
	*e = *b->in;
	e->value.v = LIST_AT(b->in->value, struct dynamodb_WriteRequest, from);
	e->value.n -= from;
}

static void commit_write_batch(struct call *c, struct write_batch *b, struct dynamodb_BatchWriteItemOutput *out)
{
	ASSERT(b->t != NULL && txn_writable(c->txn));
	const struct dynamodb_BatchWriteItemInput *in = c->in;
	struct consumed used;
	consumed_init(c, b->t, &used, false);
	double left = throttle_left(c, b->t, NULL, false);
	for (uint32_t i = 0; i < b->n; i++) {
		if (used.table >= left) {
			leave_unwritten(out, b, i);
			for (uint32_t k = i; insights_kept(b->t) && k < b->n; k++)
				insights_throttle(c, b->t, NULL, &b->ops[k].input, true);
			break;
		}
		item_op_commit(c, &b->ops[i], &used);
		collection_metrics_add(c, &out->ItemCollectionMetrics, in->RequestItems.n, b->n, b->t, &b->ops[i].input, in->ReturnItemCollectionMetrics);
	}
	if (wants_capacity(in->ReturnConsumedCapacity))
		consumed_fill(c, b->t, &used, in->ReturnConsumedCapacity, false,
		              (struct dynamodb_ConsumedCapacity *)out->ConsumedCapacity.v + out->ConsumedCapacity.n++);
	count_metrics(c, b->t, &used, "BatchWriteItem", -1);
}

void ddb_batch_write_item(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_BatchWriteItem);
	const struct dynamodb_BatchWriteItemInput *in = c->in;
	struct dynamodb_BatchWriteItemOutput *out = c->out;
	const struct dynamodb_BatchWriteItemRequestMap_entry *entries = in->RequestItems.v;
	uint32_t n = in->RequestItems.n, total = 0;
	struct write_batch *batches = arena_array(c->arena, struct write_batch, n);
	for (uint32_t i = 0; i < n; i++) {
		if (!read_write_batch(c, &entries[i], &batches[i]))
			return;
		total += batches[i].n;
	}
	if (total > WRITES_MAX) {
		fail_validation(c, "Too many items requested for the BatchWriteItem call");
		return;
	}
	struct seen seen = {arena_array(c->arena, struct str, total), 0};
	for (uint32_t i = 0; i < n; i++)
		if (!prepare_write_batch(c, &batches[i], &seen))
			return;
	out->UnprocessedItems = MAP_OF(c->arena, struct dynamodb_BatchWriteItemRequestMap_entry, n);
	out->UnprocessedItems.n = 0;
	if (wants_capacity(in->ReturnConsumedCapacity)) {
		out->ConsumedCapacity = LIST_OF(c->arena, struct dynamodb_ConsumedCapacity, n);
		out->ConsumedCapacity.n = 0;
	}
	for (uint32_t i = 0; i < n; i++)
		commit_write_batch(c, &batches[i], out);
	uint32_t left = 0;
	for (uint32_t i = 0; i < out->UnprocessedItems.n; i++)
		left += ((struct dynamodb_BatchWriteItemRequestMap_entry *)out->UnprocessedItems.v)[i].value.n;
	if (left == total)
		call_fail(c, &dynamodb_err_ProvisionedThroughputExceededException, "%s", throttle_message);
}
