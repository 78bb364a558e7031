/* The SQL of S3 Select, from text to tree. A hand-written lexer and a parser by precedence.
 *
 * What always holds: no expression is deeper than SQL_DEPTH_MAX, so that evaluating it cannot exhaust the stack; every name
 * is a view of the text. */
#include "select.h"

#include <stdio.h>

enum token { T_END, T_WORD, T_QUOTED, T_STRING, T_INT, T_FLOAT, T_TIME, T_SYMBOL };

struct parser {
	struct arena *a;
	struct str text;
	size_t at;
	enum token token;
	struct str s;              /* the token's text; strings and names without their quotes */
	struct sql_error *e;
	struct query *q;
	unsigned nesting;
	bool in_aggregate, failed;
};

static struct expr *fail(struct parser *p, const char *code, const char *fmt, ...) PRINTF_LIKE(3, 4);
static struct expr *fail(struct parser *p, const char *code, const char *fmt, ...)
{
	va_list ap;
	if (p->failed)
		return NULL;
	p->failed = true;
	va_start(ap, fmt);
	*p->e = (struct sql_error){code, arena_vprintf(p->a, fmt, ap)};
	va_end(ap);
	return NULL;
}

/* ---- tokens ---- */

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || (unsigned char)c >= 0x80; }

static char peek(const struct parser *p, size_t ahead) { return p->at + ahead < p->text.n ? p->text.p[p->at + ahead] : '\0'; }

static void skip_space(struct parser *p)
{
	for (;;) {
		while (p->at < p->text.n && is_space(p->text.p[p->at]))
			p->at++;
		if (peek(p, 0) != '-' || peek(p, 1) != '-')
			return;
		while (p->at < p->text.n && p->text.p[p->at] != '\n') /* a comment */
			p->at++;
	}
}

/* What stands between two quotes; a doubled one stands for itself. */
static bool read_quoted(struct parser *p, char quote)
{
	struct buf b;
	size_t start = ++p->at;
	bool doubled = false;
	while (p->at < p->text.n) {
		if (p->text.p[p->at] == quote && peek(p, 1) != quote)
			break;
		if (p->text.p[p->at] == quote) {
			doubled = true;
			p->at++;
		}
		p->at++;
	}
	if (p->at >= p->text.n) {
		fail(p, "LexerInvalidLiteral", "The SQL expression contains an invalid literal.");
		return false;
	}
	p->s = str_slice(p->text, start, p->at);
	p->at++;
	if (!doubled)
		return true;
	buf_init(&b, p->a, p->s.n + 1);
	for (size_t i = 0; i < p->s.n; i++) {
		buf_putc(&b, p->s.p[i]);
		i += p->s.p[i] == quote;
	}
	p->s = buf_view(&b);
	return true;
}

static void read_number(struct parser *p)
{
	size_t start = p->at;
	p->token = T_INT;
	while (is_digit(peek(p, 0)))
		p->at++;
	if (peek(p, 0) == '.' && is_digit(peek(p, 1))) {
		p->token = T_FLOAT;
		for (p->at++; is_digit(peek(p, 0)); p->at++)
			;
	}
	size_t sign = peek(p, 1) == '+' || peek(p, 1) == '-' ? 1 : 0;
	if ((peek(p, 0) == 'e' || peek(p, 0) == 'E') && is_digit(peek(p, 1 + sign))) {
		p->token = T_FLOAT;
		for (p->at += 1 + sign; is_digit(peek(p, 0)); p->at++)
			;
	}
	p->s = str_slice(p->text, start, p->at);
}

