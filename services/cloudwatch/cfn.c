/* AWS::CloudWatch::Alarm. */
#include "alarm.h"

#include "svc/cfn.h"

static const char *const properties[] = {"ActionsEnabled", "AlarmActions", "AlarmDescription", "AlarmName", "ComparisonOperator",
	"DatapointsToAlarm", "Dimensions", "EvaluateLowSampleCountPercentile", "EvaluationPeriods", "ExtendedStatistic", "InsufficientDataActions",
	"MetricName", "Metrics", "Namespace", "OKActions", "Period", "Statistic", "Tags", "Threshold",
	"ThresholdMetricId", "TreatMissingData", "Unit", NULL};
static const char *const replaces[] = {"AlarmName", "Tags", NULL};

/* Its properties are the operation's parameters. */
static enum cfn_status put(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	struct json *in = json_copy(a, r->properties), *tags = cfn_tags(r, false);
	(void)json_unset(in, S("Tags"));
	json_set_str(a, in, "AlarmName", r->physical_id);
	if (tags != NULL && tags->n > 0)
		json_set(a, in, S("Tags"), tags);
	struct invoked i = invoke(r->c, "cloudwatch", "PutMetricAlarm", in, NULL);
	if (i.parked)
		return CFN_PARKED;
	if (!i.ok)
		return cfn_fail_as(r, &i.error);
	json_set_str(a, r->attributes, "Arn", alarm_arn(r->c, r->physical_id));
	return CFN_DONE;
}

static enum cfn_status create(struct cfn_resource *r)
{
	struct str name = json_get_str(r->properties, "AlarmName");
	r->physical_id = str_present(name) ? name : cfn_make_name(r, 255, false);
	return put(r);
}

static enum cfn_status remove_alarm(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	struct json *in = json_new_object(a), *names = json_new_array(a);
	json_push(a, names, json_new_str(a, r->physical_id));
	json_set(a, in, S("AlarmNames"), names);
	struct invoked i = invoke(r->c, "cloudwatch", "DeleteAlarms", in, NULL);
	return i.ok || str_starts(i.error.code, S("ResourceNotFound")) ? CFN_DONE : cfn_fail_as(r, &i.error);
}

const struct cfn_type cloudwatch_cfn_types[CLOUDWATCH_CFN_TYPES] = {
	{.name = "AWS::CloudWatch::Alarm", .properties = properties, .replaces = replaces, .create = create, .update = put,
	 .remove = remove_alarm, .name_property = "AlarmName"},
};
