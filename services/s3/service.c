/* Simple Storage Service: the rows of the service. */
#include "raw.h"

/* Each handler asks for permission itself (access.c): what is needed depends on the bucket's record, which it reads
 * anyway. */
static void asked_inside(struct call *c) { (void)c; }

static const struct op ops[] = {
#define S3_OPERATION(name, how, ...) {.model = &s3_op_##name, .run = op_##name, .mode = how, .access = asked_inside, __VA_ARGS__},
#include "operations.h"
#undef S3_OPERATION
};

static const struct job_kind jobs[] = {
	{"deliver", job_deliver}, /* an event */
	{"forget", job_forget}, /* that an upload was completed */
	{"inventory", job_inventory}, /* a step of a report */
	{"lifecycle", job_lifecycle},
	{"replicate", job_replicate}, /* a version, or a change of one */
};

static void start(void)
{
	access_log_start();
	hosts_start();
	metrics_start();
}

static void stop(void)
{
	access_log_stop();
	hosts_stop();
	metrics_stop();
}

/* Which bucket, and which key as it was written, the request was about. */
static void answered(const struct answered *x)
{
	if (!access_log_any() && !metrics_any())
		return;
	struct arena *a = arena_new(2048);
	struct str path = x->request->path_params_base, site = host_website(x->request);
	if (x->op == NULL && str_present(site))
		path = arena_join(a, S("/"), site, x->request->raw_path);
	path = str_slice(path, 1, path.n);
	struct str bucket = uri_decode(a, str_cut(&path, '/'), false);
	const struct s3_note *note = x->note;
	if (note != NULL && str_present(note->bucket))
		bucket = note->bucket; /* the path named an access point */
	if (str_present(bucket)) {
		access_log_answered(x, bucket, path);
		metrics_answered(x, bucket, path);
	}
	arena_free(a);
}

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
	.host_bucket = host_bucket,
	.raw = &raw,
	.raw_streams = true,
	.start = start,
	.stop = stop,
	.answered = answered,
};
