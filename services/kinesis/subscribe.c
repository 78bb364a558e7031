/* SubscribeToShard: a shard's records pushed to a consumer with enhanced fan-out, for five minutes at most.
 *
 * The answer is a stream (svc/stream.h). Its body is made of reads, one after the other: each is a call of its own, which finds the
 * records that follow, or waits for some, and makes one event of them; the next begins when the client has taken it and the
 * consumer's 2 MiB a second allow it. Without records there is an event every five seconds, so that the client knows how far it is.
 * What always holds: everything but `read_next` is on the loop; while a read is under way it alone touches `out` and `made`, and the
 * answer does not end; of a consumer and a shard there is one subscription that is active.
 * Source: SubscribeToShard, SubscribeToShardEvent (API Reference), "Enhanced fan-out consumers" (Developer Guide). */
#include "kinesis.h"

#include "base/enc.h"
#include "base/json.h"
#include "os/os.h"
#include "svc/stream.h"

#include <stdlib.h>

enum {
	SUBSCRIPTION_MAGIC = 0x5ab5c01b, LIFE_MS = 5 * 60 * 1000, AGAIN_MS = 5000, HEARTBEAT_MS = 5000, EVENT_BYTES = 1 << 20,
	BYTES_A_SECOND = 2 << 20, EVENT_MOST = 64 << 20 /* one record of 10 MiB, in JSON */
};

#define TAKEN "Another active subscription exists for this consumer."

struct subscription;

/* A successful call, for as long as it may refuse the next. */
struct claim {
	struct claim *next;
	struct subscription *by; /* NULL: it has ended */
	int64_t at_ms;
	size_t n;
	char key[];              /* consumer's ARN, shard */
};

static struct claim *claims;

struct subscription {
	unsigned magic;
	struct claim *claim;       /* NULL: another subscription has it */
	struct outgoing *to;
	struct stream_source source;
	const struct principal *who;
	struct str account, region, name, consumer; /* the stream's account, region and name */
	int64_t consumer_made_ms;
	struct position at;
	int64_t until_ms, ready_ms, heartbeat_ms;
	struct loop_timer *timer;
	struct ticket ticket;      /* of the read that waits */
	bool reading, holding, full, stopping, ended;
	const char *why;           /* it is stopped: the exception its client is told; NULL: nobody is there to be told */
	struct str why_text;
	/* the read's */
	struct buf out;
	struct { uint64_t next; size_t bytes; bool last; } made;
};

static void next_read(struct subscription *s);

/* The shard is another's to have, but for those five seconds. */
static void unclaim(struct subscription *s)
{
	if (s->claim == NULL)
		return;
	ASSERT(s->claim->by == s);
	s->claim->by = NULL;
	s->claim = NULL;
}

/* ---- the end ---- */

static void end(struct subscription *s)
{
	CHECK_MAGIC(s, (unsigned)SUBSCRIPTION_MAGIC);
	ASSERT(!s->reading && !s->ended);
	struct outgoing *to = s->to;
	s->ended = true;
	s->to = NULL;
	loop_timer_cancel(s->timer);
	s->timer = NULL;
	unclaim(s);
	buf_free(&s->out);
	outgoing_end(to); /* s lives in the call's memory */
}

static void end_with(struct subscription *s, struct str code, struct str text)
{
	struct arena *a = arena_new(512);
	struct json *j = json_new_object(a);
	json_set_str(a, j, "message", text);
	buf_clear(&s->out);
	eventstream_exception(&s->out, arena_cstr(a, code), "application/json", json_text(a, j));
	(void)outgoing_write(s->to, buf_view(&s->out));
	arena_free(a);
	end(s);
}

static void end_stopped(struct subscription *s)
{
	if (s->why != NULL)
		end_with(s, str_c(s->why), s->why_text);
	else
		end(s);
}

