/* Streaming bodies on their way in: decode aws-chunked (signed and unsigned, with trailers), hash, verify, keep up to
 * stream_inline bytes in memory, write the rest to a blob on the worker pool, with back-pressure to the client. */
#ifndef TSUBO_SPOOL_H
#define TSUBO_SPOOL_H

#include "gateway/request.h"

/* Begin to receive r->stream; the stage's answer (NEXT when there is no body or it was there whole). */
enum next spool_start(struct request *r);
/* Where the wire's next bytes are best put, *n of them at most; NULL: they are not wanted there. */
char *spool_room(struct request *r, size_t *n);
/* A piece of the wire's bytes (which may lie in that room already); the last of them has come. */
void spool_piece(struct request *r, struct str piece);
void spool_end(struct request *r);
/* The client has gone: true when the request can be freed now, false when the spool frees it later. */
bool spool_gone(struct request *r);
/* After the answer: a sealed blob that no transaction claimed is discarded. Called from request_free. */
void spool_free(struct request *r);

#endif
