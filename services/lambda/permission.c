/* Resource policies of functions: statements by id, put together into one document where it is asked for.
 *
 * ("policy", name, qualifier) with qualifier "" for the function itself. Source: AddPermission (API reference) for the
 * document that it writes. */
#include "lambda.h"

static struct key *policy_key(struct call *c, struct str name, struct str qualifier)
{
	return key_str(key_str(call_key(c, "policy"), name), str_present(qualifier) && !str_eq(qualifier, S("$LATEST")) ? qualifier : S(""));
}

struct str policy_text(struct call *c, const struct lambda_PolicyRecord *p)
{
	ASSERT(p->Statements.n == 0 || p->Statements.v != NULL);
	struct buf b;
	buf_init(&b, c->arena, 0);
	buf_lit(&b, "{\"Version\":\"2012-10-17\",\"Id\":\"default\",\"Statement\":[");
	for (uint32_t i = 0; i < p->Statements.n; i++) {
		if (i > 0)
			buf_putc(&b, ',');
		buf_str(&b, LIST_AT(p->Statements, struct lambda_StatementRecord, i)->Text);
	}
	buf_lit(&b, "]}");
	return buf_view(&b);
}

struct str policy_document(struct call *c, struct str name, struct str qualifier)
{
	struct lambda_PolicyRecord *p = call_get(c, policy_key(c, name, qualifier), &lambda_shape_PolicyRecord);
	return p != NULL ? policy_text(c, p) : STR_NONE;
}

static struct json *principal_json(struct arena *a, struct str principal)
{
	if (str_eq(principal, S("*")))
		return json_new_str(a, S("*"));
	struct json *o = json_new_object(a);
	uint64_t account;
	if (str_ends(principal, S(".amazonaws.com")) || str_ends(principal, S(".amazon.com")))
		json_set_str(a, o, "Service", principal);
	else if (principal.n == 12 && str_to_u64(principal, &account))
		json_set_str(a, o, "AWS", arena_printf(a, "arn:aws:iam::%.*s:root", STR_ARG(principal)));
	else
		json_set_str(a, o, "AWS", principal);
	return o;
}

static void condition(struct arena *a, struct json *all, struct str op, struct str name, struct str value)
{
	if (!str_present(value))
		return;
	struct json *of_op = json_get(all, op);
	if (of_op == NULL)
		of_op = json_set(a, all, op, json_new_object(a));
	json_set(a, of_op, name, json_new_str(a, value));
}

static struct str statement_text(struct call *c, const struct lambda_AddPermissionRequest *in, struct str resource)
{
	struct arena *a = c->arena;
	struct json *s = json_new_object(a), *conditions = json_new_object(a);
	json_set_str(a, s, "Sid", in->StatementId);
	json_set_str(a, s, "Effect", S("Allow"));
	json_set(a, s, S("Principal"), principal_json(a, in->Principal));
	json_set_str(a, s, "Action", in->Action);
	json_set_str(a, s, "Resource", resource);
	condition(a, conditions, S("StringEquals"), S("AWS:SourceAccount"), in->SourceAccount);
	condition(a, conditions, S("StringEquals"), S("lambda:EventSourceToken"), in->EventSourceToken);
	condition(a, conditions, S("StringEquals"), S("aws:PrincipalOrgID"), in->PrincipalOrgID);
	condition(a, conditions, S("StringEquals"), S("lambda:FunctionUrlAuthType"), in->FunctionUrlAuthType);
	condition(a, conditions, S("ArnLike"), S("AWS:SourceArn"), in->SourceArn);
	if (conditions->n > 0)
		json_set(a, s, S("Condition"), conditions);
	return json_text(a, s);
}

static bool target(struct call *c, struct str name, struct str qualifier, struct function_ref *ref)
{
	if (!function_ref_of(c, name, qualifier, ref))
		return false;
	struct str version;
	return function_resolve(c, ref, &version) != NULL;
}

/* ---- statements: of functions' policies and of layers' ---- */

struct lambda_PolicyRecord *statements_get(struct call *c, const struct key *k, struct str revision)
{
	struct lambda_PolicyRecord *p = call_get(c, k, &lambda_shape_PolicyRecord);
	if (!str_present(revision) || (p != NULL && str_eq(p->RevisionId, revision)))
		return p != NULL ? p : arena_new_of(c->arena, struct lambda_PolicyRecord);
	lambda_fail(c, &lambda_err_PreconditionFailedException, "The Revision Id provided does not match the latest Revision Id. "
		"Call the GetPolicy API to retrieve the latest Revision Id");
	return NULL;
}

