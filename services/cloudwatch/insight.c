/* Rules of Contributor Insights: putting, showing, switching and deleting them.
 *
 * What always holds: the definition of a stored rule parses; a managed rule (DynamoDB's) is put and deleted by its service alone.
 * Source: CloudWatch API Reference; "Contributor Insights built-in rules" (User Guide). */
#include "insight.h"

#include "svc/arn.h"
#include "svc/page.h"

enum { RULES_MAX = 100, MANAGED_MAX = 10000, PAGE = 500, TAGS_MOST = 50 };

struct str insight_arn(struct call *c, struct str name)
{
	return arn_make(c->arena, "cloudwatch", c->region, c->account, arena_join(c->arena, S("insight-rule/"), name));
}

static struct key *rule_key(struct call *c, struct str name) { return key_str(call_key(c, "insight"), name); }

struct cloudwatch_InsightRecord *insight_get(struct call *c, struct str name)
{
	struct cloudwatch_InsightRecord *r = call_get(c, rule_key(c, name), &cloudwatch_shape_InsightRecord);
	ASSERT(r == NULL || (r->Id.set && r->Rule != NULL && str_eq(r->Rule->Name, name)));
	return r;
}

void insight_save(struct call *c, const struct cloudwatch_InsightRecord *r)
{
	ASSERT(r->Rule != NULL && str_present(r->Rule->Definition));
	call_put(c, rule_key(c, r->Rule->Name), &cloudwatch_shape_InsightRecord, r);
}

/* Another service, not a client, asks: it has rules of its own, or watches by those of the account. */
static bool asked_by_service(const struct call *c) { return c->parent != NULL && c->who->type == PRINCIPAL_SERVICE; }

static bool managed(const struct cloudwatch_InsightRecord *r) { return r->Rule->ManagedRule.v; }

static void access_rule(struct call *c, struct str name)
{
	if (!asked_by_service(c))
		authorize(c, NULL, insight_arn(c, name), NULL);
}

static void access_rules(struct call *c, const struct list *names)
{
	for (uint32_t i = 0; i < names->n && !c->failed; i++)
		access_rule(c, *LIST_AT(*names, struct str, i));
}

static bool invalid(struct call *c, const char *text)
{
	call_fail(c, &cloudwatch_err_InvalidParameterValueException, "%s", text);
	return false;
}

/* ---- putting ---- */

void access_put_insight_rule(struct call *c) { access_rule(c, ((const struct cloudwatch_PutInsightRuleInput *)c->in)->RuleName); }

static bool definition_ok(struct call *c, struct str definition)
{
	struct insight_rule rule;
	const char *why;
	if (!insight_rule_parse(c->arena, definition, &rule, &why))
		call_fail(c, &cloudwatch_err_InvalidParameterValueException, "The parameter RuleDefinition is not valid: %s.", why);
	else if (rule.managed && !asked_by_service(c))
		invalid(c, "The parameter RuleDefinition is not valid: Schema must be {\"Name\": \"CloudWatchLogRule\", \"Version\": 1}.");
	return !c->failed;
}

static bool room_for_one(struct call *c)
{
	struct str key, value;
	uint32_t n = 0, most = asked_by_service(c) ? MANAGED_MAX : RULES_MAX;
	struct scan *s = call_scan(c, call_key(c, "insight"), STR_NONE, false);
	while (scan_next(s, &key, &value)) {
		const struct cloudwatch_InsightRecord *r = record_decode(c, &cloudwatch_shape_InsightRecord, value);
		n += managed(r) == asked_by_service(c);
	}
	scan_close(s);
	if (n >= most)
		call_fail(c, &cloudwatch_err_LimitExceededException, "The operation exceeded one or more limits: there can be %u rules.", most);
	return n < most;
}

static bool state_ok(struct call *c, struct str state)
{
	return !str_present(state) || str_eq(state, S("ENABLED")) || str_eq(state, S("DISABLED")) ||
	       invalid(c, "The parameter RuleState must be ENABLED or DISABLED.");
}

