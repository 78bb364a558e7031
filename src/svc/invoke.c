/* One service calls another's operation: the same door that clients use, in the same transaction.
 *
 * The invoked call has its own save point: when it fails, its writes, effects and notifications are taken back and the
 * invoking call goes on.
 *
 * What always holds: after an invoke that failed the transaction, the effects and the notifications are as they
 * were before it; the caller's own are untouched. */
#include "svc/body.h"
#include "svc/task.h"

#include <stdlib.h>

enum { DEPTH_MAX = 16 };

/* How far a task's lists had come before an invoke. */
struct mark { struct task_effect **effects_tail; size_t n_notifies, n_waits; bool jobs_changed; };

static void take_back(struct task *t, const struct mark *m)
{
	ASSERT(m->n_notifies <= t->n_notifies && m->effects_tail != NULL);
	struct task_effect *e = *m->effects_tail;
	*m->effects_tail = NULL;
	t->effects_tail = m->effects_tail;
	while (e != NULL) {
		struct task_effect *next = e->next;
		free(e);
		e = next;
	}
	t->n_notifies = m->n_notifies;
	t->jobs_changed = m->jobs_changed;
}

/* An error of invoke itself; the invoked service has not been asked. */
static struct invoked refused(struct call *c, int status, const char *code, struct str message)
{
	(void)c;
	return (struct invoked){.error = {.code = str_c(code), .message = message, .status = status, .sender = status < 500}};
}

/* The same door as a client's call: permission first, then the handler. */
static void run_checked(struct call *sub)
{
	ASSERT(sub->op != NULL && sub->op->run != NULL && !sub->failed && !sub->parked);
	if (sub->op->access != NULL)
		sub->op->access(sub);
	else if (sub->op->mode != OP_PURE)
		authorize(sub, NULL, S("*"), NULL);
	if (!sub->failed && !sub->parked)
		sub->op->run(sub);
}

/* The output as JSON. A body in blobs becomes a string when it is small, else it is named (body_to_json). */
static struct invoked output_of(struct call *c, struct call *sub)
{
	ASSERT(!sub->failed && !sub->parked);
	const struct shape *output = model_op_output(sub->op->model);
	struct invoked result = {.ok = true, .typed_out = sub->out};
	const struct member *payload = output != NULL ? shape_payload(output) : NULL;
	struct body *body = payload != NULL && payload->streaming ? *(struct body **)(void *)((char *)sub->out + payload->offset) : NULL;
	if (body != NULL && body->source != NULL)
		return refused(c, 501, "NotImplemented", arena_printf(c->arena, "%s %s answers with a stream, which only a client can read",
			sub->service->name, model_op_name(sub->op->model)));
	bool in_blobs = body != NULL && (body->blob[0] != '\0' || body->parts != NULL);
	if (in_blobs && body->length <= BODY_INVOKE_MAX) {
		struct buf b;
		buf_init(&b, c->arena, BODY_INVOKE_MAX);
		if (!body_load(service_store(), body, &b))
			return (struct invoked){.error = {.code = S("InternalError"), .message = S("a stored body cannot be read"), .status = 500}};
		*body = (struct body){.bytes = buf_view(&b), .length = (int64_t)b.n};
		in_blobs = false;
	}
	result.out = output != NULL ? typed_to_json(c->arena, output, sub->out) : json_new_object(c->arena);
	if (in_blobs)
		json_set(c->arena, result.out, str_c(member_name(payload)), body_to_json(c->arena, body));
	return result;
}

static struct invoked run_nested(struct call *c, struct call *sub)
{
	ASSERT(sub->parent == c && sub->txn == c->txn && sub->state == c->state);
	struct task *t = (struct task *)c->state;
	struct mark m = {t->effects_tail, t->n_notifies, t->n_waits, t->jobs_changed};
	bool writer = c->txn != NULL && txn_writable(c->txn);
	ASSERT(writer || sub->op->mode != OP_WRITE);
	if (writer)
		txn_save(c->txn);
	t->depth++;
	run_checked(sub);
	ASSERT(t->depth > 0);
	t->depth--;
	if (sub->failed || sub->parked) {
		if (writer)
			txn_restore(c->txn);
		take_back(t, &m);
		return (struct invoked){.parked = sub->parked && !sub->failed, .error = sub->error};
	}
	if (writer)
		txn_release(c->txn);
	return output_of(c, sub);
}

struct invoked invoke(struct call *c, const char *service, const char *op_name, const struct json *in,
                      const struct invoke_options *o)
{
	CHECK_MAGIC(c, (unsigned)TASK_MAGIC);
	ASSERT(service != NULL && op_name != NULL);
	struct task *t = (struct task *)c->state;
	if (t->depth >= DEPTH_MAX)
		return refused(c, 500, "InternalFailure", S("calls between services are nested too deeply"));
	const struct service *s = service_find(str_c(service));
	const struct op *op = s != NULL ? service_op(s, str_c(op_name)) : NULL;
	if (op == NULL)
		return refused(c, 501, "NotImplemented", arena_printf(c->arena, "tsubo does not implement %s %s", service, op_name));
	struct call sub = {.magic = c->magic, .arena = c->arena, .service = s, .op = op, .txn = c->txn,
		.who = o != NULL && o->who != NULL ? o->who : c->who,
		.account = o != NULL && str_present(o->account) ? o->account : c->account,
		.region = o != NULL && str_present(o->region) ? o->region : c->region,
		.request_id = c->request_id, .now_ms = c->now_ms, .started_ms = c->started_ms, .tls = c->tls,
		.endpoint = c->endpoint, .source_ip = c->source_ip, .user_agent = c->user_agent, .trace_header = c->trace_header,
		.protocol = s->model->protocol, .parent = c, .state = c->state};
	struct str why = STR_NONE;
	const struct shape *input = model_op_input(op->model);
	sub.in = input != NULL ? typed_from_json(c->arena, input, typed_coerce(c->arena, input, in), true, &why) : (const void *)"";
	if (sub.in == NULL)
		return refused(c, 400, "ValidationException", why);
	struct wire_error invalid = {0};
	if (input != NULL && !wire_validate(c->arena, op->model, sub.in, sub.protocol, &invalid))
		return (struct invoked){.error = invalid};
	if (model_op_output(op->model) != NULL)
		sub.out = arena_alloc(c->arena, model_op_output(op->model)->size);
	return run_nested(c, &sub);
}
