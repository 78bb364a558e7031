/* What workers do with a body that comes in: decode, hash, encrypt, write, and check in the end. See spool_inside.h.
 *
 * What always holds: a blob is sealed only when everything the client said about the body was true; after a failure nothing of
 * it stays.
 * Source: S3 API Reference, "PutObject", "Error responses"; "Checking object integrity" (S3 User Guide). */
#include "gateway/spool_inside.h"

#include "svc/body.h"
#include "telemetry/log.h"

#include <errno.h>
#include <stdio.h>

enum { CIPHER_BLOCK = 64 << 10 };

const struct sum_kind spool_sums[N_SUMS] = {
	[SUM_CRC32] = {"x-amz-checksum-crc32", "CRC32", 4},
	[SUM_CRC32C] = {"x-amz-checksum-crc32c", "CRC32C", 4},
	[SUM_CRC64] = {"x-amz-checksum-crc64nvme", "CRC64NVME", 8},
	[SUM_MD5] = {"x-amz-checksum-md5", "MD5", 16},
	[SUM_SHA1] = {"x-amz-checksum-sha1", "SHA1", 20, DIGEST_SHA1},
	[SUM_SHA256] = {"x-amz-checksum-sha256", "SHA256", 32, DIGEST_SHA256},
	[SUM_SHA512] = {"x-amz-checksum-sha512", "SHA512", 64, DIGEST_SHA512},
	[SUM_XXH64] = {"x-amz-checksum-xxhash64", "XXHASH64", 8, DIGEST_XXH64},
	[SUM_XXH3] = {"x-amz-checksum-xxhash3", "XXHASH3", 8, DIGEST_XXH3},
	[SUM_XXH128] = {"x-amz-checksum-xxhash128", "XXHASH128", 16, DIGEST_XXH128},
};

bool spool_fail(struct spool *s, int status, const char *code, const char *fmt, ...)
{
	ASSERT(status >= 400 && status < 600 && code != NULL);
	int not_yet = FAILING_NOT;
	if (!atomic_compare_exchange_strong(&s->failing, &not_yet, FAILING_NOW))
		return false; /* another lane was first */
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(s->message, sizeof s->message, fmt, ap);
	va_end(ap);
	s->status = status;
	s->code = code;
	atomic_store(&s->failing, FAILED);
	return false;
}

static bool fail_disk(struct spool *s)
{
	if (errno == ENOSPC || errno == EDQUOT)
		return spool_fail(s, 503, "ServiceUnavailable", "There is no space left on the disk. Please try again.");
	log_warn("a body cannot be kept: %s", strerror(errno));
	return spool_fail(s, 500, "InternalError", "We encountered an internal error. Please try again.");
}

