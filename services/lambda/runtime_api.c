/* The Runtime API as functions' runtimes speak it: /2018-06-01/runtime/... on a listener inside each sandbox.
 *
 * The listener tells the instance by its id, so a request of an instance that is gone finds none. GET next is held
 * until there is an invocation. Source: "Using the Lambda runtime API for custom runtimes" (Lambda developer guide). */
#include "engine.h"

#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>

struct post { struct buf body; bool streams; /* its bytes go to the invocation's sink */ };

static struct instance *instance_of(const struct http_request *r) { return instance_by_id((uint64_t)(uintptr_t)r->listener_user); }

static const struct http_header json_type = {STR_INIT("Content-Type"), STR_INIT("application/json")};

static void refuse(struct http_request *r, int status, const char *type, const char *message)
{
	struct str text = arena_printf(r->arena, "{\"errorMessage\":\"%s\",\"errorType\":\"%s\"}", message, type);
	http_answer(r, status, &json_type, 1, text);
}

void runtime_send(struct instance *i)
{
	struct http_request *r = i->waiting;
	const struct engine_call *k = &i->inv->call;
	ASSERT(r != NULL);
	i->waiting = NULL;
	int64_t deadline_ms = os.wall_ms() + i->plan->config->Timeout.v * 1000;
	struct http_header h[7] = {json_type};
	size_t n = 1;
	h[n++] = (struct http_header){S("Lambda-Runtime-Aws-Request-Id"), k->request_id};
	h[n++] = (struct http_header){S("Lambda-Runtime-Deadline-Ms"), arena_printf(r->arena, "%lld", (long long)deadline_ms)};
	h[n++] = (struct http_header){S("Lambda-Runtime-Invoked-Function-Arn"), k->invoked_arn};
	h[n++] = (struct http_header){S("Lambda-Runtime-Trace-Id"), k->trace};
	if (str_present(k->client_context) && k->client_context.n > 0)
		h[n++] = (struct http_header){S("Lambda-Runtime-Client-Context"), k->client_context};
	http_answer(r, 200, h, n, k->payload);
}

static const struct str base = STR_INIT("/2018-06-01/runtime/");

/* "invocation/<id>/response" */
static bool about_invocation(struct str path, struct str *id, struct str *what)
{
	if (!str_starts(path, S("invocation/")))
		return false;
	struct str rest = str_slice(path, sizeof "invocation/" - 1, path.n);
	*id = str_cut(&rest, '/');
	*what = rest;
	return str_present(rest);
}

/* ---- answers that are streamed ---- */

/* The sink of the invocation that r answers; NULL: it has ended meanwhile. */
static struct engine_sink *sink_of(const struct http_request *r)
{
	struct instance *i = instance_of(r);
	return i != NULL && i->inv != NULL && i->streaming == r ? i->inv->call.sink : NULL;
}

/* Does it begin one, for somebody who wants it so? */
static bool begins_stream(struct http_request *r, struct instance *i, struct str path)
{
	struct str id, what;
	if (!str_eq_nocase(http_header(r, S("Lambda-Runtime-Function-Response-Mode")), S("streaming")))
		return false;
	if (!about_invocation(path, &id, &what) || !str_eq(what, S("response")) || i->inv == NULL || !str_eq(id, i->inv->call.request_id))
		return false;
	if (i->inv->call.sink == NULL || i->streaming != NULL)
		return false;
	i->streaming = r;
	i->inv->call.sink->begin(i->inv->call.sink->arg, http_header(r, S("Content-Type")));
	return true;
}

void engine_sink_resume(struct engine_sink *s)
{
	struct http_request *r = s->paused;
	s->paused = NULL;
	if (r != NULL)
		http_resume_body(r);
}

static void streamed_piece(struct http_request *r, struct str piece)
{
	struct engine_sink *s = sink_of(r);
	if (s == NULL || s->piece(s->arg, piece))
		return;
	ASSERT(s->paused == NULL);
	s->paused = r;
	http_pause_body(r);
}

/* It has come to its end, or will not. */
static void stream_over(const struct http_request *r)
{
	struct instance *i = instance_of(r);
	struct engine_sink *s = sink_of(r);
	if (s != NULL && s->paused == r)
		s->paused = NULL;
	if (i != NULL && i->streaming == r)
		i->streaming = NULL;
}

