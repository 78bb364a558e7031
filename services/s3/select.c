/* SelectObjectContent: the request into a query and formats, and the query onto the worker pool.
 *
 * The call waits (call_await) for the first step of the run, which shows most of what is wrong with a query; then the answer
 * begins, and the other steps are made while it is sent. The run belongs to the first step, and then to the request.
 * Source: "SelectObjectContent" (S3 API Reference). */
#include "s3.h"
#include "select.h"

#include "svc/chain.h"
#include "svc/stream.h"

/* ---- formats out of the request ---- */

static void bad(struct call *c, const char *code, const char *message) { call_fail_code(c, 400, code, "%s", message); }

static void bad_parameter(struct call *c)
{
	bad(c, "InvalidRequestParameter", "The value of a parameter in the SelectRequest element is not valid. Check the service API "
		"documentation and try again.");
}

/* One byte, or `otherwise` when it is not given. */
static bool one_byte(struct call *c, struct str s, char otherwise, char *out)
{
	*out = s.n == 1 ? s.p[0] : str_present(s) && s.n == 0 ? '\0' : otherwise;
	if (s.n <= 1)
		return true;
	bad_parameter(c);
	return false;
}

static bool delimiter(struct call *c, struct str s, struct str otherwise, struct str *out)
{
	*out = str_present(s) && s.n > 0 ? s : otherwise;
	if (out->n <= 2)
		return true;
	bad_parameter(c);
	return false;
}

static bool csv_input(struct call *c, const struct s3_CSVInput *in, struct input_format *f)
{
	f->header = str_eq(in->FileHeaderInfo, S("USE")) ? HEADER_USE : str_eq(in->FileHeaderInfo, S("IGNORE")) ? HEADER_IGNORE : HEADER_NONE;
	f->quoted_delimiters = in->AllowQuotedRecordDelimiter.v;
	return one_byte(c, in->Comments, '\0', &f->comment) && one_byte(c, in->QuoteCharacter, '"', &f->quote) &&
	       one_byte(c, in->QuoteEscapeCharacter, '"', &f->escape) && delimiter(c, in->FieldDelimiter, S(","), &f->field) &&
	       delimiter(c, in->RecordDelimiter, S("\n"), &f->record);
}

static bool input_of(struct call *c, const struct s3_SelectObjectContentRequest *in, int64_t size, struct input_format *f)
{
	const struct s3_InputSerialization *i = in->InputSerialization;
	const struct s3_ScanRange *range = in->ScanRange;
	*f = (struct input_format){.field = S(","), .record = S("\n")};
	if (i->Parquet != NULL) {
		call_unsupported(c, "tsubo does not query Apache Parquet objects: CSV and JSON only");
		return false;
	}
	if ((i->CSV != NULL) == (i->JSON != NULL)) {
		bad(c, i->CSV != NULL ? "ObjectSerializationConflict" : "MissingRequiredParameter", i->CSV != NULL ?
			"The SelectRequest entity can only contain one of CSV or JSON. Check the service documentation and try again." :
			"The SelectRequest entity is missing a required parameter. Check the service documentation and try again.");
		return false;
	}
	f->json = i->JSON != NULL;
	f->lines = f->json && str_eq(i->JSON->Type, S("LINES"));
	if (f->json && !f->lines && !str_eq(i->JSON->Type, S("DOCUMENT"))) {
		bad(c, "InvalidJsonType", "The JsonType is invalid. Only DOCUMENT and LINES are supported.");
		return false;
	}
	f->compression = str_eq(i->CompressionType, S("GZIP")) ? COMPRESSION_GZIP : str_eq(i->CompressionType, S("BZIP2")) ? COMPRESSION_BZIP2
		: COMPRESSION_NONE;
	if (i->CSV != NULL && !csv_input(c, i->CSV, f))
		return false;
	if (range == NULL)
		return true;
	if (f->compression != COMPRESSION_NONE || (f->json && !f->lines) || f->quoted_delimiters) {
		bad(c, "UnsupportedScanRangeInput", "Scan range queries are not supported on this type of object.");
		return false;
	}
	f->ranged = true;
	f->start = range->Start.set ? range->Start.v : range->End.set ? size - range->End.v : 0;
	f->end = range->Start.set && range->End.set ? range->End.v : INT64_MAX;
	f->start = f->start < 0 && !range->Start.set ? 0 : f->start; /* the last so many bytes are more than there are */
	if (f->start >= 0 && f->end >= f->start && (range->Start.set || range->End.set))
		return true;
	bad(c, "InvalidScanRange", "The provided scan range is not valid.");
	return false;
}

