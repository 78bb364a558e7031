/* YAML text into a struct json tree: yaml.h says what is read.
 *
 * Always holds: no more than YAML_NODES_MAX nodes are made, aliases included; no mapping has more than YAML_MEMBERS_MAX
 * members, merged ones included; the tree is at most YAML_DEPTH_MAX deep and what tags add to its leaves, which is less
 * than JSON_DEPTH_MAX: written as JSON it can be read again. Time grows with the nodes, whatever they are.
 * Dates and sexagesimal numbers stay text ("2012-10-17" is a version, "22:22" is a pair of ports). */
#include "base/yaml.h"

#include "base/map.h"

#include <yaml.h>

enum { TAG_LEVELS = 2 }; /* "!GetAtt a.b" becomes {"Fn::GetAtt": ["a", "b"]} */
_Static_assert(YAML_DEPTH_MAX + 2 * TAG_LEVELS < JSON_DEPTH_MAX, "what is read here can be read again as JSON");

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

/* An event that was given must be deleted by whoever asked for it. */
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
	ASSERT(s.n > 0);
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
	ASSERT(s.n > 0 && s.n < 64); /* what plain_scalar looks at */
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
	for (i++; i < s.n && (is_digit(s.p[i]) || s.p[i] == '_'); i++)
		if (s.p[i] != '_') {
			buf_putc(&b, s.p[i]);
			fraction++;
		}
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
	ASSERT(s.p != NULL);
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
	ASSERT(str_present(tag) && value != NULL);
	struct json *made = r->tagged != NULL ? r->tagged(r->a, tag, value) : NULL;
	if (made == NULL)
		yaml_fail(r, at, "unsupported YAML tag.");
	return made;
}

