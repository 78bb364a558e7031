/* Asynchronous invocation: an event is a job. Its handler lets the engine run it; what comes of it (another try, a
 * destination, the dead-letter queue) is written in the same transaction that ends the job.
 *
 * Source: "How Lambda handles errors and retries with asynchronous invocation": two retries after 1 and 2 minutes for
 * function errors; throttles are tried again with a back-off of 1 s to 5 min until the event is too old (6 h). */
#include "lambda.h"

#include "base/time.h"
#include "engine.h"

enum { RETRIES = 2, MAX_AGE_S = 6 * 3600, THROTTLE_FIRST_MS = 1000, THROTTLE_MOST_MS = 300 * 1000 };

void async_queue(struct call *c, const struct lambda_AsyncEvent *e, int64_t due_ms)
{
	ASSERT(txn_writable(c->txn) && e->RequestId.n > 0 && e->QueuedMs.set);
	job_put(c, "async", e->RequestId, due_ms, typed_to_cbor(c->arena, &lambda_shape_AsyncEvent, e));
}

/* ---- destinations ---- */

static struct json *send_input(struct call *c, const struct arn *to, struct str arn, struct str body, const char *detail_type,
                               struct str function_arn_text, const char **op)
{
	struct arena *a = c->arena;
	struct json *in = json_new_object(a);
	if (str_eq(to->service, S("sqs"))) {
		*op = "SendMessage";
		json_set_str(a, in, "QueueUrl", arn_queue_url(a, to));
		json_set_str(a, in, "MessageBody", body);
	} else if (str_eq(to->service, S("sns"))) {
		*op = "Publish";
		json_set_str(a, in, "TopicArn", arn);
		json_set_str(a, in, "Message", body);
	} else if (str_eq(to->service, S("lambda"))) {
		*op = "Invoke";
		json_set_str(a, in, "FunctionName", arn);
		json_set_str(a, in, "InvocationType", S("Event"));
		json_set_str(a, in, "Payload", base64_encode(a, body));
	} else {
		*op = "PutEvents";
		struct json *entries = json_new_array(a), *e = json_new_object(a), *resources = json_new_array(a);
		json_push(a, resources, json_new_str(a, function_arn_text));
		json_set_str(a, e, "Source", S("lambda"));
		json_set_str(a, e, "DetailType", str_c(detail_type));
		json_set_str(a, e, "Detail", body);
		json_set_str(a, e, "EventBusName", arn);
		json_set(a, e, S("Resources"), resources);
		json_push(a, entries, e);
		json_set(a, in, S("Entries"), entries);
	}
	return in;
}

static bool send_text(struct call *c, struct str role_arn, struct str arn, struct str body, const char *detail_type, struct str function,
                      struct json *attributes, bool *parked, struct str *why)
{
	struct arn to;
	*parked = false;
	*why = S("the destination's ARN is broken");
	if (!arn_parse(arn, &to))
		return false;
	const struct principal *role = assume_role(c, role_arn, "lambda.amazonaws.com", S("destination"), true);
	*why = S("the function's role cannot be assumed");
	if (role == NULL)
		return false;
	const char *op;
	struct json *in = send_input(c, &to, arn, body, detail_type, function, &op);
	if (attributes != NULL && (str_eq(to.service, S("sqs")) || str_eq(to.service, S("sns"))))
		json_set(c->arena, in, S("MessageAttributes"), attributes);
	const struct invoke_options o = {.who = role, .account = to.account, .region = to.region};
	const char *service = arena_cstr(c->arena, to.service);
	struct invoked sent = invoke(c, service, op, in, &o);
	*parked = sent.parked;
	*why = sent.error.message;
	return sent.ok;
}

bool destination_send(struct call *c, struct str role, struct str arn, struct json *record, const char *detail_type, struct str function,
                      bool *parked, struct str *why)
{
	return send_text(c, role, arn, json_text(c->arena, record), detail_type, function, NULL, parked, why);
}

static struct json *text_attribute(struct arena *a, const char *type, struct str value)
{
	struct json *o = json_new_object(a);
	json_set_str(a, o, "DataType", str_c(type));
	json_set_str(a, o, "StringValue", value);
	return o;
}

