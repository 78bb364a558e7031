/* Function URLs: their configuration, and the HTTP requests that come to them.
 *
 * ("url", name, qualifier) is the FunctionUrlConfig; ("lambda", "", "", "urls", id) finds the function by the host's first
 * label: <id>.lambda-url.<region>.<anything>. Requests become events of payload format 2.0. Source: "Invoking Lambda
 * function URLs" and "Control access to Lambda function URLs" (developer guide). */
#include "flow.h"

#include "base/time.h"
#include "os/os.h"

static struct key *url_key(struct call *c, struct str name, struct str qualifier)
{
	return key_str(key_str(call_key(c, "url"), name), str_present(qualifier) ? qualifier : S(""));
}

static struct key *id_key(struct call *c, struct str id)
{
	struct key *k = arena_new_of(c->arena, struct key);
	*k = key_new(c->arena);
	return key_str(key_str(key_str(key_str(key_str(k, S("lambda")), S("")), S("")), S("urls")), id);
}

static bool url_target(struct call *c, struct str function, struct str qualifier, struct function_ref *ref)
{
	struct str version;
	if (!function_ref_of(c, function, qualifier, ref) || function_resolve(c, ref, &version) == NULL)
		return false;
	if (!str_present(ref->qualifier) || !(is_version_number(ref->qualifier) || str_eq(ref->qualifier, S("$LATEST"))))
		return true;
	lambda_fail(c, &lambda_err_InvalidParameterValueException, "A function URL belongs to a function or to an alias, not to a version");
	return false;
}

static struct str url_id(struct str url) { return str_slice(url, 7, (size_t)str_find(url, '.')); }

void access_create_url(struct call *c)
{
	const struct lambda_CreateFunctionUrlConfigRequest *in = c->in;
	access_function(c, in->FunctionName, in->Qualifier);
}

void op_create_url(struct call *c)
{
	const struct lambda_CreateFunctionUrlConfigRequest *in = c->in;
	struct lambda_CreateFunctionUrlConfigResponse *out = c->out;
	struct function_ref ref;
	if (!url_target(c, in->FunctionName, in->Qualifier, &ref))
		return;
	if (call_get(c, url_key(c, ref.name, ref.qualifier), &lambda_shape_FunctionUrlConfig) != NULL) {
		lambda_fail(c, &lambda_err_ResourceConflictException, "Failed to create function url config for [functionArn = %.*s]. Error message:  "
			"FunctionUrlConfig exists for this Lambda function", STR_ARG(function_arn(c, ref.name, ref.qualifier)));
		return;
	}
	char id[33];
	random_lower(id, 32);
	id[32] = '\0';
	struct lambda_FunctionUrlConfig u = {.FunctionArn = function_arn(c, ref.name, ref.qualifier), .CreationTime = lambda_time(c),
		.LastModifiedTime = lambda_time(c), .Cors = in->Cors, .AuthType = in->AuthType,
		.InvokeMode = str_present(in->InvokeMode) ? in->InvokeMode : S("BUFFERED")};
	u.FunctionUrl = arena_printf(c->arena, "http://%s.lambda-url.%.*s.localhost:%d/", id, STR_ARG(c->region), service_config()->port);
	call_put(c, url_key(c, ref.name, ref.qualifier), &lambda_shape_FunctionUrlConfig, &u);
	struct lambda_UrlRecord r = {ref.name, ref.qualifier, c->account, c->region};
	call_put(c, id_key(c, str_c(id)), &lambda_shape_UrlRecord, &r);
	*out = (struct lambda_CreateFunctionUrlConfigResponse){u.FunctionUrl, u.FunctionArn, u.AuthType, u.Cors, u.CreationTime, u.InvokeMode};
}

static struct lambda_FunctionUrlConfig *url_need(struct call *c, struct str function, struct str qualifier, struct function_ref *ref)
{
	if (!function_ref_of(c, function, qualifier, ref))
		return NULL;
	struct lambda_FunctionUrlConfig *u = call_get(c, url_key(c, ref->name, ref->qualifier), &lambda_shape_FunctionUrlConfig);
	if (u == NULL)
		lambda_fail(c, &lambda_err_ResourceNotFoundException, "The resource you requested does not exist.");
	return u;
}

