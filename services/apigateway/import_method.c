/* One operation of an imported document into a method: its authorization, parameters, models, responses, integration. */
#include "import.h"

static void set_flag(struct arena *a, struct map_of *m, struct str prefix, struct str name, bool v)
{
	struct apigateway_MapOfStringToBoolean_entry *e = map_entry(a, m, sizeof *e, arena_join(a, prefix, name));
	e->value = SOME_BOOL(v);
}

static void set_text(struct arena *a, struct map_of *m, struct str key, struct str value)
{
	struct apigateway_MapOfStringToString_entry *e = map_entry(a, m, sizeof *e, key);
	e->value = value;
}

/* ---- security ---- */

static const struct json *scheme_of(const struct import *im, struct str name)
{
	const struct json *all = im->swagger ? json_get(im->doc, S("securityDefinitions")) : json_path(im->doc, "components.securitySchemes");
	return json_get(all, name);
}

static bool security(struct import *im, const struct json *operation, struct apigateway_Method *m)
{
	const struct json *all = json_get(operation, S("security"));
	struct str own = json_get_str(json_get(operation, S("x-amazon-apigateway-auth")), "type");
	m->authorizationType = str_present(own) ? own : S("NONE");
	m->apiKeyRequired = SOME_BOOL(false);
	for (uint32_t i = 0; json_is(all, JSON_ARRAY) && i < all->n; i++) {
		const struct json *one = &all->items[i];
		for (uint32_t k = 0; json_is(one, JSON_OBJECT) && k < one->n; k++) {
			struct str name = one->members[k].key;
			const struct json *scheme = scheme_of(im, name);
			struct apigateway_Authorizer *a = map_get(&im->authorizers, name);
			if (scheme == NULL) {
				bad_request(im->c, "Unable to find the security definition %.*s", STR_ARG(name));
				return false;
			}
			if (a != NULL) {
				m->authorizationType = S("CUSTOM");
				m->authorizerId = a->id;
			} else if (str_eq_nocase(json_get_str(scheme, "x-amazon-apigateway-authtype"), S("awsSigv4"))) {
				m->authorizationType = S("AWS_IAM");
			} else if (str_eq_nocase(json_get_str(scheme, "name"), S("x-api-key"))) {
				m->apiKeyRequired = SOME_BOOL(true);
			} else {
				import_warn(im, "Security scheme '%.*s' is not one that API Gateway supports and is ignored", STR_ARG(name));
			}
		}
	}
	return true;
}

/* ---- what comes in ---- */

static bool parameter(struct import *im, const struct json *p, struct apigateway_Method *m, const struct json *consumes)
{
	struct arena *a = im->c->arena;
	struct str where = json_get_str(p, "in"), name = json_get_str(p, "name");
	bool required = json_get_bool(p, "required", false);
	if (str_eq(where, S("query")))
		set_flag(a, &m->requestParameters, S("method.request.querystring."), name, required);
	else if (str_eq(where, S("header")))
		set_flag(a, &m->requestParameters, S("method.request.header."), name, required);
	else if (str_eq(where, S("path")))
		set_flag(a, &m->requestParameters, S("method.request.path."), name, true);
	else if (str_eq(where, S("body")) && json_is(json_get(p, S("schema")), JSON_OBJECT)) {
		struct str model = import_model_of(im, json_get(p, S("schema")));
		if (!str_present(model))
			return false;
		for (uint32_t i = 0; json_is(consumes, JSON_ARRAY) && i < consumes->n; i++)
			set_text(a, &m->requestModels, json_str(&consumes->items[i]), model);
		if (!json_is(consumes, JSON_ARRAY) || consumes->n == 0)
			set_text(a, &m->requestModels, S("application/json"), model);
	}
	return true;
}

