/* What a handler does through its call: fail, store, notify, wait, start things after the commit.
 *
 * Runs on the thread that executes the task. Everything made here belongs to the run (t->run) and vanishes with it,
 * but for await slots, which live through reruns.
 *
 * What always holds: the first failure stays; a parked call has given nothing to anyone; scans stay below their
 * prefix. */
#include "svc/task.h"

#include <stdio.h>
#include <stdlib.h>

static struct task *task_of(struct call *c)
{
	ASSERT(c != NULL && c->state != NULL);
	struct task *t = (struct task *)c->state;
	CHECK_MAGIC(t, (unsigned)TASK_MAGIC);
	return t;
}

/* ---- failing ---- */

static void set_error(struct call *c, int status, struct str code, const char *fmt, va_list ap)
{
	ASSERT(!c->failed && code.n > 0 && status >= 300 && status < 600);
	c->failed = true;
	c->error = (struct wire_error){.code = code, .status = status, .sender = status < 500,
		.message = arena_vprintf(c->arena, fmt, ap)};
}

void *call_fail(struct call *c, const struct shape *error, const char *fmt, ...)
{
	ASSERT(error->is_error);
	void *detail = arena_alloc(c->arena, error->size);
	const struct member *message = shape_member(error, S("message"));
	if (message == NULL)
		message = shape_member(error, S("Message"));
	if (c->failed)
		return detail;
	va_list ap;
	va_start(ap, fmt);
	set_error(c, error->http_status > 0 ? error->http_status : 400,
		str_c(shape_error_code(error) != NULL ? shape_error_code(error) : shape_name(error)), fmt, ap);
	va_end(ap);
	if (message != NULL && member_shape(message)->type == SHAPE_STRING)
		*(struct str *)((char *)detail + message->offset) = c->error.message;
	c->error.shape = error;
	c->error.detail = detail;
	if (error->fault)
		c->error.sender = false;
	return detail;
}

void call_fail_code(struct call *c, int status, const char *code, const char *fmt, ...)
{
	ASSERT(code != NULL && status >= 300 && status < 600);
	if (c->failed)
		return;
	va_list ap;
	va_start(ap, fmt);
	set_error(c, status, str_c(code), fmt, ap);
	va_end(ap);
}

/* The first failure stays: the later ones are mostly its consequences. */
void call_fail_as(struct call *c, const struct wire_error *e)
{
	ASSERT(e->code.n > 0);
	if (c->failed)
		return;
	c->failed = true;
	c->error = *e;
}

void call_fail_more(struct call *c, const char *name, struct str value)
{
	ASSERT(c->failed && name != NULL);
	wire_error_more(c->arena, &c->error, name, value);
}

void call_unsupported(struct call *c, const char *fmt, ...)
{
	if (c->failed)
		return;
	va_list ap;
	va_start(ap, fmt);
	set_error(c, 501, S("NotImplemented"), fmt, ap);
	va_end(ap);
}

void call_keep_writes(struct call *c) { task_of(c)->keep_writes = true; }

/* ---- the store ---- */

struct key *call_key(struct call *c, const char *table)
{
	ASSERT(c->service != NULL && table != NULL);
	struct key *k = arena_new_of(c->arena, struct key);
	*k = key_new(c->arena);
	key_str(k, str_c(c->service->name));
	key_str(k, c->account);
	key_str(k, c->service->global ? S("") : c->region);
	return key_str(k, str_c(table));
}

/* Strings of the record are views into the bytes it is made from: those live in the arena. */
static void *decode_kept(struct call *c, const struct shape *shape, struct str kept)
{
	void *v = typed_from_cbor(c->arena, shape, kept);
	ASSERT(v != NULL);
	return v;
}

void *record_decode(struct call *c, const struct shape *shape, struct str value)
{
	return decode_kept(c, shape, arena_dup(c->arena, value));
}

void *call_get(struct call *c, const struct key *k, const struct shape *shape)
{
	ASSERT(c->txn != NULL && shape != NULL);
	struct str value;
	if (!txn_get(c->txn, key_bytes(k), c->arena, &value))
		return NULL;
	return decode_kept(c, shape, value);
}

void call_put(struct call *c, const struct key *k, const struct shape *shape, const void *v)
{
	ASSERT(txn_writable(c->txn));
	struct str key = key_bytes(k);
	if (UNLIKELY(key.n > STORE_KEY_MAX)) { /* names are the client's, and not every model bounds them */
		call_fail_code(c, 400, "ValidationException", "A name in the request is too long to be kept.");
		return;
	}
	txn_put(c->txn, key, typed_to_cbor(c->arena, shape, v));
}

void call_del(struct call *c, const struct key *k)
{
	ASSERT(txn_writable(c->txn));
	txn_del(c->txn, key_bytes(k));
}

struct scan *call_scan(struct call *c, const struct key *prefix, struct str start_after, bool reverse)
{
	struct str from = key_bytes(prefix), to = key_after(c->arena, from);
	ASSERT(from.n > 0 && str_present(to));
	if (str_present(start_after)) {
		/* Clients hold positions, and can make their own: one outside of the prefix must not lead to what others keep there. */
		struct str next = arena_join(c->arena, start_after, str_of("", 1)); /* the next possible key */
		if (reverse)
			to = str_cmp(start_after, to) < 0 ? start_after : to;
		else
			from = str_cmp(next, from) > 0 ? next : from;
	}
	return scan_open(c->txn, from, to, reverse);
}

