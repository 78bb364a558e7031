/* The account: alias, counts and quotas, and everything at once.
 *
 * Source: IAM API Reference; quotas: "IAM and AWS STS quotas" (IAM User Guide), its defaults, of which this service
 * enforces those of policies, groups, keys, tags and sizes. */
#include "iam.h"

/* ---- alias ---- */

static struct key *alias_key(struct call *c) { return call_key(c, "alias"); }

void op_CreateAccountAlias(struct call *c)
{
	const struct iam_CreateAccountAliasRequest *in = c->in;
	struct iam_Account a = {in->AccountAlias};
	call_put(c, alias_key(c), &iam_shape_Account, &a); /* an account has one: a new one takes its place */
}

void op_DeleteAccountAlias(struct call *c)
{
	const struct iam_DeleteAccountAliasRequest *in = c->in;
	const struct iam_Account *a = call_get(c, alias_key(c), &iam_shape_Account);
	if (a != NULL && str_eq(a->Alias, in->AccountAlias))
		call_del(c, alias_key(c));
	else
		call_fail(c, &iam_err_NoSuchEntityException, "The account alias with name %.*s cannot be found.", STR_ARG(in->AccountAlias));
}

void op_ListAccountAliases(struct call *c)
{
	struct iam_ListAccountAliasesResponse *out = c->out;
	const struct iam_Account *a = call_get(c, alias_key(c), &iam_shape_Account);
	out->AccountAliases = LIST_OF(c->arena, struct str, a != NULL ? 1 : 0);
	if (a != NULL)
		*(struct str *)out->AccountAliases.v = a->Alias;
	out->IsTruncated = SOME_BOOL(false);
}

/* ---- summary ---- */

struct counts { int64_t entities, attached; };

static void count(struct call *c, const struct iam_Entity *e, void *arg)
{
	struct counts *n = arg;
	(void)c;
	n->entities++;
	n->attached += e->Attached.n;
}

static struct counts count_kind(struct call *c, enum kind kind)
{
	struct counts n = {0, 0};
	entity_each(c, kind, count, &n);
	return n;
}

static void count_policies(struct call *c, int64_t *policies, int64_t *versions)
{
	struct scan *s = call_scan(c, call_key(c, "policy"), STR_NONE, false);
	struct str key, value;
	while (scan_next(s, &key, &value)) {
		const struct iam_Managed *m = record_decode(c, &iam_shape_Managed, value);
		++*policies;
		*versions += m->Versions.n;
	}
	scan_close(s);
}

struct device_counts { int64_t all, in_use; bool of_root; };

static void count_device(struct call *c, const struct iam_Device *d, void *arg)
{
	struct device_counts *n = arg;
	(void)c;
	n->all++;
	n->in_use += d->Enabled.set;
	n->of_root |= d->OfRoot.v;
}

void op_GetAccountSummary(struct call *c)
{
	struct iam_GetAccountSummaryResponse *out = c->out;
	int64_t policies = 0, versions = 0;
	count_policies(c, &policies, &versions);
	struct device_counts devices = {0, 0, false};
	device_each(c, count_device, &devices);
	const struct iam_Entity *root = entity_find(c, KIND_ROOT, S("root"));
	const struct { const char *name; int64_t value; } rows[] = {
		{"Users", count_kind(c, KIND_USER).entities}, {"UsersQuota", 5000}, {"Groups", count_kind(c, KIND_GROUP).entities}, {"GroupsQuota", 300},
		{"Roles", count_kind(c, KIND_ROLE).entities}, {"RolesQuota", 1000}, {"InstanceProfiles", count_kind(c, KIND_PROFILE).entities},
		{"InstanceProfilesQuota", 1000}, {"Policies", policies}, {"PoliciesQuota", 1500}, {"PolicyVersionsInUse", versions},
		{"PolicyVersionsInUseQuota", 10000}, {"VersionsPerPolicyQuota", 5}, {"PolicySizeQuota", 6144}, {"UserPolicySizeQuota", 2048},
		{"GroupPolicySizeQuota", 5120}, {"RolePolicySizeQuota", 10240}, {"AssumeRolePolicySizeQuota", 2048}, {"AttachedPoliciesPerUserQuota", 10},
		{"AttachedPoliciesPerGroupQuota", 10}, {"AttachedPoliciesPerRoleQuota", 10}, {"GroupsPerUserQuota", 10}, {"AccessKeysPerUserQuota", 2},
		{"MFADevices", devices.all}, {"MFADevicesInUse", devices.in_use}, {"AccountMFAEnabled", devices.of_root},
		{"AccountPasswordPresent", 0}, {"AccountSigningCertificatesPresent", 0},
		{"AccountAccessKeysPresent", root != NULL && root->Keys.n > 0}, {"ServerCertificates", 0}, {"ServerCertificatesQuota", 20}, {"Providers", 0},
		{"SigningCertificatesPerUserQuota", 2}, {"GlobalEndpointTokenVersion", 2},
	};
	out->SummaryMap = MAP_OF(c->arena, struct iam_summaryMapType_entry, COUNT_OF(rows));
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		((struct iam_summaryMapType_entry *)out->SummaryMap.v)[i] = (struct iam_summaryMapType_entry){str_c(rows[i].name), SOME_I64(rows[i].value)};
}

