/* Parts of an imported document beside its paths: models, validators, authorizers, gateway responses.
 *
 * References between schemas become references to models, as API Gateway writes them:
 * "https://apigateway.amazonaws.com/restapis/<api>/models/<name>". */
#include "import.h"

#include "responses.h"

static struct str last_part(struct str ref)
{
	ptrdiff_t slash = str_rfind(ref, '/');
	return str_slice(ref, (size_t)(slash + 1), ref.n);
}

/* Schemas are copied only where a reference changes. Depth is bounded by the parser. */
static struct json *rewrite(struct import *im, const struct json *j)
{
	struct arena *a = im->c->arena;
	struct json *out;
	switch (j->type) {
	case JSON_OBJECT:
		out = json_new_object(a);
		for (uint32_t i = 0; i < j->n; i++) {
			struct str ref = str_eq(j->members[i].key, S("$ref")) ? json_str(&j->members[i].value) : STR_NONE;
			const struct json *v = str_present(ref) && (str_starts(ref, S("#/definitions/")) || str_starts(ref, S("#/components/schemas/")))
				? json_new_str(a, arena_join(a, S("https://apigateway.amazonaws.com/restapis/"), im->api->id, S("/models/"), last_part(ref)))
				: rewrite(im, &j->members[i].value);
			json_set(a, out, j->members[i].key, v);
		}
		return out;
	case JSON_ARRAY:
		out = json_new_array(a);
		for (uint32_t i = 0; i < j->n; i++)
			json_push(a, out, rewrite(im, &j->items[i]));
		ASSERT(out->n == j->n);
		return out;
	default:
		return (struct json *)(uintptr_t)j;
	}
}

static bool import_models(struct import *im)
{
	const struct json *all = im->swagger ? json_get(im->doc, S("definitions")) : json_path(im->doc, "components.schemas");
	for (uint32_t i = 0; json_is(all, JSON_OBJECT) && i < all->n; i++) {
		struct str schema = json_text(im->c->arena, rewrite(im, &all->members[i].value));
		struct str description = json_get_str(&all->members[i].value, "description");
		if (!put_model(im->c, im->api->id, all->members[i].key, S("application/json"), schema, description))
			return false;
	}
	return true;
}

struct str import_model_of(struct import *im, const struct json *schema)
{
	struct call *c = im->c;
	struct str ref = json_get_str(schema, "$ref");
	if (str_present(ref)) {
		if (import_resolve(im, schema) != NULL)
			return last_part(ref);
		bad_request(c, "Unable to resolve the reference %.*s", STR_ARG(ref));
		return STR_NONE;
	}
	struct str name = arena_printf(c->arena, "MODEL%.*s%u", STR_ARG(new_id(c, 6)), ++im->n_made_models);
	return put_model(c, im->api->id, name, S("application/json"), json_text(c->arena, rewrite(im, schema)), STR_NONE) ? name : STR_NONE;
}

static void import_validators(struct import *im)
{
	struct call *c = im->c;
	const struct json *all = json_get(im->doc, S("x-amazon-apigateway-request-validators"));
	struct list old = all_records(c, part_key(c, "validator", im->api->id, STR_NONE), &apigateway_shape_RequestValidator);
	for (uint32_t i = 0; i < old.n; i++) {
		struct apigateway_RequestValidator *v = LIST_AT(old, struct apigateway_RequestValidator, i);
		map_put(&im->validators, v->name.p != NULL ? v->name : S(""), &v->id);
	}
	for (uint32_t i = 0; json_is(all, JSON_OBJECT) && i < all->n; i++) {
		const struct json *v = &all->members[i].value;
		const struct str *known = map_get(&im->validators, all->members[i].key);
		struct str *id = arena_new_of(c->arena, struct str);
		*id = known != NULL ? *known : new_id(c, 6);
		struct apigateway_RequestValidator made = {*id, all->members[i].key, SOME_BOOL(json_get_bool(v, "validateRequestBody", false)),
			SOME_BOOL(json_get_bool(v, "validateRequestParameters", false))};
		call_put(c, part_key(c, "validator", im->api->id, made.id), &apigateway_shape_RequestValidator, &made);
		map_put(&im->validators, made.name, id);
		ASSERT(map_get(&im->validators, made.name) == id);
	}
	im->validator = json_get_str(im->doc, "x-amazon-apigateway-request-validator");
}

