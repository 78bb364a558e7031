/* Backups and restores. A backup is a copy of the table's space as it was at the commit of CreateBackup, with the
 * table's record; a restore is a copy into a new table. Copying is a job, a batch a transaction: the source keeps its
 * history while it runs (Busy), so that the copy is of one moment although writes go on. */
#include "ops_backup.h"

#include "history.h"
#include "seal.h"
#include "vector.h"
#include "write.h"

#include "os/os.h"
#include "svc/arn.h"

enum { COPY_AT_ONCE = 1000, BACKUPS_MAX = 100, DAYS_MAX = 35 };

static struct key *backup_key(struct call *c, struct str arn)
{
	return key_str(call_key(c, "backup"), arn);
}

static struct dynamodb_Backup *required_backup(struct call *c, struct str arn)
{
	struct arn parts;
	if (!arn_parse(arn, &parts) || !str_eq(parts.service, S("dynamodb")) || str_find_str(parts.resource, S("/backup/")) < 0) {
		fail_validation(c, "Invalid Backup ARN");
		return NULL;
	}
	struct dynamodb_Backup *b = call_get(c, backup_key(c, arn), &dynamodb_shape_Backup);
	if (b == NULL)
		call_fail(c, &dynamodb_err_BackupNotFoundException, "Backup not found: %.*s", STR_ARG(arn));
	return b;
}

struct dynamodb_Table *backup_table(struct call *c, struct str name_or_arn)
{
	struct str name = table_name_of(c, name_or_arn);
	if (!str_present(name))
		return NULL;
	struct dynamodb_Table *r = table_record(c, name);
	if (r == NULL)
		call_fail(c, &dynamodb_err_TableNotFoundException, "Table not found: %.*s", STR_ARG(name_or_arn));
	return r;
}

/* ---- the copying job ---- */

static void start_copy(struct call *c, struct str id, const struct dynamodb_CopyJob *job)
{
	job_put(c, "copy", id, c->now_ms, typed_to_cbor(c->arena, &dynamodb_shape_CopyJob, job));
}

void table_busy(struct call *c, struct dynamodb_Table *r, int by)
{
	if (r->Busy.v == 0)
		purge_cancel(c, "history", (uint64_t)r->Space.v); /* of the copy before; it is older than this one looks at */
	r->Busy = SOME_I64(r->Busy.v + by);
	ASSERT(r->Busy.v >= 0);
	/* What was kept only for the copy is not needed any more. */
	if (r->Busy.v == 0 && !r->Recovery.v)
		purge_space(c, "history", (uint64_t)r->Space.v);
	table_save(c, r);
}

/* The table's record kept in a backup counts the restores that read it. */
static void use_backup(struct call *c, struct dynamodb_Backup *b, int by)
{
	ASSERT(b != NULL);
	b->Table->Busy = SOME_I64(b->Table->Busy.v + by);
	ASSERT(b->Table->Busy.v >= 0);
	call_put(c, backup_key(c, b->Arn), &dynamodb_shape_Backup, b);
}

static void copy_to_backup(struct call *c, struct dynamodb_Backup *b, const struct past_item *items, uint32_t n)
{
	ASSERT(b->Space.v != 0);
	for (uint32_t i = 0; i < n; i++) {
		if (items[i].bytes.n == 0)
			continue;
		size_t size;
		bool ok = item_bytes_size(items[i].bytes, &size);
		ASSERT(ok);
		struct buf k;
		space_key(c, &k, (uint64_t)b->Space.v);
		buf_str(&k, items[i].own_key);
		txn_put(c->txn, buf_view(&k), items[i].bytes);
		b->Items = SOME_I64(b->Items.v + 1);
		b->Bytes = SOME_I64(b->Bytes.v + (int64_t)size);
	}
}

static void copy_to_table(struct call *c, const struct table *from, const struct table *t, const struct past_item *items, uint32_t n)
{
	ASSERT(t->stream == 0);
	struct consumed used;
	consumed_init(c, t, &used, false);
	for (uint32_t i = 0; i < n; i++) {
		if (items[i].bytes.n == 0)
			continue;
		struct av item;
		bool ok = item_decode(c->arena, open_own(c, from, items[i].own_key, items[i].bytes), &item);
		ASSERT(ok);
		struct stored nothing = {0};
		item_write(c, t, item_key(c, t, &item), &nothing, &item, false, &used);
	}
}

