/* What an update would do, resource by resource: for change sets, and to see that there is nothing to do.
 *
 * A resource that will be replaced has values that are known later; what refers to it changes with it. Reads only. */
#include "stack.h"

static struct json *text(struct scope *sc, const char *s) { return json_new_str(sc->c->arena, str_c(s)); }

static struct json *entry(struct scope *sc, struct json *plan, struct str id, struct str type, const char *action)
{
	ASSERT(json_is(plan, JSON_ARRAY) && str_present(id) && action != NULL);
	struct arena *a = sc->c->arena;
	struct json *e = json_push(a, plan, json_new_object(a));
	json_set_str(a, e, "LogicalId", id);
	json_set_str(a, e, "Type", type);
	json_set(a, e, S("Action"), text(sc, action));
	return e;
}

/* Names of properties that differ, as an array. */
static struct json *differing(struct scope *sc, const struct json *before, const struct json *after)
{
	struct json *names = json_new_array(sc->c->arena);
	for (uint32_t i = 0; after != NULL && i < after->n; i++)
		if (!json_equal(json_get(before, after->members[i].key), &after->members[i].value))
			json_push(sc->c->arena, names, json_new_str(sc->c->arena, after->members[i].key));
	for (uint32_t i = 0; before != NULL && i < before->n; i++)
		if (json_get(after, before->members[i].key) == NULL)
			json_push(sc->c->arena, names, json_new_str(sc->c->arena, before->members[i].key));
	return names;
}

/* "True", "Conditional" (a new value that is not known yet) or "False". */
static const char *replacement(const struct cfn_type *type, const struct json *names, const struct json *after)
{
	ASSERT(type != NULL && json_is(names, JSON_ARRAY));
	const char *answer = "False";
	for (uint32_t i = 0; i < names->n; i++) {
		struct str name = names->items[i].text;
		if (type->update != NULL && (type->replaces == NULL || !stack_word_in(name, type->replaces)))
			continue;
		if (!is(json_str(json_get(after, name)), CFN_LATER))
			return "True";
		answer = "Conditional";
	}
	return answer;
}

static void plan_existing(struct scope *sc, struct json *plan, struct json *later, const struct cloudformation_ResourceRecord *r,
                          const struct json *resource, const struct json *after)
{
	struct arena *a = sc->c->arena;
	struct str type = json_get_str(resource, "Type");
	const struct cfn_type *known = type_find(type);
	bool other_type = !str_eq(type, r->Type);
	struct json *names = differing(sc, r->Properties, after);
	bool tags = !json_equal(r->Tags, sc->stack->Tags) && known != NULL && type_has_property(known, S("Tags")) && known->properties != NULL;
	const struct json *metadata = json_get(resource, S("Metadata"));
	bool meta = r->Metadata != NULL ? !json_equal(r->Metadata, metadata) : metadata != NULL;
	if (names->n == 0 && !other_type && !tags && !meta)
		return;
	struct json *e = entry(sc, plan, r->LogicalId, type, "Modify");
	const char *replace = other_type ? "True" : known != NULL ? replacement(known, names, after) : "False";
	json_set_str(a, e, "PhysicalId", r->PhysicalId);
	json_set(a, e, S("Replacement"), text(sc, replace));
	json_set(a, e, S("Changes"), names);
	json_set_bool(a, e, "TagsChange", tags);
	json_set_bool(a, e, "MetadataChange", meta);
	if (*replace != 'F')
		json_set(a, later, r->LogicalId, json_new_bool(a, true));
}

static bool plan_resource(struct scope *sc, struct json *plan, struct json *later, struct str id)
{
	const struct json *resource = json_get(json_get(sc->x.template, S("Resources")), id);
	struct cloudformation_ResourceRecord *r = stack_resource_of(sc->resources, id);
	if (r != NULL && (!str_present(r->PhysicalId) || str_starts(r->Status, S("DELETE_"))))
		r = NULL;
	struct json *after = scope_properties(sc, id);
	if (after == NULL)
		return false;
	if (r != NULL) {
		plan_existing(sc, plan, later, r, resource, after);
		return true;
	}
	entry(sc, plan, id, json_get_str(resource, "Type"), "Add");
	json_set(sc->c->arena, later, id, json_new_bool(sc->c->arena, true));
	return true;
}

