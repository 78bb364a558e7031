/* CloudWatch metrics and alarms: its operations. What has no row here answers 501 and names itself. */
#include "alarm.h"

#define ALARMS(Name, fn, mode) {&cloudwatch_op_##Name, op_##fn, mode, NULL, access_##fn}

static const struct op ops[] = {
	{&cloudwatch_op_PutMetricData, op_put_metric_data, OP_WRITE, .access = access_put_metric_data},
	{&cloudwatch_op_GetMetricStatistics, op_get_metric_statistics, OP_READ},
	{&cloudwatch_op_GetMetricData, op_get_metric_data, OP_READ},
	{&cloudwatch_op_ListMetrics, op_list_metrics, OP_READ},
	ALARMS(PutMetricAlarm, put_metric_alarm, OP_WRITE),
	ALARMS(DescribeAlarms, describe_alarms, OP_READ),
	ALARMS(DescribeAlarmsForMetric, describe_alarms_for_metric, OP_READ),
	ALARMS(DescribeAlarmHistory, describe_alarm_history, OP_READ),
	ALARMS(DeleteAlarms, delete_alarms, OP_WRITE),
	ALARMS(SetAlarmState, set_alarm_state, OP_WRITE),
	ALARMS(EnableAlarmActions, enable_alarm_actions, OP_WRITE),
	ALARMS(DisableAlarmActions, disable_alarm_actions, OP_WRITE),
	ALARMS(TagResource, tag_resource, OP_WRITE),
	ALARMS(UntagResource, untag_resource, OP_WRITE),
	ALARMS(ListTagsForResource, list_tags, OP_READ),
};

static const struct job_kind jobs[] = {{"trim", job_trim}, {"evaluate", job_evaluate}, {"act", job_act}};

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
