/* Answers: the status line and headers we own, whole bodies, pieces, chunked coding. See http.h.
 *
 * What always holds: exactly one head goes out for a request; with an announced length exactly that many bytes follow
 * or the connection breaks; a header value cannot end its line. Nothing here calls a handler. */
#include "http/conn.h"

enum { OWN_HEADERS_BYTES = 192 }; /* status line, Date, Content-Length or Transfer-Encoding, Connection */

struct status_text {
	int status;
	struct str text;
};

static const struct status_text status_texts[] = {
	{100, STR_INIT("Continue")}, {101, STR_INIT("Switching Protocols")}, {200, STR_INIT("OK")},
	{201, STR_INIT("Created")}, {202, STR_INIT("Accepted")}, {203, STR_INIT("Non-Authoritative Information")},
	{204, STR_INIT("No Content")}, {205, STR_INIT("Reset Content")}, {206, STR_INIT("Partial Content")},
	{300, STR_INIT("Multiple Choices")}, {301, STR_INIT("Moved Permanently")}, {302, STR_INIT("Found")},
	{303, STR_INIT("See Other")}, {304, STR_INIT("Not Modified")}, {307, STR_INIT("Temporary Redirect")},
	{308, STR_INIT("Permanent Redirect")}, {400, STR_INIT("Bad Request")}, {401, STR_INIT("Unauthorized")},
	{402, STR_INIT("Payment Required")}, {403, STR_INIT("Forbidden")}, {404, STR_INIT("Not Found")},
	{405, STR_INIT("Method Not Allowed")}, {406, STR_INIT("Not Acceptable")}, {408, STR_INIT("Request Timeout")},
	{409, STR_INIT("Conflict")}, {410, STR_INIT("Gone")}, {411, STR_INIT("Length Required")},
	{412, STR_INIT("Precondition Failed")}, {413, STR_INIT("Content Too Large")}, {414, STR_INIT("URI Too Long")},
	{415, STR_INIT("Unsupported Media Type")}, {416, STR_INIT("Range Not Satisfiable")},
	{417, STR_INIT("Expectation Failed")}, {422, STR_INIT("Unprocessable Content")}, {424, STR_INIT("Failed Dependency")},
	{426, STR_INIT("Upgrade Required")}, {428, STR_INIT("Precondition Required")}, {429, STR_INIT("Too Many Requests")},
	{431, STR_INIT("Request Header Fields Too Large")}, {500, STR_INIT("Internal Server Error")},
	{501, STR_INIT("Not Implemented")}, {502, STR_INIT("Bad Gateway")}, {503, STR_INIT("Service Unavailable")},
	{504, STR_INIT("Gateway Timeout")}, {505, STR_INIT("HTTP Version Not Supported")},
	{507, STR_INIT("Insufficient Storage")}, {509, STR_INIT("Bandwidth Limit Exceeded")},
};

static struct str status_text(int status)
{
	if (LIKELY(status == 200))
		return S("OK");
	for (size_t i = 0; i < COUNT_OF(status_texts); i++)
		if (status_texts[i].status == status)
			return status_texts[i].text;
	return S("Unknown");
}

struct str http_header(const struct http_request *r, struct str name)
{
	CHECK_MAGIC(r, REQUEST_MAGIC);
	for (size_t i = 0; i < r->n_headers; i++)
		if (str_eq_nocase(r->headers[i].name, name))
			return r->headers[i].value;
	return STR_NONE;
}

/* --- the head --- */

static char *put(char *p, struct str s)
{
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return p + s.n;
}

#define PUT(p, lit) put((p), S(lit))

static char *put_u64(char *p, uint64_t v)
{
	char text[20];
	size_t at = sizeof text;
	do {
		text[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	return put(p, str_of(text + at, sizeof text - at));
}

/* A value as it may stand in a header: control bytes become spaces, so that none can end the line. */
static char *put_value(char *p, struct str v)
{
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		*p++ = UNLIKELY((c < 0x20 && c != '\t') || c == 0x7f) ? ' ' : (char)c;
	}
	return p;
}

/* Headers that frame the message are ours; a handler's are dropped. */
static bool is_ours(struct str name)
{
	switch (name.n) {
	case 10:
		return str_eq_nocase(name, S("connection")) || str_eq_nocase(name, S("keep-alive"));
	case 14:
		return str_eq_nocase(name, S("content-length"));
	case 17:
		return str_eq_nocase(name, S("transfer-encoding"));
	default:
		return false;
	}
}

static bool name_valid(struct str name)
{
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] <= ' ' || name.p[i] == ':' || name.p[i] == 0x7f)
			return false;
	return name.n > 0;
}

