/* GetShardIterator and GetRecords.
 *
 * An iterator holds the stream (by number, account and name), the shard, the sequence number to go on at and when it was given: it is
 * good for 5 minutes. Records past the horizon are passed over, whether the trimming job has been there or not.
 * Source: GetShardIterator, GetRecords (API Reference). */
#include "kinesis.h"

#include "base/time.h"
#include "svc/page.h"

/* ---- iterators ---- */

struct str iterator_text(struct arena *a, const struct position *p, struct str account, struct str name)
{
	ASSERT(p->stream != 0 && account.n > 0 && name.n > 0);
	return page_token(a, arena_join(a, str_of((const char *)p, sizeof *p), account, S("/"), name));
}

bool iterator_open(struct arena *a, struct str text, struct position *p, struct str *account, struct str *name)
{
	struct str bytes;
	ASSERT(p != NULL && account != NULL && name != NULL);
	if (!str_present(text) || !page_position(a, text, &bytes) || bytes.n < sizeof *p)
		return false;
	memcpy(p, bytes.p, sizeof *p);
	*name = str_slice(bytes, sizeof *p, bytes.n);
	*account = str_cut(name, '/');
	return p->stream != 0 && account->n == 12 && str_present(*name) && name->n > 0 && name->n <= 128;
}

/* The first record of a shard with a sequence number in [from, to); false: none. */
static bool first_record(struct stream *s, uint64_t shard, uint64_t from, uint64_t to, uint64_t *sequence, int64_t *arrived_ms)
{
	struct call *c = s->c;
	struct str key, value;
	struct scan *scan = scan_open(c->txn, key_bytes(record_key(c, s->id, shard, from)), key_bytes(record_key(c, s->id, shard, to)), false);
	bool found = scan_next(scan, &key, &value);
	if (found) {
		struct data_record r;
		struct key_reader k = key_reader_of(str_slice(key, key_bytes(key_u64(data_key(c, s->id, "r"), shard)).n, key.n));
		found = key_read_u64(&k, sequence);
		ASSERT(found);
		record_unpack(value, &r);
		*arrived_ms = r.arrived_ms;
	}
	scan_close(scan);
	return found;
}

/* After the newest record. */
static uint64_t tip(struct stream *s, uint64_t shard, const struct shard *sh)
{
	struct call *c = s->c;
	struct str key, value;
	uint64_t sequence = sh->first;
	if (sh->closed_ms != 0)
		return sh->last;
	struct key *prefix = key_u64(data_key(c, s->id, "r"), shard);
	struct scan *scan = call_scan(c, prefix, STR_NONE, true);
	if (scan_next(scan, &key, &value)) {
		struct key_reader k = key_reader_of(str_slice(key, key_bytes(prefix).n, key.n));
		bool ok = key_read_u64(&k, &sequence);
		ASSERT(ok);
		sequence++;
	}
	scan_close(scan);
	return sequence;
}

/* The first record that came at or after a time: records lie in the order in which they came, so by halving. */
static uint64_t at_time(struct stream *s, uint64_t shard, const struct shard *sh, int64_t ms)
{
	uint64_t low = sh->first, end = tip(s, shard, sh), high = end, sequence;
	int64_t arrived_ms;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (!first_record(s, shard, middle, high, &sequence, &arrived_ms) || arrived_ms >= ms)
			high = middle;
		else
			low = sequence + 1;
	}
	ASSERT(low <= end || end < sh->first);
	return low;
}

static bool sequence_of(struct stream *s, uint64_t number, const struct shard *sh, const struct starting *from, uint64_t *out)
{
	uint64_t shard;
	if (str_eq(from->sequence, S("0"))) {
		*out = sh->first;
		return true;
	}
	if (sequence_parse(from->sequence, out, &shard) && shard == number && *out >= sh->first && (sh->closed_ms == 0 || *out <= sh->last))
		return true;
	fail_invalid(s->c, "StartingSequenceNumber %.*s used in %s on shard %.*s in stream %.*s under account %.*s is invalid because it did not "
		"come from this stream.", STR_ARG(from->sequence), from->op, STR_ARG(from->shard), STR_ARG(s->name), STR_ARG(s->account));
	return false;
}

