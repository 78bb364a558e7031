/* CloudFormation: AWS::IAM::Role, User and Group, and the table of all types.
 *
 * Source: "AWS IAM resource type reference" (CloudFormation Template Reference). A template's policies are compared with
 * those of the version before; what others attached is left alone, and makes a deletion fail as on AWS. */
#include "cfn.h"

bool cfn_do(struct cfn_resource *r, enum cfn_status *s, const char *op, struct json *in, struct json **out)
{
	struct invoked v = invoke(r->c, "iam", op, in, NULL);
	if (v.ok && out != NULL)
		*out = v.out;
	if (!v.ok)
		*s = cfn_done(r, &v);
	return v.ok;
}

bool cfn_undo(struct cfn_resource *r, enum cfn_status *s, const char *op, struct json *in)
{
	struct invoked v = invoke(r->c, "iam", op, in, NULL);
	if (v.ok || (!v.parked && str_starts(v.error.code, S("NoSuchEntity"))))
		return true;
	*s = cfn_done(r, &v);
	return false;
}

struct json *cfn_args(struct cfn_resource *r, const char *name, struct str value, ...)
{
	struct arena *a = r->c->arena;
	struct json *in = json_new_object(a);
	va_list ap;
	va_start(ap, value);
	while (name != NULL) {
		if (str_present(value))
			json_set(a, in, str_c(name), json_new_str(a, value));
		name = va_arg(ap, const char *);
		if (name != NULL)
			value = va_arg(ap, struct str);
	}
	va_end(ap);
	return in;
}

struct str cfn_document(struct cfn_resource *r, const struct json *document)
{
	return document == NULL ? STR_NONE : json_is(document, JSON_STRING) ? json_str(document) : json_text(r->c->arena, document);
}

struct str cfn_text(const struct json *properties, const char *name) { return json_get_str(properties, name); }

bool cfn_list_has(const struct json *list, struct str s)
{
	for (uint32_t i = 0; json_is(list, JSON_ARRAY) && i < list->n; i++)
		if (str_eq(json_str(&list->items[i]), s))
			return true;
	return false;
}

/* ---- roles, users and groups ---- */

struct entity_type { const char *kind, *name; bool tagged, bounded; };
static const struct entity_type role_type = {"Role", "RoleName", true, true}, user_type = {"User", "UserName", true, true},
	group_type = {"Group", "GroupName", false, false};

static const char *op_name(struct cfn_resource *r, const char *before, const struct entity_type *t, const char *after)
{
	return arena_cstr(r->c->arena, arena_printf(r->c->arena, "%s%s%s", before, t->kind, after));
}

static bool sync_attached(struct cfn_resource *r, enum cfn_status *s, const struct entity_type *t, const struct json *old, const struct json *now)
{
	for (uint32_t i = 0; json_is(old, JSON_ARRAY) && i < old->n; i++) {
		struct str arn = json_str(&old->items[i]);
		if (!cfn_list_has(now, arn) &&
		    !cfn_undo(r, s, op_name(r, "Detach", t, "Policy"), cfn_args(r, t->name, r->physical_id, "PolicyArn", arn, NULL)))
			return false;
	}
	for (uint32_t i = 0; json_is(now, JSON_ARRAY) && i < now->n; i++) {
		struct str arn = json_str(&now->items[i]);
		if (!cfn_list_has(old, arn) &&
		    !cfn_do(r, s, op_name(r, "Attach", t, "Policy"), cfn_args(r, t->name, r->physical_id, "PolicyArn", arn, NULL), NULL))
			return false;
	}
	return true;
}

static bool has_inline(const struct json *policies, struct str name)
{
	for (uint32_t i = 0; json_is(policies, JSON_ARRAY) && i < policies->n; i++)
		if (str_eq(cfn_text(&policies->items[i], "PolicyName"), name))
			return true;
	return false;
}

