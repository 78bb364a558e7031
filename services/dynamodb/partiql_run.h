/* ExecuteStatement, BatchExecuteStatement, ExecuteTransaction. */
#ifndef DYNAMODB_PARTIQL_RUN_H
#define DYNAMODB_PARTIQL_RUN_H

#include "svc/service.h"

void ddb_execute_statement(struct call *c);
void ddb_batch_execute_statement(struct call *c);
void ddb_execute_transaction(struct call *c);
void ddb_access_statement(struct call *c);
void ddb_access_statements(struct call *c);

#endif
