/* Streaming bodies on their way in. See spool.h.
 *
 * The loop copies what comes into one of two buffers; a worker decodes, hashes, encrypts and writes the other. When both
 * are full the client is paused, so a request holds two buffers and what is kept in memory, never more.
 * What always holds: while `working` is true all but `fill`, `ended` and `gone` belong to the worker; a blob is sealed
 * only when everything the client said about the body was true; what is not sealed is removed; what is sealed and was
 * not claimed by a call that succeeded is removed with the request.
 * Source: S3 API Reference, "PutObject", "Checking object integrity", "Error responses". */
#include "gateway/spool.h"

#include "gateway/awschunk.h"
#include "os/os.h"
#include "store/blob.h"
#include "svc/body.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { SPOOL_MAGIC = 0x5b001001, BUFFER_BYTES = 128 << 10, SLACK_BYTES = 32 << 10, AT_ONCE_BYTES = 16 << 10 };
#define LARGEST (INT64_C(5) << 30)

enum sum { SUM_CRC32, SUM_CRC32C, SUM_CRC64, SUM_SHA1, SUM_SHA256, N_SUMS };
static const struct { const char *header, *name; size_t bytes; } sums[N_SUMS] = {
	[SUM_CRC32] = {"x-amz-checksum-crc32", "CRC32", 4},
	[SUM_CRC32C] = {"x-amz-checksum-crc32c", "CRC32C", 4},
	[SUM_CRC64] = {"x-amz-checksum-crc64nvme", "CRC64NVME", 8},
	[SUM_SHA1] = {"x-amz-checksum-sha1", "SHA1", 20},
	[SUM_SHA256] = {"x-amz-checksum-sha256", "SHA256", 32},
};

struct spool {
	unsigned magic;
	struct request *request;
	char *fill, *busy;        /* buffers; busy is NULL until it is needed */
	size_t n_fill, n_busy, cap_fill, cap_busy;
	bool working, ended, gone, paused, final, finished;
	size_t inline_max;
	int64_t expected;         /* decoded bytes; -1: not told */
	/* the worker's */
	struct awschunk *chunks;  /* NULL: plain */
	struct arena *memory;     /* of trailers and results */
	struct param *trailers;
	size_t n_trailers;
	int64_t got;
	bool wants[N_SUMS];
	struct digest *md5, *sha1, *sha256;
	uint32_t crc32, crc32c;
	uint64_t crc64;
	unsigned char result[N_SUMS][64], md5_result[16];
	struct str content_md5;   /* raw; absent: not sent */
	struct str declared[N_SUMS]; /* base64, as sent in a header; absent: not sent */
	struct buf bytes;         /* heap */
	struct blob_writer *blob;
	struct blob_id id;
	bool encrypt, sealed;
	unsigned char key[32];
	int status;               /* of the first error; 0: none */
	const char *code;
	char message[300];
};

/* ---- failing, on either side ---- */

static bool fail(struct spool *s, int status, const char *code, const char *fmt, ...) PRINTF_LIKE(4, 5);
static bool fail(struct spool *s, int status, const char *code, const char *fmt, ...)
{
	if (s->status != 0)
		return false;
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(s->message, sizeof s->message, fmt, ap);
	va_end(ap);
	s->status = status;
	s->code = code;
	return false;
}

static bool fail_disk(struct spool *s)
{
	if (errno == ENOSPC || errno == EDQUOT)
		return fail(s, 503, "ServiceUnavailable", "There is no space left on the disk. Please try again.");
	return fail(s, 500, "InternalError", "We encountered an internal error. Please try again.");
}

/* ---- the worker: one buffer ---- */

static bool store_bytes(struct spool *s, char *p, size_t n)
{
	ASSERT(n > 0 && s->got >= 0);
	if (s->blob == NULL && s->bytes.n + n <= s->inline_max && s->expected <= (int64_t)s->inline_max) {
		buf_put(&s->bytes, p, n);
		return !s->bytes.overflow;
	}
	if (s->blob == NULL) {
		s->blob = blob_create(service_store());
		if (s->blob == NULL)
			return fail_disk(s);
		if (s->encrypt)
			body_cipher(s->key, 0, s->bytes.p, s->bytes.n);
		bool ok = blob_write(s->blob, buf_view(&s->bytes));
		buf_free(&s->bytes);
		if (!ok)
			return fail_disk(s);
	}
	if (s->encrypt)
		body_cipher(s->key, s->got, p, n);
	return blob_write(s->blob, str_of(p, n)) || fail_disk(s);
}

