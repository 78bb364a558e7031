/* The Api event: permission for the API to invoke the function, and the method in the API's definition when the
 * transform manages that definition. */
#include "sam.h"

/* The path in a permission: each {parameter} becomes a star. */
static struct str permission_path(struct sam *s, struct str path)
{
	struct buf b;
	buf_init(&b, s->a, 8192);
	if (path.n > 1 && path.p[path.n - 1] == '/')
		path.n--;
	while (path.n > 0) {
		ptrdiff_t open = str_find(path, '{');
		ptrdiff_t close = open < 0 ? -1 : str_find(str_slice(path, (size_t)open, path.n), '}');
		if (open < 0 || close < 0)
			break;
		buf_put(&b, path.p, (size_t)open);
		buf_putc(&b, '*');
		path = str_slice(path, (size_t)(open + close) + 1, path.n);
	}
	buf_str(&b, path);
	return buf_view(&b);
}

static void permission(struct sam *s, const struct target *t, const struct event *e, struct str path, struct str method, struct str suffix)
{
	bool any = str_eq_nocase(method, S("any"));
	struct str upper = arena_dup(s->a, method);
	for (size_t i = 0; i < upper.n; i++)
		if (upper.p[i] >= 'a' && upper.p[i] <= 'z')
			((char *)upper.p)[i] = (char)(upper.p[i] - 32);
	struct json *variables = sam_one(s, "__ApiId__", json_get(e->properties, S("RestApiId")));
	sam_set(s, variables, S("__Stage__"), sam_text(s, S("*")));
	struct str text = arena_join(s->a, S("arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${__ApiId__}/${__Stage__}/"),
	                             any ? S("*") : upper, permission_path(s, path));
	sam_permission(s, t, e->id, suffix, "apigateway.amazonaws.com", sam_sub(s, text, variables));
}

/* Does the API (its default, or this method) sign the integration with the caller's or a role's credentials? */
static const struct json *integration_credentials(struct sam *s, const struct json *method_auth, const struct json *api_auth)
{
	bool iam = str_eq(json_get_str(method_auth, "Authorizer"), S("AWS_IAM"));
	if (!iam && !(str_eq(json_get_str(api_auth, "DefaultAuthorizer"), S("AWS_IAM")) && !sam_truthy(method_auth)))
		return NULL;
	const struct json *own = json_get(method_auth, S("InvokeRole")), *theirs = json_get(api_auth, S("InvokeRole"));
	const struct json *role = own != NULL ? own : theirs;
	if (role != NULL && (!sam_truthy(role) || str_eq(json_str(role), S("NONE"))))
		return NULL;
	if (role == NULL || str_eq(json_str(role), S("CALLER_CREDENTIALS")))
		return sam_text(s, S("arn:aws:iam::*:user/*"));
	return role;
}

static void integrate(struct sam *s, const struct target *t, const struct event *e, struct json *doc, const struct json *api,
	struct str path, struct str method)
{
	ASSERT(doc != NULL && str_present(path) && str_present(method));
	const struct json *auth = json_get(e->properties, S("Auth")), *mode = json_get(e->properties, S("ResponseTransferMode"));
	bool stream = str_eq(json_str(mode), S("RESPONSE_STREAM"));
	struct str condition = json_get_str(s->attributes, "Condition");
	struct str target = sam_is_function(t->arn, "Ref") ? t->arn->members[0].value.text : arena_join(s->a, s->id, S(".Arn"));
	struct json *uri = sam_sub(s, arena_printf(s->a, "arn:aws:apigateway:${AWS::Region}:lambda:path/%s/functions/${%.*s}/%s",
		stream ? "2021-11-15" : "2015-03-31", STR_ARG(target), stream ? "response-streaming-invocations" : "invocations"), NULL);
	struct json *items[2];
	swagger_add_path(s, doc, path, method);
	size_t n = swagger_contents(json_get(json_get(doc, S("paths")), path), items);
	for (size_t i = 0; i < n; i++) {
		ASSERT(i < COUNT_OF(items));
		struct json *definition = json_get(items[i], method), *integration = sam_lit(s, "{\"type\":\"aws_proxy\",\"httpMethod\":\"POST\"}");
		sam_set(s, integration, S("uri"), str_present(condition) ? sam_if(s, condition, uri) : uri);
		if (stream)
			sam_set(s, integration, S("responseTransferMode"), sam_text(s, S("STREAM")));
		sam_put(s, integration, "credentials", integration_credentials(s, auth, json_get(api, S("Auth"))));
		if (sam_truthy(json_get(e->properties, S("TimeoutInMillis"))))
			sam_put(s, integration, "timeoutInMillis", json_get(e->properties, S("TimeoutInMillis")));
		sam_set(s, definition, S("x-amazon-apigateway-integration"), integration);
		sam_ensure(s, definition, S("responses"), JSON_OBJECT);
		if (str_present(condition))
			sam_set(s, items[i], method, sam_if(s, condition, definition));
	}
}

