/* The Globals section: its properties merged into each resource of the type. Maps are merged, lists joined (global
 * first), everything else is the resource's own; intrinsic functions count as plain values. */
#include "sam.h"

static const char *const function_properties[] = {"Handler", "Runtime", "CodeUri", "DeadLetterQueue", "Description", "MemorySize",
	"Timeout", "VpcConfig", "Environment", "Tags", "PropagateTags", "Tracing", "KmsKeyArn", "AutoPublishAlias",
	"AutoPublishAliasAllProperties", "Layers", "DeploymentPreference", "RolePath", "PermissionsBoundary",
	"ReservedConcurrentExecutions", "ProvisionedConcurrencyConfig", "AssumeRolePolicyDocument", "EventInvokeConfig",
	"FileSystemConfigs", "CodeSigningConfigArn", "Architectures", "SnapStart", "EphemeralStorage", "FunctionUrlConfig",
	"RuntimeManagementConfig", "LoggingConfig", "RecursiveLoop", "SourceKMSKeyArn", "TenancyConfig", "DurableConfig",
	"CapacityProviderConfig", "FunctionScalingConfig", "PublishToLatestPublished", "VersionDeletionPolicy", NULL};
static const char *const api_properties[] = {"Auth", "Name", "DefinitionUri", "CacheClusterEnabled", "CacheClusterSize",
	"MergeDefinitions", "Variables", "EndpointConfiguration", "MethodSettings", "BinaryMediaTypes", "MinimumCompressionSize",
	"Cors", "GatewayResponses", "AccessLogSetting", "CanarySetting", "TracingEnabled", "OpenApiVersion", "Domain",
	"AlwaysDeploy", "PropagateTags", "SecurityPolicy", "EndpointAccessMode", NULL};
static const char *const table_properties[] = {"SSESpecification", NULL};
static const char *const layer_properties[] = {"PublishLambdaVersion", NULL};

static const struct section {
	const char *name;
	const char *const *properties;
} sections[] = {
	{"Api", api_properties}, {"Function", function_properties},
	{"LayerVersion", layer_properties}, {"SimpleTable", table_properties},
};

static struct json *merge(struct sam *s, const struct json *global, const struct json *local, bool top);

static struct json *merge_objects(struct sam *s, const struct json *global, const struct json *local, bool top)
{
	ASSERT(json_is(global, JSON_OBJECT) && json_is(local, JSON_OBJECT));
	struct json *out = json_copy(s->a, global);
	for (uint32_t i = 0; i < local->n; i++) {
		struct str key = local->members[i].key;
		const struct json *theirs = json_get(global, key), *own = &local->members[i].value;
		/* the one list that is not joined */
		bool replace = theirs == NULL || (top && str_eq(key, S("Architectures")));
		sam_set(s, out, key, replace ? own : merge(s, theirs, own, false));
	}
	ASSERT(out->n >= global->n);
	return out;
}

static struct json *merge(struct sam *s, const struct json *global, const struct json *local, bool top)
{
	bool maps = json_is(global, JSON_OBJECT) && json_is(local, JSON_OBJECT) && !sam_is_intrinsic(global) && !sam_is_intrinsic(local);
	if (maps)
		return merge_objects(s, global, local, top);
	if (!json_is(global, JSON_ARRAY) || !json_is(local, JSON_ARRAY))
		return json_copy(s->a, local);
	struct json *joined = json_copy(s->a, global);
	for (uint32_t i = 0; i < local->n; i++)
		sam_push(s, joined, &local->items[i]);
	ASSERT(joined->n == global->n + local->n);
	return joined;
}

static const struct section *section_of(struct str name)
{
	for (size_t i = 0; i < COUNT_OF(sections); i++)
		if (str_eq(name, str_c(sections[i].name)))
			return &sections[i];
	return NULL;
}

static bool has(const char *const *names, struct str name)
{
	for (; *names != NULL; names++)
		if (str_eq(name, str_c(*names)))
			return true;
	return false;
}

