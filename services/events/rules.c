/* Rules: put, described, listed, switched on and off, deleted; TestEventPattern. Messages as the API gives them.
 *
 * What always holds: a stored rule has a pattern that parses or a schedule that does, or both; every change of a bus's rules renames its
 * compiled set (ruleset.c) in the same transaction; a rule with targets cannot be deleted. */
#include "events.h"

#include "os/os.h"
#include "svc/event_pattern.h"
#include "svc/schedule.h"
#include "svc/arn.h"
#include "svc/page.h"
#include "svc/tags.h"

struct key *rule_key(struct call *c, struct str bus, struct str rule) { return key_str(key_str(call_key(c, "rule"), bus), rule); }

struct str rule_arn(struct call *c, struct str bus, struct str rule)
{
	struct str resource = str_eq(bus, S("default")) ? arena_join(c->arena, S("rule/"), rule) : arena_join(c->arena, S("rule/"), bus, S("/"), rule);
	return arn_make(c->arena, "events", c->region, c->account, resource);
}

struct events_RuleRecord *rule_get(struct call *c, struct str bus, struct str rule)
{
	return call_get(c, rule_key(c, bus, rule), &events_shape_RuleRecord);
}

struct events_RuleRecord *rule_need(struct call *c, struct str bus, struct str rule)
{
	if (c->failed || bus_need(c, bus) == NULL)
		return NULL;
	struct events_RuleRecord *r = rule_get(c, bus, rule);
	if (r == NULL)
		call_fail(c, &events_err_ResourceNotFoundException, "Rule %.*s does not exist on EventBus %.*s.", STR_ARG(rule), STR_ARG(bus));
	return r;
}

bool rule_enabled(const struct events_RuleRecord *r) { return !str_eq(r->State, S("DISABLED")); }

void rules_changed(struct call *c, struct str bus)
{
	char bytes[16];
	random_bytes(bytes, sizeof bytes);
	txn_put(c->txn, key_bytes(key_str(call_key(c, "set"), bus)), str_of(bytes, sizeof bytes));
}

/* ---- permission ---- */

/* The texts that a pattern's field may be, as a key of several values; nothing when it has none. */
static void add_pattern_key(struct call *c, struct access_extra *x, struct condition_key *keys, const struct json *pattern, const char *field,
                            struct str name)
{
	const struct json *values = json_get(pattern, str_c(field));
	struct str *v = arena_array(c->arena, struct str, json_is(values, JSON_ARRAY) ? values->n : 0);
	size_t n = 0;
	for (uint32_t i = 0; json_is(values, JSON_ARRAY) && i < values->n; i++)
		if (json_is(&values->items[i], JSON_STRING))
			v[n++] = values->items[i].text;
	if (n > 0)
		keys[x->n_keys++] = (struct condition_key){name, v, n};
}

/* Source: "Using IAM policy conditions in Amazon EventBridge" (User Guide): what a rule looks for, and where it sends. */
static void own_conditions(struct call *c, struct access_extra *x)
{
	enum { OWN_KEYS = 3 };
	struct condition_key *keys = arena_array(c->arena, struct condition_key, OWN_KEYS);
	x->keys = keys;
	if (c->op->model == &events_op_PutTargets) {
		const struct events_PutTargetsRequest *in = c->in;
		struct str *arns = arena_array(c->arena, struct str, in->Targets.n);
		for (uint32_t i = 0; i < in->Targets.n; i++)
			arns[i] = LIST_AT(in->Targets, struct events_Target, i)->Arn;
		keys[x->n_keys++] = (struct condition_key){S("events:TargetArn"), arns, in->Targets.n};
	} else if (c->op->model == &events_op_PutRule) {
		const struct events_PutRuleRequest *in = c->in;
		const struct json *pattern = str_present(in->EventPattern) ? json_parse(c->arena, in->EventPattern, NULL) : NULL;
		add_pattern_key(c, x, keys, pattern, "source", S("events:source"));
		add_pattern_key(c, x, keys, pattern, "detail-type", S("events:detail-type"));
	}
	ASSERT(x->n_keys <= OWN_KEYS);
}

void access_rule(struct call *c)
{
	struct str bus = bus_named(c, call_input_text(c, "EventBusName")), rule = call_input_text(c, "Name");
	if (!str_present(rule))
		rule = call_input_text(c, "Rule");
	ASSERT(str_present(rule) || c->failed);
	if (c->failed || c->who->type == PRINCIPAL_ROOT)
		return; /* nothing of a rule has a policy of its own */
	struct access_extra x = {0};
	const struct events_RuleRecord *r = rule_get(c, bus, rule);
	own_conditions(c, &x);
	tags_conditions(c, &x, r != NULL ? TAGS_OF(r->Tags, struct events_Tag) : (struct tags){0});
	authorize(c, NULL, rule_arn(c, bus, rule), &x);
}