/* The new table opens when the last batch is in. */
static void finish_copy(struct call *c, const struct dynamodb_CopyJob *job, struct dynamodb_Backup *b, struct dynamodb_Table *to)
{
	ASSERT((b == NULL) != (to == NULL));
	if (b != NULL)
		b->Status = S("AVAILABLE");
	if (to != NULL) {
		to->Description->TableStatus = S("ACTIVE");
		to->Description->RestoreSummary = NULL; /* only a table that is being restored has one */
		table_save(c, to);
	}
	struct dynamodb_Table *from = str_present(job->FromTable) ? table_record(c, job->FromTable) : NULL;
	if (from != NULL)
		table_busy(c, from, -1);
	if (str_present(job->FromBackup))
		use_backup(c, call_get(c, backup_key(c, job->FromBackup), &dynamodb_shape_Backup), -1);
}

/* Where a restore reads: with the key that its items are sealed with. */
static struct table *source_table(struct call *c, const struct dynamodb_CopyJob *job)
{
	struct dynamodb_Backup *b = str_present(job->FromBackup) ? call_get(c, backup_key(c, job->FromBackup), &dynamodb_shape_Backup) : NULL;
	struct dynamodb_Table *r = b != NULL ? b->Table : table_record(c, job->FromTable);
	ASSERT(r != NULL); /* what is read cannot be deleted */
	return table_of_record(c, r);
}

void ddb_job_copy(struct call *c, struct str id, struct str payload)
{
	ASSERT(txn_writable(c->txn) && id.n > 0);
	struct dynamodb_CopyJob *job = typed_from_cbor(c->arena, &dynamodb_shape_CopyJob, payload);
	ASSERT(job != NULL);
	struct dynamodb_Backup *b = str_present(job->ToBackup) ? call_get(c, backup_key(c, job->ToBackup), &dynamodb_shape_Backup) : NULL;
	struct dynamodb_Table *to = str_present(job->ToTable) ? table_record(c, job->ToTable) : NULL;
	ASSERT(b != NULL || to != NULL); /* neither can be deleted while it is being made */
	struct table *from = to != NULL ? source_table(c, job) : NULL, *into = to != NULL ? table_of_record(c, to) : NULL;
	if (to != NULL && (!table_unsealed(c, from) || !table_unsealed(c, into))) {
		job_put(c, "copy", id, c->now_ms + KEY_RETRY_MS, payload);
		return;
	}
	struct past_item *items = arena_array(c->arena, struct past_item, COPY_AT_ONCE);
	struct moment m = {(uint64_t)job->UntilSerial.v, job->UntilTime.ms};
	uint32_t n = history_read(c, (uint64_t)job->FromSpace.v, &m, job->Position.n > 0 ? job->Position : STR_NONE, items, COPY_AT_ONCE);
	if (b != NULL)
		copy_to_backup(c, b, items, n);
	else
		copy_to_table(c, from, into, items, n);
	if (n == COPY_AT_ONCE) {
		job->Position = items[n - 1].own_key;
		start_copy(c, id, job);
	} else {
		finish_copy(c, job, b, to);
	}
	if (b != NULL)
		call_put(c, backup_key(c, b->Arn), &dynamodb_shape_Backup, b);
}

/* ---- backups ---- */

static struct dynamodb_BackupDetails *details_of(struct call *c, const struct dynamodb_Backup *b)
{
	struct dynamodb_BackupDetails *d = arena_new_of(c->arena, struct dynamodb_BackupDetails);
	*d = (struct dynamodb_BackupDetails){.BackupArn = b->Arn, .BackupName = b->Name, .BackupSizeBytes = SOME_I64(b->Bytes.v),
		.BackupStatus = b->Status, .BackupType = b->Type, .BackupCreationDateTime = b->Created};
	return d;
}

