/* Simulation: what would policies decide, and by which statement. The same evaluator that decides for real.
 *
 * Source: IAM API Reference (SimulateCustomPolicy, SimulatePrincipalPolicy), "IAM policy testing with the IAM policy
 * simulator" (IAM User Guide). */
#include "iam.h"

#include "svc/arn.h"

enum { PAIRS_MAX = 10000 };

/* One simulation: the documents and what is asked of them. */
struct simulation {
	struct call *c;
	struct documents d;
	struct policy **identity; /* d.n of them */
	struct policy *boundary, *resource;
	struct principal who;
	struct list actions, resources, entries;
	struct condition_key *keys;
	struct list used; /* condition keys the documents use */
};

static struct policy *parse_input(struct call *c, struct str document, enum policy_kind kind)
{
	struct str why;
	struct policy *p = policy_parse(c->arena, document, kind, &why);
	if (p == NULL)
		call_fail(c, &iam_err_InvalidInputException, "%.*s", STR_ARG(why));
	return p;
}

static void add_document(struct simulation *s, struct str name, struct str document)
{
	struct arena *a = s->c->arena;
	s->d.v = arena_grow(a, s->d.v, sizeof *s->d.v, s->d.n, s->d.n + 1);
	s->d.names = arena_grow(a, s->d.names, sizeof *s->d.names, s->d.n, s->d.n + 1);
	s->d.names[s->d.n] = name;
	s->d.v[s->d.n++] = document;
}

static bool add_inputs(struct simulation *s, struct list inputs, struct list boundaries)
{
	for (uint32_t i = 0; i < inputs.n; i++)
		add_document(s, arena_printf(s->c->arena, "PolicyInputList.%u", i + 1), *LIST_AT(inputs, struct str, i));
	if (boundaries.n > 1) {
		call_fail(s->c, &iam_err_InvalidInputException, "At most one permissions boundary policy can be given.");
		return false;
	}
	if (boundaries.n == 1)
		s->d.boundary = *LIST_AT(boundaries, struct str, 0);
	return true;
}

static bool prepare(struct simulation *s, struct str resource_policy)
{
	struct arena *a = s->c->arena;
	s->identity = arena_array(a, struct policy *, s->d.n);
	for (size_t i = 0; i < s->d.n; i++) {
		if ((s->identity[i] = parse_input(s->c, s->d.v[i], POLICY_IDENTITY)) == NULL)
			return false;
		document_keys(a, s->d.v[i], &s->used);
	}
	if (str_present(s->d.boundary) && (s->boundary = parse_input(s->c, s->d.boundary, POLICY_IDENTITY)) == NULL)
		return false;
	if (str_present(resource_policy) && (s->resource = parse_input(s->c, resource_policy, POLICY_RESOURCE)) == NULL)
		return false;
	s->keys = arena_array(a, struct condition_key, s->entries.n);
	for (uint32_t i = 0; i < s->entries.n; i++) {
		const struct iam_ContextEntry *e = LIST_AT(s->entries, struct iam_ContextEntry, i);
		if (!str_present(e->ContextKeyName)) {
			call_fail(s->c, &iam_err_InvalidInputException, "A context entry needs a ContextKeyName.");
			return false;
		}
		s->keys[i] = (struct condition_key){e->ContextKeyName, e->ContextKeyValues.v, e->ContextKeyValues.n};
	}
	if (s->resources.n == 0) {
		s->resources = LIST_OF(a, struct str, 1);
		*(struct str *)s->resources.v = S("*");
	}
	if ((uint64_t)s->actions.n * s->resources.n <= PAIRS_MAX)
		return true;
	call_fail(s->c, &iam_err_InvalidInputException, "Too many combinations of actions and resources.");
	return false;
}

