/* The PartiQL parser: recursive descent over its own tokens (strings, numbers, quoted names), building expr trees.
 *
 *   SELECT * | path {, path} FROM table [. index] [WHERE condition] [ORDER BY name [ASC | DESC]]
 *   INSERT INTO table VALUE item
 *   UPDATE table {SET path = value {, path = value} | REMOVE path {, path}} WHERE condition [RETURNING which *]
 *   DELETE FROM table WHERE condition [RETURNING ALL OLD *]
 *   EXISTS ( SELECT ... )
 * Depth is bounded; every value is DynamoDB's own. */
#include "partiql.h"

enum { DEPTH_MAX = 64 };
enum kind { K_END, K_WORD, K_QUOTED, K_STRING, K_NUMBER, K_SYMBOL, K_BAD };

struct sql {
	struct arena *a;
	struct fault *f;
	struct str text, t; /* t: the token's text; of strings and quoted names what is inside, unescaped */
	size_t at;          /* after the token */
	enum kind kind;
	const struct av *parameters;
	uint32_t n_parameters, used;
	int depth;
};

/* ---- tokens ---- */

static bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool digit(char c) { return c >= '0' && c <= '9'; }

/* 'it''s': the quote doubled stands for itself. */
static void take_quoted(struct sql *p, char quote)
{
	ASSERT(p->at < p->text.n && p->text.p[p->at] == quote);
	struct buf b;
	buf_init(&b, p->a, 0);
	for (p->at++; p->at < p->text.n; p->at++) {
		if (p->text.p[p->at] == quote) {
			if (p->at + 1 >= p->text.n || p->text.p[p->at + 1] != quote) {
				p->at++;
				p->t = buf_view(&b);
				return;
			}
			p->at++;
		}
		buf_putc(&b, p->text.p[p->at]);
	}
	p->kind = K_BAD;
}

static size_t symbol_length(struct str rest)
{
	ASSERT(rest.n > 0);
	static const char *const two[] = {"<>", "<=", ">=", "!=", "<<", ">>"};
	for (size_t i = 0; i < COUNT_OF(two); i++)
		if (str_starts(rest, str_c(two[i])))
			return 2;
	return 1;
}

static size_t number_length(struct str rest)
{
	size_t n = 0;
	while (n < rest.n && (digit(rest.p[n]) || rest.p[n] == '.'))
		n++;
	if (n < rest.n && (rest.p[n] == 'e' || rest.p[n] == 'E')) {
		size_t e = n + 1;
		if (e < rest.n && (rest.p[e] == '+' || rest.p[e] == '-'))
			e++;
		if (e < rest.n && digit(rest.p[e]))
			for (n = e; n < rest.n && digit(rest.p[n]); n++)
				;
	}
	return n;
}

static void next(struct sql *p)
{
	ASSERT(p->at <= p->text.n);
	while (p->at < p->text.n && strchr(" \t\r\n", p->text.p[p->at]) != NULL && p->text.p[p->at] != '\0')
		p->at++;
	struct str rest = str_slice(p->text, p->at, p->text.n);
	p->t = str_slice(rest, 0, 0);
	p->kind = K_END;
	if (rest.n == 0)
		return;
	char c = rest.p[0];
	size_t n = 1;
	if (c == '\'' || c == '"') {
		p->kind = c == '"' ? K_QUOTED : K_STRING;
		take_quoted(p, c);
		return;
	}
	if (letter(c)) {
		p->kind = K_WORD;
		while (n < rest.n && (letter(rest.p[n]) || digit(rest.p[n])))
			n++;
	} else if (digit(c) || (c == '.' && rest.n > 1 && digit(rest.p[1]))) {
		p->kind = K_NUMBER;
		n = number_length(rest);
	} else {
		p->kind = c != '\0' && strchr("=<>!()[]{}.,:*?+-;", c) != NULL ? K_SYMBOL : K_BAD;
		n = symbol_length(rest);
	}
	p->t = str_slice(rest, 0, n);
	p->at += n;
}

