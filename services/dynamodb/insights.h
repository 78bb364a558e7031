/* Contributor insights: which keys of a table or global index are accessed and throttled most, counted by rules of CloudWatch.
 *
 * A table without them pays one comparison an operation. Source: "CloudWatch contributor insights for DynamoDB: how it works"
 * (DynamoDB Developer Guide). */
#ifndef DYNAMODB_INSIGHTS_H
#define DYNAMODB_INSIGHTS_H

#include "write.h"

static inline bool insights_kept(const struct table *t) { return t->record->Insights.n > 0; }

/* Units that one item, or a Query of one partition, took; counted when the call commits. item has the key attributes at least.
 * x NULL: of the table. whole_key false: of the partition only. */
void insights_read(struct call *c, const struct table *t, const struct table_index *x, const struct av *item, bool whole_key, double units);
/* A write of one item, with what it took of the table and its global indexes; fresh, old: NULL when there was none. */
void insights_write(struct call *c, const struct table *t, const struct av *key, const struct av *fresh, const struct av *old,
                    const struct consumed *used);
/* Let down by a lack of throughput; counted at once, for the call fails. */
void insights_throttle(struct call *c, const struct table *t, const struct table_index *x, const struct av *item, bool whole_key);

/* An index, or (name absent) the table itself, goes: with its rules. r is not saved. */
void insights_drop(struct call *c, struct dynamodb_Table *r, struct str index);

void ddb_update_contributor_insights(struct call *c);
void ddb_describe_contributor_insights(struct call *c);
void ddb_list_contributor_insights(struct call *c);

#endif
