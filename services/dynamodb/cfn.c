/* AWS::DynamoDB::Table. Source: the resource type's reference in the CloudFormation User Guide.
 *
 * Everything goes through the service's own operations. CloudFormation may give numbers and booleans as text, so
 * properties are made proper before they are sent. */
#include "cfn_table.h"

static const char *const properties[] = {
	"TableName", "AttributeDefinitions", "KeySchema", "BillingMode", "ProvisionedThroughput", "OnDemandThroughput",
	"GlobalSecondaryIndexes", "LocalSecondaryIndexes", "StreamSpecification", "SSESpecification", "Tags", "TableClass",
	"TimeToLiveSpecification", "PointInTimeRecoverySpecification", "DeletionProtectionEnabled", "ResourcePolicy",
	"WarmThroughput", "ContributorInsightsSpecification", "KinesisStreamSpecification", "VectorIndexes", NULL,
};
static const char *const replaces[] = {"TableName", "KeySchema", "LocalSecondaryIndexes", NULL};

/* ---- making properties proper ---- */

static bool is_number_name(struct str name)
{
	static const char *const names[] = {"ReadCapacityUnits", "WriteCapacityUnits", "MaxReadRequestUnits", "MaxWriteRequestUnits",
	                                    "RecoveryPeriodInDays", "ReadUnitsPerSecond", "WriteUnitsPerSecond", "MinCapacity", "MaxCapacity",
	                                    "SeedCapacity", "ScaleInCooldown", "ScaleOutCooldown", "Dimensions"};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (str_eq(name, str_c(names[i])))
			return true;
	return false;
}

static bool is_flag_name(struct str name)
{
	return str_eq(name, S("Enabled")) || str_eq(name, S("SSEEnabled")) || str_eq(name, S("DisableScaleIn")) ||
	       str_eq(name, S("PointInTimeRecoveryEnabled")) ||
	       str_eq(name, S("DeletionProtectionEnabled"));
}

void cfn_make_proper(struct arena *a, struct json *j)
{
	ASSERT(j != NULL);
	for (uint32_t i = 0; j->type == JSON_ARRAY && i < j->n; i++)
		cfn_make_proper(a, &j->items[i]);
	for (uint32_t i = 0; j->type == JSON_OBJECT && i < j->n; i++) {
		struct json *v = &j->members[i].value;
		int64_t number;
		if (v->type == JSON_STRING && is_number_name(j->members[i].key) && str_to_i64(v->text, &number))
			*v = *json_new_i64(a, number);
		else if (v->type == JSON_STRING && is_flag_name(j->members[i].key))
			*v = *json_new_bool(a, str_eq_nocase(v->text, S("true")));
		else
			cfn_make_proper(a, v);
	}
}

static struct json *property(struct cfn_resource *r, const char *name)
{
	return json_get(r->properties, str_c(name));
}

static struct json *old_property(struct cfn_resource *r, const char *name)
{
	return json_get(r->old_properties, str_c(name));
}

bool cfn_same(const struct json *a, const struct json *b)
{
	return (a == NULL && b == NULL) || (a != NULL && b != NULL && json_equal(a, b));
}

static bool changed(struct cfn_resource *r, const char *name)
{
	return !cfn_same(property(r, name), old_property(r, name));
}

/* ---- calling ---- */

enum cfn_status cfn_ask(struct cfn_resource *r, const char *op, const struct json *in, struct json **out)
{
	ASSERT(in->type == JSON_OBJECT && op != NULL);
	const struct invoke_options where = {.region = json_get_str(r->properties, "Region")};
	struct invoked i = invoke(r->c, "dynamodb", op, in, &where);
	if (!i.ok)
		return cfn_done(r, &i);
	if (out != NULL)
		*out = i.out;
	return CFN_DONE;
}

struct json *cfn_table_input(struct cfn_resource *r)
{
	ASSERT(str_present(r->physical_id));
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "TableName", r->physical_id);
	return in;
}

static void copy_property(struct cfn_resource *r, struct json *in, const char *name)
{
	struct json *v = property(r, name);
	if (v != NULL && v->type != JSON_NULL)
		json_set(r->c->arena, in, str_c(name), v);
}

static struct json *stream_input(struct cfn_resource *r)
{
	struct str view = json_get_str(property(r, "StreamSpecification"), "StreamViewType");
	if (!str_present(view))
		return NULL;
	struct json *s = json_new_object(r->c->arena);
	json_set_bool(r->c->arena, s, "StreamEnabled", true);
	json_set_str(r->c->arena, s, "StreamViewType", view);
	return s;
}

