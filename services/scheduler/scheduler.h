/* What the files of the scheduler service share. Everything is below (account, region):
 *
 *   group    <group>          GroupRecord; the default group has none
 *   schedule <group> <name>   ScheduleRecord
 *
 * Jobs: "fire" <group>/<name>: the next time of a schedule; "deliver" <execution id>: one invocation of a target. */
#ifndef TSUBO_SCHEDULER_H
#define TSUBO_SCHEDULER_H

#include "scheduler.model.h"
#include "svc/schedule.h"
#include "svc/service.h"

/* ---- groups.c ---- */
/* Is the group there? Fails c with ResourceNotFoundException when not. */
bool group_need(struct call *c, struct str group);
struct str group_arn(struct call *c, struct str group);
void access_group(struct call *c);
void access_tags(struct call *c);
void op_create_schedule_group(struct call *c);
void op_get_schedule_group(struct call *c);
void op_list_schedule_groups(struct call *c);
void op_delete_schedule_group(struct call *c);
void op_tag_resource(struct call *c);
void op_untag_resource(struct call *c);
void op_list_tags_for_resource(struct call *c);

/* ---- schedules.c ---- */
struct key *schedule_key(struct call *c, struct str group, struct str name);
struct scheduler_ScheduleRecord *schedule_get(struct call *c, struct str group, struct str name);
struct str schedule_arn(struct call *c, struct str group, struct str name);
void schedule_delete(struct call *c, struct str group, struct str name);
void access_schedule(struct call *c);
void op_create_schedule(struct call *c);
void op_update_schedule(struct call *c);
void op_get_schedule(struct call *c);
void op_list_schedules(struct call *c);
void op_delete_schedule(struct call *c);

/* ---- fire.c ---- */
/* rate(), cron() or at(yyyy-mm-ddThh:mm:ss); at_ms is set for the last, -1 for the others. */
bool expression_parse(struct str text, struct schedule *s, int64_t *at_ms);
/* Put the job of a schedule's first time, or none when it is disabled. */
void schedule_arm(struct call *c, const struct scheduler_ScheduleRecord *r);
void job_fire(struct call *c, struct str id, struct str payload);

/* ---- deliver.c ---- */
/* NULL: this target can be invoked; else what is not there. */
const char *target_unsupported(struct call *c, const struct scheduler_Target *t);
void delivery_put(struct call *c, const struct scheduler_ScheduleRecord *r, int64_t scheduled_ms, int64_t due_ms);
void job_deliver(struct call *c, struct str id, struct str payload);

extern const struct cfn_type scheduler_cfn_types[];

#endif
