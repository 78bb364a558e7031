/* Metrics on their way to CloudWatch: aggregated here per minute, drained by the cloudwatch service.
 *
 * Safe from any thread. At most 50,000 series are held between two drains; more are dropped and counted. Series of no namespace
 * are contributions (svc/measure.h): of these at most 20,000, so that they cannot drive out the metrics; what comes after them is
 * added up without its dimensions. */
#ifndef TSUBO_METRIC_H
#define TSUBO_METRIC_H

#include "base/arena.h"

struct metric_dim { struct str name, value; };

/* Add one observation. unit: "Count", "Milliseconds", "Bytes", "Percent", "None"... (CloudWatch's StandardUnit). */
void metric_add(struct str account, struct str region, struct str ns, struct str name, const struct metric_dim *dims,
                size_t n_dims, double value, const char *unit, int64_t at_ms);

/* One series of one minute as drained: enough for sum, average, minimum, maximum, sample count and percentiles. */
struct metric_sample {
	struct str account, region, ns, name, unit;
	struct metric_dim *dims;
	size_t n_dims;
	int64_t minute_ms;
	double count, sum, min, max;
	double *values, *counts; /* distinct values, up to 150; n_values 0 beyond */
	size_t n_values;
};
/* Take everything held so far (strings in the arena); returns how many. */
size_t metric_drain(struct arena *a, struct metric_sample **out);
bool metric_pending(void);

#endif
