/* Values apart from the database's tree: appended to files of many, for bodies that are written once and read whole.
 *
 * In the tree a value is written to disk by each flush and each compaction that meets it, with all that this costs; here it is
 * written twice, once in the log and once in a pack, and the tree has a pointer. packs/<16 digits> holds entries one after the
 * other, each {head, key, value} and padded to 8 bytes; one without a key stands for what is gone. A pack's row in the database (see inside.h)
 * says up to where it is written and how much of it is alive.
 *
 * A group's values go to the pack through the page cache, without a sync, and to the log with the group. The log begins a
 * segment only after the pack was synced (pack_settle), and when a store opens, the groups of the newest segment are put into
 * their pack once more. What is no longer wanted goes with its file when nothing in that is alive, or is punched out of it when
 * less than half of it is.
 *
 * One thread at a time commits (pack_gather to pack_done); reading is any thread's; sweeping a worker's. */
#ifndef TSUBO_STORE_PACK_H
#define TSUBO_STORE_PACK_H

#include "store/overlay.h"
#include "store/store.h"

#include <rocksdb/c.h>

enum { PACK_POINTER_BYTES = 24 };

struct packs;

/* The table of packs, empty. */
struct packs *packs_new(void);
void packs_free(struct packs *p);
/* From the rows of an open database. */
void packs_load(struct store *s);

/* What group `number` has to put apart or gives up: entries for its values in the current pack (a new one when that is
 * full), written to the page cache. *section is what the log has to keep of it beside the batch, absent for nothing: the
 * committing thread's until the next group. false with errno: the disk refused, nothing has changed. */
bool pack_gather(struct store *s, const struct overlay *writes, uint64_t number, struct str *section);
/* Rows for the packs that the group changes, and pointers for its values, called in the order of the keys. */
void pack_rows(struct store *s, rocksdb_writebatch_t *batch);
void pack_pointer(struct store *s, const struct node *n, char out[PACK_POINTER_BYTES]);
/* The group is through, or was refused: then the pack is as it was. */
void pack_done(struct store *s, uint64_t number, bool ok);
/* All that was appended is on disk. false with errno: the kernel may have dropped what it could not write, so that the log must
 * keep it; from then on neither a segment nor a pack begins, until the store is opened again. */
bool pack_settle(struct store *s);

/* The value behind a pointer, pack_length() bytes of it, to out. false, only when asked not to wait for the disk: it is not in
 * memory. What cannot be read or is not what was written ends the program, as anywhere in the store. */
size_t pack_length(struct str pointer);
bool pack_read(struct store *s, struct str pointer, bool wait, char *out);

/* When a store opens: put a section of the log into its pack again; then, once, make that durable. false with *why. */
bool pack_again(struct store *s, struct str section, char **why);
bool pack_again_end(struct store *s, char **why);

/* Remove packs in which nothing is alive, punch out what is dead in others. From a worker. */
void pack_sweep(struct store *s);
/* Remove files that are no pack of this store: left by a group that was never acknowledged. Returns how many. */
size_t pack_sweep_orphans(struct store *s);
bool pack_link_all(struct store *s, const char *dir, char **why);

#endif
