/* API keys of requests, and the usage plan that a key opens the stage with.
 *
 * Source: "Usage plans and API keys for REST APIs" (API Gateway developer guide). */
#include "serve.h"

static struct str key_sent(struct exchange *x)
{
	if (str_eq(x->deployment->Api->apiKeySource, S("AUTHORIZER")))
		return json_get_str(x->authorizer, "usageIdentifierKey");
	return wire_header(x->c->http, S("x-api-key"));
}

static const struct apigateway_ApiStage *stage_in(const struct apigateway_UsagePlan *p, struct str api, struct str stage)
{
	for (uint32_t i = 0; i < p->apiStages.n; i++) {
		const struct apigateway_ApiStage *s = LIST_AT(p->apiStages, struct apigateway_ApiStage, i);
		if (str_eq(s->apiId, api) && str_eq(s->stage, stage))
			return s;
	}
	return NULL;
}

/* The plan that has both this key and this stage; NULL: none. */
static const struct apigateway_UsagePlan *plan_for(struct exchange *x, struct str key_id, const struct apigateway_ApiStage **stage)
{
	struct call *c = x->c;
	struct str key, value;
	const struct apigateway_UsagePlan *found = NULL;
	struct scan *s = call_scan(c, key_str(call_key(c, "keyplan"), key_id), STR_NONE, false);
	while (found == NULL && scan_next(s, &key, &value)) {
		struct str plan = arena_dup(c->arena, value);
		const struct apigateway_UsagePlan *p = call_get(c, key_str(call_key(c, "plan"), plan), &apigateway_shape_UsagePlan);
		if (p != NULL && (*stage = stage_in(p, x->api, x->stage_name)) != NULL)
			found = p;
	}
	scan_close(s);
	return found;
}

static bool forbidden(struct exchange *x)
{
	gateway_answer(x, "INVALID_API_KEY", "Forbidden");
	return false;
}

bool admit_key(struct exchange *x)
{
	struct call *c = x->c;
	struct str sent, id;
	if (!x->method->apiKeyRequired.v)
		return true;
	sent = key_sent(x);
	if (!str_present(sent) || sent.n == 0 || !txn_get(c->txn, key_bytes(key_str(call_key(c, "keyvalue"), sent)), c->arena, &id))
		return forbidden(x);
	const struct apigateway_ApiKey *k = call_get(c, key_str(call_key(c, "key"), id), &apigateway_shape_ApiKey);
	const struct apigateway_ApiStage *stage = NULL;
	const struct apigateway_UsagePlan *plan = k != NULL && k->enabled.v ? plan_for(x, id, &stage) : NULL;
	if (plan == NULL)
		return forbidden(x);
	x->key_value = sent;
	x->key_id = id;
	x->plan_id = plan->id;
	return true;
}
