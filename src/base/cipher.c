/* AES-256 in counter mode, for bodies at rest. See enc.h. Source: NIST SP 800-38A, 6.5.
 *
 * libgcrypt's, not OpenSSL's: every body passes here once on its way in and once on its way out, and OpenSSL 3.0 does not use the
 * processor's wide AES instructions (VAES) for this mode: half the speed. */
#include "base/enc.h"

#include <gcrypt.h>
#include <pthread.h>

enum { AES_BLOCK = 16 };

static void start(void)
{
	if (gcry_check_version(NULL) == NULL || gcry_control(GCRYCTL_DISABLE_SECMEM, 0) != 0 ||
	    gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0) != 0)
		die("libgcrypt does not start");
}

void aes256_ctr(const unsigned char key[32], uint64_t at, struct str in, char *out)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	unsigned char counter[AES_BLOCK] = {0}, skip[AES_BLOCK] = {0};
	uint64_t block = at / AES_BLOCK;
	ASSERT(in.n == 0 || (in.p != NULL && out != NULL));
	ASSERT(at <= UINT64_MAX - in.n);
	if (in.n == 0)
		return;
	(void)pthread_once(&once, start);
	for (size_t i = 0; i < 8; i++)
		counter[15 - i] = (unsigned char)(block >> (8 * i));
	gcry_cipher_hd_t x;
	if (gcry_cipher_open(&x, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_CTR, 0) != 0)
		die("AES does not work");
	bool ok = gcry_cipher_setkey(x, key, 32) == 0 && gcry_cipher_setctr(x, counter, sizeof counter) == 0 &&
	          (at % AES_BLOCK == 0 || gcry_cipher_encrypt(x, skip, at % AES_BLOCK, NULL, 0) == 0) &&
	          (out == in.p ? gcry_cipher_encrypt(x, out, in.n, NULL, 0) : gcry_cipher_encrypt(x, out, in.n, in.p, in.n)) == 0;
	gcry_cipher_close(x); /* wipes the key */
	if (!ok)
		die("AES does not work");
}
