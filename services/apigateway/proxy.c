/* Lambda proxy integrations: the function gets the event, its answer becomes the response.
 *
 * Source: "Output format of a Lambda function for proxy integration" (API Gateway developer guide). A function that may not
 * be invoked is 500, one whose answer is not of that form 502, one that takes too long 504. */
#include "serve.h"

#include "svc/arn.h"

/* The function's ARN in "arn:aws:apigateway:<region>:lambda:path/2015-03-31/functions/<arn>/invocations". */
static struct str function_of(struct exchange *x, struct str uri)
{
	struct str text = with_stage_variables(x, uri);
	ptrdiff_t at = str_find_str(text, S("/functions/"));
	if (at < 0)
		return STR_NONE;
	struct str arn = str_slice(text, (size_t)at + 11, text.n);
	return str_ends(arn, S("/invocations")) ? str_slice(arn, 0, arn.n - 12) : arn;
}

static const struct principal *invoker(struct exchange *x, struct str credentials, struct str source_arn)
{
	if (!str_present(credentials) || credentials.n == 0)
		return service_principal(x->c, "apigateway.amazonaws.com", source_arn);
	if (str_eq(credentials, S("arn:aws:iam::*:user/*")))
		return x->c->who;
	return assume_role(x->c, with_stage_variables(x, credentials), "apigateway.amazonaws.com", S("BackplaneAssumeRoleSession"), true);
}

bool invoke_function(struct exchange *x, struct str uri, struct str credentials, struct str source_arn, struct str payload, struct str *out,
                     struct wire_error *error)
{
	struct call *c = x->c;
	struct arn arn;
	ASSERT(!x->parked && x->stage != NULL);
	struct str function = function_of(x, uri);
	const struct principal *who = invoker(x, credentials, source_arn);
	if (who == NULL || !arn_parse(function, &arn)) {
		*error = (struct wire_error){.code = who == NULL ? S("AccessDenied") : S("InvalidArn"), .message = S("cannot be invoked"), .status = 403};
		return false;
	}
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "FunctionName", function);
	json_set_str(c->arena, in, "InvocationType", S("RequestResponse"));
	json_set_str(c->arena, in, "Payload", base64_encode(c->arena, payload));
	const struct invoke_options o = {.who = who, .account = arn.account, .region = arn.region};
	struct invoked i = invoke(c, "lambda", "Invoke", in, &o);
	if (i.parked) {
		x->parked = true;
		return false;
	}
	if (!i.ok) {
		*error = i.error;
		return false;
	}
	*out = base64_decode(c->arena, json_get_str(i.out, "Payload"));
	return true;
}

/* ---- the function's answer ---- */

static bool scalar_text(struct arena *a, const struct json *j, struct str *out)
{
	if (j->type == JSON_STRING || j->type == JSON_NUMBER)
		*out = j->text;
	else if (j->type == JSON_TRUE || j->type == JSON_FALSE)
		*out = j->type == JSON_TRUE ? S("true") : S("false");
	else
		return false;
	*out = arena_dup(a, *out);
	return true;
}

static bool known_members(const struct json *j)
{
	ASSERT(json_is(j, JSON_OBJECT));
	static const char *const known[] = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"};
	for (uint32_t i = 0; i < j->n; i++) {
		bool ok = false;
		for (size_t k = 0; k < COUNT_OF(known); k++)
			ok = ok || str_eq(j->members[i].key, str_c(known[k]));
		if (!ok)
			return false;
	}
	return true;
}

/* Headers that API Gateway keeps for itself go out under another name. Source: "Important notes for REST APIs". */
struct str remapped(struct arena *a, struct str name)
{
	static const char *const kept[] = {"Authorization", "Date", "Server", "WWW-Authenticate", "Host", "User-Agent", "Content-MD5", "Expect", "TE",
		"Max-Forwards", "X-Forwarded-For"};
	for (size_t i = 0; i < COUNT_OF(kept); i++)
		if (str_eq_nocase(name, str_c(kept[i])))
			return arena_join(a, S("x-amzn-Remapped-"), name);
	return name;
}

static bool take_headers(struct exchange *x, const struct json *j)
{
	struct arena *a = x->c->arena;
	const struct json *one = json_get(j, S("headers")), *many = json_get(j, S("multiValueHeaders"));
	if ((one != NULL && one->type != JSON_NULL && one->type != JSON_OBJECT) || (many != NULL && many->type != JSON_NULL && many->type != JSON_OBJECT))
		return false;
	for (uint32_t i = 0; json_is(one, JSON_OBJECT) && i < one->n; i++) {
		struct str v;
		if (json_get(many, one->members[i].key) != NULL || one->members[i].value.type == JSON_NULL)
			continue; /* the list counts */
		if (!scalar_text(a, &one->members[i].value, &v))
			return false;
		add_header(x, remapped(a, arena_dup(a, one->members[i].key)), v);
	}
	for (uint32_t i = 0; json_is(many, JSON_OBJECT) && i < many->n; i++) {
		const struct json *list = &many->members[i].value;
		for (uint32_t k = 0; json_is(list, JSON_ARRAY) && k < list->n; k++) {
			struct str v;
			if (!scalar_text(a, &list->items[k], &v))
				return false;
			add_header(x, remapped(a, arena_dup(a, many->members[i].key)), v);
		}
		if (!json_is(list, JSON_ARRAY))
			return false;
	}
	return true;
}

