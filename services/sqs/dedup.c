/* What FIFO queues remember for five minutes: deduplication ids of sends and attempt ids of receives.
 *
 *   "d" scope id    -> struct sent_before; scope is the group, or "" where ids count for the whole queue
 *   "e" time seq    -> the key of that "d" record, to forget it; each send forgets a few that are over
 *   "q" attempt     -> time and receipts of what the receive was given; has its "e" entry too
 * These lie below the queue's own number, not its data's: a purge does not make it forget. */
#include "sqs.h"

enum { FORGET_AT_ONCE = 4 };

static struct key *own_key(struct queue *q, const char *table)
{
	return data_key(q->c, (uint64_t)q->rec->Id.v, table);
}

static struct key *dedup_key(struct queue *q, const struct message *m)
{
	ASSERT(m->dedup.n > 0 && m->group.n > 0);
	bool grouped = str_eq(q->rec->DeduplicationScope, S("messageGroup"));
	return key_str(key_str(own_key(q, "d"), grouped ? m->group : S("")), m->dedup);
}

bool dedup_find(struct queue *q, const struct message *m, struct sent_before *out)
{
	struct str value;
	if (!txn_get(q->c->txn, key_bytes(dedup_key(q, m)), q->c->arena, &value))
		return false;
	ASSERT(value.n == sizeof *out);
	memcpy(out, value.p, sizeof *out);
	return out->sent_ms + DEDUP_MS > q->c->now_ms;
}

/* Records of more than five minutes ago: a few each time, so that no send pays for many. */
static void forget_some(struct queue *q)
{
	struct box *b = &q->box;
	int64_t over_ms = q->c->now_ms - DEDUP_MS;
	ASSERT(q->box_dirty); /* the floor is kept with the box */
	if (b->dedup_floor_ms > over_ms)
		return;
	struct key *from = own_key(q, "e"), *to = own_key(q, "e");
	size_t skip = from->b.n;
	key_i64(from, b->dedup_floor_ms);
	key_i64(to, over_ms + 1);
	struct scan *s = scan_open(q->c->txn, key_bytes(from), key_bytes(to), false);
	struct str key, value, bytes;
	b->dedup_floor_ms = over_ms + 1;
	for (int n = 0; scan_next(s, &key, &value); n++) {
		struct key_reader r = key_reader_of(str_slice(key, skip, key.n));
		int64_t at_ms;
		bool ok = key_read_i64(&r, &at_ms);
		ASSERT(ok);
		if (n == FORGET_AT_ONCE) {
			b->dedup_floor_ms = at_ms;
			break;
		}
		int64_t kept_ms; /* both kinds of record begin with their time */
		if (txn_get(q->c->txn, value, q->c->arena, &bytes)) {
			ASSERT(bytes.n >= sizeof kept_ms);
			memcpy(&kept_ms, bytes.p, sizeof kept_ms);
			if (kept_ms == at_ms) /* not renewed since */
				txn_del(q->c->txn, value);
		}
		txn_del(q->c->txn, key);
	}
	scan_close(s);
}

static void forget_later(struct queue *q, uint64_t unique, const struct key *k)
{
	txn_put(q->c->txn, key_bytes(key_u64(key_i64(own_key(q, "e"), q->c->now_ms), unique)), key_bytes(k));
	q->box_dirty = true;
	forget_some(q);
}

void dedup_put(struct queue *q, const struct message *m)
{
	struct sent_before before = {.sent_ms = q->c->now_ms, .seq = m->seq};
	ASSERT(q->fifo && m->seq > 0 && m->dedup.n > 0);
	ASSERT(m->id.n == sizeof before.id);
	memcpy(before.id, m->id.p, sizeof before.id);
	struct key *k = dedup_key(q, m);
	txn_put(q->c->txn, key_bytes(k), str_of((const char *)&before, sizeof before));
	forget_later(q, m->seq, k);
}

/* ---- receives ---- */

static struct key *attempt_key(struct queue *q, struct str attempt) { return key_str(own_key(q, "q"), attempt); }

size_t attempt_again(struct queue *q, struct str attempt, int64_t visibility_ms, struct taken *out)
{
	struct str value, line;
	int64_t at_ms;
	if (!txn_get(q->c->txn, key_bytes(attempt_key(q, attempt)), q->c->arena, &value))
		return 0;
	ASSERT(value.n >= sizeof at_ms);
	memcpy(&at_ms, value.p, sizeof at_ms);
	if (at_ms + DEDUP_MS <= q->c->now_ms)
		return 0;
	struct str rest = str_slice(value, sizeof at_ms, value.n);
	size_t n = 0;
	txn_save(q->c->txn);
	struct box was = q->box;
	while (rest.n > 0 && n < RECEIVE_MAX) {
		line = str_cut(&rest, '\n');
		struct receipt r;
		bool ok = receipt_open(q->c->arena, line, &r);
		ASSERT(ok);
		if (r.data != (uint64_t)q->rec->Data.v || !fifo_take_again(q, &r, visibility_ms, &out[n])) {
			txn_restore(q->c->txn); /* one of them was deleted, hidden or has come back */
			q->box = was;
			return 0;
		}
		n++;
	}
	txn_release(q->c->txn);
	ASSERT(n > 0);
	return n;
}

void attempt_put(struct queue *q, struct str attempt, const struct taken *v, size_t n)
{
	struct buf b;
	buf_init(&b, q->c->arena, 0);
	int64_t now_ms = q->c->now_ms;
	buf_put(&b, &now_ms, sizeof now_ms);
	for (size_t i = 0; i < n; i++) {
		struct receipt r = {(uint64_t)q->rec->Id.v, (uint64_t)q->rec->Data.v, v[i].m.seq, v[i].hold.nonce, v[i].m.group};
		buf_str(&b, receipt_text(q->c->arena, &r));
		buf_putc(&b, '\n');
	}
	ASSERT(n > 0);
	struct key *k = attempt_key(q, attempt);
	txn_put(q->c->txn, key_bytes(k), buf_view(&b));
	forget_later(q, v[0].m.seq | (uint64_t)1 << 63, k);
}
