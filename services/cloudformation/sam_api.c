/* AWS::Serverless::Api: the REST API with its definition, a deployment whose logical id changes with the definition,
 * the stage, authorizer permissions and the usage plan. */
#include "sam.h"

static bool check(struct sam *s, const struct json *auth)
{
	static const char *const maps[] = {"Tags", "DefinitionBody", "Variables", "Auth", "GatewayResponses", "AccessLogSetting",
		"CanarySetting", "Models"};
	static const char *const known[] = {"__MANAGE_SWAGGER", "Name", "StageName", "Tags", "PropagateTags", "DefinitionBody",
		"DefinitionUri", "CacheClusterEnabled", "CacheClusterSize", "Variables", "EndpointConfiguration", "MethodSettings",
		"BinaryMediaTypes", "MinimumCompressionSize", "Cors", "Auth", "GatewayResponses", "AccessLogSetting", "CanarySetting",
		"TracingEnabled", "OpenApiVersion", "Models", "FailOnWarnings", "Description", "Mode", "DisableExecuteApiEndpoint",
		"ApiKeySourceType", "Policy", "SecurityPolicy", "EndpointAccessMode"};
	for (uint32_t i = 0; i < s->properties->n; i++) {
		struct str key = s->properties->members[i].key;
		bool found = false;
		for (size_t k = 0; k < COUNT_OF(known); k++)
			found = found || str_eq(key, str_c(known[k]));
		if (!found)
			return sam_fail(s, "property %.*s not defined for resource of type AWS::Serverless::Api, or not supported", STR_ARG(key)) != NULL;
	}
	for (size_t i = 0; i < COUNT_OF(maps); i++)
		if (sam_property(s, maps[i]) != NULL && !json_is(sam_property(s, maps[i]), JSON_OBJECT))
			return sam_fail(s, "Type of property '%s' is invalid.", maps[i]) != NULL;
	if (auth != NULL && !json_is(auth, JSON_OBJECT)) /* what a parameter has made of it */
		return sam_fail(s, "Type of property 'Auth' is invalid.") != NULL;
	if (sam_property(s, "StageName") == NULL)
		return sam_fail(s, "Missing required property 'StageName'.") != NULL;
	if (sam_truthy(sam_property(s, "DefinitionUri")) && sam_truthy(sam_property(s, "DefinitionBody")))
		return sam_fail(s, "Specify either 'DefinitionUri' or 'DefinitionBody' property and not both.") != NULL;
	struct json *version = sam_property(s, "OpenApiVersion");
	if (version != NULL && !swagger_is_openapi3(version) && !str_eq(json_str(version), S("2.0")))
		return sam_fail(s, "The OpenApiVersion value must be of the format '3.0.0'.") != NULL;
	return true;
}

/* Properties that edit the definition need one that lies in the template. */
static bool editable(struct sam *s, const char *property, const struct json *doc)
{
	if (!sam_truthy(sam_property(s, property)))
		return false;
	if (doc == NULL) {
		sam_fail(s, "%s works only with inline Swagger specified in 'DefinitionBody' property.", property);
		return false;
	}
	if (!swagger_valid(doc)) {
		sam_fail(s, "Unable to add %s configuration because 'DefinitionBody' does not contain a valid Swagger definition.", property);
		return false;
	}
	return true;
}

/* ---- parts of the definition ---- */

static void gateway_responses(struct sam *s, struct json *doc)
{
	static const struct { const char *member, *prefix; } kinds[] = {{"Headers", "header."}, {"Paths", "path."}, {"QueryStrings", "querystring."}};
	const struct json *all = sam_property(s, "GatewayResponses");
	ASSERT(json_is(all, JSON_OBJECT) && json_is(doc, JSON_OBJECT));
	for (uint32_t i = 0; i < all->n && !s->failed; i++) {
		const struct json *r = &all->members[i].value, *given = json_get(r, S("ResponseParameters")), *code = json_get(r, S("StatusCode"));
		struct json *out = json_new_object(s->a), *parameters = json_new_object(s->a);
		if (r->type != JSON_OBJECT || sam_is_intrinsic(r)) {
			sam_fail(s, "Unable to set GatewayResponses attribute because intrinsic functions are not supported for this field.");
			return;
		}
		for (size_t k = 0; k < COUNT_OF(kinds); k++) {
			const struct json *of_kind = json_get(given, str_c(kinds[k].member));
			for (uint32_t m = 0; json_is(of_kind, JSON_OBJECT) && m < of_kind->n; m++)
				sam_set(s, parameters, arena_printf(s->a, "gatewayresponse.%s%.*s", kinds[k].prefix, STR_ARG(of_kind->members[m].key)),
				         &of_kind->members[m].value);
		}
		sam_set(s, out, S("responseParameters"), parameters);
		const struct json *templates = json_get(r, S("ResponseTemplates"));
		sam_set(s, out, S("responseTemplates"), templates != NULL ? templates : json_new_object(s->a));
		if (sam_truthy(code))
			sam_set(s, out, S("statusCode"), json_is(code, JSON_STRING) || json_is(code, JSON_NUMBER) ? sam_text(s, code->text) : code);
		sam_set(s, sam_ensure(s, doc, S("x-amazon-apigateway-gateway-responses"), JSON_OBJECT), all->members[i].key, out);
	}
}

