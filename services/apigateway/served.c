/* After the answer: CloudWatch metrics of the API and its stage.
 *
 * Source: "Amazon API Gateway dimensions and metrics" (developer guide). Metrics are kept by API and by API and stage. */
#include "serve.h"

#include "telemetry/metric.h"

struct served {
	int64_t at_ms;
	double latency_ms;
	int status;
	bool integrated;
	struct str account, region, api, stage; /* behind this struct */
	char text[];
};

static void add(const struct served *s, const char *name, double value, const char *unit)
{
	struct metric_dim dims[2] = {{S("ApiName"), s->api}, {S("Stage"), s->stage}};
	metric_add(s->account, s->region, S("AWS/ApiGateway"), str_c(name), dims, 1, value, unit, s->at_ms);
	metric_add(s->account, s->region, S("AWS/ApiGateway"), str_c(name), dims, 2, value, unit, s->at_ms);
}

static void count(void *block)
{
	const struct served *s = block;
	add(s, "Count", 1, "Count");
	add(s, "4XXError", s->status >= 400 && s->status < 500 ? 1 : 0, "Count");
	add(s, "5XXError", s->status >= 500 ? 1 : 0, "Count");
	add(s, "Latency", s->latency_ms, "Milliseconds");
	if (s->integrated)
		add(s, "IntegrationLatency", s->latency_ms, "Milliseconds");
}

static char *keep(char *at, struct str from, struct str *to)
{
	memcpy(at, from.p != NULL ? from.p : "", from.n);
	*to = str_of(at, from.n);
	return at + from.n;
}

void record_served(struct exchange *x)
{
	struct call *c = x->c;
	struct str api = x->deployment->Api->name;
	struct served *s = call_effect(c, count, sizeof *s + c->account.n + c->region.n + api.n + x->stage_name.n);
	s->at_ms = c->now_ms;
	s->latency_ms = (double)(c->now_ms - c->started_ms);
	s->status = x->status;
	s->integrated = x->integration_status > 0;
	char *at = keep(keep(s->text, c->account, &s->account), c->region, &s->region);
	keep(keep(at, api, &s->api), x->stage_name, &s->stage);
}
