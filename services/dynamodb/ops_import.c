/* ImportTable: a new table from objects in S3, in any of the formats (import_read.c).
 *
 * A job reads one object a run, in the order of keys ("import" ARN remembers the last one). What is no item of the table is
 * counted as an error, told to the log group /aws-dynamodb/imports and passed over; then the import ends as FAILED, with
 * the good items in the table. Source: "DynamoDB data import from Amazon S3" (Developer Guide). */
#include "ops_s3.h"

#include "import_read.h"
#include "seal.h"
#include "write.h"

#include "os/os.h"
#include "svc/arn.h"

enum { IMPORTS_MAX = 25, OBJECT_BYTES_MAX = 256 << 20, EVENTS_AT_ONCE = 1000, MESSAGE_BYTES_MAX = 1000 };
static const struct str log_group = {"/aws-dynamodb/imports", sizeof "/aws-dynamodb/imports" - 1};

static struct key *import_key(struct call *c, struct str arn)
{
	return key_str(call_key(c, "import"), arn);
}

/* The caller must be able to read the source; the job then works for the account. */
static bool may_read(struct call *c, const struct dynamodb_ImportTableInput *in, struct wire_error *why)
{
	struct json *list = json_new_object(c->arena);
	json_set_str(c->arena, list, "Bucket", in->S3BucketSource->S3Bucket);
	json_set_i64(c->arena, list, "MaxKeys", 1);
	struct invoked i = invoke(c, "s3", "ListObjectsV2", list, NULL);
	ASSERT(!i.parked);
	*why = i.error;
	return i.ok;
}

static void failed(struct call *c, struct dynamodb_ImportTableDescription *d, const struct wire_error *why)
{
	d->EndTime = SOME_TIME(c->now_ms);
	d->ImportStatus = S("FAILED");
	d->FailureCode = s3_failure(c, why);
	d->FailureMessage = why->message;
}

static struct dynamodb_ImportTableDescription *describe(struct call *c, const struct dynamodb_ImportTableInput *in, const struct dynamodb_Table *r)
{
	ASSERT(r->Description != NULL);
	char tail[9] = {0};
	random_hex(tail, 8);
	struct dynamodb_ImportTableDescription *d = arena_new_of(c->arena, struct dynamodb_ImportTableDescription);
	*d = (struct dynamodb_ImportTableDescription){.ImportStatus = S("IN_PROGRESS"), .TableArn = r->Description->TableArn,
		.TableId = r->Description->TableId, .ClientToken = in->ClientToken, .S3BucketSource = in->S3BucketSource,
		.InputFormat = in->InputFormat, .InputFormatOptions = in->InputFormatOptions,
		.InputCompressionType = str_present(in->InputCompressionType) ? in->InputCompressionType : S("NONE"),
		.TableCreationParameters = in->TableCreationParameters, .StartTime = SOME_TIME(c->now_ms), .ErrorCount = SOME_I64(0),
		.ProcessedSizeBytes = SOME_I64(0), .ProcessedItemCount = SOME_I64(0), .ImportedItemCount = SOME_I64(0)};
	d->ImportArn = arena_printf(c->arena, "%.*s/import/%014lld-%s", STR_ARG(d->TableArn), (long long)c->now_ms, tail);
	d->CloudWatchLogGroupArn = arn_make(c->arena, "logs", c->region, c->account, arena_join(c->arena, S("log-group:"), log_group, S(":*")));
	return d;
}

void ddb_import_table(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_ImportTable);
	const struct dynamodb_ImportTableInput *in = c->in;
	struct dynamodb_ImportTableOutput *out = c->out;
	const struct dynamodb_TableCreationParameters *t = in->TableCreationParameters;
	if (in->InputFormatOptions != NULL && in->InputFormatOptions->Csv != NULL && !str_eq(in->InputFormat, S("CSV"))) {
		fail_validation(c, "Invalid Request: Unsupported InputFormatOptions for the given input format: %.*s.", STR_ARG(in->InputFormat));
		return;
	}
	struct table_definition def = {.name = t->TableName, .billing_mode = t->BillingMode, .attributes = t->AttributeDefinitions,
		.key_schema = t->KeySchema, .global_indexes = t->GlobalSecondaryIndexes, .vector_indexes = t->VectorIndexes,
		.throughput = t->ProvisionedThroughput,
		.on_demand = t->OnDemandThroughput, .sse = t->SSESpecification};
	struct dynamodb_Table *r = table_make(c, &def);
	if (r == NULL)
		return;
	struct dynamodb_Import x = {.Description = describe(c, in, r)};
	struct dynamodb_ImportTableDescription started = *x.Description;
	struct wire_error why;
	if (may_read(c, in, &why)) {
		r->Description->TableStatus = S("CREATING");
		table_save(c, r);
		job_put(c, "import", x.Description->ImportArn, c->now_ms, S(""));
	} else {
		failed(c, x.Description, &why); /* accepted all the same, and no table is made */
	}
	call_put(c, import_key(c, started.ImportArn), &dynamodb_shape_Import, &x);
	out->ImportTableDescription = arena_new_of(c->arena, struct dynamodb_ImportTableDescription);
	*out->ImportTableDescription = started;
}

