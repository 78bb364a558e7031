/* Expressions of S3 Select's SQL, from tokens to trees: a parser by precedence.
 *
 * What always holds: no expression is deeper than SQL_DEPTH_MAX, so that evaluating it cannot exhaust the stack. */
#include "select_parse.h"

/* ---- the tree ---- */

static struct expr *node(struct parser *p, enum expr_kind kind, int op)
{
	struct expr *x = arena_new_of(p->a, struct expr);
	x->kind = kind;
	x->op = op;
	x->column = -1;
	return x;
}

/* NULL when an argument is: p has failed. */
static struct expr *with(struct parser *p, struct expr *x, struct expr *arg)
{
	if (x == NULL || arg == NULL || p->failed)
		return NULL;
	ASSERT(arg != x && arg->depth <= SQL_DEPTH_MAX);
	(void)GROW(p, x->args, x->n_args);
	x->args[x->n_args++] = arg;
	if (arg->depth + 1 > x->depth)
		x->depth = arg->depth + 1;
	return x->depth <= SQL_DEPTH_MAX ? x : parse_fail(p, "ExpressionTooLong", "The SQL expression is nested too deeply: at most %d.", SQL_DEPTH_MAX);
}

static struct expr *two(struct parser *p, enum expr_kind kind, int op, struct expr *l, struct expr *r)
{
	return with(p, with(p, node(p, kind, op), l), r);
}

static struct expr *literal(struct parser *p, struct value v)
{
	struct expr *x = node(p, X_LITERAL, 0);
	x->value = v;
	return x;
}

/* ---- paths ---- */

static bool add_step(struct parser *p, struct step **v, size_t *n, struct step s)
{
	if (*n >= SQL_DEPTH_MAX) {
		parse_fail(p, "InvalidKeyPath", "The SQL expression contains an invalid key path.");
		return false;
	}
	(void)GROW(p, *v, *n);
	(*v)[(*n)++] = s;
	return true;
}

/* .name, ."name", .*, [3], [*], ['name'] */
bool parse_steps(struct parser *p, struct step **v, size_t *n)
{
	while (!p->failed) {
		struct step s = {.kind = STEP_NAME};
		if (parse_accept(p, ".")) {
			s.quoted = p->token == T_QUOTED;
			if (parse_is_symbol(p, "*"))
				s.kind = STEP_ANY;
			else if (p->token != T_WORD && p->token != T_QUOTED) {
				parse_fail(p, "InvalidKeyPath", "The SQL expression contains an invalid key path.");
				return false;
			}
			s.name = p->s;
			parse_next(p);
		} else if (parse_accept(p, "[")) {
			s.kind = parse_is_symbol(p, "*") ? STEP_ALL : p->token == T_INT ? STEP_INDEX : STEP_NAME;
			s.quoted = true;
			s.name = p->s;
			if ((s.kind == STEP_NAME && p->token != T_STRING) || (s.kind == STEP_INDEX && !str_to_i64(p->s, &s.index))) {
				parse_fail(p, "InvalidKeyPath", "The SQL expression contains an invalid key path.");
				return false;
			}
			parse_next(p);
			if (!parse_expect(p, "]"))
				return false;
		} else {
			return true;
		}
		if (!add_step(p, v, n, s))
			return false;
	}
	return false;
}

static struct expr *path(struct parser *p)
{
	struct expr *x = node(p, X_PATH, 0);
	struct step first = {.kind = STEP_NAME, .name = p->s, .quoted = p->token == T_QUOTED};
	parse_next(p);
	return add_step(p, &x->path, &x->n_path, first) && parse_steps(p, &x->path, &x->n_path) ? x : NULL;
}

/* ---- functions ---- */

static bool time_part_of(struct str s, enum time_part *out)
{
	static const char *const names[] = {"year", "month", "day", "hour", "minute", "second", "", "timezone_hour", "timezone_minute"};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (names[i][0] != '\0' && str_eq_nocase(s, str_c(names[i]))) {
			*out = (enum time_part)i;
			return true;
		}
	return false;
}

static bool read_part(struct parser *p, struct expr *x, bool zones)
{
	if (p->token != T_WORD || !time_part_of(p->s, &x->part) || (!zones && x->part > PART_SECOND)) {
		parse_fail(p, "ParseExpectedDatePart", "Did not find the expected date part in the SQL expression.");
		return false;
	}
	parse_next(p);
	return true;
}

static struct expr *trim_call(struct parser *p, struct expr *x)
{
	x->trim = parse_accept_word(p, "leading") ? TRIM_LEADING : parse_accept_word(p, "trailing") ? TRIM_TRAILING : TRIM_BOTH;
	if (x->trim == TRIM_BOTH)
		(void)parse_accept_word(p, "both");
	struct expr *first = parse_is_word(p, "from") ? NULL : parse_expression(p);
	if (!parse_accept_word(p, "from"))
		return with(p, x, first);
	x = with(p, x, parse_expression(p));
	return first != NULL ? with(p, x, first) : x; /* the characters come second */
}

