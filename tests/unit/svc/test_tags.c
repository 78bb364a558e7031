/* Tags: merged, refused, removed. Source: "Tag naming limits and requirements" (Tagging AWS Resources User Guide). */
#include "svc/tags.h"
#include "../check.h"

static const struct tags_rules plain = {.max = 3}, nocase = {.max = 3, .nocase = true};

static void a_new_value_takes_the_place_of_the_old(void **state UNUSED)
{
	struct tag had[] = {{S("a"), S("1")}, {S("b"), S("2")}}, more[] = {{S("b"), S("3")}, {S("c"), S("4")}};
	struct tags have = {had, 2};
	assert_int_equal(tags_put(arena, &have, (struct tags){more, 2}, &plain), TAGS_OK);
	assert_int_equal(have.n, 3);
	assert_str(have.v[1].value, S("3"));
	assert_str(have.v[2].key, S("c"));
}

static void case_counts_where_the_rules_say_so(void **state UNUSED)
{
	struct tag had[] = {{S("team"), S("1")}}, more[] = {{S("Team"), S("2")}};
	struct tags one = {had, 1}, two = {had, 1};
	assert_int_equal(tags_put(arena, &one, (struct tags){more, 1}, &plain), TAGS_OK);
	assert_int_equal(one.n, 2);
	assert_int_equal(tags_put(arena, &two, (struct tags){more, 1}, &nocase), TAGS_OK);
	assert_int_equal(two.n, 1);
	assert_str(two.v[0].key, S("Team"));
}

static void faults_change_nothing(void **state UNUSED)
{
	struct tag had[] = {{S("a"), S("1")}}, reserved[] = {{S("x"), S("1")}, {S("AWS:x"), S("1")}}, twice[] = {{S("x"), S("1")}, {S("x"), S("2")}},
		many[] = {{S("b"), S("1")}, {S("c"), S("1")}, {S("d"), S("1")}};
	struct tags have = {had, 1};
	assert_int_equal(tags_put(arena, &have, (struct tags){reserved, 2}, &plain), TAGS_RESERVED);
	assert_str(tags_culprit((struct tags){reserved, 2}, &plain), S("AWS:x"));
	assert_int_equal(tags_put(arena, &have, (struct tags){twice, 2}, &plain), TAGS_TWICE);
	assert_str(tags_culprit((struct tags){twice, 2}, &plain), S("x"));
	assert_int_equal(tags_put(arena, &have, (struct tags){many, 3}, &plain), TAGS_TOO_MANY);
	assert_absent(tags_culprit((struct tags){many, 3}, &plain));
	assert_int_equal(have.n, 1);
	assert_ptr_equal(have.v, had);
	const struct tags_rules own = {.max = 3, .reserved = true};
	assert_int_equal(tags_put(arena, &have, (struct tags){reserved, 2}, &own), TAGS_OK);
}

static void keys_are_dropped(void **state UNUSED)
{
	struct tag had[] = {{S("a"), S("1")}, {S("B"), S("2")}, {S("c"), S("3")}};
	struct str names[] = {S("b"), S("c"), S("none")};
	const struct list keys = {names, 3, true};
	struct tags have = {had, 3};
	tags_drop(&have, &keys, false);
	assert_int_equal(have.n, 2);
	tags_drop(&have, &keys, true);
	assert_int_equal(have.n, 1);
	assert_str(have.v[0].key, S("a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(a_new_value_takes_the_place_of_the_old), TEST(case_counts_where_the_rules_say_so),
		TEST(faults_change_nothing), TEST(keys_are_dropped)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
