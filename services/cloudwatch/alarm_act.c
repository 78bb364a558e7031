/* A change of an alarm's state and what comes of it: history, an event on the default bus, the actions of the new state.
 *
 * Actions are jobs, so they happen at least once, also through a kill. Each acts as CloudWatch, for the alarm: the function's or
 * topic's policy must let it. Source: "Invoke a Lambda function from an alarm", "Alarm events and EventBridge" (User Guide). */
#include "composite.h"

#include "base/time.h"
#include "svc/arn.h"

/* ---- which there are ---- */

/* The operation that does it; NULL: none. */
static const char *operation_of(const struct arn *a)
{
	if (str_eq(a->service, S("lambda")) && str_starts(a->resource, S("function:")))
		return "Invoke";
	if (str_eq(a->service, S("sns")) && service_find(S("sns")) != NULL)
		return "Publish";
	return NULL;
}

bool action_ok(struct call *c, struct str text)
{
	struct arn a;
	if (!arn_parse(text, &a)) {
		call_fail_code(c, 400, "ValidationError", "Invalid use of arn: %.*s", STR_ARG(text));
		return false;
	}
	if (operation_of(&a) == NULL)
		call_unsupported(c, "alarm actions like %.*s are not there", STR_ARG(text));
	return !c->failed;
}

/* ---- what is told ---- */

struct str alarm_time_text(struct arena *a, int64_t ms)
{
	struct str iso = time_iso8601_ms(a, ms);
	return arena_join(a, str_slice(iso, 0, iso.n - 1), S("+0000"));
}

struct json *alarm_state_json(struct arena *a, struct str value, struct str reason, struct str data, int64_t at_ms)
{
	struct json *o = json_new_object(a);
	json_set_str(a, o, "value", value);
	json_set_str(a, o, "reason", reason);
	if (str_present(data))
		json_set_str(a, o, "reasonData", data);
	json_set_str(a, o, "timestamp", alarm_time_text(a, at_ms));
	return o;
}

static struct json *query_json(struct arena *a, const struct cloudwatch_MetricDataQuery *x)
{
	struct json *q = json_new_object(a);
	json_set_str(a, q, "id", x->Id);
	if (str_present(x->Expression))
		json_set_str(a, q, "expression", x->Expression);
	if (str_present(x->Label))
		json_set_str(a, q, "label", x->Label);
	json_set_bool(a, q, "returnData", !x->ReturnData.set || x->ReturnData.v);
	if (x->MetricStat == NULL)
		return q;
	struct json *stat = json_new_object(a), *metric = json_new_object(a), *dims = json_new_object(a);
	for (uint32_t i = 0; i < x->MetricStat->Metric->Dimensions.n; i++) {
		const struct cloudwatch_Dimension *d = LIST_AT(x->MetricStat->Metric->Dimensions, struct cloudwatch_Dimension, i);
		json_set(a, dims, d->Name, json_new_str(a, d->Value));
	}
	json_set_str(a, metric, "namespace", x->MetricStat->Metric->Namespace);
	json_set_str(a, metric, "name", x->MetricStat->Metric->MetricName);
	json_set(a, metric, S("dimensions"), dims);
	json_set(a, stat, S("metric"), metric);
	json_set_i64(a, stat, "period", x->MetricStat->Period.v);
	json_set_str(a, stat, "stat", x->MetricStat->Stat);
	json_set(a, q, S("metricStat"), stat);
	return q;
}

static struct json *configuration_json(struct arena *a, const struct cloudwatch_MetricAlarm *m)
{
	struct json *o = json_new_object(a), *list = json_new_array(a);
	struct cloudwatch_Metric metric = {.Namespace = m->Namespace, .MetricName = m->MetricName, .Dimensions = m->Dimensions};
	struct cloudwatch_MetricStat stat = {.Metric = &metric, .Period = m->Period,
		.Stat = str_present(m->Statistic) ? m->Statistic : m->ExtendedStatistic};
	for (uint32_t i = 0; i < m->Metrics.n; i++)
		json_push(a, list, query_json(a, LIST_AT(m->Metrics, struct cloudwatch_MetricDataQuery, i)));
	if (m->Metrics.n == 0)
		json_push(a, list, query_json(a, &(struct cloudwatch_MetricDataQuery){.Id = S("m1"), .MetricStat = &stat}));
	if (str_present(m->AlarmDescription))
		json_set_str(a, o, "description", m->AlarmDescription);
	json_set(a, o, S("metrics"), list);
	return o;
}

