/* AWS/SQS metrics, by queue name. Told after the commit, so that nothing is counted that did not happen. */
#include "sqs.h"

#include "telemetry/metric.h"

struct observation {
	const char *metric, *unit;
	double value;
	int64_t at_ms;
	uint8_t account_n, region_n, name_n;
	char account[12], region[32], name[NAME_MAX_CHARS];
};

static void observe(void *block)
{
	const struct observation *o = block;
	struct metric_dim dim = {S("QueueName"), str_of(o->name, o->name_n)};
	metric_add(str_of(o->account, o->account_n), str_of(o->region, o->region_n), S("AWS/SQS"), str_c(o->metric), &dim, 1, o->value,
		o->unit, o->at_ms);
}

static uint8_t copy(char *to, size_t room, struct str s)
{
	ASSERT(s.n <= room && s.n <= UINT8_MAX);
	memcpy(to, s.p, s.n);
	return (uint8_t)s.n;
}

void count_metric(struct queue *q, const char *name, double value, const char *unit)
{
	if (q->region.n > sizeof ((struct observation *)0)->region)
		return; /* no region has such a name */
	struct observation *o = call_effect(q->c, observe, sizeof *o);
	*o = (struct observation){.metric = name, .unit = unit, .value = value, .at_ms = q->c->now_ms};
	o->account_n = copy(o->account, sizeof o->account, q->account);
	o->region_n = copy(o->region, sizeof o->region, q->region);
	o->name_n = copy(o->name, sizeof o->name, q->name);
}
