/* Any text as a filter pattern over any text as a message: refused with a reason, or it matches or not. The message may carry metrics in
 * itself, too. */
#include "../logs.h"

#include "../../../tests/fuzz/bare_call.h"

static void embedded(struct arena *a, struct str message)
{
	struct task t;
	struct call *c = bare_call(&t, a, "logs");
	emf_apply(c, S("group"), message);
	ASSERT(!c->failed && !c->parked);
	bare_call_end(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct str rest = str_of((const char *)data, size), pattern = str_cut(&rest, '\0'), message = str_present(rest) ? rest : S("");
	const char *why = NULL;
	struct log_filter *f = log_filter_parse(a, pattern, &why);
	ASSERT(f != NULL || why != NULL);
	if (f != NULL) {
		struct param *pairs = NULL;
		(void)log_filter_matches(f, a, message);
		(void)log_filter_value(f, a, message, S("$.a.b[0]"));
		(void)log_filter_value(f, a, message, S("$a"));
		(void)log_filter_extract(f, a, message, &pairs);
	}
	embedded(a, message);
	arena_free(a);
	return 0;
}
