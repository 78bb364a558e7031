/* The shared part of the expression parsers: see expr_parse.h. */
#include "expr_parse.h"

enum { DEPTH_MAX = 1000, INDEX_MAX = INT32_MAX };
#define TOO_MANY_OPERATORS "The expression contains too many operators; operator count: %d"

void parser_advance(struct parser *p)
{
	ASSERT(token_end(&p->t) <= p->text.n);
	p->before = p->t;
	p->t = token_next(p->text, token_end(&p->t));
}

bool parser_start(struct parser *p, struct expr_context *x, const char *what, struct str text)
{
	ASSERT(x->arena != NULL && x->fault != NULL);
	*p = (struct parser){.x = x, .what = what, .text = text};
	if (text.n == 0)
		return fault(x->fault, "Invalid %s: The expression can not be empty;", what);
	if (text.n > EXPR_LENGTH_MAX)
		return fault(x->fault, "Invalid %s: Expression size has exceeded the maximum allowed size; expression size: %zu",
		             what, text.n);
	p->t = token_next(text, 0);
	p->before = p->t;
	return true;
}

bool parser_syntax(struct parser *p)
{
	if (p->broken)
		return false;
	p->broken = true;
	size_t from = p->before.at, to = token_end(&p->t);
	if (p->t.type == TOKEN_END)
		return fault(p->x->fault, "Invalid %s: Syntax error; token: \"<EOF>\", near: \"%.*s\"", p->what,
		             STR_ARG(p->before.text));
	struct token after = token_next(p->text, to);
	if (after.type != TOKEN_END)
		to = token_end(&after);
	return fault(p->x->fault, "Invalid %s: Syntax error; token: \"%.*s\", near: \"%.*s\"", p->what, STR_ARG(p->t.text),
	             STR_ARG(str_slice(p->text, from, to)));
}

bool parser_expect(struct parser *p, const char *symbol)
{
	if (p->broken || !token_is(&p->t, symbol))
		return parser_syntax(p);
	parser_advance(p);
	return true;
}

void parser_note(struct parser *p, enum mistake kind, const char *fmt, ...)
{
	ASSERT(kind < N_MISTAKES);
	if (str_present(p->mistakes[kind]))
		return;
	va_list ap;
	va_start(ap, fmt);
	p->mistakes[kind] = arena_vprintf(p->x->arena, fmt, ap);
	va_end(ap);
}

bool parser_finish(struct parser *p, const enum mistake *order)
{
	ASSERT(p->x != NULL);
	if (p->broken)
		return false;
	if (p->t.type != TOKEN_END)
		return parser_syntax(p);
	for (; *order != N_MISTAKES; order++)
		if (str_present(p->mistakes[*order]))
			return fault(p->x->fault, "Invalid %s: %.*s", p->what, STR_ARG(p->mistakes[*order]));
	return true;
}

void parser_count_operator(struct parser *p)
{
	if (++p->operators > EXPR_OPERATORS_MAX)
		parser_note(p, MISTAKE_LIMIT, TOO_MANY_OPERATORS, EXPR_OPERATORS_MAX + 1);
}

/* So deep is only an expression with too many operators or too many parentheses: which, the text beyond has to say. */
bool parser_deeper(struct parser *p, int most)
{
	ASSERT(most > EXPR_OPERATORS_MAX);
	if (++p->depth <= most)
		return true;
	if (p->broken)
		return false;
	int operators = p->operators, open = p->depth - 1;
	for (struct token t = p->t; t.type != TOKEN_END; t = token_next(p->text, token_end(&t))) {
		operators += t.type == TOKEN_SYMBOL ? strchr("<>=", t.text.p[0]) != NULL :
		             token_is_word(&t, "NOT") || token_is_word(&t, "AND") || token_is_word(&t, "OR");
		open += token_is(&t, "(") - token_is(&t, ")");
	}
	if (operators <= EXPR_OPERATORS_MAX && open > 0)
		return parser_syntax(p);
	p->broken = true;
	if (operators > EXPR_OPERATORS_MAX)
		return fault(p->x->fault, "Invalid %s: " TOO_MANY_OPERATORS, p->what, EXPR_OPERATORS_MAX + 1);
	return fault(p->x->fault, "Invalid %s: The expression has redundant parentheses;", p->what);
}