void access_get_url(struct call *c)
{
	const struct lambda_GetFunctionUrlConfigRequest *in = c->in;
	access_function(c, in->FunctionName, in->Qualifier);
}

void op_get_url(struct call *c)
{
	const struct lambda_GetFunctionUrlConfigRequest *in = c->in;
	struct function_ref ref;
	struct lambda_FunctionUrlConfig *u = url_need(c, in->FunctionName, in->Qualifier, &ref);
	if (u != NULL)
		*(struct lambda_GetFunctionUrlConfigResponse *)c->out = (struct lambda_GetFunctionUrlConfigResponse){u->FunctionUrl, u->FunctionArn,
			u->AuthType, u->Cors, u->CreationTime, u->LastModifiedTime, u->InvokeMode};
}

void access_update_url(struct call *c)
{
	const struct lambda_UpdateFunctionUrlConfigRequest *in = c->in;
	access_function(c, in->FunctionName, in->Qualifier);
}

void op_update_url(struct call *c)
{
	const struct lambda_UpdateFunctionUrlConfigRequest *in = c->in;
	struct function_ref ref;
	struct lambda_FunctionUrlConfig *u = url_need(c, in->FunctionName, in->Qualifier, &ref);
	if (u == NULL)
		return;
	if (in->Cors != NULL)
		u->Cors = in->Cors;
	if (str_present(in->AuthType))
		u->AuthType = in->AuthType;
	if (str_present(in->InvokeMode))
		u->InvokeMode = in->InvokeMode;
	u->LastModifiedTime = lambda_time(c);
	call_put(c, url_key(c, ref.name, ref.qualifier), &lambda_shape_FunctionUrlConfig, u);
	*(struct lambda_UpdateFunctionUrlConfigResponse *)c->out = (struct lambda_UpdateFunctionUrlConfigResponse){u->FunctionUrl, u->FunctionArn,
		u->AuthType, u->Cors, u->CreationTime, u->LastModifiedTime, u->InvokeMode};
}

void access_delete_url(struct call *c)
{
	const struct lambda_DeleteFunctionUrlConfigRequest *in = c->in;
	access_function(c, in->FunctionName, in->Qualifier);
}

void op_delete_url(struct call *c)
{
	const struct lambda_DeleteFunctionUrlConfigRequest *in = c->in;
	struct function_ref ref;
	struct lambda_FunctionUrlConfig *u = url_need(c, in->FunctionName, in->Qualifier, &ref);
	if (u == NULL)
		return;
	call_del(c, url_key(c, ref.name, ref.qualifier));
	call_del(c, id_key(c, url_id(u->FunctionUrl)));
}

void urls_forget(struct call *c, struct str name)
{
	struct str key, value;
	struct scan *s = call_scan(c, key_str(call_key(c, "url"), name), STR_NONE, false);
	while (scan_next(s, &key, &value)) {
		const struct lambda_FunctionUrlConfig *u = record_decode(c, &lambda_shape_FunctionUrlConfig, value);
		call_del(c, id_key(c, url_id(u->FunctionUrl)));
		txn_del(c->txn, arena_dup(c->arena, key));
	}
}

void access_list_urls(struct call *c)
{
	const struct lambda_ListFunctionUrlConfigsRequest *in = c->in;
	access_function(c, in->FunctionName, STR_NONE);
}

void op_list_urls(struct call *c)
{
	const struct lambda_ListFunctionUrlConfigsRequest *in = c->in;
	struct lambda_ListFunctionUrlConfigsResponse *out = c->out;
	struct function_ref ref;
	struct str key, value;
	if (!function_ref_of(c, in->FunctionName, STR_NONE, &ref))
		return;
	struct lambda_FunctionUrlConfig *v = NULL;
	uint32_t n = 0;
	struct scan *s = call_scan(c, key_str(call_key(c, "url"), ref.name), STR_NONE, false);
	while (scan_next(s, &key, &value)) {
		v = arena_grow(c->arena, v, sizeof *v, n, n + 1);
		v[n++] = *(struct lambda_FunctionUrlConfig *)record_decode(c, &lambda_shape_FunctionUrlConfig, value);
	}
	out->FunctionUrlConfigs = (struct list){v, n, true};
}

