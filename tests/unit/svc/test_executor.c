/* The executor's economy, counted, not timed: syncs a group, runs a read, decodings of a record. */
#include "svc/task.h"

#include "os/os.h"
#include "sqs.model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

enum { MANY = 64 };

static char dir[64];
static struct store *store;
static uv_loop_t *loop;
static pthread_t loop_thread;
static atomic_int syncs, runs, runs_on_loop;
static atomic_bool disk_waits, disk_refuses;
static int finished, refused, may_fail;
static int (*real_datasync)(int fd);
static int64_t (*real_monotonic_us)(void);
static atomic_int_least64_t now_us; /* moved by what the tests say takes time */
static const struct service service = {.name = "test"};
static struct str found;

static int count_sync(int fd)
{
	atomic_fetch_add(&syncs, 1);
	while (atomic_load(&disk_waits))
		sched_yield();
	if (atomic_load(&disk_refuses)) {
		errno = EIO;
		return -1;
	}
	return real_datasync(fd);
}

static void note_run(void)
{
	atomic_fetch_add(&runs, 1);
	atomic_fetch_add(&runs_on_loop, pthread_equal(pthread_self(), loop_thread) != 0);
}

static void write_one(struct call *c)
{
	note_run();
	txn_put(c->txn, arena_printf(c->arena, "k%p", (void *)c->state), S("v"));
}

static int64_t test_us(void) { return atomic_load(&now_us); }

static void read_one(struct call *c)
{
	note_run();
	atomic_fetch_add(&now_us, 60);
	struct str v;
	if (txn_get(c->txn, S("known"), c->arena, &v))
		found = arena_dup(call_keep(c), v);
}

static void done(struct task *t)
{
	finished++;
	refused += t->call.failed && t->call.error.status == 503;
	assert_true(!t->call.failed || may_fail-- > 0);
}

static void start(struct task *t, enum op_mode mode, void (*handler)(struct call *c), bool look)
{
	task_init(t, arena_new(0));
	t->mode = mode;
	t->handler = handler;
	t->look = look;
	t->done = done;
	t->call.service = &service;
	t->call.account = S("000000000000");
	t->call.region = S("us-east-1");
	task_start(t);
}

static void run_until(int n)
{
	while (finished < n)
		uv_run(loop, UV_RUN_ONCE);
}

static void end(struct task *t)
{
	struct arena *keep = t->keep;
	task_release(t);
	arena_free(keep);
}

static void open_all(void)
{
	char *why;
	store = store_open(dir, NULL, &why);
	if (store == NULL)
		fail_msg("%s", why);
	loop = uv_default_loop();
	loop_init(loop, store);
	executor_start(loop, store, 2);
	finished = refused = may_fail = 0;
	found = STR_NONE;
	atomic_store(&syncs, 0);
	atomic_store(&runs, 0);
	atomic_store(&runs_on_loop, 0);
}

static void close_all(void)
{
	executor_stop();
	loop_stop_timers();
	uv_run(loop, UV_RUN_DEFAULT);
	store_close(store);
}

