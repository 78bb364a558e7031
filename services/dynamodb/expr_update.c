/* Update expressions: the grammar, and applying them to an item.
 *
 *   update = section {section}, each kind once
 *   section = SET path '=' value {',' ...} | REMOVE path {','...} | ADD path :v {',' ...} | DELETE path :v {',' ...}
 *   value = sum | '(' sum ')', sum = operand ['+' operand | '-' operand]
 * All values are computed on the item as it was before any action; paths never overlap, so the order of actions
 * does not matter but for list positions, which are those of the item as it was. */
#include "expr_parse.h"

#include <stdlib.h>

static const char *const section_names[] = {"SET", "REMOVE", "ADD", "DELETE"};

/* Is this a parenthesis around a sum and nothing else? */
static bool sum_in_parens(struct parser *p)
{
	if (!token_is(&p->t, "("))
		return false;
	int open = 1;
	bool sum = false;
	struct token t = p->t;
	while (open > 0 && t.type != TOKEN_END) {
		t = token_next(p->text, token_end(&t));
		open += token_is(&t, "(") - token_is(&t, ")");
		sum = sum || (open == 1 && (token_is(&t, "+") || token_is(&t, "-")));
	}
	return sum;
}

static struct expr *parse_sum(struct parser *p)
{
	struct expr *left = parse_operand(p);
	if (left == NULL || !(token_is(&p->t, "+") || token_is(&p->t, "-")))
		return left;
	struct str sign = p->t.text;
	parser_advance(p);
	struct expr *right = parse_operand(p);
	if (right == NULL)
		return NULL;
	struct expr *e = parser_node(p, sign.p[0] == '+' ? EXPR_PLUS : EXPR_MINUS, left, right);
	e->name = sign;
	for (uint32_t i = 0; i < 2; i++) {
		enum av_type t = expr_type(e->args[i], false);
		if (t != AV_NONE && t != AV_N)
			parser_note(p, MISTAKE_TYPE, "Incorrect operand type for operator or function; operator or function: %.*s, "
			                             "operand type: %s", STR_ARG(sign), av_type_name(t));
	}
	return e;
}

static struct expr *parse_set_value(struct parser *p)
{
	if (!sum_in_parens(p))
		return parse_sum(p);
	parser_advance(p);
	struct expr *e = parse_sum(p);
	return e != NULL && parser_expect(p, ")") ? e : NULL;
}

/* What ADD and DELETE take. */
static void check_section_type(struct parser *p, enum update_kind kind, const struct expr *value)
{
	ASSERT(kind == UPDATE_ADD || kind == UPDATE_DELETE);
	static const char *const long_names[] = {"", "STRING", "NUMBER", "BINARY", "BOOLEAN", "NULL", "", "", "", "LIST", "MAP"};
	enum av_type t = expr_type(value, false);
	if (t == AV_NONE || av_is_set(t) || (kind == UPDATE_ADD && t == AV_N))
		return;
	parser_note(p, MISTAKE_OPERAND, "Incorrect operand type for operator or function; operator: %s, operand type: %s, "
	                                "typeSet: ALLOWED_FOR_%s_OPERAND", section_names[kind], long_names[t], section_names[kind]);
}

static bool parse_action(struct parser *p, enum update_kind kind, struct update_action *out)
{
	*out = (struct update_action){.kind = kind};
	if (!parse_path(p, &out->path))
		return false;
	if (kind == UPDATE_REMOVE)
		return true;
	if (kind == UPDATE_SET) {
		if (!parser_expect(p, "="))
			return false;
		out->value = parse_set_value(p);
		return out->value != NULL;
	}
	if (p->t.type != TOKEN_VALUE)
		return parser_syntax(p);
	out->value = parse_operand(p);
	check_section_type(p, kind, out->value);
	return true;
}

static void note_overlaps(struct parser *p, const struct update *u, const struct path *path)
{
	for (uint32_t i = 0; i < u->n; i++)
		parser_check_overlap(p, &u->actions[i].path, 1, path);
}

