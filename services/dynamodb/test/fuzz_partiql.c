/* Any text as a PartiQL statement: parsed or refused, and what is parsed can be evaluated. */
#include "../partiql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct fault f = {.arena = a};
	static const char *const text = "{\"a\":{\"N\":\"1\"},\"b\":{\"S\":\"s\"},\"m\":{\"M\":{\"x\":{\"L\":[{\"N\":\"2\"}]}}}}";
	const struct av parameters[] = {{.type = AV_S, .s = STR_INIT("p")}, {.type = AV_N, .s = STR_INIT("2")}};
	struct partiql q;
	struct av item;
	bool ok = item_from_json(json_parse(a, str_c(text), NULL), &item, &f);
	ASSERT(ok);
	for (uint32_t n = 0; n <= COUNT_OF(parameters); n++) {
		f = (struct fault){.arena = a};
		bool parsed = partiql_parse(a, str_of(size > 0 ? (const char *)data : "", size), parameters, n, &q, &f);
		ASSERT(parsed == (f.code == FAULT_NONE));
		if (!parsed)
			continue;
		if (q.where != NULL)
			(void)expr_matches(q.where, &item, a);
		struct av copy = av_copy(a, &item);
		(void)update_apply(&q.update, &copy, &f);
		(void)projection_apply(a, &q.projection, &item);
	}
	arena_free(a);
	return 0;
}
