/* Customer managed policies and their versions; reading AWS's own.
 *
 * Source: IAM API Reference, "Versioning IAM policies" (IAM User Guide): up to five versions, one is the default. */
#include "iam.h"

#include "base/map.h"
#include "svc/page.h"

enum { VERSIONS_MAX = 5, SIZE_MAX_POLICY = 6144, PAGE_DEFAULT = 100 };

/* ---- records ---- */

struct str managed_arn(struct call *c, const struct iam_Managed *m)
{
	return arena_printf(c->arena, "arn:aws:iam::%.*s:policy%.*s%.*s", STR_ARG(c->account), STR_ARG(m->Path), STR_ARG(m->Name));
}

/* Names are unique without regard to case. */
static struct key *policy_key(struct call *c, struct str name) { return key_str(call_key(c, "policy"), arena_lower(c->arena, name)); }

static void policy_put(struct call *c, const struct iam_Managed *m) { call_put(c, policy_key(c, m->Name), &iam_shape_Managed, m); }

struct iam_Managed *managed_find(struct call *c, struct str arn)
{
	ptrdiff_t slash = str_rfind(arn, '/');
	if (slash < 0)
		return NULL;
	struct iam_Managed *m = call_get(c, policy_key(c, str_slice(arn, (size_t)slash + 1, arn.n)), &iam_shape_Managed);
	return m != NULL && str_eq(managed_arn(c, m), arn) ? m : NULL;
}

static struct iam_Version *version_find(const struct iam_Managed *m, struct str id)
{
	for (uint32_t i = 0; i < m->Versions.n; i++)
		if (str_eq(LIST_AT(m->Versions, struct iam_Version, i)->Id, id))
			return LIST_AT(m->Versions, struct iam_Version, i);
	return NULL;
}

struct str managed_document(struct call *c, struct str arn)
{
	const struct aws_policy *aws = aws_policy_find(arn);
	if (aws != NULL)
		return aws->document;
	const struct iam_Managed *m = managed_find(c, arn);
	if (m == NULL)
		return STR_NONE;
	const struct iam_Version *v = version_find(m, m->Default);
	ASSERT(v != NULL);
	return v->Document;
}

static void fail_no_policy(struct call *c, struct str arn)
{
	call_fail(c, &iam_err_NoSuchEntityException, "Policy %.*s was not found.", STR_ARG(arn));
}

/* One of the account's own, to be changed; AWS's cannot. */
static struct iam_Managed *own_policy(struct call *c, struct str arn)
{
	struct iam_Managed *m = managed_find(c, arn);
	if (m == NULL && aws_policy_find(arn) != NULL)
		call_fail_code(c, 403, "AccessDenied", "Policy %.*s is managed by AWS and cannot be changed.", STR_ARG(arn));
	else if (m == NULL)
		fail_no_policy(c, arn);
	return m;
}

/* ---- who uses a policy ---- */

struct usage *usage_in(struct call *c, struct map *all, struct str arn)
{
	struct usage *u = map_get(all, arn);
	if (u != NULL)
		return u;
	u = arena_new_of(c->arena, struct usage);
	map_put(all, arn, u);
	return u;
}

static void count_usage(struct call *c, const struct iam_Entity *e, void *arg)
{
	struct map *all = arg;
	for (uint32_t i = 0; i < e->Attached.n; i++)
		usage_in(c, all, *LIST_AT(e->Attached, struct str, i))->attached++;
	if (str_present(e->Boundary))
		usage_in(c, all, e->Boundary)->boundaries++;
}

struct map usages(struct call *c)
{
	struct map all;
	map_init(&all, c->arena);
	entity_each(c, KIND_USER, count_usage, &all);
	entity_each(c, KIND_ROLE, count_usage, &all);
	entity_each(c, KIND_GROUP, count_usage, &all);
	return all;
}

/* ---- answers ---- */

static void policy_out(struct call *c, const struct iam_Managed *m, struct map *used, struct iam_Policy *out, bool in_full)
{
	ASSERT(m->Versions.n >= 1 && m->Versions.n <= VERSIONS_MAX && str_present(m->Default));
	struct str arn = managed_arn(c, m);
	const struct usage *u = usage_in(c, used, arn);
	*out = (struct iam_Policy){
		.PolicyName = m->Name, .PolicyId = m->Id, .Arn = arn, .Path = m->Path, .DefaultVersionId = m->Default,
		.AttachmentCount = SOME_I64(u->attached), .PermissionsBoundaryUsageCount = SOME_I64(u->boundaries),
		.IsAttachable = SOME_BOOL(true), .CreateDate = m->Created, .UpdateDate = m->Updated,
	};
	if (in_full) {
		out->Description = m->Description;
		out->Tags = m->Labels.n > 0 ? m->Labels : LIST_OF(c->arena, struct iam_Tag, 0);
	}
}

