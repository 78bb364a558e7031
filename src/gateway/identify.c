/* Who asks: the signature's access key is looked up, the session token opened, the signature verified.
 *
 * The secret never leaves this file's hands but to sig_verify. Where the client declares its body's hash the
 * signature is verified before the body is read; otherwise stage_verify does it after. */
#include "auth/session.h"
#include "gateway/request.h"
#include "os/os.h"

static bool is_json(const struct request *r)
{
	return r->protocol == PROTO_JSON_1_0 || r->protocol == PROTO_JSON_1_1 || r->protocol == PROTO_CBOR;
}

static bool is_rest_json(const struct request *r) { return r->protocol == PROTO_REST_JSON || r->protocol == PROTO_RAW; }
static bool is_s3(const struct request *r) { return r->service != NULL && r->service->model != NULL && r->service->model->s3_signer; }

/* One mistake, three vocabularies: query and REST-XML, JSON, S3. */
static enum next refuse(struct request *r, const char *xml, const char *json, const char *s3, const char *message)
{
	if (is_s3(r))
		return request_fail(r, 403, s3, "%s", message);
	if (is_json(r) || is_rest_json(r))
		return request_fail(r, is_json(r) ? 400 : 403, json, "%s", message);
	return request_fail(r, 403, xml, "%s", message);
}

static enum next unknown_key(struct request *r)
{
	refuse(r, "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId",
		is_s3(r) ? "The AWS Access Key Id you provided does not exist in our records."
		         : "The security token included in the request is invalid.");
	if (is_s3(r))
		wire_error_more(r->arena, &r->error, "AWSAccessKeyId", r->claim.access_key);
	return FAIL;
}

static bool long_term(struct request *r)
{
	for (size_t i = 0; i < n_services; i++)
		if (services[i]->secret_of != NULL)
			return services[i]->secret_of(r->claim.access_key, r->arena, &r->who, &r->secret);
	return false;
}

static enum next bad_token(struct request *r)
{
	request_fail(r, 400, "InvalidToken", "The provided token is malformed or otherwise invalid.");
	wire_error_more(r->arena, &r->error, "Token-0", r->claim.session_token);
	return FAIL;
}

/* A session's token holds all there is to know; a long-term key is looked up in the memory of the service that has
 * them. */
static enum next lookup(struct request *r)
{
	ASSERT(r->claim.kind != SIG_NONE && !str_present(r->secret));
	if (!str_present(r->claim.session_token) || r->claim.session_token.n == 0) {
		if (!long_term(r))
			return unknown_key(r);
		r->who.access_key = r->claim.access_key;
		return NEXT;
	}
	if (!session_open(r->arena, r->claim.session_token, &r->who, &r->secret) ||
	    !str_eq(r->who.access_key, r->claim.access_key))
		return is_s3(r) ? bad_token(r) : unknown_key(r);
	if (r->who.token_expires_ms <= clock_now_ms()) {
		if (is_s3(r))
			return request_fail(r, 400, "ExpiredToken", "The provided token has expired.");
		return refuse(r, "ExpiredToken", "ExpiredTokenException", "ExpiredToken",
			"The security token included in the request is expired");
	}
	return NEXT;
}

enum next request_fail_signature(struct request *r, const struct sig_error *e)
{
	ASSERT(e->code != NULL && e->status >= 400);
	const char *code = e->code;
	int status = e->status;
	bool incomplete = strcmp(code, "IncompleteSignature") == 0;
	if (is_s3(r) && e->s3 != NULL && r->claim.kind == SIG_V4_QUERY)
		return request_fail(r, 400, "AuthorizationQueryParametersError", "Error parsing the X-Amz-Credential parameter; %s", e->s3);
	if (is_s3(r) && e->s3 != NULL)
		return request_fail(r, 400, "AuthorizationHeaderMalformed", "The authorization header is malformed; %s", e->s3);
	if (is_s3(r) && incomplete && r->claim.kind == SIG_V4_QUERY)
		return request_fail(r, 400, "AuthorizationQueryParametersError", "%.*s", STR_ARG(e->message));
	if (is_s3(r) && incomplete)
		return request_fail(r, 400, "AuthorizationHeaderMalformed", "The authorization header that you provided is not valid.");
	if (!is_s3(r) && (is_json(r) || is_rest_json(r))) {
		if (strcmp(code, "SignatureDoesNotMatch") == 0)
			code = "InvalidSignatureException";
		else if (incomplete)
			code = "IncompleteSignatureException";
		status = is_json(r) ? 400 : 403;
	}
	request_fail(r, status, code, "%.*s", STR_ARG(e->message));
	r->error.more = e->more;
	r->error.n_more = e->n_more;
	return FAIL;
}

/* The codes are the query protocol's; JSON services have others for the same. */
static enum next check_signature(struct request *r, struct str body_hash)
{
	ASSERT(r->claim.kind != SIG_NONE && str_present(r->secret)); /* lookup found it */
	struct sig_request s = {r->wire.method, r->wire.raw_path, r->wire.raw_query, r->wire.host, r->wire.headers, r->n_sent_headers};
	struct sig_error e = {0};
	if (sig_verify(r->arena, &s, &r->claim, r->secret, body_hash, os.wall_ms(), &r->chunks, &e))
		return NEXT;
	return request_fail_signature(r, &e);
}

