/* What S3 Select reads: stored bytes, decrypted, decompressed, cut into records. Blocks on the disk: a worker's thread.
 *
 * What always holds: text[at..] is what has been read and not yet given out; it is never longer than the longest record and
 * one block. Nothing of the object beyond that is in memory.
 * Source: "SelectObjectContent", "InputSerialization" (S3 API Reference); RFC 4180. */
#include "select.h"

#include "os/os.h"

#include <bzlib.h>
#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <unistd.h>

enum { BLOCK = 128 << 10, READER_MAGIC = 0x5e1ec701 };

struct reader {
	unsigned magic;
	struct store *store;
	const struct body_part *parts;
	size_t n_parts, part;
	int64_t in_part;             /* read of the current one */
	int fd;
	int64_t size, raw_at, scanned, processed;
	const struct input_format *f;
	char raw[BLOCK];             /* compressed bytes */
	size_t raw_n, raw_used;
	struct inflate_state *gzip;
	bz_stream bzip2;
	bool bzip2_open, member_open; /* member_open: inside a compressed stream */
	struct buf text;
	size_t at;
	int64_t text_at;             /* the offset of text[0] in the plain bytes */
	bool end;
};

static const char *const too_long = "The length of a record in the input or result is greater than the maxCharsPerRecord limit of 1 MB.";

static bool broken(struct sql_error *e, const char *code, const char *message)
{
	*e = (struct sql_error){code, str_c(message)};
	return false;
}

struct reader *reader_new(struct store *s, const struct body_part *parts, size_t n, int64_t size, const struct input_format *f)
{
	struct reader *r = calloc(1, sizeof *r);
	if (r == NULL)
		die("out of memory");
	r->magic = READER_MAGIC;
	r->store = s;
	r->parts = parts;
	r->n_parts = n;
	r->size = size;
	r->f = f;
	r->fd = -1;
	buf_init(&r->text, NULL, DOCUMENT_MAX + 2 * BLOCK);
	return r;
}

void reader_free(struct reader *r)
{
	if (r == NULL)
		return;
	CHECK_MAGIC(r, (unsigned)READER_MAGIC);
	if (r->fd >= 0)
		close(r->fd);
	if (r->bzip2_open)
		BZ2_bzDecompressEnd(&r->bzip2);
	free(r->gzip);
	buf_free(&r->text);
	r->magic = 0;
	free(r);
}

int64_t reader_scanned(const struct reader *r) { return r->scanned; }
int64_t reader_processed(const struct reader *r) { return r->processed; }

/* ---- stored bytes ---- */

static void leave_part(struct reader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	r->part++;
	r->in_part = 0;
}

/* From memory or from the blob, decrypted; -1: it cannot be read. */
static ssize_t part_read(struct reader *r, const struct body_part *p, char *to, size_t n)
{
	struct blob_id id;
	if (p->blob[0] == '\0') {
		memcpy(to, p->bytes.p + r->in_part, n);
		return (ssize_t)n;
	}
	memcpy(id.hex, p->blob, sizeof id.hex);
	if (r->fd < 0 && (r->fd = blob_open(r->store, id)) < 0)
		return -1;
	int64_t at = p->offset + r->in_part;
	ssize_t got;
	do
		got = os.pread(r->fd, to, n, at);
	while (got < 0 && errno == EINTR);
	if (got > 0)
		body_part_decrypt(p, at, to, (size_t)got);
	return got > 0 ? got : -1;
}

/* Up to n more bytes as they are stored; 0: the end; -1: they cannot be read. */
static ssize_t raw_read(struct reader *r, char *to, size_t n)
{
	while (r->part < r->n_parts && r->in_part >= r->parts[r->part].length)
		leave_part(r);
	if (r->part >= r->n_parts)
		return 0;
	const struct body_part *p = &r->parts[r->part];
	int64_t left = p->length - r->in_part;
	ASSERT(left > 0);
	ssize_t got = part_read(r, p, to, (int64_t)n < left ? n : (size_t)left);
	if (got > 0) {
		r->in_part += got;
		r->raw_at += got;
		r->scanned += got;
	}
	return got;
}

