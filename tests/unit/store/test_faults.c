/* The disk refuses: once, for a while, at every single operation, or because it is really full. What was refused is not
 * there, what was acknowledged is, and the store goes on when the disk does. */
#include "store_test.h"

#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* Operations are counted; those from number `from` on, `count` of them, fail. */
static struct os_table real;
static atomic_int operations, from, count, fail_errno;

static bool fails(void)
{
	int n = atomic_fetch_add(&operations, 1);
	if (n < atomic_load(&from) || n - atomic_load(&from) >= atomic_load(&count))
		return false;
	errno = atomic_load(&fail_errno);
	return true;
}

static int f_open(const char *path, int flags, mode_t mode) { return fails() ? -1 : real.open(path, flags, mode); }
static int f_datasync(int fd) { return fails() ? -1 : real.datasync(fd); }
static int f_rename(const char *a, const char *b) { return fails() ? -1 : real.rename(a, b); }
static int f_unlink(const char *path) { return fails() ? -1 : real.unlink(path); }
static int f_sync_dir(const char *path) { return fails() ? -1 : real.sync_dir(path); }
static ssize_t f_pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (!fails())
		return real.pwrite(fd, p, n, at);
	if (n > 1) { /* a part of it is written before the error shows */
		int error = errno;
		(void)real.pwrite(fd, p, n / 2, at);
		errno = error;
	}
	return -1;
}

static void no_faults(void)
{
	atomic_store(&count, 0);
	atomic_store(&operations, 0);
}

static void fail_next(int n, int error)
{
	atomic_store(&fail_errno, error);
	atomic_store(&from, 0);
	atomic_store(&operations, 0);
	atomic_store(&count, n);
}

static int setup(void **state)
{
	real = os;
	os.open = f_open;
	os.pwrite = f_pwrite;
	os.datasync = f_datasync;
	os.rename = f_rename;
	os.unlink = f_unlink;
	os.sync_dir = f_sync_dir;
	no_faults();
	return fresh_dir(state);
}

static int teardown(void **state)
{
	os = real;
	return drop_dir(state);
}

static void a_refused_group_leaves_nothing(void **state)
{
	(void)state;
	struct store *s = must_open();
	assert_true(put_one(s, "a", "1"));
	fail_next(1, ENOSPC);
	assert_false(put_one(s, "a", "2"));
	assert_int_equal(errno, ENOSPC);
	no_faults();
	assert_string_equal(get_one(s, "a"), "1");
	assert_int_equal(store_sequence(s), 1);
	assert_true(put_one(s, "b", "3"));
	assert_int_equal(store_sequence(s), 2);
	s = reopen(s);
	assert_string_equal(get_one(s, "a"), "1");
	assert_string_equal(get_one(s, "b"), "3");
	store_close(s);
}

static void put_in_group(struct store *s, const char *key, const char *value)
{
	store_group_begin(s);
	struct txn *t = store_group_txn(s);
	txn_put(t, str_c(key), str_c(value));
	txn_keep(t);
}

static void a_refused_group_takes_the_one_that_stood_on_it_along(void **state)
{
	(void)state;
	struct store *s = must_open();
	assert_true(put_one(s, "a", "1"));
	put_in_group(s, "a", "2");
	assert_true(store_group_seal(s));
	put_in_group(s, "b", "2");
	struct txn *t = store_group_txn(s);
	assert_string_equal(get_in(t, "a"), "2");
	uint64_t since = txn_base(t);
	assert_true(txn_unchanged(t, S("a"), since)); /* a record made of this is known by that number */
	txn_drop(t);
	fail_next(1, ENOSPC);
	assert_false(store_group_finish(s));
	no_faults();
	assert_false(store_group_seal(s));
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(store_sequence(s), 1);
	for (int i = 0; i < 4; i++) { /* the numbers are given again; what was seen under them is not known */
		store_group_begin(s);
		t = store_group_txn(s);
		assert_string_equal(get_in(t, "a"), "1");
		assert_string_equal(get_in(t, "b"), "-");
		assert_false(txn_unchanged(t, S("a"), since));
		txn_put(t, S("c"), S("3"));
		txn_keep(t);
		assert_true(store_group_commit(s));
	}
	s = reopen(s);
	t = store_read(s);
	assert_string_equal(scan_all(t, S("a"), STR_NONE, false), "a=1 c=3");
	txn_end(t);
	store_close(s);
}

