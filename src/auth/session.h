/* Session credentials: the token carries everything, sealed with the server's key (AES-256-GCM), so no table is read
 * to verify one. Access keys begin with ASIA. */
#ifndef TSUBO_SESSION_H
#define TSUBO_SESSION_H

#include "auth/policy.h"

/* The server's sealing key: made at first start, kept in the store by the caller. */
void session_set_key(const unsigned char key[32]);

/* What a session may carry: all that is to be kept apart is in its token, and the token goes into a header. The tags are the
 * role's own, those of the request, and those that go on from a calling session: fifty of each. */
enum { SESSION_TAGS_MAX = 150, SESSION_TEXT_MAX = 24 << 10 };
/* Can a session of this principal be issued? false: its policy and tags are more than SESSION_TEXT_MAX bytes. */
bool session_fits(const struct principal *who);

struct session { struct str access_key, secret, token; int64_t expires_ms; };
/* Credentials for a principal that fits (an ASSERT): strings in the arena. */
struct session session_issue(struct arena *a, const struct principal *who, int64_t now_ms, int64_t expires_ms);
/* Open a token. false: not ours or tampered with. Expiry is the caller's to check (token_expires_ms). */
bool session_open(struct arena *a, struct str token, struct principal *who, struct str *secret);

/* A new access key id, 20 characters: the prefix (AKIA, ASIA), then the account's number and random bits in AWS's
 * arrangement, so that the account can be read from it without asking anyone. */
struct str access_key_make(struct arena *a, const char prefix[4], struct str account);
/* The account an access key id tells, 12 digits in the arena. Absent: not of that form. */
struct str access_key_account(struct arena *a, struct str id);

#endif
