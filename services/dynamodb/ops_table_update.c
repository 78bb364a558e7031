/* UpdateTable: throughput, billing, indexes, stream, protection, class. */
#include "insights.h"
#include "ops_replica.h"
#include "ops_table.h"
#include "seal.h"
#include "vector.h"

#define INVALID "One or more parameter values were invalid: "

struct update_call {
	struct call *c;
	const struct dynamodb_UpdateTableInput *in;
	struct dynamodb_Table *r;
	struct dynamodb_TableDescription *d;
	bool on_demand; /* afterwards */
};

static struct dynamodb_GlobalSecondaryIndexDescription *find_index(struct update_call *u, struct str name)
{
	ASSERT(u->d != NULL);
	for (uint32_t i = 0; i < u->d->GlobalSecondaryIndexes.n; i++) {
		struct dynamodb_GlobalSecondaryIndexDescription *x =
			LIST_AT(u->d->GlobalSecondaryIndexes, struct dynamodb_GlobalSecondaryIndexDescription, i);
		if (str_eq(x->IndexName, name))
			return x;
	}
	return NULL;
}

/* index absent: the table's. */
static bool set_throughput(struct update_call *u, struct str index, struct dynamodb_ProvisionedThroughputDescription *now,
                           const struct dynamodb_ProvisionedThroughput *want)
{
	ASSERT(now != NULL && want != NULL);
	if (!ddb_check_units(u->c, want, index))
		return false;
	int64_t read = want->ReadCapacityUnits.v - now->ReadCapacityUnits.v, write = want->WriteCapacityUnits.v - now->WriteCapacityUnits.v;
	if (read == 0 && write == 0) {
		struct str what = str_present(index) ? arena_join(u->c->arena, S("index "), index) : S("table");
		fail_validation(u->c, "The provisioned throughput for the %.*s will not change. The requested value equals the current value. "
		                      "Current ReadCapacityUnits provisioned for the table: %lld. Requested ReadCapacityUnits: %lld. "
		                      "Current WriteCapacityUnits provisioned for the table: %lld. Requested WriteCapacityUnits: %lld. "
		                      "Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.",
		                STR_ARG(what), (long long)now->ReadCapacityUnits.v, (long long)want->ReadCapacityUnits.v,
		                (long long)now->WriteCapacityUnits.v, (long long)want->WriteCapacityUnits.v);
		return false;
	}
	if (read > 0 || write > 0)
		now->LastIncreaseDateTime = SOME_TIME(u->c->now_ms);
	if (read < 0 || write < 0) {
		now->LastDecreaseDateTime = SOME_TIME(u->c->now_ms);
		now->NumberOfDecreasesToday = SOME_I64(now->NumberOfDecreasesToday.v + 1);
	}
	now->ReadCapacityUnits = SOME_I64(want->ReadCapacityUnits.v);
	now->WriteCapacityUnits = SOME_I64(want->WriteCapacityUnits.v);
	return true;
}

static void to_on_demand(struct update_call *u)
{
	ASSERT(u->d->ProvisionedThroughput != NULL);
	struct dynamodb_BillingModeSummary *b = arena_new_of(u->c->arena, struct dynamodb_BillingModeSummary);
	b->BillingMode = S("PAY_PER_REQUEST");
	b->LastUpdateToPayPerRequestDateTime = SOME_TIME(u->c->now_ms);
	u->d->BillingModeSummary = b;
	u->d->ProvisionedThroughput->ReadCapacityUnits = SOME_I64(0);
	u->d->ProvisionedThroughput->WriteCapacityUnits = SOME_I64(0);
	for (uint32_t i = 0; i < u->d->GlobalSecondaryIndexes.n; i++) {
		struct dynamodb_GlobalSecondaryIndexDescription *x =
			LIST_AT(u->d->GlobalSecondaryIndexes, struct dynamodb_GlobalSecondaryIndexDescription, i);
		x->ProvisionedThroughput->ReadCapacityUnits = SOME_I64(0);
		x->ProvisionedThroughput->WriteCapacityUnits = SOME_I64(0);
	}
}

