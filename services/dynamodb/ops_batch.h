/* BatchGetItem and BatchWriteItem. */
#ifndef DYNAMODB_OPS_BATCH_H
#define DYNAMODB_OPS_BATCH_H

#include "item_op.h"

void ddb_batch_get_item(struct call *c);
void ddb_batch_write_item(struct call *c);

#endif
