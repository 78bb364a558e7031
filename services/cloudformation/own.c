/* The service's own resource types: nested stacks, wait condition handles and CDK's metadata. Custom resources are in
 * custom.c. */
#include "custom.h"
#include "stack.h"

/* ---- AWS::CDK::Metadata, AWS::CloudFormation::WaitConditionHandle: nothing but a name ---- */

static enum cfn_status named_create(struct cfn_resource *r)
{
	r->physical_id = cfn_make_name(r, 255, false);
	return CFN_DONE;
}

static enum cfn_status nothing_to_do(struct cfn_resource *r)
{
	(void)r;
	return CFN_DONE;
}

/* ---- AWS::CloudFormation::Stack ---- */

static struct json *parameters_of(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	const struct json *given = json_get(r->properties, S("Parameters"));
	struct json *list = json_new_array(a);
	for (uint32_t i = 0; given != NULL && i < given->n; i++) {
		const struct json *v = &given->members[i].value;
		struct str text = intrinsics_scalar(v);
		if (json_is(v, JSON_ARRAY)) {
			struct buf b;
			buf_init(&b, a, 65536);
			for (uint32_t k = 0; k < v->n; k++)
				buf_printf(&b, "%s%.*s", k > 0 ? "," : "", STR_ARG(intrinsics_scalar(&v->items[k])));
			text = buf_view(&b);
		}
		struct json *one = json_push(a, list, json_new_object(a));
		json_set_str(a, one, "ParameterKey", given->members[i].key);
		json_set_str(a, one, "ParameterValue", str_present(text) ? text : S(""));
	}
	return list;
}

static struct json *child_input(struct cfn_resource *r, struct str name)
{
	struct arena *a = r->c->arena;
	struct json *in = json_new_object(a), *all = json_new_array(a);
	json_set_str(a, in, "StackName", name);
	const struct json *url = json_get(r->properties, S("TemplateURL"));
	if (url != NULL)
		json_set(a, in, S("TemplateURL"), url);
	json_set(a, in, S("Parameters"), parameters_of(r));
	json_set(a, in, S("Tags"), cfn_tags(r, false));
	json_push(a, all, json_new_str(a, S("CAPABILITY_NAMED_IAM")));
	json_push(a, all, json_new_str(a, S("CAPABILITY_AUTO_EXPAND"))); /* the parent's request was checked for both */
	json_set(a, in, S("Capabilities"), all);
	return in;
}

static void child_attributes(struct cfn_resource *r, const struct cloudformation_StackRecord *child)
{
	struct arena *a = r->c->arena;
	r->attributes = json_new_object(a);
	for (uint32_t i = 0; child->Outputs != NULL && i < child->Outputs->n; i++)
		json_set(a, r->attributes, arena_join(a, S("Outputs."), json_get_str(&child->Outputs->items[i], "OutputKey")),
		         json_get(&child->Outputs->items[i], S("OutputValue")));
}

static enum cfn_status child_status(struct cfn_resource *r, const char *verb)
{
	const struct cloudformation_StackRecord *child = stack_load(r->c, r->physical_id);
	ASSERT(child != NULL);
	if (str_present(child->Phase)) {
		r->again_ms = 2000; /* it wakes us when it ends */
		return CFN_AGAIN;
	}
	if (is(child->Status, "CREATE_COMPLETE") || is(child->Status, "UPDATE_COMPLETE")) {
		child_attributes(r, child);
		return CFN_DONE;
	}
	return cfn_fail(r, "Embedded stack %.*s was not successfully %s: %.*s", STR_ARG(child->Id), verb, STR_ARG(child->Reason));
}

static enum cfn_status stack_create(struct cfn_resource *r)
{
	if (str_present(r->physical_id))
		return child_status(r, "created");
	struct invoked made = invoke(r->c, "cloudformation", "CreateStack", child_input(r, cfn_make_name(r, 128, false)), NULL);
	if (made.parked)
		return CFN_PARKED;
	if (!made.ok)
		return cfn_fail(r, "%.*s", STR_ARG(made.error.message));
	r->physical_id = json_get_str(made.out, "StackId");
	struct cloudformation_StackRecord *child = stack_load(r->c, r->physical_id), *parent = stack_load(r->c, r->stack_id);
	ASSERT(child != NULL && parent != NULL);
	child->ParentId = r->stack_id;
	child->RootId = str_present(parent->RootId) ? parent->RootId : parent->Id;
	child->ParentKey = r->logical_id;
	child->Endpoint = parent->Endpoint;
	stack_save(r->c, child);
	return child_status(r, "created");
}

static enum cfn_status stack_update(struct cfn_resource *r)
{
	if (json_get(r->state, S("Started")) != NULL)
		return child_status(r, "updated");
	const struct cloudformation_StackRecord *child = stack_load(r->c, r->physical_id);
	ASSERT(child != NULL);
	struct invoked made = invoke(r->c, "cloudformation", "UpdateStack", child_input(r, child->Id), NULL);
	if (made.parked)
		return CFN_PARKED;
	if (!made.ok && !str_eq(made.error.message, S("No updates are to be performed.")))
		return cfn_fail(r, "%.*s", STR_ARG(made.error.message));
	json_set_bool(r->c->arena, r->state, "Started", true);
	return child_status(r, "updated");
}

static enum cfn_status stack_remove(struct cfn_resource *r)
{
	struct cloudformation_StackRecord *child = stack_load(r->c, r->physical_id);
	if (child == NULL || stack_is_deleted(child))
		return CFN_DONE;
	if (json_get(r->state, S("Started")) == NULL) {
		struct json *in = json_new_object(r->c->arena);
		json_set_str(r->c->arena, in, "StackName", child->Id);
		struct invoked done = invoke(r->c, "cloudformation", "DeleteStack", in, NULL);
		if (done.parked)
			return CFN_PARKED;
		if (!done.ok)
			return cfn_fail(r, "%.*s", STR_ARG(done.error.message));
		json_set_bool(r->c->arena, r->state, "Started", true);
	} else if (is(child->Status, "DELETE_FAILED")) {
		return cfn_fail(r, "Embedded stack %.*s was not successfully deleted: %.*s", STR_ARG(child->Id), STR_ARG(child->Reason));
	}
	child = stack_load(r->c, r->physical_id);
	r->again_ms = 2000;
	return child == NULL || stack_is_deleted(child) ? CFN_DONE : CFN_AGAIN;
}

static const char *const stack_properties[] = {"TemplateURL", "Parameters", "Tags", NULL};
static const char *const no_properties[] = {NULL};
static const char *const custom_replaces[] = {"ServiceToken", NULL};

const struct cfn_type own_types[4] = {
	/* AWS::CDK::Metadata takes any property */
	{.name = "AWS::CDK::Metadata", .create = named_create, .update = nothing_to_do, .remove = nothing_to_do},
	{.name = "AWS::CloudFormation::CustomResource", .replaces = custom_replaces, .create = custom_create, .update = custom_update,
		.remove = custom_remove},
	{.name = "AWS::CloudFormation::Stack", .properties = stack_properties, .create = stack_create, .update = stack_update, .remove = stack_remove},
	{.name = "AWS::CloudFormation::WaitConditionHandle", .properties = no_properties, .create = named_create, .update = nothing_to_do,
		.remove = nothing_to_do},
};
