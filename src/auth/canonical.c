/* The canonical request of Signature Version 4, written into one buffer.
 *
 * Works on the request as it came in, undecoded. Clients are trusted in nothing: every length comes from the request
 * that the HTTP layer has bounded already.
 *
 * Source: "Create a signed AWS API request", step 1 (IAM User Guide); for S3 "Signature Calculations for the
 * Authorization Header" (S3 API Reference).
 *
 * What always holds: what is written depends on the bytes of the request and the claim alone, and is the same for
 * a client that escapes more than it must. */
#include "auth/sig_internal.h"

#include <stdlib.h>

static const char upper_hex[] = "0123456789ABCDEF";

static inline bool is_unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

static void escape(struct buf *b, unsigned char c)
{
	ASSERT(!is_unreserved(c));
	char e[3] = {'%', upper_hex[c >> 4], upper_hex[c & 15]};
	buf_put(b, e, 3);
}

/* Encode bytes as they stand: '%' too. */
static void encode_again(struct buf *b, struct str s, bool keep_slash)
{
	size_t from = 0;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (is_unreserved(c) || (keep_slash && c == '/'))
			continue;
		buf_put(b, s.p + from, i - from);
		from = i + 1;
		escape(b, c);
	}
	buf_put(b, s.p + from, s.n - from);
}

/* Bring what is partly encoded to the one canonical form: escapes of unreserved bytes undone, others in upper case,
 * bare reserved bytes escaped, '+' a space when asked. */
static void encode_once(struct buf *b, struct str s, bool keep_slash, bool plus_is_space)
{
	size_t from = 0;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (is_unreserved(c) || (keep_slash && c == '/'))
			continue;
		buf_put(b, s.p + from, i - from);
		int high = c == '%' && s.n - i > 2 ? hex_digit(s.p[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(s.p[i + 2]) : -1;
		if (low >= 0) {
			c = (unsigned char)(high << 4 | low);
			i += 2;
			if (is_unreserved(c))
				buf_putc(b, (char)c);
			else
				escape(b, c);
		} else {
			escape(b, plus_is_space && c == '+' ? ' ' : c);
		}
		from = i + 1;
	}
	buf_put(b, s.p + from, s.n - from);
}

/* Without empty, "." and ".." segments; a trailing slash stays when anything is left before it. */
static struct str normalize(struct arena *a, struct str path)
{
	ASSERT(path.n > 0);
	if (str_find_str(path, S("//")) < 0 && str_find_str(path, S("/.")) < 0)
		return path;
	char *out = arena_bytes(a, path.n + 1);
	size_t n = 0;
	struct str rest = path;
	while (str_present(rest)) {
		struct str part = str_cut(&rest, '/');
		if (part.n == 0 || str_eq(part, S(".")))
			continue;
		if (str_eq(part, S(".."))) {
			while (n > 0 && out[n - 1] != '/')
				n--;
			n -= n > 0;
			continue;
		}
		out[n++] = '/';
		memcpy(out + n, part.p, part.n);
		n += part.n;
	}
	if (n == 0 || path.p[path.n - 1] == '/')
		out[n++] = '/';
	ASSERT(n <= path.n + 1);
	return str_of(out, n);
}

struct pair { struct str name, value; };

static int pair_order(const void *x, const void *y)
{
	const struct pair *p = x, *q = y;
	int d = str_cmp(p->name, q->name);
	return d != 0 ? d : str_cmp(p->value, q->value);
}

/* A view into the scratch, which was made large enough for all parts before. */
static struct str encoded_part(struct buf *scratch, struct str s)
{
	size_t at = scratch->n;
	encode_once(scratch, s, false, true);
	return str_of(scratch->p + at, scratch->n - at);
}

static void query_write(struct arena *a, struct buf *b, struct str query, bool presigned)
{
	ASSERT(!b->overflow);
	if (query.n == 0)
		return;
	size_t max = 1;
	for (size_t i = 0; i < query.n; i++)
		max += query.p[i] == '&';
	struct pair *v = arena_array(a, struct pair, max);
	struct buf scratch;
	buf_init(&scratch, a, 0);
	ASSERT(buf_reserve(&scratch, 3 * query.n)); /* views into it stay: it never grows again */
	size_t n = 0;
	bool sorted = true;
	for (struct str rest = query; str_present(rest);) {
		struct str value = str_cut(&rest, '&');
		if (value.n == 0)
			continue;
		struct str name = str_cut(&value, '=');
		if (presigned && str_eq(name, S("X-Amz-Signature")))
			continue;
		v[n].name = encoded_part(&scratch, name);
		v[n].value = encoded_part(&scratch, str_present(value) ? value : S(""));
		sorted = sorted && (n == 0 || pair_order(&v[n - 1], &v[n]) <= 0);
		n++;
	}
	ASSERT(n <= max && !scratch.overflow);
	if (!sorted)
		qsort(v, n, sizeof *v, pair_order);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_putc(b, '&');
		buf_str(b, v[i].name);
		buf_putc(b, '=');
		buf_str(b, v[i].value);
	}
}

