/* The cryptography: keys as bytes in, results as bytes out. Pure; any thread. Private keys are PKCS #8 DER, public ones
 * SubjectPublicKeyInfo DER, as KMS gives them out. */
#ifndef TSUBO_KMS_CRYPTO_H
#define TSUBO_KMS_CRYPTO_H

#include "spec.h"

/* A new private key. RSA takes tens to hundreds of milliseconds: not for the writer or the loop. */
struct str pair_generate(struct arena *a, const struct spec *s);
/* Its public half. Absent: not a private key of this spec. */
struct str pair_public(struct arena *a, const struct spec *s, struct str private_key);

/* The digest of a message under an algorithm. */
struct str message_digest(struct arena *a, const struct algorithm *alg, struct str message);
/* Sign a digest (Ed25519: the message). About 1 to 7 ms with RSA. Absent: the key, which came from outside, makes no sense. */
struct str pair_sign(struct arena *a, struct str private_key, const struct algorithm *alg, struct str digest);
bool pair_verify(struct str public_key, const struct algorithm *alg, struct str digest, struct str signature);
/* RSAES-OAEP. Absent: too long; not decryptable; a key that makes no sense. */
struct str pair_encrypt(struct arena *a, struct str public_key, const struct algorithm *alg, struct str plain);
struct str pair_decrypt(struct arena *a, struct str private_key, const struct algorithm *alg, struct str sealed);
size_t pair_encrypt_max(const struct spec *s, const struct algorithm *alg); /* bytes */
/* ECDH: the x coordinate. Absent: the peer's key is not on the same curve. */
struct str pair_derive(struct arena *a, const struct spec *s, struct str private_key, struct str peer);
struct str mac_of(struct arena *a, const struct algorithm *alg, struct str key, struct str message);

/* Undo what an importer has wrapped: RSAES_OAEP_SHA_1/256, RSA_AES_KEY_WRAP_SHA_1/256 (RFC 5649). Absent: not decryptable. */
struct str import_unwrap(struct arena *a, struct str private_key, struct str algorithm, struct str wrapped);

#endif
