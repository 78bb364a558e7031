/* Every system call that tests must be able to replace: clock, disk, randomness.
 *
 * One table, `os`, filled with the real ones at start. A simulation or a fault test puts its own in their place
 * before any thread starts. Two clocks: the service clock can be turned (tsubo clock +1d) and is what services,
 * jobs and waits read; the wall clock cannot, and is what signatures are checked against. */
#ifndef TSUBO_OS_H
#define TSUBO_OS_H

#include "base/str.h"

#include <sys/types.h>

struct os_table {
	int64_t (*wall_ms)(void);      /* milliseconds since 1970, the machine's */
	int64_t (*monotonic_us)(void); /* microseconds, never back */
	void (*random)(void *p, size_t n);
	int (*open)(const char *path, int flags, mode_t mode);
	ssize_t (*pwrite)(int fd, const void *p, size_t n, off_t at);
	ssize_t (*pread)(int fd, void *p, size_t n, off_t at);
	int (*datasync)(int fd);
	int (*rename)(const char *from, const char *to);
	int (*unlink)(const char *path);
	int (*sync_dir)(const char *path); /* make a directory's entries durable */
};

extern struct os_table os;

/* A descriptor to read a file from if nobody need wait for the disk to open it: the kernel has all that leads there in memory
 * (openat2, RESOLVE_CACHED). -1: it has not, or cannot say, or there is none. */
int os_open_cached(const char *path);
/* All of the bytes to the file at `at`, in as many steps of os.pwrite as it takes. false with errno: a part may be written. */
bool os_write_all(int fd, struct str bytes, off_t at);

/* The service clock: wall time plus what it was turned by. */
int64_t clock_now_ms(void);
/* Turn it by ms (may be negative; the sum is never below zero turned time in total). Returns the new total offset. */
int64_t clock_turn(int64_t ms);
int64_t clock_offset_ms(void);
void clock_set_offset(int64_t ms); /* at start, from the store */

/* Random bytes, lower-case hex digits, and letters and digits for names ([a-z0-9], [A-Z0-9]). */
void random_bytes(void *p, size_t n);
uint64_t random_u64(void);
void random_hex(char *out, size_t digits);
void random_lower(char *out, size_t n); /* a-z0-9 */
void random_upper(char *out, size_t n); /* A-Z2-7, as in access-key ids */
/* A version-4 UUID, 36 characters and a NUL. */
void random_uuid(char out[37]);

#endif
