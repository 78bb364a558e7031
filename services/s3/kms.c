/* SSE-KMS: the key of an object's bytes is wrapped by a data key that a KMS key has sealed, asked for as the caller.
 *
 * Beside the object lie the sealed data key and its encryption context; nothing opens the bytes without KMS's word. A multipart
 * upload has one data key for all its parts. A bucket key means, as on AWS, that the context is the bucket's ARN.
 * Source: "Using server-side encryption with AWS KMS keys (SSE-KMS)" (S3 User Guide). */
#include "s3.h"

#include "svc/datakey.h"

/* KMS's refusal as S3 words it. */
void fail_kms(struct call *c, const struct wire_error *e)
{
	if (str_eq(e->code, S("AccessDeniedException")))
		call_fail_code(c, 403, "AccessDenied", "%.*s", STR_ARG(e->message));
	else
		call_fail_code(c, e->status, arena_cstr(c->arena, arena_join(c->arena, S("KMS."), e->code)), "%.*s", STR_ARG(e->message));
}

/* What the bucket encrypts with when the request does not say. */
static void bucket_default(const struct s3_StoredBucket *b, struct sse_ask *ask)
{
	if (b->Encryption == NULL || b->Encryption->Rules.n == 0)
		return;
	const struct s3_ServerSideEncryptionRule *rule = LIST_AT(b->Encryption->Rules, struct s3_ServerSideEncryptionRule, 0);
	const struct s3_ServerSideEncryptionByDefault *by = rule->ApplyServerSideEncryptionByDefault;
	if (!ask->bucket_key.set)
		ask->bucket_key = rule->BucketKeyEnabled;
	if (by == NULL || str_present(ask->algorithm))
		return;
	ask->algorithm = by->SSEAlgorithm;
	ask->kms_key = by->KMSMasterKeyID;
}

struct json *encryption_context(struct call *c, const struct s3_StoredBucket *b, struct str key, bool bucket_key)
{
	struct json *context = json_new_object(c->arena);
	struct str arn = arena_join(c->arena, S("arn:aws:s3:::"), b->Name);
	json_set_str(c->arena, context, "aws:s3:arn", bucket_key ? arn : arena_join(c->arena, arn, S("/"), key));
	return context;
}

/* Were it not, the key would answer to who holds a link of the old kind, or to anybody. Source: "Using server-side encryption with AWS
 * KMS keys (SSE-KMS)". */
static bool signed_by_v4(struct call *c)
{
	if (c->http == NULL || c->protocol == PROTO_RAW)
		return true; /* invoked; a website's page and a form have seen to it */
	bool v2 = str_starts(wire_header(c->http, S("authorization")), S("AWS ")) || str_present(params_get(&c->http->query, S("AWSAccessKeyId")));
	if (!v2 && c->who->type != PRINCIPAL_ANONYMOUS)
		return true;
	fail_argument(c, "Requests specifying Server Side Encryption with AWS KMS managed keys require AWS Signature Version 4.");
	return false;
}

/* The request's context (base64 of a JSON object of texts) and what S3 adds to it. NULL: c failed. */
static struct json *context_of(struct call *c, const struct s3_StoredBucket *b, struct str key, const struct sse_ask *ask)
{
	struct json *context = encryption_context(c, b, key, ask->bucket_key.v);
	if (str_present(ask->context)) {
		struct str text = base64_decode(c->arena, ask->context);
		const struct json *j = str_present(text) ? json_parse(c->arena, text, NULL) : NULL;
		bool ok = json_is(j, JSON_OBJECT);
		for (uint32_t i = 0; ok && i < j->n; i++) {
			ok = j->members[i].value.type == JSON_STRING;
			json_set(c->arena, context, j->members[i].key, &j->members[i].value);
		}
		if (!ok) {
			fail_argument(c, "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON with the "
				"encryption context key-value pairs");
			return NULL;
		}
	}
	return context;
}

bool encryption_blocked(struct call *c, const struct s3_StoredBucket *b, const struct sse_key *k)
{
	if (!k->set || k->kms != NULL || !b->CustomerKeysBlocked.v)
		return false;
	fail_denied(c);
	return true;
}

bool encryption_choose(struct call *c, const struct s3_StoredBucket *b, struct str key, struct sse_ask ask, struct sse_key *k)
{
	if (k->set)
		return !encryption_blocked(c, b, k); /* the customer's */
	bucket_default(b, &ask);
	k->twice = str_eq(ask.algorithm, S("aws:kms:dsse"));
	if (!k->twice && !str_eq(ask.algorithm, S("aws:kms")))
		return true;
	if (k->twice)
		ask.bucket_key = (struct opt_bool){0}; /* which DSSE-KMS does not know */
	struct json *context = signed_by_v4(c) ? context_of(c, b, key, &ask) : NULL;
	struct datakey d;
	struct wire_error error;
	if (context == NULL)
		return false;
	if (!datakey_new(c, str_present(ask.kms_key) ? ask.kms_key : S("alias/aws/s3"), context, b->Region, &d, &error)) {
		fail_kms(c, &error);
		return false;
	}
	k->set = true;
	memcpy(k->key, d.key, sizeof d.key);
	struct s3_StoredKms *kms = arena_new_of(c->arena, struct s3_StoredKms);
	*kms = (struct s3_StoredKms){.KeyArn = d.key_arn, .Sealed = d.sealed, .Context = json_text(c->arena, context),
		.BucketKey = SOME_BOOL(ask.bucket_key.v), .Twice = SOME_BOOL(k->twice)};
	ASSERT(str_present(kms->Sealed) && kms->KeyArn.n > 0 && !(kms->Twice.v && kms->BucketKey.v));
	k->kms = kms;
	return true;
}

bool encryption_open(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o, struct sse_key *k)
{
	if (o->Kms == NULL)
		return true;
	if (txn_needs_disk(c->txn)) /* KMS takes what it looks for to be there */
		return false;
	const struct json *context = json_parse(c->arena, o->Kms->Context, NULL);
	struct wire_error error;
	ASSERT(context != NULL && !k->set);
	if (!signed_by_v4(c))
		return false;
	if (!datakey_open(c, o->Kms->Sealed, context, b->Region, k->key, &error)) {
		fail_kms(c, &error);
		return false;
	}
	k->set = true;
	k->twice = o->Kms->Twice.v;
	k->kms = o->Kms;
	return true;
}

void encryption_keep(struct s3_StoredObject *o, const struct sse_key *k)
{
	o->Kms = k->kms;
	o->CustomerKey = k->set && k->kms == NULL ? k->md5 : STR_NONE;
	ASSERT(o->Kms == NULL || !str_present(o->CustomerKey)); /* one key or the other */
}
