/* CreateTable, DescribeTable, ListTables, DeleteTable, and what fills and empties spaces. UpdateTable is in
 * ops_table_update.c. */
#include "destination.h"
#include "insights.h"
#include "ops_replica.h"
#include "ops_settings.h"
#include "ops_table.h"
#include "seal.h"
#include "vector.h"

#include "os/os.h"

enum { PURGE_AT_ONCE = 5000, BACKFILL_AT_ONCE = 1000, COUNT_EXACTLY = 10000, LIST_MAX = 100 };

/* ---- making ---- */

static struct dynamodb_ProvisionedThroughputDescription *throughput_of(struct arena *a, const struct dynamodb_ProvisionedThroughput *p)
{
	struct dynamodb_ProvisionedThroughputDescription *d = arena_new_of(a, struct dynamodb_ProvisionedThroughputDescription);
	d->NumberOfDecreasesToday = SOME_I64(0);
	d->ReadCapacityUnits = SOME_I64(p != NULL ? p->ReadCapacityUnits.v : 0);
	d->WriteCapacityUnits = SOME_I64(p != NULL ? p->WriteCapacityUnits.v : 0);
	return d;
}

static struct dynamodb_SSEDescription *sse_of(struct call *c, const struct dynamodb_SSESpecification *s)
{
	struct dynamodb_SSEDescription *d;
	bool ok = ddb_check_encryption(c, s, &d);
	ASSERT(ok); /* the definition is checked */
	return d;
}

struct dynamodb_IndexSpace *add_index_space(struct call *c, struct dynamodb_Table *r, struct str index)
{
	ASSERT(str_present(index) && txn_writable(c->txn));
	struct dynamodb_IndexSpace *all = r->IndexSpaces.v;
	all = arena_grow(c->arena, all, sizeof *all, r->IndexSpaces.n, (size_t)r->IndexSpaces.n + 1);
	struct dynamodb_IndexSpace *fresh = &all[r->IndexSpaces.n];
	fresh->IndexName = index;
	fresh->Space = SOME_I64((int64_t)call_serial(c, "space"));
	r->IndexSpaces = (struct list){all, r->IndexSpaces.n + 1, true};
	return fresh;
}

static void make_local(struct call *c, struct dynamodb_Table *r, struct list in)
{
	ASSERT(in.n > 0);
	struct dynamodb_TableDescription *d = r->Description;
	d->LocalSecondaryIndexes = LIST_OF(c->arena, struct dynamodb_LocalSecondaryIndexDescription, in.n);
	for (uint32_t i = 0; i < in.n; i++) {
		const struct dynamodb_LocalSecondaryIndex *x = LIST_AT(in, struct dynamodb_LocalSecondaryIndex, i);
		*LIST_AT(d->LocalSecondaryIndexes, struct dynamodb_LocalSecondaryIndexDescription, i) =
			(struct dynamodb_LocalSecondaryIndexDescription){.IndexName = x->IndexName, .KeySchema = x->KeySchema,
				.Projection = x->Projection, .IndexArn = index_arn(c, d->TableName, x->IndexName)};
		add_index_space(c, r, x->IndexName);
	}
}

static void make_global(struct call *c, struct dynamodb_Table *r, struct list in)
{
	ASSERT(in.n > 0);
	struct dynamodb_TableDescription *d = r->Description;
	d->GlobalSecondaryIndexes = LIST_OF(c->arena, struct dynamodb_GlobalSecondaryIndexDescription, in.n);
	for (uint32_t i = 0; i < in.n; i++) {
		const struct dynamodb_GlobalSecondaryIndex *x = LIST_AT(in, struct dynamodb_GlobalSecondaryIndex, i);
		*LIST_AT(d->GlobalSecondaryIndexes, struct dynamodb_GlobalSecondaryIndexDescription, i) =
			(struct dynamodb_GlobalSecondaryIndexDescription){.IndexName = x->IndexName, .KeySchema = x->KeySchema,
				.Projection = x->Projection, .IndexArn = index_arn(c, d->TableName, x->IndexName), .IndexStatus = S("ACTIVE"),
				.ProvisionedThroughput = throughput_of(c->arena, x->ProvisionedThroughput),
				.OnDemandThroughput = x->OnDemandThroughput};
		add_index_space(c, r, x->IndexName);
	}
}

