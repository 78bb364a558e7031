/* Numbers as DynamoDB has them: decimal, exact, at most 38 significant digits, magnitudes 1e-130 to 9.99…e125.
 *
 * Pure functions; nothing here fails but by a number_fault. Source: "Number" in "Naming rules and data types"
 * (DynamoDB Developer Guide). */
#ifndef DYNAMODB_NUMBER_H
#define DYNAMODB_NUMBER_H

#include "base/buf.h"

enum { NUMBER_DIGITS_MAX = 38, NUMBER_MAGNITUDE_MAX = 125, NUMBER_MAGNITUDE_MIN = -130 };

/* digits * 10^exponent. Always normal: no trailing zero in digits; zero is {0, 0, false}. */
struct number {
	unsigned __int128 digits;
	int exponent;
	bool negative;
};

enum number_fault { NUMBER_OK, NUMBER_MALFORMED, NUMBER_OVERFLOW, NUMBER_UNDERFLOW, NUMBER_PRECISION };

/* Read "[+-]digits[.digits][e[+-]digits]". White space is malformed. */
enum number_fault number_parse(struct str text, struct number *out);
/* Canonical text, what DynamoDB gives back: plain notation without needless zeros; with an exponent ("1.5E+40") where the
 * plain form has more than 38 digits, which clients that count digits (boto3) would refuse. */
void number_write(struct buf *b, const struct number *n);
struct str number_text(struct arena *a, const struct number *n);
/* DynamoDB's sentence for a fault; text is what was to be read. */
struct str number_message(struct arena *a, enum number_fault f, struct str text);

int number_cmp(const struct number *a, const struct number *b);
/* Exact, or NUMBER_PRECISION / NUMBER_OVERFLOW: DynamoDB never rounds. */
enum number_fault number_add(const struct number *a, const struct number *b, struct number *out);
enum number_fault number_sub(const struct number *a, const struct number *b, struct number *out);
/* Significant digits (0 for zero) and the power of ten of the first one. */
int number_digits(const struct number *n);
int number_magnitude(const struct number *n);

/* Bytes in the order of the numbers, none the beginning of another: sign, magnitude, digits in pairs, end. */
void number_write_key(struct buf *b, const struct number *n);
/* Bytes it counts for in an item's size. */
size_t number_size(const struct number *n);
/* The same of its canonical text. */
size_t number_text_size(struct str canonical);

#endif