static bool bad(struct sql *p)
{
	if (p->kind == K_END)
		return fault(p->f, "Statement wasn't well formed, can't be processed: Unexpected end of statement");
	return fault(p->f, "Statement wasn't well formed, can't be processed: Unexpected token: %.*s", STR_ARG(p->t));
}

static bool is(const struct sql *p, const char *symbol) { return p->kind == K_SYMBOL && str_eq(p->t, str_c(symbol)); }
static bool is_word(const struct sql *p, const char *word) { return p->kind == K_WORD && str_eq_nocase(p->t, str_c(word)); }

static bool accept(struct sql *p, const char *symbol)
{
	if (!is(p, symbol))
		return false;
	next(p);
	return true;
}

static bool accept_word(struct sql *p, const char *word)
{
	if (!is_word(p, word))
		return false;
	next(p);
	return true;
}

static bool expect(struct sql *p, const char *symbol) { return accept(p, symbol) || bad(p); }
static bool expect_word(struct sql *p, const char *word) { return accept_word(p, word) || bad(p); }

static bool deeper(struct sql *p)
{
	ASSERT(p->depth >= 0);
	return ++p->depth <= DEPTH_MAX || fault(p->f, "Statement wasn't well formed, can't be processed: Nesting is too deep");
}

/* ---- values ---- */

static bool value(struct sql *p, struct av *out);

static bool number_value(struct sql *p, bool negative, struct av *out)
{
	ASSERT(p->kind == K_NUMBER);
	struct str text = negative ? arena_join(p->a, S("-"), p->t) : p->t;
	struct number n;
	enum number_fault nf = number_parse(text, &n);
	if (nf != NUMBER_OK)
		return fault(p->f, "%.*s", STR_ARG(number_message(p->a, nf, text)));
	*out = av_number(p->a, &n);
	next(p);
	return true;
}

static bool items_until(struct sql *p, const char *end, struct av *out)
{
	ASSERT(out->type == AV_L && out->n == 0);
	while (!accept(p, end)) {
		if (out->n > 0 && !expect(p, ","))
			return false;
		struct av item;
		if (!value(p, &item))
			return false;
		if ((out->n & (out->n - 1)) == 0)
			out->items = arena_grow(p->a, out->items, sizeof item, out->n, out->n == 0 ? 2 : (size_t)out->n * 2);
		out->items[out->n++] = item;
	}
	return true;
}

static bool set_value(struct sql *p, struct av *out)
{
	*out = (struct av){.type = AV_L};
	if (!items_until(p, ">>", out))
		return false;
	if (out->n == 0)
		return fault(p->f, "One or more parameter values were invalid: An string set  may not be empty");
	enum av_type t = out->items[0].type;
	for (uint32_t i = 0; i < out->n; i++)
		if (out->items[i].type != t || t > AV_B)
			return fault(p->f, "One or more parameter values were invalid: All elements of a set must be of the same type");
	out->type = t == AV_S ? AV_SS : t == AV_N ? AV_NS : AV_BS;
	return av_sort_set(out) || fault(p->f, "Input collection contains duplicates");
}

static bool map_value(struct sql *p, struct av *out)
{
	*out = (struct av){.type = AV_M};
	for (bool first = true; !accept(p, "}"); first = false) {
		if (!first && !expect(p, ","))
			return false;
		struct str name = p->t;
		if (p->kind != K_STRING && p->kind != K_QUOTED)
			return bad(p);
		next(p);
		struct av v;
		if (!expect(p, ":") || !value(p, &v))
			return false;
		av_set(p->a, out, name, &v);
	}
	return true;
}

static bool parameter(struct sql *p, struct av *out)
{
	ASSERT(is(p, "?") && p->used <= p->n_parameters);
	if (p->used == p->n_parameters)
		return fault(p->f, "Number of parameters in request and statement don't match.");
	*out = p->parameters[p->used++];
	next(p);
	return true;
}

