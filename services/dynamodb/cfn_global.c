/* AWS::DynamoDB::GlobalTable. Source: the resource type's reference in the CloudFormation User Guide.
 *
 * The properties are made into those of an AWS::DynamoDB::Table for the stack's region, which cfn.c creates and updates;
 * then the replicas are brought to what the template says, one at a time, waiting for each. */
#include "cfn_table.h"

const char *const cfn_global_properties[] = {
	"TableName", "AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes", "LocalSecondaryIndexes", "VectorIndexes",
	"StreamSpecification", "SSESpecification", "TimeToLiveSpecification", "WarmThroughput", "Replicas",
	"WriteProvisionedThroughputSettings", "WriteOnDemandThroughputSettings", NULL,
};

enum { WAIT_MS = 50 };

/* ---- from global properties to those of one region's table ---- */

static struct json *by_member(struct json *list, const char *member, struct str value)
{
	for (uint32_t i = 0; list != NULL && i < list->n; i++)
		if (str_eq(json_get_str(json_at(list, i), member), value))
			return json_at(list, i);
	return NULL;
}

static struct json *replica_of(struct json *properties, struct str region)
{
	return by_member(json_get(properties, S("Replicas")), "Region", region);
}

static void copy(struct arena *a, struct json *to, const struct json *from, const char *name)
{
	struct json *v = json_get(from, str_c(name));
	if (v != NULL && v->type != JSON_NULL)
		json_set(a, to, str_c(name), v);
}

/* What a capacity starts with: fixed units, or those of its auto scaling. */
static int64_t start_units(const struct json *settings, const char *fixed, const char *scaled)
{
	const struct json *s = json_get(settings, str_c(scaled));
	int64_t least = json_get_i64(s, "MinCapacity", 0), seed = json_get_i64(s, "SeedCapacity", least);
	return json_get_i64(settings, fixed, seed);
}

static bool on_demand(const struct json *properties)
{
	return str_eq(json_get_str(properties, "BillingMode"), S("PAY_PER_REQUEST"));
}

/* Reads are the replica's, writes the table's; of the table itself and of an index alike. */
static void put_throughput(struct arena *a, struct json *to, bool demand, const struct json *writes, const struct json *reads)
{
	ASSERT(to->type == JSON_OBJECT);
	if (!demand) {
		struct json *p = json_set(a, to, S("ProvisionedThroughput"), json_new_object(a));
		json_set_i64(a, p, "ReadCapacityUnits", start_units(json_get(reads, S("ReadProvisionedThroughputSettings")), "ReadCapacityUnits",
		                                                    "ReadCapacityAutoScalingSettings"));
		json_set_i64(a, p, "WriteCapacityUnits", start_units(json_get(writes, S("WriteProvisionedThroughputSettings")), "WriteCapacityUnits",
		                                                     "WriteCapacityAutoScalingSettings"));
		return;
	}
	struct json *r = json_get(json_get(reads, S("ReadOnDemandThroughputSettings")), S("MaxReadRequestUnits"));
	struct json *w = json_get(json_get(writes, S("WriteOnDemandThroughputSettings")), S("MaxWriteRequestUnits"));
	if (r == NULL && w == NULL)
		return;
	struct json *most = json_set(a, to, S("OnDemandThroughput"), json_new_object(a));
	if (r != NULL)
		json_set(a, most, S("MaxReadRequestUnits"), r);
	if (w != NULL)
		json_set(a, most, S("MaxWriteRequestUnits"), w);
}

