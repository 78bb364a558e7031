/* PutRecord and PutRecords.
 *
 * A record is at ("kinesis", "#", stream, "r", shard, sequence): the time it came, the lengths, its key, its data. It is acknowledged
 * when it is on disk, and the records of a shard lie in the order of their commits. Source: PutRecord, PutRecords (API Reference),
 * "Quotas and limits" (Developer Guide). */
#include "kinesis.h"

#include "base/enc.h"
#include "os/os.h"

enum { PUT_BYTES_MAX = 10 << 20, SEALED = 1, KEYED = 2 };

struct packed_head { int64_t arrived_ms; uint32_t key_length, flags; };

struct key *record_key(struct call *c, uint64_t id, uint64_t shard, uint64_t sequence)
{
	return key_u64(key_u64(data_key(c, id, "r"), shard), sequence);
}

struct str record_pack(struct arena *a, const struct data_record *r)
{
	struct buf b;
	const struct packed_head h = {r->arrived_ms, (uint32_t)r->key.n, (r->sealed ? SEALED : 0) | (str_present(r->key) ? KEYED : 0)};
	buf_init(&b, a, 0);
	(void)buf_reserve(&b, sizeof h + r->key.n + r->data.n);
	buf_put(&b, &h, sizeof h);
	buf_str(&b, r->key);
	buf_str(&b, r->data);
	return buf_view(&b);
}

void record_unpack(struct str bytes, struct data_record *out)
{
	struct packed_head h;
	ASSERT(bytes.n >= sizeof h);
	memcpy(&h, bytes.p, sizeof h);
	ASSERT(bytes.n - sizeof h >= h.key_length);
	*out = (struct data_record){.arrived_ms = h.arrived_ms, .sealed = (h.flags & SEALED) != 0,
		.data = str_slice(bytes, sizeof h + h.key_length, bytes.n)};
	if (h.flags & KEYED)
		out->key = str_slice(bytes, sizeof h, sizeof h + h.key_length);
}

/* ---- which shard ---- */

/* What a record asks for; the strings are the request's. */
struct asked { struct str data, key, hash; };

static bool hash_of(struct stream *s, const struct asked *r, u128 *out)
{
	struct call *c = s->c;
	unsigned char bytes[sizeof *out];
	*out = 0;
	if (str_eq(s->rec->Strategy, S("AUTO"))) { /* evenly, whatever the producer says */
		random_bytes(bytes, sizeof bytes);
	} else if (!str_present(r->key)) {
		call_fail(c, &kinesis_err_InvalidArgumentException, "PartitionKey must be specified for stream %.*s.", STR_ARG(s->name));
		return false;
	} else if (str_present(r->hash)) {
		if (hash_parse(r->hash, out))
			return true;
		fail_invalid(c, "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was %.*s",
			STR_ARG(r->hash));
		return false;
	} else {
		struct md5 m = md5(r->key);
		memcpy(bytes, m.b, sizeof bytes);
	}
	for (size_t i = 0; i < sizeof bytes; i++)
		*out = *out << 8 | bytes[i];
	return true;
}

static size_t size_of(const struct asked *r) { return r->data.n + r->key.n; }

static bool small_enough(struct stream *s, const struct asked *r)
{
	size_t most = (size_t)s->rec->MaxRecordKiB.v << 10;
	if (size_of(r) <= most)
		return true;
	call_fail(s->c, &kinesis_err_InvalidArgumentException,
		"Record size of %zu bytes, data and partition key together, exceeds the stream's maximum of %zu "
		"bytes.", size_of(r), most);
	return false;
}

void dry_run(struct call *c)
{
	call_fail(c, &kinesis_err_DryRunOperationException, "Request would have succeeded, but DryRun flag is set.");
}

/* Put it down; its sequence number is set. false: KMS refused. */
static bool put(struct stream *s, uint64_t shard, const struct asked *in, struct seal *k, uint64_t *sequence)
{
	struct call *c = s->c;
	struct data_record r = {.sequence = call_serial(c, "sequence"), .arrived_ms = c->now_ms, .key = in->key, .data = in->data};
	if (!data_seal(s, k, &r))
		return false;
	txn_put(c->txn, key_bytes(record_key(c, s->id, shard, r.sequence)), record_pack(c->arena, &r));
	*sequence = r.sequence;
	count_shard(s, shard, "IncomingBytes", "IncomingBytes", (double)size_of(in), "Bytes");
	count_shard(s, shard, "IncomingRecords", "IncomingRecords", 1, "Count");
	return true;
}

/* An on-demand stream grows where it was too small. */
static void ask_to_grow(struct stream *s, uint64_t shard)
{
	if (on_demand(s))
		job_put(s->c, "scale", arena_printf(s->c->arena, "%llu/%llu", (unsigned long long)s->id, (unsigned long long)shard),
			s->c->now_ms + 1000,
			arena_join(s->c->arena, s->account, S("/"), s->name)); /* the caller may be of another account */
}

/* A sequence number to be greater than: ours always are, when it is of this stream's making. */
static bool ordering_ok(struct stream *s, struct str text)
{
	uint64_t sequence, shard;
	struct shard sh;
	if (!str_present(text) || str_eq(text, S("0")) || (sequence_parse(text, &sequence, &shard) && shard_get(s, shard, &sh) &&
		sequence >= sh.first))
		return true;
	fail_invalid(s->c, "ExclusiveMinimumSequenceNumber %.*s used in PutRecord on stream %.*s under account %.*s is invalid.", STR_ARG(text),
		STR_ARG(s->name), STR_ARG(s->account));
	return false;
}

