/* See destination.h.
 *
 * A table has at most one destination that is not DISABLED or ENABLE_FAILED; those are shown for a day. Whoever enables one must be allowed to
 * put into the stream himself; DynamoDB then puts in the account's name, as its service-linked role does on AWS. */
#include "destination.h"

#include "item_op.h"
#include "ops_s3.h"
#include "seal.h"
#include "write.h"

#include "base/enc.h"
#include "os/os.h"
#include "svc/arn.h"

enum { PUT_AT_ONCE = 500, PUT_BYTES = 4 << 20, KEY_CHARS = 32, AGAIN_MS = 1000, BROKEN_AGAIN_MS = 5000, KEPT_MS = 24 * 3600 * 1000 };

static bool is(const struct dynamodb_Destination *d, const char *status) { return str_eq(d->Status, str_c(status)); }

/* Its changes are put aside. */
static bool takes_changes(const struct dynamodb_Destination *d) { return is(d, "ACTIVE") || is(d, "UPDATING"); }

static bool is_over(const struct dynamodb_Destination *d) { return is(d, "DISABLED") || is(d, "ENABLE_FAILED"); }

static struct str job_id(struct call *c, struct str table, const struct dynamodb_Destination *d)
{
	ASSERT(d->Number.v > 0);
	return arena_printf(c->arena, "%.*s/%lld", STR_ARG(table), (long long)d->Number.v);
}

static struct key *aside_key(struct call *c, int64_t number) { return key_u64(call_key(c, "kinesis"), (uint64_t)number); }

/* ---- a change ---- */

/* The service clock has milliseconds: the last three digits of microseconds are zeros. */
static int64_t moment(struct call *c, const struct dynamodb_Destination *d)
{
	return str_eq(d->Precision, S("MICROSECOND")) ? c->now_ms * 1000 : c->now_ms;
}

static void write_image(struct jw *w, struct str name, const struct av *item)
{
	jw_key(w, name);
	item_write_json(w->b, item);
	w->comma = true;
}

static void write_change(struct call *c, const struct table *t, const struct dynamodb_Destination *d, const struct av *old, const struct av *fresh,
                         bool by_ttl, struct buf *b)
{
	struct av keys = key_of_item(c->arena, &t->key, fresh != NULL ? fresh : old);
	struct jw w;
	char id[37];
	random_uuid(id);
	jw_init(&w, b);
	jw_begin_object(&w);
	jw_kv_str(&w, "awsRegion", c->region);
	jw_kv_str(&w, "eventID", str_c(id));
	jw_kv_str(&w, "eventName", old == NULL ? S("INSERT") : fresh == NULL ? S("REMOVE") : S("MODIFY"));
	jw_key(&w, S("userIdentity"));
	jw_raw(&w, by_ttl ? S("{\"type\":\"Service\",\"principalId\":\"dynamodb.amazonaws.com\"}") : S("null"));
	jw_kv_str(&w, "recordFormat", S("application/json"));
	jw_kv_str(&w, "tableName", t->name);
	jw_key(&w, S("dynamodb"));
	jw_begin_object(&w);
	jw_kv_i64(&w, "ApproximateCreationDateTime", moment(c, d));
	if (str_eq(d->Precision, S("MICROSECOND")))
		jw_kv_str(&w, "ApproximateCreationDateTimePrecision", d->Precision);
	write_image(&w, S("Keys"), &keys);
	if (fresh != NULL)
		write_image(&w, S("NewImage"), fresh);
	if (old != NULL)
		write_image(&w, S("OldImage"), old);
	size_t size = item_size(&keys) + (fresh != NULL ? item_size(fresh) : 0) + (old != NULL ? item_size(old) : 0);
	jw_kv_i64(&w, "SizeBytes", (int64_t)size);
	jw_end_object(&w);
	jw_kv_str(&w, "eventSource", S("aws:dynamodb"));
	jw_end_object(&w);
}

