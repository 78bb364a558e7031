/* A launch made flat for the socket, read back in the child, and turned into one for the host where there is no
 * sandbox; and the socket messages themselves.
 *
 * The reader trusts the writer (it is the same program): a malformed spec is an ASSERT.
 *
 * What always holds: what spec_write takes spec_read gives back byte for byte; a message is sent whole or not at
 * all. */
#include "launcher/proto.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct spec_head {
	uint64_t tmp_bytes, memory_bytes;
	uint32_t cpu_millis, pids, files, host_network, merge_output;
	uint32_t n_argv, n_env, n_mounts, n_listeners;
};

static void put_u32(struct buf *b, uint32_t v)
{
	buf_put(b, &v, sizeof v);
}

/* Length, bytes, NUL: the reader points into the message and needs no copy. */
static void put_text(struct buf *b, const char *text)
{
	ASSERT(b->max <= MESSAGE_MAX);
	size_t n = text != NULL ? strlen(text) : 0;
	put_u32(b, (uint32_t)n);
	buf_put(b, text != NULL ? text : "", n);
	buf_putc(b, '\0');
}

static size_t count_of(const char *const *list)
{
	size_t n = 0;
	while (list != NULL && list[n] != NULL)
		n++;
	return n;
}

bool spec_write(struct buf *b, const struct launch *l)
{
	ASSERT(l->n_mounts == 0 || l->mounts != NULL);
	ASSERT(l->n_listeners <= LISTENERS_MAX);
	ASSERT(l->argv != NULL && l->argv[0] != NULL && l->argv[0][0] == '/');
	struct spec_head h = {l->tmp_bytes, l->memory_bytes, l->cpu_millis, l->pids, l->files, l->host_network, l->merge_output,
	                      (uint32_t)count_of(l->argv), (uint32_t)count_of(l->env), (uint32_t)l->n_mounts,
	                      (uint32_t)l->n_listeners};
	buf_put(b, &h, sizeof h);
	put_text(b, l->cwd);
	put_text(b, l->rw_dir);
	put_text(b, l->rw_at);
	for (size_t i = 0; i < h.n_argv; i++)
		put_text(b, l->argv[i]);
	for (size_t i = 0; i < h.n_env; i++)
		put_text(b, l->env[i]);
	for (size_t i = 0; i < h.n_mounts; i++) {
		put_text(b, l->mounts[i].from);
		put_text(b, l->mounts[i].to);
	}
	for (size_t i = 0; i < h.n_listeners; i++) {
		put_text(b, l->listeners[i].address);
		put_u32(b, (uint32_t)l->listeners[i].port);
	}
	return !b->overflow;
}

struct reader { char *p, *end; };

static uint32_t get_u32(struct reader *r)
{
	uint32_t v;
	ASSERT((size_t)(r->end - r->p) >= sizeof v);
	memcpy(&v, r->p, sizeof v);
	r->p += sizeof v;
	return v;
}

static char *get_text(struct reader *r)
{
	uint32_t n = get_u32(r);
	ASSERT((size_t)(r->end - r->p) > n && r->p[n] == '\0');
	char *text = r->p;
	r->p += n + 1;
	return text;
}

static void *array_of(size_t n, size_t size)
{
	void *p = calloc(n + 1, size);
	if (p == NULL)
		die("out of memory");
	return p;
}

struct spec *spec_read(char *bytes, size_t n)
{
	struct spec_head h;
	ASSERT(n >= sizeof h);
	memcpy(&h, bytes, sizeof h);
	ASSERT(h.n_listeners <= LISTENERS_MAX);
	struct reader r = {bytes + sizeof h, bytes + n};
	struct spec *s = array_of(1, sizeof *s);
	*s = (struct spec){.tmp_bytes = h.tmp_bytes, .memory_bytes = h.memory_bytes, .cpu_millis = h.cpu_millis,
	                   .pids = h.pids, .files = h.files, .host_network = h.host_network != 0,
	                   .merge_output = h.merge_output != 0, .n_argv = h.n_argv, .n_env = h.n_env,
	                   .n_mounts = h.n_mounts, .n_listeners = h.n_listeners};
	s->cwd = get_text(&r);
	s->rw_dir = get_text(&r);
	s->rw_at = get_text(&r);
	s->argv = array_of(h.n_argv, sizeof *s->argv);
	s->env = array_of(h.n_env, sizeof *s->env);
	s->mounts = array_of(h.n_mounts, sizeof *s->mounts);
	s->listeners = array_of(h.n_listeners, sizeof *s->listeners);
	for (size_t i = 0; i < h.n_argv; i++)
		s->argv[i] = get_text(&r);
	for (size_t i = 0; i < h.n_env; i++)
		s->env[i] = get_text(&r);
	for (size_t i = 0; i < h.n_mounts; i++) {
		s->mounts[i].from = get_text(&r);
		s->mounts[i].to = get_text(&r);
	}
	for (size_t i = 0; i < h.n_listeners; i++) {
		s->listeners[i].address = get_text(&r);
		s->listeners[i].port = get_u32(&r);
	}
	ASSERT(r.p == r.end);
	return s;
}

