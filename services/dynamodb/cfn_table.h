/* CloudFormation's two kinds of tables: AWS::DynamoDB::Table (cfn.c), and AWS::DynamoDB::GlobalTable (cfn_global.c), which is
 * a Table in the stack's region and replicas of it. */
#ifndef DYNAMODB_CFN_TABLE_H
#define DYNAMODB_CFN_TABLE_H

#include "table.h"

#include "svc/cfn.h"

/* Numbers and booleans that came as text. */
void cfn_make_proper(struct arena *a, struct json *j);
bool cfn_same(const struct json *a, const struct json *b);
/* An operation of this service, in the region that the properties name under "Region" (no property of a Table), else the
 * stack's. CFN_DONE, or what to return. out may be NULL. */
enum cfn_status cfn_ask(struct cfn_resource *r, const char *op, const struct json *in, struct json **out);
struct json *cfn_table_input(struct cfn_resource *r); /* {"TableName": physical id} */

enum cfn_status cfn_table_create(struct cfn_resource *r);
enum cfn_status cfn_table_update(struct cfn_resource *r);
enum cfn_status cfn_table_remove(struct cfn_resource *r);
/* Parts of an update: what differs between old and new properties. */
enum cfn_status cfn_table_recovery(struct cfn_resource *r);
enum cfn_status cfn_table_policy(struct cfn_resource *r, struct str arn);
enum cfn_status cfn_table_insights(struct cfn_resource *r);
/* Brings the vector indexes, which the table has as described, to what the properties say, a step at a time. */
enum cfn_status cfn_table_vectors(struct cfn_resource *r, struct json *described);
/* Come again: a part of the table is not as it shall be yet. */
enum cfn_status cfn_table_wait(struct cfn_resource *r);
enum cfn_status cfn_table_tags(struct cfn_resource *r, struct str arn);

extern const char *const cfn_global_properties[];
enum cfn_status cfn_global_create(struct cfn_resource *r);
enum cfn_status cfn_global_update(struct cfn_resource *r);
enum cfn_status cfn_global_remove(struct cfn_resource *r);

#endif
