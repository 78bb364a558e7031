/* AssumeRoleWithWebIdentity: a role for whoever has a token of an OpenID Connect provider that the account knows and the role trusts.
 *
 * The token is the only credential. It is believed when the provider is one of the role's account (iam has them), the token is for one of
 * its clients, has not ended by the machine's own clock (as signatures, it is made by another machine's), and is signed by a key that the
 * provider itself shows: <issuer>/.well-known/openid-configuration names the key set, which is asked for anew each time.
 *
 * The handler runs again from the top when an answer has come. Source: STS API Reference (AssumeRoleWithWebIdentity); "OIDC federation",
 * "Available keys for AWS OIDC federation" (IAM User Guide); OpenID Connect Discovery 1.0. */
#include "sts.h"

#include "os/os.h"
#include "svc/arn.h"
#include "svc/fetch.h"

enum { FETCH_MS = 10000, HOUR_S = 3600, OWN_KEYS = 5 };

static bool invalid(struct call *c, const char *why)
{
	call_fail(c, &sts_err_InvalidIdentityTokenException, "%s", why);
	return false;
}

/* https, or http on this machine: where a token of this issuer may be checked. */
static struct str without_scheme(struct str issuer)
{
	if (str_starts(issuer, S("https://")))
		return str_slice(issuer, sizeof "https://" - 1, issuer.n);
	return str_starts(issuer, S("http://localhost")) || str_starts(issuer, S("http://127.0.0.1"))
		? str_slice(issuer, sizeof "http://" - 1, issuer.n) : STR_NONE;
}

static bool list_has(const struct json *list, struct str s)
{
	for (uint32_t i = 0; json_is(list, JSON_ARRAY) && i < list->n; i++)
		if (str_eq(json_str(&list->items[i]), s))
			return true;
	return false;
}

/* The client the token is for; absent: none of the provider's. */
static struct str audience(const struct json *claims, const struct json *clients)
{
	const struct json *aud = json_get(claims, S("aud"));
	if (json_is(aud, JSON_STRING))
		return list_has(clients, json_str(aud)) ? json_str(aud) : STR_NONE;
	for (uint32_t i = 0; json_is(aud, JSON_ARRAY) && i < aud->n; i++)
		if (list_has(clients, json_str(&aud->items[i])))
			return json_str(&aud->items[i]);
	return STR_NONE;
}

/* What the account of the role knows about the issuer; NULL: failed. */
static const struct json *provider_of(struct call *c, struct str account, struct str issuer, struct str *arn)
{
	struct str name = without_scheme(issuer);
	struct principal *root = arena_new_of(c->arena, struct principal);
	*root = (struct principal){.type = PRINCIPAL_ROOT, .account = account, .user_id = account,
		.arn = arena_join(c->arena, S("arn:aws:iam::"), account, S(":root"))};
	*arn = arena_join(c->arena, S("arn:aws:iam::"), account, S(":oidc-provider/"), str_present(name) ? name : S(""));
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "OpenIDConnectProviderArn", *arn);
	struct invoked r = str_present(name) && arn->n >= 20 && arn->n <= 2048
		? invoke(c, "iam", "GetOpenIDConnectProvider", in, &(struct invoke_options){.who = root, .account = account}) : (struct invoked){0};
	if (!r.ok)
		call_fail(c, &sts_err_InvalidIdentityTokenException, "No OpenIDConnect provider found in your account for %.*s", STR_ARG(issuer));
	return r.ok ? r.out : NULL;
}

/* A JSON document of the provider's; NULL: parked or failed. */
static const struct json *ask(struct call *c, struct str url)
{
	const struct fetch f = {.method = S("GET"), .url = url, .deadline_ms = c->started_ms + FETCH_MS};
	const struct fetched *r = fetch(c, &f);
	if (r == NULL)
		return NULL;
	const struct json *j = r->ok && r->status == 200 ? json_parse(c->arena, r->body, NULL) : NULL;
	if (j == NULL)
		call_fail(c, &sts_err_InvalidIdentityTokenException, "Couldn't retrieve verification key from your identity provider,  please reference "
			"AssumeRoleWithWebIdentity documentation for requirements");
	return j;
}

static bool signature_ok(struct call *c, const struct jwt *t, struct str issuer)
{
	struct str base = issuer.p[issuer.n - 1] == '/' ? str_slice(issuer, 0, issuer.n - 1) : issuer;
	const struct json *about = ask(c, arena_join(c->arena, base, S("/.well-known/openid-configuration")));
	if (about == NULL)
		return false;
	struct str keys_at = json_get_str(about, "jwks_uri");
	if (!str_eq(json_get_str(about, "issuer"), issuer) || !str_present(keys_at) || !str_present(without_scheme(keys_at)))
		return invalid(c, "The OpenID Connect provider's configuration does not name its issuer and its keys");
	const struct json *keys = ask(c, keys_at);
	if (keys == NULL)
		return false;
	return jwt_signed(c->arena, t, keys) || invalid(c, "Provided Token is not signed by a key of its OpenID Connect provider");
}

