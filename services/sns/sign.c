/* Signatures of notifications: RSA with SHA1 (SignatureVersion 1) or SHA256 (2), under one key of this server.
 *
 * A signature takes more than a millisecond, so they are made on the worker pool, several at a time; the first trip makes the key.
 * What always holds: the key in the store is the one that every notification sent was signed with.
 * Source: "Verifying the signatures of Amazon SNS messages" (SNS Developer Guide). */
#include "sns.h"

#include "base/enc.h"
#include "http/cert.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

enum { KEY_BITS = 2048 };

static struct key *server_key(struct call *c, const char *name)
{
	struct key *k = arena_new_of(c->arena, struct key);
	*k = key_new(c->arena);
	return key_str(key_str(key_str(key_str(k, S("sns")), S("")), S("")), str_c(name));
}

static struct str stored(struct call *c, const char *name)
{
	struct str value;
	return txn_get(c->txn, key_bytes(server_key(c, name)), c->arena, &value) ? value : STR_NONE;
}

struct str signing_cert(struct call *c) { return stored(c, "cert"); }

struct str signing_cert_url(struct call *c)
{
	struct str digest = sha256_hex(c->arena, signing_cert(c));
	return arena_printf(c->arena, "http://localhost:%d/_aws/sns/SimpleNotificationService-%.*s.pem", service_config()->port, 32, digest.p);
}

/* ---- on a worker ---- */

struct work {
	struct arena *arena;   /* w lives in it */
	struct ticket ticket;
	struct str key, cert;  /* PEM; absent: to be made */
	const struct str *texts;
	size_t n;
	bool sha256;
	struct str result;     /* JSON; absent: it failed */
};

static struct str pem_of(struct arena *a, BIO *bio)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);
	return n > 0 ? arena_dup(a, str_of(p, (size_t)n)) : STR_NONE;
}

static EVP_PKEY *make_key(struct work *w)
{
	EVP_PKEY *key = EVP_RSA_gen(KEY_BITS);
	X509 *x = key != NULL ? cert_make_authority(key) : NULL;
	BIO *k = BIO_new(BIO_s_mem()), *b = BIO_new(BIO_s_mem());
	if (x != NULL && k != NULL && b != NULL && PEM_write_bio_PrivateKey(k, key, NULL, NULL, 0, NULL, NULL) == 1 && PEM_write_bio_X509(b, x) == 1) {
		w->key = pem_of(w->arena, k);
		w->cert = pem_of(w->arena, b);
	}
	BIO_free(k);
	BIO_free(b);
	X509_free(x);
	return key;
}

static EVP_PKEY *read_key(struct str pem)
{
	BIO *b = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key = b != NULL ? PEM_read_bio_PrivateKey(b, NULL, NULL, NULL) : NULL;
	BIO_free(b);
	return key;
}

static struct str sign_one(struct work *w, EVP_PKEY *key, struct str text)
{
	unsigned char out[KEY_BITS / 8];
	size_t n = sizeof out;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && EVP_DigestSignInit(ctx, NULL, w->sha256 ? EVP_sha256() : EVP_sha1(), NULL, key) == 1 &&
	          EVP_DigestSign(ctx, out, &n, (const unsigned char *)text.p, text.n) == 1;
	EVP_MD_CTX_free(ctx);
	return ok ? base64_encode(w->arena, str_of((const char *)out, n)) : STR_NONE;
}

/* What a signature is kept under. */
static struct str name_of(struct arena *a, struct str text, bool is_sha256)
{
	return arena_join(a, is_sha256 ? S("2 ") : S("1 "), sha256_hex(a, text));
}

