/* Rotation: new material for the same key, by the clock or on demand; older material stays to decrypt with.
 *
 * Source: "Rotate AWS KMS keys" (KMS Developer Guide); EnableKeyRotation, RotateKeyOnDemand, ListKeyRotations (API Reference). */
#include "kms.h"

#include "os/os.h"
#include "svc/page.h"

void rotation_plan(struct kms_key *k)
{
	ASSERT(k->ring->Rotates.v && k->ring->PeriodDays.v > 0);
	k->ring->NextRotation = SOME_TIME(k->c->now_ms + k->ring->PeriodDays.v * DAY_MS);
	struct call there = *k->c;
	there.region = k->ring->Primary;
	job_put(&there, "rotate", k->id, k->ring->NextRotation.ms, S(""));
}

/* A symmetric key with material of ours; a replica's rotation is its primary's. */
static bool rotatable(struct kms_key *k, bool own_material)
{
	struct call *c = k->c;
	if (!key_customer(k))
		return false;
	if (k->spec->kind != SPEC_AES || (own_material && !str_eq(k->ring->Origin, S("AWS_KMS")))) {
		call_fail(c, &kms_err_UnsupportedOperationException, "%s", "");
		return false;
	}
	if (k->ring->MultiRegion.v && !str_eq(k->ring->Primary, k->region)) {
		call_fail(c, &kms_err_UnsupportedOperationException, "%.*s is a replica key: its primary key decides about rotation.", STR_ARG(k->arn));
		return false;
	}
	return true;
}

void op_EnableKeyRotation(struct call *c)
{
	const struct kms_EnableKeyRotationRequest *in = c->in;
	struct kms_key *k = run_key(c);
	if (!key_usable(k) || !rotatable(k, true))
		return;
	k->ring->Rotates = SOME_BOOL(true);
	k->ring->PeriodDays = in->RotationPeriodInDays.set ? in->RotationPeriodInDays : SOME_I64(365);
	rotation_plan(k);
	ring_save(k);
}

void op_DisableKeyRotation(struct call *c)
{
	struct kms_key *k = run_key(c);
	if (!key_usable(k) || !rotatable(k, true))
		return;
	k->ring->Rotates = SOME_BOOL(false);
	k->ring->NextRotation = (struct opt_time){0};
	job_drop(c, "rotate", k->id);
	ring_save(k);
}

void op_GetKeyRotationStatus(struct call *c)
{
	struct kms_GetKeyRotationStatusResponse *out = c->out;
	struct kms_key *k = run_key(c);
	if (k->spec->kind != SPEC_AES) {
		call_fail(c, &kms_err_UnsupportedOperationException, "%s", "");
		return;
	}
	out->KeyId = k->arn;
	/* a key on its way out has no rotation */
	out->KeyRotationEnabled = SOME_BOOL(k->ring->Rotates.v && !str_starts(k->rec->State, S("Pending")));
	if (!out->KeyRotationEnabled.v)
		return;
	out->RotationPeriodInDays = k->ring->PeriodDays;
	out->NextRotationDate = k->ring->NextRotation;
}

static void rotate(struct kms_key *k, struct str type)
{
	unsigned char secret[32];
	random_bytes(secret, sizeof secret);
	material_add(k, str_of((const char *)secret, sizeof secret), true)->RotationType = type;
}

/* An imported key turns to the material that was imported for it. */
static bool rotate_imported(struct kms_key *k)
{
	struct kms_StoredMaterialInfo *next = material_info(k, (uint32_t)k->ring->Current.v + 1);
	if (k->ring->Current.v == 0 || next == NULL || !next->Imported.v) {
		call_fail(k->c, &kms_err_KMSInvalidStateException, "%.*s has no new key material to rotate to.", STR_ARG(k->arn));
		return false;
	}
	next->Since = SOME_TIME(k->c->now_ms);
	next->RotationType = S("ON_DEMAND");
	k->ring->Current = next->Number;
	return true;
}

