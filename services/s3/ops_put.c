/* PutObject and CopyObject. Source: their pages in the S3 API Reference. */
#include "s3.h"

#include "base/time.h"
#include "os/os.h"
#include "svc/arn.h"

enum { METADATA_MAX = 2048, TAGS_MAX = 10, TAG_KEY_MAX = 128, TAG_VALUE_MAX = 256 };

/* ---- what both have ---- */

/* Who may write by the bucket's ACL alone may set these too: there is no word in it for them. Source: "PutObject" (S3 API Reference). */
bool write_allowed(struct call *c, const struct s3_StoredBucket *b, struct str key, struct write_asks asks)
{
	static const char *const actions[] = {"s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectTagging", "s3:PutObjectRetention",
		"s3:PutObjectLegalHold"};
	const bool asked[COUNT_OF(actions)] = {true, asks.acl && !acls_off(b), asks.tags, asks.retention, asks.hold};
	for (size_t i = 0; i < COUNT_OF(actions); i++)
		if (asked[i] && !allow(c, b, key, actions[i], &b->Grants, ACL_WRITE))
			return false;
	return true;
}

/* Letters, digits, spaces and _ . : / = + - @ of any script. */
static bool tag_text_ok(struct str s, size_t max)
{
	if (!utf8_valid(s) || utf8_length(s) > max)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char x = (unsigned char)s.p[i];
		bool plain = (x >= '0' && x <= '9') || (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z') || x >= 0x80;
		if (!plain && memchr(" _.:/=+-@", x, 9) == NULL)
			return false;
	}
	return true;
}

/* NULL: nothing. */
static const char *tag_wrong(const struct list *tags, uint32_t at, bool object)
{
	const struct s3_Tag *t = LIST_AT(*tags, struct s3_Tag, at);
	if (str_starts(t->Key, S("aws:")))
		return object ? "Your TagKey cannot be prefixed with aws:" : "System tags cannot be added/updated by requester";
	if (t->Key.n == 0 || !tag_text_ok(t->Key, TAG_KEY_MAX))
		return "The TagKey you have provided is invalid";
	if (!tag_text_ok(t->Value, TAG_VALUE_MAX))
		return "The TagValue you have provided is invalid";
	for (uint32_t i = 0; i < at; i++)
		if (str_eq(LIST_AT(*tags, struct s3_Tag, i)->Key, t->Key))
			return "Cannot provide multiple Tags with the same key";
	return NULL;
}

bool tags_ok(struct call *c, const struct list *tags, size_t max)
{
	if (tags->n > max) {
		call_fail_code(c, 400, "BadRequest", max == TAGS_MAX ? "Object tags cannot be greater than 10"
			: "Bucket tag count cannot be greater than 50");
		return false;
	}
	for (uint32_t i = 0; i < tags->n; i++) {
		const struct s3_Tag *t = LIST_AT(*tags, struct s3_Tag, i);
		const char *wrong = tag_wrong(tags, i, max == TAGS_MAX);
		if (wrong == NULL)
			continue;
		fail_with(c, 400, "InvalidTag", "TagKey", t->Key, "%s", wrong);
		if (!tag_text_ok(t->Value, TAG_VALUE_MAX))
			call_fail_more(c, "TagValue", t->Value);
		return false;
	}
	return true;
}

bool tags_from_text(struct call *c, struct str text, struct list *out)
{
	struct params p = {0};
	*out = (struct list){0};
	if (!str_present(text) || text.n == 0)
		return true;
	bool ok = params_parse(c->arena, text, 100, &p);
	*out = LIST_OF(c->arena, struct s3_Tag, p.n);
	for (size_t i = 0; i < p.n; i++)
		*LIST_AT(*out, struct s3_Tag, i) = (struct s3_Tag){p.v[i].name, str_present(p.v[i].value) ? p.v[i].value : S("")};
	for (uint32_t i = 0; ok && i < out->n && i < TAGS_MAX; i++)
		ok = tag_wrong(out, i, true) == NULL;
	if (ok)
		return tags_ok(c, out, TAGS_MAX);
	fail_value(c, "x-amz-tagging", text, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name "
		"duplicates.");
	return false;
}

