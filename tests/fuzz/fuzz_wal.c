/* Any bytes as segments of the log: opening ends, within bounds; it replays numbers without gaps and nothing twice, and
 * what is appended afterwards is there at the next opening. The input's first byte divides it into two segments; heads
 * and records get right checksums where the input asks for it, so that the parser is not stopped at the first one. */
#include "store/wal.h"

#include "base/arena.h"
#include "base/enc.h"
#include "os/os.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64];
static uint64_t last;

static bool replay(void *arg, uint64_t number, struct str group, char **why)
{
	(void)arg;
	(void)why;
	ASSERT(number == last + 1);
	last = number;
	for (size_t i = 0; i < group.n; i++)
		(void)*(const volatile char *)(group.p + i);
	return true;
}

static uint64_t persisted(void *arg)
{
	(void)arg;
	return 0;
}

/* A head and a first record made right, over a copy of the input. */
static void mend(char *p, size_t n)
{
	uint32_t version = 1, crc;
	uint64_t length = n >= 88 ? (n - 88) / 2 : 0;
	if (n < 88 || !(p[88 % n] & 1))
		return;
	memcpy(p, "tsubowal", 8);
	memcpy(p + 8, &version, 4);
	p[16] = (char)(p[16] & 3); /* the first number, small */
	memset(p + 17, 0, 7);
	crc = crc32c(0, str_of(p + 16, 48));
	memcpy(p + 12, &crc, 4);
	memcpy(p + 72, p + 16, 8);
	memcpy(p + 80, &length, 8);
	crc = crc32c(0, str_of(p + 24, 8));
	crc = crc32c(crc, str_of(p + 72, 16));
	crc = crc32c(crc, str_of(p + 88, length));
	memcpy(p + 64, &crc, 4);
}

static void segment(unsigned name, const uint8_t *data, size_t n)
{
	char path[96], *copy = malloc(n + 1);
	ASSERT(copy != NULL);
	if (n > 0)
		memcpy(copy, data, n);
	mend(copy, n);
	(void)snprintf(path, sizeof path, "%s/wal/%06u", dir, name);
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	ASSERT(fd >= 0 && write(fd, copy, n) == (ssize_t)n);
	close(fd);
	free(copy);
}

static bool again(void *arg, struct str group, char **why)
{
	(void)arg, (void)why;
	ASSERT(group.p != NULL);
	return true;
}

static bool settle(void *arg)
{
	(void)arg;
	return true;
}

static void check_opening(void)
{
	struct wal_callbacks cb = {.replay = replay, .again = again, .persisted = persisted, .settle = settle};
	char *why;
	last = 0;
	struct wal *w = wal_open(dir, 0, true, cb, &why);
	if (w == NULL) {
		free(why);
		return;
	}
	uint64_t number = wal_last(w) + 1;
	ASSERT(wal_last(w) == last);
	ASSERT(wal_append(w, number, S("gro"), S("up")));
	wal_close(w);
	last = 0;
	w = wal_open(dir, 0, true, cb, &why);
	ASSERT(w != NULL && wal_last(w) == number && last == number);
	wal_close(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[96];
	if (dir[0] == '\0') {
		(void)snprintf(dir, sizeof dir, "%s", "/tmp/tsubo-fuzz-XXXXXX");
		ASSERT(mkdtemp(dir) != NULL);
		(void)snprintf(path, sizeof path, "%s/wal", dir);
		ASSERT(mkdir(path, 0700) == 0);
	}
	if (size < 1)
		return 0;
	size_t first = 1 + (size_t)data[0] * (size - 1) / 255;
	segment(0, data + 1, first - 1);
	segment(1, data + first, size - first);
	for (unsigned name = 2; name < 5; name++) {
		(void)snprintf(path, sizeof path, "%s/wal/%06u", dir, name);
		(void)unlink(path);
	}
	check_opening();
	return 0;
}