static void models(struct sam *s, struct json *doc)
{
	const struct json *all = sam_property(s, "Models");
	ASSERT(json_is(all, JSON_OBJECT) && json_is(doc, JSON_OBJECT));
	for (uint32_t i = 0; i < all->n; i++) {
		if (!sam_truthy(json_get(&all->members[i].value, S("type")))) {
			sam_fail(s, "'Models' schema is missing 'type'.");
			return;
		}
		struct str name = arena_dup(s->a, all->members[i].key);
		for (size_t k = 0; k < name.n; k++)
			if (name.p[k] >= 'A' && name.p[k] <= 'Z')
				((char *)name.p)[k] = (char)(name.p[k] + 32);
		sam_set(s, sam_ensure(s, doc, S("definitions"), JSON_OBJECT), name, &all->members[i].value);
	}
}

static struct json *unescape(struct sam *s, const struct json *types)
{
	struct json *out = json_copy(s->a, types);
	for (uint32_t i = 0; json_is(out, JSON_ARRAY) && i < out->n; i++) {
		struct str t = json_str(&out->items[i]);
		ptrdiff_t at = str_find_str(t, S("~1"));
		if (str_present(t) && at >= 0)
			out->items[i].text = arena_join(s->a, str_slice(t, 0, (size_t)at), S("/"), str_slice(t, (size_t)at + 2, t.n));
	}
	return out;
}

static void endpoint_extension(struct sam *s, struct json *doc)
{
	const struct json *off = sam_property(s, "DisableExecuteApiEndpoint");
	struct json *into = doc;
	if (off == NULL)
		return;
	if (doc == NULL) {
		sam_fail(s, "DisableExecuteApiEndpoint works only within 'DefinitionBody' property.");
		return;
	}
	if (swagger_is_openapi3(json_get(doc, S("openapi")))) {
		struct json *servers = sam_ensure(s, doc, S("servers"), JSON_ARRAY);
		if (servers->n == 0)
			sam_push(s, servers, json_new_object(s->a));
		into = &servers->items[0];
		if (!json_is(into, JSON_OBJECT)) {
			sam_fail(s, "Invalid value for 'servers' property");
			return;
		}
	}
	sam_set(s, sam_ensure(s, into, S("x-amazon-apigateway-endpoint-configuration"), JSON_OBJECT), S("disableExecuteApiEndpoint"), off);
}

static void edit_definition(struct sam *s, struct json *doc, const struct json *auth)
{
	const struct json *version = sam_property(s, "OpenApiVersion");
	if (editable(s, "Cors", doc))
		swagger_cors(s, doc, sam_property(s, "Cors"));
	if (!s->failed && editable(s, "Auth", doc)) {
		sam_api_auth(s, doc, auth);
		swagger_openapi(s, doc, version);
	}
	if (!s->failed && editable(s, "GatewayResponses", doc))
		gateway_responses(s, doc);
	if (!s->failed && doc != NULL && sam_truthy(sam_property(s, "BinaryMediaTypes")))
		sam_set(s, doc, S("x-amazon-apigateway-binary-media-types"), unescape(s, sam_resolve(s, sam_property(s, "BinaryMediaTypes"))));
	if (!s->failed && editable(s, "Models", doc)) {
		models(s, doc);
		swagger_openapi(s, doc, version);
	}
	endpoint_extension(s, doc);
	if (doc != NULL)
		swagger_openapi(s, doc, version);
}

/* ---- resources ---- */

static void endpoint_configuration(struct sam *s, struct made *api)
{
	const struct json *value = sam_property(s, "EndpointConfiguration"), *type = value;
	if (!sam_truthy(value))
		return;
	bool map = json_is(value, JSON_OBJECT) && sam_truthy(json_get(value, S("Type")));
	if (map)
		type = json_get(value, S("Type"));
	struct json *config = sam_one(s, "Types", sam_list(s, type));
	if (map) {
		const struct json *ids = json_get(value, S("VPCEndpointIds"));
		sam_put(s, config, "VpcEndpointIds", ids != NULL ? ids : json_get(value, S("VpcEndpointIds")));
		sam_put(s, config, "IpAddressType", json_get(value, S("IpAddressType")));
	}
	sam_set(s, api->properties, S("EndpointConfiguration"), config);
	sam_set(s, api->properties, S("Parameters"), sam_one(s, "endpointConfigurationTypes", type));
}

