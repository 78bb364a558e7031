/* The program's end of the launcher: processes as objects on the loop.
 *
 * Loop thread only, but for launcher_fork, which comes before threads. Output pipes are made here, so bytes do not pass
 * through the launcher. on_exit waits for the end of both pipes, for at most a second: a descendant that escaped a plain
 * process may hold them. */
#include "launcher/proto.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* PIPE_BYTES_MAX: what a process may make its pipe hold (pipe(7), pipe-max-size). */
enum { PROCESS_MAGIC = 0x70726f63, OUTPUT_WAIT_MS = 1000, PIPE_BYTES_MAX = 1 << 20 };

struct process {
	unsigned magic;
	uint32_t id;
	pid_t pid;
	struct process *next;
	const struct process_events *ev;
	void *user;
	bool started, exited, oom, told;
	uint64_t peak_bytes; /* once exited */
	int status;
	int handles;   /* uv handles not closed yet */
	int open_ends; /* pipes not at their end yet */
	uv_pipe_t out, err;
	uv_timer_t timer;
	char peak_path[400], step[32];
};

struct pending { /* a message the socket had no room for */
	struct pending *next;
	struct request_head head;
	char *spec;
	int fds[2];
	size_t n_fds;
};

static struct {
	int sock;
	pid_t pid;
	bool greeted, sandboxed, gone, attached;
	char limits[512];
	uint32_t last_id;
	struct process *processes;
	struct pending *first, **last;
	uv_loop_t *loop;
	uv_poll_t poll;
	char bytes[65536];
} me = {.sock = -1};

