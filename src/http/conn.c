/* One connection: the state machine, handlers, time limits, closing. See conn.h for what always holds.
 *
 * Read conn_run first: it steps until nothing more can be done now, then settles (sends what was gathered, decides
 * whether to read on). Every callback of the loop ends in it. */
#include "http/conn.h"
#include "os/os.h"

#include <stdlib.h>
#include <sys/socket.h>

/* --- the body --- */

/* Decode one piece from `in`. false: malformed, *why said. Sets *done at the body's end. */
static int body_next(struct http_conn *c, struct str *piece, bool *done, const char **why)
{
	ASSERT(c->in.at <= c->in.end && (c->chunked_in || c->body_left >= 0));
	size_t n = c->in.end - c->in.at;
	*piece = STR_NONE;
	if (!c->chunked_in) {
		n = (int64_t)n > c->body_left ? (size_t)c->body_left : n;
		*piece = str_of(c->in.p + c->in.at, n);
		c->in.at += n;
		c->body_left -= (int64_t)n;
		*done = c->body_left == 0;
		return 0;
	}
	int64_t used = chunked_next(&c->chunks, str_of(c->in.p + c->in.at, n), piece, why);
	if (used < 0)
		return (int)used;
	c->in.at += (size_t)used;
	*done = c->chunks.state == CHUNK_DONE;
	return 0;
}

/* The chunked body's end: make its trailers reachable. */
static int take_trailers(struct http_conn *c, const char **why)
{
	ASSERT(c->r != NULL && !c->trailers.overflow);
	enum { TRAILERS_MAX = 64 };
	struct http_request *r = c->r;
	if (!c->chunked_in || c->trailers.n <= 2)
		return 0;
	struct http_header *room = arena_array(r->arena, struct http_header, TRAILERS_MAX);
	int n = parse_fields(buf_view(&c->trailers), room, TRAILERS_MAX, why);
	if (n < 0)
		return n;
	r->trailers = room;
	r->n_trailers = (size_t)n;
	return 0;
}

/* --- requests --- */

static void request_start(struct http_conn *c, const struct head *h)
{
	struct http_server *s = c->server;
	ASSERT(c->r == NULL && c->arena == NULL && c->pinned == NULL);
	c->arena = arena_pool_take(&s->arenas);
	struct http_request *r = arena_new_of(c->arena, struct http_request);
	*r = (struct http_request){
		.magic = REQUEST_MAGIC, .conn = c, .arena = c->arena, .method = h->method, .target = h->target,
		.raw_path = h->path, .raw_query = h->query, .n_headers = h->n_headers, .host = h->host,
		.peer = str_c(c->peer), .tls = c->tls != NULL, .has_body = h->has_body,
		.content_length = h->content_length, .expects_continue = h->expects_continue, .complete = !h->has_body,
		.keep_alive = h->keep_alive, .started_us = os.monotonic_us(), .listener_user = c->listener_user,
	};
	if (c->tls != NULL) {
		r->tls_version = session_version(c->tls);
		r->tls_cipher = session_cipher(c->tls);
	}
	r->headers = (struct http_header *)(void *)arena_alloc(c->arena, h->n_headers * sizeof *r->headers);
	if (h->n_headers > 0)
		memcpy(r->headers, s->room, h->n_headers * sizeof *r->headers);
	c->r = r;
	c->pinned = c->in.p;
	c->pinned_cap = c->in.cap;
	c->http10 = h->http10;
	c->chunked_in = h->content_length < 0;
	c->body_left = h->content_length;
	c->chunks = (struct chunked){0};
	buf_init(&c->trailers, c->arena, CHUNK_TRAILER_MAX);
	c->chunks.trailers = &c->trailers;
	c->body_wanted = c->body_paused = c->end_told = c->body_seen = false;
	c->begun = c->ended = c->released = c->want_drain = c->chunked_out = false;
	c->drain_fn = NULL;
	c->drain_below = LOW_WATER;
	c->state = CONN_REQUEST;
	c->since_ms = now_ms(c);
}