static void work_run(void *arg)
{
	struct work *w = arg;
	EVP_PKEY *key = str_present(w->key) ? read_key(w->key) : make_key(w);
	struct json *out = json_new_object(w->arena), *all = json_new_object(w->arena);
	bool ok = key != NULL && str_present(w->cert);
	for (size_t i = 0; i < w->n && ok; i++) {
		struct str s = sign_one(w, key, w->texts[i]);
		ok = str_present(s);
		json_set(w->arena, all, name_of(w->arena, w->texts[i], w->sha256), json_new_str(w->arena, s));
	}
	EVP_PKEY_free(key);
	json_set_str(w->arena, out, "key", w->key);
	json_set_str(w->arena, out, "cert", w->cert);
	json_set(w->arena, out, S("signatures"), all);
	w->result = ok ? json_text(w->arena, out) : STR_NONE;
}

static void work_done(void *arg)
{
	struct work *w = arg;
	struct answer a = {.ok = str_present(w->result), .bytes = w->result};
	ticket_answer(w->ticket, &a);
	arena_free(w->arena);
}

static void work_start(struct ticket t, void *arg)
{
	const struct work *given = *(struct work *const *)arg;
	struct arena *a = arena_new(0);
	struct work *w = arena_new_of(a, struct work);
	struct str *texts = arena_array(a, struct str, given->n);
	for (size_t i = 0; i < given->n; i++)
		texts[i] = arena_dup(a, given->texts[i]);
	*w = (struct work){.arena = a, .ticket = t, .key = arena_dup(a, given->key), .cert = arena_dup(a, given->cert),
		.texts = texts, .n = given->n, .sha256 = given->sha256};
	worker_run(work_run, work_done, w);
}

/* ---- in a call ---- */

static const struct answer *ask(struct call *c, const struct str *wanted, size_t n, bool is_sha256)
{
	struct arena *keep = call_keep(c);
	struct work *w = arena_new_of(keep, struct work);
	struct str *texts = arena_array(keep, struct str, n), key = stored(c, "key"), cert = stored(c, "cert");
	ASSERT(n > 0 && str_present(key) == str_present(cert));
	for (size_t i = 0; i < n; i++)
		texts[i] = arena_dup(keep, wanted[i]);
	*w = (struct work){.key = arena_dup(keep, key), .cert = arena_dup(keep, cert), .texts = texts, .n = n, .sha256 = is_sha256};
	return call_await(c, work_start, &w, sizeof w, INT64_MAX);
}

/* Take what an answer has signed, when it did so with the key that is the server's now. */
static void take(struct call *c, const struct signing *s, const struct answer *a, struct str *out)
{
	const struct json *j = a->ok ? json_parse(c->arena, a->bytes, NULL) : NULL, *all = json_get(j, S("signatures"));
	struct str key = stored(c, "key");
	if (j == NULL || (str_present(key) && !str_eq(json_get_str(j, "key"), key)))
		return;
	if (!str_present(key)) {
		txn_put(c->txn, key_bytes(server_key(c, "key")), json_get_str(j, "key"));
		txn_put(c->txn, key_bytes(server_key(c, "cert")), json_get_str(j, "cert"));
	}
	ASSERT(json_is(all, JSON_OBJECT));
	for (size_t i = 0; i < s->n; i++) {
		struct str signature = json_str(json_get(all, name_of(c->arena, s->texts[i], s->sha256)));
		if (str_present(signature))
			out[i] = signature;
	}
}

/* What is to be signed may grow while the worker is at it: then it is asked again, for what is new. */
const struct str *sign_await(struct call *c, const struct signing *s)
{
	enum { TRIES = 128 }; /* each brings at least one of a round's texts */
	struct str *out = arena_array(c->arena, struct str, s->n), *missing = arena_array(c->arena, struct str, s->n);
	ASSERT(s->n > 0);
	for (int i = 0; i <= TRIES; i++) {
		size_t n = 0;
		for (size_t k = 0; k < s->n; k++)
			if (!str_present(out[k]))
				missing[n++] = s->texts[k];
		if (n == 0)
			return out;
		const struct answer *a = ask(c, missing, n, s->sha256);
		if (a == NULL)
			return NULL;
		take(c, s, a, out);
	}
	call_fail_code(c, 500, "InternalError", "The notification could not be signed");
	return NULL;
}
