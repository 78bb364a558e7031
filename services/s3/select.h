/* S3 Select inside: the SQL dialect, its values, the records it reads and writes. Pure but for select_read.c, which reads
 * stored bytes; any thread, one at a time for each query.
 * Source: "SQL reference for Amazon S3 Select" (S3 User Guide), "SelectObjectContent" (S3 API Reference). */
#ifndef TSUBO_S3_SELECT_H
#define TSUBO_S3_SELECT_H

#include "base/json.h"
#include "base/enc.h"
#include "svc/body.h"

enum { SQL_MAX = 256 << 10, SQL_DEPTH_MAX = 100, RECORD_MAX = 1 << 20, DOCUMENT_MAX = 32 << 20, COLUMNS_MAX = 4096 };

/* ---- errors: S3's code and words ---- */
struct sql_error { const char *code; struct str message; };

/* ---- values ---- */
enum value_type { V_MISSING, V_NULL, V_BOOL, V_INT, V_FLOAT, V_STRING, V_TIME, V_JSON /* an object or a list */ };
enum time_part { PART_YEAR, PART_MONTH, PART_DAY, PART_HOUR, PART_MINUTE, PART_SECOND, PART_MS, PART_ZONE_HOUR, PART_ZONE_MINUTE };
struct value {
	enum value_type type;
	bool b;
	int64_t i;                 /* INT; TIME: milliseconds since 1970, UTC */
	double f;
	int offset_minutes;        /* TIME */
	enum time_part precision;  /* TIME: the smallest part that was written */
	struct str s;
	const struct json *j;      /* where it came from, when from JSON */
};

/* ---- the query ---- */
enum expr_kind { X_LITERAL, X_PATH, X_NOT, X_NEGATE, X_AND, X_OR, X_COMPARE, X_ARITHMETIC, X_CONCAT, X_IS, X_BETWEEN, X_IN, X_LIKE, X_CASE, X_CAST,
	X_CALL, X_AGGREGATE };
enum compare_op { OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE };
enum function { F_COALESCE, F_NULLIF, F_DATE_ADD, F_DATE_DIFF, F_EXTRACT, F_TO_STRING, F_TO_TIMESTAMP, F_UTCNOW, F_CHAR_LENGTH, F_LOWER, F_UPPER,
	F_SUBSTRING, F_TRIM };
enum aggregate { A_COUNT, A_SUM, A_AVG, A_MIN, A_MAX };
enum trim { TRIM_BOTH, TRIM_LEADING, TRIM_TRAILING };
enum step_kind { STEP_NAME, STEP_INDEX, STEP_ALL, STEP_ANY /* .* */ };
struct step { enum step_kind kind; struct str name; bool quoted; int64_t index; };

struct expr {
	enum expr_kind kind;
	int op;                    /* what its kind has: compare_op, '+', function, aggregate, value_type of CAST and IS */
	bool negated, has_else, bound;
	enum time_part part;
	enum trim trim;
	struct value value;
	struct step *path;         /* without the table's alias; none: the row itself */
	size_t n_path;
	int column;                /* of a CSV record: found at the first record; -1: not looked for yet */
	struct expr **args;
	size_t n_args;
	unsigned depth;
	size_t slot;               /* of an aggregate */
};

struct item { struct expr *x; struct str name; /* absent: "_n" */ };
struct query {
	bool all;                  /* SELECT * */
	struct item *items;
	size_t n_items;
	struct step *from;         /* the path behind S3Object */
	size_t n_from;
	struct str alias;
	struct expr *where;        /* NULL: all */
	int64_t limit;             /* -1: none */
	size_t n_aggregates;       /* > 0: one record comes out */
};
/* NULL with *e set. All in the arena; names are views of text. */
struct query *sql_parse(struct arena *a, struct str text, struct sql_error *e);

