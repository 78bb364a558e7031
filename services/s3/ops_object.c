/* What an object is set to: tags, ACL, retention, legal hold, restoration. Source: their pages in the S3 API Reference. */
#include "s3.h"

/* The object and its bucket; who asks may do `action`. */
static struct s3_StoredObject *object_open(struct call *c, const struct s3_StoredBucket **b, struct str bucket, struct str key, struct str version,
                                           struct str owner, const char *action, const char *version_action, enum acl need)
{
	*b = bucket_get(c, bucket, owner);
	if (*b == NULL || !key_ok(c, key))
		return NULL;
	struct s3_StoredObject *o = object_find(c, *b, key, version);
	if (o == NULL || !allow_object(c, *b, o, str_present(version) ? version_action : action, need))
		return NULL;
	ASSERT(str_eq(o->Key, key) && o->Serial.set);
	if (!o->Marker.v)
		return o;
	if (need == ACL_READ_ACP && !str_present(version))
		fail_no_key(c, key); /* a marker has no ACL to be read */
	else
		fail_marker(c, o);
	return NULL;
}

#define OPEN(in, action, version_action, need) \
	object_open(c, &b, (in)->Bucket, (in)->Key, (in)->VersionId, (in)->ExpectedBucketOwner, (action), (version_action), (need))

/* ---- tags ---- */

void op_GetObjectTagging(struct call *c)
{
	const struct s3_GetObjectTaggingRequest *in = c->in;
	struct s3_GetObjectTaggingOutput *out = c->out;
	const struct s3_StoredBucket *b;
	const struct s3_StoredObject *o = OPEN(in, "s3:GetObjectTagging", "s3:GetObjectVersionTagging", ACL_NONE);
	if (o == NULL && str_eq(c->error.code, S("NoSuchKey"))) { /* it names the bucket with it, as no other operation does */
		c->error.n_more = 0;
		call_fail_more(c, "Key", arena_join(c->arena, in->Bucket, S("/"), in->Key));
	}
	if (o == NULL)
		return;
	out->TagSet = o->Labels;
	out->TagSet.set = true;
	out->VersionId = version_shown(b, o);
}

void op_PutObjectTagging(struct call *c)
{
	const struct s3_PutObjectTaggingRequest *in = c->in;
	struct s3_PutObjectTaggingOutput *out = c->out;
	const struct s3_StoredBucket *b;
	struct s3_StoredObject *o = OPEN(in, "s3:PutObjectTagging", "s3:PutObjectVersionTagging", ACL_NONE);
	if (o == NULL || !body_digests_ok(c, false) || !tags_ok(c, &in->Tagging->TagSet, 10))
		return;
	o->Labels = in->Tagging->TagSet;
	replicate_change(c, b, o);
	object_update(c, b, o);
	notify(c, b, o, "s3:ObjectTagging:Put");
	out->VersionId = version_shown(b, o);
}

void op_DeleteObjectTagging(struct call *c)
{
	const struct s3_DeleteObjectTaggingRequest *in = c->in;
	struct s3_DeleteObjectTaggingOutput *out = c->out;
	const struct s3_StoredBucket *b;
	struct s3_StoredObject *o = OPEN(in, "s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging", ACL_NONE);
	if (o == NULL)
		return;
	o->Labels = (struct list){0};
	replicate_change(c, b, o);
	object_update(c, b, o);
	notify(c, b, o, "s3:ObjectTagging:Delete");
	out->VersionId = version_shown(b, o);
}

/* ---- ACLs ---- */

static struct list shown_grants(struct call *c, const struct s3_StoredBucket *b, const struct list *grants, struct str account)
{
	return grants->n > 0 && !acls_off(b) ? *grants : owner_grants(c, account);
}

void op_GetBucketAcl(struct call *c)
{
	const struct s3_GetBucketAclRequest *in = c->in;
	struct s3_GetBucketAclOutput *out = c->out;
	const struct s3_StoredBucket *b = bucket_get(c, in->Bucket, in->ExpectedBucketOwner);
	if (b == NULL || !allow(c, b, STR_NONE, "s3:GetBucketAcl", &b->Grants, ACL_READ_ACP))
		return;
	out->Owner = owner_of(c, b->Account);
	out->Grants = shown_grants(c, b, &b->Grants, b->Account);
}

