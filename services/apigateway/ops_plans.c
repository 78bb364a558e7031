/* Usage plans: which stages they open, for which keys, how often.
 *
 * What always holds: "plankey" and "keyplan", the two ways between a plan and its keys, are written together; a stage that a plan names
 * is there. Source: "Usage plans and API keys for REST APIs" (developer guide). */
#include "apigw.h"

static struct key *plankey_key(struct call *c, struct str plan, struct str key) { return key_str(key_str(call_key(c, "plankey"), plan), key); }
static struct key *keyplan_key(struct call *c, struct str key, struct str plan) { return key_str(key_str(call_key(c, "keyplan"), key), plan); }

static bool stages_ok(struct call *c, const struct apigateway_UsagePlan *p)
{
	for (uint32_t i = 0; i < p->apiStages.n; i++) {
		const struct apigateway_ApiStage *s = LIST_AT(p->apiStages, struct apigateway_ApiStage, i);
		if (!str_present(s->apiId) || !str_present(s->stage) || !txn_has(c->txn, key_bytes(part_key(c, "stage", s->apiId, s->stage)))) {
			not_found(c, "API Stage not found: %.*s:%.*s", STR_ARG(s->apiId), STR_ARG(s->stage));
			return false;
		}
		for (uint32_t k = 0; k < i; k++) {
			const struct apigateway_ApiStage *o = LIST_AT(p->apiStages, struct apigateway_ApiStage, k);
			if (str_eq(o->apiId, s->apiId) && str_eq(o->stage, s->stage)) {
				bad_request(c, "API Stage %.*s:%.*s is given more than once", STR_ARG(s->apiId), STR_ARG(s->stage));
				return false;
			}
		}
	}
	return true;
}

static bool limits_ok(struct call *c, const struct apigateway_UsagePlan *p)
{
	const struct apigateway_QuotaSettings *q = p->quota;
	if (q != NULL && (q->limit.v < 1 || !str_present(q->period))) {
		bad_request(c, "Usage Plan quota limit must be greater than zero and have a period of DAY, WEEK or MONTH");
		return false;
	}
	int64_t most = q == NULL || str_eq(q->period, S("DAY")) ? 0 : str_eq(q->period, S("WEEK")) ? 6 : 27;
	if (q != NULL && (q->offset.v < 0 || q->offset.v > most)) {
		bad_request(c, "Usage Plan quota offset must be zero in the DAY period, up to 6 in the WEEK period and up to 27 in the MONTH period");
		return false;
	}
	const struct apigateway_ThrottleSettings *t = p->throttle;
	if (t != NULL && (t->burstLimit.v < 0 || t->rateLimit.v < 0)) {
		bad_request(c, "Usage Plan throttle limits must not be negative");
		return false;
	}
	return true;
}

static void save(struct call *c, struct apigateway_UsagePlan *p)
{
	if (p->quota != NULL && !p->quota->offset.set)
		p->quota->offset = SOME_I64(0);
	ASSERT(str_present(p->id) && (p->quota == NULL || (p->quota->limit.v > 0 && str_present(p->quota->period)))); /* limits_ok */
	call_put(c, plan_key(c, p->id), &apigateway_shape_UsagePlan, p);
	*(struct apigateway_UsagePlan *)c->out = *p;
}

void op_create_usage_plan(struct call *c)
{
	const struct apigateway_CreateUsagePlanRequest *in = c->in;
	struct apigateway_UsagePlan p = {.id = new_id(c, 6), .name = in->name, .description = in->description, .apiStages = in->apiStages,
		.throttle = in->throttle, .quota = in->quota};
	if (in->name.n == 0)
		bad_request(c, "Usage Plan name must not be empty");
	else if (stages_ok(c, &p) && limits_ok(c, &p) && tags_add(c, &p.tags, &in->tags))
		save(c, &p);
}

void op_get_usage_plan(struct call *c)
{
	const struct apigateway_GetUsagePlanRequest *in = c->in;
	const struct apigateway_UsagePlan *p = plan_need(c, in->usagePlanId);
	if (p != NULL)
		*(struct apigateway_UsagePlan *)c->out = *p;
}

static bool with_key(const void *record, const void *arg)
{
	struct call *c = (struct call *)(uintptr_t)arg;
	const struct apigateway_GetUsagePlansRequest *in = c->in;
	return !str_present(in->keyId) || txn_has(c->txn, key_bytes(plankey_key(c, ((const struct apigateway_UsagePlan *)record)->id, in->keyId)));
}

