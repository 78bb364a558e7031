/* Typed values: to and from JSON trees and CBOR, copies; JSON requests into structures and their errors; answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cloudwatch.model.h"
#include "dynamodb.model.h"
#include "lambda.model.h"
#include "logs.model.h"
#include "s3.model.h"
#include "sqs.model.h"
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

#define assert_str(s, lit) assert_memory_equal_str((s), S(lit))
static void assert_memory_equal_str(struct str got, struct str want)
{
	if (!str_eq(got, want))
		fail_msg("got  %.*s\nwant %.*s", STR_ARG(got), STR_ARG(want));
}

static const char batch[] =
	"{\"QueueUrl\":\"u\",\"Entries\":[{\"Id\":\"1\",\"MessageBody\":\"a\\u00e9\\n\",\"DelaySeconds\":5,"
	"\"MessageAttributes\":{\"k\":{\"DataType\":\"Binary\",\"BinaryValue\":\"AAEC\"}}},{\"Id\":\"2\",\"MessageBody\":\"b\"}]}";

static void *decode_json(const struct model_op *op, const char *body, struct wire_error *err)
{
	struct wire_request r = {.method = S("POST"), .raw_path = S("/"), .body = str_c(body), .protocol = model_op_model(op)->protocol};
	return wire_decode(a, op, &r, err);
}

static void json_request(void **state)
{
	(void)state;
	struct wire_error err;
	struct sqs_SendMessageBatchRequest *in = decode_json(&sqs_op_SendMessageBatch, batch, &err);
	assert_non_null(in);
	assert_str(in->QueueUrl, "u");
	assert_int_equal(in->Entries.n, 2);
	struct sqs_SendMessageBatchRequestEntry *e = LIST_AT(in->Entries, struct sqs_SendMessageBatchRequestEntry, 0);
	assert_str(e->MessageBody, "a\xc3\xa9\n");
	assert_true(e->DelaySeconds.set && e->DelaySeconds.v == 5);
	struct sqs_MessageBodyAttributeMap_entry *attr = e->MessageAttributes.v;
	assert_int_equal(e->MessageAttributes.n, 1);
	assert_str(attr->key, "k");
	assert_int_equal(attr->value.BinaryValue.n, 3);
	assert_memory_equal(attr->value.BinaryValue.p, "\0\1\2", 3);
	e = LIST_AT(in->Entries, struct sqs_SendMessageBatchRequestEntry, 1);
	assert_false(e->DelaySeconds.set || e->MessageAttributes.set);
}

static void round_trips(void **state)
{
	(void)state;
	struct wire_error err;
	struct str why = STR_NONE;
	const struct shape *s = &sqs_shape_SendMessageBatchRequest;
	void *in = decode_json(&sqs_op_SendMessageBatch, batch, &err);
	struct json *tree = typed_to_json(a, s, in);
	struct str text = json_text(a, tree);
	void *again = typed_from_json(a, s, tree, true, &why);
	assert_non_null(again);
	assert_memory_equal_str(json_text(a, typed_to_json(a, s, again)), text);
	void *read = typed_from_cbor(a, s, typed_to_cbor(a, s, in));
	assert_non_null(read);
	assert_memory_equal_str(json_text(a, typed_to_json(a, s, read)), text);
	struct arena *other = arena_new(0);
	void *copy = typed_copy(other, s, in);
	assert_memory_equal_str(json_text(a, typed_to_json(a, s, copy)), text);
	arena_free(other);
}

static void documents_keep_numbers(void **state)
{
	(void)state;
	struct wire_error err;
	const char *body = "{\"TableName\":\"t\",\"Item\":{\"n\":{\"N\":\"12345678901234567890123456789012345678\"},"
	                   "\"raw\":1.23456789012345678901234567890}}";
	struct dynamodb_PutItemInput *in = decode_json(&dynamodb_op_PutItem, body, &err);
	assert_non_null(in);
	struct str cbor = typed_to_cbor(a, &dynamodb_shape_PutItemInput, in);
	struct json *j = typed_to_json(a, &dynamodb_shape_PutItemInput, typed_from_cbor(a, &dynamodb_shape_PutItemInput, cbor));
	assert_str(json_path(j, "Item.raw")->text, "1.23456789012345678901234567890");
	assert_str(json_path(j, "Item.n.N")->text, "12345678901234567890123456789012345678");
}

static void strict_trees(void **state)
{
	(void)state;
	struct str why = STR_NONE;
	struct json *j = json_parse(a, S("{\"QueueName\":\"q\",\"Nope\":1}"), NULL);
	assert_null(typed_from_json(a, &sqs_shape_CreateQueueRequest, j, true, &why));
	assert_str(why, "CreateQueueRequest: unknown member Nope");
	assert_non_null(typed_from_json(a, &sqs_shape_CreateQueueRequest, j, false, &why));
	j = json_parse(a, S("{\"QueueName\":1}"), NULL);
	assert_null(typed_from_json(a, &sqs_shape_CreateQueueRequest, j, false, &why));
	assert_str(why, "String: expected a string");
}

static void bad_json(void **state)
{
	(void)state;
	static const struct { const char *body, *message; } cases[] = {
		{"{\"QueueUrl\":1}", "NUMBER_VALUE cannot be converted to String"},
		{"{\"QueueUrl\":-1.5}", "DECIMAL_VALUE cannot be converted to String"},
		{"{\"QueueUrl\":true}", "TRUE_VALUE cannot be converted to String"},
		{"{\"QueueUrl\":{}}", "Start of structure or map found where not expected"},
		{"{\"QueueUrl\":[]}", "Unrecognized collection type class java.lang.String"},
		{"{\"Entries\":\"x\"}", "Unexpected field type"},
		{"{\"Entries\":{}}", "Start of structure or map found where not expected"},
		{"{\"Entries\":[1]}", "Unexpected value type in payload"},
		{"{\"Entries\":[[]]}", "Unrecognized collection type class com.amazonaws.sqs.SendMessageBatchRequestEntry"},
		{"{\"Entries\":[{\"MessageBody\":false}]}", "FALSE_VALUE cannot be converted to String"},
		{"{\"Entries\":[{\"MessageAttributes\":[]}]}",
			"Unrecognized collection type java.util.Map<java.lang.String, com.amazonaws.sqs.MessageAttributeValue>"},
		{"{\"Entries\":[{\"MessageAttributes\":{\"a\":{\"BinaryValue\":7}}}]}", "only base-64-encoded strings are convertible to bytes"},
		{"{\"Entries\":[null]}", "Null element found in a list"},
		{"{\"Entries\":[{\"DelaySeconds\":\"1\"}]}", "STRING_VALUE cannot be converted to Integer"},
		{"{\"Entries\":[{\"DelaySeconds\":99999999999}]}", "Value out of range: 99999999999"},
		{"{\"QueueUrl\":\"a\"", "Could not parse request body into json: unexpected end of text at offset 15"},
		{"{\"QueueUrl\":\"a\",}", "Could not parse request body into json: unexpected character at offset 16"},
		{"{\"QueueUrl\":nope}", "Could not parse request body into json: unexpected character at offset 12"},
		{"{} x", "Could not parse request body into json: unexpected character at offset 3"},
		{"[]", "Unrecognized collection type class com.amazonaws.sqs.SendMessageBatchRequest"},
		{"{\"a\":\"\x01\"}", "Could not parse request body into json: unexpected character at offset 6"},
		{"{\"a\":\"\xff\"}", "Could not parse request body into json: unexpected character at offset 0"},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct wire_error err = {0};
		assert_null(decode_json(&sqs_op_SendMessageBatch, cases[i].body, &err));
		assert_str(err.code, "SerializationException");
		assert_int_equal(err.status, 400);
		assert_memory_equal_str(err.message, str_c(cases[i].message));
	}
}

static void good_json(void **state)
{
	(void)state;
	static const char *const bodies[] = {
		"", " ", "{}", " { } ", "{\"QueueUrl\":null}", "{\"Unknown\":{\"a\":[1,2,{\"b\":null}]},\"QueueUrl\":\"u\"}",
		"{\"Entries\":[{\"DelaySeconds\":5.0},{\"DelaySeconds\":1e1}]}", "{\"QueueUrl\":\"\\ud83d\\ude00 \\ud800\"}",
	};
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		struct wire_error err = {0};
		if (decode_json(&sqs_op_SendMessageBatch, bodies[i], &err) == NULL)
			fail_msg("%s: %.*s", bodies[i], STR_ARG(err.message));
	}
}

/* A name with a NUL inside is no member's, and nothing behind a member's name is read (the sanitizer watches). */
static void nul_in_names(void **state)
{
	(void)state;
	struct wire_error err = {0};
	struct sqs_SendMessageBatchRequest *in = decode_json(
		&sqs_op_SendMessageBatch, "{\"QueueUrl\":\"u\",\"QueueUrl\\u0000\\u0000..............................\":\"v\",\"Entries\":[]}", &err);
	assert_non_null(in);
	assert_str(in->QueueUrl, "u");
	static const char map[] = "\xa1\x78\x28QueueUrl\0\0..............................\x61v";
	struct sqs_SendMessageBatchRequest *cbor = typed_from_cbor(a, model_op_input(&sqs_op_SendMessageBatch), str_of(map, sizeof map - 1));
	assert_non_null(cbor);
	assert_false(str_present(cbor->QueueUrl));
	assert_null(shape_member(model_op_input(&sqs_op_SendMessageBatch), str_of("QueueUrl\0", 9)));
	assert_null(model_op_find(model_op_model(&sqs_op_SendMessageBatch), str_of("SendMessage\0", 12)));
}

