/* Event source mappings: their operations. ("mapping", uuid) is the record; ("lambda", "", "", "mappings", account,
 * region, uuid) finds all of them at start. Queues of SQS, streams of DynamoDB and of Kinesis; other sources are refused. */
#include "lambda.h"

#include "esm.h"

static struct key *mapping_key(struct call *c, struct str uuid) { return key_str(call_key(c, "mapping"), uuid); }

static struct key *index_key(struct call *c, struct str uuid)
{
	struct key *k = arena_new_of(c->arena, struct key);
	*k = key_new(c->arena);
	key_str(key_str(key_str(key_str(k, S("lambda")), S("")), S("")), S("mappings"));
	return key_str(key_str(key_str(k, c->account), c->region), uuid);
}

enum source_kind { SOURCE_NONE, SOURCE_SQS, SOURCE_DYNAMODB, SOURCE_KINESIS };

static enum source_kind source_kind(struct str arn)
{
	struct arn a;
	if (!arn_parse(arn, &a))
		return SOURCE_NONE;
	if (str_eq(a.service, S("sqs")))
		return SOURCE_SQS;
	if (str_eq(a.service, S("kinesis")) && str_starts(a.resource, S("stream/")) && str_find_str(a.resource, S("/consumer/")) < 0)
		return SOURCE_KINESIS;
	return str_eq(a.service, S("dynamodb")) && str_find_str(a.resource, S("/stream/")) > 0 ? SOURCE_DYNAMODB : SOURCE_NONE;
}

static struct str mapping_arn(struct call *c, struct str uuid)
{
	return arn_make(c->arena, "lambda", c->region, c->account, arena_join(c->arena, S("event-source-mapping:"), uuid));
}

/* ---- checks ---- */

static bool invalid(struct call *c, const char *text)
{
	lambda_fail(c, &lambda_err_InvalidParameterValueException, "%s", text);
	return false;
}

static bool limits_ok(struct call *c, const struct lambda_EventSourceMappingConfiguration *k, enum source_kind kind)
{
	bool fifo = str_ends(k->EventSourceArn, S(".fifo"));
	if (kind == SOURCE_SQS) {
		if (k->BatchSize.v > 10 && k->MaximumBatchingWindowInSeconds.v < 1)
			return invalid(c, "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10");
		if (fifo && (k->BatchSize.v > 10 || k->MaximumBatchingWindowInSeconds.v > 0))
			return invalid(c, "Batching window is not supported for FIFO queues");
		if (k->BisectBatchOnFunctionError.v || k->ParallelizationFactor.set || k->MaximumRetryAttempts.set || str_present(k->StartingPosition))
			return invalid(c, "Unsupported parameter for event source type: SQS");
		return k->BatchSize.v <= 10000 || invalid(c, "Batch size must be at most 10000");
	}
	if (k->ScalingConfig != NULL)
		return invalid(c, "Unsupported parameter for event source type: ScalingConfig");
	if (!str_present(k->StartingPosition))
		return invalid(c, "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.");
	bool by_time = str_eq(k->StartingPosition, S("AT_TIMESTAMP"));
	if (by_time && kind == SOURCE_DYNAMODB)
		return invalid(c, "Unsupported starting position for DynamoDB streams: AT_TIMESTAMP");
	if (by_time != k->StartingPositionTimestamp.set)
		return invalid(c, "StartingPositionTimestamp must be given for the starting position AT_TIMESTAMP, and for no other");
	return k->BatchSize.v <= 10000 || invalid(c, "Batch size must be at most 10000");
}

static bool filters_ok(struct call *c, const struct lambda_FilterCriteria *f)
{
	for (uint32_t i = 0; f != NULL && i < f->Filters.n; i++) {
		const char *wrong = filter_check(c->arena, LIST_AT(f->Filters, struct lambda_Filter, i)->Pattern);
		if (wrong == NULL)
			continue;
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "Invalid filter pattern definition: %s", wrong);
		return false;
	}
	return true;
}