static bool sync_inline(struct cfn_resource *r, enum cfn_status *s, const struct entity_type *t, const struct json *old, const struct json *now)
{
	for (uint32_t i = 0; json_is(old, JSON_ARRAY) && i < old->n; i++) {
		struct str name = cfn_text(&old->items[i], "PolicyName");
		if (!has_inline(now, name) &&
		    !cfn_undo(r, s, op_name(r, "Delete", t, "Policy"), cfn_args(r, t->name, r->physical_id, "PolicyName", name, NULL)))
			return false;
	}
	for (uint32_t i = 0; json_is(now, JSON_ARRAY) && i < now->n; i++) {
		const struct json *p = &now->items[i];
		struct json *in = cfn_args(r, t->name, r->physical_id, "PolicyName", cfn_text(p, "PolicyName"),
			"PolicyDocument", cfn_document(r, json_get(p, S("PolicyDocument"))), NULL);
		if (!cfn_do(r, s, op_name(r, "Put", t, "Policy"), in, NULL))
			return false;
	}
	return true;
}

static bool sync_tags(struct cfn_resource *r, enum cfn_status *s, const struct entity_type *t)
{
	const struct cfn_tagging tagging = {"iam", op_name(r, "Tag", t, ""), op_name(r, "Untag", t, ""), t->name, "Tags", "TagKeys", false};
	*s = cfn_tags_update(r, &tagging, r->physical_id);
	return *s == CFN_DONE;
}

static bool sync_boundary(struct cfn_resource *r, enum cfn_status *s, const struct entity_type *t)
{
	struct str old = cfn_text(r->old_properties, "PermissionsBoundary"), now = cfn_text(r->properties, "PermissionsBoundary");
	if (str_eq(old, now))
		return true;
	if (!str_present(now))
		return cfn_undo(r, s, op_name(r, "Delete", t, "PermissionsBoundary"), cfn_args(r, t->name, r->physical_id, NULL));
	return cfn_do(r, s, op_name(r, "Put", t, "PermissionsBoundary"), cfn_args(r, t->name, r->physical_id, "PermissionsBoundary", now, NULL), NULL);
}

/* Groups of a user. */
static bool sync_groups(struct cfn_resource *r, enum cfn_status *s, const struct json *old, const struct json *now)
{
	for (uint32_t i = 0; json_is(old, JSON_ARRAY) && i < old->n; i++) {
		struct str group = json_str(&old->items[i]);
		if (!cfn_list_has(now, group) && !cfn_undo(r, s, "RemoveUserFromGroup", cfn_args(r, "UserName", r->physical_id, "GroupName", group, NULL)))
			return false;
	}
	for (uint32_t i = 0; json_is(now, JSON_ARRAY) && i < now->n; i++)
		if (!cfn_do(r, s, "AddUserToGroup", cfn_args(r, "UserName", r->physical_id, "GroupName", json_str(&now->items[i]), NULL), NULL))
			return false;
	return true;
}

/* The password of a user. */
static bool sync_login(struct cfn_resource *r, enum cfn_status *s, const struct json *old, const struct json *now)
{
	if (json_equal(old, now))
		return true;
	if (now == NULL)
		return cfn_undo(r, s, "DeleteLoginProfile", cfn_args(r, "UserName", r->physical_id, NULL));
	struct json *in = cfn_args(r, "UserName", r->physical_id, "Password", cfn_text(now, "Password"), NULL);
	json_set_bool(r->c->arena, in, "PasswordResetRequired", cfn_true(json_get(now, S("PasswordResetRequired"))));
	return cfn_do(r, s, old == NULL ? "CreateLoginProfile" : "UpdateLoginProfile", in, NULL);
}

/* What create and update do alike: bring all that is attached from old to now. */
static bool sync_all(struct cfn_resource *r, enum cfn_status *s, const struct entity_type *t, const struct json *old, const struct json *now)
{
	struct str attached = S("ManagedPolicyArns"), policies = S("Policies"), groups = S("Groups"), login = S("LoginProfile");
	return sync_attached(r, s, t, json_get(old, attached), json_get(now, attached)) &&
	       sync_inline(r, s, t, json_get(old, policies), json_get(now, policies)) &&
	       (t != &user_type || (sync_groups(r, s, json_get(old, groups), json_get(now, groups)) &&
	                            sync_login(r, s, json_get(old, login), json_get(now, login))));
}

