/* Creating, updating and deleting stacks, and what is set on them. */
#include "stack.h"

#include "svc/arn.h"
#include "template.h"

struct json *tree_of_strings(struct call *c, const struct list *l)
{
	struct json *out = json_new_array(c->arena);
	for (uint32_t i = 0; l != NULL && i < l->n; i++)
		json_push(c->arena, out, json_new_str(c->arena, *LIST_AT(*l, struct str, i)));
	return out;
}

struct list list_of_strings(struct call *c, const struct json *j)
{
	struct list l = LIST_OF(c->arena, struct str, j != NULL ? j->n : 0);
	for (uint32_t i = 0; i < l.n; i++)
		*LIST_AT(l, struct str, i) = json_str(&j->items[i]);
	ASSERT(j == NULL || l.n == j->n);
	return l;
}

/* cloudformation:<Op> on the stack that the input names. */
void access_stack(struct call *c)
{
	struct str name = call_input_text(c, "StackName");
	if (!str_present(name)) {
		authorize(c, NULL, S("*"), NULL);
		return;
	}
	const struct cloudformation_StackRecord *s = stack_find(c, name);
	struct str arn = s != NULL ? s->Id : str_starts(name, S("arn:")) ? name
	               : arn_make(c->arena, "cloudformation", c->region, c->account, arena_join(c->arena, S("stack/"), name, S("/*")));
	authorize(c, NULL, arn, NULL);
}

bool refuse_inputs(struct call *c, const void *rollback_configuration, const struct list *notification_arns)
{
	const struct cloudformation_RollbackConfiguration *r = rollback_configuration;
	if (r != NULL && (r->RollbackTriggers.n > 0 || (r->MonitoringTimeInMinutes.set && r->MonitoringTimeInMinutes.v > 0)))
		call_unsupported(c, "RollbackConfiguration with triggers or a monitoring time is not supported");
	if (notification_arns != NULL && notification_arns->n > 0)
		call_unsupported(c, "NotificationARNs is not supported: stack events are not published to SNS");
	return !c->failed;
}

static void refuse_policy(struct call *c, bool any)
{
	if (any)
		call_unsupported(c, "stack policies are not supported");
}

static void refuse_others(struct call *c, const struct list *types, struct opt_bool retain)
{
	if (types->n > 0)
		call_unsupported(c, "ResourceTypes is not supported");
	if (yes(retain))
		call_unsupported(c, "RetainExceptOnCreate is not supported: use it as a DeletionPolicy");
}

/* A deployment configuration's mode (EXPRESS: do not wait for resources to be ready, as `sam sync` asks) changes nothing here:
 * they are ready when they are made, but for what an operation itself waits for. */
static struct opt_bool rollback_disabled(struct opt_bool asked, const struct cloudformation_DeploymentConfig *d)
{
	return d != NULL && d->DisableRollback.set ? d->DisableRollback : asked;
}

/* ---- create ---- */

static struct str on_failure(struct call *c, struct opt_bool disable_rollback, struct str on_failure)
{
	if (disable_rollback.set && str_present(on_failure)) {
		call_fail_code(c, 400, "ValidationError", "You can specify only one of the following: OnFailure, DisableRollback");
		return STR_NONE;
	}
	if (str_present(on_failure))
		return on_failure;
	return yes(disable_rollback) ? S("DO_NOTHING") : S("ROLLBACK");
}

static bool name_is_free(struct call *c, struct str name)
{
	const struct cloudformation_StackRecord *there = stack_find(c, name);
	if (there == NULL)
		return true;
	call_fail(c, &cloudformation_err_AlreadyExistsException, "Stack [%.*s] already exists", STR_ARG(name));
	return false;
}

void op_create_stack(struct call *c)
{
	const struct cloudformation_CreateStackInput *in = c->in;
	struct cloudformation_CreateStackOutput *out = c->out;
	struct request_template from = {.body = in->TemplateBody, .url = in->TemplateURL};
	struct given g;
	struct str failure = on_failure(c, rollback_disabled(in->DisableRollback, in->DeploymentConfig), in->OnFailure);
	refuse_policy(c, str_present(in->StackPolicyBody) || str_present(in->StackPolicyURL));
	refuse_others(c, &in->ResourceTypes, in->RetainExceptOnCreate);
	if (!refuse_inputs(c, in->RollbackConfiguration, &in->NotificationARNs) || !name_is_free(c, in->StackName))
		return;
	if (!given_read(c, &from, &in->Parameters, &in->Tags, &in->Capabilities, NULL, false, &g))
		return;
	if (str_present(in->RoleARN) && !authorize_pass_role(c, in->RoleARN, "cloudformation.amazonaws.com"))
		return;
	struct cloudformation_StackRecord s = {.Id = stack_new_id(c, in->StackName), .Name = in->StackName, .Created = SOME_TIME(c->now_ms),
		.Description = json_get_str(g.template, "Description"), .Template = g.text, .Processed = g.processed, .Parameters = g.parameters,
		.Tags = g.tags, .Capabilities = g.capabilities, .RoleARN = in->RoleARN, .OnFailure = failure, .Token = in->ClientRequestToken,
		.Protected = SOME_BOOL(yes(in->EnableTerminationProtection)), .TimeoutMinutes = in->TimeoutInMinutes,
		.Principal = stack_principal_save(c, c->who), .Endpoint = c->endpoint};
	stack_name_take(c, &s);
	engine_create(c, &s);
	ASSERT(str_present(s.Id));
	out->StackId = s.Id;
}

