/* Schedules: created, updated, shown, listed, deleted. Source: EventBridge Scheduler API Reference.
 *
 * What always holds: a stored expression parses and a stored target can be invoked; a schedule that will fire has exactly one job, put
 * with it in one transaction, whose payload says the time it stands for. */
#include "scheduler.h"

#include "svc/arn.h"
#include "svc/page.h"

struct key *schedule_key(struct call *c, struct str group, struct str name) { return key_str(key_str(call_key(c, "schedule"), group), name); }

struct scheduler_ScheduleRecord *schedule_get(struct call *c, struct str group, struct str name)
{
	return call_get(c, schedule_key(c, group, name), &scheduler_shape_ScheduleRecord);
}

struct str schedule_arn(struct call *c, struct str group, struct str name)
{
	return arn_make(c->arena, "scheduler", c->region, c->account, arena_join(c->arena, S("schedule/"), group, S("/"), name));
}

static struct str job_id(struct call *c, struct str group, struct str name) { return arena_join(c->arena, group, S("/"), name); }
static struct str group_or_default(struct str group) { return str_present(group) ? group : S("default"); }

void access_schedule(struct call *c)
{
	authorize(c, NULL, schedule_arn(c, group_or_default(call_input_text(c, "GroupName")), call_input_text(c, "Name")), NULL);
}

void schedule_delete(struct call *c, struct str group, struct str name)
{
	call_del(c, schedule_key(c, group, name));
	job_drop(c, "fire", job_id(c, group, name));
}

/* ---- checks ---- */

