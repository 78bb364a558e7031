/* Keys: making them, telling about them, enabling, disabling, and their end.
 *
 * Source: CreateKey, DescribeKey, ListKeys, ScheduleKeyDeletion, ... (KMS API Reference), "Key states of AWS KMS keys",
 * "Default key policy" (KMS Developer Guide). */
#include "kms.h"

#include "os/os.h"
#include "svc/page.h"

#include <stdlib.h>

bool page_start(struct call *c, struct opt_i64 limit, struct str marker, uint32_t otherwise, const struct key *prefix, struct page *out)
{
	out->limit = limit.set ? (uint32_t)limit.v : otherwise;
	if (page_position(c->arena, marker, &out->after) &&
	    (prefix == NULL || !str_present(out->after) || str_starts(out->after, key_bytes(prefix))))
		return true;
	call_fail(c, &kms_err_InvalidMarkerException, "The marker is not valid.");
	return false;
}

struct str default_policy(struct call *c)
{
	return arena_printf(c->arena,
		"{\n  \"Version\" : \"2012-10-17\",\n  \"Id\" : \"key-default-1\",\n  \"Statement\" : [ {\n"
		"    \"Sid\" : \"Enable IAM User Permissions\",\n    \"Effect\" : \"Allow\",\n    \"Principal\" : {\n"
		"      \"AWS\" : \"arn:aws:iam::%.*s:root\"\n    },\n    \"Action\" : \"kms:*\",\n    \"Resource\" : \"*\"\n  } ]\n}",
		STR_ARG(c->account));
}

/* ---- a private key, made elsewhere ---- */

struct pair_work { struct ticket ticket; const struct spec *spec; struct arena *arena; struct str result; };

static void pair_run(void *arg)
{
	struct pair_work *w = arg;
	w->arena = arena_new(0);
	w->result = pair_generate(w->arena, w->spec);
}

static void pair_done(void *arg)
{
	struct pair_work *w = arg;
	struct answer a = {.ok = true, .bytes = w->result};
	ticket_answer(w->ticket, &a);
	arena_free(w->arena);
	free(w);
}

static void pair_start(struct ticket t, void *arg)
{
	struct pair_work *w = calloc(1, sizeof *w);
	if (w == NULL)
		die("out of memory");
	w->ticket = t;
	w->spec = *(const struct spec *const *)arg;
	worker_run(pair_run, pair_done, w);
}

struct str pair_await(struct call *c, const struct spec *s)
{
	const struct answer *a = call_await(c, pair_start, &s, sizeof s, INT64_MAX);
	if (a == NULL)
		return STR_NONE;
	ASSERT(a->ok && a->bytes.n > 0);
	return a->bytes;
}

/* ---- making ---- */

static const struct spec *spec_asked(struct call *c, const struct kms_CreateKeyRequest *in)
{
	struct str name = str_present(in->KeySpec) ? in->KeySpec : in->CustomerMasterKeySpec;
	if (str_present(in->KeySpec) && str_present(in->CustomerMasterKeySpec) && !str_eq(in->KeySpec, in->CustomerMasterKeySpec)) {
		call_fail_code(c, 400, "ValidationException", "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
			"CustomerMasterKeySpec is deprecated.");
		return NULL;
	}
	if (!str_present(name))
		name = S("SYMMETRIC_DEFAULT");
	const struct spec *s = spec_find(name);
	if (s == NULL)
		call_unsupported(c, "KMS keys of spec %.*s are not there", STR_ARG(name));
	return s;
}

static bool usage_asked(struct call *c, const struct spec *s, struct str asked, struct str *usage)
{
	*usage = str_present(asked) ? asked : S("ENCRYPT_DECRYPT");
	if (!str_present(asked) && s->kind != SPEC_AES) {
		call_fail_code(c, 400, "ValidationException", "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.");
		return false;
	}
	if (spec_algorithms(s, *usage) != NULL)
		return true;
	call_fail_code(c, 400, "ValidationException", "KeyUsage %.*s is not compatible with KeySpec %s", STR_ARG(*usage), s->name);
	return false;
}

static bool origin_ok(struct call *c, const struct kms_CreateKeyRequest *in)
{
	if (str_present(in->CustomKeyStoreId) || str_present(in->XksKeyId) || str_eq(in->Origin, S("AWS_CLOUDHSM")) ||
	    str_eq(in->Origin, S("EXTERNAL_KEY_STORE"))) {
		call_unsupported(c, "custom key stores (CloudHSM, external key stores) are not there");
		return false;
	}
	return true;
}

