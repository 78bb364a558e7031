/* CloudWatch Logs: its operations. What has no row here answers 501 and names itself. */
#include "logs.h"

static const struct op ops[] = {
	{&logs_op_CreateLogGroup, op_create_log_group, OP_WRITE, .access = access_create_log_group},
	{&logs_op_DeleteLogGroup, op_delete_log_group, OP_WRITE, .access = access_delete_log_group},
	{&logs_op_DescribeLogGroups, op_describe_log_groups, OP_READ, .access = access_groups},
	{&logs_op_CreateLogStream, op_create_log_stream, OP_WRITE, .access = access_create_log_stream},
	{&logs_op_DeleteLogStream, op_delete_log_stream, OP_WRITE, .access = access_delete_log_stream},
	{&logs_op_DescribeLogStreams, op_describe_log_streams, OP_READ, .access = access_describe_log_streams},
	{&logs_op_PutLogEvents, op_put_log_events, OP_WRITE, .access = access_put_log_events},
	{&logs_op_GetLogEvents, op_get_log_events, OP_READ, .access = access_get_log_events},
	{&logs_op_FilterLogEvents, op_filter_log_events, OP_READ, .access = access_filter_log_events},
	{&logs_op_PutRetentionPolicy, op_put_retention_policy, OP_WRITE, .access = access_put_retention_policy},
	{&logs_op_DeleteRetentionPolicy, op_delete_retention_policy, OP_WRITE, .access = access_delete_retention_policy},
	{&logs_op_PutMetricFilter, op_put_metric_filter, OP_WRITE, .access = access_put_metric_filter},
	{&logs_op_DeleteMetricFilter, op_delete_metric_filter, OP_WRITE, .access = access_delete_metric_filter},
	{&logs_op_DescribeMetricFilters, op_describe_metric_filters, OP_READ, .access = access_describe_metric_filters},
	{&logs_op_TestMetricFilter, op_test_metric_filter, OP_READ},
	{&logs_op_StartLiveTail, op_start_live_tail, OP_READ, .access = access_start_live_tail},
	{&logs_op_PutSubscriptionFilter, op_put_subscription_filter, OP_WRITE, .access = access_subscription},
	{&logs_op_DescribeSubscriptionFilters, op_describe_subscription_filters, OP_READ, .access = access_subscription},
	{&logs_op_DeleteSubscriptionFilter, op_delete_subscription_filter, OP_WRITE, .access = access_subscription},
	{&logs_op_TagResource, op_tag_resource, OP_WRITE, .access = access_tags},
	{&logs_op_UntagResource, op_untag_resource, OP_WRITE, .access = access_tags},
	{&logs_op_ListTagsForResource, op_list_tags_for_resource, OP_READ, .access = access_tags},
	{&logs_op_TagLogGroup, op_tag_log_group, OP_WRITE, .access = access_group_tags},
	{&logs_op_UntagLogGroup, op_untag_log_group, OP_WRITE, .access = access_group_tags},
	{&logs_op_ListTagsLogGroup, op_list_tags_log_group, OP_READ, .access = access_group_tags},
};

static const struct job_kind jobs[] = {{"expire", job_expire}, {"forward", job_forward}};

const struct service service_logs = {
	.name = "logs",
	.model = &logs_model,
	.ops = ops,
	.n_ops = COUNT_OF(ops),
	.jobs = jobs,
	.n_jobs = COUNT_OF(jobs),
	.cfn_types = logs_cfn_types,
	.n_cfn_types = 4, /* asserted in cfn.c */
};
