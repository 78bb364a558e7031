/* Multipart uploads: parts, their completion and their end.
 *
 * What always holds: an upload's parts belong to it alone until it is completed; then their bytes move to the object without
 * being copied, and those not named are given back. Source: "Uploading and copying objects using multipart upload" (S3 User
 * Guide), "CompleteMultipartUpload" (S3 API Reference). */
#include "s3.h"

#include "os/os.h"

#define OBJECT_MAX (INT64_C(5) << 40)

enum { UPLOAD_ID = 64 };

struct str upload_id_new(struct call *c, struct str key)
{
	/* Those of one key are listed in the order of their beginning, so it stands first; then whose it is, to be told from another's. */
	char random[32];
	random_hex(random, sizeof random);
	return arena_printf(c->arena, "%016llx%.16s%.32s", (unsigned long long)call_serial(c, "upload"), sha256_hex(c->arena, key).p, random);
}

/* Could it be an upload of this key? It may have ended since. */
static bool upload_id_of(struct call *c, struct str id, struct str key)
{
	return id.n == UPLOAD_ID && str_eq(str_slice(id, 16, 32), str_slice(sha256_hex(c->arena, key), 0, 16));
}

static struct key *upload_key(struct call *c, struct str bucket, struct str key, struct str id)
{
	return key_str(key_str(key_str(table(c, "upload"), bucket), key), id);
}

static struct key *pieces_key(struct call *c, struct str id) { return key_str(table(c, "piece"), id); }
static struct key *piece_key(struct call *c, struct str id, int64_t number) { return key_u64(pieces_key(c, id), (uint64_t)number); }

void upload_put(struct call *c, struct str bucket, const struct s3_StoredUpload *u)
{
	ASSERT(u->Object != NULL && u->Id.n > 0 && !u->Object->Serial.set); /* it is no version yet */
	call_put(c, upload_key(c, bucket, u->Object->Key, u->Id), &s3_shape_StoredUpload, u);
}

static struct s3_StoredUpload *upload_find(struct call *c, struct str bucket, struct str key, struct str id)
{
	struct s3_StoredUpload *u = id.n > 0 ? call_get(c, upload_key(c, bucket, key, id), &s3_shape_StoredUpload) : NULL;
	if (u == NULL)
		fail_with(c, 404, "NoSuchUpload", "UploadId", id, "The specified upload does not exist. The upload ID may be invalid, or the upload may "
			"have been aborted or completed.");
	ASSERT(u == NULL || (u->Object != NULL && str_eq(u->Object->Key, key) && str_eq(u->Id, id)));
	return u;
}

/* All parts of an upload in order. */
static struct s3_StoredPart **pieces(struct call *c, struct str id, size_t *n)
{
	struct s3_StoredPart **v = NULL;
	size_t cap = 0;
	struct str key, value;
	struct scan *s = call_scan(c, pieces_key(c, id), STR_NONE, false);
	*n = 0;
	while (scan_next(s, &key, &value)) {
		if (*n == cap) {
			v = arena_grow(c->arena, v, sizeof *v, cap, cap * 2 + 16);
			cap = cap * 2 + 16;
		}
		v[(*n)++] = record_decode(c, &s3_shape_StoredPart, arena_dup(c->arena, value));
	}
	ASSERT(*n <= PARTS_MAX); /* numbers are bounded */
	scan_close(s);
	return v;
}

/* ---- parts ---- */

bool part_number_ok(struct call *c, struct opt_i64 n)
{
	if (n.v >= 1 && n.v <= PARTS_MAX)
		return true;
	fail_value(c, "partNumber", arena_printf(c->arena, "%lld", (long long)n.v), "Part number must be an integer between 1 and 10000, inclusive");
	return false;
}

static bool key_of_upload(struct call *c, const struct s3_StoredUpload *u, const struct sse_key *k)
{
	if (str_present(u->Object->CustomerKey) == k->set && (!k->set || str_eq(k->md5, u->Object->CustomerKey)))
		return true;
	fail_request(c, k->set ? "The provided encryption parameters did not match the ones used originally."
		: "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.");
	return false;
}

static void keep_piece(struct call *c, struct str id, int64_t number, struct s3_StoredPart *p)
{
	ASSERT(number >= 1 && number <= PARTS_MAX && p->Size.set && p->Digest.n == 32);
	struct key *k = piece_key(c, id, number);
	const struct s3_StoredPart *before = call_get(c, k, &s3_shape_StoredPart);
	if (before != NULL)
		data_drop(c, before);
	p->Number = SOME_I64(number);
	call_put(c, k, &s3_shape_StoredPart, p);
}

/* Of a part that came without one, S3 computes what a checksum of the whole object is made of. Absent: it came with one, or the whole has none. */
static struct str default_of_part(struct call *c, const struct s3_StoredUpload *u, const struct body *body, struct str kind)
{
	bool whole = str_present(u->Object->SumKind) && str_eq(u->Object->SumType, S("FULL_OBJECT"));
	return whole && str_eq(kind, S("CRC64NVME")) && !sum_asked(c, kind) ? sum_of_kind(c, body, u->Object->SumKind) : STR_NONE;
}

