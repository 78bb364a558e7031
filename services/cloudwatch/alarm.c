/* Alarms on a metric: putting them; all alarms: showing, switching and deleting them.
 *
 * Source: CloudWatch API Reference; "Using Amazon CloudWatch alarms" (User Guide). */
#include "composite.h"
#include "math.h"

#include "svc/arn.h"
#include "svc/page.h"

enum { PAGE = 50, PAGE_MOST = 100, QUERIES_MOST = 20, DAY_S = 86400, HOUR_S = 3600 };

struct str alarm_arn(struct call *c, struct str name)
{
	return arn_make(c->arena, "cloudwatch", c->region, c->account, arena_join(c->arena, S("alarm:"), name));
}

static struct key *alarm_key(struct call *c, struct str name) { return key_str(call_key(c, "alarm"), name); }

struct cloudwatch_AlarmRecord *alarm_get(struct call *c, struct str name)
{
	struct cloudwatch_AlarmRecord *r = call_get(c, alarm_key(c, name), &cloudwatch_shape_AlarmRecord);
	ASSERT(r == NULL || (r->Alarm != NULL && str_eq(r->Alarm->AlarmName, name)));
	return r;
}

void alarm_save(struct call *c, const struct cloudwatch_AlarmRecord *r)
{
	ASSERT(r->Alarm != NULL && r->Alarm->StateValue.n > 0);
	call_put(c, alarm_key(c, r->Alarm->AlarmName), &cloudwatch_shape_AlarmRecord, r);
}

int64_t alarm_period_s(const struct cloudwatch_MetricAlarm *a)
{
	ASSERT(a->Metrics.n > 0 || (a->Period.set && a->Period.v > 0));
	return a->Metrics.n > 0 ? math_period_s(&a->Metrics) : a->Period.v;
}

int64_t alarm_step_ms(const struct cloudwatch_MetricAlarm *a)
{
	return alarm_period_s(a) < 60 ? 10 * 1000 : MINUTE_MS;
}

void alarm_look_at(struct call *c, struct str name, int64_t at_ms)
{
	job_put(c, "evaluate", name, at_ms, arena_printf(c->arena, "%lld", (long long)at_ms));
}

static void access_named(struct call *c, struct str name) { authorize(c, NULL, alarm_arn(c, name), NULL); }

static void access_list(struct call *c, const struct list *names)
{
	for (uint32_t i = 0; i < names->n && !c->failed; i++)
		access_named(c, *LIST_AT(*names, struct str, i));
}

/* ---- putting ---- */

static bool refuse(struct call *c, const char *text)
{
	call_fail_code(c, 400, "ValidationError", "%s", text);
	return false;
}

static bool parts_there(struct call *c, const struct cloudwatch_PutMetricAlarmInput *in)
{
	const char *missing = str_present(in->ThresholdMetricId) ? "ThresholdMetricId (anomaly detection)"
		: in->EvaluationWindow != NULL || in->EvaluationCriteria != NULL ? "EvaluationWindow and EvaluationCriteria"
		: in->EvaluationInterval.set ? "EvaluationInterval" : in->WarmUpConfiguration != NULL ? "WarmUpConfiguration"
		: in->ActionConfiguration != NULL ? "ActionConfiguration" : NULL;
	if (missing != NULL)
		call_unsupported(c, "alarms with %s are not there", missing);
	return missing == NULL;
}

/* Of a list of queries it watches the one that returns data. */
static bool queries_ok(struct call *c, const struct cloudwatch_PutMetricAlarmInput *in)
{
	uint32_t watched = 0, n = 0;
	if (str_present(in->MetricName) || str_present(in->Namespace) || in->Period.set || str_present(in->Statistic) ||
	    str_present(in->ExtendedStatistic) || in->Dimensions.n > 0 || str_present(in->Unit))
		return refuse(c, "Metrics cannot be combined with MetricName, Namespace, Dimensions, Period, Unit, Statistic or ExtendedStatistic");
	if (in->Metrics.n > QUERIES_MOST)
		return refuse(c, "Metrics has too many members (20)");
	if (!metric_queries_ok(c, &in->Metrics))
		return false;
	for (uint32_t i = 0; i < in->Metrics.n; i++) {
		const struct cloudwatch_MetricDataQuery *q = LIST_AT(in->Metrics, struct cloudwatch_MetricDataQuery, i);
		bool returns = !q->ReturnData.set || q->ReturnData.v;
		watched = returns ? i : watched;
		n += returns;
	}
	if (math_period_s(&in->Metrics) < 10)
		return refuse(c, "Period must be 10, 20, 30 or a multiple of 60");
	if (n != 1)
		return refuse(c, "Exactly one element of the metrics list should return data.");
	struct math m;
	int64_t periods = in->EvaluationPeriods.set && in->EvaluationPeriods.v > 0 && in->EvaluationPeriods.v < DAY_S ? in->EvaluationPeriods.v : 1;
	math_init(&m, c, &in->Metrics, 0, (periods + 2) * math_period_s(&in->Metrics) * 1000);
	m.dry = true;
	const struct math_value *v = math_value_of(&m, watched);
	if (v == NULL)
		return false;
	return (v->kind == MATH_SERIES && !m.searched) || refuse(c, "The expression of an alarm must give a single time series, without SEARCH");
}

