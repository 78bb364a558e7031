/* How composite alarms change: with the alarms they watch, in the same transaction; and how a suppressor holds their actions back.
 *
 * What always holds: a composite alarm is looked at once on a way from one alarm to those that watch it, so alarms that watch each other
 * do not go round for ever; one whose actions wait has a job that will release them.
 * Source: PutCompositeAlarm (API Reference); "Alarm suppression" and "Create a composite alarm" (User Guide). */
#include "composite.h"

#include "base/time.h"


/* The alarms on the way to the one that is looked at. */
struct way { const struct way *from; struct str name; };

static void look_on(struct call *c, struct str alarm, int64_t at_ms, const struct way *from);

/* ---- actions ---- */

static struct json *configuration_json(struct arena *a, const struct cloudwatch_CompositeAlarm *m)
{
	struct json *o = json_new_object(a);
	if (str_present(m->AlarmDescription))
		json_set_str(a, o, "description", m->AlarmDescription);
	json_set_str(a, o, "alarmRule", m->AlarmRule);
	if (!str_present(m->ActionsSuppressor))
		return o;
	json_set_str(a, o, "actionsSuppressor", m->ActionsSuppressor);
	json_set_i64(a, o, "actionsSuppressorWaitPeriod", m->ActionsSuppressorWaitPeriod.v);
	json_set_i64(a, o, "actionsSuppressorExtensionPeriod", m->ActionsSuppressorExtensionPeriod.v);
	return o;
}

static struct json *state_of(struct arena *a, const struct cloudwatch_CompositeAlarm *m)
{
	struct json *o = alarm_state_json(a, m->StateValue, m->StateReason, m->StateReasonData, m->StateUpdatedTimestamp.ms);
	if (str_present(m->ActionsSuppressedBy)) {
		json_set_str(a, o, "actionsSuppressedBy", m->ActionsSuppressedBy);
		json_set_str(a, o, "actionsSuppressedReason", m->ActionsSuppressedReason);
	}
	return o;
}

static void suppressed_by(struct call *c, struct cloudwatch_CompositeAlarm *m, struct str by)
{
	m->ActionsSuppressedBy = by;
	m->ActionsSuppressedReason = str_present(by) ? arena_join(c->arena, S("Actions suppressed by "), by) : STR_NONE;
}

static void wait_for_release(struct call *c, struct cloudwatch_CompositeRecord *r, struct str by, int64_t until_ms)
{
	suppressed_by(c, r->Alarm, by);
	r->ReleaseMs = SOME_I64(until_ms);
	job_put(c, "release", r->Alarm->AlarmName, until_ms, S(""));
}

/* May the actions of a new state be taken now? If not, says what holds them back. */
static bool free_to_act(struct call *c, struct cloudwatch_CompositeRecord *r, int64_t at_ms)
{
	struct cloudwatch_CompositeAlarm *m = r->Alarm;
	if (!str_present(m->ActionsSuppressor))
		return true;
	if (str_eq(alarm_state(c, alarm_name_of(m->ActionsSuppressor)), S("ALARM"))) {
		suppressed_by(c, m, S("Alarm"));
		return false;
	}
	if (str_eq(m->ActionsSuppressedBy, S("ExtensionPeriod"))) /* goes on */
		return false;
	suppressed_by(c, m, STR_NONE);
	if (m->ActionsSuppressorWaitPeriod.v <= 0)
		return true;
	wait_for_release(c, r, S("WaitPeriod"), at_ms + m->ActionsSuppressorWaitPeriod.v * 1000);
	return false;
}

static const struct list *actions_of(const struct cloudwatch_CompositeAlarm *m)
{
	if (!m->ActionsEnabled.v)
		return NULL;
	return str_eq(m->StateValue, S("ALARM")) ? &m->AlarmActions : str_eq(m->StateValue, S("OK")) ? &m->OKActions : &m->InsufficientDataActions;
}

static void tell(struct call *c, const struct cloudwatch_CompositeAlarm *m, const struct json *before, bool act, int64_t at_ms)
{
	alarm_tell(c, &(struct alarm_news){.name = m->AlarmName, .arn = m->AlarmArn, .composite = true, .before = before,
		.now = state_of(c->arena, m), .configuration = configuration_json(c->arena, m), .actions = act ? actions_of(m) : NULL, .at_ms = at_ms});
}

/* The actions that waited are taken, for the state as it is now. */
static void release(struct call *c, struct cloudwatch_CompositeRecord *r)
{
	struct json *before = state_of(c->arena, r->Alarm);
	ASSERT(str_present(r->Alarm->ActionsSuppressedBy));
	suppressed_by(c, r->Alarm, STR_NONE);
	r->Alarm->StateUpdatedTimestamp = SOME_TIME(c->now_ms);
	composite_save(c, r);
	tell(c, r->Alarm, before, true, c->now_ms);
}

void job_release(struct call *c, struct str id, struct str payload)
{
	(void)payload;
	struct cloudwatch_CompositeRecord *r = composite_get(c, id);
	if (r == NULL || !str_present(r->Alarm->ActionsSuppressedBy) || str_eq(r->Alarm->ActionsSuppressedBy, S("Alarm")))
		return;
	if (r->ReleaseMs.v > c->now_ms)
		job_put(c, "release", id, r->ReleaseMs.v, S("")); /* the clock was turned back */
	else
		release(c, r);
}

