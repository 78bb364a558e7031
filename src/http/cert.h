/* Making certificates: EC P-256 keys, a local authority, leaves signed by it (RFC 5280). For tls.c only; no files. */
#ifndef TSUBO_HTTP_CERT_H
#define TSUBO_HTTP_CERT_H

#include "base/str.h"

#include <openssl/x509.h>

/* All return NULL when OpenSSL fails; the caller frees what it gets. */
EVP_PKEY *cert_make_key(void);
/* Self-signed, valid for ten years. */
X509 *cert_make_authority(EVP_PKEY *key);
/* For servers, with these DNS names and IP addresses, valid for 397 days (the most that clients accept). */
X509 *cert_make_leaf(X509 *ca, EVP_PKEY *ca_key, EVP_PKEY *key, const struct str *names, size_t n);
/* Valid now and for another 30 days. */
bool cert_fresh(X509 *x);
/* Does it name this host? */
bool cert_covers(X509 *x, struct str name);

#endif
