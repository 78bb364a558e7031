/* The item codec: how items lie in the store.
 *
 *   item   = 0x01 map            (the byte is the format's version)
 *   map    = count, then for each member in order of name: length name value
 *   value  = tag, then  S, N, B: length bytes    BOOL: 0 or 1    NULL: nothing
 *                       SS, NS, BS: count, then length bytes for each      L: count, then values      M: map
 * Counts and lengths are LEB128. Tags are enum av_type. Numbers are canonical text, so that the way out is a copy.
 * Members and sets are sorted, so equal items have equal bytes. Sources of trust: the decoder takes any bytes
 * (it is fuzzed) and bounds its depth and every length. */
#include "value.h"

#include "base/enc.h"
#include "base/json.h"
#include "base/json_plain.h"

enum { VERSION = 1, SEALED = 2, VECTOR = 3, DEPTH_MAX = ITEM_DEPTH_MAX + 2 };

static void put_varint(struct buf *b, uint64_t v)
{
	while (v >= 0x80) {
		buf_putc(b, (char)(v | 0x80));
		v >>= 7;
	}
	buf_putc(b, (char)v);
}

static void put_str(struct buf *b, struct str s)
{
	put_varint(b, s.n);
	buf_str(b, s);
}

static void put_map(struct buf *b, const struct av *m);

static void put_value(struct buf *b, const struct av *v)
{
	buf_putc(b, (char)v->type);
	switch ((enum av_type)v->type) {
	case AV_S: case AV_N: case AV_B:
		put_str(b, v->s);
		return;
	case AV_BOOL:
		buf_putc(b, v->truth);
		return;
	case AV_NULL:
		return;
	case AV_SS: case AV_NS: case AV_BS:
		put_varint(b, v->n);
		for (uint32_t i = 0; i < v->n; i++)
			put_str(b, v->items[i].s);
		return;
	case AV_L:
		put_varint(b, v->n);
		for (uint32_t i = 0; i < v->n; i++)
			put_value(b, &v->items[i]);
		return;
	case AV_M:
		put_map(b, v);
		return;
	case AV_NONE:
		break;
	}
	ASSERT(v->type != AV_NONE);
}

static void put_map(struct buf *b, const struct av *m)
{
	put_varint(b, m->n);
	for (uint32_t i = 0; i < m->n; i++) {
		ASSERT(i == 0 || str_cmp(m->members[i - 1].name, m->members[i].name) < 0);
		put_str(b, m->members[i].name);
		put_value(b, &m->members[i].value);
	}
}

void item_encode(struct buf *b, const struct av *item)
{
	ASSERT(item->type == AV_M);
	buf_putc(b, VERSION);
	put_map(b, item);
}

struct reader {
	const unsigned char *p, *end;
	struct arena *arena;
};

static bool take_long_varint(struct reader *r, uint64_t *v)
{
	*v = 0;
	for (int shift = 0; shift < 35 && r->p < r->end; shift += 7) {
		unsigned char c = *r->p++;
		*v |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80)
			return true;
	}
	return false;
}

/* Most are one byte. */
static inline bool take_varint(struct reader *r, uint64_t *v)
{
	if (UNLIKELY(r->p == r->end || *r->p >= 0x80))
		return take_long_varint(r, v);
	*v = *r->p++;
	return true;
}

static inline bool take_str(struct reader *r, struct str *s)
{
	uint64_t n;
	if (!take_varint(r, &n) || n > (uint64_t)(r->end - r->p))
		return false;
	*s = str_of((const char *)r->p, (size_t)n);
	r->p += n;
	return true;
}

/* A count of things that take at least one byte each. */
static bool take_count(struct reader *r, uint32_t *n)
{
	uint64_t v;
	if (!take_varint(r, &v) || v > (uint64_t)(r->end - r->p))
		return false;
	*n = (uint32_t)v;
	return true;
}

static bool take_map(struct reader *r, int depth, struct av *out);