/* Is there a new throughput for this index in the request? */
static bool has_update(const struct dynamodb_UpdateTableInput *in, struct str index)
{
	for (uint32_t i = 0; i < in->GlobalSecondaryIndexUpdates.n; i++) {
		const struct dynamodb_GlobalSecondaryIndexUpdate *x = LIST_AT(in->GlobalSecondaryIndexUpdates, struct dynamodb_GlobalSecondaryIndexUpdate, i);
		if (x->Update != NULL && x->Update->ProvisionedThroughput != NULL && str_eq(x->Update->IndexName, index))
			return true;
		if (x->Delete != NULL && str_eq(x->Delete->IndexName, index))
			return true;
	}
	return false;
}

static bool update_billing(struct update_call *u)
{
	ASSERT(u->d == u->r->Description);
	const struct dynamodb_UpdateTableInput *in = u->in;
	bool was = table_is_on_demand(u->d);
	u->on_demand = str_present(in->BillingMode) ? str_eq(in->BillingMode, S("PAY_PER_REQUEST")) : was;
	if (str_eq(in->BillingMode, S("PROVISIONED")) && in->ProvisionedThroughput == NULL && was) {
		fail_validation(u->c, INVALID "ProvisionedThroughput must be specified when BillingMode is PROVISIONED");
		return false;
	}
	if (in->ProvisionedThroughput != NULL && u->on_demand) {
		fail_validation(u->c, INVALID "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is "
		                              "PAY_PER_REQUEST");
		return false;
	}
	if (!u->on_demand && u->d->VectorIndexes.n > 0) {
		fail_validation(u->c, INVALID "Tables with vector indexes must be in PAY_PER_REQUEST mode");
		return false;
	}
	struct buf missing;
	buf_init(&missing, u->c->arena, 0);
	for (uint32_t i = 0; was && !u->on_demand && i < u->d->GlobalSecondaryIndexes.n; i++) {
		struct str name = LIST_AT(u->d->GlobalSecondaryIndexes, struct dynamodb_GlobalSecondaryIndexDescription, i)->IndexName;
		if (!has_update(in, name))
			buf_printf(&missing, "%s%.*s", missing.n > 0 ? "," : "", STR_ARG(name));
	}
	if (missing.n > 0) {
		fail_validation(u->c, INVALID "ProvisionedThroughput must be specified for index: %.*s", STR_ARG(buf_view(&missing)));
		return false;
	}
	if (in->OnDemandThroughput != NULL && !ddb_check_most(u->c, in->OnDemandThroughput, STR_NONE, u->on_demand))
		return false;
	if (u->on_demand && !was)
		to_on_demand(u);
	if (!u->on_demand && was)
		u->d->BillingModeSummary->BillingMode = S("PROVISIONED");
	if (in->OnDemandThroughput != NULL)
		u->d->OnDemandThroughput = in->OnDemandThroughput;
	return in->ProvisionedThroughput == NULL || set_throughput(u, STR_NONE, u->d->ProvisionedThroughput, in->ProvisionedThroughput);
}

static const struct dynamodb_AttributeDefinition *definition_of(struct list definitions, struct str attribute)
{
	for (uint32_t i = 0; i < definitions.n; i++) {
		const struct dynamodb_AttributeDefinition *d = LIST_AT(definitions, struct dynamodb_AttributeDefinition, i);
		if (str_eq(d->AttributeName, attribute))
			return d;
	}
	return NULL;
}

/* "Schema:[SchemaElement: key{a:S:HASH}, SchemaElement: key{b:N:RANGE}]" */
static struct str show_schema(struct arena *a, struct list schema, struct list definitions)
{
	struct buf b;
	buf_init(&b, a, 0);
	buf_lit(&b, "Schema:[");
	for (uint32_t i = 0; i < schema.n; i++) {
		const struct dynamodb_KeySchemaElement *k = LIST_AT(schema, struct dynamodb_KeySchemaElement, i);
		const struct dynamodb_AttributeDefinition *d = definition_of(definitions, k->AttributeName);
		buf_printf(&b, "%sSchemaElement: key{%.*s:%.*s:%.*s}", i > 0 ? ", " : "", STR_ARG(k->AttributeName),
		           STR_ARG(d != NULL ? d->AttributeType : S("null")), STR_ARG(k->KeyType));
	}
	buf_putc(&b, ']');
	return buf_view(&b);
}

