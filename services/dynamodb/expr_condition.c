/* Conditions and filters: the grammar, and evaluation on an item.
 *
 *   or = and {OR and}    and = not {AND not}    not = NOT not | primary
 *   primary = '(' or ')' | function | operand comparator operand | operand BETWEEN operand AND operand
 *           | operand IN '(' operand {',' operand} ')'
 * An operand may be in parentheses too, so what follows '(' is known only at the matching ')': operand or
 * condition. parse_or with `operand_too` allows both. */
#include "expr_parse.h"

#include "base/enc.h"

enum { CONDITION_DEPTH_MAX = 400 };

static struct expr *parse_or(struct parser *p, bool operand_too);

static bool is_operand_only(const struct expr *e)
{
	return e->kind == EXPR_PATH || e->kind == EXPR_VALUE;
}

static bool comparator_of(const struct token *t, enum expr_kind *kind)
{
	ASSERT(kind != NULL);
	static const struct { const char *text; enum expr_kind kind; } table[] = {
		{"=", EXPR_EQ}, {"<>", EXPR_NE}, {"<", EXPR_LT}, {"<=", EXPR_LE}, {">", EXPR_GT}, {">=", EXPR_GE},
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		if (!token_is(t, table[i].text))
			continue;
		*kind = table[i].kind;
		return true;
	}
	return false;
}

static void check_misused(struct parser *p, const struct expr *e)
{
	for (uint32_t i = 0; i < e->n; i++)
		if (e->args[i]->kind == EXPR_FUNCTION && e->args[i]->function != FN_SIZE)
			parser_note(p, MISTAKE_MISUSED_FUNCTION, "The function is not allowed to be used this way in an expression; "
			                                         "function: %.*s", STR_ARG(e->args[i]->name));
}

/* The first condition with mistakes decides, and in it the order of kinds. */
static struct expr *condition_done(struct parser *p, struct expr *e)
{
	ASSERT(e != NULL);
	static const enum mistake order[] = {MISTAKE_NAME, MISTAKE_VALUE, MISTAKE_COUNT, MISTAKE_DISTINCT, MISTAKE_TYPE};
	for (size_t i = 0; i < COUNT_OF(order); i++) {
		if (!str_present(p->mistakes[order[i]]))
			continue;
		parser_note(p, MISTAKE_CONDITION, "%.*s", STR_ARG(p->mistakes[order[i]]));
		break;
	}
	return e;
}

static struct str show_value(struct arena *a, const struct av *v)
{
	struct buf b;
	buf_init(&b, a, 0);
	buf_printf(&b, "AttributeValue: {%s:", av_type_name(v->type));
	if (v->type <= AV_B)
		buf_str(&b, v->s);
	else
		av_write_json(&b, v);
	buf_putc(&b, '}');
	return buf_view(&b);
}

static void check_bounds(struct parser *p, const struct expr *low, const struct expr *high)
{
	if (low->kind != EXPR_VALUE || high->kind != EXPR_VALUE || low->value == NULL || high->value == NULL)
		return;
	const struct av *x = low->value, *y = high->value;
	const char *what = NULL;
	if (x->type != y->type)
		what = "same data type for lower and upper bounds";
	else if (x->type <= AV_B && av_cmp(x, y) > 0)
		what = "upper bound to be greater than or equal to lower bound";
	if (what == NULL)
		return;
	parser_note(p, MISTAKE_TYPE, "The BETWEEN operator requires %s; lower bound operand: %.*s, upper bound operand: %.*s", what,
	            STR_ARG(show_value(p->x->arena, x)), STR_ARG(show_value(p->x->arena, y)));
}

static void check_comparison(struct parser *p, struct expr *e)
{
	ASSERT(e->n == 2);
	const struct expr *x = e->args[0], *y = e->args[1];
	if (x->kind == EXPR_PATH && y->kind == EXPR_PATH && path_equal(&x->path, &y->path))
		parser_note(p, MISTAKE_DISTINCT, "The first operand must be distinct from the remaining operands for this operator "
		                                 "or function; operator: %.*s, first operand: %.*s", STR_ARG(e->name),
		            STR_ARG(path_show(p->x->arena, &x->path)));
	if (e->kind == EXPR_EQ || e->kind == EXPR_NE)
		return;
	for (uint32_t i = 0; i < 2; i++) {
		enum av_type t = expr_type(e->args[i], false);
		if (t > AV_B)
			parser_note(p, MISTAKE_TYPE, "Incorrect operand type for operator or function; operator or function: %.*s, operand type: %s",
			            STR_ARG(e->name), av_type_name(t));
	}
}

