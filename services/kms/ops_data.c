/* Encrypting and decrypting: data under a symmetric key with its encryption context, or under an RSA key; data keys.
 *
 * Source: Encrypt, Decrypt, ReEncrypt, GenerateDataKey, GenerateDataKeyWithoutPlaintext, GenerateRandom (KMS API Reference),
 * "Encryption context" (KMS Developer Guide). */
#include "kms.h"

#include "blob.h"
#include "os/os.h"

static struct str fail_ciphertext(struct call *c)
{
	call_fail(c, &kms_err_InvalidCiphertextException, "%s", ""); /* AWS says nothing more, on purpose */
	return STR_NONE;
}

static bool no_recipient(struct call *c, const struct kms_RecipientInfo *r)
{
	if (r != NULL)
		call_unsupported(c, "Recipient (attested Nitro enclaves) is not there");
	return r == NULL;
}

/* Does the algorithm fit the key? Absent: the symmetric one. */
static bool algorithm_ok(struct kms_key *k, struct str *algorithm)
{
	if (!str_present(*algorithm))
		*algorithm = S("SYMMETRIC_DEFAULT");
	if (!key_for(k, "ENCRYPT_DECRYPT"))
		return false;
	if (spec_has(k->spec, k->ring->Usage, *algorithm))
		return true;
	call_fail(k->c, &kms_err_InvalidKeyUsageException, "Algorithm %.*s is incompatible with key spec %.*s.", STR_ARG(*algorithm),
		STR_ARG(k->ring->Spec));
	return false;
}

static bool material_need(struct kms_key *k, uint32_t number, struct material *m)
{
	if (material_get(k, number, m))
		return true;
	call_fail(k->c, &kms_err_KMSInvalidStateException, "%.*s is pending import.", STR_ARG(k->arn));
	return false;
}

/* ---- under a key ---- */

static struct str encrypt_symmetric(struct kms_key *k, const struct material *m, const struct map_of *context, struct str plain)
{
	struct arena *a = k->c->arena;
	struct str head = blob_head(a, k->id, k->account, m->number), aad = arena_join(a, head, context_bytes(a, context));
	return arena_join(a, head, gcm_seal(a, m->secret, aad, plain));
}

/* Absent: c failed. */
static struct str encrypt_with(struct kms_key *k, struct str algorithm, const struct map_of *context, struct str plain, struct material *m)
{
	if (!material_need(k, 0, m))
		return STR_NONE;
	if (k->spec->kind == SPEC_AES)
		return encrypt_symmetric(k, m, context, plain);
	const struct algorithm *alg = algorithm_find(algorithm);
	ASSERT(alg != NULL && k->spec->kind == SPEC_RSA);
	if (context->n > 0)
		call_fail_code(k->c, 400, "ValidationException", "An encryption context cannot be used with asymmetric KMS keys.");
	else if (plain.n > pair_encrypt_max(k->spec, alg))
		call_fail_code(k->c, 400, "ValidationException", "Algorithm %.*s and key spec %.*s cannot encrypt data larger than %zu bytes.",
			STR_ARG(algorithm), STR_ARG(k->ring->Spec), pair_encrypt_max(k->spec, alg));
	if (k->c->failed)
		return STR_NONE;
	struct str out = pair_encrypt(k->c->arena, m->public_key, alg, plain);
	if (!str_present(out))
		call_fail(k->c, &kms_err_KMSInternalException, "The imported key material of %.*s cannot encrypt.", STR_ARG(k->arn));
	return out;
}