uint64_t call_serial(struct call *c, const char *name)
{
	ASSERT(txn_writable(c->txn) && name != NULL);
	struct key k = key_new(c->arena);
	key_str(key_str(key_str(&k, S("_serial")), str_c(c->service->name)), str_c(name));
	struct str value;
	uint64_t n = 0;
	if (txn_get(c->txn, key_bytes(&k), c->arena, &value)) {
		ASSERT(value.n == sizeof n);
		memcpy(&n, value.p, sizeof n);
	}
	n++;
	ASSERT(n > 0); /* it does not come round */
	txn_put(c->txn, key_bytes(&k), str_of((const char *)&n, sizeof n));
	return n;
}

/* ---- waiting and telling ---- */

static void topic_push(struct task *t, struct task_topic **v, size_t *n, size_t *cap, struct task_topic topic)
{
	ASSERT(*n <= *cap && topic.name.p != NULL);
	if (*n == *cap) {
		size_t more = *cap > 0 ? *cap * 2 : 4;
		*v = arena_grow(t->run, *v, sizeof **v, *cap, more);
		*cap = more;
	}
	(*v)[(*n)++] = topic;
}

/* Up through those who invoked it: none of them has an answer yet. */
static void mark_parked(struct call *c)
{
	ASSERT(c != NULL);
	for (struct call *at = c; at != NULL; at = at->parent)
		at->parked = true;
}

void call_wait(struct call *c, struct str topic, int64_t deadline_ms)
{
	struct task *t = task_of(c);
	ASSERT(t->mode != OP_PURE);
	topic_push(t, &t->waits, &t->n_waits, &t->cap_waits,
		(struct task_topic){arena_dup(t->run, topic), deadline_ms});
	mark_parked(c);
}

void call_notify(struct call *c, struct str topic)
{
	ASSERT(topic.n > 0);
	struct task *t = task_of(c);
	for (size_t i = 0; i < t->n_notifies; i++)
		if (str_eq(t->notifies[i].name, topic))
			return;
	topic_push(t, &t->notifies, &t->n_notifies, &t->cap_notifies, (struct task_topic){arena_dup(t->run, topic), 0});
}

const struct answer *call_await(struct call *c, void (*start)(struct ticket t, void *arg), const void *arg, size_t size,
                                int64_t deadline_ms)
{
	ASSERT(start != NULL && (size == 0 || arg != NULL));
	struct task *t = task_of(c);
	size_t i = t->await_cursor++;
	if (i == t->n_slots) {
		if (t->n_slots == t->cap_slots) {
			size_t more = t->cap_slots > 0 ? t->cap_slots * 2 : 4;
			t->slots = arena_grow(t->keep, t->slots, sizeof *t->slots, t->cap_slots, more);
			t->cap_slots = more;
		}
		void *copy = arena_alloc(t->keep, size);
		if (size > 0)
			memcpy(copy, arg, size);
		t->slots[t->n_slots++] = (struct await_slot){.start = start, .arg = copy, .deadline_ms = deadline_ms};
		mark_parked(c);
		return NULL;
	}
	ASSERT(i < t->n_slots);
	struct await_slot *s = &t->slots[i];
	if (s->start != start) { /* the store has changed meanwhile, and the handler's path with it */
		call_fail_code(c, 503, "ServiceUnavailable", "What the request rests on has changed while it waited. Please try again.");
		return NULL;
	}
	if (!s->answered && c->now_ms >= s->deadline_ms) {
		s->answered = true;
		s->answer = (struct answer){.ok = false, .error_code = S("Timeout"), .error_message = S("no answer in time")};
	}
	if (s->answered)
		return &s->answer;
	mark_parked(c);
	return NULL;
}

struct arena *call_keep(struct call *c) { return task_of(c)->keep; }

void *call_effect(struct call *c, void (*fn)(void *block), size_t size)
{
	ASSERT(fn != NULL);
	struct task *t = task_of(c);
	struct task_effect *e = calloc(1, sizeof *e + size);
	if (e == NULL)
		die("out of memory");
	e->fn = fn;
	*t->effects_tail = e;
	t->effects_tail = &e->next;
	return e->block;
}

/* ---- answers of raw routes ---- */

void call_reply(struct call *c, int status, const struct param *headers, size_t n, struct str body)
{
	ASSERT(status >= 200 && status < 600);
	struct wire_response *w = c->out;
	ASSERT(w != NULL && c->protocol == PROTO_RAW);
	w->status = status;
	for (size_t i = 0; i < n; i++)
		wire_add_header(c->arena, w, arena_dup(c->arena, headers[i].name), arena_dup(c->arena, headers[i].value));
	w->body = body;
}

void call_reply_stream(struct call *c, int status, const struct param *headers, size_t n, const struct stream_source *source)
{
	ASSERT(source != NULL);
	call_reply(c, status, headers, n, S(""));
	struct wire_response *w = c->out;
	w->stream = arena_new_of(c->arena, struct body);
	w->stream->source = source;
}

struct str call_input_text(const struct call *c, const char *name)
{
	ASSERT(c->op != NULL && c->op->model != NULL && c->in != NULL);
	const struct shape *input = model_op_input(c->op->model);
	const struct member *m = input != NULL ? shape_member(input, str_c(name)) : NULL;
	return m != NULL && member_shape(m)->type == SHAPE_STRING ? *(const struct str *)((const char *)c->in + m->offset) : STR_NONE;
}

void call_header(struct call *c, const char *name, struct str value)
{
	struct task *t = task_of(c);
	if (c->parent == NULL) /* the answer is the client's call's: what an invoked one would say in headers goes nowhere */
		wire_add_header(c->arena, &t->extra, str_c(name), arena_dup(c->arena, value));
}

void call_status(struct call *c, int status)
{
	ASSERT(status >= 200 && status < 300);
	if (c->parent == NULL)
		task_of(c)->extra.status = status;
}
