/* YAML text into a struct json tree: yaml.h says what is read.
 *
 * Always holds: no more than YAML_NODES_MAX nodes are made, aliases included, and recursion stops at YAML_DEPTH_MAX.
 * Dates and sexagesimal numbers stay text ("2012-10-17" is a version, "22:22" is a pair of ports). */
#include "base/yaml.h"

#include "base/map.h"

#include <yaml.h>

struct yaml_reader {
	struct arena *a;
	yaml_parser_t parser;
	struct map anchors; /* name -> struct json */
	size_t nodes;
	struct json *(*tagged)(struct arena *a, struct str tag, struct json *value);
	struct str *why;
	bool failed;
};

static bool yaml_fail(struct yaml_reader *r, yaml_mark_t at, const char *what)
{
	if (r->failed)
		return false;
	r->failed = true;
	if (what == NULL)
		*r->why = arena_printf(r->a, "YAML not well-formed. (line %zu, column %zu)", at.line + 1, at.column + 1);
	else
		*r->why = arena_printf(r->a, "%s (line %zu, column %zu)", what, at.line + 1, at.column + 1);
	return false;
}

static bool next_event(struct yaml_reader *r, yaml_event_t *e)
{
	if (!yaml_parser_parse(&r->parser, e))
		return yaml_fail(r, r->parser.problem_mark, NULL);
	return true;
}

static bool one_of(struct str s, const char *const *words)
{
	for (; *words != NULL; words++)
		if (str_eq(s, str_c(*words)))
			return true;
	return false;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* [-+]?[0-9][0-9_]* and its octal, hexadecimal and binary forms; the value as decimal text. */
static bool integer_text(struct arena *a, struct str s, struct str *out)
{
	size_t i = 0;
	bool minus = false;
	if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
		minus = s.p[i++] == '-';
	if (i >= s.n || !is_digit(s.p[i]))
		return false;
	int base = 10;
	if (s.p[i] == '0' && s.n - i > 1) {
		base = s.p[i + 1] == 'x' ? 16 : s.p[i + 1] == 'b' ? 2 : 8;
		i += base == 8 ? 1 : 2;
		if (i >= s.n)
			return false;
	}
	struct buf digits;
	buf_init(&digits, a, 64);
	for (; i < s.n; i++) {
		char c = s.p[i];
		if (c == '_')
			continue;
		int v = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
		if (v >= base)
			return false;
		buf_putc(&digits, c);
	}
	struct str d = buf_view(&digits);
	if (d.n == 0 || digits.overflow)
		return false;
	if (base == 10) {
		*out = minus ? arena_join(a, S("-"), d) : arena_dup(a, d);
		return true;
	}
	uint64_t v = 0;
	for (i = 0; i < d.n; i++) {
		char c = d.p[i];
		unsigned digit = is_digit(c) ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a') + 10;
		if (v > (UINT64_MAX - digit) / (unsigned)base)
			return false;
		v = v * (unsigned)base + digit;
	}
	*out = arena_printf(a, "%s%llu", minus ? "-" : "", (unsigned long long)v);
	return true;
}

/* [-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)? and \.[0-9]+ : YAML 1.1 wants the dot. */
static bool float_text(struct arena *a, struct str s, struct str *out)
{
	size_t i = 0, whole = 0, fraction = 0;
	struct buf b;
	buf_init(&b, a, 128);
	if (i < s.n && (s.p[i] == '-' || s.p[i] == '+')) {
		if (s.p[i] == '-')
			buf_putc(&b, '-');
		i++;
	}
	for (; i < s.n && (is_digit(s.p[i]) || (whole > 0 && s.p[i] == '_')); i++, whole++)
		if (s.p[i] != '_')
			buf_putc(&b, s.p[i]);
	if (whole == 0)
		buf_putc(&b, '0');
	if (i >= s.n || s.p[i] != '.')
		return false;
	buf_putc(&b, '.');
	for (i++; i < s.n && (is_digit(s.p[i]) || s.p[i] == '_'); i++, fraction++)
		if (s.p[i] != '_')
			buf_putc(&b, s.p[i]);
	if (whole == 0 && fraction == 0)
		return false;
	if (fraction == 0)
		buf_putc(&b, '0');
	if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
		buf_putc(&b, 'e');
		i++;
		if (i + 1 >= s.n || (s.p[i] != '-' && s.p[i] != '+'))
			return false;
		buf_putc(&b, s.p[i++]);
		for (; i < s.n && is_digit(s.p[i]); i++)
			buf_putc(&b, s.p[i]);
	}
	if (i != s.n || b.overflow)
		return false;
	*out = arena_dup(a, buf_view(&b));
	/* JSON has no leading zeros: "01.5" stays text, as it was meant to */
	struct str t = *out;
	size_t start = t.p[0] == '-' ? 1 : 0;
	return !(t.n > start + 1 && t.p[start] == '0' && is_digit(t.p[start + 1]));
}

