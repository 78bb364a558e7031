/* A client that costs as little as one can: whole requests, signed beforehand, over keep-alive connections, one under way on each.
 * wrk makes every request anew in Lua and parses all of each answer; beside a server on two cores that is most of what it shows.
 *
 *   replay HOST PORT CLIENTS SECONDS < requests
 *
 * Standard input holds the requests, each with its head and body, with a NUL behind each. They are sent in turn, the first again after
 * the last, until SECONDS are over. One thread. Prints answers, seconds, and those that were not 2xx; ends with 1 when there was one.
 * An answer has a Content-Length or is chunked text without line ends, and at most ANSWER_MAX bytes of head. */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_MAX = 64 << 10, CLIENTS_MAX = 1024, EVENTS = 64, READ_STEP = 1 << 20 };

struct request {
	const char *p;
	size_t n;
};

struct client {
	int fd;
	const struct request *request;
	size_t sent, n;  /* of the request; of the answer's first bytes in `answer` */
	size_t left;     /* of the body, once the head was seen; of a chunked one only its end is looked for */
	bool in_body, chunked, writing;
	char tail[5];    /* the newest bytes */
	char answer[ANSWER_MAX];
};

static struct {
	struct sockaddr_in to;
	char *text; /* of the requests */
	struct request *requests;
	size_t n_requests, next;
	uint64_t done, failed;
	int epoll;
} load;

static void wait_for(struct client *c, int how, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = c};
	if (epoll_ctl(load.epoll, how, c->fd, &e) != 0)
		die("epoll_ctl: %m");
}

static void send_some(struct client *c)
{
	ASSERT(c->request != NULL && c->sent <= c->request->n);
	while (c->sent < c->request->n) {
		ssize_t n = send(c->fd, c->request->p + c->sent, c->request->n - c->sent, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			die("send: %m");
		if (n < 0 && !c->writing)
			wait_for(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
		if (n < 0) {
			c->writing = true;
			return;
		}
		c->sent += (size_t)n;
	}
	if (c->writing)
		wait_for(c, EPOLL_CTL_MOD, EPOLLIN);
	c->writing = false;
}

static void begin(struct client *c)
{
	c->request = &load.requests[load.next++ % load.n_requests];
	c->sent = c->n = 0;
	c->in_body = false;
	send_some(c);
}

static void answered(struct client *c)
{
	if (c->answer[9] != '2' && load.failed++ == 0)
		fprintf(stderr, "%.*s\n", (int)c->n, c->answer);
	load.done++;
	begin(c);
}

static const char last_chunk[5] = {'0', '\r', '\n', '\r', '\n'};

/* Is the answer over with these bytes, its newest? */
static bool over(struct client *c, const char *p, size_t n)
{
	if (!c->chunked)
		return c->left == 0;
	size_t taken = n < sizeof c->tail ? n : sizeof c->tail;
	memmove(c->tail, c->tail + taken, sizeof c->tail - taken);
	memcpy(c->tail + sizeof c->tail - taken, p + n - taken, taken);
	return memcmp(c->tail, last_chunk, sizeof last_chunk) == 0;
}

/* The head is whole: how much of the body is still to come. */
static void read_head(struct client *c)
{
	const char *end = memmem(c->answer, c->n, "\r\n\r\n", 4);
	if (end == NULL && c->n == sizeof c->answer)
		die("an endless head");
	if (end == NULL)
		return;
	const char *at = c->answer;
	size_t name = sizeof "\r\ncontent-length:" - 1;
	while (at < end && strncasecmp(at, "\r\ncontent-length:", name) != 0)
		at = memchr(at + 1, '\r', (size_t)(end - at));
	c->in_body = true;
	c->chunked = at >= end;
	if (c->chunked)
		return;
	size_t length = strtoul(at + name, NULL, 10), there = c->n - (size_t)(end + 4 - c->answer);
	if (there > length)
		die("more than one answer");
	c->left = length - there;
}

static void receive_some(struct client *c)
{
	static char scrap[READ_STEP];
	char *p = c->in_body ? scrap : c->answer + c->n;
	ssize_t n = recv(c->fd, p, c->in_body ? sizeof scrap : sizeof c->answer - c->n, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		die("the server has closed the connection: %m");
	if (c->in_body) {
		ASSERT(c->chunked || (size_t)n <= c->left);
		c->left -= c->chunked ? 0 : (size_t)n;
	} else {
		c->n += (size_t)n;
		read_head(c);
	}
	if (c->in_body && over(c, p, (size_t)n))
		answered(c);
}

static void open_connection(struct client *c)
{
	c->fd = connection_to(&load.to);
	wait_for(c, EPOLL_CTL_ADD, EPOLLIN);
}

static void read_requests(void)
{
	size_t n = 0, cap = 0;
	for (ssize_t got = 1; got > 0; n += (size_t)got) {
		if (cap - n < READ_STEP) {
			cap = cap * 2 + READ_STEP;
			load.text = realloc(load.text, cap);
		}
		if (load.text == NULL)
			die("out of memory");
		got = read(0, load.text + n, cap - n);
		if (got < 0)
			die("read: %m");
	}
	for (char *at = load.text, *end; (end = memchr(at, '\0', n - (size_t)(at - load.text))) != NULL; at = end + 1) {
		load.requests = realloc(load.requests, (load.n_requests + 1) * sizeof *load.requests);
		if (load.requests == NULL)
			die("out of memory");
		load.requests[load.n_requests++] = (struct request){at, (size_t)(end - at)};
	}
	if (load.n_requests == 0)
		die("no requests on standard input");
}

int main(int argc, char **argv)
{
	static struct client *clients[CLIENTS_MAX];
	if (argc != 5) {
		fprintf(stderr, "usage: replay HOST PORT CLIENTS SECONDS < requests\n");
		return 2;
	}
	load.to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)strtol(argv[2], NULL, 10))};
	long n_clients = strtol(argv[3], NULL, 10);
	double seconds = strtod(argv[4], NULL);
	if (inet_pton(AF_INET, argv[1], &load.to.sin_addr) != 1 || n_clients < 1 || n_clients > CLIENTS_MAX)
		die("an IPv4 address and 1 to %d clients", CLIENTS_MAX);
	read_requests();
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	double from = now(), took;
	for (long i = 0; i < n_clients; i++) {
		if ((clients[i] = calloc(1, sizeof(struct client))) == NULL)
			die("out of memory");
		open_connection(clients[i]);
		begin(clients[i]);
	}
	while ((took = now() - from) < seconds) {
		struct epoll_event e[EVENTS];
		int n = epoll_wait(load.epoll, e, EVENTS, 60000);
		if (n == 0)
			die("nothing has moved for a minute");
		for (int i = 0; i < n; i++) {
			struct client *c = e[i].data.ptr;
			if (c->writing && (e[i].events & EPOLLOUT) != 0)
				send_some(c);
			if ((e[i].events & ~(uint32_t)EPOLLOUT) != 0)
				receive_some(c);
		}
	}
	printf("%llu %.6f %llu\n", (unsigned long long)load.done, took, (unsigned long long)load.failed);
	return load.failed > 0;
}
