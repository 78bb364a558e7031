/* DescribeGlobalTableSettings and UpdateGlobalTableSettings (version 2017.11.29): the throughput of all members, shown and
 * changed together. A change is an UpdateTable in each region that differs, and a setting of auto scaling. */
#include "ops_global.h"
#include "ops_table.h"
#include "scaling.h"

static struct dynamodb_Table *required(struct call *c, struct str name)
{
	struct dynamodb_Table *r = table_record(c, name);
	if (r != NULL && r->Legacy.v)
		return r;
	call_fail(c, &dynamodb_err_GlobalTableNotFoundException, "Global table with name: '%.*s' does not exist.", STR_ARG(name));
	return NULL;
}

/* ---- showing ---- */

static struct dynamodb_ReplicaSettingsDescription described_member(struct call *c, const struct dynamodb_Table *r)
{
	ASSERT(r->Legacy.v);
	const struct dynamodb_TableDescription *d = r->Description;
	struct dynamodb_ReplicaSettingsDescription s = {.RegionName = c->region, .ReplicaStatus = d->TableStatus,
		.ReplicaBillingModeSummary = d->BillingModeSummary, .ReplicaTableClassSummary = d->TableClassSummary,
		.ReplicaProvisionedReadCapacityUnits = d->ProvisionedThroughput->ReadCapacityUnits,
		.ReplicaProvisionedWriteCapacityUnits = d->ProvisionedThroughput->WriteCapacityUnits,
		.ReplicaProvisionedReadCapacityAutoScalingSettings = scaling_shown(c, r, STR_NONE, true),
		.ReplicaProvisionedWriteCapacityAutoScalingSettings = scaling_shown(c, r, STR_NONE, false)};
	if (d->GlobalSecondaryIndexes.n > 0)
		s.ReplicaGlobalSecondaryIndexSettings =
			LIST_OF(c->arena, struct dynamodb_ReplicaGlobalSecondaryIndexSettingsDescription, d->GlobalSecondaryIndexes.n);
	for (uint32_t i = 0; i < d->GlobalSecondaryIndexes.n; i++) {
		const struct dynamodb_GlobalSecondaryIndexDescription *x =
			LIST_AT(d->GlobalSecondaryIndexes, struct dynamodb_GlobalSecondaryIndexDescription, i);
		*LIST_AT(s.ReplicaGlobalSecondaryIndexSettings, struct dynamodb_ReplicaGlobalSecondaryIndexSettingsDescription, i) =
			(struct dynamodb_ReplicaGlobalSecondaryIndexSettingsDescription){.IndexName = x->IndexName, .IndexStatus = x->IndexStatus,
				.ProvisionedReadCapacityUnits = x->ProvisionedThroughput->ReadCapacityUnits,
				.ProvisionedWriteCapacityUnits = x->ProvisionedThroughput->WriteCapacityUnits,
				.ProvisionedReadCapacityAutoScalingSettings = scaling_shown(c, r, x->IndexName, true),
				.ProvisionedWriteCapacityAutoScalingSettings = scaling_shown(c, r, x->IndexName, false)};
	}
	return s;
}

static struct list described(struct call *c, const struct dynamodb_Table *r)
{
	struct list regions = group_regions(c, r), all = LIST_OF(c->arena, struct dynamodb_ReplicaSettingsDescription, regions.n);
	for (uint32_t i = 0; i < regions.n; i++) {
		struct place home = place_enter(c, *LIST_AT(regions, struct str, i));
		const struct dynamodb_Table *member = table_record(c, r->Description->TableName);
		ASSERT(member != NULL);
		*LIST_AT(all, struct dynamodb_ReplicaSettingsDescription, i) = described_member(c, member);
		place_leave(c, home);
	}
	return all;
}

void ddb_describe_global_table_settings(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_DescribeGlobalTableSettings);
	const struct dynamodb_DescribeGlobalTableSettingsInput *in = c->in;
	struct dynamodb_DescribeGlobalTableSettingsOutput *out = c->out;
	struct dynamodb_Table *r = required(c, in->GlobalTableName);
	if (r == NULL)
		return;
	out->GlobalTableName = in->GlobalTableName;
	out->ReplicaSettings = described(c, r);
}

/* ---- changing ---- */

/* What is asked of one member. */
struct asked {
	const struct dynamodb_UpdateGlobalTableSettingsInput *in;
	const struct dynamodb_ReplicaSettingsUpdate *replica; /* NULL: nothing of this one alone */
};

static bool fail_no_index(struct call *c, struct str index)
{
	call_fail(c, &dynamodb_err_IndexNotFoundException, "Index not found: %.*s", STR_ARG(index));
	return false;
}