/* The execution role must be able to poll. */
static bool role_ok(struct call *c, struct str role_arn, struct str source, enum source_kind kind)
{
	static const struct { const char *action, *service; } needs[] = {[SOURCE_SQS] = {"sqs:ReceiveMessage", "SQS"},
		[SOURCE_DYNAMODB] = {"dynamodb:GetRecords", "DynamoDB"}, [SOURCE_KINESIS] = {"kinesis:GetRecords", "Kinesis"}};
	const struct principal *role = assume_role(c, role_arn, "lambda.amazonaws.com", S("mapping"), false);
	if (role == NULL)
		return false;
	ASSERT(kind != SOURCE_NONE && kind < COUNT_OF(needs));
	if (authorize_as(c, role, str_c(needs[kind].action), source, NULL).decision == DECISION_ALLOW)
		return true;
	if (kind == SOURCE_KINESIS)
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "Cannot access stream %.*s. Please ensure the role can perform the GetRecords, "
			"GetShardIterator, DescribeStream, ListShards, and ListStreams Actions on your stream in IAM.", STR_ARG(source));
	else
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "The provided execution role does not have permissions to call %s on %s",
			strchr(needs[kind].action, ':') + 1, needs[kind].service);
	return false;
}

/* The queue is there, and hides its messages for at least as long as the function may run. */
static bool queue_ok(struct call *c, const struct lambda_FunctionRecord *f, struct str source, const struct invoke_options *o)
{
	struct arena *a = c->arena;
	struct json *in = json_new_object(a), *names = json_new_array(a);
	json_set_str(a, in, "QueueUrl", queue_url(a, source));
	json_push(a, names, json_new_str(a, S("VisibilityTimeout")));
	json_set(a, in, S("AttributeNames"), names);
	struct invoked got = invoke(c, "sqs", "GetQueueAttributes", in, o);
	ASSERT(!got.parked);
	if (!got.ok && str_find_str(got.error.code, S("AccessDenied")) >= 0)
		return true; /* the poller needs ReceiveMessage only */
	if (!got.ok) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "Error occurred while ReceiveMessage. SQS Error Code: %s. SQS Error Message: %.*s",
			"AWS.SimpleQueueService.NonExistentQueue", STR_ARG(got.error.message));
		return false;
	}
	int64_t hidden_s = json_get_i64(json_get(got.out, S("Attributes")), "VisibilityTimeout", 0);
	if (hidden_s >= f->Config->Timeout.v)
		return true;
	lambda_fail(c, &lambda_err_InvalidParameterValueException, "Queue visibility timeout: %lld seconds is less than Function timeout: %lld seconds",
		(long long)hidden_s, (long long)f->Config->Timeout.v);
	return false;
}

/* The role has been seen to be able to read it. */
static bool source_ok(struct call *c, const struct lambda_FunctionRecord *f, struct str source, enum source_kind kind)
{
	struct arn arn;
	bool well_formed = arn_parse(source, &arn);
	ASSERT(well_formed);
	const struct principal *role = assume_role(c, f->Config->Role, "lambda.amazonaws.com", S("mapping"), false);
	const struct invoke_options o = {.who = role, .account = arn.account, .region = arn.region};
	if (role == NULL)
		return false;
	if (kind == SOURCE_SQS)
		return queue_ok(c, f, source, &o);
	struct json *in = json_new_object(c->arena);
	bool kinesis = kind == SOURCE_KINESIS;
	json_set(c->arena, in, kinesis ? S("StreamARN") : S("StreamArn"), json_new_str(c->arena, source));
	struct invoked got = invoke(c, kinesis ? "kinesis" : "dynamodbstreams", "DescribeStream", in, &o);
	ASSERT(!got.parked);
	if (got.ok || !str_eq(got.error.code, S("ResourceNotFoundException")))
		return true;
	lambda_fail(c, &lambda_err_InvalidParameterValueException, "Stream not found: %.*s", STR_ARG(source));
	return false;
}

static bool destination_ok(struct call *c, const struct lambda_DestinationConfig *d)
{
	struct str to = d != NULL && d->OnFailure != NULL ? d->OnFailure->Destination : STR_NONE;
	if (to.n == 0 || str_starts(to, S("arn:aws:sqs:")) || str_starts(to, S("arn:aws:sns:")))
		return true;
	if (str_starts(to, S("arn:aws:s3:"))) {
		call_unsupported(c, "S3 as an on-failure destination is not supported");
		return false;
	}
	return invalid(c, "The provided destination config DestinationConfig is invalid.");
}

