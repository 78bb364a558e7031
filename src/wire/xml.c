/* Typed values to and from XML, for rest-xml bodies, query's and EC2's answers, and errors.
 *
 * Names are wire names. A flattened list or map has its elements beside its siblings. Unknown elements are passed over.
 * Source: Smithy's XML binding traits.
 *
 * What always holds: every element of a list and every value of a map is there; depth is bounded by the parser and
 * again here. */
#include "base/xml.h"
#include "wire/codec.h"

struct xin {
	struct arena *a;
	struct wire_error *err;
	int depth;
};

static bool value_in(struct xin *x, const struct member *m, const struct xml *e, void *v);

static bool malformed(struct xin *x)
{
	return wire_fail(x->err, "MalformedXML", 400,
	                 S("The XML you provided was not well-formed or did not validate against our published schema"));
}

/* Attributes of the element that are members. */
static bool attributes_in(struct xin *x, const struct shape *s, const struct xml *e, void *v)
{
	for (size_t i = 0; i < s->n_members; i++) {
		const struct member *m = &shape_members(s)[i];
		struct str text = m->xml_attribute ? xml_attr(e, str_c(member_wire_name(m))) : STR_NONE;
		if (text.p != NULL && !scalar_from_text(x->a, member_shape(m), member_time_format(m, TIME_ISO8601), text, member_put(x->a, m, v)))
			return malformed(x);
	}
	return true;
}

static bool list_item(struct xin *x, const struct shape *s, const struct xml *e, struct list *l, uint32_t *cap)
{
	ASSERT(s->type == SHAPE_LIST);
	if (list_too_large(x->a, l->n, *cap))
		return malformed(x);
	void *v = list_push(x->a, l, cap, value_size(item_shape(s)));
	if (!value_in(x, shape_item(s), e, v))
		return false;
	if (!value_present(item_shape(s), v))
		l->n--; /* an empty element of a list of numbers: handlers count on the elements being there */
	return true;
}

/* Key and value in any order, each under the name the model gives it. */
static bool map_entry(struct xin *x, const struct shape *s, const struct xml *e, struct map_of *m, uint32_t *cap)
{
	ASSERT(s->type == SHAPE_MAP);
	struct str key = xml_child_text(e, str_c(member_wire_name(shape_key(s))));
	const struct xml *v = xml_child(e, str_c(member_wire_name(shape_item(s))));
	if (key.p == NULL || v == NULL || list_too_large(x->a, m->n, *cap))
		return malformed(x);
	void *slot = map_push(x->a, s, m, cap, key);
	return value_in(x, shape_item(s), v, slot) && (value_present(item_shape(s), slot) || malformed(x));
}

/* All siblings from `e` on that belong to a flattened list or map. */
static bool flattened_in(struct xin *x, const struct member *m, const struct xml *e, void *v)
{
	ASSERT(m->flattened);
	struct str name = e->name;
	uint32_t cap = 0;
	if (value_present(member_shape(m), v))
		return true; /* gathered with its first element */
	for (; e != NULL; e = e->next) {
		if (!str_eq(e->name, name))
			continue;
		bool ok = member_shape(m)->type == SHAPE_LIST ? list_item(x, member_shape(m), e, v, &cap) : map_entry(x, member_shape(m), e, v, &cap);
		if (!ok)
			return false;
	}
	return true;
}

static bool structure_in(struct xin *x, const struct shape *s, const struct xml *e, bool rest, void *v)
{
	ASSERT(shape_is_struct(s) && v != NULL);
	if (e->attrs != NULL && !attributes_in(x, s, e, v))
		return false;
	for (const struct xml *c = e->children; c != NULL; c = c->next) {
		const struct member *m = shape_member_wire(s, c->name);
		if (m == NULL || m->streaming || m->xml_attribute || (rest && (m->location != LOC_BODY || m->payload)))
			continue;
		void *field = member_put(x->a, m, v);
		bool flat = m->flattened && (member_shape(m)->type == SHAPE_LIST || member_shape(m)->type == SHAPE_MAP);
		if (flat ? !flattened_in(x, m, c, field) : !value_in(x, m, c, field))
			return false;
	}
	return true;
}

