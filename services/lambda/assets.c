/* What runtimes need beside the function: our bootstraps, which are part of this program, and the interpreters that
 * this machine has. */
#include "engine.h"

#include "telemetry/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define EMBED(symbol, file) \
	__asm__(".section .rodata\n" #symbol "_begin:\n.incbin \"" file "\"\n" #symbol "_end:\n.byte 0\n.previous\n"); \
	extern const char symbol##_begin[], symbol##_end[]

EMBED(lambda_bootstrap_py, "services/lambda/runtime/bootstrap.py");
EMBED(lambda_bootstrap_mjs, "services/lambda/runtime/bootstrap.mjs");

static bool file_put(const char *dir, const char *name, const char *begin, const char *end)
{
	char path[1100];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
	bool ok = fd >= 0 && write(fd, begin, (size_t)(end - begin)) == end - begin;
	if (fd >= 0)
		close(fd);
	return ok;
}

const char *assets_dir(void)
{
	static char dir[1024], real[1024];
	if (real[0] != '\0')
		return real;
	snprintf(dir, sizeof dir, "%s/lambda", service_config()->data_dir);
	(void)mkdir(dir, 0755);
	snprintf(dir, sizeof dir, "%s/lambda/runtime", service_config()->data_dir);
	if (mkdir(dir, 0755) != 0 && errno != EEXIST)
		return NULL;
	if (!file_put(dir, "bootstrap.py", lambda_bootstrap_py_begin, lambda_bootstrap_py_end) ||
	    !file_put(dir, "bootstrap.mjs", lambda_bootstrap_mjs_begin, lambda_bootstrap_mjs_end))
		return NULL;
	char *path = realpath(dir, NULL);
	if (path == NULL)
		return NULL;
	snprintf(real, sizeof real, "%s", path);
	free(path);
	return real;
}

/* A folder below the runtimes directory, by its absolute path; NULL when it is not there. */
static const char *runtimes_folder(const char *name, char *path, size_t n)
{
	if (path[0] == '\0' && service_config()->runtime_dir != NULL) {
		char wanted[1024];
		snprintf(wanted, sizeof wanted, "%s/%s", service_config()->runtime_dir, name);
		char *real = realpath(wanted, NULL);
		if (real != NULL)
			snprintf(path, n, "%s", real);
		free(real);
	}
	return path[0] != '\0' ? path : NULL;
}

const char *python_packages(void)
{
	static char path[1024];
	return runtimes_folder("python", path, sizeof path);
}

const char *node_packages(void)
{
	static char path[1024];
	return runtimes_folder("nodejs/node_modules", path, sizeof path);
}

/* ---- Python: the same version when it is installed, else the newest ---- */

static int newest_python(const char *dir)
{
	int newest = -1;
	DIR *d = opendir(dir);
	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
		int64_t minor;
		struct str name = str_c(e->d_name);
		if (str_starts(name, S("python3.")) && str_to_i64(str_slice(name, 8, name.n), &minor) && minor > newest && minor < 100)
			newest = (int)minor;
	}
	if (d != NULL)
		closedir(d);
	return newest;
}

static bool python_find(struct str runtime, struct interpreter *out)
{
	/* Only below /usr: a sandbox sees nothing else of the machine. */
	static const char *const dirs[] = {"/usr/local/bin", "/usr/bin"};
	int minor = -1;
	const char *dir = NULL;
	for (size_t i = 0; i < COUNT_OF(dirs); i++) {
		snprintf(out->path, sizeof out->path, "%s/%.*s", dirs[i], STR_ARG(runtime));
		if (access(out->path, X_OK) == 0) {
			snprintf(out->version, sizeof out->version, "%.*s", (int)(runtime.n - 6), runtime.p + 6);
			return true;
		}
		int found = newest_python(dirs[i]);
		if (found > minor) {
			minor = found;
			dir = dirs[i];
		}
	}
	if (dir == NULL)
		return false;
	snprintf(out->path, sizeof out->path, "%s/python3.%d", dir, minor);
	snprintf(out->version, sizeof out->version, "3.%d", minor);
	return true;
}

/* ---- Node: ours below the runtimes directory, else the machine's ---- */

static bool node_version(const char *path, char *out, size_t n)
{
	char command[400];
	snprintf(command, sizeof command, "'%s' --version 2>/dev/null", path);
	FILE *f = strchr(path, '\'') == NULL ? popen(command, "re") : NULL;
	char line[40] = "";
	bool ok = f != NULL && fgets(line, sizeof line, f) != NULL && line[0] == 'v';
	if (f != NULL)
		pclose(f);
	if (ok)
		snprintf(out, n, "%.*s", (int)strcspn(line + 1, "\n"), line + 1);
	return ok;
}

static bool node_look(const char *path, struct interpreter *out)
{
	char *real = realpath(path, NULL);
	bool ok = real != NULL && strlen(real) < sizeof out->from && access(real, X_OK) == 0 && node_version(real, out->version, sizeof out->version);
	if (ok && strncmp(real, "/usr/", 5) == 0) {
		snprintf(out->path, sizeof out->path, "%.290s", real);
	} else if (ok) {
		snprintf(out->from, sizeof out->from, "%.290s", real);
		snprintf(out->to, sizeof out->to, "/var/lang/bin/node");
		snprintf(out->path, sizeof out->path, "/var/lang/bin/node");
	}
	free(real);
	return ok;
}

static pthread_mutex_t node_lock = PTHREAD_MUTEX_INITIALIZER;
static bool node_looked;

bool interpreter_known(struct str runtime)
{
	pthread_mutex_lock(&node_lock);
	bool known = node_looked || !str_starts(runtime, S("nodejs"));
	pthread_mutex_unlock(&node_lock);
	return known;
}

static bool node_find(struct interpreter *out)
{
	static struct interpreter known;
	pthread_mutex_lock(&node_lock);
	if (!node_looked) {
		char path[1024];
		snprintf(path, sizeof path, "%s/node/bin/node", service_config()->runtime_dir != NULL ? service_config()->runtime_dir : "/nonexistent");
		bool ok = node_look(path, &known);
		struct str rest = str_c(getenv("PATH"));
		while (!ok && str_present(rest)) {
			struct str dir = str_cut(&rest, ':');
			snprintf(path, sizeof path, "%.*s/node", STR_ARG(dir));
			ok = node_look(path, &known);
		}
		node_looked = true;
	}
	*out = known;
	pthread_mutex_unlock(&node_lock);
	return out->path[0] != '\0';
}

bool interpreter_find(struct str runtime, struct interpreter *out)
{
	*out = (struct interpreter){.path = ""};
	return str_starts(runtime, S("python")) ? python_find(runtime, out) : node_find(out);
}
