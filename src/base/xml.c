/* XML in, over expat, and out. See xml.h.
 *
 * Invariants: the parser keeps a stack of the open elements, one text buffer for each level (reused, so an element's
 * text is copied once whatever the number of its pieces). A DOCTYPE stops the parse before anything in it is read: no
 * entities but the five of XML itself, nothing external. */
#include "base/xml.h"

#include <expat.h>

enum { LEVELS_MAX = 64, NODES_MAX = 1000000, STEP = 1 << 24 };

struct reader {
	struct arena *arena;
	XML_Parser parser;
	struct xml *root;
	struct xml *open[LEVELS_MAX];
	struct buf text[LEVELS_MAX]; /* on the heap */
	size_t depth, nodes;
	const char *why;
};

/* The first reason stays; expat calls a few handlers more after it was told to stop, which is why each looks at
 * `why` first. */
static void stop(struct reader *r, const char *why)
{
	ASSERT(why != NULL);
	if (r->why != NULL)
		return;
	r->why = why;
	(void)XML_StopParser(r->parser, XML_FALSE);
}

/* A prefix is not looked up: AWS's formats have one namespace each, and clients differ in how they write it. */
static struct str local_name(struct str name)
{
	ptrdiff_t colon = str_find(name, ':');
	return colon < 0 ? name : str_slice(name, (size_t)colon + 1, name.n);
}

static struct xml_attr *attrs_of(struct reader *r, const char **pairs)
{
	ASSERT(pairs != NULL);
	struct xml_attr *first = NULL, **last = &first;
	for (; *pairs != NULL; pairs += 2) {
		struct xml_attr *at = arena_new_of(r->arena, struct xml_attr);
		at->name = arena_dup(r->arena, str_c(pairs[0]));
		at->value = arena_dup(r->arena, str_c(pairs[1]));
		*last = at;
		last = &at->next;
	}
	return first;
}

static void on_start(void *user, const char *name, const char **pairs)
{
	struct reader *r = user;
	if (r->why != NULL)
		return;
	if (r->depth == LEVELS_MAX) {
		stop(r, "more than 64 levels");
		return;
	}
	if (r->nodes == NODES_MAX) {
		stop(r, "more than 1,000,000 elements");
		return;
	}
	struct str local = local_name(str_c(name));
	if (local.n == 0) {
		stop(r, "an element without a local name");
		return;
	}
	r->nodes++;
	struct xml *x = arena_new_of(r->arena, struct xml);
	x->name = arena_dup(r->arena, local);
	x->attrs = attrs_of(r, pairs);
	if (r->depth == 0) {
		ASSERT(r->root == NULL);
		r->root = x;
	} else {
		struct xml *parent = r->open[r->depth - 1];
		if (parent->last_child != NULL)
			parent->last_child->next = x;
		else
			parent->children = x;
		parent->last_child = x;
	}
	ASSERT(r->depth < LEVELS_MAX && x->name.n > 0);
	r->open[r->depth] = x;
	buf_clear(&r->text[r->depth]);
	r->depth++;
}

static void on_end(void *user, const char *name)
{
	struct reader *r = user;
	if (r->why != NULL)
		return;
	ASSERT(r->depth > 0 && r->depth <= LEVELS_MAX);
	r->depth--;
	struct xml *x = r->open[r->depth];
	ASSERT(str_eq(x->name, local_name(str_c(name))));
	x->text = arena_dup(r->arena, buf_view(&r->text[r->depth]));
}

static void on_text(void *user, const char *p, int n)
{
	struct reader *r = user;
	if (r->why != NULL)
		return;
	ASSERT(r->depth > 0 && n >= 0);
	buf_put(&r->text[r->depth - 1], p, (size_t)n);
}

static void on_doctype(void *user, const char *name UNUSED, const char *system UNUSED, const char *public UNUSED,
                       int internal UNUSED)
{
	stop(user, "a DOCTYPE is not allowed");
}

/* In steps, for expat counts in int. */
static bool feed(struct reader *r, struct str text)
{
	bool last;
	do {
		size_t n = text.n < STEP ? text.n : STEP;
		last = n == text.n;
		if (XML_Parse(r->parser, text.p, (int)n, last) != XML_STATUS_OK)
			return false;
		text = str_slice(text, n, text.n);
	} while (!last);
	return true;
}

