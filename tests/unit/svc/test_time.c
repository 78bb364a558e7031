/* Jobs, waits and timers under the test's clock: a job runs at least once, whoever puts it again while it runs and whatever the disk says; who
 * owes an answer hears once that nobody waits for it any more; a clock that is turned back stops nothing. */
#include "svc/task.h"

#include "os/os.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

enum { DUE_MS = 2000, PATIENCE_MS = 120000 };

static void run_job(struct call *c, struct str id, struct str payload);
static const struct job_kind kinds[] = {{"work", run_job}};
static const struct service service = {.name = "test", .jobs = kinds, .n_jobs = COUNT_OF(kinds)};
const struct service *const services[] = {&service, NULL}; /* instead of those of the build */
const size_t n_services = 1;

static char dir[64];
static struct store *store;
static uv_loop_t *loop;
static atomic_int syncs, refusals, job_runs, call_runs;
static atomic_bool disk_waits, disk_refuses;
static atomic_int_least64_t now_ms;
static int finished, patience;
static int (*real_datasync)(int fd);
static int64_t (*real_wall_ms)(void);

static int64_t test_ms(void) { return atomic_load(&now_ms); }

static int sync_as_told(int fd)
{
	atomic_fetch_add(&syncs, 1);
	while (atomic_load(&disk_waits))
		sched_yield();
	if (!atomic_load(&disk_refuses))
		return real_datasync(fd);
	atomic_fetch_add(&refusals, 1);
	errno = EIO;
	return -1;
}

static void run_job(struct call *c, struct str id, struct str payload)
{
	(void)payload;
	assert_true(str_eq(id, S("one")));
	txn_put(c->txn, S("ran"), S("yes"));
	atomic_fetch_add(&job_runs, 1);
}

static void put_job(struct call *c)
{
	job_put(c, "work", S("one"), DUE_MS, S(""));
	atomic_fetch_add(&call_runs, 1);
}

static void write_one(struct call *c) { txn_put(c->txn, S("k"), S("v")); }

static void done(struct task *t)
{
	(void)t;
	finished++;
}

static void start(struct task *t, void (*handler)(struct call *c))
{
	task_init(t, arena_new(0));
	t->mode = OP_WRITE;
	t->handler = handler;
	t->done = done;
	t->call.service = &service;
	t->call.account = S("000000000000");
	t->call.region = S("us-east-1");
	task_start(t);
}

static void end(struct task *t)
{
	struct arena *keep = t->keep;
	task_release(t);
	arena_free(keep);
}

/* One turn of the loop; it never sleeps for long. */
static void turn(void)
{
	assert_true(patience-- > 0);
	uv_run(loop, UV_RUN_NOWAIT);
	usleep(1000);
}

static void run_until(int n)
{
	while (finished < n)
		turn();
}

static void job_has_run(int n)
{
	while (atomic_load(&job_runs) < n)
		turn();
}

static void clock_is(int64_t ms)
{
	atomic_store(&now_ms, ms);
	loop_clock_turned(0);
}

