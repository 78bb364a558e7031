/* PutMetricData: the rules of its page in the API Reference, then into the series. All or nothing.
 *
 * What always holds: a sample that goes on has a count above zero, a minimum not above its maximum, and as many counts as values. */
#include "cloudwatch.h"

#include <math.h>

enum { DATA_MAX = 1000 };

static void invalid(struct call *c, const char *what, uint32_t i)
{
	call_fail(c, &cloudwatch_err_InvalidParameterValueException, "The parameter MetricData.member.%u.%s", i + 1, what);
}

static bool number_ok(double v) { return isfinite(v) && fabs(v) <= 0x1p360; }

static bool sample_of_values(struct call *c, const struct cloudwatch_MetricDatum *d, uint32_t at, struct cloudwatch_SampleRecord *r)
{
	if (d->Counts.n > 0 && d->Counts.n != d->Values.n) {
		invalid(c, "Counts must have as many members as Values.", at);
		return false;
	}
	if (d->Values.n > DISTINCT_MAX) {
		invalid(c, "Values has too many members (150).", at);
		return false;
	}
	r->Values = d->Values;
	r->Counts = LIST_OF(c->arena, struct opt_f64, d->Values.n);
	for (uint32_t i = 0; i < d->Values.n; i++) {
		double v = LIST_AT(d->Values, struct opt_f64, i)->v;
		double k = d->Counts.n > 0 ? LIST_AT(d->Counts, struct opt_f64, i)->v : 1;
		if (!number_ok(v) || !number_ok(k) || k <= 0) {
			invalid(c, "Values is not valid.", at);
			return false;
		}
		*LIST_AT(r->Counts, struct opt_f64, i) = SOME_F64(k);
		r->Min = SOME_F64(i == 0 || v < r->Min.v ? v : r->Min.v);
		r->Max = SOME_F64(i == 0 || v > r->Max.v ? v : r->Max.v);
		r->Sum = SOME_F64(r->Sum.v + v * k);
		r->Count = SOME_F64(r->Count.v + k);
	}
	return true;
}

static bool sample_of_set(struct call *c, const struct cloudwatch_StatisticSet *s, uint32_t at, struct cloudwatch_SampleRecord *r)
{
	ASSERT(s->SampleCount.set && s->Sum.set && s->Minimum.set && s->Maximum.set); /* the model requires them */
	*r = (struct cloudwatch_SampleRecord){.Count = s->SampleCount, .Sum = s->Sum, .Min = s->Minimum, .Max = s->Maximum};
	if (number_ok(s->SampleCount.v) && s->SampleCount.v > 0 && number_ok(s->Sum.v) && number_ok(s->Minimum.v) &&
	    number_ok(s->Maximum.v) && s->Minimum.v <= s->Maximum.v)
		return true;
	invalid(c, "StatisticValues is not valid.", at);
	return false;
}

static bool sample_of(struct call *c, const struct cloudwatch_MetricDatum *d, uint32_t at, struct cloudwatch_SampleRecord *r)
{
	int given = d->Value.set + (d->StatisticValues != NULL) + (d->Values.n > 0);
	if (given != 1) {
		call_fail(c, given == 0 ? &cloudwatch_err_MissingRequiredParameterException : &cloudwatch_err_InvalidParameterCombinationException,
			"MetricData.member.%u must have exactly one of Value, Values and StatisticValues.", at + 1);
		return false;
	}
	if (d->StatisticValues != NULL)
		return sample_of_set(c, d->StatisticValues, at, r);
	if (d->Values.n > 0)
		return sample_of_values(c, d, at, r);
	if (!number_ok(d->Value.v)) {
		invalid(c, "Value is not valid: it must be a number between -2^360 and 2^360.", at);
		return false;
	}
	*r = (struct cloudwatch_SampleRecord){.Count = SOME_F64(1), .Sum = d->Value, .Min = d->Value, .Max = d->Value,
		.Values = LIST_OF(c->arena, struct opt_f64, 1), .Counts = LIST_OF(c->arena, struct opt_f64, 1)};
	*LIST_AT(r->Values, struct opt_f64, 0) = d->Value;
	*LIST_AT(r->Counts, struct opt_f64, 0) = SOME_F64(1);
	return true;
}

static bool datum_ok(struct call *c, const struct cloudwatch_MetricDatum *d, uint32_t i)
{
	if (d->Dimensions.n > DIMENSIONS_MAX) {
		invalid(c, "Dimensions has too many members (30).", i);
		return false;
	}
	if (d->StorageResolution.set && d->StorageResolution.v != 1 && d->StorageResolution.v != 60) {
		invalid(c, "StorageResolution must be 1 or 60.", i);
		return false;
	}
	int64_t at = d->Timestamp.set ? d->Timestamp.ms : c->now_ms;
	if (at < c->now_ms - 14 * DAY_MS || at > c->now_ms + 2 * 3600 * 1000) {
		invalid(c, "Timestamp must be within the last two weeks and not more than two hours ahead.", i);
		return false;
	}
	return true;
}

/* PutMetricData has no resource; policies narrow it by the namespace (Service Authorization Reference). */
void access_put_metric_data(struct call *c)
{
	const struct cloudwatch_PutMetricDataInput *in = c->in;
	const struct condition_key key = {S("cloudwatch:namespace"), &in->Namespace, 1};
	authorize(c, NULL, S("*"), &(struct access_extra){.keys = &key, .n_keys = 1});
}

/* Two dimensions of one name would be one series with two faces. */
static bool dimensions_ok(struct call *c, const struct list *dimensions, uint32_t at)
{
	for (uint32_t i = 0; i < dimensions->n; i++)
		for (uint32_t k = 0; k < i; k++)
			if (str_eq(LIST_AT(*dimensions, struct cloudwatch_Dimension, i)->Name, LIST_AT(*dimensions, struct cloudwatch_Dimension, k)->Name)) {
				invalid(c, "Dimensions has a name twice.", at);
				return false;
			}
	return true;
}

void op_put_metric_data(struct call *c)
{
	const struct cloudwatch_PutMetricDataInput *in = c->in;
	if (in->EntityMetricData.n > 0) {
		call_unsupported(c, "PutMetricData with EntityMetricData is not there");
		return;
	}
	if (str_starts(in->Namespace, S("AWS/"))) {
		call_fail(c, &cloudwatch_err_InvalidParameterValueException, "The value AWS/ for parameter Namespace is invalid.");
		return;
	}
	if (in->MetricData.n == 0 || in->MetricData.n > DATA_MAX) {
		call_fail(c, &cloudwatch_err_MissingRequiredParameterException, "The parameter MetricData is required, with at most 1000 members.");
		return;
	}
	for (uint32_t i = 0; i < in->MetricData.n; i++) {
		const struct cloudwatch_MetricDatum *d = LIST_AT(in->MetricData, struct cloudwatch_MetricDatum, i);
		struct cloudwatch_SampleRecord r = {0};
		if (!datum_ok(c, d, i) || !dimensions_ok(c, &d->Dimensions, i) || !sample_of(c, d, i, &r))
			return;
		ASSERT(r.Count.v > 0 && r.Min.v <= r.Max.v && r.Values.n == r.Counts.n);
		series_add(c, in->Namespace, d->MetricName, &d->Dimensions, str_present(d->Unit) ? d->Unit : S("None"),
			d->Timestamp.set ? d->Timestamp.ms : c->now_ms, d->StorageResolution.v == 1, &r);
	}
}
