/* What an API has beside its resources: models, request validators, authorizers. */
#include "method.h"

/* ---- models ---- */

static bool model_name_ok(struct str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!((name.p[i] >= 'a' && name.p[i] <= 'z') || (name.p[i] >= 'A' && name.p[i] <= 'Z') || (name.p[i] >= '0' && name.p[i] <= '9')))
			return false;
	return name.n > 0;
}

bool put_model(struct call *c, struct str api, struct str name, struct str content_type, struct str schema, struct str description)
{
	if (!model_name_ok(name)) {
		bad_request(c, "Model name must be alphanumeric: %.*s", STR_ARG(name));
		return false;
	}
	if (str_present(schema) && schema.n > 0 && json_parse(c->arena, schema, NULL) == NULL) {
		bad_request(c, "Invalid model specified: Validation Result: warnings : [], errors : [Invalid model schema specified. Invalid JSON.]");
		return false;
	}
	struct apigateway_Model m = {.id = new_id(c, 6), .name = name, .description = description, .schema = schema, .contentType = content_type};
	call_put(c, part_key(c, "model", api, name), &apigateway_shape_Model, &m);
	return !c->failed; /* a name may be too long to be kept */
}

static struct apigateway_Model *model_need(struct call *c, struct str api, struct str name)
{
	if (api_need(c, api) == NULL)
		return NULL;
	struct apigateway_Model *m = call_get(c, part_key(c, "model", api, name), &apigateway_shape_Model);
	if (m == NULL)
		not_found(c, "Invalid model name specified: %.*s", STR_ARG(name));
	ASSERT(m == NULL || str_eq(m->name, name));
	return m;
}

void op_create_model(struct call *c)
{
	const struct apigateway_CreateModelRequest *in = c->in;
	if (api_need(c, in->restApiId) == NULL)
		return;
	if (txn_has(c->txn, key_bytes(part_key(c, "model", in->restApiId, in->name)))) {
		call_fail(c, &apigateway_err_ConflictException, "Model name already exists for this REST API");
		return;
	}
	if (!put_model(c, in->restApiId, in->name, in->contentType, in->schema, in->description))
		return;
	const struct apigateway_Model *made = model_need(c, in->restApiId, in->name);
	ASSERT(made != NULL);
	*(struct apigateway_Model *)c->out = *made;
}

void op_get_model(struct call *c)
{
	const struct apigateway_GetModelRequest *in = c->in;
	const struct apigateway_Model *m = model_need(c, in->restApiId, in->modelName);
	if (m != NULL)
		*(struct apigateway_Model *)c->out = *m;
}

void op_get_models(struct call *c)
{
	const struct apigateway_GetModelsRequest *in = c->in;
	struct apigateway_Models *out = c->out;
	if (api_need(c, in->restApiId) != NULL)
		list_records(c, part_key(c, "model", in->restApiId, STR_NONE), &apigateway_shape_Model, in->position, in->limit, NULL, NULL,
			&out->items, &out->position);
}

void op_update_model(struct call *c)
{
	static const char *const paths[] = {"/description", "/schema", NULL};
	const struct apigateway_UpdateModelRequest *in = c->in;
	struct apigateway_Model *m = model_need(c, in->restApiId, in->modelName);
	if (m == NULL || (m = patched(c, &apigateway_shape_Model, m, &in->patchOperations, paths)) == NULL)
		return;
	if (str_present(m->schema) && json_parse(c->arena, m->schema, NULL) == NULL) {
		bad_request(c, "Invalid model schema specified. Invalid JSON.");
		return;
	}
	ASSERT(str_eq(m->name, in->modelName)); /* no path leads to it */
	call_put(c, part_key(c, "model", in->restApiId, m->name), &apigateway_shape_Model, m);
	*(struct apigateway_Model *)c->out = *m;
}

void op_delete_model(struct call *c)
{
	const struct apigateway_DeleteModelRequest *in = c->in;
	if (model_need(c, in->restApiId, in->modelName) == NULL)
		return;
	struct list all = all_records(c, part_key(c, "resource", in->restApiId, STR_NONE), &apigateway_shape_Resource);
	for (uint32_t i = 0; i < all.n; i++) {
		const struct apigateway_Resource *r = LIST_AT(all, struct apigateway_Resource, i);
		const struct apigateway_MapOfMethod_entry *m = r->resourceMethods.v;
		for (uint32_t k = 0; k < r->resourceMethods.n; k++) {
			const struct apigateway_MapOfStringToString_entry *used = m[k].value.requestModels.v;
			for (uint32_t j = 0; j < m[k].value.requestModels.n; j++)
				if (str_eq(used[j].value, in->modelName)) {
					call_fail(c, &apigateway_err_ConflictException, "Cannot delete model '%.*s', is referenced in method request: %.*s/%.*s",
						STR_ARG(in->modelName), STR_ARG(r->path), STR_ARG(m[k].key));
					return;
				}
		}
	}
	call_del(c, part_key(c, "model", in->restApiId, in->modelName));
}

