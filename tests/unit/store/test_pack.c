/* Values apart: read back from the group, the one below, the log, the pack; given back when nothing needs them. */
#include "store_test.h"

#include "os/os.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { VALUE = 5000 };

static void put_apart(struct txn *t, const char *key, char fill, size_t n)
{
	memset(txn_put_apart(t, str_c(key), n), fill, n);
}

static bool one(struct store *s, const char *key, char fill, size_t n)
{
	store_group_begin(s);
	struct txn *t = store_group_txn(s);
	if (n > 0)
		put_apart(t, key, fill, n);
	else
		txn_del_apart(t, str_c(key));
	txn_keep(t);
	return store_group_commit(s);
}

static void assert_in(struct txn *t, const char *key, char fill, size_t n)
{
	struct arena *a = arena_new(0);
	struct str v;
	assert_int_equal(txn_get_apart(t, str_c(key), a, &v), n > 0);
	if (n > 0) {
		assert_int_equal(v.n, n);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(v.p[i], fill);
	}
	arena_free(a);
}

static void assert_there(struct store *s, const char *key, char fill, size_t n)
{
	struct txn *t = store_read(s);
	assert_in(t, key, fill, n);
	txn_end(t);
}

/* Files in packs/, and the bytes of disk they take. */
static unsigned files(int64_t *bytes)
{
	char path[512];
	unsigned n = 0;
	struct stat st;
	(void)snprintf(path, sizeof path, "%s/packs", test_dir);
	DIR *d = opendir(path);
	*bytes = 0;
	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof path, "%s/packs/%s", test_dir, e->d_name);
		assert_int_equal(stat(path, &st), 0);
		*bytes += (int64_t)st.st_blocks * 512;
		n++;
	}
	if (d != NULL)
		closedir(d);
	return n;
}

static void is_seen_by_its_group_the_next_one_and_after_a_restart(void **state)
{
	(void)state;
	struct store *s = must_open();
	store_group_begin(s);
	struct txn *t = store_group_txn(s);
	put_apart(t, "k", 'a', VALUE);
	txn_put(t, S("plain"), S("1"));
	assert_in(t, "k", 'a', VALUE);
	txn_keep(t);
	t = store_group_txn(s);
	put_apart(t, "dropped", 'x', VALUE);
	txn_drop(t);
	assert_true(store_group_seal(s));
	store_group_begin(s);
	t = store_group_txn(s);
	assert_in(t, "k", 'a', VALUE); /* of the group below */
	put_apart(t, "l", 'b', 1);
	txn_keep(t);
	assert_true(store_group_finish(s));
	assert_true(store_group_seal(s) && store_group_finish(s));
	for (int i = 0; i < 2; i++) {
		assert_there(s, "k", 'a', VALUE);
		assert_there(s, "l", 'b', 1);
		assert_there(s, "dropped", 'x', 0);
		assert_string_equal(get_one(s, "plain"), "1");
		s = reopen(s);
	}
	assert_true(one(s, "k", 0, 0));
	assert_there(s, "k", 0, 0);
	store_close(s);
}

static void a_reader_keeps_what_it_sees(void **state)
{
	(void)state;
	struct store *s = must_open();
	int64_t bytes;
	assert_true(one(s, "old", 'o', VALUE));
	s = reopen(s); /* the pack is no longer the current one */
	struct txn *t = store_read(s);
	assert_true(one(s, "old", 0, 0));
	assert_true(store_sweep_wanted(s));
	blob_sweep_released(s);
	assert_in(t, "old", 'o', VALUE);
	assert_int_equal(files(&bytes), 1);
	txn_end(t);
	assert_true(store_sweep_wanted(s));
	blob_sweep_released(s);
	assert_false(store_sweep_wanted(s));
	assert_int_equal(files(&bytes), 0);
	store_close(s);
}

/* Of 64 values all but a few go: the file shrinks, the few stay. */
static void what_is_dead_is_punched_out(void **state)
{
	(void)state;
	struct store *s = must_open();
	char key[16];
	int64_t before, after;
	for (int i = 0; i < 64; i++) {
		(void)snprintf(key, sizeof key, "k%d", i);
		assert_true(one(s, key, (char)('a' + i % 26), 20000));
	}
	s = reopen(s);
	assert_int_equal(files(&before), 1);
	for (int i = 0; i < 64; i++) {
		(void)snprintf(key, sizeof key, "k%d", i);
		if (i % 16 != 3)
			assert_true(one(s, key, 0, 0));
		blob_sweep_released(s);
	}
	assert_int_equal(files(&after), 1);
	assert_true(after < before / 4);
	for (int turn = 0; turn < 2; turn++) {
		for (int i = 0; i < 64; i++) {
			(void)snprintf(key, sizeof key, "k%d", i);
			assert_there(s, key, (char)('a' + i % 26), i % 16 == 3 ? 20000 : 0);
		}
		s = reopen(s);
	}
	for (int i = 3; i < 64; i += 16) {
		(void)snprintf(key, sizeof key, "k%d", i);
		assert_true(one(s, key, 0, 0));
	}
	blob_sweep_released(s);
	assert_int_equal(files(&after), 0);
	store_close(s);
}

