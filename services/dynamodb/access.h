/* Who may touch what: the access functions of DynamoDB's operations, with the condition keys of fine-grained control. */
#ifndef DYNAMODB_ACCESS_H
#define DYNAMODB_ACCESS_H

#include "table.h"

void ddb_access_table(struct call *c);        /* the input's TableName */
void ddb_access_items(struct call *c);        /* TableName and IndexName, with all that the parameters touch */
void ddb_access_query(struct call *c);        /* as above, and the partition that the key condition asks for */
void ddb_access_resource(struct call *c);     /* the input's ResourceArn */
void ddb_access_batch_get(struct call *c);
void ddb_access_batch_write(struct call *c);
void ddb_access_transact_get(struct call *c);
void ddb_access_transact_write(struct call *c);
/* authorize on a table (and index), with its resource policy. false: c failed. */
bool ddb_access_one(struct call *c, const char *action, struct str table, struct str index, const struct condition_key *keys, size_t n);

#endif
