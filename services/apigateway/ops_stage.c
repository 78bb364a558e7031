/* UpdateStage: settings of the stage and of its methods.
 *
 * A method setting's path is /<resource path, ~1 for its slashes>/<method>/<group>/<name>, both may be "*". Source: "UpdateStage"
 * and "Patch operations" (API Gateway API reference). */
#include "method.h"

static const struct { const char *path, *member; } settings[] = {
	{"metrics/enabled", "metricsEnabled"}, {"logging/loglevel", "loggingLevel"}, {"logging/dataTrace", "dataTraceEnabled"},
	{"throttling/burstLimit", "throttlingBurstLimit"}, {"throttling/rateLimit", "throttlingRateLimit"},
	{"caching/enabled", "cachingEnabled"}, {"caching/ttlInSeconds", "cacheTtlInSeconds"}, {"caching/dataEncrypted", "cacheDataEncrypted"},
	{"caching/requireAuthorizationForCacheControl", "requireAuthorizationForCacheControl"},
	{"caching/unauthorizedCacheControlHeaderStrategy", "unauthorizedCacheControlHeaderStrategy"}};

static const char *const paths[] = {"/description", "/deploymentId", "/variables/*", "/accessLogSettings/destinationArn",
	"/accessLogSettings/format", "/accessLogSettings", "/tracingEnabled", "/documentationVersion", "/cacheClusterEnabled", "/cacheClusterSize",
	"/methodSettings/*", NULL};

/* "/<resource>/<method>/<group>/<name>" in parts of the path as it stands; false when it is not of that form. */
static bool setting_path(struct str path, struct str *key, const char **member)
{
	if (!str_starts(path, S("/")))
		return false;
	struct str rest = str_slice(path, 1, path.n);
	struct str resource = str_cut(&rest, '/');
	if (!str_present(rest))
		return false;
	struct str method = str_cut(&rest, '/');
	if (!http_method_ok(method) && !str_eq(method, S("*")))
		return false;
	*key = str_of(resource.p, resource.n + 1 + method.n);
	ASSERT(key->n < path.n && key->p[resource.n] == '/');
	*member = NULL;
	for (size_t i = 0; i < COUNT_OF(settings) && str_present(rest); i++)
		if (str_eq(rest, str_c(settings[i].path)))
			*member = settings[i].member;
	return *member != NULL || !str_present(rest);
}

/* The new and the changed tree is read back by the caller. */
static void change_setting(struct call *c, struct json *stage, const struct apigateway_PatchOperation *p, struct str key, const char *member)
{
	struct json *all = json_get(stage, S("methodSettings"));
	if (all == NULL)
		all = json_set(c->arena, stage, S("methodSettings"), json_new_object(c->arena));
	if (str_eq(p->op, S("remove")) && member == NULL) {
		json_unset(all, key);
		return;
	}
	if (member == NULL) {
		patch_refuse(c, p, paths);
		return;
	}
	struct json *one = json_get(all, key);
	if (one == NULL) {
		one = json_set(c->arena, all, key, json_new_object(c->arena));
		json_set_bool(c->arena, one, "metricsEnabled", false);
		json_set_str(c->arena, one, "loggingLevel", S("OFF"));
		json_set_bool(c->arena, one, "dataTraceEnabled", false);
		json_set_i64(c->arena, one, "throttlingBurstLimit", 5000);
		json_set(c->arena, one, S("throttlingRateLimit"), json_new_f64(c->arena, 10000));
		json_set_bool(c->arena, one, "cachingEnabled", false);
		json_set_i64(c->arena, one, "cacheTtlInSeconds", 300);
		json_set_bool(c->arena, one, "cacheDataEncrypted", false);
		json_set_bool(c->arena, one, "requireAuthorizationForCacheControl", true);
		json_set_str(c->arena, one, "unauthorizedCacheControlHeaderStrategy", S("SUCCEED_WITH_RESPONSE_HEADER"));
	}
	ASSERT(json_is(all, JSON_OBJECT) && json_is(one, JSON_OBJECT)); /* the tree is a stage's */
	if (strcmp(member, "cachingEnabled") == 0 && str_eq_nocase(p->value, S("true"))) {
		call_unsupported(c, "caches of stages (caching/enabled) are not there yet");
		return;
	}
	if (str_eq(p->op, S("remove")))
		json_unset(one, str_c(member));
	else
		json_set(c->arena, one, str_c(member), json_new_str(c->arena, p->value));
}

