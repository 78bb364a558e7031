/* May this principal do this? Every call asks here, and handlers ask again for what an operation needs beside itself
 * (iam:PassRole and the like).
 *
 * The policies come from the one service that has the `policies` hook; documents are parsed for the call. Root of the
 * account passes unless a resource policy denies. Source: "Policy evaluation logic" (IAM User Guide).
 *
 * What always holds: nothing is allowed because something could not be read: a policy that does not parse allows
 * nothing, and a session's limits that do not parse allow nothing either. */
#include "svc/task.h"

#include "auth/session.h"
#include "base/time.h"
#include "svc/arn.h"

/* The one service that keeps identities; without it everyone but root has no policies. */
static const struct service *identity_service(void)
{
	for (size_t i = 0; i < n_services; i++)
		if (services[i]->policies != NULL)
			return services[i];
	return NULL;
}

enum { GLOBAL_KEYS = 9 };

static size_t add_key(struct call *c, struct condition_key *keys, size_t n, const char *name, struct str value)
{
	ASSERT(name != NULL);
	if (!str_present(value))
		return n;
	struct str *v = arena_new_of(c->arena, struct str);
	*v = value;
	keys[n] = (struct condition_key){S(""), v, 1};
	keys[n].name = str_c(name);
	return n + 1;
}

/* What stays on this machine cannot be overheard: a policy that denies what comes without TLS (the artifact bucket of SAM CLI,
 * CDK's enforceSSL) must not shut out the clients that http://localhost is for. */
static bool transport_secure(const struct call *c)
{
	return c->http == NULL || c->tls || str_starts(c->source_ip, S("127.")) || str_eq(c->source_ip, S("::1"));
}

/* The service's keys and the request's global ones, in one list. */
static void gather_keys(struct call *c, const struct access_extra *x, struct policy_request *r)
{
	size_t extra = x != NULL ? x->n_keys : 0, n = 0;
	struct condition_key *tags;
	size_t n_tags = request_tags(c, &tags);
	struct condition_key *keys = arena_array(c->arena, struct condition_key, extra + n_tags + GLOBAL_KEYS);
	for (size_t i = 0; i < extra; i++)
		keys[n++] = x->keys[i]; /* a service's own come first: the first of a name counts */
	for (size_t i = 0; i < n_tags; i++)
		keys[n++] = tags[i];
	n = add_key(c, keys, n, "aws:SourceIp", c->source_ip);
	n = add_key(c, keys, n, "aws:UserAgent", c->user_agent);
	n = add_key(c, keys, n, "aws:SecureTransport", transport_secure(c) ? S("true") : S("false"));
	n = add_key(c, keys, n, "aws:RequestedRegion", c->region);
	n = add_key(c, keys, n, "aws:CurrentTime", time_iso8601(c->arena, c->now_ms));
	n = add_key(c, keys, n, "aws:EpochTime", arena_printf(c->arena, "%lld", (long long)(c->now_ms / 1000)));
	if (r->who->mfa && r->who->token_issued_ms > 0) /* the session was made with a code, so it is as old as the code's use */
		n = add_key(c, keys, n, "aws:MultiFactorAuthAge", arena_printf(c->arena, "%lld", (long long)((c->now_ms - r->who->token_issued_ms) / 1000)));
	ASSERT(n <= extra + n_tags + GLOBAL_KEYS);
	r->keys = keys;
	r->n_keys = n;
}

static struct policy *parse_or_null(struct call *c, struct str document, enum policy_kind kind)
{
	struct str why;
	return str_present(document) && document.n > 0 ? policy_parse(c->arena, document, kind, &why) : NULL;
}