static char *put_headers(char *p, const struct http_header *headers, size_t n, bool *dated)
{
	for (size_t i = 0; i < n; i++) {
		const struct http_header *h = &headers[i];
		if (is_ours(h->name) || !name_valid(h->name))
			continue;
		*dated |= h->name.n == 4 && str_eq_nocase(h->name, S("date"));
		p = put(p, h->name);
		p = PUT(p, ": ");
		p = put_value(p, h->value);
		p = PUT(p, "\r\n");
	}
	return p;
}

/* length: of the body in bytes; -1: chunked, or until close; -2: none at all and no word about it. */
static char *put_head(struct http_conn *c, char *p, int status, const struct http_header *headers, size_t n,
                      int64_t length)
{
	ASSERT(status >= 200 && status <= 999 && length >= -2);
	bool dated = false;
	p = PUT(p, "HTTP/1.1 ");
	p = put_u64(p, (uint64_t)status);
	p = PUT(p, " ");
	p = put(p, status_text(status));
	p = PUT(p, "\r\n");
	p = put_headers(p, headers, n, &dated);
	if (!dated)
		p = put(p, date_line(c->server));
	if (length >= 0) {
		p = PUT(p, "Content-Length: ");
		p = put_u64(p, (uint64_t)length);
		p = PUT(p, "\r\n");
	} else if (c->chunked_out) {
		p = PUT(p, "Transfer-Encoding: chunked\r\n");
	}
	if (!c->keep)
		p = PUT(p, "Connection: close\r\n");
	else if (c->http10)
		p = PUT(p, "Connection: keep-alive\r\n");
	return PUT(p, "\r\n");
}

static size_t head_bound(const struct http_header *headers, size_t n)
{
	size_t total = OWN_HEADERS_BYTES;
	for (size_t i = 0; i < n; i++)
		total += headers[i].name.n + headers[i].value.n + 4;
	return total;
}

static void write_head(struct http_conn *c, int status, const struct http_header *headers, size_t n, int64_t length)
{
	size_t bound = head_bound(headers, n);
	if (LIKELY(bound <= BLOCK_BYTES)) {
		char *p = out_room(c, bound);
		size_t used = (size_t)(put_head(c, p, status, headers, n, length) - p);
		ASSERT(used <= bound);
		c->cork_n += used;
		return;
	}
	char *p = arena_bytes(c->arena, bound);
	struct str head = str_of(p, (size_t)(put_head(c, p, status, headers, n, length) - p));
	ASSERT(head.n <= bound);
	out_write(c, &head, 1);
}

/* Can the connection go on after this answer, as far as known when its head is written? */
static bool may_keep(const struct http_conn *c)
{
	ASSERT(c->r != NULL);
	const struct http_request *r = c->r;
	if (!r->keep_alive || c->server->stopping || c->eof)
		return false;
	if (r->complete)
		return true;
	/* Answered in the middle of a body (the disk is full): a client that sends it all must be told that its connection ends. */
	if (c->body_wanted)
		return !c->chunked_in && c->body_left <= DRAIN_MAX;
	/* An unwanted body: a client that waits for 100 may or may not send it now, which nobody can tell apart. */
	if (r->expects_continue && !c->body_seen && c->in.at == c->in.end)
		return false;
	return c->chunked_in || c->body_left <= DRAIN_MAX;
}

static struct http_conn *conn_of(struct http_request *r)
{
	CHECK_MAGIC(r, REQUEST_MAGIC);
	CHECK_MAGIC(r->conn, CONN_MAGIC);
	ASSERT(r->conn->r == r);
	return r->conn;
}

#define CONTINUE S("HTTP/1.1 100 Continue\r\n\r\n")

static bool status_bodyless(int status) { return status == 204 || status == 304 || status < 200; }

static void begin(struct http_conn *c, int status)
{
	struct http_request *r = c->r;
	ASSERT(!c->begun && !c->released);
	ASSERT(status >= 200 && status <= 999);
	/* A body of no bytes is asked for too, as S3 does: botocore keeps the status that it is told instead of the 100, and gives it to
	 * the next request on the connection as well. */
	if (r->expects_continue && r->complete && !c->body_seen)
		out_write(c, &CONTINUE, 1);
	c->begun = r->answered = true;
	c->bodyless = status_bodyless(status) || str_eq(r->method, S("HEAD"));
	c->keep = may_keep(c);
}

