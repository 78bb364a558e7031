/* KeyConditionExpression: a condition that only names keys, made into conditions on them.
 *
 * The service parses it with the grammar of conditions and then refuses what no key can answer. */
#include "expr_parse.h"

static bool take(struct expr_context *x, const struct expr *e, struct key_conditions *out);

/* Operators that no index can answer. */
static bool check_operator(struct expr_context *x, const struct expr *e)
{
	ASSERT(e != NULL && x->fault != NULL);
	switch (e->kind) {
	case EXPR_OR:
		return fault(x->fault, "Invalid operator used in KeyConditionExpression: OR");
	case EXPR_NOT:
		return fault(x->fault, "Invalid operator used in KeyConditionExpression: NOT");
	case EXPR_IN:
		return fault(x->fault, "Invalid operator used in KeyConditionExpression: IN");
	case EXPR_NE:
		return fault(x->fault, "Invalid operator used in KeyConditionExpression: <>");
	case EXPR_FUNCTION:
		if (e->function == FN_SIZE)
			return fault(x->fault, "KeyConditionExpressions cannot contain nested operations");
		if (e->function != FN_BEGINS_WITH)
			return fault(x->fault, "Invalid operator used in KeyConditionExpression: %.*s", STR_ARG(e->name));
		break;
	default:
		break;
	}
	if (e->kind == EXPR_BETWEEN && e->args[0]->kind != EXPR_PATH)
		return fault(x->fault, "Invalid condition in KeyConditionExpression: BETWEEN operator must have the key attribute as "
		                       "its first operand");
	if (e->kind == EXPR_FUNCTION && e->args[0]->kind != EXPR_PATH)
		return fault(x->fault, "Invalid condition in KeyConditionExpression: begins_with operator must have the key attribute "
		                       "as its first operand");
	return true;
}

/* The one path among the operands. */
static bool find_key(struct expr_context *x, const struct expr *e, uint32_t *at)
{
	ASSERT(e != NULL && at != NULL);
	bool found = false;
	for (uint32_t i = 0; i < e->n; i++) {
		if (e->args[i]->kind == EXPR_FUNCTION && !take(x, e->args[i], NULL))
			return false;
		if (e->args[i]->kind != EXPR_PATH)
			continue;
		if (found)
			return fault(x->fault, "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition");
		if (e->args[i]->path.n > 1)
			return fault(x->fault, "KeyConditionExpressions cannot have conditions on nested attributes");
		*at = i;
		found = true;
	}
	return found || fault(x->fault, "Invalid condition in KeyConditionExpression: No key attribute specified");
}

static enum key_operator operator_of(enum expr_kind kind, bool key_first)
{
	switch (kind) {
	case EXPR_EQ: return KEY_EQ;
	case EXPR_LT: return key_first ? KEY_LT : KEY_GT;
	case EXPR_LE: return key_first ? KEY_LE : KEY_GE;
	case EXPR_GT: return key_first ? KEY_GT : KEY_LT;
	case EXPR_GE: return key_first ? KEY_GE : KEY_LE;
	case EXPR_BETWEEN: return KEY_BETWEEN;
	default: break;
	}
	ASSERT(kind == EXPR_FUNCTION);
	return KEY_BEGINS_WITH;
}

static bool take(struct expr_context *x, const struct expr *e, struct key_conditions *out)
{
	if (!check_operator(x, e))
		return false;
	if (e->kind == EXPR_AND) {
		for (uint32_t i = 0; i < e->n; i++)
			if (!take(x, e->args[i], out))
				return false;
		return true;
	}
	uint32_t at = 0;
	if (!find_key(x, e, &at))
		return false;
	ASSERT(out != NULL);
	struct str name = e->args[at]->path.parts[0].name;
	for (uint32_t i = 0; i < out->n; i++)
		if (str_eq(out->v[i].name, name))
			return fault(x->fault, "KeyConditionExpressions must only contain one condition per key");
	if (out->n == COUNT_OF(out->v))
		return fault(x->fault, "Conditions can be of length 1 or 2 only");
	struct key_condition *k = &out->v[out->n++];
	*k = (struct key_condition){.name = name, .op = operator_of(e->kind, at == 0)};
	k->low = e->args[at == 0 ? 1 : 0]->value;
	k->high = e->n == 3 ? e->args[2]->value : NULL;
	ASSERT(k->low != NULL);
	return true;
}

bool expr_read_key(struct expr_context *x, const struct expr *e, struct key_conditions *out)
{
	ASSERT(e != NULL);
	*out = (struct key_conditions){0};
	return take(x, e, out);
}

bool expr_parse_key(struct expr_context *x, struct str text, struct key_conditions *out)
{
	struct expr *e = expr_parse_condition(x, "KeyConditionExpression", text);
	return e != NULL && expr_read_key(x, e, out);
}
