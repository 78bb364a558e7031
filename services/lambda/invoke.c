/* Invoke: find the version, let the engine run it, give its answer; or queue the event.
 *
 * A read operation, so that readers may invoke too: an Event invocation outside of a writing call queues its job by an
 * internal write and waits for that. */
#include "lambda.h"

#include "flow.h"
#include "os/os.h"

#include <stdlib.h>

static struct str resource_of(struct arena *a, const struct function_ref *ref)
{
	return str_present(ref->qualifier) ? arena_join(a, ref->name, S(":"), ref->qualifier) : ref->name;
}

void access_invoke(struct call *c)
{
	const struct lambda_InvocationRequest *in = c->in;
	struct function_ref ref;
	if (!function_ref_of(c, in->FunctionName, in->Qualifier, &ref))
		return;
	struct access_extra x = {.resource_policy = policy_document(c, ref.name, ref.qualifier)};
	authorize(c, "lambda:InvokeFunction", function_arn(c, ref.name, ref.qualifier), &x);
}

/* ---- from a call to the engine and back ---- */

struct run_arg { struct engine_call call; struct arena *keep; enum stream_form stream; };

static void on_ran(void *arg, const struct engine_result *r)
{
	struct ticket *t = arg;
	struct answer a = {.ok = r->throttled == NULL, .bytes = r->payload, .error_code = r->throttled != NULL ? str_c(r->throttled) : r->error,
		.error_message = r->log_tail};
	ticket_answer(*t, &a);
	free(t);
}

static void run_start(struct ticket t, void *arg)
{
	const struct run_arg *r = arg;
	if (r->stream != STREAM_NONE) {
		flow_start(t, r->keep, &r->call, r->stream);
		return;
	}
	struct ticket *mine = malloc(sizeof *mine);
	if (mine == NULL)
		die("out of memory");
	*mine = t;
	engine_invoke(&r->call, on_ran, mine);
}

const struct answer *invoke_await(struct call *c, const struct invoke_spec *s)
{
	struct arena *k = call_keep(c);
	struct run_arg r = {.keep = k, .stream = s->stream};
	r.call = (struct engine_call){.account = arena_dup(k, c->account), .region = arena_dup(k, c->region),
		.function = arena_dup(k, s->config->FunctionName), .version = arena_dup(k, s->config->Version),
		.revision = arena_dup(k, s->config->RevisionId), .resource = arena_dup(k, s->resource),
		.invoked_arn = arena_dup(k, s->invoked_arn), .request_id = arena_dup(k, s->request_id), .payload = arena_dup(k, s->payload),
		.client_context = arena_dup(k, s->client_context), .trace = arena_dup(k, s->trace), .reserved = s->reserved,
		.want_log = s->want_log};
	return call_await(c, run_start, &r, sizeof r, INT64_MAX);
}

struct str trace_of(struct call *c)
{
	if (str_present(c->trace_header) && c->trace_header.n > 0)
		return c->trace_header;
	char hex[41];
	random_hex(hex, 40);
	hex[40] = '\0';
	return arena_printf(c->arena, "Root=1-%08llx-%.24s;Parent=%.16s;Sampled=0", (unsigned long long)(c->now_ms / 1000), hex, hex + 24);
}

static bool is_json(struct call *c, struct str payload)
{
	struct json_error e;
	struct arena *a = arena_new(payload.n);
	bool ok = json_parse(a, payload, &e) != NULL;
	arena_free(a);
	if (!ok)
		lambda_fail(c, &lambda_err_InvalidRequestContentException, "Could not parse request body into json: %s at offset %zu", e.what, e.at);
	return ok;
}

/* ---- events ---- */

struct queue_arg { const struct lambda_AsyncEvent *event; struct str account, region; };
struct queue_job { struct ticket ticket; struct arena *arena; struct lambda_AsyncEvent *event; };

static void queue_job_run(struct call *c)
{
	const struct queue_job *j = c->user;
	async_queue(c, j->event, c->now_ms);
}

static void queue_job_done(void *arg, const struct wire_error *error)
{
	struct queue_job *j = arg;
	struct answer a = {.ok = error == NULL, .bytes = S("")};
	ticket_answer(j->ticket, &a);
	arena_free(j->arena); /* j lives in it */
}

