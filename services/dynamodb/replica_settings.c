/* What the members of a global table share, what each has for itself, and how they are shown; and the filling of a new
 * member. A member's own read capacity is one that differs from another's: it stays when the others' changes, and setting
 * it to the others' value makes it follow again. */
#include "ops_replica.h"
#include "seal.h"
#include "ttl.h"
#include "vector.h"

enum { REPLICATE_AT_ONCE = 1000 };

/* ---- following a change ---- */

struct change { const struct dynamodb_Table *was, *now; };

static void follow_units(struct dynamodb_ProvisionedThroughputDescription *mine, const struct dynamodb_ProvisionedThroughputDescription *was,
                         const struct dynamodb_ProvisionedThroughputDescription *now)
{
	ASSERT(mine != NULL && was != NULL && now != NULL);
	if (mine->ReadCapacityUnits.v == was->ReadCapacityUnits.v || mine->ReadCapacityUnits.v == 0 || now->ReadCapacityUnits.v == 0)
		mine->ReadCapacityUnits = now->ReadCapacityUnits;
	mine->WriteCapacityUnits = now->WriteCapacityUnits;
}

static int64_t most_reads(const struct dynamodb_OnDemandThroughput *t)
{
	return t != NULL && t->MaxReadRequestUnits.set ? t->MaxReadRequestUnits.v : -1;
}

static struct dynamodb_OnDemandThroughput *follow_most(struct call *c, const struct dynamodb_OnDemandThroughput *mine,
                                                       const struct dynamodb_OnDemandThroughput *was, const struct dynamodb_OnDemandThroughput *now)
{
	ASSERT(now == NULL || c->arena != NULL);
	if (now == NULL)
		return (struct dynamodb_OnDemandThroughput *)mine;
	struct dynamodb_OnDemandThroughput *fresh = arena_new_of(c->arena, struct dynamodb_OnDemandThroughput);
	*fresh = *now;
	if (most_reads(mine) != most_reads(was))
		fresh->MaxReadRequestUnits = mine != NULL ? mine->MaxReadRequestUnits : (struct opt_i64){0};
	return fresh;
}

static struct dynamodb_GlobalSecondaryIndexDescription *index_of(const struct dynamodb_Table *r, struct str name)
{
	struct list l = r->Description->GlobalSecondaryIndexes;
	for (uint32_t i = 0; i < l.n; i++)
		if (str_eq(LIST_AT(l, struct dynamodb_GlobalSecondaryIndexDescription, i)->IndexName, name))
			return LIST_AT(l, struct dynamodb_GlobalSecondaryIndexDescription, i);
	return NULL;
}

static void follow_indexes(struct call *c, struct dynamodb_Table *r, const struct change *x)
{
	struct list *mine = &r->Description->GlobalSecondaryIndexes;
	for (uint32_t i = mine->n; i > 0; i--)
		if (index_of(x->now, LIST_AT(*mine, struct dynamodb_GlobalSecondaryIndexDescription, i - 1)->IndexName) == NULL)
			index_drop(c, r, i - 1);
	struct list theirs = x->now->Description->GlobalSecondaryIndexes;
	for (uint32_t i = 0; i < theirs.n; i++) {
		const struct dynamodb_GlobalSecondaryIndexDescription *now = LIST_AT(theirs, struct dynamodb_GlobalSecondaryIndexDescription, i);
		const struct dynamodb_GlobalSecondaryIndexDescription *was = index_of(x->was, now->IndexName);
		struct dynamodb_GlobalSecondaryIndexDescription *have = index_of(r, now->IndexName);
		if (have == NULL) {
			index_add(c, r, now);
			continue;
		}
		ASSERT(was != NULL); /* members have the same indexes */
		follow_units(have->ProvisionedThroughput, was->ProvisionedThroughput, now->ProvisionedThroughput);
		have->WarmThroughput = now->WarmThroughput;
		have->OnDemandThroughput = follow_most(c, have->OnDemandThroughput, was->OnDemandThroughput, now->OnDemandThroughput);
	}
}

static void follow(struct call *c, struct dynamodb_Table *r, const void *arg)
{
	const struct change *x = arg;
	ASSERT(x->was != x->now);
	const struct dynamodb_TableDescription *was = x->was->Description, *now = x->now->Description;
	struct dynamodb_TableDescription *d = r->Description;
	d->AttributeDefinitions = now->AttributeDefinitions;
	d->BillingModeSummary = now->BillingModeSummary;
	d->WarmThroughput = now->WarmThroughput;
	follow_units(d->ProvisionedThroughput, was->ProvisionedThroughput, now->ProvisionedThroughput);
	d->OnDemandThroughput = follow_most(c, d->OnDemandThroughput, was->OnDemandThroughput, now->OnDemandThroughput);
	follow_indexes(c, r, x);
	vector_follow(c, r, x->now);
	int64_t class_was = was->TableClassSummary != NULL ? was->TableClassSummary->LastUpdateDateTime.ms : 0;
	if (now->TableClassSummary != NULL && now->TableClassSummary->LastUpdateDateTime.ms != class_was)
		d->TableClassSummary = now->TableClassSummary;
	bool encrypted = now->SSEDescription != NULL && str_eq(now->SSEDescription->Status, S("ENABLED"));
	if (encrypted && (d->SSEDescription == NULL || !str_eq(d->SSEDescription->Status, S("ENABLED")))) {
		d->SSEDescription = arena_new_of(c->arena, struct dynamodb_SSEDescription);
		d->SSEDescription->Status = now->SSEDescription->Status;
		d->SSEDescription->SSEType = now->SSEDescription->SSEType;
		if (!seal_under(c, r)) /* the key is each region's own */
			return;
	} else if (!encrypted && d->SSEDescription != NULL) {
		d->SSEDescription = now->SSEDescription;
		if (!seal_release(c, r))
			return;
	}
	table_save(c, r);
}

