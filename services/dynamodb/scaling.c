/* Settings of auto scaling, and the job that follows them: see scaling.h.
 *
 * As Application Auto Scaling's alarms for DynamoDB do: two minutes above the target utilization raise the throughput to
 * what makes the utilization the target; fifteen minutes more than 20 points below it lower it. Sources: "Managing
 * throughput capacity automatically with DynamoDB auto scaling" (DynamoDB Developer Guide), "How target tracking scaling
 * works" (Application Auto Scaling User Guide). */
#include "scaling.h"

#include "ops_replica.h"
#include "throttle.h"

#include <math.h>

enum { EVERY_MS = 60 * 1000, OUT_AFTER_MINUTES = 2, IN_AFTER_MINUTES = 15 };
static const double in_below_points = 20, target_least = 10, target_most = 90;

static struct dynamodb_Scaling *setting_of(const struct dynamodb_Table *r, struct str index, bool reads)
{
	for (uint32_t i = 0; i < r->Scaling.n; i++) {
		struct dynamodb_Scaling *s = LIST_AT(r->Scaling, struct dynamodb_Scaling, i);
		if (s->Reads.v == reads && str_present(s->IndexName) == str_present(index) && (!str_present(index) || str_eq(s->IndexName, index)))
			return s;
	}
	return NULL;
}

static struct dynamodb_ProvisionedThroughputDescription *throughput_of(const struct dynamodb_Table *r, struct str index)
{
	if (!str_present(index))
		return r->Description->ProvisionedThroughput;
	struct list l = r->Description->GlobalSecondaryIndexes;
	for (uint32_t i = 0; i < l.n; i++) {
		const struct dynamodb_GlobalSecondaryIndexDescription *x = LIST_AT(l, struct dynamodb_GlobalSecondaryIndexDescription, i);
		if (str_eq(x->IndexName, index))
			return x->ProvisionedThroughput;
	}
	return NULL;
}

struct dynamodb_AutoScalingSettingsDescription *scaling_shown(struct call *c, const struct dynamodb_Table *r, struct str index, bool reads)
{
	const struct dynamodb_Scaling *s = setting_of(r, index, reads);
	if (s != NULL)
		return s->Settings;
	struct dynamodb_AutoScalingSettingsDescription *none = arena_new_of(c->arena, struct dynamodb_AutoScalingSettingsDescription);
	none->AutoScalingDisabled = SOME_BOOL(true);
	none->ScalingPolicies = (struct list){NULL, 0, true};
	return none;
}

/* ---- setting ---- */

static struct str own_role(struct call *c)
{
	return arena_printf(c->arena, "arn:aws:iam::%.*s:role/aws-service-role/dynamodb.application-autoscaling.amazonaws.com/"
	                              "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable", STR_ARG(c->account));
}

static bool check(struct call *c, const struct dynamodb_Table *r, bool reads, const struct dynamodb_AutoScalingSettingsUpdate *u)
{
	ASSERT(u != NULL && !u->AutoScalingDisabled.v);
	struct buf missing;
	buf_init(&missing, c->arena, 0);
	if (!u->MaximumUnits.set)
		buf_printf(&missing, "'MaximumUnits'");
	if (u->ScalingPolicyUpdate == NULL)
		buf_printf(&missing, "%s'ScalingPolicyUpdate'", missing.n > 0 ? ", " : "");
	if (!u->MinimumUnits.set)
		buf_printf(&missing, "%s'MinimumUnits'", missing.n > 0 ? ", " : "");
	if (missing.n > 0) {
		fail_validation(c, "Failed to update settings for global table with name: \xe2\x80\x98%.*s\xe2\x80\x99: Parameters %.*s are required unless "
		                   "auto scaling is being disabled.", STR_ARG(r->Description->TableName), STR_ARG(buf_view(&missing)));
		return false;
	}
	if (u->MaximumUnits.v < u->MinimumUnits.v) {
		fail_validation(c, "Maximum capacity cannot be less than minimum capacity");
		return false;
	}
	double target = u->ScalingPolicyUpdate->TargetTrackingScalingPolicyConfiguration->TargetValue.v;
	if (target < target_least || target > target_most) {
		fail_validation(c, "For predefined metric type DynamoDB%sCapacityUtilization, target value must be between '10.0' and '90.0', but was "
		                   "'%.1f'.", reads ? "Read" : "Write", target);
		return false;
	}
	if (str_present(u->AutoScalingRoleArn) && !str_eq(u->AutoScalingRoleArn, own_role(c))) {
		fail_validation(c, "AutoScalingRoleArn can only be the service-linked role %.*s", STR_ARG(own_role(c)));
		return false;
	}
	return true;
}