static bool parameters(struct import *im, const struct json *list, const struct json *operation, struct apigateway_Method *m)
{
	const struct json *consumes = json_get(operation, S("consumes"));
	if (consumes == NULL)
		consumes = json_get(im->doc, S("consumes"));
	for (uint32_t i = 0; json_is(list, JSON_ARRAY) && i < list->n; i++) {
		const struct json *p = import_resolve(im, &list->items[i]);
		if (!str_present(json_get_str(p, "name")) || !str_present(json_get_str(p, "in"))) {
			bad_request(im->c, "Unable to import a parameter without name and place");
			return false;
		}
		if (!parameter(im, p, m, consumes))
			return false;
	}
	return true;
}

static bool request_body(struct import *im, const struct json *operation, struct apigateway_Method *m)
{
	const struct json *body = json_get(operation, S("requestBody"));
	const struct json *content = body != NULL ? json_get(import_resolve(im, body), S("content")) : NULL;
	for (uint32_t i = 0; json_is(content, JSON_OBJECT) && i < content->n; i++) {
		const struct json *schema = json_get(&content->members[i].value, S("schema"));
		struct str model = json_is(schema, JSON_OBJECT) ? import_model_of(im, schema) : STR_NONE;
		if (im->c->failed)
			return false;
		if (str_present(model))
			set_text(im->c->arena, &m->requestModels, content->members[i].key, model);
	}
	return true;
}

/* ---- what goes out ---- */

static bool response_models(struct import *im, const struct json *r, const struct json *produces, struct apigateway_MethodResponse *out)
{
	struct arena *a = im->c->arena;
	const struct json *content = json_get(r, S("content")), *schema = json_get(r, S("schema"));
	if (json_is(schema, JSON_OBJECT) && str_present(json_get_str(schema, "$ref"))) {
		struct str model = import_model_of(im, schema);
		if (!str_present(model))
			return false;
		for (uint32_t i = 0; json_is(produces, JSON_ARRAY) && i < produces->n; i++)
			set_text(a, &out->responseModels, json_str(&produces->items[i]), model);
		if (!json_is(produces, JSON_ARRAY) || produces->n == 0)
			set_text(a, &out->responseModels, S("application/json"), model);
	}
	for (uint32_t i = 0; json_is(content, JSON_OBJECT) && i < content->n; i++) {
		const struct json *s = json_get(&content->members[i].value, S("schema"));
		struct str model = json_is(s, JSON_OBJECT) ? import_model_of(im, s) : STR_NONE;
		if (im->c->failed)
			return false;
		if (str_present(model))
			set_text(a, &out->responseModels, content->members[i].key, model);
	}
	return true;
}

static bool responses(struct import *im, const struct json *operation, struct apigateway_Method *m)
{
	const struct json *all = json_get(operation, S("responses")), *produces = json_get(operation, S("produces"));
	if (produces == NULL)
		produces = json_get(im->doc, S("produces"));
	for (uint32_t i = 0; json_is(all, JSON_OBJECT) && i < all->n; i++) {
		uint64_t status;
		const struct json *r = import_resolve(im, &all->members[i].value), *headers = json_get(r, S("headers"));
		if (!str_to_u64(all->members[i].key, &status) || status < 100 || status > 599)
			continue; /* "default", "x-..." */
		struct apigateway_MapOfMethodResponse_entry *e = map_entry(im->c->arena, &m->methodResponses, sizeof *e, all->members[i].key);
		e->value = (struct apigateway_MethodResponse){.statusCode = e->key};
		for (uint32_t k = 0; json_is(headers, JSON_OBJECT) && k < headers->n; k++)
			set_flag(im->c->arena, &e->value.responseParameters, S("method.response.header."), headers->members[k].key, false);
		if (!response_models(im, r, produces, &e->value))
			return false;
	}
	return true;
}

/* ---- the integration ---- */

