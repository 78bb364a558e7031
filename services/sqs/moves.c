/* What standard and FIFO queues share: the timed index, the age index, settling; and the choice between the two.
 *
 * The timed index ("t", due, seq) has one entry for each delayed or in-flight message, until it is received
 * again or deleted. settle() walks the entries that became due since the last time, once each, and counts them as returned. */
#include "sqs.h"

struct hold_key { int64_t due_ms; uint64_t seq; };

static struct key *timed_key(struct queue *q, int64_t due_ms, uint64_t seq)
{
	return key_u64(key_i64(data_key(q->c, (uint64_t)q->rec->Data.v, "t"), due_ms), seq);
}

static int64_t *counter_of(struct queue *q, const struct hold *h)
{
	if (h->due_ms <= q->box.settled_ms)
		return &q->box.n_returned;
	return h->kind == HOLD_DELAYED ? &q->box.n_delayed : &q->box.n_inflight;
}

void timed_put(struct queue *q, const struct hold *h)
{
	struct box *b = &q->box;
	char kind = (char)h->kind;
	ASSERT(kind == HOLD_DELAYED || kind == HOLD_INFLIGHT);
	ASSERT(b->settled_ms == q->c->now_ms || h->kind == HOLD_DELAYED);
	txn_put(q->c->txn, key_bytes(timed_key(q, h->due_ms, h->seq)), str_of(&kind, 1));
	++*counter_of(q, h);
	if (h->due_ms <= b->settled_ms) {
		if (h->due_ms < b->floor_ms && !q->fifo)
			b->floor_ms = h->due_ms;
	} else if (h->due_ms < b->next_due_ms) {
		b->next_due_ms = h->due_ms;
	}
	q->box_dirty = true;
}

void timed_del(struct queue *q, const struct hold *h)
{
	call_del(q->c, timed_key(q, h->due_ms, h->seq));
	int64_t *n = counter_of(q, h);
	ASSERT(*n > 0);
	--*n;
	q->box_dirty = true;
}

/* Walk the entries between the settled time and now: one way when time went on, the other when the clock was turned back.
 * Learns when the next unsettled entry is due. */
static void settle_walk(struct queue *q, int64_t from_ms, int64_t to_ms, int step)
{
	struct box *b = &q->box;
	ASSERT(from_ms <= to_ms && (step == 1 || step == -1));
	struct key *prefix = data_key(q->c, (uint64_t)q->rec->Data.v, "t");
	struct str to = key_after(q->c->arena, key_bytes(prefix));
	size_t skip = prefix->b.n; /* then comes the due time */
	key_i64(prefix, from_ms + 1);
	struct scan *s = scan_open(q->c->txn, key_bytes(prefix), to, false);
	struct str key, value;
	while (scan_next(s, &key, &value)) {
		struct key_reader r = key_reader_of(str_slice(key, skip, key.n));
		int64_t due_ms;
		bool ok = key_read_i64(&r, &due_ms);
		ASSERT(ok && value.n == 1);
		if (due_ms > q->c->now_ms && due_ms < b->next_due_ms)
			b->next_due_ms = due_ms;
		if (due_ms > to_ms)
			break;
		*(value.p[0] == HOLD_DELAYED ? &b->n_delayed : &b->n_inflight) -= step;
		b->n_returned += step;
		if (step > 0 && due_ms < b->floor_ms && !q->fifo)
			b->floor_ms = due_ms; /* the clock was turned back since the floor was set */
	}
	scan_close(s);
}

void settle_counts(struct queue *q)
{
	struct box *b = &q->box;
	int64_t now_ms = q->c->now_ms, was_ms = b->settled_ms;
	if (was_ms > now_ms) {
		settle_walk(q, now_ms, was_ms, -1);
	} else if (b->next_due_ms <= now_ms) {
		b->next_due_ms = INT64_MAX;
		settle_walk(q, was_ms, now_ms, 1);
	}
	b->settled_ms = now_ms;
	ASSERT(b->n_returned >= 0 && b->n_delayed >= 0 && b->n_inflight >= 0);
}

/* Only worth writing when something has moved; the caller's own change writes the rest. */
void settle(struct queue *q)
{
	int64_t before = q->box.n_returned, was_ms = q->box.settled_ms;
	settle_counts(q);
	if (q->box.n_returned != before)
		q->box_dirty = true;
	if (q->fifo && was_ms > q->c->now_ms)
		fifo_clock_back(q, was_ms);
}

/* ---- age: messages whose order of sending is not the order of their numbers ---- */

static struct key *age_key(struct queue *q, int64_t sent_ms, uint64_t seq)
{
	return key_u64(key_i64(data_key(q->c, (uint64_t)q->rec->Data.v, "x"), sent_ms), seq);
}

void age_put(struct queue *q, int64_t sent_ms, uint64_t seq, struct str group)
{
	ASSERT(sent_ms > 0 && seq > 0);
	txn_put(q->c->txn, key_bytes(age_key(q, sent_ms, seq)), group);
}

void age_del(struct queue *q, int64_t sent_ms, uint64_t seq)
{
	ASSERT(sent_ms > 0 && seq > 0);
	call_del(q->c, age_key(q, sent_ms, seq));
}

/* ---- the choice ---- */

void message_insert(struct queue *q, struct message *m)
{
	CHECK_MAGIC(q, QUEUE_MAGIC);
	ASSERT(m->sent_ms > 0);
	m->seq = ++q->box.seq;
	(q->fifo ? fifo_insert : standard_insert)(q, m);
	q->box_dirty = true;
	retain_arm(q, m->sent_ms);
	gauge_arm(q);
	call_notify(q->c, queue_topic(q));
}

size_t message_take(struct queue *q, size_t max, int64_t visibility_ms, struct taken *out)
{
	CHECK_MAGIC(q, QUEUE_MAGIC);
	ASSERT(max > 0 && max <= RECEIVE_MAX);
	settle(q);
	ASSERT(visibility_ms >= 0 && visibility_ms <= (int64_t)VISIBILITY_MAX_S * 1000);
	size_t n = (q->fifo ? fifo_take : standard_take)(q, max, visibility_ms, out);
	ASSERT(n <= max);
	if (n > 0) {
		gauge_arm(q);
		/* Someone who waits here has reckoned without these becoming visible before his time is up. */
		if (visibility_ms < WAIT_MAX_S * 1000)
			call_notify(q->c, queue_topic(q));
	}
	return n;
}

static bool of_this_data(const struct queue *q, const struct receipt *r)
{
	return r->data == (uint64_t)q->rec->Data.v;
}

enum outcome message_delete(struct queue *q, const struct receipt *r)
{
	if (!of_this_data(q, r))
		return GONE; /* purged */
	settle(q);
	enum outcome o = (q->fifo ? fifo_delete : standard_delete)(q, r);
	if (o == DONE && q->fifo)
		call_notify(q->c, queue_topic(q)); /* its group may be free */
	return o;
}

enum outcome message_hide(struct queue *q, const struct receipt *r, int64_t visibility_ms)
{
	if (!of_this_data(q, r))
		return GONE;
	settle(q);
	enum outcome o = (q->fifo ? fifo_hide : standard_hide)(q, r, visibility_ms);
	if (o == DONE)
		call_notify(q->c, queue_topic(q));
	return o;
}

int64_t message_next_due(struct queue *q)
{
	return q->fifo ? fifo_next_due(q) : q->box.next_due_ms;
}
