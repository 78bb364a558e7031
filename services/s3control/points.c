/* Access points: other doors to a bucket, each with a name, an alias and a policy of its own.
 *
 * Here they are made and described; S3 asks for them (GetAccessPoint, GetAccessPointPolicy) when a request comes through
 * one, and enforces the policies. A point is (account, region, name); ("alias", alias) leads back to it.
 * Source: "Managing access to shared datasets with access points" (S3 User Guide), Amazon S3 Control API Reference. */
#include "s3control.h"

#include "svc/page.h"
#include "svc/policies.h"

enum { NAME_MIN = 3, NAME_MAX = 50, ALIAS_MAX = 63, ALIAS_HASH = 34, POLICY_MAX = 20 << 10, PAGE_MAX = 1000 };

/* ---- records ---- */

static struct key *point_key(struct call *c, struct str name) { return key_str(call_key(c, "point"), name); }

/* One space of aliases for all accounts and regions. */
static struct key *alias_key(struct call *c, struct str alias)
{
	struct key *k = arena_new_of(c->arena, struct key);
	*k = key_new(c->arena);
	return key_str(key_str(key_str(k, S("s3control")), S("alias")), alias);
}

void point_put(struct call *c, const struct s3control_StoredPoint *p)
{
	ASSERT(str_present(p->Name) && str_present(p->Bucket) && str_present(p->Alias) && p->Block != NULL);
	ASSERT(str_eq(p->Account, c->account) && str_eq(p->Region, c->region));
	call_put(c, point_key(c, p->Name), &s3control_shape_StoredPoint, p);
}

/* By name; S3 itself also by alias, which may be of any account and Region. */
static struct s3control_StoredPoint *point_get(struct call *c, struct str name)
{
	struct str key;
	if (!str_ends(name, S("-s3alias")) || !asked_by_s3(c))
		return call_get(c, point_key(c, name), &s3control_shape_StoredPoint);
	if (!txn_get(c->txn, key_bytes(alias_key(c, name)), c->arena, &key))
		return NULL;
	struct str value;
	bool there = txn_get(c->txn, key, c->arena, &value);
	ASSERT(there);
	return record_decode(c, &s3control_shape_StoredPoint, value);
}

struct s3control_StoredPoint *point_find(struct call *c, struct str name)
{
	struct s3control_StoredPoint *p = point_get(c, name);
	if (p == NULL)
		call_fail_code(c, 404, "NoSuchAccessPoint", "The specified accesspoint does not exist");
	return p;
}

static struct str arn_of(struct call *c, struct str region, struct str account, struct str name)
{
	return arena_join(c->arena, S("arn:aws:s3:"), region, S(":"), account, S(":accesspoint/"), name);
}

struct str point_arn(struct call *c, const struct s3control_StoredPoint *p) { return arn_of(c, p->Region, p->Account, p->Name); }

/* "<name>-<34 letters and digits>-s3alias": always the same for the same point. */
static struct str alias_of(struct call *c, struct str name)
{
	struct str hash = sha256_hex(c->arena, arena_join(c->arena, c->account, S(":"), c->region, S(":"), name));
	ASSERT(hash.n >= ALIAS_HASH);
	size_t left = ALIAS_MAX - ALIAS_HASH - (sizeof "--s3alias" - 1);
	return arena_join(c->arena, str_slice(name, 0, left), S("-"), str_slice(hash, 0, ALIAS_HASH), S("-s3alias"));
}

/* ---- permission ---- */

bool own_account(struct call *c, struct str account)
{
	if (str_eq(account, c->account))
		return true;
	call_fail_code(c, 403, "AccessDenied", "Access Denied");
	return false;
}

bool asked_by_s3(const struct call *c)
{
	return c->parent != NULL && c->who->type == PRINCIPAL_SERVICE && str_eq(c->who->name, S("s3.amazonaws.com"));
}

/* All operations on one point have its account and name first, in that order. */
void access_point(struct call *c)
{
	struct head { struct str AccountId, Name; };
	_Static_assert(offsetof(struct s3control_GetAccessPointRequest, Name) == offsetof(struct head, Name) &&
		offsetof(struct s3control_CreateAccessPointRequest, Name) == offsetof(struct head, Name) &&
		offsetof(struct s3control_DeleteAccessPointRequest, Name) == offsetof(struct head, Name) &&
		offsetof(struct s3control_PutAccessPointPolicyRequest, Name) == offsetof(struct head, Name) &&
		offsetof(struct s3control_GetAccessPointPolicyRequest, Name) == offsetof(struct head, Name) &&
		offsetof(struct s3control_DeleteAccessPointPolicyRequest, Name) == offsetof(struct head, Name) &&
		offsetof(struct s3control_GetAccessPointPolicyStatusRequest, Name) == offsetof(struct head, Name), "account and name come first");
	const struct head *in = c->in;
	if (!asked_by_s3(c) && own_account(c, in->AccountId))
		authorize(c, NULL, arn_of(c, c->region, c->account, in->Name), NULL);
}

/* ---- making ---- */

