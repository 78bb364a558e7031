/* See flow.h. Loop thread.
 *
 * A flow belongs to two: to the engine until the invocation has ended, and to the call that waits for it and then answers with it,
 * until that is gone. What comes before the call has its answer is held; then pieces pass, and when the client has enough the
 * function is no longer read from, so that what lies between the two is bounded. What always holds: the ticket is answered once;
 * `to` is set between the source's begin and its last word; a function whose client has left runs on, and is read to its end. */
#include "flow.h"

#include <stdlib.h>

enum { FLOW_MAGIC = 0x666c6f77, HELD_ENOUGH = PRELUDE_MAX, HELD_MAX = 1 << 20, PRELUDE_END = 8 };

struct flow {
	unsigned magic;
	struct engine_sink sink;
	struct stream_source source;
	struct arena *arena;       /* of what follows */
	struct ticket ticket;
	enum stream_form form;
	struct str type;           /* the answer's content type, as the function named it */
	struct buf held;           /* came, and nobody has taken it */
	struct outgoing *to;
	int64_t total;
	bool running, wanted;      /* the engine's; the call's */
	bool begun, told, left;    /* the function streams; the ticket has its answer; the client has gone */
	bool over;                 /* the invocation has ended */
	bool want_log, too_large;
	struct str error, details, log_tail; /* once it is over */
};

static void maybe_free(struct flow *f)
{
	CHECK_MAGIC(f, (unsigned)FLOW_MAGIC);
	if (f->running || f->wanted)
		return;
	ASSERT(f->to == NULL);
	f->magic = 0;
	buf_free(&f->held);
	arena_free(f->arena); /* f lives in it */
}

static void unwanted(void *arg)
{
	struct flow *f = arg;
	f->wanted = false;
	f->told = true;
	engine_sink_resume(&f->sink);
	maybe_free(f);
}

/* ---- to the client ---- */

static bool pass(struct flow *f, struct str piece)
{
	ASSERT(f->to != NULL);
	if (f->form == STREAM_HTTP || piece.n == 0)
		return outgoing_write(f->to, piece);
	struct buf b;
	buf_init(&b, NULL, piece.n + 256);
	eventstream_event(&b, "PayloadChunk", "application/octet-stream", piece);
	ASSERT(!b.overflow);
	bool more = outgoing_write(f->to, buf_view(&b));
	buf_free(&b);
	return more;
}

struct str flow_end_text(struct arena *a, struct str error, struct str details, bool want_log, struct str log_tail)
{
	struct json *end = json_new_object(a);
	if (error.n > 0) {
		json_set_str(a, end, "ErrorCode", error);
		json_set_str(a, end, "ErrorDetails", details);
	}
	if (want_log)
		json_set_str(a, end, "LogResult", base64_encode(a, str_present(log_tail) ? log_tail : S("")));
	return json_text(a, end);
}

/* The last word; f may be gone after it. */
static void finish(struct flow *f)
{
	struct outgoing *to = f->to;
	ASSERT(to != NULL && f->over);
	f->to = NULL;
	if (f->form == STREAM_HTTP) {
		if (f->error.n > 0)
			outgoing_cut(to);
		else
			outgoing_end(to);
		return;
	}
	struct buf b;
	buf_init(&b, NULL, 2 * PAYLOAD_MAX);
	eventstream_event(&b, "InvokeComplete", "application/json", flow_end_text(f->arena, f->error, f->details, f->want_log, f->log_tail));
	(void)outgoing_write(to, buf_view(&b));
	buf_free(&b);
	outgoing_end(to);
}

static void begin(struct outgoing *o, void *arg)
{
	struct flow *f = arg;
	CHECK_MAGIC(f, (unsigned)FLOW_MAGIC);
	f->to = o;
	bool more = pass(f, buf_view(&f->held));
	buf_free(&f->held);
	if (f->over)
		finish(f);
	else if (more)
		engine_sink_resume(&f->sink);
}

static void more(void *arg)
{
	struct flow *f = arg;
	CHECK_MAGIC(f, (unsigned)FLOW_MAGIC);
	engine_sink_resume(&f->sink);
}

static void gone(void *arg)
{
	struct flow *f = arg;
	CHECK_MAGIC(f, (unsigned)FLOW_MAGIC);
	struct outgoing *to = f->to;
	f->to = NULL;
	f->left = true;
	engine_sink_resume(&f->sink);
	outgoing_end(to);
}