/* ---- requests ---- */

bool url_claims(const struct wire_request *r) { return str_find_str(r->host, S(".lambda-url.")) > 0; }

static struct json *headers_json(struct call *c)
{
	struct json *h = json_new_object(c->arena);
	for (size_t i = 0; i < c->http->n_headers; i++) {
		struct str name = arena_dup(c->arena, c->http->headers[i].name);
		for (size_t k = 0; k < name.n; k++)
			if (name.p[k] >= 'A' && name.p[k] <= 'Z')
				((char *)name.p)[k] = (char)(name.p[k] + 32);
		struct str old = json_str(json_get(h, name));
		struct str value = str_present(old) ? arena_join(c->arena, old, S(","), c->http->headers[i].value) : c->http->headers[i].value;
		json_set(c->arena, h, name, json_new_str(c->arena, value));
	}
	return h;
}

static struct json *authorizer_json(struct arena *a, const struct principal *who)
{
	struct json *o = json_new_object(a), *iam = json_new_object(a);
	json_set_str(a, iam, "accessKey", who->access_key);
	json_set_str(a, iam, "accountId", who->account);
	json_set_str(a, iam, "callerId", who->user_id);
	json_set(a, iam, S("cognitoIdentity"), json_new_null(a));
	json_set(a, iam, S("principalOrgId"), json_new_null(a));
	json_set_str(a, iam, "userArn", who->arn);
	json_set_str(a, iam, "userId", who->user_id);
	json_set(a, o, S("iam"), iam);
	return o;
}

static struct json *context_json(struct call *c, struct str host, struct str path, struct str request_id)
{
	struct arena *a = c->arena;
	struct json *x = json_new_object(a), *http = json_new_object(a);
	struct str id = str_cut(&(struct str){host.p, host.n}, '.');
	struct civil t = civil_of(c->now_ms);
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	bool signed_by = c->who->type != PRINCIPAL_ANONYMOUS;
	json_set_str(a, x, "accountId", signed_by ? c->who->account : S("anonymous"));
	json_set_str(a, x, "apiId", id);
	if (signed_by)
		json_set(a, x, S("authorizer"), authorizer_json(a, c->who));
	json_set_str(a, x, "domainName", host);
	json_set_str(a, x, "domainPrefix", id);
	json_set_str(a, http, "method", c->http->method);
	json_set_str(a, http, "path", path);
	json_set_str(a, http, "protocol", S("HTTP/1.1"));
	json_set_str(a, http, "sourceIp", c->source_ip);
	json_set_str(a, http, "userAgent", str_present(c->user_agent) ? c->user_agent : S(""));
	json_set(a, x, S("http"), http);
	json_set_str(a, x, "requestId", request_id);
	json_set_str(a, x, "routeKey", S("$default"));
	json_set_str(a, x, "stage", S("$default"));
	json_set_str(a, x, "time", arena_printf(a, "%02d/%s/%04d:%02d:%02d:%02d +0000", t.day, months[(t.month + 11) % 12], t.year, t.hour,
		t.minute, t.second));
	json_set_i64(a, x, "timeEpoch", c->now_ms);
	return x;
}

static bool is_text(struct str type)
{
	return !str_present(type) || str_starts(type, S("text/")) || str_find_str(type, S("json")) >= 0 || str_find_str(type, S("xml")) >= 0 ||
	       str_find_str(type, S("javascript")) >= 0 || str_find_str(type, S("x-www-form-urlencoded")) >= 0;
}

