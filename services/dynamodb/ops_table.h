/* Tables: making, changing, describing, deleting; and the jobs behind it. */
#ifndef DYNAMODB_OPS_TABLE_H
#define DYNAMODB_OPS_TABLE_H

#include "table.h"

/* Jobs that need a table's data key come again after this when KMS does not give it. */
enum { KEY_RETRY_MS = 60 * 1000 };

void ddb_create_table(struct call *c);
void ddb_describe_table(struct call *c);
void ddb_delete_table(struct call *c);
void ddb_list_tables(struct call *c);
void ddb_update_table(struct call *c);

/* Remove what lies in a space that nothing names any more, a batch at a time. id: table of the store/space. */
void ddb_job_purge(struct call *c, struct str id, struct str payload);
/* Fill a new index. id: table/index. */
void ddb_job_backfill(struct call *c, struct str id, struct str payload);
/* what: "item", "ttl"... */
void purge_space(struct call *c, const char *what, uint64_t space);
/* The space is named again before all was removed: what comes into it now stays, and what is left of before does, too. */
void purge_cancel(struct call *c, const char *what, uint64_t space);

/* The definition of a table as a request gives it, from CreateTable, restores and imports. */
struct table_definition {
	struct str name, billing_mode, table_class;
	struct list attributes, key_schema, local_indexes, global_indexes, vector_indexes;
	const struct dynamodb_ProvisionedThroughput *throughput;
	const struct dynamodb_OnDemandThroughput *on_demand;
	const struct dynamodb_SSESpecification *sse;
	const struct dynamodb_WarmThroughput *warm;
	bool deletion_protection;
};
/* Of a table as it is described, in its own billing mode or another: name, keys, indexes, throughput. (definition.c) */
struct table_definition table_definition_of(struct call *c, const struct dynamodb_TableDescription *d, struct str billing_mode);
bool table_is_on_demand(const struct dynamodb_TableDescription *d);
/* Attributes that no key names are not defined in a new table. */
void definition_drop_unused(struct call *c, struct table_definition *def);
/* Checked and made, not stored yet; NULL with c failed. */
struct dynamodb_Table *table_make(struct call *c, const struct table_definition *d);
bool ddb_check_table_name(struct call *c, struct str name);
/* With the counts of now. */
struct dynamodb_TableDescription *table_describe(struct call *c, const struct dynamodb_Table *r);
/* Of a table that has to be there: ResourceNotFoundException with the name. */
struct dynamodb_Table *table_required(struct call *c, struct str name_or_arn);
struct dynamodb_IndexSpace *add_index_space(struct call *c, struct dynamodb_Table *r, struct str index);

/* A global index of r like another: written to from this commit on, filled by a job; r is not saved. */
void index_add(struct call *c, struct dynamodb_Table *r, const struct dynamodb_GlobalSecondaryIndexDescription *like);
/* The global index at a position goes, with its entries; r is not saved. */
void index_drop(struct call *c, struct dynamodb_Table *r, uint32_t at);
/* What is left of an index that was taken out of r's description; r is not saved. */
void index_space_drop(struct call *c, struct dynamodb_Table *r, struct str index);
/* The table goes with all that hangs on it, whatever its protection says. */
void table_remove(struct call *c, struct dynamodb_Table *r);

/* Warm throughput asked for (warm.c), of a table that is made or changed, of a global index. false: c failed. */
bool warm_table(struct call *c, struct dynamodb_TableDescription *d, const struct dynamodb_WarmThroughput *asked, bool creating);
bool warm_index(struct call *c, struct dynamodb_GlobalSecondaryIndexDescription *x, const struct dynamodb_WarmThroughput *asked, bool on_demand,
                bool creating);
/* As it is shown, of the table and its indexes. */
void warm_describe(struct call *c, struct dynamodb_TableDescription *d);
/* In an answer: what is set is on its way, the indexes' too or not. */
void warm_updating(struct call *c, struct dynamodb_TableDescription *d, bool indexes);

/* Is the attribute in a key schema? */
bool schema_names(struct list key_schema, struct str attribute);
/* Checks of definitions (table_check.c), false with c failed. */
bool ddb_check_definition(struct call *c, const struct table_definition *d);
/* At most what there is; index: its name for the sentence, absent: of the table. */
bool ddb_check_units(struct call *c, const struct dynamodb_ProvisionedThroughput *p, struct str index);
/* OnDemandThroughput of a table, or of an index: in range, and only on demand. */
bool ddb_check_most(struct call *c, const struct dynamodb_OnDemandThroughput *t, struct str index, bool on_demand);
/* SSESpecification as the description it makes; NULL: the encryption that every table has. */
bool ddb_check_encryption(struct call *c, const struct dynamodb_SSESpecification *s, struct dynamodb_SSEDescription **out);
/* The form of a name, in the words that any operation but CreateTable uses. */
bool ddb_check_name_form(struct call *c, struct str name);
bool ddb_check_projection(struct call *c, const struct dynamodb_Projection *p);
bool ddb_check_global_index(struct call *c, struct list attributes, struct str name, struct list key_schema,
                        const struct dynamodb_Projection *p);

#endif
