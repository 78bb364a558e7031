/* See blob.h. Pure: bytes in, parts out. */
#include "blob.h"

static const char magic[4] = {'t', 's', 'k', 1};
enum { FLAG_MULTI_REGION = 1, UUID_CHARS = 36, MRK_CHARS = 36 };

bool key_id_parse(struct str text, unsigned char raw[16], bool *multi_region)
{
	char hex[32];
	size_t n = 0;
	*multi_region = str_starts(text, S("mrk-"));
	if (text.n != (*multi_region ? (size_t)MRK_CHARS : (size_t)UUID_CHARS))
		return false;
	for (size_t i = *multi_region ? 4 : 0; i < text.n; i++) {
		char ch = text.p[i];
		bool dash = !*multi_region && (i == 8 || i == 13 || i == 18 || i == 23);
		if (dash ? ch != '-' : !((ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'f')))
			return false;
		if (!dash)
			hex[n++] = ch;
	}
	ASSERT(n == sizeof hex);
	for (size_t i = 0; i < 16; i++) {
		int high = hex[2 * i] <= '9' ? hex[2 * i] - '0' : hex[2 * i] - 'a' + 10;
		int low = hex[2 * i + 1] <= '9' ? hex[2 * i + 1] - '0' : hex[2 * i + 1] - 'a' + 10;
		raw[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

struct str key_id_text(struct arena *a, const unsigned char raw[16], bool multi_region)
{
	struct str h = hex_encode(a, str_of((const char *)raw, 16));
	if (multi_region)
		return arena_join(a, S("mrk-"), h);
	return arena_join(a, str_slice(h, 0, 8), S("-"), str_slice(h, 8, 12), S("-"), str_slice(h, 12, 16), S("-"), str_slice(h, 16, 20), S("-"),
		str_slice(h, 20, 32));
}

static void put_be(unsigned char *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)(v >> (8 * (n - 1 - i)));
}

static uint64_t get_be(const char *p, size_t n)
{
	uint64_t v = 0;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | (unsigned char)p[i];
	return v;
}

struct str blob_head(struct arena *a, struct str key_id, struct str account, uint32_t material)
{
	unsigned char *p = (unsigned char *)arena_bytes(a, BLOB_HEAD);
	bool multi_region, ok = key_id_parse(key_id, p + 5, &multi_region);
	uint64_t number = 0;
	ok = ok && account.n == 12 && str_to_u64(account, &number);
	ASSERT(ok);
	for (size_t i = 0; i < sizeof magic; i++)
		p[i] = (unsigned char)magic[i];
	p[4] = multi_region ? FLAG_MULTI_REGION : 0;
	put_be(p + 21, number, 8);
	put_be(p + 29, material, 4);
	return str_of((const char *)p, BLOB_HEAD);
}

bool blob_parse(struct arena *a, struct str bytes, struct blob *out)
{
	*out = (struct blob){0};
	if (bytes.n <= BLOB_HEAD + GCM_EXTRA || memcmp(bytes.p, magic, sizeof magic) != 0 || (bytes.p[4] & ~FLAG_MULTI_REGION) != 0)
		return false;
	uint64_t account = get_be(bytes.p + 21, 8);
	if (account > 999999999999u)
		return false;
	out->key_id = key_id_text(a, (const unsigned char *)bytes.p + 5, bytes.p[4] != 0);
	out->account = arena_printf(a, "%012llu", (unsigned long long)account);
	out->material = (uint32_t)get_be(bytes.p + 29, 4);
	out->head = str_slice(bytes, 0, BLOB_HEAD);
	out->sealed = str_slice(bytes, BLOB_HEAD, bytes.n);
	ASSERT(out->sealed.n > GCM_EXTRA);
	return true;
}
