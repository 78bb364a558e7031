/* Signature Version 4: find the claim, check it, sign our own requests.
 *
 * What always holds: nothing is believed before sig_verify has returned true; a secret never gets into a message.
 * Called by gateway/identify, and by services that sign requests to other endpoints.
 *
 * Source: "Create a signed AWS API request" and "Troubleshoot signed requests" (IAM User Guide), "Authenticating
 * Requests" and "Error responses" (S3 API Reference). */
#include "auth/sig_internal.h"

#include "base/time.h"

#include <stdlib.h>

#define HEX_SHA256_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SKEW_MS (15 * 60 * 1000)
#define WEEK_S 604800
#define SECRET_MAX 256

static const char mismatch[] = "The request signature we calculated does not match the signature you provided. Check your "
	"AWS Secret Access Key and signing method. Consult the service documentation for details.";
static const char s3_mismatch[] = "The request signature we calculated does not match the signature you provided. Check "
	"your key and signing method.";

static const char v4_parameters[] = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
	"X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.";

bool sig_fail(struct sig_error *err, int status, const char *code, struct str message)
{
	ASSERT(status >= 400 && status < 600 && code != NULL);
	*err = (struct sig_error){.code = code, .message = message, .status = status};
	return false;
}

bool sig_fail_s3(struct sig_error *err, const char *s3, int status, const char *code, struct str message)
{
	sig_fail(err, status, code, message);
	err->s3 = s3;
	return false;
}

bool sig_more(struct arena *a, struct sig_error *err, const struct param *more, size_t n)
{
	struct param *all = arena_array(a, struct param, n);
	ASSERT(err->code != NULL && err->n_more == 0);
	for (size_t i = 0; i < n; i++)
		if (str_present(more[i].value))
			all[err->n_more++] = more[i];
	err->more = all;
	return false;
}

/* "41 57 53 34": so that a client sees the line ends too. */
static struct str spaced_hex(struct arena *a, struct str s)
{
	static const char digits[] = "0123456789abcdef";
	struct buf b;
	if (!str_present(s))
		return STR_NONE;
	buf_init(&b, a, s.n * 3 + 1);
	for (size_t i = 0; i < s.n; i++) {
		if (i > 0)
			buf_putc(&b, ' ');
		buf_putc(&b, digits[(unsigned char)s.p[i] >> 4]);
		buf_putc(&b, digits[(unsigned char)s.p[i] & 15]);
	}
	return buf_view(&b);
}

bool sig_mismatch(struct arena *a, struct sig_error *err, const struct sig_claim *c, struct str to_sign, struct str canonical)
{
	const struct param more[] = {
		{S("AWSAccessKeyId"), c->access_key, true}, {S("StringToSign"), to_sign, true}, {S("SignatureProvided"), c->signature, true},
		{S("StringToSignBytes"), spaced_hex(a, to_sign), true}, {S("CanonicalRequest"), canonical, true},
		{S("CanonicalRequestBytes"), spaced_hex(a, canonical), true},
	};
	sig_fail(err, 403, "SignatureDoesNotMatch", str_c(s3_mismatch));
	return sig_more(a, err, more, COUNT_OF(more));
}

/* ---- parsing ---- */