static struct str decrypt_with(struct kms_key *k, struct str algorithm, const struct map_of *context, struct str sealed, struct material *m)
{
	struct arena *a = k->c->arena;
	struct str plain;
	if (k->spec->kind == SPEC_AES) {
		struct blob b;
		bool parsed = blob_parse(a, sealed, &b);
		ASSERT(parsed); /* it has named the key */
		if (material_info(k, b.material) == NULL || b.material == 0)
			return fail_ciphertext(k->c);
		if (!material_need(k, b.material, m))
			return STR_NONE;
		plain = gcm_open(a, m->secret, arena_join(a, b.head, context_bytes(a, context)), b.sealed);
	} else {
		if (!material_need(k, 0, m))
			return STR_NONE;
		plain = pair_decrypt(a, m->secret, algorithm_find(algorithm), sealed);
	}
	if (!str_present(plain))
		fail_ciphertext(k->c);
	return plain;
}

/* ---- which key a ciphertext was made with ---- */

static struct kms_key *key_of_blob(struct call *c, struct str sealed, struct str named)
{
	struct blob b;
	struct kms_key *asked = str_present(named) ? key_find(c, named, REF_ALIAS) : NULL;
	if (c->failed || (asked != NULL && asked->spec->kind != SPEC_AES))
		return c->failed ? NULL : asked;
	if (!blob_parse(c->arena, sealed, &b)) {
		fail_ciphertext(c);
		return NULL;
	}
	if (asked != NULL && !str_eq(asked->id, b.key_id)) {
		call_fail(c, &kms_err_IncorrectKeyException, "The key ID in the request does not identify a CMK that can perform this operation.");
		return NULL;
	}
	struct kms_key *k = asked != NULL ? asked : key_open(c, b.account, c->region, b.key_id);
	if (k == NULL)
		call_fail_code(c, 400, "AccessDeniedException", "The ciphertext refers to a customer master key that does not exist, does not exist "
			"in this region, or you are not allowed to access.");
	return k;
}

static bool sealed_given(struct call *c, struct str sealed, const struct list *modifiers)
{
	if (modifiers->n > 0)
		call_unsupported(c, "DryRunModifiers are not there");
	else if (!str_present(sealed))
		call_fail_code(c, 400, "ValidationException", "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: "
			"Member must not be null");
	return !c->failed;
}

void access_Decrypt(struct call *c)
{
	const struct kms_DecryptRequest *in = c->in;
	if (!sealed_given(c, in->CiphertextBlob, &in->DryRunModifiers) || !grant_tokens_ok(c, &in->GrantTokens))
		return;
	struct kms_key *k = key_of_blob(c, in->CiphertextBlob, in->KeyId);
	if (k != NULL && key_allow(k, NULL, &in->EncryptionContext))
		c->memo = k;
}

struct two_keys { struct kms_key *from, *to; };

void access_ReEncrypt(struct call *c)
{
	const struct kms_ReEncryptRequest *in = c->in;
	struct two_keys *two = arena_new_of(c->arena, struct two_keys);
	if (!sealed_given(c, in->CiphertextBlob, &in->DryRunModifiers) || !grant_tokens_ok(c, &in->GrantTokens))
		return;
	two->from = key_of_blob(c, in->CiphertextBlob, in->SourceKeyId);
	two->to = two->from != NULL ? key_find(c, in->DestinationKeyId, REF_ALIAS) : NULL;
	if (two->to != NULL && key_allow(two->from, "kms:ReEncryptFrom", &in->SourceEncryptionContext) &&
	    key_allow(two->to, "kms:ReEncryptTo", &in->DestinationEncryptionContext))
		c->memo = two;
}

/* ---- operations ---- */

void op_Encrypt(struct call *c)
{
	const struct kms_EncryptRequest *in = c->in;
	struct kms_EncryptResponse *out = c->out;
	struct kms_key *k = run_key(c);
	struct str algorithm = in->EncryptionAlgorithm;
	struct material m;
	if (!key_usable(k) || !algorithm_ok(k, &algorithm) || !dry_run(c, in->DryRun))
		return;
	out->CiphertextBlob = encrypt_with(k, algorithm, &in->EncryptionContext, in->Plaintext, &m);
	out->KeyId = k->arn;
	out->EncryptionAlgorithm = algorithm;
}

