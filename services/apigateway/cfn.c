/* CloudFormation types of API Gateway. Updates of an API's body import it again in place; a deployment is never changed. */
#include "cfn_internal.h"

struct invoked cfn_ask(struct cfn_resource *r, const char *op, const struct json *in)
{
	return invoke(r->c, "apigateway", op, in, NULL);
}

static enum cfn_status done_or(struct cfn_resource *r, const struct invoked *i) { return i->ok ? CFN_DONE : cfn_fail_as(r, &i->error); }

/* Gone already counts as removed. */
static enum cfn_status removed(struct cfn_resource *r, const struct invoked *i)
{
	return i->ok || str_eq(i->error.code, S("NotFoundException")) ? CFN_DONE : cfn_fail_as(r, &i->error);
}

struct json *cfn_object1(struct cfn_resource *r, struct str key, struct str value)
{
	struct json *o = json_new_object(r->c->arena);
	json_set(r->c->arena, o, key, json_new_str(r->c->arena, value));
	return o;
}

static struct str property(const struct cfn_resource *r, const char *name) { return json_get_str(r->properties, name); }

static void copy(struct cfn_resource *r, struct json *to, const char *name, const struct json *from)
{
	if (from != NULL)
		json_set(r->c->arena, to, str_c(name), from);
}

/* {"Types": [...]} as the service writes it: first letters small. */
struct json *cfn_lowered(struct arena *a, const struct json *j)
{
	if (json_is(j, JSON_ARRAY)) {
		struct json *out = json_new_array(a);
		for (uint32_t i = 0; i < j->n; i++)
			json_push(a, out, cfn_lowered(a, &j->items[i]));
		return out;
	}
	if (!json_is(j, JSON_OBJECT))
		return (struct json *)(uintptr_t)j;
	struct json *out = json_new_object(a);
	for (uint32_t i = 0; i < j->n; i++) {
		struct str key = arena_dup(a, j->members[i].key);
		char *p = (char *)(uintptr_t)key.p;
		if (key.n > 0 && p[0] >= 'A' && p[0] <= 'Z')
			p[0] = (char)(p[0] + 32);
		json_set(a, out, key, cfn_lowered(a, &j->members[i].value));
	}
	return out;
}

static struct json *text_of(struct arena *a, const struct json *v)
{
	if (v->type == JSON_NUMBER || v->type == JSON_STRING)
		return json_new_str(a, v->text);
	return json_new_str(a, json_text(a, v));
}

void cfn_patch(struct cfn_resource *r, struct json *list, const char *op, struct str path, const struct json *value)
{
	struct arena *a = r->c->arena;
	struct json *p = json_push(a, list, json_new_object(a));
	json_set_str(a, p, "op", str_c(op));
	json_set_str(a, p, "path", path);
	if (value != NULL)
		json_set(a, p, S("value"), text_of(a, value));
}

static struct str escaped(struct arena *a, struct str s)
{
	struct buf b;
	buf_init(&b, a, 0);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '~' || s.p[i] == '/')
			buf_put(&b, s.p[i] == '~' ? "~0" : "~1", 2);
		else
			buf_putc(&b, s.p[i]);
	return buf_view(&b);
}

/* ---- RestApi ---- */

/* The document: Body, or an object of S3. Absent with *failed unset: there is none. */
static struct str body_of(struct cfn_resource *r, enum cfn_status *failed)
{
	struct arena *a = r->c->arena;
	const struct json *body = json_get(r->properties, S("Body")), *at = json_get(r->properties, S("BodyS3Location"));
	if (body != NULL)
		return body->type == JSON_STRING ? body->text : json_text(a, body);
	if (at == NULL)
		return STR_NONE;
	struct json *in = json_new_object(a);
	copy(r, in, "Bucket", json_get(at, S("Bucket")));
	copy(r, in, "Key", json_get(at, S("Key")));
	copy(r, in, "VersionId", json_get(at, S("Version")));
	struct invoked i = invoke(r->c, "s3", "GetObject", in, NULL);
	if (!i.ok)
		*failed = cfn_done(r, &i);
	return i.ok ? json_get_str(i.out, "Body") : STR_NONE;
}

