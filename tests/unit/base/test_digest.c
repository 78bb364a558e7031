/* Digests and CRCs against published vectors. */
#include "base/enc.h"
#include <openssl/evp.h>
#include "../check.h"

static struct str bytes(const unsigned char *p, size_t n) { return str_of((const char *)p, n); }

/* FIPS 180-2, appendix B; RFC 1321, appendix A.5; FIPS 180-1, appendix A. */
static void vectors(void **state UNUSED)
{
	assert_str(sha256_hex(arena, S("")), S("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
	assert_str(sha256_hex(arena, S("abc")), S("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
	assert_str(sha256_hex(arena, S("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
	           S("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"));
	assert_str(md5_hex(arena, S("")), S("d41d8cd98f00b204e9800998ecf8427e"));
	assert_str(md5_hex(arena, S("message digest")), S("f96b697d7cb7938d525a2f31aaf161d0"));
	struct sha1 d = sha1(S("abc"));
	assert_str(hex_encode(arena, bytes(d.b, sizeof d.b)), S("a9993e364706816aba3e25717850c26c9cd0d89d"));
}

static struct str hmac(struct str key, struct str s)
{
	struct sha256 d = hmac_sha256(key, s);
	return hex_encode(arena, bytes(d.b, sizeof d.b));
}

/* RFC 4231, test cases 1, 2 and 6 (a key longer than a block). */
static void hmac_vectors(void **state UNUSED)
{
	char long_key[131];
	memset(long_key, 0xaa, sizeof long_key);
	assert_str(hmac(S("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"), S("Hi There")),
	           S("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"));
	assert_str(hmac(S("Jefe"), S("what do ya want for nothing?")), S("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
	assert_str(hmac(str_of(long_key, sizeof long_key), S("Test Using Larger Than Block-Size Key - Hash Key First")),
	           S("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"));
}

static struct str in_pieces(enum digest_kind kind, struct str s)
{
	unsigned char out[64];
	struct digest *d = digest_new(kind);
	for (size_t i = 0; i < s.n; i += 7)
		digest_add(d, str_slice(s, i, i + 7));
	size_t n = digest_end(d, out);
	return hex_encode(arena, bytes(out, n));
}

static void pieces(void **state UNUSED)
{
	struct str s = S("The quick brown fox jumps over the lazy dog, again and again and again, longer than one block.");
	struct sha1 d = sha1(s);
	assert_str(in_pieces(DIGEST_SHA256, s), sha256_hex(arena, s));
	assert_str(in_pieces(DIGEST_MD5, s), md5_hex(arena, s));
	assert_str(in_pieces(DIGEST_SHA1, s), hex_encode(arena, bytes(d.b, sizeof d.b)));
	assert_str(in_pieces(DIGEST_SHA512, S("abc")),
	           S("ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac9"
	             "4fa54ca49f"));
	/* of nothing: the values that xxHash's specification and its sanity check give for seed 0 */
	assert_str(in_pieces(DIGEST_XXH64, S("")), S("ef46db3751d8e999"));
	assert_str(in_pieces(DIGEST_XXH3, S("")), S("2d06800538d394c2"));
	assert_str(in_pieces(DIGEST_XXH128, S("")), S("99aa06d3014798d86001c324468d497f"));
	digest_drop(digest_new(DIGEST_XXH3));
	digest_drop(digest_new(DIGEST_SHA256));
	digest_drop(NULL);
}

/* Check values of the catalogue of parametrised CRC algorithms (CRC-32/ISO-HDLC, CRC-32/ISCSI, CRC-64/NVME). */
static void crc_check_values(void **state UNUSED)
{
	assert_int_equal(crc32_ieee(0, S("123456789")), 0xcbf43926u);
	assert_int_equal(crc32c(0, S("123456789")), 0xe3069283u);
	assert_true(crc64nvme(0, S("123456789")) == 0xae8b14860a799888u);
	assert_int_equal(crc32_ieee(0, S("")), 0);
	assert_int_equal(crc32c(0, S("")), 0);
	assert_true(crc64nvme(0, S("")) == 0);
	assert_int_equal(crc32_ieee(0, STR_NONE), 0);
	assert_int_equal(crc32c(crc32c(0, S("1234")), S("56789")), 0xe3069283u);
	assert_int_equal(crc32_ieee(crc32_ieee(0, S("1234")), S("56789")), 0xcbf43926u);
}

/* The NVM Command Set specification's vectors: 4,096 bytes of zeroes, of ones, counting up. */
static void crc64_of_pages(void **state UNUSED)
{
	char page[4096] = {0};
	assert_true(crc64nvme(0, str_of(page, sizeof page)) == 0x6482d367eb22b64eu);
	memset(page, 0xff, sizeof page);
	assert_true(crc64nvme(0, str_of(page, sizeof page)) == 0xc0ddba7302eca3acu);
	for (size_t i = 0; i < sizeof page; i++)
		page[i] = (char)i;
	assert_true(crc64nvme(0, str_of(page, sizeof page)) == 0x3e729f5f6750449cu);
}

/* Pieces under 128 bytes go through the table, longer ones are folded: both must agree at every length and alignment. */
static void crc64_folding_agrees_with_the_table(void **state UNUSED)
{
	char *big = arena_bytes(arena, 2000);
	for (size_t i = 0; i < 2000; i++)
		big[i] = (char)(i * 7 + i / 13);
	for (size_t n = 1; n < 1900; n += 3) {
		struct str s = str_of(big + n % 17, n);
		uint64_t small = 42;
		for (size_t i = 0; i < n; i += 50)
			small = crc64nvme(small, str_slice(s, i, i + 50));
		assert_true(crc64nvme(42, s) == small);
	}
}

/* SP 800-38A, 6.5: what is added to block n is the cipher of the counter n, alone. */
static void counter_mode(void **state UNUSED)
{
	static char zeros[5000], stream[5000], back[5000];
	unsigned char key[32];
	for (size_t i = 0; i < sizeof key; i++)
		key[i] = (unsigned char)(i * 7 + 1);
	EVP_CIPHER_CTX *ecb = EVP_CIPHER_CTX_new();
	assert_int_equal(EVP_EncryptInit_ex(ecb, EVP_aes_256_ecb(), NULL, key, NULL), 1);
	static const uint64_t offsets[] = {0, 1, 15, 16, 255, 65536, 4294967295u * 16u + 5, UINT64_C(5) << 30, UINT64_C(1) << 44};
	for (size_t k = 0; k < COUNT_OF(offsets); k++) {
		aes256_ctr(key, offsets[k], str_of(zeros, sizeof zeros), stream);
		for (size_t i = 0; i < sizeof stream; i++) {
			uint64_t at = offsets[k] + i, block = at / 16;
			unsigned char counter[16] = {0}, out[16];
			int n;
			for (size_t b = 0; b < 8; b++)
				counter[15 - b] = (unsigned char)(block >> (8 * b));
			assert_int_equal(EVP_EncryptUpdate(ecb, out, &n, counter, 16), 1);
			assert_int_equal((unsigned char)stream[i], out[at % 16]);
		}
	}
	EVP_CIPHER_CTX_free(ecb);
	memcpy(back, stream, sizeof back);
	for (size_t at = 0; at < sizeof back; at += 7) /* in place, in pieces, back */
		aes256_ctr(key, offsets[8] + at, str_of(back + at, sizeof back - at < 7 ? sizeof back - at : 7), back + at);
	assert_memory_equal(back, zeros, sizeof zeros);
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(vectors), TEST(hmac_vectors), TEST(pieces), TEST(crc_check_values), TEST(crc64_of_pages),
	                                   TEST(counter_mode), TEST(crc64_folding_agrees_with_the_table)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