/* why NULL: its client has gone. */
static void stop(struct subscription *s, const char *why, struct str text)
{
	CHECK_MAGIC(s, (unsigned)SUBSCRIPTION_MAGIC);
	ASSERT(!s->stopping);
	s->stopping = true;
	s->why = why;
	s->why_text = text;
	if (!s->reading)
		end_stopped(s);
	else if (s->holding)
		ticket_answer(s->ticket, &(struct answer){.ok = true});
}

/* ---- a read: the call's ---- */

static void hold(struct ticket t, void *arg)
{
	struct subscription *s = *(struct subscription **)arg;
	CHECK_MAGIC(s, (unsigned)SUBSCRIPTION_MAGIC);
	s->ticket = t;
	s->holding = true;
	if (s->stopping)
		ticket_answer(t, &(struct answer){.ok = true});
}

/* The stream and the consumer as they are now; false: c has failed. */
static bool open_both(struct call *c, const struct subscription *s, struct consumer *k)
{
	struct stream *st = stream_open(c, s->account, s->name);
	if (st == NULL || st->id != s->at.stream) {
		fail_no_stream(c, s->account, s->name);
		return false;
	}
	if (consumer_open(st, s->consumer, k) && k->rec->Created.ms == s->consumer_made_ms)
		return true;
	call_fail(c, &kinesis_err_ResourceNotFoundException, "Consumer %.*s, account %.*s not found.", STR_ARG(s->consumer), STR_ARG(s->account));
	return false;
}

static void make_event(struct subscription *s, struct consumer *k, const struct reading *r, const struct shard *sh)
{
	struct stream *st = k->stream;
	struct call *c = st->c;
	struct kinesis_SubscribeToShardEvent e = {.Records = r->records, .MillisBehindLatest = SOME_I64(millis_behind(c, r))};
	s->made.next = r->next;
	s->made.bytes = r->bytes;
	s->made.last = sh->closed_ms != 0 && !r->more;
	/* A shard's first number is no record's, so there is always one to go on after; at its end there is no going on. */
	if (s->made.last)
		e.ChildShards = shard_children(st, s->at.shard);
	else
		e.ContinuationSequenceNumber = sequence_text(c->arena, r->next > sh->first ? r->next - 1 : sh->first, s->at.shard);
	struct json *j = typed_to_json(c->arena, &kinesis_shape_SubscribeToShardEvent, &e);
	eventstream_event(&s->out, "SubscribeToShardEvent", "application/json", json_text(c->arena, j));
	ASSERT(!s->out.overflow);
	count_consumer(k, "SubscribeToShardEvent.Success", 1, "Count");
	count_consumer(k, "SubscribeToShardEvent.Bytes", (double)r->bytes, "Bytes");
	count_consumer(k, "SubscribeToShardEvent.Records", r->records.n, "Count");
	count_consumer(k, "SubscribeToShardEvent.MillisBehindLatest", (double)e.MillisBehindLatest.v, "Milliseconds");
}

static void read_next(struct call *c)
{
	struct subscription *s = c->user;
	struct consumer k;
	struct shard sh;
	struct reading r;
	CHECK_MAGIC(s, (unsigned)SUBSCRIPTION_MAGIC);
	buf_clear(&s->out);
	if (!open_both(c, s, &k))
		return;
	if (!shard_get(k.stream, s->at.shard, &sh)) {
		call_fail(c, &kinesis_err_ResourceNotFoundException, "Shard %.*s in stream %.*s under account %.*s does not exist",
			STR_ARG(shard_id(c->arena, s->at.shard)), STR_ARG(s->name), STR_ARG(s->account));
		return;
	}
	if (!read_records(k.stream, &s->at, READ_RECORDS_MAX, EVENT_BYTES, &r))
		return;
	if (r.records.n > 0 || sh.closed_ms != 0 || c->now_ms >= s->heartbeat_ms) {
		make_event(s, &k, &r, &sh);
		return;
	}
	if (call_await(c, hold, &s, sizeof s, INT64_MAX) == NULL) /* else it is told to stop */
		call_wait(c, k.stream->arn, s->heartbeat_ms);
}