/* The secret of a new key. false: parked. */
static bool secret_new(struct call *c, const struct spec *s, struct str *out)
{
	if (s->kind != SPEC_AES && s->kind != SPEC_HMAC) {
		*out = pair_await(c, s);
		return str_present(*out);
	}
	char *p = arena_bytes(c->arena, (size_t)s->bits / 8);
	random_bytes(p, (size_t)s->bits / 8);
	*out = str_of(p, (size_t)s->bits / 8);
	return true;
}

static struct str id_new(struct call *c, bool multi_region)
{
	char text[37];
	if (!multi_region) {
		random_uuid(text);
		return arena_dup(c->arena, str_c(text));
	}
	random_hex(text, 32);
	return arena_join(c->arena, S("mrk-"), str_of(text, 32));
}

void op_CreateKey(struct call *c)
{
	const struct kms_CreateKeyRequest *in = c->in;
	const struct spec *s = spec_asked(c, in);
	struct str usage, secret = STR_NONE;
	bool multi_region = in->MultiRegion.set && in->MultiRegion.v, external = str_eq(in->Origin, S("EXTERNAL"));
	if (s == NULL || !usage_asked(c, s, in->KeyUsage, &usage) || !origin_ok(c, in) || !tags_ok(c, &in->Tags))
		return;
	struct str id = id_new(c, multi_region), policy = str_present(in->Policy) ? in->Policy : default_policy(c);
	bool bypass = in->BypassPolicyLockoutSafetyCheck.set && in->BypassPolicyLockoutSafetyCheck.v;
	if (!policy_ok(c, key_arn(c, c->account, c->region, id), policy, bypass || !str_present(in->Policy)))
		return;
	if (!external && !secret_new(c, s, &secret))
		return;
	struct kms_StoredKey rec = {.Created = SOME_TIME(c->now_ms), .Description = in->Description, .State = S("Enabled"), .Policy = policy,
		.Labels = in->Tags, .Manager = S("CUSTOMER")};
	struct kms_StoredRing ring = {.Spec = str_c(s->name), .Usage = usage, .Origin = external ? S("EXTERNAL") : S("AWS_KMS"),
		.MultiRegion = SOME_BOOL(multi_region), .Primary = c->region, .Current = SOME_I64(0)};
	if (multi_region) {
		ring.Regions = LIST_OF(c->arena, struct str, 1);
		*LIST_AT(ring.Regions, struct str, 0) = c->region;
	}
	struct kms_key *k = key_new_in(c, c->account, c->region, id, &rec, &ring);
	if (!external)
		material_add(k, secret, true);
	key_save(k);
	ring_save(k);
	((struct kms_CreateKeyResponse *)c->out)->KeyMetadata = key_metadata(k);
}

/* ---- telling ---- */

void op_DescribeKey(struct call *c)
{
	((struct kms_DescribeKeyResponse *)c->out)->KeyMetadata = key_metadata(run_key(c));
}

void op_ListKeys(struct call *c)
{
	const struct kms_ListKeysRequest *in = c->in;
	struct kms_ListKeysResponse *out = c->out;
	struct str key, value, id, last = STR_NONE;
	struct page page;
	struct key *prefix = place(c, c->account, c->region, "key");
	if (!page_start(c, in->Limit, in->Marker, KEYS_PER_PAGE, prefix, &page))
		return;
	out->Keys = LIST_OF(c->arena, struct kms_KeyListEntry, page.limit);
	out->Keys.n = 0;
	out->Truncated = SOME_BOOL(false);
	struct scan *s = call_scan(c, prefix, page.after, false);
	while (scan_next(s, &key, &value)) {
		if (out->Keys.n == page.limit) {
			out->Truncated = SOME_BOOL(true);
			out->NextMarker = page_token(c->arena, last);
			break;
		}
		last = arena_dup(c->arena, key);
		struct key_reader r = key_reader_of(str_slice(last, key_bytes(prefix).n, last.n));
		bool ok = key_read_str(&r, c->arena, &id);
		ASSERT(ok);
		((struct kms_KeyListEntry *)out->Keys.v)[out->Keys.n++] = (struct kms_KeyListEntry){id, key_arn(c, c->account, c->region, id)};
	}
	scan_close(s);
}

void op_UpdateKeyDescription(struct call *c)
{
	const struct kms_UpdateKeyDescriptionRequest *in = c->in;
	struct kms_key *k = run_key(c);
	if (!key_customer(k))
		return;
	k->rec->Description = in->Description;
	key_save(k);
}

/* ---- enabling and disabling ---- */

