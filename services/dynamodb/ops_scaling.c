/* DescribeTableReplicaAutoScaling and UpdateTableReplicaAutoScaling: the settings of all members of a global table of
 * version 2019.11.21 at once. Writes are set for all members alike, reads for each. */
#include "ops_global.h"
#include "ops_table.h"
#include "scaling.h"

/* The member in c's region, or ResourceNotFoundException as the service words it for this. */
static struct dynamodb_Table *required(struct call *c, struct str name_or_arn)
{
	struct str name = table_name_of(c, name_or_arn);
	if (!str_present(name))
		return NULL;
	struct dynamodb_Table *r = table_record(c, name);
	if (r != NULL && is_replicated(r) && !r->Legacy.v)
		return r;
	call_fail(c, &dynamodb_err_ResourceNotFoundException, "Global table with name: '%.*s' does not exist.", STR_ARG(name));
	return NULL;
}

static struct dynamodb_ReplicaAutoScalingDescription described_member(struct call *c, const struct dynamodb_Table *r)
{
	struct list indexes = r->Description->GlobalSecondaryIndexes;
	struct dynamodb_ReplicaAutoScalingDescription d = {.RegionName = c->region, .ReplicaStatus = r->Description->TableStatus,
		.ReplicaProvisionedReadCapacityAutoScalingSettings = scaling_shown(c, r, STR_NONE, true),
		.ReplicaProvisionedWriteCapacityAutoScalingSettings = scaling_shown(c, r, STR_NONE, false),
		.GlobalSecondaryIndexes = LIST_OF(c->arena, struct dynamodb_ReplicaGlobalSecondaryIndexAutoScalingDescription, indexes.n)};
	for (uint32_t i = 0; i < indexes.n; i++) {
		const struct dynamodb_GlobalSecondaryIndexDescription *x = LIST_AT(indexes, struct dynamodb_GlobalSecondaryIndexDescription, i);
		*LIST_AT(d.GlobalSecondaryIndexes, struct dynamodb_ReplicaGlobalSecondaryIndexAutoScalingDescription, i) =
			(struct dynamodb_ReplicaGlobalSecondaryIndexAutoScalingDescription){.IndexName = x->IndexName, .IndexStatus = x->IndexStatus,
				.ProvisionedReadCapacityAutoScalingSettings = scaling_shown(c, r, x->IndexName, true),
				.ProvisionedWriteCapacityAutoScalingSettings = scaling_shown(c, r, x->IndexName, false)};
	}
	return d;
}

static struct dynamodb_TableAutoScalingDescription *described(struct call *c, const struct dynamodb_Table *r)
{
	struct list regions = group_regions(c, r);
	struct dynamodb_TableAutoScalingDescription *d = arena_new_of(c->arena, struct dynamodb_TableAutoScalingDescription);
	d->TableName = r->Description->TableName;
	d->TableStatus = r->Description->TableStatus;
	d->Replicas = LIST_OF(c->arena, struct dynamodb_ReplicaAutoScalingDescription, regions.n);
	for (uint32_t i = 0; i < regions.n; i++) {
		struct place home = place_enter(c, *LIST_AT(regions, struct str, i));
		const struct dynamodb_Table *member = table_record(c, d->TableName);
		ASSERT(member != NULL);
		*LIST_AT(d->Replicas, struct dynamodb_ReplicaAutoScalingDescription, i) = described_member(c, member);
		place_leave(c, home);
	}
	return d;
}

void ddb_describe_table_replica_auto_scaling(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_DescribeTableReplicaAutoScaling);
	const struct dynamodb_DescribeTableReplicaAutoScalingInput *in = c->in;
	struct dynamodb_DescribeTableReplicaAutoScalingOutput *out = c->out;
	struct dynamodb_Table *r = required(c, in->TableName);
	if (r != NULL)
		out->TableAutoScalingDescription = described(c, r);
}

/* ---- updating ---- */

#define FAILED "Failed to update settings for global table with name: \xe2\x80\x98%.*s\xe2\x80\x99"

static bool sets(const struct dynamodb_AutoScalingSettingsUpdate *u)
{
	return u != NULL && !u->AutoScalingDisabled.v;
}

static bool check_billing(struct call *c, const struct dynamodb_Table *r, const char *parameter)
{
	ASSERT(is_replicated(r));
	if (!table_is_on_demand(r->Description))
		return true;
	struct list regions = group_regions(c, r);
	struct buf b;
	buf_init(&b, c->arena, 0);
	for (uint32_t i = 0; i < regions.n; i++)
		buf_printf(&b, "%s'%.*s'", i > 0 ? ", " : "", STR_ARG(*LIST_AT(regions, struct str, i)));
	fail_validation(c, "Failed to update global table with name \xe2\x80\x98%.*s\xe2\x80\x98. Replicas %.*s BillingMode is PayPerRequest. You "
	                   "must convert table's BillingMode to PROVISIONED to set parameters: '%s'.", STR_ARG(r->Description->TableName),
	                STR_ARG(buf_view(&b)), parameter);
	return false;
}

