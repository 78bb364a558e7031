/* Server access logs: a line for each request to a bucket that asks for it, delivered as objects into the target bucket.
 *
 * Which buckets ask is kept in memory on the loop thread, read from "logged" records at start and told by effects. Lines
 * are gathered there for at most GATHER_MS of the service clock or GATHER_BYTES, then put by a write call that acts as
 * logging.s3.amazonaws.com. As on AWS it is best effort: lines not delivered yet are lost with a crash, and what the
 * target does not allow is dropped and said in the program's log.
 * Source: "Logging requests with server access logging", "Amazon S3 server access log format" (S3 User Guide). */
#include "raw.h"

#include "base/map.h"
#include "base/time.h"
#include "os/os.h"
#include "telemetry/log.h"

#include <stdlib.h>

enum { GATHER_MS = 60000, GATHER_BYTES = 256 << 10, LINE_MAX = 8 << 10, WATCHED_MAGIC = 0x10660001, DAY_MS = 86400000, UNIQUE = 16 };

/* ---- one line ---- */

/* What the log calls an operation. Source: the same pages, and AWS's own logs. */
static const char *const names[][2] = {
	{"GetObject", "REST.GET.OBJECT"}, {"HeadObject", "REST.HEAD.OBJECT"}, {"PutObject", "REST.PUT.OBJECT"}, {"CopyObject", "REST.COPY.OBJECT"},
	{"DeleteObject", "REST.DELETE.OBJECT"}, {"DeleteObjects", "REST.POST.MULTI_OBJECT_DELETE"}, {"ListObjects", "REST.GET.BUCKET"},
	{"ListObjectsV2", "REST.GET.BUCKET"}, {"ListObjectVersions", "REST.GET.BUCKETVERSIONS"}, {"HeadBucket", "REST.HEAD.BUCKET"},
	{"CreateBucket", "REST.PUT.BUCKET"}, {"DeleteBucket", "REST.DELETE.BUCKET"}, {"GetBucketLocation", "REST.GET.LOCATION"},
	{"CreateMultipartUpload", "REST.POST.UPLOADS"}, {"UploadPart", "REST.PUT.PART"}, {"UploadPartCopy", "REST.COPY.PART"},
	{"CompleteMultipartUpload", "REST.POST.UPLOAD"}, {"AbortMultipartUpload", "REST.DELETE.UPLOAD"}, {"ListParts", "REST.GET.UPLOAD"},
	{"ListMultipartUploads", "REST.GET.UPLOADS"}, {"GetObjectTagging", "REST.GET.OBJECT_TAGGING"}, {"PutObjectTagging", "REST.PUT.OBJECT_TAGGING"},
	{"DeleteObjectTagging", "REST.DELETE.OBJECT_TAGGING"}, {"GetObjectAcl", "REST.GET.ACL"}, {"PutObjectAcl", "REST.PUT.ACL"},
	{"GetBucketAcl", "REST.GET.ACL"}, {"PutBucketAcl", "REST.PUT.ACL"}, {"GetBucketVersioning", "REST.GET.VERSIONING"},
	{"PutBucketVersioning", "REST.PUT.VERSIONING"}, {"GetBucketTagging", "REST.GET.TAGGING"}, {"PutBucketTagging", "REST.PUT.TAGGING"},
	{"DeleteBucketTagging", "REST.DELETE.TAGGING"}, {"GetBucketPolicy", "REST.GET.BUCKETPOLICY"}, {"PutBucketPolicy", "REST.PUT.BUCKETPOLICY"},
	{"DeleteBucketPolicy", "REST.DELETE.BUCKETPOLICY"}, {"GetBucketPolicyStatus", "REST.GET.POLICY_STATUS"}, {"GetBucketCors", "REST.GET.CORS"},
	{"PutBucketCors", "REST.PUT.CORS"}, {"DeleteBucketCors", "REST.DELETE.CORS"}, {"GetBucketEncryption", "REST.GET.ENCRYPTION"},
	{"PutBucketEncryption", "REST.PUT.ENCRYPTION"}, {"DeleteBucketEncryption", "REST.DELETE.ENCRYPTION"},
	{"GetBucketOwnershipControls", "REST.GET.OWNERSHIP_CONTROLS"}, {"PutBucketOwnershipControls", "REST.PUT.OWNERSHIP_CONTROLS"},
	{"DeleteBucketOwnershipControls", "REST.DELETE.OWNERSHIP_CONTROLS"}, {"GetPublicAccessBlock", "REST.GET.PUBLIC_ACCESS_BLOCK"},
	{"PutPublicAccessBlock", "REST.PUT.PUBLIC_ACCESS_BLOCK"}, {"DeletePublicAccessBlock", "REST.DELETE.PUBLIC_ACCESS_BLOCK"},
	{"GetBucketWebsite", "REST.GET.WEBSITE"}, {"PutBucketWebsite", "REST.PUT.WEBSITE"}, {"DeleteBucketWebsite", "REST.DELETE.WEBSITE"},
	{"GetBucketLogging", "REST.GET.LOGGING_STATUS"}, {"PutBucketLogging", "REST.PUT.LOGGING_STATUS"},
	{"GetBucketRequestPayment", "REST.GET.REQUEST_PAYMENT"}, {"PutBucketRequestPayment", "REST.PUT.REQUEST_PAYMENT"},
	{"GetBucketAccelerateConfiguration", "REST.GET.ACCELERATE"}, {"PutBucketAccelerateConfiguration", "REST.PUT.ACCELERATE"},
	{"GetObjectLockConfiguration", "REST.GET.OBJECT_LOCK_CONFIGURATION"}, {"PutObjectLockConfiguration", "REST.PUT.OBJECT_LOCK_CONFIGURATION"},
	{"GetObjectRetention", "REST.GET.OBJECT_LOCK_RETENTION"}, {"PutObjectRetention", "REST.PUT.OBJECT_LOCK_RETENTION"},
	{"GetObjectLegalHold", "REST.GET.OBJECT_LOCK_LEGALHOLD"}, {"PutObjectLegalHold", "REST.PUT.OBJECT_LOCK_LEGALHOLD"},
	{"RestoreObject", "REST.POST.RESTORE"}, {"GetBucketNotificationConfiguration", "REST.GET.NOTIFICATION"},
	{"PutBucketNotificationConfiguration", "REST.PUT.NOTIFICATION"}, {"GetBucketLifecycleConfiguration", "REST.GET.LIFECYCLE"},
	{"PutBucketLifecycleConfiguration", "REST.PUT.LIFECYCLE"}, {"DeleteBucketLifecycle", "REST.DELETE.LIFECYCLE"},
	{"GetBucketReplication", "REST.GET.REPLICATION"}, {"PutBucketReplication", "REST.PUT.REPLICATION"},
	{"DeleteBucketReplication", "REST.DELETE.REPLICATION"}, {"SelectObjectContent", "REST.POST.SELECT_OBJECT_CONTENT"},
	{"GetObjectAttributes", "REST.GET.OBJECT_ATTRIBUTES"},
};