/* Give back what a request holds. */
static void request_release(struct http_conn *c)
{
	ASSERT(c->r != NULL);
	if (c->file != NULL)
		file_abandon(c->file);
	c->file = NULL;
	c->r->magic = 0;
	c->r = NULL;
	c->chunks.trailers = NULL;
	arena_pool_give(&c->server->arenas, c->arena);
	c->arena = NULL;
	if (c->pinned != c->in.p)
		memory_put(c, c->pinned, c->pinned_cap);
	c->pinned = NULL;
	if (in_empty(c))
		in_release(c);
}

/* The answer is in the kernel's hands: what becomes of the connection depends on what is left of the request's
 * body. */
static void finish_request(struct http_conn *c)
{
	ASSERT(c->state == CONN_REQUEST && c->ended && c->queued == 0);
	bool complete = c->r->complete;
	request_release(c);
	c->since_ms = now_ms(c);
	if (!c->keep) {
		c->state = CONN_FLUSH;
		c->linger = !complete || !in_empty(c);
	} else if (!complete) {
		c->state = CONN_DRAIN;
		c->drain_left = DRAIN_MAX;
	} else {
		c->state = CONN_HEAD;
	}
}

/* The last thing said on this connection: what comes after a malformed head cannot be trusted to be a request. */
static void refuse(struct http_conn *c, int status, const char *why)
{
	ASSERT(c->r == NULL && status >= 400);
	answer_refuse(c, status, why);
	c->state = CONN_FLUSH;
	c->linger = true;
}

/* --- steps: each returns whether another may be of use --- */

static bool step_head(struct http_conn *c)
{
	ASSERT(c->state == CONN_HEAD && c->r == NULL);
	struct http_server *s = c->server;
	if (in_empty(c)) {
		in_release(c);
		if (c->eof || s->stopping)
			c->state = CONN_FLUSH;
		return c->state != CONN_HEAD;
	}
	if (c->queued > 0)
		return false;
	in_own(c);
	struct str all = str_of(c->in.p + c->in.at, c->in.end - c->in.at);
	/* The first look catches nonsense; after it only a new line end (or too much) makes parsing worth while. */
	bool look = c->scanned == 0 || all.n > s->limits.head_bytes ||
	            memchr(all.p + c->scanned, '\n', all.n - c->scanned) != NULL;
	if (!look) {
		c->scanned = all.n;
		if (c->eof)
			c->broken = true;
		return false;
	}
	struct head h;
	const char *why = "";
	int n = parse_head(all, &s->limits, s->room, &h, &why);
	if (n < 0) {
		refuse(c, -n, why);
		return true;
	}
	if (n == PARSE_MORE) {
		c->scanned = all.n;
		if (c->eof)
			c->broken = true;
		return false;
	}
	c->scanned = 0;
	c->in.at += (size_t)n;
	request_start(c, &h);
	s->handler->on_request(c->r);
	return true;
}

static bool step_body(struct http_conn *c)
{
	ASSERT(c->r != NULL && !c->released);
	struct http_request *r = c->r;
	if (!c->body_wanted || c->body_paused || c->end_told)
		return false;
	if (r->complete) {
		c->end_told = true;
		if (c->server->handler->on_end != NULL)
			c->server->handler->on_end(r);
		return true;
	}
	if (in_empty(c)) {
		in_release(c);
		c->broken |= c->eof;
		return false;
	}
	struct str piece;
	bool done = false;
	const char *why = "";
	int bad = body_next(c, &piece, &done, &why);
	if (bad == 0 && done)
		bad = take_trailers(c, &why);
	if (bad < 0) {
		c->body_error = -bad;
		c->body_why = why;
		return true;
	}
	c->body_seen = true;
	r->complete = done;
	if (piece.n > 0 && c->server->handler->on_body != NULL)
		c->server->handler->on_body(r, piece);
	return true;
}

