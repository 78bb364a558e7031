/* Amazon EventBridge Scheduler: its operations. */
#include "scheduler.h"

static const struct op ops[] = {
	{&scheduler_op_CreateSchedule, op_create_schedule, OP_WRITE, .access = access_schedule},
	{&scheduler_op_UpdateSchedule, op_update_schedule, OP_WRITE, .access = access_schedule},
	{&scheduler_op_GetSchedule, op_get_schedule, OP_READ, .access = access_schedule},
	{&scheduler_op_ListSchedules, op_list_schedules, OP_READ},
	{&scheduler_op_DeleteSchedule, op_delete_schedule, OP_WRITE, .access = access_schedule},
	{&scheduler_op_CreateScheduleGroup, op_create_schedule_group, OP_WRITE, .access = access_group},
	{&scheduler_op_GetScheduleGroup, op_get_schedule_group, OP_READ, .access = access_group},
	{&scheduler_op_ListScheduleGroups, op_list_schedule_groups, OP_READ},
	{&scheduler_op_DeleteScheduleGroup, op_delete_schedule_group, OP_WRITE, .access = access_group},
	{&scheduler_op_TagResource, op_tag_resource, OP_WRITE, .access = access_tags},
	{&scheduler_op_UntagResource, op_untag_resource, OP_WRITE, .access = access_tags},
	{&scheduler_op_ListTagsForResource, op_list_tags_for_resource, OP_READ, .access = access_tags},
};

static const struct job_kind jobs[] = {{"fire", job_fire}, {"deliver", job_deliver}};

const struct service service_scheduler = {
	.name = "scheduler",
	.model = &scheduler_model,
	.principal = "scheduler.amazonaws.com",
	.ops = ops,
	.n_ops = COUNT_OF(ops),
	.jobs = jobs,
	.n_jobs = COUNT_OF(jobs),
	.cfn_types = scheduler_cfn_types,
	.n_cfn_types = 2, /* asserted in cfn.c */
};
