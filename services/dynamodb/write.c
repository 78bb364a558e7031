/* Changing one item with all that hangs on it, and counting what it costs: see write.h. */
#include "write.h"

#include "destination.h"
#include "history.h"
#include "replica.h"
#include "seal.h"
#include "throttle.h"
#include "ttl.h"
#include "vector.h"

#include "os/os.h"
#include "telemetry/metric.h"

#include <math.h>

void item_load(struct call *c, const struct table *t, struct str key, struct stored *out)
{
	ASSERT(key.n > 0);
	*out = (struct stored){0};
	out->found = txn_get(c->txn, key, c->arena, &out->raw);
	if (!out->found)
		return;
	out->bytes = open_value(c, t, key, out->raw);
	bool ok = item_decode(c->arena, out->bytes, &out->item);
	ASSERT(ok);
}

/* ---- what it costs ---- */

double write_units(size_t bytes)
{
	return bytes <= 1024 ? 1 : ceil((double)bytes / 1024);
}

double read_units(size_t bytes, bool consistent)
{
	ASSERT(bytes <= (size_t)1 << 40);
	double units = bytes <= 4096 ? 1 : ceil((double)bytes / 4096);
	return consistent ? units : units / 2;
}

void consumed_init(struct call *c, const struct table *t, struct consumed *u, bool read)
{
	*u = (struct consumed){.read = read, .indexes = arena_array(c->arena, double, t->n_indexes)};
	if (t->n_vectors > 0)
		u->vectors = arena_array(c->arena, double, t->n_vectors);
}

static struct dynamodb_Capacity *capacity_of(struct arena *a, double units, bool read, bool detailed, struct dynamodb_Capacity *out)
{
	ASSERT(units >= 0);
	if (out == NULL)
		out = arena_new_of(a, struct dynamodb_Capacity);
	out->CapacityUnits = SOME_F64(units);
	if (detailed && read)
		out->ReadCapacityUnits = SOME_F64(units);
	else if (detailed)
		out->WriteCapacityUnits = SOME_F64(units);
	return out;
}

static void put_index_units(struct map_of *m, struct arena *a, const struct table_index *x, double units, bool read, bool detailed,
                            uint32_t room)
{
	ASSERT(m->n < room);
	if (!m->set)
		*m = (struct map_of){arena_array(a, struct dynamodb_SecondaryIndexesCapacityMap_entry, room), 0, true};
	struct dynamodb_SecondaryIndexesCapacityMap_entry *e = m->v;
	e[m->n].key = x->name;
	capacity_of(a, units, read, detailed, &e[m->n].value);
	m->n++;
}

/* Bytes written into a vector index are beside the units, in no sum. */
static void put_vector_bytes(struct map_of *m, struct arena *a, const struct table *t, uint32_t i, double bytes)
{
	ASSERT(i < t->n_vectors && m->n < t->n_vectors);
	if (!m->set)
		*m = (struct map_of){arena_array(a, struct dynamodb_VectorIndexesCapacityMap_entry, t->n_vectors), 0, true};
	((struct dynamodb_VectorIndexesCapacityMap_entry *)m->v)[m->n++] =
		(struct dynamodb_VectorIndexesCapacityMap_entry){t->vectors[i].x.name, {.VectorWriteRequestBytes = SOME_F64(bytes)}};
}

void consumed_fill(struct call *c, const struct table *t, const struct consumed *u, struct str asked, bool detailed,
                   struct dynamodb_ConsumedCapacity *out)
{
	ASSERT(u->indexes != NULL);
	double sum = u->table;
	for (uint32_t i = 0; i < t->n_indexes; i++)
		sum += u->indexes[i];
	*out = (struct dynamodb_ConsumedCapacity){.TableName = t->name, .CapacityUnits = SOME_F64(sum)};
	if (detailed && u->read)
		out->ReadCapacityUnits = SOME_F64(sum);
	else if (detailed)
		out->WriteCapacityUnits = SOME_F64(sum);
	if (!str_eq(asked, S("INDEXES")))
		return;
	out->Table = capacity_of(c->arena, u->table, u->read, detailed, NULL);
	for (uint32_t i = 0; i < t->n_indexes; i++)
		if (u->indexes[i] > 0)
			put_index_units(t->indexes[i].local ? &out->LocalSecondaryIndexes : &out->GlobalSecondaryIndexes, c->arena,
			                &t->indexes[i], u->indexes[i], u->read, detailed, t->n_indexes);
	for (uint32_t i = 0; i < t->n_vectors; i++)
		if (u->vectors[i] > 0)
			put_vector_bytes(&out->VectorIndexes, c->arena, t, i, u->vectors[i]);
}