/* ---- the change ---- */

static void note_change(struct call *c, const struct alarm_news *n)
{
	struct arena *a = c->arena;
	struct json *data = json_new_object(a);
	json_set_str(a, data, "version", S("1.0"));
	const struct { const char *name; const struct json *from; } sides[] = {{"oldState", n->before}, {"newState", n->now}};
	for (size_t i = 0; i < COUNT_OF(sides); i++) {
		struct json *s = json_new_object(a);
		json_set_str(a, s, "stateValue", json_get_str(sides[i].from, "value"));
		json_set_str(a, s, "stateReason", json_get_str(sides[i].from, "reason"));
		struct json *details = json_parse(a, json_get_str(sides[i].from, "reasonData"), NULL);
		if (details != NULL)
			json_set(a, s, S("stateReasonData"), details);
		json_set(a, data, str_c(sides[i].name), s);
	}
	history_add(c, n->name, n->composite, n->at_ms, "StateUpdate", arena_printf(a, "Alarm updated from %.*s to %.*s",
		STR_ARG(json_get_str(n->before, "value")), STR_ARG(json_get_str(n->now, "value"))), data);
}

static void put_job(struct call *c, struct str action, const struct json *event)
{
	struct json *what = json_new_object(c->arena);
	json_set_str(c->arena, what, "action", action);
	json_set(c->arena, what, S("event"), event);
	job_put(c, "act", arena_printf(c->arena, "%020llu", (unsigned long long)call_serial(c, "act")), c->now_ms, json_text(c->arena, what));
}

void alarm_tell(struct call *c, const struct alarm_news *n)
{
	struct arena *a = c->arena;
	struct json *data = json_new_object(a), *event = json_new_object(a);
	ASSERT(str_present(n->name) && n->before != NULL && n->now != NULL);
	note_change(c, n);
	json_set_str(a, data, "alarmName", n->name);
	json_set(a, data, S("state"), n->now);
	json_set(a, data, S("previousState"), n->before);
	json_set(a, data, S("configuration"), n->configuration);
	json_set_str(a, event, "source", S("aws.cloudwatch"));
	json_set_str(a, event, "alarmArn", n->arn);
	json_set_str(a, event, "accountId", c->account);
	json_set_str(a, event, "time", alarm_time_text(a, n->at_ms));
	json_set_str(a, event, "region", c->region);
	json_set(a, event, S("alarmData"), data);
	put_job(c, S("event"), event);
	for (uint32_t i = 0; n->actions != NULL && i < n->actions->n; i++)
		put_job(c, *LIST_AT(*n->actions, struct str, i), event);
}

void alarm_change(struct call *c, struct cloudwatch_AlarmRecord *r, struct str state, struct str reason, struct str reason_data, int64_t at_ms)
{
	struct arena *a = c->arena;
	struct cloudwatch_MetricAlarm *m = r->Alarm;
	ASSERT(str_present(state) && str_present(reason) && at_ms <= c->now_ms);
	bool changed = !str_eq(m->StateValue, state);
	struct json *before = alarm_state_json(a, m->StateValue, m->StateReason, m->StateReasonData, m->StateUpdatedTimestamp.ms);
	m->StateValue = state;
	m->StateReason = reason;
	m->StateReasonData = reason_data;
	m->StateUpdatedTimestamp = SOME_TIME(at_ms);
	if (changed)
		m->StateTransitionedTimestamp = SOME_TIME(at_ms);
	alarm_save(c, r);
	if (!changed)
		return;
	const struct list *actions = str_eq(state, S("ALARM")) ? &m->AlarmActions : str_eq(state, S("OK")) ? &m->OKActions : &m->InsufficientDataActions;
	alarm_tell(c, &(struct alarm_news){.name = m->AlarmName, .arn = m->AlarmArn, .before = before,
		.now = alarm_state_json(a, state, reason, reason_data, at_ms), .configuration = configuration_json(a, m),
		.actions = m->ActionsEnabled.v ? actions : NULL, .at_ms = at_ms});
	composites_look(c, m->AlarmName, at_ms);
}

