/* AWS Identity and Access Management: the rows of the service. What it answers for other services (policies of a
 * principal, roles, secrets of access keys, multi-factor codes) is in resolve.c, keys.c and device.c. */
#include "iam.h"

static const struct op ops[] = {
#define IAM_OPERATION(name, how) {.model = &iam_op_##name, .run = op_##name, .mode = how, .access = access_iam},
#include "operations.h"
#undef IAM_OPERATION
};

const struct service service_iam = {
	.name = "iam",
	.model = &iam_model,
	.iam_prefix = "iam",
	.principal = "iam.amazonaws.com",
	.global = true,
	.ops = ops,
	.n_ops = COUNT_OF(ops),
	.cfn_types = iam_cfn_types,
	.n_cfn_types = IAM_CFN_TYPES,
	.start = keys_start,
	.stop = keys_stop,
	.policies = resolve_policies,
	.secret_of = keys_secret_of,
	.role_of = resolve_role,
	.mfa_spend = device_spend,
};
