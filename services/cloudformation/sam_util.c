/* Small trees, hashes and tests that every part of the SAM transform uses. sam.h says what each does. */
#include "sam.h"

#include "base/enc.h"

#include <stdlib.h>
#include "intrinsics.h"

void *sam_fail_at(struct sam *s, struct str id, const char *fmt, ...)
{
	va_list ap;
	if (s->failed)
		return NULL;
	s->failed = true;
	s->n_errors++;
	va_start(ap, fmt);
	struct str message = arena_vprintf(s->a, fmt, ap);
	va_end(ap);
	if (str_present(id))
		buf_printf(&s->errors, " Resource with id [%.*s] is invalid.", STR_ARG(id));
	buf_printf(&s->errors, " %.*s", STR_ARG(message));
	return NULL;
}

void *sam_fail(struct sam *s, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str message = arena_vprintf(s->a, fmt, ap);
	va_end(ap);
	return sam_fail_at(s, s->id, "%.*s", STR_ARG(message));
}

struct json *sam_set(struct sam *s, struct json *object, struct str key, const struct json *value)
{
	return json_set(s->a, object, key, value != NULL ? value : json_new_null(s->a));
}

struct json *sam_push(struct sam *s, struct json *array, const struct json *value)
{
	return json_push(s->a, array, value != NULL ? value : json_new_null(s->a));
}

struct json *sam_lit(struct sam *s, const char *json)
{
	struct json *j = json_parse(s->a, str_c(json), NULL);
	ASSERT(j != NULL);
	return j;
}

struct json *sam_text(struct sam *s, struct str text) { return json_new_str(s->a, text); }

struct json *sam_one(struct sam *s, const char *key, const struct json *value)
{
	struct json *o = json_new_object(s->a);
	sam_set(s, o, str_c(key), value);
	return o;
}

struct json *sam_list(struct sam *s, const struct json *only)
{
	struct json *list = json_new_array(s->a);
	sam_push(s, list, only);
	return list;
}

struct json *sam_ref(struct sam *s, struct str id) { return sam_one(s, "Ref", sam_text(s, id)); }

struct json *sam_get_att(struct sam *s, struct str id, const char *attribute)
{
	struct json *pair = sam_list(s, sam_text(s, id));
	sam_push(s, pair, sam_text(s, str_c(attribute)));
	return sam_one(s, "Fn::GetAtt", pair);
}

struct json *sam_sub(struct sam *s, struct str text, struct json *variables)
{
	if (variables == NULL)
		return sam_one(s, "Fn::Sub", sam_text(s, text));
	struct json *pair = sam_list(s, sam_text(s, text));
	sam_push(s, pair, variables);
	return sam_one(s, "Fn::Sub", pair);
}

struct json *sam_if(struct sam *s, struct str condition, const struct json *value)
{
	struct json *three = sam_list(s, sam_text(s, condition));
	sam_push(s, three, value);
	sam_push(s, three, sam_ref(s, S("AWS::NoValue")));
	return sam_one(s, "Fn::If", three);
}

bool sam_truthy(const struct json *j)
{
	double v;
	if (j == NULL)
		return false;
	switch (j->type) {
	case JSON_NULL: case JSON_FALSE: return false;
	case JSON_TRUE: return true;
	case JSON_NUMBER: return !json_to_f64(j, &v) || v != 0;
	case JSON_STRING: return j->text.n > 0;
	default: return j->n > 0;
	}
}

bool sam_is_intrinsic(const struct json *j)
{
	if (!json_is(j, JSON_OBJECT) || j->n != 1)
		return false;
	struct str key = j->members[0].key;
	return str_eq(key, S("Ref")) || str_eq(key, S("Condition")) || str_starts(key, S("Fn::"));
}

bool sam_is_function(const struct json *j, const char *name)
{
	return json_is(j, JSON_OBJECT) && j->n == 1 && str_eq(j->members[0].key, str_c(name));
}

bool sam_is_no_value(const struct json *j)
{
	return sam_is_function(j, "Ref") && str_eq(json_str(&j->members[0].value), S("AWS::NoValue"));
}

