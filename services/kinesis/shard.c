/* Shards as they lie and are shown: hash keys, sequence numbers, ListShards.
 *
 * A sequence number is 56 digits as on AWS: 49, the record's place in the order of commits (34 digits), its shard (20 digits); so it
 * orders as a number does, and tells where it came from. Source: ListShards, ShardFilter (API Reference). */
#include "kinesis.h"

#include "svc/page.h"

enum { SEQUENCE_DIGITS = 56, PLACE_ZEROS = 14, SHARD_DIGITS = 20, SHARD_ID_DIGITS = 12 };

bool hash_parse(struct str text, u128 *out)
{
	u128 v = 0;
	ASSERT(out != NULL);
	if (text.n == 0 || text.n > 39)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		unsigned digit = (unsigned)(text.p[i] - '0');
		if (digit > 9 || v > (HASH_MOST - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}

struct str hash_text(struct arena *a, u128 hash)
{
	char digits[40], *at = digits + sizeof digits;
	do {
		*--at = (char)('0' + (int)(hash % 10));
		hash /= 10;
	} while (hash > 0);
	ASSERT(at >= digits);
	return arena_dup(a, str_of(at, (size_t)(digits + sizeof digits - at)));
}

struct str sequence_text(struct arena *a, uint64_t sequence, uint64_t shard)
{
	return arena_printf(a, "49%0*d%020llu%020llu", PLACE_ZEROS, 0, (unsigned long long)sequence, (unsigned long long)shard);
}

bool sequence_parse(struct str text, uint64_t *sequence, uint64_t *shard)
{
	ASSERT(sequence != NULL && shard != NULL);
	if (text.n != SEQUENCE_DIGITS || !str_starts(text, S("4900000000000000")))
		return false;
	return str_to_u64(str_slice(text, 2 + PLACE_ZEROS, text.n - SHARD_DIGITS), sequence) && str_to_u64(str_slice(text, text.n - SHARD_DIGITS,
		text.n), shard);
}

struct str shard_id(struct arena *a, uint64_t number)
{
	return arena_printf(a, "shardId-%012llu", (unsigned long long)number);
}

bool shard_number(struct str id, uint64_t *out)
{
	return str_starts(id, S("shardId-")) && id.n == sizeof "shardId-" - 1 + SHARD_ID_DIGITS && str_to_u64(str_slice(id, sizeof "shardId-" - 1,
		id.n), out);
}

struct open_shard open_at(const struct stream *s, size_t i)
{
	struct open_shard o;
	ASSERT(i < s->n_open);
	memcpy(&o, s->open + i * sizeof o, sizeof o);
	return o;
}

struct open_shard shard_for(const struct stream *s, u128 hash)
{
	size_t low = 0, high = s->n_open;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (open_at(s, middle).from <= hash)
			low = middle;
		else
			high = middle;
	}
	struct open_shard o = open_at(s, low);
	ASSERT(o.from <= hash && hash <= o.to);
	return o;
}

static struct key *shard_key(struct stream *s, uint64_t number) { return key_u64(data_key(s->c, s->id, "s"), number); }

bool shard_get(struct stream *s, uint64_t number, struct shard *out)
{
	struct str value;
	if (!txn_get(s->c->txn, key_bytes(shard_key(s, number)), s->c->arena, &value))
		return false;
	ASSERT(value.n == sizeof *out);
	memcpy(out, value.p, sizeof *out);
	return true;
}

struct scan *shard_scan(struct stream *s, uint64_t from)
{
	struct str whole = key_bytes(data_key(s->c, s->id, "s"));
	return scan_open(s->c->txn, key_bytes(shard_key(s, from)), key_after(s->c->arena, whole), false);
}

bool shard_next(struct stream *s, struct scan *scan, uint64_t *number, struct shard *out)
{
	struct str key, value;
	if (!scan_next(scan, &key, &value))
		return false;
	ASSERT(value.n == sizeof *out);
	memcpy(out, value.p, sizeof *out);
	struct key_reader r = key_reader_of(str_slice(key, key_bytes(data_key(s->c, s->id, "s")).n, key.n));
	bool ok = key_read_u64(&r, number);
	ASSERT(ok);
	return true;
}

bool shard_gone(const struct stream *s, const struct shard *sh)
{
	return sh->closed_ms != 0 && sh->closed_ms <= stream_horizon_ms(s);
}

struct kinesis_HashKeyRange *range_shown(struct call *c, u128 from, u128 to)
{
	ASSERT(from <= to);
	struct kinesis_HashKeyRange *r = arena_new_of(c->arena, struct kinesis_HashKeyRange);
	*r = (struct kinesis_HashKeyRange){.StartingHashKey = hash_text(c->arena, from), .EndingHashKey = hash_text(c->arena, to)};
	return r;
}

struct kinesis_Shard shard_shown(struct call *c, uint64_t number, const struct shard *sh)
{
	struct kinesis_Shard out = {.ShardId = shard_id(c->arena, number), .HashKeyRange = range_shown(c, sh->from, sh->to),
		.SequenceNumberRange = arena_new_of(c->arena, struct kinesis_SequenceNumberRange)};
	out.SequenceNumberRange->StartingSequenceNumber = sequence_text(c->arena, sh->first, number);
	if (sh->closed_ms != 0)
		out.SequenceNumberRange->EndingSequenceNumber = sequence_text(c->arena, sh->last, number);
	if (sh->parent > 0)
		out.ParentShardId = shard_id(c->arena, sh->parent - 1);
	if (sh->adjacent > 0)
		out.AdjacentParentShardId = shard_id(c->arena, sh->adjacent - 1);
	return out;
}

/* ---- ListShards ---- */

struct filter { struct str type; int64_t at_ms; uint64_t after; };

static bool passes(const struct filter *f, uint64_t number, const struct shard *sh)
{
	bool open = sh->closed_ms == 0;
	if (str_eq(f->type, S("AFTER_SHARD_ID")))
		return number > f->after;
	if (str_eq(f->type, S("AT_LATEST")))
		return open;
	if (str_starts(f->type, S("AT_"))) /* open at the time */
		return sh->made_ms <= f->at_ms && (open || sh->closed_ms > f->at_ms);
	return !str_starts(f->type, S("FROM_")) || open || sh->closed_ms >= f->at_ms; /* and all that came later */
}

static bool filter_read(struct stream *s, const struct kinesis_ShardFilter *in, struct filter *f)
{
	struct call *c = s->c;
	*f = (struct filter){.type = in != NULL ? in->Type : S("FROM_TRIM_HORIZON"), .at_ms = stream_horizon_ms(s)};
	if (f->at_ms < s->rec->Created.ms)
		f->at_ms = s->rec->Created.ms;
	if (in == NULL)
		return true;
	bool needs_id = str_eq(in->Type, S("AFTER_SHARD_ID")), needs_time = str_ends(in->Type, S("TIMESTAMP"));
	if (needs_id != str_present(in->ShardId) || needs_time != in->Timestamp.set) {
		fail_invalid(c, "ShardFilter of type %.*s must have %s.", STR_ARG(in->Type), needs_id ? "a ShardId and nothing else" : needs_time ?
			"a Timestamp and nothing else" : "neither ShardId nor Timestamp");
		return false;
	}
	if (needs_id && !shard_number(in->ShardId, &f->after)) {
		fail_invalid(c, "Invalid ShardId in ShardFilter: %.*s", STR_ARG(in->ShardId));
		return false;
	}
	if (needs_time && in->Timestamp.ms > f->at_ms)
		f->at_ms = in->Timestamp.ms;
	return true;
}

/* A token holds all that the first request said, and where to go on. */
struct list_token { uint64_t stream, from, after; int64_t at_ms, given_ms; };

static void list_shards(struct stream *s, const struct filter *f, uint64_t from, uint32_t limit)
{
	struct call *c = s->c;
	struct kinesis_ListShardsOutput *out = c->out;
	uint32_t cap = 0;
	struct kinesis_Shard *v = NULL;
	struct shard sh;
	uint64_t number;
	struct scan *scan = shard_scan(s, from);
	out->Shards = (struct list){NULL, 0, true};
	while (shard_next(s, scan, &number, &sh)) {
		if (shard_gone(s, &sh) || !passes(f, number, &sh))
			continue;
		if (out->Shards.n == limit) {
			struct list_token t = {s->id, number, f->after, f->at_ms, c->now_ms};
			struct str text = arena_join(c->arena, str_of((const char *)&t, sizeof t), f->type, S("|"), s->account, S("|"), s->name);
			out->NextToken = page_token(c->arena, text);
			break;
		}
		if (out->Shards.n == cap) {
			v = arena_grow(c->arena, v, sizeof *v, cap, cap == 0 ? 16 : cap * 2);
			cap = cap == 0 ? 16 : cap * 2;
		}
		v[out->Shards.n++] = shard_shown(c, number, &sh);
	}
	scan_close(scan);
	out->Shards.v = v;
}

/* By token: the stream was named by the first request; permission is asked again. */
void access_list_shards(struct call *c)
{
	const struct kinesis_ListShardsInput *in = c->in;
	struct str text;
	struct list_token t;
	if (!str_present(in->NextToken)) {
		access_stream(c);
		return;
	}
	if (str_present(in->StreamName) || str_present(in->StreamARN) || str_present(in->ExclusiveStartShardId) || in->StreamCreationTimestamp.set) {
		fail_invalid(c, "NextToken and StreamName cannot be provided together.");
		return;
	}
	if (!page_position(c->arena, in->NextToken, &text) || text.n <= sizeof t) {
		fail_invalid(c, "Invalid NextToken.");
		return;
	}
	struct str rest = str_slice(text, sizeof t, text.n);
	(void)str_cut(&rest, '|');
	struct str account = str_cut(&rest, '|');
	access_named(c, account, rest);
	memcpy(&t, text.p, sizeof t);
	if (!c->failed && (t.given_ms + ITERATOR_LIFE_MS < c->now_ms || t.stream != run_stream(c)->id))
		call_fail(c, &kinesis_err_ExpiredNextTokenException, "The NextToken has expired.");
}

void op_list_shards(struct call *c)
{
	enum { SHARDS_SHOWN = 1000 };
	const struct kinesis_ListShardsInput *in = c->in;
	struct stream *s = run_stream(c);
	struct filter f;
	uint64_t from = 0;
	uint32_t limit = in->MaxResults.set && in->MaxResults.v < SHARDS_SHOWN ? (uint32_t)in->MaxResults.v : SHARDS_SHOWN;
	if (str_present(in->NextToken)) {
		struct str text;
		struct list_token t;
		bool ok = page_position(c->arena, in->NextToken, &text);
		ASSERT(ok && text.n > sizeof t); /* access_list_shards has seen it */
		memcpy(&t, text.p, sizeof t);
		struct str rest = str_slice(text, sizeof t, text.n);
		f = (struct filter){.type = str_cut(&rest, '|'), .at_ms = t.at_ms, .after = t.after};
		list_shards(s, &f, t.from, limit);
		return;
	}
	if (in->StreamCreationTimestamp.set && in->StreamCreationTimestamp.ms / 1000 != s->rec->Created.ms / 1000) {
		fail_no_stream(c, s->account, s->name);
		return;
	}
	if (!filter_read(s, in->ShardFilter, &f))
		return;
	if (str_present(in->ExclusiveStartShardId)) {
		if (!shard_number(in->ExclusiveStartShardId, &from)) {
			fail_invalid(c, "Invalid ExclusiveStartShardId: %.*s", STR_ARG(in->ExclusiveStartShardId));
			return;
		}
		from++;
	}
	list_shards(s, &f, from, limit);
}
