/* See crypto.h. Sources: "Cryptographic details of AWS KMS", RFC 8017, RFC 5649, SEC 1. */
#include "crypto.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static const unsigned char *bytes_of(struct str s) { return (const unsigned char *)s.p; }

/* ---- key pairs ---- */

static struct str der_of(struct arena *a, unsigned char *der, int n)
{
	ASSERT(n > 0);
	struct str s = arena_dup(a, str_of((const char *)der, (size_t)n));
	OPENSSL_clear_free(der, (size_t)n);
	return s;
}

static EVP_PKEY *private_read(struct str der)
{
	const unsigned char *p = bytes_of(der);
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der.n);
	EVP_PKEY *key = info != NULL ? EVP_PKCS82PKEY(info) : NULL;
	PKCS8_PRIV_KEY_INFO_free(info);
	return key;
}

static EVP_PKEY *public_read(struct str der)
{
	const unsigned char *p = bytes_of(der);
	EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)der.n);
	if (key != NULL && p != bytes_of(der) + der.n) {
		EVP_PKEY_free(key);
		return NULL;
	}
	return key;
}

static bool spec_fits(const struct spec *s, const EVP_PKEY *key)
{
	char curve[64];
	size_t n;
	if (s->kind == SPEC_RSA)
		return EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) == s->bits;
	if (s->kind == SPEC_ED25519)
		return EVP_PKEY_is_a(key, "ED25519");
	if (s->kind != SPEC_EC || !EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, curve, sizeof curve, &n) != 1)
		return false;
	return OBJ_txt2nid(curve) == (s->curve[0] == 'P' ? EC_curve_nist2nid(s->curve) : OBJ_txt2nid(s->curve));
}

struct str pair_generate(struct arena *a, const struct spec *s)
{
	EVP_PKEY *key = s->kind == SPEC_RSA ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)s->bits)
		: s->kind == SPEC_EC ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", s->curve) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	PKCS8_PRIV_KEY_INFO *info = key != NULL ? EVP_PKEY2PKCS8(key) : NULL;
	unsigned char *der = NULL;
	int n = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : 0;
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(key);
	return der_of(a, der, n);
}

struct str pair_public(struct arena *a, const struct spec *s, struct str private_key)
{
	EVP_PKEY *key = private_read(private_key);
	unsigned char *der = NULL;
	int n = key != NULL && spec_fits(s, key) ? i2d_PUBKEY(key, &der) : 0;
	EVP_PKEY_free(key);
	return n > 0 ? der_of(a, der, n) : STR_NONE;
}

struct str message_digest(struct arena *a, const struct algorithm *alg, struct str message)
{
	if (alg->scheme == SCHEME_ED25519)
		return message; /* hashes by itself */
	unsigned char *out = (unsigned char *)arena_bytes(a, EVP_MAX_MD_SIZE);
	size_t n = 0;
	bool ok = EVP_Q_digest(NULL, alg->digest, NULL, message.p, message.n, out, &n) == 1 && n == alg->digest_bytes;
	ASSERT(ok);
	return str_of((const char *)out, n);
}

static EVP_MD *digest_of(const struct algorithm *alg)
{
	EVP_MD *md = EVP_MD_fetch(NULL, alg->digest, NULL);
	ASSERT(md != NULL);
	return md;
}

/* Padding and digest of an RSA or ECDSA signature, or of OAEP. */
static bool scheme_set(EVP_PKEY_CTX *x, const struct algorithm *alg)
{
	EVP_MD *md = digest_of(alg);
	bool ok = true;
	if (alg->scheme == SCHEME_OAEP)
		ok = EVP_PKEY_CTX_set_rsa_padding(x, RSA_PKCS1_OAEP_PADDING) == 1 && EVP_PKEY_CTX_set_rsa_oaep_md(x, md) == 1 &&
		     EVP_PKEY_CTX_set_rsa_mgf1_md(x, md) == 1;
	else
		ok = EVP_PKEY_CTX_set_signature_md(x, md) == 1;
	if (alg->scheme == SCHEME_PSS)
		ok = ok && EVP_PKEY_CTX_set_rsa_padding(x, RSA_PKCS1_PSS_PADDING) == 1 && EVP_PKEY_CTX_set_rsa_mgf1_md(x, md) == 1 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(x, RSA_PSS_SALTLEN_DIGEST) == 1;
	if (alg->scheme == SCHEME_PKCS1)
		ok = ok && EVP_PKEY_CTX_set_rsa_padding(x, RSA_PKCS1_PADDING) == 1;
	EVP_MD_free(md);
	return ok;
}

