/* Auto scaling of provisioned throughput: target tracking, done here each minute of the service clock, since there is no
 * Application Auto Scaling beside this service to do it.
 *
 * A setting is of one table or global index in one region, for reads or for writes, and stands in the table's record. */
#ifndef DYNAMODB_SCALING_H
#define DYNAMODB_SCALING_H

#include "table.h"

/* As DescribeTableReplicaAutoScaling shows it; index absent: the table. */
struct dynamodb_AutoScalingSettingsDescription *scaling_shown(struct call *c, const struct dynamodb_Table *r, struct str index, bool reads);
/* Set, replace or (AutoScalingDisabled) remove a setting of r in c's region, and raise what is below its minimum. r is not
 * saved. false: c failed. */
bool scaling_set(struct call *c, struct dynamodb_Table *r, struct str index, bool reads, const struct dynamodb_AutoScalingSettingsUpdate *u);
/* id: the table's name. */
void ddb_job_scale(struct call *c, struct str id, struct str payload);

void ddb_describe_table_replica_auto_scaling(struct call *c);
void ddb_update_table_replica_auto_scaling(struct call *c);

#endif
