/* Expressions: read and evaluated in one pass, from left to right.
 *
 * What always holds: a query is evaluated once; one that comes to itself again is a cycle, and an error. Depth is bounded by DEPTH_MAX.
 * Source: "Metric math syntax and functions" (User Guide). */
#include "math.h"

#include "insight.h"

#include <math.h>

enum { DEPTH_MAX = 64, ARGUMENTS_MAX = 100 };

struct reader { struct math *m; struct str s; size_t at; unsigned depth; };

void *math_fail(struct math *m, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str text = arena_vprintf(m->c->arena, fmt, ap);
	va_end(ap);
	if (!m->c->failed)
		call_fail(m->c, &cloudwatch_err_ValidationException, "Error in expression: %.*s", STR_ARG(text));
	return NULL;
}

static bool bad(struct reader *r, const char *what)
{
	math_fail(r->m, "%s at %zu of '%.*s'", what, r->at + 1, STR_ARG(r->s));
	return false;
}

static void spaces(struct reader *r)
{
	while (r->at < r->s.n && (unsigned char)r->s.p[r->at] <= ' ')
		r->at++;
}

static bool take(struct reader *r, const char *text)
{
	spaces(r);
	struct str t = str_c(text);
	if (!str_starts(str_slice(r->s, r->at, r->s.n), t))
		return false;
	r->at += t.n;
	return true;
}

