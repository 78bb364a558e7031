/* When schedules fire. A job holds the next time; a clock turned far ahead makes every missed time happen, at most
 * CATCH_UP_MAX in a row, then the schedule goes on from now.
 *
 * Source: "Schedule types in EventBridge Scheduler" and "Configuring flexible time windows" (User Guide). */
#include "scheduler.h"

#include "base/time.h"
#include "os/os.h"

enum { CATCH_UP_MAX = 1500, FIRINGS_PER_STEP = 50, LATE_MS = 5000, MINUTE_MS = 60 * 1000 };

bool expression_parse(struct str text, struct schedule *s, int64_t *at_ms)
{
	*at_ms = -1;
	if (!str_starts(text, S("at(")))
		return schedule_parse(text, s);
	struct str time = str_slice(text, 3, text.n - 1);
	char utc[sizeof "2026-11-21T00:00:00Z"];
	*s = (struct schedule){0};
	if (!str_ends(text, S(")")) || time.n != sizeof utc - 2 || time.p[10] != 'T')
		return false;
	memcpy(utc, time.p, time.n);
	utc[time.n] = 'Z';
	return time_parse_iso8601(str_of(utc, sizeof utc - 1), at_ms) && *at_ms >= 0; /* before it, the number is no time */
}

/* The first time at or after from_ms; INT64_MAX: none. */
static int64_t first_time(const struct scheduler_ScheduleRecord *r, int64_t from_ms)
{
	struct schedule s;
	int64_t at_ms;
	bool ok = expression_parse(r->ScheduleExpression, &s, &at_ms);
	ASSERT(ok); /* CreateSchedule has let it in */
	if (at_ms >= 0)
		return at_ms >= from_ms ? at_ms : INT64_MAX;
	if (r->StartMs.set && r->StartMs.v > from_ms)
		from_ms = r->StartMs.v;
	return s.period_ms > 0 ? from_ms : schedule_next(&s, from_ms - 1);
}

static int64_t next_time(const struct scheduler_ScheduleRecord *r, int64_t after_ms)
{
	struct schedule s;
	int64_t at_ms;
	bool ok = expression_parse(r->ScheduleExpression, &s, &at_ms);
	ASSERT(ok);
	return at_ms >= 0 ? INT64_MAX : schedule_next(&s, after_ms);
}

static bool over(const struct scheduler_ScheduleRecord *r, int64_t due_ms)
{
	return due_ms == INT64_MAX || (r->EndMs.set && due_ms > r->EndMs.v);
}

static void put_job(struct call *c, const struct scheduler_ScheduleRecord *r, int64_t due_ms, int64_t late)
{
	ASSERT(due_ms > 0 && due_ms != INT64_MAX && late >= 0);
	struct str payload = arena_printf(c->arena, "%lld %lld", (long long)due_ms, (long long)late);
	job_put(c, "fire", arena_join(c->arena, r->Group, S("/"), r->Name), due_ms, payload);
}

void schedule_arm(struct call *c, const struct scheduler_ScheduleRecord *r)
{
	job_drop(c, "fire", arena_join(c->arena, r->Group, S("/"), r->Name));
	int64_t due_ms = first_time(r, c->now_ms);
	if (str_eq(r->State, S("ENABLED")) && !over(r, due_ms))
		put_job(c, r, due_ms, 0);
}

/* Somewhere within the window after the time; AWS does not say where. */
static int64_t within_window(const struct scheduler_ScheduleRecord *r, int64_t due_ms)
{
	ASSERT(r->Window != NULL && due_ms > 0);
	int64_t window_ms = str_eq(r->Window->Mode, S("FLEXIBLE")) ? r->Window->MaximumWindowInMinutes.v * MINUTE_MS : 0;
	return window_ms > 0 ? due_ms + (int64_t)(random_u64() % (uint64_t)window_ms) : due_ms;
}

void job_fire(struct call *c, struct str id, struct str payload)
{
	struct str name = id, group = str_cut(&name, '/'), late_text = payload, due_text = str_cut(&late_text, ' ');
	const struct scheduler_ScheduleRecord *r = schedule_get(c, group, name);
	int64_t due_ms, late;
	bool ok = str_to_i64(due_text, &due_ms) && str_to_i64(late_text, &late);
	ASSERT(ok);
	if (r == NULL || !str_eq(r->State, S("ENABLED")))
		return;
	ASSERT(str_eq(r->Group, group) && str_eq(r->Name, name));
	for (int i = 0; i < FIRINGS_PER_STEP && due_ms <= c->now_ms && !over(r, due_ms); i++) {
		delivery_put(c, r, due_ms, within_window(r, due_ms));
		late = due_ms < c->now_ms - LATE_MS ? late + 1 : 0;
		due_ms = next_time(r, late >= CATCH_UP_MAX ? c->now_ms : due_ms);
	}
	if (!over(r, due_ms))
		put_job(c, r, due_ms, late);
	else if (str_eq(r->ActionAfterCompletion, S("DELETE")))
		schedule_delete(c, r->Group, r->Name);
}
