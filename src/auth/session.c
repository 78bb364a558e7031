/* Session credentials: sealed tokens (AES-256-GCM) that carry the principal, so that none is looked up.
 *
 * What always holds: a token that opens was issued by this server with its present key, unchanged. The key is set
 * once, before the first request; afterwards it is only read, so any thread may issue and open.
 *
 * Form of a token: base64 of [version 1][12 bytes nonce][sealed CBOR array][16 bytes tag]; the version byte is
 * authenticated too. */
#include "auth/session.h"

#include "base/cbor.h"
#include "base/enc.h"
#include "os/os.h"

#include <openssl/evp.h>

enum { VERSION = 1, NONCE = 12, TAG = 16, HEAD = 1 + NONCE, TOKEN_MAX = 48 << 10 };

static unsigned char sealing_key[32];
static bool key_is_set;

void session_set_key(const unsigned char key[32])
{
	ASSERT(key != NULL);
	memcpy(sealing_key, key, sizeof sealing_key);
	key_is_set = true;
}

/* ---- the principal as CBOR: a fixed array; null for absent strings ---- */

enum { FIELDS = 18 };

static void put_text(struct buf *b, struct str s)
{
	if (str_present(s))
		cbor_bytes(b, s);
	else
		cbor_null(b);
}

static void principal_write(struct buf *b, const struct principal *who, struct str secret)
{
	ASSERT(who->n_tags == 0 || who->tags != NULL);
	cbor_array(b, FIELDS);
	cbor_uint(b, (uint64_t)who->type);
	const struct str texts[] = {
		secret, who->account, who->arn, who->role_arn, who->name, who->user_id, who->access_key, who->session_name,
		who->source_arn, who->source_account, who->session_policy, who->source_identity,
	};
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		put_text(b, texts[i]);
	cbor_int(b, who->token_issued_ms);
	cbor_int(b, who->token_expires_ms);
	cbor_bool(b, who->mfa);
	cbor_uint(b, who->n_tags);
	cbor_array(b, 3 * who->n_tags);
	for (size_t i = 0; i < who->n_tags; i++) {
		put_text(b, who->tags[i].key);
		put_text(b, who->tags[i].value);
		cbor_bool(b, who->tags[i].transitive);
	}
}

static bool read_text(struct cbor_reader *r, struct str *out)
{
	struct cbor_item i = cbor_next(r);
	*out = i.type == CBOR_BYTES ? i.s : STR_NONE;
	return i.type == CBOR_BYTES || i.type == CBOR_NULL;
}

static bool read_int(struct cbor_reader *r, int64_t *out)
{
	struct cbor_item i = cbor_next(r);
	*out = i.type == CBOR_UINT ? (int64_t)i.u : -1 - (int64_t)i.u;
	return i.type == CBOR_UINT || i.type == CBOR_NINT;
}

static bool read_bool(struct cbor_reader *r, bool *out)
{
	struct cbor_item i = cbor_next(r);
	*out = i.type == CBOR_TRUE;
	return i.type == CBOR_TRUE || i.type == CBOR_FALSE;
}

/* The bytes were sealed by principal_write, but perhaps by an older build: read with care all the same. */
static bool principal_read(struct arena *a, struct str cbor, struct principal *who, struct str *secret)
{
	ASSERT(cbor.n > 0);
	struct cbor_reader r = cbor_reader_of(a, cbor);
	struct cbor_item head = cbor_next(&r);
	int64_t type = 0, n_tags = 0;
	*who = (struct principal){0};
	if (head.type != CBOR_ARRAY || head.u != FIELDS || !read_int(&r, &type) || type <= PRINCIPAL_ANONYMOUS || type > PRINCIPAL_SERVICE)
		return false;
	who->type = (enum principal_type)type;
	struct str *texts[] = {
		secret, &who->account, &who->arn, &who->role_arn, &who->name, &who->user_id, &who->access_key, &who->session_name,
		&who->source_arn, &who->source_account, &who->session_policy, &who->source_identity,
	};
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		if (!read_text(&r, texts[i]))
			return false;
	if (!read_int(&r, &who->token_issued_ms) || !read_int(&r, &who->token_expires_ms))
		return false;
	if (!read_bool(&r, &who->mfa) || !read_int(&r, &n_tags) || n_tags < 0 || n_tags > SESSION_TAGS_MAX)
		return false;
	head = cbor_next(&r);
	if (head.type != CBOR_ARRAY || head.u != 3 * (uint64_t)n_tags)
		return false;
	struct param_tag *tags = arena_array(a, struct param_tag, (size_t)n_tags);
	for (int64_t i = 0; i < n_tags; i++)
		if (!read_text(&r, &tags[i].key) || !read_text(&r, &tags[i].value) || !read_bool(&r, &tags[i].transitive))
			return false;
	who->tags = tags;
	who->n_tags = (size_t)n_tags;
	return cbor_next(&r).type == CBOR_END;
}

/* ---- sealing ---- */

static struct str seal(struct arena *a, struct str plain)
{
	ASSERT(key_is_set && plain.n > 0 && plain.n < 1 << 20);
	unsigned char *out = (unsigned char *)arena_bytes(a, HEAD + plain.n + TAG);
	out[0] = VERSION;
	random_bytes(out + 1, NONCE);
	int n = 0, n_last = 0;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	if (ctx == NULL || EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, sealing_key, out + 1) != 1 ||
	    EVP_EncryptUpdate(ctx, NULL, &n, out, 1) != 1 ||
	    EVP_EncryptUpdate(ctx, out + HEAD, &n, (const unsigned char *)plain.p, (int)plain.n) != 1 ||
	    EVP_EncryptFinal_ex(ctx, out + HEAD + n, &n_last) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, out + HEAD + plain.n) != 1)
		die("AES-256-GCM failed");
	EVP_CIPHER_CTX_free(ctx);
	ASSERT((size_t)(n + n_last) == plain.n);
	return str_of((const char *)out, HEAD + plain.n + TAG);
}

