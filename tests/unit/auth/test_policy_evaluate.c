/* How policies of all kinds decide together. Every test names the page of the IAM User Guide it follows. */
#include "policy_fixture.h"

#define GET .action = "s3:GetObject", .resource = "arn:aws:s3:::b/k"

/* "Policy evaluation logic": everything is denied by default; root's everything is allowed. */
static void test_default(void **state)
{
	(void)state;
	not_allowed(.who = &alice, GET);
	allowed_by("identity-based policy", .who = &alice, GET);
	allowed(.who = &root, GET);
	not_allowed(.who = &anonymous, GET, .identity = ALLOW_ALL);
	not_allowed(.who = &lambda, GET, .identity = ALLOW_ALL);
}

static void test_identity(void **state)
{
	(void)state;
	allowed(.who = &alice, GET, .identity = ALLOW("s3:GetObject", "arn:aws:s3:::b/k"));
	allowed(.who = &alice, GET, .identity = ALLOW("S3:getobject", "*"));
	allowed(.who = &alice, GET, .identity = ALLOW("s3:Get*", "arn:aws:s3:::b/*"));
	allowed(.who = &alice, GET, .identity = ALLOW("s3:?etObject", "arn:aws:s3:::?/k"));
	not_allowed(.who = &alice, GET, .identity = ALLOW("s3:PutObject", "*"));
	not_allowed(.who = &alice, GET, .identity = ALLOW("s3:Get*", "arn:aws:s3:::B/*"));
	not_allowed(.who = &alice, GET, .identity = ALLOW("s3:GetObjec", "*"));
}

/* "Policy evaluation logic", explicit and implicit denies: an explicit deny overrides any allow. */
static void test_explicit_deny(void **state)
{
	(void)state;
	const char *both = DOCUMENT("{'Effect':'Allow','Action':'*','Resource':'*'},{'Effect':'Deny','Action':'s3:*','Resource':'arn:aws:s3:::b/*'}");
	denied(.who = &alice, GET, .identity = both);
	allowed(.who = &alice, .action = "s3:GetObject", .resource = "arn:aws:s3:::c/k", .identity = both);
	denied(.who = &alice, GET, .identity = ALLOW_ALL, .boundary = DENY("s3:*", "*"));
	denied(.who = &worker, GET, .identity = ALLOW_ALL, .session = DENY("s3:*", "*"));
	const char *bucket = DOCUMENT("{'Effect':'Deny','Principal':'*','Action':'s3:*','Resource':'*'}");
	denied(.who = &alice, GET, .identity = ALLOW_ALL, .resource_policy = bucket);
	denied(.who = &root, GET, .resource_policy = bucket);
	allowed_by("resource-based policy", .who = &root, GET, .resource_policy = bucket);
}

/* "IAM JSON policy elements: NotAction", "NotResource". */
static void test_not_action_not_resource(void **state)
{
	(void)state;
	const char *not_iam = DOCUMENT("{'Effect':'Allow','NotAction':['iam:*','sts:*'],'Resource':'*'}");
	allowed(.who = &alice, GET, .identity = not_iam);
	not_allowed(.who = &alice, .action = "iam:CreateUser", .resource = "*", .identity = not_iam);
	const char *not_secret = DOCUMENT("{'Effect':'Allow','Action':'s3:*','NotResource':['arn:aws:s3:::secret','arn:aws:s3:::secret/*']}");
	allowed(.who = &alice, GET, .identity = not_secret);
	not_allowed(.who = &alice, .action = "s3:GetObject", .resource = "arn:aws:s3:::secret/k", .identity = not_secret);
	const char *all_but = DOCUMENT("{'Effect':'Allow','Action':'*','Resource':'*'},{'Effect':'Deny','NotAction':'s3:*','Resource':'*'}");
	allowed(.who = &alice, GET, .identity = all_but);
	denied(.who = &alice, .action = "sqs:SendMessage", .resource = "*", .identity = all_but);
}

