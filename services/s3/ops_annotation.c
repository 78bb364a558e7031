/* The four operations on annotations (annotations.c). Source: their pages in the S3 API Reference. */
#include "s3.h"

#include "svc/page.h"

/* ---- a body in memory ---- */

/* One that came in as a file is read on the worker pool: the call waits and runs again. */
struct loading { struct arena *a; struct steps steps; struct ticket ticket; bool gone, ok; struct str bytes; };

static void load(void *arg)
{
	struct loading *l = arg;
	_Static_assert((int)ANNOTATION_MAX <= (int)STEP_BYTES, "one step reads it");
	l->ok = steps_next(&l->steps, &l->bytes) && steps_over(&l->steps);
}

static void loaded(void *arg)
{
	struct loading *l = arg;
	if (!l->gone)
		ticket_answer(l->ticket, &(struct answer){.ok = l->ok, .bytes = l->ok ? l->bytes : STR_NONE});
	steps_end(&l->steps);
	arena_free(l->a); /* l lives in it */
}

static void left(struct ticket t, void *arg)
{
	(void)t;
	((struct loading *)arg)->gone = true;
}

static void begin(struct ticket t, void *arg)
{
	struct arena *a = arena_new(1024);
	struct loading *l = arena_new_of(a, struct loading);
	*l = (struct loading){.a = a, .ticket = t};
	steps_start(&l->steps, a, *(const struct body *const *)arg);
	ticket_on_gone(t, left, l);
	worker_run(load, loaded, l);
}

