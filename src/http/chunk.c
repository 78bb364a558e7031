/* The chunked transfer coding, decoded (RFC 9112, section 7.1). See parse.h.
 *
 * What always holds: a byte is looked at once; line ends are CR LF and nothing else; extensions and trailers are
 * bounded, so a body cannot be all framing. */
#include "http/parse.h"

#include "base/enc.h"

static int64_t refuse(int status, const char *text, const char **why)
{
	*why = text;
	return -(int64_t)status;
}

static bool is_control(char c) { return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f; }

/* One byte of a chunk's size line or of the line end after its data. 0, or minus a status. */
static int64_t frame_byte(struct chunked *d, char c, const char **why)
{
	int v;
	switch (d->state) {
	case CHUNK_SIZE_FIRST:
	case CHUNK_SIZE:
		v = hex_digit(c);
		if (v >= 0) {
			if (d->left >> 56 != 0)
				return refuse(413, "chunk too large", why);
			d->left = d->left << 4 | (unsigned)v;
			d->state = CHUNK_SIZE;
			return 0;
		}
		if (d->state == CHUNK_SIZE_FIRST || (c != '\r' && c != ';'))
			return refuse(400, "bad chunk size", why);
		d->state = c == '\r' ? CHUNK_SIZE_LF : CHUNK_EXT;
		d->ext_line = 0;
		return 0;
	case CHUNK_EXT:
		if (c == '\r') {
			d->state = CHUNK_SIZE_LF;
			return 0;
		}
		if (is_control(c))
			return refuse(400, "control byte in a chunk extension", why);
		if (++d->ext_line > CHUNK_EXT_LINE_MAX || ++d->ext_all > CHUNK_EXT_MAX)
			return refuse(400, "chunk extensions too long", why);
		return 0;
	case CHUNK_SIZE_LF:
		d->state = d->left > 0 ? CHUNK_DATA : CHUNK_LINE_START;
		return c == '\n' ? 0 : refuse(400, "bad end of a chunk size", why);
	case CHUNK_DATA_CR:
		d->state = CHUNK_DATA_LF;
		return c == '\r' ? 0 : refuse(400, "bad end of a chunk", why);
	default:
		ASSERT(d->state == CHUNK_DATA_LF);
		d->state = CHUNK_SIZE_FIRST;
		return c == '\n' ? 0 : refuse(400, "bad end of a chunk", why);
	}
}

/* One byte of the trailer section; its lines are checked later, by parse_fields. */
static int64_t trailer_byte(struct chunked *d, char c, const char **why)
{
	ASSERT(d->state >= CHUNK_LINE_START && d->state < CHUNK_DONE);
	if (++d->trailer_n > CHUNK_TRAILER_MAX)
		return refuse(431, "trailers too large", why);
	if (d->trailers != NULL)
		buf_putc(d->trailers, c);
	switch (d->state) {
	case CHUNK_LINE_START:
		d->state = c == '\r' ? CHUNK_LAST_LF : CHUNK_LINE;
		return c == '\n' ? refuse(400, "bad trailer", why) : 0;
	case CHUNK_LINE:
		if (c == '\r')
			d->state = CHUNK_LINE_LF;
		return c == '\n' ? refuse(400, "bad trailer", why) : 0;
	case CHUNK_LINE_LF:
		d->state = CHUNK_LINE_START;
		return c == '\n' ? 0 : refuse(400, "bad trailer", why);
	default:
		ASSERT(d->state == CHUNK_LAST_LF);
		d->state = CHUNK_DONE;
		return c == '\n' ? 0 : refuse(400, "bad trailer", why);
	}
}

int64_t chunked_next(struct chunked *d, struct str in, struct str *piece, const char **why)
{
	size_t i = 0;
	*piece = STR_NONE;
	while (i < in.n && d->state != CHUNK_DONE) {
		if (d->state == CHUNK_DATA) {
			size_t n = in.n - i < d->left ? in.n - i : (size_t)d->left;
			ASSERT(n > 0 && n <= d->left);
			*piece = str_of(in.p + i, n);
			d->left -= n;
			if (d->left == 0)
				d->state = CHUNK_DATA_CR;
			return (int64_t)(i + n);
		}
		int64_t bad = d->state < CHUNK_LINE_START ? frame_byte(d, in.p[i], why) : trailer_byte(d, in.p[i], why);
		if (bad < 0)
			return bad;
		i++;
	}
	ASSERT(i <= in.n);
	return (int64_t)i;
}
