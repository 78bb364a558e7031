/* Evaluating S3 Select's expressions over one row, and its aggregates over all.
 *
 * Logic has three values: what is null or missing makes a comparison unknown, and WHERE takes what is true. */
#include "select.h"

#include <math.h>

bool sql_fail(struct evaluation *e, const char *code, const char *fmt, ...)
{
	va_list ap;
	if (e->error.code != NULL)
		return false;
	va_start(ap, fmt);
	e->error = (struct sql_error){code, arena_vprintf(e->a, fmt, ap)};
	va_end(ap);
	return false;
}

static const struct value null_value = {.type = V_NULL}, missing_value = {.type = V_MISSING};

/* ---- paths ---- */

/* "_3" is the third column. */
static bool positional(struct str name, size_t *at)
{
	uint64_t n;
	if (name.n < 2 || name.p[0] != '_' || !str_to_u64(str_slice(name, 1, name.n), &n) || n == 0 || n > COLUMNS_MAX)
		return false;
	*at = (size_t)n - 1;
	return true;
}

static bool column_of(struct evaluation *e, const struct step *s, int *out)
{
	const struct columns *h = e->row->head;
	size_t at;
	for (size_t i = 0; h->named && i < h->n; i++)
		if (str_eq(h->names[i], s->name)) {
			*out = (int)i;
			return true;
		}
	for (size_t i = 0; h->named && !s->quoted && i < h->n; i++)
		if (str_eq_nocase(h->names[i], s->name)) {
			*out = (int)i;
			return true;
		}
	if (!positional(s->name, &at))
		return sql_fail(e, "MissingHeaders", "Some headers in the query are missing from the file. Please check the file and try again.");
	*out = (int)at;
	return true;
}

static bool csv_path(struct evaluation *e, const struct expr *x, struct value *out)
{
	const struct row *r = e->row;
	if (x->n_path != 1 || x->path[0].kind != STEP_NAME)
		return sql_fail(e, "InvalidKeyPath", "The SQL expression contains an invalid key path.");
	int column = x->column;
	if (column < 0 && !column_of(e, &x->path[0], &column))
		return false;
	((struct expr *)(uintptr_t)x)->column = column; /* the same for every record; one thread runs a query */
	*out = (size_t)column < r->n_fields ? value_string(r->fields[column]) : missing_value;
	return true;
}

static const struct json *member(const struct json *j, const struct step *s)
{
	const struct json *found = json_get(j, s->name);
	for (uint32_t i = 0; found == NULL && !s->quoted && json_is(j, JSON_OBJECT) && i < j->n; i++)
		if (str_eq_nocase(j->members[i].key, s->name))
			found = &j->members[i].value;
	return found;
}

static bool json_walk(struct evaluation *e, const struct expr *x, struct value *out)
{
	const struct json *j = e->row->json;
	size_t at = 0, ignored;
	/* A row that is no object is called _1. */
	if (x->n_path > 0 && x->path[0].kind == STEP_NAME && positional(x->path[0].name, &ignored) && ignored == 0 && !json_is(j, JSON_OBJECT))
		at = 1;
	for (; at < x->n_path && j != NULL; at++) {
		const struct step *s = &x->path[at];
		if (s->kind == STEP_ALL || s->kind == STEP_ANY)
			return sql_fail(e, "InvalidKeyPath", "The SQL expression contains an invalid key path: wildcards belong into FROM.");
		if (s->kind == STEP_INDEX)
			j = json_is(j, JSON_ARRAY) && s->index >= 0 && s->index < (int64_t)j->n ? &j->items[s->index] : NULL;
		else
			j = json_is(j, JSON_OBJECT) ? member(j, s) : NULL;
	}
	*out = value_of_json(j);
	return true;
}

/* ---- operators ---- */

static bool truth(const struct value *v) { return v->type == V_BOOL && v->b; }

static bool logic(struct evaluation *e, const struct expr *x, struct value *out)
{
	struct value l, r;
	bool and = x->kind == X_AND;
	if (!sql_eval(e, x->args[0], &l))
		return false;
	if (l.type == V_BOOL && l.b != and) {
		*out = l;
		return true;
	}
	if (!sql_eval(e, x->args[1], &r))
		return false;
	if (r.type == V_BOOL && (r.b != and || l.type == V_BOOL))
		*out = r;
	else
		*out = null_value;
	return true;
}

