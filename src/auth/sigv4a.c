/* Signature Version 4A: the key pair on P-256 that is derived from a secret access key, and ECDSA over the string to sign.
 * Everything else of 4A is as in version 4 (sigv4.c).
 *
 * Source: "Create a signed AWS API request" (IAM User Guide) and, for the derivation (NIST SP 800-108 in counter mode, then
 * FIPS 186-4 B.4.2), the published client library aws-c-auth, whose cases the tests run.
 *
 * What always holds: the same secret and access key give the same key pair everywhere; a private number is wiped
 * before its memory goes. */
#include "auth/sig_internal.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>

enum { COUNTER_MAX = 254, ACCESS_KEY_MAX = 128, SECRET_MAX = 256, SIGNATURE_MAX = 80 };

/* HMAC-SHA256("AWS4A" + secret, 00000001 | algorithm | 00 | access key | counter | 00000100). */
static void candidate(struct str access_key, struct str secret, unsigned char counter, unsigned char out[32])
{
	static const char label[] = "AWS4-ECDSA-P256-SHA256"; /* its NUL is the separator */
	unsigned char key[5 + SECRET_MAX], text[4 + sizeof label + ACCESS_KEY_MAX + 5];
	ASSERT(secret.n <= SECRET_MAX && access_key.n <= ACCESS_KEY_MAX);
	memcpy(key, "AWS4A", 5);
	memcpy(key + 5, secret.p, secret.n);
	memcpy(text, "\0\0\0\1", 4);
	memcpy(text + 4, label, sizeof label);
	size_t n = 4 + sizeof label;
	memcpy(text + n, access_key.p, access_key.n);
	n += access_key.n;
	text[n++] = counter;
	memcpy(text + n, "\0\0\1\0", 4);
	n += 4;
	ASSERT(n <= sizeof text && counter > 0);
	struct hmac_key k;
	hmac_key_init(&k, key, 5 + secret.n);
	hmac_finish(&k, text, n, out);
	OPENSSL_cleanse(key, sizeof key);
	OPENSSL_cleanse(&k, sizeof k);
}

/* The private number: the first candidate c with c <= order - 2, plus one. NULL: none (one case in 2^8000). */
static BIGNUM *private_number(struct str access_key, struct str secret, const EC_GROUP *group)
{
	ASSERT(group != NULL);
	BIGNUM *limit = BN_dup(EC_GROUP_get0_order(group)), *c = NULL;
	if (limit == NULL || !BN_sub_word(limit, 2))
		die("out of memory in a signature");
	for (unsigned counter = 1; counter <= COUNTER_MAX; counter++) {
		unsigned char bytes[32];
		candidate(access_key, secret, (unsigned char)counter, bytes);
		c = BN_bin2bn(bytes, sizeof bytes, c);
		OPENSSL_cleanse(bytes, sizeof bytes);
		if (c == NULL)
			die("out of memory in a signature");
		if (BN_cmp(c, limit) > 0)
			continue;
		BN_free(limit);
		if (!BN_add_word(c, 1))
			die("out of memory in a signature");
		return c;
	}
	BN_free(limit);
	BN_clear_free(c);
	return NULL;
}

/* Derived anew for each signature: 4A is rare, and a cache of keys would be another place to keep secrets. */
static EC_KEY *public_key(struct str access_key, struct str secret)
{
	ASSERT(secret.n > 0 && secret.n <= SECRET_MAX);
	EC_KEY *key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	if (key == NULL)
		die("P-256 is not available");
	const EC_GROUP *group = EC_KEY_get0_group(key);
	BIGNUM *d = private_number(access_key, secret, group);
	EC_POINT *point = EC_POINT_new(group);
	bool ok = d != NULL && point != NULL && EC_POINT_mul(group, point, d, NULL, NULL, NULL) == 1 && EC_KEY_set_public_key(key, point) == 1;
	EC_POINT_free(point);
	BN_clear_free(d);
	if (ok)
		return key;
	EC_KEY_free(key);
	return NULL;
}

bool sigv4a_public_key(struct str access_key, struct str secret, unsigned char x[32], unsigned char y[32])
{
	EC_KEY *key = public_key(access_key, secret);
	if (key == NULL)
		return false;
	BIGNUM *bx = BN_new(), *by = BN_new();
	bool ok = EC_POINT_get_affine_coordinates(EC_KEY_get0_group(key), EC_KEY_get0_public_key(key), bx, by, NULL) == 1 &&
	          BN_bn2binpad(bx, x, 32) == 32 && BN_bn2binpad(by, y, 32) == 32;
	BN_free(bx);
	BN_free(by);
	EC_KEY_free(key);
	return ok;
}

bool sigv4a_verify(struct str access_key, struct str secret, struct str text, struct str signature_hex)
{
	ASSERT(secret.n > 0 && text.n > 0);
	unsigned char der[SIGNATURE_MAX], digest[32];
	if (signature_hex.n % 2 != 0 || signature_hex.n / 2 > sizeof der || access_key.n > ACCESS_KEY_MAX)
		return false;
	for (size_t i = 0; i < signature_hex.n / 2; i++) {
		int high = hex_digit(signature_hex.p[2 * i]), low = hex_digit(signature_hex.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		der[i] = (unsigned char)(high << 4 | low);
	}
	EC_KEY *key = public_key(access_key, secret);
	if (key == NULL)
		return false;
	sig_sha256(text.p, text.n, digest);
	int ok = ECDSA_verify(0, digest, sizeof digest, der, (int)(signature_hex.n / 2), key);
	EC_KEY_free(key);
	return ok == 1; /* -1: not a signature at all */
}