static bool invalid(struct call *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

static bool invalid(struct call *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str text = arena_vprintf(c->arena, fmt, ap);
	va_end(ap);
	call_fail(c, &scheduler_err_ValidationException, "%.*s", STR_ARG(text));
	return false;
}

static bool role_ok(struct call *c, struct str role_arn)
{
	struct str service = S("scheduler.amazonaws.com");
	struct condition_key key = {S("iam:PassedToService"), &service, 1};
	struct access_extra x = {.keys = &key, .n_keys = 1};
	if (!authorize(c, "iam:PassRole", role_arn, &x))
		return false;
	return assume_role(c, role_arn, "scheduler.amazonaws.com", S("check"), true) != NULL ||
	       invalid(c, "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.");
}

static bool target_ok(struct call *c, const struct scheduler_Target *t)
{
	struct arn arn;
	if (!arn_parse(t->Arn, &arn))
		return invalid(c, "Provided Arn is not in correct format.");
	const char *missing = target_unsupported(c, t);
	if (missing != NULL) {
		call_unsupported(c, "schedules cannot invoke %s yet", missing);
		return false;
	}
	if (str_eq(arn.service, S("events")) && t->EventBridgeParameters == NULL)
		return invalid(c, "EventBridgeParameters must be specified for an EventBridge target.");
	if (str_eq(arn.service, S("kinesis")) && t->KinesisParameters == NULL)
		return invalid(c, "KinesisParameters must be specified for a Kinesis target.");
	if (str_ends(t->Arn, S(".fifo")) && (t->SqsParameters == NULL || t->SqsParameters->MessageGroupId.n == 0))
		return invalid(c, "MessageGroupId must be specified for a FIFO queue.");
	return role_ok(c, t->RoleArn);
}

static bool zone_ok(struct call *c, struct str zone)
{
	static const struct str same[] = {STR_INIT("UTC"), STR_INIT("Etc/UTC"), STR_INIT("GMT"), STR_INIT("Etc/GMT"), STR_INIT("Z")};
	for (size_t i = 0; i < COUNT_OF(same); i++)
		if (!str_present(zone) || str_eq(zone, same[i]))
			return true;
	call_unsupported(c, "ScheduleExpressionTimezone %.*s is not there yet: only UTC is", STR_ARG(zone));
	return false;
}

/* CreateScheduleInput and UpdateScheduleInput have the same members, in the same order. */
static bool schedule_ok(struct call *c, const struct scheduler_CreateScheduleInput *in)
{
	struct schedule s;
	int64_t at_ms;
	const struct scheduler_FlexibleTimeWindow *w = in->FlexibleTimeWindow;
	if (in->KmsKeyArn.n > 0) {
		call_unsupported(c, "schedules encrypted with a KMS key (KmsKeyArn) are not there yet");
		return false;
	}
	if (!expression_parse(in->ScheduleExpression, &s, &at_ms))
		return invalid(c, "Invalid Schedule Expression %.*s.", STR_ARG(in->ScheduleExpression));
	if (str_eq(w->Mode, S("FLEXIBLE")) != w->MaximumWindowInMinutes.set)
		return invalid(c, "MaximumWindowInMinutes must be %s when the mode of the flexible time window is %.*s.",
			w->MaximumWindowInMinutes.set ? "left out" : "given", STR_ARG(w->Mode));
	if (in->StartDate.set && in->EndDate.set && in->EndDate.ms <= in->StartDate.ms)
		return invalid(c, "The StartDate must be before the EndDate.");
	if (in->EndDate.set && in->EndDate.ms <= c->now_ms)
		return invalid(c, "The EndDate you specify must come after the current time.");
	return zone_ok(c, in->ScheduleExpressionTimezone) && target_ok(c, in->Target);
}

static struct scheduler_ScheduleRecord record_of(struct call *c, const struct scheduler_CreateScheduleInput *in)
{
	struct scheduler_ScheduleRecord r = {.Name = in->Name, .Group = group_or_default(in->GroupName), .Description = in->Description,
		.ScheduleExpression = in->ScheduleExpression, .Timezone = in->ScheduleExpressionTimezone,
		.State = str_present(in->State) ? in->State : S("ENABLED"), .ClientToken = in->ClientToken,
		.ActionAfterCompletion = str_present(in->ActionAfterCompletion) ? in->ActionAfterCompletion : S("NONE"),
		.CreatedMs = SOME_I64(c->now_ms), .ModifiedMs = SOME_I64(c->now_ms), .Window = in->FlexibleTimeWindow, .Target = in->Target};
	if (in->StartDate.set)
		r.StartMs = SOME_I64(in->StartDate.ms);
	if (in->EndDate.set)
		r.EndMs = SOME_I64(in->EndDate.ms);
	return r;
}

static void save(struct call *c, struct scheduler_ScheduleRecord *r)
{
	ASSERT(str_present(r->Name) && str_present(r->Group) && r->Target != NULL && r->Window != NULL);
	ASSERT(!r->StartMs.set || !r->EndMs.set || r->StartMs.v < r->EndMs.v);
	call_put(c, schedule_key(c, r->Group, r->Name), &scheduler_shape_ScheduleRecord, r);
	schedule_arm(c, r);
}

void op_create_schedule(struct call *c)
{
	const struct scheduler_CreateScheduleInput *in = c->in;
	struct scheduler_CreateScheduleOutput *out = c->out;
	struct str group = group_or_default(in->GroupName);
	if (!group_need(c, group))
		return;
	const struct scheduler_ScheduleRecord *old = schedule_get(c, group, in->Name);
	out->ScheduleArn = schedule_arn(c, group, in->Name);
	if (old != NULL && str_present(in->ClientToken) && str_eq(old->ClientToken, in->ClientToken))
		return; /* the same request again */
	if (old != NULL) {
		call_fail(c, &scheduler_err_ConflictException, "Schedule %.*s already exists.", STR_ARG(in->Name));
		return;
	}
	if (!schedule_ok(c, in))
		return;
	struct scheduler_ScheduleRecord r = record_of(c, in);
	save(c, &r);
}

static struct scheduler_ScheduleRecord *need(struct call *c, struct str group, struct str name)
{
	struct scheduler_ScheduleRecord *r = group_need(c, group) ? schedule_get(c, group, name) : NULL;
	if (r == NULL)
		call_fail(c, &scheduler_err_ResourceNotFoundException, "Schedule %.*s does not exist.", STR_ARG(name));
	return r;
}

/* Whatever an update leaves out goes back to its default ("UpdateSchedule overrides all fields"). */
void op_update_schedule(struct call *c)
{
	_Static_assert(sizeof(struct scheduler_CreateScheduleInput) == sizeof(struct scheduler_UpdateScheduleInput), "the same members");
	_Static_assert(offsetof(struct scheduler_CreateScheduleInput, Target) == offsetof(struct scheduler_UpdateScheduleInput, Target),
	               "in the same order");
	const struct scheduler_CreateScheduleInput *in = c->in;
	struct str group = group_or_default(in->GroupName);
	struct scheduler_ScheduleRecord *old = need(c, group, in->Name);
	if (old == NULL || !schedule_ok(c, in))
		return;
	struct scheduler_ScheduleRecord r = record_of(c, in);
	r.CreatedMs = old->CreatedMs;
	save(c, &r);
	((struct scheduler_UpdateScheduleOutput *)c->out)->ScheduleArn = schedule_arn(c, group, in->Name);
}

void op_get_schedule(struct call *c)
{
	const struct scheduler_GetScheduleInput *in = c->in;
	struct scheduler_GetScheduleOutput *out = c->out;
	const struct scheduler_ScheduleRecord *r = need(c, group_or_default(in->GroupName), in->Name);
	if (r == NULL)
		return;
	*out = (struct scheduler_GetScheduleOutput){.Arn = schedule_arn(c, r->Group, r->Name), .Name = r->Name, .GroupName = r->Group,
		.ActionAfterCompletion = r->ActionAfterCompletion, .CreationDate = SOME_TIME(r->CreatedMs.v), .Description = r->Description,
		.FlexibleTimeWindow = r->Window, .LastModificationDate = SOME_TIME(r->ModifiedMs.v), .ScheduleExpression = r->ScheduleExpression,
		.ScheduleExpressionTimezone = str_present(r->Timezone) ? r->Timezone : S("UTC"), .State = r->State, .Target = r->Target};
	if (r->StartMs.set)
		out->StartDate = SOME_TIME(r->StartMs.v);
	if (r->EndMs.set)
		out->EndDate = SOME_TIME(r->EndMs.v);
}

void op_delete_schedule(struct call *c)
{
	const struct scheduler_DeleteScheduleInput *in = c->in;
	struct str group = group_or_default(in->GroupName);
	if (need(c, group, in->Name) != NULL)
		schedule_delete(c, group, in->Name);
}

void op_list_schedules(struct call *c)
{
	const struct scheduler_ListSchedulesInput *in = c->in;
	struct scheduler_ListSchedulesOutput *out = c->out;
	struct str after, key, value, last = STR_NONE;
	if (str_present(in->GroupName) && !group_need(c, in->GroupName))
		return;
	if (!page_position(c->arena, in->NextToken, &after)) {
		invalid(c, "Invalid NextToken.");
		return;
	}
	uint32_t limit = in->MaxResults.set ? (uint32_t)in->MaxResults.v : 100, n = 0;
	struct scheduler_ScheduleSummary *v = arena_array(c->arena, struct scheduler_ScheduleSummary, limit);
	struct key *prefix = str_present(in->GroupName) ? key_str(call_key(c, "schedule"), in->GroupName) : call_key(c, "schedule");
	struct scan *s = call_scan(c, prefix, after, false);
	while (scan_next(s, &key, &value)) {
		const struct scheduler_ScheduleRecord *r = record_decode(c, &scheduler_shape_ScheduleRecord, value);
		if ((str_present(in->NamePrefix) && !str_starts(r->Name, in->NamePrefix)) || (str_present(in->State) && !str_eq(in->State, r->State)))
			continue;
		if (n == limit) {
			out->NextToken = page_token(c->arena, last);
			break;
		}
		last = arena_dup(c->arena, key);
		struct scheduler_TargetSummary *t = arena_new_of(c->arena, struct scheduler_TargetSummary);
		t->Arn = r->Target->Arn;
		v[n++] = (struct scheduler_ScheduleSummary){.Arn = schedule_arn(c, r->Group, r->Name), .Name = r->Name, .GroupName = r->Group,
			.State = r->State, .CreationDate = SOME_TIME(r->CreatedMs.v), .LastModificationDate = SOME_TIME(r->ModifiedMs.v), .Target = t};
	}
	scan_close(s);
	out->Schedules = (struct list){v, n, true};
}
