/* Base64, hex, percent-encoding, query strings, UTF-8. */
#include "base/enc.h"
#include "../check.h"

/* RFC 4648, section 10. */
static const struct { const char *plain, *text; } vectors[] = {
	{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"},
};

static void base64_vectors(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(vectors); i++) {
		assert_str(base64_encode(arena, str_c(vectors[i].plain)), str_c(vectors[i].text));
		assert_str(base64_decode(arena, str_c(vectors[i].text)), str_c(vectors[i].plain));
		struct buf b;
		buf_init(&b, arena, 0);
		buf_lit(&b, "x");
		base64_write(&b, str_c(vectors[i].plain));
		assert_str(str_slice(buf_view(&b), 1, 99), str_c(vectors[i].text));
	}
	assert_str(base64_encode(arena, S("\xfb\xff\xfe")), S("+//+"));
	assert_str(base64url_encode(arena, S("\xfb\xff\xfe\x00")), S("-__-AA"));
	assert_str(base64url_decode(arena, S("-__-AA")), S("\xfb\xff\xfe\x00"));
}

static void base64_refuses(void **state UNUSED)
{
	static const char *const bad[] = {"Z", "Zg", "Zg=", "Zg===", "Zm9vZ", "=", "====", "Zg==Zg==", "Z===", "Zm 9v", "Zm9v\n", "-__-", "Zm9*"};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (str_present(base64_decode(arena, str_c(bad[i]))))
			fail_msg("accepted %s", bad[i]);
	static const char *const bad_url[] = {"Z", "Zg==", "+//+", "Zh", "Zm9v "};
	for (size_t i = 0; i < COUNT_OF(bad_url); i++)
		if (str_present(base64url_decode(arena, str_c(bad_url[i]))))
			fail_msg("accepted %s", bad_url[i]);
	assert_absent(base64_decode(arena, STR_NONE));
	assert_str(base64_decode(arena, S("Zh==")), S("f"));
}

static void base64_of_all_lengths(void **state UNUSED)
{
	char bytes[300];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(i * 37 + 11);
	for (size_t n = 0; n < sizeof bytes; n++) {
		struct str s = str_of(bytes, n);
		assert_str(base64_decode(arena, base64_encode(arena, s)), s);
		assert_str(base64url_decode(arena, base64url_encode(arena, s)), s);
		assert_str(hex_decode(arena, hex_encode(arena, s)), s);
		assert_str(uri_decode(arena, uri_encode(arena, s, false), false), s);
	}
}

static void hex(void **state UNUSED)
{
	assert_str(hex_encode(arena, S("\x00\xab\xff")), S("00abff"));
	assert_str(hex_decode(arena, S("00AbfF")), S("\x00\xab\xff"));
	assert_str(hex_decode(arena, S("")), S(""));
	assert_absent(hex_decode(arena, S("0")));
	assert_absent(hex_decode(arena, S("0g")));
	assert_absent(hex_decode(arena, STR_NONE));
}

static void uri(void **state UNUSED)
{
	assert_str(uri_encode(arena, S("AZaz09-._~"), false), S("AZaz09-._~"));
	assert_str(uri_encode(arena, S("a b/c+d%\xc3\xa9"), false), S("a%20b%2Fc%2Bd%25%C3%A9"));
	assert_str(uri_encode(arena, S("/a b/"), true), S("/a%20b/"));
	assert_str(uri_decode(arena, S("a%20b+c%2f%2F"), false), S("a b+c//"));
	assert_str(uri_decode(arena, S("a+b%2B"), true), S("a b+"));
	assert_absent(uri_decode(arena, S("%"), false));
	assert_absent(uri_decode(arena, S("%2"), false));
	assert_absent(uri_decode(arena, S("%2x"), false));
}

static void params(void **state UNUSED)
{
	struct params p;
	assert_true(params_parse(arena, S("Action=List+Queues&b&c=%20&&b=2&d=x=y&="), 10, &p));
	assert_int_equal(p.n, 6);
	assert_str(params_get(&p, S("Action")), S("List Queues"));
	assert_str(params_get(&p, S("b")), S(""));
	assert_false(p.v[1].has_value);
	assert_true(p.v[2].has_value);
	assert_str(params_get(&p, S("c")), S(" "));
	assert_str(params_get(&p, S("d")), S("x=y"));
	assert_absent(params_get(&p, S("action")));
	assert_true(params_parse(arena, S(""), 10, &p));
	assert_int_equal(p.n, 0);
	assert_true(params_parse(arena, STR_NONE, 10, &p));
	assert_false(params_parse(arena, S("a=%zz"), 10, &p));
	assert_true(params_parse(arena, S("a&b"), 2, &p));
	assert_false(params_parse(arena, S("a&b&c"), 2, &p));
	assert_false(params_parse(arena, S("a"), 0, &p));
}

/* Unicode 15, table 3-7, and the examples of Markus Kuhn's stress test. */
static void utf8(void **state UNUSED)
{
	static const char *const good[] = {"", "ascii", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x90\x80\x80",
	                                   "\xf4\x8f\xbf\xbf", "0123456789abcdef\xe2\x82\xac 0123456789abcdef"};
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_true(utf8_valid(str_c(good[i])));
	static const char *const bad[] = {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x7f", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
	                                  "\xe2\x82\x7f", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf0\x90\x80", "\xff",
	                                  "0123456789abcde\xe2\x82", "\xc2\x80\x80"};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (utf8_valid(str_c(bad[i])))
			fail_msg("accepted bad %zu", i);
	assert_int_equal(utf8_length(S("a\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e")), 4);
	assert_int_equal(utf16_length(S("a\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e")), 5);
	static const struct { uint32_t cp; const char *text; } made[] = {{0x7f, "\x7f"}, {0x80, "\xc2\x80"}, {0x7ff, "\xdf\xbf"},
		{0x800, "\xe0\xa0\x80"}, {0xffff, "\xef\xbf\xbf"}, {0x10000, "\xf0\x90\x80\x80"}, {0x10ffff, "\xf4\x8f\xbf\xbf"}};
	for (size_t i = 0; i < COUNT_OF(made); i++) {
		char text[UTF8_MAX];
		assert_str(str_of(text, (size_t)(utf8_put(text, made[i].cp) - text)), str_c(made[i].text));
	}
}

static void secrets(void **state UNUSED)
{
	assert_true(secret_eq(S("abc"), S("abc")));
	assert_false(secret_eq(S("abc"), S("abd")));
	assert_false(secret_eq(S("abc"), S("abcd")));
	assert_true(secret_eq(S(""), S("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(base64_vectors), TEST(base64_refuses), TEST(base64_of_all_lengths), TEST(hex), TEST(uri),
	                                   TEST(params), TEST(utf8), TEST(secrets)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