static bool nested_value(struct sql *p, struct av *out)
{
	ASSERT(is(p, "[") || is(p, "{") || is(p, "<<"));
	bool ok;
	if (!deeper(p))
		return false;
	if (accept(p, "[")) {
		*out = (struct av){.type = AV_L};
		ok = items_until(p, "]", out);
	} else if (accept(p, "{")) {
		ok = map_value(p, out);
	} else {
		next(p);
		ok = set_value(p, out);
	}
	p->depth--;
	return ok;
}

static bool value(struct sql *p, struct av *out)
{
	*out = (struct av){0};
	if (p->kind == K_STRING) {
		*out = av_string(p->t);
		next(p);
		return true;
	}
	if (p->kind == K_NUMBER)
		return number_value(p, false, out);
	if (accept(p, "-"))
		return p->kind == K_NUMBER ? number_value(p, true, out) : bad(p);
	if (is(p, "?"))
		return parameter(p, out);
	if (is(p, "[") || is(p, "{") || is(p, "<<"))
		return nested_value(p, out);
	if (is_word(p, "TRUE") || is_word(p, "FALSE"))
		*out = (struct av){.type = AV_BOOL, .truth = is_word(p, "TRUE")};
	else if (is_word(p, "NULL"))
		*out = (struct av){.type = AV_NULL};
	else
		return bad(p);
	next(p);
	return true;
}

/* ---- paths and names ---- */

static bool name(struct sql *p, struct str *out)
{
	if (p->kind != K_WORD && p->kind != K_QUOTED)
		return bad(p);
	*out = p->t;
	next(p);
	return true;
}

static bool path(struct sql *p, struct path *out)
{
	struct path_part parts[ITEM_DEPTH_MAX] = {0};
	uint32_t n = 1;
	if (!name(p, &parts[0].name))
		return false;
	while (is(p, ".") || is(p, "[")) {
		if (n == COUNT_OF(parts))
			return fault(p->f, "Statement wasn't well formed, can't be processed: The document path is too long");
		struct path_part *part = &parts[n++];
		part->is_index = is(p, "[");
		next(p);
		if (!part->is_index) {
			if (!name(p, &part->name))
				return false;
			continue;
		}
		uint64_t index;
		if (p->kind != K_NUMBER || !str_to_u64(p->t, &index) || index > INT32_MAX)
			return bad(p);
		part->index = (uint32_t)index;
		next(p);
		if (!expect(p, "]"))
			return false;
	}
	struct path_part *kept = arena_array(p->a, struct path_part, n);
	memcpy(kept, parts, n * sizeof *kept);
	*out = (struct path){kept, n};
	return true;
}

/* ---- conditions ---- */

static struct expr *node(struct sql *p, enum expr_kind kind)
{
	struct expr *e = arena_new_of(p->a, struct expr);
	e->kind = kind;
	return e;
}

static void add_arg(struct sql *p, struct expr *e, struct expr *arg)
{
	ASSERT(e != NULL && arg != NULL);
	e->args = arena_grow(p->a, e->args, sizeof arg, e->n, (size_t)e->n + 1);
	e->args[e->n++] = arg;
}

static struct expr *operand(struct sql *p);

/* Arithmetic is of updates too. */
static bool updates(const struct expr *e)
{
	if (e->kind == EXPR_PLUS || e->kind == EXPR_MINUS)
		return true;
	return e->kind == EXPR_FUNCTION && (e->function == FN_LIST_APPEND || e->function == FN_IF_NOT_EXISTS);
}

/* Functions of updates take one another, those of conditions only size(). */
static bool check_arguments(struct sql *p, const struct expr *e)
{
	for (uint32_t i = 0; i < e->n; i++) {
		const struct expr *arg = e->args[i];
		if (arg->kind == EXPR_FUNCTION && (updates(e) ? !updates(arg) : arg->function != FN_SIZE))
			return fault(p->f, "The function is not allowed to be used this way in an expression; function: %.*s", STR_ARG(arg->name));
	}
	return true;
}