void op_get_usage_plans(struct call *c)
{
	const struct apigateway_GetUsagePlansRequest *in = c->in;
	struct apigateway_UsagePlans *out = c->out;
	list_records(c, call_key(c, "plan"), &apigateway_shape_UsagePlan, in->position, in->limit, with_key, c, &out->items, &out->position);
}

static const char *const paths[] = {"/name", "/description", "/productCode", "/throttle", "/throttle/burstLimit", "/throttle/rateLimit", "/quota",
	"/quota/limit", "/quota/offset", "/quota/period", "/apiStages", "/apiStages/*/throttle/*/*/*", NULL};

static struct json *stage_of(struct json *stages, struct str name, uint32_t *at)
{
	struct str rest = name, api = str_cut(&rest, ':');
	for (uint32_t i = 0; stages != NULL && i < stages->n; i++)
		if (str_eq(json_get_str(&stages->items[i], "apiId"), api) && str_eq(json_get_str(&stages->items[i], "stage"), rest)) {
			*at = i;
			return &stages->items[i];
		}
	return NULL;
}

/* "/apiStages" with "api:stage", and "/apiStages/api:stage/throttle/<path>/<method>/rateLimit". */
static void change_stages(struct call *c, struct json *plan, const struct apigateway_PatchOperation *p)
{
	struct str parts[8];
	size_t n = patch_parts(c->arena, p->path, parts, 8);
	struct json *stages = json_get(plan, S("apiStages"));
	uint32_t at = 0;
	if (stages == NULL)
		stages = json_set(c->arena, plan, S("apiStages"), json_new_array(c->arena));
	ASSERT(json_is(stages, JSON_ARRAY)); /* the tree is a plan's */
	struct str name = n > 1 ? parts[1] : p->value;
	struct json *stage = stage_of(stages, name, &at);
	if (n > 1) {
		if (stage == NULL || n != 6) {
			bad_request(c, "Invalid patch path '%.*s'", STR_ARG(p->path));
			return;
		}
		struct json *throttle = json_get(stage, S("throttle"));
		if (throttle == NULL)
			throttle = json_set(c->arena, stage, S("throttle"), json_new_object(c->arena));
		struct str key = arena_join(c->arena, parts[3], S("/"), parts[4]);
		struct json *limits = json_get(throttle, key);
		if (limits == NULL)
			limits = json_set(c->arena, throttle, key, json_new_object(c->arena));
		json_set(c->arena, limits, parts[5], json_new_str(c->arena, p->value));
		return;
	}
	if (str_eq(p->op, S("remove"))) {
		for (uint32_t i = at; stage != NULL && i + 1 < stages->n; i++)
			stages->items[i] = stages->items[i + 1];
		stages->n -= stage != NULL;
	} else if (stage == NULL) {
		struct str rest = name, api = str_cut(&rest, ':');
		struct json *one = json_push(c->arena, stages, json_new_object(c->arena));
		json_set_str(c->arena, one, "apiId", api);
		json_set_str(c->arena, one, "stage", str_present(rest) ? rest : S(""));
	}
}

void op_update_usage_plan(struct call *c)
{
	const struct apigateway_UpdateUsagePlanRequest *in = c->in;
	struct apigateway_UsagePlan *plan = plan_need(c, in->usagePlanId);
	for (uint32_t i = 0; plan != NULL && i < in->patchOperations.n; i++) {
		const struct apigateway_PatchOperation *p = LIST_AT(in->patchOperations, struct apigateway_PatchOperation, i);
		const struct list one = {(void *)(uintptr_t)p, 1, true};
		if (!str_starts(p->path, S("/apiStages"))) {
			plan = patched(c, &apigateway_shape_UsagePlan, plan, &one, paths);
			continue;
		}
		struct str why = STR_NONE;
		struct json *tree = typed_to_json(c->arena, &apigateway_shape_UsagePlan, plan);
		change_stages(c, tree, p);
		plan = c->failed ? NULL
			: typed_from_json(c->arena, &apigateway_shape_UsagePlan, typed_coerce(c->arena, &apigateway_shape_UsagePlan, tree), true, &why);
		if (plan == NULL && !c->failed)
			bad_request(c, "Invalid patch operation: %.*s", STR_ARG(why));
	}
	ASSERT(plan == NULL || str_eq(plan->id, in->usagePlanId)); /* no path leads to its id */
	if (plan != NULL && stages_ok(c, plan) && limits_ok(c, plan))
		save(c, plan);
}

