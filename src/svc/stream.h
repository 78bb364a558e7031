/* Answers that are written while they are made: the head goes out at once, the body in pieces, as fast as the client takes them.
 *
 * A handler gives its body a source instead of bytes (struct body's `source`; call_reply_stream for a raw route). When the call has
 * committed and its head is on the way, the source begins, on the loop, and writes what it has; a piece that fills the
 * connection's buffer is the last until `more` says that the client has taken enough. Whoever began ends: outgoing_end or
 * outgoing_cut is the source's last word, also after `gone`. Until then the request lives, and with it the memory of the call
 * (call_keep); the log's record and the service's `answered` follow, with the number of bytes that went out.
 *
 * What always holds: everything here is on the loop thread; `begin` comes once or, when the client has left before, never (so what
 * a source holds belongs into arena_defer of call_keep); `gone` comes once at most, and neither `more` nor `gone` comes after
 * the last word. HTTP/1.0 clients get the same bytes without chunks, and the connection's end as theirs. */
#ifndef TSUBO_STREAM_H
#define TSUBO_STREAM_H

#include "http/http.h"
#include "svc/call.h"

struct outgoing;

struct stream_source {
	void (*begin)(struct outgoing *o, void *arg);
	void (*more)(void *arg); /* once after each write that returned false */
	void (*gone)(void *arg); /* nobody reads any more: end it, now or when what is under way allows it */
	void *arg;
};

/* Hand over a piece; it is copied. false: enough for now, wait for `more` (what is written before is kept, so pieces must be bounded).
 * A piece for a client that has gone is dropped, and true. */
bool outgoing_write(struct outgoing *o, struct str piece);
/* The last word: the body is whole. `o` and the call's memory may be gone when it returns. */
void outgoing_end(struct outgoing *o);
/* The last word: it cannot be; the client sees a body that breaks off. */
void outgoing_cut(struct outgoing *o);

/* A source that is made on the worker pool, step by step: `step` appends to *out (a few hundred kilobytes; its maximum must
 * hold them) and says whether that was the last. The next step comes when the client has taken enough. What is in *out before goes first.
 * In the arena; arg and out must live until the end. */
const struct stream_source *stream_of_steps(struct arena *a, bool (*step)(void *arg), void *arg, struct buf *out);

/* ---- the gateway's side ---- */

enum { OUTGOING_MAGIC = 0x00765001 };

struct outgoing {
	unsigned magic;
	struct http_request *http;  /* NULL: the client has gone, or the last word is said */
	const struct stream_source *source;
	void (*done)(void *arg);    /* after the last word */
	void *arg;
	int64_t bytes, began_us;    /* of the body, so far; when the head went out */
	bool waits, ended;
};

/* The head has been given to h: begin. `done` may be called before it returns. */
void outgoing_begin(struct outgoing *o, struct http_request *h, const struct stream_source *source, void (*done)(void *arg), void *arg);
/* http.h's on_drain and on_gone. */
void outgoing_drained(struct outgoing *o);
void outgoing_gone(struct outgoing *o);

#endif
