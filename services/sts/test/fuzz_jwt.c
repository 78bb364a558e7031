/* Any bytes as a token, and behind a line's end a set of keys: it is taken apart inside its bytes, and none but the signed part and a key
 * that is one make it signed. */
#include "../sts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct str keys = str_of((const char *)data, size), token = str_cut(&keys, '\n');
	struct jwt t;
	if (jwt_read(a, token, &t)) {
		ASSERT(json_is(t.head, JSON_OBJECT) && json_is(t.claims, JSON_OBJECT) && str_present(t.signature));
		ASSERT(t.signed_part.p == token.p && t.signed_part.n < token.n && token.p[t.signed_part.n] == '.');
		struct json *set = str_present(keys) ? json_parse(a, keys, NULL) : NULL;
		bool is_signed = jwt_signed(a, &t, set);
		ASSERT(!is_signed || (json_is(set, JSON_OBJECT) && t.signature.n > 0));
	}
	arena_free(a);
	return 0;
}
