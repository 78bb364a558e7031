/* Time to live. While it is enabled every item with a usable time stands in an order of expiry:
 *   (dynamodb, account, region, "ttl") u64 space, i64 second, item key's bytes -> item key
 * A sweeper runs every minute of the service clock (so turning the clock makes it run at once) and deletes what is
 * due, as the service itself: the change record says so in userIdentity. The order may have more than that, from before it was disabled
 * and enabled again; the item decides. Source: "Using time to live (TTL) in
 * DynamoDB" (Developer Guide): whole seconds in a Number; times over five years ago are passed over. */
#include "ttl.h"

#include "ops_table.h"
#include "replica.h"
#include "seal.h"

enum { SWEEP_EVERY_MS = 60 * 1000, SWEEP_AT_ONCE = 1000, FILL_AT_ONCE = 1000 };
static const int64_t too_old_s = (int64_t)5 * 366 * 24 * 3600;

/* The second an item expires; false when it has none. */
static bool expiry_of(const struct table *t, const struct av *item, int64_t *second)
{
	ASSERT(second != NULL);
	const struct av *v = item != NULL ? av_get(item, t->record->TtlAttribute) : NULL;
	if (v == NULL || v->type != AV_N)
		return false;
	struct str whole = v->s;
	ptrdiff_t point = str_find(whole, '.');
	if (point >= 0)
		whole = str_slice(whole, 0, (size_t)point);
	return str_to_i64(whole, second) && *second > 0;
}

static struct key *expiry_key(struct call *c, const struct table *t, int64_t second, struct str item_key)
{
	ASSERT(second > 0 && item_key.n > 0);
	return key_raw(key_i64(key_u64(call_key(c, "ttl"), t->space), second), item_key);
}

void ttl_track(struct call *c, const struct table *t, struct str item_key, const struct av *old, const struct av *fresh)
{
	ASSERT(t->record->TtlEnabled.v && (old != NULL || fresh != NULL));
	int64_t before, after;
	bool had = expiry_of(t, old, &before), has = expiry_of(t, fresh, &after);
	if (had && has && before == after)
		return;
	if (had)
		call_del(c, expiry_key(c, t, before, item_key));
	if (has)
		txn_put(c->txn, key_bytes(expiry_key(c, t, after, item_key)), item_key);
}

static void sweep_later(struct call *c, struct str table)
{
	job_put(c, "ttl-sweep", table, c->now_ms + SWEEP_EVERY_MS, S(""));
}

void ttl_set(struct call *c, struct dynamodb_Table *r, bool enable, struct str attribute)
{
	ASSERT(enable != r->TtlEnabled.v);
	r->TtlEnabled = SOME_BOOL(enable);
	if (enable) {
		r->TtlAttribute = attribute;
		purge_cancel(c, "ttl", (uint64_t)r->Space.v);
		job_put(c, "ttl-fill", r->Description->TableName, c->now_ms, S(""));
		sweep_later(c, r->Description->TableName);
	} else {
		job_drop(c, "ttl-sweep", r->Description->TableName);
		purge_space(c, "ttl", (uint64_t)r->Space.v);
	}
}

/* Every member of a global table has the same time to live. */
static void set_other(struct call *c, struct dynamodb_Table *other, const void *arg)
{
	const struct dynamodb_TimeToLiveSpecification *s = arg;
	if (other->TtlEnabled.v == s->Enabled.v)
		return;
	ttl_set(c, other, s->Enabled.v, s->AttributeName);
	table_save(c, other);
}

void ddb_update_time_to_live(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_UpdateTimeToLive);
	const struct dynamodb_UpdateTimeToLiveInput *in = c->in;
	struct dynamodb_UpdateTimeToLiveOutput *out = c->out;
	struct dynamodb_Table *r = table_required(c, in->TableName);
	if (r == NULL)
		return;
	bool enable = in->TimeToLiveSpecification->Enabled.v;
	if (r->Strong.v) {
		fail_validation(c, "Time to live is not supported for global tables with MultiRegionConsistency set to STRONG.");
		return;
	}
	if (enable == r->TtlEnabled.v) {
		fail_validation(c, "TimeToLive is already %s", enable ? "enabled" : "disabled");
		return;
	}
	if (!enable && !str_eq(r->TtlAttribute, in->TimeToLiveSpecification->AttributeName)) {
		fail_validation(c, "TimeToLive is active on a different AttributeName: current AttributeName is %.*s", STR_ARG(r->TtlAttribute));
		return;
	}
	ttl_set(c, r, enable, in->TimeToLiveSpecification->AttributeName);
	table_save(c, r);
	if (!r->Legacy.v)
		replica_each(c, r, set_other, in->TimeToLiveSpecification);
	out->TimeToLiveSpecification = in->TimeToLiveSpecification;
}

