/* Invoking targets: each invocation is a durable job, tried until it succeeds or the retry policy ends it.
 *
 * Source: "Managing targets" (templated and universal targets, context attributes) and "Configuring a dead-letter queue"
 * (EventBridge Scheduler User Guide). Everything is done as the schedule's role. */
#include "scheduler.h"

#include "base/enc.h"
#include "base/time.h"
#include "os/os.h"
#include "svc/arn.h"
#include "svc/measure.h"

enum { RETRY_FIRST_MS = 1000, RETRY_MOST_MS = 480 * 1000, ATTEMPTS_MAX = 185, AGE_MAX_S = 86400 };

struct target_kind { struct str service; const char *op; };

static const struct target_kind kinds[] = {
	{STR_INIT("lambda"), "Invoke"}, {STR_INIT("sqs"), "SendMessage"}, {STR_INIT("sns"), "Publish"}, {STR_INIT("events"), "PutEvents"},
	{STR_INIT("states"), "StartExecution"}, {STR_INIT("kinesis"), "PutRecord"}, {STR_INIT("firehose"), "PutRecord"},
};

struct invocation {
	const struct scheduler_DeliveryRecord *d;
	const struct principal *who;
	struct str id, schedule_arn, input;
	const char *service, *op;
	struct arn arn;
	bool universal;
	struct str code, message;
};

/* "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", or a resource of a kind that has a template. false: neither. */
static bool how(struct call *c, struct str text, struct invocation *v)
{
	ASSERT(v->service == NULL && v->op == NULL);
	if (!arn_parse(text, &v->arn))
		return false;
	v->universal = str_eq(v->arn.service, S("scheduler")) && str_starts(v->arn.resource, S("aws-sdk:"));
	if (v->universal) {
		struct str op = str_slice(v->arn.resource, sizeof "aws-sdk:" - 1, v->arn.resource.n), service = str_cut(&op, ':');
		if (!str_present(op) || op.n == 0)
			return false;
		struct str capital = arena_dup(c->arena, op);
		char *first = (char *)capital.p;
		if (*first >= 'a' && *first <= 'z')
			*first = (char)(*first - 32);
		v->service = arena_cstr(c->arena, service);
		v->op = capital.p;
		return true;
	}
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (str_eq(kinds[i].service, v->arn.service)) {
			v->service = arena_cstr(c->arena, v->arn.service);
			v->op = kinds[i].op;
			return true;
		}
	return false;
}

const char *target_unsupported(struct call *c, const struct scheduler_Target *t)
{
	struct invocation v = {0};
	const struct service *s = how(c, t->Arn, &v) ? service_find(str_c(v.service)) : NULL;
	return s != NULL && service_op(s, str_c(v.op)) != NULL ? NULL : arena_cstr(c->arena, t->Arn);
}

/* ---- the job ---- */

static void put_job(struct call *c, struct str id, const struct scheduler_DeliveryRecord *d, int64_t due_ms)
{
	ASSERT(str_present(id) && d->Target != NULL && d->Attempts.v >= 0);
	job_put(c, "deliver", id, due_ms, typed_to_cbor(c->arena, &scheduler_shape_DeliveryRecord, d));
}

void delivery_put(struct call *c, const struct scheduler_ScheduleRecord *r, int64_t scheduled_ms, int64_t due_ms)
{
	char uuid[37];
	random_uuid(uuid);
	struct scheduler_DeliveryRecord d = {.Group = r->Group, .Name = r->Name, .Target = r->Target, .ScheduledMs = SOME_I64(scheduled_ms),
		.FirstMs = SOME_I64(due_ms > c->now_ms ? due_ms : c->now_ms), .Attempts = SOME_I64(0)};
	put_job(c, arena_dup(c->arena, str_c(uuid)), &d, due_ms);
}

