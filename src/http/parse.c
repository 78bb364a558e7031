/* The request head: request line, header fields, and what they say about the body and the connection. See parse.h.
 *
 * What always holds: nothing is read outside the input; a head is accepted only when every byte of it fits the
 * grammar of RFC 9112, without its leniencies (no bare LF, no folding, no space before a colon). */
#include "http/parse.h"

#include <limits.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Bits of a byte's classes. */
enum { TOKEN = 1, TARGET = 2, HOSTCH = 4 };

#define A(c) [c] = TOKEN | TARGET | HOSTCH
#define AZ(c) A(c), A((c) + 1), A((c) + 2), A((c) + 3), A((c) + 4), A((c) + 5), A((c) + 6), A((c) + 7), A((c) + 8), \
	A((c) + 9), A((c) + 10), A((c) + 11), A((c) + 12), A((c) + 13), A((c) + 14), A((c) + 15), A((c) + 16), \
	A((c) + 17), A((c) + 18), A((c) + 19), A((c) + 20), A((c) + 21), A((c) + 22), A((c) + 23), A((c) + 24), A((c) + 25)

static const unsigned char class_of[256] = {
	AZ('a'), AZ('A'), A('0'), A('1'), A('2'), A('3'), A('4'), A('5'), A('6'), A('7'), A('8'), A('9'),
	A('!'), A('$'), A('%'), A('&'), A('\''), A('*'), A('+'), A('-'), A('.'), A('_'), A('~'),
	['#'] = TOKEN, ['^'] = TOKEN | TARGET, ['`'] = TOKEN | TARGET, ['|'] = TOKEN | TARGET,
	['('] = TARGET | HOSTCH, [')'] = TARGET | HOSTCH, [','] = TARGET | HOSTCH, [';'] = TARGET | HOSTCH,
	['='] = TARGET | HOSTCH, [':'] = TARGET | HOSTCH, ['['] = TARGET | HOSTCH, [']'] = TARGET | HOSTCH,
	['/'] = TARGET, ['?'] = TARGET, ['@'] = TARGET, ['"'] = TARGET, ['<'] = TARGET, ['>'] = TARGET,
	['\\'] = TARGET, ['{'] = TARGET, ['}'] = TARGET,
};

#undef A
#undef AZ

static inline bool is_class(char c, int bits) { return (class_of[(unsigned char)c] & bits) != 0; }

static const char *skip_class(const char *p, const char *end, int bits)
{
	while (p < end && is_class(*p, bits))
		p++;
	return p;
}

static bool all_class(struct str s, int bits) { return skip_class(s.p, s.p + s.n, bits) == s.p + s.n; }

/* The first control byte (tab excepted) at or after p, or end. */
static const char *find_control(const char *p, const char *end)
{
#ifdef __SSE2__
	const __m128i low = _mm_set1_epi8(0x1f), tab = _mm_set1_epi8('\t'), del = _mm_set1_epi8(0x7f);
	for (; end - p >= 16; p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i ctl = _mm_cmpeq_epi8(_mm_min_epu8(v, low), v);
		ctl = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(v, tab), ctl), _mm_cmpeq_epi8(v, del));
		int mask = _mm_movemask_epi8(ctl);
		if (mask != 0)
			return p + __builtin_ctz((unsigned)mask);
	}
#endif
	for (; p < end; p++) {
		unsigned char c = (unsigned char)*p;
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return p;
	}
	return end;
}

static int refuse(int status, const char *text, const char **why)
{
	ASSERT(status >= 400 && status <= 599 && text != NULL);
	*why = text;
	return -status;
}

/* One "name: value CRLF" at *at. 1: read; 0: more bytes are needed; < 0: refused. */
static int parse_field(const char **at, const char *end, struct http_header *out, const char **why)
{
	ASSERT(*at <= end);
	const char *name = *at, *p = skip_class(name, end, TOKEN);
	if (p == end)
		return PARSE_MORE;
	if (*p != ':' || p == name) {
		if (p == name && (*p == ' ' || *p == '\t'))
			return refuse(400, "folded header line", why);
		return refuse(400, "bad header name", why);
	}
	out->name = str_of(name, (size_t)(p - name));
	p++;
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	const char *value = p;
	p = find_control(p, end);
	if (end - p < 2 && (p == end || *p == '\r'))
		return PARSE_MORE;
	if (p[0] != '\r' || p[1] != '\n')
		return refuse(400, *p == '\n' ? "line feed without carriage return" : "control byte in a header", why);
	*at = p + 2;
	while (p > value && (p[-1] == ' ' || p[-1] == '\t'))
		p--;
	out->value = str_of(value, (size_t)(p - value));
	return 1;
}

