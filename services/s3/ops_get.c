/* GetObject, HeadObject, GetObjectAttributes: conditions, ranges, part numbers.
 * Source: their pages in the S3 API Reference; RFC 9110, sections 13 and 14. */
#include "s3.h"

#include "base/time.h"

/* ---- conditions and ranges ---- */

static void not_modified(struct call *c, const struct s3_StoredObject *o)
{
	ASSERT(!o->Marker.v && str_present(o->Tag));
	call_header(c, "ETag", etag_quoted(c, o->Tag));
	call_header(c, "Last-Modified", time_rfc1123(c->arena, o->Modified.ms));
	call_fail_code(c, 304, "NotModified", "Not Modified");
}

void read_conditions(struct call *c, const struct s3_StoredObject *o, struct str if_match, struct str if_none_match,
                     struct opt_time modified, struct opt_time unmodified)
{
	int64_t at = o->Modified.ms / 1000 * 1000;
	bool changed = str_present(if_match) ? !etag_matches(if_match, o->Tag) : unmodified.set && at > unmodified.ms;
	if (changed) {
		fail_condition(c, str_present(if_match) ? "If-Match" : "If-Unmodified-Since");
		return;
	}
	bool same = str_present(if_none_match) ? etag_matches(if_none_match, o->Tag) : modified.set && at <= modified.ms && modified.ms <= c->now_ms;
	if (same)
		not_modified(c, o);
}

bool range_of(struct call *c, struct str header, int64_t size, int64_t *start, int64_t *length)
{
	int64_t first = -1, last = -1;
	*start = 0;
	*length = size;
	if (!str_starts_nocase(header, S("bytes=")) || str_find(header, ',') >= 0)
		return false; /* what is not understood is passed over */
	struct str to = str_trim(str_slice(header, 6, header.n)), from = str_cut(&to, '-');
	if (!str_present(to) || (from.n > 0 && !str_to_i64(from, &first)) || (to.n > 0 && !str_to_i64(to, &last)) || (from.n == 0 && to.n == 0) ||
	    (from.n > 0 && to.n > 0 && last < first) || (from.n > 0 && first < 0) || (from.n == 0 && last < 0))
		return false;
	if (from.n == 0) { /* the last so many bytes */
		first = last < size ? size - last : 0;
		last = last == 0 ? -1 : size - 1;
	} else if (to.n == 0 || last >= size) {
		last = size - 1;
	}
	if (first >= size || last < first) {
		call_header(c, "Content-Range", arena_printf(c->arena, "bytes */%lld", (long long)size));
		fail_with(c, 416, "InvalidRange", "RangeRequested", header, "The requested range is not satisfiable");
		call_fail_more(c, "ActualObjectSize", arena_printf(c->arena, "%lld", (long long)size));
		return false;
	}
	*start = first;
	*length = last - first + 1;
	ASSERT(*start >= 0 && *length > 0 && *start + *length <= size);
	return true;
}

/* ---- what GET and HEAD have in common ---- */

struct reading {
	const struct s3_StoredBucket *b;
	const struct s3_StoredObject *o;
	struct sse_key key;
	int64_t start, length;
	bool partial;
	struct opt_i64 parts; /* x-amz-mp-parts-count */
	struct str sum, sum_type; /* of what is read, where it is known */
};

static void refuse_marker(struct call *c, const struct s3_StoredObject *o, bool by_version)
{
	ASSERT(o->Marker.v);
	if (by_version) {
		call_header(c, "Last-Modified", time_rfc1123(c->arena, o->Modified.ms));
		fail_marker(c, o);
		return;
	}
	call_header(c, "x-amz-delete-marker", S("true"));
	call_header(c, "x-amz-version-id", str_present(o->Version) ? o->Version : S("null"));
	fail_no_key(c, o->Key);
}

bool object_archived(struct call *c, const struct s3_StoredObject *o)
{
	bool cold = str_eq(o->StorageClass, S("GLACIER")) || str_eq(o->StorageClass, S("DEEP_ARCHIVE"));
	return cold && !(o->RestoredUntil.set && o->RestoredUntil.ms > c->now_ms);
}

