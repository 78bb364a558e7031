/* The tables of spec.h. */
#include "spec.h"

#define RSA_ALGORITHMS \
	.encrypts = {"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"}, \
	.signs = {"RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384", "RSASSA_PKCS1_V1_5_SHA_512", "RSASSA_PSS_SHA_256", \
		"RSASSA_PSS_SHA_384", "RSASSA_PSS_SHA_512"}

static const struct spec specs[] = {
	{"SYMMETRIC_DEFAULT", SPEC_AES, 256, .encrypts = {"SYMMETRIC_DEFAULT"}},
	{"RSA_2048", SPEC_RSA, 2048, RSA_ALGORITHMS},
	{"RSA_3072", SPEC_RSA, 3072, RSA_ALGORITHMS},
	{"RSA_4096", SPEC_RSA, 4096, RSA_ALGORITHMS},
	{"ECC_NIST_P256", SPEC_EC, 256, "P-256", .signs = {"ECDSA_SHA_256"}, .agrees = {"ECDH"}},
	{"ECC_NIST_P384", SPEC_EC, 384, "P-384", .signs = {"ECDSA_SHA_384"}, .agrees = {"ECDH"}},
	{"ECC_NIST_P521", SPEC_EC, 521, "P-521", .signs = {"ECDSA_SHA_512"}, .agrees = {"ECDH"}},
	{"ECC_SECG_P256K1", SPEC_EC, 256, "secp256k1", .signs = {"ECDSA_SHA_256"}},
	{"ECC_NIST_EDWARDS25519", SPEC_ED25519, 256, .signs = {"ED25519_SHA_512"}},
	{"HMAC_224", SPEC_HMAC, 224, .macs = {"HMAC_SHA_224"}},
	{"HMAC_256", SPEC_HMAC, 256, .macs = {"HMAC_SHA_256"}},
	{"HMAC_384", SPEC_HMAC, 384, .macs = {"HMAC_SHA_384"}},
	{"HMAC_512", SPEC_HMAC, 512, .macs = {"HMAC_SHA_512"}},
};

static const struct algorithm algorithms[] = {
	{"RSAES_OAEP_SHA_1", SCHEME_OAEP, "SHA1", 20},
	{"RSAES_OAEP_SHA_256", SCHEME_OAEP, "SHA256", 32},
	{"RSASSA_PKCS1_V1_5_SHA_256", SCHEME_PKCS1, "SHA256", 32},
	{"RSASSA_PKCS1_V1_5_SHA_384", SCHEME_PKCS1, "SHA384", 48},
	{"RSASSA_PKCS1_V1_5_SHA_512", SCHEME_PKCS1, "SHA512", 64},
	{"RSASSA_PSS_SHA_256", SCHEME_PSS, "SHA256", 32},
	{"RSASSA_PSS_SHA_384", SCHEME_PSS, "SHA384", 48},
	{"RSASSA_PSS_SHA_512", SCHEME_PSS, "SHA512", 64},
	{"ECDSA_SHA_256", SCHEME_ECDSA, "SHA256", 32},
	{"ECDSA_SHA_384", SCHEME_ECDSA, "SHA384", 48},
	{"ECDSA_SHA_512", SCHEME_ECDSA, "SHA512", 64},
	{"ED25519_SHA_512", SCHEME_ED25519, "SHA512", 64},
	{"HMAC_SHA_224", SCHEME_HMAC, "SHA224", 28},
	{"HMAC_SHA_256", SCHEME_HMAC, "SHA256", 32},
	{"HMAC_SHA_384", SCHEME_HMAC, "SHA384", 48},
	{"HMAC_SHA_512", SCHEME_HMAC, "SHA512", 64},
};

const struct spec *spec_find(struct str name)
{
	for (size_t i = 0; i < COUNT_OF(specs); i++)
		if (str_eq(name, str_c(specs[i].name)))
			return &specs[i];
	return NULL;
}

const char *const *spec_algorithms(const struct spec *s, struct str usage)
{
	ASSERT(s != NULL);
	const char *const *v = str_eq(usage, S("ENCRYPT_DECRYPT")) ? s->encrypts : str_eq(usage, S("SIGN_VERIFY")) ? s->signs
		: str_eq(usage, S("GENERATE_VERIFY_MAC")) ? s->macs : str_eq(usage, S("KEY_AGREEMENT")) ? s->agrees : NULL;
	return v != NULL && v[0] != NULL ? v : NULL;
}

bool spec_has(const struct spec *s, struct str usage, struct str algorithm)
{
	const char *const *v = spec_algorithms(s, usage);
	for (size_t i = 0; v != NULL && v[i] != NULL; i++)
		if (str_eq(algorithm, str_c(v[i])))
			return true;
	return false;
}

struct list spec_list(struct arena *a, const char *const *names)
{
	uint32_t n = 0;
	while (names[n] != NULL)
		n++;
	struct list l = LIST_OF(a, struct str, n);
	for (uint32_t i = 0; i < n; i++)
		*LIST_AT(l, struct str, i) = str_c(names[i]);
	return l;
}

const struct algorithm *algorithm_find(struct str name)
{
	for (size_t i = 0; i < COUNT_OF(algorithms); i++)
		if (str_eq(name, str_c(algorithms[i].name)))
			return &algorithms[i];
	return NULL;
}
