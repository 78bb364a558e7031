/* The store's contract: order, snapshots, groups, save points, scans over both layers, reopening. */
#include "store_test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

static void a_commit_is_seen_and_survives_reopening(void **state)
{
	(void)state;
	struct store *s = must_open();
	assert_string_equal(store_dir(s), test_dir);
	assert_int_equal(store_sequence(s), 0);
	assert_true(put_one(s, "a", "1"));
	assert_int_equal(store_sequence(s), 1);
	assert_string_equal(get_one(s, "a"), "1");
	assert_string_equal(get_one(s, "b"), "-");
	s = reopen(s);
	assert_int_equal(store_sequence(s), 1);
	assert_string_equal(get_one(s, "a"), "1");
	assert_true(put_one(s, "a", NULL));
	s = reopen(s);
	assert_string_equal(get_one(s, "a"), "-");
	assert_int_equal(store_sequence(s), 2);
	store_close(s);
}

/* Keys are made from names that clients send: one that no store can hold is not there, and that is all. */
static void a_key_too_long_is_not_there(void **state)
{
	(void)state;
	struct store *s = must_open();
	struct arena *a = arena_new(0);
	char *bytes = arena_bytes(a, STORE_KEY_MAX + 1);
	memset(bytes, 'a', STORE_KEY_MAX + 1);
	struct str key = str_of(bytes, STORE_KEY_MAX + 1), v;
	struct txn *t = store_read(s);
	assert_false(txn_get(t, key, a, &v));
	assert_false(txn_has(t, key));
	txn_end(t);
	store_group_begin(s);
	t = store_group_txn(s);
	txn_del(t, key);
	assert_false(txn_wrote(t));
	txn_keep(t);
	assert_true(store_group_commit(s));
	arena_free(a);
	store_close(s);
}

static void any_bytes_are_keys_and_values(void **state)
{
	(void)state;
	struct store *s = must_open();
	struct arena *a = arena_new(0);
	size_t big = 20 << 20;
	char *bytes = arena_bytes(a, big);
	for (size_t i = 0; i < big; i++)
		bytes[i] = (char)(i * 2654435761u >> 13);
	memset(bytes, 0xff, 1);
	struct str longest = str_of(bytes, 65535), value = str_of(bytes, big);
	store_group_begin(s);
	struct txn *t = store_group_txn(s);
	txn_put(t, longest, value); /* larger than a log segment */
	txn_put(t, S("\x02\0\xff"), S("\0"));
	txn_put(t, S("empty"), S(""));
	txn_keep(t);
	assert_true(store_group_commit(s));
	assert_true(put_one(s, "after", "x"));
	for (int i = 0; i < 2; i++, s = reopen(s)) {
		struct str v;
		t = store_read(s);
		assert_true(txn_get(t, longest, a, &v));
		assert_true(str_eq(v, value));
		assert_true(txn_get(t, S("\x02\0\xff"), a, &v));
		assert_true(str_eq(v, S("\0")));
		assert_true(txn_get(t, S("empty"), a, &v));
		assert_int_equal(v.n, 0);
		assert_true(txn_has(t, S("after")));
		txn_end(t);
	}
	store_close(s);
	arena_free(a);
}

static void a_reader_keeps_its_snapshot(void **state)
{
	(void)state;
	struct store *s = must_open();
	assert_true(put_one(s, "a", "1"));
	struct txn *r = store_read(s);
	assert_false(txn_writable(r));
	store_group_begin(s);
	struct txn *w = store_group_txn(s);
	assert_true(txn_writable(w));
	assert_int_equal(txn_sequence(w), 2);
	txn_put(w, S("a"), S("2"));
	txn_put(w, S("b"), S("2"));
	assert_string_equal(get_in(r, "a"), "1");
	struct txn *beside = txn_again(w), *same = txn_again(r); /* a writer has no snapshot: what is committed */
	assert_string_equal(get_in(beside, "a"), "1");
	assert_string_equal(get_in(same, "a"), "1");
	txn_end(beside);
	txn_end(same);
	txn_keep(w);
	struct txn *between = store_read(s);
	assert_true(store_group_commit(s));
	assert_string_equal(get_in(r, "a"), "1");
	assert_string_equal(get_in(between, "b"), "-");
	assert_string_equal(scan_all(r, S("a"), STR_NONE, false), "a=1");
	assert_int_equal(txn_sequence(r), 1);
	txn_end(r);
	txn_end(between);
	assert_string_equal(get_one(s, "a"), "2");
	store_close(s);
}

