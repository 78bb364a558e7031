/* CreateGlobalTable and its sisters: see ops_global.h; settings are in ops_global_settings.c.
 *
 * The members are tables of their own that stay when they leave. Nothing but items is shared. Source: "Global tables
 * version 2017.11.29 (Legacy)" (DynamoDB Developer Guide) and the operations' pages in the API Reference. */
#include "ops_global.h"

#include "ops_table.h"

#include "svc/arn.h"

#include <stdlib.h>

#define INVALID "One or more parameter values were invalid: "
enum { LIST_MOST = 100 };

static struct str global_arn(struct call *c, struct str name)
{
	return arn_make(c->arena, "dynamodb", S(""), c->account, arena_join(c->arena, S("global-table/"), name));
}

void ddb_access_global_table(struct call *c)
{
	authorize(c, NULL, global_arn(c, call_input_text(c, "GlobalTableName")), NULL);
}

static int by_name(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

struct list group_regions(struct call *c, const struct dynamodb_Table *r)
{
	ASSERT(in_group(r));
	struct str *all = arena_array(c->arena, struct str, (size_t)r->Regions.n + 1);
	all[0] = c->region;
	for (uint32_t i = 0; i < r->Regions.n; i++)
		all[i + 1] = replica_region(r, i);
	qsort(all, r->Regions.n + 1, sizeof *all, by_name);
	return (struct list){all, r->Regions.n + 1, true};
}

static struct dynamodb_GlobalTableDescription *described(struct call *c, const struct dynamodb_Table *r, struct str status)
{
	ASSERT(in_group(r));
	struct list regions = group_regions(c, r);
	struct dynamodb_GlobalTableDescription *d = arena_new_of(c->arena, struct dynamodb_GlobalTableDescription);
	*d = (struct dynamodb_GlobalTableDescription){.GlobalTableName = r->Description->TableName, .GlobalTableStatus = status,
		.GlobalTableArn = global_arn(c, r->Description->TableName), .CreationDateTime = r->JoinedAt,
		.ReplicationGroup = LIST_OF(c->arena, struct dynamodb_ReplicaDescription, regions.n)};
	for (uint32_t i = 0; i < regions.n; i++)
		*LIST_AT(d->ReplicationGroup, struct dynamodb_ReplicaDescription, i) =
			(struct dynamodb_ReplicaDescription){.RegionName = *LIST_AT(regions, struct str, i), .ReplicaStatus = S("ACTIVE")};
	return d;
}

/* The member in c's region, or GlobalTableNotFoundException. */
static struct dynamodb_Table *required_member(struct call *c, struct str name)
{
	struct dynamodb_Table *r = table_record(c, name);
	if (r != NULL && r->Legacy.v)
		return r;
	call_fail(c, &dynamodb_err_GlobalTableNotFoundException, "Global table not found: Global table with name: '%.*s' does not exist.", STR_ARG(name));
	return NULL;
}

/* ---- may a table join? ---- */

static bool refuse(struct call *c, struct str region, const char *why)
{
	fail_validation(c, INVALID "The table in %.*s cannot be a replica of the global table: %s", STR_ARG(region), why);
	return false;
}

static bool same_keys(struct list a, struct list b)
{
	if (a.n != b.n)
		return false;
	for (uint32_t i = 0; i < a.n; i++)
		if (!str_eq(LIST_AT(a, struct dynamodb_KeySchemaElement, i)->AttributeName, LIST_AT(b, struct dynamodb_KeySchemaElement, i)->AttributeName))
			return false;
	return true;
}

static bool same_schema(const struct key_schema *a, const struct key_schema *b)
{
	bool same = a->n == b->n && a->n_hash == b->n_hash;
	for (uint32_t i = 0; same && i < a->n; i++)
		same = str_eq(a->parts[i].name, b->parts[i].name) && a->parts[i].type == b->parts[i].type;
	return same;
}

static bool same_indexes(const struct table *a, const struct table *b)
{
	if (a->n_indexes != b->n_indexes || a->n_vectors > 0 || b->n_vectors > 0) /* they are newer than this version */
		return false;
	for (uint32_t i = 0; i < a->n_indexes; i++) {
		const struct table_index *x = table_index(b, a->indexes[i].name);
		if (x == NULL || x->local != a->indexes[i].local || !same_schema(&x->key, &a->indexes[i].key))
			return false;
	}
	return true;
}

/* In the region of the table that is to join; like: a table that is in the group, or will be. NULL: c failed. */
static struct dynamodb_Table *joinable(struct call *c, struct str name, const struct table *like)
{
	ASSERT(like == NULL || str_eq(like->name, name));
	struct dynamodb_Table *r = table_record(c, name);
	if (r == NULL) {
		call_fail(c, &dynamodb_err_TableNotFoundException, "Table not found: Table with name: '%.*s' does not exist in %.*s.", STR_ARG(name),
		          STR_ARG(c->region));
		return NULL;
	}
	if (in_group(r)) {
		call_fail(c, &dynamodb_err_GlobalTableAlreadyExistsException, "Global table already exists: Global table with name: '%.*s' already exists.",
		          STR_ARG(name));
		return NULL;
	}
	struct table *t = table_of_record(c, r);
	const struct dynamodb_StreamSpecification *s = r->Description->StreamSpecification;
	bool ok = str_eq(r->Description->TableStatus, S("ACTIVE")) || refuse(c, c->region, "it is not active");
	ok = ok && ((s != NULL && str_eq(s->StreamViewType, S("NEW_AND_OLD_IMAGES"))) ||
	            refuse(c, c->region, "its stream must be enabled, with both the new and the old images of the item"));
	ok = ok && (space_is_empty(c, t->space) || refuse(c, c->region, "it contains data"));
	if (ok && like != NULL) {
		ok = same_schema(&t->key, &like->key) && same_keys(r->Description->KeySchema, like->description->KeySchema);
		ok = ok ? same_indexes(t, like) || refuse(c, c->region, "its indexes differ") : refuse(c, c->region, "its primary key differs");
	}
	return ok ? r : NULL;
}

/* ---- operations ---- */

static bool check_regions(struct call *c, struct list group)
{
	for (uint32_t i = 0; i < group.n; i++) {
		struct str region = LIST_AT(group, struct dynamodb_Replica, i)->RegionName;
		if (!str_present(region) || !is_region(region)) {
			fail_validation(c, INVALID "Region %.*s is not supported", STR_ARG(region));
			return false;
		}
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(region, LIST_AT(group, struct dynamodb_Replica, j)->RegionName)) {
				fail_validation(c, INVALID "Region %.*s is given twice", STR_ARG(region));
				return false;
			}
	}
	if (group.n == 0)
		fail_validation(c, "One or more parameter values were invalid");
	return group.n > 0;
}

