/* Patterns of policies: wildcards, policy variables, and the values of condition keys.
 *
 * What always holds: the value of a variable is text; a '*' in it is not a wildcard. Matching takes linear time for
 * one '*' and at most the product of the lengths otherwise, both bounded by the documents' limits.
 *
 * Source: "IAM policy elements: Variables and tags", "AWS global condition context keys" (IAM User Guide). */
#include "auth/policy_internal.h"

#include "base/time.h"

/* A pattern after its variables are replaced: wild[i] says whether text[i] is a wildcard. NULL: every '*' and '?' is. */
struct glob { struct str text; const bool *wild; };

static inline unsigned char fold(char c, bool ignore_case)
{
	unsigned char u = (unsigned char)c;
	return ignore_case && u >= 'A' && u <= 'Z' ? (unsigned char)(u + 32) : u;
}

static inline bool is_wild(const struct glob *g, size_t i, char c)
{
	return g->text.p[i] == c && (g->wild == NULL || g->wild[i]);
}

static bool glob_run(const struct glob *g, struct str s, bool ignore_case)
{
	ASSERT(g->text.n == 0 || g->text.p != NULL);
	size_t p = 0, i = 0, star = SIZE_MAX, star_i = 0;
	while (i < s.n) {
		if (p < g->text.n && is_wild(g, p, '*')) {
			star = p++;
			star_i = i;
		} else if (p < g->text.n && (is_wild(g, p, '?') || fold(g->text.p[p], ignore_case) == fold(s.p[i], ignore_case))) {
			p++;
			i++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			i = ++star_i;
		} else {
			return false;
		}
	}
	while (p < g->text.n && is_wild(g, p, '*'))
		p++;
	ASSERT(p <= g->text.n);
	return p == g->text.n;
}

/* ---- variables ---- */

/* The value of what stands between "${" and "}": a key, a key with a default, or one of the three escapes. */
static struct str variable_value(const struct match *m, struct str name)
{
	if (name.n == 1 && (name.p[0] == '*' || name.p[0] == '?' || name.p[0] == '$'))
		return name;
	struct str otherwise = STR_NONE, key = name;
	ptrdiff_t comma = str_find(name, ',');
	if (comma >= 0) {
		key = str_slice(name, 0, (size_t)comma);
		otherwise = str_trim(str_slice(name, (size_t)comma + 1, name.n));
		if (otherwise.n >= 2 && otherwise.p[0] == '\'' && otherwise.p[otherwise.n - 1] == '\'')
			otherwise = str_slice(otherwise, 1, otherwise.n - 1);
	}
	struct key_values v = match_key(m, str_trim(key));
	return v.present && v.n == 1 ? v.v[0] : otherwise; /* multi-valued keys cannot be variables */
}

/* Where a variable starting at `at` ends (index of '}'), or -1. */
static ptrdiff_t variable_end(struct str text, size_t at)
{
	ASSERT(at < text.n);
	if (text.n - at < 3 || text.p[at] != '$' || text.p[at + 1] != '{')
		return -1;
	ptrdiff_t end = str_find(str_slice(text, at + 2, text.n), '}');
	ASSERT(end < 0 || (size_t)end + at + 2 < text.n);
	return end < 0 ? -1 : end + (ptrdiff_t)at + 2;
}

static bool has_variables(const struct match *m, struct str text)
{
	return m->variables && str_find_str(text, S("${")) >= 0;
}

/* false: a variable has no value. */
static bool expand(const struct match *m, struct str text, struct glob *out)
{
	ASSERT(m->variables && m->arena != NULL);
	struct buf chars, wild;
	buf_init(&chars, m->arena, 0);
	buf_init(&wild, m->arena, 0);
	for (size_t i = 0; i < text.n; i++) {
		ptrdiff_t end = variable_end(text, i);
		if (end < 0) {
			buf_putc(&chars, text.p[i]);
			buf_putc(&wild, true);
			continue;
		}
		struct str value = variable_value(m, str_slice(text, i + 2, (size_t)end));
		if (!str_present(value))
			return false;
		buf_str(&chars, value);
		for (size_t k = 0; k < value.n; k++)
			buf_putc(&wild, false);
		i = (size_t)end;
	}
	ASSERT(chars.n == wild.n);
	*out = (struct glob){buf_view(&chars), (const bool *)buf_view(&wild).p};
	return true;
}

struct str match_expand(const struct match *m, struct str text)
{
	struct glob g;
	if (!has_variables(m, text))
		return text;
	return expand(m, text, &g) ? g.text : STR_NONE;
}

bool match_glob(const struct match *m, struct str pattern, struct str s, bool ignore_case)
{
	struct glob g = {pattern, NULL};
	if (has_variables(m, pattern) && !expand(m, pattern, &g))
		return false;
	return glob_run(&g, s, ignore_case);
}

/* Cut the first five colon-separated parts off; the sixth is the rest. */
static struct glob cut_part(struct glob *rest, bool last)
{
	ASSERT(str_present(rest->text));
	struct glob part = *rest;
	ptrdiff_t colon = last ? -1 : str_find(rest->text, ':');
	if (colon < 0) {
		rest->text = STR_NONE;
		return part;
	}
	part.text.n = (size_t)colon;
	rest->text = str_slice(rest->text, (size_t)colon + 1, rest->text.n);
	if (rest->wild != NULL)
		rest->wild += colon + 1;
	return part;
}

