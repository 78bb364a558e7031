/* Uploads by a browser's form, with a signed policy.
 *
 * The whole form has been received as a body. A worker finds the fields and the file's place in it and hashes the file; on
 * the loop the signature over the policy is checked, for there the secrets are; then the handler checks the policy's
 * conditions and stores a stretch of the received blob as the object. Source: "POST Object", "Creating a POST policy",
 * "Browser-based uploads using POST" (S3 API Reference, S3 User Guide). */
#include "form.h"
#include "raw.h"

#include "auth/session.h"
#include "auth/sigv4.h"
#include "base/time.h"
#include "base/xml.h"
#include "os/os.h"
#include "svc/body.h"

#include <stdlib.h>

enum { DELIMITER_MAX = 256 };

/* What the worker and the loop have found out; in the call's kept memory. */
struct form_out {
	struct arena *keep;
	struct form_head head;
	int64_t length;             /* of the file */
	unsigned char md5[16];
	struct str sum_kind, sum;   /* its checksum */
	bool verified;              /* the policy's signature is right: */
	struct principal who;
	const char *code, *message; /* refused */
	int status;
	const struct param *more;
	size_t n_more;
};

struct form_arg { struct form_out *out; const struct body *body; struct str boundary; };

struct form_work {
	struct form_out *out;       /* only while !gone */
	struct ticket ticket;
	bool gone;
	struct arena *arena;
	struct body body;
	struct str boundary;
	struct form_head head;
	struct buf start;           /* the beginning of the form */
	int64_t length;             /* of the file, as far as it has been read */
	char tail[DELIMITER_MAX];   /* bytes that may be the beginning of the delimiter */
	size_t n_tail;
	struct digest *md5;
	struct str sum_kind;
	struct sum_run *sum_run;    /* until the file's end */
	unsigned char sum[64];
	size_t n_sum;
	bool readable;
};

/* ---- the worker ---- */

static void file_bytes(struct form_work *w, struct str s)
{
	ASSERT(w->md5 != NULL && w->length >= 0 && w->length + (int64_t)s.n <= w->body.length);
	digest_add(w->md5, s);
	sum_run_add(w->sum_run, s);
	w->length += (int64_t)s.n;
}

/* Bytes of the file and what follows it: all up to the delimiter are the file's. */
static void scan_file(struct form_work *w, struct str delimiter, struct str s, bool *ended)
{
	struct arena *a = arena_new(s.n + DELIMITER_MAX + 64);
	struct str all = arena_join(a, str_of(w->tail, w->n_tail), s);
	ptrdiff_t end = str_find_str(all, delimiter);
	if (end >= 0) {
		file_bytes(w, str_slice(all, 0, (size_t)end));
		*ended = true;
	} else {
		size_t keep = all.n < delimiter.n - 1 ? all.n : delimiter.n - 1;
		ASSERT(keep <= sizeof w->tail);
		file_bytes(w, str_slice(all, 0, all.n - keep));
		memcpy(w->tail, all.p + all.n - keep, keep);
		w->n_tail = keep;
	}
	arena_free(a);
}

static bool load(struct form_work *w, int64_t offset, int64_t length, struct buf *out)
{
	struct body piece = w->body;
	buf_clear(out);
	if (piece.blob[0] == '\0') {
		buf_str(out, str_slice(piece.bytes, (size_t)offset, (size_t)(offset + length)));
		return !out->overflow;
	}
	piece.offset = offset;
	piece.length = length;
	return body_load(service_store(), &piece, out);
}

/* The one that a field brings or names; S3's default otherwise. */
static struct str sum_wanted(const struct form_head *f)
{
	struct str named = form_field(f, "x-amz-checksum-algorithm");
	for (size_t i = 0; i < f->n; i++)
		if (str_present(sum_of_header(f->fields[i].name)))
			return sum_of_header(f->fields[i].name);
	return sum_bytes(named) > 0 ? named : S("CRC64NVME");
}