/* ---- paths ---- */

static struct str resolve_name(struct parser *p, struct str key)
{
	for (size_t i = 0; i < p->x->n_names; i++) {
		if (!str_eq(p->x->names[i].key, key))
			continue;
		p->x->names[i].used = true;
		return p->x->names[i].name;
	}
	parser_note(p, MISTAKE_NAME, "An expression attribute name used in the document path is not defined; attribute name: %.*s",
	            STR_ARG(key));
	return S("");
}

/* Words that the grammar itself uses are never names; others that are reserved are found after the syntax. */
static bool is_keyword(const struct parser *p)
{
	static const char *const of_updates[] = {"SET", "REMOVE", "ADD", "DELETE"}, *const of_conditions[] = {"AND", "OR", "NOT", "IN", "BETWEEN"};
	bool conditions = !p->update && strcmp(p->what, "ProjectionExpression") != 0;
	const char *const *words = p->update ? of_updates : of_conditions;
	size_t n = p->update ? COUNT_OF(of_updates) : conditions ? COUNT_OF(of_conditions) : 0;
	for (size_t i = 0; i < n; i++)
		if (token_is_word(&p->t, words[i]))
			return true;
	return false;
}

static bool parse_name(struct parser *p, struct str *out)
{
	if (p->broken)
		return false;
	if (is_keyword(p))
		return parser_syntax(p);
	if (p->t.type == TOKEN_NAME) {
		*out = resolve_name(p, p->t.text);
	} else if (p->t.type == TOKEN_WORD) {
		*out = p->t.text;
		if (expr_is_reserved(*out))
			parser_note(p, MISTAKE_RESERVED, "Attribute name is a reserved keyword; reserved keyword: %.*s", STR_ARG(*out));
	} else {
		return parser_syntax(p);
	}
	parser_advance(p);
	return true;
}

static bool parse_index(struct parser *p, uint32_t *out)
{
	if (p->t.type != TOKEN_INDEX)
		return parser_syntax(p);
	uint64_t v = 0;
	if (!str_to_u64(p->t.text, &v) || v > INDEX_MAX) {
		parser_note(p, MISTAKE_LIMIT, "List index is not within the allowable range; index: [%.*s]", STR_ARG(p->t.text));
		v = INDEX_MAX;
	}
	*out = (uint32_t)v;
	parser_advance(p);
	return parser_expect(p, "]");
}

bool parse_path(struct parser *p, struct path *out)
{
	struct path_part parts[ITEM_DEPTH_MAX + 1] = {0};
	uint32_t n = 0;
	if (!parse_name(p, &parts[n].name))
		return false;
	for (n = 1; token_is(&p->t, ".") || token_is(&p->t, "["); n++) {
		struct path_part part = {.is_index = token_is(&p->t, "[")};
		parser_advance(p);
		if (part.is_index ? !parse_index(p, &part.index) : !parse_name(p, &part.name))
			return false;
		if (n < COUNT_OF(parts))
			parts[n] = part;
	}
	if (n > ITEM_DEPTH_MAX) {
		parser_note(p, MISTAKE_LIMIT, "The document path has too many nesting elements; nesting levels: %u", n);
		n = ITEM_DEPTH_MAX;
	}
	struct path_part *kept = arena_array(p->x->arena, struct path_part, n);
	memcpy(kept, parts, n * sizeof *kept);
	*out = (struct path){kept, n};
	return true;
}

static bool part_equal(const struct path_part *a, const struct path_part *b)
{
	return a->is_index == b->is_index && (a->is_index ? a->index == b->index : str_eq(a->name, b->name));
}

bool path_equal(const struct path *a, const struct path *b)
{
	ASSERT(a->n > 0 && b->n > 0);
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (!part_equal(&a->parts[i], &b->parts[i]))
			return false;
	return true;
}