static bool check_replica_update(struct call *c, const struct dynamodb_UpdateTableReplicaAutoScalingInput *in, const struct dynamodb_Table *r,
                                 uint32_t at)
{
	ASSERT(at < in->ReplicaUpdates.n);
	const struct dynamodb_ReplicaAutoScalingUpdate *u = LIST_AT(in->ReplicaUpdates, struct dynamodb_ReplicaAutoScalingUpdate, at);
	struct str name = r->Description->TableName;
	struct list regions = group_regions(c, r);
	bool member = false;
	for (uint32_t i = 0; i < regions.n; i++)
		member = member || str_eq(*LIST_AT(regions, struct str, i), u->RegionName);
	for (uint32_t j = 0; j < at; j++)
		if (str_eq(LIST_AT(in->ReplicaUpdates, struct dynamodb_ReplicaAutoScalingUpdate, j)->RegionName, u->RegionName)) {
			fail_validation(c, FAILED " because the regions: \xe2\x80\x98[%.*s]\xe2\x80\x99 were specified more than once.", STR_ARG(name),
			                STR_ARG(u->RegionName));
			return false;
		}
	if (u->ReplicaProvisionedReadCapacityAutoScalingUpdate == NULL && u->ReplicaGlobalSecondaryIndexUpdates.n == 0) {
		fail_validation(c, FAILED " because at least one update parameter must be specified for region: \xe2\x80\x98%.*s\xe2\x80\x99.", STR_ARG(name),
		                STR_ARG(u->RegionName));
		return false;
	}
	if (!member) {
		call_fail(c, &dynamodb_err_ResourceNotFoundException, "Global table with name: '%.*s' has no replica in %.*s.", STR_ARG(name),
		          STR_ARG(u->RegionName));
		return false;
	}
	return !sets(u->ReplicaProvisionedReadCapacityAutoScalingUpdate) ||
	       check_billing(c, r, "ReplicaProvisionedReadCapacityAutoScalingSettingsUpdate");
}

static bool check(struct call *c, const struct dynamodb_UpdateTableReplicaAutoScalingInput *in, const struct dynamodb_Table *r)
{
	ASSERT(is_replicated(r));
	if (in->ProvisionedWriteCapacityAutoScalingUpdate == NULL && in->GlobalSecondaryIndexUpdates.n == 0 && in->ReplicaUpdates.n == 0) {
		fail_validation(c, FAILED " because at least one update parameter must be specified.", STR_ARG(r->Description->TableName));
		return false;
	}
	if (sets(in->ProvisionedWriteCapacityAutoScalingUpdate) && !check_billing(c, r, "GlobalTableProvisionedWriteCapacityAutoScalingSettingsUpdate"))
		return false;
	for (uint32_t i = 0; i < in->ReplicaUpdates.n; i++)
		if (!check_replica_update(c, in, r, i))
			return false;
	return true;
}

static bool set_index(struct call *c, struct dynamodb_Table *r, struct str index, bool reads, const struct dynamodb_AutoScalingSettingsUpdate *u)
{
	if (u == NULL)
		return true;
	if (table_index(table_of_record(c, r), index) == NULL) {
		call_fail(c, &dynamodb_err_ResourceNotFoundException, "Requested resource not found: Index: %.*s for table: %.*s not found", STR_ARG(index),
		          STR_ARG(r->Description->TableName));
		return false;
	}
	return scaling_set(c, r, index, reads, u);
}

/* In a member's region: what is for all, and what is for this one. */
static bool set_member(struct call *c, struct dynamodb_Table *r, const struct dynamodb_UpdateTableReplicaAutoScalingInput *in)
{
	ASSERT(is_replicated(r) && txn_writable(c->txn));
	bool ok = in->ProvisionedWriteCapacityAutoScalingUpdate == NULL ||
	          scaling_set(c, r, STR_NONE, false, in->ProvisionedWriteCapacityAutoScalingUpdate);
	for (uint32_t i = 0; ok && i < in->GlobalSecondaryIndexUpdates.n; i++) {
		const struct dynamodb_GlobalSecondaryIndexAutoScalingUpdate *x =
			LIST_AT(in->GlobalSecondaryIndexUpdates, struct dynamodb_GlobalSecondaryIndexAutoScalingUpdate, i);
		ok = set_index(c, r, x->IndexName, false, x->ProvisionedWriteCapacityAutoScalingUpdate);
	}
	for (uint32_t i = 0; ok && i < in->ReplicaUpdates.n; i++) {
		const struct dynamodb_ReplicaAutoScalingUpdate *u = LIST_AT(in->ReplicaUpdates, struct dynamodb_ReplicaAutoScalingUpdate, i);
		if (!str_eq(u->RegionName, c->region))
			continue;
		if (u->ReplicaProvisionedReadCapacityAutoScalingUpdate != NULL)
			ok = scaling_set(c, r, STR_NONE, true, u->ReplicaProvisionedReadCapacityAutoScalingUpdate);
		for (uint32_t j = 0; ok && j < u->ReplicaGlobalSecondaryIndexUpdates.n; j++) {
			const struct dynamodb_ReplicaGlobalSecondaryIndexAutoScalingUpdate *x =
				LIST_AT(u->ReplicaGlobalSecondaryIndexUpdates, struct dynamodb_ReplicaGlobalSecondaryIndexAutoScalingUpdate, j);
			ok = set_index(c, r, x->IndexName, true, x->ProvisionedReadCapacityAutoScalingUpdate);
		}
	}
	if (ok)
		table_save(c, r);
	return ok;
}

void ddb_update_table_replica_auto_scaling(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_UpdateTableReplicaAutoScaling);
	const struct dynamodb_UpdateTableReplicaAutoScalingInput *in = c->in;
	struct dynamodb_UpdateTableReplicaAutoScalingOutput *out = c->out;
	struct dynamodb_Table *r = required(c, in->TableName);
	if (r == NULL || !check(c, in, r))
		return;
	struct list regions = group_regions(c, r);
	for (uint32_t i = 0; i < regions.n && !c->failed; i++) {
		struct place home = place_enter(c, *LIST_AT(regions, struct str, i));
		struct dynamodb_Table *member = table_record(c, r->Description->TableName);
		ASSERT(member != NULL);
		set_member(c, member, in);
		place_leave(c, home);
	}
	if (!c->failed)
		out->TableAutoScalingDescription = described(c, r);
}