int launcher_fork(void)
{
	ASSERT(me.sock < 0);
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	int room = 1 << 20;
	(void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	(void)setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	pid_t pid = fork();
	if (pid < 0) {
		int error = errno;
		close(pair[0]);
		close(pair[1]);
		errno = error;
		return -1;
	}
	if (pid == 0) {
		close(pair[0]);
		launcher_main(pair[1]);
	}
	close(pair[1]);
	(void)fcntl(pair[0], F_SETFL, O_NONBLOCK); /* this end only */
	me.sock = pair[0];
	me.pid = pid;
	me.last = &me.first;
	return 0;
}

/* ---- the end of a process ---- */

static void on_closed(uv_handle_t *h)
{
	struct process *p = h->data;
	CHECK_MAGIC(p, PROCESS_MAGIC);
	ASSERT(p->handles > 0 && p->handles <= 3);
	if (--p->handles > 0)
		return;
	p->magic = 0;
	free(p);
}

/* Off the list now, freed when the loop has closed its handles. */
static void process_forget(struct process *p)
{
	CHECK_MAGIC(p, PROCESS_MAGIC);
	ASSERT(p->told);
	for (struct process **at = &me.processes; *at != NULL; at = &(*at)->next) {
		if (*at == p) {
			*at = p->next;
			break;
		}
	}
	if (me.processes == NULL && me.attached)
		uv_unref((uv_handle_t *)&me.poll);
	uv_handle_t *const handles[] = {(uv_handle_t *)&p->out, (uv_handle_t *)&p->err, (uv_handle_t *)&p->timer};
	for (size_t i = 0; i < COUNT_OF(handles); i++) {
		if (!uv_is_closing(handles[i]))
			uv_close(handles[i], on_closed);
	}
}

static void maybe_exited(struct process *p)
{
	CHECK_MAGIC(p, PROCESS_MAGIC);
	ASSERT(p->open_ends >= 0 && p->open_ends <= 2);
	if (!p->exited || p->open_ends > 0 || p->told)
		return;
	p->told = true;
	if (p->ev->on_exit != NULL)
		p->ev->on_exit(p, p->status, p->oom);
	process_forget(p);
}

/* Somebody still holds a pipe, but the process itself is gone: its exit is told without the rest. */
static void on_output_wait_over(uv_timer_t *t)
{
	CHECK_MAGIC((struct process *)t->data, PROCESS_MAGIC);
	struct process *p = t->data;
	p->open_ends = 0;
	maybe_exited(p);
}

static void on_alloc(uv_handle_t *h, size_t size, uv_buf_t *b)
{
	(void)h;
	(void)size;
	*b = uv_buf_init(me.bytes, sizeof me.bytes); /* read and given on before the next read */
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct process *p = s->data;
	CHECK_MAGIC(p, PROCESS_MAGIC);
	if (n > 0 && p->ev->on_output != NULL && !p->told)
		p->ev->on_output(p, s == (uv_stream_t *)&p->err, str_of(b->base, (size_t)n));
	if (n >= 0)
		return;
	(void)uv_read_stop(s);
	if (p->open_ends > 0)
		p->open_ends--;
	maybe_exited(p);
}

/* ---- answers ---- */

static struct process *process_by_id(uint32_t id)
{
	for (struct process *p = me.processes; p != NULL; p = p->next) {
		if (p->id == id)
			return p;
	}
	return NULL;
}

/* Nothing runs: say so, once, and forget it. */
static void not_started(struct process *p, int error, const char *step)
{
	CHECK_MAGIC(p, PROCESS_MAGIC);
	ASSERT(error != 0 && !p->started && !p->told);
	snprintf(p->step, sizeof p->step, "%.31s", step);
	p->told = true;
	if (p->ev->on_started != NULL)
		p->ev->on_started(p, error, NULL, NULL, 0);
	process_forget(p);
}

static void started(const struct reply *r, const int *fds, size_t n)
{
	struct process *p = process_by_id(r->id);
	ASSERT(p != NULL && !p->started);
	ASSERT(memchr(r->text, '\0', sizeof r->text) != NULL && r->n_ports <= LISTENERS_MAX);
	p->pid = r->pid;
	if (r->error != 0) {
		not_started(p, r->error, r->text);
		return;
	}
	snprintf(p->peak_path, sizeof p->peak_path, "%.399s", r->text);
	p->started = true;
	ASSERT(n == r->n_ports);
	int ports[LISTENERS_MAX];
	for (size_t i = 0; i < n; i++)
		ports[i] = r->ports[i];
	if (p->ev->on_started != NULL)
		p->ev->on_started(p, 0, fds, ports, n);
	else
		for (size_t i = 0; i < n; i++)
			close(fds[i]);
}

static void heard(const struct reply *r, const int *fds, size_t n)
{
	ASSERT(r->kind >= REPLY_HELLO && r->kind <= REPLY_EXITED && n <= FDS_MAX);
	if (r->kind == REPLY_HELLO) {
		me.greeted = true;
		me.sandboxed = r->sandboxed != 0;
		snprintf(me.limits, sizeof me.limits, "%s", r->text);
		return;
	}
	if (r->kind == REPLY_STARTED) {
		started(r, fds, n);
		return;
	}
	ASSERT(r->kind == REPLY_EXITED);
	struct process *p = process_by_id(r->id);
	ASSERT(p != NULL && p->started);
	p->exited = true;
	p->status = r->status;
	p->oom = r->oom != 0;
	p->peak_bytes = r->peak_bytes;
	if (p->open_ends > 0)
		(void)uv_timer_start(&p->timer, on_output_wait_over, OUTPUT_WAIT_MS, 0);
	maybe_exited(p);
}

/* The launcher is gone, and with it every process: the kernel kills them with their parent. Whoever waits for one hears so. */
static void lost(void)
{
	ASSERT(!me.gone);
	me.gone = true;
	if (me.attached)
		(void)uv_poll_stop(&me.poll);
	for (struct process *p = me.processes, *next; p != NULL; p = next) {
		next = p->next; /* p's memory goes later, when the loop has closed its handles; nothing new can start */
		if (p->told)
			continue;
		if (!p->started) {
			not_started(p, ECONNRESET, "launcher");
			continue;
		}
		p->exited = true;
		p->status = SIGKILL;
		p->open_ends = 0;
		maybe_exited(p);
	}
}

/* One message; false when there is none now. */
static bool read_reply(int flags)
{
	struct reply r;
	int fds[FDS_MAX];
	size_t n_fds;
	struct pollfd p = {me.sock, POLLIN, 0};
	if (me.gone || poll(&p, 1, flags) != 1)
		return false;
	ssize_t n = message_receive(me.sock, &r, sizeof r, fds, &n_fds);
	if (n != (ssize_t)sizeof r) {
		lost();
		return false;
	}
	heard(&r, fds, n_fds);
	return true;
}

/* false: try again when the socket takes more. Other errors mean the launcher is gone, which is heard on the way
 * in. */
static bool send_now(const struct pending *m)
{
	ASSERT(m->n_fds == (m->head.kind == REQUEST_START ? 2u : 0u));
	bool sent = message_send(me.sock, &m->head, sizeof m->head, m->spec, m->head.spec_bytes, m->fds, m->n_fds) == 0;
	return sent || (errno != EAGAIN && errno != ENOBUFS);
}

static void pending_free(struct pending *m)
{
	ASSERT(m->n_fds <= COUNT_OF(m->fds));
	for (size_t i = 0; i < m->n_fds; i++)
		close(m->fds[i]);
	free(m->spec);
	free(m);
}

static void on_socket(uv_poll_t *h, int status, int events)
{
	(void)h;
	if (status < 0) /* an error on the socket comes without events: the launcher died with messages unread */
		events = UV_READABLE;
	while ((events & UV_READABLE) != 0 && read_reply(0))
		;
	while (me.first != NULL && send_now(me.first)) {
		struct pending *m = me.first;
		me.first = m->next;
		if (me.first == NULL)
			me.last = &me.first;
		pending_free(m);
	}
	if (me.attached && !me.gone)
		(void)uv_poll_start(&me.poll, me.first != NULL ? UV_READABLE | UV_WRITABLE : UV_READABLE, on_socket);
}

/* Takes m. */
static void send_or_queue(struct pending *m)
{
	ASSERT(me.attached && m->head.id != 0);
	if (me.first == NULL && send_now(m)) {
		pending_free(m);
		return;
	}
	m->next = NULL;
	*me.last = m;
	me.last = &m->next;
	(void)uv_poll_start(&me.poll, UV_READABLE | UV_WRITABLE, on_socket);
}

static struct pending *pending_new(uint32_t kind, uint32_t id)
{
	ASSERT(kind >= REQUEST_START && kind <= REQUEST_SIGNAL && id != 0);
	struct pending *m = calloc(1, sizeof *m);
	if (m == NULL)
		die("out of memory");
	m->head = (struct request_head){.kind = kind, .id = id};
	return m;
}

/* ---- the loop's side ---- */

void launcher_attach(uv_loop_t *loop)
{
	ASSERT(me.sock >= 0 && !me.attached);
	me.loop = loop;
	if (uv_poll_init(loop, &me.poll, me.sock) != 0 || uv_poll_start(&me.poll, UV_READABLE, on_socket) != 0)
		die("the launcher's socket cannot be polled");
	uv_unref((uv_handle_t *)&me.poll); /* alone it keeps no loop running */
	me.attached = true;
}

void launcher_stop(void)
{
	if (me.sock < 0)
		return;
	while (me.first != NULL) {
		struct pending *m = me.first;
		me.first = m->next;
		pending_free(m);
	}
	if (me.attached) {
		(void)uv_poll_stop(&me.poll);
		uv_close((uv_handle_t *)&me.poll, NULL);
	}
	for (struct process *p = me.processes, *next; p != NULL; p = next) {
		next = p->next;
		p->told = true;
		process_forget(p);
	}
	close(me.sock); /* the launcher kills everything and ends */
	(void)waitpid(me.pid, NULL, 0);
	me.sock = -1;
	me.attached = me.greeted = me.gone = false;
}

/* Its first word is on the way since the fork; waits for it only here. */
static void greet(void)
{
	while (!me.greeted && !me.gone && read_reply(10000))
		;
}

bool launcher_sandboxed(void)
{
	greet();
	return me.sandboxed;
}

const char *launcher_limits(void)
{
	greet();
	return me.gone ? "the launcher is gone" : me.limits;
}

/* process_start may not call back, so what it cannot do is told by the timer. */
static void on_too_large(uv_timer_t *t) { not_started(t->data, E2BIG, "message"); }
static void on_no_pipe(uv_timer_t *t) { not_started(t->data, EMFILE, "pipe"); }

/* An output pipe: read here, *write_end for the process. false: there are no descriptors left. */
static bool pipe_made(struct process *p, uv_pipe_t *pipe, int *write_end)
{
	int ends[2];
	(void)uv_pipe_init(me.loop, pipe, 0);
	pipe->data = p;
	p->handles++;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	(void)uv_pipe_open(pipe, ends[0]); /* makes it non-blocking */
	(void)uv_read_start((uv_stream_t *)pipe, on_alloc, on_read);
	p->open_ends++;
	*write_end = ends[1];
	return true;
}

struct process *process_start(const struct launch *l, const struct process_events *ev, void *user)
{
	ASSERT(me.attached);
	if (me.gone)
		return NULL;
	struct process *p = calloc(1, sizeof *p);
	if (p == NULL)
		die("out of memory");
	*p = (struct process){.magic = PROCESS_MAGIC, .id = ++me.last_id, .ev = ev, .user = user, .next = me.processes};
	me.processes = p;
	uv_ref((uv_handle_t *)&me.poll); /* its end must be heard */
	(void)uv_timer_init(me.loop, &p->timer);
	p->timer.data = p;
	p->handles++;
	struct pending *m = pending_new(REQUEST_START, p->id);
	bool out = pipe_made(p, &p->out, &m->fds[m->n_fds]);
	m->n_fds += out;
	bool err = pipe_made(p, &p->err, &m->fds[m->n_fds]);
	m->n_fds += err;
	if (!out || !err) {
		pending_free(m);
		(void)uv_timer_start(&p->timer, on_no_pipe, 0, 0);
		return p;
	}
	struct buf b;
	buf_init(&b, NULL, MESSAGE_MAX);
	bool fits = spec_write(&b, l);
	m->spec = b.p;
	m->head.spec_bytes = (uint32_t)b.n;
	if (!fits) {
		pending_free(m);
		(void)uv_timer_start(&p->timer, on_too_large, 0, 0);
		return p;
	}
	send_or_queue(m);
	return p;
}

void *process_user(struct process *p)
{
	CHECK_MAGIC(p, PROCESS_MAGIC);
	return p->user;
}

pid_t process_pid(struct process *p)
{
	CHECK_MAGIC(p, PROCESS_MAGIC);
	return p->pid;
}

const char *process_failed_step(struct process *p)
{
	CHECK_MAGIC(p, PROCESS_MAGIC);
	return p->step;
}

static void process_request(struct process *p, uint32_t kind, int signo)
{
	CHECK_MAGIC(p, PROCESS_MAGIC);
	if (me.gone || p->exited)
		return;
	struct pending *m = pending_new(kind, p->id);
	m->head.signo = signo;
	send_or_queue(m);
}

void process_freeze(struct process *p) { process_request(p, REQUEST_FREEZE, 0); }
void process_thaw(struct process *p) { process_request(p, REQUEST_THAW, 0); }
void process_kill(struct process *p) { process_request(p, REQUEST_KILL, 0); }
void process_signal(struct process *p, int signo) { process_request(p, REQUEST_SIGNAL, signo); }

/* Reads past libuv: what was written before the answer must be seen before it, whatever the order of the loop's
 * events. That is no more than a pipe holds; a process that goes on writing does not hold up the loop. */
static void drain_pipe(struct process *p, uv_pipe_t *pipe)
{
	ASSERT(pipe == &p->out || pipe == &p->err);
	uv_os_fd_t fd;
	if (uv_is_closing((uv_handle_t *)pipe) || uv_fileno((uv_handle_t *)pipe, &fd) != 0)
		return;
	for (size_t total = 0; total < PIPE_BYTES_MAX;) {
		ssize_t n = read(fd, me.bytes, sizeof me.bytes);
		if (n <= 0) /* empty, or its end: uv will find that too */
			return;
		total += (size_t)n;
		if (p->ev->on_output != NULL && !p->told)
			p->ev->on_output(p, pipe == &p->err, str_of(me.bytes, (size_t)n));
	}
}

void process_drain(struct process *p)
{
	CHECK_MAGIC(p, PROCESS_MAGIC);
	drain_pipe(p, &p->out);
	drain_pipe(p, &p->err);
}

/* A decimal number after `label` in a small file; label "" for the file's beginning. */
static uint64_t number_in(const char *path, const char *label)
{
	ASSERT(path[0] != '\0' && label != NULL);
	char text[2048];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	const char *at = strstr(text, label);
	return at != NULL ? strtoull(at + strlen(label), NULL, 10) : 0;
}

uint64_t process_memory_peak(struct process *p)
{
	CHECK_MAGIC(p, PROCESS_MAGIC);
	if (p->exited)
		return p->peak_bytes;
	if (p->peak_path[0] != '\0')
		return number_in(p->peak_path, "");
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/status", (int)p->pid);
	return p->pid > 0 ? number_in(path, "VmHWM:") * 1024 : 0;
}