void op_put_insight_rule(struct call *c)
{
	const struct cloudwatch_PutInsightRuleInput *in = c->in;
	if (in->ApplyOnTransformedLogs.v) {
		call_unsupported(c, "PutInsightRule with ApplyOnTransformedLogs: there are no log transformers");
		return;
	}
	if (!state_ok(c, in->RuleState) || !definition_ok(c, in->RuleDefinition))
		return;
	struct cloudwatch_InsightRecord *r = insight_get(c, in->RuleName);
	if (r != NULL && (managed(r) || asked_by_service(c))) {
		invalid(c, "The parameter RuleName names a managed rule, which cannot be edited.");
		return;
	}
	if (in->Tags.n > TAGS_MOST) {
		invalid(c, "A rule has at most 50 tags.");
		return;
	}
	if (r == NULL) {
		if (!room_for_one(c))
			return;
		r = arena_new_of(c->arena, struct cloudwatch_InsightRecord);
		r->Id = SOME_I64((int64_t)call_serial(c, "insight"));
		r->Rule = arena_new_of(c->arena, struct cloudwatch_InsightRule);
		r->Tags = in->Tags; /* of a rule that is there they are ignored */
	}
	*r->Rule = (struct cloudwatch_InsightRule){.Name = in->RuleName, .State = str_present(in->RuleState) ? in->RuleState : S("ENABLED"),
		.Definition = in->RuleDefinition, .ManagedRule = SOME_BOOL(asked_by_service(c)), .ApplyOnTransformedLogs = SOME_BOOL(false),
		.Schema = asked_by_service(c) ? S("{\"Name\":\"ServiceLogRule\",\"Version\":1}") : S("{\"Name\":\"CloudWatchLogRule\",\"Version\":1}")};
	insight_save(c, r);
}

/* ---- showing ---- */

void access_describe_insight_rules(struct call *c)
{
	if (!asked_by_service(c))
		authorize(c, NULL, S("*"), NULL);
}

void op_describe_insight_rules(struct call *c)
{
	const struct cloudwatch_DescribeInsightRulesInput *in = c->in;
	struct cloudwatch_DescribeInsightRulesOutput *out = c->out;
	struct str after, key, value;
	if (!page_position(c->arena, in->NextToken, &after)) {
		call_fail(c, &cloudwatch_err_InvalidNextToken, "The next token is invalid.");
		return;
	}
	uint32_t most = in->MaxResults.set ? (uint32_t)in->MaxResults.v : PAGE;
	ASSERT(most >= 1 && most <= PAGE); /* the model's bounds */
	out->InsightRules = LIST_OF(c->arena, struct cloudwatch_InsightRule, most);
	out->InsightRules.n = 0;
	struct scan *s = call_scan(c, call_key(c, "insight"), after, false);
	while (scan_next(s, &key, &value)) {
		if (out->InsightRules.n == most) {
			out->NextToken = page_token(c->arena, after);
			break;
		}
		after = arena_dup(c->arena, key);
		((struct cloudwatch_InsightRule *)out->InsightRules.v)[out->InsightRules.n++] =
			*((struct cloudwatch_InsightRecord *)record_decode(c, &cloudwatch_shape_InsightRecord, value))->Rule;
	}
	scan_close(s);
}

/* ---- switching and deleting ---- */

static struct cloudwatch_PartialFailure failure(struct str name, const char *type, const char *code, const char *text)
{
	return (struct cloudwatch_PartialFailure){name, str_c(type), str_c(code), str_c(text)};
}

/* Each rule by itself: what cannot be done is told, and harms nobody else. */
static struct list each(struct call *c, const struct list *names, void (*act)(struct call *c, struct cloudwatch_InsightRecord *r))
{
	struct list failures = LIST_OF(c->arena, struct cloudwatch_PartialFailure, names->n);
	failures.n = 0;
	for (uint32_t i = 0; i < names->n; i++) {
		struct str name = *LIST_AT(*names, struct str, i);
		struct cloudwatch_InsightRecord *r = insight_get(c, name);
		struct cloudwatch_PartialFailure *f = &((struct cloudwatch_PartialFailure *)failures.v)[failures.n];
		if (r != NULL && managed(r) == asked_by_service(c)) {
			act(c, r);
			continue;
		}
		*f = r == NULL ? failure(name, "ResourceNotFoundException", "404", "The rule does not exist.")
			: failure(name, "InvalidParameterValueException", "400", "The rule is managed by a service and cannot be changed here.");
		failures.n++;
	}
	return failures;
}

