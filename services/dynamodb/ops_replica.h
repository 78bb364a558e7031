/* Global tables of version 2019.11.21: adding, changing and removing replicas, and what replicas share. */
#ifndef DYNAMODB_OPS_REPLICA_H
#define DYNAMODB_OPS_REPLICA_H

#include "ops_table.h"
#include "replica.h"

/* UpdateTable's ReplicaUpdates (alone in its request) on the table in c's region; saves r. false: c failed. */
bool replica_updates(struct call *c, const struct dynamodb_UpdateTableInput *in, struct dynamodb_Table *r);
/* No member is being made; else ResourceInUseException. */
bool replicas_settled(struct call *c, const struct dynamodb_Table *r);
/* May the member in c's region go? Its protection, and the day it was a source of others; false: c failed. */
bool replica_may_go(struct call *c, const struct dynamodb_Table *r);
/* Carry to the other members what UpdateTable has changed (was, now): throughput but for a member's own read capacity,
 * billing mode, indexes, attribute definitions, encryption, table class. */
void replica_follow(struct call *c, const struct dynamodb_Table *was, const struct dynamodb_Table *now);
/* Only the write capacity of the table and its indexes. */
void replica_follow_writes(struct call *c, const struct dynamodb_Table *now);
/* The members of DescribeTable that a global table adds. */
void replica_describe(struct call *c, const struct dynamodb_Table *r, struct dynamodb_TableDescription *d);
/* One other member as it is shown by `from` (both records at hand); in the other's region. */
struct dynamodb_ReplicaDescription replica_shown(struct call *c, const struct dynamodb_Table *from, const struct dynamodb_Table *other);
/* Fills a new replica, a batch a run. id: the table's name. */
void ddb_job_replicate(struct call *c, struct str id, struct str payload);

#endif
