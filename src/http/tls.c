/* The local certificate authority and the context every TLS session starts from: see tls.h.
 *
 * What always holds: a key is on disk before the certificate that names it; files appear whole (written aside, synced,
 * renamed); keys are readable by the owner only. All leaves share one key. A client that asks (SNI) for a name below
 * localhost or the base name which the server's certificate does not cover gets one made for it, kept in memory:
 * a wildcard covers a single label, AWS's names (bucket.s3.region...) have several. */
#include "http/tls_ctx.h"

#include "base/map.h"
#include "http/cert.h"
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

enum { TLS_MAGIC = 0x544c5331, MINTED_MAX = 512, PEM_MAX = 64 * 1024, NAME_MAX_BYTES = 253 };

struct http_tls {
	unsigned magic;
	SSL_CTX *ctx;
	struct arena *arena; /* base_name, ca_pem and the minted names */
	struct str dir, base_name, ca_pem;
	EVP_PKEY *ca_key, *key;
	X509 *ca, *cert;
	struct map minted; /* name to X509 */
	uv_mutex_t lock;   /* held while loading; what is loaded does not change */
	bool loaded;
	const char *bad; /* why loading failed; it is not tried again */
};

/* --- files --- */

static const char *path_of(struct http_tls *t, const char *name)
{
	return arena_printf(t->arena, "%.*s/%s", STR_ARG(t->dir), name).p;
}

/* The file's text in the arena; absent when it cannot be read or is absurdly large. */
static struct str read_file(struct http_tls *t, const char *name)
{
	int fd = os.open(path_of(t, name), O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return STR_NONE;
	char *p = arena_bytes(t->arena, PEM_MAX);
	ssize_t n = os.pread(fd, p, PEM_MAX, 0);
	close(fd);
	return n <= 0 || n == PEM_MAX ? STR_NONE : str_of(p, (size_t)n);
}

static bool write_file(struct http_tls *t, const char *name, mode_t mode, BIO *pem)
{
	char *p = NULL;
	long n = BIO_get_mem_data(pem, &p);
	const char *path = path_of(t, name), *aside = arena_printf(t->arena, "%s.new", path).p;
	(void)os.unlink(aside);
	int fd = os.open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return false;
	bool ok = n > 0 && os.pwrite(fd, p, (size_t)n, 0) == n && os.datasync(fd) == 0;
	ok = close(fd) == 0 && ok;
	return ok && os.rename(aside, path) == 0 && os.sync_dir(arena_cstr(t->arena, t->dir)) == 0;
}

static bool save_key(struct http_tls *t, const char *name, EVP_PKEY *key)
{
	BIO *b = BIO_new(BIO_s_mem());
	bool ok = b != NULL && PEM_write_bio_PrivateKey(b, key, NULL, NULL, 0, NULL, NULL) == 1 &&
	          write_file(t, name, 0600, b);
	BIO_free(b);
	return ok;
}

static bool save_cert(struct http_tls *t, const char *name, X509 *x)
{
	BIO *b = BIO_new(BIO_s_mem());
	bool ok = b != NULL && PEM_write_bio_X509(b, x) == 1 && write_file(t, name, 0644, b);
	BIO_free(b);
	return ok;
}

static EVP_PKEY *load_key(struct http_tls *t, const char *name)
{
	struct str pem = read_file(t, name);
	if (!str_present(pem))
		return NULL;
	BIO *b = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);
	BIO_free(b);
	OPENSSL_cleanse((char *)(uintptr_t)pem.p, pem.n);
	return key;
}

static X509 *load_cert(struct http_tls *t, const char *name)
{
	struct str pem = read_file(t, name);
	if (!str_present(pem))
		return NULL;
	BIO *b = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);
	BIO_free(b);
	return x;
}

/* --- the authority and the server's certificate: loaded, or made --- */

static const char *open_authority(struct http_tls *t)
{
	t->ca_key = load_key(t, "ca.key");
	t->ca = load_cert(t, "ca.pem");
	if (t->ca_key != NULL && t->ca != NULL && X509_check_private_key(t->ca, t->ca_key) == 1 && cert_fresh(t->ca))
		return NULL;
	EVP_PKEY_free(t->ca_key);
	X509_free(t->ca);
	t->ca_key = cert_make_key();
	t->ca = t->ca_key != NULL ? cert_make_authority(t->ca_key) : NULL;
	if (t->ca == NULL)
		return "cannot make the certificate authority";
	if (!save_key(t, "ca.key", t->ca_key) || !save_cert(t, "ca.pem", t->ca))
		return "cannot write the certificate authority";
	return NULL;
}

static const char *open_server_cert(struct http_tls *t)
{
	struct str names[] = {S("localhost"), S("*.localhost"), t->base_name,
	                      arena_join(t->arena, S("*."), t->base_name), S("127.0.0.1"), S("::1")};
	t->key = load_key(t, "server.key");
	t->cert = load_cert(t, "server.pem");
	if (t->key != NULL && t->cert != NULL && X509_check_private_key(t->cert, t->key) == 1 && cert_fresh(t->cert) &&
	    X509_verify(t->cert, t->ca_key) == 1 && cert_covers(t->cert, t->base_name))
		return NULL;
	EVP_PKEY_free(t->key);
	X509_free(t->cert);
	t->key = cert_make_key();
	t->cert = t->key != NULL ? cert_make_leaf(t->ca, t->ca_key, t->key, names, COUNT_OF(names)) : NULL;
	if (t->cert == NULL)
		return "cannot make the server's certificate";
	if (!save_key(t, "server.key", t->key) || !save_cert(t, "server.pem", t->cert))
		return "cannot write the server's certificate";
	return NULL;
}