static struct expr *substring_call(struct parser *p, struct expr *x)
{
	x = with(p, x, parse_expression(p));
	bool words = parse_accept_word(p, "from");
	if (!words && !parse_expect(p, ","))
		return NULL;
	x = with(p, x, parse_expression(p));
	if (words ? parse_accept_word(p, "for") : parse_accept(p, ","))
		x = with(p, x, parse_expression(p));
	return x;
}

static struct expr *plain_arguments(struct parser *p, struct expr *x)
{
	if (parse_is_symbol(p, ")"))
		return x;
	do
		x = with(p, x, parse_expression(p));
	while (x != NULL && parse_accept(p, ","));
	return x;
}

static struct expr *arguments(struct parser *p, struct expr *x)
{
	switch ((enum function)x->op) {
	case F_TRIM: return trim_call(p, x);
	case F_SUBSTRING: return substring_call(p, x);
	case F_DATE_ADD: case F_DATE_DIFF:
		return read_part(p, x, false) && parse_expect(p, ",") ? plain_arguments(p, x) : NULL;
	case F_EXTRACT:
		return read_part(p, x, true) && parse_expect_word(p, "from") ? with(p, x, parse_expression(p)) : NULL;
	default: return plain_arguments(p, x);
	}
}

static const struct { const char *name; enum function f; size_t least, most; } functions[] = {
	{"coalesce", F_COALESCE, 1, 1000}, {"nullif", F_NULLIF, 2, 2}, {"date_add", F_DATE_ADD, 2, 2}, {"date_diff", F_DATE_DIFF, 2, 2},
	{"extract", F_EXTRACT, 1, 1}, {"to_string", F_TO_STRING, 2, 2}, {"to_timestamp", F_TO_TIMESTAMP, 1, 1}, {"utcnow", F_UTCNOW, 0, 0},
	{"char_length", F_CHAR_LENGTH, 1, 1}, {"character_length", F_CHAR_LENGTH, 1, 1}, {"lower", F_LOWER, 1, 1}, {"upper", F_UPPER, 1, 1},
	{"substring", F_SUBSTRING, 2, 3}, {"trim", F_TRIM, 1, 2}};

static struct expr *aggregate(struct parser *p, enum aggregate kind)
{
	struct expr *x = node(p, X_AGGREGATE, kind);
	if (p->in_aggregate)
		return parse_fail(p, "UnsupportedSqlStructure", "Encountered an unsupported SQL structure: an aggregate inside an aggregate.");
	p->in_aggregate = true;
	if (kind != A_COUNT || !parse_accept(p, "*"))
		x = with(p, x, parse_expression(p));
	p->in_aggregate = false;
	if (x == NULL || !parse_expect(p, ")"))
		return NULL;
	ASSERT(!p->failed && x->n_args <= 1);
	x->slot = p->q->n_aggregates++;
	return x;
}

static struct expr *call(struct parser *p, struct str name)
{
	static const char *const aggregates[] = {"count", "sum", "avg", "min", "max"};
	for (size_t i = 0; i < COUNT_OF(aggregates); i++)
		if (str_eq_nocase(name, str_c(aggregates[i])))
			return aggregate(p, (enum aggregate)i);
	for (size_t i = 0; i < COUNT_OF(functions); i++) {
		if (!str_eq_nocase(name, str_c(functions[i].name)))
			continue;
		struct expr *x = arguments(p, node(p, X_CALL, (int)functions[i].f));
		if (x == NULL || !parse_expect(p, ")"))
			return NULL;
		if (x->n_args < functions[i].least || x->n_args > functions[i].most)
			return parse_fail(p, "EvaluatorInvalidArguments", "Incorrect number of arguments in the function call in the SQL expression.");
		return x;
	}
	return parse_fail(p, "UnsupportedFunction", "Encountered an unsupported SQL function: %.*s", STR_ARG(name));
}

