/* The store alone, without HTTP or a service: what the machine gives, and how much of it the store passes on.
 *
 *   store_raw DIR [SECONDS [CLIENTS [VALUE_BYTES [KEYS [put]]]]]
 *
 * put    CLIENTS threads each wait for one durable put at a time; one writer groups what is waiting (at most 128)
 * log    the same clients and writer, but only an append to a plain file and fdatasync: the ceiling
 * get, scan  one thread, then CLIENTS threads; a scan reads 100 keys; each on a snapshot of its own
 * mixed  half the clients put, half get without pause
 * Prints one line a mode: operations a second, mean and worst acknowledgement. DIR is created, and stays. With "put" at
 * the end only that mode, with CLIENTS. */
#include "store/store.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS_MAX = 256, GROUP_MAX = 128, VALUE_MAX = 1 << 20, SCAN_KEYS = 100 };

struct client {
	pthread_t thread;
	pthread_cond_t done_cond;
	struct client *next;
	char key[32];
	size_t key_n;
	bool done;
	uint64_t seed, ops, worst_us, total_us;
};

static struct store *store;
static int log_fd = -1;
static off_t log_at;
static size_t value_bytes = 400, n_keys = 1000000;
static char value[VALUE_MAX];
static atomic_bool stop, no_more; /* for the clients; for the writer, when they are gone */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t waiting = PTHREAD_COND_INITIALIZER;
static struct client *queue;
static struct client clients[CLIENTS_MAX];

static uint64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void next_key(struct client *c)
{
	c->seed ^= c->seed << 13;
	c->seed ^= c->seed >> 7;
	c->seed ^= c->seed << 17;
	c->key_n = (size_t)snprintf(c->key, sizeof c->key, "bench/%012llu", (unsigned long long)(c->seed % n_keys) * 2654435761u % n_keys);
}

static void commit_store(struct client *group)
{
	store_group_begin(store);
	for (struct client *c = group; c != NULL; c = c->next) {
		struct txn *t = store_group_txn(store);
		txn_put(t, str_of(c->key, c->key_n), str_of(value, value_bytes));
		txn_keep(t);
	}
	if (!store_group_commit(store))
		die("commit failed");
}

static void commit_log(struct client *group)
{
	static char image[GROUP_MAX * 4096];
	size_t n = 0;
	for (struct client *c = group; c != NULL; c = c->next) {
		if (n + c->key_n + value_bytes > sizeof image)
			die("values too large for the log mode");
		memcpy(image + n, c->key, c->key_n);
		memcpy(image + n + c->key_n, value, value_bytes);
		n += c->key_n + value_bytes;
	}
	if (pwrite(log_fd, image, n, log_at) != (ssize_t)n || fdatasync(log_fd) != 0)
		die("log failed");
	log_at += (off_t)n;
}

static struct client *take_group(void)
{
	pthread_mutex_lock(&lock);
	while (queue == NULL && !atomic_load(&no_more))
		pthread_cond_wait(&waiting, &lock);
	struct client *group = queue, *last = group;
	for (int n = 1; last != NULL && last->next != NULL && n < GROUP_MAX; n++)
		last = last->next;
	queue = last != NULL ? last->next : NULL;
	if (last != NULL)
		last->next = NULL;
	pthread_mutex_unlock(&lock);
	return group;
}

static void *writer(void *arg)
{
	void (*commit)(struct client *) = log_fd >= 0 ? commit_log : commit_store;
	for (struct client *group; (group = take_group()) != NULL;) {
		commit(group);
		pthread_mutex_lock(&lock);
		for (struct client *c = group; c != NULL; c = c->next) {
			c->done = true;
			pthread_cond_signal(&c->done_cond);
		}
		pthread_mutex_unlock(&lock);
	}
	return arg;
}

static void *putter(void *arg)
{
	struct client *c = arg;
	while (!atomic_load(&stop)) {
		next_key(c);
		uint64_t from = now_us();
		pthread_mutex_lock(&lock);
		c->done = false;
		c->next = queue;
		queue = c;
		pthread_cond_signal(&waiting);
		while (!c->done)
			pthread_cond_wait(&c->done_cond, &lock);
		pthread_mutex_unlock(&lock);
		uint64_t took = now_us() - from;
		c->total_us += took;
		c->worst_us = took > c->worst_us ? took : c->worst_us;
		c->ops++;
	}
	return NULL;
}

static void *getter(void *arg)
{
	struct client *c = arg;
	struct arena *a = arena_new(16 << 10);
	while (!atomic_load(&stop)) {
		for (int i = 0; i < 64; i++, c->ops++) {
			struct str v;
			next_key(c);
			struct txn *t = store_read(store);
			(void)txn_get(t, str_of(c->key, c->key_n), a, &v);
			txn_end(t);
			arena_reset(a);
		}
	}
	arena_free(a);
	return NULL;
}

static void *scanner(void *arg)
{
	struct client *c = arg;
	while (!atomic_load(&stop)) {
		next_key(c);
		struct txn *t = store_read(store);
		struct scan *s = scan_open(t, str_of(c->key, c->key_n), S("bench0"), c->ops & 1);
		struct str k, v;
		for (int n = 0; n < SCAN_KEYS && scan_next(s, &k, &v); n++)
			;
		txn_end(t);
		c->ops++;
	}
	return NULL;
}