static bool metric_ok(struct call *c, const struct cloudwatch_PutMetricAlarmInput *in)
{
	if (in->Metrics.n > 0)
		return queries_ok(c, in);
	if (!str_present(in->MetricName) || !str_present(in->Namespace) || !in->Period.set)
		return refuse(c, "The parameters MetricName, Namespace and Period must be given");
	if (str_present(in->Statistic) == str_present(in->ExtendedStatistic))
		return refuse(c, "Exactly one of Statistic and ExtendedStatistic must be specified");
	if (str_present(in->ExtendedStatistic) && !stat_known(in->ExtendedStatistic))
		return refuse(c, "The value for parameter ExtendedStatistic is not supported.");
	int64_t p = in->Period.v;
	if (p != 10 && p != 20 && p != 30 && (p <= 0 || p % 60 != 0))
		return refuse(c, "Period must be 10, 20, 30 or a multiple of 60");
	return true;
}

static bool evaluation_ok(struct call *c, const struct cloudwatch_PutMetricAlarmInput *in)
{
	static const char *const treatments[] = {"breaching", "notBreaching", "ignore", "missing"};
	if (!in->EvaluationPeriods.set || !str_present(in->ComparisonOperator) || !in->Threshold.set)
		return refuse(c, "The parameters EvaluationPeriods, ComparisonOperator and Threshold must be given");
	if (in->DatapointsToAlarm.set && in->DatapointsToAlarm.v > in->EvaluationPeriods.v)
		return refuse(c, "DatapointsToAlarm must be less than or equal to EvaluationPeriods");
	/* divided, not multiplied: both numbers are the client's */
	int64_t period = in->Metrics.n > 0 ? math_period_s(&in->Metrics) : in->Period.v;
	if (in->EvaluationPeriods.v > (period < HOUR_S ? DAY_S : 7 * DAY_S) / period)
		return refuse(c, period < HOUR_S ? "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400)."
			: "Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be <= 604800).");
	if (str_find_str(in->ComparisonOperator, S("UpperThreshold")) >= 0 || str_find_str(in->ComparisonOperator, S("LowerThreshold")) >= 0) {
		call_unsupported(c, "alarms on anomaly detection are not there");
		return false;
	}
	for (size_t i = 0; i < COUNT_OF(treatments); i++)
		if (!str_present(in->TreatMissingData) || str_eq(in->TreatMissingData, str_c(treatments[i])))
			return true;
	return refuse(c, "TreatMissingData must be breaching, notBreaching, ignore or missing");
}

bool actions_ok(struct call *c, struct alarm_actions of)
{
	const struct list *lists[] = {of.alarm, of.ok, of.insufficient};
	for (size_t k = 0; k < COUNT_OF(lists); k++)
		for (uint32_t i = 0; i < lists[k]->n; i++)
			if (!action_ok(c, *LIST_AT(*lists[k], struct str, i)))
				return false;
	return true;
}