static struct made *rest_api(struct sam *s, const struct json *auth)
{
	static const char *const same[] = {"Name", "Description", "Mode", "ApiKeySourceType", "Policy", "SecurityPolicy",
		"EndpointAccessMode", "FailOnWarnings"};
	struct made *api = sam_make(s, s->id, "AWS::ApiGateway::RestApi", s->attributes);
	struct json *doc = sam_property(s, "DefinitionBody"), *uri = sam_property(s, "DefinitionUri");
	if (!sam_truthy(doc))
		doc = NULL;
	sam_put(s, api->properties, "BinaryMediaTypes", sam_resolve(s, sam_property(s, "BinaryMediaTypes")));
	sam_put(s, api->properties, "MinimumCompressionSize", sam_property(s, "MinimumCompressionSize"));
	endpoint_configuration(s, api);
	edit_definition(s, doc, auth);
	if (s->failed)
		return NULL;
	if (sam_truthy(uri)) {
		struct json *where = sam_s3_location(s, uri, "DefinitionUri", "Bucket", "Key", "Version");
		if (where == NULL)
			return NULL;
		sam_set(s, api->properties, S("BodyS3Location"), where);
	} else if (doc != NULL) {
		sam_set(s, api->properties, S("Body"), doc);
	}
	for (size_t i = 0; i < COUNT_OF(same); i++)
		if (sam_truthy(sam_property(s, same[i])))
			sam_put(s, api->properties, same[i], sam_property(s, same[i]));
	return api;
}

/* A deployment is never updated: what it shows must change its logical id. */
static struct made *deployment(struct sam *s, const struct made *api)
{
	const struct json *version = sam_property(s, "OpenApiVersion"), *what = json_get(api->properties, S("Body"));
	struct str names = json_str(json_get(s->function_names, s->id)), id = arena_join(s->a, s->id, S("Deployment"));
	if (what == NULL)
		what = json_get(api->properties, S("BodyS3Location"));
	struct str digest = STR_NONE;
	if (sam_truthy(what)) {
		struct str data = json_text_sorted(s->a, what);
		if (sam_truthy(version))
			data = arena_join(s->a, data, S("||"), version->text);
		if (names.n > 0)
			data = arena_join(s->a, data, S("||"), names);
		digest = sam_hash(s, data, 40);
		id = arena_join(s->a, id, str_slice(digest, 0, 10));
	}
	struct made *d = sam_make(s, id, "AWS::ApiGateway::Deployment", s->passed);
	sam_set(s, d->properties, S("RestApiId"), sam_ref(s, s->id));
	if (str_present(digest))
		sam_set(s, d->properties, S("Description"), sam_text(s, arena_join(s->a, S("RestApi deployment id: "), digest)));
	if (!sam_truthy(version))
		sam_set(s, d->properties, S("StageName"), sam_text(s, S("Stage")));
	return d;
}

static struct made *stage(struct sam *s, const struct made *deployed)
{
	static const char *const same[] = {"StageName", "CacheClusterEnabled", "CacheClusterSize", "Variables", "MethodSettings",
		"AccessLogSetting", "CanarySetting", "TracingEnabled"};
	struct str name = json_str(sam_property(s, "StageName"));
	struct str id = sam_alphanumeric(name) ? arena_join(s->a, s->id, name, S("Stage"))
	              : arena_join(s->a, s->id, S("Stage"), name.n > 0 ? sam_hash(s, name, 10) : S(""));
	struct made *m = sam_make(s, id, "AWS::ApiGateway::Stage", s->passed);
	sam_set(s, m->properties, S("RestApiId"), sam_ref(s, s->id));
	sam_set(s, m->properties, S("DeploymentId"), sam_ref(s, deployed->id));
	for (size_t i = 0; i < COUNT_OF(same); i++)
		sam_put(s, m->properties, same[i], sam_property(s, same[i]));
	if (sam_property(s, "Tags") != NULL)
		sam_set(s, m->properties, S("Tags"), sam_tags(s, sam_property(s, "Tags"), false));
	return m;
}

void sam_api(struct sam *s)
{
	const struct json *given = sam_property(s, "Auth"), *auth = given != NULL ? sam_resolve(s, given) : NULL;
	const struct json *tags = sam_property(s, "Tags");
	if (!check(s, auth))
		return;
	struct made *api = rest_api(s, auth);
	if (api == NULL)
		return;
	struct made *deployed = deployment(s, api);
	struct made *at = stage(s, deployed);
	sam_api_authorizer_permissions(s, auth);
	sam_usage_plan(s, auth, at->id);
	if (s->failed || !sam_truthy(tags) || !sam_truthy(sam_property(s, "PropagateTags")))
		return;
	for (struct made *m = s->made; m != NULL; m = m->next)
		if (!str_eq(str_c(m->type), S("AWS::ApiGateway::Deployment")) && !str_eq(str_c(m->type), S("AWS::Lambda::Permission"))
		    && !str_eq(str_c(m->type), S("AWS::ApiGateway::UsagePlanKey")))
			sam_set(s, m->properties, S("Tags"), sam_tags(s, tags, false));
}