static struct json *sse_input(struct cfn_resource *r)
{
	struct json *p = property(r, "SSESpecification");
	if (p == NULL)
		return NULL;
	struct json *s = json_new_object(r->c->arena);
	json_set_bool(r->c->arena, s, "Enabled", json_get_bool(p, "SSEEnabled", false));
	if (str_present(json_get_str(p, "SSEType")))
		json_set_str(r->c->arena, s, "SSEType", json_get_str(p, "SSEType"));
	if (str_present(json_get_str(p, "KMSMasterKeyId")))
		json_set_str(r->c->arena, s, "KMSMasterKeyId", json_get_str(p, "KMSMasterKeyId"));
	return s;
}

/* ---- parts that have operations of their own ---- */

static enum cfn_status set_ttl(struct cfn_resource *r, struct json *spec, bool enabled)
{
	ASSERT(spec != NULL);
	struct json *in = cfn_table_input(r), *s = json_set(r->c->arena, in, S("TimeToLiveSpecification"), json_new_object(r->c->arena));
	json_set_bool(r->c->arena, s, "Enabled", enabled);
	json_set_str(r->c->arena, s, "AttributeName", json_get_str(spec, "AttributeName"));
	return cfn_ask(r, "UpdateTimeToLive", in, NULL);
}

static bool ttl_on(struct json *spec)
{
	return spec != NULL && json_get_bool(spec, "Enabled", false);
}

static enum cfn_status update_ttl(struct cfn_resource *r)
{
	struct json *now = property(r, "TimeToLiveSpecification"), *was = old_property(r, "TimeToLiveSpecification");
	if (cfn_same(now, was))
		return CFN_DONE;
	enum cfn_status status = ttl_on(was) ? set_ttl(r, was, false) : CFN_DONE;
	return status == CFN_DONE && ttl_on(now) ? set_ttl(r, now, true) : status;
}

enum cfn_status cfn_table_recovery(struct cfn_resource *r)
{
	ASSERT(str_present(r->physical_id));
	struct json *now = property(r, "PointInTimeRecoverySpecification");
	if (now == NULL || !changed(r, "PointInTimeRecoverySpecification"))
		return CFN_DONE;
	struct json *in = cfn_table_input(r);
	json_set(r->c->arena, in, S("PointInTimeRecoverySpecification"), now);
	return cfn_ask(r, "UpdateContinuousBackups", in, NULL);
}

enum cfn_status cfn_table_policy(struct cfn_resource *r, struct str arn)
{
	ASSERT(str_present(arn));
	if (!changed(r, "ResourcePolicy"))
		return CFN_DONE;
	struct json *in = json_new_object(r->c->arena), *document = json_get(property(r, "ResourcePolicy"), S("PolicyDocument"));
	json_set_str(r->c->arena, in, "ResourceArn", arn);
	if (document == NULL)
		return cfn_ask(r, "DeleteResourcePolicy", in, NULL);
	json_set_str(r->c->arena, in, "Policy", document->type == JSON_STRING ? document->text : json_text(r->c->arena, document));
	return cfn_ask(r, "PutResourcePolicy", in, NULL);
}

/* ---- contributor insights: of the table, and of each global index beside what UpdateTable knows of it ---- */

static const char insights_name[] = "ContributorInsightsSpecification";

static struct json *plain_index(struct arena *a, const struct json *x)
{
	struct json *copy = json_copy(a, x);
	(void)json_unset(copy, str_c(insights_name));
	return copy;
}

static enum cfn_status set_insights(struct cfn_resource *r, struct str index, const struct json *now, const struct json *was)
{
	bool on = json_get_bool(now, "Enabled", false);
	if (cfn_same(now, was) || (!on && !json_get_bool(was, "Enabled", false)))
		return CFN_DONE;
	struct json *in = cfn_table_input(r);
	if (str_present(index))
		json_set_str(r->c->arena, in, "IndexName", index);
	json_set_str(r->c->arena, in, "ContributorInsightsAction", on ? S("ENABLE") : S("DISABLE"));
	if (on && str_present(json_get_str(now, "Mode")))
		json_set_str(r->c->arena, in, "ContributorInsightsMode", json_get_str(now, "Mode"));
	return cfn_ask(r, "UpdateContributorInsights", in, NULL);
}

