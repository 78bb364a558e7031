/* Any JSON as a schema over any JSON as a body: it ends, and says why a body does not hold to it. */
#include "../schema.h"

static const struct json *model(struct schema_check *s, struct str name UNUSED) { return s->arg; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct str rest = str_of((const char *)data, size), text = str_cut(&rest, '\n');
	struct json *schema = json_parse(a, text, NULL), *v = str_present(rest) ? json_parse(a, rest, NULL) : json_new_null(a);
	if (schema != NULL && v != NULL) {
		struct schema_check s = {.a = a, .model = model, .arg = schema};
		buf_init(&s.faults, a, 1 << 20);
		bool ok = schema_valid(&s, schema, schema, v);
		ASSERT(ok || s.faults.n > 0);
	}
	arena_free(a);
	return 0;
}
