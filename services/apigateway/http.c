/* HTTP integrations: the request goes on to an endpoint, its answer comes back: as it is (HTTP_PROXY), or through the mappings of
 * integration responses (HTTP).
 *
 * Source: "Set up HTTP integrations in API Gateway", "Parameter mapping source reference for REST APIs" (developer guide). A
 * proxy passes headers, query and body on; a plain integration only what is mapped. */
#include "serve.h"

#include "svc/fetch.h"

enum { URI_MAX = 16384 };

struct outgoing { struct str method, url, body; struct param *headers; size_t n_headers; };

/* ---- the request ---- */

/* What the integration maps to one of its places ("integration.request.path."); each name as often as it is mapped. */
static size_t mapped(struct exchange *x, const struct apigateway_Integration *i, struct str place, struct param *out)
{
	const struct apigateway_MapOfStringToString_entry *e = i->requestParameters.v;
	size_t n = 0;
	for (uint32_t k = 0; k < i->requestParameters.n; k++) {
		if (!str_starts(e[k].key, place))
			continue;
		struct str v = mapped_value(x, NULL, e[k].value);
		if (str_present(v))
			out[n++] = (struct param){str_slice(e[k].key, place.n, e[k].key.n), v, true};
	}
	ASSERT(n <= i->requestParameters.n);
	return n;
}

static const struct param *find(const struct param *v, size_t n, struct str name, bool nocase)
{
	for (size_t i = 0; i < n; i++)
		if (nocase ? str_eq_nocase(v[i].name, name) : str_eq(v[i].name, name))
			return &v[i];
	return NULL;
}

/* "{id}" in the URI: what is mapped to it; a parameter that nothing is mapped to is the request's own of that name. */
static struct str fill_path(struct exchange *x, const struct apigateway_Integration *i, struct str uri)
{
	struct param *paths = arena_array(x->c->arena, struct param, i->requestParameters.n);
	size_t n = mapped(x, i, S("integration.request.path."), paths);
	struct buf b;
	buf_init(&b, x->c->arena, URI_MAX);
	while (uri.n > 0) {
		ptrdiff_t open = str_find(uri, '{'), close = open >= 0 ? str_find(str_slice(uri, (size_t)open, uri.n), '}') : -1;
		if (close < 0)
			break;
		struct str name = str_slice(uri, (size_t)open + 1, (size_t)(open + close));
		bool greedy = str_ends(name, S("+"));
		if (greedy)
			name.n--;
		const struct param *p = find(paths, n, name, false);
		if (p == NULL)
			p = find(x->path_params, x->n_path_params, name, false);
		buf_str(&b, str_slice(uri, 0, (size_t)open));
		if (p != NULL)
			uri_write(&b, p->value, true); /* a greedy one has slashes of its own */
		uri = str_slice(uri, (size_t)(open + close) + 1, uri.n);
	}
	buf_str(&b, uri);
	return buf_view(&b);
}

static void add_pair(struct buf *b, bool *first, struct str name, struct str value)
{
	ASSERT(str_present(name));
	buf_putc(b, *first ? '?' : '&');
	*first = false;
	uri_write(b, name, false);
	buf_putc(b, '=');
	uri_write(b, value.p != NULL ? value : S(""), false);
}

/* The endpoint's URL with its query: the URI's own, the client's (of a proxy, but for what is mapped), what is mapped. */
static struct str url_of(struct exchange *x, const struct apigateway_Integration *i, bool proxy)
{
	struct arena *a = x->c->arena;
	struct param *pairs = arena_array(a, struct param, i->requestParameters.n);
	size_t n = mapped(x, i, S("integration.request.querystring."), pairs);
	struct str base = fill_path(x, i, with_stage_variables(x, i->uri));
	struct buf b;
	buf_init(&b, a, 2 * URI_MAX);
	buf_str(&b, base);
	bool first = str_find(base, '?') < 0;
	const struct wire_request *r = x->c->http;
	for (size_t k = 0; proxy && k < r->query.n; k++)
		if (find(pairs, n, r->query.v[k].name, false) == NULL)
			add_pair(&b, &first, r->query.v[k].name, r->query.v[k].value);
	for (size_t k = 0; k < n; k++)
		add_pair(&b, &first, pairs[k].name, pairs[k].value);
	return b.overflow ? STR_NONE : buf_view(&b);
}

