/* Lambda authorizers of the data plane. */
#ifndef TSUBO_APIGW_AUTHORIZER_H
#define TSUBO_APIGW_AUTHORIZER_H

#include "serve.h"

/* May the caller call the method, says the method's authorizer. false: answered or parked. */
bool admit_by_authorizer(struct exchange *x, struct str method_arn);
/* After the commit: forget the kept answers of a stage. */
void authorizer_cache_flush(struct call *c, struct str api, struct str stage);

#endif
