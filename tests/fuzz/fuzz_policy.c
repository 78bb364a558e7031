/* Any document is either refused with a message or can be evaluated. */
#include "auth/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct principal who = {
		.type = PRINCIPAL_USER, .account = STR_INIT("111122223333"), .arn = STR_INIT("arn:aws:iam::111122223333:user/alice"),
		.name = STR_INIT("alice"), .user_id = STR_INIT("AIDACKCEVSQ6C2EXAMPLE"),
	};
	struct arena *a = arena_new(0);
	/* A key of each kind that operators compare, and one of several values. */
	struct str why = STR_NONE, ip = S("203.0.113.7"), time = S("2026-11-30T12:00:00Z"), epoch = S("1700000000"), yes = S("true"),
	           arn = S("arn:aws:sns:us-east-1:111122223333:topic"), size_text = S("12.5"), bytes = S("AAEC"), odd = S("x");
	const struct str tags[] = {S("a"), S("team"), S("")};
	const struct condition_key keys[] = {{S("aws:SourceIp"), &ip, 1}, {S("aws:CurrentTime"), &time, 1}, {S("aws:EpochTime"), &epoch, 1},
		{S("aws:SecureTransport"), &yes, 1}, {S("aws:SourceArn"), &arn, 1}, {S("s3:max-keys"), &size_text, 1}, {S("s3:bytes"), &bytes, 1},
		{S("aws:TagKeys"), tags, COUNT_OF(tags)}, {S("aws:PrincipalTag/team"), &odd, 1}};
	enum policy_kind kind = size > 0 ? (enum policy_kind)(data[0] % 3) : POLICY_IDENTITY;
	struct policy *p = size > 0 ? policy_parse(a, str_of((const char *)data + 1, size - 1), kind, &why) : NULL;
	struct policy_request r = {.who = &who, .action = S("s3:GetObject"), .resource = S("arn:aws:s3:::b/k"), .keys = keys, .n_keys = COUNT_OF(keys)};
	if (p != NULL) {
		struct policy_input in = {.resource = p};
		if (kind == POLICY_IDENTITY)
			in = (struct policy_input){.identity = {&p, 1}, .boundary = p};
		struct verdict v = policy_evaluate(a, &r, &in);
		if (v.decision != DECISION_ALLOW)
			(void)policy_denial(a, &r, v);
	} else {
		ASSERT(size == 0 || str_present(why));
	}
	arena_free(a);
	return 0;
}
