/* The HTTP/1.1 grammar under random bytes: heads, chunked bodies and trailers.
 *
 * Beyond not breaking: results are views into the input; an accepted head is not accepted earlier and does not change
 * with what follows; a chunked body decodes to the same bytes however it is cut. */
#include "http/parse.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADERS = 16 };
static const struct http_limits limits = {.head_bytes = 2048, .headers = HEADERS};

static bool inside(struct str s, struct str in)
{
	return s.n == 0 || (s.p >= in.p && s.p + s.n <= in.p + in.n) || str_eq(s, S("/"));
}

static void check_head(struct str in)
{
	struct http_header room[HEADERS], again[HEADERS];
	struct head h, h2;
	const char *why = NULL;
	int n = parse_head(in, &limits, room, &h, &why);
	if (n <= 0) {
		ASSERT(n == PARSE_MORE || (why != NULL && n <= -400 && n > -600));
		ASSERT(n != PARSE_MORE || in.n <= limits.head_bytes);
		return;
	}
	struct str head = str_of(in.p, (size_t)n);
	ASSERT((size_t)n <= in.n && (size_t)n <= limits.head_bytes && h.n_headers <= HEADERS);
	ASSERT(str_ends(head, S("\r\n\r\n")) || h.n_headers == 0);
	ASSERT(inside(h.method, head) && inside(h.target, head) && inside(h.path, head) && inside(h.query, head));
	ASSERT(inside(h.host, head) && h.method.n > 0 && h.path.n > 0);
	ASSERT(h.has_body == (h.content_length != 0) && h.content_length >= -1);
	for (size_t i = 0; i < h.n_headers; i++) {
		ASSERT(inside(room[i].name, head) && inside(room[i].value, head) && room[i].name.n > 0);
		ASSERT(room[i].value.n == 0 || (memchr(room[i].value.p, '\n', room[i].value.n) == NULL &&
		                                memchr(room[i].value.p, '\r', room[i].value.n) == NULL &&
		                                memchr(room[i].value.p, '\0', room[i].value.n) == NULL));
	}
	ASSERT(parse_head(str_of(in.p, (size_t)n - 1), &limits, again, &h2, &why) == PARSE_MORE);
	ASSERT(parse_head(head, &limits, again, &h2, &why) == n);
}

/* Decode in steps of at most `step` bytes; the status or 0. *used: bytes up to the end of the body. */
static int decode(struct str in, size_t step, struct buf *out, struct buf *trailers, size_t *used)
{
	struct chunked d = {.trailers = trailers};
	*used = 0;
	while (*used < in.n && d.state != CHUNK_DONE) {
		struct str piece;
		const char *why = NULL;
		int64_t n = chunked_next(&d, str_slice(in, *used, *used + step), &piece, &why);
		if (n < 0) {
			ASSERT(why != NULL);
			return (int)-n;
		}
		ASSERT(n > 0 && inside(piece, in));
		buf_str(out, piece);
		*used += (size_t)n;
	}
	return 0;
}

static void check_chunked(struct str in, size_t step)
{
	struct buf whole, cut, trailers, trailers_cut;
	size_t used, used_cut;
	struct http_header room[HEADERS];
	const char *why;
	buf_init(&whole, NULL, 0);
	buf_init(&cut, NULL, 0);
	buf_init(&trailers, NULL, CHUNK_TRAILER_MAX);
	buf_init(&trailers_cut, NULL, CHUNK_TRAILER_MAX);
	int a = decode(in, in.n + 1, &whole, &trailers, &used), b = decode(in, step, &cut, &trailers_cut, &used_cut);
	ASSERT(a == b && str_eq(buf_view(&whole), buf_view(&cut)) && str_eq(buf_view(&trailers), buf_view(&trailers_cut)));
	ASSERT(a != 0 || used == used_cut);
	(void)parse_fields(buf_view(&trailers), room, HEADERS, &why);
	buf_free(&whole);
	buf_free(&cut);
	buf_free(&trailers);
	buf_free(&trailers_cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	/* a copy that ends where the bytes end */
	char *copy = malloc(size);
	memcpy(copy, data + 1, size - 1);
	struct str in = str_of(copy, size - 1);
	check_head(in);
	check_chunked(in, data[0] % 7 + 1u);
	free(copy);
	return 0;
}
