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

/* Copies a space as it was at a moment into a backup or a new table, a batch a run. id: what is being made. */
void ddb_job_copy(struct call *c, struct str id, struct str payload);

#endif
