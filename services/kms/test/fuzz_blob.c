/* Any bytes as a ciphertext: taken apart or refused. What is taken apart has a key id that reads back, and the same head
 * when it is put together again; it is not opened, by a key that has not sealed it. */
#include "../blob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	const struct str bytes = str_of((const char *)data, size), key = S("0123456789abcdef0123456789abcdef");
	struct blob b;
	if (blob_parse(a, bytes, &b)) {
		unsigned char raw[16];
		bool multi_region, ok = key_id_parse(b.key_id, raw, &multi_region);
		ASSERT(ok && str_eq(key_id_text(a, raw, multi_region), b.key_id));
		ASSERT(str_eq(blob_head(a, b.key_id, b.account, b.material), b.head));
		ASSERT(b.head.n + b.sealed.n == size);
		ASSERT(!str_present(gcm_open(a, key, b.head, b.sealed))); /* nobody has sealed it */
	}
	unsigned char raw[16];
	bool multi_region;
	if (key_id_parse(bytes, raw, &multi_region)) {
		struct str again = key_id_text(a, raw, multi_region);
		ASSERT(str_eq(again, bytes));
	}
	arena_free(a);
	return 0;
}
