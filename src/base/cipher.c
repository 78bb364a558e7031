/* AES-256 in counter mode, for bodies at rest. See enc.h. Source: NIST SP 800-38A, 6.5.
 *
 * The cipher is fetched once: OpenSSL 3 otherwise looks it up by name, under a lock, each time. */
#include "base/enc.h"

#include <openssl/evp.h>
#include <pthread.h>

enum { AES_BLOCK = 16, ONE_CALL_MAX = 1 << 30 };

static EVP_CIPHER *aes256;

static void fetch(void) { aes256 = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL); }

void aes256_ctr(const unsigned char key[32], uint64_t at, struct str in, char *out)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	unsigned char iv[AES_BLOCK] = {0}, skip[AES_BLOCK] = {0};
	uint64_t block = at / AES_BLOCK;
	ASSERT(in.n == 0 || (in.p != NULL && out != NULL));
	ASSERT(at <= UINT64_MAX - in.n);
	(void)pthread_once(&once, fetch);
	for (size_t i = 0; i < 8; i++)
		iv[15 - i] = (unsigned char)(block >> (8 * i));
	EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
	int n = 0;
	bool ok = x != NULL && aes256 != NULL && EVP_EncryptInit_ex2(x, aes256, key, iv, NULL) == 1;
	if (ok && at % AES_BLOCK != 0)
		ok = EVP_EncryptUpdate(x, skip, &n, skip, (int)(at % AES_BLOCK)) == 1;
	while (ok && in.n > 0) {
		size_t now = in.n < ONE_CALL_MAX ? in.n : ONE_CALL_MAX;
		ok = EVP_EncryptUpdate(x, (unsigned char *)out, &n, (const unsigned char *)in.p, (int)now) == 1;
		out += now;
		in = str_slice(in, now, in.n);
	}
	EVP_CIPHER_CTX_free(x);
	if (!ok)
		die("AES does not work");
}
