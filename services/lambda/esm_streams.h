/* Streams: what reading (esm_streams.c) and working (esm_lanes.c) share. */
#ifndef TSUBO_LAMBDA_ESM_STREAMS_H
#define TSUBO_LAMBDA_ESM_STREAMS_H

#include "esm.h"

enum { LANES_MAX = 10 };

struct shard;

/* Some of a shard's records of one read, in order; those of one item are always in the same lane. Work is a stack of
 * ranges: bisecting puts two halves where one was. */
struct lane {
	struct shard *shard;
	struct json *records;  /* array, in the event's form; in the shard's batch arena */
	struct { size_t from, to; int64_t attempts; } stack[64];
	size_t depth;
	bool busy;
	struct loop_timer *timer;
};

struct shard {
	struct shard *next;
	struct mapping *mapping;
	char id[100], parent[100], adjacent[100]; /* a merged shard of Kinesis has two parents */
	char *iterator;        /* heap; NULL: ask for one */
	bool listed, finished, reading, saving, at_end;
	/* the batch under way; NULL: none */
	struct arena *arena;
	struct target target;
	struct json *records;
	size_t bytes;          /* of its records as they are sent */
	int64_t first_ms;      /* when its first record was read, for the window */
	char last[64];         /* sequence number to remember when the batch is done */
	struct lane lanes[LANES_MAX];
	size_t n_lanes, lanes_left;
	const char *result;
};

/* The batch is full or its window over: work on it. shard_done is called when nothing of it is left. */
void shard_work(struct shard *s);
void shard_done(struct shard *s);

/* ---- esm_source.c: what the two kinds of streams call things ---- */

struct stream_kind {
	const char *service;
	struct str arn;              /* the service in the stream's ARN */
	const char *list;            /* the operation that lists shards */
	struct str arn_member, sequence_member, batch_info;
	struct str part;             /* the event's member that has the record itself; in it: */
	const char *sequence;
	struct str time, order;      /* records that are alike in `order` stay in order */
	int64_t records_most, idle_ms;
};
const struct stream_kind *stream_kind_of(struct str source);
/* Of records in the event's form. */
struct str record_sequence(const struct json *record);
int64_t record_ms(const struct json *record);
struct str record_order(struct arena *a, const struct json *record);
/* A record as GetRecords gives it, in the event's form; nothing of `given` is kept. */
struct json *record_event(struct arena *a, const struct stream_kind *k, const struct target *t, const struct json *given, struct str shard);

#endif
