/* The functions of metric math on series. What always holds: results are new series, arguments are never changed; a point that is not there
 * has no value that anyone looks at. */
#include "math.h"

#include "base/time.h"

#include <math.h>
#include <stdlib.h>

bool math_series_new(struct math *m, struct math_series *s)
{
	m->points += m->grid.n;
	if (m->points > (size_t)MATH_SERIES_MAX * 10000) {
		math_fail(m, "it has too many data points");
		return false;
	}
	s->v = arena_array(m->c->arena, double, m->grid.n);
	s->there = arena_array(m->c->arena, bool, m->grid.n);
	return true;
}

struct math_value math_number(double v) { return (struct math_value){.kind = MATH_NUMBER, .number = v}; }

struct math_value math_array(struct math *m, struct math_series *v, uint32_t n)
{
	(void)m;
	return (struct math_value){.kind = MATH_ARRAY, .v = v, .n = n};
}

bool math_load(struct math *m, const struct cloudwatch_MetricStat *q, struct math_series *out)
{
	struct cloudwatch_SeriesRecord **series;
	const struct grid *g = &m->grid;
	if (!math_series_new(m, out))
		return false;
	size_t n = m->dry ? 0 : series_find(m->c, q->Metric->Namespace, q->Metric->MetricName, &q->Metric->Dimensions, q->Unit, &series);
	struct stats *stats = arena_array(m->c->arena, struct stats, g->n);
	bool found = false;
	for (size_t i = 0; i < n && !found; i++) {
		struct str key, value;
		struct scan *s = series_samples(m->c, series[i], g->from_ms, grid_time(g, g->n));
		while (scan_next(s, &key, &value)) {
			size_t at = (size_t)((sample_time(key) - g->from_ms) / g->period_ms);
			ASSERT(at < g->n); /* the scan's bounds */
			stats_add(m->c->arena, &stats[at], record_decode(m->c, &cloudwatch_shape_SampleRecord, value));
			found = true;
		}
		scan_close(s);
	}
	for (uint32_t i = 0; found && i < g->n; i++) {
		struct opt_f64 v = stats[i].count > 0 ? stat_of(&stats[i], q->Stat) : (struct opt_f64){0};
		out->v[i] = v.v;
		out->there[i] = v.set;
	}
	return true;
}

/* ---- operators ---- */

/* false: there is no result. */
static bool apply(char op, double a, double b, double *out)
{
	switch (op) {
	case '+': *out = a + b; break;
	case '-': *out = a - b; break;
	case '*': *out = a * b; break;
	case '/': *out = b != 0 ? a / b : NAN; break;
	case '^': *out = pow(a, b); break;
	case '<': *out = a < b; break;
	case '>': *out = a > b; break;
	case 'L': *out = a <= b; break;
	case 'G': *out = a >= b; break;
	case 'E': *out = a == b; break;
	case 'N': *out = a != b; break;
	case '&': *out = a != 0 && b != 0; break;
	default: ASSERT(op == '|'); *out = a != 0 || b != 0; break;
	}
	return isfinite(*out);
}

/* One of the two may be a number: series NULL. What is missing in one of two series counts as 0. */
static bool combine(struct math *m, char op, const struct math_series *a, double x, const struct math_series *b, double y, struct math_series *out)
{
	ASSERT(out != a && out != b);
	ASSERT(a != NULL || b != NULL);
	*out = (struct math_series){.id = a != NULL ? a->id : b->id, .label = a != NULL ? a->label : b->label};
	if (!math_series_new(m, out))
		return false;
	for (uint32_t i = 0; i < m->grid.n; i++) {
		bool has_a = a != NULL && a->there[i], has_b = b != NULL && b->there[i];
		if (!has_a && !has_b)
			continue;
		out->there[i] = apply(op, a == NULL ? x : has_a ? a->v[i] : 0, b == NULL ? y : has_b ? b->v[i] : 0, &out->v[i]);
	}
	return true;
}

