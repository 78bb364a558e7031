/* Jobs of a queue: messages past their retention go, gauges are told once a minute, what deletion left is swept.
 *
 * Each is armed only while there is something for it: the box remembers when it is due, so that a send that finds it
 * armed writes nothing more. */
#include "sqs.h"

#include <stdlib.h>

enum { EXPIRE_AT_ONCE = 1000, SWEEP_AT_ONCE = 5000, GAUGE_EVERY_MS = 60 * 1000, GAUGE_IDLE_MS = 10 * 60 * 1000 };

static struct str job_id(struct queue *q) { return arena_printf(q->c->arena, "%lld", (long long)q->rec->Id.v); }

static struct str job_payload(struct queue *q) { return arena_join(q->c->arena, q->account, S("/"), q->name); }

/* The queue of a job; NULL when it was deleted, perhaps made again. */
static struct queue *job_queue(struct call *c, struct str id, struct str payload)
{
	struct str name = payload, account = str_cut(&name, '/');
	struct queue *q = queue_open(c, account, name);
	if (q == NULL || !str_eq(job_id(q), id))
		return NULL;
	return q;
}

/* ---- retention ---- */

void retain_arm(struct queue *q, int64_t sent_ms)
{
	int64_t due_ms = sent_ms + q->retention_ms;
	ASSERT(q->retention_ms > 0);
	if (q->box.retain_due_ms != 0 && q->box.retain_due_ms <= due_ms)
		return;
	job_put(q->c, "retain", job_id(q), due_ms, job_payload(q));
	q->box.retain_due_ms = due_ms;
	q->box_dirty = true;
}

/* From the lowest number on: what is expired goes; stops at the first that is not. Its number in *head. */
static int64_t expire_table(struct queue *q, const char *table, size_t max, uint64_t *head)
{
	struct key *from = data_key(q->c, (uint64_t)q->rec->Data.v, table);
	struct str to = key_after(q->c->arena, key_bytes(from)), key, value;
	key_u64(from, q->box.low);
	struct scan *s = scan_open(q->c->txn, key_bytes(from), to, false);
	int64_t oldest_ms = INT64_MAX;
	*head = q->box.seq + 1;
	for (size_t n = 0; scan_next(s, &key, &value); n++) {
		struct key_reader r = key_reader_of(str_slice(key, key.n - 9, key.n));
		struct message m;
		bool ok = key_read_u64(&r, head);
		ASSERT(ok);
		message_unpack(value, *head, &m);
		oldest_ms = m.sent_ms;
		if (!message_expired(q, &m) || n == max)
			break;
		ok = standard_drop(q, *head);
		ASSERT(ok);
		oldest_ms = INT64_MAX;
		*head = q->box.seq + 1;
	}
	scan_close(s);
	return oldest_ms;
}

static int64_t expire_aged(struct queue *q, size_t max)
{
	struct key *from = data_key(q->c, (uint64_t)q->rec->Data.v, "x");
	size_t skip = from->b.n;
	struct str to = key_after(q->c->arena, key_bytes(from)), key, value;
	struct scan *s = scan_open(q->c->txn, key_bytes(from), to, false);
	int64_t oldest_ms = INT64_MAX;
	for (size_t n = 0; scan_next(s, &key, &value); n++) {
		struct key_reader r = key_reader_of(str_slice(key, skip, key.n));
		int64_t sent_ms;
		uint64_t seq;
		bool ok = key_read_i64(&r, &sent_ms) && key_read_u64(&r, &seq);
		ASSERT(ok);
		if (sent_ms + q->retention_ms > q->c->now_ms || n == max) {
			oldest_ms = sent_ms;
			break;
		}
		ok = q->fifo ? fifo_drop(q, seq, arena_dup(q->c->arena, value)) : standard_drop(q, seq);
		ASSERT(ok);
	}
	scan_close(s);
	return oldest_ms;
}

static int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }

int64_t messages_expire(struct queue *q, size_t max)
{
	settle(q);
	int64_t oldest_ms = expire_aged(q, max);
	if (q->fifo)
		return oldest_ms;
	uint64_t visible, delayed;
	oldest_ms = lesser(oldest_ms, expire_table(q, "m", max, &visible));
	oldest_ms = lesser(oldest_ms, expire_table(q, "h", max, &delayed));
	ASSERT(visible >= q->box.low && delayed >= q->box.low);
	q->box.low = visible < delayed ? visible : delayed;
	if (q->box.fresh < q->box.low)
		q->box.fresh = q->box.low;
	return oldest_ms;
}