/* The new members know one another; there is no one else yet. */
static void form_group(struct call *c, struct dynamodb_Table **members, struct list group)
{
	ASSERT(group.n > 0 && txn_writable(c->txn));
	for (uint32_t i = 0; i < group.n; i++) {
		struct str *others = arena_array(c->arena, struct str, group.n);
		uint32_t n = 0;
		for (uint32_t j = 0; j < group.n; j++)
			if (j != i)
				others[n++] = LIST_AT(group, struct dynamodb_Replica, j)->RegionName;
		members[i]->Regions = n > 0 ? (struct list){others, n, true} : (struct list){0};
		members[i]->Legacy = SOME_BOOL(true);
		members[i]->JoinedAt = SOME_TIME(c->now_ms);
		struct place home = place_enter(c, LIST_AT(group, struct dynamodb_Replica, i)->RegionName);
		table_save(c, members[i]);
		place_leave(c, home);
	}
}

void ddb_create_global_table(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_CreateGlobalTable);
	const struct dynamodb_CreateGlobalTableInput *in = c->in;
	struct dynamodb_CreateGlobalTableOutput *out = c->out;
	struct list group = in->ReplicationGroup;
	if (!check_regions(c, group))
		return;
	struct dynamodb_Table **members = arena_array(c->arena, struct dynamodb_Table *, group.n);
	const struct table *first = NULL;
	for (uint32_t i = 0; i < group.n; i++) {
		struct place home = place_enter(c, LIST_AT(group, struct dynamodb_Replica, i)->RegionName);
		members[i] = joinable(c, in->GlobalTableName, first);
		if (i == 0 && members[0] != NULL)
			first = table_of_record(c, members[0]);
		place_leave(c, home);
		if (members[i] == NULL)
			return;
	}
	form_group(c, members, group);
	struct place home = place_enter(c, LIST_AT(group, struct dynamodb_Replica, 0)->RegionName);
	out->GlobalTableDescription = described(c, members[0], S("CREATING"));
	place_leave(c, home);
}

static bool add_member(struct call *c, struct dynamodb_Table *r, struct str region)
{
	ASSERT(r->Legacy.v && txn_writable(c->txn));
	struct list now = group_regions(c, r);
	struct str name = r->Description->TableName, *others = arena_array(c->arena, struct str, now.n);
	for (uint32_t i = 0; i < now.n; i++) {
		others[i] = *LIST_AT(now, struct str, i);
		if (!str_eq(others[i], region))
			continue;
		call_fail(c, &dynamodb_err_ReplicaAlreadyExistsException, "Replica already exists: the replica in %.*s is already part of the global "
		          "table '%.*s'.", STR_ARG(region), STR_ARG(name));
		return false;
	}
	struct table *like = table_of_record(c, r);
	struct place home = place_enter(c, region);
	struct dynamodb_Table *fresh = is_region(region) ? joinable(c, name, like) : NULL;
	place_leave(c, home);
	if (fresh == NULL) {
		if (!c->failed)
			fail_validation(c, INVALID "Region %.*s is not supported", STR_ARG(region));
		return false;
	}
	fresh->Regions = (struct list){others, now.n, true};
	fresh->Legacy = SOME_BOOL(true);
	fresh->JoinedAt = r->JoinedAt;
	replica_join(c, r, region);
	home = place_enter(c, region);
	table_save(c, fresh);
	place_leave(c, home);
	return true;
}

