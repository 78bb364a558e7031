/* Transactions. Every call is a transaction of the store already, so what is left to do is to check all parts before
 * any is written, to say why in order, and to know a repeated request by its token.
 *
 * Tokens lie under (…, "token") token -> i64 time, 32 bytes SHA-256 of the request, and (…, "tokenage") i64 time, token.
 * A token is good for ten minutes; each transaction with a token removes a few that are older. */
#include "ops_transact.h"
#include "insights.h"
#include "tally.h"
#include "throttle.h"

#include "base/enc.h"

enum { TOKEN_LIFE_MS = 10 * 60 * 1000, TOKENS_SWEPT = 4, PAYLOAD_MAX = 4 * 1024 * 1024 };

/* ---- client tokens ---- */

struct token_record { int64_t at_ms; struct sha256 digest; };

static void sweep_tokens(struct call *c)
{
	struct scan *s = call_scan(c, call_key(c, "tokenage"), STR_NONE, false);
	size_t prefix = key_bytes(call_key(c, "tokenage")).n;
	struct str key, value;
	for (int i = 0; i < TOKENS_SWEPT && scan_next(s, &key, &value); i++) {
		struct key_reader r = key_reader_of(str_slice(key, prefix, key.n));
		int64_t at;
		struct str token;
		bool ok = key_read_i64(&r, &at) && key_read_str(&r, c->arena, &token);
		ASSERT(ok);
		if (at + TOKEN_LIFE_MS > c->now_ms)
			break;
		txn_del(c->txn, arena_dup(c->arena, key));
		call_del(c, key_str(call_key(c, "token"), token));
	}
	scan_close(s);
}

enum token_state transact_token(struct call *c, struct str token, const struct shape *shape, const void *in)
{
	ASSERT(in != NULL);
	if (!str_present(token))
		return TOKEN_FRESH;
	struct token_record fresh = {.at_ms = c->now_ms, .digest = sha256(json_text_sorted(c->arena, typed_to_json(c->arena, shape, in)))};
	struct key *k = key_str(call_key(c, "token"), token);
	struct str value;
	if (txn_get(c->txn, key_bytes(k), c->arena, &value)) {
		struct token_record old;
		ASSERT(value.n == sizeof old);
		memcpy(&old, value.p, sizeof old);
		if (old.at_ms + TOKEN_LIFE_MS > c->now_ms) {
			if (memcmp(old.digest.b, fresh.digest.b, sizeof old.digest.b) == 0)
				return TOKEN_DONE;
			call_fail(c, &dynamodb_err_IdempotentParameterMismatchException,
			          "DynamoDB rejected the request because you retried a request with a different payload but with an idempotent "
			          "token that was already used");
			return TOKEN_MISMATCH;
		}
		call_del(c, key_str(key_i64(call_key(c, "tokenage"), old.at_ms), token));
	}
	txn_put(c->txn, key_bytes(k), str_of((const char *)&fresh, sizeof fresh));
	txn_put(c->txn, key_bytes(key_str(key_i64(call_key(c, "tokenage"), c->now_ms), token)), S("."));
	sweep_tokens(c);
	return TOKEN_FRESH;
}

/* ---- writing ---- */

static bool check_distinct_items(struct call *c, const struct transact_part *parts, uint32_t n)
{
	ASSERT(n > 0);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < i; j++)
			if (parts[i].op.key.n > 0 && str_eq(parts[i].op.key, parts[j].op.key)) {
				fail_validation(c, "Transaction request cannot include multiple operations on one item");
				return false;
			}
	return true;
}

static void cancel(struct call *c, struct list reasons)
{
	ASSERT(reasons.n > 0);
	struct buf b;
	buf_init(&b, c->arena, 0);
	for (uint32_t i = 0; i < reasons.n; i++)
		buf_printf(&b, "%s%.*s", i > 0 ? ", " : "", STR_ARG(LIST_AT(reasons, struct dynamodb_CancellationReason, i)->Code));
	struct dynamodb_TransactionCanceledException *e = call_fail(c, &dynamodb_err_TransactionCanceledException,
		"Transaction cancelled, please refer cancellation reasons for specific reasons [%.*s]", STR_ARG(buf_view(&b)));
	e->CancellationReasons = reasons;
}

