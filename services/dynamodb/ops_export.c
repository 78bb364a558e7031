/* ExportTableToPointInTime: the items of one moment, or what changed between two, as gzipped lines of DynamoDB JSON or Ion,
 * with the manifests.
 *
 * A job writes one data file for each batch and remembers the files in the export's record ("export" ARN); the table
 * stays busy until it is done. What S3 refuses makes the export fail, not the request. Source: "DynamoDB table export output
 * format" (Developer Guide); sentences are the service's own. */
#include "ops_s3.h"

#include "export_filter.h"
#include "history.h"
#include "ion.h"
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

bool job_arn_check(struct call *c, struct str arn, struct str part, const char *what)
{
	if (str_starts(arn, S("arn:")) && str_find_str(arn, S(":table/")) > 0 && str_find_str(arn, part) > 0)
		return true;
	fail_validation(c, "Invalid %s ARN", what);
	return false;
}

struct str s3_failure(struct call *c, const struct wire_error *e)
{
	bool of_s3 = str_eq(e->code, S("NoSuchBucket")) || str_eq(e->code, S("AccessDenied"));
	if (of_s3)
		return arena_join(c->arena, S("S3"), e->code);
	return str_starts(e->code, S("KMS.")) ? arena_join(c->arena, S("Kms"), str_slice(e->code, 4, e->code.n)) : e->code;
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

/* ---- the request ---- */

static bool refuse(struct call *c, const char *why)
{
	fail_validation(c, "Invalid Request: %s", why);
	return false;
}

static bool bad_time(struct call *c, const char *why, int64_t ms)
{
	call_fail(c, &dynamodb_err_InvalidExportTimeException, ms != 0 ? "%s : %.*s" : "%s", why, STR_ARG(ms != 0 ? time_iso8601(c->arena, ms) : S("")));
	return false;
}

/* What stands together. */
static bool check_asked(struct call *c, const struct dynamodb_ExportTableToPointInTimeInput *in)
{
	const struct dynamodb_IncrementalExportSpecification *s = in->IncrementalExportSpecification;
	bool incremental = str_eq(in->ExportType, S("INCREMENTAL_EXPORT"));
	if (!str_starts(in->TableArn, S("arn:"))) {
		fail_validation(c, "One or more parameter values were invalid: tableArn is not a valid ARN");
		return false;
	}
	if (s != NULL && !str_present(in->ExportType))
		return refuse(c, "Export Type expected to be Incremental Export when incremental export specification is provided");
	if (s != NULL && !incremental)
		return refuse(c, "When Export Type is Full Export , Incremental Export Specification should not be provided");
	if (incremental && s == NULL)
		return refuse(c, "Incremental Export Specification expected when export type is set as Incremental Export");
	if (incremental && !s->ExportFromTime.set)
		return refuse(c, "ExportFromTime must be provided in IncrementalExportSpecification");
	if (str_present(in->S3SseKmsKeyId) && !str_eq(in->S3SseAlgorithm, S("KMS")))
		return refuse(c, "KMS Key Id is not supported for this encryption type");
	return true;
}

/* Clients give whole seconds: what began within the earliest second may be asked for. */
static int64_t earliest_ms(struct call *c, const struct dynamodb_Table *r)
{
	return (r->Recovery.v ? recovery_earliest_ms(c, r) : c->now_ms) / 1000 * 1000;
}

static bool check_window(struct call *c, const struct dynamodb_Table *r, int64_t from, int64_t to)
{
	enum { MINUTE_MS = 60 * 1000 };
	if (from < earliest_ms(c, r))
		return bad_time(c, "Incremental export period from time cannot be less than the table creation time", from);
	if (to > c->now_ms)
		return bad_time(c, "Incremental export period to time cannot be greater than the current time", to);
	if (to - from < 15 * MINUTE_MS)
		return bad_time(c, "Difference between export period from time and export period to time is less than 15 minutes", 0);
	return to - from <= 24 * 60 * MINUTE_MS ||
	       bad_time(c, "Difference between export period from time and export period to time is greater than 24 hours", 0);
}

static bool check_time(struct call *c, const struct dynamodb_ExportTableToPointInTimeInput *in, const struct dynamodb_Table *r)
{
	ASSERT(r != NULL && r->Description != NULL);
	const struct dynamodb_IncrementalExportSpecification *s = in->IncrementalExportSpecification;
	if (s != NULL && !check_window(c, r, s->ExportFromTime.ms, s->ExportToTime.set ? s->ExportToTime.ms : c->now_ms))
		return false;
	if (!r->Recovery.v) {
		call_fail(c, &dynamodb_err_PointInTimeRecoveryUnavailableException, "Point in time recovery is not enabled for table '%.*s'",
		          STR_ARG(r->Description->TableName));
		return false;
	}
	int64_t at = s == NULL && in->ExportTime.set ? in->ExportTime.ms : c->now_ms;
	return (at >= earliest_ms(c, r) && at <= c->now_ms) || bad_time(c, "Export Time is invalid", 0);
}

/* With the same token the same request is the same export. */
static bool by_token(struct call *c, const struct dynamodb_ExportTableToPointInTimeInput *in, struct key *k, struct str request,
                     struct dynamodb_ExportTableToPointInTimeOutput *out)
{
	const struct dynamodb_ExportToken *was = call_get(c, k, &dynamodb_shape_ExportToken);
	if (was == NULL || !str_present(in->ClientToken))
		return false;
	if (str_eq(was->Request, request))
		out->ExportDescription = ((struct dynamodb_Export *)call_get(c, export_key(c, was->Arn), &dynamodb_shape_Export))->Description;
	else
		call_fail(c, &dynamodb_err_ExportConflictException, "Export conflict: Duplicate request detected with conflicting parameters");
	return true;
}

static struct dynamodb_ExportDescription *describe(struct call *c, const struct dynamodb_ExportTableToPointInTimeInput *in,
                                                   const struct dynamodb_Table *r, struct str id)
{
	ASSERT(str_present(id));
	struct dynamodb_ExportDescription *d = arena_new_of(c->arena, struct dynamodb_ExportDescription);
	*d = (struct dynamodb_ExportDescription){.ExportArn = arena_join(c->arena, r->Description->TableArn, S("/export/"), id),
		.ExportStatus = S("IN_PROGRESS"), .StartTime = SOME_TIME(c->now_ms), .TableArn = r->Description->TableArn,
		.TableId = r->Description->TableId, .ClientToken = in->ClientToken, .S3Bucket = in->S3Bucket,
		.S3BucketOwner = in->S3BucketOwner, .S3Prefix = in->S3Prefix, .S3SseAlgorithm = in->S3SseAlgorithm,
		.S3SseKmsKeyId = in->S3SseKmsKeyId, .ExportFormat = str_present(in->ExportFormat) ? in->ExportFormat : S("DYNAMODB_JSON"),
		.ExportType = str_present(in->ExportType) ? in->ExportType : S("FULL_EXPORT"), .BilledSizeBytes = SOME_I64(0),
		.ItemCount = SOME_I64(0), .FilterSpecification = in->FilterSpecification};
	if (in->IncrementalExportSpecification == NULL) {
		d->ExportTime = SOME_TIME(in->ExportTime.set ? in->ExportTime.ms : c->now_ms);
		return d;
	}
	struct dynamodb_IncrementalExportSpecification *s = arena_new_of(c->arena, struct dynamodb_IncrementalExportSpecification);
	*s = *in->IncrementalExportSpecification;
	if (!s->ExportToTime.set)
		s->ExportToTime = SOME_TIME(c->now_ms);
	if (!str_present(s->ExportViewType))
		s->ExportViewType = S("NEW_AND_OLD_IMAGES");
	d->IncrementalExportSpecification = s;
	return d;
}

static void failed(struct call *c, struct dynamodb_ExportDescription *d, const struct wire_error *why)
{
	d->ExportStatus = S("FAILED");
	d->EndTime = SOME_TIME(c->now_ms);
	d->FailureCode = s3_failure(c, why);
	d->FailureMessage = why->message;
}

void ddb_export_table_to_point_in_time(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_ExportTableToPointInTime);
	const struct dynamodb_ExportTableToPointInTimeInput *in = c->in;
	struct dynamodb_ExportTableToPointInTimeOutput *out = c->out;
	struct str request = sha256_hex(c->arena, json_text_sorted(c->arena, typed_to_json(c->arena, &dynamodb_shape_ExportTableToPointInTimeInput, in)));
	struct key *token = key_str(call_key(c, "exporttoken"), str_present(in->ClientToken) ? in->ClientToken : S(""));
	if (!check_asked(c, in))
		return;
	struct dynamodb_Table *r = backup_table(c, in->TableArn);
	if (r == NULL || by_token(c, in, token, request, out) || !check_time(c, in, r))
		return;
	struct request reading;
	struct export_filter filter;
	request_init(&reading, c);
	if (!export_filter_read(&reading, table_of_record(c, r), in->FilterSpecification, &filter) || !search_check_paths(&filter.s, &reading)) {
		request_failed(&reading);
		return;
	}
	char tail[9] = {0};
	random_hex(tail, 8);
	struct str id = arena_printf(c->arena, "%014lld-%s", (long long)c->now_ms, tail);
	struct dynamodb_ExportDescription *d = describe(c, in, r, id);
	struct dynamodb_Export x = {.Description = d, .Table = r->Description->TableName, .Space = r->Space, .Files = S("")};
	x.Position = export_filter_start(c, &filter);
	if (in->ExportTime.set)
		x.UntilTime = d->ExportTime;
	else
		x.UntilSerial = SOME_I64((int64_t)call_serial(c, "history"));
	bool prefixed = in->S3Prefix.n > 0;
	struct str top = arena_join(c->arena, prefixed ? in->S3Prefix : S(""), prefixed ? S("/") : S(""), S("AWSDynamoDB/"));
	x.Folder = arena_join(c->arena, top, id, S("/"));
	/* Incremental exports share one folder of data files. */
	x.Data = d->IncrementalExportSpecification != NULL ? arena_join(c->arena, top, S("data/")) : file_key(c, &x, "data/");
	struct dynamodb_ExportDescription *started = arena_new_of(c->arena, struct dynamodb_ExportDescription);
	*started = *d;
	started->BilledSizeBytes = started->ItemCount = (struct opt_i64){0};
	struct wire_error why;
	/* AWS writes this too; here it shows that the caller may write to the bucket. */
	if (put_object(c, d, file_key(c, &x, "_started"), S(""), c->who, &why)) {
		table_busy(c, r, 1);
		job_put(c, "export", d->ExportArn, c->now_ms, S(""));
	} else {
		failed(c, d, &why);
	}
	call_put(c, export_key(c, d->ExportArn), &dynamodb_shape_Export, &x);
	if (str_present(in->ClientToken))
		call_put(c, token, &dynamodb_shape_ExportToken, &(struct dynamodb_ExportToken){d->ExportArn, request});
	out->ExportDescription = started;
}