/* ---- the job ---- */

/* What goes to the error log of an import, a batch at a time. */
struct error_log { struct call *c; struct dynamodb_ImportTableDescription *d; struct str object; struct json *events; };

static void log_flush(struct error_log *l)
{
	struct call *c = l->c;
	const struct invoke_options o = {.who = account_principal(c)};
	if (l->events == NULL)
		return;
	struct json *in = json_new_object(c->arena);
	ptrdiff_t slash = str_find_str(l->d->ImportArn, S("/import/"));
	json_set_str(c->arena, in, "logGroupName", log_group);
	(void)invoke(c, "logs", "CreateLogGroup", in, &o); /* either may be there already */
	json_set_str(c->arena, in, "logStreamName", arena_join(c->arena, str_slice(l->d->ImportArn, (size_t)slash + 8, l->d->ImportArn.n), S("/error")));
	(void)invoke(c, "logs", "CreateLogStream", in, &o);
	json_set(c->arena, in, S("logEvents"), l->events);
	(void)invoke(c, "logs", "PutLogEvents", in, &o);
	l->events = NULL;
}

static void log_error(struct error_log *l, int64_t index, struct str message)
{
	struct call *c = l->c;
	struct json *event = json_new_object(c->arena);
	struct buf b;
	struct jw w;
	l->d->ErrorCount.v++;
	buf_init(&b, c->arena, 0);
	jw_init(&w, &b);
	jw_begin_object(&w);
	jw_key(&w, S("itemS3Pointer"));
	jw_begin_object(&w);
	jw_kv_str(&w, "bucket", l->d->S3BucketSource->S3Bucket);
	jw_kv_str(&w, "key", l->object);
	jw_kv_i64(&w, "itemIndex", index);
	jw_end_object(&w);
	jw_kv_str(&w, "importArn", l->d->ImportArn);
	jw_key(&w, S("errorMessages"));
	jw_begin_array(&w);
	jw_str(&w, str_slice(message, 0, message.n < MESSAGE_BYTES_MAX ? message.n : MESSAGE_BYTES_MAX));
	jw_end_array(&w);
	jw_end_object(&w);
	json_set_i64(c->arena, event, "timestamp", c->now_ms);
	json_set_str(c->arena, event, "message", buf_view(&b));
	if (l->events == NULL)
		l->events = json_new_array(c->arena);
	json_push(c->arena, l->events, event);
	if (l->events->n == EVENTS_AT_ONCE)
		log_flush(l);
}

/* Later items win over earlier ones with the same key. */
static bool import_item(struct call *c, const struct table *t, const struct av *v, struct consumed *used, struct fault *f)
{
	ASSERT(used->indexes != NULL);
	if (!check_item_keys(t, v, f))
		return false;
	if (item_size(v) > ITEM_SIZE_MAX)
		return fault(f, "Item size has exceeded the maximum allowed size");
	struct stored old;
	struct str key = item_key(c, t, v);
	item_load(c, t, key, &old);
	item_write(c, t, key, &old, v, false, used);
	return true;
}

static void import_object(struct call *c, const struct table *t, struct str body, struct error_log *log)
{
	ASSERT(txn_writable(c->txn));
	struct dynamodb_ImportTableDescription *d = log->d;
	struct import_reader r;
	struct consumed used;
	d->ProcessedSizeBytes.v += (int64_t)body.n;
	body = import_inflate(c->arena, body, d->InputCompressionType, OBJECT_BYTES_MAX);
	if (!str_present(body)) {
		log_error(log, 0, S("The object is not compressed as InputCompressionType says, or too large."));
		return;
	}
	consumed_init(c, t, &used, false);
	import_open(&r, c->arena, d, t->description, body);
	for (int64_t index = 0;; index++) {
		struct fault f = {.arena = c->arena};
		struct av item;
		enum import_result result = import_next(&r, &item, &f);
		if (result == IMPORT_END)
			return;
		d->ProcessedItemCount.v++;
		if (result == IMPORT_ITEM && import_item(c, t, &item, &used, &f))
			d->ImportedItemCount.v++;
		else
			log_error(log, index, f.message);
		if (result == IMPORT_BROKEN)
			return; /* the rest of the object is passed over */
	}
}

/* The next key of the source; absent: no more, or *why is set. */
static struct str next_object(struct call *c, const struct dynamodb_Import *x, struct wire_error *why)
{
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "Bucket", x->Description->S3BucketSource->S3Bucket);
	if (str_present(x->Description->S3BucketSource->S3KeyPrefix))
		json_set_str(c->arena, in, "Prefix", x->Description->S3BucketSource->S3KeyPrefix);
	if (str_present(x->After))
		json_set_str(c->arena, in, "StartAfter", x->After);
	json_set_i64(c->arena, in, "MaxKeys", 1);
	struct invoked i = invoke(c, "s3", "ListObjectsV2", in, &(struct invoke_options){.who = account_principal(c)});
	if (!i.ok) {
		*why = i.error;
		return STR_NONE;
	}
	return json_get_str(json_at(json_get(i.out, S("Contents")), 0), "Key");
}