static void next(struct parser *p)
{
	static const char *const two[] = {"<=", ">=", "<>", "!=", "||"};
	skip_space(p);
	char c = peek(p, 0);
	if (p->failed || p->at >= p->text.n) {
		p->token = T_END;
		p->s = S("");
		return;
	}
	if (c == '\'' || c == '"' || c == '`') {
		p->token = c == '\'' ? T_STRING : c == '"' ? T_QUOTED : T_TIME;
		if (!read_quoted(p, c))
			p->token = T_END;
		return;
	}
	if (is_digit(c) || (c == '.' && is_digit(peek(p, 1)))) {
		read_number(p);
		return;
	}
	size_t start = p->at;
	if (is_letter(c)) {
		while (is_letter(peek(p, 0)) || is_digit(peek(p, 0)))
			p->at++;
		p->token = T_WORD;
		p->s = str_slice(p->text, start, p->at);
		return;
	}
	p->token = T_SYMBOL;
	p->at++;
	for (size_t i = 0; i < COUNT_OF(two); i++)
		if (c == two[i][0] && peek(p, 0) == two[i][1]) {
			p->at++;
			break;
		}
	p->s = str_slice(p->text, start, p->at);
	if (strchr("+-*/%=<>!|(),.[];", c) == NULL || str_eq(p->s, S("!")) || str_eq(p->s, S("|")))
		fail(p, "LexerInvalidChar", "The SQL expression contains an invalid character.");
}

static bool is_word(const struct parser *p, const char *word) { return p->token == T_WORD && str_eq_nocase(p->s, str_c(word)); }
static bool is_symbol(const struct parser *p, const char *symbol) { return p->token == T_SYMBOL && str_eq(p->s, str_c(symbol)); }

static bool accept_word(struct parser *p, const char *word)
{
	if (!is_word(p, word))
		return false;
	next(p);
	return true;
}

static bool accept(struct parser *p, const char *symbol)
{
	if (!is_symbol(p, symbol))
		return false;
	next(p);
	return true;
}

static void unexpected(struct parser *p)
{
	struct str found = p->token == T_END ? S("end of expression") : p->s;
	fail(p, "ParseUnexpectedToken", "The SQL expression contains an unexpected token: %.*s", STR_ARG(found));
}

static bool expect(struct parser *p, const char *symbol)
{
	if (!accept(p, symbol))
		unexpected(p);
	return !p->failed;
}

static bool expect_word(struct parser *p, const char *word)
{
	if (!accept_word(p, word))
		fail(p, "ParseExpectedKeyword", "Did not find the expected keyword in the SQL expression: %s", word);
	return !p->failed;
}

/* ---- the tree ---- */

static struct expr *node(struct parser *p, enum expr_kind kind, int op)
{
	struct expr *x = arena_new_of(p->a, struct expr);
	x->kind = kind;
	x->op = op;
	x->column = -1;
	return x;
}

/* Room for one more in an array of n; its size doubles. */
#define GROW(p, v, n) \
	(((n) & ((n) - 1)) == 0 ? (v) = arena_grow((p)->a, (v), sizeof *(v), (n), (n) == 0 ? 1 : (n) * 2) : (v))

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
	return x->depth <= SQL_DEPTH_MAX ? x : fail(p, "ExpressionTooLong", "The SQL expression is nested too deeply: at most %d.", SQL_DEPTH_MAX);
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

static struct expr *expression(struct parser *p);

static bool is_reserved(const struct parser *p)
{
	static const char *const words[] = {"select", "from", "where", "limit", "and", "or", "not", "in", "like", "between", "is", "as", "case", "when",
		"then", "else", "end", "null", "missing", "escape", "order", "group", "having", "join", "union"};
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (is_word(p, words[i]))
			return true;
	return false;
}

/* ---- paths ---- */

static bool add_step(struct parser *p, struct step **v, size_t *n, struct step s)
{
	if (*n >= SQL_DEPTH_MAX) {
		fail(p, "InvalidKeyPath", "The SQL expression contains an invalid key path.");
		return false;
	}
	(void)GROW(p, *v, *n);
	(*v)[(*n)++] = s;
	return true;
}

