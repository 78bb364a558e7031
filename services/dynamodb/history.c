/* See history.h. */
#include "history.h"

enum { TRIM_EVERY_MS = 6 * 3600 * 1000, TRIM_AT_ONCE = 5000, DAYS_DEFAULT = 35 };

static struct key *history_key(struct call *c, uint64_t space)
{
	return key_u64(call_key(c, "history"), space);
}

static size_t item_prefix(struct call *c, uint64_t space)
{
	struct buf b;
	space_key(c, &b, space);
	return b.n;
}

void history_append(struct call *c, const struct table *t, struct str item_key, struct str old_bytes)
{
	ASSERT(history_kept(t) && txn_writable(c->txn));
	struct str own = str_slice(item_key, item_prefix(c, t->space), item_key.n);
	struct key *k = key_u64(key_str(history_key(c, t->space), own), call_serial(c, "history"));
	txn_put(c->txn, key_bytes(k), arena_join(c->arena, str_of((const char *)&c->now_ms, sizeof c->now_ms), old_bytes));
}

/* ---- reading the past: two scans in the order of own keys, merged ---- */

struct cursor {
	struct scan *scan;
	size_t prefix;
	bool there;
	struct str own, value;
	uint64_t serial; /* of history */
};

static void next_item(struct call *c, struct cursor *u)
{
	struct str key;
	u->there = scan_next(u->scan, &key, &u->value);
	if (!u->there)
		return;
	u->own = arena_dup(c->arena, str_slice(key, u->prefix, key.n));
}

static void next_record(struct call *c, struct cursor *u)
{
	struct str key;
	u->there = scan_next(u->scan, &key, &u->value);
	if (!u->there)
		return;
	struct key_reader r = key_reader_of(arena_dup(c->arena, str_slice(key, u->prefix, key.n)));
	bool ok = key_read_str(&r, c->arena, &u->own) && key_read_u64(&r, &u->serial);
	ASSERT(ok);
}

static bool is_after(const struct cursor *u, const struct moment *m)
{
	int64_t at;
	ASSERT(u->value.n >= sizeof at);
	memcpy(&at, u->value.p, sizeof at);
	return m->serial != 0 ? u->serial > m->serial : at > m->ms;
}

/* The records of one item; true with what it was then when one of them is after the moment. */
static bool past_of(struct call *c, struct cursor *h, struct str own, const struct moment *m, struct str *bytes)
{
	ASSERT(own.n > 0);
	bool found = false;
	for (; h->there && str_eq(h->own, own); next_record(c, h)) {
		if (found || !is_after(h, m))
			continue;
		*bytes = arena_dup(c->arena, str_slice(h->value, sizeof(int64_t), h->value.n));
		found = true;
	}
	return found;
}

static void open_cursors(struct call *c, uint64_t space, struct str after, struct cursor *items, struct cursor *history)
{
	struct buf b;
	space_key(c, &b, space);
	struct str from = buf_view(&b), to = key_after(c->arena, from);
	*items = (struct cursor){.prefix = from.n};
	*history = (struct cursor){.prefix = key_bytes(history_key(c, space)).n};
	struct str h_from = key_bytes(history_key(c, space)), h_to = key_after(c->arena, h_from);
	if (str_present(after)) {
		from = arena_join(c->arena, from, after, str_of("\0", 1));
		h_from = key_after(c->arena, key_bytes(key_str(history_key(c, space), after)));
	}
	items->scan = scan_open(c->txn, from, to, false);
	history->scan = scan_open(c->txn, h_from, h_to, false);
	next_item(c, items);
	next_record(c, history);
}

uint32_t history_read(struct call *c, uint64_t space, const struct moment *m, struct str after, struct past_item *out, uint32_t n)
{
	ASSERT(n > 0 && space != 0);
	struct cursor items, history;
	open_cursors(c, space, after, &items, &history);
	uint32_t taken = 0;
	while (taken < n && (items.there || history.there)) {
		struct str own = !items.there || (history.there && str_cmp(history.own, items.own) < 0) ? history.own : items.own, bytes = STR_NONE;
		bool has_now = items.there && str_eq(items.own, own);
		struct str now = has_now ? arena_dup(c->arena, items.value) : STR_NONE;
		if (has_now)
			next_item(c, &items);
		if (!past_of(c, &history, own, m, &bytes))
			bytes = now;
		/* Keys without an item then are given too, empty, so that the caller's position moves. */
		out[taken++] = (struct past_item){own, bytes};
	}
	scan_close(items.scan);
	scan_close(history.scan);
	return taken;
}

/* The records of one item, which the cursor stands on. */
static void change_of(struct call *c, struct cursor *h, uint64_t space, int64_t from_ms, int64_t to_ms, struct past_change *out)
{
	ASSERT(h->there);
	bool closed = false;
	*out = (struct past_change){.own_key = h->own};
	for (; h->there && str_eq(h->own, out->own_key); next_record(c, h)) {
		int64_t at;
		memcpy(&at, h->value.p, sizeof at);
		if (at < from_ms || closed)
			continue;
		struct str was = arena_dup(c->arena, str_slice(h->value, sizeof at, h->value.n));
		closed = at >= to_ms;
		if (closed)
			out->after = was;
		else if (out->at_ms == 0)
			out->before = was;
		if (!closed)
			out->at_ms = at;
	}
	if (out->at_ms == 0 || closed)
		return;
	struct buf b;
	space_key(c, &b, space);
	buf_str(&b, out->own_key);
	if (!txn_get(c->txn, buf_view(&b), c->arena, &out->after))
		out->after = STR_NONE;
}

uint32_t history_changes(struct call *c, uint64_t space, int64_t from_ms, int64_t to_ms, struct str after, struct past_change *out, uint32_t n)
{
	ASSERT(n > 0 && from_ms <= to_ms);
	struct cursor items, history;
	open_cursors(c, space, after, &items, &history);
	scan_close(items.scan);
	uint32_t taken = 0;
	while (taken < n && history.there)
		change_of(c, &history, space, from_ms, to_ms, &out[taken++]);
	scan_close(history.scan);
	return taken;
}

/* ---- forgetting ---- */

void history_trim_later(struct call *c, struct str table)
{
	job_put(c, "trim-history", table, c->now_ms + TRIM_EVERY_MS, S(""));
}

void ddb_job_trim_history(struct call *c, struct str id, struct str payload)
{
	ASSERT(txn_writable(c->txn) && id.n > 0);
	struct dynamodb_Table *r = table_record(c, id);
	if (r == NULL || !r->Recovery.v)
		return;
	int64_t days = r->RecoveryDays.set ? r->RecoveryDays.v : DAYS_DEFAULT, oldest = c->now_ms - days * 24 * 3600 * 1000;
	struct scan *s = call_scan(c, history_key(c, (uint64_t)r->Space.v), payload.n > 0 ? payload : STR_NONE, false);
	struct str key, value, last = STR_NONE;
	int n = 0;
	while (n < TRIM_AT_ONCE && scan_next(s, &key, &value)) {
		int64_t at;
		memcpy(&at, value.p, sizeof at);
		last = arena_dup(c->arena, key);
		if (at < oldest)
			txn_del(c->txn, last);
		n++;
	}
	scan_close(s);
	if (n == TRIM_AT_ONCE)
		job_put(c, "trim-history", id, c->now_ms, last);
	else
		history_trim_later(c, id);
}
