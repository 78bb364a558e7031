/* Backups, point-in-time recovery, restores. */
#ifndef DYNAMODB_OPS_BACKUP_H
#define DYNAMODB_OPS_BACKUP_H

#include "ops_table.h"

void ddb_create_backup(struct call *c);
void ddb_describe_backup(struct call *c);
void ddb_delete_backup(struct call *c);
void ddb_list_backups(struct call *c);
void ddb_update_continuous_backups(struct call *c);
void ddb_describe_continuous_backups(struct call *c);
void ddb_restore_table_from_backup(struct call *c);
void ddb_restore_table_to_point_in_time(struct call *c);
void ddb_access_backup(struct call *c);

/* Keep the table from being deleted, and its history kept, while something reads it; saves the record. */
void table_busy(struct call *c, struct dynamodb_Table *r, int by);
/* The table, or TableNotFoundException. */
struct dynamodb_Table *backup_table(struct call *c, struct str name_or_arn);
/* Since when point-in-time recovery can answer. */
int64_t recovery_earliest_ms(struct call *c, const struct dynamodb_Table *r);
/* Copies a space as it was at a moment into a backup or a new table, a batch a run. id: what is being made. */
void ddb_job_copy(struct call *c, struct str id, struct str payload);

#endif
