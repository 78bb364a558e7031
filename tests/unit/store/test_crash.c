/* kill -9 at random moments: what was acknowledged is there after the next start, and no group is there by half.
 *
 * A child writes groups without end. Group g puts "a" and "b" to g, its own key to g, and deletes the own key of group
 * g - 16, and the same with a value apart; some groups are large, so that the log turns over. Each group runs over the one
 * before, which is finished only then. It tells each acknowledged number through a pipe. */
#include "store_test.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

enum { ROUNDS = 20, LONGEST_MS = 60, WINDOW = 16, FILLER_BYTES = 60000 };

static void group_key(uint64_t g, char out[32]) { (void)snprintf(out, 32, "g%020llu", (unsigned long long)g); }

static void apart_key(uint64_t g, char out[32]) { (void)snprintf(out, 32, "p%020llu", (unsigned long long)g); }
static size_t apart_bytes(uint64_t g) { return 1 + (size_t)(g * 7919 % FILLER_BYTES); }

static void run_group(struct store *s, uint64_t g)
{
	static char filler[FILLER_BYTES];
	char key[32], text[32];
	int n = snprintf(text, sizeof text, "%llu", (unsigned long long)g);
	struct str value = str_of(text, (size_t)n);
	store_group_begin(s);
	struct txn *t = store_group_txn(s);
	txn_put(t, S("a"), value);
	group_key(g, key);
	txn_put(t, str_c(key), value);
	apart_key(g, key);
	memset(txn_put_apart(t, str_c(key), apart_bytes(g)), (int)(g % 251), apart_bytes(g));
	txn_keep(t);
	t = store_group_txn(s);
	txn_put(t, S("b"), value);
	if (g > WINDOW) {
		group_key(g - WINDOW, key);
		txn_del(t, str_c(key));
		apart_key(g - WINDOW, key);
		txn_del_apart(t, str_c(key));
	}
	if (g % 4 == 0)
		txn_put(t, S("filler"), str_of(filler, sizeof filler));
	txn_keep(t);
}

static NORETURN void write_until_killed(int to)
{
	char *why;
	struct store *s = store_open(test_dir, NULL, &why);
	if (s == NULL)
		_exit(3);
	uint64_t g = store_sequence(s) + 1;
	for (run_group(s, g);; g++) {
		if (!store_group_seal(s))
			_exit(2);
		run_group(s, g + 1);
		if (!store_group_finish(s))
			_exit(2);
		if (store_sweep_wanted(s))
			blob_sweep_released(s);
		if (store_sequence(s) != g || write(to, &g, sizeof g) != sizeof g)
			_exit(4);
	}
}

/* Run the child for a while; the newest number it acknowledged, or `before` when it came to none. */
static uint64_t run_and_kill(uint64_t before, long run_us)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		write_until_killed(ends[1]);
	}
	close(ends[1]);
	uint64_t acked = before, g;
	bool started = read(ends[0], &g, sizeof g) == sizeof g; /* the time counts from its first group */
	if (started)
		acked = g;
	struct timespec wait = {0, run_us * 1000};
	nanosleep(&wait, NULL);
	assert_int_equal(kill(child, SIGKILL), 0);
	while (read(ends[0], &g, sizeof g) == sizeof g)
		acked = g;
	close(ends[0]);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(started && WIFSIGNALED(status));
	return acked;
}

/* The parent never opens the store itself: RocksDB's threads would not pass through its forks. */
#define MUST(x) do { if (!(x)) { (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); _exit(1); } } while (0)

static uint64_t number_at(struct txn *t, const char *key)
{
	uint64_t n = 0;
	const char *text = get_in(t, key);
	MUST(str_to_u64(str_c(text), &n) || strcmp(text, "-") == 0);
	return n;
}

/* The values apart of the window are there and whole, the one before it is not. */
static void check_apart(struct txn *t, uint64_t last)
{
	struct arena *a = arena_new(0);
	uint64_t first = last > WINDOW ? last - WINDOW : 0;
	char key[32];
	struct str v;
	for (uint64_t g = first > 0 ? first : 1; g <= last; g++) {
		apart_key(g, key);
		MUST(txn_get_apart(t, str_c(key), a, &v) == (g > first));
		if (g == first)
			continue;
		MUST(v.n == apart_bytes(g));
		for (size_t i = 0; i < v.n; i++)
			MUST(v.p[i] == (char)(g % 251));
	}
	arena_free(a);
}

static void check(struct store *s, uint64_t acked)
{
	struct txn *t = store_read(s);
	uint64_t last = number_at(t, "a");
	MUST(last >= acked);     /* nothing acknowledged is lost */
	MUST(last <= acked + 1); /* at most one group was on its way */
	MUST(number_at(t, "b") == last);
	MUST(store_sequence(s) == last);
	struct scan *scan = scan_open(t, S("g"), S("h"), false);
	struct str k, v;
	uint64_t g = last > WINDOW ? last - WINDOW : 0;
	while (scan_next(scan, &k, &v)) {
		char want[32];
		group_key(++g, want);
		MUST(str_eq(k, str_c(want)));
	}
	MUST(g == last);
	check_apart(t, last);
	txn_end(t);
}

/* Open, check, in some rounds write another group, close. */
static void check_in_child(uint64_t acked, bool write_one)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		char *why;
		struct store *s = store_open(test_dir, NULL, &why);
		MUST(s != NULL);
		check(s, acked);
		if (write_one) {
			run_group(s, store_sequence(s) + 1);
			MUST(store_group_commit(s));
		}
		store_close(s);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void nothing_acknowledged_is_lost(void **state)
{
	(void)state;
	uint64_t acked = 0;
	srandom(20261121);
	for (int round = 0; round < ROUNDS; round++) {
		acked = run_and_kill(acked, random() % (LONGEST_MS * 1000));
		if (round % 3 != 2) /* else the next child finds the logs of several crashes */
			check_in_child(acked, round % 2 == 0);
	}
	check_in_child(acked, false);
	assert_true(acked > ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_acknowledged_is_lost, fresh_dir, drop_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