struct json *sam_property(struct sam *s, const char *name)
{
	struct json *v = json_get(s->properties, str_c(name));
	return json_is(v, JSON_NULL) ? NULL : v;
}

struct json *sam_ensure(struct sam *s, struct json *object, struct str key, enum json_type type)
{
	struct json *v = json_get(object, key);
	ASSERT(type == JSON_OBJECT || type == JSON_ARRAY);
	if (v != NULL && v->type == type)
		return v;
	return sam_set(s, object, key, type == JSON_OBJECT ? json_new_object(s->a) : json_new_array(s->a));
}

void sam_put(struct sam *s, struct json *object, const char *key, const struct json *value)
{
	if (value != NULL && value->type != JSON_NULL)
		sam_set(s, object, str_c(key), value);
}

bool sam_contains(const struct json *array, const struct json *value)
{
	for (uint32_t i = 0; json_is(array, JSON_ARRAY) && i < array->n; i++)
		if (json_equal(&array->items[i], value))
			return true;
	return false;
}

struct str sam_hash(struct sam *s, struct str text, size_t length)
{
	struct sha1 h = sha1(text);
	return str_slice(hex_encode(s->a, str_of((const char *)h.b, sizeof(h.b))), 0, length);
}

/* The translator writes its JSON in ASCII: what is not becomes \uXXXX before it is hashed. */
static struct str ascii(struct sam *s, struct str text)
{
	struct buf b;
	buf_init(&b, s->a, 0);
	for (size_t i = 0; i < text.n; i++) {
		unsigned c = (unsigned char)text.p[i];
		if (c < 0x80) {
			buf_putc(&b, text.p[i]);
			continue;
		}
		unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
		uint32_t point = c & (0x3fu >> more);
		for (; more > 0 && i + 1 < text.n; more--)
			point = point << 6 | ((unsigned char)text.p[++i] & 0x3fu);
		if (point >= 0x10000)
			buf_printf(&b, "\\u%04x\\u%04x", 0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff));
		else
			buf_printf(&b, "\\u%04x", point);
	}
	return buf_view(&b);
}

struct str sam_hash_json(struct sam *s, const struct json *j, size_t length)
{
	return sam_hash(s, ascii(s, json_text_sorted(s->a, j)), length);
}

struct json *sam_tags(struct sam *s, const struct json *tags, bool sam_tag)
{
	struct json *list = json_new_array(s->a);
	if (sam_tag)
		sam_push(s, list, sam_lit(s, "{\"Key\":\"lambda:createdBy\",\"Value\":\"SAM\"}"));
	for (uint32_t i = 0; json_is(tags, JSON_OBJECT) && i < tags->n; i++) {
		struct json *tag = sam_one(s, "Key", sam_text(s, tags->members[i].key));
		sam_set(s, tag, S("Value"), tags->members[i].value.type == JSON_NULL ? sam_text(s, S("")) : &tags->members[i].value);
		sam_push(s, list, tag);
	}
	return list;
}