static bool in_word(char ch) { return (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '_'; }

static struct str peek_word(struct reader *r)
{
	spaces(r);
	size_t end = r->at;
	while (end < r->s.n && in_word(r->s.p[end]))
		end++;
	return str_slice(r->s, r->at, end);
}

static bool take_word(struct reader *r, const char *word)
{
	struct str w = peek_word(r);
	if (!str_eq(w, str_c(word)))
		return false;
	r->at += w.n;
	return true;
}

/* 'text' or "text" */
static bool take_text(struct reader *r, struct str *out)
{
	spaces(r);
	char quote = r->at < r->s.n ? r->s.p[r->at] : '\0';
	if (quote != '\'' && quote != '"')
		return false;
	size_t from = ++r->at;
	while (r->at < r->s.n && r->s.p[r->at] != quote)
		r->at++;
	*out = str_slice(r->s, from, r->at);
	return r->at++ < r->s.n || bad(r, "a text does not end");
}

static bool expression(struct reader *r, struct math_value *out);

static bool take_number(struct reader *r, struct math_value *out)
{
	size_t end = r->at;
	while (end < r->s.n && ((r->s.p[end] >= '0' && r->s.p[end] <= '9') || r->s.p[end] == '.'))
		end++;
	if (end == r->at || !str_to_f64(str_slice(r->s, r->at, end), &out->number))
		return false;
	out->kind = MATH_NUMBER;
	r->at = end;
	return true;
}

/* ---- names of queries ---- */

static bool reference(struct reader *r, struct str id, struct math_value *out)
{
	for (uint32_t i = 0; i < r->m->queries->n; i++)
		if (str_eq(LIST_AT(*r->m->queries, struct cloudwatch_MetricDataQuery, i)->Id, id)) {
			const struct math_value *v = math_value_of(r->m, i);
			if (v != NULL)
				*out = *v;
			return v != NULL;
		}
	math_fail(r->m, "Undefined variable: %.*s", STR_ARG(id));
	return false;
}

/* METRICS(), METRICS("part of an id") */
static bool metrics(struct reader *r, struct math_value *out)
{
	struct str part = S("");
	if (!take(r, ")") && (!take_text(r, &part) || !take(r, ")")))
		return bad(r, "METRICS takes nothing or a text");
	struct math_series *v = arena_array(r->m->c->arena, struct math_series, r->m->queries->n);
	uint32_t n = 0;
	for (uint32_t i = 0; i < r->m->queries->n; i++) {
		const struct cloudwatch_MetricDataQuery *q = LIST_AT(*r->m->queries, struct cloudwatch_MetricDataQuery, i);
		if (q->MetricStat == NULL || str_find_str(q->Id, part) < 0)
			continue;
		const struct math_value *x = math_value_of(r->m, i);
		if (x == NULL)
			return false;
		ASSERT(x->kind == MATH_SERIES && x->v[0].raw); /* a metric's */
		v[n++] = x->v[0];
	}
	*out = math_array(r->m, v, n);
	return true;
}

/* ---- functions ---- */

static bool number_argument(struct reader *r, double *out)
{
	struct math_value v;
	if (!expression(r, &v))
		return false;
	*out = v.number;
	return v.kind == MATH_NUMBER || bad(r, "a number is needed");
}

static bool sort(struct reader *r, struct math_value *out)
{
	struct math_value x;
	double most;
	if (!expression(r, &x) || !take(r, ","))
		return bad(r, "SORT takes an array, a function and an order");
	struct str by = peek_word(r);
	r->at += by.n;
	if (!take(r, ","))
		return bad(r, "SORT takes an array, a function and an order");
	bool ascending = take_word(r, "ASC");
	if ((!ascending && !take_word(r, "DESC")) || !math_sort(r->m, &x, by, ascending, out))
		return bad(r, "SORT takes AVG, MIN, MAX or SUM, and ASC or DESC");
	if (take(r, ",")) {
		if (!number_argument(r, &most))
			return false;
		out->n = most >= 0 && most < out->n ? (uint32_t)most : out->n;
	}
	return take(r, ")") || bad(r, ") is missing");
}

static bool slice(struct reader *r, struct math_value *out)
{
	double from, to = MATH_SERIES_MAX;
	if (!expression(r, out) || out->kind != MATH_ARRAY || !take(r, ",") || !number_argument(r, &from))
		return bad(r, "SLICE takes an array and where it begins");
	if (take(r, ",") && !number_argument(r, &to))
		return false;
	uint32_t first = from >= out->n ? out->n : from > 0 ? (uint32_t)from : 0, end = to >= out->n ? out->n : to > 0 ? (uint32_t)to : 0;
	ASSERT(first <= out->n && end <= out->n);
	if (first > 0)
		out->v += first;
	out->n = end > first ? end - first : 0;
	return take(r, ")") || bad(r, ") is missing");
}

static bool fill(struct reader *r, struct math_value *out)
{
	struct math_value x, by = {0};
	struct str how = STR_NONE;
	if (!expression(r, &x) || !take(r, ","))
		return bad(r, "FILL takes a series and what to fill it with");
	if (take_word(r, "REPEAT"))
		how = S("REPEAT");
	else if (take_word(r, "LINEAR"))
		how = S("LINEAR");
	else if (!expression(r, &by))
		return false;
	return math_fill(r->m, &x, &by, how, out) && (take(r, ")") || bad(r, ") is missing"));
}

static bool condition(struct reader *r, struct math_value *out)
{
	struct math_value test, yes, no;
	if (!expression(r, &test) || !take(r, ",") || !expression(r, &yes))
		return bad(r, "IF takes a condition and one or two values");
	bool otherwise = take(r, ",");
	if (otherwise && !expression(r, &no))
		return false;
	return math_if(r->m, &test, &yes, otherwise ? &no : NULL, out) && (take(r, ")") || bad(r, ") is missing"));
}

static bool search(struct reader *r, struct math_value *out)
{
	struct str terms, stat;
	double period;
	if (!take_text(r, &terms) || !take(r, ",") || !take_text(r, &stat))
		return bad(r, "SEARCH takes a search expression and a statistic, as texts");
	if (take(r, ",") && !number_argument(r, &period))
		return false;
	r->m->searched = true;
	return (take(r, ")") || bad(r, ") is missing")) && math_search(r->m, terms, stat, out);
}

static void put_point(void *series, const struct grid *g, int64_t at_ms, double v)
{
	struct math_series *s = series;
	int64_t i = (at_ms - g->from_ms) / g->period_ms;
	if (at_ms < g->from_ms || i >= (int64_t)g->n)
		return;
	s->v[i] = v;
	s->there[i] = true;
}

static bool insight(struct reader *r, struct math_value *out)
{
	struct str rule, metric;
	struct math_series *s = arena_new_of(r->m->c->arena, struct math_series);
	if (!take_text(r, &rule) || !take(r, ",") || !take_text(r, &metric) || !take(r, ")") || !insight_metric_known(metric))
		return bad(r, "INSIGHT_RULE_METRIC takes a rule's name and a statistic, as texts");
	if (!math_series_new(r->m, s))
		return false;
	s->label = arena_join(r->m->c->arena, rule, S(" "), metric);
	*out = (struct math_value){.kind = MATH_SERIES, .v = s, .n = 1};
	if (!r->m->dry) /* a rule that is not there has no data */
		(void)insight_series(r->m->c, rule, metric, &r->m->grid, put_point, s);
	return true;
}

static bool time_series(struct reader *r, struct math_value *out)
{
	struct math_series *s = arena_new_of(r->m->c->arena, struct math_series);
	double v;
	if (!number_argument(r, &v) || !take(r, ")"))
		return bad(r, "TIME_SERIES takes a number");
	if (!math_series_new(r->m, s))
		return false;
	for (uint32_t i = 0; i < r->m->grid.n; i++) {
		s->v[i] = v;
		s->there[i] = isfinite(v);
	}
	*out = (struct math_value){.kind = MATH_SERIES, .v = s, .n = 1};
	return true;
}

static bool period(struct reader *r, struct math_value *out)
{
	struct math_value x;
	if (!expression(r, &x) || !take(r, ")") || x.kind != MATH_SERIES || !x.v[0].raw)
		return bad(r, "PERIOD takes a metric");
	*out = math_number((double)r->m->grid.period_ms / 1000);
	return true;
}

static bool function(struct reader *r, struct str name, struct math_value *out)
{
	static const struct { struct str name; bool (*run)(struct reader *r, struct math_value *out); } own[] = {
		{STR_INIT("METRICS"), metrics}, {STR_INIT("SORT"), sort}, {STR_INIT("SLICE"), slice}, {STR_INIT("FILL"), fill},
		{STR_INIT("IF"), condition},
		{STR_INIT("SEARCH"), search}, {STR_INIT("INSIGHT_RULE_METRIC"), insight}, {STR_INIT("TIME_SERIES"), time_series},
		{STR_INIT("PERIOD"), period}};
	static const char *const absent[] = {"ANOMALY_DETECTION_BAND", "SERVICE_QUOTA", "LAMBDA", "DB_PERF_INSIGHTS"};
	struct math_value x;
	for (size_t i = 0; i < COUNT_OF(absent); i++)
		if (str_eq(name, str_c(absent[i]))) {
			call_unsupported(r->m->c, "metric math with %s is not there", absent[i]);
			return false;
		}
	for (size_t i = 0; i < COUNT_OF(own); i++)
		if (str_eq(name, own[i].name))
			return own[i].run(r, out);
	if (!expression(r, &x) || !take(r, ")"))
		return bad(r, "a function's argument, or ) is missing");
	if (math_unary(r->m, name, &x, out))
		return true;
	math_fail(r->m, "the function %.*s is not known, or not for such a value", STR_ARG(name));
	return false;
}

/* ---- operators, the closest binding last ---- */

/* [a, b] */
static bool list(struct reader *r, struct math_value *out)
{
	struct math_series *v = arena_array(r->m->c->arena, struct math_series, MATH_SERIES_MAX);
	uint32_t n = 0;
	do {
		struct math_value x;
		if (!expression(r, &x))
			return false;
		if (x.kind == MATH_NUMBER || n + x.n > MATH_SERIES_MAX)
			return bad(r, "an array has series, at most 500");
		if (x.n > 0)
			memcpy(v + n, x.v, x.n * sizeof *v);
		n += x.n;
	} while (take(r, ","));
	*out = math_array(r->m, v, n);
	return take(r, "]") || bad(r, "] is missing");
}

static bool primary(struct reader *r, struct math_value *out)
{
	if (take(r, "("))
		return expression(r, out) && (take(r, ")") || bad(r, ") is missing"));
	if (take(r, "["))
		return list(r, out);
	spaces(r);
	if (take_number(r, out))
		return true;
	struct str word = peek_word(r);
	if (word.n == 0)
		return bad(r, "a value is missing");
	r->at += word.n;
	return take(r, "(") ? function(r, word, out) : reference(r, word, out);
}

static bool negated(struct reader *r, struct math_value *out)
{
	const struct math_value minus = {.kind = MATH_NUMBER, .number = -1};
	struct math_value x;
	if (!take(r, "-"))
		return primary(r, out);
	return negated(r, &x) && math_binary(r->m, '*', &minus, &x, out);
}

static bool binary(struct reader *r, unsigned level, struct math_value *out)
{
	static const struct { const char *text; char op; unsigned level; bool word; } operators[] = {
		{"||", '|', 0}, {"OR", '|', 0, true}, {"&&", '&', 1}, {"AND", '&', 1, true}, {"==", 'E', 2}, {"!=", 'N', 2}, {"<=", 'L', 2}, {">=", 'G', 2},
		{"<", '<', 2}, {">", '>', 2}, {"+", '+', 3}, {"-", '-', 3}, {"*", '*', 4}, {"/", '/', 4}, {"^", '^', 5}};
	if (level == 6)
		return negated(r, out);
	if (!binary(r, level + 1, out))
		return false;
	for (;;) {
		size_t i = 0;
		while (i < COUNT_OF(operators) && (operators[i].level != level ||
		       !(operators[i].word ? take_word(r, operators[i].text) : take(r, operators[i].text))))
			i++;
		if (i == COUNT_OF(operators))
			return true;
		struct math_value left = *out, right;
		if (!binary(r, level + 1, &right) || !math_binary(r->m, operators[i].op, &left, &right, out))
			return false;
	}
}

static bool expression(struct reader *r, struct math_value *out)
{
	if (++r->depth > DEPTH_MAX)
		return bad(r, "too deep");
	*out = (struct math_value){0};
	bool ok = binary(r, 0, out);
	r->depth--;
	ASSERT(!ok || (r->at <= r->s.n && (out->kind == MATH_SERIES ? out->n == 1 : out->kind == MATH_ARRAY || out->n == 0)));
	return ok;
}

/* ---- queries ---- */

int64_t math_period_s(const struct list *queries)
{
	int64_t longest = 0;
	for (uint32_t i = 0; i < queries->n; i++) {
		const struct cloudwatch_MetricDataQuery *q = LIST_AT(*queries, struct cloudwatch_MetricDataQuery, i);
		int64_t p = q->MetricStat != NULL ? q->MetricStat->Period.v : q->Period.v;
		longest = p > longest ? p : longest;
	}
	return longest > 0 ? longest : 60;
}

void math_init(struct math *m, struct call *c, const struct list *queries, int64_t from_ms, int64_t to_ms)
{
	int64_t period_ms = math_period_s(queries) * 1000;
	ASSERT(from_ms <= to_ms && (to_ms - from_ms) / period_ms <= MATH_POINTS_MAX + 1); /* from may be rounded down */
	*m = (struct math){.c = c, .grid = {from_ms, period_ms, (uint32_t)((to_ms - from_ms + period_ms - 1) / period_ms)}, .queries = queries,
		.done = arena_array(c->arena, struct math_value, queries->n), .state = arena_array(c->arena, uint8_t, queries->n)};
}

static bool evaluate(struct math *m, const struct cloudwatch_MetricDataQuery *q, struct math_value *out)
{
	struct reader r = {m, q->Expression, 0, 0};
	if (str_starts_nocase(str_trim(q->Expression), S("SELECT "))) {
		call_unsupported(m->c, "Metrics Insights queries (SELECT) are not there");
		return false;
	}
	if (!expression(&r, out))
		return false;
	spaces(&r);
	return r.at == r.s.n || bad(&r, "there is more than an expression");
}

const struct math_value *math_value_of(struct math *m, uint32_t i)
{
	const struct cloudwatch_MetricDataQuery *q = LIST_AT(*m->queries, struct cloudwatch_MetricDataQuery, i);
	struct math_value *v = &m->done[i];
	if (m->state[i] == 2)
		return v;
	if (m->state[i] == 1)
		return math_fail(m, "%.*s is defined by itself", STR_ARG(q->Id));
	m->state[i] = 1;
	if (q->MetricStat != NULL) {
		*v = (struct math_value){.kind = MATH_SERIES, .v = arena_new_of(m->c->arena, struct math_series), .n = 1};
		v->v[0] = (struct math_series){.id = q->Id, .raw = true, .label = str_present(q->Label) ? q->Label : q->MetricStat->Metric->MetricName};
		if (!math_load(m, q->MetricStat, &v->v[0]))
			return NULL;
	} else if (!evaluate(m, q, v)) {
		ASSERT(m->c->failed);
		return NULL;
	}
	m->state[i] = 2;
	return v;
}
