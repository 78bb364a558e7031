/* Typed values to and from JSON trees and CBOR bytes, and deep copies: for invoke, records, tests, CloudFormation.
 *
 * Names are the model's own. Timestamps are epoch seconds, blobs base64; a streaming body is a raw string in a tree
 * (bodies held in memory only). Trees come from our own code or from templates, so they are checked like input.
 *
 * What always holds: a value made here owns nothing but arena memory; depth is bounded on the way in, so that it
 * is on the way out. */
#include "base/cbor.h"
#include "base/time.h"
#include "wire/codec.h"

#include <math.h>

static void tree_of(struct arena *a, const struct shape *s, const void *v, struct json *out);

/* In the model's order, which is the one people know from the documentation. */
static void tree_of_struct(struct arena *a, const struct shape *s, const void *v, struct json *out)
{
	ASSERT(shape_is_struct(s) && v != NULL);
	*out = *json_new_object(a);
	for (uint16_t i = 0; i < s->n_members; i++) {
		const struct member *m = shape_member_at(s, i);
		struct json j = {0};
		if (m->streaming) {
			const struct body *body = member_stream_get(m, v);
			if (body != NULL && body->blob[0] == '\0' && body->parts == NULL) /* others: svc/body.h */
				json_add(a, out, str_c(member_name(m)), json_new_str(a, body->bytes.p != NULL ? body->bytes : S("")));
			continue;
		}
		const void *field = member_get(m, v);
		if (field == NULL)
			continue;
		tree_of(a, member_shape(m), field, &j);
		json_add(a, out, str_c(member_name(m)), &j);
	}
}

static void tree_of_list(struct arena *a, const struct shape *s, const struct list *l, struct json *out)
{
	ASSERT(s->type == SHAPE_LIST && (l->n == 0 || l->v != NULL));
	*out = *json_new_array(a);
	for (uint32_t i = 0; i < l->n; i++) {
		struct json j = {.type = JSON_NULL};
		const void *v = list_at(l, value_size(item_shape(s)), i);
		if (value_present(item_shape(s), v))
			tree_of(a, item_shape(s), v, &j);
		json_push(a, out, &j);
	}
}

static void tree_of_map(struct arena *a, const struct shape *s, const struct map_of *m, struct json *out)
{
	ASSERT(s->type == SHAPE_MAP && (m->n == 0 || m->v != NULL));
	*out = *json_new_object(a);
	for (uint32_t i = 0; i < m->n; i++) {
		struct json j = {.type = JSON_NULL};
		const void *v = map_value_at(s, m, i);
		if (value_present(item_shape(s), v))
			tree_of(a, item_shape(s), v, &j);
		json_add(a, out, map_key_at(s, m, i), &j);
	}
}

static void tree_of(struct arena *a, const struct shape *s, const void *v, struct json *out)
{
	switch (s->type) {
	case SHAPE_STRUCT:
	case SHAPE_UNION: tree_of_struct(a, s, v, out); break;
	case SHAPE_LIST: tree_of_list(a, s, v, out); break;
	case SHAPE_MAP: tree_of_map(a, s, v, out); break;
	case SHAPE_STRING: *out = *json_new_str(a, *(const struct str *)v); break;
	case SHAPE_BLOB: *out = *json_new_str(a, base64_encode(a, *(const struct str *)v)); break;
	case SHAPE_BIG: *out = *json_new_number(a, *(const struct str *)v); break;
	case SHAPE_BOOL: *out = *json_new_bool(a, ((const struct opt_bool *)v)->v); break;
	case SHAPE_INT: *out = *json_new_i64(a, ((const struct opt_i64 *)v)->v); break;
	case SHAPE_FLOAT: {
		double d = ((const struct opt_f64 *)v)->v;
		*out = isfinite(d) ? *json_new_number(a, f64_text(a, d, 64)) : *json_new_str(a, f64_text(a, d, 64));
		break;
	}
	case SHAPE_TIME: *out = *json_new_number(a, epoch_text(a, ((const struct opt_time *)v)->ms)); break;
	case SHAPE_DOCUMENT: *out = **(struct json *const *)v; break;
	}
}

struct json *typed_to_json(struct arena *a, const struct shape *s, const void *v)
{
	struct json *j = json_new_null(a);
	ASSERT(v != NULL);
	tree_of(a, s, v, j);
	return j;
}

struct tin {
	struct arena *a;
	struct str *err;
	bool strict;
	int depth;
};

static bool from_tree(struct tin *t, const struct shape *s, const struct json *j, void *v);

static bool bad(struct tin *t, const struct shape *s, const char *wanted)
{
	if (t->err != NULL)
		*t->err = arena_printf(t->a, "%s: expected %s", shape_name(s), wanted);
	return false;
}