static struct expr *parse_comparison(struct parser *p, struct expr *left, enum expr_kind kind)
{
	ASSERT(left != NULL && p->t.type == TOKEN_SYMBOL);
	struct str symbol = p->t.text;
	parser_advance(p);
	struct expr *right = parse_operand(p);
	if (right == NULL)
		return NULL;
	struct expr *e = parser_node(p, kind, left, right);
	e->name = symbol;
	check_misused(p, e);
	check_comparison(p, e);
	return condition_done(p, e);
}

static struct expr *parse_between(struct parser *p, struct expr *left)
{
	ASSERT(left != NULL && token_is_word(&p->t, "BETWEEN"));
	parser_advance(p);
	struct expr *low = parse_operand(p);
	if (low == NULL)
		return NULL;
	if (!token_is_word(&p->t, "AND")) {
		parser_syntax(p);
		return NULL;
	}
	parser_advance(p);
	struct expr *high = parse_operand(p);
	if (high == NULL)
		return NULL;
	struct expr *e = parser_node(p, EXPR_BETWEEN, left, low);
	expr_add_arg(p->x->arena, e, high);
	check_misused(p, e);
	for (uint32_t i = 0; i < e->n; i++)
		if (expr_type(e->args[i], false) > AV_B)
			parser_note(p, MISTAKE_TYPE, "Incorrect operand type for operator or function; operator or function: BETWEEN, operand type: %s",
			            av_type_name(expr_type(e->args[i], false)));
	check_bounds(p, low, high);
	return condition_done(p, e);
}

static struct expr *parse_in(struct parser *p, struct expr *left)
{
	ASSERT(left != NULL && token_is_word(&p->t, "IN"));
	parser_advance(p);
	if (!token_is(&p->t, "(")) {
		parser_syntax(p);
		return NULL;
	}
	struct expr *e = parser_node(p, EXPR_IN, left, NULL);
	do {
		parser_advance(p);
		struct expr *arg = parse_operand(p);
		if (arg == NULL)
			return NULL;
		expr_add_arg(p->x->arena, e, arg);
	} while (token_is(&p->t, ","));
	if (!parser_expect(p, ")"))
		return NULL;
	if (e->n - 1 > EXPR_IN_MAX)
		parser_note(p, MISTAKE_COUNT, "The IN operator is provided with too many operands; number of operands: %u", e->n - 1);
	check_misused(p, e);
	return condition_done(p, e);
}

/* What may follow an operand; without a comparator a function is a condition of its own. */
static struct expr *parse_after_operand(struct parser *p, struct expr *left, bool operand_too)
{
	ASSERT(left != NULL);
	enum expr_kind kind;
	bool compared = comparator_of(&p->t, &kind), between = token_is_word(&p->t, "BETWEEN"), in = token_is_word(&p->t, "IN");
	if (compared || between || in)
		parser_count_operator(p);
	if (compared)
		return parse_comparison(p, left, kind);
	if (between)
		return parse_between(p, left);
	if (in)
		return parse_in(p, left);
	if (operand_too && token_is(&p->t, ")"))
		return left;
	if (is_operand_only(left)) {
		parser_syntax(p);
		return NULL;
	}
	if (left->function == FN_SIZE)
		parser_note(p, MISTAKE_MISUSED_FUNCTION, "The function is not allowed to be used this way in an expression; "
		                                         "function: %.*s", STR_ARG(left->name));
	return condition_done(p, left);
}

static bool may_be_operand(const struct expr *e)
{
	return is_operand_only(e) || e->kind == EXPR_FUNCTION;
}