enum { RESULT_MAX = 1024 }; /* a signature or an RSA block */

static struct str sign_ed25519(struct arena *a, EVP_PKEY *key, struct str message)
{
	unsigned char *out = (unsigned char *)arena_bytes(a, RESULT_MAX);
	size_t n = RESULT_MAX;
	EVP_MD_CTX *x = EVP_MD_CTX_new();
	bool ok = x != NULL && EVP_DigestSignInit(x, NULL, NULL, NULL, key) == 1 && EVP_DigestSign(x, out, &n, bytes_of(message), message.n) == 1;
	EVP_MD_CTX_free(x);
	ASSERT(ok);
	return str_of((const char *)out, n);
}

typedef int pair_init(EVP_PKEY_CTX *x);
typedef int pair_work(EVP_PKEY_CTX *x, unsigned char *out, size_t *n, const unsigned char *in, size_t in_n);

/* One operation with a key, which is freed. Absent: it cannot be done with this key. */
static struct str pair_do(struct arena *a, EVP_PKEY *key, const struct algorithm *alg, pair_init *init, pair_work *work, struct str in)
{
	ASSERT(key != NULL && alg->scheme != SCHEME_ED25519);
	unsigned char *out = (unsigned char *)arena_bytes(a, RESULT_MAX);
	size_t n = RESULT_MAX;
	EVP_PKEY_CTX *x = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	bool ok = x != NULL && init(x) == 1 && scheme_set(x, alg) && work(x, out, &n, bytes_of(in), in.n) == 1;
	EVP_PKEY_CTX_free(x);
	EVP_PKEY_free(key);
	ASSERT(n <= RESULT_MAX);
	return ok ? str_of((const char *)out, n) : STR_NONE;
}

struct str pair_sign(struct arena *a, struct str private_key, const struct algorithm *alg, struct str digest)
{
	EVP_PKEY *key = private_read(private_key);
	ASSERT(key != NULL);
	if (alg->scheme != SCHEME_ED25519)
		return pair_do(a, key, alg, EVP_PKEY_sign_init, EVP_PKEY_sign, digest);
	struct str s = sign_ed25519(a, key, digest);
	EVP_PKEY_free(key);
	return s;
}

bool pair_verify(struct str public_key, const struct algorithm *alg, struct str digest, struct str signature)
{
	EVP_PKEY *key = public_read(public_key);
	ASSERT(key != NULL);
	bool ok;
	if (alg->scheme == SCHEME_ED25519) {
		EVP_MD_CTX *x = EVP_MD_CTX_new();
		ok = x != NULL && EVP_DigestVerifyInit(x, NULL, NULL, NULL, key) == 1 &&
		     EVP_DigestVerify(x, bytes_of(signature), signature.n, bytes_of(digest), digest.n) == 1;
		EVP_MD_CTX_free(x);
	} else {
		EVP_PKEY_CTX *x = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
		ok = x != NULL && EVP_PKEY_verify_init(x) == 1 && scheme_set(x, alg) &&
		     EVP_PKEY_verify(x, bytes_of(signature), signature.n, bytes_of(digest), digest.n) == 1;
		EVP_PKEY_CTX_free(x);
	}
	EVP_PKEY_free(key);
	return ok;
}

struct str pair_encrypt(struct arena *a, struct str public_key, const struct algorithm *alg, struct str plain)
{
	ASSERT(alg->scheme == SCHEME_OAEP);
	return pair_do(a, public_read(public_key), alg, EVP_PKEY_encrypt_init, EVP_PKEY_encrypt, plain);
}