/* ---- between the reads ---- */

static void read_done(void *arg, const struct wire_error *error)
{
	struct subscription *s = arg;
	CHECK_MAGIC(s, (unsigned)SUBSCRIPTION_MAGIC);
	ASSERT(s->reading && s->to != NULL);
	s->reading = s->holding = false;
	if (s->stopping) {
		end_stopped(s);
		return;
	}
	if (error != NULL) {
		end_with(s, error->shape != NULL ? error->code : S("InternalFailureException"), error->message);
		return;
	}
	ASSERT(s->out.n > 0 && s->made.next >= s->at.sequence);
	int64_t now_ms = clock_now_ms(), cost_ms = (int64_t)s->made.bytes * 1000 / BYTES_A_SECOND;
	s->at.sequence = s->made.next;
	s->ready_ms = (s->ready_ms > now_ms ? s->ready_ms : now_ms) + cost_ms;
	s->full = !outgoing_write(s->to, buf_view(&s->out));
	buf_free(&s->out);
	if (s->made.last)
		end(s);
	else
		next_read(s);
}

static void on_time(void *arg)
{
	struct subscription *s = arg;
	CHECK_MAGIC(s, (unsigned)SUBSCRIPTION_MAGIC);
	s->timer = NULL;
	next_read(s);
}

/* What a second allows may be taken at once. */
static void next_read(struct subscription *s)
{
	int64_t now_ms = clock_now_ms();
	ASSERT(!s->reading && !s->stopping && s->timer == NULL);
	if (now_ms >= s->until_ms) {
		end(s);
		return;
	}
	if (s->full)
		return; /* more() goes on */
	if (s->ready_ms > now_ms + 1000) {
		s->timer = loop_timer_start(s->ready_ms - 1000 < s->until_ms ? s->ready_ms - 1000 : s->until_ms, on_time, s);
		return;
	}
	s->heartbeat_ms = now_ms + HEARTBEAT_MS < s->until_ms ? now_ms + HEARTBEAT_MS : s->until_ms;
	s->reading = true;
	const struct submit read = {.service = &service_kinesis, .account = s->account, .region = s->region, .run = read_next, .arg = s,
		.done = read_done, .who = s->who};
	call_submit(&read);
}

/* ---- the answer's source ---- */

static void begin(struct outgoing *o, void *arg)
{
	struct subscription *s = arg;
	CHECK_MAGIC(s, (unsigned)SUBSCRIPTION_MAGIC);
	s->to = o;
	eventstream_event(&s->out, "initial-response", "application/json", S("{}"));
	(void)outgoing_write(o, buf_view(&s->out));
	if (s->claim == NULL)
		end_with(s, S("ResourceInUseException"), S(TAKEN));
	else
		next_read(s);
}

static void more(void *arg)
{
	struct subscription *s = arg;
	CHECK_MAGIC(s, (unsigned)SUBSCRIPTION_MAGIC);
	s->full = false;
	if (!s->reading && s->timer == NULL)
		next_read(s);
}

static void gone(void *arg)
{
	struct subscription *s = arg;
	if (s->stopping)
		s->why = NULL; /* another one has taken its place; its last read is still under way */
	else
		stop(s, NULL, STR_NONE);
}

/* ---- who has it ---- */

/* Its call is over; when it never became an answer, too. */
static void forget(void *arg)
{
	struct subscription *s = arg;
	ASSERT(s->to == NULL && !s->reading);
	unclaim(s);
	s->magic = 0;
}

