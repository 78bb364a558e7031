/* A server on a thread of its own and a blocking client, for test_server.c and test_tls.c.
 *
 * The handler does by path what a test needs (see on_request); what it saw is counted in `seen`, which may be read from
 * the test's thread. Every wait of the client ends after WAIT_S, which ends a broken run and judges no
 * slow machine. */
#ifndef TSUBO_HTTP_TEST_H
#define TSUBO_HTTP_TEST_H

#include "base/buf.h"
#include "http/http.h"
#include "http/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { BIG = 64 << 20, WAIT_S = 120 };

struct seen {
	atomic_int requests, ends, gone, pokes, stopped;
	atomic_size_t in, out; /* body bytes received, produced */
	atomic_int refused_writes;
};

struct fixture {
	uv_loop_t loop;
	uv_async_t poke, stop;
	pthread_t thread;
	struct http_server *server;
	int port;
	struct seen seen;
	struct http_request *held; /* loop thread only */
	struct http_listener *extra; /* on extra_fd; closed by a poke while nothing is held */
	char file[128];
};

static struct fixture fx;

/* --- the handler --- */

struct job {
	struct buf body;
	size_t left;
};

static bool path_is(struct http_request *r, const char *path) { return str_eq(r->raw_path, str_c(path)); }

static const struct http_header text_plain[] = {{STR_INIT("Content-Type"), STR_INIT("text/plain")}};

static void answer_text(struct http_request *r, int status, struct str body)
{
	http_answer(r, status, text_plain, 1, body);
}

static void produce(struct http_request *r)
{
	static char zeros[60000];
	struct job *j = r->user;
	while (j->left > 0) {
		size_t n = j->left < sizeof zeros ? j->left : sizeof zeros;
		j->left -= n;
		atomic_fetch_add(&fx.seen.out, n);
		if (!http_write(r, str_of(zeros, n)) && j->left > 0) {
			atomic_fetch_add(&fx.seen.refused_writes, 1);
			return;
		}
	}
	http_end(r);
}

static void evil_headers(struct http_request *r)
{
	const struct http_header h[] = {{S("X-A"), S("b\r\nSet-Cookie: c")}, {S("Content-Length"), S("99")},
	                                {S("Date"), S("then")}, {S("bad name"), S("x")}};
	http_answer(r, 200, h, COUNT_OF(h), S("ok"));
}

static void send_file(struct http_request *r)
{
	int fd = open(fx.file, O_RDONLY | O_CLOEXEC);
	ASSERT(fd >= 0);
	bool part = path_is(r, "/file-part"), short_file = path_is(r, "/file-short");
	int64_t length = part ? 1000 : short_file ? BIG + 1 : BIG;
	http_begin(r, 200, text_plain, 1, length);
	http_send_file(r, fd, part ? 5000 : 0, length);
}

static void on_request(struct http_request *r)
{
	struct job *j = arena_new_of(r->arena, struct job);
	r->user = j;
	buf_init(&j->body, r->arena, 1 << 20);
	atomic_fetch_add(&fx.seen.requests, 1);
	if (path_is(r, "/hello")) {
		answer_text(r, 200, S("hello"));
	} else if (path_is(r, "/target")) {
		const char *user = r->listener_user;
		answer_text(r, 200, arena_printf(r->arena, "%.*s %.*s %.*s %s", STR_ARG(r->host), STR_ARG(r->raw_path),
		                                 STR_ARG(r->raw_query), user != NULL ? user : r->tls ? "tls" : "plain"));
	} else if (path_is(r, "/refuse")) {
		answer_text(r, 403, S("no"));
	} else if (path_is(r, "/none")) {
		http_answer(r, 204, NULL, 0, S(""));
	} else if (path_is(r, "/evil")) {
		evil_headers(r);
	} else if (path_is(r, "/pieces")) {
		http_begin(r, 200, text_plain, 1, -1);
		http_write(r, S("one,"));
		http_write(r, S("two"));
		http_end(r);
	} else if (path_is(r, "/short")) {
		http_begin(r, 200, text_plain, 1, 10);
		http_write(r, S("four"));
		http_end(r);
	} else if (path_is(r, "/cut")) {
		http_begin(r, 200, text_plain, 1, -1);
		http_write(r, S("half"));
		http_cut(r);
	} else if (path_is(r, "/big") || path_is(r, "/big-chunked")) {
		j->left = BIG;
		http_begin(r, 200, text_plain, 1, path_is(r, "/big") ? BIG : -1);
		http_on_drain(r, produce);
		produce(r);
	} else if (path_is(r, "/big-whole")) {
		char *p = arena_bytes(r->arena, BIG);
		memset(p, 'w', BIG);
		answer_text(r, 200, str_of(p, BIG));
	} else if (str_starts(r->raw_path, S("/file"))) {
		send_file(r);
	} else if (path_is(r, "/hold")) {
		fx.held = r;
	} else if (path_is(r, "/stream")) {
		http_begin(r, 200, text_plain, 1, -1);
		http_read_body(r);
	} else {
		http_read_body(r);
	}
}