/* A null is an absent member, as from any client. */
static bool struct_from(struct tin *t, const struct shape *s, const struct json *j, void *v)
{
	ASSERT(shape_is_struct(s) && v != NULL);
	if (!json_is(j, JSON_OBJECT))
		return bad(t, s, "an object");
	for (uint32_t i = 0; i < j->n; i++) {
		const struct json_member *jm = &j->members[i];
		const struct member *m = shape_member(s, jm->key);
		if (jm->value.type == JSON_NULL)
			continue;
		if (m == NULL) {
			if (!t->strict)
				continue;
			if (t->err != NULL)
				*t->err = arena_printf(t->a, "%s: unknown member %.*s", shape_name(s), STR_ARG(jm->key));
			return false;
		}
		if (m->streaming) {
			if (jm->value.type != JSON_STRING)
				return bad(t, member_shape(m), "a string");
			struct body *body = arena_new_of(t->a, struct body);
			body->bytes = jm->value.text;
			body->length = (int64_t)body->bytes.n;
			*member_stream(m, v) = body;
		} else if (!from_tree(t, member_shape(m), &jm->value, member_put(t->a, m, v))) {
			return false;
		}
	}
	return true;
}

static bool list_from(struct tin *t, const struct shape *s, const struct json *j, struct list *l)
{
	size_t size = value_size(item_shape(s));
	ASSERT(s->type == SHAPE_LIST && size > 0);
	if (!json_is(j, JSON_ARRAY))
		return bad(t, s, "an array");
	*l = (struct list){arena_alloc_array(t->a, size, j->n), j->n, true};
	for (uint32_t i = 0; i < j->n; i++)
		if (j->items[i].type != JSON_NULL && !from_tree(t, item_shape(s), &j->items[i], (char *)l->v + i * size))
			return false;
	return true;
}

static bool map_from(struct tin *t, const struct shape *s, const struct json *j, struct map_of *m)
{
	ASSERT(s->type == SHAPE_MAP);
	uint32_t cap = 0;
	if (!json_is(j, JSON_OBJECT))
		return bad(t, s, "an object");
	*m = (struct map_of){.set = true};
	for (uint32_t i = 0; i < j->n; i++) {
		struct str key = j->members[i].key;
		void *v = map_push(t->a, s, m, &cap, key.p != NULL ? key : S(""));
		if (j->members[i].value.type != JSON_NULL && !from_tree(t, item_shape(s), &j->members[i].value, v))
			return false;
	}
	return true;
}

/* Numbers of any length stay text: nothing here has to calculate with them. */
static bool string_from(struct tin *t, const struct shape *s, const struct json *j, struct str *out)
{
	ASSERT(s->type == SHAPE_STRING || s->type == SHAPE_BLOB || s->type == SHAPE_BIG);
	if (s->type == SHAPE_BIG) {
		*out = j->text;
		return j->type == JSON_NUMBER || bad(t, s, "a number");
	}
	if (j->type != JSON_STRING)
		return bad(t, s, "a string");
	*out = s->type == SHAPE_BLOB ? base64_decode(t->a, j->text) : j->text.p != NULL ? j->text : S("");
	return out->p != NULL || bad(t, s, "base64");
}

static bool number_from(struct tin *t, const struct shape *s, const struct json *j, void *v)
{
	struct opt_i64 *i = v;
	struct opt_f64 *f = v;
	double d;
	if (s->type == SHAPE_INT) {
		i->set = true;
		return (json_to_i64(j, &i->v) && int_in_range(s, i->v)) || bad(t, s, "a whole number in its range");
	}
	if (s->type == SHAPE_FLOAT) {
		f->set = true;
		return (j->type == JSON_NUMBER && json_to_f64(j, &f->v)) ||
		       (j->type == JSON_STRING && f64_from_text(j->text, &f->v)) || bad(t, s, "a number");
	}
	ASSERT(s->type == SHAPE_TIME);
	struct opt_time *time = v;
	time->set = true;
	if (j->type == JSON_STRING)
		return (time_parse_any(j->text, &time->ms) && time_in_range(time->ms)) || bad(t, s, "a timestamp");
	if (j->type != JSON_NUMBER || !json_to_f64(j, &d) || !(fabs(d) < 1e13))
		return bad(t, s, "a timestamp");
	time->ms = (int64_t)llround(d * 1000.0);
	return true;
}