static bool unseal(struct arena *a, struct str sealed, struct str *plain)
{
	if (sealed.n <= HEAD + TAG || sealed.p[0] != VERSION)
		return false;
	const unsigned char *in = (const unsigned char *)sealed.p;
	unsigned char tag[TAG];
	ASSERT(sealed.n <= TOKEN_MAX); /* an int holds it */
	size_t size = sealed.n - HEAD - TAG;
	memcpy(tag, in + HEAD + size, TAG);
	unsigned char *out = (unsigned char *)arena_bytes(a, size);
	int n = 0, n_last = 0;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool ok = ctx != NULL && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, sealing_key, in + 1) == 1 &&
	          EVP_DecryptUpdate(ctx, NULL, &n, in, 1) == 1 &&
	          EVP_DecryptUpdate(ctx, out, &n, in + HEAD, (int)size) == 1 &&
	          EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 &&
	          EVP_DecryptFinal_ex(ctx, out + n, &n_last) == 1;
	EVP_CIPHER_CTX_free(ctx);
	ASSERT(!ok || (size_t)(n + n_last) == size);
	*plain = ok ? str_of((const char *)out, size) : STR_NONE; /* nothing of what did not verify gets out */
	return ok;
}

/* ---- access key ids ---- */

/* 16 base-32 digits are 80 bits: the first is set, 40 are the account's number, the rest is chance. */
static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

struct str access_key_make(struct arena *a, const char prefix[4], struct str account)
{
	uint64_t number = 0;
	ASSERT(account.n == 12 && str_to_u64(account, &number));
	uint64_t high = UINT64_C(1) << 47 | number << 7 | (random_u64() & 127); /* 48 bits */
	uint64_t low = random_u64() & 0xffffffff;
	char *id = arena_bytes(a, 20);
	ASSERT(high >> 48 == 0);
	memcpy(id, prefix, 4);
	for (unsigned i = 0; i < 16; i++) {
		unsigned shift = 75 - 5 * i; /* of the digit's lowest bit in 80 */
		uint64_t five = shift >= 32 ? high >> (shift - 32) : high << (32 - shift) | low >> shift;
		id[4 + i] = base32[five & 31];
	}
	return str_of(id, 20);
}

/* The account is a claim like any other until the signature is checked; sts:GetAccessKeyInfo gives it away by
 * design. */
struct str access_key_account(struct arena *a, struct str id)
{
	uint64_t bits = 0;
	if (id.n != 20 || (!str_starts(id, S("AKIA")) && !str_starts(id, S("ASIA"))))
		return STR_NONE;
	for (unsigned i = 0; i < 10; i++) { /* 50 bits: all that matters is in the first 48 */
		const char *at = memchr(base32, id.p[4 + i], 32);
		if (at == NULL)
			return STR_NONE;
		bits = bits << 5 | (uint64_t)(at - base32);
	}
	uint64_t number = bits >> 2 >> 7 & 0xffffffffff;
	return number <= UINT64_C(999999999999) ? arena_printf(a, "%012llu", (unsigned long long)number) : STR_NONE;
}

bool session_fits(const struct principal *who)
{
	size_t bytes = who->session_policy.n;
	for (size_t i = 0; i < who->n_tags && i < SESSION_TAGS_MAX; i++)
		bytes += who->tags[i].key.n + who->tags[i].value.n;
	return who->n_tags <= SESSION_TAGS_MAX && bytes <= SESSION_TEXT_MAX;
}

struct session session_issue(struct arena *a, const struct principal *who, int64_t now_ms, int64_t expires_ms)
{
	ASSERT(key_is_set);
	ASSERT(expires_ms > now_ms && session_fits(who));
	ASSERT(who->account.n == 12 && str_present(who->arn));
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *secret = arena_bytes(a, 40);
	unsigned char dice[40];
	random_bytes(dice, sizeof dice);
	for (size_t i = 0; i < sizeof dice; i++)
		secret[i] = alphabet[dice[i] & 63];
	struct principal p = *who;
	p.access_key = access_key_make(a, "ASIA", who->account);
	p.token_issued_ms = now_ms;
	p.token_expires_ms = expires_ms;
	struct buf b;
	buf_init(&b, a, 0);
	principal_write(&b, &p, str_of(secret, 40));
	struct session s = {.access_key = p.access_key, .secret = str_of(secret, 40), .expires_ms = expires_ms};
	s.token = base64_encode(a, seal(a, buf_view(&b)));
	ASSERT(s.token.n <= TOKEN_MAX); /* or nobody could use it */
	return s;
}

bool session_open(struct arena *a, struct str token, struct principal *who, struct str *secret)
{
	ASSERT(key_is_set);
	if (token.n == 0 || token.n > TOKEN_MAX)
		return false;
	ASSERT(who != NULL && secret != NULL);
	struct str sealed = base64_decode(a, token), plain;
	if (!str_present(sealed) || !unseal(a, sealed, &plain))
		return false;
	return principal_read(a, plain, who, secret);
}
