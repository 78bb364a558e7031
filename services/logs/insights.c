/* Contributor Insights over what is put into a group: the rules are CloudWatch's, and told here as events come in.
 *
 * What always holds: a contribution counts when the put that made it commits; an event that lacks a key of the rule, or the number it
 * sums, is nobody's. A filter on a field that an event does not have holds only where it asks for that (IsPresent false).
 * Source: "Contributor Insights rule syntax" (CloudWatch User Guide). */
#include "logs.h"

#include "svc/insight_rule.h"
#include "svc/measure.h"

/* An event as the rules' fields see it, read once for all rules. */
struct event {
	struct arena *a;
	struct str message;
	bool is_read;
	const struct json *json; /* NULL: none */
	struct str *words;
	size_t n_words;
};

static void read_event(struct event *e)
{
	if (e->is_read)
		return;
	e->is_read = true;
	e->json = json_parse(e->a, e->message, NULL);
	e->n_words = log_words(e->a, e->message, &e->words);
}

/* The leaf's text; absent: it has no such field. */
static struct str field_of(const struct insight_rule *r, struct event *e, struct str name)
{
	read_event(e);
	if (r->clf) {
		size_t at = insight_rule_word(r, name);
		ASSERT(at > 0); /* the rule parsed */
		return at <= e->n_words ? e->words[at - 1] : STR_NONE;
	}
	const struct json *j = log_json_at(e->json, name);
	if (json_is(j, JSON_STRING) || json_is(j, JSON_NUMBER))
		return j->text;
	return json_is(j, JSON_TRUE) ? S("true") : json_is(j, JSON_FALSE) ? S("false") : STR_NONE;
}

static bool among(const struct insight_filter *f, struct str value)
{
	for (uint32_t i = 0; i < f->n_values; i++)
		if (f->test == INSIGHT_STARTS_WITH ? str_starts(value, f->values[i]) : str_eq(value, f->values[i]))
			return true;
	return false;
}

static bool holds(const struct insight_rule *r, struct event *e, const struct insight_filter *f)
{
	struct str value = field_of(r, e, f->field);
	double number;
	if (f->test == INSIGHT_PRESENT)
		return str_present(value) == f->present;
	if (!str_present(value))
		return false;
	if (f->test <= INSIGHT_STARTS_WITH)
		return among(f, value) == (f->test != INSIGHT_NOT_IN);
	if (!str_to_f64(value, &number))
		return false;
	switch (f->test) {
	case INSIGHT_GREATER: return number > f->number;
	case INSIGHT_LESS: return number < f->number;
	case INSIGHT_EQUAL: return number == f->number;
	default: return number != f->number;
	}
}

static void look_at(struct call *c, struct str name, const struct insight_rule *r, struct event *e, int64_t at_ms)
{
	struct str keys[INSIGHT_KEYS_MAX];
	struct contribution x = {.rule = name, .keys = keys, .n_keys = r->n_keys, .value = 1, .at_ms = at_ms};
	for (uint32_t i = 0; i < r->n_filters; i++)
		if (!holds(r, e, &r->filters[i]))
			return;
	for (uint32_t i = 0; i < r->n_keys; i++) {
		keys[i] = field_of(r, e, r->keys[i]);
		if (!str_present(keys[i]))
			return;
	}
	if (!r->sum || str_to_f64(field_of(r, e, r->value_of), &x.value))
		contribute(c, &x);
}

void insights_apply(struct call *c, struct str group, const struct logs_InputLogEvent *events, uint32_t n)
{
	if (n == 0)
		return;
	struct str arn = group_arn(c, group);
	const struct invoke_options as = {.who = service_principal(c, "logs.amazonaws.com", arn)};
	struct invoked all = invoke(c, "cloudwatch", "DescribeInsightRules", json_new_object(c->arena), &as);
	const struct json *rules = all.ok ? json_get(all.out, S("InsightRules")) : NULL;
	if (rules == NULL || rules->n == 0)
		return;
	struct event *read = arena_array(c->arena, struct event, n);
	for (uint32_t i = 0; i < n; i++)
		read[i] = (struct event){.a = c->arena, .message = events[i].message};
	for (uint32_t k = 0; k < rules->n; k++) {
		const struct json *one = &rules->items[k];
		struct insight_rule rule;
		const char *why;
		if (!str_eq(json_get_str(one, "State"), S("ENABLED")) || json_get_bool(one, "ManagedRule", false) ||
		    !insight_rule_parse(c->arena, json_get_str(one, "Definition"), &rule, &why) || !insight_rule_watches(&rule, group, arn))
			continue;
		for (uint32_t i = 0; i < n; i++)
			look_at(c, json_get_str(one, "Name"), &rule, &read[i], events[i].timestamp.v);
	}
}