/* ---- create and update ---- */

static void access_mapping(struct call *c, struct str uuid) { authorize(c, NULL, mapping_arn(c, uuid), NULL); }

void access_create_mapping(struct call *c) { authorize(c, NULL, S("*"), NULL); }

static bool create_refused(struct call *c, const struct lambda_CreateEventSourceMappingRequest *in)
{
	const char *what = NULL;
	if (in->TumblingWindowInSeconds.set && in->TumblingWindowInSeconds.v > 0)
		what = "TumblingWindowInSeconds";
	else if (in->SelfManagedEventSource != NULL || in->Topics.n > 0 || in->Queues.n > 0)
		what = "Kafka and MQ as event sources";
	else if (in->ProvisionedPollerConfig != NULL)
		what = "ProvisionedPollerConfig";
	else if (source_kind(in->EventSourceArn) == SOURCE_NONE)
		what = "this event source (queues of SQS, streams of DynamoDB and of Kinesis are)";
	if (what != NULL)
		call_unsupported(c, "event source mappings: %s: not supported", what);
	return what != NULL;
}

static bool already_there(struct call *c, struct str source, struct str function_arn_text)
{
	struct str key, value;
	struct scan *s = call_scan(c, call_key(c, "mapping"), STR_NONE, false);
	while (scan_next(s, &key, &value)) {
		struct lambda_MappingRecord *m = record_decode(c, &lambda_shape_MappingRecord, value);
		if (!str_eq(m->Config->EventSourceArn, source) || !str_eq(m->Config->FunctionArn, function_arn_text))
			continue;
		lambda_fail(c, &lambda_err_ResourceConflictException, "An event source mapping with event source arn (\" %.*s \") and function (\" %.*s \") "
			"already exists. Please update or delete the existing mapping with UUID %.*s", STR_ARG(source), STR_ARG(m->FunctionName),
			STR_ARG(m->Config->UUID));
		return true;
	}
	return false;
}

static void stream_defaults(struct lambda_EventSourceMappingConfiguration *k)
{
	if (!k->ParallelizationFactor.set)
		k->ParallelizationFactor = SOME_I64(1);
	if (!k->MaximumRecordAgeInSeconds.set)
		k->MaximumRecordAgeInSeconds = SOME_I64(-1);
	if (!k->MaximumRetryAttempts.set)
		k->MaximumRetryAttempts = SOME_I64(-1);
	if (!k->BisectBatchOnFunctionError.set)
		k->BisectBatchOnFunctionError = SOME_BOOL(false);
	if (!k->TumblingWindowInSeconds.set)
		k->TumblingWindowInSeconds = SOME_I64(0);
}