/* Properties of an AWS::DynamoDB::Table: of the member in a region; "Region" is set for the others than the stack's. */
static struct json *as_table(struct cfn_resource *r, struct json *all, struct str region)
{
	ASSERT(all != NULL && str_present(region));
	static const char *const shared[] = {"TableName", "AttributeDefinitions", "KeySchema", "BillingMode", "LocalSecondaryIndexes", "VectorIndexes",
		"StreamSpecification", "TimeToLiveSpecification", "WarmThroughput"};
	static const char *const own[] = {"Tags", "TableClass", "PointInTimeRecoverySpecification", "DeletionProtectionEnabled", "ResourcePolicy",
		"ContributorInsightsSpecification"};
	static const char *const of_index[] = {"IndexName", "KeySchema", "Projection", "WarmThroughput"};
	struct arena *a = r->c->arena;
	struct json *t = json_new_object(a), *replica = replica_of(all, region), *indexes = json_get(all, S("GlobalSecondaryIndexes"));
	for (size_t i = 0; i < COUNT_OF(shared); i++)
		copy(a, t, all, shared[i]);
	for (size_t i = 0; i < COUNT_OF(own); i++)
		copy(a, t, replica, own[i]);
	if (!str_eq(region, r->c->region))
		json_set_str(a, t, "Region", region);
	if (json_get(all, S("SSESpecification")) != NULL) {
		struct json *sse = json_set(a, t, S("SSESpecification"), json_copy(a, json_get(all, S("SSESpecification"))));
		copy(a, sse, json_get(replica, S("SSESpecification")), "KMSMasterKeyId");
	}
	put_throughput(a, t, on_demand(all), all, replica);
	struct json *to = indexes != NULL ? json_set(a, t, S("GlobalSecondaryIndexes"), json_new_array(a)) : NULL;
	for (uint32_t i = 0; indexes != NULL && i < indexes->n; i++) {
		struct json *x = json_at(indexes, i), *made = json_push(a, to, json_new_object(a));
		for (size_t j = 0; j < COUNT_OF(of_index); j++)
			copy(a, made, x, of_index[j]);
		struct json *reads = by_member(json_get(replica, S("GlobalSecondaryIndexes")), "IndexName", json_get_str(x, "IndexName"));
		copy(a, made, reads, "ContributorInsightsSpecification");
		put_throughput(a, made, on_demand(all), x, reads);
	}
	return t;
}

/* ---- what is not there ---- */

static enum cfn_status check(struct cfn_resource *r)
{
	static const char *const known[] = {"Region", "Tags", "TableClass", "PointInTimeRecoverySpecification", "DeletionProtectionEnabled",
		"ResourcePolicy", "SSESpecification", "GlobalSecondaryIndexes", "ReadProvisionedThroughputSettings", "ReadOnDemandThroughputSettings",
		"ContributorInsightsSpecification", "DisassociationProtectionEnabled"};
	struct json *replicas = json_get(r->properties, S("Replicas"));
	for (uint32_t i = 0; json_is(replicas, JSON_ARRAY) && i < replicas->n; i++) {
		const struct json *x = json_at(replicas, i);
		for (uint32_t j = 0; json_is(x, JSON_OBJECT) && j < x->n; j++) {
			bool found = false;
			for (size_t k = 0; k < COUNT_OF(known); k++)
				found = found || str_eq(x->members[j].key, str_c(known[k]));
			if (!found)
				return cfn_fail(r, "Replicas: %.*s is not supported", STR_ARG(x->members[j].key));
		}
		if (json_get_bool(x, "DisassociationProtectionEnabled", false))
			return cfn_fail(r, "Replicas: DisassociationProtectionEnabled is not supported");
	}
	if (replica_of(r->properties, r->c->region) == NULL)
		return cfn_fail(r, "Replicas must contain the Region of the stack, %.*s", STR_ARG(r->c->region));
	return CFN_DONE;
}

/* ---- replicas ---- */

static enum cfn_status wait_more(struct cfn_resource *r)
{
	r->again_ms = r->c->now_ms + WAIT_MS;
	return CFN_AGAIN;
}

/* UpdateTable with one action. */
static enum cfn_status act(struct cfn_resource *r, const char *action, struct json *what)
{
	ASSERT(str_present(json_get_str(what, "RegionName")));
	struct arena *a = r->c->arena;
	struct json *in = cfn_table_input(r), *list = json_set(a, in, S("ReplicaUpdates"), json_new_array(a));
	json_set(a, json_push(a, list, json_new_object(a)), str_c(action), what);
	return cfn_ask(r, "UpdateTable", in, NULL);
}

static struct json *region_only(struct arena *a, struct str region)
{
	struct json *j = json_new_object(a);
	json_set_str(a, j, "RegionName", region);
	return j;
}