void ddb_create_backup(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_CreateBackup);
	const struct dynamodb_CreateBackupInput *in = c->in;
	struct dynamodb_CreateBackupOutput *out = c->out;
	struct dynamodb_Table *r = backup_table(c, in->TableName);
	if (r == NULL)
		return;
	if (!str_eq(r->Description->TableStatus, S("ACTIVE"))) {
		call_fail(c, &dynamodb_err_TableInUseException, "Table is being created: %.*s", STR_ARG(r->Description->TableName));
		return;
	}
	uint64_t space = call_serial(c, "space");
	char tail[9] = {0};
	random_hex(tail, 8);
	struct dynamodb_Backup b = {.Name = in->BackupName, .Status = S("CREATING"), .Type = S("USER"), .Created = SOME_TIME(c->now_ms),
		.Space = SOME_I64((int64_t)space), .Items = SOME_I64(0), .Bytes = SOME_I64(0)};
	b.Arn = arena_printf(c->arena, "%.*s/backup/%014lld-%s", STR_ARG(r->Description->TableArn), (long long)c->now_ms, tail);
	table_busy(c, r, 1);
	b.Table = r;
	r->Busy = SOME_I64(0);
	call_put(c, backup_key(c, b.Arn), &dynamodb_shape_Backup, &b);
	struct dynamodb_CopyJob job = {.FromTable = r->Description->TableName, .FromSpace = r->Space, .ToBackup = b.Arn,
		.UntilSerial = SOME_I64((int64_t)call_serial(c, "history"))};
	start_copy(c, b.Arn, &job);
	out->BackupDetails = details_of(c, &b);
}

static struct dynamodb_SourceTableDetails *source_of(struct call *c, const struct dynamodb_Backup *b)
{
	ASSERT(b->Table != NULL && b->Table->Description != NULL);
	const struct dynamodb_TableDescription *t = b->Table->Description;
	struct dynamodb_SourceTableDetails *s = arena_new_of(c->arena, struct dynamodb_SourceTableDetails);
	*s = (struct dynamodb_SourceTableDetails){.TableName = t->TableName, .TableId = t->TableId, .TableArn = t->TableArn,
		.TableSizeBytes = SOME_I64(b->Bytes.v), .KeySchema = t->KeySchema, .TableCreationDateTime = t->CreationDateTime,
		.ItemCount = SOME_I64(b->Items.v),
		.BillingMode = t->BillingModeSummary != NULL ? t->BillingModeSummary->BillingMode : S("PROVISIONED")};
	s->ProvisionedThroughput = arena_new_of(c->arena, struct dynamodb_ProvisionedThroughput);
	s->ProvisionedThroughput->ReadCapacityUnits = t->ProvisionedThroughput->ReadCapacityUnits;
	s->ProvisionedThroughput->WriteCapacityUnits = t->ProvisionedThroughput->WriteCapacityUnits;
	return s;
}

