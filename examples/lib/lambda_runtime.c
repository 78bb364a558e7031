/* The Runtime API by hand: HTTP/1.1 with Content-Length over one kept connection, which is made again when it breaks. */
#include "lambda_runtime.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct connection {
	int fd;
	struct sockaddr_in to;
	char *buf; /* head and body of one answer */
	size_t n, cap;
};

static void no_memory(void)
{
	fputs("out of memory\n", stderr);
	exit(1);
}

static char failure_type[64], failure_message[512];

char *lambda_fail(const char *type, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	snprintf(failure_type, sizeof failure_type, "%s", type);
	vsnprintf(failure_message, sizeof failure_message, fmt, ap);
	va_end(ap);
	return NULL;
}

/* text as a quoted JSON string, cut when there is no room. */
static void put_quoted(char *out, size_t room, const char *text)
{
	size_t n = 0;
	out[n++] = '"';
	for (; *text != '\0' && n + 8 < room; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\')
			out[n++] = '\\';
		if (c >= 0x20)
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, room - n, "\\u%04x", c);
	}
	out[n++] = '"';
	out[n] = '\0';
}

/* ---- the connection ---- */

static int parse_address(const char *text, struct sockaddr_in *to)
{
	char host[64];
	const char *colon = text != NULL ? strrchr(text, ':') : NULL;
	if (colon == NULL || (size_t)(colon - text) >= sizeof host)
		return -1;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	long port = strtol(colon + 1, NULL, 10);
	*to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	return port > 0 && port < 65536 && inet_pton(AF_INET, host, &to->sin_addr) == 1 ? 0 : -1;
}

