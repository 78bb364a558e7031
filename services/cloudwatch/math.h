/* Metric math: what its files share. Source: "Using math expressions with CloudWatch metrics" (User Guide).
 *
 * All series of one request lie on one grid of periods; a value is a number, a series, or an array of series. */
#ifndef TSUBO_CLOUDWATCH_MATH_H
#define TSUBO_CLOUDWATCH_MATH_H

#include "cloudwatch.h"

enum { MATH_SERIES_MAX = 500, MATH_POINTS_MAX = 100800, SEARCH_MAX = 100 };

struct grid { int64_t from_ms, period_ms; uint32_t n; };
static inline int64_t grid_time(const struct grid *g, uint32_t i) { return g->from_ms + (int64_t)i * g->period_ms; }

struct math_series { struct str id, label; bool raw /* a metric, no expression's result */; double *v; bool *there; };
enum math_kind { MATH_NUMBER, MATH_SERIES, MATH_ARRAY };
struct math_value { enum math_kind kind; double number; struct math_series *v; uint32_t n; /* of v; 1 for a series */ };

struct math {
	struct call *c;
	struct grid grid;
	const struct list *queries;   /* MetricDataQuery */
	struct math_value *done;      /* by query */
	uint8_t *state;               /* by query: 0 not looked at, 1 being evaluated, 2 done */
	bool dry;                     /* only to see whether it is valid: no data is read */
	bool searched;                /* SEARCH was used */
	size_t points;                /* handed out so far */
};

/* A number of queries (of GetMetricData, or of an alarm) over [from, to), on a grid of their longest period. */
void math_init(struct math *m, struct call *c, const struct list *queries, int64_t from_ms, int64_t to_ms);
int64_t math_period_s(const struct list *queries);
/* The value of a query; NULL with c failed (ValidationException, or 501 for functions that are not there). */
const struct math_value *math_value_of(struct math *m, uint32_t query);
/* An error in an expression. */
void *math_fail(struct math *m, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* ---- math_series.c ---- */
/* An empty series; NULL with c failed when the request has too many points. */
bool math_series_new(struct math *m, struct math_series *s);
struct math_value math_number(double v);
struct math_value math_array(struct math *m, struct math_series *v, uint32_t n);
bool math_load(struct math *m, const struct cloudwatch_MetricStat *q, struct math_series *out);
/* + - * / ^ and comparisons ('L' <=, 'G' >=, 'E' ==, 'N' !=, '<', '>'), '&', '|'. */
bool math_binary(struct math *m, char op, const struct math_value *a, const struct math_value *b, struct math_value *out);
/* Functions of one value: ABS, AVG, RATE... false: no such function, or (c failed) not for such a value. */
bool math_unary(struct math *m, struct str name, const struct math_value *x, struct math_value *out);
bool math_fill(struct math *m, const struct math_value *x, const struct math_value *by, struct str how, struct math_value *out);
bool math_if(struct math *m, const struct math_value *test, const struct math_value *yes, const struct math_value *no, struct math_value *out);
bool math_sort(struct math *m, const struct math_value *x, struct str by, bool ascending, struct math_value *out);

/* ---- math_search.c ---- */
/* SEARCH('{Namespace, Dimension} terms', 'Statistic', period) */
bool math_search(struct math *m, struct str expression, struct str stat, struct math_value *out);

#endif