/* "Permissions boundaries for IAM entities": the intersection. */
static void test_boundary(void **state)
{
	(void)state;
	allowed(.who = &alice, GET, .identity = ALLOW_ALL, .boundary = ALLOW("s3:*", "*"));
	not_allowed(.who = &alice, GET, .identity = ALLOW_ALL, .boundary = ALLOW("sqs:*", "*"));
	allowed_by("permissions boundary", .who = &alice, GET, .identity = ALLOW_ALL, .boundary = ALLOW("sqs:*", "*"));
	not_allowed(.who = &alice, GET, .boundary = ALLOW_ALL);
	allowed_by("identity-based policy", .who = &alice, GET, .boundary = ALLOW_ALL);
}

/* "Policies and permissions in IAM", session policies: the intersection. */
static void test_session_policy(void **state)
{
	(void)state;
	allowed(.who = &worker, GET, .identity = ALLOW_ALL, .session = ALLOW("s3:*", "*"));
	not_allowed(.who = &worker, GET, .identity = ALLOW_ALL, .session = ALLOW("sqs:*", "*"));
	allowed_by("session policy", .who = &worker, GET, .identity = ALLOW_ALL, .session = ALLOW("sqs:*", "*"));
	not_allowed(.who = &worker, GET, .identity = ALLOW("sqs:*", "*"), .session = ALLOW_ALL);
}

/* "Policy evaluation for requests within a single account": what a resource policy grants by itself. */
static void test_resource_policy_in_one_account(void **state)
{
	(void)state;
	allowed(.who = &alice, GET, .resource_policy = GRANT("{'AWS':'" ALICE "'}"));
	allowed(.who = &alice, GET, .resource_policy = GRANT("'*'"));
	allowed(.who = &alice, GET, .resource_policy = GRANT("{'AWS':'AIDACKCEVSQ6C2EXAMPLE'}"));
	not_allowed(.who = &alice, GET, .resource_policy = GRANT("{'AWS':'" ALICE "x'}"));
	/* the account as a principal leaves it to the account's identity policies */
	not_allowed(.who = &alice, GET, .resource_policy = GRANT("{'AWS':'111122223333'}"));
	not_allowed(.who = &alice, GET, .resource_policy = GRANT("{'AWS':'arn:aws:iam::111122223333:root'}"));
	allowed(.who = &alice, GET, .identity = ALLOW("s3:*", "*"), .resource_policy = GRANT("{'AWS':'111122223333'}"));
	/* to a user: not held by the boundary's implicit deny */
	allowed(.who = &alice, GET, .boundary = ALLOW("sqs:*", "*"), .resource_policy = GRANT("{'AWS':'" ALICE "'}"));
	/* to a role: held by boundary and session policy */
	allowed(.who = &worker, GET, .resource_policy = GRANT("{'AWS':'" WORKER "'}"));
	not_allowed(.who = &worker, GET, .boundary = ALLOW("sqs:*", "*"), .resource_policy = GRANT("{'AWS':'" WORKER "'}"));
	not_allowed(.who = &worker, GET, .session = ALLOW("sqs:*", "*"), .resource_policy = GRANT("{'AWS':'" WORKER "'}"));
	/* to the very session: not */
	allowed(.who = &worker, GET, .boundary = ALLOW("sqs:*", "*"), .session = ALLOW("sqs:*", "*"), .resource_policy = GRANT("{'AWS':'" SESSION "'}"));
}

/* "Cross-account policy evaluation logic": both sides must allow. */
static void test_cross_account(void **state)
{
	(void)state;
	not_allowed(.who = &alice, GET, .account = "444455556666", .identity = ALLOW_ALL);
	allowed_by("resource-based policy", .who = &alice, GET, .account = "444455556666", .identity = ALLOW_ALL);
	not_allowed(.who = &alice, GET, .account = "444455556666", .resource_policy = GRANT("{'AWS':'" ALICE "'}"));
	allowed(.who = &alice, GET, .account = "444455556666", .identity = ALLOW("s3:*", "*"), .resource_policy = GRANT("{'AWS':'" ALICE "'}"));
	allowed(.who = &alice, GET, .account = "444455556666", .identity = ALLOW("s3:*", "*"), .resource_policy = GRANT("{'AWS':'111122223333'}"));
	not_allowed(.who = &root, GET, .account = "444455556666");
	allowed(.who = &root, GET, .account = "444455556666", .resource_policy = GRANT("{'AWS':'arn:aws:iam::111122223333:root'}"));
}