static bool parse_section(struct parser *p, enum update_kind kind, struct update *out)
{
	do {
		parser_advance(p); /* the key word, then commas */
		struct update_action action;
		if (!parse_action(p, kind, &action))
			return false;
		note_overlaps(p, out, &action.path);
		out->actions = arena_grow(p->x->arena, out->actions, sizeof action, out->n, out->n + 1);
		out->actions[out->n++] = action;
	} while (token_is(&p->t, ","));
	return true;
}

bool expr_parse_update(struct expr_context *x, struct str text, struct update *out)
{
	ASSERT(x->arena != NULL && x->fault != NULL);
	static const enum mistake order[] = {MISTAKE_RESERVED, MISTAKE_UNKNOWN_FUNCTION, MISTAKE_MISUSED_FUNCTION, MISTAKE_SECTION, MISTAKE_NAME,
	                                     MISTAKE_VALUE, MISTAKE_LIMIT, MISTAKE_OVERLAP, MISTAKE_CONFLICT, MISTAKE_OPERAND,
	                                     MISTAKE_COUNT, MISTAKE_TYPE, N_MISTAKES};
	struct parser p;
	*out = (struct update){0};
	if (!parser_start(&p, x, "UpdateExpression", text))
		return false;
	p.update = true;
	bool seen[COUNT_OF(section_names)] = {false};
	while (p.t.type != TOKEN_END && !p.broken) {
		unsigned kind = 0;
		while (kind < COUNT_OF(section_names) && !token_is_word(&p.t, section_names[kind]))
			kind++;
		if (kind == COUNT_OF(section_names)) {
			parser_syntax(&p);
			break;
		}
		if (seen[kind])
			parser_note(&p, MISTAKE_SECTION, "The \"%s\" section can only be used once in an update expression;",
			            section_names[kind]);
		seen[kind] = true;
		parse_section(&p, (enum update_kind)kind, out);
	}
	return parser_finish(&p, order);
}

/* ---- applying ---- */

static bool wrong_type(struct fault *f)
{
	return fault(f, "An operand in the update expression has an incorrect data type");
}

static bool evaluate(const struct expr *e, const struct av *item, struct av *out, struct fault *f);

static bool evaluate_sum(const struct expr *e, const struct av *item, struct av *out, struct fault *f)
{
	ASSERT(e->n == 2);
	struct av x, y;
	if (!evaluate(e->args[0], item, &x, f))
		return false;
	if (x.type != AV_N)
		return wrong_type(f);
	if (!evaluate(e->args[1], item, &y, f))
		return false;
	if (y.type != AV_N)
		return wrong_type(f);
	struct number nx = av_to_number(&x), ny = av_to_number(&y), sum;
	enum number_fault nf = e->kind == EXPR_PLUS ? number_add(&nx, &ny, &sum) : number_sub(&nx, &ny, &sum);
	if (nf != NUMBER_OK)
		return fault(f, "%.*s", STR_ARG(number_message(f->arena, nf, S(""))));
	*out = av_number(f->arena, &sum);
	return true;
}

static bool evaluate_append(const struct expr *e, const struct av *item, struct av *out, struct fault *f)
{
	ASSERT(e->n == 2);
	struct av x, y;
	if (!evaluate(e->args[0], item, &x, f))
		return false;
	if (x.type != AV_L)
		return wrong_type(f);
	if (!evaluate(e->args[1], item, &y, f))
		return false;
	if (y.type != AV_L)
		return wrong_type(f);
	*out = (struct av){.type = AV_L, .n = x.n + y.n, .items = arena_array(f->arena, struct av, (size_t)x.n + y.n)};
	for (uint32_t i = 0; i < out->n; i++)
		out->items[i] = i < x.n ? x.items[i] : y.items[i - x.n];
	return true;
}

