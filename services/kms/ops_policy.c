/* Key policies and tags. Source: PutKeyPolicy, GetKeyPolicy, ListKeyPolicies, TagResource, UntagResource, ListResourceTags (KMS
 * API Reference). */
#include "kms.h"

#include "svc/page.h"
#include "svc/tags.h"

static bool name_ok(struct call *c, struct str name)
{
	if (!str_present(name) || str_eq(name, S("default")))
		return true;
	call_fail(c, &kms_err_NotFoundException, "No such policy exists");
	return false;
}

void op_PutKeyPolicy(struct call *c)
{
	const struct kms_PutKeyPolicyRequest *in = c->in;
	struct kms_key *k = run_key(c);
	bool bypass = in->BypassPolicyLockoutSafetyCheck.set && in->BypassPolicyLockoutSafetyCheck.v;
	if (!name_ok(c, in->PolicyName) || !key_customer(k) || !policy_ok(c, k->arn, in->Policy, bypass))
		return;
	k->rec->Policy = in->Policy;
	key_save(k);
}

void op_GetKeyPolicy(struct call *c)
{
	const struct kms_GetKeyPolicyRequest *in = c->in;
	struct kms_GetKeyPolicyResponse *out = c->out;
	if (!name_ok(c, in->PolicyName))
		return;
	out->Policy = run_key(c)->rec->Policy;
	out->PolicyName = S("default");
}

void op_ListKeyPolicies(struct call *c)
{
	static const char *const names[] = {"default", NULL};
	struct kms_ListKeyPoliciesResponse *out = c->out;
	out->PolicyNames = spec_list(c->arena, names);
	out->Truncated = SOME_BOOL(false);
}

/* ---- tags ---- */

/* Puts tags over those of a list. */
static bool tags_add(struct call *c, struct list *have, const struct list *more)
{
	const struct tags_rules rules = {.max = TAGS_OF_RESOURCE, .reserved = c->parent != NULL};
	struct tags all = TAGS_OF(*have, struct kms_Tag);
	switch (tags_put(c->arena, &all, TAGS_OF(*more, struct kms_Tag), &rules)) {
	case TAGS_OK: *have = (struct list){all.v, all.n, true}; return true;
	case TAGS_RESERVED: call_fail(c, &kms_err_TagException, "Tags beginning with aws: are reserved"); return false;
	case TAGS_TWICE: call_fail(c, &kms_err_TagException, "Duplicate tag keys"); return false;
	case TAGS_TOO_MANY: break;
	}
	call_fail(c, &kms_err_TagException, "Too many tags");
	return false;
}

bool tags_ok(struct call *c, const struct list *tags)
{
	struct list none = {0};
	return tags_add(c, &none, tags);
}

void op_TagResource(struct call *c)
{
	const struct kms_TagResourceRequest *in = c->in;
	struct kms_key *k = run_key(c);
	if (key_customer(k) && key_alive(k) && tags_add(c, &k->rec->Labels, &in->Tags))
		key_save(k);
}

void op_UntagResource(struct call *c)
{
	const struct kms_UntagResourceRequest *in = c->in;
	struct kms_key *k = run_key(c);
	if (!key_customer(k) || !key_alive(k))
		return;
	struct tags have = TAGS_OF(k->rec->Labels, struct kms_Tag);
	tags_drop(&have, &in->TagKeys, false);
	k->rec->Labels.n = have.n;
	key_save(k);
}

void op_ListResourceTags(struct call *c)
{
	const struct kms_ListResourceTagsRequest *in = c->in;
	struct kms_ListResourceTagsResponse *out = c->out;
	const struct list *all = &run_key(c)->rec->Labels;
	struct page page;
	uint64_t from = 0;
	if (!page_start(c, in->Limit, in->Marker, TAGS_OF_RESOURCE, NULL, &page))
		return;
	if (str_present(page.after) && !str_to_u64(page.after, &from)) {
		call_fail(c, &kms_err_InvalidMarkerException, "The marker is not valid.");
		return;
	}
	uint32_t start = from < all->n ? (uint32_t)from : all->n, n = all->n - start < page.limit ? all->n - start : page.limit;
	out->Tags = (struct list){n > 0 ? LIST_AT(*all, struct kms_Tag, start) : NULL, n, true};
	out->Truncated = SOME_BOOL(start + n < all->n);
	if (out->Truncated.v)
		out->NextMarker = page_token(c->arena, arena_printf(c->arena, "%u", start + n));
}
