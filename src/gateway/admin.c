/* The administrative path, /_tsubo/: status, the clock, the CA, reset. Not part of AWS.
 *
 * A web page must not be able to turn the clock of someone's laptop: what changes something is POST and needs the
 * header X-Tsubo, which a browser sends to a foreign origin only after asking.
 *
 * What always holds: a GET changes nothing; what changes something has the header. */
#include "gateway/request.h"

#include "os/os.h"
#include "svc/clock.h"

#include <unistd.h>

static struct gateway_admin admin;

void gateway_init(const struct gateway_admin *a) { admin = *a; }

static enum next reply(struct request *r, int status, const char *type, struct str body)
{
	ASSERT(status >= 200 && status < 600);
	struct http_header headers[] = {{S("Content-Type"), str_c(type)}};
	if (r->http != NULL) {
		r->http->user = NULL;
		http_answer(r->http, status, headers, 1, body);
		r->http = NULL;
	}
	request_free(r);
	return LEFT;
}

static enum next reply_error(struct request *r, int status, const char *message)
{
	struct json *j = json_new_object(r->arena);
	json_set_str(r->arena, j, "message", str_c(message));
	return reply(r, status, "application/json", json_text(r->arena, j));
}

static enum next status(struct request *r)
{
	struct arena *a = r->arena;
	struct json *j = json_new_object(a);
	json_set_str(a, j, "status", S("running"));
	json_set_str(a, j, "version", S(TSUBO_VERSION));
	json_set_i64(a, j, "uptime_ms", (os.monotonic_us() - admin.started_us) / 1000);
	json_set_i64(a, j, "clock_ms", clock_now_ms());
	json_set_i64(a, j, "clock_offset_ms", clock_offset_ms());
	json_set_str(a, j, "data", str_c(service_config()->data_dir));
	json_set_i64(a, j, "running_calls", (int64_t)gateway_running() - 1);
	struct json *list = json_new_array(a);
	for (size_t i = 0; i < n_services; i++) {
		struct json *s = json_new_object(a);
		json_set_str(a, s, "name", str_c(services[i]->name));
		json_set_i64(a, s, "operations", (int64_t)services[i]->n_ops);
		json_set_i64(a, s, "of", services[i]->model != NULL ? services[i]->model->n_ops : 0);
		json_push(a, list, s);
	}
	json_set(a, j, S("services"), list);
	return reply(r, 200, "application/json", json_text(a, j));
}

static enum next clock_page(struct request *r)
{
	ASSERT(r->service == NULL);
	struct str by = params_get(&r->wire.query, S("turn"));
	if (str_eq(r->wire.method, S("POST"))) {
		int64_t ms;
		if (!clock_parse_span(by, &ms))
			return reply_error(r, 400, "turn: a time span like +30s, +5m, +2h, +1d, +500ms");
		clock_turn_all(ms);
	}
	struct json *j = json_new_object(r->arena);
	json_set_i64(r->arena, j, "clock_ms", clock_now_ms());
	json_set_i64(r->arena, j, "clock_offset_ms", clock_offset_ms());
	return reply(r, 200, "application/json", json_text(r->arena, j));
}

static bool changes_allowed(struct request *r)
{
	return str_eq(r->wire.method, S("POST")) && str_present(wire_header(&r->wire, S("X-Tsubo")));
}

enum next admin_answer(struct request *r)
{
	ASSERT(str_starts(r->wire.raw_path, S("/_tsubo/")));
	struct wire_request *w = &r->wire;
	if (str_present(w->raw_query) && !params_parse(r->arena, w->raw_query, 16, &w->query))
		return reply_error(r, 400, "malformed query string");
	struct str what = str_slice(w->raw_path, sizeof "/_tsubo/" - 1, w->raw_path.n);
	bool get = str_eq(w->method, S("GET"));
	if (!get && !changes_allowed(r))
		return reply_error(r, 403, "what changes something is POST, with the header X-Tsubo");
	if (str_eq(what, S("status")) || str_eq(what, S("health")))
		return status(r);
	if (str_eq(what, S("clock")))
		return clock_page(r);
	if (str_eq(what, S("ca")) && get) {
		struct str pem = admin.ca != NULL ? admin.ca(r->arena) : STR_NONE;
		return str_present(pem) ? reply(r, 200, "application/x-pem-file", pem) : reply_error(r, 404, "no TLS");
	}
	if (str_eq(what, S("reset")) && !get && admin.reset != NULL) {
		enum next n = reply(r, 200, "application/json", S("{\"status\":\"resetting\"}"));
		admin.reset();
		return n;
	}
	if (str_eq(what, S("stop")) && !get && admin.stop != NULL) {
		/* the process, so that who asked can wait for its end */
		enum next n = reply(r, 200, "application/json", arena_printf(r->arena, "{\"status\":\"stopping\",\"pid\":%d}", (int)getpid()));
		admin.stop();
		return n;
	}
	return reply_error(r, 404, "no such administrative page");
}