static struct expr *function(struct sql *p, struct str called)
{
	ASSERT(is(p, "(") && called.n > 0);
	static const struct { const char *name; enum expr_function f; uint32_t n; } table[] = {
		{"attribute_type", FN_ATTRIBUTE_TYPE, 2}, {"begins_with", FN_BEGINS_WITH, 2}, {"contains", FN_CONTAINS, 2},
		{"size", FN_SIZE, 1}, {"list_append", FN_LIST_APPEND, 2}, {"if_not_exists", FN_IF_NOT_EXISTS, 2},
		{"attribute_exists", FN_ATTRIBUTE_EXISTS, 1}, {"attribute_not_exists", FN_ATTRIBUTE_NOT_EXISTS, 1},
	};
	struct expr *e = node(p, EXPR_FUNCTION);
	e->name = called;
	uint32_t want = 0;
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		if (!str_eq_nocase(called, str_c(table[i].name)))
			continue;
		e->function = table[i].f;
		want = table[i].n;
	}
	if (want == 0) {
		fault(p->f, "Statement wasn't well formed, can't be processed: Unknown function: %.*s", STR_ARG(called));
		return NULL;
	}
	next(p); /* the parenthesis */
	for (uint32_t i = 0; i < want; i++) {
		struct expr *arg = i > 0 && !expect(p, ",") ? NULL : operand(p);
		if (arg == NULL)
			return NULL;
		add_arg(p, e, arg);
	}
	if (!expect(p, ")") || !check_arguments(p, e))
		return NULL;
	bool needs_path = e->function == FN_IF_NOT_EXISTS || e->function == FN_ATTRIBUTE_EXISTS || e->function == FN_ATTRIBUTE_NOT_EXISTS;
	if (needs_path && e->args[0]->kind != EXPR_PATH) {
		fault(p->f, "Operator or function requires a document path; operator or function: %.*s", STR_ARG(called));
		return NULL;
	}
	return e;
}

static bool starts_function(const struct sql *p)
{
	struct sql ahead = *p;
	next(&ahead);
	return p->kind == K_WORD && is(&ahead, "(");
}

static struct expr *value_node(struct sql *p)
{
	struct expr *e = node(p, EXPR_VALUE);
	struct av *v = arena_new_of(p->a, struct av);
	e->value = v;
	return value(p, v) ? e : NULL;
}

static struct expr *operand(struct sql *p)
{
	if (p->kind == K_WORD && (is_word(p, "TRUE") || is_word(p, "FALSE") || is_word(p, "NULL")))
		return value_node(p);
	if (starts_function(p)) {
		struct str called = p->t;
		if (!deeper(p))
			return NULL;
		next(p);
		struct expr *e = function(p, called);
		p->depth--;
		return e;
	}
	if (p->kind != K_WORD && p->kind != K_QUOTED)
		return value_node(p);
	struct expr *e = node(p, EXPR_PATH);
	return path(p, &e->path) ? e : NULL;
}

/* Only size() makes a value that conditions compare. */
static bool check_comparable(struct sql *p, const struct expr *e)
{
	ASSERT(e != NULL);
	if (e->kind != EXPR_FUNCTION || e->function == FN_SIZE)
		return true;
	return fault(p->f, "The function is not allowed to be used this way in an expression; function: %.*s", STR_ARG(e->name));
}

static struct expr *condition(struct sql *p);

static struct expr *is_missing(struct sql *p, struct expr *left)
{
	ASSERT(left != NULL);
	bool negated = accept_word(p, "NOT");
	struct expr *e = node(p, EXPR_FUNCTION);
	if (left->kind != EXPR_PATH) {
		bad(p);
		return NULL;
	}
	add_arg(p, e, left);
	if (accept_word(p, "MISSING")) {
		e->function = negated ? FN_ATTRIBUTE_EXISTS : FN_ATTRIBUTE_NOT_EXISTS;
		return e;
	}
	if (!expect_word(p, "NULL"))
		return NULL;
	static const struct av null_name = {.type = AV_S, .s = STR_INIT("NULL")};
	struct expr *type = node(p, EXPR_VALUE);
	type->value = &null_name;
	e->function = FN_ATTRIBUTE_TYPE;
	add_arg(p, e, type);
	if (!negated)
		return e;
	struct expr *not = node(p, EXPR_NOT);
	add_arg(p, not, e);
	return not;
}

