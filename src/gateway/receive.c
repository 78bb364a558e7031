/* The body: bounded, into memory; streaming payloads through the spool, which keeps small ones in memory and writes
 * large ones to a blob. Nothing is read before the stages before have agreed, so a refused upload is not sent.
 *
 * What always holds: the body is at most body_max bytes; once the client is gone nobody touches the socket again. */
#include "gateway/request.h"
#include "gateway/spool.h"

static size_t limit_of(const struct request *r)
{
	return r->service != NULL && r->service->body_max > 0 ? r->service->body_max : BODY_MAX;
}

enum next stage_receive(struct request *r)
{
	ASSERT(!r->receiving && !r->body_done);
	struct http_request *h = r->http;
	if (h == NULL)
		return LEFT;
	r->wire.body = S("");
	if (r->streams)
		return spool_start(r);
	if (!h->has_body)
		return NEXT;
	r->body_max = limit_of(r);
	if (h->content_length > (int64_t)r->body_max)
		return request_fail(r, 413, "RequestEntityTooLarge", "The request body is larger than %zu bytes", r->body_max);
	buf_init(&r->body, NULL, r->body_max);
	if (h->content_length > 0 && !buf_reserve(&r->body, (size_t)h->content_length < 65536 ? (size_t)h->content_length : 65536))
		return FAIL;
	r->receiving = r->reading_now = true;
	http_read_body(h);
	r->reading_now = false;
	if (!r->body_done)
		return LATER;
	r->receiving = false; /* it was there already */
	return r->failed ? FAIL : NEXT;
}

void receive_piece(struct request *r, struct str piece)
{
	ASSERT(r->receiving);
	if (r->spool != NULL) {
		spool_piece(r, piece);
		return;
	}
	r->bytes_in += piece.n;
	buf_str(&r->body, piece);
}

void receive_end(struct request *r)
{
	ASSERT(r->receiving);
	if (r->spool != NULL) {
		spool_end(r);
		return;
	}
	r->body_done = true;
	r->wire.body = buf_view(&r->body);
	if (r->body.overflow)
		request_fail(r, 413, "RequestEntityTooLarge", "The request body is too large");
	if (r->reading_now)
		return;
	r->receiving = false;
	request_go_on(r);
}

/* The request is freed now, or by the worker that still writes its body. */
void receive_gone(struct request *r)
{
	ASSERT(r->http == NULL);
	r->receiving = false;
	if (r->spool != NULL && !spool_gone(r))
		return; /* it frees the request when its worker comes back */
	request_free(r);
}