/* What stands beside a body, as patches on the API that it made. */
static struct json *api_patches(struct cfn_resource *r)
{
	static const struct { const char *property, *path; } plain[] = {{"Name", "/name"}, {"Description", "/description"},
		{"ApiKeySourceType", "/apiKeySource"}, {"MinimumCompressionSize", "/minimumCompressionSize"}, {"Policy", "/policy"},
		{"DisableExecuteApiEndpoint", "/disableExecuteApiEndpoint"}};
	struct arena *a = r->c->arena;
	struct json *list = json_new_array(a);
	for (size_t i = 0; i < COUNT_OF(plain); i++) {
		const struct json *v = json_get(r->properties, str_c(plain[i].property));
		if (v != NULL)
			cfn_patch(r, list, "replace", str_c(plain[i].path), v);
	}
	const struct json *types = json_get(r->properties, S("BinaryMediaTypes"));
	for (uint32_t i = 0; json_is(types, JSON_ARRAY) && i < types->n; i++)
		cfn_patch(r, list, "add", arena_join(a, S("/binaryMediaTypes/"), escaped(a, json_str(&types->items[i]))), NULL);
	const struct json *endpoint = json_at(json_path(r->properties, "EndpointConfiguration.Types"), 0);
	if (endpoint != NULL)
		cfn_patch(r, list, "replace", S("/endpointConfiguration/types/0"), endpoint);
	return list;
}

static enum cfn_status import(struct cfn_resource *r, const char *op, struct str body)
{
	struct arena *a = r->c->arena;
	struct json *in = json_new_object(a);
	json_set_str(a, in, "body", base64_encode(a, body));
	copy(r, in, "parameters", json_get(r->properties, S("Parameters")));
	copy(r, in, "failOnWarnings", json_get(r->properties, S("FailOnWarnings")));
	if (str_present(r->physical_id)) {
		json_set_str(a, in, "restApiId", r->physical_id);
		json_set_str(a, in, "mode", str_eq(property(r, "Mode"), S("merge")) ? S("merge") : S("overwrite"));
	}
	struct invoked i = cfn_ask(r, op, in);
	if (i.ok)
		r->physical_id = json_get_str(i.out, "id");
	return done_or(r, &i);
}

static enum cfn_status api_settings(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	struct json *in = cfn_object1(r, S("restApiId"), r->physical_id);
	json_set(a, in, S("patchOperations"), api_patches(r));
	struct invoked i = cfn_ask(r, "UpdateRestApi", in);
	if (!i.ok)
		return cfn_fail_as(r, &i.error);
	json_set_str(a, r->attributes, "RootResourceId", json_get_str(i.out, "rootResourceId"));
	json_set_str(a, r->attributes, "RestApiId", r->physical_id);
	struct json *tags = cfn_tags(r, true);
	if (tags == NULL || tags->n == 0)
		return CFN_DONE;
	struct json *t = cfn_object1(r, S("resourceArn"), arena_printf(a, "arn:aws:apigateway:%.*s::/restapis/%.*s", STR_ARG(r->c->region),
		STR_ARG(r->physical_id)));
	json_set(a, t, S("tags"), tags);
	i = cfn_ask(r, "TagResource", t);
	return done_or(r, &i);
}

static enum cfn_status api_create(struct cfn_resource *r)
{
	enum cfn_status failed = CFN_DONE;
	struct str body = body_of(r, &failed);
	if (failed != CFN_DONE)
		return failed;
	if (str_present(body)) {
		r->physical_id = STR_NONE;
		enum cfn_status s = import(r, "ImportRestApi", body);
		return s == CFN_DONE ? api_settings(r) : s;
	}
	if (json_get(r->properties, S("CloneFrom")) != NULL)
		return cfn_fail(r, "CloneFrom is not supported");
	struct invoked i = cfn_ask(r, "CreateRestApi", cfn_object1(r, S("name"), str_present(property(r, "Name")) ? property(r, "Name") : S("")));
	if (!i.ok)
		return cfn_fail_as(r, &i.error);
	r->physical_id = json_get_str(i.out, "id");
	return api_settings(r);
}