static void deep_json(void **state)
{
	(void)state;
	struct wire_error err;
	struct buf b;
	buf_init(&b, a, 0);
	buf_lit(&b, "{\"x\":");
	for (int i = 0; i < 100000; i++)
		buf_putc(&b, '[');
	buf_putc(&b, '\0');
	assert_null(decode_json(&sqs_op_SendMessageBatch, b.p, &err));
	assert_str(err.code, "SerializationException");
}

static struct str header_of(const struct wire_response *w, struct str name)
{
	struct wire_request r = {.headers = w->headers, .n_headers = w->n_headers};
	return wire_header(&r, name);
}

/* SQS speaks query too, under the names its API reference has. */
static void sqs_by_query(void **state)
{
	(void)state;
	struct wire_error err;
	struct wire_request r = {.method = S("POST"), .raw_path = S("/"), .protocol = PROTO_QUERY};
	r.body = S("Action=SendMessageBatch&Version=2012-11-05&QueueUrl=u&SendMessageBatchRequestEntry.2.Id=b&"
	           "SendMessageBatchRequestEntry.10.Id=c&SendMessageBatchRequestEntry.1.Id=a&"
	           "SendMessageBatchRequestEntry.1.MessageBody=x+y%26&SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=n&"
	           "SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue=v");
	struct sqs_SendMessageBatchRequest *in = wire_decode(a, &sqs_op_SendMessageBatch, &r, &err);
	assert_non_null(in);
	assert_str(json_text(a, typed_to_json(a, &sqs_shape_SendMessageBatchRequest, in)),
	           "{\"QueueUrl\":\"u\",\"Entries\":[{\"Id\":\"a\",\"MessageBody\":\"x y&\",\"MessageAttributes\":{\"n\":"
	           "{\"StringValue\":\"v\"}}},{\"Id\":\"b\"},{\"Id\":\"c\"}]}");
	struct sqs_GetQueueAttributesResult out = {.Attributes = MAP_OF(a, struct sqs_QueueAttributeMap_entry, 1)};
	((struct sqs_QueueAttributeMap_entry *)out.Attributes.v)[0] = (struct sqs_QueueAttributeMap_entry){S("DelaySeconds"), S("0")};
	struct wire_response w;
	wire_encode(a, &sqs_op_GetQueueAttributes, &out, PROTO_QUERY, S("id"), &w);
	assert_str(w.body, "<GetQueueAttributesResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><GetQueueAttributesResult>"
	           "<Attribute><Name>DelaySeconds</Name><Value>0</Value></Attribute></GetQueueAttributesResult>"
	           "<ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></GetQueueAttributesResponse>");
	wire_encode(a, &sqs_op_DeleteMessage, NULL, PROTO_QUERY, S("id"), &w);
	assert_str(w.body, "<DeleteMessageResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><ResponseMetadata>"
	           "<RequestId>id</RequestId></ResponseMetadata></DeleteMessageResponse>");
	wire_encode(a, &sqs_op_GetQueueAttributes, &out, PROTO_JSON_1_0, S("id"), &w);
	assert_str(w.body, "{\"Attributes\":{\"DelaySeconds\":\"0\"}}");
}

