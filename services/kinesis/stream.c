/* Streams: how they are named, where they lie, and their settings.
 *
 * A stream is ready when CreateStream has answered, and gone when DeleteStream has; what it held is swept by a job. Every stream has
 * a number of its own, so a new one of the same name finds nothing of the old. Source: the operations in the API Reference. */
#include "kinesis.h"

#include "svc/arn.h"
#include "svc/page.h"

#include <stdarg.h>

void *fail_invalid(struct call *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str text = arena_vprintf(c->arena, fmt, ap);
	va_end(ap);
	return call_fail(c, &kinesis_err_InvalidArgumentException, "%.*s", STR_ARG(text));
}

void fail_no_stream(struct call *c, struct str account, struct str name)
{
	ASSERT(str_present(name));
	call_fail(c, &kinesis_err_ResourceNotFoundException, "Stream %.*s under account %.*s not found.", STR_ARG(name), STR_ARG(account));
}

struct key *stream_key(struct call *c, struct str account, struct str region, struct str name)
{
	struct key *k = arena_new_of(c->arena, struct key);
	*k = key_new(c->arena);
	return key_str(key_str(key_str(key_str(key_str(k, S("kinesis")), account), region), S("stream")), name);
}

struct key *data_key(struct call *c, uint64_t id, const char *table)
{
	ASSERT(id != 0);
	struct key *k = arena_new_of(c->arena, struct key);
	*k = key_new(c->arena);
	return key_str(key_u64(key_str(key_str(k, S("kinesis")), S("#")), id), str_c(table));
}

struct str stream_arn(struct call *c, struct str account, struct str name)
{
	return arn_make(c->arena, "kinesis", c->region, account, arena_join(c->arena, S("stream/"), name));
}

bool resource_parse(struct str resource, struct str *stream, struct str *consumer, int64_t *made_s)
{
	ASSERT(stream != NULL && consumer != NULL && made_s != NULL);
	if (!str_starts(resource, S("stream/")))
		return false;
	struct str rest = str_slice(resource, sizeof "stream/" - 1, resource.n);
	*stream = str_cut(&rest, '/');
	*consumer = STR_NONE;
	if (!str_present(rest))
		return stream->n > 0;
	if (!str_starts(rest, S("consumer/")))
		return false;
	rest = str_slice(rest, sizeof "consumer/" - 1, rest.n);
	*consumer = str_cut(&rest, ':');
	return stream->n > 0 && consumer->n > 0 && str_present(rest) && str_to_i64(rest, made_s);
}

struct stream *stream_open(struct call *c, struct str account, struct str name)
{
	const struct kinesis_Stream *rec = call_get_shared(c, stream_key(c, account, c->region, name), &kinesis_shape_Stream);
	if (rec == NULL)
		return NULL;
	struct stream *s = arena_new_of(c->arena, struct stream);
	*s = (struct stream){.magic = STREAM_MAGIC, .c = c, .account = account, .region = c->region, .name = name, .rec = rec,
		.arn = stream_arn(c, account, name), .id = (uint64_t)rec->Id.v, .open = rec->Open.p,
			.n_open = rec->Open.n / sizeof(struct open_shard)};
	ASSERT(s->id != 0 && s->n_open > 0 && rec->Open.n % sizeof(struct open_shard) == 0);
	return s;
}

struct kinesis_Stream *stream_change(struct stream *s)
{
	CHECK_MAGIC(s, STREAM_MAGIC);
	return typed_copy(s->c->arena, &kinesis_shape_Stream, s->rec);
}

void stream_save(struct stream *s, struct kinesis_Stream *rec)
{
	CHECK_MAGIC(s, STREAM_MAGIC);
	ASSERT((uint64_t)rec->Id.v == s->id && rec->Open.n > 0);
	call_put(s->c, stream_key(s->c, s->account, s->region, s->name), &kinesis_shape_Stream, rec);
	s->rec = rec;
	s->open = rec->Open.p;
	s->n_open = rec->Open.n / sizeof(struct open_shard);
}

bool on_demand(const struct stream *s) { return str_eq(s->rec->Mode, S("ON_DEMAND")); }