/* ---- to a plain process ---- */

/* Is at[] the beginning of path `to` as a whole component? */
static bool path_at(const char *at, const char *to)
{
	size_t n = strlen(to);
	return n > 0 && strncmp(at, to, n) == 0 && (at[n] == '\0' || at[n] == '/' || at[n] == ':');
}

static const char *host_path(const struct spec *s, const char *at, size_t *taken)
{
	ASSERT(taken != NULL);
	const char *best = NULL;
	*taken = 0;
	for (size_t i = 0; i < s->n_mounts; i++) {
		if (path_at(at, s->mounts[i].to) && strlen(s->mounts[i].to) > *taken) {
			best = s->mounts[i].from;
			*taken = strlen(s->mounts[i].to);
		}
	}
	if (path_at(at, s->rw_at) && strlen(s->rw_at) > *taken) {
		best = s->rw_dir;
		*taken = strlen(s->rw_at);
	}
	return best;
}

/* A heap copy of text with mounted paths and listeners' addresses replaced. A path begins the text or follows ':' or '='. */
static char *plain_text(const struct spec *s, const int *ports, const char *text)
{
	ASSERT(s->n_listeners == 0 || ports != NULL);
	struct buf b;
	buf_init(&b, NULL, 0);
	for (const char *p = text; *p != '\0';) {
		size_t taken = 0;
		const char *host = p == text || p[-1] == ':' || p[-1] == '=' ? host_path(s, p, &taken) : NULL;
		if (host != NULL) {
			buf_put(&b, host, strlen(host));
			p += taken;
			continue;
		}
		for (size_t i = 0; i < s->n_listeners && taken == 0; i++) {
			char address[80];
			int n = snprintf(address, sizeof address, "%s:%u", s->listeners[i].address, s->listeners[i].port);
			if (strncmp(p, address, (size_t)n) == 0 && (p[n] < '0' || p[n] > '9')) {
				buf_printf(&b, "127.0.0.1:%d", ports[i]);
				taken = (size_t)n;
			}
		}
		if (taken == 0)
			buf_putc(&b, *p);
		p += taken == 0 ? 1 : taken;
	}
	buf_putc(&b, '\0');
	return b.p;
}

void spec_to_plain(struct spec *s, const int *ports)
{
	ASSERT(s->n_listeners <= LISTENERS_MAX);
	s->cwd = plain_text(s, ports, s->cwd);
	for (size_t i = 0; i < s->n_argv; i++)
		s->argv[i] = plain_text(s, ports, s->argv[i]);
	for (size_t i = 0; i < s->n_env; i++)
		s->env[i] = plain_text(s, ports, s->env[i]);
}

/* ---- messages ---- */

int message_send(int sock, const void *head, size_t head_n, const void *body, size_t body_n, const int *fds, size_t n_fds)
{
	ASSERT(head != NULL && head_n > 0 && (body_n == 0 || body != NULL));
	ASSERT(n_fds <= FDS_MAX);
	struct iovec iov[2] = {{(void *)head, head_n}, {(void *)body, body_n}};
	union { struct cmsghdr align; char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)]; } control = {0};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = body_n > 0 ? 2 : 1};
	if (n_fds > 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	ssize_t n;
	do {
		n = sendmsg(sock, &m, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -1 : 0;
}

ssize_t message_receive(int sock, void *p, size_t n, int *fds, size_t *n_fds)
{
	ASSERT(n > 0 && n_fds != NULL);
	struct iovec iov = {p, n};
	union { struct cmsghdr align; char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)]; } control = {0};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	ssize_t got;
	do {
		got = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	*n_fds = 0;
	if (got < 0)
		return -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		*n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		ASSERT(*n_fds <= FDS_MAX);
		memcpy(fds, CMSG_DATA(c), *n_fds * sizeof(int));
	}
	return got;
}