/* Trimmed, with runs of spaces as one. */
static void value_write(struct buf *b, struct str value)
{
	value = str_trim(value);
	while (value.n > 0) {
		ptrdiff_t space = str_find(value, ' ');
		if (space < 0) {
			buf_str(b, value);
			return;
		}
		buf_put(b, value.p, (size_t)space + 1);
		value = str_slice(value, (size_t)space + 1, value.n);
		while (value.n > 0 && value.p[0] == ' ')
			value = str_slice(value, 1, value.n);
	}
}

/* Several headers of one name are one line, their values joined by commas in the order sent. */
static void header_write(struct buf *b, const struct sig_request *r, struct str name)
{
	ASSERT(name.n > 0);
	buf_str(b, name);
	buf_putc(b, ':');
	size_t found = 0;
	for (size_t i = 0; i < r->n_headers; i++) {
		if (r->headers[i].name.n != name.n || !str_eq_nocase(r->headers[i].name, name))
			continue;
		if (found++ > 0)
			buf_putc(b, ',');
		value_write(b, r->headers[i].value);
	}
	if (found == 0 && str_eq(name, S("host")))
		value_write(b, r->host);
	buf_putc(b, '\n');
}

/* More than enough: every path byte may become three, twice-encoded ones too. */
static size_t size_estimate(const struct sig_request *r, const struct sig_claim *c)
{
	size_t n = 256 + r->method.n + 3 * r->raw_path.n + 3 * r->raw_query.n + 2 * c->signed_headers.n;
	for (size_t i = 0; i < r->n_headers; i++)
		n += r->headers[i].name.n + r->headers[i].value.n + 2;
	return n;
}

void canonical_write(struct arena *a, struct buf *b, const struct sig_request *r, const struct sig_claim *c,
                     struct str payload_hash, bool normalize_path, bool double_encode)
{
	ASSERT(buf_reserve(b, size_estimate(r, c)));
	buf_str(b, r->method);
	buf_putc(b, '\n');
	struct str path = r->raw_path.n > 0 ? r->raw_path : S("/");
	if (normalize_path)
		path = normalize(a, path);
	if (double_encode)
		encode_again(b, path, true);
	else
		encode_once(b, path, true, false);
	buf_putc(b, '\n');
	query_write(a, b, r->raw_query, c->kind == SIG_V4_QUERY);
	buf_putc(b, '\n');
	for (struct str rest = c->signed_headers; str_present(rest);) {
		struct str name = str_cut(&rest, ';');
		if (name.n > 0)
			header_write(b, r, name);
	}
	buf_putc(b, '\n');
	buf_str(b, c->signed_headers);
	buf_putc(b, '\n');
	buf_str(b, payload_hash);
	ASSERT(!b->overflow);
}

struct str sig_canonical_request(struct arena *a, const struct sig_request *r, const struct sig_claim *claim,
                                 struct str payload_hash, bool normalize_path, bool double_encode)
{
	struct buf b;
	buf_init(&b, a, 0);
	canonical_write(a, &b, r, claim, payload_hash, normalize_path, double_encode);
	return buf_view(&b);
}

bool sig_service_is_s3(struct str service)
{
	return str_eq(service, S("s3")) || str_eq(service, S("s3express")) || str_eq(service, S("s3-outposts")) ||
	       str_eq(service, S("s3-object-lambda"));
}

struct str sig_header(const struct sig_request *r, struct str name)
{
	ASSERT(name.n > 0 && (r->n_headers == 0 || r->headers != NULL));
	for (size_t i = 0; i < r->n_headers; i++)
		if (r->headers[i].name.n == name.n && str_eq_nocase(r->headers[i].name, name))
			return str_trim(r->headers[i].value);
	return STR_NONE;
}

struct str sig_query(struct arena *a, const struct sig_request *r, struct str name)
{
	ASSERT(name.n > 0);
	for (struct str rest = r->raw_query; str_present(rest);) {
		struct str value = str_cut(&rest, '&');
		struct str key = str_cut(&value, '=');
		if (str_eq(key, name))
			return str_present(value) ? uri_decode(a, value, true) : S("");
	}
	return STR_NONE;
}