static int set_up(void **state)
{
	(void)state;
	loop_thread = pthread_self();
	real_monotonic_us = os.monotonic_us;
	os.monotonic_us = test_us;
	real_datasync = os.datasync;
	os.datasync = count_sync;
	snprintf(dir, sizeof dir, "/tmp/tsubo-test-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	open_all();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close_all();
	os.datasync = real_datasync;
	os.monotonic_us = real_monotonic_us;
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%.22s'", dir); /* "/tmp/tsubo-test-XXXXXX", whatever was opened below it */
	return system(command);
}

static void what_a_turn_brings_is_one_group_and_one_sync(void **state)
{
	(void)state;
	enum { ONE_TURN = 16 }; /* fewer than those at which a writer begins before the turn is over */
	static struct task tasks[ONE_TURN];
	for (int i = 0; i < ONE_TURN; i++)
		start(&tasks[i], OP_WRITE, write_one, false);
	run_until(ONE_TURN);
	assert_int_equal(atomic_load(&runs), ONE_TURN);
	assert_int_equal(atomic_load(&syncs), 1);
	for (int i = 0; i < ONE_TURN; i++) {
		assert_true(tasks[i].committed);
		end(&tasks[i]);
	}
}

static void write_over(struct call *c)
{
	struct str v;
	if (txn_get(c->txn, S("n"), c->arena, &v)) /* what the group below has written */
		note_run();
	txn_put(c->txn, S("n"), S("x"));
}

static void fail_by_what_is_there(struct call *c)
{
	note_run();
	c->failed = txn_has(c->txn, S("n"));
	c->error = (struct wire_error){.code = S("ConditionalCheckFailedException"), .status = 400};
}

/* While one group is with the disk the next one runs; nobody hears of it before the disk is done with both. */
static void start_over_one_that_is_synced(struct task *tasks, int n)
{
	atomic_store(&disk_waits, true);
	start(&tasks[0], OP_WRITE, write_over, false);
	while (atomic_load(&syncs) == 0)
		uv_run(loop, UV_RUN_NOWAIT);
	for (int i = 1; i < n; i++)
		start(&tasks[i], OP_WRITE, i == n - 1 ? fail_by_what_is_there : write_over, false);
	while (atomic_load(&runs) < n - 1)
		uv_run(loop, UV_RUN_NOWAIT);
	assert_int_equal(finished, 0);
}

static void a_group_runs_while_the_one_before_is_synced(void **state)
{
	(void)state;
	static struct task tasks[MANY];
	start_over_one_that_is_synced(tasks, MANY);
	assert_int_equal(atomic_load(&syncs), 1);
	may_fail = 1;
	atomic_store(&disk_waits, false);
	run_until(MANY);
	assert_int_equal(atomic_load(&syncs), 2);
	assert_int_equal(refused, 0);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(tasks[i].committed, i < MANY - 1);
		end(&tasks[i]);
	}
}

static void what_ran_over_a_refused_group_is_refused(void **state)
{
	(void)state;
	static struct task tasks[MANY];
	start_over_one_that_is_synced(tasks, MANY);
	may_fail = MANY;
	atomic_store(&disk_refuses, true);
	atomic_store(&disk_waits, false);
	run_until(MANY);
	assert_int_equal(refused, MANY); /* also the one that failed by what it saw there */
	for (int i = 0; i < MANY; i++)
		end(&tasks[i]);
	atomic_store(&disk_refuses, false);
	struct task t;
	start(&t, OP_WRITE, fail_by_what_is_there, false); /* and is not there */
	run_until(MANY + 1);
	assert_true(t.committed);
	end(&t);
}

/* Of one group: the answer of one that failed rests on what the disk did not take of the other. */
static void what_failed_by_what_was_refused_is_refused(void **state)
{
	(void)state;
	struct task tasks[2];
	may_fail = 2;
	atomic_store(&disk_refuses, true);
	start(&tasks[0], OP_WRITE, write_over, false);
	start(&tasks[1], OP_WRITE, fail_by_what_is_there, false);
	run_until(2);
	assert_int_equal(refused, 2);
	atomic_store(&disk_refuses, false);
	for (int i = 0; i < 2; i++)
		end(&tasks[i]);
}

static void write_known(struct call *c)
{
	static char filler[16 << 10]; /* opening reads the first block: these come before "known" */
	memset(filler, 'x', sizeof filler);
	txn_put(c->txn, S("known"), S("1"));
	for (int i = 0; i < 100; i++)
		txn_put(c->txn, arena_printf(c->arena, "before%d", i), str_of(filler, sizeof filler));
}

static void put_known(void)
{
	struct task t;
	start(&t, OP_WRITE, write_known, false);
	run_until(1);
	end(&t);
	finished = 0;
	uv_run(loop, UV_RUN_NOWAIT); /* a new turn */
}

