/* Seeded random clients: pipelines of requests cut anywhere, connections dropped anywhere. What is answered must be right
 * and in order; afterwards nothing is held (stopping ends, the sanitizer finds no leak). CHAOS_SEED repeats a run. */
#include "http_test.h"

enum { ROUNDS = 400, MAX_REQUESTS = 12 };

static uint64_t seed;

static unsigned pick(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 33) % n;
}

struct expected {
	int status;
	char body[600];
	bool last; /* the server closes after it */
};

/* A random body as Content-Length or chunked; *echo gets what it decodes to. */
static void put_body(struct buf *b, char *echo, size_t room)
{
	size_t n = pick((unsigned)room - 1), at = 0;
	for (size_t i = 0; i < n; i++)
		echo[i] = (char)('a' + pick(26));
	echo[n] = '\0';
	if (pick(2) == 0) {
		buf_printf(b, "Content-Length: %zu\r\n\r\n%s", n, echo);
		return;
	}
	buf_lit(b, "Transfer-Encoding: chunked\r\n\r\n");
	while (at < n) {
		size_t part = 1 + pick((unsigned)(n - at));
		buf_printf(b, pick(2) == 0 ? "%zx\r\n" : "%zX;e=1\r\n", part);
		buf_put(b, echo + at, part);
		buf_lit(b, "\r\n");
		at += part;
	}
	buf_printf(b, "0\r\n%s\r\n", pick(3) == 0 ? "T: v\r\n" : "");
}

static void put_request(struct buf *b, struct expected *e)
{
	*e = (struct expected){.status = 200};
	char dropped[600];
	switch (pick(9)) {
	case 0:
	case 1:
		buf_lit(b, "POST /echo HTTP/1.1\r\nHost: a\r\n");
		put_body(b, e->body, sizeof e->body);
		break;
	case 2:
		buf_lit(b, "POST /stream HTTP/1.1\r\nHost: a\r\nX: y\r\n");
		put_body(b, e->body, sizeof e->body);
		break;
	case 3:
		buf_lit(b, "PUT /refuse HTTP/1.1\r\nHost: a\r\n");
		put_body(b, dropped, sizeof dropped);
		e->status = 403;
		snprintf(e->body, sizeof e->body, "no");
		break;
	case 4:
		buf_lit(b, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
		e->status = 204;
		break;
	case 5:
		buf_lit(b, "GET /pieces HTTP/1.1\r\nHost: a\r\n\r\n");
		snprintf(e->body, sizeof e->body, "one,two");
		break;
	case 6:
		if (pick(6) == 0) {
			buf_lit(b, "GET / HTTP/1.1\r\nbad\r\n\r\n");
			e->status = 400;
			e->last = true;
			snprintf(e->body, sizeof e->body, "bad header name\n");
			break;
		}
		buf_lit(b, "GET /target?");
		for (unsigned i = pick(500); i > 0; i--)
			buf_putc(b, 'q');
		buf_lit(b, " HTTP/1.0\r\nConnection: keep-alive\r\nHost: h\r\n\r\n");
		snprintf(e->body, sizeof e->body, "h /target ");
		break;
	default:
		buf_lit(b, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
		snprintf(e->body, sizeof e->body, "hello");
	}
}

/* Say n bytes in random pieces. False when the server has closed (after an error answer it may). */
static bool say_in_pieces(int fd, const char *p, size_t n)
{
	while (n > 0) {
		size_t part = 1 + pick(pick(3) == 0 ? 3 : (unsigned)n);
		part = part < n ? part : n;
		if (send(fd, p, part, MSG_NOSIGNAL) != (ssize_t)part)
			return false;
		p += part;
		n -= part;
		if (pick(8) == 0)
			poll(NULL, 0, 1);
	}
	return true;
}

static void hang_up_somehow(int fd)
{
	struct linger reset = {.l_onoff = 1};
	if (pick(3) == 0)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	else if (pick(2) == 0)
		shutdown(fd, SHUT_WR);
	close(fd);
}

static void one_client(void)
{
	struct expected want[MAX_REQUESTS];
	struct buf b;
	size_t n = 1 + pick(MAX_REQUESTS);
	buf_init(&b, NULL, 0);
	for (size_t i = 0; i < n; i++) {
		put_request(&b, &want[i]);
		if (want[i].last)
			n = i + 1;
	}
	int c = dial();
	bool dropped = pick(3) == 0;
	bool said = say_in_pieces(c, b.p, dropped ? pick((unsigned)b.n + 1) : b.n);
	buf_free(&b);
	if (dropped) {
		hang_up_somehow(c);
		return;
	}
	assert_true(said || want[n - 1].last);
	for (size_t i = 0; i < n; i++) {
		struct heard h = hear(c);
		if (h.status != want[i].status || h.cut || strncmp(h.body, want[i].body, strlen(want[i].body)) != 0)
			fail_msg("request %zu of %zu: heard %d%s \"%s\", want %d \"%s\"", i, n, h.status, h.cut ? " (cut)" : "",
			         h.body, want[i].status, want[i].body);
	}
	if (want[n - 1].last)
		assert_closed(c);
	else
		hang_up_somehow(c);
}

static void random_clients(void **state)
{
	(void)state;
	const char *given = getenv("CHAOS_SEED");
	uint64_t first = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)uv_hrtime() | 1;
	seed = first;
	print_message("CHAOS_SEED=%llu\n", (unsigned long long)first);
	start(&http_default_limits, NULL);
	for (int i = 0; i < ROUNDS; i++)
		one_client();
	int c = dial();
	say(c, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
	hear_text(c, 200, "hello");
	close(c);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(random_clients)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