/* What the request says; the state is the record's own. */
static void configure(struct call *c, struct cloudwatch_MetricAlarm *a, const struct cloudwatch_PutMetricAlarmInput *in)
{
	a->AlarmName = in->AlarmName;
	a->AlarmArn = alarm_arn(c, in->AlarmName);
	a->AlarmDescription = in->AlarmDescription;
	a->AlarmConfigurationUpdatedTimestamp = SOME_TIME(c->now_ms);
	a->ActionsEnabled = SOME_BOOL(!in->ActionsEnabled.set || in->ActionsEnabled.v);
	a->OKActions = (struct list){in->OKActions.v, in->OKActions.n, true};
	a->AlarmActions = (struct list){in->AlarmActions.v, in->AlarmActions.n, true};
	a->InsufficientDataActions = (struct list){in->InsufficientDataActions.v, in->InsufficientDataActions.n, true};
	a->MetricName = in->MetricName;
	a->Namespace = in->Namespace;
	a->Statistic = in->Statistic;
	a->ExtendedStatistic = in->ExtendedStatistic;
	a->Dimensions = (struct list){in->Dimensions.v, in->Dimensions.n, true};
	a->Period = in->Period;
	a->Unit = in->Unit;
	a->Metrics = in->Metrics;
	a->EvaluationPeriods = in->EvaluationPeriods;
	a->DatapointsToAlarm = in->DatapointsToAlarm;
	a->Threshold = in->Threshold;
	a->ComparisonOperator = in->ComparisonOperator;
	a->TreatMissingData = in->TreatMissingData;
	a->EvaluateLowSampleCountPercentile = in->EvaluateLowSampleCountPercentile;
}

void note_configuration(struct call *c, struct str name, bool composite, const char *type)
{
	const char *done = type[0] == 'C' ? "created" : type[0] == 'U' ? "updated" : "deleted";
	struct json *data = json_new_object(c->arena);
	json_set_str(c->arena, data, "version", S("1.0"));
	json_set_str(c->arena, data, "type", str_c(type));
	history_add(c, name, composite, c->now_ms, "ConfigurationUpdate", arena_printf(c->arena, "Alarm \"%.*s\" %s", STR_ARG(name), done), data);
}

void access_put_metric_alarm(struct call *c) { access_named(c, ((const struct cloudwatch_PutMetricAlarmInput *)c->in)->AlarmName); }

void op_put_metric_alarm(struct call *c)
{
	const struct cloudwatch_PutMetricAlarmInput *in = c->in;
	if (!parts_there(c, in) || !metric_ok(c, in) || !evaluation_ok(c, in) || !actions_ok(c, ALARM_ACTIONS(in)))
		return;
	if (composite_get(c, in->AlarmName) != NULL) {
		refuse(c, "There is a composite alarm of this name");
		return;
	}
	struct cloudwatch_AlarmRecord *r = alarm_get(c, in->AlarmName);
	bool made = r == NULL;
	if (made) {
		r = arena_new_of(c->arena, struct cloudwatch_AlarmRecord);
		r->Alarm = arena_new_of(c->arena, struct cloudwatch_MetricAlarm);
		r->Alarm->StateValue = S("INSUFFICIENT_DATA");
		r->Alarm->StateReason = S("Unchecked: Initial alarm creation");
		r->Alarm->StateUpdatedTimestamp = r->Alarm->StateTransitionedTimestamp = SOME_TIME(c->now_ms);
		r->Tags = in->Tags; /* of an alarm that is there PutMetricAlarm changes none */
	}
	configure(c, r->Alarm, in);
	alarm_save(c, r);
	note_configuration(c, in->AlarmName, false, made ? "Create" : "Update");
	alarm_look_at(c, in->AlarmName, c->now_ms);
	trim_daily(c);
}

void access_delete_alarms(struct call *c) { access_list(c, &((const struct cloudwatch_DeleteAlarmsInput *)c->in)->AlarmNames); }

/* Who is watched by an alarm that stays cannot go. */
static bool may_go(struct call *c, struct str name, const struct list *going)
{
	struct cloudwatch_CompositeRecord **watching;
	uint32_t n = composites_of(c, name, &watching);
	for (uint32_t i = 0; i < n; i++) {
		bool goes = false;
		for (uint32_t k = 0; k < going->n; k++)
			goes |= str_eq(*LIST_AT(*going, struct str, k), watching[i]->Alarm->AlarmName) && !str_eq(name, watching[i]->Alarm->AlarmName);
		if (!goes)
			call_fail_code(c, 400, "ValidationError", "Cannot delete %.*s as there are composite alarm(s) depending on it.", STR_ARG(name));
	}
	return !c->failed;
}

