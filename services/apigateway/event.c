/* The event of a Lambda proxy integration, payload format 1.0.
 *
 * Source: "Input format of a Lambda function for proxy integration" (API Gateway developer guide). */
#include "serve.h"

#include "base/time.h"

static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct param *request_headers(struct exchange *x, size_t *n)
{
	const struct wire_request *r = x->c->http;
	struct arena *a = x->c->arena;
	struct param *v = arena_array(a, struct param, r->n_headers + 4);
	*n = 0;
	struct str forwarded = wire_header(r, S("x-forwarded-for"));
	for (size_t i = 0; i < r->n_headers; i++) {
		struct str name = r->headers[i].name;
		if (str_eq_nocase(name, S("x-forwarded-for")) || str_eq_nocase(name, S("x-forwarded-proto")) || str_eq_nocase(name, S("x-forwarded-port")) ||
		    str_eq_nocase(name, S("x-amzn-trace-id")) || str_eq_nocase(name, S("connection")) || str_eq_nocase(name, S("content-length")) ||
		    str_eq_nocase(name, S("transfer-encoding")) || str_eq_nocase(name, S("expect")))
			continue;
		v[(*n)++] = (struct param){str_eq_nocase(name, S("host")) ? S("Host") : name, r->headers[i].value, true};
	}
	ptrdiff_t colon = str_rfind(r->host, ':');
	v[(*n)++] = (struct param){S("X-Amzn-Trace-Id"), x->trace, true};
	v[(*n)++] = (struct param){S("X-Forwarded-For"),
		str_present(forwarded) ? arena_join(a, forwarded, S(", "), x->c->source_ip) : x->c->source_ip, true};
	v[(*n)++] = (struct param){S("X-Forwarded-Port"),
		colon > 0 ? str_slice(r->host, (size_t)colon + 1, r->host.n) : x->c->tls ? S("443") : S("80"), true};
	v[(*n)++] = (struct param){S("X-Forwarded-Proto"), x->c->tls ? S("https") : S("http"), true};
	return v;
}

static struct json *null(struct arena *a) { return json_new_null(a); }

/* Single values (the last one counts) and lists of all, from pairs; null when there are none. */
static void pairs(struct arena *a, struct json *event, struct str one, struct str many, const struct param *v, size_t n, bool nocase)
{
	if (n == 0) {
		json_set(a, event, one, null(a));
		json_set(a, event, many, null(a));
		return;
	}
	struct json *single = json_new_object(a), *multi = json_new_object(a);
	for (size_t i = 0; i < n; i++) {
		struct str name = v[i].name;
		struct json *list = json_get(multi, name);
		for (uint32_t k = 0; nocase && list == NULL && k < multi->n; k++)
			if (str_eq_nocase(multi->members[k].key, name)) {
				name = multi->members[k].key;
				list = &multi->members[k].value;
			}
		if (list == NULL)
			list = json_set(a, multi, name, json_new_array(a));
		json_push(a, list, json_new_str(a, v[i].value.p != NULL ? v[i].value : S("")));
		json_set(a, single, name, json_new_str(a, v[i].value.p != NULL ? v[i].value : S("")));
	}
	json_set(a, event, one, single);
	json_set(a, event, many, multi);
}

static struct json *identity(struct exchange *x)
{
	static const char *const none[] = {"cognitoIdentityPoolId", "accountId", "cognitoIdentityId", "caller"};
	static const char *const none_after[] = {"cognitoAuthenticationType", "cognitoAuthenticationProvider"};
	struct arena *a = x->c->arena;
	struct json *o = json_new_object(a);
	const struct principal *who = x->c->who;
	bool iam = str_eq(x->method->authorizationType, S("AWS_IAM")) && who->type != PRINCIPAL_ANONYMOUS;
	for (size_t i = 0; i < COUNT_OF(none); i++)
		json_set(a, o, str_c(none[i]), null(a));
	if (iam) {
		json_set_str(a, o, "accountId", who->account);
		json_set_str(a, o, "caller", str_present(who->user_id) ? who->user_id : who->account);
	}
	json_set_str(a, o, "sourceIp", x->c->source_ip);
	json_set(a, o, S("principalOrgId"), null(a));
	json_set(a, o, S("accessKey"), iam ? json_new_str(a, who->access_key) : null(a));
	for (size_t i = 0; i < COUNT_OF(none_after); i++)
		json_set(a, o, str_c(none_after[i]), null(a));
	json_set(a, o, S("userArn"), iam ? json_new_str(a, who->arn) : null(a));
	json_set(a, o, S("userAgent"), str_present(x->c->user_agent) ? json_new_str(a, x->c->user_agent) : null(a));
	json_set(a, o, S("user"), iam ? json_new_str(a, str_present(who->user_id) ? who->user_id : who->account) : null(a));
	if (str_present(x->key_value)) {
		json_set_str(a, o, "apiKey", x->key_value);
		json_set_str(a, o, "apiKeyId", x->key_id);
	}
	return o;
}

