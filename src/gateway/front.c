/* Headers that a service's front end adds to its answers, whatever the model says: the CRC-32 of the body, and what a browser must see
 * before a page gets an answer (CORS).
 *
 * DynamoDB's front end lets pages of every origin call it, for its keys are secret. Here keys that everybody knows open everything, so
 * only pages of this machine may: no page somewhere on the web reads or changes what a developer has here.
 * Source: answers of DynamoDB to preflights and to calls with an Origin, as dynalite's tests (connection.js) have them; Fetch Standard,
 * "CORS protocol"; botocore's check of x-amz-crc32 (retries.json, "crc32check").
 *
 * What always holds: the checksum is of the body as it is sent; nothing is allowed to an origin that is not of this machine. */
#include "gateway/request.h"

static const char preflight_age_s[] = "172800";

static struct str header(const struct request *r, const char *name) { return wire_header(&r->wire, str_c(name)); }

/* "http://localhost:3000", "https://app.localhost", "http://127.0.0.1", "http://[::1]:8080". */
static bool of_this_machine(struct str origin)
{
	struct str rest = origin, scheme = str_cut(&rest, ':');
	if (!str_present(rest) || !str_starts(rest, S("//")) || !(str_eq(scheme, S("http")) || str_eq(scheme, S("https"))))
		return false;
	struct str host = str_slice(rest, 2, rest.n);
	if (str_starts(host, S("[::1]")))
		return host.n == 5 || host.p[5] == ':';
	host = str_cut(&host, ':');
	return str_eq(host, S("localhost")) || str_eq(host, S("127.0.0.1")) || (host.n > 10 && str_ends(host, S(".localhost")));
}

static void add(struct request *r, struct arena *a, struct str name, struct str value)
{
	if (str_present(value))
		wire_add_header(a, &r->response, name, value);
}

/* Into the request, not its arena, where the body was made last: nothing is to be allocated behind a large one. */
static struct str decimal(char text[10], uint32_t v)
{
	size_t at = 10;
	do {
		ASSERT(at > 0);
		text[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	return str_of(text + at, 10 - at);
}

void front_headers(struct request *r, struct arena *a)
{
	const struct service *s = r->service;
	if (s == NULL || r->raw)
		return;
	ASSERT(r->response.status != 0);
	if (s->body_crc32 && r->response.stream == NULL)
		add(r, a, S("x-amz-crc32"), decimal(r->crc32_text, crc32_ieee(0, r->response.body)));
	if (!s->any_page)
		return;
	struct str origin = header(r, "origin");
	if (str_present(origin) && of_this_machine(origin))
		add(r, a, S("Access-Control-Allow-Origin"), S("*"));
}

/* Among the names of headers to come, "a, b,c"? */
static bool names(struct str list, struct str name)
{
	ASSERT(name.n > 0);
	while (str_present(list))
		if (str_eq_nocase(str_trim(str_cut(&list, ',')), name))
			return true;
	return false;
}

/* It has neither signature nor target: that the request to come will have a target is all that tells it from one to S3, whose buckets
 * have rules of their own. */
bool front_preflight(struct request *r)
{
	ASSERT(r->response.status == 0 && r->service == NULL);
	if (!str_eq(r->wire.method, S("OPTIONS")) || !str_eq(r->wire.raw_path, S("/")))
		return false;
	struct str origin = header(r, "origin"), asked = header(r, "access-control-request-headers");
	if (!str_present(origin) || !of_this_machine(origin) || !names(asked, S("x-amz-target")))
		return false;
	r->response = (struct wire_response){.status = 200, .body = S("")};
	add(r, r->arena, S("x-amzn-RequestId"), r->request_id);
	add(r, r->arena, S("Access-Control-Allow-Origin"), S("*"));
	add(r, r->arena, S("Access-Control-Allow-Headers"), asked);
	add(r, r->arena, S("Access-Control-Allow-Methods"), header(r, "access-control-request-method"));
	add(r, r->arena, S("Access-Control-Max-Age"), str_c(preflight_age_s));
	return true;
}