/* --- names asked for --- */

static bool below(struct str name, struct str base)
{
	ASSERT(base.n > 0);
	return name.n > base.n + 1 && name.p[name.n - base.n - 1] == '.' &&
	       str_eq_nocase(str_slice(name, name.n - base.n, name.n), base);
}

static bool plain_name(struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'))
			return false;
	}
	return name.n > 0 && name.n <= NAME_MAX_BYTES;
}

/* The certificate for a name, made when it is new; the server's own where that covers it or may not be replaced. */
static X509 *cert_for(struct http_tls *t, struct str name)
{
	if (!plain_name(name) || (!below(name, S("localhost")) && !below(name, t->base_name)) || cert_covers(t->cert, name))
		return t->cert;
	X509 *x = map_get(&t->minted, name);
	if (x != NULL || map_count(&t->minted) >= MINTED_MAX)
		return x != NULL ? x : t->cert;
	struct str kept = arena_dup(t->arena, name);
	x = cert_make_leaf(t->ca, t->ca_key, t->key, &kept, 1);
	if (x == NULL)
		return t->cert;
	map_put(&t->minted, kept, x);
	return x;
}

static int on_cert(SSL *ssl, void *arg)
{
	struct http_tls *t = arg;
	CHECK_MAGIC(t, TLS_MAGIC);
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	if (name == NULL)
		return 1;
	X509 *x = cert_for(t, str_c(name));
	ERR_clear_error();
	if (x == t->cert)
		return 1;
	return SSL_use_cert_and_key(ssl, x, t->key, NULL, 1);
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in, unsigned in_n,
                   void *arg)
{
	static const unsigned char ours[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_n, ours, sizeof ours, in, in_n) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	return SSL_TLSEXT_ERR_OK;
}

static const char *open_context(struct http_tls *t)
{
	t->ctx = SSL_CTX_new(TLS_server_method());
	if (t->ctx == NULL)
		return "cannot make a TLS context";
	SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(t->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(t->ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_id_context(t->ctx, (const unsigned char *)"tsubo", 5);
	SSL_CTX_set_cert_cb(t->ctx, on_cert, t);
	SSL_CTX_set_alpn_select_cb(t->ctx, on_alpn, NULL);
	if (SSL_CTX_use_certificate(t->ctx, t->cert) != 1 || SSL_CTX_use_PrivateKey(t->ctx, t->key) != 1)
		return "the server's certificate and key do not fit";
	return NULL;
}

static const char *keep_pem(struct http_tls *t)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *p = NULL;
	if (b == NULL || PEM_write_bio_X509(b, t->ca) != 1) {
		BIO_free(b);
		return "out of memory";
	}
	long n = BIO_get_mem_data(b, &p);
	t->ca_pem = arena_dup(t->arena, str_of(p, (size_t)n));
	BIO_free(b);
	return NULL;
}

/* Keys and certificates from the files, made where they are missing, broken or old; then the context. 5 to 10 ms, most
 * of it OpenSSL's: so not before it is needed. */
static const char *load(struct http_tls *t)
{
	uv_mutex_lock(&t->lock);
	if (!t->loaded) {
		t->bad = open_authority(t);
		t->bad = t->bad != NULL ? t->bad : open_server_cert(t);
		t->bad = t->bad != NULL ? t->bad : open_context(t);
		t->bad = t->bad != NULL ? t->bad : keep_pem(t);
		t->loaded = true;
		ERR_clear_error();
	}
	uv_mutex_unlock(&t->lock);
	return t->bad;
}

struct http_tls *tls_open(const char *dir, const char *base_name, char **why)
{
	struct http_tls *t = calloc(1, sizeof *t);
	if (t == NULL || uv_mutex_init(&t->lock) != 0)
		die("out of memory");
	t->magic = TLS_MAGIC;
	t->arena = arena_new(0);
	t->dir = arena_dup(t->arena, str_c(dir));
	t->base_name = arena_dup(t->arena, base_name != NULL && *base_name != '\0' ? str_c(base_name) : S("localhost"));
	map_init(&t->minted, NULL);
	errno = 0;
	if (mkdir(dir, 0700) == 0 || errno == EEXIST)
		return t;
	if (asprintf(why, "cannot make the directory %s: %s", dir, strerror(errno)) < 0)
		die("out of memory");
	tls_close(t);
	return NULL;
}

bool tls_warm(struct http_tls *t)
{
	CHECK_MAGIC(t, TLS_MAGIC);
	return load(t) == NULL;
}

struct ssl_ctx_st *tls_ctx(struct http_tls *t)
{
	CHECK_MAGIC(t, TLS_MAGIC);
	return load(t) == NULL ? t->ctx : NULL;
}

void tls_close(struct http_tls *t)
{
	if (t == NULL)
		return;
	CHECK_MAGIC(t, TLS_MAGIC);
	size_t at = 0;
	struct map_entry *e;
	while ((e = map_next(&t->minted, &at)) != NULL)
		X509_free(e->value);
	map_free(&t->minted);
	SSL_CTX_free(t->ctx);
	X509_free(t->cert);
	X509_free(t->ca);
	EVP_PKEY_free(t->key);
	EVP_PKEY_free(t->ca_key);
	arena_free(t->arena);
	uv_mutex_destroy(&t->lock);
	t->magic = 0;
	free(t);
}

struct str tls_ca_pem(struct http_tls *t, struct arena *a)
{
	CHECK_MAGIC(t, TLS_MAGIC);
	return load(t) == NULL ? arena_dup(a, t->ca_pem) : STR_NONE;
}
