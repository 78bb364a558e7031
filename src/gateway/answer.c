/* The way out: errors of the early stages in the caller's protocol, the answer to the socket, the record to the log.
 *
 * What always holds: exactly one answer goes out for a request whose client is still there, and one record for
 * every request. */
#include "gateway/request.h"
#include "gateway/send.h"

#include "os/os.h"
#include "svc/stream.h"
#include "telemetry/log.h"

enum next stage_encode(struct request *r)
{
	if (r->response.status != 0)
		return NEXT; /* the run has encoded its own */
	ASSERT(r->failed && r->error.status != 0);
	enum protocol p = r->protocol == PROTO_RAW ? PROTO_REST_JSON : r->protocol;
	wire_encode_error(r->arena, r->service != NULL ? r->service->model : NULL, r->model_op, &r->error, p, r->query_mode,
		r->request_id, &r->response);
	front_headers(r, r->arena);
	return NEXT;
}

/* The length that an answer to HEAD names without a body. */
static bool announced_length(const struct wire_response *w, int64_t *length)
{
	ASSERT(w->n_headers <= w->cap_headers && length != NULL);
	for (size_t i = 0; i < w->n_headers; i++)
		if (str_eq_nocase(w->headers[i].name, S("Content-Length")))
			return str_to_i64(w->headers[i].value, length) && *length >= 0;
	return false;
}

static void drained(struct http_request *h)
{
	struct request *r = h->user;
	CHECK_MAGIC(r, (unsigned)REQUEST_MAGIC);
	outgoing_drained(r->outgoing);
}

/* The source has said its last word. */
static void streamed(void *arg)
{
	struct request *r = arg;
	CHECK_MAGIC(r, (unsigned)REQUEST_MAGIC);
	if (r->http != NULL)
		r->http->user = NULL;
	r->http = NULL;
	if (!r->starting)
		request_go_on(r);
}

/* A body that is made while it is sent: the request lives until its source ends it. */
static enum next stream_out(struct request *r, struct http_request *h, const struct http_header *headers, size_t n)
{
	ASSERT(!r->running && !r->starting && r->outgoing == NULL);
	struct outgoing *o = r->outgoing = arena_new_of(r->arena, struct outgoing);
	r->http = h;
	h->user = r;
	http_begin(h, r->response.status, headers, n, -1);
	http_on_drain(h, drained);
	r->starting = true;
	outgoing_begin(o, h, r->response.stream->source, streamed, r);
	r->starting = false;
	return o->ended ? NEXT : LATER;
}

enum next stage_answer(struct request *r)
{
	struct http_request *h = r->http;
	const struct wire_response *w = &r->response;
	if (h == NULL)
		return NEXT;
	ASSERT(w->status >= 200 && w->n_headers <= w->cap_headers);
	struct http_header *headers = arena_array(r->arena, struct http_header, w->n_headers); /* functions answer with any number */
	for (size_t i = 0; i < w->n_headers; i++)
		headers[i] = (struct http_header){w->headers[i].name, w->headers[i].value};
	r->http = NULL;
	h->user = NULL;
	if (w->stream != NULL && w->stream->source != NULL)
		return stream_out(r, h, headers, w->n_headers);
	if (r->sender != NULL) {
		sender_send(r, h, headers, w->n_headers);
		return NEXT;
	}
	if (w->stream != NULL && w->stream->bytes.p == NULL && w->stream->length > 0) { /* a blob that could not be opened */
		http_answer(h, 500, NULL, 0, S(""));
		return NEXT;
	}
	int64_t length;
	if (str_eq(r->wire.method, S("HEAD")) && announced_length(w, &length)) {
		http_begin(h, w->status, headers, w->n_headers, length);
		http_end(h);
		return NEXT;
	}
	http_answer(h, w->status, headers, w->n_headers, w->stream != NULL ? w->stream->bytes : w->body);
	return NEXT;
}

static void tell_service(struct request *r, const struct call_record *record)
{
	if (r->service == NULL || r->service->answered == NULL)
		return;
	int64_t first_us = r->outgoing != NULL ? r->outgoing->began_us : os.monotonic_us();
	const struct answered a = {
		.request = &r->wire, .op = r->model_op, .who = &r->who, .error = r->failed ? &r->error : NULL, .response = &r->response,
		.request_id = r->request_id, .source_ip = r->source_ip, .signature = r->claim.kind, .tls = r->tls,
		.tls_version = r->tls_version, .tls_cipher = r->tls_cipher, .note = r->task.call.note,
		.started_ms = r->started_ms, .took_us = record->took_us,
		.turn_around_us = r->received_us != 0 ? first_us - r->received_us : record->took_us,
		.bytes_in = (int64_t)record->bytes_in, .bytes_out = (int64_t)record->bytes_out,
	};
	r->service->answered(&a);
}

static size_t bytes_out(const struct request *r)
{
	if (r->outgoing != NULL)
		return (size_t)r->outgoing->bytes;
	return r->response.stream != NULL ? (size_t)r->response.stream->length : r->response.body.n;
}

enum next stage_record(struct request *r)
{
	ASSERT(r->response.status >= 200 || r->http == NULL);
	struct call_record record = {
		.request_id = r->request_id,
		.service = str_c(r->service != NULL ? r->service->name : "-"),
		.op = str_c(r->model_op != NULL ? model_op_name(r->model_op) : r->raw ? "raw" : "-"),
		.account = r->who.account, .region = r->region, .principal_arn = r->who.arn,
		.error_code = r->failed ? r->error.code : STR_NONE,
		.status = r->response.status,
		.start_ms = r->started_ms,
		.took_us = os.monotonic_us() - r->started_us,
		.bytes_in = r->bytes_in, .bytes_out = bytes_out(r),
		.decision = r->who.type == PRINCIPAL_ROOT ? "root" : r->failed && r->error.status == 403 ? "deny" : "allow",
	};
	log_call(&record);
	tell_service(r, &record);
	return NEXT;
}
