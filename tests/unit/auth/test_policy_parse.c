/* The grammar of policies, and IAM's message for each fault. Follows "Grammar of the IAM JSON policy language" (IAM
 * User Guide) and the answers of CreatePolicy, PutRolePolicy and CreateRole. */
#include "policy_fixture.h"

#define OK "{'Effect':'Allow','Action':'s3:*','Resource':'*'}"

static void refuses(enum policy_kind kind, const char *text, const char *message)
{
	char *json = arena_bytes(a, strlen(text) + 1);
	struct str why = STR_NONE;
	for (size_t i = 0; i <= strlen(text); i++)
		json[i] = (char)(text[i] == '\'' ? '"' : text[i]);
	assert_null(policy_parse(a, str_c(json), kind, &why));
	if (str_find_str(why, str_c(message)) < 0)
		fail_msg("%s\nsaid '%.*s', not '%s'", text, STR_ARG(why), message);
}

static void test_accepted(void **state)
{
	(void)state;
	parse("{'Version':'2012-10-17','Id':'x','Statement':" OK "}", POLICY_IDENTITY);
	parse("{'Statement':[" OK "]}", POLICY_IDENTITY);
	parse(DOCUMENT("{'Sid':'A1','Effect':'Deny','NotAction':['s3:*','sqs:Get*'],'NotResource':['arn:aws:s3:::*','arn:aws:sqs:*:*:*']}"),
		POLICY_IDENTITY);
	parse(DOCUMENT("{'Effect':'Allow','Principal':{'Federated':'cognito-identity.amazonaws.com'},"
		"'Action':'sts:AssumeRoleWithWebIdentity','Condition':{'StringEquals':{'cognito-identity.amazonaws.com:aud':'x'}}}"), POLICY_TRUST);
	parse(DOCUMENT("{'Sid':'any thing','Effect':'Allow','Principal':'*','Action':'sqs:*'}"), POLICY_RESOURCE);
	parse(DOCUMENT("{'Effect':'Allow','Action':'*','Resource':'arn:aws:s3:::${aws:username}'}"), POLICY_IDENTITY);
}

/* JSON lets a key come twice; a policy with two of anything has no one meaning, and once wrote behind its conditions. */
static void test_keys_that_come_twice(void **state)
{
	(void)state;
	refuses(POLICY_IDENTITY, DOCUMENT("{'Effect':'Allow','Action':'*','Resource':'*','Condition':{'StringEquals':{'a:b':'1','a:c':'1'}},"
		"'Condition':{'StringEquals':{'a:d':'1','a:e':'1'}}}"), "Syntax errors in policy.");
	refuses(POLICY_IDENTITY, DOCUMENT("{'Effect':'Allow','Action':'*','Resource':'*','Condition':{},'Condition':{}}"), "Syntax errors in policy.");
	refuses(POLICY_IDENTITY, DOCUMENT("{'Effect':'Allow','Effect':'Deny','Action':'*','Resource':'*'}"), "Syntax errors in policy.");
	refuses(POLICY_IDENTITY, DOCUMENT("{'Sid':'a','Sid':'b','Effect':'Allow','Action':'*','Resource':'*'}"), "Syntax errors in policy.");
	refuses(POLICY_IDENTITY, "{'Statement':" OK ",'Statement':" OK "}", "Syntax errors in policy.");
	refuses(POLICY_RESOURCE, DOCUMENT("{'Effect':'Allow','Principal':{'AWS':'*','AWS':'111122223333'},'Action':'*','Resource':'*'}"),
		"Syntax errors in policy.");
}