/* All or none: "if you specify an incorrect alarm name or one that doesn't exist ... none of the alarms are deleted". */
void op_delete_alarms(struct call *c)
{
	const struct cloudwatch_DeleteAlarmsInput *in = c->in;
	uint32_t composites = 0;
	for (uint32_t i = 0; i < in->AlarmNames.n; i++) {
		struct str name = *LIST_AT(in->AlarmNames, struct str, i);
		if (!str_present(alarm_state(c, name))) {
			call_fail(c, &cloudwatch_err_ResourceNotFound, "Unknown alarm: %.*s", STR_ARG(name));
			return;
		}
		composites += composite_get(c, name) != NULL;
		if (!may_go(c, name, &in->AlarmNames))
			return;
	}
	if (composites > 1) {
		refuse(c, "At most one composite alarm can be deleted in one request");
		return;
	}
	for (uint32_t i = 0; i < in->AlarmNames.n; i++) {
		struct str name = *LIST_AT(in->AlarmNames, struct str, i);
		const struct cloudwatch_CompositeRecord *composite = composite_get(c, name);
		if (composite != NULL)
			composite_delete(c, composite);
		else if (alarm_get(c, name) == NULL)
			continue; /* named twice */
		call_del(c, alarm_key(c, name));
		(void)job_drop(c, "evaluate", name);
		note_configuration(c, name, composite != NULL, "Delete");
	}
}

/* ---- showing ---- */

void access_describe_alarms(struct call *c) { authorize(c, NULL, alarm_arn(c, S("*")), NULL); }

static bool acts(struct alarm_actions of, struct str prefix)
{
	const struct list *lists[] = {of.alarm, of.ok, of.insufficient};
	for (size_t k = 0; k < COUNT_OF(lists); k++)
		for (uint32_t i = 0; i < lists[k]->n; i++)
			if (str_starts(*LIST_AT(*lists[k], struct str, i), prefix))
				return true;
	return false;
}

bool alarm_wanted(const struct cloudwatch_DescribeAlarmsInput *in, struct str name, struct str state, struct alarm_actions actions)
{
	bool named = in->AlarmNames.n == 0;
	for (uint32_t i = 0; !named && i < in->AlarmNames.n; i++)
		named = str_eq(*LIST_AT(in->AlarmNames, struct str, i), name);
	return named && (!str_present(in->AlarmNamePrefix) || str_starts(name, in->AlarmNamePrefix)) &&
	       (!str_present(in->StateValue) || str_eq(in->StateValue, state)) &&
	       (!str_present(in->ActionPrefix) || acts(actions, in->ActionPrefix));
}

/* The alarms that an alarm's rule names, or that name it; of them only who they are, and of children how they are. */
static void describe_relatives(struct call *c, const struct cloudwatch_DescribeAlarmsInput *in, struct cloudwatch_DescribeAlarmsOutput *out)
{
	struct cloudwatch_CompositeRecord **parents;
	uint32_t n = str_present(in->ParentsOfAlarmName) ? composites_of(c, in->ParentsOfAlarmName, &parents) : 0;
	struct alarm_rule rule = {0};
	const char *why;
	const struct cloudwatch_CompositeRecord *of = str_present(in->ChildrenOfAlarmName) ? composite_get(c, in->ChildrenOfAlarmName) : NULL;
	if (of != NULL && !alarm_rule_parse(c->arena, of->Alarm->AlarmRule, &rule, &why))
		ASSERT(false); /* the put let it in */
	out->MetricAlarms = LIST_OF(c->arena, struct cloudwatch_MetricAlarm, rule.n_alarms);
	out->CompositeAlarms = LIST_OF(c->arena, struct cloudwatch_CompositeAlarm, rule.n_alarms + n);
	out->MetricAlarms.n = out->CompositeAlarms.n = 0;
	for (uint32_t i = 0; i < n; i++)
		((struct cloudwatch_CompositeAlarm *)out->CompositeAlarms.v)[out->CompositeAlarms.n++] =
			(struct cloudwatch_CompositeAlarm){.AlarmName = parents[i]->Alarm->AlarmName, .AlarmArn = parents[i]->Alarm->AlarmArn};
	for (uint32_t i = 0; i < rule.n_alarms; i++) {
		const struct cloudwatch_AlarmRecord *m = alarm_get(c, rule.alarms[i]);
		const struct cloudwatch_CompositeRecord *x = m == NULL ? composite_get(c, rule.alarms[i]) : NULL;
		if (m != NULL)
			((struct cloudwatch_MetricAlarm *)out->MetricAlarms.v)[out->MetricAlarms.n++] = (struct cloudwatch_MetricAlarm){
				.AlarmName = rule.alarms[i], .AlarmArn = m->Alarm->AlarmArn, .StateValue = m->Alarm->StateValue,
				.StateUpdatedTimestamp = m->Alarm->StateUpdatedTimestamp};
		else if (x != NULL)
			((struct cloudwatch_CompositeAlarm *)out->CompositeAlarms.v)[out->CompositeAlarms.n++] = (struct cloudwatch_CompositeAlarm){
				.AlarmName = rule.alarms[i], .AlarmArn = x->Alarm->AlarmArn, .StateValue = x->Alarm->StateValue,
				.StateUpdatedTimestamp = x->Alarm->StateUpdatedTimestamp};
	}
}

