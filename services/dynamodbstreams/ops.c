/* DescribeStream, ListStreams, GetShardIterator, GetRecords.
 *
 * An iterator is <stream ARN>|1|<token>; the token holds the shard, the sequence number to go on at, and when it was
 * given out: it is good for 15 minutes. Source: Amazon DynamoDB Streams API reference. */
#include "streams.h"

#include "svc/page.h"

enum { ITERATOR_LIFE_MS = 15 * 60 * 1000, RECORDS_MAX = 1000, RECORDS_BYTES_MAX = 1024 * 1024, SHARDS_MAX = 100, STREAMS_MAX = 100 };

static bool check_limit(struct call *c, struct opt_i64 limit, int most)
{
	ASSERT(most > 0);
	if (!limit.set || limit.v <= most)
		return true;
	call_fail_code(c, 400, "ValidationException", "1 validation error detected: Value '%lld' at 'limit' failed to satisfy constraint: Member must "
	                                              "have value less than or equal to %d", (long long)limit.v, most);
	return false;
}

/* ---- describing ---- */

static struct dynamodbstreams_Shard shown_shard(struct call *c, const struct stream *s, uint64_t number, const struct stream_shard *shard)
{
	ASSERT(number > 0);
	struct dynamodbstreams_Shard out = {.ShardId = shard_id(c->arena, number, shard)};
	out.SequenceNumberRange = arena_new_of(c->arena, struct dynamodbstreams_SequenceNumberRange);
	out.SequenceNumberRange->StartingSequenceNumber = sequence_text(c->arena, shard->first);
	if (shard->closed_ms != 0) /* a shard without changes ends where it starts */
		out.SequenceNumberRange->EndingSequenceNumber =
			sequence_text(c->arena, shard->last < shard->first ? shard->first : shard->last);
	struct stream_shard parent;
	if (number > 1 && stream_shard_get(c, s, number - 1, &parent))
		out.ParentShardId = shard_id(c->arena, number - 1, &parent);
	return out;
}

static void describe_shards(struct call *c, const struct stream *s, struct dynamodbstreams_StreamDescription *d)
{
	ASSERT(d != NULL);
	const struct dynamodbstreams_DescribeStreamInput *in = c->in;
	uint64_t after = 0, only_child_of = 0, number;
	if (str_present(in->ExclusiveStartShardId) && !shard_number(in->ExclusiveStartShardId, &after))
		after = UINT64_MAX; /* behind every shard: no mistake */
	if (in->ShardFilter != NULL && str_present(in->ShardFilter->ShardId) && !shard_number(in->ShardFilter->ShardId, &only_child_of)) {
		call_fail_code(c, 400, "ValidationException", "Invalid ShardId in ShardFilter");
		return;
	}
	uint32_t limit = in->Limit.set && in->Limit.v < SHARDS_MAX ? (uint32_t)in->Limit.v : SHARDS_MAX;
	struct dynamodbstreams_Shard *shards = arena_array(c->arena, struct dynamodbstreams_Shard, limit);
	d->Shards = (struct list){shards, 0, true};
	struct scan *scan = stream_shards(c, s, after);
	struct stream_shard shard;
	while (stream_next_shard(c, scan, s, &number, &shard)) {
		if (only_child_of > 0 && number != only_child_of + 1)
			continue;
		if (d->Shards.n == limit) {
			d->LastEvaluatedShardId = shards[limit - 1].ShardId;
			break;
		}
		shards[d->Shards.n++] = shown_shard(c, s, number, &shard);
	}
	scan_close(scan);
}

void ddbstreams_describe_stream(struct call *c)
{
	ASSERT(c->op->model == &dynamodbstreams_op_DescribeStream);
	const struct dynamodbstreams_DescribeStreamInput *in = c->in;
	struct dynamodbstreams_DescribeStreamOutput *out = c->out;
	struct stream *s = stream_open(c, in->StreamArn);
	if (s == NULL)
		return;
	struct dynamodbstreams_StreamDescription *d = arena_new_of(c->arena, struct dynamodbstreams_StreamDescription);
	*d = (struct dynamodbstreams_StreamDescription){.StreamArn = in->StreamArn, .StreamLabel = s->record->Label,
		.StreamStatus = s->record->Ended.set ? S("DISABLED") : S("ENABLED"), .StreamViewType = s->record->ViewType,
		.CreationRequestDateTime = s->record->Created, .TableName = s->record->TableName, .KeySchema = s->record->KeySchema};
	describe_shards(c, s, d);
	out->StreamDescription = d;
}

