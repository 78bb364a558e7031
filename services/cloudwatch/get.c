/* Reading metrics: statistics of periods, ListMetrics; and the daily job that forgets old samples. */
#include "alarm.h"
#include "insight.h"

#include "svc/page.h"

#include <stdlib.h>

enum { POINTS_MAX = 1440, LIST_PAGE = 500, KEEP_DAYS = 63, HISTORY_DAYS = 30 };

struct periods periods_collect(struct call *c, const struct cloudwatch_SeriesRecord *s, int64_t from_ms, int64_t to_ms, int64_t period_ms)
{
	ASSERT(period_ms >= 1000 && s->Id.set);
	struct periods out = {0};
	size_t cap = 0;
	struct str key, value;
	struct scan *scan = series_samples(c, s, from_ms, to_ms);
	while (scan_next(scan, &key, &value)) {
		int64_t at = sample_time(key);
		ASSERT(at >= from_ms && at < to_ms); /* the scan's bounds */
		at -= ((at % period_ms) + period_ms) % period_ms;
		if (out.n == 0 || out.v[out.n - 1].at_ms != at) {
			if (out.n == cap) {
				out.v = arena_grow(c->arena, out.v, sizeof *out.v, cap, cap > 0 ? cap * 2 : 64);
				cap = cap > 0 ? cap * 2 : 64;
			}
			out.v[out.n++] = (struct period){.at_ms = at};
		}
		stats_add(c->arena, &out.v[out.n - 1].stats, record_decode(c, &cloudwatch_shape_SampleRecord, value));
	}
	scan_close(scan);
	return out;
}

bool period_ok(struct call *c, int64_t period, const char *where)
{
	if (period > 0 && (period % 60 == 0 || period == 1 || period == 5 || period == 10 || period == 20 || period == 30))
		return true;
	call_fail(c, &cloudwatch_err_InvalidParameterValueException,
		"The parameter %s must be 1, 5, 10, 20, 30 or a multiple of 60.", where);
	return false;
}

/* ---- GetMetricStatistics ---- */

static bool statistics_ok(struct call *c, const struct cloudwatch_GetMetricStatisticsInput *in)
{
	if ((in->Statistics.n > 0) == (in->ExtendedStatistics.n > 0)) {
		call_fail(c, &cloudwatch_err_InvalidParameterCombinationException,
			"Must specify either Statistics or ExtendedStatistics, but not both.");
		return false;
	}
	for (uint32_t i = 0; i < in->ExtendedStatistics.n; i++)
		if (!stat_known(((const struct str *)in->ExtendedStatistics.v)[i])) {
			call_fail(c, &cloudwatch_err_InvalidParameterValueException, "The value for parameter ExtendedStatistics is not supported.");
			return false;
		}
	if (in->StartTime.ms >= in->EndTime.ms) {
		call_fail(c, &cloudwatch_err_InvalidParameterValueException,
			"The parameter StartTime must be less than the parameter EndTime.");
		return false;
	}
	if (!period_ok(c, in->Period.v, "Period"))
		return false;
	int64_t points = (in->EndTime.ms - in->StartTime.ms) / (in->Period.v * 1000);
	if (points > POINTS_MAX) {
		call_fail(c, &cloudwatch_err_InvalidParameterCombinationException,
			"You have requested up to %lld datapoints, which exceeds the limit of 1,440. You may reduce the datapoints requested by "
			"increasing Period, or decreasing the time range.", (long long)points);
		return false;
	}
	return true;
}

static void set_statistic(struct cloudwatch_Datapoint *d, const struct stats *s, struct str stat)
{
	ASSERT(stat_known(stat)); /* the model's enum */
	struct opt_f64 v = stat_of(s, stat);
	if (str_eq(stat, S("SampleCount")))
		d->SampleCount = v;
	else if (str_eq(stat, S("Sum")))
		d->Sum = v;
	else if (str_eq(stat, S("Average")))
		d->Average = v;
	else if (str_eq(stat, S("Minimum")))
		d->Minimum = v;
	else
		d->Maximum = v;
}

static struct cloudwatch_Datapoint datapoint(struct call *c, const struct cloudwatch_GetMetricStatisticsInput *in,
                                             const struct period *p, struct str unit)
{
	struct cloudwatch_Datapoint d = {.Timestamp = SOME_TIME(p->at_ms), .Unit = unit};
	for (uint32_t i = 0; i < in->Statistics.n; i++)
		set_statistic(&d, &p->stats, ((const struct str *)in->Statistics.v)[i]);
	if (in->ExtendedStatistics.n == 0)
		return d;
	d.ExtendedStatistics = MAP_OF(c->arena, struct cloudwatch_DatapointValueMap_entry, in->ExtendedStatistics.n);
	d.ExtendedStatistics.n = 0;
	for (uint32_t i = 0; i < in->ExtendedStatistics.n; i++) {
		struct str stat = ((const struct str *)in->ExtendedStatistics.v)[i];
		struct opt_f64 v = stat_of(&p->stats, stat);
		if (v.set)
			((struct cloudwatch_DatapointValueMap_entry *)d.ExtendedStatistics.v)[d.ExtendedStatistics.n++] =
				(struct cloudwatch_DatapointValueMap_entry){stat, v};
	}
	return d;
}