static void on_body(struct http_request *r, struct str piece)
{
	struct job *j = r->user;
	atomic_fetch_add(&fx.seen.in, piece.n);
	if (path_is(r, "/stream"))
		http_write(r, piece);
	else if (path_is(r, "/echo"))
		buf_str(&j->body, piece);
	if (path_is(r, "/early"))
		answer_text(r, 503, S("full"));
	if (path_is(r, "/paused") && fx.held == NULL) {
		http_pause_body(r);
		fx.held = r;
	}
}

static void on_end(struct http_request *r)
{
	struct job *j = r->user;
	atomic_fetch_add(&fx.seen.ends, 1);
	if (path_is(r, "/stream")) {
		http_end(r);
	} else if (path_is(r, "/trailers")) {
		for (size_t i = 0; i < r->n_trailers; i++)
			buf_printf(&j->body, "%.*s=%.*s;", STR_ARG(r->trailers[i].name), STR_ARG(r->trailers[i].value));
		answer_text(r, 200, buf_view(&j->body));
	} else if (path_is(r, "/count") || path_is(r, "/paused")) {
		fx.held = NULL;
		answer_text(r, 200, arena_printf(r->arena, "%zu", atomic_load(&fx.seen.in)));
	} else {
		answer_text(r, 200, buf_view(&j->body));
	}
}

static void on_gone(struct http_request *r)
{
	if (fx.held == r)
		fx.held = NULL;
	atomic_fetch_add(&fx.seen.gone, 1);
}

/* --- the server's thread --- */

static void on_poke(uv_async_t *a)
{
	(void)a;
	struct http_request *r = fx.held;
	fx.held = NULL;
	atomic_fetch_add(&fx.seen.pokes, 1);
	if (r == NULL) {
		if (fx.extra != NULL)
			http_listener_close(fx.extra);
		fx.extra = NULL;
		return;
	}
	if (path_is(r, "/hold"))
		answer_text(r, 200, S("held"));
	else
		http_resume_body(r);
	if (path_is(r, "/paused"))
		fx.held = r; /* so that it is not paused again */
}

static void on_done(void *arg)
{
	(void)arg;
	atomic_store(&fx.seen.stopped, 1);
	uv_close((uv_handle_t *)&fx.poke, NULL);
	uv_close((uv_handle_t *)&fx.stop, NULL);
}

static int64_t stop_grace_ms;
static int extra_fd = -1; /* a listening socket for the next start, which takes it */

static void on_stop(uv_async_t *a)
{
	(void)a;
	http_server_stop(fx.server, stop_grace_ms, on_done, NULL);
}

static void *serve(void *arg)
{
	(void)arg;
	uv_run(&fx.loop, UV_RUN_DEFAULT);
	return NULL;
}

static const struct http_handler test_handler = {on_request, on_body, on_end, on_gone};

static void start(const struct http_limits *limits, struct http_tls *tls)
{
	memset(&fx, 0, sizeof fx);
	stop_grace_ms = 0;
	assert_int_equal(uv_loop_init(&fx.loop), 0);
	uv_async_init(&fx.loop, &fx.poke, on_poke);
	uv_async_init(&fx.loop, &fx.stop, on_stop);
	fx.server = http_server_new(&fx.loop, &test_handler, limits);
	fx.port = http_listen(fx.server, "127.0.0.1", 0, tls, NULL);
	assert_true(fx.port > 0);
	if (extra_fd >= 0)
		fx.extra = http_listen_fd(fx.server, extra_fd, "extra");
	extra_fd = -1;
	assert_int_equal(pthread_create(&fx.thread, NULL, serve, NULL), 0);
}

static void stop(void)
{
	uv_async_send(&fx.stop);
	pthread_join(fx.thread, NULL);
	assert_int_equal(atomic_load(&fx.seen.stopped), 1);
	assert_int_equal(uv_loop_close(&fx.loop), 0);
}

/* Wait until a counter has reached n. */
static UNUSED void until(atomic_int *counter, int n)
{
	for (int i = 0; i < WAIT_S * 1000 && atomic_load(counter) < n; i++)
		poll(NULL, 0, 1);
	assert_true(atomic_load(counter) >= n);
}

