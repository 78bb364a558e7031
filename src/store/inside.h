/* What the files of store/ share; nobody else includes it.
 *
 * A view is a committed state: a RocksDB snapshot and the number of the group it ends with. Whoever commits makes one after
 * every commit, before the next may change the database, and readers take references to the newest: a reader
 * therefore costs one short lock, and never sees a group before it is acknowledged. Live views form a list from
 * newest to oldest, so "can anyone still see this?" has an answer.
 *
 * Keys that begin with 0x00 belong to the store itself (tuple keys begin with a tag above it):
 *   00 'a'              number of the newest group in the database, 8 bytes big-endian; 8 more: how many bytes at the end of its
 *                       record in the log are a section of a pack
 *   00 'b' <32 digits>  claims on a blob, 8 bytes big-endian
 *   00 'p' <8 bytes>    a pack: up to where it is written, and how many bytes of it are alive, 8 bytes big-endian each
 * Lock order: `lock` alone, or blob_lock then `lock`, or the packs' lock alone. */
#ifndef TSUBO_STORE_INSIDE_H
#define TSUBO_STORE_INSIDE_H

#include "store/blob.h"
#include "store/overlay.h"
#include "store/store.h"
#include "store/wal.h"

#include <limits.h>
#include <pthread.h>
#include <rocksdb/c.h>
#include <stdatomic.h>

enum { STORE_MAGIC = 0x73746f31, TXN_MAGIC = 0x74786e31, SCAN_MAGIC = 0x7363616e };
enum { VALUE_BYTES_MAX = 64 << 20, APART_BYTES_MAX = 1 << 20, SAVES_MAX = 64, CHANGED_SLOTS = 4096 };
#define APPLIED_KEY ((struct str){"\0a", 2})
#define BLOB_KEY_PREFIX ((struct str){"\0b", 2})

struct view {
	struct view *newer, *older; /* the list; `older` also links free ones */
	const rocksdb_snapshot_t *snapshot;
	rocksdb_readoptions_t *read, *read_memory;
	uint64_t sequence;
	unsigned refs;
};

/* A place in the writes of a group that runs or is sealed; those after `stamp` are not looked at. */
struct over {
	const struct overlay *writes;
	const struct node *at;
	uint64_t stamp;
};
enum { OVERS_MAX = 2 };

struct scan {
	unsigned magic;
	struct scan *next; /* in its transaction: open ones, or spare ones */
	struct txn *txn;
	rocksdb_readoptions_t *read;
	char *bounds; /* from, then to: RocksDB keeps pointers to them */
	size_t bounds_cap;
	struct str from, to;
	bool reverse, step; /* step: the base stands on a key that was given out */
	rocksdb_iterator_t *base;
	struct over over[OVERS_MAX]; /* the upper first; none for readers */
	size_t n_over;
	uint64_t stamp; /* of the running group's newest write when the scan began */
	size_t given;   /* bytes of values */
};

struct txn {
	unsigned magic;
	struct store *store;
	struct txn *next; /* free list */
	struct view *view; /* NULL: a writer's */
	rocksdb_readoptions_t *read; /* the view's, or the writer's */
	bool memory_only, incomplete; /* see store_read_memory */
	struct scan *scans, *spare;
	size_t start; /* overlay mark */
	size_t saves[SAVES_MAX];
	int n_saves;
};

struct store {
	unsigned magic;
	char *dir;
	int lock_fd;
	bool no_sync;

	rocksdb_t *db;
	rocksdb_options_t *options;
	rocksdb_cache_t *cache;
	rocksdb_writeoptions_t *write, *write_slowly; /* refuse, or wait, when RocksDB cannot keep up */
	rocksdb_readoptions_t *read_newest, *read_persisted;
	struct wal *wal;
	struct packs *packs;

