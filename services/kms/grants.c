/* Grants: who may use a key beside its policy, for which operations, under which encryption context.
 *
 * A grant works at once here, so that grant tokens need not be sent; a token that is none of ours is refused.
 * Source: "Grants in AWS KMS" (KMS Developer Guide); CreateGrant, RetireGrant, RevokeGrant, ListGrants (API Reference). */
#include "kms.h"

#include "os/os.h"
#include "svc/page.h"

static struct key *grant_key(struct kms_key *k, struct str grant_id)
{
	struct key *key = key_str(place(k->c, k->account, k->region, "grant"), k->id);
	return str_present(grant_id) ? key_str(key, grant_id) : key;
}

static struct kms_StoredGrant *grant_get(struct kms_key *k, struct str id)
{
	return call_get(k->c, grant_key(k, id), &kms_shape_StoredGrant);
}

/* ---- tokens: which grant is meant; holding one gives no permission ---- */

static struct str token_of(struct kms_key *k, struct str grant_id)
{
	return page_token(k->c->arena, arena_join(k->c->arena, S("grant "), k->arn, S(" "), grant_id));
}

static bool token_open(struct call *c, struct str token, struct str *arn, struct str *grant_id)
{
	struct str at;
	if (!page_position(c->arena, token, &at) || !str_starts(at, S("grant "))) {
		call_fail(c, &kms_err_InvalidGrantTokenException, "The grant token is not valid.");
		return false;
	}
	str_cut(&at, ' ');
	ASSERT(str_present(at)); /* a space is behind the word */
	*arn = str_cut(&at, ' ');
	*grant_id = at;
	return true;
}

bool grant_tokens_ok(struct call *c, const struct list *tokens)
{
	struct str arn, id;
	for (uint32_t i = 0; i < tokens->n; i++)
		if (!token_open(c, *LIST_AT(*tokens, struct str, i), &arn, &id))
			return false;
	return true;
}

/* ---- does one allow? ---- */

static bool is_principal(struct str arn, const struct principal *who)
{
	return str_present(arn) && (str_eq(arn, who->arn) || (str_present(who->role_arn) && str_eq(arn, who->role_arn)));
}

static bool has_pair(const struct map_of *m, struct str key, struct str value)
{
	const struct kms_EncryptionContextType_entry *e = m->v;
	for (uint32_t i = 0; i < m->n; i++)
		if (str_eq(e[i].key, key) && str_eq(e[i].value, value))
			return true;
	return false;
}

static bool contains(const struct map_of *whole, const struct map_of *part)
{
	const struct kms_EncryptionContextType_entry *e = part->v;
	for (uint32_t i = 0; i < part->n; i++)
		if (whole == NULL || !has_pair(whole, e[i].key, e[i].value))
			return false;
	return true;
}

static bool constraints_hold(const struct kms_GrantConstraints *g, const struct map_of *context)
{
	if (g == NULL || context == NULL) /* operations without a context are not constrained by it */
		return true;
	if (g->EncryptionContextEquals.set && (g->EncryptionContextEquals.n != context->n || !contains(context, &g->EncryptionContextEquals)))
		return false;
	return !g->EncryptionContextSubset.set || contains(context, &g->EncryptionContextSubset);
}

static bool grant_has(const struct kms_GrantListEntry *g, struct str operation)
{
	for (uint32_t i = 0; i < g->Operations.n; i++)
		if (str_eq(*LIST_AT(g->Operations, struct str, i), operation))
			return true;
	return false;
}

