/* Metric filters: patterns over what is put into a group, counted or measured as CloudWatch metrics.
 *
 * What always holds: a stored pattern parses, for PutMetricFilter has let it in; metrics are told when the put that made them
 * commits. Source: "Creating metrics from log events using filters" (CloudWatch Logs User Guide), MetricTransformation (API Reference). */
#include "logs.h"

#include "svc/page.h"
#include "svc/measure.h"

enum { FILTERS_PER_GROUP = 100, FILTER_DIMS_MAX = 3 };

static struct key *filter_key(struct call *c, struct str group, struct str name)
{
	return key_str(key_str(call_key(c, "filter"), group), name);
}

void access_put_metric_filter(struct call *c) { access_group(c, ((const struct logs_PutMetricFilterRequest *)c->in)->logGroupName); }
void access_delete_metric_filter(struct call *c) { access_group(c, ((const struct logs_DeleteMetricFilterRequest *)c->in)->logGroupName); }

void access_describe_metric_filters(struct call *c)
{
	const struct logs_DescribeMetricFiltersRequest *in = c->in;
	if (str_present(in->logGroupName))
		access_group(c, in->logGroupName);
	else
		access_groups(c);
}

static struct log_filter *parse_or_fail(struct call *c, struct str pattern)
{
	const char *why = NULL;
	struct log_filter *f = log_filter_parse(c->arena, pattern, &why);
	if (f == NULL)
		call_fail(c, &logs_err_InvalidParameterException, "Invalid metric filter pattern: %s", why);
	return f;
}

size_t metric_filters_count(struct call *c, struct str group)
{
	size_t n = 0;
	struct str key, value;
	struct scan *s = call_scan(c, key_str(call_key(c, "filter"), group), STR_NONE, false);
	while (scan_next(s, &key, &value))
		n++;
	scan_close(s);
	return n;
}

static bool transformation_ok(struct call *c, const struct logs_MetricTransformation *t)
{
	double number;
	const char *why = t->metricNamespace.n == 0 || t->metricName.n == 0 ? "the metric's name and namespace must not be empty."
		: t->dimensions.n > FILTER_DIMS_MAX ? "there can be at most 3 dimensions."
		: t->dimensions.n > 0 && t->defaultValue.set ? "dimensions and default value are mutually exclusive properties."
		: !str_starts(t->metricValue, S("$")) && !str_to_f64(t->metricValue, &number) ? "metricValue must be a number or a field of the event."
		: NULL;
	if (why != NULL)
		call_fail(c, &logs_err_InvalidParameterException, "Invalid metric transformation: %s", why);
	return why == NULL;
}

void op_put_metric_filter(struct call *c)
{
	const struct logs_PutMetricFilterRequest *in = c->in;
	if (in->applyOnTransformedLogs.v) {
		call_unsupported(c, "metric filters on transformed logs (applyOnTransformedLogs) are not there");
		return;
	}
	if (parse_or_fail(c, in->filterPattern) == NULL || group_need(c, in->logGroupName) == NULL)
		return;
	for (uint32_t i = 0; i < in->metricTransformations.n; i++)
		if (!transformation_ok(c, LIST_AT(in->metricTransformations, struct logs_MetricTransformation, i)))
			return;
	if (!txn_has(c->txn, key_bytes(filter_key(c, in->logGroupName, in->filterName))) &&
	    metric_filters_count(c, in->logGroupName) >= FILTERS_PER_GROUP) {
		call_fail(c, &logs_err_LimitExceededException, "Resource limit exceeded.");
		return;
	}
	struct logs_FilterRecord r = {.Name = in->filterName, .Group = in->logGroupName, .Pattern = in->filterPattern,
		.CreatedMs = SOME_I64(c->now_ms), .Transformations = in->metricTransformations};
	call_put(c, filter_key(c, in->logGroupName, in->filterName), &logs_shape_FilterRecord, &r);
}

void op_delete_metric_filter(struct call *c)
{
	const struct logs_DeleteMetricFilterRequest *in = c->in;
	if (group_need(c, in->logGroupName) == NULL)
		return;
	struct key *k = filter_key(c, in->logGroupName, in->filterName);
	if (!txn_has(c->txn, key_bytes(k))) {
		call_fail(c, &logs_err_ResourceNotFoundException, "The specified metric filter does not exist.");
		return;
	}
	call_del(c, k);
}

static bool filter_wanted(const struct logs_DescribeMetricFiltersRequest *in, const struct logs_FilterRecord *r)
{
	if (str_present(in->filterNamePrefix) && !str_starts(r->Name, in->filterNamePrefix))
		return false;
	if (!str_present(in->metricName))
		return true;
	for (uint32_t i = 0; i < r->Transformations.n; i++) {
		const struct logs_MetricTransformation *t = LIST_AT(r->Transformations, struct logs_MetricTransformation, i);
		if (str_eq(t->metricName, in->metricName) && str_eq(t->metricNamespace, in->metricNamespace))
			return true;
	}
	return false;
}

