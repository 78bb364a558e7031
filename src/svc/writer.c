/* The writers: they take queued calls in groups and commit each group with one sync.
 *
 * There are two, so that the next group runs while the disk has the last one; whoever has run a group commits it, so a lonely call
 * is handed over no more often than with one writer. One of them runs (`running`) and one commits (`committing`) at a time: handlers
 * that write never run side by side, and a group is run to the end before its successor begins.
 * Invariants: the writers alone use the store's group functions. Completions reach the loop in the order in which the writers ran
 * them; a group's completions are pushed after its commit, so whoever is told on the loop can rely on the disk.
 * No lock is held while a handler runs. */
#include "svc/writer.h"

#include "os/os.h"

#include <pthread.h>

enum {
	WRITERS = 2, GROUP_MAX = 256, JOBS_A_GROUP = 64,
	REFUSED_WAIT_MS = 1000,
	ENOUGH = 4, /* calls that are worth a wake of their own while a group is being committed */
};

static struct {
	struct queue queue;
	bool running, committing; /* see above */
	bool kicked;              /* jobs may be due. These three are under queue.lock */
	pthread_t threads[WRITERS];
	struct store *store;
} w;

/* Is there work for a writer that sleeps? The one that runs a group sees to the rest when that is sealed; a few calls wait for
 * the one that commits, which takes them when it is through, and nobody need be woken. Under the lock. */
static bool writer_wanted(void)
{
	return w.committing ? w.queue.n >= ENOUGH || w.kicked : !w.running && (w.queue.n > 0 || w.kicked);
}

static void run_in_group(struct task *t, bool *jobs_changed)
{
	ASSERT(t->mode == OP_WRITE && t->place == TASK_QUEUED);
	struct txn *txn = store_group_txn(w.store);
	task_execute(t, txn);
	t->txn = NULL;
	t->call.txn = NULL;
	if (task_wants_commit(t)) {
		txn_keep(txn);
		*jobs_changed |= t->jobs_changed;
		return;
	}
	txn_drop(txn);
	if (t->call.failed && t->job_key.n > 0) {
		struct txn *again = store_group_txn(w.store);
		jobs_retry_later(again, t);
		txn_keep(again);
		*jobs_changed = true;
	}
}

static struct task *take_due_jobs(void)
{
	struct txn *t = store_group_txn(w.store);
	struct task *list = jobs_take_due(t, clock_now_ms(), JOBS_A_GROUP);
	txn_drop(t);
	return list;
}

static int64_t next_due(void)
{
	int64_t due_ms;
	struct txn *t = store_read(w.store);
	jobs_next_due(t, &due_ms);
	txn_end(t);
	return due_ms;
}

/* What one writer runs and then commits. */
struct group {
	struct task *head, **tail;
	size_t n;
	bool jobs_changed;
};

static void run_tasks(struct group *g, struct task *list)
{
	*g->tail = list;
	for (struct task *t = list; t != NULL; t = t->next) {
		run_in_group(t, &g->jobs_changed);
		g->tail = &t->next;
		g->n++;
	}
}

/* Run what is queued as one group, and what comes until the group before is through: then it is sealed, and this thread's to
 * finish. The lock is held on both sides, and never while a handler runs. false: the group before was refused, and this one with it. */
static bool run_group(struct group *g)
{
	struct queue *q = &w.queue;
	ASSERT(!w.running);
	w.running = true;
	*g = (struct group){.tail = &g->head};
	store_group_begin(w.store);
	do {
		bool kicked = w.kicked;
		w.kicked = false;
		struct task *list = queue_pop(q, GROUP_MAX - g->n);
		pthread_mutex_unlock(&q->lock);
		if (kicked) {
			g->jobs_changed = true;
			run_tasks(g, take_due_jobs());
		}
		run_tasks(g, list);
		pthread_mutex_lock(&q->lock);
		while (w.committing && (q->head == NULL || g->n >= GROUP_MAX))
			queue_sleep(q);
	} while (w.committing);
	w.running = false;
	w.committing = true;
	return store_group_seal(w.store);
}

/* Commit the group and tell the loop. What a refused one's calls saw may never have been, whether they would have written, failed
 * by it or wait for what comes after it: they all hear so. */
static void finish_group(struct group *g, bool sealed)
{
	bool ok = sealed && store_group_finish(w.store);
	uint64_t sequence = store_sequence(w.store);
	for (struct task *t = g->head; t != NULL; t = t->next) {
		t->committed = ok && task_wants_commit(t);
		if (t->committed) {
			t->sequence = sequence > t->sequence ? sequence : t->sequence;
		} else if (!ok) {
			g->jobs_changed |= t->job_key.n > 0;
			task_fail_commit(t);
		}
	}
	int64_t due_ms = 0;
	/* A disk that refuses leaves the group's jobs due: asked again at once it would refuse as often as it can be asked. They
	 * fly still, so next_due would pass over them. */
	if (g->jobs_changed)
		due_ms = ok ? next_due() : clock_now_ms() + REFUSED_WAIT_MS;
	executor_done(g->head, g->jobs_changed, due_ms);
}

static void *writer_main(void *unused)
{
	(void)unused;
	struct queue *q = &w.queue;
	pthread_setname_np(pthread_self(), "writer");
	shared_of_writers();
	pthread_mutex_lock(&q->lock);
	for (;;) {
		while (w.running || (q->head == NULL && !w.kicked && !q->stop))
			queue_sleep(q);
		if (q->head == NULL && !w.kicked)
			break;
		struct group g;
		bool sealed = run_group(&g);
		if (q->sleeping > 0 && writer_wanted())
			pthread_cond_signal(&q->some);
		pthread_mutex_unlock(&q->lock);
		finish_group(&g, sealed);
		pthread_mutex_lock(&q->lock);
		w.committing = false;
		if (w.running)
			pthread_cond_signal(&q->some); /* it may wait for this */
	}
	pthread_cond_broadcast(&q->some); /* so that the other ends, too */
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

void executor_kick_jobs(void)
{
	pthread_mutex_lock(&w.queue.lock);
	w.kicked = true;
	pthread_mutex_unlock(&w.queue.lock);
	pthread_cond_signal(&w.queue.some);
}

struct queue *writers_start(struct store *store)
{
	w.store = store;
	w.running = w.committing = false;
	w.kicked = true; /* jobs of the last time */
	queue_init(&w.queue, writer_wanted);
	for (unsigned i = 0; i < WRITERS; i++)
		if (pthread_create(&w.threads[i], NULL, writer_main, NULL) != 0)
			die("cannot start a writer thread");
	return &w.queue;
}

void writers_stop(void)
{
	queue_stop(&w.queue);
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(w.threads[i], NULL);
	ASSERT(!w.running && !w.committing && w.queue.head == NULL);
}
