/* A store's own key: what a service keeps secret lies wrapped (RFC 3394) under it, so that no record holds a key in the clear.
 *
 * It protects single records that leave the machine, not the data directory as a whole: the key lies in it. */
#ifndef TSUBO_MASTER_H
#define TSUBO_MASTER_H

#include "svc/call.h"

enum { MASTER_BYTES = 32, WRAP_EXTRA = 8, GCM_NONCE = 12, GCM_TAG = 16, GCM_EXTRA = GCM_NONCE + GCM_TAG };

/* Where a service keeps its master key: one for all accounts. In the call's arena. */
const struct key *master_place(struct call *c, const char *service);
/* The master key kept at `where`; the first call that may write makes it. A reader may only ask where there is one (an
 * ASSERT): whoever has something wrapped has it. */
void master_key(struct call *c, const struct key *where, unsigned char out[MASTER_BYTES]);
/* in.n + WRAP_EXTRA bytes in the arena; in.n is a multiple of 8, at least 16. */
struct str key_wrap(struct arena *a, const unsigned char kek[MASTER_BYTES], struct str in);
/* Absent when it does not open under this key. */
struct str key_unwrap(struct arena *a, const unsigned char kek[MASTER_BYTES], struct str wrapped);

/* AES-256-GCM under a fresh nonce (key.n 32): nonce, ciphertext, tag, in the arena. */
struct str gcm_seal(struct arena *a, struct str key, struct str aad, struct str plain);
/* Absent: not made with this key and aad. */
struct str gcm_open(struct arena *a, struct str key, struct str aad, struct str sealed);

#endif
