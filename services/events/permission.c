/* The policy of a bus: statement by statement, or as a whole document.
 *
 * What always holds: what is stored parses as a resource policy, so authorize() never meets one that does not.
 *
 * Source: PutPermission and RemovePermission (API reference). */
#include "events.h"

#include "svc/statements.h"

enum { POLICY_MAX_BYTES = 10240 };

static struct json *statements_of(struct call *c, const struct events_BusRecord *b)
{
	struct json *policy = str_present(b->Policy) ? json_parse(c->arena, b->Policy, NULL) : NULL;
	return policy != NULL ? statements_in(c->arena, policy) : json_new_array(c->arena);
}

/* Take out the statement of an id; true when it was there. */
static bool drop(struct json *statements, struct str sid)
{
	ptrdiff_t at = statement_find(statements, sid);
	if (at >= 0)
		statement_drop(statements, (size_t)at);
	return at >= 0;
}

static void save(struct call *c, struct events_BusRecord *b, struct str policy)
{
	ASSERT(b != NULL && !c->failed);
	struct str why;
	if (str_present(policy) && policy_parse(c->arena, policy, POLICY_RESOURCE, &why) == NULL)
		call_fail_code(c, 400, "ValidationException", "Parameter Policy is not valid. Reason: %.*s", STR_ARG(why));
	else if (policy.n > POLICY_MAX_BYTES)
		call_fail(c, &events_err_PolicyLengthExceededException, "The requested policy exceeds the maximum length allowed.");
	if (c->failed)
		return;
	b->Policy = policy;
	bus_put(c, b);
}

static void save_statements(struct call *c, struct events_BusRecord *b, struct json *statements)
{
	struct json *document = json_new_object(c->arena);
	json_set_str(c->arena, document, "Version", S("2012-10-17"));
	json_set(c->arena, document, S("Statement"), statements);
	save(c, b, statements->n > 0 ? json_text(c->arena, document) : STR_NONE);
}

static struct json *statement(struct call *c, const struct events_PutPermissionRequest *in, struct str resource)
{
	struct arena *a = c->arena;
	struct json *s = json_new_object(a), *who = json_new_object(a);
	json_set_str(a, s, "Sid", in->StatementId);
	json_set_str(a, s, "Effect", S("Allow"));
	json_set_str(a, who, "AWS", arena_printf(a, "arn:aws:iam::%.*s:root", STR_ARG(in->Principal)));
	json_set(a, s, S("Principal"), str_eq(in->Principal, S("*")) ? json_new_str(a, S("*")) : who);
	json_set_str(a, s, "Action", in->Action);
	json_set_str(a, s, "Resource", resource);
	if (in->Condition != NULL) {
		struct json *condition = json_new_object(a), *pair = json_new_object(a);
		json_set(a, pair, in->Condition->Key, json_new_str(a, in->Condition->Value));
		json_set(a, condition, in->Condition->Type, pair);
		json_set(a, s, S("Condition"), condition);
	}
	return s;
}

void op_put_permission(struct call *c)
{
	const struct events_PutPermissionRequest *in = c->in;
	struct events_BusRecord *b = bus_need(c, bus_named(c, in->EventBusName));
	if (b == NULL)
		return;
	bool parts = str_present(in->Action) || str_present(in->Principal) || str_present(in->StatementId) || in->Condition != NULL;
	if (str_present(in->Policy) == parts) {
		call_fail_code(c, 400, "ValidationException", "Either Policy, or Action, Principal and StatementId must be specified.");
		return;
	}
	if (str_present(in->Policy)) {
		save(c, b, in->Policy);
		return;
	}
	if (!str_present(in->Action) || !str_present(in->Principal) || !str_present(in->StatementId)) {
		call_fail_code(c, 400, "ValidationException", "Parameter(s) Action, Principal and StatementId must be specified.");
		return;
	}
	if (!str_eq(in->Action, S("events:PutEvents"))) {
		call_fail_code(c, 400, "ValidationException", "Provided value in parameter 'action' is not supported.");
		return;
	}
	struct json *all = statements_of(c, b);
	drop(all, in->StatementId);
	json_push(c->arena, all, statement(c, in, bus_arn(c, b->Name)));
	save_statements(c, b, all);
}

void op_remove_permission(struct call *c)
{
	const struct events_RemovePermissionRequest *in = c->in;
	struct events_BusRecord *b = bus_need(c, bus_named(c, in->EventBusName));
	if (b == NULL)
		return;
	if (in->RemoveAllPermissions.v) {
		save(c, b, STR_NONE);
		return;
	}
	if (!str_present(b->Policy)) {
		call_fail(c, &events_err_ResourceNotFoundException, "EventBus does not have a policy.");
		return;
	}
	struct json *all = statements_of(c, b);
	if (!drop(all, in->StatementId)) {
		call_fail(c, &events_err_ResourceNotFoundException, "Statement with the provided id does not exist.");
		return;
	}
	save_statements(c, b, all);
}
