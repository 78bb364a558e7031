/* Measuring from a handler: an observation for CloudWatch that is counted when the call commits, and not otherwise. A handler
 * that runs again, or fails, has counted nothing. */
#ifndef TSUBO_SVC_MEASURE_H
#define TSUBO_SVC_MEASURE_H

#include "svc/call.h"
#include "telemetry/metric.h"

enum { MEASURE_DIMS_MAX = 30 }; /* as CloudWatch has it */

struct measure {
	struct str ns, name;             /* "AWS/SQS", "NumberOfMessagesSent" */
	const struct metric_dim *dims;   /* copied, as all texts here are */
	size_t n_dims;
	double value;
	const char *unit;                /* NULL: "Count" */
	int64_t at_ms;                   /* 0: now */
	struct str account, region;      /* absent: where the call works */
};
void measure(struct call *c, const struct measure *m);

/* What somebody contributed to what a rule of Contributor Insights counts. It goes the way of measurements, as the series of no
 * namespace by the rule's name, its dimensions the contributor's keys in their order; the cloudwatch service tells them apart. */
enum { CONTRIBUTION_KEYS_MAX = 4 };
struct contribution {
	struct str rule;
	const struct str *keys;          /* 1 to 4 */
	uint32_t n_keys;
	double value;
	int64_t at_ms;                   /* 0: now */
};
/* Counted when the call commits. */
void contribute(struct call *c, const struct contribution *x);
/* Counted at once, also of a call that fails. */
void contribute_now(struct call *c, const struct contribution *x);

#endif