/* Payload format 2.0. */
static struct str event_text(struct call *c, struct str host)
{
	struct arena *a = c->arena;
	struct json *e = json_new_object(a), *query = json_new_object(a), *cookies = json_new_array(a);
	struct str path = uri_decode(a, c->http->raw_path, false), body = c->http->body;
	if (!str_present(path))
		path = c->http->raw_path;
	json_set_str(a, e, "version", S("2.0"));
	json_set_str(a, e, "routeKey", S("$default"));
	json_set_str(a, e, "rawPath", path);
	json_set_str(a, e, "rawQueryString", str_present(c->http->raw_query) ? c->http->raw_query : S(""));
	struct str rest = wire_header(c->http, S("cookie"));
	while (str_present(rest))
		json_push(a, cookies, json_new_str(a, str_trim(str_cut(&rest, ';'))));
	if (cookies->n > 0)
		json_set(a, e, S("cookies"), cookies);
	json_set(a, e, S("headers"), headers_json(c));
	for (size_t i = 0; i < c->http->query.n; i++) {
		const struct param *p = &c->http->query.v[i];
		struct str old = json_str(json_get(query, p->name));
		struct str value = str_present(old) ? arena_join(a, old, S(","), p->value) : p->value;
		json_set(a, query, p->name, json_new_str(a, str_present(value) ? value : S("")));
	}
	if (query->n > 0)
		json_set(a, e, S("queryStringParameters"), query);
	json_set(a, e, S("requestContext"), context_json(c, host, path, c->request_id));
	bool text = is_text(wire_header(c->http, S("content-type")));
	if (body.n > 0)
		json_set_str(a, e, "body", text ? body : base64_encode(a, body));
	json_set_bool(a, e, "isBase64Encoded", body.n > 0 && !text);
	return json_text(a, e);
}

static void reply_json(struct call *c, int status, const char *text)
{
	const struct param type = {S("content-type"), S("application/json"), true};
	call_reply(c, status, &type, 1, str_c(text));
}

/* ---- CORS: answered here, not by the function ---- */

static bool listed(const struct list *l, struct str value)
{
	for (uint32_t i = 0; i < l->n; i++) {
		struct str one = *LIST_AT(*l, struct str, i);
		if (str_eq(one, S("*")) || str_eq_nocase(one, value))
			return true;
	}
	return false;
}

static struct str joined(struct arena *a, const struct list *l)
{
	struct str all = S("");
	for (uint32_t i = 0; i < l->n; i++)
		all = arena_join(a, all, i > 0 ? S(",") : S(""), *LIST_AT(*l, struct str, i));
	return all;
}

enum { CORS_HEADERS = 6 };

/* The headers for a request from an allowed origin; how many. */
static size_t cors_headers(struct call *c, const struct lambda_Cors *k, bool preflight, struct param out[CORS_HEADERS])
{
	struct str origin = wire_header(c->http, S("origin"));
	size_t n = 0;
	if (k == NULL || !str_present(origin) || !listed(&k->AllowOrigins, origin))
		return 0;
	bool any = k->AllowOrigins.n == 1 && str_eq(*LIST_AT(k->AllowOrigins, struct str, 0), S("*")) && !k->AllowCredentials.v;
	out[n++] = (struct param){S("access-control-allow-origin"), any ? S("*") : origin, true};
	if (!any)
		out[n++] = (struct param){S("vary"), S("Origin"), true};
	if (k->AllowCredentials.v)
		out[n++] = (struct param){S("access-control-allow-credentials"), S("true"), true};
	if (!preflight && k->ExposeHeaders.n > 0)
		out[n++] = (struct param){S("access-control-expose-headers"), joined(c->arena, &k->ExposeHeaders), true};
	if (preflight && k->AllowMethods.n > 0)
		out[n++] = (struct param){S("access-control-allow-methods"), joined(c->arena, &k->AllowMethods), true};
	if (preflight && k->AllowHeaders.n > 0)
		out[n++] = (struct param){S("access-control-allow-headers"), joined(c->arena, &k->AllowHeaders), true};
	if (preflight && k->MaxAge.set && n < CORS_HEADERS)
		out[n++] = (struct param){S("access-control-max-age"), arena_printf(c->arena, "%lld", (long long)k->MaxAge.v), true};
	return n;
}

