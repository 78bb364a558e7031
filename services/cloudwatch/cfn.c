/* AWS::CloudWatch::Alarm, CompositeAlarm, Dashboard and InsightRule. Source: the types' pages in the CloudFormation User Guide. */
#include "alarm.h"
#include "insight.h"

#include "svc/cfn.h"

static const char *const properties[] = {"ActionsEnabled", "AlarmActions", "AlarmDescription", "AlarmName", "ComparisonOperator",
	"DatapointsToAlarm", "Dimensions", "EvaluateLowSampleCountPercentile", "EvaluationPeriods", "ExtendedStatistic", "InsufficientDataActions",
	"MetricName", "Metrics", "Namespace", "OKActions", "Period", "Statistic", "Tags", "Threshold",
	"ThresholdMetricId", "TreatMissingData", "Unit", NULL};
static const char *const replaces[] = {"AlarmName", "Tags", NULL};

static const char *const composite_properties[] = {"ActionsEnabled", "ActionsSuppressor", "ActionsSuppressorExtensionPeriod",
	"ActionsSuppressorWaitPeriod", "AlarmActions", "AlarmDescription", "AlarmName", "AlarmRule", "InsufficientDataActions", "OKActions", "Tags",
	NULL};

/* The properties are the operation's parameters. */
static enum cfn_status put_alarm(struct cfn_resource *r, const char *operation)
{
	struct arena *a = r->c->arena;
	struct json *in = json_copy(a, r->properties), *tags = cfn_tags(r, false);
	(void)json_unset(in, S("Tags"));
	json_set_str(a, in, "AlarmName", r->physical_id);
	if (tags != NULL && tags->n > 0)
		json_set(a, in, S("Tags"), tags);
	struct invoked i = invoke(r->c, "cloudwatch", operation, in, NULL);
	if (!i.ok)
		return cfn_done(r, &i);
	json_set_str(a, r->attributes, "Arn", alarm_arn(r->c, r->physical_id));
	return CFN_DONE;
}

static void name_alarm(struct cfn_resource *r)
{
	struct str name = json_get_str(r->properties, "AlarmName");
	r->physical_id = str_present(name) ? name : cfn_make_name(r, 255, false);
}

static enum cfn_status put(struct cfn_resource *r) { return put_alarm(r, "PutMetricAlarm"); }

static enum cfn_status create(struct cfn_resource *r)
{
	name_alarm(r);
	return put(r);
}

static enum cfn_status put_composite(struct cfn_resource *r) { return put_alarm(r, "PutCompositeAlarm"); }

static enum cfn_status create_composite(struct cfn_resource *r)
{
	name_alarm(r);
	return put_composite(r);
}

/* Deletions take lists of names. */
static struct invoked delete_one(struct cfn_resource *r, const char *operation, const char *names)
{
	struct arena *a = r->c->arena;
	struct json *in = json_new_object(a), *list = json_set(a, in, str_c(names), json_new_array(a));
	json_push(a, list, json_new_str(a, r->physical_id));
	return invoke(r->c, "cloudwatch", operation, in, NULL);
}

static enum cfn_status remove_alarm(struct cfn_resource *r)
{
	struct invoked i = delete_one(r, "DeleteAlarms", "AlarmNames");
	return !i.ok && str_starts(i.error.code, S("ResourceNotFound")) ? CFN_DONE : cfn_done(r, &i);
}

/* ---- dashboards ---- */

static const char *const dashboard_properties[] = {"DashboardBody", "DashboardName", NULL};
static const char *const dashboard_replaces[] = {"DashboardName", NULL};

/* Its body is a string; what a template gives as an object, YAML for example, is written as one. */
static enum cfn_status put_dashboard(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	struct json *in = json_new_object(a), *body = json_get(r->properties, S("DashboardBody"));
	json_set_str(a, in, "DashboardName", r->physical_id);
	json_set_str(a, in, "DashboardBody", json_is(body, JSON_OBJECT) ? json_text(a, body) : json_str(body));
	struct invoked i = invoke(r->c, "cloudwatch", "PutDashboard", in, NULL);
	return cfn_done(r, &i);
}

static enum cfn_status create_dashboard(struct cfn_resource *r)
{
	struct str name = json_get_str(r->properties, "DashboardName");
	r->physical_id = str_present(name) ? name : cfn_make_name(r, 255, false);
	return put_dashboard(r);
}

static enum cfn_status remove_dashboard(struct cfn_resource *r)
{
	struct invoked i = delete_one(r, "DeleteDashboards", "DashboardNames");
	return cfn_gone(r, &i, S("ResourceNotFound"));
}

/* ---- rules of Contributor Insights ---- */

static const char *const rule_properties[] = {"RuleBody", "RuleName", "RuleState", "Tags", NULL};
static const char *const rule_replaces[] = {"RuleName", "Tags", NULL};

static enum cfn_status put_rule(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	struct json *in = json_new_object(a), *tags = cfn_tags(r, false);
	json_set_str(a, in, "RuleName", r->physical_id);
	json_set_str(a, in, "RuleDefinition", json_get_str(r->properties, "RuleBody"));
	if (str_present(json_get_str(r->properties, "RuleState")))
		json_set_str(a, in, "RuleState", json_get_str(r->properties, "RuleState"));
	if (tags != NULL && tags->n > 0)
		json_set(a, in, S("Tags"), tags);
	struct invoked i = invoke(r->c, "cloudwatch", "PutInsightRule", in, NULL);
	json_set_str(a, r->attributes, "Arn", insight_arn(r->c, r->physical_id));
	json_set_str(a, r->attributes, "RuleName", r->physical_id);
	return cfn_done(r, &i);
}

static enum cfn_status create_rule(struct cfn_resource *r)
{
	struct str name = json_get_str(r->properties, "RuleName");
	r->physical_id = str_present(name) ? name : cfn_make_name(r, 128, false);
	return put_rule(r);
}

/* One that is gone already is a failure in the answer, not of the call. */
static enum cfn_status remove_rule(struct cfn_resource *r)
{
	struct invoked i = delete_one(r, "DeleteInsightRules", "RuleNames");
	return cfn_done(r, &i);
}

const struct cfn_type cloudwatch_cfn_types[CLOUDWATCH_CFN_TYPES] = {
	{.name = "AWS::CloudWatch::Alarm", .properties = properties, .replaces = replaces, .create = create, .update = put,
	 .remove = remove_alarm, .name_property = "AlarmName"},
	{.name = "AWS::CloudWatch::CompositeAlarm", .properties = composite_properties, .replaces = replaces, .create = create_composite,
	 .update = put_composite, .remove = remove_alarm, .name_property = "AlarmName"},
	{.name = "AWS::CloudWatch::Dashboard", .properties = dashboard_properties, .replaces = dashboard_replaces, .create = create_dashboard,
	 .update = put_dashboard, .remove = remove_dashboard, .name_property = "DashboardName"},
	{.name = "AWS::CloudWatch::InsightRule", .properties = rule_properties, .replaces = rule_replaces, .create = create_rule,
	 .update = put_rule, .remove = remove_rule, .name_property = "RuleName"},
};