/* "aws-chunked" is how it came, not what it is. */
static struct str own_encoding(struct call *c, struct str encoding)
{
	struct buf b;
	buf_init(&b, c->arena, encoding.n + 2);
	if (!str_present(encoding))
		return STR_NONE;
	while (str_present(encoding)) {
		struct str written = str_cut(&encoding, ','), one = str_trim(written);
		if (one.n == 0 || str_eq_nocase(one, S("aws-chunked")))
			continue;
		if (b.n > 0)
			buf_putc(&b, ',');
		buf_str(&b, b.n > 0 ? written : one); /* spaces between are kept */
	}
	return b.n > 0 ? buf_view(&b) : STR_NONE;
}

static bool metadata_fits(struct call *c, size_t n)
{
	if (n <= METADATA_MAX)
		return true;
	fail_with(c, 400, "MetadataTooLarge", "Size", arena_printf(c->arena, "%zu", n), "Your metadata headers exceed the maximum allowed metadata size");
	call_fail_more(c, "MaxSizeAllowed", arena_printf(c->arena, "%d", METADATA_MAX));
	return false;
}

static bool metadata_ok(struct call *c, const struct map_of *m)
{
	size_t n = 0;
	const struct s3_Metadata_entry *v = m->v;
	for (uint32_t i = 0; i < m->n; i++)
		n += v[i].key.n + v[i].value.n;
	return metadata_fits(c, n);
}

/* What S3 has names for, which has a limit of its own. Source: "Working with object metadata" (S3 User Guide). */
static bool system_metadata_ok(struct call *c, const struct s3_StoredObject *o)
{
	const struct { struct str value; size_t name; } all[] = {
		{o->CacheControl, sizeof "Cache-Control" - 1}, {o->ContentDisposition, sizeof "Content-Disposition" - 1},
		{o->ContentEncoding, sizeof "Content-Encoding" - 1}, {o->ContentLanguage, sizeof "Content-Language" - 1},
		{o->ContentType, sizeof "Content-Type" - 1}, {o->Expires, sizeof "Expires" - 1}};
	size_t n = 0;
	for (size_t i = 0; i < COUNT_OF(all); i++)
		n += all[i].value.n > 0 ? all[i].value.n + all[i].name : 0;
	return metadata_fits(c, n);
}

bool storage_class_known(struct str s)
{
	static const char *const known[] = {"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER",
		"DEEP_ARCHIVE", "GLACIER_IR"};
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (str_eq(s, str_c(known[i])))
			return true;
	return false;
}

bool storage_class_ok(struct call *c, struct str s)
{
	bool ok = !str_present(s) || storage_class_known(s);
	if (!ok)
		fail_with(c, 400, "InvalidStorageClass", "StorageClassRequested", s, "The storage class you specified is not valid");
	return ok;
}

static bool encryption_ok(struct call *c, struct str algorithm, struct str kms_key, struct str customer)
{
	bool kms = str_eq(algorithm, S("aws:kms")) || str_eq(algorithm, S("aws:kms:dsse"));
	if (str_present(kms_key) && !kms) {
		fail_value(c, "x-amz-server-side-encryption", algorithm,
			"Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms");
		return false;
	}
	if (str_present(algorithm) && !str_eq(algorithm, S("AES256")) && !kms) {
		fail_value(c, "x-amz-server-side-encryption", algorithm, "The encryption method specified is not supported");
		return false;
	}
	if (str_present(algorithm) && str_present(customer)) {
		fail_value(c, "x-amz-server-side-encryption", algorithm,
			"Server Side Encryption with Customer provided key is incompatible with the encryption method specified");
		return false;
	}
	return true;
}

/* The same day and hour so many years on; of the 29th of February, the 28th where there is none. */
static int64_t years_later(int64_t ms, int64_t years)
{
	struct civil t = civil_of(ms);
	ASSERT(years > 0 && years <= LOCK_YEARS_MAX);
	t.year += (int)years;
	bool leap = (t.year % 4 == 0 && t.year % 100 != 0) || t.year % 400 == 0;
	if (t.month == 2 && t.day == 29 && !leap)
		t.day = 28;
	return civil_ms(t);
}

