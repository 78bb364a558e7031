/* Metrics: observations of one series and minute become one sample; series are told apart by every part of their name. */
#include "telemetry/metric.h"
#include "../check.h"

#include <math.h>
#include <pthread.h>

enum { MINUTE = 60000 };

static void add(const char *name, double value, int64_t at_ms)
{
	metric_add(S("000000000000"), S("us-east-1"), S("AWS/SQS"), str_c(name), NULL, 0, value, "Count", at_ms);
}

static void aggregates(void **state UNUSED)
{
	struct metric_sample *v;
	assert_false(metric_pending());
	add("Sent", 3, 5 * MINUTE + 1);
	add("Sent", 1, 5 * MINUTE + 59999);
	add("Sent", 3, 5 * MINUTE);
	add("Sent", 9, 6 * MINUTE);
	assert_true(metric_pending());
	assert_int_equal(metric_drain(arena, &v), 2);
	assert_false(metric_pending());
	assert_str(v[0].account, S("000000000000"));
	assert_str(v[0].region, S("us-east-1"));
	assert_str(v[0].ns, S("AWS/SQS"));
	assert_str(v[0].name, S("Sent"));
	assert_str(v[0].unit, S("Count"));
	assert_int_equal(v[0].n_dims, 0);
	assert_true(v[0].minute_ms == 5 * MINUTE && v[1].minute_ms == 6 * MINUTE);
	assert_true(v[0].count == 3 && v[0].sum == 7 && v[0].min == 1 && v[0].max == 3);
	assert_int_equal(v[0].n_values, 2);
	assert_true(v[0].values[0] == 1 && v[0].counts[0] == 1 && v[0].values[1] == 3 && v[0].counts[1] == 2);
	assert_int_equal(metric_drain(arena, &v), 0);
}

static void the_order_of_dimensions_has_no_meaning(void **state UNUSED)
{
	const struct metric_dim ab[] = {{S("A"), S("1")}, {S("B"), S("2")}}, ba[] = {{S("B"), S("2")}, {S("A"), S("1")}}, other[] = {{S("A"), S("2")}};
	struct metric_sample *v;
	metric_add(S("1"), S("r"), S("n"), S("m"), ab, 2, 1, "None", 0);
	metric_add(S("1"), S("r"), S("n"), S("m"), ba, 2, 1, "None", 0);
	metric_add(S("1"), S("r"), S("n"), S("m"), other, 1, 1, "None", 0);
	metric_add(S("1r"), S(""), S("n"), S("m"), ab, 2, 1, "None", 0);
	metric_add(S("1"), S("r"), S("n"), S("m"), ab, 2, 1, NULL, 0);
	assert_int_equal(metric_drain(arena, &v), 3);
	assert_true(v[0].count == 3);
	assert_int_equal(v[0].n_dims, 2);
	assert_str(v[0].dims[0].name, S("A"));
	assert_str(v[0].dims[1].value, S("2"));
	assert_str(v[1].dims[0].value, S("2"));
}

static void values_are_kept_up_to_150(void **state UNUSED)
{
	struct metric_sample *v;
	for (int i = 0; i < 150; i++)
		add("Fits", (i * 7) % 150, 0);
	for (int i = 0; i < 151; i++)
		add("Over", i, 0);
	assert_int_equal(metric_drain(arena, &v), 2);
	assert_int_equal(v[0].n_values, 150);
	for (size_t i = 0; i < 150; i++)
		assert_true(v[0].values[i] == (double)i && v[0].counts[i] == 1);
	assert_int_equal(v[1].n_values, 0);
	assert_true(v[1].count == 151 && v[1].max == 150);
}

static void bounds(void **state UNUSED)
{
	struct metric_sample *v;
	add("Odd", NAN, 0);
	add("Odd", INFINITY, 0);
	assert_false(metric_pending());
	add("Before1970", 1, -1);
	for (int i = 0; i < 50100; i++) {
		char name[32];
		snprintf(name, sizeof name, "m%d", i);
		add(name, 1, 0);
	}
	assert_int_equal(metric_drain(arena, &v), 50000);
	assert_true(v[0].minute_ms == -MINUTE);
}

static void *add_many(void *arg)
{
	for (int i = 0; i < 5000; i++)
		add("Threads", 1, 0);
	return arg;
}

static void from_many_threads(void **state UNUSED)
{
	pthread_t threads[4];
	struct metric_sample *v;
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, NULL), 0);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(metric_drain(arena, &v), 1);
	assert_true(v[0].sum == 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(aggregates), TEST(the_order_of_dimensions_has_no_meaning), TEST(values_are_kept_up_to_150),
	                                   TEST(bounds), TEST(from_many_threads)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