void op_get_metric_statistics(struct call *c)
{
	const struct cloudwatch_GetMetricStatisticsInput *in = c->in;
	struct cloudwatch_GetMetricStatisticsOutput *out = c->out;
	if (!statistics_ok(c, in) || !feed_flushed(c))
		return;
	struct cloudwatch_SeriesRecord **series;
	size_t n = series_find(c, in->Namespace, in->MetricName, &in->Dimensions, in->Unit, &series);
	struct cloudwatch_Datapoint *v = NULL;
	uint32_t used = 0;
	for (size_t i = 0; i < n; i++) {
		struct periods p = periods_collect(c, series[i], in->StartTime.ms, in->EndTime.ms, in->Period.v * 1000);
		ASSERT(p.n <= POINTS_MAX + 2); /* statistics_ok; the first and the last period may be cut */
		v = arena_grow(c->arena, v, sizeof *v, used, used + p.n);
		for (size_t k = 0; k < p.n; k++)
			v[used++] = datapoint(c, in, &p.v[k], series[i]->Unit);
	}
	out->Label = in->MetricName;
	out->Datapoints = (struct list){v, used, true};
}

/* ---- ListMetrics ---- */

static bool has_dimension(const struct cloudwatch_SeriesRecord *s, const struct cloudwatch_DimensionFilter *f)
{
	for (uint32_t i = 0; i < s->Dimensions.n; i++) {
		const struct cloudwatch_Dimension *d = LIST_AT(s->Dimensions, struct cloudwatch_Dimension, i);
		if (str_eq(d->Name, f->Name) && (!str_present(f->Value) || str_eq(d->Value, f->Value)))
			return true;
	}
	return false;
}

static bool metric_wanted(struct call *c, const struct cloudwatch_ListMetricsInput *in, const struct cloudwatch_SeriesRecord *s)
{
	if ((str_present(in->Namespace) && !str_eq(in->Namespace, s->Namespace)) ||
	    (str_present(in->MetricName) && !str_eq(in->MetricName, s->Name)))
		return false;
	if (str_present(in->RecentlyActive) && s->LastMs.v < c->now_ms - 3 * 3600 * 1000)
		return false;
	if (s->LastMs.v < c->now_ms - 14 * DAY_MS) /* ListMetrics: not after two weeks without data */
		return false;
	for (uint32_t i = 0; i < in->Dimensions.n; i++)
		if (!has_dimension(s, LIST_AT(in->Dimensions, struct cloudwatch_DimensionFilter, i)))
			return false;
	return true;
}

void op_list_metrics(struct call *c)
{
	const struct cloudwatch_ListMetricsInput *in = c->in;
	struct cloudwatch_ListMetricsOutput *out = c->out;
	struct str after, key, value, before = STR_NONE;
	if (!page_position(c->arena, in->NextToken, &after)) {
		call_fail(c, &cloudwatch_err_InvalidParameterValueException, "Invalid nextToken");
		return;
	}
	if (!feed_flushed(c))
		return;
	out->Metrics = LIST_OF(c->arena, struct cloudwatch_Metric, LIST_PAGE);
	out->Metrics.n = 0;
	struct key *prefix = call_key(c, "series");
	struct scan *s = call_scan(c, str_present(in->Namespace) ? key_str(prefix, in->Namespace) : prefix, after, false);
	while (scan_next(s, &key, &value)) {
		const struct cloudwatch_SeriesRecord *r = record_decode(c, &cloudwatch_shape_SeriesRecord, value);
		struct str same = arena_join(c->arena, r->Namespace, S("\0"), r->Name, S("\0"), dimensions_text(c, &r->Dimensions));
		if (!metric_wanted(c, in, r) || str_eq(same, before)) /* units are not told apart here */
			continue;
		if (out->Metrics.n == LIST_PAGE) {
			out->NextToken = page_token(c->arena, after);
			break;
		}
		before = same;
		after = arena_dup(c->arena, key);
		((struct cloudwatch_Metric *)out->Metrics.v)[out->Metrics.n++] =
			(struct cloudwatch_Metric){.Namespace = r->Namespace, .MetricName = r->Name, .Dimensions = r->Dimensions};
	}
	scan_close(s);
}

/* ---- forgetting ---- */

void trim_daily(struct call *c)
{
	int64_t due;
	if (!job_due(c, "trim", S("daily"), &due))
		job_put(c, "trim", S("daily"), c->now_ms + DAY_MS, S(""));
}

void job_trim(struct call *c, struct str id, struct str payload)
{
	(void)payload;
	struct str key, value;
	int64_t before = c->now_ms - KEEP_DAYS * DAY_MS;
	struct scan *s = call_scan(c, call_key(c, "series"), STR_NONE, false);
	while (scan_next(s, &key, &value)) {
		const struct cloudwatch_SeriesRecord *r = record_decode(c, &cloudwatch_shape_SeriesRecord, value);
		struct scan *old = series_samples(c, r, 0, before);
		struct str sample, unused;
		while (scan_next(old, &sample, &unused))
			txn_del(c->txn, sample);
		scan_close(old);
		if (r->LastMs.v < before)
			txn_del(c->txn, key);
	}
	scan_close(s);
	insight_trim(c, c->now_ms - INSIGHT_DAYS * DAY_MS);
	history_trim(c, c->now_ms - HISTORY_DAYS * DAY_MS);
	job_put(c, "trim", id, c->now_ms + DAY_MS, S(""));
}