/* The new grants of a PUT ?acl: canned, headers or a document. */
static bool acl_of_put(struct call *c, const struct s3_StoredBucket *b, struct str canned, const struct str headers[5],
                       const struct s3_AccessControlPolicy *document, bool object, struct str account, struct list *out)
{
	bool in_headers = str_present(canned);
	for (size_t i = 0; i < 5; i++)
		in_headers |= str_present(headers[i]);
	if (in_headers && document != NULL) {
		call_fail_code(c, 400, "UnexpectedContent", "This request does not support content");
		return false;
	}
	if (in_headers)
		return acl_from_request(c, b, canned, headers, object, out);
	if (document == NULL) {
		fail_with(c, 400, "MissingSecurityHeader", "MissingHeaderName", S("x-amz-acl"), "Your request was missing a required header");
		return false;
	}
	if (document->Owner == NULL || !document->Grants.set) {
		call_fail_code(c, 400, "MalformedACLError", "The XML you provided was not well-formed or did not validate against our published schema");
		return false;
	}
	if (acls_off(b)) {
		call_fail_code(c, 400, "AccessControlListNotSupported", "The bucket does not allow ACLs");
		return false;
	}
	if (document->Owner != NULL && str_present(document->Owner->ID) && !str_eq(document->Owner->ID, canonical_id(c, account))) {
		fail_denied(c);
		return false;
	}
	ASSERT(document != NULL && !acls_off(b));
	*out = document->Grants;
	return acl_check(c, b, out, false);
}

void op_PutBucketAcl(struct call *c)
{
	const struct s3_PutBucketAclRequest *in = c->in;
	const struct str headers[5] = {in->GrantFullControl, in->GrantRead, in->GrantReadACP, in->GrantWrite, in->GrantWriteACP};
	struct s3_StoredBucket *b = bucket_get(c, in->Bucket, in->ExpectedBucketOwner);
	if (b == NULL || !allow(c, b, STR_NONE, "s3:PutBucketAcl", &b->Grants, ACL_WRITE_ACP) || !body_digests_ok(c, false) ||
	    !acl_of_put(c, b, in->ACL, headers, in->AccessControlPolicy, false, b->Account, &b->Grants))
		return;
	bucket_put(c, b);
}

void op_GetObjectAcl(struct call *c)
{
	const struct s3_GetObjectAclRequest *in = c->in;
	struct s3_GetObjectAclOutput *out = c->out;
	const struct s3_StoredBucket *b;
	const struct s3_StoredObject *o = OPEN(in, "s3:GetObjectAcl", "s3:GetObjectVersionAcl", ACL_READ_ACP);
	if (o == NULL)
		return;
	out->Owner = owner_of(c, o->Account);
	out->Grants = shown_grants(c, b, &o->Grants, o->Account);
}

static bool same_grants(const struct list *x, const struct list *y)
{
	bool same = x->n == y->n;
	for (uint32_t i = 0; same && i < x->n; i++) {
		const struct s3_Grant *p = LIST_AT(*x, struct s3_Grant, i), *q = LIST_AT(*y, struct s3_Grant, i);
		same = str_eq(p->Permission, q->Permission) && str_eq(p->Grantee->ID, q->Grantee->ID) && str_eq(p->Grantee->URI, q->Grantee->URI);
	}
	return same;
}

void op_PutObjectAcl(struct call *c)
{
	const struct s3_PutObjectAclRequest *in = c->in;
	const struct str headers[5] = {in->GrantFullControl, in->GrantRead, in->GrantReadACP, STR_NONE, in->GrantWriteACP};
	const struct s3_StoredBucket *b;
	struct s3_StoredObject *o = OPEN(in, "s3:PutObjectAcl", "s3:PutObjectVersionAcl", ACL_WRITE_ACP);
	const struct list before = o != NULL ? shown_grants(c, b, &o->Grants, o->Account) : (struct list){0};
	if (o == NULL || !body_digests_ok(c, false) || !acl_of_put(c, b, in->ACL, headers, in->AccessControlPolicy, true, o->Account, &o->Grants))
		return;
	replicate_change(c, b, o);
	object_update(c, b, o);
	const struct list after = shown_grants(c, b, &o->Grants, o->Account);
	if (!same_grants(&before, &after)) /* what changes nothing is no event */
		notify(c, b, o, "s3:ObjectAcl:Put");
}

/* ---- object lock ---- */

static bool lock_on(struct call *c, const struct s3_StoredBucket *b)
{
	if (!b->Lock.v)
		fail_request(c, "Bucket is missing Object Lock Configuration");
	return b->Lock.v;
}

void op_GetObjectRetention(struct call *c)
{
	const struct s3_GetObjectRetentionRequest *in = c->in;
	struct s3_GetObjectRetentionOutput *out = c->out;
	const struct s3_StoredBucket *b;
	const struct s3_StoredObject *o = OPEN(in, "s3:GetObjectRetention", "s3:GetObjectRetention", ACL_NONE);
	if (o == NULL || !lock_on(c, b))
		return;
	if (!str_present(o->LockMode)) {
		call_fail_code(c, 404, "NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration");
		return;
	}
	ASSERT(o->LockUntil.set); /* the two are set together */
	out->Retention = arena_new_of(c->arena, struct s3_ObjectLockRetention);
	out->Retention->Mode = o->LockMode;
	out->Retention->RetainUntilDate = o->LockUntil;
}

