/* Bytes to the socket: small output is gathered in a block and sent in one write; what the kernel does not take at
 * once is copied and queued with libuv. See conn.h.
 *
 * What always holds: bytes leave in the order given (gathered bytes go before what is written past them; nothing is
 * written directly while something is queued). `queued` counts what the kernel has not taken. */
#include "http/conn.h"

#include <stdlib.h>

enum { MAX_PIECES = 6, SEAL_BYTES = 256 * 1024 };

struct out_queue {
	uv_write_t w;
	struct http_conn *c;
	size_t n;
	char data[];
};

static void on_written(uv_write_t *w, int status)
{
	struct out_queue *q = w->data;
	struct http_conn *c = q->c;
	CHECK_MAGIC(c, CONN_MAGIC);
	ASSERT(c->queued >= q->n);
	c->queued -= q->n;
	free(q);
	if (c->state == CONN_CLOSED)
		return;
	if (status < 0)
		c->broken = true;
	if (c->broken || c->queued == 0 || (c->want_drain && c->queued < c->drain_below))
		conn_kick(c);
}

/* Copy all of the pieces past the first `skip` bytes and leave them to libuv. */
static void queue(struct http_conn *c, const uv_buf_t *v, unsigned n, size_t total, size_t skip)
{
	ASSERT(skip < total && n > 0);
	struct out_queue *q = malloc(sizeof *q + total - skip);
	if (q == NULL)
		die("out of memory (%zu bytes)", total - skip);
	q->w.data = q;
	q->c = c;
	q->n = 0;
	for (unsigned i = 0; i < n; i++) {
		size_t from = skip < v[i].len ? skip : v[i].len;
		skip -= from;
		memcpy(q->data + q->n, v[i].base + from, v[i].len - from);
		q->n += v[i].len - from;
	}
	if (c->queued == 0) {
		c->stall_ms = (int64_t)uv_now(c->server->loop);
		c->stall_at = q->n;
	}
	uv_buf_t b = {.base = q->data, .len = q->n};
	ASSERT(q->n > 0);
	c->queued += q->n;
	int err = uv_write(&q->w, (uv_stream_t *)&c->tcp, &b, 1, on_written);
	if (err < 0) {
		c->queued -= q->n;
		free(q);
		c->broken = true;
	}
}

/* To the kernel, past all gathering and sealing. */
static void send_raw(struct http_conn *c, const uv_buf_t *v, unsigned n)
{
	ASSERT(n == 0 || v != NULL);
	size_t total = 0, sent = 0;
	for (unsigned i = 0; i < n; i++)
		total += v[i].len;
	if (total == 0 || c->broken)
		return;
	if (c->queued == 0) {
		int got = uv_try_write((uv_stream_t *)&c->tcp, v, n);
		if (got < 0 && got != UV_EAGAIN) {
			c->broken = true;
			if (!c->running)
				conn_kick(c);
			return;
		}
		sent = got > 0 ? (size_t)got : 0;
	}
	if (sent < total)
		queue(c, v, n, total, sent);
}

static void send_session(struct http_conn *c)
{
	ASSERT(c->tls != NULL);
	struct str sealed = session_output(c->tls);
	if (sealed.n == 0)
		return;
	uv_buf_t b = {.base = (char *)(uintptr_t)sealed.p, .len = sealed.n};
	send_raw(c, &b, 1);
	session_sent(c->tls);
}

/* In parts: TLS records are made in memory, and a large answer should not be there twice. */
static void send_sealed(struct http_conn *c, const uv_buf_t *v, unsigned n)
{
	ASSERT(c->tls != NULL);
	for (unsigned i = 0; i < n && !c->broken; i++) {
		for (size_t at = 0; at < v[i].len && !c->broken;) {
			size_t part = v[i].len - at < SEAL_BYTES ? v[i].len - at : SEAL_BYTES;
			if (!session_write(c->tls, str_of(v[i].base + at, part)))
				c->broken = true;
			else
				send_session(c);
			at += part;
		}
	}
}

static void send_all(struct http_conn *c, const uv_buf_t *v, unsigned n)
{
	if (c->tls != NULL)
		send_sealed(c, v, n);
	else
		send_raw(c, v, n);
}

char *out_room(struct http_conn *c, size_t n)
{
	ASSERT(n <= BLOCK_BYTES);
	if (c->cork_n + n > BLOCK_BYTES)
		out_flush(c);
	if (c->cork == NULL)
		c->cork = block_get(c->server);
	ASSERT(c->cork_n + n <= BLOCK_BYTES);
	return c->cork + c->cork_n;
}

void out_flush(struct http_conn *c)
{
	if (c->cork != NULL) {
		uv_buf_t b = uv_buf_init(c->cork, (unsigned)c->cork_n);
		c->cork_n = 0;
		if (b.len > 0)
			send_all(c, &b, 1);
		block_put(c->server, c->cork);
		c->cork = NULL;
	}
	if (c->tls != NULL && !c->broken)
		send_session(c);
}

void out_write(struct http_conn *c, const struct str *pieces, size_t n)
{
	ASSERT(n < MAX_PIECES);
	size_t total = 0;
	for (size_t i = 0; i < n; i++)
		total += pieces[i].n;
	if (c->broken || total == 0)
		return;
	if (c->cork_n + total <= BLOCK_BYTES) {
		char *p = out_room(c, total);
		for (size_t i = 0; i < n; i++) {
			if (pieces[i].n > 0)
				memcpy(p, pieces[i].p, pieces[i].n);
			p += pieces[i].n;
		}
		c->cork_n += total;
		return;
	}
	uv_buf_t v[MAX_PIECES];
	unsigned used = 0;
	if (c->cork_n > 0)
		v[used++] = uv_buf_init(c->cork, (unsigned)c->cork_n);
	for (size_t i = 0; i < n; i++)
		if (pieces[i].n > 0)
			v[used++] = (uv_buf_t){.base = (char *)(uintptr_t)pieces[i].p, .len = pieces[i].n};
	c->cork_n = 0;
	send_all(c, v, used);
}
