/* What goes into a session beside the principal: its policy, its tags, and whether a second factor was shown.
 *
 * What always holds: a policy that goes into a token parses, and managed ones that it names were there; all of it is bounded, because
 * a token travels in a header with every request.
 *
 * Source: STS API Reference, "Session policies", "Pass session tags in AWS STS" (IAM User Guide). */
#include "sts.h"

enum { TAGS_MAX = 50, TOKEN_TEXT_MAX = 6144, ARNS_MAX = 10 };

struct sts_Credentials *credentials_out(struct call *c, struct session s)
{
	ASSERT(str_present(s.access_key) && str_present(s.secret) && str_present(s.token) && s.expires_ms > c->now_ms);
	struct sts_Credentials *out = arena_new_of(c->arena, struct sts_Credentials);
	*out = (struct sts_Credentials){s.access_key, s.secret, s.token, SOME_TIME(s.expires_ms)};
	return out;
}

bool only_supported(struct call *c, struct opt_i64 minimum_size)
{
	if (minimum_size.set)
		call_unsupported(c, "MinimumSessionTokenSize");
	return !c->failed;
}

bool mfa_ok(struct call *c, struct str serial, struct str token_code, bool *used)
{
	*used = false;
	if (!str_present(serial) && !str_present(token_code))
		return true;
	if (!str_present(serial) || !str_present(token_code)) {
		call_fail_code(c, 403, "AccessDenied", "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.");
		return false;
	}
	switch (mfa_spend(c, c->who, serial, token_code)) {
	case MFA_GOOD:
		*used = true;
		break;
	case MFA_NO_DEVICE:
		call_fail_code(c, 403, "AccessDenied", "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA "
			"serial number is valid and associated with this user.");
		break;
	case MFA_BAD_CODE:
		call_fail_code(c, 403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. ");
		break;
	}
	return *used;
}

/* Is there such a managed policy? Asked as root of the account: the caller needs no permission to name one. */
static bool policy_exists(struct call *c, struct str account, struct str arn)
{
	struct principal *root = arena_new_of(c->arena, struct principal);
	*root = (struct principal){.type = PRINCIPAL_ROOT, .account = account, .user_id = account,
		.arn = arena_join(c->arena, S("arn:aws:iam::"), account, S(":root"))};
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "PolicyArn", arn);
	struct invoked r = invoke(c, "iam", "GetPolicy", in, &(struct invoke_options){.who = root, .account = account});
	if (!r.ok && !r.parked)
		call_fail_as(c, &r.error);
	return r.ok;
}

/* {"PolicyArns": [...], "Version": ..., "Statement": [...]}: iam reads the managed ones when it evaluates. */
static struct str with_arns(struct call *c, struct json *document, struct list arns)
{
	struct arena *a = c->arena;
	if (document == NULL) {
		document = json_new_object(a);
		json_set_str(a, document, "Version", S("2012-10-17"));
		json_set(a, document, S("Statement"), json_new_array(a));
	}
	struct json *list = json_new_array(a);
	for (uint32_t i = 0; i < arns.n; i++)
		json_push(a, list, json_new_str(a, LIST_AT(arns, struct sts_PolicyDescriptorType, i)->arn));
	json_set(a, document, S("PolicyArns"), list);
	return json_text(a, document);
}

bool session_policy(struct call *c, struct str account, struct str document, struct list arns, struct str *out, int64_t *packed)
{
	struct str why;
	*out = STR_NONE;
	*packed = 0;
	struct json *j = str_present(document) ? json_parse(c->arena, document, NULL) : NULL;
	if (str_present(document) && policy_parse(c->arena, document, POLICY_IDENTITY, &why) == NULL) {
		call_fail(c, &sts_err_MalformedPolicyDocumentException, "%.*s", STR_ARG(why));
		return false;
	}
	if (arns.n > ARNS_MAX) {
		call_fail_code(c, 400, "ValidationError", "The number of policy ARNs must not exceed %d.", ARNS_MAX);
		return false;
	}
	for (uint32_t i = 0; i < arns.n; i++)
		if (!policy_exists(c, account, LIST_AT(arns, struct sts_PolicyDescriptorType, i)->arn))
			return false;
	if (arns.n > 0)
		*out = with_arns(c, j, arns);
	else if (j != NULL)
		*out = json_text(c->arena, j);
	if (out->n > TOKEN_TEXT_MAX) {
		call_fail(c, &sts_err_PackedPolicyTooLargeException, "Packed size of session policies and tags exceeds the quota");
		return false;
	}
	*packed = (int64_t)((out->n * 100 + TOKEN_TEXT_MAX - 1) / TOKEN_TEXT_MAX);
	return true;
}

bool session_tags(struct call *c, struct list tags, struct param_tag **out, size_t *n)
{
	ASSERT(tags.n <= TAGS_MAX); /* the model's constraint */
	struct param_tag *v = arena_array(c->arena, struct param_tag, tags.n);
	for (uint32_t i = 0; i < tags.n; i++) {
		const struct sts_Tag *t = LIST_AT(tags, struct sts_Tag, i);
		if (str_starts_nocase(t->Key, S("aws:"))) {
			call_fail_code(c, 400, "InvalidParameterValue", "The tag key %.*s is reserved: keys must not begin with aws:", STR_ARG(t->Key));
			return false;
		}
		for (uint32_t k = 0; k < i; k++)
			if (str_eq_nocase(v[k].key, t->Key)) {
				call_fail_code(c, 400, "InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
				return false;
			}
		v[i] = (struct param_tag){t->Key, t->Value, false};
	}
	*out = v;
	*n = tags.n;
	return true;
}

bool session_small_enough(struct call *c, const struct principal *who)
{
	if (!session_fits(who))
		call_fail(c, &sts_err_PackedPolicyTooLargeException, "Packed size of session policies and tags exceeds the quota");
	return !c->failed;
}