/* What a replica has otherwise than the table in the stack's region. */
static struct json *overrides(struct cfn_resource *r, struct json *all, struct str region)
{
	ASSERT(!str_eq(region, r->c->region));
	struct arena *a = r->c->arena;
	struct json *t = as_table(r, all, region), *o = region_only(a, region), *indexes = json_get(t, S("GlobalSecondaryIndexes"));
	struct json *reads = json_get(json_get(t, S("ProvisionedThroughput")), S("ReadCapacityUnits"));
	struct json *most = json_get(json_get(t, S("OnDemandThroughput")), S("MaxReadRequestUnits"));
	if (reads != NULL)
		json_set(a, json_set(a, o, S("ProvisionedThroughputOverride"), json_new_object(a)), S("ReadCapacityUnits"), reads);
	if (most != NULL)
		json_set(a, json_set(a, o, S("OnDemandThroughputOverride"), json_new_object(a)), S("MaxReadRequestUnits"), most);
	if (str_present(json_get_str(t, "TableClass")))
		json_set_str(a, o, "TableClassOverride", json_get_str(t, "TableClass"));
	struct json *list = reads != NULL && indexes != NULL ? json_set(a, o, S("GlobalSecondaryIndexes"), json_new_array(a)) : NULL;
	for (uint32_t i = 0; list != NULL && i < indexes->n; i++) {
		struct json *x = json_push(a, list, json_new_object(a));
		json_set_str(a, x, "IndexName", json_get_str(json_at(indexes, i), "IndexName"));
		cfn_put(a, json_set(a, x, S("ProvisionedThroughputOverride"), json_new_object(a)), "ReadCapacityUnits",
		        json_get(json_get(json_at(indexes, i), S("ProvisionedThroughput")), S("ReadCapacityUnits")));
	}
	return o;
}

static enum cfn_status add_replica(struct cfn_resource *r, struct str region)
{
	ASSERT(!str_eq(region, r->c->region));
	struct json *what = overrides(r, r->properties, region);
	struct str key = json_get_str(json_get(replica_of(r->properties, region), S("SSESpecification")), "KMSMasterKeyId");
	if (str_present(key))
		json_set_str(r->c->arena, what, "KMSMasterKeyId", key);
	enum cfn_status status = act(r, "Create", what);
	return status == CFN_DONE ? wait_more(r) : status;
}

/* The parts of a replica that are set in its own region. old: what they were, NULL: it is new. */
static enum cfn_status set_own(struct cfn_resource *r, struct str region, struct json *old)
{
	ASSERT(!str_eq(region, r->c->region));
	struct cfn_resource x = *r;
	struct json *out = NULL;
	x.properties = as_table(r, r->properties, region);
	x.old_properties = old != NULL && replica_of(old, region) != NULL ? as_table(r, old, region) : NULL;
	enum cfn_status status = cfn_ask(&x, "DescribeTable", cfn_table_input(&x), &out);
	struct str arn = json_get_str(json_get(out, S("Table")), "TableArn");
	if (status == CFN_DONE)
		status = cfn_table_recovery(&x);
	if (status == CFN_DONE)
		status = cfn_table_policy(&x, arn);
	if (status == CFN_DONE)
		status = cfn_table_insights(&x);
	if (status == CFN_DONE)
		status = cfn_table_tags(&x, arn);
	struct json *protection = json_get(x.properties, S("DeletionProtectionEnabled"));
	if (status == CFN_DONE && protection != NULL && !cfn_same(protection, json_get(x.old_properties, S("DeletionProtectionEnabled")))) {
		struct json *in = cfn_table_input(&x);
		json_set(r->c->arena, in, S("DeletionProtectionEnabled"), protection);
		status = cfn_ask(&x, "UpdateTable", in, NULL);
	}
	r->reason = x.reason;
	return status;
}