static bool drop_member(struct call *c, struct dynamodb_Table **r, struct str region)
{
	ASSERT((*r)->Legacy.v && txn_writable(c->txn));
	struct str name = (*r)->Description->TableName;
	struct place home = place_enter(c, region);
	struct dynamodb_Table *gone = table_record(c, name);
	bool member = gone != NULL && gone->Legacy.v;
	if (member) {
		replica_depart(c, gone);
		table_save(c, gone);
	}
	place_leave(c, home);
	if (!member) {
		call_fail(c, &dynamodb_err_ReplicaNotFoundException, "Replica not found: the replica in %.*s is not part of the global table '%.*s'.",
		          STR_ARG(region), STR_ARG(name));
		return false;
	}
	*r = table_record(c, name);
	return true;
}

void ddb_update_global_table(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_UpdateGlobalTable);
	const struct dynamodb_UpdateGlobalTableInput *in = c->in;
	struct dynamodb_UpdateGlobalTableOutput *out = c->out;
	struct dynamodb_Table *r = required_member(c, in->GlobalTableName);
	if (r == NULL)
		return;
	struct dynamodb_GlobalTableDescription *before = described(c, r, S("UPDATING"));
	for (uint32_t i = 0; i < in->ReplicaUpdates.n; i++) {
		const struct dynamodb_ReplicaUpdate *u = LIST_AT(in->ReplicaUpdates, struct dynamodb_ReplicaUpdate, i);
		if ((u->Create != NULL) == (u->Delete != NULL)) {
			fail_validation(c, "One or more parameter values were invalid");
			return;
		}
		if (!r->Legacy.v) { /* an earlier action took this region out */
			required_member(c, in->GlobalTableName);
			return;
		}
		if (u->Create != NULL ? !add_member(c, r, u->Create->RegionName) : !drop_member(c, &r, u->Delete->RegionName))
			return;
		table_save(c, r);
	}
	/* Who took its own region out sees what was. */
	out->GlobalTableDescription = in_group(r) ? described(c, r, S("UPDATING")) : before;
}

void ddb_describe_global_table(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_DescribeGlobalTable);
	const struct dynamodb_DescribeGlobalTableInput *in = c->in;
	struct dynamodb_DescribeGlobalTableOutput *out = c->out;
	struct dynamodb_Table *r = required_member(c, in->GlobalTableName);
	if (r != NULL)
		out->GlobalTableDescription = described(c, r, S("ACTIVE"));
}

static void list_here(struct call *c)
{
	const struct dynamodb_ListGlobalTablesInput *in = c->in;
	struct dynamodb_ListGlobalTablesOutput *out = c->out;
	uint32_t limit = in->Limit.set && in->Limit.v < LIST_MOST ? (uint32_t)in->Limit.v : LIST_MOST;
	struct dynamodb_GlobalTable *all = arena_array(c->arena, struct dynamodb_GlobalTable, limit);
	out->GlobalTables = (struct list){all, 0, true};
	struct str after = STR_NONE, key, value;
	if (str_present(in->ExclusiveStartGlobalTableName))
		after = key_bytes(table_record_key(c, in->ExclusiveStartGlobalTableName));
	struct scan *s = call_scan(c, call_key(c, "table"), after, false);
	while (scan_next(s, &key, &value)) {
		struct dynamodb_Table *r = record_decode(c, &dynamodb_shape_Table, arena_dup(c->arena, value));
		if (!r->Legacy.v)
			continue;
		if (out->GlobalTables.n == limit) {
			out->LastEvaluatedGlobalTableName = all[limit - 1].GlobalTableName;
			break;
		}
		struct list regions = group_regions(c, r);
		struct dynamodb_GlobalTable *g = &all[out->GlobalTables.n++];
		*g = (struct dynamodb_GlobalTable){r->Description->TableName, LIST_OF(c->arena, struct dynamodb_Replica, regions.n)};
		for (uint32_t i = 0; i < regions.n; i++)
			LIST_AT(g->ReplicationGroup, struct dynamodb_Replica, i)->RegionName = *LIST_AT(regions, struct str, i);
	}
	scan_close(s);
}

void ddb_list_global_tables(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_ListGlobalTables);
	const struct dynamodb_ListGlobalTablesInput *in = c->in;
	struct place home = place_enter(c, str_present(in->RegionName) ? in->RegionName : c->region);
	list_here(c);
	place_leave(c, home);
}
