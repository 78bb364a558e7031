/* Schedule groups and their tags.
 *
 * What always holds: the default group is there without a record and cannot be deleted; a schedule's group exists, for a group takes its
 * schedules and their jobs with it in one transaction. Source: EventBridge Scheduler API Reference. */
#include "scheduler.h"

#include "svc/arn.h"
#include "svc/page.h"
#include "svc/tags.h"

static struct key *group_key(struct call *c, struct str group) { return key_str(call_key(c, "group"), group); }

struct str group_arn(struct call *c, struct str group)
{
	return arn_make(c->arena, "scheduler", c->region, c->account, arena_join(c->arena, S("schedule-group/"), group));
}

static struct scheduler_GroupRecord *group_get(struct call *c, struct str group)
{
	struct scheduler_GroupRecord *g = call_get(c, group_key(c, group), &scheduler_shape_GroupRecord);
	if (g == NULL && str_eq(group, S("default"))) {
		g = arena_new_of(c->arena, struct scheduler_GroupRecord);
		g->Name = group;
	}
	return g;
}

static struct scheduler_GroupRecord *record_need(struct call *c, struct str group)
{
	struct scheduler_GroupRecord *g = c->failed ? NULL : group_get(c, group);
	if (g == NULL)
		call_fail(c, &scheduler_err_ResourceNotFoundException, "Schedule group %.*s does not exist.", STR_ARG(group));
	return g;
}

bool group_need(struct call *c, struct str group) { return record_need(c, group) != NULL; }

static void allow(struct call *c, struct str arn, struct str group)
{
	struct access_extra x = {0};
	const struct scheduler_GroupRecord *g = c->who->type == PRINCIPAL_ROOT ? NULL : group_get(c, group);
	tags_conditions(c, &x, g != NULL ? TAGS_OF(g->Tags, struct scheduler_Tag) : (struct tags){0});
	authorize(c, NULL, arn, &x);
}

void access_group(struct call *c)
{
	struct str group = call_input_text(c, "Name");
	allow(c, group_arn(c, group), group);
}

void access_tags(struct call *c)
{
	struct str arn = call_input_text(c, "ResourceArn");
	allow(c, arn, str_slice(arn, (size_t)(str_rfind(arn, '/') + 1), arn.n));
}

/* ---- tags ---- */

static void add_tags(struct call *c, struct list *tags, const struct list *add)
{
	const struct tags_rules rules = {.max = TAGS_OF_RESOURCE, .reserved = c->parent != NULL};
	struct tags have = TAGS_OF(*tags, struct scheduler_Tag), more = TAGS_OF(*add, struct scheduler_Tag);
	enum tags_fault fault = tags_put(c->arena, &have, more, &rules);
	if (fault == TAGS_TOO_MANY)
		call_fail(c, &scheduler_err_ValidationException, "A schedule group can have at most %d tags.", TAGS_OF_RESOURCE);
	else if (fault != TAGS_OK)
		call_fail(c, &scheduler_err_ValidationException, "The tag key %.*s is %s.", STR_ARG(tags_culprit(more, &rules)),
			fault == TAGS_RESERVED ? "reserved: keys must not begin with aws:" : "given twice");
	else
		*tags = (struct list){have.v, have.n, true};
}

static struct scheduler_GroupRecord *of_arn(struct call *c, struct str text)
{
	struct arn arn;
	if (arn_parse(text, &arn) && str_starts(arn.resource, S("schedule-group/")) && str_eq(arn.account, c->account) && str_eq(arn.region, c->region))
		return record_need(c, str_slice(arn.resource, sizeof "schedule-group/" - 1, arn.resource.n));
	call_fail(c, &scheduler_err_ResourceNotFoundException, "The resource %.*s does not exist.", STR_ARG(text));
	return NULL;
}

static void save(struct call *c, struct scheduler_GroupRecord *g)
{
	ASSERT(str_present(g->Name) && g->Tags.n <= TAGS_OF_RESOURCE);
	g->ModifiedMs = SOME_I64(c->now_ms);
	if (!c->failed)
		call_put(c, group_key(c, g->Name), &scheduler_shape_GroupRecord, g);
}

void op_tag_resource(struct call *c)
{
	const struct scheduler_TagResourceInput *in = c->in;
	struct scheduler_GroupRecord *g = of_arn(c, in->ResourceArn);
	if (g == NULL)
		return;
	add_tags(c, &g->Tags, &in->Tags);
	save(c, g);
}

void op_untag_resource(struct call *c)
{
	const struct scheduler_UntagResourceInput *in = c->in;
	struct scheduler_GroupRecord *g = of_arn(c, in->ResourceArn);
	if (g == NULL)
		return;
	struct tags have = TAGS_OF(g->Tags, struct scheduler_Tag);
	tags_drop(&have, &in->TagKeys, false);
	g->Tags.n = have.n;
	save(c, g);
}