/* Results share no containers with the item: what is read from it is copied. */
static bool evaluate(const struct expr *e, const struct av *item, struct av *out, struct fault *f)
{
	const struct av *found;
	switch (e->kind) {
	case EXPR_VALUE:
		*out = av_copy(f->arena, e->value);
		return true;
	case EXPR_PATH:
		found = path_resolve(&e->path, item);
		if (found == NULL)
			return fault(f, "The provided expression refers to an attribute that does not exist in the item");
		*out = av_copy(f->arena, found);
		return true;
	case EXPR_PLUS: case EXPR_MINUS:
		return evaluate_sum(e, item, out, f);
	case EXPR_FUNCTION:
		if (e->function == FN_LIST_APPEND)
			return evaluate_append(e, item, out, f);
		ASSERT(e->function == FN_IF_NOT_EXISTS);
		found = path_resolve(&e->args[0]->path, item);
		if (found == NULL)
			return evaluate(e->args[1], item, out, f);
		*out = av_copy(f->arena, found);
		return true;
	default:
		break;
	}
	ASSERT(e->kind == EXPR_VALUE);
	return false;
}

/* The container that holds the last part of a path; NULL with a fault. */
static struct av *parent_of(const struct path *p, struct av *item, struct fault *f)
{
	ASSERT(p->n > 0 && !p->parts[0].is_index);
	const struct path above = {p->parts, p->n - 1};
	struct av *parent = p->n == 1 ? item : path_resolve(&above, item);
	if (parent != NULL && parent->type == (p->parts[p->n - 1].is_index ? AV_L : AV_M))
		return parent;
	fault(f, "The document path provided in the update expression is invalid for update");
	return NULL;
}

static struct av *child_of(struct av *parent, const struct path_part *part)
{
	ASSERT(parent->type == (part->is_index ? AV_L : AV_M));
	if (!part->is_index)
		return av_get(parent, part->name);
	return part->index < parent->n ? &parent->items[part->index] : NULL;
}

/* Past the end of a list means at its end. */
static void put_child(struct arena *a, struct av *parent, const struct path_part *part, const struct av *v)
{
	ASSERT(parent->type == (part->is_index ? AV_L : AV_M) && v->type != AV_NONE);
	if (!part->is_index) {
		av_set(a, parent, part->name, v);
	} else if (part->index < parent->n) {
		parent->items[part->index] = *v;
	} else {
		parent->items = arena_grow(a, parent->items, sizeof *v, parent->n, (size_t)parent->n + 1);
		parent->items[parent->n++] = *v;
	}
}

/* An element removed from a list leaves a hole (AV_NONE) so that the others keep their positions until the end. */
static void remove_child(struct av *parent, const struct path_part *part)
{
	ASSERT(parent->type == (part->is_index ? AV_L : AV_M));
	if (!part->is_index)
		av_unset(parent, part->name);
	else if (part->index < parent->n)
		parent->items[part->index].type = AV_NONE;
}

static void close_holes(struct av *v)
{
	if (v->type == AV_M)
		for (uint32_t i = 0; i < v->n; i++)
			close_holes(&v->members[i].value);
	if (v->type != AV_L)
		return;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < v->n; i++) {
		if (v->items[i].type == AV_NONE)
			continue;
		close_holes(&v->items[i]);
		v->items[kept++] = v->items[i];
	}
	v->n = kept;
}

static bool add_number(const struct av *old, const struct av *v, struct av *out, struct fault *f)
{
	ASSERT(v->type == AV_N);
	struct number zero = {0}, x = old != NULL ? av_to_number(old) : zero, y = av_to_number(v), sum;
	enum number_fault nf = number_add(&x, &y, &sum);
	if (nf != NUMBER_OK)
		return fault(f, "%.*s", STR_ARG(number_message(f->arena, nf, S(""))));
	*out = av_number(f->arena, &sum);
	return true;
}

static struct av set_union(struct arena *a, const struct av *old, const struct av *v)
{
	ASSERT(av_is_set(v->type));
	struct av all = av_copy(a, v);
	if (old == NULL)
		return all;
	all.n += old->n;
	all.items = arena_grow(a, all.items, sizeof *all.items, v->n, all.n);
	memcpy(all.items + v->n, old->items, old->n * sizeof *old->items);
	(void)av_sort_set(&all); /* drops what both have */
	return all;
}

