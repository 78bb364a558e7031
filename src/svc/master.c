/* Wrapping and sealing: see master.h. Sources: RFC 3394 (base/cipher.c); NIST SP 800-38D.
 *
 * What always holds: the master key is in the store only; what is wrapped or sealed opens with its key or not at all. */
#include "svc/master.h"

#include "os/os.h"

#include <openssl/evp.h>

const struct key *master_place(struct call *c, const char *service)
{
	struct key *k = arena_new_of(c->arena, struct key);
	*k = key_new(c->arena);
	return key_str(key_str(k, str_c(service)), S("master"));
}

void master_key(struct call *c, const struct key *where, unsigned char out[MASTER_BYTES])
{
	struct str value = call_get_shared_bytes(c, where);
	if (str_present(value)) {
		ASSERT(value.n == MASTER_BYTES);
		memcpy(out, value.p, MASTER_BYTES);
		return;
	}
	random_bytes(out, MASTER_BYTES);
	if (txn_incomplete(c->txn))
		return; /* it may be there: what is made of this one is thrown away */
	ASSERT(txn_writable(c->txn));
	txn_put(c->txn, key_bytes(where), str_of((const char *)out, MASTER_BYTES));
}

struct str key_wrap(struct arena *a, const unsigned char kek[MASTER_BYTES], struct str in)
{
	char *out = arena_bytes(a, in.n + WRAP_EXTRA);
	aes256_wrap(kek, in, out);
	return str_of(out, in.n + WRAP_EXTRA);
}

struct str key_unwrap(struct arena *a, const unsigned char kek[MASTER_BYTES], struct str wrapped)
{
	ASSERT(kek != NULL);
	if (wrapped.n < 16 + WRAP_EXTRA || wrapped.n % 8 != 0)
		return STR_NONE;
	char *out = arena_bytes(a, wrapped.n);
	return aes256_unwrap(kek, wrapped, out) ? str_of(out, wrapped.n - WRAP_EXTRA) : STR_NONE;
}

static const unsigned char *bytes_of(struct str s) { return (const unsigned char *)s.p; }

struct str gcm_seal(struct arena *a, struct str key, struct str aad, struct str plain)
{
	ASSERT(key.n == MASTER_BYTES);
	unsigned char *out = (unsigned char *)arena_bytes(a, plain.n + GCM_EXTRA), *sealed = out + GCM_NONCE;
	EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
	int n = 0, m = 0;
	random_bytes(out, GCM_NONCE);
	bool ok = x != NULL && EVP_EncryptInit_ex(x, EVP_aes_256_gcm(), NULL, bytes_of(key), out) == 1 &&
	          EVP_EncryptUpdate(x, NULL, &m, bytes_of(aad), (int)aad.n) == 1 &&
	          EVP_EncryptUpdate(x, sealed, &n, bytes_of(plain), (int)plain.n) == 1 && (size_t)n == plain.n &&
	          EVP_EncryptFinal_ex(x, sealed + n, &m) == 1 && EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_GCM_GET_TAG, GCM_TAG, sealed + n) == 1;
	EVP_CIPHER_CTX_free(x);
	ASSERT(ok);
	return str_of((const char *)out, plain.n + GCM_EXTRA);
}

struct str gcm_open(struct arena *a, struct str key, struct str aad, struct str sealed)
{
	ASSERT(key.n == MASTER_BYTES);
	if (sealed.n < GCM_EXTRA)
		return STR_NONE;
	size_t size = sealed.n - GCM_EXTRA;
	unsigned char *out = (unsigned char *)arena_bytes(a, size + 1), tag[GCM_TAG];
	const unsigned char *from = bytes_of(sealed) + GCM_NONCE;
	memcpy(tag, from + size, GCM_TAG);
	EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
	int n = 0, m = 0;
	bool ok = x != NULL && EVP_DecryptInit_ex(x, EVP_aes_256_gcm(), NULL, bytes_of(key), bytes_of(sealed)) == 1 &&
	          EVP_DecryptUpdate(x, NULL, &m, bytes_of(aad), (int)aad.n) == 1 && EVP_DecryptUpdate(x, out, &n, from, (int)size) == 1 &&
	          EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_GCM_SET_TAG, GCM_TAG, tag) == 1 && EVP_DecryptFinal_ex(x, out + n, &m) == 1;
	EVP_CIPHER_CTX_free(x);
	return ok ? str_of((const char *)out, size) : STR_NONE;
}
