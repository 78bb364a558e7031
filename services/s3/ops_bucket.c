/* What a bucket is set to: versioning, tags, policy, CORS, encryption, ownership, public access, website, lock.
 *
 * Each configuration is a member of the bucket's record, kept as it was sent once it has been checked. What would promise
 * something that is not done here is refused by name. Source: the operations' pages in the S3 API Reference. */
#include "s3.h"

#include "svc/policies.h"

enum { POLICY_MAX = 20 << 10, CORS_MAX = 100, ROUTES_MAX = 50 };

/* A bucket to be changed; the body's digests are checked as the operation asks. */
static struct s3_StoredBucket *to_change(struct call *c, struct str name, struct str owner, const char *action, bool digest)
{
	struct s3_StoredBucket *b = bucket_open(c, name, owner, action);
	return b != NULL && body_digests_ok(c, digest) ? b : NULL;
}

#define OPEN(in, action) bucket_open(c, (in)->Bucket, (in)->ExpectedBucketOwner, (action))
#define CHANGE(in, action) to_change(c, (in)->Bucket, (in)->ExpectedBucketOwner, (action), true)
/* A DELETE of one member. */
#define FORGET(op, action, member) \
	void op_##op(struct call *c) \
	{ \
		const struct s3_##op##Request *in = c->in; \
		struct s3_StoredBucket *b = OPEN(in, action); \
		if (b == NULL) \
			return; \
		b->member = NULL; \
		bucket_put(c, b); \
	}

/* ---- versioning ---- */

void op_GetBucketVersioning(struct call *c)
{
	const struct s3_GetBucketVersioningRequest *in = c->in;
	struct s3_GetBucketVersioningOutput *out = c->out;
	const struct s3_StoredBucket *b = OPEN(in, "s3:GetBucketVersioning");
	if (b == NULL)
		return;
	out->Status = b->Versioning;
	out->MFADelete = b->MfaDelete;
}

void op_PutBucketVersioning(struct call *c)
{
	const struct s3_PutBucketVersioningRequest *in = c->in;
	struct s3_StoredBucket *b = CHANGE(in, "s3:PutBucketVersioning");
	if (b == NULL)
		return;
	const struct s3_VersioningConfiguration *v = in->VersioningConfiguration;
	if (!str_present(v->Status)) {
		call_fail_code(c, 400, "IllegalVersioningConfigurationException", "The Versioning element must be specified");
		return;
	}
	if (b->Lock.v && !str_eq(v->Status, S("Enabled"))) {
		call_fail_code(c, 409, "InvalidBucketState", "An Object Lock configuration is present on this bucket, so the versioning state cannot be "
			"changed.");
		return;
	}
	if (b->Replication != NULL && !str_eq(v->Status, S("Enabled"))) {
		call_fail_code(c, 409, "InvalidBucketState", "A replication configuration is present on this bucket, so you cannot change the versioning "
			"state. To change the versioning state, first delete the replication configuration.");
		return;
	}
	bool turns_on = str_eq(v->MFADelete, S("Enabled")) && !mfa_on(b);
	if (turns_on && b->Lifecycle != NULL) {
		call_fail_code(c, 409, "InvalidBucketState", "Mfa Authentication is not supported on a bucket with lifecycle configuration. Delete lifecycle "
			"configuration before enabling Mfa Authentication.");
		return;
	}
	if (!mfa_given(c, b, in->MFA, turns_on || mfa_on(b)))
		return;
	b->Versioning = v->Status;
	if (str_present(v->MFADelete) && (turns_on || str_present(b->MfaDelete)))
		b->MfaDelete = v->MFADelete;
	bucket_put(c, b);
}

/* ---- tags, and whether they decide ---- */

/* S3 Control tags buckets through these, once it has decided that it may. */
static bool asked_by_control(const struct call *c)
{
	return c->parent != NULL && c->parent->service != NULL && str_eq(str_c(c->parent->service->name), S("s3control")) &&
	       c->who->type == PRINCIPAL_SERVICE;
}

static struct s3_StoredBucket *bucket_for_control(struct call *c, struct str name, struct str owner, const char *action)
{
	struct s3_StoredBucket *b = bucket_get(c, name, owner);
	return b != NULL && (asked_by_control(c) || allow(c, b, STR_NONE, action, NULL, ACL_NONE)) ? b : NULL;
}

/* Who could tag by the old operations is not meant to give himself rights. */
static bool abac_stands_against(struct call *c, const struct s3_StoredBucket *b)
{
	if (!str_eq(b->Abac, S("Enabled")) || c->parent != NULL)
		return false;
	fail_request(c, "Attribute-based access control is enabled for this bucket. Use the TagResource and UntagResource "
		"operations to change its tags.");
	return true;
}

void op_GetBucketTagging(struct call *c)
{
	const struct s3_GetBucketTaggingRequest *in = c->in;
	struct s3_GetBucketTaggingOutput *out = c->out;
	const struct s3_StoredBucket *b = bucket_for_control(c, in->Bucket, in->ExpectedBucketOwner, "s3:GetBucketTagging");
	if (b == NULL)
		return;
	if (b->Labels.n == 0) {
		fail_not_set(c, "NoSuchTagSet", b->Name, "The TagSet does not exist");
		return;
	}
	out->TagSet = b->Labels;
}

