/* Inside S3 Control: what its files share. Nobody else includes it. */
#ifndef TSUBO_S3CONTROL_H
#define TSUBO_S3CONTROL_H

#include "s3control.model.h"
#include "svc/service.h"

/* ---- access points (points.c) ---- */
void access_point(struct call *c); /* the right to do the operation to the point it names */
void op_create_access_point(struct call *c);
void op_get_access_point(struct call *c);
void op_list_access_points(struct call *c);
void op_delete_access_point(struct call *c);
void op_put_access_point_policy(struct call *c);
void op_get_access_point_policy(struct call *c);
void op_delete_access_point_policy(struct call *c);
void op_get_access_point_policy_status(struct call *c);

/* ---- the account (account.c) ---- */
void access_account(struct call *c);
void op_put_public_access_block(struct call *c);
void op_get_public_access_block(struct call *c);
void op_delete_public_access_block(struct call *c);

/* ---- tags (resource_tags.c) ---- */
void access_tags(struct call *c); /* the right to do it to what the ARN means, which is in c->memo then */
void op_tag_resource(struct call *c);
void op_untag_resource(struct call *c);
void op_list_tags_for_resource(struct call *c);

/* ---- shared ---- */
/* x-amz-account-id must be the caller's own. Fails c. */
bool own_account(struct call *c, struct str account);
/* S3 itself asks, in the middle of a request of its own: what it may see it decides there. */
bool asked_by_s3(const struct call *c);
struct s3control_StoredPoint *point_find(struct call *c, struct str name); /* NULL with c failed */
void point_put(struct call *c, const struct s3control_StoredPoint *p);
struct str point_arn(struct call *c, const struct s3control_StoredPoint *p);

extern const struct cfn_type s3control_cfn_types[1];

#endif
