/* Tuple keys: any bytes are read or refused, and what is read is what was written; the order of two keys is that of their
 * elements. */
#include "store/key.h"

static void read_any(struct arena *a, struct str bytes)
{
	struct key_reader r = key_reader_of(bytes);
	struct key k = key_new(a);
	struct str s;
	uint64_t u;
	int64_t i;
	for (;;) {
		if (key_read_str(&r, a, &s))
			key_str(&k, s);
		else if (key_read_u64(&r, &u))
			key_u64(&k, u);
		else if (key_read_i64(&r, &i))
			key_i64(&k, i);
		else
			break;
	}
	struct str read = str_slice(bytes, 0, bytes.n - r.rest.n);
	ASSERT(str_eq(key_bytes(&k), read));
	struct str after = key_after(a, bytes);
	ASSERT(!str_present(after) || str_cmp(after, bytes) > 0);
}

static int sign(int v) { return v < 0 ? -1 : v > 0; }

static void order(struct arena *a, struct str x, struct str y, int64_t i, int64_t j)
{
	struct key p = key_new(a), q = key_new(a);
	key_i64(key_str(&p, x), i);
	key_i64(key_str(&q, y), j);
	int wanted = sign(str_cmp(x, y)) != 0 ? sign(str_cmp(x, y)) : i < j ? -1 : i > j;
	ASSERT(sign(str_cmp(key_bytes(&p), key_bytes(&q))) == wanted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	int64_t i = 0, j = 0;
	read_any(a, str_of((const char *)data, size));
	if (size > 16) {
		memcpy(&i, data, 8);
		memcpy(&j, data + 8, 8);
		size_t half = (size - 16) / 2;
		order(a, str_of((const char *)data + 16, half), str_of((const char *)data + 16 + half, size - 16 - half), i, j);
	}
	arena_free(a);
	return 0;
}