void ddbstreams_list_streams(struct call *c)
{
	ASSERT(c->op->model == &dynamodbstreams_op_ListStreams);
	const struct dynamodbstreams_ListStreamsInput *in = c->in;
	struct dynamodbstreams_ListStreamsOutput *out = c->out;
	if (!check_limit(c, in->Limit, STREAMS_MAX))
		return;
	uint32_t limit = in->Limit.set ? (uint32_t)in->Limit.v : STREAMS_MAX;
	struct dynamodbstreams_Stream *streams = arena_array(c->arena, struct dynamodbstreams_Stream, limit);
	out->Streams = (struct list){streams, 0, true};
	struct str after = STR_NONE, key, value;
	if (str_present(in->ExclusiveStartStreamArn)) {
		struct stream *s = stream_open(c, in->ExclusiveStartStreamArn);
		if (s == NULL)
			return;
		after = key_bytes(key_str(key_str(stream_key(c, "stream"), s->record->TableName), s->record->Label));
	}
	struct key *prefix = stream_key(c, "stream");
	if (str_present(in->TableName))
		key_str(prefix, in->TableName);
	struct scan *scan = call_scan(c, prefix, after, false);
	while (scan_next(scan, &key, &value)) {
		if (out->Streams.n == limit) {
			out->LastEvaluatedStreamArn = streams[limit - 1].StreamArn;
			break;
		}
		struct dynamodbstreams_TableStream *r = record_decode(c, &dynamodbstreams_shape_TableStream, arena_dup(c->arena, value));
		streams[out->Streams.n++] = (struct dynamodbstreams_Stream){.StreamArn = stream_arn(c, r), .TableName = r->TableName,
		                                                            .StreamLabel = r->Label};
	}
	scan_close(scan);
}

/* ---- iterators ---- */

struct position { uint64_t shard, sequence; int64_t given_ms; };

static struct str iterator_text(struct call *c, struct str arn, uint64_t shard, uint64_t sequence)
{
	ASSERT(shard > 0 && str_present(arn));
	struct position p = {shard, sequence, c->now_ms};
	return arena_join(c->arena, arn, S("|1|"), page_token(c->arena, str_of((const char *)&p, sizeof p)));
}

/* The first change at or after a time. */
static uint64_t sequence_at(struct call *c, const struct stream *s, uint64_t shard, uint64_t end, int64_t ms)
{
	ASSERT(shard > 0);
	struct key *prefix = key_u64(key_u64(stream_key(c, "change"), s->number), shard);
	struct scan *scan = call_scan(c, prefix, STR_NONE, false);
	struct str key, value;
	while (scan_next(scan, &key, &value)) {
		int64_t at;
		memcpy(&at, value.p, sizeof at);
		if (at < ms)
			continue;
		struct key_reader r = key_reader_of(str_slice(key, key_bytes(prefix).n, key.n));
		bool ok = key_read_u64(&r, &end);
		ASSERT(ok);
		break;
	}
	scan_close(scan);
	return end;
}

static bool position_of_type(struct call *c, const struct stream *s, uint64_t number, const struct stream_shard *shard, uint64_t *at)
{
	ASSERT(number > 0 && at != NULL);
	const struct dynamodbstreams_GetShardIteratorInput *in = c->in;
	struct stream_head head = {0};
	bool open = shard->closed_ms == 0 && stream_head_get(c, s, &head);
	uint64_t end = open ? head.next : shard->last + 1, asked = 0;
	bool by_number = str_eq(in->ShardIteratorType, S("AT_SEQUENCE_NUMBER")) || str_eq(in->ShardIteratorType, S("AFTER_SEQUENCE_NUMBER"));
	if (!by_number && str_present(in->SequenceNumber)) {
		call_fail_code(c, 400, "ValidationException", "SequenceNumber cannot be specified with ShardIteratorType %.*s",
		               STR_ARG(in->ShardIteratorType));
		return false;
	}
	if (str_eq(in->ShardIteratorType, S("TRIM_HORIZON"))) {
		*at = sequence_at(c, s, number, end, c->now_ms - STREAM_RETENTION_MS);
		return true;
	}
	if (str_eq(in->ShardIteratorType, S("LATEST"))) {
		*at = end;
		return true;
	}
	if (str_eq(in->ShardIteratorType, S("AT_TIMESTAMP"))) {
		if (!in->Timestamp.set) {
			call_fail_code(c, 400, "ValidationException", "Timestamp is required when ShardIteratorType is AT_TIMESTAMP");
			return false;
		}
		*at = sequence_at(c, s, number, end, in->Timestamp.ms);
		return true;
	}
	if (!str_present(in->SequenceNumber) || !sequence_number(in->SequenceNumber, &asked) || asked < shard->first || asked > end) {
		call_fail_code(c, 400, "ValidationException", "Invalid SequenceNumber: %.*s is not in shard %.*s", STR_ARG(in->SequenceNumber),
		               STR_ARG(in->ShardId));
		return false;
	}
	*at = asked + str_eq(in->ShardIteratorType, S("AFTER_SEQUENCE_NUMBER"));
	uint64_t oldest = sequence_at(c, s, number, end, c->now_ms - STREAM_RETENTION_MS);
	if (*at >= oldest)
		return true;
	call_fail(c, &dynamodbstreams_err_TrimmedDataAccessException, "The operation attempted to read past the oldest stream record in a shard");
	return false;
}

