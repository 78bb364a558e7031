/* The query of S3 Select: SELECT, FROM, WHERE, LIMIT, and what their names mean.
 *
 * What always holds: a path that has been bound begins at the row, not at the table; with an aggregate there is no column
 * beside it. */
#include "select_parse.h"

/* ---- clauses ---- */

static bool read_alias(struct parser *p, struct str *out)
{
	bool as = parse_accept_word(p, "as");
	if (p->token == T_QUOTED || (p->token == T_WORD && !parse_is_reserved(p))) {
		*out = p->s;
		parse_next(p);
		return true;
	}
	if (as)
		parse_fail(p, "ParseExpectedIdentForAlias", "Did not find the expected identifier for the alias in the SQL expression.");
	return !as;
}

static bool read_items(struct parser *p)
{
	struct query *q = p->q;
	if (parse_accept(p, "*")) {
		q->all = true;
		return true;
	}
	do {
		struct item item = {.x = parse_expression(p)};
		if (item.x == NULL || !read_alias(p, &item.name))
			return false;
		if (q->n_items >= COLUMNS_MAX) {
			parse_fail(p, "OverMaxColumn", "The number of columns in the result is greater than the maximum allowable number of columns.");
			return false;
		}
		(void)GROW(p, q->items, q->n_items);
		q->items[q->n_items++] = item;
	} while (parse_accept(p, ","));
	return !p->failed;
}

static bool read_from(struct parser *p)
{
	struct query *q = p->q;
	if (!parse_accept_word(p, "from")) {
		parse_fail(p, "ParseSelectMissingFrom", "The SQL expression contains a SELECT without a FROM.");
		return false;
	}
	if ((p->token != T_WORD && p->token != T_QUOTED) || !str_eq_nocase(p->s, S("s3object"))) {
		parse_fail(p, "InvalidTableAlias", "The SQL expression contains an invalid table alias: FROM must name S3Object.");
		return false;
	}
	parse_next(p);
	if (!parse_steps(p, &q->from, &q->n_from))
		return false;
	if (q->n_from > 0 && q->from[0].kind != STEP_ALL) {
		parse_fail(p, "InvalidKeyPath", "The SQL expression contains an invalid key path: a path behind S3Object begins with [*].");
		return false;
	}
	/* Without an alias the rows are called by the path's last name, which in JSON may be empty. */
	const struct step *last = q->n_from > 1 ? &q->from[q->n_from - 1] : NULL;
	q->alias = last == NULL ? S("s3object") : last->kind == STEP_NAME && last->name.n > 0 ? last->name : S("_1");
	ASSERT(q->alias.n > 0);
	return read_alias(p, &q->alias);
}

static bool read_limit(struct parser *p)
{
	p->q->limit = -1;
	if (!parse_accept_word(p, "limit"))
		return true;
	if (p->token != T_INT || !str_to_i64(p->s, &p->q->limit)) {
		parse_fail(p, "ParseExpectedNumber", "Did not find the expected number in the SQL expression.");
		return false;
	}
	parse_next(p);
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
			parse_fail(p, "UnsupportedSqlStructure", "Encountered an unsupported SQL structure: aggregates and columns cannot be selected together.");
			return false;
		}
	}
	if (!q->all || q->n_aggregates == 0)
		return true;
	parse_fail(p, "UnsupportedSqlStructure", "Encountered an unsupported SQL structure: an aggregate outside the SELECT list.");
	return false;
}

struct query *sql_parse(struct arena *a, struct str text, struct sql_error *e)
{
	struct query *q = arena_new_of(a, struct query);
	struct parser p = {.a = a, .text = text, .e = e, .q = q};
	if (text.n > SQL_MAX) {
		parse_fail(&p, "ExpressionTooLong", "The SQL expression is too long: The maximum byte-length for the SQL expression is 256 KB.");
		return NULL;
	}
	if (!utf8_valid(text)) {
		parse_fail(&p, "InvalidTextEncoding", "Invalid encoding type. Only UTF-8 encoding is supported.");
		return NULL;
	}
	parse_next(&p);
	if (!parse_accept_word(&p, "select")) {
		parse_fail(&p, "ParseUnsupportedSelect", "The SQL expression contains an unsupported use of SELECT.");
		return NULL;
	}
	if (!read_items(&p) || !read_from(&p))
		return NULL;
	size_t before = q->n_aggregates;
	if (parse_accept_word(&p, "where") && (q->where = parse_expression(&p)) == NULL)
		return NULL;
	if (q->n_aggregates != before)
		parse_fail(&p, "UnsupportedSqlStructure", "Encountered an unsupported SQL structure: an aggregate outside the SELECT list.");
	if (p.failed || !read_limit(&p) || p.failed)
		return NULL;
	(void)parse_accept(&p, ";");
	if (parse_is_word(&p, "order") || parse_is_word(&p, "group") || parse_is_word(&p, "having") || parse_is_word(&p, "join") ||
	    parse_is_word(&p, "union"))
		parse_fail(&p, "UnsupportedSyntax", "Encountered invalid syntax: %.*s is not supported.", STR_ARG(p.s));
	else if (p.token != T_END)
		parse_unexpected(&p);
	if (p.failed || !names_of_items(&p))
		return NULL;
	ASSERT((q->all || q->n_items > 0) && str_present(q->alias) && e->code == NULL);
	return q;
}