static bool from_tree(struct tin *t, const struct shape *s, const struct json *j, void *v)
{
	bool ok = true, b = false;
	if (++t->depth > WIRE_DEPTH_MAX)
		return bad(t, s, "less nesting");
	switch (s->type) {
	case SHAPE_STRUCT:
	case SHAPE_UNION: ok = struct_from(t, s, j, v); break;
	case SHAPE_LIST: ok = list_from(t, s, j, v); break;
	case SHAPE_MAP: ok = map_from(t, s, j, v); break;
	case SHAPE_STRING:
	case SHAPE_BLOB:
	case SHAPE_BIG: ok = string_from(t, s, j, v); break;
	case SHAPE_BOOL:
		ok = json_to_bool(j, &b) || bad(t, s, "true or false");
		*(struct opt_bool *)v = SOME_BOOL(b);
		break;
	case SHAPE_INT:
	case SHAPE_FLOAT:
	case SHAPE_TIME: ok = number_from(t, s, j, v); break;
	case SHAPE_DOCUMENT: *(struct json **)v = json_copy(t->a, j); break;
	}
	t->depth--;
	ASSERT(t->depth >= 0);
	return ok;
}

void *typed_from_json(struct arena *a, const struct shape *s, const struct json *j, bool strict, struct str *err)
{
	struct tin t = {.a = a, .err = err, .strict = strict};
	ASSERT(j != NULL);
	void *v = arena_alloc(a, value_size(s));
	return from_tree(&t, s, j, v) ? v : NULL;
}

struct str typed_to_cbor(struct arena *a, const struct shape *s, const void *v)
{
	struct buf b;
	ASSERT(v != NULL);
	buf_init(&b, a, 0);
	cbor_encode(&b, s, v);
	return buf_view(&b);
}

void *typed_from_cbor(struct arena *a, const struct shape *s, struct str cbor)
{
	ASSERT(cbor.n == 0 || cbor.p != NULL);
	void *v = arena_alloc(a, value_size(s));
	return cbor_decode(a, s, cbor, v, NULL) ? v : NULL;
}

static void copy_value(struct arena *a, const struct shape *s, const void *from, void *to);

/* Trailers are the request's, not the value's: a copy that outlives it has none. */
static void copy_struct(struct arena *a, const struct shape *s, const char *from, char *to)
{
	ASSERT(shape_is_struct(s) && from != NULL && to != NULL);
	for (uint16_t i = 0; i < s->n_members; i++) {
		const struct member *m = &shape_members(s)[i];
		if (m->streaming) {
			const struct body *body = member_stream_get(m, from);
			if (body == NULL)
				continue;
			struct body *copy = arena_new_of(a, struct body);
			*copy = *body;
			copy->bytes = arena_dup(a, body->bytes);
			copy->trailers = NULL;
			copy->n_trailers = 0;
			struct str *digests[] = {&copy->md5, &copy->sha256, &copy->sha1, &copy->crc32, &copy->crc32c, &copy->crc64nvme, &copy->sha512,
				&copy->xxhash64, &copy->xxhash3, &copy->xxhash128};
			for (size_t k = 0; k < COUNT_OF(digests); k++)
				*digests[k] = arena_dup(a, *digests[k]);
			*member_stream(m, to) = copy;
			continue;
		}
		const void *field = member_get(m, from);
		if (field != NULL)
			copy_value(a, member_shape(m), field, member_put(a, m, to));
	}
}

static void copy_value(struct arena *a, const struct shape *s, const void *from, void *to)
{
	if (shape_is_struct(s)) {
		copy_struct(a, s, from, to);
	} else if (s->type == SHAPE_LIST) {
		const struct list *l = from;
		size_t size = value_size(item_shape(s));
		struct list copy = {arena_alloc_array(a, size, l->n), l->n, l->set};
		for (uint32_t i = 0; i < l->n; i++)
			copy_value(a, item_shape(s), list_at(l, size, i), (char *)copy.v + i * size);
		*(struct list *)to = copy;
	} else if (s->type == SHAPE_MAP) {
		const struct map_of *m = from;
		struct map_of copy = {.set = m->set};
		uint32_t cap = 0;
		for (uint32_t i = 0; i < m->n; i++)
			copy_value(a, item_shape(s), map_value_at(s, m, i),
			           map_push(a, s, &copy, &cap, arena_dup(a, map_key_at(s, m, i))));
		*(struct map_of *)to = copy;
	} else if (s->type == SHAPE_STRING || s->type == SHAPE_BLOB || s->type == SHAPE_BIG) {
		*(struct str *)to = arena_dup(a, *(const struct str *)from);
	} else if (s->type == SHAPE_DOCUMENT) {
		struct json *j = *(struct json *const *)from;
		*(struct json **)to = j != NULL ? json_copy(a, j) : NULL;
	} else {
		memcpy(to, from, value_size(s));
	}
}

void *typed_copy(struct arena *a, const struct shape *s, const void *v)
{
	ASSERT(v != NULL);
	void *copy = arena_alloc(a, value_size(s));
	copy_value(a, s, v, copy);
	return copy;
}
