/* Filter policies: event patterns over a message's attributes or its body.
 *
 * Source: "Amazon SNS subscription filter policies", "Filter policy constraints" (SNS Developer Guide). */
#include "sns.h"

#include "svc/event_pattern.h"

enum { KEYS_MAX = 5, COMBINATIONS_MAX = 150 };

/* Names at all depths that have a list of alternatives, and the product of the lists' lengths. */
static void measure(const struct json *p, bool *nested, size_t *keys, size_t *combinations)
{
	for (uint32_t i = 0; i < p->n; i++) {
		const struct json_member *m = &p->members[i];
		if (json_is(&m->value, JSON_OBJECT)) {
			*nested = true;
			measure(&m->value, nested, keys, combinations);
		} else if (json_is(&m->value, JSON_ARRAY) && !str_eq(m->key, S("$or"))) {
			++*keys;
			if (*combinations <= COMBINATIONS_MAX)
				*combinations *= m->value.n > 0 ? m->value.n : 1;
		}
	}
}

bool filter_policy_ok(struct call *c, struct str policy, struct str scope)
{
	struct json *p = json_parse(c->arena, policy, NULL);
	struct str why = STR_NONE;
	bool nested = false;
	size_t keys = 0, combinations = 1;
	if (!json_is(p, JSON_OBJECT))
		return fail_parameter(c, "FilterPolicy: failed to parse JSON.");
	if (p->n == 0)
		return true; /* no filter */
	measure(p, &nested, &keys, &combinations);
	if (nested && !str_eq(scope, S("MessageBody")))
		return fail_parameter(c, "Filter policy scope MessageAttributes does not support nested filter policy");
	if (keys > KEYS_MAX)
		return fail_parameter(c, "FilterPolicy: Filter policy can not have more than %d keys", KEYS_MAX);
	if (combinations > COMBINATIONS_MAX)
		return fail_parameter(c, "FilterPolicy: Filter policy is too complex");
	return event_pattern_parse(c->arena, policy, &why) != NULL || fail_parameter(c, "FilterPolicy: %.*s", STR_ARG(why));
}

/* Attributes as an event: numbers are numbers, a String.Array is its elements; binary ones cannot be filtered on. */
static struct json *attributes_event(struct arena *a, const struct map_of *attributes)
{
	const struct sns_MessageAttributeMap_entry *v = attributes->v;
	struct json *e = json_new_object(a);
	for (uint32_t i = 0; i < attributes->n; i++) {
		struct str text = v[i].value.StringValue, type = v[i].value.DataType;
		struct json *array = str_eq(type, S("String.Array")) ? json_parse(a, text, NULL) : NULL;
		double number;
		if (str_starts(type, S("Binary")))
			continue;
		if (array != NULL)
			json_set(a, e, v[i].key, array);
		else
			json_set(a, e, v[i].key, str_starts(type, S("Number")) && str_to_f64(text, &number) ? json_new_number(a, text) : json_new_str(a, text));
	}
	return e;
}

bool filter_passes(struct arena *a, const struct sns_SubscriptionRecord *r, const struct sns_MessageRecord *m)
{
	struct str policy = attribute_get(&r->Attributes, "FilterPolicy"), why;
	if (policy.n == 0 || json_parse(a, policy, NULL)->n == 0)
		return true;
	const struct event_pattern *p = event_pattern_parse(a, policy, &why);
	ASSERT(p != NULL); /* checked when it was set */
	bool body = attribute_is(&r->Attributes, "FilterPolicyScope", "MessageBody");
	struct json *event = body ? json_parse(a, m->Message, NULL) : attributes_event(a, &m->Attributes);
	return json_is(event, JSON_OBJECT) && event_pattern_matches(p, event_normal(a, event));
}