/* A body that breaks the grammar: the handler loses its request; the client is told if nothing was answered yet. */
static void body_refused(struct http_conn *c)
{
	ASSERT(c->body_error >= 400 && c->body_why != NULL);
	bool begun = c->begun;
	if (!c->released && c->server->handler->on_gone != NULL)
		c->server->handler->on_gone(c->r);
	request_release(c);
	int status = c->body_error;
	c->body_error = 0;
	if (begun)
		c->broken = true;
	else
		refuse(c, status, c->body_why);
}

static bool step_request(struct http_conn *c)
{
	struct http_request *r = c->r;
	CHECK_MAGIC(r, REQUEST_MAGIC);
	if (c->body_error != 0) {
		body_refused(c);
		return true;
	}
	if (c->ended) {
		if (c->queued > 0)
			return false;
		finish_request(c);
		return true;
	}
	if (c->want_drain && c->queued < c->drain_below) {
		c->want_drain = false;
		if (c->drain_fn != NULL)
			c->drain_fn(r);
		return true;
	}
	return !c->released && step_body(c);
}

/* A client that sends on after the answer is listened to for a while, so that the connection can be used again. */
static bool step_drain(struct http_conn *c)
{
	ASSERT(c->state == CONN_DRAIN && c->r == NULL);
	if (in_empty(c)) {
		in_release(c);
		c->broken |= c->eof;
		return false;
	}
	struct str piece;
	bool done = false;
	const char *why = "";
	size_t before = c->in.at;
	if (body_next(c, &piece, &done, &why) < 0) {
		c->broken = true;
		return false;
	}
	c->drain_left -= (int64_t)(c->in.at - before);
	if (done) {
		c->state = CONN_HEAD;
	} else if (c->drain_left < 0) {
		c->state = CONN_FLUSH;
		c->linger = true;
	}
	return true;
}

/* All is answered: once it is sent, say that nothing more comes, and close or wait for the client to. */
static bool step_flush(struct http_conn *c)
{
	ASSERT(c->state == CONN_FLUSH && c->r == NULL);
	out_flush(c);
	if (c->queued > 0 || c->broken)
		return false;
	if (!c->linger || c->eof) {
		c->cut = true;
		return false;
	}
	if (c->tls != NULL) {
		session_bye(c->tls);
		out_flush(c);
	}
	uv_os_fd_t fd;
	if (uv_fileno((uv_handle_t *)&c->tcp, &fd) != 0 || shutdown(fd, SHUT_WR) != 0) {
		c->broken = true;
		return false;
	}
	in_release(c);
	c->state = CONN_LINGER;
	c->since_ms = c->linger_ms = now_ms(c);
	return true;
}

static bool step(struct http_conn *c)
{
	if (c->broken || c->cut)
		return false;
	switch (c->state) {
	case CONN_HEAD:
		return step_head(c);
	case CONN_REQUEST:
		return step_request(c);
	case CONN_DRAIN:
		return step_drain(c);
	case CONN_FLUSH:
		return step_flush(c);
	case CONN_LINGER:
		in_release(c);
		c->cut = c->eof;
		return false;
	case CONN_CLOSED:
		break;
	}
	return false;
}

/* --- running and settling --- */

static void unkick(struct http_conn *c)
{
	if (!c->kicked)
		return;
	c->kicked = false;
	if (c->ready_prev != NULL)
		c->ready_prev->ready_next = c->ready_next;
	else
		c->server->ready = c->ready_next;
	if (c->ready_next != NULL)
		c->ready_next->ready_prev = c->ready_prev;
	c->ready_next = c->ready_prev = NULL;
}

void conn_kick(struct http_conn *c)
{
	if (c->kicked || c->running || c->state == CONN_CLOSED)
		return;
	c->kicked = true;
	c->ready_prev = NULL;
	c->ready_next = c->server->ready;
	if (c->ready_next != NULL)
		c->ready_next->ready_prev = c;
	c->server->ready = c;
}