/* Only what is not compressed has places to go to. */
static void seek_to(struct reader *r, int64_t at)
{
	ASSERT(r->f->compression == COMPRESSION_NONE && at >= 0);
	while (r->part < r->n_parts)
		leave_part(r);
	r->part = 0;
	r->raw_at = r->text_at = at;
	buf_clear(&r->text);
	r->at = 0;
	r->end = false;
	while (r->part < r->n_parts && at >= r->parts[r->part].length) {
		at -= r->parts[r->part].length;
		r->part++;
	}
	r->in_part = r->part < r->n_parts ? at : 0;
}

/* ---- decompression ---- */

static bool more_raw(struct reader *r, struct sql_error *e)
{
	if (r->raw_used < r->raw_n)
		return true;
	ssize_t got = raw_read(r, r->raw, sizeof r->raw);
	r->raw_used = 0;
	r->raw_n = got > 0 ? (size_t)got : 0;
	return got >= 0 || broken(e, "InternalError", "We encountered an internal error. Please try again.");
}

static bool gunzip(struct reader *r, char *to, size_t n, size_t *out, struct sql_error *e)
{
	if (r->gzip == NULL) {
		r->gzip = malloc(sizeof *r->gzip);
		if (r->gzip == NULL)
			die("out of memory");
	}
	if (!r->member_open) {
		isal_inflate_init(r->gzip);
		r->gzip->crc_flag = ISAL_GZIP;
		r->member_open = true;
	}
	struct inflate_state *z = r->gzip;
	z->next_in = (uint8_t *)r->raw + r->raw_used;
	z->avail_in = (uint32_t)(r->raw_n - r->raw_used);
	z->next_out = (uint8_t *)to;
	z->avail_out = (uint32_t)n;
	int ok = isal_inflate(z);
	r->raw_used = r->raw_n - z->avail_in;
	*out = n - z->avail_out;
	if (ok != ISAL_DECOMP_OK)
		return broken(e, "InvalidCompressionFormat", "The file is not in a supported compression format. Only GZIP and BZIP2 are supported.");
	if (z->block_state == ISAL_BLOCK_FINISH)
		r->member_open = false; /* another may follow */
	return true;
}

static bool bunzip(struct reader *r, char *to, size_t n, size_t *out, struct sql_error *e)
{
	if (!r->member_open) {
		if (r->bzip2_open)
			BZ2_bzDecompressEnd(&r->bzip2);
		memset(&r->bzip2, 0, sizeof r->bzip2);
		r->bzip2_open = BZ2_bzDecompressInit(&r->bzip2, 0, 0) == BZ_OK;
		if (!r->bzip2_open)
			die("bzip2 does not work");
		r->member_open = true;
	}
	r->bzip2.next_in = r->raw + r->raw_used;
	r->bzip2.avail_in = (unsigned)(r->raw_n - r->raw_used);
	r->bzip2.next_out = to;
	r->bzip2.avail_out = (unsigned)n;
	int ok = BZ2_bzDecompress(&r->bzip2);
	r->raw_used = r->raw_n - r->bzip2.avail_in;
	*out = n - r->bzip2.avail_out;
	if (ok != BZ_OK && ok != BZ_STREAM_END)
		return broken(e, "InvalidCompressionFormat", "The file is not in a supported compression format. Only GZIP and BZIP2 are supported.");
	if (ok == BZ_STREAM_END)
		r->member_open = false;
	return true;
}

/* Some more plain bytes at `to`; *out 0: the end. */
static bool plain_read(struct reader *r, char *to, size_t n, size_t *out, struct sql_error *e)
{
	*out = 0;
	if (r->f->compression == COMPRESSION_NONE) {
		ssize_t got = raw_read(r, to, n);
		*out = got > 0 ? (size_t)got : 0;
		return got >= 0 || broken(e, "InternalError", "We encountered an internal error. Please try again.");
	}
	while (*out == 0) {
		if (!more_raw(r, e))
			return false;
		/* A decompressor may hold bytes that did not fit before: ask it once more after the last input. */
		bool dry = r->raw_used == r->raw_n;
		if (dry && !r->member_open)
			return true;
		if (!(r->f->compression == COMPRESSION_GZIP ? gunzip(r, to, n, out, e) : bunzip(r, to, n, out, e)))
			return false;
		if (dry && *out == 0 && r->member_open)
			return broken(e, "TruncatedInput", "Object decompression failed. Check that the object is properly compressed using the "
				"format specified in the request.");
	}
	return true;
}

