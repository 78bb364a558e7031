/* What the files of the apigateway service share.
 *
 * Records (account and region in front of all but "place"):
 *   place      <api>                      PlaceRecord: where an API lives, found by its id alone (key without account)
 *   api        <api>                      RestApi
 *   resource   <api> <resource>           Resource with its methods, integrations and responses inside
 *   model, validator, authorizer, response  <api> <id or name>   the shapes of those names
 *   deployment <api> <deployment>         DeploymentRecord: what was deployed, but for
 *   route      <api> <deployment> <resource>  Resource as deployed
 *   schema     <api> <deployment> <model> Model as deployed
 *   stage      <api> <stage>              Stage
 *   key        <key>                      ApiKey;   keyvalue <value>: the key's id
 *   plan       <plan>                     UsagePlan
 *   plankey    <plan> <key>               UsagePlanKey;   keyplan <key> <plan>: nothing
 *   usage      <plan> <key> <day>    i64: requests of the day;   extra <plan> <key> <day>: i64 granted in the period
 *   account                               Account
 */
#ifndef TSUBO_APIGW_H
#define TSUBO_APIGW_H

#include "apigateway.model.h"
#include "svc/service.h"

enum { PAGE_DEFAULT = 25, PAGE_MAX = 500, RESOURCES_MAX = 1000, BODY_MAX_BYTES = 10 << 20, TIMEOUT_DEFAULT_MS = 29000 };

