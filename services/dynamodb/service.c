/* The dynamodb service: its operations and jobs. What has no row here answers 501 and names itself. */
#include "access.h"
#include "history.h"
#include "item_op.h"
#include "ops_backup.h"
#include "ops_batch.h"
#include "ops_query.h"
#include "ops_s3.h"
#include "ops_settings.h"
#include "ops_table.h"
#include "ops_transact.h"
#include "partiql_run.h"
#include "ttl.h"
#include "write.h"

static const struct op ops[] = {
	{.model = &dynamodb_op_CreateTable, .run = ddb_create_table, .mode = OP_WRITE, .access = ddb_access_table},
	{.model = &dynamodb_op_DeleteItem, .run = ddb_delete_item, .mode = OP_WRITE, .access = ddb_access_delete},
	{.model = &dynamodb_op_DeleteTable, .run = ddb_delete_table, .mode = OP_WRITE, .access = ddb_access_table},
	{.model = &dynamodb_op_DescribeTable, .run = ddb_describe_table, .mode = OP_READ, .access = ddb_access_table},
	{.model = &dynamodb_op_GetItem, .run = ddb_get_item, .mode = OP_READ, .look = true, .access = ddb_access_get},
	{.model = &dynamodb_op_ListTables, .run = ddb_list_tables, .mode = OP_READ},
	{.model = &dynamodb_op_PutItem, .run = ddb_put_item, .mode = OP_WRITE, .access = ddb_access_put},
	{.model = &dynamodb_op_Query, .run = ddb_query, .mode = OP_READ, .access = ddb_access_query},
	{.model = &dynamodb_op_Scan, .run = ddb_scan, .mode = OP_READ, .access = ddb_access_scan},
	{.model = &dynamodb_op_UpdateItem, .run = ddb_update_item, .mode = OP_WRITE, .access = ddb_access_update},
	{.model = &dynamodb_op_UpdateTable, .run = ddb_update_table, .mode = OP_WRITE, .access = ddb_access_table},
	{.model = &dynamodb_op_DeleteResourcePolicy, .run = ddb_delete_resource_policy, .mode = OP_WRITE, .access = ddb_access_resource},
	{.model = &dynamodb_op_DescribeEndpoints, .run = ddb_describe_endpoints, .mode = OP_READ},
	{.model = &dynamodb_op_DescribeLimits, .run = ddb_describe_limits, .mode = OP_READ},
	{.model = &dynamodb_op_DescribeTimeToLive, .run = ddb_describe_time_to_live, .mode = OP_READ, .access = ddb_access_table},
	{.model = &dynamodb_op_GetResourcePolicy, .run = ddb_get_resource_policy, .mode = OP_READ, .access = ddb_access_resource},
	{.model = &dynamodb_op_ListTagsOfResource, .run = ddb_list_tags_of_resource, .mode = OP_READ, .access = ddb_access_resource},
	{.model = &dynamodb_op_PutResourcePolicy, .run = ddb_put_resource_policy, .mode = OP_WRITE, .access = ddb_access_resource},
	{.model = &dynamodb_op_TagResource, .run = ddb_tag_resource, .mode = OP_WRITE, .access = ddb_access_resource},
	{.model = &dynamodb_op_UntagResource, .run = ddb_untag_resource, .mode = OP_WRITE, .access = ddb_access_resource},
	{.model = &dynamodb_op_UpdateTimeToLive, .run = ddb_update_time_to_live, .mode = OP_WRITE, .access = ddb_access_table},
	{.model = &dynamodb_op_BatchGetItem, .run = ddb_batch_get_item, .mode = OP_READ, .access = ddb_access_batch_get},
	{.model = &dynamodb_op_BatchWriteItem, .run = ddb_batch_write_item, .mode = OP_WRITE, .access = ddb_access_batch_write},
	{.model = &dynamodb_op_TransactGetItems, .run = ddb_transact_get_items, .mode = OP_READ, .access = ddb_access_transact_get},
	{.model = &dynamodb_op_TransactWriteItems, .run = ddb_transact_write_items, .mode = OP_WRITE, .access = ddb_access_transact_write},
	{.model = &dynamodb_op_CreateBackup, .run = ddb_create_backup, .mode = OP_WRITE, .access = ddb_access_table},
	{.model = &dynamodb_op_DeleteBackup, .run = ddb_delete_backup, .mode = OP_WRITE, .access = ddb_access_backup},
	{.model = &dynamodb_op_DescribeBackup, .run = ddb_describe_backup, .mode = OP_READ, .access = ddb_access_backup},
	{.model = &dynamodb_op_DescribeContinuousBackups, .run = ddb_describe_continuous_backups, .mode = OP_READ, .access = ddb_access_table},
	{.model = &dynamodb_op_ListBackups, .run = ddb_list_backups, .mode = OP_READ},
	{.model = &dynamodb_op_RestoreTableFromBackup, .run = ddb_restore_table_from_backup, .mode = OP_WRITE, .access = ddb_access_backup},
	{.model = &dynamodb_op_RestoreTableToPointInTime, .run = ddb_restore_table_to_point_in_time, .mode = OP_WRITE, .access = ddb_access_table},
	{.model = &dynamodb_op_UpdateContinuousBackups, .run = ddb_update_continuous_backups, .mode = OP_WRITE, .access = ddb_access_table},
	{.model = &dynamodb_op_BatchExecuteStatement, .run = ddb_batch_execute_statement, .mode = OP_WRITE, .access = ddb_access_statements},
	{.model = &dynamodb_op_ExecuteStatement, .run = ddb_execute_statement, .mode = OP_WRITE, .access = ddb_access_statement},
	{.model = &dynamodb_op_ExecuteTransaction, .run = ddb_execute_transaction, .mode = OP_WRITE, .access = ddb_access_statements},
	{.model = &dynamodb_op_DescribeExport, .run = ddb_describe_export, .mode = OP_READ},
	{.model = &dynamodb_op_DescribeImport, .run = ddb_describe_import, .mode = OP_READ},
	{.model = &dynamodb_op_ExportTableToPointInTime, .run = ddb_export_table_to_point_in_time, .mode = OP_WRITE, .access = ddb_access_table},
	{.model = &dynamodb_op_ImportTable, .run = ddb_import_table, .mode = OP_WRITE},
	{.model = &dynamodb_op_ListExports, .run = ddb_list_exports, .mode = OP_READ},
	{.model = &dynamodb_op_ListImports, .run = ddb_list_imports, .mode = OP_READ},
};

static const struct job_kind jobs[] = {
	{"backfill", ddb_job_backfill},
	{"copy", ddb_job_copy},
	{"export", ddb_job_export},
	{"import", ddb_job_import},
	{"purge", ddb_job_purge},
	{"trim-history", ddb_job_trim_history},
	{"trim-stream", ddb_job_trim_stream},
	{"ttl-fill", ddb_job_ttl_fill},
	{"ttl-sweep", ddb_job_ttl_sweep},
};

extern const struct cfn_type ddb_cfn_types[];

const struct service service_dynamodb = {
	.name = "dynamodb",
	.model = &dynamodb_model,
	.iam_prefix = "dynamodb",
	.ops = ops,
	.n_ops = COUNT_OF(ops),
	.jobs = jobs,
	.n_jobs = COUNT_OF(jobs),
	.cfn_types = ddb_cfn_types,
	.n_cfn_types = 1,
};
