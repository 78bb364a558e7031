/* Keys: order of bytes is order of elements, a prefix of elements is a prefix of bytes, what went in comes out. */
#include "store/key.h"
#include "../check.h"

static struct str str_key(struct str s)
{
	struct key k = key_new(arena);
	key_str(&k, s);
	return key_bytes(&k);
}

static int sign(int v) { return (v > 0) - (v < 0); }

static void strings_keep_their_order(void **state UNUSED)
{
	const struct str some[] = {S(""), S("\0"), S("\0\0"), S("\0a"), S("\0\xff"), S("\1"), S("a"), S("a\0"), S("a\0b"), S("a\1"), S("aa"), S("ab"),
	                           S("b"), S("\xff"), S("\xff\xff")};
	for (size_t i = 0; i < COUNT_OF(some); i++)
		for (size_t k = 0; k < COUNT_OF(some); k++) {
			assert_int_equal(sign(str_cmp(some[i], some[k])), sign((int)i - (int)k));
			assert_int_equal(sign(str_cmp(str_key(some[i]), str_key(some[k]))), sign((int)i - (int)k));
		}
}

static struct str i64_key(int64_t v)
{
	struct key k = key_new(arena);
	key_i64(&k, v);
	return key_bytes(&k);
}

static struct str u64_key(uint64_t v)
{
	struct key k = key_new(arena);
	key_u64(&k, v);
	return key_bytes(&k);
}

static void integers_keep_their_order(void **state UNUSED)
{
	const int64_t some[] = {INT64_MIN, -256, -1, 0, 1, 255, 256, INT64_MAX};
	for (size_t i = 0; i + 1 < COUNT_OF(some); i++)
		assert_true(str_cmp(i64_key(some[i]), i64_key(some[i + 1])) < 0);
	const uint64_t others[] = {0, 1, 255, 256, (uint64_t)1 << 63, UINT64_MAX};
	for (size_t i = 0; i + 1 < COUNT_OF(others); i++)
		assert_true(str_cmp(u64_key(others[i]), u64_key(others[i + 1])) < 0);
}

static void comes_back(void **state UNUSED)
{
	struct key k = key_new(arena);
	key_raw(key_str(key_i64(key_u64(key_str(&k, S("a\0b\0")), UINT64_MAX), -5), S("")), S("tail"));
	struct key_reader r = key_reader_of(key_bytes(&k));
	struct str s;
	uint64_t u;
	int64_t i;
	assert_false(key_read_u64(&r, &u));
	assert_true(key_read_str(&r, arena, &s));
	assert_str(s, S("a\0b\0"));
	assert_false(key_read_i64(&r, &i));
	assert_true(key_read_u64(&r, &u));
	assert_true(u == UINT64_MAX);
	assert_true(key_read_i64(&r, &i));
	assert_true(i == -5);
	assert_true(key_read_str(&r, arena, &s));
	assert_str(s, S(""));
	assert_str(key_read_raw(&r), S("tail"));
	assert_false(key_read_str(&r, arena, &s));
}

static void broken_keys_are_refused(void **state UNUSED)
{
	const struct str bad[] = {S(""), S("\x02"), S("\x02" "abc"), S("\x02" "abc\0"), S("\x02" "abc\0\x02"), S("\x03" "1234567"), S("\x04"), S("\x05")};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct key_reader r = key_reader_of(bad[i]);
		struct str s;
		uint64_t u;
		int64_t v;
		assert_false(key_read_str(&r, arena, &s) || key_read_u64(&r, &u) || key_read_i64(&r, &v));
		assert_str(r.rest, bad[i]);
	}
}

static void after_a_prefix(void **state UNUSED)
{
	assert_str(key_after(arena, S("ab")), S("ac"));
	assert_str(key_after(arena, S("a\xff\xff")), S("b"));
	assert_absent(key_after(arena, S("\xff\xff")));
	assert_absent(key_after(arena, S("")));
	struct key k = key_new(arena);
	struct str prefix = arena_dup(arena, key_bytes(key_str(&k, S("q"))));
	struct str after = key_after(arena, prefix), below = key_bytes(key_u64(&k, UINT64_MAX));
	assert_true(str_starts(below, prefix));
	assert_true(str_cmp(below, after) < 0 && str_cmp(prefix, below) < 0);
	assert_true(str_cmp(str_key(S("q\0")), after) >= 0); /* another string is not below this one */
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(strings_keep_their_order), TEST(integers_keep_their_order), TEST(comes_back),
	                                   TEST(broken_keys_are_refused), TEST(after_a_prefix)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