/* CAST(x AS type) */
static struct expr *cast(struct parser *p)
{
	static const struct { const char *name; enum value_type type; } types[] = {{"bool", V_BOOL}, {"boolean", V_BOOL}, {"int", V_INT},
		{"integer", V_INT}, {"string", V_STRING}, {"varchar", V_STRING},
		{"char", V_STRING}, {"float", V_FLOAT}, {"double", V_FLOAT}, {"decimal", V_FLOAT},
		{"numeric", V_FLOAT}, {"timestamp", V_TIME}};
	struct expr *x = with(p, node(p, X_CAST, V_NULL), parse_expression(p));
	if (x == NULL || !parse_expect_word(p, "as"))
		return NULL;
	for (size_t i = 0; i < COUNT_OF(types) && p->token == T_WORD; i++)
		if (str_eq_nocase(p->s, str_c(types[i].name)))
			x->op = (int)types[i].type;
	if (x->op == V_NULL)
		return parse_fail(p, "ParseExpectedTypeName", "Did not find the expected type name in the SQL expression.");
	parse_next(p);
	if (parse_accept(p, "(")) { /* a length or a precision */
		do {
			if (p->token != T_INT)
				return parse_fail(p, "ParseInvalidTypeParam", "The SQL expression contains an invalid parameter value.");
			parse_next(p);
		} while (parse_accept(p, ","));
		if (!parse_expect(p, ")"))
			return NULL;
	}
	return parse_expect(p, ")") ? x : NULL;
}

/* CASE [x] WHEN a THEN b ... [ELSE c] END; with x each WHEN is x = a. */
static struct expr *case_of(struct parser *p)
{
	struct expr *x = node(p, X_CASE, 0), *of = parse_is_word(p, "when") ? NULL : parse_expression(p);
	bool compared = of != NULL;
	if (!parse_is_word(p, "when"))
		return parse_fail(p, "ParseExpectedWhenClause", "Did not find the expected WHEN clause in the SQL expression. CASE is not supported.");
	while (x != NULL && parse_accept_word(p, "when")) {
		struct expr *when = parse_expression(p);
		if (compared)
			when = two(p, X_COMPARE, OP_EQ, of, when);
		x = with(p, x, when);
		if (x == NULL || !parse_expect_word(p, "then"))
			return NULL;
		x = with(p, x, parse_expression(p));
	}
	if (x != NULL && parse_accept_word(p, "else")) {
		x->has_else = true;
		x = with(p, x, parse_expression(p));
	}
	return x != NULL && parse_expect_word(p, "end") ? x : NULL;
}

/* ---- by precedence ---- */

static struct expr *number(struct parser *p)
{
	struct value v = {.type = V_FLOAT};
	bool whole = p->token == T_INT && str_to_i64(p->s, &v.i);
	if (whole)
		v.type = V_INT;
	else if (!str_to_f64(p->s, &v.f))
		return parse_fail(p, "LexerInvalidLiteral", "The SQL expression contains an invalid literal.");
	parse_next(p);
	return literal(p, v);
}

static struct expr *time_literal(struct parser *p)
{
	struct value v;
	if (!time_of_text(p->s, &v))
		return parse_fail(p, "LexerInvalidIONLiteral", "The SQL expression contains an invalid operator: %.*s is no timestamp", STR_ARG(p->s));
	parse_next(p);
	return literal(p, v);
}

static struct expr *string_literal(struct parser *p)
{
	struct expr *x = literal(p, value_string(p->s));
	parse_next(p);
	return x;
}

static struct expr *named(struct parser *p)
{
	if (parse_accept_word(p, "true"))
		return literal(p, value_bool(true));
	if (parse_accept_word(p, "false"))
		return literal(p, value_bool(false));
	if (parse_accept_word(p, "null"))
		return literal(p, (struct value){.type = V_NULL});
	if (parse_accept_word(p, "missing"))
		return literal(p, (struct value){.type = V_MISSING});
	if (parse_accept_word(p, "case"))
		return case_of(p);
	if (parse_is_reserved(p)) {
		parse_unexpected(p);
		return NULL;
	}
	struct str name = p->s;
	size_t at = p->at;
	parse_next(p);
	if (parse_accept(p, "("))
		return str_eq_nocase(name, S("cast")) ? cast(p) : call(p, name);
	p->at = at; /* it was a path's first name */
	p->token = T_WORD;
	p->s = name;
	return path(p);
}

static struct expr *primary(struct parser *p)
{
	if (parse_accept(p, "(")) {
		struct expr *x = parse_expression(p);
		return x != NULL && parse_expect(p, ")") ? x : NULL;
	}
	switch (p->token) {
	case T_INT: case T_FLOAT: return number(p);
	case T_TIME: return time_literal(p);
	case T_STRING: return string_literal(p);
	case T_QUOTED: return path(p);
	case T_WORD: return named(p);
	default:
		parse_unexpected(p);
		return NULL;
	}
}

static struct expr *unary(struct parser *p)
{
	if (p->nesting >= SQL_DEPTH_MAX)
		return parse_fail(p, "ExpressionTooLong", "The SQL expression is nested too deeply: at most %d.", SQL_DEPTH_MAX);
	if (!parse_is_symbol(p, "-") && !parse_is_symbol(p, "+"))
		return primary(p);
	bool minus = parse_accept(p, "-");
	if (!minus)
		parse_next(p);
	p->nesting++;
	struct expr *x = unary(p);
	ASSERT(p->nesting > 0 && p->nesting <= SQL_DEPTH_MAX);
	p->nesting--;
	return minus ? with(p, node(p, X_NEGATE, 0), x) : x;
}

