/* The ceiling for durable writes over HTTP: every request's body is appended to one file, synced in groups, then answered.
 * The same server library as tsubo's, and nothing else: no signature, no model, no index.
 *
 * usage: synced_log PORT FILE */
#include "http/http.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct item {
	struct item *next;
	struct http_request *request; /* NULL: its client has gone */
	size_t n, cap;
	char bytes[2048];
};

static struct item *queued, **tail = &queued, *done;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t some = PTHREAD_COND_INITIALIZER;
static uv_async_t wake;
static int fd;

static void *writer(void *unused)
{
	(void)unused;
	for (;;) {
		pthread_mutex_lock(&lock);
		while (queued == NULL)
			pthread_cond_wait(&some, &lock);
		struct item *group = queued;
		queued = NULL;
		tail = &queued;
		pthread_mutex_unlock(&lock);
		for (struct item *i = group; i != NULL; i = i->next)
			if (write(fd, i->bytes, i->n) != (ssize_t)i->n)
				abort();
		if (fdatasync(fd) != 0)
			abort();
		pthread_mutex_lock(&lock);
		struct item **end = &done;
		while (*end != NULL)
			end = &(*end)->next;
		*end = group;
		pthread_mutex_unlock(&lock);
		uv_async_send(&wake);
	}
	return NULL;
}

static void on_wake(uv_async_t *unused)
{
	(void)unused;
	pthread_mutex_lock(&lock);
	struct item *list = done;
	done = NULL;
	pthread_mutex_unlock(&lock);
	while (list != NULL) {
		struct item *i = list;
		list = i->next;
		if (i->request != NULL)
			http_answer(i->request, 200, NULL, 0, S("{}"));
		free(i);
	}
}

static void on_request(struct http_request *r)
{
	r->user = calloc(1, sizeof(struct item));
	((struct item *)r->user)->request = r;
	http_read_body(r);
}

static void on_body(struct http_request *r, struct str piece)
{
	struct item *i = r->user;
	if (piece.n > sizeof i->bytes - i->n)
		piece.n = sizeof i->bytes - i->n;
	memcpy(i->bytes + i->n, piece.p, piece.n);
	i->n += piece.n;
}

static void on_end(struct http_request *r)
{
	struct item *i = r->user;
	pthread_mutex_lock(&lock);
	*tail = i;
	tail = &i->next;
	pthread_mutex_unlock(&lock);
	pthread_cond_signal(&some);
}

static void on_gone(struct http_request *r) { ((struct item *)r->user)->request = NULL; }

int main(int argc, char **argv)
{
	uint64_t port;
	static const struct http_handler handler = {on_request, on_body, on_end, on_gone};
	if (argc != 3 || !str_to_u64(str_c(argv[1]), &port))
		return 2;
	fd = open(argv[2], O_CREAT | O_WRONLY | O_APPEND, 0600);
	if (fd < 0)
		return 1;
	uv_loop_t *loop = uv_default_loop();
	uv_async_init(loop, &wake, on_wake);
	pthread_t thread;
	if (pthread_create(&thread, NULL, writer, NULL) != 0)
		return 1;
	struct http_server *s = http_server_new(loop, &handler, &http_default_limits);
	if (http_listen(s, "127.0.0.1", (int)port, NULL, NULL) < 0)
		return 1;
	return uv_run(loop, UV_RUN_DEFAULT);
}
