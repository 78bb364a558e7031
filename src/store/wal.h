/* The write-ahead log: groups are appended here and synced once; that is when they are acknowledged.
 *
 * Why not RocksDB's own: a log file that grows makes every fdatasync a journal commit of the file system. These
 * segments are filled with zeros in steps and used again, so nearly every sync only writes data (measured on
 * ext4: 140 us against 240). And a failed append leaves the store as it was: RocksDB goes read-only after one, and
 * its C API cannot resume. All file operations go through the os table, so tests can make each of them fail.
 *
 * Groups are numbered without gaps. A record's checksum covers its number and is seeded by the segment's salt, drawn
 * anew each time the segment is used: what an earlier use left behind, or a client wrote into a value, never passes
 * for a record. A segment may be used again when the database has everything in it on disk.
 * One thread at a time, the one that commits. */
#ifndef TSUBO_STORE_WAL_H
#define TSUBO_STORE_WAL_H

#include "base/str.h"

struct wal;

struct wal_callbacks {
	/* A group after the ones the database holds, in order. false stops the opening with *why set by the callee. */
	bool (*replay)(void *arg, uint64_t number, struct str group, char **why);
	/* A group of the newest segment that the database holds. false as above. */
	bool (*again)(void *arg, struct str group, char **why);
	/* Number of the newest group the database has on disk. */
	uint64_t (*persisted)(void *arg);
	/* A segment is about to begin: what groups hold beside the database is on disk, so that only the newest segment's need be
	 * looked at again. false with errno: it cannot be, and the group is refused. */
	bool (*settle)(void *arg);
	void *arg;
};

/* Open the log below dir (which exists), and replay what comes after group number `applied`. NULL with heap text in
 * *why: a disk error, or groups missing in the middle. */
struct wal *wal_open(const char *dir, uint64_t applied, bool no_sync, struct wal_callbacks cb, char **why);
void wal_close(struct wal *w);
/* Append the next group (number: the last one's plus one), in two parts that become one, and sync. false with errno: the log is as it was before. */
bool wal_append(struct wal *w, uint64_t number, struct str group, struct str more);
/* Take the newest group back: the database refused it. false when the disk refuses that too: should the machine stop
 * before the next append, the group may come back. */
bool wal_retract(struct wal *w, uint64_t number);
/* Number of the newest group, and of the segments in use. */
uint64_t wal_last(const struct wal *w);
size_t wal_segments(const struct wal *w);

#endif