static bool digits(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

/* "AKID/20150830/us-east-1/iam/aws4_request", read from the end: S3 access keys may hold slashes. Version 4A has no region
 * there: it is in c already. */
bool sig_parse_scope(struct arena *a, struct str credential, struct sig_claim *c, struct sig_error *err)
{
	ASSERT(str_present(credential));
	static const char formed[] = "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".";
	struct str part[4], rest = credential; /* terminator, service, region, date */
	for (size_t i = 0; i < 4; i++) {
		if (i == 2 && c->asymmetric)
			continue;
		ptrdiff_t at = str_rfind(rest, '/');
		if (at < 0)
			return sig_fail_s3(err, formed, 403, "IncompleteSignature", arena_printf(a,
				"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%.*s'", STR_ARG(credential)));
		part[i] = str_slice(rest, (size_t)at + 1, rest.n);
		rest = str_slice(rest, 0, (size_t)at);
	}
	c->service = part[1];
	if (!c->asymmetric)
		c->region = part[2];
	c->date = part[3];
	c->access_key = rest;
	if (!str_eq(part[0], S("aws4_request")))
		return sig_fail_s3(err, arena_cstr(a, arena_join(a, S("incorrect terminal \""), part[0], S("\". This endpoint uses \"aws4_request\"."))), 403,
			"SignatureDoesNotMatch", arena_printf(a, "Credential should be scoped with a valid terminator: 'aws4_request', not '%.*s'.",
			STR_ARG(part[0])));
	bool all = rest.n > 0 && (c->region.n > 0 || c->asymmetric) && c->service.n > 0;
	if (!all || c->date.n != 8 || (sig_service_is_s3(c->service) && !digits(c->date)))
		return sig_fail_s3(err, !all ? formed : arena_cstr(a, arena_join(a, S("incorrect date format \""), c->date,
			S("\". This date in the credential must be in the format \"yyyyMMdd\"."))), 403, "IncompleteSignature", arena_printf(a,
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%.*s'", STR_ARG(credential)));
	return true;
}

static bool signs_host(struct str signed_headers)
{
	ASSERT(str_present(signed_headers));
	for (struct str rest = signed_headers; str_present(rest);) {
		struct str name = str_cut(&rest, ';');
		if (str_eq(name, S("host")) || str_eq(name, S(":authority")))
			return true;
	}
	return false;
}

/* What S3 says of a header: how many components it has, and the first that is none. */
static const char *header_words(struct arena *a, const struct sig_claim *c, size_t components, struct str malformed)
{
	if (components != 3)
		return "the authorization header requires three components: Credential, SignedHeaders, and Signature.";
	if (str_present(malformed))
		return arena_cstr(a, arena_join(a, S("the authorization component \""), malformed, S("\" is malformed.")));
	return !str_present(c->access_key) ? "missing Credential." : !str_present(c->signed_headers) ? "missing SignedHeaders." : "missing Signature.";
}

/* All that is missing in one message, in the words and the order of AWS's front ends. */
static bool header_incomplete(struct arena *a, struct sig_error *err, const struct sig_claim *c, const char *s3)
{
	struct buf b;
	if (str_present(c->access_key) && str_present(c->signature) && str_present(c->signed_headers) && str_ends(c->access_key, S("/s3/aws4_request")))
		return sig_fail(err, 403, "AccessDenied", S("AWS authentication requires a valid Date or x-amz-date header"));
	buf_init(&b, a, 1024);
	if (!str_present(c->access_key))
		buf_lit(&b, "Authorization header requires 'Credential' parameter. ");
	if (!str_present(c->signature))
		buf_lit(&b, "Authorization header requires 'Signature' parameter. ");
	if (!str_present(c->signed_headers))
		buf_lit(&b, "Authorization header requires 'SignedHeaders' parameter. ");
	if (!str_present(c->amz_date))
		buf_lit(&b, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ");
	buf_lit(&b, "Authorization=AWS4-HMAC-SHA256");
	return sig_fail_s3(err, s3, 403, "IncompleteSignature", buf_view(&b));
}

/* X-Amz-Date, or Date in either form brought into the one of the string to sign. */
static struct str request_date(struct arena *a, const struct sig_request *r)
{
	struct str date = sig_header(r, S("x-amz-date"));
	if (str_present(date))
		return date;
	date = sig_header(r, S("date"));
	int64_t ms;
	if (str_present(date) && time_parse_rfc1123(date, &ms))
		return time_amz_date(a, ms);
	return date;
}

/* "us-east-1,eu-west-1": the first, unless it is a pattern. */
static struct str first_region(struct str set)
{
	struct str first = str_present(set) ? str_trim(str_cut(&set, ',')) : STR_NONE;
	return str_find(first, '*') < 0 ? first : STR_NONE;
}

static bool parse_header(struct arena *a, const struct sig_request *r, struct str rest, struct sig_claim *c, struct sig_error *err)
{
	ASSERT(c->kind == SIG_NONE && str_present(rest));
	struct str credential = STR_NONE, malformed = STR_NONE;
	size_t components = 0;
	c->kind = SIG_V4_HEADER;
	if (c->asymmetric)
		c->region = first_region(sig_header(r, S("x-amz-region-set")));
	while (str_present(rest)) {
		struct str value = str_trim(str_cut(&rest, ','));
		struct str name = str_cut(&value, '=');
		components++;
		if (!str_present(value) && !str_present(malformed))
			malformed = name;
		if (!str_present(value))
			continue;
		if (str_eq(name, S("Credential")))
			credential = value;
		else if (str_eq(name, S("SignedHeaders")))
			c->signed_headers = value;
		else if (str_eq(name, S("Signature")))
			c->signature = value;
	}
	c->amz_date = request_date(a, r);
	c->session_token = sig_header(r, S("x-amz-security-token"));
	c->payload_hash = sig_header(r, S("x-amz-content-sha256"));
	c->access_key = credential; /* for the message only */
	if (!str_present(credential) || !str_present(c->signature) || !str_present(c->signed_headers) || !str_present(c->amz_date))
		return header_incomplete(a, err, c, header_words(a, c, components, malformed));
	if (!sig_parse_scope(a, credential, c, err))
		return false;
	if (!signs_host(c->signed_headers))
		return sig_fail(err, 403, "SignatureDoesNotMatch", S("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."));
	return true;
}

/* S3 answers 400 with a code of its own, everyone else 403. */
static bool query_fail(struct sig_error *err, bool s3, const char *text)
{
	if (s3)
		return sig_fail(err, 400, "AuthorizationQueryParametersError", str_c(text));
	return sig_fail(err, 403, "IncompleteSignature", str_c(text));
}

static bool parse_query(struct arena *a, const struct sig_request *r, struct sig_claim *c, struct sig_error *err)
{
	ASSERT(c->kind == SIG_NONE && r->raw_query.n > 0);
	c->kind = SIG_V4_QUERY;
	if (c->asymmetric)
		c->region = first_region(sig_query(a, r, S("X-Amz-Region-Set")));
	struct str credential = sig_query(a, r, S("X-Amz-Credential"));
	bool s3 = str_present(credential) && (str_ends(credential, S("/s3/aws4_request")) || str_ends(credential, S("/s3express/aws4_request")));
	struct str expires = sig_query(a, r, S("X-Amz-Expires"));
	c->amz_date = sig_query(a, r, S("X-Amz-Date"));
	c->signed_headers = sig_query(a, r, S("X-Amz-SignedHeaders"));
	c->signature = sig_query(a, r, S("X-Amz-Signature"));
	c->session_token = sig_query(a, r, S("X-Amz-Security-Token"));
	c->payload_hash = sig_query(a, r, S("X-Amz-Content-Sha256"));
	if (!str_present(c->payload_hash))
		c->payload_hash = sig_header(r, S("x-amz-content-sha256"));
	if (!str_present(credential) || !str_present(c->amz_date) || !str_present(c->signed_headers) ||
	    !str_present(c->signature) || (s3 && !str_present(expires)))
		return query_fail(err, s3, v4_parameters);
	if (!sig_parse_scope(a, credential, c, err))
		return false;
	if (!signs_host(c->signed_headers))
		return query_fail(err, s3, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
	if (!str_present(expires))
		return true;
	if (!str_to_i64(expires, &c->expires_s))
		return query_fail(err, s3, "X-Amz-Expires should be a number");
	if (c->expires_s < 0)
		return query_fail(err, s3, "X-Amz-Expires must be non-negative");
	if (c->expires_s > WEEK_S)
		return query_fail(err, s3, "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 "
			"seconds");
	return true;
}

bool sig_unfinished(struct arena *a, const struct sig_request *r, struct sig_error *err)
{
	if (r->raw_query.n == 0)
		return false;
	if (str_present(sig_query(a, r, S("X-Amz-Credential"))) || str_present(sig_query(a, r, S("X-Amz-Signature"))))
		return !query_fail(err, true, v4_parameters);
	if (!str_present(sig_query(a, r, S("AWSAccessKeyId"))) && !str_present(sig_query(a, r, S("Signature"))))
		return false;
	return !sig_fail(err, 403, "AccessDenied", S("Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"));
}

bool sig_parse(struct arena *a, const struct sig_request *r, struct sig_claim *claim, struct sig_error *err)
{
	*claim = (struct sig_claim){.kind = SIG_NONE};
	struct str authorization = sig_header(r, S("authorization"));
	struct str algorithm = STR_NONE;
	bool v2_query = false;
	if (r->raw_query.n > 0) {
		algorithm = sig_query(a, r, S("X-Amz-Algorithm"));
		v2_query = !str_present(algorithm) && str_present(sig_query(a, r, S("AWSAccessKeyId"))) && str_present(sig_query(a, r, S("Signature")));
	}
	bool ours = str_starts(authorization, S("AWS4-")) || str_starts(authorization, S("AWS "));
	if (ours && (str_present(algorithm) || v2_query))
		return sig_fail(err, 400, "InvalidArgument", S("Only one auth mechanism allowed; only the X-Amz-Algorithm query "
			"parameter, Signature query string parameter or the Authorization header should be specified"));
	if (str_starts(authorization, S("AWS4-HMAC-SHA256")))
		return parse_header(a, r, str_slice(authorization, sizeof "AWS4-HMAC-SHA256" - 1, authorization.n), claim, err);
	claim->asymmetric = str_starts(authorization, S("AWS4-ECDSA-P256-SHA256")) || str_eq(algorithm, S("AWS4-ECDSA-P256-SHA256"));
	if (claim->asymmetric && ours)
		return parse_header(a, r, str_slice(authorization, sizeof "AWS4-ECDSA-P256-SHA256" - 1, authorization.n), claim, err);
	if (str_starts(authorization, S("AWS ")) || v2_query)
		return sigv2_parse(a, r, authorization, claim, err);
	if (ours)
		return sig_fail(err, 403, "IncompleteSignature", S("Unsupported signing algorithm in the Authorization header."));
	if (!str_present(algorithm))
		return true;
	if (!claim->asymmetric && !str_eq(algorithm, S("AWS4-HMAC-SHA256")))
		return sig_fail(err, 400, "AuthorizationQueryParametersError",
			S("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256\""));
	return parse_query(a, r, claim, err);
}

/* ---- verifying ---- */

static bool check_date(struct arena *a, const struct sig_claim *c, bool s3, int64_t wall_ms, struct sig_error *err)
{
	ASSERT(c->date.n == 8 && str_present(c->amz_date)); /* parsed */
	int64_t at;
	if (!time_parse_amz_date(c->amz_date, &at)) {
		if (s3 && c->kind == SIG_V4_QUERY)
			return query_fail(err, s3, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
		if (s3)
			return sig_fail(err, 403, "AccessDenied", S("AWS authentication requires a valid Date or x-amz-date header"));
		return sig_fail(err, 403, "IncompleteSignature", arena_printf(a,
			"Date must be in ISO-8601 'basic format'. Got '%.*s'. See http://en.wikipedia.org/wiki/ISO_8601", STR_ARG(c->amz_date)));
	}
	if (!str_eq(str_slice(c->amz_date, 0, 8), c->date)) {
		if (s3)
			return sig_fail(err, 400, c->kind == SIG_V4_QUERY ? "AuthorizationQueryParametersError" : "AuthorizationHeaderMalformed", arena_printf(a,
				"%sInvalid credential date \"%.*s\". This date is not the same as X-Amz-Date: \"%.*s\".",
				c->kind == SIG_V4_QUERY ? "" : "The authorization header is malformed; ", STR_ARG(c->date), STR_ARG(str_slice(c->amz_date, 0, 8))));
		return sig_fail(err, 403, "SignatureDoesNotMatch", arena_printf(a,
			"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%.*s' != '%.*s', from '%.*s'.",
			STR_ARG(c->date), STR_ARG(str_slice(c->amz_date, 0, 8)), STR_ARG(c->amz_date)));
	}
	int64_t valid_ms = c->kind == SIG_V4_QUERY && c->expires_s > 0 ? c->expires_s * 1000 : SKEW_MS;
	if (c->kind == SIG_V4_QUERY && s3)
		valid_ms = c->expires_s * 1000;
	ASSERT(valid_ms >= 0 && valid_ms <= (int64_t)WEEK_S * 1000);
	bool late = wall_ms - at > valid_ms, early = at - wall_ms > SKEW_MS;
	if (LIKELY(!late && !early))
		return true;
	if (s3 && c->kind == SIG_V4_QUERY) {
		const struct param more[] = {{S("X-Amz-Expires"), arena_printf(a, "%lld", (long long)c->expires_s), true},
			{S("Expires"), time_iso8601(a, at + valid_ms), true}, {S("ServerTime"), time_iso8601(a, wall_ms), true}};
		sig_fail(err, 403, "AccessDenied", late ? S("Request has expired") : S("Request is not valid yet"));
		return sig_more(a, err, more, late ? COUNT_OF(more) : 0);
	}
	if (s3)
		return sig_fail(err, 403, "RequestTimeTooSkewed", S("The difference between the request time and the current time is too large."));
	struct str now = time_amz_date(a, wall_ms), edge = time_amz_date(a, late ? wall_ms - valid_ms : wall_ms + SKEW_MS);
	if (late)
		return sig_fail(err, 403, "SignatureDoesNotMatch", arena_printf(a,
			"Signature expired: %.*s is now earlier than %.*s (%.*s - %lld min.)",
			STR_ARG(c->amz_date), STR_ARG(edge), STR_ARG(now), (long long)(valid_ms / 60000)));
	return sig_fail(err, 403, "SignatureDoesNotMatch", arena_printf(a,
		"Signature not yet current: %.*s is still later than %.*s (%.*s + 15 min.)", STR_ARG(c->amz_date), STR_ARG(edge), STR_ARG(now)));
}

/* Lower case only: that is what the canonical request has, and another spelling would be another text. */
static bool is_hash(struct str s)
{
	if (s.n != 64)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return false;
	return true;
}

bool sig_signs_for_s3(const struct sig_claim *claim)
{
	ASSERT(claim->kind != SIG_NONE);
	return sig_service_is_s3(claim->service);
}

/* What a client may put in the place of a hash. */
static bool is_payload_word(struct str s)
{
	static const struct str words[] = {
		STR_INIT("UNSIGNED-PAYLOAD"), STR_INIT("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), STR_INIT("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
		STR_INIT("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"), STR_INIT("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"),
		STR_INIT("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"),
	};
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (str_eq(s, words[i]))
			return true;
	return false;
}

/* What stands on the last line of the canonical request. */
static bool choose_payload(struct arena *a, const struct sig_claim *c, struct str body_hash, bool s3, struct str *out, struct sig_error *err)
{
	ASSERT(!str_present(body_hash) || body_hash.n == 64);
	if (c->asymmetric && str_starts(c->payload_hash, S("STREAMING-AWS4-")))
		return sig_fail(err, 501, "NotImplemented", S("Chunk signatures with AWS4-ECDSA-P256-SHA256 are not implemented."));
	struct str sent = c->payload_hash;
	bool literal = str_present(sent) && is_hash(sent);
	/* Anything else would be signed, or taken for no body at all, and the body never looked at. */
	if (str_present(sent) && sent.n > 0 && !literal && !is_payload_word(sent)) {
		const struct param more[] = {{S("ArgumentName"), S("x-amz-content-sha256"), true}, {S("ArgumentValue"), sent, true}};
		sig_fail(err, 400, "InvalidArgument", S("x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
			"STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, "
			"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value."));
		return sig_more(a, err, more, COUNT_OF(more));
	}
	if (s3 && literal && str_present(body_hash) && !str_eq(sent, body_hash))
		return sig_fail(err, 400, "XAmzContentSHA256Mismatch", S("The provided 'x-amz-content-sha256' header does not match what was computed."));
	if (str_present(sent) && sent.n > 0 && !literal) {
		*out = sent;
		return true;
	}
	if (c->kind == SIG_V4_QUERY && s3) {
		*out = literal ? sent : S("UNSIGNED-PAYLOAD");
		return true;
	}
	if (s3 && !str_present(sent))
		return sig_fail(err, 400, "InvalidRequest", S("Missing required header for this request: x-amz-content-sha256"));
	*out = str_present(body_hash) ? body_hash : literal ? sent : S(HEX_SHA256_EMPTY);
	return true;
}

/* S3 refuses x-amz- headers that the signature does not cover. */
static bool check_unsigned_headers(struct arena *a, const struct sig_request *r, const struct sig_claim *c, struct sig_error *err)
{
	struct str not_signed = STR_NONE;
	ASSERT(sig_service_is_s3(c->service));
	for (size_t i = 0; i < r->n_headers; i++) {
		struct str name = r->headers[i].name;
		if (!str_starts_nocase(name, S("x-amz-")) || str_eq_nocase(name, S("x-amz-content-sha256")))
			continue;
		bool is_signed = false;
		for (struct str rest = c->signed_headers; str_present(rest) && !is_signed;)
			is_signed = str_eq_nocase(str_cut(&rest, ';'), name);
		if (!is_signed)
			not_signed = str_present(not_signed) ? arena_join(a, not_signed, S(", "), arena_lower(a, name)) : arena_lower(a, name);
	}
	if (LIKELY(!str_present(not_signed)))
		return true;
	const struct param more = {S("HeadersNotSigned"), not_signed, true};
	sig_fail(err, 403, "AccessDenied", S("There were headers present in the request which were not signed"));
	return sig_more(a, err, &more, 1);
}

/* 0 when it does not fit: the caller's room holds every scope that a signer makes. */
static size_t string_to_sign(char *out, size_t max, const struct sig_claim *c, const char canonical_hex[64])
{
	ASSERT(out != NULL && max > 64);
	const struct str parts[] = {
		c->asymmetric ? S("AWS4-ECDSA-P256-SHA256\n") : S("AWS4-HMAC-SHA256\n"), c->amz_date, S("\n"), c->date, S("/"),
		c->asymmetric ? S("") : c->region, c->asymmetric ? S("") : S("/"), c->service,
		S("/aws4_request\n"), str_of(canonical_hex, 64),
	};
	size_t n = 0;
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		if (parts[i].n > max - n)
			return 0;
		memcpy(out + n, parts[i].p, parts[i].n);
		n += parts[i].n;
	}
	ASSERT(n <= max);
	return n;
}

static struct str mismatch_text(struct arena *a, const struct sig_claim *c, struct str canonical, struct str to_sign)
{
	/* AWS shows what it computed; a session token in it would get into logs, so then it stays out. */
	ASSERT(!sig_service_is_s3(c->service));
	if (str_present(c->session_token))
		return str_c(mismatch);
	return arena_printf(a, "%s\n\nThe Canonical String for this request should have been\n'%.*s'\n\nThe String-to-Sign should have been\n'%.*s'\n",
		mismatch, STR_ARG(canonical), STR_ARG(to_sign));
}

/* The first chunk's signature goes on from the request's own. */
static void start_chunks(struct sig_chunks *chunks, const struct sig_claim *c, const unsigned char key[32])
{
	struct str date = c->amz_date;
	size_t n = date.n + 1 + c->date.n + 1 + c->region.n + 1 + c->service.n + sizeof "/aws4_request";
	ASSERT(n <= sizeof chunks->scope_and_date && c->signature.n == 64);
	const struct str parts[] = {date, S("\n"), c->date, S("/"), c->region, S("/"), c->service, S("/aws4_request")};
	char *at = chunks->scope_and_date;
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		memcpy(at, parts[i].p, parts[i].n);
		at += parts[i].n;
	}
	ASSERT(at < chunks->scope_and_date + sizeof chunks->scope_and_date);
	*at = 0;
	memcpy(chunks->key, key, 32);
	memcpy(chunks->previous, c->signature.p, 64);
	chunks->previous[64] = 0;
}

/* Compared in constant time: how far a guess was right must not show in the time it took. */
static bool signature_matches(const struct sig_claim *c, struct str secret, struct str text, unsigned char key_out[32])
{
	ASSERT(secret.n > 0 && secret.n <= SECRET_MAX && text.n > 0);
	if (c->asymmetric)
		return sigv4a_verify(c->access_key, secret, text, c->signature);
	struct hmac_key spare;
	unsigned char mac[32];
	char hex[64];
	hmac_finish(signing_key(secret, c, &spare, key_out), text.p, text.n, mac);
	sig_hex(mac, hex);
	return secret_eq(str_of(hex, 64), c->signature);
}

bool sig_verify(struct arena *a, const struct sig_request *r, const struct sig_claim *claim, struct str secret,
                struct str body_hash, int64_t wall_ms, struct sig_chunks *chunks, struct sig_error *err)
{
	ASSERT(claim->kind != SIG_NONE && err != NULL);
	if (claim->kind == SIG_V2_HEADER || claim->kind == SIG_V2_QUERY)
		return sigv2_verify(a, r, claim, secret, wall_ms, err);
	bool s3 = sig_service_is_s3(claim->service);
	struct str payload;
	if (!check_date(a, claim, s3, wall_ms, err) || !choose_payload(a, claim, body_hash, s3, &payload, err))
		return false;
	if (s3 && !check_unsigned_headers(a, r, claim, err))
		return false;
	struct buf canonical;
	buf_init(&canonical, a, 0);
	canonical_write(a, &canonical, r, claim, payload, !s3, !s3);
	ASSERT(canonical.n > 0 && !canonical.overflow);
	unsigned char digest[32], raw[32];
	char hex[64], text[232];
	sig_sha256(canonical.p, canonical.n, digest);
	sig_hex(digest, hex);
	/* the longest scope of AWS's own services is below 60 bytes; a longer one was not made by a signer */
	size_t n = string_to_sign(text, sizeof text, claim, hex);
	if (n == 0 || secret.n == 0 || secret.n > SECRET_MAX)
		return sig_fail(err, 403, "SignatureDoesNotMatch", str_c(mismatch));
	bool good = signature_matches(claim, secret, str_of(text, n), raw);
	if (!good && s3)
		return sig_mismatch(a, err, claim, arena_dup(a, str_of(text, n)), str_present(claim->session_token) ? STR_NONE : buf_view(&canonical));
	if (!good)
		return sig_fail(err, 403, "SignatureDoesNotMatch", mismatch_text(a, claim, buf_view(&canonical), str_of(text, n)));
	ASSERT(claim->signature.n > 0); /* none that was accepted is empty */
	if (chunks != NULL && !claim->asymmetric)
		start_chunks(chunks, claim, raw);
	return true;
}

struct str sig_string_to_sign(struct arena *a, const struct sig_claim *claim, struct str canonical)
{
	unsigned char digest[32];
	char hex[64];
	sig_sha256(canonical.p, canonical.n, digest);
	sig_hex(digest, hex);
	size_t max = 128 + claim->amz_date.n + claim->date.n + claim->region.n + claim->service.n;
	char *text = arena_bytes(a, max);
	size_t n = string_to_sign(text, max, claim, hex);
	ASSERT(n > 0 && n <= max);
	return str_of(text, n);
}

/* ---- signing ---- */

static int name_order(const void *x, const void *y)
{
	return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

static struct str lower_copy(struct arena *a, struct str s)
{
	char *p = arena_bytes(a, s.n + 1);
	for (size_t i = 0; i < s.n; i++)
		p[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + 32 : s.p[i]);
	return str_of(p, s.n);
}

/* Every header of the request but those that others on the way change. */
static struct str names_to_sign(struct arena *a, const struct sig_request *r)
{
	struct str *v = arena_array(a, struct str, r->n_headers + 1);
	size_t n = 0;
	v[n++] = S("host");
	for (size_t i = 0; i < r->n_headers; i++) {
		struct str name = lower_copy(a, r->headers[i].name);
		if (str_eq(name, S("authorization")) || str_eq(name, S("user-agent")) || str_eq(name, S("connection")) ||
		    str_eq(name, S("expect")) || str_eq(name, S("transfer-encoding")) || str_eq(name, S("x-amzn-trace-id")) || str_eq(name, S("host")))
			continue;
		v[n++] = name;
	}
	ASSERT(n >= 1 && n <= r->n_headers + 1);
	qsort(v, n, sizeof *v, name_order);
	struct buf b;
	buf_init(&b, a, 0);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && str_eq(v[i], v[i - 1]))
			continue;
		if (i > 0)
			buf_putc(&b, ';');
		buf_str(&b, v[i]);
	}
	return buf_view(&b);
}

struct str sig_sign(struct arena *a, const struct sig_request *r, struct str access_key, struct str secret,
                    struct str region, struct str service, struct str amz_date, struct str payload_hash)
{
	ASSERT(amz_date.n == 16 && secret.n > 0 && secret.n <= SECRET_MAX);
	struct sig_claim c = {
		.kind = SIG_V4_HEADER, .access_key = access_key, .date = str_slice(amz_date, 0, 8), .region = region,
		.service = service, .amz_date = amz_date, .signed_headers = names_to_sign(a, r), .payload_hash = payload_hash,
	};
	bool s3 = sig_service_is_s3(service);
	struct str canonical = sig_canonical_request(a, r, &c, str_present(payload_hash) ? payload_hash : S(HEX_SHA256_EMPTY), !s3, !s3);
	struct str text = sig_string_to_sign(a, &c, canonical);
	struct hmac_key spare;
	unsigned char raw[32], mac[32];
	char hex[64];
	hmac_finish(signing_key(secret, &c, &spare, raw), text.p, text.n, mac);
	sig_hex(mac, hex);
	return arena_printf(a, "AWS4-HMAC-SHA256 Credential=%.*s/%.*s/%.*s/%.*s/aws4_request, SignedHeaders=%.*s, Signature=%.64s",
		STR_ARG(access_key), STR_ARG(c.date), STR_ARG(region), STR_ARG(service), STR_ARG(c.signed_headers), hex);
}
