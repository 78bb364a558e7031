/* JSON: what RFC 8259 allows is read and written back, what it forbids is refused. */
#include "base/json.h"
#include "../check.h"

#include <math.h>

static struct json *parse(const char *text) { return json_parse(arena, str_c(text), NULL); }

static void reads_every_type(void **state UNUSED)
{
	struct json *j = parse(" {\"s\":\"x\",\"n\":-12.5e+3,\"t\":true,\"f\":false,\"z\":null,\"a\":[1,[],{}],\"o\":{\"k\":\"v\"}}\n");
	assert_non_null(j);
	assert_int_equal(j->n, 7);
	assert_str(json_get_str(j, "s"), S("x"));
	assert_str(json_get(j, S("n"))->text, S("-12.5e+3"));
	assert_true(json_get_bool(j, "t", false));
	assert_false(json_get_bool(j, "f", true));
	assert_true(json_is(json_get(j, S("z")), JSON_NULL));
	assert_int_equal(json_get(j, S("a"))->n, 3);
	assert_str(json_str(json_path(j, "o.k")), S("v"));
	assert_null(json_path(j, "o.k.x"));
	assert_null(json_path(j, "o.none"));
}

static void refuses_what_is_not_json(void **state UNUSED)
{
	static const char *const bad[] = {
		"", " ", "{", "}", "[", "[1", "[1,", "[1,]", "[,1]", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{\"a\":1 \"b\":2}",
		"\"", "\"a", "\"\\", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"a\nb\"", "\"\t\"", "'a'", "tru", "nul", "True", "+1", "01",
		"-", "1.", ".5", "1e", "1e+", "-01", "0x1", "NaN", "Infinity", "1 2", "[1] x", "// c\n1", "\xef\xbb\xbf{}",
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct json_error err = {0};
		if (json_parse(arena, str_c(bad[i]), &err) != NULL)
			fail_msg("accepted %s", bad[i]);
		assert_non_null(err.what);
		assert_true(err.at <= strlen(bad[i]));
	}
	assert_null(json_parse(arena, STR_NONE, NULL));
	assert_null(json_parse(arena, str_of("1\0", 2), NULL));
}

static void says_where(void **state UNUSED)
{
	struct json_error err;
	assert_null(json_parse(arena, S("{\"a\": [1, 2, x]}"), &err));
	assert_int_equal(err.at, 13);
	assert_string_equal(err.what, "unexpected character");
}

static void strings_are_views_unless_escaped(void **state UNUSED)
{
	struct str text = S("[\"plain text of more than sixteen bytes\", \"with \\\"escapes\\\" \\\\ \\/ \\b\\f\\n\\r\\t\"]");
	struct json *j = json_parse(arena, text, NULL);
	struct str plain = json_str(json_at(j, 0));
	assert_true(plain.p > text.p && plain.p < text.p + text.n);
	assert_str(json_str(json_at(j, 1)), S("with \"escapes\" \\ / \b\f\n\r\t"));
}

/* RFC 8259, section 7: characters beyond the first plane are two escapes. */
static void unicode(void **state UNUSED)
{
	assert_str(json_str(parse("\"\\u00e9\\u20AC\\ud834\\udd1e\\u0000x\"")), S("\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e\0x"));
	assert_str(json_str(parse("\"\xc3\xa9 as it is, after many plain bytes\"")), S("\xc3\xa9 as it is, after many plain bytes"));
	static const char *const bad[] = {
		"\"\\ud834\"", "\"\\ud834x\"", "\"\\ud834\\n\"", "\"\\udd1e\"", "\"\\ud834\\u0041\"", "\"\xff\"", "\"\xc3\"", "\"0123456789abcdef\xc3\"",
		"\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\\n\xff\"", "\"\xff\\n\"",
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (parse(bad[i]) != NULL)
			fail_msg("accepted %zu: %s", i, bad[i]);
}

/* Every place a string's end or an escape can have in the sixteen-byte steps. */
static void string_ends_at_every_offset(void **state UNUSED)
{
	for (size_t n = 0; n < 70; n++)
		for (size_t esc = 0; esc <= n; esc++) {
			char text[128], want[128];
			size_t t = 0, w = 0;
			text[t++] = '"';
			for (size_t i = 0; i < n; i++) {
				if (i == esc) {
					text[t++] = '\\';
					text[t++] = 'n';
					want[w++] = '\n';
				}
				text[t++] = want[w++] = (char)('a' + i % 26);
			}
			text[t++] = '"';
			char *exact = malloc(t); /* so that the sanitizer sees a read past the end */
			memcpy(exact, text, t);
			assert_str(json_str(json_parse(arena, str_of(exact, t), NULL)), str_of(want, w));
			assert_null(json_parse(arena, str_of(exact, t - 1), NULL));
			free(exact);
		}
}

static void depth_is_bounded(void **state UNUSED)
{
	char text[2 * (JSON_DEPTH_MAX + 1)];
	size_t n = JSON_DEPTH_MAX;
	memset(text, '[', n);
	memset(text + n, ']', n);
	assert_non_null(json_parse(arena, str_of(text, 2 * n), NULL));
	n++;
	memset(text, '[', n);
	memset(text + n, ']', n);
	struct json_error err;
	assert_null(json_parse(arena, str_of(text, 2 * n), &err));
	assert_string_equal(err.what, "too deep");
}

static void the_last_duplicate_counts(void **state UNUSED)
{
	struct json *j = parse("{\"a\":1,\"a\":2}");
	assert_int_equal(j->n, 2);
	assert_int_equal(json_get_i64(j, "a", 0), 2);
}

static void large_arrays_outgrow_the_stack(void **state UNUSED)
{
	struct buf b;
	buf_init(&b, arena, 0);
	buf_putc(&b, '[');
	for (int i = 0; i < 5000; i++)
		buf_printf(&b, "%s{\"i\":%d,\"a\":[%d]}", i > 0 ? "," : "", i, i);
	buf_putc(&b, ']');
	struct json *j = json_parse(arena, buf_view(&b), NULL);
	assert_int_equal(j->n, 5000);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(json_get_i64(json_at(j, (size_t)i), "i", -1), i);
	assert_str(json_text(arena, j), buf_view(&b));
}

static void readers_take_what_is_absent(void **state UNUSED)
{
	assert_null(json_get(NULL, S("a")));
	assert_null(json_at(NULL, 0));
	assert_absent(json_str(NULL));
	assert_absent(json_get_str(parse("{\"a\":1}"), "a"));
	assert_int_equal(json_get_i64(NULL, "a", 7), 7);
	assert_true(json_get_bool(parse("{\"a\":\"true\"}"), "a", true));
	assert_int_equal(json_get_i64(parse("{\"a\":\"12\"}"), "a", 0), 12);
	assert_null(json_at(parse("[1]"), 1));
}

static void whole_numbers(void **state UNUSED)
{
	static const struct { const char *text; int64_t want; } good[] = {
		{"0", 0}, {"-0", 0}, {"12", 12}, {"-7", -7}, {"5.0", 5}, {"1e3", 1000}, {"1.5e1", 15}, {"1500e-2", 15}, {"0.0e99", 0}, {"120e-1", 12},
		{"9223372036854775807", INT64_MAX}, {"-9223372036854775808", INT64_MIN}, {"9.223372036854775807e18", INT64_MAX},
		{"0.00001e5", 1}, {"-9223372036854775808.0", INT64_MIN},
	};
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		int64_t v = -1;
		if (!json_to_i64(parse(good[i].text), &v) || v != good[i].want)
			fail_msg("%s gave %lld", good[i].text, (long long)v);
	}
	static const char *const bad[] = {"0.5", "1e-1", "9223372036854775808", "1e19", "1e999999999999", "-9223372036854775809", "\"1\"", "true",
	                                  "1e-99999999999"};
	int64_t v;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (json_to_i64(parse(bad[i]), &v))
			fail_msg("%s is no whole number", bad[i]);
	double f;
	assert_true(json_to_f64(parse("-2.5e3"), &f));
	assert_true(f == -2500);
	assert_false(json_to_f64(parse("1e999"), &f));
}

static bool equal(const char *a, const char *b) { return json_equal(parse(a), parse(b)); }

static void equality(void **state UNUSED)
{
	assert_true(equal("{\"a\":1,\"b\":[1,2]}", "{\"b\":[1,2],\"a\":1.0}"));
	assert_true(equal("100", "1e2"));
	assert_true(equal("0.10", "1E-1"));
	assert_true(equal("-0", "0.00"));
	assert_true(equal("12.30", "1230e-2"));
	assert_false(equal("1", "-1"));
	assert_false(equal("12345678901234567890123456789012345678", "12345678901234567890123456789012345679"));
	assert_false(equal("[1,2]", "[2,1]"));
	assert_false(equal("{\"a\":1}", "{\"a\":1,\"b\":2}"));
	assert_false(equal("{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":2}"));
	assert_false(equal("\"1\"", "1"));
	assert_false(equal("null", "false"));
	assert_true(equal("{\"a\":1,\"a\":2}", "{\"a\":2}"));
	assert_true(json_equal(NULL, NULL));
	assert_false(json_equal(NULL, parse("null")));
}

static void large_objects_are_equal_in_any_order(void **state UNUSED)
{
	struct json *a = json_new_object(arena), *b = json_new_object(arena);
	for (int i = 0; i < 100; i++) {
		json_set(arena, a, arena_printf(arena, "k%d", i), json_new_i64(arena, i));
		json_set(arena, b, arena_printf(arena, "k%d", 99 - i), json_new_i64(arena, 99 - i));
	}
	assert_true(json_equal(a, b));
	json_set_i64(arena, b, "k50", 0);
	assert_false(json_equal(a, b));
	assert_true(json_unset(b, S("k50")));
	assert_false(json_unset(b, S("k50")));
	assert_false(json_equal(a, b));
}

static void builders(void **state UNUSED)
{
	struct json *o = json_new_object(arena);
	json_set_str(arena, o, "name", S("queue"));
	json_set_i64(arena, o, "n", INT64_MIN);
	json_set_bool(arena, o, "ok", true);
	struct json *list = json_set(arena, o, S("list"), json_new_array(arena));
	for (int i = 0; i < 10; i++)
		json_push(arena, list, json_new_i64(arena, i));
	json_set(arena, o, S("f"), json_new_f64(arena, 0.1));
	json_set(arena, o, S("z"), json_new_null(arena));
	json_set_str(arena, o, "name", S("replaced"));
	assert_str(json_text(arena, o), S("{\"name\":\"replaced\",\"n\":-9223372036854775808,\"ok\":true,\"list\":[0,1,2,3,4,5,6,7,8,9],"
	                                  "\"f\":0.1,\"z\":null}"));
	assert_str(json_text_sorted(arena, parse("{\"b\":{\"d\":1,\"c\":2},\"a\":[]}")), S("{\"a\":[],\"b\":{\"c\":2,\"d\":1}}"));
	assert_str(json_text_pretty(arena, parse("{\"a\":[1,{}],\"b\":[]}")), S("{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}"));
}

static void a_copy_shares_nothing(void **state UNUSED)
{
	char text[] = "{\"key\":[\"value\",1]}";
	struct json *copy = json_copy(arena, json_parse(arena, str_c(text), NULL));
	memset(text, 'X', sizeof text - 1);
	assert_str(json_text(arena, copy), S("{\"key\":[\"value\",1]}"));
	assert_null(json_copy(arena, NULL));
}

/* Every byte at every place of every short string, against the rule written out. */
static void one_byte_anywhere_is_escaped_or_not(void **state UNUSED)
{
	enum { LONGEST = 40 };
	for (size_t n = 1; n <= LONGEST; n++)
		for (size_t at = 0; at < n; at++)
			for (int c = 0; c < 256; c++) {
				char text[LONGEST], got[64 + LONGEST];
				memset(text, 'a', sizeof text);
				text[at] = (char)c;
				struct buf b = {.p = got, .cap = sizeof got, .max = sizeof got};
				json_write_str(&b, str_of(text, n));
				bool plain = c >= 0x20 && c != '"' && c != '\\';
				bool letter = c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t' || c == '\b' || c == '\f';
				size_t longer = plain ? 0 : letter ? 1 : 5;
				if (b.n != n + 2 + longer || got[0] != '"' || got[b.n - 1] != '"' || (plain && memcmp(got + 1, text, n) != 0))
					fail_msg("byte %d at %zu of %zu", c, at, n);
			}
}

static void strings_are_escaped(void **state UNUSED)
{
	struct str all = S("\0\x01\x1f \"\\/\b\f\n\r\t\x7f and a tail of more than sixteen bytes \xe2\x82\xac");
	struct str text = json_text(arena, json_new_str(arena, all));
	assert_str(text, S("\"\\u0000\\u0001\\u001f \\\"\\\\/\\b\\f\\n\\r\\t\x7f and a tail of more than sixteen bytes \xe2\x82\xac\""));
	assert_str(json_str(json_parse(arena, text, NULL)), all);
}

static struct str f64(double v)
{
	struct buf b;
	struct jw w;
	buf_init(&b, arena, 0);
	jw_init(&w, &b);
	jw_f64(&w, v);
	return buf_view(&b);
}

static void doubles_read_back(void **state UNUSED)
{
	assert_str(f64(0), S("0"));
	assert_str(f64(-0.0), S("-0"));
	assert_str(f64(5), S("5"));
	assert_str(f64(0.1), S("0.1"));
	assert_str(f64(1e21), S("1e+21"));
	assert_str(f64(5e-324), S("5e-324"));
	assert_str(f64(NAN), S("\"NaN\""));
	assert_str(f64(-INFINITY), S("\"-Infinity\""));
	static const double some[] = {0.1 + 0.2, 1.7976931348623157e308, 2.2250738585072014e-308, 123456789.123456789, 1e15, -1e16};
	for (size_t i = 0; i < COUNT_OF(some); i++) {
		double v;
		assert_true(json_to_f64(json_parse(arena, f64(some[i]), NULL), &v));
		assert_true(v == some[i]);
	}
	assert_str(json_str(json_new_f64(arena, INFINITY)), S("Infinity"));
}

static void the_writer_puts_commas(void **state UNUSED)
{
	struct buf b;
	struct jw w;
	buf_init(&b, arena, 0);
	jw_init(&w, &b);
	jw_begin_object(&w);
	jw_kv_str(&w, "a", S("x"));
	jw_key(&w, S("b"));
	jw_begin_array(&w);
	jw_begin_object(&w);
	jw_end_object(&w);
	jw_i64(&w, -1);
	jw_null(&w);
	jw_raw(&w, S("[1]"));
	jw_tree(&w, parse("{\"t\":2}"));
	jw_end_array(&w);
	jw_kv_bool(&w, "c", false);
	jw_end_object(&w);
	assert_str(buf_view(&b), S("{\"a\":\"x\",\"b\":[{},-1,null,[1],{\"t\":2}],\"c\":false}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_every_type), TEST(refuses_what_is_not_json), TEST(says_where), TEST(strings_are_views_unless_escaped),
		TEST(unicode), TEST(string_ends_at_every_offset), TEST(depth_is_bounded), TEST(the_last_duplicate_counts),
		TEST(large_arrays_outgrow_the_stack), TEST(readers_take_what_is_absent), TEST(whole_numbers), TEST(equality),
		TEST(large_objects_are_equal_in_any_order), TEST(builders), TEST(a_copy_shares_nothing), TEST(strings_are_escaped),
		TEST(one_byte_anywhere_is_escaped_or_not),
		TEST(doubles_read_back), TEST(the_writer_puts_commas),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