/* ---- the job ---- */

static bool as_ion(const struct dynamodb_Export *x) { return str_eq(x->Description->ExportFormat, S("ION")); }

static void write_image(struct buf *b, bool ion, struct str name, struct str bytes, struct arena *a)
{
	struct av item;
	buf_printf(b, ion ? "%.*s:" : "\"%.*s\":", STR_ARG(name));
	bool ok = ion ? item_decode(a, bytes, &item) : item_bytes_write_json(b, bytes);
	ASSERT(ok);
	if (ion)
		ion_write_item(b, &item);
}

static struct str full_lines(struct call *c, const struct table *t, struct dynamodb_Export *x, const struct export_filter *f, uint32_t most,
                             bool *more, int64_t *count)
{
	struct buf b;
	struct moment m = {(uint64_t)x->UntilSerial.v, x->UntilTime.ms};
	struct past_item *items = arena_array(c->arena, struct past_item, most);
	uint32_t n = history_read(c, (uint64_t)x->Space.v, &m, x->Position.n > 0 ? x->Position : STR_NONE, items, most);
	bool end = false;
	buf_init(&b, c->arena, 0);
	for (uint32_t i = 0; i < n && !end; i++) {
		size_t size;
		if (!export_filter_covers(f, items[i].own_key, &end) || items[i].bytes.n == 0)
			continue;
		struct str item = open_own(c, t, items[i].own_key, items[i].bytes);
		bool ok = item_bytes_size(item, &size);
		ASSERT(ok);
		x->Description->BilledSizeBytes.v += (int64_t)size; /* for what is read, filtered or not */
		if (!export_filter_takes(c, f, item))
			continue;
		buf_str(&b, as_ion(x) ? S("$ion_1_0 {") : S("{"));
		write_image(&b, as_ion(x), S("Item"), export_filter_project(c, f, item), c->arena);
		buf_lit(&b, "}\n");
		(*count)++;
	}
	*more = n == most && !end;
	if (n > 0)
		x->Position = items[n - 1].own_key;
	return buf_view(&b);
}

