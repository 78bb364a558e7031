/* Standard queues: messages in order of their numbers, received from two heads.
 *
 *   "m" seq       a message that came in visible; from box.fresh on, never received
 *   "h" seq       a message that came in delayed
 *   "r" seq       what a received or delayed message carries (struct hold)
 *   "t" due seq   the same ones in order of when they are visible (moves.c)
 * The first head is "m" from box.fresh: nothing is ever deleted at or above it, so no tombstones lie there. The
 * second is "t" from box.floor_ms up to now. Of both, what has been visible for longer goes first. */
#include "sqs.h"

#include "os/os.h"

static struct key *seq_key(struct queue *q, const char *table, uint64_t seq)
{
	return key_u64(data_key(q->c, (uint64_t)q->rec->Data.v, table), seq);
}

static const char *body_table(const struct hold *h) { return h->apart ? "h" : "m"; }

static void hold_put(struct queue *q, const struct hold *h)
{
	ASSERT(h->seq > 0 && h->seq <= q->box.seq);
	ASSERT(h->kind == HOLD_DELAYED || h->kind == HOLD_INFLIGHT);
	ASSERT(h->kind != HOLD_INFLIGHT || (h->count > 0 && h->first_ms != 0));
	txn_put(q->c->txn, key_bytes(seq_key(q, "r", h->seq)), str_of((const char *)h, sizeof *h));
	timed_put(q, h);
}

static bool hold_get(struct queue *q, uint64_t seq, struct hold *h)
{
	struct str value;
	if (!txn_get(q->c->txn, key_bytes(seq_key(q, "r", seq)), q->c->arena, &value))
		return false;
	ASSERT(value.n == sizeof *h);
	memcpy(h, value.p, sizeof *h);
	ASSERT(h->seq == seq);
	return true;
}

void standard_insert(struct queue *q, struct message *m)
{
	bool delayed = m->delay_until_ms > q->c->now_ms;
	ASSERT(!q->fifo && m->seq == q->box.seq && m->seq >= q->box.fresh);
	ASSERT(m->id.n == 36 && m->body.n > 0);
	txn_put(q->c->txn, key_bytes(seq_key(q, delayed ? "h" : "m", m->seq)), message_pack(q->c->arena, m));
	if (m->moved)
		age_put(q, m->sent_ms, m->seq, STR_NONE);
	if (!delayed) {
		q->box.n_fresh++;
		return;
	}
	struct hold h = {.seq = m->seq, .due_ms = m->delay_until_ms, .sent_ms = m->moved ? m->sent_ms : 0, .first_ms = m->first_ms,
		.count = m->count, .apart = 1, .kind = HOLD_DELAYED};
	hold_put(q, &h);
}

/* Everything of a held message but its body's place in the counters, which timed_del keeps. */
static void held_remove(struct queue *q, const struct hold *h)
{
	ASSERT(h->kind != 0);
	call_del(q->c, seq_key(q, body_table(h), h->seq));
	call_del(q->c, seq_key(q, "r", h->seq));
	timed_del(q, h);
	if (h->sent_ms != 0)
		age_del(q, h->sent_ms, h->seq);
}

/* ---- receiving ---- */

/* The two heads while a receive goes on. */
struct heads {
	struct scan *fresh, *returned;
	bool have_fresh, have_returned;
	struct message m;      /* the fresh head; the body's bytes are the arena's */
	struct hold hold;      /* the returned head */
};

static bool fresh_step(struct queue *q, struct heads *h)
{
	struct str key, value;
	h->have_fresh = h->fresh != NULL && scan_next(h->fresh, &key, &value);
	if (!h->have_fresh)
		return false;
	struct key_reader r = key_reader_of(str_slice(key, key.n - 9, key.n));
	uint64_t seq;
	bool ok = key_read_u64(&r, &seq);
	ASSERT(ok && seq >= q->box.fresh);
	message_unpack(arena_dup(q->c->arena, value), seq, &h->m);
	return true;
}

static void returned_step(struct queue *q, struct heads *h)
{
	struct str key, value;
	h->have_returned = h->returned != NULL && scan_next(h->returned, &key, &value);
	if (!h->have_returned)
		return;
	struct key_reader r = key_reader_of(str_slice(key, key.n - 18, key.n));
	int64_t due_ms;
	uint64_t seq;
	bool ok = key_read_i64(&r, &due_ms) && key_read_u64(&r, &seq) && hold_get(q, seq, &h->hold);
	ASSERT(ok && h->hold.due_ms == due_ms);
}

static void heads_open(struct queue *q, struct heads *h)
{
	struct arena *a = q->c->arena;
	*h = (struct heads){0};
	ASSERT(q->box.settled_ms == q->c->now_ms);
	if (q->box.n_fresh > 0) {
		struct key *from = data_key(q->c, (uint64_t)q->rec->Data.v, "m");
		struct str to = key_after(a, key_bytes(from));
		key_u64(from, q->box.fresh);
		h->fresh = scan_open(q->c->txn, key_bytes(from), to, false);
	}
	if (q->box.n_returned > 0) {
		struct key *from = data_key(q->c, (uint64_t)q->rec->Data.v, "t"), *to = data_key(q->c, (uint64_t)q->rec->Data.v, "t");
		key_i64(from, q->box.floor_ms);
		key_i64(to, q->box.settled_ms + 1);
		h->returned = scan_open(q->c->txn, key_bytes(from), key_bytes(to), false);
	}
	fresh_step(q, h);
	returned_step(q, h);
}

static void heads_close(struct queue *q, struct heads *h)
{
	if (h->fresh != NULL)
		scan_close(h->fresh);
	if (h->returned != NULL) {
		q->box.floor_ms = h->have_returned ? h->hold.due_ms : q->box.settled_ms + 1;
		scan_close(h->returned);
	}
}