static bool take_value(struct reader *r, int depth, struct av *out)
{
	if (r->p == r->end || depth > DEPTH_MAX)
		return false;
	*out = (struct av){.type = *r->p++};
	switch (out->type) {
	case AV_S: case AV_N: case AV_B:
		return take_str(r, &out->s);
	case AV_BOOL:
		if (r->p == r->end)
			return false;
		out->truth = *r->p++ != 0;
		return true;
	case AV_NULL:
		return true;
	case AV_SS: case AV_NS: case AV_BS:
		if (!take_count(r, &out->n))
			return false;
		out->items = arena_array(r->arena, struct av, out->n);
		for (uint32_t i = 0; i < out->n; i++) {
			out->items[i].type = (uint8_t)av_element_type(out->type);
			if (!take_str(r, &out->items[i].s))
				return false;
		}
		return true;
	case AV_L:
		if (!take_count(r, &out->n))
			return false;
		out->items = arena_array(r->arena, struct av, out->n);
		for (uint32_t i = 0; i < out->n; i++)
			if (!take_value(r, depth + 1, &out->items[i]))
				return false;
		return true;
	case AV_M:
		return take_map(r, depth + 1, out);
	default:
		return false;
	}
}

static bool take_map(struct reader *r, int depth, struct av *out)
{
	ASSERT(r->arena != NULL && depth >= 0);
	*out = (struct av){.type = AV_M};
	if (!take_count(r, &out->n))
		return false;
	out->members = arena_array(r->arena, struct av_member, out->n);
	for (uint32_t i = 0; i < out->n; i++) {
		struct av_member *m = &out->members[i];
		if (!take_str(r, &m->name) || (i > 0 && str_cmp(m[-1].name, m->name) >= 0) || !take_value(r, depth, &m->value))
			return false;
	}
	return true;
}

bool item_decode(struct arena *a, struct str bytes, struct av *out)
{
	struct reader r = {(const unsigned char *)bytes.p, (const unsigned char *)bytes.p + bytes.n, a};
	if (bytes.n == 0 || *r.p++ != VERSION)
		return false;
	return take_map(&r, 0, out) && r.p == r.end;
}

/* ---- to AWS JSON, without a tree; the item's size on the way ----
 *
 * An answer may have a hundred items, a thousand names and values: `at` and `end` are the buffer's end and the end of
 * its room, kept here because a length in memory that is read and written for each piece is what would take the time. */

struct emitter {
	struct reader r;
	struct buf *b;
	char *at, *end;
	size_t size;
};

static void attach(struct emitter *e)
{
	e->at = e->b->p + e->b->n;
	e->end = e->b->p + e->b->cap;
}

static void detach(struct emitter *e)
{
	e->b->n = (size_t)(e->at - e->b->p);
	ASSERT(e->b->n <= e->b->cap);
}

/* false: the buffer is at its limit. */
static bool room_slow(struct emitter *e, size_t n)
{
	detach(e);
	bool ok = buf_reserve(e->b, n);
	attach(e);
	return ok;
}

static inline bool room(struct emitter *e, size_t n)
{
	return LIKELY(n <= (size_t)(e->end - e->at)) || room_slow(e, n);
}

static inline void emit_byte(struct emitter *e, char c)
{
	ASSERT(e->at < e->end);
	*e->at++ = c;
}

static void emit_word(struct emitter *e, struct str s)
{
	ASSERT(e->end - e->at >= (ptrdiff_t)s.n);
	copy_bytes(e->at, s.p, s.n);
	e->at += s.n;
	e->size++;
}

/* A string, and the byte that follows it: ":" after a name, "}" after a value, "," after an element. */
static bool emit_text(struct emitter *e, struct str s, char after)
{
	char *at = e->at + 1;
	ASSERT(after != '\0' && e->end - e->at >= (ptrdiff_t)s.n + 3);
	if (LIKELY(json_copy_plain(at, s))) {
		at[-1] = '"';
		at[s.n] = '"';
		at[s.n + 1] = after;
		e->at = at + s.n + 2;
		return true;
	}
	detach(e);
	json_write_str(e->b, s);
	attach(e);
	if (e->b->overflow || !room(e, 1))
		return false;
	*e->at++ = after;
	return true;
}

