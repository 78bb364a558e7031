/* FIFO queues: messages in groups, a group locked while one of its messages is in flight.
 *
 *   "m" group seq    a message
 *   "g" group        the group (struct group_head and its holds), as long as it has messages
 *   "a" ready seq    -> group: one entry for each group, at the time from which it may be received, with its first message
 *   "t", "x"         the timed and the age index (moves.c)
 * Receives take from the front, so the messages that have a hold are the first ones of their group, at most ten: the
 * hold of a message that came back stays for its count. A group is ready when the latest of its holds is due. */
#include "sqs.h"

#include "os/os.h"

enum { HOLDS_MAX = 16 };

struct group_head { int64_t ready_ms; uint64_t first; uint32_t n, pad; };

struct group {
	struct str name;
	bool stored;             /* there is a record, and an entry in "a" as `head` says */
	struct group_head head;
	struct hold holds[HOLDS_MAX];
};

static struct key *group_key(struct queue *q, struct str name)
{
	return key_str(data_key(q->c, (uint64_t)q->rec->Data.v, "g"), name);
}

static struct key *ready_key(struct queue *q, const struct group_head *h)
{
	return key_u64(key_i64(data_key(q->c, (uint64_t)q->rec->Data.v, "a"), h->ready_ms), h->first);
}

static struct key *message_key(struct queue *q, struct str group, uint64_t seq)
{
	return key_u64(key_str(data_key(q->c, (uint64_t)q->rec->Data.v, "m"), group), seq);
}

static bool group_load(struct queue *q, struct str name, struct group *g)
{
	struct str value;
	*g = (struct group){.name = name};
	if (!txn_get(q->c->txn, key_bytes(group_key(q, name)), q->c->arena, &value))
		return false;
	ASSERT(value.n >= sizeof g->head);
	memcpy(&g->head, value.p, sizeof g->head);
	ASSERT(g->head.n <= HOLDS_MAX && value.n == sizeof g->head + g->head.n * sizeof(struct hold));
	memcpy(g->holds, value.p + sizeof g->head, g->head.n * sizeof(struct hold));
	g->stored = true;
	return true;
}

/* The group's messages from its first on. */
static struct scan *group_scan(struct queue *q, const struct group *g)
{
	struct key *prefix = key_str(data_key(q->c, (uint64_t)q->rec->Data.v, "m"), g->name);
	struct str to = key_after(q->c->arena, key_bytes(prefix));
	key_u64(prefix, g->head.first);
	return scan_open(q->c->txn, key_bytes(prefix), to, false);
}

static bool group_next(struct queue *q, struct scan *s, struct message *m)
{
	struct str key, value;
	if (!scan_next(s, &key, &value))
		return false;
	struct key_reader r = key_reader_of(str_slice(key, key.n - 9, key.n));
	uint64_t seq;
	bool ok = key_read_u64(&r, &seq);
	ASSERT(ok);
	message_unpack(arena_dup(q->c->arena, value), seq, m);
	return true;
}

static void group_write(struct queue *q, struct group *g)
{
	ASSERT(g->name.n > 0 && g->head.first > 0 && g->head.first <= q->box.seq && g->head.n <= HOLDS_MAX);
	struct str head = str_of((const char *)&g->head, sizeof g->head);
	struct str holds = str_of((const char *)g->holds, g->head.n * sizeof(struct hold));
	txn_put(q->c->txn, key_bytes(group_key(q, g->name)), arena_join(q->c->arena, head, holds));
	txn_put(q->c->txn, key_bytes(ready_key(q, &g->head)), g->name);
	if (g->head.ready_ms < q->box.floor_ms)
		q->box.floor_ms = g->head.ready_ms;
	q->box_dirty = true;
}

