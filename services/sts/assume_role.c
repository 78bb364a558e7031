/* AssumeRole: the trust policy must allow the caller, and where it names only the account, the caller's own policies too.
 *
 * Source: STS API Reference (AssumeRole), "Methods to assume a role", "Pass session tags in AWS STS", "Monitor and control
 * actions taken with assumed roles" (source identity), all IAM User Guide. */
#include "sts.h"

#include "svc/arn.h"
#include "svc/tags.h"

enum { HOUR_S = 3600, OWN_KEYS = 6 };

static struct str role_name_in(struct str arn)
{
	return str_slice(arn, (size_t)(str_rfind(arn, '/') + 1), arn.n);
}

/* An IAM role allows nobody its trust policy does not name, not even its own account's administrators; identity
 * policies alone suffice for other resources. */
static bool trusts(struct call *c, const char *action, struct str role_arn, const struct access_extra *x)
{
	ASSERT(x->resource_policy.n > 0 && str_present(x->resource_account) && x->resource_decides);
	if (authorize_as(c, c->who, str_c(action), role_arn, x).decision == DECISION_ALLOW)
		return true;
	call_fail_code(c, 403, "AccessDenied", "User: %.*s is not authorized to perform: %s on resource: %.*s", STR_ARG(c->who->arn), action,
		STR_ARG(role_arn));
	return false;
}

static size_t add_key(struct condition_key *keys, size_t n, struct str name, const struct str *value)
{
	if (!str_present(*value))
		return n;
	keys[n] = (struct condition_key){name, value, 1};
	return n + 1;
}

void access_AssumeRole(struct call *c)
{
	const struct sts_AssumeRoleRequest *in = c->in;
	struct principal role;
	struct str trust;
	struct arn arn;
	if (!arn_parse(in->RoleArn, &arn)) {
		call_fail_code(c, 400, "ValidationError", "%.*s is invalid", STR_ARG(in->RoleArn));
		return;
	}
	if (!role_lookup(c, in->RoleArn, &role, &trust)) {
		call_fail_code(c, 403, "AccessDenied", "User: %.*s is not authorized to perform: sts:AssumeRole on resource: %.*s", STR_ARG(c->who->arn),
			STR_ARG(in->RoleArn));
		return;
	}
	bool mfa;
	if (!mfa_ok(c, in->SerialNumber, in->TokenCode, &mfa))
		return;
	static const struct str yes = STR_INIT("true"), just_now = STR_INIT("0");
	struct condition_key *keys = arena_array(c->arena, struct condition_key, OWN_KEYS);
	size_t n = add_key(keys, 0, S("sts:ExternalId"), &in->ExternalId);
	n = add_key(keys, n, S("sts:RoleSessionName"), &in->RoleSessionName);
	n = add_key(keys, n, S("sts:SourceIdentity"), &in->SourceIdentity);
	n = add_key(keys, n, S("aws:MultiFactorAuthPresent"), mfa ? &yes : &STR_NONE);
	n = add_key(keys, n, S("aws:MultiFactorAuthAge"), mfa ? &just_now : &STR_NONE);
	if (in->TransitiveTagKeys.n > 0)
		keys[n++] = (struct condition_key){S("sts:TransitiveTagKeys"), in->TransitiveTagKeys.v, in->TransitiveTagKeys.n};
	ASSERT(n <= OWN_KEYS);
	struct tags of_role = {arena_array(c->arena, struct tag, role.n_tags), (uint32_t)role.n_tags};
	for (size_t i = 0; i < role.n_tags; i++)
		of_role.v[i] = (struct tag){role.tags[i].key, role.tags[i].value};
	struct access_extra x = {.keys = keys, .n_keys = n, .resource_policy = trust, .resource_account = role.account,
		.resource_decides = true};
	tags_conditions(c, &x, of_role);
	if (!trusts(c, "sts:AssumeRole", in->RoleArn, &x))
		return;
	if (in->Tags.n > 0 && !trusts(c, "sts:TagSession", in->RoleArn, &x))
		return;
	if (str_present(in->SourceIdentity))
		(void)trusts(c, "sts:SetSourceIdentity", in->RoleArn, &x);
}

static bool duration_ok(struct call *c, int64_t seconds, const struct principal *role)
{
	ASSERT(role->token_expires_ms > 0);
	if (seconds * 1000 > role->token_expires_ms) /* the role's longest session */
		call_fail_code(c, 400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
	else if (c->who->type == PRINCIPAL_ASSUMED_ROLE && seconds > HOUR_S)
		call_fail_code(c, 400, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
			"chaining");
	return !c->failed;
}

static struct param_tag *tag_find(struct param_tag *v, size_t n, struct str key)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq_nocase(v[i].key, key))
			return &v[i];
	return NULL;
}

