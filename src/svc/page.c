/* Page tokens: see page.h. A token is base64url(check, position); the check is the first 8 bytes of SHA-256 over a label
 * and the position. It tells our tokens from other text and survives a restart. It is no permission, and anyone can make
 * one: call_scan keeps a scan within its prefix wherever the position points. */
#include "svc/page.h"
#include "base/enc.h"

enum { CHECK_SIZE = 8, TOKEN_MAX = 90000 }; /* a key of the longest, in base64 */

static void check_of(struct arena *a, struct str position, unsigned char out[CHECK_SIZE])
{
	struct sha256 d = sha256(arena_join(a, S("tsubo page 1:"), position));
	memcpy(out, d.b, CHECK_SIZE);
}

struct str page_token(struct arena *a, struct str position)
{
	ASSERT(str_present(position));
	unsigned char check[CHECK_SIZE];
	check_of(a, position, check);
	return base64url_encode(a, arena_join(a, str_of((const char *)check, CHECK_SIZE), position));
}

/* false also for a token of the right form whose check does not fit: a client that cuts or mixes tokens hears of
 * it. */
bool page_position(struct arena *a, struct str token, struct str *position)
{
	ASSERT(position != NULL);
	*position = STR_NONE;
	if (!str_present(token))
		return true;
	if (token.n > TOKEN_MAX)
		return false;
	struct str body = base64url_decode(a, token);
	if (body.n < CHECK_SIZE)
		return false;
	struct str at = str_slice(body, CHECK_SIZE, body.n);
	unsigned char check[CHECK_SIZE];
	check_of(a, at, check);
	if (!str_eq(str_slice(body, 0, CHECK_SIZE), str_of((const char *)check, CHECK_SIZE)))
		return false;
	*position = at;
	return true;
}

bool page_scan_open(struct page_scan *p, const struct key *prefix, struct str token)
{
	ASSERT(p->c != NULL && p->out != NULL && p->out->n == 0 && p->max > 0 && p->next_token != NULL);
	p->after = STR_NONE;
	if (!page_position(p->c->arena, token, &p->after))
		return false;
	p->scan = call_scan(p->c, prefix, p->after, false);
	return true;
}

bool page_scan_next(struct page_scan *p, struct str *key, struct str *value)
{
	ASSERT(p->scan != NULL && p->out->n <= p->max);
	if (!scan_next(p->scan, key, value))
		return false;
	if (p->out->n == p->max) {
		*p->next_token = page_token(p->c->arena, p->after);
		return false;
	}
	p->after = *key = arena_dup(p->c->arena, *key);
	return true;
}
