/* The items in an object that is imported, in any of the formats. Pure but for the arena.
 *
 * Source: "Amazon S3 import formats for DynamoDB", "Import format quotas and validation" (Developer Guide). */
#ifndef DYNAMODB_IMPORT_READ_H
#define DYNAMODB_IMPORT_READ_H

#include "ion.h"
#include "table.h"

struct import_reader {
	struct arena *arena;
	const struct dynamodb_TableDescription *table; /* CSV: which columns are keys, and of what types */
	char format;                 /* 'J', 'I', 'C' */
	struct str rest;
	struct ion_reader ion;
	char delimiter;
	struct str *columns;
	uint32_t n_columns;
};

enum import_result {
	IMPORT_ITEM,    /* an item */
	IMPORT_BAD,     /* one that is none, with a fault; more may follow */
	IMPORT_BROKEN,  /* with a fault: what follows cannot be read */
	IMPORT_END
};

/* d: format and options. Bytes are plain. */
void import_open(struct import_reader *r, struct arena *a, const struct dynamodb_ImportTableDescription *d,
                 const struct dynamodb_TableDescription *table, struct str text);
enum import_result import_next(struct import_reader *r, struct av *item, struct fault *f);

/* Absent: malformed, or over max bytes. type: NONE, GZIP, ZSTD. */
struct str import_inflate(struct arena *a, struct str bytes, struct str type, size_t max);

#endif