static void set_state(struct kms_key *k, struct str state)
{
	if (!key_customer(k) || !key_alive(k))
		return;
	if (str_eq(key_state(k), S("PendingImport"))) {
		call_fail(k->c, &kms_err_KMSInvalidStateException, "%.*s is pending import.", STR_ARG(k->arn));
		return;
	}
	k->rec->State = state;
	key_save(k);
}

void op_EnableKey(struct call *c) { set_state(run_key(c), S("Enabled")); }
void op_DisableKey(struct call *c) { set_state(run_key(c), S("Disabled")); }

/* ---- the end ---- */

static void deletion_start(struct kms_key *k, int64_t days)
{
	k->rec->State = S("PendingDeletion");
	k->rec->DeletionDate = SOME_TIME(k->c->now_ms + days * DAY_MS);
	k->rec->WindowDays = SOME_I64(days);
	job_put(k->c, "destroy", k->id, k->rec->DeletionDate.ms, S(""));
}

void op_ScheduleKeyDeletion(struct call *c)
{
	const struct kms_ScheduleKeyDeletionRequest *in = c->in;
	struct kms_ScheduleKeyDeletionResponse *out = c->out;
	struct kms_key *k = run_key(c);
	int64_t days = in->PendingWindowInDays.set ? in->PendingWindowInDays.v : 30;
	if (days < 7 || days > 30) {
		call_fail_code(c, 400, "ValidationException", "The PendingWindowInDays must be between 7 and 30 days, inclusive.");
		return;
	}
	if (!key_customer(k) || !key_alive(k))
		return;
	bool primary = k->ring->MultiRegion.v && str_eq(k->ring->Primary, k->region);
	if (primary && k->ring->Regions.n > 1) { /* waits for its replicas to go */
		k->rec->State = S("PendingReplicaDeletion");
		k->rec->WindowDays = SOME_I64(days);
	} else {
		deletion_start(k, days);
	}
	key_save(k);
	out->KeyId = k->arn;
	out->KeyState = k->rec->State;
	out->DeletionDate = k->rec->DeletionDate;
	out->PendingWindowInDays = SOME_I64(days);
}

void op_CancelKeyDeletion(struct call *c)
{
	struct kms_key *k = run_key(c);
	if (!str_eq(k->rec->State, S("PendingDeletion")) && !str_eq(k->rec->State, S("PendingReplicaDeletion"))) {
		call_fail(c, &kms_err_KMSInvalidStateException, "%.*s is not pending deletion.", STR_ARG(k->arn));
		return;
	}
	job_drop(c, "destroy", k->id);
	k->rec->State = S("Disabled");
	k->rec->DeletionDate = (struct opt_time){0};
	k->rec->WindowDays = (struct opt_i64){0};
	key_save(k);
	((struct kms_CancelKeyDeletionResponse *)c->out)->KeyId = k->arn;
}

static void ring_destroy(struct kms_key *k)
{
	for (uint32_t i = 0; i < k->ring->Materials.n; i++)
		material_del(k, (uint32_t)LIST_AT(k->ring->Materials, struct kms_StoredMaterialInfo, i)->Number.v);
	call_del(k->c, key_str(place(k->c, k->account, S(""), "ring"), k->id));
}

/* A replica is gone: when it was the last one, a primary that waits for it starts its own window. */
static void region_gone(struct kms_key *k)
{
	struct str *v = k->ring->Regions.v;
	uint32_t n = 0;
	for (uint32_t i = 0; i < k->ring->Regions.n; i++)
		if (!str_eq(v[i], k->region))
			v[n++] = v[i];
	k->ring->Regions.n = n;
	ASSERT(n > 0);
	ring_save(k);
	struct kms_key *primary = n == 1 ? key_open(k->c, k->account, k->ring->Primary, k->id) : NULL;
	if (primary == NULL || !str_eq(primary->rec->State, S("PendingReplicaDeletion")))
		return;
	struct call there = *k->c; /* its job belongs to its region */
	there.region = primary->region;
	primary->c = &there;
	deletion_start(primary, primary->rec->WindowDays.v);
	key_save(primary);
}

/* The window is over: the key and, with its last region, its material are gone for good. */
void job_destroy(struct call *c, struct str id, struct str payload)
{
	(void)payload;
	struct kms_key *k = key_open(c, c->account, c->region, id);
	if (k == NULL || !str_eq(k->rec->State, S("PendingDeletion")))
		return;
	aliases_drop(k);
	grants_drop(k);
	job_drop(c, "rotate", k->id);
	job_drop(c, "expire", k->id);
	call_del(c, key_str(place(c, k->account, k->region, "key"), k->id));
	if (k->ring->MultiRegion.v && k->ring->Regions.n > 1)
		region_gone(k);
	else
		ring_destroy(k);
}
