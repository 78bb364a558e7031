/* The metrics of AWS/Events, counted after the commit so that a handler that runs again does not count twice.
 *
 * Source: "Monitoring Amazon EventBridge" (User Guide): dimension RuleName, with EventBusName before it on other buses. */
#include "events.h"

#include "telemetry/metric.h"

struct observation {
	char account[16], region[40], bus[260], rule[68];
	const char *name;
	double value;
	int64_t at_ms;
};

static void keep(char *to, size_t size, struct str s)
{
	size_t n = s.n < size ? s.n : size - 1;
	if (n > 0)
		memcpy(to, s.p, n);
}

static void observe(void *block)
{
	const struct observation *o = block;
	struct metric_dim dims[2];
	size_t n = 0;
	if (o->bus[0] != '\0')
		dims[n++] = (struct metric_dim){S("EventBusName"), str_c(o->bus)};
	if (o->rule[0] != '\0')
		dims[n++] = (struct metric_dim){S("RuleName"), str_c(o->rule)};
	metric_add(str_c(o->account), str_c(o->region), S("AWS/Events"), str_c(o->name), dims, n, o->value, "Count", o->at_ms);
}

void count_metric(struct call *c, struct str bus, struct str rule, const char *name, double value)
{
	struct observation *o = call_effect(c, observe, sizeof *o);
	keep(o->account, sizeof o->account, c->account);
	keep(o->region, sizeof o->region, c->region);
	if (!str_eq(bus, S("default")))
		keep(o->bus, sizeof o->bus, bus);
	keep(o->rule, sizeof o->rule, rule);
	o->name = name;
	o->value = value;
	o->at_ms = c->now_ms;
}
