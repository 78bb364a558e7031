/* Policy documents: parsing and the grammar.
 *
 * What always holds: a struct policy obeys the grammar, so evaluation checks nothing again. Its strings are views into
 * the document or in the arena.
 *
 * Source: "Grammar of the IAM JSON policy language", "IAM JSON policy elements" (IAM User Guide); messages as IAM's
 * CreatePolicy, PutRolePolicy and CreateRole give them. */
#include "auth/policy_internal.h"

enum { STATEMENTS_MAX = 1024, VALUES_MAX = 2048 };

struct parse {
	struct arena *arena;
	enum policy_kind kind;
	struct str why;
};

static bool fail(struct parse *p, struct str why)
{
	if (!str_present(p->why))
		p->why = why;
	return false;
}

static const char syntax[] = "Syntax errors in policy.";

/* Conditions take numbers and booleans for text ("aws:SecureTransport": false), all else strings only. */
static bool scalar_text(struct parse *p, const struct json *j, bool strings_only, struct str *out)
{
	switch (j->type) {
	case JSON_STRING: *out = j->text; return true;
	case JSON_NUMBER: *out = j->text; return !strings_only || fail(p, str_c(syntax));
	case JSON_TRUE: *out = S("true"); return !strings_only || fail(p, str_c(syntax));
	case JSON_FALSE: *out = S("false"); return !strings_only || fail(p, str_c(syntax));
	default: return fail(p, str_c(syntax));
	}
}

/* Is the key of member i one that came before? JSON leaves open which of two counts, and a policy must not be open; the
 * parser keeps both. What comes before is known and different, so this looks at few. */
static bool named_before(const struct json *j, uint32_t i)
{
	ASSERT(j->type == JSON_OBJECT && i < j->n);
	for (uint32_t k = 0; k < i; k++)
		if (str_eq(j->members[k].key, j->members[i].key))
			return true;
	return false;
}

/* A string, or a list of them. */
static bool parse_texts(struct parse *p, const struct json *j, bool strings_only, struct texts *out)
{
	ASSERT(j != NULL);
	bool list = j->type == JSON_ARRAY;
	out->n = list ? j->n : 1;
	if (out->n > VALUES_MAX)
		return fail(p, S("Policy element has too many values."));
	out->v = arena_array(p->arena, struct str, out->n);
	for (size_t i = 0; i < out->n; i++)
		if (!scalar_text(p, list ? &j->items[i] : j, strings_only, &out->v[i]))
			return false;
	return true;
}

/* ---- principals ---- */

