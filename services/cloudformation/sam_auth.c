/* Auth of an API and of its methods: authorizers (Cognito, Lambda by token or request, AWS_IAM), API keys. They become
 * securityDefinitions and, method by method, security. */
#include "sam.h"

static struct json *security_of(struct sam *s, const char *name, const struct json *scopes)
{
	return sam_one(s, name, json_is(scopes, JSON_ARRAY) ? scopes : json_new_array(s->a));
}

/* ---- securityDefinitions ---- */

static void identity_sources(struct sam *s, struct buf *b, const struct json *identity, const char *member, const char *prefix)
{
	const struct json *list = json_get(identity, str_c(member));
	for (uint32_t i = 0; json_is(list, JSON_ARRAY) && i < list->n; i++) {
		if (!json_is(&list->items[i], JSON_STRING)) {
			sam_fail(s, "Property 'Auth.Authorizers.Identity.%s[%u]' should be a string.", member, i);
			return;
		}
		buf_printf(b, "%s%s%.*s", b->n > 0 ? ", " : "", prefix, STR_ARG(list->items[i].text));
	}
}

static struct json *lambda_authorizer(struct sam *s, struct str name, const struct json *a, bool request)
{
	const struct json *identity = json_get(a, S("Identity")), *ttl = json_get(identity, S("ReauthorizeEvery"));
	const struct json *role = json_get(a, S("FunctionInvokeRole"));
	struct json *out = sam_one(s, "type", sam_text(s, request ? S("request") : S("token")));
	sam_set(s, out, S("authorizerUri"), sam_sub(s,
		S("arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${__FunctionArn__}/invocations"),
		sam_one(s, "__FunctionArn__", json_get(a, S("FunctionArn")))));
	sam_put(s, out, "authorizerResultTtlInSeconds", ttl);
	if (sam_truthy(role) && !str_eq(json_str(role), S("NONE")))
		sam_put(s, out, "authorizerCredentials", role);
	if (request) {
		struct buf b;
		buf_init(&b, s->a, 8192);
		identity_sources(s, &b, identity, "Headers", "method.request.header.");
		identity_sources(s, &b, identity, "QueryStrings", "method.request.querystring.");
		identity_sources(s, &b, identity, "StageVariables", "stageVariables.");
		identity_sources(s, &b, identity, "Context", "context.");
		if (b.n == 0 && !(json_is(ttl, JSON_NUMBER) && !sam_truthy(ttl)))
			return sam_fail(s, "%.*s Authorizer must specify Identity with at least one of Headers, QueryStrings, StageVariables, or "
				"Context.", STR_ARG(name));
		if (b.n > 0)
			sam_set(s, out, S("identitySource"), sam_text(s, buf_view(&b)));
	} else {
		sam_put(s, out, "identityValidationExpression", json_get(identity, S("ValidationExpression")));
	}
	return out;
}

static struct json *definition(struct sam *s, struct str name, const struct json *a)
{
	const struct json *pool = json_get(a, S("UserPoolArn")), *identity = json_get(a, S("Identity"));
	struct str payload = json_get_str(a, "FunctionPayloadType");
	bool request = str_eq(payload, S("REQUEST"));
	struct str header = json_get_str(identity, "Header");
	if (str_present(payload) && !request && !str_eq(payload, S("TOKEN")))
		return sam_fail(s, "%.*s Authorizer has invalid 'FunctionPayloadType': %.*s.", STR_ARG(name), STR_ARG(payload));
	struct json *out = sam_lit(s, "{\"type\":\"apiKey\",\"in\":\"header\"}"), *how;
	if (sam_truthy(pool)) {
		sam_set(s, out, S("x-amazon-apigateway-authtype"), sam_text(s, S("cognito_user_pools")));
		how = sam_one(s, "type", sam_text(s, S("cognito_user_pools")));
		sam_set(s, how, S("providerARNs"), json_is(pool, JSON_ARRAY) ? pool : sam_list(s, pool));
		sam_put(s, how, "identityValidationExpression", json_get(identity, S("ValidationExpression")));
		request = false;
	} else {
		sam_set(s, out, S("x-amazon-apigateway-authtype"), sam_text(s, S("custom")));
		how = lambda_authorizer(s, name, a, request);
	}
	if (how == NULL)
		return NULL;
	sam_set(s, out, S("name"), sam_text(s, request ? S("Unused") : header.n > 0 ? header : S("Authorization")));
	sam_set(s, out, S("x-amazon-apigateway-authorizer"), how);
	return out;
}

/* ---- security of each method ---- */

struct defaults {
	struct json *doc;
	struct str authorizer;
	const struct json *authorizers;
	bool preflight;
};

static bool has_key(const struct json *security, const struct json *authorizers)
{
	for (uint32_t i = 0; json_is(security, JSON_OBJECT) && i < security->n; i++)
		if (str_eq(security->members[i].key, S("AWS_IAM")) || json_get(authorizers, security->members[i].key) != NULL)
			return true;
	return false;
}

