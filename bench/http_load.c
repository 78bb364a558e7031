/* A client that moves bytes: requests over keep-alive connections, bodies made up or thrown away. wrk reads 8 KiB at a time
 * and knows no large upload, so what it measures there is itself.
 *
 *   http_load METHOD HOST PORT CLIENTS REQUESTS BODY_BYTES < targets
 *
 * Each line of standard input is a request target (presigned, so no header matters); they are taken in turn, the first again
 * after the last, until REQUESTS were answered. One thread, 256 KiB a read or write. Prints requests, seconds, bytes received
 * and sent, and requests that were not answered by 2xx; ends with 1 when there was one. */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BLOCK = 256 << 10, HEAD_MAX = 8192, CLIENTS_MAX = 1024, LINE_MAX_BYTES = 4096 };

struct client {
	int fd;
	char head[HEAD_MAX];       /* the request's, then the answer's */
	size_t head_n, head_sent;
	int64_t body_left, answer_left; /* answer_left: -1 while in the answer's head */
	char answer[HEAD_MAX];
	size_t answer_n;
	bool busy;
	uint32_t waits_for;
};

static struct {
	const char *method, *host;
	struct sockaddr_in to;
	long clients, requests, started, done, failed;
	int64_t body_bytes, received, sent;
	char **targets;
	size_t n_targets;
	int epoll;
	char block[BLOCK];
} load;

static void wait_for(struct client *c, uint32_t events)
{
	if (c->waits_for == events)
		return;
	struct epoll_event e = {.events = events, .data.ptr = c};
	if (epoll_ctl(load.epoll, c->waits_for == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, c->fd, &e) != 0)
		die("epoll_ctl: %m");
	c->waits_for = events;
}

static void open_connection(struct client *c)
{
	c->fd = connection_to(&load.to);
	c->waits_for = 0;
}

/* The next request, or none is left. */
static void begin(struct client *c)
{
	c->busy = load.started < load.requests;
	if (!c->busy)
		return;
	const char *target = load.targets[(size_t)load.started++ % load.n_targets];
	int n = snprintf(c->head, sizeof c->head, "%s %s HTTP/1.1\r\nHost: %s\r\n", load.method, target, load.host);
	ASSERT(n > 0 && (size_t)n + 64 < sizeof c->head);
	size_t at = (size_t)n;
	if (strcmp(load.method, "PUT") == 0)
		at += (size_t)snprintf(c->head + at, sizeof c->head - at, "Content-Length: %lld\r\n", (long long)load.body_bytes);
	at += (size_t)snprintf(c->head + at, sizeof c->head - at, "\r\n");
	c->head_n = at;
	c->head_sent = c->answer_n = 0;
	c->body_left = load.body_bytes;
	c->answer_left = -1;
	wait_for(c, EPOLLIN | EPOLLOUT);
}

static void send_some(struct client *c)
{
	while (c->head_sent < c->head_n || c->body_left > 0) {
		struct iovec v[2] = {{c->head + c->head_sent, c->head_n - c->head_sent},
		                     {load.block, c->body_left < BLOCK ? (size_t)c->body_left : BLOCK}};
		ssize_t n = writev(c->fd, v, 2);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			die("send: %m");
		size_t head = c->head_n - c->head_sent < (size_t)n ? c->head_n - c->head_sent : (size_t)n;
		c->head_sent += head;
		c->body_left -= n - (ssize_t)head;
		load.sent += n - (ssize_t)head;
	}
	wait_for(c, EPOLLIN);
}

static void answered(struct client *c)
{
	if (c->answer[9] != '2' && load.failed++ == 0)
		fprintf(stderr, "%.*s\n", (int)c->answer_n, c->answer);
	load.done++;
	if (c->body_left > 0)
		die("answered before the body was sent: %.*s", (int)c->answer_n, c->answer);
	begin(c);
}

/* false: more of the head is to come. */
static bool head_done(struct client *c)
{
	char *end = memmem(c->answer, c->answer_n, "\r\n\r\n", 4);
	if (end == NULL && c->answer_n == sizeof c->answer)
		die("an endless answer");
	if (end == NULL)
		return false;
	*end = '\0';
	const char *length = strcasestr(c->answer, "\r\ncontent-length:");
	if (length == NULL)
		die("an answer without a length: %s", c->answer);
	int64_t there = (int64_t)(c->answer_n - (size_t)(end + 4 - c->answer));
	c->answer_left = strtoll(length + sizeof "\r\ncontent-length:" - 1, NULL, 10) - there;
	load.received += there;
	ASSERT(c->answer_left >= 0);
	return true;
}

static void receive_some(struct client *c)
{
	while (c->busy) {
		bool in_head = c->answer_left < 0;
		char *p = in_head ? c->answer + c->answer_n : load.block;
		size_t room = in_head ? sizeof c->answer - c->answer_n : c->answer_left < BLOCK ? (size_t)c->answer_left : BLOCK;
		ssize_t n = recv(c->fd, p, room, 0);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			die("the server has closed the connection: %m");
		if (in_head) {
			c->answer_n += (size_t)n;
			if (!head_done(c))
				continue;
		} else {
			c->answer_left -= n;
			load.received += n;
		}
		if (c->answer_left == 0)
			answered(c);
		if (c->busy && c->head_sent < c->head_n)
			send_some(c);
	}
}

static void read_targets(void)
{
	char line[LINE_MAX_BYTES];
	while (fgets(line, sizeof line, stdin) != NULL) {
		line[strcspn(line, "\r\n")] = '\0';
		load.targets = realloc(load.targets, (load.n_targets + 1) * sizeof *load.targets);
		if (load.targets == NULL || (load.targets[load.n_targets++] = strdup(line)) == NULL)
			die("out of memory");
	}
	if (load.n_targets == 0)
		die("no targets on standard input");
}

int main(int argc, char **argv)
{
	if (argc != 7) {
		fprintf(stderr, "usage: http_load METHOD HOST PORT CLIENTS REQUESTS BODY_BYTES < targets\n");
		return 2;
	}
	static struct client clients[CLIENTS_MAX];
	static char host[256];
	load.method = argv[1];
	(void)snprintf(host, sizeof host, "%s:%s", argv[2], argv[3]);
	load.host = host;
	load.to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)strtol(argv[3], NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	load.clients = strtol(argv[4], NULL, 10);
	load.requests = strtol(argv[5], NULL, 10);
	load.body_bytes = strtoll(argv[6], NULL, 10);
	if (load.clients < 1 || load.clients > CLIENTS_MAX || load.requests < 1)
		die("1 to %d clients, at least one request", CLIENTS_MAX);
	read_targets();
	for (size_t i = 0; i < sizeof load.block; i++)
		load.block[i] = (char)(i * 2654435761u >> 13);
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	double from = now();
	for (long i = 0; i < load.clients; i++) {
		open_connection(&clients[i]);
		begin(&clients[i]);
	}
	while (load.done < load.requests) {
		struct epoll_event e[64];
		int n = epoll_wait(load.epoll, e, 64, 60000);
		if (n == 0)
			die("nothing has moved for a minute");
		for (int i = 0; i < n; i++) {
			struct client *c = e[i].data.ptr;
			if (c->busy && (e[i].events & EPOLLOUT) != 0)
				send_some(c);
			receive_some(c);
		}
	}
	printf("%ld %.6f %lld %lld %ld\n", load.done, now() - from, (long long)load.received, (long long)load.sent, load.failed);
	return load.failed > 0;
}
