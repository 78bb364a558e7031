/* Provisioned throughput that really is what was provisioned: a bucket of units for each table and global index.
 *
 * A bucket fills at the provisioned rate and holds at most 300 seconds of it ("burst capacity"); it starts full. A
 * request is let in while there is anything in it and may leave it below zero. On-demand tables have no bucket unless
 * a maximum is set. Buckets are kept in memory under a lock, not in the store: readers cannot write, and a restart
 * only fills them. Safe from any thread. */
#ifndef DYNAMODB_THROTTLE_H
#define DYNAMODB_THROTTLE_H

#include "write.h"

/* Units left to a read of the table (x NULL) or index, or to a write of the table with its indexes. */
double throttle_left(struct call *c, const struct table *t, const struct table_index *x, bool read);
/* false: c failed with ProvisionedThroughputExceededException. */
bool throttle_admit(struct call *c, const struct table *t, const struct table_index *x, bool read);
/* Units taken since this was last asked (or since the start), of the table (x NULL) or an index: for auto scaling. */
double throttle_spent(const struct table *t, const struct table_index *x, bool read);
void throttle_charge(struct call *c, const struct table *t, const struct consumed *used);
extern const char throttle_message[];

#endif