/* The default authorizer on a method that names none; "NONE" is taken away and nothing put in its place. */
static void default_authorizer(struct sam *s, struct json *method, struct str name, void *arg)
{
	const struct defaults *d = arg;
	const struct json *before = json_get(method, S("security"));
	struct json *others = json_new_array(s->a), *own = json_new_array(s->a);
	bool none = false;
	if (!d->preflight && str_eq(name, S("options")))
		return;
	for (uint32_t i = 0; json_is(before, JSON_ARRAY) && i < before->n; i++) {
		const struct json *one = &before->items[i];
		if (has_key(one, d->authorizers))
			sam_push(s, own, one);
		else if (!none && json_get(one, S("NONE")) != NULL)
			none = true;
		else
			sam_push(s, others, one);
	}
	if (!none && own->n == 0)
		sam_push(s, own, security_of(s, arena_cstr(s->a, d->authorizer),
		          json_get(json_get(d->authorizers, d->authorizer), S("AuthorizationScopes"))));
	for (uint32_t i = 0; !none && i < own->n; i++)
		sam_push(s, others, &own->items[i]);
	if (others->n == 0)
		return;
	sam_set(s, method, S("security"), others);
	if (json_get(&others->items[0], S("AWS_IAM")) != NULL)
		swagger_iam_definition(s, d->doc);
}

static void default_key(struct sam *s, struct json *method, struct str name, void *arg)
{
	const struct defaults *d = arg;
	const struct json *before = json_get(method, S("security"));
	struct json *after = json_new_array(s->a);
	bool off = false;
	for (uint32_t i = 0; json_is(before, JSON_ARRAY) && i < before->n; i++) {
		const struct json *one = &before->items[i];
		off = off || json_get(one, S("api_key_false")) != NULL;
		if (json_get(one, S("api_key")) == NULL && json_get(one, S("api_key_false")) == NULL)
			sam_push(s, after, one);
	}
	if (!off && (d->preflight || !str_eq(name, S("options"))))
		sam_push(s, after, security_of(s, "api_key", NULL));
	if (after->n > 0 || json_is(before, JSON_ARRAY))
		sam_set(s, method, S("security"), after);
}

static void each_path(struct sam *s, struct json *doc, void (*fn)(struct sam *, struct json *, struct str, void *), struct defaults *d)
{
	const struct json *paths = json_get(doc, S("paths"));
	ASSERT(json_is(paths, JSON_OBJECT)); /* swagger_valid has said so */
	for (uint32_t i = 0; i < paths->n; i++)
		swagger_each_method(s, doc, paths->members[i].key, fn, d);
}

static bool check(struct sam *s, const struct json *auth)
{
	static const char *const known[] = {"Authorizers", "DefaultAuthorizer", "InvokeRole", "AddDefaultAuthorizerToCorsPreflight",
		"AddApiKeyRequiredToCorsPreflight", "ApiKeyRequired", "UsagePlan"};
	if (json_get(auth, S("ResourcePolicy")) != NULL)
		return sam_fail(s, "'ResourcePolicy' of 'Auth' is not supported.") != NULL;
	ASSERT(json_is(auth, JSON_OBJECT));
	for (uint32_t i = 0; i < auth->n; i++) {
		bool found = false;
		for (size_t k = 0; k < COUNT_OF(known); k++)
			found = found || str_eq(auth->members[i].key, str_c(known[k]));
		if (!found)
			return sam_fail(s, "Invalid value for 'Auth' property") != NULL;
	}
	return true;
}

void sam_api_auth(struct sam *s, struct json *doc, const struct json *auth)
{
	const struct json *authorizers = json_get(auth, S("Authorizers"));
	struct str name = json_get_str(auth, "DefaultAuthorizer");
	struct defaults d = {.doc = doc, .authorizer = name, .authorizers = authorizers};
	bool iam = str_eq(name, S("AWS_IAM"));
	if (!check(s, auth))
		return;
	if (iam)
		swagger_iam_definition(s, doc);
	for (uint32_t i = 0; json_is(authorizers, JSON_OBJECT) && i < authorizers->n; i++) {
		struct json *one = definition(s, authorizers->members[i].key, &authorizers->members[i].value);
		if (one == NULL)
			return;
		sam_set(s, sam_ensure(s, doc, S("securityDefinitions"), JSON_OBJECT), authorizers->members[i].key, one);
	}
	if (str_present(name)) {
		if (!iam && json_get(authorizers, name) == NULL) {
			sam_fail(s, "Unable to set DefaultAuthorizer because '%.*s' was not defined in 'Authorizers'.", STR_ARG(name));
			return;
		}
		d.preflight = json_get_bool(auth, "AddDefaultAuthorizerToCorsPreflight", true);
		each_path(s, doc, default_authorizer, &d);
	}
	if (sam_truthy(json_get(auth, S("ApiKeyRequired")))) {
		swagger_key_definition(s, doc);
		d.preflight = json_get_bool(auth, "AddApiKeyRequiredToCorsPreflight", true);
		each_path(s, doc, default_key, &d);
	}
}

