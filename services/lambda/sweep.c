/* Removing code that no function and no layer names any more: zips and what was unpacked from them.
 *
 * Once at start and then every hour of the service clock: a reader collects the names that records give, a worker removes
 * the others. What is younger than SPARE_S stays: a create in flight writes its zip before its record names it. The ages
 * are the file system's, so the turned clock does not make them older. */
#include "lambda.h"

#include "base/map.h"
#include "os/os.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { EVERY_MS = 3600 * 1000, SPARE_S = 15 * 60, NAME_N = 64 };

static struct {
	struct loop_timer *timer;
	struct arena *arena; /* of the run under way */
	struct map zips, dirs;
	bool stopped;
} sweep;

/* Between "it is there, I use it" and "nobody uses it, I remove it". Workers only, never held over anything slow. */
static pthread_mutex_t using = PTHREAD_MUTEX_INITIALIZER;

bool code_use(const char *path)
{
	pthread_mutex_lock(&using);
	bool there = utimensat(AT_FDCWD, path, NULL, 0) == 0;
	pthread_mutex_unlock(&using);
	return there;
}

/* ---- collecting, on a reader ---- */

static void name_it(struct map *m, struct str name)
{
	ASSERT(name.n == NAME_N);
	map_put(m, arena_dup(sweep.arena, name), &sweep);
}

static void name_dir(const struct str *zips, size_t n)
{
	char name[NAME_N + 1];
	code_dir_name(zips, n, name);
	name_it(&sweep.dirs, str_of(name, NAME_N));
}

static void name_function(struct call *c, struct str value)
{
	struct lambda_FunctionRecord *f = record_decode(c, &lambda_shape_FunctionRecord, value);
	name_it(&sweep.zips, f->Zip);
	name_dir(&f->Zip, 1);
	for (uint32_t i = 0; i < f->LayerZips.n; i++)
		name_it(&sweep.zips, *LIST_AT(f->LayerZips, struct str, i));
	if (f->LayerZips.n > 0)
		name_dir(f->LayerZips.v, f->LayerZips.n);
}

static void name_layer(struct call *c, struct str value)
{
	struct lambda_LayerRecord *l = record_decode(c, &lambda_shape_LayerRecord, value);
	name_it(&sweep.zips, l->Zip);
	name_dir(&l->Zip, 1);
}

static void collect(struct call *c)
{
	struct key all = key_new(c->arena);
	struct str key, value, part[4]; /* service, account, region, table */
	struct str from = key_bytes(key_str(&all, S("lambda")));
	struct scan *s = scan_open(c->txn, from, key_after(c->arena, from), false);
	map_init(&sweep.zips, sweep.arena); /* a run again begins again */
	map_init(&sweep.dirs, sweep.arena);
	while (scan_next(s, &key, &value)) {
		struct key_reader r = key_reader_of(key);
		for (size_t i = 0; i < COUNT_OF(part); i++)
			if (!key_read_str(&r, c->arena, &part[i]))
				part[i] = S("");
		if (str_eq(part[3], S("fn")))
			name_function(c, value);
		else if (str_eq(part[3], S("layer")))
			name_layer(c, value);
	}
}

/* ---- removing, on a worker ---- */

/* Also what a crash has left under a temporary name. */
static void sweep_folder(const char *kind, struct str end, const struct map *named)
{
	char folder[1024], path[2048];
	snprintf(folder, sizeof folder, "%s/lambda/%s", service_config()->data_dir, kind);
	DIR *d = opendir(folder);
	if (d == NULL)
		return; /* no code yet */
	struct dirent *e;
	while ((e = readdir(d)) != NULL) {
		struct stat st;
		struct str name = str_c(e->d_name);
		snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
		bool whole = name.n == NAME_N + end.n && str_ends(name, end);
		if (name.n < NAME_N || (whole && map_get(named, str_slice(name, 0, NAME_N)) != NULL))
			continue;
		pthread_mutex_lock(&using);
		bool old = lstat(path, &st) == 0 && st.st_mtime < time(NULL) - SPARE_S;
		/* out of its name at once, so that nobody finds half of it */
		char doomed[2100];
		snprintf(doomed, sizeof doomed, "%s.gone", path);
		bool taken = old && rename(path, doomed) == 0;
		pthread_mutex_unlock(&using);
		if (taken)
			code_remove_tree(doomed);
	}
	closedir(d);
}

static void remove_others(void *unused)
{
	(void)unused;
	sweep_folder("zip", S(".zip"), &sweep.zips);
	sweep_folder("dir", S(""), &sweep.dirs);
}

static void begin(void *unused);

static void end(void *unused)
{
	ASSERT(sweep.arena != NULL && sweep.timer == NULL);
	(void)unused;
	arena_free(sweep.arena);
	sweep.arena = NULL;
	if (!sweep.stopped)
		sweep.timer = loop_timer_start(clock_now_ms() + EVERY_MS, begin, NULL);
}

static void collected(void *unused, const struct wire_error *error)
{
	if (error == NULL && !sweep.stopped)
		worker_run(remove_others, end, unused);
	else
		end(unused);
}

static void begin(void *unused)
{
	(void)unused;
	ASSERT(sweep.arena == NULL);
	sweep.timer = NULL;
	sweep.arena = arena_new(0);
	const struct submit s = {.service = &service_lambda, .account = str_c(service_config()->account),
		.region = str_c(service_config()->region), .run = collect, .done = collected};
	call_submit(&s);
}

void sweep_start(void)
{
	sweep.stopped = false;
	begin(NULL);
}

void sweep_stop(void)
{
	sweep.stopped = true;
	loop_timer_cancel(sweep.timer);
	sweep.timer = NULL;
}
