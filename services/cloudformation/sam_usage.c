/* The usage plan of an API, its key and the link between them: one per API, or one shared by all that say SHARED. */
#include "sam.h"

/* Attributes of the shared plan: the "most keeping" policy of the APIs, and a condition when all of them have one. */
static struct json *shared_attributes(struct sam *s)
{
	struct str condition = json_get_str(s->passed, "Condition");
	struct str deletion = json_get_str(s->passed, "DeletionPolicy"), replace = json_get_str(s->passed, "UpdateReplacePolicy");
	struct str had = json_get_str(s->shared_policies, "UpdateReplacePolicy");
	struct json *conditions = json_get(s->in, S("Conditions"));
	if (str_present(deletion) && (json_get(s->shared_policies, S("DeletionPolicy")) == NULL || str_eq(deletion, S("Retain"))))
		json_set_str(s->a, s->shared_policies, "DeletionPolicy", deletion);
	if (str_present(replace) && (!str_present(had) || str_eq(replace, S("Retain")) || (str_eq(replace, S("Snapshot")) && str_eq(had, S("Delete")))))
		json_set_str(s->a, s->shared_policies, "UpdateReplacePolicy", replace);
	if (!str_present(condition)) {
		s->shared_unconditional = true;
		json_unset(s->shared_policies, S("Condition"));
		if (conditions != NULL)
			json_unset(conditions, S("SharedUsagePlanCondition"));
		return s->shared_policies;
	}
	struct json *name = sam_text(s, condition);
	if (s->shared_unconditional || sam_contains(s->shared_conditions, name))
		return s->shared_policies;
	sam_push(s, s->shared_conditions, name);
	struct json *list = json_new_array(s->a);
	for (uint32_t i = 0; i < s->shared_conditions->n; i++)
		sam_push(s, list, sam_one(s, "Condition", &s->shared_conditions->items[i]));
	ASSERT(list->n == s->shared_conditions->n && list->n > 0);
	const struct json *value = list->n > 1 ? sam_one(s, "Fn::Or", list) : name;
	sam_set(s, sam_ensure(s, s->in, S("Conditions"), JSON_OBJECT), S("SharedUsagePlanCondition"), value);
	sam_set(s, s->shared_policies, S("Condition"), sam_text(s, S("SharedUsagePlanCondition")));
	return s->shared_policies;
}

static struct json *stage_of(struct sam *s, const char *api, const char *stage, struct str stage_id)
{
	struct json *o = sam_one(s, api, sam_ref(s, s->id));
	sam_set(s, o, str_c(stage), sam_ref(s, stage_id));
	return o;
}

static struct json *add_once(struct sam *s, struct json *list, const struct json *value)
{
	if (!sam_contains(list, value))
		sam_push(s, list, value);
	ASSERT(list->n > 0);
	return json_copy(s->a, list);
}

void sam_usage_plan(struct sam *s, const struct json *auth, struct str stage_id)
{
	static const char *const same[] = {"UsagePlanName", "Description", "Quota", "Tags", "Throttle"};
	const struct json *plan = json_get(auth, S("UsagePlan"));
	struct str create = json_get_str(plan, "CreateUsagePlan");
	bool shared = str_eq(create, S("SHARED"));
	if (plan == NULL)
		return;
	if (plan->type != JSON_OBJECT) {
		sam_fail(s, "'UsagePlan' must be a dictionary");
		return;
	}
	if (json_get(plan, S("CreateUsagePlan")) == NULL) {
		sam_fail(s, "'CreateUsagePlan' is a required field for UsagePlan.");
		return;
	}
	if (str_eq(create, S("NONE")))
		return;
	if (!shared && !str_eq(create, S("PER_API"))) {
		sam_fail(s, "'CreateUsagePlan' accepts one of ['SHARED', 'PER_API', 'NONE'].");
		return;
	}
	ASSERT(!s->failed && json_is(plan, JSON_OBJECT));
	const struct json *attributes = shared ? shared_attributes(s) : s->passed;
	struct json *own = sam_list(s, stage_of(s, "ApiId", "Stage", stage_id)), *keys = sam_list(s, stage_of(s, "RestApiId", "StageName", stage_id));
	struct str plan_id = shared ? S("ServerlessUsagePlan") : arena_join(s->a, s->id, S("UsagePlan"));
	struct str key_id = shared ? S("ServerlessApiKey") : arena_join(s->a, s->id, S("ApiKey"));
	struct made *m = sam_make(s, plan_id, "AWS::ApiGateway::UsagePlan", attributes);
	m->depends_on = shared ? add_once(s, s->shared_depends, sam_text(s, s->id)) : sam_list(s, sam_text(s, s->id));
	sam_set(s, m->properties, S("ApiStages"), shared ? add_once(s, s->shared_stages, &own->items[0]) : own);
	for (size_t i = 0; i < COUNT_OF(same); i++)
		if (sam_truthy(json_get(plan, str_c(same[i]))))
			sam_put(s, m->properties, same[i], json_get(plan, str_c(same[i])));
	m = sam_make(s, key_id, "AWS::ApiGateway::ApiKey", attributes);
	sam_depends(s, m, plan_id);
	sam_set(s, m->properties, S("Enabled"), json_new_bool(s->a, true));
	sam_set(s, m->properties, S("StageKeys"), shared ? add_once(s, s->shared_keys, &keys->items[0]) : keys);
	m = sam_make(s, shared ? S("ServerlessUsagePlanKey") : arena_join(s->a, s->id, S("UsagePlanKey")), "AWS::ApiGateway::UsagePlanKey", attributes);
	sam_depends(s, m, key_id);
	sam_set(s, m->properties, S("KeyId"), sam_ref(s, key_id));
	sam_set(s, m->properties, S("KeyType"), sam_text(s, S("API_KEY")));
	sam_set(s, m->properties, S("UsagePlanId"), sam_ref(s, plan_id));
}