/* ---- request validators ---- */

static struct apigateway_RequestValidator *validator_need(struct call *c, struct str api, struct str id)
{
	if (api_need(c, api) == NULL)
		return NULL;
	struct apigateway_RequestValidator *v = call_get(c, part_key(c, "validator", api, id), &apigateway_shape_RequestValidator);
	if (v == NULL)
		not_found(c, "Invalid Request Validator identifier specified");
	ASSERT(v == NULL || str_eq(v->id, id));
	return v;
}

void op_create_validator(struct call *c)
{
	const struct apigateway_CreateRequestValidatorRequest *in = c->in;
	struct apigateway_RequestValidator *out = c->out;
	if (api_need(c, in->restApiId) == NULL)
		return;
	*out = (struct apigateway_RequestValidator){new_id(c, 6), in->name, SOME_BOOL(in->validateRequestBody.v),
		SOME_BOOL(in->validateRequestParameters.v)};
	call_put(c, part_key(c, "validator", in->restApiId, out->id), &apigateway_shape_RequestValidator, out);
}

void op_get_validator(struct call *c)
{
	const struct apigateway_GetRequestValidatorRequest *in = c->in;
	const struct apigateway_RequestValidator *v = validator_need(c, in->restApiId, in->requestValidatorId);
	if (v != NULL)
		*(struct apigateway_RequestValidator *)c->out = *v;
}

void op_get_validators(struct call *c)
{
	const struct apigateway_GetRequestValidatorsRequest *in = c->in;
	struct apigateway_RequestValidators *out = c->out;
	if (api_need(c, in->restApiId) != NULL)
		list_records(c, part_key(c, "validator", in->restApiId, STR_NONE), &apigateway_shape_RequestValidator, in->position, in->limit, NULL,
			NULL, &out->items, &out->position);
}

void op_update_validator(struct call *c)
{
	static const char *const paths[] = {"/name", "/validateRequestBody", "/validateRequestParameters", NULL};
	const struct apigateway_UpdateRequestValidatorRequest *in = c->in;
	struct apigateway_RequestValidator *v = validator_need(c, in->restApiId, in->requestValidatorId);
	if (v == NULL || (v = patched(c, &apigateway_shape_RequestValidator, v, &in->patchOperations, paths)) == NULL)
		return;
	call_put(c, part_key(c, "validator", in->restApiId, v->id), &apigateway_shape_RequestValidator, v);
	*(struct apigateway_RequestValidator *)c->out = *v;
}

void op_delete_validator(struct call *c)
{
	const struct apigateway_DeleteRequestValidatorRequest *in = c->in;
	if (validator_need(c, in->restApiId, in->requestValidatorId) != NULL)
		call_del(c, part_key(c, "validator", in->restApiId, in->requestValidatorId));
}

/* ---- authorizers ---- */

static struct apigateway_Authorizer *authorizer_need(struct call *c, struct str api, struct str id)
{
	if (api_need(c, api) == NULL)
		return NULL;
	struct apigateway_Authorizer *v = call_get(c, part_key(c, "authorizer", api, id), &apigateway_shape_Authorizer);
	if (v == NULL)
		not_found(c, "Invalid Authorizer identifier specified");
	ASSERT(v == NULL || (str_eq(v->id, id) && v->authorizerResultTtlInSeconds.set)); /* authorizer_check */
	return v;
}

