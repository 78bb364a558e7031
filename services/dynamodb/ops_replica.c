/* UpdateTable's ReplicaUpdates, GlobalTableWitnessUpdates and MultiRegionConsistency.
 *
 * A replica is made with the commit that asks for it and filled by a job; until that is done it is CREATING and only
 * DescribeTable sees it, though writes go to it already. Rules and sentences: "Global tables" (Developer Guide) and what
 * the service answers. Multi-Region strong consistency needs nothing more here, for all members change in one commit; what
 * it forbids is forbidden. */
#include "ops_replica.h"

#include "access.h"
#include "seal.h"
#include "ttl.h"

#include "svc/arn.h"

#define INVALID "One or more parameter values were invalid: "
enum { SOURCE_STAYS_MS = 24 * 3600 * 1000 };

struct replica_call {
	struct call *c;
	const struct dynamodb_UpdateTableInput *in;
	struct dynamodb_Table *r;
	struct dynamodb_TableDescription *d;
	uint32_t creates, deletes, updates, departures;
	struct str witness; /* to be added or removed */
	bool witness_goes, strong;
};

static bool refuse(struct replica_call *u, const char *fmt, ...) PRINTF_LIKE(2, 3);
static bool refuse(struct replica_call *u, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str message = arena_vprintf(u->c->arena, fmt, ap);
	va_end(ap);
	fail_validation(u->c, "%.*s", STR_ARG(message));
	return false;
}

static const struct dynamodb_ReplicationGroupUpdate *action(const struct replica_call *u, uint32_t i)
{
	return LIST_AT(u->in->ReplicaUpdates, struct dynamodb_ReplicationGroupUpdate, i);
}

static bool is_member(const struct dynamodb_Table *r, struct str region)
{
	for (uint32_t i = 0; i < r->Regions.n; i++)
		if (str_eq(replica_region(r, i), region))
			return true;
	return false;
}

/* ---- the shape of the request ---- */

static bool count_actions(struct replica_call *u)
{
	ASSERT(u->creates + u->deletes + u->updates + u->departures == 0);
	for (uint32_t i = 0; i < u->in->ReplicaUpdates.n; i++) {
		const struct dynamodb_ReplicationGroupUpdate *a = action(u, i);
		int kinds = (a->Create != NULL) + (a->Update != NULL) + (a->Delete != NULL) + (a->Disassociate != NULL);
		if (kinds == 0)
			return refuse(u, "There are no actions specified in the Replica Update Action of the request.");
		if (kinds > 1)
			return refuse(u, "Update table operation with more than one type of replica actions not allowed.");
		bool again = false; /* the same region twice counts once */
		for (uint32_t j = 0; j < i && a->Create != NULL; j++)
			again = again || (action(u, j)->Create != NULL && str_eq(action(u, j)->Create->RegionName, a->Create->RegionName));
		for (uint32_t j = 0; j < i; j++) {
			const struct dynamodb_ReplicationGroupUpdate *b = action(u, j);
			if ((a->Delete != NULL && b->Delete != NULL && str_eq(a->Delete->RegionName, b->Delete->RegionName)) ||
			    (a->Disassociate != NULL && b->Disassociate != NULL))
				return refuse(u, "Update table operation with more than one create or delete replica actions not allowed");
		}
		u->creates += a->Create != NULL && !again;
		u->deletes += a->Delete != NULL;
		u->updates += a->Update != NULL;
		u->departures += a->Disassociate != NULL;
	}
	if ((u->creates > 0) + (u->deletes > 0) + (u->updates > 0) + (u->departures > 0) > 1)
		return refuse(u, "Update table operation with more than one type of replica actions not allowed.");
	return true;
}