/* Lock settings of the request, or the bucket's default. */
static bool lock_settings(struct call *c, const struct s3_StoredBucket *b, struct str mode, struct opt_time until, struct str hold,
		struct s3_StoredObject *o)
{
	if (str_present(mode) && !str_eq(mode, S("GOVERNANCE")) && !str_eq(mode, S("COMPLIANCE"))) {
		fail_value(c, "x-amz-object-lock-mode", mode, "Unknown wormMode directive.");
		return false;
	}
	if ((str_present(mode) || until.set || str_present(hold)) && !b->Lock.v) {
		fail_request(c, "Bucket is missing ObjectLockConfiguration"); /* written so where an object is made, in words where one is changed */
		return false;
	}
	if (str_present(mode) != until.set) {
		fail_value(c, until.set ? "x-amz-object-lock-mode" : "x-amz-object-lock-retain-until-date", STR_NONE,
			"x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied");
		return false;
	}
	if (until.set && until.ms <= c->now_ms) {
		fail_retention_past(c, "x-amz-object-lock-retain-until-date", until);
		return false;
	}
	o->LockMode = mode;
	o->LockUntil = until;
	o->Hold = hold;
	const struct s3_DefaultRetention *d = b->LockRule;
	if (!str_present(mode) && b->Lock.v && d != NULL && str_present(d->Mode)) {
		o->LockMode = d->Mode;
		o->LockUntil = SOME_TIME(d->Days.set ? c->now_ms + d->Days.v * 86400000 : years_later(c->now_ms, d->Years.v));
	}
	return true;
}

/* PutObject, CreateMultipartUpload and CopyObject have these members under one name. */
#define TAKE_HEADERS(c, o, in) do { \
	(o)->Metadata = (in)->Metadata; (o)->CacheControl = (in)->CacheControl; (o)->ContentDisposition = (in)->ContentDisposition; \
	(o)->ContentEncoding = own_encoding((c), (in)->ContentEncoding); (o)->ContentLanguage = (in)->ContentLanguage; \
	(o)->ContentType = (in)->ContentType; (o)->Expires = (in)->Expires; } while (0)
#define GRANT_HEADERS(in) {(in)->GrantFullControl, (in)->GrantRead, (in)->GrantReadACP, STR_NONE, (in)->GrantWriteACP}

/* Whose it is: its writer's, or the bucket owner's. Source: "Controlling ownership of objects" (S3 User Guide). */
static void set_owner(struct call *c, const struct s3_StoredBucket *b, struct str canned, struct s3_StoredObject *o)
{
	bool handed_over = str_eq(b->Ownership, S("BucketOwnerPreferred")) && str_eq(canned, S("bucket-owner-full-control"));
	o->Account = acls_off(b) || handed_over || c->who->type == PRINCIPAL_ANONYMOUS ? b->Account : c->account;
	if (handed_over)
		o->Grants = (struct list){0};
}

static bool redirect_ok(struct call *c, struct str location)
{
	if (!str_present(location) || str_starts(location, S("/")) || str_starts(location, S("http://")) || str_starts(location, S("https://")))
		return true;
	call_fail_code(c, 400, "InvalidRedirectLocation", "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.");
	return false;
}

struct s3_StoredObject *object_from_put(struct call *c, const struct s3_StoredBucket *b, const struct s3_PutObjectRequest *in, struct sse_key *k)
{
	struct s3_StoredObject *o = arena_new_of(c->arena, struct s3_StoredObject);
	const struct str grants[5] = GRANT_HEADERS(in);
	if (!key_ok(c, in->Key) || !metadata_ok(c, &in->Metadata) || !storage_class_ok(c, in->StorageClass) ||
		!redirect_ok(c, in->WebsiteRedirectLocation) ||
	    !encryption_ok(c, in->ServerSideEncryption, in->SSEKMSKeyId, in->SSECustomerAlgorithm) ||
	    !customer_key(c, in->SSECustomerAlgorithm, in->SSECustomerKey, in->SSECustomerKeyMD5, k) ||
	    !tags_from_text(c, in->Tagging, &o->Labels) || !acl_from_request(c, b, in->ACL, grants, true, &o->Grants) ||
	    !lock_settings(c, b, in->ObjectLockMode, in->ObjectLockRetainUntilDate, in->ObjectLockLegalHoldStatus, o) ||
	    !encryption_choose(c, b, in->Key, SSE_ASK(in), k))
		return NULL;
	ASSERT(!c->failed && !(k->set && k->kms == NULL && str_present(in->ServerSideEncryption)));
	TAKE_HEADERS(c, o, in);
	if (!system_metadata_ok(c, o))
		return NULL;
	o->Key = in->Key;
	o->WebsiteRedirectLocation = in->WebsiteRedirectLocation;
	o->StorageClass = in->StorageClass;
	set_owner(c, b, in->ACL, o);
	o->Modified = SOME_TIME(c->now_ms);
	encryption_keep(o, k);
	return o;
}