/* {"Read": .., "Write": ..}, or NULL when both stay as they are. */
static struct json *units(struct arena *a, const struct dynamodb_ProvisionedThroughputDescription *now, struct opt_i64 reads, struct opt_i64 writes)
{
	ASSERT(now != NULL);
	int64_t r = reads.set ? reads.v : now->ReadCapacityUnits.v, w = writes.set ? writes.v : now->WriteCapacityUnits.v;
	if (r == now->ReadCapacityUnits.v && w == now->WriteCapacityUnits.v)
		return NULL;
	struct json *j = json_new_object(a);
	json_set_i64(a, j, "ReadCapacityUnits", r > 0 ? r : w); /* a table that was on demand has neither yet */
	json_set_i64(a, j, "WriteCapacityUnits", w > 0 ? w : r);
	return j;
}

static struct opt_i64 index_writes(const struct asked *q, struct str index)
{
	for (uint32_t i = 0; i < q->in->GlobalTableGlobalSecondaryIndexSettingsUpdate.n; i++) {
		const struct dynamodb_GlobalTableGlobalSecondaryIndexSettingsUpdate *x =
			LIST_AT(q->in->GlobalTableGlobalSecondaryIndexSettingsUpdate, struct dynamodb_GlobalTableGlobalSecondaryIndexSettingsUpdate, i);
		if (str_eq(x->IndexName, index))
			return x->ProvisionedWriteCapacityUnits;
	}
	return (struct opt_i64){0};
}

static struct opt_i64 index_reads(const struct asked *q, struct str index)
{
	for (uint32_t i = 0; q->replica != NULL && i < q->replica->ReplicaGlobalSecondaryIndexSettingsUpdate.n; i++) {
		const struct dynamodb_ReplicaGlobalSecondaryIndexSettingsUpdate *x =
			LIST_AT(q->replica->ReplicaGlobalSecondaryIndexSettingsUpdate, struct dynamodb_ReplicaGlobalSecondaryIndexSettingsUpdate, i);
		if (str_eq(x->IndexName, index))
			return x->ProvisionedReadCapacityUnits;
	}
	return (struct opt_i64){0};
}

static struct json *index_changes(struct call *c, const struct asked *q, const struct dynamodb_TableDescription *d)
{
	ASSERT(d->ProvisionedThroughput != NULL);
	struct json *all = json_new_array(c->arena);
	for (uint32_t i = 0; i < d->GlobalSecondaryIndexes.n; i++) {
		const struct dynamodb_GlobalSecondaryIndexDescription *x =
			LIST_AT(d->GlobalSecondaryIndexes, struct dynamodb_GlobalSecondaryIndexDescription, i);
		struct json *u = units(c->arena, x->ProvisionedThroughput, index_reads(q, x->IndexName), index_writes(q, x->IndexName));
		if (u == NULL)
			continue;
		struct json *update = json_set(c->arena, json_push(c->arena, all, json_new_object(c->arena)), S("Update"), json_new_object(c->arena));
		json_set_str(c->arena, update, "IndexName", x->IndexName);
		json_set(c->arena, update, S("ProvisionedThroughput"), u);
	}
	return all;
}

/* UpdateTable in the member's region, when it would change something. */
static bool update_member(struct call *c, const struct asked *q, const struct dynamodb_Table *r)
{
	ASSERT(r->Legacy.v);
	const struct dynamodb_TableDescription *d = r->Description;
	struct arena *a = c->arena;
	struct json *in = json_new_object(a), *indexes = index_changes(c, q, d);
	struct opt_i64 reads = q->replica != NULL ? q->replica->ReplicaProvisionedReadCapacityUnits : (struct opt_i64){0};
	struct json *u = units(a, d->ProvisionedThroughput, reads, q->in->GlobalTableProvisionedWriteCapacityUnits);
	struct str mode = table_is_on_demand(d) ? S("PAY_PER_REQUEST") : S("PROVISIONED");
	json_set_str(a, in, "TableName", d->TableName);
	if (str_present(q->in->GlobalTableBillingMode) && !str_eq(mode, q->in->GlobalTableBillingMode))
		json_set_str(a, in, "BillingMode", q->in->GlobalTableBillingMode);
	if (u != NULL)
		json_set(a, in, S("ProvisionedThroughput"), u);
	if (indexes->n > 0)
		json_set(a, in, S("GlobalSecondaryIndexUpdates"), indexes);
	if (q->replica != NULL && str_present(q->replica->ReplicaTableClass))
		json_set_str(a, in, "TableClass", q->replica->ReplicaTableClass);
	if (in->n == 1)
		return true;
	struct invoked i = invoke(c, "dynamodb", "UpdateTable", in, NULL);
	if (!i.ok && !i.parked)
		call_fail_as(c, &i.error);
	return i.ok;
}