	/* who runs a group: */
	struct overlay overlays[2]; /* taken in turns */
	struct overlay *group;      /* the running group's, or the next one's */
	uint64_t number;            /* the running group's */
	bool in_group, txn_open;
	struct txn writer;
	/* who commits one: */
	rocksdb_writebatch_t *batch;
	bool stalled;
	uint64_t seen_on_disk; /* the newest group there when the log last began a segment */
	int segments_since;    /* begun since that changed */

	pthread_mutex_t lock; /* the fields below */
	struct overlay *sealed;      /* of the group that is being committed */
	uint64_t sealed_number;      /* its number, or the one before when it wrote nothing */
	const struct overlay *below; /* the one the running group stands on; set by who runs it */
	int below_refused;           /* errno, once that one was refused */
	struct view *newest, *oldest, *free_views;
	struct txn *free_txns;
	size_t n_free_txns;
	_Atomic uint64_t sequence;
	/* The newest group that wrote (or tried to) a key of this hash. Set before the group is visible: a view's lock orders it. */
	_Atomic uint64_t changed[CHANGED_SLOTS];

	pthread_mutex_t blob_lock; /* held while blob files are removed, and while they are linked by a checkpoint */
	struct released *released; /* under `lock`, as what follows */
	struct blob_id *young;     /* made by this process, until the sweep at start is over */
	size_t n_young, cap_young;
	bool swept;
};

/* rocks.c: the database behind. */
bool rocks_open(struct store *s, const struct store_options *opt, char **why);
void rocks_close(struct store *s);
/* Apply a group (a write batch) to the database's memory; the log has it on disk.
 * false with errno and, unless why is NULL, with a message. */
bool rocks_apply(struct store *s, rocksdb_writebatch_t *batch, char **why);
/* false after a group was refused, as long as RocksDB takes no more (errno EIO): nobody need wait for that again. */
bool rocks_ready(struct store *s);
/* The number under APPLIED_KEY: as it is now, or as it is on disk. */
uint64_t rocks_applied(struct store *s, bool on_disk);
/* Everything in memory to disk, and wait. */
bool rocks_flush(struct store *s);
/* The same, without waiting. */
void rocks_flush_soon(struct store *s);

/* view.c: see above. */
void view_publish(struct store *s, uint64_t sequence);
void views_free(struct store *s);
uint64_t view_oldest_sequence(struct store *s);

/* scan.c */
void scans_close(struct txn *t);
void scans_free(struct txn *t);

/* txn.c */
void put_be64(char out[8], uint64_t v);
uint64_t get_be64(const char *p);
/* What a writer's transaction finds of a key above the database; NULL: nothing. */
const struct version *txn_find_over(const struct txn *t, struct str key);
/* As txn_put, for the store's own keys. */
void txn_write(struct txn *t, struct str key, struct str value, bool deleted);

/* blob.c: names and keys. */
enum { BLOB_ID_DIGITS = 32 };
struct blob_claim_key { char b[2 + BLOB_ID_DIGITS]; };
bool blob_id_valid(struct str s);
void blob_path_new(const struct store *s, const struct blob_id *id, char out[PATH_MAX]);
void blob_path_sealed(const struct store *s, const struct blob_id *id, char out[PATH_MAX]);
struct blob_claim_key blob_claim_key(const struct blob_id *id);

/* blob_sweep.c: a blob begins; until the sweep at start is over it is remembered, so that it is not taken for a leftover. */
void blob_note_young(struct store *s, const struct blob_id *id);
/* The group dropped the last claim on a blob; called with the claim's key after the commit. */
void blob_note_released(struct store *s, struct str key, uint64_t sequence);
/* At close: forget what was noted; what is left of it goes at the next start. */
void blob_forget(struct store *s);
bool blob_link_all(struct store *s, const char *dir, char **why);

/* dir.c: directories and small files, made durable. */
bool dir_make(const char *path); /* with its parents; errno */
/* Format and lock of a data directory. */
bool dir_prepare(struct store *s, char **why);
bool dir_write_format(const char *dir, char **why);
PRINTF_LIKE(2, 3) bool tell_why(char **why, const char *fmt, ...); /* returns false */

#endif
