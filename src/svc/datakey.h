/* Data keys of KMS, asked for as the caller by a service that keeps his data under a KMS key of his.
 *
 * The service is named to KMS (kms:ViaService), so a key policy can tell it from a direct use. What comes back sealed is kept
 * beside the data; the plain key is used and forgotten. */
#ifndef TSUBO_DATAKEY_H
#define TSUBO_DATAKEY_H

#include "svc/call.h"

struct datakey {
	unsigned char key[32];
	struct str sealed;   /* KMS's ciphertext of it */
	struct str key_arn;  /* whose */
};

/* A new one under key_id (id, ARN, alias). context: an object of texts. region absent: c's. false: KMS refused, its words in
 * *error, c goes on. */
bool datakey_new(struct call *c, struct str key_id, const struct json *context, struct str region, struct datakey *out, struct wire_error *error);
/* The plain key of a sealed one. */
bool datakey_open(struct call *c, struct str sealed, const struct json *context, struct str region, unsigned char key[32], struct wire_error *error);
/* Seal a key that is in use under a KMS key (kms:Encrypt). */
bool datakey_seal(struct call *c, struct str key_id, const struct json *context, struct str region, const unsigned char key[32],
                  struct datakey *out, struct wire_error *error);
/* The plain key of one that lies with its data: sealed by KMS, or (key_arn absent) wrapped by the store's own key kept at `master`. */
bool datakey_kept(struct call *c, struct str key_arn, struct str sealed, const struct json *context, const struct key *master,
                  unsigned char key[32], struct wire_error *error);

/* A sealed key, sealed again under another KMS key or context (KMS's ReEncrypt); it is not seen here. Fills sealed and key_arn. */
struct datakey_move { struct str sealed; const struct json *from; struct str key_id; const struct json *to; };
bool datakey_reseal(struct call *c, struct datakey_move m, struct str region, struct datakey *out, struct wire_error *error);

/* A principal's data key kept for a while, so that KMS is not asked for every piece of data: where it lies (below it, one place for
 * each principal), the master key that wraps it (svc/master.h), and for how long it is used again. */
struct keeping { const struct key *place, *master; int64_t reuse_ms; };

/* c's caller's, below `place`. service: whose master key. */
struct keeping keeping_of(struct call *c, struct key *place, const char *service, int64_t reuse_ms);
/* To seal with: the one that was kept under this key_id, or a new one, which is kept. key_id and the sealed key are shorter than
 * 64 KiB; key_arn is not filled. false: as datakey_new. */
bool datakey_to_seal(struct call *c, const struct keeping *k, struct str key_id, const struct json *context, struct datakey *out,
                     struct wire_error *error);
/* To open with: the caller's own that is still kept, or what KMS opens for him. */
bool datakey_to_open(struct call *c, const struct keeping *k, struct str sealed, const struct json *context, unsigned char key[32],
                     struct wire_error *error);

#endif