bool statement_add(struct call *c, const struct key *k, struct lambda_PolicyRecord *p, struct str sid, struct str text)
{
	uint32_t n = p->Statements.n;
	struct lambda_StatementRecord *v = p->Statements.v;
	for (uint32_t i = 0; i < n; i++) {
		if (!str_eq(v[i].Sid, sid))
			continue;
		lambda_fail(c, &lambda_err_ResourceConflictException,
			"The statement id (%.*s) provided already exists. Please provide a new statement id, or remove the existing statement.", STR_ARG(sid));
		return false;
	}
	v = arena_grow(c->arena, v, sizeof *v, n, n + 1);
	v[n] = (struct lambda_StatementRecord){sid, text};
	p->Statements = (struct list){v, n + 1, true};
	struct str why = STR_NONE, document = policy_text(c, p);
	if (policy_parse(c->arena, document, POLICY_RESOURCE, &why) == NULL) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "The provided principal was invalid. Please check the principal and try again.");
		return false;
	}
	if (document.n > POLICY_MAX) {
		lambda_fail(c, &lambda_err_PolicyLengthExceededException, "The final policy size is bigger than the limit (%d).", POLICY_MAX);
		return false;
	}
	p->RevisionId = new_uuid(c);
	call_put(c, k, &lambda_shape_PolicyRecord, p);
	return true;
}

void statement_remove(struct call *c, const struct key *k, struct lambda_PolicyRecord *p, struct str sid)
{
	uint32_t left = 0;
	struct lambda_StatementRecord *v = p->Statements.v;
	for (uint32_t i = 0; i < p->Statements.n; i++)
		if (!str_eq(v[i].Sid, sid))
			v[left++] = v[i];
	ASSERT(left <= p->Statements.n);
	if (left == p->Statements.n) {
		lambda_fail(c, &lambda_err_ResourceNotFoundException, "Statement %.*s is not found in resource policy.", STR_ARG(sid));
		return;
	}
	p->Statements.n = left;
	p->RevisionId = new_uuid(c);
	if (left == 0)
		call_del(c, k);
	else
		call_put(c, k, &lambda_shape_PolicyRecord, p);
}

/* ---- operations ---- */

void access_add_permission(struct call *c)
{
	const struct lambda_AddPermissionRequest *in = c->in;
	access_function(c, in->FunctionName, in->Qualifier);
}

void op_add_permission(struct call *c)
{
	const struct lambda_AddPermissionRequest *in = c->in;
	struct function_ref ref;
	if (!target(c, in->FunctionName, in->Qualifier, &ref))
		return;
	if (str_eq(ref.qualifier, S("$LATEST"))) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "We currently do not support adding policies for $LATEST.");
		return;
	}
	struct key *k = policy_key(c, ref.name, ref.qualifier);
	struct lambda_PolicyRecord *p = statements_get(c, k, in->RevisionId);
	struct str text = statement_text(c, in, function_arn(c, ref.name, ref.qualifier));
	if (p != NULL && statement_add(c, k, p, in->StatementId, text))
		((struct lambda_AddPermissionResponse *)c->out)->Statement = text;
}

void access_remove_permission(struct call *c)
{
	const struct lambda_RemovePermissionRequest *in = c->in;
	access_function(c, in->FunctionName, in->Qualifier);
}

void op_remove_permission(struct call *c)
{
	const struct lambda_RemovePermissionRequest *in = c->in;
	struct function_ref ref;
	if (!target(c, in->FunctionName, in->Qualifier, &ref))
		return;
	struct key *k = policy_key(c, ref.name, ref.qualifier);
	struct lambda_PolicyRecord *p = statements_get(c, k, in->RevisionId);
	if (p != NULL)
		statement_remove(c, k, p, in->StatementId);
}

void access_get_policy(struct call *c)
{
	const struct lambda_GetPolicyRequest *in = c->in;
	access_function(c, in->FunctionName, in->Qualifier);
}

void op_get_policy(struct call *c)
{
	const struct lambda_GetPolicyRequest *in = c->in;
	struct lambda_GetPolicyResponse *out = c->out;
	struct function_ref ref;
	if (!target(c, in->FunctionName, in->Qualifier, &ref))
		return;
	struct lambda_PolicyRecord *p = call_get(c, policy_key(c, ref.name, ref.qualifier), &lambda_shape_PolicyRecord);
	if (p == NULL) {
		lambda_fail(c, &lambda_err_ResourceNotFoundException, "The resource you requested does not exist.");
		return;
	}
	out->Policy = policy_text(c, p);
	out->RevisionId = p->RevisionId;
}
