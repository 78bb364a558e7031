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
/* post_policy.c: does the form, with a file of that many bytes, keep to its policy? Fails c when not. */
struct form_head;
bool form_policy_ok(struct call *c, const struct form_head *f, int64_t length, struct str bucket);

#endif