static bool output_of(struct call *c, const struct s3_OutputSerialization *o, struct output_format *f)
{
	*f = (struct output_format){.json = o->JSON != NULL, .field = S(","), .record = S("\n"), .quote = '"', .escape = '"'};
	if ((o->CSV != NULL) == (o->JSON != NULL)) {
		bad(c, o->CSV != NULL ? "ObjectSerializationConflict" : "MissingRequiredParameter", o->CSV != NULL ?
			"The SelectRequest entity can only contain one of CSV or JSON. Check the service documentation and try again." :
			"The SelectRequest entity is missing a required parameter. Check the service documentation and try again.");
		return false;
	}
	if (o->JSON != NULL)
		return delimiter(c, o->JSON->RecordDelimiter, S("\n"), &f->record);
	f->always_quote = str_eq(o->CSV->QuoteFields, S("ALWAYS"));
	return one_byte(c, o->CSV->QuoteCharacter, '"', &f->quote) && one_byte(c, o->CSV->QuoteEscapeCharacter, '"', &f->escape) &&
	       delimiter(c, o->CSV->FieldDelimiter, S(","), &f->field) && delimiter(c, o->CSV->RecordDelimiter, S("\n"), &f->record);
}

/* ---- on the pool ---- */

enum { SELECTING_MAGIC = 0x5e1ec703 };

/* All that a run looks at, for as long as either the pool or the request needs it. */
struct selecting {
	unsigned magic;
	struct arena *a;
	struct str expression;
	struct input_format in;
	struct output_format out;
	const struct body_part *parts;
	size_t n_parts;
	int64_t size, now_ms;
	bool progress;
	struct select_run *run;    /* made by the first step */
	struct txn *snapshot;      /* keeps the object's files until they are read */
	struct ticket ticket;
	struct arena *keep;        /* the call's, while it waits */
	struct chain first;        /* of one step */
	bool ended;
};

static void let_go(void *arg)
{
	struct selecting *s = arg;
	CHECK_MAGIC(s, (unsigned)SELECTING_MAGIC);
	if (s->run != NULL)
		select_run_free(s->run);
	txn_end(s->snapshot);
	s->magic = 0;
	arena_free(s->a); /* s lives in it */
}

static bool work(void *arg)
{
	struct selecting *s = arg;
	CHECK_MAGIC(s, (unsigned)SELECTING_MAGIC);
	return s->ended = select_run_step(s->run);
}

static bool first_step(void *arg)
{
	struct selecting *s = arg;
	struct sql_error e = {0};
	const struct query *q = sql_parse(s->a, s->expression, &e);
	ASSERT(q != NULL && s->run == NULL); /* the call has parsed it before */
	s->run = select_run_new(service_store(), q, &s->in, &s->out, s->parts, s->n_parts, s->size, s->progress, s->now_ms);
	(void)work(s);
	return true;
}

static void first_over(void *arg)
{
	struct selecting *s = arg;
	if (s->first.stopped) {
		let_go(s);
		return;
	}
	arena_defer(s->keep, let_go, s);
	ticket_answer(s->ticket, &(struct answer){.ok = true, .detail = s});
}

/* What the call knows when it begins to wait; in its memory. */
struct start {
	struct arena *keep;
	struct txn *snapshot;
	const struct s3_SelectObjectContentRequest *in;
	const struct body *body;
	struct input_format input;
	struct output_format output;
	int64_t now_ms;
};

/* Copies: the pool may still be at work when the request has gone. */
static void copy_parts(struct selecting *s, const struct body *b)
{
	const struct body_part *from = body_parts(s->a, b, &s->n_parts);
	struct body_part *to = arena_array(s->a, struct body_part, s->n_parts);
	for (size_t i = 0; i < s->n_parts; i++) {
		to[i] = from[i];
		to[i].bytes = from[i].blob[0] != '\0' ? STR_NONE : arena_dup(s->a, from[i].bytes);
	}
	s->parts = to;
	s->size = b->length;
}

