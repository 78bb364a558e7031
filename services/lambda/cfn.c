/* The CloudFormation types of Lambda but the function itself. Source: the types' reference in the CloudFormation User
 * Guide. Everything goes through the service's own operations. */
#include "cfn.h"

/* ---- helpers ---- */

enum cfn_status cfn_ask(struct cfn_resource *r, const char *op, const struct json *in, struct json **out)
{
	struct invoked i = invoke(r->c, "lambda", op, in, NULL);
	if (!i.ok)
		return cfn_done(r, &i);
	if (out != NULL)
		*out = i.out;
	return CFN_DONE;
}

enum cfn_status cfn_ask_gone(struct cfn_resource *r, const char *op, const struct json *in)
{
	struct invoked i = invoke(r->c, "lambda", op, in, NULL);
	return cfn_gone(r, &i, S("ResourceNotFoundException"));
}

static bool among(struct str name, const char *const *names)
{
	for (; *names != NULL; names++) {
		if (str_eq(name, str_c(*names)))
			return true;
	}
	return false;
}

void cfn_proper(struct arena *a, struct json *j)
{
	static const char *const numbers[] = {"Timeout", "MemorySize", "Size", "ReservedConcurrentExecutions", "BatchSize", "MaximumRetryAttempts",
		"MaximumBatchingWindowInSeconds", "MaximumRecordAgeInSeconds", "ParallelizationFactor", "MaximumEventAgeInSeconds",
		"MaximumConcurrency", "TumblingWindowInSeconds", "FunctionWeight", "MaxAge", NULL};
	static const char *const flags[] = {"Enabled", "BisectBatchOnFunctionError", "AllowCredentials", NULL};
	for (uint32_t i = 0; j->type == JSON_ARRAY && i < j->n; i++)
		cfn_proper(a, &j->items[i]);
	for (uint32_t i = 0; j->type == JSON_OBJECT && i < j->n; i++) {
		struct json *v = &j->members[i].value;
		double number;
		if (str_eq(j->members[i].key, S("Variables")))
			continue; /* names of the function's own */
		if (v->type == JSON_STRING && among(j->members[i].key, numbers) && str_to_f64(v->text, &number))
			*v = *json_new_number(a, v->text);
		else if (v->type == JSON_STRING && among(j->members[i].key, flags))
			*v = *json_new_bool(a, str_eq_nocase(v->text, S("true")));
		else
			cfn_proper(a, v);
	}
}

struct json *cfn_copy(struct cfn_resource *r, const char *const *names)
{
	struct json *in = json_new_object(r->c->arena);
	for (; *names != NULL; names++) {
		struct json *v = json_get(r->properties, str_c(*names));
		if (v != NULL && v->type != JSON_NULL)
			json_set(r->c->arena, in, str_c(*names), v);
	}
	return in;
}

struct str cfn_text(struct cfn_resource *r, const char *name) { return json_get_str(r->properties, name); }

bool cfn_changed(struct cfn_resource *r, const char *name)
{
	struct json *now = json_get(r->properties, str_c(name)), *was = json_get(r->old_properties, str_c(name));
	return now == NULL || was == NULL ? now != was : !json_equal(now, was);
}

static void attribute(struct cfn_resource *r, const char *name, struct str value)
{
	if (r->attributes == NULL)
		r->attributes = json_new_object(r->c->arena);
	json_set(r->c->arena, r->attributes, str_c(name), json_new_str(r->c->arena, value));
}

/* ---- Version ---- */

static enum cfn_status version_create(struct cfn_resource *r)
{
	static const char *const names[] = {"FunctionName", "Description", "CodeSha256", NULL};
	struct json *out = NULL;
	enum cfn_status status = cfn_ask(r, "PublishVersion", cfn_copy(r, names), &out);
	if (status != CFN_DONE)
		return status;
	r->physical_id = json_get_str(out, "FunctionArn");
	attribute(r, "Version", json_get_str(out, "Version"));
	attribute(r, "FunctionArn", r->physical_id);
	return CFN_DONE;
}

static enum cfn_status version_remove(struct cfn_resource *r)
{
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "FunctionName", r->physical_id);
	return cfn_ask_gone(r, "DeleteFunction", in);
}

/* ---- Alias ---- */

