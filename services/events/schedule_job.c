/* Scheduled rules: a job holds the next time of each. Its payload is that time, so that a clock turned far ahead (or a
 * process that was down) makes every missed firing happen, each with its own time.
 *
 * Bound: after CATCH_UP_MAX firings in a row that were late, a rule goes on from now. A day of a rule that fires each
 * minute is within it. Source of the event: "Scheduled events" (EventBridge Events Reference). */
#include "events.h"

#include "base/time.h"
#include "os/os.h"
#include "svc/schedule.h"

enum { CATCH_UP_MAX = 1500, FIRINGS_PER_STEP = 50, LATE_MS = 5000 };

static void put_job(struct call *c, struct str rule, int64_t due_ms, int64_t late)
{
	ASSERT(due_ms > 0 && late >= 0);
	if (due_ms != INT64_MAX)
		job_put(c, "fire", rule, due_ms, arena_printf(c->arena, "%lld %lld", (long long)due_ms, (long long)late));
}

void schedule_rule(struct call *c, const struct events_RuleRecord *r)
{
	struct schedule s;
	if (!str_eq(r->Bus, S("default")))
		return;
	job_drop(c, "fire", r->Name);
	if (!rule_enabled(r) || !str_present(r->ScheduleExpression))
		return;
	bool ok = schedule_parse(r->ScheduleExpression, &s);
	ASSERT(ok); /* PutRule has let it in */
	put_job(c, r->Name, schedule_next(&s, c->now_ms), 0);
}

static void fire(struct call *c, const struct events_RuleRecord *r, int64_t at_ms)
{
	ASSERT(at_ms <= c->now_ms && str_present(r->ScheduleExpression));
	struct buf b;
	struct jw w;
	char uuid[37];
	random_uuid(uuid);
	struct str id = arena_dup(c->arena, str_c(uuid));
	buf_init(&b, c->arena, 0);
	jw_init(&w, &b);
	jw_begin_object(&w);
	jw_kv_str(&w, "version", S("0"));
	jw_kv_str(&w, "id", id);
	jw_kv_str(&w, "detail-type", S("Scheduled Event"));
	jw_kv_str(&w, "source", S("aws.events"));
	jw_kv_str(&w, "account", c->account);
	jw_kv_str(&w, "time", time_iso8601(c->arena, at_ms));
	jw_kv_str(&w, "region", c->region);
	jw_key(&w, S("resources"));
	jw_begin_array(&w);
	jw_str(&w, rule_arn(c, r->Bus, r->Name));
	jw_end_array(&w);
	jw_key(&w, S("detail"));
	jw_begin_object(&w);
	jw_end_object(&w);
	jw_end_object(&w);
	count_metric(c, r->Bus, r->Name, "TriggeredRules", 1);
	deliveries_put(c, r->Bus, r->Name, id, buf_view(&b), false, 0);
}

void job_fire(struct call *c, struct str rule, struct str payload)
{
	struct events_RuleRecord *r = rule_get(c, S("default"), rule);
	struct str late_text = payload, due_text = str_cut(&late_text, ' ');
	struct schedule s;
	int64_t due_ms, late;
	bool ok = str_to_i64(due_text, &due_ms) && str_to_i64(late_text, &late);
	ASSERT(ok);
	if (r == NULL || !rule_enabled(r) || !str_present(r->ScheduleExpression) || !schedule_parse(r->ScheduleExpression, &s))
		return;
	for (int i = 0; i < FIRINGS_PER_STEP && due_ms <= c->now_ms; i++) {
		fire(c, r, due_ms);
		late = due_ms < c->now_ms - LATE_MS ? late + 1 : 0;
		due_ms = schedule_next(&s, late >= CATCH_UP_MAX ? c->now_ms : due_ms);
	}
	put_job(c, rule, due_ms, late);
}