static bool emit_map(struct emitter *e, int depth, uint32_t *members);

/* A scalar of text, or an element of a set, and the byte behind it. */
static inline bool emit_string(struct emitter *e, enum av_type type, char after)
{
	ASSERT(type >= AV_S && type <= AV_B);
	struct str s;
	if (!take_str(&e->r, &s) || !room(e, (type == AV_B ? s.n + s.n / 2 + 4 : s.n) + 3))
		return false;
	if (type == AV_S) {
		e->size += s.n;
		return emit_text(e, s, after);
	}
	e->size += type == AV_N ? number_text_size(s) : s.n;
	*e->at++ = '"';
	if (type == AV_N) {
		copy_bytes(e->at, s.p, s.n);
		e->at += s.n;
	} else {
		detach(e);
		base64_write(e->b, s);
		attach(e);
	}
	if (!room(e, 2))
		return false;
	*e->at++ = '"';
	*e->at++ = after;
	return true;
}

static bool emit_value(struct emitter *e, int depth);

static bool emit_array(struct emitter *e, enum av_type type, int depth)
{
	uint32_t n;
	if (!take_count(&e->r, &n) || !room(e, 1))
		return false;
	e->size += type == AV_L ? 3 + (size_t)n : 0;
	emit_byte(e, '[');
	for (uint32_t i = 0; i < n; i++) {
		if (type != AV_L ? !emit_string(e, av_element_type(type), ',') : !emit_value(e, depth + 1) || !room(e, 1))
			return false;
		if (type == AV_L)
			emit_byte(e, ',');
	}
	if (!room(e, 2))
		return false;
	e->at -= n > 0; /* the last comma */
	emit_byte(e, ']');
	emit_byte(e, '}');
	return true;
}

/* A value behind its tag, to the "}" that ends it. */
static inline bool emit_typed(struct emitter *e, enum av_type type, int depth)
{
	uint32_t members;
	switch (type) {
	case AV_S: case AV_N: case AV_B:
		return emit_string(e, type, '}');
	case AV_BOOL:
		if (e->r.p == e->r.end)
			return false;
		emit_word(e, *e->r.p++ != 0 ? S("true}") : S("false}"));
		return true;
	case AV_NULL:
		emit_word(e, S("true}"));
		return true;
	case AV_SS: case AV_NS: case AV_BS: case AV_L:
		return emit_array(e, type, depth);
	case AV_M:
		if (!emit_map(e, depth + 1, &members) || !room(e, 1))
			return false;
		emit_byte(e, '}');
		e->size += 3 + (size_t)members;
		return true;
	default:
		return false;
	}
}

static inline bool emit_value(struct emitter *e, int depth)
{
	static const struct { char text[8]; size_t n; } opening[] = {
		[AV_S] = {"{\"S\":", 5}, [AV_N] = {"{\"N\":", 5}, [AV_B] = {"{\"B\":", 5}, [AV_BOOL] = {{'{', '"', 'B', 'O', 'O', 'L', '"', ':'}, 8},
		[AV_NULL] = {{'{', '"', 'N', 'U', 'L', 'L', '"', ':'}, 8}, [AV_SS] = {"{\"SS\":", 6}, [AV_NS] = {"{\"NS\":", 6},
		[AV_BS] = {"{\"BS\":", 6}, [AV_L] = {"{\"L\":", 5}, [AV_M] = {"{\"M\":", 5},
	};
	if (e->r.p == e->r.end || depth > DEPTH_MAX || *e->r.p == AV_NONE || *e->r.p > AV_M || !room(e, 16))
		return false;
	enum av_type type = (enum av_type)*e->r.p++;
	memcpy(e->at, opening[type].text, 8);
	e->at += opening[type].n;
	return emit_typed(e, type, depth);
}