bool math_binary(struct math *m, char op, const struct math_value *a, const struct math_value *b, struct math_value *out)
{
	struct math_value r = {.kind = a->kind > b->kind ? a->kind : b->kind, .n = a->n > b->n ? a->n : b->n};
	if (r.kind == MATH_NUMBER) {
		*out = math_number(0);
		if (!apply(op, a->number, b->number, &out->number))
			out->number = NAN; /* what comes of it is dropped */
		return true;
	}
	if (a->kind == MATH_ARRAY && b->kind == MATH_ARRAY) {
		math_fail(m, "two arrays cannot be combined");
		return false;
	}
	r.n = a->kind == MATH_ARRAY ? a->n : b->kind == MATH_ARRAY ? b->n : 1;
	r.v = arena_array(m->c->arena, struct math_series, r.n);
	for (uint32_t i = 0; i < r.n; i++) {
		const struct math_series *x = a->kind == MATH_NUMBER ? NULL : &a->v[a->kind == MATH_ARRAY ? i : 0];
		const struct math_series *y = b->kind == MATH_NUMBER ? NULL : &b->v[b->kind == MATH_ARRAY ? i : 0];
		if (!combine(m, op, x, a->number, y, b->number, &r.v[i]))
			return false;
		if (b->kind == MATH_ARRAY) {
			r.v[i].id = y->id;
			r.v[i].label = y->label;
		}
	}
	*out = r;
	return true;
}

/* ---- from series to numbers ---- */

/* false: no such function. NAN: of nothing. */
static bool summary(struct str name, const double *v, const bool *there, uint32_t n, size_t stride, double missing, double *out)
{
	double sum = 0, min = INFINITY, max = -INFINITY, squares = 0;
	size_t count = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (!there[i * stride])
			continue;
		double x = v[i * stride];
		count++;
		sum += x;
		min = x < min ? x : min;
		max = x > max ? x : max;
	}
	double of = (double)count + missing, mean = of > 0 ? sum / of : 0;
	for (uint32_t i = 0; i < n; i++)
		if (there[i * stride])
			squares += (v[i * stride] - mean) * (v[i * stride] - mean);
	squares += missing * mean * mean;
	const struct { const char *name; double is; } all[] = {{"SUM", sum}, {"AVG", mean}, {"MIN", min}, {"MAX", max},
		{"DATAPOINT_COUNT", (double)count}, {"STDDEV", of > 0 ? sqrt(squares / of) : 0}};
	for (size_t i = 0; i < COUNT_OF(all); i++)
		if (str_eq(name, str_c(all[i].name))) {
			*out = count > 0 || str_eq(name, S("DATAPOINT_COUNT")) || str_eq(name, S("SUM")) ? all[i].is : 0;
			return true;
		}
	return false;
}

/* Of an array: a series, of what there is at each time; AVG and STDDEV take what is missing for 0. */
static bool across(struct math *m, struct str name, const struct math_value *x, struct math_value *out)
{
	struct math_series *s = arena_new_of(m->c->arena, struct math_series);
	double *v = arena_array(m->c->arena, double, x->n);
	bool *there = arena_array(m->c->arena, bool, x->n);
	bool zeros = str_eq(name, S("AVG")) || str_eq(name, S("STDDEV"));
	if (!math_series_new(m, s))
		return false;
	for (uint32_t i = 0; i < m->grid.n; i++) {
		uint32_t n = 0;
		for (uint32_t k = 0; k < x->n; k++) {
			v[k] = x->v[k].v[i];
			there[k] = x->v[k].there[i];
			n += there[k];
		}
		if (n == 0)
			continue;
		if (!summary(name, v, there, x->n, 1, zeros ? (double)(x->n - n) : 0, &s->v[i]))
			return false;
		s->there[i] = true;
	}
	*out = (struct math_value){.kind = MATH_SERIES, .v = s, .n = 1};
	return true;
}

static bool is_summary(struct str name)
{
	double unused;
	return summary(name, NULL, NULL, 0, 1, 0, &unused);
}

/* ---- from series to series ---- */

/* Of the time of a point; false: no such function. */
static bool of_time(struct str name, int64_t ms, double *out)
{
	struct civil t = civil_of(ms);
	int64_t day = ms / DAY_MS, seconds = ms / 1000;
	const struct { const char *name; double is; } all[] = {{"MINUTE", t.minute}, {"HOUR", t.hour}, {"DAY", (double)((day + 3) % 7 + 1)},
		{"DATE", t.day}, {"MONTH", t.month}, {"YEAR", t.year}, {"EPOCH", (double)seconds}};
	for (size_t i = 0; i < COUNT_OF(all); i++)
		if (str_eq(name, str_c(all[i].name))) {
			*out = all[i].is;
			return true;
		}
	return false;
}

