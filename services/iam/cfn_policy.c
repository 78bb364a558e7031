/* CloudFormation: policies as resources of their own (AWS::IAM::Policy, ManagedPolicy, RolePolicy, UserPolicy,
 * GroupPolicy), InstanceProfile, AccessKey, UserToGroupAddition, ServiceLinkedRole, VirtualMFADevice,
 * OIDCProvider. */
#include "cfn.h"

/* The three lists a policy names its holders by, and what the operations on each are called. */
static const struct { const char *list, *kind, *name; } holders[] = {
	{"Roles", "Role", "RoleName"}, {"Users", "User", "UserName"}, {"Groups", "Group", "GroupName"},
};

static const char *policy_op(struct cfn_resource *r, const char *verb, size_t i)
{
	return arena_cstr(r->c->arena, arena_printf(r->c->arena, "%s%sPolicy", verb, holders[i].kind));
}

/* ---- AWS::IAM::Policy: one inline document on several holders ---- */

static bool put_inline(struct cfn_resource *r, enum cfn_status *s)
{
	struct str name = cfn_text(r->properties, "PolicyName"), document = cfn_document(r, json_get(r->properties, S("PolicyDocument")));
	for (size_t i = 0; i < COUNT_OF(holders); i++) {
		const struct json *l = json_get(r->properties, str_c(holders[i].list));
		for (uint32_t k = 0; json_is(l, JSON_ARRAY) && k < l->n; k++) {
			struct json *in = cfn_args(r, holders[i].name, json_str(&l->items[k]), "PolicyName", name, "PolicyDocument", document, NULL);
			if (!cfn_do(r, s, policy_op(r, "Put", i), in, NULL))
				return false;
		}
	}
	return true;
}

/* Take the document from the holders in `old` that are not in `now` (all of them when the name changed or now is NULL). */
static bool drop_inline(struct cfn_resource *r, enum cfn_status *s, const struct json *old, const struct json *now)
{
	struct str name = cfn_text(old, "PolicyName");
	bool renamed = now == NULL || !str_eq(name, cfn_text(now, "PolicyName"));
	for (size_t i = 0; i < COUNT_OF(holders); i++) {
		const struct json *l = json_get(old, str_c(holders[i].list));
		for (uint32_t k = 0; json_is(l, JSON_ARRAY) && k < l->n; k++) {
			struct str holder = json_str(&l->items[k]);
			if ((renamed || !cfn_list_has(json_get(now, str_c(holders[i].list)), holder)) &&
			    !cfn_undo(r, s, policy_op(r, "Delete", i), cfn_args(r, holders[i].name, holder, "PolicyName", name, NULL)))
				return false;
		}
	}
	return true;
}

enum cfn_status policy_create(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	if (!put_inline(r, &s))
		return s;
	r->physical_id = cfn_make_name(r, 128, false);
	r->attributes = cfn_args(r, "Id", r->physical_id, NULL);
	return CFN_DONE;
}

enum cfn_status policy_update(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	return put_inline(r, &s) && drop_inline(r, &s, r->old_properties, r->properties) ? CFN_DONE : s;
}

enum cfn_status policy_remove(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	return drop_inline(r, &s, r->properties, NULL) ? CFN_DONE : s;
}

/* ---- AWS::IAM::RolePolicy, UserPolicy, GroupPolicy: one inline document on one holder ---- */

static size_t holder_of(const struct cfn_resource *r)
{
	for (size_t i = 0; i < COUNT_OF(holders); i++)
		if (str_present(cfn_text(r->properties, holders[i].name)))
			return i;
	return 0;
}

enum cfn_status inline_policy_create(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	size_t i = holder_of(r);
	struct str holder = cfn_text(r->properties, holders[i].name), name = cfn_text(r->properties, "PolicyName");
	struct json *in = cfn_args(r, holders[i].name, holder, "PolicyName", name,
		"PolicyDocument", cfn_document(r, json_get(r->properties, S("PolicyDocument"))), NULL);
	if (!cfn_do(r, &s, policy_op(r, "Put", i), in, NULL))
		return s;
	r->physical_id = arena_join(r->c->arena, name, S("|"), holder);
	return CFN_DONE;
}

