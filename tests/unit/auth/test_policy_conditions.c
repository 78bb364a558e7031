/* Condition operators, set operators, variables and global keys, one table row a case. Follows "IAM JSON policy
 * elements: Condition operators", "Set operators for multi-valued context keys", "Variables and tags" and "AWS global
 * condition context keys" (IAM User Guide). */
#include "policy_fixture.h"

static const struct str none[1], blue[] = {S("blue")}, two[] = {S("blue"), S("red")}, number[] = {S("10")}, date[] = {S("2026-11-21T08:00:00Z")},
	epoch[] = {S("1795248000")}, yes[] = {S("true")}, ip4[] = {S("203.0.113.7")}, ip6[] = {S("2001:db8:1234:5678::1")},
	arn[] = {S("arn:aws:sns:us-east-1:111122223333:topic")}, bytes[] = {S("\001\002")}, word[] = {S("Hello World")}, fraction[] = {S("1.5")},
	home[] = {S("home/alice/x")}, star[] = {S("home/*/x")};
static const struct condition_key keys[] = {
	{S("x:empty"), none, 0}, {S("x:color"), blue, 1}, {S("x:colors"), two, 2}, {S("x:number"), number, 1}, {S("x:date"), date, 1},
	{S("aws:EpochTime"), epoch, 1}, {S("aws:SecureTransport"), yes, 1}, {S("aws:SourceIp"), ip4, 1}, {S("x:ip6"), ip6, 1},
	{S("x:arn"), arn, 1}, {S("x:bytes"), bytes, 1}, {S("x:word"), word, 1}, {S("x:fraction"), fraction, 1},
	{S("x:home"), home, 1}, {S("x:star"), star, 1},
};

struct row { bool holds; const char *condition; };

static void check(const struct principal *who, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct str doc = arena_printf(a, "{'Version':'2012-10-17','Statement':{'Effect':'Allow','Action':'*','Resource':'*','Condition':{%s}}}",
			rows[i].condition);
		struct question q = {.who = who, .action = "s3:GetObject", .resource = "arn:aws:s3:::b/k", .identity = doc.p, .keys = keys,
			.n_keys = COUNT_OF(keys)};
		bool held = decide(q).decision == DECISION_ALLOW;
		if (held != rows[i].holds)
			fail_msg("%s: %s", rows[i].condition, held ? "held" : "did not hold");
	}
}
#define CHECK(who, ...) check((who), (const struct row[]){__VA_ARGS__}, COUNT_OF(((const struct row[]){__VA_ARGS__})))

static void test_strings(void **state)
{
	(void)state;
	CHECK(&alice,
		{true, "'StringEquals':{'x:color':'blue'}"}, {false, "'StringEquals':{'x:color':'Blue'}"},
		{true, "'StringEquals':{'X:COLOR':['red','blue']}"}, {false, "'StringEquals':{'x:color':['red','green']}"},
		{false, "'StringEquals':{'x:color':'bl*'}"}, {false, "'StringEquals':{'x:missing':'blue'}"},
		{false, "'StringNotEquals':{'x:color':'blue'}"}, {true, "'StringNotEquals':{'x:color':'red'}"},
		{false, "'StringNotEquals':{'x:color':['red','blue']}"}, {true, "'StringNotEquals':{'x:missing':'blue'}"},
		{true, "'StringEqualsIgnoreCase':{'x:color':'BLUE'}"}, {false, "'StringNotEqualsIgnoreCase':{'x:color':'BLUE'}"},
		{true, "'StringLike':{'x:word':'Hello*'}"}, {true, "'StringLike':{'x:word':'H?llo W*d'}"},
		{false, "'StringLike':{'x:word':'hello*'}"}, {false, "'StringNotLike':{'x:word':'Hello*'}"},
		{true, "'StringNotLike':{'x:word':'Bye*'}"}, {false, "'StringEquals':{'x:empty':'blue'}"},
		{true, "'StringEquals':{'x:color':'blue'},'NumericEquals':{'x:number':10}"},
		{false, "'StringEquals':{'x:color':'blue'},'NumericEquals':{'x:number':11}"},
		{false, "'StringEquals':{'x:color':'blue','x:word':'no'}"});
}

