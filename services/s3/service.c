/* Simple Storage Service: the rows of the service. */
#include "raw.h"

/* Each handler asks for permission itself (access.c): what is needed depends on the bucket's record, which it reads
 * anyway. */
static void asked_inside(struct call *c) { (void)c; }

static const struct op ops[] = {
#define S3_OPERATION(name, how) {.model = &s3_op_##name, .run = op_##name, .mode = how, .access = asked_inside},
#include "operations.h"
#undef S3_OPERATION
};

static const struct job_kind jobs[] = {
	{"deliver", job_deliver}, /* an event */
	{"forget", job_forget}, /* that an upload was completed */
	{"lifecycle", job_lifecycle},
	{"replicate", job_replicate}, /* a version, or a change of one */
};

static const struct op raw = {.run = raw_run, .mode = OP_WRITE};

const struct service service_s3 = {
	.name = "s3",
	.model = &s3_model,
	.iam_prefix = "s3",
	.principal = "s3.amazonaws.com",
	.global = true,
	.ops = ops,
	.n_ops = COUNT_OF(ops),
	.jobs = jobs,
	.n_jobs = COUNT_OF(jobs),
	.cfn_types = s3_cfn_types,
	.n_cfn_types = COUNT_OF(s3_cfn_types),
	.stream_inline = INLINE_MAX,
	.encrypt_streams = true,
	.claims = s3_claims,
	.raw = &raw,
	.raw_streams = true,
	.start = access_log_start,
	.stop = access_log_stop,
	.answered = s3_answered,
};
