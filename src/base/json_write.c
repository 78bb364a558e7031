/* JSON out: escaping, trees (compact, sorted, pretty) and the streaming writer. See json.h.
 *
 * The bytes of strings go out as they are (they are UTF-8 already), but for quotes, backslashes and control bytes.
 *
 * What always holds: what goes out is one JSON value for each call, valid when strings are UTF-8 and numbers are
 * numbers' texts; a tree is written as deep as it is, so its depth was bounded where it came from. */
#include "base/json.h"
#include "base/json_plain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void write_escape(struct buf *b, char c)
{
	static const char digit[] = "0123456789abcdef";
	switch (c) {
	case '"': buf_lit(b, "\\\""); return;
	case '\\': buf_lit(b, "\\\\"); return;
	case '\n': buf_lit(b, "\\n"); return;
	case '\r': buf_lit(b, "\\r"); return;
	case '\t': buf_lit(b, "\\t"); return;
	case '\b': buf_lit(b, "\\b"); return;
	case '\f': buf_lit(b, "\\f"); return;
	default: break;
	}
	ASSERT((unsigned char)c < 0x20);
	const char text[6] = {'\\', 'u', '0', '0', digit[c >> 4], digit[c & 15]};
	buf_put(b, text, sizeof text);
}

void json_write_str(struct buf *b, struct str s)
{
	if (LIKELY(buf_reserve(b, s.n + 2)) && LIKELY(json_copy_plain(b->p + b->n + 1, s))) { /* nearly always */
		b->p[b->n] = '"';
		b->p[b->n + s.n + 1] = '"';
		b->n += s.n + 2;
		return;
	}
	buf_putc(b, '"');
	for (size_t i = 0; i < s.n;) {
		size_t run = json_plain_run(s.p + i, s.n - i);
		buf_put(b, s.p + i, run);
		i += run;
		if (i < s.n)
			write_escape(b, s.p[i++]);
	}
	buf_putc(b, '"');
}

/* How a tree is written: indent < 0 is compact; sort needs the arena for its work. */
struct style {
	struct arena *sort;
	bool pretty;
};

static void new_line(struct buf *b, const struct style *style, unsigned depth)
{
	if (!style->pretty)
		return;
	buf_putc(b, '\n');
	for (unsigned i = 0; i < depth; i++)
		buf_lit(b, "  ");
}

/* Members of one name keep their order: qsort does not, so their places decide. */
static int by_key(const void *x, const void *y)
{
	const struct json_member *const *a = x, *const *b = y;
	int d = str_cmp((*a)->key, (*b)->key);
	return d != 0 ? d : *a < *b ? -1 : *a > *b;
}

static const struct json_member **sorted_members(struct arena *a, const struct json *j)
{
	ASSERT(a != NULL && j->type == JSON_OBJECT);
	const struct json_member **v = arena_array(a, const struct json_member *, j->n);
	for (uint32_t i = 0; i < j->n; i++)
		v[i] = &j->members[i];
	qsort(v, j->n, sizeof *v, by_key);
	return v;
}

static void write_tree(struct buf *b, const struct json *j, const struct style *style, unsigned depth);

static void write_object(struct buf *b, const struct json *j, const struct style *style, unsigned depth)
{
	ASSERT(j->type == JSON_OBJECT && j->n <= j->cap);
	const struct json_member **sorted = style->sort != NULL ? sorted_members(style->sort, j) : NULL;
	buf_putc(b, '{');
	for (uint32_t i = 0; i < j->n; i++) {
		const struct json_member *m = sorted != NULL ? sorted[i] : &j->members[i];
		if (i > 0)
			buf_putc(b, ',');
		new_line(b, style, depth + 1);
		json_write_str(b, m->key);
		buf_putc(b, ':');
		if (style->pretty)
			buf_putc(b, ' ');
		write_tree(b, &m->value, style, depth + 1);
	}
	if (j->n > 0)
		new_line(b, style, depth);
	buf_putc(b, '}');
}