static void a_group_holds_kept_transactions_only(void **state)
{
	(void)state;
	struct store *s = must_open();
	store_group_begin(s);
	struct txn *t = store_group_txn(s);
	assert_false(txn_wrote(t));
	txn_put(t, S("a"), S("1"));
	assert_true(txn_wrote(t));
	txn_keep(t);
	t = store_group_txn(s);
	assert_false(txn_wrote(t));
	assert_string_equal(get_in(t, "a"), "1");
	txn_put(t, S("a"), S("2"));
	txn_put(t, S("b"), S("2"));
	txn_drop(t);
	t = store_group_txn(s);
	assert_string_equal(get_in(t, "a"), "1");
	assert_string_equal(get_in(t, "b"), "-");
	txn_keep(t);
	assert_string_equal(get_one(s, "a"), "-");
	assert_true(store_group_commit(s));
	assert_string_equal(get_one(s, "a"), "1");
	assert_string_equal(get_one(s, "b"), "-");

	store_group_begin(s);
	t = store_group_txn(s);
	txn_put(t, S("c"), S("3"));
	txn_drop(t);
	assert_true(store_group_commit(s)); /* nothing left: nothing written */
	assert_int_equal(store_sequence(s), 1);
	store_close(s);
}

static void save_points_nest(void **state)
{
	(void)state;
	struct store *s = must_open();
	assert_true(put_one(s, "old", "0"));
	store_group_begin(s);
	struct txn *t = store_group_txn(s);
	txn_put(t, S("a"), S("1"));
	txn_save(t);
	txn_put(t, S("a"), S("2"));
	txn_del(t, S("old"));
	txn_save(t);
	txn_put(t, S("b"), S("2"));
	txn_release(t);
	assert_string_equal(scan_all(t, S("a"), STR_NONE, false), "a=2 b=2");
	txn_restore(t);
	assert_string_equal(scan_all(t, S("a"), STR_NONE, false), "a=1 old=0");
	txn_save(t);
	txn_put(t, S("c"), S("3"));
	txn_release(t);
	txn_keep(t);
	assert_true(store_group_commit(s));
	struct txn *r = store_read(s);
	assert_string_equal(scan_all(r, S("a"), STR_NONE, false), "a=1 c=3 old=0");
	txn_end(r);
	store_close(s);
}

static void scans_merge_both_layers_in_both_directions(void **state)
{
	(void)state;
	struct store *s = must_open();
	assert_true(put_one(s, "b", "1") && put_one(s, "d", "1") && put_one(s, "f", "1"));
	store_group_begin(s);
	struct txn *t = store_group_txn(s);
	txn_put(t, S("a"), S("2"));
	txn_put(t, S("d"), S("2"));
	txn_put(t, S("e"), S("2"));
	txn_put(t, S("g"), S("2"));
	txn_del(t, S("f"));
	txn_del(t, S("x"));
	assert_string_equal(scan_all(t, S("a"), STR_NONE, false), "a=2 b=1 d=2 e=2 g=2");
	assert_string_equal(scan_all(t, S(""), STR_NONE, true), "g=2 e=2 d=2 b=1 a=2");
	assert_string_equal(scan_all(t, S("b"), S("e"), false), "b=1 d=2");
	assert_string_equal(scan_all(t, S("b"), S("e"), true), "d=2 b=1");
	assert_string_equal(scan_all(t, S("bb"), S("c"), false), "");
	assert_string_equal(scan_all(t, S("d"), S("d"), true), "");
	assert_string_equal(scan_all(t, S("d"), S("a"), false), "");
	txn_keep(t);
	assert_true(store_group_commit(s));
	struct txn *r = store_read(s);
	assert_string_equal(scan_all(r, S(""), STR_NONE, true), "g=2 e=2 d=2 b=1 a=2");
	txn_end(r);
	store_close(s);
}