void destination_append(struct call *c, const struct table *t, struct str key, const struct av *old, const struct av *fresh, bool by_ttl)
{
	ASSERT(old != NULL || fresh != NULL);
	for (uint32_t i = 0; i < t->record->Destinations.n; i++) {
		const struct dynamodb_Destination *d = LIST_AT(t->record->Destinations, struct dynamodb_Destination, i);
		struct buf text, b;
		int64_t due_ms;
		if (!takes_changes(d))
			continue;
		buf_init(&text, c->arena, 0);
		write_change(c, t, d, old, fresh, by_ttl, &text);
		buf_init(&b, c->arena, 0);
		buf_put(&b, &c->now_ms, sizeof c->now_ms);
		buf_str(&b, md5_hex(c->arena, key)); /* all changes of an item go to one shard */
		buf_str(&b, seal_change(c, t, buf_view(&text)));
		txn_put(c->txn, key_bytes(key_u64(aside_key(c, d->Number.v), call_serial(c, "kinesis"))), buf_view(&b));
		struct str id = job_id(c, t->name, d);
		if (!job_due(c, "kinesis", id, &due_ms))
			job_put(c, "kinesis", id, c->now_ms, S(""));
	}
}

void destination_remove(struct call *c, struct dynamodb_Table *r)
{
	for (uint32_t i = 0; i < r->Destinations.n; i++) {
		const struct dynamodb_Destination *d = LIST_AT(r->Destinations, struct dynamodb_Destination, i);
		job_drop(c, "kinesis", job_id(c, r->Description->TableName, d));
		purge_space(c, "kinesis", (uint64_t)d->Number.v);
	}
}

/* ---- the operations ---- */

static struct dynamodb_Destination *destination_find(struct dynamodb_Table *r, struct str stream)
{
	for (uint32_t i = 0; i < r->Destinations.n; i++)
		if (str_eq(LIST_AT(r->Destinations, struct dynamodb_Destination, i)->StreamArn, stream))
			return LIST_AT(r->Destinations, struct dynamodb_Destination, i);
	return NULL;
}

static void turn(struct call *c, struct dynamodb_Table *r, struct dynamodb_Destination *d, struct str status)
{
	d->Status = status;
	d->Why = STR_NONE;
	d->ChangedAt = SOME_TIME(c->now_ms);
	job_put(c, "kinesis", job_id(c, r->Description->TableName, d), c->now_ms, S(""));
	table_save(c, r);
}

/* Is the stream there, and may the caller put into it? */
static bool stream_usable(struct call *c, struct str stream)
{
	static const char *const actions[] = {"kinesis:PutRecord", "kinesis:PutRecords"};
	struct arn arn;
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "StreamARN", stream);
	bool usable = arn_parse(stream, &arn) && str_eq(arn.service, S("kinesis")) && str_eq(arn.account, c->account) && str_eq(arn.region, c->region) &&
		invoke(c, "kinesis", "DescribeStreamSummary", in, NULL).ok;
	for (size_t i = 0; usable && i < COUNT_OF(actions); i++)
		usable = authorize_as(c, c->who, str_c(actions[i]), stream, NULL).decision == DECISION_ALLOW;
	if (!usable)
		call_fail(c, &dynamodb_err_ResourceNotFoundException, "User does not have a permission to use kinesis stream");
	return usable;
}

/* The list without those that have been over for a day, and with room for one more. */
static void make_room(struct call *c, struct dynamodb_Table *r)
{
	struct dynamodb_Destination *v = arena_array(c->arena, struct dynamodb_Destination, r->Destinations.n + 1);
	uint32_t n = 0;
	for (uint32_t i = 0; i < r->Destinations.n; i++) {
		const struct dynamodb_Destination *d = LIST_AT(r->Destinations, struct dynamodb_Destination, i);
		if (!is_over(d) || d->ChangedAt.ms + KEPT_MS > c->now_ms)
			v[n++] = *d;
	}
	r->Destinations = (struct list){v, n, true};
}

