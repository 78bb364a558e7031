/* What the files of the signing room share: HMAC with precomputed states, the canonical request, error helpers.
 *
 * Only src/auth/ includes this. */
#ifndef TSUBO_SIG_INTERNAL_H
#define TSUBO_SIG_INTERNAL_H

/* OpenSSL marks the low-level digests as deprecated; they are the ones whose state can be copied without allocation,
 * and cost 0.06 microseconds a block against 0.5 for an EVP context. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "auth/sigv4.h"

#include <openssl/sha.h>

/* SHA-256 after the inner and the outer padded key: one HMAC then costs two copies and the message. */
struct hmac_key { SHA256_CTX inner, outer; };

/* Without the fetch and the locks that OpenSSL's one-shot SHA256() costs. */
void sig_sha256(const void *p, size_t n, unsigned char out[32]);
void hmac_key_init(struct hmac_key *k, const void *secret, size_t n);
void hmac_finish(const struct hmac_key *k, const void *message, size_t n, unsigned char out[32]);

/* The signing key of (secret, date, region, service), from the calling thread's table or derived into *spare. */
const struct hmac_key *signing_key(struct str secret, const struct sig_claim *c, struct hmac_key *spare,
                                   unsigned char raw[32]);

/* Append the canonical request. payload_hash ends it. */
void canonical_write(struct arena *a, struct buf *b, const struct sig_request *r, const struct sig_claim *c,
                     struct str payload_hash, bool normalize_path, bool double_encode);
/* S3 signs the path as it is; everyone else a normalised one, encoded a second time. */
bool sig_service_is_s3(struct str service);
/* The first header of that name, trimmed; absent when there is none. */
struct str sig_header(const struct sig_request *r, struct str name);
/* The decoded value of a query parameter by its literal name; absent when it is not there or is badly escaped. */
struct str sig_query(struct arena *a, const struct sig_request *r, struct str name);

/* Fill *err and return false. */
bool sig_fail(struct sig_error *err, int status, const char *code, struct str message);
/* And s3, which may be NULL. */
bool sig_fail_s3(struct sig_error *err, const char *s3, int status, const char *code, struct str message);
/* The elements after it; returns false. Those without a value are left out. */
bool sig_more(struct arena *a, struct sig_error *err, const struct param *more, size_t n);
/* S3's answer to a signature that does not fit; canonical absent: there is none, or it is not to be shown. */
bool sig_mismatch(struct arena *a, struct sig_error *err, const struct sig_claim *c, struct str to_sign, struct str canonical);
/* 32 bytes as 64 lower-case digits. */
void sig_hex(const unsigned char in[32], char out[64]);

/* Take a credential scope apart into the claim: "AKID/20150830/us-east-1/iam/aws4_request". */
bool sig_parse_scope(struct arena *a, struct str credential, struct sig_claim *c, struct sig_error *err);

/* Signature Version 4A (sigv4a.c): does the DER signature in hex over the string to sign come from this key pair? */
bool sigv4a_verify(struct str access_key, struct str secret, struct str text, struct str signature_hex);
/* The public point that is derived from a secret key, for tests against the published one. */
bool sigv4a_public_key(struct str access_key, struct str secret, unsigned char x[32], unsigned char y[32]);

/* base64 of HMAC-SHA1. */
struct str sigv2_mac(struct arena *a, struct str secret, struct str text);
/* Signature Version 2 (sigv2.c). */
bool sigv2_parse(struct arena *a, const struct sig_request *r, struct str authorization, struct sig_claim *c,
                 struct sig_error *err);
bool sigv2_verify(struct arena *a, const struct sig_request *r, const struct sig_claim *c, struct str secret,
                  int64_t wall_ms, struct sig_error *err);

#endif