/* After a change: where the group stands now, or that it is no more. `old` is how it was indexed. */
static void group_store(struct queue *q, struct group *g, const struct group_head *old)
{
	ASSERT(g->stored && old->n <= HOLDS_MAX);
	call_del(q->c, ready_key(q, old));
	if (g->head.n > 0) {
		g->head.first = g->holds[0].seq;
		g->head.ready_ms = INT64_MIN;
		for (uint32_t i = 0; i < g->head.n; i++)
			if (g->holds[i].due_ms > g->head.ready_ms)
				g->head.ready_ms = g->holds[i].due_ms;
		group_write(q, g);
		return;
	}
	struct message m;
	struct scan *s = group_scan(q, g);
	bool any = group_next(q, s, &m);
	scan_close(s);
	if (!any) {
		call_del(q->c, group_key(q, g->name));
		return;
	}
	g->head.first = m.seq;
	g->head.ready_ms = m.delay_until_ms > q->c->now_ms ? m.delay_until_ms : q->c->now_ms;
	group_write(q, g);
}

static struct hold *group_hold(struct group *g, uint64_t seq)
{
	for (uint32_t i = 0; i < g->head.n; i++)
		if (g->holds[i].seq == seq)
			return &g->holds[i];
	return NULL;
}

static void hold_forget(struct group *g, struct hold *h)
{
	ASSERT(h >= g->holds);
	size_t at = (size_t)(h - g->holds);
	ASSERT(at < g->head.n);
	memmove(h, h + 1, (g->head.n - at - 1) * sizeof *h);
	g->head.n--;
}

/* A message that no receive has touched leaves the place where it is counted. */
static void untouched_leave(struct queue *q, const struct message *m)
{
	if (m->delay_until_ms != 0) {
		struct hold h = {.seq = m->seq, .due_ms = m->delay_until_ms, .kind = HOLD_DELAYED};
		timed_del(q, &h);
		return;
	}
	ASSERT(q->box.n_fresh > 0);
	q->box.n_fresh--;
	q->box_dirty = true;
}

void fifo_insert(struct queue *q, struct message *m)
{
	ASSERT(q->fifo && m->group.n > 0 && m->dedup.n > 0);
	ASSERT(m->seq == q->box.seq && m->id.n == 36);
	bool delayed = m->delay_until_ms > q->c->now_ms;
	if (!delayed)
		m->delay_until_ms = 0;
	txn_put(q->c->txn, key_bytes(message_key(q, m->group, m->seq)), message_pack(q->c->arena, m));
	age_put(q, m->sent_ms, m->seq, m->group);
	if (delayed) {
		struct hold h = {.seq = m->seq, .due_ms = m->delay_until_ms, .kind = HOLD_DELAYED};
		timed_put(q, &h);
	} else {
		q->box.n_fresh++;
	}
	if (txn_has(q->c->txn, key_bytes(group_key(q, m->group))))
		return; /* it stands behind others */
	struct group g = {.name = m->group, .head = {.first = m->seq, .ready_ms = delayed ? m->delay_until_ms : q->c->now_ms}};
	group_write(q, &g);
}

/* ---- receiving ---- */

static void remove_message(struct queue *q, struct group *g, const struct message *m, struct hold *h)
{
	call_del(q->c, message_key(q, g->name, m->seq));
	age_del(q, m->sent_ms, m->seq);
	if (h != NULL) {
		timed_del(q, h);
		hold_forget(g, h);
	} else {
		untouched_leave(q, m);
	}
}

static void take_one(struct queue *q, struct group *g, struct hold *h, int64_t visibility_ms, struct taken *t)
{
	if (h != NULL) {
		timed_del(q, h);
	} else {
		untouched_leave(q, &t->m);
		ASSERT(g->head.n < HOLDS_MAX);
		ASSERT(g->head.n == 0 || g->holds[g->head.n - 1].seq < t->m.seq); /* the first of the group have holds */
		h = &g->holds[g->head.n++];
		*h = (struct hold){.seq = t->m.seq, .first_ms = t->m.first_ms, .count = t->m.count, .sent_ms = t->m.sent_ms,
			.kind = HOLD_INFLIGHT};
	}
	h->due_ms = q->c->now_ms + visibility_ms;
	h->received_ms = q->c->now_ms;
	h->first_ms = h->first_ms != 0 ? h->first_ms : q->c->now_ms;
	h->count++;
	h->nonce = (uint32_t)random_u64();
	ASSERT(h->seq == t->m.seq && h->kind == HOLD_INFLIGHT);
	timed_put(q, h);
	t->hold = *h;
}

