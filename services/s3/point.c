/* Requests that come through an access point: which bucket it leads to, and what it allows.
 *
 * A point is named by "<name>-<account>" (what clients make of its ARN: a host name) or by its alias, where a bucket's name
 * stands. S3 Control keeps the points; here they are asked for and enforced. What always holds: a bucket record with Via was
 * reached so, is never stored, and a request through a point needs the point's consent and the bucket's.
 * Source: "Using access points", "Configuring IAM policies for using access points" (S3 User Guide). */
#include "s3.h"

#include "svc/policies.h"

enum { ACCOUNT_DIGITS = 12 };

/* The account behind the last hyphen, and the name in front of it; false: no such form. */
static bool split_name(struct str text, struct str *name, struct str *account)
{
	ptrdiff_t at = str_rfind(text, '-');
	*account = at > 0 ? str_slice(text, (size_t)at + 1, text.n) : S("");
	*name = at > 0 ? str_slice(text, 0, (size_t)at) : S("");
	for (size_t i = 0; i < account->n; i++)
		if (account->p[i] < '0' || account->p[i] > '9')
			return false;
	return account->n == ACCOUNT_DIGITS;
}

/* What may be done through a point. Source: "Access point compatibility with AWS services" (S3 User Guide). */
static bool possible(const struct call *c)
{
	static const char *const of_buckets[] = {"GetBucketAcl", "GetBucketCors", "GetBucketLocation", "GetBucketNotificationConfiguration",
		"GetBucketPolicy"};
	struct str op = str_c(c->op != NULL && c->op->model != NULL ? model_op_name(c->op->model) : "");
	for (size_t i = 0; i < COUNT_OF(of_buckets); i++)
		if (str_eq(op, str_c(of_buckets[i])))
			return true;
	bool of_bucket = str_find_str(op, S("Bucket")) >= 0 || str_ends(op, S("PublicAccessBlock")) || str_ends(op, S("ObjectLockConfiguration"));
	return !of_bucket || str_eq(op, S("HeadBucket"));
}

static struct invoked ask(struct call *c, const char *op, struct str name, struct str account)
{
	const struct invoke_options o = {.who = service_principal(c, "s3.amazonaws.com", STR_NONE), .account = account};
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "AccountId", account);
	if (str_present(name))
		json_set_str(c->arena, in, "Name", name);
	return invoke(c, "s3control", op, in, &o);
}

struct s3_StoredBucket *bucket_by_point(struct call *c, struct str text)
{
	struct str name = text, account = c->account;
	if (!str_ends(text, S("-s3alias")) && !split_name(text, &name, &account))
		return NULL;
	struct invoked point = ask(c, "GetAccessPoint", name, account);
	struct s3_StoredBucket *b = point.ok ? call_get(c, bucket_key(c, json_get_str(point.out, "Bucket")), &s3_shape_StoredBucket) : NULL;
	if (b == NULL)
		return NULL;
	if (!possible(c)) {
		call_fail_code(c, 405, "MethodNotAllowed", "The specified method is not allowed against this resource.");
		return NULL;
	}
	const struct json *block = json_get(point.out, S("PublicAccessBlockConfiguration"));
	struct s3_StoredVia *via = b->Via = arena_new_of(c->arena, struct s3_StoredVia);
	via->Arn = json_get_str(point.out, "AccessPointArn");
	struct str rest = via->Arn;
	for (int i = 0; i < 4; i++)
		(void)str_cut(&rest, ':');
	via->Account = str_cut(&rest, ':');
	ASSERT(via->Account.n == ACCOUNT_DIGITS);
	via->Alias = SOME_BOOL(str_ends(text, S("-s3alias")));
	via->IgnorePublicAcls = SOME_BOOL(json_get_bool(block, "IgnorePublicAcls", false));
	via->RestrictPublic = SOME_BOOL(json_get_bool(block, "RestrictPublicBuckets", false));
	struct invoked policy = ask(c, "GetAccessPointPolicy", name, via->Account);
	via->PolicyText = policy.ok ? json_get_str(policy.out, "Policy") : STR_NONE;
	return b;
}

bool point_allows(struct call *c, const struct s3_StoredBucket *b, struct str key, const char *action, const struct access_extra *x,
                  bool *by_identity)
{
	const struct s3_StoredVia *via = b->Via;
	ASSERT(via != NULL && str_present(via->Arn));
	struct str resource = str_present(key) ? arena_join(c->arena, via->Arn, S("/object/"), key) : via->Arn;
	bool home = str_eq(c->who->account, via->Account) && c->who->type != PRINCIPAL_ANONYMOUS && c->who->type != PRINCIPAL_SERVICE;
	struct access_extra own = *x, alone;
	own.resource_policy = via->PolicyText;
	own.resource_account = home ? STR_NONE : via->Account;
	alone = own;
	alone.resource_policy = STR_NONE;
	if (authorize_as(c, c->who, str_c(action), resource, &own).decision != DECISION_ALLOW)
		return false;
	if (!home && via->RestrictPublic.v && policy_public(c->arena, via->PolicyText))
		return false;
	*by_identity = home && str_eq(via->Account, b->Account) &&
		authorize_as(c, c->who, str_c(action), resource, &alone).decision == DECISION_ALLOW;
	return true;
}

bool bucket_has_points(struct call *c, const struct s3_StoredBucket *b)
{
	const struct invoke_options o = {.who = service_principal(c, "s3.amazonaws.com", STR_NONE), .account = b->Account, .region = b->Region};
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "AccountId", b->Account);
	json_set_str(c->arena, in, "Bucket", b->Name);
	struct invoked i = invoke(c, "s3control", "ListAccessPoints", in, &o);
	const struct json *list = i.ok ? json_get(i.out, S("AccessPointList")) : NULL;
	return json_is(list, JSON_ARRAY) && list->n > 0;
}

bool account_blocks(struct call *c, const struct s3_StoredBucket *b, const char *what)
{
	struct invoked i = ask(c, "GetPublicAccessBlock", STR_NONE, b->Account);
	return i.ok && json_get_bool(json_get(i.out, S("PublicAccessBlockConfiguration")), what, false);
}