void op_describe_metric_filters(struct call *c)
{
	const struct logs_DescribeMetricFiltersRequest *in = c->in;
	struct logs_DescribeMetricFiltersResponse *out = c->out;
	struct str after, key, value;
	if (str_present(in->metricName) != str_present(in->metricNamespace)) {
		call_fail(c, &logs_err_InvalidParameterException, "metricName and metricNamespace must be given together.");
		return;
	}
	if (!page_position(c->arena, in->nextToken, &after)) {
		call_fail(c, &logs_err_InvalidParameterException, "The specified nextToken is invalid.");
		return;
	}
	if (str_present(in->logGroupName) && group_need(c, in->logGroupName) == NULL)
		return;
	uint32_t limit = in->limit.set ? (uint32_t)in->limit.v : 50;
	out->metricFilters = LIST_OF(c->arena, struct logs_MetricFilter, limit);
	out->metricFilters.n = 0;
	struct key *prefix = call_key(c, "filter");
	struct scan *s = call_scan(c, str_present(in->logGroupName) ? key_str(prefix, in->logGroupName) : prefix, after, false);
	while (scan_next(s, &key, &value)) {
		const struct logs_FilterRecord *r = record_decode(c, &logs_shape_FilterRecord, value);
		if (!filter_wanted(in, r))
			continue;
		if (out->metricFilters.n == limit) {
			out->nextToken = page_token(c->arena, after);
			break;
		}
		after = arena_dup(c->arena, key);
		((struct logs_MetricFilter *)out->metricFilters.v)[out->metricFilters.n++] = (struct logs_MetricFilter){
			.filterName = r->Name, .filterPattern = r->Pattern, .logGroupName = r->Group, .creationTime = r->CreatedMs,
			.metricTransformations = r->Transformations};
	}
	scan_close(s);
}

void op_test_metric_filter(struct call *c)
{
	const struct logs_TestMetricFilterRequest *in = c->in;
	struct logs_TestMetricFilterResponse *out = c->out;
	struct log_filter *f = parse_or_fail(c, in->filterPattern);
	if (f == NULL)
		return;
	uint32_t n = in->logEventMessages.n, k = 0;
	struct logs_MetricFilterMatchRecord *v = arena_array(c->arena, struct logs_MetricFilterMatchRecord, n);
	for (uint32_t i = 0; i < n; i++) {
		struct str message = *LIST_AT(in->logEventMessages, struct str, i);
		if (!log_filter_matches(f, c->arena, message))
			continue;
		struct param *pairs;
		size_t m = log_filter_extract(f, c->arena, message, &pairs);
		v[k].eventNumber = SOME_I64(i + 1);
		v[k].eventMessage = message;
		v[k].extractedValues = MAP_OF(c->arena, struct logs_ExtractedValues_entry, m);
		for (size_t p = 0; p < m; p++)
			((struct logs_ExtractedValues_entry *)v[k].extractedValues.v)[p] =
				(struct logs_ExtractedValues_entry){pairs[p].name, pairs[p].value};
		k++;
	}
	out->matches = (struct list){v, k, true};
}

static void tell(struct call *c, const struct logs_MetricTransformation *t, const struct metric_dim *dims, size_t n, double value, int64_t ms)
{
	measure(c, &(struct measure){.ns = t->metricNamespace, .name = t->metricName, .dims = dims, .n_dims = n, .value = value,
		.unit = str_present(t->unit) ? arena_cstr(c->arena, t->unit) : "None", .at_ms = ms});
}

static void add_metric(struct call *c, const struct log_filter *f, const struct logs_MetricTransformation *t, struct str message, int64_t ms)
{
	struct metric_dim dims[FILTER_DIMS_MAX];
	const struct logs_Dimensions_entry *d = t->dimensions.v;
	ASSERT(t->dimensions.n <= FILTER_DIMS_MAX); /* transformation_ok */
	for (uint32_t i = 0; i < t->dimensions.n; i++) {
		struct str value = log_filter_value(f, c->arena, message, d[i].value);
		if (!str_present(value))
			return; /* a message without the dimension's field gives no metric */
		dims[i] = (struct metric_dim){d[i].key, value};
	}
	double value;
	struct str text = str_starts(t->metricValue, S("$")) ? log_filter_value(f, c->arena, message, t->metricValue) : t->metricValue;
	if (str_present(text) && str_to_f64(text, &value))
		tell(c, t, dims, t->dimensions.n, value, ms);
}

static void apply(struct call *c, const struct logs_FilterRecord *r, const struct list *events)
{
	const char *why;
	const struct log_filter *f = log_filter_parse(c->arena, r->Pattern, &why);
	bool matched = false;
	ASSERT(f != NULL && events->n > 0);
	for (uint32_t i = 0; i < events->n; i++) {
		const struct logs_InputLogEvent *e = LIST_AT(*events, struct logs_InputLogEvent, i);
		if (!log_filter_matches(f, c->arena, e->message))
			continue;
		matched = true;
		for (uint32_t k = 0; k < r->Transformations.n; k++)
			add_metric(c, f, LIST_AT(r->Transformations, struct logs_MetricTransformation, k), e->message, e->timestamp.v);
	}
	/* Events came and none matched: the default says that there was something to look at. */
	for (uint32_t k = 0; !matched && k < r->Transformations.n; k++) {
		const struct logs_MetricTransformation *t = LIST_AT(r->Transformations, struct logs_MetricTransformation, k);
		if (t->defaultValue.set)
			tell(c, t, NULL, 0, t->defaultValue.v, LIST_AT(*events, struct logs_InputLogEvent, events->n - 1)->timestamp.v);
	}
}

void metric_filters_apply(struct call *c, struct str group, const struct list *events)
{
	struct str key, value;
	struct scan *s = call_scan(c, key_str(call_key(c, "filter"), group), STR_NONE, false);
	while (events->n > 0 && scan_next(s, &key, &value))
		apply(c, record_decode(c, &logs_shape_FilterRecord, value), events);
	scan_close(s);
}
