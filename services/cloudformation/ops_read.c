/* Reading stacks: descriptions, lists, events, resources, exports. */
#include "stack.h"

#include "svc/page.h"

enum { PAGE = 100, SETTLE_MS = 1000 };

static struct cloudformation_Stack stack_shown(struct call *c, const struct cloudformation_StackRecord *s)
{
	ASSERT(str_present(s->Id) && str_present(s->Name) && str_present(s->Status));
	const struct json *template = stack_template(c, s);
	struct cloudformation_Stack out = {.StackId = s->Id, .StackName = s->Name, .ChangeSetId = s->ChangeSetId, .Description = s->Description,
		.CreationTime = s->Created, .DeletionTime = s->Deleted, .LastUpdatedTime = s->Updated, .StackStatus = s->Status,
		.StackStatusReason = s->Reason, .DisableRollback = SOME_BOOL(is(s->OnFailure, "DO_NOTHING")), .TimeoutInMinutes = s->TimeoutMinutes,
		.Capabilities = list_of_strings(c, s->Capabilities), .RoleARN = s->RoleARN, .ParentId = s->ParentId, .RootId = s->RootId,
		.EnableTerminationProtection = SOME_BOOL(yes(s->Protected)), .NotificationARNs = LIST_OF(c->arena, struct str, 0)};
	out.RollbackConfiguration = arena_new_of(c->arena, struct cloudformation_RollbackConfiguration);
	out.DriftInformation = arena_new_of(c->arena, struct cloudformation_StackDriftInformation);
	out.DriftInformation->StackDriftStatus = S("NOT_CHECKED");
	ASSERT(s->Parameters == NULL || json_is(s->Parameters, JSON_OBJECT));
	ASSERT(s->Outputs == NULL || json_is(s->Outputs, JSON_ARRAY));
	uint32_t n = s->Parameters != NULL ? s->Parameters->n : 0;
	out.Parameters = LIST_OF(c->arena, struct cloudformation_Parameter, n);
	for (uint32_t i = 0; i < n; i++) {
		struct str name = s->Parameters->members[i].key;
		*LIST_AT(out.Parameters, struct cloudformation_Parameter, i) = (struct cloudformation_Parameter){.ParameterKey = name,
			.ParameterValue = parameters_no_echo(template, name) ? S("****") : json_str(&s->Parameters->members[i].value)};
	}
	n = s->Outputs != NULL ? s->Outputs->n : 0;
	out.Outputs = LIST_OF(c->arena, struct cloudformation_Output, n);
	for (uint32_t i = 0; i < n; i++) {
		const struct json *o = &s->Outputs->items[i];
		*LIST_AT(out.Outputs, struct cloudformation_Output, i) = (struct cloudformation_Output){.OutputKey = json_get_str(o, "OutputKey"),
			.OutputValue = json_get_str(o, "OutputValue"), .Description = json_get_str(o, "Description"), .ExportName = json_get_str(o,
				"ExportName")};
	}
	n = s->Tags != NULL ? s->Tags->n : 0;
	out.Tags = LIST_OF(c->arena, struct cloudformation_Tag, n);
	for (uint32_t i = 0; i < n; i++)
		*LIST_AT(out.Tags, struct cloudformation_Tag, i) = (struct cloudformation_Tag){.Key = s->Tags->members[i].key,
			.Value = json_str(&s->Tags->members[i].value)};
	return out;
}

/* A page of records below a prefix: at most PAGE that `wanted` lets through, oldest first or newest first. */
struct page {
	void **v;
	size_t n;
	struct str next; /* token; absent at the end */
};

static bool read_page(struct call *c, struct key *prefix, struct str token, bool reverse, const struct shape *shape,
                      bool (*wanted)(struct call *c, const void *record), struct page *p)
{
	struct str position, key, value, last = STR_NONE;
	*p = (struct page){.v = arena_array(c->arena, void *, PAGE), .next = STR_NONE};
	if (!page_position(c->arena, token, &position)) {
		call_fail_code(c, 400, "ValidationError", "Invalid NextToken");
		return false;
	}
	struct scan *s = call_scan(c, prefix, position, reverse);
	while (scan_next(s, &key, &value)) {
		if (p->n == PAGE) {
			p->next = page_token(c->arena, last);
			break;
		}
		void *record = record_decode(c, shape, arena_dup(c->arena, value));
		last = arena_dup(c->arena, key);
		if (wanted == NULL || wanted(c, record))
			p->v[p->n++] = record;
	}
	scan_close(s);
	ASSERT(p->n <= PAGE && (!str_present(p->next) || p->n == PAGE));
	return true;
}