/* Of a value, the one before it (NAN: there is none) and the seconds between; NAN: no point. */
static bool of_value(struct str name, double v, double before, double seconds, double sum, double *out)
{
	const struct { const char *name; double is; } all[] = {{"ABS", fabs(v)}, {"CEIL", ceil(v)}, {"FLOOR", floor(v)}, {"LOG", log(v)},
		{"LOG10", log10(v)}, {"DIFF", v - before},
		{"DIFF_TIME", isnan(before) ? NAN : seconds}, {"RATE", (v - before) / seconds}, {"RUNNING_SUM", sum}};
	for (size_t i = 0; i < COUNT_OF(all); i++)
		if (str_eq(name, str_c(all[i].name))) {
			*out = all[i].is;
			return true;
		}
	return false;
}

static bool map_series(struct math *m, struct str name, const struct math_series *x, struct math_series *out)
{
	double before = NAN, sum = 0, unused;
	uint32_t last = 0;
	bool timed = of_time(name, 0, &unused);
	if (!timed && !of_value(name, 1, 1, 1, 1, &unused))
		return false;
	*out = (struct math_series){.id = x->id, .label = x->label};
	if (!math_series_new(m, out))
		return false;
	for (uint32_t i = 0; i < m->grid.n; i++) {
		if (timed) {
			out->there[i] = of_time(name, grid_time(&m->grid, i), &out->v[i]);
			continue;
		}
		if (!x->there[i])
			continue;
		sum += x->v[i];
		(void)of_value(name, x->v[i], before, (double)(i - last) * (double)m->grid.period_ms / 1000, sum, &out->v[i]);
		out->there[i] = isfinite(out->v[i]);
		before = x->v[i];
		last = i;
	}
	return true;
}

static bool empty(const struct math *m, const struct math_series *s)
{
	for (uint32_t i = 0; i < m->grid.n; i++)
		if (s->there[i])
			return false;
	return true;
}

bool math_unary(struct math *m, struct str name, const struct math_value *x, struct math_value *out)
{
	if (x->kind == MATH_NUMBER)
		return false;
	if (is_summary(name)) {
		if (x->kind == MATH_ARRAY)
			return across(m, name, x, out);
		*out = math_number(0);
		return summary(name, x->v[0].v, x->v[0].there, m->grid.n, 1, 0, &out->number);
	}
	bool first = str_eq(name, S("FIRST")), last = str_eq(name, S("LAST"));
	if (x->kind == MATH_ARRAY && (first || last)) {
		struct math_series *none = arena_new_of(m->c->arena, struct math_series);
		*out = (struct math_value){.kind = MATH_SERIES, .v = x->n > 0 ? &x->v[first ? 0 : x->n - 1] : none, .n = 1};
		return x->n > 0 || math_series_new(m, out->v);
	}
	if (x->kind == MATH_ARRAY && str_eq(name, S("METRIC_COUNT"))) {
		*out = math_number(x->n);
		return true;
	}
	bool remove = x->kind == MATH_ARRAY && str_eq(name, S("REMOVE_EMPTY"));
	double unused;
	if (!remove && !of_time(name, 0, &unused) && !of_value(name, 1, 1, 1, 1, &unused))
		return false;
	struct math_value r = {.kind = x->kind, .v = arena_array(m->c->arena, struct math_series, x->n)};
	for (uint32_t i = 0; i < x->n; i++) {
		if (remove && empty(m, &x->v[i]))
			continue;
		if (remove)
			r.v[r.n++] = x->v[i];
		else if (!map_series(m, name, &x->v[i], &r.v[r.n++]))
			return false;
	}
	*out = r;
	return true;
}

/* ---- FILL, IF, SORT ---- */

static void fill_gaps(const struct math *m, struct math_series *s, const struct math_value *by, struct str how)
{
	uint32_t n = m->grid.n, before = n; /* n: none */
	for (uint32_t i = 0; i < n; i++) {
		if (s->there[i]) {
			before = i;
			continue;
		}
		uint32_t after = i;
		while (after < n && !s->there[after])
			after++;
		for (uint32_t k = i; k < after; k++) {
			bool linear = str_eq(how, S("LINEAR"));
			if (by->kind == MATH_SERIES && !str_present(how)) {
				s->v[k] = by->v[0].v[k];
				s->there[k] = by->v[0].there[k];
			} else if (!str_present(how)) {
				s->v[k] = by->number;
				s->there[k] = isfinite(by->number);
			} else if (before < n && (!linear || after < n)) {
				s->v[k] = !linear ? s->v[before] : s->v[before] + (s->v[after] - s->v[before]) * (double)(k - before) / (double)(after - before);
				s->there[k] = true;
			}
		}
		ASSERT(after > i); /* it goes on */
		before = after < n ? after : before;
		i = after;
	}
}

