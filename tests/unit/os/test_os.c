/* The service clock, random text, and the table that tests replace. */
#include "os/os.h"
#include "../check.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

static int64_t fixed_wall(void) { return 1000000; }

static void the_clock_turns(void **state UNUSED)
{
	struct os_table real = os;
	os.wall_ms = fixed_wall;
	assert_true(clock_now_ms() == 1000000);
	assert_true(clock_turn(86400000) == 86400000);
	assert_true(clock_now_ms() == 87400000);
	assert_true(clock_turn(-1000) == 86399000);
	assert_true(clock_turn(INT64_MIN) == 0); /* never before the machine's own time */
	assert_true(clock_now_ms() == 1000000);
	clock_set_offset(5);
	assert_true(clock_turn(INT64_MAX) == 5);
	assert_true(clock_offset_ms() == 5);
	clock_set_offset(0);
	os = real;
	assert_true(os.wall_ms() > 1700000000000);
	assert_true(os.monotonic_us() <= os.monotonic_us());
}

static void random_text(void **state UNUSED)
{
	char text[2000];
	random_hex(text, sizeof text);
	for (size_t i = 0; i < sizeof text; i++)
		assert_non_null(memchr("0123456789abcdef", text[i], 16));
	random_lower(text, sizeof text);
	int seen[256] = {0}, distinct = 0;
	for (size_t i = 0; i < sizeof text; i++) {
		assert_true((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9'));
		distinct += seen[(unsigned char)text[i]]++ == 0;
	}
	assert_int_equal(distinct, 36);
	random_upper(text, sizeof text);
	for (size_t i = 0; i < sizeof text; i++)
		assert_true((text[i] >= 'A' && text[i] <= 'Z') || (text[i] >= '2' && text[i] <= '7'));
}

/* RFC 9562, section 5.4. */
static void uuids(void **state UNUSED)
{
	char a[37], b[37];
	for (int i = 0; i < 200; i++) {
		random_uuid(a);
		random_uuid(b);
		assert_int_equal(strlen(a), 36);
		assert_true(a[8] == '-' && a[13] == '-' && a[18] == '-' && a[23] == '-' && a[14] == '4');
		assert_non_null(strchr("89ab", a[19]));
		assert_string_not_equal(a, b);
	}
	assert_true(random_u64() != random_u64());
}

static void seven(void *p, size_t n) { memset(p, 7, n); }

static void a_replaced_source_counts_at_once(void **state UNUSED)
{
	struct os_table real = os;
	unsigned char b[4];
	random_bytes(b, sizeof b);
	os.random = seven;
	random_bytes(b, sizeof b);
	assert_memory_equal(b, "\7\7\7\7", 4);
	os = real;
	uint64_t v = random_u64();
	assert_true(v != 0x0707070707070707u);
}

static void a_fork_does_not_repeat_random_bytes(void **state UNUSED)
{
	int fds[2];
	(void)random_u64();
	assert_int_equal(pipe(fds), 0);
	pid_t child = fork();
	if (child == 0) {
		uint64_t v = random_u64();
		_exit(write(fds[1], &v, sizeof v) != sizeof v);
	}
	uint64_t theirs, ours = random_u64();
	assert_int_equal(read(fds[0], &theirs, sizeof theirs), sizeof theirs);
	waitpid(child, NULL, 0);
	close(fds[0]);
	close(fds[1]);
	assert_true(theirs != ours);
}

static void files(void **state UNUSED)
{
	char dir[] = "/tmp/test_os.XXXXXX";
	assert_non_null(mkdtemp(dir));
	const char *one = arena_printf(arena, "%s/one", dir).p, *two = arena_printf(arena, "%s/two", dir).p;
	int fd = os.open(one, O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(os.pwrite(fd, "hello", 5, 0), 5);
	assert_int_equal(os.datasync(fd), 0);
	char text[5];
	assert_int_equal(os.pread(fd, text, 5, 0), 5);
	assert_memory_equal(text, "hello", 5);
	close(fd);
	assert_int_equal(os.rename(one, two), 0);
	assert_int_equal(os.sync_dir(dir), 0);
	assert_int_equal(os.sync_dir(two), -1);
	assert_int_equal(os.unlink(two), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(the_clock_turns), TEST(random_text), TEST(uuids), TEST(a_replaced_source_counts_at_once),
	                                   TEST(a_fork_does_not_repeat_random_bytes), TEST(files)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
