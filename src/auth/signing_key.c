/* HMAC-SHA256 with precomputed states, the table of derived signing keys, and the signatures of chunked bodies.
 *
 * What always holds: a derived key is found again only for exactly the same secret, date, region and service. The
 * table belongs to its thread, so nothing here takes a lock. Called by the signing files of this room only, but for
 * the chunk functions, which the gateway calls while a body streams.
 *
 * Source: "Create a signed AWS API request" (IAM User Guide), "Transferring Payload in Multiple Chunks" and
 * "Including Trailing Headers" (S3 API Reference). */
#include "auth/sig_internal.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>

#define HEX_SHA256_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

enum { SLOTS = 64, ID_MAX = 224 };

struct key_slot {
	uint64_t hash;
	size_t id_n; /* 0: empty */
	char id[ID_MAX];
	unsigned char raw[32];
	struct hmac_key key;
};

/* Made by the first signature of a thread: most threads see none, and it is 32 KB. */
static _Thread_local struct key_slot *slots;
static pthread_key_t slots_end;

static void slots_free(void *p)
{
	OPENSSL_cleanse(p, SLOTS * sizeof *slots);
	free(p);
}

static void watch_threads(void) { (void)pthread_key_create(&slots_end, slots_free); }

/* NULL: no memory; then keys are derived each time. */
static struct key_slot *slots_make(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	ASSERT(slots == NULL);
	(void)pthread_once(&once, watch_threads);
	struct key_slot *made = calloc(SLOTS, sizeof *made);
	if (made != NULL && pthread_setspecific(slots_end, made) != 0) {
		free(made);
		made = NULL;
	}
	return made;
}

void sig_hex(const unsigned char in[32], char out[64])
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < 32; i++) {
		out[2 * i] = digits[in[i] >> 4];
		out[2 * i + 1] = digits[in[i] & 15];
	}
}

void sig_sha256(const void *p, size_t n, unsigned char out[32])
{
	SHA256_CTX c;
	SHA256_Init(&c);
	SHA256_Update(&c, p, n);
	SHA256_Final(out, &c);
}

/* RFC 2104: the padded key goes first into both hashes, so their states can be kept and copied. */
void hmac_key_init(struct hmac_key *k, const void *secret, size_t n)
{
	ASSERT(n == 0 || secret != NULL);
	unsigned char pad[64] = {0};
	if (n > sizeof pad)
		sig_sha256(secret, n, pad);
	else if (n > 0)
		memcpy(pad, secret, n);
	for (size_t i = 0; i < sizeof pad; i++)
		pad[i] ^= 0x36;
	SHA256_Init(&k->inner);
	SHA256_Update(&k->inner, pad, sizeof pad);
	for (size_t i = 0; i < sizeof pad; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	SHA256_Init(&k->outer);
	SHA256_Update(&k->outer, pad, sizeof pad);
}

void hmac_finish(const struct hmac_key *k, const void *message, size_t n, unsigned char out[32])
{
	SHA256_CTX c = k->inner;
	SHA256_Update(&c, message, n);
	SHA256_Final(out, &c);
	c = k->outer;
	SHA256_Update(&c, out, 32);
	SHA256_Final(out, &c);
}

static void hmac_once(const void *secret, size_t secret_n, struct str message, unsigned char out[32])
{
	struct hmac_key k;
	hmac_key_init(&k, secret, secret_n);
	hmac_finish(&k, message.p, message.n, out);
}

/* Four HMACs, each the key of the next: date, region, service, terminator. */
static void derive(struct str secret, const struct sig_claim *c, struct hmac_key *key, unsigned char raw[32])
{
	ASSERT(secret.n > 0 && c->date.p != NULL && c->service.p != NULL);
	char first[4 + 256];
	ASSERT(secret.n <= sizeof first - 4);
	memcpy(first, "AWS4", 4);
	memcpy(first + 4, secret.p, secret.n);
	hmac_once(first, 4 + secret.n, c->date, raw);
	hmac_once(raw, 32, c->region, raw);
	hmac_once(raw, 32, c->service, raw);
	hmac_once(raw, 32, S("aws4_request"), raw);
	hmac_key_init(key, raw, 32);
}

/* The newline keeps ("ab", "c") from being ("a", "bc"); none of the parts can hold one. */
static bool id_add(char id[ID_MAX], size_t *n, struct str part)
{
	ASSERT(*n <= ID_MAX);
	if (part.n + 1 > ID_MAX - *n)
		return false;
	memcpy(id + *n, part.p, part.n);
	id[*n + part.n] = '\n';
	*n += part.n + 1;
	return true;
}

const struct hmac_key *signing_key(struct str secret, const struct sig_claim *c, struct hmac_key *spare,
                                   unsigned char raw[32])
{
	ASSERT(secret.n > 0 && secret.n <= 256);
	char id[ID_MAX];
	size_t n = 0;
	bool fits = id_add(id, &n, secret) && id_add(id, &n, c->date) && id_add(id, &n, c->region) && id_add(id, &n, c->service);
	if (slots == NULL)
		slots = slots_make();
	if (!fits || slots == NULL) {
		derive(secret, c, spare, raw);
		return spare;
	}
	uint64_t hash = str_hash(str_of(id, n));
	struct key_slot *slot = &slots[hash % SLOTS];
	if (slot->hash != hash || slot->id_n != n || memcmp(slot->id, id, n) != 0) {
		derive(secret, c, &slot->key, slot->raw);
		memcpy(slot->id, id, n);
		slot->id_n = n;
		slot->hash = hash;
	}
	ASSERT(slot->id_n == n && n <= ID_MAX);
	memcpy(raw, slot->raw, 32);
	return &slot->key;
}

/* ---- chunks ---- */

static bool chunk_check(struct sig_chunks *c, struct str head, struct str empty_line, struct str hash, struct str signature)
{
	ASSERT(hash.n == 64 && head.n > 0);
	ASSERT(c->previous[64] == '\0' && c->scope_and_date[0] != '\0'); /* sig_verify has filled it */
	char text[1024];
	size_t n = 0;
	struct str scope = str_c(c->scope_and_date), previous = str_of(c->previous, 64);
	const struct str parts[] = {head, scope, S("\n"), previous, S("\n"), empty_line, hash};
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		ASSERT(parts[i].n <= sizeof text - n);
		if (parts[i].n > 0)
			memcpy(text + n, parts[i].p, parts[i].n);
		n += parts[i].n;
	}
	struct hmac_key k;
	unsigned char mac[32];
	char hex[64];
	hmac_key_init(&k, c->key, sizeof c->key);
	hmac_finish(&k, text, n, mac);
	sig_hex(mac, hex);
	if (!secret_eq(str_of(hex, 64), signature))
		return false;
	memcpy(c->previous, hex, 64);
	return true;
}

bool sig_chunk_verify(struct sig_chunks *c, struct str chunk_sha256_hex, struct str signature_hex)
{
	if (chunk_sha256_hex.n != 64)
		return false;
	return chunk_check(c, S("AWS4-HMAC-SHA256-PAYLOAD\n"), S(HEX_SHA256_EMPTY "\n"), chunk_sha256_hex, signature_hex);
}

bool sig_trailer_verify(struct sig_chunks *c, struct str trailers_canonical, struct str signature_hex)
{
	unsigned char digest[32];
	char hex[64];
	sig_sha256(trailers_canonical.p, trailers_canonical.n, digest);
	sig_hex(digest, hex);
	return chunk_check(c, S("AWS4-HMAC-SHA256-TRAILER\n"), STR_NONE, str_of(hex, 64), signature_hex);
}
