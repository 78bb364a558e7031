/* AWS/Kinesis metrics: of a stream always, of a shard where enhanced monitoring is on.
 * Source: "Monitor the Amazon Kinesis Data Streams service with Amazon CloudWatch" (Developer Guide), EnableEnhancedMonitoring. */
#include "kinesis.h"

#include "svc/measure.h"

static const char *const shard_level[] = {"IncomingBytes", "IncomingRecords", "IteratorAgeMilliseconds", "OutgoingBytes", "OutgoingRecords",
	"ReadProvisionedThroughputExceeded", "WriteProvisionedThroughputExceeded"};

static bool listed(const struct list *names, struct str name)
{
	for (uint32_t i = 0; i < names->n; i++)
		if (str_eq(*LIST_AT(*names, struct str, i), name))
			return true;
	return false;
}

void count(struct stream *s, const char *name, double value, const char *unit)
{
	CHECK_MAGIC(s, STREAM_MAGIC);
	ASSERT(value >= 0);
	const struct metric_dim dim = {S("StreamName"), s->name};
	measure(s->c, &(struct measure){.ns = S("AWS/Kinesis"), .name = str_c(name), .dims = &dim, .n_dims = 1, .value = value, .unit = unit,
		.account = s->account, .region = s->region});
}

void count_shard(struct stream *s, uint64_t shard, const char *stream_name, const char *shard_name, double value, const char *unit)
{
	count(s, stream_name, value, unit);
	if (!listed(&s->rec->Metrics, str_c(shard_name)))
		return;
	const struct metric_dim dims[] = {{S("ShardId"), shard_id(s->c->arena, shard)}, {S("StreamName"), s->name}};
	measure(s->c, &(struct measure){.ns = S("AWS/Kinesis"), .name = str_c(shard_name), .dims = dims, .n_dims = COUNT_OF(dims), .value = value,
		.unit = unit, .account = s->account, .region = s->region});
}

void count_consumer(struct consumer *k, const char *name, double value, const char *unit)
{
	struct stream *s = k->stream;
	CHECK_MAGIC(s, STREAM_MAGIC);
	const struct metric_dim dims[] = {{S("ConsumerName"), k->name}, {S("StreamName"), s->name}};
	measure(s->c, &(struct measure){.ns = S("AWS/Kinesis"), .name = str_c(name), .dims = dims, .n_dims = COUNT_OF(dims), .value = value,
		.unit = unit, .account = s->account, .region = s->region});
}

void consumer_refused(struct consumer *k)
{
	struct stream *s = k->stream;
	CHECK_MAGIC(s, STREAM_MAGIC);
	const struct metric_dim dims[] = {{S("ConsumerName"), k->name}, {S("StreamName"), s->name}};
	metric_add(s->account, s->region, S("AWS/Kinesis"), S("SubscribeToShard.RateExceeded"), dims, COUNT_OF(dims), 1, "Count", s->c->now_ms);
}

/* At once, for a measure of the call would go with it. */
void metric_failed(struct stream *s, const char *name, uint64_t shard)
{
	const struct metric_dim dims[] = {{S("StreamName"), s->name}, {S("ShardId"), shard_id(s->c->arena, shard)}};
	metric_add(s->account, s->region, S("AWS/Kinesis"), str_c(name), dims, 1, 1, "Count", s->c->now_ms);
	if (!listed(&s->rec->Metrics, str_c(name)))
		return;
	const struct metric_dim both[] = {dims[1], dims[0]};
	metric_add(s->account, s->region, S("AWS/Kinesis"), str_c(name), both, COUNT_OF(both), 1, "Count", s->c->now_ms);
}

/* ---- enhanced monitoring ---- */

static void monitoring_set(struct call *c, const struct list *asked, bool on)
{
	struct kinesis_EnhancedMonitoringOutput *out = c->out;
	struct stream *s = run_stream(c);
	struct kinesis_Stream *rec = stream_change(s);
	bool all = listed(asked, S("ALL"));
	struct list now = LIST_OF(c->arena, struct str, COUNT_OF(shard_level));
	now.n = 0;
	for (size_t i = 0; i < COUNT_OF(shard_level); i++) {
		struct str name = str_c(shard_level[i]);
		bool named = all || listed(asked, name);
		if (on ? named || listed(&rec->Metrics, name) : !named && listed(&rec->Metrics, name))
			((struct str *)now.v)[now.n++] = name;
	}
	*out = (struct kinesis_EnhancedMonitoringOutput){.StreamName = s->name, .StreamARN = s->arn, .DesiredShardLevelMetrics = now,
		.CurrentShardLevelMetrics = {rec->Metrics.v, rec->Metrics.n, true}};
	rec->Metrics = now;
	stream_save(s, rec);
}

void op_enable_enhanced_monitoring(struct call *c)
{
	monitoring_set(c, &((const struct kinesis_EnableEnhancedMonitoringInput *)c->in)->ShardLevelMetrics, true);
}

void op_disable_enhanced_monitoring(struct call *c)
{
	monitoring_set(c, &((const struct kinesis_DisableEnhancedMonitoringInput *)c->in)->ShardLevelMetrics, false);
}