/* ---- doing it ---- */

/* "CloudWatch Alarm State Change" on the account's default bus, which is there when EventBridge is. */
static struct invoked to_bus(struct call *c, const struct json *event)
{
	struct arena *a = c->arena;
	struct json *in = json_new_object(a), *entries = json_new_array(a), *e = json_new_object(a), *resources = json_new_array(a);
	json_push(a, resources, json_new_str(a, json_get_str(event, "alarmArn")));
	json_set_str(a, e, "Source", S("aws.cloudwatch"));
	json_set_str(a, e, "DetailType", S("CloudWatch Alarm State Change"));
	json_set_str(a, e, "Detail", json_text(a, json_get(event, S("alarmData"))));
	json_set(a, e, S("Resources"), resources);
	json_push(a, entries, e);
	json_set(a, in, S("Entries"), entries);
	const struct invoke_options o = {.who = service_principal(c, "monitoring.amazonaws.com", json_get_str(event, "alarmArn"))};
	return invoke(c, "events", "PutEvents", in, &o);
}

static struct invoked to_function(struct call *c, struct str arn, const struct json *event)
{
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "FunctionName", arn);
	json_set_str(c->arena, in, "InvocationType", S("Event"));
	json_set_str(c->arena, in, "Payload", base64_encode(c->arena, json_text(c->arena, event)));
	const struct invoke_options o = {.who = service_principal(c, "lambda.alarms.cloudwatch.amazonaws.com", json_get_str(event, "alarmArn"))};
	return invoke(c, "lambda", "Invoke", in, &o);
}

/* "Trigger" of a notification: the alarm's settings under the names that PutMetricAlarm gives them. */
static struct json *trigger_json(struct call *c, struct str alarm)
{
	struct arena *a = c->arena;
	struct json *t = json_new_object(a), *dims = json_new_array(a);
	const struct cloudwatch_AlarmRecord *r = alarm_get(c, alarm);
	if (r == NULL)
		return t; /* deleted since */
	const struct cloudwatch_MetricAlarm *m = r->Alarm;
	for (uint32_t i = 0; i < m->Dimensions.n; i++) {
		const struct cloudwatch_Dimension *d = LIST_AT(m->Dimensions, struct cloudwatch_Dimension, i);
		struct json *one = json_new_object(a);
		json_set_str(a, one, "value", d->Value);
		json_set_str(a, one, "name", d->Name);
		json_push(a, dims, one);
	}
	if (m->Metrics.n > 0) {
		json_set(a, t, S("Metrics"), typed_to_json(a, &cloudwatch_shape_MetricDataQueries, &m->Metrics));
	} else {
		json_set_str(a, t, "MetricName", m->MetricName);
		json_set_str(a, t, "Namespace", m->Namespace);
		json_set_str(a, t, "StatisticType", str_present(m->Statistic) ? S("Statistic") : S("ExtendedStatistic"));
		json_set_str(a, t, "Statistic", str_present(m->Statistic) ? m->Statistic : m->ExtendedStatistic);
		json_set(a, t, S("Dimensions"), dims);
	}
	json_set_i64(a, t, "Period", alarm_period_s(m));
	json_set_i64(a, t, "EvaluationPeriods", m->EvaluationPeriods.v);
	json_set_str(a, t, "ComparisonOperator", m->ComparisonOperator);
	json_set(a, t, S("Threshold"), json_new_f64(a, m->Threshold.v));
	json_set_str(a, t, "TreatMissingData", str_present(m->TreatMissingData) ? m->TreatMissingData : S("missing"));
	return t;
}