static struct str operation_name(struct arena *a, const struct answered *x)
{
	struct str method = x->request->method;
	for (size_t i = 0; x->op != NULL && i < COUNT_OF(names); i++)
		if (strcmp(names[i][0], model_op_name(x->op)) == 0)
			return str_c(names[i][1]);
	if (x->op == NULL && str_eq(method, S("OPTIONS")))
		return S("REST.OPTIONS.PREFLIGHT");
	if (x->op == NULL && str_present(host_website(x->request)))
		return arena_join(a, S("WEBSITE."), method, S(".OBJECT"));
	return arena_join(a, S("REST."), method, x->op != NULL ? S(".BUCKET") : S(".OBJECT"));
}

static void field(struct buf *b, struct str s)
{
	buf_putc(b, ' ');
	buf_str(b, str_present(s) && s.n > 0 ? s : S("-"));
}

/* What a client wrote: in quotes, so without any of its own, and without what breaks a line. */
static void quoted(struct buf *b, struct str s)
{
	buf_lit(b, " \"");
	if (!str_present(s) || s.n == 0)
		buf_putc(b, '-');
	for (size_t i = 0; i < s.n && i < LINE_MAX / 4; i++) {
		unsigned char ch = (unsigned char)s.p[i];
		if (ch == '"' || ch < 0x20 || ch == 0x7f)
			buf_printf(b, "%%%02X", ch);
		else
			buf_putc(b, (char)ch);
	}
	buf_putc(b, '"');
}