static bool times_ok(struct call *c, const struct json *claims)
{
	int64_t now = os.wall_ms() / 1000, expires = json_get_i64(claims, "exp", 0), from = json_get_i64(claims, "nbf", 0);
	if (expires == 0 || json_get_i64(claims, "iat", 0) == 0)
		return invalid(c, "Missing a required claim: exp or iat");
	if (expires <= now)
		call_fail(c, &sts_err_ExpiredTokenException, "Token expired: current date/time %lld must be before the expiration date/time %lld",
			(long long)now, (long long)expires);
	else if (from > now)
		return invalid(c, "Token is not valid yet");
	return !c->failed;
}

/* The role's trust in the token's subject. */
static bool trusted(struct call *c, const struct jwt *t, struct str issuer, struct str provider, struct str aud, struct str role_arn,
                    struct str trust)
{
	const struct sts_AssumeRoleWithWebIdentityRequest *in = c->in;
	const struct principal who = {.type = PRINCIPAL_FEDERATED, .name = provider, .arn = provider, .user_id = S("web-identity")};
	struct str prefix = without_scheme(issuer), sub = json_get_str(t->claims, "sub");
	const struct json *amr = json_get(t->claims, S("amr"));
	struct condition_key keys[OWN_KEYS] = {
		{arena_join(c->arena, prefix, S(":aud")), &aud, 1}, {arena_join(c->arena, prefix, S(":sub")), &sub, 1},
		{S("sts:RoleSessionName"), &in->RoleSessionName, 1}, {S("aws:FederatedProvider"), &provider, 1}};
	struct access_extra x = {.keys = keys, .n_keys = OWN_KEYS - 1};
	if (json_is(amr, JSON_ARRAY) && amr->n > 0) {
		struct str *methods = arena_array(c->arena, struct str, amr->n);
		for (uint32_t i = 0; i < amr->n; i++)
			methods[i] = str_present(json_str(&amr->items[i])) ? json_str(&amr->items[i]) : S("");
		keys[x.n_keys++] = (struct condition_key){arena_join(c->arena, prefix, S(":amr")), methods, amr->n};
	}
	ASSERT(x.n_keys <= OWN_KEYS);
	if (role_trusts(c, role_arn, trust, &who, "sts:AssumeRoleWithWebIdentity", &x))
		return true;
	call_fail_code(c, 403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
	return false;
}

/* What a token may carry that would change the session, and is not there. */
static bool claims_supported(struct call *c, const struct json *claims)
{
	if (json_get(claims, S("https://aws.amazon.com/tags")) != NULL || json_get(claims, S("https://aws.amazon.com/source_identity")) != NULL)
		call_unsupported(c, "session tags and source identity in a web identity token");
	return !c->failed;
}

/* Nobody has signed; the token is what speaks. */
void access_AssumeRoleWithWebIdentity(struct call *c) { ASSERT(c->who != NULL); }

void op_AssumeRoleWithWebIdentity(struct call *c)
{
	const struct sts_AssumeRoleWithWebIdentityRequest *in = c->in;
	struct sts_AssumeRoleWithWebIdentityResponse *out = c->out;
	struct principal role;
	struct str trust, provider;
	struct arn arn;
	struct jwt t;
	if (str_present(in->ProviderId)) {
		call_unsupported(c, "AssumeRoleWithWebIdentity with ProviderId (OAuth 2.0 access tokens)");
		return;
	}
	if (!only_supported(c, in->MinimumSessionTokenSize))
		return;
	if (!arn_parse(in->RoleArn, &arn)) {
		call_fail_code(c, 400, "ValidationError", "%.*s is invalid", STR_ARG(in->RoleArn));
		return;
	}
	if (!jwt_read(c->arena, in->WebIdentityToken, &t) || json_get_str(t.claims, "iss").n == 0 || json_get_str(t.claims, "sub").n == 0) {
		invalid(c, "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)");
		return;
	}
	struct str issuer = json_get_str(t.claims, "iss");
	const struct json *known = provider_of(c, arn.account, issuer, &provider);
	if (known == NULL)
		return;
	struct str aud = audience(t.claims, json_get(known, S("ClientIDList")));
	if (!str_present(aud)) {
		invalid(c, "Incorrect token audience");
		return;
	}
	if (!times_ok(c, t.claims) || !signature_ok(c, &t, issuer) || !claims_supported(c, t.claims))
		return;
	if (!role_lookup(c, in->RoleArn, &role, &trust)) {
		call_fail_code(c, 403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
		return;
	}
	if (!trusted(c, &t, issuer, provider, aud, in->RoleArn, trust))
		return;
	const struct role_ask ask_for = {in->RoleArn, in->RoleSessionName, in->DurationSeconds.set ? in->DurationSeconds.v : HOUR_S, in->Policy,
		in->PolicyArns};
	if (!role_session(c, &role, &ask_for, &out->Credentials, &out->AssumedRoleUser, &out->PackedPolicySize))
		return;
	out->SubjectFromWebIdentityToken = json_get_str(t.claims, "sub");
	out->Audience = aud;
	out->Provider = provider;
}