static bool compared(enum compare_op op, int order)
{
	switch (op) {
	case OP_EQ: return order == 0;
	case OP_NE: return order != 0;
	case OP_LT: return order < 0;
	case OP_LE: return order <= 0;
	case OP_GT: return order > 0;
	default: return order >= 0;
	}
}

/* What cannot be compared is not equal, and neither less nor greater. */
static struct value comparison(const struct value *l, const struct value *r, enum compare_op op)
{
	int order;
	if (is_nothing(l) || is_nothing(r))
		return null_value;
	if (l->type == V_JSON && r->type == V_JSON && (op == OP_EQ || op == OP_NE))
		return value_bool(json_equal(l->j, r->j) == (op == OP_EQ));
	if (!value_compare(l, r, &order))
		return value_bool(op == OP_NE);
	return value_bool(compared(op, order));
}

static bool overflow(struct evaluation *e)
{
	return sql_fail(e, "IntegerOverflow", "An integer overflow or underflow occurred in the SQL expression.");
}

static bool whole_arithmetic(struct evaluation *e, int op, int64_t l, int64_t r, struct value *out)
{
	bool over = false;
	*out = value_int(0);
	switch (op) {
	case '+': over = __builtin_add_overflow(l, r, &out->i); break;
	case '-': over = __builtin_sub_overflow(l, r, &out->i); break;
	case '*': over = __builtin_mul_overflow(l, r, &out->i); break;
	default:
		if (r == 0)
			return sql_fail(e, "EvaluatorInvalidArguments", "A division by zero occurred in the SQL expression.");
		over = l == INT64_MIN && r == -1;
		if (!over)
			out->i = op == '/' ? l / r : l % r;
	}
	return !over || overflow(e);
}

static bool arithmetic(struct evaluation *e, int op, const struct value *a, const struct value *b, struct value *out)
{
	struct value l, r;
	if (is_nothing(a) || is_nothing(b)) {
		*out = null_value;
		return true;
	}
	if (!value_number(a, &l) || !value_number(b, &r))
		return sql_fail(e, "InvalidDataType", "The SQL expression contains an invalid data type: arithmetic is done with numbers.");
	if (l.type == V_INT && r.type == V_INT)
		return whole_arithmetic(e, op, l.i, r.i, out);
	double x = l.type == V_INT ? (double)l.i : l.f, y = r.type == V_INT ? (double)r.i : r.f;
	if ((op == '/' || op == '%') && y == 0)
		return sql_fail(e, "EvaluatorInvalidArguments", "A division by zero occurred in the SQL expression.");
	*out = (struct value){.type = V_FLOAT, .f = op == '+' ? x + y : op == '-' ? x - y : op == '*' ? x * y : op == '/' ? x / y : fmod(x, y)};
	return isfinite(out->f) || overflow(e);
}

static bool concat(struct evaluation *e, const struct value *l, const struct value *r, struct value *out)
{
	*out = null_value;
	if (is_nothing(l) || is_nothing(r))
		return true;
	struct str a = value_text(e->a, l), b = value_text(e->a, r);
	if (a.n + b.n > RECORD_MAX)
		return sql_fail(e, "OverMaxRecordSize", "The length of a record in the input or result is greater than the maxCharsPerRecord limit of 1 MB.");
	*out = value_string(arena_join(e->a, a, b));
	return true;
}

static struct value negated_if(bool negated, struct value v)
{
	if (negated && v.type == V_BOOL)
		v.b = !v.b;
	return v;
}

static bool between(struct evaluation *e, const struct expr *x, struct value *out)
{
	struct value v, low, high;
	if (!sql_eval(e, x->args[0], &v) || !sql_eval(e, x->args[1], &low) || !sql_eval(e, x->args[2], &high))
		return false;
	struct value above = comparison(&v, &low, OP_GE), below = comparison(&v, &high, OP_LE);
	if (above.type != V_BOOL || below.type != V_BOOL)
		*out = (above.type == V_BOOL && !above.b) || (below.type == V_BOOL && !below.b) ? value_bool(false) : null_value;
	else
		*out = value_bool(above.b && below.b);
	*out = negated_if(x->negated, *out);
	return true;
}