void op_create_mapping(struct call *c)
{
	const struct lambda_CreateEventSourceMappingRequest *in = c->in;
	struct function_ref ref;
	struct str version;
	if (create_refused(c, in) || !function_ref_of(c, in->FunctionName, STR_NONE, &ref))
		return;
	struct lambda_FunctionRecord *f = function_resolve(c, &ref, &version);
	struct str target = function_arn(c, ref.name, ref.qualifier);
	if (f == NULL || already_there(c, in->EventSourceArn, target))
		return;
	enum source_kind kind = source_kind(in->EventSourceArn);
	struct lambda_EventSourceMappingConfiguration *k = arena_new_of(c->arena, struct lambda_EventSourceMappingConfiguration);
	*k = (struct lambda_EventSourceMappingConfiguration){.UUID = new_uuid(c), .StartingPosition = in->StartingPosition,
		.StartingPositionTimestamp = in->StartingPositionTimestamp,
		.BatchSize = in->BatchSize.set ? in->BatchSize : SOME_I64(kind == SOURCE_SQS ? 10 : 100),
		.MaximumBatchingWindowInSeconds = in->MaximumBatchingWindowInSeconds.set ? in->MaximumBatchingWindowInSeconds : SOME_I64(0),
		.ParallelizationFactor = in->ParallelizationFactor, .EventSourceArn = in->EventSourceArn, .FilterCriteria = in->FilterCriteria,
		.ScalingConfig = in->ScalingConfig, .FunctionArn = target, .LastModified = SOME_TIME(c->now_ms),
		.LastProcessingResult = kind == SOURCE_SQS ? STR_NONE : S("No records processed"),
		.State = in->Enabled.set && !in->Enabled.v ? S("Disabled") : S("Enabled"), .StateTransitionReason = S("USER_INITIATED"),
		.DestinationConfig = in->DestinationConfig, .MaximumRecordAgeInSeconds = in->MaximumRecordAgeInSeconds,
		.BisectBatchOnFunctionError = in->BisectBatchOnFunctionError, .MaximumRetryAttempts = in->MaximumRetryAttempts,
		.FunctionResponseTypes = in->FunctionResponseTypes};
	k->EventSourceMappingArn = mapping_arn(c, k->UUID);
	if (!limits_ok(c, k, kind) || !filters_ok(c, k->FilterCriteria) || !destination_ok(c, k->DestinationConfig) ||
	    !role_ok(c, f->Config->Role, in->EventSourceArn, kind) || !source_ok(c, f, in->EventSourceArn, kind))
		return;
	if (kind != SOURCE_SQS)
		stream_defaults(k);
	struct lambda_MappingRecord m = {.Config = k, .FunctionName = ref.name, .Qualifier = ref.qualifier, .Tags = in->Tags,
		.Created = SOME_TIME(c->now_ms)};
	call_put(c, mapping_key(c, k->UUID), &lambda_shape_MappingRecord, &m);
	txn_put(c->txn, key_bytes(index_key(c, k->UUID)), k->EventSourceArn);
	esm_changed(c, k->UUID);
	struct lambda_EventSourceMappingConfiguration *out = c->out;
	*out = *k;
	if (str_eq(k->State, S("Enabled")))
		out->State = S("Creating");
}

static struct lambda_MappingRecord *mapping_need(struct call *c, struct str uuid)
{
	struct lambda_MappingRecord *m = call_get(c, mapping_key(c, uuid), &lambda_shape_MappingRecord);
	if (m == NULL)
		lambda_fail(c, &lambda_err_ResourceNotFoundException, "The resource you requested does not exist.");
	return m;
}

void access_update_mapping(struct call *c) { access_mapping(c, ((const struct lambda_UpdateEventSourceMappingRequest *)c->in)->UUID); }

static void update_apply(struct lambda_EventSourceMappingConfiguration *k, const struct lambda_UpdateEventSourceMappingRequest *in)
{
	if (in->Enabled.set)
		k->State = in->Enabled.v ? S("Enabled") : S("Disabled");
	const struct { struct opt_i64 *to, from; } numbers[] = {{&k->BatchSize, in->BatchSize},
		{&k->MaximumBatchingWindowInSeconds, in->MaximumBatchingWindowInSeconds}, {&k->ParallelizationFactor, in->ParallelizationFactor},
		{&k->MaximumRecordAgeInSeconds, in->MaximumRecordAgeInSeconds}, {&k->MaximumRetryAttempts, in->MaximumRetryAttempts}};
	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		if (numbers[i].from.set)
			*numbers[i].to = numbers[i].from;
	}
	if (in->BisectBatchOnFunctionError.set)
		k->BisectBatchOnFunctionError = in->BisectBatchOnFunctionError;
	if (in->FilterCriteria != NULL)
		k->FilterCriteria = in->FilterCriteria->Filters.n > 0 ? in->FilterCriteria : NULL;
	if (in->DestinationConfig != NULL)
		k->DestinationConfig = in->DestinationConfig;
	if (in->ScalingConfig != NULL)
		k->ScalingConfig = in->ScalingConfig->MaximumConcurrency.set ? in->ScalingConfig : NULL;
	if (in->FunctionResponseTypes.set)
		k->FunctionResponseTypes = in->FunctionResponseTypes;
}

