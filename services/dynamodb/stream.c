/* The writing side of DynamoDB Streams: change records in shards, kept for 24 hours.
 *
 * In the store, all below (dynamodb, account, region, …), read by the service dynamodbstreams as well:
 *   "stream" table, label             StreamRecord (records.json)
 *   "streamhead" u64 stream           the open shard: u64 shard, i64 made at, u64 next sequence number, u64 first
 *   "shard" u64 stream, u64 shard     i64 made at, i64 closed at (0: open), u64 first, u64 last sequence number
 *   "change" u64 stream, u64 shard, u64 sequence    i64 time, then the Record as AWS JSON text (or sealed: seal.h)
 * Numbers are little-endian. One shard is open at a time; after four hours the next change opens its child, so that
 * shards form a line. The topic that is told of every change is the stream's ARN. */
#include "seal.h"
#include "write.h"

#include "base/time.h"

enum { SHARD_LIFE_MS = 4 * 3600 * 1000, RETENTION_MS = 24 * 3600 * 1000, TRIM_EVERY_MS = 3600 * 1000, TRIM_AT_ONCE = 5000 };

struct head { uint64_t shard; int64_t made_ms; uint64_t next, first; };
struct shard { int64_t made_ms, closed_ms; uint64_t first, last; };

static struct key *stream_key(struct call *c, const char *what, uint64_t stream)
{
	return key_u64(call_key(c, what), stream);
}

static void put_raw(struct call *c, const struct key *k, const void *p, size_t n)
{
	txn_put(c->txn, key_bytes(k), str_of(p, n));
}

static bool get_raw(struct call *c, const struct key *k, void *p, size_t n)
{
	struct str v;
	if (!txn_get(c->txn, key_bytes(k), c->arena, &v))
		return false;
	ASSERT(v.n == n);
	memcpy(p, v.p, n);
	return true;
}

static void put_shard(struct call *c, uint64_t stream, uint64_t number, const struct shard *s)
{
	put_raw(c, key_u64(stream_key(c, "shard", stream), number), s, sizeof *s);
}

static struct str label_of(struct arena *a, int64_t ms)
{
	struct str iso = time_iso8601_ms(a, ms);
	return str_slice(iso, 0, iso.n - 1); /* without the Z */
}

static struct key *stream_record_key(struct call *c, struct str table, struct str label)
{
	return key_str(key_str(call_key(c, "stream"), table), label);
}

bool stream_is_there(struct call *c, struct str table, struct str label)
{
	return call_get(c, stream_record_key(c, table, label), &dynamodb_shape_StreamRecord) != NULL;
}

static struct str job_id(struct call *c, uint64_t stream)
{
	return arena_printf(c->arena, "%llu", (unsigned long long)stream);
}

void stream_start(struct call *c, struct dynamodb_Table *r, struct str view_type)
{
	struct dynamodb_TableDescription *d = r->Description;
	ASSERT(!r->StreamNumber.set || r->StreamNumber.v == 0);
	uint64_t number = call_serial(c, "stream");
	d->StreamSpecification = arena_new_of(c->arena, struct dynamodb_StreamSpecification);
	d->StreamSpecification->StreamEnabled = SOME_BOOL(true);
	d->StreamSpecification->StreamViewType = view_type;
	d->LatestStreamLabel = label_of(c->arena, c->now_ms);
	d->LatestStreamArn = arena_join(c->arena, d->TableArn, S("/stream/"), d->LatestStreamLabel);
	r->StreamNumber = SOME_I64((int64_t)number);
	struct dynamodb_StreamRecord record = {.TableName = d->TableName, .Label = d->LatestStreamLabel,
		.Number = r->StreamNumber, .ViewType = view_type, .KeySchema = d->KeySchema, .Created = SOME_TIME(c->now_ms), .Seal = r->Seal};
	call_put(c, stream_record_key(c, d->TableName, d->LatestStreamLabel), &dynamodb_shape_StreamRecord, &record);
	struct head h = {.shard = 1, .made_ms = c->now_ms, .next = 1, .first = 1};
	put_raw(c, stream_key(c, "streamhead", number), &h, sizeof h);
	put_shard(c, number, 1, &(struct shard){.made_ms = c->now_ms, .first = 1});
	job_put(c, "trim-stream", job_id(c, number), c->now_ms + TRIM_EVERY_MS, d->TableName);
	call_notify(c, d->LatestStreamArn);
}