bool length_said(struct call *c, const struct body *body)
{
	if ((body != NULL && body->length > 0) || c->http == NULL || str_present(wire_header(c->http, S("content-length"))) ||
	    str_present(wire_header(c->http, S("transfer-encoding"))))
		return true;
	call_fail_code(c, 411, "MissingContentLength", "You must provide the Content-Length HTTP header.");
	return false;
}

/* Under a key of the client's choice it is no MD5 of the object. Source: "Object" (S3 API Reference). */
struct str tag_of(struct call *c, const struct sse_key *k, struct str digest)
{
	char random[33];
	if (!k->set)
		return digest;
	random_hex(random, 32);
	return arena_dup(c->arena, str_of(random, 32));
}

void op_PutObject(struct call *c)
{
	const struct s3_PutObjectRequest *in = c->in;
	struct s3_PutObjectOutput *out = c->out;
	struct sse_key k;
	const struct s3_StoredBucket *b = bucket_get(c, in->Bucket, in->ExpectedBucketOwner);
	if (b == NULL || odd_put(c) || !write_allowed(c, b, in->Key, WRITE_ASKS(in)))
		return;
	if (in->WriteOffsetBytes.set) {
		call_unsupported(c, "tsubo does not implement appending to objects (x-amz-write-offset-bytes)");
		return;
	}
	if (!length_said(c, in->Body))
		return;
	struct s3_StoredObject *o = object_from_put(c, b, in, &k);
	if (o == NULL || !sum_kind_ok(c, in->ChecksumAlgorithm) || !write_conditions(c, b, in->Key, in->IfMatch, in->IfNoneMatch))
		return;
	o->Part = data_keep(c, in->Body, &k);
	if (o->Part == NULL)
		return;
	ASSERT(o->Part->Size.v >= 0 && o->Part->Digest.n == 32);
	o->Size = o->Part->Size;
	o->Tag = tag_of(c, &k, o->Part->Digest);
	o->SumType = S("FULL_OBJECT");
	sum_of_body(c, in->Body, &o->SumKind, &o->Sum);
	object_add(c, b, o);
	notify(c, b, o, "s3:ObjectCreated:Put");
	out->ETag = etag_quoted(c, o->Tag);
	out->VersionId = str_present(o->Version) ? o->Version : STR_NONE;
	out->Expiration = expiration_text(c, b, o);
	out->ChecksumType = o->SumType;
	SUM_OUT(out, o->SumKind, o->Sum);
	SSE_OUT(out, o);
}

/* ---- copies ---- */