static bool position_of(struct stream *s, uint64_t number, const struct shard *sh, const struct starting *from, uint64_t *at)
{
	struct call *c = s->c;
	struct str type = from->type;
	bool by_sequence = str_ends(type, S("_SEQUENCE_NUMBER"));
	if (by_sequence != str_present(from->sequence)) {
		fail_invalid(c, "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON or "
			"LATEST and no StartingSequenceNumber. Request specified %.*s and %s StartingSequenceNumber.", STR_ARG(type), by_sequence ? "no" :
				"also a");
		return false;
	}
	if (by_sequence) {
		if (!sequence_of(s, number, sh, from, at))
			return false;
		*at += str_eq(type, S("AFTER_SEQUENCE_NUMBER")) && !str_eq(from->sequence, S("0"));
		return true;
	}
	if (str_eq(type, S("TRIM_HORIZON"))) {
		*at = sh->first;
		return true;
	}
	if (str_eq(type, S("LATEST"))) {
		*at = tip(s, number, sh);
		return true;
	}
	if (!from->at.set) {
		fail_invalid(c, "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter.");
		return false;
	}
	if (from->at.ms > c->now_ms) {
		fail_invalid(c, "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: %lld, "
			"currentTimestampInMillis: %lld", (long long)from->at.ms, (long long)c->now_ms);
		return false;
	}
	*at = at_time(s, number, sh, from->at.ms);
	return true;
}

bool position_find(struct stream *s, const struct starting *from, struct position *out)
{
	struct shard sh;
	uint64_t number, at;
	if (!shard_number(from->shard, &number) || !shard_get(s, number, &sh) || shard_gone(s, &sh)) {
		call_fail(s->c, &kinesis_err_ResourceNotFoundException, "Shard %.*s in stream %.*s under account %.*s does not exist",
			STR_ARG(from->shard), STR_ARG(s->name), STR_ARG(s->account));
		return false;
	}
	if (!position_of(s, number, &sh, from, &at))
		return false;
	*out = (struct position){s->id, number, at, s->c->now_ms};
	return true;
}

void op_get_shard_iterator(struct call *c)
{
	const struct kinesis_GetShardIteratorInput *in = c->in;
	struct kinesis_GetShardIteratorOutput *out = c->out;
	struct stream *s = run_stream(c);
	const struct starting from = {"GetShardIterator", in->ShardId, in->ShardIteratorType, in->StartingSequenceNumber, in->Timestamp};
	struct position p;
	if (!position_find(s, &from, &p))
		return;
	if (in->DryRun.v) {
		dry_run(c);
		return;
	}
	out->ShardIterator = iterator_text(c->arena, &p, s->account, s->name);
}

/* ---- records ---- */

bool read_records(struct stream *s, const struct position *p, uint32_t limit, size_t most_bytes, struct reading *out)
{
	struct call *c = s->c;
	struct key *prefix = key_u64(data_key(c, s->id, "r"), p->shard);
	struct scan *scan = scan_open(c->txn, key_bytes(record_key(c, s->id, p->shard, p->sequence)), key_after(c->arena, key_bytes(prefix)), false);
	struct kinesis_Record *v = NULL;
	struct seal k = {0};
	struct str key, value;
	uint32_t cap = 0;
	*out = (struct reading){.records = {NULL, 0, true}, .next = p->sequence};
	while (!c->failed && scan_next(scan, &key, &value)) {
		struct data_record r;
		uint64_t sequence;
		struct key_reader kr = key_reader_of(str_slice(key, key_bytes(prefix).n, key.n));
		bool ok = key_read_u64(&kr, &sequence);
		ASSERT(ok && sequence >= out->next);
		record_unpack(value, &r);
		if (r.arrived_ms <= stream_horizon_ms(s)) {
			out->next = sequence + 1; /* not to be passed over by each call until it is trimmed */
			continue;
		}
		out->more = out->records.n == limit || (out->records.n > 0 && out->bytes + r.data.n + r.key.n > most_bytes);
		if (out->more)
			break;
		record_unpack(arena_dup(c->arena, value), &r);
		if (!data_open(s, &k, &r))
			break;
		if (out->records.n == cap) {
			v = arena_grow(c->arena, v, sizeof *v, cap, cap == 0 ? 16 : cap * 2);
			cap = cap == 0 ? 16 : cap * 2;
		}
		v[out->records.n++] = (struct kinesis_Record){.SequenceNumber = sequence_text(c->arena, sequence, p->shard),
			.PartitionKey = r.key, .Data = r.data,
			.ApproximateArrivalTimestamp = SOME_TIME(r.arrived_ms), .EncryptionType = r.sealed ? S("KMS") : STR_NONE};
		out->bytes += r.data.n + r.key.n;
		out->next = sequence + 1;
		out->last_ms = r.arrived_ms;
	}
	scan_close(scan);
	out->records.v = v;
	return !c->failed;
}

