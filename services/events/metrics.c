/* The metrics of AWS/Events.
 *
 * Source: "Monitoring Amazon EventBridge" (User Guide): dimension RuleName, with EventBusName before it on other buses. */
#include "events.h"

#include "svc/measure.h"

void count_metric(struct call *c, struct str bus, struct str rule, const char *name, double value)
{
	struct metric_dim dims[2];
	size_t n = 0;
	if (bus.n > 0 && !str_eq(bus, S("default")))
		dims[n++] = (struct metric_dim){S("EventBusName"), bus};
	if (rule.n > 0)
		dims[n++] = (struct metric_dim){S("RuleName"), rule};
	ASSERT(n <= COUNT_OF(dims) && value >= 0);
	measure(c, &(struct measure){.ns = S("AWS/Events"), .name = str_c(name), .dims = dims, .n_dims = n, .value = value});
}