bool grant_allows(struct kms_key *k, struct str action, const struct map_of *context)
{
	ASSERT(str_starts(action, S("kms:")));
	struct str key, value, operation = str_slice(action, sizeof "kms:" - 1, action.n);
	bool yes = false;
	struct scan *s = call_scan(k->c, grant_key(k, STR_NONE), STR_NONE, false);
	while (!yes && scan_next(s, &key, &value)) {
		const struct kms_StoredGrant *g = record_decode(k->c, &kms_shape_StoredGrant, arena_dup(k->c->arena, value));
		const struct kms_GrantListEntry *e = g->Entry;
		ASSERT(e != NULL && str_eq(e->KeyId, k->arn)); /* it lies below its key */
		bool grantee = is_principal(e->GranteePrincipal, k->c->who) ||
			(k->c->who->type == PRINCIPAL_SERVICE && str_eq(e->GranteeServicePrincipal, k->c->who->name));
		yes = grantee && grant_has(e, operation) && constraints_hold(e->Constraints, context);
	}
	scan_close(s);
	return yes;
}

void grants_drop(struct kms_key *k)
{
	struct str key, value;
	struct scan *s = call_scan(k->c, grant_key(k, STR_NONE), STR_NONE, false);
	while (scan_next(s, &key, &value))
		txn_del(k->c->txn, arena_dup(k->c->arena, key));
	scan_close(s);
}

/* ---- operations ---- */

/* Which operations of a grant a key of each usage can do. */
static bool operation_fits(const struct kms_key *k, struct str operation)
{
	static const char *const by_usage[][8] = {
		{"ENCRYPT_DECRYPT", "Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo"},
		{"SIGN_VERIFY", "Sign", "Verify"},
		{"GENERATE_VERIFY_MAC", "GenerateMac", "VerifyMac"},
		{"KEY_AGREEMENT", "DeriveSharedSecret"},
	};
	static const char *const any[] = {"CreateGrant", "RetireGrant", "DescribeKey"};
	for (size_t i = 0; i < COUNT_OF(any); i++)
		if (str_eq(operation, str_c(any[i])))
			return true;
	if (str_eq(operation, S("GetPublicKey")))
		return k->spec->kind != SPEC_AES && k->spec->kind != SPEC_HMAC;
	if (str_starts(operation, S("GenerateDataKey")))
		return k->spec->kind == SPEC_AES;
	for (size_t i = 0; i < COUNT_OF(by_usage); i++)
		for (size_t o = 1; str_eq(k->ring->Usage, str_c(by_usage[i][0])) && by_usage[i][o] != NULL; o++)
			if (str_eq(operation, str_c(by_usage[i][o])))
				return true;
	return false;
}

static bool principal_ok(struct call *c, struct str arn)
{
	if (!str_present(arn) || (str_starts(arn, S("arn:")) && (str_find_str(arn, S(":iam::")) > 0 || str_find_str(arn, S(":sts::")) > 0)))
		return true;
	call_fail(c, &kms_err_InvalidArnException, "Invalid principal: %.*s", STR_ARG(arn));
	return false;
}

static bool grant_ok(struct kms_key *k, const struct kms_CreateGrantRequest *in)
{
	if (str_present(in->GranteePrincipal) == str_present(in->GranteeServicePrincipal)) {
		call_fail_code(k->c, 400, "ValidationException", "Exactly one of GranteePrincipal and GranteeServicePrincipal must be given.");
		return false;
	}
	if (str_present(in->RetiringPrincipal) && str_present(in->RetiringServicePrincipal)) {
		call_fail_code(k->c, 400, "ValidationException", "RetiringPrincipal and RetiringServicePrincipal cannot be given together.");
		return false;
	}
	if (in->Constraints != NULL && str_present(in->Constraints->SourceArn)) {
		call_unsupported(k->c, "the grant constraint SourceArn is not there");
		return false;
	}
	for (uint32_t i = 0; i < in->Operations.n; i++)
		if (!operation_fits(k, *LIST_AT(in->Operations, struct str, i))) {
			call_fail_code(k->c, 400, "ValidationException", "The operation %.*s is not valid for a KMS key of spec %.*s and usage %.*s.",
				STR_ARG(*LIST_AT(in->Operations, struct str, i)), STR_ARG(k->ring->Spec), STR_ARG(k->ring->Usage));
			return false;
		}
	return principal_ok(k->c, in->GranteePrincipal) && principal_ok(k->c, in->RetiringPrincipal);
}