static enum cfn_status api_update(struct cfn_resource *r)
{
	enum cfn_status failed = CFN_DONE;
	struct str body = body_of(r, &failed);
	if (failed != CFN_DONE)
		return failed;
	if (str_present(body)) {
		enum cfn_status s = import(r, "PutRestApi", body);
		if (s != CFN_DONE)
			return s;
	}
	return api_settings(r);
}

static enum cfn_status api_remove(struct cfn_resource *r)
{
	struct invoked i = cfn_ask(r, "DeleteRestApi", cfn_object1(r, S("restApiId"), r->physical_id));
	return removed(r, &i);
}

/* ---- Deployment and Stage ---- */

static enum cfn_status deployment_create(struct cfn_resource *r)
{
	static const char *const pairs[] = {"RestApiId", "restApiId", "StageName", "stageName", "Description", "description", NULL};
	struct arena *a = r->c->arena;
	struct json *in = cfn_input(r, pairs);
	const struct json *stage = json_get(r->properties, S("StageDescription"));
	for (uint32_t i = 0; json_is(stage, JSON_OBJECT) && i < stage->n; i++)
		if (!str_eq(stage->members[i].key, S("Variables")) && !str_eq(stage->members[i].key, S("Description")))
			return cfn_fail(r, "StageDescription.%.*s is not supported: use AWS::ApiGateway::Stage", STR_ARG(stage->members[i].key));
	copy(r, in, "variables", json_get(stage, S("Variables")));
	copy(r, in, "stageDescription", json_get(stage, S("Description")));
	struct invoked i = cfn_ask(r, "CreateDeployment", in);
	if (!i.ok)
		return cfn_fail_as(r, &i.error);
	r->physical_id = json_get_str(i.out, "id");
	json_set_str(a, r->attributes, "DeploymentId", r->physical_id);
	return CFN_DONE;
}

/* A stage that the deployment made by its StageName goes with it when it still shows it. */
static enum cfn_status deployment_remove(struct cfn_resource *r)
{
	struct str api = property(r, "RestApiId"), stage = property(r, "StageName");
	if (str_present(stage)) {
		struct json *in = cfn_object1(r, S("restApiId"), api);
		json_set_str(r->c->arena, in, "stageName", stage);
		struct invoked s = cfn_ask(r, "GetStage", in);
		if (s.ok && str_eq(json_get_str(s.out, "deploymentId"), r->physical_id)) {
			s = cfn_ask(r, "DeleteStage", in);
			if (!s.ok)
				return cfn_fail_as(r, &s.error);
		}
	}
	struct json *in = cfn_object1(r, S("restApiId"), api);
	json_set_str(r->c->arena, in, "deploymentId", r->physical_id);
	struct invoked i = cfn_ask(r, "DeleteDeployment", in);
	return removed(r, &i);
}

static void setting_patches(struct cfn_resource *r, struct json *list)
{
	static const struct { const char *property, *path; } known[] = {{"MetricsEnabled", "metrics/enabled"}, {"LoggingLevel", "logging/loglevel"},
		{"DataTraceEnabled", "logging/dataTrace"}, {"ThrottlingBurstLimit", "throttling/burstLimit"},
		{"ThrottlingRateLimit", "throttling/rateLimit"}, {"CachingEnabled", "caching/enabled"}, {"CacheTtlInSeconds", "caching/ttlInSeconds"},
		{"CacheDataEncrypted", "caching/dataEncrypted"}};
	struct arena *a = r->c->arena;
	const struct json *all = json_get(r->properties, S("MethodSettings"));
	for (uint32_t i = 0; json_is(all, JSON_ARRAY) && i < all->n; i++) {
		const struct json *one = &all->items[i];
		struct str path = json_get_str(one, "ResourcePath"), method = json_get_str(one, "HttpMethod");
		if (str_starts(path, S("/")) && path.n > 1)
			path = str_slice(path, 1, path.n);
		if (str_starts(path, S("~1")) && path.n > 2)
			path = str_slice(path, 2, path.n);
		path = str_eq(path, S("/")) ? S("~1") : path;
		for (size_t k = 0; k < COUNT_OF(known); k++) {
			const struct json *v = json_get(one, str_c(known[k].property));
			if (v != NULL)
				cfn_patch(r, list, "replace", arena_printf(a, "/%.*s/%.*s/%s", STR_ARG(path.n > 0 ? path : S("*")),
					STR_ARG(method.n > 0 ? method : S("*")), known[k].path), v);
		}
	}
}

