/* AWS::Kinesis::Stream, AWS::Kinesis::StreamConsumer, AWS::Kinesis::ResourcePolicy.
 * Source: the three types in the CloudFormation Template Reference. */
#include "kinesis.h"

static enum cfn_status ask(struct cfn_resource *r, const char *op, const struct json *in)
{
	struct invoked i = invoke(r->c, "kinesis", op, in, NULL);
	return cfn_done(r, &i);
}

/* What is gone already is well so. */
static enum cfn_status ask_gone(struct cfn_resource *r, const char *op, const struct json *in)
{
	struct invoked i = invoke(r->c, "kinesis", op, in, NULL);
	return cfn_gone(r, &i, S("ResourceNotFoundException"));
}

static struct json *stream_input(struct cfn_resource *r)
{
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "StreamName", r->physical_id);
	return in;
}

static const struct json *present(const struct json *properties, const char *name)
{
	const struct json *v = json_get(properties, str_c(name));
	return v != NULL && v->type != JSON_NULL ? v : NULL;
}

static enum cfn_status set_retention(struct cfn_resource *r)
{
	int64_t want = json_get_i64(r->properties, "RetentionPeriodHours", RETENTION_LEAST_H);
	int64_t have = json_get_i64(r->old_properties, "RetentionPeriodHours", RETENTION_LEAST_H);
	if (want == have)
		return CFN_DONE;
	struct json *in = stream_input(r);
	json_set_i64(r->c->arena, in, "RetentionPeriodHours", want);
	return ask(r, want > have ? "IncreaseStreamRetentionPeriod" : "DecreaseStreamRetentionPeriod", in);
}

static enum cfn_status set_encryption(struct cfn_resource *r)
{
	const struct json *want = present(r->properties, "StreamEncryption"), *have = present(r->old_properties, "StreamEncryption");
	if ((want == NULL && have == NULL) || (want != NULL && have != NULL && json_equal(want, have)))
		return CFN_DONE;
	struct json *in = stream_input(r);
	cfn_put(r->c->arena, in, "EncryptionType", json_get(want != NULL ? want : have, S("EncryptionType")));
	cfn_put(r->c->arena, in, "KeyId", json_get(want != NULL ? want : have, S("KeyId")));
	return ask(r, want != NULL ? "StartStreamEncryption" : "StopStreamEncryption", in);
}

static enum cfn_status set_metrics(struct cfn_resource *r)
{
	const struct json *want = present(r->properties, "DesiredShardLevelMetrics"), *have = present(r->old_properties, "DesiredShardLevelMetrics");
	enum cfn_status status = CFN_DONE;
	if (have != NULL && have->n > 0) {
		struct json *in = stream_input(r);
		json_set(r->c->arena, in, S("ShardLevelMetrics"), have);
		status = ask(r, "DisableEnhancedMonitoring", in);
	}
	if (status == CFN_DONE && want != NULL && want->n > 0) {
		struct json *in = stream_input(r);
		json_set(r->c->arena, in, S("ShardLevelMetrics"), want);
		status = ask(r, "EnableEnhancedMonitoring", in);
	}
	return status;
}

static enum cfn_status stream_shown(struct cfn_resource *r)
{
	json_set_str(r->c->arena, r->attributes, "Arn", stream_arn(r->c, r->c->account, r->physical_id));
	return CFN_DONE;
}

static bool is_on_demand(const struct json *properties)
{
	return str_eq(json_get_str(json_get(properties, S("StreamModeDetails")), "StreamMode"), S("ON_DEMAND"));
}

static enum cfn_status stream_create(struct cfn_resource *r)
{
	static const char *const pairs[] = {"ShardCount", "ShardCount", "StreamModeDetails", "StreamModeDetails", "MaxRecordSizeInKiB",
		"MaxRecordSizeInKiB",
		NULL};
	struct json *in = cfn_input(r, pairs), *tags = cfn_tags(r, true);
	r->physical_id = json_get_str(r->properties, "Name");
	if (!str_present(r->physical_id))
		r->physical_id = cfn_make_name(r, 128, false);
	json_set_str(r->c->arena, in, "StreamName", r->physical_id);
	if (tags->n > 0)
		json_set(r->c->arena, in, S("Tags"), tags);
	enum cfn_status status = ask(r, "CreateStream", in);
	if (status == CFN_DONE)
		status = set_retention(r);
	if (status == CFN_DONE)
		status = set_encryption(r);
	if (status == CFN_DONE)
		status = set_metrics(r);
	return status == CFN_DONE ? stream_shown(r) : status;
}

static enum cfn_status set_mode(struct cfn_resource *r)
{
	if (is_on_demand(r->properties) == is_on_demand(r->old_properties))
		return CFN_DONE;
	struct arena *a = r->c->arena;
	struct json *in = json_new_object(a), *mode = json_new_object(a);
	json_set_str(a, mode, "StreamMode", is_on_demand(r->properties) ? S("ON_DEMAND") : S("PROVISIONED"));
	json_set_str(a, in, "StreamARN", stream_arn(r->c, r->c->account, r->physical_id));
	json_set(a, in, S("StreamModeDetails"), mode);
	return ask(r, "UpdateStreamMode", in);
}

static enum cfn_status set_shards(struct cfn_resource *r)
{
	int64_t want = json_get_i64(r->properties, "ShardCount", 0);
	if (want == 0 || want == json_get_i64(r->old_properties, "ShardCount", 0))
		return CFN_DONE;
	struct json *in = stream_input(r);
	json_set_i64(r->c->arena, in, "TargetShardCount", want);
	json_set_str(r->c->arena, in, "ScalingType", S("UNIFORM_SCALING"));
	return ask(r, "UpdateShardCount", in);
}