void op_PutBucketTagging(struct call *c)
{
	const struct s3_PutBucketTaggingRequest *in = c->in;
	struct s3_StoredBucket *b = bucket_for_control(c, in->Bucket, in->ExpectedBucketOwner, "s3:PutBucketTagging");
	if (b == NULL || !body_digests_ok(c, true) || abac_stands_against(c, b) ||
	    (c->parent == NULL && !tags_ok(c, &in->Tagging->TagSet, BUCKET_TAGS_MAX)))
		return;
	b->Labels = in->Tagging->TagSet;
	bucket_put(c, b);
}

void op_DeleteBucketTagging(struct call *c)
{
	const struct s3_DeleteBucketTaggingRequest *in = c->in;
	struct s3_StoredBucket *b = OPEN(in, "s3:PutBucketTagging");
	if (b == NULL || abac_stands_against(c, b))
		return;
	b->Labels = (struct list){0};
	bucket_put(c, b);
}

void op_GetBucketAbac(struct call *c)
{
	const struct s3_GetBucketAbacRequest *in = c->in;
	struct s3_GetBucketAbacOutput *out = c->out;
	const struct s3_StoredBucket *b = bucket_for_control(c, in->Bucket, in->ExpectedBucketOwner, "s3:GetBucketAbac");
	if (b == NULL)
		return;
	out->AbacStatus = arena_new_of(c->arena, struct s3_AbacStatus);
	out->AbacStatus->Status = str_present(b->Abac) ? b->Abac : S("Disabled");
}

void op_PutBucketAbac(struct call *c)
{
	const struct s3_PutBucketAbacRequest *in = c->in;
	struct s3_StoredBucket *b = OPEN(in, "s3:PutBucketAbac");
	if (b == NULL || !body_digests_ok(c, false))
		return;
	if (in->AbacStatus == NULL || !str_present(in->AbacStatus->Status)) {
		fail_xml(c);
		return;
	}
	b->Abac = in->AbacStatus->Status;
	bucket_put(c, b);
}

/* ---- policy ---- */

static bool all_texts(const struct json *j, bool (*ok)(struct str s, struct str bucket), struct str bucket)
{
	if (json_is(j, JSON_STRING))
		return ok(j->text, bucket);
	if (json_is(j, JSON_ARRAY) && j->n == 0)
		return false;
	for (uint32_t i = 0; json_is(j, JSON_ARRAY) && i < j->n; i++)
		if (!json_is(&j->items[i], JSON_STRING) || !ok(j->items[i].text, bucket))
			return false;
	return true;
}

static bool action_ok(struct str s, struct str bucket)
{
	(void)bucket;
	struct str rest = str_slice(s, sizeof "s3:" - 1, s.n);
	if (str_eq(s, S("*")))
		return true;
	for (size_t i = 0; i < rest.n; i++) {
		char ch = rest.p[i];
		if (!(ch >= 'a' && ch <= 'z') && !(ch >= 'A' && ch <= 'Z') && !(ch >= '0' && ch <= '9') && ch != '*' && ch != '?')
			return false;
	}
	return str_starts_nocase(s, S("s3:")) && rest.n > 0;
}

static bool resource_ok(struct str s, struct str bucket)
{
	struct str rest = str_slice(s, sizeof "arn:aws:s3:::" - 1, s.n), name = str_cut(&rest, '/');
	return str_starts(s, S("arn:aws:s3:::")) && glob_match(name, bucket);
}

/* What is asked of a bucket itself, and what of an object. Actions of access points' own policies and unknown ones are left to the evaluation.
 * Source: "Actions, resources, and condition keys for Amazon S3" (Service Authorization Reference). */
static const char *const of_bucket[] = {"DeleteBucket", "DeleteBucketPolicy", "DeleteBucketWebsite", "GetAccelerateConfiguration",
	"GetAnalyticsConfiguration",
	"GetBucketAcl", "GetBucketCORS", "GetBucketLocation", "GetBucketLogging", "GetBucketNotification", "GetBucketObjectLockConfiguration",
	"GetBucketOwnershipControls", "GetBucketPolicy", "GetBucketPolicyStatus", "GetBucketPublicAccessBlock", "GetBucketRequestPayment",
	"GetBucketTagging", "GetBucketVersioning", "GetBucketWebsite", "GetEncryptionConfiguration", "GetIntelligentTieringConfiguration",
	"GetInventoryConfiguration", "GetLifecycleConfiguration", "GetMetricsConfiguration", "GetReplicationConfiguration", "ListBucket",
	"ListBucketMultipartUploads", "ListBucketVersions", "PutAccelerateConfiguration", "PutAnalyticsConfiguration", "PutBucketAcl", "PutBucketCORS",
	"PutBucketLogging", "PutBucketNotification", "PutBucketObjectLockConfiguration", "PutBucketOwnershipControls", "PutBucketPolicy",
	"PutBucketPublicAccessBlock", "PutBucketRequestPayment", "PutBucketTagging", "PutBucketVersioning", "PutBucketWebsite",
	"PutEncryptionConfiguration", "PutIntelligentTieringConfiguration", "PutInventoryConfiguration", "PutLifecycleConfiguration",
	"PutMetricsConfiguration", "PutReplicationConfiguration"};
