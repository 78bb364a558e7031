/* RocksDB, tuned to be small and to start fast. Only this file, view.c, scan.c and txn.c call it.
 *
 * Its own log is off: wal.c has the groups that are only in its memory. Every group carries its number under
 * APPLIED_KEY, and memory goes to disk in order and whole, so that number on disk tells which groups are safe.
 *
 * What always holds: an error while reading is the end of the program, for "not there" would be a wrong answer;
 * one while writing is the caller's to handle. */
#include "store/inside.h"
#include "store/pack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum {
	CACHE_BYTES = 32 << 20, /* taken as it is needed */
	MEMTABLE_BYTES = 4 << 20,
	LEVEL_BYTES = 32 << 20,
	FILE_BYTES = 8 << 20,
	L0_FILES = 2,
	BLOCK_BYTES = 16 << 10,
	BLOOM_BITS = 10,
	INDEX_RESTART = 16,
	OPEN_FILES = 2048, /* each 30 KB or so of memory, once it was read from */
	LOG_ERROR = 3, /* rocksdb's InfoLogLevel */
	PERSISTED_TIER = 2, /* rocksdb's ReadTier */
	STALL_STEP_MS = 2,
	STALL_MAX_MS = 3000,
};

/* Takes the message that a call of RocksDB left. true when there is none. */
static bool no_error(char *error, char **why)
{
	if (error == NULL)
		return true;
	if (why != NULL)
		tell_why(why, "%s", error);
	rocksdb_free(error);
	return false;
}

static void set_table_options(struct store *s, size_t cache_bytes)
{
	s->cache = rocksdb_cache_create_lru(cache_bytes > 0 ? cache_bytes : CACHE_BYTES);
	rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();
	rocksdb_block_based_options_set_block_size(t, BLOCK_BYTES);
	rocksdb_block_based_options_set_block_cache(t, s->cache);
	rocksdb_block_based_options_set_filter_policy(t, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS));
	rocksdb_block_based_options_set_format_version(t, 5);
	/* The indexes of open files are what memory grows by: keys alike are written once. */
	rocksdb_block_based_options_set_index_block_restart_interval(t, INDEX_RESTART);
	rocksdb_block_based_options_set_data_block_index_type(t, rocksdb_block_based_table_data_block_index_type_binary_search_and_hash);
	rocksdb_options_set_block_based_table_factory(s->options, t);
	rocksdb_block_based_options_destroy(t);
}

/* Connections and blobs need some, too. */
static int open_files(const struct store_options *opt)
{
	struct rlimit limit;
	if (opt->open_files > 0)
		return opt->open_files;
	return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 4 < OPEN_FILES ? (int)(limit.rlim_cur / 4) : OPEN_FILES;
}

static void set_options(struct store *s, const struct store_options *opt)
{
	rocksdb_options_t *o = s->options = rocksdb_options_create();
	set_table_options(s, opt->cache_bytes);
	rocksdb_options_set_create_if_missing(o, 1);
	rocksdb_options_set_compression(o, rocksdb_no_compression);

	/* one writer: no locking inside a memtable, no waiting in a write queue */
	rocksdb_options_set_allow_concurrent_memtable_write(o, 0);
	rocksdb_options_set_enable_write_thread_adaptive_yield(o, 0);
	rocksdb_options_set_write_buffer_size(o, MEMTABLE_BYTES);
	rocksdb_options_set_max_write_buffer_number(o, 4);
	rocksdb_options_set_memtable_prefix_bloom_size_ratio(o, 0.05);
	rocksdb_options_set_memtable_whole_key_filtering(o, 1);

	/* Few sorted runs: keys that are written again and again (queues, counters) make each further run dear for scans.
	 * Measured with 5,000 hot keys: a scan of 100 in half the time, for a sixth more work while writing. */
	rocksdb_options_set_level0_file_num_compaction_trigger(o, L0_FILES);
	rocksdb_options_set_max_bytes_for_level_base(o, LEVEL_BYTES);
	rocksdb_options_set_target_file_size_base(o, FILE_BYTES);
	/* Each level's twice those of the one above: ten gigabytes are 200 files, which stay open, and not 1,250 that do not. */
	rocksdb_options_set_target_file_size_multiplier(o, 2);
	/* but a burst may run ahead of compaction: slow down late */
	rocksdb_options_set_level0_slowdown_writes_trigger(o, 40);
	rocksdb_options_set_level0_stop_writes_trigger(o, 80);
	rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
	rocksdb_options_set_max_background_jobs(o, 2);
	rocksdb_options_set_bytes_per_sync(o, 1 << 20); /* a little at a time, or the log's sync waits for it all */

	/* opening reads and writes as little as it can */
	rocksdb_options_set_max_open_files(o, open_files(opt));
	rocksdb_options_set_max_file_opening_threads(o, 1);
	rocksdb_options_set_skip_stats_update_on_db_open(o, 1);
	rocksdb_options_set_skip_checking_sst_file_sizes_on_db_open(o, 1);
	rocksdb_options_set_stats_dump_period_sec(o, 0);
	rocksdb_options_set_stats_persist_period_sec(o, 0);
	rocksdb_options_set_info_log_level(o, LOG_ERROR);
	rocksdb_options_set_keep_log_file_num(o, 2);
	rocksdb_options_set_max_manifest_file_size(o, 1 << 20);
	rocksdb_options_set_manifest_preallocation_size(o, 64 << 10);
}

