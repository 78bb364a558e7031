/* Any bytes as the JSON body of a real operation (the first byte chooses which): what decodes is checked, survives a
 * round trip through a tree and CBOR, and encodes to the same text. */
#include "dynamodb.model.h"
#include "lambda.model.h"
#include "logs.model.h"
#include "sqs.model.h"
#include "wire/codec.h"

static const struct model *const models[] = {&sqs_model, &dynamodb_model, &logs_model, &lambda_model};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct arena *a = arena_new(0);
	struct wire_error err = {0};
	const struct model *m = models[data[0] % COUNT_OF(models)];
	const struct model_op *op = &model_ops(m)[data[1] % m->n_ops];
	bool rest = m->protocol == PROTO_REST_JSON;
	void *v = model_op_input(op) != NULL ? arena_alloc(a, model_op_input(op)->size) : NULL;
	if (v != NULL && json_decode(a, model_op_model(op), model_op_input(op), str_of((const char *)data + 2, size - 2), rest, v, &err)) {
		struct str why = STR_NONE;
		struct buf b, again;
		buf_init(&b, a, 0);
		buf_init(&again, a, 0);
		(void)wire_validate(a, op, v, m->protocol, &err);
		json_encode(&b, a, model_op_input(op), v, false);
		void *w = typed_from_json(a, model_op_input(op), typed_to_json(a, model_op_input(op), v), true, &why);
		ASSERT(w != NULL);
		w = typed_from_cbor(a, model_op_input(op), typed_to_cbor(a, model_op_input(op), w));
		ASSERT(w != NULL);
		json_encode(&again, a, model_op_input(op), typed_copy(a, model_op_input(op), w), false);
		ASSERT(str_eq(buf_view(&b), buf_view(&again)));
	} else if (v != NULL) {
		ASSERT(err.code.n > 0 && err.status == 400);
	}
	arena_free(a);
	return 0;
}