static struct json *index_by_name(struct json *indexes, struct str name)
{
	for (uint32_t i = 0; indexes != NULL && i < indexes->n; i++)
		if (str_eq(json_get_str(json_at(indexes, i), "IndexName"), name))
			return json_at(indexes, i);
	return NULL;
}

/* By what makes another index of it. */
static bool same_index(const struct json *x, const struct json *old)
{
	return old != NULL && cfn_same(json_get(x, S("KeySchema")), json_get(old, S("KeySchema"))) &&
	       cfn_same(json_get(x, S("Projection")), json_get(old, S("Projection")));
}

enum cfn_status cfn_table_insights(struct cfn_resource *r)
{
	ASSERT(str_present(r->physical_id));
	struct json *now = property(r, "GlobalSecondaryIndexes"), *was = old_property(r, "GlobalSecondaryIndexes");
	enum cfn_status status = set_insights(r, STR_NONE, property(r, insights_name), old_property(r, insights_name));
	for (uint32_t i = 0; status == CFN_DONE && now != NULL && i < now->n; i++) {
		struct json *x = json_at(now, i), *old = index_by_name(was, json_get_str(x, "IndexName"));
		if (!same_index(x, old))
			old = NULL; /* it was made anew, without them */
		status = set_insights(r, json_get_str(x, "IndexName"), json_get(x, str_c(insights_name)), json_get(old, str_c(insights_name)));
	}
	return status;
}

/* ---- create ---- */

enum cfn_status cfn_table_wait(struct cfn_resource *r)
{
	enum { LOOK_AGAIN_MS = 50 };
	if (r->state == NULL)
		r->state = json_new_object(r->c->arena);
	json_set_bool(r->c->arena, r->state, "Waiting", true);
	r->again_ms = r->c->now_ms + LOOK_AGAIN_MS;
	return CFN_AGAIN;
}

static enum cfn_status ask_destination(struct cfn_resource *r, const char *op, struct str stream, const char *settings, struct str precision)
{
	struct arena *a = r->c->arena;
	struct json *in = cfn_table_input(r);
	json_set_str(a, in, "StreamArn", stream);
	if (str_present(precision)) {
		struct json *s = json_set(a, in, str_c(settings), json_new_object(a));
		json_set_str(a, s, "ApproximateCreationDateTimePrecision", precision);
	}
	enum cfn_status status = cfn_ask(r, op, in, NULL);
	return status == CFN_DONE ? cfn_table_wait(r) : status;
}

/* Brings the table's Kinesis destination to what the properties say, a step at a time; CFN_DONE when it is there. */
static enum cfn_status settle_destination(struct cfn_resource *r)
{
	struct json *want = property(r, "KinesisStreamSpecification"), *out = NULL;
	struct str arn = json_get_str(want, "StreamArn"), precision = json_get_str(want, "ApproximateCreationDateTimePrecision");
	if (want == NULL && old_property(r, "KinesisStreamSpecification") == NULL)
		return CFN_DONE;
	enum cfn_status status = cfn_ask(r, "DescribeKinesisStreamingDestination", cfn_table_input(r), &out);
	if (status != CFN_DONE)
		return status;
	struct json *all = json_get(out, S("KinesisDataStreamDestinations"));
	for (uint32_t i = 0; all != NULL && i < all->n; i++) {
		struct str there = json_get_str(json_at(all, i), "StreamArn"), state = json_get_str(json_at(all, i), "DestinationStatus");
		if (str_eq(state, S("ENABLE_FAILED")) && str_eq(there, arn) && json_get_bool(r->state, "Enabling", false))
			return cfn_fail(r, "%.*s", STR_ARG(json_get_str(json_at(all, i), "DestinationStatusDescription")));
		if (str_eq(state, S("DISABLED")) || str_eq(state, S("ENABLE_FAILED")))
			continue;
		if (!str_eq(state, S("ACTIVE")))
			return cfn_table_wait(r);
		if (!str_eq(there, arn))
			return ask_destination(r, "DisableKinesisStreamingDestination", there, NULL, STR_NONE);
		if (str_present(precision) && !str_eq(precision, json_get_str(json_at(all, i), "ApproximateCreationDateTimePrecision")))
			return ask_destination(r, "UpdateKinesisStreamingDestination", arn, "UpdateKinesisStreamingConfiguration", precision);
		return CFN_DONE;
	}
	if (!str_present(arn))
		return CFN_DONE;
	status = ask_destination(r, "EnableKinesisStreamingDestination", arn, "EnableKinesisStreamingConfiguration", precision);
	if (status == CFN_AGAIN)
		json_set_bool(r->c->arena, r->state, "Enabling", true);
	return status;
}

