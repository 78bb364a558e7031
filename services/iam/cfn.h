/* CloudFormation types of iam: what their files share. Only services/iam/cfn*.c include this. */
#ifndef TSUBO_IAM_CFN_H
#define TSUBO_IAM_CFN_H

#include "iam.h"

/* One operation of this service with the stack's principal. false: *s says how to return. */
bool cfn_do(struct cfn_resource *r, enum cfn_status *s, const char *op, struct json *in, struct json **out);
/* The same where "there is no such thing" is as good: deleting. */
bool cfn_undo(struct cfn_resource *r, enum cfn_status *s, const char *op, struct json *in);
/* {"<a>": x, "<b>": y, ...} from C strings and strs; ends with NULL. */
struct json *cfn_args(struct cfn_resource *r, const char *name, struct str value, ...);
/* A policy document as text, given as text or as JSON. */
struct str cfn_document(struct cfn_resource *r, const struct json *document);
struct str cfn_text(const struct json *properties, const char *name);
/* An array of strings; NULL-safe. */
bool cfn_list_has(const struct json *list, struct str s);

#define CFN_TYPE_FUNCTIONS(name) \
	enum cfn_status name##_create(struct cfn_resource *r); \
	enum cfn_status name##_update(struct cfn_resource *r); \
	enum cfn_status name##_remove(struct cfn_resource *r);
CFN_TYPE_FUNCTIONS(policy)
CFN_TYPE_FUNCTIONS(managed_policy)
CFN_TYPE_FUNCTIONS(instance_profile)
CFN_TYPE_FUNCTIONS(access_key)
CFN_TYPE_FUNCTIONS(inline_policy)
CFN_TYPE_FUNCTIONS(membership)
CFN_TYPE_FUNCTIONS(linked_role)
CFN_TYPE_FUNCTIONS(mfa_device)
CFN_TYPE_FUNCTIONS(oidc_provider)

#endif