static void close_shard(struct call *c, uint64_t stream, const struct head *h)
{
	struct shard s = {.made_ms = h->made_ms, .closed_ms = c->now_ms, .first = h->first, .last = h->next - 1};
	put_shard(c, stream, h->shard, &s);
}

void stream_stop(struct call *c, struct dynamodb_Table *r)
{
	struct dynamodb_TableDescription *d = r->Description;
	uint64_t number = (uint64_t)r->StreamNumber.v;
	ASSERT(number != 0);
	struct key *k = stream_record_key(c, d->TableName, d->LatestStreamLabel);
	struct dynamodb_StreamRecord *record = call_get(c, k, &dynamodb_shape_StreamRecord);
	ASSERT(record != NULL);
	record->Ended = SOME_TIME(c->now_ms);
	call_put(c, k, &dynamodb_shape_StreamRecord, record);
	struct head h;
	bool found = get_raw(c, stream_key(c, "streamhead", number), &h, sizeof h);
	ASSERT(found);
	close_shard(c, number, &h);
	call_notify(c, d->LatestStreamArn);
	r->StreamNumber = SOME_I64(0);
	d->StreamSpecification = NULL;
}

static void write_images(struct jw *w, struct str view, const struct av *old, const struct av *fresh)
{
	ASSERT(old != NULL || fresh != NULL);
	bool old_image = str_eq(view, S("OLD_IMAGE")) || str_eq(view, S("NEW_AND_OLD_IMAGES"));
	bool new_image = str_eq(view, S("NEW_IMAGE")) || str_eq(view, S("NEW_AND_OLD_IMAGES"));
	if (new_image && fresh != NULL) {
		jw_key(w, S("NewImage"));
		item_write_json(w->b, fresh);
		w->comma = true;
	}
	if (old_image && old != NULL) {
		jw_key(w, S("OldImage"));
		item_write_json(w->b, old);
		w->comma = true;
	}
}

static size_t record_size(struct str view, const struct av *keys, const struct av *old, const struct av *fresh)
{
	ASSERT(old != NULL || fresh != NULL);
	size_t n = item_size(keys);
	if (fresh != NULL && (str_eq(view, S("NEW_IMAGE")) || str_eq(view, S("NEW_AND_OLD_IMAGES"))))
		n += item_size(fresh);
	if (old != NULL && (str_eq(view, S("OLD_IMAGE")) || str_eq(view, S("NEW_AND_OLD_IMAGES"))))
		n += item_size(old);
	return n;
}

/* The Record of GetRecords. The event's id is made of the stream and the sequence number, so it never repeats. */
static void write_record(struct call *c, const struct table *t, uint64_t sequence, const struct av *old, const struct av *fresh,
                         bool by_ttl, struct buf *b)
{
	ASSERT(sequence > 0);
	struct str view = t->description->StreamSpecification->StreamViewType;
	struct av keys = key_of_item(c->arena, &t->key, fresh != NULL ? fresh : old);
	struct jw w;
	jw_init(&w, b);
	jw_begin_object(&w);
	uint64_t mixed = (sequence + 0x9e3779b97f4a7c15u * t->stream) * 0xbf58476d1ce4e5b9u;
	jw_kv_str(&w, "eventID", arena_printf(c->arena, "%016llx%016llx", (unsigned long long)mixed,
	                                      (unsigned long long)(t->stream << 40 | sequence)));
	jw_kv_str(&w, "eventName", old == NULL ? S("INSERT") : fresh == NULL ? S("REMOVE") : S("MODIFY"));
	jw_kv_str(&w, "eventVersion", S("1.1"));
	jw_kv_str(&w, "eventSource", S("aws:dynamodb"));
	jw_kv_str(&w, "awsRegion", c->region);
	jw_key(&w, S("dynamodb"));
	jw_begin_object(&w);
	jw_kv_i64(&w, "ApproximateCreationDateTime", c->now_ms / 1000);
	jw_key(&w, S("Keys"));
	item_write_json(b, &keys);
	w.comma = true;
	write_images(&w, view, old, fresh);
	jw_kv_str(&w, "SequenceNumber", arena_printf(c->arena, "1%020llu", (unsigned long long)sequence));
	jw_kv_i64(&w, "SizeBytes", (int64_t)record_size(view, &keys, old, fresh));
	jw_kv_str(&w, "StreamViewType", view);
	jw_end_object(&w);
	if (by_ttl) {
		jw_key(&w, S("userIdentity"));
		jw_raw(&w, S("{\"PrincipalId\":\"dynamodb.amazonaws.com\",\"Type\":\"Service\"}"));
	}
	jw_end_object(&w);
}