static struct dynamodb_SourceTableFeatureDetails *features_of(struct call *c, const struct dynamodb_Backup *b)
{
	ASSERT(b->Table != NULL && b->Table->Description != NULL);
	const struct dynamodb_TableDescription *t = b->Table->Description;
	struct dynamodb_SourceTableFeatureDetails *f = arena_new_of(c->arena, struct dynamodb_SourceTableFeatureDetails);
	f->StreamDescription = t->StreamSpecification;
	f->SSEDescription = t->SSEDescription;
	if (t->LocalSecondaryIndexes.n > 0)
		f->LocalSecondaryIndexes = LIST_OF(c->arena, struct dynamodb_LocalSecondaryIndexInfo, t->LocalSecondaryIndexes.n);
	for (uint32_t i = 0; i < t->LocalSecondaryIndexes.n; i++) {
		const struct dynamodb_LocalSecondaryIndexDescription *x =
			LIST_AT(t->LocalSecondaryIndexes, struct dynamodb_LocalSecondaryIndexDescription, i);
		*LIST_AT(f->LocalSecondaryIndexes, struct dynamodb_LocalSecondaryIndexInfo, i) =
			(struct dynamodb_LocalSecondaryIndexInfo){x->IndexName, x->KeySchema, x->Projection};
	}
	if (t->GlobalSecondaryIndexes.n > 0)
		f->GlobalSecondaryIndexes = LIST_OF(c->arena, struct dynamodb_GlobalSecondaryIndexInfo, t->GlobalSecondaryIndexes.n);
	for (uint32_t i = 0; i < t->GlobalSecondaryIndexes.n; i++) {
		const struct dynamodb_GlobalSecondaryIndexDescription *x =
			LIST_AT(t->GlobalSecondaryIndexes, struct dynamodb_GlobalSecondaryIndexDescription, i);
		struct dynamodb_GlobalSecondaryIndexInfo *g = LIST_AT(f->GlobalSecondaryIndexes, struct dynamodb_GlobalSecondaryIndexInfo, i);
		*g = (struct dynamodb_GlobalSecondaryIndexInfo){.IndexName = x->IndexName, .KeySchema = x->KeySchema, .Projection = x->Projection};
		g->ProvisionedThroughput = arena_new_of(c->arena, struct dynamodb_ProvisionedThroughput);
		g->ProvisionedThroughput->ReadCapacityUnits = x->ProvisionedThroughput->ReadCapacityUnits;
		g->ProvisionedThroughput->WriteCapacityUnits = x->ProvisionedThroughput->WriteCapacityUnits;
	}
	if (t->VectorIndexes.n > 0)
		f->VectorIndexes = LIST_OF(c->arena, struct dynamodb_VectorIndexInfo, t->VectorIndexes.n);
	for (uint32_t i = 0; i < t->VectorIndexes.n; i++) {
		const struct dynamodb_VectorIndexDescription *x = LIST_AT(t->VectorIndexes, struct dynamodb_VectorIndexDescription, i);
		*LIST_AT(f->VectorIndexes, struct dynamodb_VectorIndexInfo, i) = (struct dynamodb_VectorIndexInfo){
			.IndexName = x->IndexName, .VectorAttribute = x->VectorAttribute, .SearchSchema = x->SearchSchema, .Projection = x->Projection,
			.Dimensions = x->Dimensions, .DistanceFunction = x->DistanceFunction};
	}
	if (b->Table->TtlEnabled.v) {
		f->TimeToLiveDescription = arena_new_of(c->arena, struct dynamodb_TimeToLiveDescription);
		f->TimeToLiveDescription->TimeToLiveStatus = S("ENABLED");
		f->TimeToLiveDescription->AttributeName = b->Table->TtlAttribute;
	}
	return f;
}

static struct dynamodb_BackupDescription *description_of(struct call *c, const struct dynamodb_Backup *b)
{
	struct dynamodb_BackupDescription *d = arena_new_of(c->arena, struct dynamodb_BackupDescription);
	d->BackupDetails = details_of(c, b);
	d->SourceTableDetails = source_of(c, b);
	d->SourceTableFeatureDetails = features_of(c, b);
	return d;
}

void ddb_describe_backup(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_DescribeBackup);
	const struct dynamodb_DescribeBackupInput *in = c->in;
	struct dynamodb_DescribeBackupOutput *out = c->out;
	struct dynamodb_Backup *b = required_backup(c, in->BackupArn);
	if (b != NULL)
		out->BackupDescription = description_of(c, b);
}

void ddb_delete_backup(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_DeleteBackup);
	const struct dynamodb_DeleteBackupInput *in = c->in;
	struct dynamodb_DeleteBackupOutput *out = c->out;
	struct dynamodb_Backup *b = required_backup(c, in->BackupArn);
	if (b == NULL)
		return;
	if (!str_eq(b->Status, S("AVAILABLE")) || b->Table->Busy.v > 0) {
		call_fail(c, &dynamodb_err_BackupInUseException, "Backup is being created or used: %.*s", STR_ARG(in->BackupArn));
		return;
	}
	purge_space(c, "item", (uint64_t)b->Space.v);
	call_del(c, backup_key(c, b->Arn));
	b->Status = S("DELETED");
	out->BackupDescription = description_of(c, b);
}

static bool listed(const struct dynamodb_ListBackupsInput *in, const struct dynamodb_Backup *b)
{
	ASSERT(b->Table != NULL);
	if (str_present(in->TableName) && !str_eq(in->TableName, b->Table->Description->TableName) &&
	    !str_eq(in->TableName, b->Table->Description->TableArn))
		return false;
	if (str_present(in->BackupType) && !str_eq(in->BackupType, S("ALL")) && !str_eq(in->BackupType, b->Type))
		return false;
	if (in->TimeRangeLowerBound.set && b->Created.ms < in->TimeRangeLowerBound.ms)
		return false;
	return !in->TimeRangeUpperBound.set || b->Created.ms < in->TimeRangeUpperBound.ms;
}