/* The suppressor itself has changed. */
static void suppressor_changed(struct call *c, struct cloudwatch_CompositeRecord *r, int64_t at_ms)
{
	struct cloudwatch_CompositeAlarm *m = r->Alarm;
	bool rings = str_eq(alarm_state(c, alarm_name_of(m->ActionsSuppressor)), S("ALARM")), held = str_eq(m->ActionsSuppressedBy, S("Alarm"));
	if (!str_present(m->ActionsSuppressedBy) || rings == held)
		return;
	if (rings) {
		suppressed_by(c, m, S("Alarm"));
		(void)job_drop(c, "release", m->AlarmName);
	} else if (m->ActionsSuppressorExtensionPeriod.v > 0) {
		wait_for_release(c, r, S("ExtensionPeriod"), at_ms + m->ActionsSuppressorExtensionPeriod.v * 1000);
	} else {
		release(c, r);
		return;
	}
	composite_save(c, r);
}

/* ---- changes ---- */

static void change(struct call *c, struct cloudwatch_CompositeRecord *r, struct str state, struct str reason, struct str reason_data,
                   int64_t at_ms, const struct way *from)
{
	struct cloudwatch_CompositeAlarm *m = r->Alarm;
	bool changed = !str_eq(m->StateValue, state);
	struct json *before = state_of(c->arena, m);
	ASSERT(str_present(state) && str_present(reason) && at_ms <= c->now_ms);
	m->StateValue = state;
	m->StateReason = reason;
	m->StateReasonData = reason_data;
	m->StateUpdatedTimestamp = SOME_TIME(at_ms);
	if (!changed) {
		composite_save(c, r);
		return;
	}
	m->StateTransitionedTimestamp = SOME_TIME(at_ms);
	bool act = free_to_act(c, r, at_ms);
	composite_save(c, r);
	tell(c, m, before, act, at_ms);
	look_on(c, m->AlarmName, at_ms, from);
}

void composite_change(struct call *c, struct cloudwatch_CompositeRecord *r, struct str state, struct str reason, struct str reason_data,
                      int64_t at_ms)
{
	change(c, r, state, reason, reason_data, at_ms, NULL);
}

/* "Friday 04 August, 2023 12:54:46 UTC" */
static struct str date_text(struct arena *a, int64_t ms)
{
	static const char *const days[] = {"Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"}; /* of 1 January 1970 on */
	static const char *const months[] = {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
		"November", "December"};
	struct civil t = civil_of(ms);
	ASSERT(t.month >= 1 && t.month <= 12 && ms >= 0);
	return arena_printf(a, "%s %02d %s, %d %02d:%02d:%02d UTC", days[ms / DAY_MS % 7], t.day, months[t.month - 1], t.year, t.hour,
		t.minute, t.second);
}

static struct str new_state(struct call *c, const struct cloudwatch_CompositeAlarm *m)
{
	struct alarm_rule rule;
	const char *why;
	bool ok = alarm_rule_parse(c->arena, m->AlarmRule, &rule, &why);
	ASSERT(ok); /* the put let it in */
	return alarm_rule_holds(c, &rule) ? S("ALARM") : S("OK");
}

void composite_look_first(struct call *c, struct cloudwatch_CompositeRecord *r, const char *done)
{
	struct cloudwatch_CompositeAlarm *m = r->Alarm;
	struct str state = new_state(c, m);
	if (!str_eq(state, m->StateValue))
		change(c, r, state, arena_printf(c->arena, "%.*s was %s and its alarm rule evaluates to %.*s", STR_ARG(m->AlarmArn), done, STR_ARG(state)),
			S("{\"triggeringAlarms\":[]}"), c->now_ms, NULL);
}

/* {"triggeringAlarms": [{"arn", "state": {"value", "timestamp"}}]} */
static struct str by_alarm(struct arena *a, struct str arn, struct str state, int64_t at_ms)
{
	struct json *o = json_new_object(a), *list = json_set(a, o, S("triggeringAlarms"), json_new_array(a));
	struct json *one = json_push(a, list, json_new_object(a));
	json_set_str(a, one, "arn", arn);
	struct json *is = json_set(a, one, S("state"), json_new_object(a));
	json_set_str(a, is, "value", state);
	json_set_str(a, is, "timestamp", alarm_time_text(a, at_ms));
	return json_text(a, o);
}

static void look_at(struct call *c, struct cloudwatch_CompositeRecord *r, struct str alarm, int64_t at_ms, const struct way *from)
{
	struct cloudwatch_CompositeAlarm *m = r->Alarm;
	if (str_present(m->ActionsSuppressor) && str_eq(alarm_name_of(m->ActionsSuppressor), alarm)) {
		suppressor_changed(c, r, at_ms);
		r = composite_get(c, m->AlarmName);
		ASSERT(r != NULL);
		m = r->Alarm;
	}
	struct str state = new_state(c, m), by = alarm_state(c, alarm), arn = alarm_arn(c, alarm);
	if (str_eq(state, m->StateValue))
		return;
	change(c, r, state, arena_printf(c->arena, "%.*s transitioned to %.*s at %.*s", STR_ARG(arn), STR_ARG(by), STR_ARG(date_text(c->arena, at_ms))),
		by_alarm(c->arena, arn, by, at_ms), at_ms, from);
}

static void look_on(struct call *c, struct str alarm, int64_t at_ms, const struct way *from)
{
	struct way here = {from, alarm};
	for (const struct way *w = from; w != NULL; w = w->from)
		if (str_eq(w->name, alarm))
			return; /* a cycle: evaluation stops */
	struct cloudwatch_CompositeRecord **watching;
	uint32_t n = composites_of(c, alarm, &watching);
	for (uint32_t i = 0; i < n; i++) {
		struct cloudwatch_CompositeRecord *r = composite_get(c, watching[i]->Alarm->AlarmName); /* as the ones before have left it */
		ASSERT(r != NULL);
		look_at(c, r, alarm, at_ms, &here);
	}
}

void composites_look(struct call *c, struct str alarm, int64_t at_ms) { look_on(c, alarm, at_ms, NULL); }
