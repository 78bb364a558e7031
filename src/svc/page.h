/* Page tokens: the key where a listing goes on, opaque to clients (base64url of a checked body). */
#ifndef TSUBO_PAGE_H
#define TSUBO_PAGE_H

#include "base/arena.h"

struct str page_token(struct arena *a, struct str position);
/* false: not a token of ours. An absent token gives an absent position. */
bool page_position(struct arena *a, struct str token, struct str *position);

#endif
