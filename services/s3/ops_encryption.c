/* UpdateObjectEncryption: another wrapping for the key of an object's bytes, which stay where they are.
 *
 * Under SSE-S3 the key of the bytes is unwrapped and wrapped again by a data key of KMS; under SSE-KMS the sealed data key alone is
 * sealed again, and nothing is opened here. Neither ETag, checksums nor dates change.
 * Source: "UpdateObjectEncryption" (S3 API Reference), whose sentences the errors are. */
#include "s3.h"

#include "svc/arn.h"
#include "svc/datakey.h"

#define TRY_AGAIN ", and then try again."

static bool source_ok(struct call *c, const struct s3_StoredObject *o)
{
	if (str_present(o->CustomerKey) || (o->Kms != NULL && o->Kms->Twice.v)) {
		fail_request(c, "The UpdateObjectEncryption operation doesn't support source objects with the encryption type DSSE-KMS or SSE-C. Only "
			"source objects encrypted with SSE-S3 or SSE-KMS are supported.");
		return false;
	}
	if (!str_eq(o->Hold, S("ON")) && !(o->LockUntil.set && o->LockUntil.ms > c->now_ms))
		return true;
	call_fail_code(c, 403, "AccessDenied", "The encryption type for the specified object can't be updated because that object is protected by S3 "
		"Object Lock. If the object has a governance-mode retention period or a legal hold, you must first remove the Object Lock status on the "
		"object before you issue your UpdateObjectEncryption request. You can't use the UpdateObjectEncryption operation with objects that have an "
		"Object Lock compliance mode retention period applied to them.");
	return false;
}

static bool target_ok(struct call *c, const struct s3_StoredBucket *b, const struct s3_ObjectEncryption *e)
{
	struct arn key;
	if (e == NULL || e->SSEKMS == NULL) {
		fail_request(c, "Requests that modify an object encryption configuration require a valid new encryption type. Valid values are "
			"SSEKMS. Modify the request to specify SSE-KMS for the updated encryption type" TRY_AGAIN);
		return false;
	}
	if (!str_present(e->SSEKMS->KMSKeyArn) || e->SSEKMS->KMSKeyArn.n == 0) {
		fail_request(c, "Requests that modify an object's encryption type to SSE-KMS require an Amazon Web Services KMS key Amazon "
			"Resource Name (ARN). Modify the request to specify a KMS key ARN" TRY_AGAIN);
		return false;
	}
	if (!arn_parse(e->SSEKMS->KMSKeyArn, &key) || !str_eq(key.service, S("kms")) || !str_starts(key.resource, S("key/"))) {
		fail_request(c, "Requests that modify an object's encryption type to SSE-KMS require a valid Amazon Web Services KMS key Amazon "
			"Resource Name (ARN). Confirm that you have a correctly formatted KMS key ARN in your request" TRY_AGAIN);
		return false;
	}
	if (str_eq(key.account, b->Account))
		return true;
	call_fail_code(c, 403, "AccessDenied", "The Amazon Web Services KMS key in the request must be owned by the same account as the bucket. "
		"Modify the request to specify a KMS key from the same account" TRY_AGAIN);
	return false;
}

/* Every key of the object's bytes, out of our wrapping into the data key's. */
static bool rewrap_parts(struct call *c, struct s3_StoredObject *o, const struct sse_key *k)
{
	static const struct sse_key ours = {0};
	struct s3_StoredParts all = {.Parts = object_parts(c, o)};
	ASSERT(o->Kms == NULL && k->set && !k->twice);
	for (uint32_t i = 0; i < all.Parts.n; i++)
		if (!data_rewrap(c, LIST_AT(all.Parts, struct s3_StoredPart, i), &ours, k))
			return false;
	if (!annotations_rewrap(c, o, &ours, k))
		return false;
	if (o->PartsRow.set)
		call_put(c, key_u64(table(c, "parts"), (uint64_t)o->PartsRow.v), &s3_shape_StoredParts, &all);
	return true;
}

/* false: KMS refused. */
static bool seal_again(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o, struct str key_arn,
                       const struct json *context, struct datakey *d)
{
	const struct json *old_context = json_parse(c->arena, o->Kms->Context, NULL);
	const struct datakey_move move = {.sealed = o->Kms->Sealed, .from = old_context, .key_id = key_arn, .to = context};
	struct wire_error error;
	ASSERT(old_context != NULL);
	if (datakey_reseal(c, move, b->Region, d, &error))
		return true;
	fail_kms(c, &error);
	return false;
}

static bool seal_first(struct call *c, const struct s3_StoredBucket *b, struct s3_StoredObject *o, struct str key_arn, const struct json *context,
                       struct datakey *d)
{
	struct wire_error error;
	if (!datakey_new(c, key_arn, context, b->Region, d, &error)) {
		fail_kms(c, &error);
		return false;
	}
	struct sse_key k = {.set = true};
	memcpy(k.key, d->key, sizeof d->key);
	return rewrap_parts(c, o, &k);
}

void op_UpdateObjectEncryption(struct call *c)
{
	const struct s3_UpdateObjectEncryptionRequest *in = c->in;
	const struct s3_StoredBucket *b = bucket_get(c, in->Bucket, in->ExpectedBucketOwner);
	if (b == NULL || !key_ok(c, in->Key))
		return;
	struct s3_StoredObject *o = object_find(c, b, in->Key, in->VersionId);
	if (o == NULL || !allow(c, b, in->Key, "s3:UpdateObjectEncryption", NULL, ACL_NONE))
		return;
	if (o->Marker.v) {
		call_fail_code(c, 405, "MethodNotAllowed", "The specified method is not allowed against this resource.");
		return;
	}
	if (!body_digests_ok(c, true) || !target_ok(c, b, in->ObjectEncryption) || !source_ok(c, o))
		return;
	const struct s3_SSEKMSEncryption *to = in->ObjectEncryption->SSEKMS;
	const struct json *context = encryption_context(c, b, o->Key, to->BucketKeyEnabled.v);
	struct datakey d = {0};
	if (!(o->Kms != NULL ? seal_again(c, b, o, to->KMSKeyArn, context, &d) : seal_first(c, b, o, to->KMSKeyArn, context, &d)))
		return;
	struct s3_StoredKms *kms = arena_new_of(c->arena, struct s3_StoredKms);
	*kms = (struct s3_StoredKms){.KeyArn = d.key_arn, .Sealed = d.sealed, .Context = json_text(c->arena, context),
		.BucketKey = SOME_BOOL(to->BucketKeyEnabled.v)};
	o->Kms = kms;
	object_update(c, b, o);
}
