/* API Gateway, REST APIs: operations, data plane, CloudFormation types. What has no row here answers 501 and names itself. */
#include "apigw.h"

#define READS(Name) (sizeof(#Name) > 3 && #Name[0] == 'G' && #Name[1] == 'e' && #Name[2] == 't')
#define ROW(Name, fn) {&apigateway_op_##Name, op_##fn, READS(Name) ? OP_READ : OP_WRITE, .access = access_path},

static const struct op ops[] = {OPS(ROW)};

static const struct op raw = {.run = execute, .mode = OP_READ};

const struct service service_apigateway = {
	.name = "apigateway",
	.model = &apigateway_model,
	.ops = ops,
	.n_ops = COUNT_OF(ops),
	.cfn_types = apigw_cfn_types,
	.n_cfn_types = APIGW_CFN_TYPES,
	.claims = execute_claims,
	.raw = &raw,
};