static void sqs_errors(void **state)
{
	(void)state;
	struct wire_response w;
	struct wire_error err = {.code = S("QueueDoesNotExist"), .message = S("no \"q\""), .status = 400, .sender = true,
	                         .shape = &sqs_err_QueueDoesNotExist};
	wire_encode_error(a, &sqs_model, NULL, &err, PROTO_JSON_1_0, true, S("id"), &w);
	assert_int_equal(w.status, 400);
	assert_str(w.body, "{\"__type\":\"com.amazonaws.sqs#QueueDoesNotExist\",\"message\":\"no \\\"q\\\"\"}");
	assert_str(header_of(&w, S("x-amzn-query-error")), "AWS.SimpleQueueService.NonExistentQueue;Sender");
	assert_str(header_of(&w, S("x-amzn-requestid")), "id");
	wire_encode_error(a, &sqs_model, NULL, &err, PROTO_JSON_1_0, false, S("id"), &w);
	assert_null(header_of(&w, S("x-amzn-query-error")).p);
	wire_encode_error(a, &sqs_model, NULL, &err, PROTO_QUERY, false, S("id"), &w);
	assert_str(w.body, "<ErrorResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error><Type>Sender</Type>"
	           "<Code>AWS.SimpleQueueService.NonExistentQueue</Code><Message>no \"q\"</Message></Error>"
	           "<RequestId>id</RequestId></ErrorResponse>");
}

