/* API keys of requests, and the usage plan that a key opens the stage with.
 *
 * Source: "Usage plans and API keys for REST APIs" (API Gateway developer guide). */
#include "gate.h"
#include "serve.h"

static struct str key_sent(struct exchange *x)
{
	ASSERT(x->deployment != NULL && x->deployment->Api != NULL);
	if (str_eq(x->deployment->Api->apiKeySource, S("AUTHORIZER")))
		return x->usage_key;
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
		const struct apigateway_UsagePlan *p = call_get(c, plan_key(c, plan), &apigateway_shape_UsagePlan);
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

/* ---- the gate ---- */

static void bucket(struct exchange *x, struct gate *g, size_t i, struct str name, double rate, double burst)
{
	ASSERT(i < GATE_BUCKETS);
	ASSERT(!str_present(g->buckets[i].name)); /* one limit each */
	if (rate < 0 || burst < 0)
		return; /* -1: not limited */
	g->buckets[i].name = arena_join(x->c->arena, x->api, S("/"), x->stage_name, S("/"), name);
	g->buckets[i].rate = rate;
	g->buckets[i].burst = burst;
}

/* "/items/{id}/GET" in the plan's limits for the stage, else the plan's own. */
static void plan_bucket(struct exchange *x, struct gate *g, const struct apigateway_UsagePlan *plan, const struct apigateway_ApiStage *stage)
{
	ASSERT(str_present(x->key_id) && x->resource != NULL && x->method != NULL);
	struct arena *a = x->c->arena;
	struct str method = arena_join(a, x->resource->path, S("/"), x->method->httpMethod);
	const struct apigateway_MapOfApiStageThrottleSettings_entry *e = stage->throttle.v;
	for (uint32_t i = 0; i < stage->throttle.n; i++)
		if (str_eq(e[i].key, method)) {
			bucket(x, g, 0, arena_join(a, plan->id, S("/"), x->key_id, method), e[i].value.rateLimit.v,
				e[i].value.burstLimit.set ? (double)e[i].value.burstLimit.v : e[i].value.rateLimit.v);
			return;
		}
	const struct apigateway_ThrottleSettings *t = plan->throttle;
	if (t != NULL && (t->rateLimit.set || t->burstLimit.set))
		bucket(x, g, 0, arena_join(a, plan->id, S("/"), x->key_id), t->rateLimit.v,
			t->burstLimit.set ? (double)t->burstLimit.v : t->rateLimit.v);
}

/* A method setting's key as the path and method that it is for: "a~1b/GET", "~1a/GET", "*" "/" "*". */
static bool setting_fits(struct exchange *x, struct str key, bool *exact)
{
	ptrdiff_t slash = str_rfind(key, '/');
	if (slash < 0)
		return false;
	struct str method = str_slice(key, (size_t)slash + 1, key.n), parts[2];
	struct str path = str_slice(key, 0, (size_t)slash);
	if (patch_parts(x->c->arena, path, parts, 1) == 1)
		path = parts[0];
	if (!str_eq(path, S("*")) && !str_starts(path, S("/")))
		path = arena_join(x->c->arena, S("/"), path);
	*exact = !str_eq(path, S("*"));
	return (!*exact || str_eq(path, x->resource->path)) && (str_eq(method, S("*")) || str_eq(method, x->method->httpMethod));
}

static void stage_bucket(struct exchange *x, struct gate *g)
{
	ASSERT(x->stage != NULL && x->resource != NULL && x->method != NULL);
	const struct apigateway_MapOfMethodSettings_entry *e = x->stage->methodSettings.v, *found = NULL;
	for (uint32_t i = 0; i < x->stage->methodSettings.n; i++) {
		bool exact;
		if (setting_fits(x, e[i].key, &exact) && (found == NULL || exact))
			found = &e[i];
	}
	if (found == NULL || !found->value.throttlingRateLimit.set || !found->value.throttlingBurstLimit.set)
		return;
	bucket(x, g, 1, arena_join(x->c->arena, S("stage"), x->resource->path, S("/"), x->method->httpMethod), found->value.throttlingRateLimit.v,
		(double)found->value.throttlingBurstLimit.v);
}

static void quota(struct exchange *x, struct gate *g, const struct apigateway_UsagePlan *plan)
{
	ASSERT(str_present(x->key_id) && str_present(plan->id));
	struct call *c = x->c;
	g->plan = plan->id;
	g->key = x->key_id;
	g->today = c->started_ms / 86400000;
	g->period = quota_period(plan->quota, g->today);
	ASSERT(g->period <= g->today && g->period > g->today - 32); /* a month at most */
	g->limited = plan->quota != NULL;
	for (int64_t day = g->period; day <= g->today; day++)
		g->used += usage_of_day(c, plan->id, x->key_id, day);
	if (g->limited)
		g->limit = plan->quota->limit.v + usage_extra(c, plan->id, x->key_id, g->period);
}

static bool pass(struct exchange *x, const struct gate *g)
{
	if (!str_present(g->buckets[0].name) && !str_present(g->buckets[1].name) && !str_present(g->plan))
		return true;
	switch (gate_pass(x->c, g)) {
	case GATE_PARKED:
		x->parked = true;
		return false;
	case GATE_THROTTLED:
		gateway_answer(x, "THROTTLED", "Too Many Requests");
		return false;
	case GATE_EXHAUSTED:
		gateway_answer(x, "QUOTA_EXCEEDED", "Limit Exceeded");
		return false;
	case GATE_OPEN:
		break;
	}
	return true;
}

bool admit_key(struct exchange *x)
{
	ASSERT(!x->parked && x->method != NULL);
	struct call *c = x->c;
	struct str sent, id;
	struct gate g = {.account = c->account, .region = c->region};
	stage_bucket(x, &g);
	if (!x->method->apiKeyRequired.v)
		return pass(x, &g);
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
	plan_bucket(x, &g, plan, stage);
	quota(x, &g, plan);
	return pass(x, &g);
}