void op_UploadPart(struct call *c)
{
	const struct s3_UploadPartRequest *in = c->in;
	struct s3_UploadPartOutput *out = c->out;
	struct sse_key k;
	struct str kind;
	const struct s3_StoredBucket *b = bucket_get(c, in->Bucket, in->ExpectedBucketOwner);
	if (b == NULL || !allow(c, b, in->Key, "s3:PutObject", &b->Grants, ACL_WRITE) || !part_number_ok(c, in->PartNumber) ||
	    !customer_key(c, in->SSECustomerAlgorithm, in->SSECustomerKey, in->SSECustomerKeyMD5, &k) || !sum_kind_ok(c, in->ChecksumAlgorithm))
		return;
	const struct s3_StoredUpload *u = upload_find(c, b->Name, in->Key, in->UploadId);
	if (u == NULL || encryption_blocked(c, b, &k) || !key_of_upload(c, u, &k) || !encryption_open(c, b, u->Object, &k))
		return;
	struct s3_StoredPart *p = length_said(c, in->Body) ? data_keep(c, in->Body, &k) : NULL;
	if (p == NULL)
		return;
	sum_of_body(c, in->Body, &kind, &p->Sum);
	struct str own = default_of_part(c, u, in->Body, kind);
	if (str_present(own)) {
		kind = u->Object->SumKind;
		p->Sum = own;
	}
	if (str_present(u->Object->SumKind) && !str_eq(kind, u->Object->SumKind)) {
		bool asked = in->Body != NULL && !str_eq(kind, S("CRC64NVME"));
		fail_request(c, "Checksum Type mismatch occurred, expected checksum Type: %.*s, actual checksum Type: %.*s",
			STR_ARG(arena_lower(c->arena, u->Object->SumKind)), STR_ARG(asked ? arena_lower(c->arena, kind) : S("null")));
		return;
	}
	out->ETag = etag_quoted(c, p->Digest);
	SUM_OUT(out, kind, p->Sum);
	if (!str_present(u->Object->SumKind) && !str_eq(kind, S("CRC64NVME"))) /* checked, but not the upload's: that is the default */
		p->Sum = sum_default(c, in->Body);
	keep_piece(c, u->Id, in->PartNumber.v, p);
	SSE_OUT(out, u->Object);
}

/* "bytes=0-9" of a source of `size` bytes. */
static bool copy_range(struct call *c, struct str header, int64_t size, int64_t *start, int64_t *length)
{
	*start = 0;
	*length = size;
	if (!str_present(header))
		return true;
	int64_t first, last;
	struct str to = str_starts(header, S("bytes=")) ? str_slice(header, 6, header.n) : STR_NONE, from = str_cut(&to, '-');
	if (!str_present(to) || !str_to_i64(from, &first) || !str_to_i64(to, &last) || first < 0 || last < first) {
		fail_value(c, "x-amz-copy-source-range", header, "The x-amz-copy-source-range value must be of the form bytes=first-last where first "
			"and last are the zero-based offsets of the first and last bytes to copy");
		return false;
	}
	if (first >= size) {
		fail_request(c, "The specified copy range is invalid for the source object size");
		return false;
	}
	if (last >= size) {
		fail_value(c, "x-amz-copy-source-range", header, "Range specified is not valid for source object of size: %lld", (long long)size);
		return false;
	}
	*start = first;
	*length = last - first + 1;
	ASSERT(*start >= 0 && *length > 0 && *start + *length <= size);
	return true;
}

struct part_source {
	const struct s3_StoredBucket *b;
	const struct s3_StoredObject *o;
	struct sse_key key;
	int64_t start, length;
};

static bool part_source(struct call *c, const struct s3_UploadPartCopyRequest *in, struct part_source *s)
{
	struct str key, version, bucket = decode_copy_source(c, in->CopySource, &key, &version);
	if (!str_present(bucket) || (s->b = bucket_anywhere(c, bucket, in->ExpectedSourceBucketOwner)) == NULL ||
	    !customer_key_to_read(c, in->CopySourceSSECustomerAlgorithm, in->CopySourceSSECustomerKey, in->CopySourceSSECustomerKeyMD5, &s->key))
		return false;
	s->o = object_find(c, s->b, key, version);
	if (s->o == NULL || !allow_object(c, s->b, s->o, str_present(version) ? "s3:GetObjectVersion" : "s3:GetObject", ACL_READ))
		return false;
	if (s->o->Marker.v) {
		fail_no_key(c, key);
		return false;
	}
	const struct copy_conditions when = COPY_CONDITIONS(in);
	if (!copy_conditions(c, &when, s->o))
		return false;
	return customer_key_fits(c, s->o, &s->key) && encryption_open(c, s->b, s->o, &s->key) &&
	       copy_range(c, in->CopySourceRange, s->o->Size.v, &s->start, &s->length);
}

