/* Bytes coming in: the buffers they go to, TLS opened on the way, reading switched on and off. See conn.h.
 *
 * What always holds: heads are read into memory of the connection's own (they stay where they are while their request
 * lives), bodies into the server's scratch (they are handed on before the callback returns); nothing is read that there
 * is no room or use for, which is how a client is held back. */
#include "http/conn.h"

#include <stdlib.h>

/* --- buffers --- */

void memory_put(struct http_conn *c, char *p, size_t cap)
{
	ASSERT(p == NULL || cap >= BLOCK_BYTES);
	if (p == NULL)
		return;
	if (cap == BLOCK_BYTES)
		block_put(c->server, p);
	else
		free(p);
}

void in_release(struct http_conn *c)
{
	if (!c->in.borrowed && c->in.p != c->pinned)
		memory_put(c, c->in.p, c->in.cap);
	c->in = (struct span){0};
	c->scanned = 0;
}

static char *memory_get(struct http_conn *c, size_t *cap)
{
	ASSERT(*cap > 0);
	if (*cap <= BLOCK_BYTES) {
		*cap = BLOCK_BYTES;
		return block_get(c->server);
	}
	char *p = malloc(*cap);
	if (p == NULL)
		die("out of memory (%zu bytes)", *cap);
	return p;
}

/* Move what is left of `in` into memory of its own with room for `cap` bytes. */
static void in_move(struct http_conn *c, size_t cap)
{
	size_t n = c->in.end - c->in.at, scanned = c->scanned;
	ASSERT(n <= cap);
	char *p = memory_get(c, &cap);
	memcpy(p, c->in.p + c->in.at, n);
	in_release(c);
	c->in = (struct span){.p = p, .end = n, .cap = cap};
	c->scanned = scanned;
}

void in_own(struct http_conn *c)
{
	if (c->in.borrowed)
		in_move(c, c->in.end - c->in.at);
}

/* Room to read a head (or what follows a request) into; 0 when there is none. */
static size_t in_room(struct http_conn *c)
{
	size_t most = c->server->limits.head_bytes + 1;
	if (c->in.p == NULL)
		return BLOCK_BYTES;
	if (c->in.end < c->in.cap)
		return c->in.cap - c->in.end;
	if (c->state == CONN_HEAD && c->in.p != c->pinned && c->in.end - c->in.at < most)
		return 1;
	return 0;
}

static void in_prepare(struct http_conn *c)
{
	ASSERT(!c->in.borrowed);
	size_t most = c->server->limits.head_bytes + 1;
	if (c->in.p == NULL) {
		c->in.cap = BLOCK_BYTES;
		c->in.p = block_get(c->server);
	}
	if (c->in.end < c->in.cap)
		return;
	size_t n = c->in.end - c->in.at, want = n * 2 < most ? n * 2 : most;
	in_move(c, want > BLOCK_BYTES ? want : BLOCK_BYTES);
	ASSERT(c->in.end < c->in.cap);
}

bool body_flows(const struct http_conn *c)
{
	return c->state == CONN_REQUEST && c->body_wanted && !c->body_paused && !c->r->complete;
}

static bool wants_scratch(const struct http_conn *c)
{
	return c->state == CONN_DRAIN || c->state == CONN_LINGER || (body_flows(c) && in_empty(c));
}

static bool wants_bytes(struct http_conn *c)
{
	if (c->eof || c->broken)
		return false;
	if (c->state == CONN_DRAIN || c->state == CONN_LINGER)
		return true;
	if (c->state == CONN_FLUSH)
		return false;
	if (body_flows(c))
		return in_empty(c);
	return in_room(c) > 0;
}

/* --- reading --- */

/* Bytes of a body with an announced length go where the handler wants them, if it does. */
static bool handlers_room(struct http_conn *c, uv_buf_t *b)
{
	size_t n = 0;
	if (!body_flows(c) || c->chunked_in || !in_empty(c) || c->server->handler->body_room == NULL)
		return false;
	c->room = c->server->handler->body_room(c->r, &n);
	if (c->room == NULL)
		return false;
	ASSERT(n > 0 && c->body_left > 0);
	*b = uv_buf_init(c->room, (unsigned)((int64_t)n < c->body_left ? (int64_t)n : c->body_left));
	return true;
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
	struct http_conn *c = h->data;
	(void)hint;
	c->room = NULL;
	if (c->tls != NULL) {
		*b = uv_buf_init(c->server->sealed, SCRATCH_BYTES);
	} else if (handlers_room(c, b)) {
		return;
	} else if (wants_scratch(c)) {
		*b = uv_buf_init(c->server->scratch, SCRATCH_BYTES);
	} else {
		in_prepare(c);
		*b = uv_buf_init(c->in.p + c->in.end, (unsigned)(c->in.cap - c->in.end));
	}
}

