/* The parameters from before expressions: Expected, QueryFilter, ScanFilter, KeyConditions, AttributeUpdates and
 * AttributesToGet. Source: "Legacy conditional parameters" (DynamoDB Developer Guide). */
#include "request.h"

static const struct { const char *name; int values; /* -1: one or more */ const char *types; } operators[] = {
	[LEGACY_EQ] = {"EQ", 1, "S N B SS NS BS L M BOOL NULL"}, [LEGACY_NE] = {"NE", 1, "S N B SS NS BS L M BOOL NULL"},
	[LEGACY_LE] = {"LE", 1, "S N B"}, [LEGACY_LT] = {"LT", 1, "S N B"}, [LEGACY_GE] = {"GE", 1, "S N B"},
	[LEGACY_GT] = {"GT", 1, "S N B"}, [LEGACY_NOT_NULL] = {"NOT_NULL", 0, ""}, [LEGACY_NULL] = {"NULL", 0, ""},
	[LEGACY_CONTAINS] = {"CONTAINS", 1, "S N B"}, [LEGACY_NOT_CONTAINS] = {"NOT_CONTAINS", 1, "S N B"},
	[LEGACY_BEGINS_WITH] = {"BEGINS_WITH", 1, "S B"}, [LEGACY_IN] = {"IN", -1, "S N B"}, [LEGACY_BETWEEN] = {"BETWEEN", 2, "S N B"},
};

static bool operator_of(struct str name, enum legacy_operator *op)
{
	ASSERT(op != NULL);
	for (unsigned i = 0; i < COUNT_OF(operators); i++) {
		if (!str_eq(name, str_c(operators[i].name)))
			continue;
		*op = (enum legacy_operator)i;
		return true;
	}
	return false;
}

static bool good_count(enum legacy_operator op, uint32_t n)
{
	ASSERT((size_t)op < COUNT_OF(operators));
	return operators[op].values < 0 ? n > 0 : n == (uint32_t)operators[op].values;
}

static bool type_in(const char *types, enum av_type t)
{
	struct str rest = str_c(types);
	while (str_present(rest))
		if (str_eq(str_cut(&rest, ' '), str_c(av_type_name(t))))
			return true;
	return false;
}

/* A value that is a member of a structure: the front end has other words for what is none. */
static bool read_member(struct request *r, const struct json *j, struct av *out)
{
	bool scalar = j->type == JSON_STRING || j->type == JSON_NUMBER || j->type == JSON_TRUE || j->type == JSON_FALSE;
	return scalar ? fault_serialization(&r->fault, "Unexpected field type") : av_from_json(j, out, &r->fault);
}

static bool read_list(struct request *r, struct list values, struct legacy_condition *out)
{
	out->values = arena_array(r->c->arena, struct av, values.n);
	for (uint32_t i = 0; i < values.n; i++)
		if (!av_from_json(*LIST_AT(values, struct json *, i), &out->values[out->n++], &r->fault))
			return false;
	return true;
}

/* Number of values, one type, and bounds in order. */
static bool check_values(struct request *r, const struct legacy_condition *k, bool types)
{
	ASSERT(k->op <= LEGACY_BETWEEN);
	const char *name = operators[k->op].name;
	if (!good_count(k->op, k->n))
		return fault(&r->fault, "One or more parameter values were invalid: Invalid number of argument(s) for the %s "
		                        "ComparisonOperator", name);
	for (uint32_t i = 1; i < k->n; i++)
		if (k->values[i].type != k->values[0].type)
			return fault(&r->fault, "One or more parameter values were invalid: AttributeValues inside AttributeValueList must be "
			                        "of same type");
	for (uint32_t i = 0; types && i < k->n; i++)
		if (!type_in(operators[k->op].types, k->values[i].type))
			return fault(&r->fault, "One or more parameter values were invalid: ComparisonOperator %s is not valid for %s "
			                        "AttributeValue type", name, av_type_name(k->values[i].type));
	if (k->op == LEGACY_BETWEEN && k->values[0].type <= AV_B && av_cmp(&k->values[0], &k->values[1]) > 0)
		return fault(&r->fault, "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound");
	return true;
}