static void set_attributes(struct cfn_resource *r, const struct entity_type *t, const struct json *out)
{
	struct json *e = json_get(out, str_c(t->kind));
	ASSERT(str_present(json_get_str(e, "Arn")));
	r->attributes = json_new_object(r->c->arena);
	json_set_str(r->c->arena, r->attributes, "Arn", json_get_str(e, "Arn"));
	if (t == &role_type)
		json_set_str(r->c->arena, r->attributes, "RoleId", json_get_str(e, "RoleId"));
}

static enum cfn_status entity_create(struct cfn_resource *r, const struct entity_type *t)
{
	ASSERT(r->properties != NULL);
	enum cfn_status s = CFN_DONE;
	struct arena *a = r->c->arena;
	struct str name = cfn_text(r->properties, t->name);
	if (!str_present(name))
		name = cfn_make_name(r, t == &group_type ? 128 : 64, false);
	struct json *in = cfn_args(r, t->name, name, "Path", cfn_text(r->properties, "Path"), NULL), *out = NULL;
	if (t->bounded)
		json_set_str(a, in, "PermissionsBoundary", cfn_text(r->properties, "PermissionsBoundary"));
	if (t->bounded && !str_present(cfn_text(r->properties, "PermissionsBoundary")))
		json_unset(in, S("PermissionsBoundary"));
	if (t->tagged)
		json_set(a, in, S("Tags"), cfn_tags(r, false));
	if (t == &role_type) {
		json_set_str(a, in, "AssumeRolePolicyDocument", cfn_document(r, json_get(r->properties, S("AssumeRolePolicyDocument"))));
		if (json_get(r->properties, S("Description")) != NULL)
			json_set(a, in, S("Description"), json_get(r->properties, S("Description")));
		if (json_get(r->properties, S("MaxSessionDuration")) != NULL)
			json_set(a, in, S("MaxSessionDuration"), json_get(r->properties, S("MaxSessionDuration")));
	}
	if (!cfn_do(r, &s, op_name(r, "Create", t, ""), in, &out))
		return s;
	r->physical_id = name;
	set_attributes(r, t, out);
	return sync_all(r, &s, t, NULL, r->properties) ? CFN_DONE : s;
}

static bool update_role(struct cfn_resource *r, enum cfn_status *s)
{
	struct arena *a = r->c->arena;
	struct str trust = cfn_document(r, json_get(r->properties, S("AssumeRolePolicyDocument")));
	if (!str_eq(trust, cfn_document(r, json_get(r->old_properties, S("AssumeRolePolicyDocument")))) &&
	    !cfn_do(r, s, "UpdateAssumeRolePolicy", cfn_args(r, "RoleName", r->physical_id, "PolicyDocument", trust, NULL), NULL))
		return false;
	struct str description = cfn_text(r->properties, "Description");
	struct json *in = cfn_args(r, "RoleName", r->physical_id, "Description", str_present(description) ? description : S(""), NULL);
	const struct json *session = json_get(r->properties, S("MaxSessionDuration"));
	json_set(a, in, S("MaxSessionDuration"), session != NULL ? session : json_new_i64(a, 3600));
	return cfn_do(r, s, "UpdateRole", in, NULL);
}

static enum cfn_status entity_update(struct cfn_resource *r, const struct entity_type *t)
{
	ASSERT(str_present(r->physical_id) && r->old_properties != NULL);
	enum cfn_status s = CFN_DONE;
	if (t == &role_type && !update_role(r, &s))
		return s;
	if ((t->bounded && !sync_boundary(r, &s, t)) || (t->tagged && !sync_tags(r, &s, t)) || !sync_all(r, &s, t, r->old_properties, r->properties))
		return s;
	struct json *out = NULL;
	if (!cfn_do(r, &s, op_name(r, "Get", t, ""), cfn_args(r, t->name, r->physical_id, NULL), &out))
		return s;
	set_attributes(r, t, out);
	return CFN_DONE;
}

static enum cfn_status entity_remove(struct cfn_resource *r, const struct entity_type *t)
{
	enum cfn_status s = CFN_DONE;
	if (!sync_all(r, &s, t, r->properties, NULL))
		return s;
	return cfn_undo(r, &s, op_name(r, "Delete", t, ""), cfn_args(r, t->name, r->physical_id, NULL)) ? CFN_DONE : s;
}

