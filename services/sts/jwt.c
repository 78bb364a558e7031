/* JSON Web Tokens: taking one apart, and is it signed by one of a set of keys?
 *
 * Sources: RFC 7515 (JWS, compact form), RFC 7517 (keys), RFC 7518 (RS256, RS384, RS512, ES256, ES384, ES512: what AWS takes). Nothing of a
 * token may be believed before jwt_signed has said yes but what is needed to find the keys. */
#include "sts.h"

#include "base/enc.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

static const struct algorithm { const char *name, *key_type, *digest, *curve, *group; size_t half; } algorithms[] = {
	{"RS256", "RSA", "SHA256", NULL, NULL, 0}, {"RS384", "RSA", "SHA384", NULL, NULL, 0}, {"RS512", "RSA", "SHA512", NULL, NULL, 0},
	{"ES256", "EC", "SHA256", "P-256", "prime256v1", 32}, {"ES384", "EC", "SHA384", "P-384", "secp384r1", 48},
	{"ES512", "EC", "SHA512", "P-521", "secp521r1", 66},
};

bool jwt_read(struct arena *a, struct str token, struct jwt *out)
{
	struct str rest = token, head = str_cut(&rest, '.'), claims = str_present(rest) ? str_cut(&rest, '.') : STR_NONE;
	if (!str_present(rest) || str_find(rest, '.') >= 0)
		return false;
	struct str head_text = base64url_decode(a, head), claims_text = base64url_decode(a, claims);
	*out = (struct jwt){.signature = base64url_decode(a, rest), .signed_part = str_slice(token, 0, head.n + 1 + claims.n)};
	out->head = str_present(head_text) ? json_parse(a, head_text, NULL) : NULL;
	out->claims = str_present(claims_text) ? json_parse(a, claims_text, NULL) : NULL;
	return str_present(out->signature) && json_is(out->head, JSON_OBJECT) && json_is(out->claims, JSON_OBJECT);
}

static BIGNUM *number(struct arena *a, const struct json *key, const char *name)
{
	struct str text = json_get_str(key, name), bytes = str_present(text) ? base64url_decode(a, text) : STR_NONE;
	return bytes.n > 0 && bytes.n <= 1024 ? BN_bin2bn((const unsigned char *)bytes.p, (int)bytes.n, NULL) : NULL;
}

static bool push_rsa(struct arena *a, const struct json *key, OSSL_PARAM_BLD *b, BIGNUM *n[2])
{
	n[0] = number(a, key, "n");
	n[1] = number(a, key, "e");
	return n[0] != NULL && n[1] != NULL && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n[0]) == 1 &&
	       OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, n[1]) == 1;
}

/* The point uncompressed: 4, x, y. */
static bool push_ec(struct arena *a, const struct json *key, const struct algorithm *alg, OSSL_PARAM_BLD *b)
{
	struct str x = json_get_str(key, "x"), y = json_get_str(key, "y");
	if (!str_present(x) || !str_present(y) || !str_eq(json_get_str(key, "crv"), str_c(alg->curve)))
		return false;
	x = base64url_decode(a, x);
	y = base64url_decode(a, y);
	if (x.n != alg->half || y.n != alg->half)
		return false;
	struct str point = arena_join(a, S("\x04"), x, y);
	return OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, alg->group, 0) == 1 &&
	       OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.n) == 1;
}

static EVP_PKEY *public_key(struct arena *a, const struct json *key, const struct algorithm *alg)
{
	BIGNUM *n[2] = {NULL, NULL};
	EVP_PKEY *out = NULL;
	OSSL_PARAM *params = NULL;
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *x = EVP_PKEY_CTX_new_from_name(NULL, alg->key_type, NULL);
	bool ok = b != NULL && x != NULL && (alg->curve == NULL ? push_rsa(a, key, b, n) : push_ec(a, key, alg, b));
	if (ok && (params = OSSL_PARAM_BLD_to_param(b)) != NULL && EVP_PKEY_fromdata_init(x) == 1 &&
	    EVP_PKEY_fromdata(x, &out, EVP_PKEY_PUBLIC_KEY, params) != 1)
		out = NULL;
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(b);
	EVP_PKEY_CTX_free(x);
	BN_free(n[0]);
	BN_free(n[1]);
	return out;
}

/* JWS has r and s side by side; OpenSSL wants them in DER. */
static struct str der_signature(struct arena *a, struct str raw, size_t half)
{
	if (raw.n != 2 * half)
		return STR_NONE;
	const unsigned char *p = (const unsigned char *)raw.p;
	ECDSA_SIG *s = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(p, (int)half, NULL), *t = BN_bin2bn(p + half, (int)half, NULL);
	unsigned char *der = NULL;
	if (s == NULL || r == NULL || t == NULL || ECDSA_SIG_set0(s, r, t) != 1)
		die("out of memory");
	int n = i2d_ECDSA_SIG(s, &der);
	ASSERT(n > 0);
	struct str out = arena_dup(a, str_of((const char *)der, (size_t)n));
	OPENSSL_free(der);
	ECDSA_SIG_free(s);
	return out;
}

static bool verifies(struct arena *a, const struct jwt *t, const struct algorithm *alg, const struct json *key)
{
	struct str signature = alg->half > 0 ? der_signature(a, t->signature, alg->half) : t->signature;
	EVP_PKEY *public = str_present(signature) ? public_key(a, key, alg) : NULL;
	EVP_MD_CTX *x = EVP_MD_CTX_new();
	bool ok = public != NULL && x != NULL && EVP_DigestVerifyInit_ex(x, NULL, alg->digest, NULL, NULL, public, NULL) == 1 &&
	          EVP_DigestVerify(x, (const unsigned char *)signature.p, signature.n, (const unsigned char *)t->signed_part.p, t->signed_part.n) == 1;
	EVP_MD_CTX_free(x);
	EVP_PKEY_free(public);
	return ok;
}

bool jwt_signed(struct arena *a, const struct jwt *t, const struct json *key_set)
{
	enum { KEYS_MAX = 100 };
	const struct json *keys = json_get(key_set, S("keys"));
	struct str wanted = json_get_str(t->head, "kid"), name = json_get_str(t->head, "alg");
	const struct algorithm *alg = NULL;
	for (size_t i = 0; i < COUNT_OF(algorithms); i++)
		if (str_eq(name, str_c(algorithms[i].name)))
			alg = &algorithms[i];
	for (uint32_t i = 0; alg != NULL && json_is(keys, JSON_ARRAY) && i < keys->n && i < KEYS_MAX; i++) {
		const struct json *key = &keys->items[i];
		struct str id = json_get_str(key, "kid");
		if (str_eq(json_get_str(key, "kty"), str_c(alg->key_type)) && (!str_present(wanted) || str_eq(wanted, id)) && verifies(a, t, alg, key))
			return true;
	}
	return false;
}
