/* The one choke point that runs every client's call: authorize, handler, encode, commit; then back to the stages.
 *
 * run_prepare and run_encode are on the executor's thread; they read the request and write only what belongs to the
 * run (the task's arena, r->response).
 *
 * What always holds: while the task runs the loop touches only what is its own; the task comes back to the loop
 * exactly once. */
#include "gateway/request.h"

#include "gateway/send.h"
#include "os/os.h"

static void run_prepare(struct task *t)
{
	CHECK_MAGIC((struct request *)t->user, (unsigned)REQUEST_MAGIC);
	struct request *r = t->user;
	struct call *c = &t->call;
	if (r->raw || (r->model_op->no_auth && r->claim.kind == SIG_NONE))
		return;
	if (r->op->access != NULL)
		r->op->access(c);
	else if (r->op->mode != OP_PURE)
		authorize(c, NULL, S("*"), NULL);
}

/* After the model's own, for they are what the handler added. */
static void merge_headers(struct arena *a, struct wire_response *to, const struct wire_response *from)
{
	for (size_t i = 0; i < from->n_headers; i++)
		wire_add_header(a, to, from->headers[i].name, from->headers[i].value);
}

/* A data plane's errors: in its service's XML where that speaks XML. */
static enum protocol error_protocol(const struct request *r)
{
	if (!r->raw)
		return r->protocol;
	return r->service->model != NULL && r->service->model->protocol == PROTO_REST_XML ? PROTO_REST_XML : PROTO_REST_JSON;
}

static void run_encode(struct task *t)
{
	CHECK_MAGIC((struct request *)t->user, (unsigned)REQUEST_MAGIC);
	struct request *r = t->user;
	struct call *c = &t->call;
	r->response = (struct wire_response){0};
	if (r->raw && !c->failed) {
		r->response = t->raw;
		ASSERT(r->response.status != 0);
		sender_prepare(r, c->txn);
		return;
	}
	if (c->failed)
		wire_encode_error(c->arena, error_protocol(r) == PROTO_REST_XML || !r->raw ? r->service->model : NULL, r->model_op, &c->error,
			error_protocol(r), r->query_mode, r->request_id, &r->response);
	else
		wire_encode(c->arena, r->model_op, c->out, r->protocol, r->request_id, &r->response);
	merge_headers(c->arena, &r->response, &t->extra);
	if (!c->failed && t->extra.status != 0)
		r->response.status = t->extra.status;
	front_headers(r, c->arena);
	sender_prepare(r, c->txn);
}

static void run_done(struct task *t)
{
	struct request *r = t->user;
	CHECK_MAGIC(r, (unsigned)REQUEST_MAGIC);
	r->running = false;
	r->ran = true;
	if (t->call.failed) {
		r->failed = true;
		r->error = t->call.error;
	}
	if (r->starting)
		return; /* stage_run is still on the stack */
	if (r->response.status == 0) { /* parked when its client left: there is no answer and nobody to have it */
		ASSERT(r->http == NULL);
		r->failed = true; /* nothing was kept, so what came in for it goes */
		request_free(r);
		return;
	}
	request_go_on(r);
}

enum { LOOK_BODY_MAX = 16 << 10 };

static struct str header(const struct request *r, const char *name) { return wire_header(&r->wire, str_c(name)); }

enum next stage_run(struct request *r)
{
	if (r->http == NULL) { /* nobody waits */
		request_free(r);
		return LEFT;
	}
	ASSERT(r->op != NULL && r->service != NULL && !r->running);
	struct task *t = &r->task;
	const void *in = t->call.in;
	task_init(t, r->arena);
	t->mode = r->op->reads != NULL && r->op->reads(in) ? OP_READ : r->op->mode;
	t->handler = r->op->run;
	t->prepare = run_prepare;
	t->encode = run_encode;
	t->done = run_done;
	t->user = r;
	struct call *c = &t->call;
	c->in = in;
	c->service = r->service;
	c->op = r->op;
	c->who = &r->who;
	c->account = str_present(r->who.account) && r->who.account.n > 0 ? r->who.account : str_c(service_config()->account);
	c->region = r->region;
	c->request_id = r->request_id;
	c->http = &r->wire;
	c->tls = r->tls;
	c->endpoint = arena_join(r->arena, c->tls ? S("https://") : S("http://"), r->wire.host);
	c->source_ip = r->source_ip;
	c->user_agent = header(r, "user-agent");
	c->trace_header = header(r, "x-amzn-trace-id");
	c->protocol = r->protocol;
	r->running = true;
	r->received_us = os.monotonic_us();
	/* Others' policies are more than a few keys, and a large body is not small work. */
	t->look = r->op->look && r->who.type == PRINCIPAL_ROOT && r->wire.body.n <= LOOK_BODY_MAX;
	r->starting = true;
	task_start(t);
	r->starting = false;
	return r->ran ? NEXT : LATER;
}