/* ---- everything ---- */

static struct list inline_details(struct call *c, const struct iam_Entity *e)
{
	struct list l = LIST_OF(c->arena, struct iam_PolicyDetail, e->Inline.n);
	for (uint32_t i = 0; i < e->Inline.n; i++) {
		const struct iam_Documents_entry *d = (const struct iam_Documents_entry *)e->Inline.v + i;
		((struct iam_PolicyDetail *)l.v)[i] = (struct iam_PolicyDetail){d->key, document_out(c, d->value)};
	}
	return l;
}

static struct iam_AttachedPermissionsBoundary *boundary_out(struct call *c, const struct iam_Entity *e)
{
	if (!str_present(e->Boundary))
		return NULL;
	struct iam_AttachedPermissionsBoundary *b = arena_new_of(c->arena, struct iam_AttachedPermissionsBoundary);
	*b = (struct iam_AttachedPermissionsBoundary){S("Policy"), e->Boundary};
	return b;
}

static void detail_user(struct call *c, const struct iam_Entity *e, void *arg)
{
	struct list *l = arg;
	struct iam_UserDetail *v = l->v = arena_grow(c->arena, l->v, sizeof *v, l->n, l->n + 1);
	v[l->n++] = (struct iam_UserDetail){
		.Path = e->Path, .UserName = e->Name, .UserId = e->Id, .Arn = entity_arn(c, KIND_USER, e), .CreateDate = e->Created,
		.UserPolicyList = inline_details(c, e), .GroupList = e->Groups.n > 0 ? e->Groups : LIST_OF(c->arena, struct str, 0),
		.AttachedManagedPolicies = attached_out(c, e, S("/")), .PermissionsBoundary = boundary_out(c, e), .Tags = e->Labels,
	};
}

static void detail_group(struct call *c, const struct iam_Entity *e, void *arg)
{
	struct list *l = arg;
	struct iam_GroupDetail *v = l->v = arena_grow(c->arena, l->v, sizeof *v, l->n, l->n + 1);
	v[l->n++] = (struct iam_GroupDetail){.Path = e->Path, .GroupName = e->Name, .GroupId = e->Id, .Arn = entity_arn(c, KIND_GROUP, e),
		.CreateDate = e->Created, .GroupPolicyList = inline_details(c, e), .AttachedManagedPolicies = attached_out(c, e, S("/"))};
}

static void detail_role(struct call *c, const struct iam_Entity *e, void *arg)
{
	struct list *l = arg;
	struct iam_RoleDetail *v = l->v = arena_grow(c->arena, l->v, sizeof *v, l->n, l->n + 1);
	v[l->n++] = (struct iam_RoleDetail){
		.Path = e->Path, .RoleName = e->Name, .RoleId = e->Id, .Arn = entity_arn(c, KIND_ROLE, e), .CreateDate = e->Created,
		.AssumeRolePolicyDocument = document_out(c, e->Trust), .InstanceProfileList = profiles_of_role(c, e->Name),
		.RolePolicyList = inline_details(c, e), .AttachedManagedPolicies = attached_out(c, e, S("/")),
		.PermissionsBoundary = boundary_out(c, e), .Tags = e->Labels,
	};
}

static void detail_versions(struct call *c, const struct iam_Managed *m, struct iam_ManagedPolicyDetail *d)
{
	d->PolicyVersionList = LIST_OF(c->arena, struct iam_PolicyVersion, m->Versions.n);
	for (uint32_t i = 0; i < m->Versions.n; i++) {
		const struct iam_Version *from = LIST_AT(m->Versions, struct iam_Version, i);
		*LIST_AT(d->PolicyVersionList, struct iam_PolicyVersion, i) = (struct iam_PolicyVersion){document_out(c, from->Document), from->Id,
			SOME_BOOL(str_eq(from->Id, m->Default)), from->Created};
	}
}

