/* Any bytes as a zip: refused or unpacked below its directory, never a crash. Files are at most as large as the input. */
#include "../lambda.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static int drop(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	return at->level > 0 ? remove(path) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static char dir[40], why[200];
	if (dir[0] == '\0') {
		snprintf(dir, sizeof dir, "/tmp/tsubo-fuzz-XXXXXX");
		if (mkdtemp(dir) == NULL)
			abort();
	}
	(void)zip_unpack(str_of((const char *)p, n), dir, why, sizeof why);
	(void)nftw(dir, drop, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}