static void aws_policy_out(struct call *c, const struct aws_policy *p, struct map *used, struct iam_Policy *out)
{
	const struct usage *u = usage_in(c, used, p->arn);
	*out = (struct iam_Policy){
		.PolicyName = p->name, .PolicyId = p->id, .Arn = p->arn, .Path = p->path, .DefaultVersionId = p->version,
		.AttachmentCount = SOME_I64(u->attached), .PermissionsBoundaryUsageCount = SOME_I64(u->boundaries),
		.IsAttachable = SOME_BOOL(true), .CreateDate = SOME_TIME(p->created_ms), .UpdateDate = SOME_TIME(p->updated_ms),
	};
}

static void version_out(struct call *c, const struct iam_Managed *m, const struct iam_Version *v, struct iam_PolicyVersion *out, bool document)
{
	*out = (struct iam_PolicyVersion){
		.VersionId = v->Id, .IsDefaultVersion = SOME_BOOL(str_eq(v->Id, m->Default)), .CreateDate = v->Created,
		.Document = document ? document_out(c, v->Document) : STR_NONE,
	};
}

/* ---- policies ---- */

static bool document_fits(struct call *c, struct str document)
{
	if (document_size(document) <= SIZE_MAX_POLICY)
		return document_ok(c, document, POLICY_IDENTITY);
	call_fail(c, &iam_err_LimitExceededException, "Cannot exceed quota for PolicySize: %d", SIZE_MAX_POLICY);
	return false;
}

static struct iam_Version *version_add(struct call *c, struct iam_Managed *m, struct str document)
{
	struct iam_Version *v = arena_grow(c->arena, m->Versions.v, sizeof *v, m->Versions.n, m->Versions.n + 1);
	m->Versions = (struct list){v, m->Versions.n + 1, true};
	memmove(v + 1, v, (m->Versions.n - 1) * sizeof *v); /* newest first */
	m->Next.v++;
	m->Next.set = true;
	v[0] = (struct iam_Version){arena_printf(c->arena, "v%lld", (long long)m->Next.v), document, SOME_TIME(c->now_ms / 1000 * 1000)};
	m->Updated = v[0].Created;
	ASSERT(m->Versions.n <= VERSIONS_MAX);
	return v;
}

void op_CreatePolicy(struct call *c)
{
	const struct iam_CreatePolicyRequest *in = c->in;
	struct iam_CreatePolicyResponse *out = c->out;
	if (call_get(c, policy_key(c, in->PolicyName), &iam_shape_Managed) != NULL) {
		call_fail(c, &iam_err_EntityAlreadyExistsException, "A policy called %.*s already exists. Duplicate names are not allowed.",
			STR_ARG(in->PolicyName));
		return;
	}
	if (!document_fits(c, in->PolicyDocument))
		return;
	struct iam_Managed m = {.Name = in->PolicyName, .Path = str_present(in->Path) ? in->Path : S("/"), .Id = made_id(c->arena, "ANPA"),
		.Description = in->Description, .Created = SOME_TIME(c->now_ms / 1000 * 1000), .Default = S("v1")};
	if (!tags_merge(c, &m.Labels, in->Tags, "Policy"))
		return;
	version_add(c, &m, in->PolicyDocument);
	policy_put(c, &m);
	out->Policy = arena_new_of(c->arena, struct iam_Policy);
	struct map used = usages(c);
	policy_out(c, &m, &used, out->Policy, true);
}

void op_GetPolicy(struct call *c)
{
	const struct iam_GetPolicyRequest *in = c->in;
	struct iam_GetPolicyResponse *out = c->out;
	const struct aws_policy *aws = aws_policy_find(in->PolicyArn);
	const struct iam_Managed *m = aws == NULL ? managed_find(c, in->PolicyArn) : NULL;
	struct map used = usages(c);
	out->Policy = arena_new_of(c->arena, struct iam_Policy);
	if (aws != NULL)
		aws_policy_out(c, aws, &used, out->Policy);
	else if (m != NULL)
		policy_out(c, m, &used, out->Policy, true);
	else
		fail_no_policy(c, in->PolicyArn);
}

