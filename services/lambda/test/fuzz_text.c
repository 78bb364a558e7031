/* Any text as a function's name or ARN, with a qualifier behind a line's end; as an event filter; and as what a function says of a batch. What
 * is taken has a name of a length that is allowed, and each failure names an item. */
#include "../esm.h"
#include "../lambda.h"

#include "../../../tests/fuzz/bare_call.h"

static void names(struct arena *a, struct str text)
{
	struct task t;
	struct call *c = bare_call(&t, a, "lambda");
	struct str qualifier = text, name = str_cut(&qualifier, '\n');
	struct function_ref ref;
	if (function_ref_of(c, name, qualifier, &ref)) {
		ASSERT(!c->failed && ref.name.n > 0 && ref.name.n <= 64 && str_find(ref.name, ':') < 0);
		ASSERT(!str_present(qualifier) || str_eq(ref.qualifier, qualifier));
	} else {
		ASSERT(c->failed);
	}
	bare_call_end(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct str text = str_of((const char *)data, size);
	names(a, text);
	(void)filter_check(a, text);
	const struct json *failed = item_failures(a, text);
	for (uint32_t i = 0; failed != NULL && i < failed->n; i++)
		ASSERT(json_str(&failed->items[i]).n > 0);
	arena_free(a);
	return 0;
}