static void find_file(void *arg)
{
	enum { STEP = 1 << 20 };
	struct form_work *w = arg;
	struct str delimiter = arena_join(w->arena, S("\r\n--"), w->boundary);
	struct buf block;
	int64_t head = w->body.length < FORM_HEAD_MAX ? w->body.length : FORM_HEAD_MAX;
	buf_init(&w->start, w->arena, FORM_HEAD_MAX);
	w->readable = load(w, 0, head, &w->start);
	if (!w->readable || !form_parse(buf_view(&w->start), w->boundary, &w->head))
		return;
	bool ended = false;
	buf_init(&block, NULL, STEP);
	w->md5 = digest_new(DIGEST_MD5);
	w->sum_kind = sum_wanted(&w->head);
	w->sum_run = sum_run_new(w->arena, w->sum_kind);
	for (int64_t at = (int64_t)w->head.start; at < w->body.length && !ended && w->readable; at += STEP) {
		int64_t n = w->body.length - at < STEP ? w->body.length - at : STEP;
		w->readable = load(w, at, n, &block);
		if (w->readable)
			scan_file(w, delimiter, buf_view(&block), &ended);
	}
	buf_free(&block);
	w->n_sum = sum_run_end(w->sum_run, w->sum);
	if (!ended) {
		w->head.code = "MalformedPOSTRequest";
		w->head.message = "The body of your POST request is not well-formed multipart/form-data.";
	}
}

/* ---- the loop ---- */

static void refuse(struct form_out *o, int status, const char *code, const char *message)
{
	o->status = status;
	o->code = code;
	o->message = message;
}

static bool secret_for(struct form_out *o, struct str access_key, struct str token, struct str *secret)
{
	if (token.n > 0) {
		bool ok = session_open(o->keep, token, &o->who, secret) && str_eq(o->who.access_key, access_key);
		if (!ok)
			refuse(o, 400, "InvalidToken", "The provided token is malformed or otherwise invalid.");
		else if (o->who.token_expires_ms <= clock_now_ms())
			refuse(o, 400, "ExpiredToken", "The provided token has expired.");
		return o->code == NULL;
	}
	for (size_t i = 0; i < n_services; i++)
		if (services[i]->secret_of != NULL && services[i]->secret_of(access_key, o->keep, &o->who, secret))
			return true;
	refuse(o, 403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.");
	return false;
}

static void refuse_signature(struct form_out *o, const struct sig_error *e)
{
	refuse(o, e->status, e->code, arena_cstr(o->keep, e->message));
	o->more = e->more;
	o->n_more = e->n_more;
}

/* The fields that one of the two versions wants. false: one of them is missing. */
static bool has_all(struct form_out *o, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!str_present(form_field(&o->head, names[i]))) {
			struct sig_error e;
			sig_post_no_field(o->keep, &e, names[i]);
			refuse_signature(o, &e);
			return false;
		}
	return true;
}

static bool has_any(const struct form_out *o, const char *const *names, size_t n)
{
	bool any = false;
	for (size_t i = 0; i < n; i++)
		any |= str_present(form_field(&o->head, names[i]));
	return any;
}

