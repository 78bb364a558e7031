/* Strings are a pointer and a length; they need not end in NUL and may hold any bytes.
 *
 * A str never owns its bytes: they live in an arena, a buffer or a literal that outlives it.
 * An absent string has p == NULL; an empty one has n == 0 and p != NULL. */
#ifndef TSUBO_STR_H
#define TSUBO_STR_H

#include "base/base.h"

#include <string.h>

struct str {
	const char *p;
	size_t n;
};

/* A literal as a str; usable in static initialisers as STR_INIT. */
/* ("" lit "") refuses anything but a literal: the size of a pointer is not a length. */
#define STR_INIT(lit) {("" lit ""), sizeof("" lit "") - 1}
#define S(lit) ((struct str)STR_INIT(lit))
#define STR_NONE ((struct str){NULL, 0})

/* printf helpers: printf("%.*s", STR_ARG(s)) */
#define STR_ARG(s) (int)(s).n, ((s).p != NULL ? (s).p : "")

static inline struct str str_of(const char *p, size_t n) { return (struct str){p, n}; }
/* A str over a NUL-terminated C string; NULL gives the absent string. */
static inline struct str str_c(const char *c) { return (struct str){c, c != NULL ? strlen(c) : 0}; }
static inline bool str_present(struct str s) { return s.p != NULL; }
static inline bool str_empty(struct str s) { return s.n == 0; }
static inline bool str_eq(struct str a, struct str b) { return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0); }

/* Order of the bytes as unsigned, shorter first when one is a prefix: <0, 0, >0. */
int str_cmp(struct str a, struct str b);
/* Equal but for ASCII letter case. */
bool str_eq_nocase(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_starts_nocase(struct str s, struct str prefix);
/* The part from `from` (inclusive) to `to` (exclusive); both are clamped to the length. */
struct str str_slice(struct str s, size_t from, size_t to);
/* Index of the first (last) byte c, or -1. */
ptrdiff_t str_find(struct str s, char c);
ptrdiff_t str_rfind(struct str s, char c);
/* Index of the first occurrence of needle, or -1. */
ptrdiff_t str_find_str(struct str s, struct str needle);
/* Without ASCII white space (space, tab, CR, LF) on both ends. */
struct str str_trim(struct str s);
/* Cut *rest at the first sep: returns what is before it and leaves what is after it.
 * Without a sep returns all and leaves the absent string. Call until !str_present(*rest). */
struct str str_cut(struct str *rest, char sep);
/* Whole-string decimal integers: false on anything else, and on overflow. No white space, optional '-'. */
bool str_to_i64(struct str s, int64_t *out);
bool str_to_u64(struct str s, uint64_t *out);
/* Whole-string floating point as strtod reads it (no hex, no locale); false on anything else. */
bool str_to_f64(struct str s, double *out);
/* 64-bit hash of the bytes, seeded per process (for tables, never for the disk). */
uint64_t str_hash(struct str s);

#endif