static struct expr *parse_primary(struct parser *p, bool operand_too)
{
	if (!token_is(&p->t, "(")) {
		struct expr *left = parse_operand(p);
		return left != NULL ? parse_after_operand(p, left, operand_too) : NULL;
	}
	if (!parser_deeper(p, CONDITION_DEPTH_MAX))
		return NULL;
	parser_advance(p);
	struct expr *e = parse_or(p, true);
	if (e == NULL || !parser_expect(p, ")"))
		return NULL;
	p->depth--;
	if (e == p->in_parens)
		parser_note(p, MISTAKE_PARENS, "The expression has redundant parentheses;");
	p->in_parens = e;
	return may_be_operand(e) ? parse_after_operand(p, e, operand_too) : e;
}

static struct expr *parse_not(struct parser *p, bool operand_too)
{
	if (p->broken)
		return NULL;
	if (!token_is_word(&p->t, "NOT"))
		return parse_primary(p, operand_too);
	if (!parser_deeper(p, CONDITION_DEPTH_MAX))
		return NULL;
	parser_count_operator(p);
	parser_advance(p);
	struct expr *e = parse_not(p, false);
	p->depth--;
	return e != NULL ? parser_node(p, EXPR_NOT, e, NULL) : NULL;
}

static struct expr *parse_chain(struct parser *p, bool operand_too, const char *word, enum expr_kind kind)
{
	ASSERT(kind == EXPR_OR || kind == EXPR_AND);
	struct expr *e = kind == EXPR_OR ? parse_chain(p, operand_too, "AND", EXPR_AND) : parse_not(p, operand_too);
	if (e == NULL || !token_is_word(&p->t, word))
		return e;
	if (is_operand_only(e)) {
		parser_syntax(p);
		return NULL;
	}
	e = parser_node(p, kind, e, NULL);
	while (token_is_word(&p->t, word)) {
		parser_count_operator(p);
		parser_advance(p);
		struct expr *next = kind == EXPR_OR ? parse_chain(p, false, "AND", EXPR_AND) : parse_not(p, false);
		if (next == NULL)
			return NULL;
		expr_add_arg(p->x->arena, e, next);
	}
	return e;
}

static struct expr *parse_or(struct parser *p, bool operand_too)
{
	return parse_chain(p, operand_too, "OR", EXPR_OR);
}

struct expr *expr_parse_condition(struct expr_context *x, const char *what, struct str text)
{
	ASSERT(x->arena != NULL && x->fault != NULL);
	static const enum mistake order[] = {MISTAKE_PARENS, MISTAKE_UNKNOWN_FUNCTION, MISTAKE_MISUSED_FUNCTION,
	                                     MISTAKE_RESERVED, MISTAKE_CONDITION, MISTAKE_LIMIT, N_MISTAKES};
	struct parser p;
	if (!parser_start(&p, x, what, text))
		return NULL;
	struct expr *e = parse_or(&p, false);
	return parser_finish(&p, order) ? e : NULL;
}

/* ---- evaluation ---- */

bool value_contains(const struct av *container, const struct av *element)
{
	ASSERT(container != NULL && element != NULL);
	if (container->type == AV_S || container->type == AV_B)
		return element->type == container->type && str_find_str(container->s, element->s) >= 0;
	if (av_is_set(container->type))
		return av_element_type(container->type) == element->type && av_set_has(container, element);
	if (container->type != AV_L)
		return false;
	for (uint32_t i = 0; i < container->n; i++)
		if (av_equal(&container->items[i], element))
			return true;
	return false;
}

bool value_begins_with(const struct av *v, const struct av *prefix)
{
	return v->type == prefix->type && (v->type == AV_S || v->type == AV_B) && str_starts(v->s, prefix->s);
}

bool value_ordered(enum expr_kind op, const struct av *x, const struct av *y)
{
	if (x->type != y->type || x->type > AV_B || x->type == AV_NONE)
		return false;
	int c = av_cmp(x, y);
	switch (op) {
	case EXPR_LT: return c < 0;
	case EXPR_LE: return c <= 0;
	case EXPR_GT: return c > 0;
	case EXPR_GE: return c >= 0;
	default: break;
	}
	ASSERT(op == EXPR_EQ);
	return c == 0;
}