static const char *const of_object[] = {"AbortMultipartUpload", "BypassGovernanceRetention", "DeleteObject", "DeleteObjectTagging",
	"DeleteObjectVersion",
	"DeleteObjectVersionTagging", "GetObject", "GetObjectAcl", "GetObjectAttributes", "GetObjectLegalHold", "GetObjectRetention", "GetObjectTagging",
	"GetObjectTorrent", "GetObjectVersion", "GetObjectVersionAcl", "GetObjectVersionAttributes", "GetObjectVersionForReplication",
	"GetObjectVersionTagging", "GetObjectVersionTorrent", "ListMultipartUploadParts", "PutObject", "PutObjectAcl", "PutObjectLegalHold",
	"PutObjectRetention", "PutObjectTagging", "PutObjectVersionAcl", "PutObjectVersionTagging", "ReplicateDelete", "ReplicateObject",
	"ReplicateTags", "RestoreObject"};

static bool names_one(struct call *c, struct str action, const char *const *names, size_t n)
{
	struct str pattern = arena_lower(c->arena, action);
	for (size_t i = 0; i < n; i++)
		if (glob_match(pattern, arena_lower(c->arena, str_c(names[i]))))
			return true;
	return false;
}

/* Is there a resource that this action can be asked of? */
static bool action_applies(struct call *c, struct str action, const struct json *resources)
{
	bool one = json_is(resources, JSON_STRING);
	if (str_eq(action, S("*")) || !(one || json_is(resources, JSON_ARRAY)))
		return true;
	struct str name = str_slice(action, sizeof "s3:" - 1, action.n);
	bool bucket = names_one(c, name, of_bucket, COUNT_OF(of_bucket)), object = names_one(c, name, of_object, COUNT_OF(of_object));
	for (uint32_t i = 0; i < (one ? 1 : resources->n); i++) {
		struct str r = one ? resources->text : resources->items[i].text;
		bool slash = str_find(r, '/') >= 0, star = str_find(r, '*') >= 0 || str_find(r, '?') >= 0;
		if (slash ? object : bucket || (object && star))
			return true;
	}
	return !bucket && !object;
}

static bool actions_apply(struct call *c, const struct json *actions, const struct json *resources)
{
	if (json_is(actions, JSON_STRING))
		return action_applies(c, actions->text, resources);
	for (uint32_t i = 0; json_is(actions, JSON_ARRAY) && i < actions->n; i++)
		if (!action_applies(c, actions->items[i].text, resources))
			return false;
	return true;
}

/* S3 tells which principal it is in an element of its own. */
static void fail_policy(struct call *c, struct str why)
{
	struct str detail = why, message = str_cut(&detail, ':');
	bool principal = str_eq(message, S("Invalid principal in policy")) && str_present(detail);
	if (principal)
		fail_with(c, 400, "MalformedPolicy", "Detail", str_trim(detail), "%.*s", STR_ARG(message));
	else
		call_fail_code(c, 400, "MalformedPolicy", "%.*s", STR_ARG(why));
}

static bool policy_ok(struct call *c, struct str text, struct str bucket)
{
	struct str why;
	if (text.n > POLICY_MAX) {
		call_fail_code(c, 400, "PolicyTooLarge", "Policy exceeds the maximum allowed document size.");
		return false;
	}
	const struct json *whole = str_starts(text, S("{")) ? json_parse(c->arena, text, NULL) : NULL;
	if (whole == NULL) {
		call_fail_code(c, 400, "MalformedPolicy", "%s", str_starts(text, S("{")) ? "This policy contains invalid Json"
			: "Policies must be valid JSON and the first byte must be '{'");
		return false;
	}
	if (json_get(whole, S("Statement")) == NULL) {
		call_fail_code(c, 400, "MalformedPolicy", "Missing required field Statement");
		return false;
	}
	const struct json *list = json_get(whole, S("Statement"));
	size_t n = json_is(list, JSON_ARRAY) ? list->n : 1;
	for (size_t i = 0; i < n; i++)
		if (!all_texts(json_get(json_is(list, JSON_ARRAY) ? &list->items[i] : list, S("Action")), action_ok, bucket)) {
			call_fail_code(c, 400, "MalformedPolicy", "Policy has invalid action");
			return false;
		}
	if (policy_parse(c->arena, text, POLICY_RESOURCE, &why) == NULL) {
		fail_policy(c, why);
		return false;
	}
	if (n == 0) {
		call_fail_code(c, 400, "MalformedPolicy", "Could not parse the policy: Statement is empty!");
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		const struct json *s = json_is(list, JSON_ARRAY) ? &list->items[i] : list;
		if (!all_texts(json_get(s, S("Resource")), resource_ok, bucket)) {
			call_fail_code(c, 400, "MalformedPolicy", "Policy has invalid resource");
			return false;
		}
		if (!actions_apply(c, json_get(s, S("Action")), json_get(s, S("Resource")))) {
			call_fail_code(c, 400, "MalformedPolicy", "Action does not apply to any resource(s) in statement");
			return false;
		}
	}
	return true;
}