/* A part that is not valid is told of alone: none is looked at behind it, and no condition counts. */
static void cancel_invalid(struct call *c, uint32_t n, uint32_t at, struct str message)
{
	ASSERT(at < n);
	struct list reasons = LIST_OF(c->arena, struct dynamodb_CancellationReason, n);
	for (uint32_t i = 0; i < n; i++)
		LIST_AT(reasons, struct dynamodb_CancellationReason, i)->Code = i == at ? S("ValidationError") : S("None");
	LIST_AT(reasons, struct dynamodb_CancellationReason, at)->Message = message;
	cancel(c, reasons);
}

/* Prepare every part; the reasons when one of them says no. */
static bool prepare_parts(struct call *c, struct transact_part *parts, uint32_t n)
{
	ASSERT(n > 0 && n <= TRANSACT_MAX);
	struct list reasons = LIST_OF(c->arena, struct dynamodb_CancellationReason, n);
	bool cancelled = false;
	for (uint32_t i = 0; i < n; i++) {
		struct dynamodb_CancellationReason *why = LIST_AT(reasons, struct dynamodb_CancellationReason, i);
		struct fault f = {.arena = c->arena};
		why->Code = S("None");
		enum item_op_result result = item_op_prepare(c, &parts[i].op, &f);
		if (result == ITEM_INVALID) {
			cancel_invalid(c, n, i, f.message);
			return false;
		}
		cancelled = cancelled || result != ITEM_READY;
		if (result == ITEM_READY && throttle_left(c, parts[i].op.t, NULL, false) <= 0) {
			why->Code = S("ProvisionedThroughputExceeded");
			why->Message = str_c(throttle_message);
			cancelled = true;
			if (insights_kept(parts[i].op.t))
				insights_throttle(c, parts[i].op.t, NULL, &parts[i].op.input, true);
		} else if (result == ITEM_CONDITION_FAILED) {
			why->Code = parts[i].insert ? S("DuplicateItem") : S("ConditionalCheckFailed");
			why->Message = parts[i].insert ? S("Duplicate primary key exists in table") : S("The conditional request failed");
			if (parts[i].op.old.found && str_eq(parts[i].on_failure, S("ALL_OLD")))
				why->Item = item_document(c, &parts[i].op.old.item);
		}
	}
	if (!check_distinct_items(c, parts, n))
		return false;
	if (cancelled)
		cancel(c, reasons);
	return !cancelled;
}

/* "Transactions are not supported" is a rule of multi-Region strong consistency. */
static bool allows_transactions(struct call *c, const struct table *t)
{
	if (t->record->Strong.v)
		fail_validation(c, "Transactional operations are not supported for global tables with MultiRegionConsistency set to STRONG.");
	return !c->failed;
}

bool transact_write(struct call *c, struct transact_part *parts, uint32_t n, struct str asked, struct list *capacity)
{
	ASSERT(n > 0 && txn_writable(c->txn));
	for (uint32_t i = 0; i < n; i++)
		if (!allows_transactions(c, parts[i].op.t))
			return false;
	if (!prepare_parts(c, parts, n))
		return false;
	struct tally y;
	tally_init(c, &y, n, false);
	for (uint32_t i = 0; i < n; i++) {
		/* A transaction prepares and commits: twice the units. */
		struct consumed once;
		consumed_init(c, parts[i].op.t, &once, false);
		item_op_commit(c, &parts[i].op, &once);
		tally_add(c, &y, parts[i].op.t, &once, 2);
		if (insights_kept(parts[i].op.t)) /* item_op_commit has told of one half */
			insights_write(c, parts[i].op.t, &parts[i].op.input, parts[i].op.has_fresh ? &parts[i].op.fresh : NULL,
			               parts[i].op.old.found ? &parts[i].op.old.item : NULL, &once);
	}
	tally_count(c, &y, "TransactWriteItems", -1);
	tally_answer(c, &y, asked, true, capacity);
	return true;
}

