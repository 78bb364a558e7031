/* See access_keys.h. Source: "Using IAM policy conditions for fine-grained access control" (Developer Guide). */
#include "access_keys.h"

void touch_init(struct touch *t, struct call *c)
{
	ASSERT(c != NULL && c->who != NULL);
	*t = (struct touch){.c = c};
}

static void add(struct arena *a, struct str **list, uint32_t *n, struct str s)
{
	ASSERT(str_present(s));
	for (uint32_t i = 0; i < *n; i++)
		if (str_eq((*list)[i], s))
			return;
	*list = arena_grow(a, *list, sizeof s, *n, (size_t)*n + 1);
	(*list)[(*n)++] = s;
}

void touch_name(struct touch *t, struct str name)
{
	add(t->c->arena, &t->attributes, &t->n_attributes, name);
}

static void add_leading(struct touch *t, const struct av *v)
{
	if (v == NULL || v->type > AV_B || v->type == AV_NONE)
		return;
	add(t->c->arena, &t->leading, &t->n_leading, v->s);
}

void touch_item(struct touch *t, const struct table *table, const struct json *item)
{
	ASSERT(t->c != NULL);
	struct fault f = {.arena = t->c->arena};
	struct av map;
	if (!item_from_json(item, &map, &f))
		return;
	for (uint32_t i = 0; i < map.n; i++)
		touch_name(t, map.members[i].name);
	if (table != NULL)
		add_leading(t, av_get(&map, table->key.hash));
}

static void add_expr(struct touch *t, const struct expr *e)
{
	ASSERT(e != NULL);
	if (e->kind == EXPR_PATH)
		touch_name(t, e->path.parts[0].name);
	for (uint32_t i = 0; i < e->n; i++)
		add_expr(t, e->args[i]);
}

static void add_update(struct touch *t, const struct update *u)
{
	for (uint32_t i = 0; i < u->n; i++) {
		touch_name(t, u->actions[i].path.parts[0].name);
		if (u->actions[i].value != NULL)
			add_expr(t, u->actions[i].value);
	}
}

void touch_expressions(struct touch *t, struct map_of names, struct json *values, const struct str *conditions, size_t n,
                       struct str update, struct str projection)
{
	ASSERT(conditions != NULL || n == 0);
	struct request r;
	request_init(&r, t->c);
	struct condition condition = {0};
	struct changes changes = {0};
	struct projection picked = {0};
	if (!request_placeholders(&r, names, values))
		return;
	for (size_t i = 0; i < n; i++) {
		condition.expr = NULL;
		if (request_condition(&r, "ConditionExpression", conditions[i], &condition) && condition.expr != NULL)
			add_expr(t, condition.expr);
	}
	if (request_update(&r, update, &changes))
		add_update(t, &changes.update);
	if (request_projection(&r, projection, &picked))
		for (uint32_t i = 0; i < picked.n; i++)
			touch_name(t, picked.paths[i].parts[0].name);
}

void touch_names(struct touch *t, struct list attributes)
{
	for (uint32_t i = 0; i < attributes.n; i++)
		touch_name(t, *LIST_AT(attributes, struct str, i));
}

void touch_query(struct touch *t, const struct key_schema *schema, const struct dynamodb_QueryInput *in)
{
	ASSERT(schema->hash.n > 0);
	struct request r;
	request_init(&r, t->c);
	struct key_conditions k = {0};
	bool ok = request_placeholders(&r, in->ExpressionAttributeNames, in->ExpressionAttributeValues) &&
	          (str_present(in->KeyConditionExpression) ? expr_parse_key(&r.x, in->KeyConditionExpression, &k) :
	                                                     request_key_conditions(&r, in->KeyConditions, &k));
	for (uint32_t i = 0; ok && i < k.n; i++)
		if (str_eq(k.v[i].name, schema->hash) && k.v[i].low != NULL)
			add_leading(t, k.v[i].low);
}

size_t touch_keys(const struct touch *t, struct condition_key *out)
{
	ASSERT(t->c != NULL && out != NULL);
	const struct { const char *name; const struct str *values; size_t n; } all[] = {
		{"dynamodb:LeadingKeys", t->leading, t->n_leading}, {"dynamodb:Attributes", t->attributes, t->n_attributes},
		{"dynamodb:Select", &t->select, str_present(t->select)}, {"dynamodb:ReturnValues", &t->return_values, str_present(t->return_values)},
		{"dynamodb:ReturnConsumedCapacity", &t->return_capacity, str_present(t->return_capacity)},
	};
	size_t n = 0;
	for (size_t i = 0; i < COUNT_OF(all); i++)
		if (all[i].n > 0)
			out[n++] = (struct condition_key){str_c(all[i].name), all[i].values, all[i].n};
	return n;
}
