/* GetInsightRuleReport: who contributed most, and the statistics of each period.
 *
 * Minutes are read twice: once for the sums of all, once for the data points of those who are shown. What always holds: of one period all
 * minutes come one after another, so a period is closed when the first minute of the next one comes.
 * Source: GetInsightRuleReport (API Reference); "CloudWatch Contributor Insights for DynamoDB: how it works" for managed rules, whose
 * observations are minutes. */
#include "insight.h"
#include "math.h"

#include "base/map.h"

#include <stdlib.h>

enum { CONTRIBUTORS_DEFAULT = 10, CONTRIBUTORS_MOST = 100, POINTS_MAX = 1440, TOLD_APART_MAX = 50000 };

static const char *const metrics[] = {"UniqueContributors", "MaxContributorValue", "SampleCount", "Sum", "Minimum", "Maximum", "Average"};

struct contributor {
	struct list keys;
	double total;              /* over all periods, by the order asked for */
	double value;              /* of the open period */
	int64_t period;            /* which one that is */
	bool shown;
	struct cloudwatch_InsightRuleContributorDatapoint *points;
	uint32_t n_points;
};

struct report {
	struct call *c;
	const struct cloudwatch_GetInsightRuleReportInput *in;
	const struct insight_rule *rule;
	bool by_maximum;
	int64_t period_ms, base_ms; /* periods are counted from base_ms */
	struct map contributors;   /* by their keys as text */
	struct sketch *all, *here; /* of the whole time, of the open period */
	double total;
	struct cloudwatch_InsightRuleMetricDatapoint *points;
	uint32_t n_points;
	/* of the open period */
	int64_t open;              /* INT64_MIN: none */
	double count, sum, min, max, max_contributor;
};

/* ---- adding up ---- */

static void close_period(struct report *r)
{
	if (r->open == INT64_MIN)
		return;
	ASSERT(r->count > 0);
	struct cloudwatch_InsightRuleMetricDatapoint p = {.Timestamp = SOME_TIME(r->open)};
	struct opt_f64 *const at[] = {&p.UniqueContributors, &p.MaxContributorValue, &p.SampleCount, &p.Sum, &p.Minimum, &p.Maximum, &p.Average};
	const double is[] = {sketch_count(r->here), r->max_contributor, r->count, r->sum, r->min, r->max, r->sum / r->count};
	_Static_assert(COUNT_OF(at) == COUNT_OF(metrics) && COUNT_OF(is) == COUNT_OF(metrics), "one for each statistic");
	for (uint32_t i = 0; i < r->in->Metrics.n; i++)
		for (size_t k = 0; k < COUNT_OF(metrics); k++)
			if (str_eq(*LIST_AT(r->in->Metrics, struct str, i), str_c(metrics[k])))
				*at[k] = SOME_F64(is[k]);
	r->points = arena_grow(r->c->arena, r->points, sizeof *r->points, r->n_points, (size_t)r->n_points + 1);
	r->points[r->n_points++] = p;
}

static void open_period(struct report *r, int64_t at, const struct cloudwatch_MinuteRecord *m)
{
	close_period(r);
	r->open = at;
	r->count = r->sum = r->max_contributor = 0;
	r->min = m->Min.v;
	r->max = r->rule->managed ? 0 : m->Max.v;
	r->here->n = 0;
}

static struct str text_of(struct arena *a, const struct list *keys)
{
	struct key k = key_new(a);
	for (uint32_t i = 0; i < keys->n; i++)
		key_str(&k, *LIST_AT(*keys, struct str, i));
	return key_bytes(&k);
}

/* NULL: there are too many to tell them apart; the largest of each minute come first, so it is hardly one of the largest. */
static struct contributor *contributor_of(struct report *r, const struct list *keys)
{
	struct str text = text_of(r->c->arena, keys);
	struct contributor *x = map_get(&r->contributors, text);
	if (x != NULL || map_count(&r->contributors) >= TOLD_APART_MAX)
		return x;
	x = arena_new_of(r->c->arena, struct contributor);
	x->keys = *keys;
	x->period = INT64_MIN;
	(void)map_put(&r->contributors, text, x);
	return x;
}

/* A minute's sum into the contributor's open period; says by how much its period's value grew. */
static double grow(const struct report *r, struct contributor *x, double sum)
{
	double before = x->period == r->open ? x->value : 0;
	x->period = r->open;
	x->value = !r->by_maximum ? before + sum : sum > before ? sum : before;
	return x->value - before;
}