void stream_append(struct call *c, const struct table *t, const struct av *old, const struct av *fresh, bool by_ttl)
{
	ASSERT(t->stream != 0 && (old != NULL || fresh != NULL));
	struct key *head_key = stream_key(c, "streamhead", t->stream);
	struct head h;
	bool found = get_raw(c, head_key, &h, sizeof h);
	ASSERT(found);
	if (c->now_ms - h.made_ms >= SHARD_LIFE_MS) {
		close_shard(c, t->stream, &h);
		h = (struct head){.shard = h.shard + 1, .made_ms = c->now_ms, .next = h.next, .first = h.next};
		put_shard(c, t->stream, h.shard, &(struct shard){.made_ms = h.made_ms, .first = h.first});
	}
	struct buf b;
	buf_init(&b, c->arena, 0);
	buf_put(&b, &c->now_ms, sizeof c->now_ms);
	write_record(c, t, h.next, old, fresh, by_ttl, &b);
	struct str value = buf_view(&b);
	if (t->seal != NULL)
		value = arena_join(c->arena, str_slice(value, 0, sizeof c->now_ms), seal_change(c, t, str_slice(value, sizeof c->now_ms, value.n)));
	struct key *k = key_u64(key_u64(stream_key(c, "change", t->stream), h.shard), h.next);
	txn_put(c->txn, key_bytes(k), value);
	h.next++;
	put_raw(c, head_key, &h, sizeof h);
	call_notify(c, t->description->LatestStreamArn);
}

/* Remove the changes that are over 24 hours old; true when all that is due is gone. */
static bool trim_changes(struct call *c, uint64_t stream)
{
	struct key *prefix = stream_key(c, "change", stream);
	struct scan *s = call_scan(c, prefix, STR_NONE, false);
	struct str k, v;
	int n = 0;
	bool done = true;
	while (scan_next(s, &k, &v)) {
		int64_t at;
		ASSERT(v.n > sizeof at);
		memcpy(&at, v.p, sizeof at);
		if (at + RETENTION_MS > c->now_ms)
			break;
		if (++n > TRIM_AT_ONCE) {
			done = false;
			break;
		}
		txn_del(c->txn, arena_dup(c->arena, k));
	}
	scan_close(s);
	return done;
}

/* Remove closed shards whose last change is gone; true when shards are left. */
static bool trim_shards(struct call *c, uint64_t stream)
{
	struct scan *s = call_scan(c, stream_key(c, "shard", stream), STR_NONE, false);
	struct str k, v;
	bool left = false;
	while (scan_next(s, &k, &v)) {
		struct shard shard;
		ASSERT(v.n == sizeof shard);
		memcpy(&shard, v.p, sizeof shard);
		if (shard.closed_ms == 0 || shard.closed_ms + RETENTION_MS > c->now_ms) {
			left = true;
			break;
		}
		txn_del(c->txn, arena_dup(c->arena, k));
	}
	scan_close(s);
	return left;
}

/* The stream's record goes with its last shard. */
static void drop_stream(struct call *c, uint64_t stream, struct str table)
{
	ASSERT(stream != 0);
	call_del(c, stream_key(c, "streamhead", stream));
	struct scan *s = call_scan(c, key_str(call_key(c, "stream"), table), STR_NONE, false);
	struct str k, v;
	while (scan_next(s, &k, &v)) {
		struct dynamodb_StreamRecord *r = record_decode(c, &dynamodb_shape_StreamRecord, arena_dup(c->arena, v));
		if ((uint64_t)r->Number.v != stream)
			continue;
		txn_del(c->txn, arena_dup(c->arena, k));
		call_del(c, key_str(key_str(call_key(c, "policy"), table), r->Label));
	}
	scan_close(s);
}

/* id: the stream's number; payload: the table's name. */
void ddb_job_trim_stream(struct call *c, struct str id, struct str payload)
{
	ASSERT(txn_writable(c->txn) && id.n > 0);
	uint64_t stream = 0;
	bool ok = str_to_u64(id, &stream);
	ASSERT(ok);
	bool done = trim_changes(c, stream);
	if (done && !trim_shards(c, stream)) {
		drop_stream(c, stream, payload);
		return;
	}
	job_put(c, "trim-stream", id, done ? c->now_ms + TRIM_EVERY_MS : c->now_ms, payload);
}
