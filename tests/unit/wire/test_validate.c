/* The model's constraints, in AWS's words.
 * Source: messages as DynamoDB, CloudWatch Logs, Lambda and IAM give them (API references, error examples). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apigateway.model.h"
#include "dynamodb.model.h"
#include "events.model.h"
#include "iam.model.h"
#include "lambda.model.h"
#include "logs.model.h"
#include "s3.model.h"
#include "wire/codec.h"

static struct arena *a;

static int setup(void **state)
{
	(void)state;
	a = arena_new(0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

/* What a client is told about this input; "" when it is fine. */
static void check(const struct model_op *op, const char *input, const char *code, const char *message)
{
	struct wire_error err = {0};
	struct str why = STR_NONE;
	struct json *j = json_parse(a, str_c(input), NULL);
	assert_non_null(j);
	void *in = typed_from_json(a, model_op_input(op), j, true, &why);
	if (in == NULL)
		fail_msg("%.*s", STR_ARG(why));
	bool ok = wire_validate(a, op, in, model_op_model(op)->protocol, &err);
	if (ok != (code[0] == '\0') || !str_eq(ok ? S("") : err.code, str_c(code)) || !str_eq(ok ? S("") : err.message, str_c(message)))
		fail_msg("%s\ngot  %.*s: %.*s\nwant %s: %s", input, STR_ARG(err.code), STR_ARG(err.message), code, message);
}

static void required(void **state)
{
	(void)state;
	check(&dynamodb_op_Scan, "{}", "ValidationException",
	      "1 validation error detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null");
	check(&dynamodb_op_Scan, "{\"TableName\":\"abc\"}", "", "");
	check(&dynamodb_op_GetItem, "{}", "ValidationException",
	      "2 validation errors detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null; "
	      "Value null at 'key' failed to satisfy constraint: Member must not be null");
}

static void lengths_and_patterns(void **state)
{
	(void)state;
	check(&dynamodb_op_DeleteTable, "{\"TableName\":\"\"}", "ValidationException",
	      "1 validation error detected: Value '' at 'tableName' failed to satisfy constraint: "
	      "Member must have length greater than or equal to 1");
	check(&logs_op_CreateLogGroup, "{\"logGroupName\":\"a b\"}", "InvalidParameterException",
	      "1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint: "
	      "Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+");
	check(&events_op_DeleteRule, "{\"Name\":\"\"}", "ValidationException",
	      "2 validation errors detected: Value '' at 'name' failed to satisfy constraint: "
	      "Member must have length greater than or equal to 1; Value '' at 'name' failed to satisfy constraint: "
	      "Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+");
	/* Lengths count characters, not bytes. */
	check(&logs_op_PutLogEvents, "{\"logGroupName\":\"g\",\"logStreamName\":\"\xe3\x83\x84\","
	      "\"logEvents\":[{\"timestamp\":1,\"message\":\"m\"}]}", "", "");
}

static void nested(void **state)
{
	(void)state;
	check(&logs_op_PutLogEvents, "{\"logGroupName\":\"g\",\"logStreamName\":\"s\",\"logEvents\":[{\"timestamp\":1,\"message\":\"m\"},"
	      "{\"timestamp\":-1,\"message\":\"\"}]}", "InvalidParameterException",
	      "2 validation errors detected: Value '-1' at 'logEvents.2.member.timestamp' failed to satisfy constraint: "
	      "Member must have value greater than or equal to 0; Value '' at 'logEvents.2.member.message' failed to satisfy "
	      "constraint: Member must have length greater than or equal to 1");
	check(&logs_op_PutLogEvents, "{\"logGroupName\":\"g\",\"logStreamName\":\"s\",\"logEvents\":[]}", "InvalidParameterException",
	      "1 validation error detected: Value '[]' at 'logEvents' failed to satisfy constraint: "
	      "Member must have length greater than or equal to 1");
	check(&dynamodb_op_CreateTable, "{\"TableName\":\"tab\",\"KeySchema\":[{\"AttributeName\":\"k\",\"KeyType\":\"X\"}],"
	      "\"AttributeDefinitions\":[]}", "ValidationException",
	      "1 validation error detected: Value 'X' at 'keySchema.1.member.keyType' failed to satisfy constraint: "
	      "Member must satisfy enum value set: [HASH, RANGE]");
	check(&dynamodb_op_CreateTable, "{\"TableName\":\"tab\",\"AttributeDefinitions\":[{\"AttributeName\":\"k\",\"AttributeType\":\"X\"}]}",
	      "ValidationException", "1 validation error detected: Value 'X' at 'attributeDefinitions.1.member.attributeType' failed to satisfy "
	      "constraint: Member must satisfy enum value set: [B, N, S]");
}

static void maps(void **state)
{
	(void)state;
	check(&logs_op_TagLogGroup, "{\"logGroupName\":\"g\",\"tags\":{\"\":\"v\"}}", "InvalidParameterException",
	      "1 validation error detected: Value '{=v}' at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: "
	      "[Member must have length less than or equal to 128, Member must have length greater than or equal to 1, "
	      "Member must satisfy regular expression pattern: ^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+)$]");
	check(&logs_op_TagLogGroup, "{\"logGroupName\":\"g\",\"tags\":{\"k\":\"v\"}}", "", "");
}

static void codes(void **state)
{
	(void)state;
	check(&iam_op_CreateUser, "{\"UserName\":\"a b\"}", "ValidationError",
	      "1 validation error detected: Value 'a b' at 'userName' failed to satisfy constraint: "
	      "Member must satisfy regular expression pattern: [\\w+=,.@-]+");
	check(&lambda_op_GetFunction, "{\"FunctionName\":\"a b\"}", "ValidationException",
	      "1 validation error detected: Value 'a b' at 'functionName' failed to satisfy constraint: "
	      "Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|"
	      "(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?");
	check(&apigateway_op_CreateRestApi, "{}", "BadRequestException",
	      "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null");
	check(&s3_op_PutBucketVersioning, "{\"Bucket\":\"b\",\"VersioningConfiguration\":{\"Status\":\"On\"}}", "MalformedXML",
	      "The XML you provided was not well-formed or did not validate against our published schema");
	check(&s3_op_HeadObject, "{\"Bucket\":\"b\",\"Key\":\"k\",\"RequestPayer\":\"nobody\"}", "InvalidArgument",
	      "1 validation error detected: Value 'nobody' at 'requestPayer' failed to satisfy constraint: Member must satisfy enum value set: "
	      "[requester]");
}

static void many_errors_are_bounded(void **state)
{
	(void)state;
	struct buf b;
	struct wire_error err = {0};
	buf_init(&b, a, 0);
	buf_lit(&b, "{\"logGroupName\":\"g\",\"logStreamName\":\"s\",\"logEvents\":[");
	for (int i = 0; i < 10000; i++)
		buf_printf(&b, "%s{\"timestamp\":-1}", i > 0 ? "," : "");
	buf_lit(&b, "]}");
	void *in = typed_from_json(a, &logs_shape_PutLogEventsRequest, json_parse(a, buf_view(&b), NULL), true, NULL);
	assert_non_null(in);
	assert_false(wire_validate(a, &logs_op_PutLogEvents, in, PROTO_JSON_1_1, &err));
	assert_true(err.message.n < 4000);
	assert_true(str_starts(err.message, S("10 validation errors detected: "))); /* where AWS stops */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(required), cmocka_unit_test(lengths_and_patterns), cmocka_unit_test(nested), cmocka_unit_test(maps),
		cmocka_unit_test(codes), cmocka_unit_test(many_errors_are_bounded),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