void ddb_enable_kinesis_streaming_destination(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_EnableKinesisStreamingDestination);
	const struct dynamodb_KinesisStreamingDestinationInput *in = c->in;
	struct dynamodb_KinesisStreamingDestinationOutput *out = c->out;
	struct dynamodb_Table *r = table_required(c, in->TableName);
	if (r == NULL || !stream_usable(c, in->StreamArn))
		return;
	for (uint32_t i = 0; i < r->Destinations.n; i++)
		if (!is_over(LIST_AT(r->Destinations, struct dynamodb_Destination, i))) {
			fail_validation(c, "Table is not in a valid state to enable Kinesis Streaming Destination: KinesisStreamingDestination must be DISABLED "
				"or ENABLE_FAILED to perform ENABLE operation.");
			return;
		}
	make_room(c, r);
	struct dynamodb_Destination *d = destination_find(r, in->StreamArn);
	if (d == NULL)
		d = (struct dynamodb_Destination *)r->Destinations.v + r->Destinations.n++;
	const struct dynamodb_EnableKinesisStreamingConfiguration *settings = in->EnableKinesisStreamingConfiguration;
	*d = (struct dynamodb_Destination){.StreamArn = in->StreamArn, .Number = SOME_I64((int64_t)call_serial(c, "destination")),
		.Precision = settings != NULL && str_present(settings->ApproximateCreationDateTimePrecision) ?
			settings->ApproximateCreationDateTimePrecision :
			S("MILLISECOND")};
	turn(c, r, d, S("ENABLING"));
	*out = (struct dynamodb_KinesisStreamingDestinationOutput){.TableName = r->Description->TableName, .StreamArn = in->StreamArn,
		.DestinationStatus = d->Status, .EnableKinesisStreamingConfiguration = in->EnableKinesisStreamingConfiguration};
}

/* The destination of a request, when it is ACTIVE; NULL with c failed. */
static struct dynamodb_Destination *active(struct call *c, struct dynamodb_Table *r, struct str stream, const char *verb)
{
	struct dynamodb_Destination *d = destination_find(r, stream);
	const char *word = strcmp(verb, "DISABLE") == 0 ? "disable" : "update";
	if (d == NULL) {
		fail_validation(c, "Table is not in a valid state to %s Kinesis Streaming Destination: No streaming destination with streamArn: %.*s found "
			"for table with tableName: %.*s", word, STR_ARG(stream), STR_ARG(r->Description->TableName));
		return NULL;
	}
	if (is(d, "ACTIVE"))
		return d;
	fail_validation(c, "Table is not in a valid state to %s Kinesis Streaming Destination: KinesisStreamingDestination must be ACTIVE to perform %s "
		"operation.", word, verb);
	return NULL;
}

void ddb_disable_kinesis_streaming_destination(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_DisableKinesisStreamingDestination);
	const struct dynamodb_KinesisStreamingDestinationInput *in = c->in;
	struct dynamodb_KinesisStreamingDestinationOutput *out = c->out;
	struct dynamodb_Table *r = table_required(c, in->TableName);
	struct dynamodb_Destination *d = r != NULL ? active(c, r, in->StreamArn, "DISABLE") : NULL;
	if (d == NULL)
		return;
	turn(c, r, d, S("DISABLING"));
	*out = (struct dynamodb_KinesisStreamingDestinationOutput){.TableName = r->Description->TableName, .StreamArn = in->StreamArn,
		.DestinationStatus = d->Status};
}