static enum cfn_status stage_settings(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	struct json *list = json_new_array(a), *in = cfn_object1(r, S("restApiId"), property(r, "RestApiId"));
	const struct json *log = json_get(r->properties, S("AccessLogSetting")), *variables = json_get(r->properties, S("Variables"));
	json_set_str(a, in, "stageName", r->physical_id);
	if (r->old_properties != NULL) {
		copy(r, in, "patchOperations", list);
		if (json_get(r->properties, S("DeploymentId")) != NULL)
			cfn_patch(r, list, "replace", S("/deploymentId"), json_get(r->properties, S("DeploymentId")));
		if (json_get(r->properties, S("Description")) != NULL)
			cfn_patch(r, list, "replace", S("/description"), json_get(r->properties, S("Description")));
		const struct json *old = json_get(r->old_properties, S("Variables"));
		for (uint32_t i = 0; json_is(old, JSON_OBJECT) && i < old->n; i++)
			if (json_get(variables, old->members[i].key) == NULL)
				cfn_patch(r, list, "remove", arena_join(a, S("/variables/"), escaped(a, old->members[i].key)), NULL);
		for (uint32_t i = 0; json_is(variables, JSON_OBJECT) && i < variables->n; i++)
			cfn_patch(r, list, "replace", arena_join(a, S("/variables/"), escaped(a, variables->members[i].key)), &variables->members[i].value);
	}
	if (json_get(r->properties, S("TracingEnabled")) != NULL)
		cfn_patch(r, list, "replace", S("/tracingEnabled"), json_get(r->properties, S("TracingEnabled")));
	if (json_get(log, S("DestinationArn")) != NULL)
		cfn_patch(r, list, "replace", S("/accessLogSettings/destinationArn"), json_get(log, S("DestinationArn")));
	if (json_get(log, S("Format")) != NULL)
		cfn_patch(r, list, "replace", S("/accessLogSettings/format"), json_get(log, S("Format")));
	setting_patches(r, list);
	if (list->n == 0)
		return CFN_DONE;
	json_set(a, in, S("patchOperations"), list);
	struct invoked i = cfn_ask(r, "UpdateStage", in);
	return done_or(r, &i);
}

static enum cfn_status stage_create(struct cfn_resource *r)
{
	static const char *const pairs[] = {"RestApiId", "restApiId", "StageName", "stageName", "DeploymentId", "deploymentId", "Description",
		"description", "Variables", "variables", "CacheClusterEnabled", "cacheClusterEnabled", "DocumentationVersion",
		"documentationVersion", NULL};
	struct json *in = cfn_input(r, pairs), *tags = cfn_tags(r, true);
	if (json_get(r->properties, S("StageName")) == NULL)
		json_set_str(r->c->arena, in, "stageName", S("default"));
	if (tags->n > 0)
		json_set(r->c->arena, in, S("tags"), tags);
	if (json_get(in, S("deploymentId")) == NULL)
		return cfn_fail(r, "A stage needs a DeploymentId");
	struct invoked i = cfn_ask(r, "CreateStage", in);
	if (!i.ok)
		return cfn_fail_as(r, &i.error);
	r->physical_id = json_get_str(i.out, "stageName");
	return stage_settings(r);
}

static enum cfn_status stage_remove(struct cfn_resource *r)
{
	struct json *in = cfn_object1(r, S("restApiId"), property(r, "RestApiId"));
	json_set_str(r->c->arena, in, "stageName", r->physical_id);
	struct invoked i = cfn_ask(r, "DeleteStage", in);
	return removed(r, &i);
}

/* ---- keys and plans ---- */

