/* AWS::Logs::LogGroup and AWS::Logs::LogStream. */
#include "logs.h"

#include "svc/cfn.h"

static enum cfn_status set_retention(struct cfn_resource *r)
{
	struct call *c = r->c;
	int64_t days = json_get_i64(r->properties, "RetentionInDays", 0);
	if (days == 0 && json_get_i64(r->old_properties, "RetentionInDays", 0) == 0)
		return CFN_DONE;
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "logGroupName", r->physical_id);
	if (days > 0)
		json_set_i64(c->arena, in, "retentionInDays", days);
	struct invoked i = invoke(c, "logs", days > 0 ? "PutRetentionPolicy" : "DeleteRetentionPolicy", in, NULL);
	return i.ok ? CFN_DONE : cfn_fail_as(r, &i.error);
}

static enum cfn_status group_create(struct cfn_resource *r)
{
	struct call *c = r->c;
	r->physical_id = json_get_str(r->properties, "LogGroupName");
	if (!str_present(r->physical_id))
		r->physical_id = cfn_make_name(r, 512, false);
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "logGroupName", r->physical_id);
	if (str_present(json_get_str(r->properties, "KmsKeyId")))
		json_set(c->arena, in, S("kmsKeyId"), json_get(r->properties, S("KmsKeyId")));
	if (str_present(json_get_str(r->properties, "LogGroupClass")))
		json_set(c->arena, in, S("logGroupClass"), json_get(r->properties, S("LogGroupClass")));
	struct json *tags = cfn_tags(r, true);
	if (tags != NULL && tags->n > 0)
		json_set(c->arena, in, S("tags"), tags);
	struct invoked i = invoke(c, "logs", "CreateLogGroup", in, NULL);
	if (!i.ok)
		return cfn_fail_as(r, &i.error);
	json_set_str(c->arena, r->attributes, "Arn", arena_join(c->arena, group_arn(c, r->physical_id), S(":*")));
	return set_retention(r);
}

static enum cfn_status group_remove(struct cfn_resource *r)
{
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "logGroupName", r->physical_id);
	struct invoked i = invoke(r->c, "logs", "DeleteLogGroup", in, NULL);
	return i.ok || str_eq(i.error.code, S("ResourceNotFoundException")) ? CFN_DONE : cfn_fail_as(r, &i.error);
}

static enum cfn_status stream_call(struct cfn_resource *r, const char *op, struct str group, struct str stream)
{
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "logGroupName", group);
	json_set_str(r->c->arena, in, "logStreamName", stream);
	struct invoked i = invoke(r->c, "logs", op, in, NULL);
	if (!i.ok && !str_eq(i.error.code, S("ResourceNotFoundException")))
		return cfn_fail_as(r, &i.error);
	return i.ok || strcmp(op, "DeleteLogStream") == 0 ? CFN_DONE : cfn_fail_as(r, &i.error);
}

static enum cfn_status stream_create(struct cfn_resource *r)
{
	struct str name = json_get_str(r->properties, "LogStreamName");
	r->physical_id = str_present(name) ? name : cfn_make_name(r, 512, false);
	return stream_call(r, "CreateLogStream", json_get_str(r->properties, "LogGroupName"), r->physical_id);
}

static enum cfn_status stream_remove(struct cfn_resource *r)
{
	return stream_call(r, "DeleteLogStream", json_get_str(r->properties, "LogGroupName"), r->physical_id);
}

static const char *const group_properties[] = {"LogGroupName", "RetentionInDays", "KmsKeyId", "LogGroupClass", "Tags", NULL};
static const char *const group_replaces[] = {"LogGroupName", "LogGroupClass", "KmsKeyId", "Tags", NULL};
static const char *const stream_properties[] = {"LogGroupName", "LogStreamName", NULL};

const struct cfn_type logs_cfn_types[] = {
	{.name = "AWS::Logs::LogGroup", .properties = group_properties, .replaces = group_replaces, .create = group_create,
	 .update = set_retention, .remove = group_remove, .name_property = "LogGroupName"},
	{.name = "AWS::Logs::LogStream", .properties = stream_properties, .create = stream_create, .remove = stream_remove,
	 .name_property = "LogStreamName"},
};
_Static_assert(COUNT_OF(logs_cfn_types) == 2, "service.c says how many");
