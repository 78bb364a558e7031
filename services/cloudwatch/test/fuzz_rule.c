/* Any text as a composite alarm's rule, as a Contributor Insights rule and as a dashboard's body: an alarm's rule that is taken names alarms
 * that are parts of it, each once; what is wrong with any of them is told. */
#include "../composite.h"
#include "../dashboard.h"
#include "svc/insight_rule.h"

static void insight(struct arena *a, struct str text)
{
	struct insight_rule r;
	const char *why = NULL;
	if (!insight_rule_parse(a, text, &r, &why)) {
		ASSERT(why != NULL);
		return;
	}
	ASSERT(r.n_keys >= 1 && r.n_keys <= INSIGHT_KEYS_MAX && r.n_filters <= INSIGHT_FILTERS_MAX);
	(void)insight_rule_watches(&r, S("/aws/lambda/f"), S("arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f"));
	for (uint32_t i = 0; r.clf && i < r.n_keys; i++) /* a field of a rule that was taken is a word */
		ASSERT(insight_rule_word(&r, r.keys[i]) > 0);
	for (uint32_t i = 0; r.clf && i < r.n_filters; i++)
		ASSERT(insight_rule_word(&r, r.filters[i].field) > 0 && r.filters[i].n_values <= INSIGHT_VALUES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct str text = str_of((const char *)data, size);
	struct alarm_rule r;
	const char *why = NULL;
	if (alarm_rule_parse(a, text, &r, &why)) {
		ASSERT(r.root != NULL && r.n_alarms <= RULE_ALARMS_MAX && r.n_elements <= RULE_ELEMENTS_MAX);
		for (uint32_t i = 0; i < r.n_alarms; i++)
			for (uint32_t k = 0; k < i; k++)
				ASSERT(!str_eq(r.alarms[i], r.alarms[k]));
	} else {
		ASSERT(why != NULL);
	}
	insight(a, text);
	struct json *body = json_parse(a, text, NULL);
	struct findings f = {.arena = a};
	if (json_is(body, JSON_OBJECT)) /* anything else is refused before */
		dashboard_check(&f, body);
	for (uint32_t i = 0; i < f.n_errors; i++)
		ASSERT(str_present(f.errors[i].Message));
	arena_free(a);
	return 0;
}