static enum cfn_status key_create(struct cfn_resource *r)
{
	static const char *const pairs[] = {"Name", "name", "Description", "description", "Enabled", "enabled", "Value", "value", "CustomerId",
		"customerId", NULL};
	struct json *in = cfn_input(r, pairs), *tags = cfn_tags(r, true);
	if (json_get(in, S("name")) == NULL)
		json_set_str(r->c->arena, in, "name", cfn_make_name(r, 128, false));
	if (tags->n > 0)
		json_set(r->c->arena, in, S("tags"), tags);
	struct invoked i = cfn_ask(r, "CreateApiKey", in);
	if (!i.ok)
		return cfn_fail_as(r, &i.error);
	r->physical_id = json_get_str(i.out, "id");
	json_set_str(r->c->arena, r->attributes, "APIKeyId", r->physical_id);
	return CFN_DONE;
}

static enum cfn_status key_update(struct cfn_resource *r)
{
	static const struct { const char *property, *path; } plain[] = {{"Name", "/name"}, {"Description", "/description"}, {"Enabled", "/enabled"},
		{"CustomerId", "/customerId"}};
	struct json *list = json_new_array(r->c->arena), *in = cfn_object1(r, S("apiKey"), r->physical_id);
	for (size_t i = 0; i < COUNT_OF(plain); i++)
		if (json_get(r->properties, str_c(plain[i].property)) != NULL)
			cfn_patch(r, list, "replace", str_c(plain[i].path), json_get(r->properties, str_c(plain[i].property)));
	json_set(r->c->arena, in, S("patchOperations"), list);
	struct invoked i = cfn_ask(r, "UpdateApiKey", in);
	return done_or(r, &i);
}

static enum cfn_status key_remove(struct cfn_resource *r)
{
	struct invoked i = cfn_ask(r, "DeleteApiKey", cfn_object1(r, S("apiKey"), r->physical_id));
	return removed(r, &i);
}

static enum cfn_status plan_create(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	struct json *in = json_new_object(a), *tags = cfn_tags(r, true);
	json_set_str(a, in, "name", str_present(property(r, "UsagePlanName")) ? property(r, "UsagePlanName") : cfn_make_name(r, 128, false));
	copy(r, in, "description", json_get(r->properties, S("Description")));
	static const char *const nested[][2] = {{"Throttle", "throttle"}, {"Quota", "quota"}, {"ApiStages", "apiStages"}};
	for (size_t i = 0; i < COUNT_OF(nested); i++)
		if (json_get(r->properties, str_c(nested[i][0])) != NULL)
			json_set(a, in, str_c(nested[i][1]), cfn_lowered(a, json_get(r->properties, str_c(nested[i][0]))));
	if (tags->n > 0)
		json_set(a, in, S("tags"), tags);
	struct invoked i = cfn_ask(r, "CreateUsagePlan", in);
	if (!i.ok)
		return cfn_fail_as(r, &i.error);
	r->physical_id = json_get_str(i.out, "id");
	json_set_str(a, r->attributes, "Id", r->physical_id);
	return CFN_DONE;
}

static void stage_patches(struct cfn_resource *r, struct json *list, const struct json *stages, const char *op)
{
	struct arena *a = r->c->arena;
	for (uint32_t i = 0; json_is(stages, JSON_ARRAY) && i < stages->n; i++)
		cfn_patch(r, list, op, S("/apiStages"), json_new_str(a, arena_join(a, json_get_str(&stages->items[i], "ApiId"), S(":"),
			json_get_str(&stages->items[i], "Stage"))));
}

static enum cfn_status plan_patch(struct cfn_resource *r, const struct json *list)
{
	struct json *in = cfn_object1(r, S("usagePlanId"), r->physical_id);
	json_set(r->c->arena, in, S("patchOperations"), list);
	struct invoked i = cfn_ask(r, "UpdateUsagePlan", in);
	return done_or(r, &i);
}

