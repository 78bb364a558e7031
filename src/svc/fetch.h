/* HTTP requests to the outside, from a handler: endpoints of API Gateway's integrations and the like.
 *
 * libcurl does it, on the loop, loaded when the first request is made: linking it would cost every start 5 to 9 ms. Requests
 * follow no redirects, keep connections for the next one, and go only to http and https. */
#ifndef TSUBO_SVC_FETCH_H
#define TSUBO_SVC_FETCH_H

#include "svc/call.h"

enum { FETCH_BODY_MAX = 10 << 20, FETCH_HEAD_MAX = 64 << 10 };

struct fetch {
	struct str method, url;
	const struct param *headers; /* as they go out, but for Host, Content-Length and what concerns the connection */
	size_t n_headers;
	struct str body;
	int64_t deadline_ms;         /* service clock */
	bool insecure;               /* do not look at certificates */
};

struct fetched {
	bool ok, timed_out;          /* !ok: nothing came back, or more than may */
	struct str why;              /* curl's words */
	int status;
	struct param *headers;       /* in the call's arena */
	size_t n_headers;
	struct str body;
};

/* NULL: parked, return at once (see call_await). */
const struct fetched *fetch(struct call *c, const struct fetch *f);

#endif
