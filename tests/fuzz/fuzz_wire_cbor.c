/* Any bytes as CBOR of CloudWatch's operations, on the wire and as records. */
#include "cloudwatch.model.h"
#include "dynamodb.model.h"
#include "wire/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct arena *a = arena_new(0);
	struct wire_error err = {0};
	const struct model *m = data[0] & 1 ? &cloudwatch_model : &dynamodb_model;
	const struct shape *s = model_op_input(&model_ops(m)[data[0] / 2 % m->n_ops]);
	struct str bytes = str_of((const char *)data + 1, size - 1);
	void *v = s != NULL ? arena_alloc(a, s->size) : NULL;
	if (v != NULL && cbor_decode(a, s, bytes, v, &err)) {
		struct str out = typed_to_cbor(a, s, v);
		void *w = typed_from_cbor(a, s, out);
		ASSERT(w != NULL);
		ASSERT(str_eq(typed_to_cbor(a, s, typed_copy(a, s, w)), out));
	} else if (v != NULL) {
		ASSERT(err.code.n > 0);
	}
	if (s != NULL)
		(void)typed_from_cbor(a, s, bytes);
	arena_free(a);
	return 0;
}
