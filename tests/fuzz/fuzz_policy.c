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
	struct str why = STR_NONE, value = S("203.0.113.7");
	struct condition_key key = {S("aws:SourceIp"), &value, 1};
	enum policy_kind kind = size > 0 ? (enum policy_kind)(data[0] % 3) : POLICY_IDENTITY;
	struct policy *p = size > 0 ? policy_parse(a, str_of((const char *)data + 1, size - 1), kind, &why) : NULL;
	struct policy_request r = {.who = &who, .action = S("s3:GetObject"), .resource = S("arn:aws:s3:::b/k"), .keys = &key, .n_keys = 1};
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
