/* What each operation touches: the entity or policy its input names, and the condition keys of IAM.
 *
 * Source: "Actions, resources, and condition keys for AWS Identity and Access Management" (Service Authorization
 * Reference). One function for all operations: it looks at the members the input has. */
#include "iam.h"

#include "svc/tags.h"

/* As it is stored, or as it would be created. */
static struct str named(struct call *c, enum kind kind, struct str name, const struct iam_Entity **found)
{
	const struct iam_Entity *e = entity_find(c, kind, name);
	struct iam_Entity made = {.Name = name, .Path = call_input_text(c, "Path")};
	if (!str_present(made.Path))
		made.Path = S("/");
	*found = e;
	return entity_arn(c, kind, e != NULL ? e : &made);
}

/* What the operation is about: an ARN, and what is stored there (either, or neither when there is nothing). */
static struct str resource_of(struct call *c, const struct iam_Entity **found)
{
	static const struct { const char *member; enum kind kind; } members[] = {
		{"InstanceProfileName", KIND_PROFILE}, {"RoleName", KIND_ROLE}, {"GroupName", KIND_GROUP}, {"UserName", KIND_USER},
	};
	for (size_t i = 0; i < COUNT_OF(members); i++) {
		struct str name = call_input_text(c, members[i].member);
		if (str_present(name))
			return named(c, members[i].kind, name, found);
	}
	struct str arn = call_input_text(c, "PolicyArn");
	if (!str_present(arn))
		arn = call_input_text(c, "PolicySourceArn");
	if (str_present(arn))
		return arn;
	struct str policy = call_input_text(c, "PolicyName"), path = call_input_text(c, "Path");
	if (str_present(policy))
		return arena_printf(c->arena, "arn:aws:iam::%.*s:policy%.*s%.*s", STR_ARG(c->account), STR_ARG(str_present(path) ? path : S("/")),
			STR_ARG(policy));
	struct str linked = call_input_text(c, "AWSServiceName");
	if (str_present(linked)) /* the role that would be made */
		return linked_role_arn(c, linked, call_input_text(c, "CustomSuffix"));
	const struct shape *input = model_op_input(c->op->model);
	if (c->op->model == &iam_op_ChangePassword || (input != NULL && shape_member(input, S("UserName")) != NULL)) /* absent: the caller's own */
		return c->who->arn;
	struct str provider = call_input_text(c, "OpenIDConnectProviderArn"), url = call_input_text(c, "Url");
	if (str_present(provider))
		return provider;
	if (str_present(url)) /* what comes after "https://" */
		return arena_printf(c->arena, "arn:aws:iam::%.*s:oidc-provider/%.*s", STR_ARG(c->account),
			STR_ARG(str_slice(url, (size_t)(str_find_str(url, S("//")) >= 0 ? str_find_str(url, S("//")) + 2 : 0), url.n)));
	struct str serial = call_input_text(c, "SerialNumber"), device = call_input_text(c, "VirtualMFADeviceName");
	if (str_present(serial))
		return serial;
	if (str_present(device))
		return arena_printf(c->arena, "arn:aws:iam::%.*s:mfa%.*s%.*s", STR_ARG(c->account), STR_ARG(str_present(path) ? path : S("/")),
			STR_ARG(device));
	return S("*");
}

/* The tags of what the operation is about. */
static struct tags tags_there(struct call *c, const struct iam_Entity *found, struct str policy_arn, struct str resource)
{
	if (found != NULL)
		return TAGS_OF(found->Labels, struct iam_Tag);
	const struct iam_Device *d = device_find(c, resource);
	if (d != NULL)
		return TAGS_OF(d->Labels, struct iam_Tag);
	const struct iam_Managed *m = str_present(policy_arn) ? managed_find(c, policy_arn) : NULL;
	return m != NULL ? TAGS_OF(m->Labels, struct iam_Tag) : (struct tags){0};
}

static void add_key(struct condition_key *keys, struct access_extra *x, struct str name, const struct str *value)
{
	if (str_present(*value))
		keys[x->n_keys++] = (struct condition_key){name, value, 1};
}

/* IAM's older keys for a resource's tags: iam:ResourceTag/... says what aws:ResourceTag/... says. */
static void add_own_tag_keys(struct call *c, struct access_extra *x, struct tags there)
{
	struct condition_key *keys = arena_array(c->arena, struct condition_key, x->n_keys + there.n);
	if (x->n_keys > 0)
		memcpy(keys, x->keys, x->n_keys * sizeof *keys);
	for (uint32_t i = 0; i < there.n; i++)
		keys[x->n_keys++] = (struct condition_key){arena_printf(c->arena, "iam:ResourceTag/%.*s", STR_ARG(there.v[i].key)), &there.v[i].value, 1};
	x->keys = keys;
}

/* AllowUsersToChangePassword of the account's password policy: "the permissions are applied at the account-level for all users", unless denied. */
static bool by_password_policy(struct call *c)
{
	if ((c->op->model != &iam_op_ChangePassword && c->op->model != &iam_op_GetAccountPasswordPolicy) || c->who->type != PRINCIPAL_USER)
		return false;
	const struct iam_PasswordPolicy *p = password_policy(c);
	struct str action = arena_printf(c->arena, "iam:%s", model_op_name(c->op->model));
	return p != NULL && p->AllowUsersToChangePassword.v &&
		authorize_as(c, c->who, action, c->who->arn, NULL).decision != DECISION_EXPLICIT_DENY;
}

void access_iam(struct call *c)
{
	if (c->who->type == PRINCIPAL_ROOT)
		return; /* nothing of IAM has a policy of its own that could deny */
	ASSERT(c->op != NULL && c->op->model != NULL);
	if (by_password_policy(c))
		return;
	enum { OWN_KEYS = 4 };
	struct condition_key *keys = arena_array(c->arena, struct condition_key, OWN_KEYS);
	struct access_extra x = {.keys = keys};
	const struct iam_Entity *found = NULL;
	struct str resource = resource_of(c, &found), *given = arena_array(c->arena, struct str, OWN_KEYS);
	given[0] = call_input_text(c, "PolicyArn");
	given[1] = call_input_text(c, "PermissionsBoundary");
	given[2] = call_input_text(c, "AWSServiceName");
	if (!str_present(given[1]) && found != NULL)
		given[1] = found->Boundary; /* of who would get or lose something */
	if (!str_eq(resource, given[0])) /* the policy is what is attached, not what is changed */
		add_key(keys, &x, S("iam:PolicyARN"), &given[0]);
	add_key(keys, &x, S("iam:PermissionsBoundary"), &given[1]);
	add_key(keys, &x, S("iam:AWSServiceName"), &given[2]);
	ASSERT(resource.n > 0 && x.n_keys <= OWN_KEYS);
	struct tags there = tags_there(c, found, str_eq(resource, given[0]) ? given[0] : STR_NONE, resource);
	tags_conditions(c, &x, there);
	add_own_tag_keys(c, &x, there);
	(void)authorize(c, NULL, resource, &x);
}
