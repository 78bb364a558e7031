/* SHA-2, SHA-1, MD5 and HMAC over OpenSSL's low-level functions. See enc.h.
 *
 * Signatures hash several short strings a request. Through EVP each costs a fetch or a context (0.4 to 1.5 us); the
 * low-level functions run the same assembly without either. OpenSSL 3 marks them deprecated to push callers to EVP's
 * providers, which we have no use for; hence the define, in this file only.
 *
 * What always holds: a digest under way has its magic word and is freed exactly once, by digest_end or
 * digest_drop; the padded key of an HMAC is wiped before its memory goes. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/enc.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <xxhash.h>

enum { DIGEST_MAGIC = 0x64696765, SHA256_BLOCK = 64 };

struct digest {
	unsigned magic;
	enum digest_kind kind;
	union {
		MD5_CTX md5;
		SHA_CTX sha1;
		SHA256_CTX sha256;
		SHA512_CTX sha512;
		XXH64_state_t *xxh64;
		XXH3_state_t *xxh3; /* of both widths; its own memory, for it wants 64-byte bounds */
	};
};

struct sha256 sha256(struct str s)
{
	struct sha256 out;
	SHA256_CTX ctx;
	SHA256_Init(&ctx);
	SHA256_Update(&ctx, s.p, s.n);
	SHA256_Final(out.b, &ctx);
	return out;
}

