/* Decoding aws-chunked. See awschunk.h.
 *
 * What always holds: a byte is looked at once; a line is at most AWSCHUNK_LINE_MAX bytes; with signatures a chunk counts
 * only when its signature fits, and the next one is not begun before. The user sees a chunk's bytes before its
 * signature is known to be right, so he must show nothing of them before awschunk_end has been true. */
#include "gateway/awschunk.h"

static bool broken(struct awschunk *c, int status, const char *code, const char *message)
{
	ASSERT(c->state != CHUNK_BROKEN);
	c->state = CHUNK_BROKEN;
	c->status = status;
	c->code = code;
	c->message = message;
	return false;
}

static bool malformed(struct awschunk *c)
{
	return broken(c, 400, "IncompleteBody", "The request body terminated unexpectedly");
}

/* S3's own code for trailers that are no trailers. */
static bool bad_trailer(struct awschunk *c)
{
	return broken(c, 400, "MalformedTrailerError",
		"The request contained trailing data that was not well-formed or did not conform to our published schema.");
}

static bool mismatch(struct awschunk *c)
{
	return broken(c, 403, "SignatureDoesNotMatch",
		"The request signature we calculated does not match the signature you provided. Check your key and signing method.");
}

/* "400;chunk-signature=ad80...": the size in hex, then extensions. */
static bool head_line(struct awschunk *c, struct str line)
{
	ASSERT(c->state == CHUNK_HEAD && c->left == 0);
	struct str size = str_cut(&line, ';'), signature = STR_NONE;
	uint64_t n = 0;
	if (size.n == 0 || size.n > 15)
		return malformed(c);
	for (size_t i = 0; i < size.n; i++) {
		char ch = size.p[i];
		int v = ch >= '0' && ch <= '9' ? ch - '0' : (ch | 0x20) >= 'a' && (ch | 0x20) <= 'f' ? (ch | 0x20) - 'a' + 10 : -1;
		if (v < 0)
			return malformed(c);
		n = n << 4 | (unsigned)v;
	}
	while (str_present(line)) {
		struct str value = str_cut(&line, ';'), name = str_cut(&value, '=');
		if (str_eq(str_trim(name), S("chunk-signature")))
			signature = str_trim(value);
	}
	if (c->is_signed) {
		if (signature.n != sizeof c->signature)
			return mismatch(c);
		memcpy(c->signature, signature.p, sizeof c->signature);
		c->sha = digest_new(DIGEST_SHA256);
	}
	if (n > 0 && c->small)
		return broken(c, 403, "InvalidChunkSizeError", "Only the last chunk is allowed to have a size less than 8192 bytes");
	c->small = n < AWSCHUNK_SMALLEST;
	c->left = n;
	c->state = n > 0 ? CHUNK_BYTES : CHUNK_TRAILER;
	return true;
}

static bool check_signature(struct awschunk *c)
{
	if (!c->is_signed)
		return true;
	unsigned char raw[64];
	char hex[64];
	ASSERT(c->sha != NULL && c->signatures != NULL);
	size_t n = digest_end(c->sha, raw);
	c->sha = NULL;
	ASSERT(n == 32);
	for (size_t i = 0; i < n; i++) {
		hex[2 * i] = "0123456789abcdef"[raw[i] >> 4];
		hex[2 * i + 1] = "0123456789abcdef"[raw[i] & 15];
	}
	return sig_chunk_verify(c->signatures, str_of(hex, 64), str_of(c->signature, 64)) || mismatch(c);
}

/* The empty line after the trailers: the end. */
static bool finish(struct awschunk *c)
{
	ASSERT(c->state == CHUNK_TRAILER && c->left == 0);
	if (c->is_signed && c->has_trailer && !c->trailer_signed)
		return mismatch(c);
	c->state = CHUNK_DONE;
	return true;
}

