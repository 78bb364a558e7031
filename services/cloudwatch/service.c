/* CloudWatch metrics: its operations. What has no row here answers 501 and names itself. */
#include "cloudwatch.h"

static const struct op ops[] = {
	{&cloudwatch_op_PutMetricData, op_put_metric_data, OP_WRITE, .access = access_put_metric_data},
	{&cloudwatch_op_GetMetricStatistics, op_get_metric_statistics, OP_READ},
	{&cloudwatch_op_GetMetricData, op_get_metric_data, OP_READ},
	{&cloudwatch_op_ListMetrics, op_list_metrics, OP_READ},
};

static const struct job_kind jobs[] = {{"trim", job_trim}};

const struct service service_cloudwatch = {
	.name = "cloudwatch",
	.model = &cloudwatch_model,
	.iam_prefix = "cloudwatch",
	.principal = "monitoring.amazonaws.com",
	.ops = ops,
	.n_ops = COUNT_OF(ops),
	.jobs = jobs,
	.n_jobs = COUNT_OF(jobs),
	.start = feed_start,
	.stop = feed_stop,
};
