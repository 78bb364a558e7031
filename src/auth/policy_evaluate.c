/* The decision: which statements apply, and how the kinds of policies work together.
 *
 * What always holds: an explicit deny anywhere decides; nothing is allowed that no statement allows, root aside. Pure.
 *
 * Source: "Policy evaluation logic", "Policy evaluation for requests within a single account", "Cross-account policy
 * evaluation logic", "AWS JSON policy elements: Principal" and "NotPrincipal" (IAM User Guide). */
#include "auth/policy_internal.h"

static const char by_identity[] = "identity-based policy", by_resource[] = "resource-based policy",
                  by_boundary[] = "permissions boundary", by_session[] = "session policy";

/* How closely a statement names the principal: the account as a whole leaves the decision to the account's identity
 * policies; the role's ARN is held by boundary and session policy; the very session or user is not. */
enum closeness { NAMES_NOT, NAMES_ACCOUNT, NAMES_ROLE, NAMES_IT };

/* ---- principals ---- */

static bool is_root_arn_of(struct str s, struct str account)
{
	/* arn:aws:iam::123456789012:root, in any partition */
	struct str rest = s;
	static const char *const parts[] = {"arn", NULL, "iam", ""};
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		struct str part = str_cut(&rest, ':');
		if (!str_present(rest) || (parts[i] != NULL && !str_eq(part, str_c(parts[i]))))
			return false;
	}
	struct str owner = str_cut(&rest, ':');
	return str_present(account) && str_eq(owner, account) && str_eq(rest, S("root"));
}

static enum closeness names_aws(struct str s, const struct principal *who)
{
	if (str_eq(s, S("*"))) /* the same as "Principal": "*": everyone, AWS's services too ("All principals") */
		return NAMES_IT;
	if (who->type == PRINCIPAL_SERVICE || who->type == PRINCIPAL_ANONYMOUS)
		return NAMES_NOT;
	if (str_eq(s, who->account) || is_root_arn_of(s, who->account))
		return who->type == PRINCIPAL_ROOT ? NAMES_IT : NAMES_ACCOUNT;
	if (str_eq(s, who->arn))
		return NAMES_IT;
	if (str_present(who->role_arn) && str_eq(s, who->role_arn))
		return NAMES_ROLE;
	/* unique ids: AIDA... of a user, AROA... of a role, AROA...:session */
	struct str rest = who->user_id, id = str_present(rest) ? str_cut(&rest, ':') : STR_NONE;
	if (id.n >= 16 && str_eq(s, id))
		return who->type == PRINCIPAL_ASSUMED_ROLE ? NAMES_ROLE : NAMES_IT;
	return who->user_id.n >= 16 && str_eq(s, who->user_id) ? NAMES_IT : NAMES_NOT;
}

static enum closeness names(const struct principals *p, const struct principal *who)
{
	ASSERT(who != NULL && p->present);
	enum closeness best = p->everyone ? NAMES_IT : NAMES_NOT;
	for (size_t i = 0; i < p->aws.n; i++) {
		enum closeness c = names_aws(p->aws.v[i], who);
		best = c > best ? c : best;
	}
	if (who->type == PRINCIPAL_SERVICE)
		for (size_t i = 0; i < p->service.n; i++)
			if (str_eq(p->service.v[i], S("*")) || str_eq_nocase(p->service.v[i], who->name))
				best = NAMES_IT;
	if (who->type == PRINCIPAL_FEDERATED)
		for (size_t i = 0; i < p->federated.n; i++)
			if (str_eq(p->federated.v[i], who->name) || str_eq(p->federated.v[i], who->arn))
				best = NAMES_IT;
	return best;
}

/* ---- one statement ---- */

/* Can a pattern that starts with this byte match a text that starts with that one? Most of a long list cannot. */
static inline bool may_start(char p, char s) { return p == '*' || p == '?' || p == '$' || ((p ^ s) & ~32) == 0; }

/* Actions compare without case, resources with it. */
static bool any_matches(const struct match *m, const struct texts *t, struct str s, bool ignore_case)
{
	ASSERT(s.n > 0);
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].n > 0 && may_start(t->v[i].p[0], s.p[0]) && match_glob(m, t->v[i], s, ignore_case))
			return true;
	return false;
}

static bool conditions_hold(const struct match *m, const struct statement *s)
{
	for (size_t i = 0; i < s->n_conditions; i++)
		if (!condition_holds(m, &s->conditions[i]))
			return false;
	return true;
}

static bool statement_applies(const struct match *m, const struct statement *s)
{
	ASSERT(s->actions.n > 0 && m->r->action.n > 0); /* the grammar; the request */
	if (any_matches(m, &s->actions, m->r->action, true) == s->not_action)
		return false;
	if (s->has_resource && any_matches(m, &s->resources, m->r->resource, false) == s->not_resource)
		return false;
	return conditions_hold(m, s);
}

/* ---- one document ---- */

struct finding { bool denied; enum closeness allowed; };

/* For identity policies every allow is NAMES_IT. */
static struct finding look(struct arena *a, const struct policy_request *r, const struct policy *p, bool has_principals)
{
	CHECK_MAGIC(p, POLICY_MAGIC);
	ASSERT(p->n == 0 || p->v != NULL);
	struct match m = {a, r, p->variables};
	struct finding f = {false, NAMES_NOT};
	for (size_t i = 0; i < p->n; i++) {
		const struct statement *s = &p->v[i];
		enum closeness close = NAMES_IT;
		ASSERT(has_principals || !s->principals.present); /* the grammar of its kind */
		if (has_principals) {
			close = names(&s->principals, r->who);
			if (s->principals.negated) /* spared is only who is named itself: its account or its role is not enough */
				close = close == NAMES_IT ? NAMES_NOT : NAMES_IT;
		}
		if (close == NAMES_NOT || (s->allow && close <= f.allowed) || !statement_applies(&m, s))
			continue;
		if (s->allow)
			f.allowed = close;
		else
			f.denied = true;
	}
	return f;
}

