/* Functions' output on its way to CloudWatch Logs: cut into events, gathered per stream, put by the logs service.
 *
 * One PutLogEvents of a stream is under way at a time, so events keep their order. It acts as the function's role: a
 * role that may not write logs has none, as on AWS. Group and stream are made when the first put misses them. At most
 * PENDING_MAX bytes wait for a stream; what comes beyond is dropped and counted in an event of its own. */
#include "engine.h"

#include "os/os.h"
#include "telemetry/log.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINE_MAX_BYTES = 256 * 1024, PENDING_MAX = 8 << 20, BATCH_BYTES = 900 * 1024, BATCH_EVENTS = 10000, FLUSH_MS = 50 };

struct event { int64_t at_ms; uint32_t n; }; /* its text follows in the buffer */

struct log_stream {
	struct log_stream *next; /* of those that wait for the flush */
	char account[16], region[40], role[256], group[520], stream[200];
	struct buf events, line;
	struct buf *tail;
	size_t count, dropped;
	bool queued, sending, ended;
};

struct batch {
	struct log_stream *stream;
	struct buf events;
	size_t count;
};

static struct log_stream *waiting;
static uv_timer_t timer;
static bool timer_made, timer_on;

struct log_stream *log_stream_new(struct str account, struct str region, struct str role, struct str group, struct str stream, struct str function)
{
	(void)function;
	struct log_stream *s = calloc(1, sizeof *s);
	if (s == NULL)
		die("out of memory");
	snprintf(s->account, sizeof s->account, "%.*s", STR_ARG(account));
	snprintf(s->region, sizeof s->region, "%.*s", STR_ARG(region));
	snprintf(s->role, sizeof s->role, "%.*s", STR_ARG(role));
	snprintf(s->group, sizeof s->group, "%.*s", STR_ARG(group));
	snprintf(s->stream, sizeof s->stream, "%.*s", STR_ARG(stream));
	buf_init(&s->events, NULL, PENDING_MAX);
	buf_init(&s->line, NULL, LINE_MAX_BYTES + 1);
	return s;
}

/* ---- putting ---- */

static struct json *batch_input(struct arena *a, const struct batch *b)
{
	ASSERT(b->count > 0 && b->events.n >= b->count * sizeof(struct event));
	struct json *in = json_new_object(a), *list = json_new_array(a);
	const char *p = b->events.p, *end = p + b->events.n;
	while (p < end) {
		struct event e;
		memcpy(&e, p, sizeof e);
		p += sizeof e;
		struct json *o = json_new_object(a);
		json_set_i64(a, o, "timestamp", e.at_ms);
		json_set_str(a, o, "message", str_of(p, e.n));
		json_push(a, list, o);
		p += e.n;
	}
	json_set_str(a, in, "logGroupName", str_c(b->stream->group));
	json_set_str(a, in, "logStreamName", str_c(b->stream->stream));
	json_set(a, in, S("logEvents"), list);
	return in;
}

static struct invoked named(struct call *c, const char *op, const struct log_stream *s, bool stream, const struct invoke_options *o)
{
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "logGroupName", str_c(s->group));
	if (stream)
		json_set_str(c->arena, in, "logStreamName", str_c(s->stream));
	return invoke(c, "logs", op, in, o);
}

static void put_events(struct call *c)
{
	struct batch *b = c->user;
	const struct principal *role = assume_role(c, str_c(b->stream->role), "lambda.amazonaws.com", S("logs"), true);
	if (role == NULL)
		return;
	const struct invoke_options o = {.who = role};
	struct json *in = batch_input(c->arena, b);
	struct invoked put = invoke(c, "logs", "PutLogEvents", in, &o);
	if (put.ok || put.parked || !str_eq(put.error.code, S("ResourceNotFoundException")))
		return;
	(void)named(c, "CreateLogGroup", b->stream, false, &o); /* it may be there already */
	if (named(c, "CreateLogStream", b->stream, true, &o).ok)
		(void)invoke(c, "logs", "PutLogEvents", in, &o);
}

static void flush(struct log_stream *s);

static void stream_free(struct log_stream *s)
{
	ASSERT(s->ended && !s->sending && !s->queued && s->count == 0);
	buf_free(&s->events);
	buf_free(&s->line);
	free(s);
}

