/* Instance profiles: a container for one role, by name; a role that is in one cannot be deleted.
 *
 * Source: IAM API Reference, "Using instance profiles" (IAM User Guide). */
#include "iam.h"

static void profile_out(struct call *c, const struct iam_Entity *e, struct iam_InstanceProfile *out, bool in_full)
{
	*out = (struct iam_InstanceProfile){.Path = e->Path, .InstanceProfileName = e->Name, .InstanceProfileId = e->Id,
		.Arn = entity_arn(c, KIND_PROFILE, e), .CreateDate = e->Created, .Roles = LIST_OF(c->arena, struct iam_Role, e->Roles.n)};
	out->Roles.n = 0;
	for (uint32_t i = 0; i < e->Roles.n; i++) {
		const struct iam_Entity *role = entity_find(c, KIND_ROLE, *LIST_AT(e->Roles, struct str, i));
		if (role != NULL)
			role_out(c, role, (struct iam_Role *)out->Roles.v + out->Roles.n++, false);
	}
	if (in_full && e->Labels.n > 0)
		out->Tags = e->Labels;
}

void op_CreateInstanceProfile(struct call *c)
{
	const struct iam_CreateInstanceProfileRequest *in = c->in;
	struct iam_CreateInstanceProfileResponse *out = c->out;
	const struct iam_Entity *e = entity_new(c, KIND_PROFILE, in->InstanceProfileName, in->Path, in->Tags);
	if (e == NULL)
		return;
	entity_put(c, KIND_PROFILE, e);
	out->InstanceProfile = arena_new_of(c->arena, struct iam_InstanceProfile);
	profile_out(c, e, out->InstanceProfile, true);
}

void op_GetInstanceProfile(struct call *c)
{
	const struct iam_GetInstanceProfileRequest *in = c->in;
	struct iam_GetInstanceProfileResponse *out = c->out;
	const struct iam_Entity *e = entity_get(c, KIND_PROFILE, in->InstanceProfileName);
	if (e == NULL)
		return;
	out->InstanceProfile = arena_new_of(c->arena, struct iam_InstanceProfile);
	profile_out(c, e, out->InstanceProfile, true);
}

void op_DeleteInstanceProfile(struct call *c)
{
	const struct iam_DeleteInstanceProfileRequest *in = c->in;
	const struct iam_Entity *e = entity_get(c, KIND_PROFILE, in->InstanceProfileName);
	if (e == NULL)
		return;
	if (e->Roles.n > 0)
		call_fail(c, &iam_err_DeleteConflictException, "Cannot delete entity, must remove roles from instance profile first.");
	else
		entity_del(c, KIND_PROFILE, in->InstanceProfileName);
}

static void list_profile(struct call *c, const struct iam_Entity *e, void *arg)
{
	struct list *l = arg;
	struct iam_InstanceProfile *v = l->v = arena_grow(c->arena, l->v, sizeof *v, l->n, l->n + 1);
	profile_out(c, e, &v[l->n++], false);
}

void op_ListInstanceProfiles(struct call *c)
{
	const struct iam_ListInstanceProfilesRequest *in = c->in;
	struct iam_ListInstanceProfilesResponse *out = c->out;
	out->InstanceProfiles = LIST_OF(c->arena, struct iam_InstanceProfile, 0);
	entity_page(c, KIND_PROFILE, in->PathPrefix, in->Marker, in->MaxItems, list_profile, &out->InstanceProfiles, &out->IsTruncated, &out->Marker);
}

void op_AddRoleToInstanceProfile(struct call *c)
{
	const struct iam_AddRoleToInstanceProfileRequest *in = c->in;
	struct iam_Entity *e = entity_get(c, KIND_PROFILE, in->InstanceProfileName);
	const struct iam_Entity *role = e != NULL ? entity_get(c, KIND_ROLE, in->RoleName) : NULL;
	if (role == NULL)
		return;
	if (e->Roles.n > 0) {
		call_fail(c, &iam_err_LimitExceededException, "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1");
		return;
	}
	/* the profile hands the role to instances: iam:PassRole (IAM API Reference, AddRoleToInstanceProfile) */
	const struct str to = S("ec2.amazonaws.com");
	const struct condition_key key = {S("iam:PassedToService"), &to, 1};
	if (!authorize(c, "iam:PassRole", entity_arn(c, KIND_ROLE, role), &(struct access_extra){.keys = &key, .n_keys = 1}))
		return;
	texts_add(c->arena, &e->Roles, role->Name);
	entity_put(c, KIND_PROFILE, e);
}

void op_RemoveRoleFromInstanceProfile(struct call *c)
{
	const struct iam_RemoveRoleFromInstanceProfileRequest *in = c->in;
	struct iam_Entity *e = entity_get(c, KIND_PROFILE, in->InstanceProfileName);
	if (e == NULL)
		return;
	if (texts_remove(&e->Roles, in->RoleName))
		entity_put(c, KIND_PROFILE, e);
	else
		fail_no_such(c, KIND_ROLE, in->RoleName);
}

struct for_role { struct str role; struct list l; };

static void list_if_it_has(struct call *c, const struct iam_Entity *e, void *arg)
{
	struct for_role *f = arg;
	if (texts_have(&e->Roles, f->role))
		list_profile(c, e, &f->l);
}

struct list profiles_of_role(struct call *c, struct str role)
{
	struct for_role f = {role, LIST_OF(c->arena, struct iam_InstanceProfile, 0)};
	entity_each(c, KIND_PROFILE, list_if_it_has, &f);
	return f.l;
}

void op_ListInstanceProfilesForRole(struct call *c)
{
	const struct iam_ListInstanceProfilesForRoleRequest *in = c->in;
	struct iam_ListInstanceProfilesForRoleResponse *out = c->out;
	struct page p;
	if (entity_get(c, KIND_ROLE, in->RoleName) == NULL || !page_open(c, in->Marker, in->MaxItems, &p))
		return;
	out->InstanceProfiles = page_cut(c, p, profiles_of_role(c, in->RoleName), sizeof(struct iam_InstanceProfile), &out->IsTruncated, &out->Marker);
}
