/* Global tables: tables of one name in several regions of this process that hold the same items.
 *
 * A write to one member is a write to all of them, in one transaction: members are never apart, the order of writes is the
 * store's, and what was acknowledged is in every region after a crash. Each region's table record names the others in
 * Regions; what a member says of itself (throughput, class) stands in its own record only, so that an override is what
 * differs between two records. Sources: "Global tables" (DynamoDB Developer Guide), both versions. */
#ifndef DYNAMODB_REPLICA_H
#define DYNAMODB_REPLICA_H

#include "write.h"

static inline bool is_replicated(const struct dynamodb_Table *r) { return r->Regions.n > 0; }
/* A group of version 2017.11.29 may have one member only. */
static inline bool in_group(const struct dynamodb_Table *r) { return r->Regions.n > 0 || r->Legacy.v; }

/* Work in another region for a while, in the same transaction. What enter gives back goes to leave. */
struct place { struct str region; void *memo; };
struct place place_enter(struct call *c, struct str region);
void place_leave(struct call *c, struct place home);

struct str replica_region(const struct dynamodb_Table *r, uint32_t i);
/* Run fn in the region of every other member, on its record; fn saves what it changes. */
void replica_each(struct call *c, const struct dynamodb_Table *r, void (*fn)(struct call *c, struct dynamodb_Table *other, const void *arg),
                  const void *arg);
/* item_write of a table that has replicas. The others' change records do not tell that time to live was the reason
 * ("DynamoDB Streams and Time to Live"). Version 2017.11.29 marks items with aws:rep:*. */
void replica_write(struct call *c, const struct table *t, struct str key, const struct stored *old, const struct av *fresh,
                   bool by_ttl, struct consumed *used);
/* Take c's region out of r's group; the others' records are saved, r is not. */
void replica_depart(struct call *c, struct dynamodb_Table *r);
/* Put a region into r's group: r and all others name it; the others' records are saved, r is not. */
void replica_join(struct call *c, struct dynamodb_Table *r, struct str region);

#endif