static void small_reads_stay_on_the_loop_for_a_while_of_each_turn(void **state)
{
	(void)state;
	enum { ON_LOOP = 4, ALL = 6 }; /* of 60 us each, as long as 200 are not over */
	put_known();
	struct task tasks[ALL];
	for (int i = 0; i < ALL; i++) {
		start(&tasks[i], OP_READ, read_one, true);
		assert_int_equal(finished, i < ON_LOOP ? i + 1 : ON_LOOP); /* at once */
	}
	assert_true(str_eq(found, S("1")));
	run_until(ALL);
	assert_int_equal(atomic_load(&runs), ALL);
	assert_int_equal(atomic_load(&runs_on_loop), ON_LOOP);
	for (int i = 0; i < ALL; i++)
		end(&tasks[i]);
	uv_run(loop, UV_RUN_NOWAIT); /* a new turn */
	start(&tasks[0], OP_READ, read_one, false); /* not said to be small */
	run_until(ALL + 1);
	assert_int_equal(atomic_load(&runs_on_loop), ON_LOOP);
	end(&tasks[0]);
}

static void what_lies_on_disk_is_read_by_a_reader(void **state)
{
	(void)state;
	put_known();
	char copy[sizeof dir], *why;
	snprintf(copy, sizeof copy, "%.40s/copy", dir);
	assert_true(store_checkpoint(store, copy, &why)); /* there all is on disk only */
	close_all();
	memcpy(dir, copy, sizeof dir);
	open_all();
	struct task t;
	start(&t, OP_READ, read_one, true);
	assert_int_equal(finished, 0);
	assert_false(str_present(found));
	run_until(1);
	assert_true(str_eq(found, S("1")));
	assert_int_equal(atomic_load(&runs), 2);
	assert_int_equal(atomic_load(&runs_on_loop), 1);
	end(&t);
}

static const struct sqs_MoveTask *records[4];
static int n_records;

static void read_shared(struct call *c)
{
	struct key k = key_new(c->arena);
	records[n_records] = call_get_shared(c, key_str(&k, S("shared")), &sqs_shape_MoveTask);
	assert_non_null(records[n_records++]);
}

static void write_shared(struct call *c)
{
	struct key k = key_new(c->arena);
	const struct sqs_MoveTask m = {.Status = found};
	call_put(c, key_str(&k, S("shared")), &sqs_shape_MoveTask, &m);
	read_shared(c); /* a transaction sees its own */
}

static void a_record_is_decoded_once_until_it_changes(void **state)
{
	(void)state;
	static struct task tasks[4];
	n_records = 0;
	found = S("one");
	start(&tasks[0], OP_WRITE, write_shared, false);
	run_until(1);
	start(&tasks[1], OP_WRITE, read_shared, false);
	run_until(2);
	start(&tasks[2], OP_WRITE, read_shared, false);
	run_until(3);
	assert_ptr_equal(records[1], records[0]);
	assert_ptr_equal(records[2], records[0]);
	found = S("two");
	start(&tasks[3], OP_WRITE, write_shared, false);
	run_until(4);
	assert_true(str_eq(records[3]->Status, S("two")));
	assert_true(str_eq(records[0]->Status, S("one"))); /* its runs have not ended */
	for (int i = 0; i < 4; i++)
		end(&tasks[i]);
}

enum { TASKS_EACH = 100000 };

static void *make_tasks(void *out)
{
	uint64_t *ids = out;
	for (int i = 0; i < TASKS_EACH; i++) {
		struct task t;
		task_init(&t, NULL);
		ids[i] = t.id;
	}
	return NULL;
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* Tickets find their call by its id; the loop makes tasks of requests while the writer makes those of jobs. */
static void ids_are_never_given_twice(void **state)
{
	(void)state;
	static uint64_t ids[2 * TASKS_EACH];
	pthread_t other;
	assert_int_equal(pthread_create(&other, NULL, make_tasks, ids), 0);
	make_tasks(ids + TASKS_EACH);
	pthread_join(other, NULL);
	qsort(ids, COUNT_OF(ids), sizeof ids[0], by_id);
	for (size_t i = 1; i < COUNT_OF(ids); i++)
		assert_true(ids[i - 1] < ids[i]);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_a_turn_brings_is_one_group_and_one_sync),
		TEST(a_group_runs_while_the_one_before_is_synced),
		TEST(what_ran_over_a_refused_group_is_refused),
		TEST(what_failed_by_what_was_refused_is_refused),
		TEST(small_reads_stay_on_the_loop_for_a_while_of_each_turn),
		TEST(what_lies_on_disk_is_read_by_a_reader),
		TEST(a_record_is_decoded_once_until_it_changes),
		TEST(ids_are_never_given_twice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
