/* Questions about resource policies. See policies.h. */
#include "svc/policies.h"

#include "base/json.h"
#include "base/pattern.h"

/* "Statement" is one or a list. */
static size_t statements(const struct json *list) { return json_is(list, JSON_ARRAY) ? list->n : list != NULL ? 1 : 0; }
static const struct json *statement(const struct json *list, size_t i) { return json_is(list, JSON_ARRAY) ? &list->items[i] : list; }

static bool everyone(const struct json *principal)
{
	const struct json *aws = json_is(principal, JSON_OBJECT) ? json_get(principal, S("AWS")) : principal;
	if (str_eq(json_str(aws), S("*")))
		return true;
	for (uint32_t i = 0; json_is(aws, JSON_ARRAY) && i < aws->n; i++)
		if (str_eq(json_str(&aws->items[i]), S("*")))
			return true;
	return false;
}

/* Narrow enough to be somebody's: at least /8, or /32 of IPv6. */
static bool narrow(struct str cidr)
{
	struct str bits = cidr, address = str_cut(&bits, '/');
	int64_t n;
	bool six = str_find(address, ':') >= 0;
	if (!str_present(bits))
		return true; /* one address */
	return str_to_i64(bits, &n) && n >= (six ? 32 : 8);
}

/* Does the value mean someone? No wildcard and no variable, but after a role's id, or for the names of an account's access points. */
static bool fixed(struct str key, struct str value)
{
	if (str_eq_nocase(key, S("aws:SourceIp")))
		return narrow(value);
	if (str_find_str(value, S("${")) >= 0)
		return false;
	if (str_eq_nocase(key, S("aws:userid")) && str_ends(value, S(":*")))
		value = str_slice(value, 0, value.n - 2);
	ptrdiff_t name = str_eq_nocase(key, S("s3:DataAccessPointArn")) ? str_find_str(value, S(":accesspoint/")) : -1;
	if (name >= 0)
		value = str_slice(value, 0, (size_t)name);
	return value.n > 0 && str_find(value, '*') < 0 && str_find(value, '?') < 0;
}

static bool all_fixed(struct str key, const struct json *values)
{
	if (!json_is(values, JSON_ARRAY))
		return fixed(key, json_is(values, JSON_STRING) ? values->text : S(""));
	for (uint32_t i = 0; i < values->n; i++)
		if (!fixed(key, json_is(&values->items[i], JSON_STRING) ? values->items[i].text : S("")))
			return false;
	return values->n > 0;
}

/* An operator that a request without the key, or with another value, cannot satisfy. */
static bool demands(struct str op)
{
	return str_find_str(op, S("Not")) < 0 && !str_ends(op, S("IfExists")) && !str_starts(op, S("ForAllValues:")) && !str_eq(op, S("Null"));
}

/* Does a condition bind the statement to someone? Source: "The meaning of public" (S3 User Guide). */
static bool bound(const struct json *condition)
{
	static const char *const keys[] = {"aws:SourceIp", "aws:SourceArn", "aws:SourceVpc", "aws:SourceVpce", "aws:SourceOwner", "aws:SourceAccount",
		"aws:PrincipalOrgID", "aws:PrincipalArn", "aws:PrincipalAccount", "aws:userid", "s3:x-amz-server-side-encryption-aws-kms-key-id",
		"s3:DataAccessPointAccount", "s3:DataAccessPointArn"};
	for (uint32_t i = 0; json_is(condition, JSON_OBJECT) && i < condition->n; i++) {
		const struct json *pairs = &condition->members[i].value;
		if (!demands(condition->members[i].key))
			continue;
		for (uint32_t k = 0; json_is(pairs, JSON_OBJECT) && k < pairs->n; k++)
			for (size_t n = 0; n < COUNT_OF(keys); n++)
				if (str_eq_nocase(pairs->members[k].key, str_c(keys[n])) && all_fixed(pairs->members[k].key, &pairs->members[k].value))
					return true;
	}
	return false;
}

bool policy_public(struct arena *a, struct str text)
{
	const struct json *j = text.n > 0 ? json_parse(a, text, NULL) : NULL, *list = json_get(j, S("Statement"));
	for (size_t i = 0; i < statements(list); i++) {
		const struct json *s = statement(list, i);
		if (str_eq(json_get_str(s, "Effect"), S("Allow")) && everyone(json_get(s, S("Principal"))) && !bound(json_get(s, S("Condition"))))
			return true;
	}
	return false;
}

static bool within(const struct json *j, struct str whole, struct str below)
{
	struct str s = json_str(j);
	return str_present(s) && (str_eq(s, whole) || (str_starts(s, below) && s.n > below.n));
}

bool policy_resources_within(struct arena *a, struct str text, struct str whole, struct str below)
{
	const struct json *j = json_parse(a, text, NULL), *list = json_get(j, S("Statement"));
	for (size_t i = 0; i < statements(list); i++) {
		const struct json *r = json_get(statement(list, i), S("Resource"));
		size_t n = json_is(r, JSON_ARRAY) ? r->n : 1;
		for (size_t k = 0; k < n; k++)
			if (!within(json_is(r, JSON_ARRAY) ? &r->items[k] : r, whole, below))
				return false;
	}
	return true;
}
