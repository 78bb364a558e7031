/* The server: listeners, accepting, pools of buffers, the sweep that enforces time limits, stopping.
 *
 * What always holds: the sweep timer runs only while there are connections (an idle server does not wake up), and
 * neither it nor the prepare handle keeps the loop alive. The server is freed after its last handle is closed. */
#include "base/time.h"
#include "http/conn.h"
#include "os/os.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

const struct http_limits http_default_limits = {
	.head_bytes = 64 * 1024,
	.headers = 200,
	.head_timeout_ms = 20 * 1000,
	.idle_timeout_ms = 75 * 1000,
	.body_stall_ms = 60 * 1000,
	.write_stall_ms = 60 * 1000,
	.connections = 4096,
};

static void *must_alloc(size_t n)
{
	void *p = calloc(1, n);
	if (p == NULL)
		die("out of memory (%zu bytes)", n);
	return p;
}

char *block_get(struct http_server *s)
{
	return s->n_blocks > 0 ? s->blocks[--s->n_blocks] : must_alloc(BLOCK_BYTES);
}

void block_put(struct http_server *s, char *p)
{
	ASSERT(p != NULL);
	if (s->n_blocks < POOL_MAX)
		s->blocks[s->n_blocks++] = p;
	else
		free(p);
}

struct str date_line(struct http_server *s)
{
	static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
	                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	int64_t now_s = os.wall_ms() / 1000;
	if (UNLIKELY(now_s != s->date_s)) {
		struct civil d = civil_of(now_s * 1000);
		struct buf b;
		buf_init(&b, NULL, 0);
		buf_printf(&b, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[d.weekday], d.day,
		           months[d.month - 1], d.year, d.hour, d.minute, d.second);
		ASSERT(b.n < sizeof s->date);
		memcpy(s->date, b.p, b.n);
		s->date[b.n] = '\0';
		buf_free(&b);
		s->date_s = now_s;
	}
	return str_of(s->date, 37);
}

/* --- time limits --- */

static void on_sweep(uv_timer_t *t)
{
	struct http_server *s = t->data;
	CHECK_MAGIC(s, SERVER_MAGIC);
	int64_t now = (int64_t)uv_now(s->loop);
	bool over = s->stopping && now >= s->stop_at_ms;
	struct http_conn *next;
	for (struct http_conn *c = s->conns; c != NULL; c = next) {
		next = c->next;
		if (c->state == CONN_CLOSED)
			continue;
		if (over)
			conn_close(c);
		else
			conn_sweep(c, now);
	}
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static void sweep_start(struct http_server *s)
{
	ASSERT(s->limits.head_timeout_ms > 0 && s->limits.idle_timeout_ms > 0);
	if (s->sweeping)
		return;
	const struct http_limits *l = &s->limits;
	int64_t tightest = least(least(l->head_timeout_ms, l->idle_timeout_ms), least(l->body_stall_ms, l->write_stall_ms));
	int64_t every = least(1000, tightest / 4);
	if (s->stopping)
		every = least(every, 50);
	every = every < 10 ? 10 : every;
	uv_timer_start(&s->sweep, on_sweep, (uint64_t)every, (uint64_t)every);
	s->sweeping = true;
}

static void on_prepare(uv_prepare_t *p)
{
	struct http_server *s = p->data;
	while (s->ready != NULL) {
		struct http_conn *c = s->ready;
		ASSERT(c->kicked);
		conn_wake(c); /* takes itself off the list */
	}
}

/* --- connections --- */

static void maybe_done(struct http_server *s);

void server_conn_closed(struct http_conn *c)
{
	struct http_server *s = c->server;
	CHECK_MAGIC(s, SERVER_MAGIC);
	ASSERT(s->n_conns > 0);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->magic = 0;
	free(c);
	if (--s->n_conns > 0)
		return;
	if (s->stopping) {
		maybe_done(s);
		return;
	}
	uv_timer_stop(&s->sweep);
	s->sweeping = false;
}

static void closed_unused(uv_handle_t *h) { server_conn_closed(h->data); }

/* IPv4 in IPv6 is shown as IPv4, which is how policies write it. */
static void note_peer(struct http_conn *c)
{
	struct sockaddr_storage a;
	int n = sizeof a;
	if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&a, &n) != 0)
		return;
	if (a.ss_family == AF_INET) {
		uv_ip4_name((struct sockaddr_in *)&a, c->peer, sizeof c->peer);
	} else if (a.ss_family == AF_INET6) {
		struct sockaddr_in6 *six = (struct sockaddr_in6 *)&a;
		if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
			uv_inet_ntop(AF_INET, six->sin6_addr.s6_addr + 12, c->peer, sizeof c->peer);
		else
			uv_ip6_name(six, c->peer, sizeof c->peer);
	}
}