static void begin(struct ticket t, void *arg)
{
	const struct start *from = arg;
	struct arena *a = arena_new(8192);
	struct selecting *s = arena_new_of(a, struct selecting);
	*s = (struct selecting){.magic = SELECTING_MAGIC, .a = a, .ticket = t, .keep = from->keep, .now_ms = from->now_ms,
		.expression = arena_dup(a, from->in->Expression), .in = from->input, .out = from->output,
		.progress = from->in->RequestProgress != NULL && from->in->RequestProgress->Enabled.v, .snapshot = txn_again(from->snapshot)};
	s->in.field = arena_dup(a, s->in.field);
	s->in.record = arena_dup(a, s->in.record);
	s->out.field = arena_dup(a, s->out.field);
	s->out.record = arena_dup(a, s->out.record);
	copy_parts(s, from->body);
	chain_init(&s->first, first_step, NULL, first_over, s);
	chain_run_for(&s->first, t);
}

static void end_snapshot(void *arg) { txn_end(arg); }

/* ---- the operation ---- */

/* The object to be queried, as GetObject would read it; absent with c failed. */
static const struct s3_StoredObject *object_of(struct call *c, const struct s3_SelectObjectContentRequest *in, struct sse_key *k)
{
	const struct s3_StoredBucket *b = bucket_get(c, in->Bucket, in->ExpectedBucketOwner);
	if (b == NULL || !key_ok(c, in->Key) || !customer_key(c, in->SSECustomerAlgorithm, in->SSECustomerKey, in->SSECustomerKeyMD5, k))
		return NULL;
	if (c->who->type == PRINCIPAL_ANONYMOUS) {
		fail_denied(c); /* Select takes no anonymous requests */
		return NULL;
	}
	const struct s3_StoredObject *o = object_find(c, b, in->Key, STR_NONE);
	if (o == NULL || !allow_object(c, b, o, "s3:GetObject", ACL_READ))
		return NULL;
	if (o->Marker.v) {
		fail_no_key(c, in->Key);
		return NULL;
	}
	if (object_archived(c, o)) {
		call_fail_code(c, 403, "InvalidObjectState", "The operation is not valid for the object's storage class");
		return NULL;
	}
	return customer_key_fits(c, o, k) && encryption_open(c, b, o, k) ? o : NULL;
}

void op_SelectObjectContent(struct call *c)
{
	const struct s3_SelectObjectContentRequest *in = c->in;
	struct s3_SelectObjectContentOutput *out = c->out;
	struct arena *keep = call_keep(c);
	struct start *s = arena_new_of(keep, struct start);
	struct sql_error e = {0};
	struct sse_key k;
	const struct s3_StoredObject *o = object_of(c, in, &k);
	if (o == NULL)
		return;
	if (!str_eq_nocase(in->ExpressionType, S("SQL"))) {
		bad(c, "InvalidExpressionType", "The ExpressionType is invalid. Only SQL expressions are supported.");
		return;
	}
	if (!input_of(c, in, o->Size.v, &s->input) || !output_of(c, in->OutputSerialization, &s->output))
		return;
	if (sql_parse(c->arena, in->Expression, &e) == NULL) {
		call_fail_code(c, 400, e.code, "%.*s", STR_ARG(e.message));
		return;
	}
	const struct body *body = data_body(c, o, &k, 0, o->Size.v);
	if (body == NULL)
		return;
	s->keep = keep;
	s->in = in;
	s->body = body; /* in this run's memory, which is there until the call runs again */
	s->now_ms = c->now_ms;
	s->snapshot = txn_again(c->txn);
	arena_defer(keep, end_snapshot, s->snapshot);
	const struct answer *a = call_await(c, begin, s, sizeof *s, INT64_MAX);
	if (a == NULL)
		return;
	ASSERT(a->ok && a->detail != NULL); /* there is no deadline */
	struct selecting *run = a->detail;
	e = select_run_error(run->run);
	if (e.code != NULL) {
		call_fail_code(c, str_eq(str_c(e.code), S("InternalError")) ? 500 : 400, e.code, "%.*s", STR_ARG(e.message));
		return;
	}
	struct buf *events = select_run_out(run->run);
	out->Payload = arena_new_of(keep, struct body);
	if (run->ended)
		*out->Payload = (struct body){.bytes = buf_view(events), .length = (int64_t)events->n};
	else
		out->Payload->source = stream_of_steps(keep, work, run, events);
}