enum cfn_status inline_policy_update(struct cfn_resource *r) { return inline_policy_create(r); }

enum cfn_status inline_policy_remove(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	size_t i = holder_of(r);
	struct json *in = cfn_args(r, holders[i].name, cfn_text(r->properties, holders[i].name), "PolicyName", cfn_text(r->properties, "PolicyName"),
		NULL);
	return cfn_undo(r, &s, policy_op(r, "Delete", i), in) ? CFN_DONE : s;
}

/* ---- AWS::IAM::ManagedPolicy ---- */

static bool sync_holders(struct cfn_resource *r, enum cfn_status *s, const struct json *old, const struct json *now)
{
	for (size_t i = 0; i < COUNT_OF(holders); i++) {
		const struct json *before = json_get(old, str_c(holders[i].list)), *after = json_get(now, str_c(holders[i].list));
		for (uint32_t k = 0; json_is(before, JSON_ARRAY) && k < before->n; k++) {
			struct str holder = json_str(&before->items[k]);
			if (!cfn_list_has(after, holder) &&
			    !cfn_undo(r, s, policy_op(r, "Detach", i), cfn_args(r, holders[i].name, holder, "PolicyArn", r->physical_id, NULL)))
				return false;
		}
		for (uint32_t k = 0; json_is(after, JSON_ARRAY) && k < after->n; k++) {
			struct str holder = json_str(&after->items[k]);
			if (!cfn_list_has(before, holder) &&
			    !cfn_do(r, s, policy_op(r, "Attach", i), cfn_args(r, holders[i].name, holder, "PolicyArn", r->physical_id, NULL), NULL))
				return false;
		}
	}
	return true;
}

static bool managed_attributes(struct cfn_resource *r, enum cfn_status *s)
{
	static const char *const names[] = {"PolicyId", "DefaultVersionId", "CreateDate", "UpdateDate", "AttachmentCount", "IsAttachable",
		"PermissionsBoundaryUsageCount"};
	struct json *out = NULL;
	if (!cfn_do(r, s, "GetPolicy", cfn_args(r, "PolicyArn", r->physical_id, NULL), &out))
		return false;
	r->attributes = cfn_args(r, "PolicyArn", r->physical_id, NULL);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		const struct json *v = json_get(json_get(out, S("Policy")), str_c(names[i]));
		if (v != NULL)
			json_set(r->c->arena, r->attributes, str_c(names[i]), v);
	}
	return true;
}

enum cfn_status managed_policy_create(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	struct json *out = NULL;
	struct str name = cfn_text(r->properties, "ManagedPolicyName");
	if (!str_present(name))
		name = cfn_make_name(r, 128, false);
	struct json *in = cfn_args(r, "PolicyName", name, "Path", cfn_text(r->properties, "Path"), "Description", cfn_text(r->properties, "Description"),
		"PolicyDocument", cfn_document(r, json_get(r->properties, S("PolicyDocument"))), NULL);
	json_set(r->c->arena, in, S("Tags"), cfn_tags(r, false));
	if (!cfn_do(r, &s, "CreatePolicy", in, &out))
		return s;
	r->physical_id = json_str(json_path(out, "Policy.Arn"));
	ASSERT(str_present(r->physical_id));
	return sync_holders(r, &s, NULL, r->properties) && managed_attributes(r, &s) ? CFN_DONE : s;
}

/* Make room for a version: drop the oldest that is not the default, when there are five. */
static bool drop_versions(struct cfn_resource *r, enum cfn_status *s, uint32_t keep)
{
	struct json *out = NULL;
	struct invoked v = invoke(r->c, "iam", "ListPolicyVersions", cfn_args(r, "PolicyArn", r->physical_id, NULL), NULL);
	if (!v.ok)
		return !v.parked; /* the policy is gone: nothing to drop */
	out = json_get(v.out, S("Versions"));
	for (uint32_t n = out != NULL ? out->n : 0; n > keep; n--) {
		const struct json *oldest = &out->items[n - 1];
		if (!json_get_bool(oldest, "IsDefaultVersion", false) &&
		    !cfn_do(r, s, "DeletePolicyVersion", cfn_args(r, "PolicyArn", r->physical_id, "VersionId", cfn_text(oldest, "VersionId"), NULL), NULL))
			return false;
	}
	return true;
}

