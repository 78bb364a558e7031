/* How a compiled pattern lies in memory: shared by event_pattern_parse.c, which builds it, and event_pattern_match.c, which asks it. */
#ifndef TSUBO_EVENT_PATTERN_INTERNAL_H
#define TSUBO_EVENT_PATTERN_INTERNAL_H

#include "svc/event_pattern.h"

enum test_kind {
	TEST_STRING, TEST_NUMBER, TEST_TRUE, TEST_FALSE, TEST_NULL,
	TEST_PREFIX, TEST_PREFIX_NOCASE, TEST_SUFFIX, TEST_SUFFIX_NOCASE, TEST_EQUALS_NOCASE,
	TEST_WILDCARD,   /* parts: what stands between the asterisks, the first and last maybe empty */
	TEST_NUMERIC,    /* low..high */
	TEST_CIDR,
	TEST_EXISTS, TEST_ABSENT,
	TEST_ANYTHING_BUT /* none of `but` */
};

struct test {
	enum test_kind kind;
	struct str text;
	double number;                      /* TEST_NUMBER, when text is one */
	double low, high;
	bool low_open, high_open;           /* NUMERIC: the end itself is outside */
	const struct str *parts;
	size_t n_parts;
	const struct test *but;
	size_t n_but;
	unsigned char address[16];          /* CIDR */
	unsigned bits, address_size;        /* CIDR: of the mask; 4 or 16 bytes */
};

struct event_pattern;

/* One key: its value must pass one of the tests, or, when it is an object, `below`. Both when keys were given twice. */
struct field {
	struct str key;
	const struct test *tests;
	size_t n_tests;
	struct event_pattern *below;
};

/* All fields, and of each `$or` one alternative. */
struct event_pattern {
	struct field *fields;
	size_t n_fields, cap_fields;
	struct alternatives { struct event_pattern **v; size_t n; } *ors;
	size_t n_ors;
};

/* An address in text, IPv4 or IPv6; its size in bytes, 0 when it is none. */
unsigned address_parse(struct str text, unsigned char out[16]);

#endif