/* The role's tags, over them the session's, and those that go on from the calling session and cannot be replaced. */
static bool merge_tags(struct call *c, struct principal *role)
{
	ASSERT(role->n_tags == 0 || role->tags != NULL);
	const struct sts_AssumeRoleRequest *in = c->in;
	const struct principal *from = c->who;
	struct param_tag *own;
	size_t n_own, n = 0;
	if (!session_tags(c, in->Tags, &own, &n_own))
		return false;
	struct param_tag *v = arena_array(c->arena, struct param_tag, from->n_tags + n_own + role->n_tags);
	for (size_t i = 0; from->type == PRINCIPAL_ASSUMED_ROLE && i < from->n_tags; i++)
		if (from->tags[i].transitive)
			v[n++] = from->tags[i];
	for (size_t i = 0; i < n_own; i++) {
		if (tag_find(v, n, own[i].key) != NULL) {
			call_fail_code(c, 400, "InvalidParameterValue", "One of the specified transitive tag keys can't be set because it conflicts "
				"with a transitive tag key from the calling session.");
			return false;
		}
		v[n++] = own[i];
	}
	for (uint32_t i = 0; i < in->TransitiveTagKeys.n; i++) {
		struct param_tag *t = tag_find(own, n_own, *LIST_AT(in->TransitiveTagKeys, struct str, i));
		if (t == NULL) {
			call_fail_code(c, 400, "InvalidParameterValue", "The specified transitive tag key must be included in the requested tags.");
			return false;
		}
		tag_find(v, n, t->key)->transitive = true;
	}
	for (size_t i = 0; i < role->n_tags; i++)
		if (tag_find(v, n, role->tags[i].key) == NULL)
			v[n++] = role->tags[i];
	ASSERT(n <= from->n_tags + n_own + role->n_tags);
	role->tags = v;
	role->n_tags = n;
	return true;
}

bool role_session(struct call *c, struct principal *role, const struct role_ask *ask, struct sts_Credentials **credentials,
                  struct sts_AssumedRoleUser **user, struct opt_i64 *packed_size)
{
	int64_t packed;
	if (!duration_ok(c, ask->seconds, role) || !session_policy(c, role->account, ask->policy, ask->policy_arns, &role->session_policy, &packed))
		return false;
	ASSERT(str_present(role->user_id) && role->account.n == 12);
	role->session_name = ask->session_name;
	role->user_id = arena_join(c->arena, role->user_id, S(":"), ask->session_name);
	role->arn = arena_printf(c->arena, "arn:aws:sts::%.*s:assumed-role/%.*s/%.*s", STR_ARG(role->account), STR_ARG(role_name_in(ask->role_arn)),
		STR_ARG(ask->session_name));
	ASSERT(!role->mfa); /* for the trust policy alone: a role's session carries nothing of it ("Secure API access with MFA", IAM User Guide) */
	if (!session_small_enough(c, role))
		return false;
	*credentials = credentials_out(c, session_issue(c->arena, role, c->now_ms, c->now_ms + ask->seconds * 1000));
	*user = arena_new_of(c->arena, struct sts_AssumedRoleUser);
	**user = (struct sts_AssumedRoleUser){role->user_id, role->arn};
	if (packed > 0)
		*packed_size = SOME_I64(packed);
	return true;
}

void op_AssumeRole(struct call *c)
{
	const struct sts_AssumeRoleRequest *in = c->in;
	struct sts_AssumeRoleResponse *out = c->out;
	struct principal role;
	struct str trust, source = c->who->source_identity;
	bool there = role_lookup(c, in->RoleArn, &role, &trust);
	ASSERT(there); /* access_AssumeRole has seen it in this transaction */
	if (in->ProvidedContexts.n > 0) {
		call_unsupported(c, "AssumeRole with ProvidedContexts");
		return;
	}
	if (!only_supported(c, in->MinimumSessionTokenSize) || !merge_tags(c, &role))
		return;
	if (str_present(source) && str_present(in->SourceIdentity) && !str_eq(source, in->SourceIdentity)) {
		call_fail_code(c, 403, "AccessDenied", "The source identity of a session cannot be changed.");
		return;
	}
	role.source_identity = str_present(source) ? source : in->SourceIdentity;
	const struct role_ask ask = {in->RoleArn, in->RoleSessionName, in->DurationSeconds.set ? in->DurationSeconds.v : HOUR_S, in->Policy,
		in->PolicyArns};
	if (role_session(c, &role, &ask, &out->Credentials, &out->AssumedRoleUser, &out->PackedPolicySize))
		out->SourceIdentity = role.source_identity;
}