static bool is_account_id(struct str s)
{
	if (s.n != 12)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

static bool is_unique_id(struct str s)
{
	return s.n >= 16 && s.n <= 128 && (str_starts(s, S("AIDA")) || str_starts(s, S("AROA")) || str_starts(s, S("AGPA")));
}

/* The form only: whether the principal is there is asked when a policy is attached, by those who can know. */
static bool check_aws_principal(struct parse *p, struct str s)
{
	bool ok = str_eq(s, S("*")) || is_account_id(s) || is_unique_id(s) || (str_starts(s, S("arn:")) && str_find_str(s, S(":iam::")) > 0) ||
	          (str_starts(s, S("arn:")) && str_find_str(s, S(":sts::")) > 0) ||
	          (str_starts(s, S("arn:")) && str_find_str(s, S(":cloudfront::")) > 0);
	if (!ok)
		return fail(p, arena_printf(p->arena, "Invalid principal in policy: \"AWS\":\"%.*s\"", STR_ARG(s)));
	return true;
}

static bool parse_principals(struct parse *p, const struct json *j, bool negated, struct principals *out)
{
	ASSERT(!out->present && p->kind != POLICY_IDENTITY);
	out->present = true;
	out->negated = negated;
	if (j->type == JSON_STRING) {
		out->everyone = str_eq(j->text, S("*"));
		return out->everyone || fail(p, S("Invalid principal in policy."));
	}
	if (j->type != JSON_OBJECT)
		return fail(p, str_c(syntax));
	for (uint32_t i = 0; i < j->n; i++) {
		const struct json_member *m = &j->members[i];
		if (named_before(j, i))
			return fail(p, str_c(syntax));
		struct texts *into = str_eq(m->key, S("AWS")) ? &out->aws : str_eq(m->key, S("Service")) ? &out->service :
		                     str_eq(m->key, S("Federated")) ? &out->federated :
		                     str_eq(m->key, S("CanonicalUser")) ? &out->canonical : NULL;
		if (into == NULL)
			return fail(p, arena_printf(p->arena, "Invalid principal in policy: \"%.*s\"", STR_ARG(m->key)));
		if (!parse_texts(p, &m->value, true, into))
			return false;
	}
	for (size_t i = 0; i < out->aws.n; i++)
		if (!check_aws_principal(p, out->aws.v[i]))
			return false;
	return true;
}

/* ---- actions and resources ---- */

static bool check_action(struct parse *p, struct str s)
{
	ASSERT(str_present(s));
	if (str_eq(s, S("*")))
		return true;
	ptrdiff_t colon = str_find(s, ':');
	if (colon <= 0)
		return fail(p, S("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."));
	if (str_rfind(s, ':') != colon)
		return fail(p, S("Actions/Condition can contain only one colon."));
	for (ptrdiff_t i = 0; i < colon; i++) {
		char c = s.p[i];
		bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '*';
		if (!ok)
			return fail(p, arena_printf(p->arena, "Vendor %.*s is not valid", (int)colon, s.p));
	}
	return true;
}

/* Six parts, unless a wildcard or a variable stands for some of them. Resource policies name their resource as
 * their service likes. */
static bool check_resource(struct parse *p, struct str s)
{
	ASSERT(str_present(s));
	if (p->kind != POLICY_IDENTITY || str_eq(s, S("*")))
		return true;
	struct str rest = s;
	int parts = 0;
	while (str_present(rest) && parts < 6) {
		struct str part = str_cut(&rest, ':');
		if (parts++ == 0 && !str_eq(part, S("arn")) && str_find(part, '*') < 0 && str_find_str(part, S("${")) < 0)
			return fail(p, arena_printf(p->arena, "Resource %.*s must be in ARN format or \"*\".", STR_ARG(s)));
	}
	if (parts < 6 && str_find(s, '*') < 0 && str_find_str(s, S("${")) < 0)
		return fail(p, arena_printf(p->arena, "Resource %.*s must be in ARN format or \"*\".", STR_ARG(s)));
	return true;
}

static bool check_all(struct parse *p, const struct texts *t, bool (*check)(struct parse *, struct str))
{
	for (size_t i = 0; i < t->n; i++)
		if (!check(p, t->v[i]))
			return false;
	return true;
}

/* ---- conditions ---- */

static bool parse_conditions(struct parse *p, const struct json *j, struct statement *s)
{
	size_t n = 0;
	ASSERT(s->conditions == NULL && s->n_conditions == 0); /* a statement has one block: named_before */
	if (j->type != JSON_OBJECT)
		return fail(p, str_c(syntax));
	for (uint32_t i = 0; i < j->n; i++) {
		if (j->members[i].value.type != JSON_OBJECT)
			return fail(p, str_c(syntax));
		n += j->members[i].value.n;
	}
	s->conditions = arena_array(p->arena, struct condition, n);
	for (uint32_t i = 0; i < j->n; i++) {
		const struct json_member *op = &j->members[i];
		for (uint32_t k = 0; k < op->value.n; k++) {
			ASSERT(s->n_conditions < n);
			struct condition *c = &s->conditions[s->n_conditions++];
			if (!condition_parse_operator(op->key, c))
				return fail(p, arena_printf(p->arena, "Invalid Condition type : %.*s.", STR_ARG(op->key)));
			c->key = op->value.members[k].key;
			if (str_find(c->key, ':') <= 0)
				return fail(p, S("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."));
			if (!parse_texts(p, &op->value.members[k].value, false, &c->values))
				return false;
		}
	}
	ASSERT(s->n_conditions == n);
	return true;
}

/* ---- statements ---- */

static bool parse_member(struct parse *p, struct statement *s, struct str key, const struct json *value, bool *has_action)
{
	ASSERT(str_present(key) && value != NULL);
	if (str_eq(key, S("Sid"))) {
		s->sid = json_str(value);
		return str_present(s->sid) || fail(p, str_c(syntax));
	}
	if (str_eq(key, S("Effect"))) {
		struct str effect = json_str(value);
		s->allow = str_eq(effect, S("Allow"));
		if (s->allow || str_eq(effect, S("Deny")))
			return true;
		return fail(p, str_present(effect) ? arena_printf(p->arena, "Invalid effect: %.*s", STR_ARG(effect)) : str_c(syntax));
	}
	if (str_eq(key, S("Action")) || str_eq(key, S("NotAction"))) {
		if (*has_action)
			return fail(p, str_c(syntax));
		*has_action = true;
		s->not_action = key.n == 9;
		return parse_texts(p, value, true, &s->actions) && check_all(p, &s->actions, check_action);
	}
	if (str_eq(key, S("Resource")) || str_eq(key, S("NotResource"))) {
		if (p->kind == POLICY_TRUST)
			return fail(p, S("Has prohibited field Resource"));
		if (s->has_resource)
			return fail(p, str_c(syntax));
		s->has_resource = true;
		s->not_resource = key.n == 11;
		return parse_texts(p, value, true, &s->resources) && check_all(p, &s->resources, check_resource);
	}
	if (str_eq(key, S("Principal")) || str_eq(key, S("NotPrincipal"))) {
		if (p->kind == POLICY_IDENTITY)
			return fail(p, S("Policy document should not specify a principal."));
		if (s->principals.present)
			return fail(p, str_c(syntax));
		return parse_principals(p, value, key.n == 12, &s->principals);
	}
	if (str_eq(key, S("Condition")))
		return parse_conditions(p, value, s);
	return fail(p, p->kind == POLICY_TRUST ? arena_printf(p->arena, "Unknown field %.*s", STR_ARG(key)) : str_c(syntax));
}

/* Letters and digits where IAM checks; services allow more. */
static bool check_sid(struct parse *p, struct str sid)
{
	if (p->kind == POLICY_RESOURCE)
		return true; /* services allow more there */
	for (size_t i = 0; i < sid.n; i++) {
		char c = sid.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
			return fail(p, S("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"));
	}
	return true;
}

static bool parse_statement(struct parse *p, const struct json *j, struct statement *s)
{
	bool has_action = false;
	if (j->type != JSON_OBJECT)
		return fail(p, str_c(syntax));
	for (uint32_t i = 0; i < j->n; i++) {
		if (named_before(j, i))
			return fail(p, str_c(syntax));
		if (!parse_member(p, s, j->members[i].key, &j->members[i].value, &has_action))
			return false;
	}
	if (json_get(j, S("Effect")) == NULL)
		return fail(p, p->kind == POLICY_TRUST ? S("Missing required field Effect") : str_c(syntax));
	if (!has_action || s->actions.n == 0)
		return fail(p, p->kind == POLICY_TRUST ? S("Missing required field Action") : S("Policy statement must contain actions."));
	if (p->kind == POLICY_IDENTITY && (!s->has_resource || s->resources.n == 0))
		return fail(p, S("Policy statement must contain resources."));
	if (p->kind != POLICY_IDENTITY && !s->principals.present)
		return fail(p, S("Missing required field Principal"));
	return check_sid(p, s->sid);
}

static bool check_unique_sids(struct parse *p, const struct policy *policy)
{
	if (p->kind == POLICY_RESOURCE)
		return true;
	for (size_t i = 0; i < policy->n; i++)
		for (size_t k = 0; policy->v[i].sid.n > 0 && k < i; k++)
			if (str_eq(policy->v[i].sid, policy->v[k].sid))
				return fail(p, S("Statement IDs (SID) in a single policy must be unique."));
	return true;
}

static bool parse_document(struct parse *p, const struct json *root, struct policy *out)
{
	const struct json *statements = NULL;
	if (root->type != JSON_OBJECT)
		return fail(p, str_c(syntax));
	for (uint32_t i = 0; i < root->n; i++) {
		struct str key = root->members[i].key;
		const struct json *value = &root->members[i].value;
		if (named_before(root, i))
			return fail(p, str_c(syntax));
		if (str_eq(key, S("Version"))) {
			out->variables = str_eq(json_str(value), S("2012-10-17"));
			if (!out->variables && !str_eq(json_str(value), S("2008-10-17")))
				return fail(p, p->kind == POLICY_IDENTITY ? S("Policy document must be version 2012-10-17 or greater.") : str_c(syntax));
		} else if (str_eq(key, S("Statement"))) {
			statements = value;
		} else if (!str_eq(key, S("Id"))) {
			return fail(p, str_c(syntax));
		}
	}
	if (statements == NULL)
		return fail(p, str_c(syntax));
	bool list = statements->type == JSON_ARRAY;
	out->n = list ? statements->n : 1;
	if (out->n > STATEMENTS_MAX)
		return fail(p, S("Policy document has too many statements."));
	out->v = arena_array(p->arena, struct statement, out->n);
	for (size_t i = 0; i < out->n; i++)
		if (!parse_statement(p, list ? &statements->items[i] : statements, &out->v[i]))
			return false;
	ASSERT(out->n <= STATEMENTS_MAX);
	return check_unique_sids(p, out);
}

struct policy *policy_parse(struct arena *a, struct str document, enum policy_kind kind, struct str *why)
{
	struct parse p = {a, kind, STR_NONE};
	struct policy *out = arena_new_of(a, struct policy);
	ASSERT(why != NULL);
	out->magic = POLICY_MAGIC;
	struct json *root = json_parse(a, document, NULL);
	if (root == NULL)
		fail(&p, S("This policy contains invalid Json"));
	else if (parse_document(&p, root, out))
		return out;
	ASSERT(str_present(p.why));
	*why = p.why;
	return NULL;
}