/* As many messages of a ready group as may go. */
static size_t take_group(struct queue *q, struct group *g, size_t max, int64_t visibility_ms, struct taken *out)
{
	ASSERT(g->stored && g->head.ready_ms <= q->c->now_ms);
	struct group_head old = g->head;
	struct scan *s = group_scan(q, g);
	size_t n = 0;
	while (n < max && group_next(q, s, &out[n].m)) {
		struct taken *t = &out[n];
		struct hold *h = group_hold(g, t->m.seq);
		if (h == NULL && t->m.delay_until_ms > q->c->now_ms)
			break;
		uint32_t count = h != NULL ? h->count : t->m.count;
		int64_t first_ms = h != NULL ? h->first_ms : t->m.first_ms;
		if (message_expired(q, &t->m) || dead_letter(q, &t->m, count, first_ms)) {
			remove_message(q, g, &t->m, h);
			q->must_keep = true;
			continue;
		}
		take_one(q, g, h, visibility_ms, t);
		n++;
	}
	scan_close(s);
	group_store(q, g, &old);
	return n;
}

size_t fifo_take(struct queue *q, size_t max, int64_t visibility_ms, struct taken *out)
{
	struct key *from = data_key(q->c, (uint64_t)q->rec->Data.v, "a"), *to = data_key(q->c, (uint64_t)q->rec->Data.v, "a");
	size_t skip = from->b.n, n = 0;
	key_i64(from, q->box.floor_ms);
	key_i64(to, q->c->now_ms + 1);
	struct scan *s = scan_open(q->c->txn, key_bytes(from), key_bytes(to), false);
	int64_t floor_ms = q->c->now_ms + 1;
	q->box.floor_ms = floor_ms; /* groups stored below lower it again */
	struct str key, value;
	while (scan_next(s, &key, &value)) {
		if (n == max || q->box.n_inflight >= INFLIGHT_MAX) {
			struct key_reader r = key_reader_of(str_slice(key, skip, key.n));
			bool ok = key_read_i64(&r, &floor_ms);
			ASSERT(ok);
			break;
		}
		struct group g;
		bool there = group_load(q, arena_dup(q->c->arena, value), &g);
		ASSERT(there);
		n += take_group(q, &g, max - n, visibility_ms, out + n);
	}
	scan_close(s);
	if (floor_ms < q->box.floor_ms)
		q->box.floor_ms = floor_ms;
	return n;
}

/* The visible messages of a ready group leave, in order. */
static size_t pull_group(struct queue *q, struct group *g, size_t max, pull_fn *accept, void *arg, bool *stopped)
{
	struct group_head old = g->head;
	struct scan *s = group_scan(q, g);
	struct message m;
	size_t n = 0;
	while (n < max && group_next(q, s, &m)) {
		struct hold *h = group_hold(g, m.seq);
		if (h == NULL && m.delay_until_ms > q->c->now_ms)
			break;
		if (!message_expired(q, &m) && !accept(&m, arg)) {
			*stopped = true;
			break;
		}
		remove_message(q, g, &m, h);
		n++;
	}
	scan_close(s);
	group_store(q, g, &old);
	return n;
}

size_t fifo_pull(struct queue *q, size_t max, pull_fn *accept, void *arg)
{
	struct key *from = data_key(q->c, (uint64_t)q->rec->Data.v, "a"), *to = data_key(q->c, (uint64_t)q->rec->Data.v, "a");
	key_i64(from, q->box.floor_ms);
	key_i64(to, q->c->now_ms + 1);
	struct scan *s = scan_open(q->c->txn, key_bytes(from), key_bytes(to), false);
	struct str key, value;
	size_t n = 0;
	bool stopped = false;
	while (n < max && !stopped && scan_next(s, &key, &value)) {
		struct group g;
		bool there = group_load(q, arena_dup(q->c->arena, value), &g);
		ASSERT(there);
		n += pull_group(q, &g, max - n, accept, arg, &stopped);
	}
	scan_close(s);
	return n;
}

