/* Checksums: of bodies, of parts together, and of bodies that do not stream.
 *
 * A full-object checksum of several parts is combined from theirs: a CRC is linear, so that of A then B is that of A moved
 * along by B's length, plus B's. Digests (SHA, MD5, XXHash) are not: of parts there is only the composite kind, the digest
 * of their digests. Source: "Checking object integrity in Amazon S3" (S3 User Guide). */
#include "s3.h"

enum { KIND_CRC32, KIND_CRC32C, KIND_CRC64, KIND_DIGESTS };

/* The CRCs stand first. `raw`: where the gateway has put it in a body. */
static const struct kind { const char *kind, *header; size_t bytes, raw; enum digest_kind digest; } kinds[N_SUMS] = {
	[KIND_CRC32] = {"CRC32", "x-amz-checksum-crc32", 4, offsetof(struct body, crc32), 0},
	[KIND_CRC32C] = {"CRC32C", "x-amz-checksum-crc32c", 4, offsetof(struct body, crc32c), 0},
	[KIND_CRC64] = {"CRC64NVME", "x-amz-checksum-crc64nvme", 8, offsetof(struct body, crc64nvme), 0},
	{"SHA1", "x-amz-checksum-sha1", 20, offsetof(struct body, sha1), DIGEST_SHA1},
	{"SHA256", "x-amz-checksum-sha256", 32, offsetof(struct body, sha256), DIGEST_SHA256},
	{"SHA512", "x-amz-checksum-sha512", 64, offsetof(struct body, sha512), DIGEST_SHA512},
	{"MD5", "x-amz-checksum-md5", 16, offsetof(struct body, md5), DIGEST_MD5},
	{"XXHASH64", "x-amz-checksum-xxhash64", 8, offsetof(struct body, xxhash64), DIGEST_XXH64},
	{"XXHASH3", "x-amz-checksum-xxhash3", 8, offsetof(struct body, xxhash3), DIGEST_XXH3},
	{"XXHASH128", "x-amz-checksum-xxhash128", 16, offsetof(struct body, xxhash128), DIGEST_XXH128},
};

/* N_SUMS: there is no such kind. */
static size_t kind_of(struct str kind)
{
	size_t i = 0;
	while (i < N_SUMS && !str_eq(kind, str_c(kinds[i].kind)))
		i++;
	return i;
}

size_t sum_bytes(struct str kind)
{
	size_t i = kind_of(kind);
	return i < N_SUMS ? kinds[i].bytes : 0;
}

struct str sum_of_header(struct str name)
{
	for (size_t i = 0; i < N_SUMS; i++)
		if (str_eq_nocase(name, str_c(kinds[i].header)))
			return str_c(kinds[i].kind);
	return STR_NONE;
}

bool sum_combines(struct str kind) { return kind_of(kind) < KIND_DIGESTS; }

bool sum_kind_ok(struct call *c, struct str kind)
{
	if (!str_present(kind) || kind_of(kind) < N_SUMS)
		return true;
	fail_request(c, "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, "
		"MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, XXHASH64]");
	return false;
}

void sum_spread(struct str kind, struct str value, struct sums *out)
{
	size_t i = kind_of(kind);
	*out = (struct sums){0};
	if (i < N_SUMS)
		out->v[i] = value;
}

struct str sum_pick(const struct sums *s, struct str kind)
{
	size_t i = kind_of(kind);
	return i < N_SUMS ? s->v[i] : STR_NONE;
}

struct str sum_sent(const struct sums *s)
{
	for (size_t i = 0; i < N_SUMS; i++)
		if (str_present(s->v[i]))
			return str_c(kinds[i].kind);
	return STR_NONE;
}

const char *sum_header(struct str kind)
{
	size_t i = kind_of(kind);
	ASSERT(i < N_SUMS);
	return kinds[i].header;
}

bool sums_readable(struct arena *a, const struct sums *s)
{
	size_t n = 0;
	for (size_t i = 0; i < N_SUMS; i++) {
		if (!str_present(s->v[i]))
			continue;
		n++;
		if (base64_decode(a, s->v[i]).n != kinds[i].bytes)
			return false;
	}
	return n <= 1;
}