void ddb_list_backups(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_ListBackups);
	const struct dynamodb_ListBackupsInput *in = c->in;
	struct dynamodb_ListBackupsOutput *out = c->out;
	if (in->TimeRangeLowerBound.set && in->TimeRangeUpperBound.set && in->TimeRangeLowerBound.ms > in->TimeRangeUpperBound.ms) {
		fail_validation(c, "One or more parameter values were invalid: Time range lower bound must be less than or equal to upper bound");
		return;
	}
	uint32_t limit = in->Limit.set && in->Limit.v < BACKUPS_MAX ? (uint32_t)in->Limit.v : BACKUPS_MAX;
	struct dynamodb_BackupSummary *all = arena_array(c->arena, struct dynamodb_BackupSummary, limit);
	out->BackupSummaries = (struct list){all, 0, true};
	struct str after = str_present(in->ExclusiveStartBackupArn) ? key_bytes(backup_key(c, in->ExclusiveStartBackupArn)) : STR_NONE, key, value;
	struct scan *s = call_scan(c, call_key(c, "backup"), after, false);
	while (scan_next(s, &key, &value)) {
		struct dynamodb_Backup *b = record_decode(c, &dynamodb_shape_Backup, arena_dup(c->arena, value));
		if (!listed(in, b))
			continue;
		if (out->BackupSummaries.n == limit) {
			out->LastEvaluatedBackupArn = all[limit - 1].BackupArn;
			break;
		}
		const struct dynamodb_TableDescription *t = b->Table->Description;
		all[out->BackupSummaries.n++] = (struct dynamodb_BackupSummary){.TableName = t->TableName, .TableId = t->TableId,
			.TableArn = t->TableArn, .BackupArn = b->Arn, .BackupName = b->Name, .BackupCreationDateTime = b->Created,
			.BackupStatus = b->Status, .BackupType = b->Type, .BackupSizeBytes = b->Bytes};
	}
	scan_close(s);
}

void ddb_access_backup(struct call *c)
{
	authorize(c, NULL, call_input_text(c, "BackupArn"), NULL);
}

/* ---- point-in-time recovery ---- */

int64_t recovery_earliest_ms(struct call *c, const struct dynamodb_Table *r)
{
	int64_t kept = c->now_ms - (r->RecoveryDays.set ? r->RecoveryDays.v : DAYS_MAX) * 24 * 3600 * 1000;
	return r->RecoverySince.ms > kept ? r->RecoverySince.ms : kept;
}

static struct dynamodb_ContinuousBackupsDescription *continuous(struct call *c, const struct dynamodb_Table *r)
{
	ASSERT(r->Description != NULL);
	struct dynamodb_ContinuousBackupsDescription *d = arena_new_of(c->arena, struct dynamodb_ContinuousBackupsDescription);
	struct dynamodb_PointInTimeRecoveryDescription *p = arena_new_of(c->arena, struct dynamodb_PointInTimeRecoveryDescription);
	d->ContinuousBackupsStatus = S("ENABLED"); /* of every table, as on AWS */
	d->PointInTimeRecoveryDescription = p;
	p->PointInTimeRecoveryStatus = r->Recovery.v ? S("ENABLED") : S("DISABLED");
	if (r->Recovery.v) {
		p->RecoveryPeriodInDays = SOME_I64(r->RecoveryDays.set ? r->RecoveryDays.v : DAYS_MAX);
		p->EarliestRestorableDateTime = SOME_TIME(recovery_earliest_ms(c, r));
		p->LatestRestorableDateTime = SOME_TIME(c->now_ms);
	}
	return d;
}

void ddb_describe_continuous_backups(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_DescribeContinuousBackups);
	const struct dynamodb_DescribeContinuousBackupsInput *in = c->in;
	struct dynamodb_DescribeContinuousBackupsOutput *out = c->out;
	struct dynamodb_Table *r = backup_table(c, in->TableName);
	if (r != NULL)
		out->ContinuousBackupsDescription = continuous(c, r);
}

