/* Reading the parameters of item operations: see request.h. Legacy parameters are in legacy.c. */
#include "request.h"

void request_init(struct request *r, struct call *c)
{
	ASSERT(c->arena != NULL);
	*r = (struct request){.c = c, .fault = {.arena = c->arena}};
	r->x = (struct expr_context){.arena = c->arena, .fault = &r->fault};
}

void request_failed(struct request *r)
{
	fail_fault(r->c, &r->fault);
}

static struct str join_given(struct arena *a, const struct given *g, size_t n, const char *separator, bool all)
{
	struct buf b;
	buf_init(&b, a, 0);
	for (size_t i = 0; i < n; i++)
		if (all || g[i].is)
			buf_printf(&b, "%s%s", b.n > 0 ? separator : "", g[i].name);
	return buf_view(&b);
}

bool request_check_given(struct request *r, const struct given *expressions, size_t n, const struct given *legacy, size_t n_legacy,
                         struct map_of names, const struct json *values)
{
	struct arena *a = r->c->arena;
	bool any = false, any_legacy = false, any_values = false;
	struct given takes_values[4];
	size_t n_values = 0;
	ASSERT(n <= COUNT_OF(takes_values));
	for (size_t i = 0; i < n; i++) {
		any = any || expressions[i].is;
		if (strcmp(expressions[i].name, "ProjectionExpression") == 0)
			continue;
		any_values = any_values || expressions[i].is;
		takes_values[n_values++] = expressions[i];
	}
	for (size_t i = 0; i < n_legacy; i++)
		any_legacy = any_legacy || legacy[i].is;
	if (any && any_legacy)
		return fault(&r->fault, "Can not use both expression and non-expression parameters in the same request: "
		                        "Non-expression parameters: {%.*s} Expression parameters: {%.*s}",
		             STR_ARG(join_given(a, legacy, n_legacy, ", ", false)), STR_ARG(join_given(a, expressions, n, ", ", false)));
	if (names.set && !any)
		return fault(&r->fault, "ExpressionAttributeNames can only be specified when using expressions");
	if (n_values > 0 && values != NULL && !any_values)
		return fault(&r->fault, "ExpressionAttributeValues can only be specified when using expressions: %.*s %s null",
		             STR_ARG(join_given(a, takes_values, n_values, " and ", true)), n_values > 1 ? "are" : "is");
	return true;
}

bool request_check_joined(struct request *r, struct str conditional_operator, struct map_of conditions)
{
	if (!str_present(conditional_operator) || conditions.n > 1)
		return true;
	return fault(&r->fault, conditions.n == 0 ? "ConditionalOperator cannot be used without Filter or Expected" :
	                                            "ConditionalOperator can only be used when Filter or Expected has two or more elements");
}

static bool good_placeholder(struct str s, char sigil)
{
	if (s.n < 2 || s.p[0] != sigil)
		return false;
	for (size_t i = 1; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'))
			return false;
	}
	return true;
}

static bool read_names(struct request *r, struct map_of names)
{
	const struct dynamodb_ExpressionAttributeNameMap_entry *e = names.v;
	if (names.n == 0)
		return fault(&r->fault, "ExpressionAttributeNames must not be empty");
	r->x.names = arena_array(r->c->arena, struct expr_name, names.n);
	r->x.n_names = names.n;
	for (uint32_t i = 0; i < names.n; i++) {
		if (e[i].key.n > PLACEHOLDER_MAX)
			return fault(&r->fault, "ExpressionAttributeNames contains invalid key: The expression attribute map contains a key that is too "
			                        "long; size of key: %zu", e[i].key.n);
		if (!good_placeholder(e[i].key, '#'))
			return fault(&r->fault, "ExpressionAttributeNames contains invalid key: Syntax error; key: \"%.*s\"", STR_ARG(e[i].key));
		if (e[i].value.n == 0)
			return fault(&r->fault, "ExpressionAttributeNames contains invalid value: Empty attribute name for key %.*s",
			             STR_ARG(e[i].key));
		if (e[i].value.n > NAME_SIZE_MAX)
			return fault_long_name(&r->fault);
		r->x.names[i] = (struct expr_name){.key = e[i].key, .name = e[i].value};
	}
	return true;
}

static bool read_values(struct request *r, const struct json *values)
{
	if (values->type != JSON_OBJECT)
		return fault_serialization(&r->fault, "Unexpected field type");
	if (values->n == 0)
		return fault(&r->fault, "ExpressionAttributeValues must not be empty");
	r->x.values = arena_array(r->c->arena, struct expr_value, values->n);
	r->x.n_values = values->n;
	for (uint32_t i = 0; i < values->n; i++)
		if (values->members[i].key.n > PLACEHOLDER_MAX)
			return fault(&r->fault, "ExpressionAttributeValues contains invalid key: The expression attribute map contains a key that is too "
			                        "long;");
		else if (!good_placeholder(values->members[i].key, ':'))
			return fault(&r->fault, "ExpressionAttributeValues contains invalid key: Syntax error; key: \"%.*s\"",
			             STR_ARG(values->members[i].key));
	for (uint32_t i = 0; i < values->n; i++) {
		struct fault f = {.arena = r->c->arena};
		r->x.values[i].key = values->members[i].key;
		if (av_from_json(&values->members[i].value, &r->x.values[i].value, &f))
			continue;
		if (f.code == FAULT_LONE) {
			r->fault = f;
			return false;
		}
		if (f.code == FAULT_SERIALIZATION)
			return fault_serialization(&r->fault, "%.*s", STR_ARG(f.message));
		return fault(&r->fault, "ExpressionAttributeValues contains invalid value: %.*s for key %.*s", STR_ARG(f.message),
		             STR_ARG(values->members[i].key));
	}
	return true;
}