static struct expr *in_list(struct sql *p, struct expr *left)
{
	ASSERT(left != NULL);
	struct expr *e = node(p, EXPR_IN);
	add_arg(p, e, left);
	const char *end = is(p, "[") ? "]" : ")";
	if (!accept(p, "[") && !expect(p, "("))
		return NULL;
	do {
		struct expr *arg = operand(p);
		if (arg == NULL || !check_comparable(p, arg))
			return NULL;
		add_arg(p, e, arg);
	} while (accept(p, ","));
	return expect(p, end) ? e : NULL;
}

static struct expr *compare(struct sql *p, struct expr *left)
{
	ASSERT(left != NULL);
	static const struct { const char *text; enum expr_kind kind; } table[] = {
		{"=", EXPR_EQ}, {"<>", EXPR_NE}, {"!=", EXPR_NE}, {"<", EXPR_LT}, {"<=", EXPR_LE}, {">", EXPR_GT}, {">=", EXPR_GE},
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		if (!is(p, table[i].text))
			continue;
		struct expr *e = node(p, table[i].kind);
		e->name = p->t;
		next(p);
		struct expr *right = operand(p);
		if (right == NULL || !check_comparable(p, left) || !check_comparable(p, right))
			return NULL;
		add_arg(p, e, left);
		add_arg(p, e, right);
		return e;
	}
	if (left->kind == EXPR_FUNCTION && left->function != FN_SIZE && left->function != FN_LIST_APPEND && left->function != FN_IF_NOT_EXISTS)
		return left;
	bad(p);
	return NULL;
}

static struct expr *between(struct sql *p, struct expr *left)
{
	ASSERT(left != NULL);
	struct expr *e = node(p, EXPR_BETWEEN), *low = operand(p);
	if (low == NULL || !expect_word(p, "AND"))
		return NULL;
	struct expr *high = operand(p);
	if (high == NULL || !check_comparable(p, left) || !check_comparable(p, low) || !check_comparable(p, high))
		return NULL;
	add_arg(p, e, left);
	add_arg(p, e, low);
	add_arg(p, e, high);
	return e;
}

static struct expr *term(struct sql *p)
{
	if (accept(p, "(")) {
		if (!deeper(p))
			return NULL;
		struct expr *e = condition(p);
		p->depth--;
		return e != NULL && expect(p, ")") ? e : NULL;
	}
	struct expr *left = operand(p);
	if (left == NULL)
		return NULL;
	if (accept_word(p, "IS"))
		return is_missing(p, left);
	if (accept_word(p, "BETWEEN"))
		return between(p, left);
	if (accept_word(p, "IN"))
		return check_comparable(p, left) ? in_list(p, left) : NULL;
	return compare(p, left);
}

static struct expr *negation(struct sql *p)
{
	if (!accept_word(p, "NOT"))
		return term(p);
	if (!deeper(p))
		return NULL;
	struct expr *e = negation(p), *not = node(p, EXPR_NOT);
	p->depth--;
	if (e == NULL)
		return NULL;
	add_arg(p, not, e);
	return not;
}

static struct expr *chain(struct sql *p, const char *word, enum expr_kind kind)
{
	ASSERT(kind == EXPR_OR || kind == EXPR_AND);
	struct expr *first = kind == EXPR_OR ? chain(p, "AND", EXPR_AND) : negation(p), *e = NULL;
	if (first == NULL || !is_word(p, word))
		return first;
	e = node(p, kind);
	add_arg(p, e, first);
	while (accept_word(p, word)) {
		struct expr *more = kind == EXPR_OR ? chain(p, "AND", EXPR_AND) : negation(p);
		if (more == NULL)
			return NULL;
		add_arg(p, e, more);
	}
	return e;
}