/* "HTTP/1.1" as 0, "HTTP/1.0" as 1 (in *http10); other majors 505. p has at least 8 bytes. */
static int parse_version(const char *p, struct head *out, const char **why)
{
	ASSERT(out != NULL && why != NULL);
	if (memcmp(p, "HTTP/", 5) != 0 || p[5] < '0' || p[5] > '9' || p[6] != '.' || p[7] < '0' || p[7] > '9')
		return refuse(400, "bad HTTP version", why);
	if (p[5] != '1')
		return refuse(505, "only HTTP/1.1 and HTTP/1.0 are spoken here", why);
	out->http10 = p[7] == '0';
	return 0;
}

/* absolute-form: "http://authority/path?query"; the authority replaces the Host header's value. */
static int split_absolute(struct head *out, const char **why)
{
	ASSERT(out->target.n > 0);
	struct str rest = out->target;
	if (str_starts_nocase(rest, S("http://")))
		rest = str_slice(rest, 7, rest.n);
	else if (str_starts_nocase(rest, S("https://")))
		rest = str_slice(rest, 8, rest.n);
	else
		return refuse(400, "bad request target", why);
	size_t n = 0;
	while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
		n++;
	out->host = str_of(rest.p, n);
	if (n == 0 || !all_class(out->host, HOSTCH))
		return refuse(400, "bad authority in the request target", why);
	rest = str_slice(rest, n, rest.n);
	ptrdiff_t mark = str_find(rest, '?');
	out->path = mark < 0 ? rest : str_slice(rest, 0, (size_t)mark);
	out->query = mark < 0 ? STR_NONE : str_slice(rest, (size_t)mark + 1, rest.n);
	if (out->path.n == 0)
		out->path = S("/");
	return 0;
}

static int split_target(struct head *out, const char **why)
{
	ASSERT(out->target.n > 0 && out->method.n > 0);
	struct str t = out->target;
	out->host = STR_NONE;
	out->query = STR_NONE;
	if (t.p[0] == '/') {
		const char *mark = memchr(t.p, '?', t.n);
		out->path = mark == NULL ? t : str_of(t.p, (size_t)(mark - t.p));
		if (mark != NULL)
			out->query = str_of(mark + 1, (size_t)(t.p + t.n - mark - 1));
		return 0;
	}
	if (str_eq(out->method, S("CONNECT")))
		return refuse(501, "CONNECT is not supported", why);
	if (t.n == 1 && t.p[0] == '*') {
		out->path = t;
		return str_eq(out->method, S("OPTIONS")) ? 0 : refuse(400, "bad request target", why);
	}
	return split_absolute(out, why);
}

/* 1: read; 0: more; < 0: refused. */
static int parse_request_line(const char **at, const char *end, struct head *out, const char **why)
{
	enum { METHOD_MAX = 32 };
	const char *p = skip_class(*at, end, TOKEN);
	if ((size_t)(p - *at) > METHOD_MAX)
		return refuse(400, "method too long", why);
	if (p == end)
		return PARSE_MORE;
	if (p == *at || *p != ' ')
		return refuse(400, "bad request line", why);
	out->method = str_of(*at, (size_t)(p - *at));
	const char *target = ++p;
	p = skip_class(p, end, TARGET);
	if (p == end)
		return PARSE_MORE;
	if (p == target || *p != ' ')
		return refuse(400, "bad request target", why);
	out->target = str_of(target, (size_t)(p - target));
	p++;
	if (end - p < 10)
		return memchr(p, '\n', (size_t)(end - p)) != NULL ? refuse(400, "bad request line", why) : PARSE_MORE;
	int status = parse_version(p, out, why);
	if (status < 0)
		return status;
	if (p[8] != '\r' || p[9] != '\n')
		return refuse(400, "bad end of the request line", why);
	*at = p + 10;
	status = split_target(out, why);
	return status < 0 ? status : 1;
}

/* What the fields that steer the connection have said so far. */
struct seen {
	bool host, length, chunked, close, keep_alive;
	struct str host_value;
};

static int note_length(struct str v, struct head *out, struct seen *seen, const char **why)
{
	ASSERT(!seen->length || out->content_length >= 0);
	uint64_t n;
	if (v.n == 0)
		return refuse(400, "bad Content-Length", why);
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < '0' || v.p[i] > '9')
			return refuse(400, "bad Content-Length", why);
	if (!str_to_u64(v, &n) || n > INT64_MAX)
		return refuse(413, "Content-Length too large", why);
	if (seen->length && out->content_length != (int64_t)n)
		return refuse(400, "differing Content-Length headers", why);
	seen->length = true;
	out->content_length = (int64_t)n;
	return 0;
}

/* "gzip, chunked" is a coding we do not speak; a body that does not end in chunked has no end at all. */
static int note_coding(struct str v, struct seen *seen, const char **why)
{
	if (seen->chunked)
		return refuse(400, "more than one Transfer-Encoding", why);
	if (!str_eq_nocase(v, S("chunked"))) {
		ptrdiff_t comma = str_rfind(v, ',');
		if (comma > 0 && str_eq_nocase(str_trim(str_slice(v, (size_t)comma + 1, v.n)), S("chunked")))
			return refuse(501, "only the chunked transfer coding is supported", why);
		return refuse(400, "bad Transfer-Encoding", why);
	}
	seen->chunked = true;
	return 0;
}