static void put_done(void *arg, const struct wire_error *error)
{
	(void)error;
	struct batch *b = arg;
	struct log_stream *s = b->stream;
	ASSERT(s->sending);
	buf_free(&b->events);
	free(b);
	s->sending = false;
	if (s->count > 0)
		flush(s);
	else if (s->ended)
		stream_free(s);
}

static void flush(struct log_stream *s)
{
	if (s->sending || s->count == 0)
		return;
	struct batch *b = calloc(1, sizeof *b);
	if (b == NULL)
		die("out of memory");
	ASSERT(s->events.n >= s->count * sizeof(struct event));
	b->stream = s;
	b->events = s->events;
	b->count = s->count;
	buf_init(&s->events, NULL, PENDING_MAX);
	s->count = 0;
	s->sending = true;
	const struct submit sub = {.service = &service_lambda, .account = str_c(s->account), .region = str_c(s->region), .run = put_events,
		.write = true, .arg = b, .done = put_done};
	call_submit(&sub);
}

void logs_flush_all(void)
{
	struct log_stream *s = waiting;
	waiting = NULL;
	while (s != NULL) {
		struct log_stream *next = s->next;
		s->queued = false;
		flush(s);
		s = next;
	}
}

static void on_timer(uv_timer_t *t)
{
	(void)t;
	timer_on = false;
	logs_flush_all();
}

static void flush_soon(struct log_stream *s)
{
	if (!s->queued) {
		s->queued = true;
		s->next = waiting;
		waiting = s;
	}
	if (!timer_made)
		uv_timer_init(engine.loop, &timer);
	timer_made = true;
	if (!timer_on)
		uv_timer_start(&timer, on_timer, FLUSH_MS, 0);
	timer_on = true;
}

/* ---- gathering ---- */

static void add_event(struct log_stream *s, struct str text)
{
	if (s->dropped > 0 && s->events.n < PENDING_MAX / 2) {
		char note[80];
		int n = snprintf(note, sizeof note, "%zu log events were dropped: too much at once\n", s->dropped);
		s->dropped = 0;
		add_event(s, str_of(note, (size_t)n));
	}
	ASSERT(text.n <= LINE_MAX_BYTES + 1 && !s->ended);
	struct event e = {clock_now_ms(), (uint32_t)text.n};
	if (s->events.n + sizeof e + text.n > PENDING_MAX || s->count >= BATCH_EVENTS) {
		s->dropped++;
		return;
	}
	buf_put(&s->events, &e, sizeof e);
	buf_str(&s->events, text);
	s->count++;
	if (s->events.n >= BATCH_BYTES)
		flush(s);
	flush_soon(s);
}

static void to_tail(struct log_stream *s, struct str text)
{
	if (s->tail == NULL)
		return;
	if (s->tail->n > 8 * TAIL_MAX)
		buf_consume(s->tail, s->tail->n - TAIL_MAX);
	buf_str(s->tail, text);
}

void log_cut(struct log_stream *s)
{
	ASSERT(s->line.n <= LINE_MAX_BYTES + 1);
	if (s->line.n == 0)
		return;
	add_event(s, buf_view(&s->line));
	buf_clear(&s->line);
}

void log_write(struct log_stream *s, struct str bytes)
{
	to_tail(s, bytes);
	while (bytes.n > 0) {
		ptrdiff_t nl = str_find(bytes, '\n');
		size_t n = nl >= 0 ? (size_t)nl + 1 : bytes.n;
		struct str part = str_slice(bytes, 0, n < LINE_MAX_BYTES - s->line.n ? n : LINE_MAX_BYTES - s->line.n);
		buf_str(&s->line, part);
		bytes = str_slice(bytes, part.n, bytes.n);
		if (s->line.n >= LINE_MAX_BYTES || (part.n == n && nl >= 0))
			log_cut(s);
	}
}

void log_line(struct log_stream *s, struct str text)
{
	log_cut(s);
	to_tail(s, text);
	add_event(s, text);
}

void log_tail_to(struct log_stream *s, struct buf *tail) { s->tail = tail; }

void log_stream_end(struct log_stream *s)
{
	ASSERT(!s->ended);
	log_cut(s);
	s->tail = NULL;
	s->ended = true;
	for (struct log_stream **at = &waiting; *at != NULL; at = &(*at)->next) {
		if (*at == s) {
			*at = s->next;
			break;
		}
	}
	s->queued = false;
	if (s->sending)
		return; /* put_done goes on */
	if (s->count > 0)
		flush(s);
	else
		stream_free(s);
}
