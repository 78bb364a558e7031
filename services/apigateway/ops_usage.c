/* What keys have used of their plans: GetUsage by days, UpdateUsage to grant more in the current period. */
#include "gate.h"

#include "base/time.h"

enum { DAY_MS = 86400000, SPAN_MAX = 90 };

/* [[used, remaining], ...] of a key from one day to another. */
static struct list days_of(struct call *c, const struct apigateway_UsagePlan *p, struct str key, int64_t from, int64_t to)
{
	ASSERT(from <= to && to - from <= SPAN_MAX + 1); /* op_get_usage: a part of a day at both ends */
	struct list out = LIST_OF(c->arena, struct list, (size_t)(to - from + 1));
	for (int64_t day = from; day <= to; day++) {
		int64_t period = quota_period(p->quota, day), used = usage_of_day(c, p->id, key, day), before = 0;
		for (int64_t d = period; d < day; d++)
			before += usage_of_day(c, p->id, key, d);
		ASSERT(used >= 0 && before >= 0);
		int64_t limit = p->quota != NULL ? p->quota->limit.v + usage_extra(c, p->id, key, period) : 0, left = limit - before - used;
		struct list *pair = LIST_AT(out, struct list, (uint32_t)(day - from));
		*pair = LIST_OF(c->arena, struct opt_i64, 2);
		*LIST_AT(*pair, struct opt_i64, 0) = SOME_I64(used);
		*LIST_AT(*pair, struct opt_i64, 1) = SOME_I64(left > 0 ? left : 0);
	}
	return out;
}

static void fill(struct call *c, struct apigateway_Usage *out, const struct apigateway_UsagePlan *p, const struct list *keys,
                 int64_t from, int64_t to)
{
	out->usagePlanId = p->id;
	out->startDate = str_slice(time_iso8601(c->arena, from * DAY_MS), 0, 10);
	out->endDate = str_slice(time_iso8601(c->arena, to * DAY_MS), 0, 10);
	ASSERT(out->startDate.n == 10 && out->endDate.n == 10);
	out->items = MAP_OF(c->arena, struct apigateway_MapOfKeyUsages_entry, keys->n);
	struct apigateway_MapOfKeyUsages_entry *e = out->items.v;
	for (uint32_t i = 0; i < keys->n; i++) {
		e[i].key = LIST_AT(*keys, struct apigateway_UsagePlanKey, i)->id;
		e[i].value = days_of(c, p, e[i].key, from, to);
	}
}

static bool is_key(const void *record, const void *arg)
{
	const struct str *id = arg;
	return !str_present(*id) || str_eq(((const struct apigateway_UsagePlanKey *)record)->id, *id);
}

void op_get_usage(struct call *c)
{
	const struct apigateway_GetUsageRequest *in = c->in;
	struct apigateway_Usage *out = c->out;
	const struct apigateway_UsagePlan *p = plan_need(c, in->usagePlanId);
	int64_t from, to;
	if (p == NULL)
		return;
	if (!time_parse_iso8601(in->startDate, &from) || !time_parse_iso8601(in->endDate, &to) || to < from || (to - from) / DAY_MS > SPAN_MAX) {
		bad_request(c, "Usage date range is not valid: at most %d days, startDate not after endDate", SPAN_MAX);
		return;
	}
	struct list keys;
	list_records(c, key_str(call_key(c, "plankey"), p->id), &apigateway_shape_UsagePlanKey, in->position, in->limit, is_key, &in->keyId, &keys,
		&out->position);
	fill(c, out, p, &keys, from / DAY_MS, to / DAY_MS);
}

void op_update_usage(struct call *c)
{
	const struct apigateway_UpdateUsageRequest *in = c->in;
	const struct apigateway_UsagePlan *p = plan_need(c, in->usagePlanId);
	const struct apigateway_UsagePlanKey *k = p != NULL
		? call_get(c, key_str(key_str(call_key(c, "plankey"), in->usagePlanId), in->keyId), &apigateway_shape_UsagePlanKey) : NULL;
	if (p == NULL || k == NULL || p->quota == NULL) {
		if (p != NULL)
			not_found(c, k == NULL ? "Invalid Usage Plan Key identifier specified" : "Usage Plan has no quota");
		return;
	}
	int64_t today = c->now_ms / DAY_MS, period = quota_period(p->quota, today), used = 0, remaining;
	for (int64_t day = period; day <= today; day++)
		used += usage_of_day(c, p->id, k->id, day);
	for (uint32_t i = 0; i < in->patchOperations.n; i++) {
		const struct apigateway_PatchOperation *op = LIST_AT(in->patchOperations, struct apigateway_PatchOperation, i);
		static const char *const paths[] = {"/remaining", NULL};
		if (!str_eq(op->path, S("/remaining")) || !str_eq(op->op, S("replace"))) {
			patch_refuse(c, op, paths);
			return;
		}
		if (!str_to_i64(op->value, &remaining) || remaining < 0 || remaining > INT32_MAX) {
			bad_request(c, "Invalid patch value '%.*s' specified for path '/remaining'", STR_ARG(op->value));
			return;
		}
		usage_set_extra(c, p->id, k->id, period, remaining + used - p->quota->limit.v);
	}
	const struct list one = {(void *)(uintptr_t)k, 1, true};
	fill(c, c->out, p, &one, today, today);
}
