/* Numbers: parsing, canonical text, arithmetic, order of keys (number.h). */
#include "../number.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct arena *arena;

static struct number num(const char *text)
{
	struct number n;
	assert_int_equal(number_parse(str_c(text), &n), NUMBER_OK);
	return n;
}

static void reads_as(const char *text, const char *canonical)
{
	struct number n = num(text);
	assert_string_equal(arena_cstr(arena, number_text(arena, &n)), canonical);
}

static void fails(const char *text, enum number_fault f)
{
	struct number n;
	assert_int_equal(number_parse(str_c(text), &n), f);
}

static void test_canonical(void **state)
{
	(void)state;
	reads_as("0", "0");
	reads_as("-0", "0");
	reads_as("0.000", "0");
	reads_as("000123", "123");
	reads_as("+5", "5");
	reads_as("1.50", "1.5");
	reads_as("1e3", "1000");
	reads_as("12E-1", "1.2");
	reads_as(".5", "0.5");
	reads_as("5.", "5");
	reads_as("-0.001e1", "-0.01");
	reads_as("100000000000000000000000000000000000000000000", "1E+44");
	reads_as("-12.5e40", "-1.25E+41");
	reads_as("10000000000000000000000000000000000000", "10000000000000000000000000000000000000");
	reads_as("99999999999999999999999999999999999999", "99999999999999999999999999999999999999");
	reads_as("0.00000000000000000000000000000000000000000000000001", "0.00000000000000000000000000000000000000000000000001");
	reads_as("0e999999999999999999999999", "0");
}

static void test_limits(void **state)
{
	(void)state;
	fails("", NUMBER_MALFORMED);
	fails("abc", NUMBER_MALFORMED);
	fails(" 1", NUMBER_MALFORMED);
	fails("1 ", NUMBER_MALFORMED);
	fails("1e", NUMBER_MALFORMED);
	fails("1.2.3", NUMBER_MALFORMED);
	fails("-", NUMBER_MALFORMED);
	fails("0x10", NUMBER_MALFORMED);
	fails("NaN", NUMBER_MALFORMED);
	fails("1e126", NUMBER_OVERFLOW);
	fails("1e99999999999999", NUMBER_OVERFLOW);
	fails("1e-131", NUMBER_UNDERFLOW);
	fails("1e-99999999999999", NUMBER_UNDERFLOW);
	fails("123456789012345678901234567890123456789", NUMBER_PRECISION);
	fails("1.00000000000000000000000000000000000001", NUMBER_PRECISION);
	struct number n = num("9.9999999999999999999999999999999999999E+125");
	assert_int_equal(number_magnitude(&n), 125);
	n = num("1E-130");
	assert_int_equal(number_magnitude(&n), -130);
}

static void sums_to(const char *a, const char *b, const char *sum)
{
	struct number x = num(a), y = num(b), r;
	assert_int_equal(number_add(&x, &y, &r), NUMBER_OK);
	assert_string_equal(arena_cstr(arena, number_text(arena, &r)), sum);
	assert_int_equal(number_sub(&r, &y, &r), NUMBER_OK);
	assert_int_equal(number_cmp(&r, &x), 0);
}

static void test_arithmetic(void **state)
{
	(void)state;
	sums_to("1", "2", "3");
	sums_to("0.1", "0.2", "0.3");
	sums_to("-5", "3", "-2");
	sums_to("5", "-5", "0");
	sums_to("99999999999999999999999999999999999999", "1", "1E+38");
	sums_to("100000000000000000000000000000000000000", "-1", "99999999999999999999999999999999999999");
	sums_to("12345678901234567890.123456789", "0.000000001", "12345678901234567890.12345679");
	struct number x = num("1e50"), y = num("1"), r;
	assert_int_equal(number_add(&x, &y, &r), NUMBER_PRECISION);
	x = num("9e125");
	assert_int_equal(number_add(&x, &x, &r), NUMBER_OVERFLOW);
	x = num("30000000000000000000000000000000000000e1");
	y = num("-1");
	assert_int_equal(number_add(&x, &y, &r), NUMBER_PRECISION);
}

/* In numerical order. */
static const char *const ladder[] = {
	"-9.9e125", "-1e125", "-123", "-122.9", "-100", "-99.1", "-99", "-10", "-1.1", "-1", "-0.5", "-1e-130", "0", "1e-130", "1e-129",
	"0.09", "0.1", "0.11", "0.5", "1", "1.01", "1.1", "2", "9", "9.5", "10", "11", "99", "100", "101", "1000", "123456789", "1e125",
};

static void test_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(ladder); i++) {
		for (size_t j = 0; j < COUNT_OF(ladder); j++) {
			struct number x = num(ladder[i]), y = num(ladder[j]);
			struct buf kx, ky;
			buf_init(&kx, arena, 0);
			buf_init(&ky, arena, 0);
			number_write_key(&kx, &x);
			number_write_key(&ky, &y);
			int want = (i > j) - (i < j), c = str_cmp(buf_view(&kx), buf_view(&ky));
			assert_int_equal(number_cmp(&x, &y), want);
			assert_int_equal((c > 0) - (c < 0), want);
			if (i != j)
				assert_false(str_starts(buf_view(&kx), buf_view(&ky)));
		}
	}
}

/* The size by the text is the size by the value. */
static void test_size(void **state)
{
	(void)state;
	static const char *const more[] = {"-0.00123", "1200", "1203", "99e124", "-1.25e41", "123456789012345678901234567890", "0.1234567",
	                                   "100.001", "1e38", "12e37", "-1e-130", "120e-130", "0.10", "7e99", "7e100"};
	for (size_t i = 0; i < COUNT_OF(ladder) + COUNT_OF(more); i++) {
		struct number n = num(i < COUNT_OF(ladder) ? ladder[i] : more[i - COUNT_OF(ladder)]);
		assert_int_equal(number_text_size(number_text(arena, &n)), number_size(&n));
	}
	uint64_t seed = 88172645463325252u;
	for (int i = 0; i < 20000; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		struct number n;
		struct str text = arena_printf(arena, "%s%llue%d", seed & 1 ? "-" : "", (unsigned long long)(seed >> seed % 60), (int)(seed % 200) - 100);
		if (number_parse(text, &n) == NUMBER_OK)
			assert_int_equal(number_text_size(number_text(arena, &n)), number_size(&n));
	}
}

static int start(void **state) { (void)state; arena = arena_new(0); return 0; }
static int stop(void **state) { (void)state; arena_free(arena); return 0; }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canonical), cmocka_unit_test(test_limits), cmocka_unit_test(test_arithmetic),
		cmocka_unit_test(test_order), cmocka_unit_test(test_size),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
