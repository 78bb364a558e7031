/* rate() and cron(): what is valid, and when it fires next. Source: "Cron expressions reference" (EventBridge User Guide). */
#include "svc/schedule.h"
#include "../check.h"
#include "base/time.h"

static void next(const char *expression, const char *after, const char *want)
{
	struct schedule s;
	int64_t at_ms, got;
	if (!schedule_parse(str_c(expression), &s))
		fail_msg("%s is refused", expression);
	assert_true(time_parse_iso8601(str_c(after), &at_ms));
	got = schedule_next(&s, at_ms);
	assert_str(got == INT64_MAX ? S("never") : time_iso8601(arena, got), str_c(want));
}

static void cron_fires(void **state UNUSED)
{
	next("cron(0 12 * * ? *)", "2026-11-21T11:59:59Z", "2026-11-21T12:00:00Z");
	next("cron(0 12 * * ? *)", "2026-11-21T12:00:00Z", "2026-11-22T12:00:00Z");
	next("cron(5,35 14 * * ? *)", "2026-11-21T14:05:00Z", "2026-11-21T14:35:00Z");
	next("cron(15 10 ? * 6L 2022-2023)", "2022-01-01T00:00:00Z", "2022-01-28T10:15:00Z");
	next("cron(0/15 * * * ? *)", "2026-12-31T23:50:00Z", "2027-01-01T00:00:00Z");
	next("cron(0 18 ? * MON-FRI *)", "2026-11-20T18:00:00Z", "2026-11-23T18:00:00Z");
	next("cron(0 8 1 * ? *)", "2026-11-01T08:00:00Z", "2026-12-01T08:00:00Z");
	next("cron(0/5 8-17 ? * MON-FRI *)", "2026-11-20T17:55:00Z", "2026-11-23T08:00:00Z");
	next("cron(0 9 ? * 2#1 *)", "2026-11-21T00:00:00Z", "2026-12-07T09:00:00Z");
	next("cron(0 0 L * ? *)", "2028-02-01T00:00:00Z", "2028-02-29T00:00:00Z");
	next("cron(0 0 15W * ? *)", "2026-11-01T00:00:00Z", "2026-11-16T00:00:00Z"); /* the 15th is a Sunday */
	next("cron(0 0 1W * ? *)", "2026-07-31T00:00:00Z", "2026-08-03T00:00:00Z");  /* the 1st is a Saturday */
	next("cron(0 0 30 2 ? *)", "2026-11-21T00:00:00Z", "never");
	next("cron(0 0 29 FEB ? *)", "2026-11-21T00:00:00Z", "2028-02-29T00:00:00Z");
	next("cron(0 10 ? * sun *)", "2026-11-21T00:00:00Z", "2026-11-22T10:00:00Z");
	next("cron(30 23 31 12 ? 2026)", "2026-12-31T23:30:00Z", "never");
	next("cron(0 20 * * ? 2500)", "2026-12-31T23:30:00Z", "never");
	next("cron(0 0 ? * FRI-MON *)", "2026-11-23T00:00:00Z", "2026-11-27T00:00:00Z");
}

static void rates_fire(void **state UNUSED)
{
	next("rate(1 minute)", "2026-11-21T11:59:59Z", "2026-11-21T12:00:59Z");
	next("rate(5 hours)", "2026-11-21T11:59:59Z", "2026-11-21T16:59:59Z");
	next("rate(2 days)", "2026-11-21T11:59:59Z", "2026-11-23T11:59:59Z");
}

static void refused(void **state UNUSED)
{
	static const char *const all[] = {"", "rate", "rate(", "rate(1 minute", "rate(1 minutes)", "rate(2 minute)", "rate(0 minutes)",
		"rate(-1 minutes)",
		"rate(1.5 hours)", "rate(9999999999 days)", "cron()", "cron(* * * * *)", "cron(* * * * * *)", "cron(* * ? * ? *)",
		"cron(60 * * * ? *)",
		"cron(0 24 * * ? *)", "cron(0 0 0 * ? *)", "cron(0 0 32 * ? *)", "cron(0 0 * 13 ? *)", "cron(0 0 ? * 8 *)", "cron(0 0 ? * 0 *)",
		"cron(0 0 * * ? 1969)", "cron(0/0 * * * ? *)", "cron(0, * * * ? *)", "cron(a * * * ? *)", "cron(0 0 ? * 2#6 *)", "cron(0 0 32W * ? *)",
		"cron(0 0 ? * 2# *)", "cron(0 0 * * ? * *)", "at(2026-11-21T00:00:00)", "cron(5-1-2 * * * ? *)"};
	struct schedule s;
	for (size_t i = 0; i < COUNT_OF(all); i++)
		if (schedule_parse(str_c(all[i]), &s))
			fail_msg("%s is taken", all[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(cron_fires), TEST(rates_fire), TEST(refused)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