struct list shard_children(struct stream *s, uint64_t number)
{
	struct call *c = s->c;
	struct kinesis_ChildShard *v = arena_array(c->arena, struct kinesis_ChildShard, 2);
	struct list out = {v, 0, true};
	struct shard sh;
	uint64_t n;
	struct scan *scan = shard_scan(s, number + 1);
	while (out.n < 2 && shard_next(s, scan, &n, &sh)) {
		if (sh.parent != number + 1 && sh.adjacent != number + 1)
			continue;
		struct list parents = LIST_OF(c->arena, struct str, sh.adjacent > 0 ? 2 : 1);
		*LIST_AT(parents, struct str, 0) = shard_id(c->arena, sh.parent - 1);
		if (sh.adjacent > 0)
			*LIST_AT(parents, struct str, 1) = shard_id(c->arena, sh.adjacent - 1);
		v[out.n++] = (struct kinesis_ChildShard){.ShardId = shard_id(c->arena, n), .ParentShards = parents, .HashKeyRange = range_shown(c,
			sh.from, sh.to)};
		if (sh.adjacent > 0)
			break; /* a merge has one child */
	}
	scan_close(scan);
	return out;
}

static bool iterator_valid(struct stream *s, const struct position *p, struct shard *sh)
{
	struct call *c = s->c;
	if (p->given_ms + ITERATOR_LIFE_MS < c->now_ms) {
		call_fail(c, &kinesis_err_ExpiredIteratorException,
			"Iterator expired. The iterator was created at time %.*s while right now it is %.*s which is "
			"further in the future than the tolerated delay of %d milliseconds.", STR_ARG(time_iso8601(c->arena, p->given_ms)),
			STR_ARG(time_iso8601(c->arena, c->now_ms)), ITERATOR_LIFE_MS);
		return false;
	}
	if (shard_get(s, p->shard, sh))
		return true;
	call_fail(c, &kinesis_err_ResourceNotFoundException, "Shard %.*s in stream %.*s under account %.*s does not exist",
		STR_ARG(shard_id(c->arena, p->shard)), STR_ARG(s->name), STR_ARG(s->account));
	return false;
}

int64_t millis_behind(const struct call *c, const struct reading *r)
{
	return r->more && c->now_ms > r->last_ms ? c->now_ms - r->last_ms : 0;
}

static void read_counted(struct stream *s, uint64_t shard, const struct reading *r)
{
	double age = r->records.n > 0 && s->c->now_ms > r->last_ms ? (double)(s->c->now_ms - r->last_ms) : 0;
	count_shard(s, shard, "GetRecords.Bytes", "OutgoingBytes", (double)r->bytes, "Bytes");
	count_shard(s, shard, "GetRecords.Records", "OutgoingRecords", r->records.n, "Count");
	count_shard(s, shard, "GetRecords.IteratorAgeMilliseconds", "IteratorAgeMilliseconds", age, "Milliseconds");
	count(s, "GetRecords.Success", 1, "Count");
}

void op_get_records(struct call *c)
{
	const struct kinesis_GetRecordsInput *in = c->in;
	struct kinesis_GetRecordsOutput *out = c->out;
	struct stream *s = run_stream(c);
	struct str account, name;
	struct position p;
	struct shard sh;
	struct reading r;
	bool ok = iterator_open(c->arena, in->ShardIterator, &p, &account, &name);
	ASSERT(ok); /* access_iterator has opened it */
	if (!iterator_valid(s, &p, &sh))
		return;
	if (in->DryRun.v) {
		dry_run(c);
		return;
	}
	if (!throttle_get(s, p.shard)) {
		metric_failed(s, "ReadProvisionedThroughputExceeded", p.shard);
		struct str message = throttle_message(s, p.shard);
		call_fail(c, &kinesis_err_ProvisionedThroughputExceededException, "%.*s", STR_ARG(message));
		return;
	}
	if (!read_records(s, &p, in->Limit.set ? (uint32_t)in->Limit.v : READ_RECORDS_MAX, READ_BYTES_MAX, &r))
		return;
	throttle_got(s, p.shard, r.bytes);
	out->Records = r.records;
	out->MillisBehindLatest = SOME_I64(millis_behind(c, &r));
	if (sh.closed_ms != 0 && !r.more)
		out->ChildShards = shard_children(s, p.shard);
	else
		out->NextShardIterator = iterator_text(c->arena, &(struct position){s->id, p.shard, r.next, c->now_ms}, account, name);
	read_counted(s, p.shard, &r);
}
