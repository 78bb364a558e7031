/* AWS Lambda: functions in sandboxes of this machine. See README.md. */
#include "lambda.h"

#include "engine.h"

#define ROW(Name, fn, how) {&lambda_op_##Name, op_##fn, how, NULL, access_##fn}

static const struct op ops[] = {
	ROW(AddLayerVersionPermission, add_layer_permission, OP_WRITE),
	ROW(AddPermission, add_permission, OP_WRITE),
	ROW(CreateAlias, create_alias, OP_WRITE),
	ROW(CreateEventSourceMapping, create_mapping, OP_WRITE),
	ROW(CreateFunction, create_function, OP_WRITE),
	ROW(CreateFunctionUrlConfig, create_url, OP_WRITE),
	ROW(DeleteAlias, delete_alias, OP_WRITE),
	ROW(DeleteEventSourceMapping, delete_mapping, OP_WRITE),
	ROW(DeleteFunction, delete_function, OP_WRITE),
	ROW(DeleteFunctionConcurrency, delete_concurrency, OP_WRITE),
	ROW(DeleteFunctionEventInvokeConfig, delete_event_config, OP_WRITE),
	ROW(DeleteFunctionUrlConfig, delete_url, OP_WRITE),
	ROW(DeleteLayerVersion, delete_layer_version, OP_WRITE),
	ROW(GetAccountSettings, get_account_settings, OP_READ),
	ROW(GetAlias, get_alias, OP_READ),
	ROW(GetEventSourceMapping, get_mapping, OP_READ),
	ROW(GetFunction, get_function, OP_READ),
	ROW(GetFunctionConcurrency, get_concurrency, OP_READ),
	ROW(GetFunctionConfiguration, get_function_configuration, OP_READ),
	ROW(GetFunctionEventInvokeConfig, get_event_config, OP_READ),
	ROW(GetFunctionRecursionConfig, get_recursion, OP_READ),
	ROW(GetFunctionUrlConfig, get_url, OP_READ),
	ROW(GetLayerVersion, get_layer_version, OP_READ),
	ROW(GetLayerVersionByArn, get_layer_version_by_arn, OP_READ),
	ROW(GetLayerVersionPolicy, get_layer_policy, OP_READ),
	ROW(GetPolicy, get_policy, OP_READ),
	ROW(GetRuntimeManagementConfig, get_runtime_management, OP_READ),
	{&lambda_op_Invoke, op_invoke, OP_READ, NULL, access_invoke, .look = true},
	ROW(InvokeWithResponseStream, invoke_stream, OP_READ),
	ROW(ListAliases, list_aliases, OP_READ),
	ROW(ListEventSourceMappings, list_mappings, OP_READ),
	ROW(ListFunctionEventInvokeConfigs, list_event_configs, OP_READ),
	ROW(ListFunctionUrlConfigs, list_urls, OP_READ),
	ROW(ListFunctions, list_functions, OP_READ),
	ROW(ListLayerVersions, list_layer_versions, OP_READ),
	ROW(ListLayers, list_layers, OP_READ),
	ROW(ListTags, list_tags, OP_READ),
	ROW(ListVersionsByFunction, list_versions, OP_READ),
	ROW(PublishLayerVersion, publish_layer_version, OP_WRITE),
	ROW(PublishVersion, publish_version, OP_WRITE),
	ROW(PutFunctionConcurrency, put_concurrency, OP_WRITE),
	ROW(PutFunctionEventInvokeConfig, put_event_config, OP_WRITE),
	ROW(PutFunctionRecursionConfig, put_recursion, OP_WRITE),
	ROW(RemoveLayerVersionPermission, remove_layer_permission, OP_WRITE),
	ROW(RemovePermission, remove_permission, OP_WRITE),
	ROW(TagResource, tag_resource, OP_WRITE),
	ROW(UntagResource, untag_resource, OP_WRITE),
	ROW(UpdateAlias, update_alias, OP_WRITE),
	ROW(UpdateEventSourceMapping, update_mapping, OP_WRITE),
	ROW(UpdateFunctionCode, update_function_code, OP_WRITE),
	ROW(UpdateFunctionConfiguration, update_function_configuration, OP_WRITE),
	ROW(UpdateFunctionEventInvokeConfig, update_event_config, OP_WRITE),
	ROW(UpdateFunctionUrlConfig, update_url, OP_WRITE),
};

static const struct job_kind jobs[] = {{"async", async_job}};

static bool claims(const struct wire_request *r) { return code_claims(r) || url_claims(r); }

static void serve(struct call *c)
{
	if (code_claims(c->http))
		code_serve(c);
	else
		url_serve(c);
}

static const struct op raw = {.run = serve, .mode = OP_READ};

static struct str resource_policy(struct call *c, struct str arn)
{
	struct function_ref ref;
	return function_ref_of(c, arn, STR_NONE, &ref) ? policy_document(c, ref.name, ref.qualifier) : STR_NONE;
}

static void start(void)
{
	code_start();
	engine_start();
	esm_start();
	sweep_start();
}

static void stop(void)
{
	sweep_stop();
	esm_stop();
	engine_stop();
}

const struct service service_lambda = {
	.name = "lambda",
	.model = &lambda_model,
	.ops = ops,
	.n_ops = COUNT_OF(ops),
	.jobs = jobs,
	.n_jobs = COUNT_OF(jobs),
	.cfn_types = lambda_cfn_types,
	.n_cfn_types = LAMBDA_CFN_TYPES,
	.claims = claims,
	.raw = &raw,
	.start = start,
	.stop = stop,
	.resource_policy = resource_policy,
	.body_max = 70 << 20, /* a zip of 50 MB as base64 in JSON */
};