bool match_arn(const struct match *m, struct str pattern, struct str s)
{
	struct glob p = {pattern, NULL}, v = {s, NULL};
	if (has_variables(m, pattern) && !expand(m, pattern, &p))
		return false;
	if (p.text.n == 1 && is_wild(&p, 0, '*'))
		return true;
	for (int i = 0; i < 6; i++) {
		if (!str_present(p.text) || !str_present(v.text))
			return false;
		struct glob part = cut_part(&p, i == 5), value = cut_part(&v, i == 5);
		if (!glob_run(&part, value.text, false))
			return false;
	}
	return true;
}

/* ---- keys ---- */

static struct key_values one(const struct match *m, struct str value)
{
	if (!str_present(value))
		return (struct key_values){0};
	struct str *v = arena_new_of(m->arena, struct str);
	*v = value;
	return (struct key_values){v, 1, true};
}

static struct key_values principal_tag(const struct match *m, const struct principal *who, struct str tag)
{
	ASSERT(who->n_tags == 0 || who->tags != NULL);
	for (size_t i = 0; i < who->n_tags; i++)
		if (str_eq_nocase(who->tags[i].key, tag))
			return one(m, who->tags[i].value);
	return (struct key_values){0};
}

/* The words of aws:PrincipalType. Services have none. */
static struct str principal_type(const struct principal *who)
{
	switch (who->type) {
	case PRINCIPAL_ROOT: return S("Account");
	case PRINCIPAL_USER: return S("User");
	case PRINCIPAL_ASSUMED_ROLE: return S("AssumedRole");
	case PRINCIPAL_FEDERATED: return S("FederatedUser");
	case PRINCIPAL_SERVICE: return STR_NONE;
	case PRINCIPAL_ANONYMOUS: return S("Anonymous");
	}
	return STR_NONE;
}

static struct str resource_account(const struct policy_request *r)
{
	if (str_present(r->resource_account))
		return r->resource_account;
	struct str rest = r->resource, part = STR_NONE;
	for (int i = 0; i < 5 && str_present(rest); i++)
		part = str_cut(&rest, ':');
	return str_present(rest) && part.n == 12 ? part : r->who->account;
}

/* Global keys that the principal alone decides. `name` is what follows "aws:". */
static struct key_values global_key(const struct match *m, struct str name)
{
	ASSERT(m->r->who != NULL);
	const struct principal *who = m->r->who;
	bool service = who->type == PRINCIPAL_SERVICE, is_signed = who->type != PRINCIPAL_ANONYMOUS;
	bool session = who->token_issued_ms > 0;
	if (str_starts_nocase(name, S("PrincipalTag/")))
		return principal_tag(m, who, str_slice(name, 13, name.n));
	if (str_eq_nocase(name, S("PrincipalArn")))
		return one(m, !is_signed || service ? STR_NONE : str_present(who->role_arn) ? who->role_arn : who->arn);
	if (str_eq_nocase(name, S("PrincipalAccount")))
		return one(m, service ? STR_NONE : who->account);
	if (str_eq_nocase(name, S("PrincipalType")))
		return one(m, principal_type(who));
	if (str_eq_nocase(name, S("userid")))
		return one(m, who->user_id);
	if (str_eq_nocase(name, S("username")))
		return one(m, who->type == PRINCIPAL_USER ? who->name : STR_NONE);
	if (str_eq_nocase(name, S("PrincipalIsAWSService")))
		return one(m, !is_signed ? STR_NONE : service ? S("true") : S("false"));
	if (str_eq_nocase(name, S("PrincipalServiceName")) || str_eq_nocase(name, S("PrincipalServiceNamesList")))
		return one(m, service ? who->name : STR_NONE);
	if (str_eq_nocase(name, S("ViaAWSService")))
		return one(m, S("false"));
	if (str_eq_nocase(name, S("SourceArn")))
		return one(m, who->source_arn);
	if (str_eq_nocase(name, S("SourceAccount")))
		return one(m, who->source_account);
	if (str_eq_nocase(name, S("SourceIdentity")))
		return one(m, who->source_identity);
	if (str_eq_nocase(name, S("TokenIssueTime")))
		return one(m, session ? time_iso8601(m->arena, who->token_issued_ms) : STR_NONE);
	if (str_eq_nocase(name, S("MultiFactorAuthPresent")))
		return one(m, session ? (who->mfa ? S("true") : S("false")) : STR_NONE);
	if (str_eq_nocase(name, S("ResourceAccount")))
		return one(m, resource_account(m->r));
	return (struct key_values){0};
}

struct key_values match_key(const struct match *m, struct str name)
{
	ASSERT(m->r->n_keys == 0 || m->r->keys != NULL);
	for (size_t i = 0; i < m->r->n_keys; i++) {
		const struct condition_key *k = &m->r->keys[i];
		ASSERT(str_present(k->name) && (k->n == 0 || k->values != NULL));
		if (str_eq_nocase(k->name, name))
			return (struct key_values){k->values, k->n, true};
	}
	if (!str_starts_nocase(name, S("aws:")))
		return (struct key_values){0};
	return global_key(m, str_slice(name, 4, name.n));
}