struct xml *xml_parse(struct arena *a, struct str text, const char **why)
{
	ASSERT(a != NULL);
	struct reader r = {.arena = a, .parser = XML_ParserCreate(NULL)};
	if (r.parser == NULL)
		die("out of memory");
	for (size_t i = 0; i < LEVELS_MAX; i++)
		buf_init(&r.text[i], NULL, 0);
	XML_SetUserData(r.parser, &r);
	XML_SetElementHandler(r.parser, on_start, on_end);
	XML_SetCharacterDataHandler(r.parser, on_text);
	XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
	bool ok = feed(&r, text.p != NULL ? text : S(""));
	if (!ok && r.why == NULL)
		r.why = XML_ErrorString(XML_GetErrorCode(r.parser));
	XML_ParserFree(r.parser);
	for (size_t i = 0; i < LEVELS_MAX; i++)
		buf_free(&r.text[i]);
	if (why != NULL)
		*why = ok ? NULL : r.why != NULL ? r.why : "malformed";
	ASSERT(!ok || (r.root != NULL && r.depth == 0));
	return ok ? r.root : NULL;
}

struct xml *xml_child(const struct xml *x, struct str name)
{
	for (struct xml *c = x != NULL ? x->children : NULL; c != NULL; c = c->next)
		if (str_eq(c->name, name))
			return c;
	return NULL;
}

struct str xml_child_text(const struct xml *x, struct str name)
{
	const struct xml *c = xml_child(x, name);
	return c != NULL ? c->text : STR_NONE;
}

struct str xml_attr(const struct xml *x, struct str name)
{
	for (const struct xml_attr *at = x != NULL ? x->attrs : NULL; at != NULL; at = at->next)
		if (str_eq(at->name, name))
			return at->value;
	return STR_NONE;
}

/* What stands for c, or absent when c stands for itself. Other control bytes are not XML 1.0 in any form; S3 writes them
 * as references all the same (they may be in keys), and so do we. */
static struct str reference(char c, bool attr, char scratch[8])
{
	ASSERT(scratch != NULL);
	static const char digit[] = "0123456789abcdef";
	switch (c) {
	case '&': return S("&amp;");
	case '<': return S("&lt;");
	case '>': return S("&gt;");
	case '\r': return S("&#xd;");
	case '"': return attr ? S("&quot;") : STR_NONE;
	case '\t': return attr ? S("&#x9;") : STR_NONE;
	case '\n': return attr ? S("&#xa;") : STR_NONE;
	default: break;
	}
	if ((unsigned char)c >= 0x20)
		return STR_NONE;
	size_t n = 0;
	memcpy(scratch, "&#x", 3);
	n = 3;
	if (c >= 0x10)
		scratch[n++] = digit[c >> 4];
	scratch[n++] = digit[c & 15];
	scratch[n++] = ';';
	ASSERT(n <= 6);
	return str_of(scratch, n);
}

/* Runs that need no escape are put at once: nearly all text is one run. */
static void write_escaped(struct buf *b, struct str s, bool attr)
{
	size_t from = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (LIKELY((unsigned char)c > '>' || (c >= '\'' && c <= ';') || c == ' '))
			continue;
		char scratch[8];
		struct str instead = reference(c, attr, scratch);
		if (!str_present(instead))
			continue;
		buf_put(b, s.p + from, i - from);
		buf_str(b, instead);
		from = i + 1;
	}
	if (s.n > from)
		buf_put(b, s.p + from, s.n - from);
}

void xml_write_text(struct buf *b, struct str s) { write_escaped(b, s, false); }
void xml_write_attr(struct buf *b, struct str s) { write_escaped(b, s, true); }

void xml_open(struct buf *b, struct str name)
{
	ASSERT(name.n > 0);
	buf_putc(b, '<');
	buf_str(b, name);
	buf_putc(b, '>');
}

void xml_close(struct buf *b, struct str name)
{
	ASSERT(name.n > 0);
	buf_lit(b, "</");
	buf_str(b, name);
	buf_putc(b, '>');
}

void xml_leaf(struct buf *b, struct str name, struct str text)
{
	ASSERT(name.n > 0);
	xml_open(b, name);
	xml_write_text(b, text);
	xml_close(b, name);
}
