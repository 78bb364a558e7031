/* Any header lines bound to the members of REST operations: lists, times, metadata by prefix. What is decoded can be kept in a
 * record and sent as headers again. */
#include "lambda.model.h"
#include "s3.model.h"
#include "wire/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { HEADERS_MAX = 32 };
	static const struct model_op *const ops[] = {&s3_op_PutObject, &s3_op_GetObject, &s3_op_GetObjectAttributes, &s3_op_CopyObject,
	                                             &s3_op_UploadPart, &lambda_op_Invoke};
	if (size < 1)
		return 0;
	struct arena *a = arena_new(0);
	struct param headers[HEADERS_MAX];
	struct wire_request r = {.method = S("PUT"), .raw_path = S("/b/k"), .body = S(""), .headers = headers};
	const struct model_op *op = ops[data[0] % COUNT_OF(ops)];
	struct body body = {.bytes = S("")};
	if (op == &lambda_op_Invoke)
		r.raw_path = S("/2015-03-31/functions/f/invocations");
	r.stream = &body;
	r.protocol = model_op_model(op)->protocol;
	for (struct str rest = str_of((const char *)data + 1, size - 1); str_present(rest) && r.n_headers < HEADERS_MAX;) {
		struct str value = str_cut(&rest, '\n'), name = str_cut(&value, ':');
		if (name.n > 0 && str_present(value))
			headers[r.n_headers++] = (struct param){name, str_trim(value), true};
	}
	struct wire_error err = {0};
	void *in = wire_decode(a, op, &r, &err);
	ASSERT(in != NULL || err.code.n > 0);
	if (in != NULL) {
		struct wire_response w = {0};
		(void)wire_validate(a, op, in, r.protocol, &err);
		ASSERT(typed_from_cbor(a, model_op_input(op), typed_to_cbor(a, model_op_input(op), in)) != NULL);
		(void)rest_encode_headers(a, model_op_input(op), in, &w);
	}
	arena_free(a);
	return 0;
}