/* A security scheme with an x-amazon-apigateway-authorizer. */
static bool import_authorizer(struct import *im, struct str name, const struct json *scheme, const struct map *known)
{
	struct call *c = im->c;
	const struct json *x = json_get(scheme, S("x-amazon-apigateway-authorizer"));
	struct apigateway_Authorizer *a = arena_new_of(c->arena, struct apigateway_Authorizer);
	const struct str *id = map_get(known, name);
	struct str type = json_get_str(x, "type"), auth_type = json_get_str(scheme, "x-amazon-apigateway-authtype");
	int64_t ttl;
	*a = (struct apigateway_Authorizer){.id = id != NULL ? *id : new_id(c, 6), .name = name, .authType = auth_type,
		.type = str_eq_nocase(type, S("request")) ? S("REQUEST") :
			str_eq_nocase(type, S("cognito_user_pools")) ? S("COGNITO_USER_POOLS") : S("TOKEN"),
		.authorizerUri = json_get_str(x, "authorizerUri"), .authorizerCredentials = json_get_str(x, "authorizerCredentials"),
		.identitySource = json_get_str(x, "identitySource"),
		.identityValidationExpression = json_get_str(x, "identityValidationExpression")};
	if (json_to_i64(json_get(x, S("authorizerResultTtlInSeconds")), &ttl))
		a->authorizerResultTtlInSeconds = SOME_I64(ttl);
	if (str_eq(a->type, S("TOKEN")) && !str_present(a->identitySource) && str_present(json_get_str(scheme, "name")))
		a->identitySource = arena_join(c->arena, S("method.request.header."), json_get_str(scheme, "name"));
	if (!authorizer_check(c, a))
		return false;
	ASSERT(a->authorizerResultTtlInSeconds.set && str_present(a->authType)); /* the check fills them in */
	call_put(c, part_key(c, "authorizer", im->api->id, a->id), &apigateway_shape_Authorizer, a);
	map_put(&im->authorizers, name, a);
	return true;
}

static bool import_authorizers(struct import *im)
{
	struct call *c = im->c;
	struct map known;
	map_init(&known, c->arena);
	struct list old = all_records(c, part_key(c, "authorizer", im->api->id, STR_NONE), &apigateway_shape_Authorizer);
	for (uint32_t i = 0; i < old.n; i++) {
		struct apigateway_Authorizer *a = LIST_AT(old, struct apigateway_Authorizer, i);
		map_put(&known, a->name, &a->id);
	}
	const struct json *all = im->swagger ? json_get(im->doc, S("securityDefinitions")) : json_path(im->doc, "components.securitySchemes");
	for (uint32_t i = 0; json_is(all, JSON_OBJECT) && i < all->n; i++)
		if (json_get(&all->members[i].value, S("x-amazon-apigateway-authorizer")) != NULL &&
		    !import_authorizer(im, all->members[i].key, &all->members[i].value, &known))
			return false;
	return true;
}

static bool import_responses(struct import *im)
{
	struct call *c = im->c;
	const struct json *all = json_get(im->doc, S("x-amazon-apigateway-gateway-responses"));
	for (uint32_t i = 0; json_is(all, JSON_OBJECT) && i < all->n; i++) {
		const struct json *v = &all->members[i].value;
		struct json *in = json_new_object(c->arena);
		const struct gateway_response *k = gateway_response_known(all->members[i].key);
		if (k == NULL) {
			bad_request(c, "Invalid gateway response type: %.*s", STR_ARG(all->members[i].key));
			return false;
		}
		json_set_str(c->arena, in, "responseType", all->members[i].key);
		json_set_bool(c->arena, in, "defaultResponse", false);
		if (json_get(v, S("statusCode")) != NULL)
			json_set(c->arena, in, S("statusCode"), json_get(v, S("statusCode")));
		else if (k->status > 0)
			json_set_str(c->arena, in, "statusCode", arena_printf(c->arena, "%d", k->status));
		json_set(c->arena, in, S("responseParameters"), json_is(json_get(v, S("responseParameters")), JSON_OBJECT)
			? json_get(v, S("responseParameters")) : json_new_object(c->arena));
		struct json *templates = json_get(v, S("responseTemplates"));
		if (!json_is(templates, JSON_OBJECT)) {
			templates = json_new_object(c->arena);
			json_set_str(c->arena, templates, "application/json", S(GATEWAY_TEMPLATE));
		}
		json_set(c->arena, in, S("responseTemplates"), templates);
		struct str why = STR_NONE;
		const struct apigateway_GatewayResponse *r = typed_from_json(c->arena, &apigateway_shape_GatewayResponse,
			typed_coerce(c->arena, &apigateway_shape_GatewayResponse, in), true, &why);
		if (r == NULL) {
			bad_request(c, "Invalid gateway response %.*s: %.*s", STR_ARG(all->members[i].key), STR_ARG(why));
			return false;
		}
		call_put(c, part_key(c, "response", im->api->id, r->responseType), &apigateway_shape_GatewayResponse, r);
	}
	return true;
}

bool import_parts(struct import *im)
{
	ASSERT(json_is(im->doc, JSON_OBJECT) && str_present(im->api->id));
	import_validators(im);
	return import_models(im) && import_authorizers(im) && import_responses(im);
}
