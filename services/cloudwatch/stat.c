/* Statistics of a period. Percentiles: "CloudWatch statistics definitions" (CloudWatch User Guide).
 *
 * What always holds: a percentile is told only when every sample of the period told all its values; one number that is made up from
 * sums would look as true as the others. */
#include "cloudwatch.h"

#include <math.h>
#include <stdlib.h>

static bool percentile(struct str stat, double *p)
{
	if (stat.n < 2 || stat.p[0] != 'p' || !str_to_f64(str_slice(stat, 1, stat.n), p))
		return false;
	return *p >= 0 && *p <= 100;
}

bool stat_known(struct str stat)
{
	static const char *const names[] = {"SampleCount", "Average", "Sum", "Minimum", "Maximum"};
	double p;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (str_eq(stat, str_c(names[i])))
			return true;
	return percentile(stat, &p);
}

struct weighted { double value, count; };

static int by_value(const void *x, const void *y)
{
	const struct weighted *a = x, *b = y;
	return a->value < b->value ? -1 : a->value > b->value;
}

/* The smallest value that at least p percent of the observations do not exceed, between neighbours by their distance. */
static struct opt_f64 percentile_of(const struct stats *s, double p)
{
	ASSERT(p >= 0 && p <= 100 && s->n <= s->cap);
	if (!s->distribution || s->n == 0)
		return s->count == 1 || s->min == s->max ? SOME_F64(s->max) : (struct opt_f64){0};
	struct weighted *v = malloc(s->n * sizeof *v);
	if (v == NULL)
		die("out of memory");
	for (size_t i = 0; i < s->n; i++)
		v[i] = (struct weighted){s->values[i].v, s->counts[i].v};
	qsort(v, s->n, sizeof *v, by_value);
	double rank = p / 100 * (s->count - 1), seen = 0, out = v[s->n - 1].value;
	for (size_t i = 0; i < s->n; i++) {
		double last = seen + v[i].count - 1;
		if (rank <= last || i + 1 == s->n) {
			out = v[i].value;
			break;
		}
		if (rank < last + 1) {
			out = v[i].value + (v[i + 1].value - v[i].value) * (rank - last);
			break;
		}
		seen += v[i].count;
	}
	free(v);
	return SOME_F64(out);
}

struct opt_f64 stat_of(const struct stats *s, struct str stat)
{
	double p;
	if (str_eq(stat, S("SampleCount")))
		return SOME_F64(s->count);
	if (str_eq(stat, S("Sum")))
		return SOME_F64(s->sum);
	if (str_eq(stat, S("Average")))
		return SOME_F64(s->count > 0 ? s->sum / s->count : 0);
	if (str_eq(stat, S("Minimum")))
		return SOME_F64(s->min);
	if (str_eq(stat, S("Maximum")))
		return SOME_F64(s->max);
	bool known = percentile(stat, &p);
	ASSERT(known);
	return percentile_of(s, p);
}

void stats_add(struct arena *a, struct stats *s, const struct cloudwatch_SampleRecord *r)
{
	bool first = s->count == 0;
	ASSERT(r->Values.n == r->Counts.n && r->Count.v > 0);
	s->min = first || r->Min.v < s->min ? r->Min.v : s->min;
	s->max = first || r->Max.v > s->max ? r->Max.v : s->max;
	s->count += r->Count.v;
	s->sum += r->Sum.v;
	s->distribution = (first || s->distribution) && r->Values.n > 0;
	if (!s->distribution)
		return;
	if (s->n + r->Values.n > s->cap) {
		size_t more = (s->n + r->Values.n) * 2;
		s->values = arena_grow(a, s->values, sizeof *s->values, s->cap, more);
		s->counts = arena_grow(a, s->counts, sizeof *s->counts, s->cap, more);
		s->cap = more;
	}
	for (uint32_t i = 0; i < r->Values.n; i++) {
		s->values[s->n] = *LIST_AT(r->Values, struct opt_f64, i);
		s->counts[s->n++] = *LIST_AT(r->Counts, struct opt_f64, i);
	}
}
