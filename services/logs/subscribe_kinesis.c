/* Subscriptions whose destination is a Kinesis stream: a record for each delivery, its data the gzipped message.
 *
 * What always holds: a record that the stream does not take at once is kept by a job, which tries for a day, so what was acknowledged is
 * delivered or counted as not. Source: "Subscription filters with Kinesis Data Streams" (CloudWatch Logs User Guide). */
#include "logs.h"

#include "base/enc.h"
#include "os/os.h"
#include "svc/arn.h"

enum { RETRY_FIRST_MS = 1000, RETRY_MOST_MS = 60 * 1000, RETRY_FOR_MS = 24 * 3600 * 1000 };

/* The role's principal puts it; ok only when the stream has taken it. */
static bool put_record(struct call *c, struct str destination, struct str role_arn, struct str key, struct str data_base64)
{
	struct arn to;
	bool ok = arn_parse(destination, &to);
	ASSERT(ok); /* PutSubscriptionFilter has let it in */
	const struct principal *role = assume_role(c, role_arn, "logs.amazonaws.com", S("CloudWatchLogs"), true);
	if (role == NULL)
		return false;
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "StreamARN", destination);
	json_set_str(c->arena, in, "PartitionKey", key);
	json_set_str(c->arena, in, "Data", data_base64);
	const struct invoke_options o = {.who = role, .account = to.account, .region = to.region};
	struct invoked i = invoke(c, "kinesis", "PutRecord", in, &o);
	ASSERT(!i.parked); /* it does not wait */
	return i.ok;
}

bool kinesis_destination_ok(struct call *c, struct str destination, struct str role_arn)
{
	if (!str_present(role_arn)) {
		call_fail(c, &logs_err_InvalidParameterException, "A roleArn must be given for a Kinesis stream as the destination.");
		return false;
	}
	if (!authorize_pass_role(c, role_arn, "logs.amazonaws.com"))
		return false;
	struct str message = arena_printf(c->arena,
		"{\"messageType\":\"CONTROL_MESSAGE\",\"owner\":\"CloudwatchLogs\",\"logGroup\":\"\",\"logStream\":\"\","
		"\"subscriptionFilters\":[],\"logEvents\":[{\"id\":\"\",\"timestamp\":%lld,\"message\":\"CWL CONTROL MESSAGE: Checking health of destination "
		"Kinesis stream.\"}]}", (long long)c->now_ms);
	if (put_record(c, destination, role_arn, S("control"), base64_encode(c->arena, gzip_compress(c->arena, message))))
		return true;
	call_fail(c, &logs_err_InvalidParameterException,
		"Could not deliver test message to specified Kinesis stream. Check if the given kinesis stream is in "
		"ACTIVE state. ");
	return false;
}

bool kinesis_deliver(struct call *c, const struct logs_SubscriptionFilter *f, struct str log_stream, struct str gzipped)
{
	struct arena *a = c->arena;
	char id[37];
	random_uuid(id);
	struct str uuid = arena_dup(a, str_c(id)), data = base64_encode(a, gzipped);
	struct str key = str_eq(f->distribution, S("Random")) ? uuid : md5_hex(a, log_stream);
	if (put_record(c, f->destinationArn, f->roleArn, key, data))
		return true;
	struct json *kept = json_new_object(a);
	json_set_str(a, kept, "destination", f->destinationArn);
	json_set_str(a, kept, "role", f->roleArn);
	json_set_str(a, kept, "key", key);
	json_set_str(a, kept, "data", data);
	json_set_i64(a, kept, "first", c->now_ms);
	json_set_i64(a, kept, "wait", RETRY_FIRST_MS);
	job_put(c, "forward", uuid, c->now_ms + RETRY_FIRST_MS, json_text(a, kept));
	return false;
}

void job_forward(struct call *c, struct str id, struct str payload)
{
	struct json *kept = json_parse(c->arena, payload, NULL);
	ASSERT(json_is(kept, JSON_OBJECT));
	if (put_record(c, json_get_str(kept, "destination"), json_get_str(kept, "role"), json_get_str(kept, "key"), json_get_str(kept, "data")))
		return;
	int64_t wait_ms = json_get_i64(kept, "wait", RETRY_FIRST_MS) * 2;
	if (json_get_i64(kept, "first", 0) + RETRY_FOR_MS < c->now_ms)
		return;
	json_set_i64(c->arena, kept, "wait", wait_ms < RETRY_MOST_MS ? wait_ms : RETRY_MOST_MS);
	job_put(c, "forward", id, c->now_ms + wait_ms, json_text(c->arena, kept));
}
