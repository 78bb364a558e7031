/* DeleteObject and DeleteObjects. Source: their pages in the S3 API Reference. */
#include "s3.h"

/* May who asks delete this, and may he pass a governance lock by? */
static bool may_delete(struct call *c, const struct s3_StoredBucket *b, struct str key, struct str version)
{
	return may(c, b, key, str_present(version) ? "s3:DeleteObjectVersion" : "s3:DeleteObject", &b->Grants, str_present(version) ? ACL_NONE
		: ACL_WRITE);
}

static bool bypass_of(struct call *c, const struct s3_StoredBucket *b, struct str key, struct opt_bool asked)
{
	return asked.v && may(c, b, key, "s3:BypassGovernanceRetention", NULL, ACL_NONE);
}

static bool bypass_known(struct call *c, const struct s3_StoredBucket *b, struct opt_bool asked)
{
	if (asked.set && !b->Lock.v)
		fail_value(c, "x-amz-bypass-governance-retention", STR_NONE,
			"x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets.");
	return !c->failed;
}

void op_DeleteObject(struct call *c)
{
	const struct s3_DeleteObjectRequest *in = c->in;
	struct s3_DeleteObjectOutput *out = c->out;
	struct deletion d;
	const struct s3_StoredBucket *b = bucket_get(c, in->Bucket, in->ExpectedBucketOwner);
	if (b == NULL || odd_delete(c) || !key_ok(c, in->Key))
		return;
	if (in->IfMatchLastModifiedTime.set || in->IfMatchSize.set) {
		fail_with(c, 501, "NotImplemented", "Header", in->IfMatchSize.set ? S("x-amz-if-match-size") : S("x-amz-if-match-last-modified-time"),
			"A header you provided implies functionality that is not implemented"); /* directory buckets' */
		return;
	}
	if (!may_delete(c, b, in->Key, in->VersionId)) {
		(void)allow(c, b, in->Key, str_present(in->VersionId) ? "s3:DeleteObjectVersion" : "s3:DeleteObject", NULL, ACL_NONE);
		return;
	}
	if (!bypass_known(c, b, in->BypassGovernanceRetention) || !mfa_given(c, b, in->MFA, mfa_on(b) && str_present(in->VersionId)))
		return;
	if (!delete_condition(c, b, in->Key, in->IfMatch))
		return;
	if (!object_delete(c, b, in->Key, in->VersionId, bypass_of(c, b, in->Key, in->BypassGovernanceRetention), &d))
		return;
	ASSERT(!c->failed && (!d.marker || str_present(d.version)));
	out->VersionId = d.version;
	if (d.marker)
		out->DeleteMarker = SOME_BOOL(true);
}

static void delete_one(struct call *c, const struct s3_StoredBucket *b, const struct s3_DeleteObjectsRequest *in,
		const struct s3_ObjectIdentifier *id,
                       struct s3_DeletedObject *done, struct s3_Error *error)
{
	struct deletion d = {0};
	struct str version = id->VersionId.n > 0 ? id->VersionId : STR_NONE;
	error->Key = done->Key = id->Key;
	error->VersionId = done->VersionId = version;
	if (!may_delete(c, b, id->Key, version)) {
		error->Code = S("AccessDenied");
		error->Message = S("Access Denied");
		return;
	}
	if (key_ok(c, id->Key) && delete_condition(c, b, id->Key, id->ETag) &&
	    object_delete(c, b, id->Key, version, bypass_of(c, b, id->Key, in->BypassGovernanceRetention), &d)) {
		const struct s3_StoredObject none = {.Key = id->Key};
		if (!d.done && !str_present(version))
			notify(c, b, &none, "s3:ObjectRemoved:Delete"); /* of what was not there too */
		if (d.marker)
			done->DeleteMarker = SOME_BOOL(true);
		if (d.marker)
			done->DeleteMarkerVersionId = d.version;
		return;
	}
	/* One key's failure is its own: the others go on. */
	ASSERT(c->failed);
	bool no_version = str_eq(c->error.code, S("InvalidArgument")) && str_present(version); /* an id that cannot be: here just not there */
	error->Code = no_version ? S("NoSuchVersion") : c->error.code;
	error->Message = no_version ? S("The specified version does not exist.") : c->error.message;
	c->failed = false;
	c->error = (struct wire_error){0};
}

void op_DeleteObjects(struct call *c)
{
	const struct s3_DeleteObjectsRequest *in = c->in;
	struct s3_DeleteObjectsOutput *out = c->out;
	const struct s3_StoredBucket *b = bucket_get(c, in->Bucket, in->ExpectedBucketOwner);
	if (b == NULL || !body_digests_ok(c, true) || !bypass_known(c, b, in->BypassGovernanceRetention))
		return;
	uint32_t n = in->Delete->Objects.n, n_done = 0, n_errors = 0;
	if (n == 0 || n > LIST_MAX) {
		fail_xml(c);
		return;
	}
	bool versions = false;
	for (uint32_t i = 0; i < n; i++)
		versions |= LIST_AT(in->Delete->Objects, struct s3_ObjectIdentifier, i)->VersionId.n > 0;
	if (!mfa_given(c, b, in->MFA, mfa_on(b) && versions)) /* the whole request fails, whatever else it would delete */
		return;
	out->Deleted = LIST_OF(c->arena, struct s3_DeletedObject, n);
	out->Errors = LIST_OF(c->arena, struct s3_Error, n);
	for (uint32_t i = 0; i < n; i++) {
		struct s3_DeletedObject done = {0};
		struct s3_Error error = {0};
		delete_one(c, b, in, LIST_AT(in->Delete->Objects, struct s3_ObjectIdentifier, i), &done, &error);
		if (str_present(error.Code))
			((struct s3_Error *)out->Errors.v)[n_errors++] = error;
		else if (!in->Delete->Quiet.v)
			((struct s3_DeletedObject *)out->Deleted.v)[n_done++] = done;
	}
	ASSERT(!c->failed && n_done + n_errors <= n && (in->Delete->Quiet.v || n_done + n_errors == n)); /* each has its word */
	out->Deleted.n = n_done;
	out->Errors.n = n_errors;
}
