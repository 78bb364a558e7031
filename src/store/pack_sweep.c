/* Giving back what packs no longer need. See pack.h.
 *
 * What always holds: a reader that sees a pointer can read what it points to. So a file goes when its row went and no reader
 * stands on an older view; and an entry is punched out when the newest view has no pointer to it and nobody stands on an older
 * one. A file that a checkpoint shares (it has two names) is not punched. */
#include "store/pack_inside.h"

#include "base/enc.h"
#include "os/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, WINDOW = 256 << 10, ID_DIGITS = 16 };

static bool wants(const struct packs *p, const struct pack *k)
{
	return k != p->current && !k->changing && (k->live == 0 ? !k->row : k->live * 2 < k->kept);
}

/* ---- whole files ---- */

/* Take the packs that are dead to every reader out of the table: their ids, to be freed. */
static uint64_t *take_dead(struct store *s, size_t *n)
{
	struct packs *p = s->packs;
	uint64_t oldest = view_oldest_sequence(s);
	pthread_mutex_lock(&p->lock);
	uint64_t *ids = malloc((p->n + 1) * sizeof *ids);
	if (ids == NULL)
		die("out of memory");
	*n = 0;
	for (size_t i = p->n; i-- > 0;) {
		struct pack *k = p->v[i];
		if (!wants(p, k) || k->live > 0 || k->dead_since > oldest || k->pins > 0)
			continue;
		ids[(*n)++] = k->id;
		pack_drop(p, k);
	}
	pthread_mutex_unlock(&p->lock);
	return ids;
}

static void remove_dead(struct store *s)
{
	size_t n;
	uint64_t *ids = take_dead(s, &n);
	char path[PATH_MAX];
	for (size_t i = 0; i < n; i++) {
		pack_path(s, ids[i], path);
		(void)os.unlink(path); /* what stays goes at the next start */
	}
	free(ids);
}

/* ---- parts of files ---- */

struct range { int64_t from, to; };

struct walk {
	struct txn *txn;
	uint64_t id;
	int fd;
	char *window;
	int64_t from;        /* of the window in the file */
	size_t n;
	int64_t dead;        /* where the run of dead entries began; -1: the last one is alive */
	struct range *holes; /* to be punched */
	size_t n_holes, cap_holes;
	bool ok;
};

/* n bytes of the file at `at`, in the window; NULL: they cannot be read. */
static const char *look(struct walk *w, int64_t at, size_t n)
{
	ASSERT(n <= WINDOW);
	if (at < w->from || at + (int64_t)n > w->from + (int64_t)w->n) {
		ssize_t got = os.pread(w->fd, w->window, WINDOW, at);
		w->from = at;
		w->n = got > 0 ? (size_t)got : 0;
	}
	return n <= w->n ? w->window + (at - w->from) : NULL;
}

static bool alive(struct walk *w, struct str key, int64_t value_at)
{
	struct arena *a = arena_new(256);
	struct str bytes;
	bool found = key.n > 0 && txn_get(w->txn, key, a, &bytes) && bytes.n == PACK_POINTER_BYTES;
	if (found) {
		struct pointer p = pointer_of(bytes);
		found = p.pack == w->id && p.at == value_at;
	}
	arena_free(a);
	return found;
}

/* A run of dead entries becomes one without a key, over which the next walk steps: what lies in a hole cannot be read any more.
 * Only whole pages are punched, and not the one with that entry's head. */
static void end_run(struct walk *w, int64_t end)
{
	if (w->dead < 0)
		return;
	const int64_t head_n = sizeof(struct pack_head);
	ASSERT(end - w->dead >= head_n);
	struct pack_head head = pack_head(w->id, w->dead, 0, (uint32_t)(end - w->dead - head_n));
	w->ok &= os_write_all(w->fd, str_of((const char *)&head, sizeof head), w->dead);
	struct range hole = {(w->dead + head_n + PAGE - 1) / PAGE * PAGE, end / PAGE * PAGE};
	w->dead = -1;
	if (hole.from >= hole.to)
		return;
	if (w->n_holes == w->cap_holes) {
		w->cap_holes = w->cap_holes > 0 ? w->cap_holes * 2 : 64;
		w->holes = realloc(w->holes, w->cap_holes * sizeof *w->holes);
		if (w->holes == NULL)
			die("out of memory");
	}
	w->holes[w->n_holes++] = hole;
}

/* The entry at *at, which moves behind it: is it alive? Where no entry is (the log put one back, after a crash, where a run had become
 * one), nothing of the file is touched. */
static bool step(struct walk *w, int64_t *at, int64_t end)
{
	struct pack_head head;
	int64_t here = *at;
	const char *p = look(w, here, sizeof head);
	w->ok &= p != NULL;
	if (p == NULL)
		return false;
	memcpy(&head, p, sizeof head);
	*at += (int64_t)pack_entry_bytes(head.key_n, head.value_n);
	w->ok &= head.checksum == pack_head(w->id, here, head.key_n, head.value_n).checksum && head.key_n <= STORE_KEY_MAX && *at <= end;
	if (!w->ok || head.key_n == 0)
		return false;
	p = look(w, here, sizeof head + head.key_n);
	w->ok &= p != NULL;
	return p != NULL && alive(w, str_of(p + sizeof head, head.key_n), here + (int64_t)sizeof head + head.key_n);
}

/* The heads first, and on disk; then the holes. */
static void walk_entries(struct walk *w, int64_t end)
{
	w->dead = -1;
	for (int64_t at = 0; at < end && w->ok;) {
		int64_t here = at;
		bool live = step(w, &at, end);
		if (live)
			end_run(w, here);
		else if (w->dead < 0)
			w->dead = here;
	}
	if (w->ok)
		end_run(w, end);
	w->ok = w->ok && os.datasync(w->fd) == 0;
	for (size_t i = 0; i < w->n_holes && w->ok; i++)
		w->ok = fallocate(w->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, w->holes[i].from, w->holes[i].to - w->holes[i].from) == 0;
}

