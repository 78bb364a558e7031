/* What the files of the CloudFormation types share. */
#ifndef TSUBO_APIGW_CFN_INTERNAL_H
#define TSUBO_APIGW_CFN_INTERNAL_H

#include "apigw.h"
#include "svc/cfn.h"

/* ---- cfn.c ---- */
struct invoked cfn_ask(struct cfn_resource *r, const char *op, const struct json *in); /* an operation of this service */
struct json *cfn_object1(struct cfn_resource *r, struct str key, struct str value);
/* A copy with the first letters of all names small: template words to the service's. */
struct json *cfn_lowered(struct arena *a, const struct json *j);
/* Add a patch operation to a list; value NULL: none; objects become their text. */
void cfn_patch(struct cfn_resource *r, struct json *list, const char *op, struct str path, const struct json *value);

/* ---- cfn_parts.c ---- */
enum cfn_status cfn_resource_create(struct cfn_resource *r);
enum cfn_status cfn_resource_remove(struct cfn_resource *r);
enum cfn_status cfn_validator_create(struct cfn_resource *r);
enum cfn_status cfn_validator_update(struct cfn_resource *r);
enum cfn_status cfn_validator_remove(struct cfn_resource *r);
enum cfn_status cfn_authorizer_create(struct cfn_resource *r);
enum cfn_status cfn_authorizer_update(struct cfn_resource *r);
enum cfn_status cfn_authorizer_remove(struct cfn_resource *r);
enum cfn_status cfn_model_create(struct cfn_resource *r);
enum cfn_status cfn_model_update(struct cfn_resource *r);
enum cfn_status cfn_model_remove(struct cfn_resource *r);
enum cfn_status cfn_method_create(struct cfn_resource *r);
enum cfn_status cfn_method_remove(struct cfn_resource *r);
enum cfn_status cfn_method_update(struct cfn_resource *r);
enum cfn_status cfn_response_create(struct cfn_resource *r);
enum cfn_status cfn_response_remove(struct cfn_resource *r);
enum cfn_status cfn_account_put(struct cfn_resource *r);
enum cfn_status cfn_account_remove(struct cfn_resource *r);

#endif
