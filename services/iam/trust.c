/* Trust policies: what IAM checks beyond their grammar when a role gets one.
 *
 * Principals of the account itself must be there, because AWS replaces them by their unique ids; those of other accounts are
 * taken as they are (README.md). Source: "Troubleshoot IAM roles", "AWS JSON policy elements: Principal" (IAM User Guide). */
#include "iam.h"

#include "svc/arn.h"

enum { TRUST_MAX = 2048 };

static bool malformed(struct call *c, const char *kind, struct str principal)
{
	call_fail(c, &iam_err_MalformedPolicyDocumentException, "Invalid principal in policy: \"%s\":\"%.*s\"", kind, STR_ARG(principal));
	return false;
}

/* "lambda.amazonaws.com": which services there are changes, their names' form does not. */
static bool service_ok(struct call *c, struct str name)
{
	static const struct str ends[] = {STR_INIT(".amazonaws.com"), STR_INIT(".amazonaws.com.cn"), STR_INIT(".aws.internal"), STR_INIT(".aws.com")};
	for (size_t i = 0; i < COUNT_OF(ends); i++)
		if (name.n > ends[i].n && str_ends(name, ends[i]))
			return true;
	return malformed(c, "SERVICE", name);
}

/* A user or a role of this account is there; everything else is not for us to know. */
static bool account_ok(struct call *c, struct str text)
{
	struct arn arn;
	if (!arn_parse(text, &arn) || !str_eq(arn.service, S("iam")) || !str_eq(arn.account, c->account))
		return true;
	static const struct { struct str word; enum kind kind; } words[] = {{STR_INIT("user/"), KIND_USER}, {STR_INIT("role/"), KIND_ROLE}};
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (!str_starts(arn.resource, words[i].word))
			continue;
		const struct iam_Entity *e = entity_find(c, words[i].kind, str_slice(arn.resource, (size_t)str_rfind(arn.resource, '/') + 1, arn.resource.n));
		return (e != NULL && str_eq(entity_arn(c, words[i].kind, e), text)) || malformed(c, "AWS", text);
	}
	return true;
}

/* Ask of one text, or of each of a list. */
static bool each_ok(struct call *c, const struct json *j, bool (*ok)(struct call *c, struct str text))
{
	if (json_is(j, JSON_STRING))
		return ok(c, j->text);
	for (uint32_t i = 0; json_is(j, JSON_ARRAY) && i < j->n; i++)
		if (!ok(c, json_str(&j->items[i])))
			return false;
	return true;
}

static bool action_ok(struct call *c, struct str action)
{
	if (str_eq(action, S("*")) || str_starts_nocase(action, S("sts:")))
		return true;
	call_fail(c, &iam_err_MalformedPolicyDocumentException, "AssumeRole policy may only specify STS AssumeRole actions.");
	return false;
}

static bool statement_ok(struct call *c, const struct json *statement)
{
	const struct json *principal = json_get(statement, S("Principal"));
	return each_ok(c, json_get(statement, S("Action")), action_ok) && each_ok(c, json_get(principal, S("Service")), service_ok) &&
	       each_ok(c, json_get(principal, S("AWS")), account_ok);
}

bool trust_ok(struct call *c, struct str document)
{
	if (document_size(document) > TRUST_MAX) {
		call_fail(c, &iam_err_LimitExceededException, "Cannot exceed quota for ACLSizePerRole: %d", TRUST_MAX);
		return false;
	}
	if (!document_ok(c, document, POLICY_TRUST))
		return false;
	const struct json *statements = json_get(json_parse(c->arena, document, NULL), S("Statement"));
	ASSERT(statements != NULL); /* it has parsed as a policy */
	if (json_is(statements, JSON_OBJECT))
		return statement_ok(c, statements);
	for (uint32_t i = 0; i < statements->n; i++)
		if (!statement_ok(c, &statements->items[i]))
			return false;
	return true;
}