static void other_errors(void **state)
{
	(void)state;
	struct wire_response w;
	struct wire_error err = {.code = S("ValidationException"), .message = S("m"), .status = 400, .sender = true};
	wire_encode_error(a, &dynamodb_model, NULL, &err, PROTO_JSON_1_0, false, S("id"), &w);
	assert_str(w.body, "{\"__type\":\"com.amazon.coral.validate#ValidationException\",\"message\":\"m\"}");
	err = (struct wire_error){.code = S("ResourceNotFoundException"), .message = S("m"), .shape = &dynamodb_err_ResourceNotFoundException};
	wire_encode_error(a, &dynamodb_model, NULL, &err, PROTO_JSON_1_0, false, S("id"), &w);
	assert_int_equal(w.status, 400);
	assert_str(w.body, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException\",\"message\":\"m\"}");
	struct lambda_ResourceNotFoundException detail = {.Type = S("User")};
	err = (struct wire_error){.code = S("ResourceNotFoundException"), .message = S("m"), .shape = &lambda_err_ResourceNotFoundException,
	                          .detail = &detail};
	wire_encode_error(a, &lambda_model, NULL, &err, PROTO_REST_JSON, false, S("id"), &w);
	assert_int_equal(w.status, 404);
	assert_str(header_of(&w, S("x-amzn-errortype")), "ResourceNotFoundException");
	assert_str(w.body, "{\"Message\":\"m\",\"Type\":\"User\"}");
	err = (struct wire_error){.code = S("NoSuchKey"), .message = S("a<b"), .shape = &s3_err_NoSuchKey};
	wire_encode_error(a, &s3_model, NULL, &err, PROTO_REST_XML, false, S("id"), &w);
	assert_int_equal(w.status, 404);
	assert_true(str_starts(w.body, S("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code><Message>a&lt;b"
	                                 "</Message><RequestId>id</RequestId><HostId>")));
	assert_str(header_of(&w, S("x-amz-request-id")), "id");
}

static void s3_answers(void **state)
{
	(void)state;
	struct wire_response w;
	struct s3_GetBucketLocationOutput location = {.LocationConstraint = S("eu-west-1")};
	wire_encode(a, &s3_op_GetBucketLocation, &location, PROTO_REST_XML, S("id"), &w);
	assert_str(w.body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
	           "eu-west-1</LocationConstraint>");
	struct s3_ListObjectsV2Output list = {.Name = S("b"), .KeyCount = SOME_I64(1), .Contents = LIST_OF(a, struct s3_Object, 1)};
	*LIST_AT(list.Contents, struct s3_Object, 0) = (struct s3_Object){.Key = S("k&"), .LastModified = SOME_TIME(1500), .Size = SOME_I64(3)};
	wire_encode(a, &s3_op_ListObjectsV2, &list, PROTO_REST_XML, S("id"), &w);
	assert_str(w.body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
	           "<Contents><Key>k&amp;</Key><LastModified>1970-01-01T00:00:01.500Z</LastModified><Size>3</Size></Contents>"
	           "<Name>b</Name><KeyCount>1</KeyCount></ListBucketResult>");
	struct body body = {.bytes = S("data"), .length = 4};
	struct s3_Metadata_entry meta = {S("k"), S("v\r\nx: y")};
	struct s3_GetObjectOutput object = {.Body = &body, .ContentType = S("text/plain"), .LastModified = SOME_TIME(0),
	                                    .Metadata = {&meta, 1, true}};
	wire_encode(a, &s3_op_GetObject, &object, PROTO_REST_XML, S("id"), &w);
	assert_ptr_equal(w.stream, &body);
	assert_str(header_of(&w, S("last-modified")), "Thu, 01 Jan 1970 00:00:00 GMT");
	assert_str(header_of(&w, S("content-type")), "text/plain");
	assert_str(header_of(&w, S("x-amz-meta-k")), "v  x: y");
}

