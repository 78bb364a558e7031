/* $context, $stageVariables and $method.request: what gateway responses, access logs and parameter mappings may say.
 *
 * Source: "Variables for access logging" and "Gateway response parameters" (API Gateway developer guide). */
#include "serve.h"

#include "base/time.h"

static struct str number(struct exchange *x, int64_t v) { return arena_printf(x->c->arena, "%lld", (long long)v); }

/* A scalar of a tree as text. */
static struct str scalar(struct exchange *x, const struct json *j)
{
	if (j == NULL || j->type == JSON_NULL)
		return STR_NONE;
	if (j->type == JSON_STRING || j->type == JSON_NUMBER)
		return j->text;
	return json_text(x->c->arena, j);
}

static struct str quoted(struct exchange *x, struct str s)
{
	struct buf b;
	buf_init(&b, x->c->arena, 0);
	json_write_str(&b, s);
	return buf_view(&b);
}

/* What is known even when no resource was found. */
static struct str early(struct exchange *x, struct str name)
{
	struct call *c = x->c;
	const struct { const char *name; struct str value; } known[] = {
		{"requestId", x->request_id}, {"extendedRequestId", x->extended_id}, {"httpMethod", c->http->method}, {"path", x->full_path},
		{"apiId", x->api}, {"stage", x->stage_name}, {"accountId", c->account}, {"domainName", x->domain}, {"protocol", S("HTTP/1.1")},
		{"identity.sourceIp", c->source_ip}, {"identity.userAgent", c->user_agent}, {"xrayTraceId", x->trace},
		{"error.message", x->error_message}, {"error.responseType", x->error_type}, {"error.validationErrorString", x->validation_error},
		{"authorizer.principalId", x->principal_id}, {"identity.apiKey", x->key_value}, {"identity.apiKeyId", x->key_id}};
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (str_eq(name, str_c(known[i].name)))
			return known[i].value;
	if (str_eq(name, S("error.messageString")))
		return str_present(x->error_message) ? quoted(x, x->error_message) : str_present(x->error_type) ? S("null") : STR_NONE;
	if (str_eq(name, S("status")))
		return x->status > 0 ? number(x, x->status) : STR_NONE;
	if (str_eq(name, S("responseLength")))
		return number(x, (int64_t)x->body.n);
	if (str_eq(name, S("responseLatency")) || str_eq(name, S("integrationLatency")) || str_eq(name, S("integration.latency")))
		return str_eq(name, S("responseLatency")) || x->integration_status > 0 ? number(x, c->now_ms - c->started_ms) : STR_NONE;
	if (str_eq(name, S("integrationStatus")) || str_eq(name, S("integration.integrationStatus")) || str_eq(name, S("integration.status")))
		return x->integration_status > 0 ? number(x, x->integration_status) : STR_NONE;
	return STR_NONE;
}

static struct str context(struct exchange *x, struct str name)
{
	struct str v = early(x, name);
	if (str_present(v) || x->resource == NULL || x->method == NULL)
		return v;
	return scalar(x, json_path(request_context(x), arena_cstr(x->c->arena, name)));
}

struct str json_text_at(struct arena *a, struct str text, struct str path)
{
	const struct json *j = json_path(json_parse(a, text, NULL), arena_cstr(a, path));
	if (j == NULL || j->type == JSON_NULL)
		return STR_NONE;
	return j->type == JSON_STRING || j->type == JSON_NUMBER ? j->text : json_text(a, j);
}

static struct str of_request(struct exchange *x, struct str name)
{
	ASSERT(x->c->http != NULL && (x->n_path_params == 0 || x->path_params != NULL));
	struct str rest = name, place = str_cut(&rest, '.');
	const struct wire_request *r = x->c->http;
	if (str_eq(place, S("body")))
		return str_present(rest) ? json_text_at(x->c->arena, r->body, rest) : r->body;
	if (!str_present(rest))
		return STR_NONE;
	if (str_eq(place, S("header")) || str_eq(place, S("multivalueheader")))
		return wire_header(r, rest);
	if (str_eq(place, S("querystring")) || str_eq(place, S("multivaluequerystring"))) {
		struct str last = STR_NONE;
		for (size_t i = 0; i < r->query.n; i++)
			if (str_eq(r->query.v[i].name, rest))
				last = r->query.v[i].value.p != NULL ? r->query.v[i].value : S("");
		return last;
	}
	for (size_t i = 0; str_eq(place, S("path")) && i < x->n_path_params; i++)
		if (str_eq(x->path_params[i].name, rest))
			return x->path_params[i].value;
	return STR_NONE;
}

struct str context_value(struct exchange *x, struct str name)
{
	if (str_starts(name, S("context.")))
		return context(x, str_slice(name, 8, name.n));
	if (str_starts(name, S("stageVariables.")))
		return x->stage != NULL ? map_text(&x->stage->variables, str_slice(name, 15, name.n)) : STR_NONE;
	if (str_starts(name, S("method.request.")))
		return of_request(x, str_slice(name, 15, name.n));
	return STR_NONE;
}

static bool name_char(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '_' || ch == '-' || ch == '.';
}

struct str substitute(struct exchange *x, struct str template, struct str missing)
{
	struct buf b;
	buf_init(&b, x->c->arena, 1 << 20);
	for (size_t i = 0; i < template.n;) {
		if (template.p[i] != '$') {
			buf_putc(&b, template.p[i++]);
			continue;
		}
		bool braces = i + 1 < template.n && template.p[i + 1] == '{';
		size_t from = i + 1 + braces, to = from;
		while (to < template.n && name_char(template.p[to]))
			to++;
		while (to > from && template.p[to - 1] == '.')
			to--;
		ASSERT(from <= to && to <= template.n);
		struct str name = str_slice(template, from, to);
		if (!str_starts(name, S("context.")) && !str_starts(name, S("stageVariables.")) && !str_starts(name, S("method.request."))) {
			buf_putc(&b, template.p[i++]);
			continue;
		}
		struct str v = context_value(x, name);
		buf_str(&b, str_present(v) ? v : missing);
		i = to + (braces && to < template.n && template.p[to] == '}');
	}
	return buf_view(&b);
}

struct str with_stage_variables(struct exchange *x, struct str text)
{
	struct buf b;
	buf_init(&b, x->c->arena, 65536);
	while (text.n > 0) {
		ptrdiff_t at = str_find_str(text, S("${stageVariables."));
		ptrdiff_t end = at >= 0 ? str_find(str_slice(text, (size_t)at, text.n), '}') : -1;
		if (end < 0)
			break;
		ASSERT(end >= 17); /* the brace stands behind the name's beginning */
		struct str name = str_slice(text, (size_t)at + 17, (size_t)(at + end)), v = map_text(&x->stage->variables, name);
		buf_str(&b, str_slice(text, 0, (size_t)at));
		buf_str(&b, v);
		text = str_slice(text, (size_t)(at + end) + 1, text.n);
	}
	buf_str(&b, text);
	return buf_view(&b);
}