static void check_signature(struct form_out *o)
{
	static const char *const of_v4[] = {"X-Amz-Signature", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date"};
	static const char *const of_v2[] = {"Signature", "AWSAccessKeyId"};
	const struct form_head *f = &o->head;
	struct str policy = form_field(f, "policy"), credential = form_field(f, "x-amz-credential"), secret;
	struct sig_claim claim;
	struct sig_error e = {0};
	if (!str_present(policy))
		return; /* anonymous */
	bool v4 = has_any(o, of_v4, COUNT_OF(of_v4)), v2 = !v4 && has_any(o, of_v2, COUNT_OF(of_v2));
	if (!v4 && !v2) {
		refuse(o, 403, "AccessDenied", "Access Denied");
		return;
	}
	if (!has_all(o, v4 ? of_v4 : of_v2, v4 ? COUNT_OF(of_v4) : COUNT_OF(of_v2)))
		return;
	if (!sig_post_parse(o->keep, form_field(f, "x-amz-algorithm"), credential, form_field(f, "x-amz-date"), form_field(f, "AWSAccessKeyId"),
			form_field(f, v4 ? "x-amz-signature" : "signature"), &claim, &e)) {
		refuse_signature(o, &e);
		return;
	}
	if (!secret_for(o, claim.access_key, form_field(f, "x-amz-security-token"), &secret))
		return;
	if (!sig_post_verify(o->keep, &claim, secret, policy, &e)) {
		refuse_signature(o, &e);
		return;
	}
	ASSERT(o->code == NULL && str_present(secret));
	o->who.access_key = claim.access_key;
	o->verified = true;
}

static void take_results(struct form_work *w)
{
	struct form_out *o = w->out;
	struct arena *a = o->keep;
	o->head = w->head;
	if (!w->readable) {
		refuse(o, 500, "InternalError", "We encountered an internal error. Please try again.");
		return;
	}
	if (w->head.code != NULL) {
		static const struct param no_file[] = {{STR_INIT("ArgumentName"), STR_INIT("file"), true}, {STR_INIT("ArgumentValue"), STR_INIT("0"), true}};
		refuse(o, 400, w->head.code, w->head.message);
		o->more = no_file;
		o->n_more = strcmp(w->head.code, "InvalidArgument") == 0 ? COUNT_OF(no_file) : 0;
		return;
	}
	for (size_t i = 0; i < o->head.n; i++) {
		o->head.fields[i].name = arena_dup(a, w->head.fields[i].name);
		o->head.fields[i].value = arena_dup(a, w->head.fields[i].value);
	}
	o->head.filename = arena_dup(a, w->head.filename);
	o->head.file_type = arena_dup(a, w->head.file_type);
	ASSERT(w->md5 != NULL && w->length >= 0 && (int64_t)w->head.start + w->length <= w->body.length);
	o->length = w->length;
	unsigned char out[64];
	digest_end(w->md5, out);
	w->md5 = NULL;
	memcpy(o->md5, out, sizeof o->md5);
	o->sum_kind = w->sum_kind;
	o->sum = base64_encode(a, str_of((const char *)w->sum, w->n_sum));
	check_signature(o);
}

static void found(void *arg)
{
	struct form_work *w = arg;
	if (!w->gone) {
		take_results(w);
		ticket_answer(w->ticket, &(struct answer){.ok = true, .bytes = S(""), .detail = w->out});
	}
	if (w->md5 != NULL)
		digest_drop(w->md5);
	arena_free(w->arena);
}

static void form_gone(struct ticket t, void *arg)
{
	(void)t;
	((struct form_work *)arg)->gone = true;
}

static void form_start(struct ticket t, void *arg)
{
	const struct form_arg *f = arg;
	struct arena *a = arena_new(4096);
	struct form_work *w = arena_new_of(a, struct form_work);
	w->arena = a;
	w->ticket = t;
	w->out = f->out;
	w->body = *f->body;
	w->body.bytes = arena_dup(a, f->body->bytes);
	w->body.trailers = NULL;
	w->boundary = arena_dup(a, f->boundary);
	ticket_on_gone(t, form_gone, w);
	worker_run(find_file, found, w);
}

/* ---- storing ---- */

static struct str with_filename(struct call *c, struct str key, struct str filename)
{
	ptrdiff_t at = str_find_str(key, S("${filename}"));
	if (at < 0)
		return key;
	ptrdiff_t slash = str_rfind(filename, '/');
	filename = str_slice(filename, (size_t)(slash + 1), filename.n);
	return arena_join(c->arena, str_slice(key, 0, (size_t)at), filename, str_slice(key, (size_t)at + sizeof "${filename}" - 1, key.n));
}

/* The fields as PutObject would have them. */
static struct s3_PutObjectRequest *as_put(struct call *c, const struct form_out *o, struct str bucket)
{
	const struct form_head *f = &o->head;
	struct s3_PutObjectRequest *in = arena_new_of(c->arena, struct s3_PutObjectRequest);
	in->Bucket = bucket;
	in->Key = with_filename(c, form_field(f, "key"), f->filename);
	in->ACL = form_field(f, "acl");
	in->CacheControl = form_field(f, "Cache-Control");
	in->ContentDisposition = form_field(f, "Content-Disposition");
	in->ContentEncoding = form_field(f, "Content-Encoding");
	in->ContentType = str_present(form_field(f, "Content-Type")) ? form_field(f, "Content-Type") : STR_NONE;
	in->Expires = form_field(f, "Expires");
	in->StorageClass = form_field(f, "x-amz-storage-class");
	in->WebsiteRedirectLocation = form_field(f, "x-amz-website-redirect-location");
	in->ServerSideEncryption = form_field(f, "x-amz-server-side-encryption");
	in->SSEKMSKeyId = form_field(f, "x-amz-server-side-encryption-aws-kms-key-id");
	in->SSEKMSEncryptionContext = form_field(f, "x-amz-server-side-encryption-context");
	if (str_present(form_field(f, "x-amz-server-side-encryption-bucket-key-enabled")))
		in->BucketKeyEnabled = SOME_BOOL(str_eq_nocase(form_field(f, "x-amz-server-side-encryption-bucket-key-enabled"), S("true")));
	in->SSECustomerAlgorithm = form_field(f, "x-amz-server-side-encryption-customer-algorithm");
	in->SSECustomerKey = form_field(f, "x-amz-server-side-encryption-customer-key");
	in->SSECustomerKeyMD5 = form_field(f, "x-amz-server-side-encryption-customer-key-MD5");
	in->ObjectLockMode = form_field(f, "x-amz-object-lock-mode");
	in->ObjectLockLegalHoldStatus = form_field(f, "x-amz-object-lock-legal-hold");
	in->ObjectLockRetainUntilDate.set = time_parse_any(form_field(f, "x-amz-object-lock-retain-until-date"), &in->ObjectLockRetainUntilDate.ms);
	in->Metadata = MAP_OF(c->arena, struct s3_Metadata_entry, f->n);
	in->Metadata.n = 0;
	for (size_t i = 0; i < f->n; i++)
		if (str_starts_nocase(f->fields[i].name, S("x-amz-meta-")))
			((struct s3_Metadata_entry *)in->Metadata.v)[in->Metadata.n++] =
				(struct s3_Metadata_entry){str_slice(f->fields[i].name, sizeof "x-amz-meta-" - 1, f->fields[i].name.n), f->fields[i].value};
	return in;
}

/* As forms encode: a space is a plus. */
static struct str plus_encode(struct arena *a, struct str s)
{
	struct buf b;
	buf_init(&b, a, 0);
	for (bool more = true; more;) {
		struct str word = str_cut(&s, ' ');
		more = str_present(s);
		buf_str(&b, uri_encode(a, word, false));
		if (more)
			buf_putc(&b, '+');
	}
	return buf_view(&b);
}

static void answer(struct call *c, const struct form_out *o, const struct s3_StoredBucket *b, const struct s3_StoredObject *made)
{
	struct arena *a = c->arena;
	struct str to = form_field(&o->head, "success_action_redirect"), status = form_field(&o->head, "success_action_status");
	struct str etag = etag_quoted(c, made->Tag);
	struct str location = arena_join(a, c->endpoint, S("/"), b->Name, S("/"), uri_encode(a, made->Key, false)); /* a slash is %2F in it */
	struct param h[4] = {{S("ETag"), etag, true}, {S("Location"), location, true}};
	size_t n = 2;
	if (str_present(made->Version))
		h[n++] = (struct param){S("x-amz-version-id"), made->Version, true};
	if (!str_present(to))
		to = form_field(&o->head, "redirect");
	if (str_starts(to, S("http://")) || str_starts(to, S("https://"))) {
		struct str page = str_cut(&to, '#');
		h[1].value = arena_join(a, page, str_find(page, '?') >= 0 ? S("&") : S("?"), S("bucket="), b->Name, S("&key="), plus_encode(a, made->Key),
			S("&etag="), plus_encode(a, etag), str_present(to) ? S("#") : S(""), str_present(to) ? to : S(""));
		call_reply(c, 303, h, n, S(""));
		return;
	}
	if (!str_eq(status, S("201"))) {
		call_reply(c, str_eq(status, S("200")) ? 200 : 204, h, n, S(""));
		return;
	}
	struct buf x;
	buf_init(&x, a, 0);
	buf_lit(&x, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse>");
	xml_leaf(&x, S("Location"), location);
	xml_leaf(&x, S("Bucket"), b->Name);
	xml_leaf(&x, S("Key"), made->Key);
	xml_leaf(&x, S("ETag"), etag);
	buf_lit(&x, "</PostResponse>");
	ASSERT(n < COUNT_OF(h));
	h[n++] = (struct param){S("Content-Type"), S("application/xml"), true};
	call_reply(c, 201, h, n, buf_view(&x));
}

/* The field "tagging": the document of PutObjectTagging. */
static bool tags_of_form(struct call *c, const struct form_out *o, struct list *out)
{
	struct str text = form_field(&o->head, "tagging");
	const char *why;
	*out = (struct list){0};
	if (!str_present(text))
		return true;
	const struct xml *root = xml_parse(c->arena, text, &why), *set = xml_child(root, S("TagSet"));
	if (root == NULL || !str_eq(root->name, S("Tagging")) || set == NULL) {
		fail_xml(c);
		return false;
	}
	uint32_t n = 0;
	for (const struct xml *t = set->children; t != NULL; t = t->next)
		n++;
	*out = LIST_OF(c->arena, struct s3_Tag, n);
	n = 0;
	for (const struct xml *t = set->children; t != NULL; t = t->next) {
		struct str value = xml_child_text(t, S("Value"));
		*LIST_AT(*out, struct s3_Tag, n) = (struct s3_Tag){xml_child_text(t, S("Key")), str_present(value) ? value : S("")};
		n++;
	}
	return tags_ok(c, out, 10);
}

/* At most one, of a kind that there is, as long as that kind's are. */
static bool sum_fields_ok(struct call *c, const struct form_head *f)
{
	size_t n = 0;
	for (size_t i = 0; i < f->n; i++) {
		struct str name = f->fields[i].name;
		if (!str_starts_nocase(name, S("x-amz-checksum-")) || str_eq_nocase(name, S("x-amz-checksum-algorithm")) ||
		    str_eq_nocase(name, S("x-amz-checksum-type")))
			continue;
		if (!str_present(sum_of_header(name)))
			fail_request(c, "The algorithm type you specified in x-amz-checksum- header is invalid.");
		else if (n > 0)
			fail_request(c, "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
		else if (base64_decode(c->arena, f->fields[i].value).n != sum_bytes(sum_of_header(name)))
			fail_request(c, "Value for %.*s header is invalid.", STR_ARG(arena_lower(c->arena, name)));
		n++;
	}
	return !c->failed;
}

static bool sum_right(struct call *c, const struct form_out *o)
{
	if (!sum_kind_ok(c, form_field(&o->head, "x-amz-checksum-algorithm")) || !sum_fields_ok(c, &o->head))
		return false;
	for (size_t i = 0; i < o->head.n; i++) {
		const struct param *f = &o->head.fields[i];
		if (!str_eq(sum_of_header(f->name), o->sum_kind) || str_eq(f->value, o->sum))
			continue;
		call_fail_code(c, 400, "BadDigest", "The %.*s you specified did not match the calculated checksum.", STR_ARG(o->sum_kind));
		return false;
	}
	return true;
}

static void store(struct call *c, const struct form_out *o, struct str bucket)
{
	struct s3_PutObjectRequest *in = as_put(c, o, bucket);
	struct sse_key k;
	struct list tags;
	if (!tags_of_form(c, o, &tags))
		return;
	struct s3_said *said = said_of(c);
	ASSERT(!said->made);
	*said = (struct s3_said){.fields = o->head.fields, .n_fields = o->head.n, .tags = &tags};
	struct write_asks asks = WRITE_ASKS(in);
	asks.tags = str_present(form_field(&o->head, "tagging"));
	const struct s3_StoredBucket *b = bucket_get(c, bucket, STR_NONE);
	if (b == NULL || !write_allowed(c, b, in->Key, asks) || !sum_right(c, o))
		return;
	struct s3_StoredObject *made = object_from_put(c, b, in, &k);
	if (made == NULL)
		return;
	made->Labels = tags;
	struct body file = *c->http->stream;
	if (file.blob[0] == '\0')
		file.bytes = str_slice(file.bytes, o->head.start, o->head.start + (size_t)o->length);
	file.offset = file.blob[0] != '\0' ? (int64_t)o->head.start : 0;
	file.length = o->length;
	file.md5 = str_of((const char *)o->md5, sizeof o->md5);
	made->Part = data_keep(c, &file, &k);
	if (made->Part == NULL)
		return;
	ASSERT(made->Part->Size.set && made->Part->Size.v == o->length);
	made->Size = made->Part->Size;
	made->Tag = tag_of(c, &k, made->Part->Digest);
	made->SumType = S("FULL_OBJECT");
	made->SumKind = o->sum_kind;
	made->Sum = o->sum;
	object_add(c, b, made);
	notify(c, b, made, "s3:ObjectCreated:Post");
	answer(c, o, b, made);
}

void form_run(struct call *c, struct str bucket)
{
	struct str boundary = form_boundary(wire_header(c->http, S("content-type")));
	if (!str_starts_nocase(wire_header(c->http, S("content-type")), S("multipart/form-data"))) {
		fail_condition(c, "Bucket POST must be of the enclosure-type multipart/form-data");
		return;
	}
	if (!str_present(boundary) || c->http->stream == NULL) {
		call_fail_code(c, 400, "MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.");
		return;
	}
	/* What is found goes into kept memory, and comes back with the answer. */
	struct form_arg arg = {arena_new_of(call_keep(c), struct form_out), c->http->stream, boundary};
	arg.out->keep = call_keep(c);
	const struct answer *a = call_await(c, form_start, &arg, sizeof arg, INT64_MAX);
	if (a == NULL)
		return;
	ASSERT(a->ok && a->detail != NULL); /* there is no deadline: a clock that is turned ends no upload */
	const struct form_out *o = a->detail;
	if (o->code != NULL) {
		call_fail_code(c, o->status, o->code, "%s", o->message);
		c->error.more = o->more;
		c->error.n_more = o->n_more;
		return;
	}
	if (o->verified)
		c->who = &o->who;
	if (o->verified && str_present(o->who.account))
		c->account = o->who.account;
	if (form_field(&o->head, "key").n == 0) {
		fail_value(c, "key", S(""), "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.");
		return;
	}
	if (o->verified && !form_policy_ok(c, &o->head, o->length, bucket))
		return;
	store(c, o, bucket);
}
