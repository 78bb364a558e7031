/* Aliases: names of keys within an account and region. Source: "Aliases in AWS KMS" (KMS Developer Guide); CreateAlias,
 * UpdateAlias, DeleteAlias, ListAliases (API Reference). */
#include "kms.h"

#include "svc/page.h"

static struct key *alias_key(struct call *c, struct str account, struct str region, struct str name)
{
	return key_str(place(c, account, region, "alias"), name);
}

static struct key *of_key(struct call *c, struct str account, struct str region, struct str id)
{
	return key_str(place(c, account, region, "aliasof"), id);
}

static struct kms_StoredAlias *alias_get(struct call *c, struct str name)
{
	return call_get(c, alias_key(c, c->account, c->region, name), &kms_shape_StoredAlias);
}

static void alias_del(struct call *c, struct str account, struct str region, struct str name, struct str key_id)
{
	call_del(c, alias_key(c, account, region, name));
	call_del(c, key_str(of_key(c, account, region, key_id), name));
}

static void put(struct call *c, struct str account, struct str region, struct str name, const struct kms_StoredAlias *a)
{
	call_put(c, alias_key(c, account, region, name), &kms_shape_StoredAlias, a);
	txn_put(c->txn, key_bytes(key_str(of_key(c, account, region, a->KeyId), name)), S(""));
}

void alias_put(struct call *c, struct str account, struct str region, struct str name, struct str key_id)
{
	const struct kms_StoredAlias a = {key_id, SOME_TIME(c->now_ms), SOME_TIME(c->now_ms)};
	put(c, account, region, name, &a);
}

/* The names of a key's aliases, at most max. */
static size_t names_of(struct kms_key *k, struct str *out, size_t max)
{
	struct str key, value;
	size_t n = 0;
	struct key *prefix = of_key(k->c, k->account, k->region, k->id);
	struct scan *s = call_scan(k->c, prefix, STR_NONE, false);
	while (n < max && scan_next(s, &key, &value)) {
		struct key_reader r = key_reader_of(arena_dup(k->c->arena, str_slice(key, key_bytes(prefix).n, key.n)));
		bool ok = key_read_str(&r, k->c->arena, &out[n++]);
		ASSERT(ok);
	}
	scan_close(s);
	return n;
}

void aliases_drop(struct kms_key *k)
{
	struct str names[ALIASES_MAX];
	size_t n = names_of(k, names, COUNT_OF(names));
	for (size_t i = 0; i < n; i++)
		alias_del(k->c, k->account, k->region, names[i], k->id);
}

/* ---- permission: on the alias by identity policies, on the keys by theirs ---- */

static bool name_ok(struct call *c, struct str name)
{
	if (!str_starts(name, S("alias/")) || name.n == 6) {
		call_fail(c, &kms_err_InvalidAliasNameException, "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/"
			"latest/developerguide/programming-aliases.html");
		return false;
	}
	if (str_starts(name, S("alias/aws/"))) {
		call_fail(c, &kms_err_InvalidAliasNameException, "The alias name is reserved for AWS managed keys");
		return false;
	}
	if (str_find(name, ':') >= 0) {
		call_fail(c, &kms_err_InvalidAliasNameException, "%.*s contains invalid characters for an alias", STR_ARG(name));
		return false;
	}
	return true;
}

void access_alias_op(struct call *c)
{
	struct str name = call_input_text(c, "AliasName"), target = call_input_text(c, "TargetKeyId");
	if (!authorize(c, NULL, alias_arn(c, c->account, c->region, name), NULL) || !name_ok(c, name))
		return;
	const struct kms_StoredAlias *old = alias_get(c, name);
	struct kms_key *before = old != NULL ? key_open(c, c->account, c->region, old->KeyId) : NULL;
	bool creates = strcmp(model_op_name(c->op->model), "CreateAlias") == 0;
	if (before != NULL && !creates && !key_allow(before, NULL, NULL))
		return;
	c->memo = before;
	if (!str_present(target))
		return;
	struct kms_key *k = key_find(c, target, REF_OWN);
	if (k != NULL && key_allow(k, NULL, NULL))
		c->memo = k;
}

/* ---- operations ---- */

static void fail_no_alias(struct call *c, struct str name)
{
	call_fail(c, &kms_err_NotFoundException, "Alias %.*s is not found.", STR_ARG(alias_arn(c, c->account, c->region, name)));
}

