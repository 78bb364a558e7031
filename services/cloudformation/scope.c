/* A stack's template evaluated against what exists: references to resources and exports, types of resources. */
#include "stack.h"

static struct json *resource_value(struct intrinsics *x, struct str logical_id, struct str attribute)
{
	struct scope *sc = x->user;
	ASSERT(sc != NULL && sc->c != NULL && str_present(attribute));
	struct cloudformation_ResourceRecord *r = stack_resource_of(sc->resources, logical_id);
	bool later = json_get(sc->later, logical_id) != NULL || r == NULL || !str_present(r->PhysicalId);
	if (later && sc->planning)
		return json_new_str(x->a, S(CFN_LATER));
	if (later)
		return NULL;
	if (str_eq(attribute, S("Ref")))
		return json_new_str(x->a, r->PhysicalId);
	struct json *v = json_get(r->Attributes, attribute);
	if (v == NULL && sc->planning)
		return json_new_str(x->a, S(CFN_LATER));
	return v != NULL ? json_copy(x->a, v) : NULL;
}

static struct json *exported(struct intrinsics *x, struct str name)
{
	struct scope *sc = x->user;
	ASSERT(sc != NULL && sc->stack != NULL && str_present(name));
	struct json *v = export_value(sc->c, name);
	if (v != NULL && !sc->planning)
		import_note(sc->c, name, sc->stack->Id);
	return v;
}

bool scope_init(struct scope *sc, struct call *c, const struct cloudformation_StackRecord *s, const struct json *template,
                const struct json *parameters, struct stack_resources resources)
{
	ASSERT(c != NULL && s != NULL && str_present(s->Id));
	*sc = (struct scope){.c = c, .stack = s, .resources = resources};
	struct str why = STR_NONE;
	intrinsics_init(&sc->x, c->arena, template);
	sc->x.account = c->account;
	sc->x.region = c->region;
	sc->x.stack_name = s->Name;
	sc->x.stack_id = s->Id;
	sc->x.notification_arns = s->NotificationARNs;
	sc->x.resource = resource_value;
	sc->x.export_value = exported;
	sc->x.user = sc;
	sc->x.language_extensions = true; /* the functions are checked when the template comes in */
	sc->x.parameters = parameters_resolve(c->arena, template, parameters, &why);
	if (sc->x.parameters == NULL)
		sc->x.error = why;
	return sc->x.parameters != NULL;
}

const struct cfn_type *type_find(struct str type)
{
	struct str name = str_starts(type, S("Custom::")) ? S("AWS::CloudFormation::CustomResource") : type;
	for (size_t i = 0; i < n_services; i++)
		for (size_t k = 0; k < services[i]->n_cfn_types; k++)
			if (is(name, services[i]->cfn_types[k].name))
				return &services[i]->cfn_types[k];
	return NULL;
}

bool type_has_property(const struct cfn_type *t, struct str property)
{
	ASSERT(t != NULL && str_present(property));
	if (t->properties == NULL)
		return true;
	return stack_word_in(property, t->properties);
}

struct json *scope_properties(struct scope *sc, struct str logical_id)
{
	const struct json *resource = json_get(json_get(sc->x.template, S("Resources")), logical_id);
	const struct json *p = json_get(resource, S("Properties"));
	ASSERT(resource != NULL);
	return p != NULL ? intrinsics_eval(&sc->x, p) : json_new_object(sc->c->arena);
}

struct str scope_policy(struct scope *sc, const struct json *resource, const char *name)
{
	ASSERT(resource != NULL && name != NULL);
	const struct json *p = json_get(resource, str_c(name));
	return p != NULL ? intrinsics_text(&sc->x, p) : STR_NONE;
}