static struct json *plain_scalar(struct yaml_reader *r, struct str s)
{
	static const char *const yes[] = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", NULL};
	static const char *const no[] = {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", NULL};
	static const char *const null[] = {"", "~", "null", "Null", "NULL", NULL};
	struct str number;
	if (one_of(s, null))
		return json_new_null(r->a);
	if (one_of(s, yes))
		return json_new_bool(r->a, true);
	if (one_of(s, no))
		return json_new_bool(r->a, false);
	if (s.n < 64 && (is_digit(s.p[0]) || s.p[0] == '-' || s.p[0] == '+' || s.p[0] == '.')) {
		if (integer_text(r->a, s, &number) || float_text(r->a, s, &number))
			return json_new_number(r->a, number);
	}
	return json_new_str(r->a, s);
}

/* What the caller makes of a tag that is not YAML's own. NULL: failed. */
static struct json *with_tag(struct yaml_reader *r, yaml_mark_t at, struct str tag, struct json *value)
{
	struct json *made = r->tagged != NULL ? r->tagged(r->a, tag, value) : NULL;
	if (made == NULL)
		yaml_fail(r, at, "unsupported YAML tag.");
	return made;
}

static struct json *scalar_node(struct yaml_reader *r, const yaml_event_t *e)
{
	struct str text = arena_dup(r->a, str_of((const char *)e->data.scalar.value, e->data.scalar.length));
	struct str tag = str_c((const char *)e->data.scalar.tag);
	bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (!str_present(tag))
		return plain ? plain_scalar(r, text) : json_new_str(r->a, text);
	if (str_eq(tag, S("!")) || str_eq(tag, S("tag:yaml.org,2002:str")))
		return json_new_str(r->a, text);
	if (str_eq(tag, S("tag:yaml.org,2002:int")) || str_eq(tag, S("tag:yaml.org,2002:float"))
	    || str_eq(tag, S("tag:yaml.org,2002:bool")) || str_eq(tag, S("tag:yaml.org,2002:null")))
		return plain_scalar(r, text);
	return with_tag(r, e->start_mark, arena_dup(r->a, tag), json_new_str(r->a, text));
}

static struct json *node_of(struct yaml_reader *r, const yaml_event_t *e, unsigned depth);

static size_t count_nodes(const struct json *j, size_t budget)
{
	size_t n = 1;
	if (j->type == JSON_ARRAY)
		for (uint32_t i = 0; i < j->n && n <= budget; i++)
			n += count_nodes(&j->items[i], budget - n);
	if (j->type == JSON_OBJECT)
		for (uint32_t i = 0; i < j->n && n <= budget; i++)
			n += count_nodes(&j->members[i].value, budget - n);
	return n;
}

static struct json *alias_node(struct yaml_reader *r, const yaml_event_t *e)
{
	const struct json *target = map_get(&r->anchors, str_c((const char *)e->data.alias.anchor));
	if (target == NULL) {
		yaml_fail(r, e->start_mark, NULL);
		return NULL;
	}
	size_t n = count_nodes(target, YAML_NODES_MAX);
	if (r->nodes + n > YAML_NODES_MAX) {
		yaml_fail(r, e->start_mark, "the document is too large.");
		return NULL;
	}
	r->nodes += n;
	return json_copy(r->a, target);
}

static struct json *sequence_node(struct yaml_reader *r, unsigned depth)
{
	struct json *array = json_new_array(r->a);
	for (;;) {
		yaml_event_t e;
		if (!next_event(r, &e))
			return NULL;
		if (e.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&e);
			return array;
		}
		struct json *item = node_of(r, &e, depth + 1);
		yaml_event_delete(&e);
		if (item == NULL)
			return NULL;
		json_push(r->a, array, item);
	}
}

/* "<<": members of the mapping, or of each mapping in the list, that are not there yet. */
static bool merge(struct yaml_reader *r, struct json *into, const struct json *from)
{
	if (json_is(from, JSON_ARRAY)) {
		for (uint32_t i = 0; i < from->n; i++)
			if (!json_is(&from->items[i], JSON_OBJECT) || !merge(r, into, &from->items[i]))
				return false;
		return true;
	}
	if (!json_is(from, JSON_OBJECT))
		return false;
	for (uint32_t i = 0; i < from->n; i++)
		if (json_get(into, from->members[i].key) == NULL)
			json_set(r->a, into, from->members[i].key, &from->members[i].value);
	return true;
}