enum cfn_status managed_policy_update(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	struct str document = cfn_document(r, json_get(r->properties, S("PolicyDocument")));
	if (!str_eq(document, cfn_document(r, json_get(r->old_properties, S("PolicyDocument"))))) {
		struct json *in = cfn_args(r, "PolicyArn", r->physical_id, "PolicyDocument", document, NULL);
		json_set_bool(r->c->arena, in, "SetAsDefault", true);
		if (!drop_versions(r, &s, 4) || !cfn_do(r, &s, "CreatePolicyVersion", in, NULL))
			return s;
	}
	return sync_holders(r, &s, r->old_properties, r->properties) && managed_attributes(r, &s) ? CFN_DONE : s;
}

enum cfn_status managed_policy_remove(struct cfn_resource *r)
{
	enum cfn_status s = CFN_PARKED;
	if (!sync_holders(r, &s, r->properties, NULL) || !drop_versions(r, &s, 0))
		return s;
	return cfn_undo(r, &s, "DeletePolicy", cfn_args(r, "PolicyArn", r->physical_id, NULL)) ? CFN_DONE : s;
}

/* ---- AWS::IAM::InstanceProfile ---- */

static bool sync_roles(struct cfn_resource *r, enum cfn_status *s, const struct json *old, const struct json *now)
{
	const struct json *before = json_get(old, S("Roles")), *after = json_get(now, S("Roles"));
	for (uint32_t i = 0; json_is(before, JSON_ARRAY) && i < before->n; i++) {
		struct str role = json_str(&before->items[i]);
		if (!cfn_list_has(after, role) &&
		    !cfn_undo(r, s, "RemoveRoleFromInstanceProfile", cfn_args(r, "InstanceProfileName", r->physical_id, "RoleName", role, NULL)))
			return false;
	}
	for (uint32_t i = 0; json_is(after, JSON_ARRAY) && i < after->n; i++) {
		struct str role = json_str(&after->items[i]);
		if (!cfn_list_has(before, role) &&
		    !cfn_do(r, s, "AddRoleToInstanceProfile", cfn_args(r, "InstanceProfileName", r->physical_id, "RoleName", role, NULL), NULL))
			return false;
	}
	return true;
}

enum cfn_status instance_profile_create(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	struct json *out = NULL;
	struct str name = cfn_text(r->properties, "InstanceProfileName");
	if (!str_present(name))
		name = cfn_make_name(r, 128, false);
	if (!cfn_do(r, &s, "CreateInstanceProfile", cfn_args(r, "InstanceProfileName", name, "Path", cfn_text(r->properties, "Path"), NULL), &out))
		return s;
	r->physical_id = name;
	r->attributes = cfn_args(r, "Arn", json_str(json_path(out, "InstanceProfile.Arn")), NULL);
	return sync_roles(r, &s, NULL, r->properties) ? CFN_DONE : s;
}

enum cfn_status instance_profile_update(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	return sync_roles(r, &s, r->old_properties, r->properties) ? CFN_DONE : s;
}

enum cfn_status instance_profile_remove(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	if (!sync_roles(r, &s, r->properties, NULL))
		return s;
	return cfn_undo(r, &s, "DeleteInstanceProfile", cfn_args(r, "InstanceProfileName", r->physical_id, NULL)) ? CFN_DONE : s;
}

/* ---- AWS::IAM::AccessKey ---- */

enum cfn_status access_key_update(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	struct str status = cfn_text(r->properties, "Status");
	struct json *in = cfn_args(r, "UserName", cfn_text(r->properties, "UserName"), "AccessKeyId", r->physical_id,
		"Status", str_present(status) ? status : S("Active"), NULL);
	return cfn_do(r, &s, "UpdateAccessKey", in, NULL) ? CFN_DONE : s;
}

enum cfn_status access_key_create(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	struct json *out = NULL;
	if (!cfn_do(r, &s, "CreateAccessKey", cfn_args(r, "UserName", cfn_text(r->properties, "UserName"), NULL), &out))
		return s;
	r->physical_id = json_str(json_path(out, "AccessKey.AccessKeyId"));
	ASSERT(str_present(r->physical_id));
	r->attributes = cfn_args(r, "SecretAccessKey", json_str(json_path(out, "AccessKey.SecretAccessKey")), NULL);
	return str_present(cfn_text(r->properties, "Status")) ? access_key_update(r) : CFN_DONE;
}

