/* See vector_score.h. */
#include "vector_score.h"

#include "number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers as floats ---- */

float vector_float(struct str text)
{
	static const double tens[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
	                              1e20, 1e21, 1e22};
	enum { TENS = COUNT_OF(tens), TEXT_MAX = 200 };
	static const uint64_t exact = (uint64_t)1 << 53;
	struct number n;
	enum number_fault f = number_parse(text, &n);
	ASSERT(f == NUMBER_OK && text.n < TEXT_MAX);
	if (n.digits < exact && n.exponent > -TENS && n.exponent < TENS) {
		/* Both are exact, so this is the double nearest to the number; it rounds to the same float as the number does unless it
		 * lies half way between two floats, where it may have lost what decides. */
		double d = n.exponent < 0 ? (double)(uint64_t)n.digits / tens[-n.exponent] : (double)(uint64_t)n.digits * tens[n.exponent];
		uint64_t bits;
		memcpy(&bits, &d, sizeof bits);
		bool half_way = (bits & 0x1fffffff) == 0x10000000;
		if (!half_way && d <= FLT_MAX && (d >= FLT_MIN || d == 0))
			return n.negative ? -(float)d : (float)d;
	}
	char copy[TEXT_MAX];
	memcpy(copy, text.p, text.n);
	copy[text.n] = 0;
	return strtof(copy, NULL);
}

struct str vector_float_text(struct arena *a, float f)
{
	enum { DIGITS_MIN = 6, DIGITS_MAX = 9 }; /* nine tell any two floats apart */
	ASSERT(isfinite(f));
	char text[40];
	for (int digits = DIGITS_MIN; digits <= DIGITS_MAX; digits++) {
		int n = snprintf(text, sizeof text, "%.*g", digits, (double)f);
		ASSERT(n > 0 && (size_t)n < sizeof text);
		if (strtof(text, NULL) == f)
			break;
	}
	struct number n;
	enum number_fault fault = number_parse(str_c(text), &n);
	ASSERT(fault == NUMBER_OK);
	return number_text(a, &n);
}

/* ---- sums, in vector registers of two doubles, which every machine of 64 bits has ---- */

enum { STEP = 8 }; /* in four chains of additions: in one, each would wait for the one before */
typedef float floats __attribute__((vector_size(4 * sizeof(float))));
typedef double doubles __attribute__((vector_size(2 * sizeof(double))));
typedef double wide_doubles __attribute__((vector_size(4 * sizeof(double)))); /* only to be taken apart */
struct eight { doubles a, b, c, d; };

static inline doubles two_at(const double *v)
{
	doubles x;
	memcpy(&x, v, sizeof x);
	return x;
}

static inline struct eight wide_at(const double *v, uint32_t at)
{
	return (struct eight){two_at(v + at), two_at(v + at + 2), two_at(v + at + 4), two_at(v + at + 6)};
}

static inline struct eight packed_at(const char *packed, uint32_t at)
{
	floats f, g;
	memcpy(&f, packed + at * sizeof(float), sizeof f);
	memcpy(&g, packed + (at + STEP / 2) * sizeof(float), sizeof g);
	wide_doubles x = __builtin_convertvector(f, wide_doubles), y = __builtin_convertvector(g, wide_doubles);
	return (struct eight){__builtin_shufflevector(x, x, 0, 1), __builtin_shufflevector(x, x, 2, 3), __builtin_shufflevector(y, y, 0, 1),
	                      __builtin_shufflevector(y, y, 2, 3)};
}

static inline double element(const char *packed, uint32_t at)
{
	float f;
	memcpy(&f, packed + at * sizeof f, sizeof f);
	return f;
}

static inline void add_products(struct eight *sum, const struct eight *x, const struct eight *y)
{
	sum->a += x->a * y->a;
	sum->b += x->b * y->b;
	sum->c += x->c * y->c;
	sum->d += x->d * y->d;
}

static inline double sum_of(const struct eight *s)
{
	doubles all = (s->a + s->b) + (s->c + s->d);
	return all[0] + all[1];
}

static double dot(const double *v, const char *packed, uint32_t n)
{
	struct eight s = {0};
	uint32_t i = 0;
	for (; i + STEP <= n; i += STEP) {
		struct eight x = wide_at(v, i), y = packed_at(packed, i);
		add_products(&s, &x, &y);
	}
	double sum = sum_of(&s);
	for (; i < n; i++)
		sum += v[i] * element(packed, i);
	return sum;
}

static double distance_squared(const double *v, const char *packed, uint32_t n)
{
	struct eight s = {0};
	uint32_t i = 0;
	for (; i + STEP <= n; i += STEP) {
		struct eight x = wide_at(v, i), y = packed_at(packed, i);
		struct eight d = {x.a - y.a, x.b - y.b, x.c - y.c, x.d - y.d};
		add_products(&s, &d, &d);
	}
	double sum = sum_of(&s);
	for (; i < n; i++)
		sum += (v[i] - element(packed, i)) * (v[i] - element(packed, i));
	return sum;
}

double vector_squares(const char *packed, uint32_t n)
{
	struct eight s = {0};
	uint32_t i = 0;
	for (; i + STEP <= n; i += STEP) {
		struct eight x = packed_at(packed, i);
		add_products(&s, &x, &x);
	}
	double sum = sum_of(&s);
	for (; i < n; i++)
		sum += element(packed, i) * element(packed, i);
	return sum;
}

/* ---- scores ---- */

void vector_query_init(struct vector_query *q, struct arena *a, enum vector_distance distance, const float *v, uint32_t n)
{
	ASSERT(n > 0 && n <= VECTOR_DIMENSIONS_MAX);
	*q = (struct vector_query){.distance = distance, .n = n, .v = v, .wide = arena_array(a, double, n)};
	for (uint32_t i = 0; i < n; i++) {
		ASSERT(isfinite(v[i]));
		q->wide[i] = v[i];
	}
	q->squares = vector_squares((const char *)v, n);
}

/* 0 for the same direction, 1 for a right angle, 2 for the opposite one; a vector of zeros is at a right angle to all. */
static double cosine(const struct vector_query *q, const char *packed, double squares)
{
	if (q->squares == 0 || squares == 0)
		return 1;
	double score = 1 - dot(q->wide, packed, q->n) / (sqrt(q->squares) * sqrt(squares));
	if (score < DBL_EPSILON * 16 && memcmp(q->v, packed, q->n * sizeof *q->v) == 0)
		return 0; /* what rounding leaves of a vector's distance to itself */
	return score < 0 ? 0 : score > 2 ? 2 : score;
}

double vector_score(const struct vector_query *q, const char *packed, double squares)
{
	ASSERT(q->wide != NULL && packed != NULL && squares >= 0);
	double score = q->distance == VECTOR_COSINE ? cosine(q, packed, squares) :
	               q->distance == VECTOR_EUCLIDEAN ? sqrt(distance_squared(q->wide, packed, q->n)) : dot(q->wide, packed, q->n);
	return score > (double)FLT_MAX ? (double)FLT_MAX : score < -(double)FLT_MAX ? -(double)FLT_MAX : score;
}
