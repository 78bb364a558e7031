/* Regular expressions as service models use them, and IAM's globs. */
#include "base/pattern.h"
#include "../check.h"

#include <pthread.h>

static bool matches(const char *regex, const char *s)
{
	const struct pattern *p = pattern_get(str_c(regex));
	assert_non_null(p);
	return pattern_matches(p, str_c(s));
}

static void whole_and_part(void **state UNUSED)
{
	const struct pattern *p = pattern_get(S("[a-z]+"));
	assert_ptr_equal(p, pattern_get(S("[a-z]+")));
	assert_true(pattern_matches(p, S("abc")));
	assert_false(pattern_matches(p, S("abc1")));
	assert_false(pattern_matches(p, S("abc\n")));
	assert_true(pattern_search(p, S("12abc1")));
	assert_false(pattern_search(p, S("123")));
	assert_false(pattern_search(p, S("")));
	assert_true(pattern_matches(pattern_get(S("a*")), STR_NONE));
	assert_true(matches("a|ab", "ab")); /* the whole is tried, not only the first way that fits */
}

/* Of botocore's models: lambda, s3control, iam, cognito-idp, dynamodb. */
static void of_models(void **state UNUSED)
{
	assert_true(matches("(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)"
	                    "(:(\\$LATEST|[a-zA-Z0-9-_]+))?", "arn:aws:lambda:us-east-1:000000000000:function:hello:$LATEST"));
	assert_true(matches("[\\w+=,.@-]+", "user.name@example"));
	assert_false(matches("[\\w+=,.@-]+", "a b"));
	assert_true(matches("[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*", "tab\t caf\xc3\xa9"));
	assert_false(matches("[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*", "\xe2\x82\xac"));
	assert_true(matches("[\\p{L}\\p{M}\\p{S}\\p{N}\\p{P}]+", "\xe5\x9d\xaa!"));
	assert_true(matches("[\\S\\s]*[\\S]+[\\S\\s]*", "a b"));
}

static void what_does_not_compile(void **state UNUSED)
{
	assert_null(pattern_get(S("[")));
	assert_null(pattern_get(S("[")));
	assert_null(pattern_get(S("(")));
	assert_null(pattern_get(S("\\C")));
}

static void invalid_utf8_is_no_match(void **state UNUSED) { assert_false(pattern_search(pattern_get(S(".*")), S("\xff"))); }

static void runaway_patterns_end(void **state UNUSED)
{
	char text[200];
	memset(text, 'a', sizeof text);
	text[sizeof text - 1] = '!';
	assert_false(pattern_matches(pattern_get(S("(a|aa)+$")), str_of(text, sizeof text)));
	assert_false(pattern_matches(pattern_get(S("(.*)(.*)(.*)(.*)(.*)(.*)\\1x")), str_of(text, sizeof text)));
}

/* A repeated group takes stack for each turn. */
static void long_subjects(void **state UNUSED)
{
	size_t n = 100000;
	char *text = arena_bytes(arena, n);
	memset(text, 'a', n);
	assert_true(pattern_matches(pattern_get(S("(a|b)*")), str_of(text, n)));
	assert_true(pattern_matches(pattern_get(S("([\\w+=,.@-]|:)+")), str_of(text, n)));
	text[n - 1] = ' ';
	assert_false(pattern_matches(pattern_get(S("(a|b)*")), str_of(text, n)));
}

/* More texts than are kept: each still works, and the ones over the bound go with their arena. */
static void of_clients(void **state UNUSED)
{
	const struct pattern *first = pattern_of_client(arena, S("client-0+"));
	assert_non_null(first);
	for (int i = 0; i < PATTERNS_OF_CLIENTS + 50; i++) {
		struct arena *own = arena_new(0);
		const struct pattern *p = pattern_of_client(own, arena_printf(own, "client-%d+", i));
		assert_non_null(p);
		assert_true(pattern_matches(p, arena_printf(own, "client-%d", i)));
		assert_true(pattern_search(p, arena_printf(own, "a client-%d", i)));
		assert_null(pattern_of_client(own, S("(")));
		arena_free(own);
	}
	assert_ptr_equal(pattern_of_client(arena, S("client-0+")), first);
	assert_ptr_equal(pattern_get(S("client-0+")), first);
}

static void *match_many(void *arg)
{
	for (int i = 0; i < 500; i++) {
		char regex[32];
		int n = snprintf(regex, sizeof regex, "x%d+", i % 50);
		const struct pattern *p = pattern_get(str_of(regex, (size_t)n));
		if (p == NULL || pattern_matches(p, S("y")) || !pattern_search(p, str_of(regex, (size_t)n - 1)))
			return arg;
	}
	return NULL;
}

static void from_many_threads(void **state UNUSED)
{
	pthread_t threads[4];
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, match_many, &threads), 0);
	for (size_t i = 0; i < COUNT_OF(threads); i++) {
		void *bad;
		pthread_join(threads[i], &bad);
		assert_null(bad);
	}
}

static void globs(void **state UNUSED)
{
	static const struct { const char *glob, *s; bool want; } rows[] = {
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "abc", true}, {"?", "", false}, {"?", "a", true}, {"a*", "abc", true},
		{"*c", "abc", true}, {"a*c", "abbbc", true}, {"a*c", "ab", false}, {"a?c", "abc", true}, {"a?c", "ac", false}, {"**", "x", true},
		{"*b*d", "abcbd", true}, {"s3:Get*", "s3:GetObject", true}, {"s3:Get*", "S3:GetObject", false}, {"abc", "abcd", false},
		{"arn:aws:s3:::*/x?.txt", "arn:aws:s3:::b/a/x1.txt", true}, {"*aab", "aaaab", true}, {"a*b?", "axxbxbc", true},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (glob_match(str_c(rows[i].glob), str_c(rows[i].s)) != rows[i].want)
			fail_msg("%s against %s", rows[i].glob, rows[i].s);
	char text[20000];
	memset(text, 'a', sizeof text);
	assert_false(glob_match(S("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"), str_of(text, sizeof text)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(whole_and_part), TEST(of_models), TEST(what_does_not_compile), TEST(invalid_utf8_is_no_match),
	                                   TEST(runaway_patterns_end), TEST(long_subjects), TEST(of_clients), TEST(from_many_threads), TEST(globs)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
