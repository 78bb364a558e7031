/* Time to live: the order of expiry, the sweeper, and the operations. */
#ifndef DYNAMODB_TTL_H
#define DYNAMODB_TTL_H

#include "write.h"

/* Keep the order of expiry in step with a write. */
void ttl_track(struct call *c, const struct table *t, struct str item_key, const struct av *old, const struct av *fresh);
/* Turn it on (for an attribute) or off; r is not saved. */
void ttl_set(struct call *c, struct dynamodb_Table *r, bool enable, struct str attribute);
void ddb_update_time_to_live(struct call *c);
void ddb_describe_time_to_live(struct call *c);
/* id: the table's name. */
void ddb_job_ttl_sweep(struct call *c, struct str id, struct str payload);
void ddb_job_ttl_fill(struct call *c, struct str id, struct str payload);

#endif
