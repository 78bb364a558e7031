/* What disk and hash allow together, without HTTP: one thread computes MD5 and CRC-64/NVME, which every object has, another
 * writes the same blocks to a file and syncs it at the end.
 *
 *   hash_and_write FILE BYTES
 *
 * Prints seconds. The file stays. */
#include "bench.h"
#include "base/enc.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 256 << 10, WRITE_BEHIND = 4 << 20 };
static char block[BLOCK];
static int64_t total;

static void *hash(void *unused)
{
	struct digest *d = digest_new(DIGEST_MD5);
	uint64_t crc = 0;
	unsigned char out[64];
	for (int64_t left = total; left > 0; left -= BLOCK) {
		struct str s = str_of(block, left < BLOCK ? (size_t)left : BLOCK);
		digest_add(d, s);
		crc = crc64nvme(crc, s);
	}
	digest_end(d, out);
	return crc == 0 ? unused : NULL;
}

static void write_all(int fd)
{
	int64_t behind = 0;
	for (int64_t at = 0; at < total;) {
		ssize_t n = pwrite(fd, block, total - at < BLOCK ? (size_t)(total - at) : BLOCK, at);
		if (n <= 0)
			die("write: %m");
		at += n;
		if (at - behind >= WRITE_BEHIND) {
			(void)sync_file_range(fd, behind, at - behind, SYNC_FILE_RANGE_WRITE);
			behind = at;
		}
	}
	if (fdatasync(fd) != 0)
		die("sync: %m");
}

int main(int argc, char **argv)
{
	pthread_t t;
	uint64_t bytes;
	if (argc != 3 || !str_to_u64(str_c(argv[2]), &bytes)) {
		fprintf(stderr, "usage: hash_and_write FILE BYTES\n");
		return 2;
	}
	total = (int64_t)bytes;
	for (size_t i = 0; i < sizeof block; i++)
		block[i] = (char)(i * 2654435761u >> 13);
	int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		die("%s: %m", argv[1]);
	double from = now();
	if (pthread_create(&t, NULL, hash, NULL) != 0)
		die("no thread");
	write_all(fd);
	pthread_join(t, NULL);
	printf("%.6f\n", now() - from);
	return 0;
}
