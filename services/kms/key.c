/* Keys: finding them by what a request calls them, their state, their material. */
#include "kms.h"

#include "blob.h"
#include "os/os.h"
#include "svc/arn.h"
#include "svc/master.h"

struct key *place(struct call *c, struct str account, struct str region, const char *table)
{
	struct key *k = arena_new_of(c->arena, struct key);
	*k = key_new(c->arena);
	return key_str(key_str(key_str(key_str(k, S("kms")), account), region), str_c(table));
}

struct str key_arn(struct call *c, struct str account, struct str region, struct str id)
{
	return arn_make(c->arena, "kms", region, account, arena_join(c->arena, S("key/"), id));
}

struct str alias_arn(struct call *c, struct str account, struct str region, struct str alias)
{
	return arn_make(c->arena, "kms", region, account, alias);
}

/* ---- finding ---- */

static struct key *ring_key(struct call *c, struct str account, struct str id) { return key_str(place(c, account, S(""), "ring"), id); }

static struct kms_key *key_made(struct call *c, struct str account, struct str region, struct str id)
{
	struct kms_key *k = arena_new_of(c->arena, struct kms_key);
	*k = (struct kms_key){.magic = KEY_MAGIC, .c = c, .account = account, .region = region, .id = id, .arn = key_arn(c, account, region, id)};
	return k;
}

struct kms_key *key_open(struct call *c, struct str account, struct str region, struct str id)
{
	struct kms_StoredKey *rec = call_get(c, key_str(place(c, account, region, "key"), id), &kms_shape_StoredKey);
	if (rec == NULL)
		return NULL;
	struct kms_key *k = key_made(c, account, region, id);
	k->rec = rec;
	k->ring = call_get(c, ring_key(c, account, id), &kms_shape_StoredRing);
	ASSERT(k->ring != NULL);
	k->spec = spec_find(k->ring->Spec);
	ASSERT(k->spec != NULL && k->rec->Policy.n > 0);
	return k;
}

struct kms_key *key_new_in(struct call *c, struct str account, struct str region, struct str id, struct kms_StoredKey *rec,
                           struct kms_StoredRing *ring)
{
	struct kms_key *k = key_made(c, account, region, id);
	k->rec = rec;
	k->ring = ring;
	k->spec = spec_find(ring->Spec);
	ASSERT(k->spec != NULL && rec->Policy.n > 0);
	return k;
}

void key_save(struct kms_key *k)
{
	CHECK_MAGIC(k, KEY_MAGIC);
	call_put(k->c, key_str(place(k->c, k->account, k->region, "key"), k->id), &kms_shape_StoredKey, k->rec);
}

void ring_save(struct kms_key *k)
{
	CHECK_MAGIC(k, KEY_MAGIC);
	call_put(k->c, ring_key(k->c, k->account, k->id), &kms_shape_StoredRing, k->ring);
}

static void *not_found(struct call *c, const char *fmt, struct str what)
{
	char text[64];
	ASSERT(strlen(fmt) < sizeof text);
	struct str before = str_c(fmt), after = before;
	before = str_cut(&after, '%');
	call_fail(c, &kms_err_NotFoundException, "%.*s%.*s%.*s", STR_ARG(before), STR_ARG(what), STR_ARG(after));
	return NULL;
}

static struct kms_key *by_alias(struct call *c, struct str account, struct str region, struct str alias)
{
	const struct kms_StoredAlias *a = call_get(c, key_str(place(c, account, region, "alias"), alias), &kms_shape_StoredAlias);
	struct kms_key *k = a != NULL ? key_open(c, account, region, a->KeyId) : str_eq(account, c->account) ? managed_key(c, alias) : NULL;
	if (k == NULL)
		return not_found(c, "Alias % is not found.", alias_arn(c, account, region, alias));
	k->alias = alias;
	return k;
}

