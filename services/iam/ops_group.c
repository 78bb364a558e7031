/* Groups and who is in them.
 *
 * What always holds: membership is kept in the user's record by the group's name, so a renamed group is renamed in every member, and a
 * group with members cannot be deleted: no user is in a group that is not there.
 *
 * Source: IAM API Reference. */
#include "iam.h"

enum { GROUPS_PER_USER = 10 };

static struct iam_Group group_out(struct call *c, const struct iam_Entity *e)
{
	return (struct iam_Group){e->Path, e->Name, e->Id, entity_arn(c, KIND_GROUP, e), e->Created};
}

void op_CreateGroup(struct call *c)
{
	const struct iam_CreateGroupRequest *in = c->in;
	struct iam_CreateGroupResponse *out = c->out;
	const struct iam_Entity *e = entity_new(c, KIND_GROUP, in->GroupName, in->Path, (struct list){0});
	if (e == NULL)
		return;
	entity_put(c, KIND_GROUP, e);
	out->Group = arena_new_of(c->arena, struct iam_Group);
	*out->Group = group_out(c, e);
}

struct members { struct str group; struct list users; };

static void collect_member(struct call *c, const struct iam_Entity *e, void *arg)
{
	struct members *m = arg;
	if (!texts_have(&e->Groups, m->group))
		return;
	struct iam_User *v = m->users.v = arena_grow(c->arena, m->users.v, sizeof *v, m->users.n, m->users.n + 1);
	v[m->users.n++] = (struct iam_User){.Path = e->Path, .UserName = e->Name, .UserId = e->Id, .Arn = entity_arn(c, KIND_USER, e),
		.CreateDate = e->Created};
}

static struct list members_of(struct call *c, struct str group)
{
	struct members m = {group, LIST_OF(c->arena, struct iam_User, 0)};
	entity_each(c, KIND_USER, collect_member, &m);
	return m.users;
}

void op_GetGroup(struct call *c)
{
	const struct iam_GetGroupRequest *in = c->in;
	struct iam_GetGroupResponse *out = c->out;
	const struct iam_Entity *e = entity_get(c, KIND_GROUP, in->GroupName);
	struct page p;
	if (e == NULL || !page_open(c, in->Marker, in->MaxItems, &p))
		return;
	out->Group = arena_new_of(c->arena, struct iam_Group);
	*out->Group = group_out(c, e);
	out->Users = page_cut(c, p, members_of(c, e->Name), sizeof(struct iam_User), &out->IsTruncated, &out->Marker);
}

void op_DeleteGroup(struct call *c)
{
	const struct iam_DeleteGroupRequest *in = c->in;
	const struct iam_Entity *e = entity_get(c, KIND_GROUP, in->GroupName);
	if (e == NULL)
		return;
	const char *what = members_of(c, e->Name).n > 0 ? "must remove users from group first" : e->Attached.n > 0 ? "must detach all policies first"
		: e->Inline.n > 0 ? "must delete policies first" : NULL;
	if (what != NULL)
		call_fail(c, &iam_err_DeleteConflictException, "Cannot delete entity, %s.", what);
	else
		entity_del(c, KIND_GROUP, in->GroupName);
}

static void list_group(struct call *c, const struct iam_Entity *e, void *arg)
{
	struct list *l = arg;
	struct iam_Group *v = l->v = arena_grow(c->arena, l->v, sizeof *v, l->n, l->n + 1);
	v[l->n++] = group_out(c, e);
}

void op_ListGroups(struct call *c)
{
	const struct iam_ListGroupsRequest *in = c->in;
	struct iam_ListGroupsResponse *out = c->out;
	out->Groups = LIST_OF(c->arena, struct iam_Group, 0);
	entity_page(c, KIND_GROUP, in->PathPrefix, in->Marker, in->MaxItems, list_group, &out->Groups, &out->IsTruncated, &out->Marker);
}

struct rename { struct str from, to; };

static void rename_member(struct call *c, const struct iam_Entity *e, void *arg)
{
	const struct rename *r = arg;
	struct iam_Entity changed = *e;
	if (!texts_remove(&changed.Groups, r->from))
		return;
	texts_add(c->arena, &changed.Groups, r->to);
	entity_put(c, KIND_USER, &changed);
}

void op_UpdateGroup(struct call *c)
{
	const struct iam_UpdateGroupRequest *in = c->in;
	struct iam_Entity *e = entity_get(c, KIND_GROUP, in->GroupName);
	if (e == NULL)
		return;
	if (str_present(in->NewPath))
		e->Path = in->NewPath;
	if (str_present(in->NewGroupName) && !str_eq(in->NewGroupName, e->Name)) {
		struct rename r = {e->Name, in->NewGroupName};
		if (!entity_rename(c, KIND_GROUP, e, in->NewGroupName))
			return;
		entity_each(c, KIND_USER, rename_member, &r);
	}
	entity_put(c, KIND_GROUP, e);
}

void op_AddUserToGroup(struct call *c)
{
	const struct iam_AddUserToGroupRequest *in = c->in;
	const struct iam_Entity *group = entity_get(c, KIND_GROUP, in->GroupName);
	struct iam_Entity *user = group != NULL ? entity_get(c, KIND_USER, in->UserName) : NULL;
	if (user == NULL || texts_have(&user->Groups, in->GroupName))
		return;
	if (user->Groups.n >= GROUPS_PER_USER) {
		call_fail(c, &iam_err_LimitExceededException, "Cannot exceed quota for GroupsPerUser: %d", GROUPS_PER_USER);
		return;
	}
	texts_add(c->arena, &user->Groups, in->GroupName);
	entity_put(c, KIND_USER, user);
}

void op_RemoveUserFromGroup(struct call *c)
{
	const struct iam_RemoveUserFromGroupRequest *in = c->in;
	const struct iam_Entity *group = entity_get(c, KIND_GROUP, in->GroupName);
	struct iam_Entity *user = group != NULL ? entity_get(c, KIND_USER, in->UserName) : NULL;
	if (user == NULL)
		return;
	if (texts_remove(&user->Groups, in->GroupName))
		entity_put(c, KIND_USER, user);
	else
		call_fail(c, &iam_err_NoSuchEntityException, "The user with name %.*s is not in the group %.*s.", STR_ARG(in->UserName),
			STR_ARG(in->GroupName));
}

void op_ListGroupsForUser(struct call *c)
{
	const struct iam_ListGroupsForUserRequest *in = c->in;
	struct iam_ListGroupsForUserResponse *out = c->out;
	const struct iam_Entity *user = entity_get(c, KIND_USER, in->UserName);
	struct page p;
	if (user == NULL || !page_open(c, in->Marker, in->MaxItems, &p))
		return;
	struct list l = LIST_OF(c->arena, struct iam_Group, 0);
	for (uint32_t i = 0; i < user->Groups.n; i++) {
		const struct iam_Entity *e = entity_find(c, KIND_GROUP, *LIST_AT(user->Groups, struct str, i));
		if (e != NULL)
			list_group(c, e, &l);
	}
	out->Groups = page_cut(c, p, l, sizeof(struct iam_Group), &out->IsTruncated, &out->Marker);
}