/* The first schema of the table that has the attribute in its key. */
static struct list schema_with(const struct dynamodb_TableDescription *d, struct str attribute)
{
	ASSERT(d->KeySchema.n > 0);
	for (uint32_t i = 0; i < d->LocalSecondaryIndexes.n; i++) {
		struct list s = LIST_AT(d->LocalSecondaryIndexes, struct dynamodb_LocalSecondaryIndexDescription, i)->KeySchema;
		if (!schema_names(d->KeySchema, attribute) && schema_names(s, attribute))
			return s;
	}
	for (uint32_t i = 0; i < d->GlobalSecondaryIndexes.n; i++) {
		struct list s = LIST_AT(d->GlobalSecondaryIndexes, struct dynamodb_GlobalSecondaryIndexDescription, i)->KeySchema;
		if (!schema_names(d->KeySchema, attribute) && schema_names(s, attribute))
			return s;
	}
	return d->KeySchema;
}

static void add_definition(struct update_call *u, const struct dynamodb_AttributeDefinition *want)
{
	struct list *there = &u->d->AttributeDefinitions;
	struct dynamodb_AttributeDefinition *all = arena_grow(u->c->arena, there->v, sizeof *all, there->n, (size_t)there->n + 1);
	all[there->n] = *want;
	*there = (struct list){all, there->n + 1, true};
}

/* The keys of a new index are defined in the request, known to the table or not; what else it defines is passed over. */
static bool add_definitions(struct update_call *u, const struct dynamodb_CreateGlobalSecondaryIndexAction *new_index)
{
	ASSERT(u->d == u->r->Description);
	struct call *c = u->c;
	struct list asked = u->in->AttributeDefinitions;
	if (!asked.set) {
		fail_validation(c, INVALID "AttributeDefinitions is not specified for index: %.*s", STR_ARG(new_index->IndexName));
		return false;
	}
	if (!vector_check_key(c, u->d, asked, new_index->KeySchema) ||
	    !ddb_check_global_index(c, asked, new_index->IndexName, new_index->KeySchema, new_index->Projection))
		return false;
	for (uint32_t i = 0; i < new_index->KeySchema.n; i++) {
		struct str name = LIST_AT(new_index->KeySchema, struct dynamodb_KeySchemaElement, i)->AttributeName;
		const struct dynamodb_AttributeDefinition *want = definition_of(asked, name), *have = definition_of(u->d->AttributeDefinitions, name);
		ASSERT(want != NULL); /* checked above */
		if (have != NULL && !str_eq(have->AttributeType, want->AttributeType)) {
			fail_validation(c, INVALID "Attributes cannot be redefined. Please check that your attribute has the same type as previously "
			                           "defined. Existing schema: %.*s New schema: %.*s",
			                STR_ARG(show_schema(c->arena, schema_with(u->d, name), u->d->AttributeDefinitions)),
			                STR_ARG(show_schema(c->arena, new_index->KeySchema, asked)));
			return false;
		}
		if (have == NULL)
			add_definition(u, want);
	}
	return true;
}

/* Of a vector index, all that the request defines. */
static bool add_all_definitions(struct update_call *u)
{
	struct list asked = u->in->AttributeDefinitions;
	for (uint32_t i = 0; i < asked.n; i++) {
		const struct dynamodb_AttributeDefinition *want = LIST_AT(asked, struct dynamodb_AttributeDefinition, i),
		                                          *have = definition_of(u->d->AttributeDefinitions, want->AttributeName);
		if (have == NULL)
			add_definition(u, want);
		if (have == NULL || str_eq(have->AttributeType, want->AttributeType))
			continue;
		fail_validation(u->c, INVALID "Attribute definition of %.*s differs from that of the table", STR_ARG(want->AttributeName));
		return false;
	}
	return true;
}

/* The index is written to from this commit on; a job fills in what is there already. */
void index_add(struct call *c, struct dynamodb_Table *r, const struct dynamodb_GlobalSecondaryIndexDescription *like)
{
	ASSERT(txn_writable(c->txn) && like->ProvisionedThroughput != NULL);
	struct list *indexes = &r->Description->GlobalSecondaryIndexes;
	struct dynamodb_GlobalSecondaryIndexDescription *all = arena_grow(c->arena, indexes->v, sizeof *all, indexes->n, (size_t)indexes->n + 1);
	all[indexes->n] = *like;
	all[indexes->n].IndexStatus = S("CREATING");
	all[indexes->n].Backfilling = SOME_BOOL(true);
	all[indexes->n].IndexArn = index_arn(c, r->Description->TableName, like->IndexName);
	*indexes = (struct list){all, indexes->n + 1, true};
	add_index_space(c, r, like->IndexName);
	job_put(c, "backfill", arena_join(c->arena, r->Description->TableName, S("/"), like->IndexName), c->now_ms, S(""));
}