static void start(struct client *c, void *(*fn)(void *))
{
	c->ops = c->worst_us = c->total_us = 0;
	if (pthread_create(&c->thread, NULL, fn, c) != 0)
		die("no thread");
}

/* n clients in mode a and m in mode b (NULL: none). */
static void run(const char *name, double seconds, int n, void *(*a)(void *), int m, void *(*b)(void *))
{
	pthread_t w;
	bool writes = a == putter;
	atomic_store(&stop, false);
	atomic_store(&no_more, false);
	if (writes && pthread_create(&w, NULL, writer, NULL) != 0)
		die("no thread");
	uint64_t from = now_us();
	for (int i = 0; i < n + m; i++)
		start(&clients[i], i < n ? a : b);
	usleep((useconds_t)(seconds * 1e6));
	atomic_store(&stop, true);
	uint64_t ops[2] = {0}, worst = 0, total = 0;
	for (int i = 0; i < n + m; i++) {
		pthread_join(clients[i].thread, NULL);
		ops[i >= n] += clients[i].ops;
		total += clients[i].total_us;
		worst = clients[i].worst_us > worst ? clients[i].worst_us : worst;
	}
	double took = (double)(now_us() - from) / 1e6;
	if (writes) {
		pthread_mutex_lock(&lock);
		atomic_store(&no_more, true);
		pthread_cond_broadcast(&waiting);
		pthread_mutex_unlock(&lock);
		pthread_join(w, NULL);
	}
	printf("%-6s %3d clients %9.0f/s", name, n, (double)ops[0] / took);
	if (m > 0)
		printf("  and %3d readers %9.0f/s", m, (double)ops[1] / took);
	if (writes)
		printf("  mean %6.0f us  worst %7.1f ms", (double)total / (double)(ops[0] + !ops[0]), (double)worst / 1000);
	printf("\n");
	(void)fflush(stdout);
}

static double resident_mb(void)
{
	long pages = 0, unused = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	if (f != NULL && fscanf(f, "%ld %ld", &unused, &pages) != 2)
		pages = 0;
	if (f != NULL)
		fclose(f);
	return (double)pages * 4096 / 1e6;
}

static void open_store(const char *dir)
{
	char *why;
	uint64_t from = now_us();
	store = store_open(dir, NULL, &why);
	if (store == NULL)
		die("%s", why);
	printf("open %.1f ms, resident %.1f MB\n", (double)(now_us() - from) / 1000, resident_mb());
}

static void fill(void)
{
	uint64_t from = now_us();
	for (size_t i = 0; i < n_keys;) {
		store_group_begin(store);
		struct txn *t = store_group_txn(store);
		for (int n = 0; n < 1000 && i < n_keys; n++, i++) {
			char key[32];
			int len = snprintf(key, sizeof key, "bench/%012zu", i);
			txn_put(t, str_of(key, (size_t)len), str_of(value, value_bytes));
		}
		txn_keep(t);
		if (!store_group_commit(store))
			die("commit failed");
	}
	printf("fill   %zu keys in groups of 1000: %.0f/s\n", n_keys, (double)n_keys * 1e6 / (double)(now_us() - from));
}

static long argument(char **argv, int argc, int i, long otherwise, long max)
{
	int64_t v;
	if (i >= argc)
		return otherwise;
	if (!str_to_i64(str_c(argv[i]), &v) || v < 1 || v > max)
		die("%s: a number from 1 to %ld is wanted", argv[i], max);
	return (long)v;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		die("usage: store_raw DIR [SECONDS [CLIENTS [VALUE_BYTES [KEYS]]]]");
	double seconds = (double)argument(argv, argc, 2, 2, 3600);
	int n = (int)argument(argv, argc, 3, 10, CLIENTS_MAX);
	value_bytes = (size_t)argument(argv, argc, 4, 400, VALUE_MAX);
	n_keys = (size_t)argument(argv, argc, 5, 200000, 1000000000);
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		pthread_cond_init(&clients[i].done_cond, NULL);
		clients[i].seed = 0x9e3779b97f4a7c15u * (i + 1);
	}
	for (size_t i = 0; i < sizeof value; i++)
		value[i] = (char)(i * 2654435761u >> 11);
	open_store(argv[1]);
	if (argc > 6) {
		run("put", seconds, n, putter, 0, NULL);
		store_close(store);
		return 0;
	}
	fill();
	run("get", seconds, 1, getter, 0, NULL);
	run("get", seconds, n, getter, 0, NULL);
	run("scan", seconds, 1, scanner, 0, NULL);
	run("scan", seconds, n, scanner, 0, NULL);
	run("put", seconds, 1, putter, 0, NULL);
	run("put", seconds, n, putter, 0, NULL);
	run("mixed", seconds, (n + 1) / 2, putter, (n + 1) / 2, getter);
	printf("resident %.1f MB\n", resident_mb());
	uint64_t from = now_us();
	store_close(store);
	printf("close %.1f ms\n", (double)(now_us() - from) / 1000);
	open_store(argv[1]);
	store_close(store);

	char path[4096];
	if (snprintf(path, sizeof path, "%s/ceiling.log", argv[1]) >= (int)sizeof path)
		die("path too long");
	log_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	run("log", seconds, 1, putter, 0, NULL);
	run("log", seconds, n, putter, 0, NULL);
	unlink(path);
	return 0;
}