/* The statements that made the decision: the denying ones, or the allowing ones. */
static struct list matched(struct simulation *s, const struct policy_request *r, bool allow)
{
	struct arena *a = s->c->arena;
	struct list l = LIST_OF(a, struct iam_Statement, 0);
	for (size_t i = 0; i < s->d.n; i++) {
		size_t max = policy_statements(s->identity[i]), *at = arena_array(a, size_t, max);
		bool *allows = arena_array(a, bool, max);
		size_t n = policy_applying(a, s->identity[i], r, at, allows);
		for (size_t k = 0; k < n; k++) {
			if (allows[k] != allow)
				continue;
			struct iam_Statement *v = l.v = arena_grow(a, l.v, sizeof *v, l.n, l.n + 1), *out = &v[l.n++];
			out->SourcePolicyId = s->d.names[i];
			out->SourcePolicyType = S("IAM Policy");
			out->StartPosition = arena_new_of(a, struct iam_Position);
			out->EndPosition = arena_new_of(a, struct iam_Position);
			document_statement(s->d.v[i], at[k], out->StartPosition, out->EndPosition);
		}
	}
	return l;
}

static struct list missing_keys(struct simulation *s, const struct policy_request *r)
{
	struct list l = LIST_OF(s->c->arena, struct str, 0);
	for (uint32_t i = 0; i < s->used.n; i++) {
		struct str key = *LIST_AT(s->used, struct str, i);
		if (!policy_key_known(s->c->arena, r, key))
			texts_add(s->c->arena, &l, key);
	}
	return l;
}

static void evaluate(struct simulation *s, struct str action, struct str resource, struct iam_EvaluationResult *out)
{
	ASSERT(str_present(action) && str_present(resource) && s->identity != NULL);
	struct arena *a = s->c->arena;
	const struct policy_request r = {.who = &s->who, .action = action, .resource = resource, .keys = s->keys, .n_keys = s->entries.n};
	const struct policy_input in = {.identity = {s->identity, s->d.n}, .boundary = s->boundary, .resource = s->resource};
	struct verdict v = policy_evaluate(a, &r, &in);
	out->EvalActionName = action;
	out->EvalResourceName = resource;
	out->EvalDecision = v.decision == DECISION_ALLOW ? S("allowed") : v.decision == DECISION_EXPLICIT_DENY ? S("explicitDeny") : S("implicitDeny");
	out->MatchedStatements = LIST_OF(a, struct iam_Statement, 0);
	if (v.decision != DECISION_IMPLICIT_DENY)
		out->MatchedStatements = matched(s, &r, v.decision == DECISION_ALLOW);
	out->MissingContextValues = missing_keys(s, &r);
	if (s->boundary == NULL)
		return;
	struct policy *one[1] = {s->boundary};
	const struct policy_input alone = {.identity = {one, 1}};
	out->PermissionsBoundaryDecisionDetail = arena_new_of(a, struct iam_PermissionsBoundaryDecisionDetail);
	out->PermissionsBoundaryDecisionDetail->AllowedByPermissionsBoundary = SOME_BOOL(policy_evaluate(a, &r, &alone).decision == DECISION_ALLOW);
}

static void answer(struct simulation *s, struct str marker, struct opt_i64 max_items, struct iam_SimulatePolicyResponse *out)
{
	ASSERT(s->resources.n > 0); /* prepare puts "*" there */
	struct page p;
	if (!page_open(s->c, marker, max_items, &p))
		return;
	struct list l = LIST_OF(s->c->arena, struct iam_EvaluationResult, s->actions.n * s->resources.n);
	for (uint32_t i = 0; i < l.n; i++)
		if (i >= p.start && i < p.start + p.max) /* the others are of other pages */
			evaluate(s, *LIST_AT(s->actions, struct str, i / s->resources.n), *LIST_AT(s->resources, struct str, i % s->resources.n),
				(struct iam_EvaluationResult *)l.v + i);
	out->EvaluationResults = page_cut(s->c, p, l, sizeof(struct iam_EvaluationResult), &out->IsTruncated, &out->Marker);
}

