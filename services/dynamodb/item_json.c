/* Attribute values from and to AWS JSON, with DynamoDB's checks and its sentences: see value.h.
 *
 * Two kinds of mistakes: JSON of the wrong type (SerializationException), found while reading; and values that
 * DynamoDB does not take (ValidationException). */
#include "value.h"

#include "base/enc.h"

#include <stdlib.h>

static bool read_value(const struct json *j, int depth, struct av *out, struct fault *f);

/* What the coral reader says of a JSON value where a string was expected. */
static bool not_a(const struct json *j, const char *what, struct fault *f)
{
	switch (j->type) {
	case JSON_FALSE:
		return fault_serialization(f, "FALSE_VALUE cannot be converted to %s", what);
	case JSON_TRUE:
		return fault_serialization(f, "TRUE_VALUE cannot be converted to %s", what);
	case JSON_NUMBER:
		if (str_find(j->text, '.') >= 0)
			return fault_serialization(f, "DECIMAL_VALUE cannot be converted to %s", what);
		return fault_serialization(f, "NUMBER_VALUE cannot be converted to %s", what);
	case JSON_ARRAY:
		return fault_serialization(f, "Unrecognized collection type class java.%s.%s", strcmp(what, "ByteBuffer") == 0 ? "nio" : "lang", what);
	case JSON_OBJECT:
		return fault_serialization(f, "Start of structure or map found where not expected");
	case JSON_STRING:
		return fault_serialization(f, "STRING_VALUE cannot be converted to %s", what);
	case JSON_NULL:
		break;
	}
	return fault_serialization(f, "NULL_VALUE cannot be converted to %s", what);
}

static bool read_string(const struct json *j, struct av *out, struct fault *f)
{
	if (j->type != JSON_STRING)
		return not_a(j, "String", f);
	out->type = AV_S;
	out->s = j->text;
	return true;
}

static bool read_number(const struct json *j, struct av *out, struct fault *f)
{
	if (j->type != JSON_STRING)
		return not_a(j, "String", f);
	struct number n;
	enum number_fault nf = number_parse(j->text, &n);
	if (nf != NUMBER_OK)
		return fault(f, "%.*s", STR_ARG(number_message(f->arena, nf, j->text)));
	*out = av_number(f->arena, &n);
	return true;
}

static bool read_binary(const struct json *j, struct av *out, struct fault *f)
{
	if (j->type == JSON_OBJECT || j->type == JSON_ARRAY)
		return not_a(j, "ByteBuffer", f);
	if (j->type != JSON_STRING)
		return fault_serialization(f, "only base-64-encoded strings are convertible to bytes");
	if (j->text.n % 4 != 0)
		return fault_serialization(f, "Base64 encoded length is expected a multiple of 4 bytes but found: %zu", j->text.n);
	out->type = AV_B;
	out->s = base64_decode_exact(f->arena, j->text);
	if (!str_present(out->s))
		return fault_serialization(f, "Invalid last non-pad Base64 character dectected");
	return true;
}

static bool read_bool(const struct json *j, bool *out, struct fault *f)
{
	if (j->type == JSON_TRUE || j->type == JSON_FALSE) {
		*out = j->type == JSON_TRUE;
		return true;
	}
	if (j->type != JSON_STRING)
		return not_a(j, "Boolean", f);
	/* The service takes these texts too. */
	*out = str_eq_nocase(j->text, S("true")) || str_eq(j->text, S("1")) || str_eq_nocase(j->text, S("yes"));
	if (*out || str_eq_nocase(j->text, S("false")) || str_eq(j->text, S("0")) || str_eq_nocase(j->text, S("no")))
		return true;
	return fault_serialization(f, "Unexpected token received from parser");
}

/* "[a, b, a]": how the service shows a collection. */
static struct str show_set(struct arena *a, const struct json *j)
{
	ASSERT(j->type == JSON_ARRAY);
	struct buf b;
	buf_init(&b, a, 0);
	buf_putc(&b, '[');
	for (uint32_t i = 0; i < j->n; i++) {
		if (i > 0)
			buf_lit(&b, ", ");
		buf_str(&b, json_str(&j->items[i]));
	}
	buf_putc(&b, ']');
	return buf_view(&b);
}

static bool duplicates(enum av_type type, const struct json *j, struct fault *f)
{
	if (type == AV_NS)
		return fault(f, "Input collection contains duplicates");
	return fault(f, "One or more parameter values were invalid: Input collection %.*s%s contains duplicates.",
	             STR_ARG(show_set(f->arena, j)), type == AV_BS ? "of type BS" : "");
}

