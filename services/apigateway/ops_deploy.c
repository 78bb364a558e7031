/* Deployments, which are snapshots of an API, and stages, which show one of them to the world.
 *
 * The data plane reads deployments only: what is changed in the API is not seen until it is deployed. */
#include "authorizer.h"
#include "method.h"

/* ---- deployments ---- */

static bool deployable(struct call *c, const struct list *resources)
{
	bool any = false;
	for (uint32_t i = 0; i < resources->n; i++) {
		const struct apigateway_Resource *r = LIST_AT(*resources, struct apigateway_Resource, i);
		const struct apigateway_MapOfMethod_entry *m = r->resourceMethods.v;
		for (uint32_t k = 0; k < r->resourceMethods.n; k++) {
			any = true;
			if (m[k].value.methodIntegration == NULL) {
				bad_request(c, "No integration defined for method");
				return false;
			}
		}
	}
	if (!any)
		bad_request(c, "The REST API doesn't contain any methods");
	return any;
}

struct apigateway_DeploymentRecord *deploy(struct call *c, struct apigateway_RestApi *api, struct str description)
{
	struct list resources = all_records(c, part_key(c, "resource", api->id, STR_NONE), &apigateway_shape_Resource);
	if (!deployable(c, &resources))
		return NULL;
	struct apigateway_DeploymentRecord *d = arena_new_of(c->arena, struct apigateway_DeploymentRecord);
	d->Deployment = arena_new_of(c->arena, struct apigateway_Deployment);
	*d->Deployment = (struct apigateway_Deployment){.id = new_id(c, 6),
		.description = description, .createdDate = SOME_TIME(c->now_ms / 1000 * 1000)};
	ASSERT(str_present(api->id) && str_present(d->Deployment->id));
	d->Api = api;
	d->Authorizers = all_records(c, part_key(c, "authorizer", api->id, STR_NONE), &apigateway_shape_Authorizer);
	d->Validators = all_records(c, part_key(c, "validator", api->id, STR_NONE), &apigateway_shape_RequestValidator);
	d->Responses = all_records(c, part_key(c, "response", api->id, STR_NONE), &apigateway_shape_GatewayResponse);
	d->Paths = LIST_OF(c->arena, struct apigateway_PathRecord, resources.n);
	d->Paths.n = 0;
	for (uint32_t i = 0; i < resources.n; i++) {
		const struct apigateway_Resource *r = LIST_AT(resources, struct apigateway_Resource, i);
		if (r->resourceMethods.n == 0)
			continue;
		((struct apigateway_PathRecord *)d->Paths.v)[d->Paths.n++] = (struct apigateway_PathRecord){r->id, r->path};
		call_put(c, key_str(part_key(c, "route", api->id, d->Deployment->id), r->id), &apigateway_shape_Resource, r);
	}
	ASSERT(d->Paths.n > 0 && d->Paths.n <= resources.n); /* deployable has seen a method */
	struct list models = all_records(c, part_key(c, "model", api->id, STR_NONE), &apigateway_shape_Model);
	for (uint32_t i = 0; i < models.n; i++) {
		const struct apigateway_Model *m = LIST_AT(models, struct apigateway_Model, i);
		call_put(c, key_str(part_key(c, "schema", api->id, d->Deployment->id), m->name), &apigateway_shape_Model, m);
	}
	call_put(c, part_key(c, "deployment", api->id, d->Deployment->id), &apigateway_shape_DeploymentRecord, d);
	return d;
}

static struct apigateway_DeploymentRecord *deployment_need(struct call *c, struct str api, struct str id)
{
	if (api_need(c, api) == NULL)
		return NULL;
	struct apigateway_DeploymentRecord *d = call_get(c, part_key(c, "deployment", api, id), &apigateway_shape_DeploymentRecord);
	if (d == NULL)
		not_found(c, "Invalid Deployment identifier specified");
	ASSERT(d == NULL || (d->Deployment != NULL && d->Api != NULL && str_eq(d->Deployment->id, id)));
	return d;
}

static bool stage_name_ok(struct call *c, struct str name)
{
	bool ok = name.n > 0 && name.n <= 128;
	for (size_t i = 0; i < name.n && ok; i++) {
		char ch = name.p[i];
		ok = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '_' || ch == '-';
	}
	if (!ok)
		bad_request(c, "Stage name only allows a-zA-Z0-9_-");
	return ok;
}

static bool stage_supported(struct call *c, bool cache, bool canary, struct str certificate)
{
	if (cache)
		call_unsupported(c, "caches of stages (cacheClusterEnabled) are not there yet");
	else if (canary)
		call_unsupported(c, "canary settings of stages are not there yet");
	else if (str_present(certificate) && certificate.n > 0)
		call_unsupported(c, "client certificates of stages are not there yet");
	return !c->failed;
}

