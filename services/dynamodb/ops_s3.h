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
/* Is this the ARN of an export, of an import? part: "/export/". false: c failed. */
bool job_arn_check(struct call *c, struct str arn, struct str part, const char *what);
/* S3's refusal as the FailureCode of an export or import. */
struct str s3_failure(struct call *c, const struct wire_error *e);

#endif
