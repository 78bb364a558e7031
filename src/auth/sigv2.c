/* S3's Signature Version 2, by header and by query: boto3 still presigns with it unless told otherwise.
 *
 * Source: "Signing and authenticating REST requests (AWS signature version 2)", S3 User Guide.
 *
 * What always holds: only S3 asks for it; signatures are compared in constant time; parameters that are not sub-
 * resources are not covered, as version 2 has it. */
#include "auth/sig_internal.h"

#include "base/time.h"

#include <stdlib.h>

#define SKEW_MS (15 * 60 * 1000)

bool sigv2_parse(struct arena *a, const struct sig_request *r, struct str authorization, struct sig_claim *c,
                 struct sig_error *err)
{
	ASSERT(c->kind == SIG_NONE);
	c->service = S("s3");
	if (str_starts(authorization, S("AWS "))) {
		struct str value = str_trim(str_slice(authorization, 4, authorization.n));
		ptrdiff_t colon = str_rfind(value, ':');
		c->kind = SIG_V2_HEADER;
		c->session_token = sig_header(r, S("x-amz-security-token"));
		if (colon <= 0)
			return sig_fail(err, 400, "InvalidArgument", S("AWS authorization header is invalid. Expected AwsAccessKeyId:signature"));
		c->access_key = str_slice(value, 0, (size_t)colon);
		c->signature = str_slice(value, (size_t)colon + 1, value.n);
		c->amz_date = sig_header(r, S("x-amz-date"));
		if (!str_present(c->amz_date))
			c->amz_date = sig_header(r, S("date"));
		return true;
	}
	c->kind = SIG_V2_QUERY;
	c->access_key = sig_query(a, r, S("AWSAccessKeyId"));
	c->signature = sig_query(a, r, S("Signature"));
	c->session_token = sig_query(a, r, S("x-amz-security-token"));
	struct str expires = sig_query(a, r, S("Expires"));
	if (!str_present(expires))
		return sig_fail(err, 403, "AccessDenied", S("Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"));
	if (!str_to_i64(expires, &c->expires_s) || c->expires_s <= 0)
		return sig_fail(err, 403, "AccessDenied", S("Invalid date (should be seconds since epoch): "));
	return true;
}

/* Sub-resources and response overrides that are part of the resource; sorted. */
static const char *const subresources[] = {
	"accelerate", "acl", "analytics", "cors", "delete", "encryption", "inventory", "legal-hold", "lifecycle", "location",
	"logging", "metrics", "notification", "object-lock", "partNumber", "policy", "policyStatus", "publicAccessBlock",
	"replication", "requestPayment", "response-cache-control", "response-content-disposition", "response-content-encoding",
	"response-content-language", "response-content-type", "response-expires", "restore", "retention", "select",
	"select-type", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website",
};

static bool is_subresource(struct str name)
{
	for (size_t i = 0; i < COUNT_OF(subresources); i++)
		if (str_eq(name, str_c(subresources[i])))
			return true;
	return false;
}

struct named { struct str name, value; };

static int named_order(const void *x, const void *y)
{
	const struct named *p = x, *q = y;
	return str_cmp(p->name, q->name);
}

static struct str lower_name(struct arena *a, struct str s)
{
	char *p = arena_bytes(a, s.n + 1);
	for (size_t i = 0; i < s.n; i++)
		p[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + 32 : s.p[i]);
	return str_of(p, s.n);
}

/* x-amz- headers: lower-case names, sorted, values of one name joined. */
static void write_amz_headers(struct arena *a, struct buf *b, const struct sig_request *r)
{
	struct named *v = arena_array(a, struct named, r->n_headers);
	size_t n = 0;
	for (size_t i = 0; i < r->n_headers; i++) {
		if (!str_starts_nocase(r->headers[i].name, S("x-amz-")))
			continue;
		struct named h = {lower_name(a, r->headers[i].name), str_trim(r->headers[i].value)};
		size_t at = 0;
		while (at < n && !str_eq(v[at].name, h.name))
			at++;
		if (at < n)
			v[at].value = arena_join(a, v[at].value, S(","), h.value);
		else
			v[n++] = h;
	}
	ASSERT(n <= r->n_headers);
	if (n > 1)
		qsort(v, n, sizeof *v, named_order);
	for (size_t i = 0; i < n; i++) {
		buf_str(b, v[i].name);
		buf_putc(b, ':');
		buf_str(b, v[i].value);
		buf_putc(b, '\n');
	}
}

static void write_resource(struct arena *a, struct buf *b, const struct sig_request *r, struct str bucket)
{
	ASSERT(!b->overflow);
	if (bucket.n > 0) {
		buf_putc(b, '/');
		buf_str(b, bucket);
	}
	buf_str(b, r->raw_path);
	struct named *v = NULL;
	size_t n = 0;
	for (struct str rest = r->raw_query; r->raw_query.n > 0 && str_present(rest);) {
		struct str value = str_cut(&rest, '&');
		struct str name = str_cut(&value, '=');
		if (!is_subresource(name) || n >= COUNT_OF(subresources))
			continue;
		if (v == NULL)
			v = arena_array(a, struct named, COUNT_OF(subresources));
		v[n++] = (struct named){name, str_present(value) ? uri_decode(a, value, true) : STR_NONE};
	}
	ASSERT(n <= COUNT_OF(subresources));
	if (n > 1)
		qsort(v, n, sizeof *v, named_order);
	for (size_t i = 0; i < n; i++) {
		buf_putc(b, i == 0 ? '?' : '&');
		buf_str(b, v[i].name);
		if (!str_present(v[i].value))
			continue;
		buf_putc(b, '=');
		buf_str(b, v[i].value);
	}
}

