/* Inside the HTTP server: what its files (server, conn, input, out, answer, file, session) share. Nobody else includes it.
 *
 * What always holds:
 * - A connection has at most one request, `r`, from the end of its head until its answer is handed to the kernel.
 * - Handlers are called from conn_run only. Functions a handler calls change flags and buffers; what follows from
 *   them happens in conn_run, at once when it is running or before the loop sleeps (conn_kick).
 * - `in` holds what was read and not used yet. A live request's head lies in `pinned`, which may be the same memory.
 * - Idle connections own no buffer and no arena. */
#ifndef TSUBO_HTTP_CONN_H
#define TSUBO_HTTP_CONN_H

#include "http/parse.h"
#include "http/session.h"

enum {
	BLOCK_BYTES = 16 * 1024,      /* buffers of the pool: reading heads, gathering output */
	SCRATCH_BYTES = 64 * 1024,    /* the server's, for bodies */
	POOL_MAX = 256,               /* spare blocks kept */
	ARENA_BYTES = 16 * 1024,      /* a request's first block */
	LOW_WATER = 256 * 1024,       /* output waiting: below this the handler may write on, if it says nothing else */
	DRAIN_MAX = 256 * 1024,       /* of an unwanted body read to keep the connection */
	LINGER_MAX_MS = 30 * 1000,    /* reading on after the last answer, so that the client gets to see it */
	LINGER_STALL_MS = 5 * 1000,
	HALF_CLOSED_MS = 1000,        /* from a client's early end of sending to its being gone */
};

enum conn_state {
	CONN_HEAD,    /* waiting for a request head, or in it */
	CONN_REQUEST, /* a request is live */
	CONN_DRAIN,   /* answered; the rest of its body is thrown away */
	CONN_FLUSH,   /* the last answer is on its way out */
	CONN_LINGER,  /* all is sent; reading until the client closes */
	CONN_CLOSED,  /* uv_close was called */
};

struct span {
	char *p;
	size_t at, end, cap;
	bool borrowed; /* the server's scratch, or the handler's room: to be used up or moved before the callback returns */
};

struct http_listener {
	unsigned magic;
	uv_tcp_t tcp;
	struct http_server *server;
	struct http_tls *tls;
	const void *user;
	struct http_listener *next, *prev;
};

struct http_server {
	unsigned magic;
	uv_loop_t *loop;
	const struct http_handler *handler;
	struct http_limits limits;
	uv_timer_t sweep;
	uv_prepare_t prepare;
	struct http_listener *listeners;
	struct http_conn *conns;
	struct http_conn *ready; /* to be run before the loop sleeps */
	size_t n_conns;
	char *blocks[POOL_MAX];
	size_t n_blocks;
	struct arena_pool arenas;
	char *scratch, *sealed; /* plain and encrypted bytes of one read */
	struct http_header *room;
	int64_t date_s;
	char date[40]; /* "Date: Sat, 21 Nov 2026 07:35:00 GMT\r\n" */
	bool sweeping, stopping;
	int64_t stop_at_ms;
	int handles; /* open handles of the server itself and its listeners */
	void (*done)(void *arg);
	void *done_arg;
};

struct http_conn {
	unsigned magic;
	enum conn_state state;
	uv_tcp_t tcp;
	struct http_server *server;
	struct http_conn *next, *prev;
	struct http_conn *ready_next, *ready_prev;
	struct http_tls *tls_ctx; /* NULL: plain only */
	struct session *tls;
	const void *listener_user;
	char peer[INET6_ADDRSTRLEN];

	struct span in;
	char *room; /* the handler's, for the read under way */
	char *pinned;
	size_t pinned_cap;
	size_t scanned; /* bytes of `in` known to end no line: not worth parsing again */
	struct http_request *r;
	struct arena *arena;

	/* the body coming in */
	bool chunked_in;
	struct chunked chunks;
	struct buf trailers;
	int64_t body_left, drain_left;
	int body_error; /* status to refuse a malformed body with, 0 while it is well */
	const char *body_why;

	/* flags of the connection */
	bool running, kicked, reading, first_byte_seen;
	bool eof, broken, cut; /* broken: lost; cut: closed on purpose */
	bool linger;           /* the client may be sending still: closing at once could destroy the answer on its way */
	/* flags of the request */
	bool http10, body_wanted, body_paused, end_told, body_seen;
	bool begun, ended, released; /* released: the handler has said its last word */
	bool keep, bodyless, chunked_out, want_drain;

	/* going out */
	char *cork; /* a block, or NULL */
	size_t cork_n;
	size_t queued;   /* bytes given to uv_write and not written yet */
	size_t drain_below; /* below so much of it the handler may write on */
	size_t stall_at; /* queued in the kernel's eyes at the last sweep */
	int64_t stall_ms;
	int64_t out_left; /* of an announced length; -1: chunked or until close */
	void (*drain_fn)(struct http_request *r);
	struct file_send *file;

	int64_t since_ms;  /* of the loop's clock: what the current state's deadline counts from */
	int64_t linger_ms; /* when lingering began */
};

enum { SERVER_MAGIC = 0x48535256, CONN_MAGIC = 0x48434f4e, REQUEST_MAGIC = 0x48524551, LISTENER_MAGIC = 0x484c5354 };

/* server.c: pools and the clock */
char *block_get(struct http_server *s);
void block_put(struct http_server *s, char *p);
/* The Date header's line, made once a second. */
struct str date_line(struct http_server *s);
/* A connection's handle is closed: take it off the books. */
void server_conn_closed(struct http_conn *c);

/* conn.c */
void conn_start(struct http_conn *c);
/* Do all that can be done now. Not from inside itself. */
void conn_run(struct http_conn *c);
/* Have conn_wake called before the loop sleeps. */
void conn_kick(struct http_conn *c);
/* Close at once; a handler still at work is told on_gone. Not from inside conn_run. */
void conn_close(struct http_conn *c);
/* Close what has waited too long. */
void conn_sweep(struct http_conn *c, int64_t now_ms);
/* The server is stopping: close if idle, else after the running answer. */
void conn_wind_down(struct http_conn *c);

/* input.c: bytes from the socket */
static inline bool in_empty(const struct http_conn *c) { return c->in.at == c->in.end; }
static inline int64_t now_ms(const struct http_conn *c) { return (int64_t)uv_now(c->server->loop); }
/* Give up what is in `in`, and its memory unless a request's head lies there. */
void in_release(struct http_conn *c);
/* If `in` is the scratch: move what is left of it to memory of the connection's own. */
void in_own(struct http_conn *c);
/* Give back a buffer of that capacity; NULL is allowed. */
void memory_put(struct http_conn *c, char *p, size_t cap);
/* The handler wants body bytes now. */
bool body_flows(const struct http_conn *c);
/* After a run: keep what is left of the scratch, read on or stop. */
void input_settle(struct http_conn *c);
/* As conn_run, then open what the TLS session holds. Called for those that were kicked. */
void conn_wake(struct http_conn *c);

/* out.c: bytes to the socket. All may set c->broken. */
/* Room for n (at most BLOCK_BYTES) bytes of output that is gathered; say with cork_n += how many were used. */
char *out_room(struct http_conn *c, size_t n);
/* Gather a small piece, or send what is gathered and the pieces. */
void out_write(struct http_conn *c, const struct str *pieces, size_t n);
void out_flush(struct http_conn *c);

/* answer.c */
/* Answer a malformed request on a connection without a request, in plain text. */
void answer_refuse(struct http_conn *c, int status, const char *why);

/* file.c: the connection goes away. */
void file_abandon(struct file_send *f);

#endif
