/* TLS context with the local certificate authority: see tls.h. */
#include "http/tls_ctx.h"

struct http_tls {
	struct ssl_ctx_st *ctx;
};
struct ssl_ctx_st *tls_ctx(struct http_tls *t) { return t->ctx; }