static enum cfn_status set_replicas(struct cfn_resource *r, struct json *old)
{
	ASSERT(str_present(r->physical_id));
	struct json *replicas = json_get(r->properties, S("Replicas"));
	for (uint32_t i = 0; i < replicas->n; i++) {
		struct str region = json_get_str(json_at(replicas, i), "Region");
		if (str_eq(region, r->c->region))
			continue; /* done as a table */
		enum cfn_status status = set_own(r, region, old);
		bool was = old != NULL && replica_of(old, region) != NULL;
		struct json *now = overrides(r, r->properties, region);
		if (status == CFN_DONE && was && now->n > 1 && !cfn_same(now, overrides(r, old, region)))
			status = act(r, "Update", now);
		if (status != CFN_DONE)
			return status;
	}
	return CFN_DONE;
}

/* ---- auto scaling ---- */

static struct json *scaling(struct arena *a, const struct json *settings, const char *name)
{
	const struct json *s = json_get(settings, str_c(name));
	if (s == NULL)
		return NULL;
	struct json *u = json_new_object(a);
	json_set_i64(a, u, "MinimumUnits", json_get_i64(s, "MinCapacity", 1));
	json_set_i64(a, u, "MaximumUnits", json_get_i64(s, "MaxCapacity", 1));
	cfn_put(a, json_set(a, u, S("ScalingPolicyUpdate"), json_new_object(a)), "TargetTrackingScalingPolicyConfiguration",
	        json_get(s, S("TargetTrackingScalingPolicyConfiguration")));
	return u;
}

static struct json *index_scaling(struct arena *a, struct json *indexes, const char *settings, const char *name, const char *member)
{
	ASSERT(settings != NULL && member != NULL);
	struct json *all = json_new_array(a);
	for (uint32_t i = 0; indexes != NULL && i < indexes->n; i++) {
		struct json *u = scaling(a, json_get(json_at(indexes, i), str_c(settings)), name);
		if (u == NULL)
			continue;
		struct json *x = json_push(a, all, json_new_object(a));
		json_set_str(a, x, "IndexName", json_get_str(json_at(indexes, i), "IndexName"));
		json_set(a, x, str_c(member), u);
	}
	return all->n > 0 ? all : NULL;
}

/* The input of UpdateTableReplicaAutoScaling, or NULL when nothing scales. */
static struct json *scaling_input(struct cfn_resource *r, struct json *all)
{
	ASSERT(str_present(r->physical_id));
	struct arena *a = r->c->arena;
	struct json *in = cfn_table_input(r), *list = json_new_array(a), *replicas = json_get(all, S("Replicas"));
	struct json *writes = scaling(a, json_get(all, S("WriteProvisionedThroughputSettings")), "WriteCapacityAutoScalingSettings");
	struct json *indexes = index_scaling(a, json_get(all, S("GlobalSecondaryIndexes")), "WriteProvisionedThroughputSettings",
	                                     "WriteCapacityAutoScalingSettings", "ProvisionedWriteCapacityAutoScalingUpdate");
	if (writes != NULL)
		json_set(a, in, S("ProvisionedWriteCapacityAutoScalingUpdate"), writes);
	if (indexes != NULL)
		json_set(a, in, S("GlobalSecondaryIndexUpdates"), indexes);
	for (uint32_t i = 0; replicas != NULL && i < replicas->n; i++) {
		struct json *x = json_at(replicas, i), *u = region_only(a, json_get_str(x, "Region"));
		struct json *reads = scaling(a, json_get(x, S("ReadProvisionedThroughputSettings")), "ReadCapacityAutoScalingSettings");
		struct json *more = index_scaling(a, json_get(x, S("GlobalSecondaryIndexes")), "ReadProvisionedThroughputSettings",
		                                  "ReadCapacityAutoScalingSettings", "ProvisionedReadCapacityAutoScalingUpdate");
		if (reads != NULL)
			json_set(a, u, S("ReplicaProvisionedReadCapacityAutoScalingUpdate"), reads);
		if (more != NULL)
			json_set(a, u, S("ReplicaGlobalSecondaryIndexUpdates"), more);
		if (u->n > 1)
			json_push(a, list, u);
	}
	if (list->n > 0)
		json_set(a, in, S("ReplicaUpdates"), list);
	return in->n > 1 && !on_demand(all) ? in : NULL;
}

