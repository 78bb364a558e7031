/* Streaming bodies: see spool.h. This first form keeps the whole body in memory up to stream_inline bytes. */
#include "gateway/spool.h"

struct spool {
	struct buf bytes;
};

static size_t inline_max(const struct request *r)
{
	return r->service->stream_inline > 0 ? r->service->stream_inline : STREAM_INLINE;
}

enum next spool_start(struct request *r)
{
	struct http_request *h = r->http;
	r->stream.bytes = S("");
	if (!h->has_body)
		return NEXT;
	if (h->content_length > (int64_t)inline_max(r))
		return request_fail(r, 413, "RequestEntityTooLarge", "The request body is larger than %zu bytes", inline_max(r));
	r->spool = arena_new_of(r->arena, struct spool);
	buf_init(&r->spool->bytes, r->arena, inline_max(r));
	r->receiving = r->reading_now = true;
	http_read_body(h);
	r->reading_now = false;
	if (!r->body_done)
		return LATER;
	r->receiving = false;
	return r->failed ? FAIL : NEXT;
}

void spool_piece(struct request *r, struct str piece)
{
	r->bytes_in += piece.n;
	buf_str(&r->spool->bytes, piece);
}

void spool_end(struct request *r)
{
	r->body_done = true;
	r->wire.body = r->stream.bytes = buf_view(&r->spool->bytes);
	r->stream.length = (int64_t)r->stream.bytes.n;
	if (r->spool->bytes.overflow)
		request_fail(r, 413, "RequestEntityTooLarge", "The request body is too large");
	r->spool = NULL;
	if (r->reading_now)
		return;
	r->receiving = false;
	request_go_on(r);
}

bool spool_gone(struct request *r)
{
	(void)r;
	return true;
}

void spool_free(struct request *r) { (void)r; }