void fifo_clock_back(struct queue *q, int64_t was_ms)
{
	struct key *from = data_key(q->c, (uint64_t)q->rec->Data.v, "a"), *to = data_key(q->c, (uint64_t)q->rec->Data.v, "a");
	key_i64(from, q->c->now_ms + 1);
	key_i64(to, was_ms + 1);
	struct scan *s = scan_open(q->c->txn, key_bytes(from), key_bytes(to), false);
	struct str key, value;
	while (scan_next(s, &key, &value)) {
		struct group g;
		bool there = group_load(q, arena_dup(q->c->arena, value), &g);
		ASSERT(there);
		struct group_head old = g.head;
		group_store(q, &g, &old);
	}
	scan_close(s);
	q->box_dirty = true;
}

int64_t fifo_next_due(struct queue *q)
{
	struct key *from = data_key(q->c, (uint64_t)q->rec->Data.v, "a");
	struct str to = key_after(q->c->arena, key_bytes(from)), key, value;
	size_t skip = from->b.n;
	int64_t due_ms = INT64_MAX;
	key_i64(from, q->c->now_ms + 1);
	struct scan *s = scan_open(q->c->txn, key_bytes(from), to, false);
	if (scan_next(s, &key, &value)) {
		struct key_reader r = key_reader_of(str_slice(key, skip, key.n));
		bool ok = key_read_i64(&r, &due_ms);
		ASSERT(ok);
	}
	scan_close(s);
	return due_ms;
}

/* ---- deleting, hiding, giving again ---- */

static enum outcome find(struct queue *q, const struct receipt *r, struct group *g, struct hold **h)
{
	if (!group_load(q, r->group, g))
		return GONE;
	ASSERT(g->stored);
	*h = group_hold(g, r->seq);
	if (*h == NULL)
		return GONE;
	return (*h)->nonce == r->nonce ? DONE : STALE;
}

enum outcome fifo_delete(struct queue *q, const struct receipt *r)
{
	struct group g;
	struct hold *h;
	enum outcome o = find(q, r, &g, &h);
	if (o != DONE)
		return o;
	if (h->due_ms <= q->c->now_ms)
		return STALE;
	struct group_head old = g.head;
	struct message m = {.seq = h->seq, .sent_ms = h->sent_ms};
	remove_message(q, &g, &m, h);
	group_store(q, &g, &old);
	return DONE;
}

static void hide(struct queue *q, struct group *g, struct hold *h, int64_t visibility_ms)
{
	struct group_head old = g->head;
	ASSERT(visibility_ms >= 0 && h->due_ms > q->c->now_ms);
	timed_del(q, h);
	h->due_ms = q->c->now_ms + visibility_ms;
	timed_put(q, h);
	group_store(q, g, &old);
}

enum outcome fifo_hide(struct queue *q, const struct receipt *r, int64_t visibility_ms)
{
	struct group g;
	struct hold *h;
	enum outcome o = find(q, r, &g, &h);
	if (o != DONE)
		return o;
	if (h->due_ms <= q->c->now_ms)
		return NOT_INFLIGHT;
	if (q->c->now_ms - h->received_ms + visibility_ms > (int64_t)VISIBILITY_MAX_S * 1000)
		return TOO_LONG;
	hide(q, &g, h, visibility_ms);
	return DONE;
}

bool fifo_take_again(struct queue *q, const struct receipt *r, int64_t visibility_ms, struct taken *out)
{
	struct group g;
	struct hold *h;
	struct str bytes;
	if (find(q, r, &g, &h) != DONE || h->due_ms <= q->c->now_ms)
		return false;
	bool there = txn_get(q->c->txn, key_bytes(message_key(q, r->group, r->seq)), q->c->arena, &bytes);
	ASSERT(there);
	message_unpack(bytes, r->seq, &out->m);
	hide(q, &g, h, visibility_ms);
	out->hold = *h;
	return true;
}

bool fifo_drop(struct queue *q, uint64_t seq, struct str name)
{
	struct group g;
	struct str bytes;
	if (!group_load(q, name, &g) || !txn_get(q->c->txn, key_bytes(message_key(q, name, seq)), q->c->arena, &bytes))
		return false;
	struct group_head old = g.head;
	struct message m;
	message_unpack(bytes, seq, &m);
	remove_message(q, &g, &m, group_hold(&g, seq));
	group_store(q, &g, &old);
	return true;
}