/* ---- update ---- */

static bool updatable(struct call *c, const struct cloudformation_StackRecord *s)
{
	if (ONE_OF(s->Status, "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED", "IMPORT_COMPLETE"))
		return true;
	call_fail_code(c, 400, "ValidationError", "Stack:%.*s is in %.*s state and can not be updated.", STR_ARG(s->Id), STR_ARG(s->Status));
	return false;
}

/* What the record was, for a rollback. */
static struct json *before_of(struct call *c, const struct cloudformation_StackRecord *s)
{
	struct json *b = json_new_object(c->arena);
	json_set_str(c->arena, b, "Template", s->Template);
	json_set_str(c->arena, b, "Processed", s->Processed);
	if (str_present(s->Description))
		json_set_str(c->arena, b, "Description", s->Description);
	if (str_present(s->RoleARN))
		json_set_str(c->arena, b, "RoleARN", s->RoleARN);
	json_set(c->arena, b, S("Parameters"), s->Parameters != NULL ? s->Parameters : json_new_object(c->arena));
	json_set(c->arena, b, S("Tags"), s->Tags != NULL ? s->Tags : json_new_object(c->arena));
	json_set(c->arena, b, S("Capabilities"), s->Capabilities != NULL ? s->Capabilities : json_new_array(c->arena));
	return b;
}

void stack_take_given(struct call *c, struct cloudformation_StackRecord *s, const struct given *g, struct str role, struct str failure)
{
	ASSERT(!c->failed && g->template != NULL && str_present(g->text) && str_present(g->processed)); /* given_read was well */
	s->Before = before_of(c, s);
	s->Template = g->text;
	s->Processed = g->processed;
	s->Description = json_get_str(g->template, "Description");
	s->Parameters = g->parameters;
	s->Tags = g->tags;
	s->Capabilities = g->capabilities;
	s->OnFailure = failure;
	if (str_present(role))
		s->RoleARN = role;
	s->Principal = stack_principal_save(c, c->who);
	if (str_present(c->endpoint))
		s->Endpoint = c->endpoint;
}

struct json *stack_plan(struct call *c, const struct cloudformation_StackRecord *s, const struct given *g, bool *nothing)
{
	struct scope sc;
	struct str why = STR_NONE;
	*nothing = false;
	bool ok = scope_init(&sc, c, s, g->template, g->parameters, stack_resources(c, s->Id));
	struct json *plan = ok ? plan_make(&sc, &why) : NULL;
	if (plan == NULL) {
		call_fail_code(c, 400, "ValidationError", "%.*s", STR_ARG(str_present(why) ? why : sc.x.error));
		return NULL;
	}
	const struct json *old = stack_template(c, s);
	*nothing = old != NULL && plan_changes_nothing(&sc, plan, old, g->tags);
	return plan;
}

void op_update_stack(struct call *c)
{
	const struct cloudformation_UpdateStackInput *in = c->in;
	struct cloudformation_UpdateStackOutput *out = c->out;
	struct request_template from = {.body = in->TemplateBody, .url = in->TemplateURL, .use_previous = yes(in->UsePreviousTemplate)};
	struct cloudformation_StackRecord *s = stack_need(c, in->StackName);
	struct given g;
	bool nothing;
	refuse_policy(c, str_present(in->StackPolicyBody) || str_present(in->StackPolicyURL) || str_present(in->StackPolicyDuringUpdateBody)
	              || str_present(in->StackPolicyDuringUpdateURL));
	refuse_others(c, &in->ResourceTypes, in->RetainExceptOnCreate);
	if (c->failed || s == NULL || !refuse_inputs(c, in->RollbackConfiguration, &in->NotificationARNs) || !updatable(c, s))
		return;
	if (!given_read(c, &from, &in->Parameters, &in->Tags, &in->Capabilities, s, false, &g) || stack_plan(c, s, &g, &nothing) == NULL)
		return;
	if (nothing) {
		call_fail_code(c, 400, "ValidationError", "No updates are to be performed.");
		return;
	}
	if (str_present(in->RoleARN) && !authorize_pass_role(c, in->RoleARN, "cloudformation.amazonaws.com"))
		return;
	stack_take_given(c, s, &g, in->RoleARN, yes(rollback_disabled(in->DisableRollback, in->DeploymentConfig)) ? S("DO_NOTHING")
		: S("ROLLBACK"));
	s->Token = in->ClientRequestToken;
	engine_update(c, s);
	out->StackId = s->Id;
}