static void test_numbers(void **state)
{
	(void)state;
	CHECK(&alice,
		{true, "'NumericEquals':{'x:number':'10'}"}, {true, "'NumericEquals':{'x:number':10}"}, {true, "'NumericEquals':{'x:number':'10.0'}"},
		{false, "'NumericNotEquals':{'x:number':'10'}"}, {true, "'NumericNotEquals':{'x:number':'9'}"},
		{true, "'NumericLessThan':{'x:number':'11'}"}, {false, "'NumericLessThan':{'x:number':'10'}"},
		{true, "'NumericLessThanEquals':{'x:number':'10'}"}, {true, "'NumericGreaterThan':{'x:number':'9'}"},
		{false, "'NumericGreaterThan':{'x:number':'10'}"}, {true, "'NumericGreaterThanEquals':{'x:number':'10'}"},
		{true, "'NumericLessThan':{'x:fraction':'2'}"}, {false, "'NumericEquals':{'x:color':'10'}"},
		{true, "'NumericNotEquals':{'x:color':'10'}"}, {false, "'NumericLessThan':{'x:missing':'10'}"});
}

static void test_dates(void **state)
{
	(void)state;
	CHECK(&alice,
		{true, "'DateEquals':{'x:date':'2026-11-21T08:00:00Z'}"}, {true, "'DateNotEquals':{'x:date':'2026-11-20T08:00:00Z'}"},
		{true, "'DateLessThan':{'x:date':'2026-12-01T00:00:00Z'}"}, {false, "'DateLessThan':{'x:date':'2026-11-01T00:00:00Z'}"},
		{true, "'DateLessThanEquals':{'x:date':'2026-11-21T08:00:00Z'}"}, {true, "'DateGreaterThan':{'x:date':'2026-11-01T00:00:00Z'}"},
		{true, "'DateGreaterThanEquals':{'x:date':'2026-11-21T08:00:00Z'}"}, {true, "'DateEquals':{'aws:EpochTime':'2026-11-21T08:00:00Z'}"},
		{true, "'DateGreaterThan':{'aws:EpochTime':'1795247999'}"}, {true, "'NumericLessThan':{'aws:EpochTime':'1795248001'}"},
		{true, "'DateGreaterThan':{'x:date':'2026-11-21'}"}, {false, "'DateEquals':{'x:color':'2026-11-21'}"});
}

static void test_bool_binary_null(void **state)
{
	(void)state;
	CHECK(&alice,
		{true, "'Bool':{'aws:SecureTransport':'true'}"}, {true, "'Bool':{'aws:SecureTransport':true}"},
		{false, "'Bool':{'aws:SecureTransport':'false'}"}, {false, "'Bool':{'x:missing':'false'}"},
		{true, "'BoolIfExists':{'x:missing':'false'}"}, {true, "'BinaryEquals':{'x:bytes':'AQI='}"},
		{false, "'BinaryEquals':{'x:bytes':'AQM='}"}, {false, "'BinaryEquals':{'x:bytes':'not base64'}"},
		{true, "'Null':{'x:missing':'true'}"}, {false, "'Null':{'x:missing':'false'}"}, {true, "'Null':{'x:color':'false'}"},
		{false, "'Null':{'x:color':true}"}, {true, "'Null':{'x:empty':true}"});
}

static void test_addresses(void **state)
{
	(void)state;
	CHECK(&alice,
		{true, "'IpAddress':{'aws:SourceIp':'203.0.113.0/24'}"}, {false, "'IpAddress':{'aws:SourceIp':'203.0.114.0/24'}"},
		{true, "'IpAddress':{'aws:SourceIp':'203.0.113.7'}"}, {true, "'IpAddress':{'aws:SourceIp':['192.0.2.0/24','203.0.113.4/30']}"},
		{false, "'NotIpAddress':{'aws:SourceIp':'203.0.113.0/24'}"}, {true, "'NotIpAddress':{'aws:SourceIp':'192.0.2.0/24'}"},
		{true, "'IpAddress':{'aws:SourceIp':'0.0.0.0/0'}"}, {true, "'IpAddress':{'x:ip6':'2001:db8:1234:5678::/64'}"},
		{false, "'IpAddress':{'x:ip6':'2001:db8:1234:5679::/64'}"}, {false, "'IpAddress':{'x:ip6':'0.0.0.0/0'}"},
		{false, "'IpAddress':{'aws:SourceIp':'::/0'}"}, {true, "'IpAddress':{'x:ip6':'::/0'}"}, {true, "'NotIpAddress':{'aws:SourceIp':'::/0'}"},
		{true, "'IpAddress':{'aws:SourceIp':'::ffff:203.0.113.0/120'}"},
		{false, "'IpAddress':{'aws:SourceIp':'203.0.113.0/33'}"}, {false, "'IpAddress':{'aws:SourceIp':'nowhere'}"},
		{false, "'IpAddress':{'x:missing':'0.0.0.0/0'}"}, {true, "'NotIpAddress':{'x:missing':'0.0.0.0/0'}"});
}