static bool read_witness(struct replica_call *u)
{
	struct list l = u->in->GlobalTableWitnessUpdates;
	if (l.n > 1)
		return refuse(u, "1 validation error detected: Value at 'globalTableWitnessUpdates' failed to satisfy constraint: Member must have "
		                 "length less than or equal to 1");
	if (l.n == 0)
		return true;
	const struct dynamodb_GlobalTableWitnessGroupUpdate *w = LIST_AT(l, struct dynamodb_GlobalTableWitnessGroupUpdate, 0);
	if ((w->Create != NULL) == (w->Delete != NULL))
		return refuse(u, "There are no actions specified in the Witness Update Action of the request.");
	u->witness_goes = w->Delete != NULL;
	u->witness = u->witness_goes ? w->Delete->RegionName : w->Create->RegionName;
	return true;
}

static bool check_region(struct replica_call *u, struct str region)
{
	if (str_eq(region, u->c->region))
		return refuse(u, "Cannot add or delete the local region through ReplicaUpdates. Use CreateTable, DeleteTable, or UpdateTable as required.");
	if (!is_region(region))
		return refuse(u, "Region %.*s is not supported. The latest version of global tables are only supported in the following regions: [%.*s]",
		              STR_ARG(region), STR_ARG(regions_text(u->c->arena)));
	return true;
}

static bool check_member(struct replica_call *u, struct str region)
{
	return is_member(u->r, region) || refuse(u, "Update global table operation failed because one or more replicas were not part of the global "
	                                            "table. Please retry the request without these replicas: [%.*s].", STR_ARG(region));
}

/* ---- Multi-Region strong consistency ---- */

static bool takes_strong(struct str region)
{
	static const char *const able[] = {"us-east-1", "us-east-2", "us-west-2", "eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1",
	                                   "ap-northeast-1", "ap-northeast-2", "ap-northeast-3"};
	for (size_t i = 0; i < COUNT_OF(able); i++)
		if (str_eq(region, str_c(able[i])))
			return true;
	return false;
}

static bool check_strong_regions(struct replica_call *u)
{
	ASSERT(u->strong && u->creates > 0);
	for (uint32_t i = 0; i < u->in->ReplicaUpdates.n; i++) {
		struct str region = action(u, i)->Create->RegionName;
		if (!takes_strong(region))
			return refuse(u, "Unsupported Region(s) specified for global tables with MultiRegionConsistency set to STRONG: [%.*s].", STR_ARG(region));
		if (str_eq(region, u->witness))
			return refuse(u, "Cannot target multiple regions with the same action");
	}
	if (!str_present(u->witness))
		return true;
	if (!takes_strong(u->witness))
		return refuse(u, "Unsupported Region(s) specified for global tables with MultiRegionConsistency set to STRONG: [%.*s].",
		              STR_ARG(u->witness));
	return !str_eq(u->witness, u->c->region) || refuse(u, "Cannot add a witness in the same region as an existing replica when creating a global "
	                                                      "table with MultiRegionConsistency set to STRONG.");
}

static bool check_new_strong(struct replica_call *u)
{
	ASSERT(u->strong);
	if (u->creates == 0)
		return refuse(u, "Only Replica Create actions are supported when MultiRegionConsistency parameter is provided.");
	if (u->creates + str_present(u->witness) != 2 || is_replicated(u->r))
		return refuse(u, "Unsupported replica count for global tables with MultiRegionConsistency set to STRONG.");
	if (!check_strong_regions(u))
		return false;
	if (u->r->TtlEnabled.v)
		return refuse(u, "Time to live is not supported for global tables with MultiRegionConsistency set to STRONG.");
	if (u->d->LocalSecondaryIndexes.n > 0)
		return refuse(u, "Local secondary indexes are not supported for global tables with MultiRegionConsistency set to STRONG.");
	return space_is_empty(u->c, (uint64_t)u->r->Space.v) ||
	       refuse(u, "The table must be empty to be made a global table with MultiRegionConsistency set to STRONG.");
}