void index_drop(struct call *c, struct dynamodb_Table *r, uint32_t at)
{
	ASSERT(txn_writable(c->txn));
	struct list *indexes = &r->Description->GlobalSecondaryIndexes;
	struct dynamodb_GlobalSecondaryIndexDescription *x = LIST_AT(*indexes, struct dynamodb_GlobalSecondaryIndexDescription, at);
	struct str name = x->IndexName;
	insights_drop(c, r, name);
	memmove(x, x + 1, (indexes->n - at - 1) * sizeof *x);
	if (--indexes->n == 0)
		*indexes = (struct list){0};
	index_space_drop(c, r, name);
}

void index_space_drop(struct call *c, struct dynamodb_Table *r, struct str name)
{
	ASSERT(txn_writable(c->txn));
	struct dynamodb_IndexSpace *spaces = r->IndexSpaces.v;
	for (uint32_t i = 0; i < r->IndexSpaces.n; i++) {
		if (!str_eq(spaces[i].IndexName, name))
			continue;
		purge_space(c, "item", (uint64_t)spaces[i].Space.v);
		spaces[i] = spaces[--r->IndexSpaces.n];
		return;
	}
	ASSERT(false); /* every index has a space */
}

static bool create_index(struct update_call *u, const struct dynamodb_CreateGlobalSecondaryIndexAction *a)
{
	ASSERT(txn_writable(u->c->txn));
	struct call *c = u->c;
	if (table_index(table_of_record(c, u->r), a->IndexName) != NULL || vector_described(u->r, a->IndexName) != NULL) {
		fail_validation(c, "Attempting to create an index which already exists");
		return false;
	}
	if (u->d->GlobalSecondaryIndexes.n >= GSI_MAX) {
		call_fail(c, &dynamodb_err_LimitExceededException, "GlobalSecondaryIndex count exceeds the per-table limit of 20");
		return false;
	}
	if (!add_definitions(u, a))
		return false;
	if (!u->on_demand && a->ProvisionedThroughput == NULL) {
		fail_validation(c, INVALID "Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: %.*s", STR_ARG(a->IndexName));
		return false;
	}
	if (u->on_demand && a->ProvisionedThroughput != NULL) {
		fail_validation(c, INVALID "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: %.*s when BillingMode is "
		                           "PAY_PER_REQUEST", STR_ARG(a->IndexName));
		return false;
	}
	if (a->OnDemandThroughput != NULL && !ddb_check_most(c, a->OnDemandThroughput, a->IndexName, u->on_demand))
		return false;
	struct dynamodb_ProvisionedThroughputDescription *p = arena_new_of(c->arena, struct dynamodb_ProvisionedThroughputDescription);
	p->NumberOfDecreasesToday = SOME_I64(0);
	p->ReadCapacityUnits = SOME_I64(a->ProvisionedThroughput != NULL ? a->ProvisionedThroughput->ReadCapacityUnits.v : 0);
	p->WriteCapacityUnits = SOME_I64(a->ProvisionedThroughput != NULL ? a->ProvisionedThroughput->WriteCapacityUnits.v : 0);
	struct dynamodb_GlobalSecondaryIndexDescription like = {.IndexName = a->IndexName, .KeySchema = a->KeySchema,
		.Projection = a->Projection, .ProvisionedThroughput = p, .OnDemandThroughput = a->OnDemandThroughput};
	if (!warm_index(c, &like, a->WarmThroughput, u->on_demand, true))
		return false;
	index_add(c, u->r, &like);
	return true;
}

static bool fail_no_index(struct update_call *u, struct str name, const char *what)
{
	for (uint32_t i = 0; i < u->d->LocalSecondaryIndexes.n; i++)
		if (str_eq(LIST_AT(u->d->LocalSecondaryIndexes, struct dynamodb_LocalSecondaryIndexDescription, i)->IndexName, name)) {
			fail_validation(u->c, "Cannot %s an index that is not a GlobalSecondaryIndex: %.*s", what, STR_ARG(name));
			return false;
		}
	call_fail(u->c, &dynamodb_err_ResourceNotFoundException, "Requested resource not found: Index: %.*s for table: %.*s not found",
	          STR_ARG(name), STR_ARG(u->d->TableName));
	return false;
}

