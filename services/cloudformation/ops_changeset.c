/* Change sets: what an update (or a new stack) would do, computed at once, shown, executed or thrown away.
 *
 * A change set of kind CREATE makes its stack in REVIEW_IN_PROGRESS, without resources. */
#include "stack.h"

#include "svc/arn.h"
#include "svc/page.h"

enum { CHANGES_PER_PAGE = 100 };

static struct key *change_set_key(struct call *c, struct str stack_id, struct str name)
{
	return key_str(key_str(call_key(c, "changeset"), stack_id), name);
}

static void change_set_save(struct call *c, const struct cloudformation_ChangeSetRecord *cs)
{
	call_put(c, change_set_key(c, cs->StackId, cs->Name), &cloudformation_shape_ChangeSetRecord, cs);
}

/* A change set by name and stack, or by ARN. NULL: c has failed. */
static struct cloudformation_ChangeSetRecord *change_set_need(struct call *c, struct str name_or_arn, struct str stack_name)
{
	struct cloudformation_ChangeSetRecord *found = NULL;
	struct str name = name_or_arn;
	if (str_starts(name_or_arn, S("arn:"))) {
		struct str key, value;
		struct scan *s = call_scan(c, call_key(c, "changeset"), STR_NONE, false);
		while (found == NULL && scan_next(s, &key, &value)) {
			struct cloudformation_ChangeSetRecord *one = record_decode(c, &cloudformation_shape_ChangeSetRecord, arena_dup(c->arena, value));
			if (str_eq(one->Id, name_or_arn))
				found = one;
		}
		scan_close(s);
	} else if (!str_present(stack_name)) {
		call_fail_code(c, 400, "ValidationError", "StackName must be specified if ChangeSetName is not specified as an ARN.");
		return NULL;
	} else {
		const struct cloudformation_StackRecord *stack = stack_need(c, stack_name);
		if (stack == NULL)
			return NULL;
		found = call_get(c, change_set_key(c, stack->Id, name), &cloudformation_shape_ChangeSetRecord);
	}
	if (found == NULL)
		call_fail(c, &cloudformation_err_ChangeSetNotFoundException, "ChangeSet [%.*s] does not exist", STR_ARG(name_or_arn));
	return found;
}

/* ---- create ---- */

/* The stack that a change set is for: there already, or made for it. NULL: c has failed. */
static struct cloudformation_StackRecord *stack_for(struct call *c, const struct cloudformation_CreateChangeSetInput *in, struct str kind)
{
	struct cloudformation_StackRecord *s = stack_find(c, in->StackName);
	bool create = is(kind, "CREATE");
	if (create && s != NULL && !is(s->Status, "REVIEW_IN_PROGRESS")) {
		call_fail_code(c, 400, "ValidationError", "Stack [%.*s] already exists and cannot be created again with the changeSet [%.*s].",
		               STR_ARG(s->Name), STR_ARG(in->ChangeSetName));
		return NULL;
	}
	if (!create && s == NULL) {
		call_fail_code(c, 400, "ValidationError", "Stack [%.*s] does not exist", STR_ARG(in->StackName));
		return NULL;
	}
	if (!create && !ONE_OF(s->Status, "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED", "IMPORT_COMPLETE")) {
		call_fail_code(c, 400, "ValidationError", "Stack:%.*s is in %.*s state and can not be updated.", STR_ARG(s->Id), STR_ARG(s->Status));
		return NULL;
	}
	if (s != NULL)
		return s;
	if (str_starts(in->StackName, S("arn:"))) {
		call_fail_code(c, 400, "ValidationError", "Stack [%.*s] does not exist", STR_ARG(in->StackName));
		return NULL;
	}
	s = arena_new_of(c->arena, struct cloudformation_StackRecord);
	s->Id = stack_new_id(c, in->StackName);
	s->Name = in->StackName;
	s->Created = SOME_TIME(c->now_ms);
	s->OnFailure = S("ROLLBACK");
	return s;
}

static void refuse(struct call *c, const struct cloudformation_CreateChangeSetInput *in)
{
	if (is(in->ChangeSetType, "IMPORT") || in->ResourcesToImport.n > 0 || yes(in->ImportExistingResources))
		call_unsupported(c, "change sets of type IMPORT are not supported");
	else if (yes(in->IncludeNestedStacks))
		call_unsupported(c, "IncludeNestedStacks is not supported");
	else if (in->ResourceTypes.n > 0)
		call_unsupported(c, "ResourceTypes is not supported");
	else
		refuse_inputs(c, in->RollbackConfiguration, &in->NotificationARNs);
}

