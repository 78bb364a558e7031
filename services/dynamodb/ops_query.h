/* Query and Scan. */
#ifndef DYNAMODB_OPS_QUERY_H
#define DYNAMODB_OPS_QUERY_H

#include "request.h"
#include "write.h"

void op_query(struct call *c);
void op_scan(struct call *c);

#endif
