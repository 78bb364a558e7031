/* Amazon Kinesis Data Streams: what its files share.
 *
 * A stream's record holds its configuration and the table of its open shards, in the order of their hash keys: a put reads that one
 * record (decoded once for all) and writes its data record, nothing else. README.md draws all keys. What always holds:
 *   the ranges of the open shards meet without a gap and cover all hash keys, 0 to 2^128-1;
 *   sequence numbers grow with the order of commits, over all shards; a child's are greater than its parents';
 *   every open shard has a shard record without an end, every closed one has its last sequence number. */
#ifndef TSUBO_KINESIS_H
#define TSUBO_KINESIS_H

#include "kinesis.model.h"
#include "svc/service.h"
#include "svc/tags.h"

enum {
	RETENTION_LEAST_H = 24,
	RETENTION_MOST_H = 8760,
	RECORD_KIB_LEAST = 1024,
	HOUR_MS = 3600 * 1000,
	DAY_MS = 24 * HOUR_MS,
	ON_DEMAND_SHARDS = 4,
	SHARDS_OF_STREAM = 10000,
	SHARDS_OF_ACCOUNT = 20000,
	ON_DEMAND_STREAMS = 50,
	CONSUMERS_MAX = 20,
	READ_BYTES_MAX = 10 << 20,   /* of one GetRecords */
	READ_RECORDS_MAX = 10000,
	ITERATOR_LIFE_MS = 5 * 60 * 1000
};

__extension__ typedef unsigned __int128 u128;
#define HASH_MOST (~(u128)0)

/* An open shard in the stream's record; lies in the store as it is. */
struct open_shard { u128 from, to; uint64_t number, unused; };

/* A shard's record; lies in the store as it is. Parents are numbers plus one, 0: none. */
struct shard { u128 from, to; int64_t made_ms, closed_ms; uint64_t first, last, parent, adjacent; };

enum { STREAM_MAGIC = 0x5713 };

/* A stream within one run. */
struct stream {
	unsigned magic;
	struct call *c;
	struct str account, region, name, arn;
	const struct kinesis_Stream *rec; /* shared: to be changed through stream_change */
	uint64_t id;
	const char *open;      /* of n_open struct open_shard, not aligned: see open_at */
	size_t n_open;
};

/* A data record on its way in or out. */
struct data_record {
	uint64_t sequence;
	int64_t arrived_ms;
	struct str key, data; /* key absent: an AUTO stream's producer gave none */
	bool sealed;
};

/* A consumer within one run. */
struct consumer { struct stream *stream; struct str name, arn; struct kinesis_StoredConsumer *rec; };

