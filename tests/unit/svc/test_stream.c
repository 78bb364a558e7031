/* Answers that are made while they are sent: a server and its client on one loop, so that what each does is counted, not timed. */
#include "svc/stream.h"

#include "svc/chain.h"
#include "svc/task.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

enum { PIECE = 100000, MANY = 1000, TURNS = 2000000, REST = 300 };

/* One answer; the test's. */
static struct made {
	struct outgoing out;
	struct arena *arena;
	struct buf pieces;
	size_t steps, last;  /* made; how many there are */
	int ended;
	bool cut;
} made;

static uv_loop_t *loop;
static struct http_server *server;
static int client, stopped;
static struct buf got; /* all that the client has read */
static bool client_eof;

/* ---- the server's side ---- */

static bool step(void *arg)
{
	struct made *m = arg;
	assert_int_equal(m->pieces.n, 0); /* what was made before is on its way */
	memset(m->pieces.p, 'a' + (int)(m->steps % 26), PIECE);
	m->pieces.n = PIECE;
	return ++m->steps == m->last;
}

static void done(void *arg)
{
	struct made *m = arg;
	assert_false(m->ended);
	m->ended = 1;
}

static void drained(struct http_request *r) { outgoing_drained(&((struct made *)r->user)->out); }

static void cut_begin(struct outgoing *o, void *arg)
{
	(void)arg;
	assert_true(outgoing_write(o, S("half")));
	outgoing_cut(o);
}

static void never(void *arg) { (void)arg; fail(); }

static void on_request(struct http_request *r)
{
	static const struct stream_source cutting = {cut_begin, never, never, NULL};
	made.arena = arena_new(0);
	buf_init(&made.pieces, made.arena, PIECE);
	buf_reserve(&made.pieces, PIECE);
	r->user = &made;
	const struct http_header type = {S("Content-Type"), S("text/plain")};
	http_begin(r, 200, &type, 1, -1);
	http_on_drain(r, drained);
	outgoing_begin(&made.out, r, made.cut ? &cutting : stream_of_steps(made.arena, step, &made, &made.pieces), done, &made);
}

static void on_gone(struct http_request *r) { outgoing_gone(&((struct made *)r->user)->out); }

static const struct http_handler handler = {.on_request = on_request, .on_gone = on_gone};

static void server_gone(void *arg)
{
	(void)arg;
	stopped = 1;
}

/* ---- the client's ---- */

static void turn(void)
{
	uv_run(loop, UV_RUN_NOWAIT);
	usleep(50); /* the workers' turn */
}

static void ask(const char *text)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int port = http_listen(server, "127.0.0.1", 0, NULL, NULL);
	assert_true(port > 0);
	to.sin_port = htons((uint16_t)port);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof to), 0);
	assert_int_equal(send(client, text, strlen(text), 0), (ssize_t)strlen(text));
}

static void take(void)
{
	char room[65536];
	ssize_t n = recv(client, room, sizeof room, MSG_DONTWAIT);
	if (n > 0)
		buf_put(&got, room, (size_t)n);
	client_eof |= n == 0 || (n < 0 && errno != EAGAIN);
}

static bool answer_ends(void) { return got.n >= 5 && memcmp(got.p + got.n - 5, "0\r\n\r\n", 5) == 0; }

/* Until *what is set; the client reads on, if it does. */
static void until(const int *what, bool reading)
{
	for (int i = 0; i < TURNS && !*what; i++) {
		turn();
		if (reading)
			take();
	}
	assert_true(*what);
}

/* Until the connection holds all that it can, and then for a while: how many steps were made. */
static size_t fill(void)
{
	for (int i = 0; i < TURNS && !made.out.waits; i++)
		turn();
	assert_true(made.out.waits);
	size_t steps = made.steps;
	for (int i = 0; i < REST; i++)
		turn();
	assert_true(made.out.waits);
	assert_int_equal(made.steps, steps);
	return steps;
}

static struct str body(void)
{
	ptrdiff_t at = str_find_str(buf_view(&got), S("\r\n\r\n"));
	assert_true(at > 0);
	return str_slice(buf_view(&got), (size_t)at + 4, got.n);
}

static struct str head(void) { return str_slice(buf_view(&got), 0, (size_t)(body().p - got.p)); }

/* Take the chunks apart, in place: the bytes. */
static size_t unchunked(void)
{
	struct str rest = body();
	size_t all = 0;
	for (;;) {
		char *end;
		size_t n = strtoul(rest.p, &end, 16);
		assert_memory_equal(end, "\r\n", 2);
		if (n == 0)
			return all;
		for (size_t i = 0; i < n; i += 997)
			assert_int_equal(end[2 + i], 'a' + (int)((all + i) / PIECE % 26));
		all += n;
		rest = str_slice(rest, (size_t)(end + 2 - rest.p) + n + 2, rest.n);
	}
}