/* Run fn in a process that ends without closing the store: as after kill -9. */
static void in_process_that_dies(void (*fn)(void))
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		fn();
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#define MUST(x) do { if (!(x)) _exit(__LINE__ & 0x7f ? __LINE__ & 0x7f : 1); } while (0)

static void refuse_at_the_sync_and_die(void)
{
	struct store *s = must_open();
	MUST(put_one(s, "a", "1"));
	atomic_store(&fail_errno, EIO);
	atomic_store(&operations, 0);
	atomic_store(&from, 1); /* written, but not synced */
	atomic_store(&count, 1);
	MUST(!put_one(s, "a", "2"));
}

static void refuse_and_go_on_and_die(void)
{
	refuse_at_the_sync_and_die();
	char *why;
	MUST(store_open(test_dir, NULL, &why) == NULL); /* still held */
}

static void a_refused_group_does_not_come_back_after_a_crash(void **state)
{
	(void)state;
	in_process_that_dies(refuse_and_go_on_and_die);
	struct store *s = must_open();
	assert_string_equal(get_one(s, "a"), "1");
	assert_int_equal(store_sequence(s), 1);
	store_close(s);
}

static void refuse_for_long_then_go_on_and_die(void)
{
	struct store *s = must_open();
	MUST(put_one(s, "a", "1"));
	for (int i = 0; i < 5; i++) {
		fail_next(1000, EIO); /* neither the group nor its erasure */
		MUST(!put_one(s, "a", "refused"));
		MUST(!put_one(s, "refused", "x"));
		no_faults();
		MUST(put_one(s, "b", "2"));
	}
	char big[70000];
	memset(big, 'x', sizeof big);
	big[sizeof big - 1] = '\0';
	atomic_store(&operations, 0);
	atomic_store(&from, 1); /* a long record is there in full, its sync fails, and so does its erasure */
	atomic_store(&count, 1000);
	MUST(!put_one(s, "refused", big));
	no_faults();
	MUST(put_one(s, "c", "3"));
}

static void what_is_acknowledged_after_trouble_survives_a_crash(void **state)
{
	(void)state;
	in_process_that_dies(refuse_for_long_then_go_on_and_die);
	struct store *s = must_open();
	struct txn *t = store_read(s);
	assert_string_equal(scan_all(t, S(""), STR_NONE, false), "a=1 b=2 c=3");
	txn_end(t);
	assert_int_equal(store_sequence(s), 7);
	store_close(s);
}

/* Every operation in turn fails, once and then for good: open, three groups, a blob, close. Then, with a healthy disk,
 * the store must hold exactly what was acknowledged. */
struct acknowledged {
	char a[16];
	bool blob_claimed, apart;
	struct blob_id blob;
};

static void blob_step(struct store *s, struct acknowledged *ack)
{
	struct blob_id id;
	struct blob_writer *w = blob_create(s);
	if (w == NULL)
		return;
	if (!blob_write(w, S("body"))) {
		blob_abandon(w);
		return;
	}
	if (!blob_seal(w, &id))
		return;
	store_group_begin(s);
	struct txn *t = store_group_txn(s);
	blob_claim(t, id);
	txn_keep(t);
	if (store_group_commit(s)) {
		ack->blob_claimed = true;
		ack->blob = id;
	} else {
		blob_discard(s, id);
	}
}

static bool apart(struct store *s, const char *key, bool put)
{
	store_group_begin(s);
	struct txn *t = store_group_txn(s);
	if (put)
		memcpy(txn_put_apart(t, str_c(key), 4), "body", 4);
	else
		txn_del_apart(t, str_c(key));
	txn_keep(t);
	return store_group_commit(s);
}