struct dynamodb_Table *table_make(struct call *c, const struct table_definition *in)
{
	ASSERT(str_present(in->name));
	if (!ddb_check_definition(c, in))
		return NULL;
	if (table_record(c, in->name) != NULL) {
		call_fail(c, &dynamodb_err_ResourceInUseException, "Table already exists: %.*s", STR_ARG(in->name));
		return NULL;
	}
	struct dynamodb_Table *r = arena_new_of(c->arena, struct dynamodb_Table);
	struct dynamodb_TableDescription *d = r->Description = arena_new_of(c->arena, struct dynamodb_TableDescription);
	char uuid[37];
	random_uuid(uuid);
	*d = (struct dynamodb_TableDescription){.TableName = in->name, .AttributeDefinitions = in->attributes, .KeySchema = in->key_schema,
		.TableStatus = S("ACTIVE"), .CreationDateTime = SOME_TIME(c->now_ms), .TableArn = table_arn(c, in->name),
		.TableId = arena_dup(c->arena, str_c(uuid)), .ProvisionedThroughput = throughput_of(c->arena, in->throughput),
		.DeletionProtectionEnabled = SOME_BOOL(in->deletion_protection), .SSEDescription = sse_of(c, in->sse)};
	if (d->SSEDescription != NULL && !seal_under(c, r))
		return NULL;
	r->Space = SOME_I64((int64_t)call_serial(c, "space"));
	if (str_eq(in->billing_mode, S("PAY_PER_REQUEST"))) {
		d->BillingModeSummary = arena_new_of(c->arena, struct dynamodb_BillingModeSummary);
		d->BillingModeSummary->BillingMode = in->billing_mode;
		d->BillingModeSummary->LastUpdateToPayPerRequestDateTime = SOME_TIME(c->now_ms);
		if (in->on_demand != NULL) {
			d->OnDemandThroughput = arena_new_of(c->arena, struct dynamodb_OnDemandThroughput);
			*d->OnDemandThroughput = *in->on_demand;
		}
	}
	if (str_present(in->table_class)) {
		d->TableClassSummary = arena_new_of(c->arena, struct dynamodb_TableClassSummary);
		d->TableClassSummary->TableClass = in->table_class;
	}
	if (in->local_indexes.set)
		make_local(c, r, in->local_indexes);
	if (in->global_indexes.set)
		make_global(c, r, in->global_indexes);
	vector_make(c, r, in->vector_indexes);
	bool on_demand = table_is_on_demand(d);
	if (!warm_table(c, d, in->warm, true))
		return NULL;
	for (uint32_t i = 0; i < in->global_indexes.n; i++)
		if (!warm_index(c, LIST_AT(d->GlobalSecondaryIndexes, struct dynamodb_GlobalSecondaryIndexDescription, i),
		                LIST_AT(in->global_indexes, struct dynamodb_GlobalSecondaryIndex, i)->WarmThroughput, on_demand, true))
			return NULL;
	return r;
}

/* The answer says CREATING as AWS's does; the table is there with the commit. */
static struct dynamodb_TableDescription *shown_as(struct call *c, const struct dynamodb_Table *r, const char *status)
{
	ASSERT(r->Description != NULL);
	struct dynamodb_TableDescription *d = arena_new_of(c->arena, struct dynamodb_TableDescription);
	*d = *r->Description;
	d->TableStatus = str_c(status);
	d->ItemCount = SOME_I64(0);
	d->TableSizeBytes = SOME_I64(0);
	if (d->BillingModeSummary != NULL && strcmp(status, "CREATING") == 0) {
		d->BillingModeSummary = arena_new_of(c->arena, struct dynamodb_BillingModeSummary);
		d->BillingModeSummary->BillingMode = r->Description->BillingModeSummary->BillingMode;
	}
	d->VectorIndexes = LIST_OF(c->arena, struct dynamodb_VectorIndexDescription, r->Description->VectorIndexes.n);
	d->VectorIndexes.set = d->VectorIndexes.n > 0;
	for (uint32_t i = 0; i < d->VectorIndexes.n; i++) {
		struct dynamodb_VectorIndexDescription *x = LIST_AT(d->VectorIndexes, struct dynamodb_VectorIndexDescription, i);
		*x = *LIST_AT(r->Description->VectorIndexes, struct dynamodb_VectorIndexDescription, i);
		x->IndexStatus = str_c(status);
	}
	if (strcmp(status, "CREATING") == 0)
		warm_updating(c, d, true);
	return d;
}