static void gzip_body(void **state)
{
	(void)state;
	/* printf '{"Namespace":"n"}' | gzip -n */
	static const char packed[] =
		"1f8b0800000000000003ab56f24bcc4d2d2e484c4e55b252ca53aa050016f7c07a11000000";
	struct param h = {S("Content-Encoding"), S("gzip"), true};
	struct wire_request r = {.method = S("POST"), .raw_path = S("/"), .headers = &h, .n_headers = 1, .protocol = PROTO_JSON_1_0};
	struct wire_error err;
	r.body = hex_decode(a, str_of(packed, sizeof packed - 1));
	struct cloudwatch_PutMetricDataInput *in = wire_decode(a, &cloudwatch_op_PutMetricData, &r, &err);
	if (in == NULL)
		fail_msg("%.*s", STR_ARG(err.message));
	assert_str(in->Namespace, "n");
	r.body = S("not gzip");
	assert_null(wire_decode(a, &cloudwatch_op_PutMetricData, &r, &err));
}

static void event_streams(void **state)
{
	(void)state;
	struct buf b;
	const struct param h = {S(":event-type"), S("End"), true};
	buf_init(&b, a, 0);
	eventstream_message(&b, &h, 1, S("{}"));
	assert_int_equal(b.n, 12 + 1 + 11 + 1 + 2 + 3 + 2 + 4);
	assert_memory_equal(b.p, "\0\0\0\x24\0\0\0\x12", 8);
	uint32_t crc = crc32_ieee(0, str_of(b.p, b.n - 4));
	const unsigned char *t = (const unsigned char *)b.p + b.n - 4;
	assert_int_equal(crc, (uint32_t)t[0] << 24 | (uint32_t)t[1] << 16 | (uint32_t)t[2] << 8 | t[3]);
}

/* Smithy, "Amazon event stream specification": events, exceptions and errors tell what they are in their headers. */
static void events_exceptions_and_errors(void **state)
{
	(void)state;
	struct buf b, same;
	buf_init(&b, a, 0);
	buf_init(&same, a, 0);
	const struct param event[] = {{S(":message-type"), S("event"), true}, {S(":event-type"), S("Stats"), true},
		{S(":content-type"), S("text/xml"), true}};
	eventstream_event(&b, "Stats", "text/xml", S("<Stats/>"));
	eventstream_message(&same, event, 3, S("<Stats/>"));
	eventstream_event(&b, "Stats", NULL, S(""));
	eventstream_message(&same, event, 2, S(""));
	const struct param exception[] = {{S(":message-type"), S("exception"), true}, {S(":exception-type"), S("Bad"), true},
		{S(":content-type"), S("application/json"), true}};
	eventstream_exception(&b, "Bad", "application/json", S("{}"));
	eventstream_message(&same, exception, 3, S("{}"));
	const struct param error[] = {{S(":message-type"), S("error"), true}, {S(":error-code"), S("E"), true}, {S(":error-message"), S("why"), true}};
	eventstream_error(&b, "E", S("why"));
	eventstream_message(&same, error, 3, S(""));
	assert_int_equal(b.n, same.n);
	assert_memory_equal(b.p, same.p, b.n);
}

static void event_stream_answers(void **state)
{
	(void)state;
	struct wire_response w;
	struct body body = {.bytes = S("frames"), .length = 6};
	struct logs_StartLiveTailResponse tail = {.responseStream = &body};
	wire_encode(a, &logs_op_StartLiveTail, &tail, PROTO_JSON_1_1, S("id"), &w);
	assert_ptr_equal(w.stream, &body);
	assert_str(header_of(&w, S("content-type")), "application/vnd.amazon.eventstream");
	struct lambda_InvokeWithResponseStreamResponse invoke = {.StatusCode = SOME_I64(200), .EventStream = &body};
	wire_encode(a, &lambda_op_InvokeWithResponseStream, &invoke, PROTO_REST_JSON, S("id"), &w);
	assert_ptr_equal(w.stream, &body);
	assert_int_equal(w.status, 200);
}