void op_GetBucketPolicy(struct call *c)
{
	const struct s3_GetBucketPolicyRequest *in = c->in;
	struct s3_GetBucketPolicyOutput *out = c->out;
	const struct s3_StoredBucket *b = bucket_for_control(c, in->Bucket, in->ExpectedBucketOwner, "s3:GetBucketPolicy");
	if (b == NULL)
		return;
	if (!str_present(b->PolicyText))
		fail_not_set(c, "NoSuchBucketPolicy", b->Name, "The bucket policy does not exist");
	else
		out->Policy = b->PolicyText;
}

void op_PutBucketPolicy(struct call *c)
{
	const struct s3_PutBucketPolicyRequest *in = c->in;
	struct s3_StoredBucket *b = CHANGE(in, "s3:PutBucketPolicy");
	if (b == NULL || !policy_ok(c, in->Policy, b->Name))
		return;
	if (policy_public(c->arena, in->Policy) &&
	    ((b->Public != NULL && b->Public->BlockPublicPolicy.v) || account_blocks(c, b, "BlockPublicPolicy"))) {
		call_fail_code(c, 403, "AccessDenied", "User: %.*s is not authorized to perform: s3:PutBucketPolicy on resource: \"arn:aws:s3:::%.*s\" "
			"because "
			"public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.", STR_ARG(c->who->arn), STR_ARG(b->Name));
		return;
	}
	b->PolicyText = in->Policy;
	bucket_put(c, b);
}

void op_DeleteBucketPolicy(struct call *c)
{
	const struct s3_DeleteBucketPolicyRequest *in = c->in;
	struct s3_StoredBucket *b = OPEN(in, "s3:DeleteBucketPolicy");
	if (b == NULL)
		return;
	b->PolicyText = STR_NONE;
	bucket_put(c, b);
}

void op_GetBucketPolicyStatus(struct call *c)
{
	const struct s3_GetBucketPolicyStatusRequest *in = c->in;
	struct s3_GetBucketPolicyStatusOutput *out = c->out;
	const struct s3_StoredBucket *b = OPEN(in, "s3:GetBucketPolicyStatus");
	if (b == NULL)
		return;
	if (!str_present(b->PolicyText)) {
		fail_not_set(c, "NoSuchBucketPolicy", b->Name, "The bucket policy does not exist");
		return;
	}
	out->PolicyStatus = arena_new_of(c->arena, struct s3_PolicyStatus);
	out->PolicyStatus->IsPublic = SOME_BOOL(policy_public(c->arena, b->PolicyText));
}

/* ---- CORS ---- */

void op_GetBucketCors(struct call *c)
{
	const struct s3_GetBucketCorsRequest *in = c->in;
	struct s3_GetBucketCorsOutput *out = c->out;
	const struct s3_StoredBucket *b = OPEN(in, "s3:GetBucketCORS");
	if (b == NULL)
		return;
	if (b->Cors == NULL)
		fail_not_set(c, "NoSuchCORSConfiguration", b->Name, "The CORS configuration does not exist");
	else
		out->CORSRules = b->Cors->CORSRules;
}

static bool one_star(struct str s)
{
	ptrdiff_t at = str_find(s, '*');
	return at < 0 || str_find(str_slice(s, (size_t)at + 1, s.n), '*') < 0;
}