int64_t stream_horizon_ms(const struct stream *s)
{
	int64_t by_period = s->c->now_ms - s->rec->Retention.v * HOUR_MS;
	return by_period > s->rec->FloorMs.v ? by_period : s->rec->FloorMs.v;
}

bool once_more(struct call *c, struct list *times, uint32_t most)
{
	struct opt_i64 *kept = arena_array(c->arena, struct opt_i64, times->n + 1);
	uint32_t n = 0;
	for (uint32_t i = 0; i < times->n; i++)
		if (LIST_AT(*times, struct opt_i64, i)->v > c->now_ms - DAY_MS)
			kept[n++] = *LIST_AT(*times, struct opt_i64, i);
	if (n >= most)
		return false;
	kept[n++] = SOME_I64(c->now_ms);
	*times = (struct list){kept, n, true};
	return true;
}

/* ---- made and removed ---- */

static int64_t on_demand_streams(struct call *c)
{
	struct str key, value;
	int64_t n = 0;
	struct scan *scan = call_scan(c, call_key(c, "stream"), STR_NONE, false);
	while (scan_next(scan, &key, &value)) {
		const struct kinesis_Stream *r = record_decode(c, &kinesis_shape_Stream, value);
		n += str_eq(r->Mode, S("ON_DEMAND"));
	}
	scan_close(scan);
	return n;
}

static bool on_demand_allowed(struct call *c)
{
	if (on_demand_streams(c) < ON_DEMAND_STREAMS)
		return true;
	call_fail(c, &kinesis_err_LimitExceededException, "This request would exceed the on-demand streams limit for the account %.*s in %.*s. "
		"Limit: %d.", STR_ARG(c->account), STR_ARG(c->region), ON_DEMAND_STREAMS);
	return false;
}

/* How many shards it begins with; 0: c failed. */
static uint64_t first_shards(struct call *c, const struct kinesis_CreateStreamInput *in, bool demand)
{
	if (in->WarmThroughputMiBps.set) {
		call_unsupported(c, "WarmThroughputMiBps");
		return 0;
	}
	if (demand && in->ShardCount.set) {
		call_fail(c, &kinesis_err_ValidationException, "ShardCount must not be specified for a stream in ON_DEMAND mode.");
		return 0;
	}
	if (!demand && !in->ShardCount.set) {
		call_fail(c, &kinesis_err_ValidationException, "ShardCount must be specified for a stream in PROVISIONED mode.");
		return 0;
	}
	if (!demand && str_eq(in->RecordDistributionStrategy, S("AUTO"))) {
		fail_invalid(c, "The AUTO record distribution strategy is only supported for streams in ON_DEMAND mode.");
		return 0;
	}
	if (demand)
		return on_demand_allowed(c) ? ON_DEMAND_SHARDS : 0;
	if (in->ShardCount.v > SHARDS_OF_STREAM) {
		call_fail(c, &kinesis_err_LimitExceededException, "A stream has at most %d shards.", SHARDS_OF_STREAM);
		return 0;
	}
	return shards_allowed(c, in->ShardCount.v, c->account) ? (uint64_t)in->ShardCount.v : 0;
}

void op_create_stream(struct call *c)
{
	const struct kinesis_CreateStreamInput *in = c->in;
	bool demand = in->StreamModeDetails != NULL && str_eq(in->StreamModeDetails->StreamMode, S("ON_DEMAND"));
	if (stream_open(c, c->account, in->StreamName) != NULL) {
		call_fail(c, &kinesis_err_ResourceInUseException, "Stream %.*s under account %.*s already exists.", STR_ARG(in->StreamName),
			STR_ARG(c->account));
		return;
	}
	uint64_t shards = first_shards(c, in, demand);
	if (shards == 0)
		return;
	struct kinesis_Stream *rec = arena_new_of(c->arena, struct kinesis_Stream);
	*rec = (struct kinesis_Stream){.Id = SOME_I64((int64_t)call_serial(c, "stream")), .Created = SOME_TIME(c->now_ms),
		.Mode = demand ? S("ON_DEMAND") : S("PROVISIONED"), .Retention = SOME_I64(RETENTION_LEAST_H), .FloorMs = SOME_I64(0),
		.MaxRecordKiB = SOME_I64(in->MaxRecordSizeInKiB.set ? in->MaxRecordSizeInKiB.v : RECORD_KIB_LEAST), .ShardsMade = SOME_I64(0),
		.Strategy = str_present(in->RecordDistributionStrategy) ? in->RecordDistributionStrategy : S("USER_PARTITION_KEY"),
			.Consumers = SOME_I64(0)};
	if (!tags_merge(c, &rec->Tags, &in->Tags))
		return;
	struct stream s = {.magic = STREAM_MAGIC, .c = c, .account = c->account, .region = c->region, .name = in->StreamName, .rec = rec,
		.id = (uint64_t)rec->Id.v};
	shards_make(&s, rec, shards);
	stream_save(&s, rec);
	job_put(c, "trim", job_id(c, s.id), c->now_ms + HOUR_MS, s.name);
}