static void a_scan_sees_writes_before_it_but_no_deleted_key_again(void **state)
{
	(void)state;
	struct store *s = must_open();
	for (char k[] = "a"; k[0] <= 'h'; k[0]++)
		assert_true(put_one(s, k, "1"));
	for (int reverse = 0; reverse < 2; reverse++) {
		store_group_begin(s);
		struct txn *t = store_group_txn(s);
		txn_put(t, S("cc"), S("2"));
		struct scan *scan = scan_open(t, S("a"), STR_NONE, reverse);
		char seen[64] = "";
		size_t seen_n = 0;
		struct str k, v;
		while (scan_next(scan, &k, &v)) {
			seen_n += (size_t)snprintf(seen + seen_n, sizeof seen - seen_n, "%.*s ", STR_ARG(k));
			struct arena *a = arena_new(0);
			txn_del(t, arena_dup(a, k));
			txn_put(t, arena_join(a, k, S("x")), S("new")); /* ahead of a forward scan: must not be met */
			txn_put(t, S("e"), S("changed"));
			txn_del(t, S("f")); /* ahead, whichever the direction, for most of the way */
			arena_free(a);
		}
		assert_string_equal(seen, reverse ? "h g e d cc c b a " : "a b c cc d e g h ");
		assert_string_equal(get_in(t, "ax"), "new");
		txn_drop(t);
		assert_true(store_group_commit(s));
	}
	store_close(s);
}

/* The reference: 64 keys in an array; the store must agree after each random step. */
struct model { int v[64]; };

static void compare(struct txn *t, const struct model *m, uint64_t random)
{
	char from[8], to[8];
	unsigned lo = (unsigned)random % 64, hi = (unsigned)(random >> 8) % 65;
	(void)snprintf(from, sizeof from, "k%02u", lo);
	(void)snprintf(to, sizeof to, "k%02u", hi);
	bool reverse = random & (1 << 20);
	struct scan *s = scan_open(t, str_c(from), str_c(to), reverse);
	struct str k, v;
	for (unsigned i = 0; i < 64; i++) {
		unsigned at = reverse ? 63 - i : i;
		if (at < lo || at >= hi || m->v[at] == 0)
			continue;
		char want_key[8], want[16];
		(void)snprintf(want_key, sizeof want_key, "k%02u", at);
		(void)snprintf(want, sizeof want, "%d", m->v[at]);
		assert_true(scan_next(s, &k, &v));
		assert_true(str_eq(k, str_c(want_key)));
		assert_true(str_eq(v, str_c(want)));
	}
	assert_false(scan_next(s, &k, &v));
	scan_close(s);
	char one[8];
	(void)snprintf(one, sizeof one, "k%02u", lo);
	assert_int_equal(txn_has(t, str_c(one)), m->v[lo] != 0);
}

static void it_agrees_with_a_model_under_random_steps(void **state)
{
	(void)state;
	struct store *s = must_open();
	struct model committed = {0}, group = {0}, saved[8];
	uint64_t seed = 88172645463325252u;
	int value = 0;
	for (int round = 0; round < 150; round++) {
		store_group_begin(s);
		group = committed;
		for (int n = 0; n < 4; n++) {
			struct txn *t = store_group_txn(s);
			struct model at_start = group;
			int depth = 0;
			for (int step = 0; step < 24; step++) {
				seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
				unsigned at = (unsigned)(seed >> 40) % 64;
				char key[8], text[16];
				(void)snprintf(key, sizeof key, "k%02u", at);
				(void)snprintf(text, sizeof text, "%d", ++value);
				switch (seed % 8) {
				case 0: case 1: case 2: txn_put(t, str_c(key), str_c(text)); group.v[at] = value; break;
				case 3: txn_del(t, str_c(key)); group.v[at] = 0; break;
				case 4: if (depth < 8) { txn_save(t); saved[depth++] = group; } break;
				case 5: if (depth > 0) { txn_restore(t); group = saved[--depth]; } break;
				case 6: if (depth > 0) { txn_release(t); depth--; } break;
				default: compare(t, &group, seed >> 8); break;
				}
			}
			for (; depth > 0; depth--)
				txn_release(t);
			if (seed & 1024) {
				txn_keep(t);
			} else {
				txn_drop(t);
				group = at_start;
			}
		}
		assert_true(store_group_commit(s));
		committed = group;
		struct txn *r = store_read(s);
		compare(r, &committed, seed >> 5);
		txn_end(r);
		if (round % 40 == 39)
			s = reopen(s);
	}
	store_close(s);
}

