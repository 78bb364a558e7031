/* The dynamodb service: its operations and jobs. What has no row here answers 501 and names itself. */
#include "access.h"
#include "destination.h"
#include "history.h"
#include "insights.h"
#include "item_op.h"
#include "ops_backup.h"
#include "ops_batch.h"
#include "ops_global.h"
#include "ops_query.h"
#include "ops_replica.h"
#include "ops_s3.h"
#include "ops_settings.h"
#include "ops_table.h"
#include "ops_transact.h"
#include "ops_vector.h"
#include "partiql_run.h"
#include "scaling.h"
#include "seal.h"
#include "ttl.h"
#include "write.h"

#define OP(name, handler, how, permission, ...) {.model = &dynamodb_op_##name, .run = handler, .mode = how, .access = permission, ##__VA_ARGS__}

static const struct op ops[] = {
	OP(CreateTable, ddb_create_table, OP_WRITE, ddb_access_table),
	OP(DeleteItem, ddb_delete_item, OP_WRITE, ddb_access_items),
	OP(DeleteTable, ddb_delete_table, OP_WRITE, ddb_access_table),
	OP(DescribeTable, ddb_describe_table, OP_READ, ddb_access_table),
	{.model = &dynamodb_op_GetItem, .run = ddb_get_item, .mode = OP_READ, .look = true, .access = ddb_access_items},
	OP(ListTables, ddb_list_tables, OP_READ, NULL),
	OP(PutItem, ddb_put_item, OP_WRITE, ddb_access_items),
	{.model = &dynamodb_op_Query, .run = ddb_query, .mode = OP_READ, .look = true, .access = ddb_access_query},
	OP(Scan, ddb_scan, OP_READ, ddb_access_items),
	OP(SearchVectors, ddb_search_vectors, OP_READ, ddb_access_table),
	OP(UpdateItem, ddb_update_item, OP_WRITE, ddb_access_items),
	OP(UpdateTable, ddb_update_table, OP_WRITE, ddb_access_table),
	OP(DeleteResourcePolicy, ddb_delete_resource_policy, OP_WRITE, ddb_access_resource),
	OP(DescribeEndpoints, ddb_describe_endpoints, OP_READ, NULL),
	OP(DescribeLimits, ddb_describe_limits, OP_READ, NULL),
	OP(DescribeTimeToLive, ddb_describe_time_to_live, OP_READ, ddb_access_table),
	OP(GetResourcePolicy, ddb_get_resource_policy, OP_READ, ddb_access_resource),
	OP(ListTagsOfResource, ddb_list_tags_of_resource, OP_READ, ddb_access_resource),
	OP(PutResourcePolicy, ddb_put_resource_policy, OP_WRITE, ddb_access_resource),
	OP(TagResource, ddb_tag_resource, OP_WRITE, ddb_access_resource),
	OP(UntagResource, ddb_untag_resource, OP_WRITE, ddb_access_resource),
	OP(UpdateTimeToLive, ddb_update_time_to_live, OP_WRITE, ddb_access_table),
	OP(BatchGetItem, ddb_batch_get_item, OP_READ, ddb_access_batch_get),
	OP(BatchWriteItem, ddb_batch_write_item, OP_WRITE, ddb_access_batch_write),
	OP(TransactGetItems, ddb_transact_get_items, OP_READ, ddb_access_transact_get),
	OP(TransactWriteItems, ddb_transact_write_items, OP_WRITE, ddb_access_transact_write),
	OP(CreateBackup, ddb_create_backup, OP_WRITE, ddb_access_table),
	OP(DeleteBackup, ddb_delete_backup, OP_WRITE, ddb_access_backup),
	OP(DescribeBackup, ddb_describe_backup, OP_READ, ddb_access_backup),
	OP(DescribeContinuousBackups, ddb_describe_continuous_backups, OP_READ, ddb_access_table),
	OP(ListBackups, ddb_list_backups, OP_READ, NULL),
	OP(RestoreTableFromBackup, ddb_restore_table_from_backup, OP_WRITE, ddb_access_backup),
	OP(RestoreTableToPointInTime, ddb_restore_table_to_point_in_time, OP_WRITE, ddb_access_table),
	OP(UpdateContinuousBackups, ddb_update_continuous_backups, OP_WRITE, ddb_access_table),
	OP(BatchExecuteStatement, ddb_batch_execute_statement, OP_WRITE, ddb_access_statements, .reads = ddb_batch_reads),
	OP(ExecuteStatement, ddb_execute_statement, OP_WRITE, ddb_access_statement, .reads = ddb_statement_reads),
	OP(ExecuteTransaction, ddb_execute_transaction, OP_WRITE, ddb_access_statements, .reads = ddb_transaction_reads),
	OP(DescribeExport, ddb_describe_export, OP_READ, NULL),
	OP(DescribeImport, ddb_describe_import, OP_READ, NULL),
	OP(ExportTableToPointInTime, ddb_export_table_to_point_in_time, OP_WRITE, ddb_access_table),
	OP(ImportTable, ddb_import_table, OP_WRITE, NULL),
	OP(ListExports, ddb_list_exports, OP_READ, NULL),
	OP(ListImports, ddb_list_imports, OP_READ, NULL),
	OP(CreateGlobalTable, ddb_create_global_table, OP_WRITE, ddb_access_global_table),
	OP(DescribeGlobalTable, ddb_describe_global_table, OP_READ, ddb_access_global_table),
	OP(DescribeGlobalTableSettings, ddb_describe_global_table_settings, OP_READ, ddb_access_global_table),
	OP(ListGlobalTables, ddb_list_global_tables, OP_READ, NULL),
	OP(UpdateGlobalTable, ddb_update_global_table, OP_WRITE, ddb_access_global_table),
	OP(DescribeTableReplicaAutoScaling, ddb_describe_table_replica_auto_scaling, OP_READ, ddb_access_table),
	OP(UpdateTableReplicaAutoScaling, ddb_update_table_replica_auto_scaling, OP_WRITE, ddb_access_table),
	OP(DescribeContributorInsights, ddb_describe_contributor_insights, OP_READ, ddb_access_table),
	OP(ListContributorInsights, ddb_list_contributor_insights, OP_READ, NULL),
	OP(UpdateContributorInsights, ddb_update_contributor_insights, OP_WRITE, ddb_access_table),
	OP(DescribeKinesisStreamingDestination, ddb_describe_kinesis_streaming_destination, OP_READ, ddb_access_table),
	OP(DisableKinesisStreamingDestination, ddb_disable_kinesis_streaming_destination, OP_WRITE, ddb_access_table),
	OP(EnableKinesisStreamingDestination, ddb_enable_kinesis_streaming_destination, OP_WRITE, ddb_access_table),
	OP(UpdateKinesisStreamingDestination, ddb_update_kinesis_streaming_destination, OP_WRITE, ddb_access_table),
	OP(UpdateGlobalTableSettings, ddb_update_global_table_settings, OP_WRITE, ddb_access_global_table),
};

static const struct job_kind jobs[] = {
	{"backfill", ddb_job_backfill},
	{"copy", ddb_job_copy},
	{"export", ddb_job_export},
	{"import", ddb_job_import},
	{"kinesis", ddb_job_kinesis},
	{"purge", ddb_job_purge},
	{"replicate", ddb_job_replicate},
	{"scale", ddb_job_scale},
	{"seal", ddb_job_seal},
	{"trim-history", ddb_job_trim_history},
	{"trim-stream", ddb_job_trim_stream},
	{"ttl-fill", ddb_job_ttl_fill},
	{"ttl-sweep", ddb_job_ttl_sweep},
	{"watch-key", ddb_job_watch_key},
};

extern const struct cfn_type ddb_cfn_types[];

const struct service service_dynamodb = {
	.name = "dynamodb",
	.model = &dynamodb_model,
	.iam_prefix = "dynamodb",
	.body_crc32 = true,
	.any_page = true,
	.ops = ops,
	.n_ops = COUNT_OF(ops),
	.jobs = jobs,
	.n_jobs = COUNT_OF(jobs),
	.cfn_types = ddb_cfn_types,
	.n_cfn_types = 2,
};