/* ---- records ---- */

/* More text behind what there is; r->end when there is none. */
static bool fill(struct reader *r, size_t longest, struct sql_error *e)
{
	size_t got;
	ASSERT(r->at <= r->text.n && !r->end);
	if (r->at > 0) {
		r->text_at += (int64_t)r->at;
		buf_consume(&r->text, r->at);
		r->at = 0;
	}
	if (r->text.n > longest)
		return broken(e, "OverMaxRecordSize", too_long);
	if (!buf_reserve(&r->text, BLOCK) || !plain_read(r, r->text.p + r->text.n, BLOCK, &got, e))
		return e->code != NULL ? false : broken(e, "OverMaxRecordSize", too_long);
	r->text.n += got;
	r->processed += (int64_t)got;
	r->end = got == 0;
	return true;
}

static struct str waiting(const struct reader *r) { return str_of(r->text.p != NULL ? r->text.p + r->at : "", r->text.n - r->at); }

/* The end of a CSV record whose quoted fields may hold delimiters; -1: not there yet. */
static ptrdiff_t quoted_end(const struct input_format *f, struct str s)
{
	bool inside = false, field_start = true;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (inside) {
			if (f->escape != 0 && c == f->escape && i + 1 < s.n && (f->escape != f->quote || s.p[i + 1] == f->quote))
				i++;
			else if (c == f->quote)
				inside = false;
			continue;
		}
		if (field_start && f->quote != 0 && c == f->quote) {
			inside = true;
			field_start = false;
			continue;
		}
		if (str_starts(str_slice(s, i, s.n), f->record))
			return (ptrdiff_t)i;
		field_start = str_starts(str_slice(s, i, s.n), f->field);
	}
	return -1;
}

static ptrdiff_t line_end(struct str delimiter, struct str s)
{
	if (delimiter.n == 1) {
		const char *p = s.n > 0 ? memchr(s.p, delimiter.p[0], s.n) : NULL;
		return p != NULL ? p - s.p : -1;
	}
	return str_find_str(s, delimiter);
}

static enum got next_line(struct reader *r, struct str *out, struct sql_error *e)
{
	const struct input_format *f = r->f;
	struct str delimiter = f->json ? S("\n") : f->record;
	for (;;) {
		struct str s = waiting(r);
		if (f->ranged && s.n > 0 && r->text_at + (int64_t)r->at > f->end)
			return GOT_END;
		ptrdiff_t end = f->quoted_delimiters ? quoted_end(f, s) : line_end(delimiter, s);
		if (end < 0 && !r->end) {
			if (!fill(r, RECORD_MAX, e))
				return GOT_ERROR;
			continue;
		}
		if (s.n == 0)
			return GOT_END;
		*out = end >= 0 ? str_slice(s, 0, (size_t)end) : s;
		r->at += end >= 0 ? (size_t)end + delimiter.n : s.n;
		if (out->n > RECORD_MAX) {
			broken(e, "OverMaxRecordSize", too_long);
			return GOT_ERROR;
		}
		if (str_eq(delimiter, S("\n")) && out->n > 0 && out->p[out->n - 1] == '\r')
			out->n--;
		bool comment = f->comment != 0 && out->n > 0 && out->p[0] == f->comment;
		if (!comment && str_trim(*out).n > 0)
			return GOT_RECORD;
	}
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* Where the JSON value at the start of s ends; -1: not there yet. `last`: nothing follows s. */
static ptrdiff_t value_end(struct str s, bool last)
{
	bool string = false;
	int64_t depth = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				string = false;
			if (!string && depth == 0)
				return (ptrdiff_t)i + 1;
			continue;
		}
		if (c == '"')
			string = true;
		else if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && --depth <= 0)
			return (ptrdiff_t)i + 1;
		else if (depth == 0 && is_space(c))
			return (ptrdiff_t)i; /* the end of a number or a word */
	}
	return last ? (ptrdiff_t)s.n : -1;
}