/* The bytes are shared, not copied; but those that get a second layer. */
static struct s3_StoredPart *share_range(struct call *c, const struct part_source *s, const struct sse_key *k)
{
	ASSERT(s->start >= 0 && s->length >= 0 && s->start + s->length <= s->o->Size.v);
	struct list parts = object_parts(c, s->o);
	int64_t at = 0;
	if (k->twice) {
		struct s3_StoredPart *p = arena_new_of(c->arena, struct s3_StoredPart);
		const struct body *body = data_body_of(c, &parts, &s->key, s->start, s->length);
		return body != NULL && data_layer(c, &body, 1, s->o->Serial.v, k, p) ? p : NULL;
	}
	for (uint32_t i = 0; i < parts.n; i++) {
		const struct s3_StoredPart *p = LIST_AT(parts, struct s3_StoredPart, i);
		if (s->start >= at && s->start + s->length <= at + p->Size.v)
			return data_share(c, p, &s->key, k, s->start - at, s->length);
		at += p->Size.v;
	}
	return data_share_parts(c, &parts, &s->key, k, s->start, s->length);
}

/* The digest and checksum of the range, when it is exactly one part of the source and that has them. */
static bool told_by_source(struct call *c, const struct part_source *s, struct str kind, struct hashes *h)
{
	ASSERT(sum_bytes(kind) > 0);
	struct list parts = object_parts(c, s->o);
	int64_t at = 0;
	for (uint32_t i = 0; i < parts.n; i++) {
		const struct s3_StoredPart *p = LIST_AT(parts, struct s3_StoredPart, i);
		if (s->start == at && s->length == p->Size.v) {
			h->sum = str_present(p->Sum) ? p->Sum : parts.n == 1 ? s->o->Sum : STR_NONE;
			h->md5 = str_present(p->Digest) ? hex_decode(c->arena, p->Digest) : STR_NONE;
			return str_present(h->sum) && str_present(h->md5) && str_eq(s->o->SumKind, kind) && base64_decode(c->arena, h->sum).n == sum_bytes(kind);
		}
		at += p->Size.v;
	}
	return false;
}

void op_UploadPartCopy(struct call *c)
{
	const struct s3_UploadPartCopyRequest *in = c->in;
	struct s3_UploadPartCopyOutput *out = c->out;
	struct sse_key k;
	struct part_source from = {0};
	const struct s3_StoredBucket *b = bucket_get(c, in->Bucket, in->ExpectedBucketOwner);
	if (b == NULL || !allow(c, b, in->Key, "s3:PutObject", &b->Grants, ACL_WRITE) || !part_number_ok(c, in->PartNumber) ||
	    !customer_key(c, in->SSECustomerAlgorithm, in->SSECustomerKey, in->SSECustomerKeyMD5, &k))
		return;
	struct str source_key, source_version;
	if (!str_present(decode_copy_source(c, in->CopySource, &source_key, &source_version)))
		return; /* what cannot be read is told before the upload is looked for */
	const struct s3_StoredUpload *u = upload_find(c, b->Name, in->Key, in->UploadId);
	if (u == NULL || encryption_blocked(c, b, &k) || !key_of_upload(c, u, &k) || !encryption_open(c, b, u->Object, &k) || !part_source(c, in, &from))
		return;
	struct hashes h = {0};
	struct str kind = u->Object->SumKind, computed = str_present(kind) ? kind : S("CRC64NVME"); /* S3's default */
	if (!told_by_source(c, &from, computed, &h) && !object_hash(c, from.o, &from.key, from.start, from.length, computed, &h))
		return;
	struct s3_StoredPart *p = share_range(c, &from, &k);
	if (p == NULL)
		return;
	p->Digest = hex_encode(c->arena, h.md5);
	p->Sum = h.sum;
	keep_piece(c, u->Id, in->PartNumber.v, p);
	out->CopySourceVersionId = version_shown(from.b, from.o);
	out->CopyPartResult = arena_new_of(c->arena, struct s3_CopyPartResult);
	out->CopyPartResult->ETag = etag_quoted(c, p->Digest);
	out->CopyPartResult->LastModified = whole_second(p->Modified);
	SSE_OUT(out, u->Object);
	if (str_present(kind))
		SUM_OUT(out->CopyPartResult, kind, p->Sum);
}

/* ---- completing ---- */

static struct s3_StoredPart *piece_numbered(struct s3_StoredPart **all, size_t n, int64_t number)
{
	size_t low = 0, high = n;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (all[mid]->Number.v < number)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n && all[low]->Number.v == number ? all[low] : NULL;
}

/* Is it the part that was uploaded, by its tag and its checksum? */
static bool part_fits(struct call *c, const struct s3_StoredUpload *u, const struct s3_CompletedPart *p, const struct s3_StoredPart *there)
{
	const struct sums sent = SUM_IN(p);
	struct str kind = u->Object->SumKind, sum = str_present(kind) ? sum_pick(&sent, kind) : STR_NONE;
	struct str other = str_present(sum) ? kind : sum_sent(&sent);
	bool same = there != NULL && etag_matches(p->ETag, there->Digest) && !(str_present(sum) && !str_eq(sum, there->Sum));
	if (same && str_present(kind) && !str_present(sum) && str_present(other)) {
		call_fail_code(c, 400, "BadDigest", "The %.*s you specified for part %lld did not match what we received.",
			STR_ARG(arena_lower(c->arena, other)), (long long)p->PartNumber.v);
		return false;
	}
	if (same && !str_present(sum) && str_eq(u->Object->SumType, S("COMPOSITE"))) {
		fail_request(c, "The upload was created using a %.*s checksum. The complete request must include the checksum for each part. It was missing "
			"for part %lld in the request.", STR_ARG(arena_lower(c->arena, kind)), (long long)p->PartNumber.v);
		return false;
	}
	if (same && (str_present(kind) || !str_present(other)))
		return true;
	fail_with(c, 400, "InvalidPart", "UploadId", u->Id, "One or more of the specified parts could not be found.  The part may not have been "
		"uploaded, or the specified entity tag may not match the part's entity tag.");
	call_fail_more(c, "PartNumber", arena_printf(c->arena, "%lld", (long long)p->PartNumber.v));
	call_fail_more(c, "ETag", etag_bare(p->ETag));
	return false;
}

