/* CloudWatch: its operations. What has no row here answers 501 and names itself. */
#include "composite.h"
#include "dashboard.h"
#include "insight.h"

#define OPERATION(Name, fn, mode) {&cloudwatch_op_##Name, op_##fn, mode, NULL, access_##fn}

static const struct op ops[] = {
	{&cloudwatch_op_PutMetricData, op_put_metric_data, OP_WRITE, .access = access_put_metric_data},
	{&cloudwatch_op_GetMetricStatistics, op_get_metric_statistics, OP_READ},
	{&cloudwatch_op_GetMetricData, op_get_metric_data, OP_READ},
	{&cloudwatch_op_ListMetrics, op_list_metrics, OP_READ},
	OPERATION(PutMetricAlarm, put_metric_alarm, OP_WRITE),
	OPERATION(PutCompositeAlarm, put_composite_alarm, OP_WRITE),
	OPERATION(DescribeAlarms, describe_alarms, OP_READ),
	OPERATION(DescribeAlarmsForMetric, describe_alarms_for_metric, OP_READ),
	OPERATION(DescribeAlarmHistory, describe_alarm_history, OP_READ),
	OPERATION(DeleteAlarms, delete_alarms, OP_WRITE),
	OPERATION(SetAlarmState, set_alarm_state, OP_WRITE),
	OPERATION(EnableAlarmActions, enable_alarm_actions, OP_WRITE),
	OPERATION(DisableAlarmActions, disable_alarm_actions, OP_WRITE),
	OPERATION(TagResource, tag_resource, OP_WRITE),
	OPERATION(UntagResource, untag_resource, OP_WRITE),
	OPERATION(ListTagsForResource, list_tags, OP_READ),
	OPERATION(PutDashboard, put_dashboard, OP_WRITE),
	OPERATION(GetDashboard, get_dashboard, OP_READ),
	OPERATION(ListDashboards, list_dashboards, OP_READ),
	OPERATION(DeleteDashboards, delete_dashboards, OP_WRITE),
	OPERATION(PutInsightRule, put_insight_rule, OP_WRITE),
	OPERATION(DescribeInsightRules, describe_insight_rules, OP_READ),
	OPERATION(GetInsightRuleReport, get_insight_rule_report, OP_READ),
	OPERATION(EnableInsightRules, enable_insight_rules, OP_WRITE),
	OPERATION(DisableInsightRules, disable_insight_rules, OP_WRITE),
	OPERATION(DeleteInsightRules, delete_insight_rules, OP_WRITE),
	OPERATION(PutManagedInsightRules, put_managed_insight_rules, OP_READ),
	OPERATION(ListManagedInsightRules, list_managed_insight_rules, OP_READ),
};

static const struct job_kind jobs[] = {{"trim", job_trim}, {"evaluate", job_evaluate}, {"act", job_act}, {"release", job_release}};

const struct service service_cloudwatch = {
	.name = "cloudwatch",
	.model = &cloudwatch_model,
	.iam_prefix = "cloudwatch",
	.principal = "monitoring.amazonaws.com",
	.ops = ops,
	.n_ops = COUNT_OF(ops),
	.jobs = jobs,
	.n_jobs = COUNT_OF(jobs),
	.cfn_types = cloudwatch_cfn_types,
	.n_cfn_types = CLOUDWATCH_CFN_TYPES,
	.start = feed_start,
	.stop = feed_stop,
};