static bool not_deleted(struct call *c, const void *record)
{
	(void)c;
	return !stack_is_deleted(record);
}

void op_describe_stacks(struct call *c)
{
	const struct cloudformation_DescribeStacksInput *in = c->in;
	struct cloudformation_DescribeStacksOutput *out = c->out;
	struct page p = {.next = STR_NONE};
	if (str_present(in->StackName)) {
		struct cloudformation_StackRecord *s = stack_need(c, in->StackName);
		if (s == NULL)
			return;
		if (stack_in_progress(s) && c->now_ms < c->started_ms + SETTLE_MS) {
			/* clients' waiters ask at once and then not again for 30 s: most operations end within the second */
			call_wait(c, arena_join(c->arena, S("cloudformation:"), s->Id), c->started_ms + SETTLE_MS);
			return;
		}
		p.v = arena_array(c->arena, void *, 1);
		p.v[p.n++] = s;
	} else if (!read_page(c, call_key(c, "stack"), in->NextToken, false, &cloudformation_shape_StackRecord, not_deleted, &p)) {
		return;
	}
	out->Stacks = LIST_OF(c->arena, struct cloudformation_Stack, p.n);
	for (uint32_t i = 0; i < p.n; i++)
		*LIST_AT(out->Stacks, struct cloudformation_Stack, i) = stack_shown(c, p.v[i]);
	out->NextToken = p.next;
}

static bool status_wanted(struct call *c, const void *record)
{
	const struct cloudformation_ListStacksInput *in = c->in;
	const struct cloudformation_StackRecord *s = record;
	for (uint32_t i = 0; i < in->StackStatusFilter.n; i++)
		if (str_eq(*LIST_AT(in->StackStatusFilter, struct str, i), s->Status))
			return true;
	return in->StackStatusFilter.n == 0;
}

void op_list_stacks(struct call *c)
{
	const struct cloudformation_ListStacksInput *in = c->in;
	struct cloudformation_ListStacksOutput *out = c->out;
	struct page p;
	if (!read_page(c, call_key(c, "stack"), in->NextToken, false, &cloudformation_shape_StackRecord, status_wanted, &p))
		return;
	out->StackSummaries = LIST_OF(c->arena, struct cloudformation_StackSummary, p.n);
	for (uint32_t i = 0; i < p.n; i++) {
		const struct cloudformation_StackRecord *s = p.v[i];
		struct cloudformation_StackSummary *o = LIST_AT(out->StackSummaries, struct cloudformation_StackSummary, i);
		*o = (struct cloudformation_StackSummary){.StackId = s->Id, .StackName = s->Name, .TemplateDescription = s->Description,
			.CreationTime = s->Created, .LastUpdatedTime = s->Updated, .DeletionTime = s->Deleted, .StackStatus = s->Status,
			.StackStatusReason = s->Reason, .ParentId = s->ParentId, .RootId = s->RootId};
		o->DriftInformation = arena_new_of(c->arena, struct cloudformation_StackDriftInformationSummary);
		o->DriftInformation->StackDriftStatus = S("NOT_CHECKED");
	}
	out->NextToken = p.next;
}

/* ---- events ---- */

void op_describe_stack_events(struct call *c)
{
	const struct cloudformation_DescribeStackEventsInput *in = c->in;
	struct cloudformation_DescribeStackEventsOutput *out = c->out;
	const struct cloudformation_StackRecord *s = stack_find(c, in->StackName);
	struct page p;
	if (s == NULL) {
		call_fail_code(c, 400, "ValidationError", "Stack [%.*s] does not exist", STR_ARG(in->StackName));
		return;
	}
	if (!read_page(c, key_str(call_key(c, "event"), s->Id), in->NextToken, true, &cloudformation_shape_EventRecord, NULL, &p))
		return;
	out->StackEvents = LIST_OF(c->arena, struct cloudformation_StackEvent, p.n);
	for (uint32_t i = 0; i < p.n; i++) {
		const struct cloudformation_EventRecord *e = p.v[i];
		*LIST_AT(out->StackEvents, struct cloudformation_StackEvent, i) = (struct cloudformation_StackEvent){.StackId = s->Id, .EventId = e->Id,
			.StackName = s->Name, .LogicalResourceId = e->LogicalId, .PhysicalResourceId = e->PhysicalId, .ResourceType = e->Type,
			.Timestamp = e->Time, .ResourceStatus = e->Status, .ResourceStatusReason = e->Reason, .ResourceProperties = e->Properties,
			.ClientRequestToken = e->Token, .OperationId = e->Operation};
	}
	out->NextToken = p.next;
}

