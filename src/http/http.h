/* The HTTP/1.1 server (RFC 9110, 9112) on libuv: one loop thread owns everything here.
 *
 * Strict on what smugglers use: both Content-Length and Transfer-Encoding, differing lengths, obs-fold, bare LF in
 * a header section, spaces before a colon, unknown transfer codings: 400 and the connection closes. Everything is
 * bounded by http_limits. Keep-alive and pipelining: requests of one connection are answered in order; the next one
 * is parsed when the one before is answered. Bodies stream with back-pressure both ways. */
#ifndef TSUBO_HTTP_H
#define TSUBO_HTTP_H

#include "base/arena.h"

#include <uv.h>

struct http_limits {
	size_t head_bytes;      /* request line and headers; 64 KiB */
	size_t headers;         /* count; 200 */
	int64_t head_timeout_ms; /* first byte to end of head; 20 s */
	int64_t idle_timeout_ms; /* keep-alive; 75 s (clients reuse for 60) */
	int64_t body_stall_ms;  /* no byte of a body for so long; 60 s */
	int64_t write_stall_ms; /* a response nobody reads; 60 s */
	size_t connections;     /* 4,096 */
};
extern const struct http_limits http_default_limits;

struct http_header {
	struct str name, value; /* value without white space around it */
};

struct http_conn;

/* A request whose head has been read. Views live until the response is complete. */
struct http_request {
	unsigned magic;
	struct http_conn *conn;
	struct arena *arena; /* freed when the response is complete or the connection is gone */
	struct str method;
	struct str target;   /* as sent: "/a%20b?x=1"; absolute-form and "*" are given as sent */
	struct str raw_path; /* target up to '?', not decoded */
	struct str raw_query;/* after '?', absent when there was none */
	struct http_header *headers;
	size_t n_headers;
	struct str host;     /* the Host header (or absolute-form authority), port included */
	struct str peer;     /* the client's address, text */
	bool tls;
	const char *tls_version, *tls_cipher; /* OpenSSL's names, static; NULL: plain */
	bool has_body;
	int64_t content_length; /* -1: chunked; 0: no body */
	struct http_header *trailers; /* of a chunked body, from on_end on */
	size_t n_trailers;
	bool expects_continue;
	bool complete;       /* the body has been received to the end */
	bool answered;       /* a response has been started */
	bool keep_alive;
	int64_t started_us;  /* os.monotonic_us when the head was complete */
	void *user;          /* the handler's */
	const void *listener_user;
};

/* First header of that name, any case; absent when there is none. */
struct str http_header(const struct http_request *r, struct str name);

/* Told by the server, on the loop, never from inside one of the functions below. on_request comes first; when
 * http_read_body was called on_body (a piece, valid in the call only) any number of times and on_end (also for a
 * request without a body); on_gone instead of the rest when the client went away (also after on_end): do not touch
 * the request after it returns. http_answer, http_end, http_send_file and http_cut are the handler's last word:
 * nothing is told after them, and the request may be touched only until the handler returns to the loop. What must
 * happen when the answer is sent or lost belongs into arena_defer. A client that closes its sending side early gets
 * what is answered within a second or so; after that it counts as gone. */
struct http_handler {
	void (*on_request)(struct http_request *r);
	void (*on_body)(struct http_request *r, struct str piece);
	void (*on_end)(struct http_request *r);
	void (*on_gone)(struct http_request *r);
	/* Where the next bytes of the body are to be put, *n of them at most: the piece that follows lies there, if it came that way.
	 * NULL, or no such function: somewhere else. */
	char *(*body_room)(struct http_request *r, size_t *n);
};

/* Body flow. Until http_read_body is called no body byte is read and, where the client expects it, no 100 is sent:
 * a handler can refuse before the upload. pause stops after the current piece; resume goes on. */
void http_read_body(struct http_request *r);
void http_pause_body(struct http_request *r);
void http_resume_body(struct http_request *r);

/* Answer at once: status, headers (Content-Length, Transfer-Encoding and Connection are ours to add: given ones are
 * dropped; so is Date, but a given one is kept) and the whole body, copied before return. Control bytes in header
 * values become spaces. Not reading the request's body to its end first is
 * allowed: the rest is drained up to a bound, or the connection closes. HEAD and 204/304 send no body. */
void http_answer(struct http_request *r, int status, const struct http_header *headers, size_t n, struct str body);

/* Answer in pieces. length >= 0: exactly so many bytes will come; -1: chunked. http_write takes ownership of
 * nothing: bytes are copied. on_drain is called when less than 256 KiB is waiting; while http_write returned false,
 * wait for it. http_end finishes; http_cut breaks the connection (the client sees a truncated answer). */
void http_begin(struct http_request *r, int status, const struct http_header *headers, size_t n, int64_t length);
bool http_write(struct http_request *r, struct str piece);
void http_on_drain(struct http_request *r, void (*fn)(struct http_request *r));
void http_end(struct http_request *r);
void http_cut(struct http_request *r);
/* Bytes of the answer (its framing too) that the kernel has not taken yet; on_gone may ask what was lost. */
size_t http_unsent(const struct http_request *r);
/* Send bytes [offset, offset+length) of a file (closed when done) as the body of a begun answer, then end it.
 * What is not in the kernel's memory is read on the worker pool. Shorter than announced: the connection breaks. */
void http_send_file(struct http_request *r, int fd, int64_t offset, int64_t length);

/* A body from several places, one after the other. `next` gives the next piece (fd closed when sent, or bytes that live
 * as long as the source; at most 1 MiB): the first time on the loop, then on a worker; false when it cannot. `change`
 * works on what was read before it is sent (decryption), `at` being its place in the file; NULL: nothing to do. Both on any
 * thread, one at a time. `end` frees the source, on the loop, sent or lost. */
struct http_piece { int fd; const char *bytes; int64_t offset, length; };
struct http_source {
	bool (*next)(void *arg, struct http_piece *out);
	void (*change)(void *arg, char *p, size_t n, int64_t at);
	void (*end)(void *arg);
	void *arg;
};
/* As http_send_file, from a source; length as announced to http_begin. */
void http_send_source(struct http_request *r, const struct http_source *source, int64_t length);

struct http_server;
struct http_tls; /* certificates, see tls.h */
/* A server on a loop. Handler and limits must outlive it. */
struct http_server *http_server_new(uv_loop_t *loop, const struct http_handler *h, const struct http_limits *limits);
/* Listen on host ("127.0.0.1", "::1", "0.0.0.0") and port (0: any); tls NULL for plain. A TLS listener also takes plain
 * HTTP on the same port (the first byte tells), as LocalStack does on 4566. Gives the port, or a negative uv error. */
int http_listen(struct http_server *s, const char *host, int port, struct http_tls *tls, const void *listener_user);
/* Listen on a socket that is bound and listening already (from a sandbox's network namespace). Owns fd. The
 * listener can be closed alone. */
struct http_listener;
struct http_listener *http_listen_fd(struct http_server *s, int fd, const void *listener_user);
void http_listener_close(struct http_listener *l);
/* Stop listening, let running answers finish for grace_ms, close the rest; then free the server and call done(arg)
 * (NULL: nobody). */
void http_server_stop(struct http_server *s, int64_t grace_ms, void (*done)(void *arg), void *arg);
size_t http_server_connections(const struct http_server *s);

#endif