static bool parts_large_enough(struct call *c, const struct s3_StoredPart *const *v, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++) {
		if (v[i]->Size.v >= PART_SMALLEST)
			continue;
		fail_with(c, 400, "EntityTooSmall", "ProposedSize", arena_printf(c->arena, "%lld", (long long)v[i]->Size.v),
			"Your proposed upload is smaller than the minimum allowed size");
		call_fail_more(c, "MinSizeAllowed", arena_printf(c->arena, "%d", PART_SMALLEST));
		call_fail_more(c, "PartNumber", arena_printf(c->arena, "%lld", (long long)v[i]->Number.v));
		call_fail_more(c, "ETag", v[i]->Digest);
		return false;
	}
	return true;
}

/* What of a part is known to be wrong before it is looked for. */
static bool part_readable(struct call *c, const struct s3_CompletedPart *p)
{
	const struct sums sent = SUM_IN(p);
	if (!str_present(p->ETag) || !p->PartNumber.set) {
		fail_xml(c);
		return false;
	}
	if (p->PartNumber.v < 1) {
		fail_value(c, "PartNumber", arena_printf(c->arena, "%lld", (long long)p->PartNumber.v), "PartNumber must be >= 1");
		return false;
	}
	if (sums_readable(c->arena, &sent))
		return true;
	fail_value(c, "Checksum", STR_NONE, "Invalid Base64 or multiple checksums present in request");
	return false;
}

/* The named parts in order, each as it was uploaded; NULL: refused. */
static const struct s3_StoredPart **chosen_parts(struct call *c, const struct s3_CompleteMultipartUploadRequest *in, const struct s3_StoredUpload *u,
                                                 struct s3_StoredPart **all, size_t n_all)
{
	struct list named = in->MultipartUpload != NULL ? in->MultipartUpload->Parts : (struct list){0};
	const struct s3_StoredPart **v = arena_array(c->arena, const struct s3_StoredPart *, named.n + 1);
	int64_t before = 0;
	if (in->MultipartUpload == NULL) {
		fail_request(c, "You must specify at least one part");
		return NULL;
	}
	if (named.n == 0 || named.n > PARTS_MAX) {
		fail_xml(c);
		return NULL;
	}
	for (uint32_t i = 0; i < named.n; i++)
		if (!part_readable(c, LIST_AT(named, struct s3_CompletedPart, i)))
			return NULL;
	for (uint32_t i = 0; i < named.n; i++) {
		const struct s3_CompletedPart *p = LIST_AT(named, struct s3_CompletedPart, i);
		if (p->PartNumber.v <= before) {
			fail_with(c, 400, "InvalidPartOrder", "UploadId", u->Id,
				"The list of parts was not in ascending order. Parts must be ordered by part number.");
			return NULL;
		}
		before = p->PartNumber.v;
		v[i] = piece_numbered(all, n_all, p->PartNumber.v);
		if (!part_fits(c, u, p, v[i]))
			return NULL;
	}
	return parts_large_enough(c, v, named.n) ? v : NULL;
}

