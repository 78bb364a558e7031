/* The real system calls behind `os`, the service clock, and random text. See os.h.
 *
 * Invariants: the clock's offset is never negative. Random bytes are drawn from the kernel in blocks kept per thread; a
 * byte is handed out once and wiped, and a fork or another os.random throws the block away. */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#ifdef SYS_openat2
#include <linux/openat2.h>
#endif

static int64_t real_wall_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t real_monotonic_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void real_random(void *p, size_t n)
{
	ASSERT(n == 0 || p != NULL);
	char *at = p;
	while (n > 0) {
		ssize_t got = getrandom(at, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			die("the kernel gives no random bytes");
		at += got;
		n -= (size_t)got;
	}
}

static int real_open(const char *path, int flags, mode_t mode) { return open(path, flags | O_CLOEXEC, mode); }

/* Only while opening is the real thing: a test that replaces os.open must see every one. */
int os_open_cached(const char *path)
{
	ASSERT(path != NULL && path[0] != '\0');
#ifdef RESOLVE_CACHED
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_CACHED};
	if (os.open == real_open)
		return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
#endif
	return -1;
}

/* The error of the sync is the one to report, not that of the close after it. */
static int real_sync_dir(const char *path)
{
	ASSERT(path != NULL && path[0] != '\0');
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int failed = fsync(fd), why = errno;
	close(fd);
	errno = why;
	return failed;
}

struct os_table os = {
	.wall_ms = real_wall_ms,
	.monotonic_us = real_monotonic_us,
	.random = real_random,
	.open = real_open,
	.pwrite = pwrite,
	.pread = pread,
	.datasync = fdatasync,
	.rename = rename,
	.unlink = unlink,
	.sync_dir = real_sync_dir,
};

static int64_t offset_ms;

int64_t clock_offset_ms(void) { return __atomic_load_n(&offset_ms, __ATOMIC_ACQUIRE); }

void clock_set_offset(int64_t ms)
{
	ASSERT(ms >= 0);
	__atomic_store_n(&offset_ms, ms, __ATOMIC_RELEASE);
}

bool os_write_all(int fd, struct str bytes, off_t at)
{
	while (bytes.n > 0) {
		ssize_t done = os.pwrite(fd, bytes.p, bytes.n, at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			if (done == 0)
				errno = EIO;
			return false;
		}
		bytes = str_slice(bytes, (size_t)done, bytes.n);
		at += done;
	}
	return true;
}

int64_t clock_now_ms(void) { return os.wall_ms() + clock_offset_ms(); }

/* Two threads may turn at once: the loop makes the sum of both. */
int64_t clock_turn(int64_t ms)
{
	int64_t was = clock_offset_ms(), next;
	do {
		if (__builtin_add_overflow(was, ms, &next))
			next = was; /* beyond all time: stay */
		if (next < 0)
			next = 0;
	} while (!__atomic_compare_exchange_n(&offset_ms, &was, next, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return next;
}

enum { POOL = 512 };

static _Thread_local struct {
	unsigned char bytes[POOL];
	size_t left; /* unused bytes, at the end */
	unsigned generation;
	void (*from)(void *p, size_t n);
} pool;
static unsigned generation = 1; /* grows in the child of a fork */

static void forked(void) { generation++; }
static void watch_forks(void) { (void)pthread_atfork(NULL, NULL, forked); }

/* Small draws come from the thread's block: a system call for every request id would be a tenth of a small
 * request. */
void random_bytes(void *p, size_t n)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	if (n > POOL / 4) {
		os.random(p, n);
		return;
	}
	if (pool.left < n || pool.generation != generation || pool.from != os.random) {
		(void)pthread_once(&once, watch_forks);
		os.random(pool.bytes, POOL);
		pool.left = POOL;
		pool.generation = generation;
		pool.from = os.random;
	}
	ASSERT(pool.left >= n && pool.left <= POOL);
	unsigned char *at = pool.bytes + POOL - pool.left;
	ASSERT(at >= pool.bytes && at + n <= pool.bytes + POOL);
	memcpy(p, at, n);
	memset(at, 0, n);
	pool.left -= n;
}

uint64_t random_u64(void)
{
	uint64_t v;
	random_bytes(&v, sizeof v);
	return v;
}

/* n characters of an alphabet, each equally likely: bytes at or over the largest multiple of its size are passed over. */
static void random_of(char *out, size_t n, const char *alphabet, unsigned size)
{
	ASSERT(size > 0 && size <= 256);
	unsigned limit = 256 - 256 % size;
	ASSERT(limit > 0 && limit <= 256);
	for (size_t i = 0; i < n;) {
		unsigned char draw[32];
		size_t want = n - i < sizeof draw ? n - i : sizeof draw;
		random_bytes(draw, want);
		for (size_t k = 0; k < want; k++)
			if (draw[k] < limit)
				out[i++] = alphabet[draw[k] % size];
	}
}

void random_hex(char *out, size_t digits) { random_of(out, digits, "0123456789abcdef", 16); }
void random_lower(char *out, size_t n) { random_of(out, n, "abcdefghijklmnopqrstuvwxyz0123456789", 36); }
void random_upper(char *out, size_t n) { random_of(out, n, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 32); }

void random_uuid(char out[37])
{
	static const char digit[] = "0123456789abcdef";
	unsigned char b[16];
	random_bytes(b, sizeof b);
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	char *at = out;
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = digit[b[i] >> 4];
		*at++ = digit[b[i] & 15];
	}
	*at = '\0';
	ASSERT(at == out + 36);
}
