/* Calls go from the loop to the threads that run them, and come back: writers (writer.c), and readers, which run calls in parallel
 * on snapshots. This is the loop's side, and the readers.
 *
 * Invariants: a task is in one queue at most. What a turn of the loop brought is handed over at its end, or when it is enough for a
 * thread to begin with. Completions reach the loop in the order in which they were pushed. */
#include "svc/writer.h"

#include "os/os.h"

#include <stdlib.h>
#include <uv.h>

enum {
	READ_TAKE = 8, WRITE_TAKE = 24, READERS_MAX = 16,
	DONE_BYTES = 64 * 1024,
	LOOK_PAUSE = 16, /* turns */
	LOOK_US = 200, /* of a turn, for reads on the loop: with more to do, readers do it in parallel */
};

static struct {
	struct queue *writer, reader;
	pthread_t reader_threads[READERS_MAX];
	unsigned n_readers;
	struct store *store;
	_Atomic uint64_t next_id; /* the loop and the writer both make tasks */
	/* what the threads are through with */
	pthread_mutex_t done_lock; /* of these */
	struct task *done, **done_tail;
	int64_t jobs_due_ms;       /* told by the writer with its completions */
	bool jobs_due_known, woken;
	uv_async_t wake;
	/* the loop's */
	uv_prepare_t turn;    /* the end of the loop's turn */
	int64_t looked_us;    /* what calls that ran on the loop took of this turn */
	unsigned look_later;  /* turns until one is tried again: where much lies on disk it is for nothing */
	struct arena_pool runs;
} ex = {.done_lock = PTHREAD_MUTEX_INITIALIZER, .runs.block = TASK_RUN_BYTES};

/* ---- the readers, and what all threads are through with ---- */

void executor_done(struct task *list, bool due_known, int64_t due_ms)
{
	pthread_mutex_lock(&ex.done_lock);
	if (list != NULL) {
		*ex.done_tail = list;
		while (list->next != NULL)
			list = list->next;
		ex.done_tail = &list->next;
	}
	if (due_known) {
		ex.jobs_due_known = true;
		ex.jobs_due_ms = due_ms;
	}
	bool wake = !ex.woken;
	ex.woken = true;
	pthread_mutex_unlock(&ex.done_lock);
	if (wake)
		uv_async_send(&ex.wake);
}

/* NULL when stopped and empty. */
static struct task *reader_take(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	while (q->head == NULL && !q->stop)
		queue_sleep(q);
	struct task *first = queue_pop(q, READ_TAKE);
	pthread_mutex_unlock(&q->lock);
	return first;
}

static void read_one(struct task *t)
{
	struct txn *txn = store_read(ex.store);
	task_execute(t, txn);
	t->txn = NULL;
	t->call.txn = NULL;
	txn_end(txn);
	t->committed = task_wants_commit(t);
}

/* What it took goes back together, but for large answers: they go out, and their memory is free again, while the next
 * is made. */
static void *reader_main(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "reader");
	for (;;) {
		struct task *list = reader_take(&ex.reader);
		if (list == NULL) {
			shared_forget();
			return NULL;
		}
		size_t bytes = 0;
		for (struct task *t = list, *next; t != NULL; t = next) {
			read_one(t);
			next = t->next;
			bytes += arena_used(t->run);
			if (next == NULL || bytes > DONE_BYTES) {
				t->next = NULL;
				executor_done(list, false, 0);
				list = next;
				bytes = 0;
			}
		}
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
	pthread_mutex_lock(&ex.done_lock);
	struct task *list = ex.done;
	ex.done = NULL;
	ex.done_tail = &ex.done;
	bool due_known = ex.jobs_due_known;
	int64_t due_ms = ex.jobs_due_ms;
	ex.jobs_due_known = false;
	ex.woken = false;
	pthread_mutex_unlock(&ex.done_lock);
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
		task_drop_effects(t);
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
	queue_hand_over(ex.writer);
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
	struct queue *q = t->mode == OP_WRITE ? ex.writer : &ex.reader;
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
	task_drop_effects(t);
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

void executor_start(struct uv_loop_s *loop, struct store *store, unsigned readers)
{
	ASSERT(readers > 0 && readers <= READERS_MAX);
	ex.store = store;
	jobs_init();
	ex.done = NULL;
	ex.done_tail = &ex.done;
	uv_async_init(loop, &ex.wake, on_wake);
	uv_prepare_init(loop, &ex.turn);
	uv_prepare_start(&ex.turn, on_turn);
	uv_unref((uv_handle_t *)&ex.turn);
	ex.n_readers = readers;
	ex.looked_us = 0;
	ex.look_later = 0;
	ex.writer = writers_start(store);
	queue_init(&ex.reader, NULL);
	for (unsigned i = 0; i < readers; i++)
		if (pthread_create(&ex.reader_threads[i], NULL, reader_main, NULL) != 0)
			die("cannot start a reader thread");
}

void executor_stop(void)
{
	on_turn(&ex.turn);
	queue_stop(&ex.reader);
	writers_stop();
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
