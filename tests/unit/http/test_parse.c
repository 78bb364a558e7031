/* The HTTP/1.1 grammar: tables of good and bad requests (RFC 9110, 9112), each also cut at every byte, so that no answer
 * depends on how the bytes arrive. The smuggling cases follow RFC 9112, sections 2.2, 5.1, 5.2, 6.1, 6.3 and 7.1. */
#include "http/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct http_limits small = {.head_bytes = 300, .headers = 5};

/* Parse a copy that ends exactly where the bytes end, so that the sanitizer sees any look beyond. */
static int parse(const char *text, size_t n, struct head *h, struct http_header *room, const char **why, char **copy)
{
	*copy = malloc(n > 0 ? n : 1);
	memcpy(*copy, text, n);
	return parse_head(str_of(*copy, n), &small, room, h, why);
}

struct good {
	const char *text;
	const char *method, *path, *query, *host;
	int headers;
	int64_t length;
	bool keep, http10, expects;
};

static const struct good good[] = {
	{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/", NULL, "a", 1, 0, true, false, false},
	{"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/", NULL, "a", 1, 0, true, false, false},
	{"GET /a%20b?x=1&y HTTP/1.1\r\nhost:localhost:4566\r\n\r\n", "GET", "/a%20b", "x=1&y", "localhost:4566", 1, 0, true,
	 false, false},
	{"GET /? HTTP/1.1\r\nHost:\r\n\r\n", "GET", "/", "", "", 1, 0, true, false, false},
	{"GET http://b.example:80/p?q HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/p", "q", "b.example:80", 1, 0, true, false,
	 false},
	{"GET HTTPS://[::1]?q HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/", "q", "[::1]", 1, 0, true, false, false},
	{"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS", "*", NULL, "a", 1, 0, true, false, false},
	{"PUT /k HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n", "PUT", "/k", NULL, "a", 3, 5,
	 true, false, true},
	{"PUT /k HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\ncontent-length: 005\r\n\r\n", "PUT", "/k", NULL, "a", 3, 5, true,
	 false, false},
	{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", "POST", "/", NULL, "a", 2, -1, true, false,
	 false},
	{"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", "GET", "/", NULL, "a", 2, 0, false, false, false},
	{"GET / HTTP/1.0\r\n\r\n", "GET", "/", NULL, "", 0, 0, false, true, false},
	{"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET", "/", NULL, "", 1, 0, true, true, false},
	{"GET / HTTP/1.2\r\nHost: a\r\n\r\n", "GET", "/", NULL, "a", 1, 0, true, false, false},
	{"GET /|{}\"<>\\^` HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/|{}\"<>\\^`", NULL, "a", 1, 0, true, false, false},
	{"GET / HTTP/1.1\r\nHost: a\r\nX: \t a\tb \xc3\xa9 \t\r\nY:\r\n\r\n", "GET", "/", NULL, "a", 3, 0, true, false, false},
	{"PROPFIND / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", "PROPFIND", "/", NULL, "a", 2, 0, true, false,
	 true},
};

static void check_str(struct str got, const char *want)
{
	if (want == NULL) {
		assert_false(str_present(got));
		return;
	}
	if (!str_eq(got, str_c(want)))
		fail_msg("got \"%.*s\", want \"%s\"", STR_ARG(got), want);
}

static void good_requests(void **state)
{
	(void)state;
	struct http_header room[8];
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		const struct good *g = &good[i];
		struct head h;
		const char *why = "";
		char *copy;
		int n = parse(g->text, strlen(g->text), &h, room, &why, &copy);
		if (n != (int)strlen(g->text))
			fail_msg("%s: %d (%s)", g->text, n, why);
		check_str(h.method, g->method);
		check_str(h.path, g->path);
		check_str(h.query, g->query);
		check_str(h.host, g->host);
		assert_int_equal(h.n_headers, g->headers);
		assert_int_equal(h.content_length, g->length);
		assert_int_equal(h.has_body, g->length != 0);
		assert_int_equal(h.keep_alive, g->keep);
		assert_int_equal(h.http10, g->http10);
		assert_int_equal(h.expects_continue, g->expects);
		free(copy);
	}
}

