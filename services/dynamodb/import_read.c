/* Reading what is imported: see import_read.h. */
#include "import_read.h"

#include "base/enc.h"

#include <libdeflate.h>
#include <zstd.h>

enum { COLUMNS_MAX = 255 };

/* ---- compression ---- */

/* Each member says its size, modulo 2^32, at its end (RFC 1952): there is room for that at least, doubled until it is enough. */
static struct str gunzip(struct arena *a, struct str bytes, size_t max)
{
	uint32_t size;
	if (bytes.n < 18)
		return STR_NONE;
	memcpy(&size, bytes.p + bytes.n - 4, sizeof size);
	struct libdeflate_decompressor *z = libdeflate_alloc_decompressor();
	if (z == NULL)
		die("out of memory (a decompressor)");
	char *out = arena_bytes(a, size > 0 && size <= max ? size : 1);
	size_t n = 0;
	enum libdeflate_result result = size > max ? LIBDEFLATE_BAD_DATA : libdeflate_gzip_decompress(z, bytes.p, bytes.n, out, size, &n);
	libdeflate_free_decompressor(z);
	return result == LIBDEFLATE_SUCCESS ? str_of(out, n) : STR_NONE;
}

static struct str unzstd(struct arena *a, struct str bytes, size_t max)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	if (z == NULL)
		die("out of memory (a decompressor)");
	struct buf b;
	ZSTD_inBuffer in = {bytes.p, bytes.n, 0};
	size_t left = 1, room = ZSTD_DStreamOutSize();
	char *piece = arena_bytes(a, room);
	buf_init(&b, a, 0);
	while (left != 0 && !ZSTD_isError(left) && b.n <= max) {
		ZSTD_outBuffer out = {piece, room, 0};
		size_t before = in.pos;
		left = ZSTD_decompressStream(z, &out, &in);
		buf_put(&b, piece, out.pos);
		if (left == 0 && in.pos < in.size)
			left = 1; /* another frame */
		else if (in.pos == before && out.pos == 0)
			break; /* cut short */
	}
	(void)ZSTD_freeDStream(z);
	return left == 0 && b.n <= max ? buf_view(&b) : STR_NONE;
}

struct str import_inflate(struct arena *a, struct str bytes, struct str type, size_t max)
{
	return str_eq(type, S("GZIP")) ? gunzip(a, bytes, max) : str_eq(type, S("ZSTD")) ? unzstd(a, bytes, max) : bytes;
}

/* ---- CSV ---- */

/* A field, from where the last one ended; last: it ends its line. */
static bool csv_field(struct import_reader *r, struct str *out, bool *last)
{
	struct buf b;
	struct str *s = &r->rest;
	buf_init(&b, r->arena, 0);
	bool quoted = s->n > 0 && s->p[0] == '"';
	size_t i = quoted;
	for (; i < s->n; i++) {
		char c = s->p[i];
		if (quoted && c == '"' && i + 1 < s->n && s->p[i + 1] == '"')
			i++;
		else if (quoted && c == '"')
			break;
		else if (!quoted && c == '"')
			return false; /* has to be escaped */
		else if (!quoted && (c == r->delimiter || c == '\n'))
			break;
		buf_putc(&b, c);
	}
	if (quoted && i++ >= s->n)
		return false; /* never closed */
	if (!quoted && b.n > 0 && (i >= s->n || s->p[i] == '\n') && b.p[b.n - 1] == '\r')
		b.n--;
	if (quoted && i + 1 < s->n && s->p[i] == '\r' && s->p[i + 1] == '\n')
		i++;
	if (i < s->n && s->p[i] != r->delimiter && s->p[i] != '\n')
		return false;
	*last = i >= s->n || s->p[i] == '\n';
	*s = str_slice(*s, i < s->n ? i + 1 : i, s->n);
	*out = buf_view(&b);
	return true;
}

/* A line's fields; false: it cannot be told where the next line begins. */
static bool csv_line(struct import_reader *r, struct str *fields, uint32_t *n)
{
	ASSERT(r->rest.n > 0);
	*n = 0;
	for (bool last = false; !last; (*n)++) {
		struct str field;
		if (!csv_field(r, &field, &last))
			return false;
		if (*n < COLUMNS_MAX)
			fields[*n] = field;
	}
	return true;
}

/* Columns that are keys have their defined type, all others are strings. */
static bool csv_value(struct import_reader *r, struct str name, struct str field, struct av *out, struct fault *f)
{
	ASSERT(r->table != NULL);
	*out = av_string(field);
	for (uint32_t i = 0; i < r->table->AttributeDefinitions.n; i++) {
		const struct dynamodb_AttributeDefinition *d = LIST_AT(r->table->AttributeDefinitions, struct dynamodb_AttributeDefinition, i);
		struct number n;
		if (!str_eq(d->AttributeName, name) || str_eq(d->AttributeType, S("S")))
			continue;
		if (str_eq(d->AttributeType, S("B"))) {
			*out = (struct av){.type = AV_B, .s = base64_decode(r->arena, field)};
			return str_present(out->s) || fault(f, "Type mismatch for key %.*s expected: B", STR_ARG(name));
		}
		enum number_fault nf = number_parse(field, &n);
		if (nf != NUMBER_OK)
			return fault(f, "%.*s", STR_ARG(number_message(r->arena, nf, field)));
		*out = av_number(r->arena, &n);
	}
	return true;
}