/* size(): NULL when the value has none. */
static const struct av *size_of(const struct av *v, struct arena *a)
{
	if (v == NULL || v->type == AV_N || v->type == AV_BOOL || v->type == AV_NULL)
		return NULL;
	struct av *n = arena_new_of(a, struct av);
	size_t count = v->type == AV_S ? utf16_length(v->s) : v->type == AV_B ? v->s.n : v->n;
	*n = av_integer(a, (int64_t)count);
	return n;
}

static const struct av *operand_value(const struct expr *e, const struct av *item, struct arena *a)
{
	if (e->kind == EXPR_VALUE)
		return e->value;
	if (e->kind == EXPR_PATH)
		return path_resolve(&e->path, item);
	ASSERT(e->kind == EXPR_FUNCTION && e->function == FN_SIZE);
	return size_of(operand_value(e->args[0], item, a), a);
}

static bool function_matches(const struct expr *e, const struct av *item, struct arena *a)
{
	const struct av *x = operand_value(e->args[0], item, a);
	if (e->function == FN_ATTRIBUTE_EXISTS)
		return x != NULL;
	if (e->function == FN_ATTRIBUTE_NOT_EXISTS)
		return x == NULL;
	ASSERT(e->n == 2);
	const struct av *y = operand_value(e->args[1], item, a);
	if (x == NULL || y == NULL)
		return false;
	switch (e->function) {
	case FN_ATTRIBUTE_TYPE:
		return y->type == AV_S && str_eq(y->s, str_c(av_type_name(x->type)));
	case FN_BEGINS_WITH:
		return value_begins_with(x, y);
	case FN_CONTAINS:
		return value_contains(x, y);
	default:
		break;
	}
	ASSERT(e->function == FN_CONTAINS);
	return false;
}

static bool in_matches(const struct expr *e, const struct av *item, struct arena *a)
{
	ASSERT(e->n >= 2);
	const struct av *x = operand_value(e->args[0], item, a);
	for (uint32_t i = 1; x != NULL && i < e->n; i++) {
		const struct av *y = operand_value(e->args[i], item, a);
		if (y != NULL && av_equal(x, y))
			return true;
	}
	return false;
}

static bool comparison_matches(const struct expr *e, const struct av *item, struct arena *a)
{
	ASSERT(e->n == (e->kind == EXPR_BETWEEN ? 3u : 2u));
	const struct av *x = operand_value(e->args[0], item, a), *y = operand_value(e->args[1], item, a);
	if (e->kind == EXPR_NE) /* what is not there differs from everything */
		return x == NULL || y == NULL || !av_equal(x, y);
	if (x == NULL || y == NULL)
		return false;
	if (e->kind == EXPR_EQ)
		return av_equal(x, y);
	if (e->kind != EXPR_BETWEEN)
		return value_ordered(e->kind, x, y);
	const struct av *z = operand_value(e->args[2], item, a);
	return z != NULL && value_ordered(EXPR_GE, x, y) && value_ordered(EXPR_LE, x, z);
}

bool expr_matches(const struct expr *e, const struct av *item, struct arena *a)
{
	switch (e->kind) {
	case EXPR_OR:
		for (uint32_t i = 0; i < e->n; i++)
			if (expr_matches(e->args[i], item, a))
				return true;
		return false;
	case EXPR_AND:
		for (uint32_t i = 0; i < e->n; i++)
			if (!expr_matches(e->args[i], item, a))
				return false;
		return true;
	case EXPR_NOT:
		return !expr_matches(e->args[0], item, a);
	case EXPR_FUNCTION:
		return function_matches(e, item, a);
	case EXPR_IN:
		return in_matches(e, item, a);
	case EXPR_EQ: case EXPR_NE: case EXPR_LT: case EXPR_LE: case EXPR_GT: case EXPR_GE: case EXPR_BETWEEN:
		return comparison_matches(e, item, a);
	case EXPR_PLUS: case EXPR_MINUS: case EXPR_PATH: case EXPR_VALUE:
		break;
	}
	ASSERT(e->kind == EXPR_NOT);
	return false;
}
