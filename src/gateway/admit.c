/* First stage: give the request an id, and let the administrative path and the services' data planes take theirs.
 *
 * What always holds: after it the request has an id and a decoded query string; a data plane sees host and path
 * only. */
#include "gateway/request.h"

#include "os/os.h"

enum { QUERY_PAIRS_MAX = 10000 };

enum next stage_admit(struct request *r)
{
	ASSERT(!str_present(r->request_id) && r->service == NULL);
	char uuid[37];
	random_uuid(uuid);
	r->request_id = arena_dup(r->arena, str_of(uuid, 36));
	r->region = str_c(service_config()->region);
	r->protocol = PROTO_REST_JSON; /* until route knows better: for early errors */
	struct wire_request *w = &r->wire;
	w->path_params_base = w->raw_path;
	if (str_starts(w->raw_path, S("/_tsubo/")))
		return admin_answer(r);
	if (str_present(w->raw_query) && !params_parse(r->arena, w->raw_query, QUERY_PAIRS_MAX, &w->query))
		return request_fail(r, 400, "MalformedQueryString", "The query string is malformed");
	if (front_preflight(r))
		return DONE;
	for (size_t i = 0; i < n_services; i++)
		if (services[i]->claims != NULL && services[i]->claims(w)) {
			r->service = services[i];
			r->op = services[i]->raw;
			r->raw = true;
			r->streams = services[i]->raw_streams;
			r->protocol = PROTO_RAW;
			break;
		}
	return NEXT;
}