/* ---- models and parameters ---- */

static struct str lower(struct sam *s, struct str text)
{
	struct str out = arena_dup(s->a, text);
	for (size_t i = 0; i < out.n; i++)
		if (out.p[i] >= 'A' && out.p[i] <= 'Z')
			((char *)out.p)[i] = (char)(out.p[i] + 32);
	return out;
}

static void validator(struct sam *s, struct json *doc, struct json *definition, bool body, bool parameters)
{
	struct str name = body && parameters ? S("body-and-params") : body ? S("body-only") : parameters ? S("params-only") : S("no-validation");
	struct json *all = sam_ensure(s, doc, S("x-amazon-apigateway-request-validators"), JSON_OBJECT);
	if (json_get(all, name) == NULL) {
		struct json *v = sam_one(s, "validateRequestBody", json_new_bool(s->a, body));
		sam_set(s, v, S("validateRequestParameters"), json_new_bool(s->a, parameters));
		sam_set(s, all, name, v);
	}
	sam_set(s, definition, S("x-amazon-apigateway-request-validator"), sam_text(s, name));
}

static void add_model(struct sam *s, const struct event *e, struct json *doc, const struct json *api, struct json *definition)
{
	const struct json *request = json_get(e->properties, S("RequestModel")), *model = json_get(request, S("Model"));
	const struct json *body = json_get(request, S("ValidateBody")), *parameters = json_get(request, S("ValidateParameters"));
	if (!sam_truthy(request) || !sam_truthy(model))
		return;
	if (json_get(json_get(api, S("Models")), json_str(model)) == NULL) {
		sam_event_fail(s, e, "Unable to set RequestModel [%.*s] on API method [%.*s] for path [%.*s] because it wasn't defined in the API's Models.",
		               STR_ARG(json_str(model)), STR_ARG(lower(s, json_get_str(e->properties,
			"Method"))), STR_ARG(json_get_str(e->properties, "Path")));
		return;
	}
	struct str name = lower(s, json_str(model));
	if (json_get(doc, S("swagger")) != NULL) {
		struct json *p = sam_lit(s, "{\"in\":\"body\"}");
		sam_set(s, p, S("name"), sam_text(s, name));
		sam_set(s, p, S("schema"), sam_one(s, "$ref", sam_text(s, arena_join(s->a, S("#/definitions/"), name))));
		sam_put(s, p, "required", json_get(request, S("Required")));
		sam_push(s, sam_ensure(s, definition, S("parameters"), JSON_ARRAY), p);
	} else {
		struct json *schema = sam_one(s, "schema", sam_one(s, "$ref", sam_text(s, arena_join(s->a, S("#/components/schemas/"), name))));
		struct json *p = sam_one(s, "content", sam_one(s, "application/json", schema));
		sam_put(s, p, "required", json_get(request, S("Required")));
		sam_set(s, definition, S("requestBody"), p);
	}
	if (body != NULL || parameters != NULL)
		validator(s, doc, definition, sam_truthy(body), sam_truthy(parameters));
}

