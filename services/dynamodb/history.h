/* What items were before: for point-in-time recovery, and for copies that take several transactions.
 *
 * While a table keeps its history, every write adds, under (…, "history") u64 space, item key's own bytes, u64 serial,
 * the time and the item as it was (nothing: it was not there). An item at some moment is then the first such record
 * after it, or the item itself when there is none. Serials grow with commits, whatever the clock does. */
#ifndef DYNAMODB_HISTORY_H
#define DYNAMODB_HISTORY_H

#include "table.h"

/* Does this table keep its history? */
static inline bool history_kept(const struct table *t) { return t->record->Recovery.v || t->record->Busy.v > 0; }
void history_append(struct call *c, const struct table *t, struct str item_key, struct str old_bytes);

/* A moment: after serial, or when it is 0, after a time. */
struct moment { uint64_t serial; int64_t ms; };
/* The items of a space as they were at a moment, in the order of keys after `after` (absent: from the start): fills
 * up to n keys and items; less than n: that was the end. */
struct past_item { struct str own_key, bytes; };
uint32_t history_read(struct call *c, uint64_t space, const struct moment *m, struct str after, struct past_item *out, uint32_t n);

/* Of the items that changed between two times (from and before): how they were at either, in the order of keys; n and after
 * as above. at_ms: of the last change; 0: it did not change then, and is given
 * so that the caller's position moves. */
struct past_change { struct str own_key, before, after; int64_t at_ms; };
uint32_t history_changes(struct call *c, uint64_t space, int64_t from_ms, int64_t to_ms, struct str after, struct past_change *out, uint32_t n);

void history_trim_later(struct call *c, struct str table);
/* id: the table's name; payload: where to go on. */
void ddb_job_trim_history(struct call *c, struct str id, struct str payload);

#endif