static void on_request(struct http_request *r)
{
	struct instance *i = instance_of(r);
	if (i == NULL || !str_starts(r->raw_path, base)) {
		refuse(r, 404, "NotFound", "no such path");
		return;
	}
	struct str path = str_slice(r->raw_path, base.n, r->raw_path.n);
	if (str_eq(r->method, S("GET")) && str_eq(path, S("invocation/next"))) {
		if (i->inv != NULL || i->waiting != NULL) {
			refuse(r, 403, "InvalidStateTransition", "the invocation is not answered yet");
			return;
		}
		i->waiting = r;
		instance_ready(i);
		return;
	}
	if (!str_eq(r->method, S("POST"))) {
		refuse(r, 404, "NotFound", "no such path");
		return;
	}
	struct post *p = calloc(1, sizeof *p);
	if (p == NULL)
		die("out of memory");
	buf_init(&p->body, NULL, RESPONSE_MAX);
	r->user = p;
	p->streams = begins_stream(r, i, path);
	http_read_body(r);
}

static void on_body(struct http_request *r, struct str piece)
{
	struct post *p = r->user;
	if (p->streams)
		streamed_piece(r, piece);
	else
		buf_str(&p->body, piece);
}

static struct str trailer(const struct http_request *r, const char *name)
{
	for (size_t i = 0; i < r->n_trailers; i++) {
		if (str_eq_nocase(r->trailers[i].name, str_c(name)))
			return r->trailers[i].value;
	}
	return STR_NONE;
}

static void answered(struct http_request *r, struct instance *i, struct str what, const struct post *p)
{
	struct str type = http_header(r, S("Lambda-Runtime-Function-Error-Type"));
	bool error = str_eq(what, S("error"));
	struct str body = buf_view(&p->body);
	if (!error && str_present(trailer(r, "Lambda-Runtime-Function-Error-Type"))) {
		/* A streamed answer that broke half way. */
		error = true;
		type = trailer(r, "Lambda-Runtime-Function-Error-Type");
		struct str decoded = base64_decode(r->arena, trailer(r, "Lambda-Runtime-Function-Error-Body"));
		if (str_present(decoded))
			body = decoded;
	}
	if (p->body.overflow) {
		refuse(r, 413, "RequestEntityTooLarge", "Exceeded maximum allowed payload size");
		instance_responded(i, (struct str){body.p, PAYLOAD_MAX + 1}, type, true);
		return;
	}
	http_answer(r, 202, &json_type, 1, S("{\"status\":\"OK\"}\n"));
	i->streaming = NULL; /* an error that is posted beside it ends it, too */
	instance_responded(i, body, type, error);
}

static void on_end(struct http_request *r)
{
	struct instance *i = instance_of(r);
	struct post *p = r->user;
	struct str path = str_slice(r->raw_path, base.n, r->raw_path.n), id, what;
	r->user = NULL;
	stream_over(r);
	if (i == NULL) {
		refuse(r, 404, "NotFound", "no such path");
	} else if (str_eq(path, S("init/error"))) {
		instance_init_failed(i, buf_view(&p->body));
		http_answer(r, 202, &json_type, 1, S("{\"status\":\"OK\"}\n"));
	} else if (about_invocation(path, &id, &what) && (str_eq(what, S("response")) || str_eq(what, S("error")))) {
		if (i->inv == NULL || !str_eq(id, i->inv->call.request_id))
			refuse(r, 400, "InvalidRequestID", "Invalid request ID");
		else
			answered(r, i, what, p);
	} else {
		refuse(r, 404, "NotFound", "no such path");
	}
	buf_free(&p->body);
	free(p);
}

static void on_gone(struct http_request *r)
{
	struct instance *i = instance_of(r);
	if (i != NULL && i->waiting == r)
		i->waiting = NULL;
	stream_over(r);
	struct post *p = r->user;
	if (p != NULL) {
		buf_free(&p->body);
		free(p);
	}
}

const struct http_handler runtime_api = {on_request, on_body, on_end, on_gone};