bool authorizer_check(struct call *c, struct apigateway_Authorizer *a)
{
	if (str_eq(a->type, S("COGNITO_USER_POOLS"))) {
		call_unsupported(c, "Cognito authorizers are not there yet");
		return false;
	}
	if (str_find_str(a->authorizerUri, S(":lambda:path/")) < 0 || str_find_str(a->authorizerUri, S("/functions/")) < 0) {
		bad_request(c, "Invalid Authorizer URI: %.*s. Authorizer URI should be a valid API Gateway ARN that represents a Lambda function invocation.",
			STR_ARG(a->authorizerUri));
		return false;
	}
	if (!a->authorizerResultTtlInSeconds.set)
		a->authorizerResultTtlInSeconds = SOME_I64(300);
	if (a->authorizerResultTtlInSeconds.v < 0 || a->authorizerResultTtlInSeconds.v > 3600) {
		bad_request(c, "Authorizer result TTL must be between 0 and 3600 seconds");
		return false;
	}
	bool token = str_eq(a->type, S("TOKEN"));
	if (token && (!str_present(a->identitySource) || a->identitySource.n == 0))
		a->identitySource = S("method.request.header.Authorization");
	if (!token && a->identitySource.n == 0 && a->authorizerResultTtlInSeconds.v > 0) {
		bad_request(c, "Identity source is required for REQUEST authorizer when caching is enabled");
		return false;
	}
	if (!str_present(a->authType))
		a->authType = S("custom");
	return true;
}

void op_create_authorizer(struct call *c)
{
	const struct apigateway_CreateAuthorizerRequest *in = c->in;
	struct apigateway_Authorizer a = {.id = new_id(c, 6), .name = in->name, .type = in->type, .providerARNs = in->providerARNs,
		.authType = in->authType, .authorizerUri = in->authorizerUri, .authorizerCredentials = in->authorizerCredentials,
		.identitySource = in->identitySource, .identityValidationExpression = in->identityValidationExpression,
		.authorizerResultTtlInSeconds = in->authorizerResultTtlInSeconds};
	if (api_need(c, in->restApiId) == NULL || !authorizer_check(c, &a))
		return;
	call_put(c, part_key(c, "authorizer", in->restApiId, a.id), &apigateway_shape_Authorizer, &a);
	*(struct apigateway_Authorizer *)c->out = a;
}

void op_get_authorizer(struct call *c)
{
	const struct apigateway_GetAuthorizerRequest *in = c->in;
	const struct apigateway_Authorizer *a = authorizer_need(c, in->restApiId, in->authorizerId);
	if (a != NULL)
		*(struct apigateway_Authorizer *)c->out = *a;
}

void op_get_authorizers(struct call *c)
{
	const struct apigateway_GetAuthorizersRequest *in = c->in;
	struct apigateway_Authorizers *out = c->out;
	if (api_need(c, in->restApiId) != NULL)
		list_records(c, part_key(c, "authorizer", in->restApiId, STR_NONE), &apigateway_shape_Authorizer, in->position, in->limit, NULL, NULL,
			&out->items, &out->position);
}

void op_update_authorizer(struct call *c)
{
	static const char *const paths[] = {"/name", "/type", "/authType", "/authorizerUri", "/authorizerCredentials", "/identitySource",
		"/identityValidationExpression", "/authorizerResultTtlInSeconds", NULL};
	const struct apigateway_UpdateAuthorizerRequest *in = c->in;
	struct apigateway_Authorizer *a = authorizer_need(c, in->restApiId, in->authorizerId);
	if (a == NULL || (a = patched(c, &apigateway_shape_Authorizer, a, &in->patchOperations, paths)) == NULL || !authorizer_check(c, a))
		return;
	call_put(c, part_key(c, "authorizer", in->restApiId, a->id), &apigateway_shape_Authorizer, a);
	*(struct apigateway_Authorizer *)c->out = *a;
}

void op_delete_authorizer(struct call *c)
{
	const struct apigateway_DeleteAuthorizerRequest *in = c->in;
	if (authorizer_need(c, in->restApiId, in->authorizerId) == NULL)
		return;
	struct list all = all_records(c, part_key(c, "resource", in->restApiId, STR_NONE), &apigateway_shape_Resource);
	for (uint32_t i = 0; i < all.n; i++) {
		const struct apigateway_Resource *r = LIST_AT(all, struct apigateway_Resource, i);
		const struct apigateway_MapOfMethod_entry *m = r->resourceMethods.v;
		for (uint32_t k = 0; k < r->resourceMethods.n; k++)
			if (str_eq(m[k].value.authorizerId, in->authorizerId)) {
				call_fail(c, &apigateway_err_ConflictException, "Cannot delete authorizer '%.*s', is referenced in method: %.*s/%.*s",
					STR_ARG(in->authorizerId), STR_ARG(r->path), STR_ARG(m[k].key));
				return;
			}
	}
	call_del(c, part_key(c, "authorizer", in->restApiId, in->authorizerId));
}