/* Decoded bytes. */
static bool consume(void *arg, char *p, size_t n)
{
	struct spool *s = arg;
	struct str bytes = str_of(p, n);
	if (s->got + (int64_t)n > LARGEST)
		return fail(s, 400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size");
	if (s->expected >= 0 && s->got + (int64_t)n > s->expected)
		return fail(s, 400, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header");
	digest_add(s->md5, bytes);
	if (s->wants[SUM_CRC32])
		s->crc32 = crc32_ieee(s->crc32, bytes);
	if (s->wants[SUM_CRC32C])
		s->crc32c = crc32c(s->crc32c, bytes);
	if (s->wants[SUM_CRC64])
		s->crc64 = crc64nvme(s->crc64, bytes);
	if (s->sha1 != NULL)
		digest_add(s->sha1, bytes);
	if (s->sha256 != NULL)
		digest_add(s->sha256, bytes);
	bool ok = store_bytes(s, p, n);
	s->got += (int64_t)n;
	return ok;
}

/* Lower-case names, as wire.h promises. */
static void add_trailer(void *arg, struct str name, struct str value)
{
	ASSERT(name.n > 0);
	struct spool *s = arg;
	s->trailers = arena_grow(s->memory, s->trailers, sizeof *s->trailers, s->n_trailers, s->n_trailers + 1);
	char *lower = arena_bytes(s->memory, name.n + 1);
	for (size_t i = 0; i < name.n; i++)
		lower[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] + 32 : name.p[i]);
	s->trailers[s->n_trailers++] = (struct param){str_of(lower, name.n), arena_dup(s->memory, value), true};
}

static void put_be(unsigned char *out, uint64_t v, size_t n)
{
	ASSERT(n > 0 && n <= 8);
	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)(v >> (8 * (n - 1 - i)));
}

static void end_digests(struct spool *s)
{
	unsigned char out[64];
	put_be(s->result[SUM_CRC32], s->crc32, 4);
	put_be(s->result[SUM_CRC32C], s->crc32c, 4);
	put_be(s->result[SUM_CRC64], s->crc64, 8);
	digest_end(s->md5, out);
	memcpy(s->md5_result, out, sizeof s->md5_result);
	s->md5 = NULL;
	if (s->sha1 != NULL)
		digest_end(s->sha1, s->result[SUM_SHA1]);
	s->sha1 = NULL;
	if (s->sha256 != NULL)
		digest_end(s->sha256, s->result[SUM_SHA256]);
	s->sha256 = NULL;
}

/* Also for sums that came unannounced in a trailer: they were not calculated, and so do not fit. */
static bool check_sum(struct spool *s, enum sum k, struct str declared)
{
	ASSERT(k < N_SUMS && s->finished);
	struct str raw = base64_decode(s->memory, declared);
	if (raw.n != sums[k].bytes)
		return fail(s, 400, "InvalidRequest", "Value for %s header is invalid.", sums[k].header);
	if (memcmp(raw.p, s->result[k], raw.n) != 0)
		return fail(s, 400, "BadDigest", "The %s you specified did not match the calculated checksum.", sums[k].name);
	return true;
}

/* Is all true that the client said about the body? */
static bool check_digests(struct spool *s)
{
	if (str_present(s->content_md5) && memcmp(s->content_md5.p, s->md5_result, sizeof s->md5_result) != 0)
		return fail(s, 400, "BadDigest", "The Content-MD5 you specified did not match what we received.");
	for (enum sum k = 0; k < N_SUMS; k++) {
		if (str_present(s->declared[k]) && !check_sum(s, k, s->declared[k]))
			return false;
		for (size_t i = 0; i < s->n_trailers; i++)
			if (str_eq(s->trailers[i].name, str_c(sums[k].header)) && !check_sum(s, k, s->trailers[i].value))
				return false;
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
			return fail(s, 400, "MalformedTrailerError",
				"The request contained trailing data that was not well-formed or did not conform to our published schema.");
	}
	return true;
}

static bool chunks_ok(struct spool *s, bool ok)
{
	if (!ok && s->chunks->code != NULL)
		fail(s, s->chunks->status, s->chunks->code, "%s", s->chunks->message);
	return ok;
}

