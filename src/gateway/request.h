/* One request on its way through the gateway. Loop thread, but for the part of `task` that the executor owns.
 *
 * Everything of a request lives in its own arena, copied from the connection's: the client may go away while the
 * executor still reads it. `http` is NULL from then on. */
#ifndef TSUBO_REQUEST_H
#define TSUBO_REQUEST_H

#include "auth/sigv4.h"
#include "gateway/gateway.h"
#include "svc/task.h"

enum next {
	NEXT,  /* go on with the next stage */
	LATER, /* something will call request_go_on */
	FAIL,  /* r->error is set: go to encode */
	DONE,  /* r->response is made: go to answer */
	LEFT   /* the request is gone or answered elsewhere: touch nothing */
};

enum { REQUEST_MAGIC = 0x4e900001, BODY_MAX = 16 << 20, STREAM_INLINE = 128 << 10 };

struct spool;
struct sender;
struct outgoing;

struct request {
	unsigned magic;
	struct http_request *http;   /* NULL once the client has gone */
	struct arena *arena;
	size_t stage;
	bool answered_early;
	struct wire_request wire;
	size_t n_sent_headers;       /* of wire.headers: those behind them stood in the query (route.c) */
	/* route */
	const struct service *service;
	const struct model_op *model_op;
	const struct model_op *matched; /* by its path, while the service was looked for */
	const struct op *op;
	enum protocol protocol;
	bool raw, query_mode, streams;
	struct str bucket_host;      /* S3: the bucket named by the host; absent: none */
	/* identify */
	struct sig_claim claim;
	struct sig_chunks chunks;
	struct principal who;
	struct str secret;
	bool signature_pending;      /* needs the body's hash */
	struct str region;
	struct str request_id;
	/* receive */
	bool receiving, reading_now, body_done; /* reading_now: stage_receive is on the stack */
	bool hashing;                /* a worker reads the body */
	struct buf body;
	size_t body_max;
	struct body stream;
	struct spool *spool;
	struct str body_sha256_hex;  /* absent until computed */
	/* run and answer */
	bool starting, running, ran; /* starting: a stage that starts it (run; answer, a stream) is on the stack; ran: its call has ended, well or not */
	struct task task;
	bool failed;
	struct wire_error error;
	struct wire_response response;
	char crc32_text[10];         /* of the answer's body, for front.c */
	struct sender *sender;       /* of a body that is sent from blobs */
	struct outgoing *outgoing;   /* of a body that is made while it is sent: from its head on */
	int64_t started_us, started_ms, received_us; /* received_us: the body was there; 0: it never was */
	struct str source_ip;
	bool tls;
	const char *tls_version, *tls_cipher; /* as http.h has them */
	size_t bytes_in;
};

/* The stages, in order; request.c lists them. */
enum next stage_admit(struct request *r);
enum next stage_route(struct request *r);
enum next stage_identify(struct request *r);
enum next stage_receive(struct request *r);
enum next stage_select(struct request *r);
enum next stage_verify(struct request *r);
enum next stage_decode(struct request *r);
enum next stage_run(struct request *r);
enum next stage_encode(struct request *r);
enum next stage_answer(struct request *r);
enum next stage_record(struct request *r);

/* A LATER stage has finished well, or has failed (r->failed set by request_fail). */
void request_go_on(struct request *r);
/* Set the error (message formatted into the arena); returns FAIL. */
enum next request_fail(struct request *r, int status, const char *code, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* A signature that is refused: one mistake, told as each protocol's services tell it (query and REST-XML, JSON, S3). */
enum next request_fail_signature(struct request *r, const struct sig_error *e);
/* Free it and its task. */
void request_free(struct request *r);
/* The headers of an answer that no model has: the body's checksum, and what a browser wants to see (front.c). Any thread; once for an
 * answer, when its body is made. */
void front_headers(struct request *r, struct arena *a);
/* Is it a browser's question whether a page may call a service? Then it is answered. Before the data planes are asked. */
bool front_preflight(struct request *r);
/* The administrative path /_tsubo/...: answers and returns true. */
bool admin_handles(struct request *r);
enum next admin_answer(struct request *r);

/* Body pieces from the connection. */
void receive_piece(struct request *r, struct str piece);
void receive_end(struct request *r);
void receive_gone(struct request *r);

#endif
