/* SearchVectors. */
#ifndef DYNAMODB_OPS_VECTOR_H
#define DYNAMODB_OPS_VECTOR_H

#include "table.h"

void ddb_search_vectors(struct call *c);

#endif