/* Listings are judged by rules as such (resource type rule* of ListRules and ListRuleNamesByTarget). */
void access_rules(struct call *c)
{
	struct str bus = bus_named(c, call_input_text(c, "EventBusName"));
	if (!c->failed)
		authorize(c, NULL, rule_arn(c, bus, S("*")), NULL);
}

bool role_ok(struct call *c, struct str role_arn)
{
	struct str service = S("events.amazonaws.com");
	struct condition_key key = {S("iam:PassedToService"), &service, 1};
	struct access_extra x = {.keys = &key, .n_keys = 1};
	if (!authorize(c, "iam:PassRole", role_arn, &x))
		return false;
	if (assume_role(c, role_arn, "events.amazonaws.com", S("check"), true) != NULL)
		return true;
	call_fail_code(c, 400, "ValidationException", "Provided role '%.*s' cannot be assumed by principal 'events.amazonaws.com'.", STR_ARG(role_arn));
	return false;
}

/* ---- PutRule ---- */

static bool pattern_ok(struct call *c, struct str text)
{
	struct str why;
	if (event_pattern_parse(c->arena, text, &why) != NULL)
		return true;
	call_fail(c, &events_err_InvalidEventPatternException, "Event pattern is not valid. Reason: %.*s", STR_ARG(why));
	return false;
}

static bool rule_ok(struct call *c, const struct events_PutRuleRequest *in, struct str bus)
{
	bool pattern = in->EventPattern.n > 0, scheduled = in->ScheduleExpression.n > 0;
	struct schedule s;
	if (!pattern && !scheduled) {
		call_fail_code(c, 400, "ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified.");
		return false;
	}
	if (scheduled && !str_eq(bus, S("default"))) {
		call_fail_code(c, 400, "ValidationException", "ScheduleExpression is supported only on the default event bus.");
		return false;
	}
	if (scheduled && !schedule_parse(in->ScheduleExpression, &s)) {
		call_fail_code(c, 400, "ValidationException", "Parameter ScheduleExpression is not valid.");
		return false;
	}
	return (!pattern || pattern_ok(c, in->EventPattern)) && (in->RoleArn.n == 0 || role_ok(c, in->RoleArn));
}

static size_t rules_count(struct call *c, struct str bus)
{
	size_t n = 0;
	struct str key, value;
	struct scan *s = call_scan(c, key_str(call_key(c, "rule"), bus), STR_NONE, false);
	while (scan_next(s, &key, &value))
		n++;
	scan_close(s);
	return n;
}

void op_put_rule(struct call *c)
{
	const struct events_PutRuleRequest *in = c->in;
	struct str bus = bus_named(c, in->EventBusName);
	if (c->failed || bus_need(c, bus) == NULL || !rule_ok(c, in, bus))
		return;
	struct events_RuleRecord *old = rule_get(c, bus, in->Name);
	if (old == NULL && rules_count(c, bus) >= RULES_PER_BUS) {
		call_fail(c, &events_err_LimitExceededException, "The requested resource exceeds the maximum number allowed.");
		return;
	}
	/* A rule that is put again is replaced; its targets and tags stay ("To update an existing rule"). */
	struct events_RuleRecord r = {.Name = in->Name, .Bus = bus, .EventPattern = in->EventPattern.n > 0 ? in->EventPattern : STR_NONE,
		.ScheduleExpression = in->ScheduleExpression.n > 0 ? in->ScheduleExpression : STR_NONE,
		.State = str_present(in->State) ? in->State : S("ENABLED"), .Description = in->Description, .RoleArn = in->RoleArn,
		.CreatedBy = c->account};
	if (old != NULL)
		r.Tags = old->Tags;
	else
		tags_add(c, &r.Tags, &in->Tags);
	if (c->failed)
		return;
	ASSERT(str_present(r.EventPattern) || str_present(r.ScheduleExpression)); /* rule_ok */
	call_put(c, rule_key(c, bus, r.Name), &events_shape_RuleRecord, &r);
	rules_changed(c, bus);
	bool same = old != NULL && str_eq(old->ScheduleExpression, r.ScheduleExpression) && rule_enabled(old) == rule_enabled(&r);
	if (!same)
		schedule_rule(c, &r);
	((struct events_PutRuleResponse *)c->out)->RuleArn = rule_arn(c, bus, r.Name);
}

/* ---- one rule ---- */

void op_describe_rule(struct call *c)
{
	const struct events_DescribeRuleRequest *in = c->in;
	struct events_DescribeRuleResponse *out = c->out;
	struct events_RuleRecord *r = rule_need(c, bus_named(c, in->EventBusName), in->Name);
	if (r == NULL)
		return;
	*out = (struct events_DescribeRuleResponse){.Name = r->Name, .Arn = rule_arn(c, r->Bus, r->Name), .EventPattern = r->EventPattern,
		.ScheduleExpression = r->ScheduleExpression, .State = r->State, .Description = r->Description, .RoleArn = r->RoleArn,
		.EventBusName = r->Bus, .CreatedBy = r->CreatedBy};
}