/* "/bucket/key?versionId=x", percent-encoded. Absent: it cannot be read. */
struct str decode_copy_source(struct call *c, struct str source, struct str *key, struct str *version)
{
	ptrdiff_t q = str_find_str(source, S("?versionId="));
	*version = STR_NONE;
	if (q >= 0) {
		*version = str_slice(source, (size_t)q + sizeof "?versionId=" - 1, source.n);
		source = str_slice(source, 0, (size_t)q);
	}
	struct str plain = uri_decode(c->arena, source, true); /* a plus is a space */
	if (!str_present(plain)) {
		fail_value(c, "x-amz-copy-source", S("x-amz-copy-source"), "Invalid copy source encoding");
		return STR_NONE;
	}
	if (str_starts(plain, S("/")))
		plain = str_slice(plain, 1, plain.n);
	struct arn arn;
	if (arn_parse(plain, &arn) && str_starts(arn.resource, S("accesspoint/"))) { /* .../<name>/object/<key> */
		plain = str_slice(arn.resource, sizeof "accesspoint/" - 1, arn.resource.n);
		struct str name = str_cut(&plain, '/');
		plain = arena_join(c->arena, name, S("-"), arn.account, S("/"), str_starts(plain, S("object/")) ? str_slice(plain, 7, plain.n) : S(""));
	}
	struct str bucket = str_cut(&plain, '/');
	if (!str_present(plain) || plain.n == 0 || bucket.n == 0) {
		fail_value(c, "x-amz-copy-source", S("x-amz-copy-source"), "Invalid copy source object key"); /* so it says */
		return STR_NONE;
	}
	if (!bucket_spelt_ok(bucket)) {
		fail_value(c, "x-amz-copy-source", S("x-amz-copy-source"), "Invalid copy source bucket name");
		return STR_NONE;
	}
	ASSERT(bucket.n > 0 && plain.n > 0);
	*key = plain;
	return bucket;
}

bool copy_conditions(struct call *c, const struct copy_conditions *in, const struct s3_StoredObject *from)
{
	int64_t modified = from->Modified.ms / 1000 * 1000;
	if (str_present(in->match) && !etag_matches(in->match, from->Tag))
		fail_condition(c, "x-amz-copy-source-If-Match");
	else if (!str_present(in->match) && in->unmodified.set && modified > in->unmodified.ms)
		fail_condition(c, "x-amz-copy-source-If-Unmodified-Since");
	else if (str_present(in->none_match) && etag_matches(in->none_match, from->Tag))
		fail_condition(c, "x-amz-copy-source-If-None-Match");
	else if (!str_present(in->none_match) && in->modified.set && modified <= in->modified.ms &&
	         in->modified.ms <= c->now_ms)
		fail_condition(c, "x-amz-copy-source-If-Modified-Since");
	return !c->failed;
}

/* The source object, readable by who asks, in *b its bucket. */
static struct s3_StoredObject *copy_source(struct call *c, const struct s3_CopyObjectRequest *in, const struct s3_StoredBucket **b, struct sse_key *k)
{
	struct str key, version, bucket = decode_copy_source(c, in->CopySource, &key, &version);
	if (!str_present(bucket) || (*b = bucket_anywhere(c, bucket, in->ExpectedSourceBucketOwner)) == NULL)
		return NULL;
	if (!customer_key_to_read(c, in->CopySourceSSECustomerAlgorithm, in->CopySourceSSECustomerKey, in->CopySourceSSECustomerKeyMD5, k))
		return NULL;
	struct s3_StoredObject *o = object_find(c, *b, key, version);
	if (o == NULL || !allow_object(c, *b, o, str_present(version) ? "s3:GetObjectVersion" : "s3:GetObject", ACL_READ))
		return NULL;
	if (o->Marker.v) {
		if (str_present(version))
			fail_request(c, "The source of a copy request may not specifically refer to a delete marker by version id.");
		else
			fail_no_key(c, key);
		return NULL;
	}
	if (o->Size.v > INT64_C(5) << 30) {
		fail_request(c, "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120");
		return NULL;
	}
	const struct copy_conditions when = COPY_CONDITIONS(in);
	return customer_key_fits(c, o, k) && copy_conditions(c, &when, o) && encryption_open(c, *b, o, k) ? o : NULL;
}

/* Parts that get a second layer: their bytes are written anew. */
static bool layer_parts(struct call *c, int64_t serial, const struct list *parts, const struct sse_key *from_key, const struct sse_key *k,
                        struct list *out)
{
	const struct body **bodies = arena_array(c->arena, const struct body *, parts->n);
	for (uint32_t i = 0; i < parts->n; i++) {
		struct s3_StoredPart *p = LIST_AT(*parts, struct s3_StoredPart, i), *to = LIST_AT(*out, struct s3_StoredPart, i);
		const struct list one = {p, 1, true};
		if ((bodies[i] = data_body_of(c, &one, from_key, 0, p->Size.v)) == NULL)
			return false;
		*to = (struct s3_StoredPart){.Number = p->Number, .Digest = p->Digest, .Sum = p->Sum};
	}
	return data_layer(c, bodies, parts->n, serial, k, LIST_AT(*out, struct s3_StoredPart, 0));
}

