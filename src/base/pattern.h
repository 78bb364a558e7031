/* Regular expressions (PCRE2 with UTF, UCP, ALT_BSUX, JIT; match and depth limits set) and AWS's '*' and '?' globs. */
#ifndef TSUBO_PATTERN_H
#define TSUBO_PATTERN_H

#include "base/arena.h"

struct pattern;
/* Compile; kept for the life of the process in a table keyed by its text (safe from any thread). NULL when it does not compile. */
const struct pattern *pattern_get(struct str regex);
/* Does the pattern match somewhere / the whole of s? A match over its limits is no match. */
bool pattern_search(const struct pattern *p, struct str s);
bool pattern_matches(const struct pattern *p, struct str s);
/* '*' any run, '?' one byte. IAM's StringLike and ARNs use it. At worst the product of the lengths, never exponential. */
bool glob_match(struct str glob, struct str s);

#endif