static struct str key_text(struct yaml_reader *r, const yaml_event_t *e)
{
	if (e->type != YAML_SCALAR_EVENT) {
		yaml_fail(r, e->start_mark, NULL);
		return STR_NONE;
	}
	return arena_dup(r->a, str_of((const char *)e->data.scalar.value, e->data.scalar.length));
}

static struct json *mapping_node(struct yaml_reader *r, unsigned depth)
{
	struct json *object = json_new_object(r->a);
	struct json *merged = NULL;
	for (;;) {
		yaml_event_t e;
		if (!next_event(r, &e))
			return NULL;
		yaml_mark_t at = e.start_mark;
		if (e.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&e);
			if (merged != NULL && !merge(r, object, merged)) {
				yaml_fail(r, at, NULL);
				return NULL;
			}
			return object;
		}
		struct str key = key_text(r, &e);
		bool plain = e.type == YAML_SCALAR_EVENT && e.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
		yaml_event_delete(&e);
		if (!str_present(key) || !next_event(r, &e))
			return NULL;
		struct json *value = node_of(r, &e, depth + 1);
		yaml_event_delete(&e);
		if (value == NULL)
			return NULL;
		if (object->n >= YAML_MEMBERS_MAX) {
			yaml_fail(r, at, "the document is too large.");
			return NULL;
		}
		if (plain && str_eq(key, S("<<")))
			merged = value;
		else
			json_set(r->a, object, key, value);
	}
}

static void remember(struct yaml_reader *r, const yaml_char_t *anchor, struct json *value)
{
	if (anchor != NULL && value != NULL)
		map_put(&r->anchors, arena_dup(r->a, str_c((const char *)anchor)), value); /* copied where it is used */
}

static struct json *node_of(struct yaml_reader *r, const yaml_event_t *e, unsigned depth)
{
	if (depth > YAML_DEPTH_MAX || ++r->nodes > YAML_NODES_MAX) {
		yaml_fail(r, e->start_mark, "the document is too large.");
		return NULL;
	}
	struct json *value = NULL;
	const yaml_char_t *anchor = NULL;
	struct str tag = STR_NONE;
	switch (e->type) {
	case YAML_ALIAS_EVENT:
		return alias_node(r, e);
	case YAML_SCALAR_EVENT:
		anchor = e->data.scalar.anchor;
		value = scalar_node(r, e);
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = e->data.sequence_start.anchor;
		tag = arena_dup(r->a, str_c((const char *)e->data.sequence_start.tag));
		value = sequence_node(r, depth);
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = e->data.mapping_start.anchor;
		tag = arena_dup(r->a, str_c((const char *)e->data.mapping_start.tag));
		value = mapping_node(r, depth);
		break;
	default:
		yaml_fail(r, e->start_mark, NULL);
		return NULL;
	}
	if (value == NULL)
		return NULL;
	if (str_present(tag) && !str_eq(tag, S("tag:yaml.org,2002:map")) && !str_eq(tag, S("tag:yaml.org,2002:seq")))
		value = with_tag(r, e->start_mark, tag, value);
	if (value == NULL)
		return NULL;
	remember(r, anchor, value);
	return value;
}

/* Stream start, document start, one node, document end, stream end. */
static struct json *document(struct yaml_reader *r)
{
	struct json *root = NULL;
	for (;;) {
		yaml_event_t e;
		if (!next_event(r, &e))
			return NULL;
		yaml_event_type_t type = e.type;
		yaml_mark_t at = e.start_mark;
		bool node = type == YAML_ALIAS_EVENT || type == YAML_SCALAR_EVENT || type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT;
		struct json *value = node && root == NULL ? node_of(r, &e, 1) : NULL;
		yaml_event_delete(&e);
		if (type == YAML_STREAM_END_EVENT)
			return root;
		if (!node)
			continue;
		if (root != NULL)
			yaml_fail(r, at, "more than one YAML document.");
		if (value == NULL)
			return NULL;
		root = value;
	}
}

struct json *yaml_parse(struct arena *a, struct str text, struct json *(*tagged)(struct arena *a, struct str tag, struct json *value),
                        struct str *why)
{
	struct yaml_reader r = {.a = a, .tagged = tagged, .why = why};
	ASSERT(a != NULL && why != NULL);
	if (!yaml_parser_initialize(&r.parser))
		die("libyaml: out of memory");
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text.p != NULL ? text.p : ""), text.n);
	map_init(&r.anchors, a);
	struct json *root = document(&r);
	yaml_parser_delete(&r.parser);
	if (r.failed)
		return NULL;
	if (root == NULL)
		*why = S(YAML_EMPTY);
	return root;
}