static bool trailer_line(struct awschunk *c, struct str line)
{
	ASSERT(c->state == CHUNK_TRAILER);
	if (c->n_trailers == 0 && c->sha != NULL && !check_signature(c))
		return false; /* of the empty chunk */
	if (line.n == 0)
		return finish(c);
	struct str value = line, name = str_cut(&value, ':');
	if (!c->has_trailer || !str_present(value) || name.n == 0 || c->trailer_signed || ++c->n_trailers > AWSCHUNK_TRAILERS_MAX)
		return bad_trailer(c);
	value = str_trim(value);
	if (str_eq_nocase(name, S("x-amz-trailer-signature"))) {
		c->trailer_signed = true;
		return !c->is_signed || (value.n == 64 && sig_trailer_verify(c->signatures, buf_view(&c->canonical), value)) || mismatch(c);
	}
	buf_str(&c->canonical, name);
	buf_putc(&c->canonical, ':');
	buf_str(&c->canonical, value);
	buf_putc(&c->canonical, '\n');
	c->trailer(c->arg, name, value);
	return true;
}

/* A line ends with CR LF; only between trailers is a bare LF taken. */
static bool line_done(struct awschunk *c)
{
	ASSERT(c->n_line <= sizeof c->line);
	if (c->n_line > 0 && c->line[c->n_line - 1] == '\r')
		c->n_line--;
	else if (c->state != CHUNK_TRAILER)
		return malformed(c); /* a bare LF; some signers put one between trailers */
	struct str line = str_of(c->line, c->n_line);
	c->n_line = 0;
	switch (c->state) {
	case CHUNK_HEAD: return head_line(c, line);
	case CHUNK_TRAILER: return trailer_line(c, line);
	default:
		ASSERT(c->state == CHUNK_AFTER);
		if (line.n != 0)
			return malformed(c);
		c->state = CHUNK_HEAD;
		return true;
	}
}

static bool bytes_in(struct awschunk *c, char *p, size_t n)
{
	ASSERT(c->state == CHUNK_BYTES && n > 0 && n <= c->left);
	if (c->sha != NULL)
		digest_add(c->sha, str_of(p, n));
	c->left -= n;
	if (!c->data(c->arg, p, n)) {
		c->state = CHUNK_BROKEN;
		return false;
	}
	if (c->left > 0)
		return true;
	c->state = CHUNK_AFTER;
	return check_signature(c);
}

bool awschunk_feed(struct awschunk *c, char *p, size_t n)
{
	ASSERT(c->data != NULL && c->trailer != NULL && (!c->is_signed || c->signatures != NULL));
	if (c->canonical.max == 0)
		buf_init(&c->canonical, NULL, AWSCHUNK_TRAILERS_MAX * AWSCHUNK_LINE_MAX);
	while (n > 0) {
		if (c->state == CHUNK_BROKEN)
			return false;
		if (c->state == CHUNK_DONE)
			return malformed(c); /* bytes after the end */
		size_t take = 1;
		if (c->state == CHUNK_BYTES) {
			take = c->left < n ? (size_t)c->left : n;
			if (!bytes_in(c, p, take))
				return false;
		} else if (*p == '\n') {
			if (!line_done(c))
				return false;
		} else if (c->n_line == sizeof c->line) {
			return malformed(c);
		} else {
			c->line[c->n_line++] = *p;
		}
		p += take;
		n -= take;
	}
	return true;
}

bool awschunk_end(struct awschunk *c)
{
	ASSERT(c->n_line <= sizeof c->line && c->n_trailers <= AWSCHUNK_TRAILERS_MAX + 1);
	if (c->state == CHUNK_BROKEN)
		return false;
	/* Some clients leave out the last empty line: "0\r\n" and the trailers are all there is then. */
	if (c->state == CHUNK_TRAILER && c->n_line == 0 && !trailer_line(c, S("")))
		return false;
	return c->state == CHUNK_DONE || malformed(c);
}

void awschunk_free(struct awschunk *c)
{
	if (c->sha != NULL)
		digest_drop(c->sha);
	c->sha = NULL;
	buf_free(&c->canonical);
}