struct verdict authorize_as(struct call *c, const struct principal *who, struct str action, struct str resource,
                            const struct access_extra *x)
{
	ASSERT(who != NULL && action.n > 0);
	bool has_policy = x != NULL && x->resource_policy.n > 0;
	ASSERT(x == NULL || !x->resource_decides || has_policy);
	if (who->type == PRINCIPAL_ROOT && !has_policy && !(x != NULL && str_present(x->resource_account) &&
	    !str_eq(x->resource_account, who->account)))
		return (struct verdict){DECISION_ALLOW, "root"};
	struct policy_request r = {.who = who, .action = action, .resource = resource,
		.resource_account = x != NULL && str_present(x->resource_account) ? x->resource_account : c->account};
	gather_keys(c, x, &r);
	struct policy_input in = {0};
	const struct service *iam = identity_service();
	if (iam != NULL && (who->type == PRINCIPAL_USER || who->type == PRINCIPAL_ASSUMED_ROLE || who->type == PRINCIPAL_FEDERATED))
		iam->policies(c, who, &in);
	if (in.session == NULL)
		in.session = parse_or_null(c, who->session_policy, POLICY_IDENTITY);
	if (in.session == NULL && who->session_policy.n > 0) /* sealed by a build with another grammar: a limit nobody can read allows nothing */
		return (struct verdict){DECISION_IMPLICIT_DENY, "session policy"};
	if (has_policy)
		in.resource = parse_or_null(c, x->resource_policy, POLICY_RESOURCE);
	in.resource_decides = x != NULL && x->resource_decides;
	return policy_evaluate(c->arena, &r, &in);
}

/* The code and status of a denial in the service's protocol. */
static void deny(struct call *c, struct str action, struct str resource, struct verdict v)
{
	ASSERT(v.decision != DECISION_ALLOW && !c->failed);
	struct policy_request r = {.who = c->who, .action = action, .resource = resource, .resource_account = c->account};
	struct str sentence = policy_denial(c->arena, &r, v);
	enum protocol p = c->protocol != PROTO_RAW && c->protocol != PROTO_NONE ? c->protocol
		: c->service->model != NULL ? c->service->model->protocol : PROTO_REST_JSON;
	/* Services that came from query to JSON have kept its codes. */
	bool kept = c->service->model != NULL && c->service->model->query_compatible;
	bool json = !kept && (p == PROTO_JSON_1_0 || p == PROTO_JSON_1_1 || p == PROTO_CBOR);
	if (p == PROTO_EC2)
		call_fail_code(c, 403, "UnauthorizedOperation", "You are not authorized to perform this operation. %.*s", STR_ARG(sentence));
	else if (json || p == PROTO_REST_JSON)
		call_fail_code(c, json ? 400 : 403, "AccessDeniedException", "%.*s", STR_ARG(sentence));
	else
		call_fail_code(c, 403, "AccessDenied", "%.*s", STR_ARG(sentence));
}

/* "sqs:SendMessage": the prefix is the signing name unless the service has another in IAM (s3control is s3). */
static struct str action_of(struct call *c, const char *action)
{
	if (action != NULL)
		return str_c(action);
	if (c->op != NULL && c->op->action != NULL)
		return str_c(c->op->action);
	ASSERT(c->op != NULL && c->op->model != NULL);
	const char *prefix = c->service->iam_prefix != NULL ? c->service->iam_prefix : model_signing_name(c->service->model);
	return arena_printf(c->arena, "%s:%s", prefix, model_op_name(c->op->model));
}

bool authorize(struct call *c, const char *action, struct str resource, const struct access_extra *x)
{
	if (c->failed)
		return false;
	const struct principal *who = c->who;
	ASSERT(who != NULL);
	if (who->type == PRINCIPAL_ROOT && (x == NULL || (x->resource_policy.n == 0 && !str_present(x->resource_account))))
		return true; /* the common case, without building anything */
	struct str act = action_of(c, action);
	struct verdict v = authorize_as(c, who, act, resource, x);
	if (v.decision == DECISION_ALLOW)
		return true;
	deny(c, act, resource, v);
	return false;
}

bool role_lookup(struct call *c, struct str role_arn, struct principal *role, struct str *trust)
{
	for (size_t i = 0; i < n_services; i++)
		if (services[i]->role_of != NULL)
			return services[i]->role_of(c, role_arn, role, trust);
	return false;
}

enum mfa_check mfa_spend(struct call *c, const struct principal *who, struct str serial, struct str code)
{
	ASSERT(txn_writable(c->txn) && str_present(serial) && str_present(code));
	for (size_t i = 0; i < n_services; i++)
		if (services[i]->mfa_spend != NULL)
			return services[i]->mfa_spend(c, who, serial, code);
	return MFA_NO_DEVICE;
}