static void add_minute(struct report *r, const struct cloudwatch_MinuteRecord *m)
{
	r->count += m->Count.v;
	r->sum += m->Sum.v;
	r->total += m->Sum.v;
	r->min = m->Min.v < r->min ? m->Min.v : r->min;
	r->max = !r->rule->managed && m->Max.v > r->max ? m->Max.v : r->max;
	sketch_add_all(r->here, m->Hashes);
	sketch_add_all(r->all, m->Hashes);
	for (uint32_t i = 0; i < m->Contributors.n; i++) {
		const struct cloudwatch_ContributorRecord *from = LIST_AT(m->Contributors, struct cloudwatch_ContributorRecord, i);
		uint64_t hash = contributor_hash(&from->Keys);
		sketch_add(r->here, hash);
		sketch_add(r->all, hash);
		if (r->rule->managed && from->Sum.v > r->max)
			r->max = from->Sum.v;
		struct contributor *x = contributor_of(r, &from->Keys);
		if (x == NULL)
			continue;
		double by = grow(r, x, from->Sum.v);
		x->total = !r->by_maximum ? x->total + by : x->value > x->total ? x->value : x->total;
		r->max_contributor = x->value > r->max_contributor ? x->value : r->max_contributor;
	}
}

/* The second time: only who is shown. */
static void add_points(struct report *r, const struct cloudwatch_MinuteRecord *m)
{
	for (uint32_t i = 0; i < m->Contributors.n; i++) {
		const struct cloudwatch_ContributorRecord *from = LIST_AT(m->Contributors, struct cloudwatch_ContributorRecord, i);
		struct contributor *x = contributor_of(r, &from->Keys);
		if (x == NULL || !x->shown)
			continue;
		bool fresh = x->period != r->open;
		(void)grow(r, x, from->Sum.v);
		if (fresh) {
			x->points = arena_grow(r->c->arena, x->points, sizeof *x->points, x->n_points, (size_t)x->n_points + 1);
			x->points[x->n_points++].Timestamp = SOME_TIME(r->open);
		}
		x->points[x->n_points - 1].ApproximateValue = SOME_F64(x->value);
	}
}

static void read_minutes(struct report *r, const struct cloudwatch_InsightRecord *rule, bool points)
{
	struct str key, value;
	r->open = INT64_MIN;
	struct scan *s = insight_minutes(r->c, rule, r->in->StartTime.ms, r->in->EndTime.ms);
	while (scan_next(s, &key, &value)) {
		const struct cloudwatch_MinuteRecord *m = record_decode(r->c, &cloudwatch_shape_MinuteRecord, value);
		int64_t at = sample_time(key);
		int64_t into = (at - r->base_ms) % r->period_ms;
		at -= into < 0 ? into + r->period_ms : into;
		if (points) {
			r->open = at;
			add_points(r, m);
			continue;
		}
		if (at != r->open)
			open_period(r, at, m);
		add_minute(r, m);
	}
	scan_close(s);
	if (!points)
		close_period(r);
}

/* ---- the answer ---- */

static int by_total(const void *p, const void *q)
{
	const struct contributor *a = *(struct contributor *const *)p, *b = *(struct contributor *const *)q;
	return a->total < b->total ? 1 : a->total > b->total ? -1 : 0;
}

/* The largest, which are to be shown. */
static uint32_t choose(struct report *r, uint32_t most, struct contributor ***out)
{
	size_t n = map_count(&r->contributors), at = 0, k = 0;
	struct contributor **v = arena_array(r->c->arena, struct contributor *, n);
	struct map_entry *e;
	while ((e = map_next(&r->contributors, &at)) != NULL)
		v[k++] = e->value;
	ASSERT(k == n);
	if (n > 1)
		qsort(v, n, sizeof *v, by_total);
	n = n < most ? n : most;
	for (size_t i = 0; i < n; i++) {
		v[i]->shown = true;
		v[i]->period = INT64_MIN;
	}
	*out = v;
	return (uint32_t)n;
}

static void answer(struct report *r, const struct cloudwatch_InsightRecord *rule, struct cloudwatch_GetInsightRuleReportOutput *out)
{
	struct arena *a = r->c->arena;
	struct contributor **shown;
	read_minutes(r, rule, false);
	uint32_t most = r->in->MaxContributorCount.set ? (uint32_t)r->in->MaxContributorCount.v : CONTRIBUTORS_DEFAULT, n = choose(r, most, &shown);
	read_minutes(r, rule, true);
	out->KeyLabels = LIST_OF(a, struct str, r->rule->n_keys);
	for (uint32_t i = 0; i < r->rule->n_keys; i++)
		*LIST_AT(out->KeyLabels, struct str, i) = r->rule->keys[i];
	out->AggregationStatistic = r->rule->sum ? S("SUM") : S("COUNT");
	out->AggregateValue = SOME_F64(r->total);
	out->ApproximateUniqueCount = SOME_I64((int64_t)sketch_count(r->all));
	out->Contributors = LIST_OF(a, struct cloudwatch_InsightRuleContributor, n);
	for (uint32_t i = 0; i < n; i++)
		*LIST_AT(out->Contributors, struct cloudwatch_InsightRuleContributor, i) = (struct cloudwatch_InsightRuleContributor){
			shown[i]->keys, SOME_F64(shown[i]->total), {shown[i]->points, shown[i]->n_points, true}};
	if (r->in->Metrics.n > 0)
		out->MetricDatapoints = (struct list){r->points, r->n_points, true};
}

