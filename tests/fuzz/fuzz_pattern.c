/* Any text as a regular expression and as a glob, over any text: each ends, and the glob says what the slow way says. */
#include "base/pattern.h"

/* By the definition, for short texts. */
static bool slow_glob(struct str g, struct str s)
{
	if (g.n == 0)
		return s.n == 0;
	if (g.p[0] == '*')
		return slow_glob(str_slice(g, 1, g.n), s) || (s.n > 0 && slow_glob(g, str_slice(s, 1, s.n)));
	return s.n > 0 && (g.p[0] == '?' || g.p[0] == s.p[0]) && slow_glob(str_slice(g, 1, g.n), str_slice(s, 1, s.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct str rest = str_of((const char *)data, size), first = str_cut(&rest, '\0'), subject = str_present(rest) ? rest : S("");
	const struct pattern *p = pattern_of_client(a, first);
	if (p != NULL) {
		bool whole = pattern_matches(p, subject), part = pattern_search(p, subject);
		ASSERT(whole == pattern_matches(p, subject));
		(void)part;
	}
	bool fast = glob_match(first, subject);
	if (first.n <= 10 && subject.n <= 10)
		ASSERT(fast == slow_glob(first, subject));
	arena_free(a);
	return 0;
}