const struct principal *service_principal(struct call *c, const char *principal, struct str source_arn)
{
	ASSERT(c->service != NULL || principal != NULL);
	struct principal *p = arena_new_of(c->arena, struct principal);
	p->type = PRINCIPAL_SERVICE;
	if (principal == NULL)
		principal = c->service->principal;
	p->name = principal != NULL ? str_c(principal) : arena_printf(c->arena, "%s.amazonaws.com", c->service->name);
	p->arn = p->name;
	p->source_arn = source_arn;
	struct arn arn;
	if (arn_parse(source_arn, &arn))
		p->source_account = arn.account;
	return p;
}

/* A session's key is good with its token only; a long-term key without one. */
bool principal_of_key(struct call *c, struct str access_key, struct str token, struct principal *who, struct str *secret)
{
	ASSERT(who != NULL && secret != NULL);
	if (token.n > 0)
		return session_open(c->arena, token, who, secret) && str_eq(who->access_key, access_key) && who->token_expires_ms > c->now_ms;
	for (size_t i = 0; i < n_services; i++)
		if (services[i]->secret_of != NULL && services[i]->secret_of(access_key, c->arena, who, secret)) {
			who->access_key = access_key;
			return true;
		}
	return false;
}

bool role_trusts(struct call *c, struct str role_arn, struct str trust_text, const struct principal *who, const char *action,
                 const struct access_extra *x)
{
	ASSERT(who->type == PRINCIPAL_SERVICE || who->type == PRINCIPAL_FEDERATED); /* others have policies of their own to be asked */
	struct str why;
	struct policy *trust = policy_parse(c->arena, trust_text, POLICY_TRUST, &why);
	struct policy_request r = {.who = who, .action = str_c(action), .resource = role_arn, .resource_account = c->account};
	gather_keys(c, x, &r);
	return trust != NULL && policy_evaluate_trust(c->arena, trust, &r).decision == DECISION_ALLOW;
}

const struct principal *assume_role(struct call *c, struct str role_arn, const char *service_principal_name,
                                    struct str session_name, bool quiet)
{
	struct principal *role = arena_new_of(c->arena, struct principal);
	struct str trust;
	struct principal as = *service_principal(c, service_principal_name, STR_NONE), *who = &as;
	as.source_account = c->account; /* the service acts for a resource of this account */
	if (!role_lookup(c, role_arn, role, &trust) || !role_trusts(c, role_arn, trust, who, "sts:AssumeRole", NULL)) {
		if (!quiet)
			call_fail_code(c, 400, "InvalidParameterValueException", "The role defined for the function cannot be assumed by %s.",
				service_principal_name);
		return NULL;
	}
	role->type = PRINCIPAL_ASSUMED_ROLE;
	role->role_arn = arena_dup(c->arena, role_arn);
	role->session_name = arena_dup(c->arena, session_name);
	role->user_id = arena_printf(c->arena, "%.*s:%.*s", STR_ARG(role->user_id), STR_ARG(session_name));
	role->arn = arena_printf(c->arena, "arn:aws:sts::%.*s:assumed-role/%.*s/%.*s", STR_ARG(role->account), STR_ARG(role->name),
		STR_ARG(session_name));
	ASSERT(role->account.n == 12 && role->token_expires_ms >= 0);
	role->token_issued_ms = c->now_ms;
	role->token_expires_ms += c->now_ms; /* was a span */
	return role;
}

bool authorize_pass_role(struct call *c, struct str role_arn, const char *service_principal_name)
{
	ASSERT(service_principal_name != NULL);
	struct str value = str_c(service_principal_name);
	struct condition_key key = {S("iam:PassedToService"), &value, 1};
	struct access_extra x = {.keys = &key, .n_keys = 1};
	if (!authorize(c, "iam:PassRole", role_arn, &x))
		return false;
	return assume_role(c, role_arn, service_principal_name, S("check"), false) != NULL;
}