/* The four kinds have the same members by other types. */
#define PART_INPUT(kind_, item_, in) \
	(struct item_input){.kind = (kind_), .item = (item_), .table = (in)->TableName, .condition = (in)->ConditionExpression, \
		.names = (in)->ExpressionAttributeNames, .values = (in)->ExpressionAttributeValues, \
		.on_failure = (in)->ReturnValuesOnConditionCheckFailure, .in_transaction = true}

static bool part_of(const struct dynamodb_TransactWriteItem *in, struct item_input *out)
{
	if ((in->ConditionCheck != NULL) + (in->Put != NULL) + (in->Delete != NULL) + (in->Update != NULL) != 1)
		return false;
	if (in->ConditionCheck != NULL)
		*out = PART_INPUT(ITEM_CHECK, in->ConditionCheck->Key, in->ConditionCheck);
	else if (in->Put != NULL)
		*out = PART_INPUT(ITEM_PUT, in->Put->Item, in->Put);
	else if (in->Delete != NULL)
		*out = PART_INPUT(ITEM_DELETE, in->Delete->Key, in->Delete);
	else
		*out = PART_INPUT(ITEM_UPDATE, in->Update->Key, in->Update);
	if (in->Update != NULL)
		out->update = in->Update->UpdateExpression;
	return true;
}

/* These are not reasons of a cancellation. */
static bool check_part(struct call *c, const struct transact_part *part)
{
	struct fault f = {.arena = c->arena};
	const struct item_op *op = &part->op;
	if (op->kind == ITEM_PUT && item_size(&op->input) > ITEM_SIZE_MAX)
		fault(&f, "Item size has exceeded the maximum allowed size");
	else if (check_key_filled(&op->t->key, &op->input, &f))
		return true;
	fail_fault(c, &f);
	return false;
}

static bool read_part(struct call *c, const struct dynamodb_TransactWriteItem *in, struct transact_part *out)
{
	struct item_input p;
	if (!part_of(in, &p)) {
		fail_validation(c, "TransactItems can only contain one of Check, Put, Update or Delete");
		return false;
	}
	struct request r;
	request_init(&r, c);
	*out = (struct transact_part){.on_failure = p.on_failure};
	if (!item_op_read(&r, &p, &out->op)) {
		request_failed(&r);
		return false;
	}
	for (size_t i = 0; i < r.x.n_values; i++)
		out->values += av_size(&r.x.values[i].value);
	out->op.t = table_open(c, p.table);
	return out->op.t != NULL && check_part(c, out);
}

/* What was sent, not what lies in the store: items, keys and values. */
static bool check_payload(struct call *c, const struct transact_part *parts, uint32_t n)
{
	size_t bytes = 0;
	for (uint32_t i = 0; i < n; i++)
		bytes += item_size(&parts[i].op.input) + parts[i].values;
	if (bytes > PAYLOAD_MAX)
		fail_validation(c, "Transaction payload size cannot exceed %d bytes", PAYLOAD_MAX);
	return !c->failed;
}

/* A request that was done already costs what it takes to read its items. */
static void answer_again(struct call *c, const struct transact_part *parts, uint32_t n, struct str asked, struct list *capacity)
{
	ASSERT(n > 0);
	struct tally y;
	tally_init(c, &y, n, true);
	for (uint32_t i = 0; i < n; i++) {
		struct stored now;
		struct av key = key_of_item(c->arena, &parts[i].op.t->key, &parts[i].op.input);
		item_load(c, parts[i].op.t, item_key(c, parts[i].op.t, &key), &now);
		tally_of(c, &y, parts[i].op.t)->table += 2 * read_units(now.found ? item_size(&now.item) : 0, true);
	}
	tally_answer(c, &y, asked, true, capacity);
}

