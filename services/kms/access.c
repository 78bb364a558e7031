/* Who may do what: the key policy decides. Identity policies count only where it names the account's root; grants add to it.
 *
 * Source: "Key policies in AWS KMS", "Determining access to AWS KMS keys", "AWS KMS condition keys" (KMS Developer Guide). */
#include "kms.h"

#include "base/time.h"

struct conditions { struct call *c; struct condition_key *v; size_t n, cap; };

static void add_values(struct conditions *k, struct str name, const struct str *values, size_t n)
{
	if (k->n == k->cap) {
		k->v = arena_grow(k->c->arena, k->v, sizeof *k->v, k->cap, k->cap * 2 + 16);
		k->cap = k->cap * 2 + 16;
	}
	k->v[k->n++] = (struct condition_key){name, values, n};
}

static void add(struct conditions *k, struct str name, struct str value)
{
	if (!str_present(value))
		return;
	struct str *v = arena_new_of(k->c->arena, struct str);
	*v = value;
	add_values(k, name, v, 1);
}

struct str via_service(struct call *c)
{
	for (const struct call *p = c->parent; p != NULL; p = p->parent)
		if (p->service != c->service)
			return arena_printf(c->arena, "%s.%.*s.amazonaws.com", p->service->name, STR_ARG(c->region));
	return STR_NONE;
}

/* ---- conditions out of the request: a member of the input, the key it is ---- */

static const char *const from_input[][2] = {
	{"BypassPolicyLockoutSafetyCheck", "kms:BypassPolicyLockoutSafetyCheck"}, {"CustomerMasterKeySpec", "kms:KeySpec"},
	{"EncryptionAlgorithm", "kms:EncryptionAlgorithm"}, {"ExpirationModel", "kms:ExpirationModel"},
	{"GranteePrincipal", "kms:GranteePrincipal"}, {"KeyAgreementAlgorithm", "kms:KeyAgreementAlgorithm"},
	{"KeyPairSpec", "kms:DataKeyPairSpec"}, {"KeySpec", "kms:KeySpec"}, {"KeyUsage", "kms:KeyUsage"}, {"MacAlgorithm", "kms:MacAlgorithm"},
	{"MessageType", "kms:MessageType"}, {"MultiRegion", "kms:MultiRegion"}, {"Operations", "kms:GrantOperations"},
	{"Origin", "kms:KeyOrigin"}, {"PendingWindowInDays", "kms:ScheduleKeyDeletionPendingWindowInDays"},
	{"PrimaryRegion", "kms:PrimaryRegion"}, {"ReplicaRegion", "kms:ReplicaRegion"}, {"RetiringPrincipal", "kms:RetiringPrincipal"},
	{"RotationPeriodInDays", "kms:RotationPeriodInDays"}, {"SigningAlgorithm", "kms:SigningAlgorithm"}, {"ValidTo", "kms:ValidTo"},
	{"WrappingAlgorithm", "kms:WrappingAlgorithm"}, {"WrappingKeySpec", "kms:WrappingKeySpec"},
};

static void add_member(struct conditions *k, const struct member *m, const void *at, const char *name)
{
	struct call *c = k->c;
	if (member_shape(m)->type == SHAPE_STRING) {
		add(k, str_c(name), *(const struct str *)at);
	} else if (member_shape(m)->type == SHAPE_INT && ((const struct opt_i64 *)at)->set) {
		add(k, str_c(name), arena_printf(c->arena, "%lld", (long long)((const struct opt_i64 *)at)->v));
	} else if (member_shape(m)->type == SHAPE_BOOL && ((const struct opt_bool *)at)->set) {
		add(k, str_c(name), ((const struct opt_bool *)at)->v ? S("true") : S("false"));
	} else if (member_shape(m)->type == SHAPE_TIME && ((const struct opt_time *)at)->set) {
		add(k, str_c(name), time_iso8601(c->arena, ((const struct opt_time *)at)->ms));
	} else if (member_shape(m)->type == SHAPE_LIST && ((const struct list *)at)->n > 0) {
		const struct list *l = at;
		add_values(k, str_c(name), l->v, l->n);
	}
}