static void queue_start(struct ticket t, void *arg)
{
	const struct queue_arg *q = arg;
	struct arena *a = arena_new(q->event->Payload.n + 1024);
	struct queue_job *j = arena_new_of(a, struct queue_job);
	*j = (struct queue_job){t, a, typed_copy(a, &lambda_shape_AsyncEvent, q->event)};
	const struct submit s = {.service = &service_lambda, .account = q->account, .region = q->region, .run = queue_job_run, .write = true,
		.arg = j, .done = queue_job_done};
	call_submit(&s);
}

static void invoke_event(struct call *c, const struct lambda_InvocationRequest *in, const struct function_ref *ref, struct str payload)
{
	struct lambda_InvocationResponse *out = c->out;
	if (payload.n > ASYNC_PAYLOAD_MAX) {
		lambda_fail(c, &lambda_err_RequestTooLargeException, "%zu byte payload is too large for the Event invocation type (limit %d bytes)",
			payload.n, ASYNC_PAYLOAD_MAX);
		return;
	}
	struct lambda_AsyncEvent e = {.FunctionName = ref->name, .Qualifier = ref->qualifier,
		.RequestId = c->parent != NULL ? new_uuid(c) : c->request_id,
		.Payload = payload, .ClientContext = in->ClientContext, .Trace = trace_of(c), .QueuedMs = SOME_I64(c->now_ms)};
	out->StatusCode = SOME_I64(202);
	out->Payload = S("");
	if (txn_writable(c->txn)) {
		async_queue(c, &e, c->now_ms);
		return;
	}
	struct arena *keep = call_keep(c);
	struct queue_arg q = {typed_copy(keep, &lambda_shape_AsyncEvent, &e), arena_dup(keep, c->account), arena_dup(keep, c->region)};
	const struct answer *a = call_await(c, queue_start, &q, sizeof q, INT64_MAX);
	if (a != NULL && !a->ok)
		lambda_fail(c, &lambda_err_ServiceException, "the event could not be queued");
}

/* ---- the operation ---- */

static void fill_output(struct call *c, const struct answer *a, const struct lambda_InvocationRequest *in, struct str version)
{
	struct lambda_InvocationResponse *out = c->out;
	out->StatusCode = SOME_I64(200);
	out->Payload = a->bytes;
	out->ExecutedVersion = version;
	if (str_present(a->error_code) && a->error_code.n > 0)
		out->FunctionError = a->error_code;
	if (str_eq(in->LogType, S("Tail")))
		out->LogResult = base64_encode(c->arena, str_present(a->error_message) ? a->error_message : S(""));
}

void throttled(struct call *c, struct str reason)
{
	struct lambda_TooManyRequestsException *e = call_fail(c, &lambda_err_TooManyRequestsException, "Rate Exceeded.");
	e->Reason = arena_dup(c->arena, reason);
	e->Type = S("User");
}

/* What both operations check, and the version that is asked for. NULL: c has failed. */
static struct lambda_FunctionRecord *checked(struct call *c, const struct function_ref *ref, struct str payload, struct str *version)
{
	struct lambda_FunctionRecord *f = function_resolve(c, ref, version);
	if (f == NULL)
		return NULL;
	if (payload.n > PAYLOAD_MAX) {
		lambda_fail(c, &lambda_err_RequestTooLargeException,
			"%zu byte payload is too large for the RequestResponse invocation type (limit %d bytes)", payload.n, PAYLOAD_MAX);
		return NULL;
	}
	return is_json(c, payload) ? f : NULL;
}

static const struct answer *run(struct call *c, const struct function_ref *ref, const struct lambda_FunctionRecord *f, struct str payload,
                                struct str client_context, bool want_log, enum stream_form stream)
{
	struct lambda_FunctionMeta *meta = meta_get(c, ref->name);
	ASSERT(meta != NULL || txn_incomplete(c->txn));
	if (meta == NULL)
		return NULL;
	struct str context = str_present(client_context) ? base64_decode(c->arena, client_context) : STR_NONE;
	const struct invoke_spec s = {.config = f->Config, .resource = resource_of(c->arena, ref), .payload = payload,
		.invoked_arn = function_arn(c, ref->name, ref->qualifier), .request_id = c->parent != NULL ? new_uuid(c) : c->request_id,
		.client_context = context, .trace = trace_of(c), .reserved = meta->Reserved.set ? meta->Reserved.v : -1, .want_log = want_log,
		.stream = stream};
	return invoke_await(c, &s);
}