/* Metric alarms from `after` on; false: there are more. */
static bool list_metric_alarms(struct call *c, const struct cloudwatch_DescribeAlarmsInput *in, struct str *after, uint32_t most, struct list *out)
{
	struct str key, value;
	bool more = false;
	struct scan *s = call_scan(c, call_key(c, "alarm"), *after, false);
	while (scan_next(s, &key, &value)) {
		const struct cloudwatch_AlarmRecord *r = record_decode(c, &cloudwatch_shape_AlarmRecord, value);
		if (!alarm_wanted(in, r->Alarm->AlarmName, r->Alarm->StateValue, ALARM_ACTIONS(r->Alarm)))
			continue;
		more = out->n == most;
		if (more)
			break;
		*after = arena_dup(c->arena, key);
		((struct cloudwatch_MetricAlarm *)out->v)[out->n++] = *r->Alarm;
	}
	scan_close(s);
	return !more;
}

void op_describe_alarms(struct call *c)
{
	const struct cloudwatch_DescribeAlarmsInput *in = c->in;
	struct cloudwatch_DescribeAlarmsOutput *out = c->out;
	struct str after;
	bool metric = in->AlarmTypes.n == 0, composite = false; /* nothing said: MetricAlarm */
	for (uint32_t i = 0; i < in->AlarmTypes.n; i++) {
		metric |= str_eq(*LIST_AT(in->AlarmTypes, struct str, i), S("MetricAlarm"));
		composite |= str_eq(*LIST_AT(in->AlarmTypes, struct str, i), S("CompositeAlarm"));
	}
	if (str_present(in->ChildrenOfAlarmName) || str_present(in->ParentsOfAlarmName)) {
		bool alone = str_present(in->ChildrenOfAlarmName) != str_present(in->ParentsOfAlarmName) && in->AlarmNames.n == 0 &&
		             in->AlarmTypes.n == 0 && !str_present(in->AlarmNamePrefix) && !str_present(in->StateValue) && !str_present(in->ActionPrefix);
		if (alone)
			describe_relatives(c, in, out);
		else
			refuse(c, "ChildrenOfAlarmName and ParentsOfAlarmName cannot be combined with other parameters");
		return;
	}
	if (!page_position(c->arena, in->NextToken, &after)) {
		call_fail(c, &cloudwatch_err_InvalidNextToken, "Invalid nextToken");
		return;
	}
	uint32_t most = in->MaxRecords.set && in->MaxRecords.v < PAGE_MOST ? (uint32_t)in->MaxRecords.v : in->MaxRecords.set ? PAGE_MOST : PAGE;
	out->MetricAlarms = LIST_OF(c->arena, struct cloudwatch_MetricAlarm, most);
	out->CompositeAlarms = LIST_OF(c->arena, struct cloudwatch_CompositeAlarm, most);
	out->MetricAlarms.n = out->CompositeAlarms.n = 0;
	bool in_metric = !str_present(after) || str_starts(after, key_bytes(call_key(c, "alarm")));
	bool all = !metric || !in_metric || list_metric_alarms(c, in, &after, most, &out->MetricAlarms);
	if (all && composite)
		all = composites_list(c, in, &after, most - out->MetricAlarms.n, &out->CompositeAlarms);
	if (!all)
		out->NextToken = page_token(c->arena, after);
}

void access_describe_alarms_for_metric(struct call *c) { authorize(c, NULL, S("*"), NULL); }