/* An Authorization that no signature is in. */
static enum next foreign_authorization(struct request *r, struct str sent)
{
	bool word = str_find(sent, ' ') < 0 && str_starts(sent, S("AWS"));
	request_fail(r, 400, "InvalidArgument", "%s", word ? "Authorization header is invalid -- one and only one ' ' (space) required"
		: "Unsupported Authorization Type");
	wire_error_more(r->arena, &r->error, "ArgumentName", S("Authorization"));
	wire_error_more(r->arena, &r->error, "ArgumentValue", sent);
	return FAIL;
}

static enum next unsigned_request(struct request *r)
{
	struct sig_request s = {r->wire.method, r->wire.raw_path, r->wire.raw_query, r->wire.host, r->wire.headers, r->wire.n_headers};
	struct sig_error e = {0};
	ASSERT(r->claim.kind == SIG_NONE);
	struct str foreign = is_s3(r) && !r->raw ? wire_header(&r->wire, S("authorization")) : STR_NONE;
	if (str_present(foreign) && foreign.n > 0)
		return foreign_authorization(r, foreign);
	if (is_s3(r) && !r->raw && sig_unfinished(r->arena, &s, &e))
		return request_fail_signature(r, &e);
	bool open = r->raw || is_s3(r) || (r->model_op != NULL && r->model_op->no_auth) || r->model_op == NULL;
	r->who = (struct principal){.type = PRINCIPAL_ANONYMOUS, .arn = S("anonymous"), .name = S("anonymous")};
	if (open)
		return NEXT; /* an operation named by the body only is looked at again in stage_verify */
	bool short_words = is_rest_json(r) || r->protocol == PROTO_JSON_1_1 || r->protocol == PROTO_CBOR;
	return refuse(r, "MissingAuthenticationToken", "MissingAuthenticationTokenException", "AccessDenied",
		short_words ? "Missing Authentication Token" : "Request is missing Authentication Token");
}

enum next stage_identify(struct request *r)
{
	ASSERT(!r->failed && !r->signature_pending);
	if (r->claim.kind == SIG_NONE)
		return unsigned_request(r);
	enum next known = lookup(r);
	if (known == FAIL)
		return FAIL;
	/* S3's signatures say what they cover: a header that must be there, and UNSIGNED-PAYLOAD for a presigned URL. All others
	 * cover the body, which is to be hashed when it is there. A presigned one too: taken for empty, whoever is handed a
	 * presigned GetCallerIdentity could send any other action in a body. */
	bool declared = str_present(r->claim.payload_hash) && r->claim.payload_hash.n > 0;
	bool v4 = r->claim.kind == SIG_V4_HEADER || r->claim.kind == SIG_V4_QUERY;
	if (v4 && !declared && !sig_signs_for_s3(&r->claim)) {
		r->signature_pending = true;
		return NEXT;
	}
	return check_signature(r, STR_NONE);
}

/* By header or by query: what was declared was signed, so the body must come to it. */
static bool declared_hash_is_hex(const struct request *r)
{
	return (r->claim.kind == SIG_V4_HEADER || r->claim.kind == SIG_V4_QUERY) && r->claim.payload_hash.n == 64;
}

static void hash_body(void *arg)
{
	CHECK_MAGIC((struct request *)arg, (unsigned)REQUEST_MAGIC);
	struct request *r = arg;
	r->body_sha256_hex = sha256_hex(r->arena, r->wire.body);
}

/* The body is not the one that was signed. */
static enum next other_hash(struct request *r)
{
	request_fail(r, 400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.");
	wire_error_more(r->arena, &r->error, "ClientComputedContentSHA256", r->claim.payload_hash);
	wire_error_more(r->arena, &r->error, "S3ComputedContentSHA256", r->body_sha256_hex);
	return FAIL;
}

static enum next judge(struct request *r)
{
	ASSERT(r->body_sha256_hex.n == 64);
	if (r->signature_pending)
		return check_signature(r, r->body_sha256_hex);
	if (!str_eq_nocase(r->body_sha256_hex, r->claim.payload_hash))
		return is_s3(r) ? other_hash(r) : refuse(r, "SignatureDoesNotMatch", "InvalidSignatureException", "",
			"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and "
			"signing method. Consult the service documentation for details.");
	return NEXT;
}

/* Back on the loop. judge() says by r->failed what came of it. */
static void hashed(void *arg)
{
	struct request *r = arg;
	CHECK_MAGIC(r, (unsigned)REQUEST_MAGIC);
	ASSERT(r->hashing);
	r->hashing = false;
	judge(r);
	request_go_on(r);
}

enum next stage_verify(struct request *r)
{
	ASSERT(!r->hashing && !r->failed);
	enum { HASH_HERE_MAX = 32 << 10 };
	if (r->claim.kind == SIG_NONE) {
		if (!r->raw && !is_s3(r) && !(r->model_op != NULL && r->model_op->no_auth))
			return refuse(r, "MissingAuthenticationToken", "MissingAuthenticationTokenException", "AccessDenied",
				"Request is missing Authentication Token");
		return NEXT;
	}
	if (!r->signature_pending && !declared_hash_is_hex(r))
		return NEXT;
	if (r->streams && r->spool != NULL) /* hashed while it came in */
		r->body_sha256_hex = hex_encode(r->arena, r->stream.sha256);
	else if (r->wire.body.n <= HASH_HERE_MAX)
		hash_body(r);
	else { /* large: not on the loop */
		r->hashing = true;
		worker_run(hash_body, hashed, r);
		return LATER;
	}
	return judge(r);
}
