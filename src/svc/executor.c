/* The threads that run calls: writers, which take queued calls in groups and commit each group with one sync, and
 * readers, which run calls in parallel on snapshots. Finished tasks go back to the loop.
 *
 * There are two writers, so that the next group runs while the disk has the last one; whoever has run a group commits it, so a
 * lonely call is handed over no more often than with one writer. One of them runs (`running`) and one commits (`committing`) at
 * a time: handlers that write never run side by side, and a group is run to the end before its successor begins.
 * Invariants: the writers alone use the store's group functions. A task is in one queue at most. Completions
 * reach the loop in the order in which the writers ran them; a group's completions are pushed after its commit, so
 * whoever is told on the loop can rely on the disk.
 * Locks: each queue has its own mutex, held for a push or a take only; no lock is held while a handler runs. */
#include "svc/task.h"

#include "os/os.h"
#include "telemetry/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <uv.h>

enum {
	WRITERS = 2, GROUP_MAX = 256, READ_TAKE = 8, WRITE_TAKE = 24, READERS_MAX = 16, JOBS_A_GROUP = 64, RUN_BYTES = 8192,
	LOOK_PAUSE = 16, /* turns */
	LOOK_US = 200, /* of a turn, for reads on the loop: with more to do, readers do it in parallel */
	REFUSED_WAIT_MS = 1000,
	ENOUGH = 4, /* calls that are worth a wake of their own while a group is being committed */
};

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t some;
	struct task *head, **tail;
	size_t n;
	unsigned sleeping;
	bool stop, kicked;
	/* the loop's side: what this turn brought, handed over at once */
	struct task *in, **in_tail;
	size_t n_in;
};

static struct {
	struct queue writer, reader, done;
	bool running, committing; /* see above; under writer.lock */
	pthread_t writer_threads[WRITERS], reader_threads[READERS_MAX];
	unsigned n_readers;
	uv_async_t wake;
	struct store *store;
	_Atomic uint64_t next_id; /* the loop and the writer both make tasks */
	int64_t jobs_due_ms;  /* told by the writer with its completions; under done.lock */
	bool jobs_due_known, woken;
	uv_prepare_t turn;    /* the end of the loop's turn */
	int64_t looked_us;    /* what calls that ran on the loop took of this turn */
	unsigned look_later;  /* turns until one is tried again: where much lies on disk it is for nothing */
	struct arena_pool runs;
} ex = {.runs.block = RUN_BYTES};

static void queue_init(struct queue *q)
{
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->some, NULL);
	q->head = NULL;
	q->tail = &q->head;
	q->n = 0;
	q->sleeping = 0;
	q->stop = q->kicked = false;
	q->in = NULL;
	q->in_tail = &q->in;
	q->n_in = 0;
}

/* Is there work for a writer that sleeps? The one that runs a group sees to the rest when that is sealed; a few calls wait for
 * the one that commits, which takes them when it is through, and nobody need be woken. Under the lock. */
static bool writer_wanted(void)
{
	return ex.committing ? ex.writer.n >= ENOUGH || ex.writer.kicked : !ex.running && (ex.writer.n > 0 || ex.writer.kicked);
}

/* One lock and one wake for all that the turn brought. */
static void queue_hand_over(struct queue *q)
{
	ASSERT(q->in_tail != NULL);
	if (q->n_in == 0)
		return;
	pthread_mutex_lock(&q->lock);
	*q->tail = q->in;
	q->tail = q->in_tail;
	q->n += q->n_in;
	bool wake = q->sleeping > 0 && (q != &ex.writer || writer_wanted());
	pthread_mutex_unlock(&q->lock);
	if (wake)
		pthread_cond_signal(&q->some);
	q->in = NULL;
	q->in_tail = &q->in;
	q->n_in = 0;
}

static void queue_add(struct queue *q, struct task *t)
{
	ASSERT(t->place == TASK_QUEUED);
	t->next = NULL;
	*q->in_tail = t;
	q->in_tail = &t->next;
	q->n_in++;
}

/* The lock is held: by all of these. */
static void queue_sleep(struct queue *q)
{
	q->sleeping++;
	pthread_cond_wait(&q->some, &q->lock);
	q->sleeping--;
}

/* Up to max tasks as a list; NULL when there is none. */
static struct task *queue_pop(struct queue *q, size_t max)
{
	struct task *first = q->head, *last = first;
	if (first == NULL || max == 0)
		return NULL;
	q->n--;
	for (size_t i = 1; i < max && last->next != NULL; i++, q->n--)
		last = last->next;
	q->head = last->next;
	if (q->head == NULL)
		q->tail = &q->head;
	ASSERT((q->head == NULL) == (q->n == 0));
	last->next = NULL;
	return first;
}