/* ---- what an event ended with ---- */

struct outcome {
	const char *condition; /* "Success", "RetriesExhausted", "EventAgeExceeded" */
	struct str error, payload;
	bool ran;
};

static struct json *parsed_or_text(struct arena *a, struct str text)
{
	struct json *j = json_parse(a, text, NULL);
	return j != NULL ? j : json_new_str(a, text);
}

/* The record that destinations get. Source: "Capturing records of Lambda asynchronous invocations". */
static struct json *outcome_record(struct call *c, const struct lambda_AsyncEvent *e, const struct outcome *o, struct str version)
{
	ASSERT(o->condition != NULL && (o->ran || o->error.n > 0));
	struct arena *a = c->arena;
	struct json *r = json_new_object(a), *request = json_new_object(a), *response = json_new_object(a);
	json_set_str(a, r, "version", S("1.0"));
	json_set_str(a, r, "timestamp", time_iso8601_ms(a, c->now_ms));
	json_set_str(a, request, "requestId", e->RequestId);
	json_set_str(a, request, "functionArn", function_arn(c, e->FunctionName, str_present(e->Qualifier) ? e->Qualifier : S("$LATEST")));
	json_set_str(a, request, "condition", str_c(o->condition));
	json_set_i64(a, request, "approximateInvokeCount", e->Attempt.v);
	json_set(a, r, S("requestContext"), request);
	json_set(a, r, S("requestPayload"), parsed_or_text(a, e->Payload));
	if (o->ran) {
		json_set_i64(a, response, "statusCode", 200);
		json_set_str(a, response, "executedVersion", version);
		if (o->error.n > 0)
			json_set_str(a, response, "functionError", o->error);
		json_set(a, r, S("responseContext"), response);
		json_set(a, r, S("responsePayload"), parsed_or_text(a, o->payload));
	}
	return r;
}

static void count(struct call *c, const struct lambda_AsyncEvent *e, const char *metric, double value, const char *unit)
{
	report_async(c->account, c->region, e->FunctionName, metric, value, unit);
}

/* Send to the dead-letter queue: the event itself, the failure in attributes. */
static bool dead_letter(struct call *c, const struct lambda_AsyncEvent *e, const struct outcome *o,
                        const struct lambda_FunctionConfiguration *k, bool *parked)
{
	struct arena *a = c->arena;
	struct json *attributes = json_new_object(a), *told = json_parse(a, o->payload, NULL);
	struct str message = json_get_str(told, "errorMessage"), why;
	json_set(a, attributes, S("RequestID"), text_attribute(a, "String", e->RequestId));
	json_set(a, attributes, S("ErrorCode"), text_attribute(a, "Number", o->ran ? S("200") : S("429")));
	json_set(a, attributes, S("ErrorMessage"), text_attribute(a, "String", message.n > 0 ? str_slice(message, 0, 1024) : str_c(o->condition)));
	return send_text(c, k->Role, k->DeadLetterConfig->TargetArn, e->Payload, "", k->FunctionArn, attributes, parked, &why);
}

/* false: parked. */
static bool settle(struct call *c, const struct lambda_AsyncEvent *e, const struct outcome *o, const struct lambda_FunctionConfiguration *k)
{
	const struct lambda_FunctionEventInvokeConfig *x = event_config_get(c, e->FunctionName, e->Qualifier);
	const struct lambda_DestinationConfig *d = x != NULL ? x->DestinationConfig : NULL;
	bool success = o->error.n == 0 && o->ran, parked = false;
	struct str to = d == NULL ? STR_NONE : success ? (d->OnSuccess != NULL ? d->OnSuccess->Destination : STR_NONE)
	                                               : (d->OnFailure != NULL ? d->OnFailure->Destination : STR_NONE), why;
	if (to.n > 0) {
		struct json *record = outcome_record(c, e, o, k->Version);
		const char *type = success ? "Lambda Function Invocation Result - Success" : "Lambda Function Invocation Result - Failure";
		if (!destination_send(c, k->Role, to, record, type, k->FunctionArn, &parked, &why) && !parked)
			count(c, e, "DestinationDeliveryFailures", 1, "Count");
		if (parked)
			return false;
	}
	if (!success && k->DeadLetterConfig != NULL) {
		if (!dead_letter(c, e, o, k, &parked) && !parked)
			count(c, e, "DeadLetterErrors", 1, "Count");
	}
	return !parked;
}