static void write_tree(struct buf *b, const struct json *j, const struct style *style, unsigned depth)
{
	switch (j->type) {
	case JSON_NULL: buf_lit(b, "null"); return;
	case JSON_FALSE: buf_lit(b, "false"); return;
	case JSON_TRUE: buf_lit(b, "true"); return;
	case JSON_NUMBER: buf_str(b, j->text); return;
	case JSON_STRING: json_write_str(b, j->text); return;
	case JSON_OBJECT: write_object(b, j, style, depth); return;
	case JSON_ARRAY: break;
	}
	ASSERT(j->type == JSON_ARRAY);
	buf_putc(b, '[');
	for (uint32_t i = 0; i < j->n; i++) {
		if (i > 0)
			buf_putc(b, ',');
		new_line(b, style, depth + 1);
		write_tree(b, &j->items[i], style, depth + 1);
	}
	if (j->n > 0)
		new_line(b, style, depth);
	buf_putc(b, ']');
}

void json_write(struct buf *b, const struct json *j)
{
	ASSERT(j != NULL);
	write_tree(b, j, &(struct style){0}, 0);
}

static struct str text_of(struct arena *a, const struct json *j, const struct style *style)
{
	ASSERT(j != NULL);
	struct buf b; /* on the heap while it grows: an arena would keep every smaller one */
	buf_init(&b, NULL, 0);
	write_tree(&b, j, style, 0);
	struct str text = arena_dup(a, buf_view(&b));
	buf_free(&b);
	return text;
}

struct str json_text(struct arena *a, const struct json *j) { return text_of(a, j, &(struct style){0}); }
struct str json_text_sorted(struct arena *a, const struct json *j) { return text_of(a, j, &(struct style){.sort = a}); }
struct str json_text_pretty(struct arena *a, const struct json *j) { return text_of(a, j, &(struct style){.pretty = true}); }

static inline void before_value(struct jw *w)
{
	if (w->comma)
		buf_putc(w->b, ',');
	w->comma = true;
}

static void begin(struct jw *w, char c)
{
	ASSERT(w->b != NULL);
	before_value(w);
	buf_putc(w->b, c);
	w->comma = false;
}

static void end(struct jw *w, char c)
{
	ASSERT(w->b != NULL);
	buf_putc(w->b, c);
	w->comma = true;
}

void jw_begin_object(struct jw *w) { begin(w, '{'); }
void jw_end_object(struct jw *w) { end(w, '}'); }
void jw_begin_array(struct jw *w) { begin(w, '['); }
void jw_end_array(struct jw *w) { end(w, ']'); }

void jw_key(struct jw *w, struct str key)
{
	ASSERT(str_present(key));
	before_value(w);
	json_write_str(w->b, key);
	buf_putc(w->b, ':');
	w->comma = false;
}

void jw_str(struct jw *w, struct str s)
{
	before_value(w);
	json_write_str(w->b, s);
}

void jw_i64(struct jw *w, int64_t v)
{
	before_value(w);
	buf_i64(w->b, v);
}

/* Digits are tried until the text reads back the same: 15 are enough for most, 17 for all normal numbers; numbers below
 * the normal range have fewer. */
static void write_f64(struct buf *b, double v)
{
	char text[40];
	int n = 0;
	for (int precision = fpclassify(v) == FP_SUBNORMAL ? 1 : 15; precision <= 17; precision++) {
		n = snprintf(text, sizeof text, "%.*g", precision, v);
		ASSERT(n > 0 && (size_t)n < sizeof text);
		if (strtod(text, NULL) == v)
			break;
	}
	ASSERT(n > 0 && (size_t)n < sizeof text);
	buf_put(b, text, (size_t)n);
}

void jw_f64(struct jw *w, double v)
{
	before_value(w);
	if (isnan(v))
		buf_lit(w->b, "\"NaN\"");
	else if (isinf(v))
		buf_str(w->b, v < 0 ? S("\"-Infinity\"") : S("\"Infinity\""));
	else if (v > -1e15 && v < 1e15 && v == (double)(int64_t)v && !(v == 0 && signbit(v)))
		buf_i64(w->b, (int64_t)v);
	else
		write_f64(w->b, v);
}

void jw_bool(struct jw *w, bool v)
{
	before_value(w);
	buf_str(w->b, v ? S("true") : S("false"));
}

void jw_null(struct jw *w)
{
	before_value(w);
	buf_lit(w->b, "null");
}

void jw_raw(struct jw *w, struct str text)
{
	ASSERT(text.n > 0);
	before_value(w);
	buf_str(w->b, text);
}

void jw_tree(struct jw *w, const struct json *j)
{
	before_value(w);
	json_write(w->b, j);
}