static bool fail_short(struct spool *s)
{
	return spool_fail(s, 400, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header");
}

static bool fail_trailer(struct spool *s)
{
	return spool_fail(s, 400, "MalformedTrailerError",
		"The request contained trailing data that was not well-formed or did not conform to our published schema.");
}

/* ---- decode ---- */

void spool_place(struct spool *s, struct spool_buffer *b)
{
	ASSERT(s->got >= 0 && b->p != NULL);
	b->at = s->got;
	s->got += (int64_t)b->n;
	if (s->got > SPOOL_LARGEST)
		spool_fail(s, 400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size");
	else if (s->expected >= 0 && s->got > s->expected)
		fail_short(s);
}

bool spool_decoded(void *arg, char *p, size_t n)
{
	struct spool *s = arg;
	struct spool_buffer *b = s->decoding;
	ASSERT(b != NULL && p >= b->p + s->n_decoded && p + n <= b->p + b->n); /* decoding never makes more of it */
	memmove(b->p + s->n_decoded, p, n);
	s->n_decoded += n;
	return s->expected < 0 || s->got + (int64_t)s->n_decoded <= s->expected || fail_short(s);
}

void spool_add_trailer(void *arg, struct str name, struct str value)
{
	struct spool *s = arg;
	ASSERT(name.n > 0 && str_present(value));
	s->trailers = arena_grow(s->memory, s->trailers, sizeof *s->trailers, s->n_trailers, s->n_trailers + 1);
	char *lower = arena_bytes(s->memory, name.n + 1);
	for (size_t i = 0; i < name.n; i++)
		lower[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] + 32 : name.p[i]);
	s->trailers[s->n_trailers++] = (struct param){str_of(lower, name.n), arena_dup(s->memory, value), true};
}

static bool chunks_ok(struct spool *s, bool ok)
{
	if (!ok && s->chunks->code != NULL)
		spool_fail(s, s->chunks->status, s->chunks->code, "%s", s->chunks->message);
	return ok;
}

static void decode(struct spool *s, struct spool_buffer *b)
{
	ASSERT(s->chunks != NULL && s->decoding == NULL);
	s->decoding = b;
	s->n_decoded = 0;
	bool ok = chunks_ok(s, awschunk_feed(s->chunks, b->p, b->n));
	s->decoding = NULL;
	ASSERT(s->n_decoded <= b->n);
	b->n = s->n_decoded;
	if (ok)
		spool_place(s, b);
}

/* ---- hash ---- */

static void add_sha(struct spool *s, struct str bytes)
{
	for (enum sum k = SUM_SHA1; k < N_SUMS; k++)
		if (s->digest[k] != NULL)
			digest_add(s->digest[k], bytes);
}

/* So fast that a lane of their own would cost more. */
static void add_crcs(struct spool *s, struct str bytes)
{
	if (s->wants[SUM_CRC32])
		s->crc32 = crc32_ieee(s->crc32, bytes);
	if (s->wants[SUM_CRC32C])
		s->crc32c = crc32c(s->crc32c, bytes);
	if (s->wants[SUM_CRC64])
		s->crc64 = crc64nvme(s->crc64, bytes);
}

/* ---- store ---- */

/* Other lanes read the buffer meanwhile, so it is encrypted on its way into another. */
static bool write_bytes(struct spool *s, struct str bytes, int64_t at)
{
	char sealed[CIPHER_BLOCK];
	ASSERT(s->blob != NULL && at >= 0);
	if (!s->encrypt)
		return blob_write(s->blob, bytes) || fail_disk(s);
	while (bytes.n > 0) {
		struct str piece = str_slice(bytes, 0, bytes.n < sizeof sealed ? bytes.n : sizeof sealed);
		body_cipher(s->key, at, piece, sealed);
		if (!blob_write(s->blob, str_of(sealed, piece.n)))
			return fail_disk(s);
		at += (int64_t)piece.n;
		bytes = str_slice(bytes, piece.n, bytes.n);
	}
	return true;
}

static void store_bytes(struct spool *s, struct str bytes, int64_t at)
{
	if (s->blob == NULL && s->bytes.n + bytes.n <= s->inline_max && s->expected <= (int64_t)s->inline_max) {
		ASSERT(at == (int64_t)s->bytes.n);
		buf_str(&s->bytes, bytes);
		ASSERT(!s->bytes.overflow);
		return;
	}
	if (s->blob == NULL) {
		s->blob = blob_create(service_store());
		if (s->blob == NULL) {
			fail_disk(s);
			return;
		}
		ASSERT(at == (int64_t)s->bytes.n);
		bool ok = write_bytes(s, buf_view(&s->bytes), 0);
		buf_free(&s->bytes);
		if (!ok)
			return;
	}
	write_bytes(s, bytes, at);
}

void spool_lane_work(struct spool *s, enum lane_kind kind, struct spool_buffer *b)
{
	CHECK_MAGIC(s, (unsigned)SPOOL_MAGIC);
	ASSERT(b->p != NULL && !s->done);
	struct str bytes = str_of(b->p, b->n);
	switch (kind) {
	case LANE_DECODE: decode(s, b); break;
	case LANE_MD5: digest_add(s->md5, bytes); break;
	case LANE_SHA: add_sha(s, bytes); break;
	case LANE_STORE:
		add_crcs(s, bytes);
		store_bytes(s, bytes, b->at);
		break;
	case N_LANES: ASSERT(false);
	}
}

/* ---- the end ---- */

static void put_be(unsigned char *out, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)(v >> (8 * (n - 1 - i)));
}

