/* Items as Amazon Ion text, and back: exports and imports in the format ION.
 *
 * S string, N decimal, B blob, BOOL bool, NULL null, L list, M struct; a set is a list annotated $dynamodb_SS, $dynamodb_NS or
 * $dynamodb_BS. Pure functions. Sources: "DynamoDB table export output format", "Amazon S3 import formats for DynamoDB"
 * (Developer Guide); the Ion specification, text encoding 1.0. */
#ifndef DYNAMODB_ION_H
#define DYNAMODB_ION_H

#include "value.h"

/* {name:"value",...} of a map. */
void ion_write_item(struct buf *b, const struct av *item);

/* Reads a document's values one by one; the elements of a list at the top count as values of their own. */
struct ion_reader {
	struct arena *arena;
	const char *p, *end;
	bool in_list;
	const char *wrong; /* what is the matter, once something is */
};
struct ion_reader ion_open(struct arena *a, struct str text);
/* The next value. false: the end, or r->wrong. Strings are views into the text where they can be. */
bool ion_next(struct ion_reader *r, struct av *out);

#endif
