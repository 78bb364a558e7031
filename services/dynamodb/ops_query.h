/* Query and Scan. */
#ifndef DYNAMODB_OPS_QUERY_H
#define DYNAMODB_OPS_QUERY_H

#include "request.h"
#include "write.h"

void ddb_query(struct call *c);
void ddb_scan(struct call *c);

#endif
