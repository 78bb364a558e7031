/* Inside the KMS service: what its files share.
 *
 * How records lie in the store:
 *   (kms, account, region, "key", id)               a key in its region: state, policy, tags
 *   (kms, account, "", "ring", id)                  what a multi-Region key shares in all its regions: spec, which material
 *   (kms, account, "", "material", id, number)      the material, wrapped by the store's key of (kms, "master")
 *   (kms, account, region, "alias", name)           an alias; (..., "aliasof", id, name) finds those of a key
 *   (kms, account, region, "grant", id, grant)      a grant
 *   (kms, account, region, "import", id, token)     a wrapping key given out for an import
 * Invariants: a ring is there as long as a key of its id is, in any region; Current names a row of Materials, or is 0 when an
 * imported key has none yet; the material of a key in use is in the store unless it was imported and is gone. */
#ifndef TSUBO_KMS_H
#define TSUBO_KMS_H

#include "kms.model.h"
#include "crypto.h"
#include "svc/service.h"

enum { KEYS_PER_PAGE = 100, GRANTS_PER_PAGE = 50, POLICY_MAX_BYTES = 32 << 10, ON_DEMAND_MAX = 25, ALIASES_MAX = 50 };
#define DAY_MS ((int64_t)86400000)

enum { KEY_MAGIC = 0x6b6d73 };

/* A key within one run. */
struct kms_key {
	unsigned magic;
	struct call *c;
	struct str account, region, id, arn;
	struct str alias;           /* as the request named it, "alias/x"; absent: it did not */
	struct kms_StoredKey *rec;
	struct kms_StoredRing *ring;
	const struct spec *spec;
};

struct material { uint32_t number; struct str id, secret, public_key; };

/* ---- finding and keeping (key.c) ---- */
struct key *place(struct call *c, struct str account, struct str region, const char *table);
struct str key_arn(struct call *c, struct str account, struct str region, struct str id);
struct str alias_arn(struct call *c, struct str account, struct str region, struct str alias);
enum ref { REF_OWN /* an id or ARN of this account */, REF_SHARED /* of any account */, REF_ALIAS /* an alias too */ };
/* The key that the text names, or NULL with c failed (NotFoundException). */
struct kms_key *key_find(struct call *c, struct str text, enum ref ref);
/* By id; NULL: not there (c does not fail). */
struct kms_key *key_open(struct call *c, struct str account, struct str region, struct str id);
void key_save(struct kms_key *k);   /* its regional record */
void ring_save(struct kms_key *k);
/* Makes the records; the caller fills rec and ring. */
struct kms_key *key_new_in(struct call *c, struct str account, struct str region, struct str id, struct kms_StoredKey *rec,
                           struct kms_StoredRing *ring);
/* The state now: what the record says, but PendingImport while there is no material. */
struct str key_state(const struct kms_key *k);
/* Fails c as AWS does: unless enabled with material; unless not on its way to deletion. */
bool key_usable(struct kms_key *k);
bool key_alive(struct kms_key *k);
bool key_customer(struct kms_key *k); /* not an AWS managed one */
bool key_for(struct kms_key *k, const char *usage); /* InvalidKeyUsageException */
struct kms_KeyMetadata *key_metadata(struct kms_key *k);
/* The row of a material, or NULL; number 0 is the current one. */
struct kms_StoredMaterialInfo *material_info(const struct kms_key *k, uint32_t number);
/* false: it is not there (c does not fail). */
bool material_get(struct kms_key *k, uint32_t number, struct material *out);
/* A new material, added to the ring and made current unless it waits for a rotation. The ring is then to be saved. */
struct kms_StoredMaterialInfo *material_add(struct kms_key *k, struct str secret, bool current);
struct str material_id(struct kms_key *k, struct str secret);
void material_put(struct kms_key *k, uint32_t number, struct str secret);
void material_del(struct kms_key *k, uint32_t number);
/* A secret wrapped by the store's key, padded; and back. */
struct str secret_wrap(struct call *c, struct str secret);
struct str secret_unwrap(struct call *c, struct str wrapped, int64_t length);

/* ---- permission (access.c) ---- */
void access_own(struct call *c);    /* the `access` of operations on the KeyId of their input */
void access_shared(struct call *c);
void access_alias(struct call *c);
void access_create_key(struct call *c);
struct kms_key *run_key(struct call *c); /* the key those have found */
/* May c->who do the action on this key? The key policy decides, beside grants. context NULL: the operation has none.
 * Fails c when not. */
bool key_allow(struct kms_key *k, const char *action, const struct map_of *context);
/* Would this policy let the caller change it again? Fails c with MalformedPolicyDocumentException when not, unless bypassed. */
bool policy_ok(struct call *c, struct str arn, struct str policy, bool bypass);
/* The service that calls for c's principal, as kms:ViaService has it; absent: nobody. */
struct str via_service(struct call *c);
/* The encryption context as authenticated bytes: pairs in order of their names. */
struct str context_bytes(struct arena *a, const struct map_of *context);

/* ---- grants (grants.c) ---- */
bool grant_allows(struct kms_key *k, struct str action, const struct map_of *context);
bool grant_tokens_ok(struct call *c, const struct list *tokens);
void grants_drop(struct kms_key *k);

/* ---- AWS managed keys (managed.c) ---- */
/* The key behind alias/aws/..., made when it is not there, the call may write and an AWS service asks; else NULL. */
struct kms_key *managed_key(struct call *c, struct str alias);

/* ---- the rest ---- */
void alias_put(struct call *c, struct str account, struct str region, struct str name, struct str key_id);
void aliases_drop(struct kms_key *k);
bool tags_ok(struct call *c, const struct list *tags);
struct str default_policy(struct call *c);
/* Schedules the next automatic rotation. */
void rotation_plan(struct kms_key *k);
/* DryRunOperationException when the request asks for it: after all checks. true: go on. */
bool dry_run(struct call *c, struct opt_bool asked);
/* A page of a listing: the limit, and after which key it goes on, which must lie below the prefix (NULL: it is no key). false: c
 * failed with InvalidMarkerException. */
struct page { uint32_t limit; struct str after; };
bool page_start(struct call *c, struct opt_i64 limit, struct str marker, uint32_t otherwise, const struct key *prefix, struct page *out);
/* A new private key, made on a worker. Absent: parked. */
struct str pair_await(struct call *c, const struct spec *s);

#define KMS_OPERATION(name, how, access) void op_##name(struct call *c);
#include "operations.h"
#undef KMS_OPERATION
void access_ReEncrypt(struct call *c);
void access_Decrypt(struct call *c);
void access_alias_op(struct call *c);
void access_retire(struct call *c);
void access_replicate(struct call *c);
void job_destroy(struct call *c, struct str id, struct str payload);
void job_rotate(struct call *c, struct str id, struct str payload);
void job_expire(struct call *c, struct str id, struct str payload);
void job_forget(struct call *c, struct str id, struct str payload);

extern const struct cfn_type kms_cfn_types[3];

#endif
