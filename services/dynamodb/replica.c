/* Members of a global table and writes to all of them: see replica.h. UpdateTable's side is in ops_replica.c, version
 * 2017.11.29's in ops_global.c. */
#include "replica.h"

#include "seal.h"

struct place place_enter(struct call *c, struct str region)
{
	ASSERT(str_present(region));
	struct place home = {c->region, c->memo};
	c->region = region;
	c->memo = NULL; /* it knows tables by name only */
	return home;
}

void place_leave(struct call *c, struct place home)
{
	ASSERT(str_present(home.region));
	c->region = home.region;
	c->memo = home.memo;
}

struct str replica_region(const struct dynamodb_Table *r, uint32_t i)
{
	return *LIST_AT(r->Regions, struct str, i);
}

void replica_each(struct call *c, const struct dynamodb_Table *r, void (*fn)(struct call *c, struct dynamodb_Table *other, const void *arg),
                  const void *arg)
{
	for (uint32_t i = 0; i < r->Regions.n && !c->failed; i++) {
		ASSERT(!str_eq(replica_region(r, i), c->region));
		struct place home = place_enter(c, replica_region(r, i));
		struct dynamodb_Table *other = table_record(c, r->Description->TableName);
		ASSERT(other != NULL && is_replicated(other)); /* members know one another */
		fn(c, other, arg);
		place_leave(c, home);
	}
}

/* ---- membership ---- */

static void add_region(struct call *c, struct dynamodb_Table *r, struct str region)
{
	ASSERT(str_present(region) && !str_eq(region, c->region));
	struct str *all = arena_grow(c->arena, r->Regions.v, sizeof *all, r->Regions.n, (size_t)r->Regions.n + 1);
	all[r->Regions.n] = region;
	r->Regions = (struct list){all, r->Regions.n + 1, true};
}

static void stand_alone(struct dynamodb_Table *r)
{
	r->Regions = (struct list){0};
	r->Legacy = r->Strong = (struct opt_bool){0};
	r->Witness = STR_NONE;
	r->SourceRegion = STR_NONE;
	r->JoinedAt = (struct opt_time){0};
}

static void drop_region(struct dynamodb_Table *r, struct str region)
{
	struct str *all = r->Regions.v;
	uint32_t n = 0;
	for (uint32_t i = 0; i < r->Regions.n; i++)
		if (!str_eq(all[i], region))
			all[n++] = all[i];
	ASSERT(n + 1 == r->Regions.n);
	r->Regions.n = n;
	if (n == 0 && !r->Legacy.v)
		stand_alone(r);
}

static void add_to_other(struct call *c, struct dynamodb_Table *other, const void *arg)
{
	add_region(c, other, *(const struct str *)arg);
	table_save(c, other);
}

static void drop_from_other(struct call *c, struct dynamodb_Table *other, const void *arg)
{
	drop_region(other, *(const struct str *)arg);
	table_save(c, other);
}

void replica_join(struct call *c, struct dynamodb_Table *r, struct str region)
{
	ASSERT(!str_eq(region, c->region));
	replica_each(c, r, add_to_other, &region);
	add_region(c, r, region);
}

void replica_depart(struct call *c, struct dynamodb_Table *r)
{
	ASSERT(in_group(r));
	struct str here = c->region;
	replica_each(c, r, drop_from_other, &here);
	stand_alone(r);
}

/* ---- writes ---- */

static struct table *other_table(struct call *c, const struct table *t, uint32_t i)
{
	if (t->replicas[i] == NULL) {
		struct dynamodb_Table *r = table_record(c, t->name);
		ASSERT(r != NULL && is_replicated(r));
		t->replicas[i] = table_of_record(c, r);
	}
	return t->replicas[i];
}

/* What version 2017.11.29 writes into each item: when and where it was last changed. */
static struct av mark(struct call *c, const struct av *item)
{
	ASSERT(item->type == AV_M);
	struct av marked = av_copy(c->arena, item);
	struct av deleting = {.type = AV_BOOL}, region = av_string(c->region);
	struct av at = {.type = AV_N, .s = arena_printf(c->arena, "%lld.%03d001", (long long)(c->now_ms / 1000), (int)(c->now_ms % 1000))};
	av_set(c->arena, &marked, S("aws:rep:deleting"), &deleting);
	av_set(c->arena, &marked, S("aws:rep:updatetime"), &at);
	av_set(c->arena, &marked, S("aws:rep:updateregion"), &region);
	return marked;
}

static void write_there(struct call *c, struct table *t, struct str from, const struct av *item, const struct av *fresh)
{
	ASSERT(item != NULL && t->space != 0);
	struct stored old;
	if (!table_unsealed(c, t))
		seal_missed(c, t);
	if (t->record->Seal != NULL && (t->seal == NULL || t->record->Missed.v))
		return; /* it will be filled again */
	struct str key = item_key(c, t, item);
	item_load(c, t, key, &old);
	struct consumed used;
	consumed_init(c, t, &used, false);
	item_write_here(c, t, key, &old, fresh, false, &used);
	count_metrics(c, t, &used, NULL, -1);
	count_replication(c, t->name, from);
}

void replica_write(struct call *c, const struct table *t, struct str key, const struct stored *old, const struct av *fresh,
                   bool by_ttl, struct consumed *used)
{
	ASSERT(in_group(t->record) && (t->replicas != NULL) == is_replicated(t->record));
	struct av marked;
	if (t->record->Legacy.v && fresh != NULL) {
		marked = mark(c, fresh);
		fresh = &marked;
	}
	item_write_here(c, t, key, old, fresh, by_ttl, used);
	if (fresh == NULL && !old->found)
		return;
	for (uint32_t i = 0; i < t->record->Regions.n; i++) {
		struct place home = place_enter(c, replica_region(t->record, i));
		write_there(c, other_table(c, t, i), home.region, fresh != NULL ? fresh : &old->item, fresh);
		place_leave(c, home);
	}
}
