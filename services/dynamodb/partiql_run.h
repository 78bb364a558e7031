/* ExecuteStatement, BatchExecuteStatement, ExecuteTransaction. */
#ifndef DYNAMODB_PARTIQL_RUN_H
#define DYNAMODB_PARTIQL_RUN_H

#include "svc/service.h"

void ddb_execute_statement(struct call *c);
void ddb_batch_execute_statement(struct call *c);
void ddb_execute_transaction(struct call *c);
/* Of an input: is it, or are all of its statements, a SELECT? Then it runs on readers. */
bool ddb_statement_reads(const void *in);
bool ddb_batch_reads(const void *in);
bool ddb_transaction_reads(const void *in);
void ddb_access_statement(struct call *c);
void ddb_access_statements(struct call *c);

#endif
