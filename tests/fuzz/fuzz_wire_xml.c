/* Any bytes as the XML body of S3's operations: what decodes can be encoded, and reads back the same. */
#include "base/xml.h"
#include "s3.model.h"
#include "wire/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct arena *a = arena_new(0);
	struct wire_error err = {0};
	const char *why = NULL;
	const struct shape *s = model_op_input(&model_ops(&s3_model)[data[0] % s3_model.n_ops]);
	const struct xml *x = xml_parse(a, str_of((const char *)data + 1, size - 1), &why);
	if (s != NULL && shape_payload(s) != NULL && !shape_payload(s)->streaming && shape_is_struct(member_shape(shape_payload(s))))
		s = member_shape(shape_payload(s));
	void *v = s != NULL ? arena_alloc(a, s->size) : NULL;
	if (x != NULL && v != NULL && xml_decode(a, s, x, false, v, &err)) {
		struct buf b, again;
		buf_init(&b, a, 0);
		buf_init(&again, a, 0);
		buf_lit(&b, "<R>");
		xml_encode_members(&b, a, s, v, false);
		buf_lit(&b, "</R>");
		/* Attributes of the root are written by who opens it, so only elements come back. */
		x = xml_parse(a, buf_view(&b), &why);
		void *w = arena_alloc(a, s->size);
		if (x != NULL) {
			ASSERT(xml_decode(a, s, x, false, w, &err));
			buf_lit(&again, "<R>");
			xml_encode_members(&again, a, s, w, false);
			buf_lit(&again, "</R>");
			ASSERT(str_eq(buf_view(&b), buf_view(&again)));
		}
	}
	arena_free(a);
	return 0;
}