/* Was it asked for in a header, a trailer, or by name? The gateway has checked those that were sent. */
static bool asked(struct call *c, const struct kind *k)
{
	struct str name = str_c(k->header);
	if (c->http == NULL)
		return false;
	return str_present(wire_header(c->http, name)) || str_eq_nocase(wire_header(c->http, S("x-amz-trailer")), name) ||
	       str_eq_nocase(wire_header(c->http, S("x-amz-sdk-checksum-algorithm")), str_c(k->kind));
}

bool sum_asked(struct call *c, struct str kind) { return kind_of(kind) < N_SUMS && asked(c, &kinds[kind_of(kind)]); }

static struct str raw_of(const struct body *b, const struct kind *k)
{
	struct str raw;
	memcpy(&raw, (const char *)b + k->raw, sizeof raw);
	ASSERT(raw.n == 0 || raw.n == k->bytes);
	return raw;
}

struct str sum_of_kind(struct call *c, const struct body *b, struct str kind)
{
	size_t i = kind_of(kind);
	ASSERT(i < N_SUMS);
	struct str raw = b != NULL ? raw_of(b, &kinds[i]) : STR_NONE;
	if (raw.n > 0)
		return base64_encode(c->arena, raw);
	return b != NULL && b->blob[0] != '\0' ? STR_NONE : sum_of_bytes(c, kind, b != NULL ? b->bytes : S(""));
}

struct str sum_default(struct call *c, const struct body *b)
{
	if (b != NULL && b->crc64nvme.n > 0)
		return base64_encode(c->arena, b->crc64nvme);
	if (b != NULL && b->blob[0] != '\0')
		return STR_NONE;
	return sum_of_bytes(c, S("CRC64NVME"), b != NULL ? b->bytes : S("")); /* of a few bytes, or invoked */
}

void sum_of_body(struct call *c, const struct body *b, struct str *kind, struct str *value)
{
	const struct body none = {0};
	if (b == NULL)
		b = &none;
	for (size_t i = 0; i < N_SUMS; i++) {
		struct str raw = raw_of(b, &kinds[i]);
		if (raw.n == 0 || !asked(c, &kinds[i]))
			continue;
		*kind = str_c(kinds[i].kind);
		*value = base64_encode(c->arena, raw);
		return;
	}
	if (b->crc64nvme.n == 0 && b->blob[0] != '\0') { /* asked for in words of the client's own: something was computed */
		size_t i = 0;
		while (i + 1 < N_SUMS && raw_of(b, &kinds[i]).n == 0)
			i++;
		*kind = str_c(kinds[i].kind);
		*value = base64_encode(c->arena, raw_of(b, &kinds[i]));
		return;
	}
	*kind = S("CRC64NVME");
	*value = sum_default(c, b);
}

/* ---- in pieces ---- */

struct sum_run { size_t kind; uint64_t crc; struct digest *digest; };

struct sum_run *sum_run_new(struct arena *a, struct str kind)
{
	struct sum_run *r = arena_new_of(a, struct sum_run);
	r->kind = kind_of(kind);
	ASSERT(r->kind < N_SUMS);
	if (r->kind >= KIND_DIGESTS)
		r->digest = digest_new(kinds[r->kind].digest);
	return r;
}

void sum_run_add(struct sum_run *r, struct str bytes)
{
	ASSERT((r->digest != NULL) == (r->kind >= KIND_DIGESTS)); /* not after its end */
	switch (r->kind) {
	case KIND_CRC32: r->crc = crc32_ieee((uint32_t)r->crc, bytes); break;
	case KIND_CRC32C: r->crc = crc32c((uint32_t)r->crc, bytes); break;
	case KIND_CRC64: r->crc = crc64nvme(r->crc, bytes); break;
	default: digest_add(r->digest, bytes);
	}
}

size_t sum_run_end(struct sum_run *r, unsigned char out[64])
{
	size_t n = kinds[r->kind].bytes;
	ASSERT(n <= 64 && (r->digest != NULL) == (r->kind >= KIND_DIGESTS));
	if (r->digest != NULL) {
		size_t made = digest_end(r->digest, out);
		ASSERT(made == n);
		r->digest = NULL;
		return n;
	}
	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)(r->crc >> (8 * (n - 1 - i)));
	return n;
}

struct str sum_of_bytes(struct call *c, struct str kind, struct str bytes)
{
	unsigned char out[64];
	struct sum_run *r = sum_run_new(c->arena, kind);
	sum_run_add(r, bytes);
	size_t n = sum_run_end(r, out);
	return base64_encode(c->arena, str_of((const char *)out, n));
}

/* ---- several parts ---- */

