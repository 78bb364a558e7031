/* What roles, users and groups have in common: attached and inline policies, boundaries, tags. Each operation names its
 * kind and its members; the work is written once.
 *
 * Source: IAM API Reference; quotas: "IAM and AWS STS quotas". */
#include "iam.h"

enum { ATTACHED_MAX = 10 };

static const struct { const char *attached_quota, *word; size_t inline_max; } limits[] = {
	[KIND_USER] = {"PoliciesPerUser", "user", 2048},
	[KIND_ROLE] = {"PoliciesPerRole", "role", 10240},
	[KIND_GROUP] = {"PoliciesPerGroup", "group", 5120},
};

static bool protected_role(struct call *c, const struct iam_Entity *e)
{
	if (!str_present(e->LinkedService))
		return false;
	call_fail(c, &iam_err_UnmodifiableEntityException,
		"Cannot perform the operation on the protected role '%.*s' - this role is only modifiable by AWS", STR_ARG(e->Name));
	return true;
}

/* ---- attached ---- */

static void attach(struct call *c, enum kind kind, struct str name, struct str arn)
{
	struct iam_Entity *e = entity_get(c, kind, name);
	if (e == NULL || protected_role(c, e))
		return;
	if (!str_present(managed_document(c, arn))) {
		call_fail(c, &iam_err_NoSuchEntityException, "Policy %.*s does not exist or is not attachable.", STR_ARG(arn));
		return;
	}
	if (str_starts(arn, S("arn:aws:iam::aws:policy/aws-service-role/"))) {
		call_fail(c, &iam_err_PolicyNotAttachableException, "Cannot attach a Service Role Policy to a Customer Role.");
		return;
	}
	if (texts_have(&e->Attached, arn))
		return;
	if (e->Attached.n >= ATTACHED_MAX) {
		call_fail(c, &iam_err_LimitExceededException, "Cannot exceed quota for %s: %d", limits[kind].attached_quota, ATTACHED_MAX);
		return;
	}
	ASSERT(e->Attached.n < ATTACHED_MAX);
	texts_add(c->arena, &e->Attached, arn);
	entity_put(c, kind, e);
}

static void detach(struct call *c, enum kind kind, struct str name, struct str arn)
{
	struct iam_Entity *e = entity_get(c, kind, name);
	if (e == NULL || protected_role(c, e))
		return;
	if (!texts_remove(&e->Attached, arn)) {
		call_fail(c, &iam_err_NoSuchEntityException, "Policy %.*s was not found.", STR_ARG(arn));
		return;
	}
	entity_put(c, kind, e);
}

struct list attached_out(struct call *c, const struct iam_Entity *e, struct str path_prefix)
{
	struct list l = LIST_OF(c->arena, struct iam_AttachedPolicy, e->Attached.n);
	struct iam_AttachedPolicy *v = l.v;
	l.n = 0;
	for (uint32_t i = 0; i < e->Attached.n; i++) {
		struct str arn = *LIST_AT(e->Attached, struct str, i);
		ptrdiff_t colon = str_find_str(arn, S(":policy/"));
		struct str path = colon >= 0 ? str_slice(arn, (size_t)colon + 7, arn.n) : arn;
		if (!str_starts(path, path_prefix))
			continue;
		v[l.n++] = (struct iam_AttachedPolicy){str_slice(arn, (size_t)str_rfind(arn, '/') + 1, arn.n), arn};
	}
	return l;
}

#define ATTACH_OPERATIONS(Kind, KIND, Member) \
	void op_Attach##Kind##Policy(struct call *c) \
	{ \
		const struct iam_Attach##Kind##PolicyRequest *in = c->in; \
		attach(c, KIND, in->Member, in->PolicyArn); \
	} \
	void op_Detach##Kind##Policy(struct call *c) \
	{ \
		const struct iam_Detach##Kind##PolicyRequest *in = c->in; \
		detach(c, KIND, in->Member, in->PolicyArn); \
	} \
	void op_ListAttached##Kind##Policies(struct call *c) \
	{ \
		const struct iam_ListAttached##Kind##PoliciesRequest *in = c->in; \
		struct iam_ListAttached##Kind##PoliciesResponse *out = c->out; \
		const struct iam_Entity *e = entity_get(c, KIND, in->Member); \
		struct page p; \
		if (e == NULL || !page_open(c, in->Marker, in->MaxItems, &p)) \
			return; \
		out->AttachedPolicies = page_cut(c, p, attached_out(c, e, in->PathPrefix), sizeof(struct iam_AttachedPolicy), \
			&out->IsTruncated, &out->Marker); \
	}