static void number(struct buf *b, bool known, int64_t n)
{
	buf_putc(b, ' ');
	if (known)
		buf_i64(b, n);
	else
		buf_putc(b, '-');
}

static struct str requester(struct arena *a, const struct principal *who)
{
	if (who->type == PRINCIPAL_ANONYMOUS)
		return STR_NONE;
	return who->type == PRINCIPAL_ROOT ? canonical_of(a, who->account) : who->arn;
}

static struct str response_header(const struct wire_response *r, struct str name)
{
	for (size_t i = 0; i < r->n_headers; i++)
		if (str_eq_nocase(r->headers[i].name, name))
			return r->headers[i].value;
	return STR_NONE;
}

/* The size of the object that was read or written; false: the request was about none. */
static bool object_size(const struct answered *x, int64_t *size)
{
	struct str range = response_header(x->response, S("Content-Range"));
	ptrdiff_t slash = str_present(range) ? str_rfind(range, '/') : -1;
	if (x->error != NULL || x->op == NULL)
		return false;
	if (slash >= 0)
		return str_to_i64(str_slice(range, (size_t)slash + 1, range.n), size);
	if (strcmp(model_op_name(x->op), "GetObject") == 0 || strcmp(model_op_name(x->op), "HeadObject") == 0)
		return str_to_i64(response_header(x->response, S("Content-Length")), size);
	if (strcmp(model_op_name(x->op), "PutObject") != 0 && strcmp(model_op_name(x->op), "UploadPart") != 0)
		return false;
	const struct body *b = x->request->stream;
	*size = b == NULL ? (int64_t)x->request->body.n : b->blob[0] != '\0' ? b->length : (int64_t)b->bytes.n;
	return true;
}

static struct str log_time(struct arena *a, int64_t ms)
{
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	struct civil t = civil_of(ms);
	ASSERT(t.month >= 1 && t.month <= 12);
	return arena_printf(a, "[%02d/%s/%04d:%02d:%02d:%02d +0000]", t.day, months[t.month - 1], t.year, t.hour, t.minute, t.second);
}

static void who_and_how(struct buf *b, struct arena *a, const struct answered *x)
{
	static const char *const versions[] = {[SIG_NONE] = "-", [SIG_V4_HEADER] = "SigV4", [SIG_V4_QUERY] = "SigV4", [SIG_V2_HEADER] = "SigV2",
		[SIG_V2_QUERY] = "SigV2"};
	static const char *const ways[] = {[SIG_NONE] = "-", [SIG_V4_HEADER] = "AuthHeader", [SIG_V4_QUERY] = "QueryString",
		[SIG_V2_HEADER] = "AuthHeader", [SIG_V2_QUERY] = "QueryString"};
	struct str version = params_get(&x->request->query, S("versionId"));
	ASSERT((size_t)x->signature < COUNT_OF(ways));
	quoted(b, wire_header(x->request, S("referer")));
	quoted(b, wire_header(x->request, S("user-agent")));
	field(b, str_present(version) ? uri_encode(a, version, false) : STR_NONE);
	field(b, response_header(x->response, S("x-amz-id-2")));
	field(b, str_c(versions[x->signature]));
	field(b, x->tls_cipher != NULL ? str_c(x->tls_cipher) : STR_NONE);
	field(b, str_c(ways[x->signature]));
	field(b, uri_encode(a, x->request->host, true));
	field(b, x->tls_version != NULL ? str_c(x->tls_version) : STR_NONE);
}

struct watched {
	unsigned magic;
	char name[64], account[16], region[32];
	struct buf lines;
	int64_t first_ms;          /* of the oldest line */
	struct loop_timer *timer;
};

