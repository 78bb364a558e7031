/* Signatures as S3's documentation works them out, chunked bodies, Signature Version 2, clocks, and what clients get
 * wrong. */
#include "auth/sigv4.h"

#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define KEY "AKIAIOSFODNN7EXAMPLE"
#define SECRET S("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
#define H(name, value) {STR_INIT(name), STR_INIT(value), true}

static struct arena *a;
static struct sig_claim claim;
static struct sig_error err;
static int64_t friday_2013; /* 20130524T000000Z, the day of S3's examples */

static int setup(void **state)
{
	(void)state;
	a = arena_new(0);
	err = (struct sig_error){0};
	assert_true(time_parse_amz_date(S("20130524T000000Z"), &friday_2013));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static void parses(const struct sig_request *r)
{
	if (!sig_parse(a, r, &claim, &err))
		fail_msg("%s: %.*s", err.code, STR_ARG(err.message));
}

static void verifies(const struct sig_request *r, struct str body_hash, int64_t at)
{
	parses(r);
	if (!sig_verify(a, r, &claim, SECRET, body_hash, at, NULL, &err))
		fail_msg("%s: %.*s", err.code, STR_ARG(err.message));
}

static void refused(const struct sig_request *r, struct str body_hash, int64_t at, int status, const char *code, const char *text)
{
	bool ok = sig_parse(a, r, &claim, &err) && claim.kind != SIG_NONE && sig_verify(a, r, &claim, SECRET, body_hash, at, NULL, &err);
	assert_false(ok);
	assert_string_equal(err.code, code);
	assert_int_equal(err.status, status);
	if (str_find_str(err.message, str_c(text)) < 0)
		fail_msg("'%.*s' does not say '%s'", STR_ARG(err.message), text);
}

/* S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk". */
static const struct param get_object[] = {
	H("Host", "examplebucket.s3.amazonaws.com"), H("Range", "bytes=0-9"), H("x-amz-content-sha256", EMPTY),
	H("x-amz-date", "20130524T000000Z"),
	H("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
		"SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
		"Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
};
static const struct sig_request get_object_request = {
	STR_INIT("GET"), STR_INIT("/test.txt"), STR_INIT(""), STR_INIT("examplebucket.s3.amazonaws.com"), get_object, 5,
};

static void test_s3_get_object(void **state)
{
	(void)state;
	verifies(&get_object_request, S(EMPTY), friday_2013);
	assert_int_equal(claim.kind, SIG_V4_HEADER);
	assert_true(str_eq(claim.access_key, S(KEY)) && str_eq(claim.region, S("us-east-1")) && str_eq(claim.service, S("s3")));
}

static void test_s3_put_object_with_escaped_path(void **state)
{
	(void)state;
	const struct param h[] = {
		H("Host", "examplebucket.s3.amazonaws.com"), H("Date", "Fri, 24 May 2013 00:00:00 GMT"),
		H("x-amz-date", "20130524T000000Z"), H("x-amz-storage-class", "REDUCED_REDUNDANCY"),
		H("x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
		H("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
			"SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,"
			"Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
	};
	struct sig_request r = {S("PUT"), S("/test%24file.text"), S(""), S(""), h, COUNT_OF(h)};
	verifies(&r, sha256_hex(a, S("Welcome to Amazon S3.")), friday_2013);
	r.raw_path = S("/test$file.text"); /* a client that does not escape '$' means the same key */
	verifies(&r, sha256_hex(a, S("Welcome to Amazon S3.")), friday_2013);
	refused(&r, sha256_hex(a, S("Welcome to Amazon S4.")), friday_2013, 400, "XAmzContentSHA256Mismatch", "x-amz-content-sha256");
}

static void test_s3_query_parameters(void **state)
{
	(void)state;
	const struct param h[] = {
		H("Host", "examplebucket.s3.amazonaws.com"), H("x-amz-date", "20130524T000000Z"), H("x-amz-content-sha256", EMPTY),
		H("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
			"SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
			"Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
	};
	struct sig_request r = {S("GET"), S("/"), S("prefix=J&max-keys=2"), S(""), h, COUNT_OF(h)};
	verifies(&r, STR_NONE, friday_2013); /* the body is hashed elsewhere: the header is trusted */
}

/* S3 API Reference, "Authenticating Requests: Using Query Parameters". */
static struct sig_request presigned(void)
{
	static const struct param h[] = {H("Host", "examplebucket.s3.amazonaws.com")};
	return (struct sig_request){
		S("GET"), S("/test.txt"),
		S("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
		  "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
		  "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"),
		S(""), h, 1,
	};
}

static void test_s3_presigned(void **state)
{
	(void)state;
	struct sig_request r = presigned();
	verifies(&r, S(EMPTY), friday_2013 + 86400000);
	assert_int_equal(claim.expires_s, 86400);
	refused(&r, S(EMPTY), friday_2013 + 86401000, 403, "AccessDenied", "Request has expired");
}

static void test_s3_presigned_with_faults(void **state)
{
	(void)state;
	struct sig_request r = presigned();
	r.raw_query = S("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=K%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
		"&X-Amz-Date=20130524T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00");
	refused(&r, S(EMPTY), friday_2013, 400, "AuthorizationQueryParametersError", "X-Amz-Expires parameters");
	r.raw_query = S("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=K%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
		"&X-Amz-Date=20130524T000000Z&X-Amz-SignedHeaders=host&X-Amz-Expires=604801&X-Amz-Signature=00");
	refused(&r, S(EMPTY), friday_2013, 400, "AuthorizationQueryParametersError", "less than a week");
	r.raw_query = S("X-Amz-Algorithm=AWS5&X-Amz-Credential=K");
	refused(&r, S(EMPTY), friday_2013, 400, "AuthorizationQueryParametersError", "X-Amz-Algorithm only supports");
	r = presigned();
	r.headers = get_object;
	r.n_headers = COUNT_OF(get_object);
	refused(&r, S(EMPTY), friday_2013, 400, "InvalidArgument", "Only one auth mechanism allowed");
}

static void test_s3_refuses_unsigned_amz_headers(void **state)
{
	(void)state;
	struct param h[6];
	memcpy(h, get_object, sizeof get_object);
	h[5] = (struct param)H("x-amz-acl", "public-read");
	struct sig_request r = get_object_request;
	r.headers = h;
	r.n_headers = 6;
	refused(&r, S(EMPTY), friday_2013, 403, "AccessDenied", "headers present in the request which were not signed");
}

static void test_s3_clock_skew(void **state)
{
	(void)state;
	verifies(&get_object_request, S(EMPTY), friday_2013 + 15 * 60 * 1000);
	refused(&get_object_request, S(EMPTY), friday_2013 + 15 * 60 * 1000 + 1, 403, "RequestTimeTooSkewed", "too large");
	refused(&get_object_request, S(EMPTY), friday_2013 - 15 * 60 * 1000 - 1, 403, "RequestTimeTooSkewed", "too large");
}

/* ---- other services ---- */

static struct sig_request signed_call(struct param h[3], struct str date, struct str body)
{
	h[0] = (struct param)H("Host", "localhost:4566");
	h[1] = (struct param){S("X-Amz-Date"), date, true};
	struct sig_request r = {S("POST"), S("/"), S(""), S("localhost:4566"), h, 2};
	h[2] = (struct param){S("Authorization"), sig_sign(a, &r, S(KEY), SECRET, S("eu-west-1"), S("sqs"), date, sha256_hex(a, body)), true};
	r.n_headers = 3;
	return r;
}

static void test_body_is_signed(void **state)
{
	(void)state;
	struct param h[3];
	struct sig_request r = signed_call(h, S("20130524T000000Z"), S("Action=ListQueues"));
	verifies(&r, sha256_hex(a, S("Action=ListQueues")), friday_2013);
	refused(&r, sha256_hex(a, S("Action=DeleteQueue")), friday_2013, 403, "SignatureDoesNotMatch",
		"The Canonical String for this request should have been");
}

/* A word that declares nothing in the place of the hash must not make any body good: here it is added to a request that
 * signed an empty one, by someone without the secret. Message of S3, "Error responses". */
static void test_declared_hash_must_be_one(void **state)
{
	(void)state;
	struct param h[4];
	struct sig_request r = signed_call(h, S("20130524T000000Z"), S(""));
	h[3] = (struct param){S("x-amz-content-sha256"), S("nothing"), true};
	r.n_headers = 4;
	refused(&r, STR_NONE, friday_2013, 400, "InvalidArgument", "or a valid sha256 value");
	h[3].value = S("UNSIGNED-PAYLOAD");
	refused(&r, STR_NONE, friday_2013, 403, "SignatureDoesNotMatch", "");
	h[3].value = S("");
	verifies(&r, S(EMPTY), friday_2013);
}

/* "Troubleshoot signed requests for AWS APIs" (IAM User Guide): expired and not yet current. */
static void test_clock_skew(void **state)
{
	(void)state;
	struct param h[3];
	struct sig_request r = signed_call(h, S("20130524T000000Z"), S(""));
	refused(&r, S(EMPTY), friday_2013 + 20 * 60 * 1000, 403, "SignatureDoesNotMatch",
		"Signature expired: 20130524T000000Z is now earlier than 20130524T000500Z (20130524T002000Z - 15 min.)");
	refused(&r, S(EMPTY), friday_2013 - 20 * 60 * 1000, 403, "SignatureDoesNotMatch",
		"Signature not yet current: 20130524T000000Z is still later than 20130523T235500Z (20130523T234000Z + 15 min.)");
}

static void with_authorization(const char *value, int status, const char *code, const char *text)
{
	const struct param h[] = {H("Host", "localhost"), H("X-Amz-Date", "20130524T000000Z"), {S("Authorization"), str_c(value), true}};
	struct sig_request r = {S("POST"), S("/"), S(""), S("localhost"), h, COUNT_OF(h)};
	refused(&r, S(EMPTY), friday_2013, status, code, text);
}

static void test_malformed_authorization(void **state)
{
	(void)state;
	with_authorization("AWS4-HMAC-SHA256 SignedHeaders=host, Signature=00", 403, "IncompleteSignature",
		"Authorization header requires 'Credential' parameter.");
	with_authorization("AWS4-HMAC-SHA256 Credential=K/20130524/us-east-1/sqs/aws4_request, Signature=00", 403, "IncompleteSignature",
		"requires 'SignedHeaders' parameter.");
	with_authorization("AWS4-HMAC-SHA256 Credential=K/20130524/us-east-1/sqs/aws4_request, SignedHeaders=host", 403, "IncompleteSignature",
		"requires 'Signature' parameter.");
	with_authorization("AWS4-HMAC-SHA256 Credential=K/sqs/aws4_request, SignedHeaders=host, Signature=00", 403, "IncompleteSignature",
		"Credential must have exactly 5 slash-delimited elements");
	with_authorization("AWS4-HMAC-SHA256 Credential=K/20130524/us-east-1/sqs/aws5_request, SignedHeaders=host, Signature=00", 403,
		"SignatureDoesNotMatch", "not 'aws5_request'");
	with_authorization("AWS4-HMAC-SHA256 Credential=K/20130524/us-east-1/sqs/aws4_request, SignedHeaders=x-amz-date, Signature=00", 403,
		"SignatureDoesNotMatch", "'Host' or ':authority' must be a 'SignedHeader'");
	with_authorization("AWS4-HMAC-SHA256 Credential=K/20130523/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=00", 403,
		"SignatureDoesNotMatch", "'20130523' != '20130524'");
	with_authorization("AWS4-HMAC-SHA512 Credential=K/20130523/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=00", 403,
		"IncompleteSignature", "Unsupported signing algorithm");
}

static void test_no_signature(void **state)
{
	(void)state;
	const struct param h[] = {H("Host", "localhost"), H("Authorization", "Bearer eyJ")};
	struct sig_request r = {S("GET"), S("/"), S("a=b"), S("localhost"), h, COUNT_OF(h)};
	parses(&r);
	assert_int_equal(claim.kind, SIG_NONE);
}

/* The Date header stands in when there is no X-Amz-Date; the scope's day must agree. */
static void test_date_header(void **state)
{
	(void)state;
	const struct param h[] = {H("Host", "localhost"), H("Date", "Fri, 24 May 2013 00:00:00 GMT"),
		H("Authorization", "AWS4-HMAC-SHA256 Credential=K/20130524/us-east-1/sqs/aws4_request, SignedHeaders=date;host, Signature=00")};
	struct sig_request r = {S("POST"), S("/"), S(""), S("localhost"), h, COUNT_OF(h)};
	parses(&r);
	assert_true(str_eq(claim.amz_date, S("20130524T000000Z")));
}

/* ---- chunked bodies ---- */

/* S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks". */
static void test_chunks(void **state)
{
	(void)state;
	const struct param h[] = {
		H("Host", "s3.amazonaws.com"), H("x-amz-date", "20130524T000000Z"), H("x-amz-storage-class", "REDUCED_REDUNDANCY"),
		H("Content-Encoding", "aws-chunked"), H("x-amz-decoded-content-length", "66560"), H("Content-Length", "66824"),
		H("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
		H("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
			"SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,"
			"Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"),
	};
	struct sig_request r = {S("PUT"), S("/examplebucket/chunkObject.txt"), S(""), S(""), h, COUNT_OF(h)};
	struct sig_chunks chunks;
	parses(&r);
	if (!sig_verify(a, &r, &claim, SECRET, STR_NONE, friday_2013, &chunks, &err))
		fail_msg("%s: %.*s", err.code, STR_ARG(err.message));
	char *data = arena_bytes(a, 65536);
	memset(data, 'a', 65536);
	struct str first = sha256_hex(a, str_of(data, 65536)), second = sha256_hex(a, str_of(data, 1024));
	assert_false(sig_chunk_verify(&chunks, second, S("ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648")));
	assert_true(sig_chunk_verify(&chunks, first, S("ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648")));
	assert_true(sig_chunk_verify(&chunks, second, S("0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497")));
	assert_true(sig_chunk_verify(&chunks, S(EMPTY), S("b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9")));
}

/* S3 API Reference, "Signature calculations for trailing headers": chunks, then the trailer's own signature. */
static void test_trailer(void **state)
{
	(void)state;
	const struct param h[] = {
		H("Host", "s3.amazonaws.com"), H("x-amz-date", "20130524T000000Z"), H("x-amz-storage-class", "REDUCED_REDUNDANCY"),
		H("Content-Encoding", "aws-chunked"), H("x-amz-decoded-content-length", "66560"), H("Content-Length", "66824"),
		H("x-amz-trailer", "x-amz-checksum-crc32c"), H("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"),
		H("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
			"SignedHeaders=content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer,"
			"Signature=106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"),
	};
	struct sig_request r = {S("PUT"), S("/examplebucket/chunkObject.txt"), S(""), S(""), h, COUNT_OF(h)};
	struct sig_chunks chunks;
	parses(&r);
	if (!sig_verify(a, &r, &claim, SECRET, STR_NONE, friday_2013, &chunks, &err))
		fail_msg("%s: %.*s", err.code, STR_ARG(err.message));
	char *data = arena_bytes(a, 65536);
	memset(data, 'a', 65536);
	assert_true(sig_chunk_verify(&chunks, sha256_hex(a, str_of(data, 65536)), S("b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2")));
	assert_true(sig_chunk_verify(&chunks, sha256_hex(a, str_of(data, 1024)), S("1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7")));
	assert_true(sig_chunk_verify(&chunks, S(EMPTY), S("2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992")));
	assert_true(sig_trailer_verify(&chunks, S("x-amz-checksum-crc32c:sOO8/Q==\n"),
		S("d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435")));
}

/* ---- Signature Version 2 ---- */

/* "Signing and authenticating REST requests" (S3 User Guide), Examples: Object GET, Object PUT, List. */
static void v2(const char *method, const char *path, const char *query, const char *host, const char *date, const char *type,
               const char *signature)
{
	struct param h[4] = {{S("Host"), str_c(host), true}, {S("Date"), str_c(date), true},
		{S("Authorization"), arena_printf(a, "AWS %s:%s", KEY, signature), true}, {S("Content-Type"), str_c(type), true}};
	struct sig_request r = {str_c(method), str_c(path), str_c(query), str_c(host), h, type != NULL ? 4 : 3};
	int64_t at;
	assert_true(time_parse_rfc1123(str_c(date), &at));
	verifies(&r, STR_NONE, at + 60000);
	assert_int_equal(claim.kind, SIG_V2_HEADER);
	refused(&r, STR_NONE, at + 16 * 60000, 403, "RequestTimeTooSkewed", "too large");
	r.method = S("DELETE");
	refused(&r, STR_NONE, at, 403, "SignatureDoesNotMatch", "does not match");
}

static void test_v2_header(void **state)
{
	(void)state;
	v2("GET", "/photos/puppy.jpg", "", "awsexamplebucket1.s3.amazonaws.com", "Tue, 27 Mar 2007 19:36:42 GMT", NULL, "7AbQgM8BIjLxGPGytjyjro07bR4=");
	v2("PUT", "/b/photos/puppy.jpg", "", "localhost:4566", "Tue, 27 Mar 2007 21:15:45 GMT", "image/jpeg", "X/kwVo6t/Y8JykNexsnx3nkMgOU=");
	v2("GET", "/b/", "prefix=photos&max-keys=50&acl", "localhost:4566", "Tue, 27 Mar 2007 19:42:41 GMT", NULL, "gmpVbKB90TDnG/tb7D/GvsGnMt0=");
}

static void test_v2_query(void **state)
{
	(void)state;
	struct param h[] = {H("Host", "localhost:4566")};
	struct sig_request r = {S("GET"), S("/b/photos/puppy.jpg"),
		S("AWSAccessKeyId=" KEY "&Signature=44V6wBvxt60X2VBLsmxmtg8ci%2B0%3D&Expires=1175139620"), S("localhost:4566"), h, 1};
	verifies(&r, STR_NONE, 1175139620000);
	assert_int_equal(claim.kind, SIG_V2_QUERY);
	refused(&r, STR_NONE, 1175139621000, 403, "AccessDenied", "Request has expired");
	r.raw_query = S("AWSAccessKeyId=" KEY "&Signature=44V6wBvxt60X2VBLsmxmtg8ci%2B0%3D&Expires=1175139621");
	refused(&r, STR_NONE, 1175139620000, 403, "SignatureDoesNotMatch", "does not match");
	r.raw_query = S("AWSAccessKeyId=" KEY "&Signature=44V6wBvxt60X2VBLsmxmtg8ci%2B0%3D");
	refused(&r, STR_NONE, 1175139620000, 403, "AccessDenied", "requires the Signature, Expires and AWSAccessKeyId");
}

/* ---- POST forms ---- */

#define POST_POLICY \
	"eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1w" \
	"bGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAg" \
	"IHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2Fk" \
	"Lmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUx" \
	"MjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXot" \
	"bWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3" \
	"czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlU" \
	"MDAwMDAwWiIgfQ0KICBdDQp9"
#define POST_V2 "QyigO3Da7gYxPW1IXllc6C7gI74="

/* "Example: Browser-Based Upload using HTTP POST" (S3 API Reference): the policy there and its signature. */
static void test_post_form(void **state)
{
	(void)state;
	const struct str policy = S(POST_POLICY), credential = S(KEY "/20151229/us-east-1/s3/aws4_request"), date = S("20151229T000000Z"),
		algorithm = S("AWS4-HMAC-SHA256"), signature = S("8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e");
	assert_true(sig_post_parse(a, algorithm, credential, date, STR_NONE, signature, &claim, &err));
	assert_true(str_eq(claim.access_key, S(KEY)));
	assert_true(sig_post_verify(a, &claim, SECRET, policy, &err));
	assert_false(sig_post_verify(a, &claim, SECRET, str_slice(policy, 4, policy.n), &err));
	assert_string_equal(err.code, "SignatureDoesNotMatch");
	assert_false(sig_post_parse(a, algorithm, credential, STR_NONE, STR_NONE, signature, &claim, &err));
	assert_true(str_find_str(err.message, S("'X-Amz-Date'")) > 0);
	assert_true(sig_post_parse(a, STR_NONE, STR_NONE, STR_NONE, S(KEY), S(POST_V2), &claim, &err));
	assert_true(sig_post_verify(a, &claim, SECRET, policy, &err));
	assert_false(sig_post_parse(a, STR_NONE, STR_NONE, STR_NONE, S(KEY), STR_NONE, &claim, &err));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_s3_get_object), T(test_s3_put_object_with_escaped_path), T(test_s3_query_parameters), T(test_s3_presigned),
		T(test_s3_presigned_with_faults), T(test_s3_refuses_unsigned_amz_headers), T(test_s3_clock_skew), T(test_body_is_signed),
		T(test_declared_hash_must_be_one),
		T(test_clock_skew), T(test_malformed_authorization), T(test_no_signature), T(test_date_header), T(test_chunks),
		T(test_trailer), T(test_v2_header), T(test_v2_query), T(test_post_form),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
