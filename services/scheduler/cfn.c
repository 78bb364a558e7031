/* AWS::Scheduler::Schedule and AWS::Scheduler::ScheduleGroup. */
#include "scheduler.h"

#include "base/time.h"
#include "svc/cfn.h"

static struct json *member(struct cfn_resource *r, const char *name) { return json_get(r->properties, str_c(name)); }

static const char *const schedule_pairs[] = {"Description", "Description", "FlexibleTimeWindow", "FlexibleTimeWindow", "GroupName", "GroupName",
	"KmsKeyArn", "KmsKeyArn", "ScheduleExpression", "ScheduleExpression", "ScheduleExpressionTimezone", "ScheduleExpressionTimezone",
	"State", "State", "Target", "Target", NULL};

static struct json *schedule_input(struct cfn_resource *r)
{
	static const char *const dates[] = {"StartDate", "EndDate"};
	struct arena *a = r->c->arena;
	struct json *in = cfn_input(r, schedule_pairs);
	json_set_str(a, in, "Name", r->physical_id);
	for (size_t i = 0; i < COUNT_OF(dates); i++) {
		int64_t ms;
		struct str text = json_get_str(r->properties, dates[i]);
		if (str_present(text) && time_parse_iso8601(text, &ms))
			json_set(a, in, str_c(dates[i]), json_new_f64(a, (double)ms / 1000));
		else if (member(r, dates[i]) != NULL)
			json_set(a, in, str_c(dates[i]), member(r, dates[i]));
	}
	return in;
}

static enum cfn_status put_schedule(struct cfn_resource *r, const char *op)
{
	struct invoked i = invoke(r->c, "scheduler", op, schedule_input(r), NULL);
	if (i.ok)
		json_set_str(r->c->arena, r->attributes, "Arn", json_get_str(i.out, "ScheduleArn"));
	return cfn_done(r, &i);
}

static enum cfn_status schedule_create(struct cfn_resource *r)
{
	r->physical_id = json_get_str(r->properties, "Name");
	if (!str_present(r->physical_id))
		r->physical_id = cfn_make_name(r, 64, false);
	return put_schedule(r, "CreateSchedule");
}

static enum cfn_status schedule_update(struct cfn_resource *r) { return put_schedule(r, "UpdateSchedule"); }

static enum cfn_status schedule_remove(struct cfn_resource *r)
{
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "Name", r->physical_id);
	if (member(r, "GroupName") != NULL)
		json_set(r->c->arena, in, S("GroupName"), member(r, "GroupName"));
	struct invoked i = invoke(r->c, "scheduler", "DeleteSchedule", in, NULL);
	return i.ok || str_eq(i.error.code, S("ResourceNotFoundException")) ? CFN_DONE : cfn_done(r, &i);
}

static enum cfn_status group_create(struct cfn_resource *r)
{
	struct json *in = json_new_object(r->c->arena), *tags = cfn_tags(r, false);
	r->physical_id = json_get_str(r->properties, "Name");
	if (!str_present(r->physical_id))
		r->physical_id = cfn_make_name(r, 64, false);
	json_set_str(r->c->arena, in, "Name", r->physical_id);
	if (tags != NULL && tags->n > 0)
		json_set(r->c->arena, in, S("Tags"), tags);
	struct invoked i = invoke(r->c, "scheduler", "CreateScheduleGroup", in, NULL);
	if (i.ok) {
		json_set_str(r->c->arena, r->attributes, "Arn", json_get_str(i.out, "ScheduleGroupArn"));
		json_set_str(r->c->arena, r->attributes, "State", S("ACTIVE"));
		json_set_str(r->c->arena, r->attributes, "CreationDate", time_iso8601(r->c->arena, r->c->now_ms));
		json_set_str(r->c->arena, r->attributes, "LastModificationDate", time_iso8601(r->c->arena, r->c->now_ms));
	}
	return cfn_done(r, &i);
}

static enum cfn_status group_update(struct cfn_resource *r)
{
	static const struct cfn_tagging tagging = {"scheduler", "TagResource", "UntagResource", "ResourceArn", "Tags", "TagKeys", false};
	return cfn_tags_update(r, &tagging, group_arn(r->c, r->physical_id));
}

static enum cfn_status group_remove(struct cfn_resource *r)
{
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "Name", r->physical_id);
	struct invoked i = invoke(r->c, "scheduler", "DeleteScheduleGroup", in, NULL);
	return i.ok || str_eq(i.error.code, S("ResourceNotFoundException")) ? CFN_DONE : cfn_done(r, &i);
}

static const char *const schedule_properties[] = {"Description", "EndDate", "FlexibleTimeWindow", "GroupName", "KmsKeyArn", "Name",
	"ScheduleExpression", "ScheduleExpressionTimezone", "StartDate", "State", "Target", NULL};
static const char *const schedule_replaces[] = {"Name", "GroupName", NULL};
static const char *const group_properties[] = {"Name", "Tags", NULL};
static const char *const group_replaces[] = {"Name", NULL};

const struct cfn_type scheduler_cfn_types[] = {
	{.name = "AWS::Scheduler::Schedule", .properties = schedule_properties, .replaces = schedule_replaces, .create = schedule_create,
	 .update = schedule_update, .remove = schedule_remove, .name_property = "Name"},
	{.name = "AWS::Scheduler::ScheduleGroup", .properties = group_properties, .replaces = group_replaces, .create = group_create,
	 .update = group_update, .remove = group_remove,
	 .name_property = "Name"},
};
_Static_assert(COUNT_OF(scheduler_cfn_types) == 2, "service.c says how many");