bool sam_alphanumeric(struct str t)
{
	for (size_t i = 0; i < t.n; i++) {
		char c = t.p[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
			return false;
	}
	return t.n > 0;
}

static struct str resolve_sub(struct sam *s, struct str text)
{
	struct str before, name;
	struct buf b;
	buf_init(&b, s->a, 0);
	while (intrinsics_sub_next(&text, &before, &name)) {
		struct str value = intrinsics_scalar(json_get(s->parameters, name));
		buf_str(&b, before);
		buf_str(&b, str_present(value) ? value : arena_join(s->a, S("${"), name, S("}")));
	}
	buf_str(&b, text);
	return buf_view(&b);
}

struct json *sam_resolve(struct sam *s, const struct json *j)
{
	if (j == NULL)
		return NULL;
	if (sam_is_function(j, "Ref")) {
		struct json *v = json_get(s->parameters, json_str(&j->members[0].value));
		return json_copy(s->a, v != NULL ? v : j);
	}
	struct json *copy = json_copy(s->a, j);
	if (copy->type == JSON_ARRAY)
		for (uint32_t i = 0; i < copy->n; i++)
			copy->items[i] = *sam_resolve(s, &j->items[i]);
	if (copy->type != JSON_OBJECT)
		return copy;
	for (uint32_t i = 0; i < copy->n; i++)
		copy->members[i].value = *sam_resolve(s, &j->members[i].value);
	if (sam_is_function(copy, "Fn::Sub")) {
		struct json *arg = &copy->members[0].value;
		if (arg->type == JSON_ARRAY && arg->n > 0)
			arg = &arg->items[0];
		if (arg->type == JSON_STRING)
			arg->text = resolve_sub(s, arg->text);
	}
	return copy;
}

struct json *sam_s3_location(struct sam *s, const struct json *uri, const char *property, const char *bucket, const char *key, const char *version)
{
	struct json *out = json_new_object(s->a);
	if (json_is(uri, JSON_OBJECT)) {
		if (!sam_truthy(json_get(uri, S("Bucket"))) || !sam_truthy(json_get(uri, S("Key"))))
			return sam_fail(s, "'%s' requires Bucket and Key properties to be specified.", property);
		sam_put(s, out, bucket, json_get(uri, S("Bucket")));
		sam_put(s, out, key, json_get(uri, S("Key")));
		sam_put(s, out, version, json_get(uri, S("Version")));
		return out;
	}
	if (!json_is(uri, JSON_STRING))
		return sam_fail(s, "'%s' must be of type dict or string.", property);
	struct str rest = uri->text;
	struct str host = STR_NONE;
	if (str_starts(rest, S("s3://"))) {
		rest = str_slice(rest, 5, rest.n);
		host = str_cut(&rest, '/');
	}
	if (str_empty(host) || !str_present(rest) )
		return sam_fail(s, "'%s' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query parameter.", property);
	struct str path = str_cut(&rest, '?');
	while (path.n > 0 && path.p[0] == '/')
		path = str_slice(path, 1, path.n);
	sam_set(s, out, str_c(bucket), sam_text(s, host));
	sam_set(s, out, str_c(key), sam_text(s, path));
	struct params query;
	if (str_present(rest) && params_parse(s->a, rest, 16, &query)) {
		struct str v = params_get(&query, S("versionId"));
		if (v.n > 0)
			sam_set(s, out, str_c(version), sam_text(s, v));
	}
	return out;
}

struct made *sam_make(struct sam *s, struct str id, const char *type, const struct json *attributes)
{
	struct made *m = arena_new_of(s->a, struct made);
	ASSERT(id.n > 0);
	*m = (struct made){.id = id, .type = type, .properties = json_new_object(s->a)};
	m->attributes = attributes != NULL ? json_copy(s->a, attributes) : json_new_object(s->a);
	*s->made_end = m;
	s->made_end = &m->next;
	return m;
}

void sam_depends(struct sam *s, struct made *m, struct str id)
{
	if (m->depends_on == NULL)
		m->depends_on = json_new_array(s->a);
	sam_push(s, m->depends_on, sam_text(s, id));
}

static int by_text(const void *x, const void *y)
{
	const struct json *l = x, *r = y;
	return str_cmp(l->text, r->text);
}

void sam_combine_conditions(struct sam *s, struct json *names, struct str name)
{
	struct json *conditions = sam_ensure(s, s->in, S("Conditions"), JSON_OBJECT);
	uint32_t at = 0;
	unsigned more = (unsigned)((names->n - 2) / 9);
	ASSERT(names->n >= 2);
	qsort(names->items, names->n, sizeof(*names->items), by_text);
	while (names->n - at > 1) {
		struct str new_name = more > 0 ? arena_printf(s->a, "%.*s%u", STR_ARG(name), more) : name;
		struct json *list = json_new_array(s->a);
		for (uint32_t k = 0; k < 10 && at < names->n; k++, at++)
			sam_push(s, list, sam_one(s, "Condition", &names->items[at]));
		sam_push(s, names, sam_text(s, new_name));
		sam_set(s, conditions, new_name, sam_one(s, "Fn::Or", list));
		if (more > 0)
			more--;
	}
}