/* One line of an incremental export: the item as it was before the period, and as it was at its end. false: the filter does not
 * take it. */
static bool write_change(struct call *c, const struct table *t, struct dynamodb_Export *x, const struct export_filter *f, struct past_change *p,
                         struct buf *b)
{
	ASSERT(p->before.n > 0 || p->after.n > 0);
	bool ion = as_ion(x), both = str_eq(x->Description->IncrementalExportSpecification->ExportViewType, S("NEW_AND_OLD_IMAGES"));
	struct av item;
	struct buf key;
	size_t size = 0;
	p->before = open_own(c, t, p->own_key, p->before);
	p->after = open_own(c, t, p->own_key, p->after);
	bool ok = item_decode(c->arena, p->after.n > 0 ? p->after : p->before, &item) && item_bytes_size(p->after.n > 0 ? p->after : p->before, &size);
	ASSERT(ok);
	x->Description->BilledSizeBytes.v += (int64_t)size;
	if (!export_filter_takes(c, f, p->after.n > 0 ? p->after : p->before))
		return false;
	struct av keys = key_of_item(c->arena, &t->key, &item);
	buf_init(&key, c->arena, 0);
	item_encode(&key, &keys);
	buf_printf(b, ion ? "$ion_1_0 {Record:{Metadata:{WriteTimestampMicros:%lld.}," : "{\"Metadata\":{\"WriteTimestampMicros\":{\"N\":\"%lld\"}},",
	           (long long)p->at_ms * 1000);
	write_image(b, ion, S("Keys"), buf_view(&key), c->arena);
	if (p->before.n > 0 && both) {
		buf_putc(b, ',');
		write_image(b, ion, S("OldImage"), export_filter_project(c, f, p->before), c->arena);
	}
	if (p->after.n > 0) {
		buf_putc(b, ',');
		write_image(b, ion, S("NewImage"), export_filter_project(c, f, p->after), c->arena);
	}
	buf_str(b, ion ? S("}}\n") : S("}\n"));
	return true;
}

