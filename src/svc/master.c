/* Wrapping by a store's own key: see master.h. Source: RFC 3394. */
#include "svc/master.h"

#include "os/os.h"

#include <openssl/evp.h>

void master_key(struct call *c, const struct key *where, unsigned char out[MASTER_BYTES])
{
	struct str value;
	if (txn_get(c->txn, key_bytes(where), c->arena, &value)) {
		ASSERT(value.n == MASTER_BYTES);
		memcpy(out, value.p, MASTER_BYTES);
		return;
	}
	ASSERT(txn_writable(c->txn));
	random_bytes(out, MASTER_BYTES);
	txn_put(c->txn, key_bytes(where), str_of((const char *)out, MASTER_BYTES));
}

static bool run(const unsigned char kek[MASTER_BYTES], bool on, struct str in, unsigned char *out, size_t expected)
{
	EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
	int n = 0;
	bool ok = x != NULL;
	if (ok)
		EVP_CIPHER_CTX_set_flags(x, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	ok = ok && EVP_CipherInit_ex(x, EVP_aes_256_wrap(), NULL, kek, NULL, on) == 1 &&
	     EVP_CipherUpdate(x, out, &n, (const unsigned char *)in.p, (int)in.n) == 1 && (size_t)n == expected;
	EVP_CIPHER_CTX_free(x);
	return ok;
}

struct str key_wrap(struct arena *a, const unsigned char kek[MASTER_BYTES], struct str in)
{
	ASSERT(in.n >= 16 && in.n % 8 == 0); /* RFC 3394 */
	ASSERT(in.n >= 16 && in.n % 8 == 0 && in.n < 1 << 20);
	char *out = arena_bytes(a, in.n + 2 * WRAP_EXTRA); /* OpenSSL may touch a block more than it gives */
	bool ok = run(kek, true, in, (unsigned char *)out, in.n + WRAP_EXTRA);
	ASSERT(ok);
	return str_of(out, in.n + WRAP_EXTRA);
}

struct str key_unwrap(struct arena *a, const unsigned char kek[MASTER_BYTES], struct str wrapped)
{
	if (wrapped.n < 16 + WRAP_EXTRA || wrapped.n % 8 != 0)
		return STR_NONE;
	char *out = arena_bytes(a, wrapped.n + WRAP_EXTRA);
	return run(kek, false, wrapped, (unsigned char *)out, wrapped.n - WRAP_EXTRA) ? str_of(out, wrapped.n - WRAP_EXTRA) : STR_NONE;
}