static struct av set_without(struct arena *a, const struct av *old, const struct av *v)
{
	ASSERT(old->type == v->type && av_is_set(v->type));
	struct av rest = {.type = old->type, .items = arena_array(a, struct av, old->n)};
	for (uint32_t i = 0; i < old->n; i++)
		if (!av_set_has(v, &old->items[i]))
			rest.items[rest.n++] = old->items[i];
	return rest;
}

static bool apply_add(struct av *parent, const struct update_action *u, struct fault *f)
{
	ASSERT(u->kind == UPDATE_ADD);
	const struct path_part *part = &u->path.parts[u->path.n - 1];
	const struct av *old = child_of(parent, part), *v = u->value->value;
	if (old != NULL && old->type != v->type)
		return wrong_type(f);
	struct av fresh;
	if (v->type != AV_N)
		fresh = set_union(f->arena, old, v);
	else if (!add_number(old, v, &fresh, f))
		return false;
	put_child(f->arena, parent, part, &fresh);
	return true;
}

static bool apply_delete(struct av *parent, const struct update_action *u, struct fault *f)
{
	ASSERT(u->kind == UPDATE_DELETE);
	const struct path_part *part = &u->path.parts[u->path.n - 1];
	const struct av *old = child_of(parent, part), *v = u->value->value;
	if (old == NULL)
		return true;
	if (old->type != v->type)
		return wrong_type(f);
	struct av rest = set_without(f->arena, old, v);
	if (rest.n == 0)
		remove_child(parent, part);
	else
		put_child(f->arena, parent, part, &rest);
	return true;
}

static bool apply_one(const struct update_action *u, const struct av *value, struct av *item, struct fault *f)
{
	struct av *parent = parent_of(&u->path, item, f);
	if (parent == NULL)
		return false;
	switch (u->kind) {
	case UPDATE_SET:
		put_child(f->arena, parent, &u->path.parts[u->path.n - 1], value);
		return true;
	case UPDATE_REMOVE:
		remove_child(parent, &u->path.parts[u->path.n - 1]);
		return true;
	case UPDATE_ADD:
		return apply_add(parent, u, f);
	case UPDATE_DELETE:
		return apply_delete(parent, u, f);
	}
	ASSERT(u->kind == UPDATE_DELETE);
	return false;
}

struct step { const struct update_action *action; struct av value; };

/* By path, indexes growing, so that several elements set past a list's end are appended in order. */
static int cmp_steps(const void *x, const void *y)
{
	const struct path *a = &((const struct step *)x)->action->path, *b = &((const struct step *)y)->action->path;
	for (uint32_t i = 0; i < a->n && i < b->n; i++) {
		const struct path_part *p = &a->parts[i], *q = &b->parts[i];
		int c = p->is_index && q->is_index ? (p->index > q->index) - (p->index < q->index) : str_cmp(p->name, q->name);
		if (c != 0)
			return c;
	}
	return (a->n > b->n) - (a->n < b->n);
}

bool update_apply(const struct update *u, struct av *item, struct fault *f)
{
	ASSERT(item->type == AV_M);
	struct step *steps = arena_array(f->arena, struct step, u->n);
	bool indexes = false;
	for (uint32_t i = 0; i < u->n; i++) {
		steps[i].action = &u->actions[i];
		indexes = indexes || u->actions[i].path.n > 1;
		if (u->actions[i].kind == UPDATE_SET && !evaluate(u->actions[i].value, item, &steps[i].value, f))
			return false;
	}
	if (indexes)
		qsort(steps, u->n, sizeof *steps, cmp_steps);
	for (uint32_t i = 0; i < u->n; i++)
		if (!apply_one(steps[i].action, &steps[i].value, item, f))
			return false;
	if (indexes)
		close_holes(item);
	return true;
}
