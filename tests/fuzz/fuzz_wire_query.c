/* Any bytes as a form of the query protocol, or as path and query string of REST services. */
#include "cloudformation.model.h"
#include "iam.model.h"
#include "lambda.model.h"
#include "s3.model.h"
#include "sqs.model.h"
#include "wire/codec.h"

#include "../op_copy.h"

static const struct model *const forms[] = {&iam_model, &cloudformation_model, &sqs_model};

static void form(struct arena *a, const uint8_t *data, struct str text)
{
	struct wire_error err = {0};
	const struct model *m = forms[data[0] % COUNT_OF(forms)];
	const struct model_op *op = &model_ops(m)[data[1] % m->n_ops];
	struct wire_request r = {.method = S("POST"), .raw_path = S("/"), .body = text, .protocol = data[0] & 128 ? PROTO_EC2 : PROTO_QUERY};
	void *in = wire_decode(a, op, &r, &err);
	ASSERT(in != NULL || err.code.n > 0);
	if (in == NULL || model_op_input(op) == NULL)
		return;
	struct wire_response w;
	(void)wire_validate(a, op, in, r.protocol, &err);
	ASSERT(typed_from_json(a, model_op_input(op), typed_to_json(a, model_op_input(op), in), true, NULL) != NULL);
	ASSERT(typed_from_cbor(a, model_op_input(op), typed_to_cbor(a, model_op_input(op), in)) != NULL);
	struct model_op *echo = op_copy(a, op);
	echo->output_at = op->input_at;
	echo->result_wrapper_at = op->name_at;
	wire_encode(a, echo, in, r.protocol, S("id"), &w);
}

static void rest(struct arena *a, const uint8_t *data, struct str text)
{
	static const char *const methods[] = {"GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"};
	struct wire_error err = {0};
	const struct model *m = data[0] & 64 ? &s3_model : &lambda_model;
	struct wire_request r = {.method = str_c(methods[data[1] % COUNT_OF(methods)]), .protocol = m->protocol, .body = S("")};
	struct param h = {S("x-amz-copy-source"), S("x"), true};
	r.raw_path = str_cut(&text, '?');
	r.path_params_base = r.raw_path;
	r.raw_query = text;
	r.headers = &h;
	r.n_headers = data[1] & 1;
	if (text.p != NULL && !params_parse(a, text, 100, &r.query))
		return;
	const struct model_op *op = wire_match_rest(m, &r);
	struct body body = {.bytes = S("")};
	r.stream = &body;
	void *in = op != NULL ? wire_decode(a, op, &r, &err) : NULL;
	ASSERT(op == NULL || in != NULL || err.code.n > 0);
	if (in != NULL && model_op_input(op) != NULL)
		ASSERT(typed_from_cbor(a, model_op_input(op), typed_to_cbor(a, model_op_input(op), in)) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct arena *a = arena_new(0);
	struct str text = str_of((const char *)data + 2, size - 2);
	if (data[0] & 32)
		rest(a, data, text);
	else
		form(a, data, text);
	arena_free(a);
	return 0;
}
