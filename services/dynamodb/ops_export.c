/* ExportTableToPointInTime: the items of one moment as gzipped lines of DynamoDB JSON, with the manifests.
 *
 * A job writes one data file for each batch and remembers the files in the export's record ("export" ARN); the table
 * stays busy until it is done. Source: "DynamoDB table export output format" (Developer Guide). */
#include "ops_s3.h"

#include "history.h"
#include "ops_backup.h"
#include "seal.h"

#include "base/enc.h"
#include "base/time.h"
#include "os/os.h"


enum { EXPORT_AT_ONCE = 2000, EXPORTS_MAX = 25 };

const struct principal *account_principal(struct call *c)
{
	struct principal *p = arena_new_of(c->arena, struct principal);
	*p = (struct principal){.type = PRINCIPAL_ROOT, .account = c->account, .name = S("root")};
	p->arn = arena_join(c->arena, S("arn:aws:iam::"), c->account, S(":root"));
	p->user_id = c->account;
	return p;
}

static struct key *export_key(struct call *c, struct str arn)
{
	return key_str(call_key(c, "export"), arn);
}

/* Put an object; false with the error in *why. */
static bool put_object(struct call *c, const struct dynamodb_ExportDescription *d, struct str key, struct str body,
                       const struct principal *who, struct wire_error *why)
{
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "Bucket", d->S3Bucket);
	json_set_str(c->arena, in, "Key", key);
	json_set_str(c->arena, in, "Body", body);
	if (str_eq(d->S3SseAlgorithm, S("KMS"))) {
		json_set_str(c->arena, in, "ServerSideEncryption", S("aws:kms"));
		if (str_present(d->S3SseKmsKeyId))
			json_set_str(c->arena, in, "SSEKMSKeyId", d->S3SseKmsKeyId);
	} else if (str_present(d->S3SseAlgorithm)) {
		json_set_str(c->arena, in, "ServerSideEncryption", d->S3SseAlgorithm);
	}
	struct invoked i = invoke(c, "s3", "PutObject", in, &(struct invoke_options){.who = who});
	ASSERT(!i.parked); /* objects held in memory are put at once */
	if (!i.ok)
		*why = i.error;
	return i.ok;
}

static struct str file_key(struct call *c, const struct dynamodb_Export *x, const char *name)
{
	return arena_join(c->arena, x->Folder, str_c(name));
}

static bool check_export(struct call *c, const struct dynamodb_ExportTableToPointInTimeInput *in, const struct dynamodb_Table *r, int64_t at)
{
	ASSERT(r != NULL && r->Description != NULL);
	if (str_eq(in->ExportFormat, S("ION")) || str_eq(in->ExportType, S("INCREMENTAL_EXPORT")) || in->FilterSpecification != NULL) {
		call_unsupported(c, "ExportTableToPointInTime: ION, incremental and filtered exports are not supported");
		return false;
	}
	if (!r->Recovery.v) {
		call_fail(c, &dynamodb_err_PointInTimeRecoveryUnavailableException, "Point in time recovery is not enabled for table '%.*s'",
		          STR_ARG(r->Description->TableName));
		return false;
	}
	if (at < recovery_earliest_ms(c, r) / 1000 * 1000 || at > c->now_ms) {
		call_fail(c, &dynamodb_err_InvalidExportTimeException, "The specified ExportTime is outside of the point in time recovery window.");
		return false;
	}
	return true;
}

void ddb_export_table_to_point_in_time(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_ExportTableToPointInTime);
	const struct dynamodb_ExportTableToPointInTimeInput *in = c->in;
	struct dynamodb_ExportTableToPointInTimeOutput *out = c->out;
	struct dynamodb_Table *r = backup_table(c, in->TableArn);
	int64_t at = in->ExportTime.set ? in->ExportTime.ms : c->now_ms;
	if (r == NULL || !check_export(c, in, r, at))
		return;
	char tail[9] = {0};
	random_hex(tail, 8);
	struct str id = arena_printf(c->arena, "%014lld-%s", (long long)c->now_ms, tail);
	struct dynamodb_ExportDescription *d = arena_new_of(c->arena, struct dynamodb_ExportDescription);
	*d = (struct dynamodb_ExportDescription){.ExportArn = arena_join(c->arena, r->Description->TableArn, S("/export/"), id),
		.ExportStatus = S("IN_PROGRESS"), .StartTime = SOME_TIME(c->now_ms), .TableArn = r->Description->TableArn,
		.TableId = r->Description->TableId, .ExportTime = SOME_TIME(at), .ClientToken = in->ClientToken, .S3Bucket = in->S3Bucket,
		.S3BucketOwner = in->S3BucketOwner, .S3Prefix = in->S3Prefix, .S3SseAlgorithm = in->S3SseAlgorithm,
		.S3SseKmsKeyId = in->S3SseKmsKeyId, .ExportFormat = S("DYNAMODB_JSON"), .ExportType = S("FULL_EXPORT"),
		.BilledSizeBytes = SOME_I64(0), .ItemCount = SOME_I64(0)};
	struct dynamodb_Export x = {.Description = d, .Table = r->Description->TableName, .Space = r->Space, .Files = S("")};
	if (in->ExportTime.set)
		x.UntilTime = SOME_TIME(at);
	else
		x.UntilSerial = SOME_I64((int64_t)call_serial(c, "history"));
	bool prefixed = in->S3Prefix.n > 0;
	x.Folder = arena_join(c->arena, prefixed ? in->S3Prefix : S(""), prefixed ? S("/") : S(""), S("AWSDynamoDB/"), id, S("/"));
	d->ExportManifest = file_key(c, &x, "manifest-summary.json");
	struct wire_error why;
	/* AWS writes this too; here it shows that the caller may write to the bucket. */
	if (!put_object(c, d, file_key(c, &x, "_started"), S(""), c->who, &why)) {
		call_fail_as(c, &why);
		return;
	}
	table_busy(c, r, 1);
	call_put(c, export_key(c, d->ExportArn), &dynamodb_shape_Export, &x);
	job_put(c, "export", d->ExportArn, c->now_ms, S(""));
	out->ExportDescription = d;
}

