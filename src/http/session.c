/* TLS of one connection over OpenSSL's memory BIOs. See session.h.
 *
 * What always holds: the SSL owns both BIOs; OpenSSL's error queue is empty when a function returns. */
#include "http/session.h"

#include "http/tls_ctx.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

struct session {
	SSL *ssl;
	BIO *in, *out;
};

struct session *session_new(struct http_tls *t)
{
	ASSERT(t != NULL);
	SSL_CTX *ctx = tls_ctx(t);
	if (ctx == NULL)
		return NULL;
	struct session *s = calloc(1, sizeof *s);
	if (s == NULL)
		die("out of memory");
	s->ssl = SSL_new(ctx);
	s->in = BIO_new(BIO_s_mem());
	s->out = BIO_new(BIO_s_mem());
	if (s->ssl == NULL || s->in == NULL || s->out == NULL)
		die("out of memory (TLS)");
	BIO_set_mem_eof_return(s->in, -1);
	BIO_set_mem_eof_return(s->out, -1);
	SSL_set_bio(s->ssl, s->in, s->out);
	SSL_set_accept_state(s->ssl);
	return s;
}

void session_free(struct session *s)
{
	if (s == NULL)
		return;
	SSL_free(s->ssl);
	free(s);
}

void session_feed(struct session *s, struct str sealed)
{
	ASSERT(sealed.n <= INT_MAX);
	if (BIO_write(s->in, sealed.p, (int)sealed.n) != (int)sealed.n)
		die("out of memory (TLS)");
}

ssize_t session_read(struct session *s, char *p, size_t n)
{
	ASSERT(n > 0 && n <= INT_MAX);
	int got = SSL_read(s->ssl, p, (int)n);
	if (got > 0)
		return got;
	int why = SSL_get_error(s->ssl, got);
	ERR_clear_error();
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return 0;
	return why == SSL_ERROR_ZERO_RETURN ? -2 : -1;
}

const char *session_version(const struct session *s) { return SSL_get_version(s->ssl); }
const char *session_cipher(const struct session *s) { return SSL_get_cipher_name(s->ssl); }

bool session_write(struct session *s, struct str plain)
{
	ASSERT(plain.n > 0 && plain.n <= 1024 * 1024);
	int put = SSL_write(s->ssl, plain.p, (int)plain.n);
	ERR_clear_error();
	return put == (int)plain.n;
}

struct str session_output(struct session *s)
{
	ASSERT(s != NULL && s->out != NULL);
	char *p = NULL;
	long n = BIO_get_mem_data(s->out, &p);
	return str_of(p, n > 0 ? (size_t)n : 0);
}

void session_sent(struct session *s) { (void)BIO_reset(s->out); }

void session_bye(struct session *s)
{
	if (SSL_is_init_finished(s->ssl))
		(void)SSL_shutdown(s->ssl);
	ERR_clear_error();
}