/* The same named grant again is the same grant. */
static struct str find_same(struct kms_key *k, const struct kms_CreateGrantRequest *in, struct str request)
{
	struct str key, value, id = STR_NONE;
	if (!str_present(in->Name))
		return id;
	struct scan *s = call_scan(k->c, grant_key(k, STR_NONE), STR_NONE, false);
	while (!str_present(id) && scan_next(s, &key, &value)) {
		const struct kms_StoredGrant *g = record_decode(k->c, &kms_shape_StoredGrant, arena_dup(k->c->arena, value));
		if (str_eq(g->Request, request))
			id = g->Entry->GrantId;
	}
	scan_close(s);
	return id;
}

void op_CreateGrant(struct call *c)
{
	const struct kms_CreateGrantRequest *in = c->in;
	struct kms_CreateGrantResponse *out = c->out;
	struct kms_key *k = run_key(c);
	char hex[64];
	if (!key_usable(k) || !grant_ok(k, in) || !dry_run(c, in->DryRun))
		return;
	struct kms_CreateGrantRequest core = *in;
	core.GrantTokens = (struct list){0};
	core.KeyId = k->arn;
	struct str request = sha256_hex(c->arena, json_text_sorted(c->arena, typed_to_json(c->arena, &kms_shape_CreateGrantRequest, &core)));
	struct str id = find_same(k, in, request);
	if (!str_present(id)) {
		random_hex(hex, sizeof hex);
		id = arena_dup(c->arena, str_of(hex, sizeof hex));
		struct kms_GrantListEntry e = {.KeyId = k->arn, .GrantId = id, .Name = str_present(in->Name) ? in->Name : S(""),
			.CreationDate = SOME_TIME(c->now_ms), .GranteePrincipal = in->GranteePrincipal, .RetiringPrincipal = in->RetiringPrincipal,
			.IssuingAccount = arena_printf(c->arena, "arn:aws:iam::%.*s:root", STR_ARG(c->account)), .Operations = in->Operations,
			.Constraints = in->Constraints, .GranteeServicePrincipal = in->GranteeServicePrincipal,
			.RetiringServicePrincipal = in->RetiringServicePrincipal};
		ASSERT(request.n == 64 && str_present(e.GranteePrincipal) != str_present(e.GranteeServicePrincipal)); /* grant_ok */
		struct kms_StoredGrant g = {.Entry = &e, .Request = request};
		call_put(c, grant_key(k, id), &kms_shape_StoredGrant, &g);
	}
	out->GrantId = id;
	out->GrantToken = token_of(k, id);
}

/* ---- listing ---- */

static void list_grants(struct call *c, struct key *prefix, const struct page *page,
                        bool (*wanted)(struct call *c, const struct kms_GrantListEntry *e),
                        struct kms_ListGrantsResponse *out)
{
	struct str key, value, last = STR_NONE;
	out->Grants = LIST_OF(c->arena, struct kms_GrantListEntry, page->limit);
	out->Grants.n = 0;
	out->Truncated = SOME_BOOL(false);
	struct scan *s = call_scan(c, prefix, page->after, false);
	while (scan_next(s, &key, &value)) {
		const struct kms_StoredGrant *g = record_decode(c, &kms_shape_StoredGrant, arena_dup(c->arena, value));
		if (!wanted(c, g->Entry))
			continue;
		if (out->Grants.n == page->limit) {
			out->Truncated = SOME_BOOL(true);
			out->NextMarker = page_token(c->arena, last);
			break;
		}
		((struct kms_GrantListEntry *)out->Grants.v)[out->Grants.n++] = *g->Entry;
		last = arena_dup(c->arena, key);
	}
	scan_close(s);
}

static bool wanted_of_key(struct call *c, const struct kms_GrantListEntry *e)
{
	const struct kms_ListGrantsRequest *in = c->in;
	return (!str_present(in->GrantId) || str_eq(in->GrantId, e->GrantId)) &&
	       (!str_present(in->GranteePrincipal) || str_eq(in->GranteePrincipal, e->GranteePrincipal)) &&
	       (!str_present(in->GranteeServicePrincipal) || str_eq(in->GranteeServicePrincipal, e->GranteeServicePrincipal));
}