bool request_placeholders(struct request *r, struct map_of names, const struct json *values)
{
	return (!names.set || read_names(r, names)) && (values == NULL || values->type == JSON_NULL || read_values(r, values));
}

bool request_condition(struct request *r, const char *what, struct str expression, struct condition *out)
{
	ASSERT(out->expr == NULL);
	if (!str_present(expression))
		return true;
	out->expr = expr_parse_condition(&r->x, what, expression);
	return out->expr != NULL;
}

bool request_update(struct request *r, struct str expression, struct changes *out)
{
	return !str_present(expression) || expr_parse_update(&r->x, expression, &out->update);
}

bool request_projection(struct request *r, struct str expression, struct projection *out)
{
	return !str_present(expression) || expr_parse_projection(&r->x, expression, out);
}

/* ---- keys in expressions ---- */

static bool is_key_of(const struct key_schema *k, struct str name)
{
	ASSERT(k->n_hash > 0);
	return key_has(k, name);
}

static bool check_path(const struct table *t, const struct path *p, struct fault *f)
{
	ASSERT(p->n > 0);
	if (p->n == 1)
		return true;
	struct str head = p->parts[0].name;
	if (is_key_of(&t->key, head))
		return fault(f, "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: %.*s",
		             STR_ARG(head));
	for (uint32_t i = 0; i < t->n_indexes; i++)
		if (is_key_of(&t->indexes[i].key, head))
			return fault(f, "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: "
			                "IndexKey: %.*s", STR_ARG(head));
	return true;
}

bool check_key_paths(const struct table *t, const struct path *paths, uint32_t n, struct fault *f)
{
	for (uint32_t i = 0; i < n; i++)
		if (!check_path(t, &paths[i], f))
			return false;
	return true;
}

bool check_condition_paths(const struct table *t, const struct expr *e, struct fault *f)
{
	if (e == NULL)
		return true;
	if (e->kind == EXPR_PATH && !check_path(t, &e->path, f))
		return false;
	for (uint32_t i = 0; i < e->n; i++)
		if (!check_condition_paths(t, e->args[i], f))
			return false;
	return true;
}

static bool check_not_key(const struct table *t, struct str name, struct fault *f)
{
	if (!is_key_of(&t->key, name))
		return true;
	return fault(f, "One or more parameter values were invalid: Cannot update attribute %.*s. This attribute is part of the key",
	             STR_ARG(name));
}

/* A value whose type is known before the item is must fit the index whose key it becomes. */
static bool check_index_type(const struct table *t, struct str name, enum av_type type, struct fault *f)
{
	for (uint32_t i = 0; type != AV_NONE && i < t->n_indexes; i++) {
		const struct table_index *x = &t->indexes[i];
		for (uint32_t k = 0; k < x->key.n; k++)
			if (str_eq(x->key.parts[k].name, name) && x->key.parts[k].type != type)
				return fault_index_type(f, x, &x->key.parts[k], type);
	}
	return true;
}

static bool check_index_types(const struct table *t, const struct changes *u, struct fault *f)
{
	for (uint32_t i = 0; i < u->update.n; i++) {
		const struct update_action *a = &u->update.actions[i];
		bool either = a->value != NULL && a->value->kind == EXPR_FUNCTION && a->value->function == FN_IF_NOT_EXISTS;
		if (a->path.n == 1 && a->value != NULL && !either && !check_index_type(t, a->path.parts[0].name, expr_type(a->value, true), f))
			return false;
	}
	for (uint32_t i = 0; i < u->n_legacy; i++)
		if (u->legacy[i].has_value && !check_index_type(t, u->legacy[i].name, u->legacy[i].value.type, f))
			return false;
	return true;
}

bool check_changes_keys(const struct table *t, const struct changes *u, struct fault *f)
{
	for (uint32_t i = 0; i < u->update.n; i++)
		if (!check_not_key(t, u->update.actions[i].path.parts[0].name, f))
			return false;
	for (uint32_t i = 0; i < u->n_legacy; i++)
		if (!check_not_key(t, u->legacy[i].name, f))
			return false;
	if (!check_index_types(t, u, f))
		return false;
	for (uint32_t i = 0; i < u->update.n; i++)
		if (!check_path(t, &u->update.actions[i].path, f) || !check_condition_paths(t, u->update.actions[i].value, f))
			return false;
	return true;
}

static bool expr_names_top(const struct expr *e, struct str name)
{
	if (e->kind == EXPR_PATH)
		return str_eq(e->path.parts[0].name, name);
	for (uint32_t i = 0; i < e->n; i++)
		if (expr_names_top(e->args[i], name))
			return true;
	return false;
}

bool item_condition_names(const struct condition *c, struct str name)
{
	if (c->expr != NULL)
		return expr_names_top(c->expr, name);
	for (uint32_t i = 0; i < c->legacy.n; i++)
		if (str_eq(c->legacy.v[i].name, name))
			return true;
	return false;
}