enum cfn_status access_key_remove(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	struct json *in = cfn_args(r, "UserName", cfn_text(r->properties, "UserName"), "AccessKeyId", r->physical_id, NULL);
	return cfn_undo(r, &s, "DeleteAccessKey", in) ? CFN_DONE : s;
}

/* ---- AWS::IAM::UserToGroupAddition ---- */

static bool sync_members(struct cfn_resource *r, enum cfn_status *s, const struct json *old, const struct json *now)
{
	const struct json *before = json_get(old, S("Users")), *after = json_get(now, S("Users"));
	struct str group = cfn_text(r->properties, "GroupName");
	for (uint32_t i = 0; json_is(before, JSON_ARRAY) && i < before->n; i++) {
		struct str user = json_str(&before->items[i]);
		if (!cfn_list_has(after, user) && !cfn_undo(r, s, "RemoveUserFromGroup", cfn_args(r, "GroupName", group, "UserName", user, NULL)))
			return false;
	}
	for (uint32_t i = 0; json_is(after, JSON_ARRAY) && i < after->n; i++)
		if (!cfn_do(r, s, "AddUserToGroup", cfn_args(r, "GroupName", group, "UserName", json_str(&after->items[i]), NULL), NULL))
			return false;
	return true;
}

enum cfn_status membership_create(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	if (!sync_members(r, &s, NULL, r->properties))
		return s;
	r->physical_id = cfn_make_name(r, 128, false);
	return CFN_DONE;
}

enum cfn_status membership_update(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	return sync_members(r, &s, r->old_properties, r->properties) ? CFN_DONE : s;
}

enum cfn_status membership_remove(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	return sync_members(r, &s, r->properties, NULL) ? CFN_DONE : s;
}

/* ---- AWS::IAM::ServiceLinkedRole ---- */

enum cfn_status linked_role_create(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	struct json *out = NULL;
	struct str suffix = cfn_text(r->properties, "CustomSuffix"), description = cfn_text(r->properties, "Description");
	struct json *in = cfn_args(r, "AWSServiceName", cfn_text(r->properties, "AWSServiceName"), "CustomSuffix", suffix,
		"Description", description, NULL);
	if (!cfn_do(r, &s, "CreateServiceLinkedRole", in, &out))
		return s;
	r->physical_id = json_str(json_path(out, "Role.RoleName"));
	r->attributes = cfn_args(r, "RoleName", r->physical_id, NULL);
	return CFN_DONE;
}

enum cfn_status linked_role_update(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	struct str description = cfn_text(r->properties, "Description");
	struct json *in = cfn_args(r, "RoleName", r->physical_id, "Description", str_present(description) ? description : S(""), NULL);
	return cfn_do(r, &s, "UpdateRoleDescription", in, NULL) ? CFN_DONE : s;
}

enum cfn_status linked_role_remove(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	return cfn_undo(r, &s, "DeleteServiceLinkedRole", cfn_args(r, "RoleName", r->physical_id, NULL)) ? CFN_DONE : s;
}

/* ---- AWS::IAM::VirtualMFADevice ---- */

/* The users it is meant for must be there; assigning it takes two codes, which only its holder has. */
static bool users_there(struct cfn_resource *r, enum cfn_status *s)
{
	const struct json *users = json_get(r->properties, S("Users"));
	for (uint32_t i = 0; json_is(users, JSON_ARRAY) && i < users->n; i++)
		if (!cfn_do(r, s, "GetUser", cfn_args(r, "UserName", json_str(&users->items[i]), NULL), NULL))
			return false;
	return true;
}

enum cfn_status mfa_device_create(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	struct json *out = NULL;
	struct str name = cfn_text(r->properties, "VirtualMfaDeviceName");
	if (!str_present(name))
		name = cfn_make_name(r, 128, false);
	struct json *in = cfn_args(r, "VirtualMFADeviceName", name, "Path", cfn_text(r->properties, "Path"), NULL);
	json_set(r->c->arena, in, S("Tags"), cfn_tags(r, false));
	if (!users_there(r, &s) || !cfn_do(r, &s, "CreateVirtualMFADevice", in, &out))
		return s;
	r->physical_id = json_str(json_path(out, "VirtualMFADevice.SerialNumber"));
	ASSERT(str_present(r->physical_id));
	r->attributes = cfn_args(r, "SerialNumber", r->physical_id, NULL);
	return CFN_DONE;
}