static struct iam_ManagedPolicyDetail *detail_add(struct call *c, struct list *l)
{
	struct iam_ManagedPolicyDetail *v = l->v = arena_grow(c->arena, l->v, sizeof *v, l->n, l->n + 1);
	return &v[l->n++];
}

static void detail_policies(struct call *c, struct map *used, struct list *l)
{
	struct scan *s = call_scan(c, call_key(c, "policy"), STR_NONE, false);
	struct str key, value;
	while (scan_next(s, &key, &value)) {
		const struct iam_Managed *m = record_decode(c, &iam_shape_Managed, value);
		struct str arn = managed_arn(c, m);
		const struct usage *u = usage_in(c, used, arn);
		struct iam_ManagedPolicyDetail *d = detail_add(c, l);
		*d = (struct iam_ManagedPolicyDetail){
			.PolicyName = m->Name, .PolicyId = m->Id, .Arn = arn, .Path = m->Path, .DefaultVersionId = m->Default,
			.AttachmentCount = SOME_I64(u->attached), .PermissionsBoundaryUsageCount = SOME_I64(u->boundaries),
			.IsAttachable = SOME_BOOL(true), .Description = m->Description, .CreateDate = m->Created, .UpdateDate = m->Updated,
		};
		detail_versions(c, m, d);
	}
	scan_close(s);
}

/* Of AWS's own those that somebody has: all of them would be megabytes that nobody asked for. */
static void detail_aws_policies(struct call *c, struct map *used, struct list *l)
{
	size_t n;
	const struct aws_policy *all = aws_policies(&n);
	for (size_t i = 0; i < n; i++) {
		const struct usage *u = map_get(used, all[i].arn);
		if (u == NULL || u->attached + u->boundaries == 0)
			continue;
		struct iam_ManagedPolicyDetail *d = detail_add(c, l);
		*d = (struct iam_ManagedPolicyDetail){
			.PolicyName = all[i].name, .PolicyId = all[i].id, .Arn = all[i].arn, .Path = all[i].path, .DefaultVersionId = all[i].version,
			.AttachmentCount = SOME_I64(u->attached), .PermissionsBoundaryUsageCount = SOME_I64(u->boundaries), .IsAttachable = SOME_BOOL(true),
			.CreateDate = SOME_TIME(all[i].created_ms), .UpdateDate = SOME_TIME(all[i].updated_ms),
			.PolicyVersionList = LIST_OF(c->arena, struct iam_PolicyVersion, 1),
		};
		*LIST_AT(d->PolicyVersionList, struct iam_PolicyVersion, 0) = (struct iam_PolicyVersion){document_out(c, all[i].document),
			all[i].version, SOME_BOOL(true), SOME_TIME(all[i].updated_ms)};
	}
}

static bool wanted(const struct list *filter, const char *what) { return filter->n == 0 || texts_have(filter, str_c(what)); }

/* One marker for the four lists: they are pages of one long list. */
void op_GetAccountAuthorizationDetails(struct call *c)
{
	const struct iam_GetAccountAuthorizationDetailsRequest *in = c->in;
	struct iam_GetAccountAuthorizationDetailsResponse *out = c->out;
	struct page p;
	if (!page_open(c, in->Marker, in->MaxItems, &p))
		return;
	out->UserDetailList = LIST_OF(c->arena, struct iam_UserDetail, 0);
	out->GroupDetailList = LIST_OF(c->arena, struct iam_GroupDetail, 0);
	out->RoleDetailList = LIST_OF(c->arena, struct iam_RoleDetail, 0);
	out->Policies = LIST_OF(c->arena, struct iam_ManagedPolicyDetail, 0);
	struct map used = usages(c);
	if (wanted(&in->Filter, "User"))
		entity_each(c, KIND_USER, detail_user, &out->UserDetailList);
	if (wanted(&in->Filter, "Group"))
		entity_each(c, KIND_GROUP, detail_group, &out->GroupDetailList);
	if (wanted(&in->Filter, "Role"))
		entity_each(c, KIND_ROLE, detail_role, &out->RoleDetailList);
	if (wanted(&in->Filter, "LocalManagedPolicy"))
		detail_policies(c, &used, &out->Policies);
	if (wanted(&in->Filter, "AWSManagedPolicy"))
		detail_aws_policies(c, &used, &out->Policies);
	page_part(&p, &out->UserDetailList, sizeof(struct iam_UserDetail));
	page_part(&p, &out->GroupDetailList, sizeof(struct iam_GroupDetail));
	page_part(&p, &out->RoleDetailList, sizeof(struct iam_RoleDetail));
	page_part(&p, &out->Policies, sizeof(struct iam_ManagedPolicyDetail));
	page_close(c, &p, &out->IsTruncated, &out->Marker);
}