static bool scale_index(struct call *c, struct dynamodb_Table *r, struct str index, bool reads, const struct dynamodb_AutoScalingSettingsUpdate *u)
{
	if (table_index(table_of_record(c, r), index) == NULL)
		return fail_no_index(c, index);
	return u == NULL || scaling_set(c, r, index, reads, u);
}

static bool scale_member(struct call *c, const struct asked *q, struct dynamodb_Table *r)
{
	ASSERT(r->Legacy.v);
	const struct dynamodb_AutoScalingSettingsUpdate *writes = q->in->GlobalTableProvisionedWriteCapacityAutoScalingSettingsUpdate;
	if (writes != NULL && !scaling_set(c, r, STR_NONE, false, writes))
		return false;
	for (uint32_t i = 0; i < q->in->GlobalTableGlobalSecondaryIndexSettingsUpdate.n; i++) {
		const struct dynamodb_GlobalTableGlobalSecondaryIndexSettingsUpdate *x =
			LIST_AT(q->in->GlobalTableGlobalSecondaryIndexSettingsUpdate, struct dynamodb_GlobalTableGlobalSecondaryIndexSettingsUpdate, i);
		if (!scale_index(c, r, x->IndexName, false, x->ProvisionedWriteCapacityAutoScalingSettingsUpdate))
			return false;
	}
	if (q->replica == NULL)
		return true;
	const struct dynamodb_AutoScalingSettingsUpdate *reads = q->replica->ReplicaProvisionedReadCapacityAutoScalingSettingsUpdate;
	if (reads != NULL && !scaling_set(c, r, STR_NONE, true, reads))
		return false;
	for (uint32_t i = 0; i < q->replica->ReplicaGlobalSecondaryIndexSettingsUpdate.n; i++) {
		const struct dynamodb_ReplicaGlobalSecondaryIndexSettingsUpdate *x =
			LIST_AT(q->replica->ReplicaGlobalSecondaryIndexSettingsUpdate, struct dynamodb_ReplicaGlobalSecondaryIndexSettingsUpdate, i);
		if (!scale_index(c, r, x->IndexName, true, x->ProvisionedReadCapacityAutoScalingSettingsUpdate))
			return false;
	}
	return true;
}

static bool change_member(struct call *c, struct asked q, struct str name)
{
	struct list updates = q.in->ReplicaSettingsUpdate;
	for (uint32_t i = 0; i < updates.n; i++)
		if (str_eq(LIST_AT(updates, struct dynamodb_ReplicaSettingsUpdate, i)->RegionName, c->region))
			q.replica = LIST_AT(updates, struct dynamodb_ReplicaSettingsUpdate, i);
	struct dynamodb_Table *r = table_record(c, name);
	ASSERT(r != NULL && r->Legacy.v);
	if (!update_member(c, &q, r))
		return false;
	r = table_record(c, name);
	if (!scale_member(c, &q, r))
		return false;
	table_save(c, r);
	return true;
}

void ddb_update_global_table_settings(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_UpdateGlobalTableSettings);
	const struct dynamodb_UpdateGlobalTableSettingsInput *in = c->in;
	struct dynamodb_UpdateGlobalTableSettingsOutput *out = c->out;
	struct dynamodb_Table *r = required(c, in->GlobalTableName);
	if (r == NULL)
		return;
	struct list regions = group_regions(c, r);
	for (uint32_t i = 0; i < in->ReplicaSettingsUpdate.n; i++) {
		struct str region = LIST_AT(in->ReplicaSettingsUpdate, struct dynamodb_ReplicaSettingsUpdate, i)->RegionName;
		bool member = false;
		for (uint32_t j = 0; j < regions.n; j++)
			member = member || str_eq(*LIST_AT(regions, struct str, j), region);
		if (!member) {
			call_fail(c, &dynamodb_err_ReplicaNotFoundException, "Replica not found: the replica in %.*s is not part of the global table '%.*s'.",
			          STR_ARG(region), STR_ARG(in->GlobalTableName));
			return;
		}
	}
	for (uint32_t i = 0; i < regions.n && !c->failed; i++) {
		struct place home = place_enter(c, *LIST_AT(regions, struct str, i));
		change_member(c, (struct asked){in, NULL}, in->GlobalTableName);
		place_leave(c, home);
	}
	if (c->failed)
		return;
	out->GlobalTableName = in->GlobalTableName;
	out->ReplicaSettings = described(c, r);
}