void op_delete_usage_plan(struct call *c)
{
	const struct apigateway_DeleteUsagePlanRequest *in = c->in;
	const struct apigateway_UsagePlan *p = plan_need(c, in->usagePlanId);
	if (p == NULL)
		return;
	if (p->apiStages.n > 0) {
		bad_request(c, "Cannot delete Usage Plan %.*s. It has API stages associated with it.", STR_ARG(p->id));
		return;
	}
	struct list keys = all_records(c, key_str(call_key(c, "plankey"), p->id), &apigateway_shape_UsagePlanKey);
	for (uint32_t i = 0; i < keys.n; i++)
		call_del(c, keyplan_key(c, LIST_AT(keys, struct apigateway_UsagePlanKey, i)->id, p->id));
	delete_below(c, key_str(call_key(c, "plankey"), p->id));
	delete_below(c, key_str(call_key(c, "usage"), p->id));
	call_del(c, plan_key(c, p->id));
}

/* ---- keys of plans ---- */

void op_create_usage_plan_key(struct call *c)
{
	const struct apigateway_CreateUsagePlanKeyRequest *in = c->in;
	struct apigateway_UsagePlanKey *out = c->out;
	if (plan_need(c, in->usagePlanId) == NULL)
		return;
	const struct apigateway_ApiKey *k = call_get(c, key_str(call_key(c, "key"), in->keyId), &apigateway_shape_ApiKey);
	if (k == NULL) {
		not_found(c, "Invalid API Key identifier specified");
		return;
	}
	if (!str_eq(in->keyType, S("API_KEY"))) {
		bad_request(c, "Invalid Key type specified. Only 'API_KEY' is supported");
		return;
	}
	if (txn_has(c->txn, key_bytes(plankey_key(c, in->usagePlanId, in->keyId)))) {
		call_fail(c, &apigateway_err_ConflictException, "%.*s is already subscribed to this Usage Plan", STR_ARG(in->keyId));
		return;
	}
	ASSERT(!txn_has(c->txn, key_bytes(keyplan_key(c, k->id, in->usagePlanId)))); /* there is neither or both */
	*out = (struct apigateway_UsagePlanKey){.id = k->id, .type = S("API_KEY"), .value = k->value, .name = k->name};
	call_put(c, plankey_key(c, in->usagePlanId, k->id), &apigateway_shape_UsagePlanKey, out);
	txn_put(c->txn, key_bytes(keyplan_key(c, k->id, in->usagePlanId)), in->usagePlanId);
}

static struct apigateway_UsagePlanKey *plankey_need(struct call *c, struct str plan, struct str key)
{
	if (plan_need(c, plan) == NULL)
		return NULL;
	struct apigateway_UsagePlanKey *k = call_get(c, plankey_key(c, plan, key), &apigateway_shape_UsagePlanKey);
	if (k == NULL)
		not_found(c, "Invalid Usage Plan Key identifier specified");
	return k;
}

void op_get_usage_plan_key(struct call *c)
{
	const struct apigateway_GetUsagePlanKeyRequest *in = c->in;
	const struct apigateway_UsagePlanKey *k = plankey_need(c, in->usagePlanId, in->keyId);
	if (k != NULL)
		*(struct apigateway_UsagePlanKey *)c->out = *k;
}

static bool named(const void *record, const void *arg)
{
	const struct str *prefix = arg;
	return !str_present(*prefix) || str_starts(((const struct apigateway_UsagePlanKey *)record)->name, *prefix);
}

void op_get_usage_plan_keys(struct call *c)
{
	const struct apigateway_GetUsagePlanKeysRequest *in = c->in;
	struct apigateway_UsagePlanKeys *out = c->out;
	if (plan_need(c, in->usagePlanId) != NULL)
		list_records(c, key_str(call_key(c, "plankey"), in->usagePlanId), &apigateway_shape_UsagePlanKey, in->position, in->limit, named,
			&in->nameQuery, &out->items, &out->position);
}

void op_delete_usage_plan_key(struct call *c)
{
	const struct apigateway_DeleteUsagePlanKeyRequest *in = c->in;
	if (plankey_need(c, in->usagePlanId, in->keyId) == NULL)
		return;
	ASSERT(txn_has(c->txn, key_bytes(keyplan_key(c, in->keyId, in->usagePlanId))));
	call_del(c, plankey_key(c, in->usagePlanId, in->keyId));
	call_del(c, keyplan_key(c, in->keyId, in->usagePlanId));
}