static bool bad_expected(struct request *r, const char *what, struct str attribute)
{
	return fault(&r->fault, "One or more parameter values were invalid: %s for Attribute: %.*s", what, STR_ARG(attribute));
}

static bool expected_value(struct request *r, const struct dynamodb_ExpectedAttributeMap_entry *e, struct legacy_condition *k)
{
	ASSERT(k->n == 0);
	bool exists = !e->value.Exists.set || e->value.Exists.v;
	if (exists && e->value.Value == NULL)
		return bad_expected(r, e->value.Exists.set ? "Value must be provided when Exists is true" :
		                                             "Value must be provided when Exists is null", e->key);
	if (!exists && e->value.Value != NULL)
		return bad_expected(r, "Value cannot be used when Exists is false", e->key);
	k->op = exists ? LEGACY_EQ : LEGACY_NULL;
	if (!exists)
		return true;
	k->values = arena_new_of(r->c->arena, struct av);
	k->n = 1;
	return read_member(r, e->value.Value, k->values);
}

static bool expected_one(struct request *r, const struct dynamodb_ExpectedAttributeMap_entry *e, struct legacy_condition *k)
{
	*k = (struct legacy_condition){.name = e->key};
	if (e->value.AttributeValueList.set && e->value.Value != NULL)
		return bad_expected(r, "Value and AttributeValueList cannot be used together", e->key);
	if (!str_present(e->value.ComparisonOperator)) {
		if (e->value.AttributeValueList.set)
			return bad_expected(r, "AttributeValueList can only be used with a ComparisonOperator", e->key);
		return expected_value(r, e, k);
	}
	if (e->value.Exists.set)
		return bad_expected(r, "Exists and ComparisonOperator cannot be used together", e->key);
	if (!operator_of(e->value.ComparisonOperator, &k->op))
		return fault(&r->fault, "Unsupported operator on ComparisonOperator: %.*s", STR_ARG(e->value.ComparisonOperator));
	if (operators[k->op].values != 0 && !e->value.AttributeValueList.set && e->value.Value == NULL)
		return fault(&r->fault, "One or more parameter values were invalid: Value or AttributeValueList must be used with "
		                        "ComparisonOperator: %s for Attribute: %.*s", operators[k->op].name, STR_ARG(e->key));
	if (e->value.Value != NULL) {
		k->values = arena_new_of(r->c->arena, struct av);
		k->n = 1;
		if (!read_member(r, e->value.Value, k->values))
			return false;
	} else if (!read_list(r, e->value.AttributeValueList, k)) {
		return false;
	}
	return check_values(r, k, true);
}

bool request_expected(struct request *r, struct map_of expected, struct str conditional_operator, struct condition *out)
{
	ASSERT(expected.set);
	const struct dynamodb_ExpectedAttributeMap_entry *e = expected.v;
	out->legacy = (struct legacy_filter){.any = str_eq(conditional_operator, S("OR"))};
	out->legacy.v = arena_array(r->c->arena, struct legacy_condition, expected.n);
	for (uint32_t i = 0; i < expected.n; i++)
		if (!expected_one(r, &e[i], &out->legacy.v[out->legacy.n++]))
			return false;
	return true;
}

static bool read_condition(struct request *r, struct str name, const struct dynamodb_Condition *in, struct legacy_condition *k)
{
	*k = (struct legacy_condition){.name = name};
	if (!operator_of(in->ComparisonOperator, &k->op))
		return fault(&r->fault, "Unsupported operator on ComparisonOperator: %.*s", STR_ARG(in->ComparisonOperator));
	return read_list(r, in->AttributeValueList, k) && check_values(r, k, true);
}

bool request_filter(struct request *r, struct map_of filter, struct str conditional_operator, struct condition *out)
{
	ASSERT(filter.set);
	const struct dynamodb_FilterConditionMap_entry *e = filter.v;
	out->legacy = (struct legacy_filter){.any = str_eq(conditional_operator, S("OR"))};
	out->legacy.v = arena_array(r->c->arena, struct legacy_condition, filter.n);
	for (uint32_t i = 0; i < filter.n; i++)
		if (!read_condition(r, e[i].key, &e[i].value, &out->legacy.v[out->legacy.n++]))
			return false;
	return true;
}