static bool part_range(struct call *c, struct reading *r, struct opt_i64 number)
{
	ASSERT(number.set && !r->o->Marker.v);
	struct list parts = object_parts(c, r->o);
	int64_t at = 0;
	for (uint32_t i = 0; i < parts.n; i++) {
		const struct s3_StoredPart *p = LIST_AT(parts, struct s3_StoredPart, i);
		if ((int64_t)i + 1 == number.v) {
			r->start = at;
			r->length = p->Size.v;
			r->partial = r->length > 0;
			r->parts = r->o->PartsCount;
			bool own = r->parts.set && str_eq(r->o->SumType, S("COMPOSITE"));
			r->sum = own ? p->Sum : parts.n == 1 ? r->o->Sum : STR_NONE; /* that of a whole object says nothing of a part */
			r->sum_type = r->o->SumType;
			return true;
		}
		at += p->Size.v;
	}
	fail_with(c, 416, "InvalidPartNumber", "ActualPartCount", arena_printf(c->arena, "%u", parts.n), "The requested partnumber is not satisfiable");
	call_fail_more(c, "PartNumberRequested", arena_printf(c->arena, "%lld", (long long)number.v));
	return false;
}

/* How an object is to be encrypted is said when it is written. */
static bool asks_no_encryption(struct call *c)
{
	static const char name[] = "x-amz-server-side-encryption";
	if (c->http == NULL)
		return true;
	struct str how = wire_header(c->http, str_c(name));
	if (str_present(how))
		fail_value(c, name, how, "x-amz-server-side-encryption header is not supported for this operation.");
	else if (str_present(wire_header(c->http, S("x-amz-server-side-encryption-aws-kms-key-id"))))
		fail_value(c, name, STR_NONE, "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms");
	return !c->failed;
}

#define READ(c, in, r, need_bytes) read_object((c), (in)->Bucket, (in)->Key, (in)->VersionId, (in)->ExpectedBucketOwner, (in)->Range, \
	(in)->PartNumber, (const struct str[]){(in)->IfMatch, (in)->IfNoneMatch, (in)->SSECustomerAlgorithm, (in)->SSECustomerKey, \
	(in)->SSECustomerKeyMD5}, (in)->IfModifiedSince, (in)->IfUnmodifiedSince, (need_bytes), (r))

static bool read_object(struct call *c, struct str bucket, struct str key, struct str version, struct str owner, struct str range,
                        struct opt_i64 part, const struct str with[5], struct opt_time modified, struct opt_time unmodified, bool bytes,
                        struct reading *r)
{
	*r = (struct reading){.b = bucket_get(c, bucket, owner)};
	if (r->b == NULL || !key_ok(c, key))
		return false;
	if (!asks_no_encryption(c))
		return false;
	if (part.set && !part_number_ok(c, part))
		return false;
	if (str_present(range) && part.set) {
		fail_request(c, "Cannot specify both Range header and partNumber query parameter");
		return false;
	}
	const char *action = str_present(version) ? "s3:GetObjectVersion" : "s3:GetObject";
	const struct s3_StoredObject *o = r->o = object_find(c, r->b, key, version);
	if (o == NULL || !allow_object(c, r->b, o, action, ACL_READ))
		return false;
	if (o->Marker.v) {
		refuse_marker(c, o, str_present(version));
		return false;
	}
	read_conditions(c, o, with[0], with[1], modified, unmodified);
	if (c->failed || !customer_key_to_read(c, with[2], with[3], with[4], &r->key) || !customer_key_fits(c, o, &r->key))
		return false;
	if (bytes && object_archived(c, o)) {
		struct s3_InvalidObjectState *e = call_fail(c, &s3_err_InvalidObjectState, "The operation is not valid for the object's storage class");
		e->StorageClass = o->StorageClass;
		return false;
	}
	if (bytes && !encryption_open(c, r->b, o, &r->key))
		return false;
	r->length = o->Size.v;
	if (part.set)
		return part_range(c, r, part);
	r->partial = str_present(range) && range_of(c, range, o->Size.v, &r->start, &r->length);
	if (r->start == 0 && r->length == o->Size.v) {
		r->sum = o->Sum;
		r->sum_type = o->SumType;
	}
	return !c->failed;
}

static struct str restore_text(struct call *c, const struct s3_StoredObject *o)
{
	if (!o->RestoredUntil.set)
		return STR_NONE;
	return arena_printf(c->arena, "ongoing-request=\"false\", expiry-date=\"%.*s\"", STR_ARG(time_rfc1123(c->arena, o->RestoredUntil.ms)));
}

