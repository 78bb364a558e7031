/* AWS::Logs::LogGroup, LogStream, MetricFilter and SubscriptionFilter. The filters are put again to be changed. */
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

static enum cfn_status group_update(struct cfn_resource *r)
{
	static const struct cfn_tagging tagging = {"logs", "TagResource", "UntagResource", "resourceArn", "tags", "tagKeys", true};
	enum cfn_status s = cfn_tags_update(r, &tagging, group_arn(r->c, r->physical_id));
	return s == CFN_DONE ? set_retention(r) : s;
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

/* ---- filters ---- */

/* Put a filter under its name (made when there is none): properties copied to members. */
static enum cfn_status filter_put(struct cfn_resource *r, const char *op, const char *const *pairs, struct json *transformations)
{
	struct str name = str_present(r->physical_id) ? r->physical_id : json_get_str(r->properties, "FilterName");
	r->physical_id = str_present(name) ? name : cfn_make_name(r, 512, false);
	struct json *in = cfn_input(r, pairs);
	json_set_str(r->c->arena, in, "filterName", r->physical_id);
	if (transformations != NULL)
		json_set(r->c->arena, in, S("metricTransformations"), transformations);
	struct invoked i = invoke(r->c, "logs", op, in, NULL);
	return cfn_done(r, &i);
}

static enum cfn_status filter_remove(struct cfn_resource *r, const char *op)
{
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "logGroupName", json_get_str(r->properties, "LogGroupName"));
	json_set_str(r->c->arena, in, "filterName", r->physical_id);
	struct invoked i = invoke(r->c, "logs", op, in, NULL);
	return cfn_gone(r, &i, S("ResourceNotFoundException"));
}

static enum cfn_status subscription_put(struct cfn_resource *r)
{
	static const char *const pairs[] = {"LogGroupName", "logGroupName", "FilterPattern", "filterPattern", "DestinationArn", "destinationArn",
		"RoleArn", "roleArn", "Distribution", "distribution", "ApplyOnTransformedLogs", "applyOnTransformedLogs", NULL};
	return filter_put(r, "PutSubscriptionFilter", pairs, NULL);
}

static enum cfn_status subscription_remove(struct cfn_resource *r) { return filter_remove(r, "DeleteSubscriptionFilter"); }

/* Dimensions are a list of {Key, Value} in templates and a map in the API; names begin with capitals there. */
static struct json *transformations(struct cfn_resource *r)
{
	static const char *const names[][2] = {{"MetricName", "metricName"}, {"MetricNamespace", "metricNamespace"}, {"MetricValue", "metricValue"},
		{"DefaultValue", "defaultValue"}, {"Unit", "unit"}};
	struct arena *a = r->c->arena;
	struct json *out = json_new_array(a);
	const struct json *all = json_get(r->properties, S("MetricTransformations"));
	for (uint32_t i = 0; json_is(all, JSON_ARRAY) && i < all->n; i++) {
		struct json *t = json_push(a, out, json_new_object(a));
		for (size_t k = 0; k < COUNT_OF(names); k++)
			if (json_get(&all->items[i], str_c(names[k][0])) != NULL)
				json_set(a, t, str_c(names[k][1]), json_get(&all->items[i], str_c(names[k][0])));
		const struct json *dimensions = json_get(&all->items[i], S("Dimensions"));
		struct json *map = json_is(dimensions, JSON_ARRAY) && dimensions->n > 0 ? json_set(a, t, S("dimensions"), json_new_object(a)) : NULL;
		for (uint32_t k = 0; map != NULL && k < dimensions->n; k++)
			json_set(a, map, cfn_scalar(json_get(&dimensions->items[k], S("Key"))),
			         json_new_str(a, cfn_scalar(json_get(&dimensions->items[k], S("Value")))));
	}
	return out;
}

static enum cfn_status metric_filter_put(struct cfn_resource *r)
{
	static const char *const pairs[] = {"LogGroupName", "logGroupName", "FilterPattern", "filterPattern",
		"ApplyOnTransformedLogs", "applyOnTransformedLogs", NULL};
	return filter_put(r, "PutMetricFilter", pairs, transformations(r));
}

static enum cfn_status metric_filter_remove(struct cfn_resource *r) { return filter_remove(r, "DeleteMetricFilter"); }

static const char *const group_properties[] = {"LogGroupName", "RetentionInDays", "KmsKeyId", "LogGroupClass", "Tags", NULL};
static const char *const group_replaces[] = {"LogGroupName", "LogGroupClass", "KmsKeyId", NULL};
static const char *const filter_replaces[] = {"FilterName", "LogGroupName", NULL};
static const char *const metric_properties[] = {"FilterName", "FilterPattern", "LogGroupName", "MetricTransformations", "ApplyOnTransformedLogs",
	NULL};
static const char *const subscription_properties[] = {"FilterName", "FilterPattern", "LogGroupName", "DestinationArn", "RoleArn", "Distribution",
	"ApplyOnTransformedLogs", NULL};
static const char *const stream_properties[] = {"LogGroupName", "LogStreamName", NULL};

const struct cfn_type logs_cfn_types[] = {
	{.name = "AWS::Logs::LogGroup", .properties = group_properties, .replaces = group_replaces, .create = group_create,
	 .update = group_update, .remove = group_remove, .name_property = "LogGroupName"},
	{.name = "AWS::Logs::LogStream", .properties = stream_properties, .create = stream_create, .remove = stream_remove,
	 .name_property = "LogStreamName"},
	{.name = "AWS::Logs::MetricFilter", .properties = metric_properties, .replaces = filter_replaces, .create = metric_filter_put,
	 .update = metric_filter_put, .remove = metric_filter_remove, .name_property = "FilterName"},
	{.name = "AWS::Logs::SubscriptionFilter", .properties = subscription_properties, .replaces = filter_replaces, .create = subscription_put,
	 .update = subscription_put, .remove = subscription_remove, .name_property = "FilterName"},
};
_Static_assert(COUNT_OF(logs_cfn_types) == 4, "service.c says how many");