static const void *input_member(struct call *c, const char *name, const struct member **m)
{
	*m = c->op != NULL && model_op_input(c->op->model) != NULL ? shape_member(model_op_input(c->op->model), str_c(name)) : NULL;
	return *m != NULL ? (const char *)c->in + (*m)->offset : NULL;
}

static void add_request(struct conditions *k)
{
	const struct member *m;
	bool creates = k->c->op != NULL && strcmp(model_op_name(k->c->op->model), "CreateKey") == 0;
	for (size_t i = 0; i < COUNT_OF(from_input); i++) {
		/* GenerateDataKey's KeySpec is the data key's, and no condition key */
		bool of_key = strcmp(from_input[i][0], "KeySpec") == 0 || strcmp(from_input[i][0], "KeyUsage") == 0;
		const void *at = of_key && !creates ? NULL : input_member(k->c, from_input[i][0], &m);
		if (at != NULL)
			add_member(k, m, at, from_input[i][1]);
	}
	add(k, S("kms:CallerAccount"), k->c->who->account);
	add(k, S("kms:ViaService"), via_service(k->c));
	if (k->c->op != NULL && (strstr(model_op_name(k->c->op->model), "Grant") != NULL))
		add(k, S("kms:GrantIsForAWSResource"), str_present(via_service(k->c)) ? S("true") : S("false"));
}

/* ---- conditions out of the key ---- */

static void add_aliases(struct conditions *cs, struct kms_key *k)
{
	struct str key, value, name, *names = NULL;
	size_t n = 0;
	struct key *prefix = key_str(place(k->c, k->account, k->region, "aliasof"), k->id);
	size_t head = key_bytes(prefix).n;
	struct scan *s = call_scan(k->c, prefix, STR_NONE, false);
	while (n < ALIASES_MAX && scan_next(s, &key, &value)) {
		struct key_reader r = key_reader_of(str_slice(arena_dup(k->c->arena, key), head, key.n));
		bool ok = key_read_str(&r, k->c->arena, &name);
		ASSERT(ok);
		names = arena_grow(k->c->arena, names, sizeof *names, n, n + 1);
		names[n++] = name;
	}
	scan_close(s);
	if (n > 0)
		add_values(cs, S("kms:ResourceAliases"), names, n);
}

static void add_key(struct conditions *cs, struct kms_key *k)
{
	add(cs, S("kms:KeySpec"), k->ring->Spec);
	add(cs, S("kms:KeyUsage"), k->ring->Usage);
	add(cs, S("kms:KeyOrigin"), k->ring->Origin);
	add(cs, S("kms:MultiRegion"), k->ring->MultiRegion.v ? S("true") : S("false"));
	if (k->ring->MultiRegion.v)
		add(cs, S("kms:MultiRegionKeyType"), str_eq(k->ring->Primary, k->region) ? S("PRIMARY") : S("REPLICA"));
	add(cs, S("kms:RequestAlias"), k->alias);
	for (uint32_t i = 0; i < k->rec->Labels.n; i++) {
		const struct kms_Tag *t = LIST_AT(k->rec->Labels, struct kms_Tag, i);
		add(cs, arena_join(k->c->arena, S("aws:ResourceTag/"), t->TagKey), t->TagValue);
	}
	add_aliases(cs, k);
}

static void add_context(struct conditions *cs, const struct map_of *context)
{
	if (context == NULL || context->n == 0)
		return;
	const struct kms_EncryptionContextType_entry *e = context->v;
	struct str *names = arena_array(cs->c->arena, struct str, context->n);
	for (uint32_t i = 0; i < context->n; i++) {
		names[i] = e[i].key;
		add(cs, arena_join(cs->c->arena, S("kms:EncryptionContext:"), e[i].key), e[i].value);
	}
	add_values(cs, S("kms:EncryptionContextKeys"), names, context->n);
}

