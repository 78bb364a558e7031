/* Amazon Simple Queue Service: the rows of the service. sqs.h says how its files hang together. */
#include "sqs.h"

static const struct op ops[] = {
	{&sqs_op_AddPermission, op_add_permission, OP_WRITE, NULL, access_queue},
	{&sqs_op_CancelMessageMoveTask, op_cancel_message_move_task, OP_WRITE, NULL, access_task},
	{&sqs_op_ChangeMessageVisibility, op_change_message_visibility, OP_WRITE, NULL, access_queue},
	{&sqs_op_ChangeMessageVisibilityBatch, op_change_message_visibility_batch, OP_WRITE, "sqs:ChangeMessageVisibility", access_queue},
	{&sqs_op_CreateQueue, op_create_queue, OP_WRITE, NULL, access_create},
	{&sqs_op_DeleteMessage, op_delete_message, OP_WRITE, NULL, access_queue},
	{&sqs_op_DeleteMessageBatch, op_delete_message_batch, OP_WRITE, "sqs:DeleteMessage", access_queue},
	{&sqs_op_DeleteQueue, op_delete_queue, OP_WRITE, NULL, access_queue},
	{&sqs_op_GetQueueAttributes, op_get_queue_attributes, OP_READ, NULL, access_queue},
	{&sqs_op_GetQueueUrl, op_get_queue_url, OP_READ, NULL, access_name},
	{&sqs_op_ListDeadLetterSourceQueues, op_list_dead_letter_source_queues, OP_READ, NULL, access_queue},
	{&sqs_op_ListMessageMoveTasks, op_list_message_move_tasks, OP_READ, NULL, access_source_arn},
	{&sqs_op_ListQueueTags, op_list_queue_tags, OP_READ, NULL, access_queue},
	{&sqs_op_ListQueues, op_list_queues, OP_READ, NULL, access_list},
	{&sqs_op_PurgeQueue, op_purge_queue, OP_WRITE, NULL, access_queue},
	{&sqs_op_ReceiveMessage, op_receive_message, OP_WRITE, NULL, access_queue},
	{&sqs_op_RemovePermission, op_remove_permission, OP_WRITE, NULL, access_queue},
	{&sqs_op_SendMessage, op_send_message, OP_WRITE, NULL, access_queue},
	{&sqs_op_SendMessageBatch, op_send_message_batch, OP_WRITE, "sqs:SendMessage", access_queue},
	{&sqs_op_SetQueueAttributes, op_set_queue_attributes, OP_WRITE, NULL, access_queue},
	{&sqs_op_StartMessageMoveTask, op_start_message_move_task, OP_WRITE, NULL, access_source_arn},
	{&sqs_op_TagQueue, op_tag_queue, OP_WRITE, NULL, access_queue},
	{&sqs_op_UntagQueue, op_untag_queue, OP_WRITE, NULL, access_queue},
};

static const struct job_kind jobs[] = {
	{"gauge", job_gauge},
	{"move", job_move},
	{"retain", job_retain},
	{"sweep", job_sweep},
};

const struct service service_sqs = {
	.name = "sqs",
	.model = &sqs_model,
	.iam_prefix = "sqs",
	.principal = "sqs.amazonaws.com",
	.ops = ops,
	.n_ops = COUNT_OF(ops),
	.jobs = jobs,
	.n_jobs = COUNT_OF(jobs),
	.body_max = 8 << 20,
	.cfn_types = sqs_cfn_types,
	.n_cfn_types = COUNT_OF(sqs_cfn_types),
	.resource_policy = resource_policy,
};