void op_delete_stream(struct call *c)
{
	const struct kinesis_DeleteStreamInput *in = c->in;
	struct stream *s = run_stream(c);
	if (s->rec->Consumers.v > 0 && !in->EnforceConsumerDeletion.v) {
		call_fail(c, &kinesis_err_ResourceInUseException,
			"Stream %.*s under account %.*s has %lld registered consumers. Deregister them, or set "
			"EnforceConsumerDeletion.", STR_ARG(s->name), STR_ARG(s->account), (long long)s->rec->Consumers.v);
		return;
	}
	call_del(c, stream_key(c, s->account, s->region, s->name));
	job_drop(c, "trim", job_id(c, s->id));
	job_put(c, "sweep", job_id(c, s->id), c->now_ms, s->name);
}

/* ---- shown ---- */

static struct list monitoring_of(struct stream *s)
{
	struct list l = LIST_OF(s->c->arena, struct kinesis_EnhancedMetrics, 1);
	LIST_AT(l, struct kinesis_EnhancedMetrics, 0)->ShardLevelMetrics = (struct list){s->rec->Metrics.v, s->rec->Metrics.n, true};
	return l;
}

static struct kinesis_StreamModeDetails *mode_of(struct call *c, struct str mode)
{
	struct kinesis_StreamModeDetails *m = arena_new_of(c->arena, struct kinesis_StreamModeDetails);
	m->StreamMode = mode;
	return m;
}

static struct str encryption_of(const struct stream *s) { return str_present(s->rec->KeyId) ? S("KMS") : S("NONE"); }

void op_describe_stream(struct call *c)
{
	enum { SHARDS_SHOWN = 100 };
	const struct kinesis_DescribeStreamInput *in = c->in;
	struct kinesis_DescribeStreamOutput *out = c->out;
	struct stream *s = run_stream(c);
	uint64_t from = 0, number;
	if (str_present(in->ExclusiveStartShardId)) {
		if (!shard_number(in->ExclusiveStartShardId, &from)) {
			fail_invalid(c, "Invalid ExclusiveStartShardId: %.*s", STR_ARG(in->ExclusiveStartShardId));
			return;
		}
		from++;
	}
	struct kinesis_StreamDescription *d = out->StreamDescription = arena_new_of(c->arena, struct kinesis_StreamDescription);
	*d = (struct kinesis_StreamDescription){.StreamName = s->name, .StreamARN = s->arn, .StreamStatus = S("ACTIVE"),
		.HasMoreShards = SOME_BOOL(false),
		.StreamModeDetails = mode_of(c, s->rec->Mode), .RetentionPeriodHours = s->rec->Retention, .StreamCreationTimestamp = s->rec->Created,
		.EnhancedMonitoring = monitoring_of(s), .EncryptionType = encryption_of(s), .KeyId = s->rec->KeyId};
	uint32_t limit = in->Limit.set && in->Limit.v < SHARDS_SHOWN ? (uint32_t)in->Limit.v : SHARDS_SHOWN;
	struct kinesis_Shard *v = arena_array(c->arena, struct kinesis_Shard, limit);
	d->Shards = (struct list){v, 0, true};
	struct shard sh;
	struct scan *scan = shard_scan(s, from);
	while (shard_next(s, scan, &number, &sh)) {
		if (shard_gone(s, &sh))
			continue;
		d->HasMoreShards = SOME_BOOL(d->Shards.n == limit);
		if (d->HasMoreShards.v)
			break;
		v[d->Shards.n++] = shard_shown(c, number, &sh);
	}
	scan_close(scan);
}