/* A deny in any of them denies; the closest allow of any of them allows. */
static struct finding look_set(struct arena *a, const struct policy_request *r, struct policy_set set)
{
	struct finding all = {false, NAMES_NOT};
	for (size_t i = 0; i < set.n; i++) {
		ASSERT(set.v[i] != NULL);
		struct finding f = look(a, r, set.v[i], false);
		all.denied |= f.denied;
		all.allowed = f.allowed > all.allowed ? f.allowed : all.allowed;
	}
	return all;
}

size_t policy_statements(const struct policy *p)
{
	CHECK_MAGIC(p, POLICY_MAGIC);
	return p->n;
}

size_t policy_applying(struct arena *a, const struct policy *p, const struct policy_request *r, size_t *out, bool *allows)
{
	CHECK_MAGIC(p, POLICY_MAGIC);
	struct match m = {a, r, p->variables};
	size_t n = 0;
	for (size_t i = 0; i < p->n; i++) {
		if (!statement_applies(&m, &p->v[i]))
			continue;
		ASSERT(n < p->n);
		allows[n] = p->v[i].allow;
		out[n++] = i;
	}
	return n;
}

bool policy_key_known(struct arena *a, const struct policy_request *r, struct str name)
{
	struct match m = {a, r, true};
	return match_key(&m, name).present;
}

/* ---- the whole ---- */

static struct verdict allow(const char *by) { return (struct verdict){DECISION_ALLOW, by}; }
static struct verdict deny(const char *by) { return (struct verdict){DECISION_EXPLICIT_DENY, by}; }
static struct verdict lacks(const char *by) { return (struct verdict){DECISION_IMPLICIT_DENY, by}; }

/* A resource that names no account (a bucket) is its owner's, which the caller of the evaluation says. */
static bool crosses_accounts(const struct policy_request *r)
{
	ASSERT(r->who != NULL);
	return str_present(r->resource_account) && str_present(r->who->account) && !str_eq(r->resource_account, r->who->account);
}

struct verdict policy_evaluate(struct arena *a, const struct policy_request *r, const struct policy_input *in)
{
	ASSERT(r->who != NULL && r->action.n > 0 && r->resource.n > 0);
	enum principal_type type = r->who->type;
	bool has_identity = type != PRINCIPAL_SERVICE && type != PRINCIPAL_ANONYMOUS, root = type == PRINCIPAL_ROOT;
	struct finding identity = {0}, boundary = {false, NAMES_IT}, session = {false, NAMES_IT}, resource = {0};
	if (has_identity && !root)
		identity = look_set(a, r, in->identity);
	if (root)
		identity.allowed = NAMES_IT;
	if (has_identity && !root && in->boundary != NULL)
		boundary = look(a, r, in->boundary, false);
	if (has_identity && in->session != NULL)
		session = look(a, r, in->session, false);
	if (in->resource != NULL)
		resource = look(a, r, in->resource, true);

	if (identity.denied)
		return deny(by_identity);
	if (resource.denied)
		return deny(by_resource);
	if (boundary.denied)
		return deny(by_boundary);
	if (session.denied)
		return deny(by_session);

	if (!has_identity)
		return resource.allowed != NAMES_NOT ? allow(by_resource) : lacks(by_resource);
	bool cross = crosses_accounts(r);
	if ((cross || in->resource_decides) && resource.allowed == NAMES_NOT)
		return lacks(by_resource);
	if (!cross && resource.allowed == NAMES_IT)
		return allow(by_resource);
	/* A grant to the role stands in for its identity policies; one to the account does not. */
	bool by_grant = !cross && resource.allowed == NAMES_ROLE;
	if (identity.allowed == NAMES_NOT && !by_grant)
		return lacks(by_identity);
	if (boundary.allowed == NAMES_NOT)
		return lacks(by_boundary);
	if (session.allowed == NAMES_NOT)
		return lacks(by_session);
	return allow(by_grant ? by_resource : by_identity);
}

struct verdict policy_evaluate_trust(struct arena *a, const struct policy *trust, const struct policy_request *r)
{
	ASSERT(trust != NULL && r->who != NULL);
	struct finding f = look(a, r, trust, true);
	if (f.denied)
		return deny(by_resource);
	return f.allowed != NAMES_NOT ? allow(by_resource) : lacks(by_resource);
}

struct str policy_denial(struct arena *a, const struct policy_request *r, struct verdict v)
{
	ASSERT(v.decision != DECISION_ALLOW && v.by != NULL);
	struct str who = str_present(r->who->arn) ? r->who->arn : r->who->type == PRINCIPAL_SERVICE ? r->who->name : S("anonymous");
	struct str head = arena_printf(a, "User: %.*s is not authorized to perform: %.*s on resource: %.*s",
		STR_ARG(who), STR_ARG(r->action), STR_ARG(r->resource));
	if (v.decision == DECISION_EXPLICIT_DENY)
		return arena_printf(a, "%.*s with an explicit deny in %s %s", STR_ARG(head), v.by == by_identity ? "an" : "a", v.by);
	return arena_printf(a, "%.*s because no %s allows the %.*s action", STR_ARG(head), v.by, STR_ARG(r->action));
}