static bool list_in(struct xin *x, const struct shape *s, const struct xml *e, struct list *l)
{
	uint32_t cap = 0;
	*l = (struct list){.set = true};
	for (const struct xml *c = e->children; c != NULL; c = c->next)
		if (str_eq(c->name, str_c(member_wire_name(shape_item(s)))) && !list_item(x, s, c, l, &cap))
			return false;
	return true;
}

static bool map_in(struct xin *x, const struct shape *s, const struct xml *e, struct map_of *m)
{
	uint32_t cap = 0;
	*m = (struct map_of){.set = true};
	for (const struct xml *c = e->children; c != NULL; c = c->next)
		if (str_eq(c->name, S("entry")) && !map_entry(x, s, c, m, &cap))
			return false;
	return true;
}

static bool scalar_in(struct xin *x, const struct member *m, const struct xml *e, void *v)
{
	ASSERT(!shape_is_struct(member_shape(m)));
	struct str text = e->text.p != NULL ? e->text : S("");
	if (member_shape(m)->type != SHAPE_STRING)
		text = str_trim(text);
	if (text.n == 0 && member_shape(m)->type != SHAPE_STRING && member_shape(m)->type != SHAPE_BLOB)
		return true; /* an empty element is an absent value */
	return scalar_from_text(x->a, member_shape(m), member_time_format(m, TIME_ISO8601), text, v) || malformed(x);
}

static bool value_in(struct xin *x, const struct member *m, const struct xml *e, void *v)
{
	bool ok = true;
	if (++x->depth > WIRE_DEPTH_MAX)
		return malformed(x);
	switch (member_shape(m)->type) {
	case SHAPE_STRUCT:
	case SHAPE_UNION: ok = structure_in(x, member_shape(m), e, false, v); break;
	case SHAPE_LIST: ok = list_in(x, member_shape(m), e, v); break;
	case SHAPE_MAP: ok = map_in(x, member_shape(m), e, v); break;
	case SHAPE_DOCUMENT: break; /* XML has no documents */
	default: ok = scalar_in(x, m, e, v); break;
	}
	x->depth--;
	return ok;
}

bool xml_decode(struct arena *a, const struct shape *s, const struct xml *e, bool rest, void *v, struct wire_error *err)
{
	struct xin x = {.a = a, .err = err};
	ASSERT(shape_is_struct(s) && e != NULL && v != NULL);
	return structure_in(&x, s, e, rest, v);
}

/* ---- out ---- */

static void attribute_out(struct buf *b, struct str name, struct str value)
{
	ASSERT(name.n > 0);
	buf_putc(b, ' ');
	buf_str(b, name);
	buf_lit(b, "=\"");
	xml_write_attr(b, value);
	buf_putc(b, '"');
}

void xml_encode_attributes(struct buf *b, struct arena *a, const struct shape *s, const void *v)
{
	for (size_t i = 0; i < s->n_members; i++) {
		const struct member *m = &shape_members(s)[i];
		const void *field = m->xml_attribute ? member_get(m, v) : NULL;
		if (field != NULL)
			attribute_out(b, str_c(member_wire_name(m)), scalar_to_text(a, member_shape(m), member_time_format(m, TIME_ISO8601), field));
	}
}

/* Attributes of a structure are read from the value before its children are written. */
static void open_element(struct buf *b, struct arena *a, const struct member *m, struct str name, const char *otherwise, const void *v)
{
	buf_putc(b, '<');
	buf_str(b, name);
	const struct member_rare *r = member_rare(m);
	const char *space = r != NULL ? member_rare_xml_namespace(r) : NULL, *prefix = r != NULL ? member_rare_xml_prefix(r) : NULL;
	if (space != NULL || otherwise != NULL)
		attribute_out(b, prefix != NULL ? arena_join(a, S("xmlns:"), str_c(prefix)) : S("xmlns"), str_c(space != NULL ? space : otherwise));
	if (shape_is_struct(member_shape(m)))
		xml_encode_attributes(b, a, member_shape(m), v);
	buf_putc(b, '>');
}

