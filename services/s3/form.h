/* multipart/form-data as browsers send it to S3: fields first, then the file. Pure; any thread. */
#ifndef TSUBO_S3_FORM_H
#define TSUBO_S3_FORM_H

#include "base/enc.h"

enum { FORM_HEAD_MAX = 64 << 10, FORM_FIELDS_MAX = 100, FORM_FIELDS_BYTES_MAX = 20 << 10 };

struct form_head {
	struct param fields[FORM_FIELDS_MAX]; /* in order, names as sent */
	size_t n;
	struct str filename, file_type;       /* of the file's part; absent: not given */
	size_t start;                         /* where the file's bytes begin */
	const char *code, *message;           /* when refused */
};

/* The boundary of a Content-Type; absent: none. */
struct str form_boundary(struct str content_type);
/* Read the beginning of a form up to the file's first byte. Views into head. false: code and message say why. */
bool form_parse(struct str head, struct str boundary, struct form_head *out);
/* A field's value by its name, in any case; absent: there is no such field. */
struct str form_field(const struct form_head *f, const char *name);

#endif