static rocksdb_writeoptions_t *new_write_options(bool refuse)
{
	rocksdb_writeoptions_t *w = rocksdb_writeoptions_create();
	rocksdb_writeoptions_disable_WAL(w, 1);
	rocksdb_writeoptions_set_memtable_insert_hint_per_batch(w, 1); /* groups come sorted */
	rocksdb_writeoptions_set_no_slowdown(w, refuse);
	return w;
}

bool rocks_open(struct store *s, const struct store_options *opt, char **why)
{
	set_options(s, opt);
	s->write = new_write_options(true);
	s->write_slowly = new_write_options(false);
	s->read_newest = rocksdb_readoptions_create();
	s->read_persisted = rocksdb_readoptions_create();
	rocksdb_readoptions_set_read_tier(s->read_persisted, PERSISTED_TIER);

	char *path, *error = NULL;
	if (asprintf(&path, "%s/db", s->dir) < 0)
		die("out of memory");
	s->db = rocksdb_open(s->options, path, &error);
	free(path);
	return no_error(error, why);
}

void rocks_close(struct store *s)
{
	if (s->db != NULL)
		rocksdb_close(s->db);
	rocksdb_readoptions_destroy(s->read_persisted);
	rocksdb_readoptions_destroy(s->read_newest);
	rocksdb_writeoptions_destroy(s->write_slowly);
	rocksdb_writeoptions_destroy(s->write);
	rocksdb_options_destroy(s->options);
	rocksdb_cache_destroy(s->cache);
	s->db = NULL;
}

static bool write_stopped(struct store *s)
{
	uint64_t stopped = 0;
	return rocksdb_property_int(s->db, "rocksdb.is-write-stopped", &stopped) == 0 && stopped != 0;
}

/* RocksDB makes a writer wait while its memory is full, for ever when the disk is full and memory cannot be written
 * out. So it is asked to refuse instead, and waited for here, to a limit. */
bool rocks_apply(struct store *s, rocksdb_writebatch_t *batch, char **why)
{
	ASSERT(s->db != NULL && batch != NULL);
	const struct timespec step = {0, STALL_STEP_MS * 1000000L};
	char *error = NULL;
	rocksdb_write(s->db, s->write, batch, &error);
	for (int waited_ms = 0; UNLIKELY(error != NULL) && waited_ms < STALL_MAX_MS; waited_ms += STALL_STEP_MS) {
		if (!str_starts(str_c(error), S("Result incomplete")))
			break;
		rocksdb_free(error);
		error = NULL;
		bool stopped = write_stopped(s);
		if (stopped)
			nanosleep(&step, NULL);
		/* merely slowed down: let RocksDB say how much, which is a moment */
		rocksdb_write(s->db, stopped ? s->write : s->write_slowly, batch, &error);
	}
	s->stalled = error != NULL;
	if (error != NULL)
		errno = strstr(error, "No space") != NULL ? ENOSPC : EIO;
	return no_error(error, why);
}

bool rocks_ready(struct store *s)
{
	errno = EIO;
	return LIKELY(!s->stalled) || !write_stopped(s);
}

uint64_t rocks_applied(struct store *s, bool on_disk)
{
	char *error = NULL;
	size_t n = 0;
	char *value = rocksdb_get(s->db, on_disk ? s->read_persisted : s->read_newest, APPLIED_KEY.p, APPLIED_KEY.n, &n, &error);
	if (error != NULL)
		die("the store cannot be read: %s", error);
	ASSERT(value == NULL || n == 8 || n == 16);
	uint64_t applied = value != NULL ? get_be64(value) : 0;
	free(value);
	return applied;
}

static bool flush(struct store *s, bool wait)
{
	char *error = NULL;
	rocksdb_flushoptions_t *o = rocksdb_flushoptions_create();
	rocksdb_flushoptions_set_wait(o, wait);
	rocksdb_flush(s->db, o, &error);
	rocksdb_flushoptions_destroy(o);
	return no_error(error, NULL);
}

bool rocks_flush(struct store *s) { return flush(s, true); }
void rocks_flush_soon(struct store *s) { (void)flush(s, false); }

uint64_t store_range_bytes(struct store *s, struct str from, struct str to)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	char last[STORE_KEY_MAX];
	if (!str_present(to)) {
		memset(last, 0xff, sizeof last);
		to = str_of(last, sizeof last);
	}
	char *error = NULL;
	uint64_t bytes = 0;
	rocksdb_approximate_sizes(s->db, 1, &from.p, &from.n, &to.p, &to.n, &bytes, &error);
	return no_error(error, NULL) ? bytes : 0;
}

bool store_checkpoint(struct store *s, const char *dir, char **why)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	*why = NULL;
	char *path, *error = NULL;
	if (!dir_make(dir))
		return tell_why(why, "%s: %m", dir);
	if (asprintf(&path, "%s/db", dir) < 0)
		die("out of memory");
	pthread_mutex_lock(&s->blob_lock); /* no blob that the copy claims goes before it is linked */
	rocksdb_checkpoint_t *c = rocksdb_checkpoint_object_create(s->db, &error);
	if (error == NULL)
		rocksdb_checkpoint_create(c, path, 0, &error);
	if (c != NULL)
		rocksdb_checkpoint_object_destroy(c);
	bool ok = no_error(error, why) && blob_link_all(s, dir, why) && pack_link_all(s, dir, why) && dir_write_format(dir, why);
	pthread_mutex_unlock(&s->blob_lock);
	free(path);
	return ok;
}