static bool emit_map(struct emitter *e, int depth, uint32_t *members)
{
	if (!take_count(&e->r, members) || !room(e, 1))
		return false;
	emit_byte(e, '{');
	for (uint32_t i = 0; i < *members; i++) {
		struct str name;
		if (!take_str(&e->r, &name) || !room(e, name.n + 4))
			return false;
		e->size += name.n;
		if (i > 0)
			emit_byte(e, ',');
		if (!emit_text(e, name, ':') || !emit_value(e, depth))
			return false;
	}
	if (!room(e, 1))
		return false;
	emit_byte(e, '}');
	return true;
}

bool item_bytes_write_weighed(struct buf *b, struct str bytes, size_t *size)
{
	struct emitter e = {.r = {(const unsigned char *)bytes.p, (const unsigned char *)bytes.p + bytes.n, NULL}, .b = b};
	uint32_t members;
	*size = 0;
	if (bytes.n == 0 || !buf_reserve(b, bytes.n))
		return false;
	attach(&e);
	bool ok = *e.r.p++ == VERSION && emit_map(&e, 0, &members) && e.r.p == e.r.end;
	detach(&e);
	*size = e.size;
	return ok;
}

bool item_bytes_write_json(struct buf *b, struct str bytes)
{
	size_t size;
	return item_bytes_write_weighed(b, bytes, &size);
}

/* ---- sizes without a tree ---- */

static bool weigh_map(struct reader *r, int depth, size_t *sum, uint32_t *members);

static bool weigh_string(struct reader *r, enum av_type type, size_t *sum)
{
	ASSERT(type >= AV_S && type <= AV_B);
	struct str s;
	if (!take_str(r, &s))
		return false;
	*sum += type == AV_N ? number_text_size(s) : s.n;
	return true;
}

static bool weigh_value(struct reader *r, int depth, size_t *sum)
{
	if (r->p == r->end || depth > DEPTH_MAX)
		return false;
	enum av_type type = (enum av_type)*r->p++;
	uint32_t n = 0;
	switch (type) {
	case AV_S: case AV_N: case AV_B:
		return weigh_string(r, type, sum);
	case AV_BOOL:
		r->p++;
		*sum += 1;
		return r->p <= r->end;
	case AV_NULL:
		*sum += 1;
		return true;
	case AV_M:
		*sum += 3;
		if (!weigh_map(r, depth + 1, sum, &n))
			return false;
		*sum += n;
		return true;
	default:
		break;
	}
	if (type > AV_M || type == AV_NONE || !take_count(r, &n))
		return false;
	*sum += type == AV_L ? 3 + (size_t)n : 0;
	for (uint32_t i = 0; i < n; i++)
		if (type == AV_L ? !weigh_value(r, depth + 1, sum) : !weigh_string(r, av_element_type(type), sum))
			return false;
	return true;
}

static bool weigh_map(struct reader *r, int depth, size_t *sum, uint32_t *members)
{
	if (!take_count(r, members))
		return false;
	for (uint32_t i = 0; i < *members; i++) {
		struct str name;
		if (!take_str(r, &name))
			return false;
		*sum += name.n;
		if (!weigh_value(r, depth, sum))
			return false;
	}
	return true;
}

bool item_bytes_size(struct str bytes, size_t *size)
{
	uint32_t told;
	if (bytes.n > 1 + sizeof told && (bytes.p[0] == SEALED || bytes.p[0] == VECTOR)) { /* they say it in front (seal.h, vector.c) */
		memcpy(&told, bytes.p + 1, sizeof told);
		*size = told;
		return true;
	}
	struct reader r = {(const unsigned char *)bytes.p, (const unsigned char *)bytes.p + bytes.n, NULL};
	uint32_t members;
	*size = 0;
	return bytes.n > 0 && *r.p++ == VERSION && weigh_map(&r, 0, size, &members);
}
