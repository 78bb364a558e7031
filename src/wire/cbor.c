/* Typed values to and from CBOR: rpcv2Cbor on the wire, and records in the store.
 *
 * Members go by the model's names, in its order; absent ones are left out; unknown ones are passed over. Timestamps
 * are tag 1 (whole seconds as integers, else doubles), blobs byte strings, documents their JSON text as a byte string under
 * tag 262, so that numbers of any length survive. Strings decoded are views into the bytes.
 * Source: Smithy RPC v2 CBOR; RFC 8949; IANA's CBOR tags.
 *
 * What always holds: what a record holds can be read again, whatever it is (a client's CBOR is held to the model
 * instead); memory grows with the bytes that came, not with the counts in them. */
#include "base/cbor.h"
#include "wire/codec.h"

#include <math.h>

enum { TAG_EPOCH = 1, TAG_JSON = 262 };

struct cin {
	struct cbor_reader r;
	struct arena *a;
	struct wire_error *err; /* NULL: reading a record */
	int depth;
};

static bool value_in(struct cin *c, const struct shape *s, struct cbor_item item, void *v);

static bool bad(struct cin *c, const char *what)
{
	if (c->err != NULL)
		wire_fail(c->err, "SerializationException", 400, str_c(what));
	return false;
}

static bool is_null(struct cbor_item i) { return i.type == CBOR_NULL || i.type == CBOR_UNDEFINED; }

/* Step to the next element of an array or map: *more false at its end. */
static bool step(struct cin *c, struct cbor_item head, uint64_t *at, struct cbor_item *next, bool *more)
{
	*more = false;
	if (!head.indefinite && *at == head.u)
		return true;
	*next = cbor_next(&c->r);
	if (next->type == CBOR_BREAK && head.indefinite)
		return true;
	if (next->type == CBOR_ERROR || next->type == CBOR_END || next->type == CBOR_BREAK)
		return bad(c, "The CBOR is malformed");
	++*at;
	*more = true;
	return true;
}

static bool structure_in(struct cin *c, const struct shape *s, struct cbor_item head, void *v)
{
	struct cbor_item k;
	uint64_t at = 0;
	uint16_t hint = 0;
	ASSERT(shape_is_struct(s) && v != NULL);
	if (head.type != CBOR_MAP)
		return bad(c, "Expected a map for a structure");
	for (bool more;;) {
		if (!step(c, head, &at, &k, &more))
			return false;
		if (!more)
			return true;
		if (k.type != CBOR_TEXT)
			return bad(c, "Map keys must be text");
		const struct member *m = hint < s->n_members ? shape_member_at(s, hint) : NULL;
		if (m == NULL || !str_eq(str_c(member_name(m)), k.s))
			m = shape_member(s, k.s);
		else
			hint++;
		struct cbor_item item = cbor_next(&c->r);
		if (is_null(item))
			continue;
		if (m == NULL || m->streaming) {
			if (!cbor_skip(&c->r, item))
				return bad(c, "The CBOR is malformed");
		} else if (!value_in(c, member_shape(m), item, member_put(c->a, m, v))) {
			return false;
		}
	}
}

static bool list_in(struct cin *c, const struct shape *s, struct cbor_item head, struct list *l)
{
	ASSERT(s->type == SHAPE_LIST);
	struct cbor_item item;
	uint64_t at = 0;
	uint32_t cap = 0;
	size_t size = value_size(item_shape(s));
	if (head.type != CBOR_ARRAY)
		return bad(c, "Expected an array for a list");
	*l = (struct list){.set = true};
	for (bool more;;) {
		if (!step(c, head, &at, &item, &more))
			return false;
		if (!more)
			return true;
		if (c->err != NULL && list_too_large(c->a, l->n, cap)) /* a record was bounded when it was written */
			return bad(c, "The request has too many elements");
		void *v = list_push(c->a, l, &cap, size);
		if (is_null(item) ? c->err != NULL : !value_in(c, item_shape(s), item, v))
			return is_null(item) ? bad(c, "Null element found in a list") : false;
	}
}

/* A record keeps a string that is not UTF-8 as bytes (text_out), so that what was written can always be read. */
static bool is_text(const struct cin *c, struct cbor_item i) { return i.type == CBOR_TEXT || (c->err == NULL && i.type == CBOR_BYTES); }

