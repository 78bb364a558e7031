/* Any text as a time, a span, a number or an ARN: what is read can be written, and read again to the same. */
#include "base/time.h"
#include "svc/arn.h"
#include "svc/clock.h"

#include <math.h>

static void times(struct arena *a, struct str s)
{
	int64_t ms, again;
	if (time_parse_any(s, &ms)) {
		struct civil c = civil_of(ms);
		ASSERT(civil_ms(c) == ms);
		ASSERT(time_rfc1123(a, ms).n > 0 && time_amz_date(a, ms).n > 0);
	}
	if (time_parse_iso8601(s, &ms) && civil_of(ms).year >= 0 && civil_of(ms).year <= 9999)
		ASSERT(time_parse_iso8601(time_iso8601_ms(a, ms), &again) && again == ms);
	if (time_parse_rfc1123(s, &ms) && civil_of(ms).year >= 1000 && civil_of(ms).year <= 9999)
		ASSERT(time_parse_rfc1123(time_rfc1123(a, ms), &again) && again == ms);
	if (time_parse_amz_date(s, &ms) && civil_of(ms).year <= 9999)
		ASSERT(time_parse_amz_date(time_amz_date(a, ms), &again) && again == ms);
	if (clock_parse_span(s, &ms))
		ASSERT(ms > INT64_MIN / 2 && ms < INT64_MAX / 2);
}

static void numbers(struct str s)
{
	uint64_t u;
	int64_t i;
	double d;
	if (str_to_u64(s, &u) && u <= INT64_MAX)
		ASSERT(str_to_i64(s, &i) && (uint64_t)i == u);
	if (str_to_i64(s, &i))
		ASSERT(str_to_f64(s, &d) && fabs(d - (double)i) < 1.0);
	if (str_to_f64(s, &d))
		ASSERT(!isnan(d));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct str s = str_of((const char *)data, size);
	struct arn arn;
	times(a, s);
	numbers(s);
	if (arn_parse(s, &arn))
		ASSERT(str_eq(s, arena_join(a, S("arn:"), arn.partition, S(":"), arn.service, S(":"), arn.region, S(":"), arn.account, S(":"),
			arn.resource)));
	arena_free(a);
	return 0;
}