static bool delete_index(struct update_call *u, struct str name)
{
	struct dynamodb_GlobalSecondaryIndexDescription *all = u->d->GlobalSecondaryIndexes.v, *x = find_index(u, name);
	if (x == NULL)
		return fail_no_index(u, name, "delete");
	index_drop(u->c, u->r, (uint32_t)(x - all));
	struct table_definition left = table_definition_of(u->c, u->d, STR_NONE);
	definition_drop_unused(u->c, &left);
	u->d->AttributeDefinitions = left.attributes;
	return true;
}

static bool update_index(struct update_call *u, const struct dynamodb_UpdateGlobalSecondaryIndexAction *a)
{
	ASSERT(u->d == u->r->Description);
	struct dynamodb_GlobalSecondaryIndexDescription *x = find_index(u, a->IndexName);
	if (x == NULL)
		return fail_no_index(u, a->IndexName, "update");
	if (u->on_demand && a->ProvisionedThroughput != NULL) {
		fail_validation(u->c, INVALID "The only Updates for index: %.*s when TableThroughputMode is PAY_PER_REQUEST can be to OnDemandThroughput, "
		                              "WarmThroughput", STR_ARG(a->IndexName));
		return false;
	}
	if (a->OnDemandThroughput != NULL && !ddb_check_most(u->c, a->OnDemandThroughput, a->IndexName, u->on_demand))
		return false;
	if (a->OnDemandThroughput != NULL)
		x->OnDemandThroughput = a->OnDemandThroughput;
	if (!warm_index(u->c, x, a->WarmThroughput, u->on_demand, false))
		return false;
	return a->ProvisionedThroughput == NULL || set_throughput(u, a->IndexName, x->ProvisionedThroughput, a->ProvisionedThroughput);
}

static struct str updated_index(const struct dynamodb_GlobalSecondaryIndexUpdate *x)
{
	return x->Create != NULL ? x->Create->IndexName : x->Update != NULL ? x->Update->IndexName : x->Delete != NULL ? x->Delete->IndexName : STR_NONE;
}

/* One action in each, and one of each index. */
static bool check_index_updates(struct call *c, struct list updates)
{
	for (uint32_t i = 0; i < updates.n; i++) {
		const struct dynamodb_GlobalSecondaryIndexUpdate *x = LIST_AT(updates, struct dynamodb_GlobalSecondaryIndexUpdate, i);
		int actions = (x->Create != NULL) + (x->Update != NULL) + (x->Delete != NULL);
		if (actions != 1) {
			fail_validation(c, actions == 0 ? INVALID "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, "
			                                          "GlobalSecondaryIndexUpdate.Delete must not be null" :
			                                  INVALID "Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object");
			return false;
		}
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(updated_index(x), updated_index(LIST_AT(updates, struct dynamodb_GlobalSecondaryIndexUpdate, j)))) {
				fail_validation(c, INVALID "Only one global secondary index update per index is allowed simultaneously. Index: %.*s",
				                STR_ARG(updated_index(x)));
				return false;
			}
	}
	return true;
}

static bool update_indexes(struct update_call *u)
{
	ASSERT(u->d == u->r->Description);
	uint32_t made_or_gone = u->in->VectorIndexUpdates.n > 0;
	for (uint32_t i = 0; i < u->in->GlobalSecondaryIndexUpdates.n; i++)
		made_or_gone += LIST_AT(u->in->GlobalSecondaryIndexUpdates, struct dynamodb_GlobalSecondaryIndexUpdate, i)->Update == NULL;
	if (made_or_gone > 1) {
		call_fail(u->c, &dynamodb_err_LimitExceededException,
		          "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table");
		return false;
	}
	for (uint32_t i = 0; i < u->in->GlobalSecondaryIndexUpdates.n; i++) {
		const struct dynamodb_GlobalSecondaryIndexUpdate *x =
			LIST_AT(u->in->GlobalSecondaryIndexUpdates, struct dynamodb_GlobalSecondaryIndexUpdate, i);
		bool ok = x->Create != NULL ? create_index(u, x->Create) :
		          x->Delete != NULL ? delete_index(u, x->Delete->IndexName) : update_index(u, x->Update);
		if (!ok)
			return false;
	}
	return u->in->VectorIndexUpdates.n == 0 || (add_all_definitions(u) && vector_updates(u->c, u->r, u->in->VectorIndexUpdates, u->on_demand));
}

