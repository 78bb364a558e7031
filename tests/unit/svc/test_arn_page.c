/* ARNs and page tokens. */
#include "svc/arn.h"
#include "svc/page.h"
#include "../check.h"

/* IAM User Guide, "Identify AWS resources with Amazon Resource Names (ARNs)". */
static void arns(void **state UNUSED)
{
	struct arn a;
	assert_true(arn_parse(S("arn:aws:lambda:us-east-1:123456789012:function:hello:1"), &a));
	assert_str(a.partition, S("aws"));
	assert_str(a.service, S("lambda"));
	assert_str(a.region, S("us-east-1"));
	assert_str(a.account, S("123456789012"));
	assert_str(a.resource, S("function:hello:1"));
	assert_true(arn_parse(S("arn:aws:s3:::bucket/key:with:colons"), &a));
	assert_str(a.region, S(""));
	assert_str(a.resource, S("bucket/key:with:colons"));
	static const char *const bad[] = {"", "arn", "arn:aws", "arn:aws:s3", "arn:aws:s3:::", "arn:aws:s3::", "ARN:aws:s3:::b", "xarn:aws:s3:::b",
	                                  "arn::s3:::b", "arn:aws::::b"};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (arn_parse(str_c(bad[i]), &a))
			fail_msg("accepted %s", bad[i]);
	assert_false(arn_parse(STR_NONE, &a));
}

static void making_arns(void **state UNUSED)
{
	assert_str(arn_make(arena, "sqs", S("us-east-1"), S("000000000000"), S("q")), S("arn:aws:sqs:us-east-1:000000000000:q"));
	assert_str(arn_make(arena, "s3", S(""), STR_NONE, S("b/k")), S("arn:aws:s3:::b/k"));
	assert_str(arn_make(arena, "sqs", S("cn-north-1"), S("1"), S("q")), S("arn:aws-cn:sqs:cn-north-1:1:q"));
	assert_str(arn_make(arena, "sqs", S("us-gov-west-1"), S("1"), S("q")), S("arn:aws-us-gov:sqs:us-gov-west-1:1:q"));
}

static void tokens(void **state UNUSED)
{
	struct str at, token = page_token(arena, S("key\0\xff"));
	assert_true(page_position(arena, token, &at));
	assert_str(at, S("key\0\xff"));
	assert_true(page_position(arena, page_token(arena, S("")), &at));
	assert_str(at, S(""));
	assert_true(page_position(arena, STR_NONE, &at));
	assert_absent(at);
	assert_false(page_position(arena, S(""), &at));
	assert_false(page_position(arena, S("not a token"), &at));
	assert_false(page_position(arena, S("AAAAAAAAAAAAAAAA"), &at));
	assert_false(page_position(arena, str_slice(token, 0, token.n - 2), &at));
	assert_absent(at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(arns), TEST(making_arns), TEST(tokens)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