/* .name, ."name", .*, [3], [*], ['name'] */
static bool read_steps(struct parser *p, struct step **v, size_t *n)
{
	while (!p->failed) {
		struct step s = {.kind = STEP_NAME};
		if (accept(p, ".")) {
			s.quoted = p->token == T_QUOTED;
			if (is_symbol(p, "*"))
				s.kind = STEP_ANY;
			else if (p->token != T_WORD && p->token != T_QUOTED) {
				fail(p, "InvalidKeyPath", "The SQL expression contains an invalid key path.");
				return false;
			}
			s.name = p->s;
			next(p);
		} else if (accept(p, "[")) {
			s.kind = is_symbol(p, "*") ? STEP_ALL : p->token == T_INT ? STEP_INDEX : STEP_NAME;
			s.quoted = true;
			s.name = p->s;
			if ((s.kind == STEP_NAME && p->token != T_STRING) || (s.kind == STEP_INDEX && !str_to_i64(p->s, &s.index))) {
				fail(p, "InvalidKeyPath", "The SQL expression contains an invalid key path.");
				return false;
			}
			next(p);
			if (!expect(p, "]"))
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
	next(p);
	return add_step(p, &x->path, &x->n_path, first) && read_steps(p, &x->path, &x->n_path) ? x : NULL;
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
		fail(p, "ParseExpectedDatePart", "Did not find the expected date part in the SQL expression.");
		return false;
	}
	next(p);
	return true;
}

static struct expr *trim_call(struct parser *p, struct expr *x)
{
	x->trim = accept_word(p, "leading") ? TRIM_LEADING : accept_word(p, "trailing") ? TRIM_TRAILING : TRIM_BOTH;
	if (x->trim == TRIM_BOTH)
		(void)accept_word(p, "both");
	struct expr *first = is_word(p, "from") ? NULL : expression(p);
	if (!accept_word(p, "from"))
		return with(p, x, first);
	x = with(p, x, expression(p));
	return first != NULL ? with(p, x, first) : x; /* the characters come second */
}

static struct expr *substring_call(struct parser *p, struct expr *x)
{
	x = with(p, x, expression(p));
	bool words = accept_word(p, "from");
	if (!words && !expect(p, ","))
		return NULL;
	x = with(p, x, expression(p));
	if (words ? accept_word(p, "for") : accept(p, ","))
		x = with(p, x, expression(p));
	return x;
}

static struct expr *plain_arguments(struct parser *p, struct expr *x)
{
	if (is_symbol(p, ")"))
		return x;
	do
		x = with(p, x, expression(p));
	while (x != NULL && accept(p, ","));
	return x;
}

static struct expr *arguments(struct parser *p, struct expr *x)
{
	switch ((enum function)x->op) {
	case F_TRIM: return trim_call(p, x);
	case F_SUBSTRING: return substring_call(p, x);
	case F_DATE_ADD: case F_DATE_DIFF:
		return read_part(p, x, false) && expect(p, ",") ? plain_arguments(p, x) : NULL;
	case F_EXTRACT:
		return read_part(p, x, true) && expect_word(p, "from") ? with(p, x, expression(p)) : NULL;
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
		return fail(p, "UnsupportedSqlStructure", "Encountered an unsupported SQL structure: an aggregate inside an aggregate.");
	p->in_aggregate = true;
	if (kind != A_COUNT || !accept(p, "*"))
		x = with(p, x, expression(p));
	p->in_aggregate = false;
	if (x == NULL || !expect(p, ")"))
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
		if (x == NULL || !expect(p, ")"))
			return NULL;
		if (x->n_args < functions[i].least || x->n_args > functions[i].most)
			return fail(p, "EvaluatorInvalidArguments", "Incorrect number of arguments in the function call in the SQL expression.");
		return x;
	}
	return fail(p, "UnsupportedFunction", "Encountered an unsupported SQL function: %.*s", STR_ARG(name));
}

/* CAST(x AS type) */
static struct expr *cast(struct parser *p)
{
	static const struct { const char *name; enum value_type type; } types[] = {{"bool", V_BOOL}, {"boolean", V_BOOL}, {"int", V_INT},
		{"integer", V_INT}, {"string", V_STRING}, {"varchar", V_STRING},
		{"char", V_STRING}, {"float", V_FLOAT}, {"double", V_FLOAT}, {"decimal", V_FLOAT},
		{"numeric", V_FLOAT}, {"timestamp", V_TIME}};
	struct expr *x = with(p, node(p, X_CAST, V_NULL), expression(p));
	if (x == NULL || !expect_word(p, "as"))
		return NULL;
	for (size_t i = 0; i < COUNT_OF(types) && p->token == T_WORD; i++)
		if (str_eq_nocase(p->s, str_c(types[i].name)))
			x->op = (int)types[i].type;
	if (x->op == V_NULL)
		return fail(p, "ParseExpectedTypeName", "Did not find the expected type name in the SQL expression.");
	next(p);
	if (accept(p, "(")) { /* a length or a precision */
		do {
			if (p->token != T_INT)
				return fail(p, "ParseInvalidTypeParam", "The SQL expression contains an invalid parameter value.");
			next(p);
		} while (accept(p, ","));
		if (!expect(p, ")"))
			return NULL;
	}
	return expect(p, ")") ? x : NULL;
}

/* CASE [x] WHEN a THEN b ... [ELSE c] END; with x each WHEN is x = a. */
static struct expr *case_of(struct parser *p)
{
	struct expr *x = node(p, X_CASE, 0), *of = is_word(p, "when") ? NULL : expression(p);
	bool compared = of != NULL;
	if (!is_word(p, "when"))
		return fail(p, "ParseExpectedWhenClause", "Did not find the expected WHEN clause in the SQL expression. CASE is not supported.");
	while (x != NULL && accept_word(p, "when")) {
		struct expr *when = expression(p);
		if (compared)
			when = two(p, X_COMPARE, OP_EQ, of, when);
		x = with(p, x, when);
		if (x == NULL || !expect_word(p, "then"))
			return NULL;
		x = with(p, x, expression(p));
	}
	if (x != NULL && accept_word(p, "else")) {
		x->has_else = true;
		x = with(p, x, expression(p));
	}
	return x != NULL && expect_word(p, "end") ? x : NULL;
}

/* ---- by precedence ---- */

static struct expr *number(struct parser *p)
{
	struct value v = {.type = V_FLOAT};
	bool whole = p->token == T_INT && str_to_i64(p->s, &v.i);
	if (whole)
		v.type = V_INT;
	else if (!str_to_f64(p->s, &v.f))
		return fail(p, "LexerInvalidLiteral", "The SQL expression contains an invalid literal.");
	next(p);
	return literal(p, v);
}

static struct expr *time_literal(struct parser *p)
{
	struct value v;
	if (!time_of_text(p->s, &v))
		return fail(p, "LexerInvalidIONLiteral", "The SQL expression contains an invalid operator: %.*s is no timestamp", STR_ARG(p->s));
	next(p);
	return literal(p, v);
}

static struct expr *string_literal(struct parser *p)
{
	struct expr *x = literal(p, value_string(p->s));
	next(p);
	return x;
}

static struct expr *named(struct parser *p)
{
	if (accept_word(p, "true"))
		return literal(p, value_bool(true));
	if (accept_word(p, "false"))
		return literal(p, value_bool(false));
	if (accept_word(p, "null"))
		return literal(p, (struct value){.type = V_NULL});
	if (accept_word(p, "missing"))
		return literal(p, (struct value){.type = V_MISSING});
	if (accept_word(p, "case"))
		return case_of(p);
	if (is_reserved(p)) {
		unexpected(p);
		return NULL;
	}
	struct str name = p->s;
	size_t at = p->at;
	next(p);
	if (accept(p, "("))
		return str_eq_nocase(name, S("cast")) ? cast(p) : call(p, name);
	p->at = at; /* it was a path's first name */
	p->token = T_WORD;
	p->s = name;
	return path(p);
}

static struct expr *primary(struct parser *p)
{
	if (accept(p, "(")) {
		struct expr *x = expression(p);
		return x != NULL && expect(p, ")") ? x : NULL;
	}
	switch (p->token) {
	case T_INT: case T_FLOAT: return number(p);
	case T_TIME: return time_literal(p);
	case T_STRING: return string_literal(p);
	case T_QUOTED: return path(p);
	case T_WORD: return named(p);
	default:
		unexpected(p);
		return NULL;
	}
}

static struct expr *unary(struct parser *p)
{
	if (p->nesting >= SQL_DEPTH_MAX)
		return fail(p, "ExpressionTooLong", "The SQL expression is nested too deeply: at most %d.", SQL_DEPTH_MAX);
	if (!is_symbol(p, "-") && !is_symbol(p, "+"))
		return primary(p);
	bool minus = accept(p, "-");
	if (!minus)
		next(p);
	p->nesting++;
	struct expr *x = unary(p);
	p->nesting--;
	return minus ? with(p, node(p, X_NEGATE, 0), x) : x;
}

static struct expr *product(struct parser *p)
{
	struct expr *l = unary(p);
	while (l != NULL && (is_symbol(p, "*") || is_symbol(p, "/") || is_symbol(p, "%"))) {
		char op = p->s.p[0];
		next(p);
		l = two(p, X_ARITHMETIC, op, l, unary(p));
	}
	return l;
}

static struct expr *sum(struct parser *p)
{
	struct expr *l = product(p);
	while (l != NULL && (is_symbol(p, "+") || is_symbol(p, "-") || is_symbol(p, "||"))) {
		char op = p->s.p[0];
		next(p);
		l = two(p, op == '|' ? X_CONCAT : X_ARITHMETIC, op, l, product(p));
	}
	return l;
}

static struct expr *in_list(struct parser *p, struct expr *l)
{
	struct expr *x = with(p, node(p, X_IN, 0), l);
	if (!expect(p, "("))
		return NULL;
	do
		x = with(p, x, expression(p));
	while (x != NULL && accept(p, ","));
	return x != NULL && expect(p, ")") ? x : NULL;
}

/* [NOT] BETWEEN, IN, LIKE */
static struct expr *predicate(struct parser *p, struct expr *l)
{
	bool negated = accept_word(p, "not");
	struct expr *x = NULL;
	if (accept_word(p, "between")) {
		x = two(p, X_BETWEEN, 0, l, sum(p));
		if (x == NULL || !expect_word(p, "and"))
			return NULL;
		x = with(p, x, sum(p));
	} else if (accept_word(p, "in")) {
		x = in_list(p, l);
	} else if (accept_word(p, "like")) {
		x = two(p, X_LIKE, 0, l, sum(p));
		if (accept_word(p, "escape"))
			x = with(p, x, sum(p));
	} else {
		unexpected(p);
	}
	if (x != NULL)
		x->negated = negated;
	return x;
}

static struct expr *is_test(struct parser *p, struct expr *l)
{
	bool negated = accept_word(p, "not"), missing = is_word(p, "missing");
	if (!missing && !is_word(p, "null")) {
		unexpected(p);
		return NULL;
	}
	next(p);
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
		if (accept(p, ops[i].symbol))
			return two(p, X_COMPARE, (int)ops[i].op, l, sum(p));
	if (accept_word(p, "is"))
		return is_test(p, l);
	if (is_word(p, "not") || is_word(p, "between") || is_word(p, "in") || is_word(p, "like"))
		return predicate(p, l);
	return l;
}

static struct expr *negation(struct parser *p)
{
	if (!accept_word(p, "not"))
		return comparison(p);
	if (p->nesting >= SQL_DEPTH_MAX)
		return fail(p, "ExpressionTooLong", "The SQL expression is nested too deeply: at most %d.", SQL_DEPTH_MAX);
	p->nesting++;
	struct expr *x = with(p, node(p, X_NOT, 0), negation(p));
	p->nesting--;
	return x;
}

static struct expr *conjunction(struct parser *p)
{
	struct expr *l = negation(p);
	while (l != NULL && accept_word(p, "and"))
		l = two(p, X_AND, 0, l, negation(p));
	return l;
}

static struct expr *expression(struct parser *p)
{
	if (p->failed || p->nesting >= SQL_DEPTH_MAX)
		return fail(p, "ExpressionTooLong", "The SQL expression is nested too deeply: at most %d.", SQL_DEPTH_MAX);
	p->nesting++;
	struct expr *l = conjunction(p);
	while (l != NULL && accept_word(p, "or"))
		l = two(p, X_OR, 0, l, conjunction(p));
	p->nesting--;
	return l;
}

/* ---- clauses ---- */

static bool read_alias(struct parser *p, struct str *out)
{
	bool as = accept_word(p, "as");
	if (p->token == T_QUOTED || (p->token == T_WORD && !is_reserved(p))) {
		*out = p->s;
		next(p);
		return true;
	}
	if (as)
		fail(p, "ParseExpectedIdentForAlias", "Did not find the expected identifier for the alias in the SQL expression.");
	return !as;
}

static bool read_items(struct parser *p)
{
	struct query *q = p->q;
	if (accept(p, "*")) {
		q->all = true;
		return true;
	}
	do {
		struct item item = {.x = expression(p)};
		if (item.x == NULL || !read_alias(p, &item.name))
			return false;
		if (q->n_items >= COLUMNS_MAX) {
			fail(p, "OverMaxColumn", "The number of columns in the result is greater than the maximum allowable number of columns.");
			return false;
		}
		(void)GROW(p, q->items, q->n_items);
		q->items[q->n_items++] = item;
	} while (accept(p, ","));
	return !p->failed;
}

static bool read_from(struct parser *p)
{
	struct query *q = p->q;
	if (!accept_word(p, "from")) {
		fail(p, "ParseSelectMissingFrom", "The SQL expression contains a SELECT without a FROM.");
		return false;
	}
	if ((p->token != T_WORD && p->token != T_QUOTED) || !str_eq_nocase(p->s, S("s3object"))) {
		fail(p, "InvalidTableAlias", "The SQL expression contains an invalid table alias: FROM must name S3Object.");
		return false;
	}
	next(p);
	if (!read_steps(p, &q->from, &q->n_from))
		return false;
	if (q->n_from > 0 && q->from[0].kind != STEP_ALL) {
		fail(p, "InvalidKeyPath", "The SQL expression contains an invalid key path: a path behind S3Object begins with [*].");
		return false;
	}
	/* Without an alias the rows are called by the path's last name. */
	const struct step *last = q->n_from > 1 ? &q->from[q->n_from - 1] : NULL;
	q->alias = last == NULL ? S("s3object") : last->kind == STEP_NAME ? last->name : S("_1");
	return read_alias(p, &q->alias);
}

static bool read_limit(struct parser *p)
{
	p->q->limit = -1;
	if (!accept_word(p, "limit"))
		return true;
	if (p->token != T_INT || !str_to_i64(p->s, &p->q->limit)) {
		fail(p, "ParseExpectedNumber", "Did not find the expected number in the SQL expression.");
		return false;
	}
	next(p);
	return true;
}

/* ---- names against the alias ---- */

static bool is_table(const struct query *q, const struct step *s)
{
	if (s->kind != STEP_NAME)
		return false;
	return str_eq_nocase(s->name, S("s3object")) || (s->quoted ? str_eq(s->name, q->alias) : str_eq_nocase(s->name, q->alias));
}

/* Paths lose the alias in front. Says whether x depends on a row outside any aggregate. */
static bool bind(const struct query *q, struct expr *x)
{
	bool row = x->kind == X_PATH;
	if (x->kind == X_PATH && !x->bound && is_table(q, &x->path[0])) {
		x->path++;
		x->n_path--;
	}
	x->bound = true; /* an expression may stand in several places */
	for (size_t i = 0; i < x->n_args; i++)
		row |= x->args[i] != NULL && bind(q, x->args[i]);
	return row && x->kind != X_AGGREGATE;
}

/* `s.*` as the only item is `*`. */
static void all_of_alias(struct query *q)
{
	const struct expr *x = q->n_items == 1 ? q->items[0].x : NULL;
	if (x == NULL || x->kind != X_PATH || x->n_path != 2 || x->path[1].kind != STEP_ANY || !is_table(q, &x->path[0]))
		return;
	q->all = true;
	q->n_items = 0;
}

static bool names_of_items(struct parser *p)
{
	struct query *q = p->q;
	all_of_alias(q);
	if (q->where != NULL)
		(void)bind(q, q->where);
	for (size_t i = 0; i < q->n_items; i++) {
		struct item *item = &q->items[i];
		const struct expr *x = item->x;
		/* Before binding: `SELECT price FROM S3Object[*].books[*].price` is called price. */
		if (!str_present(item->name) && x->kind == X_PATH && x->path[x->n_path - 1].kind == STEP_NAME)
			item->name = x->path[x->n_path - 1].name;
		bool row = bind(q, item->x);
		if (row && q->n_aggregates > 0) {
			fail(p, "UnsupportedSqlStructure", "Encountered an unsupported SQL structure: aggregates and columns cannot be selected together.");
			return false;
		}
	}
	if (!q->all || q->n_aggregates == 0)
		return true;
	fail(p, "UnsupportedSqlStructure", "Encountered an unsupported SQL structure: an aggregate outside the SELECT list.");
	return false;
}

struct query *sql_parse(struct arena *a, struct str text, struct sql_error *e)
{
	struct query *q = arena_new_of(a, struct query);
	struct parser p = {.a = a, .text = text, .e = e, .q = q};
	if (text.n > SQL_MAX) {
		fail(&p, "ExpressionTooLong", "The SQL expression is too long: The maximum byte-length for the SQL expression is 256 KB.");
		return NULL;
	}
	if (!utf8_valid(text)) {
		fail(&p, "InvalidTextEncoding", "Invalid encoding type. Only UTF-8 encoding is supported.");
		return NULL;
	}
	next(&p);
	if (!accept_word(&p, "select")) {
		fail(&p, "ParseUnsupportedSelect", "The SQL expression contains an unsupported use of SELECT.");
		return NULL;
	}
	if (!read_items(&p) || !read_from(&p))
		return NULL;
	size_t before = q->n_aggregates;
	if (accept_word(&p, "where") && (q->where = expression(&p)) == NULL)
		return NULL;
	if (q->n_aggregates != before)
		fail(&p, "UnsupportedSqlStructure", "Encountered an unsupported SQL structure: an aggregate outside the SELECT list.");
	if (p.failed || !read_limit(&p) || p.failed)
		return NULL;
	(void)accept(&p, ";");
	if (is_word(&p, "order") || is_word(&p, "group") || is_word(&p, "having") || is_word(&p, "join") || is_word(&p, "union"))
		fail(&p, "UnsupportedSyntax", "Encountered invalid syntax: %.*s is not supported.", STR_ARG(p.s));
	else if (p.token != T_END)
		unexpected(&p);
	if (p.failed || !names_of_items(&p))
		return NULL;
	ASSERT((q->all || q->n_items > 0) && str_present(q->alias) && e->code == NULL);
	return q;
}
