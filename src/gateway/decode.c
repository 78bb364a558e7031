/* Bytes to typed input, and the model's constraints.
 *
 * What always holds: after it the input fits the model, constraints included. */
#include "gateway/request.h"

enum next stage_decode(struct request *r)
{
	ASSERT(!r->failed && (r->raw || r->model_op != NULL));
	if (r->streams)
		r->wire.stream = &r->stream;
	if (r->raw)
		return NEXT;
	struct call *c = &r->task.call;
	void *in = wire_decode(r->arena, r->model_op, &r->wire, &r->error);
	if (in == NULL) {
		r->failed = true;
		return FAIL;
	}
	if (model_op_input(r->model_op) != NULL && !wire_validate(r->arena, r->model_op, in, r->protocol, &r->error)) {
		r->failed = true;
		return FAIL;
	}
	c->in = in;
	return NEXT;
}
