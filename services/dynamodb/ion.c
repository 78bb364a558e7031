/* Amazon Ion text: see ion.h. What DynamoDB has no type for (symbols, timestamps, clobs, s-expressions, floats that are no
 * numbers) is an error. Depth and lengths are those of items. */
#include "ion.h"

#include "base/enc.h"

/* ---- writing ---- */

static bool is_word_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_plain_symbol(struct str s)
{
	static const char *const keywords[] = {"null", "true", "false", "nan"};
	bool plain = s.n > 0 && is_word_start(s.p[0]);
	for (size_t i = 1; plain && i < s.n; i++)
		plain = is_word_start(s.p[i]) || is_digit(s.p[i]);
	for (size_t i = 0; plain && i < COUNT_OF(keywords); i++)
		plain = !str_eq(s, str_c(keywords[i]));
	return plain && s.p[0] != '$'; /* $7 and $ion_... mean something */
}

static void write_quoted(struct buf *b, struct str s, char quote)
{
	buf_putc(b, quote);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == (unsigned char)quote || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			buf_printf(b, "\\x%02x", c);
		else
			buf_putc(b, (char)c);
	}
	buf_putc(b, quote);
}

/* Canonical text as a decimal: 103. and 6d2 and 1.5 and 1.5d100. */
static void write_number(struct buf *b, struct str text)
{
	ASSERT(text.n > 0);
	size_t zeros = 0;
	bool whole = true;
	for (size_t i = 0; i < text.n; i++)
		whole = whole && (is_digit(text.p[i]) || (i == 0 && text.p[0] == '-'));
	while (whole && zeros + 1 < text.n && text.p[text.n - 1 - zeros] == '0')
		zeros++;
	if (whole) {
		buf_str(b, str_slice(text, 0, text.n - zeros));
		if (zeros > 0)
			buf_printf(b, "d%zu", zeros);
		else
			buf_putc(b, '.');
		return;
	}
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == 'E')
			buf_putc(b, 'd');
		else if (text.p[i] != '+')
			buf_putc(b, text.p[i]);
}

static void write_blob(struct buf *b, struct str bytes)
{
	buf_lit(b, "{{");
	base64_write(b, bytes);
	buf_lit(b, "}}");
}

static void write_value(struct buf *b, const struct av *v)
{
	ASSERT(v->type != AV_NONE);
	switch ((enum av_type)v->type) {
	case AV_S: write_quoted(b, v->s, '"'); return;
	case AV_N: write_number(b, v->s); return;
	case AV_B: write_blob(b, v->s); return;
	case AV_BOOL: buf_str(b, v->truth ? S("true") : S("false")); return;
	case AV_M: ion_write_item(b, v); return;
	case AV_SS: case AV_NS: case AV_BS: buf_printf(b, "$dynamodb_%s::", av_type_name(v->type)); break;
	case AV_L: break;
	case AV_NULL: case AV_NONE: buf_lit(b, "null"); return;
	}
	buf_putc(b, '[');
	for (uint32_t i = 0; i < v->n; i++) {
		if (i > 0)
			buf_putc(b, ',');
		write_value(b, &v->items[i]);
	}
	buf_putc(b, ']');
}

void ion_write_item(struct buf *b, const struct av *item)
{
	ASSERT(item->type == AV_M);
	buf_putc(b, '{');
	for (uint32_t i = 0; i < item->n; i++) {
		if (i > 0)
			buf_putc(b, ',');
		if (is_plain_symbol(item->members[i].name))
			buf_str(b, item->members[i].name);
		else
			write_quoted(b, item->members[i].name, '\'');
		buf_putc(b, ':');
		write_value(b, &item->members[i].value);
	}
	buf_putc(b, '}');
}

/* ---- reading ---- */

static bool wrong(struct ion_reader *r, const char *why)
{
	if (r->wrong == NULL)
		r->wrong = why;
	return false;
}

struct ion_reader ion_open(struct arena *a, struct str text)
{
	ASSERT(a != NULL);
	return (struct ion_reader){.arena = a, .p = text.p, .end = text.p + text.n};
}

