/* Making shards, splitting and merging them.
 *
 * It happens in one step: the parents are closed and the children open when the call has answered; data records that were put before
 * stay in the parents, and whoever reads a parent to its end is told its children. Source: "Resharding a stream" (Developer Guide),
 * SplitShard, MergeShards, UpdateShardCount (API Reference). */
#include "kinesis.h"

enum { SCALES_A_DAY = 10 };

static void shard_put(struct stream *s, uint64_t number, const struct shard *sh)
{
	ASSERT(sh->from <= sh->to && sh->first > 0);
	txn_put(s->c->txn, key_bytes(key_u64(data_key(s->c, s->id, "s"), number)), str_of((const char *)sh, sizeof *sh));
}

/* A new open shard; parents are numbers plus one. */
static struct open_shard shard_new(struct stream *s, struct kinesis_Stream *rec, u128 from, u128 to, uint64_t parent, uint64_t adjacent)
{
	uint64_t number = (uint64_t)rec->ShardsMade.v++;
	const struct shard sh = {.from = from, .to = to, .made_ms = s->c->now_ms, .first = call_serial(s->c, "sequence"), .parent = parent,
		.adjacent = adjacent};
	shard_put(s, number, &sh);
	return (struct open_shard){.from = from, .to = to, .number = number};
}

static void shard_close(struct stream *s, uint64_t number)
{
	struct shard sh;
	bool found = shard_get(s, number, &sh);
	ASSERT(found && sh.closed_ms == 0);
	sh.closed_ms = s->c->now_ms;
	sh.last = call_serial(s->c, "sequence");
	shard_put(s, number, &sh);
	call_notify(s->c, s->arn); /* its readers are told */
}

static void open_set(struct kinesis_Stream *rec, const struct open_shard *v, size_t n)
{
	ASSERT(n > 0 && v[0].from == 0 && v[n - 1].to == HASH_MOST);
	rec->Open = str_of((const char *)v, n * sizeof *v);
}

/* Where the i-th of n equal shards begins. */
static u128 edge(uint64_t i, uint64_t n)
{
	ASSERT(i < n && n <= SHARDS_OF_STREAM);
	u128 part = HASH_MOST / n, rest = HASH_MOST % n + 1; /* n*part + rest = 2^128 */
	return part * i + rest * i / n;
}

static u128 end(uint64_t i, uint64_t n) { return i + 1 < n ? edge(i + 1, n) - 1 : HASH_MOST; }

void shards_make(struct stream *s, struct kinesis_Stream *rec, uint64_t n)
{
	ASSERT(n > 0 && rec->ShardsMade.v == 0);
	struct open_shard *v = arena_array(s->c->arena, struct open_shard, n);
	for (uint64_t i = 0; i < n; i++)
		v[i] = shard_new(s, rec, edge(i, n), end(i, n), 0, 0);
	open_set(rec, v, n);
}

/* The first of the two children; the second one in *high. */
static struct open_shard split(struct stream *s, struct kinesis_Stream *rec, struct open_shard old, u128 where, struct open_shard *high)
{
	ASSERT(old.from < where && where <= old.to);
	shard_close(s, old.number);
	struct open_shard low = shard_new(s, rec, old.from, where - 1, old.number + 1, 0);
	*high = shard_new(s, rec, where, old.to, old.number + 1, 0);
	return low;
}

static struct open_shard merge(struct stream *s, struct kinesis_Stream *rec, struct open_shard low, struct open_shard high)
{
	ASSERT(low.to + 1 == high.from && high.from != 0);
	shard_close(s, low.number);
	shard_close(s, high.number);
	return shard_new(s, rec, low.from, high.to, low.number + 1, high.number + 1);
}

void shard_split(struct stream *s, struct kinesis_Stream *rec, size_t at, u128 where)
{
	struct open_shard *v = arena_array(s->c->arena, struct open_shard, s->n_open + 1);
	ASSERT(at < s->n_open && rec->Open.p != NULL);
	for (size_t i = 0; i < s->n_open; i++)
		v[i < at ? i : i + 1] = open_at(s, i);
	v[at] = split(s, rec, v[at + 1], where, &v[at + 1]);
	open_set(rec, v, s->n_open + 1);
}