void op_DeletePolicy(struct call *c)
{
	const struct iam_DeletePolicyRequest *in = c->in;
	const struct iam_Managed *m = own_policy(c, in->PolicyArn);
	if (m == NULL)
		return;
	struct map used = usages(c);
	if (map_get(&used, in->PolicyArn) != NULL)
		call_fail(c, &iam_err_DeleteConflictException, "Cannot delete a policy attached to entities.");
	else if (m->Versions.n > 1)
		call_fail(c, &iam_err_DeleteConflictException, "This policy has more than one version. Before you delete a policy, you must "
			"delete the policy's versions. The default version is deleted with the policy.");
	else
		call_del(c, policy_key(c, m->Name));
}

/* AWS's and the account's own lie in two places: the marker is "aws" and the number, or the key of the last own one. */
struct listing {
	struct call *c;
	const struct iam_ListPoliciesRequest *in;
	struct map used;
	struct list l;
	size_t max;
	bool full;
	struct str marker;
};

static bool list_one(struct listing *l, const struct iam_Policy *p, struct str marker)
{
	const struct iam_ListPoliciesRequest *in = l->in;
	bool boundary = str_eq(in->PolicyUsageFilter, S("PermissionsBoundary"));
	if (!str_starts(p->Path, in->PathPrefix) || (in->OnlyAttached.v && p->AttachmentCount.v + p->PermissionsBoundaryUsageCount.v == 0) ||
	    (boundary && p->PermissionsBoundaryUsageCount.v == 0))
		return true;
	ASSERT(l->l.n <= l->max);
	if (l->l.n == l->max) {
		l->full = true;
		return false;
	}
	struct iam_Policy *v = l->l.v = arena_grow(l->c->arena, l->l.v, sizeof *v, l->l.n, l->l.n + 1);
	v[l->l.n++] = *p;
	l->marker = marker;
	return true;
}

static void list_own(struct listing *l, struct str after)
{
	struct scan *s = call_scan(l->c, call_key(l->c, "policy"), after, false);
	struct str key, value;
	while (!l->full && scan_next(s, &key, &value)) {
		struct iam_Policy p;
		policy_out(l->c, record_decode(l->c, &iam_shape_Managed, value), &l->used, &p, false);
		list_one(l, &p, arena_dup(l->c->arena, key));
	}
	scan_close(s);
}

void op_ListPolicies(struct call *c)
{
	const struct iam_ListPoliciesRequest *in = c->in;
	struct iam_ListPoliciesResponse *out = c->out;
	struct page p;
	if (!page_open(c, in->Marker, in->MaxItems, &p))
		return;
	struct listing l = {c, in, usages(c), LIST_OF(c->arena, struct iam_Policy, 0), p.max, false, STR_NONE};
	bool in_aws = str_starts(p.after, S("aws:"));
	uint64_t from = 0;
	if (in_aws && !str_to_u64(str_slice(p.after, 4, p.after.n), &from))
		from = 0;
	if (!in_aws && !str_eq(in->Scope, S("AWS")))
		list_own(&l, p.after);
	size_t n;
	const struct aws_policy *aws = aws_policies(&n);
	for (size_t i = (size_t)from; i < n && !l.full && !str_eq(in->Scope, S("Local")); i++) {
		struct iam_Policy one;
		if (!in->OnlyAttached.v && !str_starts(aws[i].path, in->PathPrefix))
			continue;
		aws_policy_out(c, &aws[i], &l.used, &one);
		list_one(&l, &one, arena_printf(c->arena, "aws:%zu", i + 1));
	}
	out->Policies = l.l;
	out->IsTruncated = SOME_BOOL(l.full);
	if (l.full)
		out->Marker = page_token(c->arena, l.marker);
}

/* ---- versions ---- */