/* May the retention be changed so? COMPLIANCE only grows; GOVERNANCE shrinks, and becomes the other, with the permission to pass by. */
static bool retention_may_change(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o,
		const struct s3_ObjectLockRetention *to, bool bypass)
{
	ASSERT(!o->Marker.v && str_present(o->LockMode) == o->LockUntil.set);
	bool in_force = o->LockUntil.set && o->LockUntil.ms > c->now_ms;
	bool only_longer = to != NULL && str_eq(to->Mode, o->LockMode) && to->RetainUntilDate.ms >= o->LockUntil.ms;
	if (!in_force || only_longer)
		return true;
	if (str_eq(o->LockMode, S("GOVERNANCE")) && bypass && may(c, b, o->Key, "s3:BypassGovernanceRetention", NULL, ACL_NONE))
		return true;
	call_fail_code(c, 403, "AccessDenied", "Access Denied because object protected by object lock.");
	return false;
}

void op_PutObjectRetention(struct call *c)
{
	const struct s3_PutObjectRetentionRequest *in = c->in;
	const struct s3_StoredBucket *b;
	struct s3_StoredObject *o = OPEN(in, "s3:PutObjectRetention", "s3:PutObjectRetention", ACL_NONE);
	if (o == NULL || !body_digests_ok(c, true) || !lock_on(c, b))
		return;
	const struct s3_ObjectLockRetention *to = in->Retention;
	bool some = to != NULL && (str_present(to->Mode) || to->RetainUntilDate.set);
	if (some && (!str_present(to->Mode) || !to->RetainUntilDate.set)) {
		fail_xml(c);
		return;
	}
	if (some && to->RetainUntilDate.ms <= c->now_ms) {
		fail_retention_past(c, "RetainUntilDate", to->RetainUntilDate);
		return;
	}
	if (!retention_may_change(c, b, o, some ? to : NULL, in->BypassGovernanceRetention.v))
		return;
	o->LockMode = some ? to->Mode : STR_NONE;
	o->LockUntil = some ? to->RetainUntilDate : (struct opt_time){0};
	replicate_change(c, b, o);
	object_update(c, b, o);
}

void op_GetObjectLegalHold(struct call *c)
{
	const struct s3_GetObjectLegalHoldRequest *in = c->in;
	struct s3_GetObjectLegalHoldOutput *out = c->out;
	const struct s3_StoredBucket *b;
	const struct s3_StoredObject *o = OPEN(in, "s3:GetObjectLegalHold", "s3:GetObjectLegalHold", ACL_NONE);
	if (o == NULL || !lock_on(c, b))
		return;
	if (!str_present(o->Hold)) {
		call_fail_code(c, 404, "NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration");
		return;
	}
	out->LegalHold = arena_new_of(c->arena, struct s3_ObjectLockLegalHold);
	out->LegalHold->Status = o->Hold;
}

void op_PutObjectLegalHold(struct call *c)
{
	const struct s3_PutObjectLegalHoldRequest *in = c->in;
	const struct s3_StoredBucket *b;
	struct s3_StoredObject *o = OPEN(in, "s3:PutObjectLegalHold", "s3:PutObjectLegalHold", ACL_NONE);
	if (o == NULL || !body_digests_ok(c, true) || !lock_on(c, b))
		return;
	if (in->LegalHold == NULL || !str_present(in->LegalHold->Status)) {
		fail_xml(c);
		return;
	}
	o->Hold = in->LegalHold->Status;
	replicate_change(c, b, o);
	object_update(c, b, o);
}

/* ---- restoration: on one machine what is archived is there at once ---- */

void op_RestoreObject(struct call *c)
{
	const struct s3_RestoreObjectRequest *in = c->in;
	const struct s3_StoredBucket *b;
	struct s3_StoredObject *o = OPEN(in, "s3:RestoreObject", "s3:RestoreObject", ACL_NONE);
	if (o == NULL)
		return;
	if (!str_eq(o->StorageClass, S("GLACIER")) && !str_eq(o->StorageClass, S("DEEP_ARCHIVE"))) {
		call_fail_code(c, 403, "InvalidObjectState", "Restore is not allowed for the object's current storage class");
		return;
	}
	const struct s3_RestoreRequest *r = in->RestoreRequest;
	if (r != NULL && (r->OutputLocation != NULL || r->SelectParameters != NULL || str_present(r->Type))) {
		call_unsupported(c, "tsubo does not implement restoring with a query");
		return;
	}
	if (r == NULL || !r->Days.set || r->Days.v < 1) {
		fail_xml(c);
		return;
	}
	ASSERT(r->Days.v >= 1 && !o->Marker.v);
	bool again = o->RestoredUntil.set && o->RestoredUntil.ms > c->now_ms;
	o->RestoredUntil = SOME_TIME((c->now_ms / 86400000 + r->Days.v + 1) * 86400000);
	object_update(c, b, o);
	if (!again)
		notify(c, b, o, "s3:ObjectRestore:Post");
	notify(c, b, o, "s3:ObjectRestore:Completed");
	call_status(c, again ? 200 : 202);
}
