/* The cloudformation service: its operations. What has no row here answers 501 and names itself. */
#include "stack.h"

#define OP(Name, fn, m) {.model = &cloudformation_op_##Name, .run = fn, .mode = m}
#define STACK_OP(Name, fn, m) {.model = &cloudformation_op_##Name, .run = fn, .mode = m, .access = access_stack}

static const struct op ops[] = {
	STACK_OP(CancelUpdateStack, op_cancel_update_stack, OP_WRITE),
	STACK_OP(ContinueUpdateRollback, op_continue_update_rollback, OP_WRITE),
	STACK_OP(CreateChangeSet, op_create_change_set, OP_WRITE),
	STACK_OP(CreateStack, op_create_stack, OP_WRITE),
	STACK_OP(DeleteChangeSet, op_delete_change_set, OP_WRITE),
	STACK_OP(DeleteStack, op_delete_stack, OP_WRITE),
	OP(DescribeAccountLimits, op_describe_account_limits, OP_READ),
	STACK_OP(DescribeChangeSet, op_describe_change_set, OP_READ),
	STACK_OP(DescribeStackEvents, op_describe_stack_events, OP_READ),
	STACK_OP(DescribeStackResource, op_describe_stack_resource, OP_READ),
	STACK_OP(DescribeStackResources, op_describe_stack_resources, OP_READ),
	STACK_OP(DescribeStacks, op_describe_stacks, OP_READ),
	STACK_OP(ExecuteChangeSet, op_execute_change_set, OP_WRITE),
	STACK_OP(GetTemplate, op_get_template, OP_READ),
	STACK_OP(GetTemplateSummary, op_get_template_summary, OP_READ),
	STACK_OP(ListChangeSets, op_list_change_sets, OP_READ),
	OP(ListExports, op_list_exports, OP_READ),
	OP(ListImports, op_list_imports, OP_READ),
	STACK_OP(ListStackResources, op_list_stack_resources, OP_READ),
	OP(ListStacks, op_list_stacks, OP_READ),
	STACK_OP(UpdateStack, op_update_stack, OP_WRITE),
	STACK_OP(UpdateTerminationProtection, op_update_termination_protection, OP_WRITE),
	OP(ValidateTemplate, op_validate_template, OP_READ),
};

static const struct job_kind jobs[] = {
	{"resource", engine_job_resource},
	{"timeout", engine_job_timeout},
};

static const struct op response_route = {.run = custom_response, .mode = OP_WRITE};

const struct service service_cloudformation = {
	.name = "cloudformation",
	.model = &cloudformation_model,
	.principal = "cloudformation.amazonaws.com",
	.ops = ops,
	.n_ops = COUNT_OF(ops),
	.jobs = jobs,
	.n_jobs = COUNT_OF(jobs),
	.cfn_types = own_types,
	.n_cfn_types = COUNT_OF(own_types),
	.claims = custom_claims,
	.raw = &response_route,
};
