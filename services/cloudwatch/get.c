/* Reading metrics: statistics of periods, GetMetricData, ListMetrics; and the daily job that forgets old samples. */
#include "alarm.h"
#include "insight.h"

#include "svc/page.h"

#include <stdlib.h>

enum { POINTS_MAX = 1440, DATA_POINTS_MAX = 100800, LIST_PAGE = 500, KEEP_DAYS = 63, HISTORY_DAYS = 30, QUERIES_MAX = 500 };

/* One period's numbers. */
struct period { int64_t at_ms; struct stats stats; };
struct periods { struct period *v; size_t n; };

static struct periods collect(struct call *c, const struct cloudwatch_SeriesRecord *s, int64_t from_ms, int64_t to_ms, int64_t period_ms)
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

static bool period_ok(struct call *c, int64_t period, const char *where)
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
		struct periods p = collect(c, series[i], in->StartTime.ms, in->EndTime.ms, in->Period.v * 1000);
		ASSERT(p.n <= POINTS_MAX + 2); /* statistics_ok; the first and the last period may be cut */
		v = arena_grow(c->arena, v, sizeof *v, used, used + p.n);
		for (size_t k = 0; k < p.n; k++)
			v[used++] = datapoint(c, in, &p.v[k], series[i]->Unit);
	}
	out->Label = in->MetricName;
	out->Datapoints = (struct list){v, used, true};
}

/* ---- GetMetricData ---- */

static bool query_ok(struct call *c, const struct cloudwatch_MetricDataQuery *q, uint32_t i)
{
	if (str_present(q->Expression)) {
		call_unsupported(c, "GetMetricData with metric math (Expression) is not there yet");
		return false;
	}
	if (q->MetricStat == NULL) {
		call_fail(c, &cloudwatch_err_ValidationException, "The value for MetricDataQueries.member.%u must have MetricStat or Expression.", i + 1);
		return false;
	}
	if (!stat_known(q->MetricStat->Stat)) {
		call_fail(c, &cloudwatch_err_ValidationException,
			"The value '%.*s' for parameter MetricDataQueries.member.%u.MetricStat.Stat is not supported.",
			STR_ARG(q->MetricStat->Stat), i + 1);
		return false;
	}
	return period_ok(c, q->MetricStat->Period.v, "MetricStat.Period");
}

/* Ids name results: "The values for parameter id in MetricDataQueries are not unique" is AWS's word for two of one name. */
static bool ids_ok(struct call *c, const struct list *queries)
{
	for (uint32_t i = 0; i < queries->n; i++) {
		struct str id = LIST_AT(*queries, struct cloudwatch_MetricDataQuery, i)->Id;
		bool ok = id.n > 0 && id.p[0] >= 'a' && id.p[0] <= 'z';
		for (size_t k = 1; k < id.n && ok; k++)
			ok = (id.p[k] >= 'a' && id.p[k] <= 'z') || (id.p[k] >= 'A' && id.p[k] <= 'Z') || (id.p[k] >= '0' && id.p[k] <= '9') || id.p[k] == '_';
		if (!ok) {
			call_fail(c, &cloudwatch_err_ValidationException, "The value %.*s is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.",
				STR_ARG(id));
			return false;
		}
		for (uint32_t k = 0; k < i; k++)
			if (str_eq(LIST_AT(*queries, struct cloudwatch_MetricDataQuery, k)->Id, id)) {
				call_fail(c, &cloudwatch_err_ValidationException, "The values for parameter id in MetricDataQueries are not unique.");
				return false;
			}
	}
	return true;
}

/* One page of all data points in the order of the results: the first `skip` have been told, at most `max` are told now. */
static bool page_results(struct list *results, uint64_t skip, uint64_t max)
{
	uint64_t room = max;
	bool more = false;
	ASSERT(max > 0);
	for (uint32_t i = 0; i < results->n; i++) {
		struct cloudwatch_MetricDataResult *r = LIST_AT(*results, struct cloudwatch_MetricDataResult, i);
		ASSERT(r->Timestamps.n == r->Values.n);
		uint32_t n = r->Values.n, from = skip < n ? (uint32_t)skip : n, left = n - from, take = left < room ? left : (uint32_t)room;
		r->Timestamps = (struct list){(struct opt_time *)r->Timestamps.v + from, take, true};
		r->Values = (struct list){(struct opt_f64 *)r->Values.v + from, take, true};
		skip -= from;
		room -= take;
		if (take < left) {
			more = true;
			r->StatusCode = S("PartialData");
		}
	}
	return more;
}