/* A group of this kind is made and dissolved as a whole. */
static bool check_in_strong(struct replica_call *u)
{
	ASSERT(u->r->Strong.v && !u->strong);
	if (u->creates > 0)
		return refuse(u, "Cannot add replicas to a global table with strong MultiRegionConsistency");
	if (u->departures > 0)
		return refuse(u, "Disassociation is not supported for global tables with MultiRegionConsistency set to STRONG.");
	if (u->deletes == 0)
		return true;
	if (str_present(u->witness) && !str_eq(u->witness, u->r->Witness))
		return refuse(u, "Update global table operation failed because one or more witnesses were not part of the global table. Please retry the "
		                 "request without these witnesses: [%.*s].", STR_ARG(u->witness));
	if (str_present(u->r->Witness) && !u->witness_goes)
		return refuse(u, "Update table delete operation does not include all witnesses.");
	return u->deletes == u->r->Regions.n || refuse(u, "Deletion of only one table replica is not supported for global tables with "
	                                                  "MultiRegionConsistency set to STRONG.");
}

static bool check_consistency(struct replica_call *u)
{
	u->strong = str_eq(u->in->MultiRegionConsistency, S("STRONG"));
	if (str_present(u->in->MultiRegionConsistency) && !u->strong && is_replicated(u->r))
		return refuse(u, "MultiRegionConsistency parameter is unsupported on existing global table");
	if (str_present(u->witness) && !u->witness_goes && !u->strong)
		return refuse(u, "MultiRegionConsistency must be set as STRONG when GlobalTableWitnessUpdates parameter is present.");
	if (u->strong)
		return check_new_strong(u);
	if (u->r->Strong.v)
		return check_in_strong(u);
	if (u->creates > 1 || u->deletes > 1)
		return refuse(u, "Update table operation with more than one create or delete replica actions not allowed");
	return true;
}

/* ---- create ---- */

/* A replica is read from and written to in the name of who adds it. */
static bool may_add(struct replica_call *u)
{
	ASSERT(!str_eq(u->c->region, S("")));
	static const char *const actions[] = {"dynamodb:CreateTable", "dynamodb:CreateTableReplica", "dynamodb:Query", "dynamodb:Scan",
		"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"};
	for (size_t i = 0; i < COUNT_OF(actions); i++)
		if (!ddb_access_one(u->c, actions[i], u->d->TableName, STR_NONE, NULL, 0))
			return false;
	return true;
}

static bool check_create(struct replica_call *u, const struct dynamodb_CreateReplicationGroupMemberAction *a)
{
	ASSERT(!u->r->Legacy.v);
	bool keyed = u->d->SSEDescription != NULL && str_present(u->d->SSEDescription->KMSMasterKeyArn);
	if (!check_region(u, a->RegionName))
		return false;
	struct place home = place_enter(u->c, a->RegionName);
	bool there = table_record(u->c, u->d->TableName) != NULL;
	place_leave(u->c, home);
	if (there)
		return refuse(u, "Failed to create a the new replica of table with name: \xe2\x80\x98%.*s\xe2\x80\x99 because one or more replicas already "
		                 "existed as tables.", STR_ARG(u->d->TableName));
	if (keyed != str_present(a->KMSMasterKeyId))
		return refuse(u, INVALID "KMSMasterKeyId must be specified for each replica.");
	return true;
}

static void override_indexes(struct call *c, struct dynamodb_Table *r, struct list wanted);

