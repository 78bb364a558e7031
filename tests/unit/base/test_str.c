/* Strings, buffers and arenas: the ground that everything stands on. */
#include "base/buf.h"
#include "../check.h"

static void slicing_and_finding(void **state UNUSED)
{
	assert_str(str_slice(S("abcdef"), 2, 4), S("cd"));
	assert_str(str_slice(S("abc"), 2, 99), S("c"));
	assert_str(str_slice(S("abc"), 5, 9), S(""));
	assert_absent(str_slice(STR_NONE, 0, 1));
	assert_int_equal(str_find(S("a.b.c"), '.'), 1);
	assert_int_equal(str_rfind(S("a.b.c"), '.'), 3);
	assert_int_equal(str_find(S(""), '.'), -1);
	assert_int_equal(str_find_str(S("hello"), S("ll")), 2);
	assert_int_equal(str_find_str(S("hello"), S("")), 0);
	assert_str(str_trim(S(" \t\r\n a b \n")), S("a b"));
	assert_true(str_eq_nocase(S("Content-TYPE"), S("content-type")));
	assert_true(str_starts_nocase(S("AWS4-x"), S("aws4")));
	assert_true(str_ends(S("x.fifo"), S(".fifo")));
	assert_true(str_cmp(S("a"), S("ab")) < 0 && str_cmp(S("\xff"), S("a")) > 0 && str_cmp(S("a"), S("a")) == 0);
}

static void cutting(void **state UNUSED)
{
	struct str rest = S("a,,b");
	assert_str(str_cut(&rest, ','), S("a"));
	assert_str(str_cut(&rest, ','), S(""));
	assert_str(str_cut(&rest, ','), S("b"));
	assert_absent(rest);
}

static void numbers(void **state UNUSED)
{
	int64_t i;
	uint64_t u;
	double f;
	assert_true(str_to_i64(S("-9223372036854775808"), &i) && i == INT64_MIN);
	assert_false(str_to_i64(S("9223372036854775808"), &i));
	assert_true(str_to_u64(S("18446744073709551615"), &u) && u == UINT64_MAX);
	assert_false(str_to_u64(S("18446744073709551616"), &u));
	assert_false(str_to_u64(S(""), &u) || str_to_u64(S("+1"), &u) || str_to_u64(S(" 1"), &u) || str_to_u64(S("1x"), &u));
	assert_true(str_to_f64(S("1.5e3"), &f) && f == 1500);
	assert_false(str_to_f64(S("0x10"), &f) || str_to_f64(S("nan"), &f) || str_to_f64(S("1e"), &f) || str_to_f64(S(""), &f));
}

static void buffers_have_a_maximum(void **state UNUSED)
{
	struct buf b;
	buf_init(&b, NULL, 10);
	buf_lit(&b, "12345");
	buf_lit(&b, "67890");
	assert_false(b.overflow);
	buf_putc(&b, 'x');
	assert_true(b.overflow);
	assert_str(buf_view(&b), S("1234567890"));
	buf_consume(&b, 8);
	assert_str(buf_view(&b), S("90"));
	buf_free(&b);
	buf_init(&b, arena, 0);
	assert_str(buf_view(&b), S(""));
	buf_printf(&b, "%s-%0300d-", "x", 7);
	buf_i64(&b, INT64_MIN);
	buf_u64(&b, 0);
	assert_int_equal(b.n, 2 + 300 + 1 + 20 + 1);
	assert_str(str_slice(buf_view(&b), 303, 400), S("-92233720368547758080"));
}

static void count_up(void *arg) { ++*(int *)arg; }

static void arenas(void **state UNUSED)
{
	int runs = 0;
	struct arena *a = arena_new(64);
	arena_defer(a, count_up, &runs);
	char *p = arena_alloc(a, 1000);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(p[i], 0);
	assert_int_equal((uintptr_t)p % 16, 0);
	assert_true(arena_used(a) >= 1000);
	assert_str(arena_join(a, S("a"), STR_NONE, S("b")), S("ab"));
	assert_string_equal(arena_cstr(a, STR_NONE), "");
	assert_absent(arena_dup(a, STR_NONE));
	assert_str(arena_printf(a, "%d-%s", 5, "x"), S("5-x"));
	int *v = NULL;
	for (size_t n = 0; n < 1000; n += 10) {
		v = arena_grow(a, v, sizeof *v, n, n + 10);
		assert_int_equal(v[n + 9], 0);
		v[n] = (int)n;
	}
	for (size_t n = 0; n < 1000; n += 10)
		assert_int_equal(v[n], n);
	arena_reset(a);
	assert_int_equal(runs, 1);
	assert_int_equal(arena_used(a), 0);
	arena_free(a);
	assert_int_equal(runs, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(slicing_and_finding), TEST(cutting), TEST(numbers), TEST(buffers_have_a_maximum), TEST(arenas)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
