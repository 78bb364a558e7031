/* Any fields of a browser's form, one a line: read as a claim or refused with AWS's error; what is read can be verified, and is
 * not right unless it was signed. */
#include "auth/sigv4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct str rest = str_of((const char *)data, size), fields[5] = {STR_NONE};
	for (size_t i = 0; i < COUNT_OF(fields) && str_present(rest); i++) {
		fields[i] = str_cut(&rest, '\n');
		if (fields[i].n == 0)
			fields[i] = STR_NONE;
	}
	struct sig_claim claim;
	struct sig_error err = {0};
	if (sig_post_parse(a, fields[0], fields[1], fields[2], fields[3], fields[4], &claim, &err)) {
		bool right = sig_post_verify(a, &claim, S("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), str_present(rest) ? rest : S(""), &err);
		ASSERT(right || (err.code != NULL && err.status == 403));
	} else {
		ASSERT(err.code != NULL && err.status >= 400);
	}
	arena_free(a);
	return 0;
}
