/* The HTTP server with nothing behind it: answers 200 and a fixed body to every request. What the server itself costs,
 * to be compared with nginx's `return 200` under the same load: wrk -t1 -c64 -d3s http://127.0.0.1:PORT/ */
#include "http/http.h"

#include <stdio.h>
#include <stdlib.h>

static const struct http_header headers[] = {{STR_INIT("Content-Type"), STR_INIT("application/json")}};

static void answer(struct http_request *r)
{
	http_answer(r, 200, headers, COUNT_OF(headers), S("{\"ok\":true}"));
}

static void on_request(struct http_request *r)
{
	if (r->has_body)
		http_read_body(r);
	else
		answer(r);
}

int main(int argc, char **argv)
{
	uint64_t port = 4599;
	static const struct http_handler handler = {.on_request = on_request, .on_end = answer};
	if (argc > 1 && !str_to_u64(str_c(argv[1]), &port))
		return 2;
	uv_loop_t *loop = uv_default_loop();
	struct http_server *s = http_server_new(loop, &handler, &http_default_limits);
	int got = http_listen(s, "127.0.0.1", (int)port, NULL, NULL);
	if (got < 0) {
		fprintf(stderr, "cannot listen: %s\n", uv_strerror(got));
		return 1;
	}
	return uv_run(loop, UV_RUN_DEFAULT);
}