/* The claim of that key; those that say nothing any more go. */
static struct claim *claim_find(struct str key, int64_t now_ms)
{
	struct claim *found = NULL;
	for (struct claim **at = &claims; *at != NULL;) {
		struct claim *one = *at;
		if (str_eq(str_of(one->key, one->n), key)) {
			found = one;
		} else if (one->by == NULL && (now_ms - one->at_ms >= AGAIN_MS || now_ms < one->at_ms)) {
			*at = one->next;
			free(one);
			continue;
		}
		at = &one->next;
	}
	return found;
}

static struct claim *claim_new(struct str key)
{
	struct claim *one = calloc(1, sizeof *one + key.n);
	if (one == NULL)
		die("out of memory");
	one->n = key.n;
	memcpy(one->key, key.p, key.n);
	one->next = claims;
	claims = one;
	return one;
}

struct wanted { struct subscription *s; struct arena *keep; struct str key; };

/* On the loop: take the shard for the consumer, from another call that has it for long enough. */
static void claim(struct ticket t, void *arg)
{
	const struct wanted *w = arg;
	struct subscription *s = w->s;
	int64_t now_ms = clock_now_ms();
	struct claim *have = claim_find(w->key, now_ms);
	if (have != NULL && now_ms >= have->at_ms && now_ms - have->at_ms < AGAIN_MS) {
		ticket_answer(t, &(struct answer){.ok = false, .error_code = S("ResourceInUseException")});
		return;
	}
	if (have == NULL)
		have = claim_new(w->key);
	struct subscription *before = have->by;
	if (before != NULL) {
		unclaim(before);
		if (before->to != NULL && !before->stopping)
			stop(before, "ResourceInUseException", S(TAKEN));
	}
	have->by = s;
	have->at_ms = now_ms;
	s->claim = have;
	s->until_ms = now_ms + LIFE_MS;
	arena_defer(w->keep, forget, s);
	ticket_answer(t, &(struct answer){.ok = true, .detail = s});
}

/* In the call's memory, which is there until the answer has ended. */
static struct subscription *subscription_new(struct call *c, const struct consumer *k, const struct position *at)
{
	struct arena *keep = call_keep(c);
	struct subscription *s = arena_new_of(keep, struct subscription);
	*s = (struct subscription){.magic = SUBSCRIPTION_MAGIC, .source = {begin, more, gone, s}, .who = c->who, .at = *at,
		.account = arena_dup(keep, k->stream->account), .region = arena_dup(keep, k->stream->region),
		.name = arena_dup(keep, k->stream->name), .consumer = arena_dup(keep, k->name), .consumer_made_ms = k->rec->Created.ms};
	buf_init(&s->out, NULL, EVENT_MOST);
	return s;
}

void op_subscribe_to_shard(struct call *c)
{
	const struct kinesis_SubscribeToShardInput *in = c->in;
	struct kinesis_SubscribeToShardOutput *out = c->out;
	struct consumer *k = run_consumer(c);
	struct position at;
	ASSERT(k != NULL);
	const struct starting from = {"SubscribeToShard", in->ShardId, in->StartingPosition->Type, in->StartingPosition->SequenceNumber,
		in->StartingPosition->Timestamp};
	if (!position_find(k->stream, &from, &at))
		return;
	if (in->DryRun.v) {
		dry_run(c);
		return;
	}
	struct wanted w = {.s = subscription_new(c, k, &at), .keep = call_keep(c), .key = arena_join(call_keep(c), k->arn, S(" "),
		shard_id(c->arena, at.shard))};
	const struct answer *a = call_await(c, claim, &w, sizeof w, INT64_MAX);
	if (a == NULL)
		return;
	if (!a->ok) {
		consumer_refused(k);
		call_fail(c, &kinesis_err_ResourceInUseException, "Another active subscription exists for this consumer: %.*s", STR_ARG(k->arn));
		return;
	}
	struct subscription *s = a->detail;
	out->EventStream = arena_new_of(c->arena, struct body);
	out->EventStream->source = &s->source;
	count_consumer(k, "SubscribeToShard.Success", 1, "Count");
}