struct str sigv2_mac(struct arena *a, struct str secret, struct str text)
{
	struct sha1 mac = hmac_sha1(secret, text);
	return base64_encode(a, str_of((const char *)mac.b, sizeof mac.b));
}

/* The string to sign of version 2, line by line, with the resource in one of the ways a client may have named it. */
static bool matches(struct arena *a, const struct sig_request *r, const struct sig_claim *c, struct str secret, struct str bucket,
                    struct str *signed_text)
{
	ASSERT(secret.n > 0);
	struct buf b;
	buf_init(&b, a, 0);
	buf_str(&b, r->method);
	buf_putc(&b, '\n');
	buf_str(&b, sig_header(r, S("content-md5")));
	buf_putc(&b, '\n');
	buf_str(&b, sig_header(r, S("content-type")));
	buf_putc(&b, '\n');
	if (c->kind == SIG_V2_QUERY)
		buf_i64(&b, c->expires_s);
	else if (!str_present(sig_header(r, S("x-amz-date"))))
		buf_str(&b, sig_header(r, S("date")));
	buf_putc(&b, '\n');
	write_amz_headers(a, &b, r);
	if (c->kind == SIG_V2_QUERY && str_present(c->session_token)) {
		/* presigned: the token is signed as the header it stands for */
		buf_lit(&b, "x-amz-security-token:");
		buf_str(&b, c->session_token);
		buf_putc(&b, '\n');
	}
	write_resource(a, &b, r, bucket);
	*signed_text = buf_view(&b);
	return secret_eq(sigv2_mac(a, secret, *signed_text), c->signature);
}

/* What stands before ".s3." or ".localhost" in the host: a virtual-host bucket. Which host names are buckets is the
 * gateway's knowledge, so both readings are tried; each needs the secret. */
static struct str host_bucket(struct str host)
{
	static const struct str marks[] = {STR_INIT(".s3."), STR_INIT(".s3-"), STR_INIT(".localhost")};
	for (size_t i = 0; i < COUNT_OF(marks); i++) {
		ptrdiff_t at = str_find_str(host, marks[i]);
		if (at > 0)
			return str_slice(host, 0, (size_t)at);
	}
	return STR_NONE;
}

static bool expired(struct arena *a, const struct sig_claim *c, int64_t wall_ms, struct sig_error *err)
{
	const struct param more[] = {{S("Expires"), time_iso8601(a, c->expires_s * 1000), true}, {S("ServerTime"), time_iso8601(a, wall_ms), true}};
	ASSERT(c->expires_s > 0 && c->kind == SIG_V2_QUERY);
	sig_fail(err, 403, "AccessDenied", S("Request has expired"));
	return sig_more(a, err, more, COUNT_OF(more));
}

bool sigv2_verify(struct arena *a, const struct sig_request *r, const struct sig_claim *c, struct str secret,
                  int64_t wall_ms, struct sig_error *err)
{
	ASSERT(c->kind == SIG_V2_HEADER || c->kind == SIG_V2_QUERY);
	if (c->kind == SIG_V2_QUERY && (wall_ms - 1) / 1000 >= c->expires_s)
		return expired(a, c, wall_ms, err);
	if (c->kind == SIG_V2_HEADER) {
		int64_t at;
		if (!str_present(c->amz_date) || !time_parse_any(c->amz_date, &at))
			return sig_fail(err, 403, "AccessDenied", S("AWS authentication requires a valid Date or x-amz-date header"));
		if (wall_ms - at > SKEW_MS || at - wall_ms > SKEW_MS)
			return sig_fail(err, 403, "RequestTimeTooSkewed", S("The difference between the request time and the current time is too large."));
	}
	struct str host = sig_header(r, S("host"));
	struct str bucket = host_bucket(str_present(host) ? host : r->host);
	struct str text, other;
	if (matches(a, r, c, secret, STR_NONE, &text) || (str_present(bucket) && matches(a, r, c, secret, bucket, &text)))
		return true;
	/* A bucket in the path is signed with a slash behind it, whether it was sent so or not (botocore, s3cmd). */
	struct sig_request slashed = *r;
	slashed.raw_path = arena_join(a, r->raw_path, S("/"));
	if (r->raw_path.n > 1 && str_rfind(r->raw_path, '/') == 0 && matches(a, &slashed, c, secret, STR_NONE, &other))
		return true;
	return sig_mismatch(a, err, c, str_present(c->session_token) ? STR_NONE : text, STR_NONE);
}
