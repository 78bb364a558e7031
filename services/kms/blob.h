/* The ciphertext of a symmetric key, which says itself what it was made with: so Decrypt needs no key id.
 *
 *   "tsk" 1 | flags | key id, 16 bytes | account, 8 | number of the key material, 4 | nonce, 12 | ciphertext | tag, 16
 * Integers are big-endian. Everything before the nonce is authenticated with the encryption context. */
#ifndef TSUBO_KMS_BLOB_H
#define TSUBO_KMS_BLOB_H

#include "base/enc.h"
#include "svc/master.h"

enum { BLOB_HEAD = 33 };

struct blob {
	struct str key_id, account; /* as they are written in ARNs */
	uint32_t material;
	struct str head;            /* the authenticated bytes */
	struct str sealed;          /* nonce, ciphertext and tag: gcm_open's */
};
/* false: not of that form. Strings in the arena or views into bytes. */
bool blob_parse(struct arena *a, struct str bytes, struct blob *out);
/* The head of a new one. The key id must be well-formed (an ASSERT). */
struct str blob_head(struct arena *a, struct str key_id, struct str account, uint32_t material);

/* "1234abcd-12ab-34cd-56ef-1234567890ab" or "mrk-1234abcd12ab34cd56ef1234567890ab": false when it is neither. */
bool key_id_parse(struct str text, unsigned char raw[16], bool *multi_region);
struct str key_id_text(struct arena *a, const unsigned char raw[16], bool multi_region);

#endif