static bool payload(struct call *c, const struct body *b, struct str *bytes)
{
	int64_t size = b == NULL ? 0 : b->blob[0] != '\0' ? b->length : (int64_t)b->bytes.n;
	if (size < 1 || size > ANNOTATION_MAX) {
		if (size < 1)
			fail_request(c, "The annotation payload must be between 1 byte and 1 MiB in size.");
		else
			call_fail_code(c, 400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size");
		return false;
	}
	*bytes = b->bytes;
	if (b->blob[0] != '\0') {
		const struct answer *a = call_await(c, begin, &b, sizeof b, INT64_MAX);
		if (a == NULL)
			return false;
		if (!a->ok || (int64_t)a->bytes.n != size) {
			call_fail_code(c, 500, "InternalError", "We encountered an internal error. Please try again.");
			return false;
		}
		*bytes = a->bytes;
		data_discard(c, b);
	}
	if (utf8_valid(*bytes))
		return true;
	call_fail(c, &s3_err_UnsupportedMediaType, "The annotation payload is not valid UTF-8 encoded text.");
	return false;
}

/* ---- the object ---- */

struct place { const struct s3_StoredBucket *b; struct s3_StoredObject *o; };

static bool name_ok(struct call *c, struct str name)
{
	if (name.n > ANNOTATION_NAME_MAX) {
		call_fail(c, &s3_err_AnnotationNameTooLong, "The annotation name exceeds 512 bytes.");
		return false;
	}
	struct str three = str_slice(name, 0, 3), two = str_slice(name, 0, 2);
	if (name.n > 0 && utf8_valid(name) && !str_eq_nocase(three, S("aws")) && !str_eq_nocase(two, S("s3")))
		return true;
	call_fail(c, &s3_err_InvalidAnnotationName, "The annotation name you provided is invalid.");
	return false;
}

static bool open_place(struct call *c, struct str bucket, struct str key, struct str version, struct str owner, const char *action, struct place *p)
{
	p->b = bucket_get(c, bucket, owner);
	if (p->b == NULL || !key_ok(c, key))
		return false;
	p->o = object_find(c, p->b, key, version);
	if (p->o == NULL || !allow_object(c, p->b, p->o, action, ACL_NONE))
		return false;
	if (!p->o->Marker.v)
		return true;
	if (str_present(version))
		call_fail_code(c, 405, "MethodNotAllowed", "The specified method is not allowed against this resource.");
	else
		fail_no_key(c, key);
	return false;
}

#define OPEN_PLACE(in, action, p) open_place(c, (in)->Bucket, (in)->Key, (in)->VersionId, (in)->ExpectedBucketOwner, (action), (p))

static bool object_matches(struct call *c, const struct s3_StoredObject *o, struct str etag)
{
	if (!str_present(etag) || etag_matches(etag, o->Tag))
		return true;
	fail_condition(c, "If-Match");
	return false;
}

/* The key of the object's bytes, which is its annotations' too. */
static bool key_of_object(struct call *c, const struct place *p, struct sse_key *k)
{
	ASSERT(!p->o->Marker.v);
	*k = (struct sse_key){0};
	if (str_present(p->o->CustomerKey)) {
		fail_request(c, "Objects encrypted with SSE-C cannot have annotations.");
		return false;
	}
	return encryption_open(c, p->b, p->o, k);
}

static struct str encrypted_by(const struct s3_StoredObject *o)
{
	return o->Kms == NULL ? S("AES256") : o->Kms->Twice.v ? S("aws:kms:dsse") : S("aws:kms");
}

/* ---- operations ---- */

void op_PutObjectAnnotation(struct call *c)
{
	const struct s3_PutObjectAnnotationRequest *in = c->in;
	struct s3_PutObjectAnnotationOutput *out = c->out;
	struct place p;
	struct sse_key k;
	struct str bytes;
	if (!OPEN_PLACE(in, "s3:PutObjectAnnotation", &p) || !name_ok(c, in->AnnotationName) || !object_matches(c, p.o, in->ObjectIfMatch) ||
	    !sum_kind_ok(c, in->ChecksumAlgorithm) || !payload(c, in->AnnotationPayload, &bytes) || !key_of_object(c, &p, &k))
		return;
	ASSERT(bytes.n > 0 && bytes.n <= ANNOTATION_MAX);
	const struct s3_StoredAnnotation *before = annotation_get(c, p.o, in->AnnotationName);
	if (before == NULL && annotations_of(c, p.o).n >= ANNOTATIONS_MAX) {
		call_fail(c, &s3_err_AnnotationLimitExceeded, "The request would exceed the maximum number of annotations allowed per object.");
		return;
	}
	if (before != NULL)
		annotation_drop(c, p.o, before);
	struct s3_StoredAnnotation one = {.Name = in->AnnotationName, .Modified = SOME_TIME(c->now_ms), .Part = annotation_keep(c, bytes, &k)};
	sum_of_body(c, in->AnnotationPayload, &one.SumKind, &one.Sum);
	annotation_put(c, p.o, &one);
	replicate_change(c, p.b, p.o);
	object_update(c, p.b, p.o);
	notify(c, p.b, p.o, "s3:ObjectAnnotation:Put");
	out->Key = in->Key;
	out->AnnotationName = one.Name;
	out->ObjectVersionId = version_shown(p.b, p.o);
	out->ETag = etag_quoted(c, one.Part->Digest);
	out->ServerSideEncryption = encrypted_by(p.o);
	SUM_OUT(out, one.SumKind, one.Sum);
}

void op_GetObjectAnnotation(struct call *c)
{
	const struct s3_GetObjectAnnotationRequest *in = c->in;
	struct s3_GetObjectAnnotationOutput *out = c->out;
	struct place p;
	struct sse_key k;
	if (!OPEN_PLACE(in, "s3:GetObjectAnnotation", &p) || !name_ok(c, in->AnnotationName))
		return;
	const struct s3_StoredAnnotation *one = annotation_get(c, p.o, in->AnnotationName);
	if (one == NULL) {
		call_fail(c, &s3_err_NoSuchAnnotation, "The specified annotation does not exist on this object.");
		return;
	}
	if (!key_of_object(c, &p, &k))
		return;
	const struct list parts = {one->Part, 1, true};
	out->AnnotationPayload = data_body_of(c, &parts, &k, 0, one->Part->Size.v);
	out->ContentLength = one->Part->Size;
	out->ObjectVersionId = version_shown(p.b, p.o);
	out->LastModified = SOME_TIME(one->Modified.ms / 1000 * 1000);
	out->ETag = etag_quoted(c, one->Part->Digest);
	out->ServerSideEncryption = encrypted_by(p.o);
	out->ReplicationStatus = p.o->ReplicationStatus;
	if (str_eq_nocase(in->ChecksumMode, S("ENABLED")))
		SUM_OUT(out, one->SumKind, one->Sum);
}

/* Gone for good, whatever versioning says; what object lock keeps, it keeps. */
void op_DeleteObjectAnnotation(struct call *c)
{
	const struct s3_DeleteObjectAnnotationRequest *in = c->in;
	struct s3_DeleteObjectAnnotationOutput *out = c->out;
	struct place p;
	if (!OPEN_PLACE(in, "s3:DeleteObjectAnnotation", &p) || !name_ok(c, in->AnnotationName) || !object_matches(c, p.o, in->ObjectIfMatch))
		return;
	struct str bypass = c->http != NULL ? wire_header(c->http, S("x-amz-bypass-governance-retention")) : STR_NONE;
	bool passes = str_eq_nocase(bypass, S("true")) && may(c, p.b, in->Key, "s3:BypassGovernanceRetention", NULL, ACL_NONE);
	if (locked(c, p.o, passes))
		return;
	out->ObjectVersionId = version_shown(p.b, p.o);
	const struct s3_StoredAnnotation *one = annotation_get(c, p.o, in->AnnotationName);
	if (one == NULL)
		return; /* what is not there is deleted */
	annotation_drop(c, p.o, one);
	replicate_change(c, p.b, p.o);
	object_update(c, p.b, p.o);
	notify(c, p.b, p.o, "s3:ObjectAnnotation:Delete");
}

static void show(struct call *c, const struct s3_StoredObject *o, const struct s3_StoredAnnotation *one, struct s3_AnnotationEntry *to)
{
	ASSERT(one->Part != NULL && str_present(one->SumKind));
	to->AnnotationName = one->Name;
	to->LastModified = one->Modified;
	to->ETag = etag_quoted(c, one->Part->Digest);
	to->Size = one->Part->Size;
	to->ReplicationStatus = o->ReplicationStatus;
	to->ChecksumAlgorithm = LIST_OF(c->arena, struct str, 1);
	*LIST_AT(to->ChecksumAlgorithm, struct str, 0) = one->SumKind;
}

void op_ListObjectAnnotations(struct call *c)
{
	const struct s3_ListObjectAnnotationsRequest *in = c->in;
	struct s3_ListObjectAnnotationsOutput *out = c->out;
	struct place p;
	struct str after = STR_NONE, prefix = str_present(in->AnnotationPrefix) ? in->AnnotationPrefix : S("");
	int64_t max = in->MaxAnnotationResults.set ? in->MaxAnnotationResults.v : ANNOTATIONS_MAX;
	if (!OPEN_PLACE(in, "s3:ListObjectAnnotations", &p))
		return;
	if (prefix.n > ANNOTATION_NAME_MAX || !utf8_valid(prefix)) {
		call_fail(c, &s3_err_InvalidPrefix, "The annotation prefix you provided is invalid.");
		return;
	}
	if (max < 1 || max > ANNOTATIONS_MAX || !page_position(c->arena, in->ContinuationToken, &after)) {
		fail_argument(c, max < 1 || max > ANNOTATIONS_MAX ? "max-annotation-results must be an integer between 1 and 1000"
			: "The continuation token provided is incorrect");
		return;
	}
	struct annotations all = annotations_of(c, p.o);
	struct s3_AnnotationEntry *v = arena_array(c->arena, struct s3_AnnotationEntry, all.n + 1);
	uint32_t n = 0;
	for (size_t i = 0; i < all.n; i++) {
		struct str name = all.v[i]->Name;
		if (!str_starts(name, prefix) || (str_present(after) && str_cmp(name, after) <= 0))
			continue;
		if (n == max) {
			out->NextContinuationToken = page_token(c->arena, v[n - 1].AnnotationName);
			break;
		}
		show(c, p.o, all.v[i], &v[n++]);
	}
	ASSERT(n <= all.n && n <= max);
	out->Annotations = (struct list){v, n, true};
	out->Bucket = in->Bucket;
	out->Key = in->Key;
	out->ObjectVersionId = version_shown(p.b, p.o);
	out->AnnotationPrefix = in->AnnotationPrefix;
	out->MaxAnnotationResults = SOME_I64(max);
	out->AnnotationCount = SOME_I64(n);
	out->ContinuationToken = in->ContinuationToken;
}