ATTACH_OPERATIONS(Role, KIND_ROLE, RoleName)
ATTACH_OPERATIONS(User, KIND_USER, UserName)
ATTACH_OPERATIONS(Group, KIND_GROUP, GroupName)

/* ---- inline ---- */

static struct iam_Documents_entry *inline_find(const struct iam_Entity *e, struct str name)
{
	ASSERT(e->Inline.n == 0 || e->Inline.v != NULL);
	struct iam_Documents_entry *v = e->Inline.v;
	for (uint32_t i = 0; i < e->Inline.n; i++)
		if (str_eq(v[i].key, name))
			return &v[i];
	return NULL;
}

static void inline_put(struct call *c, enum kind kind, struct str entity, struct str name, struct str document)
{
	struct iam_Entity *e = entity_get(c, kind, entity);
	if (e == NULL || protected_role(c, e) || !document_ok(c, document, POLICY_IDENTITY))
		return;
	struct iam_Documents_entry *d = inline_find(e, name);
	if (d == NULL) {
		struct iam_Documents_entry *v = arena_grow(c->arena, e->Inline.v, sizeof *v, e->Inline.n, e->Inline.n + 1);
		uint32_t at = e->Inline.n;
		for (; at > 0 && str_cmp(v[at - 1].key, name) > 0; at--)
			v[at] = v[at - 1];
		e->Inline = (struct map_of){v, e->Inline.n + 1, true};
		d = &v[at];
	}
	ASSERT(d >= (struct iam_Documents_entry *)e->Inline.v && d < (struct iam_Documents_entry *)e->Inline.v + e->Inline.n);
	*d = (struct iam_Documents_entry){name, document};
	size_t size = 0;
	for (uint32_t i = 0; i < e->Inline.n; i++)
		size += document_size(((struct iam_Documents_entry *)e->Inline.v)[i].value);
	if (size > limits[kind].inline_max) {
		call_fail(c, &iam_err_LimitExceededException, "Maximum policy size of %zu bytes exceeded for %s %.*s", limits[kind].inline_max,
			limits[kind].word, STR_ARG(entity));
		return;
	}
	entity_put(c, kind, e);
}

static void fail_no_inline(struct call *c, enum kind kind, struct str name)
{
	call_fail(c, &iam_err_NoSuchEntityException, "The %s policy with name %.*s cannot be found.", limits[kind].word, STR_ARG(name));
}

static struct str inline_get(struct call *c, enum kind kind, struct str entity, struct str name)
{
	const struct iam_Entity *e = entity_get(c, kind, entity);
	if (e == NULL)
		return STR_NONE;
	const struct iam_Documents_entry *d = inline_find(e, name);
	if (d == NULL)
		fail_no_inline(c, kind, name);
	return d != NULL ? document_out(c, d->value) : STR_NONE;
}

static void inline_delete(struct call *c, enum kind kind, struct str entity, struct str name)
{
	struct iam_Entity *e = entity_get(c, kind, entity);
	if (e == NULL || protected_role(c, e))
		return;
	struct iam_Documents_entry *d = inline_find(e, name), *v = e->Inline.v;
	if (d == NULL) {
		fail_no_inline(c, kind, name);
		return;
	}
	ASSERT(e->Inline.n > 0 && d < v + e->Inline.n);
	memmove(d, d + 1, (size_t)(v + e->Inline.n - d - 1) * sizeof *d);
	e->Inline.n--;
	entity_put(c, kind, e);
}

static struct list inline_names(struct call *c, const struct iam_Entity *e)
{
	struct list l = LIST_OF(c->arena, struct str, e->Inline.n);
	for (uint32_t i = 0; i < e->Inline.n; i++)
		((struct str *)l.v)[i] = ((const struct iam_Documents_entry *)e->Inline.v)[i].key;
	return l;
}