static void lambda_invoke(void **state)
{
	(void)state;
	struct wire_error err;
	struct wire_response w;
	struct param h = {S("X-Amz-Invocation-Type"), S("Event"), true};
	struct wire_request r = {.method = S("POST"), .raw_path = S("/2015-03-31/functions/f%3A1/invocations"), .raw_query = S("Qualifier=1"),
	                         .headers = &h, .n_headers = 1, .body = S("[1]"), .protocol = PROTO_REST_JSON};
	assert_true(params_parse(a, r.raw_query, 10, &r.query));
	struct lambda_InvocationRequest *in = wire_decode(a, &lambda_op_Invoke, &r, &err);
	assert_non_null(in);
	assert_str(in->FunctionName, "f:1");
	assert_str(in->Qualifier, "1");
	assert_str(in->InvocationType, "Event");
	assert_str(in->Payload, "[1]");
	struct lambda_InvocationResponse out = {.StatusCode = SOME_I64(202), .FunctionError = S("Unhandled"), .Payload = S("{}")};
	wire_encode(a, &lambda_op_Invoke, &out, PROTO_REST_JSON, S("id"), &w);
	assert_int_equal(w.status, 202);
	assert_str(header_of(&w, S("x-amz-function-error")), "Unhandled");
	assert_str(w.body, "{}");
}

/* What is not UTF-8 stands in no text of an answer, so no request may bring it in; a record that holds it all the same can
 * be read again, as text or as the key of a map. */
static void not_utf8(void **state)
{
	(void)state;
	struct wire_error err = {0};
	struct wire_request r = {.method = S("POST"), .raw_path = S("/"), .protocol = PROTO_QUERY,
	                         .body = S("QueueUrl=u&MessageBody=a%ffb")};
	assert_null(wire_decode(a, &sqs_op_SendMessage, &r, &err));
	assert_str(err.code, "MalformedInput");
	assert_true(utf8_valid(err.message));
	r.body = S("QueueName=q&Attribute.1.Name=%c3%28&Attribute.1.Value=1");
	assert_null(wire_decode(a, &sqs_op_CreateQueue, &r, &err));
	r.body = S("QueueUrl=u&MessageBody=a%c3%a9b");
	assert_non_null(wire_decode(a, &sqs_op_SendMessage, &r, &err));
	struct param h = {S("x-amz-meta-a"), S("\xff"), true};
	r = (struct wire_request){.method = S("PUT"), .raw_path = S("/b/k"), .protocol = PROTO_REST_XML, .headers = &h, .n_headers = 1};
	assert_null(wire_decode(a, &s3_op_PutObject, &r, &err));
	assert_str(err.code, "InvalidArgument");

	struct sqs_SendMessageRequest m = {.QueueUrl = S("u"), .MessageBody = S("a\xff")};
	struct sqs_SendMessageRequest *back = typed_from_cbor(a, &sqs_shape_SendMessageRequest, typed_to_cbor(a, &sqs_shape_SendMessageRequest, &m));
	assert_non_null(back);
	assert_str(back->MessageBody, "a\xff");
	struct sqs_TagMap_entry tag = {S("k\xff"), S("v\xff")};
	struct sqs_TagQueueRequest t = {.QueueUrl = S("u"), .Tags = {&tag, 1, true}};
	struct sqs_TagQueueRequest *tags = typed_from_cbor(a, &sqs_shape_TagQueueRequest, typed_to_cbor(a, &sqs_shape_TagQueueRequest, &t));
	assert_non_null(tags);
	assert_str(LIST_AT(tags->Tags, struct sqs_TagMap_entry, 0)->key, "k\xff");
	/* but not what a client sends */
	struct wire_request c = {.method = S("POST"), .raw_path = S("/"), .protocol = PROTO_CBOR,
	                         .body = typed_to_cbor(a, &sqs_shape_SendMessageRequest, &m)};
	assert_null(wire_decode(a, &sqs_op_SendMessage, &c, &err));
}

