/* Scalars across JSON types where the text says the same: "12" where a number is wanted, "true" for a boolean, 12 for a
 * string. What does not fit is left as it is, for typed_from_json to refuse.
 *
 * CloudFormation's properties are texts as often as not (a parameter's value always is), and AWS reads them so. Pure. */
#include "wire/wire.h"

enum { COERCE_DEPTH_MAX = 64 };

/* Only where nothing is lost: "12" becomes 12 with its very digits, but 1 is no boolean. */
static struct json *scalar(struct arena *a, const struct shape *s, const struct json *j)
{
	double d;
	switch (s->type) {
	case SHAPE_STRING:
		if (j->type == JSON_NUMBER)
			return json_new_str(a, j->text);
		if (j->type == JSON_TRUE || j->type == JSON_FALSE)
			return json_new_str(a, j->type == JSON_TRUE ? S("true") : S("false"));
		break;
	case SHAPE_INT:
	case SHAPE_FLOAT:
	case SHAPE_BIG:
		if (j->type == JSON_STRING && str_to_f64(j->text, &d))
			return json_new_number(a, j->text);
		break;
	case SHAPE_BOOL:
		if (j->type == JSON_STRING && str_eq_nocase(j->text, S("true")))
			return json_new_bool(a, true);
		if (j->type == JSON_STRING && str_eq_nocase(j->text, S("false")))
			return json_new_bool(a, false);
		break;
	default:
		break;
	}
	return (struct json *)j;
}

static struct json *coerce(struct arena *a, const struct shape *s, const struct json *j, int depth)
{
	ASSERT(s != NULL && j != NULL && depth >= 0);
	if (depth > COERCE_DEPTH_MAX || s->type == SHAPE_DOCUMENT)
		return (struct json *)j;
	if (j->type == JSON_ARRAY && s->type == SHAPE_LIST) {
		struct json *out = json_new_array(a);
		for (uint32_t i = 0; i < j->n; i++)
			json_push(a, out, coerce(a, item_shape(s), &j->items[i], depth + 1));
		return out;
	}
	if (j->type == JSON_OBJECT && (s->type == SHAPE_MAP || s->type == SHAPE_STRUCT || s->type == SHAPE_UNION)) {
		struct json *out = json_new_object(a);
		for (uint32_t i = 0; i < j->n; i++) {
			const struct member *m = s->type == SHAPE_MAP ? shape_item(s) : shape_member(s, j->members[i].key);
			const struct json *v = &j->members[i].value;
			/* the names come from an object: looking for each among those before would be the square of a template's size */
			json_add(a, out, j->members[i].key, m != NULL ? coerce(a, member_shape(m), v, depth + 1) : v);
		}
		return out;
	}
	return scalar(a, s, j);
}

struct json *typed_coerce(struct arena *a, const struct shape *s, const struct json *j)
{
	ASSERT(s != NULL && j != NULL);
	return coerce(a, s, j, 0);
}
