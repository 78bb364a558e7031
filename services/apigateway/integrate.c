/* What integrations without a proxy have in common: the request's template, the response that fits, parameters and bodies mapped.
 *
 * Source: "Integration passthrough behaviors", "Mapping templates", "Parameter mapping source reference for REST APIs"
 * (API Gateway developer guide). Templates may say $context, $stageVariables and $method.request only: integration_check has
 * refused the others. */
#include "serve.h"

#include "base/pattern.h"

bool integration_template(struct exchange *x, const struct apigateway_Integration *i, struct str *template)
{
	struct str rest = wire_header(x->c->http, S("content-type")), type = str_present(rest) ? str_trim(str_cut(&rest, ';')) : S("");
	*template = map_text(&i->requestTemplates, type.n > 0 ? type : S("application/json"));
	if (!str_present(*template))
		*template = map_text(&i->requestTemplates, S("$default"));
	bool never = str_eq(i->passthroughBehavior, S("NEVER")), some = i->requestTemplates.n > 0;
	if (!str_present(*template) && (never || (some && str_eq(i->passthroughBehavior, S("WHEN_NO_TEMPLATES"))))) {
		gateway_answer(x, "UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type");
		return false;
	}
	if (str_present(*template))
		*template = substitute(x, *template, S(""));
	return true;
}

/* The response whose pattern is the status, else the one without a pattern; NULL: none. */
static const struct apigateway_IntegrationResponse *response_for(struct arena *a, const struct apigateway_Integration *i, struct str status)
{
	const struct apigateway_MapOfIntegrationResponse_entry *e = i->integrationResponses.v;
	const struct apigateway_IntegrationResponse *otherwise = NULL;
	for (uint32_t k = 0; k < i->integrationResponses.n; k++) {
		struct str pattern = e[k].value.selectionPattern;
		if (!str_present(pattern) || pattern.n == 0) {
			otherwise = &e[k].value;
			continue;
		}
		const struct pattern *p = pattern_of_client(a, pattern);
		if (p != NULL && pattern_matches(p, status))
			return &e[k].value;
	}
	return otherwise;
}

static struct str response_value(struct exchange *x, const struct backend *b, struct str name)
{
	ASSERT(b->n_headers == 0 || b->headers != NULL);
	struct str rest = name, place = str_cut(&rest, '.');
	if (str_eq(place, S("body")))
		return str_present(rest) ? json_text_at(x->c->arena, b->body, rest) : b->body;
	for (size_t i = 0; str_present(rest) && (str_eq(place, S("header")) || str_eq(place, S("multivalueheader"))) && i < b->n_headers; i++)
		if (str_eq_nocase(b->headers[i].name, rest))
			return b->headers[i].value;
	return STR_NONE;
}

struct str mapped_value(struct exchange *x, const struct backend *b, struct str v)
{
	ASSERT(!x->parked);
	if (v.n >= 2 && v.p[0] == '\'' && v.p[v.n - 1] == '\'')
		return str_slice(v, 1, v.n - 1);
	if (b != NULL && str_starts(v, S("integration.response.")))
		return response_value(x, b, str_slice(v, sizeof "integration.response." - 1, v.n));
	return context_value(x, v);
}

static void response_headers(struct exchange *x, const struct apigateway_IntegrationResponse *r, const struct backend *b)
{
	const struct str prefix = S("method.response.header.");
	const struct apigateway_MapOfStringToString_entry *e = r->responseParameters.v;
	for (uint32_t i = 0; i < r->responseParameters.n; i++) {
		struct str v = mapped_value(x, b, e[i].value);
		if (str_starts(e[i].key, prefix) && str_present(v))
			set_header(x, str_slice(e[i].key, prefix.n, e[i].key.n), v);
	}
}

/* The template of the response, by the type that the client gets. */
static struct str response_template(const struct apigateway_IntegrationResponse *r, struct str *type)
{
	const struct apigateway_MapOfStringToString_entry *e = r->responseTemplates.v;
	struct str t = map_text(&r->responseTemplates, *type);
	if (str_present(t) || r->responseTemplates.n == 0)
		return t;
	*type = e[0].key;
	return e[0].value;
}

void integration_answer(struct exchange *x, const struct apigateway_Integration *i, int status, const struct backend *b)
{
	const struct apigateway_IntegrationResponse *r = status > 0 ? response_for(x->c->arena, i, arena_printf(x->c->arena, "%d", status)) : NULL;
	uint64_t code;
	x->integration_status = status;
	if (r == NULL || !str_to_u64(r->statusCode, &code) || code < 200 || code > 599) {
		gateway_answer(x, "API_CONFIGURATION_ERROR", "Internal server error");
		return;
	}
	x->status = (int)code;
	ASSERT(x->n_headers == 0); /* nothing has answered before */
	struct str type = S("application/json"), of_backend = b != NULL ? response_value(x, b, S("header.content-type")) : STR_NONE;
	struct str template = response_template(r, &type);
	x->body = str_present(template) ? substitute(x, template, S("")) : b != NULL ? b->body : S("");
	add_header(x, S("Content-Type"), !str_present(template) && str_present(of_backend) ? of_backend : type);
	response_headers(x, r, b);
}