/* In the replica's region: a table like u's, still without items. */
static struct dynamodb_Table *make_replica(struct replica_call *u, const struct dynamodb_CreateReplicationGroupMemberAction *a, struct str source)
{
	ASSERT(str_eq(u->c->region, a->RegionName) && !str_eq(source, a->RegionName));
	struct call *c = u->c;
	struct table_definition def = table_definition_of(c, u->d, STR_NONE);
	def.on_demand = u->d->OnDemandThroughput;
	def.table_class = str_present(a->TableClassOverride) ? a->TableClassOverride :
	                  u->d->TableClassSummary != NULL ? u->d->TableClassSummary->TableClass : STR_NONE;
	struct dynamodb_Table *r = table_make(c, &def);
	if (r == NULL)
		return NULL;
	struct dynamodb_TableDescription *d = r->Description;
	d->TableStatus = S("CREATING");
	if (u->d->SSEDescription != NULL) {
		d->SSEDescription = arena_new_of(c->arena, struct dynamodb_SSEDescription);
		*d->SSEDescription = *u->d->SSEDescription;
		d->SSEDescription->KMSMasterKeyArn = a->KMSMasterKeyId;
		if (!seal_under(c, r))
			return NULL;
	}
	if (a->ProvisionedThroughputOverride != NULL && !table_is_on_demand(d))
		d->ProvisionedThroughput->ReadCapacityUnits = a->ProvisionedThroughputOverride->ReadCapacityUnits;
	if (a->OnDemandThroughputOverride != NULL && table_is_on_demand(d)) {
		if (d->OnDemandThroughput == NULL)
			d->OnDemandThroughput = arena_new_of(c->arena, struct dynamodb_OnDemandThroughput);
		d->OnDemandThroughput->MaxReadRequestUnits = a->OnDemandThroughputOverride->MaxReadRequestUnits;
	}
	override_indexes(c, r, a->GlobalSecondaryIndexes);
	stream_start(c, r, u->d->StreamSpecification->StreamViewType);
	if (u->r->TtlEnabled.v)
		ttl_set(c, r, true, u->r->TtlAttribute);
	r->SourceRegion = source;
	r->JoinedAt = SOME_TIME(c->now_ms);
	return r;
}

static bool create(struct replica_call *u, const struct dynamodb_CreateReplicationGroupMemberAction *a)
{
	ASSERT(txn_writable(u->c->txn));
	struct call *c = u->c;
	struct str source = c->region;
	if (is_member(u->r, a->RegionName))
		return true; /* named twice in the request */
	if (u->r->StreamNumber.v == 0)
		stream_start(c, u->r, S("NEW_AND_OLD_IMAGES"));
	struct place home = place_enter(c, a->RegionName);
	struct dynamodb_Table *fresh = may_add(u) ? make_replica(u, a, source) : NULL;
	place_leave(c, home);
	if (fresh == NULL)
		return false;
	/* The new member sees the source first, then those that were there, in their order. */
	struct str *others = arena_array(c->arena, struct str, (size_t)u->r->Regions.n + 1);
	others[0] = source;
	for (uint32_t i = 0; i < u->r->Regions.n; i++)
		others[i + 1] = replica_region(u->r, i);
	fresh->Regions = (struct list){others, u->r->Regions.n + 1, true};
	replica_join(c, u->r, a->RegionName);
	home = place_enter(c, a->RegionName);
	table_save(c, fresh);
	struct dynamodb_ReplicaCopy copy = {.Source = source};
	job_put(c, "replicate", u->d->TableName, c->now_ms, typed_to_cbor(c->arena, &dynamodb_shape_ReplicaCopy, &copy));
	place_leave(c, home);
	return true;
}

/* ---- update ---- */

static void override_most(struct arena *a, struct dynamodb_OnDemandThroughput **t, const struct dynamodb_OnDemandThroughputOverride *o)
{
	struct dynamodb_OnDemandThroughput *fresh = arena_new_of(a, struct dynamodb_OnDemandThroughput);
	if (*t != NULL)
		*fresh = **t;
	fresh->MaxReadRequestUnits = o->MaxReadRequestUnits;
	*t = fresh;
}

/* Indexes that the table does not have are passed over, as the service does. */
static void override_indexes(struct call *c, struct dynamodb_Table *r, struct list wanted)
{
	ASSERT(r->Description != NULL);
	bool on_demand = table_is_on_demand(r->Description);
	for (uint32_t i = 0; i < wanted.n; i++) {
		const struct dynamodb_ReplicaGlobalSecondaryIndex *w = LIST_AT(wanted, struct dynamodb_ReplicaGlobalSecondaryIndex, i);
		for (uint32_t j = 0; j < r->Description->GlobalSecondaryIndexes.n; j++) {
			struct dynamodb_GlobalSecondaryIndexDescription *x =
				LIST_AT(r->Description->GlobalSecondaryIndexes, struct dynamodb_GlobalSecondaryIndexDescription, j);
			if (!str_eq(x->IndexName, w->IndexName))
				continue;
			if (w->ProvisionedThroughputOverride != NULL && !on_demand)
				x->ProvisionedThroughput->ReadCapacityUnits = w->ProvisionedThroughputOverride->ReadCapacityUnits;
			if (w->OnDemandThroughputOverride != NULL && on_demand)
				override_most(c->arena, &x->OnDemandThroughput, w->OnDemandThroughputOverride);
		}
	}
}