struct kms_key *key_find(struct call *c, struct str text, enum ref ref)
{
	struct arn arn = {.account = c->account, .region = c->region, .resource = text};
	bool is_arn = str_starts(text, S("arn:")), alias;
	if (is_arn && (!arn_parse(text, &arn) || !str_eq(arn.service, S("kms"))))
		return not_found(c, "Invalid arn %", text);
	if (is_arn && !str_eq(arn.region, c->region))
		return not_found(c, "Invalid arn %", arn.region);
	alias = str_starts(arn.resource, S("alias/"));
	if (alias && ref == REF_ALIAS)
		return by_alias(c, arn.account, arn.region, arn.resource);
	struct str id = arn.resource;
	if (is_arn)
		id = str_starts(id, S("key/")) ? str_slice(id, 4, id.n) : S("-");
	unsigned char raw[16];
	bool multi_region;
	if (!key_id_parse(id, raw, &multi_region))
		return not_found(c, is_arn ? "Invalid arn %" : "Invalid keyId '%'", text);
	struct kms_key *k = ref != REF_OWN || str_eq(arn.account, c->account) ? key_open(c, arn.account, arn.region, id) : NULL;
	return k != NULL ? k : not_found(c, "Key '%' does not exist", key_arn(c, arn.account, arn.region, id));
}

/* ---- state ---- */

struct kms_StoredMaterialInfo *material_info(const struct kms_key *k, uint32_t number)
{
	int64_t wanted = number > 0 ? number : k->ring->Current.v;
	for (uint32_t i = 0; i < k->ring->Materials.n; i++) {
		struct kms_StoredMaterialInfo *m = LIST_AT(k->ring->Materials, struct kms_StoredMaterialInfo, i);
		if (m->Number.v == wanted)
			return m;
	}
	return NULL;
}

static bool there(const struct kms_key *k, const struct kms_StoredMaterialInfo *m)
{
	return m->Imported.v && !(m->ValidTo.set && m->ValidTo.ms <= k->c->now_ms);
}

struct str key_state(const struct kms_key *k)
{
	CHECK_MAGIC(k, KEY_MAGIC);
	if (str_starts(k->rec->State, S("Pending")) || !str_eq(k->ring->Origin, S("EXTERNAL")))
		return k->rec->State;
	/* Every material that ciphertexts may need must be there. */
	uint32_t n = 0;
	for (uint32_t i = 0; i < k->ring->Materials.n; i++) {
		const struct kms_StoredMaterialInfo *m = LIST_AT(k->ring->Materials, struct kms_StoredMaterialInfo, i);
		if (m->Number.v <= k->ring->Current.v && !there(k, m))
			return S("PendingImport");
		n++;
	}
	return n > 0 && k->ring->Current.v > 0 ? k->rec->State : S("PendingImport");
}

static bool fail_state(struct kms_key *k, const char *what)
{
	call_fail(k->c, &kms_err_KMSInvalidStateException, "%.*s is %s.", STR_ARG(k->arn), what);
	return false;
}

bool key_alive(struct kms_key *k)
{
	if (str_eq(k->rec->State, S("PendingDeletion")))
		return fail_state(k, "pending deletion");
	if (str_eq(k->rec->State, S("PendingReplicaDeletion")))
		return fail_state(k, "pending replica deletion");
	return true;
}

bool key_usable(struct kms_key *k)
{
	if (!key_alive(k))
		return false;
	if (str_eq(key_state(k), S("PendingImport")))
		return fail_state(k, "pending import");
	if (str_eq(k->rec->State, S("Enabled")))
		return true;
	call_fail(k->c, &kms_err_DisabledException, "%.*s is disabled.", STR_ARG(k->arn));
	return false;
}

bool key_customer(struct kms_key *k)
{
	if (str_eq(k->rec->Manager, S("CUSTOMER")))
		return true;
	call_fail(k->c, &kms_err_UnsupportedOperationException, "%.*s is an AWS managed key and does not support this operation.", STR_ARG(k->arn));
	return false;
}

