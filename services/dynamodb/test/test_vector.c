/* Vectors: numbers to floats and back, and the three scores (vector_score.h). */
#include "../vector_score.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct arena *arena;

static int set_up(void **state)
{
	(void)state;
	arena = arena_new(0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

/* A small generator of our own: the same numbers in every run. */
static uint32_t next_random(void)
{
	static uint64_t seed = 42;
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33);
}

static bool same_float(float a, float b)
{
	return memcmp(&a, &b, sizeof a) == 0;
}

static void reads_like_strtof(const char *text)
{
	float is = vector_float(str_c(text)), wants = strtof(text, NULL);
	if (!same_float(is, wants))
		fail_msg("%s: %.9g, not %.9g", text, (double)is, (double)wants);
}

static void test_numbers_are_the_nearest_floats(void **state)
{
	static const char *const texts[] = {
		"0", "1", "-1", "0.1", "-0.1234", "0.30000001192092896", "16777217", "16777219", "33554435", "3.4028235E+38", "1.17549435E-38",
		"0.000000000000000000000000000000000000000000001", "0.00000000000000000000000000000000000001175494351",
		/* half way between two floats, and a little to either side */
		"1.00000005960464477539062", "1.00000005960464477539063", "1.0000000596046447753906", "1.00000017881393432617187",
		"1.00000017881393432617188", "9007199791611904", "9007199791611905", "9007199791611903", "123456789012345678901234567890",
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		reads_like_strtof(texts[i]);
	assert_true(isinf(vector_float(S("1E+39"))) && vector_float(S("1E+39")) > 0);
	assert_true(isinf(vector_float(S("-3.5E+38"))) && vector_float(S("-3.5E+38")) < 0);
	for (int i = 0; i < 200000; i++) {
		char text[64];
		int digits = 1 + (int)(next_random() % 17), n = 0;
		n += snprintf(text, sizeof text, "%s%u", next_random() % 2 ? "-" : "", next_random() % 10);
		n += snprintf(text + n, sizeof text - (size_t)n, ".");
		for (int d = 0; d < digits; d++)
			n += snprintf(text + n, sizeof text - (size_t)n, "%u", next_random() % 10);
		reads_like_strtof(text[0] == '-' && strtof(text, NULL) == 0 ? "0" : text);
	}
}

static void test_floats_are_told_shortly(void **state)
{
	static const struct { float f; const char *text; } known[] = {{0, "0"}, {1, "1"}, {-0.5F, "-0.5"}, {0.1F, "0.1"}, {16777216, "16777216"}};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(known); i++)
		assert_string_equal(arena_cstr(arena, vector_float_text(arena, known[i].f)), known[i].text);
	for (int i = 0; i < 100000; i++) {
		uint32_t bits = next_random() << 1 ^ next_random();
		float f;
		memcpy(&f, &bits, sizeof f);
		if (!isfinite(f) || f == 0)
			continue;
		assert_true(same_float(vector_float(vector_float_text(arena, f)), f));
		arena_reset(arena);
	}
}

/* ---- scores ---- */

static double score(enum vector_distance distance, const float *q, const float *v, uint32_t n)
{
	struct vector_query query;
	/* Entries lie anywhere: not even a float's alignment is sure. */
	char *packed = arena_bytes(arena, n * sizeof *v + 1) + 1;
	memcpy(packed, v, n * sizeof *v);
	vector_query_init(&query, arena, distance, q, n);
	return vector_score(&query, packed, vector_squares(packed, n));
}

static void test_known_scores(void **state)
{
	static const float x[] = {1, 0, 0}, mix[] = {0.6F, 0.8F, 0}, y[] = {0, 1, 0}, back[] = {-1, 0, 0}, none[] = {0, 0, 0}, far[] = {10, 0, 0};
	(void)state;
	assert_true(score(VECTOR_COSINE, x, x, 3) == 0);
	assert_true(score(VECTOR_COSINE, x, far, 3) == 0); /* length does not count */
	assert_true(score(VECTOR_COSINE, x, y, 3) == 1);
	assert_true(score(VECTOR_COSINE, x, back, 3) == 2);
	assert_true(fabs(score(VECTOR_COSINE, x, mix, 3) - 0.4) < 1e-6);
	assert_true(score(VECTOR_COSINE, none, x, 3) == 1 && score(VECTOR_COSINE, x, none, 3) == 1 && score(VECTOR_COSINE, none, none, 3) == 1);
	assert_true(score(VECTOR_EUCLIDEAN, x, x, 3) == 0);
	assert_true(score(VECTOR_EUCLIDEAN, x, far, 3) == 9);
	assert_true(score(VECTOR_EUCLIDEAN, x, back, 3) == 2);
	assert_true(score(VECTOR_DOT_PRODUCT, x, far, 3) == 10);
	assert_true(score(VECTOR_DOT_PRODUCT, x, back, 3) == -1);
}

static void test_the_range_of_floats_is_not_left(void **state)
{
	static const float big[] = {FLT_MAX, FLT_MAX}, small[] = {-FLT_MAX, -FLT_MAX}, cancels[] = {FLT_MAX, -FLT_MAX}, tiny[] = {1e-23F, 0};
	(void)state;
	assert_true(score(VECTOR_EUCLIDEAN, big, small, 2) == (double)FLT_MAX);
	assert_true(score(VECTOR_DOT_PRODUCT, big, big, 2) == (double)FLT_MAX);
	assert_true(score(VECTOR_DOT_PRODUCT, big, small, 2) == -(double)FLT_MAX);
	assert_true(score(VECTOR_DOT_PRODUCT, big, cancels, 2) == 0);
	assert_true(score(VECTOR_COSINE, tiny, tiny, 2) == 0);
	assert_true(fabs(score(VECTOR_COSINE, big, cancels, 2) - 1) < 1e-12);
}

/* Lanes and what is left over, at every number of dimensions around theirs. */
static void test_all_dimensions_count(void **state)
{
	enum { MOST = 70 };
	float q[MOST], v[MOST];
	(void)state;
	for (uint32_t n = 1; n <= MOST; n++) {
		double dot = 0, squared = 0, qq = 0, vv = 0;
		for (uint32_t i = 0; i < n; i++) {
			q[i] = (float)next_random() / 1e9F - 1;
			v[i] = (float)next_random() / 1e9F - 1;
			dot += (double)q[i] * (double)v[i];
			squared += ((double)q[i] - (double)v[i]) * ((double)q[i] - (double)v[i]);
			qq += (double)q[i] * (double)q[i];
			vv += (double)v[i] * (double)v[i];
		}
		assert_true(fabs(score(VECTOR_DOT_PRODUCT, q, v, n) - dot) < 1e-12 * n);
		assert_true(fabs(score(VECTOR_EUCLIDEAN, q, v, n) - sqrt(squared)) < 1e-12 * n);
		assert_true(fabs(score(VECTOR_COSINE, q, v, n) - (1 - dot / sqrt(qq * vv))) < 1e-12 * n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_numbers_are_the_nearest_floats, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_floats_are_told_shortly, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_known_scores, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_range_of_floats_is_not_left, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_all_dimensions_count, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
