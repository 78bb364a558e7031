/* S3 Select's values: timestamps, LIKE, and what becomes of text. Source: "Date functions", "Operators" (S3 User Guide). */
#include "../../../tests/unit/check.h"

#include "../select.h"

static struct value time_of(const char *text)
{
	struct value v;
	assert_true(time_of_text(str_c(text), &v));
	return v;
}

static void timestamps_keep_how_they_were_written(void **state UNUSED)
{
	static const char *const same[] = {"2007T", "2007-02T", "2007-02-23T", "2007-02-23T12:14Z", "2007-02-23T12:14:33-08:00",
		"2007-02-23T12:14:33.079+05:30",
		"0001-01-01T00:00Z"};
	for (size_t i = 0; i < COUNT_OF(same); i++) {
		struct value v = time_of(same[i]);
		check_str(time_text(arena, &v), str_c(same[i]), __FILE__, __LINE__);
	}
	static const char *const none[] = {"", "2007", "2007-13T", "2007-02-30T", "2007-02-23T12:14", "2007-02-23T25:00Z", "2007-02-23T12:14:33.Z", "x"};
	struct value v;
	for (size_t i = 0; i < COUNT_OF(none); i++)
		assert_false(time_of_text(str_c(none[i]), &v));
}

static void dates_are_reckoned(void **state UNUSED)
{
	struct value january = time_of("2020-01-31T"), later = time_add(&january, PART_MONTH, 1);
	check_str(time_text(arena, &later), S("2020-02-29T"), __FILE__, __LINE__);
	later = time_add(&january, PART_HOUR, 1);
	check_str(time_text(arena, &later), S("2020-01-31T01:00Z"), __FILE__, __LINE__);
	struct value a = time_of("2010-01-01T23:00Z"), b = time_of("2010-01-02T01:00Z");
	assert_int_equal(time_difference(&a, &b, PART_DAY), 0);
	assert_int_equal(time_difference(&a, &b, PART_HOUR), 2);
	a = time_of("2010T");
	b = time_of("2010-05T");
	assert_int_equal(time_difference(&a, &b, PART_MONTH), 4);
	assert_int_equal(time_difference(&b, &a, PART_MONTH), -4);
	assert_int_equal(time_difference(&a, &b, PART_YEAR), 0);
}

static void dates_are_formatted(void **state UNUSED)
{
	static const char *const cases[][2] = {{"MMMM d, y", "July 20, 1969"}, {"yyyy-MM-dd''H:m:ssX", "1969-07-20" "20:18:00Z"}, {"h:m a", "8:18 PM"},
		{"yy MMM MMMMM", "69 Jul J"}, {"'T'HHmm", "T2018"}, {"xxxxx", "+00:00"}};
	struct value v = time_of("1969-07-20T20:18Z");
	struct str out;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_true(time_format(arena, &v, str_c(cases[i][0]), &out));
		check_str(out, str_c(cases[i][1]), __FILE__, __LINE__);
	}
	assert_false(time_format(arena, &v, S("yyyyy"), &out));
	assert_false(time_format(arena, &v, S("q"), &out));
}

static bool is_like(const char *text, const char *pattern, struct str escape)
{
	bool matches = false;
	assert_true(like(str_c(text), str_c(pattern), escape, &matches));
	return matches;
}

static void patterns(void **state UNUSED)
{
	assert_true(is_like("", "", STR_NONE));
	assert_true(is_like("", "%", STR_NONE));
	assert_true(is_like("abcabd", "%ab_", STR_NONE));
	assert_true(is_like("é", "_", STR_NONE));
	assert_false(is_like("abc", "ab", STR_NONE));
	assert_false(is_like("ab", "ab_", STR_NONE));
	assert_true(is_like("100%", "100\\%", S("\\")));
	assert_false(is_like("1000", "100\\%", S("\\")));
	bool m;
	assert_false(like(S("a"), S("a\\b"), S("\\"), &m));
	assert_false(like(S("a"), S("a\\"), S("\\"), &m));
}

static void numbers_in_text(void **state UNUSED)
{
	struct value out, v = value_string(S(" 12 "));
	assert_true(value_number(&v, &out) && out.type == V_INT && out.i == 12);
	v = value_string(S("1e3"));
	assert_true(value_number(&v, &out) && out.type == V_FLOAT && out.f == 1000);
	v = value_string(S(""));
	assert_false(value_number(&v, &out));
	v = value_string(S("12a"));
	assert_false(value_number(&v, &out));
	int order;
	struct value ten = value_int(10), nine = value_string(S("9"));
	assert_true(value_compare(&ten, &nine, &order) && order > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(timestamps_keep_how_they_were_written), TEST(dates_are_reckoned), TEST(dates_are_formatted),
		TEST(patterns),
		TEST(numbers_in_text)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