static bool preflight(struct call *c, const struct lambda_Cors *k)
{
	if (k == NULL || !str_eq(c->http->method, S("OPTIONS")) || !str_present(wire_header(c->http, S("access-control-request-method"))))
		return false;
	struct param headers[CORS_HEADERS];
	size_t n = cors_headers(c, k, true, headers);
	call_reply(c, 200, headers, n, S(""));
	return true;
}

static size_t plain_headers(struct call *c, const struct lambda_Cors *cors, struct str type, struct param headers[CORS_HEADERS + 1])
{
	size_t n = cors_headers(c, cors, false, headers);
	headers[n++] = (struct param){S("content-type"), type, true};
	return n;
}

/* Those of {"headers", "cookies"} and ours, in the call's arena; how many. */
static size_t answer_headers(struct call *c, const struct json *j, const struct lambda_Cors *cors, struct param **out)
{
	const struct json *given = json_get(j, S("headers")), *cookies = json_get(j, S("cookies"));
	size_t most = CORS_HEADERS + (given != NULL ? given->n : 0) + (cookies != NULL ? cookies->n : 0) + 1;
	struct param *headers = arena_array(c->arena, struct param, most);
	size_t n = cors_headers(c, cors, false, headers);
	bool typed = false;
	for (size_t i = 0; json_is(given, JSON_OBJECT) && i < given->n; i++) {
		const struct json *v = &given->members[i].value;
		typed |= str_eq_nocase(given->members[i].key, S("content-type"));
		headers[n++] = (struct param){given->members[i].key, v->type == JSON_STRING ? v->text : json_text(c->arena, v), true};
	}
	for (size_t i = 0; json_is(cookies, JSON_ARRAY) && i < cookies->n; i++)
		headers[n++] = (struct param){S("set-cookie"), json_str(json_at(cookies, i)), true};
	if (!typed)
		headers[n++] = (struct param){S("content-type"), S("application/json"), true};
	ASSERT(n <= most);
	*out = headers;
	return n;
}

/* {"statusCode", "headers", "cookies", "body", "isBase64Encoded"}; anything else is the body itself. */
static void reply_answer(struct call *c, struct str payload, const struct lambda_Cors *cors)
{
	struct arena *a = c->arena;
	struct json *j = json_parse(a, payload, NULL);
	struct param plain[CORS_HEADERS + 1], *headers;
	if (!json_is(j, JSON_OBJECT) || json_get(j, S("statusCode")) == NULL) {
		size_t k = plain_headers(c, cors, S("application/json"), plain);
		call_reply(c, 200, plain, k, json_is(j, JSON_STRING) ? j->text : payload);
		return;
	}
	size_t n = answer_headers(c, j, cors, &headers);
	struct json *text = json_get(j, S("body"));
	struct str body = json_is(text, JSON_STRING) ? text->text : text != NULL && text->type != JSON_NULL ? json_text(a, text) : S("");
	if (json_get_bool(j, "isBase64Encoded", false)) {
		body = base64_decode(a, body);
		if (!str_present(body))
			body = S("");
	}
	int64_t status = json_get_i64(j, "statusCode", 200);
	call_reply(c, status >= 200 && status < 600 ? (int)status : 502, headers, n, body);
}

/* An answer that is streamed: with the status and headers that the function put before it, or as it is. */
static void reply_stream(struct call *c, const struct answer *a, const struct lambda_Cors *cors)
{
	struct param plain[CORS_HEADERS + 1], *headers = plain;
	int64_t status = 200;
	size_t n;
	if (a->detail == NULL) { /* the function does not stream, or ended before its head was whole */
		n = plain_headers(c, cors, S("application/octet-stream"), plain);
		call_reply(c, 200, plain, n, a->bytes);
		return;
	}
	if (str_present(a->bytes)) {
		const struct json *j = json_parse(c->arena, a->bytes, NULL);
		if (!json_is(j, JSON_OBJECT)) {
			reply_json(c, 502, "Internal Server Error");
			return;
		}
		n = answer_headers(c, j, cors, &headers);
		status = json_get_i64(j, "statusCode", 200);
	} else {
		n = plain_headers(c, cors, a->error_message, plain);
	}
	call_reply_stream(c, status >= 200 && status < 600 ? (int)status : 502, headers, n, flow_source(a->detail));
}