void op_describe_stream_summary(struct call *c)
{
	struct kinesis_DescribeStreamSummaryOutput *out = c->out;
	struct stream *s = run_stream(c);
	struct kinesis_StreamDescriptionSummary *d = out->StreamDescriptionSummary = arena_new_of(c->arena, struct kinesis_StreamDescriptionSummary);
	*d = (struct kinesis_StreamDescriptionSummary){.StreamName = s->name, .StreamARN = s->arn, .StreamStatus = S("ACTIVE"),
		.StreamModeDetails = mode_of(c, s->rec->Mode), .RetentionPeriodHours = s->rec->Retention, .StreamCreationTimestamp = s->rec->Created,
		.EnhancedMonitoring = monitoring_of(s), .EncryptionType = encryption_of(s), .KeyId = s->rec->KeyId,
		.OpenShardCount = SOME_I64((int64_t)s->n_open), .ConsumerCount = s->rec->Consumers, .MaxRecordSizeInKiB = s->rec->MaxRecordKiB,
		.RecordDistributionStrategy = on_demand(s) ? s->rec->Strategy : STR_NONE};
}

void op_list_streams(struct call *c)
{
	enum { STREAMS_SHOWN = 100 };
	const struct kinesis_ListStreamsInput *in = c->in;
	struct kinesis_ListStreamsOutput *out = c->out;
	uint32_t limit = in->Limit.set && in->Limit.v < STREAMS_SHOWN ? (uint32_t)in->Limit.v : STREAMS_SHOWN;
	struct str *names = arena_array(c->arena, struct str, limit), after = in->ExclusiveStartStreamName, key, value;
	struct kinesis_StreamSummary *v = arena_array(c->arena, struct kinesis_StreamSummary, limit);
	if (str_present(in->NextToken) && !page_position(c->arena, in->NextToken, &after)) {
		call_fail(c, &kinesis_err_ExpiredNextTokenException, "The NextToken is not valid.");
		return;
	}
	out->StreamNames = (struct list){names, 0, true};
	out->HasMoreStreams = SOME_BOOL(false);
	struct key *prefix = call_key(c, "stream");
	struct scan *scan = call_scan(c, prefix, str_present(after) ? key_bytes(stream_key(c, c->account, c->region, after)) : STR_NONE, false);
	while (scan_next(scan, &key, &value)) {
		if (out->StreamNames.n == limit) {
			out->HasMoreStreams = SOME_BOOL(true);
			out->NextToken = page_token(c->arena, names[limit - 1]);
			break;
		}
		struct key_reader r = key_reader_of(str_slice(key, key_bytes(prefix).n, key.n));
		const struct kinesis_Stream *rec = record_decode(c, &kinesis_shape_Stream, value);
		uint32_t i = out->StreamNames.n++;
		bool ok = key_read_str(&r, c->arena, &names[i]);
		ASSERT(ok);
		v[i] = (struct kinesis_StreamSummary){.StreamName = names[i], .StreamARN = stream_arn(c, c->account, names[i]),
			.StreamStatus = S("ACTIVE"),
			.StreamModeDetails = mode_of(c, rec->Mode), .StreamCreationTimestamp = rec->Created};
	}
	scan_close(scan);
	out->StreamSummaries = (struct list){v, out->StreamNames.n, true};
}

void op_describe_limits(struct call *c)
{
	struct kinesis_DescribeLimitsOutput *out = c->out;
	struct str key, value;
	int64_t shards = 0, demand = 0;
	struct scan *scan = call_scan(c, call_key(c, "stream"), STR_NONE, false);
	while (scan_next(scan, &key, &value)) {
		const struct kinesis_Stream *r = record_decode(c, &kinesis_shape_Stream, value);
		bool is = str_eq(r->Mode, S("ON_DEMAND"));
		demand += is;
		shards += is ? 0 : (int64_t)(r->Open.n / sizeof(struct open_shard));
	}
	scan_close(scan);
	out->ShardLimit = SOME_I64(SHARDS_OF_ACCOUNT);
	out->OpenShardCount = SOME_I64(shards);
	out->OnDemandStreamCount = SOME_I64(demand);
	out->OnDemandStreamCountLimit = SOME_I64(ON_DEMAND_STREAMS);
}