void shard_merge(struct stream *s, struct kinesis_Stream *rec, size_t at)
{
	struct open_shard *v = arena_array(s->c->arena, struct open_shard, s->n_open);
	ASSERT(at + 1 < s->n_open);
	for (size_t i = 0; i < s->n_open; i++)
		v[i <= at ? i : i - 1] = i == at + 1 ? merge(s, rec, v[at], open_at(s, i)) : open_at(s, i);
	open_set(rec, v, s->n_open - 1);
}

void shards_uniform(struct stream *s, struct kinesis_Stream *rec, uint64_t count)
{
	struct open_shard *pieces = arena_array(s->c->arena, struct open_shard, s->n_open + count), *v = arena_array(s->c->arena,
		struct open_shard, count);
	size_t n = 0, at = 0;
	uint64_t next = 1;
	ASSERT(count > 0 && count <= SHARDS_OF_STREAM);
	for (size_t i = 0; i < s->n_open; i++) { /* every edge becomes one */
		struct open_shard rest = open_at(s, i);
		for (; next < count && edge(next, count) <= rest.to; next++)
			if (edge(next, count) != rest.from)
				pieces[n++] = split(s, rec, rest, edge(next, count), &rest);
		pieces[n++] = rest;
	}
	ASSERT(n < s->n_open + count);
	for (uint64_t i = 0; i < count; i++) { /* and no other is left */
		v[i] = pieces[at++];
		while (v[i].to < end(i, count)) {
			ASSERT(at < n);
			v[i] = merge(s, rec, v[i], pieces[at++]);
		}
	}
	ASSERT(at == n);
	open_set(rec, v, count);
}

bool shards_allowed(struct call *c, int64_t more, struct str account)
{
	struct str key, value;
	int64_t have = 0;
	struct key *prefix = arena_new_of(c->arena, struct key);
	*prefix = key_new(c->arena);
	key_str(key_str(key_str(key_str(prefix, S("kinesis")), account), c->region), S("stream"));
	struct scan *scan = call_scan(c, prefix, STR_NONE, false);
	while (scan_next(scan, &key, &value)) {
		const struct kinesis_Stream *r = record_decode(c, &kinesis_shape_Stream, value);
		have += str_eq(r->Mode, S("ON_DEMAND")) ? 0 : (int64_t)(r->Open.n / sizeof(struct open_shard));
	}
	scan_close(scan);
	if (have + more <= SHARDS_OF_ACCOUNT)
		return true;
	call_fail(c, &kinesis_err_LimitExceededException,
		"This request would exceed the shard limit for the account %.*s in %.*s. Current shard count for "
		"the account: %lld. Limit: %d. Number of additional shards that would have resulted from this request: %lld. Refer to the AWS Service Limits "
		"page (https://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request higher limits.",
		STR_ARG(account), STR_ARG(c->region), (long long)have, SHARDS_OF_ACCOUNT, (long long)more);
	return false;
}

/* ---- the operations ---- */

static bool provisioned(struct stream *s)
{
	if (!on_demand(s))
		return true;
	call_fail(s->c, &kinesis_err_ValidationException, "Request is invalid. Stream %.*s under account %.*s is in On-Demand mode.",
		STR_ARG(s->name),
		STR_ARG(s->account));
	return false;
}

/* The place of an open shard by its id; false with c failed. */
static bool open_place(struct stream *s, struct str id, size_t *at)
{
	uint64_t number;
	struct shard sh;
	if (!shard_number(id, &number) || !shard_get(s, number, &sh) || shard_gone(s, &sh)) {
		call_fail(s->c, &kinesis_err_ResourceNotFoundException, "Could not find shard %.*s in stream %.*s under account %.*s.", STR_ARG(id),
			STR_ARG(s->name), STR_ARG(s->account));
		return false;
	}
	for (*at = 0; *at < s->n_open; ++*at)
		if (open_at(s, *at).number == number)
			return true;
	fail_invalid(s->c, "Shard %.*s in stream %.*s under account %.*s is closed.", STR_ARG(id), STR_ARG(s->name), STR_ARG(s->account));
	return false;
}