static enum cfn_status finish(struct cfn_resource *r)
{
	ASSERT(str_present(r->physical_id));
	struct json *out = NULL;
	enum cfn_status status = cfn_ask(r, "DescribeTable", cfn_table_input(r), &out);
	if (status != CFN_DONE)
		return status;
	struct json *table = json_get(out, S("Table")), *indexes = json_get(table, S("GlobalSecondaryIndexes"));
	if (r->attributes == NULL)
		r->attributes = json_new_object(r->c->arena);
	json_set_str(r->c->arena, r->attributes, "Arn", json_get_str(table, "TableArn"));
	json_set_str(r->c->arena, r->attributes, "TableId", json_get_str(table, "TableId"));
	if (str_present(json_get_str(table, "LatestStreamArn")))
		json_set_str(r->c->arena, r->attributes, "StreamArn", json_get_str(table, "LatestStreamArn"));
	for (uint32_t i = 0; indexes != NULL && i < indexes->n; i++) {
		if (str_eq(json_get_str(json_at(indexes, i), "IndexStatus"), S("ACTIVE")))
			continue;
		return cfn_table_wait(r);
	}
	status = cfn_table_vectors(r, json_get(table, S("VectorIndexes")));
	return status == CFN_DONE ? settle_destination(r) : status;
}

static bool waiting(struct cfn_resource *r)
{
	return r->state != NULL && json_get_bool(r->state, "Waiting", false);
}

enum cfn_status cfn_table_create(struct cfn_resource *r)
{
	static const char *const same_names[] = {"AttributeDefinitions", "KeySchema", "BillingMode", "ProvisionedThroughput",
		"OnDemandThroughput", "GlobalSecondaryIndexes", "LocalSecondaryIndexes", "VectorIndexes", "TableClass",
		"DeletionProtectionEnabled", "WarmThroughput"};
	if (waiting(r))
		return finish(r);
	cfn_make_proper(r->c->arena, r->properties);
	struct str name = json_get_str(r->properties, "TableName");
	r->physical_id = str_present(name) ? name : cfn_make_name(r, 255, false);
	struct json *in = cfn_table_input(r), *out = NULL;
	for (size_t i = 0; i < COUNT_OF(same_names); i++)
		copy_property(r, in, same_names[i]);
	struct json *indexes = json_get(in, S("GlobalSecondaryIndexes")), *plain = json_new_array(r->c->arena);
	for (uint32_t i = 0; indexes != NULL && i < indexes->n; i++)
		json_push(r->c->arena, plain, plain_index(r->c->arena, json_at(indexes, i)));
	if (plain->n > 0)
		json_set(r->c->arena, in, S("GlobalSecondaryIndexes"), plain);
	if (stream_input(r) != NULL)
		json_set(r->c->arena, in, S("StreamSpecification"), stream_input(r));
	if (sse_input(r) != NULL)
		json_set(r->c->arena, in, S("SSESpecification"), sse_input(r));
	struct json *tags = cfn_tags(r, false);
	if (tags != NULL && tags->n > 0)
		json_set(r->c->arena, in, S("Tags"), tags);
	enum cfn_status status = cfn_ask(r, "CreateTable", in, &out);
	if (status == CFN_DONE)
		status = update_ttl(r);
	if (status == CFN_DONE)
		status = cfn_table_recovery(r);
	if (status == CFN_DONE)
		status = cfn_table_policy(r, json_get_str(json_get(out, S("TableDescription")), "TableArn"));
	if (status == CFN_DONE)
		status = cfn_table_insights(r);
	return status == CFN_DONE ? finish(r) : status;
}

/* ---- update ---- */

static bool becomes_provisioned(struct cfn_resource *r)
{
	return changed(r, "BillingMode") && !str_eq(json_get_str(r->properties, "BillingMode"), S("PAY_PER_REQUEST"));
}

/* One index at a time, as UpdateTable wants it. */
static enum cfn_status change_index(struct cfn_resource *r, const char *action, const struct json *what)
{
	ASSERT(what != NULL);
	struct arena *a = r->c->arena;
	struct json *in = cfn_table_input(r);
	copy_property(r, in, "AttributeDefinitions");
	struct json *list = json_set(a, in, S("GlobalSecondaryIndexUpdates"), json_new_array(a));
	struct json *one = json_push(a, list, json_new_object(a));
	json_set(a, one, str_c(action), what);
	return cfn_ask(r, "UpdateTable", in, NULL);
}