/* What holds whenever the connection rests. */
static void check(const struct http_conn *c)
{
	ASSERT((c->r != NULL) == (c->state == CONN_REQUEST));
	ASSERT((c->arena != NULL) == (c->r != NULL));
	ASSERT(c->pinned == NULL || c->r != NULL);
	ASSERT(c->in.at <= c->in.end && c->in.end <= c->in.cap && !c->in.borrowed);
	ASSERT(c->scanned <= c->in.end - c->in.at);
	ASSERT(c->cork == NULL || c->broken);
	ASSERT(c->file == NULL || c->released);
}

static void settle(struct http_conn *c)
{
	if (!c->broken)
		out_flush(c);
	if (c->broken || c->cut) {
		conn_close(c);
		return;
	}
	input_settle(c);
	check(c);
}

void conn_run(struct http_conn *c)
{
	CHECK_MAGIC(c, CONN_MAGIC);
	ASSERT(!c->running && c->state != CONN_CLOSED);
	unkick(c);
	c->running = true;
	while (step(c))
		;
	c->running = false;
	settle(c);
}

void conn_start(struct http_conn *c)
{
	CHECK_MAGIC(c, CONN_MAGIC);
	ASSERT(c->state == CONN_HEAD && in_empty(c));
	c->since_ms = now_ms(c);
	settle(c);
}

/* --- closing and time limits --- */

static void on_closed(uv_handle_t *h) { server_conn_closed(h->data); }

void conn_close(struct http_conn *c)
{
	ASSERT(!c->running);
	if (c->state == CONN_CLOSED)
		return;
	unkick(c);
	if (c->r != NULL) {
		if (!c->released && c->server->handler->on_gone != NULL) {
			c->released = true;
			c->running = true; /* whatever the handler still says is not acted upon */
			c->broken = true;
			c->server->handler->on_gone(c->r);
			c->running = false;
		}
		request_release(c);
	}
	in_release(c);
	if (c->cork != NULL)
		block_put(c->server, c->cork);
	c->cork = NULL;
	session_free(c->tls);
	c->tls = NULL;
	c->state = CONN_CLOSED;
	uv_close((uv_handle_t *)&c->tcp, on_closed);
}

/* Output that nobody takes: closed after write_stall_ms without a byte of progress. */
static bool write_stalled(struct http_conn *c, int64_t now)
{
	if (c->queued == 0)
		return false;
	size_t waiting = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp);
	if (waiting != c->stall_at) {
		c->stall_at = waiting;
		c->stall_ms = now;
	}
	return now - c->stall_ms >= c->server->limits.write_stall_ms;
}

void conn_sweep(struct http_conn *c, int64_t now)
{
	CHECK_MAGIC(c, CONN_MAGIC);
	const struct http_limits *l = &c->server->limits;
	int64_t waited = now - c->since_ms;
	if (write_stalled(c, now)) {
		conn_close(c);
		return;
	}
	switch (c->state) {
	case CONN_HEAD:
		if (c->queued > 0)
			return;
		if (in_empty(c)) {
			if (waited >= l->idle_timeout_ms)
				conn_close(c);
		} else if (waited >= l->head_timeout_ms) {
			refuse(c, 408, "the request head took too long");
			conn_kick(c);
		}
		return;
	case CONN_REQUEST:
		if (c->eof && waited >= HALF_CLOSED_MS)
			conn_close(c);
		else if (body_flows(c) && in_empty(c) && waited >= l->body_stall_ms)
			conn_close(c);
		return;
	case CONN_DRAIN:
		if (waited >= l->body_stall_ms)
			conn_close(c);
		return;
	case CONN_LINGER:
		if (waited >= LINGER_STALL_MS || now - c->linger_ms >= LINGER_MAX_MS)
			conn_close(c);
		return;
	case CONN_FLUSH:
	case CONN_CLOSED:
		return;
	}
}

void conn_wind_down(struct http_conn *c)
{
	CHECK_MAGIC(c, CONN_MAGIC);
	if (c->r != NULL && !c->begun)
		c->r->keep_alive = false;
	conn_kick(c);
}
