/* ImportTable: a new table from objects of DynamoDB JSON lines in S3.
 *
 * A job reads one object a run, in the order of keys ("import" ARN remembers the last one); lines that are no items of
 * the table are counted as errors and passed over. Source: "DynamoDB data import from Amazon S3" (Developer Guide). */
#include "ops_s3.h"

#include "seal.h"
#include "write.h"

#include "os/os.h"

#include <libdeflate.h>

enum { IMPORTS_MAX = 25, OBJECT_BYTES_MAX = 256 << 20 };

struct str gunzip_text(struct arena *a, struct str bytes, size_t max)
{
	if (bytes.n < 18)
		return STR_NONE;
	/* The size modulo 2^32 stands at the end (RFC 1952). */
	uint32_t size;
	memcpy(&size, bytes.p + bytes.n - 4, sizeof size);
	if (size > max)
		return STR_NONE;
	struct libdeflate_decompressor *z = libdeflate_alloc_decompressor();
	if (z == NULL)
		die("out of memory (a decompressor)");
	char *out = arena_bytes(a, size > 0 ? size : 1);
	size_t n = 0;
	enum libdeflate_result result = libdeflate_gzip_decompress(z, bytes.p, bytes.n, out, size, &n);
	libdeflate_free_decompressor(z);
	return result == LIBDEFLATE_SUCCESS ? str_of(out, n) : STR_NONE;
}

static struct key *import_key(struct call *c, struct str arn)
{
	return key_str(call_key(c, "import"), arn);
}

void ddb_import_table(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_ImportTable);
	const struct dynamodb_ImportTableInput *in = c->in;
	struct dynamodb_ImportTableOutput *out = c->out;
	const struct dynamodb_TableCreationParameters *t = in->TableCreationParameters;
	if (!str_eq(in->InputFormat, S("DYNAMODB_JSON")) || str_eq(in->InputCompressionType, S("ZSTD")) || t->VectorIndexes.n > 0) {
		call_unsupported(c, "ImportTable: only DYNAMODB_JSON, plain or GZIP, is supported");
		return;
	}
	struct table_definition def = {.name = t->TableName, .billing_mode = t->BillingMode, .attributes = t->AttributeDefinitions,
		.key_schema = t->KeySchema, .global_indexes = t->GlobalSecondaryIndexes, .throughput = t->ProvisionedThroughput,
		.on_demand = t->OnDemandThroughput, .sse = t->SSESpecification};
	struct dynamodb_Table *r = table_make(c, &def);
	if (r == NULL)
		return;
	/* The caller must be able to read the bucket now; the job then works for the account. */
	struct json *list = json_new_object(c->arena);
	json_set_str(c->arena, list, "Bucket", in->S3BucketSource->S3Bucket);
	json_set_i64(c->arena, list, "MaxKeys", 1);
	struct invoked i = invoke(c, "s3", "ListObjectsV2", list, NULL);
	if (!i.ok) {
		call_fail_as(c, &i.error);
		return;
	}
	r->Description->TableStatus = S("CREATING");
	table_save(c, r);
	char tail[9] = {0};
	random_hex(tail, 8);
	struct dynamodb_ImportTableDescription *d = arena_new_of(c->arena, struct dynamodb_ImportTableDescription);
	*d = (struct dynamodb_ImportTableDescription){.ImportStatus = S("IN_PROGRESS"), .TableArn = r->Description->TableArn,
		.TableId = r->Description->TableId, .ClientToken = in->ClientToken, .S3BucketSource = in->S3BucketSource,
		.InputFormat = in->InputFormat, .InputCompressionType = str_present(in->InputCompressionType) ? in->InputCompressionType : S("NONE"),
		.TableCreationParameters = in->TableCreationParameters, .StartTime = SOME_TIME(c->now_ms), .ErrorCount = SOME_I64(0),
		.ProcessedSizeBytes = SOME_I64(0), .ProcessedItemCount = SOME_I64(0), .ImportedItemCount = SOME_I64(0)};
	d->ImportArn = arena_printf(c->arena, "%.*s/import/%014lld-%s", STR_ARG(d->TableArn), (long long)c->now_ms, tail);
	struct dynamodb_Import x = {.Description = d};
	call_put(c, import_key(c, d->ImportArn), &dynamodb_shape_Import, &x);
	job_put(c, "import", d->ImportArn, c->now_ms, S(""));
	out->ImportTableDescription = d;
}

/* ---- the job ---- */

/* One line: {"Item": {...}}. Later lines win over earlier ones with the same key. */
static void import_line(struct call *c, const struct table *t, struct str line, struct dynamodb_ImportTableDescription *d, struct consumed *used)
{
	ASSERT(used->indexes != NULL);
	struct fault f = {.arena = c->arena};
	struct json *j = json_parse(c->arena, line, NULL), *item = json_get(j, S("Item"));
	struct av v;
	d->ProcessedItemCount.v++;
	if (item == NULL || !item_from_json(item, &v, &f) || !check_item_keys(t, &v, &f) || item_size(&v) > ITEM_SIZE_MAX) {
		d->ErrorCount.v++;
		return;
	}
	struct stored old;
	struct str key = item_key(c, t, &v);
	item_load(c, t, key, &old);
	item_write(c, t, key, &old, &v, false, used);
	d->ImportedItemCount.v++;
}

static bool import_object(struct call *c, const struct table *t, struct str body, struct dynamodb_ImportTableDescription *d)
{
	ASSERT(txn_writable(c->txn));
	d->ProcessedSizeBytes.v += (int64_t)body.n;
	if (str_eq(d->InputCompressionType, S("GZIP")))
		body = gunzip_text(c->arena, body, OBJECT_BYTES_MAX);
	if (!str_present(body))
		return false;
	struct consumed used;
	consumed_init(c, t, &used, false);
	while (str_present(body)) {
		struct str line = str_trim(str_cut(&body, '\n'));
		if (line.n > 0)
			import_line(c, t, line, d, &used);
	}
	return true;
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
	d->EndTime = SOME_TIME(c->now_ms);
	d->ImportStatus = why == NULL ? S("COMPLETED") : S("FAILED");
	if (why != NULL) {
		d->FailureCode = why->code;
		d->FailureMessage = why->message;
	}
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
		struct json *in = json_new_object(c->arena);
		json_set_str(c->arena, in, "Bucket", x->Description->S3BucketSource->S3Bucket);
		json_set_str(c->arena, in, "Key", object);
		struct invoked i = invoke(c, "s3", "GetObject", in, &(struct invoke_options){.who = account_principal(c)});
		ASSERT(!i.parked);
		x->After = object;
		struct str body = i.ok ? json_get_str(i.out, "Body") : STR_NONE;
		if (!i.ok || !str_present(body) || !import_object(c, t, body, x->Description))
			x->Description->ErrorCount.v++;
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
			.TableArn = d->TableArn, .S3BucketSource = d->S3BucketSource, .InputFormat = d->InputFormat, .StartTime = d->StartTime,
			.EndTime = d->EndTime};
	}
	scan_close(s);
}