struct dynamodb_ConsumedCapacity *consumed_answer(struct call *c, const struct table *t, const struct consumed *u, struct str asked)
{
	if (!str_eq(asked, S("TOTAL")) && !str_eq(asked, S("INDEXES")))
		return NULL;
	struct dynamodb_ConsumedCapacity *out = arena_new_of(c->arena, struct dynamodb_ConsumedCapacity);
	consumed_fill(c, t, u, asked, false, out);
	return out;
}

/* The size of a collection is found by its bytes in the store, in the two rounded bounds that DynamoDB gives. */
struct dynamodb_ItemCollectionMetrics *collection_metrics(struct call *c, const struct table *t, const struct av *key, struct str asked)
{
	ASSERT(key->type == AV_M);
	bool local = t->n_indexes > 0 && t->indexes[0].local;
	if (!local || !str_eq(asked, S("SIZE")))
		return NULL;
	struct dynamodb_ItemCollectionMetrics *m = arena_new_of(c->arena, struct dynamodb_ItemCollectionMetrics);
	struct av hash = {.type = AV_M};
	av_set(c->arena, &hash, t->key.hash, av_get(key, t->key.hash));
	m->ItemCollectionKey = item_document(c, &hash);
	struct buf b;
	space_key(c, &b, t->space);
	put_partition(&b, av_get(key, t->key.hash));
	struct str from = buf_view(&b);
	double gb = (double)store_range_bytes(service_store(), from, key_after(c->arena, from)) / (1 << 30);
	m->SizeEstimateRangeGB = LIST_OF(c->arena, struct opt_f64, 2);
	*LIST_AT(m->SizeEstimateRangeGB, struct opt_f64, 0) = SOME_F64(floor(gb));
	*LIST_AT(m->SizeEstimateRangeGB, struct opt_f64, 1) = SOME_F64(floor(gb) + 1);
	return m;
}

void collection_metrics_add(struct call *c, struct map_of *m, uint32_t room, uint32_t most, const struct table *t, const struct av *key,
                            struct str asked)
{
	const struct dynamodb_ItemCollectionMetrics *one = collection_metrics(c, t, key, asked);
	if (one == NULL)
		return;
	if (!m->set)
		*m = (struct map_of){arena_array(c->arena, struct dynamodb_ItemCollectionMetricsPerTable_entry, room), 0, true};
	struct dynamodb_ItemCollectionMetricsPerTable_entry *e = m->v;
	uint32_t at = 0;
	while (at < m->n && !str_eq(e[at].key, t->name))
		at++;
	if (at == m->n) {
		ASSERT(m->n < room);
		e[m->n++] = (struct dynamodb_ItemCollectionMetricsPerTable_entry){
			t->name, {arena_array(c->arena, struct dynamodb_ItemCollectionMetrics, most), 0, true}};
	}
	ASSERT(e[at].value.n < most);
	((struct dynamodb_ItemCollectionMetrics *)e[at].value.v)[e[at].value.n++] = *one;
}

/* ---- indexes ---- */

static struct str encode(struct arena *a, const struct av *item, size_t guess)
{
	struct buf b;
	buf_init(&b, a, 0);
	(void)buf_reserve(&b, guess);
	item_encode(&b, item);
	return buf_view(&b);
}

/* An entry's key and bytes; both absent when the item is not in the index. */
struct entry { struct str key, bytes; size_t size; };

static struct entry entry_of(struct call *c, const struct table *t, const struct table_index *x, const struct av *item, struct str whole)
{
	struct entry e = {0};
	if (item == NULL)
		return e;
	e.key = index_key(c, t, x, item);
	if (!str_present(e.key))
		return e;
	struct av projected = index_project(c->arena, t, x, item);
	e.size = item_size(&projected);
	e.bytes = x->projection == PROJECT_ALL ? whole : encode(c->arena, &projected, e.size + 64);
	return e;
}