bool header_name_ok(struct str s, bool star)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char x = (unsigned char)s.p[i];
		bool token = (x >= '0' && x <= '9') || (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z') || memchr("!#$%&'+-.^_`|~", x, 14) != NULL;
		if (!token && !(star && x == '*'))
			return false;
	}
	return true;
}

static bool cors_ok(struct call *c, const struct s3_CORSRule *r)
{
	static const char *const methods[] = {"GET", "PUT", "HEAD", "POST", "DELETE"};
	for (uint32_t i = 0; i < r->AllowedMethods.n; i++) {
		struct str m = *LIST_AT(r->AllowedMethods, struct str, i);
		bool known = false;
		for (size_t k = 0; k < COUNT_OF(methods); k++)
			known |= str_eq(m, str_c(methods[k]));
		if (!known) {
			fail_request(c, "Found unsupported HTTP method in CORS config. Unsupported method is %.*s", STR_ARG(m));
			return false;
		}
	}
	for (uint32_t i = 0; i < r->AllowedOrigins.n; i++)
		if (!one_star(*LIST_AT(r->AllowedOrigins, struct str, i))) {
			fail_request(c, "AllowedOrigin \"%.*s\" can not have more than one wildcard.", STR_ARG(*LIST_AT(r->AllowedOrigins, struct str, i)));
			return false;
		}
	for (uint32_t i = 0; i < r->AllowedHeaders.n; i++)
		if (!one_star(*LIST_AT(r->AllowedHeaders, struct str, i))) {
			fail_request(c, "AllowedHeader \"%.*s\" can not have more than one wildcard.", STR_ARG(*LIST_AT(r->AllowedHeaders, struct str, i)));
			return false;
		}
	for (uint32_t i = 0; i < r->AllowedHeaders.n; i++)
		if (!header_name_ok(*LIST_AT(r->AllowedHeaders, struct str, i), true)) {
			fail_request(c, "AllowedHeader \"%.*s\" contains invalid character.", STR_ARG(*LIST_AT(r->AllowedHeaders, struct str, i)));
			return false;
		}
	for (uint32_t i = 0; i < r->ExposeHeaders.n; i++)
		if (!header_name_ok(*LIST_AT(r->ExposeHeaders, struct str, i), false)) {
			fail_request(c, "ExposeHeader \"%.*s\" contains %s.", STR_ARG(*LIST_AT(r->ExposeHeaders, struct str, i)),
				str_find(*LIST_AT(r->ExposeHeaders, struct str, i), '*') >= 0 ? "wildcard. We currently do not support wildcard for ExposeHeader"
				: "invalid character");
			return false;
		}
	if (r->AllowedMethods.n > 0 && r->AllowedOrigins.n > 0)
		return true;
	fail_xml(c);
	return false;
}

void op_PutBucketCors(struct call *c)
{
	const struct s3_PutBucketCorsRequest *in = c->in;
	struct s3_StoredBucket *b = CHANGE(in, "s3:PutBucketCORS");
	if (b == NULL)
		return;
	if (in->CORSConfiguration->CORSRules.n == 0 || in->CORSConfiguration->CORSRules.n > CORS_MAX) {
		fail_xml(c);
		return;
	}
	for (uint32_t i = 0; i < in->CORSConfiguration->CORSRules.n; i++)
		if (!cors_ok(c, LIST_AT(in->CORSConfiguration->CORSRules, struct s3_CORSRule, i)))
			return;
	b->Cors = in->CORSConfiguration;
	bucket_put(c, b);
}

FORGET(DeleteBucketCors, "s3:PutBucketCORS", Cors)

/* ---- encryption ---- */

static struct s3_ServerSideEncryptionRule *default_encryption(struct call *c)
{
	struct s3_ServerSideEncryptionRule *rule = arena_new_of(c->arena, struct s3_ServerSideEncryptionRule);
	rule->ApplyServerSideEncryptionByDefault = arena_new_of(c->arena, struct s3_ServerSideEncryptionByDefault);
	rule->ApplyServerSideEncryptionByDefault->SSEAlgorithm = S("AES256");
	rule->BucketKeyEnabled = SOME_BOOL(false);
	return rule;
}

void op_GetBucketEncryption(struct call *c)
{
	const struct s3_GetBucketEncryptionRequest *in = c->in;
	struct s3_GetBucketEncryptionOutput *out = c->out;
	const struct s3_StoredBucket *b = OPEN(in, "s3:GetEncryptionConfiguration");
	if (b == NULL)
		return;
	ASSERT(b->Encryption == NULL || b->Encryption->Rules.n == 1); /* another number is refused */
	struct s3_ServerSideEncryptionRule *rule = b->Encryption == NULL ? default_encryption(c)
		: LIST_AT(b->Encryption->Rules, struct s3_ServerSideEncryptionRule, 0);
	if (b->CustomerKeysBlocked.set) {
		struct s3_BlockedEncryptionTypes *blocked = rule->BlockedEncryptionTypes = arena_new_of(c->arena, struct s3_BlockedEncryptionTypes);
		blocked->EncryptionType = LIST_OF(c->arena, struct str, 1);
		*LIST_AT(blocked->EncryptionType, struct str, 0) = b->CustomerKeysBlocked.v ? S("SSE-C") : S("NONE");
	}
	out->ServerSideEncryptionConfiguration = arena_new_of(c->arena, struct s3_ServerSideEncryptionConfiguration);
	out->ServerSideEncryptionConfiguration->Rules = (struct list){rule, 1, true};
}

/* ["SSE-C"] or ["NONE"]; absent: as it was. Source: "Blocking or unblocking SSE-C for a general purpose bucket" (S3 User Guide). */
static bool take_blocked(struct call *c, struct s3_StoredBucket *b, const struct s3_BlockedEncryptionTypes *types)
{
	if (types == NULL)
		return true;
	if (types->EncryptionType.n != 1) {
		fail_xml(c);
		return false;
	}
	b->CustomerKeysBlocked = SOME_BOOL(str_eq(*LIST_AT(types->EncryptionType, struct str, 0), S("SSE-C")));
	return true;
}

void op_PutBucketEncryption(struct call *c)
{
	const struct s3_PutBucketEncryptionRequest *in = c->in;
	struct s3_StoredBucket *b = CHANGE(in, "s3:PutEncryptionConfiguration");
	if (b == NULL)
		return;
	const struct list *rules = &in->ServerSideEncryptionConfiguration->Rules;
	if (rules->n != 1) {
		fail_xml(c);
		return;
	}
	struct s3_ServerSideEncryptionRule *rule = LIST_AT(*rules, struct s3_ServerSideEncryptionRule, 0);
	const struct s3_ServerSideEncryptionByDefault *by = rule->ApplyServerSideEncryptionByDefault;
	bool kms = by != NULL && (str_eq(by->SSEAlgorithm, S("aws:kms")) || str_eq(by->SSEAlgorithm, S("aws:kms:dsse")));
	if (by != NULL && !kms && !str_eq(by->SSEAlgorithm, S("AES256"))) {
		fail_xml(c); /* aws:fsx, aws:backup: other buckets' */
		return;
	}
	if (by != NULL && str_present(by->KMSMasterKeyID) && !kms) {
		fail_value(c, "ApplyServerSideEncryptionByDefault", STR_NONE,
			"a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse");
		return;
	}
	if (!take_blocked(c, b, rule->BlockedEncryptionTypes))
		return;
	if (by == NULL)
		rule->ApplyServerSideEncryptionByDefault = default_encryption(c)->ApplyServerSideEncryptionByDefault;
	rule->BlockedEncryptionTypes = NULL; /* kept beside it */
	b->Encryption = in->ServerSideEncryptionConfiguration;
	bucket_put(c, b);
}

FORGET(DeleteBucketEncryption, "s3:PutEncryptionConfiguration", Encryption)

/* ---- ownership and public access ---- */

void op_GetBucketOwnershipControls(struct call *c)
{
	const struct s3_GetBucketOwnershipControlsRequest *in = c->in;
	struct s3_GetBucketOwnershipControlsOutput *out = c->out;
	const struct s3_StoredBucket *b = OPEN(in, "s3:GetBucketOwnershipControls");
	if (b == NULL)
		return;
	if (!str_present(b->Ownership) || b->Ownership.n == 0) {
		fail_not_set(c, "OwnershipControlsNotFoundError", b->Name, "The bucket ownership controls were not found");
		return;
	}
	out->OwnershipControls = arena_new_of(c->arena, struct s3_OwnershipControls);
	out->OwnershipControls->Rules = LIST_OF(c->arena, struct s3_OwnershipControlsRule, 1);
	LIST_AT(out->OwnershipControls->Rules, struct s3_OwnershipControlsRule, 0)->ObjectOwnership = b->Ownership;
}

void op_PutBucketOwnershipControls(struct call *c)
{
	const struct s3_PutBucketOwnershipControlsRequest *in = c->in;
	struct s3_StoredBucket *b = to_change(c, in->Bucket, in->ExpectedBucketOwner, "s3:PutBucketOwnershipControls", false);
	if (b == NULL)
		return;
	if (in->OwnershipControls->Rules.n != 1) {
		fail_xml(c);
		return;
	}
	struct str rule = LIST_AT(in->OwnershipControls->Rules, struct s3_OwnershipControlsRule, 0)->ObjectOwnership;
	if (!ownership_known(rule)) {
		fail_xml(c);
		return;
	}
	if (str_eq(rule, S("BucketOwnerEnforced")) && grants_public(&b->Grants)) {
		call_fail_code(c, 400, "InvalidBucketAclWithObjectOwnership",
			"Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting");
		return;
	}
	b->Ownership = rule;
	bucket_put(c, b);
}

/* Without controls ACLs count, as they did before there were any: an object is its writer's. */
void op_DeleteBucketOwnershipControls(struct call *c)
{
	const struct s3_DeleteBucketOwnershipControlsRequest *in = c->in;
	struct s3_StoredBucket *b = OPEN(in, "s3:PutBucketOwnershipControls");
	if (b == NULL)
		return;
	b->Ownership = S("");
	bucket_put(c, b);
}

void op_GetPublicAccessBlock(struct call *c)
{
	const struct s3_GetPublicAccessBlockRequest *in = c->in;
	struct s3_GetPublicAccessBlockOutput *out = c->out;
	const struct s3_StoredBucket *b = OPEN(in, "s3:GetBucketPublicAccessBlock");
	if (b == NULL)
		return;
	out->PublicAccessBlockConfiguration = b->Public;
	if (b->Public == NULL)
		fail_not_set(c, "NoSuchPublicAccessBlockConfiguration", b->Name, "The public access block configuration was not found");
}

void op_PutPublicAccessBlock(struct call *c)
{
	const struct s3_PutPublicAccessBlockRequest *in = c->in;
	struct s3_StoredBucket *b = to_change(c, in->Bucket, in->ExpectedBucketOwner, "s3:PutBucketPublicAccessBlock", false);
	if (b == NULL)
		return;
	struct s3_PublicAccessBlockConfiguration *p = in->PublicAccessBlockConfiguration;
	b->Public = arena_new_of(c->arena, struct s3_PublicAccessBlockConfiguration);
	b->Public->BlockPublicAcls = SOME_BOOL(p->BlockPublicAcls.v);
	b->Public->IgnorePublicAcls = SOME_BOOL(p->IgnorePublicAcls.v);
	b->Public->BlockPublicPolicy = SOME_BOOL(p->BlockPublicPolicy.v);
	b->Public->RestrictPublicBuckets = SOME_BOOL(p->RestrictPublicBuckets.v);
	bucket_put(c, b);
}

FORGET(DeletePublicAccessBlock, "s3:PutBucketPublicAccessBlock", Public)

/* ---- website ---- */

void op_GetBucketWebsite(struct call *c)
{
	const struct s3_GetBucketWebsiteRequest *in = c->in;
	struct s3_GetBucketWebsiteOutput *out = c->out;
	const struct s3_StoredBucket *b = OPEN(in, "s3:GetBucketWebsite");
	if (b == NULL)
		return;
	if (b->Website == NULL) {
		fail_not_set(c, "NoSuchWebsiteConfiguration", b->Name, "The specified bucket does not have a website configuration");
		return;
	}
	out->RedirectAllRequestsTo = b->Website->RedirectAllRequestsTo;
	out->IndexDocument = b->Website->IndexDocument;
	out->ErrorDocument = b->Website->ErrorDocument;
	out->RoutingRules = b->Website->RoutingRules;
}

static bool protocol_ok(struct call *c, struct str protocol)
{
	bool ok = !str_present(protocol) || str_eq(protocol, S("http")) || str_eq(protocol, S("https"));
	if (!ok)
		fail_request(c, "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.");
	return ok;
}

/* A status code in digits. *n: it. */
static bool code_read(struct call *c, struct str text, int64_t *n)
{
	bool read = str_to_i64(text, n);
	if (!read)
		fail_xml(c);
	return read;
}

/* The statuses that there are, but 300, which lets one choose. */
static bool redirect_code_ok(struct call *c, struct str text)
{
	int64_t n;
	if (!str_present(text))
		return true;
	if (!code_read(c, text, &n))
		return false;
	if (n >= 301 && n <= 308 && n != 306)
		return true;
	fail_request(c, "The provided HTTP redirect code (%.*s) is not valid. Valid codes are 3XX except 300.", STR_ARG(text));
	return false;
}

static bool error_code_ok(struct call *c, struct str text)
{
	int64_t n;
	if (!str_present(text))
		return true;
	if (!code_read(c, text, &n))
		return false;
	if ((n >= 400 && n <= 417) || (n >= 500 && n <= 505))
		return true;
	fail_request(c, "The provided HTTP error code (%.*s) is not valid. Valid codes are 4XX or 5XX.", STR_ARG(text));
	return false;
}

static bool route_ok(struct call *c, const struct s3_RoutingRule *r)
{
	const struct s3_Condition *when = r->Condition;
	const struct s3_Redirect *to = r->Redirect;
	if (to == NULL || !(str_present(to->HostName) || str_present(to->HttpRedirectCode) || str_present(to->Protocol) ||
	    str_present(to->ReplaceKeyPrefixWith) || str_present(to->ReplaceKeyWith))) {
		fail_xml(c);
		return false;
	}
	if (str_present(to->ReplaceKeyPrefixWith) && str_present(to->ReplaceKeyWith)) {
		fail_request(c, "You can only define ReplaceKeyPrefix or ReplaceKey but not both.");
		return false;
	}
	if (when != NULL && !str_present(when->HttpErrorCodeReturnedEquals) && !str_present(when->KeyPrefixEquals)) {
		fail_request(c, "Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't be present.");
		return false;
	}
	return protocol_ok(c, to->Protocol) && redirect_code_ok(c, to->HttpRedirectCode) &&
	       (when == NULL || error_code_ok(c, when->HttpErrorCodeReturnedEquals));
}

void op_PutBucketWebsite(struct call *c)
{
	const struct s3_PutBucketWebsiteRequest *in = c->in;
	struct s3_StoredBucket *b = CHANGE(in, "s3:PutBucketWebsite");
	if (b == NULL)
		return;
	const struct s3_WebsiteConfiguration *w = in->WebsiteConfiguration;
	if (w->RedirectAllRequestsTo != NULL && (w->IndexDocument != NULL || w->ErrorDocument != NULL || w->RoutingRules.n > 0)) {
		fail_value(c, "RedirectAllRequestsTo", S("not null"), "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.");
		return;
	}
	if (w->RedirectAllRequestsTo == NULL && w->IndexDocument == NULL) {
		fail_value(c, "IndexDocument", S("null"), "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty");
		return;
	}
	if (w->ErrorDocument != NULL && w->ErrorDocument->Key.n == 0) {
		fail_value(c, "ErrorDocument", S(""), "The ErrorDocument Key is not well formed");
		return;
	}
	if (w->IndexDocument != NULL && (w->IndexDocument->Suffix.n == 0 || str_find(w->IndexDocument->Suffix, '/') >= 0)) {
		fail_value(c, "IndexDocument", w->IndexDocument->Suffix, "The IndexDocument Suffix is not well formed");
		return;
	}
	for (uint32_t i = 0; i < w->RoutingRules.n; i++)
		if (!route_ok(c, LIST_AT(w->RoutingRules, struct s3_RoutingRule, i)))
			return;
	if (w->RedirectAllRequestsTo != NULL && !protocol_ok(c, w->RedirectAllRequestsTo->Protocol))
		return;
	if (w->RoutingRules.n > ROUTES_MAX) {
		fail_request(c, "%u routing rules provided, the number of routing rules in a website configuration is limited to 50.",
			(unsigned)w->RoutingRules.n);
		return;
	}
	b->Website = in->WebsiteConfiguration;
	bucket_put(c, b);
}

FORGET(DeleteBucketWebsite, "s3:DeleteBucketWebsite", Website)

/* ---- payment, acceleration ---- */

void op_GetBucketRequestPayment(struct call *c)
{
	const struct s3_GetBucketRequestPaymentRequest *in = c->in;
	struct s3_GetBucketRequestPaymentOutput *out = c->out;
	const struct s3_StoredBucket *b = OPEN(in, "s3:GetBucketRequestPayment");
	if (b != NULL)
		out->Payer = str_present(b->Payer) ? b->Payer : S("BucketOwner");
}

void op_PutBucketRequestPayment(struct call *c)
{
	const struct s3_PutBucketRequestPaymentRequest *in = c->in;
	struct s3_StoredBucket *b = CHANGE(in, "s3:PutBucketRequestPayment");
	if (b == NULL)
		return;
	b->Payer = in->RequestPaymentConfiguration->Payer;
	bucket_put(c, b);
}

void op_GetBucketAccelerateConfiguration(struct call *c)
{
	const struct s3_GetBucketAccelerateConfigurationRequest *in = c->in;
	struct s3_GetBucketAccelerateConfigurationOutput *out = c->out;
	const struct s3_StoredBucket *b = OPEN(in, "s3:GetAccelerateConfiguration");
	if (b != NULL)
		out->Status = b->Accelerate;
}

void op_PutBucketAccelerateConfiguration(struct call *c)
{
	const struct s3_PutBucketAccelerateConfigurationRequest *in = c->in;
	struct s3_StoredBucket *b = to_change(c, in->Bucket, in->ExpectedBucketOwner, "s3:PutAccelerateConfiguration", false);
	if (b == NULL)
		return;
	if (str_find(b->Name, '.') >= 0) {
		fail_request(c, "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names");
		return;
	}
	struct str status = in->AccelerateConfiguration->Status;
	if (!str_eq(status, S("Enabled")) && !str_eq(status, S("Suspended"))) {
		fail_xml(c);
		return;
	}
	b->Accelerate = status;
	bucket_put(c, b);
}

/* ---- object lock ---- */

void op_GetObjectLockConfiguration(struct call *c)
{
	const struct s3_GetObjectLockConfigurationRequest *in = c->in;
	struct s3_GetObjectLockConfigurationOutput *out = c->out;
	const struct s3_StoredBucket *b = OPEN(in, "s3:GetBucketObjectLockConfiguration");
	if (b == NULL)
		return;
	if (!b->Lock.v) {
		fail_not_set(c, "ObjectLockConfigurationNotFoundError", b->Name, "Object Lock configuration does not exist for this bucket");
		return;
	}
	out->ObjectLockConfiguration = arena_new_of(c->arena, struct s3_ObjectLockConfiguration);
	out->ObjectLockConfiguration->ObjectLockEnabled = S("Enabled");
	if (b->LockRule == NULL)
		return;
	out->ObjectLockConfiguration->Rule = arena_new_of(c->arena, struct s3_ObjectLockRule);
	out->ObjectLockConfiguration->Rule->DefaultRetention = b->LockRule;
}

void op_PutObjectLockConfiguration(struct call *c)
{
	const struct s3_PutObjectLockConfigurationRequest *in = c->in;
	struct s3_StoredBucket *b = CHANGE(in, "s3:PutBucketObjectLockConfiguration");
	if (b == NULL)
		return;
	const struct s3_ObjectLockConfiguration *o = in->ObjectLockConfiguration;
	if (o == NULL && c->http != NULL && c->http->body.n == 0) {
		call_fail_code(c, 400, "MissingRequestBodyError", "Request Body is empty");
		return;
	}
	if (!str_eq(b->Versioning, S("Enabled"))) {
		call_fail_code(c, 409, "InvalidBucketState", "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration");
		return;
	}
	if (o == NULL || !str_eq(o->ObjectLockEnabled, S("Enabled"))) {
		fail_xml(c);
		return;
	}
	struct s3_DefaultRetention *d = o->Rule != NULL ? o->Rule->DefaultRetention : NULL;
	if (o->Rule != NULL && (d == NULL || !str_present(d->Mode) || d->Days.set == d->Years.set)) {
		fail_xml(c);
		return;
	}
	if (d != NULL && (d->Days.set ? d->Days.v : d->Years.v) <= 0) {
		fail_value(c, d->Days.set ? "Days" : "Years", arena_printf(c->arena, "%lld", (long long)(d->Days.set ? d->Days.v : d->Years.v)),
			"Default retention period must be a positive integer value.");
		return;
	}
	if (d != NULL && (d->Days.set ? d->Days.v > LOCK_YEARS_MAX * 365 : d->Years.v > LOCK_YEARS_MAX)) {
		fail_argument(c, "Default retention period too large.");
		return;
	}
	b->Lock = SOME_BOOL(true);
	b->LockRule = d;
	bucket_put(c, b);
}
