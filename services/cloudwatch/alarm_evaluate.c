/* Looking at an alarm: its last periods, missing data, the comparison, the reason in words.
 *
 * A job that comes every minute (ten seconds for high resolution). When the clock was turned, or tsubo was down, it goes
 * through the times that were missed, at most CATCH_UP of them. Source: "Evaluating an alarm", "Configuring how CloudWatch
 * alarms treat missing data" (User Guide), whose tables are the test's. */
#include "alarm.h"
#include "math.h"

#include "base/time.h"

#include <math.h>

enum { CATCH_UP = 1500, RANGE_EXTRA = 2, WINDOWS_MOST = 8640 + RANGE_EXTRA, SHOWN_MOST = 5 };

struct point { bool there, breaching; double value, count; int64_t at_ms; };

/* What an evaluation has found. points: the newest first. */
struct finding {
	struct point *points;
	size_t n_taken, n_filled, n_breaching, needed;
	struct str state; /* absent: as it is */
};

/* ---- the numbers ---- */

static bool breaches(const struct cloudwatch_MetricAlarm *m, double v)
{
	double t = m->Threshold.v;
	if (str_eq(m->ComparisonOperator, S("GreaterThanOrEqualToThreshold")))
		return v >= t;
	if (str_eq(m->ComparisonOperator, S("GreaterThanThreshold")))
		return v > t;
	return str_eq(m->ComparisonOperator, S("LessThanThreshold")) ? v < t : v <= t;
}

static struct str statistic_of(const struct cloudwatch_MetricAlarm *m) { return str_present(m->Statistic) ? m->Statistic : m->ExtendedStatistic; }

/* The same of an expression, or of the one of several metrics that returns data. */
static void read_math(struct call *c, const struct cloudwatch_MetricAlarm *m, int64_t end_ms, struct point *out, size_t n)
{
	struct math x;
	uint32_t watched = 0;
	math_init(&x, c, &m->Metrics, end_ms - (int64_t)n * alarm_period_s(m) * 1000, end_ms);
	for (uint32_t i = 0; i < m->Metrics.n; i++) {
		const struct cloudwatch_MetricDataQuery *q = LIST_AT(m->Metrics, struct cloudwatch_MetricDataQuery, i);
		if (!q->ReturnData.set || q->ReturnData.v)
			watched = i;
	}
	const struct math_value *v = math_value_of(&x, watched);
	ASSERT(v != NULL && v->kind == MATH_SERIES && x.grid.n == n); /* the put has tried it */
	for (size_t i = 0; i < n; i++) {
		uint32_t at = (uint32_t)(n - 1 - i);
		bool there = v->v[0].there[at];
		out[i] = (struct point){there, there && breaches(m, v->v[0].v[at]), v->v[0].v[at], there, grid_time(&x.grid, at)};
	}
}

/* Statistics of n periods that end at end_ms, the newest first. */
static void read_points(struct call *c, const struct cloudwatch_MetricAlarm *m, int64_t end_ms, struct point *out, size_t n)
{
	int64_t period_ms = alarm_period_s(m) * 1000, from_ms = end_ms - (int64_t)n * period_ms;
	ASSERT(n > 0 && n <= WINDOWS_MOST && period_ms > 0);
	if (m->Metrics.n > 0) {
		read_math(c, m, end_ms, out, n);
		return;
	}
	struct stats *stats = arena_array(c->arena, struct stats, n);
	struct cloudwatch_SeriesRecord **series;
	size_t n_series = series_find(c, m->Namespace, m->MetricName, &m->Dimensions, m->Unit, &series);
	bool found = false;
	for (size_t i = 0; i < n_series && !found; i++) {
		struct str key, value;
		struct scan *s = series_samples(c, series[i], from_ms, end_ms);
		while (scan_next(s, &key, &value)) {
			size_t back = (size_t)((end_ms - 1 - sample_time(key)) / period_ms);
			ASSERT(sample_time(key) < end_ms && back < n); /* the scan's bounds */
			stats_add(c->arena, &stats[back], record_decode(c, &cloudwatch_shape_SampleRecord, value));
			found = true;
		}
		scan_close(s);
	}
	for (size_t i = 0; i < n; i++) {
		struct opt_f64 v = stats[i].count > 0 ? stat_of(&stats[i], statistic_of(m)) : (struct opt_f64){0};
		out[i] = (struct point){v.set, v.set && breaches(m, v.v), v.v, stats[i].count, end_ms - (int64_t)(i + 1) * period_ms};
	}
}

