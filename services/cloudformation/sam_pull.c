/* Event sources that Lambda polls: SQS, DynamoDB and Kinesis streams. Each makes an event source mapping and gives the
 * function's role the managed policy that polling needs. */
#include "sam.h"

static const struct pull {
	const char *type, *source, *policy;
	bool stream;
} pulls[] = {
	{"SQS", "Queue", "arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole", false},
	{"DynamoDB", "Stream", "arn:aws:iam::aws:policy/service-role/AWSLambdaDynamoDBExecutionRole", true},
	{"Kinesis", "Stream", "arn:aws:iam::aws:policy/service-role/AWSLambdaKinesisExecutionRole", true},
};

static const char *const same[] = {"StartingPosition", "StartingPositionTimestamp", "BatchSize", "Enabled",
	"MaximumBatchingWindowInSeconds", "MaximumRetryAttempts", "BisectBatchOnFunctionError", "MaximumRecordAgeInSeconds",
	"ParallelizationFactor", "TumblingWindowInSeconds", "FunctionResponseTypes", "FilterCriteria", "KmsKeyArn", "ScalingConfig",
	"ProvisionedPollerConfig", "MetricsConfig", "LoggingConfig", NULL};

static const struct pull *pull_of(struct str type)
{
	for (size_t i = 0; i < COUNT_OF(pulls); i++)
		if (str_eq(type, str_c(pulls[i].type)))
			return &pulls[i];
	ASSERT(!"an event type of the table");
	return NULL;
}

static void grant(struct sam *s, const struct target *t, const char *policy_arn)
{
	if (t->role == NULL)
		return;
	struct json *managed = json_get(t->role->properties, S("ManagedPolicyArns")), *arn = sam_text(s, str_c(policy_arn));
	if (!sam_contains(managed, arn))
		sam_push(s, managed, arn);
}

/* The inline policy that lets the function send to its failure destination, unless the same document is there. */
static void grant_destination(struct sam *s, const struct target *t, const struct json *policy)
{
	if (t->role == NULL)
		return;
	struct json *documents = sam_ensure(s, t->role->properties, S("Policies"), JSON_ARRAY);
	for (uint32_t i = 0; i < documents->n; i++)
		if (json_equal(json_get(&documents->items[i], S("PolicyDocument")), json_get(policy, S("PolicyDocument"))))
			return;
	sam_push(s, documents, policy);
}

void sam_sqs_mapping(struct sam *s, const struct target *t, struct str id, const struct json *queue, const struct json *batch_size)
{
	struct made *m = sam_make(s, id, "AWS::Lambda::EventSourceMapping", s->passed);
	sam_set(s, m->properties, S("FunctionName"), t->name);
	sam_set(s, m->properties, S("EventSourceArn"), queue);
	sam_set(s, m->properties, S("BatchSize"), sam_truthy(batch_size) ? batch_size : json_new_i64(s->a, 10));
	sam_set(s, m->properties, S("Enabled"), json_new_bool(s->a, true));
	grant(s, t, pulls[0].policy);
}

static bool check(struct sam *s, const struct event *e, const struct pull *pull)
{
	for (uint32_t i = 0; i < e->properties->n; i++) {
		struct str key = e->properties->members[i].key;
		const char *const *name = same;
		while (*name != NULL && !str_eq(key, str_c(*name)))
			name++;
		if (*name == NULL && !str_eq(key, str_c(pull->source)) && !str_eq(key, S("DestinationConfig")))
			return sam_event_fail(s, e, "property %.*s not defined for resource of type %s", STR_ARG(key), pull->type) != NULL;
	}
	if (json_get(e->properties, str_c(pull->source)) == NULL)
		return sam_event_fail(s, e, "Missing required property '%s'.", pull->source) != NULL;
	if (pull->stream && json_get(e->properties, S("StartingPosition")) == NULL)
		return sam_event_fail(s, e, "Missing required property 'StartingPosition'.") != NULL;
	const struct json *filter = json_get(e->properties, S("FilterCriteria"));
	if (sam_truthy(filter) && !sam_is_intrinsic(filter) && (filter->n != 1 || json_get(filter, S("Filters")) == NULL))
		return sam_event_fail(s, e, "FilterCriteria field has a wrong format") != NULL;
	return true;
}

/* DestinationConfig without SAM's own Type, which only says what policy the role needs. */
static bool destination(struct sam *s, const struct target *t, const struct event *e, struct made *m, struct json **policy)
{
	const struct json *config = json_get(e->properties, S("DestinationConfig"));
	if (!sam_truthy(config))
		return true;
	struct json *copy = json_copy(s->a, config), *failure = json_get(copy, S("OnFailure"));
	if (!json_is(failure, JSON_OBJECT))
		return sam_event_fail(s, e, "Property 'DestinationConfig.OnFailure' should be a map.") != NULL;
	struct str type = json_get_str(failure, "Type");
	sam_set(s, m->properties, S("DestinationConfig"), copy);
	if (!str_present(type))
		return true;
	json_unset(failure, S("Type"));
	if (!str_eq(type, S("SQS")) && !str_eq(type, S("SNS")) && !str_eq(type, S("S3")))
		return sam_event_fail(s, e, "The only valid values for 'Type' are 'SQS', 'SNS', 'S3', and 'Kafka'") != NULL;
	if (t->role != NULL)
		*policy = sam_destination_policy(s, type, json_get(failure, S("Destination")), e->id);
	return true;
}

void sam_pull_event(struct sam *s, const struct target *t, const struct event *e)
{
	const struct pull *pull = pull_of(e->type);
	struct json *policy = NULL;
	if (!check(s, e, pull))
		return;
	struct made *m = sam_make(s, e->id, "AWS::Lambda::EventSourceMapping", s->passed);
	sam_set(s, m->properties, S("FunctionName"), t->name);
	sam_put(s, m->properties, "EventSourceArn", json_get(e->properties, str_c(pull->source)));
	for (const char *const *name = same; *name != NULL; name++)
		sam_put(s, m->properties, *name, json_get(e->properties, str_c(*name)));
	if (!destination(s, t, e, m, &policy))
		return;
	grant(s, t, pull->policy);
	if (policy != NULL)
		grant_destination(s, t, policy);
}
