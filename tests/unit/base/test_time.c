/* Times: calendar arithmetic, the text forms, and what is not a time. */
#include "base/time.h"
#include "../check.h"

#define NOON 1795246500123 /* 2026-11-21T07:35:00.123Z */

static void text_forms(void **state UNUSED)
{
	assert_str(time_iso8601(arena, NOON), S("2026-11-21T07:35:00Z"));
	assert_str(time_iso8601_ms(arena, NOON), S("2026-11-21T07:35:00.123Z"));
	assert_str(time_rfc1123(arena, NOON), S("Sat, 21 Nov 2026 07:35:00 GMT"));
	assert_str(time_amz_date(arena, NOON), S("20261121T073500Z"));
	assert_str(time_iso8601_ms(arena, 0), S("1970-01-01T00:00:00.000Z"));
	assert_str(time_iso8601_ms(arena, -1), S("1969-12-31T23:59:59.999Z"));
	assert_str(time_rfc1123(arena, 784111777000), S("Sun, 06 Nov 1994 08:49:37 GMT")); /* RFC 9110, 5.6.7 */
}

static void civil_there_and_back(void **state UNUSED)
{
	for (int64_t day = -800000; day < 800000; day += 37) {
		int64_t ms = day * 86400000 + 12345678;
		struct civil c = civil_of(ms);
		assert_true(civil_ms(c) == ms);
		assert_int_equal(c.weekday, ((day + 4) % 7 + 7) % 7);
	}
	struct civil leap = civil_of(civil_ms((struct civil){.year = 2024, .month = 2, .day = 29}));
	assert_int_equal(leap.month, 2);
	assert_int_equal(leap.day, 29);
	assert_int_equal(leap.yearday, 59);
	assert_int_equal(civil_of(civil_ms((struct civil){.year = 2026, .month = 12, .day = 31})).yearday, 364);
}

static void civil_carries(void **state UNUSED)
{
	int64_t want = civil_ms((struct civil){.year = 2027, .month = 1, .day = 31});
	assert_true(civil_ms((struct civil){.year = 2026, .month = 13, .day = 31}) == want);
	assert_true(civil_ms((struct civil){.year = 2027, .month = 2, .day = 0}) == want);
	assert_true(civil_ms((struct civil){.year = 2027, .month = 1, .day = 30, .hour = 24}) == want);
	assert_true(civil_ms((struct civil){.year = 2028, .month = -11, .day = 31}) == want);
}

static void reads_iso8601(void **state UNUSED)
{
	static const struct { const char *text; int64_t want; } good[] = {
		{"2026-11-21T07:35:00.123Z", NOON}, {"2026-11-21T07:35:00.123456789Z", NOON}, {"2026-11-21T16:35:00.123+09:00", NOON},
		{"2026-11-21T00:05:00.123-0730", NOON}, {"2026-11-21t07:35:00.123z", NOON}, {"1970-01-01T00:00:00Z", 0}, {"1970-01-01", 0},
		{"1970-01-01T00:00Z", 0}, {"1970-01-01T00:00:00.5Z", 500}, {"1985-04-12T23:20:50.52Z", 482196050520} /* RFC 3339, 5.8 */,
		{"1990-12-31T23:59:60Z", 662688000000} /* RFC 3339, a leap second */,
	};
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		int64_t ms = -1;
		if (!time_parse_iso8601(str_c(good[i].text), &ms) || ms != good[i].want)
			fail_msg("%s gave %lld", good[i].text, (long long)ms);
	}
	static const char *const bad[] = {"", "2026", "2026-13-01", "2026-02-29", "2026-00-01", "2026-01-00", "2026-11-21T", "2026-11-21T07:35:00",
	                                  "2026-11-21T24:00:00Z", "2026-11-21T07:60:00Z", "2026-11-21T07:35:61Z", "2026-11-21T07:35:00.Z",
	                                  "2026-11-21T07:35:00ZZ", "2026-11-21 07:35:00Z", "2026-11-21T07:35:00+24:00", "2026-11-21T07:35:00+9",
	                                  "26-11-21", " 2026-11-21", "2026-11-21x"};
	int64_t ms;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (time_parse_iso8601(str_c(bad[i]), &ms))
			fail_msg("accepted %s", bad[i]);
}

/* RFC 9110, section 5.6.7: one time in its three forms. */
static void reads_http_dates(void **state UNUSED)
{
	static const char *const same[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
	                                   "Sun, 06 Nov 1994 17:49:37 +0900"};
	for (size_t i = 0; i < COUNT_OF(same); i++) {
		int64_t ms = 0;
		if (!time_parse_rfc1123(str_c(same[i]), &ms) || ms != 784111777000)
			fail_msg("%s gave %lld", same[i], (long long)ms);
	}
	static const char *const bad[] = {"", "Sun", "Sun,", "Sun, 06 Nov 1994", "Xyz, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nvo 1994 08:49:37 GMT",
	                                  "Sun, 31 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 GMTx",
	                                  "Sun, 06-Nov 1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994"};
	int64_t ms;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (time_parse_rfc1123(str_c(bad[i]), &ms))
			fail_msg("accepted %s", bad[i]);
}

static void reads_any(void **state UNUSED)
{
	static const char *const same[] = {"1795246500.123", "1795246500.1230", "2026-11-21T07:35:00.123Z"};
	int64_t ms;
	for (size_t i = 0; i < COUNT_OF(same); i++) {
		assert_true(time_parse_any(str_c(same[i]), &ms));
		assert_true(ms == NOON);
	}
	assert_true(time_parse_any(S("20261121T073500Z"), &ms));
	assert_true(ms == NOON - 123);
	assert_true(time_parse_any(S("1.7952465E9"), &ms));
	assert_true(ms == NOON - 123);
	assert_true(time_parse_any(S("-1"), &ms));
	assert_true(ms == -1000);
	assert_false(time_parse_any(S("1e300"), &ms));
	assert_false(time_parse_any(S("99999999999999999999"), &ms));
	assert_false(time_parse_any(S("tomorrow"), &ms));
	assert_false(time_parse_any(STR_NONE, &ms));
	assert_false(time_parse_amz_date(S("20261121T073500"), &ms));
	assert_false(time_parse_amz_date(S("20261321T073500Z"), &ms));
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(text_forms), TEST(civil_there_and_back), TEST(civil_carries), TEST(reads_iso8601),
	                                   TEST(reads_http_dates), TEST(reads_any)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