void op_RotateKeyOnDemand(struct call *c)
{
	struct kms_key *k = run_key(c);
	if (!key_usable(k) || !rotatable(k, false))
		return;
	if (k->ring->OnDemand.v >= ON_DEMAND_MAX) {
		call_fail(c, &kms_err_LimitExceededException, "You have reached the limit of %d on-demand rotations for this KMS key.", ON_DEMAND_MAX);
		return;
	}
	if (str_eq(k->ring->Origin, S("AWS_KMS")))
		rotate(k, S("ON_DEMAND"));
	else if (!rotate_imported(k))
		return;
	k->ring->OnDemand = SOME_I64(k->ring->OnDemand.v + 1);
	ring_save(k);
	((struct kms_RotateKeyOnDemandResponse *)c->out)->KeyId = k->arn;
}

/* The period is over. A disabled key is passed over, its next date stays a period away. */
void job_rotate(struct call *c, struct str id, struct str payload)
{
	(void)payload;
	struct kms_key *k = key_open(c, c->account, c->region, id);
	if (k == NULL || !k->ring->Rotates.v || !str_eq(k->ring->Primary, c->region))
		return;
	if (str_eq(k->rec->State, S("Enabled")))
		rotate(k, S("AUTOMATIC"));
	rotation_plan(k);
	ring_save(k);
}

static struct str material_state(const struct kms_key *k, const struct kms_StoredMaterialInfo *m)
{
	return m->Number.v == k->ring->Current.v ? S("CURRENT") : m->Number.v > k->ring->Current.v ? S("PENDING_ROTATION") : S("NON_CURRENT");
}

void op_ListKeyRotations(struct call *c)
{
	const struct kms_ListKeyRotationsRequest *in = c->in;
	struct kms_ListKeyRotationsResponse *out = c->out;
	const struct kms_key *k = run_key(c);
	struct page page;
	uint64_t after = 0;
	if (k->spec->kind != SPEC_AES) {
		call_fail(c, &kms_err_UnsupportedOperationException, "%s", "");
		return;
	}
	if (!page_start(c, in->Limit, in->Marker, 100, NULL, &page))
		return;
	if (str_present(page.after) && !str_to_u64(page.after, &after)) {
		call_fail(c, &kms_err_InvalidMarkerException, "The marker is not valid.");
		return;
	}
	bool all = str_eq(in->IncludeKeyMaterial, S("ALL_KEY_MATERIAL")), external = str_eq(k->ring->Origin, S("EXTERNAL"));
	out->Rotations = LIST_OF(c->arena, struct kms_RotationsListEntry, page.limit);
	out->Rotations.n = 0;
	out->Truncated = SOME_BOOL(false);
	struct kms_RotationsListEntry *v = out->Rotations.v;
	for (uint32_t i = 0; i < k->ring->Materials.n; i++) {
		const struct kms_StoredMaterialInfo *m = LIST_AT(k->ring->Materials, struct kms_StoredMaterialInfo, i);
		if ((uint64_t)m->Number.v <= after || (!all && !str_present(m->RotationType)))
			continue;
		if (out->Rotations.n == page.limit) {
			out->Truncated = SOME_BOOL(true);
			out->NextMarker = page_token(c->arena, arena_printf(c->arena, "%lld",
				(long long)LIST_AT(k->ring->Materials, struct kms_StoredMaterialInfo, i - 1)->Number.v));
			return;
		}
		struct kms_RotationsListEntry *e = &v[out->Rotations.n++];
		*e = (struct kms_RotationsListEntry){.KeyId = k->arn, .KeyMaterialId = m->Id, .KeyMaterialDescription = m->Description,
			.KeyMaterialState = material_state(k, m), .RotationType = m->RotationType};
		if (str_present(m->RotationType))
			e->RotationDate = m->Since;
		if (external) {
			e->ImportState = m->Imported.v ? S("IMPORTED") : S("PENDING_IMPORT");
			e->ExpirationModel = m->ValidTo.set ? S("KEY_MATERIAL_EXPIRES") : S("KEY_MATERIAL_DOES_NOT_EXPIRE");
			e->ValidTo = m->ValidTo;
		}
	}
}
