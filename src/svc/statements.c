/* Statements of a policy by their Sid: see statements.h. Pure. */
#include "svc/statements.h"

struct json *statements_in(struct arena *a, struct json *policy)
{
	ASSERT(json_is(policy, JSON_OBJECT));
	struct json *s = json_get(policy, S("Statement"));
	if (json_is(s, JSON_ARRAY))
		return s;
	struct json *list = json_new_array(a);
	if (s != NULL)
		json_push(a, list, s);
	return json_set(a, policy, S("Statement"), list);
}

ptrdiff_t statement_find(const struct json *statements, struct str sid)
{
	ASSERT(json_is(statements, JSON_ARRAY));
	for (size_t i = 0; i < statements->n; i++)
		if (str_eq(json_get_str(json_at(statements, i), "Sid"), sid))
			return (ptrdiff_t)i;
	return -1;
}

void statement_drop(struct json *statements, size_t i)
{
	ASSERT(json_is(statements, JSON_ARRAY) && i < statements->n);
	memmove(&statements->items[i], &statements->items[i + 1], (statements->n - i - 1) * sizeof statements->items[0]);
	statements->n--;
}
