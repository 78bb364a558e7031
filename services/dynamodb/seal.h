/* Encryption at rest under a KMS key.
 *
 * A table with an SSEDescription has one data key for its whole life, which lies in its record sealed by the KMS key (Seal in
 * records.json) and, after the table has gone back to the key that AWS owns, wrapped by the store's own key: another KMS key
 * seals it anew, no item is touched. Items, index entries, what items were before, backups and change records are encrypted
 * with it; their keys are not, for they order the store. Tables that never had a KMS key are stored plain and pay nothing.
 *
 * Who asks for an item asks KMS for the data key (kms:Decrypt, through DynamoDB), each time: a key that is disabled shuts
 * the table at once. Jobs ask as the service, by a grant that was made in the caller's name when the table came under the key.
 * A sealed value: 0x02, u32 the size of the item, then AES-256-GCM, bound to its place in the space. What lay plain before is
 * sealed by a job, so either may be met.
 * Sources: "DynamoDB encryption at rest: how it works", "usage notes", "Using KMS with DynamoDB" (Developer Guide). */
#ifndef DYNAMODB_SEAL_H
#define DYNAMODB_SEAL_H

#include "table.h"

/* Put r under the key that its SSEDescription names (none: aws/dynamodb), which then has its ARN; r is not saved. false: c failed. */
bool seal_under(struct call *c, struct dynamodb_Table *r);
/* r goes back to the key that AWS owns. */
bool seal_release(struct call *c, struct dynamodb_Table *r);

/* Get the table's data key, when it has one. false: c failed (or it is a look that needs the disk). */
bool table_unseal(struct call *c, struct table *t);
/* The same for jobs and for other members of a group: false when KMS refuses, c goes on. */
bool table_unsealed(struct call *c, struct table *t);

/* A value that goes to, and that came from, `key` of the store. Plain tables: the bytes themselves. */
struct str seal_value(struct call *c, const struct table *t, struct str key, struct str bytes);
struct str open_value(struct call *c, const struct table *t, struct str key, struct str bytes);
/* The same with the key's part behind the space. */
struct str open_own(struct call *c, const struct table *t, struct str own_key, struct str bytes);
/* A change record, which lies under no item's key. */
struct str seal_change(struct call *c, const struct table *t, struct str text);
struct str open_change(struct call *c, const struct table *t, struct str value);

/* Seals what lay plain when the table came under its key. id: what/number/table; payload: where to go on. */
void ddb_job_seal(struct call *c, struct str id, struct str payload);
/* Looks once a minute whether the key of a table can be used. id: the table's name. */
void ddb_job_watch_key(struct call *c, struct str id, struct str payload);
/* A member of a global table whose key could not be used when another was written to has to be filled again. */
void seal_missed(struct call *c, const struct table *t);

#endif
