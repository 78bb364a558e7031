/* AWS Key Management Service: the rows of the service. kms.h says how its files hang together. What has no row answers 501:
 * custom key stores (README.md). */
#include "kms.h"

static const struct op ops[] = {
#define KMS_OPERATION(name, how, access) {&kms_op_##name, op_##name, how, NULL, access},
#include "operations.h"
#undef KMS_OPERATION
};

static const struct job_kind jobs[] = {
	{"destroy", job_destroy},
	{"expire", job_expire},
	{"forget", job_forget},
	{"rotate", job_rotate},
};

static struct str resource_policy(struct call *c, struct str arn)
{
	struct kms_key *k = key_find(c, arn, REF_SHARED);
	return k != NULL ? k->rec->Policy : STR_NONE;
}

const struct service service_kms = {
	.name = "kms",
	.model = &kms_model,
	.principal = "kms.amazonaws.com",
	.ops = ops,
	.n_ops = COUNT_OF(ops),
	.jobs = jobs,
	.n_jobs = COUNT_OF(jobs),
	.cfn_types = kms_cfn_types,
	.n_cfn_types = COUNT_OF(kms_cfn_types),
	.resource_policy = resource_policy,
};
