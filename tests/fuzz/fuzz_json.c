/* Any bytes as JSON: what parses is written, parsed again, and equal. */
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct json_error err = {0};
	struct json *j = json_parse(a, str_of((const char *)data, size), &err);
	ASSERT(j != NULL || (err.what != NULL && err.at <= size));
	if (j != NULL) {
		struct str text = json_text(a, j), pretty = json_text_pretty(a, j);
		struct json *again = json_parse(a, text, NULL);
		ASSERT(again != NULL && json_equal(j, again));
		ASSERT(json_equal(again, json_parse(a, pretty, NULL)));
		ASSERT(str_eq(json_text(a, again), text));
		ASSERT(json_equal(json_copy(a, j), j));
		int64_t whole;
		double real;
		(void)json_to_i64(j, &whole);
		(void)json_to_f64(j, &real);
	}
	arena_free(a);
	return 0;
}
