/* Export of a table to S3 and import of one from S3. */
#ifndef DYNAMODB_OPS_S3_H
#define DYNAMODB_OPS_S3_H

#include "ops_table.h"

void ddb_export_table_to_point_in_time(struct call *c);
void ddb_describe_export(struct call *c);
void ddb_list_exports(struct call *c);
void ddb_import_table(struct call *c);
void ddb_describe_import(struct call *c);
void ddb_list_imports(struct call *c);
/* id: the export's, the import's ARN. */
void ddb_job_export(struct call *c, struct str id, struct str payload);
void ddb_job_import(struct call *c, struct str id, struct str payload);

/* Shared: the account's own principal, in whose name jobs use S3. */
const struct principal *account_principal(struct call *c);
/* Absent: malformed, or over max bytes. */
struct str gunzip_text(struct arena *a, struct str bytes, size_t max);

#endif
