/* AWS::S3::AccessPoint. Source: the resource type's reference in the CloudFormation User Guide. */
#include "s3control.h"

static struct json *on_point(struct cfn_resource *r)
{
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "AccountId", r->c->account);
	json_set_str(r->c->arena, in, "Name", r->physical_id);
	return in;
}

static enum cfn_status put_policy(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	const struct json *now = json_get(r->properties, S("Policy")), *was = json_get(r->old_properties, S("Policy"));
	struct json *in = on_point(r);
	if (now == NULL && was == NULL)
		return CFN_DONE;
	if (now != NULL)
		json_set_str(a, in, "Policy", json_is(now, JSON_STRING) ? now->text : json_text(a, now));
	struct invoked i = invoke(r->c, "s3control", now != NULL ? "PutAccessPointPolicy" : "DeleteAccessPointPolicy", in, NULL);
	return cfn_done(r, &i);
}

static void set_attributes(struct cfn_resource *r, struct str alias)
{
	struct arena *a = r->c->arena;
	json_set_str(a, r->attributes, "Name", r->physical_id);
	json_set_str(a, r->attributes, "NetworkOrigin", S("Internet"));
	json_set_str(a, r->attributes, "Alias", alias);
	json_set_str(a, r->attributes, "Arn", arena_join(a, S("arn:aws:s3:"), r->c->region, S(":"), r->c->account, S(":accesspoint/"), r->physical_id));
}

static enum cfn_status point_create(struct cfn_resource *r)
{
	static const char *const pairs[] = {"Bucket", "Bucket", "BucketAccountId", "BucketAccountId", "PublicAccessBlockConfiguration",
		"PublicAccessBlockConfiguration", "VpcConfiguration", "VpcConfiguration", NULL};
	struct arena *a = r->c->arena;
	struct str name = json_get_str(r->properties, "Name");
	r->physical_id = str_present(name) && name.n > 0 ? name : cfn_make_name(r, 50, true);
	struct json *in = cfn_input(r, pairs), *tags = cfn_tags(r, false);
	json_set_str(a, in, "AccountId", r->c->account);
	json_set_str(a, in, "Name", r->physical_id);
	if (tags != NULL && tags->n > 0)
		json_set(a, in, S("Tags"), tags);
	struct invoked i = invoke(r->c, "s3control", "CreateAccessPoint", in, NULL);
	if (!i.ok)
		return cfn_done(r, &i);
	set_attributes(r, json_get_str(i.out, "Alias"));
	return put_policy(r);
}

static enum cfn_status point_update(struct cfn_resource *r)
{
	struct invoked i = invoke(r->c, "s3control", "GetAccessPoint", on_point(r), NULL);
	if (!i.ok)
		return cfn_done(r, &i);
	set_attributes(r, json_get_str(i.out, "Alias"));
	return put_policy(r);
}

static enum cfn_status point_remove(struct cfn_resource *r)
{
	struct invoked i = invoke(r->c, "s3control", "DeleteAccessPoint", on_point(r), NULL);
	return cfn_gone(r, &i, S("NoSuchAccessPoint"));
}

static const char *const properties[] = {"Bucket", "BucketAccountId", "Name", "Policy", "PublicAccessBlockConfiguration", "VpcConfiguration",
	"Tags", NULL};
static const char *const replaces[] = {"Bucket", "BucketAccountId", "Name", "PublicAccessBlockConfiguration", "VpcConfiguration", "Tags", NULL};

const struct cfn_type s3control_cfn_types[1] = {
	{.name = "AWS::S3::AccessPoint", .properties = properties, .replaces = replaces, .create = point_create, .update = point_update,
		.remove = point_remove, .name_property = "Name"},
};
