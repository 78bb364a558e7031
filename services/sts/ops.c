/* Who am I, and credentials for the caller itself.
 *
 * Source: STS API Reference. GetCallerIdentity and GetSessionToken need no permission. */
#include "sts.h"

#include "svc/tags.h"

enum { HALF_DAY_S = 43200, HOUR_S = 3600 };

void op_GetCallerIdentity(struct call *c)
{
	struct sts_GetCallerIdentityResponse *out = c->out;
	ASSERT(c->who != NULL);
	out->UserId = c->who->user_id;
	out->Account = c->who->account;
	out->Arn = c->who->arn;
}

void op_GetAccessKeyInfo(struct call *c)
{
	const struct sts_GetAccessKeyInfoRequest *in = c->in;
	struct sts_GetAccessKeyInfoResponse *out = c->out;
	out->Account = access_key_account(c->arena, in->AccessKeyId);
	if (!str_present(out->Account))
		call_fail_code(c, 400, "ValidationError", "Invalid access key id: %.*s", STR_ARG(in->AccessKeyId));
}

/* Only long-term credentials may ask for these. */
static bool long_term(struct call *c, const char *op)
{
	if (c->who->token_issued_ms == 0 && (c->who->type == PRINCIPAL_USER || c->who->type == PRINCIPAL_ROOT))
		return true;
	call_fail_code(c, 403, "AccessDenied", "Cannot call %s with session credentials", op);
	return false;
}

/* Root's sessions last an hour at most. */
static int64_t duration_ms(const struct call *c, struct opt_i64 asked)
{
	int64_t s = asked.set ? asked.v : HALF_DAY_S;
	ASSERT(s >= 900); /* the model's constraint */
	if (c->who->type == PRINCIPAL_ROOT && s > HOUR_S)
		s = HOUR_S;
	return s * 1000;
}

/* "No permissions are required for users to perform this operation." */
void access_GetSessionToken(struct call *c) { ASSERT(c->who != NULL); }

void op_GetSessionToken(struct call *c)
{
	const struct sts_GetSessionTokenRequest *in = c->in;
	struct sts_GetSessionTokenResponse *out = c->out;
	struct principal who = *c->who;
	if (!long_term(c, "GetSessionToken") || !only_supported(c, in->MinimumSessionTokenSize) || !session_small_enough(c, &who))
		return;
	if (!mfa_ok(c, in->SerialNumber, in->TokenCode, &who.mfa))
		return;
	out->Credentials = credentials_out(c, session_issue(c->arena, &who, c->now_ms, c->now_ms + duration_ms(c, in->DurationSeconds)));
}

static struct str federated_arn(struct call *c, struct str name)
{
	return arena_printf(c->arena, "arn:aws:sts::%.*s:federated-user/%.*s", STR_ARG(c->who->account), STR_ARG(name));
}

void access_GetFederationToken(struct call *c)
{
	const struct sts_GetFederationTokenRequest *in = c->in;
	if (authorize(c, NULL, federated_arn(c, in->Name), NULL) && in->Tags.n > 0)
		authorize(c, "sts:TagSession", federated_arn(c, in->Name), NULL);
}

void op_GetFederationToken(struct call *c)
{
	const struct sts_GetFederationTokenRequest *in = c->in;
	struct sts_GetFederationTokenResponse *out = c->out;
	const struct principal *user = c->who;
	struct param_tag *tags;
	struct principal who = {.type = PRINCIPAL_FEDERATED, .account = user->account, .name = in->Name, .session_name = user->name};
	if (!long_term(c, "GetFederationToken") || !only_supported(c, in->MinimumSessionTokenSize))
		return;
	int64_t packed;
	if (!session_policy(c, user->account, in->Policy, in->PolicyArns, &who.session_policy, &packed) || !session_tags(c, in->Tags, &tags, &who.n_tags))
		return;
	if (!str_present(who.session_policy)) /* without one the session may do only what resource policies grant it */
		who.session_policy = S("{\"Version\":\"2012-10-17\",\"Statement\":[]}");
	who.tags = tags;
	who.arn = federated_arn(c, in->Name);
	who.user_id = arena_join(c->arena, user->account, S(":"), in->Name);
	if (!session_small_enough(c, &who))
		return;
	out->Credentials = credentials_out(c, session_issue(c->arena, &who, c->now_ms, c->now_ms + duration_ms(c, in->DurationSeconds)));
	out->FederatedUser = arena_new_of(c->arena, struct sts_FederatedUser);
	*out->FederatedUser = (struct sts_FederatedUser){who.user_id, who.arn};
	if (packed > 0)
		out->PackedPolicySize = SOME_I64(packed);
}