void ddbstreams_get_shard_iterator(struct call *c)
{
	ASSERT(c->op->model == &dynamodbstreams_op_GetShardIterator);
	const struct dynamodbstreams_GetShardIteratorInput *in = c->in;
	struct dynamodbstreams_GetShardIteratorOutput *out = c->out;
	struct stream *s = stream_open(c, in->StreamArn);
	if (s == NULL)
		return;
	uint64_t number, at;
	struct stream_shard shard;
	if (!shard_number(in->ShardId, &number) || !stream_shard_get(c, s, number, &shard)) {
		call_fail(c, &dynamodbstreams_err_ResourceNotFoundException, "Requested resource not found: Shard: %.*s in stream: %.*s not found",
		          STR_ARG(in->ShardId), STR_ARG(in->StreamArn));
		return;
	}
	if (position_of_type(c, s, number, &shard, &at))
		out->ShardIterator = iterator_text(c, in->StreamArn, number, at);
}

/* ---- records ---- */

static bool read_iterator(struct call *c, struct str text, struct str *arn, struct position *p)
{
	ptrdiff_t bar = str_find(text, '|');
	struct str position;
	if (bar > 0 && str_starts(str_slice(text, (size_t)bar, text.n), S("|1|")) &&
	    page_position(c->arena, str_slice(text, (size_t)bar + 3, text.n), &position) && position.n == sizeof *p) {
		memcpy(p, position.p, sizeof *p);
		*arn = str_slice(text, 0, (size_t)bar);
		return true;
	}
	call_fail_code(c, 400, "ValidationException", "Invalid ShardIterator");
	return false;
}

/* The Record as it stands in the store; a tree for services that invoke this. */
static struct json *record_of(struct call *c, const struct stream *s, struct str value)
{
	struct str text = stream_change(c, s, value);
	return c->parent == NULL ? json_new_number(c->arena, text) : json_parse(c->arena, text, NULL);
}

/* Fills out; gives the sequence number to go on at. */
static uint64_t read_records(struct call *c, const struct stream *s, const struct position *p, struct dynamodbstreams_GetRecordsOutput *out)
{
	ASSERT(p->shard > 0);
	const struct dynamodbstreams_GetRecordsInput *in = c->in;
	uint32_t limit = in->Limit.set ? (uint32_t)in->Limit.v : RECORDS_MAX, cap = 0;
	struct key *prefix = key_u64(key_u64(stream_key(c, "change"), s->number), p->shard);
	struct key *from = key_u64(key_u64(key_u64(stream_key(c, "change"), s->number), p->shard), p->sequence);
	struct scan *scan = scan_open(c->txn, key_bytes(from), key_after(c->arena, key_bytes(prefix)), false);
	struct json **records = NULL;
	struct str key, value;
	uint64_t next = p->sequence;
	size_t bytes = 0;
	out->Records = (struct list){NULL, 0, true};
	while (out->Records.n < limit && bytes < RECORDS_BYTES_MAX && scan_next(scan, &key, &value)) {
		struct key_reader r = key_reader_of(str_slice(key, key_bytes(prefix).n, key.n));
		bool ok = key_read_u64(&r, &next);
		ASSERT(ok && value.n > 8);
		next++;
		int64_t at;
		memcpy(&at, value.p, sizeof at);
		if (at + STREAM_RETENTION_MS <= c->now_ms)
			continue;
		if (out->Records.n == cap) {
			records = arena_grow(c->arena, records, sizeof *records, cap, cap == 0 ? 16 : cap * 2);
			cap = cap == 0 ? 16 : cap * 2;
		}
		bytes += value.n;
		records[out->Records.n++] = record_of(c, s, str_slice(value, 8, value.n));
	}
	scan_close(scan);
	out->Records.v = records;
	return next;
}

void ddbstreams_get_records(struct call *c)
{
	ASSERT(c->op->model == &dynamodbstreams_op_GetRecords);
	const struct dynamodbstreams_GetRecordsInput *in = c->in;
	struct dynamodbstreams_GetRecordsOutput *out = c->out;
	struct str arn;
	struct position p;
	if (!check_limit(c, in->Limit, RECORDS_MAX) || !read_iterator(c, in->ShardIterator, &arn, &p))
		return;
	struct stream *s = stream_open(c, arn);
	if (s == NULL)
		return;
	if (p.given_ms + ITERATOR_LIFE_MS < c->now_ms) {
		call_fail(c, &dynamodbstreams_err_ExpiredIteratorException, "The provided iterator exceeds the maximum age allowed");
		return;
	}
	struct stream_shard shard;
	if (!stream_shard_get(c, s, p.shard, &shard)) {
		call_fail(c, &dynamodbstreams_err_TrimmedDataAccessException, "The shard is trimmed");
		return;
	}
	if (!stream_unseal(c, s))
		return;
	uint64_t next = read_records(c, s, &p, out);
	if (shard.closed_ms == 0 || next <= shard.last)
		out->NextShardIterator = iterator_text(c, arn, p.shard, next);
}
