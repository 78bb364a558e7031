/* Bodies too large for the database: one file each, written once, synced before the record that names it.
 *
 * Life: blob_create (a file in blobs/new/) -> blob_write ... -> blob_seal (synced, moved to blobs/xx/) -> a
 * transaction stores its id with blob_claim -> readers open it -> a transaction drops it with blob_release; the
 * file goes after the commit. A blob that no transaction claimed is removed at the next start, and by
 * blob_discard. Ids are 32 lower-case hex digits. Functions that touch files may block: call them from a worker. */
#ifndef TSUBO_BLOB_H
#define TSUBO_BLOB_H

#include "store/store.h"

struct blob_id { char hex[33]; };
struct blob_writer;

struct blob_writer *blob_create(struct store *s); /* NULL with errno */
bool blob_write(struct blob_writer *w, struct str bytes); /* false with errno; then blob_abandon */
bool blob_seal(struct blob_writer *w, struct blob_id *id); /* durable; w is gone either way; false with errno */
void blob_abandon(struct blob_writer *w);
void blob_discard(struct store *s, struct blob_id id); /* sealed but never claimed */

/* In a transaction: claim makes the file live with the record; release counts one claim down and after the commit
 * removes the file when none is left. Claims are counted: a copy may claim the same blob again. */
void blob_claim(struct txn *t, struct blob_id id);
void blob_release(struct txn *t, struct blob_id id);
/* Remove the files whose last claim went in committed transactions: call after store_group_commit, from a worker. A file
 * stays while a reader's snapshot still has a record that names it, and goes with a later call. */
void blob_sweep_released(struct store *s);
/* At start: remove files no record claims. Returns how many. */
size_t blob_sweep_orphans(struct store *s);

int blob_open(struct store *s, struct blob_id id); /* a file descriptor to read, or -1 with errno */
int blob_open_cached(struct store *s, struct blob_id id); /* the same, or -1 when somebody might have to wait for the disk */
/* Path of a sealed blob, in the arena: for handing to another process. */
const char *blob_path(struct store *s, struct arena *a, struct blob_id id);

#endif
