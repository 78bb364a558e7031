/* Text encodings, digests and the cipher of bodies: base64 (RFC 4648), hex, percent-encoding (RFC 3986), CRCs, SHA and MD5.
 *
 * Decoders refuse what is not canonical where AWS does; results are in the arena. Absent means refused. */
#ifndef TSUBO_ENC_H
#define TSUBO_ENC_H

#include "base/buf.h"

void base64_write(struct buf *b, struct str bytes);
struct str base64_encode(struct arena *a, struct str bytes);
/* Standard alphabet, padding needed; white space refused. Absent when malformed. Bits left over are ignored, as Java's
 * decoder does (base64url_decode refuses them, RFC 7515). */
struct str base64_decode(struct arena *a, struct str text);
/* The same, but bits left over must be zero: as AWS's front ends read blobs in JSON. */
struct str base64_decode_exact(struct arena *a, struct str text);
struct str base64url_encode(struct arena *a, struct str bytes); /* no padding */
struct str base64url_decode(struct arena *a, struct str text);

/* The value of a hex digit of either case; -1: it is none. */
static inline int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}
void hex_write(struct buf *b, struct str bytes); /* lower case */
struct str hex_encode(struct arena *a, struct str bytes);
struct str hex_decode(struct arena *a, struct str text);

/* Percent-encode all but unreserved characters (A-Z a-z 0-9 - . _ ~); keep_slash leaves '/' too. Upper-case hex. */
void uri_write(struct buf *b, struct str s, bool keep_slash);
struct str uri_encode(struct arena *a, struct str s, bool keep_slash);
/* Percent-decode; plus_is_space for form bodies and query strings. Absent on a bad escape. */
struct str uri_decode(struct arena *a, struct str s, bool plus_is_space);

/* One name=value of a query string or form, decoded. */
struct param {
	struct str name, value;
	bool has_value; /* there was a '=' */
};
struct params {
	struct param *v;
	size_t n;
};
/* Split and decode "a=1&b&c=%20"; false on a bad escape or over max pairs. */
bool params_parse(struct arena *a, struct str query, size_t max, struct params *out);
/* The first value by exact name; absent when it is not there. */
struct str params_get(const struct params *p, struct str name);

struct sha256 { unsigned char b[32]; };
struct sha256 sha256(struct str s);
struct sha256 hmac_sha256(struct str key, struct str s);
struct str sha256_hex(struct arena *a, struct str s);
struct md5 { unsigned char b[16]; };
struct md5 md5(struct str s);
struct str md5_hex(struct arena *a, struct str s);
struct sha1 { unsigned char b[20]; };
struct sha1 sha1(struct str s);
struct sha1 hmac_sha1(struct str key, struct str s);
uint32_t crc32_ieee(uint32_t crc, struct str s);   /* start with 0; ISA-L */
uint32_t crc32c(uint32_t crc, struct str s);       /* Castagnoli; start with 0; ISA-L */
uint64_t crc64nvme(uint64_t crc, struct str s);    /* start with 0 */

/* The bytes as a gzip file (RFC 1952). */
struct str gzip_compress(struct arena *a, struct str bytes);

/* A digest fed in pieces. The XXH kinds (libxxhash, seed 0; XXH3 of 64 bits) come out big-endian, their canonical form. */
enum digest_kind { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA512, DIGEST_XXH64, DIGEST_XXH3, DIGEST_XXH128 };
struct digest;
struct digest *digest_new(enum digest_kind kind);
void digest_add(struct digest *d, struct str s);
/* Writes the result (16, 20, 32, 64 bytes), frees d, returns the length. */
size_t digest_end(struct digest *d, unsigned char out[64]);
void digest_drop(struct digest *d);

/* AES-256 in counter mode, the counter beginning at zero: the same for both directions. `at` is the offset of in.p[0] in what
 * is encrypted as one; out has room for in.n bytes and may be in.p. */
void aes256_ctr(const unsigned char key[32], uint64_t at, struct str in, char *out);
/* RFC 3394: in.n + 8 bytes to out; in.n is a multiple of 8, at least 16 and below 1 MiB. */
void aes256_wrap(const unsigned char kek[32], struct str in, char *out);
/* in.n - 8 bytes to out; in.n is a multiple of 8, at least 24. false: it is not wrapped under this key, or was changed. */
bool aes256_unwrap(const unsigned char kek[32], struct str in, char *out);

/* n bytes of cryptographic randomness through os/random's table are in os/os.h; here only text forms. */
/* Equal without revealing where they differ. */
bool secret_eq(struct str a, struct str b);
bool utf8_valid(struct str s);
/* A code point (at most U+10FFFF) as UTF-8 (RFC 3629), at most UTF8_MAX bytes at `to`; returns the place behind it. */
enum { UTF8_MAX = 4 };
char *utf8_put(char *to, uint32_t cp);
/* Number of Unicode code points of valid UTF-8. */
size_t utf8_length(struct str s);
/* Number of UTF-16 code units that valid UTF-8 takes: a string's length in Java and JavaScript. */
size_t utf16_length(struct str s);

#endif