static bool has_header(const struct exchange *x, struct str name)
{
	for (size_t i = 0; i < x->n_headers; i++)
		if (str_eq_nocase(x->headers[i].name, name))
			return true;
	return false;
}

static bool take_body(struct exchange *x, const struct json *j)
{
	ASSERT(x->body.n == 0);
	const struct json *body = json_get(j, S("body")), *encoded = json_get(j, S("isBase64Encoded"));
	bool binary = json_is(encoded, JSON_TRUE);
	x->body = S("");
	if (body == NULL || body->type == JSON_NULL)
		return true;
	if (!scalar_text(x->c->arena, body, &x->body))
		return false;
	if (!binary)
		return true;
	/* Decoded only when the client accepts what the API counts as binary; else the base64 text goes out, as on AWS. */
	struct str accept = wire_header(x->c->http, S("accept")), rest = accept, first = str_present(rest) ? str_trim(str_cut(&rest, ',')) : S("");
	struct str type = STR_NONE;
	for (size_t i = 0; i < x->n_headers; i++)
		if (str_eq_nocase(x->headers[i].name, S("content-type")))
			type = x->headers[i].value;
	if (!is_binary_type(x, first) && !is_binary_type(x, type))
		return true;
	struct str raw = base64_decode(x->c->arena, x->body);
	if (!str_present(raw))
		return false;
	x->body = raw;
	return true;
}

static bool take_status(struct exchange *x, const struct json *j)
{
	ASSERT(x->status == 0); /* nothing has answered before */
	const struct json *status = json_get(j, S("statusCode"));
	int64_t code = 200;
	if (status != NULL && status->type != JSON_NULL && !json_to_i64(status, &code) && !str_to_i64(json_str(status), &code))
		return false;
	x->status = (int)code;
	return code >= 200 && code <= 599;
}

static bool take_answer(struct exchange *x, struct str payload)
{
	ASSERT(x->n_headers == 0);
	const struct json *j = json_parse(x->c->arena, payload, NULL);
	if (!json_is(j, JSON_OBJECT) || !known_members(j) || !take_status(x, j) || !take_headers(x, j) || !take_body(x, j))
		return false;
	if (!has_header(x, S("content-type")))
		add_header(x, S("Content-Type"), S("application/json"));
	return true;
}

static void failed(struct exchange *x, const struct wire_error *e)
{
	ASSERT(str_present(e->code));
	if (str_find_str(e->code, S("TooManyRequests")) >= 0)
		gateway_answer_as(x, "INTEGRATION_FAILURE", 500, "Internal server error");
	else if (e->status == 403 || str_find_str(e->code, S("AccessDenied")) >= 0 || str_find_str(e->code, S("NotFound")) >= 0)
		gateway_answer(x, "API_CONFIGURATION_ERROR", "Internal server error");
	else
		gateway_answer_as(x, "INTEGRATION_FAILURE", 502, "Internal server error");
}

void run_lambda_proxy(struct exchange *x, const struct apigateway_Integration *i)
{
	ASSERT(str_eq(i->type, S("AWS_PROXY")) && x->resource != NULL);
	struct call *c = x->c;
	int64_t deadline = c->started_ms + (i->timeoutInMillis.set ? i->timeoutInMillis.v : TIMEOUT_DEFAULT_MS);
	x->integration_status = 0;
	if (c->now_ms >= deadline) {
		gateway_answer(x, "INTEGRATION_TIMEOUT", "Endpoint request timed out");
		return;
	}
	struct str payload = json_text(c->arena, proxy_event(x)), out = STR_NONE;
	struct str source = execute_api_arn(c, x->api, arena_join(c->arena, x->stage_name, S("/"), c->http->method, x->resource->path));
	struct wire_error error = {0};
	if (!invoke_function(x, i->uri, i->credentials, source, payload, &out, &error)) {
		if (x->parked)
			call_wait(c, S(""), deadline);
		else
			failed(x, &error);
		return;
	}
	x->integration_status = 200;
	if (take_answer(x, out))
		return;
	gateway_answer_as(x, "DEFAULT_5XX", 502, "Internal server error");
}
