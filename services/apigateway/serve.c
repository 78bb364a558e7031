/* The data plane: a request to <api>.execute-api.<anything>/<stage>/... or /_aws/execute-api/<api>/<stage>/...
 *
 * Read execute() from top to bottom: each step goes on or has answered. The handler runs again from the top when a
 * function has answered, so everything before is made from the request, the store and earlier answers only. */
#include "serve.h"

#include "svc/arn.h"

#define LOCAL_PREFIX "/_aws/execute-api/"

/* The label before ".execute-api."; absent when the host is none of ours. */
static struct str api_of_host(struct str host)
{
	ptrdiff_t at = str_find_str(host, S(".execute-api."));
	return at > 0 ? str_slice(host, 0, (size_t)at) : STR_NONE;
}

bool execute_claims(const struct wire_request *r)
{
	return str_starts(r->raw_path, S(LOCAL_PREFIX)) || str_present(api_of_host(r->host));
}

/* API, stage and path of the request. */
static void locate(struct exchange *x)
{
	ASSERT(execute_claims(x->c->http));
	const struct wire_request *r = x->c->http;
	struct str rest = r->raw_path;
	if (str_starts(rest, S(LOCAL_PREFIX))) {
		rest = str_slice(rest, sizeof LOCAL_PREFIX - 1, rest.n);
		x->api = str_cut(&rest, '/');
		x->full_path = str_present(rest) ? arena_join(x->c->arena, S("/"), rest) : S("/");
	} else {
		x->api = api_of_host(r->host);
		x->full_path = rest;
		rest = str_starts(rest, S("/")) ? str_slice(rest, 1, rest.n) : rest;
	}
	x->stage_name = str_present(rest) ? str_cut(&rest, '/') : S("");
	x->path = str_present(rest) ? arena_join(x->c->arena, S("/"), rest) : S("/");
	struct str host = r->host;
	x->domain = str_cut(&host, ':');
	if (!str_present(x->domain))
		x->domain = S("");
}

/* Ids are made from the request's own, so that a run again gives the same. */
static void identify(struct exchange *x)
{
	ASSERT(str_present(x->c->request_id) && !str_present(x->request_id));
	struct call *c = x->c;
	x->request_id = c->request_id;
	struct sha256 h = sha256(c->request_id);
	struct str hex = hex_encode(c->arena, str_of((const char *)h.b, 16));
	x->extended_id = base64_encode(c->arena, str_of((const char *)h.b + 16, 11));
	x->trace = wire_header(c->http, S("x-amzn-trace-id")); /* c->trace_header is the run before's on a run again */
	if (!str_present(x->trace) || x->trace.n == 0)
		x->trace = arena_printf(c->arena, "Root=1-%08llx-%.24s", (unsigned long long)(c->started_ms / 1000), hex.p);
	c->trace_header = arena_dup(call_keep(c), x->trace);
}

/* Where the API lives becomes where the call works. A request that waits for a function stays with the deployment it began with: what it
 * waited for in another's order would be taken for something else. */
static bool find_stage(struct exchange *x)
{
	ASSERT(str_present(x->api) && x->stage == NULL && x->deployment == NULL);
	struct call *c = x->c;
	const struct apigateway_PlaceRecord *place = call_get(c, place_key(c, x->api), &apigateway_shape_PlaceRecord);
	if (place == NULL)
		return false;
	c->account = arena_dup(call_keep(c), place->Account); /* c outlives the run */
	c->region = arena_dup(call_keep(c), place->Region);
	x->stage = call_get(c, part_key(c, "stage", x->api, x->stage_name), &apigateway_shape_Stage);
	if (x->stage == NULL)
		return false;
	struct str *began_with = c->note, now = x->stage->deploymentId;
	if (began_with == NULL) {
		c->note = began_with = arena_new_of(call_keep(c), struct str);
		*began_with = arena_dup(call_keep(c), now);
	}
	x->stage->deploymentId = *began_with;
	x->deployment = call_get(c, part_key(c, "deployment", x->api, *began_with), &apigateway_shape_DeploymentRecord);
	ASSERT(x->deployment != NULL || !str_eq(*began_with, now)); /* one that a stage shows cannot be deleted */
	ASSERT(x->deployment == NULL || x->deployment->Api != NULL);
	return x->deployment != NULL;
}

static bool find_method(struct exchange *x)
{
	ASSERT(x->deployment != NULL && x->method == NULL);
	if (!match_resource(x))
		return false;
	x->method = method_of(x->resource, x->c->http->method);
	if (x->method == NULL)
		x->method = method_of(x->resource, S("ANY"));
	return x->method != NULL;
}

static void integrate(struct exchange *x)
{
	const struct apigateway_Integration *i = x->method->methodIntegration;
	ASSERT(i != NULL); /* deploy() refuses methods without */
	if (str_eq(i->type, S("AWS_PROXY")))
		run_lambda_proxy(x, i);
	else if (str_eq(i->type, S("MOCK")))
		run_mock(x, i);
	else
		run_http(x, i);
}

static void serve(struct exchange *x)
{
	ASSERT(!x->parked && x->status == 0);
	if (!find_stage(x) || x->deployment->Api->disableExecuteApiEndpoint.v) {
		gateway_answer_as(x, "DEFAULT_4XX", 403, "Forbidden");
		set_header(x, S("x-amzn-ErrorType"), S("ForbiddenException"));
		return;
	}
	if (x->c->http->body.n > BODY_MAX_BYTES) {
		gateway_answer(x, "REQUEST_TOO_LARGE", "Request Too Long");
		return;
	}
	if (!find_method(x)) {
		gateway_answer(x, "MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token");
		return;
	}
	if (!admit_caller(x) || !admit_key(x) || !admit_request(x))
		return;
	integrate(x);
}

void execute(struct call *c)
{
	struct exchange *x = arena_new_of(c->arena, struct exchange);
	x->c = c;
	locate(x);
	identify(x);
	ASSERT(str_present(x->api) && str_present(x->stage_name) && str_starts(x->path, S("/")));
	serve(x);
	if (x->parked)
		return;
	if (x->stage != NULL)
		record_served(x);
	send_answer(x);
}