static int set_up(void **state)
{
	(void)state;
	real_datasync = os.datasync;
	os.datasync = sync_as_told;
	real_wall_ms = os.wall_ms;
	os.wall_ms = test_ms;
	snprintf(dir, sizeof dir, "/tmp/tsubo-test-XXXXXX");
	char *why;
	if (mkdtemp(dir) == NULL || (store = store_open(dir, NULL, &why)) == NULL)
		return -1;
	atomic_store(&now_ms, DUE_MS / 2);
	atomic_store(&syncs, 0);
	atomic_store(&refusals, 0);
	atomic_store(&job_runs, 0);
	atomic_store(&call_runs, 0);
	finished = 0;
	patience = PATIENCE_MS;
	loop = uv_default_loop();
	loop_init(loop, store);
	executor_start(loop, store, 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	atomic_store(&disk_refuses, false);
	executor_stop();
	loop_stop_timers();
	uv_run(loop, UV_RUN_DEFAULT);
	store_close(store);
	os.datasync = real_datasync;
	os.wall_ms = real_wall_ms;
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%.22s'", dir);
	return system(command);
}

static void a_job_runs_when_it_is_due(void **state)
{
	(void)state;
	struct task t;
	start(&t, put_job);
	run_until(1);
	for (int i = 0; i < 20; i++)
		turn();
	assert_int_equal(atomic_load(&job_runs), 0);
	clock_is(DUE_MS);
	job_has_run(1);
	end(&t);
}

/* "Wake it now", said twice within a millisecond: the second may come when the first has run and nobody knows yet. */
static void a_job_put_again_behind_its_own_run_runs_again(void **state)
{
	(void)state;
	static struct task put, other, again;
	start(&put, put_job);
	run_until(1);
	int before = atomic_load(&syncs);
	atomic_store(&disk_waits, true);
	start(&other, write_one); /* while the disk has this one the next group collects the job, and the call behind it */
	while (atomic_load(&syncs) == before)
		turn();
	atomic_store(&now_ms, DUE_MS);
	executor_kick_jobs();
	job_has_run(1);
	start(&again, put_job);
	while (atomic_load(&call_runs) < 2)
		turn();
	assert_int_equal(finished, 1);
	atomic_store(&disk_waits, false);
	run_until(3);
	clock_is(DUE_MS + 1);
	job_has_run(2);
	end(&put);
	end(&other);
	end(&again);
}

static void what_the_disk_refused_of_a_job_is_done_later(void **state)
{
	(void)state;
	struct task put, look;
	start(&put, put_job);
	run_until(1);
	atomic_store(&disk_refuses, true);
	clock_is(DUE_MS);
	while (atomic_load(&refusals) == 0) /* after the run */
		turn();
	atomic_store(&disk_refuses, false);
	for (int i = 0; i < 20; i++)
		turn();
	assert_int_equal(atomic_load(&job_runs), 1); /* not at once: the disk would be asked without end */
	for (int64_t ms = DUE_MS + 1000; atomic_load(&job_runs) < 2; ms += 100) { /* the writer may have been slow to look at the clock */
		clock_is(ms);
		turn();
	}
	start(&look, write_one);
	run_until(2);
	struct txn *txn = store_read(store);
	assert_true(txn_has(txn, S("ran")));
	txn_end(txn);
	end(&put);
	end(&look);
}

/* ---- who owes an answer ---- */

static struct ticket owed;
static int gone;
static bool timed_out;

static void count_gone(struct ticket t, void *arg)
{
	assert_true(t.call == owed.call && arg == &owed);
	gone++;
}

static void owe(struct ticket t, void *arg)
{
	(void)arg;
	owed = t;
	ticket_on_gone(t, count_gone, &owed);
}

static void ask(struct call *c)
{
	const struct answer *a = call_await(c, owe, NULL, 0, DUE_MS);
	if (a == NULL)
		return;
	timed_out = !a->ok;
	if (timed_out)
		atomic_fetch_add(&call_runs, 1);
	while (atomic_load(&disk_waits))
		sched_yield();
}

static void asks(struct task *t)
{
	gone = 0;
	start(t, ask);
	while (t->place != TASK_PARKED)
		turn();
}

static void who_has_answered_hears_no_more(void **state)
{
	(void)state;
	struct task t;
	asks(&t);
	ticket_answer(owed, &(struct answer){.ok = true});
	run_until(1);
	assert_false(timed_out);
	assert_int_equal(gone, 0);
	end(&t);
}

static void whose_time_is_over_hears_so(void **state)
{
	(void)state;
	struct task t;
	asks(&t);
	clock_is(DUE_MS);
	run_until(1);
	assert_true(timed_out);
	assert_int_equal(gone, 1);
	ticket_answer(owed, &(struct answer){.ok = true}); /* nobody is there */
	end(&t);
}

/* What it would be told of may be gone with its answer. */
static void who_answers_while_the_call_ends_hears_nothing(void **state)
{
	(void)state;
	struct task t;
	asks(&t);
	atomic_store(&disk_waits, true);
	clock_is(DUE_MS);
	while (atomic_load(&call_runs) == 0)
		turn();
	ticket_answer(owed, &(struct answer){.ok = true});
	atomic_store(&disk_waits, false);
	run_until(1);
	assert_true(timed_out);
	assert_int_equal(gone, 0);
	end(&t);
}

static void owe_another(struct ticket t, void *arg)
{
	(void)arg;
	owed = t;
}

/* Its path is another one when it runs again. */
static void ask_by_what_is_there(struct call *c)
{
	const struct answer *a = call_await(c, atomic_fetch_add(&call_runs, 1) == 0 ? owe : owe_another, NULL, 0, INT64_MAX);
	assert_null(a);
}

static void one_await_is_not_taken_for_another(void **state)
{
	(void)state;
	struct task t;
	gone = 0;
	start(&t, ask_by_what_is_there);
	while (t.place != TASK_PARKED)
		turn();
	ticket_answer(owed, &(struct answer){.ok = true});
	run_until(1);
	assert_true(t.call.failed);
	assert_int_equal(t.call.error.status, 503);
	end(&t);
}

/* ---- a clock turned back ---- */

static int beats;
static void beat(void *unused)
{
	(void)unused;
	beats++;
}

static void a_clock_turned_back_stops_no_timer(void **state)
{
	(void)state;
	enum { DAY_MS = 86400 * 1000, SOON_MS = 20 };
	beats = 0;
	clock_is(DUE_MS + DAY_MS);
	loop_timer_start(DUE_MS + DAY_MS + SOON_MS, beat, NULL);
	loop_timer_start(DUE_MS + DAY_MS + 2 * SOON_MS, beat, NULL);
	atomic_store(&now_ms, DUE_MS);
	loop_clock_turned(-DAY_MS);
	turn();
	assert_int_equal(beats, 0);
	clock_is(DUE_MS + SOON_MS);
	while (beats < 1)
		turn();
	clock_is(DUE_MS + 2 * SOON_MS);
	while (beats < 2)
		turn();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_job_runs_when_it_is_due),
		TEST(a_job_put_again_behind_its_own_run_runs_again),
		TEST(what_the_disk_refused_of_a_job_is_done_later),
		TEST(who_has_answered_hears_no_more),
		TEST(whose_time_is_over_hears_so),
		TEST(who_answers_while_the_call_ends_hears_nothing),
		TEST(one_await_is_not_taken_for_another),
		TEST(a_clock_turned_back_stops_no_timer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