/* "Key policies in AWS KMS" (KMS Developer Guide): "No AWS principal, including the account root user or key creator, has any
 * permissions to a KMS key unless they are explicitly allowed"; the account's root delegates to identity policies. */
#define DECIDES GET, .resource_decides = true
static void test_resource_decides(void **state)
{
	(void)state;
	not_allowed(.who = &alice, DECIDES, .identity = ALLOW_ALL);
	not_allowed(.who = &root, DECIDES);
	not_allowed(.who = &alice, DECIDES, .identity = ALLOW_ALL, .resource_policy = GRANT("{'AWS':'" WORKER "'}"));
	not_allowed(.who = &root, DECIDES, .resource_policy = GRANT("{'AWS':'" WORKER "'}"));
	allowed_by("resource-based policy", .who = &root, DECIDES, .resource_policy = GRANT("{'AWS':'" WORKER "'}"));
	allowed(.who = &worker, DECIDES, .resource_policy = GRANT("{'AWS':'" WORKER "'}"));
	allowed(.who = &alice, DECIDES, .resource_policy = GRANT("{'AWS':'" ALICE "'}"));
	/* delegated */
	allowed(.who = &root, DECIDES, .resource_policy = GRANT("{'AWS':'111122223333'}"));
	not_allowed(.who = &alice, DECIDES, .resource_policy = GRANT("{'AWS':'111122223333'}"));
	allowed_by("identity-based policy", .who = &alice, DECIDES, .resource_policy = GRANT("{'AWS':'111122223333'}"));
	allowed(.who = &alice, DECIDES, .identity = ALLOW("s3:*", "*"), .resource_policy = GRANT("{'AWS':'111122223333'}"));
	/* another account's needs both sides, and denies stay denies */
	not_allowed(.who = &alice, DECIDES, .account = "444455556666", .resource_policy = GRANT("{'AWS':'" ALICE "'}"));
	allowed(.who = &alice, DECIDES, .account = "444455556666", .identity = ALLOW("s3:*", "*"), .resource_policy = GRANT("{'AWS':'" ALICE "'}"));
	denied(.who = &alice, DECIDES, .identity = DENY("s3:*", "*"), .resource_policy = GRANT("{'AWS':'" ALICE "'}"));
}

/* "AWS JSON policy elements: Principal": services, everyone, and who is not meant. */
static void test_principals(void **state)
{
	(void)state;
	allowed(.who = &lambda, GET, .resource_policy = GRANT("{'Service':'lambda.amazonaws.com'}"));
	allowed(.who = &lambda, GET, .resource_policy = GRANT("{'Service':['s3.amazonaws.com','lambda.amazonaws.com']}"));
	not_allowed(.who = &lambda, GET, .resource_policy = GRANT("{'Service':'s3.amazonaws.com'}"));
	allowed(.who = &lambda, GET, .resource_policy = GRANT("{'AWS':'*'}")); /* "All principals": the same as '*' */
	denied(.who = &lambda, GET, .resource_policy = DOCUMENT("{'Effect':'Allow','Principal':'*','Action':'*','Resource':'*'},"
		"{'Effect':'Deny','Principal':{'AWS':'*'},'Action':'*','Resource':'*'}"));
	allowed(.who = &lambda, GET, .resource_policy = GRANT("'*'"));
	allowed(.who = &anonymous, GET, .resource_policy = GRANT("'*'"));
	allowed(.who = &anonymous, GET, .resource_policy = GRANT("{'AWS':'*'}"));
	not_allowed(.who = &anonymous, GET, .resource_policy = GRANT("{'AWS':'111122223333'}"));
	not_allowed(.who = &alice, GET, .resource_policy = GRANT("{'Service':'lambda.amazonaws.com'}"));
}

