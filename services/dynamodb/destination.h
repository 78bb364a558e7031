/* Kinesis streams as destinations of a table's changes.
 *
 * A change of a table with an active destination is put aside in the transaction that makes it, and a job puts what is aside into the stream
 * in the transaction that removes it: nothing is lost in a crash. Source: "Using Kinesis Data Streams to capture changes to DynamoDB"
 * (Developer Guide). In the store, below (dynamodb, account, region):
 *   "kinesis" u64 destination, u64 number    i64 time, 32 characters of partition key, the record's JSON text (sealed as the table is) */
#ifndef DYNAMODB_DESTINATION_H
#define DYNAMODB_DESTINATION_H

#include "table.h"

/* A change of the item at `key`: from old (NULL: none) to fresh (NULL: gone). */
void destination_append(struct call *c, const struct table *t, struct str key, const struct av *old, const struct av *fresh, bool by_ttl);
/* The table is deleted: what is aside goes with it. */
void destination_remove(struct call *c, struct dynamodb_Table *r);

void ddb_describe_kinesis_streaming_destination(struct call *c);
void ddb_disable_kinesis_streaming_destination(struct call *c);
void ddb_enable_kinesis_streaming_destination(struct call *c);
void ddb_update_kinesis_streaming_destination(struct call *c);
/* Settles a destination's status and puts what is aside. id: table/destination's number. */
void ddb_job_kinesis(struct call *c, struct str id, struct str payload);

#endif
