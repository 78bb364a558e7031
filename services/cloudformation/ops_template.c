/* Reading templates: as they were given, after their transforms, and what they ask for. */
#include "stack.h"

#include "template.h"

static const struct cloudformation_ChangeSetRecord *change_set_of(struct call *c, struct str name, const struct cloudformation_StackRecord *s)
{
	struct str key, value;
	const struct cloudformation_ChangeSetRecord *found = NULL;
	struct key *prefix = s != NULL ? key_str(call_key(c, "changeset"), s->Id) : call_key(c, "changeset");
	struct scan *scan = call_scan(c, prefix, STR_NONE, false);
	while (found == NULL && scan_next(scan, &key, &value)) {
		struct cloudformation_ChangeSetRecord *one = record_decode(c, &cloudformation_shape_ChangeSetRecord, arena_dup(c->arena, value));
		if (str_eq(one->Name, name) || str_eq(one->Id, name))
			found = one;
	}
	scan_close(scan);
	ASSERT(found == NULL || (str_present(found->Id) && str_present(found->Name)));
	if (found == NULL)
		call_fail(c, &cloudformation_err_ChangeSetNotFoundException, "ChangeSet [%.*s] does not exist", STR_ARG(name));
	return found;
}

void op_get_template(struct call *c)
{
	const struct cloudformation_GetTemplateInput *in = c->in;
	struct cloudformation_GetTemplateOutput *out = c->out;
	struct cloudformation_StackRecord *s = NULL;
	struct str original, processed;
	if (str_present(in->StackName) && (s = stack_need(c, in->StackName)) == NULL)
		return;
	if (str_present(in->ChangeSetName)) {
		const struct cloudformation_ChangeSetRecord *cs = change_set_of(c, in->ChangeSetName, s);
		if (cs == NULL)
			return;
		original = cs->Template;
		processed = cs->Processed;
	} else if (s == NULL) {
		call_fail_code(c, 400, "ValidationError", "Either StackName or ChangeSetName must be specified.");
		return;
	} else {
		original = s->Template;
		processed = s->Processed;
	}
	if (!str_present(original)) {
		call_fail_code(c, 400, "ValidationError", "Template for stack %.*s is not available: it was never created", STR_ARG(in->StackName));
		return;
	}
	ASSERT(!c->failed);
	out->TemplateBody = is(in->TemplateStage, "Processed") && str_present(processed) ? processed : original;
	out->StagesAvailable = LIST_OF(c->arena, struct str, str_present(processed) ? 2 : 1);
	*LIST_AT(out->StagesAvailable, struct str, 0) = S("Original");
	if (str_present(processed))
		*LIST_AT(out->StagesAvailable, struct str, 1) = S("Processed");
}

/* ---- what a template asks for ---- */

static struct cloudformation_ParameterDeclaration declaration(struct call *c, struct str name, const struct json *p)
{
	const struct json *allowed = json_get(p, S("AllowedValues"));
	struct cloudformation_ParameterDeclaration d = {.ParameterKey = name, .DefaultValue = intrinsics_scalar(json_get(p, S("Default"))),
		.ParameterType = json_get_str(p, "Type"), .Description = json_get_str(p, "Description"),
		.NoEcho = SOME_BOOL(str_eq_nocase(intrinsics_scalar(json_get(p, S("NoEcho"))), S("true")))};
	d.ParameterConstraints = arena_new_of(c->arena, struct cloudformation_ParameterConstraints);
	d.ParameterConstraints->AllowedValues = LIST_OF(c->arena, struct str, allowed != NULL ? allowed->n : 0);
	for (uint32_t i = 0; i < d.ParameterConstraints->AllowedValues.n; i++)
		*LIST_AT(d.ParameterConstraints->AllowedValues, struct str, i) = intrinsics_scalar(&allowed->items[i]);
	return d;
}

/* The distinct types of the resources, sorted by first use. */
static struct json *types_of(struct call *c, const struct json *template)
{
	const struct json *resources = json_get(template, S("Resources"));
	struct json *types = json_new_array(c->arena);
	for (uint32_t i = 0; resources != NULL && i < resources->n; i++) {
		struct str type = json_get_str(&resources->members[i].value, "Type");
		bool there = !str_present(type);
		ASSERT(types->n <= i); /* at most one more for each resource */
		for (uint32_t k = 0; k < types->n; k++)
			there = there || str_eq(types->items[k].text, type);
		if (!there)
			json_push(c->arena, types, json_new_str(c->arena, type));
	}
	return types;
}

