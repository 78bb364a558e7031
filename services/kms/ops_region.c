/* Multi-Region keys: one ring of material, a key of the same id in each region, one of them the primary.
 *
 * Source: "Multi-Region keys in AWS KMS" (KMS Developer Guide); ReplicateKey, UpdatePrimaryRegion (API Reference). */
#include "kms.h"

static bool is_primary(struct kms_key *k)
{
	if (k->ring->MultiRegion.v && str_eq(k->ring->Primary, k->region))
		return true;
	call_fail(k->c, &kms_err_UnsupportedOperationException, "%.*s is not a multi-region primary key.", STR_ARG(k->arn));
	return false;
}

/* kms:ReplicateKey on the primary; kms:CreateKey, and kms:TagResource with tags, where the replica comes to be. */
void access_replicate(struct call *c)
{
	const struct kms_ReplicateKeyRequest *in = c->in;
	access_own(c);
	if (c->failed)
		return;
	struct str region = c->region;
	c->region = in->ReplicaRegion;
	if (authorize(c, "kms:CreateKey", S("*"), NULL) && in->Tags.n > 0)
		authorize(c, "kms:TagResource", S("*"), NULL);
	c->region = region;
}

void op_ReplicateKey(struct call *c)
{
	const struct kms_ReplicateKeyRequest *in = c->in;
	struct kms_ReplicateKeyResponse *out = c->out;
	struct kms_key *k = run_key(c);
	if (!key_usable(k) || !is_primary(k) || !tags_ok(c, &in->Tags))
		return;
	if (str_eq(k->ring->Origin, S("EXTERNAL"))) {
		call_unsupported(c, "replicas of keys with imported key material are not there");
		return;
	}
	struct str arn = key_arn(c, k->account, in->ReplicaRegion, k->id);
	if (key_open(c, k->account, in->ReplicaRegion, k->id) != NULL) {
		call_fail(c, &kms_err_AlreadyExistsException, "%.*s already exists.", STR_ARG(arn));
		return;
	}
	struct str policy = str_present(in->Policy) ? in->Policy : default_policy(c);
	bool bypass = in->BypassPolicyLockoutSafetyCheck.set && in->BypassPolicyLockoutSafetyCheck.v;
	if (!policy_ok(c, arn, policy, bypass || !str_present(in->Policy)))
		return;
	struct kms_StoredKey rec = {.Created = SOME_TIME(c->now_ms), .Description = in->Description, .State = S("Enabled"), .Policy = policy,
		.Labels = in->Tags, .Manager = S("CUSTOMER")};
	struct list *l = &k->ring->Regions;
	l->v = arena_grow(c->arena, l->v, sizeof(struct str), l->n, l->n + 1);
	l->n++;
	*LIST_AT(*l, struct str, l->n - 1) = in->ReplicaRegion;
	struct kms_key *replica = key_new_in(c, k->account, in->ReplicaRegion, k->id, &rec, k->ring);
	key_save(replica);
	ring_save(replica);
	out->ReplicaKeyMetadata = key_metadata(replica);
	out->ReplicaPolicy = policy;
	out->ReplicaTags = in->Tags;
}

void op_UpdatePrimaryRegion(struct call *c)
{
	const struct kms_UpdatePrimaryRegionRequest *in = c->in;
	struct kms_key *k = run_key(c);
	if (!key_usable(k) || !is_primary(k))
		return;
	struct kms_key *next = key_open(c, k->account, in->PrimaryRegion, k->id);
	if (next == NULL) {
		call_fail(c, &kms_err_NotFoundException, "Key '%.*s' does not exist", STR_ARG(key_arn(c, k->account, in->PrimaryRegion, k->id)));
		return;
	}
	if (next == k || str_eq(in->PrimaryRegion, k->region) || !key_usable(next))
		return;
	job_drop(c, "rotate", k->id);
	k->ring->Primary = in->PrimaryRegion;
	if (k->ring->Rotates.v) {
		int64_t due_ms = k->ring->NextRotation.ms;
		struct call there = *c; /* the job belongs to the primary's region */
		there.region = in->PrimaryRegion;
		job_put(&there, "rotate", k->id, due_ms, S(""));
	}
	ring_save(k);
}