/* What executing it would do, or why it cannot be. */
static void compute(struct call *c, struct cloudformation_ChangeSetRecord *cs, const struct cloudformation_StackRecord *s, const struct given *g)
{
	bool nothing = false;
	cs->Template = g->text;
	if (g->transform_failed) {
		cs->Status = S("FAILED");
		cs->Execution = S("UNAVAILABLE");
		cs->Reason = g->why;
		return;
	}
	cs->Processed = g->processed;
	cs->Parameters = g->parameters;
	cs->Tags = g->tags;
	cs->Capabilities = g->capabilities;
	cs->Changes = stack_plan(c, s, g, &nothing);
	cs->Status = nothing ? S("FAILED") : S("CREATE_COMPLETE");
	cs->Execution = nothing ? S("UNAVAILABLE") : S("AVAILABLE");
	if (nothing)
		cs->Reason = S("The submitted information didn't contain changes. Submit different information to create a change set.");
}

void op_create_change_set(struct call *c)
{
	const struct cloudformation_CreateChangeSetInput *in = c->in;
	struct cloudformation_CreateChangeSetOutput *out = c->out;
	struct request_template from = {.body = in->TemplateBody, .url = in->TemplateURL, .use_previous = yes(in->UsePreviousTemplate)};
	struct str kind = str_present(in->ChangeSetType) ? in->ChangeSetType : S("UPDATE");
	struct given g;
	refuse(c, in);
	struct cloudformation_StackRecord *s = c->failed ? NULL : stack_for(c, in, kind);
	if (s == NULL)
		return;
	if (call_get(c, change_set_key(c, s->Id, in->ChangeSetName), &cloudformation_shape_ChangeSetRecord) != NULL) {
		call_fail(c, &cloudformation_err_AlreadyExistsException,
			"ChangeSet %.*s cannot be created due to a mismatch with existing attribute Name", STR_ARG(in->ChangeSetName));
		return;
	}
	bool create = is(kind, "CREATE");
	if (!given_read(c, &from, &in->Parameters, &in->Tags, &in->Capabilities, create ? NULL : s, true, &g) && (c->failed || c->parked
		|| !g.transform_failed))
		return;
	if (str_present(in->RoleARN) && !authorize_pass_role(c, in->RoleARN, "cloudformation.amazonaws.com"))
		return;
	struct cloudformation_ChangeSetRecord cs = {.Name = in->ChangeSetName, .StackId = s->Id, .StackName = s->Name, .Kind = kind,
		.Created = SOME_TIME(c->now_ms), .Description = in->Description, .RoleARN = in->RoleARN,
		.OnFailure = in->DeploymentConfig != NULL && yes(in->DeploymentConfig->DisableRollback) ? S("DO_NOTHING") : in->OnStackFailure,
		.Principal = stack_principal_save(c, c->who), .Endpoint = c->endpoint,
		.Id = arn_make(c->arena, "cloudformation", c->region, c->account,
		               arena_join(c->arena, S("changeSet/"), in->ChangeSetName, S("/"), operation_token(c)))};
	compute(c, &cs, s, &g);
	if (c->failed)
		return;
	if (!str_present(s->Status)) {
		s->ChangeSetId = cs.Id;
		stack_set_status(c, s, "REVIEW_IN_PROGRESS", S("User Initiated"));
		stack_name_take(c, s);
		stack_save(c, s);
	}
	change_set_save(c, &cs);
	out->Id = cs.Id;
	out->StackId = s->Id;
}

/* ---- describe ---- */

static struct cloudformation_ResourceChangeDetail detail_of(struct call *c, const struct json *change, struct str attribute, struct str name)
{
	struct cloudformation_ResourceTargetDefinition *t = arena_new_of(c->arena, struct cloudformation_ResourceTargetDefinition);
	const struct cfn_type *type = type_find(json_get_str(change, "Type"));
	bool replaces = str_present(name) && type != NULL && (type->update == NULL || (type->replaces != NULL && stack_word_in(name, type->replaces)));
	t->Attribute = attribute;
	t->Name = name;
	t->RequiresRecreation = replaces ? S("Always") : S("Never");
	return (struct cloudformation_ResourceChangeDetail){.Target = t, .Evaluation = S("Static"), .ChangeSource = S("DirectModification")};
}

