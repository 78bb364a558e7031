/* CBOR against RFC 8949, appendix A, and against broken input. */
#include "base/cbor.h"
#include "base/enc.h"
#include "../check.h"

#include <math.h>

static struct cbor_reader reader(const char *hex) { return cbor_reader_of(arena, hex_decode(arena, str_c(hex))); }

static struct cbor_item first(const char *hex)
{
	struct cbor_reader r = reader(hex);
	return cbor_next(&r);
}

static void integers(void **state UNUSED)
{
	static const struct { const char *hex; int64_t v; } both[] = {
		{"00", 0}, {"01", 1}, {"0a", 10}, {"17", 23}, {"1818", 24}, {"1864", 100}, {"1903e8", 1000}, {"1a000f4240", 1000000},
		{"1b000000e8d4a51000", 1000000000000}, {"20", -1}, {"29", -10}, {"3863", -100}, {"3903e7", -1000},
		{"3b7fffffffffffffff", INT64_MIN}, {"1b7fffffffffffffff", INT64_MAX},
	};
	for (size_t i = 0; i < COUNT_OF(both); i++) {
		struct buf b;
		buf_init(&b, arena, 0);
		cbor_int(&b, both[i].v);
		assert_str(hex_encode(arena, buf_view(&b)), str_c(both[i].hex));
		struct cbor_item item = first(both[i].hex);
		assert_int_equal(item.type, both[i].v < 0 ? CBOR_NINT : CBOR_UINT);
		assert_true((both[i].v < 0 ? (int64_t)~item.u : (int64_t)item.u) == both[i].v);
	}
	assert_true(first("1bffffffffffffffff").u == UINT64_MAX);
	assert_int_equal(first("1801").type, CBOR_UINT); /* a longer head than needed is well-formed */
}

static void floats(void **state UNUSED)
{
	static const struct { const char *hex; double v; } some[] = {
		{"f90000", 0.0}, {"f93c00", 1.0}, {"f93e00", 1.5}, {"f97bff", 65504.0}, {"f90001", 5.960464477539063e-8}, {"f90400", 0.00006103515625},
		{"f9c400", -4.0}, {"fa47c35000", 100000.0}, {"fa7f7fffff", 3.4028234663852886e+38}, {"fb3ff199999999999a", 1.1},
		{"fb7e37e43c8800759c", 1.0e+300}, {"fbc010666666666666", -4.1}, {"f97c00", INFINITY}, {"faff800000", -INFINITY},
	};
	for (size_t i = 0; i < COUNT_OF(some); i++) {
		struct cbor_item item = first(some[i].hex);
		assert_int_equal(item.type, CBOR_FLOAT);
		assert_true(item.f == some[i].v);
	}
	assert_true(isnan(first("f97e00").f));
	assert_true(signbit(first("f98000").f));
	struct buf b;
	buf_init(&b, arena, 0);
	cbor_f64(&b, 1.1);
	assert_str(hex_encode(arena, buf_view(&b)), S("fb3ff199999999999a"));
}

static void simple_values(void **state UNUSED)
{
	assert_int_equal(first("f4").type, CBOR_FALSE);
	assert_int_equal(first("f5").type, CBOR_TRUE);
	assert_int_equal(first("f6").type, CBOR_NULL);
	assert_int_equal(first("f7").type, CBOR_UNDEFINED);
	assert_int_equal(first("").type, CBOR_END);
	assert_int_equal(first("ff").type, CBOR_BREAK);
	assert_int_equal(first("f0").type, CBOR_ERROR);
	assert_int_equal(first("f8ff").type, CBOR_ERROR);
}

static void strings(void **state UNUSED)
{
	assert_str(first("6449455446").s, S("IETF"));
	assert_str(first("4401020304").s, S("\1\2\3\4"));
	assert_str(first("60").s, S(""));
	assert_int_equal(first("62c3bc").type, CBOR_TEXT);
	assert_str(first("5f42010243030405ff").s, S("\1\2\3\4\5"));
	assert_str(first("7f657374726561646d696e67ff").s, S("streaming"));
	assert_str(first("7fff").s, S(""));
	static const char *const bad[] = {"61", "61ff", "7f4161ff", "7f7f6161ffff", "7f6161", "5f", "7bffffffffffffffff", "5a0000ffff00", "1c", "3e",
	                                  "58", "7f61c361bcff"};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (first(bad[i]).type != CBOR_ERROR)
			fail_msg("accepted %s", bad[i]);
}

static void writes_what_it_reads(void **state UNUSED)
{
	struct buf b;
	buf_init(&b, arena, 0);
	cbor_map(&b, 3);
	cbor_text(&b, S("a"));
	cbor_array(&b, 2);
	cbor_bool(&b, true);
	cbor_null(&b);
	cbor_text(&b, S("t"));
	cbor_tag(&b, 1);
	cbor_uint(&b, 1363896240);
	cbor_text(&b, S("b"));
	cbor_bytes(&b, S("\0\xff"));
	assert_str(hex_encode(arena, buf_view(&b)), S("a3616182f5f66174c11a514b67b061624200ff"));
	struct cbor_reader r = cbor_reader_of(arena, buf_view(&b));
	struct cbor_item map = cbor_next(&r);
	assert_int_equal(map.type, CBOR_MAP);
	assert_int_equal(map.u, 3);
	assert_str(cbor_next(&r).s, S("a"));
	assert_true(cbor_skip(&r, cbor_next(&r)));
	assert_str(cbor_next(&r).s, S("t"));
	struct cbor_item tag = cbor_next(&r);
	assert_int_equal(tag.type, CBOR_TAG);
	assert_int_equal(tag.u, 1);
	assert_int_equal(cbor_next(&r).u, 1363896240);
	assert_true(cbor_skip(&r, cbor_next(&r)));
	assert_true(cbor_skip(&r, cbor_next(&r)));
	assert_int_equal(cbor_next(&r).type, CBOR_END);
}

static bool skips(const char *hex)
{
	struct cbor_reader r = reader(hex);
	return cbor_skip(&r, cbor_next(&r)) && cbor_next(&r).type == CBOR_END;
}

static void skipping(void **state UNUSED)
{
	static const char *const good[] = {"9f018202039f0405ffff", "bf61610161629f0203ffff", "83018202039f0405ff", "a26161016162820203",
	                                   "c074323031332d30332d32315432303a30343a30305a", "80", "a0", "9fff", "bfff"};
	for (size_t i = 0; i < COUNT_OF(good); i++)
		if (!skips(good[i]))
			fail_msg("refused %s", good[i]);
	static const char *const bad[] = {"81", "8101ff", "9f01", "bf01ff", "a1ff01", "82ff01", "c1", "c1ff", "9bffffffffffffffff",
	                                  "bbffffffffffffffff01", "ff", "bf01"};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (skips(bad[i]))
			fail_msg("accepted %s", bad[i]);
}

static void depth_is_bounded(void **state UNUSED)
{
	char text[70];
	memset(text, 0x81, sizeof text);
	text[64] = 0;
	struct cbor_reader r = cbor_reader_of(arena, str_of(text, 65));
	assert_true(cbor_skip(&r, cbor_next(&r)));
	text[64] = (char)0x81;
	text[65] = 0;
	r = cbor_reader_of(arena, str_of(text, 66));
	assert_false(cbor_skip(&r, cbor_next(&r)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(integers), TEST(floats), TEST(simple_values), TEST(strings), TEST(writes_what_it_reads),
	                                   TEST(skipping), TEST(depth_is_bounded)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