static void entry_out(struct buf *b, struct arena *a, const struct shape *s, const struct map_of *m, uint32_t i)
{
	ASSERT(i < m->n);
	struct str key = map_key_at(s, m, i);
	const void *v = map_value_at(s, m, i);
	xml_encode_value(b, a, shape_key(s), str_c(member_wire_name(shape_key(s))), &key);
	if (value_present(item_shape(s), v))
		xml_encode_value(b, a, shape_item(s), str_c(member_wire_name(shape_item(s))), v);
}

static void list_out(struct buf *b, struct arena *a, const struct shape *s, struct str name, const struct list *l)
{
	ASSERT(name.n > 0);
	for (uint32_t i = 0; i < l->n; i++) {
		const void *v = list_at(l, value_size(item_shape(s)), i);
		if (value_present(item_shape(s), v))
			xml_encode_value(b, a, shape_item(s), name, v);
	}
}

void xml_encode_value(struct buf *b, struct arena *a, const struct member *m, struct str name, const void *v)
{
	xml_encode_root(b, a, m, name, NULL, v);
}

void xml_encode_root(struct buf *b, struct arena *a, const struct member *m, struct str name, const char *xml_namespace, const void *v)
{
	const struct shape *s = member_shape(m);
	ASSERT(name.n > 0 && v != NULL);
	open_element(b, a, m, name, xml_namespace, v);
	switch (s->type) {
	case SHAPE_STRUCT:
	case SHAPE_UNION: xml_encode_members(b, a, s, v, false); break;
	case SHAPE_LIST: list_out(b, a, s, str_c(member_wire_name(shape_item(s))), v); break;
	case SHAPE_MAP: {
		const struct map_of *map = v;
		for (uint32_t i = 0; i < map->n; i++) {
			buf_lit(b, "<entry>");
			entry_out(b, a, s, map, i);
			buf_lit(b, "</entry>");
		}
		break;
	}
	case SHAPE_DOCUMENT: break;
	default: xml_write_text(b, scalar_to_text(a, s, member_time_format(m, TIME_ISO8601), v)); break;
	}
	xml_close(b, name);
}

static void flattened_out(struct buf *b, struct arena *a, const struct member *m, const void *v)
{
	ASSERT(m->flattened && (member_shape(m)->type == SHAPE_LIST || member_shape(m)->type == SHAPE_MAP));
	struct str name = str_c(member_wire_name(m));
	if (member_shape(m)->type == SHAPE_LIST) {
		list_out(b, a, member_shape(m), name, v);
		return;
	}
	const struct map_of *map = v;
	for (uint32_t i = 0; i < map->n; i++) {
		open_element(b, a, m, name, NULL, v);
		entry_out(b, a, member_shape(m), map, i);
		xml_close(b, name);
	}
}

void xml_encode_members(struct buf *b, struct arena *a, const struct shape *s, const void *v, bool rest)
{
	ASSERT(shape_is_struct(s) && v != NULL);
	for (uint16_t i = 0; i < s->n_members; i++) {
		const struct member *m = shape_member_at(s, i);
		if (m->streaming || m->xml_attribute || (rest && (!in_answer_body(m) || m->payload)))
			continue;
		const void *field = member_get(m, v);
		if (field == NULL)
			continue;
		if (m->flattened && (member_shape(m)->type == SHAPE_LIST || member_shape(m)->type == SHAPE_MAP))
			flattened_out(b, a, m, field);
		else
			xml_encode_value(b, a, m, str_c(member_wire_name(m)), field);
	}
}
