/* Certificates made with OpenSSL: see cert.h. The extensions are those strict verifiers ask for (Python 3.13 checks
 * key identifiers and basic constraints).
 *
 * What always holds: a certificate made here has a random serial, names at least one host and is signed before
 * anyone sees it. */
#include "http/cert.h"

#include "os/os.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

enum { DAY_S = 24 * 60 * 60, CA_DAYS = 3650, LEAF_DAYS = 397, FRESH_DAYS = 30 };

EVP_PKEY *cert_make_key(void) { return EVP_EC_gen("P-256"); }

static bool add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	bool ok = e != NULL && X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok;
}

static bool set_serial(X509 *x)
{
	BIGNUM *n = BN_new();
	bool ok = n != NULL && BN_rand(n, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
	          BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
	BN_free(n);
	return ok;
}

/* The common name is for people; at most 64 characters (RFC 5280, ub-common-name). */
static bool set_name(X509_NAME *name, struct str common)
{
	ASSERT(common.n > 0);
	size_t n = common.n < 64 ? common.n : 64;
	return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"tsubo", -1, -1, 0) == 1 &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common.p, (int)n, -1, 0) == 1;
}

/* A certificate without extensions and signature; validity begins a day ago, for clocks that differ. */
static X509 *blank(EVP_PKEY *key, struct str common, int days)
{
	X509 *x = X509_new();
	if (x != NULL && X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
	    X509_gmtime_adj(X509_getm_notBefore(x), -DAY_S) != NULL &&
	    X509_time_adj_ex(X509_getm_notAfter(x), days - 1, 0, NULL) != NULL && X509_set_pubkey(x, key) == 1 &&
	    set_name(X509_get_subject_name(x), common))
		return x;
	X509_free(x);
	return NULL;
}

X509 *cert_make_authority(EVP_PKEY *key)
{
	/* A name of its own each time: browsers confuse authorities that share a name but not a key. */
	char common[] = "tsubo local authority xxxxxxxx";
	random_hex(common + sizeof common - 9, 8);
	X509 *x = blank(key, str_c(common), CA_DAYS);
	if (x != NULL && X509_set_issuer_name(x, X509_get_subject_name(x)) == 1 &&
	    add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	    add_extension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	    add_extension(x, x, NID_subject_key_identifier, "hash") &&
	    X509_sign(x, key, EVP_sha256()) > 0)
		return x;
	X509_free(x);
	return NULL;
}

static bool add_name(GENERAL_NAMES *all, struct str name)
{
	unsigned char ip[16];
	char text[256];
	if (name.n == 0 || name.n >= sizeof text)
		return false;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	int ip_n = inet_pton(AF_INET, text, ip) == 1 ? 4 : inet_pton(AF_INET6, text, ip) == 1 ? 16 : 0;
	GENERAL_NAME *one = GENERAL_NAME_new();
	ASN1_STRING *value = ASN1_STRING_type_new(ip_n > 0 ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
	if (one == NULL || value == NULL || ASN1_STRING_set(value, ip_n > 0 ? (void *)ip : text, ip_n > 0 ? ip_n : (int)name.n) != 1) {
		GENERAL_NAME_free(one);
		ASN1_STRING_free(value);
		return false;
	}
	GENERAL_NAME_set0_value(one, ip_n > 0 ? GEN_IPADD : GEN_DNS, value);
	if (sk_GENERAL_NAME_push(all, one) > 0)
		return true;
	GENERAL_NAME_free(one);
	return false;
}

static bool add_names(X509 *x, const struct str *names, size_t n)
{
	ASSERT(n == 0 || names != NULL);
	GENERAL_NAMES *all = sk_GENERAL_NAME_new_null();
	bool ok = all != NULL;
	for (size_t i = 0; i < n && ok; i++)
		ok = add_name(all, names[i]);
	ok = ok && X509_add1_ext_i2d(x, NID_subject_alt_name, all, 0, X509V3_ADD_DEFAULT) == 1;
	sk_GENERAL_NAME_pop_free(all, GENERAL_NAME_free);
	return ok;
}

X509 *cert_make_leaf(X509 *ca, EVP_PKEY *ca_key, EVP_PKEY *key, const struct str *names, size_t n)
{
	ASSERT(n > 0);
	X509 *x = blank(key, names[0], LEAF_DAYS);
	if (x != NULL && X509_set_issuer_name(x, X509_get_subject_name(ca)) == 1 &&
	    add_extension(x, ca, NID_basic_constraints, "critical,CA:FALSE") &&
	    add_extension(x, ca, NID_key_usage, "critical,digitalSignature") &&
	    add_extension(x, ca, NID_ext_key_usage, "serverAuth") &&
	    add_extension(x, ca, NID_subject_key_identifier, "hash") &&
	    add_extension(x, ca, NID_authority_key_identifier, "keyid:always") && add_names(x, names, n) &&
	    X509_sign(x, ca_key, EVP_sha256()) > 0)
		return x;
	X509_free(x);
	return NULL;
}

bool cert_fresh(X509 *x)
{
	time_t soon = time(NULL) + FRESH_DAYS * DAY_S;
	return X509_cmp_time(X509_get0_notBefore(x), NULL) < 0 && X509_cmp_time(X509_get0_notAfter(x), &soon) > 0;
}

bool cert_covers(X509 *x, struct str name) { return X509_check_host(x, name.p, name.n, 0, NULL) == 1; }
