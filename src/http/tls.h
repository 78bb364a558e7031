/* TLS with a local certificate authority made at first start (OpenSSL 3).
 *
 * data/tls/ holds ca.pem, ca.key (mode 600), server.pem, server.key. The server certificate names localhost,
 * *.localhost, 127.0.0.1, ::1 and the AWS-like names under the configured base name; it is made again when it is
 * near its end. Other names below localhost and the base name get a certificate of their own when a client asks for
 * them (SNI). Opening only makes the directory: keys and certificates are made (20 ms and some syncs) or loaded (5 to
 * 10 ms) by tls_warm, else by the first client that speaks TLS. */
#ifndef TSUBO_TLS_H
#define TSUBO_TLS_H

#include "base/arena.h"

struct http_tls;
/* NULL with heap text in *why. */
struct http_tls *tls_open(const char *dir, const char *base_name, char **why);
void tls_close(struct http_tls *t);
/* Load now what the first client would have to wait for (5 to 10 ms): from any thread. False when it cannot be. */
bool tls_warm(struct http_tls *t);
/* The CA certificate in PEM; absent when it cannot be loaded. */
struct str tls_ca_pem(struct http_tls *t, struct arena *a);

#endif