static struct json *alias_input(struct cfn_resource *r)
{
	static const char *const names[] = {"FunctionName", "Name", "FunctionVersion", "Description", NULL};
	struct arena *a = r->c->arena;
	cfn_proper(a, r->properties);
	struct json *in = cfn_copy(r, names), *routing = json_new_object(a), *weights = json_new_object(a);
	struct json *given = json_get(json_get(r->properties, S("RoutingConfig")), S("AdditionalVersionWeights"));
	for (size_t i = 0; json_is(given, JSON_ARRAY) && i < given->n; i++) {
		const struct json *weight = json_get(json_at(given, i), S("FunctionWeight"));
		json_set(a, weights, cfn_scalar(json_get(json_at(given, i), S("FunctionVersion"))), weight != NULL ? weight : json_new_null(a));
	}
	json_set(a, routing, S("AdditionalVersionWeights"), weights);
	json_set(a, in, S("RoutingConfig"), routing);
	return in;
}

static enum cfn_status alias_store(struct cfn_resource *r, const char *op)
{
	struct json *out = NULL;
	enum cfn_status status = cfn_ask(r, op, alias_input(r), &out);
	if (status != CFN_DONE)
		return status;
	r->physical_id = json_get_str(out, "AliasArn");
	attribute(r, "AliasArn", r->physical_id);
	return CFN_DONE;
}

static enum cfn_status alias_create(struct cfn_resource *r) { return alias_store(r, "CreateAlias"); }
static enum cfn_status alias_update(struct cfn_resource *r) { return alias_store(r, "UpdateAlias"); }

static enum cfn_status alias_remove(struct cfn_resource *r)
{
	static const char *const names[] = {"FunctionName", "Name", NULL};
	return cfn_ask_gone(r, "DeleteAlias", cfn_copy(r, names));
}

/* ---- Permission ---- */

static enum cfn_status permission_create(struct cfn_resource *r)
{
	static const char *const names[] = {"FunctionName", "Action", "Principal", "SourceArn", "SourceAccount", "EventSourceToken",
		"FunctionUrlAuthType", "PrincipalOrgID", NULL};
	r->physical_id = cfn_make_name(r, 100, false);
	struct json *in = cfn_copy(r, names);
	json_set_str(r->c->arena, in, "StatementId", r->physical_id);
	attribute(r, "Id", r->physical_id);
	return cfn_ask(r, "AddPermission", in, NULL);
}

static enum cfn_status permission_remove(struct cfn_resource *r)
{
	static const char *const names[] = {"FunctionName", NULL};
	struct json *in = cfn_copy(r, names);
	json_set_str(r->c->arena, in, "StatementId", r->physical_id);
	return cfn_ask_gone(r, "RemovePermission", in);
}

/* ---- EventSourceMapping ---- */

static struct json *mapping_input(struct cfn_resource *r, bool create)
{
	static const char *const names[] = {"FunctionName", "Enabled", "BatchSize", "FilterCriteria", "MaximumBatchingWindowInSeconds",
		"ParallelizationFactor", "DestinationConfig", "MaximumRecordAgeInSeconds", "BisectBatchOnFunctionError",
		"MaximumRetryAttempts", "TumblingWindowInSeconds", "FunctionResponseTypes", "ScalingConfig", NULL};
	static const char *const fixed[] = {"EventSourceArn", "StartingPosition"};
	cfn_proper(r->c->arena, r->properties);
	struct json *in = cfn_copy(r, names);
	for (size_t i = 0; create && i < COUNT_OF(fixed); i++) {
		struct json *v = json_get(r->properties, str_c(fixed[i]));
		if (v != NULL)
			json_set(r->c->arena, in, str_c(fixed[i]), v);
	}
	return in;
}

static enum cfn_status mapping_create(struct cfn_resource *r)
{
	struct json *out = NULL, *in = mapping_input(r, true), *tags = cfn_tags(r, true);
	if (tags != NULL && tags->n > 0)
		json_set(r->c->arena, in, S("Tags"), tags);
	enum cfn_status status = cfn_ask(r, "CreateEventSourceMapping", in, &out);
	if (status != CFN_DONE)
		return status;
	r->physical_id = json_get_str(out, "UUID");
	attribute(r, "Id", r->physical_id);
	attribute(r, "EventSourceMappingArn", json_get_str(out, "EventSourceMappingArn"));
	return CFN_DONE;
}

static enum cfn_status mapping_update(struct cfn_resource *r)
{
	struct json *in = mapping_input(r, false);
	json_set_str(r->c->arena, in, "UUID", r->physical_id);
	return cfn_ask(r, "UpdateEventSourceMapping", in, NULL);
}