static bool at(const struct ion_reader *r, const char *s)
{
	size_t n = strlen(s);
	return (size_t)(r->end - r->p) >= n && memcmp(r->p, s, n) == 0;
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* White space and comments. */
static void skip(struct ion_reader *r)
{
	while (r->p < r->end) {
		if (is_space(*r->p)) {
			r->p++;
		} else if (at(r, "//")) {
			while (r->p < r->end && *r->p != '\n')
				r->p++;
		} else if (at(r, "/*")) {
			while (r->p < r->end && !at(r, "*/"))
				r->p++;
			r->p += at(r, "*/") ? 2 : 0;
		} else {
			return;
		}
	}
}

static bool take(struct ion_reader *r, char c)
{
	skip(r);
	if (r->p >= r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

/* After the backslash. */
static bool read_escape(struct ion_reader *r, struct buf *b)
{
	static const char from[] = "abtnfrv0\"'\\/?", to[] = "\a\b\t\n\f\r\v\0\"'\\/?";
	if (r->p >= r->end)
		return wrong(r, "Unexpected end of a string");
	char c = *r->p++;
	const char *known = c != '\0' ? strchr(from, c) : NULL;
	int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
	if (known != NULL) {
		buf_putc(b, to[known - from]);
		return true;
	}
	if (c == '\n')
		return true; /* a continued line */
	if (digits == 0 || r->end - r->p < digits)
		return wrong(r, "Bad escape in a string");
	uint32_t u = 0;
	for (int i = 0; i < digits; i++) {
		int v = hex_digit(*r->p++);
		if (v < 0)
			return wrong(r, "Bad escape in a string");
		u = u << 4 | (uint32_t)v;
	}
	if (u > 0x10ffff || (u >= 0xd800 && u < 0xe000))
		return wrong(r, "Bad escape in a string");
	char text[UTF8_MAX];
	buf_put(b, text, (size_t)(utf8_put(text, u) - text));
	return true;
}

/* After the opening quotes; end: what closes. */
static bool read_quoted(struct ion_reader *r, const char *end, struct str *out)
{
	struct buf b;
	const char *start = r->p;
	buf_init(&b, r->arena, 0);
	for (bool copied = false; r->p < r->end;) {
		if (at(r, end)) {
			*out = copied ? buf_view(&b) : str_of(start, (size_t)(r->p - start));
			r->p += strlen(end);
			return true;
		}
		if (*r->p == '\\' && !copied) {
			copied = true;
			buf_put(&b, start, (size_t)(r->p - start));
		}
		char c = *r->p++;
		if (c == '\\') {
			if (!read_escape(r, &b))
				return false;
		} else if (copied) {
			buf_putc(&b, c);
		}
	}
	return wrong(r, "Unexpected end of a string");
}

static struct str read_word(struct ion_reader *r)
{
	const char *start = r->p;
	while (r->p < r->end && (is_word_start(*r->p) || is_digit(*r->p)))
		r->p++;
	return str_of(start, (size_t)(r->p - start));
}

/* A field's name, or an annotation: quoted or plain. */
static bool read_symbol(struct ion_reader *r, struct str *out)
{
	skip(r);
	if (at(r, "'''") || at(r, "\"")) {
		bool longer = at(r, "'''");
		r->p += longer ? 3 : 1;
		return read_quoted(r, longer ? "'''" : "\"", out);
	}
	if (take(r, '\''))
		return read_quoted(r, "'", out);
	if (r->p >= r->end || !is_word_start(*r->p))
		return wrong(r, "Unexpected token");
	*out = read_word(r);
	return true;
}

static bool read_number(struct ion_reader *r, struct av *out)
{
	struct buf b;
	buf_init(&b, r->arena, 0);
	for (; r->p < r->end && (is_digit(*r->p) || strchr("+-.eEdD_", *r->p) != NULL) && *r->p != '\0'; r->p++)
		if (*r->p != '_')
			buf_putc(&b, *r->p == 'd' || *r->p == 'D' ? 'e' : *r->p);
	/* "103." and "1.d5" have no digits behind the point. */
	struct str text = buf_view(&b);
	ptrdiff_t point = str_find(text, '.');
	if (point >= 0 && ((size_t)point + 1 == text.n || !is_digit(text.p[point + 1])))
		text = arena_join(r->arena, str_slice(text, 0, (size_t)point), str_slice(text, (size_t)point + 1, text.n));
	struct number n;
	enum number_fault f = number_parse(text, &n);
	if (f != NUMBER_OK)
		return wrong(r, arena_cstr(r->arena, number_message(r->arena, f, text)));
	*out = av_number(r->arena, &n);
	return true;
}

/* No comments in there: base64 has slashes. */
static bool read_blob(struct ion_reader *r, struct av *out)
{
	struct buf b;
	buf_init(&b, r->arena, 0);
	for (; r->p < r->end && *r->p != '}'; r->p++) {
		if (!is_space(*r->p))
			buf_putc(&b, *r->p);
	}
	if (!at(r, "}}"))
		return wrong(r, "Unexpected token in a blob");
	r->p += 2;
	*out = (struct av){.type = AV_B, .s = b.n > 0 ? base64_decode(r->arena, buf_view(&b)) : S("")};
	return str_present(out->s) || wrong(r, "A blob is not base64");
}

static bool read_value(struct ion_reader *r, int depth, struct av *out);

static bool read_struct(struct ion_reader *r, int depth, struct av *out)
{
	*out = (struct av){.type = AV_M};
	while (!take(r, '}')) {
		struct str name;
		struct av v;
		if (out->n > 0 && !take(r, ','))
			return wrong(r, "Unexpected token");
		if (out->n > 0 && take(r, '}'))
			return true; /* a comma at the end is allowed */
		if (!read_symbol(r, &name) || (!take(r, ':') && !wrong(r, "Unexpected token")) || !read_value(r, depth + 1, &v))
			return false;
		if (name.n > NAME_SIZE_MAX || av_get(out, name) != NULL)
			return wrong(r, "A field's name is too long or is there twice");
		av_set(r->arena, out, name, &v);
	}
	return true;
}

static bool read_list(struct ion_reader *r, int depth, struct av *out)
{
	uint32_t cap = 0;
	*out = (struct av){.type = AV_L};
	while (!take(r, ']')) {
		if (out->n > 0 && !take(r, ','))
			return wrong(r, "Unexpected token");
		if (out->n > 0 && take(r, ']'))
			return true;
		if (out->n == cap) {
			cap = cap == 0 ? 8 : cap * 2;
			out->items = arena_grow(r->arena, out->items, sizeof *out->items, out->n, cap);
		}
		if (!read_value(r, depth + 1, &out->items[out->n]))
			return false;
		out->n++;
	}
	return true;
}

static bool as_set(struct ion_reader *r, struct str annotation, struct av *v)
{
	enum av_type set = str_starts(annotation, S("$dynamodb_")) ? av_type_of_name(str_slice(annotation, 10, annotation.n)) : AV_NONE;
	if (!av_is_set(set) || v->type != AV_L || v->n == 0)
		return wrong(r, "Unknown annotation, or a set that is no list or empty");
	for (uint32_t i = 0; i < v->n; i++)
		if (v->items[i].type != av_element_type(set))
			return wrong(r, "A set has an element of another type");
	v->type = (uint8_t)set;
	return av_sort_set(v) || wrong(r, "Input collection contains duplicates.");
}

/* A word that is no field's name: a keyword, or an annotation. */
static bool read_word_value(struct ion_reader *r, int depth, struct av *out)
{
	struct str word;
	if (!read_symbol(r, &word))
		return false;
	skip(r);
	if (at(r, "::")) {
		r->p += 2;
		return read_value(r, depth + 1, out) && as_set(r, word, out);
	}
	*out = (struct av){.type = AV_BOOL, .truth = str_eq(word, S("true"))};
	if (str_eq(word, S("null"))) {
		out->type = AV_NULL;
		out->truth = true;
		if (take(r, '.'))
			(void)read_word(r); /* of whatever type */
		return true;
	}
	return out->truth || str_eq(word, S("false")) || wrong(r, "DynamoDB has no type for a symbol");
}

static bool read_value(struct ion_reader *r, int depth, struct av *out)
{
	skip(r);
	if (depth > ITEM_DEPTH_MAX + 2)
		return wrong(r, "Nesting Levels have exceeded supported limits");
	if (r->p >= r->end)
		return wrong(r, "Unexpected end");
	if (at(r, "{{")) {
		r->p += 2;
		return read_blob(r, out);
	}
	if (take(r, '{'))
		return read_struct(r, depth, out);
	if (take(r, '['))
		return read_list(r, depth, out);
	if (at(r, "\"") || at(r, "'''")) {
		*out = (struct av){.type = AV_S};
		return read_symbol(r, &out->s);
	}
	if (is_digit(*r->p) || *r->p == '-')
		return read_number(r, out);
	return read_word_value(r, depth, out);
}

bool ion_next(struct ion_reader *r, struct av *out)
{
	ASSERT(r->p <= r->end);
	for (skip(r); r->wrong == NULL && at(r, "$ion_1_0"); skip(r))
		r->p += 8;
	if (!r->in_list && take(r, '['))
		r->in_list = true;
	else if (r->in_list)
		(void)take(r, ',');
	if (r->in_list && take(r, ']')) {
		r->in_list = false;
		return ion_next(r, out);
	}
	skip(r);
	return r->wrong == NULL && (r->p < r->end || (r->in_list && wrong(r, "Unexpected end"))) && read_value(r, 0, out);
}