static void good_requests_cut_anywhere(void **state)
{
	(void)state;
	struct http_header room[8];
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		for (size_t n = 0; n < strlen(good[i].text); n++) {
			struct head h;
			const char *why = "";
			char *copy;
			int got = parse(good[i].text, n, &h, room, &why, &copy);
			if (got != PARSE_MORE)
				fail_msg("%.*s: %d (%s)", (int)n, good[i].text, got, why);
			free(copy);
		}
	}
}

static void header_values_are_trimmed(void **state)
{
	(void)state;
	struct http_header room[8];
	struct head h;
	const char *why;
	struct str text = S("GET / HTTP/1.1\r\nHost: a\r\nX-Long-Name-Here: \t a\tb and sixteen bytes more \t\r\n\r\n");
	assert_int_equal(parse_head(text, &small, room, &h, &why), text.n);
	check_str(room[1].name, "X-Long-Name-Here");
	check_str(room[1].value, "a\tb and sixteen bytes more");
}

struct bad {
	int status;
	const char *text;
	size_t n; /* 0: strlen */
};

#define HEAD "GET / HTTP/1.1\r\nHost: a\r\n"
#define X10 "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10

static const struct bad bad[] = {
	/* request line */
	{400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 0},
	{400, "GET / HTTP/1.1\nHost: a\r\n\r\n", 0},
	{400, "GET / HTTP/1.1\rHost: a\r\n\r\n", 0},
	{400, "GET /\r\nHost: a\r\n\r\n", 0},
	{400, "GET / HTTP/11\r\nHost: a\r\n\r\n", 0},
	{400, "GET / http/1.1\r\nHost: a\r\n\r\n", 0},
	{400, "GET / HTTP/1.1x\r\nHost: a\r\n\r\n", 0},
	{400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{400, "GET a HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{400, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{400, "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{400, "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{400, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{400, "GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{400, "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{400, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{400, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{400, "\x16\x03\x01\x02", 0},
	{400, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 0},
	{501, "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 0},
	{505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n", 0},
	{505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0},
	/* fields */
	{400, HEAD "A : b\r\n\r\n", 0},
	{400, HEAD " A: b\r\n\r\n", 0},
	{400, HEAD "A: b\r\n c\r\n\r\n", 0},
	{400, HEAD "A: b\r\n\tc\r\n\r\n", 0},
	{400, HEAD "A: b\nC: d\r\n\r\n", 0},
	{400, HEAD "A: b\rC: d\r\n\r\n", 0},
	{400, HEAD "A: b\r\r\n\r\n", 0},
	{400, HEAD "A: b\x01\r\n\r\n", 0},
	{400, HEAD "A: \x7f\r\n\r\n", 0},
	{400, HEAD "A: \0b\r\n\r\n", sizeof(HEAD "A: \0b\r\n\r\n") - 1},
	{400, HEAD "A\r\n\r\n", 0},
	{400, HEAD ": b\r\n\r\n", 0},
	{400, HEAD "\xc3\xa9: b\r\n\r\n", 0},
	{400, HEAD "A: b\r\n\rX", 0},
	{400, HEAD "A: b\r\n\n", 0},
	/* Host */
	{400, "GET / HTTP/1.1\r\n\r\n", 0},
	{400, "GET / HTTP/1.1\r\nA: b\r\n\r\n", 0},
	{400, HEAD "host: a\r\n\r\n", 0},
	{400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 0},
	{400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 0},
	{400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 0},
	/* framing */
	{400, HEAD "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 0},
	{400, HEAD "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 0},
	{400, HEAD "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 0},
	{400, HEAD "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 0},
	{400, HEAD "Content-Length: 5, 5\r\n\r\n", 0},
	{400, HEAD "Content-Length: +5\r\n\r\n", 0},
	{400, HEAD "Content-Length: -5\r\n\r\n", 0},
	{400, HEAD "Content-Length: 0x5\r\n\r\n", 0},
	{400, HEAD "Content-Length: 5 5\r\n\r\n", 0},
	{400, HEAD "Content-Length:\r\n\r\n", 0},
	{413, HEAD "Content-Length: 9223372036854775808\r\n\r\n", 0},
	{413, HEAD "Content-Length: 99999999999999999999999\r\n\r\n", 0},
	{501, HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n", 0},
	{400, HEAD "Transfer-Encoding: chunked, gzip\r\n\r\n", 0},
	{400, HEAD "Transfer-Encoding: gzip\r\n\r\n", 0},
	{400, HEAD "Transfer-Encoding: identity\r\n\r\n", 0},
	{400, HEAD "Transfer-Encoding: \"chunked\"\r\n\r\n", 0},
	{400, HEAD "Transfer-Encoding: xchunked\r\n\r\n", 0},
	{400, HEAD "Transfer-Encoding:\r\n\r\n", 0},
	{400, HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 0},
	{400, HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", 0},
	{400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 0},
	{417, HEAD "Expect: tea\r\n\r\n", 0},
	/* limits: 300 bytes, 5 headers */
	{414, "GET /" X100 X100 X100 " HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	{431, HEAD "A: " X100 X100 X100 "\r\n\r\n", 0},
	{431, HEAD "A: 1\r\nA: 2\r\nA: 3\r\nA: 4\r\nA: 5\r\n\r\n", 0},
};

static void bad_requests(void **state)
{
	(void)state;
	struct http_header room[8];
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		size_t all = bad[i].n > 0 ? bad[i].n : strlen(bad[i].text);
		for (size_t n = 0; n <= all; n++) {
			struct head h;
			const char *why = "";
			char *copy;
			int got = parse(bad[i].text, n, &h, room, &why, &copy);
			bool fits = got == -bad[i].status || (n < all && got == PARSE_MORE);
			if (!fits)
				fail_msg("%s (%zu of %zu bytes): %d %s, want %d", bad[i].text, n, all, got, why, bad[i].status);
			if (got < 0)
				assert_true(strlen(why) > 0);
			free(copy);
		}
	}
}

/* --- chunked bodies --- */

struct coded {
	int status; /* 0: well */
	const char *text;
	const char *body;     /* decoded */
	const char *trailers; /* the section, or NULL */
};

static const struct coded coded[] = {
	{0, "0\r\n\r\n", "", "\r\n"},
	{0, "5\r\nhello\r\n0\r\n\r\n", "hello", "\r\n"},
	{0, "5\r\nhello\r\n00006\r\n world\r\n000\r\n\r\n", "hello world", "\r\n"},
	{0, "a\r\n0123456789\r\nA;ext=1;b=\"c\"\r\n0123456789\r\n0;last\r\n\r\n", "01234567890123456789", "\r\n"},
	{0, "1\r\n\r\r\n1\r\n\n\r\n0\r\nA: b\r\nC: d\r\n\r\n", "\r\n", "A: b\r\nC: d\r\n\r\n"},
	{400, "\r\n", "", NULL},
	{400, "g\r\n", "", NULL},
	{400, " 5\r\nhello\r\n0\r\n\r\n", "", NULL},
	{400, "5 \r\nhello\r\n0\r\n\r\n", "", NULL},
	{400, "+5\r\nhello\r\n0\r\n\r\n", "", NULL},
	{400, "0x5\r\nhello\r\n0\r\n\r\n", "", NULL},
	{400, "5\nhello\r\n0\r\n\r\n", "", NULL},
	{400, "5\r\nhello\n0\r\n\r\n", "hello", NULL},
	{400, "5\r\nhello0\r\n\r\n", "hello", NULL},
	{400, "5\r\nhelloX\r\n0\r\n\r\n", "hello", NULL},
	{400, "5;a\nb\r\nhello\r\n0\r\n\r\n", "", NULL},
	{400, "5;a\x01\r\nhello\r\n0\r\n\r\n", "", NULL},
	{400, "5;" X100 X100 X100 X100 X100 X100 X100 X100 X100 X100 X100 "\r\nhello\r\n0\r\n\r\n", "", NULL},
	{400, "0\r\n\n", "", NULL},
	{400, "0\r\nA: b\n\r\n", "", NULL},
	{400, "0\r\n\rX", "", NULL},
	{413, "1000000000000000\r\n", "", NULL},
};

/* Decode text given in pieces cut at `cut`; the status, or 0. */
static int decode(const struct coded *t, size_t cut, struct buf *body, struct buf *trailers)
{
	struct chunked d = {.trailers = trailers};
	size_t n = strlen(t->text);
	struct str parts[] = {str_of(t->text, cut), str_of(t->text + cut, n - cut)};
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		while (parts[i].n > 0 && d.state != CHUNK_DONE) {
			struct str piece;
			const char *why = "";
			int64_t used = chunked_next(&d, parts[i], &piece, &why);
			if (used < 0)
				return (int)-used;
			assert_true(used > 0);
			buf_str(body, piece);
			parts[i] = str_slice(parts[i], (size_t)used, parts[i].n);
		}
	}
	if (t->status == 0) {
		assert_int_equal(d.state, CHUNK_DONE);
		assert_int_equal(parts[1].n, 0);
	}
	return 0;
}

static void chunked_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(coded); i++) {
		for (size_t cut = 0; cut <= strlen(coded[i].text); cut++) {
			struct buf body, trailers;
			buf_init(&body, NULL, 0);
			buf_init(&trailers, NULL, CHUNK_TRAILER_MAX);
			int got = decode(&coded[i], cut, &body, &trailers);
			if (got != coded[i].status)
				fail_msg("%s cut at %zu: %d, want %d", coded[i].text, cut, got, coded[i].status);
			check_str(buf_view(&body), coded[i].body);
			if (coded[i].trailers != NULL)
				check_str(buf_view(&trailers), coded[i].trailers);
			buf_free(&body);
			buf_free(&trailers);
		}
	}
}

static void what_follows_a_chunked_body_is_left(void **state)
{
	(void)state;
	struct chunked d = {0};
	struct str in = S("0\r\n\r\nGET /"), piece;
	const char *why;
	assert_int_equal(chunked_next(&d, in, &piece, &why), 5);
	assert_int_equal(d.state, CHUNK_DONE);
	assert_false(str_present(piece));
}

static void trailers_are_bounded(void **state)
{
	(void)state;
	struct chunked d = {0};
	struct str piece;
	const char *why;
	assert_int_equal(chunked_next(&d, S("0\r\nA: "), &piece, &why), 6);
	int64_t got = 0;
	size_t fed = 0;
	while (got >= 0 && fed < 100000) {
		got = chunked_next(&d, S(X100), &piece, &why);
		fed += 100;
	}
	assert_int_equal(got, -431);
	assert_true(fed < CHUNK_TRAILER_MAX + 200);
}

static void trailer_fields(void **state)
{
	(void)state;
	struct http_header room[2];
	const char *why;
	assert_int_equal(parse_fields(S("A: b\r\nC:d \r\n\r\n"), room, 2, &why), 2);
	check_str(room[1].name, "C");
	check_str(room[1].value, "d");
	assert_int_equal(parse_fields(S("\r\n"), room, 2, &why), 0);
	assert_int_equal(parse_fields(S("A : b\r\n\r\n"), room, 2, &why), -400);
	assert_int_equal(parse_fields(S("A: b\r\n c\r\n\r\n"), room, 2, &why), -400);
	assert_int_equal(parse_fields(S("A: b\r\nA: b\r\nA: b\r\n\r\n"), room, 2, &why), -431);
	assert_int_equal(parse_fields(S("A: b\r\n"), room, 2, &why), -400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_requests),
		cmocka_unit_test(good_requests_cut_anywhere),
		cmocka_unit_test(header_values_are_trimmed),
		cmocka_unit_test(bad_requests),
		cmocka_unit_test(chunked_bodies),
		cmocka_unit_test(what_follows_a_chunked_body_is_left),
		cmocka_unit_test(trailers_are_bounded),
		cmocka_unit_test(trailer_fields),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
