/* The store: ordered keys, snapshots, and groups of transactions with one sync each. This header is the whole API.
 *
 * RocksDB stands behind it. One thread at a time writes (the group functions); any thread reads through a snapshot.
 * Keys and values are bytes; order is the order of unsigned bytes. What store_group_commit has returned true
 * for is on disk through kill -9 and power loss. Files below the data directory:
 *   FORMAT   the format version, text; another version is refused with a message
 *   db/      RocksDB, without a log of its own
 *   wal/     the write-ahead log: groups that RocksDB may have in memory only, see wal.h
 *   packs/   values apart from the tree, see pack.h
 *   blobs/   bodies too large for the database, see blob.h
 *   LOCK     held by the running process */
#ifndef TSUBO_STORE_H
#define TSUBO_STORE_H

#include "base/arena.h"

enum { STORE_FORMAT = 1, STORE_KEY_MAX = 65535 /* bytes of a key */ };

struct store;
struct txn;

struct store_options {
	size_t cache_bytes; /* block cache; 0: 32 MiB */
	int open_files;     /* of the database; 0: 2,048 */
	bool no_sync;       /* benchmarks only: do not wait for the disk */
};

/* Open or create. NULL with a message for the user in *why (heap text, free it): locked by another process,
 * unknown format, disk error. */
struct store *store_open(const char *dir, const struct store_options *opt, char **why);
/* Lock a store's directory without opening it, so that nobody else does: a descriptor to close, or -1 with a message in
 * *why (heap text) when another process has it. For who removes what lies in it. */
int store_lock_dir(const char *dir, char **why);
void store_close(struct store *s);
const char *store_dir(const struct store *s);

/* A reader on a snapshot of what is committed now. Any thread; ends with txn_end. */
struct txn *store_read(struct store *s);
/* The same, but it never waits for the disk: what is not in memory is given as not there, and txn_incomplete says so
 * afterwards. Then nothing that was computed may be used. A scan ends so, too, after STORE_SCAN_MEMORY_MAX bytes of values,
 * each counted with 256 more. */
enum { STORE_SCAN_MEMORY_MAX = 160 * 1024 };
struct txn *store_read_memory(struct store *s);
bool txn_incomplete(const struct txn *t);
/* What comes is not for such a reader: marks it incomplete. false: it is none of them. */
bool txn_needs_disk(struct txn *t);
/* Another reader on the same snapshot as a reader's; beside a writer, on what is committed. */
struct txn *txn_again(struct txn *t);

/* Writing: one group at a time. A group holds transactions that commit together:
 *   store_group_begin; for each call: t = store_group_txn; handler; txn_keep(t) or txn_drop(t); store_group_commit.
 * Or, so that the next group runs while this one is synced, on two threads: store_group_seal instead of the commit, after which
 * the next may begin, over this one's writes, and store_group_finish, which is over before that next one is sealed. */
void store_group_begin(struct store *s);
/* A transaction that sees what is committed, what a sealed group wrote, and what the group's kept transactions wrote. */
struct txn *store_group_txn(struct store *s);
void txn_keep(struct txn *t); /* its writes go with the group; t is gone */
void txn_drop(struct txn *t); /* its writes vanish; t is gone */
/* Write the group and sync, once. true with nothing written when the group is empty. false with errno: the
 * disk refused (full, broken); nothing of the group is visible, the store can be used again. A full disk heals by itself
 * within seconds of there being room. */
bool store_group_commit(struct store *s);
/* No more transactions in this group. false with errno: the group it stood on was refused, so this one is gone, too, and is not
 * to be finished. What any of its transactions saw may be what never was. */
bool store_group_seal(struct store *s);
/* As store_group_commit, for the sealed group. */
bool store_group_finish(struct store *s);
/* Sequence number of the last commit, and the one a transaction's snapshot stands on (its own group's number for writers). */
uint64_t store_sequence(const struct store *s);
uint64_t txn_sequence(const struct txn *t);
/* The last commit that a transaction stands on; for a writer, the one before its group, though it may not be through yet. */
uint64_t txn_base(const struct txn *t);
/* Does the transaction see under this key what one that stood on commit `since` saw? Answered from memory; false: perhaps. */
bool txn_unchanged(const struct txn *t, struct str key, uint64_t since);

/* Nested save points of a writer's transaction: an invoked call that fails takes back its own writes only. */
void txn_save(struct txn *t);
void txn_restore(struct txn *t); /* back to the newest save point, which is gone */
void txn_release(struct txn *t); /* forget the newest save point, keep its writes */

void txn_end(struct txn *t); /* for readers */
bool txn_writable(const struct txn *t);
bool txn_wrote(const struct txn *t); /* has it put or deleted anything? */

/* The value copied into the arena; false when there is none. A key over STORE_KEY_MAX is in no store: keys are made from
 * names that clients send, and to ask for one that is too long is no mistake of the program's. */
bool txn_get(struct txn *t, struct str key, struct arena *a, struct str *value);
bool txn_has(struct txn *t, struct str key);
/* Writers only (an ASSERT). Key 1..STORE_KEY_MAX bytes; value at most 64 MiB. Deleting what cannot be there does nothing. */
void txn_put(struct txn *t, struct str key, struct str value);
void txn_del(struct txn *t, struct str key);

/* Values that lie apart from the tree (pack.h): written once under a key of their own, read and deleted by these functions only,
 * never scanned. For bodies of a kilobyte and more. txn_put_apart gives room for the n bytes (1 to 1 MiB), to be filled before the
 * transaction is kept. */
char *txn_put_apart(struct txn *t, struct str key, size_t n);
bool txn_get_apart(struct txn *t, struct str key, struct arena *a, struct str *value);
void txn_del_apart(struct txn *t, struct str key);
/* Is there space that blob_sweep_released would give back? */
bool store_sweep_wanted(struct store *s);

/* Keys in [from, to) in order, or from the end when reverse. `to` absent: no upper bound. The views of a step are
 * valid until the next step. A writer's scan sees its own writes made before scan_open; to delete while
 * scanning is allowed (the deleted key is not seen again). */
struct scan;
struct scan *scan_open(struct txn *t, struct str from, struct str to, bool reverse);
bool scan_next(struct scan *s, struct str *key, struct str *value);
void scan_close(struct scan *s); /* also done when the txn ends */
/* Approximate bytes on disk of a range. */
uint64_t store_range_bytes(struct store *s, struct str from, struct str to);
/* A durable copy by hard links into a new directory; false with errno-like text in *why. */
bool store_checkpoint(struct store *s, const char *dir, char **why);

#endif