static void finish(struct spool *s)
{
	ASSERT(!s->finished && s->status == 0);
	s->finished = true;
	if (s->chunks != NULL && !chunks_ok(s, awschunk_end(s->chunks)))
		return;
	if (s->expected >= 0 && s->got != s->expected) {
		fail(s, 400, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header");
		return;
	}
	end_digests(s);
	if (!check_trailers(s) || !check_digests(s))
		return;
	if (s->blob == NULL)
		return;
	struct blob_writer *w = s->blob;
	s->blob = NULL;
	s->sealed = blob_seal(w, &s->id);
	if (!s->sealed)
		fail_disk(s);
}

static void drop_blob(struct spool *s)
{
	ASSERT(s->blob == NULL || !s->sealed); /* one or the other */
	if (s->blob != NULL)
		blob_abandon(s->blob);
	s->blob = NULL;
	if (s->sealed)
		blob_discard(service_store(), s->id);
	s->sealed = false;
}

static void work(void *arg)
{
	struct spool *s = arg;
	CHECK_MAGIC(s, (unsigned)SPOOL_MAGIC);
	if (s->n_busy > 0) {
		if (s->chunks != NULL)
			chunks_ok(s, awschunk_feed(s->chunks, s->busy, s->n_busy));
		else
			consume(s, s->busy, s->n_busy);
	}
	s->n_busy = 0;
	if (s->final && s->status == 0)
		finish(s);
	if (s->status != 0)
		drop_blob(s);
}

/* ---- the loop ---- */

static void free_spool(struct spool *s)
{
	ASSERT(!s->working);
	if (s->blob != NULL || s->sealed)
		drop_blob(s); /* only from a worker: see spool_gone and spool_free */
	if (s->md5 != NULL)
		digest_drop(s->md5);
	if (s->sha1 != NULL)
		digest_drop(s->sha1);
	if (s->sha256 != NULL)
		digest_drop(s->sha256);
	if (s->chunks != NULL)
		awschunk_free(s->chunks);
	free(s->chunks);
	free(s->fill);
	free(s->busy);
	buf_free(&s->bytes);
	arena_free(s->memory);
	s->magic = 0;
	free(s);
}

static void free_work(void *arg) { free_spool(arg); }

/* Free it, on a worker when there is a file to remove. */
static void dispose(struct spool *s)
{
	if (s->blob != NULL || s->sealed)
		worker_run(free_work, NULL, s);
	else
		free_spool(s);
}

static struct str result_of(struct spool *s, enum sum k)
{
	ASSERT(k < N_SUMS && s->finished);
	return s->wants[k] ? str_of((const char *)s->result[k], sums[k].bytes) : STR_NONE;
}

/* Everything is in, or it has failed: the request goes on. */
static void deliver(struct spool *s)
{
	ASSERT(!s->working && (s->status != 0 || s->finished));
	struct request *r = s->request;
	struct body *b = &r->stream;
	free(s->fill);
	free(s->busy);
	s->fill = s->busy = NULL;
	if (s->status != 0) {
		request_fail(r, s->status, s->code, "%s", s->message);
	} else {
		b->bytes = s->sealed ? STR_NONE : buf_view(&s->bytes);
		if (s->sealed)
			memcpy(b->blob, s->id.hex, sizeof b->blob);
		b->length = s->got;
		b->encrypted = s->sealed && s->encrypt;
		memcpy(b->key, s->key, sizeof b->key);
		b->md5 = str_of((const char *)s->md5_result, sizeof s->md5_result);
		b->crc32 = result_of(s, SUM_CRC32);
		b->crc32c = result_of(s, SUM_CRC32C);
		b->crc64nvme = result_of(s, SUM_CRC64);
		b->sha1 = result_of(s, SUM_SHA1);
		b->sha256 = result_of(s, SUM_SHA256);
		b->trailers = s->trailers;
		b->n_trailers = s->n_trailers;
	}
	r->body_done = true;
	if (s->paused && r->http != NULL)
		http_resume_body(r->http); /* what is left of a refused body is drained */
	if (r->reading_now)
		return;
	r->receiving = false;
	request_go_on(r);
}

static void worked(void *arg);

/* Of the chunked transfer coding; those of aws-chunked come with the decoding. */
static void take_trailers(struct spool *s)
{
	const struct http_request *h = s->request->http;
	for (size_t i = 0; h != NULL && i < h->n_trailers; i++)
		add_trailer(s, h->trailers[i].name, h->trailers[i].value);
}

/* Hand the filled buffer to a worker, if there is something to do. */
static void push(struct spool *s)
{
	ASSERT(!s->working && !s->finished);
	if (s->ended)
		take_trailers(s);
	char *filled = s->fill;
	size_t cap = s->cap_fill;
	s->fill = s->busy;
	s->cap_fill = s->cap_busy;
	s->busy = filled;
	s->cap_busy = cap;
	s->n_busy = s->n_fill;
	s->n_fill = 0;
	s->final = s->ended;
	s->working = true;
	worker_run(work, worked, s);
	if (s->paused && !s->ended && s->request->http != NULL) {
		s->paused = false;
		http_resume_body(s->request->http);
	}
}

static void worked(void *arg)
{
	struct spool *s = arg;
	struct request *r = s->request;
	CHECK_MAGIC(s, (unsigned)SPOOL_MAGIC);
	s->working = false;
	if (s->gone) {
		r->spool = NULL;
		dispose(s);
		request_free(r);
		return;
	}
	if (s->status != 0 || s->finished) {
		deliver(s);
		return;
	}
	if (s->ended || s->n_fill >= BUFFER_BYTES)
		push(s);
}

void spool_piece(struct request *r, struct str piece)
{
	struct spool *s = r->spool;
	CHECK_MAGIC(s, (unsigned)SPOOL_MAGIC);
	r->bytes_in += piece.n;
	/* While a worker has the buffer the status is its to write: what comes meanwhile is thrown away when it is back. */
	if (piece.n == 0 || r->body_done || (!s->working && s->status != 0))
		return;
	if (s->n_fill + piece.n > s->cap_fill) {
		s->cap_fill = s->n_fill + piece.n > BUFFER_BYTES + SLACK_BYTES ? s->n_fill + piece.n : BUFFER_BYTES + SLACK_BYTES;
		s->fill = realloc(s->fill, s->cap_fill);
		if (s->fill == NULL)
			die("out of memory");
	}
	memcpy(s->fill + s->n_fill, piece.p, piece.n);
	s->n_fill += piece.n;
	if (s->n_fill < BUFFER_BYTES)
		return;
	if (!s->working) {
		push(s);
	} else if (!s->paused) {
		s->paused = true;
		http_pause_body(r->http);
	}
}

void spool_end(struct request *r)
{
	struct spool *s = r->spool;
	CHECK_MAGIC(s, (unsigned)SPOOL_MAGIC);
	if (s->ended || r->body_done)
		return;
	s->ended = true;
	if (s->working)
		return;
	if (s->blob == NULL && s->n_fill <= AT_ONCE_BYTES && s->got + (int64_t)s->n_fill <= (int64_t)s->inline_max &&
	    s->expected <= (int64_t)s->inline_max) {
		take_trailers(s);
		free(s->busy);
		s->busy = s->fill; /* so small that the way to a worker would cost more */
		s->n_busy = s->n_fill;
		s->fill = NULL;
		s->final = true;
		work(s);
		deliver(s);
		return;
	}
	push(s);
}

bool spool_gone(struct request *r)
{
	struct spool *s = r->spool;
	if (s->working) {
		s->gone = true;
		return false;
	}
	r->spool = NULL;
	dispose(s);
	return true;
}

void spool_free(struct request *r)
{
	struct spool *s = r->spool;
	if (s == NULL)
		return;
	CHECK_MAGIC(s, (unsigned)SPOOL_MAGIC);
	r->spool = NULL;
	if (!r->failed && r->ran)
		s->sealed = false; /* it lives with the record now */
	dispose(s);
}

/* ---- the beginning ---- */

static struct str header(const struct request *r, const char *name) { return wire_header(&r->wire, str_c(name)); }

static void want(struct spool *s, struct str name)
{
	for (enum sum k = 0; k < N_SUMS; k++)
		if (str_eq_nocase(name, str_c(sums[k].name)) || str_eq_nocase(name, str_c(sums[k].header)))
			s->wants[k] = true;
}

/* What is to be computed, and what it must come to. */
static enum next choose_digests(struct spool *s, struct request *r)
{
	struct str md5 = header(r, "content-md5"), announced = header(r, "x-amz-trailer");
	if (str_present(md5)) {
		s->content_md5 = base64_decode(s->memory, md5);
		if (s->content_md5.n != 16)
			return request_fail(r, 400, "InvalidDigest", "The Content-MD5 you specified was invalid.");
	}
	size_t n = 0;
	for (enum sum k = 0; k < N_SUMS; k++) {
		s->declared[k] = header(r, sums[k].header);
		s->wants[k] = str_present(s->declared[k]);
		n += s->wants[k];
	}
	if (n > 1)
		return request_fail(r, 400, "InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
	while (str_present(announced) && announced.n > 0)
		want(s, str_trim(str_cut(&announced, ',')));
	want(s, header(r, "x-amz-sdk-checksum-algorithm"));
	bool any = false;
	for (enum sum k = 0; k < N_SUMS; k++)
		any |= s->wants[k];
	s->wants[SUM_CRC64] |= !any;
	s->md5 = digest_new(DIGEST_MD5);
	if (s->wants[SUM_SHA1])
		s->sha1 = digest_new(DIGEST_SHA1);
	s->wants[SUM_SHA256] |= r->claim.payload_hash.n == 64 || r->signature_pending; /* what stage_verify goes by */
	if (s->wants[SUM_SHA256])
		s->sha256 = digest_new(DIGEST_SHA256);
	return NEXT;
}

/* Plain or aws-chunked, and how many bytes are to come. */
static enum next choose_framing(struct spool *s, struct request *r)
{
	struct str how = header(r, "x-amz-content-sha256"), length = header(r, "x-amz-decoded-content-length");
	s->expected = r->http->content_length;
	bool streaming = str_starts(how, S("STREAMING-"));
	bool coded = str_starts_nocase(header(r, "content-encoding"), S("aws-chunked"));
	if (!streaming && !coded)
		return NEXT;
	bool is_signed = str_starts(how, S("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")), trailer = str_ends(how, S("-TRAILER"));
	if (streaming && !is_signed && !str_eq(how, S("STREAMING-UNSIGNED-PAYLOAD-TRAILER")))
		return request_fail(r, 501, "NotImplemented", "tsubo does not implement the payload signing %.*s", STR_ARG(how));
	if (is_signed && r->claim.kind != SIG_V4_HEADER)
		return request_fail(r, 400, "InvalidRequest", "A signed payload needs a signed request.");
	if (str_present(length) && (!str_to_i64(length, &s->expected) || s->expected < 0))
		return request_fail(r, 400, "InvalidArgument", "The value of x-amz-decoded-content-length is not valid");
	if (!str_present(length) && r->http->content_length >= 0)
		return request_fail(r, 411, "MissingContentLength", "You must provide the Content-Length HTTP header.");
	if (!str_present(length))
		s->expected = -1;
	s->chunks = calloc(1, sizeof *s->chunks);
	if (s->chunks == NULL)
		die("out of memory");
	s->chunks->is_signed = is_signed;
	s->chunks->has_trailer = trailer || !streaming;
	s->chunks->signatures = &r->chunks;
	s->chunks->data = consume;
	s->chunks->trailer = add_trailer;
	s->chunks->arg = s;
	return NEXT;
}

enum next spool_start(struct request *r)
{
	struct http_request *h = r->http;
	r->stream.bytes = S("");
	struct spool *s = calloc(1, sizeof *s);
	if (s == NULL)
		die("out of memory");
	s->magic = SPOOL_MAGIC;
	s->request = r;
	s->memory = arena_new(512);
	r->spool = s;
	s->inline_max = r->service->stream_inline > 0 ? r->service->stream_inline : STREAM_INLINE;
	s->encrypt = r->service->encrypt_streams;
	if (s->encrypt)
		random_bytes(s->key, sizeof s->key);
	buf_init(&s->bytes, NULL, s->inline_max);
	if (choose_framing(s, r) == FAIL || choose_digests(s, r) == FAIL)
		return FAIL;
	if (s->expected > LARGEST || h->content_length > LARGEST + LARGEST / 64)
		return request_fail(r, 400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size");
	r->receiving = r->reading_now = true;
	if (h->has_body)
		http_read_body(h);
	else
		spool_end(r);
	r->reading_now = false;
	if (!r->body_done)
		return LATER;
	r->receiving = false; /* it was there already */
	return r->failed ? FAIL : NEXT;
}