static bool room_for_one(struct kms_key *k)
{
	struct str names[ALIASES_MAX];
	if (names_of(k, names, COUNT_OF(names)) < ALIASES_MAX)
		return true;
	call_fail(k->c, &kms_err_LimitExceededException, "The key has %d aliases, and can have no more.", ALIASES_MAX);
	return false;
}

void op_CreateAlias(struct call *c)
{
	const struct kms_CreateAliasRequest *in = c->in;
	struct kms_key *k = run_key(c);
	if (alias_get(c, in->AliasName) != NULL) {
		call_fail(c, &kms_err_AlreadyExistsException, "An alias with the name %.*s already exists",
			STR_ARG(alias_arn(c, c->account, c->region, in->AliasName)));
		return;
	}
	if (key_customer(k) && key_alive(k) && room_for_one(k))
		alias_put(c, k->account, k->region, in->AliasName, k->id);
}

void op_UpdateAlias(struct call *c)
{
	const struct kms_UpdateAliasRequest *in = c->in;
	struct kms_key *k = run_key(c);
	const struct kms_StoredAlias *old = alias_get(c, in->AliasName);
	if (old == NULL) {
		fail_no_alias(c, in->AliasName);
		return;
	}
	const struct kms_key *before = key_open(c, c->account, c->region, old->KeyId);
	ASSERT(before != NULL);
	if (!key_customer(k) || !key_alive(k))
		return;
	if (!str_eq(before->ring->Usage, k->ring->Usage) || (before->spec->kind == SPEC_AES) != (k->spec->kind == SPEC_AES)) {
		call_fail_code(c, 400, "ValidationException", "An alias can only be moved to a key of the same type and usage.");
		return;
	}
	if (!str_eq(before->id, k->id) && !room_for_one(k))
		return;
	const struct kms_StoredAlias now = {k->id, old->Created, SOME_TIME(c->now_ms)};
	alias_del(c, c->account, c->region, in->AliasName, before->id);
	put(c, c->account, c->region, in->AliasName, &now);
}

void op_DeleteAlias(struct call *c)
{
	const struct kms_DeleteAliasRequest *in = c->in;
	const struct kms_StoredAlias *old = alias_get(c, in->AliasName);
	if (old == NULL)
		fail_no_alias(c, in->AliasName);
	else
		alias_del(c, c->account, c->region, in->AliasName, old->KeyId);
}

void op_ListAliases(struct call *c)
{
	const struct kms_ListAliasesRequest *in = c->in;
	struct kms_ListAliasesResponse *out = c->out;
	struct str key, value, name, last = STR_NONE;
	struct page page;
	const struct kms_key *only = str_present(in->KeyId) ? key_find(c, in->KeyId, REF_OWN) : NULL;
	struct key *prefix = place(c, c->account, c->region, "alias");
	if (c->failed || !page_start(c, in->Limit, in->Marker, 50, prefix, &page))
		return;
	out->Aliases = LIST_OF(c->arena, struct kms_AliasListEntry, page.limit);
	out->Aliases.n = 0;
	out->Truncated = SOME_BOOL(false);
	struct scan *s = call_scan(c, prefix, page.after, false);
	while (scan_next(s, &key, &value)) {
		const struct kms_StoredAlias *a = record_decode(c, &kms_shape_StoredAlias, arena_dup(c->arena, value));
		if (only != NULL && !str_eq(a->KeyId, only->id))
			continue;
		if (out->Aliases.n == page.limit) {
			out->Truncated = SOME_BOOL(true);
			out->NextMarker = page_token(c->arena, last);
			break;
		}
		last = arena_dup(c->arena, key);
		struct key_reader r = key_reader_of(str_slice(last, key_bytes(prefix).n, last.n));
		bool ok = key_read_str(&r, c->arena, &name);
		ASSERT(ok);
		((struct kms_AliasListEntry *)out->Aliases.v)[out->Aliases.n++] = (struct kms_AliasListEntry){.AliasName = name,
			.AliasArn = alias_arn(c, c->account, c->region, name), .TargetKeyId = a->KeyId, .CreationDate = a->Created,
			.LastUpdatedDate = a->Updated};
	}
	scan_close(s);
}
