/* Vectors as 32-bit floats, and how near one is to another.
 *
 * Pure functions. Elements are rounded to 32 bits, scores are summed in 64 and kept within the range of 32, as DynamoDB does
 * it. A packed vector is its floats in the machine's byte order, at any address. Source: "Vector search", "How distance
 * functions rank results" (DynamoDB Developer Guide) and the reference of SearchVectors. */
#ifndef DYNAMODB_VECTOR_SCORE_H
#define DYNAMODB_VECTOR_SCORE_H

#include "base/arena.h"

enum { VECTOR_DIMENSIONS_MAX = 4096 };

enum vector_distance { VECTOR_COSINE, VECTOR_EUCLIDEAN, VECTOR_DOT_PRODUCT };

/* What all vectors of a search are compared with. */
struct vector_query {
	enum vector_distance distance;
	uint32_t n;
	const float *v;
	double *wide;   /* the same in 64 bits */
	double squares;
};

/* The float nearest to a canonical number (number.h); infinite beyond the range of floats. */
float vector_float(struct str number);
/* The shortest canonical number that reads as this float, which is finite. */
struct str vector_float_text(struct arena *a, float f);
/* The sum of the squares of n packed floats: what a cosine needs of a stored vector. */
double vector_squares(const char *packed, uint32_t n);
void vector_query_init(struct vector_query *q, struct arena *a, enum vector_distance distance, const float *v, uint32_t n);
/* The Score of a packed vector of q's dimensions. squares: its vector_squares; only a cosine looks at it. */
double vector_score(const struct vector_query *q, const char *packed, double squares);

#endif
