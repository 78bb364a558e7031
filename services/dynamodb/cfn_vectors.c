/* Vector indexes of AWS::DynamoDB::Table: one is made or deleted at a time, and filled before the next. */
#include "cfn_table.h"

static struct json *by_name(struct json *indexes, struct str name)
{
	for (uint32_t i = 0; indexes != NULL && i < indexes->n; i++)
		if (str_eq(json_get_str(json_at(indexes, i), "IndexName"), name))
			return json_at(indexes, i);
	return NULL;
}

/* By all that is fixed when an index is made. */
static bool same(const struct json *want, const struct json *have)
{
	static const char *const members[] = {"VectorAttribute", "SearchSchema", "Projection", "Dimensions", "DistanceFunction"};
	for (size_t i = 0; have != NULL && i < COUNT_OF(members); i++)
		if (!cfn_same(json_get(want, str_c(members[i])), json_get(have, str_c(members[i]))))
			return false;
	return have != NULL;
}

static enum cfn_status change(struct cfn_resource *r, const char *action, struct json *what)
{
	ASSERT(what->type == JSON_OBJECT);
	struct arena *a = r->c->arena;
	struct json *in = cfn_table_input(r), *attributes = json_get(r->properties, S("AttributeDefinitions"));
	if (attributes != NULL)
		json_set(a, in, S("AttributeDefinitions"), attributes);
	struct json *list = json_set(a, in, S("VectorIndexUpdates"), json_new_array(a));
	json_set(a, json_push(a, list, json_new_object(a)), str_c(action), what);
	enum cfn_status status = cfn_ask(r, "UpdateTable", in, NULL);
	return status == CFN_DONE ? cfn_table_wait(r) : status;
}

enum cfn_status cfn_table_vectors(struct cfn_resource *r, struct json *described)
{
	struct json *want = json_get(r->properties, S("VectorIndexes"));
	if (want == NULL && json_get(r->old_properties, S("VectorIndexes")) == NULL)
		return CFN_DONE;
	cfn_make_proper(r->c->arena, r->properties);
	for (uint32_t i = 0; described != NULL && i < described->n; i++)
		if (!str_eq(json_get_str(json_at(described, i), "IndexStatus"), S("ACTIVE")))
			return cfn_table_wait(r);
	for (uint32_t i = 0; described != NULL && i < described->n; i++) {
		struct str name = json_get_str(json_at(described, i), "IndexName");
		struct json *kept = by_name(want, name), *what = json_new_object(r->c->arena);
		if (kept != NULL && same(kept, json_at(described, i)))
			continue;
		json_set_str(r->c->arena, what, "IndexName", name);
		return change(r, "Delete", what);
	}
	for (uint32_t i = 0; want != NULL && i < want->n; i++)
		if (by_name(described, json_get_str(json_at(want, i), "IndexName")) == NULL)
			return change(r, "Create", json_at(want, i));
	return CFN_DONE;
}
