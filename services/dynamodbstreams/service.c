/* The dynamodbstreams service: reading the change streams of tables. The dynamodb service writes them. */
#include "streams.h"

/* All but ListStreams name a stream, directly or in the iterator. */
static void access_stream(struct call *c)
{
	const struct member *m = shape_member(model_op_input(c->op->model), S("StreamArn"));
	if (m == NULL)
		m = shape_member(model_op_input(c->op->model), S("ShardIterator"));
	ASSERT(m != NULL && member_shape(m)->type == SHAPE_STRING);
	struct str rest = *(const struct str *)((const char *)c->in + m->offset), arn = str_cut(&rest, '|');
	authorize(c, NULL, arn, &(struct access_extra){.resource_policy = stream_policy(c, arn)});
}

static const struct op ops[] = {
	{.model = &dynamodbstreams_op_DescribeStream, .run = ddbstreams_describe_stream, .mode = OP_READ, .access = access_stream},
	{.model = &dynamodbstreams_op_GetRecords, .run = ddbstreams_get_records, .mode = OP_READ, .access = access_stream},
	{.model = &dynamodbstreams_op_GetShardIterator, .run = ddbstreams_get_shard_iterator, .mode = OP_READ, .access = access_stream},
	{.model = &dynamodbstreams_op_ListStreams, .run = ddbstreams_list_streams, .mode = OP_READ},
};

const struct service service_dynamodbstreams = {
	.name = "dynamodbstreams",
	.model = &dynamodbstreams_model,
	.iam_prefix = "dynamodb",
	.body_crc32 = true,
	.any_page = true,
	.principal = "dynamodb.amazonaws.com",
	.ops = ops,
	.n_ops = COUNT_OF(ops),
};