static struct json *integration_responses(struct import *im, const struct json *all)
{
	struct arena *a = im->c->arena;
	struct json *out = json_new_object(a);
	for (uint32_t i = 0; json_is(all, JSON_OBJECT) && i < all->n; i++) {
		static const char *const copied[] = {"responseParameters", "responseTemplates", "contentHandling"};
		const struct json *from = &all->members[i].value, *status = json_get(from, S("statusCode"));
		struct str code = json_is(status, JSON_NUMBER) ? status->text : json_str(status);
		struct json *r = json_new_object(a);
		if (!str_present(code))
			continue;
		json_set_str(a, r, "statusCode", code);
		if (!str_eq(all->members[i].key, S("default")))
			json_set_str(a, r, "selectionPattern", all->members[i].key);
		for (size_t k = 0; k < COUNT_OF(copied); k++)
			if (json_get(from, str_c(copied[k])) != NULL)
				json_set(a, r, str_c(copied[k]), json_get(from, str_c(copied[k])));
		json_set(a, out, code, r);
	}
	return out;
}

static bool integration(struct import *im, const struct json *x, struct apigateway_Method *m, struct str where)
{
	static const char *const copied[] = {"type", "httpMethod", "uri", "credentials", "connectionType", "connectionId", "requestParameters",
		"requestTemplates", "passthroughBehavior", "contentHandling", "timeoutInMillis", "cacheNamespace", "cacheKeyParameters", "tlsConfig",
		"responseTransferMode", "integrationTarget"};
	struct arena *a = im->c->arena;
	struct json *j = json_new_object(a);
	for (size_t i = 0; i < COUNT_OF(copied); i++)
		if (json_get(x, str_c(copied[i])) != NULL)
			json_set(a, j, str_c(copied[i]), json_get(x, str_c(copied[i])));
	if (json_get(x, S("responses")) != NULL)
		json_set(a, j, S("integrationResponses"), integration_responses(im, json_get(x, S("responses"))));
	struct str why = STR_NONE;
	m->methodIntegration = typed_from_json(a, &apigateway_shape_Integration, typed_coerce(a, &apigateway_shape_Integration, j), true, &why);
	if (m->methodIntegration == NULL || !str_present(m->methodIntegration->type)) {
		bad_request(im->c, "Unable to put integration%.*s: %.*s", STR_ARG(where), STR_ARG(str_present(why) ? why : S("it has no type")));
		return false;
	}
	return integration_check(im->c, m->methodIntegration, where);
}

bool import_method(struct import *im, struct apigateway_Resource *r, struct str http_method, const struct json *operation,
                   const struct json *shared_parameters)
{
	ASSERT(r != NULL && str_present(http_method) && im->api != NULL);
	struct call *c = im->c;
	struct apigateway_Method m = {.httpMethod = http_method, .operationName = json_get_str(operation, "operationId")};
	struct str where = arena_join(c->arena, S(" for method '"), http_method, S("' on resource at path '"), r->path, S("'"));
	if (!security(im, operation, &m) || !parameters(im, shared_parameters, operation, &m) ||
	    !parameters(im, json_get(operation, S("parameters")), operation, &m) || !request_body(im, operation, &m) || !responses(im, operation, &m))
		return false;
	struct str validator = json_get_str(operation, "x-amazon-apigateway-request-validator");
	if (!str_present(validator))
		validator = im->validator;
	if (str_present(validator)) {
		const struct str *id = map_get(&im->validators, validator);
		if (id == NULL) {
			bad_request(c, "Unable to find the request validator %.*s%.*s", STR_ARG(validator), STR_ARG(where));
			return false;
		}
		m.requestValidatorId = *id;
	}
	const struct json *x = import_resolve(im, json_get(operation, S("x-amazon-apigateway-integration")));
	if (x != NULL && !integration(im, x, &m, where))
		return false;
	if (!authorization_check(c, im->api->id, &m))
		return false;
	ASSERT(!c->failed && str_present(m.authorizationType));
	struct apigateway_MapOfMethod_entry *e = map_entry(c->arena, &r->resourceMethods, sizeof *e, http_method);
	e->value = m;
	return true;
}