static struct json *order_of(struct scope *sc, struct str *why)
{
	const struct json *resources = json_get(sc->x.template, S("Resources"));
	struct json *needs = json_new_object(sc->c->arena);
	for (uint32_t i = 0; i < resources->n; i++)
		if (intrinsics_present(&sc->x, &resources->members[i].value))
			json_set(sc->c->arena, needs, resources->members[i].key, references_of(&sc->x, resources->members[i].key, &resources->members[i].value));
	return str_present(sc->x.error) ? NULL : references_order(sc->c->arena, needs, why);
}

struct json *plan_make(struct scope *sc, struct str *why)
{
	ASSERT(sc->c != NULL && sc->x.template != NULL && why != NULL);
	struct json *plan = json_new_array(sc->c->arena), *later = json_new_object(sc->c->arena);
	sc->planning = true;
	sc->later = later;
	*why = STR_NONE;
	struct json *order = order_of(sc, why);
	for (uint32_t i = 0; order != NULL && i < order->n; i++)
		if (!plan_resource(sc, plan, later, order->items[i].text))
			order = NULL;
	/* outputs are looked at too: what they refer to must be there */
	const struct json *outputs = json_get(sc->x.template, S("Outputs"));
	for (uint32_t i = 0; order != NULL && outputs != NULL && i < outputs->n; i++)
		if (intrinsics_present(&sc->x, &outputs->members[i].value) && intrinsics_eval(&sc->x, json_get(&outputs->members[i].value,
			S("Value"))) == NULL)
			order = NULL;
	if (order == NULL || str_present(sc->x.error)) {
		if (!str_present(*why))
			*why = sc->x.error;
		return NULL;
	}
	for (size_t i = 0; i < sc->resources.n; i++) {
		const struct cloudformation_ResourceRecord *r = sc->resources.v[i];
		const struct json *resource = json_get(json_get(sc->x.template, S("Resources")), r->LogicalId);
		if (yes(r->Garbage) || !str_present(r->PhysicalId) || str_starts(r->Status, S("DELETE_")))
			continue;
		if (resource != NULL && intrinsics_present(&sc->x, resource))
			continue;
		struct json *e = entry(sc, plan, r->LogicalId, r->Type, "Remove");
		json_set_str(sc->c->arena, e, "PhysicalId", r->PhysicalId);
	}
	return plan;
}

/* Attributes beside properties that an update takes over. */
static bool same_attributes(const struct json *before, const struct json *after)
{
	static const char *const names[] = {"DeletionPolicy", "UpdateReplacePolicy", "Metadata"};
	for (uint32_t i = 0; i < after->n; i++) {
		const struct json *old = json_get(before, after->members[i].key);
		for (size_t k = 0; old != NULL && k < COUNT_OF(names); k++) {
			const struct json *l = json_get(old, str_c(names[k])), *r = json_get(&after->members[i].value, str_c(names[k]));
			if ((l == NULL) != (r == NULL) || (l != NULL && !json_equal(l, r)))
				return false;
		}
	}
	return true;
}

/* Outputs as they would be are those that the stack has. */
static bool same_outputs(struct scope *sc)
{
	const struct json *outputs = json_get(sc->x.template, S("Outputs")), *had = sc->stack->Outputs;
	for (uint32_t i = 0; outputs != NULL && i < outputs->n; i++) {
		if (!intrinsics_present(&sc->x, &outputs->members[i].value))
			continue;
		struct str now = intrinsics_scalar(intrinsics_eval(&sc->x, json_get(&outputs->members[i].value, S("Value"))));
		bool found = false;
		for (uint32_t k = 0; had != NULL && k < had->n; k++)
			found = found || (str_eq(json_get_str(&had->items[k], "OutputKey"), outputs->members[i].key)
			                  && str_eq(json_get_str(&had->items[k], "OutputValue"), now));
		if (!found)
			return false;
	}
	return true;
}

bool plan_changes_nothing(struct scope *sc, const struct json *plan, const struct json *old_template, const struct json *tags)
{
	ASSERT(json_is(plan, JSON_ARRAY));
	const struct json *before = json_get(old_template, S("Outputs")), *after = json_get(sc->x.template, S("Outputs"));
	if (plan->n > 0 || !json_equal(tags, sc->stack->Tags))
		return false;
	if ((before == NULL) != (after == NULL) || (before != NULL && !json_equal(before, after)))
		return false;
	return same_outputs(sc) && same_attributes(json_get(old_template, S("Resources")), json_get(sc->x.template, S("Resources")));
}