static enum cfn_status mapping_remove(struct cfn_resource *r)
{
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "UUID", r->physical_id);
	return cfn_ask_gone(r, "DeleteEventSourceMapping", in);
}

/* ---- EventInvokeConfig ---- */

static enum cfn_status event_config_put(struct cfn_resource *r)
{
	static const char *const names[] = {"FunctionName", "Qualifier", "MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig", NULL};
	cfn_proper(r->c->arena, r->properties);
	r->physical_id = arena_join(r->c->arena, cfn_text(r, "FunctionName"), S("|"), cfn_text(r, "Qualifier"));
	return cfn_ask(r, "PutFunctionEventInvokeConfig", cfn_copy(r, names), NULL);
}

static enum cfn_status event_config_remove(struct cfn_resource *r)
{
	static const char *const names[] = {"FunctionName", "Qualifier", NULL};
	return cfn_ask_gone(r, "DeleteFunctionEventInvokeConfig", cfn_copy(r, names));
}

/* ---- LayerVersion, LayerVersionPermission ---- */

static enum cfn_status layer_create(struct cfn_resource *r)
{
	static const char *const names[] = {"LayerName", "Description", "Content", "CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo", NULL};
	struct json *in = cfn_copy(r, names), *out = NULL;
	if (!str_present(cfn_text(r, "LayerName")))
		json_set_str(r->c->arena, in, "LayerName", cfn_make_name(r, 140, false));
	enum cfn_status status = cfn_ask(r, "PublishLayerVersion", in, &out);
	if (status != CFN_DONE)
		return status;
	r->physical_id = json_get_str(out, "LayerVersionArn");
	attribute(r, "LayerVersionArn", r->physical_id);
	return CFN_DONE;
}

/* LayerName and VersionNumber of an ARN "...:layer:name:3". */
static struct json *layer_input(struct cfn_resource *r, struct str arn)
{
	struct json *in = json_new_object(r->c->arena);
	ptrdiff_t colon = str_rfind(arn, ':');
	int64_t version = 0;
	if (colon > 0)
		(void)str_to_i64(str_slice(arn, (size_t)colon + 1, arn.n), &version);
	json_set_str(r->c->arena, in, "LayerName", colon > 0 ? str_slice(arn, 0, (size_t)colon) : arn);
	json_set_i64(r->c->arena, in, "VersionNumber", version);
	return in;
}

static enum cfn_status layer_remove(struct cfn_resource *r)
{
	return cfn_ask_gone(r, "DeleteLayerVersion", layer_input(r, r->physical_id));
}

static enum cfn_status layer_permission_create(struct cfn_resource *r)
{
	struct json *in = layer_input(r, cfn_text(r, "LayerVersionArn"));
	static const char *const names[] = {"Action", "Principal", "OrganizationId"};
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (str_present(cfn_text(r, names[i])))
			json_set(r->c->arena, in, str_c(names[i]), json_new_str(r->c->arena, cfn_text(r, names[i])));
	}
	struct str sid = cfn_make_name(r, 100, false);
	json_set_str(r->c->arena, in, "StatementId", sid);
	r->physical_id = arena_join(r->c->arena, cfn_text(r, "LayerVersionArn"), S("#"), sid);
	attribute(r, "Id", r->physical_id);
	return cfn_ask(r, "AddLayerVersionPermission", in, NULL);
}

static enum cfn_status layer_permission_remove(struct cfn_resource *r)
{
	struct str sid = r->physical_id, arn = str_cut(&sid, '#');
	struct json *in = layer_input(r, arn);
	json_set_str(r->c->arena, in, "StatementId", sid);
	return cfn_ask_gone(r, "RemoveLayerVersionPermission", in);
}

/* ---- Url ---- */

static struct json *url_input(struct cfn_resource *r)
{
	static const char *const names[] = {"AuthType", "Qualifier", "Cors", "InvokeMode", NULL};
	cfn_proper(r->c->arena, r->properties);
	struct json *in = cfn_copy(r, names);
	json_set_str(r->c->arena, in, "FunctionName", cfn_text(r, "TargetFunctionArn"));
	return in;
}

static enum cfn_status url_store(struct cfn_resource *r, const char *op)
{
	struct json *out = NULL;
	enum cfn_status status = cfn_ask(r, op, url_input(r), &out);
	if (status != CFN_DONE)
		return status;
	r->physical_id = json_get_str(out, "FunctionArn");
	attribute(r, "FunctionArn", r->physical_id);
	attribute(r, "FunctionUrl", json_get_str(out, "FunctionUrl"));
	return CFN_DONE;
}