#define INLINE_OPERATIONS(Kind, KIND, Member) \
	void op_Put##Kind##Policy(struct call *c) \
	{ \
		const struct iam_Put##Kind##PolicyRequest *in = c->in; \
		inline_put(c, KIND, in->Member, in->PolicyName, in->PolicyDocument); \
	} \
	void op_Get##Kind##Policy(struct call *c) \
	{ \
		const struct iam_Get##Kind##PolicyRequest *in = c->in; \
		struct iam_Get##Kind##PolicyResponse *out = c->out; \
		out->Member = in->Member; \
		out->PolicyName = in->PolicyName; \
		out->PolicyDocument = inline_get(c, KIND, in->Member, in->PolicyName); \
	} \
	void op_Delete##Kind##Policy(struct call *c) \
	{ \
		const struct iam_Delete##Kind##PolicyRequest *in = c->in; \
		inline_delete(c, KIND, in->Member, in->PolicyName); \
	} \
	void op_List##Kind##Policies(struct call *c) \
	{ \
		const struct iam_List##Kind##PoliciesRequest *in = c->in; \
		struct iam_List##Kind##PoliciesResponse *out = c->out; \
		const struct iam_Entity *e = entity_get(c, KIND, in->Member); \
		struct page p; \
		if (e == NULL || !page_open(c, in->Marker, in->MaxItems, &p)) \
			return; \
		out->PolicyNames = page_cut(c, p, inline_names(c, e), sizeof(struct str), &out->IsTruncated, &out->Marker); \
	}
INLINE_OPERATIONS(Role, KIND_ROLE, RoleName)
INLINE_OPERATIONS(User, KIND_USER, UserName)
INLINE_OPERATIONS(Group, KIND_GROUP, GroupName)

/* ---- boundaries ---- */

static void set_boundary(struct call *c, enum kind kind, struct str name, struct str arn)
{
	struct iam_Entity *e = entity_get(c, kind, name);
	if (e == NULL || protected_role(c, e) || !boundary_ok(c, arn))
		return;
	if (!str_present(arn) && !str_present(e->Boundary)) {
		call_fail(c, &iam_err_NoSuchEntityException, "The %s with name %.*s does not have a permissions boundary.", limits[kind].word, STR_ARG(name));
		return;
	}
	e->Boundary = arn;
	entity_put(c, kind, e);
}

#define BOUNDARY_OPERATIONS(Kind, KIND, Member) \
	void op_Put##Kind##PermissionsBoundary(struct call *c) \
	{ \
		const struct iam_Put##Kind##PermissionsBoundaryRequest *in = c->in; \
		set_boundary(c, KIND, in->Member, in->PermissionsBoundary); \
	} \
	void op_Delete##Kind##PermissionsBoundary(struct call *c) \
	{ \
		const struct iam_Delete##Kind##PermissionsBoundaryRequest *in = c->in; \
		set_boundary(c, KIND, in->Member, STR_NONE); \
	}
BOUNDARY_OPERATIONS(Role, KIND_ROLE, RoleName)
BOUNDARY_OPERATIONS(User, KIND_USER, UserName)

/* ---- tags ---- */

static const char *tag_word(enum kind kind) { return kind == KIND_ROLE ? "Role" : kind == KIND_USER ? "User" : "InstanceProfile"; }

static void tag(struct call *c, enum kind kind, struct str name, struct list tags)
{
	struct iam_Entity *e = entity_get(c, kind, name);
	if (e == NULL || !tags_merge(c, &e->Labels, tags, tag_word(kind)))
		return;
	entity_put(c, kind, e);
	if (kind == KIND_USER)
		keys_changed(c, kind, name); /* tags are condition keys of the principal */
}

static void untag(struct call *c, enum kind kind, struct str name, struct list keys)
{
	struct iam_Entity *e = entity_get(c, kind, name);
	if (e == NULL)
		return;
	tags_remove(&e->Labels, keys);
	entity_put(c, kind, e);
	if (kind == KIND_USER)
		keys_changed(c, kind, name);
}

#define TAG_OPERATIONS(Kind, KIND, Member) \
	void op_Tag##Kind(struct call *c) \
	{ \
		const struct iam_Tag##Kind##Request *in = c->in; \
		tag(c, KIND, in->Member, in->Tags); \
	} \
	void op_Untag##Kind(struct call *c) \
	{ \
		const struct iam_Untag##Kind##Request *in = c->in; \
		untag(c, KIND, in->Member, in->TagKeys); \
	} \
	void op_List##Kind##Tags(struct call *c) \
	{ \
		const struct iam_List##Kind##TagsRequest *in = c->in; \
		struct iam_List##Kind##TagsResponse *out = c->out; \
		const struct iam_Entity *e = entity_get(c, KIND, in->Member); \
		struct page p; \
		if (e == NULL || !page_open(c, in->Marker, in->MaxItems, &p)) \
			return; \
		out->Tags = page_cut(c, p, e->Labels, sizeof(struct iam_Tag), &out->IsTruncated, &out->Marker); \
	}
TAG_OPERATIONS(Role, KIND_ROLE, RoleName)
TAG_OPERATIONS(User, KIND_USER, UserName)
TAG_OPERATIONS(InstanceProfile, KIND_PROFILE, InstanceProfileName)