static bool log_settings_ok(struct call *c, const struct apigateway_Stage *s)
{
	const struct apigateway_AccessLogSettings *l = s->accessLogSettings;
	bool wants = l != NULL && l->destinationArn.n > 0;
	const struct apigateway_MapOfMethodSettings_entry *e = s->methodSettings.v;
	for (uint32_t i = 0; i < s->methodSettings.n; i++)
		if (str_eq(e[i].value.loggingLevel, S("INFO")) || str_eq(e[i].value.loggingLevel, S("ERROR")))
			wants = true;
	const struct apigateway_Account *account = call_get(c, call_key(c, "account"), &apigateway_shape_Account);
	if (wants && (account == NULL || account->cloudwatchRoleArn.n == 0)) {
		bad_request(c, "CloudWatch Logs role ARN must be set in account settings to enable logging");
		return false;
	}
	if (l != NULL && l->destinationArn.n > 0 && str_find_str(l->destinationArn, S(":firehose:")) >= 0) {
		call_unsupported(c, "access logs to Firehose are not there yet");
		return false;
	}
	if (l != NULL && l->destinationArn.n > 0 && str_find_str(l->destinationArn, S(":log-group:")) < 0) {
		bad_request(c, "Access Log destination must only contain characters a-z, A-Z, 0-9, '_', '-', '/', '.': '%.*s'", STR_ARG(l->destinationArn));
		return false;
	}
	return true;
}

/* A deployed stage's names are fixed; what may be pointed to must be there. */
static bool stage_ok(struct call *c, struct str api, const struct apigateway_Stage *s)
{
	if (s->cacheClusterEnabled.v) {
		call_unsupported(c, "caches of stages (cacheClusterEnabled) are not there yet");
		return false;
	}
	if (!txn_has(c->txn, key_bytes(part_key(c, "deployment", api, s->deploymentId)))) {
		bad_request(c, "Invalid deployment identifier specified");
		return false;
	}
	return log_settings_ok(c, s);
}

void op_update_stage(struct call *c)
{
	const struct apigateway_UpdateStageRequest *in = c->in;
	struct apigateway_Stage *s = stage_need(c, in->restApiId, in->stageName);
	for (uint32_t i = 0; s != NULL && i < in->patchOperations.n; i++) {
		const struct apigateway_PatchOperation *p = LIST_AT(in->patchOperations, struct apigateway_PatchOperation, i);
		const struct list one = {(void *)(uintptr_t)p, 1, true};
		struct str key, why = STR_NONE;
		const char *member;
		if (!setting_path(p->path, &key, &member)) {
			s = patched(c, &apigateway_shape_Stage, s, &one, paths);
			continue;
		}
		struct json *tree = typed_to_json(c->arena, &apigateway_shape_Stage, s);
		change_setting(c, tree, p, key, member);
		s = c->failed ? NULL : typed_from_json(c->arena, &apigateway_shape_Stage, typed_coerce(c->arena, &apigateway_shape_Stage, tree), true, &why);
		if (s == NULL && !c->failed)
			bad_request(c, "Invalid patch value '%.*s' specified for path '%.*s'", STR_ARG(p->value), STR_ARG(p->path));
	}
	if (s == NULL || !stage_ok(c, in->restApiId, s))
		return;
	ASSERT(!c->failed && str_eq(s->stageName, in->stageName)); /* no path leads to its name */
	s->lastUpdatedDate = SOME_TIME(c->now_ms / 1000 * 1000);
	call_put(c, part_key(c, "stage", in->restApiId, s->stageName), &apigateway_shape_Stage, s);
	*(struct apigateway_Stage *)c->out = *s;
}
