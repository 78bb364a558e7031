/* A query of S3 Select at work: rows in, event stream out.
 *
 * It is run in steps, each of a few megabytes in and a few hundred kilobytes out, so that neither a thread of the pool is kept for
 * long nor memory fills while a client reads slowly. What always holds: an error of the first step can be the answer itself while
 * no Records event has been written; any other is an event. Source: "SELECT Object Content", "Response" (S3 API Reference). */
#include "select.h"

#include <stdlib.h>

enum { STEP_BYTES = 2 << 20, EVENT_BYTES = 64 << 10, OUT_BYTES = 256 << 10, OUT_MOST = 8 * RECORD_MAX, RUN_MAGIC = 0x5e1ec702,
	ROWS_A_STEP = 100000, SILENT_STEPS = 8 };

/* A list or an object of the record under way that FROM's path goes through: which of its values is next, and the path's next step. */
struct place { const struct json *of; uint32_t next; size_t step; };

struct select_run {
	unsigned magic;
	struct store *store;
	const struct query *q;
	const struct input_format *in;
	const struct output_format *out;
	struct reader *reader;
	struct arena *keep, *record_arena, *row_arena;
	struct columns head;
	struct total *totals;
	struct buf records;        /* the payload of the next Records event */
	struct buf events;         /* the step's events */
	struct place *places;      /* where the record under way has more rows, one for each wildcard of FROM */
	size_t n_places;
	int64_t returned, left, now_ms; /* left: of LIMIT; -1: no limit */
	size_t rows, steps, silent; /* rows of this step; steps begun; those in a row that wrote nothing */
	bool begun, sent, stopped, ended, progress;
	struct sql_error error;
};

struct select_run *select_run_new(struct store *s, const struct query *q, const struct input_format *in, const struct output_format *out,
                                  const struct body_part *parts, size_t n_parts, int64_t size, bool progress, int64_t now_ms)
{
	struct select_run *r = calloc(1, sizeof *r);
	if (r == NULL)
		die("out of memory");
	r->magic = RUN_MAGIC;
	r->store = s;
	r->q = q;
	r->in = in;
	r->out = out;
	r->progress = progress;
	r->now_ms = now_ms;
	r->left = q->limit;
	r->reader = reader_new(s, parts, n_parts, size, in);
	r->keep = arena_new(4096);
	r->record_arena = arena_new(64 << 10);
	r->row_arena = arena_new(16 << 10);
	r->places = arena_array(r->keep, struct place, q->n_from);
	r->totals = arena_array(r->keep, struct total, q->n_aggregates);
	buf_init(&r->records, NULL, 4 * RECORD_MAX);
	buf_init(&r->events, NULL, OUT_MOST);
	return r;
}

void select_run_free(struct select_run *r)
{
	CHECK_MAGIC(r, (unsigned)RUN_MAGIC);
	reader_free(r->reader);
	buf_free(&r->records);
	buf_free(&r->events);
	arena_free(r->row_arena);
	arena_free(r->record_arena);
	arena_free(r->keep);
	r->magic = 0;
	free(r);
}

/* ---- events ---- */

static void fail(struct select_run *r, const char *code, struct str message)
{
	r->stopped = true;
	if (r->error.code == NULL)
		r->error = (struct sql_error){code, arena_dup(r->keep, message)};
}

static void send_records(struct select_run *r)
{
	if (r->records.n == 0)
		return;
	r->returned += (int64_t)r->records.n;
	r->sent = true;
	eventstream_event(&r->events, "Records", "application/octet-stream", buf_view(&r->records));
	buf_clear(&r->records);
}

static void send_counts(struct select_run *r, const char *type)
{
	struct str xml = arena_printf(r->row_arena, "<%s xmlns=\"\"><BytesScanned>%lld</BytesScanned><BytesProcessed>%lld</BytesProcessed>"
		"<BytesReturned>%lld</BytesReturned></%s>", type, (long long)reader_scanned(r->reader), (long long)reader_processed(r->reader),
		(long long)r->returned, type);
	eventstream_event(&r->events, type, "text/xml", xml);
}

static void finish(struct select_run *r)
{
	ASSERT(r->stopped && !r->ended);
	r->ended = true;
	if (r->error.code == NULL) {
		send_records(r);
		if (r->progress)
			send_counts(r, "Progress");
		send_counts(r, "Stats");
		eventstream_event(&r->events, "End", NULL, S(""));
	} else if (r->sent || r->steps > 1) {
		eventstream_error(&r->events, r->error.code, r->error.message);
	}
}

/* ---- one record out ---- */

static void csv_field(struct select_run *r, struct str s, bool nothing)
{
	const struct output_format *f = r->out;
	bool quote = f->always_quote && !nothing;
	quote |= !quote && (str_find_str(s, f->field) >= 0 || str_find_str(s, f->record) >= 0 || (f->quote != 0 && str_find(s, f->quote) >= 0) ||
		str_find(s, '\n') >= 0);
	if (!quote || f->quote == 0) {
		buf_str(&r->records, s);
		return;
	}
	buf_putc(&r->records, f->quote);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == f->quote || (s.p[i] == f->escape && f->escape != 0))
			buf_putc(&r->records, f->escape != 0 ? f->escape : f->quote);
		buf_putc(&r->records, s.p[i]);
	}
	buf_putc(&r->records, f->quote);
}

