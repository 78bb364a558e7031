/* Control groups, version 1, 2 or both at once (hybrid), wherever this user may make them.
 *
 * Each limit is a part that is there or not. Below every usable place lies one directory tsubo-<pid>, and one group a
 * process in it. The version-2 freezer is preferred even beside version-1 controllers: it takes 30 µs and lets a
 * frozen process be killed. Only the launcher process calls this.
 *
 * What always holds: nothing is written outside the directories this process made; a group is removed only when it
 * is empty. */
#include "launcher/proto.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char base[CG_PARTS][300]; /* "": this part cannot be had */
static bool v2_has[CG_PARTS];    /* controllers enabled below base[CG_V2] */

static const char *const v1_names[CG_PARTS] = {"memory", "pids", "cpu", "freezer", NULL};

enum { PATH_ROOM = 400 };

/* base/p<id>/file, or the group's directory when file is "". */
static void group_path(char out[PATH_ROOM], const char *dir, uint32_t id, const char *file)
{
	int n = snprintf(out, PATH_ROOM, "%s/p%u%s%s", dir, id, *file != '\0' ? "/" : "", file);
	ASSERT(n > 0 && n < PATH_ROOM); /* bases are at most 300 long */
}

static bool file_write(const char *dir, uint32_t id, const char *file, const char *text)
{
	ASSERT(text[0] != '\0' && file[0] != '\0');
	char path[PATH_ROOM];
	group_path(path, dir, id, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok;
}

static bool path_read(const char *path, char *out, size_t n)
{
	ASSERT(n > 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t got = read(fd, out, n - 1);
	close(fd);
	if (got < 0)
		return false;
	out[got] = '\0';
	return true;
}

/* Is word among the words of list, separated by any of seps? */
static bool has_word(const char *list, const char *word, const char *seps)
{
	size_t n = strlen(word);
	for (const char *p = list; *p != '\0'; p += strspn(p, seps)) {
		size_t len = strcspn(p, seps);
		if (len == n && memcmp(p, word, n) == 0)
			return true;
		p += len;
	}
	return false;
}

/* This process's group in the hierarchy of a controller ("" is version 2's), from /proc/self/cgroup: "4:memory:/a/b". */
static bool own_group(const char *controller, char *out, size_t n)
{
	ASSERT(controller != NULL && n > 0);
	char text[4096];
	if (!path_read("/proc/self/cgroup", text, sizeof text))
		return false;
	for (char *line = text, *next; line != NULL && *line != '\0'; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		char *names = strchr(line, ':'), *path = names != NULL ? strchr(names + 1, ':') : NULL;
		if (path == NULL)
			continue;
		*path++ = '\0';
		names++;
		if (*controller == '\0' ? *names != '\0' : !has_word(names, controller, ","))
			continue;
		snprintf(out, n, "%s", strcmp(path, "/") == 0 ? "" : path);
		return true;
	}
	return false;
}

/* EEXIST is a leftover of a process with our number: ours now. */
static void probe_v1(enum cgroup_part part, const char *mount)
{
	ASSERT(part <= CG_FREEZER && mount[0] == '/');
	char group[200];
	if (base[part][0] != '\0' || !own_group(v1_names[part], group, sizeof group))
		return;
	char path[300];
	if (snprintf(path, sizeof path, "%s%s/tsubo-%d", mount, group, (int)getpid()) >= (int)sizeof path)
		return;
	if (mkdir(path, 0755) == 0 || errno == EEXIST)
		memcpy(base[part], path, sizeof path);
}

/* Hand the controllers we use down to the groups below dir; refused ones are seen in cgroup.controllers there. */
static void hand_down(const char *dir, bool handed[CG_PARTS])
{
	char path[PATH_ROOM];
	int n = snprintf(path, sizeof path, "%s/cgroup.subtree_control", dir);
	int fd = n < (int)sizeof path ? open(path, O_WRONLY | O_CLOEXEC) : -1;
	for (enum cgroup_part p = CG_MEMORY; p <= CG_CPU; p++) {
		char word[20];
		n = snprintf(word, sizeof word, "+%s", v1_names[p]);
		handed[p] = fd >= 0 && write(fd, word, (size_t)n) == n;
	}
	if (fd >= 0)
		close(fd);
}

/* Version 2: our own group holds processes, so controllers may be refused below it; then its parents are tried. Without
 * the memory controller anywhere the first place is kept, for its freezer. */
static void probe_v2(const char *mount)
{
	ASSERT(mount[0] == '/');
	char group[200];
	if (!own_group("", group, sizeof group))
		return;
	for (;;) {
		char dir[240], path[300], file[PATH_ROOM], text[400];
		int n = snprintf(dir, sizeof dir, "%s%s", mount, group);
		if (n >= (int)sizeof dir)
			return;
		hand_down(dir, v2_has);
		n = snprintf(path, sizeof path, "%s/tsubo-%d", dir, (int)getpid());
		ASSERT(n < (int)sizeof path);
		if (mkdir(path, 0755) == 0 || errno == EEXIST) {
			n = snprintf(file, sizeof file, "%s/cgroup.controllers", path);
			ASSERT(n < (int)sizeof file);
			bool memory = path_read(file, text, sizeof text) && has_word(text, "memory", " \n");
			if (!memory && base[CG_V2][0] != '\0') {
				(void)rmdir(path);
			} else {
				if (base[CG_V2][0] != '\0')
					(void)rmdir(base[CG_V2]);
				memcpy(base[CG_V2], path, sizeof path);
			}
			if (memory)
				break;
		}
		char *slash = strrchr(group, '/');
		if (slash == NULL)
			break;
		*slash = '\0';
	}
	if (base[CG_V2][0] != '\0')
		hand_down(base[CG_V2], v2_has);
}

void cgroup_probe(struct buf *missing)
{
	FILE *f = fopen("/proc/self/mounts", "re");
	char line[1024];
	while (f != NULL && fgets(line, sizeof line, f) != NULL) {
		char device[100], mount[200], type[40], options[400];
		if (sscanf(line, "%99s %199s %39s %399s", device, mount, type, options) != 4)
			continue;
		if (strcmp(type, "cgroup2") == 0)
			probe_v2(mount);
		for (enum cgroup_part p = CG_MEMORY; strcmp(type, "cgroup") == 0 && p <= CG_FREEZER; p++) {
			if (has_word(options, v1_names[p], ","))
				probe_v1(p, mount);
		}
	}
	if (f != NULL)
		fclose(f);
	for (enum cgroup_part p = CG_MEMORY; p <= CG_CPU; p++) {
		if (base[p][0] == '\0' && !v2_has[p])
			buf_printf(missing, "%sno %s limit (its cgroup may not be made)", missing->n > 0 ? "; " : "", v1_names[p]);
	}
}

void cgroup_remove_base(void)
{
	for (enum cgroup_part p = 0; p < CG_PARTS; p++) {
		if (base[p][0] != '\0')
			(void)rmdir(base[p]);
	}
}

bool cgroup_make(struct cgroup *g, uint32_t id, pid_t pid)
{
	ASSERT(id > 0 && pid > 1);
	*g = (struct cgroup){.id = id};
	bool any = false;
	char text[20];
	snprintf(text, sizeof text, "%d", (int)pid);
	for (enum cgroup_part p = 0; p < CG_PARTS; p++) {
		char path[PATH_ROOM];
		group_path(path, base[p], id, "");
		if (base[p][0] == '\0' || (p == CG_FREEZER && base[CG_V2][0] != '\0'))
			continue;
		if (mkdir(path, 0755) != 0 && errno != EEXIST)
			continue;
		g->made[p] = file_write(base[p], id, "cgroup.procs", text);
		any = any || g->made[p];
		if (!g->made[p])
			(void)rmdir(path);
	}
	return any;
}

static void limit_v1(const struct cgroup *g, const struct spec *s, uint32_t pids)
{
	ASSERT(pids > 0);
	char text[40];
	if (g->made[CG_MEMORY] && s->memory_bytes > 0) {
		snprintf(text, sizeof text, "%llu", (unsigned long long)s->memory_bytes);
		(void)file_write(base[CG_MEMORY], g->id, "memory.limit_in_bytes", text);
		(void)file_write(base[CG_MEMORY], g->id, "memory.memsw.limit_in_bytes", text);
	}
	if (g->made[CG_PIDS]) {
		snprintf(text, sizeof text, "%u", pids);
		(void)file_write(base[CG_PIDS], g->id, "pids.max", text);
	}
	if (g->made[CG_CPU] && s->cpu_millis > 0) {
		snprintf(text, sizeof text, "%u", s->cpu_millis * 100);
		(void)file_write(base[CG_CPU], g->id, "cpu.cfs_quota_us", text); /* of the default period, 100 ms */
	}
}

/* Files that are not there are passed over: not every kernel has swap accounting. */
void cgroup_limit(const struct cgroup *g, const struct spec *s)
{
	uint32_t pids = s->pids > 0 ? s->pids : 1024;
	limit_v1(g, s, pids);
	if (!g->made[CG_V2])
		return;
	char text[40];
	if (v2_has[CG_MEMORY] && s->memory_bytes > 0) {
		snprintf(text, sizeof text, "%llu", (unsigned long long)s->memory_bytes);
		(void)file_write(base[CG_V2], g->id, "memory.max", text);
		(void)file_write(base[CG_V2], g->id, "memory.swap.max", "0");
		(void)file_write(base[CG_V2], g->id, "memory.oom.group", "1");
	}
	if (v2_has[CG_PIDS]) {
		snprintf(text, sizeof text, "%u", pids);
		(void)file_write(base[CG_V2], g->id, "pids.max", text);
	}
	if (v2_has[CG_CPU] && s->cpu_millis > 0) {
		snprintf(text, sizeof text, "%u 100000", s->cpu_millis * 100);
		(void)file_write(base[CG_V2], g->id, "cpu.max", text);
	}
}

bool cgroup_freeze(const struct cgroup *g, bool frozen)
{
	ASSERT(g != NULL && g->id > 0);
	if (g->made[CG_V2] && file_write(base[CG_V2], g->id, "cgroup.freeze", frozen ? "1" : "0"))
		return true;
	return g->made[CG_FREEZER] && file_write(base[CG_FREEZER], g->id, "freezer.state", frozen ? "FROZEN" : "THAWED");
}

/* Version 1 counts in memory.oom_control, version 2 in memory.events, both as "oom_kill N". */
bool cgroup_oom(const struct cgroup *g)
{
	char path[PATH_ROOM], text[1024];
	if (g->made[CG_MEMORY])
		group_path(path, base[CG_MEMORY], g->id, "memory.oom_control");
	else if (g->made[CG_V2] && v2_has[CG_MEMORY])
		group_path(path, base[CG_V2], g->id, "memory.events");
	else
		return false;
	if (!path_read(path, text, sizeof text))
		return false;
	const char *at = strstr(text, "oom_kill ");
	return at != NULL && strtoul(at + 9, NULL, 10) > 0;
}

/* The path, not the number: the program reads it when it wants to know, without asking the launcher. */
bool cgroup_peak_path(const struct cgroup *g, char *out, size_t n)
{
	ASSERT(n >= PATH_ROOM);
	if (g->made[CG_MEMORY])
		snprintf(out, n, "%s/p%u/memory.max_usage_in_bytes", base[CG_MEMORY], g->id);
	else if (g->made[CG_V2] && v2_has[CG_MEMORY])
		snprintf(out, n, "%s/p%u/memory.peak", base[CG_V2], g->id);
	else
		return false;
	return access(out, R_OK) == 0;
}

uint64_t cgroup_peak(const struct cgroup *g)
{
	char path[PATH_ROOM], text[64];
	return cgroup_peak_path(g, path, sizeof path) && path_read(path, text, sizeof text) ? strtoull(text, NULL, 10) : 0;
}

void cgroup_kill(const struct cgroup *g)
{
	ASSERT(g != NULL);
	if (g->made[CG_V2] && file_write(base[CG_V2], g->id, "cgroup.kill", "1"))
		return;
	for (enum cgroup_part p = 0; p < CG_PARTS; p++) {
		if (!g->made[p])
			continue;
		char path[PATH_ROOM], text[8192];
		group_path(path, base[p], g->id, "cgroup.procs");
		if (!path_read(path, text, sizeof text))
			continue;
		for (char *at = text, *end; *at != '\0'; at = *end == '\n' ? end + 1 : end) {
			long pid = strtol(at, &end, 10);
			if (end == at)
				break;
			if (pid > 1)
				kill((pid_t)pid, SIGKILL);
		}
		return;
	}
}

bool cgroup_remove(struct cgroup *g)
{
	bool all = true;
	for (enum cgroup_part p = 0; p < CG_PARTS; p++) {
		char path[PATH_ROOM];
		group_path(path, base[p], g->id, "");
		if (g->made[p] && rmdir(path) != 0 && errno == EBUSY)
			all = false;
		else
			g->made[p] = false;
	}
	return all;
}
