/* Key policies and tags. Source: PutKeyPolicy, GetKeyPolicy, ListKeyPolicies, TagResource, UntagResource, ListResourceTags (KMS
 * API Reference). */
#include "kms.h"

#include "svc/page.h"

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

bool tags_ok(struct call *c, const struct list *tags)
{
	if (tags->n > TAGS_MAX) {
		call_fail(c, &kms_err_TagException, "Too many tags");
		return false;
	}
	for (uint32_t i = 0; i < tags->n; i++) {
		const struct kms_Tag *t = LIST_AT(*tags, struct kms_Tag, i);
		if (str_starts_nocase(t->TagKey, S("aws:")) && c->parent == NULL) {
			call_fail(c, &kms_err_TagException, "Tags beginning with aws: are reserved");
			return false;
		}
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(t->TagKey, LIST_AT(*tags, struct kms_Tag, j)->TagKey)) {
				call_fail(c, &kms_err_TagException, "Duplicate tag keys");
				return false;
			}
	}
	return true;
}

void op_TagResource(struct call *c)
{
	const struct kms_TagResourceRequest *in = c->in;
	struct kms_key *k = run_key(c);
	if (!key_customer(k) || !key_alive(k) || !tags_ok(c, &in->Tags))
		return;
	struct kms_Tag *v = arena_array(c->arena, struct kms_Tag, k->rec->Labels.n + in->Tags.n);
	uint32_t n = k->rec->Labels.n;
	if (n > 0)
		memcpy(v, k->rec->Labels.v, n * sizeof *v);
	for (uint32_t i = 0; i < in->Tags.n; i++) {
		const struct kms_Tag *t = LIST_AT(in->Tags, struct kms_Tag, i);
		uint32_t at = 0;
		while (at < n && !str_eq(v[at].TagKey, t->TagKey))
			at++;
		v[at] = *t;
		n += at == n;
	}
	k->rec->Labels = (struct list){v, n, true};
	if (n > TAGS_MAX)
		call_fail(c, &kms_err_TagException, "Too many tags");
	else
		key_save(k);
}

void op_UntagResource(struct call *c)
{
	const struct kms_UntagResourceRequest *in = c->in;
	struct kms_key *k = run_key(c);
	if (!key_customer(k) || !key_alive(k))
		return;
	struct kms_Tag *v = k->rec->Labels.v;
	uint32_t n = 0;
	for (uint32_t i = 0; i < k->rec->Labels.n; i++) {
		bool drop = false;
		for (uint32_t t = 0; t < in->TagKeys.n; t++)
			drop |= str_eq(v[i].TagKey, *LIST_AT(in->TagKeys, struct str, t));
		if (!drop)
			v[n++] = v[i];
	}
	k->rec->Labels.n = n;
	key_save(k);
}

void op_ListResourceTags(struct call *c)
{
	const struct kms_ListResourceTagsRequest *in = c->in;
	struct kms_ListResourceTagsResponse *out = c->out;
	const struct list *all = &run_key(c)->rec->Labels;
	struct page page;
	uint64_t from = 0;
	if (!page_start(c, in->Limit, in->Marker, TAGS_MAX, NULL, &page))
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