static void test_arns(void **state)
{
	(void)state;
	CHECK(&alice,
		{true, "'ArnEquals':{'x:arn':'arn:aws:sns:us-east-1:111122223333:topic'}"}, {true, "'ArnLike':{'x:arn':'arn:aws:sns:*:111122223333:*'}"},
		{true, "'ArnEquals':{'x:arn':'arn:aws:sns:*:*:t?pic'}"}, {false, "'ArnLike':{'x:arn':'arn:aws:sqs:*:*:*'}"},
		{false, "'ArnLike':{'x:arn':'arn:aws:sns:*'}"}, {true, "'ArnLike':{'x:arn':'*'}"},
		{false, "'ArnNotEquals':{'x:arn':'arn:aws:sns:*:*:*'}"}, {true, "'ArnNotLike':{'x:arn':'arn:aws:sqs:*:*:*'}"},
		{false, "'ArnLike':{'x:color':'arn:aws:sns:*:*:*'}"}, {true, "'ArnNotLike':{'x:missing':'arn:aws:sns:*:*:*'}"});
}

static void test_if_exists(void **state)
{
	(void)state;
	CHECK(&alice,
		{true, "'StringEqualsIfExists':{'x:missing':'blue'}"}, {true, "'StringEqualsIfExists':{'x:color':'blue'}"},
		{false, "'StringEqualsIfExists':{'x:color':'red'}"}, {true, "'NumericLessThanIfExists':{'x:missing':'1'}"},
		{true, "'ArnLikeIfExists':{'x:missing':'arn:aws:sns:*:*:*'}"}, {false, "'IpAddressIfExists':{'aws:SourceIp':'192.0.2.0/24'}"});
}

static void test_sets(void **state)
{
	(void)state;
	CHECK(&alice,
		{true, "'ForAllValues:StringEquals':{'x:colors':['blue','red','green']}"}, {false, "'ForAllValues:StringEquals':{'x:colors':['blue']}"},
		{true, "'ForAllValues:StringEquals':{'x:missing':['blue']}"}, {true, "'ForAllValues:StringEquals':{'x:empty':['blue']}"},
		{true, "'ForAnyValue:StringEquals':{'x:colors':['red','white']}"}, {false, "'ForAnyValue:StringEquals':{'x:colors':['white']}"},
		{false, "'ForAnyValue:StringEquals':{'x:missing':['blue']}"}, {true, "'ForAnyValue:StringLike':{'x:colors':'r*'}"},
		{true, "'ForAllValues:StringNotEquals':{'x:colors':['white']}"}, {false, "'ForAllValues:StringNotEquals':{'x:colors':['red']}"},
		{true, "'ForAnyValue:StringNotEquals':{'x:colors':['red']}"}, {false, "'ForAnyValue:StringNotEquals':{'x:colors':['red','blue']}"},
		{false, "'ForAnyValue:StringNotEquals':{'x:missing':['red']}"}, {true, "'ForAllValues:StringLikeIfExists':{'x:colors':'*'}"},
		{true, "'StringEquals':{'x:colors':'red'}"}, {false, "'StringNotEquals':{'x:colors':'red'}"});
}