/* ---- store.c: keys, records that must be there, lists ---- */
struct key *place_key(struct call *c, struct str api);
struct key *part_key(struct call *c, const char *table, struct str api, struct str id); /* id absent: all of the API */
struct str new_id(struct call *c, size_t n);
/* The record, or NULL and NotFoundException in AWS's words. */
struct apigateway_RestApi *api_need(struct call *c, struct str api);
struct apigateway_Resource *resource_need(struct call *c, struct str api, struct str id);
struct apigateway_Stage *stage_need(struct call *c, struct str api, struct str name);
struct key *plan_key(struct call *c, struct str id);
struct apigateway_UsagePlan *plan_need(struct call *c, struct str id);
struct apigateway_Method *method_of(const struct apigateway_Resource *r, struct str http_method); /* exact; NULL: none */
void bad_request(struct call *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
void not_found(struct call *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A page of the records below a prefix; *items gets `size`-byte elements, *next the position or absent. keep NULL: all. */
void list_records(struct call *c, struct key *prefix, const struct shape *shape, struct str position, struct opt_i64 limit,
                  bool (*keep)(const void *record, const void *arg), const void *arg, struct list *items, struct str *next);
/* Every record below a prefix as a list of the shape's struct. */
struct list all_records(struct call *c, struct key *prefix, const struct shape *shape);
void delete_below(struct call *c, struct key *prefix);
struct str map_text(const struct map_of *m, struct str key); /* of a map of strings; absent: not there */
struct str execute_api_arn(struct call *c, struct str api, struct str rest);

/* ---- access.c: IAM for API Gateway is the HTTP verb on a path ---- */
void access_path(struct call *c);

/* ---- patch.c: patch operations on a record ---- */
/* A new record with the operations applied, or NULL (c has failed). paths: globs of what may be changed, NULL-terminated;
 * '*' in them matches one part. */
void *patched(struct call *c, const struct shape *shape, const void *record, const struct list *operations, const char *const *paths);
/* A path's parts, decoded (~1, ~0); at most max. */
size_t patch_parts(struct arena *a, struct str path, struct str *parts, size_t max);
void patch_refuse(struct call *c, const struct apigateway_PatchOperation *p, const char *const *paths);

/* ---- import.c (import.h has its inner side) ---- */
/* Fill the API from an OpenAPI or Swagger document. false: c has failed. */
bool import_body(struct call *c, struct apigateway_RestApi *api, struct str body, const struct map_of *parameters, bool overwrite,
                 bool fail_on_warnings);
bool put_model(struct call *c, struct str api, struct str name, struct str content_type, struct str schema, struct str description);

/* ---- ops_integration.c ---- */
/* Is it one that runs here? Fails c by name when not. */
bool integration_check(struct call *c, struct apigateway_Integration *i, struct str where);

/* ---- ops_deploy.c ---- */
/* Take a snapshot of the API. Returns the deployment's record. */
struct apigateway_DeploymentRecord *deploy(struct call *c, struct apigateway_RestApi *api, struct str description);

/* ---- ops_account.c ---- */
/* Tags put over those that are there. false: reserved or too many; c has failed. */
bool tags_add(struct call *c, struct map_of *into, const struct map_of *more);

/* ---- ops_*.c ---- */
#define OPS(X) \
	X(CreateRestApi, create_rest_api) X(ImportRestApi, import_rest_api) X(PutRestApi, put_rest_api) X(GetRestApi, get_rest_api) \
	X(GetRestApis, get_rest_apis) X(UpdateRestApi, update_rest_api) X(DeleteRestApi, delete_rest_api) \
	X(CreateResource, create_resource) X(GetResource, get_resource) X(GetResources, get_resources) \
	X(UpdateResource, update_resource) X(DeleteResource, delete_resource) \
	X(PutMethod, put_method) X(GetMethod, get_method) X(UpdateMethod, update_method) X(DeleteMethod, delete_method) \
	X(PutMethodResponse, put_method_response) X(GetMethodResponse, get_method_response) \
	X(UpdateMethodResponse, update_method_response) X(DeleteMethodResponse, delete_method_response) \
	X(PutIntegration, put_integration) X(GetIntegration, get_integration) X(UpdateIntegration, update_integration) \
	X(DeleteIntegration, delete_integration) X(PutIntegrationResponse, put_integration_response) \
	X(GetIntegrationResponse, get_integration_response) X(UpdateIntegrationResponse, update_integration_response) \
	X(DeleteIntegrationResponse, delete_integration_response) \
	X(CreateDeployment, create_deployment) X(GetDeployment, get_deployment) X(GetDeployments, get_deployments) \
	X(UpdateDeployment, update_deployment) X(DeleteDeployment, delete_deployment) \
	X(CreateStage, create_stage) X(GetStage, get_stage) X(GetStages, get_stages) X(UpdateStage, update_stage) \
	X(DeleteStage, delete_stage) X(FlushStageAuthorizersCache, flush_authorizers) \
	X(CreateModel, create_model) X(GetModel, get_model) X(GetModels, get_models) X(UpdateModel, update_model) \
	X(DeleteModel, delete_model) X(CreateRequestValidator, create_validator) X(GetRequestValidator, get_validator) \
	X(GetRequestValidators, get_validators) X(UpdateRequestValidator, update_validator) X(DeleteRequestValidator, delete_validator) \
	X(CreateAuthorizer, create_authorizer) X(GetAuthorizer, get_authorizer) X(GetAuthorizers, get_authorizers) \
	X(UpdateAuthorizer, update_authorizer) X(DeleteAuthorizer, delete_authorizer) \
	X(PutGatewayResponse, put_gateway_response) X(GetGatewayResponse, get_gateway_response) \
	X(GetGatewayResponses, get_gateway_responses) X(UpdateGatewayResponse, update_gateway_response) \
	X(DeleteGatewayResponse, delete_gateway_response) \
	X(CreateApiKey, create_api_key) X(GetApiKey, get_api_key) X(GetApiKeys, get_api_keys) X(UpdateApiKey, update_api_key) \
	X(DeleteApiKey, delete_api_key) \
	X(CreateUsagePlan, create_usage_plan) X(GetUsagePlan, get_usage_plan) X(GetUsagePlans, get_usage_plans) \
	X(UpdateUsagePlan, update_usage_plan) X(DeleteUsagePlan, delete_usage_plan) \
	X(CreateUsagePlanKey, create_usage_plan_key) X(GetUsagePlanKey, get_usage_plan_key) X(GetUsagePlanKeys, get_usage_plan_keys) \
	X(DeleteUsagePlanKey, delete_usage_plan_key) \
	X(GetUsage, get_usage) X(UpdateUsage, update_usage) \
	X(GetAccount, get_account) X(UpdateAccount, update_account) \
	X(TagResource, tag_resource) X(UntagResource, untag_resource) X(GetTags, get_tags)
#define DECLARE(Name, fn) void op_##fn(struct call *c);
OPS(DECLARE)
#undef DECLARE

/* ---- serve.c: the data plane ---- */
bool execute_claims(const struct wire_request *r);
void execute(struct call *c);

extern const struct cfn_type apigw_cfn_types[];
enum { APIGW_CFN_TYPES = 13 };

#endif
