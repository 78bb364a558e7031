/* Amazon EventBridge: its operations. What has no row here answers 501 and names itself. */
#include "archive.h"

static const struct op ops[] = {
	{&events_op_CreateEventBus, op_create_event_bus, OP_WRITE, .access = access_bus},
	{&events_op_DescribeEventBus, op_describe_event_bus, OP_READ, .access = access_bus},
	{&events_op_UpdateEventBus, op_update_event_bus, OP_WRITE, .access = access_bus},
	{&events_op_ListEventBuses, op_list_event_buses, OP_READ},
	{&events_op_DeleteEventBus, op_delete_event_bus, OP_WRITE, .access = access_bus},
	{&events_op_PutPermission, op_put_permission, OP_WRITE, .access = access_bus},
	{&events_op_RemovePermission, op_remove_permission, OP_WRITE, .access = access_bus},
	{&events_op_PutRule, op_put_rule, OP_WRITE, .access = access_rule},
	{&events_op_DescribeRule, op_describe_rule, OP_READ, .access = access_rule},
	{&events_op_ListRules, op_list_rules, OP_READ, .access = access_rules},
	{&events_op_DeleteRule, op_delete_rule, OP_WRITE, .access = access_rule},
	{&events_op_EnableRule, op_enable_rule, OP_WRITE, .access = access_rule},
	{&events_op_DisableRule, op_disable_rule, OP_WRITE, .access = access_rule},
	{&events_op_TestEventPattern, op_test_event_pattern, OP_READ},
	{&events_op_PutTargets, op_put_targets, OP_WRITE, .access = access_rule},
	{&events_op_RemoveTargets, op_remove_targets, OP_WRITE, .access = access_rule},
	{&events_op_ListTargetsByRule, op_list_targets_by_rule, OP_READ, .access = access_rule},
	{&events_op_ListRuleNamesByTarget, op_list_rule_names_by_target, OP_READ, .access = access_rules},
	{&events_op_PutEvents, op_put_events, OP_WRITE, .access = access_put_events},
	{&events_op_CreateArchive, op_create_archive, OP_WRITE, .access = access_archive},
	{&events_op_UpdateArchive, op_update_archive, OP_WRITE, .access = access_archive},
	{&events_op_DescribeArchive, op_describe_archive, OP_READ, .access = access_archive},
	{&events_op_DeleteArchive, op_delete_archive, OP_WRITE, .access = access_archive},
	{&events_op_ListArchives, op_list_archives, OP_READ},
	{&events_op_StartReplay, op_start_replay, OP_WRITE, .access = access_replay},
	{&events_op_DescribeReplay, op_describe_replay, OP_READ, .access = access_replay},
	{&events_op_CancelReplay, op_cancel_replay, OP_WRITE, .access = access_replay},
	{&events_op_ListReplays, op_list_replays, OP_READ},
	{&events_op_TagResource, op_tag_resource, OP_WRITE, .access = access_tags},
	{&events_op_UntagResource, op_untag_resource, OP_WRITE, .access = access_tags},
	{&events_op_ListTagsForResource, op_list_tags_for_resource, OP_READ, .access = access_tags},
};

static const struct job_kind jobs[] = {{"fire", job_fire}, {"deliver", job_deliver}, {"expire", job_expire}, {"forget", job_forget},
	{"replay", job_replay}};

const struct service service_events = {
	.name = "events",
	.model = &events_model,
	.principal = "events.amazonaws.com",
	.ops = ops,
	.n_ops = COUNT_OF(ops),
	.jobs = jobs,
	.n_jobs = COUNT_OF(jobs),
	.cfn_types = events_cfn_types,
	.n_cfn_types = 4, /* asserted in cfn.c */
	.stop = rulesets_free,
};