static void end_digests(struct spool *s)
{
	put_be(s->result[SUM_CRC32], s->crc32, 4);
	put_be(s->result[SUM_CRC32C], s->crc32c, 4);
	put_be(s->result[SUM_CRC64], s->crc64, 8);
	size_t n = digest_end(s->md5, s->result[SUM_MD5]);
	ASSERT(n == spool_sums[SUM_MD5].bytes);
	s->md5 = NULL;
	for (enum sum k = SUM_SHA1; k < N_SUMS; k++) {
		if (s->digest[k] == NULL)
			continue;
		n = digest_end(s->digest[k], s->result[k]);
		ASSERT(n == spool_sums[k].bytes);
		s->digest[k] = NULL;
	}
}

static bool check_sum(struct spool *s, enum sum k, struct str declared, bool trailing)
{
	ASSERT(s->wants[k]);
	struct str raw = base64_decode(s->memory, declared);
	if (raw.n != spool_sums[k].bytes)
		return spool_fail(s, 400, "InvalidRequest", "Value for %s %sheader is invalid.", spool_sums[k].header, trailing ? "trailing " : "");
	if (memcmp(raw.p, s->result[k], raw.n) != 0)
		return spool_fail(s, 400, "BadDigest", "The %s you specified did not match the calculated checksum.", spool_sums[k].name);
	return true;
}

/* Is all true that the client said about the body? */
static bool check_digests(struct spool *s)
{
	s->wrong_md5 = str_present(s->content_md5) && memcmp(s->content_md5.p, s->result[SUM_MD5], spool_sums[SUM_MD5].bytes) != 0;
	if (s->wrong_md5)
		return spool_fail(s, 400, "BadDigest", "The Content-MD5 you specified did not match what we received.");
	for (enum sum k = 0; k < N_SUMS; k++) {
		if (str_present(s->declared[k]) && !check_sum(s, k, s->declared[k], false))
			return false;
		for (size_t i = 0; i < s->n_trailers; i++) {
			if (!str_eq(s->trailers[i].name, str_c(spool_sums[k].header)))
				continue;
			if (!s->wants[k])
				return fail_trailer(s); /* not announced, so not computed */
			if (!check_sum(s, k, s->trailers[i].value, true))
				return false;
		}
	}
	return true;
}

/* Trailers that were announced must have come. */
static bool check_trailers(struct spool *s)
{
	struct str announced = wire_header(&s->request->wire, S("x-amz-trailer"));
	while (str_present(announced) && announced.n > 0) {
		struct str name = str_trim(str_cut(&announced, ','));
		bool there = name.n == 0;
		for (size_t i = 0; i < s->n_trailers && !there; i++)
			there = str_eq_nocase(s->trailers[i].name, name);
		if (!there)
			return fail_trailer(s);
	}
	return true;
}

static void finish(struct spool *s)
{
	if (s->chunks != NULL && !chunks_ok(s, awschunk_end(s->chunks)))
		return;
	if (s->expected >= 0 && s->got != s->expected) {
		fail_short(s);
		return;
	}
	end_digests(s);
	if (!check_trailers(s) || !check_digests(s) || s->blob == NULL)
		return;
	struct blob_writer *w = s->blob;
	s->blob = NULL;
	s->sealed = blob_seal(w, &s->id);
	if (!s->sealed)
		fail_disk(s);
}

void spool_drop_blob(struct spool *s)
{
	ASSERT(s->blob == NULL || !s->sealed);
	if (s->blob != NULL)
		blob_abandon(s->blob);
	s->blob = NULL;
	if (s->sealed)
		blob_discard(service_store(), s->id);
	s->sealed = false;
}

void spool_final_work(struct spool *s)
{
	CHECK_MAGIC(s, (unsigned)SPOOL_MAGIC);
	ASSERT(!s->done);
	s->done = true;
	if (!spool_failed(s))
		finish(s);
	if (spool_failed(s))
		spool_drop_blob(s);
}