bool request_key_conditions(struct request *r, struct map_of conditions, struct key_conditions *out)
{
	static const enum key_operator as_key[] = {
		[LEGACY_EQ] = KEY_EQ, [LEGACY_NE] = KEY_NONE, [LEGACY_LE] = KEY_LE, [LEGACY_LT] = KEY_LT, [LEGACY_GE] = KEY_GE,
		[LEGACY_GT] = KEY_GT, [LEGACY_NOT_NULL] = KEY_NONE, [LEGACY_NULL] = KEY_NONE, [LEGACY_CONTAINS] = KEY_NONE,
		[LEGACY_NOT_CONTAINS] = KEY_NONE, [LEGACY_BEGINS_WITH] = KEY_BEGINS_WITH, [LEGACY_IN] = KEY_NONE, [LEGACY_BETWEEN] = KEY_BETWEEN,
	};
	const struct dynamodb_KeyConditions_entry *e = conditions.v;
	*out = (struct key_conditions){0};
	for (uint32_t i = 0; i < conditions.n; i++) {
		struct legacy_condition k;
		if (!read_condition(r, e[i].key, &e[i].value, &k))
			return false;
		if (i >= COUNT_OF(out->v))
			continue;
		bool none = as_key[k.op] == KEY_NONE;
		out->v[out->n++] = (struct key_condition){.name = k.name, .op = as_key[k.op], .low = none ? NULL : &k.values[0],
		                                          .high = !none && k.n > 1 ? &k.values[1] : NULL};
	}
	if (conditions.n < 1 || conditions.n > COUNT_OF(out->v))
		return fault(&r->fault, "Conditions can be of length 1 or 2 only");
	return true;
}

bool request_attributes_to_get(struct request *r, struct list names, struct projection *out)
{
	ASSERT(names.set);
	*out = (struct projection){.paths = arena_array(r->c->arena, struct path, names.n), .n = names.n};
	for (uint32_t i = 0; i < names.n; i++) {
		struct str name = *LIST_AT(names, struct str, i);
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(name, out->paths[j].parts[0].name))
				return fault(&r->fault, "One or more parameter values were invalid: Duplicate value in attribute name: %.*s",
				             STR_ARG(name));
		struct path_part *part = arena_new_of(r->c->arena, struct path_part);
		part->name = name;
		out->paths[i] = (struct path){part, 1};
	}
	return true;
}

/* ---- filters ---- */

static bool legacy_matches(const struct legacy_condition *k, const struct av *v)
{
	ASSERT(k->n > 0 || k->op == LEGACY_NULL || k->op == LEGACY_NOT_NULL);
	if (k->op == LEGACY_NULL || k->op == LEGACY_NOT_NULL)
		return (v == NULL) == (k->op == LEGACY_NULL);
	if (k->op == LEGACY_NE)
		return v == NULL || !av_equal(v, &k->values[0]);
	if (v == NULL)
		return false; /* NOT_CONTAINS too */
	switch (k->op) {
	case LEGACY_EQ: return av_equal(v, &k->values[0]);
	case LEGACY_LE: return value_ordered(EXPR_LE, v, &k->values[0]);
	case LEGACY_LT: return value_ordered(EXPR_LT, v, &k->values[0]);
	case LEGACY_GE: return value_ordered(EXPR_GE, v, &k->values[0]);
	case LEGACY_GT: return value_ordered(EXPR_GT, v, &k->values[0]);
	case LEGACY_CONTAINS: return value_contains(v, &k->values[0]);
	case LEGACY_NOT_CONTAINS: return !value_contains(v, &k->values[0]);
	case LEGACY_BEGINS_WITH: return value_begins_with(v, &k->values[0]);
	case LEGACY_BETWEEN: return value_ordered(EXPR_GE, v, &k->values[0]) && value_ordered(EXPR_LE, v, &k->values[1]);
	case LEGACY_IN:
		for (uint32_t i = 0; i < k->n; i++)
			if (av_equal(v, &k->values[i]))
				return true;
		return false;
	default: break;
	}
	ASSERT(k->op == LEGACY_EQ);
	return false;
}