void op_invoke(struct call *c)
{
	const struct lambda_InvocationRequest *in = c->in;
	struct lambda_InvocationResponse *out = c->out;
	struct function_ref ref;
	struct str version, payload = str_present(in->Payload) && in->Payload.n > 0 ? in->Payload : S("{}");
	if (!function_ref_of(c, in->FunctionName, in->Qualifier, &ref))
		return;
	if (str_present(in->DurableExecutionName) || str_present(in->TenantId)) {
		call_unsupported(c, "durable executions and tenants are not supported");
		return;
	}
	struct lambda_FunctionRecord *f = checked(c, &ref, payload, &version);
	if (f == NULL)
		return;
	if (str_eq(in->InvocationType, S("DryRun"))) {
		out->StatusCode = SOME_I64(204);
		out->Payload = S("");
		return;
	}
	if (str_eq(in->InvocationType, S("Event"))) {
		invoke_event(c, in, &ref, payload);
		return;
	}
	const struct answer *a = run(c, &ref, f, payload, in->ClientContext, str_eq(in->LogType, S("Tail")), STREAM_NONE);
	if (a != NULL && a->ok)
		fill_output(c, a, in, version);
	else if (a != NULL)
		throttled(c, a->error_code);
}

/* ---- with a response stream ---- */

void access_invoke_stream(struct call *c)
{
	const struct lambda_InvokeWithResponseStreamRequest *in = c->in;
	struct function_ref ref;
	if (!function_ref_of(c, in->FunctionName, in->Qualifier, &ref))
		return;
	struct access_extra x = {.resource_policy = policy_document(c, ref.name, ref.qualifier)};
	authorize(c, "lambda:InvokeFunction", function_arn(c, ref.name, ref.qualifier), &x);
}

/* What a function answers as a whole: chunks of at most 1 MiB and the end. */
static struct body *framed(struct call *c, const struct answer *a, bool want_log)
{
	enum { CHUNK = 1 << 20 };
	struct buf b;
	buf_init(&b, c->arena, 0);
	for (size_t at = 0; at < a->bytes.n && a->error_code.n == 0; at += CHUNK)
		eventstream_event(&b, "PayloadChunk", "application/octet-stream", str_slice(a->bytes, at, at + CHUNK));
	eventstream_event(&b, "InvokeComplete", "application/json", flow_end_text(c->arena, a->error_code, a->bytes, want_log, a->error_message));
	struct body *body = arena_new_of(c->arena, struct body);
	*body = (struct body){.bytes = buf_view(&b), .length = (int64_t)b.n};
	return body;
}

void op_invoke_stream(struct call *c)
{
	const struct lambda_InvokeWithResponseStreamRequest *in = c->in;
	struct lambda_InvokeWithResponseStreamResponse *out = c->out;
	struct function_ref ref;
	struct str version, payload = str_present(in->Payload) && in->Payload.n > 0 ? in->Payload : S("{}");
	bool want_log = str_eq(in->LogType, S("Tail"));
	if (!function_ref_of(c, in->FunctionName, in->Qualifier, &ref))
		return;
	if (str_present(in->TenantId)) {
		call_unsupported(c, "tenants are not supported");
		return;
	}
	struct lambda_FunctionRecord *f = checked(c, &ref, payload, &version);
	if (f == NULL)
		return;
	if (str_eq(in->InvocationType, S("DryRun"))) {
		out->StatusCode = SOME_I64(204);
		return;
	}
	const struct answer *a = run(c, &ref, f, payload, in->ClientContext, want_log, c->parent == NULL ? STREAM_EVENTS : STREAM_NONE);
	if (a == NULL)
		return;
	if (!a->ok) {
		throttled(c, a->error_code);
		return;
	}
	out->StatusCode = SOME_I64(200);
	out->ExecutedVersion = version;
	out->ResponseStreamContentType = a->detail != NULL ? a->error_message : S("application/octet-stream");
	if (a->detail == NULL) {
		out->EventStream = framed(c, a, want_log);
		return;
	}
	out->EventStream = arena_new_of(c->arena, struct body);
	out->EventStream->source = flow_source(a->detail);
}