static int set_up(void **state)
{
	(void)state;
	static char no_store;
	static struct http_limits limits;
	limits = http_default_limits;
	made = (struct made){.last = MANY};
	loop = uv_default_loop();
	loop_init(loop, (struct store *)(void *)&no_store);
	server = http_server_new(loop, &handler, &limits);
	buf_init(&got, NULL, (size_t)2 * PIECE * MANY);
	stopped = 0;
	client_eof = false;
	client = -1;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (client >= 0)
		close(client);
	if (server != NULL)
		http_server_stop(server, 0, server_gone, NULL);
	server = NULL;
	for (int i = 0; i < TURNS && !stopped; i++)
		turn();
	loop_finish_work();
	loop_stop_timers();
	uv_run(loop, UV_RUN_DEFAULT);
	buf_free(&got);
	if (made.arena != NULL)
		arena_free(made.arena);
	return 0;
}

/* ---- the tests ---- */

static void in_chunks(void **state)
{
	(void)state;
	made.last = 30;
	ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	until(&made.ended, true);
	for (int i = 0; i < TURNS && !answer_ends(); i++) {
		turn();
		take();
	}
	assert_true(str_find_str(head(), S("Transfer-Encoding: chunked")) > 0);
	assert_true(str_find_str(head(), S("Content-Length")) < 0);
	assert_int_equal(unchunked(), made.last * PIECE);
	assert_int_equal(made.out.bytes, made.last * PIECE);
	assert_false(client_eof); /* the connection goes on */
}

static void a_slow_client(void **state)
{
	(void)state;
	ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(fill() < MANY);
	assert_false(made.ended);
	until(&made.ended, true);
	for (int i = 0; i < TURNS && !answer_ends(); i++) {
		turn();
		take();
	}
	assert_int_equal(unchunked(), (size_t)MANY * PIECE);
	assert_int_equal(made.out.bytes, (size_t)MANY * PIECE);
}

static void a_client_that_leaves(void **state)
{
	(void)state;
	ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	size_t steps = fill();
	take();
	assert_true(got.n > 0);
	close(client);
	client = -1;
	until(&made.ended, false);
	assert_true(made.steps < MANY);
	assert_true(made.out.bytes > 0 && (size_t)made.out.bytes < (steps + 10) * PIECE);
}

static void a_server_that_stops(void **state)
{
	(void)state;
	ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	(void)fill();
	http_server_stop(server, 0, server_gone, NULL);
	server = NULL;
	until(&stopped, false);
	until(&made.ended, false);
	assert_true(made.steps < MANY);
}

static void http_1_0(void **state)
{
	(void)state;
	made.last = 30;
	ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	for (int i = 0; i < TURNS && !client_eof; i++) {
		turn();
		take();
	}
	assert_true(made.ended && client_eof);
	assert_true(str_find_str(head(), S("chunked")) < 0 && str_find_str(head(), S("Connection: close")) > 0);
	assert_int_equal(body().n, made.last * PIECE);
}

static void without_a_body(void **state)
{
	(void)state;
	made.last = 3;
	ask("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	until(&made.ended, true);
	for (int i = 0; i < TURNS && !client_eof; i++) {
		turn();
		take();
	}
	assert_int_equal(body().n, 0);
	assert_int_equal(made.out.bytes, 0);
}

static void cut_off(void **state)
{
	(void)state;
	made.cut = true;
	ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	until(&made.ended, true);
	for (int i = 0; i < TURNS && !client_eof; i++) {
		turn();
		take();
	}
	assert_true(client_eof && !answer_ends());
	assert_int_equal(made.out.bytes, 4);
}

/* ---- chains ---- */

static struct counting { struct chain chain; int steps, last, over, pauses; bool stop; } counting;

static bool count_step(void *arg)
{
	struct counting *x = arg;
	return ++x->steps == x->last;
}

static bool count_stepped(void *arg)
{
	struct counting *x = arg;
	assert_false(x->chain.working);
	x->pauses++;
	return x->pauses != 2; /* pauses once */
}

static void count_over(void *arg) { ((struct counting *)arg)->over++; }

static void a_chain_pauses_and_ends(void **state)
{
	(void)state;
	counting = (struct counting){.last = 5};
	chain_init(&counting.chain, count_step, count_stepped, count_over, &counting);
	chain_go_on(&counting.chain);
	until(&counting.pauses, false);
	for (int i = 0; i < REST; i++)
		turn();
	assert_int_equal(counting.steps, 2);
	chain_go_on(&counting.chain);
	until(&counting.over, false);
	assert_int_equal(counting.steps, 5);
	assert_int_equal(counting.over, 1);
	assert_false(counting.chain.stopped);
}

static void a_chain_is_stopped(void **state)
{
	(void)state;
	counting = (struct counting){.last = 1000000};
	chain_init(&counting.chain, count_step, NULL, count_over, &counting);
	chain_go_on(&counting.chain);
	chain_stop(&counting.chain);
	assert_int_equal(counting.over, 0); /* a step is under way, or in the queue */
	until(&counting.over, false);
	assert_int_equal(counting.steps, 1);
	counting = (struct counting){.last = 1};
	chain_init(&counting.chain, count_step, NULL, count_over, &counting);
	chain_stop(&counting.chain);
	assert_int_equal(counting.over, 1);
	assert_int_equal(counting.steps, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(in_chunks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_slow_client, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_client_that_leaves, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_server_that_stops, set_up, tear_down),
		cmocka_unit_test_setup_teardown(http_1_0, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_a_body, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cut_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_chain_pauses_and_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_chain_is_stopped, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
