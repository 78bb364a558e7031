/* REST APIs themselves: made, imported, shown, changed, deleted. Source: "API Gateway V1 API Reference".
 *
 * What always holds: an API and its "place" record, by which the data plane finds it without an account, come and go together; its root
 * resource is there as long as it is. */
#include "method.h"

#include "svc/arn.h"

static bool endpoint_ok(struct call *c, const struct apigateway_EndpointConfiguration *e)
{
	if (e == NULL)
		return true;
	for (uint32_t i = 0; i < e->types.n; i++)
		if (str_eq(*LIST_AT(e->types, struct str, i), S("PRIVATE"))) {
			call_unsupported(c, "private APIs (endpoint type PRIVATE) are not there yet");
			return false;
		}
	if (e->vpcEndpointIds.n > 0) {
		call_unsupported(c, "VPC endpoints of APIs are not there yet");
		return false;
	}
	return true;
}

bool policy_ok(struct call *c, struct str policy)
{
	struct str why = STR_NONE;
	if (!str_present(policy) || policy.n == 0 || policy_parse(c->arena, policy, POLICY_RESOURCE, &why) != NULL)
		return true;
	bad_request(c, "Invalid policy document. Please check the policy syntax and ensure that Principals are valid.");
	return false;
}

static bool compression_ok(struct call *c, const struct apigateway_RestApi *r)
{
	enum { COMPRESSION_MAX = 10 << 20 };
	if (!r->minimumCompressionSize.set || (r->minimumCompressionSize.v >= 0 && r->minimumCompressionSize.v <= COMPRESSION_MAX))
		return true;
	bad_request(c, "Invalid minimum compression size, must be between 0 and %d", COMPRESSION_MAX);
	return false;
}

static void defaults(struct call *c, struct apigateway_RestApi *r)
{
	if (!str_present(r->apiKeySource))
		r->apiKeySource = S("HEADER");
	if (r->endpointConfiguration == NULL)
		r->endpointConfiguration = arena_new_of(c->arena, struct apigateway_EndpointConfiguration);
	if (r->endpointConfiguration->types.n == 0) {
		r->endpointConfiguration->types = LIST_OF(c->arena, struct str, 1);
		*LIST_AT(r->endpointConfiguration->types, struct str, 0) = S("EDGE");
	}
	if (!str_present(r->endpointConfiguration->ipAddressType))
		r->endpointConfiguration->ipAddressType = S("ipv4");
	if (!r->disableExecuteApiEndpoint.set)
		r->disableExecuteApiEndpoint = SOME_BOOL(false);
}

void api_put(struct call *c, const struct apigateway_RestApi *r)
{
	ASSERT(str_present(r->id) && str_present(r->rootResourceId) && r->endpointConfiguration != NULL);
	call_put(c, part_key(c, "api", r->id, STR_NONE), &apigateway_shape_RestApi, r);
}

/* An empty API: its record, the way to it, its root. */
static void api_make(struct call *c, struct apigateway_RestApi *r)
{
	r->id = new_id(c, 10);
	r->rootResourceId = new_id(c, 10);
	r->createdDate = SOME_TIME(c->now_ms / 1000 * 1000);
	r->apiStatus = S("AVAILABLE");
	defaults(c, r);
	struct apigateway_PlaceRecord place = {c->account, c->region};
	call_put(c, place_key(c, r->id), &apigateway_shape_PlaceRecord, &place);
	struct apigateway_Resource root = {.id = r->rootResourceId, .path = S("/")};
	resource_save(c, r->id, &root);
	api_put(c, r);
}

/* AWS gives the policy with its quotes escaped, as it would stand inside a JSON string. */
static void show(struct call *c, const struct apigateway_RestApi *r)
{
	struct apigateway_RestApi *out = c->out;
	*out = *r;
	if (!str_present(r->policy) || r->policy.n == 0) {
		out->policy = STR_NONE;
		return;
	}
	struct buf b;
	buf_init(&b, c->arena, 0);
	json_write_str(&b, r->policy);
	ASSERT(b.n >= r->policy.n + 2); /* its quotes */
	out->policy = str_slice(buf_view(&b), 1, b.n - 1);
}

static const char error_schema[] = "{\n  \"$schema\" : \"http://json-schema.org/draft-04/schema#\",\n  \"title\" : \"Error Schema\",\n"
	"  \"type\" : \"object\",\n  \"properties\" : {\n    \"message\" : { \"type\" : \"string\" }\n  }\n}";
static const char empty_schema[] = "{\n  \"$schema\": \"http://json-schema.org/draft-04/schema#\",\n  \"title\" : \"Empty Schema\",\n"
	"  \"type\" : \"object\"\n}";

