/* Targets of rules: put, removed, listed. What EventBridge could send to but tsubo cannot is refused here, by name.
 *
 * What always holds: a stored target's ARN parses and is of a kind that send.c knows, its input is well made, and its role was one that the
 * caller may pass: a delivery, which may come a day later, asks none of that again. */
#include "events.h"

#include "svc/arn.h"
#include "svc/page.h"

struct key *target_key(struct call *c, struct str bus, struct str rule, struct str id)
{
	return key_str(key_str(key_str(call_key(c, "target"), bus), rule), id);
}

static struct key *targets_prefix(struct call *c, struct str bus, struct str rule)
{
	return key_str(key_str(call_key(c, "target"), bus), rule);
}

size_t targets_count(struct call *c, struct str bus, struct str rule)
{
	size_t n = 0;
	struct str key, value;
	struct scan *s = call_scan(c, targets_prefix(c, bus, rule), STR_NONE, false);
	while (scan_next(s, &key, &value))
		n++;
	scan_close(s);
	return n;
}

/* ---- PutTargets ---- */

static void invalid(struct call *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void invalid(struct call *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str text = arena_vprintf(c->arena, fmt, ap);
	va_end(ap);
	call_fail_code(c, 400, "ValidationException", "%.*s", STR_ARG(text));
}

static bool dead_letter_ok(struct call *c, const struct events_Target *t)
{
	struct arn arn;
	if (t->DeadLetterConfig == NULL || t->DeadLetterConfig->Arn.n == 0)
		return true;
	if (!arn_parse(t->DeadLetterConfig->Arn, &arn) || !str_eq(arn.service, S("sqs")) || str_ends(arn.resource, S(".fifo")))
		invalid(c, "Parameter %.*s is not valid. Reason: Dead-letter target must be a standard SQS queue.", STR_ARG(t->DeadLetterConfig->Arn));
	return !c->failed;
}

/* What refuses the whole call. */
static bool target_ok(struct call *c, const struct events_Target *t)
{
	struct arn arn;
	if (!arn_parse(t->Arn, &arn)) {
		invalid(c, "Parameter %.*s is not valid. Reason: Provided Arn is not in correct format.", STR_ARG(t->Arn));
		return false;
	}
	int inputs = str_present(t->Input) + str_present(t->InputPath) + (t->InputTransformer != NULL);
	if (inputs > 1)
		invalid(c, "Only one of Input, InputPath, or InputTransformer must be provided for target %.*s.", STR_ARG(t->Id));
	const char *wrong = c->failed ? NULL : target_input_wrong(c, t);
	if (wrong != NULL)
		invalid(c, "Invalid %s for target %.*s.", wrong, STR_ARG(t->Id));
	bool fifo = str_eq(arn.service, S("sqs")) && str_ends(arn.resource, S(".fifo"));
	if (fifo && (t->SqsParameters == NULL || t->SqsParameters->MessageGroupId.n == 0))
		invalid(c, "Parameter(s) SqsParameters must be specified for target: %.*s.", STR_ARG(t->Id));
	if (!c->failed && str_eq(arn.service, S("kinesis")) && t->RoleArn.n == 0)
		invalid(c, "RoleArn is required for target %.*s.", STR_ARG(t->Arn));
	if (!c->failed && t->RoleArn.n > 0 && !role_ok(c, t->RoleArn))
		return false;
	return !c->failed && dead_letter_ok(c, t);
}

void op_put_targets(struct call *c)
{
	const struct events_PutTargetsRequest *in = c->in;
	struct events_PutTargetsResponse *out = c->out;
	struct events_RuleRecord *r = rule_need(c, bus_named(c, in->EventBusName), in->Rule);
	if (r == NULL)
		return;
	struct events_PutTargetsResultEntry *failed = arena_array(c->arena, struct events_PutTargetsResultEntry, in->Targets.n);
	uint32_t n = 0;
	size_t there = targets_count(c, r->Bus, r->Name);
	for (uint32_t i = 0; i < in->Targets.n; i++) {
		const struct events_Target *t = LIST_AT(in->Targets, struct events_Target, i);
		if (!target_ok(c, t))
			return;
		const char *why = target_unsupported(c, t);
		if (why != NULL) {
			struct str message = arena_printf(c->arena, "tsubo does not deliver events to %s", why);
			failed[n++] = (struct events_PutTargetsResultEntry){t->Id, S("NotImplemented"), message};
			continue;
		}
		struct key *k = target_key(c, r->Bus, r->Name, t->Id);
		if (!txn_has(c->txn, key_bytes(k)) && there++ >= TARGETS_PER_RULE) {
			call_fail(c, &events_err_LimitExceededException, "The requested resource exceeds the maximum number allowed.");
			return;
		}
		call_put(c, k, &events_shape_Target, t);
	}
	ASSERT(n <= in->Targets.n && there <= TARGETS_PER_RULE);
	out->FailedEntryCount = SOME_I64(n);
	out->FailedEntries = (struct list){failed, n, true};
}

void op_remove_targets(struct call *c)
{
	const struct events_RemoveTargetsRequest *in = c->in;
	struct events_RemoveTargetsResponse *out = c->out;
	struct events_RuleRecord *r = rule_need(c, bus_named(c, in->EventBusName), in->Rule);
	if (r == NULL)
		return;
	for (uint32_t i = 0; i < in->Ids.n; i++)
		call_del(c, target_key(c, r->Bus, r->Name, *LIST_AT(in->Ids, struct str, i)));
	out->FailedEntryCount = SOME_I64(0);
	out->FailedEntries = LIST_OF(c->arena, struct events_RemoveTargetsResultEntry, 0);
}

/* ---- listing ---- */

void op_list_targets_by_rule(struct call *c)
{
	const struct events_ListTargetsByRuleRequest *in = c->in;
	struct events_ListTargetsByRuleResponse *out = c->out;
	struct str after, key, value, last = STR_NONE;
	struct events_RuleRecord *r = rule_need(c, bus_named(c, in->EventBusName), in->Rule);
	if (r == NULL)
		return;
	if (!page_position(c->arena, in->NextToken, &after)) {
		invalid(c, "Parameter NextToken is not valid.");
		return;
	}
	uint32_t limit = in->Limit.set ? (uint32_t)in->Limit.v : 100, n = 0;
	struct events_Target *v = arena_array(c->arena, struct events_Target, limit);
	struct scan *s = call_scan(c, targets_prefix(c, r->Bus, r->Name), after, false);
	while (scan_next(s, &key, &value)) {
		if (n == limit) {
			out->NextToken = page_token(c->arena, last);
			break;
		}
		last = arena_dup(c->arena, key);
		v[n++] = *(const struct events_Target *)record_decode(c, &events_shape_Target, value);
	}
	scan_close(s);
	ASSERT(n <= limit);
	out->Targets = (struct list){v, n, true};
}

/* The rules of a bus that have a target with this ARN, by name; the token is the last name. */
void op_list_rule_names_by_target(struct call *c)
{
	const struct events_ListRuleNamesByTargetRequest *in = c->in;
	struct events_ListRuleNamesByTargetResponse *out = c->out;
	struct str bus = bus_named(c, in->EventBusName), after, key, value, last = STR_NONE;
	if (c->failed || bus_need(c, bus) == NULL)
		return;
	if (!page_position(c->arena, in->NextToken, &after)) {
		invalid(c, "Parameter NextToken is not valid.");
		return;
	}
	uint32_t limit = in->Limit.set ? (uint32_t)in->Limit.v : 100, n = 0;
	struct str *v = arena_array(c->arena, struct str, limit);
	struct key *prefix = key_str(call_key(c, "target"), bus);
	size_t skip = key_bytes(prefix).n;
	struct scan *s = call_scan(c, prefix, STR_NONE, false);
	while (scan_next(s, &key, &value)) {
		const struct events_Target *t = record_decode(c, &events_shape_Target, value);
		struct key_reader reader = key_reader_of(str_slice(key, skip, key.n));
		struct str rule;
		bool ok = key_read_str(&reader, c->arena, &rule);
		ASSERT(ok);
		if (!str_eq(t->Arn, in->TargetArn) || (str_present(last) && str_eq(rule, last)) || (str_present(after) && str_cmp(rule, after) <= 0))
			continue;
		if (n == limit) {
			out->NextToken = page_token(c->arena, last);
			break;
		}
		v[n++] = last = arena_dup(c->arena, rule);
	}
	scan_close(s);
	ASSERT(n <= limit);
	out->RuleNames = (struct list){v, n, true};
}
