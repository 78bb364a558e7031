/* AWS::KMS::Key, AWS::KMS::Alias and AWS::KMS::ReplicaKey. Source: their pages in the CloudFormation Template Reference. */
#include "kms.h"

static struct json *member(struct cfn_resource *r, const char *name) { return json_get(r->properties, str_c(name)); }

/* A call on the key, with one more member when its name is given. */
static struct invoked on_key(struct cfn_resource *r, const char *op, const char *name, const struct json *value)
{
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "KeyId", r->physical_id);
	if (name != NULL)
		json_set(r->c->arena, in, str_c(name), value);
	return invoke(r->c, "kms", op, in, NULL);
}

static struct json *tags_of(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	struct json *tags = cfn_tags(r, false), *out = json_new_array(a);
	for (uint32_t i = 0; tags != NULL && i < tags->n; i++) {
		struct json *t = json_push(a, out, json_new_object(a));
		json_set_str(a, t, "TagKey", json_get_str(json_at(tags, i), "Key"));
		json_set_str(a, t, "TagValue", json_get_str(json_at(tags, i), "Value"));
	}
	return out;
}

static void set_policy(struct cfn_resource *r, struct json *in)
{
	const struct json *p = member(r, "KeyPolicy");
	if (json_is(p, JSON_STRING))
		json_set(r->c->arena, in, S("Policy"), p);
	else if (p != NULL)
		json_set_str(r->c->arena, in, "Policy", json_text(r->c->arena, p));
	if (member(r, "BypassPolicyLockoutSafetyCheck") != NULL)
		json_set(r->c->arena, in, S("BypassPolicyLockoutSafetyCheck"), member(r, "BypassPolicyLockoutSafetyCheck"));
}

static bool yes(struct cfn_resource *r, const char *name, bool otherwise)
{
	bool v;
	return json_to_bool(member(r, name), &v) ? v : otherwise;
}

static bool try_key(struct cfn_resource *r, const char *op, const char *name, const struct json *value, enum cfn_status *status)
{
	struct invoked i = on_key(r, op, name, value);
	if (!i.ok)
		*status = cfn_done(r, &i);
	return i.ok;
}

/* Rotation and state, as the template has them. */
static enum cfn_status settle(struct cfn_resource *r, bool fresh)
{
	enum cfn_status status = CFN_DONE;
	struct json *days = member(r, "RotationPeriodInDays");
	bool rotates = yes(r, "EnableKeyRotation", false), enabled = yes(r, "Enabled", true);
	if (!fresh && enabled && !try_key(r, "EnableKey", NULL, NULL, &status))
		return status;
	if (rotates && !try_key(r, "EnableKeyRotation", days != NULL ? "RotationPeriodInDays" : NULL, days, &status))
		return status;
	if (!fresh && !rotates && member(r, "EnableKeyRotation") != NULL && !try_key(r, "DisableKeyRotation", NULL, NULL, &status))
		return status;
	if (!enabled)
		try_key(r, "DisableKey", NULL, NULL, &status);
	return status;
}

static void key_made(struct cfn_resource *r, const struct json *metadata)
{
	r->physical_id = json_get_str(metadata, "KeyId");
	json_set_str(r->c->arena, r->attributes, "Arn", json_get_str(metadata, "Arn"));
	json_set_str(r->c->arena, r->attributes, "KeyId", r->physical_id);
}

static enum cfn_status key_create(struct cfn_resource *r)
{
	static const char *const pairs[] = {"Description", "Description", "KeySpec", "KeySpec", "KeyUsage", "KeyUsage", "MultiRegion", "MultiRegion",
		"Origin", "Origin", NULL};
	struct json *in = cfn_input(r, pairs);
	set_policy(r, in);
	json_set(r->c->arena, in, S("Tags"), tags_of(r));
	struct invoked i = invoke(r->c, "kms", "CreateKey", in, NULL);
	if (!i.ok)
		return cfn_done(r, &i);
	key_made(r, json_get(i.out, S("KeyMetadata")));
	return settle(r, true);
}

/* Tags that are no longer there go, the others are set. */
static bool retag(struct cfn_resource *r, enum cfn_status *status)
{
	struct arena *a = r->c->arena;
	struct json *wanted = tags_of(r), *gone = json_new_array(a);
	struct invoked now = on_key(r, "ListResourceTags", NULL, NULL);
	if (!now.ok) {
		*status = cfn_done(r, &now);
		return false;
	}
	const struct json *old = json_get(now.out, S("Tags"));
	for (uint32_t i = 0; old != NULL && i < old->n; i++) {
		struct str name = json_get_str(json_at(old, i), "TagKey");
		bool keep = false;
		for (uint32_t w = 0; w < wanted->n; w++)
			keep |= str_eq(json_get_str(json_at(wanted, w), "TagKey"), name);
		if (!keep)
			json_push(a, gone, json_new_str(a, name));
	}
	if (gone->n > 0 && !try_key(r, "UntagResource", "TagKeys", gone, status))
		return false;
	return wanted->n == 0 || try_key(r, "TagResource", "Tags", wanted, status);
}