struct writing { struct jw w; size_t n; };

static void begin_record(struct select_run *r, struct writing *x)
{
	jw_init(&x->w, &r->records);
	x->n = 0;
	if (r->out->json)
		jw_begin_object(&x->w);
}

static void put_value(struct select_run *r, struct writing *x, struct str name, const struct value *v)
{
	x->n++;
	if (!r->out->json) {
		if (x->n > 1)
			buf_str(&r->records, r->out->field);
		csv_field(r, value_text(r->row_arena, v), is_nothing(v));
		return;
	}
	if (v->type == V_MISSING)
		return;
	jw_key(&x->w, str_present(name) ? name : arena_printf(r->row_arena, "_%zu", x->n));
	if (v->j != NULL)
		jw_tree(&x->w, v->j);
	else if (v->type == V_NULL)
		jw_null(&x->w);
	else if (v->type == V_BOOL)
		jw_bool(&x->w, v->b);
	else if (v->type == V_INT)
		jw_i64(&x->w, v->i);
	else if (v->type == V_FLOAT)
		jw_f64(&x->w, v->f);
	else
		jw_str(&x->w, value_text(r->row_arena, v));
}

static void end_record(struct select_run *r, struct writing *x, size_t before)
{
	if (r->out->json)
		jw_end_object(&x->w);
	buf_str(&r->records, r->out->record);
	if (r->records.overflow || r->records.n - before > RECORD_MAX)
		fail(r, "OverMaxRecordSize", S("The length of a record in the input or result is greater than the maxCharsPerRecord limit of 1 MB."));
	else if (r->records.n >= EVENT_BYTES)
		send_records(r);
}

static void put_all(struct select_run *r, struct writing *x, const struct row *row)
{
	struct value v;
	for (size_t i = 0; !row->is_json && i < row->n_fields; i++) {
		v = value_string(row->fields[i]);
		put_value(r, x, row->head->named && i < row->head->n ? row->head->names[i] : STR_NONE, &v);
	}
	if (!row->is_json || row->json == NULL)
		return;
	for (uint32_t i = 0; row->json->type == JSON_OBJECT && i < row->json->n; i++) {
		v = value_of_json(&row->json->members[i].value);
		put_value(r, x, row->json->members[i].key, &v);
	}
	if (row->json->type != JSON_OBJECT) {
		v = value_of_json(row->json);
		put_value(r, x, STR_NONE, &v);
	}
}

static void write_row(struct select_run *r, struct evaluation *e)
{
	struct writing x;
	struct value v;
	size_t before = r->records.n;
	begin_record(r, &x);
	if (r->q->all)
		put_all(r, &x, e->row);
	for (size_t i = 0; i < r->q->n_items; i++) {
		if (!sql_eval(e, r->q->items[i].x, &v)) {
			r->records.n = before;
			fail(r, e->error.code, e->error.message);
			return;
		}
		put_value(r, &x, r->q->items[i].name, &v);
	}
	end_record(r, &x, before);
}

static void take_row(struct select_run *r, const struct row *row)
{
	struct evaluation e = {.a = r->row_arena, .row = row, .totals = r->totals, .now_ms = r->now_ms};
	struct value v;
	r->rows++;
	arena_reset(r->row_arena);
	if (r->q->where != NULL) {
		if (!sql_eval(&e, r->q->where, &v)) {
			fail(r, e.error.code, e.error.message);
			return;
		}
		if (v.type != V_BOOL || !v.b)
			return;
	}
	if (r->q->n_aggregates > 0) {
		if (!sql_gather(&e, r->q))
			fail(r, e.error.code, e.error.message);
		return;
	}
	if (r->left == 0) {
		r->stopped = true;
		return;
	}
	write_row(r, &e);
	if (r->left > 0 && --r->left == 0)
		r->stopped = true;
}

/* ---- records in ---- */

static const struct json *member_named(const struct json *j, const struct step *s)
{
	const struct json *found = json_get(j, s->name);
	for (uint32_t i = 0; found == NULL && !s->quoted && j->type == JSON_OBJECT && i < j->n; i++)
		if (str_eq_nocase(j->members[i].key, s->name))
			found = &j->members[i].value;
	return found;
}

static const struct json *value_at(const struct json *of, uint32_t i)
{
	ASSERT(i < of->n);
	return of->type == JSON_ARRAY ? &of->items[i] : &of->members[i].value;
}