static enum cfn_status set_scaling(struct cfn_resource *r, struct json *old)
{
	struct json *now = scaling_input(r, r->properties), *was = old != NULL ? scaling_input(r, old) : NULL;
	if (now == NULL || cfn_same(now, was))
		return CFN_DONE;
	if (json_get(r->properties, S("Replicas"))->n < 2)
		return cfn_fail(r, "Auto scaling of a table without replicas needs Application Auto Scaling, which is not supported");
	return cfn_ask(r, "UpdateTableReplicaAutoScaling", now, NULL);
}

/* ---- the whole ---- */

/* Bring the replicas to what the template says: first those that are there and should not be, then new ones, one at a time. */
static enum cfn_status sync_replicas(struct cfn_resource *r, struct json *old)
{
	ASSERT(str_present(r->physical_id));
	struct json *out = NULL, *have, *want = json_get(r->properties, S("Replicas"));
	enum cfn_status status = cfn_ask(r, "DescribeTable", cfn_table_input(r), &out);
	if (status != CFN_DONE)
		return status;
	have = json_get(json_get(out, S("Table")), S("Replicas"));
	for (uint32_t i = 0; have != NULL && i < have->n; i++) {
		struct json *x = json_at(have, i);
		if (!str_eq(json_get_str(x, "ReplicaStatus"), S("ACTIVE")))
			return wait_more(r);
		if (replica_of(r->properties, json_get_str(x, "RegionName")) != NULL)
			continue;
		status = act(r, "Delete", region_only(r->c->arena, json_get_str(x, "RegionName")));
		return status == CFN_DONE ? wait_more(r) : status;
	}
	for (uint32_t i = 0; i < want->n; i++) {
		struct str region = json_get_str(json_at(want, i), "Region");
		if (!str_eq(region, r->c->region) && by_member(have, "RegionName", region) == NULL)
			return add_replica(r, region);
	}
	status = set_replicas(r, old);
	return status == CFN_DONE ? set_scaling(r, old) : status;
}

/* The table of the stack's region, once; then its replicas, polled. */
static enum cfn_status run(struct cfn_resource *r, enum cfn_status (*table)(struct cfn_resource *))
{
	ASSERT(table != NULL);
	struct json *all = r->properties, *old = r->old_properties;
	cfn_make_proper(r->c->arena, all);
	if (old != NULL)
		cfn_make_proper(r->c->arena, old);
	enum cfn_status status = check(r);
	if (status == CFN_DONE && (r->state == NULL || !json_get_bool(r->state, "Table", false))) {
		r->properties = as_table(r, all, r->c->region);
		r->old_properties = old != NULL ? as_table(r, old, r->c->region) : NULL;
		status = table(r);
		r->properties = all;
		r->old_properties = old;
		if (status != CFN_DONE)
			return status;
		if (r->state == NULL)
			r->state = json_new_object(r->c->arena);
		json_set_bool(r->c->arena, r->state, "Table", true);
	}
	return status == CFN_DONE ? sync_replicas(r, old) : status;
}

enum cfn_status cfn_global_create(struct cfn_resource *r)
{
	return run(r, cfn_table_create);
}

enum cfn_status cfn_global_update(struct cfn_resource *r)
{
	return run(r, cfn_table_update);
}

/* The replicas go first: the stack's region was their source. */
enum cfn_status cfn_global_remove(struct cfn_resource *r)
{
	struct json *out = NULL;
	struct invoked i = invoke(r->c, "dynamodb", "DescribeTable", cfn_table_input(r), NULL);
	if (!i.ok)
		return cfn_gone(r, &i, S("ResourceNotFoundException"));
	out = json_get(json_get(i.out, S("Table")), S("Replicas"));
	for (uint32_t k = 0; out != NULL && k < out->n; k++) {
		if (!str_eq(json_get_str(json_at(out, k), "ReplicaStatus"), S("ACTIVE")))
			return wait_more(r);
		enum cfn_status status = act(r, "Delete", region_only(r->c->arena, json_get_str(json_at(out, k), "RegionName")));
		if (status != CFN_DONE)
			return status;
	}
	return cfn_table_remove(r);
}
