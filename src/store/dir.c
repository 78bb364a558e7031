/* The data directory: made durable, its format checked, held by one process.
 *
 * What always holds: a directory that was made is on disk with all its parents; FORMAT is replaced whole; whoever
 * holds the lock is the only one to write. */
#include "store/inside.h"

#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FORMAT_BYTES_MAX = 64, FORMAT_MODE = 0600, DIR_MODE = 0700 };

bool tell_why(char **why, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	if (vasprintf(why, fmt, ap) < 0)
		die("out of memory");
	va_end(ap);
	return false;
}

/* One directory, and its entry in its parent on disk. */
static bool make_one(const char *path)
{
	ASSERT(path[0] != '\0');
	if (mkdir(path, DIR_MODE) != 0)
		return errno == EEXIST;
	char parent[PATH_MAX];
	int n = snprintf(parent, sizeof parent, "%s/..", path);
	if (n < 0 || (size_t)n >= sizeof parent) {
		errno = ENAMETOOLONG;
		return false;
	}
	return os.sync_dir(parent) == 0;
}

bool dir_make(const char *path)
{
	char part[PATH_MAX];
	size_t n = strlen(path);
	if (n == 0 || n >= sizeof part) {
		errno = n == 0 ? ENOENT : ENAMETOOLONG;
		return false;
	}
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (!make_one(part))
			return false;
	}
	struct stat st;
	if (stat(path, &st) != 0)
		return false;
	errno = ENOTDIR;
	return S_ISDIR(st.st_mode);
}

bool dir_write_format(const char *dir, char **why)
{
	char path[PATH_MAX], fresh[PATH_MAX], text[FORMAT_BYTES_MAX];
	int a = snprintf(path, sizeof path, "%s/FORMAT", dir);
	int b = snprintf(fresh, sizeof fresh, "%s/FORMAT.new", dir);
	int n = snprintf(text, sizeof text, "tsubo store %d\n", STORE_FORMAT);
	ASSERT(n > 0 && (size_t)n < sizeof text);
	if (a < 0 || b < 0 || (size_t)b >= sizeof fresh)
		return tell_why(why, "%s: the path is too long", dir);
	int fd = os.open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FORMAT_MODE);
	if (fd < 0)
		return tell_why(why, "%s: %m", fresh);
	bool ok = os.pwrite(fd, text, (size_t)n, 0) == n && os.datasync(fd) == 0;
	if (!ok)
		tell_why(why, "%s: %m", fresh);
	close(fd);
	if (!ok)
		return false;
	if (os.rename(fresh, path) != 0 || os.sync_dir(dir) != 0)
		return tell_why(why, "%s: %m", path);
	return true;
}

static bool exists(const char *dir, const char *name)
{
	ASSERT(dir[0] != '\0' && name[0] != '\0');
	char path[PATH_MAX];
	struct stat st;
	int n = snprintf(path, sizeof path, "%s/%s", dir, name);
	return n > 0 && (size_t)n < sizeof path && stat(path, &st) == 0;
}

static bool check_format(const char *dir, char **why)
{
	char path[PATH_MAX], text[FORMAT_BYTES_MAX + 1];
	int n = snprintf(path, sizeof path, "%s/FORMAT", dir);
	if (n < 0 || (size_t)n >= sizeof path)
		return tell_why(why, "%s: the path is too long", dir);
	int fd = os.open(path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0 && errno != ENOENT)
		return tell_why(why, "%s: %m", path);
	if (fd < 0 && exists(dir, "db"))
		return tell_why(why, "%s holds data but no FORMAT file: it was not made by tsubo, or is damaged", dir);
	if (fd < 0)
		return dir_write_format(dir, why);
	ssize_t got = os.pread(fd, text, FORMAT_BYTES_MAX, 0);
	close(fd);
	if (got < 0)
		return tell_why(why, "%s: %m", path);
	struct str rest = str_trim(str_of(text, (size_t)got)), mark = S("tsubo store ");
	int64_t version;
	if (!str_starts(rest, mark) || !str_to_i64(str_slice(rest, mark.n, rest.n), &version))
		return tell_why(why, "%s is not a format file of tsubo", path);
	if (version != STORE_FORMAT)
		return tell_why(why, "%s has format %lld; this tsubo reads format %d. Use the version that wrote it, or another --data directory",
				 dir, (long long)version, STORE_FORMAT);
	return true;
}

/* An open-file lock: gone with the process, however it ends, and it keeps a second store in the same process out too. */
static bool take_lock(const char *dir, int *fd, char **why)
{
	ASSERT(fd != NULL && dir[0] != '\0');
	char path[PATH_MAX], pid[32];
	int n = snprintf(path, sizeof path, "%s/LOCK", dir);
	if (n < 0 || (size_t)n >= sizeof path)
		return tell_why(why, "%s: the path is too long", dir);
	*fd = os.open(path, O_RDWR | O_CREAT | O_CLOEXEC, FORMAT_MODE);
	if (*fd < 0)
		return tell_why(why, "%s: %m", path);
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0) {
		n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
		if (ftruncate(*fd, 0) != 0)
			return tell_why(why, "%s: %m", path);
		(void)os.pwrite(*fd, pid, (size_t)n, 0); /* only said in messages */
		return true;
	}
	if (errno != EWOULDBLOCK)
		return tell_why(why, "%s: %m", path);
	ssize_t got = os.pread(*fd, pid, sizeof pid, 0);
	struct str who = str_trim(str_of(pid, got > 0 ? (size_t)got : 0));
	return tell_why(why, "%s is in use by another tsubo (process %.*s)", dir, STR_ARG(who));
}

int store_lock_dir(const char *dir, char **why)
{
	int fd = -1;
	if (take_lock(dir, &fd, why))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

bool dir_prepare(struct store *s, char **why)
{
	if (!dir_make(s->dir))
		return tell_why(why, "cannot keep data in %s: %m", s->dir);
	return take_lock(s->dir, &s->lock_fd, why) && check_format(s->dir, why);
}
