/* The HTTP server as a client sees it: bytes said and heard on a socket (RFC 9110, 9112). */
#include "http_test.h"

#include "os/os.h"

/* The group's state is the path of a file of BIG bytes: lines of seven digits, counting from 0. */
static void plain(void **state)
{
	start(&http_default_limits, NULL);
	snprintf(fx.file, sizeof fx.file, "%s", (const char *)*state);
}

static void requests_one_after_the_other(void **state)
{
	plain(state);
	int c = dial();
	for (int i = 0; i < 3; i++) {
		say(c, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
		struct heard h = hear(c);
		assert_int_equal(h.status, 200);
		assert_string_equal(h.body, "hello");
		assert_true(has(&h, "\r\nContent-Length: 5\r\n"));
		assert_true(has(&h, "\r\nDate: "));
		assert_false(has(&h, "Connection:"));
	}
	say(c, "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	struct heard h = hear(c);
	assert_true(has(&h, "\r\nConnection: close\r\n"));
	assert_closed(c);
	stop();
}

static void a_request_byte_by_byte(void **state)
{
	plain(state);
	int c = dial();
	const char *text = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n";
	for (const char *p = text; *p != '\0'; p++)
		say_n(c, p, 1);
	hear_text(c, 200, "abcde");
	close(c);
	stop();
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	plain(state);
	int c = dial();
	say(c, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
	       "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
	       "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ndef\r\n0\r\n\r\n"
	       "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"
	       "GET /pieces HTTP/1.1\r\nHost: a\r\n\r\n"
	       "GET /none HTTP/1.1\r\nHost: a\r\n\r\n"
	       "GET /target?q HTTP/1.1\r\nHost: b\r\n\r\n");
	hear_text(c, 200, "hello");
	hear_text(c, 200, "abc");
	hear_text(c, 200, "def");
	until(&fx.seen.requests, 4);
	uv_async_send(&fx.poke);
	hear_text(c, 200, "held");
	hear_text(c, 200, "one,two");
	hear_text(c, 204, "");
	hear_text(c, 200, "b /target q plain");
	close(c);
	stop();
}

static void many_pipelined_requests(void **state)
{
	enum { N = 3000 };
	plain(state);
	int c = dial();
	struct buf b;
	buf_init(&b, NULL, 0);
	for (int i = 0; i < N; i++)
		buf_lit(&b, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
	say_n(c, b.p, b.n);
	buf_free(&b);
	for (int i = 0; i < N; i++)
		hear_text(c, 200, "body");
	assert_int_equal(atomic_load(&fx.seen.requests), N);
	close(c);
	stop();
}

static void http_1_0(void **state)
{
	plain(state);
	int c = dial();
	say(c, "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	struct heard h = hear(c);
	assert_string_equal(h.body, "hello");
	assert_true(has(&h, "\r\nConnection: keep-alive\r\n"));
	say(c, "GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"); /* of unknown length: until close */
	h = hear(c);
	assert_false(has(&h, "Transfer-Encoding"));
	assert_true(has(&h, "\r\nConnection: close\r\n"));
	assert_string_equal(h.body, "one,two");
	close(c);
	c = dial();
	say(c, "GET /hello HTTP/1.0\r\n\r\n");
	hear_text(c, 200, "hello");
	assert_closed(c);
	stop();
}

static void head_has_the_length_and_no_body(void **state)
{
	plain(state);
	int c = dial();
	say(c, "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\nHEAD /big HTTP/1.1\r\nHost: a\r\n\r\nHEAD /file HTTP/1.1\r\nHost: a\r\n\r\n"
	       "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
	struct heard h = hear_from(read_socket, &c, true);
	assert_true(has(&h, "\r\nContent-Length: 5\r\n"));
	h = hear_from(read_socket, &c, true);
	assert_true(has(&h, "\r\nContent-Length: 67108864\r\n"));
	h = hear_from(read_socket, &c, true);
	assert_true(has(&h, "\r\nContent-Length: 67108864\r\n"));
	hear_text(c, 200, "hello");
	close(c);
	stop();
}

static void malformed_requests_close(void **state)
{
	plain(state);
	static const struct { const char *text; int status; } cases[] = {
		{"GET / HTTP/1.1\r\n\r\n", 400},
		{"\x16\x03\x01", 400},
		{"GET / HTTP/2.0\r\n\r\n", 505},
		{"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
		{"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz", 400},
		{"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA : b\r\n\r\n", 400},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		int c = dial();
		say(c, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
		say(c, cases[i].text);
		hear_text(c, 200, "hello");
		struct heard h = hear(c);
		assert_int_equal(h.status, cases[i].status);
		assert_true(has(&h, "\r\nConnection: close\r\n"));
		assert_true(h.body_n > 5);
		assert_closed(c);
	}
	stop();
}

static void too_long_heads(void **state)
{
	struct http_limits l = http_default_limits;
	(void)state;
	l.head_bytes = 40000;
	start(&l, NULL);
	char *many = malloc(50001);
	memset(many, 'x', 50000);
	many[50000] = '\0';
	int c = dial();
	say(c, "GET /hello HTTP/1.1\r\nHost: a\r\nX: ");
	say_n(c, many, 30000); /* more than one block */
	say(c, "\r\n\r\n");
	hear_text(c, 200, "hello");
	say(c, "GET /hello HTTP/1.1\r\nHost: a\r\nX: ");
	say_n(c, many, 50000);
	assert_int_equal(hear(c).status, 431);
	assert_closed(c);
	c = dial();
	say(c, "GET /");
	say_n(c, many, 50000);
	assert_int_equal(hear(c).status, 414);
	assert_closed(c);
	free(many);
	stop();
}

static void what_the_handler_says_of_framing_is_dropped(void **state)
{
	plain(state);
	int c = dial();
	say(c, "GET /evil HTTP/1.1\r\nHost: a\r\n\r\n");
	struct heard h = hear(c);
	assert_string_equal(h.body, "ok");
	assert_true(has(&h, "\r\nX-A: b  Set-Cookie: c\r\n"));
	assert_true(has(&h, "\r\nContent-Length: 2\r\n"));
	assert_true(has(&h, "\r\nDate: then\r\n"));
	assert_false(has(&h, "99"));
	assert_false(has(&h, "bad name"));
	assert_false(has(&h, " GMT"));
	close(c);
	stop();
}

static void absolute_form(void **state)
{
	plain(state);
	int c = dial();
	say(c, "GET http://b:80/target?x HTTP/1.1\r\nHost: a\r\n\r\n");
	hear_text(c, 200, "b:80 /target x plain");
	close(c);
	stop();
}

static void the_100_comes_when_the_body_is_wanted(void **state)
{
	plain(state);
	int c = dial();
	say(c, "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
	assert_int_equal(hear(c).status, 100);
	say(c, "abc");
	hear_text(c, 200, "abc");
	/* sent without waiting: no 100 */
	say(c, "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc");
	hear_text(c, 200, "abc");
	/* a body of no bytes: botocore takes a final status in the place of the 100 for the next request's too */
	say(c, "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n");
	assert_int_equal(hear(c).status, 100);
	hear_text(c, 200, "");
	/* not wanted: no 100, and nobody can tell what the client does next */
	say(c, "PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
	struct heard h = hear(c);
	assert_int_equal(h.status, 403);
	assert_true(has(&h, "\r\nConnection: close\r\n"));
	assert_closed(c);
	stop();
}

static void a_small_unwanted_body_is_skipped(void **state)
{
	plain(state);
	int c = dial();
	say(c, "PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab");
	hear_text(c, 403, "no");
	say(c, "cGET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
	hear_text(c, 200, "hello");
	say(c, "PUT /refuse HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab");
	hear_text(c, 403, "no");
	say(c, "c\r\n0\r\nA: b\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
	hear_text(c, 200, "hello");
	close(c);
	stop();
}

static void an_answer_amid_the_body_says_what_becomes_of_the_connection(void **state)
{
	plain(state);
	int c = dial();
	say(c, "PUT /early HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na");
	hear_text(c, 503, "full");
	say(c, "bcGET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
	hear_text(c, 200, "hello");
	say(c, "PUT /early HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\na");
	struct heard h = hear(c);
	assert_int_equal(h.status, 503);
	assert_true(has(&h, "\r\nConnection: close\r\n"));
	close(c);
	stop();
}

static void a_large_unwanted_body_ends_the_connection_but_the_answer_arrives(void **state)
{
	plain(state);
	int c = dial();
	static char zeros[1 << 20];
	say(c, "PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n");
	for (int i = 0; i < 3; i++)
		say_n(c, zeros, sizeof zeros);
	struct heard h = hear(c);
	assert_int_equal(h.status, 403);
	assert_true(has(&h, "\r\nConnection: close\r\n"));
	assert_closed(c);
	stop();
}

static void trailers_are_reachable(void **state)
{
	plain(state);
	int c = dial();
	say(c, "PUT /trailers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-amz-checksum-crc32: AAAA\r\nB:c\r\n\r\n");
	hear_text(c, 200, "x-amz-checksum-crc32=AAAA;B=c;");
	close(c);
	stop();
}

static void a_stream_both_ways(void **state)
{
	plain(state);
	int c = dial();
	char word[16];
	say(c, "POST /stream HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	char line[64];
	do
		assert_true(hear_line(read_socket, &c, line, sizeof line));
	while (strcmp(line, "\r\n") != 0);
	for (int i = 0; i < 5; i++) {
		say(c, "4\r\nping\r\n");
		assert_true(hear_line(read_socket, &c, line, sizeof line));
		assert_string_equal(line, "4\r\n");
		assert_true(hear_line(read_socket, &c, word, sizeof word));
		assert_string_equal(word, "ping\r\n");
	}
	say(c, "0\r\n\r\n");
	assert_true(hear_line(read_socket, &c, line, sizeof line));
	assert_string_equal(line, "0\r\n");
	close(c);
	stop();
}

static void a_truncated_answer_is_seen_as_such(void **state)
{
	plain(state);
	static const char *const paths[] = {"/short", "/cut", "/file-short"};
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		int c = dial();
		char text[100];
		snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", paths[i]);
		say(c, text);
		assert_true(hear(c).cut);
		close(c);
	}
	stop();
}

static void a_slow_reader_holds_the_producer_back(void **state)
{
	plain(state);
	static const char *const paths[] = {"/big", "/big-chunked"};
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		char text[100];
		int c = dial_with(32 * 1024), before = atomic_load(&fx.seen.refused_writes);
		atomic_store(&fx.seen.out, 0);
		snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", paths[i]);
		say(c, text);
		until(&fx.seen.refused_writes, before + 1);
		poll(NULL, 0, 50); /* would it go on? */
		assert_true(atomic_load(&fx.seen.out) < 8 << 20);
		struct heard h = hear(c);
		assert_false(h.cut);
		assert_int_equal(h.body_n, BIG);
		say(c, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
		hear_text(c, 200, "hello");
		close(c);
	}
	stop();
}

static void a_large_answer_at_once(void **state)
{
	plain(state);
	int c = dial_with(32 * 1024);
	say(c, "GET /big-whole HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
	struct heard h = hear(c);
	assert_int_equal(h.body_n, BIG);
	assert_int_equal(h.body[0], 'w');
	hear_text(c, 200, "hello");
	close(c);
	stop();
}

static void a_large_body_is_received_in_pieces(void **state)
{
	plain(state);
	int c = dial();
	static char zeros[1 << 20];
	say(c, "PUT /count HTTP/1.1\r\nHost: a\r\nContent-Length: 67108864\r\n\r\n");
	for (int i = 0; i < 64; i++)
		say_n(c, zeros, sizeof zeros);
	hear_text(c, 200, "67108864");
	close(c);
	stop();
}

static void a_paused_body_holds_the_client_back(void **state)
{
	plain(state);
	int c = dial();
	static char zeros[1 << 20];
	size_t sent = 0;
	say(c, "PUT /paused HTTP/1.1\r\nHost: a\r\nContent-Length: 67108864\r\n\r\n");
	fcntl(c, F_SETFL, O_NONBLOCK);
	for (int waited = 0; waited < 100;) { /* until nothing more is taken for 100 ms */
		ssize_t n = send(c, zeros, sent + sizeof zeros <= BIG ? sizeof zeros : BIG - sent, MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		waited = n > 0 ? 0 : waited + 1;
		if (n <= 0)
			poll(NULL, 0, 1);
	}
	assert_true(sent < BIG / 2);
	assert_true(atomic_load(&fx.seen.in) <= 64 * 1024);
	uv_async_send(&fx.poke);
	fcntl(c, F_SETFL, 0);
	while (sent < BIG) {
		size_t n = BIG - sent < sizeof zeros ? BIG - sent : sizeof zeros;
		say_n(c, zeros, n);
		sent += n;
	}
	hear_text(c, 200, "67108864");
	close(c);
	stop();
}

static void files(void **state)
{
	plain(state);
	int c = dial();
	say(c, "GET /file HTTP/1.1\r\nHost: a\r\n\r\nGET /file-part HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
	struct heard h = hear(c);
	assert_false(h.cut);
	assert_int_equal(h.body_n, BIG);
	assert_memory_equal(h.body, "0000000\n0000001\n", 16);
	h = hear(c);
	assert_int_equal(h.body_n, 1000);
	assert_memory_equal(h.body, "0000625\n0000626\n", 16);
	hear_text(c, 200, "hello");
	say(c, "GET /file HTTP/1.1\r\nHost: a\r\n\r\n"); /* and gone in the middle */
	close(c);
	c = dial();
	say(c, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
	hear_text(c, 200, "hello");
	close(c);
	stop();
}

static atomic_int reads;

static ssize_t counting_pread(int fd, void *p, size_t n, off_t at)
{
	atomic_fetch_add(&reads, 1);
	return pread(fd, p, n, at);
}

static ssize_t failing_pread(int fd, void *p, size_t n, off_t at)
{
	errno = EIO;
	return at > 1 << 20 ? -1 : pread(fd, p, n, at);
}

static void files_that_are_not_in_memory(void **state)
{
	os.pread = counting_pread; /* every read is seen, so the worker pool does them all */
	files(state);
	assert_true(atomic_load(&reads) > 100);
	os.pread = failing_pread;
	plain(state);
	int c = dial();
	say(c, "GET /file HTTP/1.1\r\nHost: a\r\n\r\n");
	struct heard h = hear(c);
	assert_true(h.cut && h.body_n > 1 << 20 && h.body_n < 4 << 20);
	close(c);
	stop();
	os.pread = pread;
}

/* --- clients that go away, or dawdle --- */

static void a_client_gone_in_the_middle_of_a_body(void **state)
{
	plain(state);
	int c = dial();
	say(c, "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nabc");
	until(&fx.seen.requests, 1);
	close(c);
	until(&fx.seen.gone, 1);
	c = dial();
	say(c, "PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc");
	until(&fx.seen.requests, 2);
	close(c);
	until(&fx.seen.gone, 2);
	assert_int_equal(atomic_load(&fx.seen.ends), 0);
	stop();
}

static void a_client_gone_while_it_is_waited_for(void **state)
{
	plain(state);
	int c = dial();
	say(c, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	until(&fx.seen.requests, 1);
	struct linger reset = {.l_onoff = 1};
	setsockopt(c, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	close(c); /* a reset is noticed at once */
	until(&fx.seen.gone, 1);
	c = dial();
	say(c, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	until(&fx.seen.requests, 2);
	close(c); /* an end of sending after a second */
	until(&fx.seen.gone, 2);
	c = dial_with(32 * 1024);
	say(c, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	until(&fx.seen.refused_writes, 1);
	close(c);
	until(&fx.seen.gone, 3);
	stop();
}

static void a_client_that_ends_sending_still_gets_its_answer(void **state)
{
	plain(state);
	int c = dial();
	say(c, "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	shutdown(c, SHUT_WR);
	hear_text(c, 200, "abc");
	until(&fx.seen.requests, 2);
	uv_async_send(&fx.poke);
	hear_text(c, 200, "held");
	assert_closed(c);
	assert_int_equal(atomic_load(&fx.seen.gone), 0);
	stop();
}

static const struct http_limits impatient = {
	.head_bytes = 1000, .headers = 10, .head_timeout_ms = 1000, .idle_timeout_ms = 1000, .body_stall_ms = 1000,
	.write_stall_ms = 1000, .connections = 3,
};

static void slow_clients_are_closed(void **state)
{
	(void)state;
	start(&impatient, NULL);
	int c = dial(); /* says nothing */
	assert_closed(c);
	c = dial();
	say(c, "GET /hello HT"); /* dawdles in the head */
	assert_int_equal(hear(c).status, 408);
	assert_closed(c);
	c = dial();
	say(c, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"); /* idle after an answer */
	hear_text(c, 200, "hello");
	assert_closed(c);
	c = dial();
	say(c, "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"); /* dawdles in the body */
	assert_closed(c);
	until(&fx.seen.gone, 1);
	c = dial_with(32 * 1024);
	say(c, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n"); /* does not read */
	until(&fx.seen.gone, 2);
	close(c);
	stop();
}

static void a_head_that_drips_does_not_live_longer(void **state)
{
	(void)state;
	start(&impatient, NULL);
	int c = dial();
	int sent = 0;
	say(c, "GET /hello HTTP/1.1\r\n");
	while (sent < 200 && send(c, "A:b\r\n", 5, MSG_NOSIGNAL) == 5) {
		char peek;
		poll(NULL, 0, 50);
		if (recv(c, &peek, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
			break;
		sent++;
	}
	assert_true(sent < 100);
	int status = hear(c).status;
	assert_true(status == 408 || status == 431);
	close(c);
	stop();
}

static void waiting_for_the_handler_has_no_limit(void **state)
{
	(void)state;
	start(&impatient, NULL);
	int c = dial();
	say(c, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	until(&fx.seen.requests, 1);
	poll(NULL, 0, 2500);
	uv_async_send(&fx.poke);
	hear_text(c, 200, "held");
	close(c);
	stop();
}

static void more_connections_than_allowed(void **state)
{
	(void)state;
	struct http_limits l = http_default_limits;
	l.connections = 3;
	start(&l, NULL);
	int c[4];
	for (int i = 0; i < 3; i++) {
		c[i] = dial();
		say(c[i], "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
		hear_text(c[i], 200, "hello");
	}
	c[3] = dial();
	assert_closed(c[3]);
	for (int i = 0; i < 3; i++)
		close(c[i]);
	stop();
}

static void a_socket_made_elsewhere(void **state)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	socklen_t n = sizeof a;
	extra_fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(extra_fd, (struct sockaddr *)&a, n) != 0) /* no IPv6 here */
		skip();
	assert_int_equal(listen(extra_fd, 10), 0);
	getsockname(extra_fd, (struct sockaddr *)&a, &n);
	plain(state);
	int c = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(c, (struct sockaddr *)&a, n), 0);
	say(c, "GET /target HTTP/1.1\r\nHost: a\r\n\r\n");
	hear_text(c, 200, "a /target  extra");
	uv_async_send(&fx.poke);
	until(&fx.seen.pokes, 1);
	say(c, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"); /* what is connected stays */
	hear_text(c, 200, "hello");
	close(c);
	c = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int refused = 0;
	for (int i = 0; i < 1000 && refused == 0; i++) { /* the descriptor is closed a moment after the poke */
		refused = connect(c, (struct sockaddr *)&a, n);
		if (refused == 0) {
			close(c);
			c = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
		}
	}
	assert_int_equal(refused, -1);
	close(c);
	stop();
}

/* --- stopping --- */

static void stopping_lets_answers_finish(void **state)
{
	plain(state);
	stop_grace_ms = 10 * 1000;
	int idle = dial(), busy = dial();
	say(idle, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
	hear_text(idle, 200, "hello");
	say(busy, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	until(&fx.seen.requests, 2);
	uv_async_send(&fx.stop);
	assert_closed(idle);
	uv_async_send(&fx.poke);
	struct heard h = hear(busy);
	assert_string_equal(h.body, "held");
	assert_true(has(&h, "\r\nConnection: close\r\n"));
	assert_closed(busy);
	until(&fx.seen.stopped, 1);
	pthread_join(fx.thread, NULL);
	assert_int_equal(uv_loop_close(&fx.loop), 0);
}

static void stopping_does_not_wait_forever(void **state)
{
	plain(state);
	stop_grace_ms = 50;
	int busy = dial();
	say(busy, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	until(&fx.seen.requests, 1);
	stop();
	assert_int_equal(atomic_load(&fx.seen.gone), 1);
	assert_closed(busy);
}

static int make_file(void **state)
{
	static char path[] = "/tmp/tsubo-http-XXXXXX";
	*state = path;
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	for (int i = 0; i < BIG / 8; i++)
		fprintf(f, "%07d\n", i);
	return fclose(f);
}

static int remove_file(void **state) { return unlink(*state); }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_one_after_the_other),
		cmocka_unit_test(a_request_byte_by_byte),
		cmocka_unit_test(pipelined_requests_are_answered_in_order),
		cmocka_unit_test(many_pipelined_requests),
		cmocka_unit_test(http_1_0),
		cmocka_unit_test(head_has_the_length_and_no_body),
		cmocka_unit_test(malformed_requests_close),
		cmocka_unit_test(too_long_heads),
		cmocka_unit_test(what_the_handler_says_of_framing_is_dropped),
		cmocka_unit_test(absolute_form),
		cmocka_unit_test(the_100_comes_when_the_body_is_wanted),
		cmocka_unit_test(a_small_unwanted_body_is_skipped),
		cmocka_unit_test(an_answer_amid_the_body_says_what_becomes_of_the_connection),
		cmocka_unit_test(a_large_unwanted_body_ends_the_connection_but_the_answer_arrives),
		cmocka_unit_test(trailers_are_reachable),
		cmocka_unit_test(a_stream_both_ways),
		cmocka_unit_test(a_truncated_answer_is_seen_as_such),
		cmocka_unit_test(a_slow_reader_holds_the_producer_back),
		cmocka_unit_test(a_large_answer_at_once),
		cmocka_unit_test(a_large_body_is_received_in_pieces),
		cmocka_unit_test(a_paused_body_holds_the_client_back),
		cmocka_unit_test(files),
		cmocka_unit_test(files_that_are_not_in_memory),
		cmocka_unit_test(a_client_gone_in_the_middle_of_a_body),
		cmocka_unit_test(a_client_gone_while_it_is_waited_for),
		cmocka_unit_test(a_client_that_ends_sending_still_gets_its_answer),
		cmocka_unit_test(slow_clients_are_closed),
		cmocka_unit_test(a_head_that_drips_does_not_live_longer),
		cmocka_unit_test(waiting_for_the_handler_has_no_limit),
		cmocka_unit_test(more_connections_than_allowed),
		cmocka_unit_test(a_socket_made_elsewhere),
		cmocka_unit_test(stopping_lets_answers_finish),
		cmocka_unit_test(stopping_does_not_wait_forever),
	};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