static struct cloudformation_ResourceChange *change_of(struct call *c, const struct json *change)
{
	struct cloudformation_ResourceChange *r = arena_new_of(c->arena, struct cloudformation_ResourceChange);
	const struct json *names = json_get(change, S("Changes"));
	r->Action = json_get_str(change, "Action");
	r->LogicalResourceId = json_get_str(change, "LogicalId");
	r->PhysicalResourceId = json_get_str(change, "PhysicalId");
	r->ResourceType = json_get_str(change, "Type");
	r->Replacement = json_get_str(change, "Replacement");
	bool tags = json_get_bool(change, "TagsChange", false), metadata = json_get_bool(change, "MetadataChange", false);
	uint32_t n = names != NULL ? names->n : 0, scopes = (n > 0 ? 1u : 0u) + (tags ? 1u : 0u) + (metadata ? 1u : 0u), at = 0;
	r->Scope = LIST_OF(c->arena, struct str, scopes);
	r->Details = LIST_OF(c->arena, struct cloudformation_ResourceChangeDetail, n + (tags ? 1 : 0) + (metadata ? 1 : 0));
	struct cloudformation_ResourceChangeDetail *d = r->Details.v;
	struct str *scope = r->Scope.v;
	if (n > 0)
		*scope++ = S("Properties");
	for (uint32_t i = 0; i < n; i++)
		d[at++] = detail_of(c, change, S("Properties"), names->items[i].text);
	if (metadata) {
		*scope++ = S("Metadata");
		d[at++] = detail_of(c, change, S("Metadata"), STR_NONE);
	}
	if (tags) {
		*scope++ = S("Tags");
		d[at++] = detail_of(c, change, S("Tags"), STR_NONE);
	}
	ASSERT(at == r->Details.n && scope == (struct str *)r->Scope.v + scopes);
	return r;
}

static struct list parameters_shown(struct call *c, const struct json *template, const struct json *values)
{
	struct list l = LIST_OF(c->arena, struct cloudformation_Parameter, values != NULL ? values->n : 0);
	struct cloudformation_Parameter *p = l.v;
	for (uint32_t i = 0; i < l.n; i++) {
		struct str name = values->members[i].key;
		p[i].ParameterKey = name;
		p[i].ParameterValue = parameters_no_echo(template, name) ? S("****") : json_str(&values->members[i].value);
	}
	return l;
}

static struct list tags_shown(struct call *c, const struct json *tags)
{
	struct list l = LIST_OF(c->arena, struct cloudformation_Tag, tags != NULL ? tags->n : 0);
	struct cloudformation_Tag *t = l.v;
	for (uint32_t i = 0; i < l.n; i++)
		t[i] = (struct cloudformation_Tag){.Key = tags->members[i].key, .Value = json_str(&tags->members[i].value)};
	return l;
}

void op_describe_change_set(struct call *c)
{
	const struct cloudformation_DescribeChangeSetInput *in = c->in;
	struct cloudformation_DescribeChangeSetOutput *out = c->out;
	const struct cloudformation_ChangeSetRecord *cs = change_set_need(c, in->ChangeSetName, in->StackName);
	struct str position;
	uint64_t from = 0;
	if (cs == NULL)
		return;
	if (!page_position(c->arena, in->NextToken, &position) || (str_present(position) && !str_to_u64(position, &from))) {
		call_fail_code(c, 400, "ValidationError", "Invalid NextToken");
		return;
	}
	const struct json *template = str_present(cs->Processed) ? json_parse(c->arena, cs->Processed, NULL) : NULL;
	out->ChangeSetName = cs->Name;
	out->ChangeSetId = cs->Id;
	out->StackId = cs->StackId;
	out->StackName = cs->StackName;
	out->Description = cs->Description;
	out->Parameters = parameters_shown(c, template, cs->Parameters);
	out->CreationTime = cs->Created;
	out->ExecutionStatus = cs->Execution;
	out->Status = cs->Status;
	out->StatusReason = cs->Reason;
	out->NotificationARNs = LIST_OF(c->arena, struct str, 0);
	out->RollbackConfiguration = arena_new_of(c->arena, struct cloudformation_RollbackConfiguration);
	out->Capabilities = list_of_strings(c, cs->Capabilities);
	out->Tags = tags_shown(c, cs->Tags);
	out->IncludeNestedStacks = SOME_BOOL(false);
	out->OnStackFailure = cs->OnFailure;
	uint64_t n = cs->Changes != NULL ? cs->Changes->n : 0, end = from + CHANGES_PER_PAGE < n ? from + CHANGES_PER_PAGE : n;
	out->Changes = LIST_OF(c->arena, struct cloudformation_Change, end > from ? end - from : 0);
	for (uint64_t i = from; i < end; i++) {
		struct cloudformation_Change *ch = LIST_AT(out->Changes, struct cloudformation_Change, i - from);
		ch->Type = S("Resource");
		ch->ResourceChange = change_of(c, &cs->Changes->items[i]);
	}
	if (end < n)
		out->NextToken = page_token(c->arena, arena_printf(c->arena, "%llu", (unsigned long long)end));
}