/* A composite alarm's own: its rule, and who made it change. */
static void put_rule(struct arena *a, struct json *m, const struct json *state, struct str rule)
{
	const struct json *by = json_get(json_parse(a, json_get_str(state, "reasonData"), NULL), S("triggeringAlarms"));
	struct json *children = json_new_array(a);
	for (uint32_t i = 0; by != NULL && i < by->n; i++) {
		const struct json *was = json_get(json_at(by, i), S("state"));
		struct json *one = json_push(a, children, json_new_object(a));
		json_set_str(a, one, "Arn", json_get_str(json_at(by, i), "arn"));
		struct json *to = json_set(a, one, S("State"), json_new_object(a));
		json_set_str(a, to, "Value", json_get_str(was, "value"));
		json_set_str(a, to, "Timestamp", json_get_str(was, "timestamp"));
	}
	json_set_str(a, m, "AlarmRule", rule);
	json_set(a, m, S("TriggeringChildren"), children);
}

static struct invoked to_topic(struct call *c, struct str arn, const struct json *event)
{
	struct arena *a = c->arena;
	const struct json *data = json_get(event, S("alarmData")), *state = json_get(data, S("state"));
	struct json *in = json_new_object(a), *m = json_new_object(a);
	struct str name = json_get_str(data, "alarmName"), value = json_get_str(state, "value");
	json_set_str(a, m, "AlarmName", name);
	json_set_str(a, m, "AWSAccountId", c->account);
	json_set_str(a, m, "NewStateValue", value);
	json_set_str(a, m, "NewStateReason", json_get_str(state, "reason"));
	json_set_str(a, m, "StateChangeTime", json_get_str(state, "timestamp"));
	json_set_str(a, m, "Region", c->region);
	json_set_str(a, m, "AlarmArn", json_get_str(event, "alarmArn"));
	json_set_str(a, m, "OldStateValue", json_get_str(json_get(data, S("previousState")), "value"));
	struct str rule = json_get_str(json_get(data, S("configuration")), "alarmRule");
	if (str_present(rule))
		put_rule(a, m, state, rule);
	else
		json_set(a, m, S("Trigger"), trigger_json(c, name));
	json_set_str(a, in, "TopicArn", arn);
	json_set_str(a, in, "Subject", arena_printf(a, "%.*s: \"%.*s\" in %.*s", STR_ARG(value), STR_ARG(name), STR_ARG(c->region)));
	json_set_str(a, in, "Message", json_text(a, m));
	const struct invoke_options o = {.who = service_principal(c, "cloudwatch.amazonaws.com", json_get_str(event, "alarmArn"))};
	return invoke(c, "sns", "Publish", in, &o);
}

void job_act(struct call *c, struct str id, struct str payload)
{
	(void)id;
	struct json *what = json_parse(c->arena, payload, NULL);
	ASSERT(what != NULL && json_get(what, S("event")) != NULL); /* ours */
	const struct json *event = json_get(what, S("event"));
	struct str action = json_get_str(what, "action");
	struct arn arn;
	if (str_eq(action, S("event"))) {
		if (service_find(S("events")) != NULL)
			(void)to_bus(c, event);
		return;
	}
	bool well_formed = arn_parse(action, &arn);
	ASSERT(well_formed);
	struct invoked done = str_eq(arn.service, S("lambda")) ? to_function(c, action, event) : to_topic(c, action, event);
	if (done.parked)
		return;
	struct str summary = done.ok ? arena_printf(c->arena, "Successfully executed action %.*s", STR_ARG(action))
		: arena_printf(c->arena, "Failed to execute action %.*s. Received error: \"%.*s\"", STR_ARG(action), STR_ARG(done.error.message));
	const struct json *data = json_get(event, S("alarmData"));
	bool composite = str_present(json_get_str(json_get(data, S("configuration")), "alarmRule"));
	history_add(c, json_get_str(data, "alarmName"), composite, c->now_ms, "Action", summary, NULL);
}