/* ---- resources ---- */

static bool shown(struct call *c, const void *record)
{
	const struct cloudformation_ResourceRecord *r = record;
	(void)c;
	return !yes(r->Garbage) && str_present(r->Status);
}

static struct cloudformation_StackResourceDriftInformation *no_drift(struct call *c)
{
	struct cloudformation_StackResourceDriftInformation *d = arena_new_of(c->arena, struct cloudformation_StackResourceDriftInformation);
	d->StackResourceDriftStatus = S("NOT_CHECKED");
	return d;
}

void op_describe_stack_resource(struct call *c)
{
	const struct cloudformation_DescribeStackResourceInput *in = c->in;
	struct cloudformation_DescribeStackResourceOutput *out = c->out;
	const struct cloudformation_StackRecord *s = stack_find(c, in->StackName);
	if (s == NULL) {
		call_fail_code(c, 400, "ValidationError", "Stack '%.*s' does not exist", STR_ARG(in->StackName));
		return;
	}
	const struct cloudformation_ResourceRecord *r = stack_resource(c, s->Id, in->LogicalResourceId);
	if (r == NULL || !shown(c, r)) {
		call_fail_code(c, 400, "ValidationError", "Resource %.*s does not exist for stack %.*s", STR_ARG(in->LogicalResourceId), STR_ARG(s->Name));
		return;
	}
	struct cloudformation_StackResourceDetail *d = arena_new_of(c->arena, struct cloudformation_StackResourceDetail);
	*d = (struct cloudformation_StackResourceDetail){.StackName = s->Name, .StackId = s->Id, .LogicalResourceId = r->LogicalId,
		.PhysicalResourceId = r->PhysicalId, .ResourceType = r->Type, .LastUpdatedTimestamp = r->Time, .ResourceStatus = r->Status,
		.ResourceStatusReason = r->Reason, .Description = r->Description,
		.Metadata = r->Metadata != NULL ? json_text(c->arena, r->Metadata) : S("{}"), .DriftInformation = no_drift(c)};
	out->StackResourceDetail = d;
}

/* The stack that has a resource by its physical id. */
static struct str stack_of_physical(struct call *c, struct str physical_id)
{
	struct key *prefix = call_key(c, "resource");
	struct str key, value, id = STR_NONE;
	struct scan *s = call_scan(c, prefix, STR_NONE, false);
	while (!str_present(id) && scan_next(s, &key, &value)) {
		const struct cloudformation_ResourceRecord *r = record_decode(c, &cloudformation_shape_ResourceRecord, arena_dup(c->arena, value));
		struct key_reader k = key_reader_of(str_slice(key, key_bytes(prefix).n, key.n));
		if (str_eq(r->PhysicalId, physical_id) && shown(c, r) && !is(r->Status, "DELETE_COMPLETE") && !key_read_str(&k, c->arena, &id))
			id = STR_NONE;
	}
	scan_close(s);
	return id;
}

void op_describe_stack_resources(struct call *c)
{
	const struct cloudformation_DescribeStackResourcesInput *in = c->in;
	struct cloudformation_DescribeStackResourcesOutput *out = c->out;
	if (str_present(in->StackName) == str_present(in->PhysicalResourceId)) {
		call_fail_code(c, 400, "ValidationError", "Exactly one of StackName and PhysicalResourceId must be specified");
		return;
	}
	struct str name = str_present(in->StackName) ? in->StackName : stack_of_physical(c, in->PhysicalResourceId);
	const struct cloudformation_StackRecord *s = str_present(name) ? stack_find(c, name) : NULL;
	if (s == NULL) {
		call_fail_code(c, 400, "ValidationError", "Stack for %.*s does not exist", STR_ARG(str_present(in->StackName) ? in->StackName
			: in->PhysicalResourceId));
		return;
	}
	struct stack_resources all = stack_resources(c, s->Id);
	out->StackResources = LIST_OF(c->arena, struct cloudformation_StackResource, all.n);
	uint32_t n = 0;
	for (size_t i = 0; i < all.n; i++) {
		const struct cloudformation_ResourceRecord *r = all.v[i];
		if (!shown(c, r) || (str_present(in->LogicalResourceId) && !str_eq(r->LogicalId, in->LogicalResourceId)))
			continue;
		*LIST_AT(out->StackResources, struct cloudformation_StackResource, n) = (struct cloudformation_StackResource){.StackName = s->Name,
			.StackId = s->Id, .LogicalResourceId = r->LogicalId, .PhysicalResourceId = r->PhysicalId, .ResourceType = r->Type,
			.Timestamp = r->Time, .ResourceStatus = r->Status, .ResourceStatusReason = r->Reason, .Description = r->Description,
			.DriftInformation = no_drift(c)};
		n++;
	}
	ASSERT(n <= all.n);
	out->StackResources.n = n;
}