static bool name_ok(struct call *c, struct str name)
{
	bool ok = name.n >= NAME_MIN && name.n <= NAME_MAX && !str_ends(name, S("-s3alias"));
	for (size_t i = 0; i < name.n && ok; i++) {
		bool alnum = (name.p[i] >= 'a' && name.p[i] <= 'z') || (name.p[i] >= '0' && name.p[i] <= '9');
		ok = alnum || (name.p[i] == '-' && i > 0 && i + 1 < name.n);
	}
	if (!ok)
		call_fail_code(c, 400, "InvalidRequest", "The access point name is not valid: 3 to 50 lower-case letters, digits and hyphens, "
			"which begin and end with a letter or digit");
	return ok;
}

/* The bucket is there, in this Region, and of that account. */
static bool bucket_ok(struct call *c, struct str bucket, struct str account)
{
	struct principal owner = {.type = PRINCIPAL_ROOT, .account = account, .name = S("root"), .user_id = account,
		.arn = arena_join(c->arena, S("arn:aws:iam::"), account, S(":root"))};
	const struct invoke_options as = {.who = &owner, .account = account};
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "Bucket", bucket);
	json_set_str(c->arena, in, "ExpectedBucketOwner", account);
	struct invoked i = invoke(c, "s3", "HeadBucket", in, &as);
	if (!i.ok) {
		call_fail_as(c, &i.error);
		return false;
	}
	if (str_eq(json_get_str(i.out, "BucketRegion"), c->region))
		return true;
	call_fail_code(c, 400, "InvalidRequest", "The bucket is in the Region %.*s, and so must its access points be", STR_ARG(json_get_str(i.out,
		"BucketRegion")));
	return false;
}

static struct s3control_PublicAccessBlockConfiguration *block_of(struct call *c, const struct s3control_PublicAccessBlockConfiguration *asked)
{
	struct s3control_PublicAccessBlockConfiguration *b = arena_new_of(c->arena, struct s3control_PublicAccessBlockConfiguration);
	bool all = asked == NULL; /* without a word everything public is blocked */
	b->BlockPublicAcls = SOME_BOOL(all || asked->BlockPublicAcls.v);
	b->IgnorePublicAcls = SOME_BOOL(all || asked->IgnorePublicAcls.v);
	b->BlockPublicPolicy = SOME_BOOL(all || asked->BlockPublicPolicy.v);
	b->RestrictPublicBuckets = SOME_BOOL(all || asked->RestrictPublicBuckets.v);
	return b;
}

void op_create_access_point(struct call *c)
{
	const struct s3control_CreateAccessPointRequest *in = c->in;
	struct s3control_CreateAccessPointResult *out = c->out;
	struct str owner = str_present(in->BucketAccountId) ? in->BucketAccountId : c->account;
	if (!name_ok(c, in->Name))
		return;
	if (in->VpcConfiguration != NULL) {
		call_unsupported(c, "tsubo does not implement access points that only a VPC reaches (VpcConfiguration): there are no VPCs");
		return;
	}
	if (in->Scope != NULL) {
		call_unsupported(c, "tsubo does not implement access points of directory buckets (Scope)");
		return;
	}
	if (point_get(c, in->Name) != NULL) {
		call_fail_code(c, 409, "AccessPointAlreadyOwnedByYou", "Your previous request to create the named accesspoint succeeded and you "
			"already own it.");
		return;
	}
	if (!bucket_ok(c, in->Bucket, owner))
		return;
	const struct s3control_StoredPoint p = {.Name = in->Name, .Bucket = in->Bucket, .BucketAccount = owner, .Account = c->account,
		.Region = c->region, .Alias = alias_of(c, in->Name), .Created = SOME_TIME(c->now_ms),
		.Block = block_of(c, in->PublicAccessBlockConfiguration), .Labels = in->Tags};
	point_put(c, &p);
	txn_put(c->txn, key_bytes(alias_key(c, p.Alias)), key_bytes(point_key(c, p.Name)));
	out->AccessPointArn = point_arn(c, &p);
	out->Alias = p.Alias;
}

void op_delete_access_point(struct call *c)
{
	const struct s3control_DeleteAccessPointRequest *in = c->in;
	const struct s3control_StoredPoint *p = point_find(c, in->Name);
	if (p == NULL)
		return;
	call_del(c, alias_key(c, p->Alias));
	call_del(c, point_key(c, p->Name));
}

/* ---- describing ---- */

void op_get_access_point(struct call *c)
{
	const struct s3control_GetAccessPointRequest *in = c->in;
	struct s3control_GetAccessPointResult *out = c->out;
	const struct s3control_StoredPoint *p = point_find(c, in->Name);
	if (p == NULL)
		return;
	out->Name = p->Name;
	out->Bucket = p->Bucket;
	out->BucketAccountId = p->BucketAccount;
	out->NetworkOrigin = S("Internet");
	out->PublicAccessBlockConfiguration = p->Block;
	out->CreationDate = p->Created;
	out->Alias = p->Alias;
	out->AccessPointArn = point_arn(c, p);
	struct s3control_Endpoints_entry *e = arena_array(c->arena, struct s3control_Endpoints_entry, 2);
	e[0].key = S("ipv4");
	e[0].value = arena_join(c->arena, S("s3-accesspoint."), p->Region, S(".amazonaws.com"));
	e[1].key = S("dualstack");
	e[1].value = arena_join(c->arena, S("s3-accesspoint.dualstack."), p->Region, S(".amazonaws.com"));
	out->Endpoints = (struct map_of){.v = e, .n = 2, .set = true};
}