bool item_condition_holds(const struct condition *c, const struct av *item, struct arena *a)
{
	static const struct av nothing = {.type = AV_M};
	if (item == NULL)
		item = &nothing;
	if (c->expr != NULL)
		return expr_matches(c->expr, item, a);
	for (uint32_t i = 0; i < c->legacy.n; i++) {
		bool matches = legacy_matches(&c->legacy.v[i], av_get(item, c->legacy.v[i].name));
		if (matches == c->legacy.any)
			return matches;
	}
	return c->legacy.n == 0 || !c->legacy.any;
}

/* ---- AttributeUpdates ---- */

static bool read_update(struct request *r, const struct dynamodb_AttributeUpdates_entry *e, struct legacy_update *u)
{
	*u = (struct legacy_update){.name = e->key, .action = LEGACY_PUT};
	if (str_eq(e->value.Action, S("ADD")))
		u->action = LEGACY_ADD;
	else if (str_eq(e->value.Action, S("DELETE")))
		u->action = LEGACY_DELETE;
	u->has_value = e->value.Value != NULL && e->value.Value->type != JSON_NULL;
	if (u->has_value && !read_member(r, e->value.Value, &u->value))
		return false;
	enum av_type t = u->value.type;
	if (!u->has_value && u->action != LEGACY_DELETE)
		return fault(&r->fault, "One or more parameter values were invalid: Only DELETE action is allowed when no attribute value "
		                        "is specified");
	if (u->has_value && u->action == LEGACY_DELETE && !av_is_set(t))
		return fault(&r->fault, "One or more parameter values were invalid: DELETE action with value is not supported for the type %s",
		             av_type_name(t));
	if (u->action == LEGACY_ADD && !av_is_set(t) && t != AV_N && t != AV_L)
		return fault(&r->fault, "One or more parameter values were invalid: ADD action is not supported for the type %s",
		             av_type_name(t));
	return true;
}

bool request_attribute_updates(struct request *r, struct map_of updates, struct changes *out)
{
	ASSERT(updates.set);
	const struct dynamodb_AttributeUpdates_entry *e = updates.v;
	out->legacy = arena_array(r->c->arena, struct legacy_update, updates.n);
	for (uint32_t i = 0; i < updates.n; i++)
		if (!read_update(r, &e[i], &out->legacy[out->n_legacy++]))
			return false;
	return true;
}

/* ADD and DELETE do what the update expression's actions do, but for lists, and say other things. */
static bool apply_legacy(const struct legacy_update *u, struct av *item, struct fault *f)
{
	ASSERT(item->type == AV_M);
	const struct av *old = av_get(item, u->name);
	if (u->action == LEGACY_PUT) {
		av_set(f->arena, item, u->name, &u->value);
		return true;
	}
	if (!u->has_value) {
		av_unset(item, u->name);
		return true;
	}
	if (old != NULL && old->type != u->value.type)
		return fault(f, "Type mismatch for attribute to update");
	if (u->action == LEGACY_ADD && u->value.type == AV_L) {
		struct av all = {.type = AV_L, .n = u->value.n + (old != NULL ? old->n : 0)};
		uint32_t n_old = all.n - u->value.n;
		all.items = arena_array(f->arena, struct av, all.n);
		for (uint32_t i = 0; i < all.n; i++)
			all.items[i] = i < n_old ? old->items[i] : u->value.items[i - n_old];
		av_set(f->arena, item, u->name, &all);
		return true;
	}
	struct path_part part = {.name = u->name};
	struct expr value = {.kind = EXPR_VALUE, .value = &u->value};
	struct update_action action = {.kind = u->action == LEGACY_ADD ? UPDATE_ADD : UPDATE_DELETE, .path = {&part, 1}, .value = &value};
	return update_apply(&(struct update){&action, 1}, item, f);
}

bool changes_apply(const struct changes *u, struct av *item, struct fault *f)
{
	ASSERT(u->update.n == 0 || u->n_legacy == 0);
	for (uint32_t i = 0; i < u->n_legacy; i++)
		if (!apply_legacy(&u->legacy[i], item, f))
			return false;
	return u->update.n == 0 || update_apply(&u->update, item, f);
}