/* RFC 2104. */
struct sha256 hmac_sha256(struct str key, struct str s)
{
	unsigned char pad[SHA256_BLOCK] = {0};
	if (key.n > SHA256_BLOCK) {
		struct sha256 short_key = sha256(key);
		memcpy(pad, short_key.b, sizeof short_key.b);
	} else if (key.n > 0) {
		memcpy(pad, key.p, key.n);
	}
	for (size_t i = 0; i < SHA256_BLOCK; i++)
		pad[i] ^= 0x36;
	SHA256_CTX ctx;
	struct sha256 out;
	SHA256_Init(&ctx);
	SHA256_Update(&ctx, pad, sizeof pad);
	SHA256_Update(&ctx, s.p, s.n);
	SHA256_Final(out.b, &ctx);
	for (size_t i = 0; i < SHA256_BLOCK; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	SHA256_Init(&ctx);
	SHA256_Update(&ctx, pad, sizeof pad);
	SHA256_Update(&ctx, out.b, sizeof out.b);
	SHA256_Final(out.b, &ctx);
	OPENSSL_cleanse(pad, sizeof pad);
	return out;
}

struct str sha256_hex(struct arena *a, struct str s)
{
	struct sha256 d = sha256(s);
	return hex_encode(a, str_of((const char *)d.b, sizeof d.b));
}

struct md5 md5(struct str s)
{
	struct md5 out;
	MD5_CTX ctx;
	MD5_Init(&ctx);
	MD5_Update(&ctx, s.p, s.n);
	MD5_Final(out.b, &ctx);
	return out;
}

struct str md5_hex(struct arena *a, struct str s)
{
	struct md5 d = md5(s);
	return hex_encode(a, str_of((const char *)d.b, sizeof d.b));
}

struct sha1 sha1(struct str s)
{
	struct sha1 out;
	SHA_CTX ctx;
	SHA1_Init(&ctx);
	SHA1_Update(&ctx, s.p, s.n);
	SHA1_Final(out.b, &ctx);
	return out;
}

/* Only old signatures and one-time passwords are made of it, so OpenSSL's own will do. */
struct sha1 hmac_sha1(struct str key, struct str s)
{
	struct sha1 out;
	unsigned n = 0;
	if (HMAC(EVP_sha1(), key.p, (int)key.n, (const unsigned char *)s.p, s.n, out.b, &n) == NULL)
		die("HMAC-SHA1 failed");
	ASSERT(n == sizeof out.b);
	return out;
}

static void xxh_new(struct digest *d)
{
	ASSERT(d->kind >= DIGEST_XXH64 && d->kind <= DIGEST_XXH128);
	bool ok = false;
	if (d->kind == DIGEST_XXH64) {
		d->xxh64 = XXH64_createState();
		ok = d->xxh64 != NULL && XXH64_reset(d->xxh64, 0) == XXH_OK;
	} else {
		d->xxh3 = XXH3_createState();
		ok = d->xxh3 != NULL && (d->kind == DIGEST_XXH3 ? XXH3_64bits_reset(d->xxh3) : XXH3_128bits_reset(d->xxh3)) == XXH_OK;
	}
	if (!ok)
		die("out of memory");
}

static size_t xxh_end(const struct digest *d, unsigned char out[64])
{
	ASSERT(d->kind >= DIGEST_XXH64 && d->kind <= DIGEST_XXH128);
	if (d->kind == DIGEST_XXH128) {
		XXH128_canonical_t wide;
		XXH128_canonicalFromHash(&wide, XXH3_128bits_digest(d->xxh3));
		memcpy(out, wide.digest, sizeof wide.digest);
		return sizeof wide.digest;
	}
	XXH64_canonical_t narrow;
	XXH64_canonicalFromHash(&narrow, d->kind == DIGEST_XXH64 ? XXH64_digest(d->xxh64) : XXH3_64bits_digest(d->xxh3));
	memcpy(out, narrow.digest, sizeof narrow.digest);
	return sizeof narrow.digest;
}

struct digest *digest_new(enum digest_kind kind)
{
	ASSERT(kind <= DIGEST_XXH128);
	struct digest *d = malloc(sizeof *d);
	if (d == NULL)
		die("out of memory");
	d->magic = DIGEST_MAGIC;
	d->kind = kind;
	switch (kind) {
	case DIGEST_MD5: MD5_Init(&d->md5); break;
	case DIGEST_SHA1: SHA1_Init(&d->sha1); break;
	case DIGEST_SHA256: SHA256_Init(&d->sha256); break;
	case DIGEST_SHA512: SHA512_Init(&d->sha512); break;
	case DIGEST_XXH64: case DIGEST_XXH3: case DIGEST_XXH128: xxh_new(d); break;
	}
	return d;
}

void digest_add(struct digest *d, struct str s)
{
	CHECK_MAGIC(d, DIGEST_MAGIC);
	switch (d->kind) {
	case DIGEST_MD5: MD5_Update(&d->md5, s.p, s.n); break;
	case DIGEST_SHA1: SHA1_Update(&d->sha1, s.p, s.n); break;
	case DIGEST_SHA256: SHA256_Update(&d->sha256, s.p, s.n); break;
	case DIGEST_SHA512: SHA512_Update(&d->sha512, s.p, s.n); break;
	case DIGEST_XXH64: (void)XXH64_update(d->xxh64, s.p, s.n); break;
	case DIGEST_XXH3: (void)XXH3_64bits_update(d->xxh3, s.p, s.n); break;
	case DIGEST_XXH128: (void)XXH3_128bits_update(d->xxh3, s.p, s.n); break;
	}
}

size_t digest_end(struct digest *d, unsigned char out[64])
{
	CHECK_MAGIC(d, DIGEST_MAGIC);
	size_t n = 0;
	switch (d->kind) {
	case DIGEST_MD5: MD5_Final(out, &d->md5); n = MD5_DIGEST_LENGTH; break;
	case DIGEST_SHA1: SHA1_Final(out, &d->sha1); n = SHA_DIGEST_LENGTH; break;
	case DIGEST_SHA256: SHA256_Final(out, &d->sha256); n = SHA256_DIGEST_LENGTH; break;
	case DIGEST_SHA512: SHA512_Final(out, &d->sha512); n = SHA512_DIGEST_LENGTH; break;
	case DIGEST_XXH64: case DIGEST_XXH3: case DIGEST_XXH128: n = xxh_end(d, out); break;
	}
	ASSERT(n > 0 && n <= 64);
	digest_drop(d);
	return n;
}

/* Also after digest_end, which calls it. NULL is allowed. */
void digest_drop(struct digest *d)
{
	if (d == NULL)
		return;
	CHECK_MAGIC(d, DIGEST_MAGIC);
	if (d->kind == DIGEST_XXH64)
		(void)XXH64_freeState(d->xxh64);
	else if (d->kind == DIGEST_XXH3 || d->kind == DIGEST_XXH128)
		(void)XXH3_freeState(d->xxh3);
	d->magic = 0;
	free(d);
}