void op_create_rest_api(struct call *c)
{
	const struct apigateway_CreateRestApiRequest *in = c->in;
	if (str_present(in->cloneFrom)) {
		call_unsupported(c, "cloneFrom is not there yet");
		return;
	}
	if (!endpoint_ok(c, in->endpointConfiguration) || !policy_ok(c, in->policy))
		return;
	if (in->name.n == 0) {
		bad_request(c, "No api name specified");
		return;
	}
	struct apigateway_RestApi r = {.name = in->name, .description = in->description, .version = in->version,
		.binaryMediaTypes = in->binaryMediaTypes, .minimumCompressionSize = in->minimumCompressionSize, .apiKeySource = in->apiKeySource,
		.endpointConfiguration = in->endpointConfiguration, .policy = in->policy,
		.disableExecuteApiEndpoint = in->disableExecuteApiEndpoint, .securityPolicy = in->securityPolicy,
		.endpointAccessMode = in->endpointAccessMode};
	if (!compression_ok(c, &r) || !tags_add(c, &r.tags, &in->tags))
		return;
	api_make(c, &r);
	put_model(c, r.id, S("Error"), S("application/json"), str_c(error_schema), S("This is a default error schema model"));
	put_model(c, r.id, S("Empty"), S("application/json"), str_c(empty_schema), S("This is a default empty schema model"));
	show(c, &r);
}

void op_import_rest_api(struct call *c)
{
	const struct apigateway_ImportRestApiRequest *in = c->in;
	struct apigateway_RestApi r = {0};
	api_make(c, &r);
	if (!import_body(c, &r, in->body, &in->parameters, true, in->failOnWarnings.v) || !endpoint_ok(c, r.endpointConfiguration))
		return;
	api_put(c, &r);
	show(c, &r);
}

void op_put_rest_api(struct call *c)
{
	const struct apigateway_PutRestApiRequest *in = c->in;
	struct apigateway_RestApi *r = api_need(c, in->restApiId);
	if (r == NULL)
		return;
	r->warnings = (struct list){0};
	if (!import_body(c, r, in->body, &in->parameters, str_eq(in->mode, S("overwrite")), in->failOnWarnings.v) ||
	    !endpoint_ok(c, r->endpointConfiguration))
		return;
	api_put(c, r);
	show(c, r);
}

void op_get_rest_api(struct call *c)
{
	const struct apigateway_GetRestApiRequest *in = c->in;
	const struct apigateway_RestApi *r = api_need(c, in->restApiId);
	if (r != NULL)
		show(c, r);
}

void op_get_rest_apis(struct call *c)
{
	const struct apigateway_GetRestApisRequest *in = c->in;
	struct apigateway_RestApis *out = c->out;
	list_records(c, call_key(c, "api"), &apigateway_shape_RestApi, in->position, in->limit, NULL, NULL, &out->items, &out->position);
}

void op_update_rest_api(struct call *c)
{
	static const char *const paths[] = {"/name", "/description", "/version", "/policy", "/apiKeySource", "/binaryMediaTypes/*",
		"/binaryMediaTypes", "/minimumCompressionSize", "/disableExecuteApiEndpoint", "/endpointConfiguration/types/*",
		"/endpointConfiguration/ipAddressType", "/endpointConfiguration/vpcEndpointIds", NULL};
	const struct apigateway_UpdateRestApiRequest *in = c->in;
	struct apigateway_RestApi *r = api_need(c, in->restApiId);
	if (r == NULL)
		return;
	r = patched(c, &apigateway_shape_RestApi, r, &in->patchOperations, paths);
	if (r == NULL || !endpoint_ok(c, r->endpointConfiguration) || !policy_ok(c, r->policy) || !compression_ok(c, r))
		return;
	api_put(c, r);
	show(c, r);
}

static bool plan_names(const struct apigateway_UsagePlan *p, struct str api)
{
	for (uint32_t i = 0; i < p->apiStages.n; i++)
		if (str_eq(LIST_AT(p->apiStages, struct apigateway_ApiStage, i)->apiId, api))
			return true;
	return false;
}

/* A deleted API leaves the usage plans that name it. */
static void leave_plans(struct call *c, struct str api)
{
	struct list plans = all_records(c, call_key(c, "plan"), &apigateway_shape_UsagePlan);
	for (uint32_t i = 0; i < plans.n; i++) {
		struct apigateway_UsagePlan *p = LIST_AT(plans, struct apigateway_UsagePlan, i);
		if (!plan_names(p, api))
			continue;
		uint32_t kept = 0;
		struct apigateway_ApiStage *stages = p->apiStages.v;
		for (uint32_t k = 0; k < p->apiStages.n; k++)
			if (!str_eq(stages[k].apiId, api))
				stages[kept++] = stages[k];
		ASSERT(kept < p->apiStages.n); /* plan_names */
		p->apiStages.n = kept;
		call_put(c, plan_key(c, p->id), &apigateway_shape_UsagePlan, p);
	}
}

void op_delete_rest_api(struct call *c)
{
	static const char *const tables[] = {"resource", "model", "validator", "authorizer", "response", "deployment", "route", "schema", "stage"};
	const struct apigateway_DeleteRestApiRequest *in = c->in;
	if (api_need(c, in->restApiId) == NULL)
		return;
	for (size_t i = 0; i < COUNT_OF(tables); i++)
		delete_below(c, part_key(c, tables[i], in->restApiId, STR_NONE));
	leave_plans(c, in->restApiId);
	ASSERT(txn_has(c->txn, key_bytes(place_key(c, in->restApiId)))); /* it came with the API */
	call_del(c, part_key(c, "api", in->restApiId, STR_NONE));
	call_del(c, place_key(c, in->restApiId));
}
