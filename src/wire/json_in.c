/* JSON text straight into typed values, without a tree between: the hot path of most requests.
 *
 * The text is checked to be UTF-8 once; after that strings without an escape are views into it, so the request's
 * body must outlive the input. Unknown members are passed over, nulls are absent, the last of two equal members wins
 * (two equal structures are one, the later's members before the earlier's).
 * Texts of errors are those of AWS's front ends ("NUMBER_VALUE cannot be converted to String").
 * Depth is bounded by WIRE_DEPTH_MAX for typed values and JSON_DEPTH_MAX for what is passed over.
 *
 * What always holds: p <= end; a value that was decoded fits its type; whatever fails leaves *err filled. */
#include "base/enc.h"
#include "base/time.h"
#include "wire/codec.h"

#include <math.h>

struct jin {
	const char *p, *end, *start;
	struct arena *a;
	struct wire_error *err;
	const struct model *model; /* NULL: unknown */
	bool rest;
	bool element; /* the value that is looked at is of a list or map, not of a structure */
	int depth;
};

static bool bad_text(struct jin *j)
{
	wire_fail(j->err, "SerializationException", 400,
	          arena_printf(j->a, "Could not parse request body into json: unexpected %s at offset %zu",
	                       j->p >= j->end ? "end of text" : "character", (size_t)(j->p - j->start)));
	return false;
}

static bool bad_type(struct jin *j, struct str message)
{
	wire_fail(j->err, "SerializationException", 400, message);
	return false;
}

static inline void space(struct jin *j)
{
	while (j->p < j->end && (*j->p == ' ' || *j->p == '\n' || *j->p == '\r' || *j->p == '\t'))
		j->p++;
}

/* The next byte after white space, 0 at the end. */
static inline char peek(struct jin *j)
{
	space(j);
	return j->p < j->end ? *j->p : '\0';
}

static bool hex4(struct jin *j, uint32_t *out)
{
	ASSERT(j->p <= j->end);
	if (j->end - j->p < 4)
		return false;
	uint32_t v = 0;
	for (int i = 0; i < 4; i++) {
		int d = hex_digit(*j->p++);
		if (d < 0)
			return false;
		v = v * 16 + (uint32_t)d;
	}
	*out = v;
	return true;
}

/* After "\u": one code point, of two escapes when it is a pair. A lone surrogate has no UTF-8: U+FFFD stands for it. */
static bool unicode_escape(struct jin *j, char **o)
{
	uint32_t c, low;
	if (!hex4(j, &c))
		return false;
	if (c >= 0xd800 && c < 0xdc00 && j->end - j->p >= 6 && j->p[0] == '\\' && j->p[1] == 'u') {
		const char *back = j->p;
		j->p += 2;
		if (!hex4(j, &low))
			return false;
		if (low >= 0xdc00 && low < 0xe000)
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		else
			j->p = back;
	}
	if (c >= 0xd800 && c < 0xe000)
		c = 0xfffd;
	*o = utf8_put(*o, c);
	return true;
}

