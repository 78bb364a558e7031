/* Metrics that log events carry in themselves: the embedded metric format.
 *
 * What always holds: an event is only read, never changed; one that says it has metrics and is not of the form counts as an error
 * of the group (AWS/Logs), and none of its metrics is told. Source: "Specification: Embedded metric format" (CloudWatch User
 * Guide), limits included. */
#include "logs.h"

#include "svc/measure.h"

enum { METRICS_MAX = 100, VALUES_MAX = 100, SETS_MAX = 30, TEXT_MAX = 1024 };
#define DAY_MS ((int64_t)86400 * 1000)

static bool text_ok(struct str s) { return s.n > 0 && s.n <= TEXT_MAX; }

/* The dimensions of one set, from the members that it names; false: one of them is no text. */
static bool dimensions_of(const struct json *root, const struct json *set, struct metric_dim *dims)
{
	ASSERT(set->n <= MEASURE_DIMS_MAX); /* sets_ok */
	for (uint32_t i = 0; i < set->n; i++) {
		struct str name = json_str(&set->items[i]);
		const struct json *value = json_get(root, name);
		if (!json_is(value, JSON_STRING) || !text_ok(value->text))
			return false;
		dims[i] = (struct metric_dim){name, value->text};
	}
	return true;
}

static bool sets_ok(const struct json *sets)
{
	for (uint32_t i = 0; json_is(sets, JSON_ARRAY) && i < sets->n; i++) {
		const struct json *set = &sets->items[i];
		if (!json_is(set, JSON_ARRAY) || set->n > MEASURE_DIMS_MAX)
			return false;
		for (uint32_t k = 0; k < set->n; k++)
			if (!text_ok(json_str(&set->items[k])))
				return false;
	}
	return json_is(sets, JSON_ARRAY) && sets->n <= SETS_MAX;
}

static bool metrics_ok(const struct json *metrics)
{
	for (uint32_t i = 0; json_is(metrics, JSON_ARRAY) && i < metrics->n; i++)
		if (!text_ok(json_get_str(&metrics->items[i], "Name")))
			return false;
	return json_is(metrics, JSON_ARRAY) && metrics->n <= METRICS_MAX;
}

static bool directive_ok(const struct json *d)
{
	return json_is(d, JSON_OBJECT) && text_ok(json_get_str(d, "Namespace")) && sets_ok(json_get(d, S("Dimensions"))) &&
	       metrics_ok(json_get(d, S("Metrics")));
}

/* A number, or each of a list of numbers. A member that is neither (or not there) gives no metric. */
static void tell(struct call *c, struct measure *m, const struct json *value)
{
	ASSERT(m->ns.n > 0 && m->name.n > 0);
	if (json_is(value, JSON_NUMBER) && json_to_f64(value, &m->value))
		measure(c, m);
	for (uint32_t i = 0; json_is(value, JSON_ARRAY) && i < value->n && i < VALUES_MAX; i++)
		if (json_is(&value->items[i], JSON_NUMBER) && json_to_f64(&value->items[i], &m->value))
			measure(c, m);
}

static void tell_directive(struct call *c, const struct json *root, const struct json *d, int64_t at_ms)
{
	const struct json *sets = json_get(d, S("Dimensions")), *metrics = json_get(d, S("Metrics"));
	struct metric_dim dims[MEASURE_DIMS_MAX];
	ASSERT(sets != NULL && metrics != NULL); /* directive_ok */
	for (uint32_t i = 0; i < sets->n; i++) {
		const struct json *set = &sets->items[i];
		if (!dimensions_of(root, set, dims))
			continue;
		for (uint32_t k = 0; k < metrics->n; k++) {
			struct str name = json_get_str(&metrics->items[k], "Name"), unit = json_get_str(&metrics->items[k], "Unit");
			struct measure m = {.ns = json_get_str(d, "Namespace"), .name = name, .dims = dims, .n_dims = set->n, .at_ms = at_ms,
				.unit = str_present(unit) ? arena_cstr(c->arena, unit) : "None"};
			tell(c, &m, json_get(root, name));
		}
	}
}

static void count_error(struct call *c, struct str group, struct str name)
{
	const struct metric_dim dim = {S("LogGroupName"), group};
	measure(c, &(struct measure){.ns = S("AWS/Logs"), .name = name, .dims = &dim, .n_dims = 1, .value = 1});
}

void emf_apply(struct call *c, struct str group, struct str message)
{
	/* Nearly no event is one: a look at the text spares the parser. */
	if (!str_starts(str_trim(message), S("{")) || str_find_str(message, S("\"_aws\"")) < 0 || str_find_str(message, S("\"CloudWatchMetrics\"")) < 0)
		return;
	const struct json *root = json_parse(c->arena, message, NULL), *aws = json_get(root, S("_aws"));
	const struct json *directives = json_get(aws, S("CloudWatchMetrics")), *time = json_get(aws, S("Timestamp"));
	if (root == NULL) {
		count_error(c, group, S("EMFParsingErrors"));
		return;
	}
	int64_t at_ms;
	bool ok = json_is(directives, JSON_ARRAY) && json_is(time, JSON_NUMBER) && json_to_i64(time, &at_ms);
	for (uint32_t i = 0; ok && i < directives->n; i++)
		ok = directive_ok(&directives->items[i]);
	if (!ok || at_ms < c->now_ms - 14 * DAY_MS || at_ms > c->now_ms + 2 * 3600 * 1000) {
		count_error(c, group, S("EMFValidationErrors"));
		return;
	}
	for (uint32_t i = 0; i < directives->n; i++)
		tell_directive(c, root, &directives->items[i], at_ms);
}