static void answer_query(struct call *c, const struct cloudwatch_GetMetricDataInput *in, const struct cloudwatch_MetricDataQuery *q,
                         struct cloudwatch_MetricDataResult *out)
{
	const struct cloudwatch_MetricStat *m = q->MetricStat;
	ASSERT(m != NULL && str_present(q->Id)); /* query_ok */
	struct cloudwatch_SeriesRecord **series;
	size_t n = series_find(c, m->Metric->Namespace, m->Metric->MetricName, &m->Metric->Dimensions, m->Unit, &series);
	struct periods p = {0};
	for (size_t i = 0; i < n && p.n == 0; i++)
		p = collect(c, series[i], in->StartTime.ms, in->EndTime.ms, m->Period.v * 1000);
	*out = (struct cloudwatch_MetricDataResult){.Id = q->Id, .StatusCode = S("Complete"),
		.Label = str_present(q->Label) ? q->Label : m->Metric->MetricName,
		.Timestamps = LIST_OF(c->arena, struct opt_time, p.n), .Values = LIST_OF(c->arena, struct opt_f64, p.n)};
	bool ascending = str_eq(in->ScanBy, S("TimestampAscending"));
	uint32_t k = 0;
	for (size_t i = 0; i < p.n; i++) {
		const struct period *at = &p.v[ascending ? i : p.n - 1 - i];
		struct opt_f64 v = stat_of(&at->stats, m->Stat);
		if (!v.set)
			continue;
		*LIST_AT(out->Timestamps, struct opt_time, k) = SOME_TIME(at->at_ms);
		*LIST_AT(out->Values, struct opt_f64, k) = v;
		k++;
	}
	out->Timestamps.n = out->Values.n = k;
}

void op_get_metric_data(struct call *c)
{
	const struct cloudwatch_GetMetricDataInput *in = c->in;
	struct cloudwatch_GetMetricDataOutput *out = c->out;
	if (in->StartTime.ms >= in->EndTime.ms) {
		call_fail(c, &cloudwatch_err_ValidationException, "The parameter StartTime must be less than the parameter EndTime.");
		return;
	}
	if (in->MetricDataQueries.n > QUERIES_MAX) {
		call_fail(c, &cloudwatch_err_ValidationException, "MetricDataQueries has too many members (500).");
		return;
	}
	struct str position;
	uint64_t told = 0;
	if (!page_position(c->arena, in->NextToken, &position) || (str_present(position) && !str_to_u64(position, &told))) {
		call_fail(c, &cloudwatch_err_InvalidNextToken, "The next token is invalid.");
		return;
	}
	int64_t points = 0;
	if (!ids_ok(c, &in->MetricDataQueries))
		return;
	for (uint32_t i = 0; i < in->MetricDataQueries.n; i++) {
		const struct cloudwatch_MetricDataQuery *q = LIST_AT(in->MetricDataQueries, struct cloudwatch_MetricDataQuery, i);
		if (!query_ok(c, q, i))
			return;
		points += (in->EndTime.ms - in->StartTime.ms) / (q->MetricStat->Period.v * 1000);
	}
	if (points > DATA_POINTS_MAX) {
		call_fail(c, &cloudwatch_err_ValidationException,
			"The request asks for %lld data points; at most 100,800 can be returned.", (long long)points);
		return;
	}
	if (!feed_flushed(c))
		return;
	out->MetricDataResults = LIST_OF(c->arena, struct cloudwatch_MetricDataResult, in->MetricDataQueries.n);
	uint32_t n = 0;
	for (uint32_t i = 0; i < in->MetricDataQueries.n; i++) {
		const struct cloudwatch_MetricDataQuery *q = LIST_AT(in->MetricDataQueries, struct cloudwatch_MetricDataQuery, i);
		if (!q->ReturnData.set || q->ReturnData.v)
			answer_query(c, in, q, LIST_AT(out->MetricDataResults, struct cloudwatch_MetricDataResult, n++));
	}
	ASSERT(n <= in->MetricDataQueries.n);
	out->MetricDataResults.n = n;
	uint64_t most = in->MaxDatapoints.set && in->MaxDatapoints.v > 0 && in->MaxDatapoints.v < DATA_POINTS_MAX ? (uint64_t)in->MaxDatapoints.v
		: DATA_POINTS_MAX;
	if (page_results(&out->MetricDataResults, told, most))
		out->NextToken = page_token(c->arena, arena_printf(c->arena, "%llu", (unsigned long long)told + most));
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
