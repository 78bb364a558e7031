/* Amazon Simple Notification Service: its operations. sns.h says how the files hang together. What has no row answers 501. */
#include "sns.h"

static const struct op ops[] = {
	{&sns_op_AddPermission, op_add_permission, OP_WRITE, NULL, access_topic},
	{&sns_op_ConfirmSubscription, op_confirm_subscription, OP_WRITE, NULL, access_topic},
	{&sns_op_CreateTopic, op_create_topic, OP_WRITE, NULL, access_create},
	{&sns_op_DeleteTopic, op_delete_topic, OP_WRITE, NULL, access_topic},
	{&sns_op_GetSubscriptionAttributes, op_get_subscription_attributes, OP_READ, NULL, access_subscription},
	{&sns_op_GetTopicAttributes, op_get_topic_attributes, OP_READ, NULL, access_topic},
	{&sns_op_ListSubscriptions, op_list_subscriptions, OP_READ},
	{&sns_op_ListSubscriptionsByTopic, op_list_subscriptions_by_topic, OP_READ, NULL, access_topic},
	{&sns_op_ListTagsForResource, op_list_tags_for_resource, OP_READ, NULL, access_resource},
	{&sns_op_ListTopics, op_list_topics, OP_READ},
	{&sns_op_Publish, op_publish, OP_WRITE, NULL, access_publish},
	{&sns_op_PublishBatch, op_publish_batch, OP_WRITE, "sns:Publish", access_topic},
	{&sns_op_RemovePermission, op_remove_permission, OP_WRITE, NULL, access_topic},
	{&sns_op_SetSubscriptionAttributes, op_set_subscription_attributes, OP_WRITE, NULL, access_subscription},
	{&sns_op_SetTopicAttributes, op_set_topic_attributes, OP_WRITE, NULL, access_topic},
	{&sns_op_Subscribe, op_subscribe, OP_WRITE, NULL, access_topic},
	{&sns_op_TagResource, op_tag_resource, OP_WRITE, NULL, access_resource},
	{&sns_op_Unsubscribe, op_unsubscribe, OP_WRITE, NULL, access_subscription},
	{&sns_op_UntagResource, op_untag_resource, OP_WRITE, NULL, access_resource},
};

static const struct job_kind jobs[] = {{"fan", job_fan}, {"forget", job_forget}, {"retry", job_retry}, {"sweep", job_sweep}};

static const struct op web = {NULL, web_serve, OP_WRITE};

const struct service service_sns = {
	.name = "sns",
	.model = &sns_model,
	.principal = "sns.amazonaws.com",
	.ops = ops,
	.n_ops = COUNT_OF(ops),
	.jobs = jobs,
	.n_jobs = COUNT_OF(jobs),
	.cfn_types = sns_cfn_types,
	.n_cfn_types = SNS_CFN_TYPES,
	.claims = web_claims,
	.raw = &web,
	.resource_policy = resource_policy,
};