/* The next pack of which less than half is alive, from `id` on. */
static bool next_sparse(struct store *s, uint64_t *id, int64_t *end, int64_t *live)
{
	struct packs *p = s->packs;
	bool found = false;
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->n && !found; i++) {
		const struct pack *k = p->v[i];
		if (k->id < *id || !wants(p, k) || k->live == 0)
			continue;
		*id = k->id;
		*end = k->end;
		*live = k->live;
		found = true;
	}
	pthread_mutex_unlock(&p->lock);
	return found;
}

static void punched(struct store *s, uint64_t id, int64_t live)
{
	pthread_mutex_lock(&s->packs->lock);
	struct pack *k = pack_find(s->packs, id);
	if (k != NULL)
		k->kept = live;
	pthread_mutex_unlock(&s->packs->lock);
}

/* false: a reader stands on an older view; later, then. */
static bool punch_one(struct store *s, uint64_t id, int64_t end)
{
	char path[PATH_MAX];
	struct stat st;
	struct walk w = {.id = id, .txn = store_read(s), .window = malloc(WINDOW), .ok = true};
	if (w.window == NULL)
		die("out of memory");
	bool alone = view_oldest_sequence(s) == txn_sequence(w.txn);
	pack_path(s, id, path);
	w.fd = alone ? os.open(path, O_RDWR | O_CLOEXEC, 0) : -1;
	if (w.fd >= 0 && fstat(w.fd, &st) == 0 && st.st_nlink == 1)
		walk_entries(&w, end);
	if (w.fd >= 0)
		close(w.fd);
	free(w.holes);
	free(w.window);
	txn_end(w.txn);
	return alone;
}

void pack_sweep(struct store *s)
{
	struct packs *p = s->packs;
	pthread_mutex_lock(&p->lock);
	bool some = p->sweep;
	p->sweep = false;
	pthread_mutex_unlock(&p->lock);
	if (!some)
		return;
	remove_dead(s);
	int64_t end, live;
	for (uint64_t id = 0; next_sparse(s, &id, &end, &live); id++)
		if (punch_one(s, id, end))
			punched(s, id, live);
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->n && !p->sweep; i++)
		p->sweep = wants(p, p->v[i]);
	pthread_mutex_unlock(&p->lock);
}

bool store_sweep_wanted(struct store *s)
{
	CHECK_MAGIC(s, STORE_MAGIC);
	pthread_mutex_lock(&s->packs->lock);
	bool some = s->packs->sweep;
	pthread_mutex_unlock(&s->packs->lock);
	return some;
}

/* ---- leftovers, checkpoints ---- */

/* Call fn with each file that is named as a pack. false when fn says so or the folder cannot be read. */
static bool each_file(struct store *s, bool (*fn)(struct store *, uint64_t, void *), void *arg)
{
	char folder[PATH_MAX];
	int n = snprintf(folder, sizeof folder, "%s/packs", s->dir);
	ASSERT(n > 0 && (size_t)n < sizeof folder);
	DIR *d = opendir(folder);
	if (d == NULL)
		return errno == ENOENT;
	bool ok = true;
	for (struct dirent *e; ok && (e = readdir(d)) != NULL;) {
		char *stop;
		unsigned long long id = strtoull(e->d_name, &stop, 16);
		if (stop == e->d_name + ID_DIGITS && *stop == '\0')
			ok = fn(s, id, arg);
	}
	closedir(d);
	return ok;
}

static bool remove_unknown(struct store *s, uint64_t id, void *arg)
{
	size_t *removed = arg;
	char path[PATH_MAX];
	pthread_mutex_lock(&s->packs->lock);
	bool known = pack_find(s->packs, id) != NULL;
	pthread_mutex_unlock(&s->packs->lock);
	/* A younger one is about to be put into the table: its file is there first. */
	if (known || id > s->packs->opened_at)
		return true;
	pack_path(s, id, path);
	*removed += os.unlink(path) == 0;
	return true;
}

size_t pack_sweep_orphans(struct store *s)
{
	size_t removed = 0;
	(void)each_file(s, remove_unknown, &removed);
	return removed;
}

struct link_to { const char *dir; char **why; };

static bool link_one(struct store *s, uint64_t id, void *arg)
{
	const struct link_to *to = arg;
	char from[PATH_MAX], name[PATH_MAX];
	pack_path(s, id, from);
	int n = snprintf(name, sizeof name, "%s/packs/%016llx", to->dir, (unsigned long long)id);
	ASSERT(n > 0 && (size_t)n < sizeof name);
	if (link(from, name) != 0)
		return errno == ENOENT || tell_why(to->why, "%s: %m", name);
	int fd = os.open(name, O_RDWR | O_CLOEXEC, 0);
	bool ok = fd >= 0 && (s->no_sync || os.datasync(fd) == 0);
	if (fd >= 0)
		close(fd);
	return ok || tell_why(to->why, "%s: %m", name);
}

bool pack_link_all(struct store *s, const char *dir, char **why)
{
	char folder[PATH_MAX];
	int n = snprintf(folder, sizeof folder, "%s/packs", dir);
	ASSERT(n > 0 && (size_t)n < sizeof folder);
	if (!dir_make(folder))
		return tell_why(why, "%s: %m", folder);
	struct link_to to = {dir, why};
	if (!each_file(s, link_one, &to))
		return *why != NULL ? false : tell_why(why, "%s/packs: %m", s->dir);
	return s->no_sync || os.sync_dir(folder) == 0 || tell_why(why, "%s: %m", folder);
}