static void more_than_the_log_holds_is_still_all_there(void **state)
{
	(void)state;
	struct store *s = must_open();
	char value[4000];
	memset(value, 'v', sizeof value);
	for (int g = 0; g < 120; g++) { /* 48 MB: three turns of the segments */
		store_group_begin(s);
		struct txn *t = store_group_txn(s);
		for (int i = 0; i < 100; i++) {
			char key[32];
			(void)snprintf(key, sizeof key, "%04d-%03d", g, i);
			txn_put(t, str_c(key), str_of(value, sizeof value));
		}
		txn_keep(t);
		assert_true(store_group_commit(s));
	}
	s = reopen(s);
	assert_int_equal(store_sequence(s), 120);
	struct txn *t = store_read(s);
	struct scan *scan = scan_open(t, S(""), STR_NONE, false);
	int n = 0;
	for (struct str k, v; scan_next(scan, &k, &v); n++)
		assert_int_equal(v.n, sizeof value);
	assert_int_equal(n, 12000);
	txn_end(t); /* closes the scan */
	assert_true(store_range_bytes(s, S("0"), STR_NONE) > 40 << 20);
	assert_true(store_range_bytes(s, S("0000"), S("0012")) < 8 << 20);
	store_close(s);
}

static atomic_bool stop;

/* Both keys are always written together. */
static void *reader(void *arg)
{
	struct store *s = arg;
	size_t rounds = 0;
	while (!atomic_load(&stop) || rounds == 0) {
		struct txn *t = store_read(s);
		char a[256];
		(void)snprintf(a, sizeof a, "%.255s", "-");
		struct arena *arena = arena_new(0);
		struct str x = S("-"), y = S("-");
		(void)txn_get(t, S("x"), arena, &x);
		(void)txn_get(t, S("y"), arena, &y);
		bool same = str_eq(x, y);
		struct scan *scan = scan_open(t, S("x"), STR_NONE, rounds & 1);
		struct str k, v;
		while (scan_next(scan, &k, &v))
			same = same && str_eq(v, x);
		arena_free(arena);
		txn_end(t);
		if (!same)
			return NULL;
		rounds++;
	}
	return arg;
}

static void readers_on_threads_see_whole_groups(void **state)
{
	(void)state;
	struct store *s = must_open();
	pthread_t threads[4];
	atomic_store(&stop, false);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, reader, s), 0);
	for (int i = 0; i < 500; i++) {
		char text[16];
		(void)snprintf(text, sizeof text, "%d", i);
		store_group_begin(s);
		struct txn *t = store_group_txn(s);
		txn_put(t, S("x"), str_c(text));
		txn_put(t, S("y"), str_c(text));
		txn_keep(t);
		assert_true(store_group_commit(s));
	}
	atomic_store(&stop, true);
	for (size_t i = 0; i < COUNT_OF(threads); i++) {
		void *result;
		pthread_join(threads[i], &result);
		assert_ptr_equal(result, s);
	}
	store_close(s);
}

static void a_second_open_is_refused_with_the_process(void **state)
{
	(void)state;
	struct store *s = must_open();
	char *why, want[160];
	assert_null(store_open(test_dir, NULL, &why));
	(void)snprintf(want, sizeof want, "%s is in use by another tsubo (process %d)", test_dir, (int)getpid());
	assert_string_equal(why, want);
	free(why);
	store_close(s);
	store_close(must_open());
}

