/* S3's POST form: a browser sends a policy document and a signature over it.
 *
 * Source: "Authenticating Requests: Browser-Based Uploads Using POST (AWS Signature Version 4)" and "Browser-based uploads
 * using POST (AWS signature version 2)", S3 API Reference and User Guide.
 *
 * What always holds: only the policy is signed, so nothing else of the form is believed for the signature's sake. */
#include "auth/sig_internal.h"

#include "base/time.h"

bool sig_post_no_field(struct arena *a, struct sig_error *err, const char *name)
{
	const struct param more[] = {{S("ArgumentName"), str_c(name), true}, {S("ArgumentValue"), S(""), true}};
	ASSERT(name != NULL);
	sig_fail(err, 400, "InvalidArgument", arena_printf(a,
		"Bucket POST must contain a field named '%s'.  If it is specified, please check the order of the fields.", name));
	return sig_more(a, err, more, COUNT_OF(more));
}

/* A field of the form with a value that cannot be. */
static bool wrong(struct arena *a, struct sig_error *err, const char *name, struct str value, struct str message)
{
	const struct param more[] = {{S("ArgumentName"), str_c(name), true}, {S("ArgumentValue"), value, true}};
	ASSERT(name != NULL && str_present(value));
	sig_fail(err, 400, "InvalidArgument", message);
	return sig_more(a, err, more, COUNT_OF(more));
}

static bool scope_ok(struct arena *a, struct str credential, struct sig_claim *claim, struct sig_error *err)
{
	static const char name[] = "X-Amz-Credential";
	if (!sig_parse_scope(a, credential, claim, err)) {
		ASSERT(err->s3 != NULL);
		return wrong(a, err, name, credential, str_c(err->s3));
	}
	if (!str_eq(claim->service, S("s3")))
		return wrong(a, err, name, credential, arena_join(a, S("incorrect service \""), claim->service, S("\". This endpoint belongs to \"s3\".")));
	return true;
}

bool sig_post_parse(struct arena *a, struct str algorithm, struct str credential, struct str amz_date, struct str access_key,
                    struct str signature, struct sig_claim *claim, struct sig_error *err)
{
	ASSERT(claim != NULL && err != NULL);
	*claim = (struct sig_claim){.kind = SIG_V2_QUERY, .access_key = access_key, .signature = signature, .service = S("s3")};
	if (str_present(access_key) && !str_present(credential)) {
		if (str_present(signature))
			return true;
		return sig_post_no_field(a, err, "signature");
	}
	claim->kind = SIG_V4_QUERY;
	claim->amz_date = amz_date;
	static const struct { const char *name; } fields[] = {{"X-Amz-Algorithm"}, {"X-Amz-Credential"}, {"X-Amz-Date"}, {"X-Amz-Signature"}};
	const struct str values[] = {algorithm, credential, amz_date, signature};
	for (size_t i = 0; i < COUNT_OF(fields); i++)
		if (!str_present(values[i]))
			return sig_post_no_field(a, err, fields[i].name);
	if (!str_eq(algorithm, S("AWS4-HMAC-SHA256")))
		return wrong(a, err, fields[0].name, algorithm, S("Only AWS4-HMAC-SHA256 is supported"));
	int64_t at;
	if (!time_parse_amz_date(amz_date, &at))
		return wrong(a, err, fields[2].name, amz_date, S("X-Amz-Date must be formated via ISO8601 Long format")); /* so it says */
	return scope_ok(a, credential, claim, err);
}

bool sig_post_verify(struct arena *a, const struct sig_claim *claim, struct str secret, struct str policy, struct sig_error *err)
{
	ASSERT(claim->kind == SIG_V4_QUERY || claim->kind == SIG_V2_QUERY);
	struct str made;
	char hex[64];
	if (claim->kind == SIG_V2_QUERY) {
		made = sigv2_mac(a, secret, policy);
	} else {
		struct hmac_key spare;
		unsigned char raw[32], mac[32];
		hmac_finish(signing_key(secret, claim, &spare, raw), policy.p, policy.n, mac);
		sig_hex(mac, hex);
		made = str_of(hex, 64);
	}
	if (secret_eq(made, claim->signature))
		return true;
	return sig_mismatch(a, err, claim, policy, STR_NONE);
}
