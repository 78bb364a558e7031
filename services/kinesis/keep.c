/* The jobs of streams: trimming what has expired, sweeping what a deleted stream left, growing on-demand streams.
 *
 * Readers pass over what has expired, so when trimming happens nobody sees. Source: "Change the data retention period",
 * "On-demand mode" (Developer Guide). */
#include "kinesis.h"

enum { AT_ONCE = 5000, ON_DEMAND_SHARDS_MAX = 200 };

struct str job_id(struct call *c, uint64_t stream)
{
	return arena_printf(c->arena, "%llu", (unsigned long long)stream);
}

/* The stream of this number, if it is still there under its name. */
static struct stream *same_stream(struct call *c, uint64_t id, struct str account, struct str name)
{
	struct stream *s = stream_open(c, account, name);
	return s != NULL && s->id == id ? s : NULL;
}

/* Remove a shard's records that have expired; true when none is left to remove. *left: how many more may go in this run. */
static bool trim_shard(struct stream *s, uint64_t number, size_t *left)
{
	struct call *c = s->c;
	struct scan *scan = call_scan(c, key_u64(data_key(c, s->id, "r"), number), STR_NONE, false);
	struct str key, value;
	bool done = true;
	while (scan_next(scan, &key, &value)) {
		struct data_record r;
		record_unpack(value, &r);
		if (r.arrived_ms > stream_horizon_ms(s))
			break;
		done = *left > 0;
		if (!done)
			break;
		--*left;
		txn_del(c->txn, arena_dup(c->arena, key));
	}
	scan_close(scan);
	return done;
}

void job_trim(struct call *c, struct str id, struct str payload)
{
	uint64_t stream = 0, number;
	bool ok = str_to_u64(id, &stream), done = true;
	size_t left = AT_ONCE;
	struct shard sh;
	ASSERT(ok && txn_writable(c->txn));
	struct stream *s = same_stream(c, stream, c->account, payload);
	if (s == NULL)
		return;
	struct scan *scan = shard_scan(s, 0);
	while (done && shard_next(s, scan, &number, &sh)) {
		done = trim_shard(s, number, &left);
		if (done && shard_gone(s, &sh))
			txn_del(c->txn, key_bytes(key_u64(data_key(c, s->id, "s"), number)));
	}
	scan_close(scan);
	job_put(c, "trim", id, done ? c->now_ms + HOUR_MS : c->now_ms, payload);
}

/* Everything below the number of a deleted stream. */
void job_sweep(struct call *c, struct str id, struct str payload)
{
	uint64_t stream = 0;
	bool ok = str_to_u64(id, &stream);
	size_t n = 0;
	struct str key, value;
	ASSERT(ok && txn_writable(c->txn));
	struct key *prefix = arena_new_of(c->arena, struct key);
	*prefix = key_new(c->arena);
	key_u64(key_str(key_str(prefix, S("kinesis")), S("#")), stream);
	struct scan *scan = call_scan(c, prefix, STR_NONE, false);
	while (n < AT_ONCE && scan_next(scan, &key, &value)) {
		txn_del(c->txn, arena_dup(c->arena, key));
		n++;
	}
	scan_close(scan);
	if (n == AT_ONCE)
		job_put(c, "sweep", id, c->now_ms, payload);
}

/* id: stream/shard; payload: account/name. An on-demand stream's shard that had to refuse records becomes two. */
void job_scale(struct call *c, struct str id, struct str payload)
{
	uint64_t stream = 0, number = 0;
	struct str rest = id, first = str_cut(&rest, '/');
	bool ok = str_to_u64(first, &stream) && str_to_u64(rest, &number);
	ASSERT(ok && txn_writable(c->txn));
	struct str name = payload, account = str_cut(&name, '/');
	struct stream *s = same_stream(c, stream, account, name);
	if (s == NULL || !on_demand(s) || s->n_open >= ON_DEMAND_SHARDS_MAX)
		return;
	for (size_t i = 0; i < s->n_open; i++) {
		struct open_shard o = open_at(s, i);
		if (o.number != number || o.to - o.from < 2)
			continue;
		struct kinesis_Stream *rec = stream_change(s);
		shard_split(s, rec, i, o.from + (o.to - o.from) / 2 + 1);
		stream_save(s, rec);
		return;
	}
}