void ddb_create_table(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_CreateTable);
	const struct dynamodb_CreateTableInput *in = c->in;
	struct dynamodb_CreateTableOutput *out = c->out;
	if (str_present(in->GlobalTableSourceArn) || str_present(in->GlobalTableSettingsReplicationMode)) {
		call_unsupported(c, "GlobalTableSourceArn and GlobalTableSettingsReplicationMode are not supported");
		return;
	}
	struct table_definition def = {.name = in->TableName, .billing_mode = in->BillingMode, .table_class = in->TableClass,
		.attributes = in->AttributeDefinitions, .key_schema = in->KeySchema, .local_indexes = in->LocalSecondaryIndexes,
		.global_indexes = in->GlobalSecondaryIndexes, .vector_indexes = in->VectorIndexes,
		.throughput = in->ProvisionedThroughput, .on_demand = in->OnDemandThroughput,
		.sse = in->SSESpecification, .warm = in->WarmThroughput, .deletion_protection = in->DeletionProtectionEnabled.v};
	struct dynamodb_Table *r = table_make(c, &def);
	if (r == NULL)
		return;
	const struct dynamodb_StreamSpecification *stream = in->StreamSpecification;
	if (stream != NULL && stream->StreamEnabled.v && !str_present(stream->StreamViewType)) {
		fail_validation(c, "One or more parameter values were invalid: Table is being created with a stream enabled, UpdateViewType is required");
		return;
	}
	if (stream != NULL && !stream->StreamEnabled.v && str_present(stream->StreamViewType)) {
		fail_validation(c, "One or more parameter values were invalid: Table is being created with a stream disabled, UpdateViewType should not "
		                   "be specified");
		return;
	}
	if (!tags_check(c, in->Tags))
		return;
	if (stream != NULL && stream->StreamEnabled.v)
		stream_start(c, r, stream->StreamViewType);
	r->Tags = in->Tags;
	r->HasPolicy = SOME_BOOL(str_present(in->ResourcePolicy));
	table_save(c, r);
	if (str_present(in->ResourcePolicy)) {
		struct str why;
		if (policy_parse(c->arena, in->ResourcePolicy, POLICY_RESOURCE, &why) == NULL) {
			fail_validation(c, "One or more parameter values were invalid: Invalid policy document: %.*s", STR_ARG(why));
			return;
		}
		struct dynamodb_ResourcePolicyRecord policy = {in->ResourcePolicy, arena_printf(c->arena, "%lld", (long long)c->now_ms)};
		call_put(c, key_str(call_key(c, "policy"), in->TableName), &dynamodb_shape_ResourcePolicyRecord, &policy);
	}
	out->TableDescription = shown_as(c, r, "CREATING");
}

/* ---- describing ---- */

/* Exact up to a number of items; beyond it from the bytes of the range. DynamoDB itself tells these numbers about
 * every six hours. */
static void count_space(struct call *c, uint64_t space, struct opt_i64 *count, struct opt_i64 *bytes)
{
	ASSERT(space != 0);
	struct buf b;
	space_key(c, &b, space);
	struct str from = buf_view(&b), to = key_after(c->arena, from), key, value;
	int64_t n = 0, size = 0, stored = 0;
	struct scan *s = scan_open(c->txn, from, to, false);
	while (n < COUNT_EXACTLY && scan_next(s, &key, &value)) {
		size_t weight;
		bool ok = item_bytes_size(value, &weight);
		ASSERT(ok);
		size += (int64_t)weight;
		stored += (int64_t)(value.n + key.n);
		n++;
	}
	scan_close(s);
	if (n == COUNT_EXACTLY) {
		double factor = (double)store_range_bytes(service_store(), from, to) / (double)stored;
		if (factor > 1) {
			n = (int64_t)((double)n * factor);
			size = (int64_t)((double)size * factor);
		}
	}
	*count = SOME_I64(n);
	*bytes = SOME_I64(size);
}

