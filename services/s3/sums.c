/* Checksums: of bodies, of parts together, and of bodies that do not stream.
 *
 * A full-object checksum of several parts is combined from theirs: a CRC is linear, so that of A then B is that of A moved
 * along by B's length, plus B's. Source: "Checking object integrity in Amazon S3" (S3 User Guide). */
#include "s3.h"

static const struct { const char *kind; size_t bytes; } kinds[] = {{"CRC32", 4}, {"CRC32C", 4}, {"CRC64NVME", 8}, {"SHA1", 20}, {"SHA256", 32}};

size_t sum_bytes(struct str kind)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (str_eq(kind, str_c(kinds[i].kind)))
			return kinds[i].bytes;
	return 0;
}

bool sum_kind_ok(struct call *c, struct str kind)
{
	if (!str_present(kind) || sum_bytes(kind) > 0)
		return true;
	call_unsupported(c, "tsubo does not implement the checksum algorithm %.*s", STR_ARG(kind));
	return false;
}

void sum_spread(struct str kind, struct str value, struct sums *out)
{
	*out = (struct sums){0};
	struct str *const at[] = {&out->crc32, &out->crc32c, &out->crc64nvme, &out->sha1, &out->sha256};
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (str_eq(kind, str_c(kinds[i].kind)))
			*at[i] = value;
}

struct str sum_pick(const struct sums *s, struct str kind)
{
	const struct str at[] = {s->crc32, s->crc32c, s->crc64nvme, s->sha1, s->sha256};
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (str_eq(kind, str_c(kinds[i].kind)))
			return at[i];
	return STR_NONE;
}

/* Was it asked for in a header, a trailer, or by name? The gateway has checked those that were sent. */
static bool asked(struct call *c, const char *kind)
{
	char header[40] = "x-amz-checksum-";
	size_t n = sizeof "x-amz-checksum-" - 1;
	for (const char *p = kind; *p != '\0'; p++)
		header[n++] = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
	struct str name = str_of(header, n);
	if (c->http == NULL)
		return false;
	return str_present(wire_header(c->http, name)) || str_eq_nocase(wire_header(c->http, S("x-amz-trailer")), name) ||
	       str_eq_nocase(wire_header(c->http, S("x-amz-sdk-checksum-algorithm")), str_c(kind));
}

void sum_of_body(struct call *c, const struct body *b, struct str *kind, struct str *value)
{
	const struct body none = {0};
	if (b == NULL)
		b = &none;
	const struct str raw[] = {b->crc32, b->crc32c, b->crc64nvme, b->sha1, b->sha256};
	*kind = *value = STR_NONE;
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (raw[i].n > 0 && asked(c, kinds[i].kind)) {
			*kind = str_c(kinds[i].kind);
			*value = base64_encode(c->arena, raw[i]);
			return;
		}
	*kind = S("CRC64NVME");
	if (b->crc64nvme.n > 0) {
		*value = base64_encode(c->arena, b->crc64nvme);
		return;
	}
	uint64_t crc = crc64nvme(0, b->bytes); /* invoked: nobody has computed it */
	char be[8];
	for (size_t i = 0; i < 8; i++)
		be[i] = (char)(crc >> (56 - 8 * i));
	*value = base64_encode(c->arena, str_of(be, 8));
}

/* ---- in pieces ---- */

struct sum_run { size_t kind; uint64_t crc; struct digest *digest; };

struct sum_run *sum_run_new(struct arena *a, struct str kind)
{
	struct sum_run *r = arena_new_of(a, struct sum_run);
	while (r->kind < COUNT_OF(kinds) && !str_eq(kind, str_c(kinds[r->kind].kind)))
		r->kind++;
	ASSERT(r->kind < COUNT_OF(kinds));
	if (r->kind >= 3)
		r->digest = digest_new(r->kind == 3 ? DIGEST_SHA1 : DIGEST_SHA256);
	return r;
}

void sum_run_add(struct sum_run *r, struct str bytes)
{
	if (r->digest != NULL)
		digest_add(r->digest, bytes);
	else
		r->crc = r->kind == 0 ? crc32_ieee((uint32_t)r->crc, bytes) : r->kind == 1 ? crc32c((uint32_t)r->crc, bytes) : crc64nvme(r->crc, bytes);
}

size_t sum_run_end(struct sum_run *r, unsigned char out[64])
{
	size_t n = kinds[r->kind].bytes;
	if (r->digest != NULL)
		return digest_end(r->digest, out);
	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)(r->crc >> (8 * (n - 1 - i)));
	return n;
}

/* ---- several parts ---- */

struct str sum_composite(struct call *c, struct str kind, const struct s3_StoredPart *const *parts, size_t n)
{
	struct buf all;
	buf_init(&all, c->arena, 0);
	for (size_t i = 0; i < n; i++)
		buf_str(&all, base64_decode(c->arena, parts[i]->Sum));
	struct str s = buf_view(&all), raw = STR_NONE;
	char out[32];
	uint64_t crc = str_eq(kind, S("CRC32")) ? crc32_ieee(0, s) : str_eq(kind, S("CRC32C")) ? crc32c(0, s) : 0;
	for (size_t i = 0; i < 4; i++)
		out[i] = (char)(crc >> (24 - 8 * i));
	raw = str_of(out, 4);
	if (str_eq(kind, S("SHA1"))) {
		struct sha1 d = sha1(s);
		memcpy(out, d.b, sizeof d.b);
		raw.n = sizeof d.b;
	} else if (str_eq(kind, S("SHA256"))) {
		struct sha256 d = sha256(s);
		memcpy(out, d.b, sizeof d.b);
		raw.n = sizeof d.b;
	}
	return arena_printf(c->arena, "%.*s-%zu", STR_ARG(base64_encode(c->arena, raw)), n);
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

static struct str computed_sum(struct call *c, size_t kind, struct str body)
{
	char out[32];
	uint64_t crc = kind == 0 ? (uint64_t)crc32_ieee(0, body) << 32 : kind == 1 ? (uint64_t)crc32c(0, body) << 32 : crc64nvme(0, body);
	for (size_t i = 0; i < 8; i++)
		out[i] = (char)(crc >> (56 - 8 * i));
	if (kind == 3) {
		struct sha1 d = sha1(body);
		memcpy(out, d.b, sizeof d.b);
	} else if (kind == 4) {
		struct sha256 d = sha256(body);
		memcpy(out, d.b, sizeof d.b);
	}
	return base64_encode(c->arena, str_of(out, kinds[kind].bytes));
}

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
			call_fail_code(c, 400, "InvalidDigest", "The Content-MD5 you specified was invalid.");
			return false;
		}
		if (memcmp(raw.p, sum.b, raw.n) != 0) {
			call_fail_code(c, 400, "BadDigest", "The Content-MD5 you specified did not match what we received.");
			return false;
		}
	}
	static const char *const headers[] = {"x-amz-checksum-crc32", "x-amz-checksum-crc32c", "x-amz-checksum-crc64nvme", "x-amz-checksum-sha1",
		"x-amz-checksum-sha256"};
	for (size_t i = 0; i < COUNT_OF(headers); i++) {
		sent = wire_header(c->http, str_c(headers[i]));
		if (!str_present(sent))
			continue;
		any = true;
		if (!str_eq(sent, computed_sum(c, i, c->http->body))) {
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
