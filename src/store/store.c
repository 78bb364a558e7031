/* Opening and closing: directory and lock, RocksDB, then the groups from the log that it had only in memory.
 *
 * What always holds: a store that was opened shows every group that was ever acknowledged, and none in part. */
#include "store/inside.h"

#include <stdlib.h>
#include <unistd.h>

enum { SEGMENTS_BEFORE_FLUSH = 4 };

static bool replay(void *arg, uint64_t number, struct str group, char **why)
{
	struct store *s = arg;
	rocksdb_writebatch_t *b = rocksdb_writebatch_create_from(group.p, group.n);
	bool ok = rocks_apply(s, b, why);
	rocksdb_writebatch_destroy(b);
	ASSERT(!ok || rocks_applied(s, false) == number);
	return ok;
}

static uint64_t persisted(void *arg) { return rocks_applied(arg, true); }

static bool open_parts(struct store *s, const struct store_options *opt, char **why)
{
	if (!dir_prepare(s, why) || !rocks_open(s, opt != NULL ? opt->cache_bytes : 0, why))
		return false;
	struct wal_callbacks cb = {.replay = replay, .persisted = persisted, .arg = s};
	s->wal = wal_open(s->dir, rocks_applied(s, false), s->no_sync, cb, why);
	if (s->wal == NULL)
		return false;
	/* Each start takes a segment; many crashes in a row must not collect them. */
	if (wal_segments(s->wal) >= SEGMENTS_BEFORE_FLUSH)
		(void)rocks_flush(s);
	view_publish(s, wal_last(s->wal));
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