struct str sum_composite(struct call *c, struct str kind, const struct s3_StoredPart *const *parts, size_t n)
{
	struct buf all;
	buf_init(&all, c->arena, 0);
	ASSERT(n > 0 && !str_eq(kind, S("CRC64NVME"))); /* which is of full objects only */
	for (size_t i = 0; i < n; i++)
		buf_str(&all, base64_decode(c->arena, parts[i]->Sum));
	ASSERT(all.n == n * sum_bytes(kind));
	return arena_printf(c->arena, "%.*s-%zu", STR_ARG(sum_of_bytes(c, kind, buf_view(&all))), n);
}

/* The matrix product m·v over GF(2). */
static uint64_t times(const uint64_t m[64], uint64_t v)
{
	uint64_t sum = 0;
	for (size_t i = 0; v != 0; i++, v >>= 1)
		if ((v & 1) != 0)
			sum ^= m[i];
	return sum;
}

static void square(uint64_t out[64], const uint64_t m[64])
{
	for (size_t i = 0; i < 64; i++)
		out[i] = times(m, m[i]);
}

/* The CRC register (reflected, `bits` wide) after `n` zero bytes. */
static uint64_t moved(uint64_t crc, uint64_t polynomial, unsigned bits, uint64_t n)
{
	uint64_t a[64] = {polynomial}, b[64];
	for (unsigned i = 1; i < bits; i++)
		a[i] = UINT64_C(1) << (i - 1); /* one zero bit */
	square(b, a);  /* 2 */
	square(a, b);  /* 4 */
	square(b, a);  /* 8: one byte */
	for (; n > 0; n >>= 1) {
		if ((n & 1) != 0)
			crc = times(b, crc);
		square(a, b);
		memcpy(b, a, sizeof b);
	}
	return crc;
}

struct str sum_full(struct call *c, struct str kind, const struct s3_StoredPart *const *parts, size_t n)
{
	bool wide = str_eq(kind, S("CRC64NVME"));
	ASSERT(sum_combines(kind));
	uint64_t polynomial = wide ? UINT64_C(0x9a6c9329ac4bc9b5) : str_eq(kind, S("CRC32C")) ? 0x82f63b78u : 0xedb88320u;
	size_t bytes = wide ? 8 : 4;
	uint64_t crc = 0;
	for (size_t i = 0; i < n; i++) {
		struct str raw = base64_decode(c->arena, parts[i]->Sum);
		uint64_t one = 0;
		ASSERT(raw.n == bytes);
		for (size_t k = 0; k < bytes; k++)
			one = one << 8 | (unsigned char)raw.p[k];
		crc = moved(crc, polynomial, wide ? 64 : 32, (uint64_t)parts[i]->Size.v) ^ one;
	}
	char out[8];
	for (size_t i = 0; i < bytes; i++)
		out[i] = (char)(crc >> (8 * (bytes - 1 - i)));
	return base64_encode(c->arena, str_of(out, bytes));
}

/* ---- bodies that do not stream ---- */

bool body_digests_ok(struct call *c, bool required)
{
	if (c->http == NULL)
		return true;
	struct str sent = wire_header(c->http, S("content-md5"));
	bool any = str_present(sent);
	if (any) {
		struct str raw = base64_decode(c->arena, sent);
		struct md5 sum = md5(c->http->body);
		if (raw.n != sizeof sum.b) {
			fail_with(c, 400, "InvalidDigest", "Content-MD5", sent, "The Content-MD5 you specified was invalid.");
			return false;
		}
		if (memcmp(raw.p, sum.b, raw.n) != 0) {
			fail_with(c, 400, "BadDigest", "ExpectedDigest", sent, "The Content-MD5 you specified did not match what we received.");
			call_fail_more(c, "CalculatedDigest", base64_encode(c->arena, str_of((const char *)sum.b, sizeof sum.b)));
			return false;
		}
	}
	for (size_t i = 0; i < N_SUMS; i++) {
		sent = wire_header(c->http, str_c(kinds[i].header));
		if (!str_present(sent))
			continue;
		any = true;
		if (!str_eq(sent, sum_of_bytes(c, str_c(kinds[i].kind), c->http->body))) {
			call_fail_code(c, 400, "BadDigest", "The %s you specified did not match the calculated checksum.", kinds[i].kind);
			return false;
		}
	}
	if (!any && required) {
		fail_request(c, "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
		return false;
	}
	return true;
}