static void test_variables(void **state)
{
	(void)state;
	CHECK(&alice,
		{true, "'StringLike':{'x:home':'home/${aws:username}/*'}"}, {false, "'StringLike':{'x:home':'home/${aws:userid}/*'}"},
		{true, "'StringEquals':{'x:color':'${aws:PrincipalTag/team}'}"}, {true, "'StringEquals':{'x:color':'${aws:PrincipalTag/TEAM}'}"},
		{false, "'StringEquals':{'x:color':'${aws:PrincipalTag/none}'}"}, {true, "'StringEquals':{'x:color':'${aws:PrincipalTag/none, `blue`}'}"},
		{false, "'StringEquals':{'x:color':'${aws:PrincipalTag/team, `red`}x'}"}, {true, "'StringLike':{'x:star':'home/${*}/x'}"},
		{false, "'StringLike':{'x:home':'home/${*}/x'}"}, {false, "'StringLike':{'x:home':'home/${aws:PrincipalTag/Star}/x'}"},
		{true, "'StringEquals':{'x:star':'home/${*}/x'}"}, {true, "'ArnLike':{'x:arn':'arn:aws:sns:*:${aws:PrincipalAccount}:*'}"},
		{true, "'StringNotEquals':{'x:color':'${aws:PrincipalTag/none}'}"});
	CHECK(&worker, {false, "'StringLike':{'x:home':'home/${aws:username}/*'}"}, {true, "'StringLike':{'x:home':'home/${aws:username, `alice`}/*'}"});
	/* "Use policy variables": not before version 2012-10-17; in resources too */
	struct question q = {.who = &alice, .action = "s3:GetObject", .resource = "arn:aws:s3:::b/alice/k", .keys = keys, .n_keys = 1};
	q.identity = "{'Version':'2012-10-17','Statement':{'Effect':'Allow','Action':'*','Resource':'arn:aws:s3:::b/${aws:username}/*'}}";
	assert_int_equal(decide(q).decision, DECISION_ALLOW);
	q.identity = "{'Version':'2008-10-17','Statement':{'Effect':'Allow','Action':'*','Resource':'arn:aws:s3:::b/${aws:username}/*'}}";
	assert_int_equal(decide(q).decision, DECISION_IMPLICIT_DENY);
	q.who = &worker; /* no aws:username: an allow does not apply, nor does a deny */
	q.identity = "{'Version':'2012-10-17','Statement':{'Effect':'Allow','Action':'*','Resource':'arn:aws:s3:::b/${aws:username}/*'}}";
	assert_int_equal(decide(q).decision, DECISION_IMPLICIT_DENY);
}

static void test_global_keys(void **state)
{
	(void)state;
	CHECK(&alice,
		{true, "'ArnEquals':{'aws:PrincipalArn':'" ALICE "'}"}, {true, "'StringEquals':{'aws:PrincipalAccount':'111122223333'}"},
		{true, "'StringEquals':{'aws:PrincipalType':'User'}"}, {true, "'StringEquals':{'aws:userid':'AIDACKCEVSQ6C2EXAMPLE'}"},
		{true, "'StringEquals':{'aws:username':'alice'}"}, {true, "'Bool':{'aws:PrincipalIsAWSService':'false'}"},
		{true, "'Null':{'aws:TokenIssueTime':'true','aws:MultiFactorAuthPresent':'true','aws:SourceIdentity':'true'}"},
		{true, "'StringEquals':{'aws:ResourceAccount':'111122223333'}"}, {true, "'Bool':{'aws:ViaAWSService':'false'}"});
	CHECK(&worker,
		{true, "'ArnEquals':{'aws:PrincipalArn':'" WORKER "'}"}, {true, "'StringEquals':{'aws:PrincipalType':'AssumedRole'}"},
		{true, "'StringLike':{'aws:userid':'AROADBQP57FF2AEXAMPLE:*'}"}, {true, "'Null':{'aws:username':'true'}"},
		{true, "'DateGreaterThan':{'aws:TokenIssueTime':'2025-01-01T00:00:00Z'}"}, {true, "'Bool':{'aws:MultiFactorAuthPresent':'false'}"},
		{true, "'StringEquals':{'aws:SourceIdentity':'saanvi'}"});
	CHECK(&root, {true, "'StringEquals':{'aws:PrincipalType':'Account'}"});
	/* service principals, in a resource policy: "The confused deputy problem" */
#define CONFUSED(function) DOCUMENT("{'Effect':'Allow','Principal':{'Service':'lambda.amazonaws.com'},'Action':'*','Resource':'*'," \
	"'Condition':{'ArnLike':{'aws:SourceArn':'arn:aws:lambda:*:*:function:" function "'},'StringEquals':{'aws:SourceAccount':'111122223333'}}}")
	allowed(.who = &lambda, .action = "sqs:SendMessage", .resource = "*", .resource_policy = CONFUSED("f"));
	not_allowed(.who = &lambda, .action = "sqs:SendMessage", .resource = "*", .resource_policy = CONFUSED("g"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_strings), T(test_numbers), T(test_dates), T(test_bool_binary_null), T(test_addresses), T(test_arns),
		T(test_if_exists), T(test_sets), T(test_variables), T(test_global_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