static enum cfn_status remove_indexes(struct cfn_resource *r)
{
	ASSERT(str_present(r->physical_id));
	struct json *was = old_property(r, "GlobalSecondaryIndexes"), *now = property(r, "GlobalSecondaryIndexes");
	for (uint32_t i = 0; was != NULL && i < was->n; i++) {
		struct str name = json_get_str(json_at(was, i), "IndexName");
		struct json *kept = index_by_name(now, name);
		if (kept != NULL && same_index(kept, json_at(was, i)))
			continue;
		struct json *what = json_new_object(r->c->arena);
		json_set_str(r->c->arena, what, "IndexName", name);
		enum cfn_status status = change_index(r, "Delete", what);
		if (status != CFN_DONE)
			return status;
	}
	return CFN_DONE;
}

static enum cfn_status add_indexes(struct cfn_resource *r)
{
	ASSERT(str_present(r->physical_id));
	struct json *was = old_property(r, "GlobalSecondaryIndexes"), *now = property(r, "GlobalSecondaryIndexes");
	for (uint32_t i = 0; now != NULL && i < now->n; i++) {
		struct json *x = json_at(now, i), *old = index_by_name(was, json_get_str(x, "IndexName"));
		bool same_keys = same_index(x, old);
		struct json *throughput = json_get(x, S("ProvisionedThroughput"));
		enum cfn_status status = CFN_DONE;
		if (!same_keys) {
			status = change_index(r, "Create", plain_index(r->c->arena, x));
		} else if (throughput != NULL && !becomes_provisioned(r) &&
		           !cfn_same(throughput, json_get(old, S("ProvisionedThroughput")))) {
			struct json *what = json_new_object(r->c->arena);
			json_set_str(r->c->arena, what, "IndexName", json_get_str(x, "IndexName"));
			json_set(r->c->arena, what, S("ProvisionedThroughput"), throughput);
			status = change_index(r, "Update", what);
		}
		if (status != CFN_DONE)
			return status;
	}
	return CFN_DONE;
}

/* Throughput of the indexes that stay, for a table that is provisioned from now on. */
static void put_index_units(struct cfn_resource *r, struct json *in)
{
	ASSERT(in->type == JSON_OBJECT);
	struct arena *a = r->c->arena;
	struct json *was = old_property(r, "GlobalSecondaryIndexes"), *now = property(r, "GlobalSecondaryIndexes"), *list = json_new_array(a);
	for (uint32_t i = 0; now != NULL && i < now->n; i++) {
		struct json *x = json_at(now, i), *units = json_get(x, S("ProvisionedThroughput"));
		if (units == NULL || index_by_name(was, json_get_str(x, "IndexName")) == NULL)
			continue;
		struct json *update = json_set(a, json_push(a, list, json_new_object(a)), S("Update"), json_new_object(a));
		json_set_str(a, update, "IndexName", json_get_str(x, "IndexName"));
		json_set(a, update, S("ProvisionedThroughput"), units);
	}
	if (list->n > 0)
		json_set(a, in, S("GlobalSecondaryIndexUpdates"), list);
}

/* Most changes must come alone. */
static enum cfn_status update_plain(struct cfn_resource *r)
{
	ASSERT(str_present(r->physical_id));
	static const char *const alone[] = {"TableClass", "DeletionProtectionEnabled", "WarmThroughput"};
	struct json *in = cfn_table_input(r);
	if (changed(r, "BillingMode")) {
		json_set_str(r->c->arena, in, "BillingMode", becomes_provisioned(r) ? S("PROVISIONED") : S("PAY_PER_REQUEST"));
		copy_property(r, in, "ProvisionedThroughput");
		if (becomes_provisioned(r))
			put_index_units(r, in);
	} else if (changed(r, "ProvisionedThroughput")) {
		copy_property(r, in, "ProvisionedThroughput");
	}
	if (changed(r, "OnDemandThroughput"))
		copy_property(r, in, "OnDemandThroughput");
	enum cfn_status status = in->n > 1 ? cfn_ask(r, "UpdateTable", in, NULL) : CFN_DONE;
	for (size_t i = 0; i < COUNT_OF(alone) && status == CFN_DONE; i++) {
		in = cfn_table_input(r);
		if (changed(r, alone[i]))
			copy_property(r, in, alone[i]);
		if (in->n > 1)
			status = cfn_ask(r, "UpdateTable", in, NULL);
	}
	if (status != CFN_DONE || !changed(r, "SSESpecification") || sse_input(r) == NULL)
		return status;
	in = cfn_table_input(r);
	json_set(r->c->arena, in, S("SSESpecification"), sse_input(r));
	return cfn_ask(r, "UpdateTable", in, NULL);
}