/* --- the client --- */

static int dial_with(int receive_buffer)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval wait = {.tv_sec = WAIT_S};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)fx.port)};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
	if (receive_buffer > 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

static UNUSED int dial(void) { return dial_with(0); }

static UNUSED void say_n(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t put = send(fd, p, n, MSG_NOSIGNAL);
		assert_true(put > 0);
		p += put;
		n -= (size_t)put;
	}
}

static UNUSED void say(int fd, const char *text) { say_n(fd, text, strlen(text)); }

struct heard {
	int status;
	char head[8192];
	size_t body_n;
	char body[4096]; /* the first bytes */
	bool cut;        /* the connection ended too early */
};

/* How bytes come in: the socket, or test_tls.c's session. */
typedef ssize_t (*read_fn)(void *from, char *p, size_t n);

static UNUSED ssize_t read_socket(void *from, char *p, size_t n) { return recv(*(int *)from, p, n, 0); }

static bool hear_line(read_fn get, void *from, char *line, size_t room)
{
	size_t n = 0;
	while (n + 1 < room && get(from, line + n, 1) == 1) {
		n++;
		if (n >= 2 && line[n - 2] == '\r' && line[n - 1] == '\n') {
			line[n] = '\0';
			return true;
		}
	}
	line[n] = '\0';
	return false;
}

static void hear_bytes(read_fn get, void *from, struct heard *h, size_t n)
{
	static char chunk[65536];
	while (n > 0) {
		ssize_t got = get(from, chunk, n < sizeof chunk ? n : sizeof chunk);
		if (got <= 0) {
			h->cut = true;
			return;
		}
		size_t room = sizeof h->body - 1 - (h->body_n < sizeof h->body - 1 ? h->body_n : sizeof h->body - 1);
		if (room > 0)
			memcpy(h->body + h->body_n, chunk, (size_t)got < room ? (size_t)got : room);
		h->body_n += (size_t)got;
		n -= (size_t)got;
	}
}

static void hear_chunks(read_fn get, void *from, struct heard *h)
{
	char line[64];
	for (;;) {
		if (!hear_line(get, from, line, sizeof line)) {
			h->cut = true;
			return;
		}
		size_t n = strtoul(line, NULL, 16);
		hear_bytes(get, from, h, n);
		if (h->cut || !hear_line(get, from, line, sizeof line) || n == 0)
			return;
		assert_string_equal(line, "\r\n");
	}
}

/* One answer, interim ones included. status 0: the connection ended before it. */
static struct heard hear_from(read_fn get, void *from, bool head_only)
{
	struct heard h = {0};
	char line[4096];
	size_t n = 0;
	do {
		if (!hear_line(get, from, line, sizeof line)) {
			h.cut = true;
			return h;
		}
		n += (size_t)snprintf(h.head + n, sizeof h.head - n, "%s", line);
	} while (strcmp(line, "\r\n") != 0);
	assert_int_equal(sscanf(h.head, "HTTP/1.1 %d", &h.status), 1);
	const char *length = strstr(h.head, "\r\nContent-Length: ");
	if (h.status == 204 || h.status == 100) /* RFC 9112, section 6.1: no coding of what is not there */
		assert_null(strstr(h.head, "\r\nTransfer-Encoding:"));
	if (head_only || h.status == 204 || h.status == 100)
		return h;
	if (strstr(h.head, "\r\nTransfer-Encoding: chunked\r\n") != NULL)
		hear_chunks(get, from, &h);
	else if (length != NULL)
		hear_bytes(get, from, &h, strtoul(length + 18, NULL, 10));
	else
		hear_bytes(get, from, &h, SIZE_MAX);
	return h;
}

static UNUSED struct heard hear(int fd) { return hear_from(read_socket, &fd, false); }

/* The server has closed: nothing more comes. */
static UNUSED void assert_closed(int fd)
{
	char c;
	ssize_t n = recv(fd, &c, 1, 0);
	assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
	close(fd);
}

static UNUSED bool has(const struct heard *h, const char *header) { return strstr(h->head, header) != NULL; }

/* Expect an answer of this status and body. */
static UNUSED void hear_text(int fd, int status, const char *body)
{
	struct heard h = hear(fd);
	if (h.status != status || h.cut || strcmp(h.body, body) != 0)
		fail_msg("heard %d%s \"%s\", want %d \"%s\"", h.status, h.cut ? " (cut)" : "", h.body, status, body);
}

#endif