struct str path_show(struct arena *a, const struct path *p)
{
	ASSERT(p->n > 0);
	struct buf b;
	buf_init(&b, a, 0);
	buf_putc(&b, '[');
	for (uint32_t i = 0; i < p->n; i++) {
		if (i > 0)
			buf_lit(&b, ", ");
		if (p->parts[i].is_index)
			buf_printf(&b, "[%u]", p->parts[i].index);
		else
			buf_str(&b, p->parts[i].name);
	}
	buf_putc(&b, ']');
	return buf_view(&b);
}

static void check_two(struct parser *p, const struct path *one, const struct path *two)
{
	ASSERT(one->n > 0 && two->n > 0);
	const char *verb = "overlap";
	enum mistake kind = MISTAKE_OVERLAP;
	for (uint32_t i = 0; i < one->n && i < two->n; i++) {
		if (one->parts[i].is_index != two->parts[i].is_index) {
			verb = "conflict";
			kind = MISTAKE_CONFLICT;
			break;
		}
		if (!part_equal(&one->parts[i], &two->parts[i]))
			return;
	}
	parser_note(p, kind, "Two document paths %s with each other; must remove or rewrite one of these paths; "
	                     "path one: %.*s, path two: %.*s", verb,
	            STR_ARG(path_show(p->x->arena, one)), STR_ARG(path_show(p->x->arena, two)));
}

void parser_check_overlap(struct parser *p, const struct path *paths, uint32_t n, const struct path *path)
{
	for (uint32_t i = 0; i < n; i++)
		check_two(p, &paths[i], path);
}

/* ---- operands ---- */

struct expr *parser_node(struct parser *p, enum expr_kind kind, struct expr *first, struct expr *second)
{
	struct expr *e = arena_new_of(p->x->arena, struct expr);
	e->kind = kind;
	if (first != NULL)
		expr_add_arg(p->x->arena, e, first);
	if (second != NULL)
		expr_add_arg(p->x->arena, e, second);
	return e;
}

void expr_add_arg(struct arena *a, struct expr *e, struct expr *arg)
{
	ASSERT(e != NULL && arg != NULL);
	/* Room doubles at powers of two. */
	if ((e->n & (e->n - 1)) == 0)
		e->args = arena_grow(a, e->args, sizeof(struct expr *), e->n, e->n == 0 ? 2 : (size_t)e->n * 2);
	e->args[e->n++] = arg;
}

static struct expr *parse_value(struct parser *p)
{
	ASSERT(p->t.type == TOKEN_VALUE);
	struct expr *e = parser_node(p, EXPR_VALUE, NULL, NULL);
	for (size_t i = 0; i < p->x->n_values; i++) {
		if (!str_eq(p->x->values[i].key, p->t.text))
			continue;
		p->x->values[i].used = true;
		e->value = &p->x->values[i].value;
	}
	if (e->value == NULL)
		parser_note(p, MISTAKE_VALUE, "An expression attribute value used in expression is not defined; attribute value: %.*s",
		            STR_ARG(p->t.text));
	parser_advance(p);
	return e;
}

enum av_type expr_type(const struct expr *e, bool results)
{
	if (e->kind == EXPR_VALUE)
		return e->value != NULL ? (enum av_type)e->value->type : AV_NONE;
	if (!results)
		return AV_NONE;
	if (e->kind == EXPR_PLUS || e->kind == EXPR_MINUS)
		return AV_N;
	if (e->kind != EXPR_FUNCTION)
		return AV_NONE;
	switch (e->function) {
	case FN_SIZE:
		return AV_N;
	case FN_LIST_APPEND:
		return AV_L;
	case FN_BEGINS_WITH: case FN_CONTAINS: case FN_ATTRIBUTE_TYPE:
		return AV_BOOL;
	case FN_IF_NOT_EXISTS:
		return e->n == 2 ? expr_type(e->args[1], true) : AV_NONE;
	default:
		return AV_NONE;
	}
}