static enum cfn_status url_create(struct cfn_resource *r) { return url_store(r, "CreateFunctionUrlConfig"); }
static enum cfn_status url_update(struct cfn_resource *r) { return url_store(r, "UpdateFunctionUrlConfig"); }

static enum cfn_status url_remove(struct cfn_resource *r)
{
	static const char *const names[] = {"Qualifier", NULL};
	struct json *in = cfn_copy(r, names);
	json_set_str(r->c->arena, in, "FunctionName", cfn_text(r, "TargetFunctionArn"));
	return cfn_ask_gone(r, "DeleteFunctionUrlConfig", in);
}

/* ---- the table ---- */

#define NAMES(id, ...) static const char *const id[] = {__VA_ARGS__, NULL}
NAMES(function_properties, "FunctionName", "Runtime", "Role", "Handler", "Code", "Description", "Timeout", "MemorySize", "Environment", "Layers",
	"Tags", "TracingConfig", "DeadLetterConfig", "EphemeralStorage", "Architectures", "ReservedConcurrentExecutions", "LoggingConfig",
	"KmsKeyArn", "PackageType", "VpcConfig", "FileSystemConfigs", "ImageConfig", "SnapStart", "CodeSigningConfigArn");
NAMES(function_replaces, "FunctionName", "PackageType");
NAMES(version_properties, "FunctionName", "Description", "CodeSha256");
NAMES(alias_properties, "FunctionName", "Name", "FunctionVersion", "Description", "RoutingConfig");
NAMES(alias_replaces, "FunctionName", "Name");
NAMES(permission_properties, "FunctionName", "Action", "Principal", "SourceArn", "SourceAccount", "EventSourceToken",
	"FunctionUrlAuthType", "PrincipalOrgID");
NAMES(mapping_properties, "FunctionName", "EventSourceArn", "StartingPosition", "Enabled", "BatchSize", "FilterCriteria", "Tags",
	"MaximumBatchingWindowInSeconds", "ParallelizationFactor", "DestinationConfig", "MaximumRecordAgeInSeconds",
	"BisectBatchOnFunctionError", "MaximumRetryAttempts", "TumblingWindowInSeconds", "FunctionResponseTypes", "ScalingConfig");
NAMES(mapping_replaces, "EventSourceArn", "StartingPosition");
NAMES(event_config_properties, "FunctionName", "Qualifier", "MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig");
NAMES(event_config_replaces, "FunctionName", "Qualifier");
NAMES(layer_properties, "LayerName", "Description", "Content", "CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo");
NAMES(layer_permission_properties, "Action", "LayerVersionArn", "OrganizationId", "Principal");
NAMES(url_properties, "AuthType", "TargetFunctionArn", "Qualifier", "Cors", "InvokeMode");
NAMES(url_replaces, "TargetFunctionArn", "Qualifier");

const struct cfn_type lambda_cfn_types[LAMBDA_CFN_TYPES] = {
	{.name = "AWS::Lambda::Function", .properties = function_properties, .replaces = function_replaces, .create = cfn_function_create,
	 .update = cfn_function_update, .remove = cfn_function_remove, .name_property = "FunctionName"},
	{.name = "AWS::Lambda::Version", .properties = version_properties, .create = version_create, .remove = version_remove},
	{.name = "AWS::Lambda::Alias", .properties = alias_properties, .replaces = alias_replaces, .create = alias_create,
	 .update = alias_update, .remove = alias_remove},
	{.name = "AWS::Lambda::Permission", .properties = permission_properties, .create = permission_create, .remove = permission_remove},
	{.name = "AWS::Lambda::EventSourceMapping", .properties = mapping_properties, .replaces = mapping_replaces, .create = mapping_create,
	 .update = mapping_update, .remove = mapping_remove},
	{.name = "AWS::Lambda::EventInvokeConfig", .properties = event_config_properties, .replaces = event_config_replaces,
	 .create = event_config_put, .update = event_config_put, .remove = event_config_remove},
	{.name = "AWS::Lambda::LayerVersion", .properties = layer_properties, .create = layer_create, .remove = layer_remove},
	{.name = "AWS::Lambda::LayerVersionPermission", .properties = layer_permission_properties, .create = layer_permission_create,
	 .remove = layer_permission_remove},
	{.name = "AWS::Lambda::Url", .properties = url_properties, .replaces = url_replaces, .create = url_create, .update = url_update,
	 .remove = url_remove},
};
