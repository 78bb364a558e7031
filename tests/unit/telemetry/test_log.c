/* The log: every line is one line of valid JSON (or readable text), nothing is lost at the end, nothing blocks. */
#include "telemetry/log.h"
#include "base/json.h"
#include "../check.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

static int file;

static void start(bool json, enum log_level least)
{
	char path[] = "/tmp/test_log.XXXXXX";
	file = mkstemp(path);
	assert_true(file >= 0);
	unlink(path);
	log_start(json, least, file);
}

/* Stop, and give all that was written. */
static struct str stop(void)
{
	log_stop();
	off_t n = lseek(file, 0, SEEK_END);
	char *p = arena_bytes(arena, (size_t)n + 1);
	assert_int_equal(pread(file, p, (size_t)n, 0), n);
	close(file);
	return str_of(p, (size_t)n);
}

static void json_lines(void **state UNUSED)
{
	start(true, LOG_INFO);
	log_debug("not wanted");
	log_info("hello \"%s\"", "wor\nld");
	log_error("bad bytes \xff");
	struct str all = stop(), rest = all;
	struct json *one = json_parse(arena, str_cut(&rest, '\n'), NULL), *two = json_parse(arena, str_cut(&rest, '\n'), NULL);
	assert_str(json_get_str(one, "level"), S("info"));
	assert_str(json_get_str(one, "message"), S("hello \"wor\nld\""));
	assert_int_equal(json_get_str(one, "time").n, 24);
	assert_str(json_get_str(two, "level"), S("error"));
	assert_str(json_get_str(two, "message"), S("?"));
	assert_int_equal(rest.n, 0);
}

static void readable_lines_obey_nobody(void **state UNUSED)
{
	start(false, LOG_DEBUG);
	log_debug("a\nb\x1b[31m");
	struct str all = stop();
	assert_int_equal(str_find(all, '\n'), all.n - 1);
	assert_int_equal(str_find(all, '\x1b'), -1);
	assert_true(str_ends(all, S("debug a b [31m\n")));
}

static struct call_record record(void)
{
	return (struct call_record){.request_id = S("id-1"), .service = S("sqs"), .op = S("SendMessage"), .protocol = S("json-1.0"),
	                            .account = S("000000000000"), .region = S("us-east-1"), .error_code = S("QueueDoesNotExist"), .status = 400,
	                            .start_ms = 1795246500123, .took_us = 1234, .bytes_in = 10, .bytes_out = 20, .decision = "allow"};
}

static void calls(void **state UNUSED)
{
	struct call_record r = record();
	log_call(&r); /* not started: nothing, and no harm */
	start(true, LOG_INFO);
	log_call(&r);
	struct json *j = json_parse(arena, stop(), NULL);
	assert_str(json_get_str(j, "time"), S("2026-11-21T07:35:00.123Z"));
	assert_str(json_get_str(j, "operation"), S("SendMessage"));
	assert_str(json_get_str(j, "errorCode"), S("QueueDoesNotExist"));
	assert_str(json_get_str(j, "decision"), S("allow"));
	assert_int_equal(json_get_i64(j, "status", 0), 400);
	assert_int_equal(json_get_i64(j, "tookUs", 0), 1234);
	assert_null(json_get(j, S("traceId")));
	start(false, LOG_INFO);
	log_call(&r);
	assert_str(stop(), S("2026-11-21T07:35:00.123Z info  400 1.234 ms sqs SendMessage QueueDoesNotExist 000000000000 us-east-1 allow "
	                     "id-1\n"));
	start(false, LOG_WARN);
	log_call(&r);
	r.status = 503;
	log_call(&r);
	assert_true(str_ends(stop(), S("id-1\n")));
}

static void long_fields_are_cut_between_characters(void **state UNUSED)
{
	char text[9000];
	for (size_t i = 0; i < sizeof text; i += 3)
		memcpy(text + i, "\xe2\x82\xac", 3);
	char quotes[9000];
	memset(quotes, '\x01', sizeof quotes);
	struct str euro = str_of(text + 0, sizeof text), control = str_of(quotes, sizeof quotes);
	struct call_record r = {control, control, control, control, control, control, control, control, control, control, 200, 0, 0, 0, 0, NULL};
	start(true, LOG_INFO);
	log_call(&r);
	r.service = euro;
	log_call(&r);
	struct str rest = stop();
	assert_non_null(json_parse(arena, str_cut(&rest, '\n'), NULL));
	struct json *j = json_parse(arena, str_cut(&rest, '\n'), NULL);
	assert_int_equal(json_get_str(j, "service").n, 300);
}

static void *log_many(void *arg)
{
	for (int i = 0; i < 1000; i++)
		log_info("thread %s line %d", (const char *)arg, i);
	return NULL;
}

/* The log ends, and so does what was read from it. */
static void *stop_and_close(void *arg)
{
	const int *fd = arg;
	log_stop();
	close(*fd);
	return NULL;
}

static size_t count_lines(struct str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

static void nothing_is_lost_from_many_threads(void **state UNUSED)
{
	pthread_t threads[4];
	start(true, LOG_INFO);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_many, "x"), 0);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(count_lines(stop()), 4000);
}

/* A pipe that nobody reads is full after 64 KiB: logging must go on, and what was lost is said. */
static void a_stuck_descriptor_blocks_nobody(void **state UNUSED)
{
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	log_start(true, LOG_INFO, fds[1]);
	char big[2000];
	memset(big, 'x', sizeof big);
	for (int i = 0; i < 3000; i++)
		log_info("%.*s", (int)sizeof big, big);
	pthread_t stopper;
	assert_int_equal(pthread_create(&stopper, NULL, stop_and_close, &fds[1]), 0);
	struct buf b;
	buf_init(&b, arena, 0);
	for (ssize_t n = 1; n > 0; b.n += (size_t)n) { /* to the end: lines may follow the one that says it */
		assert_true(buf_reserve(&b, 65536));
		n = read(fds[0], b.p + b.n, 65536);
		assert_true(n >= 0);
	}
	assert_true(str_find_str(buf_view(&b), S("log lines were dropped")) >= 0);
	pthread_join(stopper, NULL);
	close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(json_lines), TEST(readable_lines_obey_nobody), TEST(calls), TEST(long_fields_are_cut_between_characters),
	                                   TEST(nothing_is_lost_from_many_threads), TEST(a_stuck_descriptor_blocks_nobody)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
