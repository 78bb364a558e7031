/* The dynamodb service: its operations and jobs. What has no row here answers 501 and names itself. */
#include "access.h"
#include "item_op.h"
#include "ops_query.h"
#include "ops_table.h"
#include "write.h"

static const struct op ops[] = {
	{.model = &dynamodb_op_CreateTable, .run = ddb_create_table, .mode = OP_WRITE, .access = ddb_access_table},
	{.model = &dynamodb_op_DeleteItem, .run = ddb_delete_item, .mode = OP_WRITE, .access = ddb_access_table},
	{.model = &dynamodb_op_DeleteTable, .run = ddb_delete_table, .mode = OP_WRITE, .access = ddb_access_table},
	{.model = &dynamodb_op_DescribeTable, .run = ddb_describe_table, .mode = OP_READ, .access = ddb_access_table},
	{.model = &dynamodb_op_GetItem, .run = ddb_get_item, .mode = OP_READ, .access = ddb_access_table},
	{.model = &dynamodb_op_ListTables, .run = ddb_list_tables, .mode = OP_READ},
	{.model = &dynamodb_op_PutItem, .run = ddb_put_item, .mode = OP_WRITE, .access = ddb_access_table},
	{.model = &dynamodb_op_Query, .run = ddb_query, .mode = OP_READ, .access = ddb_access_query},
	{.model = &dynamodb_op_Scan, .run = ddb_scan, .mode = OP_READ, .access = ddb_access_scan},
	{.model = &dynamodb_op_UpdateItem, .run = ddb_update_item, .mode = OP_WRITE, .access = ddb_access_table},
	{.model = &dynamodb_op_UpdateTable, .run = ddb_update_table, .mode = OP_WRITE, .access = ddb_access_table},
};

static const struct job_kind jobs[] = {
	{"backfill", ddb_job_backfill},
	{"purge", ddb_job_purge},
	{"trim-stream", ddb_job_trim_stream},
};

const struct service service_dynamodb = {
	.name = "dynamodb",
	.model = &dynamodb_model,
	.iam_prefix = "dynamodb",
	.ops = ops,
	.n_ops = COUNT_OF(ops),
	.jobs = jobs,
	.n_jobs = COUNT_OF(jobs),
};