static bool change_common(struct cfn_resource *r, enum cfn_status *status)
{
	struct arena *a = r->c->arena;
	struct json *description = member(r, "Description");
	if (!try_key(r, "UpdateKeyDescription", "Description", description != NULL ? description : json_new_str(a, S("")), status))
		return false;
	if (member(r, "KeyPolicy") != NULL) {
		struct json *in = json_new_object(a);
		json_set_str(a, in, "KeyId", r->physical_id);
		set_policy(r, in);
		struct invoked i = invoke(r->c, "kms", "PutKeyPolicy", in, NULL);
		if (!i.ok) {
			*status = cfn_done(r, &i);
			return false;
		}
	}
	return retag(r, status);
}

static enum cfn_status key_update(struct cfn_resource *r)
{
	enum cfn_status status = CFN_DONE;
	return change_common(r, &status) ? settle(r, false) : status;
}

static enum cfn_status key_remove(struct cfn_resource *r)
{
	struct json *days = member(r, "PendingWindowInDays");
	struct invoked i = on_key(r, "ScheduleKeyDeletion", days != NULL ? "PendingWindowInDays" : NULL, days);
	bool gone = str_eq(i.error.code, S("NotFoundException")) || str_eq(i.error.code, S("KMSInvalidStateException"));
	return gone ? CFN_DONE : cfn_done(r, &i);
}

/* ---- alias ---- */

static struct json *alias_input(struct cfn_resource *r)
{
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "AliasName", r->physical_id);
	if (member(r, "TargetKeyId") != NULL)
		json_set(r->c->arena, in, S("TargetKeyId"), member(r, "TargetKeyId"));
	return in;
}

static enum cfn_status alias_create(struct cfn_resource *r)
{
	r->physical_id = json_get_str(r->properties, "AliasName");
	if (!str_present(r->physical_id))
		return cfn_fail(r, "Model validation failed (#: required key [AliasName] not found)");
	struct invoked i = invoke(r->c, "kms", "CreateAlias", alias_input(r), NULL);
	return cfn_done(r, &i);
}

static enum cfn_status alias_update(struct cfn_resource *r)
{
	struct invoked i = invoke(r->c, "kms", "UpdateAlias", alias_input(r), NULL);
	return cfn_done(r, &i);
}

static enum cfn_status alias_remove(struct cfn_resource *r)
{
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "AliasName", r->physical_id);
	struct invoked i = invoke(r->c, "kms", "DeleteAlias", in, NULL);
	return cfn_gone(r, &i, S("NotFoundException"));
}

/* ---- replica: made by the primary's region ---- */

static enum cfn_status replica_create(struct cfn_resource *r)
{
	static const char *const pairs[] = {"Description", "Description", NULL};
	struct json *in = cfn_input(r, pairs);
	struct str primary = json_get_str(r->properties, "PrimaryKeyArn"), rest = primary;
	if (!str_present(primary))
		return cfn_fail(r, "Model validation failed (#: required key [PrimaryKeyArn] not found)");
	for (int i = 0; i < 3 && str_present(rest); i++)
		str_cut(&rest, ':');
	struct invoke_options o = {.region = str_present(rest) ? str_cut(&rest, ':') : r->c->region};
	json_set_str(r->c->arena, in, "KeyId", primary);
	json_set_str(r->c->arena, in, "ReplicaRegion", r->c->region);
	json_set(r->c->arena, in, S("Tags"), tags_of(r));
	set_policy(r, in);
	struct invoked i = invoke(r->c, "kms", "ReplicateKey", in, &o);
	if (!i.ok)
		return cfn_done(r, &i);
	key_made(r, json_get(i.out, S("ReplicaKeyMetadata")));
	return settle(r, true);
}

static enum cfn_status replica_update(struct cfn_resource *r)
{
	enum cfn_status status = CFN_DONE;
	return change_common(r, &status) ? settle(r, false) : status;
}

static const char *const key_properties[] = {"BypassPolicyLockoutSafetyCheck", "Description", "EnableKeyRotation", "Enabled", "KeyPolicy", "KeySpec",
	"KeyUsage", "MultiRegion", "Origin", "PendingWindowInDays", "RotationPeriodInDays", "Tags", NULL};
static const char *const key_replaces[] = {"KeySpec", "KeyUsage", "MultiRegion", "Origin", NULL};
static const char *const alias_properties[] = {"AliasName", "TargetKeyId", NULL};
static const char *const alias_replaces[] = {"AliasName", NULL};
static const char *const replica_properties[] = {"BypassPolicyLockoutSafetyCheck", "Description", "Enabled", "KeyPolicy", "PendingWindowInDays",
	"PrimaryKeyArn", "Tags", NULL};
static const char *const replica_replaces[] = {"PrimaryKeyArn", NULL};

const struct cfn_type kms_cfn_types[3] = {
	{.name = "AWS::KMS::Key", .properties = key_properties, .replaces = key_replaces, .create = key_create, .update = key_update,
	 .remove = key_remove},
	{.name = "AWS::KMS::Alias", .properties = alias_properties, .replaces = alias_replaces, .create = alias_create, .update = alias_update,
	 .remove = alias_remove},
	{.name = "AWS::KMS::ReplicaKey", .properties = replica_properties, .replaces = replica_replaces, .create = replica_create,
	 .update = replica_update, .remove = key_remove},
};