static void on_connection(uv_stream_t *stream, int status)
{
	struct http_listener *l = stream->data;
	CHECK_MAGIC(l, LISTENER_MAGIC);
	struct http_server *s = l->server;
	if (status < 0)
		return;
	struct http_conn *c = must_alloc(sizeof *c);
	c->magic = CONN_MAGIC;
	c->server = s;
	c->tls_ctx = l->tls;
	c->listener_user = l->user;
	uv_tcp_init(s->loop, &c->tcp);
	c->tcp.data = c;
	c->next = s->conns;
	if (s->conns != NULL)
		s->conns->prev = c;
	s->conns = c;
	s->n_conns++;
	if (uv_accept(stream, (uv_stream_t *)&c->tcp) != 0 || s->n_conns > s->limits.connections) {
		c->state = CONN_CLOSED;
		uv_close((uv_handle_t *)&c->tcp, closed_unused);
		return;
	}
	uv_tcp_nodelay(&c->tcp, 1);
	note_peer(c);
	sweep_start(s);
	conn_start(c);
}

/* --- starting and listening --- */

struct http_server *http_server_new(uv_loop_t *loop, const struct http_handler *h, const struct http_limits *limits)
{
	ASSERT(h->on_request != NULL);
	signal(SIGPIPE, SIG_IGN); /* writing to a client that is gone is an error, not the program's end */
	struct http_server *s = must_alloc(sizeof *s);
	s->magic = SERVER_MAGIC;
	s->loop = loop;
	s->handler = h;
	s->limits = *limits;
	s->scratch = must_alloc(SCRATCH_BYTES);
	s->sealed = must_alloc(SCRATCH_BYTES);
	s->room = must_alloc(limits->headers * sizeof *s->room);
	s->date_s = -1;
	uv_timer_init(loop, &s->sweep);
	s->arenas.block = ARENA_BYTES;
	uv_prepare_init(loop, &s->prepare);
	s->sweep.data = s->prepare.data = s;
	uv_prepare_start(&s->prepare, on_prepare);
	uv_unref((uv_handle_t *)&s->sweep);
	uv_unref((uv_handle_t *)&s->prepare);
	s->handles = 2;
	return s;
}

static void listener_closed(uv_handle_t *h)
{
	struct http_listener *l = h->data;
	struct http_server *s = l->server;
	l->magic = 0;
	free(l);
	s->handles--;
	maybe_done(s);
}

void http_listener_close(struct http_listener *l)
{
	CHECK_MAGIC(l, LISTENER_MAGIC);
	if (l->prev != NULL)
		l->prev->next = l->next;
	else
		l->server->listeners = l->next;
	if (l->next != NULL)
		l->next->prev = l->prev;
	uv_close((uv_handle_t *)&l->tcp, listener_closed);
}