static void write_line(struct buf *b, struct arena *a, const struct watched *w, const struct answered *x, struct str key)
{
	int64_t size = 0;
	bool sized = object_size(x, &size);
	buf_str(b, canonical_of(a, str_c(w->account)));
	field(b, str_c(w->name));
	field(b, log_time(a, x->started_ms));
	field(b, x->source_ip);
	field(b, requester(a, x->who));
	field(b, x->request_id);
	field(b, operation_name(a, x));
	field(b, str_present(key) && key.n > 0 ? key : STR_NONE); /* as it came: percent-encoded */
	quoted(b, arena_join(a, x->request->method, S(" "), x->request->raw_path, x->request->raw_query.n > 0 ? S("?") : S(""),
		str_present(x->request->raw_query) ? x->request->raw_query : S(""), S(" HTTP/1.1")));
	number(b, true, x->response->status);
	field(b, x->error != NULL ? x->error->code : STR_NONE);
	number(b, x->bytes_out > 0 && !str_eq(x->request->method, S("HEAD")), x->bytes_out);
	number(b, sized, size);
	number(b, true, x->took_us / 1000);
	number(b, true, x->turn_around_us / 1000);
	who_and_how(b, a, x);
	const struct s3_note *note = x->note;
	field(b, note != NULL ? note->point : STR_NONE);
	field(b, note != NULL && note->acl ? S("Yes") : STR_NONE);
	field(b, str_c(w->region));
	buf_putc(b, '\n');
}

/* ---- delivering ---- */

struct delivery { struct arena *a; struct str bucket, lines; int64_t first_ms; };

/* "[prefix]2026-11-30-10-00-00-<unique>", or that below account, region, bucket and day. */
static struct str object_name(struct call *c, const struct s3_StoredBucket *b, const struct delivery *d)
{
	const struct s3_LoggingEnabled *l = b->Logging;
	const struct s3_PartitionedPrefix *p = l->TargetObjectKeyFormat != NULL ? l->TargetObjectKeyFormat->PartitionedPrefix : NULL;
	bool by_event = p != NULL && str_eq(p->PartitionDateSource, S("EventTime"));
	struct civil t = civil_of(by_event ? d->first_ms / DAY_MS * DAY_MS : c->now_ms);
	struct str prefix = str_present(l->TargetPrefix) ? l->TargetPrefix : S("");
	char unique[UNIQUE + 1];
	random_upper(unique, UNIQUE);
	if (p != NULL)
		prefix = arena_printf(c->arena, "%.*s%.*s/%.*s/%.*s/%04d/%02d/%02d/", STR_ARG(prefix), STR_ARG(b->Account), STR_ARG(b->Region),
			STR_ARG(b->Name), t.year, t.month, t.day);
	return arena_printf(c->arena, "%.*s%04d-%02d-%02d-%02d-%02d-%02d-%.*s", STR_ARG(prefix), t.year, t.month, t.day, t.hour, t.minute, t.second,
		UNIQUE, unique);
}

static const struct principal *deliverer(struct call *c, const struct s3_StoredBucket *b)
{
	struct principal *who = arena_new_of(c->arena, struct principal);
	*who = *service_principal(c, "logging.s3.amazonaws.com", arena_join(c->arena, S("arn:aws:s3:::"), b->Name));
	who->source_account = b->Account; /* a bucket's ARN names no account */
	return who;
}

static void deliver(struct call *c)
{
	const struct delivery *d = c->user;
	const struct s3_StoredBucket *b = call_get(c, bucket_key(c, d->bucket), &s3_shape_StoredBucket);
	if (b == NULL || b->Logging == NULL)
		return;
	const struct s3_StoredBucket *to = call_get(c, bucket_key(c, b->Logging->TargetBucket), &s3_shape_StoredBucket);
	struct str name = object_name(c, b, d);
	c->who = deliverer(c, b);
	if (to == NULL || name.n > KEY_MAX || !may(c, to, name, "s3:PutObject", &to->Grants, ACL_WRITE)) {
		log_warn("access log of bucket %.*s dropped: %.*s does not take it", STR_ARG(b->Name), STR_ARG(b->Logging->TargetBucket));
		return;
	}
	const struct body body = {.bytes = d->lines, .length = (int64_t)d->lines.n};
	object_deliver(c, to, name, S("text/plain"), &body, log_grants(c, b->Logging));
}