static struct expr *condition(struct sql *p)
{
	return chain(p, "OR", EXPR_OR);
}

/* ---- statements ---- */

static bool where(struct sql *p, struct partiql *out)
{
	if (!accept_word(p, "WHERE"))
		return true;
	out->where = condition(p);
	return out->where != NULL;
}

static bool select_list(struct sql *p, struct partiql *out)
{
	if (accept(p, "*"))
		return true;
	do {
		struct path one;
		if (!path(p, &one))
			return false;
		out->projection.paths = arena_grow(p->a, out->projection.paths, sizeof one, out->projection.n, (size_t)out->projection.n + 1);
		out->projection.paths[out->projection.n++] = one;
	} while (accept(p, ","));
	return true;
}

static bool select_statement(struct sql *p, struct partiql *out)
{
	out->kind = PARTIQL_SELECT;
	if (!select_list(p, out) || !expect_word(p, "FROM") || !name(p, &out->table))
		return false;
	if (accept(p, ".") && !name(p, &out->index))
		return false;
	if (!where(p, out))
		return false;
	if (!accept_word(p, "ORDER"))
		return true;
	if (!expect_word(p, "BY") || !name(p, &out->order_by))
		return false;
	out->descending = accept_word(p, "DESC");
	(void)accept_word(p, "ASC");
	return true;
}

static bool insert_statement(struct sql *p, struct partiql *out)
{
	out->kind = PARTIQL_INSERT;
	if (!expect_word(p, "INTO") || !name(p, &out->table) || !expect_word(p, "VALUE"))
		return false;
	if (!value(p, &out->item))
		return false;
	return out->item.type == AV_M || fault(p->f, "Unsupported input to INSERT: VALUE must be a tuple");
}

/* [ALL | MODIFIED] [OLD | NEW] * */
static bool returning(struct sql *p, struct partiql *out)
{
	ASSERT(out->kind == PARTIQL_UPDATE || out->kind == PARTIQL_DELETE);
	if (!accept_word(p, "RETURNING"))
		return true;
	bool all = accept_word(p, "ALL");
	if (!all && !expect_word(p, "MODIFIED"))
		return false;
	bool old = accept_word(p, "OLD");
	if (!old && !expect_word(p, "NEW"))
		return false;
	out->returning = all ? (old ? S("ALL_OLD") : S("ALL_NEW")) : (old ? S("UPDATED_OLD") : S("UPDATED_NEW"));
	if (out->kind == PARTIQL_DELETE && !str_eq(out->returning, S("ALL_OLD")))
		return fault(p->f, "Only ALL OLD is supported for RETURNING in DELETE");
	return expect(p, "*");
}

static void add_action(struct sql *p, struct partiql *out, enum update_kind kind, const struct path *target, struct expr *v)
{
	ASSERT(target->n > 0 && (v != NULL) == (kind != UPDATE_REMOVE));
	struct update *u = &out->update;
	u->actions = arena_grow(p->a, u->actions, sizeof *u->actions, u->n, (size_t)u->n + 1);
	u->actions[u->n++] = (struct update_action){kind, *target, v};
}

/* set_add(path, <<...>>) and set_delete(path, <<...>>): the actions ADD and DELETE of update expressions. */
static bool set_function(struct sql *p, struct partiql *out, const struct path *target, bool add)
{
	ASSERT(is_word(p, "set_add") || is_word(p, "set_delete"));
	struct path of;
	next(p);
	next(p);
	if (!path(p, &of) || !expect(p, ","))
		return false;
	struct expr *v = value_node(p);
	if (v == NULL || !expect(p, ")"))
		return false;
	if (!av_is_set(v->value->type) && !(add && v->value->type == AV_N))
		return fault(p->f, "Incorrect operand type for operator or function; operator: %s, operand type: %s", add ? "set_add" : "set_delete",
		             av_type_name(v->value->type));
	if (!str_eq(of.parts[0].name, target->parts[0].name) || of.n != target->n)
		return fault(p->f, "%s is only supported on the attribute that is set", add ? "set_add" : "set_delete");
	add_action(p, out, add ? UPDATE_ADD : UPDATE_DELETE, target, v);
	return true;
}