/* Quoted scalars are text whatever they look like; a tag says otherwise. */
static struct json *scalar_node(struct yaml_reader *r, const yaml_event_t *e)
{
	ASSERT(e->type == YAML_SCALAR_EVENT);
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

/* Nodes of a tree, counted until they are more than the budget; *height becomes at least that of the tree, in levels. */
static size_t count_nodes(const struct json *j, size_t budget, unsigned level, unsigned *height)
{
	size_t n = 1;
	*height = level > *height ? level : *height;
	if (j->type == JSON_ARRAY)
		for (uint32_t i = 0; i < j->n && n <= budget; i++)
			n += count_nodes(&j->items[i], budget - n, level + 1, height);
	if (j->type == JSON_OBJECT)
		for (uint32_t i = 0; i < j->n && n <= budget; i++)
			n += count_nodes(&j->members[i].value, budget - n, level + 1, height);
	return n;
}

/* A copy of what an anchor names. An alias below an alias adds depth that the text does not show, so it is counted. */
static struct json *alias_node(struct yaml_reader *r, const yaml_event_t *e, unsigned depth)
{
	ASSERT(e->type == YAML_ALIAS_EVENT);
	const struct json *target = map_get(&r->anchors, str_c((const char *)e->data.alias.anchor));
	if (target == NULL) {
		yaml_fail(r, e->start_mark, NULL);
		return NULL;
	}
	unsigned height = 0;
	size_t n = count_nodes(target, YAML_NODES_MAX, 0, &height);
	if (r->nodes + n > YAML_NODES_MAX || depth + height > YAML_DEPTH_MAX + TAG_LEVELS) {
		yaml_fail(r, e->start_mark, "the document is too large.");
		return NULL;
	}
	r->nodes += n;
	return json_copy(r->a, target);
}

static struct json *sequence_node(struct yaml_reader *r, unsigned depth)
{
	ASSERT(depth >= 1);
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

/* A mapping that is being read: its members by name, once they are many. */
struct mapping {
	struct json *object;
	struct map places; /* of the member's number and one; empty while there are few */
};

enum { FEW_MEMBERS = 16 };

static struct json *member_there(const struct mapping *m, struct str key)
{
	if (m->object->n <= FEW_MEMBERS)
		return json_get(m->object, key);
	ASSERT(map_count(&m->places) == m->object->n);
	uintptr_t place = (uintptr_t)map_get(&m->places, key);
	return place > 0 ? &m->object->members[place - 1].value : NULL;
}

/* Set or replace a member. false: there are too many. */
static bool member_set(struct yaml_reader *r, struct mapping *m, struct str key, const struct json *value)
{
	ASSERT(str_present(key) && value != NULL);
	struct json *there = member_there(m, key);
	if (there != NULL) {
		*there = *value;
		return true;
	}
	if (m->object->n >= YAML_MEMBERS_MAX)
		return false;
	json_add(r->a, m->object, key, value);
	uint32_t n = m->object->n;
	for (uint32_t i = n == FEW_MEMBERS + 1 ? 0 : n > FEW_MEMBERS ? n - 1 : n; i < n; i++)
		(void)map_put(&m->places, m->object->members[i].key, (void *)((uintptr_t)i + 1));
	return true;
}

/* "<<": members of the mapping, or of each mapping in the list, that are not there yet. */
static bool merge(struct yaml_reader *r, struct mapping *into, const struct json *from)
{
	ASSERT(into->object != NULL && from != NULL);
	if (json_is(from, JSON_ARRAY)) {
		for (uint32_t i = 0; i < from->n; i++)
			if (!json_is(&from->items[i], JSON_OBJECT) || !merge(r, into, &from->items[i]))
				return false;
		return true;
	}
	if (!json_is(from, JSON_OBJECT))
		return false;
	for (uint32_t i = 0; i < from->n; i++)
		if (member_there(into, from->members[i].key) == NULL && !member_set(r, into, from->members[i].key, &from->members[i].value))
			return false;
	return true;
}

static struct str key_text(struct yaml_reader *r, const yaml_event_t *e)
{
	ASSERT(!r->failed);
	if (e->type != YAML_SCALAR_EVENT) {
		yaml_fail(r, e->start_mark, NULL);
		return STR_NONE;
	}
	return arena_dup(r->a, str_of((const char *)e->data.scalar.value, e->data.scalar.length));
}

/* The merge key is remembered and applied last, for the mapping's own members win wherever it stands. Only an
 * unquoted one counts. */
static struct json *mapping_node(struct yaml_reader *r, unsigned depth)
{
	ASSERT(depth >= 1);
	struct mapping m = {.object = json_new_object(r->a)};
	struct json *merged = NULL;
	map_init(&m.places, r->a);
	for (;;) {
		yaml_event_t e;
		if (!next_event(r, &e))
			return NULL;
		yaml_mark_t at = e.start_mark;
		if (e.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&e);
			if (merged != NULL && !merge(r, &m, merged)) {
				yaml_fail(r, at, NULL);
				return NULL;
			}
			return m.object;
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
		if (plain && str_eq(key, S("<<"))) {
			merged = value;
		} else if (!member_set(r, &m, key, value)) {
			yaml_fail(r, at, "the document is too large.");
			return NULL;
		}
	}
}

/* A later anchor of the same name replaces the earlier one for what follows, as YAML has it. */
static void remember(struct yaml_reader *r, const yaml_char_t *anchor, struct json *value)
{
	if (anchor != NULL && value != NULL)
		map_put(&r->anchors, arena_dup(r->a, str_c((const char *)anchor)), value); /* copied where it is used */
}

/* A tag on a list or mapping that is the caller's to explain. */
static bool own_tag(struct str tag)
{
	return str_present(tag) && !str_eq(tag, S("tag:yaml.org,2002:map")) && !str_eq(tag, S("tag:yaml.org,2002:seq"));
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
		return alias_node(r, e, depth);
	case YAML_SCALAR_EVENT:
		anchor = e->data.scalar.anchor;
		value = scalar_node(r, e);
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = e->data.sequence_start.anchor;
		tag = arena_dup(r->a, str_c((const char *)e->data.sequence_start.tag));
		value = sequence_node(r, depth + (own_tag(tag) ? TAG_LEVELS : 0));
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = e->data.mapping_start.anchor;
		tag = arena_dup(r->a, str_c((const char *)e->data.mapping_start.tag));
		value = mapping_node(r, depth + (own_tag(tag) ? TAG_LEVELS : 0));
		break;
	default:
		yaml_fail(r, e->start_mark, NULL);
		return NULL;
	}
	if (value == NULL)
		return NULL;
	if (own_tag(tag))
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