bool key_for(struct kms_key *k, const char *usage)
{
	if (str_eq(k->ring->Usage, str_c(usage)))
		return true;
	call_fail(k->c, &kms_err_InvalidKeyUsageException, "%.*s key usage is %.*s which is not valid for %s.", STR_ARG(k->arn),
		STR_ARG(k->ring->Usage), model_op_name(k->c->op->model));
	return false;
}

static struct kms_MultiRegionConfiguration *regions_of(struct kms_key *k)
{
	struct arena *a = k->c->arena;
	struct kms_MultiRegionConfiguration *m = arena_new_of(a, struct kms_MultiRegionConfiguration);
	m->MultiRegionKeyType = str_eq(k->region, k->ring->Primary) ? S("PRIMARY") : S("REPLICA");
	m->PrimaryKey = arena_new_of(a, struct kms_MultiRegionKey);
	*m->PrimaryKey = (struct kms_MultiRegionKey){key_arn(k->c, k->account, k->ring->Primary, k->id), k->ring->Primary};
	m->ReplicaKeys = LIST_OF(a, struct kms_MultiRegionKey, k->ring->Regions.n);
	m->ReplicaKeys.n = 0;
	for (uint32_t i = 0; i < k->ring->Regions.n; i++) {
		struct str region = *LIST_AT(k->ring->Regions, struct str, i);
		if (!str_eq(region, k->ring->Primary))
			((struct kms_MultiRegionKey *)m->ReplicaKeys.v)[m->ReplicaKeys.n++] =
				(struct kms_MultiRegionKey){key_arn(k->c, k->account, region, k->id), region};
	}
	return m;
}

struct kms_KeyMetadata *key_metadata(struct kms_key *k)
{
	struct kms_KeyMetadata *m = arena_new_of(k->c->arena, struct kms_KeyMetadata);
	const struct kms_StoredMaterialInfo *now = material_info(k, 0);
	struct str state = key_state(k);
	*m = (struct kms_KeyMetadata){.AWSAccountId = k->account, .KeyId = k->id, .Arn = k->arn, .CreationDate = k->rec->Created,
		.Enabled = SOME_BOOL(str_eq(state, S("Enabled"))), .Description = str_present(k->rec->Description) ? k->rec->Description : S(""),
		.KeyUsage = k->ring->Usage, .KeyState = state, .Origin = k->ring->Origin, .KeyManager = k->rec->Manager,
		.CustomerMasterKeySpec = k->ring->Spec, .KeySpec = k->ring->Spec, .MultiRegion = SOME_BOOL(k->ring->MultiRegion.v)};
	const char *const *algorithms = spec_algorithms(k->spec, k->ring->Usage);
	ASSERT(algorithms != NULL);
	struct list l = spec_list(k->c->arena, algorithms);
	if (str_eq(k->ring->Usage, S("ENCRYPT_DECRYPT")))
		m->EncryptionAlgorithms = l;
	else if (str_eq(k->ring->Usage, S("SIGN_VERIFY")))
		m->SigningAlgorithms = l;
	else if (str_eq(k->ring->Usage, S("KEY_AGREEMENT")))
		m->KeyAgreementAlgorithms = l;
	else
		m->MacAlgorithms = l;
	if (str_eq(k->rec->State, S("PendingDeletion")))
		m->DeletionDate = k->rec->DeletionDate;
	if (str_eq(k->rec->State, S("PendingReplicaDeletion")))
		m->PendingDeletionWindowInDays = k->rec->WindowDays;
	if (k->ring->MultiRegion.v)
		m->MultiRegionConfiguration = regions_of(k);
	if (now != NULL && k->spec->kind == SPEC_AES)
		m->CurrentKeyMaterialId = now->Id;
	if (now != NULL && str_eq(k->ring->Origin, S("EXTERNAL")) && there(k, now)) {
		m->ExpirationModel = now->ValidTo.set ? S("KEY_MATERIAL_EXPIRES") : S("KEY_MATERIAL_DOES_NOT_EXPIRE");
		m->ValidTo = now->ValidTo;
	}
	return m;
}

