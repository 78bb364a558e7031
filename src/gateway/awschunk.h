/* The aws-chunked content coding: chunks with or without signatures, then trailing headers.
 *
 * Pure: bytes in, decoded pieces and trailers out through callbacks; nothing is kept but one line. Any thread.
 * Source: "Signature calculations: transferring a payload in multiple chunks" (S3 API Reference). */
#ifndef TSUBO_AWSCHUNK_H
#define TSUBO_AWSCHUNK_H

#include "auth/sigv4.h"

enum { AWSCHUNK_LINE_MAX = 8192, AWSCHUNK_TRAILERS_MAX = 32, AWSCHUNK_SMALLEST = 8192 };

enum awschunk_state { CHUNK_HEAD, CHUNK_BYTES, CHUNK_AFTER, CHUNK_TRAILER, CHUNK_DONE, CHUNK_BROKEN };

struct awschunk {
	/* set by the user */
	bool is_signed;               /* each chunk carries a signature */
	bool has_trailer;             /* trailing headers are announced (and signed, when is_signed) */
	struct sig_chunks *signatures; /* when is_signed */
	bool (*data)(void *arg, char *p, size_t n); /* false: stop; the bytes may be changed in place */
	void (*trailer)(void *arg, struct str name, struct str value);
	void *arg;
	/* own */
	enum awschunk_state state;
	uint64_t left;
	bool small;                   /* a chunk below the smallest has come: it must be the last */
	struct digest *sha;
	char line[AWSCHUNK_LINE_MAX];
	size_t n_line, n_trailers;
	char signature[64];
	struct buf canonical;         /* trailers as they are signed; heap */
	bool trailer_signed;
	const char *code, *message;   /* when it has failed; code NULL: a callback stopped it */
	int status;
};

/* Feed bytes; false when broken (then code, message, status say why). */
bool awschunk_feed(struct awschunk *c, char *p, size_t n);
/* No more bytes: false when the coding is not at its end. */
bool awschunk_end(struct awschunk *c);
/* Free what it holds. */
void awschunk_free(struct awschunk *c);

#endif
