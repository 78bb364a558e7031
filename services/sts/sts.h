/* What the files of the sts service share. Only services/sts/ includes this. */
#ifndef TSUBO_STS_H
#define TSUBO_STS_H

#include "auth/session.h"
#include "svc/service.h"
#include "sts.model.h"

void op_GetCallerIdentity(struct call *c);
void op_GetAccessKeyInfo(struct call *c);
void op_GetSessionToken(struct call *c);
void access_GetSessionToken(struct call *c);
void op_GetFederationToken(struct call *c);
void access_GetFederationToken(struct call *c);
void op_AssumeRole(struct call *c);
void access_AssumeRole(struct call *c);

void op_AssumeRoleWithWebIdentity(struct call *c);
void access_AssumeRoleWithWebIdentity(struct call *c);

/* A session of a role that trusts who asks; its tags and source identity are set. false: failed. */
struct role_ask { struct str role_arn, session_name; int64_t seconds; struct str policy; struct list policy_arns; };
bool role_session(struct call *c, struct principal *role, const struct role_ask *ask, struct sts_Credentials **credentials,
                  struct sts_AssumedRoleUser **user, struct opt_i64 *packed_size);

/* A token in its three parts (jwt.c); nothing of it is believed yet. */
struct jwt { struct json *head, *claims; struct str signed_part, signature; };
bool jwt_read(struct arena *a, struct str token, struct jwt *out);
/* Is it signed by one of the keys of a JWK set? */
bool jwt_signed(struct arena *a, const struct jwt *t, const struct json *key_set);

/* Credentials in the answer's form. */
struct sts_Credentials *credentials_out(struct call *c, struct session s);

/* The session policy that goes into the token: the inline document and the ARNs of managed ones beside it. Absent when
 * neither is given. false: failed (malformed, no such policy, too large). *packed: per cent of what a token may hold. */
bool session_policy(struct call *c, struct str account, struct str document, struct list arns, struct str *out, int64_t *packed);
/* Policy and tags, the role's own included, must go into a token that a header can hold. Fails c when they do not. */
bool session_small_enough(struct call *c, const struct principal *who);
/* Session tags from the request, checked: no reserved or repeated keys. false: failed. */
bool session_tags(struct call *c, struct list tags, struct param_tag **out, size_t *n);
/* Members nobody here can honour: fails when one is present. */
bool only_supported(struct call *c, struct opt_i64 minimum_size);
/* Spend the code of the caller's own device, when the request has one (*used). false: failed. */
bool mfa_ok(struct call *c, struct str serial, struct str token_code, bool *used);

#endif