/* ---- the decision ---- */

/* All that is there breaches, and the oldest of it is as old as it must be: what is missing since may not hide it. */
static bool early_alarm(const struct finding *f, size_t n_points)
{
	size_t oldest = 0;
	for (size_t i = 0; i < n_points; i++)
		if (f->points[i].there)
			oldest = i + 1;
	return f->n_breaching == f->n_taken && oldest >= f->needed;
}

static void decide(const struct cloudwatch_MetricAlarm *m, struct finding *f, size_t n_points)
{
	bool ignore = str_eq(m->TreatMissingData, S("ignore")), breaching = str_eq(m->TreatMissingData, S("breaching"));
	bool missing = !str_present(m->TreatMissingData) || str_eq(m->TreatMissingData, S("missing"));
	if (f->n_taken == 0 && missing)
		f->state = S("INSUFFICIENT_DATA");
	else if (f->n_taken == 0 && ignore)
		f->state = STR_NONE;
	else if (f->n_breaching + (breaching ? f->n_filled : 0) >= f->needed)
		f->state = S("ALARM");
	else if (missing && f->n_filled > 0 && early_alarm(f, n_points))
		f->state = S("ALARM");
	else if ((ignore || missing) && f->n_filled > 0 && f->n_breaching == f->n_taken)
		f->state = STR_NONE;
	else
		f->state = S("OK");
}

static struct finding evaluate(struct call *c, const struct cloudwatch_MetricAlarm *m, int64_t at_ms)
{
	size_t wanted = (size_t)m->EvaluationPeriods.v, n = wanted + RANGE_EXTRA;
	ASSERT(wanted >= 1 && n <= WINDOWS_MOST);
	struct finding f = {.points = arena_array(c->arena, struct point, n), .needed = wanted};
	if (m->DatapointsToAlarm.set)
		f.needed = (size_t)m->DatapointsToAlarm.v;
	ASSERT(f.needed >= 1 && f.needed <= wanted);
	read_points(c, m, at_ms, f.points, n);
	for (size_t i = 0; i < n; i++) {
		if (f.n_taken == wanted)
			f.points[i].there = false; /* older than what is looked at */
		f.n_taken += f.points[i].there;
		f.n_breaching += f.points[i].there && f.points[i].breaching;
	}
	ASSERT(f.n_breaching <= f.n_taken && f.n_taken <= wanted);
	f.n_filled = wanted - f.n_taken;
	decide(m, &f, n);
	return f;
}

/* ---- in words ---- */

/* 5.0, 0.25: as Java writes a double. */
static struct str number(struct arena *a, double v)
{
	struct str s = v == floor(v) && fabs(v) < 1e7 ? arena_printf(a, "%.1f", v) : arena_printf(a, "%.15g", v);
	return s;
}

static struct str comparison_words(const struct cloudwatch_MetricAlarm *m)
{
	static const struct { const char *op, *words; } all[] = {{"GreaterThanOrEqualToThreshold", "greater than or equal to"},
		{"GreaterThanThreshold", "greater than"}, {"LessThanThreshold", "less than"}};
	for (size_t i = 0; i < COUNT_OF(all); i++)
		if (str_eq(m->ComparisonOperator, str_c(all[i].op)))
			return str_c(all[i].words);
	return S("less than or equal to");
}

static struct str missing_words(struct arena *a, const struct cloudwatch_MetricAlarm *m, size_t n)
{
	bool breaching = str_eq(m->TreatMissingData, S("breaching"));
	return arena_printf(a, "no datapoints were received for %zu period%s and %zu missing datapoint%s treated as [%s]", n, n == 1 ? "" : "s", n,
		n == 1 ? " was" : "s were", breaching ? "Breaching" : "NonBreaching");
}