static enum cfn_status set_record_size(struct cfn_resource *r)
{
	int64_t want = json_get_i64(r->properties, "MaxRecordSizeInKiB", RECORD_KIB_LEAST);
	if (want == json_get_i64(r->old_properties, "MaxRecordSizeInKiB", RECORD_KIB_LEAST))
		return CFN_DONE;
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "StreamARN", stream_arn(r->c, r->c->account, r->physical_id));
	json_set_i64(r->c->arena, in, "MaxRecordSizeInKiB", want);
	return ask(r, "UpdateMaxRecordSize", in);
}

static enum cfn_status stream_update(struct cfn_resource *r)
{
	static const struct cfn_tagging tagging = {"kinesis", "TagResource", "UntagResource", "ResourceARN", "Tags", "TagKeys", true};
	static enum cfn_status (*const steps[])(struct cfn_resource *) = {set_mode, set_shards, set_retention, set_encryption, set_metrics,
		set_record_size};
	enum cfn_status status = CFN_DONE;
	for (size_t i = 0; i < COUNT_OF(steps) && status == CFN_DONE; i++)
		status = steps[i](r);
	if (status == CFN_DONE)
		status = cfn_tags_update(r, &tagging, stream_arn(r->c, r->c->account, r->physical_id));
	return status == CFN_DONE ? stream_shown(r) : status;
}

static enum cfn_status stream_remove(struct cfn_resource *r)
{
	struct json *in = stream_input(r);
	json_set_bool(r->c->arena, in, "EnforceConsumerDeletion", true);
	return ask_gone(r, "DeleteStream", in);
}

/* ---- consumers ---- */

static enum cfn_status consumer_create(struct cfn_resource *r)
{
	static const char *const pairs[] = {"ConsumerName", "ConsumerName", "StreamARN", "StreamARN", NULL};
	static const char *const shown[] = {"ConsumerARN", "ConsumerName", "ConsumerStatus"};
	struct arena *a = r->c->arena;
	struct json *in = cfn_input(r, pairs), *tags = cfn_tags(r, true);
	if (tags->n > 0)
		json_set(a, in, S("Tags"), tags);
	struct invoked i = invoke(r->c, "kinesis", "RegisterStreamConsumer", in, NULL);
	if (!i.ok)
		return cfn_done(r, &i);
	const struct json *made = json_get(i.out, S("Consumer"));
	r->physical_id = json_get_str(made, "ConsumerARN");
	for (size_t k = 0; k < COUNT_OF(shown); k++)
		json_set(a, r->attributes, str_c(shown[k]), json_get(made, str_c(shown[k])));
	json_set(a, r->attributes, S("ConsumerCreationTimestamp"), cfn_attribute(a, json_get(made, S("ConsumerCreationTimestamp"))));
	cfn_put(a, r->attributes, "StreamARN", json_get(r->properties, S("StreamARN")));
	return CFN_DONE;
}

static enum cfn_status consumer_update(struct cfn_resource *r)
{
	static const struct cfn_tagging tagging = {"kinesis", "TagResource", "UntagResource", "ResourceARN", "Tags", "TagKeys", true};
	return cfn_tags_update(r, &tagging, r->physical_id);
}

static enum cfn_status consumer_remove(struct cfn_resource *r)
{
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "ConsumerARN", r->physical_id);
	return ask_gone(r, "DeregisterStreamConsumer", in);
}

/* ---- policies ---- */

static enum cfn_status policy_put(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	const struct json *policy = json_get(r->properties, S("ResourcePolicy"));
	struct json *in = json_new_object(a);
	r->physical_id = json_get_str(r->properties, "ResourceArn");
	cfn_put(a, in, "ResourceARN", json_get(r->properties, S("ResourceArn")));
	if (policy != NULL)
		json_set_str(a, in, "Policy", json_is(policy, JSON_STRING) ? policy->text : json_text(a, policy));
	return ask(r, "PutResourcePolicy", in);
}

static enum cfn_status policy_remove(struct cfn_resource *r)
{
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "ResourceARN", r->physical_id);
	return ask_gone(r, "DeleteResourcePolicy", in);
}

static const char *const stream_supported[] = {"Name", "ShardCount", "StreamModeDetails", "RetentionPeriodHours", "StreamEncryption",
	"DesiredShardLevelMetrics", "MaxRecordSizeInKiB", "Tags", NULL};
static const char *const stream_replaces[] = {"Name", NULL};
static const char *const consumer_supported[] = {"ConsumerName", "StreamARN", "Tags", NULL};
static const char *const consumer_replaces[] = {"ConsumerName", "StreamARN", NULL};
static const char *const policy_supported[] = {"ResourceArn", "ResourcePolicy", NULL};
static const char *const policy_replaces[] = {"ResourceArn", NULL};

const struct cfn_type kinesis_cfn_types[] = {
	{.name = "AWS::Kinesis::ResourcePolicy", .properties = policy_supported, .replaces = policy_replaces, .create = policy_put,
		.update = policy_put,
		.remove = policy_remove},
	{.name = "AWS::Kinesis::Stream", .properties = stream_supported, .replaces = stream_replaces, .create = stream_create,
		.update = stream_update,
		.remove = stream_remove, .name_property = "Name"},
	{.name = "AWS::Kinesis::StreamConsumer", .properties = consumer_supported, .replaces = consumer_replaces, .create = consumer_create,
		.update = consumer_update, .remove = consumer_remove, .name_property = "ConsumerName"},
};