static bool update_stream(struct update_call *u)
{
	ASSERT((u->r->StreamNumber.v != 0) == (u->d->StreamSpecification != NULL));
	const struct dynamodb_StreamSpecification *s = u->in->StreamSpecification;
	if (s == NULL)
		return true;
	bool has = u->r->StreamNumber.v != 0;
	if (!s->StreamEnabled.v && is_replicated(u->r)) {
		fail_validation(u->c, INVALID "Disabling Stream is not allowed for a Global Table replica.");
		return false;
	}
	if (s->StreamEnabled.v && !str_present(s->StreamViewType)) {
		fail_validation(u->c, INVALID "If stream is being enabled then UpdateViewType is required");
		return false;
	}
	if (!s->StreamEnabled.v && str_present(s->StreamViewType)) {
		fail_validation(u->c, INVALID "If stream is being disabled, then UpdateViewType must not be specified");
		return false;
	}
	if (s->StreamEnabled.v && has) {
		fail_validation(u->c, "Table already has an enabled stream: TableName: %.*s", STR_ARG(u->d->TableName));
		return false;
	}
	if (!s->StreamEnabled.v && !has) {
		fail_validation(u->c, "Table has no stream to disable: TableName: %.*s", STR_ARG(u->d->TableName));
		return false;
	}
	if (!s->StreamEnabled.v) {
		stream_stop(u->c, u->r);
		return true;
	}
	stream_start(u->c, u->r, s->StreamViewType);
	return true;
}

/* Most changes come alone. */
static bool check_together(struct call *c, const struct dynamodb_UpdateTableInput *in)
{
	bool iops = in->ProvisionedThroughput != NULL, stream = in->StreamSpecification != NULL, indexes = in->VectorIndexUpdates.n > 0;
	for (uint32_t i = 0; i < in->GlobalSecondaryIndexUpdates.n; i++)
		indexes = indexes || LIST_AT(in->GlobalSecondaryIndexUpdates, struct dynamodb_GlobalSecondaryIndexUpdate, i)->Update == NULL;
	const struct { bool is; const char *name; } lone[] = {
		{in->ReplicaUpdates.set, "Replica modification"}, {in->SSESpecification != NULL, "Server-Side Encryption modification"},
		{str_present(in->TableClass), "TableClass modification"}, {in->DeletionProtectionEnabled.set, "DeletionProtection modification"},
		{in->WarmThroughput != NULL, "WarmThroughput"},
	};
	int given = iops || str_present(in->BillingMode) || stream || in->GlobalSecondaryIndexUpdates.n > 0 ||
	            in->VectorIndexUpdates.n > 0 || in->OnDemandThroughput != NULL;
	for (size_t i = 0; i < COUNT_OF(lone); i++)
		given += lone[i].is;
	for (size_t i = 0; i < COUNT_OF(lone) && given > 1; i++)
		if (lone[i].is) {
			fail_validation(c, INVALID "%s must be the only operation in the request", lone[i].name);
			return false;
		}
	const char *why = in->OnDemandThroughput != NULL && (iops || stream || in->GlobalSecondaryIndexUpdates.n > 0) ?
		"OnDemandThroughput can only be combined with BillingMode in an UpdateTable request" :
		iops && stream ? "You cannot modify stream status while updating table IOPS" :
		iops && indexes ? "You cannot create or delete index while updating table IOPS" :
		stream && indexes ? "You cannot create or delete index while changing stream status" : NULL;
	if (why != NULL)
		fail_validation(c, INVALID "%s", why);
	return why == NULL;
}