/* ---- the job ---- */

static struct str lines_of(struct call *c, const struct table *t, struct dynamodb_Export *x, const struct past_item *items, uint32_t n,
                           int64_t *count)
{
	struct buf b;
	buf_init(&b, c->arena, 0);
	*count = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (items[i].bytes.n == 0)
			continue;
		size_t size;
		struct str item = open_own(c, t, items[i].own_key, items[i].bytes);
		bool ok = item_bytes_size(item, &size);
		buf_lit(&b, "{\"Item\":");
		ok = ok && item_bytes_write_json(&b, item);
		ASSERT(ok);
		buf_lit(&b, "}\n");
		(*count)++;
		x->Description->BilledSizeBytes.v += (int64_t)size;
	}
	x->Description->ItemCount.v += *count;
	return buf_view(&b);
}

static bool write_data(struct call *c, struct dynamodb_Export *x, struct str lines, int64_t count, struct wire_error *why)
{
	char name[27] = {0};
	random_lower(name, 26);
	struct str key = arena_join(c->arena, x->Folder, S("data/"), str_c(name), S(".json.gz")), body = gzip_compress(c->arena, lines);
	struct md5 sum = md5(body);
	struct buf b;
	buf_init(&b, c->arena, 0);
	buf_str(&b, x->Files);
	buf_printf(&b, "{\"itemCount\":%lld,\"md5Checksum\":\"", (long long)count);
	base64_write(&b, str_of((const char *)sum.b, sizeof sum.b));
	buf_lit(&b, "\",\"etag\":\"");
	hex_write(&b, str_of((const char *)sum.b, sizeof sum.b));
	buf_lit(&b, "\",\"dataFileS3Key\":");
	json_write_str(&b, key);
	buf_lit(&b, "}\n");
	x->Files = buf_view(&b);
	return put_object(c, x->Description, key, body, account_principal(c), why);
}

static struct str summary_of(struct call *c, const struct dynamodb_Export *x)
{
	const struct dynamodb_ExportDescription *d = x->Description;
	struct buf b;
	struct jw w;
	buf_init(&b, c->arena, 0);
	jw_init(&w, &b);
	jw_begin_object(&w);
	jw_kv_str(&w, "version", S("2020-06-30"));
	jw_kv_str(&w, "exportArn", d->ExportArn);
	jw_kv_str(&w, "startTime", time_iso8601_ms(c->arena, d->StartTime.ms));
	jw_kv_str(&w, "endTime", time_iso8601_ms(c->arena, c->now_ms));
	jw_kv_str(&w, "tableArn", d->TableArn);
	jw_kv_str(&w, "tableId", d->TableId);
	jw_kv_str(&w, "exportTime", time_iso8601_ms(c->arena, d->ExportTime.ms));
	jw_kv_str(&w, "s3Bucket", d->S3Bucket);
	jw_kv_str(&w, "s3Prefix", str_present(d->S3Prefix) ? d->S3Prefix : S(""));
	jw_kv_str(&w, "s3SseAlgorithm", str_present(d->S3SseAlgorithm) ? d->S3SseAlgorithm : S("AES256"));
	jw_key(&w, S("s3SseKmsKeyId"));
	if (str_present(d->S3SseKmsKeyId))
		jw_str(&w, d->S3SseKmsKeyId);
	else
		jw_null(&w);
	jw_kv_str(&w, "manifestFilesS3Key", file_key(c, x, "manifest-files.json"));
	jw_kv_i64(&w, "billedSizeBytes", d->BilledSizeBytes.v);
	jw_kv_i64(&w, "itemCount", d->ItemCount.v);
	jw_kv_str(&w, "outputFormat", S("DYNAMODB_JSON"));
	jw_kv_str(&w, "exportType", S("FULL_EXPORT"));
	jw_end_object(&w);
	return buf_view(&b);
}