static double write_index(struct call *c, const struct table *t, const struct table_index *x, const struct stored *old,
                          const struct av *fresh, struct str fresh_bytes)
{
	ASSERT(fresh == NULL || fresh_bytes.n > 0);
	struct entry before = entry_of(c, t, x, old->found ? &old->item : NULL, old->bytes);
	struct entry after = entry_of(c, t, x, fresh, fresh_bytes);
	if (!str_present(before.key) && !str_present(after.key))
		return 0;
	bool same_key = str_present(before.key) && str_present(after.key) && str_eq(before.key, after.key);
	if (same_key && str_eq(before.bytes, after.bytes))
		return 0;
	double units = 0;
	if (str_present(before.key) && !same_key) {
		txn_del(c->txn, before.key);
		units += write_units(before.size);
	}
	if (str_present(after.key)) {
		txn_put(c->txn, after.key, seal_value(c, t, after.key, after.bytes));
		units += write_units(same_key && before.size > after.size ? before.size : after.size);
	}
	return units;
}

void item_write(struct call *c, const struct table *t, struct str key, const struct stored *old, const struct av *fresh,
                bool by_ttl, struct consumed *used)
{
	ASSERT(t != NULL && key.n > 0);
	if (in_group(t->record))
		replica_write(c, t, key, old, fresh, by_ttl, used);
	else
		item_write_here(c, t, key, old, fresh, by_ttl, used);
}

void item_write_here(struct call *c, const struct table *t, struct str key, const struct stored *old, const struct av *fresh,
                     bool by_ttl, struct consumed *used)
{
	ASSERT(txn_writable(c->txn));
	size_t old_size = old->found ? item_size(&old->item) : 0, fresh_size = fresh != NULL ? item_size(fresh) : 0;
	used->table += write_units(old_size > fresh_size ? old_size : fresh_size);
	if (fresh == NULL && !old->found)
		return;
	struct str bytes = fresh != NULL ? encode(c->arena, fresh, fresh_size + 64) : STR_NONE;
	if (fresh != NULL && old->found && str_eq(bytes, old->bytes))
		return; /* nothing changes: no write, no change record */
	if (fresh != NULL)
		txn_put(c->txn, key, seal_value(c, t, key, bytes));
	else
		txn_del(c->txn, key);
	for (uint32_t i = 0; i < t->n_indexes; i++)
		used->indexes[i] += write_index(c, t, &t->indexes[i], old, fresh, bytes);
	for (uint32_t i = 0; i < t->n_vectors; i++)
		used->vectors[i] += vector_write(c, t, &t->vectors[i], old, fresh);
	if (history_kept(t))
		history_append(c, t, key, old->raw);
	if (t->record->TtlEnabled.v)
		ttl_track(c, t, key, old->found ? &old->item : NULL, fresh);
	if (t->stream != 0)
		stream_append(c, t, old->found ? &old->item : NULL, fresh, by_ttl);
	if (t->record->Destinations.n > 0)
		destination_append(c, t, key, old->found ? &old->item : NULL, fresh, by_ttl);
}

/* ---- metrics ---- */

/* All that one operation on one table counts for, added in one go after the commit. */
struct metric_block {
	char account[16], region[32], table[256];
	const char *operation;
	bool read;
	double units, returned; /* returned below zero: none */
	int64_t at_ms, started_ms;
};

static void copy_text(char *to, size_t room, struct str s)
{
	size_t n = s.n < room - 1 ? s.n : room - 1;
	memcpy(to, s.n > 0 ? s.p : "", n);
}

static void add_metrics(void *block)
{
	const struct metric_block *m = block;
	struct str account = str_c(m->account), region = str_c(m->region), ns = S("AWS/DynamoDB");
	struct metric_dim dims[2] = {{S("TableName"), str_c(m->table)}, {S("Operation"), str_c(m->operation)}};
	if (m->units > 0)
		metric_add(account, region, ns, m->read ? S("ConsumedReadCapacityUnits") : S("ConsumedWriteCapacityUnits"), dims, 1, m->units, "Count",
		           m->at_ms);
	if (m->operation == NULL)
		return;
	metric_add(account, region, ns, S("SuccessfulRequestLatency"), dims, 2, (double)(clock_now_ms() - m->started_ms), "Milliseconds", m->at_ms);
	if (m->returned >= 0)
		metric_add(account, region, ns, S("ReturnedItemCount"), dims, 2, m->returned, "Count", m->at_ms);
}

