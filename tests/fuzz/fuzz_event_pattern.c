/* Any text as a pattern, any as an event (apart by a NUL): compiled or refused with a reason, matched without harm. A
 * pattern that hangs on an anchor cannot match an event that has none of its values there. */
#include "svc/event_pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen { const struct pattern_anchor *anchor; bool found; };

static void look(void *arg, struct str value)
{
	struct seen *s = arg;
	for (size_t i = 0; i < s->anchor->n; i++)
		s->found |= str_eq(s->anchor->values[i], value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct str event_text = str_of((const char *)data, size), pattern = str_cut(&event_text, '\0'), why = STR_NONE;
	const struct event_pattern *p = event_pattern_parse(a, pattern, &why);
	ASSERT((p != NULL) != str_present(why));
	const struct json *event = str_present(event_text) ? json_parse(a, event_text, NULL) : NULL;
	if (p != NULL && event != NULL) {
		event = event_normal(a, event);
		bool yes = event_pattern_matches(p, event);
		struct pattern_anchor anchor;
		if (event_pattern_anchor(a, p, &anchor)) {
			struct seen s = {&anchor, false};
			event_strings_at(event, anchor.path, look, &s);
			ASSERT(s.found || !yes);
		}
	}
	arena_free(a);
	return 0;
}