struct dynamodb_TableDescription *table_describe(struct call *c, const struct dynamodb_Table *r)
{
	ASSERT(r != NULL && r->Description != NULL);
	struct dynamodb_TableDescription *d = arena_new_of(c->arena, struct dynamodb_TableDescription);
	*d = *r->Description;
	replica_describe(c, r, d);
	warm_describe(c, d);
	const struct table *t = table_of_record(c, (struct dynamodb_Table *)r);
	count_space(c, t->space, &d->ItemCount, &d->TableSizeBytes);
	for (uint32_t i = 0; i < t->n_indexes; i++) {
		if (i < d->LocalSecondaryIndexes.n) {
			struct dynamodb_LocalSecondaryIndexDescription *x =
				LIST_AT(d->LocalSecondaryIndexes, struct dynamodb_LocalSecondaryIndexDescription, i);
			count_space(c, t->indexes[i].space, &x->ItemCount, &x->IndexSizeBytes);
		} else {
			struct dynamodb_GlobalSecondaryIndexDescription *x = LIST_AT(d->GlobalSecondaryIndexes,
				struct dynamodb_GlobalSecondaryIndexDescription, i - d->LocalSecondaryIndexes.n);
			count_space(c, t->indexes[i].space, &x->ItemCount, &x->IndexSizeBytes);
		}
	}
	for (uint32_t i = 0; i < t->n_vectors; i++) {
		struct dynamodb_VectorIndexDescription *x = LIST_AT(d->VectorIndexes, struct dynamodb_VectorIndexDescription, i);
		count_space(c, t->vectors[i].x.space, &x->ItemCount, &x->IndexSizeBytes);
	}
	return d;
}

struct dynamodb_Table *table_required(struct call *c, struct str name_or_arn)
{
	struct str name = table_name_of(c, name_or_arn);
	if (!str_present(name))
		return NULL;
	struct dynamodb_Table *r = table_record(c, name);
	if (r == NULL && ddb_check_name_form(c, name))
		call_fail(c, &dynamodb_err_ResourceNotFoundException, "Requested resource not found: Table: %.*s not found", STR_ARG(name));
	return r;
}

void ddb_describe_table(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_DescribeTable);
	const struct dynamodb_DescribeTableInput *in = c->in;
	struct dynamodb_DescribeTableOutput *out = c->out;
	struct dynamodb_Table *r = table_required(c, in->TableName);
	if (r != NULL)
		out->Table = table_describe(c, r);
}

void ddb_list_tables(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_ListTables);
	const struct dynamodb_ListTablesInput *in = c->in;
	struct dynamodb_ListTablesOutput *out = c->out;
	uint32_t limit = in->Limit.set ? (uint32_t)in->Limit.v : LIST_MAX;
	struct str *names = arena_array(c->arena, struct str, limit);
	out->TableNames = (struct list){names, 0, true};
	struct key *prefix = call_key(c, "table");
	struct str after = STR_NONE, key, value;
	if (str_present(in->ExclusiveStartTableName))
		after = key_bytes(key_str(call_key(c, "table"), in->ExclusiveStartTableName));
	struct scan *s = call_scan(c, prefix, after, false);
	while (scan_next(s, &key, &value)) {
		if (out->TableNames.n == limit) {
			out->LastEvaluatedTableName = names[limit - 1];
			break;
		}
		struct key_reader reader = key_reader_of(str_slice(key, key_bytes(prefix).n, key.n));
		struct str name;
		bool ok = key_read_str(&reader, c->arena, &name);
		ASSERT(ok);
		names[out->TableNames.n++] = arena_dup(c->arena, name);
	}
	scan_close(s);
}

