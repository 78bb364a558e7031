/* The answer to a client of an API: its headers, gateway responses, and the way out.
 *
 * What always holds: an exchange has at most one answer, set before send_answer; headers that would end the line they stand in are left
 * out. Source: "Gateway responses for REST APIs in API Gateway" (developer guide). */
#include "responses.h"
#include "serve.h"

void add_header(struct exchange *x, struct str name, struct str value)
{
	ASSERT(str_present(name) && x->n_headers <= COUNT_OF(x->headers));
	if (x->n_headers < COUNT_OF(x->headers) - 4)
		x->headers[x->n_headers++] = (struct param){name, str_present(value) ? value : S(""), true};
}

void set_header(struct exchange *x, struct str name, struct str value)
{
	size_t kept = 0;
	for (size_t i = 0; i < x->n_headers; i++)
		if (!str_eq_nocase(x->headers[i].name, name))
			x->headers[kept++] = x->headers[i];
	ASSERT(kept <= x->n_headers);
	x->n_headers = kept;
	add_header(x, name, value);
}

static const struct apigateway_GatewayResponse *put_response(const struct exchange *x, struct str type)
{
	ASSERT(str_present(type));
	for (uint32_t i = 0; x->deployment != NULL && i < x->deployment->Responses.n; i++) {
		const struct apigateway_GatewayResponse *r = LIST_AT(x->deployment->Responses, struct apigateway_GatewayResponse, i);
		if (str_eq(r->responseType, type))
			return r;
	}
	return NULL;
}

/* 'text' or a name: the value of a parameter of a gateway response. */
static struct str parameter_value(struct exchange *x, struct str v)
{
	if (v.n >= 2 && v.p[0] == '\'' && v.p[v.n - 1] == '\'')
		return str_slice(v, 1, v.n - 1);
	return context_value(x, v);
}

static void response_headers(struct exchange *x, const struct apigateway_GatewayResponse *r)
{
	const struct apigateway_MapOfStringToString_entry *e = r->responseParameters.v;
	for (uint32_t i = 0; i < r->responseParameters.n; i++) {
		struct str v = parameter_value(x, e[i].value);
		if (str_starts(e[i].key, S("gatewayresponse.header.")) && str_present(v))
			set_header(x, str_slice(e[i].key, 23, e[i].key.n), v);
	}
}

static struct str response_template(const struct apigateway_GatewayResponse *r, struct str *type)
{
	ASSERT(r == NULL || r->responseTemplates.n == 0 || r->responseTemplates.v != NULL);
	const struct apigateway_MapOfStringToString_entry *e = r != NULL ? r->responseTemplates.v : NULL;
	*type = S("application/json");
	if (e == NULL || r->responseTemplates.n == 0)
		return S(GATEWAY_TEMPLATE);
	for (uint32_t i = 0; i < r->responseTemplates.n; i++)
		if (str_eq(e[i].key, *type))
			return e[i].value;
	*type = e[0].key;
	return e[0].value;
}

void gateway_answer_as(struct exchange *x, const char *type, int status, const char *message)
{
	const struct gateway_response *k = gateway_response_known(str_c(type));
	ASSERT(k != NULL);
	const struct apigateway_GatewayResponse *r = put_response(x, str_c(type));
	x->n_headers = 0;
	x->status = status > 0 ? status : k->status;
	ASSERT(x->status > 0);
	if (r == NULL)
		r = put_response(x, x->status >= 500 ? S("DEFAULT_5XX") : S("DEFAULT_4XX"));
	uint64_t own;
	if (r != NULL && str_present(r->statusCode) && str_to_u64(r->statusCode, &own) && own >= 200 && own < 600)
		x->status = (int)own;
	x->error_message = str_c(message);
	x->error_type = str_c(type);
	struct str content_type, template = response_template(r, &content_type);
	x->body = substitute(x, template, S(""));
	add_header(x, S("Content-Type"), content_type);
	add_header(x, S("x-amzn-ErrorType"), str_c(k->error_type));
	if (r != NULL)
		response_headers(x, r);
}

void gateway_answer(struct exchange *x, const char *type, const char *message) { gateway_answer_as(x, type, 0, message); }

/* What the server writes itself. */
static bool own_header(struct str name)
{
	return str_eq_nocase(name, S("content-length")) || str_eq_nocase(name, S("connection")) || str_eq_nocase(name, S("transfer-encoding")) ||
	       str_eq_nocase(name, S("x-amzn-requestid")) || str_eq_nocase(name, S("x-amz-apigw-id"));
}

static bool header_fits(const struct param *h)
{
	ASSERT(str_present(h->name) && str_present(h->value));
	for (size_t i = 0; i < h->value.n; i++)
		if (h->value.p[i] == '\r' || h->value.p[i] == '\n' || h->value.p[i] == '\0')
			return false;
	for (size_t i = 0; i < h->name.n; i++)
		if (h->name.p[i] <= ' ' || h->name.p[i] == ':' || h->name.p[i] >= 127)
			return false;
	return h->name.n > 0;
}

void send_answer(struct exchange *x)
{
	ASSERT(x->status >= 100 && x->status <= 599 && x->n_headers <= COUNT_OF(x->headers) && !x->parked);
	struct param out[COUNT_OF(x->headers) + 4];
	size_t n = 0;
	out[n++] = (struct param){S("x-amzn-RequestId"), x->request_id, true};
	out[n++] = (struct param){S("x-amz-apigw-id"), x->extended_id, true};
	for (size_t i = 0; i < x->n_headers; i++)
		if (!own_header(x->headers[i].name) && header_fits(&x->headers[i]))
			out[n++] = x->headers[i];
	if (x->integration_status > 0)
		out[n++] = (struct param){S("X-Amzn-Trace-Id"), x->trace, true};
	ASSERT(n <= COUNT_OF(out));
	call_reply(x->c, x->status, out, n, x->body);
}