void replica_follow(struct call *c, const struct dynamodb_Table *was, const struct dynamodb_Table *now)
{
	ASSERT(is_replicated(now) && was != now);
	replica_each(c, now, follow, &(struct change){was, now});
}

static void follow_writes(struct call *c, struct dynamodb_Table *r, const void *arg)
{
	const struct dynamodb_Table *now = arg;
	struct list indexes = now->Description->GlobalSecondaryIndexes;
	r->Description->ProvisionedThroughput->WriteCapacityUnits = now->Description->ProvisionedThroughput->WriteCapacityUnits;
	for (uint32_t i = 0; i < indexes.n; i++) {
		const struct dynamodb_GlobalSecondaryIndexDescription *x = LIST_AT(indexes, struct dynamodb_GlobalSecondaryIndexDescription, i);
		struct dynamodb_GlobalSecondaryIndexDescription *mine = index_of(r, x->IndexName);
		if (mine != NULL)
			mine->ProvisionedThroughput->WriteCapacityUnits = x->ProvisionedThroughput->WriteCapacityUnits;
	}
	table_save(c, r);
}

void replica_follow_writes(struct call *c, const struct dynamodb_Table *now)
{
	replica_each(c, now, follow_writes, now);
}

/* ---- showing ---- */

static struct dynamodb_ProvisionedThroughputOverride *shown_units(struct arena *a, const struct dynamodb_ProvisionedThroughputDescription *mine,
                                                                  const struct dynamodb_ProvisionedThroughputDescription *theirs)
{
	if (mine->ReadCapacityUnits.v == theirs->ReadCapacityUnits.v)
		return NULL;
	struct dynamodb_ProvisionedThroughputOverride *o = arena_new_of(a, struct dynamodb_ProvisionedThroughputOverride);
	o->ReadCapacityUnits = theirs->ReadCapacityUnits;
	return o;
}

static struct dynamodb_OnDemandThroughputOverride *shown_most(struct arena *a, const struct dynamodb_OnDemandThroughput *mine,
                                                              const struct dynamodb_OnDemandThroughput *theirs)
{
	if (most_reads(mine) == most_reads(theirs) || theirs == NULL)
		return NULL;
	struct dynamodb_OnDemandThroughputOverride *o = arena_new_of(a, struct dynamodb_OnDemandThroughputOverride);
	o->MaxReadRequestUnits = theirs->MaxReadRequestUnits;
	return o;
}

struct dynamodb_ReplicaDescription replica_shown(struct call *c, const struct dynamodb_Table *from, const struct dynamodb_Table *other)
{
	ASSERT(str_eq(from->Description->TableName, other->Description->TableName));
	const struct dynamodb_TableDescription *mine = from->Description, *theirs = other->Description;
	struct dynamodb_ReplicaDescription d = {.RegionName = c->region, .ReplicaStatus = theirs->TableStatus,
		.ProvisionedThroughputOverride = shown_units(c->arena, mine->ProvisionedThroughput, theirs->ProvisionedThroughput),
		.OnDemandThroughputOverride = shown_most(c->arena, mine->OnDemandThroughput, theirs->OnDemandThroughput),
		.ReplicaTableClassSummary = theirs->TableClassSummary, .GlobalTableSettingsReplicationMode = S("ENABLED_WITH_OVERRIDES")};
	if (theirs->SSEDescription != NULL)
		d.KMSMasterKeyId = theirs->SSEDescription->KMSMasterKeyArn;
	struct list indexes = theirs->GlobalSecondaryIndexes;
	if (indexes.n > 0)
		d.GlobalSecondaryIndexes = LIST_OF(c->arena, struct dynamodb_ReplicaGlobalSecondaryIndexDescription, indexes.n);
	for (uint32_t i = 0; i < indexes.n; i++) {
		const struct dynamodb_GlobalSecondaryIndexDescription *x = LIST_AT(indexes, struct dynamodb_GlobalSecondaryIndexDescription, i);
		const struct dynamodb_GlobalSecondaryIndexDescription *own = index_of(from, x->IndexName);
		struct dynamodb_ReplicaGlobalSecondaryIndexDescription *s =
			LIST_AT(d.GlobalSecondaryIndexes, struct dynamodb_ReplicaGlobalSecondaryIndexDescription, i);
		s->IndexName = x->IndexName;
		if (own == NULL)
			continue;
		s->ProvisionedThroughputOverride = shown_units(c->arena, own->ProvisionedThroughput, x->ProvisionedThroughput);
		s->OnDemandThroughputOverride = shown_most(c->arena, own->OnDemandThroughput, x->OnDemandThroughput);
	}
	return d;
}