static void test_identity_faults(void **state)
{
	(void)state;
	refuses(POLICY_IDENTITY, "{", "This policy contains invalid Json");
	refuses(POLICY_IDENTITY, "[]", "Syntax errors in policy.");
	refuses(POLICY_IDENTITY, "{'Version':'2012-10-17'}", "Syntax errors in policy.");
	refuses(POLICY_IDENTITY, "{'Version':'2011-10-17','Statement':" OK "}", "Policy document must be version 2012-10-17 or greater.");
	refuses(POLICY_IDENTITY, "{'Statement':" OK ",'Other':1}", "Syntax errors in policy.");
	refuses(POLICY_IDENTITY, DOCUMENT("{'Action':'s3:*','Resource':'*'}"), "Syntax errors in policy.");
	refuses(POLICY_IDENTITY, DOCUMENT("{'Effect':'Allow','Resource':'*'}"), "Policy statement must contain actions.");
	refuses(POLICY_IDENTITY, DOCUMENT("{'Effect':'Allow','Action':'s3:*'}"), "Policy statement must contain resources.");
	refuses(POLICY_IDENTITY, DOCUMENT("{'Effect':'Allow','Action':'s3:*','Resource':'*','Principal':'*'}"),
		"Policy document should not specify a principal.");
	refuses(POLICY_IDENTITY, DOCUMENT("{'Effect':'Allow','Action':'GetObject','Resource':'*'}"), "Actions/Conditions must be prefaced by a vendor");
	refuses(POLICY_IDENTITY, DOCUMENT("{'Effect':'Allow','Action':'s3:a:b','Resource':'*'}"), "Actions/Condition can contain only one colon.");
	refuses(POLICY_IDENTITY, DOCUMENT("{'Effect':'Allow','Action':'a b:c','Resource':'*'}"), "Vendor a b is not valid");
	refuses(POLICY_IDENTITY, DOCUMENT("{'Effect':'Allow','Action':'s3:*','Resource':'bucket'}"), "Resource bucket must be in ARN format or \"*\".");
	refuses(POLICY_IDENTITY, DOCUMENT("{'Effect':'Perhaps','Action':'s3:*','Resource':'*'}"), "Invalid effect: Perhaps");
	refuses(POLICY_IDENTITY, DOCUMENT("{'Sid':'a b','Effect':'Allow','Action':'s3:*','Resource':'*'}"), "Statement IDs (SID) must be alpha-numeric.");
	refuses(POLICY_IDENTITY,
		DOCUMENT("{'Sid':'a','Effect':'Allow','Action':'s3:*','Resource':'*'},{'Sid':'a','Effect':'Allow','Action':'s3:*','Resource':'*'}"),
		"must be unique");
	refuses(POLICY_IDENTITY, DOCUMENT("{'Effect':'Allow','Action':'s3:*','Resource':'*','Condition':{'StringIs':{'a:b':'c'}}}"),
		"Invalid Condition type : StringIs.");
	refuses(POLICY_IDENTITY, DOCUMENT("{'Effect':'Allow','Action':'s3:*','Resource':'*','Condition':{'StringEquals':{'b':'c'}}}"),
		"must be prefaced by a vendor");
	refuses(POLICY_IDENTITY, DOCUMENT("{'Effect':'Allow','Action':'s3:*','NotAction':'s3:*','Resource':'*'}"), "Syntax errors in policy.");
	refuses(POLICY_IDENTITY, DOCUMENT("{'Effect':'Allow','Action':{},'Resource':'*'}"), "Syntax errors in policy.");
	refuses(POLICY_IDENTITY, DOCUMENT("{'Effect':'Allow','Action':'s3:*','Resource':'*','Extra':1}"), "Syntax errors in policy.");
}

static void test_trust_faults(void **state)
{
	(void)state;
	refuses(POLICY_TRUST, DOCUMENT("{'Effect':'Allow','Principal':'*','Action':'sts:AssumeRole','Resource':'*'}"), "Has prohibited field Resource");
	refuses(POLICY_TRUST, DOCUMENT("{'Effect':'Allow','Action':'sts:AssumeRole'}"), "Missing required field Principal");
	refuses(POLICY_TRUST, DOCUMENT("{'Effect':'Allow','Principal':'*'}"), "Missing required field Action");
	refuses(POLICY_TRUST, DOCUMENT("{'Principal':'*','Action':'sts:AssumeRole'}"), "Missing required field Effect");
	refuses(POLICY_TRUST, DOCUMENT("{'Effect':'Allow','Principal':{'AWS':'nobody'},'Action':'sts:AssumeRole'}"),
		"Invalid principal in policy: \"AWS\":\"nobody\"");
	refuses(POLICY_TRUST, DOCUMENT("{'Effect':'Allow','Principal':{'Aws':'*'},'Action':'sts:AssumeRole'}"), "Invalid principal in policy");
	refuses(POLICY_TRUST, DOCUMENT("{'Effect':'Allow','Principal':'*','Action':'sts:AssumeRole','What':1}"), "Unknown field What");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {T(test_accepted), T(test_keys_that_come_twice), T(test_identity_faults), T(test_trust_faults)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