void op_cancel_update_stack(struct call *c)
{
	const struct cloudformation_CancelUpdateStackInput *in = c->in;
	struct cloudformation_StackRecord *s = stack_need(c, in->StackName);
	if (s == NULL)
		return;
	if (!is(s->Phase, "UPDATE")) {
		call_fail_code(c, 400, "ValidationError", "CancelUpdateStack cannot be called from current stack status");
		return;
	}
	engine_cancel_update(c, s);
}

void op_continue_update_rollback(struct call *c)
{
	const struct cloudformation_ContinueUpdateRollbackInput *in = c->in;
	struct cloudformation_StackRecord *s = stack_need(c, in->StackName);
	if (s == NULL)
		return;
	if (!is(s->Status, "UPDATE_ROLLBACK_FAILED")) {
		call_fail_code(c, 400, "ValidationError", "Stack:%.*s is in %.*s state and can not continue rollback.", STR_ARG(s->Id), STR_ARG(s->Status));
		return;
	}
	if (str_present(in->RoleARN)) {
		if (!authorize_pass_role(c, in->RoleARN, "cloudformation.amazonaws.com"))
			return;
		s->RoleARN = in->RoleARN;
	}
	ASSERT(s->Before != NULL); /* what is rolled back to */
	engine_continue_rollback(c, s, tree_of_strings(c, &in->ResourcesToSkip));
}

/* ---- delete ---- */

void op_delete_stack(struct call *c)
{
	const struct cloudformation_DeleteStackInput *in = c->in;
	struct cloudformation_StackRecord *s = stack_find(c, in->StackName);
	if (s == NULL || stack_is_deleted(s) || is(s->Status, "DELETE_IN_PROGRESS"))
		return; /* as on AWS: deleting what is not there succeeds */
	if (yes(s->Protected)) {
		call_fail_code(c, 400, "ValidationError", "Stack [%.*s] cannot be deleted while TerminationProtection is enabled", STR_ARG(s->Name));
		return;
	}
	if (str_present(s->ParentId) && str_present(s->Phase)) {
		call_fail_code(c, 400, "ValidationError", "Stack [%.*s] is a nested stack in operation", STR_ARG(s->Name));
		return;
	}
	if (is(in->DeletionMode, "FORCE_DELETE_STACK")) {
		call_unsupported(c, "DeletionMode FORCE_DELETE_STACK is not supported");
		return;
	}
	if (in->RetainResources.n > 0 && !is(s->Status, "DELETE_FAILED")) {
		call_fail_code(c, 400, "ValidationError", "Invalid operation on stack [%.*s]. When you delete a stack, specify which resources to "
			"retain only when the stack is in the DELETE_FAILED state.", STR_ARG(s->Id));
		return;
	}
	if (stack_in_progress(s) && !is(s->Phase, "CREATE")) {
		call_fail_code(c, 400, "ValidationError", "Stack [%.*s] cannot be deleted while in status %.*s", STR_ARG(s->Name), STR_ARG(s->Status));
		return;
	}
	if (str_present(in->RoleARN)) {
		if (!authorize_pass_role(c, in->RoleARN, "cloudformation.amazonaws.com"))
			return;
		s->RoleARN = in->RoleARN;
	}
	s->Principal = stack_principal_save(c, c->who);
	s->Token = in->ClientRequestToken;
	s->Retain = tree_of_strings(c, &in->RetainResources);
	engine_delete(c, s);
}

/* ---- settings ---- */

void op_update_termination_protection(struct call *c)
{
	const struct cloudformation_UpdateTerminationProtectionInput *in = c->in;
	struct cloudformation_UpdateTerminationProtectionOutput *out = c->out;
	struct cloudformation_StackRecord *s = stack_need(c, in->StackName);
	if (s == NULL)
		return;
	if (str_present(s->ParentId)) {
		call_fail_code(c, 400, "ValidationError", "Termination protection can not be set on a nested stack");
		return;
	}
	s->Protected = SOME_BOOL(yes(in->EnableTerminationProtection));
	stack_save(c, s);
	out->StackId = s->Id;
}