void op_Decrypt(struct call *c)
{
	const struct kms_DecryptRequest *in = c->in;
	struct kms_DecryptResponse *out = c->out;
	struct kms_key *k = run_key(c);
	struct str algorithm = in->EncryptionAlgorithm;
	struct material m;
	if (!no_recipient(c, in->Recipient) || !key_usable(k) || !algorithm_ok(k, &algorithm) || !dry_run(c, in->DryRun))
		return;
	out->Plaintext = decrypt_with(k, algorithm, &in->EncryptionContext, in->CiphertextBlob, &m);
	if (c->failed)
		return;
	out->KeyId = k->arn;
	out->EncryptionAlgorithm = algorithm;
	if (k->spec->kind == SPEC_AES)
		out->KeyMaterialId = m.id;
}

void op_ReEncrypt(struct call *c)
{
	const struct kms_ReEncryptRequest *in = c->in;
	struct kms_ReEncryptResponse *out = c->out;
	const struct two_keys *two = c->memo;
	struct str from = in->SourceEncryptionAlgorithm, to = in->DestinationEncryptionAlgorithm;
	struct material old, now;
	if (!key_usable(two->from) || !key_usable(two->to) || !algorithm_ok(two->from, &from) || !algorithm_ok(two->to, &to) ||
	    !dry_run(c, in->DryRun))
		return;
	struct str plain = decrypt_with(two->from, from, &in->SourceEncryptionContext, in->CiphertextBlob, &old);
	if (c->failed)
		return;
	*out = (struct kms_ReEncryptResponse){.SourceKeyId = two->from->arn, .KeyId = two->to->arn, .SourceEncryptionAlgorithm = from,
		.DestinationEncryptionAlgorithm = to};
	out->CiphertextBlob = encrypt_with(two->to, to, &in->DestinationEncryptionContext, plain, &now);
	if (c->failed)
		return;
	if (two->from->spec->kind == SPEC_AES)
		out->SourceKeyMaterialId = old.id;
	if (two->to->spec->kind == SPEC_AES)
		out->DestinationKeyMaterialId = now.id;
}

/* ---- data keys ---- */

static bool symmetric(struct kms_key *k)
{
	if (k->spec->kind == SPEC_AES)
		return key_usable(k) && key_for(k, "ENCRYPT_DECRYPT");
	if (key_usable(k))
		call_fail(k->c, &kms_err_InvalidKeyUsageException, "%.*s is not a symmetric encryption KMS key, which %s needs.", STR_ARG(k->arn),
			model_op_name(k->c->op->model));
	return false;
}

static struct str random_str(struct call *c, size_t n)
{
	char *p = arena_bytes(c->arena, n);
	random_bytes(p, n);
	return str_of(p, n);
}

struct data_key { struct str plain, sealed, key_id, material_id; };

/* Seal what is in out->plain under the key, and say which it was. false: k's call failed. */
static bool data_key_seal(struct kms_key *k, const struct map_of *context, struct data_key *out)
{
	ASSERT(str_present(out->plain) && k->spec->kind == SPEC_AES);
	struct material m;
	out->sealed = encrypt_with(k, S("SYMMETRIC_DEFAULT"), context, out->plain, &m);
	if (k->c->failed)
		return false;
	out->key_id = k->arn;
	out->material_id = m.id;
	return true;
}

static bool data_key(struct call *c, struct str spec, struct opt_i64 bytes, const struct map_of *context, struct opt_bool dry, struct data_key *out)
{
	struct kms_key *k = run_key(c);
	if (str_present(spec) == bytes.set) {
		call_fail_code(c, 400, "ValidationException", "Please specify either number of bytes or key spec.");
		return false;
	}
	size_t n = bytes.set ? (size_t)bytes.v : str_eq(spec, S("AES_128")) ? 16 : 32;
	if (!symmetric(k) || !dry_run(c, dry))
		return false;
	out->plain = random_str(c, n);
	return data_key_seal(k, context, out);
}