struct str context_bytes(struct arena *a, const struct map_of *context)
{
	struct json *o = json_new_object(a);
	const struct kms_EncryptionContextType_entry *e = context->v;
	for (uint32_t i = 0; i < context->n; i++)
		json_set(a, o, e[i].key, json_new_str(a, e[i].value));
	return json_text_sorted(a, o);
}

/* ---- the question ---- */

static struct str action_name(struct call *c, const char *action)
{
	return action != NULL ? str_c(action) : arena_printf(c->arena, "kms:%s", model_op_name(c->op->model));
}

bool key_allow(struct kms_key *k, const char *action, const struct map_of *context)
{
	CHECK_MAGIC(k, KEY_MAGIC);
	struct call *c = k->c;
	struct conditions cs = {.c = c};
	if (c->failed)
		return false;
	add_request(&cs);
	add_key(&cs, k);
	add_context(&cs, context);
	struct access_extra x = {.keys = cs.v, .n_keys = cs.n, .resource_policy = k->rec->Policy, .resource_decides = true};
	if (!str_eq(k->account, c->account) || !str_eq(k->account, c->who->account))
		x.resource_account = k->account;
	struct verdict v = authorize_as(c, c->who, action_name(c, action), k->arn, &x);
	if (v.decision == DECISION_ALLOW || (v.decision == DECISION_IMPLICIT_DENY && grant_allows(k, action_name(c, action), context)))
		return true;
	return authorize(c, action, k->arn, &x); /* says it in the service's words */
}

bool policy_ok(struct call *c, struct str arn, struct str policy, bool bypass)
{
	struct str why = STR_NONE;
	if (policy.n > POLICY_MAX_BYTES) {
		call_fail(c, &kms_err_LimitExceededException, "The key policy is larger than 32768 bytes.");
		return false;
	}
	if (policy_parse(c->arena, policy, POLICY_RESOURCE, &why) == NULL) {
		call_fail(c, &kms_err_MalformedPolicyDocumentException, "%.*s", STR_ARG(why));
		return false;
	}
	struct access_extra x = {.resource_policy = policy, .resource_decides = true};
	if (bypass || authorize_as(c, c->who, S("kms:PutKeyPolicy"), arn, &x).decision == DECISION_ALLOW)
		return true;
	call_fail(c, &kms_err_MalformedPolicyDocumentException, "The new key policy will not allow you to update the key policy in the future.");
	return false;
}

/* ---- access of operations ---- */

struct kms_key *run_key(struct call *c)
{
	struct kms_key *k = c->memo;
	CHECK_MAGIC(k, KEY_MAGIC);
	ASSERT(k->c == c);
	return k;
}

static void access_by(struct call *c, enum ref ref)
{
	const struct member *m;
	const struct str *text = input_member(c, "KeyId", &m);
	const struct map_of *context = input_member(c, "EncryptionContext", &m);
	const struct list *tokens = input_member(c, "GrantTokens", &m);
	ASSERT(text != NULL);
	struct kms_key *k = key_find(c, *text, ref);
	if (k == NULL || (tokens != NULL && !grant_tokens_ok(c, tokens)))
		return;
	if (key_allow(k, NULL, context))
		c->memo = k;
}

void access_own(struct call *c) { access_by(c, REF_OWN); }
void access_shared(struct call *c) { access_by(c, REF_SHARED); }
void access_alias(struct call *c) { access_by(c, REF_ALIAS); }

void access_create_key(struct call *c)
{
	const struct kms_CreateKeyRequest *in = c->in;
	struct conditions cs = {.c = c};
	add_request(&cs);
	struct access_extra x = {.keys = cs.v, .n_keys = cs.n};
	if (authorize(c, NULL, S("*"), &x) && in->Tags.n > 0)
		authorize(c, "kms:TagResource", S("*"), &x);
}