/* From j down FROM's path to a row: a wildcard's first value now, its others later. NULL: there is none, which is a row too. */
static const struct json *descend(struct select_run *r, const struct json *j, size_t at)
{
	for (; at < r->q->n_from && j != NULL; at++) {
		const struct step *s = &r->q->from[at];
		if (s->kind == STEP_NAME) {
			j = member_named(j, s);
		} else if (s->kind == STEP_INDEX) {
			j = j->type == JSON_ARRAY && s->index < (int64_t)j->n ? &j->items[s->index] : NULL;
		} else {
			bool fits = s->kind == STEP_ALL ? j->type == JSON_ARRAY : j->type == JSON_OBJECT;
			if (!fits || j->n == 0)
				return NULL;
			ASSERT(r->n_places < r->q->n_from);
			r->places[r->n_places++] = (struct place){j, 1, at + 1};
			j = value_at(j, 0);
		}
	}
	return j;
}

static void take_value(struct select_run *r, const struct json *j)
{
	const struct row row = {.json = j, .is_json = true, .head = &r->head};
	take_row(r, &row);
}

/* Another row of the record under way; false: it has no more. */
static bool next_row(struct select_run *r)
{
	while (r->n_places > 0) {
		struct place *p = &r->places[r->n_places - 1];
		if (p->next < p->of->n) {
			take_value(r, descend(r, value_at(p->of, p->next++), p->step));
			return true;
		}
		r->n_places--;
	}
	return false;
}

static void take_record(struct select_run *r, struct str record)
{
	struct sql_error e = {0};
	ASSERT(r->n_places == 0);
	if (r->in->json) {
		const struct json *j = json_parse(r->record_arena, record, NULL);
		if (j == NULL)
			fail(r, "JSONParsingError", S("Encountered an error parsing the JSON file. Check the file and try again."));
		else
			take_value(r, descend(r, j, r->q->n_from > 0 ? 1 : 0)); /* the first [*] is the file's own list of values */
		return;
	}
	struct row row = {.head = &r->head};
	struct str *fields;
	if (!csv_split(r->record_arena, record, r->in, &fields, &row.n_fields, &e)) {
		fail(r, e.code, e.message);
		return;
	}
	row.fields = fields;
	take_row(r, &row);
}

/* The header, and on to where the range begins. */
static void begin(struct select_run *r)
{
	struct str record;
	struct sql_error e = {0};
	r->begun = true;
	if (!r->in->json && r->in->header != HEADER_NONE) {
		enum got got = reader_next(r->reader, &record, &e);
		if (got == GOT_ERROR)
			fail(r, e.code, e.message);
		if (got != GOT_RECORD) {
			r->stopped = true;
			return;
		}
		r->head.named = r->in->header == HEADER_USE;
		if (r->head.named && !csv_split(r->keep, arena_dup(r->keep, record), r->in, &r->head.names, &r->head.n, &e)) {
			fail(r, e.code, e.message);
			return;
		}
	}
	if (!reader_to_range(r->reader, &e))
		fail(r, e.code, e.message);
}

static void end_aggregates(struct select_run *r)
{
	struct evaluation e = {.a = r->row_arena, .totals = r->totals, .finishing = true, .now_ms = r->now_ms};
	if (r->q->n_aggregates > 0 && r->error.code == NULL && r->q->limit != 0)
		write_row(r, &e);
}

static void next_record(struct select_run *r)
{
	struct sql_error e = {0};
	struct str record;
	arena_reset(r->record_arena);
	enum got got = reader_next(r->reader, &record, &e);
	if (got == GOT_ERROR)
		fail(r, e.code, e.message);
	else if (got == GOT_END)
		r->stopped = true;
	else
		take_record(r, record);
}

/* Something is said after each step with Progress, and now and then in any case, so that the connection is not taken for dead. */
static void say_something(struct select_run *r)
{
	r->silent = r->events.n > 0 ? 0 : r->silent + 1;
	if (r->progress)
		send_counts(r, "Progress");
	else if (r->silent == SILENT_STEPS)
		eventstream_event(&r->events, "Cont", NULL, S(""));
	if (r->silent == SILENT_STEPS)
		r->silent = 0;
}

bool select_run_step(struct select_run *r)
{
	CHECK_MAGIC(r, (unsigned)RUN_MAGIC);
	int64_t until = reader_processed(r->reader) + STEP_BYTES;
	ASSERT(!r->ended && r->events.n == 0);
	r->rows = 0;
	r->steps++;
	if (!r->begun)
		begin(r);
	while (!r->stopped && reader_processed(r->reader) < until && r->rows < ROWS_A_STEP && r->events.n < OUT_BYTES)
		if (!next_row(r))
			next_record(r);
	if (r->stopped) {
		end_aggregates(r);
		finish(r);
	} else {
		say_something(r);
	}
	ASSERT(!r->events.overflow);
	return r->ended;
}

struct sql_error select_run_error(const struct select_run *r)
{
	return r->events.n > 0 ? (struct sql_error){0} : r->error;
}

struct buf *select_run_out(struct select_run *r)
{
	CHECK_MAGIC(r, (unsigned)RUN_MAGIC);
	return &r->events;
}