static void enable(struct call *c, struct cloudwatch_InsightRecord *r)
{
	r->Rule->State = S("ENABLED");
	insight_save(c, r);
}

static void disable(struct call *c, struct cloudwatch_InsightRecord *r)
{
	r->Rule->State = S("DISABLED");
	insight_save(c, r);
}

static void delete(struct call *c, struct cloudwatch_InsightRecord *r)
{
	insight_forget(c, r, INT64_MAX);
	call_del(c, rule_key(c, r->Rule->Name));
}

void access_enable_insight_rules(struct call *c) { access_rules(c, &((const struct cloudwatch_EnableInsightRulesInput *)c->in)->RuleNames); }

void op_enable_insight_rules(struct call *c)
{
	const struct cloudwatch_EnableInsightRulesInput *in = c->in;
	((struct cloudwatch_EnableInsightRulesOutput *)c->out)->Failures = each(c, &in->RuleNames, enable);
}

void access_disable_insight_rules(struct call *c) { access_rules(c, &((const struct cloudwatch_DisableInsightRulesInput *)c->in)->RuleNames); }

void op_disable_insight_rules(struct call *c)
{
	const struct cloudwatch_DisableInsightRulesInput *in = c->in;
	((struct cloudwatch_DisableInsightRulesOutput *)c->out)->Failures = each(c, &in->RuleNames, disable);
}

void access_delete_insight_rules(struct call *c) { access_rules(c, &((const struct cloudwatch_DeleteInsightRulesInput *)c->in)->RuleNames); }

void op_delete_insight_rules(struct call *c)
{
	const struct cloudwatch_DeleteInsightRulesInput *in = c->in;
	((struct cloudwatch_DeleteInsightRulesOutput *)c->out)->Failures = each(c, &in->RuleNames, delete);
}

/* ---- managed rules by template: of VPC endpoint services, which are not here; DynamoDB's are put by DynamoDB ---- */

static bool arn_ok(struct call *c, struct str text)
{
	struct arn a;
	return arn_parse(text, &a) || invalid(c, "The parameter ResourceARN is not an ARN.");
}

void access_put_managed_insight_rules(struct call *c) { authorize(c, NULL, insight_arn(c, S("*")), NULL); }

void op_put_managed_insight_rules(struct call *c)
{
	const struct cloudwatch_PutManagedInsightRulesInput *in = c->in;
	struct cloudwatch_PutManagedInsightRulesOutput *out = c->out;
	out->Failures = LIST_OF(c->arena, struct cloudwatch_PartialFailure, in->ManagedRules.n);
	for (uint32_t i = 0; i < in->ManagedRules.n; i++) {
		const struct cloudwatch_ManagedRule *m = LIST_AT(in->ManagedRules, struct cloudwatch_ManagedRule, i);
		if (!arn_ok(c, m->ResourceARN))
			return;
		*LIST_AT(out->Failures, struct cloudwatch_PartialFailure, i) = failure(m->ResourceARN, "InvalidParameterValueException", "400",
			"The resource has no managed rule by this template.");
	}
}

void access_list_managed_insight_rules(struct call *c) { authorize(c, NULL, S("*"), NULL); }

void op_list_managed_insight_rules(struct call *c)
{
	const struct cloudwatch_ListManagedInsightRulesInput *in = c->in;
	struct str after;
	if (!arn_ok(c, in->ResourceARN))
		return;
	if (!page_position(c->arena, in->NextToken, &after) || str_present(after)) /* there is never more than one page */
		call_fail(c, &cloudwatch_err_InvalidNextToken, "The next token is invalid.");
	((struct cloudwatch_ListManagedInsightRulesOutput *)c->out)->ManagedRules = (struct list){NULL, 0, true};
}