static bool in(struct evaluation *e, const struct expr *x, struct value *out)
{
	struct value v, one;
	bool unknown = false;
	if (!sql_eval(e, x->args[0], &v))
		return false;
	for (size_t i = 1; i < x->n_args; i++) {
		if (!sql_eval(e, x->args[i], &one))
			return false;
		struct value same = comparison(&v, &one, OP_EQ);
		unknown |= same.type != V_BOOL;
		if (truth(&same)) {
			*out = value_bool(!x->negated);
			return true;
		}
	}
	*out = unknown ? null_value : value_bool(x->negated);
	return true;
}

static bool like_of(struct evaluation *e, const struct expr *x, struct value *out)
{
	struct value v, pattern, escape = {.type = V_STRING, .s = STR_NONE};
	bool matches = false;
	if (!sql_eval(e, x->args[0], &v) || !sql_eval(e, x->args[1], &pattern) || (x->n_args > 2 && !sql_eval(e, x->args[2], &escape)))
		return false;
	*out = null_value;
	if (is_nothing(&v) || is_nothing(&pattern) || is_nothing(&escape))
		return true;
	if (v.type != V_STRING || pattern.type != V_STRING || escape.type != V_STRING || !like(v.s, pattern.s, escape.s, &matches))
		return sql_fail(e, "LikeInvalidInputs", "Invalid argument given to the LIKE clause in the SQL expression.");
	*out = value_bool(matches != x->negated);
	return true;
}

static bool case_of(struct evaluation *e, const struct expr *x, struct value *out)
{
	struct value when;
	ASSERT(x->n_args >= 2 && (x->n_args - x->has_else) % 2 == 0);
	size_t pairs = (x->n_args - x->has_else) / 2;
	for (size_t i = 0; i < pairs; i++) {
		if (!sql_eval(e, x->args[2 * i], &when))
			return false;
		if (truth(&when))
			return sql_eval(e, x->args[2 * i + 1], out);
	}
	*out = null_value;
	return !x->has_else || sql_eval(e, x->args[x->n_args - 1], out);
}

/* ---- functions ---- */

static bool illegal(struct evaluation *e) { return sql_fail(e, "IllegalSqlFunctionArgument", "Illegal argument was used in the SQL function."); }

static struct str folded(struct arena *a, struct str s, bool upper)
{
	char *p = arena_bytes(a, s.n + 1);
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool turn = upper ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z';
		p[i] = (char)(turn ? c ^ 0x20 : c);
	}
	return str_of(p, s.n);
}

/* The byte where the nth character (from 0) begins. */
static size_t at_character(struct str s, int64_t n)
{
	size_t i = 0;
	while (i < s.n && n > 0) {
		for (i++; i < s.n && ((unsigned char)s.p[i] & 0xc0) == 0x80; i++)
			;
		n--;
	}
	return i;
}

static bool substring(struct evaluation *e, const struct value *v, size_t n, struct value *out)
{
	if (v[0].type != V_STRING || v[1].type != V_INT || (n > 2 && (v[2].type != V_INT || v[2].i < 0)))
		return illegal(e);
	int64_t from = v[1].i - 1, end = INT64_MAX;
	if (n > 2 && __builtin_add_overflow(from, v[2].i, &end))
		end = INT64_MAX;
	from = from < 0 ? 0 : from;
	size_t start = at_character(v[0].s, from);
	struct str rest = str_slice(v[0].s, start, v[0].s.n);
	*out = value_string(end <= from ? S("") : str_slice(rest, 0, at_character(rest, end - from)));
	return true;
}

static bool in_set(struct str set, struct str point)
{
	return point.n > 0 && str_find_str(set, point) >= 0;
}

static bool trimmed(struct evaluation *e, const struct expr *x, const struct value *v, size_t n, struct value *out)
{
	struct str set = n > 1 ? v[1].s : S(" "), s = v[0].s;
	if (v[0].type != V_STRING || (n > 1 && v[1].type != V_STRING))
		return illegal(e);
	while (x->trim != TRIM_TRAILING && s.n > 0) {
		size_t one = at_character(s, 1);
		if (!in_set(set, str_slice(s, 0, one)))
			break;
		s = str_slice(s, one, s.n);
	}
	while (x->trim != TRIM_LEADING && s.n > 0) {
		size_t last = s.n - 1;
		while (last > 0 && ((unsigned char)s.p[last] & 0xc0) == 0x80)
			last--;
		if (!in_set(set, str_slice(s, last, s.n)))
			break;
		s = str_slice(s, 0, last);
	}
	*out = value_string(s);
	return true;
}