static void write_file(const char *name, const char *text)
{
	char path[128];
	(void)snprintf(path, sizeof path, "%s/%s", test_dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void an_unknown_format_is_refused(void **state)
{
	(void)state;
	store_close(must_open());
	char *why;
	write_file("FORMAT", "tsubo store 2\n");
	assert_null(store_open(test_dir, NULL, &why));
	assert_non_null(strstr(why, "has format 2; this tsubo reads format 1"));
	free(why);
	write_file("FORMAT", "hello\n");
	assert_null(store_open(test_dir, NULL, &why));
	assert_non_null(strstr(why, "is not a format file of tsubo"));
	free(why);
	char path[128];
	(void)snprintf(path, sizeof path, "%s/FORMAT", test_dir);
	assert_int_equal(unlink(path), 0);
	assert_null(store_open(test_dir, NULL, &why));
	assert_non_null(strstr(why, "no FORMAT file"));
	free(why);
	assert_null(store_open("/proc/nowhere/deep", NULL, &why));
	assert_non_null(strstr(why, "/proc/nowhere/deep: "));
	free(why);
}

static void a_checkpoint_is_a_store_of_its_own(void **state)
{
	(void)state;
	struct store *s = must_open();
	assert_true(put_one(s, "a", "1"));
	struct blob_id id;
	struct blob_writer *w = blob_create(s);
	assert_true(blob_write(w, S("body")) && blob_seal(w, &id));
	store_group_begin(s);
	struct txn *t = store_group_txn(s);
	blob_claim(t, id);
	txn_keep(t);
	assert_true(store_group_commit(s));
	char copy[96], *why;
	(void)snprintf(copy, sizeof copy, "%s/copy", test_dir);
	assert_true(store_checkpoint(s, copy, &why));
	assert_true(put_one(s, "a", "2"));
	struct store *c = store_open(copy, NULL, &why);
	assert_non_null(c);
	assert_string_equal(get_one(c, "a"), "1");
	assert_int_equal(blob_sweep_orphans(c), 0);
	int fd = blob_open(c, id);
	assert_true(fd >= 0);
	close(fd);
	store_close(c);
	assert_false(store_checkpoint(s, copy, &why)); /* there already */
	free(why);
	store_close(s);
}

static void a_reader_of_memory_says_what_it_could_not_see(void **state)
{
	(void)state;
	struct store *s = must_open();
	assert_true(put_one(s, "a", "1"));
	struct txn *t = store_read_memory(s);
	assert_string_equal(get_in(t, "a"), "1"); /* not on its way to disk yet */
	assert_string_equal(get_in(t, "b"), "-");
	assert_false(txn_incomplete(t));
	txn_end(t);

	static char filler[16 << 10]; /* opening reads the first block: these come before "a" */
	memset(filler, 'x', sizeof filler);
	store_group_begin(s);
	t = store_group_txn(s);
	for (char k = 'A'; k < 'Z'; k++)
		for (char l = 'A'; l < 'E'; l++)
			txn_put(t, str_of((char[]){k, l}, 2), str_of(filler, sizeof filler));
	txn_keep(t);
	assert_true(store_group_commit(s));
	char copy[96], *why;
	(void)snprintf(copy, sizeof copy, "%s/copy", test_dir);
	assert_true(store_checkpoint(s, copy, &why));
	store_close(s);
	s = store_open(copy, NULL, &why); /* here it is on disk only */
	assert_non_null(s);
	t = store_read_memory(s);
	assert_string_equal(get_in(t, "a"), "-");
	assert_true(txn_incomplete(t));
	txn_end(t);
	t = store_read_memory(s);
	assert_string_equal(scan_all(t, S("a"), STR_NONE, false), "");
	assert_true(txn_incomplete(t));
	txn_end(t);
	assert_string_equal(get_one(s, "a"), "1");
	t = store_read_memory(s);
	assert_string_equal(get_in(t, "a"), "1"); /* the reader before has left it in the cache */
	assert_string_equal(scan_all(t, S("a"), S("b"), false), "a=1");
	assert_false(txn_incomplete(t));
	assert_string_equal(scan_all(t, S("a"), S("b"), true), ""); /* this looks at the key before, too */
	assert_true(txn_incomplete(t));
	txn_end(t);
	store_close(s);
}

/* It shall not keep its thread, so it does not go on for long where everything is in memory either. */
static void a_scan_of_memory_is_short(void **state)
{
	(void)state;
	struct store *s = must_open();
	static char filler[1024];
	enum { FIT = STORE_SCAN_MEMORY_MAX / (sizeof filler + 256) };
	char key[16];
	memset(filler, 'x', sizeof filler);
	store_group_begin(s);
	struct txn *t = store_group_txn(s);
	for (int i = 0; i < FIT + 1; i++) {
		(void)snprintf(key, sizeof key, "k%05d", i);
		txn_put(t, str_c(key), str_of(filler, sizeof filler));
	}
	txn_keep(t);
	assert_true(store_group_commit(s));
	for (int more = 0; more < 2; more++) {
		struct str k, v;
		t = store_read_memory(s);
		struct scan *scan = scan_open(t, S("k"), more ? STR_NONE : str_c(key), false);
		int n = 0;
		while (scan_next(scan, &k, &v))
			n++;
		assert_int_equal(n, FIT);
		assert_int_equal(txn_incomplete(t), more);
		scan_close(scan);
		txn_end(t);
	}
	store_group_begin(s);
	t = store_group_txn(s);
	for (int i = 0; i < 2000; i++) {
		(void)snprintf(key, sizeof key, "d%05d", i);
		txn_put(t, str_c(key), S(""));
	}
	txn_keep(t);
	assert_true(store_group_commit(s));
	store_group_begin(s);
	t = store_group_txn(s);
	for (int i = 0; i < 2000; i++) {
		(void)snprintf(key, sizeof key, "d%05d", i);
		txn_del(t, str_c(key));
	}
	txn_keep(t);
	assert_true(store_group_commit(s));
	t = store_read_memory(s);
	assert_string_equal(scan_all(t, S("d"), S("e"), false), "");
	assert_true(txn_incomplete(t)); /* two thousand deleted ones are much to pass over */
	txn_end(t);
	store_close(s);
}

static void what_was_not_written_is_known_unchanged(void **state)
{
	(void)state;
	struct store *s = must_open();
	assert_true(put_one(s, "a", "1") && put_one(s, "b", "1"));
	struct txn *old = store_read(s);
	uint64_t since = txn_base(old);
	assert_true(txn_unchanged(old, S("a"), since));
	assert_false(txn_unchanged(old, S("a"), 0));

	store_group_begin(s);
	struct txn *t = store_group_txn(s);
	assert_int_equal(txn_base(t), since);
	assert_true(txn_unchanged(t, S("a"), since));
	txn_put(t, S("a"), S("2"));
	assert_false(txn_unchanged(t, S("a"), since)); /* its own write */
	txn_drop(t);
	t = store_group_txn(s);
	txn_put(t, S("b"), S("2"));
	txn_keep(t);
	assert_true(store_group_commit(s));

	struct txn *now = store_read(s);
	assert_false(txn_unchanged(now, S("b"), since));
	assert_false(txn_unchanged(old, S("b"), txn_base(now))); /* what the later one saw is not what this one sees */
	assert_true(txn_unchanged(now, S("b"), txn_base(now)));
	assert_true(txn_unchanged(now, S("never"), since));
	txn_end(now);
	txn_end(old);
	store_close(s);
}

static void write_layers(struct store *s)
{
	assert_true(put_one(s, "a", "1"));
	assert_true(put_one(s, "c", "1"));
	assert_true(put_one(s, "e", "1"));
	store_group_begin(s);
	struct txn *t = store_group_txn(s);
	txn_put(t, S("b"), S("2"));
	txn_del(t, S("c"));
	txn_put(t, S("e"), S("2"));
	txn_put(t, S("f"), S("2"));
	txn_keep(t);
	assert_true(store_group_seal(s));
}

static void a_group_runs_over_the_sealed_one(void **state)
{
	(void)state;
	struct store *s = must_open();
	write_layers(s);
	store_group_begin(s);
	struct txn *t = store_group_txn(s);
	assert_int_equal(txn_sequence(t), 5);
	assert_int_equal(txn_base(t), 4);
	assert_string_equal(scan_all(t, S("a"), STR_NONE, false), "a=1 b=2 e=2 f=2");
	assert_string_equal(get_in(t, "c"), "-");
	txn_put(t, S("c"), S("3"));
	txn_del(t, S("b"));
	txn_put(t, S("f"), S("3"));
	assert_string_equal(scan_all(t, S("a"), STR_NONE, false), "a=1 c=3 e=2 f=3");
	assert_string_equal(scan_all(t, S("a"), STR_NONE, true), "f=3 e=2 c=3 a=1");
	assert_string_equal(scan_all(t, S("b"), S("f"), true), "e=2 c=3");
	struct scan *scan = scan_open(t, S("a"), STR_NONE, false);
	struct str k, v;
	assert_true(scan_next(scan, &k, &v));
	txn_del(t, S("e")); /* only the sealed group and the database have it */
	assert_true(scan_next(scan, &k, &v) && str_eq(k, S("c")));
	assert_true(scan_next(scan, &k, &v) && str_eq(k, S("f")));
	scan_close(scan);
	txn_keep(t);
	assert_string_equal(get_one(s, "e"), "1"); /* a reader sees neither */
	assert_true(store_group_finish(s));
	assert_string_equal(get_one(s, "e"), "2");
	t = store_group_txn(s); /* the same whether the database has them or not */
	assert_string_equal(scan_all(t, S("a"), STR_NONE, false), "a=1 c=3 f=3");
	txn_drop(t);
	assert_true(store_group_commit(s));
	assert_int_equal(store_sequence(s), 5);
	s = reopen(s);
	struct txn *r = store_read(s);
	assert_string_equal(scan_all(r, S("a"), STR_NONE, false), "a=1 c=3 f=3");
	txn_end(r);
	store_close(s);
}

static void a_group_over_one_that_wrote_nothing_has_its_number(void **state)
{
	(void)state;
	struct store *s = must_open();
	store_group_begin(s);
	txn_keep(store_group_txn(s));
	assert_true(store_group_seal(s));
	store_group_begin(s);
	struct txn *t = store_group_txn(s);
	assert_int_equal(txn_sequence(t), 1);
	txn_put(t, S("a"), S("1"));
	txn_keep(t);
	assert_true(store_group_finish(s));
	assert_true(store_group_commit(s));
	assert_int_equal(store_sequence(s), 1);
	store_close(s);
}

/* More files than may be open at once: a reader that does not wait for the disk says so, or has the value; it never has another. */
static void what_is_not_open_is_not_taken_for_empty(void **state)
{
	(void)state;
	enum { KEYS = 120, BYTES = 1 << 20 };
	const struct store_options few = {.open_files = 20, .no_sync = true};
	char *why, key[16], *value = malloc(BYTES);
	assert_non_null(value);
	memset(value, 'v', BYTES);
	struct store *s = store_open(test_dir, &few, &why);
	assert_non_null(s);
	for (int i = 0; i < KEYS; i++) {
		(void)snprintf(key, sizeof key, "%04d", i);
		store_group_begin(s);
		struct txn *t = store_group_txn(s);
		txn_put(t, str_c(key), str_of(value, BYTES));
		txn_put(t, str_of(key + 1, 3), S("1"));
		txn_keep(t);
		assert_true(store_group_commit(s));
	}
	store_close(s);
	s = store_open(test_dir, &few, &why);
	assert_non_null(s);
	for (int i = 0; i < KEYS; i++) {
		(void)snprintf(key, sizeof key, "%04d", i);
		struct arena *a = arena_new(0);
		struct str v;
		struct txn *t = store_read_memory(s);
		bool there = txn_get(t, str_c(key), a, &v);
		assert_true(there ? v.n == BYTES : txn_incomplete(t));
		txn_end(t);
		t = store_read_memory(s);
		assert_true(txn_has(t, str_c(key)) || txn_incomplete(t));
		txn_end(t);
		t = store_read_memory(s);
		struct str low = str_of(key + 1, 3), high = str_of((char[]){key[1], key[2], key[3], '\0'}, 4);
		assert_true(str_eq(str_c(scan_all(t, low, high, i % 2)), arena_join(a, low, S("=1"))) || txn_incomplete(t));
		txn_end(t);
		t = store_read(s);
		assert_true(txn_get(t, str_c(key), a, &v) && v.n == BYTES);
		txn_end(t);
		arena_free(a);
	}
	store_close(s);
	free(value);
}


#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_dir, drop_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_not_open_is_not_taken_for_empty),
		TEST(a_commit_is_seen_and_survives_reopening),
		TEST(a_key_too_long_is_not_there),
		TEST(any_bytes_are_keys_and_values),
		TEST(a_reader_keeps_its_snapshot),
		TEST(a_group_holds_kept_transactions_only),
		TEST(save_points_nest),
		TEST(scans_merge_both_layers_in_both_directions),
		TEST(a_scan_sees_writes_before_it_but_no_deleted_key_again),
		TEST(it_agrees_with_a_model_under_random_steps),
		TEST(more_than_the_log_holds_is_still_all_there),
		TEST(readers_on_threads_see_whole_groups),
		TEST(a_second_open_is_refused_with_the_process),
		TEST(an_unknown_format_is_refused),
		TEST(a_checkpoint_is_a_store_of_its_own),
		TEST(a_reader_of_memory_says_what_it_could_not_see),
		TEST(a_scan_of_memory_is_short),
		TEST(what_was_not_written_is_known_unchanged),
		TEST(a_group_runs_over_the_sealed_one),
		TEST(a_group_over_one_that_wrote_nothing_has_its_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
