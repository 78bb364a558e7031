/* Page tokens: the key where a listing goes on, opaque to clients (base64url of a checked body). */
#ifndef TSUBO_PAGE_H
#define TSUBO_PAGE_H

#include "svc/call.h"

struct str page_token(struct arena *a, struct str position);
/* false: not a token of ours. An absent token gives an absent position. */
bool page_position(struct arena *a, struct str token, struct str *position);

/* One page of a listing: at most `max` items of `out` from the records below a prefix, behind where the client's token says, and the
 * token for the rest. `out` is empty and has room for max items; what a record becomes is the caller's, who adds to out->n. */
struct page_scan {
	struct call *c;
	struct list *out;
	uint32_t max;
	struct str *next_token; /* of the output */
	struct str after;       /* the record seen last */
	struct scan *scan;
};
/* false: the token is not one of ours; c has not failed. */
bool page_scan_open(struct page_scan *p, const struct key *prefix, struct str token);
/* The next record; false: the page ends here, and next_token says whether there is more. The key lives as long as the call. */
bool page_scan_next(struct page_scan *p, struct str *key, struct str *value);

#endif