/* Source: "Monitoring Amazon EventBridge Scheduler with Amazon CloudWatch" (User Guide). */
static void count(struct call *c, const struct scheduler_DeliveryRecord *d, const char *name)
{
	ASSERT(str_present(d->Group));
	const struct metric_dim dim = {S("ScheduleGroup"), d->Group};
	measure(c, &(struct measure){.ns = S("AWS/Scheduler"), .name = str_c(name), .dims = &dim, .n_dims = 1, .value = 1});
}

/* ---- what is sent ---- */

/* What a target without an Input gets. */
static struct str default_input(struct call *c, const struct invocation *v)
{
	struct buf b;
	struct jw w;
	buf_init(&b, c->arena, 0);
	jw_init(&w, &b);
	jw_begin_object(&w);
	jw_kv_str(&w, "version", S("0"));
	jw_kv_str(&w, "id", v->id);
	jw_kv_str(&w, "detail-type", S("Scheduled Event"));
	jw_kv_str(&w, "source", S("aws.scheduler"));
	jw_kv_str(&w, "account", c->account);
	jw_kv_str(&w, "time", time_iso8601(c->arena, v->d->ScheduledMs.v));
	jw_kv_str(&w, "region", c->region);
	jw_key(&w, S("resources"));
	jw_begin_array(&w);
	jw_str(&w, v->schedule_arn);
	jw_end_array(&w);
	jw_kv_str(&w, "detail", S("{}"));
	jw_end_object(&w);
	return buf_view(&b);
}

static struct str input_of(struct call *c, const struct invocation *v)
{
	struct str s = v->d->Target->Input;
	if (!str_present(s))
		return default_input(c, v);
	const struct { struct str name, value; } attributes[] = {
		{S("<aws.scheduler.schedule-arn>"), v->schedule_arn}, {S("<aws.scheduler.scheduled-time>"), time_iso8601(c->arena, v->d->ScheduledMs.v)},
		{S("<aws.scheduler.execution-id>"), v->id},
		{S("<aws.scheduler.attempt-number>"), arena_printf(c->arena, "%lld", (long long)v->d->Attempts.v + 1)}};
	struct buf b;
	buf_init(&b, c->arena, 0);
	for (size_t i = 0; i < s.n;) {
		size_t k = 0;
		struct str rest = str_slice(s, i, s.n);
		while (s.p[i] == '<' && k < COUNT_OF(attributes) && !str_starts(rest, attributes[k].name))
			k++;
		if (s.p[i] == '<' && k < COUNT_OF(attributes)) {
			buf_str(&b, attributes[k].value);
			i += attributes[k].name.n;
		} else {
			buf_putc(&b, s.p[i++]);
		}
	}
	return buf_view(&b);
}

static struct json *queue_input(struct call *c, const struct arn *arn, struct str body)
{
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "QueueUrl", arn_queue_url(c->arena, arn));
	json_set_str(c->arena, in, "MessageBody", body);
	return in;
}

static struct json *event_input(struct arena *a, const struct invocation *v)
{
	ASSERT(v->d->Target->EventBridgeParameters != NULL); /* target_ok */
	struct json *in = json_new_object(a), *entries = json_new_array(a), *e = json_new_object(a), *resources = json_new_array(a);
	json_set_str(a, e, "Source", v->d->Target->EventBridgeParameters->Source);
	json_set_str(a, e, "DetailType", v->d->Target->EventBridgeParameters->DetailType);
	json_set_str(a, e, "Detail", v->input);
	json_set_str(a, e, "EventBusName", v->d->Target->Arn);
	json_push(a, resources, json_new_str(a, v->schedule_arn));
	json_set(a, e, S("Resources"), resources);
	json_push(a, entries, e);
	json_set(a, in, S("Entries"), entries);
	return in;
}