static bool check(struct sam *s, const struct json *globals)
{
	if (!json_is(globals, JSON_OBJECT)) {
		sam_fail_at(s, STR_NONE, "'Globals' section is invalid. It must be a non-empty dictionary");
		return false;
	}
	for (uint32_t i = 0; i < globals->n; i++) {
		const struct section *section = section_of(globals->members[i].key);
		const struct json *properties = &globals->members[i].value;
		if (section == NULL) {
			sam_fail_at(s, STR_NONE, "'Globals' section is invalid. '%.*s' is not supported. Must be one of the following values - "
			            "['Api', 'Function', 'LayerVersion', 'SimpleTable']", STR_ARG(globals->members[i].key));
			return false;
		}
		if (!json_is(properties, JSON_OBJECT)) {
			sam_fail_at(s, STR_NONE, "'Globals' section is invalid. Value of ${section} must be a dictionary");
			return false;
		}
		for (uint32_t k = 0; k < properties->n; k++) {
			if (has(section->properties, properties->members[k].key))
				continue;
			sam_fail_at(s, STR_NONE, "'Globals' section is invalid. '%.*s' is not a supported property of '%s'.",
			            STR_ARG(properties->members[k].key), section->name);
			return false;
		}
	}
	return true;
}

/* The globals of a resource's type less those that IgnoreGlobals names; NULL: failed or none at all. */
static const struct json *globals_for(struct sam *s, struct str id, const struct json *resource, const struct json *globals)
{
	const struct json *ignore = json_get(resource, S("IgnoreGlobals"));
	if (ignore == NULL)
		return globals;
	if (str_eq(json_str(ignore), S("*")))
		return NULL;
	if (!json_is(ignore, JSON_ARRAY))
		return sam_fail_at(s, id, "Resource %.*s has invalid resource attribute 'IgnoreGlobals'.", STR_ARG(id));
	ASSERT(json_is(globals, JSON_OBJECT)); /* check() */
	struct json *left = json_copy(s->a, globals);
	for (uint32_t i = 0; i < ignore->n; i++)
		if (!json_unset(left, json_str(&ignore->items[i])))
			return sam_fail_at(s, id, "Resource %.*s has invalid resource attribute 'IgnoreGlobals' on item '%.*s'.",
			                   STR_ARG(id), STR_ARG(json_str(&ignore->items[i])));
	return left;
}

/* OpenApiVersion 3 on an API whose definition the transform writes: the definition says so too. */
static void fix_openapi(struct sam *s, struct json *properties)
{
	struct json *version = json_get(properties, S("OpenApiVersion")), *body = json_get(properties, S("DefinitionBody"));
	if (version == NULL || json_get(properties, S("__MANAGE_SWAGGER")) == NULL || !swagger_is_openapi3(version))
		return;
	if (version->type == JSON_NUMBER)
		version->type = JSON_STRING;
	if (!json_is(body, JSON_OBJECT))
		return;
	sam_set(s, body, S("openapi"), version);
	json_unset(body, S("swagger"));
}

bool sam_globals(struct sam *s)
{
	const struct json *globals = json_get(s->in, S("Globals"));
	if (globals != NULL && !check(s, globals))
		return false;
	for (uint32_t i = 0; i < s->resources->n; i++) {
		struct json *resource = &s->resources->members[i].value;
		struct str type = json_get_str(resource, "Type"), prefix = S("AWS::Serverless::");
		if (!str_starts(type, prefix))
			continue;
		struct json *properties = sam_ensure(s, resource, S("Properties"), JSON_OBJECT);
		const struct json *theirs = json_get(globals, str_slice(type, prefix.n, type.n));
		if (theirs != NULL)
			theirs = globals_for(s, s->resources->members[i].key, resource, theirs);
		if (theirs != NULL) {
			struct json *merged = merge(s, theirs, properties, true);
			sam_set(s, resource, S("Properties"), merged);
		}
		json_unset(resource, S("IgnoreGlobals"));
		if (str_eq(type, S("AWS::Serverless::Api")))
			fix_openapi(s, json_get(resource, S("Properties")));
	}
	json_unset(s->in, S("Globals"));
	return s->n_errors == 0;
}