const struct stream_source *flow_source(const struct flow *f) { return &f->source; }

/* ---- from the function ---- */

/* Where an HTTP answer's status and headers end: eight zero bytes; -1: not yet, -2: there are none. */
static ptrdiff_t prelude_end(const struct flow *f)
{
	struct str held = buf_view(&f->held);
	if (f->form != STREAM_HTTP || !str_starts(f->type, S("application/vnd.awslambda.http-integration-response")))
		return -2;
	ptrdiff_t at = str_find(held, '\0');
	if (at >= 0 && (size_t)at + PRELUDE_END <= held.n)
		return at;
	return held.n < PRELUDE_MAX ? -1 : -2;
}

/* Enough is known for the answer's head. */
static void tell(struct flow *f)
{
	ptrdiff_t at = prelude_end(f);
	if (f->told || at == -1)
		return;
	struct answer a = {.ok = true, .detail = f, .error_message = f->type, .bytes = at >= 0 ? arena_dup(f->arena, str_slice(buf_view(&f->held),
		0, (size_t)at)) : STR_NONE};
	if (at >= 0)
		buf_consume(&f->held, (size_t)at + PRELUDE_END);
	f->told = true;
	ticket_answer(f->ticket, &a);
}

static void on_begin(void *arg, struct str type)
{
	struct flow *f = arg;
	CHECK_MAGIC(f, (unsigned)FLOW_MAGIC);
	ASSERT(f->running);
	f->begun = true;
	f->type = arena_dup(f->arena, str_present(type) ? type : S("application/octet-stream"));
	tell(f);
}

static bool on_piece(void *arg, struct str piece)
{
	struct flow *f = arg;
	CHECK_MAGIC(f, (unsigned)FLOW_MAGIC);
	ASSERT(f->running && f->begun);
	f->total += (int64_t)piece.n;
	f->too_large |= f->total > STREAM_MAX;
	if (!f->wanted || f->left || f->too_large)
		return true;
	if (f->to != NULL)
		return pass(f, piece);
	buf_str(&f->held, piece);
	ASSERT(!f->held.overflow);
	tell(f);
	return f->held.n < HELD_ENOUGH;
}

static void on_ran(void *arg, const struct engine_result *r)
{
	struct flow *f = arg;
	CHECK_MAGIC(f, (unsigned)FLOW_MAGIC);
	ASSERT(f->running && !f->over);
	engine_sink_resume(&f->sink);
	f->over = true;
	f->error = arena_dup(f->arena, r->error);
	f->details = arena_dup(f->arena, r->payload);
	f->log_tail = arena_dup(f->arena, r->log_tail);
	if (f->too_large && f->error.n == 0) {
		f->error = S("Unhandled");
		f->details = S("{\"errorMessage\":\"The response payload size exceeded the maximum allowed payload size.\","
			"\"errorType\":\"Function.ResponseSizeTooLarge\"}");
	}
	if (!f->told) { /* it did not stream, or not even its head came */
		struct answer a = {.ok = r->throttled == NULL, .error_code = r->throttled != NULL ? str_c(r->throttled) : f->error,
			.bytes = f->begun && f->error.n == 0 ? buf_view(&f->held) : f->details, .error_message = f->log_tail};
		f->told = true;
		ticket_answer(f->ticket, &a);
	}
	if (f->to != NULL)
		finish(f); /* with it goes the call, and only then f */
	f->running = false;
	maybe_free(f);
}

void flow_start(struct ticket t, struct arena *keep, const struct engine_call *k, enum stream_form form)
{
	struct arena *a = arena_new(2048);
	struct flow *f = arena_new_of(a, struct flow);
	*f = (struct flow){.magic = FLOW_MAGIC, .sink = {on_begin, on_piece, f, NULL}, .source = {begin, more, gone, f}, .arena = a,
		.ticket = t, .form = form, .running = true, .wanted = true, .want_log = k->want_log};
	buf_init(&f->held, NULL, HELD_MAX);
	arena_defer(keep, unwanted, f);
	struct engine_call call = *k;
	call.sink = &f->sink;
	engine_invoke(&call, on_ran, f);
}