static void stage_save(struct call *c, struct str api, const struct apigateway_Stage *s)
{
	ASSERT(str_present(s->stageName) && str_present(s->deploymentId));
	ASSERT(txn_has(c->txn, key_bytes(part_key(c, "deployment", api, s->deploymentId)))); /* what a stage shows is there */
	call_put(c, part_key(c, "stage", api, s->stageName), &apigateway_shape_Stage, s);
}

static struct apigateway_Stage stage_new(struct call *c, struct str name, struct str deployment)
{
	struct opt_time now = SOME_TIME(c->now_ms / 1000 * 1000);
	return (struct apigateway_Stage){.stageName = name, .deploymentId = deployment, .cacheClusterEnabled = SOME_BOOL(false),
		.cacheClusterStatus = S("NOT_AVAILABLE"), .methodSettings = {.set = true}, .tracingEnabled = SOME_BOOL(false), .createdDate = now,
		.lastUpdatedDate = now};
}

void op_create_deployment(struct call *c)
{
	const struct apigateway_CreateDeploymentRequest *in = c->in;
	struct apigateway_RestApi *api = api_need(c, in->restApiId);
	bool staged = str_present(in->stageName) && in->stageName.n > 0;
	if (api == NULL || !stage_supported(c, in->cacheClusterEnabled.v, in->canarySettings != NULL, STR_NONE) ||
	    (staged && !stage_name_ok(c, in->stageName)))
		return;
	struct apigateway_DeploymentRecord *d = deploy(c, api, in->description);
	if (d == NULL)
		return;
	*(struct apigateway_Deployment *)c->out = *d->Deployment;
	if (!staged)
		return;
	struct apigateway_Stage *s = call_get(c, part_key(c, "stage", api->id, in->stageName), &apigateway_shape_Stage), fresh;
	if (s == NULL) {
		fresh = stage_new(c, in->stageName, d->Deployment->id);
		s = &fresh;
	}
	s->deploymentId = d->Deployment->id;
	s->lastUpdatedDate = SOME_TIME(c->now_ms / 1000 * 1000);
	if (str_present(in->stageDescription))
		s->description = in->stageDescription;
	if (in->variables.set)
		s->variables = in->variables;
	if (in->tracingEnabled.set)
		s->tracingEnabled = SOME_BOOL(in->tracingEnabled.v);
	stage_save(c, api->id, s);
}

/* The methods of a deployment by path, for embed=apisummary. */
static struct map_of summary(struct call *c, struct str api, const struct apigateway_DeploymentRecord *d)
{
	struct map_of out = MAP_OF(c->arena, struct apigateway_PathToMapOfMethodSnapshot_entry, d->Paths.n);
	struct apigateway_PathToMapOfMethodSnapshot_entry *paths = out.v;
	for (uint32_t i = 0; i < d->Paths.n; i++) {
		const struct apigateway_PathRecord *p = LIST_AT(d->Paths, struct apigateway_PathRecord, i);
		const struct apigateway_Resource *r =
			call_get(c, key_str(part_key(c, "route", api, d->Deployment->id), p->Id), &apigateway_shape_Resource);
		ASSERT(r != NULL);
		paths[i].key = p->Path;
		paths[i].value = MAP_OF(c->arena, struct apigateway_MapOfMethodSnapshot_entry, r->resourceMethods.n);
		struct apigateway_MapOfMethodSnapshot_entry *to = paths[i].value.v;
		const struct apigateway_MapOfMethod_entry *from = r->resourceMethods.v;
		for (uint32_t k = 0; k < r->resourceMethods.n; k++)
			to[k] = (struct apigateway_MapOfMethodSnapshot_entry){from[k].key, {from[k].value.authorizationType, from[k].value.apiKeyRequired}};
	}
	return out;
}

void op_get_deployment(struct call *c)
{
	const struct apigateway_GetDeploymentRequest *in = c->in;
	const struct apigateway_DeploymentRecord *d = deployment_need(c, in->restApiId, in->deploymentId);
	if (d == NULL)
		return;
	struct apigateway_Deployment *out = c->out;
	*out = *d->Deployment;
	for (uint32_t i = 0; i < in->embed.n; i++)
		if (str_eq_nocase(*LIST_AT(in->embed, struct str, i), S("apisummary")))
			out->apiSummary = summary(c, in->restApiId, d);
}

void op_get_deployments(struct call *c)
{
	const struct apigateway_GetDeploymentsRequest *in = c->in;
	struct apigateway_Deployments *out = c->out;
	struct list records;
	if (api_need(c, in->restApiId) == NULL)
		return;
	list_records(c, part_key(c, "deployment", in->restApiId, STR_NONE), &apigateway_shape_DeploymentRecord, in->position, in->limit, NULL, NULL,
		&records, &out->position);
	out->items = LIST_OF(c->arena, struct apigateway_Deployment, records.n);
	for (uint32_t i = 0; i < records.n; i++)
		*LIST_AT(out->items, struct apigateway_Deployment, i) = *LIST_AT(records, struct apigateway_DeploymentRecord, i)->Deployment;
}