void op_list_tags_for_resource(struct call *c)
{
	const struct scheduler_ListTagsForResourceInput *in = c->in;
	struct scheduler_GroupRecord *g = of_arn(c, in->ResourceArn);
	if (g != NULL)
		((struct scheduler_ListTagsForResourceOutput *)c->out)->Tags = (struct list){g->Tags.v, g->Tags.n, true};
}

/* ---- groups ---- */

void op_create_schedule_group(struct call *c)
{
	const struct scheduler_CreateScheduleGroupInput *in = c->in;
	const struct scheduler_GroupRecord *old = group_get(c, in->Name);
	((struct scheduler_CreateScheduleGroupOutput *)c->out)->ScheduleGroupArn = group_arn(c, in->Name);
	if (old != NULL && str_present(in->ClientToken) && str_eq(old->ClientToken, in->ClientToken))
		return; /* the same request again */
	if (old != NULL) {
		call_fail(c, &scheduler_err_ConflictException, "Schedule group %.*s already exists.", STR_ARG(in->Name));
		return;
	}
	struct scheduler_GroupRecord g = {.Name = in->Name, .CreatedMs = SOME_I64(c->now_ms), .ClientToken = in->ClientToken};
	add_tags(c, &g.Tags, &in->Tags);
	save(c, &g);
}

static void show(struct call *c, const struct scheduler_GroupRecord *g, struct scheduler_ScheduleGroupSummary *out)
{
	*out = (struct scheduler_ScheduleGroupSummary){.Arn = group_arn(c, g->Name), .Name = g->Name, .State = S("ACTIVE"),
		.CreationDate = SOME_TIME(g->CreatedMs.v), .LastModificationDate = SOME_TIME(g->ModifiedMs.v)};
}

void op_get_schedule_group(struct call *c)
{
	const struct scheduler_GetScheduleGroupInput *in = c->in;
	struct scheduler_GetScheduleGroupOutput *out = c->out;
	const struct scheduler_GroupRecord *g = record_need(c, in->Name);
	if (g == NULL)
		return;
	*out = (struct scheduler_GetScheduleGroupOutput){.Arn = group_arn(c, g->Name), .Name = g->Name, .State = S("ACTIVE"),
		.CreationDate = SOME_TIME(g->CreatedMs.v), .LastModificationDate = SOME_TIME(g->ModifiedMs.v)};
}

/* The default group comes first, the others by name. */
void op_list_schedule_groups(struct call *c)
{
	const struct scheduler_ListScheduleGroupsInput *in = c->in;
	struct scheduler_ListScheduleGroupsOutput *out = c->out;
	struct str after, key, value, last = STR_NONE;
	if (!page_position(c->arena, in->NextToken, &after)) {
		call_fail(c, &scheduler_err_ValidationException, "Invalid NextToken.");
		return;
	}
	uint32_t limit = in->MaxResults.set ? (uint32_t)in->MaxResults.v : 100, n = 0;
	struct scheduler_ScheduleGroupSummary *v = arena_array(c->arena, struct scheduler_ScheduleGroupSummary, limit + 1);
	struct str prefix = str_present(in->NamePrefix) ? in->NamePrefix : S("");
	if (!str_present(after) && str_starts(S("default"), prefix))
		show(c, group_get(c, S("default")), &v[n++]);
	struct scan *s = call_scan(c, call_key(c, "group"), after.n > 0 ? after : STR_NONE, false);
	while (scan_next(s, &key, &value)) {
		const struct scheduler_GroupRecord *g = record_decode(c, &scheduler_shape_GroupRecord, value);
		if (str_eq(g->Name, S("default")) || !str_starts(g->Name, prefix))
			continue;
		if (n == limit) {
			out->NextToken = page_token(c->arena, str_present(last) ? last : S(""));
			break;
		}
		last = arena_dup(c->arena, key);
		show(c, g, &v[n++]);
	}
	scan_close(s);
	out->ScheduleGroups = (struct list){v, n, true};
}

/* With its schedules. AWS takes some time over it; here they are gone at once. */
void op_delete_schedule_group(struct call *c)
{
	const struct scheduler_DeleteScheduleGroupInput *in = c->in;
	struct str key, value;
	if (str_eq(in->Name, S("default"))) {
		call_fail(c, &scheduler_err_ValidationException, "Cannot delete the default schedule group.");
		return;
	}
	if (!group_need(c, in->Name))
		return;
	struct scan *s = call_scan(c, key_str(call_key(c, "schedule"), in->Name), STR_NONE, false);
	while (scan_next(s, &key, &value)) {
		const struct scheduler_ScheduleRecord *r = record_decode(c, &scheduler_shape_ScheduleRecord, value);
		schedule_delete(c, r->Group, r->Name);
	}
	scan_close(s);
	call_del(c, group_key(c, in->Name));
}