/* An element of a list is there or is no element: handlers look at no absent ones. */
static void no_absent_elements(void **state)
{
	(void)state;
	struct wire_error err = {0};
	struct wire_request r = {.method = S("POST"), .raw_path = S("/"), .protocol = PROTO_QUERY, .body = S("QueueUrl=u"
		"&AttributeName.1.x=a&AttributeName.2=All&AttributeName.03=b")};
	struct sqs_GetQueueAttributesRequest *in = wire_decode(a, &sqs_op_GetQueueAttributes, &r, &err);
	assert_non_null(in);
	assert_int_equal(in->AttributeNames.n, 1);
	assert_str(*LIST_AT(in->AttributeNames, struct str, 0), "All");
	r.body = S("QueueUrl=u&Tag.1.Key=k");
	assert_null(wire_decode(a, &sqs_op_TagQueue, &r, &err));
	assert_str(err.code, "MissingParameter");
}

/* A body of 15 MiB must not become gigabytes. */
static void small_elements(void **state)
{
	(void)state;
	struct wire_error err = {0};
	struct arena *own = arena_new(0);
	struct buf b;
	buf_init(&b, own, 0);
	buf_lit(&b, "{\"Namespace\":\"x\",\"MetricData\":[{}");
	for (int i = 0; i < 5000000; i++)
		buf_lit(&b, ",{}");
	buf_lit(&b, "]}");
	struct arena *work = arena_new(0);
	struct wire_request r = {.method = S("POST"), .raw_path = S("/"), .protocol = PROTO_JSON_1_0, .body = buf_view(&b)};
	assert_null(wire_decode(work, &cloudwatch_op_PutMetricData, &r, &err));
	assert_str(err.code, "SerializationException");
	assert_true(arena_used(work) < 512 << 20);
	arena_free(work);
	arena_free(own);
}

/* Source: RFC 9110, 5.2; the serializers of the SDK for Go v2 add a header for each element. */
static void list_in_several_headers(void **state)
{
	(void)state;
	struct wire_error err = {0};
	struct param h[] = {{S("X-Amz-Object-Attributes"), S("ETag"), true}, {S("x-amz-object-attributes"), S("ObjectSize, StorageClass"), true}};
	struct wire_request r = {.method = S("GET"), .raw_path = S("/b/k"), .protocol = PROTO_REST_XML, .headers = h, .n_headers = 2};
	struct s3_GetObjectAttributesRequest *in = wire_decode(a, &s3_op_GetObjectAttributes, &r, &err);
	assert_non_null(in);
	assert_int_equal(in->ObjectAttributes.n, 3);
	assert_str(*LIST_AT(in->ObjectAttributes, struct str, 2), "StorageClass");
}

/* A time that is taken can be kept and read again: this one made a record that was lost. */
static void times_have_a_range(void **state)
{
	(void)state;
	struct wire_error err = {0};
	struct param h = {S("x-amz-object-lock-retain-until-date"), S("99999999999999"), true};
	struct wire_request r = {.method = S("PUT"), .raw_path = S("/b/k"), .protocol = PROTO_REST_XML, .headers = &h, .n_headers = 1};
	assert_null(wire_decode(a, &s3_op_PutObject, &r, &err));
	h.value = S("9999999999999");
	struct s3_PutObjectRequest *in = wire_decode(a, &s3_op_PutObject, &r, &err);
	assert_non_null(in);
	assert_non_null(typed_from_cbor(a, &s3_shape_PutObjectRequest, typed_to_cbor(a, &s3_shape_PutObjectRequest, in)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_request), cmocka_unit_test(round_trips), cmocka_unit_test(documents_keep_numbers),
		cmocka_unit_test(strict_trees), cmocka_unit_test(bad_json), cmocka_unit_test(good_json), cmocka_unit_test(nul_in_names),
		cmocka_unit_test(deep_json),
		cmocka_unit_test(sqs_by_query), cmocka_unit_test(sqs_errors), cmocka_unit_test(other_errors),
		cmocka_unit_test(s3_answers), cmocka_unit_test(gzip_body), cmocka_unit_test(event_streams), cmocka_unit_test(events_exceptions_and_errors),
		cmocka_unit_test(event_stream_answers), cmocka_unit_test(lambda_invoke), cmocka_unit_test(not_utf8),
		cmocka_unit_test(times_have_a_range), cmocka_unit_test(list_in_several_headers),
		cmocka_unit_test(no_absent_elements), cmocka_unit_test(small_elements),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
