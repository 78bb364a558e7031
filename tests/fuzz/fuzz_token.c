/* Any text as what clients hand back to us: session tokens, access keys, page tokens. A token of ours with anything changed in
 * it is none. */
#include "auth/session.h"
#include "base/enc.h"
#include "svc/page.h"

static struct session issued(struct arena *a, struct principal *who, const uint8_t *data, size_t size)
{
	static const struct param_tag tag = {S("team"), S("blue"), true};
	size_t some = size < 40 ? size : 40;
	*who = (struct principal){
		.type = (enum principal_type)(PRINCIPAL_ROOT + (size > 0 ? data[0] % 4 : 0)), .account = S("111122223333"),
		.arn = S("arn:aws:sts::111122223333:assumed-role/worker/one"), .session_policy = str_of((const char *)data, some), .tags = &tag,
		.n_tags = 1, .mfa = size % 2 == 0,
	};
	return session_issue(a, who, 1700000000000, 1700000900000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned char key[32] = "no secret at all";
	struct arena *a = arena_new(0);
	struct str in = str_of((const char *)data, size), secret, at;
	struct principal who, back;
	session_set_key(key);
	(void)session_open(a, in, &back, &secret);
	(void)access_key_account(a, in);
	if (page_position(a, in, &at) && str_present(at))
		ASSERT(str_eq(page_token(a, at), in) || in.n == 0);
	struct str position;
	ASSERT(page_position(a, page_token(a, in), &position) && str_eq(position, in));

	struct session s = issued(a, &who, data, size);
	ASSERT(session_open(a, s.token, &back, &secret) && str_eq(secret, s.secret) && str_eq(back.session_policy, who.session_policy));
	ASSERT(back.n_tags == 1 && back.tags[0].transitive && back.mfa == who.mfa && back.type == who.type);
	ASSERT(str_eq(access_key_account(a, s.access_key), who.account));
	struct str sealed = base64_decode(a, s.token);
	if (size >= 3 && data[2] != 0) {
		char *changed = (char *)(uintptr_t)arena_dup(a, sealed).p;
		changed[(data[0] | (size_t)data[1] << 8) % sealed.n] ^= (char)data[2];
		ASSERT(!session_open(a, base64_encode(a, str_of(changed, sealed.n)), &back, &secret));
	}
	arena_free(a);
	return 0;
}
