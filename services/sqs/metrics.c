/* AWS/SQS metrics, by queue name. Source: "Available CloudWatch metrics for Amazon SQS" (Developer Guide). */
#include "sqs.h"

#include "svc/measure.h"

void count_metric(struct queue *q, const char *name, double value, const char *unit)
{
	CHECK_MAGIC(q, QUEUE_MAGIC);
	ASSERT(str_present(q->name) && value >= 0);
	const struct metric_dim dim = {S("QueueName"), q->name};
	measure(q->c, &(struct measure){.ns = S("AWS/SQS"), .name = str_c(name), .dims = &dim, .n_dims = 1, .value = value, .unit = unit,
		.account = q->account, .region = q->region});
}
