/* Blobs that nobody needs any more: released ones, and what an earlier process left. See blob.h.
 *
 * What always holds: when a group drops the last claim, the file is noted with the group's number and removed once no
 * reader can stand on an older view: a reader that sees the record can open the blob. The sweep at start looks at files of
 * earlier processes only: what this one has made since it opened the store is young, and may be about to be claimed. */
#include "store/inside.h"
#include "store/pack.h"

#include "os/os.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct released {
	struct released *next;
	uint64_t sequence;
	struct blob_id id;
};

/* ---- young ones ---- */

void blob_note_young(struct store *s, const struct blob_id *id)
{
	pthread_mutex_lock(&s->lock);
	if (!s->swept) {
		if (s->n_young == s->cap_young) {
			s->cap_young = s->cap_young > 0 ? s->cap_young * 2 : 64;
			s->young = realloc(s->young, s->cap_young * sizeof *s->young);
			if (s->young == NULL)
				die("out of memory");
		}
		s->young[s->n_young++] = *id;
	}
	pthread_mutex_unlock(&s->lock);
}

static bool is_young(struct store *s, const struct blob_id *id)
{
	bool found = false;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n_young && !found; i++)
		found = memcmp(s->young[i].hex, id->hex, BLOB_ID_DIGITS) == 0;
	pthread_mutex_unlock(&s->lock);
	return found;
}

/* What is there is all of this process: nothing need be remembered. */
static void end_youth(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	s->swept = true;
	free(s->young);
	s->young = NULL;
	s->n_young = s->cap_young = 0;
	pthread_mutex_unlock(&s->lock);
}

/* ---- removing ---- */

void blob_note_released(struct store *s, struct str key, uint64_t sequence)
{
	ASSERT(key.n == 2 + BLOB_ID_DIGITS);
	struct released *r = calloc(1, sizeof *r);
	if (r == NULL)
		die("out of memory");
	r->sequence = sequence;
	memcpy(r->id.hex, key.p + 2, BLOB_ID_DIGITS);
	pthread_mutex_lock(&s->lock);
	r->next = s->released;
	s->released = r;
	pthread_mutex_unlock(&s->lock);
}

void blob_forget(struct store *s)
{
	end_youth(s);
	while (s->released != NULL) {
		struct released *r = s->released;
		s->released = r->next;
		free(r);
	}
}

/* Take the released blobs that no reader can see any more. */
static struct released *take_unseen(struct store *s)
{
	uint64_t oldest = view_oldest_sequence(s);
	struct released *unseen = NULL;
	pthread_mutex_lock(&s->lock);
	for (struct released **at = &s->released; *at != NULL;) {
		struct released *r = *at;
		if (r->sequence > oldest) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		r->next = unseen;
		unseen = r;
	}
	pthread_mutex_unlock(&s->lock);
	return unseen;
}

static void remove_file(struct store *s, const struct blob_id *id)
{
	char path[PATH_MAX];
	blob_path_sealed(s, id, path);
	(void)os.unlink(path); /* what stays goes at the next start */
}

void blob_sweep_released(struct store *s)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	pthread_mutex_lock(&s->blob_lock);
	struct released *r = take_unseen(s);
	struct txn *t = r != NULL ? store_read(s) : NULL;
	while (r != NULL) {
		struct released *next = r->next;
		struct blob_claim_key k = blob_claim_key(&r->id);
		if (!txn_has(t, str_of(k.b, sizeof k.b))) /* not claimed anew since */
			remove_file(s, &r->id);
		free(r);
		r = next;
	}
	if (t != NULL)
		txn_end(t);
	pack_sweep(s);
	pthread_mutex_unlock(&s->blob_lock);
}

/* Call fn for each entry of <dir>/blobs/<name> that is a blob's. false when fn says so or the folder cannot be read. */
static bool each_in(struct store *s, const char *name, bool (*fn)(struct store *, const struct blob_id *, void *), void *arg)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s/blobs/%s", s->dir, name);
	ASSERT(n > 0 && (size_t)n < sizeof path);
	DIR *d = opendir(path);
	if (d == NULL)
		return errno == ENOENT;
	bool ok = true;
	for (struct dirent *e; ok && (e = readdir(d)) != NULL;) {
		if (!blob_id_valid(str_c(e->d_name)))
			continue;
		struct blob_id id;
		memcpy(id.hex, e->d_name, sizeof id.hex);
		ok = fn(s, &id, arg);
	}
	closedir(d);
	return ok;
}

static bool each_sealed(struct store *s, bool (*fn)(struct store *, const struct blob_id *, void *), void *arg)
{
	for (unsigned i = 0; i < 256; i++) {
		char name[3];
		(void)snprintf(name, sizeof name, "%02x", i);
		if (!each_in(s, name, fn, arg))
			return false;
	}
	return true;
}

struct sweep {
	struct txn *txn;
	size_t removed;
};

static bool remove_unfinished(struct store *s, const struct blob_id *id, void *arg)
{
	struct sweep *sweep = arg;
	if (is_young(s, id))
		return true;
	char path[PATH_MAX];
	blob_path_new(s, id, path);
	sweep->removed += os.unlink(path) == 0;
	return true;
}

static bool remove_unclaimed(struct store *s, const struct blob_id *id, void *arg)
{
	struct sweep *sweep = arg;
	struct blob_claim_key k = blob_claim_key(id);
	if (txn_has(sweep->txn, str_of(k.b, sizeof k.b)) || is_young(s, id))
		return true;
	char path[PATH_MAX];
	blob_path_sealed(s, id, path);
	sweep->removed += os.unlink(path) == 0;
	return true;
}

size_t blob_sweep_orphans(struct store *s)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s/blobs", s->dir);
	ASSERT(n > 0 && (size_t)n < sizeof path);
	struct sweep sweep = {0};
	if (!s->swept && access(path, F_OK) == 0) {
		sweep.txn = store_read(s);
		(void)each_in(s, "new", remove_unfinished, &sweep);
		(void)each_sealed(s, remove_unclaimed, &sweep);
		txn_end(sweep.txn);
	}
	end_youth(s);
	return sweep.removed + pack_sweep_orphans(s);
}

/* ---- checkpoints ---- */

static bool link_one(struct store *s, const struct blob_id *id, void *arg)
{
	const char *to_dir = arg;
	char from[PATH_MAX], dir[PATH_MAX], to[PATH_MAX];
	blob_path_sealed(s, id, from);
	int n = snprintf(dir, sizeof dir, "%s/blobs/%.2s", to_dir, id->hex);
	int m = snprintf(to, sizeof to, "%s/blobs/%.2s/%s", to_dir, id->hex, id->hex);
	if (n < 0 || m < 0 || (size_t)m >= sizeof to) {
		errno = ENAMETOOLONG;
		return false;
	}
	return dir_make(dir) && (link(from, to) == 0 || errno == ENOENT); /* discarded meanwhile: never claimed */
}

bool blob_link_all(struct store *s, const char *dir, char **why)
{
	if (!each_sealed(s, link_one, (void *)dir))
		return tell_why(why, "%s/blobs: %m", dir);
	for (unsigned i = 0; i < 256; i++) {
		char path[PATH_MAX];
		int n = snprintf(path, sizeof path, "%s/blobs/%02x", dir, i);
		ASSERT(n > 0 && (size_t)n < sizeof path);
		if (os.sync_dir(path) != 0 && errno != ENOENT)
			return tell_why(why, "%s: %m", path);
	}
	return true;
}
