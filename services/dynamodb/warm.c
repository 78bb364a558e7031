/* Warm throughput: what a table or a global index can take at once, the more of what was asked for and what its mode gives.
 *
 * There is nothing to warm here, so it is granted at once, never taken back, and shown. Source: "Understanding DynamoDB warm
 * throughput" (Developer Guide); sentences are the service's own. */
#include "ops_table.h"

#define INVALID "One or more parameter values were invalid: "
enum { ON_DEMAND_READS = 12000, ON_DEMAND_WRITES = 4000 };

/* Whose it is. */
struct warm_of { struct str index; bool creating, on_demand; const struct dynamodb_ProvisionedThroughputDescription *p; };

static int64_t more(struct opt_i64 stored, int64_t least) { return stored.set && stored.v > least ? stored.v : least; }

static int64_t least_reads(bool on_demand, const struct dynamodb_ProvisionedThroughputDescription *p)
{
	return on_demand ? ON_DEMAND_READS : p->ReadCapacityUnits.v;
}

static int64_t least_writes(bool on_demand, const struct dynamodb_ProvisionedThroughputDescription *p)
{
	return on_demand ? ON_DEMAND_WRITES : p->WriteCapacityUnits.v;
}

static bool check(struct call *c, const struct warm_of *w, const char *what, struct opt_i64 asked, int64_t now)
{
	bool reads = what[0] == 'R';
	if (!asked.set || asked.v >= now)
		return true;
	struct str of = str_present(w->index) ? arena_join(c->arena, S("index "), w->index) : S("table");
	if (!w->creating)
		fail_validation(c, INVALID "Requested %s for WarmThroughput for %.*s is lower than current WarmThroughput, decreasing WarmThroughput is "
		                           "not supported", what, STR_ARG(of));
	else if (w->on_demand)
		fail_validation(c, INVALID "Requested %s for WarmThroughput for %.*s is lower than initial throughput for OnDemand.", what, STR_ARG(of));
	else
		fail_validation(c, INVALID "Requested %s for WarmThroughput for %.*s is lower than %s of ProvisionedThroughput", what, STR_ARG(of),
		                reads ? "ReadCapacityUnits" : "WriteCapacityUnits");
	return false;
}

static bool ask(struct call *c, const struct warm_of *w, const struct dynamodb_WarmThroughput *asked, struct opt_i64 *reads, struct opt_i64 *writes)
{
	ASSERT(w->p != NULL);
	if (asked == NULL)
		return true;
	int64_t r = more(*reads, least_reads(w->on_demand, w->p)), s = more(*writes, least_writes(w->on_demand, w->p));
	if (!check(c, w, "ReadUnitsPerSecond", asked->ReadUnitsPerSecond, r) || !check(c, w, "WriteUnitsPerSecond", asked->WriteUnitsPerSecond, s))
		return false;
	*reads = SOME_I64(more(asked->ReadUnitsPerSecond, r));
	*writes = SOME_I64(more(asked->WriteUnitsPerSecond, s));
	return true;
}

bool warm_table(struct call *c, struct dynamodb_TableDescription *d, const struct dynamodb_WarmThroughput *asked, bool creating)
{
	const struct warm_of w = {.creating = creating, .on_demand = table_is_on_demand(d), .p = d->ProvisionedThroughput};
	struct dynamodb_TableWarmThroughputDescription *now = arena_new_of(c->arena, struct dynamodb_TableWarmThroughputDescription);
	if (asked == NULL)
		return true;
	if (d->WarmThroughput != NULL)
		*now = *d->WarmThroughput;
	d->WarmThroughput = now;
	return ask(c, &w, asked, &now->ReadUnitsPerSecond, &now->WriteUnitsPerSecond);
}