static bool check_update(struct replica_call *u, const struct dynamodb_UpdateReplicationGroupMemberAction *a)
{
	bool any = str_present(a->KMSMasterKeyId) || a->ProvisionedThroughputOverride != NULL || a->OnDemandThroughputOverride != NULL ||
	           str_present(a->TableClassOverride);
	bool reads = a->ProvisionedThroughputOverride != NULL, most = a->OnDemandThroughputOverride != NULL;
	for (uint32_t i = 0; i < a->GlobalSecondaryIndexes.n; i++) {
		const struct dynamodb_ReplicaGlobalSecondaryIndex *x = LIST_AT(a->GlobalSecondaryIndexes, struct dynamodb_ReplicaGlobalSecondaryIndex, i);
		reads = reads || x->ProvisionedThroughputOverride != NULL;
		most = most || x->OnDemandThroughputOverride != NULL;
	}
	if (!any && !reads && !most)
		return refuse(u, "There are no actions specified in the Replica Update Action of the request.");
	if (!check_region(u, a->RegionName) || !check_member(u, a->RegionName))
		return false;
	if (str_present(a->KMSMasterKeyId))
		return refuse(u, INVALID "KMSMasterKeyId must be specified for each replica.");
	if (reads && table_is_on_demand(u->d))
		return refuse(u, INVALID "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST");
	if (most && !table_is_on_demand(u->d))
		return refuse(u, "MaxReadRequestUnits for OnDemandThroughput cannot be specified when the table BillingMode is PROVISIONED");
	return true;
}

static void update(struct replica_call *u, const struct dynamodb_UpdateReplicationGroupMemberAction *a)
{
	struct call *c = u->c;
	struct place home = place_enter(c, a->RegionName);
	struct dynamodb_Table *r = table_record(c, u->d->TableName);
	ASSERT(r != NULL);
	if (a->ProvisionedThroughputOverride != NULL)
		r->Description->ProvisionedThroughput->ReadCapacityUnits = a->ProvisionedThroughputOverride->ReadCapacityUnits;
	if (a->OnDemandThroughputOverride != NULL)
		override_most(c->arena, &r->Description->OnDemandThroughput, a->OnDemandThroughputOverride);
	override_indexes(c, r, a->GlobalSecondaryIndexes);
	if (str_present(a->TableClassOverride)) {
		r->Description->TableClassSummary = arena_new_of(c->arena, struct dynamodb_TableClassSummary);
		r->Description->TableClassSummary->TableClass = a->TableClassOverride;
		r->Description->TableClassSummary->LastUpdateDateTime = SOME_TIME(c->now_ms);
	}
	table_save(c, r);
	place_leave(c, home);
}

/* ---- delete ---- */

static void check_source(struct call *c, struct dynamodb_Table *other, const void *arg)
{
	const struct str *region = arg;
	if (str_eq(other->SourceRegion, *region) && other->JoinedAt.ms + SOURCE_STAYS_MS > c->now_ms)
		fail_validation(c, "Replica cannot be deleted because it has acted as a source region for new replica(s) being added to the table in the "
		                   "last 24 hours.");
}

bool replica_may_go(struct call *c, const struct dynamodb_Table *r)
{
	ASSERT(is_replicated(r));
	struct str here = c->region;
	if (r->Description->DeletionProtectionEnabled.v) {
		fail_validation(c, "Cannot delete table %.*s in region %.*s because it has deletion protection enabled. Disable deletion protection first.",
		                STR_ARG(r->Description->TableName), STR_ARG(c->region));
		return false;
	}
	replica_each(c, r, check_source, &here);
	return !c->failed;
}

