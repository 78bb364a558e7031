/* Signatures, MACs, public keys and key agreement. RSA's private operations take 1 to 7 ms: these run on reader threads.
 *
 * Source: Sign, Verify, GenerateMac, VerifyMac, GetPublicKey, DeriveSharedSecret (KMS API Reference). */
#include "kms.h"

/* The material and the algorithm of a request, when the key may be used so. */
static const struct algorithm *ready(struct kms_key *k, const char *usage, struct str name, struct opt_bool dry, struct material *m)
{
	struct call *c = k->c;
	if (!key_usable(k) || !key_for(k, usage))
		return NULL;
	const struct algorithm *alg = algorithm_find(name);
	if (alg == NULL && str_present(name)) {
		call_unsupported(c, "the algorithm %.*s is not there", STR_ARG(name));
		return NULL;
	}
	if (!spec_has(k->spec, k->ring->Usage, name)) {
		call_fail(c, &kms_err_InvalidKeyUsageException, "Algorithm %.*s is incompatible with key spec %.*s.", STR_ARG(name), STR_ARG(k->ring->Spec));
		return NULL;
	}
	if (!dry_run(c, dry))
		return NULL;
	if (!material_get(k, 0, m)) {
		call_fail(c, &kms_err_KMSInvalidStateException, "%.*s is pending import.", STR_ARG(k->arn));
		return NULL;
	}
	return alg;
}

/* The digest to sign: given, or of the message. Absent: c failed. */
static struct str digest_of(struct call *c, const struct algorithm *alg, struct str message, struct str type)
{
	if (str_eq(type, S("EXTERNAL_MU"))) {
		call_unsupported(c, "EXTERNAL_MU is for ML-DSA keys, which are not there");
		return STR_NONE;
	}
	if (!str_eq(type, S("DIGEST")))
		return message_digest(c->arena, alg, message);
	if (message.n == alg->digest_bytes && alg->scheme != SCHEME_ED25519)
		return message;
	call_fail_code(c, 400, "ValidationException", "Digest is invalid length for algorithm %s.", alg->name);
	return STR_NONE;
}

/* What Sign and Verify begin with. */
struct signing { const struct algorithm *alg; struct material m; struct str digest; };

static bool signing_begin(struct kms_key *k, struct str algorithm, struct opt_bool dry, struct str message, struct str type, struct signing *s)
{
	s->alg = ready(k, "SIGN_VERIFY", algorithm, dry, &s->m);
	s->digest = s->alg != NULL ? digest_of(k->c, s->alg, message, type) : STR_NONE;
	ASSERT(str_present(s->digest) || k->c->failed);
	return str_present(s->digest);
}

void op_Sign(struct call *c)
{
	const struct kms_SignRequest *in = c->in;
	struct kms_SignResponse *out = c->out;
	struct kms_key *k = run_key(c);
	struct signing s;
	if (!signing_begin(k, in->SigningAlgorithm, in->DryRun, in->Message, in->MessageType, &s))
		return;
	struct str signature = pair_sign(c->arena, s.m.secret, s.alg, s.digest);
	if (str_present(signature))
		*out = (struct kms_SignResponse){k->arn, signature, in->SigningAlgorithm};
	else
		call_fail(c, &kms_err_KMSInternalException, "The imported key material of %.*s cannot sign.", STR_ARG(k->arn));
}

void op_Verify(struct call *c)
{
	const struct kms_VerifyRequest *in = c->in;
	struct kms_VerifyResponse *out = c->out;
	struct kms_key *k = run_key(c);
	struct signing s;
	if (!signing_begin(k, in->SigningAlgorithm, in->DryRun, in->Message, in->MessageType, &s))
		return;
	if (!pair_verify(s.m.public_key, s.alg, s.digest, in->Signature)) {
		call_fail(c, &kms_err_KMSInvalidSignatureException, "%s", "");
		return;
	}
	*out = (struct kms_VerifyResponse){k->arn, SOME_BOOL(true), in->SigningAlgorithm};
}

void op_GenerateMac(struct call *c)
{
	const struct kms_GenerateMacRequest *in = c->in;
	struct kms_GenerateMacResponse *out = c->out;
	struct kms_key *k = run_key(c);
	struct material m;
	const struct algorithm *alg = ready(k, "GENERATE_VERIFY_MAC", in->MacAlgorithm, in->DryRun, &m);
	if (alg != NULL)
		*out = (struct kms_GenerateMacResponse){mac_of(c->arena, alg, m.secret, in->Message), in->MacAlgorithm, k->arn};
}

void op_VerifyMac(struct call *c)
{
	const struct kms_VerifyMacRequest *in = c->in;
	struct kms_VerifyMacResponse *out = c->out;
	struct kms_key *k = run_key(c);
	struct material m;
	const struct algorithm *alg = ready(k, "GENERATE_VERIFY_MAC", in->MacAlgorithm, in->DryRun, &m);
	if (alg == NULL)
		return;
	if (!secret_eq(mac_of(c->arena, alg, m.secret, in->Message), in->Mac))
		call_fail(c, &kms_err_KMSInvalidMacException, "%s", "");
	else
		*out = (struct kms_VerifyMacResponse){k->arn, SOME_BOOL(true), in->MacAlgorithm};
}

void op_GetPublicKey(struct call *c)
{
	struct kms_GetPublicKeyResponse *out = c->out;
	struct kms_key *k = run_key(c);
	struct material m;
	if (k->spec->kind == SPEC_AES || k->spec->kind == SPEC_HMAC) {
		call_fail(c, &kms_err_UnsupportedOperationException, "%.*s is not an asymmetric KMS key.", STR_ARG(k->arn));
		return;
	}
	if (!key_usable(k) || !material_get(k, 0, &m))
		return;
	const struct kms_KeyMetadata *meta = key_metadata(k);
	*out = (struct kms_GetPublicKeyResponse){.KeyId = k->arn, .PublicKey = m.public_key, .CustomerMasterKeySpec = k->ring->Spec,
		.KeySpec = k->ring->Spec, .KeyUsage = k->ring->Usage, .EncryptionAlgorithms = meta->EncryptionAlgorithms,
		.SigningAlgorithms = meta->SigningAlgorithms, .KeyAgreementAlgorithms = meta->KeyAgreementAlgorithms};
}

void op_DeriveSharedSecret(struct call *c)
{
	const struct kms_DeriveSharedSecretRequest *in = c->in;
	struct kms_DeriveSharedSecretResponse *out = c->out;
	struct kms_key *k = run_key(c);
	struct material m;
	if (in->Recipient != NULL) {
		call_unsupported(c, "Recipient (attested Nitro enclaves) is not there");
		return;
	}
	if (!key_usable(k) || !key_for(k, "KEY_AGREEMENT") || !dry_run(c, in->DryRun) || !material_get(k, 0, &m))
		return;
	struct str secret = pair_derive(c->arena, k->spec, m.secret, in->PublicKey);
	if (!str_present(secret)) {
		call_fail_code(c, 400, "ValidationException", "The public key is not a valid key on the curve of the KMS key.");
		return;
	}
	*out = (struct kms_DeriveSharedSecretResponse){.KeyId = k->arn, .SharedSecret = secret, .KeyAgreementAlgorithm = in->KeyAgreementAlgorithm,
		.KeyOrigin = k->ring->Origin};
}