void op_GenerateDataKey(struct call *c)
{
	const struct kms_GenerateDataKeyRequest *in = c->in;
	struct kms_GenerateDataKeyResponse *out = c->out;
	struct data_key d;
	if (no_recipient(c, in->Recipient) && data_key(c, in->KeySpec, in->NumberOfBytes, &in->EncryptionContext, in->DryRun, &d))
		*out = (struct kms_GenerateDataKeyResponse){.CiphertextBlob = d.sealed, .Plaintext = d.plain, .KeyId = d.key_id,
			.KeyMaterialId = d.material_id};
}

void op_GenerateDataKeyWithoutPlaintext(struct call *c)
{
	const struct kms_GenerateDataKeyWithoutPlaintextRequest *in = c->in;
	struct kms_GenerateDataKeyWithoutPlaintextResponse *out = c->out;
	struct data_key d;
	if (data_key(c, in->KeySpec, in->NumberOfBytes, &in->EncryptionContext, in->DryRun, &d))
		*out = (struct kms_GenerateDataKeyWithoutPlaintextResponse){.CiphertextBlob = d.sealed, .KeyId = d.key_id,
			.KeyMaterialId = d.material_id};
}

/* A pair, its private half sealed. false: parked or failed. */
static bool data_pair(struct call *c, struct str spec, const struct map_of *context, struct opt_bool dry, struct data_key *out,
                      struct str *public_key)
{
	struct kms_key *k = run_key(c);
	const struct spec *s = spec_find(spec);
	if (s == NULL)
		call_unsupported(c, "data key pairs of spec %.*s are not there", STR_ARG(spec));
	if (c->failed || !symmetric(k) || !dry_run(c, dry))
		return false;
	out->plain = pair_await(c, s);
	if (!str_present(out->plain))
		return false;
	*public_key = pair_public(c->arena, s, out->plain);
	return data_key_seal(k, context, out);
}

void op_GenerateDataKeyPair(struct call *c)
{
	const struct kms_GenerateDataKeyPairRequest *in = c->in;
	struct kms_GenerateDataKeyPairResponse *out = c->out;
	struct data_key d;
	struct str public_key;
	if (no_recipient(c, in->Recipient) && data_pair(c, in->KeyPairSpec, &in->EncryptionContext, in->DryRun, &d, &public_key))
		*out = (struct kms_GenerateDataKeyPairResponse){.PrivateKeyCiphertextBlob = d.sealed, .PrivateKeyPlaintext = d.plain,
			.PublicKey = public_key, .KeyId = d.key_id, .KeyPairSpec = in->KeyPairSpec, .KeyMaterialId = d.material_id};
}

void op_GenerateDataKeyPairWithoutPlaintext(struct call *c)
{
	const struct kms_GenerateDataKeyPairWithoutPlaintextRequest *in = c->in;
	struct kms_GenerateDataKeyPairWithoutPlaintextResponse *out = c->out;
	struct data_key d;
	struct str public_key;
	if (data_pair(c, in->KeyPairSpec, &in->EncryptionContext, in->DryRun, &d, &public_key))
		*out = (struct kms_GenerateDataKeyPairWithoutPlaintextResponse){.PrivateKeyCiphertextBlob = d.sealed, .PublicKey = public_key,
			.KeyId = d.key_id, .KeyPairSpec = in->KeyPairSpec, .KeyMaterialId = d.material_id};
}

void op_GenerateRandom(struct call *c)
{
	const struct kms_GenerateRandomRequest *in = c->in;
	struct kms_GenerateRandomResponse *out = c->out;
	if (str_present(in->CustomKeyStoreId))
		call_unsupported(c, "custom key stores are not there");
	if (c->failed || !no_recipient(c, in->Recipient))
		return;
	if (!in->NumberOfBytes.set)
		call_fail_code(c, 400, "ValidationException", "Please specify the number of bytes.");
	else
		out->Plaintext = random_str(c, (size_t)in->NumberOfBytes.v);
}