static bool sums_wanted(struct str mode, const struct reading *r) { return str_eq_nocase(mode, S("ENABLED")) && str_present(r->sum); }

/* GetObjectOutput and HeadObjectOutput have these members under one name. */
#define SHOW(c, out, in, r) do { \
	const struct s3_StoredObject *o_ = (r)->o; \
	(out)->AcceptRanges = S("bytes"); (out)->LastModified = SOME_TIME(o_->Modified.ms / 1000 * 1000); \
	(out)->ContentLength = SOME_I64((r)->length); (out)->ETag = etag_quoted((c), o_->Tag); (out)->VersionId = version_shown((r)->b, o_); \
	(out)->CacheControl = override((in)->ResponseCacheControl, o_->CacheControl); \
	(out)->ContentDisposition = override((in)->ResponseContentDisposition, o_->ContentDisposition); \
	(out)->ContentEncoding = override((in)->ResponseContentEncoding, o_->ContentEncoding); \
	(out)->ContentLanguage = override((in)->ResponseContentLanguage, o_->ContentLanguage); \
	(out)->ContentType = override((in)->ResponseContentType, o_->ContentType.n > 0 ? o_->ContentType : S("binary/octet-stream")); \
	(out)->Expires = override(expires_text((c), (in)->ResponseExpires), o_->Expires); \
	(out)->WebsiteRedirectLocation = o_->WebsiteRedirectLocation; (out)->ReplicationStatus = o_->ReplicationStatus; \
	(out)->Metadata = o_->Metadata; \
	(out)->Restore = restore_text((c), o_); (out)->PartsCount = (r)->parts; \
	if (str_present(o_->StorageClass) && !str_eq(o_->StorageClass, S("STANDARD"))) \
		(out)->StorageClass = o_->StorageClass; \
	if (o_->Labels.n > 0) \
		(out)->TagCount = SOME_I64(o_->Labels.n); \
	if (!str_present((in)->VersionId)) \
		(out)->Expiration = expiration_text((c), (r)->b, o_); \
	(out)->ObjectLockMode = o_->LockMode; (out)->ObjectLockRetainUntilDate = o_->LockUntil; (out)->ObjectLockLegalHoldStatus = o_->Hold; \
	if (sums_wanted((in)->ChecksumMode, (r))) { \
		SUM_OUT((out), o_->SumKind, (r)->sum); \
		(out)->ChecksumType = (r)->sum_type; \
	} \
	SSE_OUT((out), o_); \
	if ((r)->partial) \
		(out)->ContentRange = arena_printf((c)->arena, "bytes %lld-%lld/%lld", (long long)(r)->start, (long long)((r)->start + (r)->length - 1), \
			(long long)o_->Size.v); \
	} while (0)

static struct str override(struct str asked, struct str own) { return str_present(asked) ? asked : own; }
static struct str expires_text(struct call *c, struct opt_time t) { return t.set ? time_rfc1123(c->arena, t.ms) : STR_NONE; }

/* An anonymous request must not choose the answer's headers. */
static bool overrides_ok(struct call *c)
{
	if (c->who->type != PRINCIPAL_ANONYMOUS || c->http == NULL)
		return true;
	for (size_t i = 0; i < c->http->query.n; i++)
		if (str_starts(c->http->query.v[i].name, S("response-"))) {
			fail_request(c, "Request specific response headers cannot be used for anonymous GET requests.");
			return false;
		}
	return true;
}

void op_GetObject(struct call *c)
{
	const struct s3_GetObjectRequest *in = c->in;
	struct s3_GetObjectOutput *out = c->out;
	struct reading r;
	if (!overrides_ok(c) || odd_read(c) || !READ(c, in, &r, true))
		return;
	ASSERT(r.start >= 0 && r.length >= 0 && r.start + r.length <= r.o->Size.v);
	SHOW(c, out, in, &r);
	out->Body = data_body(c, r.o, &r.key, r.start, r.length);
	ASSERT(out->Body != NULL || c->failed || txn_incomplete(c->txn));
	if (r.partial)
		call_status(c, 206);
}

void op_HeadObject(struct call *c)
{
	const struct s3_HeadObjectRequest *in = c->in;
	struct s3_HeadObjectOutput *out = c->out;
	struct reading r;
	if (odd_read(c) || !READ(c, in, &r, false))
		return;
	SHOW(c, out, in, &r);
	if (r.partial)
		call_status(c, 206);
}

