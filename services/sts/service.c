/* AWS Security Token Service: the rows of the service. It keeps nothing: a token carries its session (auth/session.h).
 * What may be asked with a second factor runs as a write: iam keeps which codes are spent. */
#include "sts.h"

static const struct op ops[] = {
	{.model = &sts_op_GetCallerIdentity, .run = op_GetCallerIdentity, .mode = OP_PURE},
	{.model = &sts_op_GetAccessKeyInfo, .run = op_GetAccessKeyInfo, .mode = OP_READ},
	{.model = &sts_op_GetSessionToken, .run = op_GetSessionToken, .mode = OP_WRITE, .access = access_GetSessionToken},
	{.model = &sts_op_GetFederationToken, .run = op_GetFederationToken, .mode = OP_READ, .access = access_GetFederationToken},
	{.model = &sts_op_AssumeRole, .run = op_AssumeRole, .mode = OP_WRITE, .access = access_AssumeRole},
	{.model = &sts_op_AssumeRoleWithWebIdentity, .run = op_AssumeRoleWithWebIdentity, .mode = OP_READ,
	 .access = access_AssumeRoleWithWebIdentity},
};

const struct service service_sts = {
	.name = "sts",
	.model = &sts_model,
	.iam_prefix = "sts",
	.principal = "sts.amazonaws.com",
	.ops = ops,
	.n_ops = COUNT_OF(ops),
};