static bool add_parameter(struct sam *s, const struct event *e, struct json *definition, const struct json *given)
{
	struct str name = json_is(given, JSON_OBJECT) && given->n > 0 ? given->members[0].key : json_str(given);
	const struct json *settings = json_is(given, JSON_OBJECT) && given->n > 0 ? &given->members[0].value : NULL;
	struct str prefix = S("method.request.");
	struct str rest = str_slice(name, prefix.n, name.n);
	struct str location = str_present(rest) ? str_cut(&rest, '.') : STR_NONE;
	bool known = str_eq(location, S("querystring")) || str_eq(location, S("path")) || str_eq(location, S("header"));
	if (!str_starts(name, prefix) || !known || !str_present(rest))
		return sam_event_fail(s, e, "Invalid value for 'RequestParameters' property. Keys must be in the format "
		                      "'method.request.[querystring|path|header].{value}', e.g 'method.request.header.Authorization'.") != NULL;
	struct json *p = sam_one(s, "in", sam_text(s, str_eq(location, S("querystring")) ? S("query") : location));
	const struct json *required = json_get(settings, S("Required"));
	sam_set(s, p, S("name"), sam_text(s, rest));
	sam_set(s, p, S("required"), required != NULL ? required : json_new_bool(s->a, false));
	sam_set(s, p, S("type"), sam_text(s, S("string")));
	sam_push(s, sam_ensure(s, definition, S("parameters"), JSON_ARRAY), p);
	if (sam_truthy(json_get(settings, S("Caching")))) {
		struct json *integration = json_get(definition, S("x-amazon-apigateway-integration"));
		sam_push(s, sam_ensure(s, integration, S("cacheKeyParameters"), JSON_ARRAY), sam_text(s, name));
	}
	return true;
}

static void refine(struct sam *s, const struct event *e, struct json *doc, const struct json *api, struct str path, struct str method)
{
	const struct json *parameters = json_get(e->properties, S("RequestParameters"));
	struct json *definitions[4];
	if (json_get(e->properties, S("Auth")) != NULL)
		sam_method_auth(s, e, doc, api, path, method);
	size_t n = swagger_definitions(doc, path, method, definitions);
	ASSERT(n <= COUNT_OF(definitions));
	for (size_t i = 0; i < n && !s->failed; i++) {
		add_model(s, e, doc, api, definitions[i]);
		for (uint32_t k = 0; json_is(parameters, JSON_ARRAY) && k < parameters->n; k++)
			if (!add_parameter(s, e, definitions[i], &parameters->items[k]))
				return;
	}
}

void sam_api_event(struct sam *s, const struct target *t, const struct event *e)
{
	const struct json *id = json_get(e->properties, S("RestApiId"));
	struct str api_id = sam_is_function(id, "Ref") ? json_str(&id->members[0].value) : json_str(id);
	struct str path = json_get_str(e->properties, "Path");
	struct json *api = str_present(api_id) ? json_get(json_get(s->resources, api_id), S("Properties")) : NULL;
	if (api == NULL || !str_present(path)) {
		sam_event_fail(s, e, "RestApiId property of Api event must reference a valid resource in the same template.");
		return;
	}
	struct str stage = json_get_str(api, "StageName"), given = json_get_str(e->properties, "Method");
	struct str method = swagger_method(s, given);
	permission(s, t, e, path, given, str_present(stage) ? stage : S("Stage"));
	struct json *doc = json_get(api, S("DefinitionBody"));
	if (sam_truthy(json_get(api, S("MergeDefinitions")))) {
		sam_event_fail(s, e, "MergeDefinitions of the API is not supported.");
		return;
	}
	if (json_get(api, S("__MANAGE_SWAGGER")) == NULL || doc == NULL)
		return;
	if (swagger_has_integration(doc, path, method)) {
		sam_event_fail(s, e, "API method \"%.*s\" defined multiple times for path \"%.*s\".", STR_ARG(lower(s, given)), STR_ARG(path));
		return;
	}
	integrate(s, t, e, doc, api, path, method);
	refine(s, e, doc, api, path, method);
}