void op_describe_alarms_for_metric(struct call *c)
{
	const struct cloudwatch_DescribeAlarmsForMetricInput *in = c->in;
	struct cloudwatch_DescribeAlarmsForMetricOutput *out = c->out;
	struct str key, value, dims = dimensions_text(c, &in->Dimensions);
	struct cloudwatch_MetricAlarm *v = NULL;
	uint32_t n = 0;
	struct scan *s = call_scan(c, call_key(c, "alarm"), STR_NONE, false);
	while (scan_next(s, &key, &value)) {
		const struct cloudwatch_MetricAlarm *a = ((struct cloudwatch_AlarmRecord *)record_decode(c, &cloudwatch_shape_AlarmRecord, value))->Alarm;
		if (!str_eq(a->MetricName, in->MetricName) || !str_eq(a->Namespace, in->Namespace) ||
		    !str_eq(dims, dimensions_text(c, &a->Dimensions)) || (in->Period.set && in->Period.v != a->Period.v) ||
		    (str_present(in->Statistic) && !str_eq(in->Statistic, a->Statistic)) ||
		    (str_present(in->ExtendedStatistic) && !str_eq(in->ExtendedStatistic, a->ExtendedStatistic)) ||
		    (str_present(in->Unit) && !str_eq(in->Unit, a->Unit)))
			continue;
		v = arena_grow(c->arena, v, sizeof *v, n, n + 1);
		v[n++] = *a;
	}
	out->MetricAlarms = (struct list){v, n, true};
}

/* ---- state and actions by hand ---- */

void access_set_alarm_state(struct call *c) { access_named(c, ((const struct cloudwatch_SetAlarmStateInput *)c->in)->AlarmName); }

/* Until the next evaluation finds otherwise. */
void op_set_alarm_state(struct call *c)
{
	const struct cloudwatch_SetAlarmStateInput *in = c->in;
	struct json_error e;
	struct cloudwatch_AlarmRecord *r = alarm_get(c, in->AlarmName);
	struct cloudwatch_CompositeRecord *composite = r == NULL ? composite_get(c, in->AlarmName) : NULL;
	if (r == NULL && composite == NULL)
		call_fail(c, &cloudwatch_err_ResourceNotFound, "Unknown alarm: %.*s", STR_ARG(in->AlarmName));
	else if (str_present(in->StateReasonData) && json_parse(c->arena, in->StateReasonData, &e) == NULL)
		call_fail(c, &cloudwatch_err_InvalidFormatFault, "StateReasonData is not JSON");
	else if (r != NULL)
		alarm_change(c, r, in->StateValue, in->StateReason, in->StateReasonData, c->now_ms);
	else
		composite_change(c, composite, in->StateValue, in->StateReason, in->StateReasonData, c->now_ms);
}

static void switch_actions(struct call *c, const struct list *names, bool on)
{
	for (uint32_t i = 0; i < names->n; i++) {
		struct str name = *LIST_AT(*names, struct str, i);
		struct cloudwatch_AlarmRecord *r = alarm_get(c, name);
		struct cloudwatch_CompositeRecord *composite = r == NULL ? composite_get(c, name) : NULL;
		if (composite != NULL) {
			composite->Alarm->ActionsEnabled = SOME_BOOL(on);
			composite->Alarm->AlarmConfigurationUpdatedTimestamp = SOME_TIME(c->now_ms);
			composite_save(c, composite);
			note_configuration(c, name, true, "Update");
		}
		if (r == NULL)
			continue; /* as AWS: nothing is said */
		r->Alarm->ActionsEnabled = SOME_BOOL(on);
		r->Alarm->AlarmConfigurationUpdatedTimestamp = SOME_TIME(c->now_ms);
		alarm_save(c, r);
		note_configuration(c, name, false, "Update");
	}
}

void access_enable_alarm_actions(struct call *c) { access_list(c, &((const struct cloudwatch_EnableAlarmActionsInput *)c->in)->AlarmNames); }

void op_enable_alarm_actions(struct call *c)
{
	switch_actions(c, &((const struct cloudwatch_EnableAlarmActionsInput *)c->in)->AlarmNames, true);
}

void access_disable_alarm_actions(struct call *c) { access_list(c, &((const struct cloudwatch_DisableAlarmActionsInput *)c->in)->AlarmNames); }

void op_disable_alarm_actions(struct call *c)
{
	switch_actions(c, &((const struct cloudwatch_DisableAlarmActionsInput *)c->in)->AlarmNames, false);
}