static struct json *templated_input(struct call *c, const struct invocation *v)
{
	struct arena *a = c->arena;
	const struct scheduler_Target *t = v->d->Target;
	struct str service = v->arn.service, bytes = base64_encode(a, v->input);
	struct str name = str_slice(v->arn.resource, (size_t)(str_find(v->arn.resource, '/') + 1), v->arn.resource.n);
	struct json *in = json_new_object(a), *record = json_new_object(a);
	if (str_eq(service, S("sqs"))) {
		in = queue_input(c, &v->arn, v->input);
		if (t->SqsParameters != NULL && t->SqsParameters->MessageGroupId.n > 0)
			json_set_str(a, in, "MessageGroupId", t->SqsParameters->MessageGroupId);
	} else if (str_eq(service, S("lambda"))) {
		json_set_str(a, in, "FunctionName", t->Arn);
		json_set_str(a, in, "InvocationType", S("Event"));
		json_set_str(a, in, "Payload", bytes);
	} else if (str_eq(service, S("sns"))) {
		json_set_str(a, in, "TopicArn", t->Arn);
		json_set_str(a, in, "Message", v->input);
	} else if (str_eq(service, S("events"))) {
		return event_input(a, v);
	} else if (str_eq(service, S("states"))) {
		json_set_str(a, in, "stateMachineArn", t->Arn);
		json_set_str(a, in, "input", v->input);
	} else if (str_eq(service, S("kinesis"))) {
		json_set_str(a, in, "StreamName", name);
		json_set_str(a, in, "PartitionKey", t->KinesisParameters->PartitionKey);
		json_set_str(a, in, "Data", bytes);
	} else {
		json_set_str(a, record, "Data", bytes);
		json_set_str(a, in, "DeliveryStreamName", name);
		json_set(a, in, S("Record"), record);
	}
	return in;
}

/* ---- sending ---- */

enum sent { SENT, SENT_RETRY, SENT_NEVER, SENT_PARKED };

static bool contains(struct str s, const char *part) { return str_find_str(s, str_c(part)) >= 0; }

static enum sent outcome(struct invocation *v, const struct invoked *i)
{
	if (i->ok || i->parked)
		return i->ok ? SENT : SENT_PARKED;
	v->code = i->error.code;
	v->message = i->error.message.n > 0 ? i->error.message : i->error.code;
	bool final = contains(v->code, "AccessDenied") || contains(v->code, "NotAuthorized") || contains(v->code, "NotFound") ||
	             contains(v->code, "NonExistent") || contains(v->code, "DoesNotExist") || contains(v->code, "Validation");
	return final ? SENT_NEVER : SENT_RETRY;
}

static enum sent send(struct call *c, struct invocation *v)
{
	ASSERT(v->service != NULL && v->op != NULL && str_present(v->d->Target->RoleArn));
	v->who = assume_role(c, v->d->Target->RoleArn, "scheduler.amazonaws.com", v->id, true);
	if (v->who == NULL) {
		v->code = S("AWS.Scheduler.InternalServerError.RoleCannotBeAssumed");
		v->message = S("The execution role you provide must allow AWS EventBridge Scheduler to assume the role.");
		return SENT_NEVER;
	}
	struct invoke_options o = {.who = v->who};
	const struct json *in = v->universal ? json_parse(c->arena, v->input, NULL) : templated_input(c, v);
	if (!v->universal) {
		o.account = v->arn.account;
		o.region = v->arn.region;
	} else if (!json_is(in, JSON_OBJECT)) {
		v->code = S("ValidationException");
		v->message = S("The Input of a universal target must be a JSON object.");
		return SENT_NEVER;
	}
	struct invoked i = invoke(c, v->service, v->op, in, &o);
	return outcome(v, &i);
}

static void attribute(struct arena *a, struct json *all, const char *name, struct str value)
{
	struct json *o = json_new_object(a);
	json_set_str(a, o, "DataType", S("String"));
	json_set_str(a, o, "StringValue", value.n > 0 ? value : S("-"));
	json_set(a, all, str_c(name), o);
}