static void apart_step(struct store *s, struct acknowledged *ack)
{
	bool gone = apart(s, "gone", true) && apart(s, "gone", false);
	ack->apart = apart(s, "apart", true);
	if (gone)
		blob_sweep_released(s);
}

static void scenario(struct acknowledged *ack)
{
	char *why;
	struct store *s = store_open(test_dir, NULL, &why);
	if (s == NULL) {
		assert_true(strstr(why, "No space") != NULL || strstr(why, "Input/output") != NULL);
		free(why);
		return;
	}
	for (int i = 0; i < 3; i++) {
		char text[16];
		(void)snprintf(text, sizeof text, "%d", i);
		if (put_one(s, "a", text))
			memcpy(ack->a, text, sizeof text);
		assert_string_equal(get_one(s, "a"), ack->a);
	}
	blob_step(s, ack);
	apart_step(s, ack);
	store_close(s);
}

static void check_acknowledged(const struct acknowledged *ack)
{
	struct store *s = must_open();
	assert_string_equal(get_one(s, "a"), ack->a);
	(void)blob_sweep_orphans(s);
	s = reopen(s);
	assert_int_equal(blob_sweep_orphans(s), 0);
	if (ack->blob_claimed) {
		int fd = blob_open(s, ack->blob);
		assert_true(fd >= 0);
		close(fd);
	}
	struct arena *a = arena_new(0);
	struct txn *t = store_read(s);
	struct str v;
	assert_int_equal(txn_get_apart(t, S("apart"), a, &v), ack->apart);
	assert_true(!ack->apart || str_eq(v, S("body")));
	txn_end(t);
	arena_free(a);
	assert_true(put_one(s, "after", "x"));
	store_close(s);
}

static void every_operation_may_fail(void **state)
{
	(void)state;
	for (int for_good = 0; for_good < 2; for_good++) {
		int total = 1;
		for (int at = 0; at <= total; at++) {
			struct acknowledged ack = {.a = "-"};
			remove_tree(test_dir);
			atomic_store(&operations, 0);
			atomic_store(&fail_errno, at % 2 ? EIO : ENOSPC);
			atomic_store(&from, at);
			atomic_store(&count, for_good ? 1000000 : 1);
			scenario(&ack);
			int used = atomic_load(&operations);
			total = used > total ? used : total;
			no_faults();
			check_acknowledged(&ack);
		}
		assert_true(total > 20);
	}
}

static void a_log_that_cannot_turn_over_refuses_and_recovers(void **state)
{
	(void)state;
	struct store *s = must_open();
	static char value[1 << 20];
	memset(value, 'v', sizeof value - 1);
	for (int i = 0; i < 15; i++) /* fills the first segment */
		assert_true(put_one(s, "fill", value));
	fail_next(1, ENOSPC);
	assert_false(put_one(s, "a", value));
	for (int i = 0; i < 40; i++) {
		fail_next(i % 4, ENOSPC);
		bool ok = put_one(s, "b", value);
		assert_int_equal(ok, i % 4 == 0);
		no_faults();
	}
	s = reopen(s);
	assert_string_equal(get_one(s, "a"), "-");
	assert_int_equal(store_sequence(s), 25);
	store_close(s);
}

static void a_blob_that_cannot_be_sealed_leaves_no_file(void **state)
{
	(void)state;
	struct store *s = must_open();
	for (int at = 0; at < 3; at++) { /* datasync, rename, sync_dir */
		struct blob_id id;
		struct blob_writer *w = blob_create(s);
		assert_non_null(w);
		assert_true(blob_write(w, S("x")));
		atomic_store(&fail_errno, EIO);
		atomic_store(&operations, 0);
		atomic_store(&from, at);
		atomic_store(&count, 1);
		assert_false(blob_seal(w, &id));
		assert_int_equal(errno, EIO);
		no_faults();
		s = reopen(s);
		assert_int_equal(blob_sweep_orphans(s), 0);
	}
	struct blob_writer *w = blob_create(s);
	assert_non_null(w);
	fail_next(1, ENOSPC);
	assert_false(blob_write(w, S("x")));
	assert_int_equal(errno, ENOSPC);
	no_faults();
	blob_abandon(w);
	fail_next(1, EMFILE);
	assert_null(blob_create(s));
	assert_int_equal(errno, EMFILE);
	no_faults();
	store_close(s);
}