void op_CreatePolicyVersion(struct call *c)
{
	const struct iam_CreatePolicyVersionRequest *in = c->in;
	struct iam_CreatePolicyVersionResponse *out = c->out;
	struct iam_Managed *m = own_policy(c, in->PolicyArn);
	if (m == NULL || !document_fits(c, in->PolicyDocument))
		return;
	if (m->Versions.n >= VERSIONS_MAX) {
		call_fail(c, &iam_err_LimitExceededException, "A managed policy can have up to %d versions. Before you create a new version, "
			"you must delete an existing version.", VERSIONS_MAX);
		return;
	}
	const struct iam_Version *v = version_add(c, m, in->PolicyDocument);
	if (in->SetAsDefault.v)
		m->Default = v->Id;
	policy_put(c, m);
	out->PolicyVersion = arena_new_of(c->arena, struct iam_PolicyVersion);
	version_out(c, m, v, out->PolicyVersion, false);
}

static void fail_no_version(struct call *c, struct str arn, struct str id)
{
	call_fail(c, &iam_err_NoSuchEntityException, "Policy %.*s version %.*s does not exist or is not attachable.", STR_ARG(arn), STR_ARG(id));
}

void op_GetPolicyVersion(struct call *c)
{
	const struct iam_GetPolicyVersionRequest *in = c->in;
	struct iam_GetPolicyVersionResponse *out = c->out;
	const struct aws_policy *aws = aws_policy_find(in->PolicyArn);
	out->PolicyVersion = arena_new_of(c->arena, struct iam_PolicyVersion);
	if (aws != NULL) {
		if (str_eq(in->VersionId, aws->version))
			*out->PolicyVersion = (struct iam_PolicyVersion){document_out(c, aws->document), aws->version, SOME_BOOL(true),
				SOME_TIME(aws->updated_ms)};
		else
			fail_no_version(c, in->PolicyArn, in->VersionId);
		return;
	}
	const struct iam_Managed *m = managed_find(c, in->PolicyArn);
	if (m == NULL) {
		fail_no_policy(c, in->PolicyArn);
		return;
	}
	const struct iam_Version *v = version_find(m, in->VersionId);
	if (v == NULL)
		fail_no_version(c, in->PolicyArn, in->VersionId);
	else
		version_out(c, m, v, out->PolicyVersion, true);
}

void op_DeletePolicyVersion(struct call *c)
{
	const struct iam_DeletePolicyVersionRequest *in = c->in;
	struct iam_Managed *m = own_policy(c, in->PolicyArn);
	if (m == NULL)
		return;
	struct iam_Version *v = version_find(m, in->VersionId), *all = m->Versions.v;
	if (v == NULL) {
		fail_no_version(c, in->PolicyArn, in->VersionId);
		return;
	}
	if (str_eq(v->Id, m->Default)) {
		call_fail(c, &iam_err_DeleteConflictException, "Cannot delete the default version of a policy.");
		return;
	}
	ASSERT(m->Versions.n > 1); /* the default stays */
	memmove(v, v + 1, (size_t)(all + m->Versions.n - v - 1) * sizeof *v);
	m->Versions.n--;
	policy_put(c, m);
}

void op_ListPolicyVersions(struct call *c)
{
	const struct iam_ListPolicyVersionsRequest *in = c->in;
	struct iam_ListPolicyVersionsResponse *out = c->out;
	const struct aws_policy *aws = aws_policy_find(in->PolicyArn);
	const struct iam_Managed *m = aws == NULL ? managed_find(c, in->PolicyArn) : NULL;
	struct page p;
	if (!page_open(c, in->Marker, in->MaxItems, &p))
		return;
	if (aws == NULL && m == NULL) {
		fail_no_policy(c, in->PolicyArn);
		return;
	}
	struct list l = LIST_OF(c->arena, struct iam_PolicyVersion, aws != NULL ? 1 : m->Versions.n);
	for (uint32_t i = 0; i < l.n; i++) {
		struct iam_PolicyVersion *v = (struct iam_PolicyVersion *)l.v + i;
		if (aws != NULL)
			*v = (struct iam_PolicyVersion){STR_NONE, aws->version, SOME_BOOL(true), SOME_TIME(aws->updated_ms)};
		else
			version_out(c, m, LIST_AT(m->Versions, struct iam_Version, i), v, false);
	}
	out->Versions = page_cut(c, p, l, sizeof(struct iam_PolicyVersion), &out->IsTruncated, &out->Marker);
}

