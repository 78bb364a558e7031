/* Archives and replays; everything below (account, region):
 *
 *   archive  <archive>             ArchiveRecord
 *   archives <bus> <archive>       the archive's name
 *   past     <data> <ms> <event id>  an archived event's text; ms: when it came
 *   replay   <replay>              ReplayRecord
 *
 * Jobs: "expire" <archive>: daily, with a retention; "forget" <data>: what a deleted archive has left; "replay" <replay>: a portion. */
#ifndef TSUBO_EVENTS_ARCHIVE_H
#define TSUBO_EVENTS_ARCHIVE_H

#include "events.h"
#include "svc/event_pattern.h"

/* ---- archive.c ---- */
struct key *past_key(struct call *c, int64_t data);
struct str archive_arn(struct call *c, struct str name);
struct events_ArchiveRecord *archive_find(struct call *c, struct str name); /* NULL: none, c does not fail */
/* Listings take one filter of the three; fails c. */
bool one_filter(struct call *c, const char *op, struct str prefix, struct str source, struct str state);
void access_archive(struct call *c);
void job_forget(struct call *c, struct str id, struct str payload);
void job_expire(struct call *c, struct str name, struct str payload);
void op_create_archive(struct call *c);
void op_update_archive(struct call *c);
void op_describe_archive(struct call *c);
void op_delete_archive(struct call *c);
void op_list_archives(struct call *c);

/* ---- replay.c ---- */
void access_replay(struct call *c);
void job_replay(struct call *c, struct str name, struct str payload);
void op_start_replay(struct call *c);
void op_describe_replay(struct call *c);
void op_cancel_replay(struct call *c);
void op_list_replays(struct call *c);

#endif
