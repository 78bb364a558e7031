/* AWS managed keys: made when a service first needs one for its caller, with a policy that lets everyone of the account use it
 * through that service, and nobody directly. Source: "AWS managed keys", "Viewing a key policy" (KMS Developer Guide). */
#include "kms.h"

#include "os/os.h"

static const struct { const char *alias, *service, *what; } known[] = {
	{"aws/dynamodb", "dynamodb", "DynamoDB"},
	{"aws/kinesis", "kinesis", "Kinesis streams"},
	{"aws/lambda", "lambda", "Lambda functions"},
	{"aws/s3", "s3", "S3 objects"},
	{"aws/secretsmanager", "secretsmanager", "Secrets Manager secrets"},
	{"aws/sns", "sns", "SNS topics"},
	{"aws/sqs", "sqs", "SQS messages"},
	{"aws/ssm", "ssm", "Systems Manager parameters"},
};

static struct str policy_of(struct call *c, const char *service)
{
	return arena_printf(c->arena,
		"{\n  \"Version\" : \"2012-10-17\",\n  \"Id\" : \"auto-%s-1\",\n  \"Statement\" : [ {\n"
		"    \"Sid\" : \"Allow access through %s for all principals in the account that are authorized to use it\",\n"
		"    \"Effect\" : \"Allow\",\n    \"Principal\" : {\n      \"AWS\" : \"*\"\n    },\n"
		"    \"Action\" : [ \"kms:Encrypt\", \"kms:Decrypt\", \"kms:ReEncrypt*\", "
		"\"kms:GenerateDataKey*\", \"kms:CreateGrant\", \"kms:DescribeKey\" ],\n"
		"    \"Resource\" : \"*\",\n    \"Condition\" : {\n      \"StringEquals\" : {\n"
		"        \"kms:CallerAccount\" : \"%.*s\",\n        \"kms:ViaService\" : \"%s.%.*s.amazonaws.com\"\n      }\n    }\n  }, {\n"
		"    \"Sid\" : \"Allow direct access to key metadata to the account\",\n    \"Effect\" : \"Allow\",\n"
		"    \"Principal\" : {\n      \"AWS\" : \"arn:aws:iam::%.*s:root\"\n    },\n"
		"    \"Action\" : [ \"kms:Describe*\", \"kms:Get*\", \"kms:List*\", \"kms:RevokeGrant\" ],\n    \"Resource\" : \"*\"\n  } ]\n}",
		service, service, STR_ARG(c->account), service, STR_ARG(c->region), STR_ARG(c->account));
}

static struct kms_key *make(struct call *c, struct str alias, const char *service, const char *what)
{
	char uuid[37];
	unsigned char secret[32];
	struct kms_StoredKey *rec = arena_new_of(c->arena, struct kms_StoredKey);
	struct kms_StoredRing *ring = arena_new_of(c->arena, struct kms_StoredRing);
	random_uuid(uuid);
	random_bytes(secret, sizeof secret);
	*rec = (struct kms_StoredKey){.Created = SOME_TIME(c->now_ms), .State = S("Enabled"), .Manager = S("AWS"), .Policy = policy_of(c, service),
		.Description = arena_printf(c->arena, "Default key that protects my %s when no other key is defined", what)};
	*ring = (struct kms_StoredRing){.Spec = S("SYMMETRIC_DEFAULT"), .Usage = S("ENCRYPT_DECRYPT"), .Origin = S("AWS_KMS"),
		.MultiRegion = SOME_BOOL(false), .Primary = c->region, .Rotates = SOME_BOOL(true), .PeriodDays = SOME_I64(365)};
	struct kms_key *k = key_new_in(c, c->account, c->region, arena_dup(c->arena, str_c(uuid)), rec, ring);
	material_add(k, str_of((const char *)secret, sizeof secret), true);
	rotation_plan(k);
	key_save(k);
	ring_save(k);
	alias_put(c, c->account, c->region, alias, k->id);
	return k;
}

struct kms_key *managed_key(struct call *c, struct str alias)
{
	struct str via = via_service(c), service = str_present(via) ? str_cut(&via, '.') : STR_NONE;
	if (c->txn == NULL || !txn_writable(c->txn) || !str_starts(alias, S("alias/")))
		return NULL;
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (str_eq(str_slice(alias, 6, alias.n), str_c(known[i].alias)) && str_eq(service, str_c(known[i].service)))
			return make(c, alias, known[i].service, known[i].what);
	return NULL;
}