void ddb_update_kinesis_streaming_destination(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_UpdateKinesisStreamingDestination);
	const struct dynamodb_UpdateKinesisStreamingDestinationInput *in = c->in;
	struct dynamodb_UpdateKinesisStreamingDestinationOutput *out = c->out;
	const struct dynamodb_UpdateKinesisStreamingConfiguration *settings = in->UpdateKinesisStreamingConfiguration;
	struct str precision = settings != NULL ? settings->ApproximateCreationDateTimePrecision : STR_NONE;
	struct dynamodb_Table *r = table_required(c, in->TableName);
	if (r != NULL && !str_present(precision))
		fail_validation(c, "Streaming destination cannot be updated with given parameters: UpdateKinesisStreamingConfiguration cannot be null or "
			"contain only null values");
	if (r == NULL || !str_present(precision))
		return;
	struct dynamodb_Destination *d = active(c, r, in->StreamArn, "UPDATE");
	if (d == NULL)
		return;
	if (str_eq(d->Precision, precision)) {
		fail_validation(c, "Invalid Request: Precision is already set to the desired value of %.*s for tableId: %.*s, kdsArn: %.*s",
			STR_ARG(precision),
			STR_ARG(r->Description->TableId), STR_ARG(in->StreamArn));
		return;
	}
	d->Precision = precision;
	turn(c, r, d, S("UPDATING"));
	*out = (struct dynamodb_UpdateKinesisStreamingDestinationOutput){.TableName = r->Description->TableName, .StreamArn = in->StreamArn,
		.DestinationStatus = d->Status, .UpdateKinesisStreamingConfiguration = in->UpdateKinesisStreamingConfiguration};
}

void ddb_describe_kinesis_streaming_destination(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_DescribeKinesisStreamingDestination);
	const struct dynamodb_DescribeKinesisStreamingDestinationInput *in = c->in;
	struct dynamodb_DescribeKinesisStreamingDestinationOutput *out = c->out;
	struct dynamodb_Table *r = table_required(c, in->TableName);
	if (r == NULL)
		return;
	out->TableName = r->Description->TableName;
	struct dynamodb_KinesisDataStreamDestination *v = arena_array(c->arena, struct dynamodb_KinesisDataStreamDestination, r->Destinations.n);
	out->KinesisDataStreamDestinations = (struct list){v, 0, true};
	for (uint32_t i = 0; i < r->Destinations.n; i++) {
		const struct dynamodb_Destination *d = LIST_AT(r->Destinations, struct dynamodb_Destination, i);
		if (is_over(d) && d->ChangedAt.ms + KEPT_MS <= c->now_ms)
			continue;
		v[out->KinesisDataStreamDestinations.n++] = (struct dynamodb_KinesisDataStreamDestination){.StreamArn = d->StreamArn,
			.DestinationStatus = d->Status, .DestinationStatusDescription = d->Why, .ApproximateCreationDateTimePrecision = d->Precision};
	}
}

/* ---- the job ---- */

static struct invoked ask_kinesis(struct call *c, const char *op, struct json *in)
{
	const struct invoke_options o = {.who = account_principal(c)};
	struct invoked i = invoke(c, "kinesis", op, in, &o);
	ASSERT(!i.parked); /* it does not wait */
	return i;
}

/* What is put at once: the records, and their keys in the store. */
struct portion { struct json *records; struct str *keys; uint32_t n; bool more; };

static struct portion take(struct call *c, const struct table *t, const struct dynamodb_Destination *d, uint32_t most)
{
	ASSERT(most > 0 && most <= PUT_AT_ONCE);
	struct arena *a = c->arena;
	struct portion p = {json_new_array(a), arena_array(a, struct str, PUT_AT_ONCE), 0, false};
	struct str key, value;
	size_t bytes = 0;
	struct scan *s = call_scan(c, aside_key(c, d->Number.v), STR_NONE, false);
	while (scan_next(s, &key, &value)) {
		int64_t at;
		ASSERT(value.n > sizeof at + KEY_CHARS);
		memcpy(&at, value.p, sizeof at);
		if (at + KEPT_MS <= c->now_ms) { /* the stream could not be written to for a day */
			txn_del(c->txn, arena_dup(a, key));
			continue;
		}
		p.more = p.n == most || (p.n > 0 && bytes + value.n > PUT_BYTES);
		if (p.more)
			break;
		struct str held = arena_dup(a, value), text = open_change(c, t, str_slice(held, sizeof at + KEY_CHARS, held.n));
		struct json *one = json_new_object(a);
		json_set_str(a, one, "PartitionKey", str_slice(held, sizeof at, sizeof at + KEY_CHARS));
		json_set_str(a, one, "Data", base64_encode(a, text));
		json_push(a, p.records, one);
		p.keys[p.n++] = arena_dup(a, key);
		bytes += value.n;
	}
	scan_close(s);
	return p;
}

