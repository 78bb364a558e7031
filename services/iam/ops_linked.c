/* Roles linked to a service: only the service may assume or change them.
 *
 * Source: "Create a service-linked role" (IAM User Guide), IAM API Reference. */
#include "iam.h"

enum { LINKED_SESSION_S = 3600 };

/* Names and policies as the services' own guides give them ("AWS services that work with IAM" links to them). */
static const struct { const char *service, *name, *policy; } linked[] = {
	{"apidestinations.events.amazonaws.com", "AWSServiceRoleForAmazonEventBridgeApiDestinations",
	 "AmazonEventBridgeApiDestinationsServiceRolePolicy"},
	{"appsync.amazonaws.com", "AWSServiceRoleForAppSync", "AWSAppSyncServiceRolePolicy"},
	{"autoscaling.amazonaws.com", "AWSServiceRoleForAutoScaling", "AutoScalingServiceRolePolicy"},
	{"backup.amazonaws.com", "AWSServiceRoleForBackup", "AWSBackupServiceLinkedRolePolicyForBackup"},
	{"cloudtrail.amazonaws.com", "AWSServiceRoleForCloudTrail", "CloudTrailServiceRolePolicy"},
	{"config.amazonaws.com", "AWSServiceRoleForConfig", "AWSConfigServiceRolePolicy"},
	{"dynamodb.application-autoscaling.amazonaws.com", "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable",
	 "AWSApplicationAutoscalingDynamoDBTablePolicy"},
	{"ecs.amazonaws.com", "AWSServiceRoleForECS", "AmazonECSServiceRolePolicy"},
	{"ecs.application-autoscaling.amazonaws.com", "AWSServiceRoleForApplicationAutoScaling_ECSService", "AWSApplicationAutoscalingECSServicePolicy"},
	{"eks.amazonaws.com", "AWSServiceRoleForAmazonEKS", "AmazonEKSServiceRolePolicy"},
	{"elasticache.amazonaws.com", "AWSServiceRoleForElastiCache", "ElastiCacheServiceRolePolicy"},
	{"elasticache.application-autoscaling.amazonaws.com", "AWSServiceRoleForApplicationAutoScaling_ElastiCacheRG",
	 "AWSApplicationAutoscalingElastiCacheRGPolicy"},
	{"elasticloadbalancing.amazonaws.com", "AWSServiceRoleForElasticLoadBalancing", "AWSElasticLoadBalancingServiceRolePolicy"},
	{"email.cognito-idp.amazonaws.com", "AWSServiceRoleForAmazonCognitoIdpEmailService", "AmazonCognitoIdpEmailServiceRolePolicy"},
	{"events.amazonaws.com", "AWSServiceRoleForCloudWatchEvents", "CloudWatchEventsServiceRolePolicy"},
	{"guardduty.amazonaws.com", "AWSServiceRoleForAmazonGuardDuty", "AmazonGuardDutyServiceRolePolicy"},
	{"lambda.application-autoscaling.amazonaws.com", "AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency",
	 "AWSApplicationAutoscalingLambdaConcurrencyPolicy"},
	{"opensearchservice.amazonaws.com", "AWSServiceRoleForAmazonOpenSearchService", "AmazonOpenSearchServiceRolePolicy"},
	{"ops.apigateway.amazonaws.com", "AWSServiceRoleForAPIGateway", "APIGatewayServiceRolePolicy"},
	{"rds.amazonaws.com", "AWSServiceRoleForRDS", "AmazonRDSServiceRolePolicy"},
	{"rds.application-autoscaling.amazonaws.com", "AWSServiceRoleForApplicationAutoScaling_RDSCluster", "AWSApplicationAutoscalingRDSClusterPolicy"},
	{"replication.dynamodb.amazonaws.com", "AWSServiceRoleForDynamoDBReplication", "DynamoDBReplicationServiceRolePolicy"},
	{"ssm.amazonaws.com", "AWSServiceRoleForAmazonSSM", "AmazonSSMServiceRolePolicy"},
	{"wafv2.amazonaws.com", "AWSServiceRoleForWAFV2Logging", "WAFV2LoggingServiceRolePolicy"},
};