static struct dynamodb_AutoScalingSettingsDescription *settings_from(struct call *c, const struct dynamodb_Table *r, struct str index, bool reads,
                                                                     const struct dynamodb_AutoScalingSettingsUpdate *u)
{
	ASSERT(u->MinimumUnits.set && u->MaximumUnits.set && u->ScalingPolicyUpdate != NULL);
	const struct dynamodb_AutoScalingTargetTrackingScalingPolicyConfigurationUpdate *t =
		u->ScalingPolicyUpdate->TargetTrackingScalingPolicyConfiguration;
	struct dynamodb_AutoScalingSettingsDescription *d = arena_new_of(c->arena, struct dynamodb_AutoScalingSettingsDescription);
	*d = (struct dynamodb_AutoScalingSettingsDescription){.MinimumUnits = u->MinimumUnits, .MaximumUnits = u->MaximumUnits,
		.AutoScalingRoleArn = own_role(c), .ScalingPolicies = LIST_OF(c->arena, struct dynamodb_AutoScalingPolicyDescription, 1)};
	struct dynamodb_AutoScalingPolicyDescription *p = LIST_AT(d->ScalingPolicies, struct dynamodb_AutoScalingPolicyDescription, 0);
	p->PolicyName = u->ScalingPolicyUpdate->PolicyName;
	if (!str_present(p->PolicyName))
		p->PolicyName = arena_printf(c->arena, "DynamoDB%sCapacityUtilization:table/%.*s%s%.*s", reads ? "Read" : "Write",
		                             STR_ARG(r->Description->TableName), str_present(index) ? "/index/" : "", STR_ARG(index));
	p->TargetTrackingScalingPolicyConfiguration =
		arena_new_of(c->arena, struct dynamodb_AutoScalingTargetTrackingScalingPolicyConfigurationDescription);
	*p->TargetTrackingScalingPolicyConfiguration = (struct dynamodb_AutoScalingTargetTrackingScalingPolicyConfigurationDescription){
		.DisableScaleIn = t->DisableScaleIn, .ScaleInCooldown = t->ScaleInCooldown, .ScaleOutCooldown = t->ScaleOutCooldown,
		.TargetValue = t->TargetValue};
	return d;
}

static void drop(struct dynamodb_Table *r, const struct dynamodb_Scaling *s)
{
	struct dynamodb_Scaling *all = r->Scaling.v;
	size_t at = (size_t)(s - all);
	ASSERT(at < r->Scaling.n);
	memmove(all + at, all + at + 1, (r->Scaling.n - at - 1) * sizeof *all);
	if (--r->Scaling.n == 0)
		r->Scaling = (struct list){0};
}

static void set_units(struct call *c, struct dynamodb_ProvisionedThroughputDescription *p, bool reads, int64_t units)
{
	ASSERT(units > 0);
	struct opt_i64 *now = reads ? &p->ReadCapacityUnits : &p->WriteCapacityUnits;
	if (units > now->v)
		p->LastIncreaseDateTime = SOME_TIME(c->now_ms);
	else
		p->LastDecreaseDateTime = SOME_TIME(c->now_ms);
	*now = SOME_I64(units);
}

bool scaling_set(struct call *c, struct dynamodb_Table *r, struct str index, bool reads, const struct dynamodb_AutoScalingSettingsUpdate *u)
{
	struct dynamodb_ProvisionedThroughputDescription *p = throughput_of(r, index);
	ASSERT(p != NULL);
	struct dynamodb_Scaling *s = setting_of(r, index, reads);
	if (u->AutoScalingDisabled.v) {
		if (s != NULL)
			drop(r, s);
		return true;
	}
	if (!check(c, r, reads, u))
		return false;
	if (s == NULL) {
		struct dynamodb_Scaling *all = arena_grow(c->arena, r->Scaling.v, sizeof *all, r->Scaling.n, (size_t)r->Scaling.n + 1);
		s = &all[r->Scaling.n];
		r->Scaling = (struct list){all, r->Scaling.n + 1, true};
	}
	*s = (struct dynamodb_Scaling){.IndexName = index, .Reads = SOME_BOOL(reads), .Settings = settings_from(c, r, index, reads, u)};
	int64_t now = reads ? p->ReadCapacityUnits.v : p->WriteCapacityUnits.v;
	if (now != 0 && now < u->MinimumUnits.v)
		set_units(c, p, reads, u->MinimumUnits.v);
	else if (now > u->MaximumUnits.v)
		set_units(c, p, reads, u->MaximumUnits.v);
	int64_t due;
	if (!job_due(c, "scale", r->Description->TableName, &due)) {
		r->ScaledAt = SOME_TIME(c->now_ms);
		job_put(c, "scale", r->Description->TableName, c->now_ms + EVERY_MS, S(""));
	}
	return true;
}