/* The same; waits for one. NULL when stopped and empty. */
static struct task *queue_take(struct queue *q, size_t max)
{
	pthread_mutex_lock(&q->lock);
	while (q->head == NULL && !q->stop)
		queue_sleep(q);
	struct task *first = queue_pop(q, max);
	pthread_mutex_unlock(&q->lock);
	return first;
}

/* ---- one run ---- */

static void run_reset(struct task *t)
{
	ASSERT(t->parked == NULL && t->deadline == NULL);
	if (t->run == NULL)
		t->run = arena_new(RUN_BYTES); /* a job's, made by the writer */
	else
		arena_reset(t->run);
	t->effects = NULL;
	t->effects_tail = &t->effects;
	t->notifies = t->waits = NULL;
	t->n_notifies = t->cap_notifies = t->n_waits = t->cap_waits = 0;
	t->await_cursor = 0;
	t->keep_writes = t->wrote = t->committed = t->jobs_changed = false;
	t->depth = 0;
	t->extra = (struct wire_response){0};
	t->raw = (struct wire_response){0};
}

static void drop_effects(struct task *t)
{
	while (t->effects != NULL) {
		struct task_effect *e = t->effects;
		t->effects = e->next;
		free(e);
	}
	t->effects_tail = &t->effects;
}

void task_execute(struct task *t, struct txn *txn)
{
	CHECK_MAGIC(t, (unsigned)TASK_MAGIC);
	run_reset(t);
	struct call *c = &t->call;
	c->arena = t->run;
	c->txn = txn;
	c->now_ms = clock_now_ms();
	c->failed = c->parked = false;
	c->memo = NULL;
	c->error = (struct wire_error){0};
	c->state = (struct call_state *)t;
	const struct shape *output = c->op != NULL && c->op->model != NULL ? model_op_output(c->op->model) : NULL;
	c->out = c->protocol == PROTO_RAW ? (void *)&t->raw : output != NULL ? arena_alloc(t->run, output->size) : NULL;
	t->txn = txn;
	t->sequence = txn != NULL ? txn_sequence(txn) : 0;
	bool wanted = t->job_key.n == 0 || jobs_before_run(t);
	if (t->prepare != NULL)
		t->prepare(t);
	if (wanted && !c->failed && !c->parked)
		t->handler(c);
	if (c->failed)
		c->parked = false;
	if (!c->parked && t->encode != NULL)
		t->encode(t);
	t->wrote = txn != NULL && txn_writable(txn) && txn_wrote(txn);
	if (!task_wants_commit(t)) {
		drop_effects(t);
		t->n_notifies = 0;
		t->jobs_changed = false;
	}
}

bool task_wants_commit(const struct task *t)
{
	return !t->call.parked && (!t->call.failed || t->keep_writes);
}

/* ---- the writer ---- */

static void run_in_group(struct task *t, bool *jobs_changed)
{
	ASSERT(t->mode == OP_WRITE && t->place == TASK_QUEUED);
	struct txn *txn = store_group_txn(ex.store);
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
		struct txn *again = store_group_txn(ex.store);
		jobs_retry_later(again, t);
		txn_keep(again);
		*jobs_changed = true;
	}
}

static void push_done(struct task *list, bool due_known, int64_t due_ms)
{
	pthread_mutex_lock(&ex.done.lock);
	if (list != NULL) {
		*ex.done.tail = list;
		while (list->next != NULL)
			list = list->next;
		ex.done.tail = &list->next;
	}
	if (due_known) {
		ex.jobs_due_known = true;
		ex.jobs_due_ms = due_ms;
	}
	bool wake = !ex.woken;
	ex.woken = true;
	pthread_mutex_unlock(&ex.done.lock);
	if (wake)
		uv_async_send(&ex.wake);
}

static struct task *take_due_jobs(void)
{
	struct txn *t = store_group_txn(ex.store);
	struct task *list = jobs_take_due(t, clock_now_ms(), JOBS_A_GROUP);
	txn_drop(t);
	return list;
}

static int64_t next_due(void)
{
	int64_t due_ms;
	struct txn *t = store_read(ex.store);
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
	struct queue *q = &ex.writer;
	ASSERT(!ex.running);
	ex.running = true;
	*g = (struct group){.tail = &g->head};
	store_group_begin(ex.store);
	do {
		bool kicked = q->kicked;
		q->kicked = false;
		struct task *list = queue_pop(q, GROUP_MAX - g->n);
		pthread_mutex_unlock(&q->lock);
		if (kicked) {
			g->jobs_changed = true;
			run_tasks(g, take_due_jobs());
		}
		run_tasks(g, list);
		pthread_mutex_lock(&q->lock);
		while (ex.committing && (q->head == NULL || g->n >= GROUP_MAX))
			queue_sleep(q);
	} while (ex.committing);
	ex.running = false;
	ex.committing = true;
	return store_group_seal(ex.store);
}