/* AuthType NONE still needs a statement that lets everybody in; with AWS_IAM the caller's own policies count too. */
static bool may_invoke(struct call *c, const struct lambda_FunctionUrlConfig *u, const struct function_ref *ref)
{
	static const struct principal nobody = {.type = PRINCIPAL_ANONYMOUS};
	bool open = str_eq(u->AuthType, S("NONE"));
	struct str auth = u->AuthType;
	struct condition_key key = {S("lambda:FunctionUrlAuthType"), &auth, 1};
	struct access_extra x = {.keys = &key, .n_keys = 1, .resource_policy = policy_document(c, ref->name, ref->qualifier),
		.resource_account = c->account};
	if (!open && c->who->type == PRINCIPAL_ANONYMOUS)
		return false;
	struct str arn = function_arn(c, ref->name, ref->qualifier);
	return authorize_as(c, open ? &nobody : c->who, S("lambda:InvokeFunctionUrl"), arn, &x).decision == DECISION_ALLOW;
}

static const char forbidden[] = "{\"Message\":\"Forbidden. For troubleshooting Function URL authorization issues, see: "
	"https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html\"}";

static void run_url(struct call *c, const struct lambda_FunctionUrlConfig *u, const struct function_ref *ref, struct str host)
{
	struct str version = str_present(ref->qualifier) ? ref->qualifier : S("$LATEST");
	struct lambda_AliasConfiguration *alias = str_present(ref->qualifier) ? alias_get(c, ref->name, ref->qualifier) : NULL;
	struct lambda_FunctionRecord *f = function_get(c, ref->name, alias != NULL ? alias_pick(c, alias) : version);
	struct lambda_FunctionMeta *meta = meta_get(c, ref->name);
	if (f == NULL || meta == NULL || !may_invoke(c, u, ref)) {
		reply_json(c, 403, forbidden);
		return;
	}
	bool streams = str_eq(u->InvokeMode, S("RESPONSE_STREAM"));
	const struct invoke_spec s = {.config = f->Config, .payload = event_text(c, host), .request_id = c->request_id, .trace = trace_of(c),
		.stream = streams ? STREAM_HTTP : STREAM_NONE,
		.resource = str_present(ref->qualifier) ? arena_join(c->arena, ref->name, S(":"), ref->qualifier) : ref->name,
		.invoked_arn = function_arn(c, ref->name, ref->qualifier), .reserved = meta->Reserved.set ? meta->Reserved.v : -1};
	const struct answer *a = invoke_await(c, &s);
	if (a == NULL)
		return;
	if (!a->ok)
		reply_json(c, 429, "{\"Message\":\"Too Many Requests\"}");
	else if (a->error_code.n > 0)
		reply_json(c, 502, "Internal Server Error");
	else if (streams)
		reply_stream(c, a, u->Cors);
	else
		reply_answer(c, a->bytes, u->Cors);
}

void url_serve(struct call *c)
{
	struct str host = c->http->host, rest = host, id = str_cut(&rest, '.');
	struct lambda_UrlRecord *r = call_get(c, id_key(c, id), &lambda_shape_UrlRecord);
	if (r == NULL) {
		reply_json(c, 403, "{\"Message\":\"Forbidden\"}");
		return;
	}
	c->account = r->Account;
	c->region = r->Region;
	struct function_ref ref = {r->FunctionName, r->Qualifier};
	struct lambda_FunctionUrlConfig *u = call_get(c, url_key(c, ref.name, ref.qualifier), &lambda_shape_FunctionUrlConfig);
	ASSERT(u != NULL); /* both records come and go together */
	if (!preflight(c, u->Cors))
		run_url(c, u, &ref, host);
}