void op_update_mapping(struct call *c)
{
	const struct lambda_UpdateEventSourceMappingRequest *in = c->in;
	struct lambda_MappingRecord *m = mapping_need(c, in->UUID);
	if (m == NULL)
		return;
	if ((in->TumblingWindowInSeconds.set && in->TumblingWindowInSeconds.v > 0) || in->ProvisionedPollerConfig != NULL) {
		call_unsupported(c, "event source mappings: TumblingWindowInSeconds and ProvisionedPollerConfig are not supported");
		return;
	}
	if (str_present(in->FunctionName)) {
		struct function_ref ref;
		struct str version;
		if (!function_ref_of(c, in->FunctionName, STR_NONE, &ref) || function_resolve(c, &ref, &version) == NULL)
			return;
		m->FunctionName = ref.name;
		m->Qualifier = ref.qualifier;
		m->Config->FunctionArn = function_arn(c, ref.name, ref.qualifier);
	}
	update_apply(m->Config, in);
	if (!limits_ok(c, m->Config, source_kind(m->Config->EventSourceArn)) || !filters_ok(c, in->FilterCriteria) ||
	    !destination_ok(c, in->DestinationConfig))
		return;
	m->Config->LastModified = SOME_TIME(c->now_ms);
	call_put(c, mapping_key(c, in->UUID), &lambda_shape_MappingRecord, m);
	esm_changed(c, in->UUID);
	*(struct lambda_EventSourceMappingConfiguration *)c->out = *m->Config;
}

/* ---- read and delete ---- */

void access_get_mapping(struct call *c) { access_mapping(c, ((const struct lambda_GetEventSourceMappingRequest *)c->in)->UUID); }

void op_get_mapping(struct call *c)
{
	struct lambda_MappingRecord *m = mapping_need(c, ((const struct lambda_GetEventSourceMappingRequest *)c->in)->UUID);
	if (m != NULL)
		*(struct lambda_EventSourceMappingConfiguration *)c->out = *m->Config;
}

void access_delete_mapping(struct call *c) { access_mapping(c, ((const struct lambda_DeleteEventSourceMappingRequest *)c->in)->UUID); }

void op_delete_mapping(struct call *c)
{
	struct str uuid = ((const struct lambda_DeleteEventSourceMappingRequest *)c->in)->UUID, key, value;
	struct lambda_MappingRecord *m = mapping_need(c, uuid);
	if (m == NULL)
		return;
	call_del(c, mapping_key(c, uuid));
	call_del(c, index_key(c, uuid));
	struct scan *s = call_scan(c, key_str(call_key(c, "checkpoint"), uuid), STR_NONE, false);
	while (scan_next(s, &key, &value))
		txn_del(c->txn, arena_dup(c->arena, key));
	esm_changed(c, uuid);
	m->Config->State = S("Deleting");
	*(struct lambda_EventSourceMappingConfiguration *)c->out = *m->Config;
}

void access_list_mappings(struct call *c) { authorize(c, NULL, S("*"), NULL); }

void op_list_mappings(struct call *c)
{
	const struct lambda_ListEventSourceMappingsRequest *in = c->in;
	struct lambda_ListEventSourceMappingsResponse *out = c->out;
	struct str after = STR_NONE, key, value;
	struct function_ref ref = {0};
	if (str_present(in->FunctionName) && !function_ref_of(c, in->FunctionName, STR_NONE, &ref))
		return;
	if (!page_position(c->arena, in->Marker, &after)) {
		(void)invalid(c, "Invalid marker");
		return;
	}
	uint32_t max = in->MaxItems.set && in->MaxItems.v < 100 ? (uint32_t)in->MaxItems.v : 100;
	out->EventSourceMappings = LIST_OF(c->arena, struct lambda_EventSourceMappingConfiguration, max);
	out->EventSourceMappings.n = 0;
	struct scan *s = call_scan(c, call_key(c, "mapping"), after, false);
	while (scan_next(s, &key, &value)) {
		struct lambda_MappingRecord *m = record_decode(c, &lambda_shape_MappingRecord, value);
		if ((str_present(in->EventSourceArn) && !str_eq(in->EventSourceArn, m->Config->EventSourceArn)) ||
		    (str_present(ref.name) && !str_eq(ref.name, m->FunctionName)))
			continue;
		if (out->EventSourceMappings.n == max) {
			out->NextMarker = page_token(c->arena, after);
			break;
		}
		((struct lambda_EventSourceMappingConfiguration *)out->EventSourceMappings.v)[out->EventSourceMappings.n++] = *m->Config;
		after = arena_dup(c->arena, key);
	}
}