/* ---- material ---- */

struct str secret_wrap(struct call *c, struct str secret)
{
	unsigned char kek[MASTER_BYTES];
	size_t n = (secret.n + 7) / 8 * 8;
	ASSERT(secret.n >= 16);
	master_key(c, master_place(c, "kms"), kek);
	char *padded = arena_alloc(c->arena, n);
	memcpy(padded, secret.p, secret.n);
	return key_wrap(c->arena, kek, str_of(padded, n));
}

struct str secret_unwrap(struct call *c, struct str wrapped, int64_t length)
{
	unsigned char kek[MASTER_BYTES];
	master_key(c, master_place(c, "kms"), kek);
	struct str s = key_unwrap(c->arena, kek, wrapped);
	ASSERT(str_present(s) && length > 0 && (size_t)length <= s.n);
	return str_slice(s, 0, (size_t)length);
}

static struct key *material_key(struct kms_key *k, uint32_t number)
{
	return key_u64(key_str(place(k->c, k->account, S(""), "material"), k->id), number);
}

struct str material_id(struct kms_key *k, struct str secret)
{
	return sha256_hex(k->c->arena, arena_join(k->c->arena, S("key material of "), k->id, S(":"), secret));
}

void material_put(struct kms_key *k, uint32_t number, struct str secret)
{
	struct kms_StoredMaterial m = {.Wrapped = secret_wrap(k->c, secret), .Length = SOME_I64((int64_t)secret.n)};
	bool pair = k->spec->kind == SPEC_RSA || k->spec->kind == SPEC_EC || k->spec->kind == SPEC_ED25519;
	if (pair)
		m.Public = pair_public(k->c->arena, k->spec, secret);
	ASSERT(!pair || str_present(m.Public));
	call_put(k->c, material_key(k, number), &kms_shape_StoredMaterial, &m);
}

void material_del(struct kms_key *k, uint32_t number) { call_del(k->c, material_key(k, number)); }

struct kms_StoredMaterialInfo *material_add(struct kms_key *k, struct str secret, bool current)
{
	struct list *l = &k->ring->Materials;
	uint32_t number = l->n + 1;
	l->v = arena_grow(k->c->arena, l->v, sizeof(struct kms_StoredMaterialInfo), l->n, l->n + 1);
	l->n++;
	l->set = true;
	struct kms_StoredMaterialInfo *m = LIST_AT(*l, struct kms_StoredMaterialInfo, number - 1);
	*m = (struct kms_StoredMaterialInfo){.Number = SOME_I64(number), .Id = material_id(k, secret), .Since = SOME_TIME(k->c->now_ms),
		.Imported = SOME_BOOL(true)};
	if (current)
		k->ring->Current = SOME_I64(number);
	material_put(k, number, secret);
	return m;
}

bool material_get(struct kms_key *k, uint32_t number, struct material *out)
{
	const struct kms_StoredMaterialInfo *info = material_info(k, number);
	if (info == NULL || !there(k, info))
		return false;
	const struct kms_StoredMaterial *m = call_get(k->c, material_key(k, (uint32_t)info->Number.v), &kms_shape_StoredMaterial);
	if (m == NULL)
		return false;
	*out = (struct material){.number = (uint32_t)info->Number.v, .id = info->Id, .secret = secret_unwrap(k->c, m->Wrapped, m->Length.v),
		.public_key = m->Public};
	return true;
}

/* ---- small things all operations share ---- */

bool dry_run(struct call *c, struct opt_bool asked)
{
	if (c->failed)
		return false;
	if (asked.set && asked.v)
		call_fail(c, &kms_err_DryRunOperationException, "The request would have succeeded, but the DryRun option is set.");
	return !c->failed;
}
