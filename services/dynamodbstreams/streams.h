/* The records that the dynamodb service keeps of its streams, read here.
 *
 * The layout is written down in services/dynamodb/stream.c, its only writer. Nothing here writes. */
#ifndef DYNAMODBSTREAMS_STREAMS_H
#define DYNAMODBSTREAMS_STREAMS_H

#include "dynamodbstreams.model.h"

#include "svc/service.h"

enum { STREAM_RETENTION_MS = 24 * 3600 * 1000 };

struct stream_head { uint64_t shard; int64_t made_ms; uint64_t next, first; };
struct stream_shard { int64_t made_ms, closed_ms; uint64_t first, last; };

struct stream {
	struct dynamodbstreams_TableStream *record;
	struct str arn;
	uint64_t number;
	unsigned char key[32]; /* that its changes are sealed with; only after stream_unseal */
};

/* NULL with ResourceNotFoundException when the ARN names no stream here. */
struct stream *stream_open(struct call *c, struct str arn);
/* Get the key of the changes of an encrypted table. false: c failed. */
bool stream_unseal(struct call *c, struct stream *s);
/* The Record in a change, as text. */
struct str stream_change(struct call *c, const struct stream *s, struct str value);
/* The stream's own policy (PutResourcePolicy of dynamodb); absent: none. */
struct str stream_policy(struct call *c, struct str arn);
struct str stream_arn(struct call *c, const struct dynamodbstreams_TableStream *r);
/* (dynamodb, account, region, table) */
struct key *stream_key(struct call *c, const char *table);

/* Shards in order; their number is the last element of the key. */
struct scan *stream_shards(struct call *c, const struct stream *s, uint64_t after);
bool stream_next_shard(struct call *c, struct scan *scan, const struct stream *s, uint64_t *number, struct stream_shard *out);
bool stream_shard_get(struct call *c, const struct stream *s, uint64_t number, struct stream_shard *out);
bool stream_head_get(struct call *c, const struct stream *s, struct stream_head *out);
struct str shard_id(struct arena *a, uint64_t number, const struct stream_shard *s);
/* The number in a shard's id; false when it is none. */
bool shard_number(struct str id, uint64_t *out);

struct str sequence_text(struct arena *a, uint64_t sequence);
bool sequence_number(struct str text, uint64_t *out);

void ddbstreams_describe_stream(struct call *c);
void ddbstreams_get_records(struct call *c);
void ddbstreams_get_shard_iterator(struct call *c);
void ddbstreams_list_streams(struct call *c);

#endif