/* A date function takes a timestamp, or text that is one. */
static bool as_time(struct evaluation *e, const struct value *v, struct value *out)
{
	*out = *v;
	if (v->type == V_TIME || (v->type == V_STRING && time_of_text(v->s, out)))
		return true;
	return sql_fail(e, "ValueParseFailure", "A timestamp parse failure occurred in the SQL expression.");
}

static bool date_add(struct evaluation *e, const struct expr *x, const struct value *v, struct value *out)
{
	struct value t;
	if (v[0].type != V_INT || v[0].i < -1000000000 || v[0].i > 1000000000)
		return illegal(e);
	if (!as_time(e, &v[1], &t))
		return false;
	*out = time_add(&t, x->part, v[0].i);
	int64_t year = time_extract(out, PART_YEAR);
	return (year >= 1 && year <= 9999) || illegal(e);
}

static bool time_function(struct evaluation *e, const struct expr *x, const struct value *v, struct value *out)
{
	struct value t, u;
	if (x->op == F_DATE_ADD)
		return date_add(e, x, v, out);
	if (!as_time(e, &v[0], &t))
		return false;
	if (x->op == F_TO_TIMESTAMP) {
		*out = t;
		out->j = NULL;
		return true;
	}
	if (x->op == F_EXTRACT) {
		*out = value_int(time_extract(&t, x->part));
		return true;
	}
	if (x->op == F_DATE_DIFF) {
		if (!as_time(e, &v[1], &u))
			return false;
		*out = value_int(time_difference(&t, &u, x->part));
		return true;
	}
	struct str text;
	if (v[1].type != V_STRING || !time_format(e->a, &t, v[1].s, &text))
		return sql_fail(e, "EvaluatorInvalidTimestampFormatPattern", "Invalid timestamp format pattern in the SQL expression.");
	*out = value_string(text);
	return true;
}

static bool call(struct evaluation *e, const struct expr *x, struct value *out)
{
	struct value v[3];
	if (x->op == F_COALESCE) {
		*out = null_value;
		for (size_t i = 0; i < x->n_args && is_nothing(out); i++)
			if (!sql_eval(e, x->args[i], out))
				return false;
		return true;
	}
	ASSERT(x->n_args <= COUNT_OF(v));
	bool nothing = false;
	for (size_t i = 0; i < x->n_args; i++) {
		if (!sql_eval(e, x->args[i], &v[i]))
			return false;
		nothing |= is_nothing(&v[i]);
	}
	if (x->op == F_NULLIF) {
		struct value same = comparison(&v[0], &v[1], OP_EQ);
		*out = truth(&same) ? null_value : v[0];
		return true;
	}
	*out = null_value;
	if (nothing)
		return true;
	switch ((enum function)x->op) {
	case F_UTCNOW: *out = (struct value){.type = V_TIME, .i = e->now_ms, .precision = PART_MS}; return true;
	case F_CHAR_LENGTH: *out = value_int((int64_t)utf8_length(v[0].s)); return v[0].type == V_STRING || illegal(e);
	case F_LOWER: case F_UPPER:
		if (v[0].type != V_STRING)
			return illegal(e);
		*out = value_string(folded(e->a, v[0].s, x->op == F_UPPER));
		return true;
	case F_SUBSTRING: {
		struct value n;
		for (size_t i = 1; i < x->n_args; i++)
			if (value_number(&v[i], &n))
				v[i] = n;
		return substring(e, v, x->n_args, out);
	}
	case F_TRIM: return trimmed(e, x, v, x->n_args, out);
	default: return time_function(e, x, v, out);
	}
}

/* ---- aggregates ---- */