static bool share_parts(struct call *c, const struct s3_StoredObject *from, const struct sse_key *from_key, const struct sse_key *k,
		struct s3_StoredObject *o)
{
	struct list parts = object_parts(c, from);
	struct s3_StoredParts all = {.Parts = LIST_OF(c->arena, struct s3_StoredPart, parts.n)};
	ASSERT(parts.n <= PARTS_MAX && (parts.n == 1 || from->PartsRow.set));
	if (k->twice && !layer_parts(c, from->Serial.v, &parts, from_key, k, &all.Parts))
		return false;
	for (uint32_t i = 0; i < parts.n && !k->twice; i++) {
		const struct s3_StoredPart *p = LIST_AT(parts, struct s3_StoredPart, i);
		const struct s3_StoredPart *copy = data_share(c, p, from_key, k, 0, p->Size.v);
		if (copy == NULL)
			return false;
		*LIST_AT(all.Parts, struct s3_StoredPart, i) = *copy;
	}
	if (parts.n == 1) {
		o->Part = LIST_AT(all.Parts, struct s3_StoredPart, 0);
		return true;
	}
	o->PartsRow = SOME_I64((int64_t)call_serial(c, "row"));
	call_put(c, key_u64(table(c, "parts"), (uint64_t)o->PartsRow.v), &s3_shape_StoredParts, &all);
	return true;
}

/* What the copy is like: the request's headers or the source's. */
static struct s3_StoredObject *copy_headers(struct call *c, const struct s3_StoredBucket *b, const struct s3_CopyObjectRequest *in,
                                            const struct s3_StoredObject *from, struct sse_key *k)
{
	struct s3_StoredObject *o = arena_new_of(c->arena, struct s3_StoredObject);
	bool replace = str_eq(in->MetadataDirective, S("REPLACE")), retag = str_eq(in->TaggingDirective, S("REPLACE"));
	const struct str grants[5] = GRANT_HEADERS(in);
	if (!key_ok(c, in->Key) || !storage_class_ok(c, in->StorageClass) || !redirect_ok(c, in->WebsiteRedirectLocation) ||
	    !encryption_ok(c, in->ServerSideEncryption, in->SSEKMSKeyId, in->SSECustomerAlgorithm) ||
	    !acl_from_request(c, b, in->ACL, grants, true, &o->Grants) ||
	    !lock_settings(c, b, in->ObjectLockMode, in->ObjectLockRetainUntilDate, in->ObjectLockLegalHoldStatus, o) ||
	    !encryption_choose(c, b, in->Key, SSE_ASK(in), k))
		return NULL;
	if (replace) {
		if (!metadata_ok(c, &in->Metadata))
			return NULL;
		TAKE_HEADERS(c, o, in);
		if (!system_metadata_ok(c, o))
			return NULL;
	} else {
		o->Metadata = from->Metadata;
		o->CacheControl = from->CacheControl;
		o->ContentDisposition = from->ContentDisposition;
		o->ContentEncoding = from->ContentEncoding;
		o->ContentLanguage = from->ContentLanguage;
		o->ContentType = from->ContentType;
		o->Expires = from->Expires;
	}
	if (retag && !tags_from_text(c, in->Tagging, &o->Labels))
		return NULL;
	if (!retag)
		o->Labels = from->Labels;
	o->Key = in->Key;
	o->WebsiteRedirectLocation = in->WebsiteRedirectLocation;
	o->StorageClass = in->StorageClass;
	set_owner(c, b, in->ACL, o);
	o->Modified = SOME_TIME(c->now_ms);
	encryption_keep(o, k);
	o->Size = from->Size;
	o->Tag = from->Tag;
	o->SumKind = from->SumKind;
	o->SumType = from->SumType;
	o->Sum = from->Sum;
	return o;
}