static void end_import(struct call *c, struct dynamodb_Import *x, struct dynamodb_Table *r, const struct wire_error *why)
{
	struct dynamodb_ImportTableDescription *d = x->Description;
	const struct wire_error items = {.status = 400, .code = S("ItemValidationError"),
		.message = S("Some of the items failed validation checks and were not imported. Please check CloudWatch error logs for more details.")};
	d->EndTime = SOME_TIME(c->now_ms);
	d->ImportStatus = S("COMPLETED");
	if (why != NULL || d->ErrorCount.v > 0)
		failed(c, d, why != NULL ? why : &items);
	r->Description->TableStatus = S("ACTIVE");
	table_save(c, r);
}

void ddb_job_import(struct call *c, struct str id, struct str payload)
{
	ASSERT(txn_writable(c->txn) && id.n > 0);
	(void)payload;
	struct dynamodb_Import *x = call_get(c, import_key(c, id), &dynamodb_shape_Import);
	ASSERT(x != NULL);
	struct dynamodb_Table *r = table_record(c, x->Description->TableCreationParameters->TableName);
	ASSERT(r != NULL); /* a table that is being made cannot be deleted */
	struct table *t = table_of_record(c, r);
	if (!table_unsealed(c, t)) {
		job_put(c, "import", id, c->now_ms + KEY_RETRY_MS, S(""));
		return;
	}
	struct wire_error why = {0};
	struct str object = next_object(c, x, &why);
	if (!str_present(object)) {
		end_import(c, x, r, why.status != 0 ? &why : NULL);
	} else {
		struct error_log log = {.c = c, .d = x->Description, .object = object};
		struct json *in = json_new_object(c->arena);
		json_set_str(c->arena, in, "Bucket", x->Description->S3BucketSource->S3Bucket);
		json_set_str(c->arena, in, "Key", object);
		struct invoked i = invoke(c, "s3", "GetObject", in, &(struct invoke_options){.who = account_principal(c)});
		ASSERT(!i.parked);
		x->After = object;
		struct str body = i.ok ? json_get_str(i.out, "Body") : STR_NONE;
		if (str_present(body))
			import_object(c, t, body, &log);
		else
			log_error(&log, 0, i.ok ? S("The object is too large.") : i.error.message);
		log_flush(&log);
		job_put(c, "import", id, c->now_ms, S(""));
	}
	call_put(c, import_key(c, id), &dynamodb_shape_Import, x);
}

/* ---- describing ---- */

void ddb_describe_import(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_DescribeImport);
	const struct dynamodb_DescribeImportInput *in = c->in;
	struct dynamodb_DescribeImportOutput *out = c->out;
	if (!job_arn_check(c, in->ImportArn, S("/import/"), "Import"))
		return;
	struct dynamodb_Import *x = call_get(c, import_key(c, in->ImportArn), &dynamodb_shape_Import);
	if (x == NULL) {
		call_fail(c, &dynamodb_err_ImportNotFoundException, "Import not found: %.*s", STR_ARG(in->ImportArn));
		return;
	}
	out->ImportTableDescription = x->Description;
}

void ddb_list_imports(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_ListImports);
	const struct dynamodb_ListImportsInput *in = c->in;
	struct dynamodb_ListImportsOutput *out = c->out;
	uint32_t limit = in->PageSize.set && in->PageSize.v < IMPORTS_MAX ? (uint32_t)in->PageSize.v : IMPORTS_MAX;
	struct dynamodb_ImportSummary *all = arena_array(c->arena, struct dynamodb_ImportSummary, limit);
	struct str last = STR_NONE, key, value, after = str_present(in->NextToken) ? key_bytes(import_key(c, in->NextToken)) : STR_NONE;
	out->ImportSummaryList = (struct list){all, 0, true};
	struct scan *s = call_scan(c, call_key(c, "import"), after, false);
	while (scan_next(s, &key, &value)) {
		struct dynamodb_Import *x = record_decode(c, &dynamodb_shape_Import, arena_dup(c->arena, value));
		const struct dynamodb_ImportTableDescription *d = x->Description;
		if (str_present(in->TableArn) && !str_eq(in->TableArn, d->TableArn))
			continue;
		if (out->ImportSummaryList.n == limit) {
			out->NextToken = last;
			break;
		}
		last = d->ImportArn;
		all[out->ImportSummaryList.n++] = (struct dynamodb_ImportSummary){.ImportArn = d->ImportArn, .ImportStatus = d->ImportStatus,
			.TableArn = d->TableArn, .S3BucketSource = d->S3BucketSource,
			.CloudWatchLogGroupArn = d->CloudWatchLogGroupArn, .InputFormat = d->InputFormat, .StartTime = d->StartTime,
			.EndTime = d->EndTime};
	}
	scan_close(s);
}