static enum cfn_status plan_update(struct cfn_resource *r)
{
	static const struct { const char *group, *name, *path; } nested[] = {{"Throttle", "BurstLimit", "/throttle/burstLimit"},
		{"Throttle", "RateLimit", "/throttle/rateLimit"}, {"Quota", "Limit", "/quota/limit"}, {"Quota", "Offset", "/quota/offset"},
		{"Quota", "Period", "/quota/period"}};
	struct json *list = json_new_array(r->c->arena);
	if (json_get(r->properties, S("UsagePlanName")) != NULL)
		cfn_patch(r, list, "replace", S("/name"), json_get(r->properties, S("UsagePlanName")));
	if (json_get(r->properties, S("Description")) != NULL)
		cfn_patch(r, list, "replace", S("/description"), json_get(r->properties, S("Description")));
	static const char *const groups[][2] = {{"Throttle", "/throttle"}, {"Quota", "/quota"}};
	for (size_t i = 0; i < COUNT_OF(groups); i++)
		if (json_get(r->properties, str_c(groups[i][0])) == NULL && json_get(r->old_properties, str_c(groups[i][0])) != NULL)
			cfn_patch(r, list, "remove", str_c(groups[i][1]), NULL);
	for (size_t i = 0; i < COUNT_OF(nested); i++) {
		const struct json *v = json_get(json_get(r->properties, str_c(nested[i].group)), str_c(nested[i].name));
		if (v != NULL)
			cfn_patch(r, list, "replace", str_c(nested[i].path), v);
	}
	stage_patches(r, list, json_get(r->old_properties, S("ApiStages")), "remove");
	stage_patches(r, list, json_get(r->properties, S("ApiStages")), "add");
	return plan_patch(r, list);
}

static enum cfn_status plan_remove(struct cfn_resource *r)
{
	struct json *list = json_new_array(r->c->arena);
	struct invoked now = cfn_ask(r, "GetUsagePlan", cfn_object1(r, S("usagePlanId"), r->physical_id));
	if (!now.ok)
		return removed(r, &now);
	const struct json *stages = json_get(now.out, S("apiStages"));
	for (uint32_t i = 0; json_is(stages, JSON_ARRAY) && i < stages->n; i++)
		cfn_patch(r, list, "remove", S("/apiStages"), json_new_str(r->c->arena, arena_join(r->c->arena,
			json_get_str(&stages->items[i], "apiId"), S(":"), json_get_str(&stages->items[i], "stage"))));
	enum cfn_status s = list->n > 0 ? plan_patch(r, list) : CFN_DONE;
	if (s != CFN_DONE)
		return s;
	struct invoked i = cfn_ask(r, "DeleteUsagePlan", cfn_object1(r, S("usagePlanId"), r->physical_id));
	return removed(r, &i);
}

static enum cfn_status plankey_create(struct cfn_resource *r)
{
	static const char *const pairs[] = {"UsagePlanId", "usagePlanId", "KeyId", "keyId", "KeyType", "keyType", NULL};
	struct invoked i = cfn_ask(r, "CreateUsagePlanKey", cfn_input(r, pairs));
	if (!i.ok)
		return cfn_fail_as(r, &i.error);
	r->physical_id = arena_join(r->c->arena, property(r, "KeyId"), S(":"), property(r, "UsagePlanId"));
	json_set_str(r->c->arena, r->attributes, "Id", r->physical_id);
	return CFN_DONE;
}

static enum cfn_status plankey_remove(struct cfn_resource *r)
{
	static const char *const pairs[] = {"UsagePlanId", "usagePlanId", "KeyId", "keyId", NULL};
	struct invoked i = cfn_ask(r, "DeleteUsagePlanKey", cfn_input(r, pairs));
	return removed(r, &i);
}

#define LIST(name, ...) static const char *const name[] = {__VA_ARGS__, NULL}
LIST(api_properties, "Name", "Description", "Body", "BodyS3Location", "Parameters", "FailOnWarnings", "Mode", "ApiKeySourceType",
     "BinaryMediaTypes", "MinimumCompressionSize", "EndpointConfiguration", "Policy", "DisableExecuteApiEndpoint", "Tags", "CloneFrom");
LIST(deployment_properties, "RestApiId", "StageName", "Description", "StageDescription");
LIST(stage_properties, "RestApiId", "StageName", "DeploymentId", "Description", "Variables", "MethodSettings", "AccessLogSetting",
     "TracingEnabled", "CacheClusterEnabled", "DocumentationVersion", "Tags");