static enum cfn_status update_stream(struct cfn_resource *r)
{
	ASSERT(str_present(r->physical_id));
	if (!changed(r, "StreamSpecification"))
		return CFN_DONE;
	struct arena *a = r->c->arena;
	enum cfn_status status = CFN_DONE;
	if (old_property(r, "StreamSpecification") != NULL) {
		struct json *in = cfn_table_input(r), *off = json_set(a, in, S("StreamSpecification"), json_new_object(a));
		json_set_bool(a, off, "StreamEnabled", false);
		status = cfn_ask(r, "UpdateTable", in, NULL);
	}
	if (status != CFN_DONE || stream_input(r) == NULL)
		return status;
	struct json *in = cfn_table_input(r);
	json_set(a, in, S("StreamSpecification"), stream_input(r));
	return cfn_ask(r, "UpdateTable", in, NULL);
}

enum cfn_status cfn_table_tags(struct cfn_resource *r, struct str arn)
{
	ASSERT(str_present(arn));
	struct arena *a = r->c->arena;
	struct json *now = cfn_tags(r, false), *was = old_property(r, "Tags");
	struct json *gone = json_new_array(a), *in = json_new_object(a);
	for (uint32_t i = 0; was != NULL && i < was->n; i++) {
		struct str key = cfn_scalar(json_get(json_at(was, i), S("Key")));
		bool kept = false;
		for (uint32_t j = 0; now != NULL && j < now->n; j++)
			kept = kept || str_eq(json_get_str(json_at(now, j), "Key"), key);
		if (!kept)
			json_push(a, gone, json_new_str(a, key));
	}
	json_set_str(a, in, "ResourceArn", arn);
	enum cfn_status status = CFN_DONE;
	if (gone->n > 0) {
		struct json *untag = json_copy(a, in);
		json_set(a, untag, S("TagKeys"), gone);
		status = cfn_ask(r, "UntagResource", untag, NULL);
	}
	if (status != CFN_DONE || now == NULL || now->n == 0)
		return status;
	json_set(a, in, S("Tags"), now);
	return cfn_ask(r, "TagResource", in, NULL);
}

enum cfn_status cfn_table_update(struct cfn_resource *r)
{
	ASSERT(str_present(r->physical_id));
	if (waiting(r))
		return finish(r);
	cfn_make_proper(r->c->arena, r->properties);
	if (r->old_properties != NULL)
		cfn_make_proper(r->c->arena, r->old_properties);
	struct str arn = table_arn(r->c, r->physical_id);
	enum cfn_status status = remove_indexes(r);
	if (status == CFN_DONE)
		status = update_plain(r);
	if (status == CFN_DONE)
		status = add_indexes(r);
	if (status == CFN_DONE)
		status = update_stream(r);
	if (status == CFN_DONE)
		status = update_ttl(r);
	if (status == CFN_DONE)
		status = cfn_table_recovery(r);
	if (status == CFN_DONE)
		status = cfn_table_policy(r, arn);
	if (status == CFN_DONE)
		status = cfn_table_insights(r);
	if (status == CFN_DONE)
		status = cfn_table_tags(r, arn);
	return status == CFN_DONE ? finish(r) : status;
}

enum cfn_status cfn_table_remove(struct cfn_resource *r)
{
	struct invoked i = invoke(r->c, "dynamodb", "DeleteTable", cfn_table_input(r), NULL);
	return cfn_gone(r, &i, S("ResourceNotFoundException"));
}

extern const struct cfn_type ddb_cfn_types[];
const struct cfn_type ddb_cfn_types[] = {
	{.name = "AWS::DynamoDB::Table", .properties = properties, .replaces = replaces, .create = cfn_table_create, .update = cfn_table_update,
	 .remove = cfn_table_remove, .name_property = "TableName"},
	{.name = "AWS::DynamoDB::GlobalTable", .properties = cfn_global_properties, .replaces = replaces, .create = cfn_global_create,
	 .update = cfn_global_update, .remove = cfn_global_remove, .name_property = "TableName"},
};
