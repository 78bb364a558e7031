/* PutCompositeAlarm, and composite alarms as others list and delete them.
 *
 * What always holds: a stored rule parses; what it names was there when it was put, and cannot be deleted while it is named. */
#include "composite.h"

enum { PARENTS_MAX = 150, TAGS_MOST = 50 };

static struct key *composite_key(struct call *c, struct str name) { return key_str(call_key(c, "composite"), name); }

struct cloudwatch_CompositeRecord *composite_get(struct call *c, struct str name)
{
	struct cloudwatch_CompositeRecord *r = call_get(c, composite_key(c, name), &cloudwatch_shape_CompositeRecord);
	ASSERT(r == NULL || (r->Alarm != NULL && str_eq(r->Alarm->AlarmName, name)));
	return r;
}

void composite_save(struct call *c, const struct cloudwatch_CompositeRecord *r)
{
	ASSERT(r->Alarm != NULL && str_present(r->Alarm->StateValue));
	call_put(c, composite_key(c, r->Alarm->AlarmName), &cloudwatch_shape_CompositeRecord, r);
}

static bool names(struct call *c, const struct cloudwatch_CompositeAlarm *m, struct str alarm)
{
	struct alarm_rule rule;
	const char *why;
	bool ok = alarm_rule_parse(c->arena, m->AlarmRule, &rule, &why);
	ASSERT(ok);
	if (str_present(m->ActionsSuppressor) && str_eq(alarm_name_of(m->ActionsSuppressor), alarm))
		return true;
	for (uint32_t i = 0; i < rule.n_alarms; i++)
		if (str_eq(rule.alarms[i], alarm))
			return true;
	return false;
}

uint32_t composites_of(struct call *c, struct str alarm, struct cloudwatch_CompositeRecord ***out)
{
	struct str key, value;
	uint32_t n = 0;
	*out = arena_array(c->arena, struct cloudwatch_CompositeRecord *, PARENTS_MAX);
	struct scan *s = call_scan(c, call_key(c, "composite"), STR_NONE, false);
	while (n < PARENTS_MAX && scan_next(s, &key, &value)) {
		struct cloudwatch_CompositeRecord *r = record_decode(c, &cloudwatch_shape_CompositeRecord, value);
		if (names(c, r->Alarm, alarm))
			(*out)[n++] = r;
	}
	scan_close(s);
	return n;
}

void composite_delete(struct call *c, const struct cloudwatch_CompositeRecord *r)
{
	call_del(c, composite_key(c, r->Alarm->AlarmName));
	(void)job_drop(c, "release", r->Alarm->AlarmName);
}

/* ---- putting ---- */

static bool refuse(struct call *c, const char *text)
{
	call_fail_code(c, 400, "ValidationError", "%s", text);
	return false;
}

/* All that the rule names must be there; no alarm is named by more than 150. */
static bool children_ok(struct call *c, const struct alarm_rule *rule, struct str name)
{
	struct buf b;
	buf_init(&b, c->arena, 0);
	for (uint32_t i = 0; i < rule->n_alarms; i++)
		if (!str_eq(rule->alarms[i], name) && !str_present(alarm_state(c, rule->alarms[i])))
			buf_printf(&b, "%s%.*s", b.n > 0 ? ", " : "", STR_ARG(rule->alarms[i]));
	if (b.n > 0)
		call_fail_code(c, 400, "ValidationError", "Could not save the composite alarm as alarms [%.*s] in the alarm rule do not exist",
			STR_ARG(buf_view(&b)));
	for (uint32_t i = 0; i < rule->n_alarms && !c->failed; i++) {
		struct cloudwatch_CompositeRecord **watching;
		if (composites_of(c, rule->alarms[i], &watching) == PARENTS_MAX)
			call_fail(c, &cloudwatch_err_LimitExceededFault, "An alarm can be named by at most %d composite alarms", PARENTS_MAX);
	}
	return !c->failed;
}

static bool suppressor_ok(struct call *c, const struct cloudwatch_PutCompositeAlarmInput *in)
{
	bool waits = in->ActionsSuppressorWaitPeriod.set, extends = in->ActionsSuppressorExtensionPeriod.set;
	if (!str_present(in->ActionsSuppressor))
		return (!waits && !extends) || refuse(c, "ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod need an ActionsSuppressor");
	if (!waits || !extends)
		return refuse(c, "ActionsSuppressor needs ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod");
	if (in->ActionsSuppressorWaitPeriod.v < 0 || in->ActionsSuppressorExtensionPeriod.v < 0)
		return refuse(c, "ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod must not be negative");
	if (!str_present(alarm_state(c, alarm_name_of(in->ActionsSuppressor))))
		return refuse(c, "The alarm of ActionsSuppressor does not exist");
	return true;
}