/* "AWS JSON policy elements: NotPrincipal": deny all but those named, who must be named with their account. */
static void test_not_principal(void **state)
{
	(void)state;
	const char *all_but_alice = DOCUMENT("{'Effect':'Deny','NotPrincipal':{'AWS':['" ALICE "','arn:aws:iam::111122223333:root']},"
		"'Action':'s3:*','Resource':'*'}");
	allowed(.who = &alice, GET, .identity = ALLOW_ALL, .resource_policy = all_but_alice);
	const char *all_but_bob = DOCUMENT("{'Effect':'Deny','NotPrincipal':{'AWS':'arn:aws:iam::111122223333:user/bob'},"
		"'Action':'s3:*','Resource':'*'}");
	denied(.who = &alice, GET, .identity = ALLOW_ALL, .resource_policy = all_but_bob);
	denied(.who = &lambda, GET, .resource_policy = all_but_bob);
}

/* "Roles terms and concepts", trust policies. */
static void test_trust(void **state)
{
	(void)state;
	const struct policy *p = parse(DOCUMENT("{'Effect':'Allow','Principal':{'Service':'lambda.amazonaws.com'},'Action':'sts:AssumeRole'}"),
		POLICY_TRUST);
	struct policy_request r = {.who = &lambda, .action = S("sts:AssumeRole"), .resource = S(WORKER)};
	assert_int_equal(policy_evaluate_trust(a, p, &r).decision, DECISION_ALLOW);
	r.who = &alice;
	assert_int_equal(policy_evaluate_trust(a, p, &r).decision, DECISION_IMPLICIT_DENY);
	p = parse(DOCUMENT("{'Effect':'Allow','Principal':{'AWS':'111122223333'},'Action':'sts:AssumeRole',"
		"'Condition':{'StringEquals':{'sts:ExternalId':'42'}}}"), POLICY_TRUST);
	assert_int_equal(policy_evaluate_trust(a, p, &r).decision, DECISION_IMPLICIT_DENY);
	const struct str id = S("42");
	const struct condition_key key = {S("sts:ExternalId"), &id, 1};
	r.keys = &key;
	r.n_keys = 1;
	assert_int_equal(policy_evaluate_trust(a, p, &r).decision, DECISION_ALLOW);
}

/* "Troubleshoot access denied error messages": AWS's sentences. */
static void test_denial_sentences(void **state)
{
	(void)state;
	struct policy_request r = {.who = &alice, .action = S("s3:GetObject"), .resource = S("arn:aws:s3:::b/k")};
	struct verdict v = {DECISION_IMPLICIT_DENY, "identity-based policy"};
	assert_true(str_eq(policy_denial(a, &r, v), S("User: " ALICE " is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k because "
		"no identity-based policy allows the s3:GetObject action")));
	v = (struct verdict){DECISION_EXPLICIT_DENY, "resource-based policy"};
	assert_true(str_eq(policy_denial(a, &r, v), S("User: " ALICE " is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k with an "
		"explicit deny in a resource-based policy")));
	v = decide((struct question){.who = &alice, GET, .identity = DENY("*", "*")});
	assert_true(str_ends(policy_denial(a, &r, v), S(" with an explicit deny in an identity-based policy")));
	r.who = &anonymous;
	assert_true(str_starts(policy_denial(a, &r, v), S("User: anonymous is not authorized")));
}

/* Root of an account in a resource policy is not any account whose ARN merely looks alike. */
static void test_account_principal_is_exact(void **state)
{
	(void)state;
	static const char *const others[] = {
		GRANT("{'AWS':'arn:aws:iam::444455556666:root'}"), GRANT("{'AWS':'arn:aws:iam::111122223333:user/root'}"),
		GRANT("{'AWS':'arn:aws:iam::111122223333:role/root'}"),
	};
	for (size_t i = 0; i < COUNT_OF(others); i++)
		not_allowed(.who = &alice, GET, .account = "444455556666", .identity = ALLOW_ALL, .resource_policy = others[i]);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_default), T(test_identity), T(test_explicit_deny), T(test_not_action_not_resource), T(test_boundary),
		T(test_session_policy), T(test_resource_policy_in_one_account), T(test_cross_account), T(test_resource_decides), T(test_principals),
		T(test_not_principal), T(test_trust), T(test_denial_sentences), T(test_account_principal_is_exact),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
