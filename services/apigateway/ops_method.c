/* Methods of resources and what they may answer.
 *
 * What always holds: an authorizer, a validator and models that a method names were there when it was put; a method lies in its
 * resource's record, so that both change in one write. */
#include "method.h"

static struct apigateway_Method *method_need(struct call *c, const struct apigateway_Resource *r, struct str http_method)
{
	struct apigateway_Method *m = r != NULL ? method_of(r, http_method) : NULL;
	if (r != NULL && m == NULL)
		not_found(c, "Invalid Method identifier specified");
	return m;
}

struct apigateway_Method *method_find(struct call *c, struct str api, struct str resource, struct str http_method, struct apigateway_Resource **r)
{
	*r = resource_need(c, api, resource);
	return method_need(c, *r, http_method);
}

void resource_save(struct call *c, struct str api, const struct apigateway_Resource *r)
{
	ASSERT(str_present(r->id) && str_starts(r->path, S("/")) && str_present(r->parentId) == (r->path.n > 1));
	ASSERT(!str_present(r->parentId) || (str_ends(r->path, r->pathPart) && !str_eq(r->parentId, r->id)));
	call_put(c, part_key(c, "resource", api, r->id), &apigateway_shape_Resource, r);
}

/* Put or replace an entry in a map whose entries are `size` bytes and begin with their key. Returns its place. */
void *map_entry(struct arena *a, struct map_of *m, size_t size, struct str key)
{
	for (uint32_t i = 0; i < m->n; i++) {
		struct str *k = (struct str *)((char *)m->v + i * size);
		if (str_eq(*k, key))
			return k;
	}
	m->v = arena_grow(a, m->v, size, m->n, m->n + 1);
	struct str *k = (struct str *)((char *)m->v + m->n++ * size);
	m->set = true;
	*k = key;
	return k;
}

bool map_remove(struct map_of *m, size_t size, struct str key)
{
	for (uint32_t i = 0; i < m->n; i++) {
		char *at = (char *)m->v + i * size;
		if (!str_eq(*(struct str *)at, key))
			continue;
		ASSERT(size >= sizeof(struct str));
		memmove(at, at + size, (m->n - i - 1) * size);
		m->n--;
		return true;
	}
	return false;
}