/* ---- attributes ---- */

static bool wants(const struct s3_GetObjectAttributesRequest *in, const char *what)
{
	for (uint32_t i = 0; i < in->ObjectAttributes.n; i++)
		if (str_eq(*LIST_AT(in->ObjectAttributes, struct str, i), str_c(what)))
			return true;
	return false;
}

static struct s3_GetObjectAttributesParts *show_parts(struct call *c, const struct s3_GetObjectAttributesRequest *in, const struct s3_StoredObject *o)
{
	struct s3_GetObjectAttributesParts *p = arena_new_of(c->arena, struct s3_GetObjectAttributesParts);
	struct list parts = object_parts(c, o);
	int64_t max = in->MaxParts.set && in->MaxParts.v < 1000 ? in->MaxParts.v : 1000, after = in->PartNumberMarker.v;
	ASSERT(o->PartsCount.set && parts.n <= PARTS_MAX);
	p->TotalPartsCount = SOME_I64(parts.n);
	if (!str_eq(o->SumType, S("COMPOSITE")))
		return p; /* without checksums of their own the parts are not told */
	p->MaxParts = SOME_I64(max);
	p->PartNumberMarker = SOME_I64(after);
	p->IsTruncated = SOME_BOOL(false);
	p->Parts = LIST_OF(c->arena, struct s3_ObjectPart, parts.n);
	uint32_t n = 0;
	for (uint32_t i = 0; i < parts.n; i++) {
		const struct s3_StoredPart *from = LIST_AT(parts, struct s3_StoredPart, i);
		if (from->Number.v <= after)
			continue;
		if (n == max) {
			p->IsTruncated = SOME_BOOL(true);
			break;
		}
		struct s3_ObjectPart *to = LIST_AT(p->Parts, struct s3_ObjectPart, n);
		n++;
		to->PartNumber = from->Number;
		to->Size = from->Size;
		SUM_OUT(to, o->SumKind, from->Sum);
		p->NextPartNumberMarker = from->Number;
	}
	ASSERT(n <= parts.n);
	p->Parts.n = n;
	p->Parts.set = true;
	return p;
}

void op_GetObjectAttributes(struct call *c)
{
	const struct s3_GetObjectAttributesRequest *in = c->in;
	struct s3_GetObjectAttributesOutput *out = c->out;
	const struct s3_StoredBucket *b = bucket_get(c, in->Bucket, in->ExpectedBucketOwner);
	struct sse_key k;
	if (b == NULL || !asks_no_encryption(c) ||
	    !customer_key_to_read(c, in->SSECustomerAlgorithm, in->SSECustomerKey, in->SSECustomerKeyMD5, &k))
		return;
	const struct s3_StoredObject *o = object_find(c, b, in->Key, in->VersionId);
	bool version = str_present(in->VersionId);
	if (o == NULL || !allow_object(c, b, o, version ? "s3:GetObjectVersion" : "s3:GetObject", ACL_READ) ||
	    !allow_object(c, b, o, version ? "s3:GetObjectVersionAttributes" : "s3:GetObjectAttributes", ACL_READ))
		return;
	if (o->Marker.v) {
		refuse_marker(c, o, version);
		return;
	}
	if (!customer_key_fits(c, o, &k))
		return;
	out->LastModified = o->Modified;
	out->VersionId = version_shown(b, o);
	if (wants(in, "ETag"))
		out->ETag = o->Tag;
	if (wants(in, "ObjectSize"))
		out->ObjectSize = o->Size;
	if (wants(in, "StorageClass"))
		out->StorageClass = str_present(o->StorageClass) ? o->StorageClass : S("STANDARD");
	if (wants(in, "Checksum") && str_present(o->Sum)) {
		out->Checksum = arena_new_of(c->arena, struct s3_Checksum);
		ptrdiff_t dash = str_eq(o->SumType, S("COMPOSITE")) ? str_rfind(o->Sum, '-') : -1; /* the number of parts stands beside it */
		SUM_OUT(out->Checksum, o->SumKind, dash >= 0 ? str_slice(o->Sum, 0, (size_t)dash) : o->Sum);
		out->Checksum->ChecksumType = o->SumType;
	}
	if (wants(in, "ObjectParts") && o->PartsCount.set)
		out->ObjectParts = show_parts(c, in, o);
}