void ddb_update_continuous_backups(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_UpdateContinuousBackups);
	const struct dynamodb_UpdateContinuousBackupsInput *in = c->in;
	struct dynamodb_UpdateContinuousBackupsOutput *out = c->out;
	struct dynamodb_Table *r = backup_table(c, in->TableName);
	if (r == NULL)
		return;
	bool enable = in->PointInTimeRecoverySpecification->PointInTimeRecoveryEnabled.v;
	if (!enable && in->PointInTimeRecoverySpecification->RecoveryPeriodInDays.set) {
		fail_validation(c, "Invalid Request: Cannot specify RecoveryPeriodInDays when disabling point-in-time recovery.");
		return;
	}
	if (enable && !r->Recovery.v) {
		r->RecoverySince = SOME_TIME(c->now_ms);
		purge_cancel(c, "history", (uint64_t)r->Space.v); /* what is left is older than that */
		history_trim_later(c, r->Description->TableName);
	}
	if (!enable && r->Recovery.v && r->Busy.v == 0)
		purge_space(c, "history", (uint64_t)r->Space.v);
	r->Recovery = SOME_BOOL(enable);
	if (in->PointInTimeRecoverySpecification->RecoveryPeriodInDays.set)
		r->RecoveryDays = in->PointInTimeRecoverySpecification->RecoveryPeriodInDays;
	table_save(c, r);
	out->ContinuousBackupsDescription = continuous(c, r);
}

/* ---- restores ---- */

/* What both restores may say differently from the source. */
struct overrides {
	struct str billing_mode;
	struct list globals, locals, vectors;
	const struct dynamodb_ProvisionedThroughput *throughput;
	const struct dynamodb_OnDemandThroughput *on_demand;
	const struct dynamodb_SSESpecification *sse;
};

/* A restored table has the encryption of its source unless told otherwise. */
static const struct dynamodb_SSESpecification *same_key(struct call *c, const struct dynamodb_SSEDescription *d)
{
	if (d == NULL)
		return NULL;
	struct dynamodb_SSESpecification *s = arena_new_of(c->arena, struct dynamodb_SSESpecification);
	*s = (struct dynamodb_SSESpecification){.Enabled = SOME_BOOL(true), .SSEType = d->SSEType, .KMSMasterKeyId = d->KMSMasterKeyArn};
	return s;
}

static struct dynamodb_Table *make_target(struct call *c, struct str name, const struct dynamodb_TableDescription *d, const struct overrides *o)
{
	ASSERT(d != NULL && o != NULL);
	struct table_definition def = table_definition_of(c, d, o->billing_mode);
	def.name = name;
	def.on_demand = o->on_demand;
	def.sse = o->sse != NULL ? o->sse : same_key(c, d->SSEDescription);
	if (def.throughput != NULL && o->throughput != NULL)
		def.throughput = o->throughput;
	if (o->globals.set)
		def.global_indexes = o->globals.n > 0 ? o->globals : (struct list){0};
	if (o->locals.set)
		def.local_indexes = o->locals.n > 0 ? o->locals : (struct list){0};
	if (o->vectors.set && !vector_override(c, o->vectors, d, &def.vector_indexes))
		return NULL;
	definition_drop_unused(c, &def);
	if (ddb_check_table_name(c, name) && table_record(c, name) != NULL) {
		call_fail(c, &dynamodb_err_TableAlreadyExistsException, "Table already exists: %.*s", STR_ARG(name));
		return NULL;
	}
	if (c->failed)
		return NULL;
	struct dynamodb_Table *r = table_make(c, &def);
	if (r != NULL)
		r->Description->TableStatus = S("CREATING");
	return r;
}

static struct dynamodb_TableDescription *start_restore(struct call *c, struct dynamodb_Table *to, struct dynamodb_CopyJob *job,
                                                       struct str backup_arn, struct str table_arn_, int64_t at_ms)
{
	ASSERT(str_eq(to->Description->TableStatus, S("CREATING")));
	struct dynamodb_RestoreSummary *s = arena_new_of(c->arena, struct dynamodb_RestoreSummary);
	*s = (struct dynamodb_RestoreSummary){.SourceBackupArn = backup_arn, .SourceTableArn = table_arn_, .RestoreDateTime = SOME_TIME(at_ms),
	                                      .RestoreInProgress = SOME_BOOL(true)};
	to->Description->RestoreSummary = s;
	table_save(c, to);
	job->ToTable = to->Description->TableName;
	start_copy(c, to->Description->TableName, job);
	struct dynamodb_TableDescription *d = arena_new_of(c->arena, struct dynamodb_TableDescription);
	*d = *to->Description;
	d->ItemCount = SOME_I64(0);
	d->TableSizeBytes = SOME_I64(0);
	return d;
}