void op_ListGrants(struct call *c)
{
	const struct kms_ListGrantsRequest *in = c->in;
	struct kms_key *k = run_key(c);
	struct page page;
	if (page_start(c, in->Limit, in->Marker, GRANTS_PER_PAGE, grant_key(k, STR_NONE), &page))
		list_grants(c, grant_key(k, STR_NONE), &page, wanted_of_key, c->out);
}

static bool wanted_retirable(struct call *c, const struct kms_GrantListEntry *e)
{
	const struct kms_ListRetirableGrantsRequest *in = c->in;
	return (str_present(in->RetiringPrincipal) && str_eq(in->RetiringPrincipal, e->RetiringPrincipal)) ||
	       (str_present(in->RetiringServicePrincipal) && str_eq(in->RetiringServicePrincipal, e->RetiringServicePrincipal));
}

void op_ListRetirableGrants(struct call *c)
{
	const struct kms_ListRetirableGrantsRequest *in = c->in;
	struct page page;
	struct key *prefix = place(c, c->account, c->region, "grant");
	if (!str_present(in->RetiringPrincipal) && !str_present(in->RetiringServicePrincipal)) {
		call_fail_code(c, 400, "ValidationException", "RetiringPrincipal or RetiringServicePrincipal must be given.");
		return;
	}
	if (principal_ok(c, in->RetiringPrincipal) && page_start(c, in->Limit, in->Marker, GRANTS_PER_PAGE, prefix, &page))
		list_grants(c, prefix, &page, wanted_retirable, c->out);
}

/* ---- ending ---- */

static bool end_grant(struct kms_key *k, struct str id, struct opt_bool dry)
{
	if (grant_get(k, id) == NULL) {
		call_fail(k->c, &kms_err_InvalidGrantIdException, "Grant ID %.*s was not found.", STR_ARG(id));
		return false;
	}
	if (dry_run(k->c, dry))
		call_del(k->c, grant_key(k, id));
	return !k->c->failed;
}

void op_RevokeGrant(struct call *c)
{
	const struct kms_RevokeGrantRequest *in = c->in;
	end_grant(run_key(c), in->GrantId, in->DryRun);
}

/* By token, or by key and id. The retiring principal may, the grantee when RetireGrant is among the operations, and whom
 * policies allow it. */
static struct kms_key *retired(struct call *c, struct str *id)
{
	const struct kms_RetireGrantRequest *in = c->in;
	struct str arn = in->KeyId;
	*id = in->GrantId;
	if (str_present(in->GrantToken) ? str_present(in->KeyId) || str_present(in->GrantId) : !str_present(in->KeyId) || !str_present(in->GrantId)) {
		call_fail_code(c, 400, "ValidationException", "Either the grant token, or the key and the id of the grant must be given.");
		return NULL;
	}
	if (str_present(in->GrantToken) && !token_open(c, in->GrantToken, &arn, id))
		return NULL;
	return key_find(c, arn, REF_SHARED);
}

void access_retire(struct call *c)
{
	struct str id;
	struct kms_key *k = retired(c, &id);
	if (k == NULL)
		return;
	const struct kms_StoredGrant *g = grant_get(k, id);
	c->memo = k;
	if (g == NULL) {
		call_fail(c, &kms_err_NotFoundException, "Grant ID %.*s was not found.", STR_ARG(id));
		return;
	}
	bool own = is_principal(g->Entry->RetiringPrincipal, c->who) ||
		(is_principal(g->Entry->GranteePrincipal, c->who) && grant_has(g->Entry, S("RetireGrant")));
	if (!own)
		key_allow(k, NULL, NULL);
}

void op_RetireGrant(struct call *c)
{
	const struct kms_RetireGrantRequest *in = c->in;
	struct str id;
	struct kms_key *k = retired(c, &id);
	if (k != NULL)
		end_grant(k, id, in->DryRun);
}