/* ---- a disk that is really full: a small tmpfs in a mount namespace of a child's own ---- */

enum { NO_NAMESPACE = 77, HEAL_SECONDS = 120 };

static bool put_big(struct store *s, int i)
{
	static char value[200000];
	char key[16];
	memset(value, 'v', sizeof value);
	(void)snprintf(key, sizeof key, "%06d", i % 1000000);
	store_group_begin(s);
	struct txn *t = store_group_txn(s);
	txn_put(t, str_c(key), str_of(value, sizeof value));
	txn_keep(t);
	return store_group_commit(s);
}

static void fill_the_disk_and_make_room(void)
{
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", test_dir, "tmpfs", 0, "size=64m") != 0)
		_exit(NO_NAMESPACE);
	char filler[96];
	(void)snprintf(filler, sizeof filler, "%s/filler", test_dir);
	int fd = open(filler, O_CREAT | O_WRONLY, 0600);
	MUST(fd >= 0 && posix_fallocate(fd, 0, 24 << 20) == 0);
	close(fd);

	struct store *s = must_open();
	MUST(put_one(s, "first", "1"));
	int n = 0;
	while (n < 1000 && put_big(s, n))
		n++;
	MUST(n < 1000); /* it did become full */
	for (int i = 0; i < 20; i++)
		(void)put_one(s, "try", "x");
	MUST(strcmp(get_one(s, "first"), "1") == 0); /* readers go on */
	MUST(unlink(filler) == 0);
	bool ok = false;
	for (int i = 0; !ok && i < HEAL_SECONDS * 10; i++) {
		struct timespec wait = {0, 100000000};
		ok = put_one(s, "healed", "1");
		if (!ok)
			nanosleep(&wait, NULL);
	}
	MUST(ok);
	store_close(s);
	s = must_open();
	struct txn *t = store_read(s);
	for (int i = 0; i < n; i++) { /* all that was acknowledged */
		char key[16];
		(void)snprintf(key, sizeof key, "%06d", i % 1000000);
		MUST(txn_has(t, str_c(key)));
	}
	txn_end(t);
	MUST(strcmp(get_one(s, "healed"), "1") == 0);
	store_close(s);
}

static void a_full_disk_heals_when_there_is_room(void **state)
{
	(void)state;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		fill_the_disk_and_make_room();
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_NAMESPACE)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* A group in the middle of the log is damaged while a later segment is whole: refused, not skipped. */
static void write_two_segments(void)
{
	struct store *s = must_open();
	MUST(put_one(s, "a", "1") && put_one(s, "b", "1"));
}

static void damage_in_the_middle_is_noticed(void **state)
{
	(void)state;
	in_process_that_dies(write_two_segments);
	in_process_that_dies(write_two_segments);
	char path[96], *why;
	(void)snprintf(path, sizeof path, "%s/wal/000000", test_dir);
	int fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "?", 1, 64 + 24 + 20), 1); /* inside the first group */
	close(fd);
	assert_null(store_open(test_dir, NULL, &why));
	assert_non_null(strstr(why, "groups 1 to 2 are missing from the log"));
	free(why);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_full_disk_heals_when_there_is_room), /* first: RocksDB's threads do not pass through a fork */
		TEST(a_refused_group_leaves_nothing),
		TEST(a_refused_group_takes_the_one_that_stood_on_it_along),
		TEST(a_refused_group_does_not_come_back_after_a_crash),
		TEST(what_is_acknowledged_after_trouble_survives_a_crash),
		TEST(every_operation_may_fail),
		TEST(a_log_that_cannot_turn_over_refuses_and_recovers),
		TEST(a_blob_that_cannot_be_sealed_leaves_no_file),
		TEST(damage_in_the_middle_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
