/* Composite alarms: what their files share.
 *
 *   composite <name>    CompositeRecord
 *
 * Job: release (id: the alarm's name): the time is over for which its actions waited for its suppressor. */
#ifndef TSUBO_CLOUDWATCH_COMPOSITE_H
#define TSUBO_CLOUDWATCH_COMPOSITE_H

#include "alarm.h"

/* ---- composite_rule.c: AlarmRule (PutCompositeAlarm, API Reference) ---- */
enum { RULE_ALARMS_MAX = 100, RULE_ELEMENTS_MAX = 500 };
struct alarm_rule {
	struct rule_node *root;
	struct str alarms[RULE_ALARMS_MAX]; /* names, each once */
	uint32_t n_alarms, n_elements;
};
/* false and *why (static text) when it is not valid. */
bool alarm_rule_parse(struct arena *a, struct str text, struct alarm_rule *out, const char **why);
/* Is it true, by the states that alarms have? */
bool alarm_rule_holds(struct call *c, const struct alarm_rule *r);
/* The name in what may be an alarm's ARN. */
struct str alarm_name_of(struct str name_or_arn);
/* Of a metric alarm or a composite one; absent: there is none. */
struct str alarm_state(struct call *c, struct str name);

/* ---- composite.c ---- */
struct cloudwatch_CompositeRecord *composite_get(struct call *c, struct str name); /* NULL: none */
void composite_save(struct call *c, const struct cloudwatch_CompositeRecord *r);
/* The composite alarms whose rule (or suppressor) names the alarm. */
uint32_t composites_of(struct call *c, struct str alarm, struct cloudwatch_CompositeRecord ***out);
void composite_delete(struct call *c, const struct cloudwatch_CompositeRecord *r);
/* DescribeAlarms' listing of them: adds to out from `after` on, until `most` are there; false: there are more. */
bool composites_list(struct call *c, const struct cloudwatch_DescribeAlarmsInput *in, struct str *after, uint32_t most, struct list *out);
void op_put_composite_alarm(struct call *c);
void access_put_composite_alarm(struct call *c);

/* ---- composite_state.c ---- */
/* An alarm has changed at at_ms: look at those that watch it. */
void composites_look(struct call *c, struct str alarm, int64_t at_ms);
/* It was put: "created" or "updated". */
void composite_look_first(struct call *c, struct cloudwatch_CompositeRecord *r, const char *done);
void composite_change(struct call *c, struct cloudwatch_CompositeRecord *r, struct str state, struct str reason, struct str reason_data,
                      int64_t at_ms);
void job_release(struct call *c, struct str id, struct str payload);

#endif
