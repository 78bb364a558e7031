/* Any text as a composite alarm's rule, and as a dashboard's body: a rule that is taken names alarms that are parts of it, each once; what is
 * wrong with either is told. */
#include "../composite.h"
#include "../dashboard.h"

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
	struct json *body = json_parse(a, text, NULL);
	struct findings f = {.arena = a};
	if (json_is(body, JSON_OBJECT)) /* anything else is refused before */
		dashboard_check(&f, body);
	for (uint32_t i = 0; i < f.n_errors; i++)
		ASSERT(str_present(f.errors[i].Message));
	arena_free(a);
	return 0;
}
