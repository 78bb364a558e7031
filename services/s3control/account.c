/* The account's public access block, and tags of access points. Source: Amazon S3 Control API Reference. */
#include "s3control.h"

#include "svc/arn.h"

enum { TAGS_MAX = 50 };

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

/* ---- tags ---- */

/* The name of the point an ARN means; absent with c failed. */
static struct str name_of(struct call *c, struct str text)
{
	struct arn arn;
	if (arn_parse(text, &arn) && str_eq(arn.service, S("s3")) && str_starts(arn.resource, S("accesspoint/")) && str_eq(arn.account, c->account))
		return str_slice(arn.resource, sizeof "accesspoint/" - 1, arn.resource.n);
	call_unsupported(c, "tsubo tags access points only through this operation, not %.*s", STR_ARG(text));
	return STR_NONE;
}

void access_tags(struct call *c)
{
	struct head { struct str AccountId, ResourceArn; };
	_Static_assert(offsetof(struct s3control_TagResourceRequest, ResourceArn) == offsetof(struct head, ResourceArn) &&
		offsetof(struct s3control_UntagResourceRequest, ResourceArn) == offsetof(struct head, ResourceArn) &&
		offsetof(struct s3control_ListTagsForResourceRequest, ResourceArn) == offsetof(struct head, ResourceArn), "account and ARN come first");
	const struct head *in = c->in;
	if (own_account(c, in->AccountId))
		authorize(c, NULL, in->ResourceArn, NULL);
}

static void add_tag(struct call *c, struct s3control_StoredPoint *p, const struct s3control_Tag *t)
{
	for (uint32_t i = 0; i < p->Labels.n; i++) {
		struct s3control_Tag *own = LIST_AT(p->Labels, struct s3control_Tag, i);
		if (str_eq(own->Key, t->Key)) {
			own->Value = t->Value;
			return;
		}
	}
	struct list more = LIST_OF(c->arena, struct s3control_Tag, p->Labels.n + 1);
	for (uint32_t i = 0; i < p->Labels.n; i++)
		*LIST_AT(more, struct s3control_Tag, i) = *LIST_AT(p->Labels, struct s3control_Tag, i);
	*LIST_AT(more, struct s3control_Tag, p->Labels.n) = *t;
	p->Labels = more;
}

void op_tag_resource(struct call *c)
{
	const struct s3control_TagResourceRequest *in = c->in;
	struct str name = name_of(c, in->ResourceArn);
	struct s3control_StoredPoint *p = str_present(name) ? point_find(c, name) : NULL;
	if (p == NULL)
		return;
	for (uint32_t i = 0; i < in->Tags.n && i <= TAGS_MAX; i++)
		add_tag(c, p, LIST_AT(in->Tags, struct s3control_Tag, i));
	if (p->Labels.n > TAGS_MAX)
		call_fail(c, &s3control_err_TooManyTagsException, "An access point has at most %d tags", TAGS_MAX);
	else
		point_put(c, p);
}

void op_untag_resource(struct call *c)
{
	const struct s3control_UntagResourceRequest *in = c->in;
	struct str name = name_of(c, in->ResourceArn);
	struct s3control_StoredPoint *p = str_present(name) ? point_find(c, name) : NULL;
	if (p == NULL)
		return;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < p->Labels.n; i++) {
		const struct s3control_Tag t = *LIST_AT(p->Labels, struct s3control_Tag, i);
		bool gone = false;
		for (uint32_t k = 0; k < in->TagKeys.n; k++)
			gone |= str_eq(t.Key, *LIST_AT(in->TagKeys, struct str, k));
		if (!gone)
			*LIST_AT(p->Labels, struct s3control_Tag, kept++) = t;
	}
	p->Labels.n = kept;
	point_put(c, p);
}

void op_list_tags_for_resource(struct call *c)
{
	const struct s3control_ListTagsForResourceRequest *in = c->in;
	struct s3control_ListTagsForResourceResult *out = c->out;
	struct str name = name_of(c, in->ResourceArn);
	const struct s3control_StoredPoint *p = str_present(name) ? point_find(c, name) : NULL;
	if (p == NULL)
		return;
	out->Tags = p->Labels;
	out->Tags.set = true;
}
