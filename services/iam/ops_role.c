/* Roles: create, read, change, delete. Those linked to a service are made in ops_linked.c.
 *
 * What always holds: a role has a trust policy that trust.c has let in, and a longest session of an hour or more.
 *
 * Source: IAM API Reference; messages as the API gives them. */
#include "iam.h"

enum { SESSION_DEFAULT_S = 3600 };

static struct iam_AttachedPermissionsBoundary *boundary_out(struct call *c, struct str arn)
{
	if (!str_present(arn))
		return NULL;
	struct iam_AttachedPermissionsBoundary *b = arena_new_of(c->arena, struct iam_AttachedPermissionsBoundary);
	b->PermissionsBoundaryType = S("Policy");
	b->PermissionsBoundaryArn = arn;
	return b;
}

void role_out(struct call *c, const struct iam_Entity *e, struct iam_Role *out, bool in_full)
{
	*out = (struct iam_Role){
		.Path = e->Path, .RoleName = e->Name, .RoleId = e->Id, .Arn = entity_arn(c, KIND_ROLE, e), .CreateDate = e->Created,
		.AssumeRolePolicyDocument = document_out(c, e->Trust), .Description = e->Description,
		.MaxSessionDuration = e->MaxSession,
	};
	if (!in_full)
		return;
	out->PermissionsBoundary = boundary_out(c, e->Boundary);
	if (e->Labels.n > 0)
		out->Tags = e->Labels;
}

static struct iam_Role *role_answer(struct call *c, const struct iam_Entity *e)
{
	struct iam_Role *r = arena_new_of(c->arena, struct iam_Role);
	role_out(c, e, r, true);
	r->RoleLastUsed = arena_new_of(c->arena, struct iam_RoleLastUsed);
	return r;
}

/* A role of a service under /aws-service-role/ is changed by that service's API only. */
static bool changeable(struct call *c, const struct iam_Entity *e)
{
	if (!str_present(e->LinkedService))
		return true;
	call_fail(c, &iam_err_UnmodifiableEntityException,
		"Cannot perform the operation on the protected role '%.*s' - this role is only modifiable by AWS", STR_ARG(e->Name));
	return false;
}

bool boundary_ok(struct call *c, struct str arn)
{
	if (!str_present(arn) || str_present(managed_document(c, arn)))
		return true;
	call_fail(c, &iam_err_NoSuchEntityException, "Scope ARN: %.*s does not exist or is not attachable.", STR_ARG(arn));
	return false;
}

void op_CreateRole(struct call *c)
{
	const struct iam_CreateRoleRequest *in = c->in;
	struct iam_CreateRoleResponse *out = c->out;
	struct iam_Entity *e = entity_new(c, KIND_ROLE, in->RoleName, in->Path, in->Tags);
	if (e == NULL || !trust_ok(c, in->AssumeRolePolicyDocument) || !boundary_ok(c, in->PermissionsBoundary))
		return;
	e->Trust = in->AssumeRolePolicyDocument;
	e->Description = in->Description;
	e->MaxSession = SOME_I64(in->MaxSessionDuration.set ? in->MaxSessionDuration.v : SESSION_DEFAULT_S);
	e->Boundary = in->PermissionsBoundary;
	entity_put(c, KIND_ROLE, e);
	out->Role = arena_new_of(c->arena, struct iam_Role);
	role_out(c, e, out->Role, true);
}

void op_GetRole(struct call *c)
{
	const struct iam_GetRoleRequest *in = c->in;
	struct iam_GetRoleResponse *out = c->out;
	const struct iam_Entity *e = entity_get(c, KIND_ROLE, in->RoleName);
	if (e != NULL)
		out->Role = role_answer(c, e);
}

struct in_profile { struct str role; bool found; };

static void look_in_profile(struct call *c, const struct iam_Entity *e, void *arg)
{
	struct in_profile *p = arg;
	(void)c;
	p->found |= texts_have(&e->Roles, p->role);
}

void op_DeleteRole(struct call *c)
{
	const struct iam_DeleteRoleRequest *in = c->in;
	const struct iam_Entity *e = entity_get(c, KIND_ROLE, in->RoleName);
	if (e == NULL || !changeable(c, e))
		return;
	struct in_profile p = {e->Name, false};
	entity_each(c, KIND_PROFILE, look_in_profile, &p);
	if (p.found)
		call_fail(c, &iam_err_DeleteConflictException, "Cannot delete entity, must remove roles from instance profile first.");
	else if (e->Attached.n > 0)
		call_fail(c, &iam_err_DeleteConflictException, "Cannot delete entity, must detach all policies first.");
	else if (e->Inline.n > 0)
		call_fail(c, &iam_err_DeleteConflictException, "Cannot delete entity, must delete policies first.");
	else
		entity_del(c, KIND_ROLE, in->RoleName);
}

static void list_role(struct call *c, const struct iam_Entity *e, void *arg)
{
	struct list *l = arg;
	l->v = arena_grow(c->arena, l->v, sizeof(struct iam_Role), l->n, l->n + 1);
	role_out(c, e, (struct iam_Role *)l->v + l->n++, false);
}

void op_ListRoles(struct call *c)
{
	const struct iam_ListRolesRequest *in = c->in;
	struct iam_ListRolesResponse *out = c->out;
	out->Roles = LIST_OF(c->arena, struct iam_Role, 0);
	entity_page(c, KIND_ROLE, in->PathPrefix, in->Marker, in->MaxItems, list_role, &out->Roles, &out->IsTruncated, &out->Marker);
}

void op_UpdateRole(struct call *c)
{
	const struct iam_UpdateRoleRequest *in = c->in;
	struct iam_Entity *e = entity_get(c, KIND_ROLE, in->RoleName);
	if (e == NULL || !changeable(c, e))
		return;
	if (str_present(in->Description))
		e->Description = in->Description;
	if (in->MaxSessionDuration.set)
		e->MaxSession = in->MaxSessionDuration;
	entity_put(c, KIND_ROLE, e);
}

void op_UpdateRoleDescription(struct call *c)
{
	const struct iam_UpdateRoleDescriptionRequest *in = c->in;
	struct iam_UpdateRoleDescriptionResponse *out = c->out;
	struct iam_Entity *e = entity_get(c, KIND_ROLE, in->RoleName);
	if (e == NULL)
		return;
	e->Description = in->Description;
	entity_put(c, KIND_ROLE, e);
	out->Role = role_answer(c, e);
}

void op_UpdateAssumeRolePolicy(struct call *c)
{
	const struct iam_UpdateAssumeRolePolicyRequest *in = c->in;
	struct iam_Entity *e = entity_get(c, KIND_ROLE, in->RoleName);
	if (e == NULL || !changeable(c, e) || !trust_ok(c, in->PolicyDocument))
		return;
	e->Trust = in->PolicyDocument;
	entity_put(c, KIND_ROLE, e);
}
