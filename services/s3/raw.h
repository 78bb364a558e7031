/* Inside the S3 service: requests that are no operations of the model. */
#ifndef TSUBO_S3_RAW_H
#define TSUBO_S3_RAW_H

#include "s3.h"

bool s3_claims(const struct wire_request *r);
void raw_run(struct call *c);
/* The bucket that host or path names. */
struct str raw_bucket(struct call *c);
/* website.c: answers with a page or an error page. */
void website_run(struct call *c, struct str bucket);
/* post.c: a browser's upload. Fails c as S3 does. */
void form_run(struct call *c, struct str bucket);

#endif