/* Commit the group and tell the loop. What a refused one's calls saw may never have been, whether they would have written, failed
 * by it or wait for what comes after it: they all hear so. */
static void finish_group(struct group *g, bool sealed)
{
	bool ok = sealed && store_group_finish(ex.store);
	uint64_t sequence = store_sequence(ex.store);
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
	push_done(g->head, g->jobs_changed, due_ms);
}

/* There are two: while one commits its group, the other runs the next one over it. */
static void *writer_main(void *unused)
{
	(void)unused;
	struct queue *q = &ex.writer;
	pthread_setname_np(pthread_self(), "writer");
	shared_of_writers();
	pthread_mutex_lock(&q->lock);
	for (;;) {
		while (ex.running || (q->head == NULL && !q->kicked && !q->stop))
			queue_sleep(q);
		if (q->head == NULL && !q->kicked)
			break;
		struct group g;
		bool sealed = run_group(&g);
		if (q->sleeping > 0 && writer_wanted())
			pthread_cond_signal(&q->some);
		pthread_mutex_unlock(&q->lock);
		finish_group(&g, sealed);
		pthread_mutex_lock(&q->lock);
		ex.committing = false;
		if (ex.running)
			pthread_cond_signal(&q->some); /* it may wait for this */
	}
	pthread_cond_broadcast(&q->some); /* so that the other ends, too */
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

/* The disk refused the group: nothing of it is there. The client hears so. */
void task_fail_commit(struct task *t)
{
	ASSERT(!t->committed);
	struct call *c = &t->call;
	c->failed = true;
	c->parked = false;
	c->error = (struct wire_error){.code = S("ServiceUnavailable"), .status = 503,
		.message = S("The disk refused the write; nothing was changed")};
	drop_effects(t);
	t->n_notifies = 0;
	if (t->encode != NULL)
		t->encode(t);
}

static void *reader_main(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "reader");
	for (;;) {
		struct task *list = queue_take(&ex.reader, READ_TAKE);
		if (list == NULL) {
			shared_forget();
			return NULL;
		}
		for (struct task *t = list; t != NULL; t = t->next) {
			struct txn *txn = store_read(ex.store);
			task_execute(t, txn);
			t->txn = NULL;
			t->call.txn = NULL;
			txn_end(txn);
			t->committed = task_wants_commit(t);
		}
		push_done(list, false, 0);
	}
}

/* ---- the loop's side ---- */

static void run_effects(struct task *t)
{
	ASSERT(t->place == TASK_FINISHED);
	struct task_effect *e = t->effects;
	t->effects = NULL;
	t->effects_tail = &t->effects;
	while (e != NULL) {
		struct task_effect *next = e->next;
		e->fn(e->block);
		free(e);
		e = next;
	}
}

void task_finished(struct task *t)
{
	CHECK_MAGIC(t, (unsigned)TASK_MAGIC);
	t->place = TASK_NEW;
	if (t->call.parked && !t->cancelled) {
		t->reruns++;
		if (t->reruns == 1)
			task_index_add(t);
		task_park(t);
		return;
	}
	if (t->reruns > 0)
		task_index_del(t);
	tickets_gone(t);
	t->place = TASK_FINISHED;
	if (t->committed && t->n_notifies > 0)
		topics_wake(t->notifies, t->n_notifies, t->sequence);
	run_effects(t);
	if (t->job_key.n > 0)
		jobs_landed(t);
	t->done(t);
}

static void on_wake(uv_async_t *unused)
{
	(void)unused;
	pthread_mutex_lock(&ex.done.lock);
	struct task *list = ex.done.head;
	ex.done.head = NULL;
	ex.done.tail = &ex.done.head;
	bool due_known = ex.jobs_due_known;
	int64_t due_ms = ex.jobs_due_ms;
	ex.jobs_due_known = false;
	ex.woken = false;
	pthread_mutex_unlock(&ex.done.lock);
	if (due_known)
		jobs_arm(due_ms);
	while (list != NULL) {
		struct task *next = list->next;
		task_finished(list);
		list = next;
	}
}

void task_init(struct task *t, struct arena *keep)
{
	*t = (struct task){.magic = TASK_MAGIC, .id = ++ex.next_id, .keep = keep};
	t->effects_tail = &t->effects;
	t->call.magic = TASK_MAGIC;
}

