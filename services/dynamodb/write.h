/* Changing one item: the table, its indexes and its stream together, and what that costs.
 *
 * Always holds: an item, its index entries and its change record are written in one transaction; a write that changes
 * nothing writes nothing. */
#ifndef DYNAMODB_WRITE_H
#define DYNAMODB_WRITE_H

#include "table.h"

/* Capacity units used by one request on one table. */
struct consumed {
	double table;
	double *indexes; /* by position in table->indexes */
	double *vectors; /* by position in table->vectors: bytes, not units; NULL: the table has none */
	bool read;
};

/* An item as it lies in the store. */
struct stored { bool found; struct str bytes, raw; struct av item; }; /* raw: as it lies there, perhaps sealed */

void item_load(struct call *c, const struct table *t, struct str key, struct stored *out);
/* Replace (or remove, when fresh is NULL) what lies under key, in this region and in those of the table's replicas. by_ttl:
 * the service itself removes it. */
void item_write(struct call *c, const struct table *t, struct str key, const struct stored *old, const struct av *fresh,
                bool by_ttl, struct consumed *used);

/* As above in the call's region alone; for replica.c. */
void item_write_here(struct call *c, const struct table *t, struct str key, const struct stored *old, const struct av *fresh,
                     bool by_ttl, struct consumed *used);

void consumed_init(struct call *c, const struct table *t, struct consumed *u, bool read);
double write_units(size_t bytes);
double read_units(size_t bytes, bool consistent);
/* The answer's ConsumedCapacity, or NULL when it was not asked for. factor 2: transactions. */
struct dynamodb_ConsumedCapacity *consumed_answer(struct call *c, const struct table *t, const struct consumed *u, struct str asked);
/* As above in place, for lists; ReadCapacityUnits / WriteCapacityUnits are given too when detailed. */
void consumed_fill(struct call *c, const struct table *t, const struct consumed *u, struct str asked, bool detailed,
                   struct dynamodb_ConsumedCapacity *out);
/* ItemCollectionMetrics, for tables with local indexes when asked for; else NULL. */
struct dynamodb_ItemCollectionMetrics *collection_metrics(struct call *c, const struct table *t, const struct av *key, struct str asked);
/* As above, into the answer of a request on several tables: the map (of ItemCollectionMetricsPerTable) has room for `room`
 * tables, a table for `most` items. */
void collection_metrics_add(struct call *c, struct map_of *m, uint32_t room, uint32_t most, const struct table *t, const struct av *key,
                            struct str asked);
/* Take what was used from the table's throughput, and after the commit count it towards AWS/DynamoDB's metrics.
 * operation: static text, NULL for what no request of this region asked for; returned below zero: no list is returned. */
void count_metrics(struct call *c, const struct table *t, const struct consumed *u, const char *operation, double returned);
/* After the commit: a change of region `from` has come to c's region (ReplicationLatency, by ReceivingRegion). */
void count_replication(struct call *c, struct str table, struct str from);
/* One count now, also of a call that fails; table absent: of the account. */
void count_metric(struct call *c, struct str table, const char *metric, double value);

/* ---- streams (stream.c) ---- */

void stream_start(struct call *c, struct dynamodb_Table *record, struct str view_type);
void stream_stop(struct call *c, struct dynamodb_Table *record);
void stream_append(struct call *c, const struct table *t, const struct av *old, const struct av *fresh, bool by_ttl);
/* Does the table have, or did it have within a day, the stream of this label? */
bool stream_is_there(struct call *c, struct str table, struct str label);
void ddb_job_trim_stream(struct call *c, struct str id, struct str payload);

#endif
