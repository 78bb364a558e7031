/* What the headers say about a streaming body: its framing, its length, what is to be hashed and what must come out. Loop thread.
 * Source: S3 API Reference, "PutObject"; "Signature calculations: transferring a payload in multiple chunks". */
#include "gateway/spool_inside.h"

#include <stdlib.h>

static struct str header(const struct request *r, const char *name) { return wire_header(&r->wire, str_c(name)); }

static void want(struct spool *s, struct str name)
{
	for (enum sum k = 0; k < N_SUMS; k++)
		if (str_eq_nocase(name, str_c(spool_sums[k].name)) || str_eq_nocase(name, str_c(spool_sums[k].header)))
			s->wants[k] = true;
}

static bool is_kind(struct str name)
{
	for (enum sum k = 0; k < N_SUMS; k++)
		if (str_eq_nocase(name, str_c(spool_sums[k].header)))
			return true;
	return false;
}

/* A header that brings a checksum of a kind there is not. */
static bool foreign_sum(const struct request *r)
{
	static const struct str others[] = {STR_INIT("algorithm"), STR_INIT("mode"), STR_INIT("type")};
	for (size_t i = 0; i < r->wire.n_headers; i++) {
		struct str name = r->wire.headers[i].name;
		if (!str_starts_nocase(name, S("x-amz-checksum-")) || is_kind(name))
			continue;
		bool other = false;
		for (size_t k = 0; k < COUNT_OF(others); k++)
			other |= str_eq_nocase(str_slice(name, sizeof "x-amz-checksum-" - 1, name.n), others[k]);
		if (!other)
			return true;
	}
	return false;
}

/* What is said twice about checksums must be the same. n: how many came in headers. Source: answers of AWS, as recorded in versitygw's
 * integration tests. */
static enum next checksums_agree(const struct spool *s, struct request *r, size_t n)
{
	struct str rest = header(r, "x-amz-trailer"), algorithm = header(r, "x-amz-sdk-checksum-algorithm"), said = STR_NONE;
	size_t announced = 0, others = 0;
	for (enum sum k = 0; k < N_SUMS; k++)
		if (str_present(s->declared[k]))
			said = str_c(spool_sums[k].name);
	while (str_present(rest) && rest.n > 0) {
		struct str name = str_trim(str_cut(&rest, ','));
		announced += is_kind(name);
		others += name.n > 0 && !is_kind(name);
		for (enum sum k = 0; k < N_SUMS; k++)
			if (str_eq_nocase(name, str_c(spool_sums[k].header)))
				said = str_c(spool_sums[k].name);
	}
	if (others > 0 && announced == 0)
		return request_fail(r, 400, "InvalidRequest", "The value specified in the x-amz-trailer header is not supported");
	if (n + announced > 1)
		return request_fail(r, 400, "InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
	if (foreign_sum(r))
		return request_fail(r, 400, "InvalidRequest", "The algorithm type you specified in x-amz-checksum- header is invalid.");
	if (str_present(algorithm) && !str_present(said) && str_find_str(r->wire.raw_query, S("x-amz-checksum-")) < 0)
		return request_fail(r, 400, "InvalidRequest", "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or "
			"x-amz-trailer headers were found.");
	if (str_present(algorithm) && str_present(said) && !str_eq_nocase(algorithm, said))
		return request_fail(r, 400, "InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.");
	return NEXT;
}

/* What is to be computed, and what it must come to. */
static enum next choose_digests(struct spool *s, struct request *r)
{
	struct str md5 = header(r, "content-md5"), announced = header(r, "x-amz-trailer");
	if (str_present(md5)) {
		s->content_md5 = base64_decode(s->memory, md5);
		if (s->content_md5.n != 16) {
			request_fail(r, 400, "InvalidDigest", "The Content-MD5 you specified was invalid.");
			wire_error_more(r->arena, &r->error, "Content-MD5", md5);
			return FAIL;
		}
	}
	size_t n = 0;
	for (enum sum k = 0; k < N_SUMS; k++) {
		s->declared[k] = header(r, spool_sums[k].header);
		s->wants[k] = str_present(s->declared[k]);
		n += s->wants[k];
	}
	if (checksums_agree(s, r, n) == FAIL)
		return FAIL;
	while (str_present(announced) && announced.n > 0)
		want(s, str_trim(str_cut(&announced, ',')));
	want(s, header(r, "x-amz-sdk-checksum-algorithm"));
	bool any = false;
	for (enum sum k = 0; k < N_SUMS; k++)
		any |= s->wants[k];
	/* Of what goes into a file always: a part's is wanted when its upload is completed, and it costs nothing beside the rest. */
	s->wants[SUM_CRC64] |= !any || s->expected < 0 || s->expected > (int64_t)s->inline_max;
	if (!any && str_find_str(r->wire.raw_query, S("uploadId=")) >= 0) /* what a checksum of the whole object may be made of */
		s->wants[SUM_CRC32] = s->wants[SUM_CRC32C] = true;
	s->wants[SUM_SHA256] |= r->claim.payload_hash.n == 64 || r->signature_pending; /* what stage_verify goes by */
	s->md5 = digest_new(DIGEST_MD5);
	for (enum sum k = SUM_SHA1; k < N_SUMS; k++)
		if (s->wants[k])
			s->digest[k] = digest_new(spool_sums[k].digest);
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
		return request_fail(r, 411, "MissingContentLength", "You must provide the Content-Length HTTP header.");
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
	s->chunks->data = spool_decoded;
	s->chunks->trailer = spool_add_trailer;
	s->chunks->arg = s;
	return NEXT;
}

enum next spool_read_headers(struct spool *s)
{
	struct request *r = s->request;
	CHECK_MAGIC(s, (unsigned)SPOOL_MAGIC);
	ASSERT(r->http != NULL && s->md5 == NULL && s->chunks == NULL);
	if (choose_framing(s, r) == FAIL || choose_digests(s, r) == FAIL)
		return FAIL;
	ASSERT(s->md5 != NULL && s->expected >= -1);
	if (s->expected > SPOOL_LARGEST || r->http->content_length > SPOOL_LARGEST + SPOOL_LARGEST / 64)
		return request_fail(r, 400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size");
	s->lane[LANE_DECODE].used = s->chunks != NULL;
	s->lane[LANE_MD5].used = s->lane[LANE_STORE].used = true;
	for (enum sum k = SUM_SHA1; k < N_SUMS; k++)
		s->lane[LANE_SHA].used |= s->digest[k] != NULL;
	return NEXT;
}