static void finish(struct http_conn *c)
{
	ASSERT(c->begun && !c->ended);
	c->ended = c->released = true;
	conn_kick(c);
}

/* --- for handlers --- */

void http_answer(struct http_request *r, int status, const struct http_header *headers, size_t n, struct str body)
{
	struct http_conn *c = conn_of(r);
	begin(c, status);
	write_head(c, status, headers, n, status_bodyless(status) ? -2 : (int64_t)body.n);
	if (!c->bodyless)
		out_write(c, &body, 1);
	finish(c);
}

void http_begin(struct http_request *r, int status, const struct http_header *headers, size_t n, int64_t length)
{
	struct http_conn *c = conn_of(r);
	ASSERT(length >= -1);
	begin(c, status);
	c->out_left = length;
	c->chunked_out = length < 0 && !c->http10 && !status_bodyless(status);
	if (length < 0 && c->http10 && !c->bodyless)
		c->keep = false; /* the end of the body is the end of the connection */
	write_head(c, status, headers, n, status_bodyless(status) ? -2 : length);
	conn_kick(c);
}

bool http_write(struct http_request *r, struct str piece)
{
	struct http_conn *c = conn_of(r);
	ASSERT(c->begun && !c->ended);
	if (piece.n > 0 && !c->bodyless) {
		if (c->out_left >= 0) {
			ASSERT((int64_t)piece.n <= c->out_left);
			c->out_left -= (int64_t)piece.n;
		}
		if (c->chunked_out) {
			char size[20];
			char *p = size + sizeof size;
			*--p = '\n';
			*--p = '\r';
			for (size_t v = piece.n; v > 0; v >>= 4)
				*--p = "0123456789abcdef"[v & 15];
			out_write(c, (struct str[]){{p, (size_t)(size + sizeof size - p)}, piece, S("\r\n")}, 3);
		} else {
			out_write(c, &piece, 1);
		}
	}
	conn_kick(c);
	if (c->queued < c->drain_below)
		return true;
	c->want_drain = true;
	return false;
}

void http_on_drain(struct http_request *r, void (*fn)(struct http_request *r)) { conn_of(r)->drain_fn = fn; }

size_t http_unsent(const struct http_request *r)
{
	CHECK_MAGIC(r, REQUEST_MAGIC);
	return r->conn->queued + r->conn->cork_n;
}

void http_end(struct http_request *r)
{
	struct http_conn *c = conn_of(r);
	ASSERT(c->begun && !c->ended);
	if (c->chunked_out && !c->bodyless)
		out_write(c, &S("0\r\n\r\n"), 1);
	if (c->out_left > 0 && !c->bodyless)
		c->broken = true; /* less than was announced: the client must notice */
	finish(c);
}

void http_cut(struct http_request *r)
{
	struct http_conn *c = conn_of(r);
	ASSERT(!c->ended);
	c->released = true;
	c->broken = true;
	conn_kick(c);
}

void http_read_body(struct http_request *r)
{
	struct http_conn *c = conn_of(r);
	if (c->body_wanted)
		return;
	c->body_wanted = true;
	if (r->expects_continue && !r->complete && !c->begun && c->in.at == c->in.end) {
		out_write(c, &CONTINUE, 1);
		c->body_seen = true; /* the client will send it: it was asked to */
	}
	conn_kick(c);
}

void http_pause_body(struct http_request *r) { conn_of(r)->body_paused = true; }

void http_resume_body(struct http_request *r)
{
	struct http_conn *c = conn_of(r);
	c->body_paused = false;
	conn_kick(c);
}

/* --- for conn.c --- */

void answer_refuse(struct http_conn *c, int status, const char *why)
{
	char body[200];
	ASSERT(c->r == NULL && strlen(why) < sizeof body - 2);
	char *p = put(body, str_c(why));
	p = PUT(p, "\n");
	struct str text = str_of(body, (size_t)(p - body));
	const struct http_header type = {S("Content-Type"), S("text/plain")};
	c->keep = c->http10 = c->chunked_out = false;
	write_head(c, status, &type, 1, (int64_t)text.n);
	out_write(c, &text, 1);
}