/* ---- execute and delete ---- */

static void drop_change_sets(struct call *c, struct str stack_id)
{
	struct str key, value;
	struct scan *s = call_scan(c, key_str(call_key(c, "changeset"), stack_id), STR_NONE, false);
	while (scan_next(s, &key, &value))
		txn_del(c->txn, arena_dup(c->arena, key));
	scan_close(s);
}

void op_execute_change_set(struct call *c)
{
	const struct cloudformation_ExecuteChangeSetInput *in = c->in;
	struct cloudformation_ChangeSetRecord *cs = change_set_need(c, in->ChangeSetName, in->StackName);
	if (cs == NULL)
		return;
	struct cloudformation_StackRecord *s = stack_load(c, cs->StackId);
	ASSERT(s != NULL);
	if (!is(cs->Execution, "AVAILABLE")) {
		call_fail(c, &cloudformation_err_InvalidChangeSetStatusException,
			"ChangeSet [%.*s] cannot be executed in its current status of [%.*s]", STR_ARG(cs->Id), STR_ARG(cs->Status));
		return;
	}
	bool create = is(cs->Kind, "CREATE");
	if (create ? !is(s->Status, "REVIEW_IN_PROGRESS") : stack_in_progress(s)) {
		call_fail(c, &cloudformation_err_InvalidChangeSetStatusException, "ChangeSet [%.*s] cannot be executed: stack is in status %.*s",
			STR_ARG(cs->Id), STR_ARG(s->Status));
		return;
	}
	struct given g = {.text = cs->Template, .processed = cs->Processed, .parameters = cs->Parameters, .tags = cs->Tags,
		.capabilities = cs->Capabilities, .template = json_parse(c->arena, cs->Processed, NULL)};
	struct str failure = yes(in->DisableRollback) || is(cs->OnFailure, "DO_NOTHING") ? S("DO_NOTHING")
	                   : is(cs->OnFailure, "DELETE") && create ? S("DELETE") : S("ROLLBACK");
	stack_take_given(c, s, &g, cs->RoleARN, failure);
	s->Token = in->ClientRequestToken;
	s->ChangeSetId = cs->Id;
	cs->Execution = S("EXECUTE_COMPLETE");
	drop_change_sets(c, s->Id); /* the others were made against what is no more */
	change_set_save(c, cs);
	if (create) {
		s->Before = NULL;
		engine_create(c, s);
	} else {
		engine_update(c, s);
	}
}

void op_delete_change_set(struct call *c)
{
	const struct cloudformation_DeleteChangeSetInput *in = c->in;
	struct cloudformation_ChangeSetRecord *cs = change_set_need(c, in->ChangeSetName, in->StackName);
	if (cs == NULL) {
		/* as on AWS: deleting what is not there succeeds, when the stack is there */
		if (is(c->error.code, "ChangeSetNotFound")) {
			c->failed = false;
			c->error = (struct wire_error){0};
		}
		return;
	}
	call_del(c, change_set_key(c, cs->StackId, cs->Name));
}

void op_list_change_sets(struct call *c)
{
	const struct cloudformation_ListChangeSetsInput *in = c->in;
	struct cloudformation_ListChangeSetsOutput *out = c->out;
	const struct cloudformation_StackRecord *stack = stack_need(c, in->StackName);
	struct json *found = json_new_array(c->arena);
	struct str key, value;
	if (stack == NULL)
		return;
	struct scan *s = call_scan(c, key_str(call_key(c, "changeset"), stack->Id), STR_NONE, false);
	while (scan_next(s, &key, &value))
		json_push(c->arena, found, json_new_str(c->arena, arena_dup(c->arena, value)));
	scan_close(s);
	out->Summaries = LIST_OF(c->arena, struct cloudformation_ChangeSetSummary, found->n);
	for (uint32_t i = 0; i < found->n; i++) {
		const struct cloudformation_ChangeSetRecord *cs = record_decode(c, &cloudformation_shape_ChangeSetRecord, found->items[i].text);
		*LIST_AT(out->Summaries, struct cloudformation_ChangeSetSummary, i) = (struct cloudformation_ChangeSetSummary){
			.StackId = cs->StackId, .StackName = cs->StackName, .ChangeSetId = cs->Id, .ChangeSetName = cs->Name,
			.ExecutionStatus = cs->Execution, .Status = cs->Status, .StatusReason = cs->Reason, .CreationTime = cs->Created,
			.Description = cs->Description, .IncludeNestedStacks = SOME_BOOL(false)};
	}
}