static struct json *stream_input(struct call *c, const struct dynamodb_Destination *d)
{
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "StreamARN", d->StreamArn);
	return in;
}

static struct invoked put(struct call *c, const struct dynamodb_Destination *d, const struct portion *p)
{
	struct json *in = stream_input(c, d);
	json_set(c->arena, in, S("Records"), p->records);
	return ask_kinesis(c, "PutRecords", in);
}

/* Put what is aside. When to come again: 0 never, for nothing is left. */
static int64_t drain(struct call *c, const struct table *t, const struct dynamodb_Destination *d)
{
	struct portion p = take(c, t, d, PUT_AT_ONCE);
	if (p.n == 0)
		return 0;
	struct invoked i = put(c, d, &p);
	if (str_eq(i.error.code, S("InvalidArgumentException"))) { /* one of them is larger than the stream takes */
		p = take(c, t, d, 1);
		i = put(c, d, &p);
		if (str_eq(i.error.code, S("InvalidArgumentException"))) {
			count_metric(c, t->name, "FailedToReplicateRecordCount", 1);
			txn_del(c->txn, p.keys[0]);
			return c->now_ms;
		}
	}
	if (!i.ok)
		return c->now_ms + BROKEN_AGAIN_MS;
	const struct json *results = json_get(i.out, S("Records"));
	uint32_t left = 0;
	ASSERT(results != NULL && results->n == p.n);
	for (uint32_t k = 0; k < p.n; k++) {
		if (str_present(json_get_str(json_at(results, k), "SequenceNumber")))
			txn_del(c->txn, p.keys[k]);
		else
			left++;
	}
	if (left > 0)
		count_metric(c, t->name, "ThrottledPutRecordCount", left);
	return left > 0 ? c->now_ms + AGAIN_MS : p.more ? c->now_ms : 0;
}

/* ENABLING and UPDATING become ACTIVE at once, DISABLING becomes DISABLED when nothing is aside. */
static void settle(struct call *c, struct dynamodb_Table *r, struct dynamodb_Destination *d, bool empty)
{
	struct invoked i = {.ok = true};
	if (is(d, "ENABLING"))
		i = ask_kinesis(c, "DescribeStreamSummary", stream_input(c, d));
	if (is(d, "ENABLING") || is(d, "UPDATING"))
		d->Status = i.ok ? S("ACTIVE") : S("ENABLE_FAILED");
	else if (is(d, "DISABLING") && empty)
		d->Status = S("DISABLED");
	else
		return;
	d->Why = i.ok ? STR_NONE : i.error.message;
	d->ChangedAt = SOME_TIME(c->now_ms);
	table_save(c, r);
}

void ddb_job_kinesis(struct call *c, struct str id, struct str payload)
{
	ASSERT(txn_writable(c->txn));
	struct str number = id, name = str_cut(&number, '/');
	int64_t n = 0;
	bool ok = str_to_i64(number, &n);
	ASSERT(ok);
	struct dynamodb_Table *r = table_record(c, name);
	struct dynamodb_Destination *d = NULL;
	for (uint32_t i = 0; r != NULL && i < r->Destinations.n; i++)
		if (LIST_AT(r->Destinations, struct dynamodb_Destination, i)->Number.v == n)
			d = LIST_AT(r->Destinations, struct dynamodb_Destination, i);
	if (d == NULL)
		return;
	struct table *t = table_of_record(c, r);
	int64_t again_ms = table_unsealed(c, t) ? drain(c, t, d) : c->now_ms + BROKEN_AGAIN_MS;
	settle(c, r, d, again_ms == 0);
	if (again_ms > 0)
		job_put(c, "kinesis", id, again_ms, payload);
}
