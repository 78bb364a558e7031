/* AWS's managed policies as data: every one of them parses, is found by its ARN, and says what its name promises. */
#include "../iam.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void test_all_parse(void **state)
{
	(void)state;
	size_t n;
	const struct aws_policy *p = aws_policies(&n);
	assert_true(n > 1500);
	for (size_t i = 0; i < n; i++) {
		const struct aws_policy *found = aws_policy_find(p[i].arn);
		assert_true(found != NULL && found->parsed == p[i].parsed && str_eq(found->document, p[i].document));
		assert_true(i == 0 || str_cmp(p[i - 1].arn, p[i].arn) < 0);
		struct policy *parsed = aws_policy_parsed(&p[i]);
		assert_true(parsed != NULL && policy_statements(parsed) > 0);
		assert_true(aws_policy_parsed(&p[i]) == parsed);
		assert_true(str_starts(p[i].id, S("ANPA")) && p[i].id.n == 21 && str_ends(p[i].path, S("/")) && p[i].name.n > 0);
	}
	assert_null(aws_policy_find(S("arn:aws:iam::aws:policy/None")));
	assert_null(aws_policy_find(S("arn:aws:iam::000000000000:policy/AdministratorAccess")));
}

static bool allows(const char *arn, const char *action, const char *resource)
{
	struct arena *a = arena_new(0);
	const struct principal who = {.type = PRINCIPAL_USER, .account = S("111122223333"), .arn = S("arn:aws:iam::111122223333:user/u")};
	const struct policy_request r = {.who = &who, .action = str_c(action), .resource = str_c(resource)};
	struct policy *one[1] = {aws_policy_parsed(aws_policy_find(str_c(arn)))};
	const struct policy_input in = {.identity = {one, 1}};
	bool ok = policy_evaluate(a, &r, &in).decision == DECISION_ALLOW;
	arena_free(a);
	return ok;
}

static void test_what_they_allow(void **state)
{
	(void)state;
	const char *queue = "arn:aws:sqs:us-east-1:111122223333:q";
	assert_true(allows("arn:aws:iam::aws:policy/AdministratorAccess", "sqs:SendMessage", queue));
	assert_true(allows("arn:aws:iam::aws:policy/PowerUserAccess", "sqs:SendMessage", queue));
	assert_false(allows("arn:aws:iam::aws:policy/PowerUserAccess", "iam:CreateUser", "*"));
	assert_true(allows("arn:aws:iam::aws:policy/ReadOnlyAccess", "sqs:GetQueueAttributes", queue));
	assert_false(allows("arn:aws:iam::aws:policy/ReadOnlyAccess", "sqs:SendMessage", queue));
	assert_true(allows("arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole", "sqs:ReceiveMessage", queue));
	assert_false(allows("arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole", "sqs:SendMessage", queue));
	assert_true(allows("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole", "logs:PutLogEvents", "*"));
	assert_false(allows("arn:aws:iam::aws:policy/AWSDenyAll", "sqs:SendMessage", queue));
}

static void check_place(const char *text, size_t i, const char *statement)
{
	struct iam_Position from, to;
	document_statement(str_c(text), i, &from, &to);
	size_t start = 0;
	for (int64_t line = 1; line < from.Line.v; start++)
		line += text[start] == '\n';
	assert_memory_equal(text + start + from.Column.v - 1, statement, strlen(statement));
	assert_int_equal(to.Line.v, from.Line.v);
	assert_int_equal(to.Column.v - from.Column.v, strlen(statement));
}

static void test_places_of_statements(void **state)
{
	(void)state;
	const char *text = "{ \"Id\": \"Statement\", \"Version\": \"2012-10-17\",\n \"Statement\": [ {\"Sid\": \"}[\\\"\"} ,\n{\"a\":[1]}]}";
	check_place(text, 0, "{\"Sid\": \"}[\\\"\"}");
	check_place(text, 1, "{\"a\":[1]}");
	check_place("{\"Statement\":{\"Effect\":\"Allow\"}}", 0, "{\"Effect\":\"Allow\"}");
}

static void test_keys_of_documents(void **state)
{
	(void)state;
	struct arena *a = arena_new(0);
	struct list keys = {0};
	document_keys(a, S("{\"Statement\":[{\"Resource\":\"${aws:username}/${aws:PrincipalTag/x, 'y'}${*}\",\"Condition\":{\"StringLike\":"
		"{\"s3:prefix\":[\"a\",\"${AWS:UserName}\"]},\"Bool\":{\"aws:SecureTransport\":true}}},"
		"{\"Condition\":{\"Null\":{\"S3:Prefix\":true}}}]}"), &keys);
	const char *const wanted[] = {"s3:prefix", "aws:SecureTransport", "aws:username", "aws:PrincipalTag/x"};
	assert_int_equal(keys.n, COUNT_OF(wanted));
	for (uint32_t i = 0; i < keys.n; i++)
		assert_true(texts_have(&keys, str_c(wanted[i])));
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_parse), cmocka_unit_test(test_what_they_allow), cmocka_unit_test(test_places_of_statements),
		cmocka_unit_test(test_keys_of_documents),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
