/* Any bytes as the beginning of a browser's form: views stay inside it, and the file begins inside it. */
#include "../form.h"

static bool inside(struct str s, const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	return !str_present(s) || (s.p >= p && s.p + s.n <= p + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct form_head f;
	struct str head = str_of((const char *)data, size);
	struct str boundary = form_boundary(str_slice(head, 0, size < 40 ? size : 40));
	if (!form_parse(head, str_present(boundary) ? boundary : S("b"), &f)) {
		ASSERT(f.code != NULL && f.message != NULL);
		return 0;
	}
	ASSERT(f.start <= size && f.n <= FORM_FIELDS_MAX);
	ASSERT(inside(f.filename, data, size) && inside(f.file_type, data, size));
	for (size_t i = 0; i < f.n; i++)
		ASSERT(inside(f.fields[i].name, data, size) && inside(f.fields[i].value, data, size));
	return 0;
}