/* Run a small read here, in the time that handing it to a reader would take, if all it needs is in memory. */
static bool look(struct task *t)
{
	ASSERT(t->mode == OP_READ && t->look);
	int64_t began_us = os.monotonic_us();
	size_t n_slots = t->n_slots;
	struct txn *txn = store_read_memory(ex.store);
	task_execute(t, txn);
	bool complete = !txn_incomplete(txn);
	t->txn = NULL;
	t->call.txn = NULL;
	txn_end(txn);
	ex.looked_us += os.monotonic_us() - began_us;
	if (!complete) {
		drop_effects(t);
		t->n_slots = n_slots; /* what it would have waited for */
		ex.look_later = LOOK_PAUSE;
		ex.looked_us = LOOK_US;
		return false;
	}
	t->committed = task_wants_commit(t);
	task_finished(t);
	return true;
}

/* The loop is about to sleep. This handle is older than those of the HTTP servers, and prepare handles run newest first:
 * whatever they start is here already. */
static void on_turn(uv_prepare_t *unused)
{
	(void)unused;
	queue_hand_over(&ex.writer);
	queue_hand_over(&ex.reader);
	ex.looked_us = ex.look_later > 0 ? LOOK_US : 0;
	ex.look_later -= ex.look_later > 0;
}

void task_start(struct task *t)
{
	CHECK_MAGIC(t, (unsigned)TASK_MAGIC);
	ASSERT(t->place == TASK_NEW);
	if (t->call.started_ms == 0)
		t->call.started_ms = clock_now_ms();
	t->place = TASK_QUEUED;
	struct queue *q = t->mode == OP_WRITE ? &ex.writer : &ex.reader;
	if (t->run == NULL)
		t->run = arena_pool_take(&ex.runs);
	if (t->mode == OP_PURE) {
		task_execute(t, NULL);
		ASSERT(!t->call.parked);
		t->committed = task_wants_commit(t);
		task_finished(t);
		return;
	}
	if (t->look && ex.looked_us < LOOK_US && look(t))
		return;
	queue_add(q, t);
	if (q->n_in == (q == &ex.reader ? READ_TAKE : WRITE_TAKE))
		queue_hand_over(q); /* enough for a thread to begin with, while the loop goes on */
}

void task_release(struct task *t)
{
	CHECK_MAGIC(t, (unsigned)TASK_MAGIC);
	ASSERT(t->parked == NULL && t->deadline == NULL); /* nothing on the loop points here */
	drop_effects(t);
	while (t->late != NULL) {
		void *l = t->late;
		t->late = *(struct late_answer **)l; /* `next` is its first member */
		free(l);
	}
	if (t->run != NULL)
		arena_pool_give(&ex.runs, t->run);
	t->run = NULL;
	t->magic = 0;
}

void executor_kick_jobs(void)
{
	pthread_mutex_lock(&ex.writer.lock);
	ex.writer.kicked = true;
	pthread_mutex_unlock(&ex.writer.lock);
	pthread_cond_signal(&ex.writer.some);
}

void executor_start(struct uv_loop_s *loop, struct store *store, unsigned readers)
{
	ASSERT(readers > 0 && readers <= READERS_MAX);
	ex.store = store;
	jobs_init();
	queue_init(&ex.writer);
	queue_init(&ex.reader);
	queue_init(&ex.done);
	uv_async_init(loop, &ex.wake, on_wake);
	uv_prepare_init(loop, &ex.turn);
	uv_prepare_start(&ex.turn, on_turn);
	uv_unref((uv_handle_t *)&ex.turn);
	ex.n_readers = readers;
	ex.looked_us = 0;
	ex.look_later = 0;
	ex.running = ex.committing = false;
	for (unsigned i = 0; i < WRITERS; i++)
		if (pthread_create(&ex.writer_threads[i], NULL, writer_main, NULL) != 0)
			die("cannot start a writer thread");
	for (unsigned i = 0; i < readers; i++)
		if (pthread_create(&ex.reader_threads[i], NULL, reader_main, NULL) != 0)
			die("cannot start a reader thread");
	executor_kick_jobs();
}

static void queue_stop(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->stop = true;
	pthread_mutex_unlock(&q->lock);
	pthread_cond_broadcast(&q->some);
}

void executor_stop(void)
{
	on_turn(&ex.turn);
	queue_stop(&ex.writer);
	queue_stop(&ex.reader);
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(ex.writer_threads[i], NULL);
	for (unsigned i = 0; i < ex.n_readers; i++)
		pthread_join(ex.reader_threads[i], NULL);
	on_wake(&ex.wake);
	jobs_end();
	shared_forget_writers();
	shared_forget();
	uv_close((uv_handle_t *)&ex.wake, NULL);
	uv_close((uv_handle_t *)&ex.turn, NULL);
	arena_pool_free(&ex.runs);
}
