/* Gateway responses: what the data plane says when no integration answers. Those that are not put are AWS's own. */
#include "method.h"

#include "responses.h"

static const struct gateway_response known[] = {
	{"ACCESS_DENIED", 403, "AccessDeniedException"}, {"API_CONFIGURATION_ERROR", 500, "InternalServerErrorException"},
	{"AUTHORIZER_CONFIGURATION_ERROR", 500, "AuthorizerConfigurationException"}, {"AUTHORIZER_FAILURE", 500, "InternalServerErrorException"},
	{"BAD_REQUEST_BODY", 400, "BadRequestException"}, {"BAD_REQUEST_PARAMETERS", 400, "BadRequestException"},
	{"DEFAULT_4XX", 0, "BadRequestException"}, {"DEFAULT_5XX", 0, "InternalServerErrorException"},
	{"EXPIRED_TOKEN", 403, "ExpiredTokenException"}, {"INTEGRATION_FAILURE", 504, "InternalServerErrorException"},
	{"INTEGRATION_TIMEOUT", 504, "InternalServerErrorException"}, {"INVALID_API_KEY", 403, "ForbiddenException"},
	{"INVALID_SIGNATURE", 403, "InvalidSignatureException"}, {"MISSING_AUTHENTICATION_TOKEN", 403, "MissingAuthenticationTokenException"},
	{"QUOTA_EXCEEDED", 429, "LimitExceededException"}, {"REQUEST_TOO_LARGE", 413, "RequestTooLargeException"},
	{"RESOURCE_NOT_FOUND", 404, "NotFoundException"}, {"THROTTLED", 429, "TooManyRequestsException"},
	{"UNAUTHORIZED", 401, "UnauthorizedException"}, {"UNSUPPORTED_MEDIA_TYPE", 415, "BadRequestException"},
	{"WAF_FILTERED", 403, "ForbiddenException"},
};

const struct gateway_response *gateway_response_known(struct str type)
{
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (str_eq(type, str_c(known[i].type)))
			return &known[i];
	return NULL;
}

static struct map_of one_entry(struct arena *a, struct str key, struct str value)
{
	struct map_of m = MAP_OF(a, struct apigateway_MapOfStringToString_entry, 1);
	*(struct apigateway_MapOfStringToString_entry *)m.v = (struct apigateway_MapOfStringToString_entry){key, value};
	return m;
}

static struct apigateway_GatewayResponse own(struct arena *a, const struct gateway_response *k)
{
	return (struct apigateway_GatewayResponse){.responseType = str_c(k->type),
		.statusCode = k->status > 0 ? arena_printf(a, "%d", k->status) : STR_NONE, .responseParameters = {.set = true},
		.responseTemplates = one_entry(a, S("application/json"), S(GATEWAY_TEMPLATE)), .defaultResponse = SOME_BOOL(true)};
}

static struct apigateway_GatewayResponse *stored(struct call *c, struct str api, struct str type)
{
	return call_get(c, part_key(c, "response", api, type), &apigateway_shape_GatewayResponse);
}

void op_put_gateway_response(struct call *c)
{
	const struct apigateway_PutGatewayResponseRequest *in = c->in;
	struct apigateway_GatewayResponse *out = c->out;
	const struct gateway_response *k = gateway_response_known(in->responseType);
	if (api_need(c, in->restApiId) == NULL)
		return;
	ASSERT(k != NULL); /* the model's enum was checked */
	*out = own(c->arena, k);
	out->defaultResponse = SOME_BOOL(false);
	if (str_present(in->statusCode))
		out->statusCode = in->statusCode;
	if (in->responseParameters.set)
		out->responseParameters = in->responseParameters;
	if (in->responseTemplates.set)
		out->responseTemplates = in->responseTemplates;
	call_put(c, part_key(c, "response", in->restApiId, in->responseType), &apigateway_shape_GatewayResponse, out);
}

void op_get_gateway_response(struct call *c)
{
	const struct apigateway_GetGatewayResponseRequest *in = c->in;
	if (api_need(c, in->restApiId) == NULL)
		return;
	const struct apigateway_GatewayResponse *r = stored(c, in->restApiId, in->responseType);
	const struct gateway_response *k = gateway_response_known(in->responseType);
	if (k == NULL) {
		not_found(c, "Invalid Gateway response type specified");
		return;
	}
	*(struct apigateway_GatewayResponse *)c->out = r != NULL ? *r : own(c->arena, k);
}

void op_get_gateway_responses(struct call *c)
{
	const struct apigateway_GetGatewayResponsesRequest *in = c->in;
	struct apigateway_GatewayResponses *out = c->out;
	if (api_need(c, in->restApiId) == NULL)
		return;
	out->items = LIST_OF(c->arena, struct apigateway_GatewayResponse, COUNT_OF(known));
	for (uint32_t i = 0; i < COUNT_OF(known); i++) {
		const struct apigateway_GatewayResponse *r = stored(c, in->restApiId, str_c(known[i].type));
		*LIST_AT(out->items, struct apigateway_GatewayResponse, i) = r != NULL ? *r : own(c->arena, &known[i]);
	}
}

void op_update_gateway_response(struct call *c)
{
	static const char *const paths[] = {"/statusCode", "/responseParameters/*", "/responseTemplates/*", NULL};
	const struct apigateway_UpdateGatewayResponseRequest *in = c->in;
	const struct gateway_response *k = gateway_response_known(in->responseType);
	if (api_need(c, in->restApiId) == NULL || k == NULL)
		return;
	const struct apigateway_GatewayResponse *r = stored(c, in->restApiId, in->responseType), fresh = own(c->arena, k);
	struct apigateway_GatewayResponse *made =
		patched(c, &apigateway_shape_GatewayResponse, r != NULL ? r : &fresh, &in->patchOperations, paths);
	if (made == NULL)
		return;
	made->defaultResponse = SOME_BOOL(false);
	call_put(c, part_key(c, "response", in->restApiId, in->responseType), &apigateway_shape_GatewayResponse, made);
	*(struct apigateway_GatewayResponse *)c->out = *made;
}

void op_delete_gateway_response(struct call *c)
{
	const struct apigateway_DeleteGatewayResponseRequest *in = c->in;
	if (api_need(c, in->restApiId) == NULL)
		return;
	if (stored(c, in->restApiId, in->responseType) == NULL)
		not_found(c, "Gateway response type not defined on api");
	else
		call_del(c, part_key(c, "response", in->restApiId, in->responseType));
}