bool warm_index(struct call *c, struct dynamodb_GlobalSecondaryIndexDescription *x, const struct dynamodb_WarmThroughput *asked, bool on_demand,
                bool creating)
{
	const struct warm_of w = {.index = x->IndexName, .creating = creating, .on_demand = on_demand, .p = x->ProvisionedThroughput};
	struct dynamodb_GlobalSecondaryIndexWarmThroughputDescription *now =
		arena_new_of(c->arena, struct dynamodb_GlobalSecondaryIndexWarmThroughputDescription);
	if (asked == NULL)
		return true;
	if (x->WarmThroughput != NULL)
		*now = *x->WarmThroughput;
	x->WarmThroughput = now;
	return ask(c, &w, asked, &now->ReadUnitsPerSecond, &now->WriteUnitsPerSecond);
}

void warm_describe(struct call *c, struct dynamodb_TableDescription *d)
{
	bool on_demand = table_is_on_demand(d);
	struct dynamodb_TableWarmThroughputDescription *t = arena_new_of(c->arena, struct dynamodb_TableWarmThroughputDescription);
	if (d->WarmThroughput != NULL)
		*t = *d->WarmThroughput;
	t->ReadUnitsPerSecond = SOME_I64(more(t->ReadUnitsPerSecond, least_reads(on_demand, d->ProvisionedThroughput)));
	t->WriteUnitsPerSecond = SOME_I64(more(t->WriteUnitsPerSecond, least_writes(on_demand, d->ProvisionedThroughput)));
	t->Status = S("ACTIVE");
	d->WarmThroughput = t;
	for (uint32_t i = 0; i < d->GlobalSecondaryIndexes.n; i++) {
		struct dynamodb_GlobalSecondaryIndexDescription *x = LIST_AT(d->GlobalSecondaryIndexes, struct dynamodb_GlobalSecondaryIndexDescription, i);
		struct dynamodb_GlobalSecondaryIndexWarmThroughputDescription *w =
			arena_new_of(c->arena, struct dynamodb_GlobalSecondaryIndexWarmThroughputDescription);
		if (x->WarmThroughput != NULL)
			*w = *x->WarmThroughput;
		w->ReadUnitsPerSecond = SOME_I64(more(w->ReadUnitsPerSecond, least_reads(on_demand, x->ProvisionedThroughput)));
		w->WriteUnitsPerSecond = SOME_I64(more(w->WriteUnitsPerSecond, least_writes(on_demand, x->ProvisionedThroughput)));
		w->Status = S("ACTIVE");
		x->WarmThroughput = w;
	}
}

void warm_updating(struct call *c, struct dynamodb_TableDescription *d, bool indexes)
{
	if (d->WarmThroughput != NULL) {
		const struct dynamodb_TableWarmThroughputDescription *was = d->WarmThroughput;
		d->WarmThroughput = arena_new_of(c->arena, struct dynamodb_TableWarmThroughputDescription);
		*d->WarmThroughput = *was;
		d->WarmThroughput->Status = S("UPDATING");
	}
	uint32_t n = indexes ? d->GlobalSecondaryIndexes.n : 0;
	struct list all = n > 0 ? LIST_OF(c->arena, struct dynamodb_GlobalSecondaryIndexDescription, n) : d->GlobalSecondaryIndexes;
	for (uint32_t i = 0; i < n; i++) {
		struct dynamodb_GlobalSecondaryIndexDescription *x = LIST_AT(all, struct dynamodb_GlobalSecondaryIndexDescription, i);
		*x = *LIST_AT(d->GlobalSecondaryIndexes, struct dynamodb_GlobalSecondaryIndexDescription, i);
		if (x->WarmThroughput == NULL)
			continue;
		const struct dynamodb_GlobalSecondaryIndexWarmThroughputDescription *was = x->WarmThroughput;
		x->WarmThroughput = arena_new_of(c->arena, struct dynamodb_GlobalSecondaryIndexWarmThroughputDescription);
		*x->WarmThroughput = *was;
		x->WarmThroughput->Status = S("UPDATING");
	}
	d->GlobalSecondaryIndexes = all;
}