static struct str reason_of(struct arena *a, const struct cloudwatch_MetricAlarm *m, const struct finding *f, size_t n_points)
{
	if (str_eq(f->state, S("INSUFFICIENT_DATA")))
		return arena_printf(a, "Insufficient Data: %zu datapoint%s unknown.", f->n_filled, f->n_filled == 1 ? " was" : "s were");
	if (f->n_taken == 0)
		return arena_join(a, S("Threshold Crossed: "), missing_words(a, m, f->n_filled), S("."));
	bool alarm = str_eq(f->state, S("ALARM"));
	size_t told = alarm ? f->n_breaching : f->n_taken - f->n_breaching, shown = 0;
	struct buf b;
	buf_init(&b, a, 0);
	buf_printf(&b, "Threshold Crossed: %zu out of the last %zu datapoints [", told, f->n_taken);
	for (size_t i = 0; i < n_points && shown < SHOWN_MOST; i++) {
		const struct point *p = &f->points[i];
		if (!p->there || p->breaching != alarm)
			continue;
		struct civil t = civil_of(p->at_ms);
		buf_printf(&b, "%s%.*s (%02d/%02d/%02d %02d:%02d:%02d)", shown++ > 0 ? ", " : "", STR_ARG(number(a, p->value)), t.day, t.month,
			t.year % 100, t.hour, t.minute, t.second);
	}
	size_t least = alarm ? f->needed : f->n_taken + f->n_filled - f->needed + 1;
	buf_printf(&b, "] %s %s%.*s the threshold (%.*s) (minimum %zu datapoint%s for %s transition).", told == 1 ? "was" : "were", alarm ? "" : "not ",
		STR_ARG(comparison_words(m)), STR_ARG(number(a, m->Threshold.v)), least, least == 1 ? "" : "s", alarm ? "OK -> ALARM" : "ALARM -> OK");
	return buf_view(&b);
}

static struct str reason_data(struct arena *a, const struct cloudwatch_MetricAlarm *m, const struct finding *f, size_t n_points, int64_t at_ms)
{
	struct json *o = json_new_object(a), *recent = json_new_array(a), *looked = json_new_array(a);
	json_set_str(a, o, "version", S("1.0"));
	json_set_str(a, o, "queryDate", time_iso8601_ms(a, at_ms));
	json_set_str(a, o, "startDate", time_iso8601_ms(a, at_ms - m->EvaluationPeriods.v * alarm_period_s(m) * 1000));
	if (m->Metrics.n == 0)
		json_set_str(a, o, "statistic", statistic_of(m));
	json_set_i64(a, o, "period", alarm_period_s(m));
	for (size_t i = n_points; i-- > 0;) {
		const struct point *p = &f->points[i];
		if (!p->there)
			continue;
		struct json *one = json_new_object(a);
		json_push(a, recent, json_new_f64(a, p->value));
		json_set_str(a, one, "timestamp", time_iso8601_ms(a, p->at_ms));
		json_set(a, one, S("sampleCount"), json_new_f64(a, p->count));
		json_set(a, one, S("value"), json_new_f64(a, p->value));
		json_push(a, looked, one);
	}
	json_set(a, o, S("recentDatapoints"), recent);
	json_set(a, o, S("threshold"), json_new_f64(a, m->Threshold.v));
	json_set(a, o, S("evaluatedDatapoints"), looked);
	return json_text(a, o);
}

/* ---- the job ---- */

static void look(struct call *c, struct cloudwatch_AlarmRecord *r, int64_t at_ms)
{
	const struct cloudwatch_MetricAlarm *m = r->Alarm;
	struct finding f = evaluate(c, m, at_ms);
	size_t n = (size_t)m->EvaluationPeriods.v + RANGE_EXTRA;
	if (str_present(f.state) && !str_eq(f.state, m->StateValue))
		alarm_change(c, r, f.state, reason_of(c->arena, m, &f, n), reason_data(c->arena, m, &f, n, at_ms), at_ms);
}

void job_evaluate(struct call *c, struct str id, struct str payload)
{
	if (!feed_flushed(c)) /* what our own services measured up to now */
		return;
	struct cloudwatch_AlarmRecord *r = alarm_get(c, id);
	if (r == NULL)
		return;
	int64_t step = alarm_step_ms(r->Alarm), at, last = c->now_ms - c->now_ms % step;
	if (!str_to_i64(payload, &at) || at > c->now_ms)
		at = c->now_ms; /* the clock was turned back */
	at -= at % step;
	if (last - at > CATCH_UP * step)
		at = last - CATCH_UP * step;
	for (; at <= last; at += step)
		look(c, r, at);
	alarm_look_at(c, id, last + step);
}
