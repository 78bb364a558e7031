/* What every unit test includes: cmocka and its needs, a comparison of strings, an arena for each test.
 *
 * For the tests of the base rooms; a test hands `TEST(name)` rows to cmocka_run_group_tests. */
#ifndef TSUBO_TEST_CHECK_H
#define TSUBO_TEST_CHECK_H

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct arena *arena; /* fresh for each test */

static int check_setup(void **state UNUSED)
{
	arena = arena_new(0);
	return 0;
}

static int check_teardown(void **state UNUSED)
{
	arena_free(arena);
	arena = NULL;
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, check_setup, check_teardown)

static inline void check_str(struct str got, struct str want, const char *file, int line)
{
	if (str_eq(got, want) && str_present(got) == str_present(want))
		return;
	print_error("got  \"%.*s\"%s\nwant \"%.*s\"%s\n", STR_ARG(got), str_present(got) ? "" : " (absent)", STR_ARG(want),
	            str_present(want) ? "" : " (absent)");
	_fail(file, line);
}
#define assert_str(got, want) check_str((got), (want), __FILE__, __LINE__)
#define assert_absent(got) assert_false(str_present(got))

#endif
