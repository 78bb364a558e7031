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

/* Does a condition bind the statement to someone? Source: "The meaning of public" (S3 User Guide). */
static bool bound(const struct json *condition)
{
	static const char *const keys[] = {"aws:SourceIp", "aws:SourceArn", "aws:SourceVpc", "aws:SourceVpce", "aws:SourceOwner", "aws:SourceAccount",
		"aws:PrincipalOrgID", "aws:PrincipalArn", "aws:PrincipalAccount", "aws:userid", "s3:x-amz-server-side-encryption-aws-kms-key-id",
		"s3:DataAccessPointAccount", "s3:DataAccessPointArn"};
	for (uint32_t i = 0; json_is(condition, JSON_OBJECT) && i < condition->n; i++) {
		const struct json *pairs = &condition->members[i].value;
		for (uint32_t k = 0; json_is(pairs, JSON_OBJECT) && k < pairs->n; k++)
			for (size_t n = 0; n < COUNT_OF(keys); n++)
				if (str_eq_nocase(pairs->members[k].key, str_c(keys[n])))
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
