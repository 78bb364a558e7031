/* GetMetricData: metrics and expressions, told a page at a time. */
#include "math.h"

#include "svc/page.h"

enum { DATA_POINTS_MAX = 100800, QUERIES_MAX = 500 };

static bool query_ok(struct call *c, const struct cloudwatch_MetricDataQuery *q, uint32_t i)
{
	if (str_present(q->Expression) != (q->MetricStat != NULL) && str_present(q->Expression))
		return !q->Period.set || period_ok(c, q->Period.v, "Period");
	if (q->MetricStat == NULL || str_present(q->Expression)) {
		call_fail(c, &cloudwatch_err_ValidationException, "The value for MetricDataQueries.member.%u must have either MetricStat or Expression.",
			i + 1);
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

bool metric_queries_ok(struct call *c, const struct list *queries)
{
	for (uint32_t i = 0; i < queries->n; i++)
		if (!query_ok(c, LIST_AT(*queries, struct cloudwatch_MetricDataQuery, i), i))
			return false;
	return ids_ok(c, queries);
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
		p = periods_collect(c, series[i], in->StartTime.ms, in->EndTime.ms, m->Period.v * 1000);
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

struct results {
	struct call *c;
	const struct cloudwatch_GetMetricDataInput *in;
	struct math math;
	struct cloudwatch_MetricDataResult *v;
	uint32_t n;
};

static struct cloudwatch_MetricDataResult *result_new(struct results *r)
{
	r->v = arena_grow(r->c->arena, r->v, sizeof *r->v, r->n, (size_t)r->n + 1);
	return &r->v[r->n++];
}

static void add_series(struct results *r, const struct cloudwatch_MetricDataQuery *q, const struct math_series *s, struct str label)
{
	const struct grid *g = &r->math.grid;
	struct cloudwatch_MetricDataResult *out = result_new(r);
	bool ascending = str_eq(r->in->ScanBy, S("TimestampAscending"));
	*out = (struct cloudwatch_MetricDataResult){.Id = q->Id, .StatusCode = S("Complete"), .Label = label,
		.Timestamps = LIST_OF(r->c->arena, struct opt_time, g->n), .Values = LIST_OF(r->c->arena, struct opt_f64, g->n)};
	uint32_t k = 0;
	for (uint32_t i = 0; i < g->n; i++) {
		uint32_t at = ascending ? i : g->n - 1 - i;
		if (!s->there[at])
			continue;
		*LIST_AT(out->Timestamps, struct opt_time, k) = SOME_TIME(grid_time(g, at));
		*LIST_AT(out->Values, struct opt_f64, k) = SOME_F64(s->v[at]);
		k++;
	}
	out->Timestamps.n = out->Values.n = k;
}

/* An array of series is as many results, labelled by the expression and the metric. */
static void answer_expression(struct results *r, const struct cloudwatch_MetricDataQuery *q, uint32_t i)
{
	const struct math_value *v = math_value_of(&r->math, i);
	if (v == NULL)
		return;
	if (v->kind == MATH_NUMBER) {
		math_fail(&r->math, "the result of %.*s must be a time series or an array of them", STR_ARG(q->Id));
		return;
	}
	for (uint32_t k = 0; k < v->n; k++) {
		struct str own = str_present(q->Label) ? q->Label : v->kind == MATH_SERIES ? q->Id : S("");
		struct str label = v->kind == MATH_SERIES ? own : own.n > 0 ? arena_join(r->c->arena, own, S(" "), v->v[k].label) : v->v[k].label;
		add_series(r, q, &v->v[k], label);
	}
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
	if (!metric_queries_ok(c, &in->MetricDataQueries))
		return;
	int64_t points = 0, coarse_ms = math_period_s(&in->MetricDataQueries) * 1000, span_ms = in->EndTime.ms - in->StartTime.ms;
	for (uint32_t i = 0; i < in->MetricDataQueries.n; i++) {
		const struct cloudwatch_MetricDataQuery *q = LIST_AT(in->MetricDataQueries, struct cloudwatch_MetricDataQuery, i);
		points += span_ms / (q->MetricStat != NULL ? q->MetricStat->Period.v * 1000 : coarse_ms);
	}
	if (points > DATA_POINTS_MAX) {
		call_fail(c, &cloudwatch_err_ValidationException,
			"The request asks for %lld data points; at most 100,800 can be returned.", (long long)points);
		return;
	}
	if (!feed_flushed(c))
		return;
	struct results r = {.c = c, .in = in};
	int64_t into_ms = ((in->StartTime.ms % coarse_ms) + coarse_ms) % coarse_ms;
	if (in->MetricDataQueries.n > 0)
		math_init(&r.math, c, &in->MetricDataQueries, in->StartTime.ms - into_ms, in->EndTime.ms);
	for (uint32_t i = 0; i < in->MetricDataQueries.n && !c->failed; i++) {
		const struct cloudwatch_MetricDataQuery *q = LIST_AT(in->MetricDataQueries, struct cloudwatch_MetricDataQuery, i);
		if (q->ReturnData.set && !q->ReturnData.v)
			continue;
		if (q->MetricStat != NULL)
			answer_query(c, in, q, result_new(&r));
		else
			answer_expression(&r, q, i);
	}
	if (c->failed)
		return;
	out->MetricDataResults = (struct list){r.v, r.n, true};
	uint64_t most = in->MaxDatapoints.set && in->MaxDatapoints.v > 0 && in->MaxDatapoints.v < DATA_POINTS_MAX ? (uint64_t)in->MaxDatapoints.v
		: DATA_POINTS_MAX;
	if (page_results(&out->MetricDataResults, told, most))
		out->NextToken = page_token(c->arena, arena_printf(c->arena, "%llu", (unsigned long long)told + most));
}