static struct json *parsed(struct call *c, struct str text, struct json **transforms)
{
	struct str why = STR_NONE;
	struct json *t = template_parse(c->arena, text, &why);
	*transforms = t != NULL ? template_transforms(c->arena, t, &why) : NULL;
	if (*transforms == NULL || !template_check(c->arena, t, (*transforms)->n > 0, &why)) {
		ASSERT(str_present(why)); /* whoever refuses says why */
		call_fail_code(c, 400, "ValidationError", "%.*s", STR_ARG(why));
		return NULL;
	}
	/* a template with transforms refers to what they will make */
	if ((*transforms)->n == 0 && !references_check(c->arena, t, &why)) {
		call_fail_code(c, 400, "ValidationError", "%.*s", STR_ARG(why));
		return NULL;
	}
	return t;
}

/* Serverless functions make roles, though the template does not say so. */
static void add_serverless(struct call *c, const struct json *template, struct json *needed)
{
	const struct json *resources = json_get(template, S("Resources"));
	for (uint32_t i = 0; resources != NULL && i < resources->n; i++) {
		const struct json *r = &resources->members[i].value;
		if (is(json_get_str(r, "Type"), "AWS::Serverless::Function") && json_get(json_get(r, S("Properties")), S("Role")) == NULL) {
			if (needed->n == 0 || !str_starts(needed->items[0].text, S("CAPABILITY_")) || is(needed->items[0].text, "CAPABILITY_AUTO_EXPAND"))
				json_push(c->arena, needed, json_new_str(c->arena, S("CAPABILITY_IAM")));
			return;
		}
	}
}

void op_get_template_summary(struct call *c)
{
	const struct cloudformation_GetTemplateSummaryInput *in = c->in;
	struct cloudformation_GetTemplateSummaryOutput *out = c->out;
	struct request_template from = {.body = in->TemplateBody, .url = in->TemplateURL, .use_previous = str_present(in->StackName)};
	struct cloudformation_StackRecord *s = NULL;
	struct json *transforms;
	if (str_present(in->StackSetName)) {
		call_unsupported(c, "StackSetName is not supported");
		return;
	}
	if (str_present(in->StackName) && (s = stack_need(c, in->StackName)) == NULL)
		return;
	struct str text = given_text(c, &from, s), reason;
	struct json *t = c->failed || c->parked ? NULL : parsed(c, text, &transforms);
	if (t == NULL)
		return;
	const struct json *declared = json_get(t, S("Parameters"));
	out->Parameters = LIST_OF(c->arena, struct cloudformation_ParameterDeclaration, declared != NULL ? declared->n : 0);
	for (uint32_t i = 0; i < out->Parameters.n; i++)
		*LIST_AT(out->Parameters, struct cloudformation_ParameterDeclaration, i) =
			declaration(c, declared->members[i].key, &declared->members[i].value);
	struct json *needed = capabilities_needed(c, t, transforms, &reason);
	add_serverless(c, t, needed);
	out->Description = json_get_str(t, "Description");
	out->Capabilities = list_of_strings(c, needed);
	out->CapabilitiesReason = reason;
	out->ResourceTypes = list_of_strings(c, types_of(c, t));
	out->Version = json_get_str(t, "AWSTemplateFormatVersion");
	const struct json *metadata = json_get(t, S("Metadata"));
	if (metadata != NULL)
		out->Metadata = json_text(c->arena, metadata);
	out->DeclaredTransforms = list_of_strings(c, transforms);
}

void op_validate_template(struct call *c)
{
	const struct cloudformation_ValidateTemplateInput *in = c->in;
	struct cloudformation_ValidateTemplateOutput *out = c->out;
	struct request_template from = {.body = in->TemplateBody, .url = in->TemplateURL};
	struct json *transforms;
	struct str text = given_text(c, &from, NULL), reason;
	struct json *t = c->failed || c->parked ? NULL : parsed(c, text, &transforms);
	if (t == NULL)
		return;
	const struct json *declared = json_get(t, S("Parameters"));
	out->Parameters = LIST_OF(c->arena, struct cloudformation_TemplateParameter, declared != NULL ? declared->n : 0);
	for (uint32_t i = 0; i < out->Parameters.n; i++) {
		struct cloudformation_ParameterDeclaration d = declaration(c, declared->members[i].key, &declared->members[i].value);
		*LIST_AT(out->Parameters, struct cloudformation_TemplateParameter, i) = (struct cloudformation_TemplateParameter){
			.ParameterKey = d.ParameterKey, .DefaultValue = d.DefaultValue, .NoEcho = d.NoEcho, .Description = d.Description};
	}
	struct json *needed = capabilities_needed(c, t, transforms, &reason);
	add_serverless(c, t, needed);
	out->Description = json_get_str(t, "Description");
	out->Capabilities = list_of_strings(c, needed);
	out->CapabilitiesReason = reason;
	out->DeclaredTransforms = list_of_strings(c, transforms);
}