struct str pair_decrypt(struct arena *a, struct str private_key, const struct algorithm *alg, struct str sealed)
{
	ASSERT(alg->scheme == SCHEME_OAEP);
	return pair_do(a, private_read(private_key), alg, EVP_PKEY_decrypt_init, EVP_PKEY_decrypt, sealed);
}

size_t pair_encrypt_max(const struct spec *s, const struct algorithm *alg)
{
	ASSERT(s->kind == SPEC_RSA && alg->scheme == SCHEME_OAEP);
	return (size_t)s->bits / 8 - 2 * alg->digest_bytes - 2; /* RFC 8017, 7.1.1 */
}

struct str pair_derive(struct arena *a, const struct spec *s, struct str private_key, struct str peer)
{
	EVP_PKEY *other = public_read(peer), *key = NULL;
	EVP_PKEY_CTX *x = NULL;
	unsigned char *out = (unsigned char *)arena_bytes(a, RESULT_MAX);
	size_t n = RESULT_MAX;
	bool ok = other != NULL && spec_fits(s, other);
	if (ok) {
		key = private_read(private_key);
		ASSERT(key != NULL);
		x = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
		ok = x != NULL && EVP_PKEY_derive_init(x) == 1 && EVP_PKEY_derive_set_peer(x, other) == 1 && EVP_PKEY_derive(x, out, &n) == 1;
	}
	EVP_PKEY_CTX_free(x);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	return ok ? str_of((const char *)out, n) : STR_NONE;
}

struct str mac_of(struct arena *a, const struct algorithm *alg, struct str key, struct str message)
{
	unsigned char *out = (unsigned char *)arena_bytes(a, EVP_MAX_MD_SIZE);
	size_t n = 0;
	ASSERT(alg->scheme == SCHEME_HMAC);
	bool ok = EVP_Q_mac(NULL, "HMAC", NULL, alg->digest, NULL, key.p, key.n, bytes_of(message), message.n, out, EVP_MAX_MD_SIZE, &n) != NULL;
	ASSERT(ok && n == alg->digest_bytes);
	return str_of((const char *)out, n);
}

/* ---- import ---- */

static struct str aes_unwrap(struct arena *a, struct str kek, struct str wrapped)
{
	if (wrapped.n < 16 || wrapped.n % 8 != 0)
		return STR_NONE;
	unsigned char *out = (unsigned char *)arena_bytes(a, wrapped.n + 16);
	const EVP_CIPHER *cipher = kek.n == 32 ? EVP_aes_256_wrap_pad()
		: kek.n == 24 ? EVP_aes_192_wrap_pad() : kek.n == 16 ? EVP_aes_128_wrap_pad() : NULL;
	EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
	int n = 0;
	bool ok = x != NULL && cipher != NULL;
	if (ok)
		EVP_CIPHER_CTX_set_flags(x, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	ok = ok && EVP_DecryptInit_ex(x, cipher, NULL, bytes_of(kek), NULL) == 1 &&
	     EVP_DecryptUpdate(x, out, &n, bytes_of(wrapped), (int)wrapped.n) == 1 && n > 0;
	EVP_CIPHER_CTX_free(x);
	return ok ? str_of((const char *)out, (size_t)n) : STR_NONE;
}

struct str import_unwrap(struct arena *a, struct str private_key, struct str algorithm, struct str wrapped)
{
	const struct algorithm *alg = algorithm_find(str_ends(algorithm, S("SHA_1")) ? S("RSAES_OAEP_SHA_1") : S("RSAES_OAEP_SHA_256"));
	if (!str_starts(algorithm, S("RSA_AES_KEY_WRAP")))
		return pair_decrypt(a, private_key, alg, wrapped);
	EVP_PKEY *key = private_read(private_key);
	ASSERT(key != NULL);
	size_t block = (size_t)EVP_PKEY_get_size(key);
	EVP_PKEY_free(key);
	if (wrapped.n <= block)
		return STR_NONE;
	struct str kek = pair_decrypt(a, private_key, alg, str_slice(wrapped, 0, block));
	return str_present(kek) ? aes_unwrap(a, kek, str_slice(wrapped, block, wrapped.n)) : STR_NONE;
}
