/* Attribute values: AWS JSON in and out, DynamoDB's checks, sizes, the item codec (value.h). */
#include "../value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct arena *arena;

static bool read_item(const char *text, struct av *out, struct fault *f)
{
	*f = (struct fault){.arena = arena};
	struct json *j = json_parse(arena, str_c(text), NULL);
	assert_non_null(j);
	return item_from_json(j, out, f);
}

static struct av item(const char *text)
{
	struct av v;
	struct fault f;
	if (!read_item(text, &v, &f))
		fail_msg("%s: %.*s", text, STR_ARG(f.message));
	return v;
}

static void refused(const char *text, enum fault_code code, const char *message)
{
	struct av v;
	struct fault f;
	assert_false(read_item(text, &v, &f));
	assert_int_equal(f.code, code);
	assert_string_equal(arena_cstr(arena, f.message), message);
}

/* Text to value to bytes to text and back: all the same. */
static void keeps(const char *in, const char *out)
{
	struct av v = item(in), back;
	struct buf bytes, again, text, direct;
	buf_init(&bytes, arena, 0);
	buf_init(&again, arena, 0);
	buf_init(&text, arena, 0);
	buf_init(&direct, arena, 0);
	item_encode(&bytes, &v);
	assert_true(item_decode(arena, buf_view(&bytes), &back));
	assert_true(av_equal(&v, &back));
	item_encode(&again, &back);
	assert_true(str_eq(buf_view(&bytes), buf_view(&again)));
	item_write_json(&text, &back);
	assert_string_equal(arena_cstr(arena, buf_view(&text)), out);
	assert_true(item_bytes_write_json(&direct, buf_view(&bytes)));
	assert_true(str_eq(buf_view(&text), buf_view(&direct)));
	assert_true(str_eq(json_text(arena, item_to_json(arena, &v)), buf_view(&text)));
}

static void test_keeps(void **state)
{
	(void)state;
	keeps("{}", "{}");
	keeps("{\"b\":{\"N\":\"1.0\"},\"a\":{\"S\":\"x\\\"y\"}}", "{\"a\":{\"S\":\"x\\\"y\"},\"b\":{\"N\":\"1\"}}");
	keeps("{\"a\":{\"B\":\"AAEC\"},\"e\":{\"S\":\"\"}}", "{\"a\":{\"B\":\"AAEC\"},\"e\":{\"S\":\"\"}}");
	keeps("{\"t\":{\"BOOL\":true},\"f\":{\"BOOL\":false},\"n\":{\"NULL\":true}}",
	      "{\"f\":{\"BOOL\":false},\"n\":{\"NULL\":true},\"t\":{\"BOOL\":true}}");
	keeps("{\"s\":{\"NS\":[\"10\",\"9\",\"-1\"]}}", "{\"s\":{\"NS\":[\"-1\",\"9\",\"10\"]}}");
	keeps("{\"l\":{\"L\":[{\"M\":{\"z\":{\"L\":[]},\"a\":{\"SS\":[\"q\",\"p\"]}}},{\"N\":\"1e2\"}]}}",
	      "{\"l\":{\"L\":[{\"M\":{\"a\":{\"SS\":[\"p\",\"q\"]},\"z\":{\"L\":[]}}},{\"N\":\"100\"}]}}");
	keeps("{\"x\":{\"S\":\"1\"},\"x\":{\"S\":\"2\"}}", "{\"x\":{\"S\":\"2\"}}");
}