/* ---- the operation ---- */

bool insight_metric_known(struct str metric)
{
	for (size_t i = 0; i < COUNT_OF(metrics); i++)
		if (str_eq(metric, str_c(metrics[i])))
			return true;
	return false;
}

static bool refuse(struct call *c, const char *text)
{
	call_fail(c, &cloudwatch_err_InvalidParameterValueException, "%s", text);
	return false;
}

static bool input_ok(struct call *c, const struct cloudwatch_GetInsightRuleReportInput *in)
{
	if (in->Period.v % 60 != 0)
		return refuse(c, "The parameter Period must be a multiple of 60.");
	if (in->StartTime.ms >= in->EndTime.ms)
		return refuse(c, "The parameter StartTime must be less than the parameter EndTime.");
	if ((in->EndTime.ms - in->StartTime.ms) / (in->Period.v * 1000) > POINTS_MAX)
		return refuse(c, "The request asks for more than 1,440 data points. You may reduce them by increasing Period, or decreasing the time range.");
	if (in->MaxContributorCount.set && (in->MaxContributorCount.v < 1 || in->MaxContributorCount.v > CONTRIBUTORS_MOST))
		return refuse(c, "The parameter MaxContributorCount must be between 1 and 100.");
	if (str_present(in->OrderBy) && !str_eq(in->OrderBy, S("Sum")) && !str_eq(in->OrderBy, S("Maximum")))
		return refuse(c, "The parameter OrderBy must be Sum or Maximum.");
	for (uint32_t i = 0; i < in->Metrics.n; i++)
		if (!insight_metric_known(*LIST_AT(in->Metrics, struct str, i)))
			return refuse(c, "The parameter Metrics must have UniqueContributors, MaxContributorValue, SampleCount, Sum, Minimum, "
				"Maximum or Average.");
	return true;
}

void access_get_insight_rule_report(struct call *c)
{
	authorize(c, NULL, insight_arn(c, ((const struct cloudwatch_GetInsightRuleReportInput *)c->in)->RuleName), NULL);
}

void op_get_insight_rule_report(struct call *c)
{
	const struct cloudwatch_GetInsightRuleReportInput *in = c->in;
	if (!input_ok(c, in) || !feed_flushed(c))
		return;
	const struct cloudwatch_InsightRecord *record = insight_get(c, in->RuleName);
	if (record == NULL) {
		struct cloudwatch_ResourceNotFoundException *e =
			call_fail(c, &cloudwatch_err_ResourceNotFoundException, "The rule %.*s does not exist.", STR_ARG(in->RuleName));
		e->ResourceType = S("InsightRule");
		e->ResourceId = in->RuleName;
		return;
	}
	struct insight_rule rule;
	const char *why;
	bool ok = insight_rule_parse(c->arena, record->Rule->Definition, &rule, &why);
	ASSERT(ok); /* the put let it in */
	struct report r = {.c = c, .in = in, .rule = &rule, .by_maximum = str_eq(in->OrderBy, S("Maximum")), .period_ms = in->Period.v * 1000,
		.all = arena_new_of(c->arena, struct sketch), .here = arena_new_of(c->arena, struct sketch)};
	map_init(&r.contributors, c->arena);
	answer(&r, record, c->out);
}

bool insight_series(struct call *c, struct str name, struct str metric, const struct grid *g,
                    void (*point)(void *arg, const struct grid *g, int64_t at_ms, double v), void *arg)
{
	const struct cloudwatch_InsightRecord *record = insight_get(c, name);
	struct insight_rule rule;
	const char *why;
	ASSERT(insight_metric_known(metric));
	if (record == NULL || !insight_rule_parse(c->arena, record->Rule->Definition, &rule, &why))
		return false;
	const struct cloudwatch_GetInsightRuleReportInput in = {.StartTime = SOME_TIME(g->from_ms), .EndTime = SOME_TIME(grid_time(g, g->n)),
		.Metrics = {&metric, 1, true}};
	struct report r = {.c = c, .in = &in, .rule = &rule, .period_ms = g->period_ms, .base_ms = g->from_ms,
		.all = arena_new_of(c->arena, struct sketch), .here = arena_new_of(c->arena, struct sketch)};
	map_init(&r.contributors, c->arena);
	read_minutes(&r, record, false);
	for (uint32_t i = 0; i < r.n_points; i++) {
		const struct cloudwatch_InsightRuleMetricDatapoint *p = &r.points[i];
		const struct opt_f64 *const all[] = {&p->UniqueContributors, &p->MaxContributorValue, &p->SampleCount, &p->Sum, &p->Minimum, &p->Maximum,
			&p->Average};
		for (size_t k = 0; k < COUNT_OF(all); k++)
			if (all[k]->set)
				point(arg, g, p->Timestamp.ms, all[k]->v);
	}
	return true;
}
