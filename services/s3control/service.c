/* S3 Control: access points and the account's public access block. What has no row here answers 501 and names itself. */
#include "s3control.h"

static const struct op ops[] = {
	{&s3control_op_CreateAccessPoint, op_create_access_point, OP_WRITE, .access = access_point},
	{&s3control_op_GetAccessPoint, op_get_access_point, OP_READ, .access = access_point},
	{&s3control_op_ListAccessPoints, op_list_access_points, OP_READ, .access = access_account},
	{&s3control_op_DeleteAccessPoint, op_delete_access_point, OP_WRITE, .access = access_point},
	{&s3control_op_PutAccessPointPolicy, op_put_access_point_policy, OP_WRITE, .access = access_point},
	{&s3control_op_GetAccessPointPolicy, op_get_access_point_policy, OP_READ, .access = access_point},
	{&s3control_op_DeleteAccessPointPolicy, op_delete_access_point_policy, OP_WRITE, .access = access_point},
	{&s3control_op_GetAccessPointPolicyStatus, op_get_access_point_policy_status, OP_READ, .access = access_point},
	{&s3control_op_PutPublicAccessBlock, op_put_public_access_block, OP_WRITE, "s3:PutAccountPublicAccessBlock", access_account},
	{&s3control_op_GetPublicAccessBlock, op_get_public_access_block, OP_READ, "s3:GetAccountPublicAccessBlock", access_account},
	{&s3control_op_DeletePublicAccessBlock, op_delete_public_access_block, OP_WRITE, "s3:PutAccountPublicAccessBlock", access_account},
	{&s3control_op_TagResource, op_tag_resource, OP_WRITE, .access = access_tags},
	{&s3control_op_UntagResource, op_untag_resource, OP_WRITE, .access = access_tags},
	{&s3control_op_ListTagsForResource, op_list_tags_for_resource, OP_READ, .access = access_tags},
};

const struct service service_s3control = {
	.name = "s3control",
	.model = &s3control_model,
	.iam_prefix = "s3",
	.principal = "s3.amazonaws.com",
	.ops = ops,
	.n_ops = COUNT_OF(ops),
	.cfn_types = s3control_cfn_types,
	.n_cfn_types = COUNT_OF(s3control_cfn_types),
};