static struct http_listener *listener_new(struct http_server *s, struct http_tls *tls, const void *user)
{
	CHECK_MAGIC(s, SERVER_MAGIC);
	ASSERT(!s->stopping);
	struct http_listener *l = must_alloc(sizeof *l);
	l->magic = LISTENER_MAGIC;
	l->server = s;
	l->tls = tls;
	l->user = user;
	uv_tcp_init(s->loop, &l->tcp);
	l->tcp.data = l;
	l->next = s->listeners;
	if (s->listeners != NULL)
		s->listeners->prev = l;
	s->listeners = l;
	s->handles++;
	return l;
}

static int bound_port(struct http_listener *l)
{
	struct sockaddr_storage a;
	int n = sizeof a;
	int err = uv_tcp_getsockname(&l->tcp, (struct sockaddr *)&a, &n);
	if (err != 0)
		return err;
	return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port : ((struct sockaddr_in *)&a)->sin_port);
}

int http_listen(struct http_server *s, const char *host, int port, struct http_tls *tls, const void *listener_user)
{
	struct sockaddr_storage a = {0};
	unsigned flags = 0;
	if (uv_ip4_addr(host, port, (struct sockaddr_in *)&a) != 0) {
		int err = uv_ip6_addr(host, port, (struct sockaddr_in6 *)&a);
		if (err != 0)
			return err;
		flags = UV_TCP_IPV6ONLY;
	}
	struct http_listener *l = listener_new(s, tls, listener_user);
	int err = uv_tcp_bind(&l->tcp, (const struct sockaddr *)&a, flags);
	if (err == 0)
		err = uv_listen((uv_stream_t *)&l->tcp, 1024, on_connection);
	if (err == 0)
		err = bound_port(l);
	if (err < 0)
		http_listener_close(l);
	return err;
}

struct http_listener *http_listen_fd(struct http_server *s, int fd, const void *listener_user)
{
	struct http_listener *l = listener_new(s, NULL, listener_user);
	int err = uv_tcp_open(&l->tcp, fd);
	if (err != 0)
		close(fd);
	else
		err = uv_listen((uv_stream_t *)&l->tcp, 1024, on_connection);
	if (err == 0)
		return l;
	http_listener_close(l);
	return NULL;
}

/* --- stopping --- */

static void server_handle_closed(uv_handle_t *h)
{
	struct http_server *s = h->data;
	if (--s->handles > 0)
		return;
	while (s->n_blocks > 0)
		free(s->blocks[--s->n_blocks]);
	arena_pool_free(&s->arenas);
	free(s->scratch);
	free(s->sealed);
	free(s->room);
	void (*done)(void *) = s->done;
	void *arg = s->done_arg;
	s->magic = 0;
	free(s);
	if (done != NULL)
		done(arg);
}

/* All connections and listeners are gone: close the server's own two handles. */
static void maybe_done(struct http_server *s)
{
	CHECK_MAGIC(s, SERVER_MAGIC);
	if (!s->stopping || s->n_conns > 0 || s->handles > 2 || uv_is_closing((uv_handle_t *)&s->prepare))
		return;
	ASSERT(s->ready == NULL && s->conns == NULL);
	uv_close((uv_handle_t *)&s->sweep, server_handle_closed);
	uv_close((uv_handle_t *)&s->prepare, server_handle_closed);
}

void http_server_stop(struct http_server *s, int64_t grace_ms, void (*done)(void *arg), void *arg)
{
	CHECK_MAGIC(s, SERVER_MAGIC);
	ASSERT(!s->stopping);
	s->stopping = true;
	s->done = done;
	s->done_arg = arg;
	s->stop_at_ms = (int64_t)uv_now(s->loop) + grace_ms;
	while (s->listeners != NULL)
		http_listener_close(s->listeners);
	for (struct http_conn *c = s->conns; c != NULL; c = c->next)
		if (c->state != CONN_CLOSED)
			conn_wind_down(c);
	s->sweeping = false;
	sweep_start(s);
	maybe_done(s);
}

size_t http_server_connections(const struct http_server *s) { return s->n_conns; }
