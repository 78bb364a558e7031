/* AWS/SNS metrics, by topic name. Told after the commit, so that nothing is counted that did not happen. */
#include "sns.h"

#include "telemetry/metric.h"

struct observation {
	const char *metric, *unit;
	double value;
	int64_t at_ms;
	char account[16], region[40], topic[TOPIC_NAME_MAX + 1];
};

static void observe(void *block)
{
	const struct observation *o = block;
	struct metric_dim dim = {S("TopicName"), str_c(o->topic)};
	metric_add(str_c(o->account), str_c(o->region), S("AWS/SNS"), str_c(o->metric), &dim, 1, o->value, o->unit, o->at_ms);
}

static void copy(char *to, size_t room, struct str s)
{
	size_t n = s.n < room ? s.n : room - 1;
	memcpy(to, s.p, n);
	to[n] = '\0';
}

void count_metric(struct call *c, const struct topic *t, const char *name, double value, const char *unit)
{
	struct observation *o = call_effect(c, observe, sizeof *o);
	copy(o->account, sizeof o->account, t->account);
	copy(o->region, sizeof o->region, c->region);
	copy(o->topic, sizeof o->topic, t->name);
	o->metric = name;
	o->unit = unit;
	o->value = value;
	o->at_ms = c->now_ms;
}
