/* Alarms: what their files share.
 *
 *   alarm <name>                    AlarmRecord
 *   history <name> <ms> <serial>    HistoryRecord, for 30 days
 *
 * Jobs: evaluate (id: the alarm's name; payload: when it was to be looked at), act (id: a serial; payload: what to do). */
#ifndef TSUBO_CLOUDWATCH_ALARM_H
#define TSUBO_CLOUDWATCH_ALARM_H

#include "cloudwatch.h"

/* ---- alarm.c ---- */
struct cloudwatch_AlarmRecord *alarm_get(struct call *c, struct str name); /* NULL: none */
void alarm_save(struct call *c, const struct cloudwatch_AlarmRecord *r);
struct str alarm_arn(struct call *c, struct str name);
/* Into its history: it was made, changed or deleted ("Create", "Update", "Delete"). */
void note_configuration(struct call *c, struct str name, bool composite, const char *type);
/* What an alarm of either kind, or a request for one, does when its state changes. */
struct alarm_actions { const struct list *alarm, *ok, *insufficient; };
#define ALARM_ACTIONS(of) ((struct alarm_actions){&(of)->AlarmActions, &(of)->OKActions, &(of)->InsufficientDataActions})
/* Can all of them be actions? Fails c when not. */
bool actions_ok(struct call *c, struct alarm_actions of);
/* Does DescribeAlarms ask for an alarm of this name, state and actions? */
bool alarm_wanted(const struct cloudwatch_DescribeAlarmsInput *in, struct str name, struct str state, struct alarm_actions actions);
/* Its period in seconds; of several metrics, the longest. */
int64_t alarm_period_s(const struct cloudwatch_MetricAlarm *a);
/* How often it is looked at: every minute; every ten seconds for high-resolution metrics. */
int64_t alarm_step_ms(const struct cloudwatch_MetricAlarm *a);
/* Look at it at at_ms of the service clock. */
void alarm_look_at(struct call *c, struct str name, int64_t at_ms);

/* ---- alarm_history.c ---- */
/* One item; data NULL: none. composite: of such an alarm. */
void history_add(struct call *c, struct str alarm, bool composite, int64_t at_ms, const char *type, struct str summary, const struct json *data);
void history_trim(struct call *c, int64_t before_ms);
void op_describe_alarm_history(struct call *c);
void access_describe_alarm_history(struct call *c);

/* ---- alarm_act.c ---- */
/* Can it be an action? Fails c when not. */
bool action_ok(struct call *c, struct str arn);
/* "2026-11-30T11:02:03.456+0000" */
struct str alarm_time_text(struct arena *a, int64_t ms);
/* A state as events and notifications tell it. data may be absent. */
struct json *alarm_state_json(struct arena *a, struct str value, struct str reason, struct str data, int64_t at_ms);
/* What is told of a change: history, an event for EventBridge, and actions (NULL: none are to be taken). */
struct alarm_news {
	struct str name, arn;
	bool composite;
	const struct json *before, *now; /* alarm_state_json */
	struct json *configuration;
	const struct list *actions;
	int64_t at_ms;
};
void alarm_tell(struct call *c, const struct alarm_news *n);
/* The state changes at at_ms: history, an event for EventBridge, and the actions of the new state. Saves r. */
void alarm_change(struct call *c, struct cloudwatch_AlarmRecord *r, struct str state, struct str reason, struct str reason_data, int64_t at_ms);
void job_act(struct call *c, struct str id, struct str payload);

/* ---- alarm_evaluate.c ---- */
void job_evaluate(struct call *c, struct str id, struct str payload);

#define ALARM_OPERATION(name) void op_##name(struct call *c); void access_##name(struct call *c)
ALARM_OPERATION(put_metric_alarm);
ALARM_OPERATION(describe_alarms);
ALARM_OPERATION(describe_alarms_for_metric);
ALARM_OPERATION(delete_alarms);
ALARM_OPERATION(set_alarm_state);
ALARM_OPERATION(enable_alarm_actions);
ALARM_OPERATION(disable_alarm_actions);
ALARM_OPERATION(tag_resource);
ALARM_OPERATION(untag_resource);
ALARM_OPERATION(list_tags);

enum { CLOUDWATCH_CFN_TYPES = 4 };
extern const struct cfn_type cloudwatch_cfn_types[CLOUDWATCH_CFN_TYPES];

#endif