static bool read_set(const struct json *j, enum av_type type, struct av *out, struct fault *f)
{
	ASSERT(av_is_set(type));
	if (j->type == JSON_OBJECT)
		return fault_serialization(f, "Start of structure or map found where not expected");
	if (j->type != JSON_ARRAY)
		return fault_serialization(f, "Unexpected field type");
	if (j->n == 0 && type == AV_BS)
		return fault(f, "One or more parameter values were invalid: Binary sets should not be empty");
	const char *what = type == AV_SS ? "string" : type == AV_NS ? "number" : "binary";
	if (j->n == 0)
		return fault(f, "One or more parameter values were invalid: An %s set  may not be empty", what);
	*out = (struct av){.type = (uint8_t)type, .n = j->n, .items = arena_array(f->arena, struct av, j->n)};
	for (uint32_t i = 0; i < j->n; i++) {
		const struct json *e = &j->items[i];
		if (e->type == JSON_NULL)
			return fault(f, "One or more parameter values were invalid: An %s set may not have a null %s as a member", what, what);
		bool ok = type == AV_SS ? read_string(e, &out->items[i], f) :
		          type == AV_NS ? read_number(e, &out->items[i], f) : read_binary(e, &out->items[i], f);
		if (!ok)
			return false;
	}
	return av_sort_set(out) || duplicates(type, j, f);
}

static bool read_list(const struct json *j, int depth, struct av *out, struct fault *f)
{
	if (j->type == JSON_OBJECT)
		return fault_serialization(f, "Start of structure or map found where not expected");
	if (j->type != JSON_ARRAY)
		return fault_serialization(f, "Unexpected field type");
	*out = (struct av){.type = AV_L, .n = j->n, .items = arena_array(f->arena, struct av, j->n)};
	for (uint32_t i = 0; i < j->n; i++)
		if (!read_value(&j->items[i], depth, &out->items[i], f))
			return false;
	return true;
}

static int cmp_members(const void *x, const void *y)
{
	const struct av_member *a = x, *b = y;
	int c = str_cmp(a->name, b->name);
	/* Equal names keep the order of the text: their values' addresses are not moved yet, type is the position. */
	return c != 0 ? c : a->value.n < b->value.n ? -1 : a->value.n > b->value.n;
}

/* Members in order of name; of two with one name the last counts. */
static bool in_order(const struct json *j)
{
	ASSERT(j->type == JSON_OBJECT);
	for (uint32_t i = 1; i < j->n; i++)
		if (str_cmp(j->members[i - 1].key, j->members[i].key) >= 0)
			return false;
	return true;
}

static bool read_map(const struct json *j, int depth, struct av *out, struct fault *f)
{
	if (j->type == JSON_ARRAY)
		return fault_serialization(f, "Unrecognized collection type java.util.Map<java.lang.String, "
		                              "com.amazonaws.dynamodb.v20120810.AttributeValue>");
	if (j->type != JSON_OBJECT)
		return fault_serialization(f, "Unexpected field type");
	*out = (struct av){.type = AV_M, .n = j->n, .members = arena_array(f->arena, struct av_member, j->n)};
	bool ordered = in_order(j);
	for (uint32_t i = 0; i < j->n; i++) {
		if (j->members[i].key.n > NAME_SIZE_MAX)
			return fault_long_name(f);
		out->members[i].name = j->members[i].key;
		out->members[i].value.n = i;
		if (ordered && !read_value(&j->members[i].value, depth, &out->members[i].value, f))
			return false;
	}
	if (ordered)
		return true;
	qsort(out->members, out->n, sizeof *out->members, cmp_members);
	uint32_t kept = 0;
	for (uint32_t i = 0; i < j->n; i++) {
		uint32_t position = out->members[i].value.n;
		if (kept > 0 && str_eq(out->members[kept - 1].name, out->members[i].name))
			kept--;
		out->members[kept].name = out->members[i].name;
		if (!read_value(&j->members[position].value, depth, &out->members[kept].value, f))
			return false;
		kept++;
	}
	out->n = kept;
	return true;
}

static bool read_typed(enum av_type type, const struct json *j, int depth, struct av *out, struct fault *f)
{
	bool truth;
	switch (type) {
	case AV_S:
		return read_string(j, out, f);
	case AV_N:
		return read_number(j, out, f);
	case AV_B:
		return read_binary(j, out, f);
	case AV_BOOL:
		out->type = AV_BOOL;
		return read_bool(j, &out->truth, f);
	case AV_NULL:
		if (!read_bool(j, &truth, f))
			return false;
		if (!truth)
			return fault(f, "One or more parameter values were invalid: "
			                "Null attribute value types must have the value of true");
		out->type = AV_NULL;
		return true;
	case AV_SS: case AV_NS: case AV_BS:
		return read_set(j, type, out, f);
	case AV_L:
		return read_list(j, depth + 1, out, f);
	case AV_M:
		return read_map(j, depth + 1, out, f);
	case AV_NONE:
		break;
	}
	ASSERT(type == AV_NONE);
	return false;
}

