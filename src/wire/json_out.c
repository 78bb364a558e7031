/* Typed values into JSON text: members in the model's order, absent ones left out.
 *
 * Timestamps are epoch seconds unless the model says otherwise, blobs base64, documents as they are.
 *
 * What always holds: exactly one JSON value is written for a value; text came in as UTF-8 and goes out so. */
#include "wire/codec.h"

static void value(struct buf *b, struct arena *a, const struct shape *s, const struct member *m, const void *v, bool rest);

static void structure(struct buf *b, struct arena *a, const struct shape *s, const void *v, bool rest, bool top)
{
	char comma = '{';
	ASSERT(shape_is_struct(s) && v != NULL);
	for (uint16_t i = 0; i < s->n_members; i++) {
		const struct member *m = shape_member_at(s, i);
		if (m->streaming || (top && rest && (!in_answer_body(m) || m->payload)))
			continue;
		const void *field = member_get(m, v);
		if (field == NULL)
			continue;
		buf_putc(b, comma);
		buf_putc(b, '"');
		buf_str(b, str_c(rest ? member_wire_name(m) : member_name(m)));
		buf_lit(b, "\":");
		value(b, a, member_shape(m), m, field, rest);
		comma = ',';
	}
	if (comma == '{')
		buf_putc(b, '{');
	buf_putc(b, '}');
}

static void list(struct buf *b, struct arena *a, const struct shape *s, const struct list *l, bool rest)
{
	size_t size = value_size(item_shape(s));
	ASSERT(s->type == SHAPE_LIST && (l->n == 0 || l->v != NULL));
	buf_putc(b, '[');
	for (uint32_t i = 0; i < l->n; i++) {
		const void *v = list_at(l, size, i);
		if (i > 0)
			buf_putc(b, ',');
		if (value_present(item_shape(s), v))
			value(b, a, item_shape(s), shape_item(s), v, rest);
		else
			buf_lit(b, "null");
	}
	buf_putc(b, ']');
}

static void map(struct buf *b, struct arena *a, const struct shape *s, const struct map_of *m, bool rest)
{
	ASSERT(s->type == SHAPE_MAP && (m->n == 0 || m->v != NULL));
	buf_putc(b, '{');
	for (uint32_t i = 0; i < m->n; i++) {
		const void *v = map_value_at(s, m, i);
		if (i > 0)
			buf_putc(b, ',');
		json_write_str(b, map_key_at(s, m, i));
		buf_putc(b, ':');
		if (value_present(item_shape(s), v))
			value(b, a, item_shape(s), shape_item(s), v, rest);
		else
			buf_lit(b, "null");
	}
	buf_putc(b, '}');
}

/* Integers never go through a double. */
static void number(struct buf *b, const struct shape *s, const void *v)
{
	struct jw w;
	jw_init(&w, b);
	ASSERT(value_present(s, v));
	if (s->type == SHAPE_INT)
		buf_i64(b, ((const struct opt_i64 *)v)->v);
	else
		jw_f64(&w, ((const struct opt_f64 *)v)->v);
}

static void timestamp(struct buf *b, struct arena *a, const struct shape *s, const struct member *m, const void *v)
{
	ASSERT(s->type == SHAPE_TIME);
	int fmt = member_time_format(m, TIME_EPOCH);
	struct str text = scalar_to_text(a, s, fmt, v);
	if (fmt == TIME_EPOCH)
		buf_str(b, text);
	else
		json_write_str(b, text);
}

/* m: the member that it is of; NULL: the document itself. */
static void value(struct buf *b, struct arena *a, const struct shape *s, const struct member *m, const void *v, bool rest)
{
	switch (s->type) {
	case SHAPE_STRUCT:
	case SHAPE_UNION: structure(b, a, s, v, rest, false); break;
	case SHAPE_LIST: list(b, a, s, v, rest); break;
	case SHAPE_MAP: map(b, a, s, v, rest); break;
	case SHAPE_STRING: json_write_str(b, *(const struct str *)v); break;
	case SHAPE_BLOB:
		buf_putc(b, '"');
		base64_write(b, *(const struct str *)v);
		buf_putc(b, '"');
		break;
	case SHAPE_BIG: buf_str(b, *(const struct str *)v); break;
	case SHAPE_BOOL:
		if (((const struct opt_bool *)v)->v)
			buf_lit(b, "true");
		else
			buf_lit(b, "false");
		break;
	case SHAPE_INT:
	case SHAPE_FLOAT: number(b, s, v); break;
	case SHAPE_TIME: timestamp(b, a, s, m, v); break;
	case SHAPE_DOCUMENT: json_write(b, *(struct json *const *)v); break;
	}
}

void json_encode(struct buf *b, struct arena *a, const struct shape *s, const void *v, bool rest)
{
	ASSERT(b != NULL && s != NULL && v != NULL);
	if (shape_is_struct(s)) {
		structure(b, a, s, v, rest, rest);
		return;
	}
	value(b, a, s, NULL, v, rest);
}