/* ---- settings ---- */

void op_increase_stream_retention_period(struct call *c)
{
	const struct kinesis_IncreaseStreamRetentionPeriodInput *in = c->in;
	struct stream *s = run_stream(c);
	int64_t hours = in->RetentionPeriodHours.v, have = s->rec->Retention.v;
	if (hours > RETENTION_MOST_H || hours < RETENTION_LEAST_H) {
		fail_invalid(c, hours > RETENTION_MOST_H ?
			"Maximum allowed retention period is %d hours. Requested retention period (%lld hours) is too long."
			: "Minimum allowed retention period is %d hours. Requested retention period (%lld hours) is too short.",
			hours > RETENTION_MOST_H ? RETENTION_MOST_H : RETENTION_LEAST_H, (long long)hours);
		return;
	}
	if (hours < have) {
		fail_invalid(c, "Requested retention period (%lld hours) for stream %.*s can not be shorter than existing retention period (%lld hours)."
			" Use DecreaseRetentionPeriod API.", (long long)hours, STR_ARG(s->name), (long long)have);
		return;
	}
	struct kinesis_Stream *rec = stream_change(s);
	rec->FloorMs = SOME_I64(stream_horizon_ms(s)); /* what has expired stays so */
	rec->Retention = SOME_I64(hours);
	stream_save(s, rec);
}

void op_decrease_stream_retention_period(struct call *c)
{
	const struct kinesis_DecreaseStreamRetentionPeriodInput *in = c->in;
	struct stream *s = run_stream(c);
	int64_t hours = in->RetentionPeriodHours.v, have = s->rec->Retention.v;
	if (hours < RETENTION_LEAST_H) {
		fail_invalid(c, "Minimum allowed retention period is %d hours. Requested retention period (%lld hours) is too short.",
			RETENTION_LEAST_H,
			(long long)hours);
		return;
	}
	if (hours > have) {
		fail_invalid(c, "Requested retention period (%lld hours) for stream %.*s can not be longer than existing retention period (%lld hours)."
			" Use IncreaseRetentionPeriod API.", (long long)hours, STR_ARG(s->name), (long long)have);
		return;
	}
	struct kinesis_Stream *rec = stream_change(s);
	rec->Retention = SOME_I64(hours);
	stream_save(s, rec);
}

void op_update_stream_mode(struct call *c)
{
	const struct kinesis_UpdateStreamModeInput *in = c->in;
	struct stream *s = run_stream(c);
	if (in->WarmThroughputMiBps.set) {
		call_unsupported(c, "WarmThroughputMiBps");
		return;
	}
	bool demand = str_eq(in->StreamModeDetails->StreamMode, S("ON_DEMAND"));
	if (demand && !on_demand(s) && !on_demand_allowed(c))
		return;
	if (!demand && on_demand(s) && !shards_allowed(c, (int64_t)s->n_open, s->account))
		return;
	if (!demand && str_eq(s->rec->Strategy, S("AUTO"))) {
		fail_invalid(c, "A stream with the AUTO record distribution strategy cannot be in PROVISIONED mode.");
		return;
	}
	struct kinesis_Stream *rec = stream_change(s);
	rec->Mode = in->StreamModeDetails->StreamMode;
	stream_save(s, rec);
}

void op_update_max_record_size(struct call *c)
{
	const struct kinesis_UpdateMaxRecordSizeInput *in = c->in;
	struct stream *s = run_stream(c);
	struct kinesis_Stream *rec = stream_change(s);
	rec->MaxRecordKiB = in->MaxRecordSizeInKiB;
	stream_save(s, rec);
}

void op_update_stream_record_distribution_strategy(struct call *c)
{
	const struct kinesis_UpdateStreamRecordDistributionStrategyInput *in = c->in;
	struct stream *s = run_stream(c);
	if (!on_demand(s)) {
		fail_invalid(c, "The record distribution strategy is only supported for streams in ON_DEMAND mode.");
		return;
	}
	struct kinesis_Stream *rec = stream_change(s);
	rec->Strategy = in->RecordDistributionStrategy;
	stream_save(s, rec);
}