struct show { const struct dynamodb_Table *from; struct list *to; };

static void show_other(struct call *c, struct dynamodb_Table *other, const void *arg)
{
	const struct show *s = arg;
	struct dynamodb_ReplicaDescription *all = s->to->v;
	all[s->to->n++] = replica_shown(c, s->from, other);
}

void replica_describe(struct call *c, const struct dynamodb_Table *r, struct dynamodb_TableDescription *d)
{
	ASSERT(d != r->Description);
	if (!is_replicated(r) || r->Legacy.v)
		return; /* version 2017.11.29 is shown by operations of its own */
	d->GlobalTableVersion = S("2019.11.21");
	d->GlobalTableSettingsReplicationMode = S("ENABLED_WITH_OVERRIDES");
	d->Replicas = LIST_OF(c->arena, struct dynamodb_ReplicaDescription, r->Regions.n);
	d->Replicas.n = 0;
	replica_each(c, r, show_other, &(struct show){r, &d->Replicas});
	if (r->Strong.v)
		d->MultiRegionConsistency = S("STRONG");
	if (str_present(r->Witness)) {
		d->GlobalTableWitnesses = LIST_OF(c->arena, struct dynamodb_GlobalTableWitnessDescription, 1);
		*LIST_AT(d->GlobalTableWitnesses, struct dynamodb_GlobalTableWitnessDescription, 0) =
			(struct dynamodb_GlobalTableWitnessDescription){r->Witness, S("ACTIVE")};
	}
}

/* ---- filling a new member ---- */

/* A batch of the source's items; n below the batch's size: that was the end. In the source's region. */
static uint32_t read_source(struct call *c, struct table *t, struct str position, struct str *items, struct str *last)
{
	struct buf b;
	space_key(c, &b, t->space);
	struct str key, value, from = buf_view(&b), to = key_after(c->arena, from);
	if (position.n > 0)
		from = arena_join(c->arena, position, str_of("\0", 1));
	struct scan *s = scan_open(c->txn, from, to, false);
	uint32_t n = 0;
	while (n < REPLICATE_AT_ONCE && scan_next(s, &key, &value)) {
		*last = arena_dup(c->arena, key);
		items[n++] = open_value(c, t, *last, arena_dup(c->arena, value));
	}
	scan_close(s);
	return n;
}

/* What was written meanwhile is here already, and the same: writing it again changes nothing. No change records. */
static void fill(struct call *c, struct table *t, const struct str *items, uint32_t n)
{
	struct consumed used;
	consumed_init(c, t, &used, false);
	t->stream = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct av item;
		bool ok = item_decode(c->arena, items[i], &item);
		ASSERT(ok);
		struct stored old;
		struct str key = item_key(c, t, &item);
		item_load(c, t, key, &old);
		item_write_here(c, t, key, &old, &item, false, &used);
	}
}

void ddb_job_replicate(struct call *c, struct str id, struct str payload)
{
	ASSERT(txn_writable(c->txn) && id.n > 0);
	struct dynamodb_Table *r = table_record(c, id);
	if (r == NULL || !str_eq(r->Description->TableStatus, S("CREATING")))
		return;
	struct dynamodb_ReplicaCopy *copy = typed_from_cbor(c->arena, &dynamodb_shape_ReplicaCopy, payload);
	ASSERT(copy != NULL);
	struct str *items = arena_array(c->arena, struct str, REPLICATE_AT_ONCE);
	struct place home = place_enter(c, copy->Source);
	struct dynamodb_Table *source = table_record(c, id); /* NULL, deleted: what it had is in the other members */
	struct table *from = source != NULL ? table_of_record(c, source) : NULL, *t = table_of_record(c, r);
	bool usable = from == NULL || table_unsealed(c, from);
	uint32_t n = from != NULL && usable ? read_source(c, from, copy->Position, items, &copy->Position) : 0;
	place_leave(c, home);
	if (!usable || !table_unsealed(c, t)) {
		job_put(c, "replicate", id, c->now_ms + KEY_RETRY_MS, payload);
		return;
	}
	fill(c, t, items, n);
	if (n == REPLICATE_AT_ONCE) {
		job_put(c, "replicate", id, c->now_ms, typed_to_cbor(c->arena, &dynamodb_shape_ReplicaCopy, copy));
		return;
	}
	r->Description->TableStatus = S("ACTIVE");
	table_save(c, r);
}