void ddb_transact_write_items(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_TransactWriteItems);
	const struct dynamodb_TransactWriteItemsInput *in = c->in;
	struct dynamodb_TransactWriteItemsOutput *out = c->out;
	uint32_t n = in->TransactItems.n;
	struct transact_part *parts = arena_array(c->arena, struct transact_part, n);
	for (uint32_t i = 0; i < n; i++)
		if (!read_part(c, LIST_AT(in->TransactItems, struct dynamodb_TransactWriteItem, i), &parts[i]))
			return;
	if (!check_payload(c, parts, n))
		return;
	enum token_state token = transact_token(c, in->ClientRequestToken, &dynamodb_shape_TransactWriteItemsInput, in);
	if (token == TOKEN_DONE)
		answer_again(c, parts, n, in->ReturnConsumedCapacity, &out->ConsumedCapacity);
	if (token != TOKEN_FRESH || !transact_write(c, parts, n, in->ReturnConsumedCapacity, &out->ConsumedCapacity))
		return;
	for (uint32_t i = 0; i < n; i++)
		if (parts[i].op.kind != ITEM_CHECK)
			collection_metrics_add(c, &out->ItemCollectionMetrics, n, n, parts[i].op.t, &parts[i].op.input, in->ReturnItemCollectionMetrics);
}

/* ---- reading ---- */

struct get_part { struct table *t; struct av key; struct projection projection; };

static bool read_get_part(struct call *c, const struct dynamodb_Get *in, struct get_part *out)
{
	struct map_of none = {0}; /* names without an expression are passed over, as in TransactWriteItems */
	struct request r;
	request_init(&r, c);
	if (!item_from_json(in->Key, &out->key, &r.fault) ||
	    !request_placeholders(&r, str_present(in->ProjectionExpression) ? in->ExpressionAttributeNames : none, NULL) ||
	    !request_projection(&r, in->ProjectionExpression, &out->projection) || !expr_check_unused(&r.x)) {
		request_failed(&r);
		return false;
	}
	out->t = table_open(c, in->TableName);
	if (out->t == NULL || !allows_transactions(c, out->t))
		return false;
	struct fault f = {.arena = c->arena};
	if (!check_key_filled(&out->t->key, &out->key, &f))
		fail_fault(c, &f);
	return !c->failed;
}

/* A key that does not fit its table cancels the transaction. */
static bool check_get_parts(struct call *c, const struct get_part *parts, uint32_t n)
{
	ASSERT(n > 0);
	for (uint32_t i = 0; i < n; i++) {
		struct fault f = {.arena = c->arena};
		if (check_key(parts[i].t, &parts[i].key, &f) &&
		    check_key_paths(parts[i].t, parts[i].projection.paths, parts[i].projection.n, &f))
			continue;
		cancel_invalid(c, n, i, f.message);
		return false;
	}
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(item_key(c, parts[i].t, &parts[i].key), item_key(c, parts[j].t, &parts[j].key))) {
				fail_validation(c, "Transaction request cannot include multiple operations on one item");
				return false;
			}
	return true;
}

void ddb_transact_get_items(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_TransactGetItems);
	const struct dynamodb_TransactGetItemsInput *in = c->in;
	struct dynamodb_TransactGetItemsOutput *out = c->out;
	uint32_t n = in->TransactItems.n;
	struct get_part *parts = arena_array(c->arena, struct get_part, n);
	for (uint32_t i = 0; i < n; i++)
		if (!read_get_part(c, LIST_AT(in->TransactItems, struct dynamodb_TransactGetItem, i)->Get, &parts[i]))
			return;
	if (!check_get_parts(c, parts, n))
		return;
	struct tally y;
	tally_init(c, &y, n, true);
	out->Responses = LIST_OF(c->arena, struct dynamodb_ItemResponse, n);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t before = y.n;
		struct consumed *used = tally_of(c, &y, parts[i].t);
		if (y.n > before && !throttle_admit(c, parts[i].t, NULL, true)) {
			if (insights_kept(parts[i].t))
				insights_throttle(c, parts[i].t, NULL, &parts[i].key, true);
			return;
		}
		size_t bytes = 0;
		LIST_AT(out->Responses, struct dynamodb_ItemResponse, i)->Item = item_read(c, parts[i].t, &parts[i].key, &parts[i].projection, &bytes);
		used->table += 2 * read_units(bytes, true);
		if (insights_kept(parts[i].t))
			insights_read(c, parts[i].t, NULL, &parts[i].key, true, 2 * read_units(bytes, true));
	}
	tally_count(c, &y, "TransactGetItems", -1);
	tally_answer(c, &y, in->ReturnConsumedCapacity, true, &out->ConsumedCapacity);
}