static void delivered(void *arg, const struct wire_error *error)
{
	struct delivery *d = arg;
	(void)error; /* said already */
	arena_free(d->a);
}

static void flush(struct watched *w)
{
	CHECK_MAGIC(w, (unsigned)WATCHED_MAGIC);
	loop_timer_cancel(w->timer);
	w->timer = NULL;
	if (w->lines.n == 0)
		return;
	struct arena *a = arena_new(w->lines.n + 1024);
	struct delivery *d = arena_new_of(a, struct delivery);
	d->a = a;
	d->bucket = arena_dup(a, str_c(w->name));
	d->lines = arena_dup(a, buf_view(&w->lines));
	d->first_ms = w->first_ms;
	buf_clear(&w->lines);
	call_submit(&(struct submit){.service = service_find(S("s3")), .account = str_c(w->account), .region = str_c(w->region), .run = deliver,
		.write = true, .arg = d, .done = delivered});
}

static void on_time(void *arg)
{
	struct watched *w = arg;
	w->timer = NULL; /* it has fired */
	flush(w);
}

/* ---- which buckets are watched: the loop's ---- */

static struct map watched;

static void forget(struct str name)
{
	struct watched *w = map_del(&watched, name);
	if (w == NULL)
		return;
	flush(w);
	buf_free(&w->lines);
	w->magic = 0;
	free(w);
}

static void fill(char *to, size_t size, struct str s)
{
	ASSERT(s.n < size);
	memcpy(to, s.p, s.n);
	to[s.n] = '\0';
}

static void watch(struct str name, struct str account, struct str region)
{
	struct watched *w = map_get(&watched, name);
	if (w != NULL)
		return;
	w = calloc(1, sizeof *w);
	if (w == NULL)
		die("out of memory");
	w->magic = WATCHED_MAGIC;
	fill(w->name, sizeof w->name, name);
	fill(w->account, sizeof w->account, account);
	fill(w->region, sizeof w->region, region);
	buf_init(&w->lines, NULL, GATHER_BYTES + LINE_MAX * 4);
	map_put(&watched, str_c(w->name), w);
}

struct change { char name[64], account[16], region[32]; bool on; };

static void apply(void *block)
{
	const struct change *x = block;
	if (x->on)
		watch(str_c(x->name), str_c(x->account), str_c(x->region));
	else
		forget(str_c(x->name));
}

void access_log_set(struct call *c, const struct s3_StoredBucket *b, bool on)
{
	struct str k = key_bytes(key_str(table(c, "logged"), b->Name));
	if (on)
		txn_put(c->txn, k, arena_join(c->arena, b->Name, S("\n"), b->Account, S("\n"), b->Region));
	else if (txn_has(c->txn, k))
		txn_del(c->txn, k);
	else
		return;
	struct change *x = call_effect(c, apply, sizeof *x);
	fill(x->name, sizeof x->name, b->Name);
	fill(x->account, sizeof x->account, b->Account);
	fill(x->region, sizeof x->region, b->Region);
	x->on = on;
}

void access_log_start(void)
{
	struct arena *a = arena_new(0);
	struct txn *t = store_read(service_store());
	struct key k = key_new(a);
	struct str from = key_bytes(key_str(key_str(&k, S("s3")), S("logged"))), key, value;
	map_init(&watched, NULL);
	for (struct scan *s = scan_open(t, from, key_after(a, from), false); scan_next(s, &key, &value);) {
		struct str region = value, name = str_cut(&region, '\n'), account = str_cut(&region, '\n');
		watch(name, account, region);
	}
	txn_end(t);
	arena_free(a);
}

void access_log_stop(void)
{
	size_t at = 0;
	struct map_entry *e;
	while ((e = map_next(&watched, &at)) != NULL)
		forget(e->key);
	map_free(&watched);
}

bool access_log_any(void) { return map_count(&watched) > 0; }

void access_log_answered(const struct answered *x, struct str bucket, struct str key)
{
	struct watched *w = map_get(&watched, bucket);
	if (w == NULL)
		return;
	struct arena *a = arena_new(4096);
	if (w->lines.n > 0 && (w->lines.n >= GATHER_BYTES || x->started_ms / DAY_MS != w->first_ms / DAY_MS))
		flush(w);
	if (w->lines.n == 0)
		w->first_ms = x->started_ms;
	write_line(&w->lines, a, w, x, key);
	ASSERT(!w->lines.overflow);
	if (w->timer == NULL)
		w->timer = loop_timer_start(clock_now_ms() + GATHER_MS, on_time, w);
	arena_free(a);
}