/* Values that are written and deleted for long take no more than a few packs. */
static void space_comes_back(void **state)
{
	(void)state;
	struct store *s = must_open();
	int64_t bytes;
	char key[16];
	for (int i = 0; i < 600; i++) {
		(void)snprintf(key, sizeof key, "k%d", i);
		assert_true(one(s, key, 'v', 1 << 18));
		(void)snprintf(key, sizeof key, "k%d", i - 8);
		if (i >= 8)
			assert_true(one(s, key, 0, 0));
		if (store_sweep_wanted(s))
			blob_sweep_released(s);
	}
	assert_true(files(&bytes) <= 3);
	assert_true(bytes < 100 << 20);
	s = reopen(s);
	for (int i = 0; i < 600; i++) {
		(void)snprintf(key, sizeof key, "k%d", i);
		assert_there(s, key, 'v', i >= 592 ? 1 << 18 : 0);
	}
	store_close(s);
}

static void a_checkpoint_has_its_own(void **state)
{
	(void)state;
	struct store *s = must_open();
	char copy[128], *why;
	int64_t bytes;
	(void)snprintf(copy, sizeof copy, "%s/copy", test_dir);
	assert_true(one(s, "k", 'k', VALUE));
	assert_true(store_checkpoint(s, copy, &why));
	s = reopen(s);
	assert_true(one(s, "k", 0, 0));
	blob_sweep_released(s);
	assert_int_equal(files(&bytes), 0);
	struct store *c = store_open(copy, NULL, &why);
	assert_non_null(c);
	assert_there(c, "k", 'k', VALUE);
	store_close(c);
	store_close(s);
}

static void leftovers_go_at_the_start(void **state)
{
	(void)state;
	struct store *s = must_open();
	char path[128];
	int64_t bytes;
	assert_true(one(s, "k", 'k', VALUE));
	s = reopen(s);
	(void)snprintf(path, sizeof path, "%s/packs/%016x", test_dir, 0);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	(void)fclose(f);
	assert_true(one(s, "l", 'l', VALUE));
	assert_int_equal(blob_sweep_orphans(s), 1);
	assert_int_equal(files(&bytes), 2);
	assert_there(s, "k", 'k', VALUE);
	assert_there(s, "l", 'l', VALUE);
	store_close(s);
}

/* The machine stops: what a pack had in the page cache only is gone, and the log puts it back, also for groups that the database
 * has on disk by itself. */
static void the_log_puts_back_what_a_pack_lost(void **state)
{
	(void)state;
	char path[128], copy[512];
	for (int flushed = 0; flushed < 2; flushed++) {
		(void)snprintf(path, sizeof path, "%s/data%d", test_dir, flushed);
		(void)snprintf(copy, sizeof copy, "rm -rf %s/stopped && cp -r %s %s/stopped && truncate -s 0 %s/stopped/packs/*", test_dir, path, test_dir,
			test_dir);
		char *why;
		struct store *s = store_open(path, NULL, &why);
		assert_non_null(s);
		for (int i = 0; i < 3; i++)
			assert_true(one(s, i == 0 ? "a" : i == 1 ? "b" : "c", (char)('a' + i), VALUE));
		if (flushed) { /* a checkpoint writes the database's memory out */
			char to[128];
			(void)snprintf(to, sizeof to, "%s/checkpoint", test_dir);
			assert_true(store_checkpoint(s, to, &why));
		}
		assert_int_equal(system(copy), 0);
		store_close(s);
		(void)snprintf(path, sizeof path, "%s/stopped", test_dir);
		s = store_open(path, NULL, &why);
		assert_non_null(s);
		assert_there(s, "a", 'a', VALUE);
		assert_there(s, "b", 'b', VALUE);
		assert_there(s, "c", 'c', VALUE);
		store_close(s);
	}
}

static struct os_table real;
static int to_fail;
static ssize_t f_pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (to_fail > 0 && --to_fail == 0) {
		(void)real.pwrite(fd, p, n / 2, at);
		errno = ENOSPC;
		return -1;
	}
	return real.pwrite(fd, p, n, at);
}

/* Neither the pack's write nor the log's leaves anything when it fails. */
static void a_refused_group_leaves_nothing(void **state)
{
	(void)state;
	struct store *s = must_open();
	real = os;
	os.pwrite = f_pwrite;
	assert_true(one(s, "k", 'k', VALUE));
	for (int at = 1; at <= 2; at++) {
		to_fail = at;
		assert_false(one(s, "l", 'x', VALUE));
		assert_int_equal(errno, ENOSPC);
		assert_there(s, "l", 0, 0);
		to_fail = at;
		assert_false(one(s, "k", 0, 0) && at == 1);
		to_fail = 0;
	}
	os = real;
	assert_true(one(s, "m", 'm', VALUE));
	s = reopen(s);
	assert_there(s, "m", 'm', VALUE);
	assert_there(s, "l", 0, 0);
	store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_seen_by_its_group_the_next_one_and_after_a_restart, fresh_dir, drop_dir),
		cmocka_unit_test_setup_teardown(a_reader_keeps_what_it_sees, fresh_dir, drop_dir),
		cmocka_unit_test_setup_teardown(what_is_dead_is_punched_out, fresh_dir, drop_dir),
		cmocka_unit_test_setup_teardown(space_comes_back, fresh_dir, drop_dir),
		cmocka_unit_test_setup_teardown(a_checkpoint_has_its_own, fresh_dir, drop_dir),
		cmocka_unit_test_setup_teardown(leftovers_go_at_the_start, fresh_dir, drop_dir),
		cmocka_unit_test_setup_teardown(the_log_puts_back_what_a_pack_lost, fresh_dir, drop_dir),
		cmocka_unit_test_setup_teardown(a_refused_group_leaves_nothing, fresh_dir, drop_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