void ddb_describe_time_to_live(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_DescribeTimeToLive);
	const struct dynamodb_DescribeTimeToLiveInput *in = c->in;
	struct dynamodb_DescribeTimeToLiveOutput *out = c->out;
	struct dynamodb_Table *r = table_required(c, in->TableName);
	if (r == NULL)
		return;
	if (str_eq(r->Description->TableStatus, S("CREATING"))) {
		fail_validation(c, "Cannot describe time to live while table is in CREATING state: Current table state is CREATING");
		return;
	}
	out->TimeToLiveDescription = arena_new_of(c->arena, struct dynamodb_TimeToLiveDescription);
	out->TimeToLiveDescription->TimeToLiveStatus = r->TtlEnabled.v ? S("ENABLED") : S("DISABLED");
	if (r->TtlEnabled.v)
		out->TimeToLiveDescription->AttributeName = r->TtlAttribute;
}

/* A place in the order of expiry. */
struct entry { struct str key, item; int64_t second; };

static void expire(struct call *c, const struct table *t, const struct entry *e)
{
	struct stored old;
	int64_t second;
	item_load(c, t, e->item, &old);
	if (!old.found || !expiry_of(t, &old.item, &second) || second != e->second) {
		txn_del(c->txn, e->key); /* left over */
		return;
	}
	struct consumed used;
	consumed_init(c, t, &used, false);
	item_write(c, t, e->item, &old, NULL, true, &used);
	count_metric(c, t->name, "TimeToLiveDeletedItemCount", 1);
}

void ddb_job_ttl_sweep(struct call *c, struct str id, struct str payload)
{
	ASSERT(txn_writable(c->txn) && id.n > 0);
	(void)payload;
	struct dynamodb_Table *r = table_record(c, id);
	if (r == NULL || !r->TtlEnabled.v)
		return;
	struct table *t = table_of_record(c, r);
	if (!table_unsealed(c, t)) {
		sweep_later(c, id);
		return;
	}
	int64_t now_s = c->now_ms / 1000;
	struct key *whole = key_u64(call_key(c, "ttl"), t->space);
	size_t skip = key_bytes(whole).n, n = 0;
	struct key *from = key_i64(whole, now_s - too_old_s), *to = key_i64(key_u64(call_key(c, "ttl"), t->space), now_s + 1);
	struct entry *due = arena_array(c->arena, struct entry, SWEEP_AT_ONCE);
	struct str key, value;
	struct scan *s = scan_open(c->txn, key_bytes(from), key_bytes(to), false);
	while (n < SWEEP_AT_ONCE && scan_next(s, &key, &value)) {
		struct key_reader reader = key_reader_of(str_slice(key, skip, key.n));
		bool ok = key_read_i64(&reader, &due[n].second);
		ASSERT(ok);
		due[n].key = arena_dup(c->arena, key);
		due[n++].item = arena_dup(c->arena, value);
	}
	scan_close(s);
	for (size_t i = 0; i < n; i++)
		expire(c, t, &due[i]);
	if (n == SWEEP_AT_ONCE)
		job_put(c, "ttl-sweep", id, c->now_ms, S(""));
	else
		sweep_later(c, id);
}

/* Put the items that were there before into the order, a batch a run; payload: where to go on. */
void ddb_job_ttl_fill(struct call *c, struct str id, struct str payload)
{
	ASSERT(txn_writable(c->txn) && id.n > 0);
	struct dynamodb_Table *r = table_record(c, id);
	if (r == NULL || !r->TtlEnabled.v)
		return;
	struct table *t = table_of_record(c, r);
	if (!table_unsealed(c, t)) {
		job_put(c, "ttl-fill", id, c->now_ms + KEY_RETRY_MS, payload);
		return;
	}
	struct buf b;
	space_key(c, &b, t->space);
	struct str key, value, from = buf_view(&b), to = key_after(c->arena, from), last = STR_NONE;
	if (payload.n > 0)
		from = arena_join(c->arena, payload, str_of("\0", 1));
	struct scan *s = scan_open(c->txn, from, to, false);
	int n = 0;
	while (n < FILL_AT_ONCE && scan_next(s, &key, &value)) {
		struct av item;
		last = arena_dup(c->arena, key);
		bool ok = item_decode(c->arena, open_value(c, t, last, arena_dup(c->arena, value)), &item);
		ASSERT(ok);
		ttl_track(c, t, last, NULL, &item);
		n++;
	}
	scan_close(s);
	if (n == FILL_AT_ONCE)
		job_put(c, "ttl-fill", id, c->now_ms, last);
}