static struct str md5_base64(struct arena *a, struct str text)
{
	struct md5 sum = md5(text);
	return base64_encode(a, str_of((const char *)sum.b, sizeof sum.b));
}

static bool write_manifests(struct call *c, struct dynamodb_Export *x, struct wire_error *why)
{
	const struct principal *who = account_principal(c);
	struct str summary = summary_of(c, x);
	return put_object(c, x->Description, file_key(c, x, "manifest-files.json"), x->Files, who, why) &&
	       put_object(c, x->Description, file_key(c, x, "manifest-files.md5"), md5_base64(c->arena, x->Files), who, why) &&
	       put_object(c, x->Description, file_key(c, x, "manifest-summary.json"), summary, who, why) &&
	       put_object(c, x->Description, file_key(c, x, "manifest-summary.md5"), md5_base64(c->arena, summary), who, why);
}

static void end_export(struct call *c, struct dynamodb_Export *x, const struct wire_error *why)
{
	x->Description->ExportStatus = why == NULL ? S("COMPLETED") : S("FAILED");
	x->Description->EndTime = SOME_TIME(c->now_ms);
	if (why != NULL) {
		x->Description->FailureCode = str_eq(why->code, S("NoSuchBucket")) ? S("S3NoSuchBucket") : why->code;
		x->Description->FailureMessage = why->message;
	}
	struct dynamodb_Table *r = table_record(c, x->Table);
	ASSERT(r != NULL); /* a busy table cannot be deleted */
	table_busy(c, r, -1);
}

void ddb_job_export(struct call *c, struct str id, struct str payload)
{
	ASSERT(txn_writable(c->txn) && id.n > 0);
	(void)payload;
	struct dynamodb_Export *x = call_get(c, export_key(c, id), &dynamodb_shape_Export);
	ASSERT(x != NULL);
	struct dynamodb_Table *r = table_record(c, x->Table);
	ASSERT(r != NULL); /* a busy table cannot be deleted */
	struct table *t = table_of_record(c, r);
	if (!table_unsealed(c, t)) {
		job_put(c, "export", id, c->now_ms + KEY_RETRY_MS, S(""));
		return;
	}
	struct past_item *items = arena_array(c->arena, struct past_item, EXPORT_AT_ONCE);
	struct moment m = {(uint64_t)x->UntilSerial.v, x->UntilTime.ms};
	uint32_t n = history_read(c, (uint64_t)x->Space.v, &m, x->Position.n > 0 ? x->Position : STR_NONE, items, EXPORT_AT_ONCE);
	int64_t count;
	struct str lines = lines_of(c, t, x, items, n, &count);
	struct wire_error why;
	bool ok = count == 0 || write_data(c, x, lines, count, &why);
	bool more = n == EXPORT_AT_ONCE;
	if (ok && !more)
		ok = write_manifests(c, x, &why);
	if (ok && more) {
		x->Position = items[n - 1].own_key;
		job_put(c, "export", id, c->now_ms, S(""));
	} else {
		end_export(c, x, ok ? NULL : &why);
	}
	call_put(c, export_key(c, id), &dynamodb_shape_Export, x);
}

/* ---- describing ---- */

void ddb_describe_export(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_DescribeExport);
	const struct dynamodb_DescribeExportInput *in = c->in;
	struct dynamodb_DescribeExportOutput *out = c->out;
	struct dynamodb_Export *x = call_get(c, export_key(c, in->ExportArn), &dynamodb_shape_Export);
	if (x == NULL) {
		call_fail(c, &dynamodb_err_ExportNotFoundException, "Export not found: %.*s", STR_ARG(in->ExportArn));
		return;
	}
	out->ExportDescription = x->Description;
}

void ddb_list_exports(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_ListExports);
	const struct dynamodb_ListExportsInput *in = c->in;
	struct dynamodb_ListExportsOutput *out = c->out;
	uint32_t limit = in->MaxResults.set && in->MaxResults.v < EXPORTS_MAX ? (uint32_t)in->MaxResults.v : EXPORTS_MAX;
	struct dynamodb_ExportSummary *all = arena_array(c->arena, struct dynamodb_ExportSummary, limit);
	out->ExportSummaries = (struct list){all, 0, true};
	struct str key, value, after = str_present(in->NextToken) ? key_bytes(export_key(c, in->NextToken)) : STR_NONE;
	struct scan *s = call_scan(c, call_key(c, "export"), after, false);
	while (scan_next(s, &key, &value)) {
		struct dynamodb_Export *x = record_decode(c, &dynamodb_shape_Export, arena_dup(c->arena, value));
		if (str_present(in->TableArn) && !str_eq(in->TableArn, x->Description->TableArn))
			continue;
		if (out->ExportSummaries.n == limit) {
			out->NextToken = all[limit - 1].ExportArn;
			break;
		}
		all[out->ExportSummaries.n++] = (struct dynamodb_ExportSummary){x->Description->ExportArn, x->Description->ExportStatus,
		                                                               x->Description->ExportType};
	}
	scan_close(s);
}