static void test_refused(void **state)
{
	(void)state;
	refused("{\"a\":{}}", FAULT_VALIDATION,
	        "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
	refused("{\"a\":{\"S\":\"\",\"N\":\"1\"}}", FAULT_VALIDATION,
	        "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes");
	refused("{\"a\":{\"N\":\"b\"}}", FAULT_VALIDATION, "The parameter cannot be converted to a numeric value: b");
	refused("{\"a\":{\"N\":\"\"}}", FAULT_VALIDATION, "The parameter cannot be converted to a numeric value");
	refused("{\"a\":{\"SS\":[]}}", FAULT_VALIDATION, "One or more parameter values were invalid: An string set  may not be empty");
	refused("{\"a\":{\"NS\":[]}}", FAULT_VALIDATION, "One or more parameter values were invalid: An number set  may not be empty");
	refused("{\"a\":{\"BS\":[]}}", FAULT_VALIDATION, "One or more parameter values were invalid: Binary sets should not be empty");
	refused("{\"a\":{\"SS\":[\"x\",\"y\",\"x\"]}}", FAULT_VALIDATION,
	        "One or more parameter values were invalid: Input collection [x, y, x] contains duplicates.");
	refused("{\"a\":{\"NS\":[\"1\",\"1.0\"]}}", FAULT_VALIDATION, "Input collection contains duplicates");
	refused("{\"a\":{\"NULL\":false}}", FAULT_VALIDATION,
	        "One or more parameter values were invalid: Null attribute value types must have the value of true");
	refused("{\"a\":{\"S\":5}}", FAULT_SERIALIZATION, "NUMBER_VALUE cannot be converted to String");
	refused("{\"a\":{\"B\":\"abc\"}}", FAULT_SERIALIZATION,
	        "Base64 encoded length is expected a multiple of 4 bytes but found: 3");
	refused("{\"a\":5}", FAULT_SERIALIZATION, "Unexpected value type in payload");
	refused("{\"a\":{\"L\":{}}}", FAULT_SERIALIZATION, "Start of structure or map found where not expected");
}

static void test_depth(void **state)
{
	(void)state;
	for (int levels = 31; levels <= 33; levels++) {
		struct buf b;
		buf_init(&b, arena, 0);
		buf_lit(&b, "{\"a\":");
		for (int i = 0; i < levels; i++)
			buf_lit(&b, "{\"L\":[");
		buf_lit(&b, "{\"S\":\"x\"}");
		for (int i = 0; i < levels; i++)
			buf_lit(&b, "]}");
		buf_lit(&b, "}");
		struct av v;
		struct fault f;
		assert_int_equal(read_item(arena_cstr(arena, buf_view(&b)), &v, &f), levels <= ITEM_DEPTH_MAX);
	}
}

static void weighs(const char *text, size_t size)
{
	struct av v = item(text);
	assert_int_equal(item_size(&v), size);
	struct buf b;
	buf_init(&b, arena, 0);
	item_encode(&b, &v);
	size_t weighed;
	assert_true(item_bytes_size(buf_view(&b), &weighed));
	assert_int_equal(weighed, size);
}

/* Source: "DynamoDB item sizes and formats" (Developer Guide). */
static void test_size(void **state)
{
	(void)state;
	weighs("{\"abc\":{\"S\":\"hello\"}}", 8);
	weighs("{\"a\":{\"S\":\"\303\251\"}}", 3);
	weighs("{\"a\":{\"B\":\"AAEC\"}}", 4);
	weighs("{\"a\":{\"BOOL\":true}}", 2);
	weighs("{\"a\":{\"NULL\":true}}", 2);
	weighs("{\"a\":{\"N\":\"0\"}}", 2);
	weighs("{\"a\":{\"L\":[]}}", 4);
	weighs("{\"a\":{\"L\":[{\"S\":\"xy\"}]}}", 7);
	weighs("{\"a\":{\"M\":{\"k\":{\"S\":\"xy\"}}}}", 8);
	weighs("{\"a\":{\"SS\":[\"xy\",\"z\"]}}", 4);
}

static int start(void **state) { (void)state; arena = arena_new(0); return 0; }
static int stop(void **state) { (void)state; arena_free(arena); return 0; }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keeps), cmocka_unit_test(test_refused), cmocka_unit_test(test_depth), cmocka_unit_test(test_size),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