bool http_method_ok(struct str m)
{
	static const char *const known[] = {"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "ANY"};
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (str_eq(m, str_c(known[i])))
			return true;
	return false;
}

/* NONE, AWS_IAM, CUSTOM with an authorizer of the API that runs here. */
bool authorization_check(struct call *c, struct str api, const struct apigateway_Method *m)
{
	if (str_eq(m->authorizationType, S("COGNITO_USER_POOLS"))) {
		call_unsupported(c, "Cognito authorizers are not there yet");
		return false;
	}
	bool custom = str_eq(m->authorizationType, S("CUSTOM"));
	if (!custom && !str_eq(m->authorizationType, S("NONE")) && !str_eq(m->authorizationType, S("AWS_IAM"))) {
		bad_request(c, "Invalid authorization type specified");
		return false;
	}
	if (custom && (!str_present(m->authorizerId) || !txn_has(c->txn, key_bytes(part_key(c, "authorizer", api, m->authorizerId))))) {
		bad_request(c, "Invalid authorizer ID specified. "
			"Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer.");
		return false;
	}
	if (str_present(m->requestValidatorId) && m->requestValidatorId.n > 0 &&
	    !txn_has(c->txn, key_bytes(part_key(c, "validator", api, m->requestValidatorId)))) {
		bad_request(c, "Invalid Request Validator identifier specified");
		return false;
	}
	const struct apigateway_MapOfStringToString_entry *models = m->requestModels.v;
	for (uint32_t i = 0; i < m->requestModels.n; i++)
		if (!txn_has(c->txn, key_bytes(part_key(c, "model", api, models[i].value)))) {
			bad_request(c, "Invalid model identifier specified: %.*s", STR_ARG(models[i].value));
			return false;
		}
	return true;
}

static bool parameters_ok(struct call *c, const struct map_of *parameters, const char *const *places)
{
	const struct apigateway_MapOfStringToBoolean_entry *e = parameters->v;
	for (uint32_t i = 0; i < parameters->n; i++) {
		bool ok = false;
		for (size_t k = 0; places[k] != NULL; k++)
			ok = ok || (str_starts(e[i].key, str_c(places[k])) && e[i].key.n > strlen(places[k]));
		if (!ok) {
			bad_request(c, "Invalid mapping expression specified: Validation Result: warnings : [], errors : "
				"[Invalid mapping expression parameter specified: %.*s]", STR_ARG(e[i].key));
			return false;
		}
	}
	return true;
}

static const char *const request_places[] = {"method.request.path.", "method.request.querystring.", "method.request.header.",
	"method.request.multivaluequerystring.", "method.request.multivalueheader.", NULL};
static const char *const response_places[] = {"method.response.header.", NULL};

void op_put_method(struct call *c)
{
	const struct apigateway_PutMethodRequest *in = c->in;
	struct apigateway_Resource *r = resource_need(c, in->restApiId, in->resourceId);
	if (r == NULL)
		return;
	if (!http_method_ok(in->httpMethod)) {
		bad_request(c, "Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY");
		return;
	}
	if (method_of(r, in->httpMethod) != NULL) {
		call_fail(c, &apigateway_err_ConflictException, "Method already exists for this resource");
		return;
	}
	struct apigateway_Method m = {.httpMethod = in->httpMethod, .authorizationType = in->authorizationType, .authorizerId = in->authorizerId,
		.apiKeyRequired = SOME_BOOL(in->apiKeyRequired.v), .requestValidatorId = in->requestValidatorId, .operationName = in->operationName,
		.requestParameters = in->requestParameters, .requestModels = in->requestModels, .authorizationScopes = in->authorizationScopes};
	if (!authorization_check(c, in->restApiId, &m) || !parameters_ok(c, &m.requestParameters, request_places))
		return;
	struct apigateway_MapOfMethod_entry *e = map_entry(c->arena, &r->resourceMethods, sizeof *e, in->httpMethod);
	e->value = m;
	resource_save(c, in->restApiId, r);
	*(struct apigateway_Method *)c->out = m;
}

void op_get_method(struct call *c)
{
	const struct apigateway_GetMethodRequest *in = c->in;
	struct apigateway_Resource *r;
	const struct apigateway_Method *m = method_find(c, in->restApiId, in->resourceId, in->httpMethod, &r);
	if (m != NULL)
		*(struct apigateway_Method *)c->out = *m;
}

void op_update_method(struct call *c)
{
	static const char *const paths[] = {"/authorizationType", "/authorizerId", "/apiKeyRequired", "/requestValidatorId", "/operationName",
		"/requestParameters/*", "/requestModels/*", "/authorizationScopes", "/authorizationScopes/*", NULL};
	const struct apigateway_UpdateMethodRequest *in = c->in;
	struct apigateway_Resource *r;
	struct apigateway_Method *m = method_find(c, in->restApiId, in->resourceId, in->httpMethod, &r), *made;
	if (m == NULL || (made = patched(c, &apigateway_shape_Method, m, &in->patchOperations, paths)) == NULL)
		return;
	if (!authorization_check(c, in->restApiId, made) || !parameters_ok(c, &made->requestParameters, request_places))
		return;
	*m = *made;
	resource_save(c, in->restApiId, r);
	*(struct apigateway_Method *)c->out = *m;
}

void op_delete_method(struct call *c)
{
	const struct apigateway_DeleteMethodRequest *in = c->in;
	struct apigateway_Resource *r;
	if (method_find(c, in->restApiId, in->resourceId, in->httpMethod, &r) == NULL)
		return;
	map_remove(&r->resourceMethods, sizeof(struct apigateway_MapOfMethod_entry), in->httpMethod);
	resource_save(c, in->restApiId, r);
}

/* ---- responses of methods ---- */

static struct apigateway_MethodResponse *response_need(struct call *c, const struct apigateway_Method *m, struct str status)
{
	struct apigateway_MapOfMethodResponse_entry *e = m->methodResponses.v;
	for (uint32_t i = 0; i < m->methodResponses.n; i++)
		if (str_eq(e[i].key, status))
			return &e[i].value;
	not_found(c, "Invalid Response status code specified");
	return NULL;
}

void op_put_method_response(struct call *c)
{
	const struct apigateway_PutMethodResponseRequest *in = c->in;
	struct apigateway_Resource *r;
	struct apigateway_Method *m = method_find(c, in->restApiId, in->resourceId, in->httpMethod, &r);
	if (m == NULL || !parameters_ok(c, &in->responseParameters, response_places))
		return;
	uint32_t before = m->methodResponses.n;
	struct apigateway_MapOfMethodResponse_entry *e = map_entry(c->arena, &m->methodResponses, sizeof *e, in->statusCode);
	if (m->methodResponses.n == before) {
		call_fail(c, &apigateway_err_ConflictException, "Response already exists for this resource");
		return;
	}
	e->value = (struct apigateway_MethodResponse){in->statusCode, in->responseParameters, in->responseModels};
	*(struct apigateway_MethodResponse *)c->out = e->value;
	resource_save(c, in->restApiId, r);
}

void op_get_method_response(struct call *c)
{
	const struct apigateway_GetMethodResponseRequest *in = c->in;
	struct apigateway_Resource *r;
	const struct apigateway_Method *m = method_find(c, in->restApiId, in->resourceId, in->httpMethod, &r);
	const struct apigateway_MethodResponse *found = m != NULL ? response_need(c, m, in->statusCode) : NULL;
	if (found != NULL)
		*(struct apigateway_MethodResponse *)c->out = *found;
}

void op_update_method_response(struct call *c)
{
	static const char *const paths[] = {"/responseParameters/*", "/responseModels/*", NULL};
	const struct apigateway_UpdateMethodResponseRequest *in = c->in;
	struct apigateway_Resource *r;
	const struct apigateway_Method *m = method_find(c, in->restApiId, in->resourceId, in->httpMethod, &r);
	struct apigateway_MethodResponse *found = m != NULL ? response_need(c, m, in->statusCode) : NULL, *made;
	if (found == NULL || (made = patched(c, &apigateway_shape_MethodResponse, found, &in->patchOperations, paths)) == NULL)
		return;
	*found = *made;
	resource_save(c, in->restApiId, r);
	*(struct apigateway_MethodResponse *)c->out = *made;
}

void op_delete_method_response(struct call *c)
{
	const struct apigateway_DeleteMethodResponseRequest *in = c->in;
	struct apigateway_Resource *r;
	struct apigateway_Method *m = method_find(c, in->restApiId, in->resourceId, in->httpMethod, &r);
	if (m == NULL || response_need(c, m, in->statusCode) == NULL)
		return;
	map_remove(&m->methodResponses, sizeof(struct apigateway_MapOfMethodResponse_entry), in->statusCode);
	resource_save(c, in->restApiId, r);
}
