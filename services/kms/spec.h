/* Key specs and algorithms: facts as tables. Source: "Key spec reference" and "Key type reference" (KMS Developer Guide).
 *
 * SM2 (China regions only) and ML-DSA, Ed25519ph (not in OpenSSL 3.0) have no row. */
#ifndef TSUBO_KMS_SPEC_H
#define TSUBO_KMS_SPEC_H

#include "base/arena.h"
#include "wire/model.h"

enum spec_kind { SPEC_AES, SPEC_RSA, SPEC_EC, SPEC_ED25519, SPEC_HMAC };

struct spec {
	const char *name;
	enum spec_kind kind;
	int bits;             /* RSA: of the modulus; AES, HMAC: of the key */
	const char *curve;    /* EC: OpenSSL's name */
	const char *encrypts[3], *signs[7], *macs[2], *agrees[2]; /* algorithms by usage; NULL-terminated */
};
const struct spec *spec_find(struct str name); /* NULL: none of ours */
/* The algorithms a usage has with a spec, or NULL when the usage does not fit it. */
const char *const *spec_algorithms(const struct spec *s, struct str usage);
bool spec_has(const struct spec *s, struct str usage, struct str algorithm);
/* A list of strings out of a table. */
struct list spec_list(struct arena *a, const char *const *names);

enum scheme { SCHEME_OAEP, SCHEME_PKCS1, SCHEME_PSS, SCHEME_ECDSA, SCHEME_ED25519, SCHEME_HMAC };
struct algorithm { const char *name; enum scheme scheme; const char *digest; size_t digest_bytes; };
const struct algorithm *algorithm_find(struct str name);

#endif