static bool map_in(struct cin *c, const struct shape *s, struct cbor_item head, struct map_of *m)
{
	ASSERT(s->type == SHAPE_MAP);
	struct cbor_item k;
	uint64_t at = 0;
	uint32_t cap = 0;
	if (head.type != CBOR_MAP)
		return bad(c, "Expected a map");
	*m = (struct map_of){.set = true};
	for (bool more;;) {
		if (!step(c, head, &at, &k, &more))
			return false;
		if (!more)
			return true;
		if (!is_text(c, k))
			return bad(c, "Map keys must be text");
		struct cbor_item item = cbor_next(&c->r);
		if (c->err != NULL && list_too_large(c->a, m->n, cap))
			return bad(c, "The request has too many elements");
		void *v = map_push(c->a, s, m, &cap, k.s.p != NULL ? k.s : S(""));
		if (is_null(item) ? c->err != NULL : !value_in(c, item_shape(s), item, v))
			return is_null(item) ? bad(c, "Null value found in a map") : false;
	}
}

static bool integer_in(struct cin *c, const struct shape *s, struct cbor_item i, struct opt_i64 *out)
{
	ASSERT(s->type == SHAPE_INT);
	if (i.type == CBOR_FLOAT && i.f == floor(i.f) && fabs(i.f) < 9223372036854775808.0)
		out->v = (int64_t)i.f;
	else if (i.type == CBOR_UINT && i.u <= INT64_MAX)
		out->v = (int64_t)i.u;
	else if (i.type == CBOR_NINT && i.u <= INT64_MAX)
		out->v = -1 - (int64_t)i.u;
	else
		return bad(c, "Expected an integer");
	out->set = true;
	return c->err == NULL || int_in_range(s, out->v) || bad(c, "Integer out of range"); /* what was kept is given back */
}

/* Whole numbers may come as integers: encoders choose the shortest form. */
static bool float_in(struct cin *c, struct cbor_item i, double *out)
{
	if (i.type == CBOR_FLOAT)
		*out = i.f;
	else if (i.type == CBOR_UINT)
		*out = (double)i.u;
	else if (i.type == CBOR_NINT)
		*out = -1.0 - (double)i.u;
	else
		return bad(c, "Expected a number");
	return true;
}

static bool time_in(struct cin *c, struct cbor_item i, struct opt_time *out)
{
	double d;
	if (i.type == CBOR_TAG && i.u == TAG_EPOCH)
		i = cbor_next(&c->r);
	if (!float_in(c, i, &d))
		return false;
	if (!(fabs(d) < (double)WIRE_TIME_MAX / 1000.0))
		return bad(c, "Timestamp out of range");
	*out = SOME_TIME((int64_t)llround(d * 1000.0));
	return true;
}

static bool document_in(struct cin *c, struct cbor_item i, struct json **out)
{
	if (i.type == CBOR_TAG && i.u == TAG_JSON)
		i = cbor_next(&c->r);
	if (i.type != CBOR_BYTES)
		return bad(c, "Expected a document");
	*out = json_parse(c->a, i.s, NULL);
	return *out != NULL || bad(c, "Malformed document");
}

static bool string_in(struct cin *c, struct cbor_item i, enum cbor_type wanted, struct str *out)
{
	if (wanted == CBOR_TEXT ? !is_text(c, i) : i.type != wanted)
		return bad(c, wanted == CBOR_TEXT ? "Expected a string" : "Expected a byte string");
	*out = i.s.p != NULL ? i.s : S("");
	return true;
}

/* The depth counts typed values; what is skipped is bounded by the reader. */
static bool nested_in(struct cin *c, const struct shape *s, struct cbor_item item, void *v)
{
	ASSERT(c->depth >= 0 && c->depth <= WIRE_DEPTH_MAX);
	if (++c->depth > WIRE_DEPTH_MAX)
		return bad(c, "The request is nested too deeply");
	bool ok = s->type == SHAPE_LIST  ? list_in(c, s, item, v)
	          : s->type == SHAPE_MAP ? map_in(c, s, item, v)
	                                 : structure_in(c, s, item, v);
	c->depth--;
	return ok;
}

static bool value_in(struct cin *c, const struct shape *s, struct cbor_item item, void *v)
{
	if (item.type == CBOR_ERROR || item.type == CBOR_END)
		return bad(c, "The CBOR is malformed");
	switch (s->type) {
	case SHAPE_STRUCT:
	case SHAPE_UNION:
	case SHAPE_LIST:
	case SHAPE_MAP: return nested_in(c, s, item, v);
	case SHAPE_STRING:
	case SHAPE_BIG: return string_in(c, item, CBOR_TEXT, v);
	case SHAPE_BLOB: return string_in(c, item, CBOR_BYTES, v);
	case SHAPE_BOOL:
		if (item.type != CBOR_TRUE && item.type != CBOR_FALSE)
			return bad(c, "Expected a boolean");
		*(struct opt_bool *)v = SOME_BOOL(item.type == CBOR_TRUE);
		return true;
	case SHAPE_INT: return integer_in(c, s, item, v);
	case SHAPE_FLOAT:
		((struct opt_f64 *)v)->set = true;
		return float_in(c, item, &((struct opt_f64 *)v)->v);
	case SHAPE_TIME: return time_in(c, item, v);
	case SHAPE_DOCUMENT: return document_in(c, item, v);
	}
	return false;
}

