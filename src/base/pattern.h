/* Regular expressions (PCRE2 with UTF, UCP, ALT_BSUX, JIT; match and depth limits set) and AWS's '*' and '?' globs. */
#ifndef TSUBO_PATTERN_H
#define TSUBO_PATTERN_H

#include "base/arena.h"

struct pattern;
/* Compile one of the program's own; kept for the life of the process in a table keyed by its text (safe from any thread).
 * NULL when it does not compile. */
const struct pattern *pattern_get(struct str regex);
/* The same for a text that a client made up: the first PATTERNS_OF_CLIENTS are kept like the program's own, for most are used
 * again and again; what comes after them lives as long as the arena, so that clients cannot fill the memory. */
const struct pattern *pattern_of_client(struct arena *a, struct str regex);
enum { PATTERNS_OF_CLIENTS = 1000 };
/* Does the pattern match somewhere / the whole of s? A match over its limits is no match. */
bool pattern_search(const struct pattern *p, struct str s);
bool pattern_matches(const struct pattern *p, struct str s);
/* '*' any run, '?' one byte. IAM's StringLike and ARNs use it. At worst the product of the lengths, never exponential. */
bool glob_match(struct str glob, struct str s);

#endif