/* false: parked. */
static bool give_up(struct call *c, struct invocation *v, const char *condition)
{
	ASSERT(str_present(v->code) && v->d->Attempts.v > 0);
	struct arena *a = c->arena;
	const struct scheduler_DeadLetterConfig *dlq = v->d->Target->DeadLetterConfig;
	struct arn queue;
	if (dlq == NULL || !arn_parse(dlq->Arn, &queue) || v->who == NULL) {
		count(c, v->d, "InvocationDroppedCount");
		return true;
	}
	struct json *in = queue_input(c, &queue, v->input), *attributes = json_new_object(a);
	attribute(a, attributes, "ERROR_CODE", v->code);
	attribute(a, attributes, "ERROR_MESSAGE", str_slice(v->message, 0, 1024));
	attribute(a, attributes, "EXECUTION_ID", v->id);
	if (condition != NULL)
		attribute(a, attributes, "EXHAUSTED_RETRY_CONDITION", str_c(condition));
	attribute(a, attributes, "IS_PAYLOAD_TRUNCATED", S("false"));
	attribute(a, attributes, "RETRY_ATTEMPTS", arena_printf(a, "%lld", (long long)(v->d->Attempts.v - 1)));
	attribute(a, attributes, "SCHEDULED_TIME", time_iso8601(a, v->d->ScheduledMs.v));
	attribute(a, attributes, "SCHEDULE_ARN", v->schedule_arn);
	attribute(a, attributes, "TARGET_ARN", v->d->Target->Arn);
	json_set(a, in, S("MessageAttributes"), attributes);
	const struct invoke_options o = {.who = v->who, .account = queue.account, .region = queue.region};
	struct invoked i = invoke(c, "sqs", "SendMessage", in, &o);
	if (!i.parked)
		count(c, v->d, i.ok ? "InvocationsSentToDeadLetterCount" : "InvocationsFailedToBeSentToDeadLetterCount");
	return !i.parked;
}

static int64_t delay_ms(int64_t attempts)
{
	ASSERT(attempts > 0);
	int64_t ms = RETRY_FIRST_MS;
	for (int64_t i = 1; i < attempts && ms < RETRY_MOST_MS; i++)
		ms *= 2;
	return ms < RETRY_MOST_MS ? ms : RETRY_MOST_MS;
}

/* NULL: put again for later; else the condition that ends it. */
static const char *try_again(struct call *c, const struct invocation *v)
{
	const struct scheduler_DeliveryRecord *d = v->d;
	const struct scheduler_RetryPolicy *p = d->Target->RetryPolicy;
	int64_t attempts = p != NULL && p->MaximumRetryAttempts.set ? p->MaximumRetryAttempts.v : ATTEMPTS_MAX;
	int64_t age_ms = (p != NULL && p->MaximumEventAgeInSeconds.set ? p->MaximumEventAgeInSeconds.v : AGE_MAX_S) * 1000;
	int64_t due_ms = c->now_ms + delay_ms(d->Attempts.v);
	if (d->Attempts.v > attempts)
		return "MaximumRetryAttempts";
	if (due_ms - d->FirstMs.v > age_ms)
		return "MaximumEventAgeInSeconds";
	put_job(c, v->id, d, due_ms);
	return NULL;
}

void job_deliver(struct call *c, struct str id, struct str payload)
{
	struct scheduler_DeliveryRecord *d = typed_from_cbor(c->arena, &scheduler_shape_DeliveryRecord, payload);
	ASSERT(d != NULL && d->Target != NULL);
	struct invocation v = {.d = d, .id = id, .schedule_arn = schedule_arn(c, d->Group, d->Name)};
	bool ok = how(c, d->Target->Arn, &v);
	ASSERT(ok); /* CreateSchedule has let it in */
	v.input = input_of(c, &v);
	enum sent sent = send(c, &v);
	if (sent == SENT_PARKED)
		return;
	d->Attempts = SOME_I64(d->Attempts.v + 1);
	count(c, d, "InvocationAttemptCount");
	if (sent == SENT)
		return;
	count(c, d, contains(v.code, "Throttl") || contains(v.code, "TooManyRequests") ? "TargetErrorThrottledCount" : "TargetErrorCount");
	const char *condition = NULL;
	if (sent == SENT_RETRY && (condition = try_again(c, &v)) == NULL)
		return;
	(void)give_up(c, &v, condition);
}