static bool copy_changes_something(struct call *c, const struct s3_CopyObjectRequest *in, const struct s3_StoredBucket *sb,
                                   const struct s3_StoredBucket *to, const struct s3_StoredObject *from)
{
	struct str key, version;
	(void)decode_copy_source(c, in->CopySource, &key, &version);
	if (!str_eq(sb->Name, to->Name) || !str_eq(key, in->Key) || str_present(version) || str_eq(in->MetadataDirective, S("REPLACE")) ||
	    str_present(in->StorageClass) || str_present(in->WebsiteRedirectLocation) || str_present(in->ServerSideEncryption) ||
	    str_present(in->SSECustomerAlgorithm) || str_present(from->CustomerKey) || from->Kms != NULL)
		return true;
	fail_request(c, "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, "
		"storage class, website redirect location or encryption attributes.");
	return false;
}

/* Unless they are left out. */
static bool copy_annotations(struct call *c, const struct s3_CopyObjectRequest *in, const struct s3_StoredBucket *sb, const struct s3_StoredBucket *b,
                             const struct s3_StoredObject *from, const struct sse_key *from_key, const struct sse_key *k, struct s3_StoredObject *o)
{
	if (!from->AnnotationsRow.set || str_eq(in->AnnotationDirective, S("EXCLUDE")) || annotations_of(c, from).n == 0)
		return true;
	if (str_present(o->CustomerKey)) {
		fail_request(c, "Objects encrypted with SSE-C cannot have annotations.");
		return false;
	}
	return allow(c, sb, from->Key, "s3:GetObjectAnnotation", NULL, ACL_NONE) && allow(c, b, o->Key, "s3:PutObjectAnnotation", NULL, ACL_NONE) &&
	       annotations_copy(c, from, from_key, k, o);
}

void op_CopyObject(struct call *c)
{
	const struct s3_CopyObjectRequest *in = c->in;
	struct s3_CopyObjectOutput *out = c->out;
	const struct s3_StoredBucket *sb = NULL;
	struct sse_key k, from_key;
	const struct s3_StoredBucket *b = bucket_get(c, in->Bucket, in->ExpectedBucketOwner);
	if (b == NULL || !write_allowed(c, b, in->Key, WRITE_ASKS(in)))
		return;
	if (!customer_key(c, in->SSECustomerAlgorithm, in->SSECustomerKey, in->SSECustomerKeyMD5, &k) || !sum_kind_ok(c, in->ChecksumAlgorithm))
		return;
	const struct s3_StoredObject *from = copy_source(c, in, &sb, &from_key);
	if (from == NULL || !copy_changes_something(c, in, sb, b, from) || !write_conditions(c, b, in->Key, in->IfMatch, in->IfNoneMatch))
		return;
	/* What came in parts becomes one whole, with the digests of one. */
	struct hashes h;
	struct str kind = str_present(in->ChecksumAlgorithm) ? in->ChecksumAlgorithm : str_present(from->Sum) ? from->SumKind : S("CRC64NVME");
	bool other = from->PartsCount.set || !str_present(from->Sum) || !str_eq(kind, from->SumKind) || !str_eq(from->SumType, S("FULL_OBJECT"));
	if (other && !object_hash(c, from, &from_key, 0, from->Size.v, kind, &h))
		return;
	struct s3_StoredObject *o = copy_headers(c, b, in, from, &k);
	if (o == NULL || !share_parts(c, from, &from_key, &k, o) || !copy_annotations(c, in, sb, b, from, &from_key, &k, o))
		return;
	if (other) {
		o->SumKind = kind;
		o->SumType = S("FULL_OBJECT");
		o->Sum = h.sum;
	}
	o->Tag = tag_of(c, &k, other ? hex_encode(c->arena, h.md5) : o->Part != NULL && str_present(o->Part->Digest) ? o->Part->Digest : from->Tag);
	object_add(c, b, o);
	notify(c, b, o, "s3:ObjectCreated:Copy");
	struct s3_CopyObjectResult *r = out->CopyObjectResult = arena_new_of(c->arena, struct s3_CopyObjectResult);
	r->ETag = etag_quoted(c, o->Tag);
	r->LastModified = whole_second(o->Modified);
	r->ChecksumType = o->SumType;
	SUM_OUT(r, o->SumKind, o->Sum);
	out->VersionId = str_present(o->Version) ? o->Version : STR_NONE;
	out->CopySourceVersionId = version_shown(sb, from);
	SSE_OUT(out, o);
}