static void switch_rule(struct call *c, struct str bus_name, struct str name, struct str state)
{
	struct events_RuleRecord *r = rule_need(c, bus_named(c, bus_name), name);
	if (r == NULL || str_eq(r->State, state))
		return;
	r->State = state;
	call_put(c, rule_key(c, r->Bus, r->Name), &events_shape_RuleRecord, r);
	rules_changed(c, r->Bus);
	schedule_rule(c, r);
}

void op_enable_rule(struct call *c)
{
	const struct events_EnableRuleRequest *in = c->in;
	switch_rule(c, in->EventBusName, in->Name, S("ENABLED"));
}

void op_disable_rule(struct call *c)
{
	const struct events_DisableRuleRequest *in = c->in;
	switch_rule(c, in->EventBusName, in->Name, S("DISABLED"));
}

/* Deleting a rule that is not there succeeds, as on AWS. */
void op_delete_rule(struct call *c)
{
	const struct events_DeleteRuleRequest *in = c->in;
	struct str bus = bus_named(c, in->EventBusName);
	if (c->failed || bus_need(c, bus) == NULL || rule_get(c, bus, in->Name) == NULL)
		return;
	if (targets_count(c, bus, in->Name) > 0) {
		call_fail_code(c, 400, "ValidationException", "Rule can't be deleted since it has targets.");
		return;
	}
	call_del(c, rule_key(c, bus, in->Name));
	rules_changed(c, bus);
	if (str_eq(bus, S("default")))
		job_drop(c, "fire", in->Name);
}

/* ---- listing ---- */

void op_list_rules(struct call *c)
{
	const struct events_ListRulesRequest *in = c->in;
	struct events_ListRulesResponse *out = c->out;
	struct str bus = bus_named(c, in->EventBusName), after, key, value, last = STR_NONE;
	if (c->failed || bus_need(c, bus) == NULL)
		return;
	if (!page_position(c->arena, in->NextToken, &after)) {
		call_fail_code(c, 400, "ValidationException", "Parameter NextToken is not valid.");
		return;
	}
	uint32_t limit = in->Limit.set ? (uint32_t)in->Limit.v : 100, n = 0;
	struct events_Rule *v = arena_array(c->arena, struct events_Rule, limit);
	struct scan *s = call_scan(c, key_str(call_key(c, "rule"), bus), after, false);
	while (scan_next(s, &key, &value)) {
		const struct events_RuleRecord *r = record_decode(c, &events_shape_RuleRecord, value);
		if (str_present(in->NamePrefix) && !str_starts(r->Name, in->NamePrefix))
			continue;
		if (n == limit) {
			out->NextToken = page_token(c->arena, last);
			break;
		}
		last = arena_dup(c->arena, key);
		v[n++] = (struct events_Rule){.Name = r->Name, .Arn = rule_arn(c, r->Bus, r->Name), .EventPattern = r->EventPattern, .State = r->State,
			.Description = r->Description, .ScheduleExpression = r->ScheduleExpression, .RoleArn = r->RoleArn, .EventBusName = r->Bus};
	}
	scan_close(s);
	ASSERT(n <= limit);
	out->Rules = (struct list){v, n, true};
}

/* ---- TestEventPattern ---- */

void op_test_event_pattern(struct call *c)
{
	static const struct str needed[] = {STR_INIT("id"), STR_INIT("account"), STR_INIT("source"), STR_INIT("time"), STR_INIT("region"),
		STR_INIT("resources"), STR_INIT("detail-type")};
	const struct events_TestEventPatternRequest *in = c->in;
	struct str why;
	const struct event_pattern *p = event_pattern_parse(c->arena, in->EventPattern, &why);
	const struct json *event = json_parse(c->arena, in->Event, NULL);
	if (p == NULL) {
		call_fail(c, &events_err_InvalidEventPatternException, "Event pattern is not valid. Reason: %.*s", STR_ARG(why));
		return;
	}
	if (!json_is(event, JSON_OBJECT)) {
		call_fail_code(c, 400, "ValidationException", "Parameter Event is not valid.");
		return;
	}
	for (size_t i = 0; i < COUNT_OF(needed); i++)
		if (json_get(event, needed[i]) == NULL) {
			call_fail_code(c, 400, "ValidationException", "Parameter Event is not valid. Reason: %.*s is a required field.", STR_ARG(needed[i]));
			return;
		}
	((struct events_TestEventPatternResponse *)c->out)->Result = SOME_BOOL(event_pattern_matches(p, event_normal(c->arena, event)));
}
