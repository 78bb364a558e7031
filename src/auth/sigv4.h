/* AWS Signature Version 4 and 4A by header, by query (presigned) and (V4) for chunked payloads; S3's Signature Version 2 by query
 * and header. Pure computation on the raw request: no store, no clock of its own.
 *
 * Source: "Signature Version 4 signing process" (IAM User Guide), "Authenticating Requests" (S3 API Reference),
 * and the published signing suite. */
#ifndef TSUBO_SIGV4_H
#define TSUBO_SIGV4_H

#include "base/enc.h"

enum sig_kind { SIG_NONE, SIG_V4_HEADER, SIG_V4_QUERY, SIG_V2_HEADER, SIG_V2_QUERY };

/* What a request claims about itself, parsed but not verified. Views into the request. */
struct sig_claim {
	enum sig_kind kind;
	bool asymmetric; /* V4A: ECDSA instead of HMAC, a set of regions (the first one is the claim's) instead of one */
	struct str access_key, date /* YYYYMMDD */, region, service, amz_date, signed_headers, signature, session_token;
	struct str payload_hash;  /* x-amz-content-sha256, or what stands for it; absent when not sent */
	int64_t expires_s;        /* query: X-Amz-Expires or V2's Expires (absolute); else 0 */
};

struct sig_request {
	struct str method, raw_path, raw_query, host;
	const struct param *headers;
	size_t n_headers;
};

/* s3: what it says is wrong with the credential or the header, or NULL. more: elements that it adds after the message. */
struct sig_error { const char *code; struct str message; int status; const char *s3; const struct param *more; size_t n_more; };

/* Find and parse the signature. SIG_NONE when there is none. false with *err: present but malformed
 * (IncompleteSignature, AuthorizationQueryParametersError for S3...). */
bool sig_parse(struct arena *a, const struct sig_request *r, struct sig_claim *claim, struct sig_error *err);

/* Of a request to S3 without a signature: does its query have parts of one? true, with what S3 says to it. */
bool sig_unfinished(struct arena *a, const struct sig_request *r, struct sig_error *err);

/* Is the claim's signature one of S3's kind: path as it is, body declared by the client? */
bool sig_signs_for_s3(const struct sig_claim *claim);

/* Seed for the chunk signatures of STREAMING-AWS4-HMAC-SHA256-PAYLOAD: made by sig_verify when asked. */
struct sig_chunks { unsigned char key[32]; char scope_and_date[256]; char previous[65]; };

/* Verify against the secret. `body_hash` is the hex SHA-256 of the body, computed by the caller, or absent when the
 * claim's payload_hash is to be trusted (UNSIGNED-PAYLOAD, STREAMING-*, or a body hashed later while it streams).
 * wall_ms: the machine's clock; more than 15 minutes apart is refused (RequestTimeTooSkewed for S3,
 * SignatureDoesNotMatch "Signature expired: ..." elsewhere). S3 signs the path undoubled and un-normalised.
 * The derived key for (secret, date, region, service) is cached. */
bool sig_verify(struct arena *a, const struct sig_request *r, const struct sig_claim *claim, struct str secret,
                struct str body_hash, int64_t wall_ms, struct sig_chunks *chunks, struct sig_error *err);
/* Verify one chunk's (or the trailer's) signature and go on to the next. */
bool sig_chunk_verify(struct sig_chunks *c, struct str chunk_sha256_hex, struct str signature_hex);
bool sig_trailer_verify(struct sig_chunks *c, struct str trailers_canonical, struct str signature_hex);

/* S3's POST form, which signs its policy document alone: fields x-amz-algorithm, x-amz-credential, x-amz-date,
 * x-amz-signature (V4), or AWSAccessKeyId and signature (V2: credential and amz_date absent). `policy` is the field as it
 * came, in base64. Parse fills the claim (the session token is the caller's to add); the policy's own expiration and
 * conditions are the caller's to check. */
bool sig_post_parse(struct arena *a, struct str algorithm, struct str credential, struct str amz_date, struct str access_key,
                    struct str signature, struct sig_claim *claim, struct sig_error *err);
/* What S3 says to a form without the field; returns false. */
bool sig_post_no_field(struct arena *a, struct sig_error *err, const char *name);
bool sig_post_verify(struct arena *a, const struct sig_claim *claim, struct str secret, struct str policy, struct sig_error *err);

/* Sign, for our own outgoing calls and tests: gives the Authorization header's value. */
struct str sig_sign(struct arena *a, const struct sig_request *r, struct str access_key, struct str secret,
                    struct str region, struct str service, struct str amz_date, struct str payload_hash);
/* For the published suite: the canonical request and the string to sign. */
struct str sig_canonical_request(struct arena *a, const struct sig_request *r, const struct sig_claim *claim,
                                 struct str payload_hash, bool normalize_path, bool double_encode);
struct str sig_string_to_sign(struct arena *a, const struct sig_claim *claim, struct str canonical);

#endif
