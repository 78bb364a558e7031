/* Key material of one's own: a wrapping key is given out, material wrapped by it comes in, may expire by the clock and be taken
 * out again. The wrapping key lives a day. Its private operations run on a worker.
 *
 * Source: "Import key material for AWS KMS keys" (KMS Developer Guide); GetParametersForImport, ImportKeyMaterial,
 * DeleteImportedKeyMaterial (API Reference). */
#include "kms.h"

#include "os/os.h"

#include <stdlib.h>

static struct key *import_key(struct kms_key *k, struct str token)
{
	return key_str(key_str(place(k->c, k->account, k->region, "import"), k->id), sha256_hex(k->c->arena, token));
}

static bool external(struct kms_key *k)
{
	if (str_eq(k->ring->Origin, S("EXTERNAL")))
		return key_alive(k);
	call_fail(k->c, &kms_err_UnsupportedOperationException, "%.*s origin is %.*s which is not valid for this operation.", STR_ARG(k->arn),
		STR_ARG(k->ring->Origin));
	return false;
}

/* ---- the wrapping key ---- */

static bool wrapping_ok(struct kms_key *k, const struct kms_GetParametersForImportRequest *in, const struct spec **s)
{
	*s = str_starts(in->WrappingKeySpec, S("RSA_")) ? spec_find(in->WrappingKeySpec) : NULL;
	if (*s == NULL || str_eq(in->WrappingAlgorithm, S("SM2PKE"))) {
		call_unsupported(k->c, "SM2 wrapping keys are not there");
		return false;
	}
	if (str_eq(in->WrappingAlgorithm, S("RSAES_PKCS1_V1_5"))) {
		call_fail(k->c, &kms_err_UnsupportedOperationException, "AWS KMS does not support the RSAES_PKCS1_V1_5 wrapping algorithm.");
		return false;
	}
	if (k->spec->kind == SPEC_RSA && !str_starts(in->WrappingAlgorithm, S("RSA_AES_KEY_WRAP"))) {
		call_fail_code(k->c, 400, "ValidationException", "An RSA private key needs one of the RSA_AES_KEY_WRAP algorithms.");
		return false;
	}
	return true;
}

void op_GetParametersForImport(struct call *c)
{
	const struct kms_GetParametersForImportRequest *in = c->in;
	struct kms_GetParametersForImportResponse *out = c->out;
	struct kms_key *k = run_key(c);
	const struct spec *s;
	if (!external(k) || !wrapping_ok(k, in, &s))
		return;
	struct str secret = pair_await(c, s);
	if (!str_present(secret))
		return;
	char *token = arena_bytes(c->arena, 64);
	random_bytes(token, 64);
	out->KeyId = k->arn;
	out->ImportToken = str_of(token, 64);
	out->PublicKey = pair_public(c->arena, s, secret);
	out->ParametersValidTo = SOME_TIME(c->now_ms + DAY_MS);
	const struct kms_StoredImport record = {secret_wrap(c, secret), SOME_I64((int64_t)secret.n), in->WrappingAlgorithm, out->ParametersValidTo};
	struct key *where = import_key(k, out->ImportToken);
	call_put(c, where, &kms_shape_StoredImport, &record);
	job_put(c, "forget", hex_encode(c->arena, key_bytes(where)), out->ParametersValidTo.ms, S(""));
}

void job_forget(struct call *c, struct str id, struct str payload)
{
	(void)payload;
	struct str key = hex_decode(c->arena, id);
	ASSERT(str_present(key));
	txn_del(c->txn, key);
}

/* ---- unwrapping, on a worker ---- */

struct unwrap_arg { struct str secret, algorithm, wrapped; };
struct unwrap_work { struct ticket ticket; struct unwrap_arg in; struct arena *arena; struct str result; };

static void unwrap_run(void *arg)
{
	struct unwrap_work *w = arg;
	w->result = import_unwrap(w->arena, w->in.secret, w->in.algorithm, w->in.wrapped);
}