static struct str change_lines(struct call *c, const struct table *t, struct dynamodb_Export *x, const struct export_filter *f, uint32_t most,
                               bool *more, int64_t *count)
{
	struct buf b;
	const struct dynamodb_IncrementalExportSpecification *s = x->Description->IncrementalExportSpecification;
	struct past_change *all = arena_array(c->arena, struct past_change, most);
	uint32_t n = history_changes(c, (uint64_t)x->Space.v, s->ExportFromTime.ms, s->ExportToTime.ms, x->Position.n > 0 ? x->Position : STR_NONE,
	                             all, most);
	buf_init(&b, c->arena, 0);
	bool end = false;
	for (uint32_t i = 0; i < n && !end; i++) {
		if (!export_filter_covers(f, all[i].own_key, &end) || all[i].at_ms == 0 || (all[i].before.n == 0 && all[i].after.n == 0))
			continue; /* not touched, or made and gone within the period */
		*count += write_change(c, t, x, f, &all[i], &b);
	}
	*more = n == most && !end;
	if (n > 0)
		x->Position = all[n - 1].own_key;
	return buf_view(&b);
}

static bool write_data(struct call *c, struct dynamodb_Export *x, struct str lines, int64_t count, struct wire_error *why)
{
	char name[27] = {0};
	random_lower(name, 26);
	struct str key = arena_join(c->arena, x->Data, str_c(name), as_ion(x) ? S(".ion.gz") : S(".json.gz")), body = gzip_compress(c->arena, lines);
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
	const struct dynamodb_IncrementalExportSpecification *s = d->IncrementalExportSpecification;
	jw_kv_str(&w, "version", s != NULL ? S("2023-08-01") : S("2020-06-30"));
	jw_kv_str(&w, "exportArn", d->ExportArn);
	jw_kv_str(&w, "startTime", time_iso8601_ms(c->arena, d->StartTime.ms));
	jw_kv_str(&w, "endTime", time_iso8601_ms(c->arena, c->now_ms));
	jw_kv_str(&w, "tableArn", d->TableArn);
	jw_kv_str(&w, "tableId", d->TableId);
	if (s != NULL) {
		jw_kv_str(&w, "exportFromTime", time_iso8601_ms(c->arena, s->ExportFromTime.ms));
		jw_kv_str(&w, "exportToTime", time_iso8601_ms(c->arena, s->ExportToTime.ms));
	} else {
		jw_kv_str(&w, "exportTime", time_iso8601_ms(c->arena, d->ExportTime.ms));
	}
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
	jw_kv_str(&w, "outputFormat", d->ExportFormat);
	if (s != NULL)
		jw_kv_str(&w, "outputView", s->ExportViewType);
	jw_kv_str(&w, "exportType", d->ExportType);
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

static void end_export(struct call *c, struct dynamodb_Export *x, struct dynamodb_Table *r, const struct wire_error *why)
{
	x->Description->ExportStatus = S("COMPLETED");
	x->Description->EndTime = SOME_TIME(c->now_ms);
	x->Description->ExportManifest = file_key(c, x, "manifest-summary.json");
	if (why != NULL)
		failed(c, x->Description, why);
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
	int64_t count = 0;
	struct request reading;
	struct export_filter filter;
	request_init(&reading, c);
	bool more, read = export_filter_read(&reading, t, x->Description->FilterSpecification, &filter);
	ASSERT(read); /* it could be read when it came */
	struct str lines = x->Description->IncrementalExportSpecification != NULL ?
		change_lines(c, t, x, &filter, EXPORT_AT_ONCE, &more, &count) : full_lines(c, t, x, &filter, EXPORT_AT_ONCE, &more, &count);
	struct wire_error why;
	x->Description->ItemCount.v += count;
	bool ok = count == 0 || write_data(c, x, lines, count, &why);
	if (ok && !more)
		ok = write_manifests(c, x, &why);
	if (ok && more)
		job_put(c, "export", id, c->now_ms, S(""));
	else
		end_export(c, x, r, ok ? NULL : &why);
	call_put(c, export_key(c, id), &dynamodb_shape_Export, x);
}

/* ---- describing ---- */

void ddb_describe_export(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_DescribeExport);
	const struct dynamodb_DescribeExportInput *in = c->in;
	struct dynamodb_DescribeExportOutput *out = c->out;
	if (!job_arn_check(c, in->ExportArn, S("/export/"), "Export"))
		return;
	struct dynamodb_Export *x = call_get(c, export_key(c, in->ExportArn), &dynamodb_shape_Export);
	if (x == NULL) {
		call_fail(c, &dynamodb_err_ExportNotFoundException, "Export not found: Export not found: %.*s", STR_ARG(in->ExportArn));
		return;
	}
	if (str_eq(x->Description->ExportStatus, S("IN_PROGRESS")))
		x->Description->BilledSizeBytes = x->Description->ItemCount = (struct opt_i64){0};
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