static bool check_asked(struct call *c, const struct dynamodb_UpdateTableInput *in)
{
	if (str_present(in->GlobalTableSettingsReplicationMode) || in->DisassociationProtectionEnabled.set) {
		call_unsupported(c, "UpdateTable: GlobalTableSettingsReplicationMode and DisassociationProtectionEnabled are not supported");
		return false;
	}
	if (!in->ReplicaUpdates.set && in->ProvisionedThroughput == NULL && !str_present(in->BillingMode) && in->StreamSpecification == NULL &&
	    in->GlobalSecondaryIndexUpdates.n == 0 && !in->VectorIndexUpdates.set && in->SSESpecification == NULL && !str_present(in->TableClass) &&
	    !in->DeletionProtectionEnabled.set && in->OnDemandThroughput == NULL && in->WarmThroughput == NULL) {
		fail_validation(c, "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, SSESpecification, "
		                   "ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, DeletionProtectionEnabled, "
		                   "OnDemandThroughput, WarmThroughput or TableClass is required");
		return false;
	}
	if (in->GlobalSecondaryIndexUpdates.set && in->GlobalSecondaryIndexUpdates.n == 0) {
		fail_validation(c, INVALID "List of GlobalSecondaryIndexUpdates is empty");
		return false;
	}
	if (in->VectorIndexUpdates.set && in->VectorIndexUpdates.n == 0) {
		fail_validation(c, INVALID "List of VectorIndexUpdates is empty");
		return false;
	}
	if (in->ProvisionedThroughput != NULL && !ddb_check_units(c, in->ProvisionedThroughput, STR_NONE))
		return false;
	return check_together(c, in) && check_index_updates(c, in->GlobalSecondaryIndexUpdates);
}

static bool update_encryption(struct update_call *u)
{
	ASSERT(u->d == u->r->Description);
	struct dynamodb_SSEDescription *fresh;
	if (!ddb_check_encryption(u->c, u->in->SSESpecification, &fresh))
		return false;
	if (fresh == NULL && u->d->SSEDescription == NULL) {
		fail_validation(u->c, INVALID "Table is already encrypted by default");
		return false;
	}
	const struct dynamodb_SSEDescription *was = u->d->SSEDescription;
	u->d->SSEDescription = fresh;
	if (fresh == NULL)
		return seal_release(u->c, u->r);
	if (!seal_under(u->c, u->r))
		return false;
	if (was == NULL || !str_eq(was->KMSMasterKeyArn, fresh->KMSMasterKeyArn))
		return true;
	fail_validation(u->c, INVALID "Table is already encrypted with given KMSMasterKeyId. Use KMSMasterKeyId parameter if you want to change Master "
	                              "Key");
	return false;
}

void ddb_update_table(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_UpdateTable);
	struct update_call u = {.c = c, .in = c->in};
	struct dynamodb_UpdateTableOutput *out = c->out;
	if (!check_asked(c, u.in))
		return;
	u.r = table_required(c, u.in->TableName);
	if (u.r == NULL)
		return;
	u.d = u.r->Description;
	if (str_eq(u.d->TableStatus, S("CREATING"))) {
		call_fail(c, &dynamodb_err_ResourceInUseException, "Attempt to change a resource which is still in use: Table is being created: %.*s",
		          STR_ARG(u.d->TableName));
		return;
	}
	if (u.in->ReplicaUpdates.set) {
		if (replica_updates(c, u.in, u.r)) {
			out->TableDescription = table_describe(c, u.r);
			out->TableDescription->TableStatus = S("UPDATING");
		}
		return;
	}
	struct dynamodb_Table *was = is_replicated(u.r) ? table_record(c, u.d->TableName) : NULL;
	if (was != NULL && !replicas_settled(c, u.r))
		return;
	if (!update_billing(&u) || !update_indexes(&u) || !update_stream(&u))
		return;
	if (!warm_table(c, u.d, u.in->WarmThroughput, false))
		return;
	if (u.in->DeletionProtectionEnabled.set)
		u.d->DeletionProtectionEnabled = u.in->DeletionProtectionEnabled;
	if (str_present(u.in->TableClass)) {
		u.d->TableClassSummary = arena_new_of(c->arena, struct dynamodb_TableClassSummary);
		u.d->TableClassSummary->TableClass = u.in->TableClass;
		u.d->TableClassSummary->LastUpdateDateTime = SOME_TIME(c->now_ms);
	}
	if (u.in->SSESpecification != NULL && !update_encryption(&u))
		return;
	table_save(c, u.r);
	if (was != NULL && !u.r->Legacy.v)
		replica_follow(c, was, u.r);
	out->TableDescription = table_describe(c, u.r);
	out->TableDescription->TableStatus = S("UPDATING");
	if (u.in->WarmThroughput != NULL)
		warm_updating(c, out->TableDescription, false);
}