static bool set_clause(struct sql *p, struct partiql *out)
{
	do {
		struct path target;
		if (!path(p, &target) || !expect(p, "="))
			return false;
		if (starts_function(p) && (is_word(p, "set_add") || is_word(p, "set_delete"))) {
			if (!set_function(p, out, &target, is_word(p, "set_add")))
				return false;
			continue;
		}
		struct expr *v = operand(p);
		if (v == NULL)
			return false;
		if (is(p, "+") || is(p, "-")) {
			struct expr *sum = node(p, is(p, "+") ? EXPR_PLUS : EXPR_MINUS);
			next(p);
			struct expr *right = operand(p);
			if (right == NULL)
				return false;
			add_arg(p, sum, v);
			add_arg(p, sum, right);
			v = sum;
		}
		struct expr whole = {.kind = EXPR_FUNCTION, .function = FN_LIST_APPEND, .args = &v, .n = 1};
		if (!check_arguments(p, v->kind == EXPR_PLUS || v->kind == EXPR_MINUS ? v : &whole))
			return false;
		add_action(p, out, UPDATE_SET, &target, v);
	} while (accept(p, ","));
	return true;
}

static bool remove_clause(struct sql *p, struct partiql *out)
{
	do {
		struct path target;
		if (!path(p, &target))
			return false;
		add_action(p, out, UPDATE_REMOVE, &target, NULL);
	} while (accept(p, ","));
	return true;
}

static bool update_statement(struct sql *p, struct partiql *out)
{
	out->kind = PARTIQL_UPDATE;
	if (!name(p, &out->table))
		return false;
	while (is_word(p, "SET") || is_word(p, "REMOVE")) {
		bool set = is_word(p, "SET");
		next(p);
		if (set ? !set_clause(p, out) : !remove_clause(p, out))
			return false;
	}
	if (out->update.n == 0)
		return bad(p);
	return where(p, out) && returning(p, out);
}

static bool delete_statement(struct sql *p, struct partiql *out)
{
	out->kind = PARTIQL_DELETE;
	return expect_word(p, "FROM") && name(p, &out->table) && where(p, out) && returning(p, out);
}

static bool exists_statement(struct sql *p, struct partiql *out)
{
	if (!expect(p, "(") || !expect_word(p, "SELECT") || !select_statement(p, out))
		return false;
	out->kind = PARTIQL_EXISTS;
	return expect(p, ")");
}

static bool statement(struct sql *p, struct partiql *out)
{
	if (accept_word(p, "SELECT"))
		return select_statement(p, out);
	if (accept_word(p, "INSERT"))
		return insert_statement(p, out);
	if (accept_word(p, "UPDATE"))
		return update_statement(p, out);
	if (accept_word(p, "DELETE"))
		return delete_statement(p, out);
	if (accept_word(p, "EXISTS"))
		return exists_statement(p, out);
	return bad(p);
}

bool partiql_parse(struct arena *a, struct str text, const struct av *parameters, uint32_t n, struct partiql *out, struct fault *f)
{
	ASSERT(parameters != NULL || n == 0);
	struct sql p = {.a = a, .f = f, .text = text, .parameters = parameters, .n_parameters = n};
	*out = (struct partiql){0};
	if (text.n == 0 || text.n > PARTIQL_LENGTH_MAX)
		return fault(f, "1 validation error detected: Value at 'statement' failed to satisfy constraint: Member must have length less than "
		                "or equal to 8192");
	next(&p);
	if (!statement(&p, out))
		return false;
	(void)accept(&p, ";");
	if (p.kind != K_END)
		return bad(&p);
	return p.used == n || fault(f, "Number of parameters in request and statement don't match.");
}