static void unwrap_done(void *arg)
{
	struct unwrap_work *w = arg;
	struct answer a = {.ok = str_present(w->result), .bytes = str_present(w->result) ? w->result : S("")};
	ticket_answer(w->ticket, &a);
	arena_free(w->arena);
	free(w);
}

static void unwrap_start(struct ticket t, void *arg)
{
	const struct unwrap_arg *in = arg;
	struct unwrap_work *w = calloc(1, sizeof *w);
	if (w == NULL)
		die("out of memory");
	w->ticket = t;
	w->arena = arena_new(0);
	w->in = (struct unwrap_arg){arena_dup(w->arena, in->secret), arena_dup(w->arena, in->algorithm), arena_dup(w->arena, in->wrapped)};
	worker_run(unwrap_run, unwrap_done, w);
}

/* NULL: parked or failed. */
static const struct answer *unwrap(struct kms_key *k, const struct kms_ImportKeyMaterialRequest *in)
{
	struct call *c = k->c;
	const struct kms_StoredImport *i = call_get(c, import_key(k, in->ImportToken), &kms_shape_StoredImport);
	if (i == NULL || i->Until.ms <= c->now_ms) {
		call_fail(c, i == NULL ? &kms_err_InvalidImportTokenException : &kms_err_ExpiredImportTokenException, "%s", "");
		return NULL;
	}
	struct arena *keep = call_keep(c);
	struct unwrap_arg arg = {arena_dup(keep, secret_unwrap(c, i->Wrapped, i->Length.v)), arena_dup(keep, i->Algorithm), in->EncryptedKeyMaterial};
	return call_await(c, unwrap_start, &arg, sizeof arg, INT64_MAX);
}

/* ---- what has come in ---- */

static bool secret_fits(struct kms_key *k, struct str secret)
{
	if (k->spec->kind == SPEC_AES || k->spec->kind == SPEC_HMAC)
		return secret.n == (size_t)k->spec->bits / 8;
	return str_present(pair_public(k->c->arena, k->spec, secret));
}

static struct kms_StoredMaterialInfo *known_material(struct kms_key *k, struct str id)
{
	for (uint32_t i = 0; i < k->ring->Materials.n; i++) {
		struct kms_StoredMaterialInfo *m = LIST_AT(k->ring->Materials, struct kms_StoredMaterialInfo, i);
		if (str_eq(m->Id, id))
			return m;
	}
	return NULL;
}

static bool expiry_ok(struct call *c, const struct kms_ImportKeyMaterialRequest *in)
{
	bool expires = !str_eq(in->ExpirationModel, S("KEY_MATERIAL_DOES_NOT_EXPIRE"));
	if (expires != in->ValidTo.set) {
		call_fail_code(c, 400, "ValidationException", expires ? "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"
			: "A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE");
		return false;
	}
	if (in->ValidTo.set && (in->ValidTo.ms <= c->now_ms || in->ValidTo.ms > c->now_ms + 365 * DAY_MS)) {
		call_fail_code(c, 400, "ValidationException", "The validTo date must be in the future, and at most 365 days from now.");
		return false;
	}
	return true;
}

/* The row for it: one that is known, or a new one: the first, or one that waits for a rotation. NULL: c failed. */
static struct kms_StoredMaterialInfo *row_for(struct kms_key *k, const struct kms_ImportKeyMaterialRequest *in, struct str secret)
{
	struct call *c = k->c;
	struct str id = material_id(k, secret);
	struct kms_StoredMaterialInfo *known = known_material(k, id);
	bool wants_new = str_eq(in->ImportType, S("NEW_KEY_MATERIAL"));
	if (str_present(in->KeyMaterialId) && !str_eq(in->KeyMaterialId, id)) {
		call_fail(c, &kms_err_IncorrectKeyMaterialException, "%s", "");
		return NULL;
	}
	if (known != NULL && !wants_new) {
		material_put(k, (uint32_t)known->Number.v, secret);
		known->Imported = SOME_BOOL(true);
		return known;
	}
	if (k->ring->Materials.n > 0 && (!wants_new || known != NULL || k->spec->kind != SPEC_AES ||
	    k->ring->Materials.n > (uint32_t)k->ring->Current.v)) {
		call_fail(c, &kms_err_IncorrectKeyMaterialException, "%s", "");
		return NULL;
	}
	return material_add(k, secret, k->ring->Materials.n == 0);
}

