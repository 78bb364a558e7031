/* Opening and closing: directory and lock, RocksDB, then the groups from the log that it had only in memory.
 *
 * What always holds: a store that was opened shows every group that was ever acknowledged, and none in part. */
#include "store/inside.h"
#include "store/pack.h"

#include <stdlib.h>
#include <unistd.h>

enum { SEGMENTS_BEFORE_FLUSH = 4, BATCH_HEAD = 12 /* rocksdb's: sequence, count */, BATCH_PUT = 1 /* its kTypeValue */ };

/* What follows the batch in a group of the log: its first put says how many bytes (txn.c). false: it is malformed. */
static bool split(struct str group, struct str *batch, struct str *section)
{
	*batch = group;
	*section = STR_NONE;
	struct str put = str_slice(group, BATCH_HEAD, group.n);
	const size_t head = 3 + APPLIED_KEY.n; /* type, length and key, length of the value */
	if (put.n < head + 16 || put.p[0] != BATCH_PUT || put.p[1] != (char)APPLIED_KEY.n || !str_starts(str_slice(put, 2, put.n), APPLIED_KEY) ||
	    put.p[2 + APPLIED_KEY.n] != 16)
		return true;
	uint64_t n = get_be64(put.p + head + 8);
	if (n == 0 || n > group.n - BATCH_HEAD - head - 16)
		return false;
	*batch = str_slice(group, 0, group.n - n);
	*section = str_slice(group, group.n - n, group.n);
	return true;
}

/* A group's section goes into its pack again; *batch is the rest. */
static bool put_back(struct store *s, struct str group, struct str *batch, char **why)
{
	struct str section;
	if (!split(group, batch, &section))
		return tell_why(why, "%s: a group of the log is malformed", s->dir);
	return !str_present(section) || pack_again(s, section, why);
}

static bool again(void *arg, struct str group, char **why)
{
	struct str batch;
	return put_back(arg, group, &batch, why);
}

static bool replay(void *arg, uint64_t number, struct str group, char **why)
{
	struct store *s = arg;
	struct str batch;
	if (!put_back(s, group, &batch, why))
		return false;
	rocksdb_writebatch_t *b = rocksdb_writebatch_create_from(batch.p, batch.n);
	bool ok = rocks_apply(s, b, why);
	rocksdb_writebatch_destroy(b);
	ASSERT(!ok || rocks_applied(s, false) == number);
	return ok;
}

static uint64_t persisted(void *arg) { return rocks_applied(arg, true); }

/* Where values lie apart the database's memory fills slowly: it is written out for the log's sake, which would grow. */
static bool settle(void *arg)
{
	struct store *s = arg;
	uint64_t on_disk = rocks_applied(s, true);
	s->segments_since = on_disk == s->seen_on_disk ? s->segments_since + 1 : 0;
	s->seen_on_disk = on_disk;
	if (s->segments_since >= SEGMENTS_BEFORE_FLUSH) {
		s->segments_since = 0;
		rocks_flush_soon(s);
	}
	return pack_settle(s);
}

static bool open_parts(struct store *s, const struct store_options *opt, char **why)
{
	if (!dir_prepare(s, why) || !rocks_open(s, opt != NULL ? opt : &(struct store_options){0}, why))
		return false;
	struct wal_callbacks cb = {.replay = replay, .again = again, .persisted = persisted, .settle = settle, .arg = s};
	s->wal = wal_open(s->dir, rocks_applied(s, false), s->no_sync, cb, why);
	if (s->wal == NULL || !pack_again_end(s, why))
		return false;
	/* Each start takes a segment; many crashes in a row must not collect them. */
	if (wal_segments(s->wal) >= SEGMENTS_BEFORE_FLUSH)
		(void)rocks_flush(s);
	view_publish(s, wal_last(s->wal));
	packs_load(s);
	return true;
}

struct store *store_open(const char *dir, const struct store_options *opt, char **why)
{
	*why = NULL;
	struct store *s = calloc(1, sizeof *s);
	if (s == NULL || (s->dir = strdup(dir)) == NULL)
		die("out of memory");
	s->magic = STORE_MAGIC;
	s->lock_fd = -1;
	s->no_sync = opt != NULL && opt->no_sync;
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->blob_lock, NULL);
	overlay_init(&s->overlays[0]);
	overlay_init(&s->overlays[1]);
	s->group = &s->overlays[0];
	s->batch = rocksdb_writebatch_create();
	s->packs = packs_new();
	if (open_parts(s, opt, why))
		return s;
	ASSERT(*why != NULL);
	store_close(s);
	return NULL;
}

void store_close(struct store *s)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	ASSERT(!s->in_group && s->sealed == NULL);
	views_free(s);
	scans_free(&s->writer);
	/* With everything on disk the next start has nothing to replay. Should this fail the log still has it. */
	if (s->wal != NULL) {
		if (rocks_applied(s, true) != wal_last(s->wal))
			(void)rocks_flush(s);
		wal_close(s->wal);
	}
	if (s->options != NULL)
		rocks_close(s);
	blob_forget(s);
	packs_free(s->packs);
	rocksdb_writebatch_destroy(s->batch);
	overlay_free(&s->overlays[0]);
	overlay_free(&s->overlays[1]);
	pthread_mutex_destroy(&s->blob_lock);
	pthread_mutex_destroy(&s->lock);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	free(s->dir);
	s->magic = 0;
	free(s);
}

const char *store_dir(const struct store *s)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	return s->dir;
}