/* ---- the configuration ---- */

const struct list *log_grants(struct call *c, const struct s3_LoggingEnabled *l)
{
	struct list *out = arena_new_of(c->arena, struct list);
	*out = LIST_OF(c->arena, struct s3_Grant, l->TargetGrants.n);
	for (uint32_t i = 0; i < l->TargetGrants.n; i++) {
		const struct s3_TargetGrant *g = LIST_AT(l->TargetGrants, struct s3_TargetGrant, i);
		*LIST_AT(*out, struct s3_Grant, i) = (struct s3_Grant){g->Grantee, g->Permission};
	}
	return out;
}

static void bad_target(struct call *c, struct str target, const char *why)
{
	fail_with(c, 400, "InvalidTargetBucketForLogging", "TargetBucket", target, "%s", why);
}

static bool target_ok(struct call *c, const struct s3_StoredBucket *b, const struct s3_LoggingEnabled *l)
{
	const struct s3_StoredBucket *to = call_get(c, bucket_key(c, l->TargetBucket), &s3_shape_StoredBucket);
	if (to == NULL) {
		bad_target(c, l->TargetBucket, "The target bucket for logging does not exist");
		return false;
	}
	if (!str_eq(to->Account, b->Account)) {
		bad_target(c, l->TargetBucket, "The owner for the bucket to be logged and the target bucket must be the same.");
		return false;
	}
	if (!str_eq(to->Region, b->Region)) {
		fail_with(c, 403, "CrossLocationLoggingProhibited", "TargetBucketLocation", to->Region, "Cross S3 location logging not allowed. ");
		if (!str_eq(b->Region, S("us-east-1")))
			call_fail_more(c, "SourceBucketLocation", b->Region);
		return false;
	}
	if (l->TargetGrants.n > 0 && acls_off(to)) {
		fail_argument(c, "TargetGrants cannot be used with a target bucket whose object ownership is BucketOwnerEnforced");
		return false;
	}
	if (!acl_check(c, to, log_grants(c, l), false))
		return false;
	const struct s3_TargetObjectKeyFormat *f = l->TargetObjectKeyFormat;
	if (f != NULL && (f->SimplePrefix != NULL) == (f->PartitionedPrefix != NULL)) {
		fail_xml(c);
		return false;
	}
	/* Where ACLs count S3 wants to see the grant (or a policy); else a policy may come later, as templates have it. */
	const struct principal *who = c->who;
	c->who = deliverer(c, b);
	bool taken = acls_off(to) || may(c, to, arena_join(c->arena, l->TargetPrefix, S("x")), "s3:PutObject", &to->Grants, ACL_WRITE);
	c->who = who;
	if (!taken)
		bad_target(c, l->TargetBucket, "You must give the log-delivery group WRITE and READ_ACP permissions to the target bucket");
	return taken;
}

void op_GetBucketLogging(struct call *c)
{
	const struct s3_GetBucketLoggingRequest *in = c->in;
	struct s3_GetBucketLoggingOutput *out = c->out;
	const struct s3_StoredBucket *b = bucket_open(c, in->Bucket, in->ExpectedBucketOwner, "s3:GetBucketLogging");
	if (b != NULL)
		out->LoggingEnabled = b->Logging;
}

void op_PutBucketLogging(struct call *c)
{
	const struct s3_PutBucketLoggingRequest *in = c->in;
	struct s3_StoredBucket *b = bucket_open(c, in->Bucket, in->ExpectedBucketOwner, "s3:PutBucketLogging");
	struct s3_LoggingEnabled *l = in->BucketLoggingStatus->LoggingEnabled;
	if (b == NULL || !body_digests_ok(c, true) || (l != NULL && !target_ok(c, b, l)))
		return;
	b->Logging = l;
	bucket_put(c, b);
	access_log_set(c, b, l != NULL);
}