void sam_api_authorizer_permissions(struct sam *s, const struct json *auth)
{
	const struct json *authorizers = json_get(auth, S("Authorizers"));
	for (uint32_t i = 0; json_is(authorizers, JSON_OBJECT) && i < authorizers->n; i++) {
		const struct json *a = &authorizers->members[i].value, *arn = json_get(a, S("FunctionArn"));
		if (!sam_truthy(arn) || sam_truthy(json_get(a, S("DisableFunctionDefaultPermissions"))))
			continue;
		struct str id = arena_join(s->a, s->id, authorizers->members[i].key, S("AuthorizerPermission"));
		struct made *m = sam_make(s, id, "AWS::Lambda::Permission", s->passed);
		m->properties = sam_lit(s, "{\"Action\":\"lambda:InvokeFunction\",\"Principal\":\"apigateway.amazonaws.com\"}");
		sam_put(s, m->properties, "FunctionName", arn);
		sam_set(s, m->properties, S("SourceArn"), sam_sub(s, S("arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${__ApiId__}/authorizers/*"),
		         sam_one(s, "__ApiId__", sam_ref(s, s->id))));
	}
}

/* ---- Auth of one Api event ---- */

static bool check_method(struct sam *s, const struct event *e, const struct json *auth, const struct json *api_auth)
{
	struct str name = json_get_str(auth, "Authorizer"), path = json_get_str(e->properties, "Path");
	struct str method = json_get_str(e->properties, "Method");
	const struct json *authorizers = json_get(api_auth, S("Authorizers")), *key = json_get(auth, S("ApiKeyRequired"));
	if (json_get(auth, S("ResourcePolicy")) != NULL || json_get(auth, S("OverrideApiAuth")) != NULL)
		return sam_event_fail(s, e, "'ResourcePolicy' and 'OverrideApiAuth' of 'Auth' are not supported.") != NULL;
	if (str_eq(name, S("NONE")) && !sam_truthy(json_get(api_auth, S("DefaultAuthorizer"))))
		return sam_event_fail(s, e, "Unable to set Authorizer on API method [%.*s] for path [%.*s] because 'NONE' is only a valid value "
		                      "when a DefaultAuthorizer on the API is specified.", STR_ARG(method), STR_ARG(path)) != NULL;
	bool named = str_present(name) && !str_eq(name, S("NONE")) && !str_eq(name, S("AWS_IAM"));
	if (named && !sam_truthy(authorizers))
		return sam_event_fail(s, e, "Unable to set Authorizer [%.*s] on API method [%.*s] for path [%.*s] because the related API does not "
		                      "define any Authorizers.", STR_ARG(name), STR_ARG(method), STR_ARG(path)) != NULL;
	if (named && json_get(authorizers, name) == NULL)
		return sam_event_fail(s, e, "Unable to set Authorizer [%.*s] on API method [%.*s] for path [%.*s] because it wasn't defined in the "
		                      "API's Authorizers.", STR_ARG(name), STR_ARG(method), STR_ARG(path)) != NULL;
	if (sam_truthy(json_get(auth, S("AuthorizationScopes"))) && !str_present(name))
		return sam_event_fail(s, e, "AuthorizationScopes works only when Authorizer is set") != NULL;
	if (key != NULL && !sam_truthy(key) && !sam_truthy(json_get(api_auth, S("ApiKeyRequired"))))
		return sam_event_fail(s, e, "Unable to set ApiKeyRequired [False] on API method [%.*s] for path [%.*s] because the related API does "
		                      "not specify any ApiKeyRequired.", STR_ARG(method), STR_ARG(path)) != NULL;
	return true;
}

void sam_method_auth(struct sam *s, const struct event *e, struct json *doc, const struct json *api, struct str path, struct str method)
{
	const struct json *auth = json_get(e->properties, S("Auth")), *api_auth = sam_resolve(s, json_get(api, S("Auth")));
	struct str name = json_get_str(auth, "Authorizer");
	const struct json *key = json_get(auth, S("ApiKeyRequired")), *authorizers = json_get(api_auth, S("Authorizers"));
	struct json *definitions[4];
	if (!check_method(s, e, auth, api_auth))
		return;
	size_t n = swagger_definitions(doc, path, method, definitions);
	for (size_t i = 0; i < n; i++) {
		struct json *security = NULL;
		if (str_present(name)) {
			const struct json *authorizer = json_get(authorizers, name), *scopes = json_get(auth, S("AuthorizationScopes"));
			if (scopes == NULL)
				scopes = json_get(authorizer, S("AuthorizationScopes"));
			security = sam_ensure(s, definitions[i], S("security"), JSON_ARRAY);
			sam_push(s, security, security_of(s, arena_cstr(s->a, name), authorizer != NULL ? scopes : NULL));
			if (json_get(&security->items[0], S("AWS_IAM")) != NULL)
				swagger_iam_definition(s, doc);
		}
		if (key == NULL)
			continue;
		if (sam_truthy(key))
			swagger_key_definition(s, doc);
		sam_push(s, sam_ensure(s, definitions[i], S("security"), JSON_ARRAY),
		          security_of(s, sam_truthy(key) ? "api_key" : "api_key_false", NULL));
	}
}