/* COUNT_OF(linked): not known. */
static size_t linked_find(struct str service)
{
	size_t i = 0;
	while (i < COUNT_OF(linked) && !str_eq(str_c(linked[i].service), service))
		i++;
	return i;
}

static struct str linked_name(struct call *c, size_t i, struct str suffix)
{
	ASSERT(i < COUNT_OF(linked));
	struct str name = str_c(linked[i].name);
	return str_present(suffix) ? arena_join(c->arena, name, S("_"), suffix) : name;
}

struct str linked_role_arn(struct call *c, struct str service, struct str suffix)
{
	size_t i = linked_find(service);
	if (i == COUNT_OF(linked))
		return S("*");
	return arena_printf(c->arena, "arn:aws:iam::%.*s:role/aws-service-role/%.*s/%.*s", STR_ARG(c->account), STR_ARG(service),
		STR_ARG(linked_name(c, i, suffix)));
}

void op_CreateServiceLinkedRole(struct call *c)
{
	const struct iam_CreateServiceLinkedRoleRequest *in = c->in;
	struct iam_CreateServiceLinkedRoleResponse *out = c->out;
	size_t i = linked_find(in->AWSServiceName);
	if (i == COUNT_OF(linked)) {
		call_unsupported(c, "CreateServiceLinkedRole for %.*s", STR_ARG(in->AWSServiceName));
		return;
	}
	struct str name = linked_name(c, i, in->CustomSuffix);
	if (entity_find(c, KIND_ROLE, name) != NULL) {
		call_fail(c, &iam_err_InvalidInputException,
			"Service role name %.*s has been taken in this account, please try a different suffix.", STR_ARG(name));
		return;
	}
	struct str path = arena_join(c->arena, S("/aws-service-role/"), in->AWSServiceName, S("/"));
	struct iam_Entity *e = entity_new(c, KIND_ROLE, name, path, (struct list){0});
	ASSERT(e != NULL);
	e->Trust = arena_printf(c->arena, "{\"Version\": \"2012-10-17\", \"Statement\": [{\"Action\": [\"sts:AssumeRole\"], \"Effect\": \"Allow\", "
		"\"Principal\": {\"Service\": [\"%.*s\"]}}]}", STR_ARG(in->AWSServiceName));
	e->Description = in->Description;
	e->MaxSession = SOME_I64(LINKED_SESSION_S);
	e->LinkedService = in->AWSServiceName;
	struct str arn = arena_printf(c->arena, "arn:aws:iam::aws:policy/aws-service-role/%s", linked[i].policy);
	ASSERT(aws_policy_find(arn) != NULL); /* test_iam.py makes them all */
	texts_add(c->arena, &e->Attached, arn);
	entity_put(c, KIND_ROLE, e);
	out->Role = arena_new_of(c->arena, struct iam_Role);
	role_out(c, e, out->Role, true);
}

/* Deleted at once: nothing here uses a service-linked role for longer than a call. The task's id tells what was done. */
void op_DeleteServiceLinkedRole(struct call *c)
{
	const struct iam_DeleteServiceLinkedRoleRequest *in = c->in;
	struct iam_DeleteServiceLinkedRoleResponse *out = c->out;
	const struct iam_Entity *e = entity_get(c, KIND_ROLE, in->RoleName);
	if (e == NULL)
		return;
	if (!str_present(e->LinkedService)) {
		call_fail(c, &iam_err_InvalidInputException, "%.*s is not a service-linked role.", STR_ARG(in->RoleName));
		return;
	}
	entity_del(c, KIND_ROLE, in->RoleName);
	out->DeletionTaskId = arena_printf(c->arena, "task/aws-service-role/%.*s/%.*s/%.*s", STR_ARG(e->LinkedService), STR_ARG(e->Name),
		STR_ARG(c->request_id));
}

void op_GetServiceLinkedRoleDeletionStatus(struct call *c)
{
	const struct iam_GetServiceLinkedRoleDeletionStatusRequest *in = c->in;
	struct iam_GetServiceLinkedRoleDeletionStatusResponse *out = c->out;
	if (!str_starts(in->DeletionTaskId, S("task/aws-service-role/"))) {
		call_fail(c, &iam_err_NoSuchEntityException, "Deletion task %.*s cannot be found.", STR_ARG(in->DeletionTaskId));
		return;
	}
	out->Status = S("SUCCEEDED");
}