static bool delete(struct replica_call *u, struct str region)
{
	struct call *c = u->c;
	struct place home = place_enter(c, region);
	struct dynamodb_Table *r = table_record(c, u->d->TableName);
	ASSERT(r != NULL);
	bool ok = ddb_access_one(c, "dynamodb:DeleteTable", u->d->TableName, STR_NONE, NULL, 0) && replica_may_go(c, r);
	if (ok && r->Busy.v > 0) {
		call_fail(c, &dynamodb_err_ResourceInUseException, "The resource which you are attempting to change is in use.");
		ok = false;
	}
	if (ok) {
		replica_depart(c, r);
		table_remove(c, r);
	}
	place_leave(c, home);
	return ok;
}

/* ---- one request ---- */

static void check_status(struct call *c, struct dynamodb_Table *other, const void *arg)
{
	(void)arg;
	if (str_eq(other->Description->TableStatus, S("CREATING")))
		call_fail(c, &dynamodb_err_ResourceInUseException, "The resource which you are attempting to change is in use.");
}

bool replicas_settled(struct call *c, const struct dynamodb_Table *r)
{
	replica_each(c, r, check_status, NULL);
	return !c->failed;
}

static bool check_actions(struct replica_call *u)
{
	for (uint32_t i = 0; i < u->in->ReplicaUpdates.n; i++) {
		const struct dynamodb_ReplicationGroupUpdate *a = action(u, i);
		if (a->Create != NULL && !check_create(u, a->Create))
			return false;
		if (a->Update != NULL && !check_update(u, a->Update))
			return false;
		if (a->Delete != NULL && (!check_region(u, a->Delete->RegionName) || !check_member(u, a->Delete->RegionName)))
			return false;
		if (a->Disassociate != NULL && (!str_eq(a->Disassociate->RegionName, u->c->region) || !is_replicated(u->r)))
			return refuse(u, "Only the replica of the Region that the request is sent to can be disassociated from a global table.");
	}
	return true;
}

/* After the members have changed: the record as it is in the store, with what this request sets in all of them. */
static void set_strong(struct call *c, struct dynamodb_Table *other, const void *arg)
{
	const struct replica_call *u = arg;
	other->Strong = SOME_BOOL(true);
	other->Witness = u->witness;
	table_save(c, other);
}

static bool run_actions(struct replica_call *u)
{
	ASSERT(txn_writable(u->c->txn));
	struct call *c = u->c;
	for (uint32_t i = 0; i < u->in->ReplicaUpdates.n; i++) {
		const struct dynamodb_ReplicationGroupUpdate *a = action(u, i);
		if (a->Create != NULL && !create(u, a->Create))
			return false;
		if (a->Update != NULL)
			update(u, a->Update);
		if (a->Delete != NULL && !delete(u, a->Delete->RegionName))
			return false;
		if (a->Delete != NULL)
			u->r = table_record(c, u->d->TableName); /* it has lost a member */
		if (a->Disassociate != NULL)
			replica_depart(c, u->r);
	}
	if (u->strong) {
		u->r->Strong = SOME_BOOL(true);
		u->r->Witness = u->witness;
		replica_each(c, u->r, set_strong, u);
	}
	return true;
}

bool replica_updates(struct call *c, const struct dynamodb_UpdateTableInput *in, struct dynamodb_Table *r)
{
	ASSERT(in->ReplicaUpdates.set && r->Description != NULL);
	struct replica_call u = {.c = c, .in = in, .r = r, .d = r->Description};
	if (r->Legacy.v)
		return refuse(&u, INVALID "The table is a replica of a global table of version 2017.11.29: use UpdateGlobalTable");
	if (!count_actions(&u) || !read_witness(&u) || !check_consistency(&u) || !check_actions(&u) || !replicas_settled(c, r) || !run_actions(&u))
		return false;
	*r = *u.r;
	table_save(c, r);
	return true;
}
