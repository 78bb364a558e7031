/* A request, from the head on the socket to the record in the log: this table is the whole way.
 *
 * Each stage goes on (NEXT), waits for something (LATER), or fails, which leads straight to `encode` so that every error
 * leaves in the caller's protocol. `run` hands the call to the executor, which authorizes it, runs the handler in its
 * transaction, encodes the answer, commits, and comes back.
 *
 * What always holds: a request is in exactly one stage, and freed exactly once: at the table's end, by the stage
 * that says LEFT, or by the one who finds its client gone. */
#include "gateway/request.h"

#include "gateway/send.h"
#include "gateway/spool.h"
#include "os/os.h"
#include "svc/stream.h"

#include <stdio.h>

static const struct stage {
	const char *name;
	enum next (*run)(struct request *r);
} stages[] = {
	{"admit", stage_admit},       /* an id, the administrative path, data planes */
	{"route", stage_route},       /* which service, protocol and, where the head tells, operation */
	{"identify", stage_identify}, /* who signed it: signature over head and declared body hash */
	{"receive", stage_receive},   /* the body, bounded; streaming ones to memory or a blob */
	{"select", stage_select},     /* the operation, where only the body names it */
	{"verify", stage_verify},     /* the body's hash against the signature */
	{"decode", stage_decode},     /* bytes to typed input; constraints of the model */
	{"run", stage_run},           /* authorize, handler, encode, commit: on an executor thread */
	{"encode", stage_encode},     /* errors of the stages before, in the caller's protocol */
	{"answer", stage_answer},     /* to the socket */
	{"record", stage_record},     /* one line of log a call, always */
};
enum { STAGE_ENCODE = 8, STAGE_ANSWER };

static size_t running;
static struct arena_pool arenas = {.block = 8192};

size_t gateway_running(void) { return running; }

static void advance(struct request *r)
{
	CHECK_MAGIC(r, (unsigned)REQUEST_MAGIC);
	while (r->stage < COUNT_OF(stages)) {
		enum next next = stages[r->stage].run(r);
		if (next == LATER || next == LEFT)
			return;
		if (next == FAIL) {
			ASSERT(r->stage < STAGE_ENCODE);
			r->failed = true;
			r->stage = STAGE_ENCODE;
		} else if (next == DONE) {
			ASSERT(r->stage < STAGE_ENCODE && r->response.status != 0);
			r->stage = STAGE_ANSWER;
		} else {
			r->stage++;
		}
	}
	request_free(r);
}

void request_go_on(struct request *r)
{
	CHECK_MAGIC(r, (unsigned)REQUEST_MAGIC);
	ASSERT(r->stage < COUNT_OF(stages));
	if (r->failed && r->stage < STAGE_ENCODE)
		r->stage = STAGE_ENCODE;
	else
		r->stage++;
	advance(r);
}

enum next request_fail(struct request *r, int status, const char *code, const char *fmt, ...)
{
	ASSERT(status >= 400 && status < 600 && code != NULL);
	va_list ap;
	va_start(ap, fmt);
	r->error = (struct wire_error){.code = str_c(code), .status = status, .sender = status < 500,
		.message = arena_vprintf(r->arena, fmt, ap)};
	va_end(ap);
	r->failed = true;
	return FAIL;
}

void request_free(struct request *r)
{
	CHECK_MAGIC(r, (unsigned)REQUEST_MAGIC);
	ASSERT(running > 0 && !r->running && !r->hashing);
	if (r->http != NULL)
		r->http->user = NULL;
	sender_free(r);
	spool_free(r);
	if (r->task.magic == TASK_MAGIC)
		task_release(&r->task);
	running--;
	r->magic = 0;
	buf_free(&r->body);
	arena_pool_give(&arenas, r->arena);
}

/* Copy what outlives the connection. */
static void copy_head(struct request *r, const struct http_request *h)
{
	ASSERT(h->n_headers == 0 || h->headers != NULL);
	struct wire_request *w = &r->wire;
	r->source_ip = arena_dup(r->arena, h->peer); /* an address without a port */
	r->tls = h->tls;
	r->tls_version = h->tls_version;
	r->tls_cipher = h->tls_cipher;
	w->method = arena_dup(r->arena, h->method);
	w->raw_path = arena_dup(r->arena, h->raw_path);
	w->raw_query = arena_dup(r->arena, h->raw_query);
	w->host = arena_dup(r->arena, h->host);
	struct param *headers = arena_array(r->arena, struct param, h->n_headers);
	size_t bytes = 0;
	for (size_t i = 0; i < h->n_headers; i++)
		bytes += h->headers[i].name.n + h->headers[i].value.n;
	char *at = arena_bytes(r->arena, bytes);
	for (size_t i = 0; i < h->n_headers; i++) {
		const struct http_header *from = &h->headers[i];
		memcpy(at, from->name.p, from->name.n);
		headers[i].name = str_of(at, from->name.n);
		at += from->name.n;
		memcpy(at, from->value.p, from->value.n);
		headers[i].value = str_of(at, from->value.n);
		at += from->value.n;
	}
	w->headers = headers;
	w->n_headers = r->n_sent_headers = h->n_headers;
}

static void on_request(struct http_request *h)
{
	struct arena *arena = arena_pool_take(&arenas);
	struct request *r = arena_new_of(arena, struct request);
	r->magic = REQUEST_MAGIC;
	r->arena = arena;
	r->http = h;
	h->user = r;
	r->started_us = os.monotonic_us();
	r->started_ms = clock_now_ms();
	running++;
	copy_head(r, h);
	advance(r);
}

static void on_body(struct http_request *h, struct str piece)
{
	struct request *r = h->user;
	if (r != NULL && r->receiving)
		receive_piece(r, piece);
}

static void on_end(struct http_request *h)
{
	struct request *r = h->user;
	if (r != NULL && r->receiving)
		receive_end(r);
}

static void on_gone(struct http_request *h)
{
	struct request *r = h->user;
	if (r == NULL)
		return;
	CHECK_MAGIC(r, (unsigned)REQUEST_MAGIC);
	ASSERT(r->http == h);
	r->http = NULL;
	if (r->running) {
		task_cancel(&r->task); /* a parked one comes back through stage_run's done at once */
		return;
	}
	if (r->outgoing != NULL) {
		outgoing_gone(r->outgoing);
		return;
	}
	if (r->receiving)
		receive_gone(r);
}

static char *body_room(struct http_request *h, size_t *n)
{
	struct request *r = h->user;
	return r != NULL && r->receiving && r->spool != NULL ? spool_room(r, n) : NULL;
}

const struct http_handler gateway_handler = {on_request, on_body, on_end, on_gone, body_room};
