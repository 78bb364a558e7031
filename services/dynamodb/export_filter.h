/* FilterSpecification of an export: which items, and what of them. Source: "Filtering a table export" (DynamoDB Developer Guide). */
#ifndef DYNAMODB_EXPORT_FILTER_H
#define DYNAMODB_EXPORT_FILTER_H

#include "ops_query.h"

struct export_filter {
	struct search s;     /* the filter and the projection */
	struct str from, to; /* the keys to be read, behind their space; absent: all of them */
};

/* From a specification; NULL: all items whole. false with a fault, by the rules of Query (with a key condition) or Scan; whether paths
 * go into keys of indexes, which may change while an export runs, is left to search_check_paths. */
bool export_filter_read(struct request *r, const struct table *t, const struct dynamodb_FilterSpecification *spec, struct export_filter *out);
/* The position behind which the keys to be read begin; absent: at the start. */
struct str export_filter_start(struct call *c, const struct export_filter *f);
/* Is the key one of them? *end: neither it nor any behind it is. */
bool export_filter_covers(const struct export_filter *f, struct str own_key, bool *end);
/* Is the item (its bytes) to be exported? */
bool export_filter_takes(struct call *c, const struct export_filter *f, struct str bytes);
/* What of it. */
struct str export_filter_project(struct call *c, const struct export_filter *f, struct str bytes);

#endif
