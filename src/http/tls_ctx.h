/* What session.c needs of tls.c. */
#ifndef TSUBO_HTTP_TLS_CTX_H
#define TSUBO_HTTP_TLS_CTX_H

#include "http/tls.h"

struct ssl_ctx_st;
/* The server's context; owned by t. */
struct ssl_ctx_st *tls_ctx(struct http_tls *t);

#endif
