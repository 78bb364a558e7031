/* Any request: "target\nheader:value\n..." is parsed, canonicalised and (not) verified without harm. */
#include "auth/sigv4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct param headers[16];
	struct str rest = str_of((const char *)data, size), target = str_cut(&rest, '\n');
	struct sig_request r = {.method = S("GET"), .host = S("localhost"), .headers = headers};
	r.raw_path = str_cut(&target, '?');
	r.raw_query = str_present(target) ? target : S("");
	while (str_present(rest) && r.n_headers < COUNT_OF(headers)) {
		struct str value = str_cut(&rest, '\n'), name = str_cut(&value, ':');
		headers[r.n_headers++] = (struct param){name, str_present(value) ? value : S(""), true};
	}
	struct sig_claim claim;
	struct sig_error err;
	struct sig_chunks chunks;
	if (sig_parse(a, &r, &claim, &err) && claim.kind != SIG_NONE) {
		int64_t at = 1440938160000; /* 2015-08-30, the corpus's day */
		if (!sig_verify(a, &r, &claim, S("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), STR_NONE, at, &chunks, &err))
			ASSERT(err.code != NULL && err.status >= 400);
	}
	arena_free(a);
	return 0;
}