/* ---- deleting ---- */

static struct str purge_id(struct call *c, const char *what, uint64_t space)
{
	ASSERT(space != 0);
	return arena_printf(c->arena, "%s/%llu", what, (unsigned long long)space);
}

void purge_space(struct call *c, const char *what, uint64_t space)
{
	job_put(c, "purge", purge_id(c, what, space), c->now_ms, S(""));
}

void purge_cancel(struct call *c, const char *what, uint64_t space) { (void)job_drop(c, "purge", purge_id(c, what, space)); }

void table_remove(struct call *c, struct dynamodb_Table *r)
{
	ASSERT(txn_writable(c->txn) && !in_group(r));
	while (r->Insights.n > 0)
		insights_drop(c, r, LIST_AT(r->Insights, struct dynamodb_Insights, 0)->IndexName);
	if (r->StreamNumber.v != 0)
		stream_stop(c, r);
	destination_remove(c, r);
	if (r->Recovery.v) {
		purge_space(c, "history", (uint64_t)r->Space.v);
		job_drop(c, "trim-history", r->Description->TableName);
	}
	purge_space(c, "item", (uint64_t)r->Space.v);
	if (r->TtlEnabled.v) {
		purge_space(c, "ttl", (uint64_t)r->Space.v);
		job_drop(c, "ttl-sweep", r->Description->TableName);
	}
	for (uint32_t i = 0; i < r->IndexSpaces.n; i++)
		purge_space(c, "item", (uint64_t)LIST_AT(r->IndexSpaces, struct dynamodb_IndexSpace, i)->Space.v);
	call_del(c, table_record_key(c, r->Description->TableName));
	call_del(c, key_str(call_key(c, "policy"), r->Description->TableName));
}

/* A member of a global table may be deleted in its own region, unless others were made from it within a day. */
static bool check_removable(struct call *c, const struct dynamodb_Table *r)
{
	ASSERT(r->Description != NULL);
	if (r->Strong.v) {
		fail_validation(c, "Deletion of only one table replica is not supported for global tables with MultiRegionConsistency set to STRONG.");
		return false;
	}
	if (is_replicated(r) && !r->Legacy.v && !replica_may_go(c, r))
		return false;
	if (r->Description->DeletionProtectionEnabled.v) {
		fail_validation(c, "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.");
		return false;
	}
	if (r->Busy.v > 0 || str_eq(r->Description->TableStatus, S("CREATING"))) {
		call_fail(c, &dynamodb_err_ResourceInUseException, "Attempt to change a resource which is still in use: Table is being %s: %.*s",
		          r->Busy.v > 0 ? "copied" : "created", STR_ARG(r->Description->TableName));
		return false;
	}
	return true;
}

void ddb_delete_table(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_DeleteTable);
	const struct dynamodb_DeleteTableInput *in = c->in;
	struct dynamodb_DeleteTableOutput *out = c->out;
	struct dynamodb_Table *r = table_required(c, in->TableName);
	if (r == NULL || !check_removable(c, r))
		return;
	out->TableDescription = shown_as(c, r, "DELETING");
	out->TableDescription->AttributeDefinitions = out->TableDescription->KeySchema = (struct list){0};
	out->TableDescription->LocalSecondaryIndexes = out->TableDescription->GlobalSecondaryIndexes = (struct list){0};
	out->TableDescription->CreationDateTime = (struct opt_time){0};
	if (in_group(r))
		replica_depart(c, r);
	table_remove(c, r);
}

void ddb_job_purge(struct call *c, struct str id, struct str payload)
{
	ASSERT(txn_writable(c->txn) && id.n > 0);
	(void)payload;
	uint64_t space = 0;
	struct str rest = id, what = str_cut(&rest, '/');
	bool ok = str_to_u64(rest, &space);
	ASSERT(ok);
	struct str key, value;
	struct scan *s = call_scan(c, key_u64(call_key(c, arena_cstr(c->arena, what)), space), STR_NONE, false);
	int n = 0;
	while (n < PURGE_AT_ONCE && scan_next(s, &key, &value)) {
		txn_del(c->txn, arena_dup(c->arena, key));
		n++;
	}
	scan_close(s);
	if (n == PURGE_AT_ONCE)
		job_put(c, "purge", id, c->now_ms, S(""));
}