void op_update_deployment(struct call *c)
{
	static const char *const paths[] = {"/description", NULL};
	const struct apigateway_UpdateDeploymentRequest *in = c->in;
	struct apigateway_DeploymentRecord *d = deployment_need(c, in->restApiId, in->deploymentId);
	if (d == NULL)
		return;
	struct apigateway_Deployment *made = patched(c, &apigateway_shape_Deployment, d->Deployment, &in->patchOperations, paths);
	if (made == NULL)
		return;
	ASSERT(str_eq(made->id, in->deploymentId)); /* no path leads to it */
	d->Deployment = made;
	call_put(c, part_key(c, "deployment", in->restApiId, in->deploymentId), &apigateway_shape_DeploymentRecord, d);
	*(struct apigateway_Deployment *)c->out = *made;
}

void op_delete_deployment(struct call *c)
{
	const struct apigateway_DeleteDeploymentRequest *in = c->in;
	if (deployment_need(c, in->restApiId, in->deploymentId) == NULL)
		return;
	struct list stages = all_records(c, part_key(c, "stage", in->restApiId, STR_NONE), &apigateway_shape_Stage);
	for (uint32_t i = 0; i < stages.n; i++)
		if (str_eq(LIST_AT(stages, struct apigateway_Stage, i)->deploymentId, in->deploymentId)) {
			bad_request(c, "Active stages pointing to this deployment must be moved or deleted");
			return;
		}
	delete_below(c, part_key(c, "route", in->restApiId, in->deploymentId));
	delete_below(c, part_key(c, "schema", in->restApiId, in->deploymentId));
	call_del(c, part_key(c, "deployment", in->restApiId, in->deploymentId));
}

/* ---- stages ---- */

void op_create_stage(struct call *c)
{
	const struct apigateway_CreateStageRequest *in = c->in;
	if (!stage_supported(c, in->cacheClusterEnabled.v, in->canarySettings != NULL, STR_NONE) || !stage_name_ok(c, in->stageName) ||
	    deployment_need(c, in->restApiId, in->deploymentId) == NULL)
		return;
	if (txn_has(c->txn, key_bytes(part_key(c, "stage", in->restApiId, in->stageName)))) {
		call_fail(c, &apigateway_err_ConflictException, "Stage already exists");
		return;
	}
	struct apigateway_Stage s = stage_new(c, in->stageName, in->deploymentId);
	s.description = in->description;
	s.variables = in->variables;
	s.documentationVersion = in->documentationVersion;
	s.tracingEnabled = SOME_BOOL(in->tracingEnabled.v);
	if (!tags_add(c, &s.tags, &in->tags))
		return;
	stage_save(c, in->restApiId, &s);
	*(struct apigateway_Stage *)c->out = s;
}

void op_get_stage(struct call *c)
{
	const struct apigateway_GetStageRequest *in = c->in;
	const struct apigateway_Stage *s = stage_need(c, in->restApiId, in->stageName);
	if (s != NULL)
		*(struct apigateway_Stage *)c->out = *s;
}

static bool of_deployment(const void *record, const void *arg)
{
	const struct str *deployment = arg;
	return !str_present(*deployment) || str_eq(((const struct apigateway_Stage *)record)->deploymentId, *deployment);
}

void op_get_stages(struct call *c)
{
	const struct apigateway_GetStagesRequest *in = c->in;
	struct apigateway_Stages *out = c->out;
	struct str next = STR_NONE;
	if (api_need(c, in->restApiId) != NULL)
		list_records(c, part_key(c, "stage", in->restApiId, STR_NONE), &apigateway_shape_Stage, STR_NONE, SOME_I64(PAGE_MAX), of_deployment,
			&in->deploymentId, &out->item, &next);
}

void op_delete_stage(struct call *c)
{
	const struct apigateway_DeleteStageRequest *in = c->in;
	if (stage_need(c, in->restApiId, in->stageName) == NULL)
		return;
	struct list plans = all_records(c, call_key(c, "plan"), &apigateway_shape_UsagePlan);
	for (uint32_t i = 0; i < plans.n; i++) {
		const struct apigateway_UsagePlan *p = LIST_AT(plans, struct apigateway_UsagePlan, i);
		for (uint32_t k = 0; k < p->apiStages.n; k++) {
			const struct apigateway_ApiStage *a = LIST_AT(p->apiStages, struct apigateway_ApiStage, k);
			if (str_eq(a->apiId, in->restApiId) && str_eq(a->stage, in->stageName)) {
				bad_request(c, "Cannot delete stage, the stage is still associated with usage plan %.*s", STR_ARG(p->id));
				return;
			}
		}
	}
	call_del(c, part_key(c, "stage", in->restApiId, in->stageName));
}

void op_flush_authorizers(struct call *c)
{
	const struct apigateway_FlushStageAuthorizersCacheRequest *in = c->in;
	if (stage_need(c, in->restApiId, in->stageName) != NULL)
		authorizer_cache_flush(c, in->restApiId, in->stageName);
}
