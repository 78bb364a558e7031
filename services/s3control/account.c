/* The account's public access block. Source: Amazon S3 Control API Reference. */
#include "s3control.h"

/* ---- the account's block ---- */

static struct key *block_key(struct call *c)
{
	struct key *k = arena_new_of(c->arena, struct key);
	*k = key_new(c->arena);
	return key_str(key_str(key_str(k, S("s3control")), S("block")), c->account); /* for all Regions */
}

/* Every one of these has the account first. */
void access_account(struct call *c)
{
	_Static_assert(offsetof(struct s3control_GetPublicAccessBlockRequest, AccountId) == 0 &&
		offsetof(struct s3control_DeletePublicAccessBlockRequest, AccountId) == 0 &&
		offsetof(struct s3control_ListAccessPointsRequest, AccountId) == 0, "the account comes first");
	struct str account = c->op->model == &s3control_op_PutPublicAccessBlock ? ((const struct s3control_PutPublicAccessBlockRequest *)c->in)->AccountId
		: *(const struct str *)c->in;
	if (!asked_by_s3(c) && own_account(c, account))
		authorize(c, NULL, S("*"), NULL);
}

void op_put_public_access_block(struct call *c)
{
	const struct s3control_PutPublicAccessBlockRequest *in = c->in;
	const struct s3control_PublicAccessBlockConfiguration *p = in->PublicAccessBlockConfiguration;
	const struct s3control_PublicAccessBlockConfiguration b = {.BlockPublicAcls = SOME_BOOL(p->BlockPublicAcls.v),
		.IgnorePublicAcls = SOME_BOOL(p->IgnorePublicAcls.v), .BlockPublicPolicy = SOME_BOOL(p->BlockPublicPolicy.v),
		.RestrictPublicBuckets = SOME_BOOL(p->RestrictPublicBuckets.v)};
	call_put(c, block_key(c), &s3control_shape_PublicAccessBlockConfiguration, &b);
}

void op_get_public_access_block(struct call *c)
{
	struct s3control_GetPublicAccessBlockOutput *out = c->out;
	out->PublicAccessBlockConfiguration = call_get(c, block_key(c), &s3control_shape_PublicAccessBlockConfiguration);
	if (out->PublicAccessBlockConfiguration == NULL)
		call_fail_code(c, 404, "NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found");
}

void op_delete_public_access_block(struct call *c) { call_del(c, block_key(c)); }
