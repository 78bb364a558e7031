/* The threads that run calls: one writer, which takes queued calls in groups and commits each group with one sync, and
 * readers, which run calls in parallel on snapshots. Finished tasks go back to the loop.
 *
 * Invariants: the writer thread alone uses the store's group functions. A task is in one queue at most. Completions
 * reach the loop in the order in which the writer ran them; a group's completions are pushed after its commit, so
 * whoever is told on the loop can rely on the disk.
 * Locks: each queue has its own mutex, held for a push or a take only; no lock is held while a handler runs. */
#include "svc/task.h"

#include "os/os.h"
#include "telemetry/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <uv.h>

enum {
	GROUP_MAX = 256, READ_TAKE = 8, READERS_MAX = 16, JOBS_A_GROUP = 64, RUN_BYTES = 8192,
	LOOK_PAUSE = 16, /* turns */
	REFUSED_WAIT_MS = 1000,
};

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t some;
	struct task *head, **tail;
	unsigned sleeping;
	bool stop, kicked;
	/* the loop's side: what this turn brought, handed over at once */
	struct task *in, **in_tail;
	size_t n_in;
};

static struct {
	struct queue writer, reader, done;
	pthread_t writer_thread, reader_threads[READERS_MAX];
	unsigned n_readers;
	uv_async_t wake;
	struct store *store;
	_Atomic uint64_t next_id; /* the loop and the writer both make tasks */
	int64_t jobs_due_ms;  /* told by the writer with its completions; under done.lock */
	bool jobs_due_known, woken;
	uv_prepare_t turn;    /* the end of the loop's turn */
	bool looked;          /* a call ran on the loop in this turn */
	unsigned look_later;  /* turns until one is tried again: where much lies on disk it is for nothing */
	struct arena_pool runs;
} ex = {.runs.block = RUN_BYTES};

static void queue_init(struct queue *q)
{
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->some, NULL);
	q->head = NULL;
	q->tail = &q->head;
	q->sleeping = 0;
	q->stop = q->kicked = false;
	q->in = NULL;
	q->in_tail = &q->in;
	q->n_in = 0;
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
	bool wake = q->sleeping > 0;
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

/* Up to max tasks as a list; waits for one. NULL when stopped and empty, or when kicked. */
static struct task *queue_take(struct queue *q, size_t max, bool *kicked)
{
	pthread_mutex_lock(&q->lock);
	while (q->head == NULL && !q->stop && !q->kicked) {
		q->sleeping++;
		pthread_cond_wait(&q->some, &q->lock);
		q->sleeping--;
	}
	*kicked = q->kicked;
	q->kicked = false;
	struct task *first = q->head, *last = first;
	if (first != NULL) {
		for (size_t i = 1; i < max && last->next != NULL; i++)
			last = last->next;
		q->head = last->next;
		if (q->head == NULL)
			q->tail = &q->head;
		last->next = NULL;
	}
	pthread_mutex_unlock(&q->lock);
	return first;
}

static bool queue_stopped(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	bool stopped = q->stop && q->head == NULL;
	pthread_mutex_unlock(&q->lock);
	return stopped;
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
	const struct shape *output = c->op != NULL && c->op->model != NULL ? c->op->model->output : NULL;
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

static void *writer_main(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "writer");
	for (;;) {
		bool kicked;
		struct task *group = queue_take(&ex.writer, GROUP_MAX, &kicked);
		if (group == NULL && !kicked && queue_stopped(&ex.writer)) {
			shared_forget();
			return NULL;
		}
		bool jobs_changed = kicked;
		store_group_begin(ex.store);
		if (kicked) {
			struct task **end = &group;
			while (*end != NULL)
				end = &(*end)->next;
			*end = take_due_jobs();
		}
		for (struct task *t = group; t != NULL; t = t->next)
			run_in_group(t, &jobs_changed);
		bool ok = store_group_commit(ex.store);
		uint64_t sequence = store_sequence(ex.store);
		for (struct task *t = group; t != NULL; t = t->next) {
			t->committed = ok && task_wants_commit(t);
			if (t->committed)
				t->sequence = sequence > t->sequence ? sequence : t->sequence;
			else if (!ok && task_wants_commit(t))
				task_fail_commit(t); /* also one that only read: it may have read what is not there now */
		}
		int64_t due_ms = jobs_changed ? next_due() : 0, later = clock_now_ms() + REFUSED_WAIT_MS;
		/* A disk that refuses leaves the group's jobs due: asked again at once it would refuse as often as it can be asked. */
		push_done(group, jobs_changed, !ok && due_ms < later ? later : due_ms);
	}
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
		bool kicked;
		struct task *list = queue_take(&ex.reader, READ_TAKE, &kicked);
		if (list == NULL && queue_stopped(&ex.reader)) {
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
		if (list != NULL)
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
	if (t->cancelled)
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

/* Run a small read here, in the time that waking a reader would take, if all it needs is in memory. One in a turn: where
 * more wait, readers do them in parallel. */
static bool look(struct task *t)
{
	ASSERT(t->mode == OP_READ && t->look);
	ex.looked = true;
	size_t n_slots = t->n_slots;
	struct txn *txn = store_read_memory(ex.store);
	task_execute(t, txn);
	bool complete = !txn_incomplete(txn);
	t->txn = NULL;
	t->call.txn = NULL;
	txn_end(txn);
	if (!complete) {
		drop_effects(t);
		t->n_slots = n_slots; /* what it would have waited for */
		ex.look_later = LOOK_PAUSE;
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
	ex.looked = ex.look_later > 0;
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
	if (t->look && !ex.looked && look(t))
		return;
	queue_add(q, t);
	if (q == &ex.reader && q->n_in == READ_TAKE)
		queue_hand_over(q); /* enough for one reader to begin with */
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
	ex.looked = false;
	ex.look_later = 0;
	if (pthread_create(&ex.writer_thread, NULL, writer_main, NULL) != 0)
		die("cannot start the writer thread");
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
	pthread_join(ex.writer_thread, NULL);
	for (unsigned i = 0; i < ex.n_readers; i++)
		pthread_join(ex.reader_threads[i], NULL);
	on_wake(&ex.wake);
	shared_forget();
	uv_close((uv_handle_t *)&ex.wake, NULL);
	uv_close((uv_handle_t *)&ex.turn, NULL);
	arena_pool_free(&ex.runs);
}
