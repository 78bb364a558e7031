/* What DynamoDB streams and Kinesis streams call things: the one place where they differ.
 *
 * Sources: "Using Lambda with Amazon DynamoDB", "Using Lambda with Kinesis", "Lambda event filtering" (Lambda Developer Guide). */
#include "esm_streams.h"

#include "base/enc.h"

static const struct stream_kind kinds[] = {
	{.service = "dynamodbstreams", .arn = STR_INIT("dynamodb"), .list = "DescribeStream", .arn_member = STR_INIT("StreamArn"),
		.sequence_member = STR_INIT("SequenceNumber"), .batch_info = STR_INIT("DDBStreamBatchInfo"), .part = STR_INIT("dynamodb"),
		.sequence = "SequenceNumber", .time = STR_INIT("ApproximateCreationDateTime"), .order = STR_INIT("Keys"), .records_most = 1000,
		.idle_ms = 200},
	{.service = "kinesis", .arn = STR_INIT("kinesis"), .list = "ListShards", .arn_member = STR_INIT("StreamARN"),
		.sequence_member = STR_INIT("StartingSequenceNumber"), .batch_info = STR_INIT("KinesisBatchInfo"), .part = STR_INIT("kinesis"),
		.sequence = "sequenceNumber", .time = STR_INIT("approximateArrivalTimestamp"), .order = STR_INIT("partitionKey"), .records_most = 10000,
		.idle_ms = 500}, /* a shard gives five answers a second, and others read it too */
};

const struct stream_kind *stream_kind_of(struct str source)
{
	struct arn arn;
	bool ok = arn_parse(source, &arn);
	ASSERT(ok); /* checked when the mapping was made */
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (str_eq(kinds[i].arn, arn.service))
			return &kinds[i];
	ASSERT(false);
	return NULL;
}

/* A record's own part, whichever it has. */
static const struct stream_kind *kind_of_record(const struct json *record)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (json_get(record, kinds[i].part) != NULL)
			return &kinds[i];
	return &kinds[0];
}

struct str record_sequence(const struct json *record)
{
	const struct stream_kind *k = kind_of_record(record);
	return json_get_str(json_get(record, k->part), k->sequence);
}

int64_t record_ms(const struct json *record)
{
	const struct stream_kind *k = kind_of_record(record);
	double seconds = 0;
	(void)json_to_f64(json_get(json_get(record, k->part), k->time), &seconds);
	return (int64_t)(seconds * 1000);
}

struct str record_order(struct arena *a, const struct json *record)
{
	const struct stream_kind *k = kind_of_record(record);
	return json_text_sorted(a, json_get(json_get(record, k->part), k->order));
}

/* Kinesis gives the bare record. */
static struct json *kinesis_event(struct arena *a, const struct json *given, struct str shard)
{
	struct json *out = json_new_object(a), *part = json_new_object(a);
	struct str sequence = json_get_str(given, "SequenceNumber");
	json_set_str(a, part, "kinesisSchemaVersion", S("1.0"));
	if (json_get(given, S("PartitionKey")) != NULL)
		json_set_str(a, part, "partitionKey", arena_dup(a, json_get_str(given, "PartitionKey")));
	json_set_str(a, part, "sequenceNumber", arena_dup(a, sequence));
	json_set_str(a, part, "data", arena_dup(a, json_get_str(given, "Data")));
	json_set(a, part, S("approximateArrivalTimestamp"), json_copy(a, json_get(given, S("ApproximateArrivalTimestamp"))));
	json_set(a, out, S("kinesis"), part);
	json_set_str(a, out, "eventSource", S("aws:kinesis"));
	json_set_str(a, out, "eventVersion", S("1.0"));
	json_set_str(a, out, "eventID", arena_join(a, shard, S(":"), sequence));
	json_set_str(a, out, "eventName", S("aws:kinesis:record"));
	return out;
}

struct json *record_event(struct arena *a, const struct stream_kind *k, const struct target *t, const struct json *given, struct str shard)
{
	struct arn arn;
	bool kinesis = str_eq(k->arn, S("kinesis")), ok = arn_parse(t->source, &arn);
	ASSERT(ok && json_is(given, JSON_OBJECT));
	struct json *out = kinesis ? kinesis_event(a, given, shard) : json_copy(a, given);
	if (kinesis) {
		json_set_str(a, out, "invokeIdentityArn", t->role);
		json_set_str(a, out, "awsRegion", arn.region);
	}
	json_set_str(a, out, "eventSourceARN", t->source);
	return out;
}

const struct json *record_seen(struct arena *a, const struct json *record)
{
	const struct json *part = json_get(record, S("kinesis"));
	if (part == NULL)
		return record;
	struct str bytes = base64_decode(a, json_get_str(part, "data"));
	struct json *seen = json_copy(a, part), *data = str_present(bytes) ? json_parse(a, bytes, NULL) : NULL;
	if (data != NULL)
		json_set(a, seen, S("data"), data);
	else if (str_present(bytes) && utf8_valid(bytes))
		json_set_str(a, seen, "data", bytes);
	return seen;
}
