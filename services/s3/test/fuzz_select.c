/* Any text as a query of S3 Select, up to the first NUL, over any bytes behind it, as CSV, lines and a document: it ends, in
 * bounds, with an error of a name or with events. */
#include "../select.h"

static void run(const struct query *q, const struct input_format *in, bool json, struct str data)
{
	const struct output_format out = {.json = json, .field = S(","), .record = S("\n"), .quote = '"', .escape = '"'};
	const struct body_part part = {.bytes = data, .length = (int64_t)data.n};
	struct select_run *r = select_run_new(NULL, q, in, &out, &part, data.n > 0 ? 1 : 0, (int64_t)data.n, true, 0);
	while (!select_run_step(r))
		buf_clear(select_run_out(r));
	struct sql_error e = select_run_error(r);
	ASSERT(e.code == NULL || str_present(e.message));
	ASSERT(e.code != NULL || select_run_out(r)->n > 0);
	select_run_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct str all = str_of((const char *)bytes, size), data = all, sql = str_cut(&data, '\0');
	struct sql_error e = {0};
	if (!str_present(data))
		data = S("a,b\n1,\"x,\"\n2,y\n");
	struct input_format csv = {.field = S(","), .record = S("\n"), .quote = '"', .escape = '"', .header = HEADER_USE};
	struct input_format lines = {.json = true, .lines = true}, document = {.json = true}, packed = csv;
	packed.compression = size % 2 == 0 ? COMPRESSION_GZIP : COMPRESSION_BZIP2;
	csv.quoted_delimiters = size % 3 == 0;
	lines.ranged = size % 5 == 0;
	lines.start = (int64_t)(size % 7);
	lines.end = (int64_t)size;
	const struct input_format *const formats[] = {&csv, &lines, &document, &packed};
	for (size_t i = 0; i < COUNT_OF(formats); i++) {
		struct arena *a = arena_new(0); /* a query remembers columns: one for each run */
		const struct query *q = sql_parse(a, sql, &e);
		ASSERT(q != NULL || (e.code != NULL && str_present(e.message)));
		if (q != NULL)
			run(q, formats[i], i % 2 == 0, data);
		arena_free(a);
	}
	return 0;
}