/* ---- stream.c: streams, where they lie, how they are named ---- */
struct stream *stream_open(struct call *c, struct str account, struct str name); /* NULL: none */
void fail_no_stream(struct call *c, struct str account, struct str name);
/* A copy of the record to change and to put back with stream_save. */
struct kinesis_Stream *stream_change(struct stream *s);
void stream_save(struct stream *s, struct kinesis_Stream *rec);
struct key *stream_key(struct call *c, struct str account, struct str region, struct str name);
/* Below ("kinesis", "#", id, table): everything of a stream that goes with it. */
struct key *data_key(struct call *c, uint64_t id, const char *table);
struct str stream_arn(struct call *c, struct str account, struct str name);
/* "stream/<name>" or "stream/<name>/consumer/<name>:<seconds>"; consumer absent: a stream. false: neither. */
bool resource_parse(struct str resource, struct str *stream, struct str *consumer, int64_t *made_s);
/* May it be done at this time too, when `most` are allowed in 24 hours? Then the time is added to those kept. */
bool once_more(struct call *c, struct list *times, uint32_t most);
bool on_demand(const struct stream *s);
/* Data records that came before are gone: by the retention period, or by one that held once. */
int64_t stream_horizon_ms(const struct stream *s);
void *fail_invalid(struct call *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* ---- access.c: permission; the stream or consumer is then run_stream(c), run_consumer(c) ---- */
void access_stream(struct call *c);      /* members StreamName, StreamARN */
void access_named(struct call *c, struct str account, struct str name);
void access_list_shards(struct call *c);
void access_iterator(struct call *c);
void access_create(struct call *c);
void access_register(struct call *c);
void access_consumer(struct call *c);    /* members ConsumerARN, or StreamARN and ConsumerName */
void access_resource(struct call *c);    /* member ResourceARN: a stream or a consumer */
struct stream *run_stream(struct call *c);
struct consumer *run_consumer(struct call *c); /* NULL: the resource is a stream */
struct str resource_policy(struct call *c, struct str arn);
bool consumer_open(struct stream *s, struct str name, struct consumer *out);
struct key *consumer_key(struct stream *s, struct str name);
struct str consumer_arn(struct stream *s, struct str name, const struct kinesis_StoredConsumer *rec);

/* ---- shard.c: shards, sequence numbers, hash keys ---- */
bool hash_parse(struct str text, u128 *out); /* decimal; false: not in [0, 2^128-1] */
struct str hash_text(struct arena *a, u128 hash);
struct str sequence_text(struct arena *a, uint64_t sequence, uint64_t shard);
bool sequence_parse(struct str text, uint64_t *sequence, uint64_t *shard);
struct str shard_id(struct arena *a, uint64_t number);
bool shard_number(struct str id, uint64_t *out);
bool shard_get(struct stream *s, uint64_t number, struct shard *out);
struct open_shard open_at(const struct stream *s, size_t i);
/* The open shard whose range has the hash key. */
struct open_shard shard_for(const struct stream *s, u128 hash);
struct kinesis_Shard shard_shown(struct call *c, uint64_t number, const struct shard *sh);
struct kinesis_HashKeyRange *range_shown(struct call *c, u128 from, u128 to);
/* Closed, and every data record it may have had is past the horizon. */
bool shard_gone(const struct stream *s, const struct shard *sh);
struct scan *shard_scan(struct stream *s, uint64_t from);
bool shard_next(struct stream *s, struct scan *scan, uint64_t *number, struct shard *out);

/* ---- reshard.c: making, splitting, merging; they work on a record from stream_change ---- */
void shards_make(struct stream *s, struct kinesis_Stream *rec, uint64_t count);
void shard_split(struct stream *s, struct kinesis_Stream *rec, size_t at, u128 where);
void shard_merge(struct stream *s, struct kinesis_Stream *rec, size_t at); /* with the one after it */
/* Splits and merges until there are `count` shards of equal size. */
void shards_uniform(struct stream *s, struct kinesis_Stream *rec, uint64_t count);
/* Would the account have too many? Fails c. */
bool shards_allowed(struct call *c, int64_t more, struct str account);
void op_split_shard(struct call *c);
void op_merge_shards(struct call *c);
void op_update_shard_count(struct call *c);
void op_list_shards(struct call *c);

/* ---- put.c, get.c ---- */
void op_put_record(struct call *c);
void dry_run(struct call *c); /* fails c, which would have succeeded */
void op_put_records(struct call *c);
void op_get_shard_iterator(struct call *c);
void op_get_records(struct call *c);
struct key *record_key(struct call *c, uint64_t id, uint64_t shard, uint64_t sequence);
struct str record_pack(struct arena *a, const struct data_record *r);
void record_unpack(struct str bytes, struct data_record *out); /* views */
struct position { uint64_t stream, shard, sequence; int64_t given_ms; };
/* An iterator opened; false: not one of ours. Views into the arena. */
bool iterator_open(struct arena *a, struct str text, struct position *p, struct str *account, struct str *name);
struct str iterator_text(struct arena *a, const struct position *p, struct str account, struct str name);
/* Where reading begins, in the words of an operation's input. */
struct starting { const char *op; struct str shard, type, sequence; struct opt_time at; };
bool position_find(struct stream *s, const struct starting *from, struct position *out); /* false: c has failed */
/* Records from a position on, as many as fit, one at least if there is any; next: where to go on; more: there are. false: KMS refused,
 * c has failed. */
struct reading { struct list records; uint64_t next; size_t bytes; int64_t last_ms; bool more; };
bool read_records(struct stream *s, const struct position *p, uint32_t limit, size_t most_bytes, struct reading *out);
int64_t millis_behind(const struct call *c, const struct reading *r);
/* Where the reader of a shard that has ended goes on. */
struct list shard_children(struct stream *s, uint64_t number);

/* ---- throttle.c: what a shard can bear, measured in memory by the service clock ---- */
bool throttle_put(struct stream *s, uint64_t shard, size_t bytes);     /* true: taken, and counted */
bool throttle_get(struct stream *s, uint64_t shard);                   /* true: may read, and counted */
void throttle_got(struct stream *s, uint64_t shard, size_t bytes);
struct str throttle_message(struct stream *s, uint64_t shard);
void metric_failed(struct stream *s, const char *name, uint64_t shard); /* counted although the call may fail */

/* ---- seal.c: records under a KMS key ---- */
struct seal { bool ready; struct str sealed_key; unsigned char key[32]; };
/* Seal the record's data where the stream has a key. false: KMS refused, c failed. */
bool data_seal(struct stream *s, struct seal *k, struct data_record *r);
bool data_open(struct stream *s, struct seal *k, struct data_record *r);
void op_start_stream_encryption(struct call *c);
void op_stop_stream_encryption(struct call *c);

/* ---- metrics.c ---- */
void count(struct stream *s, const char *name, double value, const char *unit);
/* The stream's metric, and the shard's where enhanced monitoring is on. */
void count_shard(struct stream *s, uint64_t shard, const char *stream_name, const char *shard_name, double value, const char *unit);
void count_consumer(struct consumer *k, const char *name, double value, const char *unit);
void consumer_refused(struct consumer *k); /* counted although the call fails */
void op_enable_enhanced_monitoring(struct call *c);
void op_disable_enhanced_monitoring(struct call *c);

/* ---- subscribe.c ---- */
void op_subscribe_to_shard(struct call *c);

/* ---- the rest ---- */
void op_create_stream(struct call *c);
void op_delete_stream(struct call *c);
void op_describe_limits(struct call *c);
void op_describe_stream(struct call *c);
void op_describe_stream_summary(struct call *c);
void op_list_streams(struct call *c);
void op_increase_stream_retention_period(struct call *c);
void op_decrease_stream_retention_period(struct call *c);
void op_update_stream_mode(struct call *c);
void op_update_max_record_size(struct call *c);
void op_update_stream_record_distribution_strategy(struct call *c);
void op_register_stream_consumer(struct call *c);
void op_deregister_stream_consumer(struct call *c);
void op_describe_stream_consumer(struct call *c);
void op_list_stream_consumers(struct call *c);
void op_add_tags_to_stream(struct call *c);
void op_remove_tags_from_stream(struct call *c);
void op_list_tags_for_stream(struct call *c);
void op_tag_resource(struct call *c);
void op_untag_resource(struct call *c);
void op_list_tags_for_resource(struct call *c);
void op_put_resource_policy(struct call *c);
void op_get_resource_policy(struct call *c);
void op_delete_resource_policy(struct call *c);
/* The tags of a request put over those that are there; false with c failed. */
bool tags_merge(struct call *c, struct map_of *have, const struct map_of *more);

/* ---- keep.c: jobs ---- */
void job_trim(struct call *c, struct str id, struct str payload);   /* id: the stream's number; payload: its name */
void job_sweep(struct call *c, struct str id, struct str payload);
void job_scale(struct call *c, struct str id, struct str payload);
struct str job_id(struct call *c, uint64_t stream);

extern const struct cfn_type kinesis_cfn_types[3];
extern const struct service service_kinesis;

#endif
