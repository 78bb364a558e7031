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

enum { KEY_BITS = 2048, WAIT_MS = 60 * 1000 };

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
	struct str tag;        /* what the texts are, for the handler's next run */
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

static void work_run(void *arg)
{
	struct work *w = arg;
	EVP_PKEY *key = str_present(w->key) ? read_key(w->key) : make_key(w);
	struct json *out = json_new_object(w->arena), *list = json_new_array(w->arena);
	bool ok = key != NULL && str_present(w->cert);
	for (size_t i = 0; i < w->n && ok; i++) {
		struct str s = sign_one(w, key, w->texts[i]);
		ok = str_present(s);
		json_push(w->arena, list, json_new_str(w->arena, s));
	}
	EVP_PKEY_free(key);
	json_set_str(w->arena, out, "key", w->key);
	json_set_str(w->arena, out, "cert", w->cert);
	json_set_str(w->arena, out, "tag", w->tag);
	json_set(w->arena, out, S("signatures"), list);
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
	*w = (struct work){.arena = a, .ticket = t, .key = arena_dup(a, given->key), .cert = arena_dup(a, given->cert), .tag = arena_dup(a, given->tag),
		.texts = texts, .n = given->n, .sha256 = given->sha256};
	worker_run(work_run, work_done, w);
}

/* ---- in a call ---- */

static struct str tag_of(struct call *c, const struct signing *s)
{
	struct str all = arena_concat(c->arena, s->texts, s->n);
	return arena_join(c->arena, s->sha256 ? S("2 ") : S("1 "), sha256_hex(c->arena, all));
}

static const struct answer *ask(struct call *c, const struct signing *s, struct str tag)
{
	struct arena *keep = call_keep(c);
	struct work *w = arena_new_of(keep, struct work);
	struct str *texts = arena_array(keep, struct str, s->n), key = stored(c, "key"), cert = stored(c, "cert");
	ASSERT(str_present(key) == str_present(cert));
	for (size_t i = 0; i < s->n; i++)
		texts[i] = arena_dup(keep, s->texts[i]);
	*w = (struct work){.key = arena_dup(keep, key), .cert = arena_dup(keep, cert), .tag = arena_dup(keep, tag), .texts = texts, .n = s->n,
		.sha256 = s->sha256};
	return call_await(c, work_start, &w, sizeof w, c->started_ms + WAIT_MS);
}

const struct str *sign_await(struct call *c, const struct signing *s)
{
	enum { TRIES = 8 }; /* each more only when what is to be signed changed while the worker was at it */
	struct str tag = tag_of(c, s);
	ASSERT(s->n > 0);
	for (int i = 0; i < TRIES; i++) {
		const struct answer *a = ask(c, s, tag);
		if (a == NULL)
			return NULL;
		const struct json *j = a->ok ? json_parse(c->arena, a->bytes, NULL) : NULL, *list = json_get(j, S("signatures"));
		struct str key = stored(c, "key");
		if (j == NULL || !str_eq(json_get_str(j, "tag"), tag) || (str_present(key) && !str_eq(json_get_str(j, "key"), key)))
			continue;
		if (!str_present(key)) {
			txn_put(c->txn, key_bytes(server_key(c, "key")), json_get_str(j, "key"));
			txn_put(c->txn, key_bytes(server_key(c, "cert")), json_get_str(j, "cert"));
		}
		ASSERT(list != NULL && list->n == s->n);
		struct str *out = arena_array(c->arena, struct str, s->n);
		for (size_t k = 0; k < s->n; k++)
			out[k] = json_str(json_at(list, k));
		return out;
	}
	call_fail_code(c, 500, "InternalError", "The notification could not be signed");
	return NULL;
}
