/* MOCK integrations: the request template says which status, the integration response of that status says what.
 *
 * Source: "Set up mock integrations in API Gateway" (developer guide). */
#include "serve.h"

#include "base/pattern.h"

/* The template for the request's content type; absent: none fits. */
static struct str template_for(const struct map_of *templates, struct str content_type)
{
	struct str rest = content_type, type = str_present(rest) ? str_trim(str_cut(&rest, ';')) : S("");
	struct str v = map_text(templates, type.n > 0 ? type : S("application/json"));
	return str_present(v) ? v : map_text(templates, S("$default"));
}

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

static struct str parameter_value(struct exchange *x, struct str v)
{
	if (v.n >= 2 && v.p[0] == '\'' && v.p[v.n - 1] == '\'')
		return str_slice(v, 1, v.n - 1);
	return context_value(x, v);
}

static void response_headers(struct exchange *x, const struct apigateway_IntegrationResponse *r)
{
	const struct apigateway_MapOfStringToString_entry *e = r->responseParameters.v;
	for (uint32_t i = 0; i < r->responseParameters.n; i++) {
		struct str v = parameter_value(x, e[i].value);
		if (str_starts(e[i].key, S("method.response.header.")) && str_present(v))
			set_header(x, str_slice(e[i].key, 23, e[i].key.n), v);
	}
}

static void answer_with(struct exchange *x, const struct apigateway_IntegrationResponse *r)
{
	uint64_t status;
	if (!str_to_u64(r->statusCode, &status) || status < 200 || status > 599) {
		gateway_answer(x, "API_CONFIGURATION_ERROR", "Internal server error");
		return;
	}
	x->status = (int)status;
	struct str type = S("application/json"), body = map_text(&r->responseTemplates, type);
	const struct apigateway_MapOfStringToString_entry *e = r->responseTemplates.v;
	if (!str_present(body) && r->responseTemplates.n > 0 && !str_eq(e[0].key, type)) {
		type = e[0].key;
		body = e[0].value;
	}
	x->body = str_present(body) ? substitute(x, body, S("")) : S("");
	add_header(x, S("Content-Type"), type);
	response_headers(x, r);
}

void run_mock(struct exchange *x, const struct apigateway_Integration *i)
{
	struct str template = template_for(&i->requestTemplates, wire_header(x->c->http, S("content-type")));
	bool never = str_eq(i->passthroughBehavior, S("NEVER")), some = i->requestTemplates.n > 0;
	if (!str_present(template) && (never || (some && str_eq(i->passthroughBehavior, S("WHEN_NO_TEMPLATES"))))) {
		gateway_answer(x, "UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type");
		return;
	}
	if (str_present(template))
		template = substitute(x, template, S(""));
	/* AWS reads the template leniently: {statusCode: 200} counts too */
	const struct json *j = str_present(template) ? json_parse(x->c->arena, template, NULL) : NULL;
	int64_t code = 0;
	if (j == NULL) {
		static const char name[] = "statusCode";
		ptrdiff_t at = str_present(template) ? str_find_str(template, str_c(name)) : -1;
		size_t k = at >= 0 ? (size_t)at + sizeof name - 1 : template.n;
		while (k < template.n && (template.p[k] == ':' || template.p[k] == ' ' || template.p[k] == '"' || template.p[k] == '\''))
			k++;
		for (; k < template.n && template.p[k] >= '0' && template.p[k] <= '9' && code < 1000; k++)
			code = code * 10 + (template.p[k] - '0');
	} else {
		code = json_get_i64(j, "statusCode", 0);
	}
	struct str status = code > 0 ? arena_printf(x->c->arena, "%lld", (long long)code) : STR_NONE;
	const struct apigateway_IntegrationResponse *r = code > 0 ? response_for(x->c->arena, i, status) : NULL;
	x->integration_status = (int)code;
	if (r == NULL)
		gateway_answer(x, "API_CONFIGURATION_ERROR", "Internal server error");
	else
		answer_with(x, r);
}
