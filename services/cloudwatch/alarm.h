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
/* How often it is looked at: every minute; every ten seconds for high-resolution metrics. */
int64_t alarm_step_ms(const struct cloudwatch_MetricAlarm *a);
/* Look at it at at_ms of the service clock. */
void alarm_look_at(struct call *c, struct str name, int64_t at_ms);

/* ---- alarm_history.c ---- */
/* One item; data NULL: none. */
void history_add(struct call *c, struct str alarm, int64_t at_ms, const char *type, struct str summary, const struct json *data);
void history_trim(struct call *c, int64_t before_ms);
void op_describe_alarm_history(struct call *c);
void access_describe_alarm_history(struct call *c);

/* ---- alarm_act.c ---- */
/* Can it be an action? Fails c when not. */
bool action_ok(struct call *c, struct str arn);
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

enum { CLOUDWATCH_CFN_TYPES = 3 };
extern const struct cfn_type cloudwatch_cfn_types[CLOUDWATCH_CFN_TYPES];

#endif