/* Who is simulated: a user or a role by ARN; without one a user of this account that no policy names. */
static void set_caller(struct simulation *s, struct str arn_text)
{
	struct arn arn;
	s->who = (struct principal){.type = PRINCIPAL_USER, .account = s->c->account, .arn = arn_text};
	if (!arn_parse(arn_text, &arn)) {
		s->who.arn = arena_printf(s->c->arena, "arn:aws:iam::%.*s:user/simulated", STR_ARG(s->c->account));
		return;
	}
	s->who.account = arn.account;
	struct str name = str_slice(arn.resource, (size_t)(str_rfind(arn.resource, '/') + 1), arn.resource.n);
	if (str_starts(arn.resource, S("role/"))) {
		s->who.type = PRINCIPAL_ASSUMED_ROLE;
		s->who.role_arn = arn_text;
	}
	s->who.name = name;
	const struct iam_Entity *e = entity_find(s->c, str_starts(arn.resource, S("role/")) ? KIND_ROLE : KIND_USER, name);
	if (e == NULL)
		return;
	struct param_tag *tags = arena_array(s->c->arena, struct param_tag, e->Labels.n);
	for (uint32_t i = 0; i < e->Labels.n; i++)
		tags[i] = (struct param_tag){LIST_AT(e->Labels, struct iam_Tag, i)->Key, LIST_AT(e->Labels, struct iam_Tag, i)->Value, false};
	s->who.user_id = e->Id;
	s->who.tags = tags;
	s->who.n_tags = e->Labels.n;
}

static bool only_supported(struct call *c, struct str handling)
{
	if (str_present(handling))
		call_unsupported(c, "ResourceHandlingOption");
	return !c->failed;
}

void op_SimulateCustomPolicy(struct call *c)
{
	const struct iam_SimulateCustomPolicyRequest *in = c->in;
	struct simulation s = {.c = c, .actions = in->ActionNames, .resources = in->ResourceArns, .entries = in->ContextEntries};
	if (in->OrderedOrganizationPolicyInputList.n > 0)
		call_unsupported(c, "OrderedOrganizationPolicyInputList");
	if (!only_supported(c, in->ResourceHandlingOption) || !add_inputs(&s, in->PolicyInputList, in->PermissionsBoundaryPolicyInputList) ||
	    !prepare(&s, in->ResourcePolicy))
		return;
	set_caller(&s, in->CallerArn);
	answer(&s, in->Marker, in->MaxItems, c->out);
}

void op_SimulatePrincipalPolicy(struct call *c)
{
	const struct iam_SimulatePrincipalPolicyRequest *in = c->in;
	struct simulation s = {.c = c, .actions = in->ActionNames, .resources = in->ResourceArns, .entries = in->ContextEntries};
	if (in->PolicyExclusionList.n > 0)
		call_unsupported(c, "PolicyExclusionList");
	if (!only_supported(c, in->ResourceHandlingOption) || !resolve_documents(c, in->PolicySourceArn, &s.d) ||
	    !add_inputs(&s, in->PolicyInputList, in->PermissionsBoundaryPolicyInputList) || !prepare(&s, in->ResourcePolicy))
		return;
	set_caller(&s, str_present(in->CallerArn) ? in->CallerArn : in->PolicySourceArn);
	answer(&s, in->Marker, in->MaxItems, c->out);
}

/* ---- which keys would matter ---- */

static void keys_of(struct call *c, struct list documents, struct list *keys)
{
	for (uint32_t i = 0; i < documents.n && !c->failed; i++)
		if (parse_input(c, *LIST_AT(documents, struct str, i), POLICY_IDENTITY) != NULL)
			document_keys(c->arena, *LIST_AT(documents, struct str, i), keys);
}

void op_GetContextKeysForCustomPolicy(struct call *c)
{
	const struct iam_GetContextKeysForCustomPolicyRequest *in = c->in;
	struct iam_GetContextKeysForPolicyResponse *out = c->out;
	out->ContextKeyNames = LIST_OF(c->arena, struct str, 0);
	keys_of(c, in->PolicyInputList, &out->ContextKeyNames);
}

void op_GetContextKeysForPrincipalPolicy(struct call *c)
{
	const struct iam_GetContextKeysForPrincipalPolicyRequest *in = c->in;
	struct iam_GetContextKeysForPolicyResponse *out = c->out;
	struct documents d;
	if (!resolve_documents(c, in->PolicySourceArn, &d))
		return;
	out->ContextKeyNames = LIST_OF(c->arena, struct str, 0);
	for (size_t i = 0; i < d.n; i++)
		document_keys(c->arena, d.v[i], &out->ContextKeyNames);
	keys_of(c, in->PolicyInputList, &out->ContextKeyNames);
}