static void note_connection(struct str v, struct seen *seen)
{
	while (str_present(v)) {
		struct str option = str_trim(str_cut(&v, ','));
		seen->close |= str_eq_nocase(option, S("close"));
		seen->keep_alive |= str_eq_nocase(option, S("keep-alive"));
	}
}

static int note_field(const struct http_header *h, struct head *out, struct seen *seen, const char **why)
{
	switch (h->name.n) {
	case 4:
		if (!str_eq_nocase(h->name, S("host")))
			return 0;
		if (seen->host)
			return refuse(400, "more than one Host header", why);
		if (!all_class(h->value, HOSTCH))
			return refuse(400, "bad Host header", why);
		seen->host = true;
		seen->host_value = h->value;
		return 0;
	case 6:
		if (!str_eq_nocase(h->name, S("expect")))
			return 0;
		if (!str_eq_nocase(h->value, S("100-continue")))
			return refuse(417, "unknown expectation", why);
		out->expects_continue = true;
		return 0;
	case 10:
		if (str_eq_nocase(h->name, S("connection")))
			note_connection(h->value, seen);
		return 0;
	case 14:
		return str_eq_nocase(h->name, S("content-length")) ? note_length(h->value, out, seen, why) : 0;
	case 17:
		return str_eq_nocase(h->name, S("transfer-encoding")) ? note_coding(h->value, seen, why) : 0;
	default:
		return 0;
	}
}

/* What the fields say together; RFC 9112, 6.3 in the order of its cases, with both lengths refused instead of one
 * preferred. */
static int conclude(struct head *out, const struct seen *seen, const char **why)
{
	ASSERT(out->method.n > 0 && out->path.n > 0);
	if (!seen->host && !out->http10)
		return refuse(400, "no Host header", why);
	if (seen->chunked && seen->length)
		return refuse(400, "both Content-Length and Transfer-Encoding", why);
	if (seen->chunked && out->http10)
		return refuse(400, "Transfer-Encoding in HTTP/1.0", why);
	if (!str_present(out->host))
		out->host = seen->host ? seen->host_value : S("");
	if (seen->chunked)
		out->content_length = -1;
	ASSERT(out->content_length >= -1);
	out->has_body = out->content_length != 0;
	out->keep_alive = !seen->close && (!out->http10 || seen->keep_alive);
	if (out->http10)
		out->expects_continue = false;
	return 0;
}

static int too_long(bool in_line, const char **why)
{
	return in_line ? refuse(414, "request target too long", why) : refuse(431, "header section too large", why);
}

int parse_head(struct str in, const struct http_limits *limits, struct http_header *room, struct head *out,
               const char **why)
{
	bool more_than_allowed = in.n > limits->head_bytes;
	const char *p = in.p, *end = in.p + (more_than_allowed ? limits->head_bytes : in.n);
	struct seen seen = {0};
	*out = (struct head){0};
	ASSERT(limits->head_bytes <= INT_MAX);
	if (end - p >= 2 && p[0] == '\r' && p[1] == '\n') /* RFC 9112, 2.2: one empty line before is ignored */
		p += 2;
	else if (end - p == 1 && p[0] == '\r')
		return PARSE_MORE;
	int got = parse_request_line(&p, end, out, why);
	if (got <= 0)
		return got == PARSE_MORE && more_than_allowed ? too_long(true, why) : got;
	for (;;) {
		if (p < end && *p == '\r') {
			if (end - p < 2)
				break;
			if (p[1] != '\n')
				return refuse(400, "carriage return without line feed", why);
			got = conclude(out, &seen, why);
			ASSERT(p + 2 <= end && out->n_headers <= limits->headers);
			return got < 0 ? got : (int)(p + 2 - in.p);
		}
		struct http_header h = {0};
		got = parse_field(&p, end, &h, why);
		if (got < 0)
			return got;
		if (got == PARSE_MORE)
			break;
		if (out->n_headers == limits->headers)
			return refuse(431, "too many headers", why);
		got = note_field(&h, out, &seen, why);
		if (got < 0)
			return got;
		room[out->n_headers++] = h;
	}
	return more_than_allowed ? too_long(false, why) : PARSE_MORE;
}

int parse_fields(struct str in, struct http_header *room, size_t max, const char **why)
{
	ASSERT(in.p != NULL && room != NULL && max > 0);
	const char *p = in.p, *end = in.p + in.n;
	size_t n = 0;
	for (;;) {
		if (end - p >= 2 && p[0] == '\r' && p[1] == '\n')
			return (int)n;
		struct http_header h = {0};
		int got = parse_field(&p, end, &h, why);
		if (got < 0)
			return got;
		if (got == PARSE_MORE)
			return refuse(400, "bad trailer", why);
		if (n == max)
			return refuse(431, "too many trailers", why);
		room[n++] = h;
	}
}