static bool gather(struct evaluation *e, const struct expr *x, struct total *t)
{
	struct value v, n;
	int order;
	ASSERT(x->kind == X_AGGREGATE && !e->finishing);
	if (x->n_args == 0) { /* COUNT(*) */
		t->count++;
		return true;
	}
	if (!sql_eval(e, x->args[0], &v))
		return false;
	if (is_nothing(&v))
		return true;
	if (x->op == A_COUNT) {
		t->count++;
		return true;
	}
	bool time = v.type == V_TIME && (x->op == A_MIN || x->op == A_MAX);
	if (!time && !value_number(&v, &n))
		return illegal(e);
	if (time)
		n = v;
	n.j = NULL;
	n.s = STR_NONE;
	if (x->op == A_MIN || x->op == A_MAX) {
		bool first = t->count == 0;
		if (!first && !value_compare(&n, &t->extreme, &order))
			return illegal(e);
		if (first || (x->op == A_MIN ? order < 0 : order > 0))
			t->extreme = n;
	} else {
		t->sum += n.type == V_INT ? (double)n.i : n.f;
		t->floats |= n.type == V_FLOAT;
		if (!t->floats && __builtin_add_overflow(t->sum_int, n.i, &t->sum_int))
			return overflow(e);
	}
	t->count++;
	return true;
}

static bool gather_in(struct evaluation *e, const struct expr *x)
{
	if (x->kind == X_AGGREGATE)
		return gather(e, x, &e->totals[x->slot]);
	for (size_t i = 0; i < x->n_args; i++)
		if (!gather_in(e, x->args[i]))
			return false;
	return true;
}

bool sql_gather(struct evaluation *e, const struct query *q)
{
	for (size_t i = 0; i < q->n_items; i++)
		if (!gather_in(e, q->items[i].x))
			return false;
	return true;
}

static struct value result(const struct expr *x, const struct total *t)
{
	if (x->op == A_COUNT)
		return value_int(t->count);
	if (t->count == 0)
		return null_value;
	switch ((enum aggregate)x->op) {
	case A_SUM: return t->floats ? (struct value){.type = V_FLOAT, .f = t->sum} : value_int(t->sum_int);
	case A_AVG: return (struct value){.type = V_FLOAT, .f = t->sum / (double)t->count};
	default: return t->extreme;
	}
}

/* ---- one expression ---- */

static bool unary(struct evaluation *e, const struct expr *x, struct value *out)
{
	struct value v;
	const struct value zero = value_int(0);
	if (!sql_eval(e, x->args[0], &v))
		return false;
	switch (x->kind) {
	case X_NOT: *out = v.type == V_BOOL ? value_bool(!v.b) : null_value; return true;
	case X_NEGATE: return arithmetic(e, '-', &zero, &v, out);
	case X_IS:
		*out = value_bool((x->op == V_MISSING ? v.type == V_MISSING : is_nothing(&v)) != x->negated);
		return true;
	default: return value_cast(e, &v, (enum value_type)x->op, out);
	}
}

static bool binary(struct evaluation *e, const struct expr *x, struct value *out)
{
	struct value l, r;
	if (!sql_eval(e, x->args[0], &l) || !sql_eval(e, x->args[1], &r))
		return false;
	if (x->kind == X_COMPARE) {
		*out = comparison(&l, &r, (enum compare_op)x->op);
		return true;
	}
	return x->kind == X_CONCAT ? concat(e, &l, &r, out) : arithmetic(e, x->op, &l, &r, out);
}

bool sql_eval(struct evaluation *e, const struct expr *x, struct value *out)
{
	ASSERT(x->depth <= SQL_DEPTH_MAX);
	switch (x->kind) {
	case X_LITERAL: *out = x->value; return true;
	case X_PATH:
		*out = missing_value;
		if (e->row == NULL)
			return true;
		return e->row->is_json ? json_walk(e, x, out) : csv_path(e, x, out);
	case X_NOT: case X_NEGATE: case X_IS: case X_CAST: return unary(e, x, out);
	case X_AND: case X_OR: return logic(e, x, out);
	case X_COMPARE: case X_ARITHMETIC: case X_CONCAT: return binary(e, x, out);
	case X_BETWEEN: return between(e, x, out);
	case X_IN: return in(e, x, out);
	case X_LIKE: return like_of(e, x, out);
	case X_CASE: return case_of(e, x, out);
	case X_CALL: return call(e, x, out);
	case X_AGGREGATE:
		ASSERT(e->finishing);
		*out = result(x, &e->totals[x->slot]);
		return true;
	}
	return false;
}
