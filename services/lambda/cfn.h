/* What the CloudFormation types of this service share. */
#ifndef TSUBO_LAMBDA_CFN_H
#define TSUBO_LAMBDA_CFN_H

#include "lambda.h"

/* Invoke an operation of this service. CFN_DONE with *out, or what to return. */
enum cfn_status cfn_ask(struct cfn_resource *r, const char *op, const struct json *in, struct json **out);
/* The same for removing: what is gone already is done. */
enum cfn_status cfn_ask_gone(struct cfn_resource *r, const char *op, const struct json *in);
/* Text where numbers and truth values belong becomes those. */
void cfn_proper(struct arena *a, struct json *j);
/* The named members copied as they are. */
struct json *cfn_copy(struct cfn_resource *r, const char *const *names);
struct str cfn_text(struct cfn_resource *r, const char *name); /* absent when it is not there */
bool cfn_changed(struct cfn_resource *r, const char *name);

enum cfn_status cfn_function_create(struct cfn_resource *r);
enum cfn_status cfn_function_update(struct cfn_resource *r);
enum cfn_status cfn_function_remove(struct cfn_resource *r);

#endif
