/* Event filters of a mapping: event patterns, of which one must match.
 *
 * Source: "Lambda event filtering" (Lambda Developer Guide). A pattern is compiled once a poll and asked for each record. */
#include "esm.h"

#include "svc/event_pattern.h"

struct filter { const struct event_pattern *pattern; bool into_body; };

struct filters { const struct filter *v; size_t n; };

const char *filter_check(struct arena *a, struct str text)
{
	struct str why;
	return event_pattern_parse(a, text, &why) != NULL ? NULL : arena_cstr(a, why);
}

const struct filters *filters_compile(struct arena *a, const struct list *given)
{
	struct filters *f = arena_new_of(a, struct filters);
	struct filter *v = arena_array(a, struct filter, given->n);
	for (uint32_t i = 0; i < given->n; i++) {
		struct str text = LIST_AT(*given, struct lambda_Filter, i)->Pattern, why;
		v[i].pattern = event_pattern_parse(a, text, &why);
		ASSERT(v[i].pattern != NULL); /* checked when the mapping was made */
		v[i].into_body = json_is(json_get(json_parse(a, text, NULL), S("body")), JSON_OBJECT);
	}
	*f = (struct filters){v, given->n};
	return f;
}

/* A queue's message is text: a pattern that looks into its body means the JSON that the text is. */
static const struct json *body_opened(struct arena *a, const struct json *record)
{
	struct str text = json_get_str(record, "body");
	struct json *body = str_present(text) ? json_parse(a, text, NULL) : NULL;
	if (body == NULL)
		return record;
	struct json *copy = json_copy(a, record);
	json_set(a, copy, S("body"), body);
	return copy;
}

bool filters_pass(struct arena *a, const struct filters *f, const struct json *record)
{
	ASSERT(f != NULL && json_is(record, JSON_OBJECT));
	for (size_t i = 0; i < f->n; i++) {
		const struct json *seen = f->v[i].into_body ? body_opened(a, record) : record_seen(a, record);
		if (event_pattern_matches(f->v[i].pattern, event_normal(a, seen)))
			return true;
	}
	return f->n == 0;
}
