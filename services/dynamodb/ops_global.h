/* Global tables of version 2017.11.29: a group of tables that were made before, one in each region. */
#ifndef DYNAMODB_OPS_GLOBAL_H
#define DYNAMODB_OPS_GLOBAL_H

#include "replica.h"

void ddb_create_global_table(struct call *c);
void ddb_update_global_table(struct call *c);
void ddb_describe_global_table(struct call *c);
void ddb_list_global_tables(struct call *c);
void ddb_describe_global_table_settings(struct call *c);
void ddb_update_global_table_settings(struct call *c);
void ddb_access_global_table(struct call *c); /* the input's GlobalTableName */

/* All regions of r's group, this one too, in the order of the alphabet. */
struct list group_regions(struct call *c, const struct dynamodb_Table *r);

#endif