#define ENTITY_FUNCTIONS(name) \
	static enum cfn_status name##_create(struct cfn_resource *r) { return entity_create(r, &name##_type); } \
	static enum cfn_status name##_update(struct cfn_resource *r) { return entity_update(r, &name##_type); } \
	static enum cfn_status name##_remove(struct cfn_resource *r) { return entity_remove(r, &name##_type); }
ENTITY_FUNCTIONS(role)
ENTITY_FUNCTIONS(user)
ENTITY_FUNCTIONS(group)

/* ---- the table ---- */

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

const struct cfn_type iam_cfn_types[IAM_CFN_TYPES] = {
	{"AWS::IAM::Role",
	 NAMES("AssumeRolePolicyDocument", "Description", "ManagedPolicyArns", "MaxSessionDuration", "Path", "PermissionsBoundary", "Policies",
	       "RoleName", "Tags"),
	 NAMES("RoleName", "Path"), role_create, role_update, role_remove, "RoleName"},
	{"AWS::IAM::User", NAMES("Groups", "LoginProfile", "ManagedPolicyArns", "Path", "PermissionsBoundary", "Policies", "Tags", "UserName"),
	 NAMES("UserName", "Path"), user_create, user_update, user_remove, "UserName"},
	{"AWS::IAM::Group", NAMES("GroupName", "ManagedPolicyArns", "Path", "Policies"),
	 NAMES("GroupName", "Path"), group_create, group_update, group_remove, "GroupName"},
	{"AWS::IAM::Policy", NAMES("Groups", "PolicyDocument", "PolicyName", "Roles", "Users"),
	 NULL, policy_create, policy_update, policy_remove, NULL},
	{"AWS::IAM::ManagedPolicy", NAMES("Description", "Groups", "ManagedPolicyName", "Path", "PolicyDocument", "Roles", "Tags", "Users"),
	 NAMES("Description", "ManagedPolicyName", "Path"), managed_policy_create, managed_policy_update, managed_policy_remove, "ManagedPolicyName"},
	{"AWS::IAM::InstanceProfile", NAMES("InstanceProfileName", "Path", "Roles"),
	 NAMES("InstanceProfileName", "Path"), instance_profile_create, instance_profile_update, instance_profile_remove, "InstanceProfileName"},
	{"AWS::IAM::AccessKey", NAMES("Serial", "Status", "UserName"),
	 NAMES("Serial", "UserName"), access_key_create, access_key_update, access_key_remove, NULL},
	{"AWS::IAM::RolePolicy", NAMES("PolicyDocument", "PolicyName", "RoleName"),
	 NAMES("PolicyName", "RoleName"), inline_policy_create, inline_policy_update, inline_policy_remove, NULL},
	{"AWS::IAM::UserPolicy", NAMES("PolicyDocument", "PolicyName", "UserName"),
	 NAMES("PolicyName", "UserName"), inline_policy_create, inline_policy_update, inline_policy_remove, NULL},
	{"AWS::IAM::GroupPolicy", NAMES("PolicyDocument", "PolicyName", "GroupName"),
	 NAMES("PolicyName", "GroupName"), inline_policy_create, inline_policy_update, inline_policy_remove, NULL},
	{"AWS::IAM::UserToGroupAddition", NAMES("GroupName", "Users"),
	 NAMES("GroupName"), membership_create, membership_update, membership_remove, NULL},
	{"AWS::IAM::VirtualMFADevice", NAMES("Path", "Tags", "Users", "VirtualMfaDeviceName"),
	 NAMES("Path", "VirtualMfaDeviceName"), mfa_device_create, mfa_device_update, mfa_device_remove, "VirtualMfaDeviceName"},
	{"AWS::IAM::OIDCProvider", NAMES("ClientIdList", "Tags", "ThumbprintList", "Url"),
	 NAMES("Url"), oidc_provider_create, oidc_provider_update, oidc_provider_remove, NULL},
	{"AWS::IAM::ServiceLinkedRole", NAMES("AWSServiceName", "CustomSuffix", "Description"),
	 NAMES("AWSServiceName", "CustomSuffix"), linked_role_create, linked_role_update, linked_role_remove, NULL},
};