void job_retain(struct call *c, struct str id, struct str payload)
{
	struct queue *q = job_queue(c, id, payload);
	if (q == NULL)
		return;
	int64_t oldest_ms = messages_expire(q, EXPIRE_AT_ONCE);
	q->box.retain_due_ms = 0;
	q->box_dirty = true;
	if (oldest_ms != INT64_MAX)
		retain_arm(q, oldest_ms);
	box_store(q);
}

/* ---- gauges ---- */

void gauge_arm(struct queue *q)
{
	CHECK_MAGIC(q, QUEUE_MAGIC);
	q->box.used_ms = q->c->now_ms;
	q->box_dirty = true;
	if (q->box.gauge_due_ms != 0)
		return;
	q->box.gauge_due_ms = q->c->now_ms + GAUGE_EVERY_MS;
	job_put(q->c, "gauge", job_id(q), q->box.gauge_due_ms, job_payload(q));
}

void job_gauge(struct call *c, struct str id, struct str payload)
{
	struct queue *q = job_queue(c, id, payload);
	if (q == NULL)
		return;
	int64_t oldest_ms = messages_expire(q, EXPIRE_AT_ONCE);
	const struct box *b = &q->box;
	count_metric(q, "ApproximateNumberOfMessagesVisible", (double)(b->n_fresh + b->n_returned), "Count");
	count_metric(q, "ApproximateNumberOfMessagesNotVisible", (double)b->n_inflight, "Count");
	count_metric(q, "ApproximateNumberOfMessagesDelayed", (double)b->n_delayed, "Count");
	count_metric(q, "ApproximateAgeOfOldestMessage", oldest_ms == INT64_MAX ? 0 : (double)(c->now_ms - oldest_ms) / 1000, "Seconds");
	bool empty = b->n_fresh + b->n_returned + b->n_inflight + b->n_delayed == 0;
	q->box.gauge_due_ms = 0;
	q->box_dirty = true;
	if (!empty || c->now_ms - b->used_ms < GAUGE_IDLE_MS) {
		q->box.gauge_due_ms = c->now_ms + GAUGE_EVERY_MS;
		job_put(c, "gauge", id, q->box.gauge_due_ms, payload);
	}
	box_store(q);
}

/* ---- sweeping ---- */

struct key *gone_key(struct call *c, struct str name)
{
	struct key *k = arena_new_of(c->arena, struct key);
	*k = key_new(c->arena);
	key_str(key_str(key_str(k, S("sqs")), c->account), c->region);
	return key_str(key_str(k, S("gone")), name);
}

void sweep_start(struct call *c, uint64_t number, struct str forget_name)
{
	ASSERT(number > 0);
	struct str id = arena_printf(c->arena, "%llu", (unsigned long long)number);
	job_put(c, "sweep", id, c->now_ms, str_present(forget_name) ? forget_name : S(""));
}

/* Once everything is gone, a deleted queue's name is kept for its 60 seconds, then forgotten. */
static void forget_name(struct call *c, struct str id, struct str name)
{
	struct str value;
	int64_t gone_ms;
	if (!txn_get(c->txn, key_bytes(gone_key(c, name)), c->arena, &value))
		return;
	ASSERT(value.n == sizeof gone_ms);
	memcpy(&gone_ms, value.p, sizeof gone_ms);
	if (gone_ms + NAME_REUSE_MS <= c->now_ms)
		call_del(c, gone_key(c, name));
	else
		job_put(c, "sweep", id, gone_ms + NAME_REUSE_MS, name);
}

void job_sweep(struct call *c, struct str id, struct str payload)
{
	uint64_t number;
	bool ok = str_to_u64(id, &number);
	ASSERT(ok);
	struct key *prefix = arena_new_of(c->arena, struct key);
	*prefix = key_new(c->arena);
	key_u64(key_str(key_str(prefix, S("sqs")), S("#")), number);
	struct scan *s = call_scan(c, prefix, STR_NONE, false);
	struct str key, value;
	size_t n = 0;
	while (n < SWEEP_AT_ONCE && scan_next(s, &key, &value)) {
		txn_del(c->txn, key);
		n++;
	}
	scan_close(s);
	if (n == SWEEP_AT_ONCE)
		job_put(c, "sweep", id, c->now_ms, payload);
	else if (payload.n > 0)
		forget_name(c, id, payload);
}