static enum got next_document(struct reader *r, struct str *out, struct sql_error *e)
{
	for (;;) {
		while (r->at < r->text.n && is_space(r->text.p[r->at]))
			r->at++;
		struct str s = waiting(r);
		ptrdiff_t end = s.n > 0 ? value_end(s, r->end) : -1;
		if (end < 0 && !r->end) {
			if (!fill(r, DOCUMENT_MAX, e))
				return GOT_ERROR;
			continue;
		}
		if (s.n == 0)
			return GOT_END;
		*out = str_slice(s, 0, (size_t)end);
		r->at += (size_t)end;
		return GOT_RECORD;
	}
}

enum got reader_next(struct reader *r, struct str *record, struct sql_error *e)
{
	CHECK_MAGIC(r, (unsigned)READER_MAGIC);
	return r->f->json && !r->f->lines ? next_document(r, record, e) : next_line(r, record, e);
}

bool reader_to_range(struct reader *r, struct sql_error *e)
{
	const struct input_format *f = r->f;
	if (!f->ranged || f->start <= r->text_at + (int64_t)r->at)
		return true;
	struct str delimiter = f->json ? S("\n") : f->record;
	int64_t back = f->start - (int64_t)delimiter.n;
	seek_to(r, back > 0 ? back : 0);
	for (;;) { /* what began before is another range's */
		ptrdiff_t end = line_end(delimiter, waiting(r));
		if (end >= 0) {
			r->at += (size_t)end + delimiter.n;
			return true;
		}
		if (r->end) {
			r->at = r->text.n;
			return true;
		}
		if (!fill(r, RECORD_MAX, e))
			return false;
	}
}

/* ---- fields ---- */

/* A quoted field: its text without quotes, and how much of s it took. */
static struct str quoted_field(struct arena *a, struct str s, const struct input_format *f, size_t *took)
{
	struct buf b;
	size_t i = 1;
	bool escaped = false;
	for (; i < s.n; i++) {
		if (f->escape != 0 && s.p[i] == f->escape && i + 1 < s.n && (f->escape != f->quote || s.p[i + 1] == f->quote)) {
			escaped = true;
			i++;
		} else if (s.p[i] == f->quote) {
			break;
		}
	}
	*took = i < s.n ? i + 1 : s.n;
	struct str inner = str_slice(s, 1, i);
	if (!escaped)
		return inner;
	buf_init(&b, a, inner.n + 1);
	for (size_t k = 0; k < inner.n; k++) {
		if (inner.p[k] == f->escape && k + 1 < inner.n && (f->escape != f->quote || inner.p[k + 1] == f->quote))
			k++;
		buf_putc(&b, inner.p[k]);
	}
	return buf_view(&b);
}

bool csv_split(struct arena *a, struct str record, const struct input_format *f, struct str **fields, size_t *n, struct sql_error *e)
{
	struct str *v = NULL, s = record;
	size_t count = 0, cap = 0;
	if (!utf8_valid(record))
		return broken(e, "InvalidTextEncoding", "Invalid encoding type. Only UTF-8 encoding is supported.");
	for (;;) {
		size_t took = 0;
		struct str one = S("");
		bool quoted = f->quote != 0 && s.n > 0 && s.p[0] == f->quote;
		if (quoted) {
			one = quoted_field(a, s, f, &took);
			s = str_slice(s, took, s.n);
		}
		ptrdiff_t end = line_end(f->field, s);
		struct str rest = end >= 0 ? str_slice(s, 0, (size_t)end) : s;
		if (!quoted)
			one = rest;
		else if (rest.n > 0)
			one = arena_join(a, one, rest); /* text behind a closing quote belongs to the field */
		if (count == cap) {
			v = arena_grow(a, v, sizeof *v, cap, cap * 2 + 16);
			cap = cap * 2 + 16;
		}
		v[count++] = one;
		if (end < 0)
			break;
		if (count >= COLUMNS_MAX)
			return broken(e, "OverMaxColumn", "The number of columns in the result is greater than the maximum allowable number of columns.");
		s = str_slice(s, (size_t)end + f->field.n, s.n);
	}
	*fields = v;
	*n = count;
	return true;
}