static struct expr *product(struct parser *p)
{
	struct expr *l = unary(p);
	while (l != NULL && (parse_is_symbol(p, "*") || parse_is_symbol(p, "/") || parse_is_symbol(p, "%"))) {
		char op = p->s.p[0];
		parse_next(p);
		l = two(p, X_ARITHMETIC, op, l, unary(p));
	}
	return l;
}

static struct expr *sum(struct parser *p)
{
	struct expr *l = product(p);
	while (l != NULL && (parse_is_symbol(p, "+") || parse_is_symbol(p, "-") || parse_is_symbol(p, "||"))) {
		char op = p->s.p[0];
		parse_next(p);
		l = two(p, op == '|' ? X_CONCAT : X_ARITHMETIC, op, l, product(p));
	}
	return l;
}

static struct expr *in_list(struct parser *p, struct expr *l)
{
	struct expr *x = with(p, node(p, X_IN, 0), l);
	if (!parse_expect(p, "("))
		return NULL;
	do
		x = with(p, x, parse_expression(p));
	while (x != NULL && parse_accept(p, ","));
	return x != NULL && parse_expect(p, ")") ? x : NULL;
}

/* [NOT] BETWEEN, IN, LIKE */
static struct expr *predicate(struct parser *p, struct expr *l)
{
	bool negated = parse_accept_word(p, "not");
	struct expr *x = NULL;
	if (parse_accept_word(p, "between")) {
		x = two(p, X_BETWEEN, 0, l, sum(p));
		if (x == NULL || !parse_expect_word(p, "and"))
			return NULL;
		x = with(p, x, sum(p));
	} else if (parse_accept_word(p, "in")) {
		x = in_list(p, l);
	} else if (parse_accept_word(p, "like")) {
		x = two(p, X_LIKE, 0, l, sum(p));
		if (parse_accept_word(p, "escape"))
			x = with(p, x, sum(p));
	} else {
		parse_unexpected(p);
	}
	if (x != NULL)
		x->negated = negated;
	return x;
}

static struct expr *is_test(struct parser *p, struct expr *l)
{
	bool negated = parse_accept_word(p, "not"), missing = parse_is_word(p, "missing");
	if (!missing && !parse_is_word(p, "null")) {
		parse_unexpected(p);
		return NULL;
	}
	parse_next(p);
	struct expr *x = with(p, node(p, X_IS, missing ? V_MISSING : V_NULL), l);
	if (x != NULL)
		x->negated = negated;
	return x;
}

static struct expr *comparison(struct parser *p)
{
	static const struct { const char *symbol; enum compare_op op; } ops[] = {{"=", OP_EQ}, {"<>", OP_NE}, {"!=", OP_NE}, {"<", OP_LT}, {"<=", OP_LE},
		{">", OP_GT}, {">=", OP_GE}};
	struct expr *l = sum(p);
	if (l == NULL)
		return NULL;
	for (size_t i = 0; i < COUNT_OF(ops); i++)
		if (parse_accept(p, ops[i].symbol))
			return two(p, X_COMPARE, (int)ops[i].op, l, sum(p));
	if (parse_accept_word(p, "is"))
		return is_test(p, l);
	if (parse_is_word(p, "not") || parse_is_word(p, "between") || parse_is_word(p, "in") || parse_is_word(p, "like"))
		return predicate(p, l);
	return l;
}

static struct expr *negation(struct parser *p)
{
	if (!parse_accept_word(p, "not"))
		return comparison(p);
	if (p->nesting >= SQL_DEPTH_MAX)
		return parse_fail(p, "ExpressionTooLong", "The SQL expression is nested too deeply: at most %d.", SQL_DEPTH_MAX);
	p->nesting++;
	struct expr *x = with(p, node(p, X_NOT, 0), negation(p));
	p->nesting--;
	return x;
}

static struct expr *conjunction(struct parser *p)
{
	struct expr *l = negation(p);
	while (l != NULL && parse_accept_word(p, "and"))
		l = two(p, X_AND, 0, l, negation(p));
	return l;
}

struct expr *parse_expression(struct parser *p)
{
	if (p->failed || p->nesting >= SQL_DEPTH_MAX)
		return parse_fail(p, "ExpressionTooLong", "The SQL expression is nested too deeply: at most %d.", SQL_DEPTH_MAX);
	p->nesting++;
	struct expr *l = conjunction(p);
	while (l != NULL && parse_accept_word(p, "or"))
		l = two(p, X_OR, 0, l, conjunction(p));
	ASSERT(p->nesting > 0 && p->nesting <= SQL_DEPTH_MAX);
	p->nesting--;
	return l;
}