static bool input_ok(struct call *c, const struct cloudwatch_PutCompositeAlarmInput *in)
{
	struct alarm_rule rule;
	const char *why;
	if (in->ActionConfiguration != NULL) {
		call_unsupported(c, "composite alarms with ActionConfiguration are not there");
		return false;
	}
	if (alarm_get(c, in->AlarmName) != NULL)
		return refuse(c, "There is a metric alarm of this name");
	if (in->Tags.n > TAGS_MOST)
		return refuse(c, "An alarm has at most 50 tags");
	if (!alarm_rule_parse(c->arena, in->AlarmRule, &rule, &why)) {
		call_fail_code(c, 400, "ValidationError", "The parameter AlarmRule is not valid: %s.", why);
		return false;
	}
	return actions_ok(c, ALARM_ACTIONS(in)) && children_ok(c, &rule, in->AlarmName) && suppressor_ok(c, in);
}

static void configure(struct call *c, struct cloudwatch_CompositeAlarm *m, const struct cloudwatch_PutCompositeAlarmInput *in)
{
	m->AlarmName = in->AlarmName;
	m->AlarmArn = alarm_arn(c, in->AlarmName);
	m->AlarmDescription = in->AlarmDescription;
	m->AlarmRule = in->AlarmRule;
	m->AlarmConfigurationUpdatedTimestamp = SOME_TIME(c->now_ms);
	m->ActionsEnabled = SOME_BOOL(!in->ActionsEnabled.set || in->ActionsEnabled.v);
	m->AlarmActions = (struct list){in->AlarmActions.v, in->AlarmActions.n, true};
	m->OKActions = (struct list){in->OKActions.v, in->OKActions.n, true};
	m->InsufficientDataActions = (struct list){in->InsufficientDataActions.v, in->InsufficientDataActions.n, true};
	m->ActionsSuppressor = in->ActionsSuppressor;
	m->ActionsSuppressorWaitPeriod = in->ActionsSuppressorWaitPeriod;
	m->ActionsSuppressorExtensionPeriod = in->ActionsSuppressorExtensionPeriod;
}

/* "you must be signed on with the cloudwatch:PutCompositeAlarm permission that is scoped to *" */
void access_put_composite_alarm(struct call *c) { authorize(c, NULL, S("*"), NULL); }

void op_put_composite_alarm(struct call *c)
{
	const struct cloudwatch_PutCompositeAlarmInput *in = c->in;
	if (!input_ok(c, in))
		return;
	struct cloudwatch_CompositeRecord *r = composite_get(c, in->AlarmName);
	bool made = r == NULL;
	if (made) {
		r = arena_new_of(c->arena, struct cloudwatch_CompositeRecord);
		r->Alarm = arena_new_of(c->arena, struct cloudwatch_CompositeAlarm);
		r->Alarm->StateValue = S("INSUFFICIENT_DATA");
		r->Alarm->StateReason = S("Unchecked: Initial alarm creation");
		r->Alarm->StateUpdatedTimestamp = r->Alarm->StateTransitionedTimestamp = SOME_TIME(c->now_ms);
		r->Tags = in->Tags; /* of an alarm that is there they are ignored */
	}
	configure(c, r->Alarm, in);
	composite_save(c, r);
	note_configuration(c, in->AlarmName, true, made ? "Create" : "Update");
	composite_look_first(c, r, made ? "created" : "updated");
	trim_daily(c);
}

/* ---- listing ---- */

bool composites_list(struct call *c, const struct cloudwatch_DescribeAlarmsInput *in, struct str *after, uint32_t most, struct list *out)
{
	struct str key, value, prefix = key_bytes(call_key(c, "composite"));
	bool more = false;
	ASSERT(out->v != NULL || most == 0);
	struct scan *s = call_scan(c, call_key(c, "composite"), str_present(*after) && str_starts(*after, prefix) ? *after : STR_NONE, false);
	while (!more && scan_next(s, &key, &value)) {
		const struct cloudwatch_CompositeRecord *r = record_decode(c, &cloudwatch_shape_CompositeRecord, value);
		if (!alarm_wanted(in, r->Alarm->AlarmName, r->Alarm->StateValue, ALARM_ACTIONS(r->Alarm)))
			continue;
		more = out->n == most;
		if (more)
			break;
		*after = arena_dup(c->arena, key);
		((struct cloudwatch_CompositeAlarm *)out->v)[out->n++] = *r->Alarm;
	}
	scan_close(s);
	return !more;
}
