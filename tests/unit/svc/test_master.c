/* Wrapping and sealing of secrets. Sources: RFC 3394, 4.6 (256 bits of key data with a 256-bit KEK); NIST SP 800-38D. */
#include "base/enc.h"
#include "svc/master.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static struct arena *a;

static struct str bytes(const char *hex)
{
	struct str s = hex_decode(a, str_c(hex));
	assert_true(str_present(s));
	return s;
}

static void test_wrap_is_rfc_3394(void **state)
{
	(void)state;
	struct str kek = bytes("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
	struct str secret = bytes("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f");
	struct str wrapped = key_wrap(a, (const unsigned char *)kek.p, secret);
	assert_true(str_eq(wrapped, bytes("28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21")));
	assert_true(str_eq(key_unwrap(a, (const unsigned char *)kek.p, wrapped), secret));
}

static void test_only_the_right_key_unwraps(void **state)
{
	(void)state;
	unsigned char kek[MASTER_BYTES] = {1}, other[MASTER_BYTES] = {2};
	struct str wrapped = key_wrap(a, kek, bytes("00112233445566778899aabbccddeeff"));
	assert_int_equal(wrapped.n, 16 + WRAP_EXTRA);
	assert_false(str_present(key_unwrap(a, other, wrapped)));
	assert_false(str_present(key_unwrap(a, kek, str_slice(wrapped, 0, wrapped.n - 8))));
	assert_false(str_present(key_unwrap(a, kek, str_slice(wrapped, 0, 7))));
}

static void test_a_sealed_text_opens_whole_or_not_at_all(void **state)
{
	(void)state;
	struct str key = bytes("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
	struct str sealed = gcm_seal(a, key, S("context"), S("a secret"));
	assert_int_equal(sealed.n, 8 + GCM_EXTRA);
	assert_true(str_eq(gcm_open(a, key, S("context"), sealed), S("a secret")));
	assert_false(str_present(gcm_open(a, key, S("contexT"), sealed)));
	for (size_t i = 0; i < sealed.n; i++) {
		struct str broken = arena_dup(a, sealed);
		((char *)(uintptr_t)broken.p)[i] ^= 1;
		assert_false(str_present(gcm_open(a, key, S("context"), broken)));
		assert_false(str_present(gcm_open(a, key, S("context"), str_slice(sealed, 0, i))));
	}
	assert_true(str_eq(gcm_open(a, key, S(""), gcm_seal(a, key, S(""), S(""))), S("")));
}

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrap_is_rfc_3394), cmocka_unit_test(test_only_the_right_key_unwraps),
		cmocka_unit_test(test_a_sealed_text_opens_whole_or_not_at_all),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