static const struct { const char *name; enum expr_function function; uint32_t operands; bool update; } functions[] = {
	{"attribute_exists", FN_ATTRIBUTE_EXISTS, 1, false},
	{"attribute_not_exists", FN_ATTRIBUTE_NOT_EXISTS, 1, false},
	{"attribute_type", FN_ATTRIBUTE_TYPE, 2, false},
	{"begins_with", FN_BEGINS_WITH, 2, false},
	{"contains", FN_CONTAINS, 2, false},
	{"size", FN_SIZE, 1, false},
	{"if_not_exists", FN_IF_NOT_EXISTS, 2, true},
	{"list_append", FN_LIST_APPEND, 2, true},
};

static void note_type(struct parser *p, const struct expr *e, const char *type)
{
	parser_note(p, MISTAKE_TYPE, "Incorrect operand type for operator or function; operator or function: %.*s, "
	                             "operand type: %s", STR_ARG(e->name), type);
}

static void check_attribute_type(struct parser *p, const struct expr *e)
{
	ASSERT(e->n == 2);
	enum av_type t = expr_type(e->args[1], true);
	if (t != AV_S) {
		note_type(p, e, t == AV_NONE ? "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}" : av_type_name(t));
		return;
	}
	struct str name = e->args[1]->value->s;
	if (av_type_of_name(name) == AV_NONE)
		parser_note(p, MISTAKE_TYPE, "Invalid attribute type name found; type: %.*s, valid types: "
		                             "{B,NULL,SS,BOOL,L,BS,N,NS,S,M}", STR_ARG(name));
}

static void check_operand_types(struct parser *p, const struct expr *e)
{
	ASSERT(e != NULL);
	enum av_type t;
	switch (e->function) {
	case FN_ATTRIBUTE_EXISTS: case FN_ATTRIBUTE_NOT_EXISTS: case FN_IF_NOT_EXISTS:
		if (e->args[0]->kind != EXPR_PATH)
			parser_note(p, MISTAKE_TYPE, "Operator or function requires a document path; operator or function: %.*s",
			            STR_ARG(e->name));
		return;
	case FN_BEGINS_WITH:
		for (uint32_t i = 0; i < e->n; i++)
			if ((t = expr_type(e->args[i], true)) != AV_NONE && t != AV_S && t != AV_B)
				note_type(p, e, av_type_name(t));
		return;
	case FN_ATTRIBUTE_TYPE:
		check_attribute_type(p, e);
		return;
	case FN_SIZE:
		t = expr_type(e->args[0], true);
		if (t == AV_N || t == AV_BOOL || t == AV_NULL)
			note_type(p, e, av_type_name(t));
		return;
	case FN_LIST_APPEND:
		for (uint32_t i = 0; i < e->n; i++)
			if ((t = expr_type(e->args[i], false)) != AV_NONE && t != AV_L)
				note_type(p, e, av_type_name(t));
		return;
	case FN_CONTAINS: case FN_UNKNOWN:
		return;
	}
}

static void check_distinct(struct parser *p, const struct expr *e)
{
	if (e->n == 2 && e->args[0]->kind == EXPR_PATH && e->args[1]->kind == EXPR_PATH &&
	    path_equal(&e->args[0]->path, &e->args[1]->path))
		parser_note(p, MISTAKE_DISTINCT, "The first operand must be distinct from the remaining operands for this operator "
		                                 "or function; operator: %.*s, first operand: %.*s", STR_ARG(e->name),
		            STR_ARG(path_show(p->x->arena, &e->args[0]->path)));
}