void op_list_stack_resources(struct call *c)
{
	const struct cloudformation_ListStackResourcesInput *in = c->in;
	struct cloudformation_ListStackResourcesOutput *out = c->out;
	const struct cloudformation_StackRecord *s = stack_need(c, in->StackName);
	struct page p;
	if (s == NULL || !read_page(c, key_str(call_key(c, "resource"), s->Id), in->NextToken, false, &cloudformation_shape_ResourceRecord, shown, &p))
		return;
	out->StackResourceSummaries = LIST_OF(c->arena, struct cloudformation_StackResourceSummary, p.n);
	for (uint32_t i = 0; i < p.n; i++) {
		const struct cloudformation_ResourceRecord *r = p.v[i];
		struct cloudformation_StackResourceSummary *o = LIST_AT(out->StackResourceSummaries, struct cloudformation_StackResourceSummary, i);
		*o = (struct cloudformation_StackResourceSummary){.LogicalResourceId = r->LogicalId, .PhysicalResourceId = r->PhysicalId,
			.ResourceType = r->Type, .LastUpdatedTimestamp = r->Time, .ResourceStatus = r->Status, .ResourceStatusReason = r->Reason};
		o->DriftInformation = arena_new_of(c->arena, struct cloudformation_StackResourceDriftInformationSummary);
		o->DriftInformation->StackResourceDriftStatus = S("NOT_CHECKED");
	}
	out->NextToken = p.next;
}

/* ---- exports ---- */

void op_list_exports(struct call *c)
{
	const struct cloudformation_ListExportsInput *in = c->in;
	struct cloudformation_ListExportsOutput *out = c->out;
	struct page p;
	if (!read_page(c, call_key(c, "export"), in->NextToken, false, &cloudformation_shape_ExportRecord, NULL, &p))
		return;
	out->Exports = LIST_OF(c->arena, struct cloudformation_Export, p.n);
	for (uint32_t i = 0; i < p.n; i++) {
		const struct cloudformation_ExportRecord *e = p.v[i];
		*LIST_AT(out->Exports, struct cloudformation_Export, i) = (struct cloudformation_Export){.ExportingStackId = e->StackId,
			.Name = e->Name, .Value = e->Value};
	}
	out->NextToken = p.next;
}

void op_list_imports(struct call *c)
{
	const struct cloudformation_ListImportsInput *in = c->in;
	struct cloudformation_ListImportsOutput *out = c->out;
	struct key *prefix = key_str(call_key(c, "import"), in->ExportName);
	struct json *names = json_new_array(c->arena);
	struct str key, value, id;
	struct scan *s = call_scan(c, prefix, STR_NONE, false);
	while (scan_next(s, &key, &value)) {
		struct key_reader r = key_reader_of(str_slice(key, key_bytes(prefix).n, key.n));
		bool ok = key_read_str(&r, c->arena, &id);
		ASSERT(ok);
		const struct cloudformation_StackRecord *stack = stack_load(c, id);
		if (stack != NULL)
			json_push(c->arena, names, json_new_str(c->arena, stack->Name));
	}
	scan_close(s);
	if (names->n == 0)
		call_fail_code(c, 400, "ValidationError", "Export '%.*s' is not imported by any stack.", STR_ARG(in->ExportName));
	out->Imports = list_of_strings(c, names);
}

void op_describe_account_limits(struct call *c)
{
	static const struct { const char *name; int64_t value; } limits[] = {{"StackLimit", 2000}, {"StackOutputsLimit", 200},
		{"ConcurrentResourcesLimit", 2500}};
	struct cloudformation_DescribeAccountLimitsOutput *out = c->out;
	out->AccountLimits = LIST_OF(c->arena, struct cloudformation_AccountLimit, COUNT_OF(limits));
	for (uint32_t i = 0; i < COUNT_OF(limits); i++)
		*LIST_AT(out->AccountLimits, struct cloudformation_AccountLimit, i) = (struct cloudformation_AccountLimit){
			.Name = str_c(limits[i].name), .Value = SOME_I64(limits[i].value)};
}
