/* AddPermission and RemovePermission: statements of the queue's policy by their label.
 *
 * Source: AddPermission (SQS API Reference). The policy is kept as the text that GetQueueAttributes shows. */
#include "sqs.h"

#include "svc/statements.h"

enum { ACTIONS_MAX = 7, STATEMENTS_MAX = 20, LABEL_MAX = 80 };

static const char *const actions_known[] = {"*", "ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "GetQueueUrl",
	"ListDeadLetterSourceQueues", "PurgeQueue", "ReceiveMessage", "SendMessage"};

static bool check_action(struct call *c, struct str action)
{
	for (size_t i = 0; i < COUNT_OF(actions_known); i++)
		if (str_eq(str_c(actions_known[i]), action))
			return true;
	fail_invalid(c, "Value SQS:%.*s for parameter ActionName is invalid. Reason: Please refer to the appropriate WSDL for a list of "
		"valid actions.", STR_ARG(action));
	return false;
}

static bool check_account(struct call *c, struct str account)
{
	bool ok = account.n == 12;
	for (size_t i = 0; i < account.n && ok; i++)
		ok = account.p[i] >= '0' && account.p[i] <= '9';
	if (!ok)
		fail_invalid(c, "Value [%.*s] for parameter PrincipalId is invalid. Reason: Unable to verify.", STR_ARG(account));
	return ok;
}

static bool check_add(struct call *c, const struct sqs_AddPermissionRequest *in)
{
	const struct str *actions = in->Actions.v, *accounts = in->AWSAccountIds.v;
	if (str_empty(in->Label) || in->Actions.n == 0 || in->AWSAccountIds.n == 0) {
		fail_missing(c, str_empty(in->Label) ? "Label" : in->Actions.n == 0 ? "Actions" : "AWSAccountIds");
		return false;
	}
	if (in->Label.n > LABEL_MAX) {
		fail_invalid(c, "Value %.*s for parameter Label is invalid. Reason: Must be at most 80 characters.", STR_ARG(in->Label));
		return false;
	}
	if (in->Actions.n > ACTIONS_MAX) {
		call_fail(c, &sqs_err_OverLimit, "%u Actions were found, maximum allowed is %d.", in->Actions.n, ACTIONS_MAX);
		return false;
	}
	for (size_t i = 0; i < in->Actions.n; i++)
		if (!check_action(c, actions[i]))
			return false;
	for (size_t i = 0; i < in->AWSAccountIds.n; i++)
		if (!check_account(c, accounts[i]))
			return false;
	return true;
}

/* One text, or an array of several: as AWS writes it. */
static const struct json *one_or_many(struct arena *a, const struct str *v, size_t n)
{
	if (n == 1)
		return json_new_str(a, v[0]);
	struct json *list = json_new_array(a);
	for (size_t i = 0; i < n; i++)
		json_push(a, list, json_new_str(a, v[i]));
	return list;
}

static struct json *statement(struct queue *q, const struct sqs_AddPermissionRequest *in)
{
	struct arena *a = q->c->arena;
	struct str *who = arena_array(a, struct str, in->AWSAccountIds.n), *what = arena_array(a, struct str, in->Actions.n);
	for (size_t i = 0; i < in->AWSAccountIds.n; i++)
		who[i] = arena_join(a, S("arn:aws:iam::"), ((const struct str *)in->AWSAccountIds.v)[i], S(":root"));
	for (size_t i = 0; i < in->Actions.n; i++)
		what[i] = arena_join(a, S("SQS:"), ((const struct str *)in->Actions.v)[i]);
	struct json *s = json_new_object(a), *principal = json_new_object(a);
	json_set_str(a, s, "Sid", in->Label);
	json_set_str(a, s, "Effect", S("Allow"));
	json_set(a, principal, S("AWS"), one_or_many(a, who, in->AWSAccountIds.n));
	json_set(a, s, S("Principal"), principal);
	json_set(a, s, S("Action"), one_or_many(a, what, in->Actions.n));
	json_set_str(a, s, "Resource", q->arn);
	return s;
}

static struct json *policy_of(struct queue *q)
{
	struct arena *a = q->c->arena;
	if (q->rec->HasPolicy.v)
		return json_parse(a, queue_policy(q), NULL);
	struct json *p = json_new_object(a);
	json_set_str(a, p, "Version", S("2008-10-17"));
	json_set_str(a, p, "Id", arena_join(a, q->arn, S("/SQSDefaultPolicy")));
	json_set(a, p, S("Statement"), json_new_array(a));
	return p;
}

void op_add_permission(struct call *c)
{
	const struct sqs_AddPermissionRequest *in = c->in;
	struct queue *q = run_queue(c);
	if (!check_add(c, in))
		return;
	struct json *policy = policy_of(q), *statements = statements_in(c->arena, policy);
	if (statement_find(statements, in->Label) >= 0) {
		fail_invalid(c, "Value %.*s for parameter Label is invalid. Reason: Already exists.", STR_ARG(in->Label));
		return;
	}
	if (statements->n >= STATEMENTS_MAX) {
		call_fail(c, &sqs_err_OverLimit, "%u Statements were found, maximum allowed is %d.", statements->n + 1, STATEMENTS_MAX);
		return;
	}
	json_push(c->arena, statements, statement(q, in));
	queue_more(q)->Policy = json_text(c->arena, policy);
	q->rec->ModifiedMs = SOME_I64(c->now_ms);
	queue_store(q);
}

void op_remove_permission(struct call *c)
{
	const struct sqs_RemovePermissionRequest *in = c->in;
	struct queue *q = run_queue(c);
	if (str_empty(in->Label)) {
		fail_missing(c, "Label");
		return;
	}
	struct json *policy = policy_of(q), *statements = statements_in(c->arena, policy);
	ptrdiff_t at = statement_find(statements, in->Label);
	if (at < 0) {
		fail_invalid(c, "Value %.*s for parameter Label is invalid. Reason: can't find label on existing policy.", STR_ARG(in->Label));
		return;
	}
	statement_drop(statements, (size_t)at);
	queue_more(q)->Policy = statements->n > 0 ? json_text(c->arena, policy) : STR_NONE;
	q->rec->ModifiedMs = SOME_I64(c->now_ms);
	queue_store(q);
}
