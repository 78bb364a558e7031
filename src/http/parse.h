/* The HTTP/1.1 grammar as pure functions over bytes: request heads, chunked bodies (RFC 9110, 9112).
 *
 * Nothing here reads, writes or keeps state of its own; results are views into the input. For conn.c, the unit tests
 * and the fuzzer. Malformed input yields the status to answer with, never an assert. */
#ifndef TSUBO_HTTP_PARSE_H
#define TSUBO_HTTP_PARSE_H

#include "base/buf.h"
#include "http/http.h"

struct head {
	struct str method, target, path, query, host;
	size_t n_headers;
	int64_t content_length; /* -1: chunked; 0: none */
	bool has_body;
	bool http10;
	bool keep_alive;
	bool expects_continue;
};

enum { PARSE_MORE = 0 };

/* Read one request head from the start of `in`. room holds limits->headers entries. Returns the head's bytes with
 * its final empty line (> 0), PARSE_MORE, or minus the status to refuse with, *why then being a short text. */
int parse_head(struct str in, const struct http_limits *limits, struct http_header *room, struct head *out,
               const char **why);

/* Read name: value lines that end with an empty line, as trailers are. The whole section must be in `in`.
 * Returns the number of fields, or minus a status. */
int parse_fields(struct str in, struct http_header *room, size_t max, const char **why);

enum chunk_state { CHUNK_SIZE_FIRST, CHUNK_SIZE, CHUNK_EXT, CHUNK_SIZE_LF, CHUNK_DATA, CHUNK_DATA_CR, CHUNK_DATA_LF,
                   CHUNK_LINE_START, CHUNK_LINE, CHUNK_LINE_LF, CHUNK_LAST_LF, CHUNK_DONE };

enum {
	CHUNK_EXT_LINE_MAX = 1024,   /* bytes of one chunk's extensions */
	CHUNK_EXT_MAX = 64 * 1024,   /* of a whole body's */
	CHUNK_TRAILER_MAX = 8 * 1024 /* the trailer section */
};

/* A chunked body under way. Zeroed is the start. */
struct chunked {
	enum chunk_state state;
	uint64_t left;      /* of the chunk's data */
	size_t ext_line, ext_all, trailer_n;
	struct buf *trailers; /* where the trailer section is collected, with its final empty line; NULL: dropped */
};

/* Take bytes of `in`: returns how many were used, or minus a status. *piece is body data found (absent when none);
 * call again with the rest until the input is used up or state is CHUNK_DONE. */
int64_t chunked_next(struct chunked *d, struct str in, struct str *piece, const char **why);

#endif
