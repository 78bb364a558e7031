/* Inside the wire room: URI templates of REST operations (match.c), used to route and to read labels. */
#ifndef TSUBO_REST_H
#define TSUBO_REST_H

#include "wire/codec.h"

enum { REST_LABELS_MAX = 12 };

struct rest_label { struct str name, raw; /* still percent-encoded */ };
struct rest_labels {
	struct rest_label v[REST_LABELS_MAX];
	size_t n;
	int literals; /* segments that are not labels */
};

/* Match a raw path against a requestUri; labels are views into both. */
bool rest_match_path(const char *uri, struct str path, struct rest_labels *out);
/* Is this query key a literal of the template? */
bool rest_is_literal_query(const char *uri, struct str name);

#endif