/* n plain bytes have been put at p: into `in`, into the scratch, or where the handler wants them. */
static void take(struct http_conn *c, char *p, size_t n)
{
	if (p == c->server->scratch || p == c->room) {
		ASSERT(in_empty(c));
		in_release(c);
		c->in = (struct span){.p = p, .end = n, .cap = n, .borrowed = true};
		c->since_ms = now_ms(c);
	} else {
		ASSERT(p == c->in.p + c->in.end && n <= c->in.cap - c->in.end);
		if (c->state == CONN_HEAD && in_empty(c))
			c->since_ms = now_ms(c);
		c->in.end += n;
	}
}

/* Open sealed bytes as far as there is a use for them. */
static void pump_session(struct http_conn *c)
{
	ASSERT(c->tls != NULL);
	while (c->state != CONN_CLOSED && wants_bytes(c)) {
		char *p = c->server->scratch;
		size_t room = SCRATCH_BYTES;
		if (!wants_scratch(c)) {
			in_prepare(c);
			p = c->in.p + c->in.end;
			room = c->in.cap - c->in.end;
		}
		ssize_t n = session_read(c->tls, p, room);
		if (n > 0)
			take(c, p, (size_t)n);
		if (n == -2) {
			c->eof = true;
			c->since_ms = now_ms(c);
		}
		if (n == -1) {
			out_flush(c); /* the alert that says why */
			c->broken = true;
		}
		conn_run(c);
		if (n <= 0)
			return;
	}
}

static void first_byte(struct http_conn *c, const uv_buf_t *b, ssize_t n)
{
	ASSERT(n > 0 && c->tls == NULL && !c->first_byte_seen);
	c->first_byte_seen = true;
	if (c->tls_ctx == NULL || b->base[0] != 0x16) /* a TLS handshake record */
		return;
	c->tls = session_new(c->tls_ctx);
	c->broken = c->tls == NULL;
	if (!c->broken)
		session_feed(c->tls, str_of(b->base, (size_t)n));
}

static void note_eof(struct http_conn *c, ssize_t err)
{
	ASSERT(err < 0);
	if (err != UV_EOF)
		c->broken = true;
	c->eof = true;
	c->since_ms = now_ms(c);
	conn_run(c);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
	struct http_conn *c = stream->data;
	CHECK_MAGIC(c, CONN_MAGIC);
	if (c->state == CONN_CLOSED)
		return;
	if (n == 0) { /* nothing there after all */
		if (in_empty(c) && c->in.p != c->pinned)
			in_release(c);
		return;
	}
	if (n < 0) {
		note_eof(c, n);
		return;
	}
	if (UNLIKELY(!c->first_byte_seen)) {
		first_byte(c, b, n);
		if (c->tls != NULL) {
			in_release(c);
			pump_session(c);
			return;
		}
	}
	if (c->tls != NULL) {
		session_feed(c->tls, str_of(b->base, (size_t)n));
		pump_session(c);
		return;
	}
	take(c, b->base, (size_t)n);
	conn_run(c);
}

void conn_wake(struct http_conn *c)
{
	conn_run(c);
	if (c->tls != NULL && c->state != CONN_CLOSED)
		pump_session(c);
}

/* After a run: keep what is left of the scratch, read on or stop. */
void input_settle(struct http_conn *c)
{
	ASSERT(!c->running && c->state != CONN_CLOSED);
	if (c->in.borrowed) {
		if (in_empty(c))
			in_release(c);
		else
			in_own(c);
	}
	bool want = wants_bytes(c);
	if (want == c->reading)
		return;
	c->reading = want;
	if (!want) {
		uv_read_stop((uv_stream_t *)&c->tcp);
		return;
	}
	if (c->state != CONN_HEAD)
		c->since_ms = now_ms(c);
	if (uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) != 0)
		c->broken = true;
	if (c->broken || c->tls != NULL)
		conn_kick(c); /* the session may hold bytes that were not wanted before */
}