static int connection_open(struct connection *c)
{
	if (c->fd >= 0)
		return 0;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&c->to, sizeof c->to) != 0)
		return -1;
	return setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void connection_close(struct connection *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static int send_all(struct connection *c, const char *head, size_t head_n, const char *body, size_t body_n)
{
	struct iovec v[2] = {{(void *)head, head_n}, {(void *)body, body_n}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};
	while (v[0].iov_len + v[1].iov_len > 0) {
		ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		for (int i = 0; i < 2; i++) {
			size_t part = (size_t)n < v[i].iov_len ? (size_t)n : v[i].iov_len;
			v[i].iov_base = (char *)v[i].iov_base + part;
			v[i].iov_len -= part;
			n -= (ssize_t)part;
		}
	}
	return 0;
}

/* Read more; the buffer always has room for a NUL. */
static int read_more(struct connection *c)
{
	if (c->n + 16384 > c->cap) {
		c->cap = c->cap > 0 ? c->cap * 2 : 65536;
		c->buf = realloc(c->buf, c->cap);
		if (c->buf == NULL)
			no_memory();
	}
	ssize_t n;
	do {
		n = recv(c->fd, c->buf + c->n, c->cap - c->n - 1, 0);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return -1;
	c->n += (size_t)n;
	c->buf[c->n] = '\0';
	return 0;
}

/* The value of a header in the head that ends at `end`, made a string in place; "" when it is not there. */
static char *header(char *head, const char *end, const char *name)
{
	size_t n = strlen(name);
	for (char *line = strstr(head, "\r\n"); line != NULL && line < end; line = strstr(line + 2, "\r\n")) {
		if (strncasecmp(line + 2, name, n) != 0 || line[2 + n] != ':')
			continue;
		char *value = line + 3 + n;
		return value + strspn(value, " ");
	}
	return "";
}

/* One request and its answer in c->buf: *body points behind the head. 0, or -1. */
static int exchange(struct connection *c, const char *head, size_t head_n, const char *body_out, size_t body_out_n, char **body, size_t *body_n)
{
	c->n = 0;
	if (connection_open(c) != 0 || send_all(c, head, head_n, body_out, body_out_n) != 0)
		return -1;
	char *end = NULL;
	while (end == NULL) {
		if (read_more(c) != 0)
			return -1;
		end = strstr(c->buf, "\r\n\r\n");
	}
	size_t head_len = (size_t)(end - c->buf) + 4;
	*body_n = (size_t)strtoull(header(c->buf, end, "Content-Length"), NULL, 10);
	while (c->n < head_len + *body_n) {
		if (read_more(c) != 0)
			return -1;
	}
	*body = c->buf + head_len;
	(*body)[*body_n] = '\0';
	return 0;
}

static const char *text_of(char *value)
{
	char *end = strstr(value, "\r\n");
	if (end != NULL)
		*end = '\0';
	return value;
}

/* ---- the loop ---- */

static int next_event(struct connection *c, const char *host, struct lambda_context *e, char **payload, size_t *payload_n)
{
	char head[256], *body;
	int n = snprintf(head, sizeof head, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: %s\r\n\r\n", host);
	size_t body_n;
	if (exchange(c, head, (size_t)n, NULL, 0, &body, &body_n) != 0)
		return -1;
	const char *end = body - 4;
	char *id = header(c->buf, end, "Lambda-Runtime-Aws-Request-Id"), *arn = header(c->buf, end, "Lambda-Runtime-Invoked-Function-Arn");
	char *trace = header(c->buf, end, "Lambda-Runtime-Trace-Id"), *deadline = header(c->buf, end, "Lambda-Runtime-Deadline-Ms");
	char *context = header(c->buf, end, "Lambda-Runtime-Client-Context");
	*payload = body;
	*payload_n = body_n;
	*e = (struct lambda_context){.deadline_ms = strtoll(deadline, NULL, 10), .request_id = text_of(id),
		.function_arn = text_of(arn), .trace_id = text_of(trace), .client_context = text_of(context)};
	return *e->request_id != '\0' ? 0 : -1;
}

static int post(struct connection *c, const char *host, const char *id, const char *what, const char *type, const char *text)
{
	char head[512], *body;
	size_t body_n;
	int n = snprintf(head, sizeof head, "POST /2018-06-01/runtime/invocation/%s/%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
		"%s%s%sContent-Length: %zu\r\n\r\n", id, what, host, type != NULL ? "Lambda-Runtime-Function-Error-Type: " : "",
		type != NULL ? type : "", type != NULL ? "\r\n" : "", strlen(text));
	if (n < 0 || (size_t)n >= sizeof head)
		return -1;
	return exchange(c, head, (size_t)n, text, strlen(text), &body, &body_n);
}

/* Answer one invocation. 0, or -1 when the connection broke. */
static int serve_one(struct connection *c, const char *host, lambda_handler handler, void *user)
{
	struct lambda_context e;
	char id[64], *payload, type[160], message[1200], told[1400];
	size_t n;
	if (next_event(c, host, &e, &payload, &n) != 0)
		return -1;
	snprintf(id, sizeof id, "%s", e.request_id);
	setenv("_X_AMZN_TRACE_ID", e.trace_id, 1);
	lambda_fail("Function.Error", "the handler gave no answer");
	char *answer = handler(payload, n, &e, user);
	fflush(stdout);
	if (answer != NULL) {
		int result = post(c, host, id, "response", NULL, answer);
		free(answer);
		return result;
	}
	put_quoted(type, sizeof type, failure_type);
	put_quoted(message, sizeof message, failure_message);
	snprintf(told, sizeof told, "{\"errorType\":%s,\"errorMessage\":%s}", type, message);
	return post(c, host, id, "error", failure_type, told);
}

int lambda_run(lambda_handler handler, void *user)
{
	const char *host = getenv("AWS_LAMBDA_RUNTIME_API");
	struct connection c = {.fd = -1};
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (parse_address(host, &c.to) != 0)
		return 1;
	for (int failures = 0; failures < 3;) {
		failures = serve_one(&c, host, handler, user) == 0 ? 0 : failures + 1;
		if (failures > 0)
			connection_close(&c);
	}
	return 1;
}
