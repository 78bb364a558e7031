/* May the caller call this method? The API's resource policy, IAM, Lambda authorizers.
 *
 * Source: "How API Gateway resource policies affect authorization workflow" (developer guide). */
#include "authorizer.h"

static bool denied(struct exchange *x, const char *type, const char *message)
{
	gateway_answer(x, type, message);
	return false;
}

static bool by_iam(struct exchange *x, struct str arn, struct str policy)
{
	struct call *c = x->c;
	if (c->who->type == PRINCIPAL_ANONYMOUS)
		return denied(x, "MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token");
	const struct access_extra extra = {.resource_policy = policy, .resource_account = c->account};
	struct verdict v = authorize_as(c, c->who, S("execute-api:Invoke"), arn, &extra);
	if (v.decision == DECISION_ALLOW)
		return true;
	struct str message = arena_printf(c->arena, "User: %.*s is not authorized to perform: execute-api:Invoke on resource: %.*s%s",
		STR_ARG(c->who->arn), STR_ARG(arn), v.decision == DECISION_EXPLICIT_DENY ? " with an explicit deny" : "");
	return denied(x, "ACCESS_DENIED", arena_cstr(c->arena, message));
}

/* Without IAM the policy alone decides: it must allow. */
static bool by_policy(struct exchange *x, struct str arn, struct str policy)
{
	struct call *c = x->c;
	if (!str_present(policy) || policy.n == 0)
		return true;
	const struct principal anonymous = {.type = PRINCIPAL_ANONYMOUS, .arn = S("anonymous"), .name = S("anonymous")};
	const struct access_extra extra = {.resource_policy = policy, .resource_account = c->account};
	struct verdict v = authorize_as(c, &anonymous, S("execute-api:Invoke"), arn, &extra);
	if (v.decision == DECISION_ALLOW)
		return true;
	struct str message = arena_printf(c->arena, "User: anonymous is not authorized to perform: execute-api:Invoke on resource: %.*s%s",
		STR_ARG(arn), v.decision == DECISION_EXPLICIT_DENY ? " with an explicit deny" : "");
	return denied(x, "ACCESS_DENIED", arena_cstr(c->arena, message));
}

/* A policy may name resources in short: "execute-api:/stage/GET/path". */
static struct str full_policy(struct exchange *x)
{
	struct str policy = x->deployment->Api->policy, rest = policy;
	if (!str_present(policy) || str_find_str(policy, S("\"execute-api:/")) < 0)
		return policy;
	struct buf b;
	buf_init(&b, x->c->arena, 0);
	for (ptrdiff_t at; (at = str_find_str(rest, S("\"execute-api:/"))) >= 0;) {
		buf_str(&b, str_slice(rest, 0, (size_t)at));
		buf_printf(&b, "\"%.*s", STR_ARG(execute_api_arn(x->c, x->api, S(""))));
		rest = str_slice(rest, (size_t)at + 14, rest.n);
	}
	buf_str(&b, rest);
	return buf_view(&b);
}

bool admit_caller(struct exchange *x)
{
	struct str type = x->method->authorizationType;
	ASSERT(str_present(type)); /* PutMethod requires it */
	struct str arn = execute_api_arn(x->c, x->api, arena_join(x->c->arena, x->stage_name, S("/"), x->c->http->method, x->path));
	struct str policy = full_policy(x);
	if (str_eq(type, S("AWS_IAM")))
		return by_iam(x, arn, policy);
	if (!by_policy(x, arn, policy))
		return false;
	if (str_eq(type, S("NONE")))
		return true;
	return admit_by_authorizer(x, arn);
}