/* At the opening quote, `len` bytes before the closing one, with escapes: unescape into the arena. */
static bool unescape(struct jin *j, const char *from, const char *close, struct str *out)
{
	static const char map[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
	char *text = arena_bytes(j->a, (size_t)(close - from) + 1), *o = text;
	j->p = from;
	while (j->p < close) {
		char c = *j->p++;
		if (c != '\\') {
			*o++ = c;
			continue;
		}
		c = *j->p++;
		if (c == 'u') {
			if (!unicode_escape(j, &o))
				return false;
			continue;
		}
		const char *m = map;
		while (*m != '\0' && *m != c)
			m += 2;
		if (*m == '\0')
			return false;
		*o++ = m[1];
	}
	ASSERT(o <= text + (close - from));
	j->p = close + 1;
	*out = str_of(text, (size_t)(o - text));
	return true;
}

static bool string(struct jin *j, struct str *out)
{
	ASSERT(*j->p == '"');
	const char *from = ++j->p, *p = from;
	bool escapes = false;
	for (;; p++) {
		if (p >= j->end || (unsigned char)*p < 0x20) {
			j->p = p;
			return bad_text(j);
		}
		if (*p == '"')
			break;
		if (*p == '\\') {
			escapes = true;
			if (++p >= j->end) {
				j->p = p;
				return bad_text(j);
			}
		}
	}
	if (escapes)
		return unescape(j, from, p, out) || bad_text(j);
	*out = str_of(from, (size_t)(p - from));
	j->p = p + 1;
	return true;
}

static bool digits(struct jin *j)
{
	const char *from = j->p;
	while (j->p < j->end && *j->p >= '0' && *j->p <= '9')
		j->p++;
	return j->p > from;
}

static bool number(struct jin *j, struct str *out)
{
	const char *from = j->p;
	ASSERT(j->p < j->end);
	if (*j->p == '-')
		j->p++;
	if (j->p < j->end && *j->p == '0')
		j->p++;
	else if (!digits(j))
		return bad_text(j);
	if (j->p < j->end && *j->p == '.') {
		j->p++;
		if (!digits(j))
			return bad_text(j);
	}
	if (j->p < j->end && (*j->p == 'e' || *j->p == 'E')) {
		j->p++;
		if (j->p < j->end && (*j->p == '+' || *j->p == '-'))
			j->p++;
		if (!digits(j))
			return bad_text(j);
	}
	*out = str_of(from, (size_t)(j->p - from));
	return true;
}

static bool word(struct jin *j, struct str w)
{
	if ((size_t)(j->end - j->p) < w.n || memcmp(j->p, w.p, w.n) != 0)
		return bad_text(j);
	j->p += w.n;
	return true;
}

/* Pass over one scalar. */
static bool skip_scalar(struct jin *j, char c)
{
	struct str ignored = STR_NONE;
	switch (c) {
	case '"': return string(j, &ignored);
	case 't': return word(j, S("true"));
	case 'f': return word(j, S("false"));
	case 'n': return word(j, S("null"));
	default: return (c == '-' || (c >= '0' && c <= '9')) ? number(j, &ignored) : bad_text(j);
	}
}

/* Step to what follows a value or an opening bracket: true with *more when there is another element. */
static bool step(struct jin *j, char close, bool first, bool *more)
{
	char c = peek(j);
	if (c == close) {
		j->p++;
		*more = false;
		return true;
	}
	if (!first) {
		if (c != ',')
			return bad_text(j);
		j->p++;
		space(j);
	}
	*more = true;
	return true;
}

static bool key(struct jin *j, struct str *out)
{
	if (peek(j) != '"' || !string(j, out))
		return bad_text(j);
	if (peek(j) != ':')
		return bad_text(j);
	j->p++;
	return true;
}

/* An unknown member may be anything, but it is JSON: its grammar is held to all the same. */
static bool skip(struct jin *j, int depth)
{
	ASSERT(depth >= 0);
	char c = peek(j);
	if (c != '{' && c != '[')
		return skip_scalar(j, c);
	if (depth >= JSON_DEPTH_MAX)
		return bad_text(j);
	char close = c == '{' ? '}' : ']';
	j->p++;
	for (bool first = true, more = false;; first = false) {
		struct str ignored = STR_NONE;
		if (!step(j, close, first, &more))
			return false;
		if (!more)
			return true;
		if ((close == '}' && !key(j, &ignored)) || !skip(j, depth + 1))
			return false;
	}
}

static struct str token_name(const struct jin *j, char c)
{
	switch (c) {
	case '"': return S("STRING_VALUE");
	case 't': return S("TRUE_VALUE");
	case 'f': return S("FALSE_VALUE");
	default: break;
	}
	const char *p = j->p;
	while (p < j->end && (*p == '-' || (*p >= '0' && *p <= '9')))
		p++;
	return p < j->end && *p == '.' ? S("DECIMAL_VALUE") : S("NUMBER_VALUE");
}

/* The type as AWS's front ends, which are written in Java, call it: "java.lang.String". */
static void java_type(struct jin *j, struct buf *b, const struct shape *s)
{
	switch (s->type) {
	case SHAPE_STRUCT: case SHAPE_UNION: case SHAPE_DOCUMENT:
		java_package(b, j->model);
		buf_putc(b, '.');
		buf_str(b, str_c(shape_name(s)));
		break;
	case SHAPE_LIST:
		buf_lit(b, "java.util.List<");
		java_type(j, b, item_shape(s));
		buf_putc(b, '>');
		break;
	case SHAPE_MAP:
		buf_lit(b, "java.util.Map<java.lang.String, ");
		java_type(j, b, item_shape(s));
		buf_putc(b, '>');
		break;
	case SHAPE_BLOB: buf_lit(b, "java.nio.ByteBuffer"); break;
	case SHAPE_BOOL: buf_lit(b, "java.lang.Boolean"); break;
	case SHAPE_INT: buf_str(b, s->bits == 64 ? S("java.lang.Long") : S("java.lang.Integer")); break;
	case SHAPE_FLOAT: buf_lit(b, "java.lang.Double"); break;
	case SHAPE_BIG: buf_lit(b, "java.math.BigDecimal"); break;
	case SHAPE_TIME: buf_lit(b, "java.util.Date"); break;
	case SHAPE_STRING: buf_lit(b, "java.lang.String"); break;
	}
}

static bool no_collection(struct jin *j, const struct shape *s)
{
	struct buf b;
	buf_init(&b, j->a, 0);
	buf_lit(&b, "Unrecognized collection type ");
	if (s->type != SHAPE_LIST && s->type != SHAPE_MAP)
		buf_lit(&b, "class ");
	java_type(j, &b, s);
	return bad_type(j, buf_view(&b));
}

/* A value of another type than the model's. */
static bool wrong_type(struct jin *j, char c, const struct shape *s)
{
	static const char no_class[] = "class sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl cannot be cast to class java.lang.Class "
		"(sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl and java.lang.Class are in module java.base of loader 'bootstrap')";
	if (c == '{')
		return bad_type(j, S("Start of structure or map found where not expected"));
	if (c == '[')
		return no_collection(j, s);
	if (c != '"' && c != 't' && c != 'f' && c != '-' && (c < '0' || c > '9'))
		return bad_text(j);
	switch (s->type) {
	case SHAPE_LIST: case SHAPE_MAP:
		return bad_type(j, j->element ? str_c(no_class) : S("Unexpected field type"));
	case SHAPE_STRUCT: case SHAPE_UNION:
		return bad_type(j, j->element ? S("Unexpected value type in payload") : S("Unexpected field type"));
	case SHAPE_BLOB:
		return bad_type(j, S("only base-64-encoded strings are convertible to bytes"));
	case SHAPE_BOOL:
		if (c == '"')
			return bad_type(j, S("Unexpected token received from parser"));
		break;
	default: break;
	}
	struct buf b;
	buf_init(&b, j->a, 0);
	java_type(j, &b, s);
	struct str type = buf_view(&b);
	return bad_type(j, arena_printf(j->a, "%.*s cannot be converted to %.*s", STR_ARG(token_name(j, c)),
		STR_ARG(str_slice(type, (size_t)(str_rfind(type, '.') + 1), type.n))));
}

/* Skipped first to find its end, then parsed into a tree: the bounds of both are the same. */
static bool document(struct jin *j, struct json **out)
{
	ASSERT(j->p <= j->end);
	size_t used;
	struct json_error e;
	*out = json_parse_front(j->a, str_of(j->p, (size_t)(j->end - j->p)), &used, &e);
	j->p += *out != NULL ? used : e.at;
	return *out != NULL || bad_text(j);
}

static bool integer(struct jin *j, const struct shape *s, struct opt_i64 *out)
{
	struct str text = STR_NONE;
	double d;
	if (!number(j, &text))
		return false;
	if (!str_to_i64(text, &out->v)) {
		/* 1e3 and 5.0 are whole; a fraction is cut off, as AWS's front ends do. */
		if (!str_to_f64(text, &d) || fabs(d) >= 9223372036854775808.0)
			return bad_type(j, arena_printf(j->a, "Value out of range: %.*s", STR_ARG(text)));
		out->v = (int64_t)d;
	}
	if (!int_in_range(s, out->v))
		return bad_type(j, arena_printf(j->a, "Value out of range: %.*s", STR_ARG(text)));
	out->set = true;
	return true;
}

static bool timestamp(struct jin *j, const struct shape *s, const struct member *m, char c, struct opt_time *out)
{
	ASSERT(s->type == SHAPE_TIME);
	struct str text = STR_NONE;
	double d;
	out->set = true;
	if (c == '"') {
		if (!string(j, &text))
			return false;
		return scalar_from_text(j->a, s, member_time_format(m, TIME_ISO8601), text, out) ||
		       bad_type(j, S("STRING_VALUE cannot be converted to Date"));
	}
	if (c != '-' && (c < '0' || c > '9'))
		return wrong_type(j, c, s);
	if (!number(j, &text))
		return false;
	if (!str_to_f64(text, &d) || !(fabs(d) < 1e13))
		return bad_type(j, S("NUMBER_VALUE cannot be converted to Date"));
	out->ms = (int64_t)llround(d * 1000.0);
	return true;
}

static bool text_value(struct jin *j, const struct shape *s, char c, struct str *out)
{
	ASSERT(s->type == SHAPE_STRING || s->type == SHAPE_BLOB);
	if (c != '"')
		return wrong_type(j, c, s);
	struct str text = STR_NONE;
	if (!string(j, &text))
		return false;
	if (s->type != SHAPE_BLOB) {
		*out = text;
		return true;
	}
	if (text.n % 4 != 0)
		return bad_type(j, arena_printf(j->a, "Base64 encoded length is expected a multiple of 4 bytes but found: %zu", text.n));
	*out = base64_decode_exact(j->a, text);
	return out->p != NULL || bad_type(j, S("Invalid last non-pad Base64 character dectected"));
}

static bool scalar(struct jin *j, const struct shape *s, const struct member *m, char c, void *v)
{
	bool is_number = c == '-' || (c >= '0' && c <= '9');
	struct str text = STR_NONE;
	switch (s->type) {
	case SHAPE_STRING:
	case SHAPE_BLOB:
		return text_value(j, s, c, v);
	case SHAPE_BOOL:
		if (c != 't' && c != 'f')
			return wrong_type(j, c, s);
		*(struct opt_bool *)v = SOME_BOOL(c == 't');
		return word(j, c == 't' ? S("true") : S("false"));
	case SHAPE_INT:
		if (!is_number)
			return wrong_type(j, c, s);
		return integer(j, s, v);
	case SHAPE_BIG:
		return is_number ? number(j, v) : wrong_type(j, c, s);
	case SHAPE_FLOAT:
		if (!is_number && c != '"')
			return wrong_type(j, c, s);
		if (is_number ? !number(j, &text) : !string(j, &text))
			return false;
		if (!f64_from_text(text, &((struct opt_f64 *)v)->v))
			return bad_type(j, arena_printf(j->a, "%.*s cannot be converted to Double", STR_ARG(token_name(j, c))));
		((struct opt_f64 *)v)->set = true;
		return true;
	default:
		ASSERT(s->type == SHAPE_TIME);
		return timestamp(j, s, m, c, v);
	}
}

static bool value(struct jin *j, const struct shape *s, const struct member *m, void *v);

/* The member of that name. `hint` is the place in model order after the last one found: clients mostly keep it. */
static const struct member *find_member(const struct jin *j, const struct shape *s, struct str name, uint16_t *hint)
{
	if (*hint < s->n_members) {
		const struct member *m = shape_member_at(s, *hint);
		if (str_eq(str_c(j->rest ? member_wire_name(m) : member_name(m)), name)) {
			++*hint;
			return m;
		}
	}
	return j->rest ? shape_member_wire(s, name) : shape_member(s, name);
}

static bool structure(struct jin *j, const struct shape *s, bool top, void *v)
{
	uint16_t hint = 0;
	ASSERT(j->p < j->end && v != NULL);
	if (*j->p != '{')
		return wrong_type(j, *j->p, s);
	j->p++;
	for (bool first = true, more = false;; first = false) {
		struct str name = S("");
		if (!step(j, '}', first, &more))
			return false;
		if (!more)
			return true;
		if (!key(j, &name))
			return false;
		const struct member *m = find_member(j, s, name, &hint);
		bool known = m != NULL && !m->streaming && !(top && j->rest && (m->location != LOC_BODY || m->payload));
		j->element = false;
		if (peek(j) == 'n') {
			if (!word(j, S("null")))
				return false;
		} else if (known ? !value(j, member_shape(m), m, member_put(j->a, m, v)) : !skip(j, 0)) {
			return false;
		}
	}
}

static bool list(struct jin *j, const struct shape *s, struct list *l)
{
	uint32_t cap = 0;
	size_t size = value_size(item_shape(s));
	if (*j->p != '[')
		return wrong_type(j, *j->p, s);
	j->p++;
	*l = (struct list){.set = true};
	for (bool first = true, more = false;; first = false) {
		if (!step(j, ']', first, &more))
			return false;
		if (!more)
			return true;
		if (peek(j) == 'n')
			return bad_type(j, S("Null element found in a list"));
		if (list_too_large(j->a, l->n, cap))
			return bad_type(j, S("The request has too many elements"));
		j->element = true;
		if (!value(j, item_shape(s), shape_item(s), list_push(j->a, l, &cap, size)))
			return false;
	}
}

static void *map_slot(struct jin *j, const struct shape *s, struct map_of *map, uint32_t *cap, struct str name)
{
	ASSERT(s->type == SHAPE_MAP && map->n <= *cap);
	/* Small maps only: two equal keys are a client's oddity, not worth a hash. The last one wins. */
	for (uint32_t i = 0; i < map->n && map->n <= 64; i++)
		if (str_eq(map_key_at(s, map, i), name)) {
			void *v = (char *)map->v + (size_t)i * s->size + s->value_offset;
			memset(v, 0, s->size - s->value_offset);
			return v;
		}
	return map_push(j->a, s, map, cap, name);
}

static bool map(struct jin *j, const struct shape *s, struct map_of *m)
{
	uint32_t cap = 0;
	if (*j->p != '{')
		return wrong_type(j, *j->p, s);
	j->p++;
	*m = (struct map_of){.set = true};
	for (bool first = true, more = false;; first = false) {
		struct str name = S("");
		if (!step(j, '}', first, &more))
			return false;
		if (!more)
			return true;
		if (!key(j, &name))
			return false;
		if (peek(j) == 'n')
			return bad_type(j, S("Null value found in a map"));
		if (list_too_large(j->a, m->n, cap))
			return bad_type(j, S("The request has too many elements"));
		j->element = true;
		if (!value(j, item_shape(s), shape_item(s), map_slot(j, s, m, &cap, name)))
			return false;
	}
}

/* m: the member that it is of; NULL: the document itself. */
static bool value(struct jin *j, const struct shape *s, const struct member *m, void *v)
{
	char c = peek(j);
	if (s->type == SHAPE_DOCUMENT)
		return document(j, v);
	if (s->type != SHAPE_STRUCT && s->type != SHAPE_UNION && s->type != SHAPE_LIST && s->type != SHAPE_MAP)
		return scalar(j, s, m, c, v);
	if (c == '\0')
		return bad_text(j);
	if (++j->depth > WIRE_DEPTH_MAX)
		return bad_type(j, S("The request is nested too deeply"));
	bool ok = s->type == SHAPE_LIST  ? list(j, s, v)
	          : s->type == SHAPE_MAP ? map(j, s, v)
	                                 : structure(j, s, false, v);
	j->depth--;
	return ok;
}

bool json_decode(struct arena *a, const struct model *m, const struct shape *s, struct str text, bool rest, void *v, struct wire_error *err)
{
	struct jin j = {.p = text.p, .start = text.p, .end = text.p + text.n, .a = a, .err = err, .model = m, .rest = rest};
	ASSERT(text.p != NULL && v != NULL);
	if (!utf8_valid(text))
		return bad_text(&j);
	bool ok;
	peek(&j);
	if (shape_is_struct(s)) {
		ok = j.p < j.end ? structure(&j, s, rest, v) : bad_text(&j);
	} else {
		ok = value(&j, s, NULL, v);
	}
	if (!ok)
		return false;
	space(&j);
	return j.p == j.end || bad_text(&j);
}