void ddb_restore_table_from_backup(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_RestoreTableFromBackup);
	const struct dynamodb_RestoreTableFromBackupInput *in = c->in;
	struct dynamodb_RestoreTableFromBackupOutput *out = c->out;
	struct dynamodb_Backup *b = required_backup(c, in->BackupArn);
	if (b == NULL)
		return;
	if (!str_eq(b->Status, S("AVAILABLE"))) {
		call_fail(c, &dynamodb_err_BackupInUseException, "Backup is being created: %.*s", STR_ARG(in->BackupArn));
		return;
	}
	struct overrides o = {in->BillingModeOverride, in->GlobalSecondaryIndexOverride, in->LocalSecondaryIndexOverride,
	                      in->VectorIndexOverride, in->ProvisionedThroughputOverride, in->OnDemandThroughputOverride, in->SSESpecificationOverride};
	if (!table_unseal(c, table_of_record(c, b->Table)))
		return;
	struct dynamodb_Table *to = make_target(c, in->TargetTableName, b->Table->Description, &o);
	if (to == NULL)
		return;
	struct dynamodb_CopyJob job = {.FromBackup = b->Arn, .FromSpace = b->Space, .UntilSerial = SOME_I64(INT64_MAX)};
	use_backup(c, b, 1);
	out->TableDescription = start_restore(c, to, &job, b->Arn, b->Table->Description->TableArn, b->Created.ms);
}

void ddb_restore_table_to_point_in_time(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_RestoreTableToPointInTime);
	const struct dynamodb_RestoreTableToPointInTimeInput *in = c->in;
	struct dynamodb_RestoreTableToPointInTimeOutput *out = c->out;
	if (str_present(in->SourceTableArn) == str_present(in->SourceTableName)) {
		fail_validation(c, "Must provide exactly one of: sourceTableArn, sourceTableName");
		return;
	}
	struct dynamodb_Table *r = backup_table(c, str_present(in->SourceTableArn) ? in->SourceTableArn : in->SourceTableName);
	if (r == NULL)
		return;
	if (!r->Recovery.v) {
		call_fail(c, &dynamodb_err_PointInTimeRecoveryUnavailableException, "Point in time recovery is not enabled for table '%.*s'",
		          STR_ARG(r->Description->TableName));
		return;
	}
	if (in->UseLatestRestorableTime.v == in->RestoreDateTime.set) {
		fail_validation(c, "Invalid Request: Either one of RestoreDateTime or UseLatestRestorableTime must be specified, but not both");
		return;
	}
	int64_t at = in->RestoreDateTime.set ? in->RestoreDateTime.ms : c->now_ms;
	/* Clients give whole seconds: what began within the earliest second may be asked for. */
	if (at < recovery_earliest_ms(c, r) / 1000 * 1000 || at > c->now_ms) {
		call_fail(c, &dynamodb_err_InvalidRestoreTimeException, "Timestamp is out of range: RestoreDateTime must be between "
		          "EarliestRestorableDateTime and LatestRestorableDateTime");
		return;
	}
	struct overrides o = {in->BillingModeOverride, in->GlobalSecondaryIndexOverride, in->LocalSecondaryIndexOverride,
	                      in->VectorIndexOverride, in->ProvisionedThroughputOverride, in->OnDemandThroughputOverride, in->SSESpecificationOverride};
	if (!table_unseal(c, table_of_record(c, r)))
		return;
	struct dynamodb_Table *to = make_target(c, in->TargetTableName, r->Description, &o);
	if (to == NULL)
		return;
	struct dynamodb_CopyJob job = {.FromTable = r->Description->TableName, .FromSpace = r->Space};
	if (in->RestoreDateTime.set)
		job.UntilTime = SOME_TIME(at);
	else
		job.UntilSerial = SOME_I64((int64_t)call_serial(c, "history"));
	table_busy(c, r, 1);
	out->TableDescription = start_restore(c, to, &job, STR_NONE, r->Description->TableArn, at);
}