/* ---- filling a new index ---- */

static struct dynamodb_GlobalSecondaryIndexDescription *global_index(struct dynamodb_Table *r, struct str name)
{
	for (uint32_t i = 0; i < r->Description->GlobalSecondaryIndexes.n; i++) {
		struct dynamodb_GlobalSecondaryIndexDescription *x =
			LIST_AT(r->Description->GlobalSecondaryIndexes, struct dynamodb_GlobalSecondaryIndexDescription, i);
		if (str_eq(x->IndexName, name))
			return x;
	}
	return NULL;
}

static void fill_entry(struct call *c, const struct table *t, const struct table_index *x, const struct av *item)
{
	struct str entry = index_key(c, t, x, item);
	struct fault unfit = {.arena = c->arena};
	if (!str_present(entry) || !check_index_key(x, item, false, &unfit))
		return; /* an item whose keys are empty or too long is left out */
	struct av projected = index_project(c->arena, t, x, item);
	struct buf bytes;
	buf_init(&bytes, c->arena, 0);
	item_encode(&bytes, &projected);
	txn_put(c->txn, entry, seal_value(c, t, entry, buf_view(&bytes)));
}

/* One batch from a position on; absent when all is done. Items written meanwhile have their entries already: to put
 * them again changes nothing. v: a vector index is filled, NULL: x. */
static struct str backfill_batch(struct call *c, const struct table *t, const struct table_index *x, const struct vector_index *v,
                                 struct str position)
{
	ASSERT((x != NULL && !x->local) != (v != NULL));
	struct buf b;
	space_key(c, &b, t->space);
	struct str key, value, from = buf_view(&b), to = key_after(c->arena, from), last = STR_NONE;
	if (position.n > 0)
		from = arena_join(c->arena, position, str_of("\0", 1));
	struct scan *s = scan_open(c->txn, from, to, false);
	int n = 0;
	while (n < BACKFILL_AT_ONCE && scan_next(s, &key, &value)) {
		struct av item;
		last = arena_dup(c->arena, key);
		bool ok = item_decode(c->arena, open_value(c, t, last, arena_dup(c->arena, value)), &item);
		ASSERT(ok);
		n++;
		if (v != NULL)
			vector_fill(c, t, v, &item);
		else
			fill_entry(c, t, x, &item);
	}
	scan_close(s);
	return n == BACKFILL_AT_ONCE ? last : STR_NONE;
}

void ddb_job_backfill(struct call *c, struct str id, struct str payload)
{
	ASSERT(txn_writable(c->txn) && id.n > 0);
	struct str rest = id, name = str_cut(&rest, '/');
	struct dynamodb_Table *r = table_record(c, name);
	struct dynamodb_GlobalSecondaryIndexDescription *g = r != NULL ? global_index(r, rest) : NULL;
	struct dynamodb_VectorIndexDescription *v = r != NULL && g == NULL ? vector_described(r, rest) : NULL;
	if ((g == NULL && v == NULL) || !str_eq(g != NULL ? g->IndexStatus : v->IndexStatus, S("CREATING")))
		return; /* deleted meanwhile */
	struct table *t = table_of_record(c, r);
	if (!table_unsealed(c, t)) {
		job_put(c, "backfill", id, c->now_ms + KEY_RETRY_MS, payload);
		return;
	}
	struct str position = backfill_batch(c, t, table_index(t, rest), vector_index(t, rest), payload);
	if (str_present(position)) {
		job_put(c, "backfill", id, c->now_ms, position);
		return;
	}
	*(g != NULL ? &g->IndexStatus : &v->IndexStatus) = S("ACTIVE");
	*(g != NULL ? &g->Backfilling : &v->Backfilling) = (struct opt_bool){0};
	table_save(c, r);
}