void op_SetDefaultPolicyVersion(struct call *c)
{
	const struct iam_SetDefaultPolicyVersionRequest *in = c->in;
	struct iam_Managed *m = own_policy(c, in->PolicyArn);
	if (m == NULL)
		return;
	if (version_find(m, in->VersionId) == NULL) {
		fail_no_version(c, in->PolicyArn, in->VersionId);
		return;
	}
	m->Default = in->VersionId;
	m->Updated = SOME_TIME(c->now_ms / 1000 * 1000);
	policy_put(c, m);
}

/* ---- who has it ---- */

struct entities { const struct iam_ListEntitiesForPolicyRequest *in; struct list *into; enum kind kind; };

static void list_entity(struct call *c, const struct iam_Entity *e, void *arg)
{
	struct entities *q = arg;
	struct str filter = q->in->PolicyUsageFilter;
	bool attached = texts_have(&e->Attached, q->in->PolicyArn) && !str_eq(filter, S("PermissionsBoundary"));
	bool boundary = str_eq(e->Boundary, q->in->PolicyArn) && !str_eq(filter, S("PermissionsPolicy"));
	if (!(attached || boundary) || !str_starts(e->Path, q->in->PathPrefix))
		return;
	/* PolicyGroup, PolicyUser and PolicyRole are the same two strings */
	_Static_assert(sizeof(struct iam_PolicyRole) == sizeof(struct iam_PolicyUser) && sizeof(struct iam_PolicyRole) == sizeof(struct iam_PolicyGroup),
	               "one for all three");
	struct iam_PolicyRole *v = q->into->v = arena_grow(c->arena, q->into->v, sizeof *v, q->into->n, q->into->n + 1);
	v[q->into->n++] = (struct iam_PolicyRole){e->Name, e->Id};
}

void op_ListEntitiesForPolicy(struct call *c)
{
	const struct iam_ListEntitiesForPolicyRequest *in = c->in;
	struct iam_ListEntitiesForPolicyResponse *out = c->out;
	if (!str_present(managed_document(c, in->PolicyArn))) {
		fail_no_policy(c, in->PolicyArn);
		return;
	}
	struct page p;
	if (!page_open(c, in->Marker, in->MaxItems, &p))
		return;
	out->PolicyGroups = LIST_OF(c->arena, struct iam_PolicyGroup, 0);
	out->PolicyUsers = LIST_OF(c->arena, struct iam_PolicyUser, 0);
	out->PolicyRoles = LIST_OF(c->arena, struct iam_PolicyRole, 0);
	static const struct { const char *filter; enum kind kind; } kinds[] = {{"Role", KIND_ROLE}, {"User", KIND_USER}, {"Group", KIND_GROUP}};
	struct list *lists[] = {&out->PolicyRoles, &out->PolicyUsers, &out->PolicyGroups};
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		struct entities q = {in, lists[i], kinds[i].kind};
		if (!str_present(in->EntityFilter) || str_eq(in->EntityFilter, str_c(kinds[i].filter)))
			entity_each(c, kinds[i].kind, list_entity, &q);
		page_part(&p, lists[i], sizeof(struct iam_PolicyRole));
	}
	page_close(c, &p, &out->IsTruncated, &out->Marker);
}

/* ---- tags ---- */

void op_TagPolicy(struct call *c)
{
	const struct iam_TagPolicyRequest *in = c->in;
	struct iam_Managed *m = own_policy(c, in->PolicyArn);
	if (m != NULL && tags_merge(c, &m->Labels, in->Tags, "Policy"))
		policy_put(c, m);
}

void op_UntagPolicy(struct call *c)
{
	const struct iam_UntagPolicyRequest *in = c->in;
	struct iam_Managed *m = own_policy(c, in->PolicyArn);
	if (m == NULL)
		return;
	tags_remove(&m->Labels, in->TagKeys);
	policy_put(c, m);
}

void op_ListPolicyTags(struct call *c)
{
	const struct iam_ListPolicyTagsRequest *in = c->in;
	struct iam_ListPolicyTagsResponse *out = c->out;
	const struct iam_Managed *m = managed_find(c, in->PolicyArn);
	struct page p;
	if (!page_open(c, in->Marker, in->MaxItems, &p))
		return;
	if (m == NULL && aws_policy_find(in->PolicyArn) == NULL)
		fail_no_policy(c, in->PolicyArn);
	else
		out->Tags = page_cut(c, p, m != NULL ? m->Labels : (struct list){0}, sizeof(struct iam_Tag), &out->IsTruncated, &out->Marker);
}