static void show(struct call *c, const struct s3control_StoredPoint *p, struct s3control_AccessPoint *to)
{
	to->Name = p->Name;
	to->NetworkOrigin = S("Internet");
	to->Bucket = p->Bucket;
	to->BucketAccountId = p->BucketAccount;
	to->Alias = p->Alias;
	to->AccessPointArn = point_arn(c, p);
}

void op_list_access_points(struct call *c)
{
	const struct s3control_ListAccessPointsRequest *in = c->in;
	struct s3control_ListAccessPointsResult *out = c->out;
	struct str position, key, value;
	if (!page_position(c->arena, in->NextToken, &position)) {
		call_fail_code(c, 400, "InvalidRequest", "The next token is not valid");
		return;
	}
	uint32_t max = in->MaxResults.set && in->MaxResults.v > 0 && in->MaxResults.v < PAGE_MAX ? (uint32_t)in->MaxResults.v : PAGE_MAX, n = 0;
	struct s3control_AccessPoint *v = arena_array(c->arena, struct s3control_AccessPoint, max);
	struct str start = str_present(position) ? key_bytes(point_key(c, position)) : STR_NONE;
	struct scan *s = call_scan(c, call_key(c, "point"), start, false);
	while (scan_next(s, &key, &value)) {
		const struct s3control_StoredPoint *p = record_decode(c, &s3control_shape_StoredPoint, arena_dup(c->arena, value));
		if (str_present(in->Bucket) && !str_eq(in->Bucket, p->Bucket))
			continue;
		if (n == max) {
			out->NextToken = page_token(c->arena, v[n - 1].Name);
			break;
		}
		show(c, p, &v[n++]);
	}
	scan_close(s);
	out->AccessPointList = (struct list){v, n, true};
}

/* ---- policies ---- */

void op_put_access_point_policy(struct call *c)
{
	const struct s3control_PutAccessPointPolicyRequest *in = c->in;
	struct s3control_StoredPoint *p = point_find(c, in->Name);
	struct str why;
	if (p == NULL)
		return;
	if (in->Policy.n > POLICY_MAX) {
		call_fail_code(c, 400, "PolicyTooLarge", "Policy exceeds the maximum allowed document size.");
		return;
	}
	if (policy_parse(c->arena, in->Policy, POLICY_RESOURCE, &why) == NULL) {
		call_fail_code(c, 400, "MalformedPolicy", "%.*s", STR_ARG(why));
		return;
	}
	struct str arn = point_arn(c, p), below = arena_join(c->arena, arn, S("/object/"));
	if (!policy_resources_within(c->arena, in->Policy, arn, below)) {
		call_fail_code(c, 400, "MalformedPolicy", "Policy has invalid resource");
		return;
	}
	if (p->Block->BlockPublicPolicy.v && policy_public(c->arena, in->Policy)) {
		call_fail_code(c, 403, "AccessDenied", "Access Denied: public policies are prevented by the BlockPublicPolicy setting of the access point.");
		return;
	}
	p->PolicyText = in->Policy;
	point_put(c, p);
}

static const struct s3control_StoredPoint *with_policy(struct call *c, struct str name)
{
	const struct s3control_StoredPoint *p = point_find(c, name);
	if (p == NULL || (str_present(p->PolicyText) && p->PolicyText.n > 0))
		return p;
	call_fail_code(c, 404, "NoSuchAccessPointPolicy", "The specified accesspoint policy does not exist");
	return NULL;
}

void op_get_access_point_policy(struct call *c)
{
	const struct s3control_GetAccessPointPolicyRequest *in = c->in;
	struct s3control_GetAccessPointPolicyResult *out = c->out;
	const struct s3control_StoredPoint *p = with_policy(c, in->Name);
	if (p != NULL)
		out->Policy = p->PolicyText;
}

void op_get_access_point_policy_status(struct call *c)
{
	const struct s3control_GetAccessPointPolicyStatusRequest *in = c->in;
	struct s3control_GetAccessPointPolicyStatusResult *out = c->out;
	const struct s3control_StoredPoint *p = with_policy(c, in->Name);
	if (p == NULL)
		return;
	out->PolicyStatus = arena_new_of(c->arena, struct s3control_PolicyStatus);
	out->PolicyStatus->IsPublic = SOME_BOOL(policy_public(c->arena, p->PolicyText));
}

void op_delete_access_point_policy(struct call *c)
{
	const struct s3control_DeleteAccessPointPolicyRequest *in = c->in;
	struct s3control_StoredPoint *p = point_find(c, in->Name);
	if (p == NULL)
		return;
	p->PolicyText = STR_NONE;
	point_put(c, p);
}