LIST(stage_replaces, "RestApiId", "StageName");
LIST(key_properties, "Name", "Description", "Enabled", "Value", "CustomerId", "GenerateDistinctId", "StageKeys", "Tags");
LIST(key_replaces, "Value", "GenerateDistinctId");
LIST(plan_properties, "UsagePlanName", "Description", "ApiStages", "Throttle", "Quota", "Tags");
LIST(plankey_properties, "UsagePlanId", "KeyId", "KeyType");

LIST(resource_properties, "RestApiId", "ParentId", "PathPart");
LIST(method_properties, "RestApiId", "ResourceId", "HttpMethod", "AuthorizationType", "AuthorizerId", "ApiKeyRequired", "OperationName",
     "RequestParameters", "RequestModels", "RequestValidatorId", "AuthorizationScopes", "Integration", "MethodResponses");
LIST(method_replaces, "RestApiId", "ResourceId", "HttpMethod");
LIST(model_properties, "RestApiId", "Name", "ContentType", "Description", "Schema");
LIST(model_replaces, "RestApiId", "Name", "ContentType");
LIST(validator_properties, "RestApiId", "Name", "ValidateRequestBody", "ValidateRequestParameters");
LIST(validator_replaces, "RestApiId", "Name");
LIST(authorizer_properties, "RestApiId", "Name", "Type", "AuthType", "AuthorizerUri", "AuthorizerCredentials", "IdentitySource",
     "IdentityValidationExpression", "AuthorizerResultTtlInSeconds", "ProviderARNs");
LIST(authorizer_replaces, "RestApiId");
LIST(response_properties, "RestApiId", "ResponseType", "StatusCode", "ResponseParameters", "ResponseTemplates");
LIST(response_replaces, "RestApiId", "ResponseType");
LIST(account_properties, "CloudWatchRoleArn");

#define PART(Name, props, ...) {.name = "AWS::ApiGateway::" #Name, .properties = props, __VA_ARGS__}
const struct cfn_type apigw_cfn_types[] = {
	PART(Account, account_properties, .create = cfn_account_put, .update = cfn_account_put, .remove = cfn_account_remove),
	PART(Authorizer, authorizer_properties, .replaces = authorizer_replaces, .create = cfn_authorizer_create,
	     .update = cfn_authorizer_update, .remove = cfn_authorizer_remove),
	PART(GatewayResponse, response_properties, .replaces = response_replaces, .create = cfn_response_create, .update = cfn_response_create,
	     .remove = cfn_response_remove),
	PART(Method, method_properties, .replaces = method_replaces, .create = cfn_method_create, .update = cfn_method_update,
	     .remove = cfn_method_remove),
	PART(Model, model_properties, .replaces = model_replaces, .create = cfn_model_create, .update = cfn_model_update,
	     .remove = cfn_model_remove),
	PART(RequestValidator, validator_properties, .replaces = validator_replaces, .create = cfn_validator_create,
	     .update = cfn_validator_update, .remove = cfn_validator_remove),
	PART(Resource, resource_properties, .create = cfn_resource_create, .remove = cfn_resource_remove),
	{.name = "AWS::ApiGateway::ApiKey", .properties = key_properties, .replaces = key_replaces, .create = key_create, .update = key_update,
	 .remove = key_remove},
	{.name = "AWS::ApiGateway::Deployment", .properties = deployment_properties, .create = deployment_create, .remove = deployment_remove},
	{.name = "AWS::ApiGateway::RestApi", .properties = api_properties, .create = api_create, .update = api_update, .remove = api_remove},
	{.name = "AWS::ApiGateway::Stage", .properties = stage_properties, .replaces = stage_replaces, .create = stage_create,
	 .update = stage_settings, .remove = stage_remove},
	{.name = "AWS::ApiGateway::UsagePlan", .properties = plan_properties, .create = plan_create, .update = plan_update, .remove = plan_remove},
	{.name = "AWS::ApiGateway::UsagePlanKey", .properties = plankey_properties, .create = plankey_create, .remove = plankey_remove},
};
_Static_assert(COUNT_OF(apigw_cfn_types) == APIGW_CFN_TYPES, "apigw.h says how many");
