/* Query and Scan, and the run over a range of keys that they share with PartiQL. */
#ifndef DYNAMODB_OPS_QUERY_H
#define DYNAMODB_OPS_QUERY_H

#include "request.h"
#include "write.h"

/* Bounds, filter, projection, what to return; and the result of one page. */
struct search {
	struct call *c;
	const struct table *t;
	const struct table_index *x;     /* NULL: the table */
	const struct key_schema *schema; /* of the index or the table */
	struct str from, to;
	bool reverse, consistent, count_only, fetch;
	int64_t limit;                   /* 0: none */
	struct condition filter;
	struct projection projection;
	/* result */
	struct json **items;
	uint32_t n, cap;
	int64_t scanned, matched;
	size_t bytes;
	double fetched_units;
	struct json *last_key;           /* when the page ended at a limit */
	struct str last_place;           /* the same, as the store's key */
	struct consumed used;
};

/* Bounds from conditions on the keys of s->schema (checked before). */
void search_key_bounds(struct search *s, const struct key_conditions *k);
/* Query's rules on conditions on keys, beside which the filter must not name them; and on paths in all. false with a fault. */
bool search_check_keys(struct search *s, struct request *r, const struct key_conditions *k);
bool search_check_paths(struct search *s, struct request *r);
void search_start_after(struct search *s, struct str place);
void search_run(struct search *s);

void ddb_query(struct call *c);
void ddb_scan(struct call *c);

#endif