/* ---- evaluating ---- */
struct columns { struct str *names; size_t n; bool named; }; /* named: the first record gave the names */
struct row {
	const struct json *json;   /* a JSON row; NULL: missing, or CSV */
	bool is_json;
	const struct str *fields;  /* a CSV record */
	size_t n_fields;
	const struct columns *head;
};
struct total { int64_t count, sum_int; double sum; bool floats; struct value extreme; char text[64]; };
struct evaluation {
	struct arena *a;           /* of this row */
	const struct row *row;
	struct total *totals;      /* of aggregates, by slot */
	bool finishing;            /* aggregates give their results */
	int64_t now_ms;
	struct sql_error error;
};
/* false: e->error says why. */
bool sql_eval(struct evaluation *e, const struct expr *x, struct value *out);
/* Take the row into all aggregates of the query. */
bool sql_gather(struct evaluation *e, const struct query *q);
bool sql_fail(struct evaluation *e, const char *code, const char *fmt, ...) PRINTF_LIKE(3, 4);
struct value value_of_json(const struct json *j);
bool is_nothing(const struct value *v); /* null or missing */

/* ---- values' own rules (select_value.c) ---- */
struct value value_string(struct str s);
struct value value_int(int64_t i);
struct value value_bool(bool b);
bool value_number(const struct value *v, struct value *out); /* a number, or a string that is one */
/* <0, 0, >0 in *order; false: they cannot be compared. */
bool value_compare(const struct value *a, const struct value *b, int *order);
bool value_cast(struct evaluation *e, const struct value *v, enum value_type to, struct value *out);
struct str value_text(struct arena *a, const struct value *v);
bool time_of_text(struct str s, struct value *out);
struct str time_text(struct arena *a, const struct value *t);
int64_t time_extract(const struct value *t, enum time_part part);
struct value time_add(const struct value *t, enum time_part part, int64_t n);
int64_t time_difference(const struct value *from, const struct value *to, enum time_part part);
/* TO_STRING's patterns; false: the pattern is not one. */
bool time_format(struct arena *a, const struct value *t, struct str pattern, struct str *out);
bool like(struct str text, struct str pattern, struct str escape, bool *matches); /* false: the pattern is not one */

/* ---- reading (select_read.c) ---- */
enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_BZIP2 };
enum header_use { HEADER_NONE, HEADER_USE, HEADER_IGNORE };
struct input_format {
	bool json, lines;          /* JSON; its records are lines */
	enum compression compression;
	enum header_use header;
	char comment, quote, escape; /* 0: none */
	struct str field, record;  /* delimiters */
	bool quoted_delimiters;
	bool ranged;
	int64_t start, end;        /* bytes where records begin that are read; inclusive */
};
struct reader;
/* Copies nothing: parts and format must live as long as it. */
struct reader *reader_new(struct store *s, const struct body_part *parts, size_t n, int64_t size, const struct input_format *f);
void reader_free(struct reader *r);
enum got { GOT_RECORD, GOT_END, GOT_ERROR };
/* The next record's text, valid until the next call. */
enum got reader_next(struct reader *r, struct str *record, struct sql_error *e);
/* Behind the header: to the first record that begins in the format's range. */
bool reader_to_range(struct reader *r, struct sql_error *e);
int64_t reader_scanned(const struct reader *r);   /* stored bytes read so far */
int64_t reader_processed(const struct reader *r); /* after decompression */
/* A CSV record into fields (in the arena). false with *e. */
bool csv_split(struct arena *a, struct str record, const struct input_format *f, struct str **fields, size_t *n, struct sql_error *e);

/* ---- running and writing (select_run.c) ---- */
struct output_format { bool json, always_quote; char quote, escape; struct str field, record; };
struct select_run;
/* Takes copies of what is transient; q, formats and parts must live as long as it. */
struct select_run *select_run_new(struct store *s, const struct query *q, const struct input_format *in, const struct output_format *out,
                                  const struct body_part *parts, size_t n_parts, int64_t size, bool progress, int64_t now_ms);
/* Some more work, some milliseconds of it and some hundred kilobytes of events; true: the query has ended. */
bool select_run_step(struct select_run *r);
/* After the first step: what makes the whole answer an error. NULL code: nothing; what goes wrong from now on is an event. */
struct sql_error select_run_error(const struct select_run *r);
/* Where each step puts its events: to be emptied before the next. */
struct buf *select_run_out(struct select_run *r);
void select_run_free(struct select_run *r);

#endif