/* ---- following ---- */

static int64_t clamp(double units, const struct dynamodb_AutoScalingSettingsDescription *s)
{
	if (units > (double)s->MaximumUnits.v)
		return s->MaximumUnits.v;
	return units < (double)s->MinimumUnits.v ? s->MinimumUnits.v : (int64_t)units;
}

/* What one setting makes of a rate (units a second) over some minutes; the present units when they are to stay. */
static int64_t wanted_units(const struct call *c, struct dynamodb_Scaling *s, int64_t units, double rate, int64_t minutes)
{
	ASSERT(units > 0 && minutes > 0);
	const struct dynamodb_AutoScalingTargetTrackingScalingPolicyConfigurationDescription *t =
		LIST_AT(s->Settings->ScalingPolicies, struct dynamodb_AutoScalingPolicyDescription, 0)->TargetTrackingScalingPolicyConfiguration;
	double used = 100 * rate / (double)units, target = t->TargetValue.v;
	s->HighMinutes = SOME_I64(used > target ? s->HighMinutes.v + minutes : 0);
	s->LowMinutes = SOME_I64(used < target - in_below_points || rate <= 0 ? s->LowMinutes.v + minutes : 0);
	int64_t want = clamp(ceil(100 * rate / target), s->Settings);
	if (s->HighMinutes.v >= OUT_AFTER_MINUTES && want > units && s->LastOut.ms + t->ScaleOutCooldown.v * 1000 <= c->now_ms) {
		s->LastOut = SOME_TIME(c->now_ms);
		s->HighMinutes = SOME_I64(0);
		return want;
	}
	if (s->LowMinutes.v >= IN_AFTER_MINUTES && want < units && !t->DisableScaleIn.v && s->LastIn.ms + t->ScaleInCooldown.v * 1000 <= c->now_ms) {
		s->LastIn = SOME_TIME(c->now_ms);
		s->LowMinutes = SOME_I64(0);
		return want;
	}
	return units;
}

/* An index that is gone takes its setting along. */
static bool scale_one(struct call *c, const struct table *t, struct dynamodb_Table *r, uint32_t at, int64_t passed_ms)
{
	ASSERT(at < r->Scaling.n);
	struct dynamodb_Scaling *s = LIST_AT(r->Scaling, struct dynamodb_Scaling, at);
	struct dynamodb_ProvisionedThroughputDescription *p = throughput_of(r, s->IndexName);
	if (p == NULL) {
		drop(r, s);
		return false;
	}
	int64_t units = s->Reads.v ? p->ReadCapacityUnits.v : p->WriteCapacityUnits.v, minutes = (passed_ms + EVERY_MS / 2) / EVERY_MS;
	double spent = throttle_spent(t, str_present(s->IndexName) ? table_index(t, s->IndexName) : NULL, s->Reads.v);
	if (units == 0 || passed_ms <= 0)
		return true; /* on demand */
	int64_t want = wanted_units(c, s, units, spent * 1000 / (double)passed_ms, minutes > 0 ? minutes : 1);
	if (want != units)
		set_units(c, p, s->Reads.v, want);
	return true;
}

void ddb_job_scale(struct call *c, struct str id, struct str payload)
{
	ASSERT(txn_writable(c->txn) && id.n > 0);
	(void)payload;
	struct dynamodb_Table *r = table_record(c, id);
	if (r == NULL || r->Scaling.n == 0)
		return;
	struct table *t = table_of_record(c, r);
	for (uint32_t i = 0; i < r->Scaling.n;)
		i += scale_one(c, t, r, i, c->now_ms - r->ScaledAt.ms);
	r->ScaledAt = SOME_TIME(c->now_ms);
	table_save(c, r);
	/* Writes are the group's; what reads have become here is an override from now on. */
	if (!r->Legacy.v)
		replica_follow_writes(c, r);
	job_put(c, "scale", id, c->now_ms + EVERY_MS, S(""));
}