bool cbor_decode(struct arena *a, const struct shape *s, struct str bytes, void *v, struct wire_error *err)
{
	struct cin c = {.r = cbor_reader_of(a, bytes), .a = a, .err = err};
	ASSERT(v != NULL);
	if (!value_in(&c, s, cbor_next(&c.r), v))
		return false;
	return cbor_next(&c.r).type == CBOR_END || bad(&c, "Bytes after the CBOR's end");
}

static void time_out(struct buf *b, int64_t ms)
{
	ASSERT(b != NULL);
	cbor_tag(b, TAG_EPOCH);
	if (ms % 1000 == 0)
		cbor_int(b, ms / 1000);
	else
		cbor_f64(b, (double)ms / 1000.0);
}

/* CBOR's text must be UTF-8, and a reader refuses all of a record in which it is not. Handlers see to it that strings are;
 * should one slip through, the record must not be lost for it. */
static void text_out(struct buf *b, struct str s)
{
	if (LIKELY(utf8_valid(s)))
		cbor_text(b, s);
	else
		cbor_bytes(b, s);
}

static void list_out(struct buf *b, const struct shape *s, const struct list *l)
{
	size_t size = value_size(item_shape(s));
	ASSERT(l->n == 0 || l->v != NULL);
	cbor_array(b, l->n);
	for (uint32_t i = 0; i < l->n; i++)
		cbor_encode(b, item_shape(s), list_at(l, size, i));
}

static void map_out(struct buf *b, const struct shape *s, const struct map_of *m)
{
	ASSERT(m->n == 0 || m->v != NULL);
	cbor_map(b, m->n);
	for (uint32_t i = 0; i < m->n; i++) {
		text_out(b, map_key_at(s, m, i));
		cbor_encode(b, item_shape(s), map_value_at(s, m, i));
	}
}

static void document_out(struct buf *b, const struct json *j)
{
	ASSERT(j != NULL);
	struct buf text;
	buf_init(&text, NULL, 0);
	json_write(&text, j);
	cbor_tag(b, TAG_JSON);
	cbor_bytes(b, buf_view(&text));
	buf_free(&text);
}

uint32_t cbor_count_members(const struct shape *s, const void *v)
{
	uint32_t n = 0;
	ASSERT(shape_is_struct(s));
	for (uint16_t i = 0; i < s->n_members; i++)
		n += !shape_members(s)[i].streaming && member_get(&shape_members(s)[i], v) != NULL;
	return n;
}

void cbor_encode_members(struct buf *b, const struct shape *s, const void *v)
{
	ASSERT(shape_is_struct(s) && v != NULL);
	for (uint16_t i = 0; i < s->n_members; i++) {
		const struct member *m = shape_member_at(s, i);
		const void *field = m->streaming ? NULL : member_get(m, v);
		if (field == NULL)
			continue;
		cbor_text(b, str_c(member_name(m)));
		cbor_encode(b, member_shape(m), field);
	}
}

void cbor_encode(struct buf *b, const struct shape *s, const void *v)
{
	if (!value_present(s, v)) {
		cbor_null(b);
		return;
	}
	switch (s->type) {
	case SHAPE_STRUCT:
	case SHAPE_UNION:
		cbor_map(b, cbor_count_members(s, v));
		cbor_encode_members(b, s, v);
		break;
	case SHAPE_LIST: list_out(b, s, v); break;
	case SHAPE_MAP: map_out(b, s, v); break;
	case SHAPE_STRING:
	case SHAPE_BIG: text_out(b, *(const struct str *)v); break;
	case SHAPE_BLOB: cbor_bytes(b, *(const struct str *)v); break;
	case SHAPE_BOOL: cbor_bool(b, ((const struct opt_bool *)v)->v); break;
	case SHAPE_INT: cbor_int(b, ((const struct opt_i64 *)v)->v); break;
	case SHAPE_FLOAT: cbor_f64(b, ((const struct opt_f64 *)v)->v); break;
	case SHAPE_TIME: time_out(b, ((const struct opt_time *)v)->ms); break;
	case SHAPE_DOCUMENT: document_out(b, *(struct json *const *)v); break;
	}
}