static int64_t throttle_delay(int64_t times)
{
	ASSERT(times >= 0);
	int64_t ms = THROTTLE_FIRST_MS;
	for (int64_t i = 0; i < times && ms < THROTTLE_MOST_MS; i++)
		ms *= 2;
	return ms < THROTTLE_MOST_MS ? ms : THROTTLE_MOST_MS;
}

static void after_run(struct call *c, struct lambda_AsyncEvent *e, const struct answer *a, const struct lambda_FunctionConfiguration *k,
                      int64_t retries, int64_t age_ms)
{
	struct outcome o = {.condition = "Success", .error = a->ok ? a->error_code : S("Throttled"), .payload = a->bytes, .ran = a->ok};
	if (!a->ok) {
		e->Throttles = SOME_I64(e->Throttles.v + 1);
		int64_t due = c->now_ms + throttle_delay(e->Throttles.v - 1);
		if (due - e->QueuedMs.v <= age_ms) {
			async_queue(c, e, due);
			return;
		}
		o.condition = "EventAgeExceeded";
	} else {
		e->Attempt = SOME_I64(e->Attempt.v + 1);
		if (o.error.n > 0) {
			int64_t due = c->now_ms + e->Attempt.v * 60 * 1000;
			o.condition = due - e->QueuedMs.v > age_ms ? "EventAgeExceeded" : "RetriesExhausted";
			if (e->Attempt.v <= retries && due - e->QueuedMs.v <= age_ms) {
				async_queue(c, e, due);
				return;
			}
		}
	}
	if (strcmp(o.condition, "Success") != 0)
		count(c, e, "AsyncEventsDropped", 1, "Count");
	(void)settle(c, e, &o, k);
}

void async_job(struct call *c, struct str id, struct str payload)
{
	(void)id;
	struct lambda_AsyncEvent *e = typed_from_cbor(c->arena, &lambda_shape_AsyncEvent, payload);
	ASSERT(e != NULL);
	struct function_ref ref = {e->FunctionName, e->Qualifier};
	struct str version = str_present(ref.qualifier) ? ref.qualifier : S("$LATEST");
	struct lambda_AliasConfiguration *alias = !str_eq(version, S("$LATEST")) && !is_version_number(version) ? alias_get(c, ref.name, version) : NULL;
	if (alias != NULL)
		version = alias_pick(c, alias);
	struct lambda_FunctionRecord *f = function_get(c, ref.name, version);
	struct lambda_FunctionMeta *meta = meta_get(c, ref.name);
	if (f == NULL || meta == NULL)
		return; /* the function is gone, its events with it */
	const struct lambda_FunctionEventInvokeConfig *x = event_config_get(c, ref.name, ref.qualifier);
	int64_t retries = x != NULL && x->MaximumRetryAttempts.set ? x->MaximumRetryAttempts.v : RETRIES;
	int64_t age_ms = (x != NULL && x->MaximumEventAgeInSeconds.set ? x->MaximumEventAgeInSeconds.v : MAX_AGE_S) * 1000;
	struct str resource = str_present(ref.qualifier) ? arena_join(c->arena, ref.name, S(":"), ref.qualifier) : ref.name;
	struct str context = str_present(e->ClientContext) ? base64_decode(c->arena, e->ClientContext) : STR_NONE;
	const struct invoke_spec s = {.config = f->Config, .resource = resource, .payload = e->Payload, .request_id = e->RequestId,
		.invoked_arn = function_arn(c, ref.name, ref.qualifier), .client_context = context, .trace = e->Trace,
		.reserved = meta->Reserved.set ? meta->Reserved.v : -1};
	const struct answer *a = invoke_await(c, &s);
	if (a == NULL)
		return;
	if (e->Attempt.v == 0 && e->Throttles.v == 0)
		count(c, e, "AsyncEventsReceived", 1, "Count");
	count(c, e, "AsyncEventAge", (double)(c->now_ms - e->QueuedMs.v), "Milliseconds");
	after_run(c, e, a, f->Config, retries, age_ms);
}