bool math_fill(struct math *m, const struct math_value *x, const struct math_value *by, struct str how, struct math_value *out)
{
	if (x->kind == MATH_NUMBER || (!str_present(how) && by->kind == MATH_ARRAY)) {
		math_fail(m, "FILL takes a series, and a number or a series to fill it with");
		return false;
	}
	*out = (struct math_value){.kind = x->kind, .v = arena_array(m->c->arena, struct math_series, x->n), .n = x->n};
	for (uint32_t i = 0; i < x->n; i++) {
		struct math_series *s = &out->v[i];
		*s = (struct math_series){.id = x->v[i].id, .label = x->v[i].label};
		if (!math_series_new(m, s))
			return false;
		memcpy(s->v, x->v[i].v, m->grid.n * sizeof *s->v);
		memcpy(s->there, x->v[i].there, m->grid.n * sizeof *s->there);
		fill_gaps(m, s, by, how);
	}
	return true;
}

/* The value at a time; false: none. */
static bool value_at(const struct math_value *x, uint32_t i, double *out)
{
	if (x->kind == MATH_NUMBER) {
		*out = x->number;
		return true;
	}
	*out = x->v[0].v[i];
	return x->v[0].there[i];
}

bool math_if(struct math *m, const struct math_value *test, const struct math_value *yes, const struct math_value *no, struct math_value *out)
{
	struct math_series *s = arena_new_of(m->c->arena, struct math_series);
	const struct math_value *from = yes->kind == MATH_SERIES ? yes : no != NULL && no->kind == MATH_SERIES ? no : test;
	if (test->kind == MATH_ARRAY || yes->kind == MATH_ARRAY || (no != NULL && no->kind == MATH_ARRAY) ||
	    (test->kind == MATH_NUMBER && from->kind == MATH_NUMBER)) {
		math_fail(m, "IF takes series and numbers, at least one series");
		return false;
	}
	if (!math_series_new(m, s))
		return false;
	s->id = from->v[0].id;
	s->label = from->v[0].label;
	for (uint32_t i = 0; i < m->grid.n; i++) {
		double is;
		if (!value_at(test, i, &is))
			continue; /* no condition, no point */
		s->v[i] = 0;
		if (is != 0) /* true without a value: 0, where the condition is a series */
			s->there[i] = value_at(yes, i, &s->v[i]) || test->kind == MATH_SERIES;
		else
			s->there[i] = no != NULL && value_at(no, i, &s->v[i]);
		if (is != 0 && yes->kind == MATH_SERIES && !yes->v[0].there[i])
			s->v[i] = 0;
		s->there[i] = s->there[i] && isfinite(s->v[i]);
	}
	*out = (struct math_value){.kind = MATH_SERIES, .v = s, .n = 1};
	return true;
}

struct ranked { double by; uint32_t at; };

static int by_rank(const void *p, const void *q)
{
	const struct ranked *a = p, *b = q;
	return a->by < b->by ? -1 : a->by > b->by ? 1 : a->at < b->at ? -1 : a->at > b->at;
}

bool math_sort(struct math *m, const struct math_value *x, struct str by, bool ascending, struct math_value *out)
{
	if (x->kind != MATH_ARRAY || !is_summary(by) || str_eq(by, S("DATAPOINT_COUNT")) || str_eq(by, S("STDDEV")))
		return false;
	struct ranked *ranks = arena_array(m->c->arena, struct ranked, x->n);
	for (uint32_t i = 0; i < x->n; i++) {
		(void)summary(by, x->v[i].v, x->v[i].there, m->grid.n, 1, 0, &ranks[i].by);
		ranks[i].by = ascending ? ranks[i].by : -ranks[i].by;
		ranks[i].at = i;
	}
	if (x->n > 1)
		qsort(ranks, x->n, sizeof *ranks, by_rank);
	*out = math_array(m, arena_array(m->c->arena, struct math_series, x->n), x->n);
	for (uint32_t i = 0; i < x->n; i++)
		out->v[i] = x->v[ranks[i].at];
	return true;
}
