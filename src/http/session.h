/* TLS of one connection, over memory: sealed bytes in, plain bytes out, and back. For the HTTP server only.
 *
 * No socket and no loop here. Errors are final for the session. */
#ifndef TSUBO_HTTP_SESSION_H
#define TSUBO_HTTP_SESSION_H

#include "base/str.h"
#include "http/tls.h"

#include <sys/types.h>

struct session;

/* NULL when the certificates cannot be loaded. */
struct session *session_new(struct http_tls *t);
void session_free(struct session *s);
/* Bytes that came from the peer. */
void session_feed(struct session *s, struct str sealed);
/* Plain bytes into p: their number; 0: more must be fed; -1: broken; -2: the peer closed. May produce output. */
ssize_t session_read(struct session *s, char *p, size_t n);
/* Seal plain bytes; false when the session is broken. n up to 1 MiB at a time. */
bool session_write(struct session *s, struct str plain);
/* What is to be sent; valid until the next call. session_sent empties it. */
struct str session_output(struct session *s);
void session_sent(struct session *s);
/* "TLSv1.3", and the cipher by OpenSSL's name; once the handshake is over. Static. */
const char *session_version(const struct session *s);
const char *session_cipher(const struct session *s);
/* Append the closing alert to the output. */
void session_bye(struct session *s);

#endif