/* ---- CreateMultipartUpload: an object's headers without its bytes ---- */

void op_CreateMultipartUpload(struct call *c)
{
	const struct s3_CreateMultipartUploadRequest *in = c->in;
	struct s3_CreateMultipartUploadOutput *out = c->out;
	const struct str grants[5] = GRANT_HEADERS(in);
	struct sse_key k;
	const struct s3_StoredBucket *b = bucket_get(c, in->Bucket, in->ExpectedBucketOwner);
	if (b == NULL || !write_allowed(c, b, in->Key, WRITE_ASKS(in)))
		return;
	struct s3_StoredObject *o = arena_new_of(c->arena, struct s3_StoredObject);
	if (!key_ok(c, in->Key) || !metadata_ok(c, &in->Metadata) || !storage_class_ok(c, in->StorageClass) ||
		!redirect_ok(c, in->WebsiteRedirectLocation) ||
	    !encryption_ok(c, in->ServerSideEncryption, in->SSEKMSKeyId, in->SSECustomerAlgorithm) || !sum_kind_ok(c, in->ChecksumAlgorithm) ||
	    !customer_key(c, in->SSECustomerAlgorithm, in->SSECustomerKey, in->SSECustomerKeyMD5, &k) ||
	    !tags_from_text(c, in->Tagging, &o->Labels) || !acl_from_request(c, b, in->ACL, grants, true, &o->Grants) ||
	    !lock_settings(c, b, in->ObjectLockMode, in->ObjectLockRetainUntilDate, in->ObjectLockLegalHoldStatus, o) ||
	    !encryption_choose(c, b, in->Key, SSE_ASK(in), &k))
		return;
	bool full_only = str_eq(in->ChecksumAlgorithm, S("CRC64NVME")), crc = sum_combines(in->ChecksumAlgorithm);
	struct str type = str_present(in->ChecksumType) ? in->ChecksumType : full_only ? S("FULL_OBJECT") : S("COMPOSITE");
	if (str_present(in->ChecksumAlgorithm) && (str_eq(type, S("FULL_OBJECT")) ? !crc : full_only)) {
		fail_request(c, "The %.*s checksum type cannot be used with the %.*s checksum algorithm.", STR_ARG(type),
			STR_ARG(arena_lower(c->arena, in->ChecksumAlgorithm)));
		return;
	}
	if (str_present(in->ChecksumType) && !str_present(in->ChecksumAlgorithm)) {
		fail_request(c, "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.");
		return;
	}
	TAKE_HEADERS(c, o, in);
	if (!system_metadata_ok(c, o))
		return;
	o->Key = in->Key;
	o->WebsiteRedirectLocation = in->WebsiteRedirectLocation;
	o->StorageClass = in->StorageClass;
	set_owner(c, b, in->ACL, o);
	encryption_keep(o, &k);
	o->SumKind = in->ChecksumAlgorithm;
	o->SumType = str_present(in->ChecksumAlgorithm) ? type : STR_NONE;
	ASSERT(str_present(o->SumType) == str_present(o->SumKind));
	const struct s3_StoredObject *before = object_current(c, b->Name, in->Key);
	struct s3_StoredUpload u = {.Initiated = SOME_TIME(c->now_ms), .Object = o, .Before = SOME_I64(before != NULL ? before->Serial.v : 0)};
	if (c->who->type != PRINCIPAL_ROOT && c->who->type != PRINCIPAL_ANONYMOUS) {
		u.Initiator = c->who->arn;
		u.InitiatorName = c->who->name;
	}
	u.Id = upload_id_new(c, in->Key);
	upload_put(c, b->Name, &u);
	out->Bucket = b->Name;
	out->Key = in->Key;
	out->UploadId = u.Id;
	out->ChecksumAlgorithm = o->SumKind;
	out->ChecksumType = o->SumType;
	SSE_OUT(out, o);
}