/* Names are told apart by case: the service knows "size", not "SIZE". */
static void check_function(struct parser *p, struct expr *e)
{
	ASSERT(e->kind == EXPR_FUNCTION && e->function == FN_UNKNOWN);
	uint32_t operands = 0;
	bool misplaced = false;
	for (size_t i = 0; i < COUNT_OF(functions); i++) {
		if (!str_eq(e->name, str_c(functions[i].name)))
			continue;
		misplaced = functions[i].update != p->update;
		e->function = functions[i].function;
		operands = functions[i].operands;
	}
	if (misplaced)
		parser_note(p, MISTAKE_UNKNOWN_FUNCTION, "The function is not allowed in %s expression; function: %.*s",
		            p->update ? "an update" : "a condition", STR_ARG(e->name));
	if (misplaced)
		return;
	if (e->function == FN_UNKNOWN) {
		parser_note(p, MISTAKE_UNKNOWN_FUNCTION, "Invalid function name; function: %.*s", STR_ARG(e->name));
		return;
	}
	if (e->n != operands) {
		parser_note(p, MISTAKE_COUNT, "Incorrect number of operands for operator or function; operator or function: %.*s, "
		                              "number of operands: %u", STR_ARG(e->name), e->n);
		return;
	}
	if (!p->update)
		check_distinct(p, e);
	check_operand_types(p, e);
}

struct expr *parse_function(struct parser *p)
{
	ASSERT(p->t.type == TOKEN_WORD);
	struct expr *e = parser_node(p, EXPR_FUNCTION, NULL, NULL);
	e->name = p->t.text;
	parser_advance(p);
	parser_count_operator(p);
	do {
		parser_advance(p); /* the parenthesis, then commas */
		struct expr *arg = parse_operand(p);
		if (arg == NULL)
			return NULL;
		if (arg->kind == EXPR_FUNCTION && arg->function != (p->update ? FN_IF_NOT_EXISTS : FN_SIZE))
			parser_note(p, MISTAKE_MISUSED_FUNCTION, "The function is not allowed to be used this way in an expression; "
			                                         "function: %.*s", STR_ARG(arg->name));
		expr_add_arg(p->x->arena, e, arg);
	} while (token_is(&p->t, ","));
	if (!parser_expect(p, ")"))
		return NULL;
	check_function(p, e);
	return e;
}

static struct expr *parse_operand_in_parens(struct parser *p)
{
	ASSERT(token_is(&p->t, "("));
	if (!parser_deeper(p, DEPTH_MAX))
		return NULL;
	parser_advance(p);
	struct expr *e = parse_operand(p);
	if (e == NULL || !parser_expect(p, ")"))
		return NULL;
	p->depth--;
	if (e == p->in_parens)
		parser_note(p, MISTAKE_PARENS, "The expression has redundant parentheses;");
	p->in_parens = e;
	return e;
}

struct expr *parse_operand(struct parser *p)
{
	if (p->broken)
		return NULL;
	if (token_is(&p->t, "("))
		return parse_operand_in_parens(p);
	if (p->t.type == TOKEN_VALUE)
		return parse_value(p);
	struct token after = token_next(p->text, token_end(&p->t));
	if (p->t.type == TOKEN_WORD && token_is(&after, "("))
		return parse_function(p);
	struct expr *e = parser_node(p, EXPR_PATH, NULL, NULL);
	return parse_path(p, &e->path) ? e : NULL;
}

bool expr_check_unused(struct expr_context *x)
{
	ASSERT(x->fault != NULL);
	struct buf b;
	buf_init(&b, x->arena, 0);
	for (size_t i = 0; i < x->n_names; i++)
		if (!x->names[i].used)
			buf_printf(&b, "%s%.*s", b.n > 0 ? ", " : "", STR_ARG(x->names[i].key));
	if (b.n > 0)
		return fault(x->fault, "Value provided in ExpressionAttributeNames unused in expressions: keys: {%.*s}",
		             STR_ARG(buf_view(&b)));
	for (size_t i = 0; i < x->n_values; i++)
		if (!x->values[i].used)
			buf_printf(&b, "%s%.*s", b.n > 0 ? ", " : "", STR_ARG(x->values[i].key));
	if (b.n > 0)
		return fault(x->fault, "Value provided in ExpressionAttributeValues unused in expressions: keys: {%.*s}",
		             STR_ARG(buf_view(&b)));
	return true;
}