void op_put_record(struct call *c)
{
	const struct kinesis_PutRecordInput *in = c->in;
	struct kinesis_PutRecordOutput *out = c->out;
	struct stream *s = run_stream(c);
	const struct asked r = {in->Data, in->PartitionKey, in->ExplicitHashKey};
	struct seal k = {0};
	u128 hash;
	uint64_t sequence;
	if (!hash_of(s, &r, &hash) || !small_enough(s, &r) || !ordering_ok(s, in->SequenceNumberForOrdering))
		return;
	if (in->DryRun.v) {
		dry_run(c);
		return;
	}
	uint64_t shard = shard_for(s, hash).number;
	if (!throttle_put(s, shard, size_of(&r))) {
		ask_to_grow(s, shard);
		call_keep_writes(c);
		metric_failed(s, "WriteProvisionedThroughputExceeded", shard);
		struct str message = throttle_message(s, shard);
		call_fail(c, &kinesis_err_ProvisionedThroughputExceededException, "%.*s", STR_ARG(message));
		return;
	}
	if (!put(s, shard, &r, &k, &sequence))
		return;
	*out = (struct kinesis_PutRecordOutput){.ShardId = shard_id(c->arena, shard), .SequenceNumber = sequence_text(c->arena, sequence, shard),
		.EncryptionType = str_present(s->rec->KeyId) ? S("KMS") : S("NONE")};
	count(s, "PutRecord.Success", 1, "Count");
	count(s, "PutRecord.Bytes", (double)size_of(&r), "Bytes");
	call_notify(c, s->arn);
}

/* ---- many ---- */

static bool records_ok(struct stream *s, const struct kinesis_PutRecordsInput *in)
{
	size_t bytes = 0;
	u128 hash;
	for (uint32_t i = 0; i < in->Records.n; i++) {
		const struct kinesis_PutRecordsRequestEntry *e = LIST_AT(in->Records, struct kinesis_PutRecordsRequestEntry, i);
		const struct asked r = {e->Data, e->PartitionKey, e->ExplicitHashKey};
		if (!hash_of(s, &r, &hash) || !small_enough(s, &r))
			return false;
		bytes += size_of(&r);
	}
	if (bytes <= PUT_BYTES_MAX)
		return true;
	fail_invalid(s->c, "Records size exceeds %d MB limit", PUT_BYTES_MAX >> 20);
	return false;
}

static void many_counted(struct stream *s, uint32_t n, uint32_t failed, size_t bytes)
{
	ASSERT(failed <= n);
	count(s, "PutRecords.Success", failed < n, "Count");
	count(s, "PutRecords.Records", n - failed, "Count");
	count(s, "PutRecords.Bytes", (double)bytes, "Bytes");
	count(s, "PutRecords.TotalRecords", n, "Count");
	count(s, "PutRecords.SuccessfulRecords", n - failed, "Count");
	count(s, "PutRecords.FailedRecords", 0, "Count"); /* by internal failures: there are none */
	count(s, "PutRecords.ThrottledRecords", failed, "Count");
}

void op_put_records(struct call *c)
{
	const struct kinesis_PutRecordsInput *in = c->in;
	struct kinesis_PutRecordsOutput *out = c->out;
	struct stream *s = run_stream(c);
	struct seal k = {0};
	size_t bytes = 0;
	uint32_t failed = 0;
	if (!records_ok(s, in))
		return;
	if (in->DryRun.v) {
		dry_run(c);
		return;
	}
	out->Records = LIST_OF(c->arena, struct kinesis_PutRecordsResultEntry, in->Records.n);
	for (uint32_t i = 0; i < in->Records.n; i++) {
		const struct kinesis_PutRecordsRequestEntry *e = LIST_AT(in->Records, struct kinesis_PutRecordsRequestEntry, i);
		struct kinesis_PutRecordsResultEntry *o = LIST_AT(out->Records, struct kinesis_PutRecordsResultEntry, i);
		const struct asked r = {e->Data, e->PartitionKey, e->ExplicitHashKey};
		u128 hash;
		uint64_t sequence;
		bool ok = hash_of(s, &r, &hash);
		ASSERT(ok); /* records_ok has seen it */
		uint64_t shard = shard_for(s, hash).number;
		if (!throttle_put(s, shard, size_of(&r))) {
			failed++;
			o->ErrorCode = S("ProvisionedThroughputExceededException");
			o->ErrorMessage = throttle_message(s, shard);
			metric_failed(s, "WriteProvisionedThroughputExceeded", shard);
			ask_to_grow(s, shard);
			continue;
		}
		if (!put(s, shard, &r, &k, &sequence))
			return;
		bytes += size_of(&r);
		o->SequenceNumber = sequence_text(c->arena, sequence, shard);
		o->ShardId = shard_id(c->arena, shard);
	}
	out->FailedRecordCount = SOME_I64(failed);
	out->EncryptionType = str_present(s->rec->KeyId) ? S("KMS") : S("NONE");
	many_counted(s, in->Records.n, failed, bytes);
	call_notify(c, s->arn);
}