void op_split_shard(struct call *c)
{
	const struct kinesis_SplitShardInput *in = c->in;
	struct stream *s = run_stream(c);
	size_t at;
	u128 where = 0;
	if (!provisioned(s) || !open_place(s, in->ShardToSplit, &at))
		return;
	struct open_shard old = open_at(s, at);
	bool ok = hash_parse(in->NewStartingHashKey, &where);
	if (!ok || where <= old.from || where - old.from < 2 || where >= old.to) {
		fail_invalid(c, "NewStartingHashKey %.*s used in SplitShard() on shard %.*s in stream %.*s under account %.*s is not both "
			"greater than one plus the shard's StartingHashKey %.*s and less than the shard's EndingHashKey %.*s.", STR_ARG(in->NewStartingHashKey),
				STR_ARG(in->ShardToSplit),
			STR_ARG(s->name), STR_ARG(s->account), STR_ARG(hash_text(c->arena, old.from)), STR_ARG(hash_text(c->arena, old.to)));
		return;
	}
	if (!shards_allowed(c, 1, s->account))
		return;
	struct kinesis_Stream *rec = stream_change(s);
	shard_split(s, rec, at, where);
	stream_save(s, rec);
}

void op_merge_shards(struct call *c)
{
	const struct kinesis_MergeShardsInput *in = c->in;
	struct stream *s = run_stream(c);
	size_t a, b;
	if (!provisioned(s) || !open_place(s, in->ShardToMerge, &a) || !open_place(s, in->AdjacentShardToMerge, &b))
		return;
	if (a + 1 != b && b + 1 != a) {
		fail_invalid(c, "Shards %.*s and %.*s in stream %.*s under account %.*s are not an adjacent pair of shards eligible for merging",
			STR_ARG(in->ShardToMerge), STR_ARG(in->AdjacentShardToMerge), STR_ARG(s->name), STR_ARG(s->account));
		return;
	}
	struct kinesis_Stream *rec = stream_change(s);
	shard_merge(s, rec, a < b ? a : b);
	stream_save(s, rec);
}

void op_update_shard_count(struct call *c)
{
	const struct kinesis_UpdateShardCountInput *in = c->in;
	struct kinesis_UpdateShardCountOutput *out = c->out;
	struct stream *s = run_stream(c);
	int64_t have = (int64_t)s->n_open, want = in->TargetShardCount.v;
	if (!provisioned(s))
		return;
	if (want > have * 2 || want * 2 < have) {
		call_fail(c, &kinesis_err_LimitExceededException,
			"UpdateShardCount cannot scale %s your current open shard count. Current open shard count: "
			"%lld Target shard count: %lld", want > have ? "up over double" : "down below half", (long long)have, (long long)want);
		return;
	}
	if (want > SHARDS_OF_STREAM) {
		call_fail(c, &kinesis_err_LimitExceededException, "UpdateShardCount cannot scale a stream over %d shards.", SHARDS_OF_STREAM);
		return;
	}
	struct kinesis_Stream *rec = stream_change(s);
	if (!shards_allowed(c, want - have, s->account))
		return;
	if (!once_more(c, &rec->Scaled, SCALES_A_DAY)) {
		call_fail(c, &kinesis_err_LimitExceededException,
			"UpdateShardCount cannot be called more than %d times in a rolling 24-hour period for stream %.*s.",
			SCALES_A_DAY, STR_ARG(s->name));
		return;
	}
	shards_uniform(s, rec, (uint64_t)want);
	stream_save(s, rec);
	*out = (struct kinesis_UpdateShardCountOutput){.StreamName = s->name, .StreamARN = s->arn, .CurrentShardCount = SOME_I64(have),
		.TargetShardCount = in->TargetShardCount};
}