static enum import_result csv_next(struct import_reader *r, struct av *item, struct fault *f)
{
	struct str fields[COLUMNS_MAX];
	uint32_t n;
	while (r->rest.n > 0 && (r->rest.p[0] == '\n' || r->rest.p[0] == '\r'))
		r->rest = str_slice(r->rest, 1, r->rest.n);
	if (r->rest.n == 0)
		return IMPORT_END;
	if (!csv_line(r, fields, &n)) {
		fault(f, "Unescaped or unbalanced double quotes");
		return IMPORT_BROKEN;
	}
	if (r->columns == NULL) {
		r->columns = arena_array(r->arena, struct str, COLUMNS_MAX);
		r->n_columns = n;
		memcpy(r->columns, fields, (n < COLUMNS_MAX ? n : COLUMNS_MAX) * sizeof *fields);
		bool good = n <= COLUMNS_MAX;
		for (uint32_t i = 0; good && i < n; i++)
			for (uint32_t j = 0; j <= i; j++)
				good = good && fields[j].n > 0 && (j == i || !str_eq(fields[i], fields[j]));
		if (good)
			return csv_next(r, item, f);
		fault(f, "The header has a column without a name, one name twice, or more than %d columns", COLUMNS_MAX);
		return IMPORT_BROKEN;
	}
	*item = (struct av){.type = AV_M};
	if (n != r->n_columns)
		return fault(f, "The line has %u columns where the header has %u", n, r->n_columns) ? IMPORT_ITEM : IMPORT_BAD;
	for (uint32_t i = 0; i < n; i++) {
		struct av v;
		if (!csv_value(r, r->columns[i], fields[i], &v, f))
			return IMPORT_BAD;
		av_set(r->arena, item, r->columns[i], &v);
	}
	return IMPORT_ITEM;
}

/* ---- all formats ---- */

void import_open(struct import_reader *r, struct arena *a, const struct dynamodb_ImportTableDescription *d,
                 const struct dynamodb_TableDescription *table, struct str text)
{
	const struct dynamodb_CsvOptions *csv = d->InputFormatOptions != NULL ? d->InputFormatOptions->Csv : NULL;
	*r = (struct import_reader){.arena = a, .table = table, .format = d->InputFormat.p[0] == 'D' ? 'J' : d->InputFormat.p[0], .rest = text,
		.delimiter = ','};
	ASSERT(r->format == 'J' || r->format == 'I' || r->format == 'C');
	r->ion = ion_open(a, text);
	if (csv != NULL && str_present(csv->Delimiter))
		r->delimiter = csv->Delimiter.p[0];
	if (csv == NULL || csv->HeaderList.n == 0)
		return;
	r->columns = csv->HeaderList.v;
	r->n_columns = csv->HeaderList.n;
}

static enum import_result json_next(struct import_reader *r, struct av *item, struct fault *f)
{
	struct str line = STR_NONE;
	while (str_present(r->rest) && r->rest.n > 0 && (!str_present(line) || line.n == 0))
		line = str_trim(str_cut(&r->rest, '\n'));
	if (!str_present(line) || line.n == 0)
		return IMPORT_END;
	struct json *j = json_parse(r->arena, line, NULL), *in = json_get(j, S("Item"));
	if (j == NULL)
		return fault(f, "Unexpected token") ? IMPORT_ITEM : IMPORT_BROKEN;
	if (in == NULL)
		return fault(f, "Expected 'Item' top level container") ? IMPORT_ITEM : IMPORT_BAD;
	return item_from_json(in, item, f) ? IMPORT_ITEM : IMPORT_BAD;
}

static enum import_result next_ion(struct import_reader *r, struct av *item, struct fault *f)
{
	struct av v;
	if (!ion_next(&r->ion, &v)) {
		if (r->ion.wrong == NULL)
			return IMPORT_END;
		fault(f, "%s", r->ion.wrong);
		return IMPORT_BROKEN;
	}
	const struct av *in = v.type == AV_M && v.n == 1 ? av_get(&v, S("Item")) : NULL;
	if (in == NULL || in->type != AV_M)
		return fault(f, "Expected 'Item' top level container") ? IMPORT_ITEM : IMPORT_BAD;
	*item = *in;
	return IMPORT_ITEM;
}

enum import_result import_next(struct import_reader *r, struct av *item, struct fault *f)
{
	ASSERT(f->code == FAULT_NONE);
	return r->format == 'J' ? json_next(r, item, f) : r->format == 'I' ? next_ion(r, item, f) : csv_next(r, item, f);
}