static bool read_value(const struct json *j, int depth, struct av *out, struct fault *f)
{
	*out = (struct av){0};
	if (depth > ITEM_DEPTH_MAX)
		return fault(f, "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels "
		                "beyond supported limit");
	if (j->type == JSON_ARRAY)
		return fault_serialization(f, "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.AttributeValue");
	if (j->type != JSON_OBJECT && j->type != JSON_NULL)
		return fault_serialization(f, "Unexpected value type in payload");
	bool two = false;
	for (uint32_t i = 0; j->type == JSON_OBJECT && i < j->n; i++) {
		enum av_type type = av_type_of_name(j->members[i].key);
		if (type == AV_NONE || j->members[i].value.type == JSON_NULL)
			continue; /* unknown members are passed over, as everywhere in AWS JSON */
		two = two || out->type != AV_NONE;
		if (!read_typed(type, &j->members[i].value, depth, out, f))
			return false;
	}
	if (two)
		return fault(f, "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the "
		                "supported datatypes");
	if (out->type == AV_NONE)
		return fault(f, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
	return true;
}

bool av_from_json(const struct json *j, struct av *out, struct fault *f)
{
	return read_value(j, 0, out, f);
}

bool item_from_json(const struct json *j, struct av *out, struct fault *f)
{
	*out = (struct av){.type = AV_M};
	if (j == NULL || j->type == JSON_NULL)
		return true;
	return read_map(j, 0, out, f);
}

static void write_string(struct buf *b, const struct av *v)
{
	ASSERT(v->type >= AV_S && v->type <= AV_B);
	if (v->type == AV_S) {
		json_write_str(b, v->s);
		return;
	}
	buf_putc(b, '"');
	if (v->type == AV_B)
		base64_write(b, v->s);
	else
		buf_str(b, v->s);
	buf_putc(b, '"');
}

static void write_array(struct buf *b, const struct av *v)
{
	ASSERT(v->type == AV_L || av_is_set(v->type));
	buf_putc(b, '[');
	for (uint32_t i = 0; i < v->n; i++) {
		if (i > 0)
			buf_putc(b, ',');
		if (v->type == AV_L)
			av_write_json(b, &v->items[i]);
		else
			write_string(b, &v->items[i]);
	}
	buf_putc(b, ']');
}

void av_write_json(struct buf *b, const struct av *v)
{
	ASSERT(v->type != AV_NONE);
	buf_lit(b, "{\"");
	buf_str(b, str_c(av_type_name(v->type)));
	buf_lit(b, "\":");
	if (v->type <= AV_B)
		write_string(b, v);
	else if (v->type == AV_BOOL)
		buf_str(b, v->truth ? S("true") : S("false"));
	else if (v->type == AV_NULL)
		buf_lit(b, "true");
	else if (v->type == AV_M)
		item_write_json(b, v);
	else
		write_array(b, v);
	buf_putc(b, '}');
}

void item_write_json(struct buf *b, const struct av *item)
{
	ASSERT(item->type == AV_M);
	buf_putc(b, '{');
	for (uint32_t i = 0; i < item->n; i++) {
		if (i > 0)
			buf_putc(b, ',');
		json_write_str(b, item->members[i].name);
		buf_putc(b, ':');
		av_write_json(b, &item->members[i].value);
	}
	buf_putc(b, '}');
}

static struct json *value_tree(struct arena *a, const struct av *v)
{
	switch ((enum av_type)v->type) {
	case AV_S: case AV_N:
		return json_new_str(a, v->s);
	case AV_B:
		return json_new_str(a, base64_encode(a, v->s));
	case AV_BOOL:
		return json_new_bool(a, v->truth);
	case AV_NULL:
		return json_new_bool(a, true);
	case AV_M:
		return item_to_json(a, v);
	case AV_SS: case AV_NS: case AV_BS: case AV_L:
		break;
	case AV_NONE:
		ASSERT(v->type != AV_NONE);
	}
	struct json *array = json_new_array(a);
	for (uint32_t i = 0; i < v->n; i++)
		json_push(a, array, v->type == AV_L ? av_to_json(a, &v->items[i]) : value_tree(a, &v->items[i]));
	return array;
}

struct json *av_to_json(struct arena *a, const struct av *v)
{
	struct json *o = json_new_object(a);
	json_set(a, o, str_c(av_type_name(v->type)), value_tree(a, v));
	return o;
}

struct json *item_to_json(struct arena *a, const struct av *item)
{
	ASSERT(item->type == AV_M);
	struct json *o = json_new_object(a);
	for (uint32_t i = 0; i < item->n; i++)
		json_set(a, o, item->members[i].name, av_to_json(a, &item->members[i].value));
	return o;
}