/* When the next material of the key expires. */
static void plan_expiry(struct kms_key *k)
{
	int64_t next = INT64_MAX;
	for (uint32_t i = 0; i < k->ring->Materials.n; i++) {
		const struct kms_StoredMaterialInfo *m = LIST_AT(k->ring->Materials, struct kms_StoredMaterialInfo, i);
		if (m->Imported.v && m->ValidTo.set && m->ValidTo.ms < next)
			next = m->ValidTo.ms;
	}
	if (next == INT64_MAX)
		job_drop(k->c, "expire", k->id);
	else
		job_put(k->c, "expire", k->id, next, S(""));
}

void op_ImportKeyMaterial(struct call *c)
{
	const struct kms_ImportKeyMaterialRequest *in = c->in;
	struct kms_ImportKeyMaterialResponse *out = c->out;
	struct kms_key *k = run_key(c);
	if (!external(k) || !expiry_ok(c, in))
		return;
	const struct answer *a = unwrap(k, in);
	if (a == NULL)
		return;
	if (!a->ok) {
		call_fail(c, &kms_err_InvalidCiphertextException, "%s", "");
		return;
	}
	if (!secret_fits(k, a->bytes)) {
		call_fail(c, &kms_err_IncorrectKeyMaterialException, "%s", "");
		return;
	}
	struct kms_StoredMaterialInfo *m = row_for(k, in, a->bytes);
	if (m == NULL)
		return;
	m->ValidTo = in->ValidTo;
	if (str_present(in->KeyMaterialDescription))
		m->Description = in->KeyMaterialDescription;
	out->KeyId = k->arn;
	out->KeyMaterialId = m->Id;
	plan_expiry(k);
	ring_save(k);
}

/* ---- going ---- */

static void forget(struct kms_key *k, struct kms_StoredMaterialInfo *m)
{
	m->Imported = SOME_BOOL(false);
	m->ValidTo = (struct opt_time){0};
	material_del(k, (uint32_t)m->Number.v);
}

void op_DeleteImportedKeyMaterial(struct call *c)
{
	const struct kms_DeleteImportedKeyMaterialRequest *in = c->in;
	struct kms_DeleteImportedKeyMaterialResponse *out = c->out;
	struct kms_key *k = run_key(c);
	if (!external(k))
		return;
	struct kms_StoredMaterialInfo *m = str_present(in->KeyMaterialId) ? known_material(k, in->KeyMaterialId) : material_info(k, 0);
	if (str_present(in->KeyMaterialId) && m == NULL) {
		call_fail(c, &kms_err_NotFoundException, "Key material %.*s is not found.", STR_ARG(in->KeyMaterialId));
		return;
	}
	out->KeyId = k->arn;
	if (m == NULL)
		return; /* there is none: no error */
	out->KeyMaterialId = m->Id;
	forget(k, m);
	plan_expiry(k);
	ring_save(k);
}

void job_expire(struct call *c, struct str id, struct str payload)
{
	(void)payload;
	struct kms_key *k = key_open(c, c->account, c->region, id);
	if (k == NULL)
		return;
	for (uint32_t i = 0; i < k->ring->Materials.n; i++) {
		struct kms_StoredMaterialInfo *m = LIST_AT(k->ring->Materials, struct kms_StoredMaterialInfo, i);
		if (m->Imported.v && m->ValidTo.set && m->ValidTo.ms <= c->now_ms)
			forget(k, m);
	}
	plan_expiry(k);
	ring_save(k);
}