/* That of the whole object, which may have the number of its parts behind it. */
static bool final_sums_ok(struct call *c, const struct sums *sent)
{
	struct str kind = sum_sent(sent);
	struct sums rest = *sent, bare = {0};
	if (!str_present(kind))
		return true;
	struct str parts = sum_pick(sent, kind), value = str_cut(&parts, '-');
	int64_t n;
	sum_spread(kind, value, &bare);
	for (size_t i = 0; i < N_SUMS; i++)
		if (str_present(rest.v[i]) && !str_present(bare.v[i])) {
			fail_request(c, "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
			return false;
		}
	if (sums_readable(c->arena, &bare) && (!str_present(parts) || (str_to_i64(parts, &n) && n > 0)))
		return true;
	fail_request(c, "Value for %s header is invalid.", sum_header(kind));
	return false;
}

static bool add_sums(struct call *c, const struct s3_CompleteMultipartUploadRequest *in, struct s3_StoredObject *o, const struct s3_StoredPart **v,
		size_t n)
{
	const struct sums sent = SUM_IN(in);
	bool own = str_present(o->SumKind), all = true;
	if (!final_sums_ok(c, &sent))
		return false;
	for (size_t i = 0; i < n; i++)
		all &= str_present(v[i]->Sum);
	if (str_present(in->ChecksumType) && !str_eq(in->ChecksumType, own ? o->SumType : S("FULL_OBJECT"))) {
		fail_request(c, "The upload was created using the %.*s checksum mode. The complete request must use the same checksum mode.",
			STR_ARG(own ? o->SumType : S("null")));
		return false;
	}
	if (!own && all) { /* S3's default */
		o->SumKind = S("CRC64NVME");
		o->SumType = S("FULL_OBJECT");
	}
	if (!str_present(o->SumKind))
		return true;
	ASSERT(all);
	bool full = str_eq(o->SumType, S("FULL_OBJECT"));
	o->Sum = full ? sum_full(c, o->SumKind, v, n) : sum_composite(c, o->SumKind, v, n);
	struct str claimed = sum_pick(&sent, o->SumKind);
	if (str_present(claimed) && !str_eq(claimed, o->Sum) && !str_eq(claimed, str_slice(o->Sum, 0, (size_t)(full ? (ptrdiff_t)o->Sum.n
		: str_rfind(o->Sum, '-'))))) {
		call_fail_code(c, 400, "BadDigest", "The %.*s you specified did not match the calculated checksum.",
			STR_ARG(arena_lower(c->arena, o->SumKind)));
		return false;
	}
	return true;
}

/* The object of these parts: entity tag, sizes, and the record of parts. */
static bool assemble(struct call *c, const struct s3_CompleteMultipartUploadRequest *in, struct s3_StoredObject *o, const struct s3_StoredPart **v,
		size_t n)
{
	struct s3_StoredParts all = {.Parts = LIST_OF(c->arena, struct s3_StoredPart, n)};
	struct buf digests;
	int64_t size = 0;
	buf_init(&digests, c->arena, 0);
	for (size_t i = 0; i < n; i++) {
		*LIST_AT(all.Parts, struct s3_StoredPart, i) = *v[i];
		buf_str(&digests, hex_decode(c->arena, v[i]->Digest));
		size += v[i]->Size.v;
	}
	if (in->MpuObjectSize.set && in->MpuObjectSize.v < 0) {
		fail_request(c, "Value for x-amz-mp-object-size header is less than zero: '%lld'", (long long)in->MpuObjectSize.v);
		return false;
	}
	if (in->MpuObjectSize.set && in->MpuObjectSize.v != size) {
		fail_request(c, "The provided 'x-amz-mp-object-size' header value %lld does not match what was computed: %lld",
			(long long)in->MpuObjectSize.v, (long long)size);
		return false;
	}
	if (size > OBJECT_MAX) {
		call_fail_code(c, 400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size");
		return false;
	}
	ASSERT(n > 0 && n <= PARTS_MAX && digests.n == n * 16 && !o->PartsRow.set && o->Part == NULL);
	struct str whole = md5_hex(c->arena, buf_view(&digests));
	o->Tag = arena_printf(c->arena, "%.*s-%zu", STR_ARG(whole), n);
	o->Size = SOME_I64(size);
	o->PartsCount = SOME_I64((int64_t)n);
	o->PartsRow = SOME_I64((int64_t)call_serial(c, "row"));
	call_put(c, key_u64(table(c, "parts"), (uint64_t)o->PartsRow.v), &s3_shape_StoredParts, &all);
	return true;
}

static void forget_upload(struct call *c, struct str bucket, const struct s3_StoredUpload *u, struct s3_StoredPart **all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		call_del(c, piece_key(c, u->Id, all[i]->Number.v));
	call_del(c, upload_key(c, bucket, u->Object->Key, u->Id));
}

static void answer_complete(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o)
{
	struct s3_CompleteMultipartUploadOutput *out = c->out;
	out->Bucket = b->Name;
	out->Key = o->Key;
	out->Location = arena_join(c->arena, c->endpoint, S("/"), b->Name, S("/"), uri_encode(c->arena, o->Key, true));
	out->ETag = etag_quoted(c, o->Tag);
	out->VersionId = str_present(o->Version) ? o->Version : STR_NONE;
	if (str_present(o->Sum) && !str_present(o->CustomerKey) && o->Kms == NULL) { /* not of one under a key of the client's choice */
		out->ChecksumType = o->SumType;
		SUM_OUT(out, o->SumKind, o->Sum);
	}
	if (!str_present(o->CustomerKey))
		SSE_OUT_OURS(out, o);
}

/* How an upload ended, for a day: in which bucket, of those that had its name; which object it became, of which parts. An aborted one became none. */
static struct str ending(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o,
                         const struct s3_CompletedMultipartUpload *parts)
{
	struct buf named;
	buf_init(&named, c->arena, 0);
	ASSERT(b->Created.set && (o == NULL || o->Serial.set));
	for (uint32_t i = 0; parts != NULL && i < parts->Parts.n; i++) {
		const struct s3_CompletedPart *p = LIST_AT(parts->Parts, struct s3_CompletedPart, i);
		buf_str(&named, arena_printf(c->arena, "%lld %.*s\n", (long long)p->PartNumber.v, STR_ARG(etag_bare(p->ETag))));
	}
	struct str version = o == NULL ? S("-") : str_present(o->Version) ? o->Version : S("null");
	return arena_printf(c->arena, "%lld %.*s %lld %.*s", (long long)b->Created.ms, STR_ARG(version), o != NULL ? (long long)o->Serial.v : -1LL,
		STR_ARG(sha256_hex(c->arena, buf_view(&named))));
}

static bool ended_as(struct call *c, struct str id, struct str *how)
{
	return id.n > 0 && txn_get(c->txn, key_bytes(key_str(table(c, "completed"), id)), c->arena, how);
}

static void keep_ending(struct call *c, struct str id, struct str how)
{
	txn_put(c->txn, key_bytes(key_str(table(c, "completed"), id)), how);
	job_put(c, "forget", id, c->now_ms + 86400000, STR_NONE);
}

/* The client may ask again when it did not get the answer: the object is there, made by this upload of these parts. */
static bool completed_before(struct call *c, const struct s3_StoredBucket *b, const struct s3_CompleteMultipartUploadRequest *in)
{
	struct str how;
	if (!ended_as(c, in->UploadId, &how))
		return false;
	struct str rest = how;
	(void)str_cut(&rest, ' ');
	const struct s3_StoredObject *o = object_version(c, b->Name, in->Key, str_cut(&rest, ' ')); /* which need not be the current one */
	if (o == NULL || o->Marker.v || !str_eq(how, ending(c, b, o, in->MultipartUpload)))
		return false;
	answer_complete(c, b, o);
	return true;
}

/* A condition holds only against what was there when the upload began: another write or delete since then is a conflict. */
static bool written_since(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredUpload *u,
                          const struct s3_CompleteMultipartUploadRequest *in)
{
	if (!str_present(in->IfMatch) && !str_present(in->IfNoneMatch))
		return false;
	const struct s3_StoredObject *now = object_current(c, b->Name, in->Key);
	if (!u->Before.set || (now != NULL ? now->Serial.v : 0) == u->Before.v)
		return false;
	fail_with(c, 409, "ConditionalRequestConflict", "Condition", str_present(in->IfMatch) ? S("If-Match") : S("If-None-Match"),
		"The conditional request cannot succeed due to a conflicting operation against this resource.");
	call_fail_more(c, "Key", in->Key);
	return true;
}

void op_CompleteMultipartUpload(struct call *c)
{
	const struct s3_CompleteMultipartUploadRequest *in = c->in;
	struct sse_key k;
	size_t n_all;
	const struct s3_StoredBucket *b = bucket_get(c, in->Bucket, in->ExpectedBucketOwner);
	if (b == NULL || !allow(c, b, in->Key, "s3:PutObject", &b->Grants, ACL_WRITE) ||
	    !customer_key(c, in->SSECustomerAlgorithm, in->SSECustomerKey, in->SSECustomerKeyMD5, &k) || completed_before(c, b, in))
		return;
	const struct s3_StoredUpload *u = upload_find(c, b->Name, in->Key, in->UploadId);
	if (u == NULL || !write_conditions(c, b, in->Key, in->IfMatch, in->IfNoneMatch) || written_since(c, b, u, in))
		return;
	struct s3_StoredPart **all = pieces(c, u->Id, &n_all);
	const struct s3_StoredPart **v = chosen_parts(c, in, u, all, n_all);
	size_t n = v != NULL ? in->MultipartUpload->Parts.n : 0;
	struct s3_StoredObject *o = u->Object;
	if (v == NULL || !add_sums(c, in, o, v, n) || !assemble(c, in, o, v, n))
		return;
	for (size_t i = 0, at = 0; i < n_all; i++) {
		if (at < n && v[at] == all[i])
			at++;
		else
			data_drop(c, all[i]);
	}
	ASSERT(o->Size.set && o->PartsCount.v == (int64_t)n && n <= n_all);
	forget_upload(c, b->Name, u, all, n_all);
	o->Modified = SOME_TIME(c->now_ms);
	object_add(c, b, o);
	keep_ending(c, u->Id, ending(c, b, o, in->MultipartUpload));
	notify(c, b, o, "s3:ObjectCreated:CompleteMultipartUpload");
	answer_complete(c, b, o);
}

void job_forget(struct call *c, struct str id, struct str payload)
{
	(void)payload;
	call_del(c, key_str(table(c, "completed"), id));
}

/* ---- ending, listing ---- */

void upload_abort(struct call *c, struct str bucket, const struct s3_StoredUpload *u)
{
	size_t n;
	struct s3_StoredPart **all = pieces(c, u->Id, &n);
	for (size_t i = 0; i < n; i++)
		data_drop(c, all[i]);
	forget_upload(c, bucket, u, all, n);
}

bool uploads_abort_all(struct call *c, struct str bucket)
{
	struct str key, value;
	struct scan *s = call_scan(c, key_str(table(c, "upload"), bucket), STR_NONE, false);
	bool any = false;
	while (scan_next(s, &key, &value)) {
		upload_abort(c, bucket, record_decode(c, &s3_shape_StoredUpload, arena_dup(c->arena, value)));
		any = true;
	}
	scan_close(s);
	return any;
}

/* The upload, which who asks may do this with: whoever began it needs no more than that. */
static const struct s3_StoredUpload *upload_open(struct call *c, const struct s3_StoredBucket *b, struct str key, struct str id, const char *action)
{
	const struct s3_StoredUpload *there = id.n > 0 ? call_get(c, upload_key(c, b->Name, key, id), &s3_shape_StoredUpload) : NULL;
	bool own = there != NULL && c->who->type == PRINCIPAL_ROOT && str_eq(there->Object->Account, c->who->account) && b->PolicyText.n == 0;
	return own || allow(c, b, key, action, NULL, ACL_NONE) ? upload_find(c, b->Name, key, id) : NULL;
}

/* In this bucket, by completion or abortion. */
static bool is_over(struct call *c, const struct s3_StoredBucket *b, struct str key, struct str id)
{
	struct str how;
	int64_t created;
	return upload_id_of(c, id, key) && ended_as(c, id, &how) && str_to_i64(str_cut(&how, ' '), &created) && created == b->Created.ms;
}

void op_AbortMultipartUpload(struct call *c)
{
	const struct s3_AbortMultipartUploadRequest *in = c->in;
	const struct s3_StoredBucket *b = bucket_get(c, in->Bucket, in->ExpectedBucketOwner);
	if (b != NULL && is_over(c, b, in->Key, in->UploadId) && allow(c, b, in->Key, "s3:AbortMultipartUpload", NULL, ACL_NONE))
		return; /* there is nothing left to abort, which is no error */
	const struct s3_StoredUpload *u = b != NULL && !c->failed ? upload_open(c, b, in->Key, in->UploadId, "s3:AbortMultipartUpload") : NULL;
	if (u == NULL)
		return;
	keep_ending(c, u->Id, ending(c, b, NULL, NULL));
	upload_abort(c, b->Name, u);
}

/* An account is told by its canonical id, its users and roles by their ARNs. */
static struct s3_Initiator *initiator_of(struct call *c, const struct s3_StoredUpload *u, struct str owner)
{
	struct s3_Initiator *i = arena_new_of(c->arena, struct s3_Initiator);
	i->ID = str_present(u->Initiator) ? u->Initiator : owner;
	i->DisplayName = u->InitiatorName;
	return i;
}

void op_ListParts(struct call *c)
{
	const struct s3_ListPartsRequest *in = c->in;
	struct s3_ListPartsOutput *out = c->out;
	size_t n;
	int64_t after = in->PartNumberMarker.v, max = in->MaxParts.set && in->MaxParts.v < LIST_MAX ? in->MaxParts.v : LIST_MAX;
	const struct s3_StoredBucket *b = bucket_get(c, in->Bucket, in->ExpectedBucketOwner);
	const struct s3_StoredUpload *u = b != NULL ? upload_open(c, b, in->Key, in->UploadId, "s3:ListMultipartUploadParts") : NULL;
	if (u == NULL)
		return;
	if (!limit_ok(c, "max-parts", "max-parts", in->MaxParts) || !limit_ok(c, "part-number-marker", "part-number-marker", in->PartNumberMarker))
		return;
	struct s3_StoredPart **all = pieces(c, u->Id, &n);
	out->Parts = LIST_OF(c->arena, struct s3_Part, n);
	uint32_t shown = 0;
	out->IsTruncated = SOME_BOOL(false);
	out->NextPartNumberMarker = SOME_I64(0);
	for (size_t i = 0; i < n; i++) {
		if (all[i]->Number.v <= after)
			continue;
		if (shown == max) {
			out->IsTruncated = SOME_BOOL(true);
			break;
		}
		struct s3_Part *p = LIST_AT(out->Parts, struct s3_Part, shown);
		shown++;
		p->PartNumber = all[i]->Number;
		p->LastModified = whole_second(all[i]->Modified);
		p->ETag = etag_quoted(c, all[i]->Digest);
		p->Size = all[i]->Size;
		if (str_present(u->Object->SumKind))
			SUM_OUT(p, u->Object->SumKind, all[i]->Sum);
		out->NextPartNumberMarker = all[i]->Number;
	}
	ASSERT(shown <= n && shown <= max);
	out->Parts.n = shown;
	out->Bucket = b->Name;
	out->Key = in->Key;
	out->UploadId = u->Id;
	out->PartNumberMarker = SOME_I64(after);
	out->MaxParts = SOME_I64(max);
	out->Owner = owner_of(c, u->Object->Account);
	out->Initiator = initiator_of(c, u, out->Owner->ID);
	out->StorageClass = str_present(u->Object->StorageClass) ? u->Object->StorageClass : S("STANDARD");
	out->ChecksumAlgorithm = u->Object->SumKind;
	out->ChecksumType = u->Object->SumType;
}

static void show_upload(struct call *c, const struct s3_StoredUpload *u, bool url, struct s3_MultipartUpload *to)
{
	to->UploadId = u->Id;
	to->Key = url ? list_encoded(c, u->Object->Key) : u->Object->Key;
	to->Initiated = whole_second(u->Initiated);
	to->StorageClass = str_present(u->Object->StorageClass) ? u->Object->StorageClass : S("STANDARD");
	to->Owner = owner_of(c, u->Object->Account);
	to->Initiator = initiator_of(c, u, to->Owner->ID);
	to->ChecksumAlgorithm = u->Object->SumKind;
	to->ChecksumType = u->Object->SumType;
}

struct uploads {
	struct s3_MultipartUpload *v;
	struct s3_CommonPrefix *p;
	uint32_t n, n_p;
	struct str last_key, last_id, last_prefix;
	bool truncated;
};

static void walk_uploads(struct call *c, const struct s3_ListMultipartUploadsRequest *in, struct str bucket, int64_t max, struct uploads *x)
{
	struct str key, value, marker = in->KeyMarker, prefix = str_present(in->Prefix) ? in->Prefix : S("");
	bool url = str_present(in->EncodingType);
	struct scan *s = call_scan(c, key_str(table(c, "upload"), bucket), STR_NONE, false);
	x->v = arena_array(c->arena, struct s3_MultipartUpload, (size_t)max + 1);
	x->p = arena_array(c->arena, struct s3_CommonPrefix, (size_t)max + 1);
	while (max > 0 && scan_next(s, &key, &value)) {
		const struct s3_StoredUpload *u = record_decode(c, &s3_shape_StoredUpload, arena_dup(c->arena, value));
		struct str name = u->Object->Key;
		int order = marker.n > 0 ? str_cmp(name, marker) : 1;
		if (!str_starts(name, prefix) || order < 0 || (order == 0 && (in->UploadIdMarker.n == 0 || str_cmp(u->Id, in->UploadIdMarker) <= 0)))
			continue;
		ptrdiff_t cut = in->Delimiter.n > 0 ? str_find_str(str_slice(name, prefix.n, name.n), in->Delimiter) : -1;
		struct str common = cut >= 0 ? str_slice(name, 0, prefix.n + (size_t)cut + in->Delimiter.n) : STR_NONE;
		if (str_present(common) && (str_eq(common, x->last_prefix) || (marker.n > 0 && str_starts(marker, common))))
			continue;
		if (x->n + x->n_p == (uint32_t)max) {
			x->truncated = true;
			break;
		}
		if (str_present(common)) {
			x->p[x->n_p++].Prefix = url ? list_encoded(c, common) : common;
			x->last_prefix = common;
		} else {
			show_upload(c, u, url, &x->v[x->n++]);
		}
		x->last_key = str_present(common) ? common : name;
		x->last_id = str_present(common) ? S("") : u->Id;
	}
	scan_close(s);
}

void op_ListMultipartUploads(struct call *c)
{
	const struct s3_ListMultipartUploadsRequest *in = c->in;
	struct s3_ListMultipartUploadsOutput *out = c->out;
	struct uploads x = {0};
	int64_t max = in->MaxUploads.set && in->MaxUploads.v < LIST_MAX ? in->MaxUploads.v : LIST_MAX;
	const struct s3_StoredBucket *b = bucket_get(c, in->Bucket, in->ExpectedBucketOwner);
	if (b == NULL || !allow(c, b, STR_NONE, "s3:ListBucketMultipartUploads", &b->Grants, ACL_READ))
		return;
	if (str_present(in->EncodingType) && !str_eq(in->EncodingType, S("url"))) {
		fail_value(c, "encoding-type", in->EncodingType, "Invalid Encoding Method specified in Request");
		return;
	}
	if (in->KeyMarker.n > 0 && in->UploadIdMarker.n > 0 && !upload_id_of(c, in->UploadIdMarker, in->KeyMarker)) {
		fail_value(c, "upload-id-marker", in->UploadIdMarker, "Invalid uploadId marker");
		return;
	}
	if (!limit_ok(c, "max-uploads", "max-uploads", in->MaxUploads))
		return;
	walk_uploads(c, in, b->Name, max, &x);
	ASSERT(x.n + x.n_p <= max);
	bool url = str_present(in->EncodingType);
	out->Uploads = (struct list){x.v, x.n, x.n > 0};
	out->CommonPrefixes = (struct list){x.p, x.n_p, x.n_p > 0};
	out->IsTruncated = SOME_BOOL(x.truncated);
	bool next = x.truncated || x.n > 0;
	out->NextKeyMarker = !next ? S("") : url ? list_encoded(c, x.last_key) : x.last_key;
	out->NextUploadIdMarker = next ? x.last_id : S("");
	out->Bucket = b->Name;
	struct str prefix = in->Prefix.n > 0 ? in->Prefix : STR_NONE, delimiter = in->Delimiter.n > 0 ? in->Delimiter : STR_NONE;
	out->Prefix = url ? list_encoded(c, prefix) : prefix;
	out->Delimiter = url ? list_encoded(c, delimiter) : delimiter;
	out->EncodingType = in->EncodingType;
	out->KeyMarker = !str_present(in->KeyMarker) ? S("") : url ? list_encoded(c, in->KeyMarker) : in->KeyMarker;
	out->UploadIdMarker = in->KeyMarker.n > 0 && str_present(in->UploadIdMarker) ? in->UploadIdMarker : S("");
	out->MaxUploads = SOME_I64(max);
}