static void headers_of(struct exchange *x, const struct apigateway_Integration *i, bool proxy, struct outgoing *o)
{
	struct arena *a = x->c->arena;
	size_t sent, n = 0;
	struct param *from = request_headers(x, &sent), *own = arena_array(a, struct param, i->requestParameters.n);
	size_t n_own = mapped(x, i, S("integration.request.header."), own);
	o->headers = arena_array(a, struct param, sent + n_own + 4);
	for (size_t k = 0; proxy && k < sent; k++)
		if (find(own, n_own, from[k].name, true) == NULL)
			o->headers[n++] = from[k];
	for (size_t k = 0; k < n_own; k++)
		o->headers[n++] = own[k];
	struct str type = wire_header(x->c->http, S("content-type"));
	const struct param always[] = {
		{S("User-Agent"), arena_join(a, S("AmazonAPIGateway_"), x->api), true}, {S("Accept"), S("application/json"), true},
		{S("Content-Type"), str_present(type) ? type : S("application/json"), true}, {S("X-Amzn-Trace-Id"), x->trace, true}};
	for (size_t k = 0; !proxy && k < COUNT_OF(always); k++)
		if (find(own, n_own, always[k].name, true) == NULL)
			o->headers[n++] = always[k];
	if (proxy)
		o->headers[n++] = (struct param){S("x-amzn-apigateway-api-id"), x->api, true};
	ASSERT(n <= sent + n_own + 4);
	o->n_headers = n;
}

/* false: answered. */
static bool request_of(struct exchange *x, const struct apigateway_Integration *i, bool proxy, struct outgoing *o)
{
	struct str template = STR_NONE;
	if (!proxy && !integration_template(x, i, &template))
		return false;
	o->method = str_eq(i->httpMethod, S("ANY")) ? x->c->http->method : i->httpMethod;
	o->body = str_present(template) ? template : x->c->http->body;
	if (str_eq(o->method, S("GET")) || str_eq(o->method, S("HEAD")))
		o->body = S("");
	o->url = url_of(x, i, proxy);
	if (!str_present(o->url)) {
		gateway_answer(x, "REQUEST_TOO_LARGE", "Request Too Long");
		return false;
	}
	headers_of(x, i, proxy, o);
	return true;
}

/* ---- the answer ---- */

static bool of_connection(struct str name)
{
	static const char *const those[] = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "content-length"};
	for (size_t i = 0; i < COUNT_OF(those); i++)
		if (str_eq_nocase(name, str_c(those[i])))
			return true;
	return false;
}

static void answer_as_it_is(struct exchange *x, const struct fetched *f)
{
	ASSERT(f->ok && f->status >= 200 && f->status <= 599);
	x->integration_status = x->status = f->status;
	x->body = f->body;
	for (size_t i = 0; i < f->n_headers; i++)
		if (!of_connection(f->headers[i].name))
			add_header(x, remapped(x->c->arena, f->headers[i].name), f->headers[i].value);
}

void run_http(struct exchange *x, const struct apigateway_Integration *i)
{
	bool proxy = str_eq(i->type, S("HTTP_PROXY"));
	struct outgoing o = {0};
	ASSERT(proxy || str_eq(i->type, S("HTTP"))); /* integration_check lets no other type in */
	if (!request_of(x, i, proxy, &o))
		return;
	int64_t timeout_ms = i->timeoutInMillis.set ? i->timeoutInMillis.v : TIMEOUT_DEFAULT_MS;
	const struct fetched *f = fetch(x->c, &(struct fetch){.method = o.method, .url = o.url, .headers = o.headers, .n_headers = o.n_headers,
		.body = o.body, .deadline_ms = x->c->started_ms + timeout_ms,
		.insecure = i->tlsConfig != NULL && i->tlsConfig->insecureSkipVerification.v});
	if (f == NULL) {
		x->parked = true;
		return;
	}
	if (f->timed_out)
		gateway_answer(x, "INTEGRATION_TIMEOUT", "Endpoint request timed out");
	else if (!f->ok || f->status < 200 || f->status > 599)
		gateway_answer(x, "INTEGRATION_FAILURE", "Network error communicating with endpoint");
	else if (proxy)
		answer_as_it_is(x, f);
	else
		integration_answer(x, i, f->status, &(struct backend){f->headers, f->n_headers, f->body});
}