/* The next visible message leaves its place: its hold (a new one when it is fresh) and itself. */
static bool heads_next(struct queue *q, struct heads *h, struct hold *hold, struct message *m)
{
	if (!h->have_fresh && !h->have_returned)
		return false;
	q->box_dirty = true;
	if (h->have_fresh && (!h->have_returned || h->m.sent_ms <= h->hold.due_ms)) {
		*m = h->m;
		*hold = (struct hold){.seq = m->seq, .sent_ms = m->moved ? m->sent_ms : 0, .first_ms = m->first_ms, .count = m->count};
		q->box.fresh = m->seq + 1;
		ASSERT(q->box.n_fresh > 0);
		q->box.n_fresh--;
		fresh_step(q, h);
		return true;
	}
	*hold = h->hold;
	ASSERT(hold->due_ms <= q->box.settled_ms);
	ASSERT(hold->apart || hold->seq < q->box.fresh);
	struct str bytes;
	bool there = txn_get(q->c->txn, key_bytes(seq_key(q, body_table(hold), hold->seq)), q->c->arena, &bytes);
	ASSERT(there);
	message_unpack(bytes, hold->seq, m);
	timed_del(q, hold);
	returned_step(q, h);
	return true;
}

/* A message that is in no index any more goes for good. */
static void loose_remove(struct queue *q, const struct hold *h)
{
	call_del(q->c, seq_key(q, body_table(h), h->seq));
	if (h->kind != 0)
		call_del(q->c, seq_key(q, "r", h->seq));
	if (h->sent_ms != 0)
		age_del(q, h->sent_ms, h->seq);
}

size_t standard_take(struct queue *q, size_t max, int64_t visibility_ms, struct taken *out)
{
	enum { LOOKED_AT_MAX = 1000 }; /* dead letters and expired ones in one call; the rest waits for the next */
	struct heads h;
	size_t n = 0;
	heads_open(q, &h);
	for (size_t looked = 0; n < max && looked < LOOKED_AT_MAX; looked++) {
		struct taken *t = &out[n];
		if (!heads_next(q, &h, &t->hold, &t->m))
			break;
		if (message_expired(q, &t->m) || dead_letter(q, &t->m, t->hold.count, t->hold.first_ms)) {
			loose_remove(q, &t->hold);
			q->must_keep = true;
			continue;
		}
		n++;
	}
	heads_close(q, &h);
	ASSERT(n <= max);
	for (size_t i = 0; i < n; i++) {
		struct hold *hold = &out[i].hold;
		ASSERT(hold->seq == out[i].m.seq);
		hold->kind = HOLD_INFLIGHT;
		hold->due_ms = q->c->now_ms + visibility_ms;
		hold->received_ms = q->c->now_ms;
		hold->first_ms = hold->first_ms != 0 ? hold->first_ms : q->c->now_ms;
		hold->count++;
		hold->nonce = (uint32_t)random_u64();
		hold_put(q, hold);
	}
	return n;
}

size_t standard_pull(struct queue *q, size_t max, pull_fn *accept, void *arg)
{
	struct heads h;
	struct hold hold;
	struct message m;
	size_t n = 0;
	bool stopped = false;
	int64_t floor_ms = q->box.floor_ms;
	heads_open(q, &h);
	while (n < max && !stopped) {
		struct box was = q->box;
		txn_save(q->c->txn);
		if (!heads_next(q, &h, &hold, &m)) {
			txn_release(q->c->txn);
			break;
		}
		if (message_expired(q, &m) || accept(&m, arg)) {
			txn_release(q->c->txn);
			loose_remove(q, &hold);
			n++;
			continue;
		}
		txn_restore(q->c->txn);
		q->box = was;
		stopped = true;
	}
	heads_close(q, &h);
	if (stopped)
		q->box.floor_ms = floor_ms;
	return n;
}

/* ---- deleting and hiding ---- */

enum outcome standard_delete(struct queue *q, const struct receipt *r)
{
	struct hold h;
	if (!hold_get(q, r->seq, &h))
		return GONE;
	if (h.nonce != r->nonce)
		return STALE;
	held_remove(q, &h);
	return DONE;
}

enum outcome standard_hide(struct queue *q, const struct receipt *r, int64_t visibility_ms)
{
	struct hold h;
	if (!hold_get(q, r->seq, &h))
		return GONE;
	if (h.nonce != r->nonce)
		return STALE;
	if (h.due_ms <= q->c->now_ms)
		return NOT_INFLIGHT;
	if (q->c->now_ms - h.received_ms + visibility_ms > (int64_t)VISIBILITY_MAX_S * 1000)
		return TOO_LONG;
	timed_del(q, &h);
	h.due_ms = q->c->now_ms + visibility_ms;
	hold_put(q, &h);
	return DONE;
}

/* ---- for upkeep: a message by its number, wherever it is ---- */

bool standard_drop(struct queue *q, uint64_t seq)
{
	struct hold h;
	if (hold_get(q, seq, &h)) {
		held_remove(q, &h);
		return true;
	}
	struct key *k = seq_key(q, "m", seq);
	struct str bytes;
	if (!txn_get(q->c->txn, key_bytes(k), q->c->arena, &bytes))
		return false;
	ASSERT(seq >= q->box.fresh);
	struct message m;
	message_unpack(bytes, seq, &m);
	call_del(q->c, k);
	if (m.moved)
		age_del(q, m.sent_ms, seq);
	ASSERT(q->box.n_fresh > 0);
	q->box.n_fresh--;
	q->box_dirty = true;
	return true;
}