static struct str request_time(struct exchange *x)
{
	struct civil t = civil_of(x->c->started_ms);
	ASSERT(t.month >= 1 && t.month <= 12);
	return arena_printf(x->c->arena, "%02d/%s/%04d:%02d:%02d:%02d +0000", t.day, months[t.month - 1], t.year, t.hour, t.minute, t.second);
}

struct json *request_context(struct exchange *x)
{
	ASSERT(x->resource != NULL && x->method != NULL && x->stage != NULL);
	struct arena *a = x->c->arena;
	struct json *o = json_new_object(a);
	struct str rest = x->domain;
	json_set_str(a, o, "resourceId", x->resource->id);
	if (x->authorizer != NULL)
		json_set(a, o, S("authorizer"), x->authorizer);
	json_set_str(a, o, "resourcePath", x->resource->path);
	json_set_str(a, o, "httpMethod", x->c->http->method);
	json_set_str(a, o, "extendedRequestId", x->extended_id);
	json_set_str(a, o, "requestTime", request_time(x));
	json_set_str(a, o, "path", x->full_path);
	json_set_str(a, o, "accountId", x->c->account);
	json_set_str(a, o, "protocol", S("HTTP/1.1"));
	json_set_str(a, o, "stage", x->stage_name);
	json_set_str(a, o, "domainPrefix", str_cut(&rest, '.'));
	json_set_i64(a, o, "requestTimeEpoch", x->c->started_ms);
	json_set_str(a, o, "requestId", x->request_id);
	json_set(a, o, S("identity"), identity(x));
	json_set_str(a, o, "domainName", x->domain);
	json_set_str(a, o, "deploymentId", x->stage->deploymentId);
	json_set_str(a, o, "apiId", x->api);
	return o;
}

bool is_binary_type(const struct exchange *x, struct str content_type)
{
	struct str rest = content_type, type = str_present(rest) ? str_trim(str_cut(&rest, ';')) : S("");
	const struct list *types = &x->deployment->Api->binaryMediaTypes;
	for (uint32_t i = 0; i < types->n; i++) {
		struct str want = *LIST_AT(*types, struct str, i);
		if (str_eq(want, S("*/*")) || str_eq_nocase(want, type))
			return true;
		if (str_ends(want, S("/*")) && str_starts_nocase(type, str_slice(want, 0, want.n - 1)))
			return true;
	}
	return false;
}

/* Text that is not UTF-8 is read as Latin-1, so that the event stays JSON. */
static struct str as_text(struct arena *a, struct str body)
{
	if (utf8_valid(body))
		return body;
	struct buf b;
	buf_init(&b, a, 0);
	for (size_t i = 0; i < body.n; i++) {
		unsigned char ch = (unsigned char)body.p[i];
		if (ch < 0x80) {
			buf_putc(&b, (char)ch);
		} else {
			buf_putc(&b, (char)(0xc0 | ch >> 6));
			buf_putc(&b, (char)(0x80 | (ch & 0x3f)));
		}
	}
	return buf_view(&b);
}

static struct json *stage_variables(struct exchange *x)
{
	struct arena *a = x->c->arena;
	const struct apigateway_MapOfStringToString_entry *e = x->stage->variables.v;
	if (x->stage->variables.n == 0)
		return null(a);
	struct json *o = json_new_object(a);
	for (uint32_t i = 0; i < x->stage->variables.n; i++)
		json_set(a, o, e[i].key, json_new_str(a, e[i].value));
	return o;
}

struct json *proxy_event(struct exchange *x)
{
	const struct wire_request *r = x->c->http;
	struct arena *a = x->c->arena;
	struct json *e = json_new_object(a), *parameters = json_new_object(a);
	size_t n;
	struct param *headers = request_headers(x, &n);
	json_set_str(a, e, "resource", x->resource->path);
	json_set_str(a, e, "path", x->path);
	json_set_str(a, e, "httpMethod", r->method);
	pairs(a, e, S("headers"), S("multiValueHeaders"), headers, n, true);
	pairs(a, e, S("queryStringParameters"), S("multiValueQueryStringParameters"), r->query.v, r->query.n, false);
	for (size_t i = 0; i < x->n_path_params; i++)
		json_set(a, parameters, x->path_params[i].name, json_new_str(a, x->path_params[i].value));
	json_set(a, e, S("pathParameters"), x->n_path_params > 0 ? parameters : null(a));
	json_set(a, e, S("stageVariables"), stage_variables(x));
	json_set(a, e, S("requestContext"), request_context(x));
	bool binary = r->body.n > 0 && is_binary_type(x, wire_header(r, S("content-type")));
	if (r->body.n == 0)
		json_set(a, e, S("body"), null(a));
	else
		json_set_str(a, e, "body", binary ? base64_encode(a, r->body) : as_text(a, r->body));
	json_set_bool(a, e, "isBase64Encoded", binary);
	return e;
}
