/* AES-256 for what lies on the disk: bodies in counter mode (NIST SP 800-38A, 6.5), their keys wrapped (RFC 3394). See enc.h.
 *
 * libgcrypt's, not OpenSSL's: every body passes here once on its way in and once on its way out, and OpenSSL 3.0 does not use the
 * processor's wide AES instructions (VAES) for this mode: half the speed. For wrapping it uses none at all: a fifth of the speed,
 * and tables whose use another process can time.
 *
 * What always holds: `wrapping` is set up for the key in `wrapping_key`, both under `wrapping_lock`: nearly all keys are wrapped
 * under one, and to set that up costs more than to wrap. */
#include "base/enc.h"

#include <gcrypt.h>
#include <pthread.h>

enum { AES_BLOCK = 16, KEY_BYTES = 32, WRAP_EXTRA = 8, WRAP_MAX = 1 << 20 };

static pthread_mutex_t wrapping_lock = PTHREAD_MUTEX_INITIALIZER;
static gcry_cipher_hd_t wrapping;
static unsigned char wrapping_key[KEY_BYTES];

static void start(void)
{
	if (gcry_check_version(NULL) == NULL || gcry_control(GCRYCTL_DISABLE_SECMEM, 0) != 0 ||
	    gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0) != 0)
		die("libgcrypt does not start");
}

static void started(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	(void)pthread_once(&once, start);
}

void aes256_ctr(const unsigned char key[32], uint64_t at, struct str in, char *out)
{
	unsigned char counter[AES_BLOCK] = {0}, skip[AES_BLOCK] = {0};
	uint64_t block = at / AES_BLOCK;
	ASSERT(in.n == 0 || (in.p != NULL && out != NULL));
	ASSERT(at <= UINT64_MAX - in.n);
	if (in.n == 0)
		return;
	started();
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

/* The lock is held. */
static void set_wrapping_key(const unsigned char kek[KEY_BYTES])
{
	if (wrapping != NULL && secret_eq(str_of((const char *)wrapping_key, KEY_BYTES), str_of((const char *)kek, KEY_BYTES)))
		return;
	started();
	if (wrapping == NULL && gcry_cipher_open(&wrapping, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_AESWRAP, 0) != 0)
		die("AES does not work");
	if (gcry_cipher_setkey(wrapping, kek, KEY_BYTES) != 0)
		die("AES does not work");
	memcpy(wrapping_key, kek, KEY_BYTES);
}

void aes256_wrap(const unsigned char kek[KEY_BYTES], struct str in, char *out)
{
	ASSERT(in.n >= 2 * WRAP_EXTRA && in.n % WRAP_EXTRA == 0 && in.n < WRAP_MAX);
	pthread_mutex_lock(&wrapping_lock);
	set_wrapping_key(kek);
	bool ok = gcry_cipher_encrypt(wrapping, out, in.n + WRAP_EXTRA, in.p, in.n) == 0;
	pthread_mutex_unlock(&wrapping_lock);
	ASSERT(ok);
}

bool aes256_unwrap(const unsigned char kek[KEY_BYTES], struct str in, char *out)
{
	ASSERT(in.n >= 3 * WRAP_EXTRA && in.n % WRAP_EXTRA == 0);
	pthread_mutex_lock(&wrapping_lock);
	set_wrapping_key(kek);
	bool ok = gcry_cipher_decrypt(wrapping, out, in.n - WRAP_EXTRA, in.p, in.n) == 0;
	pthread_mutex_unlock(&wrapping_lock);
	return ok;
}
