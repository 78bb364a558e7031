/* Amazon Kinesis Data Streams: the rows of the service. kinesis.h says how its files hang together. What has no row answers 501:
 * channels, the billing commitment and warm throughput (README.md). */
#include "kinesis.h"

static const struct op ops[] = {
	{&kinesis_op_AddTagsToStream, op_add_tags_to_stream, OP_WRITE, NULL, access_stream},
	{&kinesis_op_CreateStream, op_create_stream, OP_WRITE, NULL, access_create},
	{&kinesis_op_DecreaseStreamRetentionPeriod, op_decrease_stream_retention_period, OP_WRITE, NULL, access_stream},
	{&kinesis_op_DeleteResourcePolicy, op_delete_resource_policy, OP_WRITE, NULL, access_resource},
	{&kinesis_op_DeleteStream, op_delete_stream, OP_WRITE, NULL, access_stream},
	{&kinesis_op_DeregisterStreamConsumer, op_deregister_stream_consumer, OP_WRITE, NULL, access_consumer},
	{&kinesis_op_DescribeLimits, op_describe_limits, OP_READ, NULL, NULL},
	{&kinesis_op_DescribeStream, op_describe_stream, OP_READ, NULL, access_stream},
	{&kinesis_op_DescribeStreamConsumer, op_describe_stream_consumer, OP_READ, NULL, access_consumer},
	{&kinesis_op_DescribeStreamSummary, op_describe_stream_summary, OP_READ, NULL, access_stream},
	{&kinesis_op_DisableEnhancedMonitoring, op_disable_enhanced_monitoring, OP_WRITE, NULL, access_stream},
	{&kinesis_op_EnableEnhancedMonitoring, op_enable_enhanced_monitoring, OP_WRITE, NULL, access_stream},
	{&kinesis_op_GetRecords, op_get_records, OP_READ, NULL, access_iterator},
	{&kinesis_op_GetResourcePolicy, op_get_resource_policy, OP_READ, NULL, access_resource},
	{&kinesis_op_GetShardIterator, op_get_shard_iterator, OP_READ, NULL, access_stream},
	{&kinesis_op_IncreaseStreamRetentionPeriod, op_increase_stream_retention_period, OP_WRITE, NULL, access_stream},
	{&kinesis_op_ListShards, op_list_shards, OP_READ, NULL, access_list_shards},
	{&kinesis_op_ListStreamConsumers, op_list_stream_consumers, OP_READ, NULL, access_stream},
	{&kinesis_op_ListStreams, op_list_streams, OP_READ, NULL, NULL},
	{&kinesis_op_ListTagsForResource, op_list_tags_for_resource, OP_READ, NULL, access_resource},
	{&kinesis_op_ListTagsForStream, op_list_tags_for_stream, OP_READ, NULL, access_stream},
	{&kinesis_op_MergeShards, op_merge_shards, OP_WRITE, NULL, access_stream},
	{&kinesis_op_PutRecord, op_put_record, OP_WRITE, NULL, access_stream},
	{&kinesis_op_PutRecords, op_put_records, OP_WRITE, NULL, access_stream},
	{&kinesis_op_PutResourcePolicy, op_put_resource_policy, OP_WRITE, NULL, access_resource},
	{&kinesis_op_RegisterStreamConsumer, op_register_stream_consumer, OP_WRITE, NULL, access_register},
	{&kinesis_op_RemoveTagsFromStream, op_remove_tags_from_stream, OP_WRITE, NULL, access_stream},
	{&kinesis_op_SplitShard, op_split_shard, OP_WRITE, NULL, access_stream},
	{&kinesis_op_StartStreamEncryption, op_start_stream_encryption, OP_WRITE, NULL, access_stream},
	{&kinesis_op_StopStreamEncryption, op_stop_stream_encryption, OP_WRITE, NULL, access_stream},
	{&kinesis_op_SubscribeToShard, op_subscribe_to_shard, OP_READ, NULL, access_consumer},
	{&kinesis_op_TagResource, op_tag_resource, OP_WRITE, NULL, access_resource},
	{&kinesis_op_UntagResource, op_untag_resource, OP_WRITE, NULL, access_resource},
	{&kinesis_op_UpdateMaxRecordSize, op_update_max_record_size, OP_WRITE, NULL, access_stream},
	{&kinesis_op_UpdateShardCount, op_update_shard_count, OP_WRITE, NULL, access_stream},
	{&kinesis_op_UpdateStreamMode, op_update_stream_mode, OP_WRITE, NULL, access_stream},
	{&kinesis_op_UpdateStreamRecordDistributionStrategy, op_update_stream_record_distribution_strategy, OP_WRITE, NULL, access_stream},
};

static const struct job_kind jobs[] = {
	{"scale", job_scale},
	{"sweep", job_sweep},
	{"trim", job_trim},
};

const struct service service_kinesis = {
	.name = "kinesis",
	.model = &kinesis_model,
	.iam_prefix = "kinesis",
	.principal = "kinesis.amazonaws.com",
	.ops = ops,
	.n_ops = COUNT_OF(ops),
	.jobs = jobs,
	.n_jobs = COUNT_OF(jobs),
	.cfn_types = kinesis_cfn_types,
	.n_cfn_types = COUNT_OF(kinesis_cfn_types),
	.resource_policy = resource_policy,
};