/* Units of a global index are its own, under both dimensions; those of local ones are the table's. A vector index is counted in bytes. */
struct index_metric_block { char account[16], region[32], table[256], index[256]; bool read, vector; double units; int64_t at_ms; };

static void add_index_metric(void *block)
{
	const struct index_metric_block *m = block;
	struct metric_dim dims[2] = {{S("TableName"), str_c(m->table)},
	                             {m->vector ? S("VectorIndexName") : S("GlobalSecondaryIndexName"), str_c(m->index)}};
	struct str units = m->read ? S("ConsumedReadCapacityUnits") : S("ConsumedWriteCapacityUnits");
	struct str bytes = m->read ? S("VectorSearchRequestBytes") : S("VectorWriteRequestBytes");
	metric_add(str_c(m->account), str_c(m->region), S("AWS/DynamoDB"), m->vector ? bytes : units, dims, 2, m->units,
	           m->vector ? "Bytes" : "Count", m->at_ms);
}

static void count_index(struct call *c, const struct table *t, const struct table_index *x, bool vector, bool read, double units)
{
	ASSERT(!x->local && units > 0);
	struct index_metric_block *m = call_effect(c, add_index_metric, sizeof *m);
	copy_text(m->account, sizeof m->account, c->account);
	copy_text(m->region, sizeof m->region, c->region);
	copy_text(m->table, sizeof m->table, t->name);
	copy_text(m->index, sizeof m->index, x->name);
	m->read = read;
	m->vector = vector;
	m->units = units;
	m->at_ms = c->now_ms;
}

void count_metrics(struct call *c, const struct table *t, const struct consumed *u, const char *operation, double returned)
{
	ASSERT(u->table >= 0 && (operation != NULL || returned < 0));
	throttle_charge(c, t, u);
	struct metric_block *m = call_effect(c, add_metrics, sizeof *m);
	copy_text(m->account, sizeof m->account, c->account);
	copy_text(m->region, sizeof m->region, c->region);
	copy_text(m->table, sizeof m->table, t->name);
	m->operation = operation;
	m->read = u->read;
	m->units = u->table;
	for (uint32_t i = 0; i < t->n_indexes; i++) {
		if (t->indexes[i].local)
			m->units += u->indexes[i];
		else if (u->indexes[i] > 0)
			count_index(c, t, &t->indexes[i], false, u->read, u->indexes[i]);
	}
	for (uint32_t i = 0; i < t->n_vectors; i++)
		if (u->vectors[i] > 0)
			count_index(c, t, &t->vectors[i].x, true, u->read, u->vectors[i]);
	m->returned = returned;
	m->at_ms = c->now_ms;
	m->started_ms = c->started_ms;
}

struct replication_block { char account[16], from[32], to[32], table[256]; int64_t at_ms; };

/* Members change in one commit: what the source shows, the others show. */
static void add_replication(void *block)
{
	const struct replication_block *m = block;
	struct metric_dim dims[2] = {{S("TableName"), str_c(m->table)}, {S("ReceivingRegion"), str_c(m->to)}};
	metric_add(str_c(m->account), str_c(m->from), S("AWS/DynamoDB"), S("ReplicationLatency"), dims, 2, 0, "Milliseconds", m->at_ms);
}

void count_replication(struct call *c, struct str table, struct str from)
{
	ASSERT(!str_eq(from, c->region));
	struct replication_block *m = call_effect(c, add_replication, sizeof *m);
	copy_text(m->account, sizeof m->account, c->account);
	copy_text(m->from, sizeof m->from, from);
	copy_text(m->to, sizeof m->to, c->region);
	copy_text(m->table, sizeof m->table, table);
	m->at_ms = c->now_ms;
}

/* Not an effect: those of a failing call are dropped, and what is counted here mostly belongs to one. */
void count_metric(struct call *c, struct str table, const char *metric, double value)
{
	struct metric_dim dim = {S("TableName"), table};
	metric_add(c->account, c->region, S("AWS/DynamoDB"), str_c(metric), &dim, str_present(table) ? 1 : 0, value, "Count", c->now_ms);
}