enum cfn_status mfa_device_update(struct cfn_resource *r)
{
	static const struct cfn_tagging tagging = {"iam", "TagMFADevice", "UntagMFADevice", "SerialNumber", "Tags", "TagKeys", false};
	enum cfn_status s = CFN_DONE;
	return users_there(r, &s) ? cfn_tags_update(r, &tagging, r->physical_id) : s;
}

enum cfn_status mfa_device_remove(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	return cfn_undo(r, &s, "DeleteVirtualMFADevice", cfn_args(r, "SerialNumber", r->physical_id, NULL)) ? CFN_DONE : s;
}

/* ---- AWS::IAM::OIDCProvider ---- */

static void copy_list(struct cfn_resource *r, struct json *in, const char *from, const char *to)
{
	const struct json *list = json_get(r->properties, str_c(from));
	json_set(r->c->arena, in, str_c(to), list != NULL ? list : json_new_array(r->c->arena));
}

enum cfn_status oidc_provider_create(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	struct json *out = NULL, *in = cfn_args(r, "Url", cfn_text(r->properties, "Url"), NULL);
	copy_list(r, in, "ClientIdList", "ClientIDList");
	copy_list(r, in, "ThumbprintList", "ThumbprintList");
	json_set(r->c->arena, in, S("Tags"), cfn_tags(r, false));
	if (!cfn_do(r, &s, "CreateOpenIDConnectProvider", in, &out))
		return s;
	r->physical_id = json_get_str(out, "OpenIDConnectProviderArn");
	ASSERT(str_present(r->physical_id));
	r->attributes = cfn_args(r, "Arn", r->physical_id, NULL);
	return CFN_DONE;
}

static bool sync_clients(struct cfn_resource *r, enum cfn_status *s)
{
	const struct json *before = json_get(r->old_properties, S("ClientIdList")), *after = json_get(r->properties, S("ClientIdList"));
	for (uint32_t i = 0; json_is(before, JSON_ARRAY) && i < before->n; i++) {
		struct str id = json_str(&before->items[i]);
		if (!cfn_list_has(after, id) && !cfn_undo(r, s, "RemoveClientIDFromOpenIDConnectProvider",
		    cfn_args(r, "OpenIDConnectProviderArn", r->physical_id, "ClientID", id, NULL)))
			return false;
	}
	for (uint32_t i = 0; json_is(after, JSON_ARRAY) && i < after->n; i++)
		if (!cfn_do(r, s, "AddClientIDToOpenIDConnectProvider",
		    cfn_args(r, "OpenIDConnectProviderArn", r->physical_id, "ClientID", json_str(&after->items[i]), NULL), NULL))
			return false;
	return true;
}

enum cfn_status oidc_provider_update(struct cfn_resource *r)
{
	static const struct cfn_tagging tagging = {"iam", "TagOpenIDConnectProvider", "UntagOpenIDConnectProvider", "OpenIDConnectProviderArn", "Tags",
		"TagKeys", false};
	enum cfn_status s = CFN_DONE;
	struct json *in = cfn_args(r, "OpenIDConnectProviderArn", r->physical_id, NULL);
	copy_list(r, in, "ThumbprintList", "ThumbprintList");
	r->attributes = cfn_args(r, "Arn", r->physical_id, NULL);
	if (!cfn_do(r, &s, "UpdateOpenIDConnectProviderThumbprint", in, NULL) || !sync_clients(r, &s))
		return s;
	return cfn_tags_update(r, &tagging, r->physical_id);
}

enum cfn_status oidc_provider_remove(struct cfn_resource *r)
{
	enum cfn_status s = CFN_DONE;
	return cfn_undo(r, &s, "DeleteOpenIDConnectProvider", cfn_args(r, "OpenIDConnectProviderArn", r->physical_id, NULL)) ? CFN_DONE : s;
}
